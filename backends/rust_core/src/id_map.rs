//! A map from ids that remembers the order of first insertion.
//!
//! Nearly all of them are tiny (a node's triggers, one superstep's writes), so they are searched
//! in order; one that grows gets a table of places. Nothing is ever removed.

use crate::names::Id;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Up to this many entries are searched in order.
const SEARCHED: usize = 12;
/// A table of places may have this many rows for each entry: what it costs depends on the entries.
const ROWS: usize = 16;

#[derive(Debug, Clone)]
pub(crate) struct IdMap<I, T> {
    entries: SmallVec<[(I, T); 1]>,
    places: Places,
}

/// Where each id's entry is.
#[derive(Debug, Clone, Default)]
enum Places {
    /// So few entries that a search is as good.
    #[default]
    Searched,
    /// By the id's number: one more than the place, 0 for an id that isn't here.
    Dense(Vec<u32>),
    /// For numbers that are far apart.
    Sparse(Box<FxHashMap<u32, u32>>),
}

impl<I, T> Default for IdMap<I, T> {
    fn default() -> Self {
        IdMap {
            entries: SmallVec::new(),
            places: Places::Searched,
        }
    }
}

impl<I: Id, T> IdMap<I, T> {
    /// Makes room for so many more, at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.entries.reserve(more);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The place of an id in the order.
    #[inline]
    pub(crate) fn position(&self, id: I) -> Option<usize> {
        match &self.places {
            Places::Searched => self
                .entries
                .iter()
                .position(|(other, _)| other.index() == id.index()),
            Places::Dense(rows) => match rows.get(id.index()) {
                None | Some(0) => None,
                Some(place) => Some(*place as usize - 1),
            },
            Places::Sparse(map) => map.get(&number(id)).map(|place| *place as usize),
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: I) -> Option<&T> {
        self.position(id).map(|at| &self.entries[at].1)
    }

    /// Sets a value; an id already here keeps its place.
    #[inline]
    pub(crate) fn set(&mut self, id: I, value: T) {
        match self.position(id) {
            Some(at) => self.entries[at].1 = value,
            None => self.push(id, value),
        }
    }

    pub(crate) fn get_or_insert_with(&mut self, id: I, make: impl FnOnce() -> T) -> &mut T {
        let at = self.place_or_insert_with(id, make);
        &mut self.entries[at].1
    }

    /// The place of an id in the order, from now on.
    #[inline]
    pub(crate) fn place_or_insert_with(&mut self, id: I, make: impl FnOnce() -> T) -> usize {
        self.position(id).unwrap_or_else(|| {
            self.push(id, make());
            self.entries.len() - 1
        })
    }

    fn push(&mut self, id: I, value: T) {
        self.entries.push((id, value));
        let count = self.entries.len();
        match &mut self.places {
            Places::Searched if count <= SEARCHED => {}
            Places::Dense(rows) if id.index() < rows.len().max(count * ROWS) => {
                if rows.len() <= id.index() {
                    rows.resize(id.index() + 1, 0);
                }
                rows[id.index()] = place(count);
            }
            // A table may be in order now that there are twice as many.
            Places::Sparse(map) if !count.is_power_of_two() => {
                map.insert(number(id), place(count - 1));
            }
            _ => self.places = Places::of(&self.entries),
        }
    }

    /// In the order of first insertion.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (I, T)> {
        self.entries.iter()
    }

    /// The entry at a place in the order, if there are so many.
    pub(crate) fn entry_mut(&mut self, at: usize) -> Option<&mut (I, T)> {
        self.entries.get_mut(at)
    }

    /// The value at a place that is taken.
    #[inline]
    pub(crate) fn at(&self, place: usize) -> &T {
        &self.entries[place].1
    }

    /// The value at a place that is taken.
    #[inline]
    pub(crate) fn at_mut(&mut self, place: usize) -> &mut T {
        &mut self.entries[place].1
    }
}

impl Places {
    fn of<I: Id, T>(entries: &[(I, T)]) -> Self {
        let ids = || entries.iter().map(|(id, _)| *id).enumerate();
        let rows = ids().map(|(_, id)| id.index() + 1).max().unwrap_or(0);
        if rows > entries.len() * ROWS {
            let places = ids().map(|(at, id)| (number(id), place(at)));
            return Places::Sparse(Box::new(places.collect()));
        }
        let mut table = vec![0; rows];
        for (at, id) in ids() {
            table[id.index()] = place(at + 1);
        }
        Places::Dense(table)
    }
}

fn number<I: Id>(id: I) -> u32 {
    place(id.index())
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("a graph has fewer than 2^32 channels, and nodes")
}

impl<I, T> IntoIterator for IdMap<I, T> {
    type Item = (I, T);
    type IntoIter = smallvec::IntoIter<[(I, T); 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{IdMap, Places};
    use crate::names::NodeId;

    #[test]
    fn order_is_of_first_insertion_however_large() {
        let mut map = IdMap::default();
        for number in (0..40).rev() {
            map.set(NodeId(number), number);
        }
        map.set(NodeId(39), 100);
        let ids: Vec<u32> = map.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, (0..40).rev().collect::<Vec<_>>());
        assert_eq!(map.get(NodeId(39)), Some(&100));
        assert_eq!(map.get(NodeId(3)), Some(&3));
        assert_eq!(map.get(NodeId(40)), None);
        assert_eq!(*map.get_or_insert_with(NodeId(41), || 7), 7);
        assert_eq!(map.iter().len(), 41);
    }

    #[test]
    fn a_table_is_never_much_larger_than_what_is_in_it() {
        let mut map = IdMap::default();
        let far = 1_000_000;
        for number in (0..20).chain([far]) {
            map.set(NodeId(number), number);
        }
        assert!(matches!(map.places, Places::Sparse(_)));
        for number in 20..70_000 {
            map.set(NodeId(number), number);
        }
        assert!(matches!(map.places, Places::Dense(_)));
        for number in [0, 19, 20, 69_999, far] {
            assert_eq!(map.get(NodeId(number)), Some(&number));
        }
        assert_eq!(map.get(NodeId(70_000)), None);
        assert_eq!(map.get(NodeId(far + 1)), None);
    }
}

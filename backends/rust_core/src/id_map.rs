//! A map from ids that remembers the order of first insertion.
//!
//! Nearly all of them are tiny (a node's triggers, one superstep's writes), so they are searched
//! in order; one that grows gets an index. Nothing is ever removed.

use crate::names::Id;
use rustc_hash::FxHashMap;

/// Past this many entries a search goes through the index.
const SEARCHED: usize = 12;

#[derive(Debug, Clone)]
pub(crate) struct IdMap<I, T> {
    entries: Vec<(I, T)>,
    index: Option<Box<FxHashMap<usize, usize>>>,
}

impl<I, T> Default for IdMap<I, T> {
    fn default() -> Self {
        IdMap {
            entries: Vec::new(),
            index: None,
        }
    }
}

impl<I: Id, T> IdMap<I, T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, id: I) -> Option<usize> {
        match &self.index {
            None => self
                .entries
                .iter()
                .position(|(other, _)| other.index() == id.index()),
            Some(index) => index.get(&id.index()).copied(),
        }
    }

    pub(crate) fn get(&self, id: I) -> Option<&T> {
        self.position(id).map(|at| &self.entries[at].1)
    }

    /// Sets a value; an id already here keeps its place.
    pub(crate) fn set(&mut self, id: I, value: T) {
        match self.position(id) {
            Some(at) => self.entries[at].1 = value,
            None => self.push(id, value),
        }
    }

    pub(crate) fn get_or_insert_with(&mut self, id: I, make: impl FnOnce() -> T) -> &mut T {
        let at = self.position(id).unwrap_or_else(|| {
            self.push(id, make());
            self.entries.len() - 1
        });
        &mut self.entries[at].1
    }

    fn push(&mut self, id: I, value: T) {
        let at = self.entries.len();
        self.entries.push((id, value));
        if let Some(index) = &mut self.index {
            index.insert(id.index(), at);
        } else if self.entries.len() > SEARCHED {
            let index = self
                .entries
                .iter()
                .enumerate()
                .map(|(at, (id, _))| (id.index(), at));
            self.index = Some(Box::new(index.collect()));
        }
    }

    /// In the order of first insertion.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (I, T)> {
        self.entries.iter()
    }

    /// The entry at a place in the order.
    pub(crate) fn at_mut(&mut self, at: usize) -> Option<&mut (I, T)> {
        self.entries.get_mut(at)
    }
}

impl<I, T> IntoIterator for IdMap<I, T> {
    type Item = (I, T);
    type IntoIter = std::vec::IntoIter<(I, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::IdMap;
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
}

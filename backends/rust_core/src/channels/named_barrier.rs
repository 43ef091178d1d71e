//! Opens when every name has arrived.

use super::{Change, Label, Refused, Saved, State, Writes};
use crate::error::ErrorKind;
use smallvec::SmallVec;

const BITS: usize = u64::BITS as usize;

/// The names a barrier waits for, sorted.
#[derive(Debug)]
pub(crate) struct Names(Box<[Box<str>]>);

impl Names {
    pub(crate) fn of(names: Vec<String>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Names(names.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let at = self.0.binary_search_by(|other| (**other).cmp(name)).ok()?;
        Some(u32::try_from(at).expect("a barrier has fewer than 2^32 names"))
    }
}

/// The names that have arrived: a bit for each awaited, and text for those of an older graph.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived {
    bits: SmallVec<[u64; 1]>,
    count: usize,
    strangers: Vec<String>,
    /// Whether everything else has finished; only `named_barrier_after_finish` looks at it.
    pub(crate) finished: bool,
}

impl Arrived {
    /// Notes a name; says whether it is new.
    fn add(&mut self, index: u32) -> bool {
        let (word, bit) = (index as usize / BITS, 1 << (index as usize % BITS));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += usize::from(new);
        new
    }

    fn has(&self, index: usize) -> bool {
        self.bits
            .get(index / BITS)
            .is_some_and(|word| word & (1 << (index % BITS)) != 0)
    }

    pub(super) fn finished(&self) -> Self {
        Arrived {
            finished: true,
            ..self.clone()
        }
    }

    /// Whether exactly the awaited names have arrived.
    pub(crate) fn all(&self, names: &Names) -> bool {
        self.count == names.0.len() && self.strangers.is_empty()
    }
}

/// The state before the first arrival. A barrier that awaits nobody is open from the start, so it
/// has one; any other has none.
pub(crate) fn initial<V>(names: &Names) -> Option<State<V>> {
    names.is_empty().then(|| State::Arrived(Box::default()))
}

pub(crate) fn update<V>(
    names: &Names,
    state: Option<&State<V>>,
    writes: Writes<V>,
) -> Result<Change<V>, Refused<V>> {
    debug_assert!(
        writes
            .iter()
            .all(|w| !matches!(w.label, Label::Index(i) if i as usize >= names.0.len()))
    );
    let mut arrived = match state {
        Some(State::Arrived(arrived)) => arrived.clone(),
        _ => Box::default(),
    };
    let mut changed = false;
    for written in writes {
        match written.label {
            Label::Index(index) => changed |= arrived.add(index),
            Label::None | Label::Stranger => {
                return Err(Refused {
                    kind: ErrorKind::BarrierName,
                    value: Some(written.value),
                });
            }
        }
    }
    Ok(if changed {
        Change::To(State::Arrived(arrived))
    } else {
        Change::Same
    })
}

/// Notes one of the barrier's names; says whether it is new.
pub(crate) fn arrive<V>(state: &mut Option<State<V>>, index: u32) -> bool {
    if let Some(State::Arrived(arrived)) = state {
        return arrived.add(index);
    }
    let mut arrived = Box::<Arrived>::default();
    arrived.add(index);
    *state = Some(State::Arrived(arrived));
    true
}

pub(crate) fn available<V>(names: &Names, state: &State<V>) -> bool {
    matches!(state, State::Arrived(arrived) if arrived.all(names))
}

pub(crate) fn save<V>(names: &Names, state: Option<&State<V>>) -> Saved<V> {
    Saved::Names(arrived_names(names, state))
}

pub(super) fn arrived_names<V>(names: &Names, state: Option<&State<V>>) -> Vec<String> {
    let Some(State::Arrived(arrived)) = state else {
        return Vec::new();
    };
    let here = names
        .0
        .iter()
        .enumerate()
        .filter(|(index, _)| arrived.has(*index));
    let known = here.map(|(_, name)| name.to_string());
    known.chain(arrived.strangers.iter().cloned()).collect()
}

pub(crate) fn load<V>(names: &Names, saved: Vec<String>, finished: bool) -> Option<State<V>> {
    if saved.is_empty() && !finished {
        return initial(names);
    }
    let mut arrived = Box::new(Arrived {
        finished,
        ..Arrived::default()
    });
    for name in saved {
        match names.find(&name) {
            Some(index) => {
                arrived.add(index);
            }
            None => arrived.strangers.push(name),
        }
    }
    Some(State::Arrived(arrived))
}

#[cfg(test)]
mod tests {
    use super::{Arrived, Names, arrived_names, available, load, update};
    use crate::channels::{Change, Label, State, Writes, Written};

    fn names(count: usize) -> Names {
        Names::of((0..count).map(|index| format!("n{index:03}")).collect())
    }

    fn arrivals(indexes: impl Iterator<Item = u32>) -> Writes<u32> {
        indexes
            .map(|value| Written {
                value,
                label: Label::Index(value),
            })
            .collect()
    }

    #[test]
    fn more_names_than_bits_in_a_word() {
        let names = names(130);
        let Ok(Change::To(state)) = update(&names, None, arrivals(0..129)) else {
            panic!("names arrived");
        };
        assert!(!available(&names, &state));
        let Ok(Change::To(state)) = update(&names, Some(&state), arrivals(129..130)) else {
            panic!("a name arrived");
        };
        assert!(available(&names, &state));
        assert_eq!(arrived_names(&names, Some(&state)).len(), 130);
    }

    #[test]
    fn a_name_that_is_already_there_changes_nothing() {
        let names = names(2);
        let state: Option<State<u32>> = load(&names, vec!["n001".into()], false);
        assert!(matches!(
            update(&names, state.as_ref(), arrivals(1..2)),
            Ok(Change::Same)
        ));
    }

    #[test]
    fn a_name_of_an_older_graph_is_kept_and_holds_the_barrier() {
        let names = names(1);
        let saved = vec!["n000".to_string(), "old".to_string()];
        let state: Option<State<u32>> = load(&names, saved.clone(), false);
        assert_eq!(arrived_names(&names, state.as_ref()), saved);
        assert!(!state.is_some_and(|state| available(&names, &state)));
    }

    #[test]
    fn nobody_awaited_is_open_from_the_start() {
        let state: Option<State<u32>> = load(&names(0), vec![], false);
        assert!(state.is_some_and(|state| available(&names(0), &state)));
        assert!(Arrived::default().all(&names(0)));
    }
}

//! Collects values; a plain one for a single superstep, an accumulating one for good.
//!
//! The host spreads a written list into its items, so a write may bring several values, or none.

use super::{Change, Saved, State, Writes, Written, forgotten};

/// What distinguishes one topic from another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) accumulate: bool,
}

pub(crate) fn update<V>(rules: Rules, state: Option<&State<V>>, writes: Writes<V>) -> Change<V> {
    collect(rules, state, writes, |writes| of(writes.into_iter()))
}

/// The state made of these writes.
pub(crate) fn of<V>(writes: impl Iterator<Item = Written<V>>) -> State<V> {
    State::Items(writes.map(|written| written.value).collect())
}

/// What topics of values and topics of packets have in common.
pub(super) fn collect<V>(
    rules: Rules,
    state: Option<&State<V>>,
    writes: Writes<V>,
    items: impl FnOnce(Writes<V>) -> State<V>,
) -> Change<V> {
    match (writes.is_empty(), rules.accumulate) {
        (true, true) => Change::Same,
        (true, false) => forgotten(state),
        (false, true) if state.is_some() => Change::More(items(writes)),
        (false, _) => Change::To(items(writes)),
    }
}

pub(crate) fn save<V: Clone>(state: Option<&State<V>>) -> Saved<V> {
    match state {
        Some(State::Items(items)) => Saved::Items(items.to_vec()),
        _ => Saved::Items(Vec::new()),
    }
}

pub(crate) fn load<V>(items: Vec<V>) -> Option<State<V>> {
    (!items.is_empty()).then(|| State::Items(items.into()))
}

#[cfg(test)]
mod tests {
    use super::{Rules, load, update};
    use crate::channels::{Change, Label, State, Writes, Written};

    fn writes(values: &str) -> Writes<char> {
        values
            .chars()
            .map(|value| Written {
                value,
                label: Label::None,
            })
            .collect()
    }

    #[test]
    fn a_plain_topic_forgets_and_an_accumulating_one_adds() {
        let plain = Rules { accumulate: false };
        let keeps = Rules { accumulate: true };
        let state = load(vec!['a']);
        assert!(matches!(
            update(plain, state.as_ref(), writes("")),
            Change::Emptied
        ));
        assert!(matches!(update(plain, None, writes("")), Change::Same));
        assert!(matches!(
            update(keeps, state.as_ref(), writes("")),
            Change::Same
        ));
        let Change::More(State::Items(added)) = update(keeps, state.as_ref(), writes("bc")) else {
            panic!("values were added");
        };
        assert_eq!(added.as_slice(), ['b', 'c']);
        let Change::To(State::Items(only)) = update(plain, state.as_ref(), writes("bc")) else {
            panic!("values were replaced");
        };
        assert_eq!(only.as_slice(), ['b', 'c']);
    }
}

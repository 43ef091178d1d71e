//! Holds the last value, and shows it only once nothing else is left to run.

use super::{Change, State, Writes, last};

pub(crate) fn update<V>(writes: Writes<V>) -> Change<V> {
    match last(writes) {
        Some(value) => Change::To(State::Finishing(value, false)),
        None => Change::Same,
    }
}

pub(crate) fn finish<V: Clone>(state: Option<&State<V>>) -> Change<V> {
    match state {
        Some(State::Finishing(value, false)) => Change::To(State::Finishing(value.clone(), true)),
        _ => Change::Same,
    }
}

/// Shows the value; says whether it was hidden.
pub(crate) fn open<V>(state: &mut State<V>) -> bool {
    match state {
        State::Finishing(_, finished) => !std::mem::replace(finished, true),
        _ => false,
    }
}

pub(crate) fn available<V>(state: &State<V>) -> bool {
    matches!(state, State::Finishing(_, true))
}

#[cfg(test)]
mod tests {
    use super::{available, finish, update};
    use crate::channels::{Change, State};

    #[test]
    fn a_value_shows_once_finished_and_a_new_one_hides_again() {
        let Change::To(state) = finish(Some(&State::Finishing('a', false))) else {
            panic!("finishing is a change");
        };
        assert!(available(&state));
        assert!(matches!(finish(Some(&state)), Change::Same));
        let writes = std::iter::once(crate::channels::Written {
            value: 'b',
            label: crate::channels::Label::None,
        });
        let Change::To(state) = update(writes.collect()) else {
            panic!("a write is a change");
        };
        assert!(!available(&state));
    }
}

//! A barrier that opens only once nothing else is left to run.

use super::named_barrier::{Names, arrived_names};
use super::{Change, Saved, State};

pub(crate) fn finish<V>(names: &Names, state: Option<&State<V>>) -> Change<V> {
    match state {
        Some(State::Arrived(arrived)) if arrived.all(names) && !arrived.finished => {
            Change::To(State::Arrived(Box::new(arrived.finished())))
        }
        _ => Change::Same,
    }
}

/// Opens the barrier if every name has arrived; says whether it was closed.
pub(crate) fn open<V>(names: &Names, state: &mut State<V>) -> bool {
    match state {
        State::Arrived(arrived) if arrived.all(names) => {
            !std::mem::replace(&mut arrived.finished, true)
        }
        _ => false,
    }
}

pub(crate) fn available<V>(names: &Names, state: &State<V>) -> bool {
    matches!(state, State::Arrived(arrived) if arrived.finished && arrived.all(names))
}

pub(crate) fn save<V>(names: &Names, state: Option<&State<V>>) -> Saved<V> {
    let finished = matches!(state, Some(State::Arrived(arrived)) if arrived.finished);
    Saved::NamesFinished(arrived_names(names, state), finished)
}

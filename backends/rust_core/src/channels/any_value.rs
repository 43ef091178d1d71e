//! Holds the last of several (assumed equal) values, for one superstep.

use super::{Change, State, Writes, forgotten, last};

pub(crate) fn update<V>(state: Option<&State<V>>, writes: Writes<V>) -> Change<V> {
    match last(writes) {
        Some(value) => Change::To(State::Value(value)),
        None => forgotten(state),
    }
}

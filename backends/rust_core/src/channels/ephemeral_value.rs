//! Holds a value for one superstep.

use super::{Change, Refused, State, Writes, forgotten, last, only};
use crate::error::ErrorKind;

pub(crate) fn update<V>(
    guard: bool,
    state: Option<&State<V>>,
    writes: Writes<V>,
) -> Result<Change<V>, Refused<V>> {
    let value = if guard {
        only(ErrorKind::EphemeralValueMany, writes)?
    } else {
        last(writes)
    };
    Ok(match value {
        Some(value) => Change::To(State::Value(value)),
        None => forgotten(state),
    })
}

//! Holds a value that is never put into a checkpoint.

use super::{Change, Refused, State, Writes, last, only};
use crate::error::ErrorKind;

pub(crate) fn update<V>(guard: bool, writes: Writes<V>) -> Result<Change<V>, Refused<V>> {
    let value = if guard {
        only(ErrorKind::UntrackedValueMany, writes)?
    } else {
        last(writes)
    };
    Ok(match value {
        Some(value) => Change::To(State::Value(value)),
        None => Change::Same,
    })
}

//! Holds the last value; one write a superstep.

use super::{Change, Refused, State, Writes, only};
use crate::error::ErrorKind;

pub(crate) fn update<V>(writes: Writes<V>) -> Result<Change<V>, Refused<V>> {
    Ok(match only(ErrorKind::LastValueMany, writes)? {
        Some(value) => Change::To(State::Value(value)),
        None => Change::Same,
    })
}

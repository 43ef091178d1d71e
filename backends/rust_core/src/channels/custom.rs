//! A channel of the host's own: the state is the live object, and its methods change it.
//!
//! What the object was told can't be taken back, so a commit copies it first and falls back to the
//! copy if it fails.

use super::{Update, Writes};

pub(crate) fn update<V>(writes: Writes<V>) -> Update<V> {
    Update::Custom(writes.into_iter().map(|written| written.value).collect())
}

//! Folds every write into its value with the host's reducer.
//!
//! The state is the folded value. The reducer is the user's, so the host runs it.

use super::{Change, Update, Writes};

pub(crate) fn update<V>(writes: Writes<V>) -> Update<V> {
    if writes.is_empty() {
        return Update::Change(Change::Same);
    }
    Update::Fold(writes.into_iter().map(|written| written.value).collect())
}

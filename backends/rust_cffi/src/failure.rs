//! Errors and panics become a status and, where the host wants one, an `lge_error`.

use crate::host::{Host, Value};
use crate::message::{Reply, lge_message};
use crate::{LGE_FAILED, LGE_REFUSED};
use lge_core::commit::Refusal;
use lge_core::error::{Error, ErrorKind};
use lge_core::panics;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What messages call this engine.
pub(crate) const ENGINE: &str = "cffi";

/// The graph's description contradicts itself.
pub const LGE_ERROR_BAD_GRAPH: u16 = 1;
/// A channel that holds one value was written more than once in a superstep.
pub const LGE_ERROR_LAST_VALUE_MANY: u16 = 2;
/// A guarded ephemeral channel was written more than once in a superstep.
pub const LGE_ERROR_EPHEMERAL_VALUE_MANY: u16 = 3;
/// A guarded untracked channel was written more than once in a superstep.
pub const LGE_ERROR_UNTRACKED_VALUE_MANY: u16 = 4;
/// A barrier was sent a name that isn't one of its own.
pub const LGE_ERROR_BARRIER_NAME: u16 = 5;
/// A name that is no channel of the graph was read.
pub const LGE_ERROR_UNKNOWN_CHANNEL: u16 = 6;
/// A checkpoint id is not hexadecimal.
pub const LGE_ERROR_BAD_CHECKPOINT_ID: u16 = 7;
/// Versions of different types met in one run.
pub const LGE_ERROR_MIXED_VERSIONS: u16 = 8;
/// A commit left the version to the engine, but the run's versions are not numbers.
pub const LGE_ERROR_VERSION_NEEDED: u16 = 9;
/// A checkpoint doesn't have the shape its graph's channels save. A message that says so is refused
/// with `LGE_ERROR_BAD_MESSAGE`, so no call of this version fails with it.
pub const LGE_ERROR_BAD_CHECKPOINT: u16 = 10;
/// A call would change a run in the middle of its own commit.
pub const LGE_ERROR_COMMIT_UNDER_WAY: u16 = 11;
/// The host answered a question nobody asked, or with the wrong sort of answer.
pub const LGE_ERROR_WRONG_ANSWER: u16 = 12;
/// The library itself broke; the run it happened in is lost.
pub const LGE_ERROR_PANIC: u16 = 13;
/// A run can't take this call yet.
pub const LGE_ERROR_RUN_BUSY: u16 = 14;
/// A version is neither a number nor text, or larger than the engine counts. As for
/// `LGE_ERROR_BAD_CHECKPOINT`.
pub const LGE_ERROR_BAD_VERSION: u16 = 15;
/// A message, or another argument of a call, is not what the call takes.
pub const LGE_ERROR_BAD_MESSAGE: u16 = 16;
/// A program, run or message that isn't there: never made, of another sort, or freed.
pub const LGE_ERROR_STALE_HANDLE: u16 = 17;
/// A program or run was used in a process forked after it was made.
pub const LGE_ERROR_USED_AFTER_FORK: u16 = 18;

/// What went wrong in a call that returned `LGE_FAILED` or `LGE_REFUSED`. The host frees it with `lge_error_free`.
#[repr(C)]
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "C's name for it")]
pub struct lge_error {
    /// Why: one of the `LGE_ERROR_` constants.
    pub kind: u16,
    /// Whether `value` means anything.
    pub has_value: bool,
    /// For `LGE_ERROR_BARRIER_NAME`, what was written. The library's until the error is freed.
    pub value: u64,
    /// One sentence in UTF-8 for a person: what happened, to what, and what to do. Never NULL.
    pub message: *const u8,
    /// Its length in bytes.
    pub message_length: usize,
    /// The channel concerned, in UTF-8; NULL if there is none.
    pub channel: *const u8,
    /// Its length in bytes.
    pub channel_length: usize,
    /// What the library knows it by; 0 for an error that isn't there.
    pub id: u64,
}

/// Why a call failed, with the value concerned.
pub(crate) struct Failure {
    error: Error,
    value: Option<Value>,
    /// The host whose values the call took; none if it was refused before it took any.
    host: Option<Arc<Host>>,
}

/// Before a call has taken its message's handles, an error refuses it.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure {
            error,
            value: None,
            host: None,
        }
    }
}

impl From<Refusal<Value>> for Failure {
    fn from(refusal: Refusal<Value>) -> Self {
        Failure::of(refusal.error, refusal.value)
    }
}

impl Failure {
    pub(crate) fn of(error: Error, value: Option<Value>) -> Self {
        Failure {
            error,
            value,
            host: None,
        }
    }

    /// The call had taken its message's handles when it failed.
    pub(crate) fn after_taking(mut self, host: &Arc<Host>) -> Self {
        self.host = Some(Arc::clone(host));
        self
    }

    /// Keeps the texts and says where they are.
    fn hand_out(self) -> Result<lge_error, Error> {
        let Error {
            kind,
            message,
            context,
        } = self.error;
        let mut kept = Reply::default();
        let value = self.value.as_ref().map(Value::handle);
        let channel = context.channel.unwrap_or_default();
        let split = message.len();
        kept.raw(message.as_bytes());
        kept.raw(channel.as_bytes());
        if let Some(value) = self.value {
            kept.keep(value);
        }
        let lge_message { data, id, .. } = kept.hand_out(self.host.as_ref())?;
        Ok(lge_error {
            kind: kind.code(),
            has_value: value.is_some(),
            value: value.unwrap_or_default(),
            message: data,
            message_length: split,
            channel: if channel.is_empty() {
                std::ptr::null()
            } else {
                data.wrapping_add(split)
            },
            channel_length: channel.len(),
            id,
        })
    }
}

/// The error for an argument that is NULL.
pub(crate) fn is_null(argument: &str) -> Error {
    let message = format!("'{argument}' is NULL; the call needs it");
    Error::new(ErrorKind::BadMessage, message)
}

/// Runs the body of an exported function: whatever goes wrong in it becomes a status.
///
/// # Safety
/// `error` is NULL or points to memory for an `lge_error`.
pub(crate) unsafe fn guard(
    error: *mut lge_error,
    body: impl FnOnce() -> Result<i32, Failure>,
) -> i32 {
    // Whatever a panic left half-done is either dropped here or refused from now on.
    let (status, failure) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => return status,
        Ok(Err(failure)) if failure.host.is_none() => (LGE_REFUSED, failure),
        Ok(Err(failure)) => (LGE_FAILED, failure),
        Err(payload) => (LGE_FAILED, panics::caught(ENGINE, &*payload).into()),
    };
    if !error.is_null() {
        let handed_out = failure.hand_out().unwrap_or(NO_ROOM);
        // SAFETY: the caller vouches for the pointer; what is there is not read or dropped.
        unsafe { error.write(handed_out) };
    }
    status
}

const FULL: &str = "there are too many messages and errors; free those no longer needed";

/// The error when there is no room to keep one.
const NO_ROOM: lge_error = lge_error {
    kind: ErrorKind::StaleHandle.code(),
    message: FULL.as_ptr(),
    message_length: FULL.len(),
    ..NO_ERROR
};

/// What is left of an error that was freed.
pub(crate) const NO_ERROR: lge_error = lge_error {
    kind: 0,
    has_value: false,
    value: 0,
    message: std::ptr::null(),
    message_length: 0,
    channel: std::ptr::null(),
    channel_length: 0,
    id: 0,
};

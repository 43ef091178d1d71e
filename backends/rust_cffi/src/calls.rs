//! The exported calls of a run: each finds the run, makes the call, hands out its reply and gives back what
//! the host's values are no longer needed for.

use crate::failure::{Failure, guard, is_null, lge_error};
use crate::handles::handles;
use crate::host::{Host, lge_host};
use crate::message::{lge_answer, lge_message};
use crate::run::{Outcome, Run};
use crate::{LGE_ASK, LGE_DONE, bytes, fill, lge_program, lge_run};
use lge_core::error::Error;
use std::sync::Arc;

/// As much of a room is used at most, so that a length is a number of `i32`.
const MOST_ROOM: usize = 1 << 30;

/// Starts a run from a checkpoint, or from nothing: message `restore`. On success `run` is the host's,
/// to free with `lge_run_free`. With `LGE_ASK`, `reply` is an array of questions; all are answered at
/// once with `lge_run_answer`, and until then the run takes no other call.
///
/// `host` is copied; what its context points to must outlive the run and every message and error of
/// it. `error` may be NULL, nothing else. Refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK`, `LGE_ERROR_BAD_MESSAGE`; fails with `LGE_ERROR_MIXED_VERSIONS`. Any
/// thread. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_restore(
    program: lge_program,
    host: *const lge_host,
    message: *const u8,
    length: usize,
    run: *mut lge_run,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    let body = || {
        // SAFETY: the caller vouches for `host`, `message`, `run` and `reply`.
        unsafe {
            let message = bytes(message, length)?;
            let program = handles().programs.find(program)?;
            if run.is_null() || host.is_null() || reply.is_null() {
                return Err(is_null("host, run or reply").into());
            }
            // If no run comes of it, the host goes at the end of this, and gives back what it took.
            let host = Host::of(*host);
            let (started, outcome) = Run::restore(program, Arc::clone(&host), message)?;
            let keep = || {
                let status = reply_with(reply, outcome, &host)?;
                run.write(handles().runs.keep(Arc::new(started))?);
                Ok(status)
            };
            let kept = keep().map_err(|error: Error| Failure::from(error).after_taking(&host));
            host.give_back();
            kept
        }
    };
    // SAFETY: the caller vouches for `error`.
    unsafe { guard(error, body) }
}

/// Says which tasks make up the next superstep: message `plan`. With `LGE_ASK` the same call is made
/// again, with the answer added to those its message ends with. Changes nothing.
///
/// Fails with `LGE_ERROR_BAD_CHECKPOINT_ID`, `LGE_ERROR_MIXED_VERSIONS`, `LGE_ERROR_WRONG_ANSWER`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_plan(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::plan) }
}

/// Makes the id and the namespace of a task that a running task asks for: message `push`. Changes
/// nothing.
///
/// Fails with `LGE_ERROR_BAD_CHECKPOINT_ID`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_push(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::push) }
}

/// Applies one superstep's writes and says which channels changed: message `commit`. With `LGE_ASK` the
/// host goes on with `lge_run_answer`, or gives up with `lge_run_abort`. The message may name the superstep
/// that comes next: then the reply has its plan, unless planning it takes a question or fails. It may say that the
/// host takes more: then the reply of `LGE_ASK` is an array of questions, and the result has the highest version.
///
/// Fails, and leaves the run as it was, with `LGE_ERROR_LAST_VALUE_MANY`,
/// `LGE_ERROR_EPHEMERAL_VALUE_MANY`, `LGE_ERROR_UNTRACKED_VALUE_MANY`, `LGE_ERROR_BARRIER_NAME`,
/// `LGE_ERROR_MIXED_VERSIONS`, `LGE_ERROR_VERSION_NEEDED`, `LGE_ERROR_COMMIT_UNDER_WAY`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_commit(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::commit) }
}

/// As `lge_run_commit`, with less to do about a result of few bytes: one that fits `room` of `answer` is
/// written there, and the number of its bytes, two at least, is what the call returns; `message` of `answer` is
/// left alone. The handles in it are good until the run's next commit, or its end. Anything else is handed out as
/// `message` of `answer`, which the host frees, with the status `lge_run_commit` has.
///
/// `answer` is not NULL, and its `room` may be. Fails and is refused as `lge_run_commit`. Any thread; calls
/// of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes, and `room` of `answer` is
/// NULL or points to `size` bytes, which nobody else uses meanwhile.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_commit_into(
    run: lge_run,
    message: *const u8,
    length: usize,
    answer: *mut lge_answer,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for `message`.
    let call = |run: &Run| run.commit(unsafe { bytes(message, length)? });
    let deliver = |run: &Run, outcome: Outcome, host: &Arc<Host>| {
        // SAFETY: the caller vouches for `answer`, which was found not to be NULL, and its room.
        let (room, size) = unsafe { ((*answer).room, (*answer).size) };
        let outcome = match outcome {
            Outcome::Done(reply) if !room.is_null() && reply.length() <= size.min(MOST_ROOM) => {
                // SAFETY: as above.
                let written = unsafe { reply.write_to(room, run) };
                return Ok(written);
            }
            other => other,
        };
        // SAFETY: as above.
        unsafe { reply_with(&raw mut (*answer).message, outcome, host) }
    };
    // SAFETY: the caller vouches for `error`.
    unsafe { settle(run, answer.is_null(), error, call, deliver) }
}

/// Answers the questions of a restore, all in one array, or the last question of a commit, or in an array all of
/// those it asked together: message `answer`. Replies as the call it goes on with.
///
/// Fails as that call does, and with `LGE_ERROR_WRONG_ANSWER`; a commit is given up then.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_answer(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::answer) }
}

/// Reads channels, if the message says so as if one task's writes had been committed: message `read`.
/// With `LGE_ASK` the same call is made again, with the answer added. Changes nothing.
///
/// Fails with `LGE_ERROR_UNKNOWN_CHANNEL`, `LGE_ERROR_WRONG_ANSWER`, and as a commit of the writes would.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_read(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::read) }
}

/// Gives one channel's checkpoint value, and an untracked one's too: message `state`. Changes nothing.
///
/// Fails with `LGE_ERROR_UNKNOWN_CHANNEL`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_state(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::state) }
}

/// Gives the run's state in the form of a `restore` message: message `checkpoint`. With `LGE_ASK` the
/// same call is made again, with the answer added. Task ids planned afterwards are those of the
/// present checkpoint format.
///
/// Fails with `LGE_ERROR_WRONG_ANSWER`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_checkpoint(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::checkpoint) }
}

/// Marks a node as having seen every channel of the graph at its present version: message `see`.
///
/// Fails with `LGE_ERROR_COMMIT_UNDER_WAY`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_see(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::see) }
}

/// Says whether any channel is newer than a node has seen: message `unseen`. Changes nothing.
///
/// Fails with `LGE_ERROR_MIXED_VERSIONS`.
///
/// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
/// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
/// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
/// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
/// calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_unseen(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { tell(run, message, length, reply, error, Run::unseen) }
}

/// Gives the highest channel version, or nil if no channel was ever written. Changes nothing.
///
/// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Fails as every
/// call of a run does. Any thread; calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_max_version(
    run: lge_run,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { ask(run, reply, error, Run::max_version) }
}

/// Gives up the commit under way, if there is one: the run is as it was before it. Replies nil.
///
/// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Fails as every
/// call of a run does. Any thread; calls of one run wait for each other. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_abort(
    run: lge_run,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { ask(run, reply, error, Run::abort) }
}

/// Gives the handles that the host has back since it was last told, as an array: for a host without
/// `release`; with one it is empty. `lge_run_commit` says the same in its reply.
///
/// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Refused with
/// `LGE_ERROR_STALE_HANDLE` or `LGE_ERROR_USED_AFTER_FORK`. Any thread. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_run_released(
    run: lge_run,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { ask(run, reply, error, Run::released) }
}

/// Frees a run and gives back its values, but for those of messages and errors not freed yet. 0, or a
/// run that was freed, is left alone.
///
/// Cannot fail. Any thread, also while another one uses the run: that call ends as usual. Since
/// version 1.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub extern "C" fn lge_run_free(run: lge_run) {
    if let Ok(run) = handles().runs.remove(run) {
        let host = Arc::clone(&run.host);
        drop(run);
        host.give_back();
    }
}

/// A call of a run's that takes a message.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
unsafe fn tell(
    run: lge_run,
    message: *const u8,
    length: usize,
    reply: *mut lge_message,
    error: *mut lge_error,
    call: impl FnOnce(&Run, &[u8]) -> Result<Outcome, Failure>,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { ask(run, reply, error, |run| call(run, bytes(message, length)?)) }
}

/// A call of a run's.
///
/// # Safety
/// The pointers are NULL or point to memory of their type.
unsafe fn ask(
    run: lge_run,
    reply: *mut lge_message,
    error: *mut lge_error,
    call: impl FnOnce(&Run) -> Result<Outcome, Failure>,
) -> i32 {
    // SAFETY: the caller vouches for `reply`.
    let deliver = |_: &Run, outcome, host: &Arc<Host>| unsafe { reply_with(reply, outcome, host) };
    // SAFETY: the caller vouches for `error`.
    unsafe { settle(run, reply.is_null(), error, call, deliver) }
}

/// A call of a run's, and what is done with its outcome.
///
/// # Safety
/// `error` is NULL or points to memory of its type.
unsafe fn settle(
    run: lge_run,
    nowhere: bool,
    error: *mut lge_error,
    call: impl FnOnce(&Run) -> Result<Outcome, Failure>,
    deliver: impl FnOnce(&Run, Outcome, &Arc<Host>) -> Result<i32, Error>,
) -> i32 {
    let mut host = None;
    let body = || {
        let run = handles().runs.find(run)?;
        if nowhere {
            return Err(is_null("reply").into());
        }
        let host = host.insert(Arc::clone(&run.host));
        let outcome = call(&run)?;
        deliver(&run, outcome, host).map_err(|error| Failure::from(error).after_taking(host))
    };
    // SAFETY: the caller vouches for `error`.
    let status = unsafe { guard(error, body) };
    // Whatever came of the call, nothing is locked now. Another thread may have freed the run meanwhile.
    if let Some(host) = host {
        host.give_back();
    }
    status
}

/// Hands a call's outcome to the host.
///
/// # Safety
/// `reply` is NULL or points to memory for an `lge_message`.
unsafe fn reply_with(
    reply: *mut lge_message,
    outcome: Outcome,
    host: &Arc<Host>,
) -> Result<i32, Error> {
    let (status, said) = match outcome {
        Outcome::Done(said) => (LGE_DONE, said),
        Outcome::Ask(said) => (LGE_ASK, said),
    };
    // SAFETY: the caller vouches for the pointer.
    unsafe { fill(reply, said, Some(host)) }?;
    Ok(status)
}

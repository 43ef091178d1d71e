//! The C ABI of langgraph_engine: the Rust core for any host that can call C.
//!
//! Everything exported is declared in `include/langgraph_engine.h`; the messages that pass are
//! described in `docs/wire-format.md` at the top of the repository. A host compiles a graph, starts a
//! run, and then plans, runs nodes of its own, commits what they wrote, and again:
//!
//! ```
//! use langgraph_engine::*;
//! use std::ptr::{null, null_mut};
//!
//! // One channel and no node: [[["x", "last_value", true, false, []]], [], []]
//! let graph = b"\x93\x91\x95\xa1x\xaalast_value\xc3\xc2\x90\x90\x90";
//! let (mut program, mut reply) = (0, lge_message { data: null(), length: 0, id: 0 });
//! unsafe {
//!     let (data, length) = (graph.as_ptr(), graph.len());
//!     let status = lge_program_compile(data, length, &mut program, &mut reply, null_mut());
//!     assert_eq!(status, LGE_DONE);
//!     lge_message_free(&mut reply);
//!     lge_program_free(program);
//! }
//! ```
//!
//! Conventions every function of this ABI keeps:
//!
//! * names start with `lge_`, constants with `LGE_`;
//! * text and bytes travel with a length, never NUL-terminated;
//! * whoever allocates frees, and freeing nothing (0, NULL, or twice) does nothing;
//! * no panic crosses the boundary: a function that can fail returns a status;
//! * programs, runs and messages are numbers: one that was freed, made up or taken through a `fork`
//!   is an error, never a crash.
//!
//! Reading order: this file, `handles` (numbers), `host` (the host's values), `reader` and `message`
//! (bytes), `program` and `run` (what is done), `writes`, `values`, `versions`, `questions` (what
//! passes), `failure` (errors and panics).

#![deny(unsafe_op_in_unsafe_fn)]
#![deny(improper_ctypes_definitions)]

mod failure;
mod handles;
mod host;
mod message;
mod program;
mod questions;
mod reader;
mod run;
mod spec;
mod values;
mod versions;
mod writes;

pub use failure::lge_error;
pub use host::{lge_handles_fn, lge_host};
pub use message::lge_message;

use failure::{Failure, NO_ERROR, guard, is_null};
use handles::handles;
use host::Host;
use lge_core::error::{Error, ErrorKind};
use lge_core::graph::ChannelKind;
use lge_core::program::PanicPoint;
use message::Reply;
use run::{Outcome, Run};
use std::sync::{Arc, Once};

/// The version of this ABI and of its messages. It is raised when a function or a message changes
/// meaning or goes away, not when one is added.
pub const LGE_ABI_VERSION: u32 = 1;

/// The call is done; its message is the result.
pub const LGE_DONE: i32 = 0;
/// The call needs the host; its message is the question.
pub const LGE_ASK: i32 = 1;
/// The call failed, and the error says why: nothing changed. The handles of its message were taken and
/// come back.
pub const LGE_FAILED: i32 = -1;
/// The call was refused before anything was done, and the error says why: it took no handles.
pub const LGE_REFUSED: i32 = -2;

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

/// A compiled graph. 0 is none.
#[expect(non_camel_case_types, reason = "C's name for it")]
pub type lge_program = u64;
/// One invocation of a program. 0 is none.
#[expect(non_camel_case_types, reason = "C's name for it")]
pub type lge_run = u64;

static REMEMBER_PANICS: Once = Once::new();

/// Returns the ABI version the library was built with. A host compares it with the
/// `LGE_ABI_VERSION` of the header it was built with, and calls nothing else if they differ.
///
/// It takes nothing, owns nothing, cannot fail, and may be called from any thread. Since version 1.
// SAFETY: no other symbol of this library has the name, and the prefix keeps it apart from others'.
#[unsafe(no_mangle)]
pub extern "C" fn lge_abi_version() -> u32 {
    LGE_ABI_VERSION
}

/// Says what the library can do: `{"abi", "core", "capabilities", "errors"}`, the last two arrays of
/// names and of `[number, name]`.
///
/// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Fails if `reply`
/// is NULL. Any thread. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_capabilities(reply: *mut lge_message, error: *mut lge_error) -> i32 {
    let body = || {
        let mut said = Reply::default();
        said.map(4);
        said.text("abi");
        said.index(LGE_ABI_VERSION as usize);
        said.text("core");
        said.text(env!("CARGO_PKG_VERSION"));
        said.text("capabilities");
        said.array(ChannelKind::NAMES.len());
        for kind in ChannelKind::NAMES {
            said.text(&format!("channel:{kind}"));
        }
        said.text("errors");
        said.array(ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            said.array(2);
            said.index(kind.code().into());
            said.text(kind.name());
        }
        // SAFETY: the caller vouches for `reply`.
        unsafe { fill(reply, said, None) }?;
        Ok(LGE_DONE)
    };
    // SAFETY: the caller vouches for `error`.
    unsafe { guard(error, body) }
}

/// Compiles a graph: message `compile`. On success `program` is the host's, to free with
/// `lge_program_free`; `reply` says how its channels' values are written and saved.
///
/// `message` is read during the call only. `error` may be NULL, nothing else. Fails with
/// `LGE_ERROR_BAD_GRAPH`, `LGE_ERROR_BAD_MESSAGE`. Any thread. Since version 1.
///
/// # Safety
/// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_program_compile(
    message: *const u8,
    length: usize,
    program: *mut lge_program,
    reply: *mut lge_message,
    error: *mut lge_error,
) -> i32 {
    let body = || {
        REMEMBER_PANICS.call_once(lge_core::panics::remember_where_panics_happen);
        // SAFETY: the caller vouches for `message`, `program` and `reply`.
        unsafe {
            let message = bytes(message, length)?;
            if program.is_null() {
                return Err(is_null("program").into());
            }
            let made = program::Program::compile(message)?;
            let mut described = Reply::default();
            made.describe(&mut described);
            fill(reply, described, None)?;
            program.write(handles().programs.keep(Arc::new(made))?);
        }
        Ok(LGE_DONE)
    };
    // SAFETY: the caller vouches for `error`.
    unsafe { guard(error, body) }
}

/// Frees a program. Runs of it go on. 0, or a program that was freed, is left alone.
///
/// Cannot fail. Any thread, also while another one uses the program. Since version 1.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub extern "C" fn lge_program_free(program: lge_program) {
    drop(handles().programs.remove(program));
}

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
/// host goes on with `lge_run_answer`, or gives up with `lge_run_abort`.
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

/// Answers the questions of a restore, all in one array, or the last question of a commit: message
/// `answer`. Replies as the call it goes on with.
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

/// Frees a message of the library's. NULL, or one that was freed, is left alone; its fields are zero
/// afterwards.
///
/// Cannot fail. Any thread, but one message by one thread. Since version 1.
///
/// # Safety
/// `message` is NULL or points to an `lge_message`.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_message_free(message: *mut lge_message) {
    // SAFETY: the caller vouches for the pointer.
    if let Some(message) = unsafe { message.as_mut() } {
        let freed = std::mem::replace(message, NO_MESSAGE);
        message::free(freed.id);
    }
}

/// Frees an error. NULL, or one that was freed, is left alone; its fields are zero afterwards.
///
/// Cannot fail. Any thread, but one error by one thread. Since version 1.
///
/// # Safety
/// `error` is NULL or points to an `lge_error`.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lge_error_free(error: *mut lge_error) {
    // SAFETY: the caller vouches for the pointer.
    if let Some(error) = unsafe { error.as_mut() } {
        let freed = std::mem::replace(error, NO_ERROR);
        message::free(freed.id);
    }
}

/// Makes a program's next restore (1), plan (2) or commit (3) panic, for a host's tests of what it
/// makes of that. Returns `LGE_DONE`, or `LGE_REFUSED` if there is no such program or point.
///
/// Any thread. Since version 1.
// SAFETY: as for `lge_abi_version`.
#[unsafe(no_mangle)]
pub extern "C" fn lge_test_panic(program: lge_program, point: u32) -> i32 {
    let point = match point {
        1 => PanicPoint::Restore,
        2 => PanicPoint::Plan,
        3 => PanicPoint::Commit,
        _ => return LGE_REFUSED,
    };
    let Ok(program) = handles().programs.find(program) else {
        return LGE_REFUSED;
    };
    program.core.inject_panic(point);
    LGE_DONE
}

const NO_MESSAGE: lge_message = lge_message {
    data: std::ptr::null(),
    length: 0,
    id: 0,
};

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
    let mut host = None;
    let body = || {
        let run = handles().runs.find(run)?;
        if reply.is_null() {
            return Err(is_null("reply").into());
        }
        let host = host.insert(Arc::clone(&run.host));
        let outcome = call(&run)?;
        // SAFETY: the caller vouches for `reply`.
        let replied = unsafe { reply_with(reply, outcome, host) };
        replied.map_err(|error| Failure::from(error).after_taking(host))
    };
    // SAFETY: the caller vouches for `error`.
    let status = unsafe { guard(error, body) };
    // Whatever came of the call, nothing is locked now. Another thread may have freed the run meanwhile.
    if let Some(host) = host {
        host.give_back();
    }
    status
}

/// The bytes of a message to the library.
///
/// # Safety
/// `message` is NULL or points to `length` bytes that stay as they are for the call.
unsafe fn bytes<'a>(message: *const u8, length: usize) -> Result<&'a [u8], Error> {
    if message.is_null() {
        return Err(is_null("message"));
    }
    if length > isize::MAX as usize {
        let message = format!("'length' is {length}; no message is that long");
        return Err(Error::new(ErrorKind::BadMessage, message));
    }
    // SAFETY: the caller vouches for the pointer and the length.
    Ok(unsafe { std::slice::from_raw_parts(message, length) })
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

/// Fills a message for the host.
///
/// # Safety
/// `reply` is NULL or points to memory for an `lge_message`.
unsafe fn fill(
    reply: *mut lge_message,
    said: Reply,
    host: Option<&Arc<Host>>,
) -> Result<(), Error> {
    if reply.is_null() {
        return Err(is_null("reply"));
    }
    // SAFETY: the caller vouches for the pointer; what is there is not read or dropped.
    unsafe { reply.write(said.hand_out(host)?) };
    Ok(())
}

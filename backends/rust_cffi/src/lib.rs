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
//! Reading order: this file and `calls` (what is exported), `handles` (numbers), `host` (the host's
//! values), `reader` and `message` (bytes), `program` and `run` (what is done), `writes`, `values`,
//! `versions`, `questions` (what passes), `failure` (errors and panics).

#![deny(unsafe_op_in_unsafe_fn)]
#![deny(improper_ctypes_definitions)]

mod calls;
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

pub use calls::*;
pub use failure::*;
pub use host::{lge_handles_fn, lge_host};
pub use message::lge_message;

use failure::{NO_ERROR, guard, is_null};
use handles::handles;
use host::Host;
use lge_core::error::{Error, ErrorKind};
use lge_core::graph::ChannelKind;
use lge_core::program::PanicPoint;
use message::Reply;
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
        said.array(ChannelKind::NAMES.len() + 1);
        for kind in ChannelKind::NAMES {
            said.text(&format!("channel:{kind}"));
        }
        said.text("commit_and_plan");
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

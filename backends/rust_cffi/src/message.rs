//! Messages to the host: bytes, and the values they mention, kept until the host frees them.

use crate::handles::handles;
use crate::host::{Host, Value};
use crate::run::Run;
use lge_core::error::Error;
use lge_core::versions::Version;
use rmp::encode;
use std::sync::Arc;

/// A message of the library's to the host, which frees it with `lge_message_free`.
///
/// The values it mentions stay the library's until then: a host that keeps one longer counts a
/// reference of its own in its table.
#[repr(C)]
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "C's name for it")]
pub struct lge_message {
    /// Its bytes, MessagePack as `docs/wire-format.md` says.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
    /// What the library knows it by; 0 for a message that isn't there.
    pub id: u64,
}

/// Where the result of `lge_run_commit_into` goes.
#[repr(C)]
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "C's name for it")]
pub struct lge_answer {
    /// What doesn't go into `room`; filled only then, and freed by the host.
    pub message: lge_message,
    /// Memory of the host's for a result; NULL for none.
    pub room: *mut u8,
    /// How many bytes it has.
    pub size: usize,
}

/// What a message to the host is made of.
pub(crate) struct Kept {
    bytes: Vec<u8>,
    values: Vec<Value>,
    host: Option<Arc<Host>>,
}

const NEVER_FAILS: &str = "writing to a Vec never fails";

/// A message to the host in the making.
pub(crate) struct Reply {
    bytes: Vec<u8>,
    values: Vec<Value>,
}

/// Bytes most messages fit in.
const USUAL_LENGTH: usize = 240;

impl Default for Reply {
    fn default() -> Self {
        Reply {
            bytes: Vec::with_capacity(USUAL_LENGTH),
            values: Vec::new(),
        }
    }
}

impl Reply {
    pub(crate) fn array(&mut self, length: usize) {
        let length = u32::try_from(length).expect("fewer than 2^32 items");
        encode::write_array_len(&mut self.bytes, length).expect(NEVER_FAILS);
    }

    pub(crate) fn map(&mut self, length: usize) {
        let length = u32::try_from(length).expect("fewer than 2^32 items");
        encode::write_map_len(&mut self.bytes, length).expect(NEVER_FAILS);
    }

    pub(crate) fn text(&mut self, text: &str) {
        encode::write_str(&mut self.bytes, text).expect(NEVER_FAILS);
    }

    pub(crate) fn index(&mut self, index: usize) {
        encode::write_uint(&mut self.bytes, index as u64).expect(NEVER_FAILS);
    }

    pub(crate) fn number(&mut self, number: i64) {
        encode::write_sint(&mut self.bytes, number).expect(NEVER_FAILS);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        encode::write_bool(&mut self.bytes, flag).expect(NEVER_FAILS);
    }

    pub(crate) fn nil(&mut self) {
        encode::write_nil(&mut self.bytes).expect(NEVER_FAILS);
    }

    /// Bytes that are no MessagePack.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Keeps a value for as long as the message.
    pub(crate) fn keep(&mut self, value: Value) {
        self.values.push(value);
    }

    pub(crate) fn value(&mut self, value: Value) {
        encode::write_uint(&mut self.bytes, value.handle()).expect(NEVER_FAILS);
        self.keep(value);
    }

    pub(crate) fn values(
        &mut self,
        values: impl IntoIterator<Item = Value, IntoIter: ExactSizeIterator>,
    ) {
        let values = values.into_iter();
        self.array(values.len());
        values.for_each(|value| self.value(value));
    }

    /// Handles the host has back: the message doesn't keep them.
    pub(crate) fn released(&mut self, handles: &[u64]) {
        self.array(handles.len());
        for handle in handles {
            encode::write_uint(&mut self.bytes, *handle).expect(NEVER_FAILS);
        }
    }

    pub(crate) fn version(&mut self, version: &Version) {
        match version {
            Version::Int(number) => self.number(*number),
            Version::Float(number) => {
                encode::write_f64(&mut self.bytes, *number).expect(NEVER_FAILS);
            }
            Version::Str(text) => self.text(text),
        }
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Copies the message to the host's memory, and leaves the values it mentions to the run. Gives its length.
    ///
    /// # Safety
    /// `room` points to `length` bytes that nobody else uses.
    pub(crate) unsafe fn write_to(self, room: *mut u8, run: &Run) -> i32 {
        let length = self.bytes.len();
        // SAFETY: the caller vouches for the room; the bytes are this message's own.
        unsafe { std::ptr::copy_nonoverlapping(self.bytes.as_ptr(), room, length) };
        run.lend(self.values);
        i32::try_from(length).expect("no larger than the room")
    }

    /// Keeps the message and says where it is.
    pub(crate) fn hand_out(self, host: Option<&Arc<Host>>) -> Result<lge_message, Error> {
        let kept = Arc::new(Kept {
            bytes: self.bytes,
            values: self.values,
            host: host.cloned(),
        });
        let (data, length) = (kept.bytes.as_ptr(), kept.bytes.len());
        let id = handles().messages.keep(kept)?;
        Ok(lge_message { data, length, id })
    }
}

/// Frees a message and gives back the values only it kept. One that isn't there is left alone.
pub(crate) fn free(id: u64) {
    let Ok(kept) = handles().messages.remove(id) else {
        return;
    };
    // Nobody else holds a message: the numbers in it are looked up by their bytes' owner only.
    if let Some(Kept { values, host, .. }) = Arc::into_inner(kept) {
        drop(values);
        if let Some(host) = host {
            host.give_back();
        }
    }
}

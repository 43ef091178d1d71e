//! The host's values: numbers of a table it owns, counted here and given back exactly once.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

/// A function of the host's that is told about values, several at a time.
///
/// It may be called from any thread that calls into the library, never while the library holds a lock
/// of its own: it may call back in. It must not unwind.
#[expect(non_camel_case_types, reason = "C's name for it")]
pub type lge_handles_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, handles: *const u64, count: usize)>;

/// The owner of a run's values.
///
/// A value is a number that means something to the host only. Each time a number stands in a message to
/// the library, the library takes one reference to it, unless the call returns `LGE_REFUSED`: then it
/// takes none. It gives each reference back exactly once: by `release`, or, if there is none, in the
/// replies of `lge_run_commit` and `lge_run_released`, and the rest when the run is freed.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types, reason = "C's name for it")]
pub struct lge_host {
    /// Handed to both functions. May be NULL.
    pub context: *mut c_void,
    /// Called with the handles of a message before anything else is done with it: add a reference to
    /// each, as often as it is listed. NULL: the message brings the references with it.
    pub retain: lge_handles_fn,
    /// Called with the handles the library has no more use for, as often as each was taken. NULL: the
    /// host is told of them in replies.
    pub release: lge_handles_fn,
}

/// The host of one run's values.
#[derive(Debug)]
pub(crate) struct Host {
    calls: lge_host,
    /// No longer needed; `release` is told when nothing is locked.
    unneeded: Mutex<Vec<u64>>,
}

// SAFETY: the contract of `lge_host` is that context and functions can be used from every thread that
// calls into the library.
unsafe impl Send for Host {}
// SAFETY: as above; the list has a lock.
unsafe impl Sync for Host {}

impl Host {
    pub(crate) fn of(calls: lge_host) -> Arc<Self> {
        Arc::new(Host {
            calls,
            unneeded: Mutex::new(Vec::new()),
        })
    }

    /// Asks for a reference to each of a message's handles.
    pub(crate) fn retain(&self, handles: &[u64]) {
        if let (Some(retain), false) = (self.calls.retain, handles.is_empty()) {
            // SAFETY: the host gave the function for this, with this context.
            unsafe { retain(self.calls.context, handles.as_ptr(), handles.len()) };
        }
    }

    /// Gives back what is no longer needed, if the host wants to be called. This thread may hold no lock.
    pub(crate) fn give_back(&self) {
        let Some(release) = self.calls.release else {
            return;
        };
        loop {
            let handles = self.take_unneeded();
            if handles.is_empty() {
                return;
            }
            // SAFETY: the host gave the function for this, with this context.
            unsafe { release(self.calls.context, handles.as_ptr(), handles.len()) };
        }
    }

    /// What is no longer needed, for a reply; none if the host is called instead.
    pub(crate) fn released(&self) -> Option<Vec<u64>> {
        match self.calls.release {
            Some(_) => None,
            None => Some(self.take_unneeded()),
        }
    }

    fn take_unneeded(&self) -> Vec<u64> {
        std::mem::take(&mut *self.unneeded.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The last of a run, its messages and errors is gone, and so is all they held.
impl Drop for Host {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A value of the host's. Clones share one reference.
#[derive(Debug, Clone)]
pub(crate) struct Value(Arc<Reference>);

#[derive(Debug)]
struct Reference {
    handle: u64,
    host: Arc<Host>,
}

impl Value {
    /// Takes over a reference the host gave.
    pub(crate) fn take(handle: u64, host: &Arc<Host>) -> Self {
        let host = Arc::clone(host);
        Value(Arc::new(Reference { handle, host }))
    }

    pub(crate) fn handle(&self) -> u64 {
        self.0.handle
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let unneeded = &self.host.unneeded;
        let mut unneeded = unneeded.lock().unwrap_or_else(PoisonError::into_inner);
        unneeded.push(self.handle);
    }
}

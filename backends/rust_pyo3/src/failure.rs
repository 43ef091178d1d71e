//! Errors and panics become Python exceptions; which class, only Python knows.

use crate::types;
use lge_core::commit::Refusal;
use lge_core::error::{Error, ErrorKind};
use lge_core::panics;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What messages call this engine.
const ENGINE: &str = "rust";

/// Runs a call; a panic in it becomes an exception.
pub(crate) fn guard<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // Whatever the panic left half-done is either dropped here or refused from now on.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(payload) => Err(raised(panics::caught(ENGINE, &*payload))),
    }
}

/// The exception for a run that panicked before.
pub(crate) fn poisoned() -> PyErr {
    raised(panics::poisoned(ENGINE))
}

/// The exception for an error of the core.
pub(crate) fn exception(error: &Error, value: Option<Py<PyAny>>) -> PyErr {
    Python::attach(|py| {
        let made = types::exceptions(py).and_then(|make| {
            let channel = error.context.channel.as_deref();
            make.call1((error.kind.code(), error.message.as_str(), channel, value))
        });
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(failed) => failed,
        }
    })
}

pub(crate) fn raised(error: Error) -> PyErr {
    exception(&error, None)
}

pub(crate) fn refused(refusal: Refusal<Py<PyAny>>) -> PyErr {
    exception(&refusal.error, refusal.value)
}

pub(crate) fn protocol_error(kind: ErrorKind, message: impl Into<String>) -> PyErr {
    raised(Error::new(kind, message))
}

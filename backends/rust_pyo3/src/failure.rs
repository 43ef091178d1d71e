//! Errors and panics become Python exceptions; which class, only Python knows.

use crate::types;
use lge_core::commit::Refusal;
use lge_core::error::{Error, ErrorKind};
use pyo3::prelude::*;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static LAST_PANIC_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where each panic of this module happens, then does what was done before.
pub(crate) fn remember_where_panics_happen() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic
            .location()
            .map(|at| format!("{}:{}", at.file(), at.line()));
        LAST_PANIC_AT.with(|last| *last.borrow_mut() = place);
        before(panic);
    }));
}

/// Runs a call; a panic in it becomes an exception.
pub(crate) fn guard<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // Whatever the panic left half-done is either dropped here or refused from now on.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(payload) => Err(panicked(&*payload)),
    }
}

/// The exception for a run that panicked before.
pub(crate) fn poisoned(why: &str) -> PyErr {
    exception(&Error::new(ErrorKind::Panic, why), None)
}

fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    let place = LAST_PANIC_AT.with(|last| last.borrow_mut().take());
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    let message = format!(
        "the rust engine hit a bug of its own: {said} (at {place}). \
         This run is lost; the process goes on and the next run works. Please report it."
    );
    exception(&Error::new(ErrorKind::Panic, message), None)
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

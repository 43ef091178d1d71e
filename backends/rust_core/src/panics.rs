//! Panics are bugs of ours: what a binding tells its host about one.
//!
//! A binding catches a panic before it would cross into its host, and reports it as an [`Error`] of
//! kind [`ErrorKind::Panic`]. The run it happened in is lost; everything else goes on.

use crate::error::{Error, ErrorKind};
use std::any::Any;
use std::cell::RefCell;

thread_local! {
    static LAST_PANIC_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where each panic happens from now on, then does what was done before. Call it once.
pub fn remember_where_panics_happen() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic
            .location()
            .map(|at| format!("{}:{}", at.file(), at.line()));
        LAST_PANIC_AT.with(|last| *last.borrow_mut() = place);
        before(panic);
    }));
}

/// The error for a panic that was just caught on this thread, in the engine of this name.
#[must_use]
pub fn caught(engine: &str, payload: &(dyn Any + Send)) -> Error {
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    let place = LAST_PANIC_AT.with(|last| last.borrow_mut().take());
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    lost(engine, &format!(": {said} (at {place})"))
}

/// The error for a call on what an earlier panic left behind.
#[must_use]
pub fn poisoned(engine: &str) -> Error {
    lost(engine, " in an earlier call of this run")
}

fn lost(engine: &str, when: &str) -> Error {
    let message = format!(
        "the {engine} engine hit a bug of its own{when}. \
         This run is lost; the process goes on and the next run works. Please report it."
    );
    Error::new(ErrorKind::Panic, message)
}

//! Threads that run supersteps while the event loop waits for them: `resume_in_thread` of `langgraph_engine.execute`.
//!
//! LangGraph hands every plain function of an asynchronous run to a thread. Here the thread goes on with what comes after
//! it, until something is the event loop's to do, or the event loop has something else to do.

use crate::execution::Execution;
use crate::flight::Flight;
use crate::step_task::StepTask;
use crate::types;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// After which a thread gives control back to the event loop; `MOMENT` of `langgraph_engine.execute`.
const MOMENT: Duration = Duration::from_millis(5);

/// A thread's turn at an execution.
pub(crate) struct Thread {
    began: Instant,
    /// Whether nothing is to come of it.
    given_up: AtomicBool,
    /// The task under way; nothing between two supersteps.
    task: Mutex<Option<Py<StepTask>>>,
    /// Whether it may call reducers, once that was asked.
    reduces: OnceLock<bool>,
}

impl Thread {
    pub(crate) fn new() -> Self {
        Thread {
            began: Instant::now(),
            given_up: AtomicBool::new(false),
            task: Mutex::new(None),
            reduces: OnceLock::new(),
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<Py<StepTask>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the task under way.
    pub(crate) fn runs(&self, task: Option<Py<StepTask>>) {
        let before = std::mem::replace(&mut *self.task(), task);
        drop(before); // now, and not while the lock is held
    }

    /// Has nothing come of it any more; the task under way.
    pub(crate) fn give_up(&self) -> Option<Py<StepTask>> {
        self.given_up.store(true, Ordering::Relaxed);
        self.task().take()
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.task.try_lock() {
            Ok(task) => visit.call(&*task),
            Err(_) => Ok(()),
        }
    }
}

impl Execution {
    /// What LangGraph has a thread call, of what it awaits; `None` if it awaits anything else.
    pub(crate) fn threaded<'py>(
        &self,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = function.py();
        let Some(in_thread) = &self.executor.get().host.in_thread else {
            return Ok(None);
        };
        if !function.get_type().is(types::partial(py)?)
            || !function.getattr(intern!(py, "func"))?.is(in_thread)
        {
            return Ok(None);
        }
        let keywords = function.getattr(intern!(py, "keywords"))?;
        let args = function.getattr(intern!(py, "args"))?;
        let args = args.cast::<PyTuple>()?;
        if args.len() != 2 || !args.get_item(0)?.is_none() || !keywords.cast::<PyDict>()?.is_empty()
        {
            return Ok(None);
        }
        Ok(Some(args.get_item(1)?))
    }

    /// Whether a thread's commits call nothing in the event loop.
    pub(crate) fn commits_in_thread(&self, py: Python<'_>, thread: &Thread) -> PyResult<bool> {
        Ok(
            self.saver.is_none()
                && self.streamed.is_none()
                && self.reduces_in_thread(py, thread)?,
        )
    }

    /// Whether no reducer is the event loop's to call.
    pub(crate) fn reduces_in_thread(&self, py: Python<'_>, thread: &Thread) -> PyResult<bool> {
        if let Some(reduces) = thread.reduces.get() {
            return Ok(*reduces);
        }
        let name = intern!(py, "reduces_in_threads");
        let reduces = self.place.bind(py).getattr(name)?.is_truthy()?;
        Ok(*thread.reduces.get_or_init(|| reduces))
    }

    /// Whether the thread of a flight, if there is one, is to let the event loop go on.
    pub(crate) fn pauses(&self, py: Python<'_>, flight: &Flight) -> PyResult<bool> {
        let Some(thread) = &flight.thread else {
            return Ok(false);
        };
        if thread.is_given_up() || thread.began.elapsed() > MOMENT {
            return Ok(true);
        }
        let Some(event_loop) = &self.event_loop else {
            return Ok(true);
        };
        match event_loop.bind(py).getattr_opt(intern!(py, "_ready"))? {
            Some(waiting) => waiting.is_truthy(),
            None => Ok(true),
        }
    }
}

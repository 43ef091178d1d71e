//! One task of a superstep, as Python sees it.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::sync::{Mutex, PoisonError};

/// One task of a superstep.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Task {
    /// UUID-shaped text.
    #[pyo3(get)]
    pub(crate) id: Py<PyString>,
    /// The node to run.
    #[pyo3(get)]
    pub(crate) name: Py<PyString>,
    /// Where the task comes from.
    #[pyo3(get)]
    pub(crate) path: Py<PyTuple>,
    /// Sorted channel names, or `(PUSH,)`.
    #[pyo3(get)]
    pub(crate) triggers: Py<PyTuple>,
    /// The task's own checkpoint namespace.
    #[pyo3(get)]
    pub(crate) namespace: Py<PyString>,
    /// Behind a lock only so that the garbage collector can clear it.
    pub(crate) input: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Task {
    /// What the node's channels hold, or the packet.
    #[getter]
    fn input(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        input.as_ref().map(|input| input.clone_ref(py))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (id, path) = (self.id.bind(py), self.path.bind(py));
        Ok(format!(
            "Task(id={}, name={}, path={})",
            id.repr()?,
            self.name.bind(py).repr()?,
            path.repr()?
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.path)?;
        visit.call(&self.triggers)?;
        match self.input.try_lock() {
            Ok(input) => visit.call(&*input),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = input.take();
        std::mem::drop(input);
        std::mem::drop(dropped);
    }
}

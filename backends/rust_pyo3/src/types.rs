//! The Python classes this module makes values of, looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

static PLAN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static COMMITTED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static STOP: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static COROUTINE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static PARTIAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static TUPLE_NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static EXCEPTIONS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

const PROTOCOL: &str = "langgraph_engine.protocol";

/// Makes a `Plan` of its two fields.
pub(crate) fn plan<'py>(
    tasks: Bound<'py, PyAny>,
    ignored: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tasks.py();
    named_tuple(PLAN.import(py, PROTOCOL, "Plan")?, tasks, ignored)
}

/// Makes a `Committed` of its two fields.
pub(crate) fn committed<'py>(
    updated: Bound<'py, PyAny>,
    unknown: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = updated.py();
    named_tuple(
        COMMITTED.import(py, PROTOCOL, "Committed")?,
        updated,
        unknown,
    )
}

/// Makes a `Stop` of its fields.
pub(crate) fn stop<'py>(fields: Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = fields.py();
    let class = STOP.import(py, "langgraph_engine.execute", "Stop")?;
    tuple_new(py)?.call1((class, fields))
}

/// The type of what an `async def` function returns.
pub(crate) fn coroutine(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    COROUTINE.import(py, "types", "CoroutineType")
}

/// The type of functions that have arguments already.
pub(crate) fn partial(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    PARTIAL.import(py, "functools", "partial")
}

/// `tuple.__new__` is what a named tuple's own constructor calls, less the Python function around.
fn named_tuple<'py>(
    class: &Bound<'py, PyType>,
    first: Bound<'py, PyAny>,
    second: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    tuple_new(class.py())?.call1((class, (first, second)))
}

fn tuple_new(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let new = TUPLE_NEW.get_or_try_init(py, || {
        py.get_type::<PyTuple>()
            .getattr("__new__")
            .map(Bound::unbind)
    })?;
    Ok(new.bind(py))
}

/// The function of `langgraph_engine.core_errors` that makes the exception for a kind of error.
pub(crate) fn exceptions(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    EXCEPTIONS.import(py, "langgraph_engine.core_errors", "exception")
}

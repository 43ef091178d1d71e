//! A task of a superstep the engine runs, and the facade's task it becomes if somebody looks at it.

use crate::executor::Executor;
use crate::program::Program;
use crate::task::Task;
use lge_core::names::{Id as _, NodeId};
use lge_core::plan::Origin;
use lge_core::program::Target;
use lge_core::task_id::TaskId;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A write: the name, what it stands for, and the value.
pub(crate) type Written = (Py<PyString>, Target, Py<PyAny>);

/// A task while its node runs. Its node's config refers to it until it is filled.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct StepTask {
    pub(crate) executor: Py<Executor>,
    pub(crate) place: Py<PyAny>,
    pub(crate) node: NodeId,
    pub(crate) origin: Origin,
    pub(crate) id: TaskId,
    pub(crate) namespace: String,
    pub(crate) step: i64,
    pub(crate) checkpoint_id: String,
    pub(crate) started: f64,
    pub(crate) over: AtomicBool,
    /// Behind a lock that is never held while Python code runs.
    pub(crate) inside: Mutex<Inside>,
}

/// What changes while a task runs.
pub(crate) struct Inside {
    /// The node's input, or the packet it is in.
    pub(crate) input: Option<Py<PyAny>>,
    /// What it wrote, as long as there is no live task, whose writes count then.
    pub(crate) writes: Vec<Written>,
    pub(crate) live: Option<Py<PyAny>>,
}

#[pymethods]
impl StepTask {
    /// The config the node would see in LangGraph.
    pub(crate) fn full_config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.live(py)?.call_method0(intern!(py, "full_config"))
    }

    /// From here on the task's config is this one.
    fn use_config<'py>(&self, config: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = config.py();
        self.live(py)?
            .call_method1(intern!(py, "use_config"), (config,))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.executor)?;
        visit.call(&self.place)?;
        if let Ok(inside) = self.inside.try_lock() {
            visit.call(&inside.input)?;
            visit.call(&inside.live)?;
            for (_, _, value) in &inside.writes {
                visit.call(value)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let mut inside = self.inside();
        let dropped = (
            inside.input.take(),
            inside.live.take(),
            std::mem::take(&mut inside.writes),
        );
        drop(inside);
        drop(dropped);
    }
}

impl StepTask {
    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live task, if there is one.
    pub(crate) fn made(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.inside().live.as_ref().map(|live| live.clone_ref(py))
    }

    /// The facade's task: made when first asked for, with what was written so far.
    pub(crate) fn live<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(live) = self.made(py) {
            return Ok(live.into_bound(py));
        }
        let executor = self.executor.get();
        let program: &Program = executor.program.get();
        let input = self
            .inside()
            .input
            .as_ref()
            .map(|input| input.clone_ref(py));
        let (path, triggers) = program.path_and_triggers(py, self.node, self.origin)?;
        let task = Task {
            id: PyString::new(py, self.id.as_str()).unbind(),
            name: program.nodes[self.node.index()].name.clone_ref(py),
            path,
            triggers,
            namespace: PyString::new(py, &self.namespace).unbind(),
            input: Mutex::new(input),
        };
        let current = PyDict::new(py);
        current.set_item(intern!(py, "current"), !self.over.load(Ordering::Relaxed))?;
        let args = (task, self.step, self.checkpoint_id.as_str(), self.started);
        let method = self.place.bind(py).getattr(intern!(py, "live_task"))?;
        let made = method.call(args, Some(&current))?;
        let writes = {
            let mut inside = self.inside();
            if let Some(live) = &inside.live {
                // Another thread was faster.
                return Ok(live.bind(py).clone());
            }
            inside.live = Some(made.clone().unbind());
            std::mem::take(&mut inside.writes)
        };
        extend(&made, &writes)?;
        Ok(made)
    }

    /// What it wrote so far, if there is no live task.
    pub(crate) fn copied(&self, py: Python<'_>) -> Vec<Written> {
        let inside = self.inside();
        let copied = inside.writes.iter();
        copied
            .map(|(name, target, value)| (name.clone_ref(py), *target, value.clone_ref(py)))
            .collect()
    }

    /// What it wrote so far, whoever has it.
    pub(crate) fn written(&self, py: Python<'_>, program: &Program) -> PyResult<Vec<Written>> {
        let Some(live) = self.made(py) else {
            return Ok(self.copied(py));
        };
        let writes = live.bind(py).getattr(intern!(py, "writes"))?;
        let mut written = Vec::new();
        program.read_pairs(&writes, &mut written)?;
        Ok(written)
    }

    /// What it wrote, as a list of pairs.
    pub(crate) fn pairs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.made(py) {
            Some(live) => live.bind(py).getattr(intern!(py, "writes")),
            None => Ok(pairs(py, &self.copied(py))?.into_any()),
        }
    }

    /// Adds writes.
    pub(crate) fn write(&self, py: Python<'_>, writes: Vec<Written>) -> PyResult<()> {
        let live = {
            let mut inside = self.inside();
            match &inside.live {
                Some(live) => live.clone_ref(py),
                None => {
                    inside.writes.extend(writes);
                    return Ok(());
                }
            }
        };
        extend(live.bind(py), &writes)
    }
}

fn extend(live: &Bound<'_, PyAny>, writes: &[Written]) -> PyResult<()> {
    let py = live.py();
    live.getattr(intern!(py, "writes"))?
        .call_method1(intern!(py, "extend"), (pairs(py, writes)?,))?;
    Ok(())
}

fn pairs<'py>(py: Python<'py>, writes: &[Written]) -> PyResult<Bound<'py, PyList>> {
    let pairs = PyList::empty(py);
    for (name, _, value) in writes {
        pairs.append(PyTuple::new(py, [name.bind(py).as_any(), value.bind(py)])?)?;
    }
    Ok(pairs)
}

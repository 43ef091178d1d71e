//! What a superstep that runs here streams: its chunk of `updates`, and its chunk of `values`.
//!
//! Which chunks there are, and what they hold, is LangGraph's: a task's updates are what it wrote to the output
//! channels, under its node's name; the values are what these channels hold once the superstep is committed.

use crate::executor::{Recipe, Select};
use crate::program::Program;
use crate::run::Run;
use crate::step_task::StepTask;
use lge_core::names::{ChannelId, Id as _};
use lge_core::program::Target;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use rustc_hash::FxHashSet;

/// The stream of a run, as the facade describes it (`langgraph_engine.execute.Streamed`).
pub(crate) struct Streamed {
    updates: bool,
    values: bool,
    /// Whether a chunk says its mode.
    named: bool,
    /// Whether every node is hidden.
    hidden: bool,
    output: Select,
}

/// A chunk: its mode, and what it holds.
pub(crate) type Chunk = (&'static str, Py<PyAny>);

impl Streamed {
    pub(crate) fn read(program: &Program, streamed: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = streamed.py();
        let flag = |name: &Bound<'_, PyString>| streamed.getattr(name)?.is_truthy();
        let output = Select::read(program, &streamed.getattr(intern!(py, "output_keys"))?)?;
        let Some(output) = output else {
            return Ok(None);
        };
        Ok(Some(Streamed {
            updates: flag(intern!(py, "updates"))?,
            values: flag(intern!(py, "values"))?,
            named: flag(intern!(py, "named"))?,
            hidden: flag(intern!(py, "hidden"))?,
            output,
        }))
    }

    /// Chunks as the caller of the stream takes them.
    pub(crate) fn taken<'py>(
        &self,
        py: Python<'py>,
        chunks: Vec<Chunk>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let taken = PyList::empty(py);
        for chunk in chunks {
            if self.named {
                taken.append(chunk)?;
            } else {
                taken.append(chunk.1)?;
            }
        }
        Ok(taken.into_any())
    }

    /// What the superstep of a task that ended shows. `None` if it wrote what only the facade knows how to show.
    pub(crate) fn superstep(
        &self,
        py: Python<'_>,
        program: &Program,
        recipe: &Recipe,
        task: &StepTask,
        outputs: &FxHashSet<ChannelId>,
    ) -> PyResult<Option<Shows>> {
        let mut written = Vec::new();
        for (name, target, value) in task.written(py, program)? {
            match target {
                Target::Channel(channel) if outputs.contains(&channel) => {
                    written.push((name, value));
                }
                Target::Channel(_) | Target::Unknown => {}
                Target::Ignored => return Ok(None),
            }
        }
        let mut chunks = Vec::new();
        if self.updates && !self.hidden && !recipe.hidden {
            let update = self.update(py, &written)?;
            let chunk = PyDict::new(py);
            chunk.set_item(&program.nodes[task.node.index()].name, update)?;
            chunks.push(("updates", chunk.into_any().unbind()));
        }
        Ok(Some(Shows {
            chunks,
            wrote: !written.is_empty(),
        }))
    }

    /// What a task wrote to the output channels, as a chunk of updates has it.
    fn update<'py>(
        &self,
        py: Python<'py>,
        written: &[(Py<PyString>, Py<PyAny>)],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Select::Many(_) = &self.output else {
            return several(py, written.iter().map(|(_, value)| value.bind(py).clone()));
        };
        let together = PyDict::new(py);
        for (name, value) in written {
            together.set_item(name, value)?;
        }
        if together.len() == written.len() {
            return Ok((!together.is_empty()).then(|| together.into_any()));
        }
        // A channel that was written twice is shown twice, and so is every other on its own.
        let mut each = Vec::with_capacity(written.len());
        for (name, value) in written {
            let alone = PyDict::new(py);
            alone.set_item(name, value)?;
            each.push(alone.into_any());
        }
        several(py, each.into_iter())
    }

    /// The chunk of values of a superstep that was committed, if it changed them.
    pub(crate) fn values(&self, py: Python<'_>, run: &Run) -> PyResult<Option<Chunk>> {
        if !self.values {
            return Ok(None);
        }
        Ok(Some((
            "values",
            run.select(py, &self.output, None)?.unbind(),
        )))
    }
}

/// What a superstep shows.
#[derive(Default)]
pub(crate) struct Shows {
    pub(crate) chunks: Vec<Chunk>,
    /// Whether its task wrote to an output channel.
    pub(crate) wrote: bool,
}

/// Nothing, the only value, or all of them.
fn several<'py>(
    py: Python<'py>,
    values: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match values.len() {
        0 | 1 => Ok(values.into_iter().next()),
        _ => Ok(Some(PyList::new(py, values)?.into_any())),
    }
}

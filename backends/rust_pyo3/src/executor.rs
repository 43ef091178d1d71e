//! How a graph's nodes are called: the plain data of `langgraph_engine.execute`, read when a node first runs.

use crate::draws::Draws;
use crate::execution::Execution;
use crate::failure::guard;
use crate::program::Program;
use crate::run::Run;
use lge_core::names::{ChannelId, Id as _, NodeId};
use lge_core::program::Target;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString, PyTuple};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a graph's nodes are called. Safe to share between threads.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Executor {
    pub(crate) program: Py<Program>,
    pub(crate) host: Host,
    calls: Py<PyAny>,
    passthrough: Py<PyAny>,
    /// No code of Python's is called while it is held.
    known: Mutex<Known>,
}

/// What was read of the nodes that ran.
#[derive(Default)]
struct Known {
    /// Nothing for a node that is the facade's to run.
    recipes: FxHashMap<NodeId, Option<Arc<Recipe>>>,
    /// Keys by the address of their set, which they keep.
    keys: FxHashMap<usize, Arc<Keys>>,
}

/// The facade's objects every execution needs.
pub(crate) struct Host {
    pub(crate) config_type: Py<PyAny>,
    pub(crate) set_config: Py<PyAny>,
    pub(crate) copy_context: Py<PyAny>,
    pub(crate) runnable_type: Py<PyAny>,
    pub(crate) skip_write: Py<PyAny>,
    pub(crate) clock: Py<PyAny>,
    pub(crate) ticks: Py<PyIterator>,
    /// The last sixteen hexadecimal digits of ids of runs that aren't saved.
    pub(crate) id_tail: u64,
    pub(crate) draws: Draws,
    pub(crate) saved_id: Py<PyAny>,
    /// Awaits a function that a thread calls.
    pub(crate) in_thread: Option<Py<PyAny>>,
    pub(crate) note_input_error: Py<PyAny>,
}

/// How one node is called.
pub(crate) struct Recipe {
    /// LangGraph's description: the policies are asked for each time.
    pub(crate) node: Py<PyAny>,
    pub(crate) bound: Option<Py<PyAny>>,
    /// Whether it is called by its method, with the config.
    pub(crate) by_method: bool,
    pub(crate) managed: Option<Py<PyAny>>,
    pub(crate) coerce: Option<Py<PyAny>>,
    pub(crate) keywords: Option<Py<PyAny>>,
    pub(crate) recurses: bool,
    /// Whether streams of updates leave the node out.
    pub(crate) hidden: bool,
    pub(crate) writers: Box<[Writer]>,
}

/// One of a node's writers.
pub(crate) enum Writer {
    Steps(Box<[Step]>),
    Branch(Box<Branch>),
}

/// One entry of a channel writer.
pub(crate) struct Step {
    pub(crate) mapper: Option<Py<PyAny>>,
    /// `None`: the mapper gives the writes.
    pub(crate) channel: Option<(Py<PyString>, Target)>,
    /// `None`: what the node returned.
    pub(crate) constant: Option<Py<PyAny>>,
    pub(crate) skips: bool,
    /// Most nodes of a graph have the same.
    pub(crate) keys: Option<Arc<Keys>>,
}

/// The keys taken from a dict a node returned.
pub(crate) struct Keys {
    /// The channels whose names are among them.
    pub(crate) channels: FxHashSet<ChannelId>,
    pub(crate) all: Py<PyAny>,
}

/// A conditional edge.
pub(crate) struct Branch {
    pub(crate) object: Py<PyAny>,
    pub(crate) path: Py<PyAny>,
    pub(crate) select: Option<Select>,
    pub(crate) managed: Option<Py<PyAny>>,
    pub(crate) mapper: Option<Py<PyAny>>,
    pub(crate) merges: bool,
    pub(crate) known: Py<PyDict>,
}

/// What is read of a run: a channel's value, or a dict of several.
pub(crate) enum Select {
    One(ChannelId),
    Many(Vec<ChannelId>),
}

#[pymethods]
impl Executor {
    /// Takes part in an invocation.
    fn begin(slf: &Bound<'_, Self>, run: Py<Run>, place: &Bound<'_, PyAny>) -> PyResult<Execution> {
        guard(|| Execution::new(slf, run, place))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.program)?;
        visit.call(&self.calls)?;
        if let Ok(known) = self.known.try_lock() {
            for recipe in known.recipes.values().flatten() {
                for object in recipe.objects() {
                    visit.call(object)?;
                }
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let dropped = std::mem::take(&mut *self.known());
        std::mem::drop(dropped);
    }
}

impl Executor {
    pub(crate) fn of(
        program: &Bound<'_, Program>,
        calls: &Bound<'_, PyAny>,
        host: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let get = |name: &str| host.getattr(name).map(Bound::unbind);
        Ok(Executor {
            program: program.clone().unbind(),
            host: Host {
                config_type: get("config_type")?,
                set_config: host.getattr("config_variable")?.getattr("set")?.unbind(),
                copy_context: get("copy_context")?,
                runnable_type: get("runnable_type")?,
                skip_write: get("skip_write")?,
                clock: get("clock")?,
                ticks: host.getattr("ticks")?.try_iter()?.unbind(),
                id_tail: digits(&host.getattr("id_tail")?.extract::<String>()?)?,
                draws: Draws::read(&host.getattr("draws")?)?,
                saved_id: get("saved_id")?,
                in_thread: optional(host.getattr("in_thread")?),
                note_input_error: get("note_input_error")?,
            },
            calls: calls.clone().unbind(),
            passthrough: get("passthrough")?,
            known: Mutex::default(),
        })
    }

    /// How a node is called; `None` if it is the facade's to run.
    pub(crate) fn recipe(&self, py: Python<'_>, node: NodeId) -> PyResult<Option<Arc<Recipe>>> {
        if let Some(known) = self.known().recipes.get(&node) {
            return Ok(known.clone());
        }
        let name = self.program.get().nodes[node.index()].name.bind(py);
        let call = self
            .calls
            .bind(py)
            .call_method1(intern!(py, "get"), (name,))?;
        let recipe = if call.is_none() {
            None
        } else {
            self.read(&call)?.map(Arc::new)
        };
        let mut known = self.known();
        if let Some(faster) = known.recipes.get(&node) {
            return Ok(faster.clone()); // another thread's; this one is let go of after the lock
        }
        known.recipes.insert(node, recipe.clone());
        Ok(recipe)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` for a node that reads or writes something only the facade has.
    fn read(&self, call: &Bound<'_, PyAny>) -> PyResult<Option<Recipe>> {
        let program = self.program.get();
        let mut writers = Vec::new();
        for writer in call.getattr("writers")?.try_iter()? {
            let writer = writer?;
            match writer.cast::<PyTuple>() {
                Ok(steps) => {
                    let steps = steps.iter().map(|step| self.step(&step));
                    writers.push(Writer::Steps(steps.collect::<PyResult<_>>()?));
                }
                Err(_) => match Branch::read(program, &writer)? {
                    Some(branch) => writers.push(Writer::Branch(Box::new(branch))),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(Recipe {
            node: call.getattr("node")?.unbind(),
            bound: optional(call.getattr("bound")?),
            by_method: call.getattr("by_method")?.is_truthy()?,
            managed: optional(call.getattr("managed")?),
            coerce: optional(call.getattr("coerce")?),
            keywords: optional(call.getattr("keywords")?),
            recurses: call.getattr("recurses")?.is_truthy()?,
            hidden: call.getattr("hidden")?.is_truthy()?,
            writers: writers.into(),
        }))
    }

    fn step(&self, step: &Bound<'_, PyAny>) -> PyResult<Step> {
        let value = step.getattr("value")?;
        let channel = step.getattr("channel")?;
        let channel = if channel.is_none() {
            None
        } else {
            let name = channel.cast_into::<PyString>()?;
            let target = self.program.get().target(&name)?;
            Some((name.unbind(), target))
        };
        let keys = step.getattr("keys")?;
        Ok(Step {
            mapper: optional(step.getattr("mapper")?),
            channel,
            constant: (!value.is(&self.passthrough)).then(|| value.unbind()),
            skips: step.getattr("skips")?.is_truthy()?,
            keys: if keys.is_none() {
                None
            } else {
                Some(self.keys(keys)?)
            },
        })
    }

    fn keys(&self, keys: Bound<'_, PyAny>) -> PyResult<Arc<Keys>> {
        let address = keys.as_ptr() as usize;
        if let Some(known) = self.known().keys.get(&address) {
            return Ok(Arc::clone(known));
        }
        let mut channels = FxHashSet::default();
        for key in keys.try_iter()? {
            if let Ok(name) = key?.cast::<PyString>()
                && let Target::Channel(channel) = self.program.get().target(name)?
            {
                channels.insert(channel);
            }
        }
        let read = Arc::new(Keys {
            channels,
            all: keys.unbind(),
        });
        let replaced = self.known().keys.insert(address, Arc::clone(&read));
        drop(replaced); // now, and not while the lock is held
        Ok(read)
    }
}

fn digits(tail: &str) -> PyResult<u64> {
    u64::from_str_radix(&tail.replace('-', ""), 16).map_err(|_| {
        PyValueError::new_err(format!("'{tail}' isn't how the id of a checkpoint ends"))
    })
}

fn optional(value: Bound<'_, PyAny>) -> Option<Py<PyAny>> {
    (!value.is_none()).then(|| value.unbind())
}

impl Recipe {
    fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let own = [&self.bound, &self.managed, &self.coerce, &self.keywords];
        let written = self.writers.iter().flat_map(Writer::objects);
        std::iter::once(&self.node)
            .chain(own.into_iter().flatten())
            .chain(written)
    }
}

impl Writer {
    /// Whether it is a channel writer that calls mappers of LangGraph's own at most.
    pub(crate) fn calls_nobody(&self) -> bool {
        match self {
            Writer::Steps(steps) => steps.iter().all(|step| {
                step.mapper.is_none()
                    || step.channel.is_none() && (step.skips || step.keys.is_some())
            }),
            Writer::Branch(_) => false,
        }
    }

    fn objects(&self) -> Box<dyn Iterator<Item = &Py<PyAny>> + '_> {
        match self {
            Writer::Steps(steps) => Box::new(
                steps
                    .iter()
                    .flat_map(|step| [&step.mapper, &step.constant].into_iter().flatten()),
            ),
            Writer::Branch(branch) => Box::new(
                [&branch.object, &branch.path]
                    .into_iter()
                    .chain(&branch.managed)
                    .chain(&branch.mapper),
            ),
        }
    }
}

impl Select {
    /// `None` if something other than a channel is to be read.
    pub(crate) fn read(program: &Program, select: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if let Ok(name) = select.cast::<PyString>() {
            return Ok(program.channel(name)?.map(Select::One));
        }
        let mut channels = Vec::new();
        for name in select.try_iter()? {
            match program.channel(name?.cast::<PyString>()?)? {
                Some(channel) => channels.push(channel),
                None => return Ok(None),
            }
        }
        Ok(Some(Select::Many(channels)))
    }
}

impl Branch {
    fn read(program: &Program, branch: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let select = branch.getattr("select")?;
        let select = if select.is_none() {
            None
        } else {
            match Select::read(program, &select)? {
                Some(select) => Some(select),
                None => return Ok(None),
            }
        };
        Ok(Some(Branch {
            object: branch.clone().unbind(),
            path: branch.getattr("path")?.unbind(),
            select,
            managed: optional(branch.getattr("managed")?),
            mapper: optional(branch.getattr("mapper")?),
            merges: branch.getattr("merges")?.is_truthy()?,
            known: branch.getattr("known")?.cast_into::<PyDict>()?.unbind(),
        }))
    }
}

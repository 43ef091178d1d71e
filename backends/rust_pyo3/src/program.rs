//! A compiled graph: the core's program, the user's callables, and every name as a Python object.

use crate::failure::{guard, raised};
use crate::host::Callables;
use crate::run::Run;
use crate::spec::Spec;
use crate::values::read_checkpoint;
use lge_core::names::{ChannelId, Id as _, NodeId};
use lge_core::program::{NOT_CHANNELS, Target};
use lge_core::task_path::{PULL, PUSH};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PySet, PyString, PyTuple};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A compiled graph. Immutable and safe to share between threads.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Program {
    pub(crate) core: Arc<lge_core::program::Program>,
    /// Behind a lock only so that the garbage collector can clear them.
    pub(crate) callables: Mutex<Arc<[Callables]>>,
    pub(crate) channels: Vec<Py<PyString>>,
    pub(crate) nodes: Vec<NodeObjects>,
    pub(crate) push: Py<PyString>,
    pub(crate) push_triggers: Py<PyTuple>,
    pub(crate) missing: Py<PyAny>,
    pub(crate) send_type: Py<PyAny>,
    /// Names by identity: most names a run meets are the graph's own objects.
    channel_objects: FxHashMap<usize, ChannelId>,
    /// The same in the channels' order; 0 for a name that writes mean something else by.
    channel_addresses: Vec<usize>,
    /// Every channel's name, once somebody needs them all.
    all_names: PyOnceLock<Py<PySet>>,
    node_objects: FxHashMap<usize, NodeId>,
}

/// Up to this many names a set of them is filled, however few there are in all.
const FEW: usize = 8;

/// What every task of a node has in common.
pub(crate) struct NodeObjects {
    pub(crate) name: Py<PyString>,
    /// Made with its first task: most graphs have nodes that never run.
    planned: PyOnceLock<Planned>,
}

/// What every triggered task of a node has in common.
pub(crate) struct Planned {
    /// `(PULL, name)`.
    pub(crate) path: Py<PyTuple>,
    /// Sorted.
    pub(crate) triggers: Py<PyTuple>,
}

impl NodeObjects {
    /// What its triggered tasks have, if there was one.
    pub(crate) fn planned(&self, py: Python<'_>) -> Option<&Planned> {
        self.planned.get(py)
    }
}

#[pymethods]
impl Program {
    /// Starts a run from a checkpoint, or from nothing.
    fn restore(slf: &Bound<'_, Self>, checkpoint: Option<&Bound<'_, PyAny>>) -> PyResult<Run> {
        guard(|| {
            let py = slf.py();
            let this = slf.get();
            let mut restore = lge_core::run::Restore::begin(Arc::clone(&this.core));
            if let Some(checkpoint) = checkpoint
                && checkpoint.is_truthy()?
            {
                read_checkpoint(this, checkpoint, &mut restore)?;
            }
            let (requests, unanswered) = restore.requests();
            let answers = this.answer_all(py, requests)?;
            let run = unanswered.answer(answers).map_err(raised)?;
            Ok(Run::new(slf.clone().unbind(), run))
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.missing)?;
        visit.call(&self.send_type)?;
        if let Ok(callables) = self.callables.try_lock() {
            for callable in callables.iter().flat_map(Callables::each) {
                visit.call(callable)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let mut callables = self
            .callables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::replace(&mut *callables, Arc::new([]));
        std::mem::drop(callables);
        std::mem::drop(dropped);
    }
}

impl Program {
    pub(crate) fn of(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = spec.py();
        let spec = Spec::read(spec)?;
        let core = lge_core::program::Program::compile(spec.graph).map_err(raised)?;
        let channels = spec.channels;
        let nodes = spec.nodes.into_iter().map(|name| NodeObjects {
            name,
            planned: PyOnceLock::new(),
        });
        let nodes: Vec<_> = nodes.collect();
        let ignored = |id: &ChannelId| NOT_CHANNELS.contains(&core.channel_name(*id));
        let channel_ids = channels.iter().enumerate();
        let channel_ids =
            channel_ids.map(|(index, name)| (address(name), ChannelId::from_index(index)));
        let addresses = channel_ids
            .clone()
            .map(|(at, id)| if ignored(&id) { 0 } else { at });
        let node_ids = nodes.iter().enumerate();
        let node_ids =
            node_ids.map(|(index, node)| (address(&node.name), NodeId::from_index(index)));
        let push = PyString::intern(py, PUSH);
        Ok(Program {
            channel_addresses: addresses.collect(),
            all_names: PyOnceLock::new(),
            channel_objects: channel_ids.filter(|(_, id)| !ignored(id)).collect(),
            node_objects: node_ids.collect(),
            push_triggers: PyTuple::new(py, [&push])?.unbind(),
            push: push.unbind(),
            core: Arc::new(core),
            callables: Mutex::new(spec.callables.into()),
            channels,
            nodes,
            missing: spec.missing,
            send_type: spec.send_type,
        })
    }

    /// What the triggered tasks of a node have in common.
    pub(crate) fn planned(&self, py: Python<'_>, node: NodeId) -> PyResult<&Planned> {
        let objects = &self.nodes[node.index()];
        objects.planned.get_or_try_init(py, || {
            let pull = PyString::intern(py, PULL);
            let triggers = self.core.triggers(node).iter();
            let triggers = triggers.map(|id| self.channels[id.index()].bind(py));
            let path = [pull.as_any(), objects.name.bind(py).as_any()];
            Ok(Planned {
                path: PyTuple::new(py, path)?.unbind(),
                triggers: PyTuple::new(py, triggers.collect::<Vec<_>>())?.unbind(),
            })
        })
    }

    /// The channel a name stands for.
    pub(crate) fn channel(&self, name: &Bound<'_, PyString>) -> PyResult<Option<ChannelId>> {
        match self.channel_objects.get(&(name.as_ptr() as usize)) {
            Some(id) => Ok(Some(*id)),
            None => Ok(self.core.channel(name.to_str()?)),
        }
    }

    /// What a name stands for when it is written to.
    pub(crate) fn target(&self, name: &Bound<'_, PyString>) -> PyResult<Target> {
        if let Some(id) = self.channel_objects.get(&(name.as_ptr() as usize)) {
            return Ok(Target::Channel(*id));
        }
        Ok(self.core.target(name.to_str()?))
    }

    /// What a name stands for when it is written to. Writes often are to one channel, or to one after the
    /// other in the graph's order: there it is looked for first.
    #[inline]
    pub(crate) fn target_near(
        &self,
        name: &Bound<'_, PyAny>,
        near: &mut ChannelId,
    ) -> PyResult<Target> {
        let address = name.as_ptr() as usize;
        let last = near.index();
        for at in [last, last + 1] {
            if self.channel_addresses.get(at) == Some(&address) {
                *near = ChannelId::from_index(at);
                return Ok(Target::Channel(*near));
            }
        }
        self.target_elsewhere(name, near)
    }

    #[inline(never)]
    fn target_elsewhere(&self, name: &Bound<'_, PyAny>, near: &mut ChannelId) -> PyResult<Target> {
        let target = self.target(name.cast::<PyString>()?)?;
        if let Target::Channel(channel) = target {
            *near = channel;
        }
        Ok(target)
    }

    /// The names of these channels.
    pub(crate) fn names_of<'py>(
        &self,
        py: Python<'py>,
        channels: &[ChannelId],
    ) -> PyResult<Bound<'py, PySet>> {
        if channels.len() <= FEW || channels.len() * 2 < self.channels.len() {
            let names = PySet::empty(py)?;
            for channel in channels {
                names.add(self.channels[channel.index()].bind(py))?;
            }
            return Ok(names);
        }
        // Copying a set is several times as fast as filling one.
        let all = self
            .all_names
            .get_or_try_init(py, || PySet::new(py, &self.channels).map(Bound::unbind))?;
        let names = all.bind(py).call_method0(intern!(py, "copy"))?;
        let names = names.cast_into::<PySet>()?;
        let mut is_here = vec![false; self.channels.len()];
        for channel in channels {
            is_here[channel.index()] = true;
        }
        for (name, is_here) in self.channels.iter().zip(is_here) {
            if !is_here {
                names.discard(name)?;
            }
        }
        Ok(names)
    }

    /// The node a name stands for.
    pub(crate) fn node(&self, name: &Bound<'_, PyString>) -> PyResult<Option<NodeId>> {
        match self.node_objects.get(&(name.as_ptr() as usize)) {
            Some(id) => Ok(Some(*id)),
            None => Ok(self.core.node(name.to_str()?)),
        }
    }
}

fn address(name: &Py<PyString>) -> usize {
    name.as_ptr() as usize
}

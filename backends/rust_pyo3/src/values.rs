//! Channel values and checkpoints, between the core's shapes and Python's.

use crate::failure::{protocol_error, raised};
use crate::program::Program;
use crate::run::State;
use crate::spec::items;
use crate::versions;
use lge_core::channels::{Load, Saved, Shown};
use lge_core::error::ErrorKind;
use lge_core::names::{ChannelId, Id as _};
use lge_core::run::{ChannelRef, NodeRef, Restore, Run};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PySet, PyString, PyTuple};

type Value = Py<PyAny>;

/// A channel's value as a node reads it.
pub(crate) fn shown<'py>(py: Python<'py>, value: Shown<Value>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Shown::Value(value) => Ok(value.into_bound(py)),
        Shown::Items(items) => Ok(PyList::new(py, items)?.into_any()),
        Shown::Nothing => Ok(py.None().into_bound(py)),
    }
}

/// A channel's state as LangGraph's channels put it into a checkpoint.
pub(crate) fn saved<'py>(py: Python<'py>, value: Saved<Value>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Saved::Value(value) => value.into_bound(py),
        Saved::Items(items) => PyList::new(py, items)?.into_any(),
        Saved::Packets(packets) => {
            PyList::new(py, packets.into_iter().map(|(packet, _)| packet))?.into_any()
        }
        Saved::Names(names) => PySet::new(py, names)?.into_any(),
        Saved::NamesFinished(names, finished) => {
            let names = PySet::new(py, names)?.into_any();
            PyTuple::new(py, [names, PyBool::new(py, finished).to_owned().into_any()])?.into_any()
        }
        Saved::ValueFinished(value, finished) => {
            let finished = PyBool::new(py, finished).to_owned().into_any();
            PyTuple::new(py, [value.into_bound(py), finished])?.into_any()
        }
    })
}

impl Program {
    /// The name of the node a packet is for; `None` for what is no packet.
    pub(crate) fn packet_node<'py>(
        &self,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyString>>> {
        let py = value.py();
        let send_type = self.send_type.bind(py);
        if value.get_type_ptr().cast() != send_type.as_ptr() && !value.is_instance(send_type)? {
            return Ok(None);
        }
        let node = value.getattr(intern!(py, "node"))?;
        match node.cast_into::<PyString>() {
            Ok(node) => Ok(Some(node)),
            // No node has a name that isn't text.
            Err(other) => other.into_inner().str().map(Some),
        }
    }

    fn read_saved(
        &self,
        channel: ChannelId,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Saved<Value>>> {
        let name = || self.core.channel_name(channel);
        Ok(Some(match self.core.load_of(channel) {
            Load::Never => return Ok(None),
            Load::Value => Saved::Value(value.clone().unbind()),
            Load::Items => {
                Saved::Items(topic_items(value)?.into_iter().map(Bound::unbind).collect())
            }
            Load::Packets => {
                let mut packets = Vec::new();
                for packet in topic_items(value)? {
                    let node = self.packet_node(&packet)?;
                    let node = node.map(|node| node.to_str().map(str::to_owned));
                    packets.push((packet.unbind(), node.transpose()?));
                }
                Saved::Packets(packets)
            }
            Load::Names => Saved::Names(arrived(value, name())?),
            Load::NamesFinished => {
                let (names, finished) = pair(value, name())?;
                Saved::NamesFinished(arrived(&names, name())?, finished.is_truthy()?)
            }
            Load::ValueFinished => {
                let (value, finished) = pair(value, name())?;
                Saved::ValueFinished(value.unbind(), finished.is_truthy()?)
            }
        }))
    }
}

/// A topic's saved values. LangGraph stored a pair before 0.3, with the values in its second half.
fn topic_items<'py>(saved: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let values = match saved.cast::<PyTuple>() {
        Ok(pair) => pair.get_item(1)?,
        Err(_) => saved.clone(),
    };
    if !values.is_truthy()? {
        return Ok(Vec::new());
    }
    values.try_iter()?.collect()
}

fn arrived(saved: &Bound<'_, PyAny>, channel: &str) -> PyResult<Vec<String>> {
    let names: PyResult<Vec<String>> = saved.try_iter()?.map(|name| name?.extract()).collect();
    names.map_err(|_| {
        let message = format!("channel '{channel}' can't load {saved}: expected a set of names");
        protocol_error(ErrorKind::BadCheckpoint, message)
    })
}

fn pair<'py>(
    saved: &Bound<'py, PyAny>,
    channel: &str,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let parts: Vec<Bound<'py, PyAny>> = saved.try_iter()?.collect::<PyResult<_>>()?;
    <[_; 2]>::try_from(parts)
        .map(|[first, second]| (first, second))
        .map_err(|parts| {
            let count = parts.len();
            let message = format!("channel '{channel}' can't load {count} parts: expected two");
            protocol_error(ErrorKind::BadCheckpoint, message)
        })
}

/// Tells a run being started what a checkpoint says.
pub(crate) fn read_checkpoint(
    program: &Program,
    checkpoint: &Bound<'_, PyAny>,
    restore: &mut Restore<Value>,
) -> PyResult<()> {
    let py = checkpoint.py();
    let values = checkpoint.get_item(intern!(py, "channel_values"))?;
    for (name, value) in items(&values)? {
        let Some(channel) = program.channel(name.cast::<PyString>()?)? else {
            continue;
        };
        if value.is(&program.missing) {
            continue;
        }
        if let Some(saved) = program.read_saved(channel, &value)? {
            restore.value(channel, saved).map_err(raised)?;
        }
    }
    for (name, version) in items(&checkpoint.get_item(intern!(py, "channel_versions"))?)? {
        let version = versions::read(&version)?;
        restore.version(program.channel_ref(name.cast::<PyString>()?)?, version);
    }
    for (name, seen) in items(&checkpoint.get_item(intern!(py, "versions_seen"))?)? {
        restore.node(program.node_ref(name.cast::<PyString>()?)?);
        for (name, version) in items(&seen)? {
            let version = versions::read(&version)?;
            restore.seen(program.channel_ref(name.cast::<PyString>()?)?, version);
        }
    }
    restore.format(checkpoint.get_item(intern!(py, "v"))?.extract()?);
    Ok(())
}

impl Program {
    pub(crate) fn channel_ref<'a>(
        &self,
        name: &'a Bound<'_, PyString>,
    ) -> PyResult<ChannelRef<'a>> {
        Ok(match self.channel(name)? {
            Some(id) => ChannelRef::Known(id),
            None => ChannelRef::Named(name.to_str()?),
        })
    }

    pub(crate) fn node_ref<'a>(&self, name: &'a Bound<'_, PyString>) -> PyResult<NodeRef<'a>> {
        Ok(match self.node(name)? {
            Some(id) => NodeRef::Known(id),
            None => NodeRef::Named(name.to_str()?),
        })
    }

    pub(crate) fn channel_object<'py>(
        &self,
        py: Python<'py>,
        run: &Run<Value>,
        id: ChannelId,
    ) -> Bound<'py, PyString> {
        match self.channels.get(id.index()) {
            Some(name) => name.bind(py).clone(),
            None => PyString::new(py, run.channel_name(id)),
        }
    }
}

/// The channel versions of a run, and those each node has seen.
pub(crate) fn version_dicts<'py>(
    py: Python<'py>,
    program: &Program,
    state: &mut State,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    let State { run, versions } = state;
    let channel_versions = PyDict::new(py);
    for (channel, version) in run.channel_versions() {
        let name = program.channel_object(py, run, channel);
        channel_versions.set_item(name, versions.object(py, version)?)?;
    }
    let versions_seen = PyDict::new(py);
    for (node, seen) in run.versions_seen() {
        let marks = PyDict::new(py);
        for (channel, version) in seen {
            let name = program.channel_object(py, run, channel);
            marks.set_item(name, versions.object(py, version)?)?;
        }
        match program.nodes.get(node.index()) {
            Some(objects) => versions_seen.set_item(objects.name.bind(py), marks)?,
            None => versions_seen.set_item(run.node_name(node), marks)?,
        }
    }
    Ok((channel_versions, versions_seen))
}

//! Turns `TaskWrites` into the core's batch. Runs the user's iterators, so nothing is borrowed here.

use crate::program::Program;
use crate::step_task::Written;
use lge_core::batch::Batch;
use lge_core::names::{ChannelId, Id as _, NodeId};
use lge_core::program::{LabelKind, Target};
use lge_core::run::{ChannelRef, NodeRef};
use lge_core::task_path::{PULL, PUSH, PathKey, TaskPath};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyList, PyString, PyTuple};

type Value = Py<PyAny>;

/// The names and paths of a batch's tasks, for reporting writes to unknown channels.
pub(crate) type TaskNames<'py> = Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

/// The name a packet was last found to name, and the node of that name.
pub(crate) type Addressee<'py> = (Bound<'py, PyString>, Option<NodeId>);

/// Calls `each` with every item: by index for a list or tuple, through its iterator otherwise.
fn for_each<'py>(
    items: &Bound<'py, PyAny>,
    mut each: impl FnMut(Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    if let Ok(list) = items.cast_exact::<PyList>() {
        return for_each_of_list(list, each);
    }
    if let Ok(tuple) = items.cast_exact::<PyTuple>() {
        return tuple.iter().try_for_each(each);
    }
    items.try_iter()?.try_for_each(|item| each(item?))
}

#[inline(always)]
fn for_each_of_list<'py>(
    list: &Bound<'py, PyList>,
    mut each: impl FnMut(Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    // The list may grow by what an item's attributes run: its length is asked again.
    let mut index = 0;
    while index < list.len() {
        for item in list.iter().skip(index) {
            each(item)?;
            index += 1;
        }
    }
    Ok(())
}

impl Program {
    /// Adds one entry per task.
    pub(crate) fn read_batch<'py>(
        &self,
        tasks: &Bound<'py, PyAny>,
        batch: &mut Batch<'_, Value>,
    ) -> PyResult<TaskNames<'py>> {
        let mut names = Vec::new();
        for_each(tasks, |task| {
            let task = task.cast_into::<PyTuple>()?;
            let [path, name, writes, triggers] = four(&task)?;
            self.read_task(&path, name.cast::<PyString>()?, &triggers, batch)?;
            self.read_writes(&writes, batch)?;
            names.push((name, path));
            Ok(())
        })?;
        Ok(names)
    }

    fn read_task(
        &self,
        path: &Bound<'_, PyAny>,
        name: &Bound<'_, PyString>,
        triggers: &Bound<'_, PyAny>,
        batch: &mut Batch<'_, Value>,
    ) -> PyResult<()> {
        let node = self.node(name)?;
        let planned = node.and_then(|id| self.nodes[id.index()].planned(path.py()));
        let path = match (node, planned) {
            (Some(id), Some(planned)) if path.is(&planned.path) => PathKey::Pull(id),
            _ => self.path_key(path)?,
        };
        let reference = match node {
            Some(id) => NodeRef::Known(id),
            None => NodeRef::Named(name.to_str()?),
        };
        batch.task(path, reference);
        if planned.is_some_and(|planned| triggers.is(&planned.triggers)) {
            batch.own_triggers();
            return Ok(());
        }
        if triggers.is(&self.push_triggers) {
            batch.trigger(ChannelRef::Named(PUSH));
            return Ok(());
        }
        for_each(triggers, |trigger| {
            batch.trigger(self.channel_ref(trigger.cast::<PyString>()?)?);
            Ok(())
        })
    }

    pub(crate) fn read_writes(
        &self,
        writes: &Bound<'_, PyAny>,
        batch: &mut Batch<'_, Value>,
    ) -> PyResult<()> {
        let mut last = (ChannelId(0), None);
        if let Ok(list) = writes.cast_exact::<PyList>() {
            batch.reserve(list.len());
            return for_each_of_list(list, |write| self.read_pair(&write, batch, &mut last));
        }
        for_each(writes, |write| self.read_pair(&write, batch, &mut last))
    }

    /// A write, and what is kept of it for the next one.
    #[inline(always)]
    fn read_pair<'py>(
        &self,
        write: &Bound<'py, PyAny>,
        batch: &mut Batch<'_, Value>,
        (near, addressee): &mut (ChannelId, Option<Addressee<'py>>),
    ) -> PyResult<()> {
        let mut listed = None;
        let [name, value] = two(write, &mut listed)?;
        match self.target_near(name, near)? {
            Target::Channel(channel) => self.read_write(channel, value.clone(), batch, addressee),
            Target::Ignored => Ok(()),
            Target::Unknown => {
                batch.write_unknown(name.cast::<PyString>()?.to_str()?);
                Ok(())
            }
        }
    }

    /// Writes by name, which stay Python's until they are committed.
    pub(crate) fn read_pairs(
        &self,
        pairs: &Bound<'_, PyAny>,
        writes: &mut Vec<Written>,
    ) -> PyResult<()> {
        for_each(pairs, |pair| {
            let mut listed = None;
            let [name, value] = two(&pair, &mut listed)?;
            let name = name.cast::<PyString>()?;
            let target = self.target(name)?;
            writes.push((name.clone().unbind(), target, value.clone().unbind()));
            Ok(())
        })
    }

    /// One task's writes for a read: names that are no channel don't matter.
    pub(crate) fn read_only_writes(
        &self,
        writes: &Bound<'_, PyAny>,
        batch: &mut Batch<'_, Value>,
    ) -> PyResult<()> {
        batch.task(PathKey::Text(String::new()), NodeRef::Named(""));
        let mut addressee = None;
        for_each(writes, |write| {
            let mut listed = None;
            let [name, value] = two(&write, &mut listed)?;
            match self.channel(name.cast::<PyString>()?)? {
                Some(channel) => self.read_write(channel, value.clone(), batch, &mut addressee),
                None => Ok(()),
            }
        })
    }

    /// A write to a channel. `addressee` is kept from one to the next.
    #[inline(always)]
    pub(crate) fn read_write<'py>(
        &self,
        channel: ChannelId,
        value: Bound<'py, PyAny>,
        batch: &mut Batch<'_, Value>,
        addressee: &mut Option<Addressee<'py>>,
    ) -> PyResult<()> {
        match self.core.label_of(channel) {
            LabelKind::Nothing => {
                batch.write(channel, value.unbind(), None);
                Ok(())
            }
            label => self.read_labelled(label, channel, value, batch, addressee),
        }
    }

    /// A write to a channel of which the core wants to know more than the value.
    fn read_labelled<'py>(
        &self,
        label: LabelKind,
        channel: ChannelId,
        value: Bound<'py, PyAny>,
        batch: &mut Batch<'_, Value>,
        addressee: &mut Option<Addressee<'py>>,
    ) -> PyResult<()> {
        match label {
            LabelKind::Nothing => batch.write(channel, value.unbind(), None),
            LabelKind::Name => match value.cast::<PyString>() {
                Ok(name) => batch.write(channel, value.clone().unbind(), Some(name.to_str()?)),
                Err(_) => batch.write(channel, value.unbind(), None),
            },
            LabelKind::Items | LabelKind::Packets => {
                let list = value.cast::<PyList>();
                if list.as_ref().is_ok_and(|list| list.is_empty()) {
                    batch.write_nothing(channel);
                }
                let mut item = |item: Bound<'py, PyAny>| {
                    let name = match label {
                        LabelKind::Packets => self.packet_node(&item)?,
                        _ => None,
                    };
                    match name {
                        Some(name) => {
                            let node = self.addressed(name, addressee)?;
                            batch.write_packet(channel, item.unbind(), node);
                        }
                        None => batch.write(channel, item.unbind(), None),
                    }
                    PyResult::Ok(())
                };
                match list {
                    Ok(list) => list.iter().try_for_each(item)?,
                    Err(_) => item(value)?,
                }
            }
        }
        Ok(())
    }

    /// The node of that name. Packets are often for the same one.
    fn addressed<'py>(
        &self,
        name: Bound<'py, PyString>,
        addressee: &mut Option<Addressee<'py>>,
    ) -> PyResult<Option<NodeId>> {
        match addressee {
            Some((last, node)) if last.is(&name) => Ok(*node),
            _ => {
                let node = self.node(&name)?;
                *addressee = Some((name, node));
                Ok(node)
            }
        }
    }

    /// A path as far as its order goes.
    fn path_key(&self, path: &Bound<'_, PyAny>) -> PyResult<PathKey> {
        if let Ok(parts) = path.cast::<PyTuple>()
            && let Some(key) = self.planned_path(parts)?
        {
            return Ok(key);
        }
        Ok(PathKey::Text(task_path(path)?.text()))
    }

    /// The key of a path a plan makes.
    fn planned_path(&self, parts: &Bound<'_, PyTuple>) -> PyResult<Option<PathKey>> {
        let py = parts.py();
        let is = |part: &Bound<'_, PyAny>, object: &Py<PyString>, text: &str| {
            part.is(object)
                || part
                    .cast::<PyString>()
                    .is_ok_and(|part| part.to_str().is_ok_and(|it| it == text))
        };
        match parts.len() {
            2 => {
                let (first, second) = (parts.get_item(0)?, parts.get_item(1)?);
                let Ok(name) = second.cast::<PyString>() else {
                    return Ok(None);
                };
                let pulled = first
                    .cast::<PyString>()
                    .is_ok_and(|it| it.to_str().is_ok_and(|it| it == PULL));
                Ok(if pulled {
                    self.node(name)?.map(PathKey::Pull)
                } else {
                    None
                })
            }
            3 => {
                let (first, index, nested) =
                    (parts.get_item(0)?, parts.get_item(1)?, parts.get_item(2)?);
                if is(&first, &self.push, PUSH)
                    && index.is_exact_instance_of::<PyInt>()
                    && nested.is(PyBool::new(py, false))
                {
                    return Ok(index.extract::<u64>().ok().map(PathKey::Push));
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

fn task_path(path: &Bound<'_, PyAny>) -> PyResult<TaskPath> {
    if let Ok(parts) = path.cast::<PyTuple>() {
        return parts
            .iter()
            .map(|part| task_path(&part))
            .collect::<PyResult<_>>()
            .map(TaskPath::Parts);
    }
    if let Ok(parts) = path.cast::<PyList>() {
        return parts
            .iter()
            .map(|part| task_path(&part))
            .collect::<PyResult<_>>()
            .map(TaskPath::Parts);
    }
    if path.is_instance_of::<PyInt>()
        && let Ok(number) = path.extract::<i64>()
    {
        return Ok(TaskPath::Int(number));
    }
    Ok(TaskPath::Text(path.str()?.to_str()?.to_owned()))
}

/// A write's name and value.
#[inline(always)]
fn two<'a, 'py>(
    write: &'a Bound<'py, PyAny>,
    listed: &'a mut Option<[Bound<'py, PyAny>; 2]>,
) -> PyResult<&'a [Bound<'py, PyAny>; 2]> {
    if let Ok(pair) = write.cast::<PyTuple>()
        && let Ok(pair) = pair.as_slice().try_into()
    {
        return Ok(pair);
    }
    two_of_list(write, listed)
}

/// A write that came back from a cache is a list.
#[cold]
fn two_of_list<'a, 'py>(
    write: &Bound<'py, PyAny>,
    listed: &'a mut Option<[Bound<'py, PyAny>; 2]>,
) -> PyResult<&'a [Bound<'py, PyAny>; 2]> {
    Ok(listed.insert(write.extract()?))
}

fn four<'py>(task: &Bound<'py, PyTuple>) -> PyResult<[Bound<'py, PyAny>; 4]> {
    if task.len() != 4 {
        let message = format!("a TaskWrites has 4 fields, not {}", task.len());
        return Err(PyTypeError::new_err(message));
    }
    Ok([
        task.get_item(0)?,
        task.get_item(1)?,
        task.get_item(2)?,
        task.get_item(3)?,
    ])
}

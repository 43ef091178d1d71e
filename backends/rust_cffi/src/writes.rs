//! Reads writes: those of a superstep, and those of a task whose view is asked for.

use crate::program::Program;
use crate::reader::{Read, Reader};
use crate::versions;
use lge_core::batch::Batch;
use lge_core::names::{ChannelId, NodeId};
use lge_core::plan::Superstep;
use lge_core::program::{LabelKind, Target};
use lge_core::run::{ChannelRef, NodeRef};
use lge_core::task_path::{PathKey, TaskPath};
use lge_core::versions::Version;

/// A commit, the superstep to plan after it, and whether the host takes more than one thing at a time: several
/// questions at once, and the highest version with the result.
pub(crate) struct Commit<'p, 'm, V> {
    pub(crate) batch: Batch<'p, V>,
    pub(crate) version: Option<Version>,
    pub(crate) next: Option<Following<'m>>,
    pub(crate) takes_more: bool,
}

/// The superstep to plan after a commit, and the channels to read if that has nothing to run.
pub(crate) struct Following<'m> {
    pub(crate) superstep: Superstep<'m>,
    pub(crate) reads: Vec<ChannelId>,
}

/// Paths within paths, at most: LangGraph's are as deep as its calls.
const DEEPEST_PATH: usize = 64;

impl Program {
    /// Reads a commit message: `[tasks, version]`, the superstep to plan after it if there is a third field, and
    /// in a fourth whether the host takes more. `take` makes a value of a handle.
    pub(crate) fn read_commit<'m, V>(
        &self,
        message: &'m [u8],
        take: &mut (impl FnMut(u64) -> V + ?Sized),
    ) -> Read<Commit<'_, 'm, V>> {
        let mut reader = Reader::of("commit", message);
        let mut batch = Batch::new(&self.core);
        let before = reader.clone();
        let fields = reader.array("a commit")?;
        if !(2..=4).contains(&fields) {
            return Err(before.expected("a commit of 2 to 4 fields"));
        }
        for _ in 0..reader.array("tasks")? {
            reader.fields(4, "a task's writes")?;
            self.read_task(&mut reader, &mut batch)?;
            self.read_writes(&mut reader, &mut batch, take)?;
        }
        let version = if reader.nil() {
            None
        } else {
            Some(versions::read(&mut reader)?)
        };
        // A third field that is followed by another may be nil.
        let next = if fields == 2 || (fields == 4 && reader.nil()) {
            None
        } else {
            Some(self.read_following(&mut reader)?)
        };
        let takes_more = fields == 4 && reader.flag("whether more is taken")?;
        reader.end()?;
        Ok(Commit {
            batch,
            version,
            next,
            takes_more,
        })
    }

    /// `[step, checkpoint id, namespace]`, and in a fourth field channels, of which names the graph doesn't have are left out.
    fn read_following<'m>(&self, reader: &mut Reader<'m>) -> Read<Following<'m>> {
        let before = reader.clone();
        let fields = reader.array("the superstep to plan")?;
        if !(3..=4).contains(&fields) {
            return Err(before.expected("the superstep to plan of 3 or 4 fields"));
        }
        let superstep = read_superstep(reader)?;
        let mut reads = Vec::new();
        if fields == 4 {
            for _ in 0..reader.array("the channels to read")? {
                reads.extend(self.find_channel(reader)?);
            }
        }
        Ok(Following { superstep, reads })
    }

    /// Path, node and triggers.
    fn read_task<V>(&self, reader: &mut Reader<'_>, batch: &mut Batch<'_, V>) -> Read<()> {
        let path = self.read_path(reader)?;
        let before = reader.clone();
        let node = self.node_ref(reader)?;
        let path = match (path, node) {
            (Some(path), _) => path,
            (None, NodeRef::Known(id)) => PathKey::Pull(id),
            (None, NodeRef::Named(name)) => match self.core.node(name) {
                Some(id) => PathKey::Pull(id),
                None => return Err(before.expected("a node of the graph (its path is nil)")),
            },
        };
        batch.task(path, node);
        let before = reader.clone();
        if reader.nil() {
            match node {
                NodeRef::Known(_) => batch.own_triggers(),
                NodeRef::Named(name) => match self.core.node(name) {
                    Some(id) => self.list_triggers(id, batch),
                    None => return Err(before.expected("triggers (the node isn't the graph's)")),
                },
            }
            return Ok(());
        }
        for _ in 0..reader.array("triggers")? {
            batch.trigger(self.channel_ref(reader)?);
        }
        Ok(())
    }

    fn list_triggers<V>(&self, node: NodeId, batch: &mut Batch<'_, V>) {
        for &trigger in self.core.triggers(node) {
            batch.trigger(ChannelRef::Known(trigger));
        }
    }

    /// Nil (the node's own) is none; a number is a packet's.
    fn read_path(&self, reader: &mut Reader<'_>) -> Read<Option<PathKey>> {
        if reader.nil() {
            return Ok(None);
        }
        if !reader.at_array() && !reader.at_text() {
            let before = reader.clone();
            let index = u64::try_from(reader.number("a path")?);
            let index = index.map_err(|_| before.expected("a path"))?;
            return Ok(Some(PathKey::Push(index)));
        }
        let path = read_parts(reader, DEEPEST_PATH)?;
        Ok(Some(PathKey::of(&path, &self.core)))
    }

    fn read_writes<V>(
        &self,
        reader: &mut Reader<'_>,
        batch: &mut Batch<'_, V>,
        take: &mut (impl FnMut(u64) -> V + ?Sized),
    ) -> Read<()> {
        for _ in 0..reader.array("writes")? {
            reader.fields(2, "a write")?;
            let channel = self.channel_ref(reader)?;
            let target = self.target(channel);
            if let (Target::Unknown, ChannelRef::Named(name)) = (target, channel) {
                batch.write_unknown(name);
            }
            match target {
                Target::Channel(channel) => self.read_write(reader, channel, batch, take)?,
                Target::Ignored | Target::Unknown => {
                    let before = reader.clone();
                    if !reader.nil() {
                        return Err(
                            before.expected("nil (the write is to no channel of the graph)")
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// One value, in the shape its channel takes.
    fn read_write<V>(
        &self,
        reader: &mut Reader<'_>,
        channel: ChannelId,
        batch: &mut Batch<'_, V>,
        take: &mut (impl FnMut(u64) -> V + ?Sized),
    ) -> Read<()> {
        match self.core.label_of(channel) {
            LabelKind::Nothing => batch.write(channel, take(reader.handle()?), None),
            LabelKind::Name => {
                let (handle, name) = read_labelled(reader, "a value and its name")?;
                batch.write(channel, take(handle), name);
            }
            LabelKind::Items => {
                let count = reader.array("a topic's values")?;
                for _ in 0..count {
                    batch.write(channel, take(reader.handle()?), None);
                }
                if count == 0 {
                    batch.write_nothing(channel);
                }
            }
            LabelKind::Packets => {
                let count = reader.array("packets")?;
                for _ in 0..count {
                    let (handle, node) = read_labelled(reader, "a packet and its node")?;
                    batch.write(channel, take(handle), node);
                }
                if count == 0 {
                    batch.write_nothing(channel);
                }
            }
        }
        Ok(())
    }

    /// One task's writes for a read; nil is none, which is not the same as no writes.
    pub(crate) fn read_own_writes<V>(
        &self,
        reader: &mut Reader<'_>,
        take: &mut (impl FnMut(u64) -> V + ?Sized),
    ) -> Read<Option<Batch<'_, V>>> {
        if reader.nil() {
            return Ok(None);
        }
        let mut batch = Batch::new(&self.core);
        batch.task(PathKey::Text(String::new()), NodeRef::Named(""));
        self.read_writes(reader, &mut batch, take)?;
        Ok(Some(batch))
    }
}

/// Step, checkpoint id and namespace.
pub(crate) fn read_superstep<'a>(reader: &mut Reader<'a>) -> Read<Superstep<'a>> {
    Ok(Superstep {
        step: reader.number("a step")?,
        checkpoint_id: reader.text("a checkpoint's id")?,
        namespace: reader.text("a namespace")?,
    })
}

/// `[handle, name]`; the name is nil for a value without one.
pub(crate) fn read_labelled<'a>(
    reader: &mut Reader<'a>,
    what: &str,
) -> Read<(u64, Option<&'a str>)> {
    reader.fields(2, what)?;
    let handle = reader.handle()?;
    if reader.nil() {
        return Ok((handle, None));
    }
    Ok((handle, Some(reader.text("a name")?)))
}

fn read_parts(reader: &mut Reader<'_>, deepest: usize) -> Read<TaskPath> {
    if reader.at_text() {
        return Ok(TaskPath::Text(reader.text("a path")?.to_owned()));
    }
    if reader.at_flag() {
        return Ok(TaskPath::Int(i64::from(reader.flag("a path")?)));
    }
    if !reader.at_array() {
        return Ok(TaskPath::Int(reader.number("a path")?));
    }
    if deepest == 0 {
        return Err(reader.expected("a path no deeper than 64"));
    }
    let count = reader.array("a path")?;
    (0..count)
        .map(|_| read_parts(reader, deepest - 1))
        .collect::<Read<_>>()
        .map(TaskPath::Parts)
}

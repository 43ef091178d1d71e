//! Channel values and checkpoints, between the core's shapes and messages.

use crate::host::Value;
use crate::message::Reply;
use crate::program::Program;
use crate::reader::{Read, Reader};
use crate::versions;
use crate::writes::read_labelled;
use lge_core::channels::{Load, Saved, Shown};
use lge_core::names::ChannelId;
use lge_core::names::Id as _;
use lge_core::run::{Restore, Run};

/// A channel's value as a node reads it: a handle, an array of a topic's, or nil.
pub(crate) fn shown(reply: &mut Reply, value: Shown<Value>) {
    match value {
        Shown::Value(value) => reply.value(value),
        Shown::Items(items) => reply.values(items),
        Shown::Nothing => reply.nil(),
    }
}

/// Channels' values by number.
pub(crate) fn shown_all(reply: &mut Reply, values: Vec<(ChannelId, Shown<Value>)>) {
    reply.map(values.len());
    for (channel, value) in values {
        reply.index(channel.index());
        shown(reply, value);
    }
}

/// A channel's state as a checkpoint has it, in the shape the channel is saved in.
pub(crate) fn saved(reply: &mut Reply, value: Saved<Value>) {
    let names = |reply: &mut Reply, names: Vec<String>| {
        reply.array(names.len());
        names.iter().for_each(|name| reply.text(name));
    };
    match value {
        Saved::Value(value) => reply.value(value),
        Saved::Items(items) => reply.values(items),
        Saved::Packets(packets) => {
            reply.values(packets.into_iter().map(|(packet, _)| packet));
        }
        Saved::Names(arrived) => names(reply, arrived),
        Saved::NamesFinished(arrived, finished) => {
            reply.array(2);
            names(reply, arrived);
            reply.flag(finished);
        }
        Saved::ValueFinished(value, finished) => {
            reply.array(2);
            reply.value(value);
            reply.flag(finished);
        }
    }
}

/// Reads what `saved` writes; packets come with the node each is for.
fn read_saved<V>(
    reader: &mut Reader<'_>,
    shape: Load,
    take: &mut (impl FnMut(u64) -> V + ?Sized),
) -> Read<Option<Saved<V>>> {
    Ok(Some(match shape {
        Load::Never => {
            let before = reader.clone();
            if !reader.nil() {
                return Err(before.expected("nil (the channel is never saved)"));
            }
            return Ok(None);
        }
        Load::Value => Saved::Value(take(reader.handle()?)),
        Load::Items => {
            let count = reader.array("a topic's values")?;
            let items = (0..count).map(|_| Ok(take(reader.handle()?)));
            Saved::Items(items.collect::<Read<_>>()?)
        }
        Load::Packets => {
            let count = reader.array("packets")?;
            let packets = (0..count).map(|_| {
                let (handle, node) = read_labelled(reader, "a packet and its node")?;
                Ok((take(handle), node.map(str::to_owned)))
            });
            Saved::Packets(packets.collect::<Read<_>>()?)
        }
        Load::Names => Saved::Names(reader.texts("the names that arrived")?),
        Load::NamesFinished => {
            reader.fields(2, "the names that arrived, and whether the rest is over")?;
            let names = reader.texts("the names that arrived")?;
            Saved::NamesFinished(names, reader.flag("whether the rest is over")?)
        }
        Load::ValueFinished => {
            reader.fields(2, "a value, and whether the rest is over")?;
            let value = take(reader.handle()?);
            Saved::ValueFinished(value, reader.flag("whether the rest is over")?)
        }
    }))
}

impl Program {
    /// Reads a restore message: `[format, values, versions, seen]`, or nil for a run from nothing.
    pub(crate) fn read_checkpoint<V: Clone>(
        &self,
        message: &[u8],
        restore: &mut Restore<V>,
        take: &mut (impl FnMut(u64) -> V + ?Sized),
    ) -> Read<()> {
        let mut reader = Reader::of("restore", message);
        if reader.nil() {
            return reader.end();
        }
        reader.fields(4, "a checkpoint")?;
        restore.format(reader.number("a checkpoint's format")?);
        for _ in 0..reader.array("channels' values")? {
            reader.fields(2, "a channel and its value")?;
            let before = reader.clone();
            let Some(channel) = self.find_channel(&mut reader)? else {
                return Err(before.expected("a channel of the graph"));
            };
            let shape = self.core.load_of(channel);
            if let Some(value) = read_saved(&mut reader, shape, take)? {
                restore.value(channel, value)?;
            }
        }
        for _ in 0..reader.array("channels' versions")? {
            reader.fields(2, "a channel and its version")?;
            let channel = self.channel_ref(&mut reader)?;
            restore.version(channel, versions::read(&mut reader)?);
        }
        for _ in 0..reader.array("versions seen")? {
            reader.fields(2, "a node and what it has seen")?;
            restore.node(self.node_ref(&mut reader)?);
            for _ in 0..reader.array("what a node has seen")? {
                reader.fields(2, "a channel and its version")?;
                let channel = self.channel_ref(&mut reader)?;
                restore.seen(channel, versions::read(&mut reader)?);
            }
        }
        reader.end()
    }

    /// A channel's number, or the name of one that isn't the graph's.
    fn channel(&self, reply: &mut Reply, run: &Run<Value>, channel: ChannelId) {
        if channel.index() < self.core.channel_count() {
            reply.index(channel.index());
        } else {
            reply.text(run.channel_name(channel));
        }
    }

    /// The versions of a run's channels, and those each node has seen, as a restore message has them.
    pub(crate) fn marks(&self, reply: &mut Reply, run: &Run<Value>) {
        let versions = run.channel_versions();
        reply.array(versions.len());
        for (channel, version) in versions {
            reply.array(2);
            self.channel(reply, run, channel);
            reply.version(version);
        }
        let nodes = run.versions_seen();
        reply.array(nodes.len());
        for (node, seen) in nodes {
            reply.array(2);
            if node.index() < self.core.node_count() {
                reply.index(node.index());
            } else {
                reply.text(run.node_name(node));
            }
            reply.array(seen.len());
            for (channel, version) in seen {
                reply.array(2);
                self.channel(reply, run, channel);
                reply.version(version);
            }
        }
    }
}

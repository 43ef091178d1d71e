//! A compiled graph, as the host sees it.

use crate::message::Reply;
use crate::reader::{Read, Reader};
use lge_core::channels::Load;
use lge_core::error::Error;
use lge_core::names::{ChannelId, Id as _, NodeId};
use lge_core::program::{LabelKind, Target};
use lge_core::run::{ChannelRef, NodeRef};
use std::collections::HashSet;
use std::sync::Arc;

/// A compiled graph.
pub(crate) struct Program {
    pub(crate) core: Arc<lge_core::program::Program>,
    /// Channels whose names are reserved: what is written to them says something about the task.
    reserved: HashSet<ChannelId>,
}

/// A channel or node in a message: its number in the graph, or its name.
#[derive(Clone, Copy)]
pub(crate) enum Name<'a> {
    Number(u32),
    Text(&'a str),
}

impl Program {
    pub(crate) fn compile(message: &[u8]) -> Result<Self, Error> {
        let graph = crate::spec::read(message)?;
        let core = Arc::new(lge_core::program::Program::compile(graph)?);
        let ids = (0..core.channel_count()).map(ChannelId::from_index);
        let reserved = |id: &ChannelId| core.target(core.channel_name(*id)) == Target::Ignored;
        let reserved = ids.filter(reserved).collect();
        Ok(Program { core, reserved })
    }

    /// What a channel of the graph, or a name, stands for when it is written to.
    pub(crate) fn target(&self, channel: ChannelRef<'_>) -> Target {
        match channel {
            ChannelRef::Known(id) if self.reserved.contains(&id) => Target::Ignored,
            ChannelRef::Known(id) => Target::Channel(id),
            ChannelRef::Named(name) => self.core.target(name),
        }
    }

    /// What a host needs to know to write messages: how each channel's values are written and saved,
    /// and the triggers of each node as its tasks list them.
    pub(crate) fn describe(&self, reply: &mut Reply) {
        reply.array(2);
        reply.array(self.core.channel_count());
        for index in 0..self.core.channel_count() {
            let channel = ChannelId::from_index(index);
            reply.array(2);
            reply.text(match self.core.label_of(channel) {
                _ if self.reserved.contains(&channel) => "ignored",
                LabelKind::Nothing => "value",
                LabelKind::Name => "name",
                LabelKind::Items => "items",
                LabelKind::Packets => "packets",
            });
            reply.text(match self.core.load_of(channel) {
                Load::Value => "value",
                Load::Items => "items",
                Load::Packets => "packets",
                Load::Names => "names",
                Load::NamesFinished => "names_finished",
                Load::ValueFinished => "value_finished",
                Load::Never => "never",
            });
        }
        reply.array(self.core.node_count());
        for index in 0..self.core.node_count() {
            let triggers = self.core.triggers(NodeId::from_index(index));
            reply.array(triggers.len());
            triggers.iter().for_each(|id| reply.index(id.index()));
        }
    }

    /// A channel of the graph, or any name.
    pub(crate) fn channel_ref<'a>(&self, reader: &mut Reader<'a>) -> Read<ChannelRef<'a>> {
        let what = "a channel";
        Ok(match read_name(reader, what, self.core.channel_count())? {
            Name::Number(number) => ChannelRef::Known(ChannelId(number)),
            Name::Text(name) => ChannelRef::Named(name),
        })
    }

    /// A node of the graph, or any name.
    pub(crate) fn node_ref<'a>(&self, reader: &mut Reader<'a>) -> Read<NodeRef<'a>> {
        Ok(match read_name(reader, "a node", self.core.node_count())? {
            Name::Number(number) => NodeRef::Known(NodeId(number)),
            Name::Text(name) => NodeRef::Named(name),
        })
    }

    /// A channel of the graph; none for a name the graph doesn't have.
    pub(crate) fn find_channel(&self, reader: &mut Reader<'_>) -> Read<Option<ChannelId>> {
        Ok(match self.channel_ref(reader)? {
            ChannelRef::Known(channel) => Some(channel),
            ChannelRef::Named(name) => self.core.channel(name),
        })
    }
}

/// Reads a name, or a number less than `count`.
pub(crate) fn read_name<'a>(reader: &mut Reader<'a>, what: &str, count: usize) -> Read<Name<'a>> {
    if reader.at_text() {
        return Ok(Name::Text(reader.text(what)?));
    }
    let before = reader.clone();
    let number = reader.number(what)?;
    match u32::try_from(number) {
        Ok(number) if (number as usize) < count => Ok(Name::Number(number)),
        _ => Err(before.expected(&format!("{what} (a number below {count}, or a name)"))),
    }
}

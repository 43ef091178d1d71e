//! The core's questions as messages, and the host's answers.

use crate::host::Value;
use crate::message::Reply;
use crate::reader::{Read, Reader};
use lge_core::dialogue::{Answer, CustomCall, Request};
use lge_core::names::Id as _;

/// Writes a question: its name, the channel, and what it is about.
pub(crate) fn write(reply: &mut Reply, request: Request<Value>) {
    let optional = |reply: &mut Reply, value: Option<Value>| match value {
        Some(value) => reply.value(value),
        None => reply.nil(),
    };
    match request {
        Request::Initial { channel } => {
            reply.array(2);
            reply.text("initial");
            reply.index(channel.index());
        }
        Request::Fold {
            channel,
            base,
            values,
        } => {
            reply.array(4);
            reply.text("fold");
            reply.index(channel.index());
            optional(reply, base);
            reply.values(values);
        }
        Request::Load { channel, saved } => {
            reply.array(3);
            reply.text("load");
            reply.index(channel.index());
            optional(reply, saved);
        }
        Request::Custom {
            channel,
            object,
            call,
        } => {
            let (name, values) = match call {
                CustomCall::Update(values) => ("update", Some(values)),
                CustomCall::Consume => ("consume", None),
                CustomCall::Finish => ("finish", None),
                CustomCall::IsAvailable => ("is_available", None),
                CustomCall::Get => ("get", None),
                CustomCall::Checkpoint => ("checkpoint", None),
                CustomCall::Copy => ("copy", None),
            };
            reply.array(if values.is_some() { 4 } else { 3 });
            reply.text(name);
            reply.index(channel.index());
            reply.value(object);
            if let Some(values) = values {
                reply.values(values);
            }
        }
    }
}

/// Reads an answer: a handle, nil for "no value", or a flag.
pub(crate) fn read<V>(
    reader: &mut Reader<'_>,
    take: &mut (impl FnMut(u64) -> V + ?Sized),
) -> Read<Answer<V>> {
    Ok(if reader.nil() {
        Answer::Nothing
    } else if reader.at_flag() {
        Answer::Flag(reader.flag("an answer")?)
    } else {
        Answer::Value(take(reader.handle()?))
    })
}

/// Reads the answers to several questions.
pub(crate) fn read_all<V>(
    reader: &mut Reader<'_>,
    take: &mut (impl FnMut(u64) -> V + ?Sized),
) -> Read<Vec<Answer<V>>> {
    let count = reader.array("answers")?;
    (0..count).map(|_| read(reader, take)).collect()
}

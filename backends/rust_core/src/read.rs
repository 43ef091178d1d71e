//! Read: the values of channels, optionally as if one task's writes had been committed.

use crate::batch::ReadWrites;
use crate::channels::{Change, Shown, State, Update, Writes};
use crate::commit::refusal;
use crate::dialogue::{Answer, CustomCall, Dialogue, Halt, Request, Step};
use crate::names::ChannelId;
use crate::run::{Looked, Run};

/// A read under way: its channels, and the values found so far.
#[derive(Debug)]
pub struct Reading<V> {
    channels: Vec<ChannelId>,
    writes: Option<ReadWrites<V>>,
    next: usize,
    found: Vec<(ChannelId, Shown<V>)>,
    dialogue: Dialogue<V>,
    refused: Option<V>,
}

impl<V: Clone> Reading<V> {
    /// With `writes` (even none) each channel is read as a superstep with just those writes would
    /// leave it.
    #[must_use]
    pub fn of(channels: Vec<ChannelId>, writes: Option<ReadWrites<V>>) -> Self {
        Reading {
            channels,
            writes,
            next: 0,
            found: Vec::new(),
            dialogue: Dialogue::default(),
            refused: None,
        }
    }

    /// What was written, after an error of kind `barrier_name`.
    pub fn refused(&mut self) -> Option<V> {
        self.refused.take()
    }

    /// Answers the last question.
    pub fn answer(&mut self, answer: Answer<V>) {
        self.dialogue.answer(answer);
    }
}

impl<V: Clone> Run<V> {
    /// Goes on with a read: gives the channels that hold something, in the order asked.
    pub fn read(&self, reading: &mut Reading<V>) -> Looked<V, Vec<(ChannelId, Shown<V>)>> {
        let Reading {
            channels,
            writes,
            next,
            found,
            dialogue,
            refused,
        } = reading;
        while let Some(&channel) = channels.get(*next) {
            let step = dialogue.run(|dialogue| match writes {
                None => self.look(channel, dialogue),
                Some(writes) => {
                    let written = writes.groups.get(channel).cloned().unwrap_or_default();
                    self.look_after(channel, written, dialogue, refused)
                }
            });
            match step? {
                Step::Ask(request) => return Ok(Step::Ask(request)),
                Step::Done(value) => {
                    found.extend(value.map(|value| (channel, value)));
                    *next += 1;
                    *dialogue = Dialogue::default();
                }
            }
        }
        Ok(Step::Done(std::mem::take(found)))
    }

    /// A channel's value, if it would be available after these writes.
    fn look_after(
        &self,
        channel: ChannelId,
        writes: Writes<V>,
        dialogue: &mut Dialogue<V>,
        culprit: &mut Option<V>,
    ) -> Result<Option<Shown<V>>, Halt> {
        let kind = self.program.kind(channel);
        let state = self.states.get(channel);
        let update = kind.update(state, writes).map_err(|refused| {
            let refusal = refusal(self, channel, refused);
            *culprit = refusal.value;
            Halt::Error(refusal.error)
        })?;
        let change = match update {
            Update::Change(change) => change,
            Update::Custom(values) => {
                return self.look_after_custom(channel, values, dialogue);
            }
            Update::Fold(values) => {
                let base = match state {
                    Some(State::Value(value)) => Some(value.clone()),
                    _ => None,
                };
                let answer = dialogue.ask(|| Request::Fold {
                    channel,
                    base,
                    values,
                })?;
                Change::To(State::Value(answer.value()?))
            }
        };
        let after = match change {
            Change::Same => state.cloned(),
            Change::Emptied => None,
            Change::To(state) => Some(state),
            Change::More(more) => Some(joined(state.cloned(), more)),
        };
        Ok(after
            .filter(|state| kind.available(Some(state)))
            .map(|state| kind.get(&state)))
    }

    /// The host's object would change, so a copy of it takes the writes.
    fn look_after_custom(
        &self,
        channel: ChannelId,
        values: Vec<V>,
        dialogue: &mut Dialogue<V>,
    ) -> Result<Option<Shown<V>>, Halt> {
        let Some(State::Value(object)) = self.states.get(channel) else {
            return Ok(None);
        };
        let custom = |object: &V, call| Request::Custom {
            channel,
            object: object.clone(),
            call,
        };
        let copy = dialogue.ask(|| custom(object, CustomCall::Copy))?.value()?;
        dialogue
            .ask(|| custom(&copy, CustomCall::Update(values)))?
            .flag()?;
        if !dialogue
            .ask(|| custom(&copy, CustomCall::IsAvailable))?
            .flag()?
        {
            return Ok(None);
        }
        let value = dialogue
            .ask(|| custom(&copy, CustomCall::Get))?
            .optional()?;
        Ok(value.map(Shown::Value))
    }
}

fn joined<V>(state: Option<State<V>>, more: State<V>) -> State<V> {
    match (state, more) {
        (Some(State::Items(mut items)), State::Items(more)) => {
            items.extend(more);
            State::Items(items)
        }
        (Some(State::Packets(mut packets)), State::Packets(more)) => {
            packets.extend(more);
            State::Packets(packets)
        }
        (_, more) => more,
    }
}

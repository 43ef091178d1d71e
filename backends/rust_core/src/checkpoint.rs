//! Checkpoint: a run's state as plain data, in the order checkpoints list it.

use crate::channels::{Kind, Saved, State};
use crate::dialogue::{CustomCall, Dialogue, Halt, Request};
use crate::names::{ChannelId, NodeId};
use crate::run::{CHECKPOINT_FORMAT, Looked, Run};
use crate::versions::Version;

impl<V: Clone> Run<V> {
    /// From here on the run's task ids are those of the checkpoint format it writes.
    pub fn adopt_checkpoint_format(&mut self) {
        self.format = CHECKPOINT_FORMAT;
    }

    /// The values of the channels that have a version and a value, in the graph's order.
    pub fn saved_values(
        &self,
        dialogue: &mut Dialogue<V>,
    ) -> Looked<V, Vec<(ChannelId, Saved<V>)>> {
        let owned = self
            .states
            .versions()
            .map(|(id, _)| id)
            .filter(|id| self.program.owns(*id));
        let mut channels: Vec<ChannelId> = owned.collect();
        channels.sort_unstable();
        dialogue.run(|dialogue| {
            let mut values = Vec::with_capacity(channels.len());
            for channel in channels {
                if let Some(saved) = self.saved(channel, dialogue)? {
                    values.push((channel, saved));
                }
            }
            Ok(values)
        })
    }

    /// Every channel that has a version, in the order they got their first.
    pub fn channel_versions(&self) -> impl ExactSizeIterator<Item = (ChannelId, &Version)> {
        self.states.versions()
    }

    /// The versions each node has seen, in the order nodes first ran.
    pub fn versions_seen(
        &self,
    ) -> impl ExactSizeIterator<Item = (NodeId, impl ExactSizeIterator<Item = (ChannelId, &Version)>)>
    {
        self.seen
            .iter()
            .map(|(node, seen)| (*node, seen.iter().map(|(id, version)| (*id, version))))
    }

    fn saved(
        &self,
        channel: ChannelId,
        dialogue: &mut Dialogue<V>,
    ) -> Result<Option<Saved<V>>, Halt> {
        match (self.program.kind(channel), self.states.get(channel)) {
            (Kind::Custom, Some(State::Value(object))) => {
                let call = CustomCall::Checkpoint;
                let question = || Request::Custom {
                    channel,
                    object: object.clone(),
                    call,
                };
                Ok(dialogue.ask(question)?.optional()?.map(Saved::Value))
            }
            (kind, state) => Ok(kind.save(state)),
        }
    }
}

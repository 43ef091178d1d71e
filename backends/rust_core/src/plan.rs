//! Plan: which nodes have a trigger they haven't seen yet? One task for each, and for each packet.

use crate::channels::{Kind, Label, Shown, State};
use crate::dialogue::{CustomCall, Dialogue, Halt, Request};
use crate::error::Error;
use crate::names::{ChannelId, Id as _, NodeId};
use crate::program::{Input, Node, PanicPoint, Program};
use crate::run::{Looked, Run};
use crate::task_id::{TaskId, TaskIds};
use crate::task_path::PUSH;
use smallvec::SmallVec;

/// A superstep's place: what its task ids cover.
#[derive(Debug, Clone, Copy)]
pub struct Superstep<'a> {
    /// Its number.
    pub step: i64,
    /// UUID text of the checkpoint it starts from.
    pub checkpoint_id: &'a str,
    /// The run's own checkpoint namespace; empty at the root.
    pub namespace: &'a str,
}

/// The next superstep: its tasks in order, and packets no task could be made for.
#[derive(Debug)]
pub struct Plan<V> {
    /// The tasks.
    pub tasks: Vec<Task<V>>,
    /// The packets left out, and why.
    pub ignored: Vec<(Ignored, V)>,
}

/// Why a packet is no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It is no packet.
    PacketType,
    /// It names a node the graph doesn't have.
    UnknownNode,
}

/// One task of a superstep.
#[derive(Debug)]
pub struct Task<V> {
    /// Its id.
    pub id: TaskId,
    /// The node to run.
    pub node: NodeId,
    /// What asked for it.
    pub origin: Origin,
    /// What the node's channels hold, or the packet.
    pub input: TaskInput<V>,
    /// Its own checkpoint namespace, `parent|name:id`.
    pub namespace: String,
}

/// What asked for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The node's triggers.
    Pull,
    /// The packet at this index of the `tasks` channel.
    Packet(usize),
}

/// A task's input.
#[derive(Debug)]
pub enum TaskInput<V> {
    /// The value of the one channel the node reads, or the packet.
    One(Shown<V>),
    /// The values of the channels that have one.
    Many(Vec<(ChannelId, Shown<V>)>),
}

impl<V: Clone> Run<V> {
    /// Says which tasks make up the next superstep. Changes nothing: the same call gives the same
    /// tasks.
    ///
    /// With `updated` (the channels the last commit updated) only nodes those may trigger are
    /// considered; without it, every node is.
    pub fn plan(
        &self,
        superstep: Superstep<'_>,
        updated: Option<&[ChannelId]>,
        dialogue: &mut Dialogue<V>,
    ) -> Looked<V, Plan<V>> {
        self.program.panic_if_injected(PanicPoint::Plan);
        dialogue.run(|dialogue| self.plan_tasks(superstep, updated, dialogue))
    }

    /// Makes the id and the namespace of a task that a running task asks for.
    pub fn push(
        &self,
        name: &str,
        parts: &[&str],
        superstep: Superstep<'_>,
    ) -> Result<(TaskId, String), Error> {
        let ids = TaskIds::of(superstep.checkpoint_id, self.format)?;
        let own = Own::of(superstep, name);
        let head = own.head();
        let tail = [name.as_bytes(), PUSH.as_bytes()];
        let parts = parts.iter().map(|part| part.as_bytes());
        let all: SmallVec<[&[u8]; 16]> = head.into_iter().chain(tail).chain(parts).collect();
        let id = ids.make(&all);
        Ok((id, own.namespace(id)))
    }

    fn plan_tasks(
        &self,
        superstep: Superstep<'_>,
        updated: Option<&[ChannelId]>,
        dialogue: &mut Dialogue<V>,
    ) -> Result<Plan<V>, Halt> {
        let program = &*self.program;
        let ids = TaskIds::of(superstep.checkpoint_id, self.format)?;
        let mut plan = Plan {
            tasks: Vec::new(),
            ignored: Vec::new(),
        };
        self.plan_packets(superstep, &ids, &mut plan);
        if self.states.versions().len() == 0 {
            return Ok(plan);
        }
        let candidates = self.candidates(updated);
        plan.tasks.reserve_exact(candidates.len());
        for id in candidates {
            let node = &program.nodes[id.index()];
            if !node.runs || !self.is_triggered(id, node, dialogue)? {
                continue;
            }
            if let Some(input) = self.input(node, dialogue)? {
                let own = Own::of(superstep, &node.name);
                let [namespace, bar, name, step] = own.head();
                let task = ids.make(&[namespace, bar, name, step, &node.pull_tail]);
                let namespace = own.namespace(task);
                plan.tasks.push(Task {
                    id: task,
                    node: id,
                    origin: Origin::Pull,
                    input,
                    namespace,
                });
            }
        }
        Ok(plan)
    }

    fn plan_packets(&self, superstep: Superstep<'_>, ids: &TaskIds, plan: &mut Plan<V>) {
        let state = self
            .program
            .tasks
            .and_then(|channel| self.states.get(channel));
        let Some(State::Packets(packets)) = state else {
            return;
        };
        for (index, packet) in packets.iter().enumerate() {
            let Some(id) = packet.to.node() else {
                let reason = match packet.to {
                    Label::None => Ignored::PacketType,
                    _ => Ignored::UnknownNode,
                };
                plan.ignored.push((reason, packet.value.clone()));
                continue;
            };
            let node = &self.program.nodes[id.index()];
            if node.runs {
                let own = Own::of(superstep, &node.name);
                let digits = Digits::of(index as i64);
                let [namespace, bar, name, step] = own.head();
                let tail = [node.name.as_bytes(), PUSH.as_bytes(), digits.bytes()];
                let task = ids.make(&[namespace, bar, name, step, tail[0], tail[1], tail[2]]);
                plan.tasks.push(Task {
                    id: task,
                    node: id,
                    origin: Origin::Packet(index),
                    input: TaskInput::One(Shown::Value(packet.value.clone())),
                    namespace: own.namespace(task),
                });
            }
        }
    }

    /// The nodes to look at. A node is only ever triggered by a channel that holds something, so
    /// "every node" means those woken by one.
    fn candidates(&self, updated: Option<&[ChannelId]>) -> SmallVec<[NodeId; 8]> {
        let program: &Program = &self.program;
        let Some(updated) = updated.filter(|_| program.knows_triggers) else {
            let woken = self
                .states
                .iter()
                .flat_map(|(id, _)| &program.channels[id.index()].wakes);
            let mut nodes: SmallVec<[NodeId; 8]> = woken.copied().collect();
            nodes.sort_unstable();
            nodes.dedup();
            return nodes;
        };
        let may = updated
            .iter()
            .filter_map(|id| program.channels[id.index()].may_trigger.as_deref());
        let mut nodes: SmallVec<[NodeId; 8]> = may.flatten().copied().collect();
        if nodes.len() > 1 {
            nodes.sort_unstable_by_key(|id| program.rank(*id));
            nodes.dedup();
        }
        nodes
    }

    fn is_triggered(
        &self,
        id: NodeId,
        node: &Node,
        dialogue: &mut Dialogue<V>,
    ) -> Result<bool, Halt> {
        let seen = self.seen.get(id);
        for &trigger in &node.triggers {
            if !self.is_available(trigger, dialogue)? {
                continue;
            }
            let Some(seen) = seen else {
                return Ok(true);
            };
            if let Some(version) = self.states.version(trigger) {
                match seen.get(trigger) {
                    Some(seen) if !version.is_newer_than(seen)? => {}
                    _ => return Ok(true),
                }
            }
        }
        Ok(false)
    }

    /// What a node would be given; `None` if the one channel it reads is empty.
    fn input(&self, node: &Node, dialogue: &mut Dialogue<V>) -> Result<Option<TaskInput<V>>, Halt> {
        match &node.input {
            Input::One(channel) => Ok(self.look(*channel, dialogue)?.map(TaskInput::One)),
            Input::Many(channels) => {
                let mut values = Vec::with_capacity(channels.len());
                for &channel in channels {
                    if let Some(value) = self.look(channel, dialogue)? {
                        values.push((channel, value));
                    }
                }
                Ok(Some(TaskInput::Many(values)))
            }
        }
    }

    /// A channel's value, if it is available.
    pub(crate) fn look(
        &self,
        channel: ChannelId,
        dialogue: &mut Dialogue<V>,
    ) -> Result<Option<Shown<V>>, Halt> {
        if !self.is_available(channel, dialogue)? {
            return Ok(None);
        }
        match (self.program.kind(channel), self.states.get(channel)) {
            (Kind::Custom, Some(State::Value(object))) => {
                let call = CustomCall::Get;
                let question = || Request::Custom {
                    channel,
                    object: object.clone(),
                    call,
                };
                Ok(dialogue.ask(question)?.optional()?.map(Shown::Value))
            }
            (kind, Some(state)) => Ok(Some(kind.get(state))),
            (_, None) => Ok(None),
        }
    }
}

/// A task's name in its superstep: what all its ids start with.
struct Own<'a> {
    namespace: &'a str,
    name: &'a str,
    step: Digits,
}

impl<'a> Own<'a> {
    fn of(superstep: Superstep<'a>, name: &'a str) -> Self {
        Own {
            namespace: superstep.namespace,
            name,
            step: Digits::of(superstep.step),
        }
    }

    /// `parent|name` (`name` at the root), then the step.
    fn head(&self) -> [&[u8]; 4] {
        let bar: &[u8] = if self.namespace.is_empty() { b"" } else { b"|" };
        [
            self.namespace.as_bytes(),
            bar,
            self.name.as_bytes(),
            self.step.bytes(),
        ]
    }

    fn namespace(&self, id: TaskId) -> String {
        let mut text = String::with_capacity(self.namespace.len() + self.name.len() + 38);
        if !self.namespace.is_empty() {
            text.push_str(self.namespace);
            text.push('|');
        }
        text.push_str(self.name);
        text.push(':');
        text.push_str(id.as_str());
        text
    }
}

/// A number's decimal text, without an allocation.
struct Digits {
    text: [u8; 20],
    first: usize,
}

impl Digits {
    fn of(number: i64) -> Self {
        let mut text = [0; 20]; // as long as i64::MIN
        let mut first = text.len();
        let mut rest = number.unsigned_abs();
        loop {
            first -= 1;
            text[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            first -= 1;
            text[first] = b'-';
        }
        Digits { text, first }
    }

    fn bytes(&self) -> &[u8] {
        &self.text[self.first..]
    }
}

#[cfg(test)]
mod tests {
    use super::Digits;

    #[test]
    fn digits_are_the_decimal_text() {
        for number in [0, 7, -1, 1234567890, i64::MIN, i64::MAX] {
            assert_eq!(Digits::of(number).bytes(), number.to_string().as_bytes());
        }
    }
}

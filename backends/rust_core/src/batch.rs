//! One superstep's writes, as a host hands them over.

use crate::channels::{Kind, Label, Writes, Written};
use crate::id_map::IdMap;
use crate::names::{ChannelId, Id as _, NodeId};
use crate::program::Program;
use crate::run::{ChannelRef, NodeRef};
use crate::task_path::{PathKey, commit_order, in_order};
use smallvec::SmallVec;

/// One superstep's writes: tasks in any order, each followed by its triggers and its writes.
#[derive(Debug)]
pub struct Batch<'p, V> {
    program: &'p Program,
    tasks: SmallVec<[BatchTask; 1]>,
    triggers: Vec<OwnedChannel>,
    writes: AllWrites<V>,
    unknown: Vec<(u32, String)>,
    /// The node that the last packet names; the next one often names the same.
    addressee: Option<NodeId>,
}

#[derive(Debug)]
pub(crate) struct BatchTask {
    pub(crate) path: PathKey,
    pub(crate) node: OwnedNode,
    pub(crate) triggers: Triggers,
}

/// A task's triggers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Triggers {
    /// Those its node has.
    Own,
    /// These of the batch's list.
    Listed { first: u32, count: u32 },
}

/// A node whose name may be a stranger's.
#[derive(Debug)]
pub(crate) enum OwnedNode {
    Known(NodeId),
    Named(Box<str>),
}

/// A channel whose name may be a stranger's.
#[derive(Debug)]
pub(crate) enum OwnedChannel {
    Known(ChannelId),
    Named(Box<str>),
}

#[derive(Debug)]
pub(crate) struct Write<V> {
    /// The task; once the writes are in order and their channels claimed, the channel's place.
    pub(crate) at: u32,
    pub(crate) channel: ChannelId,
    /// `None`: the channel was written, but nothing (an empty list to a topic).
    pub(crate) written: Option<Written<V>>,
}

/// All writes of a superstep, in their order.
pub(crate) type AllWrites<V> = SmallVec<[Write<V>; 4]>;

/// A batch in commit order.
#[derive(Debug)]
pub(crate) struct Ordered<V> {
    pub(crate) tasks: SmallVec<[BatchTask; 1]>,
    pub(crate) triggers: Vec<OwnedChannel>,
    pub(crate) writes: AllWrites<V>,
    /// Index of the task as it was handed over, and the name.
    pub(crate) unknown: Vec<(usize, String)>,
}

impl<'p, V> Batch<'p, V> {
    /// An empty batch for runs of `program`.
    #[must_use]
    pub fn new(program: &'p Program) -> Self {
        Batch {
            program,
            tasks: SmallVec::new(),
            triggers: Vec::new(),
            writes: SmallVec::new(),
            unknown: Vec::new(),
            addressee: None,
        }
    }

    /// Starts a task. The calls that follow are about it.
    pub fn task(&mut self, path: PathKey, node: NodeRef<'_>) {
        let node = match node {
            NodeRef::Known(id) => OwnedNode::Known(id),
            NodeRef::Named(name) => match self.program.node(name) {
                Some(id) => OwnedNode::Known(id),
                None => OwnedNode::Named(name.into()),
            },
        };
        let first = u32::try_from(self.triggers.len()).expect("fewer than 2^32 triggers");
        self.tasks.push(BatchTask {
            path,
            node,
            triggers: Triggers::Listed { first, count: 0 },
        });
    }

    /// The task was triggered by the triggers of its node (which must be one of the program's).
    pub fn own_triggers(&mut self) {
        let task = self.tasks.last_mut().expect("`task` comes first");
        debug_assert!(matches!(task.node, OwnedNode::Known(_)));
        task.triggers = Triggers::Own;
    }

    /// The task was triggered by this channel, among others.
    pub fn trigger(&mut self, channel: ChannelRef<'_>) {
        let channel = match channel {
            ChannelRef::Known(id) => OwnedChannel::Known(id),
            ChannelRef::Named(name) => match self.program.channel(name) {
                Some(id) => OwnedChannel::Known(id),
                None => OwnedChannel::Named(name.into()),
            },
        };
        self.triggers.push(channel);
        let task = self.tasks.last_mut().expect("`task` comes first");
        if let Triggers::Listed { count, .. } = &mut task.triggers {
            *count += 1;
        }
    }

    /// The task wrote a value. `label`: see [`Program::label_of`].
    #[inline(always)]
    pub fn write(&mut self, channel: ChannelId, value: V, label: Option<&str>) {
        let label = label.map_or(Label::None, |label| self.label(channel, label));
        self.push(channel, Some(Written { value, label }));
    }

    /// The task wrote a packet to the `tasks` channel, for this node; `None`: for no node of the graph.
    #[inline(always)]
    pub fn write_packet(&mut self, channel: ChannelId, value: V, to: Option<NodeId>) {
        debug_assert!(matches!(self.program.kind(channel), Kind::Tasks(_)));
        let label = to.map_or(Label::Stranger, |node| Label::Index(node.0));
        self.push(channel, Some(Written { value, label }));
    }

    /// Makes room for so many more writes, at once.
    pub fn reserve(&mut self, writes: usize) {
        self.writes.reserve(writes);
    }

    /// The task wrote to a channel, but no value: an empty list to a topic.
    pub fn write_nothing(&mut self, channel: ChannelId) {
        self.push(channel, None);
    }

    /// The task wrote to a name that is no channel of the graph.
    pub fn write_unknown(&mut self, name: &str) {
        let task = self.current();
        self.unknown.push((task, name.to_owned()));
    }

    #[inline(never)]
    fn label(&mut self, channel: ChannelId, label: &str) -> Label {
        let (program, addressee) = (self.program, &mut self.addressee);
        program.kind(channel).label(Some(label), |name| {
            if addressee.is_none_or(|node| program.node_name(node) != name) {
                *addressee = program.node(name);
            }
            *addressee
        })
    }

    #[inline]
    fn current(&self) -> u32 {
        let at = self.tasks.len().checked_sub(1).expect("`task` comes first");
        u32::try_from(at).expect("fewer than 2^32 tasks")
    }

    #[inline(always)]
    fn push(&mut self, channel: ChannelId, written: Option<Written<V>>) {
        debug_assert!(self.program.owns(channel));
        self.writes.push(Write {
            at: self.current(),
            channel,
            written,
        });
    }

    fn order(&self) -> Option<Vec<usize>> {
        if in_order(self.tasks.iter().map(|task| &task.path), self.program) {
            return None;
        }
        let paths: Vec<&PathKey> = self.tasks.iter().map(|task| &task.path).collect();
        commit_order(&paths, self.program)
    }

    pub(crate) fn sort(mut self) -> Ordered<V> {
        if let Some(order) = self.order() {
            let mut place = vec![0; order.len()];
            for (at, &task) in order.iter().enumerate() {
                place[task] = at;
            }
            self.writes.sort_by_key(|write| place[write.at as usize]);
            self.unknown.sort_by_key(|(task, _)| place[*task as usize]);
            let mut tasks: Vec<(usize, BatchTask)> = place
                .into_iter()
                .zip(std::mem::take(&mut self.tasks))
                .collect();
            tasks.sort_unstable_by_key(|(place, _)| *place);
            self.tasks = tasks.into_iter().map(|(_, task)| task).collect();
        }
        Ordered {
            tasks: self.tasks,
            triggers: self.triggers,
            writes: self.writes,
            unknown: self
                .unknown
                .into_iter()
                .map(|(task, name)| (task as usize, name))
                .collect(),
        }
    }
}

/// Writes grouped by channel, in the order of the first to each.
pub(crate) fn grouped<V>(writes: AllWrites<V>) -> IdMap<ChannelId, Writes<V>> {
    let mut groups: IdMap<ChannelId, Writes<V>> = IdMap::default();
    for write in writes {
        let group = groups.get_or_insert_with(write.channel, SmallVec::new);
        group.extend(write.written);
    }
    groups
}

/// Writes grouped by channel, for a read that looks at what one task wrote.
#[derive(Debug, Clone)]
pub struct ReadWrites<V> {
    pub(crate) groups: IdMap<ChannelId, Writes<V>>,
}

impl<V> ReadWrites<V> {
    /// The writes of a batch, whatever its tasks.
    #[must_use]
    pub fn of(batch: Batch<'_, V>) -> Self {
        ReadWrites {
            groups: grouped(batch.writes),
        }
    }
}

impl<V> Ordered<V> {
    /// Whether a superstep passed: a batch without triggers is input, not a step.
    pub(crate) fn step_passed(&self, program: &Program) -> bool {
        self.tasks
            .iter()
            .any(|task| match (&task.triggers, &task.node) {
                (Triggers::Own, OwnedNode::Known(node)) => {
                    !program.nodes[node.index()].sorted_triggers.is_empty()
                }
                (Triggers::Own, OwnedNode::Named(_)) => false,
                (Triggers::Listed { count, .. }, _) => *count > 0,
            })
    }

    /// The channels among the triggers whose kind cares, in the graph's order.
    pub(crate) fn consumed(&self, program: &Program) -> Vec<ChannelId> {
        let mut consumed = Vec::new();
        if !program.has_consuming {
            return consumed;
        }
        let mut note = |channel: ChannelId| {
            if program.owns(channel) && Kind::consumes(program.kind(channel)) {
                consumed.push(channel);
            }
        };
        for task in &self.tasks {
            match (task.triggers, &task.node) {
                (Triggers::Own, OwnedNode::Known(node)) => {
                    program.nodes[node.index()]
                        .sorted_triggers
                        .iter()
                        .for_each(|id| note(*id));
                }
                (Triggers::Own, OwnedNode::Named(_)) => {}
                (Triggers::Listed { first, count }, _) => {
                    for trigger in &self.triggers[first as usize..(first + count) as usize] {
                        if let OwnedChannel::Known(id) = trigger {
                            note(*id);
                        }
                    }
                }
            }
        }
        if consumed.len() > 1 {
            consumed.sort_unstable();
            consumed.dedup();
        }
        consumed
    }
}

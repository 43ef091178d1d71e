//! A compiled graph: names turned into numbers, and everything a superstep would otherwise look
//! up or format prepared once.

use crate::channels::{Class, Kind, Load};
use crate::error::{Error, ErrorKind};
use crate::graph::{Graph, Reads};
use crate::names::{ChannelId, Id as _, NodeId};
use crate::task_path::{PULL, PUSH};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicU8, Ordering};

/// Names a task writes to that say something about the task, not about a channel.
pub const NOT_CHANNELS: [&str; 7] = [
    "__no_writes__",
    PUSH,
    "__resume__",
    "__interrupt__",
    "__return__",
    "__error__",
    "__error_source_node__",
];

/// What a name stands for when it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A channel of the graph.
    Channel(ChannelId),
    /// It says something about the task, not about a channel.
    Ignored,
    /// No channel of the graph.
    Unknown,
}

/// Ids of which there are seldom more than two: they take no room of their own then.
pub(crate) type Few<I> = SmallVec<[I; 2]>;

/// One channel, compiled.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: Box<str>,
    /// The nodes the graph says it may trigger; `None` if the graph says nothing about it.
    pub(crate) may_trigger: Option<Few<NodeId>>,
    /// The nodes that have it among their triggers.
    pub(crate) wakes: Few<NodeId>,
}

/// What a node's input is made of, compiled.
#[derive(Debug)]
pub(crate) enum Input {
    One(ChannelId),
    Many(Few<ChannelId>),
}

/// One node, compiled.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: Box<str>,
    pub(crate) triggers: Few<ChannelId>,
    pub(crate) sorted_triggers: Few<ChannelId>,
    pub(crate) input: Input,
    pub(crate) runs: bool,
    /// What a triggered task's id hashes after the step: name, `PULL`, sorted triggers.
    pub(crate) pull_tail: Box<[u8]>,
}

/// Where a test makes the core panic, to see what a binding makes of it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PanicPoint {
    /// Nowhere.
    Never = 0,
    /// In the next plan.
    Plan = 1,
    /// In the next commit, after its writes were grouped.
    Commit = 2,
    /// In the next restore.
    Restore = 3,
}

/// A compiled graph. Immutable; shared by every run of it, on any thread.
#[derive(Debug)]
pub struct Program {
    pub(crate) channels: Vec<Channel>,
    pub(crate) nodes: Vec<Node>,
    // What every write and every task needs lies close together.
    /// Each channel's kind.
    kinds: Vec<Kind>,
    /// Each channel's class: all that most writes need to know of its kind.
    classes: Vec<Class>,
    /// What a host says about a value written to each channel.
    labels: Vec<LabelKind>,
    /// Whether the graph says anything about what each channel may trigger.
    triggering: Vec<bool>,
    /// Each node's place when nodes are sorted by name.
    ranks: Vec<u32>,
    channel_ids: FxHashMap<Box<str>, ChannelId>,
    node_ids: FxHashMap<Box<str>, NodeId>,
    /// Whether the graph says which channels may trigger which nodes.
    pub(crate) knows_triggers: bool,
    /// Channels that care that nothing else is left to run.
    pub(crate) waiting: Vec<ChannelId>,
    /// Whether a channel is the host's own.
    pub(crate) has_custom: bool,
    /// Whether a channel cares that a task was triggered by it.
    pub(crate) has_consuming: bool,
    /// Channels a run can't start without preparing.
    pub(crate) prepared: Vec<ChannelId>,
    /// The topic of packets waiting to run.
    pub(crate) tasks: Option<ChannelId>,
    panic_point: AtomicU8,
}

impl Program {
    /// Compiles a graph; refuses one that contradicts itself.
    pub fn compile(graph: Graph) -> Result<Self, Error> {
        let mut channel_ids = FxHashMap::default();
        let mut channels = Vec::with_capacity(graph.channels.len());
        let mut kinds = Vec::with_capacity(graph.channels.len());
        let mut tasks = None;
        for (index, spec) in graph.channels.into_iter().enumerate() {
            let id = ChannelId::from_index(index);
            let name: Box<str> = spec.name.into();
            if channel_ids.insert(name.clone(), id).is_some() {
                return Err(bad_graph(format!("channel '{name}' is listed twice")));
            }
            let kind = Kind::compile(spec.kind);
            if matches!(kind, Kind::Tasks(_)) && tasks.replace(id).is_some() {
                return Err(bad_graph(format!(
                    "channel '{name}' is a second one of kind 'tasks'"
                )));
            }
            kinds.push(kind);
            channels.push(Channel {
                name,
                may_trigger: None,
                wakes: Few::new(),
            });
        }

        let mut node_ids: FxHashMap<Box<str>, NodeId> = FxHashMap::default();
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        for (index, spec) in graph.nodes.into_iter().enumerate() {
            let find = |name: &String| {
                channel_ids.get(name.as_str()).copied().ok_or_else(|| {
                    bad_graph(format!(
                        "node '{}' names unknown channel '{name}'",
                        spec.name
                    ))
                })
            };
            let triggers = spec
                .triggers
                .iter()
                .map(find)
                .collect::<Result<Few<_>, _>>()?;
            let input = match &spec.reads {
                Reads::One(name) => Input::One(find(name)?),
                Reads::Many(names) => {
                    Input::Many(names.iter().map(find).collect::<Result<_, _>>()?)
                }
            };
            let id = NodeId::from_index(index);
            if node_ids.insert(spec.name.as_str().into(), id).is_some() {
                return Err(bad_graph(format!("node '{}' is listed twice", spec.name)));
            }
            for trigger in &triggers {
                let wakes = &mut channels[trigger.index()].wakes;
                if wakes.last() != Some(&id) {
                    wakes.push(id);
                }
            }
            let mut sorted_triggers = triggers.clone();
            sorted_triggers.sort_by(|a, b| channels[a.index()].name.cmp(&channels[b.index()].name));
            let mut pull_tail = format!("{}{PULL}", spec.name).into_bytes();
            for trigger in &sorted_triggers {
                pull_tail.extend_from_slice(channels[trigger.index()].name.as_bytes());
            }
            nodes.push(Node {
                pull_tail: pull_tail.into(),
                name: spec.name.into(),
                triggers,
                sorted_triggers,
                input,
                runs: spec.runs,
            });
        }
        let knows_triggers = !graph.trigger_to_nodes.is_empty();
        for (channel, names) in graph.trigger_to_nodes {
            if let Some(id) = channel_ids.get(channel.as_str()) {
                let known = names
                    .iter()
                    .filter_map(|name| node_ids.get(name.as_str()).copied());
                channels[id.index()].may_trigger = Some(known.collect());
            }
        }

        let which = |test: fn(&Kind) -> bool| {
            let ids = kinds.iter().enumerate().filter(|(_, kind)| test(kind));
            ids.map(|(index, _)| ChannelId::from_index(index))
                .collect::<Vec<_>>()
        };
        Ok(Program {
            waiting: which(Kind::waits),
            prepared: which(Kind::prepared),
            has_custom: kinds.iter().any(|kind| matches!(kind, Kind::Custom)),
            has_consuming: kinds.iter().any(Kind::consumes),
            triggering: channels.iter().map(|it| it.may_trigger.is_some()).collect(),
            ranks: ranks_by_name(&nodes),
            classes: kinds.iter().map(Kind::class).collect(),
            labels: kinds.iter().map(LabelKind::of).collect(),
            kinds,
            channels,
            nodes,
            channel_ids,
            node_ids,
            knows_triggers,
            tasks,
            panic_point: AtomicU8::new(PanicPoint::Never as u8),
        })
    }

    /// How many channels the graph has; their ids are the numbers below.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// How many nodes the graph has; their ids are the numbers below.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The channel of that name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<ChannelId> {
        self.channel_ids.get(name).copied()
    }

    /// What a name stands for when it is written to.
    #[must_use]
    pub fn target(&self, name: &str) -> Target {
        if NOT_CHANNELS.contains(&name) {
            return Target::Ignored;
        }
        self.channel(name).map_or(Target::Unknown, Target::Channel)
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.node_ids.get(name).copied()
    }

    /// The name of one of the graph's channels.
    #[must_use]
    pub fn channel_name(&self, id: ChannelId) -> &str {
        &self.channels[id.index()].name
    }

    /// The name of one of the graph's nodes.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        &self.nodes[id.index()].name
    }

    /// A node's triggers, sorted by name.
    #[must_use]
    pub fn triggers(&self, id: NodeId) -> &[ChannelId] {
        &self.nodes[id.index()].sorted_triggers
    }

    /// What a host must say about a value written to a channel.
    #[must_use]
    #[inline]
    pub fn label_of(&self, id: ChannelId) -> LabelKind {
        self.labels[id.index()]
    }

    /// The shape in which a channel's state is saved and loaded.
    #[must_use]
    pub fn load_of(&self, id: ChannelId) -> Load {
        self.kind(id).load()
    }

    #[inline]
    pub(crate) fn kind(&self, id: ChannelId) -> &Kind {
        &self.kinds[id.index()]
    }

    #[inline]
    pub(crate) fn class(&self, id: ChannelId) -> Class {
        self.classes[id.index()]
    }

    /// Whether an id is one of the graph's channels, not a stranger to it.
    pub(crate) fn owns(&self, id: ChannelId) -> bool {
        id.index() < self.channels.len()
    }

    /// Whether the graph says anything about what a channel may trigger.
    #[inline]
    pub(crate) fn may_trigger(&self, id: ChannelId) -> bool {
        self.triggering[id.index()]
    }

    pub(crate) fn rank(&self, id: NodeId) -> u32 {
        self.ranks[id.index()]
    }

    /// Makes the core panic once, at `point`.
    #[doc(hidden)]
    pub fn inject_panic(&self, point: PanicPoint) {
        self.panic_point.store(point as u8, Ordering::Relaxed);
    }

    pub(crate) fn panic_if_injected(&self, point: PanicPoint) {
        if self.panic_point.load(Ordering::Relaxed) == point as u8 {
            self.panic_point
                .store(PanicPoint::Never as u8, Ordering::Relaxed);
            panic!("injected by a test: {point:?}");
        }
    }
}

/// What a host says about a value written to a channel, beside the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Nothing: the value is opaque.
    Nothing,
    /// The text the value is, if it is text.
    Name,
    /// A list's items, one by one; anything else is one item.
    Items,
    /// As for `Items`, and of each the node it names, if it is a packet.
    Packets,
}

impl LabelKind {
    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::NamedBarrier(_) | Kind::NamedBarrierAfterFinish(_) => LabelKind::Name,
            Kind::Topic(_) => LabelKind::Items,
            Kind::Tasks(_) => LabelKind::Packets,
            _ => LabelKind::Nothing,
        }
    }
}

fn ranks_by_name(nodes: &[Node]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by(|&a, &b| nodes[a].name.cmp(&nodes[b].name));
    let mut ranks = vec![0; nodes.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = NodeId::from_index(rank).0;
    }
    ranks
}

fn bad_graph(message: String) -> Error {
    Error::new(ErrorKind::BadGraph, message)
}

#[cfg(test)]
mod tests {
    use super::Program;
    use crate::error::ErrorKind;
    use crate::graph::{ChannelKind, ChannelSpec, Graph, NodeSpec, Reads};
    use crate::names::{ChannelId, NodeId};

    fn channel(name: &str, kind: ChannelKind) -> ChannelSpec {
        ChannelSpec {
            name: name.into(),
            kind,
        }
    }

    fn node(name: &str, triggers: &[&str]) -> NodeSpec {
        NodeSpec {
            name: name.into(),
            triggers: triggers.iter().map(|name| (*name).into()).collect(),
            reads: Reads::Many(vec![]),
            runs: true,
        }
    }

    fn refused(graph: Graph) -> String {
        let error = Program::compile(graph).expect_err("a bad graph");
        assert_eq!(error.kind, ErrorKind::BadGraph);
        error.message
    }

    #[test]
    fn a_graph_that_contradicts_itself_is_refused() {
        let a = || channel("a", ChannelKind::LastValue);
        let twice = Graph {
            channels: vec![a(), a()],
            ..Graph::default()
        };
        assert_eq!(refused(twice), "channel 'a' is listed twice");
        let unknown = Graph {
            nodes: vec![node("n", &["a"])],
            ..Graph::default()
        };
        assert_eq!(refused(unknown), "node 'n' names unknown channel 'a'");
        let tasks = |name| channel(name, ChannelKind::Tasks { accumulate: false });
        let two = Graph {
            channels: vec![tasks("t"), tasks("u")],
            ..Graph::default()
        };
        assert_eq!(refused(two), "channel 'u' is a second one of kind 'tasks'");
    }

    #[test]
    fn what_a_superstep_needs_is_prepared() {
        let kinds = [
            ChannelKind::LastValue,
            ChannelKind::Custom,
            ChannelKind::BinaryOperator,
        ];
        let names = ["z", "y", "x"];
        let program = Program::compile(Graph {
            channels: names
                .into_iter()
                .zip(kinds)
                .map(|(name, kind)| channel(name, kind))
                .collect(),
            nodes: vec![node("b", &["z", "x"]), node("a", &["z"])],
            trigger_to_nodes: vec![("z".into(), vec!["a".into(), "gone".into()])],
        })
        .expect("a good graph");
        assert_eq!(program.triggers(NodeId(0)), [ChannelId(2), ChannelId(0)]);
        assert_eq!(*program.nodes[0].pull_tail, *b"b__pregel_pullxz");
        assert_eq!((program.rank(NodeId(0)), program.rank(NodeId(1))), (1, 0));
        assert_eq!(program.channels[0].wakes[..], [NodeId(0), NodeId(1)]);
        assert_eq!(
            program.channels[0].may_trigger.as_deref(),
            Some([NodeId(1)].as_slice())
        );
        assert_eq!(program.waiting, [ChannelId(1)]);
        assert_eq!(program.prepared, [ChannelId(1), ChannelId(2)]);
    }
}

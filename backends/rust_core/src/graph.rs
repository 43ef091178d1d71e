//! A graph as plain data: what a host hands over to be compiled.

use crate::error::{Error, ErrorKind};

/// What a channel does with the values written to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelKind {
    /// Holds the last value; one write a superstep.
    LastValue,
    /// Holds the last value, and shows it only once nothing else is left to run.
    LastValueAfterFinish,
    /// Holds the last of several values, for one superstep.
    AnyValue,
    /// Holds a value for one superstep.
    EphemeralValue {
        /// Refuse a second write in one superstep.
        guard: bool,
    },
    /// Holds a value that is never put into a checkpoint.
    UntrackedValue {
        /// Refuse a second write in one superstep.
        guard: bool,
    },
    /// Collects values.
    Topic {
        /// Keep them across supersteps.
        accumulate: bool,
    },
    /// The topic of packets waiting to run.
    Tasks {
        /// Keep them across supersteps.
        accumulate: bool,
    },
    /// Folds every write into its value with the host's reducer.
    BinaryOperator,
    /// Opens when every name has arrived.
    NamedBarrier {
        /// The names awaited.
        names: Vec<String>,
    },
    /// Opens when every name has arrived and nothing else is left to run.
    NamedBarrierAfterFinish {
        /// The names awaited.
        names: Vec<String>,
    },
    /// A channel of the host's own, changed by its own methods.
    Custom,
}

impl ChannelKind {
    /// Every kind's name in the protocol.
    pub const NAMES: [&'static str; 11] = [
        "last_value",
        "last_value_after_finish",
        "any_value",
        "ephemeral_value",
        "untracked_value",
        "topic",
        "binary_operator",
        "named_barrier",
        "named_barrier_after_finish",
        "tasks",
        "custom",
    ];
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// Its key in the graph.
    pub name: String,
    /// What it does with writes.
    pub kind: ChannelKind,
}

/// The parameters a protocol's channel may have; each kind takes those it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// `ephemeral_value`, `untracked_value`: refuse a second write in one superstep.
    pub guard: bool,
    /// `topic`: keep values across supersteps.
    pub accumulate: bool,
    /// Barriers: the names awaited.
    pub names: Vec<String>,
}

impl ChannelSpec {
    /// A channel of the kind the protocol calls `kind`.
    pub fn named(name: &str, kind: &str, parameters: Parameters) -> Result<Self, Error> {
        let Parameters {
            guard,
            accumulate,
            names,
        } = parameters;
        let kind = match kind {
            "last_value" => ChannelKind::LastValue,
            "last_value_after_finish" => ChannelKind::LastValueAfterFinish,
            "any_value" => ChannelKind::AnyValue,
            "ephemeral_value" => ChannelKind::EphemeralValue { guard },
            "untracked_value" => ChannelKind::UntrackedValue { guard },
            "topic" => ChannelKind::Topic { accumulate },
            "tasks" => ChannelKind::Tasks { accumulate },
            "binary_operator" => ChannelKind::BinaryOperator,
            "named_barrier" => ChannelKind::NamedBarrier { names },
            "named_barrier_after_finish" => ChannelKind::NamedBarrierAfterFinish { names },
            "custom" => ChannelKind::Custom,
            _ => {
                let message = format!("channel '{name}' has unknown kind '{kind}'");
                return Err(Error::of_channel(ErrorKind::BadGraph, name, message));
            }
        };
        Ok(ChannelSpec {
            name: name.to_owned(),
            kind,
        })
    }
}

/// The channels making up a node's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// The input is this channel's value.
    One(String),
    /// The input is those of these channels that hold a value, by name.
    Many(Vec<String>),
}

/// One node: what triggers it and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its key in the graph.
    pub name: String,
    /// The channels whose update starts it.
    pub triggers: Vec<String>,
    /// The channels making up its input.
    pub reads: Reads,
    /// False for a node with nothing to run; it is never planned.
    pub runs: bool,
}

/// A whole graph. Channels and nodes are in the graph's order, which checkpoints and plans keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Every channel.
    pub channels: Vec<ChannelSpec>,
    /// Every node.
    pub nodes: Vec<NodeSpec>,
    /// Channel to the nodes it may trigger. Empty: every node is considered in every superstep.
    pub trigger_to_nodes: Vec<(String, Vec<String>)>,
}

#[cfg(test)]
mod tests {
    use super::{ChannelKind, ChannelSpec, Parameters};

    fn named(kind: &str) -> Result<ChannelSpec, String> {
        let parameters = Parameters {
            guard: true,
            accumulate: false,
            names: vec![],
        };
        ChannelSpec::named("c", kind, parameters).map_err(|error| error.message)
    }

    #[test]
    fn every_kind_of_the_protocol_has_rules() {
        for kind in ChannelKind::NAMES {
            assert!(named(kind).is_ok(), "{kind}");
        }
        assert_eq!(
            named("delta"),
            Err("channel 'c' has unknown kind 'delta'".into())
        );
    }
}

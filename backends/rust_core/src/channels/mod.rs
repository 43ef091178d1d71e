//! The channel kinds, one file each: what a channel does with a superstep's writes.
//!
//! A rule looks at a state and answers with a `Change`, so a commit that fails half-way is undone by
//! forgetting the changes. Where a state would be copied only to be changed a little, the rule is
//! written for a state of its own, and a commit that can't fail has it done to the channel's. A
//! channel without a state was never written to, or was emptied. Every kind answers the same questions:
//!
//! * `update`     after a superstep's writes; no writes means "a superstep passed without one".
//! * `consume`    after a task was triggered by the channel.
//! * `finish`     when nothing else is left to run.
//! * `available`  can the channel be read, and trigger a task?
//! * `get`        its value; only asked when available.
//! * `save`       what goes into a checkpoint, if anything.
//! * `load`       the state a checkpoint describes.
//!
//! Two kinds can't answer alone. `binary_operator` needs the host's reducer and `custom` the host's
//! object; their answer to `update` is the question to put to the host.

pub(crate) mod any_value;
pub(crate) mod binary_operator;
pub(crate) mod custom;
pub(crate) mod ephemeral_value;
pub(crate) mod last_value;
pub(crate) mod last_value_after_finish;
pub(crate) mod named_barrier;
pub(crate) mod named_barrier_after_finish;
pub(crate) mod tasks;
pub(crate) mod topic;
pub(crate) mod untracked_value;

use crate::dialogue::Values;
use crate::error::{Error, ErrorKind};
use crate::graph::ChannelKind;
use crate::names::NodeId;
use named_barrier::{Arrived, Names};
use smallvec::SmallVec;

/// What a channel holds.
#[derive(Debug, Clone)]
pub(crate) enum State<V> {
    /// One value; for a custom channel the host's live object.
    Value(V),
    /// A value, and whether everything else has finished.
    Finishing(V, bool),
    /// A topic's values; never none.
    Items(Items<V>),
    /// The packets waiting to run; never none.
    Packets(Vec<Packet<V>>),
    /// The names that have arrived at a barrier.
    Arrived(Box<Arrived>),
}

/// A topic's values: often one.
pub(crate) type Items<V> = SmallVec<[V; 1]>;

/// A value in the `tasks` channel.
#[derive(Debug, Clone)]
pub(crate) struct Packet<V> {
    pub(crate) value: V,
    pub(crate) to: Label,
}

impl<V> Packet<V> {
    pub(crate) fn of(written: Written<V>) -> Self {
        Packet {
            value: written.value,
            to: written.label,
        }
    }
}

/// What the host's label of a written value came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// The host gave none.
    None,
    /// A name that isn't the barrier's, or no node of the graph.
    Stranger,
    /// A barrier's name, or a node.
    Index(u32),
}

impl Label {
    pub(crate) fn node(self) -> Option<NodeId> {
        match self {
            Label::Index(index) => Some(NodeId(index)),
            Label::None | Label::Stranger => None,
        }
    }
}

/// One value written to a channel.
#[derive(Debug, Clone)]
pub(crate) struct Written<V> {
    pub(crate) value: V,
    pub(crate) label: Label,
}

/// One superstep's writes to a channel.
pub(crate) type Writes<V> = SmallVec<[Written<V>; 1]>;

/// What a rule did to a state. Writing the value a channel already holds is still a change.
#[derive(Debug)]
pub(crate) enum Change<V> {
    /// Nothing happened.
    Same,
    /// The channel lost its state.
    Emptied,
    /// The channel has this state now.
    To(State<V>),
    /// These values are added to those the channel has (so that adding costs what is added).
    More(State<V>),
}

/// A channel's answer to its writes.
#[derive(Debug)]
pub(crate) enum Update<V> {
    /// The channel could answer alone.
    Change(Change<V>),
    /// The host's reducer has to fold these values into the state.
    Fold(Values<V>),
    /// The host's channel has to take these values.
    Custom(Vec<V>),
}

/// Writes a channel doesn't take.
#[derive(Debug)]
pub(crate) struct Refused<V> {
    pub(crate) kind: ErrorKind,
    pub(crate) value: Option<V>,
}

/// A channel's value as it is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown<V> {
    /// A value.
    Value(V),
    /// A topic's values, as a list of their own.
    Items(Vec<V>),
    /// An open barrier has no value.
    Nothing,
}

/// A channel's state as it is saved in a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved<V> {
    /// A value; for a custom channel what its own `checkpoint` gave.
    Value(V),
    /// A topic's values.
    Items(Vec<V>),
    /// Packets, each with the name of the node it is for (`None` for what is no packet). Loaded
    /// only; they are saved as `Items`.
    Packets(Vec<(V, Option<String>)>),
    /// The names that have arrived.
    Names(Vec<String>),
    /// The names that have arrived, and whether everything else has finished.
    NamesFinished(Vec<String>, bool),
    /// A value, and whether everything else has finished.
    ValueFinished(V, bool),
}

/// The shape a channel's saved state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// `Saved::Value`.
    Value,
    /// `Saved::Items`.
    Items,
    /// `Saved::Packets`.
    Packets,
    /// `Saved::Names`.
    Names,
    /// `Saved::NamesFinished`.
    NamesFinished,
    /// `Saved::ValueFinished`.
    ValueFinished,
    /// The channel is never saved; what a checkpoint says about it is dropped.
    Never,
}

/// A kind with its parameters, compiled.
#[derive(Debug)]
pub(crate) enum Kind {
    LastValue,
    LastValueAfterFinish,
    AnyValue,
    EphemeralValue { guard: bool },
    UntrackedValue { guard: bool },
    Topic(topic::Rules),
    Tasks(topic::Rules),
    BinaryOperator,
    NamedBarrier(Names),
    NamedBarrierAfterFinish(Names),
    Custom,
}

/// What a commit that can't be refused does with a channel's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The value replaces the one before.
    Value,
    /// So it does, and can't be read until all is finished.
    Hidden,
    /// The values are collected.
    Topic,
    /// The values are folded first.
    Fold,
    /// The name arrives.
    Barrier,
    /// The host's own.
    Custom,
}

impl Kind {
    pub(crate) fn class(&self) -> Class {
        match self {
            Kind::LastValue
            | Kind::AnyValue
            | Kind::EphemeralValue { .. }
            | Kind::UntrackedValue { .. } => Class::Value,
            Kind::LastValueAfterFinish => Class::Hidden,
            Kind::Topic(_) | Kind::Tasks(_) => Class::Topic,
            Kind::BinaryOperator => Class::Fold,
            Kind::NamedBarrier(_) | Kind::NamedBarrierAfterFinish(_) => Class::Barrier,
            Kind::Custom => Class::Custom,
        }
    }

    pub(crate) fn compile(kind: ChannelKind) -> Self {
        match kind {
            ChannelKind::LastValue => Kind::LastValue,
            ChannelKind::LastValueAfterFinish => Kind::LastValueAfterFinish,
            ChannelKind::AnyValue => Kind::AnyValue,
            ChannelKind::EphemeralValue { guard } => Kind::EphemeralValue { guard },
            ChannelKind::UntrackedValue { guard } => Kind::UntrackedValue { guard },
            ChannelKind::Topic { accumulate } => Kind::Topic(topic::Rules { accumulate }),
            ChannelKind::Tasks { accumulate } => Kind::Tasks(topic::Rules { accumulate }),
            ChannelKind::BinaryOperator => Kind::BinaryOperator,
            ChannelKind::NamedBarrier { names } => Kind::NamedBarrier(Names::of(names)),
            ChannelKind::NamedBarrierAfterFinish { names } => {
                Kind::NamedBarrierAfterFinish(Names::of(names))
            }
            ChannelKind::Custom => Kind::Custom,
        }
    }

    /// Whether a superstep without a write can change the channel.
    pub(crate) fn forgets(&self) -> bool {
        match self {
            Kind::AnyValue | Kind::EphemeralValue { .. } | Kind::Custom => true,
            Kind::Topic(rules) | Kind::Tasks(rules) => !rules.accumulate,
            _ => false,
        }
    }

    /// Whether the channel cares that a task was triggered by it.
    pub(crate) fn consumes(&self) -> bool {
        matches!(
            self,
            Kind::LastValueAfterFinish
                | Kind::NamedBarrier(_)
                | Kind::NamedBarrierAfterFinish(_)
                | Kind::Custom
        )
    }

    /// Whether the channel cares that nothing else is left to run.
    pub(crate) fn waits(&self) -> bool {
        matches!(
            self,
            Kind::LastValueAfterFinish | Kind::NamedBarrierAfterFinish(_) | Kind::Custom
        )
    }

    /// Whether the channel has a state before its first write.
    pub(crate) fn prepared(&self) -> bool {
        match self {
            Kind::BinaryOperator | Kind::Custom => true,
            Kind::NamedBarrier(names) | Kind::NamedBarrierAfterFinish(names) => names.is_empty(),
            _ => false,
        }
    }

    /// What `label` means for a value written to this channel; `node` finds a node by name.
    pub(crate) fn label(
        &self,
        label: Option<&str>,
        node: impl FnOnce(&str) -> Option<NodeId>,
    ) -> Label {
        match (self, label) {
            (Kind::NamedBarrier(names) | Kind::NamedBarrierAfterFinish(names), Some(name)) => {
                names.find(name).map_or(Label::Stranger, Label::Index)
            }
            (Kind::Tasks(_), Some(name)) => {
                node(name).map_or(Label::Stranger, |node| Label::Index(node.0))
            }
            _ => Label::None,
        }
    }

    pub(crate) fn update<V: Clone>(
        &self,
        state: Option<&State<V>>,
        writes: Writes<V>,
    ) -> Result<Update<V>, Refused<V>> {
        let change = match self {
            Kind::LastValue => last_value::update(writes)?,
            Kind::LastValueAfterFinish => last_value_after_finish::update(writes),
            Kind::AnyValue => any_value::update(state, writes),
            Kind::EphemeralValue { guard } => ephemeral_value::update(*guard, state, writes)?,
            Kind::UntrackedValue { guard } => untracked_value::update(*guard, writes)?,
            Kind::Topic(rules) => topic::update(*rules, state, writes),
            Kind::Tasks(rules) => tasks::update(*rules, state, writes),
            Kind::BinaryOperator => return Ok(binary_operator::update(writes)),
            Kind::NamedBarrier(names) | Kind::NamedBarrierAfterFinish(names) => {
                named_barrier::update(names, state, writes)?
            }
            Kind::Custom => return Ok(custom::update(writes)),
        };
        Ok(Update::Change(change))
    }

    /// For a custom channel the host has to be asked instead.
    pub(crate) fn consume<V>(&self, state: Option<&State<V>>) -> Change<V> {
        match self {
            Kind::LastValueAfterFinish if self.available(state) => Change::Emptied,
            Kind::NamedBarrier(names) | Kind::NamedBarrierAfterFinish(names)
                if self.available(state) =>
            {
                named_barrier::initial(names).map_or(Change::Emptied, Change::To)
            }
            _ => Change::Same,
        }
    }

    /// For a custom channel the host has to be asked instead.
    pub(crate) fn finish<V: Clone>(&self, state: Option<&State<V>>) -> Change<V> {
        match self {
            Kind::LastValueAfterFinish => last_value_after_finish::finish(state),
            Kind::NamedBarrierAfterFinish(names) => {
                named_barrier_after_finish::finish(names, state)
            }
            _ => Change::Same,
        }
    }

    /// What `finish` does, done to the state itself; says whether it changed.
    pub(crate) fn finish_in_place<V>(&self, state: &mut State<V>) -> bool {
        match self {
            Kind::LastValueAfterFinish => last_value_after_finish::open(state),
            Kind::NamedBarrierAfterFinish(names) => named_barrier_after_finish::open(names, state),
            _ => false,
        }
    }

    /// For a custom channel the host has to be asked instead.
    pub(crate) fn available<V>(&self, state: Option<&State<V>>) -> bool {
        match (self, state) {
            (_, None) => false,
            (Kind::LastValueAfterFinish, Some(state)) => last_value_after_finish::available(state),
            (Kind::NamedBarrier(names), Some(state)) => named_barrier::available(names, state),
            (Kind::NamedBarrierAfterFinish(names), Some(state)) => {
                named_barrier_after_finish::available(names, state)
            }
            (_, Some(_)) => true,
        }
    }

    /// For a custom channel the host has to be asked instead.
    pub(crate) fn get<V: Clone>(&self, state: &State<V>) -> Shown<V> {
        match state {
            State::Value(value) | State::Finishing(value, _) => Shown::Value(value.clone()),
            State::Items(items) => Shown::Items(items.to_vec()),
            State::Packets(packets) => Shown::Items(tasks::values(packets)),
            State::Arrived(_) => Shown::Nothing,
        }
    }

    /// For a custom channel the host has to be asked instead.
    pub(crate) fn save<V: Clone>(&self, state: Option<&State<V>>) -> Option<Saved<V>> {
        match self {
            Kind::UntrackedValue { .. } => None,
            Kind::Topic(_) => Some(topic::save(state)),
            Kind::Tasks(_) => Some(tasks::save(state)),
            Kind::NamedBarrier(names) => Some(named_barrier::save(names, state)),
            Kind::NamedBarrierAfterFinish(names) => {
                Some(named_barrier_after_finish::save(names, state))
            }
            _ => match state? {
                State::Value(value) => Some(Saved::Value(value.clone())),
                State::Finishing(value, finished) => {
                    Some(Saved::ValueFinished(value.clone(), *finished))
                }
                State::Items(_) | State::Packets(_) | State::Arrived(_) => None,
            },
        }
    }

    /// The shape `save` gives and `load` takes.
    pub(crate) fn load(&self) -> Load {
        match self {
            Kind::LastValueAfterFinish => Load::ValueFinished,
            Kind::UntrackedValue { .. } => Load::Never,
            Kind::Topic(_) => Load::Items,
            Kind::Tasks(_) => Load::Packets,
            Kind::NamedBarrier(_) => Load::Names,
            Kind::NamedBarrierAfterFinish(_) => Load::NamesFinished,
            _ => Load::Value,
        }
    }

    /// The state a checkpoint describes; `None` for an empty channel. Custom channels are loaded by
    /// the host.
    pub(crate) fn restore<V>(
        &self,
        saved: Saved<V>,
        channel: &str,
        node: impl Fn(&str) -> Option<NodeId>,
    ) -> Result<Option<State<V>>, Error> {
        Ok(match (self, saved) {
            (Kind::UntrackedValue { .. }, _) => None,
            (Kind::Topic(_), Saved::Items(items)) => topic::load(items),
            (Kind::Tasks(_), Saved::Packets(packets)) => {
                let packets = packets.into_iter().map(|(value, to)| {
                    let to = self.label(to.as_deref(), &node);
                    Packet { value, to }
                });
                tasks::load(packets.collect())
            }
            (Kind::NamedBarrier(names), Saved::Names(arrived)) => {
                named_barrier::load(names, arrived, false)
            }
            (Kind::NamedBarrierAfterFinish(names), Saved::NamesFinished(arrived, finished)) => {
                named_barrier::load(names, arrived, finished)
            }
            (Kind::LastValueAfterFinish, Saved::ValueFinished(value, finished)) => {
                Some(State::Finishing(value, finished))
            }
            (_, Saved::Value(value)) if self.load() == Load::Value => Some(State::Value(value)),
            (kind, _) => {
                return Err(Error::of_channel(
                    ErrorKind::BadCheckpoint,
                    channel,
                    format!(
                        "channel '{channel}' can't load its value: expected {:?}",
                        kind.load()
                    ),
                ));
            }
        })
    }

    /// The state before the first write of a channel that needs no host to prepare it.
    pub(crate) fn initial<V>(&self) -> Option<State<V>> {
        match self {
            Kind::NamedBarrier(names) | Kind::NamedBarrierAfterFinish(names) => {
                named_barrier::initial(names)
            }
            _ => None,
        }
    }
}

/// The last of a superstep's writes.
fn last<V>(mut writes: Writes<V>) -> Option<V> {
    writes.pop().map(|written| written.value)
}

/// The last write, or `kind` if there were several.
fn only<V>(kind: ErrorKind, writes: Writes<V>) -> Result<Option<V>, Refused<V>> {
    if writes.len() > 1 {
        return Err(Refused { kind, value: None });
    }
    Ok(last(writes))
}

/// What a superstep without a write does to a channel that forgets.
fn forgotten<V>(state: Option<&State<V>>) -> Change<V> {
    if state.is_none() {
        Change::Same
    } else {
        Change::Emptied
    }
}

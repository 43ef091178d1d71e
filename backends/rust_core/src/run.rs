//! One invocation: what the channels hold, their versions, and which versions each node has seen.
//!
//! Only what was touched is here. A channel without a state is empty, one without a version was
//! never written to, a node without marks never ran; so a run of a huge graph costs what it does,
//! not what the graph has.

use crate::channels::{Kind, Saved, State};
use crate::commit::UnderWay;
use crate::dialogue::{Answer, CustomCall, Dialogue, Halt, Request, Step, wrong};
use crate::error::{Error, ErrorKind};
use crate::id_map::IdMap;
use crate::names::{ChannelId, Id as _, NodeId, Strangers};
use crate::program::{PanicPoint, Program};
use crate::states::States;
use crate::versions::{Version, Versions};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The `v` of the checkpoints written (LangGraph's `LATEST_VERSION`).
pub const CHECKPOINT_FORMAT: i64 = 4;

/// A channel, by number if its name is known to the program.
#[derive(Debug, Clone, Copy)]
pub enum ChannelRef<'a> {
    /// One of the program's.
    Known(ChannelId),
    /// Any name.
    Named(&'a str),
}

/// A node, by number if its name is known to the program.
#[derive(Debug, Clone, Copy)]
pub enum NodeRef<'a> {
    /// One of the program's.
    Known(NodeId),
    /// Any name.
    Named(&'a str),
}

/// The state of one invocation.
#[derive(Debug)]
pub struct Run<V> {
    pub(crate) program: Arc<Program>,
    pub(crate) states: States<V>,
    pub(crate) seen: IdMap<NodeId, Versions>,
    pub(crate) highest: Option<Version>,
    pub(crate) strange_channels: Strangers,
    pub(crate) strange_nodes: Strangers,
    pub(crate) format: i64,
    pub(crate) commit: Option<Box<UnderWay<V>>>,
}

impl<V: Clone> Run<V> {
    pub(crate) fn empty(program: Arc<Program>) -> Self {
        Run {
            strange_channels: Strangers::after(program.channel_count()),
            strange_nodes: Strangers::after(program.node_count()),
            program,
            states: States::default(),
            seen: IdMap::default(),
            highest: None,
            format: CHECKPOINT_FORMAT,
            commit: None,
        }
    }

    /// The run's program.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The highest channel version, or `None` if no channel was ever written.
    #[must_use]
    pub fn max_version(&self) -> Option<&Version> {
        self.highest.as_ref()
    }

    /// Marks a node as having seen every channel of the graph at its present version.
    pub fn see(&mut self, node: NodeRef<'_>) -> Result<(), Error> {
        self.refuse_during_commit("see")?;
        let node = self.intern_node(node);
        let owned = self
            .states
            .versions()
            .filter(|(id, _)| self.program.owns(*id));
        let owned = owned.map(|(id, version)| (id, version.clone()));
        let mut present: Vec<(ChannelId, Version)> = owned.collect();
        present.sort_unstable_by_key(|(id, _)| *id);
        let seen = self.seen.get_or_insert_with(node, Versions::default);
        for (channel, version) in present {
            seen.set(channel, version);
        }
        Ok(())
    }

    /// Whether any channel is newer than a node has seen.
    pub fn unseen(&self, node: NodeRef<'_>) -> Result<bool, Error> {
        let seen = self.find_node(node).and_then(|node| self.seen.get(node));
        for (channel, version) in self.states.versions() {
            match seen.and_then(|seen| seen.get(channel)) {
                Some(seen) if !version.is_newer_than(seen)? => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    /// One channel's checkpoint value (an untracked one's value too), if it has one. A custom
    /// channel gives its live object.
    #[must_use]
    pub fn state(&self, channel: ChannelId) -> Option<Saved<V>> {
        let state = self.states.get(channel);
        match (self.program.kind(channel), state) {
            (Kind::Custom | Kind::UntrackedValue { .. }, Some(State::Value(value))) => {
                Some(Saved::Value(value.clone()))
            }
            (kind, state) => kind.save(state),
        }
    }

    /// The name of a channel, the graph's or a stranger to it.
    #[must_use]
    pub fn channel_name(&self, id: ChannelId) -> &str {
        if self.program.owns(id) {
            self.program.channel_name(id)
        } else {
            self.strange_channels.name(id)
        }
    }

    /// The name of a node, the graph's or a stranger to it.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        if id.index() < self.program.node_count() {
            self.program.node_name(id)
        } else {
            self.strange_nodes.name(id)
        }
    }

    /// Every value the run holds, for a host whose values need visiting.
    pub fn each_value(&self, mut visit: impl FnMut(&V)) {
        for (_, state) in self.states.iter() {
            state.each_value(&mut visit);
        }
        if let Some(commit) = &self.commit {
            commit.each_value(&mut visit);
        }
    }

    /// Drops every value the run holds; what is left behaves like an empty run.
    pub fn clear(&mut self) -> impl Sized + use<V> {
        (std::mem::take(&mut self.states), self.commit.take())
    }

    pub(crate) fn refuse_during_commit(&self, call: &str) -> Result<(), Error> {
        if self.commit.is_none() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::CommitUnderWay,
            format!(
                "'{call}' was called on a run in the middle of its own commit; \
                 a reducer or channel may read the run, not change it"
            ),
        ))
    }

    fn find_node(&self, node: NodeRef<'_>) -> Option<NodeId> {
        match node {
            NodeRef::Known(id) => Some(id),
            NodeRef::Named(name) => self
                .program
                .node(name)
                .or_else(|| self.strange_nodes.find(name)),
        }
    }

    fn intern_channel(&mut self, channel: ChannelRef<'_>) -> ChannelId {
        match channel {
            ChannelRef::Known(id) => id,
            ChannelRef::Named(name) => match self.program.channel(name) {
                Some(id) => id,
                None => self.strange_channels.intern(name),
            },
        }
    }

    pub(crate) fn intern_node(&mut self, node: NodeRef<'_>) -> NodeId {
        match node {
            NodeRef::Known(id) => id,
            NodeRef::Named(name) => match self.program.node(name) {
                Some(id) => id,
                None => self.strange_nodes.intern(name),
            },
        }
    }

    pub(crate) fn put(&mut self, channel: ChannelId, state: State<V>) -> Option<State<V>> {
        let place = self.states.place(channel);
        self.states
            .put(self.program.kind(channel), channel, place, state)
    }

    /// Whether a channel can be read and trigger tasks; a custom one is asked.
    pub(crate) fn is_available(
        &self,
        channel: ChannelId,
        dialogue: &mut Dialogue<V>,
    ) -> Result<bool, Halt> {
        let state = self.states.get(channel);
        match (self.program.kind(channel), state) {
            (Kind::Custom, Some(State::Value(object))) => {
                let call = CustomCall::IsAvailable;
                let question = || Request::Custom {
                    channel,
                    object: object.clone(),
                    call,
                };
                Ok(dialogue.ask(question)?.flag()?)
            }
            (kind, state) => Ok(kind.available(state)),
        }
    }
}

impl<V> State<V> {
    pub(crate) fn each_value(&self, visit: &mut impl FnMut(&V)) {
        match self {
            State::Value(value) | State::Finishing(value, _) => visit(value),
            State::Items(items) => items.iter().for_each(visit),
            State::Packets(packets) => packets.iter().for_each(|packet| visit(&packet.value)),
            State::Arrived(_) => {}
        }
    }
}

/// A run being started, from nothing or from what a checkpoint says.
///
/// Say what the checkpoint says, then take the [`requests`](Restore::requests) and answer them all.
#[derive(Debug)]
pub struct Restore<V> {
    run: Run<V>,
    /// What a checkpoint says of custom channels, until their objects are made.
    saved: FxHashMap<ChannelId, V>,
    node: Option<NodeId>,
}

/// A run that starts once the host answered the requests of its [`Restore`].
#[derive(Debug)]
pub struct Unanswered<V> {
    run: Run<V>,
    /// The channel each request is about.
    asked: Vec<ChannelId>,
}

impl<V: Clone> Restore<V> {
    /// Starts from nothing; `value`, `version` and `seen` add what a checkpoint says.
    #[must_use]
    pub fn begin(program: Arc<Program>) -> Self {
        let run = Run::empty(program);
        Restore {
            run,
            saved: FxHashMap::default(),
            node: None,
        }
    }

    /// The format (`v`) of the checkpoint.
    pub fn format(&mut self, format: i64) {
        self.run.format = format;
    }

    /// A saved channel value, in the shape [`Program::load_of`] says.
    pub fn value(&mut self, channel: ChannelId, saved: Saved<V>) -> Result<(), Error> {
        let program = Arc::clone(&self.run.program);
        let kind = program.kind(channel);
        match (kind, saved) {
            (Kind::Custom, Saved::Value(value)) => {
                self.saved.insert(channel, value);
            }
            (kind, saved) => {
                let name = program.channel_name(channel);
                if let Some(state) = kind.restore(saved, name, |node| program.node(node))? {
                    self.run.put(channel, state);
                }
            }
        }
        Ok(())
    }

    /// A channel's version.
    pub fn version(&mut self, channel: ChannelRef<'_>, version: Version) {
        let channel = self.run.intern_channel(channel);
        let place = self.run.states.place(channel);
        self.run.states.set_version(channel, place, version);
    }

    /// The node the following calls of `seen` are about.
    pub fn node(&mut self, node: NodeRef<'_>) {
        let node = self.run.intern_node(node);
        self.run.seen.get_or_insert_with(node, Versions::default);
        self.node = Some(node);
    }

    /// A version the node has seen.
    pub fn seen(&mut self, channel: ChannelRef<'_>, version: Version) {
        let channel = self.run.intern_channel(channel);
        let node = self.node.expect("`node` comes before `seen`");
        self.run
            .seen
            .get_or_insert_with(node, Versions::default)
            .set(channel, version);
    }

    /// Everything the host has to prepare, in the graph's order, and the run that waits for it.
    #[must_use]
    pub fn requests(mut self) -> (Vec<Request<V>>, Unanswered<V>) {
        let program = Arc::clone(&self.run.program);
        program.panic_if_injected(PanicPoint::Restore);
        let (mut requests, mut asked) = (Vec::new(), Vec::new());
        for &channel in &program.prepared {
            let has_state = self.run.states.get(channel).is_some();
            match program.kind(channel) {
                Kind::Custom => {
                    let saved = self.saved.remove(&channel);
                    requests.push(Request::Load { channel, saved });
                }
                Kind::BinaryOperator if !has_state => requests.push(Request::Initial { channel }),
                Kind::BinaryOperator => continue,
                kind => {
                    if let (Some(state), false) = (kind.initial(), has_state) {
                        self.run.put(channel, state);
                    }
                    continue;
                }
            }
            asked.push(channel);
        }
        (
            requests,
            Unanswered {
                run: self.run,
                asked,
            },
        )
    }
}

impl<V: Clone> Unanswered<V> {
    /// The run, given the answers to the requests in their order.
    pub fn answer(mut self, answers: Vec<Answer<V>>) -> Result<Run<V>, Error> {
        if answers.len() != self.asked.len() {
            return Err(wrong("the values of channels that need preparing"));
        }
        for (channel, answer) in self.asked.into_iter().zip(answers) {
            let state = match self.run.program.kind(channel) {
                Kind::Custom => Some(answer.value()?),
                _ => answer.optional()?,
            };
            if let Some(state) = state {
                self.run.put(channel, State::Value(state));
            }
        }
        self.run.highest =
            Version::highest(self.run.states.versions().map(|(_, version)| version))?;
        Ok(self.run)
    }
}

/// A step of an operation that only looks, on the public side.
pub type Looked<V, T> = Result<Step<V, T>, Error>;

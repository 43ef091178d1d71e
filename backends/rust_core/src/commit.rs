//! Commit: the tasks' writes, in the order of their paths, become the channels' new states.
//!
//! A commit is a small machine that stops wherever the host's reducer or custom channel is needed
//! and goes on with the answer. New states are staged and stored only when all of them worked, so
//! a commit that fails or is given up leaves the run as it was. A custom channel is changed in place
//! by its own methods; it is copied before the first, and the copy takes over if the commit fails.

use crate::batch::{
    AllWrites, Batch, BatchTask, Ordered, OwnedChannel, OwnedNode, Triggers, grouped,
};
use crate::channels::{Change, Kind, Refused, State, Update, Writes};
use crate::dialogue::{Answer, CustomCall, Request, Step, wrong};
use crate::direct::DirectCommit;
use crate::error::{Error, ErrorKind};
use crate::id_map::IdMap;
use crate::names::{ChannelId, Id as _};
use crate::program::{PanicPoint, Program};
use crate::run::{NodeRef, Run};
use crate::versions::{Version, Versions};
use smallvec::SmallVec;

/// What a commit did.
#[derive(Debug)]
pub struct Committed<V> {
    /// The channels that changed and hold a value; they may trigger nodes.
    pub updated: Vec<ChannelId>,
    /// For each write to a channel that isn't there: the task, counted as they were handed over,
    /// and the name.
    pub unknown: Vec<(usize, String)>,
    /// The values that were replaced. Dropping them is the host's business: it may want to let go of
    /// the run first.
    pub retired: Retired<V>,
}

/// Values a run no longer has.
#[derive(Debug)]
pub struct Retired<V> {
    values: SmallVec<[V; 2]>,
    /// Writes that hold what they replaced.
    exchanged: AllWrites<V>,
}

impl<V> Retired<V> {
    /// The values.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        let exchanged = self.exchanged.into_iter();
        let exchanged = exchanged.filter_map(|write| write.written);
        let values = self.values.into_iter();
        values.chain(exchanged.map(|written| written.value))
    }

    pub(crate) fn exchanged(&mut self, writes: AllWrites<V>) {
        self.exchanged = writes;
    }

    pub(crate) fn with_capacity(values: usize) -> Self {
        Retired {
            values: SmallVec::with_capacity(values),
            exchanged: SmallVec::new(),
        }
    }

    #[inline]
    pub(crate) fn value(&mut self, value: V) {
        self.values.push(value);
    }

    pub(crate) fn values(&mut self, values: impl Iterator<Item = V>) {
        self.values.extend(values);
    }

    pub(crate) fn state(&mut self, state: Option<State<V>>) {
        match state {
            None | Some(State::Arrived(_)) => {}
            Some(State::Value(value) | State::Finishing(value, _)) => self.value(value),
            Some(State::Items(items)) => self.values(items.into_iter()),
            Some(State::Packets(packets)) => {
                self.values(packets.into_iter().map(|packet| packet.value));
            }
        }
    }
}

/// Why a commit failed; the run is as it was before.
#[derive(Debug)]
pub struct Refusal<V> {
    /// What went wrong.
    pub error: Error,
    /// For `barrier_name`, what was written.
    pub value: Option<V>,
}

impl<V> From<Error> for Refusal<V> {
    fn from(error: Error) -> Self {
        Refusal { error, value: None }
    }
}

/// Where a commit got to: a question to the host, or done.
pub type CommitStep<V> = Step<V, Committed<V>>;

/// A commit under way: it waits for an answer.
#[derive(Debug)]
pub(crate) enum UnderWay<V> {
    /// The general one.
    Staged(Commit<V>),
    /// One that only folds.
    Direct(DirectCommit<V>),
}

/// A commit whose changes are staged.
#[derive(Debug)]
pub(crate) struct Commit<V> {
    version: Version,
    step_passed: bool,
    tasks: SmallVec<[BatchTask; 1]>,
    triggers: Vec<OwnedChannel>,
    groups: IdMap<ChannelId, Writes<V>>,
    unknown: Vec<(usize, String)>,
    phase: Phase,
    /// The channels this phase goes through, and how far it got.
    queue: Vec<ChannelId>,
    next: usize,
    staged: IdMap<ChannelId, Staged<V>>,
    /// Copies of the custom channels that were called, as they were before.
    kept: IdMap<ChannelId, V>,
    awaiting: Option<Awaiting>,
    /// What to call once a copy is kept.
    after_copy: Option<(CustomCall<V>, Awaiting)>,
}

/// The parts of a commit, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Channels that triggered a task are consumed.
    Consume,
    /// Written channels take their writes.
    Update,
    /// Channels that were not written forget.
    Forget,
    /// Nothing will be triggered: waiting channels finish.
    Finish,
    Done,
}

#[derive(Debug)]
struct Staged<V> {
    change: Change<V>,
    updated: bool,
}

/// The question a commit waits on.
#[derive(Debug, Clone, Copy)]
enum Awaiting {
    /// A copy of a custom channel, made before its first call.
    Copied(ChannelId),
    /// The reducer's result.
    Folded(ChannelId),
    /// Whether a custom channel changed; if so, whether it is available matters too.
    Changed(ChannelId),
    /// Whether it changed when it was consumed; availability doesn't matter.
    Consumed(ChannelId),
    /// Whether a custom channel that changed is available.
    Available(ChannelId),
    /// Whether a custom channel that was not written is available, and so is told to forget.
    ToForget(ChannelId),
}

impl<V: Clone> Run<V> {
    /// Starts applying one superstep's writes; at most one commit of a run is under way.
    ///
    /// `version` is for channels that change; `None` means one more than the highest. After a
    /// question, go on with [`Run::answer_commit`] or give up with [`Run::abort_commit`].
    pub fn begin_commit(
        &mut self,
        batch: Batch<'_, V>,
        version: Option<Version>,
    ) -> Result<CommitStep<V>, Refusal<V>> {
        self.refuse_during_commit("commit")?;
        let version = match version {
            Some(version) => {
                if let Some(highest) = &self.highest {
                    version.check_comparable(highest)?;
                }
                version
            }
            None => Version::after(self.highest.as_ref())?,
        };
        let mut ordered = batch.sort();
        self.program.panic_if_injected(PanicPoint::Commit);
        match self.written_once(&mut ordered.writes) {
            Some(folds) => self.begin_direct(DirectCommit::of(ordered, folds, version)),
            None => self.begin_staged(ordered, version),
        }
    }

    /// Starts a commit that may be refused.
    pub(crate) fn begin_staged(
        &mut self,
        ordered: Ordered<V>,
        version: Version,
    ) -> Result<CommitStep<V>, Refusal<V>> {
        let step_passed = ordered.step_passed(&self.program);
        if step_passed {
            self.states.tidy();
        }
        let commit = Commit {
            version,
            step_passed,
            queue: ordered.consumed(&self.program),
            next: 0,
            phase: Phase::Consume,
            staged: IdMap::default(),
            kept: IdMap::default(),
            awaiting: None,
            after_copy: None,
            tasks: ordered.tasks,
            triggers: ordered.triggers,
            groups: grouped(ordered.writes),
            unknown: ordered.unknown,
        };
        self.go_on(Box::new(UnderWay::Staged(commit)))
    }

    /// Goes on with the host's answer to the last question.
    pub fn answer_commit(&mut self, answer: Answer<V>) -> Result<CommitStep<V>, Refusal<V>> {
        let Some(mut under_way) = self.commit.take() else {
            return Err(wrong("nothing").into());
        };
        let taken = match &mut *under_way {
            UnderWay::Staged(commit) => commit.take_answer(self, answer),
            UnderWay::Direct(commit) => commit.take_answer(answer).map(|()| None),
        };
        match taken {
            Ok(Some(request)) => {
                self.commit = Some(under_way);
                Ok(Step::Ask(request))
            }
            Ok(None) => self.go_on(under_way),
            Err(refusal) => {
                self.undo(*under_way);
                Err(refusal)
            }
        }
    }

    /// The last question, and those that follow it whatever its answer is, as far as that is known.
    ///
    /// They are to be answered together, with [`Run::answer_all`]. A host that would rather be asked one by
    /// one doesn't ask for them.
    pub fn with_following(&mut self, question: Request<V>) -> Vec<Request<V>> {
        let mut questions = vec![question];
        if let Some(mut under_way) = self.commit.take() {
            if let UnderWay::Direct(commit) = &mut *under_way {
                questions.reserve(commit.left());
                questions.extend(std::iter::from_fn(|| commit.next_fold(self)));
            }
            self.commit = Some(under_way);
        }
        questions
    }

    /// Goes on with the answers to the last question and those following it, in their order.
    pub fn answer_all(&mut self, mut answers: Vec<Answer<V>>) -> Result<CommitStep<V>, Refusal<V>> {
        let last = answers.pop();
        let taken = match self.commit.as_deref_mut() {
            Some(UnderWay::Direct(commit)) => {
                let mut answers = answers.into_iter();
                answers.try_for_each(|answer| commit.take_answer(answer))
            }
            _ if answers.is_empty() => Ok(()),
            _ => Err(wrong("one answer").into()),
        };
        let refusal = match (taken, last) {
            (Ok(()), Some(last)) => return self.answer_commit(last),
            (Ok(()), None) => wrong("an answer").into(),
            (Err(refusal), _) => refusal,
        };
        drop(self.abort_commit());
        Err(refusal)
    }

    /// Gives up the commit under way, if there is one; the run is as it was before it.
    ///
    /// What it gives back is to be dropped, as with [`Committed::retired`].
    pub fn abort_commit(&mut self) -> impl Sized + use<V> {
        self.commit.take().map(|under_way| self.undo(*under_way))
    }

    pub(crate) fn go_on(
        &mut self,
        mut under_way: Box<UnderWay<V>>,
    ) -> Result<CommitStep<V>, Refusal<V>> {
        let question = match &mut *under_way {
            UnderWay::Staged(commit) => commit.advance(self),
            UnderWay::Direct(commit) => commit.next_question(self),
        };
        match question {
            Ok(Some(request)) => {
                self.commit = Some(under_way);
                Ok(Step::Ask(request))
            }
            Ok(None) => Ok(Step::Done(match *under_way {
                UnderWay::Staged(commit) => self.store(commit),
                UnderWay::Direct(commit) => self.apply(commit),
            })),
            Err(refusal) => {
                self.undo(*under_way);
                Err(refusal)
            }
        }
    }

    /// Puts custom channels back as they were; everything else was only staged.
    fn undo(&mut self, mut under_way: UnderWay<V>) -> (UnderWay<V>, Retired<V>) {
        let mut retired = Retired::with_capacity(0);
        if let UnderWay::Staged(commit) = &mut under_way {
            for (channel, copy) in std::mem::take(&mut commit.kept) {
                retired.state(self.put(channel, State::Value(copy)));
            }
        }
        (under_way, retired)
    }

    /// Everything worked: marks what the tasks' nodes have seen, and stores the staged states.
    fn store(&mut self, commit: Commit<V>) -> Committed<V> {
        self.mark_seen(&commit.tasks, &commit.triggers);
        let mut updated = Vec::new();
        let mut retired = Retired::with_capacity(commit.staged.len());
        if !commit.staged.is_empty() {
            self.highest = Some(commit.version.clone());
        }
        for (channel, staged) in commit.staged {
            if staged.updated {
                updated.push(channel);
            }
            let kind = self.program.kind(channel);
            let place = self.states.place(channel);
            self.states
                .set_version(channel, place, commit.version.clone());
            match staged.change {
                Change::Same => {}
                Change::Emptied => retired.state(self.states.empty(place)),
                Change::To(state) => retired.state(self.states.put(kind, channel, place, state)),
                Change::More(more) => self.states.extend(kind, channel, place, more),
            }
        }
        Committed {
            updated,
            unknown: commit.unknown,
            retired,
        }
    }

    /// Marks what the tasks' nodes have seen: their triggers at their versions so far.
    pub(crate) fn mark_seen(&mut self, tasks: &[BatchTask], triggers: &[OwnedChannel]) {
        self.seen.reserve(tasks.len());
        for task in tasks {
            let node = self.intern_node(match &task.node {
                OwnedNode::Known(id) => NodeRef::Known(*id),
                OwnedNode::Named(name) => NodeRef::Named(name),
            });
            let states = &self.states;
            let program = &*self.program;
            let seen = self.seen.get_or_insert_with(node, Versions::default);
            let mut mark = |channel: ChannelId| {
                if let Some(version) = states.version(channel) {
                    seen.set(channel, version.clone());
                }
            };
            match task.triggers {
                Triggers::Own => {
                    program.nodes[node.index()]
                        .sorted_triggers
                        .iter()
                        .for_each(|id| mark(*id));
                }
                Triggers::Listed { first, count } => {
                    for trigger in &triggers[first as usize..(first + count) as usize] {
                        let channel = match trigger {
                            OwnedChannel::Known(id) => Some(*id),
                            OwnedChannel::Named(name) => self.strange_channels.find(name),
                        };
                        if let Some(channel) = channel {
                            mark(channel);
                        }
                    }
                }
            }
        }
    }
}

impl<V: Clone> UnderWay<V> {
    pub(crate) fn each_value(&self, visit: &mut impl FnMut(&V)) {
        match self {
            UnderWay::Staged(commit) => commit.each_value(visit),
            UnderWay::Direct(commit) => commit.each_value(visit),
        }
    }
}

impl<V: Clone> Commit<V> {
    fn each_value(&self, visit: &mut impl FnMut(&V)) {
        for (_, group) in self.groups.iter() {
            group.iter().for_each(|written| visit(&written.value));
        }
        self.kept.iter().for_each(|(_, copy)| visit(copy));
        for (_, staged) in self.staged.iter() {
            if let Change::To(state) | Change::More(state) = &staged.change {
                state.each_value(visit);
            }
        }
    }

    /// Goes through the phases until the host is needed or all is done.
    fn advance(&mut self, run: &Run<V>) -> Result<Option<Request<V>>, Refusal<V>> {
        loop {
            let request = match self.phase {
                Phase::Done => return Ok(None),
                Phase::Update => match self.groups.entry_mut(self.next) {
                    Some((channel, writes)) => {
                        let (channel, writes) = (*channel, std::mem::take(writes));
                        self.next += 1;
                        self.update(run, channel, writes)?
                    }
                    None => {
                        self.enter_next_phase(run);
                        None
                    }
                },
                Phase::Consume | Phase::Forget | Phase::Finish => {
                    match self.queue.get(self.next).copied() {
                        Some(channel) => {
                            self.next += 1;
                            match self.phase {
                                Phase::Consume => self.consume(run, channel),
                                Phase::Forget => self.forget(run, channel)?,
                                _ => self.finish(run, channel),
                            }
                        }
                        None => {
                            self.enter_next_phase(run);
                            None
                        }
                    }
                }
            };
            if request.is_some() {
                return Ok(request);
            }
        }
    }

    fn enter_next_phase(&mut self, run: &Run<V>) {
        self.next = 0;
        self.queue.clear();
        self.phase = match self.phase {
            Phase::Consume => Phase::Update,
            Phase::Update if self.step_passed => {
                let staged = &self.staged;
                let is_updated = |id: &ChannelId| staged.get(*id).is_some_and(|it| it.updated);
                let fleeting = run.states.fleeting().iter().map(|(id, _)| *id);
                self.queue.extend(fleeting.filter(|id| !is_updated(id)));
                Phase::Forget
            }
            Phase::Forget if !self.triggers_anything(&run.program) => {
                self.queue.extend_from_slice(&run.program.waiting);
                Phase::Finish
            }
            _ => Phase::Done,
        };
    }

    fn triggers_anything(&self, program: &Program) -> bool {
        self.staged
            .iter()
            .any(|(id, staged)| staged.updated && program.may_trigger(*id))
    }

    fn consume(&mut self, run: &Run<V>, channel: ChannelId) -> Option<Request<V>> {
        let kind = run.program.kind(channel);
        if matches!(kind, Kind::Custom) {
            return self.ask(
                run,
                channel,
                CustomCall::Consume,
                Awaiting::Consumed(channel),
            );
        }
        let change = kind.consume(self.current(run, channel));
        if !matches!(change, Change::Same) {
            self.staged.set(
                channel,
                Staged {
                    change,
                    updated: false,
                },
            );
        }
        None
    }

    fn update(
        &mut self,
        run: &Run<V>,
        channel: ChannelId,
        writes: Writes<V>,
    ) -> Result<Option<Request<V>>, Refusal<V>> {
        let kind = run.program.kind(channel);
        let state = self.current(run, channel);
        match kind
            .update(state, writes)
            .map_err(|refused| refusal(run, channel, refused))?
        {
            Update::Change(change) => {
                self.apply(kind, channel, change);
                Ok(None)
            }
            Update::Fold(values) => {
                let base = match state {
                    Some(State::Value(value)) => Some(value.clone()),
                    _ => None,
                };
                self.awaiting = Some(Awaiting::Folded(channel));
                Ok(Some(Request::Fold {
                    channel,
                    base,
                    values,
                }))
            }
            Update::Custom(values) => {
                let call = CustomCall::Update(values);
                Ok(self.ask(run, channel, call, Awaiting::Changed(channel)))
            }
        }
    }

    fn forget(
        &mut self,
        run: &Run<V>,
        channel: ChannelId,
    ) -> Result<Option<Request<V>>, Refusal<V>> {
        let kind = run.program.kind(channel);
        if matches!(kind, Kind::Custom) {
            let awaiting = Awaiting::ToForget(channel);
            return Ok(self.ask(run, channel, CustomCall::IsAvailable, awaiting));
        }
        if kind.available(self.current(run, channel)) {
            return self.update(run, channel, Writes::new());
        }
        Ok(None)
    }

    fn finish(&mut self, run: &Run<V>, channel: ChannelId) -> Option<Request<V>> {
        let kind = run.program.kind(channel);
        if matches!(kind, Kind::Custom) {
            return self.ask(run, channel, CustomCall::Finish, Awaiting::Changed(channel));
        }
        let change = kind.finish(self.current(run, channel));
        self.apply(kind, channel, change);
        None
    }

    /// Takes an answer; a further question about the same channel may follow.
    fn take_answer(
        &mut self,
        run: &Run<V>,
        answer: Answer<V>,
    ) -> Result<Option<Request<V>>, Refusal<V>> {
        let awaiting = self.awaiting.take().ok_or_else(|| wrong("nothing"))?;
        match awaiting {
            Awaiting::Copied(channel) => {
                self.kept.set(channel, answer.value()?);
                let (call, awaiting) = self.after_copy.take().ok_or_else(|| wrong("nothing"))?;
                Ok(self.ask(run, channel, call, awaiting))
            }
            Awaiting::Folded(channel) => {
                let change = Change::To(State::Value(answer.value()?));
                self.staged.set(
                    channel,
                    Staged {
                        change,
                        updated: true,
                    },
                );
                Ok(None)
            }
            Awaiting::Consumed(channel) => {
                if answer.flag()? {
                    self.stage_object(channel, false);
                }
                Ok(None)
            }
            Awaiting::Changed(channel) => {
                if !answer.flag()? {
                    return Ok(None);
                }
                let updated = self
                    .staged
                    .get(channel)
                    .is_some_and(|staged| staged.updated);
                self.stage_object(channel, updated);
                let awaiting = Awaiting::Available(channel);
                Ok(self.ask(run, channel, CustomCall::IsAvailable, awaiting))
            }
            Awaiting::Available(channel) => {
                if answer.flag()? {
                    self.stage_object(channel, true);
                }
                Ok(None)
            }
            Awaiting::ToForget(channel) => {
                if !answer.flag()? {
                    return Ok(None);
                }
                let call = CustomCall::Update(Vec::new());
                Ok(self.ask(run, channel, call, Awaiting::Changed(channel)))
            }
        }
    }

    /// A custom channel changed: its object is the one the run has, so nothing is stored.
    fn stage_object(&mut self, channel: ChannelId, updated: bool) {
        self.staged.set(
            channel,
            Staged {
                change: Change::Same,
                updated,
            },
        );
    }

    fn ask(
        &mut self,
        run: &Run<V>,
        channel: ChannelId,
        call: CustomCall<V>,
        awaiting: Awaiting,
    ) -> Option<Request<V>> {
        let Some(State::Value(object)) = run.states.get(channel) else {
            return None; // the run was cleared
        };
        if self.kept.get(channel).is_none() {
            self.after_copy = Some((call, awaiting));
            self.awaiting = Some(Awaiting::Copied(channel));
            let call = CustomCall::Copy;
            return Some(Request::Custom {
                channel,
                object: object.clone(),
                call,
            });
        }
        self.awaiting = Some(awaiting);
        Some(Request::Custom {
            channel,
            object: object.clone(),
            call,
        })
    }

    fn apply(&mut self, kind: &Kind, channel: ChannelId, change: Change<V>) {
        let available = match &change {
            Change::Same => return,
            Change::Emptied => false,
            Change::To(state) => kind.available(Some(state)),
            Change::More(_) => true,
        };
        let updated = available
            || self
                .staged
                .get(channel)
                .is_some_and(|staged| staged.updated);
        self.staged.set(channel, Staged { change, updated });
    }

    /// A channel's state as this commit has it so far.
    fn current<'a>(&'a self, run: &'a Run<V>, channel: ChannelId) -> Option<&'a State<V>> {
        match self.staged.get(channel).map(|staged| &staged.change) {
            Some(Change::To(state)) => Some(state),
            Some(Change::Emptied) => None,
            // More: the run's state is a part of it, enough to know that there is one.
            Some(Change::Same | Change::More(_)) | None => run.states.get(channel),
        }
    }
}

/// The error for writes a channel doesn't take.
pub(crate) fn refusal<V: Clone>(
    run: &Run<V>,
    channel: ChannelId,
    refused: Refused<V>,
) -> Refusal<V> {
    let name = run.program.channel_name(channel);
    let message = match refused.kind {
        ErrorKind::BarrierName => {
            format!("channel '{name}' was sent a name it doesn't wait for")
        }
        _ => {
            format!("channel '{name}' takes one value a superstep, and was written more than once")
        }
    };
    Refusal {
        error: Error::of_channel(refused.kind, name, message),
        value: refused.value,
    }
}

//! One invocation. Each call holds the run's lock from its start to its end and calls nobody in
//! between; what it no longer needs goes back to the host afterwards.

use crate::failure::{ENGINE, Failure};
use crate::host::{Host, Value};
use crate::message::Reply;
use crate::program::Program;
use crate::questions;
use crate::reader::{Read, Reader};
use crate::values::{saved, shown, shown_all};
use crate::writes::{Commit, Following, read_superstep};
use lge_core::batch::ReadWrites;
use lge_core::channels::Shown;
use lge_core::commit::CommitStep;
use lge_core::dialogue::{Answer, Dialogue, Request, Step};
use lge_core::error::{Error, ErrorKind};
use lge_core::names::{ChannelId, Id as _};
use lge_core::panics;
use lge_core::plan::{Ignored, Origin, Plan, Superstep, TaskInput};
use lge_core::read::Reading;
use lge_core::run::{CHECKPOINT_FORMAT, ChannelRef, NodeRef, Restore, Unanswered};
use std::sync::{Arc, Mutex, MutexGuard};

/// The state of one invocation.
pub(crate) struct Run {
    program: Arc<Program>,
    pub(crate) host: Arc<Host>,
    state: Mutex<State>,
}

/// How far a run got.
enum State {
    /// The host still has to prepare channels.
    Asked(Unanswered<Value>),
    Ready(Ready),
    /// Its preparation failed.
    Failed,
}

/// A run that takes calls.
struct Ready {
    run: lge_core::run::Run<Value>,
    /// The superstep to plan once the commit under way is done.
    next: Option<Next>,
    /// Whether the host of the commit under way takes several questions at once, and the highest version.
    takes_more: bool,
    /// What the last commit's reply mentions, if that has no owner of its own.
    lent: Vec<Value>,
}

impl Ready {
    fn of(run: lge_core::run::Run<Value>) -> Self {
        Ready {
            run,
            next: None,
            takes_more: false,
            lent: Vec::new(),
        }
    }
}

/// A superstep's place, and the channels to read if it has nothing to run; kept while a commit waits for answers.
struct Next {
    step: i64,
    checkpoint_id: String,
    namespace: String,
    reads: Vec<ChannelId>,
}

impl Next {
    fn of(following: Following<'_>) -> Self {
        Next {
            step: following.superstep.step,
            checkpoint_id: following.superstep.checkpoint_id.to_owned(),
            namespace: following.superstep.namespace.to_owned(),
            reads: following.reads,
        }
    }

    /// What the channels to read hold, if the plan has nothing to run; none if that takes a question.
    fn read(&self, run: &mut lge_core::run::Run<Value>, plan: &Plan<Value>) -> Option<Found> {
        if self.reads.is_empty() || !plan.tasks.is_empty() {
            return None;
        }
        match run.read(&mut Reading::of(self.reads.clone(), None)) {
            Ok(Step::Done(found)) => Some(found),
            Ok(Step::Ask(_)) | Err(_) => None,
        }
    }

    /// The superstep's plan; none if that takes a question, or can't be made: a call of `plan` says why.
    fn plan(&self, run: &lge_core::run::Run<Value>, updated: &[ChannelId]) -> Option<Plan<Value>> {
        let superstep = Superstep {
            step: self.step,
            checkpoint_id: &self.checkpoint_id,
            namespace: &self.namespace,
        };
        let updated = (!updated.is_empty()).then_some(updated);
        match run.plan(superstep, updated, &mut Dialogue::default()) {
            Ok(Step::Done(plan)) => Some(plan),
            Ok(Step::Ask(_)) | Err(_) => None,
        }
    }
}

/// What a call came to.
pub(crate) enum Outcome {
    /// The message is the result.
    Done(Reply),
    /// The message is a question.
    Ask(Reply),
}

/// What channels hold that hold something.
type Found = Vec<(ChannelId, Shown<Value>)>;
type CallResult = Result<Outcome, Failure>;

impl Run {
    /// Starts a run from a checkpoint, or from nothing.
    pub(crate) fn restore(
        program: Arc<Program>,
        host: Arc<Host>,
        message: &[u8],
    ) -> Result<(Self, Outcome), Failure> {
        let mut tried = Restore::begin(Arc::clone(&program.core));
        look(&host, |take| {
            program.read_checkpoint(message, &mut tried, take)
        })?;
        let mut restore = Restore::begin(Arc::clone(&program.core));
        program.read_checkpoint(message, &mut restore, &mut taker(&host))?;
        let (requests, unanswered) = restore.requests();
        let (state, outcome) = if requests.is_empty() {
            let run = unanswered.answer(Vec::new());
            let run = run.map_err(|error| Failure::from(error).after_taking(&host))?;
            (State::Ready(Ready::of(run)), Outcome::Done(nothing()))
        } else {
            (State::Asked(unanswered), ask_all(requests))
        };
        let state = Mutex::new(state);
        let run = Run {
            program,
            host,
            state,
        };
        Ok((run, outcome))
    }

    /// Says which tasks make up the next superstep: `[step, checkpoint_id, namespace, updated, answers]`.
    pub(crate) fn plan(&self, message: &[u8]) -> CallResult {
        let mut reader = Reader::of("plan", message);
        reader.fields(5, "a plan's arguments")?;
        let superstep = read_superstep(&mut reader)?;
        let updated = self.read_updated(&mut reader)?;
        let mut dialogue = self.read_dialogue(reader)?;
        self.with(|Ready { run, .. }| {
            match run.plan(superstep, updated.as_deref(), &mut dialogue)? {
                Step::Ask(request) => Ok(ask(request)),
                Step::Done(plan) => {
                    let mut reply = Reply::default();
                    describe_plan(&mut reply, plan, None);
                    Ok(Outcome::Done(reply))
                }
            }
        })
    }

    /// Makes a task a running task asks for: `[name, parts, step, checkpoint_id, namespace]`.
    pub(crate) fn push(&self, message: &[u8]) -> CallResult {
        let mut reader = Reader::of("push", message);
        reader.fields(5, "a push's arguments")?;
        let name = reader.text("a node's name")?;
        let parts = reader.texts("the parts of the task's id")?;
        let superstep = read_superstep(&mut reader)?;
        reader.end()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.with(|Ready { run, .. }| {
            let (id, namespace) = run.push(name, &parts, superstep)?;
            let mut reply = Reply::default();
            reply.array(2);
            reply.text(id.as_str());
            reply.text(&namespace);
            Ok(Outcome::Done(reply))
        })
    }

    /// Applies one superstep's writes; plans what comes next if the message asks for it.
    pub(crate) fn commit(&self, message: &[u8]) -> CallResult {
        look(&self.host, |take| self.program.read_commit(message, take))?;
        let Commit {
            batch,
            version,
            next,
            takes_more,
        } = self.program.read_commit(message, &mut taker(&self.host))?;
        self.with(|ready| {
            ready.lent.clear();
            let step = ready.run.begin_commit(batch, version)?;
            ready.next = next.map(Next::of);
            ready.takes_more = takes_more;
            Ok(self.committed(ready, step))
        })
    }

    /// Keeps the values that a commit's reply mentions until the next commit.
    pub(crate) fn lend(&self, values: Vec<Value>) {
        // A run that broke meanwhile takes no further call, and says nothing of values.
        if let (false, Ok(mut state)) = (values.is_empty(), self.state.lock())
            && let State::Ready(ready) = &mut *state
        {
            ready.lent = values;
        }
    }

    /// Answers the questions of a restore, or of a commit that takes several, in an array; or a commit's only one.
    pub(crate) fn answer(&self, message: &[u8]) -> CallResult {
        let reader = Reader::of("answer", message);
        let several = reader.at_array();
        let mut answers = self.read_answers(reader, several)?;
        let result = self.answer_with(several, &mut answers);
        result.map_err(|failure| failure.after_taking(&self.host))
    }

    fn answer_with(&self, several: bool, answers: &mut Vec<Answer<Value>>) -> CallResult {
        let mut state = self.lock()?;
        match (&mut *state, several) {
            (State::Ready(ready), _) if several != ready.takes_more => {
                drop(ready.run.abort_commit());
                let expected = match several {
                    true => "one answer, to a commit's question",
                    false => "an array, the answers to a commit's questions",
                };
                Err(wrong(expected).into())
            }
            (State::Ready(ready), _) => {
                let step = ready.run.answer_all(std::mem::take(answers))?;
                Ok(self.committed(ready, step))
            }
            (State::Asked(_), true) => {
                if let State::Asked(unanswered) = std::mem::replace(&mut *state, State::Failed) {
                    let run = unanswered.answer(std::mem::take(answers))?;
                    *state = State::Ready(Ready::of(run));
                }
                Ok(Outcome::Done(nothing()))
            }
            (State::Asked(_), false) => Err(wrong("an array, the answers to a restore").into()),
            (State::Failed, _) => Err(failed().into()),
        }
    }

    /// Gives up the commit under way, if there is one.
    pub(crate) fn abort(&self) -> CallResult {
        self.with(|Ready { run, .. }| {
            drop(run.abort_commit());
            Ok(Outcome::Done(nothing()))
        })
    }

    /// Reads channels: `[channels, writes, answers]`.
    pub(crate) fn read(&self, message: &[u8]) -> CallResult {
        let mut reader = Reader::of("read", message);
        reader.fields(3, "a read's arguments")?;
        let count = reader.array("channels")?;
        let channels = (0..count).map(|_| self.known(&mut reader));
        let channels = channels.collect::<Result<Vec<_>, Error>>()?;
        look(&self.host, |take| {
            let mut reader = reader.clone();
            self.program.read_own_writes(&mut reader, take)?;
            questions::read_all(&mut reader, take)?;
            reader.end()
        })?;
        let mut take = taker(&self.host);
        let writes = self.program.read_own_writes(&mut reader, &mut take)?;
        let mut answers = questions::read_all(&mut reader, &mut take)?.into_iter();
        let mut reading = Reading::of(channels, writes.map(ReadWrites::of));
        self.with(|Ready { run, .. }| {
            loop {
                match run.read(&mut reading) {
                    Ok(Step::Done(found)) => {
                        let mut reply = Reply::default();
                        shown_all(&mut reply, found);
                        return Ok(Outcome::Done(reply));
                    }
                    Ok(Step::Ask(request)) => match answers.next() {
                        Some(answer) => reading.answer(answer),
                        None => return Ok(ask(request)),
                    },
                    Err(error) => return Err(Failure::of(error, reading.refused())),
                }
            }
        })
    }

    /// One channel's checkpoint value, in an array; nil if it has none.
    pub(crate) fn state(&self, message: &[u8]) -> CallResult {
        let mut reader = Reader::of("state", message);
        let channel = self.known(&mut reader)?;
        reader.end()?;
        self.with(|Ready { run, .. }| {
            let mut reply = Reply::default();
            match run.state(channel) {
                None => reply.nil(),
                Some(value) => {
                    reply.array(1);
                    saved(&mut reply, value);
                }
            }
            Ok(Outcome::Done(reply))
        })
    }

    /// The highest channel version, or nil.
    pub(crate) fn max_version(&self) -> CallResult {
        self.with(|Ready { run, .. }| {
            let mut reply = Reply::default();
            highest(&mut reply, run);
            Ok(Outcome::Done(reply))
        })
    }

    /// Marks a node as having seen every channel at its present version.
    pub(crate) fn see(&self, message: &[u8]) -> CallResult {
        let node = self.read_node("see", message)?;
        self.with(|Ready { run, .. }| {
            run.see(node)?;
            Ok(Outcome::Done(nothing()))
        })
    }

    /// Whether any channel is newer than a node has seen.
    pub(crate) fn unseen(&self, message: &[u8]) -> CallResult {
        let node = self.read_node("unseen", message)?;
        self.with(|Ready { run, .. }| {
            let mut reply = Reply::default();
            reply.flag(run.unseen(node)?);
            Ok(Outcome::Done(reply))
        })
    }

    /// The run's state as a restore message: `[format, values, versions, seen]`. Takes `answers`.
    pub(crate) fn checkpoint(&self, message: &[u8]) -> CallResult {
        let mut dialogue = self.read_dialogue(Reader::of("checkpoint", message))?;
        self.with(|Ready { run, .. }| {
            let values = match run.saved_values(&mut dialogue)? {
                Step::Ask(request) => return Ok(ask(request)),
                Step::Done(values) => values,
            };
            run.adopt_checkpoint_format();
            let mut reply = Reply::default();
            reply.array(4);
            reply.number(CHECKPOINT_FORMAT);
            reply.array(values.len());
            for (channel, value) in values {
                reply.array(2);
                reply.index(channel.index());
                saved(&mut reply, value);
            }
            self.program.marks(&mut reply, run);
            Ok(Outcome::Done(reply))
        })
    }

    /// The handles the host has back, if it isn't called.
    pub(crate) fn released(&self) -> CallResult {
        let mut reply = Reply::default();
        reply.released(&self.host.released().unwrap_or_default());
        Ok(Outcome::Done(reply))
    }

    fn committed(&self, ready: &mut Ready, step: CommitStep<Value>) -> Outcome {
        let done = match step {
            Step::Ask(request) if ready.takes_more => {
                return ask_all(ready.run.with_following(request));
            }
            Step::Ask(request) => return ask(request),
            Step::Done(done) => done,
        };
        let next = ready.next.take();
        let plan = next.map(|next| {
            let plan = next.plan(&ready.run, &done.updated)?;
            let found = next.read(&mut ready.run, &plan);
            Some((plan, found))
        });
        drop(done.retired);
        let released = self.host.released();
        let mut reply = Reply::default();
        reply.array(match (&plan, &released) {
            _ if ready.takes_more => 5,
            (Some(_), _) => 4,
            (None, Some(_)) => 3,
            (None, None) => 2,
        });
        reply.array(done.updated.len());
        for channel in done.updated {
            reply.index(channel.index());
        }
        reply.array(done.unknown.len());
        for (task, name) in done.unknown {
            reply.array(2);
            reply.index(task);
            reply.text(&name);
        }
        match released {
            Some(released) => reply.released(&released),
            None if plan.is_some() || ready.takes_more => reply.nil(),
            None => {}
        }
        match plan {
            Some(Some((plan, found))) => describe_plan(&mut reply, plan, found),
            Some(None) => reply.nil(),
            None if ready.takes_more => reply.nil(),
            None => {}
        }
        if ready.takes_more {
            highest(&mut reply, &ready.run);
        }
        Outcome::Done(reply)
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, Error> {
        // Poisoned by a panic: what the run holds may be half of something.
        self.state.lock().map_err(|_| panics::poisoned(ENGINE))
    }

    /// Does something with a run that is ready. Handles of the call's message were taken by now.
    fn with(&self, call: impl FnOnce(&mut Ready) -> CallResult) -> CallResult {
        let result = self
            .lock()
            .map_err(Failure::from)
            .and_then(|mut state| match &mut *state {
                State::Ready(ready) => call(ready),
                State::Failed => Err(failed().into()),
                State::Asked(_) => {
                    let message = "the run waits for the answers to what its restore asked; \
                                   give them with lge_run_answer first";
                    Err(Error::new(ErrorKind::RunBusy, message).into())
                }
            });
        result.map_err(|failure| failure.after_taking(&self.host))
    }

    /// The answers given so far, which end a message.
    fn read_dialogue(&self, reader: Reader<'_>) -> Read<Dialogue<Value>> {
        let mut dialogue = Dialogue::default();
        for answer in self.read_answers(reader, true)? {
            dialogue.answer(answer);
        }
        Ok(dialogue)
    }

    /// The answers, or the one answer, that end a message.
    fn read_answers(&self, mut reader: Reader<'_>, several: bool) -> Read<Vec<Answer<Value>>> {
        look(&self.host, |take| {
            let mut reader = reader.clone();
            read_answers(&mut reader, several, take)?;
            reader.end()
        })?;
        read_answers(&mut reader, several, &mut taker(&self.host))
    }

    fn read_node<'a>(&self, name: &'static str, message: &'a [u8]) -> Read<NodeRef<'a>> {
        let mut reader = Reader::of(name, message);
        let node = self.program.node_ref(&mut reader)?;
        reader.end()?;
        Ok(node)
    }

    /// The channels a plan is told were updated; nil or none at all means it isn't known.
    fn read_updated(&self, reader: &mut Reader<'_>) -> Read<Option<Vec<ChannelId>>> {
        if reader.nil() {
            return Ok(None);
        }
        let count = reader.array("updated channels")?;
        let mut channels = Vec::new();
        for _ in 0..count {
            channels.extend(self.program.find_channel(reader)?);
        }
        Ok((count > 0).then_some(channels))
    }

    /// A channel of the graph.
    fn known(&self, reader: &mut Reader<'_>) -> Read<ChannelId> {
        match self.program.channel_ref(reader)? {
            ChannelRef::Known(channel) => Ok(channel),
            ChannelRef::Named(name) => self.program.core.channel(name).ok_or_else(|| {
                let message = format!("the graph has no channel '{name}'");
                Error::of_channel(ErrorKind::UnknownChannel, name, message)
            }),
        }
    }
}

fn read_answers<V>(
    reader: &mut Reader<'_>,
    several: bool,
    take: &mut (impl FnMut(u64) -> V + ?Sized),
) -> Read<Vec<Answer<V>>> {
    if several {
        return questions::read_all(reader, take);
    }
    Ok(vec![questions::read(reader, take)?])
}

/// Reads a message to see that it is whole, and asks the host for a reference to each of its handles.
/// Nothing may be locked. A second reading takes the handles, and can't fail.
fn look<T>(host: &Host, read: impl FnOnce(&mut dyn FnMut(u64)) -> Read<T>) -> Read<()> {
    let mut handles = Vec::new();
    read(&mut |handle| handles.push(handle))?;
    host.retain(&handles);
    Ok(())
}

fn taker(host: &Arc<Host>) -> impl FnMut(u64) -> Value + use<'_> {
    |handle| Value::take(handle, host)
}

fn failed() -> Error {
    let message = "the run couldn't be started: its restore was answered wrongly; free it";
    Error::new(ErrorKind::WrongAnswer, message)
}

fn wrong(expected: &str) -> Error {
    let message = format!("the run waits for {expected}; the message is something else");
    Error::new(ErrorKind::WrongAnswer, message)
}

fn highest(reply: &mut Reply, run: &lge_core::run::Run<Value>) {
    match run.max_version() {
        Some(version) => reply.version(version),
        None => reply.nil(),
    }
}

fn nothing() -> Reply {
    let mut reply = Reply::default();
    reply.nil();
    reply
}

fn ask_all(requests: Vec<Request<Value>>) -> Outcome {
    let mut reply = Reply::default();
    reply.array(requests.len());
    for request in requests {
        questions::write(&mut reply, request);
    }
    Outcome::Ask(reply)
}

fn ask(request: Request<Value>) -> Outcome {
    let mut reply = Reply::default();
    questions::write(&mut reply, request);
    Outcome::Ask(reply)
}

/// A plan; with what was read as there is nothing to run, if it was.
fn describe_plan(reply: &mut Reply, plan: Plan<Value>, found: Option<Found>) {
    reply.array(if found.is_some() { 3 } else { 2 });
    reply.array(plan.tasks.len());
    for task in plan.tasks {
        reply.array(5);
        reply.text(task.id.as_str());
        reply.index(task.node.index());
        match task.origin {
            Origin::Pull => reply.nil(),
            Origin::Packet(index) => reply.index(index),
        }
        match task.input {
            TaskInput::One(value) => shown(reply, value),
            TaskInput::Many(values) => shown_all(reply, values),
        }
        reply.text(&task.namespace);
    }
    reply.array(plan.ignored.len());
    for (reason, packet) in plan.ignored {
        reply.array(2);
        reply.text(match reason {
            Ignored::PacketType => "packet_type",
            Ignored::UnknownNode => "unknown_node",
        });
        reply.value(packet);
    }
    if let Some(found) = found {
        shown_all(reply, found);
    }
}

//! One invocation. Every method takes what it needs from the run, lets go of it, and only then calls
//! Python code; a call in the middle of another one's is an error, never a wait.

use crate::executor::Select;
use crate::failure::{exception, guard, poisoned, protocol_error, raised, refused};
use crate::program::Program;
use crate::task::Task;
use crate::types;
use crate::values::{saved, shown, version_dicts};
use crate::versions::{self, VersionObjects};
use lge_core::batch::{Batch, ReadWrites};
use lge_core::channels::Shown;
use lge_core::commit::{Committed, Retired};
use lge_core::dialogue::{Answer, Dialogue, Request, Step};
use lge_core::error::{Error, ErrorKind};
use lge_core::names::{ChannelId, Id as _, NodeId};
use lge_core::plan::{Ignored, Origin, Plan, Superstep, TaskInput};
use lge_core::read::Reading;
use lge_core::run::CHECKPOINT_FORMAT;
use lge_core::versions::Version;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString, PyTuple};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

type Value = Py<PyAny>;

/// The state of one invocation.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Run {
    program: Py<Program>,
    state: Mutex<State>,
    panicked: AtomicBool,
}

/// What a run's lock guards.
pub(crate) struct State {
    pub(crate) run: lge_core::run::Run<Value>,
    pub(crate) versions: VersionObjects,
}

#[pymethods]
impl Run {
    /// Says which tasks make up the next superstep.
    fn plan<'py>(
        &self,
        py: Python<'py>,
        step: i64,
        checkpoint_id: &str,
        namespace: &str,
        updated: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.guard(|| {
            let program = self.program.get();
            let updated = program.read_updated(updated)?;
            let superstep = Superstep {
                step,
                checkpoint_id,
                namespace,
            };
            let plan = self.plan_tasks(py, superstep, updated.as_deref())?;
            self.plan_object(py, plan)
        })
    }

    /// Makes a task a running task asks for.
    #[expect(clippy::too_many_arguments, reason = "the protocol's signature")]
    fn push(
        &self,
        py: Python<'_>,
        name: Bound<'_, PyString>,
        path: Bound<'_, PyTuple>,
        parts: &Bound<'_, PyAny>,
        step: i64,
        checkpoint_id: &str,
        namespace: &str,
    ) -> PyResult<Task> {
        self.guard(|| {
            let parts: Vec<Bound<'_, PyString>> = parts
                .try_iter()?
                .map(|part| Ok(part?.cast_into::<PyString>()?))
                .collect::<PyResult<_>>()?;
            let parts = parts
                .iter()
                .map(|part| part.to_str())
                .collect::<PyResult<Vec<_>>>()?;
            let superstep = Superstep {
                step,
                checkpoint_id,
                namespace,
            };
            let made = self.lock()?.run.push(name.to_str()?, &parts, superstep);
            let (id, namespace) = made.map_err(raised)?;
            Ok(Task {
                id: PyString::new(py, id.as_str()).unbind(),
                name: name.unbind(),
                path: path.unbind(),
                triggers: self.program.get().push_triggers.clone_ref(py),
                namespace: PyString::new(py, &namespace).unbind(),
                input: Mutex::new(Some(py.None())),
            })
        })
    }

    /// Applies one superstep's writes and says which channels changed.
    fn commit<'py>(
        &self,
        py: Python<'py>,
        writes: &Bound<'py, PyAny>,
        version: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.guard(|| {
            let program = self.program.get();
            let number = version.map(|version| self.number_of(version)).transpose()?;
            let mut batch = Batch::new(&program.core);
            let names = program.read_batch(writes, &mut batch)?;
            let committed = self.commit_batch(py, batch, number)?;

            let updated = program.names_of(py, &committed.updated)?;
            let unknown = PyList::empty(py);
            for (task, channel) in committed.unknown {
                let (name, path) = &names[task];
                unknown.append((name, path, channel))?;
            }
            drop_all(py, committed.retired);
            types::committed(updated.into_any(), unknown.into_any())
        })
    }

    /// Reads channels; with `writes`, as if one task's writes had been committed.
    #[pyo3(signature = (keys, writes=None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
        writes: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.guard(|| {
            let program = self.program.get();
            let writes = match writes {
                None => None,
                Some(writes) => {
                    let mut batch = Batch::new(&program.core);
                    program.read_only_writes(writes, &mut batch)?;
                    Some(ReadWrites::of(batch))
                }
            };
            if let Ok(name) = keys.cast::<PyString>() {
                let found = self.read_channels(py, vec![program.known(name)?], writes)?;
                return match found.into_iter().next() {
                    Some((_, value)) => shown(py, value),
                    None => Ok(py.None().into_bound(py)),
                };
            }
            let mut channels = Vec::new();
            for name in keys.try_iter()? {
                channels.push(program.known(name?.cast::<PyString>()?)?);
            }
            let found = self.read_channels(py, channels, writes)?;
            Ok(program.values_object(py, found)?.into_any())
        })
    }

    /// One channel's checkpoint value, or `missing`.
    fn state<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.guard(|| {
            let program = self.program.get();
            let channel = program.known(name)?;
            let value = self.lock()?.run.state(channel);
            match value {
                Some(value) => saved(py, value),
                None => Ok(program.missing.bind(py).clone()),
            }
        })
    }

    /// The highest channel version, or None if no channel was ever written.
    pub(crate) fn max_version<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.guard(|| {
            let mut state = self.lock()?;
            let State { run, versions } = &mut *state;
            run.max_version()
                .map(|version| versions.object(py, version))
                .transpose()
        })
    }

    /// Marks a name as having seen every channel at its present version.
    fn see(&self, name: &Bound<'_, PyString>) -> PyResult<()> {
        self.guard(|| {
            let node = self.program.get().node_ref(name)?;
            let done = self.lock()?.run.see(node);
            done.map_err(raised)
        })
    }

    /// Whether any channel is newer than a name has seen.
    fn unseen(&self, name: &Bound<'_, PyString>) -> PyResult<bool> {
        self.guard(|| {
            let node = self.program.get().node_ref(name)?;
            let unseen = self.lock()?.run.unseen(node);
            unseen.map_err(raised)
        })
    }

    /// Builds LangGraph's checkpoint of the present state.
    fn checkpoint<'py>(
        &self,
        py: Python<'py>,
        checkpoint_id: &Bound<'py, PyString>,
        timestamp: &Bound<'py, PyString>,
        updated: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.guard(|| {
            let program = self.program.get();
            let updated = match updated {
                None => None,
                Some(updated) => {
                    let names = PyList::empty(py);
                    for name in updated.try_iter()? {
                        names.append(name?)?;
                    }
                    names.sort()?;
                    Some(names)
                }
            };
            let found = self.look(py, |run, dialogue| run.saved_values(dialogue))?;
            let values = PyDict::new(py);
            for (channel, value) in found {
                values.set_item(
                    program.channels[channel.index()].bind(py),
                    saved(py, value)?,
                )?;
            }
            let (channel_versions, versions_seen) = {
                let mut state = self.lock()?;
                state.run.adopt_checkpoint_format();
                version_dicts(py, program, &mut state)?
            };
            let checkpoint = PyDict::new(py);
            checkpoint.set_item(intern!(py, "v"), CHECKPOINT_FORMAT)?;
            checkpoint.set_item(intern!(py, "ts"), timestamp)?;
            checkpoint.set_item(intern!(py, "id"), checkpoint_id)?;
            checkpoint.set_item(intern!(py, "channel_values"), values)?;
            checkpoint.set_item(intern!(py, "channel_versions"), channel_versions)?;
            checkpoint.set_item(intern!(py, "versions_seen"), versions_seen)?;
            checkpoint.set_item(intern!(py, "updated_channels"), updated)?;
            Ok(checkpoint)
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.program)?;
        let mut visited = Ok(());
        if let Ok(state) = self.state.try_lock() {
            state.run.each_value(|value| {
                if visited.is_ok() {
                    visited = visit.call(value);
                }
            });
        }
        visited
    }

    fn __clear__(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            let dropped = state.run.clear();
            drop(state);
            drop(dropped);
        }
    }
}

impl Run {
    pub(crate) fn new(program: Py<Program>, run: lge_core::run::Run<Value>) -> Self {
        let state = Mutex::new(State {
            run,
            versions: VersionObjects::default(),
        });
        Run {
            program,
            state,
            panicked: AtomicBool::new(false),
        }
    }

    /// The next superstep.
    pub(crate) fn plan_tasks(
        &self,
        py: Python<'_>,
        superstep: Superstep<'_>,
        updated: Option<&[ChannelId]>,
    ) -> PyResult<Plan<Value>> {
        self.look(py, |run, dialogue| run.plan(superstep, updated, dialogue))
    }

    /// A plan, as Python sees it.
    pub(crate) fn plan_object<'py>(
        &self,
        py: Python<'py>,
        plan: Plan<Value>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let program = self.program.get();
        let tasks = PyList::empty(py);
        for task in plan.tasks {
            tasks.append(program.task(py, task)?)?;
        }
        let ignored = PyList::empty(py);
        for (reason, packet) in plan.ignored {
            let reason = match reason {
                Ignored::PacketType => intern!(py, "packet_type"),
                Ignored::UnknownNode => intern!(py, "unknown_node"),
            };
            ignored.append((reason, packet))?;
        }
        types::plan(tasks.into_any(), ignored.into_any())
    }

    /// The highest channel version, as the core has it.
    pub(crate) fn highest_version(&self) -> PyResult<Option<Version>> {
        Ok(self.lock()?.run.max_version().cloned())
    }

    /// A version as the core has it; its object is the one to give for it from here on.
    pub(crate) fn number_of(&self, version: &Bound<'_, PyAny>) -> PyResult<Version> {
        let number = versions::read(version)?;
        self.lock()?.versions.remember(&number, version);
        Ok(number)
    }

    /// Commits a batch, asking the user's reducers and channels what they have to say.
    pub(crate) fn commit_batch(
        &self,
        py: Python<'_>,
        batch: Batch<'_, Value>,
        version: Option<Version>,
    ) -> PyResult<Committed<Value>> {
        let mut step = self.lock()?.run.begin_commit(batch, version);
        loop {
            match step.map_err(refused)? {
                Step::Done(committed) => return Ok(committed),
                Step::Ask(request) => {
                    let questions = self.lock()?.run.with_following(request);
                    let answers = self.answer_or_abort(py, questions)?;
                    step = self.lock()?.run.answer_all(answers);
                }
            }
        }
    }

    /// Runs a call. One that panics loses the run: this and every later call say so.
    pub(crate) fn guard<T>(&self, call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        guard(|| {
            if self.panicked.load(Ordering::Relaxed) {
                return Err(poisoned());
            }
            let noted = NotePanic(&self.panicked);
            let result = call();
            std::mem::forget(noted);
            result
        })
    }

    /// The run's state, for as long as no Python code is called.
    fn lock(&self) -> PyResult<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(_)) => Err(poisoned()),
            Err(TryLockError::WouldBlock) => Err(protocol_error(
                ErrorKind::RunBusy,
                "the run is in the middle of another call; a run is used by one thread at a time",
            )),
        }
    }

    /// Asks the core until it needs no more answers.
    fn look<T>(
        &self,
        py: Python<'_>,
        ask: impl Fn(&lge_core::run::Run<Value>, &mut Dialogue<Value>) -> Result<Step<Value, T>, Error>,
    ) -> PyResult<T> {
        let mut dialogue = Dialogue::default();
        loop {
            let step = ask(&self.lock()?.run, &mut dialogue);
            match step.map_err(raised)? {
                Step::Done(result) => return Ok(result),
                Step::Ask(request) => dialogue.answer(self.program.get().answer(py, request)?),
            }
        }
    }

    pub(crate) fn read_channels(
        &self,
        py: Python<'_>,
        channels: Vec<ChannelId>,
        writes: Option<ReadWrites<Value>>,
    ) -> PyResult<Vec<(ChannelId, Shown<Value>)>> {
        let mut reading = Reading::of(channels, writes);
        loop {
            let step = self.lock()?.run.read(&mut reading);
            match step {
                Ok(Step::Done(found)) => return Ok(found),
                Ok(Step::Ask(request)) => {
                    reading.answer(self.program.get().answer(py, request)?);
                }
                Err(error) => return Err(exception(&error, reading.refused())),
            }
        }
    }

    /// Reads a channel's value, or a dict of several; with writes, as if they had been committed.
    pub(crate) fn select<'py>(
        &self,
        py: Python<'py>,
        select: &Select,
        writes: Option<ReadWrites<Value>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match select {
            Select::One(channel) => {
                let found = self.read_channels(py, vec![*channel], writes)?;
                match found.into_iter().next() {
                    Some((_, value)) => shown(py, value),
                    None => Ok(py.None().into_bound(py)),
                }
            }
            Select::Many(channels) => {
                let found = self.read_channels(py, channels.clone(), writes)?;
                let values = self.program.get().values_object(py, found)?;
                Ok(values.into_any())
            }
        }
    }

    /// Answers a commit's questions. If the user's code raises, the commit is given up.
    fn answer_or_abort(
        &self,
        py: Python<'_>,
        questions: Vec<Request<Value>>,
    ) -> PyResult<Vec<Answer<Value>>> {
        let answers = self.program.get().answer_all(py, questions);
        answers.inspect_err(|_| {
            if let Ok(mut state) = self.lock() {
                let dropped = state.run.abort_commit();
                drop(state);
                drop(dropped);
            }
        })
    }
}

/// Lets go of what a commit replaced, once nothing of the run is borrowed: Python code may run.
pub(crate) fn drop_all(py: Python<'_>, retired: Retired<Value>) {
    // The interpreter is known to be there; a value dropped by itself has to make sure.
    let values = retired.into_values();
    values.for_each(|value| drop(value.into_bound(py)));
}

/// Dropped only by a panic on its way out.
struct NotePanic<'a>(&'a AtomicBool);

impl Drop for NotePanic<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Program {
    /// The channel of that name, or `KeyError`.
    fn known(&self, name: &Bound<'_, PyString>) -> PyResult<ChannelId> {
        match self.channel(name)? {
            Some(channel) => Ok(channel),
            None => {
                let text = name.to_str()?;
                let message = format!("the graph has no channel '{text}'");
                Err(raised(Error::of_channel(
                    ErrorKind::UnknownChannel,
                    text,
                    message,
                )))
            }
        }
    }

    /// The channels a plan is told were updated; none at all means it isn't known.
    pub(crate) fn read_updated(
        &self,
        updated: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Vec<ChannelId>>> {
        let Some(updated) = updated else {
            return Ok(None);
        };
        let mut channels = Vec::new();
        let mut any = false;
        for name in updated.try_iter()? {
            any = true;
            channels.extend(self.channel(name?.cast::<PyString>()?)?);
        }
        Ok(any.then_some(channels))
    }

    /// A task's input, before the facade coerces it.
    pub(crate) fn input_object<'py>(
        &self,
        py: Python<'py>,
        input: TaskInput<Value>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match input {
            TaskInput::One(value) => shown(py, value),
            TaskInput::Many(values) => Ok(self.values_object(py, values)?.into_any()),
        }
    }

    /// Channels' values by name.
    pub(crate) fn values_object<'py>(
        &self,
        py: Python<'py>,
        values: Vec<(ChannelId, Shown<Value>)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for (channel, value) in values {
            found.set_item(self.channels[channel.index()].bind(py), shown(py, value)?)?;
        }
        Ok(found)
    }

    /// The path of a task of that node and origin, and what triggered it.
    pub(crate) fn path_and_triggers(
        &self,
        py: Python<'_>,
        node: NodeId,
        origin: Origin,
    ) -> PyResult<(Py<PyTuple>, Py<PyTuple>)> {
        match origin {
            Origin::Pull => {
                let planned = self.planned(py, node)?;
                Ok((planned.path.clone_ref(py), planned.triggers.clone_ref(py)))
            }
            Origin::Packet(index) => {
                let index = index.into_pyobject(py)?;
                let nested = PyBool::new(py, false).to_owned();
                let parts = [self.push.bind(py).as_any(), index.as_any(), nested.as_any()];
                Ok((
                    PyTuple::new(py, parts)?.unbind(),
                    self.push_triggers.clone_ref(py),
                ))
            }
        }
    }

    fn task(&self, py: Python<'_>, task: lge_core::plan::Task<Value>) -> PyResult<Task> {
        let input = self.input_object(py, task.input)?;
        let (path, triggers) = self.path_and_triggers(py, task.node, task.origin)?;
        Ok(Task {
            id: PyString::new(py, task.id.as_str()).unbind(),
            name: self.nodes[task.node.index()].name.clone_ref(py),
            path,
            triggers,
            namespace: PyString::new(py, &task.namespace).unbind(),
            input: Mutex::new(Some(input.unbind())),
        })
    }
}

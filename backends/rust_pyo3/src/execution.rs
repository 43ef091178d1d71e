//! Supersteps run here: the loop of `langgraph_engine.execute`, for as long as they are simple.
//!
//! A superstep is planned, its one task's node is called, then the node's writers, and the writes are
//! committed; then the next. Whatever isn't simple stops the loop, and the facade goes on from there. Nothing
//! of the run is borrowed while a node, a writer or a reducer is called.
//!
//! A task under way is a [`Flight`](crate::flight::Flight): `flight` calls its node, `writers` what comes after. A
//! [`Thread`](crate::thread::Thread) may take the event loop's place.

use crate::chunks::{Chunk, Shows, Streamed};
use crate::draws::uuid_text;
use crate::executor::{Executor, Recipe};
use crate::flight::{Flight, Flow, Function, Stage};
use crate::program::Program;
use crate::run::{Run, drop_all};
use crate::step_task::{Inside, StepTask};
use crate::thread::Thread;
use crate::types;
use lge_core::batch::Batch;
use lge_core::channels::Shown;
use lge_core::names::{ChannelId, Id as _, NodeId};
use lge_core::plan::{Origin, Plan, Superstep, Task, TaskInput};
use lge_core::program::Target;
use lge_core::run::{ChannelRef, NodeRef};
use lge_core::task_id::TaskId;
use lge_core::task_path::{PUSH, PathKey};
use lge_core::versions::Version;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PySet, PyString};
use rustc_hash::FxHashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Value = Py<PyAny>;

/// Why an execution stopped; the numbers are those of `langgraph_engine.execute`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Planned = 0,
    Finished = 1,
    Raised = 2,
    Await = 3,
    Turn = 4,
    CancelledItself = 5,
    CommitRaised = 6,
    Streamed = 7,
    Thread = 8,
}

/// One invocation, as far as this engine runs it.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Execution {
    pub(crate) executor: Py<Executor>,
    pub(crate) run: Py<Run>,
    pub(crate) place: Value,
    stop: i64,
    /// The same number, as the place has it.
    pub(crate) stop_object: Value,
    namespace: String,
    outputs: FxHashSet<ChannelId>,
    control: Option<Value>,
    /// Says what versions are, if the run is saved.
    pub(crate) saver: Option<Value>,
    /// Whether those are LangGraph's, which the saver needn't be asked for.
    counts_versions: bool,
    /// Whether the place hears of every superstep, to save it.
    saves_each: bool,
    pub(crate) event_loop: Option<Value>,
    pub(crate) streamed: Option<Streamed>,
    /// The thread that runs it, until its stop was taken.
    thread: Mutex<Option<Arc<Thread>>>,
    /// What goes on when the facade says so.
    under_way: Mutex<Option<(Position, UnderWay)>>,
    moved_on: AtomicBool,
}

/// What an execution was stopped in.
enum UnderWay {
    /// A superstep that is to be planned, in the event loop.
    Superstep,
    /// A task that was planned, before its node is called.
    Planned(Departure),
    /// A task, while the facade awaits something for it.
    Flight(Flight),
}

/// A task that was planned: its recipe, its input, and the function to call.
struct Departure {
    node: NodeId,
    origin: Origin,
    /// The packet the input is in.
    packet: Option<Value>,
    id: TaskId,
    namespace: String,
    recipe: Arc<Recipe>,
    value: Value,
    function: Option<Function>,
}

/// How a superstep starts.
enum Start<'py> {
    Ready(Departure),
    /// It is the facade's to run: its plan, or None if there is none.
    Planned(Bound<'py, PyAny>),
    /// What its node is given is made by code of the user's, which isn't a thread's to call.
    Coerces,
}

/// Where the run is: between two supersteps, or in one.
#[derive(Default)]
pub(crate) struct Position {
    step: i64,
    checkpoint_id: String,
    /// `None`: not known, so every node is considered.
    updated: Option<Vec<ChannelId>>,
    due: bool,
}

#[pymethods]
impl Execution {
    /// Runs supersteps from here until one isn't simple.
    fn go<'py>(
        &self,
        py: Python<'py>,
        step: i64,
        checkpoint_id: String,
        updated: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run.get().guard(|| {
            self.take_thread(None);
            let at = Position {
                step,
                checkpoint_id,
                updated: self.program().read_updated(updated)?,
                due: false,
            };
            self.supersteps(py, at, None, None)
        })
    }

    /// Goes on with what was awaited, or after what was streamed.
    fn resume<'py>(&self, py: Python<'py>, value: Value) -> PyResult<Bound<'py, PyAny>> {
        self.run.get().guard(|| {
            self.take_thread(None);
            let (at, under_way) = self.take_under_way()?;
            match under_way {
                UnderWay::Superstep => self.supersteps(py, at, None, None),
                UnderWay::Flight(flight) => {
                    let flight = Flight {
                        thread: None,
                        ..flight
                    };
                    self.supersteps(py, at, Some((flight, Some(value))), None)
                }
                UnderWay::Planned(departure) => {
                    // Whoever took the chunks may have replaced the function.
                    let flight = match self.function_of(py, &departure.recipe)? {
                        Some(function) => {
                            let departure = Departure {
                                function,
                                ..departure
                            };
                            Some((self.take_off(py, &at, departure, None)?, None))
                        }
                        None => None,
                    };
                    self.supersteps(py, at, flight, None)
                }
            }
        })
    }

    /// Goes on in a thread, while the event loop waits for it.
    fn resume_in_thread<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.run.get().guard(|| {
            let thread = Arc::new(Thread::new());
            let (at, under_way) = self.take_under_way()?;
            let UnderWay::Flight(flight) = under_way else {
                return Err(nothing_under_way());
            };
            thread.runs(Some(flight.task.clone_ref(py)));
            self.take_thread(Some(Arc::clone(&thread)));
            let flight = Flight {
                thread: Some(Arc::clone(&thread)),
                ..flight
            };
            let stop = self.supersteps(py, at, Some((flight, None)), Some(&thread));
            thread.runs(None);
            Ok((!thread.is_given_up()).then_some(stop?))
        })
    }

    /// Forgets the task under way; the live task, if a thread wasn't between two.
    fn give_up<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let under_way = self.under_way().take();
        let task = match (self.take_thread(None), under_way) {
            (thread, Some((_, UnderWay::Flight(flight)))) => {
                if let Some(thread) = thread {
                    thread.give_up();
                }
                Some(flight.task)
            }
            (Some(thread), _) => thread.give_up(),
            (None, _) => return Err(nothing_under_way()),
        };
        task.map(|task| task.get().live(py)).transpose()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.executor)?;
        visit.call(&self.run)?;
        visit.call(&self.place)?;
        visit.call(&self.control)?;
        visit.call(&self.saver)?;
        visit.call(&self.event_loop)?;
        if let Ok(thread) = self.thread.try_lock()
            && let Some(thread) = &*thread
        {
            thread.traverse(&visit)?;
        }
        if let Ok(under_way) = self.under_way.try_lock()
            && let Some((_, under_way)) = &*under_way
        {
            let (value, function) = match under_way {
                UnderWay::Superstep => return Ok(()),
                UnderWay::Planned(departure) => {
                    visit.call(&departure.packet)?;
                    (&departure.value, &departure.function)
                }
                UnderWay::Flight(flight) => {
                    visit.call(&flight.task)?;
                    flight.stage.traverse(&visit)?;
                    (&flight.value, &flight.function)
                }
            };
            visit.call(value)?;
            if let Some((function, _)) = function {
                visit.call(function)?;
            }
        }
        Ok(())
    }
}

impl Execution {
    pub(crate) fn new(
        executor: &Bound<'_, Executor>,
        run: Py<Run>,
        place: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let py = place.py();
        let program = executor.get().program.get();
        let optional = |name: &Bound<'_, PyString>| -> PyResult<Option<Value>> {
            let value = place.getattr(name)?;
            Ok((!value.is_none()).then(|| value.unbind()))
        };
        let mut outputs = FxHashSet::default();
        for name in place.getattr(intern!(py, "output_key_set"))?.try_iter()? {
            outputs.extend(program.channel(name?.cast::<PyString>()?)?);
        }
        let streamed = match optional(intern!(py, "streamed"))? {
            Some(streamed) => {
                let read = Streamed::read(program, streamed.bind(py))?;
                Some(read.ok_or_else(unknown_output)?)
            }
            None => None,
        };
        let stop = place.getattr(intern!(py, "stop"))?;
        Ok(Execution {
            executor: executor.clone().unbind(),
            run,
            streamed,
            stop: last_step(&stop)?,
            stop_object: stop.unbind(),
            namespace: place.getattr(intern!(py, "namespace"))?.extract()?,
            outputs,
            control: optional(intern!(py, "control"))?,
            saver: optional(intern!(py, "saver"))?,
            counts_versions: place.getattr(intern!(py, "counts_versions"))?.is_truthy()?,
            saves_each: place.getattr(intern!(py, "saves_each"))?.is_truthy()?,
            event_loop: optional(intern!(py, "event_loop"))?,
            thread: Mutex::new(None),
            place: place.clone().unbind(),
            under_way: Mutex::new(None),
            moved_on: AtomicBool::new(false),
        })
    }

    pub(crate) fn program(&self) -> &Program {
        self.executor.get().program.get()
    }

    fn under_way(&self) -> MutexGuard<'_, Option<(Position, UnderWay)>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take_under_way(&self) -> PyResult<(Position, UnderWay)> {
        self.under_way().take().ok_or_else(nothing_under_way)
    }

    /// The thread that ran it last, if its stop wasn't taken; another one has its place.
    fn take_thread(&self, other: Option<Arc<Thread>>) -> Option<Arc<Thread>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *thread, other)
    }

    pub(crate) fn is_async(&self) -> bool {
        self.event_loop.is_some()
    }

    /// Runs supersteps, from a position or from the middle of one. If that raises, the facade learns where.
    fn supersteps<'py>(
        &self,
        py: Python<'py>,
        mut at: Position,
        under_way: Option<(Flight, Option<Value>)>,
        thread: Option<&Arc<Thread>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run_on(py, &mut at, under_way, thread)
            .inspect_err(|_| {
                let none = py.None().into_bound(py);
                let told = self.stopped(py, &at, Kind::Planned, none).and_then(|stop| {
                    self.place
                        .call_method1(py, intern!(py, "take_stop"), (stop,))
                });
                if let Err(failed) = told {
                    failed.write_unraisable(py, None);
                }
            })
    }

    /// The loop.
    fn run_on<'py>(
        &self,
        py: Python<'py>,
        at: &mut Position,
        mut under_way: Option<(Flight, Option<Value>)>,
        thread: Option<&Arc<Thread>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut chunks = Vec::new();
        loop {
            let (mut flight, sent) = match under_way.take() {
                Some(under_way) => under_way,
                None => match self.start(py, at, thread.is_some())? {
                    Start::Coerces => {
                        let stop = self.stopped(py, at, Kind::Turn, py.None().into_bound(py))?;
                        *self.under_way() = Some((std::mem::take(at), UnderWay::Superstep));
                        return Ok(stop);
                    }
                    Start::Planned(plan) => {
                        self.hand_over(py, chunks)?;
                        return self.stopped(py, at, Kind::Planned, plan);
                    }
                    Start::Ready(departure) if chunks.is_empty() => {
                        (self.take_off(py, at, departure, thread)?, None)
                    }
                    Start::Ready(departure) => return self.stream(py, at, departure, chunks),
                },
            };
            let flow = match sent {
                Some(value) => self.receive(py, &mut flight, value.into_bound(py)),
                None => Ok(Flow::Go),
            };
            let flow = match flow {
                Ok(Flow::Go) => self.advance(py, &mut flight),
                other => other,
            };
            match flow {
                Ok(Flow::Go) => {}
                Ok(Flow::Wait(kind, detail)) => {
                    let stop = self.stopped(py, at, kind, detail.into_bound(py))?;
                    if thread.is_none_or(|thread| !thread.is_given_up()) {
                        *self.under_way() = Some((std::mem::take(at), UnderWay::Flight(flight)));
                    }
                    return Ok(stop);
                }
                Err(error) => {
                    let live = flight.task.get().live(py)?;
                    let detail = (live, error.into_value(py), flight.own_cancels);
                    let detail = detail.into_pyobject(py)?.into_any();
                    return self.stopped(py, at, Kind::Raised, detail);
                }
            }
            let task = flight.task.get();
            if let Some(live) = task.made(py)
                && !self.place.bind(py).getattr(intern!(py, "calls"))?.is_none()
            {
                return self.stopped(py, at, Kind::Finished, live.into_bound(py));
            }
            let shows = match self.shows(py, &flight)? {
                Some(shows) => shows,
                None => return self.stopped(py, at, Kind::Finished, task.live(py)?),
            };
            if self.saves_each {
                self.tell_written(py, task)?;
            }
            let changed = match self.commit(py, task, at) {
                Ok(changed) => changed,
                Err(error) => {
                    let detail = (task.live(py)?, error.into_value(py)).into_pyobject(py)?;
                    return self.stopped(py, at, Kind::CommitRaised, detail.into_any());
                }
            };
            if self.saves_each {
                self.tell_committed(py, at)?;
            }
            if let Some(thread) = thread {
                thread.runs(None);
            }
            chunks = shows.chunks;
            if let Some(streamed) = &self.streamed
                && changed
                && shows.wrote
            {
                chunks.extend(streamed.values(py, self.run.get())?);
            }
            py.check_signals()?;
        }
    }

    /// Says where the run is and why it stopped there.
    fn stopped<'py>(
        &self,
        py: Python<'py>,
        at: &Position,
        kind: Kind,
        detail: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let updated = match &at.updated {
            None => None,
            Some(channels) => Some(self.names_of(py, channels)?),
        };
        types::stop(
            (
                kind as u8,
                at.step,
                at.checkpoint_id.as_str(),
                updated,
                at.due,
                detail,
            )
                .into_pyobject(py)?,
        )
    }

    fn names_of<'py>(
        &self,
        py: Python<'py>,
        channels: &[ChannelId],
    ) -> PyResult<Bound<'py, PySet>> {
        let names = &self.program().channels;
        PySet::new(py, channels.iter().map(|id| names[id.index()].bind(py)))
    }

    // -- save ------------------------------------------------------------------------------------

    /// Tells the place what a task wrote that ended.
    fn tell_written(&self, py: Python<'_>, task: &StepTask) -> PyResult<()> {
        let (path, _) = self
            .program()
            .path_and_triggers(py, task.node, task.origin)?;
        let args = (task.id.as_str(), path, task.pairs(py)?);
        self.place.call_method1(py, intern!(py, "wrote"), args)?;
        Ok(())
    }

    /// Tells the place of the superstep before this position.
    fn tell_committed(&self, py: Python<'_>, at: &Position) -> PyResult<()> {
        let updated = self.names_of(py, at.updated.as_deref().unwrap_or_default())?;
        let args = (at.step - 1, at.checkpoint_id.as_str(), updated);
        self.place
            .call_method1(py, intern!(py, "committed"), args)?;
        Ok(())
    }

    // -- stream ----------------------------------------------------------------------------------

    /// What the superstep of a task that ended shows; `None` if only the facade knows.
    fn shows(&self, py: Python<'_>, flight: &Flight) -> PyResult<Option<Shows>> {
        match &self.streamed {
            None => Ok(Some(Shows::default())),
            Some(streamed) => {
                let task = flight.task.get();
                streamed.superstep(py, self.program(), &flight.recipe, task, &self.outputs)
            }
        }
    }

    /// Stops for chunks to be taken before the next superstep runs.
    fn stream<'py>(
        &self,
        py: Python<'py>,
        at: &mut Position,
        departure: Departure,
        chunks: Vec<Chunk>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let taken = match &self.streamed {
            Some(streamed) => streamed.taken(py, chunks)?,
            None => py.None().into_bound(py),
        };
        let stop = self.stopped(py, at, Kind::Streamed, taken)?;
        *self.under_way() = Some((std::mem::take(at), UnderWay::Planned(departure)));
        Ok(stop)
    }

    /// Leaves chunks to the facade, as it goes on itself.
    fn hand_over(&self, py: Python<'_>, chunks: Vec<Chunk>) -> PyResult<()> {
        for chunk in chunks {
            self.place.call_method1(py, intern!(py, "show"), chunk)?;
        }
        Ok(())
    }

    // -- plan ------------------------------------------------------------------------------------

    /// The next superstep's only task, if it is that simple.
    fn start<'py>(&self, py: Python<'py>, at: &Position, in_thread: bool) -> PyResult<Start<'py>> {
        if at.step > self.stop {
            return Ok(Start::Planned(py.None().into_bound(py)));
        }
        let run = self.run.get();
        let superstep = Superstep {
            step: at.step,
            checkpoint_id: &at.checkpoint_id,
            namespace: &self.namespace,
        };
        let plan = run.plan_tasks(py, superstep, at.updated.as_deref())?;
        let recipe = match &*plan.tasks {
            [task] if plan.ignored.is_empty() && !has_timeout(py, task)? => {
                self.executor.get().recipe(py, task.node)?
            }
            _ => None,
        };
        let Some(recipe) = recipe else {
            return Ok(Start::Planned(run.plan_object(py, plan)?));
        };
        if in_thread && recipe.coerce.is_some() {
            return Ok(Start::Coerces);
        }
        let Some(function) = self.may_call(py, &recipe)? else {
            return Ok(Start::Planned(run.plan_object(py, plan)?));
        };
        self.prepare(py, at.step, plan, recipe, function)
            .map(Start::Ready)
    }

    /// Whether the run goes on, and the node is still to be called as its recipe says.
    /// The function to call, if the node has one.
    fn may_call(&self, py: Python<'_>, recipe: &Recipe) -> PyResult<Option<Option<Function>>> {
        if let Some(control) = &self.control
            && control
                .bind(py)
                .getattr(intern!(py, "drain_requested"))?
                .is_truthy()?
        {
            return Ok(None);
        }
        let node = recipe.node.bind(py);
        if node.getattr(intern!(py, "retry_policy"))?.is_truthy()?
            || node.getattr(intern!(py, "cache_policy"))?.is_truthy()?
        {
            return Ok(None);
        }
        self.function_of(py, recipe)
    }

    /// The function to call, if the node has one; `None` if it isn't to be called as its recipe says.
    fn function_of(&self, py: Python<'_>, recipe: &Recipe) -> PyResult<Option<Option<Function>>> {
        let Some(bound) = &recipe.bound else {
            return Ok(Some(None));
        };
        if recipe.by_method {
            let method = if self.is_async() {
                bound.getattr(py, intern!(py, "ainvoke"))?
            } else {
                bound.getattr(py, intern!(py, "invoke"))?
            };
            return Ok(Some(Some((method, self.is_async()))));
        }
        let function = self.function(bound.bind(py))?;
        Ok(function.map(|(function, awaited)| Some((function.unbind(), awaited))))
    }

    fn prepare(
        &self,
        py: Python<'_>,
        step: i64,
        mut plan: Plan<Value>,
        recipe: Arc<Recipe>,
        function: Option<Function>,
    ) -> PyResult<Departure> {
        let task = plan.tasks.pop().expect("a simple superstep has one task");
        let input = self.program().input_object(py, task.input)?;
        let (value, packet) = match task.origin {
            Origin::Packet(_) => (input.getattr(intern!(py, "arg"))?, Some(input.unbind())),
            Origin::Pull => {
                let value = self
                    .coerced(py, step, input, &recipe)
                    .inspect_err(|error| {
                        self.note_input_error(py, task.node, error);
                    })?;
                (value, None)
            }
        };
        Ok(Departure {
            node: task.node,
            origin: task.origin,
            packet,
            id: task.id,
            namespace: task.namespace,
            recipe,
            value: value.unbind(),
            function,
        })
    }

    /// What a node is given of what was read for it.
    fn coerced<'py>(
        &self,
        py: Python<'py>,
        step: i64,
        read: Bound<'py, PyAny>,
        recipe: &Recipe,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut value = read;
        if let Some(managed) = &recipe.managed {
            value = managed.bind(py).call1((value, step, &self.stop_object))?;
        }
        if let Some(coerce) = &recipe.coerce {
            value = coerce.bind(py).call1((value,))?;
        }
        Ok(value)
    }

    /// Says of what was raised for a node's input whose it was to be.
    fn note_input_error(&self, py: Python<'_>, node: NodeId, error: &PyErr) {
        if !error.is_instance_of::<PyException>(py) {
            return;
        }
        let program = self.program();
        let note = self.executor.get().host.note_input_error.bind(py);
        let noted = program.planned(py, node).and_then(|planned| {
            let name = &program.nodes[node.index()].name;
            note.call1((error.value(py), name, &planned.path))
        });
        if let Err(failed) = noted {
            failed.write_unraisable(py, None);
        }
    }

    fn take_off(
        &self,
        py: Python<'_>,
        at: &Position,
        departure: Departure,
        thread: Option<&Arc<Thread>>,
    ) -> PyResult<Flight> {
        let clock = self.executor.get().host.clock.bind(py);
        let value = departure.value;
        let step_task = StepTask {
            executor: self.executor.clone_ref(py),
            place: self.place.clone_ref(py),
            node: departure.node,
            origin: departure.origin,
            id: departure.id,
            namespace: departure.namespace,
            step: at.step,
            checkpoint_id: at.checkpoint_id.clone(),
            started: clock.call_method0(intern!(py, "time"))?.extract()?,
            over: AtomicBool::new(false),
            inside: Mutex::new(Inside {
                input: Some(departure.packet.unwrap_or_else(|| value.clone_ref(py))),
                writes: Vec::new(),
                live: None,
            }),
        };
        let task = Py::new(py, step_task)?;
        if let Some(thread) = thread {
            thread.runs(Some(task.clone_ref(py)));
        }
        Ok(Flight {
            task,
            recipe: departure.recipe,
            function: departure.function,
            value,
            stage: Stage::Call,
            own_cancels: 0,
            thread: thread.cloned(),
        })
    }

    // -- commit ----------------------------------------------------------------------------------

    /// Commits the superstep; the position is then the next one's. Whether output channels changed.
    fn commit(&self, py: Python<'_>, task: &StepTask, at: &mut Position) -> PyResult<bool> {
        let program = self.program();
        let mut batch = Batch::new(&program.core);
        match task.origin {
            Origin::Pull => {
                batch.task(PathKey::Pull(task.node), NodeRef::Known(task.node));
                batch.own_triggers();
            }
            Origin::Packet(index) => {
                batch.task(PathKey::Push(index as u64), NodeRef::Known(task.node));
                batch.trigger(ChannelRef::Named(PUSH));
            }
        }
        match task.made(py) {
            Some(live) => {
                let writes = live.bind(py).getattr(intern!(py, "writes"))?;
                program.read_writes(&writes, &mut batch)?;
            }
            None => {
                let mut addressee = None;
                for (name, target, value) in task.copied(py) {
                    match target {
                        Target::Channel(channel) => {
                            let value = value.into_bound(py);
                            program.read_write(channel, value, &mut batch, &mut addressee)?;
                        }
                        Target::Ignored => {}
                        Target::Unknown => batch.write_unknown(name.bind(py).to_str()?),
                    }
                }
            }
        }
        let version = match &self.saver {
            Some(saver) => Some(self.next_version(saver.bind(py))?),
            None => None,
        };
        let committed = self.run.get().commit_batch(py, batch, version)?;
        task.over.store(true, Ordering::Relaxed);
        for (_, channel) in &committed.unknown {
            let (path, _) = program.path_and_triggers(py, task.node, task.origin)?;
            let name = &program.nodes[task.node.index()].name;
            let args = (name, path, channel);
            self.place
                .call_method1(py, intern!(py, "wrote_nowhere"), args)?;
        }
        let mut updated = committed.updated.iter();
        let changed = updated.any(|id| self.outputs.contains(id));
        at.due |= changed;
        at.updated = (!committed.updated.is_empty()).then_some(committed.updated);
        drop_all(py, committed.retired);
        at.checkpoint_id = self.next_id(py, at.step)?;
        at.step += 1;
        if !self.moved_on.swap(true, Ordering::Relaxed) {
            self.place.call_method0(py, intern!(py, "moved_on"))?;
        }
        Ok(changed)
    }

    /// The version of what a commit changes, where the saver says what versions are.
    fn next_version(&self, saver: &Bound<'_, PyAny>) -> PyResult<Version> {
        let py = saver.py();
        let run = self.run.get();
        if self.counts_versions {
            let highest = run.highest_version()?;
            let draws = &self.executor.get().host.draws;
            if let Some(version) = draws.version(py, highest.as_ref())? {
                return Ok(version);
            }
        }
        let version = saver.call_method1(
            intern!(py, "get_next_version"),
            (run.max_version(py)?, py.None()),
        )?;
        run.number_of(&version)
    }

    /// The id of the checkpoint after a superstep: the facade's, or one of the same form if it is never saved.
    fn next_id(&self, py: Python<'_>, step: i64) -> PyResult<String> {
        let host = &self.executor.get().host;
        if self.saver.is_some() {
            return match host.draws.checkpoint_id(host.clock.bind(py), step)? {
                Some(id) => Ok(id),
                None => host.saved_id.bind(py).call1((step,))?.extract(),
            };
        }
        let mut ticks = host.ticks.bind(py).clone();
        let tick = ticks.next().transpose()?;
        let tick: u64 = tick.ok_or_else(ids_used_up)?.extract()?;
        Ok(uuid_text(tick, host.id_tail))
    }
}

/// Whether a task is of a packet that says how long it may take.
fn has_timeout(py: Python<'_>, task: &Task<Value>) -> PyResult<bool> {
    match (task.origin, &task.input) {
        (Origin::Packet(_), TaskInput::One(Shown::Value(packet))) => {
            Ok(!packet.bind(py).getattr(intern!(py, "timeout"))?.is_none())
        }
        (Origin::Packet(_), _) => Ok(true),
        (Origin::Pull, _) => Ok(false),
    }
}

/// The number of the superstep a run may not pass, which may be any number.
fn last_step(stop: &Bound<'_, PyAny>) -> PyResult<i64> {
    match stop.extract() {
        Ok(number) => Ok(number),
        Err(_) => Ok(stop.extract::<f64>()?.floor() as i64),
    }
}

fn nothing_under_way() -> PyErr {
    PyRuntimeError::new_err("no task of this execution waits for anything")
}

fn unknown_output() -> PyErr {
    PyRuntimeError::new_err("only what channels hold can be streamed")
}

fn ids_used_up() -> PyErr {
    PyRuntimeError::new_err("there are no more ids for checkpoints")
}

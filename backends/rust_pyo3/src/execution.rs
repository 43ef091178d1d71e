//! Supersteps run here: the loop of `langgraph_engine.execute`, for as long as they are simple.
//!
//! A superstep is planned, its one task's node is called, then the node's writers, and the writes are
//! committed; then the next. Whatever isn't simple stops the loop, and the facade goes on from there. Nothing
//! of the run is borrowed while a node, a writer or a reducer is called.
//!
//! A node that is awaited takes its first step here. If it waits for something, the task under way is
//! kept as a [`Flight`] until the facade resumes it.

use crate::executor::{Branch, Executor, Recipe, Select, Step, Writer};
use crate::program::Program;
use crate::run::Run;
use crate::step_task::{Inside, StepTask, Written};
use crate::types;
use crate::values::shown;
use lge_core::batch::{Batch, ReadWrites};
use lge_core::names::{ChannelId, Id as _};
use lge_core::plan::{Origin, Plan, Superstep};
use lge_core::program::Target;
use lge_core::run::NodeRef;
use lge_core::task_path::PathKey;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyRuntimeError, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PySet, PyString, PyTuple};
use rustc_hash::FxHashSet;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Value = Py<PyAny>;

/// How many tasks may end in a thread's event loop before it gets a turn, whether it asks for one or not.
const STEPS_WITHOUT_A_TURN: u32 = 16;

thread_local! {
    static ENDED: Cell<u32> = const { Cell::new(0) };
}

/// Why an execution stopped; the numbers are those of `langgraph_engine.execute`.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Planned = 0,
    Finished = 1,
    Raised = 2,
    Await = 3,
    Turn = 4,
    CancelledItself = 5,
    CommitRaised = 6,
}

/// One invocation, as far as this engine runs it.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Execution {
    executor: Py<Executor>,
    run: Py<Run>,
    place: Value,
    stop: i64,
    namespace: String,
    outputs: FxHashSet<ChannelId>,
    control: Option<Value>,
    event_loop: Option<Value>,
    asyncio_task: Option<Value>,
    /// The task under way, while the facade awaits something for it.
    under_way: Mutex<Option<(Position, Flight)>>,
    moved_on: AtomicBool,
}

/// Where the run is: between two supersteps, or in one.
struct Position {
    step: i64,
    checkpoint_id: String,
    /// `None`: not known, so every node is considered.
    updated: Option<Vec<ChannelId>>,
    due: bool,
}

/// A task under way.
struct Flight {
    task: Py<StepTask>,
    recipe: Arc<Recipe>,
    /// What the node was given, then what it or the writer before returned.
    value: Value,
    stage: Stage,
    /// How often a coroutine that raised had cancelled the asyncio task.
    own_cancels: i64,
}

/// What comes next, or what is waited for.
enum Stage {
    Call,
    /// The node's coroutine, in this context.
    Called(Value),
    /// A runnable the node returned.
    Recursed,
    Write(usize),
    /// A conditional edge's answer to what it was asked.
    Answer(usize, Value),
    /// The answer of a runnable that a conditional edge returned.
    FinalAnswer(usize),
    /// The node and its writers ran.
    Done,
}

/// Whether to go on, or to wait for the facade.
enum Flow {
    Go,
    Wait(Kind, Value),
}

/// What a call led to: a value, or something to await first.
enum Called<'py> {
    Value(Bound<'py, PyAny>),
    Wait(Kind, Value),
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
            let at = Position {
                step,
                checkpoint_id,
                updated: self.program().read_updated(updated)?,
                due: false,
            };
            self.supersteps(py, at, None)
        })
    }

    /// Goes on with what was awaited.
    fn resume<'py>(&self, py: Python<'py>, value: Value) -> PyResult<Bound<'py, PyAny>> {
        self.run.get().guard(|| {
            let (at, flight) = self.take_flight()?;
            self.supersteps(py, at, Some((flight, value)))
        })
    }

    /// Forgets the task under way; the live task.
    fn give_up<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (_, flight) = self.take_flight()?;
        flight.task.get().live(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.executor)?;
        visit.call(&self.run)?;
        visit.call(&self.place)?;
        visit.call(&self.control)?;
        visit.call(&self.event_loop)?;
        visit.call(&self.asyncio_task)?;
        if let Ok(under_way) = self.under_way.try_lock()
            && let Some((_, flight)) = &*under_way
        {
            visit.call(&flight.task)?;
            visit.call(&flight.value)?;
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
        Ok(Execution {
            executor: executor.clone().unbind(),
            run,
            stop: place.getattr(intern!(py, "stop"))?.extract()?,
            namespace: place.getattr(intern!(py, "namespace"))?.extract()?,
            outputs,
            control: optional(intern!(py, "control"))?,
            event_loop: optional(intern!(py, "event_loop"))?,
            asyncio_task: optional(intern!(py, "asyncio_task"))?,
            place: place.clone().unbind(),
            under_way: Mutex::new(None),
            moved_on: AtomicBool::new(false),
        })
    }

    fn program(&self) -> &Program {
        self.executor.get().program.get()
    }

    fn under_way(&self) -> MutexGuard<'_, Option<(Position, Flight)>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take_flight(&self) -> PyResult<(Position, Flight)> {
        let nothing = || PyRuntimeError::new_err("no task of this execution waits for anything");
        self.under_way().take().ok_or_else(nothing)
    }

    fn is_async(&self) -> bool {
        self.event_loop.is_some()
    }

    /// The loop: from a position, or from the middle of a superstep.
    fn supersteps<'py>(
        &self,
        py: Python<'py>,
        mut at: Position,
        mut under_way: Option<(Flight, Value)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        loop {
            let (mut flight, sent) = match under_way.take() {
                Some((flight, value)) => (flight, Some(value)),
                None => match self.start(py, &at)? {
                    Ok(flight) => (flight, None),
                    Err(plan) => return self.stopped(py, &at, Kind::Planned, plan),
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
                    let stop = self.stopped(py, &at, kind, detail.into_bound(py))?;
                    at.due = false;
                    *self.under_way() = Some((at, flight));
                    return Ok(stop);
                }
                Err(error) => {
                    let live = flight.task.get().live(py)?;
                    let detail = (live, error.into_value(py), flight.own_cancels);
                    let detail = detail.into_pyobject(py)?.into_any();
                    return self.stopped(py, &at, Kind::Raised, detail);
                }
            }
            let task = flight.task.get();
            if let Some(live) = task.made(py)
                && !self.place.bind(py).getattr(intern!(py, "calls"))?.is_none()
            {
                return self.stopped(py, &at, Kind::Finished, live.into_bound(py));
            }
            if let Err(error) = self.commit(py, task, &mut at) {
                let detail = (task.live(py)?, error.into_value(py)).into_pyobject(py)?;
                return self.stopped(py, &at, Kind::CommitRaised, detail.into_any());
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
        let program = self.program();
        let updated = match &at.updated {
            None => None,
            Some(channels) => {
                let names = channels
                    .iter()
                    .map(|id| program.channels[id.index()].bind(py));
                Some(PySet::new(py, names)?)
            }
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

    // -- plan ------------------------------------------------------------------------------------

    /// The next superstep's only task; or the plan, if it isn't that simple, or None if there is none.
    fn start<'py>(
        &self,
        py: Python<'py>,
        at: &Position,
    ) -> PyResult<Result<Flight, Bound<'py, PyAny>>> {
        if at.step > self.stop {
            return Ok(Err(py.None().into_bound(py)));
        }
        let run = self.run.get();
        let superstep = Superstep {
            step: at.step,
            checkpoint_id: &at.checkpoint_id,
            namespace: &self.namespace,
        };
        let plan = run.plan_tasks(py, superstep, at.updated.as_deref())?;
        let recipe = match &*plan.tasks {
            [task] if plan.ignored.is_empty() && task.origin == Origin::Pull => {
                self.executor.get().recipe(task.node)
            }
            _ => None,
        };
        let Some(recipe) = recipe.filter(|_| !plan.tasks.is_empty()) else {
            return Ok(Err(run.plan_object(py, plan)?));
        };
        if !self.may_call(py, &recipe)? {
            return Ok(Err(run.plan_object(py, plan)?));
        }
        self.take_off(py, at, plan, recipe).map(Ok)
    }

    /// Whether the run goes on, and the node is still to be called as its recipe says.
    fn may_call(&self, py: Python<'_>, recipe: &Recipe) -> PyResult<bool> {
        if let Some(control) = &self.control
            && control
                .bind(py)
                .getattr(intern!(py, "drain_requested"))?
                .is_truthy()?
        {
            return Ok(false);
        }
        let node = recipe.node.bind(py);
        if node.getattr(intern!(py, "retry_policy"))?.is_truthy()?
            || node.getattr(intern!(py, "cache_policy"))?.is_truthy()?
        {
            return Ok(false);
        }
        let Some(bound) = &recipe.bound else {
            return Ok(true);
        };
        Ok(self.function(bound.bind(py))?.is_some())
    }

    /// A runnable's function, and whether it is awaited; `None` if the runnable's own method is to be called.
    fn function<'py>(
        &self,
        runnable: &Bound<'py, PyAny>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, bool)>> {
        let py = runnable.py();
        let own = runnable.getattr(intern!(py, "__dict__"))?;
        let own = own.cast::<PyDict>()?;
        if own.contains(intern!(py, "invoke"))? {
            return Ok(None);
        }
        if self.is_async() {
            if own.contains(intern!(py, "ainvoke"))? {
                return Ok(None);
            }
            let function = runnable.getattr(intern!(py, "afunc"))?;
            if !function.is_none() {
                return Ok(Some((function, true)));
            }
        }
        let function = runnable.getattr(intern!(py, "func"))?;
        Ok((!function.is_none()).then_some((function, false)))
    }

    fn take_off(
        &self,
        py: Python<'_>,
        at: &Position,
        mut plan: Plan<Value>,
        recipe: Arc<Recipe>,
    ) -> PyResult<Flight> {
        let program = self.program();
        let task = plan.tasks.pop().expect("a simple superstep has one task");
        let mut value = program.input_object(py, task.input)?;
        if let Some(coerce) = &recipe.coerce {
            value = coerce.bind(py).call1((value,)).inspect_err(|error| {
                if error.is_instance_of::<PyException>(py) {
                    let objects = &program.nodes[task.node.index()];
                    let args = (error.value(py), &objects.name, &objects.path);
                    let note = self.executor.get().host.note_input_error.bind(py);
                    if let Err(failed) = note.call1(args) {
                        failed.write_unraisable(py, None);
                    }
                }
            })?;
        }
        let clock = self.executor.get().host.clock.bind(py);
        let value = value.unbind();
        let step_task = StepTask {
            executor: self.executor.clone_ref(py),
            place: self.place.clone_ref(py),
            node: task.node,
            id: task.id,
            namespace: task.namespace,
            step: at.step,
            checkpoint_id: at.checkpoint_id.clone(),
            started: clock.call_method0(intern!(py, "time"))?.extract()?,
            over: AtomicBool::new(false),
            inside: Mutex::new(Inside {
                value: Some(value.clone_ref(py)),
                writes: Vec::new(),
                live: None,
            }),
        };
        Ok(Flight {
            task: Py::new(py, step_task)?,
            recipe,
            value,
            stage: Stage::Call,
            own_cancels: 0,
        })
    }

    // -- run -------------------------------------------------------------------------------------

    /// Calls the node and its writers, as far as nothing has to be waited for. An error is the user's.
    fn advance(&self, py: Python<'_>, flight: &mut Flight) -> PyResult<Flow> {
        let recipe = Arc::clone(&flight.recipe);
        loop {
            match flight.stage {
                Stage::Call => {
                    let Some(bound) = &recipe.bound else {
                        flight.stage = Stage::Write(0);
                        continue;
                    };
                    let context = self.context(py, flight)?;
                    match self.call_node(py, flight, bound.bind(py), &context)? {
                        Called::Value(value) => {
                            let flow = self.returned(py, flight, value, &context)?;
                            if let Flow::Wait(..) = flow {
                                return Ok(flow);
                            }
                        }
                        Called::Wait(kind, detail) => {
                            flight.stage = Stage::Called(context.unbind());
                            return Ok(Flow::Wait(kind, detail));
                        }
                    }
                }
                Stage::Write(index) => match recipe.writers.get(index) {
                    None => {
                        flight.stage = Stage::Done;
                        if self.is_async() && self.turn_is_due(py)? {
                            return Ok(Flow::Wait(Kind::Turn, py.None()));
                        }
                    }
                    Some(Writer::Steps(steps)) => {
                        self.write_steps(py, flight, steps)?;
                        flight.stage = Stage::Write(index + 1);
                    }
                    Some(Writer::Branch(branch)) => {
                        let flow = self.ask(py, flight, index, branch)?;
                        if let Flow::Wait(..) = flow {
                            return Ok(flow);
                        }
                    }
                },
                Stage::Done => return Ok(Flow::Go),
                Stage::Called(_) | Stage::Recursed | Stage::Answer(..) | Stage::FinalAnswer(_) => {
                    return Err(PyRuntimeError::new_err("the task waits for something"));
                }
            }
        }
    }

    /// Takes in what was awaited. An error is the user's.
    fn receive(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        value: Bound<'_, PyAny>,
    ) -> PyResult<Flow> {
        match std::mem::replace(&mut flight.stage, Stage::Done) {
            Stage::Called(context) => self.returned(py, flight, value, context.bind(py)),
            Stage::Recursed => {
                flight.value = value.unbind();
                flight.stage = Stage::Write(0);
                Ok(Flow::Go)
            }
            Stage::Answer(index, asked) => self.answered(py, flight, index, value, asked.bind(py)),
            Stage::FinalAnswer(index) => {
                self.follow(py, flight, index, &value)?;
                Ok(Flow::Go)
            }
            // A turn of the event loop gives nothing.
            stage @ (Stage::Done | Stage::Call | Stage::Write(_)) => {
                flight.stage = stage;
                Ok(Flow::Go)
            }
        }
    }

    /// The context a node or a conditional edge runs in: the caller's, with the task's config.
    fn context<'py>(&self, py: Python<'py>, flight: &Flight) -> PyResult<Bound<'py, PyAny>> {
        let host = &self.executor.get().host;
        let context = host.copy_context.bind(py).call0()?;
        let config = match flight.task.get().made(py) {
            Some(live) => live.bind(py).getattr(intern!(py, "config"))?,
            None => {
                let config = host.config_type.bind(py).call0()?;
                config.setattr(intern!(py, "task"), &flight.task)?;
                config
            }
        };
        context.call_method1(intern!(py, "run"), (&host.set_config, config))?;
        Ok(context)
    }

    fn call_node<'py>(
        &self,
        py: Python<'py>,
        flight: &mut Flight,
        bound: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Called<'py>> {
        let Some((function, awaited)) = self.function(bound)? else {
            // Replaced since the superstep was planned, a moment ago.
            return Err(PyRuntimeError::new_err(
                "the node was replaced while it was called",
            ));
        };
        let run = intern!(py, "run");
        let value = flight.value.bind(py);
        let result = match &flight.recipe.keywords {
            None => context.call_method1(run, (function, value))?,
            Some(keywords) => {
                let live = flight.task.get().live(py)?;
                let keywords = keywords.bind(py).call1((&live,))?;
                // The config was looked at: it is the real one from here on.
                let host = &self.executor.get().host;
                let config = live.getattr(intern!(py, "config"))?;
                context.call_method1(run, (&host.set_config, config))?;
                context.call_method(run, (function, value), Some(keywords.cast::<PyDict>()?))?
            }
        };
        if awaited {
            return self.first_step(py, flight, result, context);
        }
        Ok(Called::Value(result))
    }

    /// Has a coroutine take its first step, if it may here.
    fn first_step<'py>(
        &self,
        py: Python<'py>,
        flight: &mut Flight,
        awaitable: Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Called<'py>> {
        let Some(asyncio_task) = &self.asyncio_task else {
            let detail = (awaitable, context, py.None()).into_pyobject(py)?;
            return Ok(Called::Wait(Kind::Await, detail.into_any().unbind()));
        };
        if !awaitable.get_type().is(types::coroutine(py)?) {
            let detail = (awaitable, context, py.None()).into_pyobject(py)?;
            return Ok(Called::Wait(Kind::Await, detail.into_any().unbind()));
        }
        let cancels = || -> PyResult<i64> {
            let asyncio_task = asyncio_task.bind(py);
            asyncio_task
                .call_method0(intern!(py, "cancelling"))?
                .extract()
        };
        let before = cancels()?;
        let send = awaitable.getattr(intern!(py, "send"))?;
        match context.call_method1(intern!(py, "run"), (send, py.None())) {
            Ok(waits_for) => {
                let detail = (awaitable, context, (waits_for, before)).into_pyobject(py)?;
                Ok(Called::Wait(Kind::Await, detail.into_any().unbind()))
            }
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
                let value = error.value(py).getattr(intern!(py, "value"))?;
                let own = cancels()? - before;
                if own == 0 {
                    return Ok(Called::Value(value));
                }
                let detail = (own, value).into_pyobject(py)?;
                Ok(Called::Wait(
                    Kind::CancelledItself,
                    detail.into_any().unbind(),
                ))
            }
            Err(error) => {
                flight.own_cancels = cancels()? - before;
                Err(error)
            }
        }
    }

    /// The node returned: a runnable it may have returned is called in its place.
    fn returned(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        value: Bound<'_, PyAny>,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Flow> {
        if flight.recipe.recurses && !is_plain(&value) && self.is_runnable(&value)? {
            let config = flight.task.get().full_config(py)?;
            let name = if self.is_async() {
                intern!(py, "ainvoke")
            } else {
                intern!(py, "invoke")
            };
            let method = value.getattr(name)?;
            let args = (method, flight.value.bind(py), config);
            let result = context.call_method1(intern!(py, "run"), args)?;
            if self.is_async() {
                flight.stage = Stage::Recursed;
                let detail = (result, context, py.None()).into_pyobject(py)?;
                return Ok(Flow::Wait(Kind::Await, detail.into_any().unbind()));
            }
            flight.value = result.unbind();
        } else {
            flight.value = value.unbind();
        }
        flight.stage = Stage::Write(0);
        Ok(Flow::Go)
    }

    fn is_runnable(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let runnable_type = &self.executor.get().host.runnable_type;
        value.is_instance(runnable_type.bind(value.py()))
    }

    /// Whether the event loop is to have a turn before the task is settled. asyncio's own loops say whether
    /// anything waits for one; if nothing does it is left out, but not for long: only a turn looks at sockets.
    fn turn_is_due(&self, py: Python<'_>) -> PyResult<bool> {
        let ended = ENDED.get().wrapping_add(1);
        ENDED.set(ended);
        if ended % STEPS_WITHOUT_A_TURN == 0 {
            return Ok(true);
        }
        let Some(event_loop) = &self.event_loop else {
            return Ok(false);
        };
        for name in [intern!(py, "_ready"), intern!(py, "_scheduled")] {
            match event_loop.bind(py).getattr_opt(name)? {
                Some(waiting) if !waiting.is_truthy()? => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    // -- writers ---------------------------------------------------------------------------------

    fn write_steps(&self, py: Python<'_>, flight: &Flight, steps: &[Step]) -> PyResult<()> {
        let program = self.program();
        let mut writes: Vec<Written> = Vec::new();
        for step in steps {
            let given = match &step.constant {
                Some(constant) => constant.bind(py),
                None => flight.value.bind(py),
            };
            match &step.channel {
                None => self.write_pairs(py, program, step, given, &mut writes)?,
                Some((name, target)) => {
                    let value = match &step.mapper {
                        Some(mapper) => mapper.bind(py).call1((given,))?,
                        None => given.clone(),
                    };
                    let skip_write = &self.executor.get().host.skip_write;
                    if !(value.is(skip_write) || step.skips && value.is_none()) {
                        writes.push((name.clone_ref(py), *target, value.unbind()));
                    }
                }
            }
        }
        flight.task.get().write(py, writes)
    }

    /// An entry whose mapper gives the writes.
    fn write_pairs(
        &self,
        py: Python<'_>,
        program: &Program,
        step: &Step,
        given: &Bound<'_, PyAny>,
        writes: &mut Vec<Written>,
    ) -> PyResult<()> {
        if let Ok(dict) = given.cast_exact::<PyDict>() {
            if step.skips {
                return Ok(());
            }
            if let Some(keys) = &step.keys {
                // A key's `__eq__` or `__hash__` may run Python code, so the items are taken first.
                for (key, value) in dict.iter().collect::<Vec<_>>() {
                    let Ok(name) = key.cast::<PyString>() else {
                        // No name of a channel.
                        key.hash()?;
                        continue;
                    };
                    let target = program.target(name)?;
                    let wanted = match target {
                        Target::Channel(channel) => keys.channels[channel.index()],
                        _ => keys.all.bind(py).contains(name)?,
                    };
                    if wanted {
                        writes.push((name.clone().unbind(), target, value.unbind()));
                    }
                }
                return Ok(());
            }
        }
        let Some(mapper) = &step.mapper else {
            return Ok(());
        };
        let pairs = mapper.bind(py).call1((given,))?;
        if pairs.is_truthy()? {
            program.read_pairs(&pairs, writes)?;
        }
        Ok(())
    }

    /// Asks a conditional edge where to go.
    fn ask(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        index: usize,
        branch: &Branch,
    ) -> PyResult<Flow> {
        let asked = self.question(py, flight, branch)?;
        let path = branch.path.bind(py);
        let answer = match self.function(path)? {
            Some((function, awaited)) => {
                let context = self.context(py, flight)?;
                let answer = context.call_method1(intern!(py, "run"), (function, &asked))?;
                if awaited && answer.hasattr(intern!(py, "__await__"))? {
                    match self.first_step(py, flight, answer, &context)? {
                        Called::Value(answer) => answer,
                        Called::Wait(kind, detail) => {
                            flight.stage = Stage::Answer(index, asked.unbind());
                            return Ok(Flow::Wait(kind, detail));
                        }
                    }
                } else {
                    answer
                }
            }
            None => {
                let config = flight.task.get().full_config(py)?;
                if self.is_async() {
                    let awaitable = path.call_method1(intern!(py, "ainvoke"), (&asked, config))?;
                    flight.stage = Stage::Answer(index, asked.unbind());
                    let detail = (awaitable, py.None(), py.None()).into_pyobject(py)?;
                    return Ok(Flow::Wait(Kind::Await, detail.into_any().unbind()));
                }
                path.call_method1(intern!(py, "invoke"), (&asked, config))?
            }
        };
        self.answered(py, flight, index, answer, &asked)
    }

    /// What a conditional edge is asked about.
    fn question<'py>(
        &self,
        py: Python<'py>,
        flight: &Flight,
        branch: &Branch,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = flight.value.bind(py);
        let Some(select) = &branch.select else {
            return Ok(value.clone());
        };
        let program = self.program();
        let writes = self.writes_so_far(py, flight.task.get())?;
        let run = self.run.get();
        let mut state = match select {
            Select::One(channel) => {
                let found = run.read_channels(py, vec![*channel], Some(writes))?;
                match found.into_iter().next() {
                    Some((_, value)) => shown(py, value)?,
                    None => py.None().into_bound(py),
                }
            }
            Select::Many(channels) => {
                let found = run.read_channels(py, channels.clone(), Some(writes))?;
                program.values_object(py, found)?.into_any()
            }
        };
        if let Some(mapper) = &branch.mapper {
            state = mapper.bind(py).call1((state,))?;
        }
        if branch.merges
            && let (Ok(value), Ok(state)) = (value.cast::<PyDict>(), state.cast::<PyDict>())
        {
            let merged = PyDict::new(py);
            merged.update(value.as_mapping())?;
            merged.update(state.as_mapping())?;
            return Ok(merged.into_any());
        }
        Ok(state)
    }

    /// What the task wrote so far, for a read.
    fn writes_so_far(&self, py: Python<'_>, task: &StepTask) -> PyResult<ReadWrites<Value>> {
        let program = self.program();
        let mut batch = Batch::new(&program.core);
        if let Some(live) = task.made(py) {
            let writes = live.bind(py).getattr(intern!(py, "writes"))?;
            program.read_only_writes(
                PyTuple::new(py, writes.try_iter()?.collect::<PyResult<Vec<_>>>()?)?.as_any(),
                &mut batch,
            )?;
        } else {
            batch.task(PathKey::Text(String::new()), NodeRef::Named(""));
            for (_, target, value) in task.copied(py) {
                if let Target::Channel(channel) = target {
                    program.read_write(channel, value.into_bound(py), &mut batch)?;
                }
            }
        }
        Ok(ReadWrites::of(batch))
    }

    /// A conditional edge answered.
    fn answered(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        index: usize,
        answer: Bound<'_, PyAny>,
        asked: &Bound<'_, PyAny>,
    ) -> PyResult<Flow> {
        if answer.is_exact_instance_of::<PyString>() || !self.is_runnable(&answer)? {
            self.follow(py, flight, index, &answer)?;
            return Ok(Flow::Go);
        }
        let config = flight.task.get().full_config(py)?;
        if self.is_async() {
            let awaitable = answer.call_method1(intern!(py, "ainvoke"), (asked, config))?;
            flight.stage = Stage::FinalAnswer(index);
            let detail = (awaitable, py.None(), py.None()).into_pyobject(py)?;
            return Ok(Flow::Wait(Kind::Await, detail.into_any().unbind()));
        }
        let answer = answer.call_method1(intern!(py, "invoke"), (asked, config))?;
        self.follow(py, flight, index, &answer)?;
        Ok(Flow::Go)
    }

    /// Goes where an answer says.
    fn follow(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        index: usize,
        answer: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let recipe = Arc::clone(&flight.recipe);
        let Some(Writer::Branch(branch)) = recipe.writers.get(index) else {
            return Err(PyRuntimeError::new_err(
                "only a conditional edge has an answer",
            ));
        };
        flight.stage = Stage::Write(index + 1);
        let known = if answer.is_exact_instance_of::<PyString>() {
            branch.known.bind(py).get_item(answer)?
        } else {
            None
        };
        let pairs = match known {
            Some(writes) => writes,
            None => {
                let value = flight.value.bind(py);
                let method = intern!(py, "answered");
                let found = branch
                    .object
                    .bind(py)
                    .call_method1(method, (value, answer))?;
                let (following, writes): (Bound<'_, PyAny>, Bound<'_, PyAny>) = found.extract()?;
                flight.value = following.unbind();
                writes
            }
        };
        let mut writes = Vec::new();
        self.program().read_pairs(&pairs, &mut writes)?;
        flight.task.get().write(py, writes)
    }

    // -- commit ----------------------------------------------------------------------------------

    /// Commits the superstep; the position is then the next one's.
    fn commit(&self, py: Python<'_>, task: &StepTask, at: &mut Position) -> PyResult<()> {
        let program = self.program();
        let mut batch = Batch::new(&program.core);
        batch.task(PathKey::Pull(task.node), NodeRef::Known(task.node));
        batch.own_triggers();
        match task.made(py) {
            Some(live) => {
                let writes = live.bind(py).getattr(intern!(py, "writes"))?;
                program.read_writes(&writes, &mut batch)?;
            }
            None => {
                for (name, target, value) in task.copied(py) {
                    match target {
                        Target::Channel(channel) => {
                            program.read_write(channel, value.into_bound(py), &mut batch)?;
                        }
                        Target::Ignored => {}
                        Target::Unknown => batch.write_unknown(name.bind(py).to_str()?),
                    }
                }
            }
        }
        let committed = self.run.get().commit_batch(py, batch, None)?;
        task.over.store(true, Ordering::Relaxed);
        for (_, channel) in &committed.unknown {
            let objects = &program.nodes[task.node.index()];
            let args = (&objects.name, &objects.path, channel);
            self.place
                .call_method1(py, intern!(py, "wrote_nowhere"), args)?;
        }
        at.due |= committed.updated.iter().any(|id| self.outputs.contains(id));
        at.updated = (!committed.updated.is_empty()).then_some(committed.updated);
        drop(committed.retired);
        at.step += 1;
        at.checkpoint_id = self.next_id(py)?;
        if !self.moved_on.swap(true, Ordering::Relaxed) {
            self.place.call_method0(py, intern!(py, "moved_on"))?;
        }
        Ok(())
    }

    /// An id in the form of a checkpoint's, as the facade makes it for a run that isn't saved.
    fn next_id(&self, py: Python<'_>) -> PyResult<String> {
        let host = &self.executor.get().host;
        let mut ticks = host.ticks.bind(py).clone();
        let tick = ticks.next().transpose()?;
        let tick: u64 = tick.ok_or_else(ids_used_up)?.extract()?;
        Ok(checkpoint_id(tick, &host.id_tail))
    }
}

fn ids_used_up() -> PyErr {
    PyRuntimeError::new_err("there are no more ids for checkpoints")
}

/// `tttttttt-tttt-6ttt-` with the fifteen last hexadecimal digits of a tick, then the tail.
fn checkpoint_id(tick: u64, tail: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |place: u32| char::from(DIGITS[(tick >> (4 * place) & 15) as usize]);
    let mut id = String::with_capacity(19 + tail.len());
    id.extend((7..15).rev().map(digit));
    id.push('-');
    id.extend((3..7).rev().map(digit));
    id.push_str("-6");
    id.extend((0..3).rev().map(digit));
    id.push('-');
    id.push_str(tail);
    id
}

/// What a node returns that surely is no runnable.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
}

//! A task under way: its node is called here, as far as nothing has to be waited for.
//!
//! A node that is awaited takes its first step here. If it waits for something, the [`Flight`] is kept until the
//! facade resumes it.

use crate::execution::{Execution, Kind};
use crate::executor::{Recipe, Writer};
use crate::step_task::StepTask;
use crate::thread::Thread;
use crate::types;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString};
use std::cell::Cell;
use std::sync::Arc;

type Value = Py<PyAny>;

/// How many tasks may end in a thread's event loop before it gets a turn, whether it asks for one or not.
const STEPS_WITHOUT_A_TURN: u32 = 16;

thread_local! {
    static ENDED: Cell<u32> = const { Cell::new(0) };
}

/// A runnable's function, and whether it is awaited.
pub(crate) type Function = (Value, bool);

/// A task under way.
pub(crate) struct Flight {
    pub(crate) task: Py<StepTask>,
    pub(crate) recipe: Arc<Recipe>,
    /// What is called for the node, until it is; nothing for a node that hands on what it is given.
    pub(crate) function: Option<Function>,
    /// What the node was given, then what it or the writer before returned.
    pub(crate) value: Value,
    pub(crate) stage: Stage,
    /// How often a coroutine that raised had cancelled the asyncio task.
    pub(crate) own_cancels: i64,
    /// The thread it is run by, if it isn't the event loop.
    pub(crate) thread: Option<Arc<Thread>>,
}

/// What comes next, or what is waited for.
pub(crate) enum Stage {
    Call,
    /// The node's coroutine, in this context.
    Called(Value),
    /// A runnable the node returned.
    Recursed,
    Write(usize),
    /// A conditional edge: what it is to be asked, and its function, which a thread calls.
    Ask(usize, Value, Value),
    /// A conditional edge's answer to what it was asked.
    Answer(usize, Value),
    /// The answer of a runnable that a conditional edge returned.
    FinalAnswer(usize),
    /// What was waited for is there already.
    Held(Box<Stage>, Value),
    /// The node and its writers ran.
    Done,
}

impl Stage {
    /// Visits what it holds.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Stage::Called(held) | Stage::Answer(_, held) => visit.call(held),
            Stage::Ask(_, asked, function) => {
                visit.call(asked)?;
                visit.call(function)
            }
            Stage::Held(then, value) => {
                visit.call(value)?;
                then.traverse(visit)
            }
            Stage::Call
            | Stage::Recursed
            | Stage::Write(_)
            | Stage::FinalAnswer(_)
            | Stage::Done => Ok(()),
        }
    }
}

/// Whether to go on, or to wait for the facade.
pub(crate) enum Flow {
    Go,
    Wait(Kind, Value),
}

impl Flow {
    /// Goes on in a thread, or in the event loop.
    pub(crate) fn elsewhere(py: Python<'_>, in_thread: bool) -> Self {
        let kind = if in_thread { Kind::Thread } else { Kind::Turn };
        Flow::Wait(kind, py.None())
    }
}

/// What a call led to: a value, or something to await first.
pub(crate) enum Called<'py> {
    Value(Bound<'py, PyAny>),
    Wait(Kind, Value),
}

/// What a node is called with beside its input.
enum Extra<'py> {
    Nothing,
    Config(Bound<'py, PyAny>),
    Keywords(Bound<'py, PyDict>),
}

impl Execution {
    /// A runnable's function, and whether it is awaited; `None` if the runnable's own method is to be called.
    pub(crate) fn function<'py>(
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

    /// Calls the node and its writers, as far as nothing has to be waited for. An error is the user's.
    pub(crate) fn advance(&self, py: Python<'_>, flight: &mut Flight) -> PyResult<Flow> {
        let recipe = Arc::clone(&flight.recipe);
        loop {
            match flight.stage {
                Stage::Call => {
                    let Some(mut function) = flight.function.take() else {
                        flight.stage = Stage::Write(0);
                        continue;
                    };
                    if self.is_async() {
                        let threaded = match function.1 {
                            true => self.threaded(function.0.bind(py))?,
                            false => None,
                        };
                        match threaded {
                            Some(called) if flight.thread.is_some() => {
                                function = (called.unbind(), false);
                            }
                            None if flight.thread.is_none() => {}
                            other => {
                                flight.function = Some(function);
                                return Ok(Flow::elsewhere(py, other.is_some()));
                            }
                        }
                    }
                    let extra = self.extra_arguments(py, flight)?;
                    let context = self.context(py, flight)?;
                    match self.call_node(py, flight, function, extra, &context)? {
                        Called::Value(value)
                            if self.pauses(py, flight)?
                                || flight.thread.is_some()
                                    && self.is_called_next(&flight.recipe, &value)? =>
                        {
                            // In LangGraph what the function did to its context ends with the thread.
                            let context = self.context(py, flight)?.unbind();
                            let then = Box::new(Stage::Called(context));
                            flight.stage = Stage::Held(then, value.unbind());
                            return Ok(Flow::elsewhere(py, false));
                        }
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
                        if let Some(thread) = &flight.thread {
                            if !self.commits_in_thread(py, thread)? {
                                return Ok(Flow::elsewhere(py, false));
                            }
                        } else if self.is_async() && self.turn_is_due(py)? {
                            return Ok(Flow::elsewhere(py, false));
                        }
                    }
                    Some(writer @ Writer::Steps(_))
                        if flight.thread.is_some() && !writer.calls_nobody() =>
                    {
                        return Ok(Flow::elsewhere(py, false));
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
                Stage::Ask(..) if flight.thread.is_none() => {
                    return Ok(Flow::elsewhere(py, true));
                }
                Stage::Ask(index, ref asked, ref function) => {
                    let asked = asked.clone_ref(py).into_bound(py);
                    let function = function.clone_ref(py).into_bound(py);
                    let flow = self.ask_in_thread(py, flight, index, asked, function)?;
                    if let Flow::Wait(..) = flow {
                        return Ok(flow);
                    }
                }
                Stage::Done => return Ok(Flow::Go),
                Stage::Called(_)
                | Stage::Recursed
                | Stage::Answer(..)
                | Stage::FinalAnswer(_)
                | Stage::Held(..) => {
                    return Err(PyRuntimeError::new_err("the task waits for something"));
                }
            }
        }
    }

    /// Takes in what was awaited. An error is the user's.
    pub(crate) fn receive(
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
            Stage::Held(then, value) => {
                flight.stage = *then;
                self.receive(py, flight, value.into_bound(py))
            }
            // A turn of the event loop gives nothing.
            stage @ (Stage::Done | Stage::Call | Stage::Write(_) | Stage::Ask(..)) => {
                flight.stage = stage;
                Ok(Flow::Go)
            }
        }
    }

    /// The context a node or a conditional edge runs in: the caller's, with the task's config.
    pub(crate) fn context<'py>(
        &self,
        py: Python<'py>,
        flight: &Flight,
    ) -> PyResult<Bound<'py, PyAny>> {
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

    /// What a node is called with beside its input. If it looks at its config, that is made here.
    fn extra_arguments<'py>(&self, py: Python<'py>, flight: &Flight) -> PyResult<Extra<'py>> {
        let task = flight.task.get();
        if flight.recipe.by_method {
            return Ok(Extra::Config(task.full_config(py)?));
        }
        match &flight.recipe.keywords {
            None => Ok(Extra::Nothing),
            Some(keywords) => {
                let keywords = keywords.bind(py).call1((task.live(py)?,))?;
                Ok(Extra::Keywords(keywords.cast_into::<PyDict>()?))
            }
        }
    }

    fn call_node<'py>(
        &self,
        py: Python<'py>,
        flight: &mut Flight,
        (function, awaited): Function,
        extra: Extra<'py>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Called<'py>> {
        let run = intern!(py, "run");
        let value = flight.value.bind(py);
        let result = match extra {
            Extra::Nothing => context.call_method1(run, (function, value))?,
            Extra::Config(config) => context.call_method1(run, (function, value, config))?,
            Extra::Keywords(keywords) => {
                context.call_method(run, (function, value), Some(&keywords))?
            }
        };
        if awaited {
            return self.first_step(py, flight, result, context);
        }
        Ok(Called::Value(result))
    }

    /// Has a coroutine take its first step, if it may here.
    pub(crate) fn first_step<'py>(
        &self,
        py: Python<'py>,
        flight: &mut Flight,
        awaitable: Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Called<'py>> {
        let asyncio_task = self.place.bind(py).getattr(intern!(py, "asyncio_task"))?;
        if asyncio_task.is_none() {
            let detail = (awaitable, context, py.None()).into_pyobject(py)?;
            return Ok(Called::Wait(Kind::Await, detail.into_any().unbind()));
        }
        if !awaitable.get_type().is(types::coroutine(py)?) {
            let detail = (awaitable, context, py.None()).into_pyobject(py)?;
            return Ok(Called::Wait(Kind::Await, detail.into_any().unbind()));
        }
        let cancels = || -> PyResult<i64> {
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
        if self.is_called_next(&flight.recipe, &value)? {
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

    /// Whether a node returned a runnable that is called in its place.
    fn is_called_next(&self, recipe: &Recipe, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(recipe.recurses && !is_plain(value) && self.is_runnable(value)?)
    }

    pub(crate) fn is_runnable(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
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
}

/// What a node returns that surely is no runnable.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
}

//! What comes after a node: its channel writers, and its conditional edges.

use crate::execution::{Execution, Kind};
use crate::executor::{Branch, Recipe, Step, Writer};
use crate::flight::{Called, Flight, Flow, Stage};
use crate::program::Program;
use crate::step_task::{StepTask, Written};
use lge_core::batch::{Batch, ReadWrites};
use lge_core::program::Target;
use lge_core::run::NodeRef;
use lge_core::task_path::PathKey;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::sync::Arc;

type Value = Py<PyAny>;

impl Execution {
    pub(crate) fn write_steps(
        &self,
        py: Python<'_>,
        flight: &Flight,
        steps: &[Step],
    ) -> PyResult<()> {
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
        if given.is_none() && (step.skips || step.keys.is_some()) {
            return Ok(());
        }
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
                        Target::Channel(channel) => keys.channels.contains(&channel),
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
    pub(crate) fn ask(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        index: usize,
        branch: &Branch,
    ) -> PyResult<Flow> {
        let path = branch.path.bind(py);
        let function = self.function(path)?;
        let threaded = match &function {
            Some((function, true)) => self.threaded(function)?,
            _ => None,
        };
        if let Some(thread) = &flight.thread
            && (threaded.is_none()
                || branch.mapper.is_some()
                || branch.select.is_some() && !self.reduces_in_thread(py, thread)?)
        {
            return Ok(Flow::elsewhere(py, false));
        }
        let asked = self.question(py, flight, branch)?;
        if let Some(threaded) = threaded {
            if flight.thread.is_none() {
                flight.stage = Stage::Ask(index, asked.unbind(), threaded.unbind());
                return Ok(Flow::elsewhere(py, true));
            }
            return self.ask_in_thread(py, flight, index, asked, threaded);
        }
        let answer = match function {
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

    /// Asks a conditional edge that LangGraph has a thread ask.
    pub(crate) fn ask_in_thread(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        index: usize,
        asked: Bound<'_, PyAny>,
        function: Bound<'_, PyAny>,
    ) -> PyResult<Flow> {
        let context = self.context(py, flight)?;
        let answer = context.call_method1(intern!(py, "run"), (function, &asked))?;
        let is_plain = answer.is_exact_instance_of::<PyString>();
        if self.pauses(py, flight)? || !is_plain && self.is_runnable(&answer)? {
            let then = Box::new(Stage::Answer(index, asked.unbind()));
            flight.stage = Stage::Held(then, answer.unbind());
            return Ok(Flow::elsewhere(py, false));
        }
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
        let writes = self.writes_so_far(py, flight.task.get())?;
        let mut state = self.run.get().select(py, select, Some(writes))?;
        if let Some(managed) = &branch.managed {
            let args = (state, flight.task.get().step, &self.stop_object);
            state = managed.bind(py).call1(args)?;
        }
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
            let mut addressee = None;
            for (_, target, value) in task.copied(py) {
                if let Target::Channel(channel) = target {
                    let value = value.into_bound(py);
                    program.read_write(channel, value, &mut batch, &mut addressee)?;
                }
            }
        }
        Ok(ReadWrites::of(batch))
    }

    /// A conditional edge answered.
    pub(crate) fn answered(
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
    pub(crate) fn follow(
        &self,
        py: Python<'_>,
        flight: &mut Flight,
        index: usize,
        answer: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let recipe = Arc::clone(&flight.recipe);
        let branch = branch_at(&recipe, index)?;
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
}

/// One of a node's conditional edges.
fn branch_at(recipe: &Recipe, index: usize) -> PyResult<&Branch> {
    match recipe.writers.get(index) {
        Some(Writer::Branch(branch)) => Ok(branch),
        _ => Err(PyRuntimeError::new_err(
            "only a conditional edge has an answer",
        )),
    }
}

//! Answers the core's questions: the only place that calls a reducer or a custom channel.

use crate::failure::protocol_error;
use crate::program::Program;
use lge_core::dialogue::{Answer, CustomCall, Request, Values};
use lge_core::error::ErrorKind;
use lge_core::names::{ChannelId, Id as _};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::sync::{Arc, PoisonError};

/// The user's callables of one channel.
#[derive(Default)]
pub(crate) struct Callables {
    pub(crate) fold: Option<Py<PyAny>>,
    pub(crate) initial: Option<Py<PyAny>>,
    pub(crate) custom: Option<Py<PyAny>>,
    /// What has the reducer that `fold` applies, and the class of the values that only `fold` knows.
    pub(crate) aggregate: Option<Py<PyAny>>,
    pub(crate) overwrite: Option<Py<PyAny>>,
    /// A dict that has none of these is a value as any other; none if every dict may be another.
    pub(crate) overwrite_keys: Option<Vec<Py<PyString>>>,
}

impl Callables {
    /// Refuses a channel that lacks what its kind needs.
    pub(crate) fn check(&self, name: &str, kind: &str) -> PyResult<()> {
        let lacking = match kind {
            "binary_operator" if self.fold.is_none() => "fold",
            "binary_operator" if self.initial.is_none() => "initial",
            "custom" if self.custom.is_none() => "custom",
            _ => return Ok(()),
        };
        let message = format!("channel '{name}' is of kind '{kind}' and has no '{lacking}'");
        Err(protocol_error(ErrorKind::BadGraph, message))
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let all = [
            &self.fold,
            &self.initial,
            &self.custom,
            &self.aggregate,
            &self.overwrite,
        ];
        all.into_iter().flatten()
    }
}

impl Program {
    /// Answers a question. Calls the user's code: nothing of a run may be borrowed here.
    pub(crate) fn answer(
        &self,
        py: Python<'_>,
        request: Request<Py<PyAny>>,
    ) -> PyResult<Answer<Py<PyAny>>> {
        self.answer_with(py, &self.callables(), request)
    }

    /// Answers questions, in their order.
    pub(crate) fn answer_all(
        &self,
        py: Python<'_>,
        requests: Vec<Request<Py<PyAny>>>,
    ) -> PyResult<Vec<Answer<Py<PyAny>>>> {
        let callables = self.callables();
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.answer_with(py, &callables, request)?);
        }
        Ok(answers)
    }

    fn answer_with(
        &self,
        py: Python<'_>,
        callables: &[Callables],
        request: Request<Py<PyAny>>,
    ) -> PyResult<Answer<Py<PyAny>>> {
        match request {
            Request::Initial { channel } => {
                let initial = self.callable(callables, channel, |found| &found.initial)?;
                Ok(self.optional(initial.call0(py)?))
            }
            Request::Fold {
                channel,
                base,
                values,
            } => self
                .fold(py, callables, channel, base, values)
                .map(Answer::Value),
            Request::Load { channel, saved } => {
                let saved = saved.unwrap_or_else(|| self.missing.clone_ref(py));
                let custom = self.callable(callables, channel, |found| &found.custom)?;
                let object = custom.call_method1(py, intern!(py, "from_checkpoint"), (saved,))?;
                Ok(Answer::Value(object))
            }
            Request::Custom { object, call, .. } => self.call(object.bind(py), call),
        }
    }

    /// Folds values, as LangGraph would.
    fn fold(
        &self,
        py: Python<'_>,
        callables: &[Callables],
        channel: ChannelId,
        base: Option<Py<PyAny>>,
        values: Values<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(found) = callables.get(channel.index())
            && let (Some(aggregate), Some(overwrite)) = (&found.aggregate, &found.overwrite)
            && all_plain(&values, overwrite.bind(py), found.overwrite_keys.as_deref())?
        {
            let operator = aggregate.bind(py).getattr(intern!(py, "operator"))?;
            let mut values = values.into_iter();
            let first = base.or_else(|| values.next());
            let first = first.unwrap_or_else(|| self.missing.clone_ref(py));
            let mut folded = first.into_bound(py);
            for value in values {
                folded = operator.call1((folded, value.into_bound(py)))?;
            }
            return Ok(folded.unbind());
        }
        let base = base.unwrap_or_else(|| self.missing.clone_ref(py));
        let fold = self.callable(callables, channel, |found| &found.fold)?;
        fold.call1(py, (base, PyList::new(py, values)?))
    }

    fn call(
        &self,
        object: &Bound<'_, PyAny>,
        call: CustomCall<Py<PyAny>>,
    ) -> PyResult<Answer<Py<PyAny>>> {
        let py = object.py();
        let flag = |name| object.call_method0(name)?.is_truthy().map(Answer::Flag);
        match call {
            CustomCall::Update(values) => {
                let values = PyList::new(py, values)?;
                let changed = object.call_method1(intern!(py, "update"), (values,))?;
                changed.is_truthy().map(Answer::Flag)
            }
            CustomCall::Consume => flag(intern!(py, "consume")),
            CustomCall::Finish => flag(intern!(py, "finish")),
            CustomCall::IsAvailable => flag(intern!(py, "is_available")),
            CustomCall::Get => Ok(self.optional(object.call_method0(intern!(py, "get"))?.unbind())),
            CustomCall::Checkpoint => {
                Ok(self.optional(object.call_method0(intern!(py, "checkpoint"))?.unbind()))
            }
            CustomCall::Copy => Ok(Answer::Value(
                object.call_method0(intern!(py, "copy"))?.unbind(),
            )),
        }
    }

    fn optional(&self, value: Py<PyAny>) -> Answer<Py<PyAny>> {
        if value.is(&self.missing) {
            Answer::Nothing
        } else {
            Answer::Value(value)
        }
    }

    /// The user's callables. They stay while some of them are called.
    fn callables(&self) -> Arc<[Callables]> {
        let callables = self.callables.lock();
        Arc::clone(&callables.unwrap_or_else(PoisonError::into_inner))
    }

    fn callable<'a>(
        &self,
        callables: &'a [Callables],
        channel: ChannelId,
        which: impl FnOnce(&Callables) -> &Option<Py<PyAny>>,
    ) -> PyResult<&'a Py<PyAny>> {
        let found = callables.get(channel.index());
        found
            .and_then(|found| which(found).as_ref())
            .ok_or_else(|| {
                let name = self.core.channel_name(channel);
                let message = format!("channel '{name}' has no callable for what it was asked");
                protocol_error(ErrorKind::BadGraph, message)
            })
    }
}

/// Whether each value is neither an overwrite nor a dict that may be one: either may ask for something else than folding.
fn all_plain(
    values: &[Py<PyAny>],
    overwrite: &Bound<'_, PyAny>,
    keys: Option<&[Py<PyString>]>,
) -> PyResult<bool> {
    let py = overwrite.py();
    for value in values {
        let value = value.bind(py);
        if let (Ok(dict), Some(keys)) = (value.cast_exact::<PyDict>(), keys) {
            for key in keys {
                if dict.contains(key)? {
                    return Ok(false);
                }
            }
            continue;
        }
        let is_builtin = value.is_exact_instance_of::<PyInt>()
            || value.is_exact_instance_of::<PyList>()
            || value.is_exact_instance_of::<PyString>()
            || value.is_exact_instance_of::<PyFloat>()
            || value.is_exact_instance_of::<PyTuple>();
        // As Python's isinstance, which believes what an object says its class is.
        let is_special = !is_builtin
            && (value.is_instance(overwrite)? || value.is_instance(&py.get_type::<PyDict>())?);
        if is_special {
            return Ok(false);
        }
    }
    Ok(true)
}

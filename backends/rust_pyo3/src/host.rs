//! Answers the core's questions: the only place that calls a reducer or a custom channel.

use crate::failure::protocol_error;
use crate::program::Program;
use lge_core::dialogue::{Answer, CustomCall, Request};
use lge_core::error::ErrorKind;
use lge_core::names::{ChannelId, Id as _};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::sync::PoisonError;

/// The user's callables of one channel.
#[derive(Default)]
pub(crate) struct Callables {
    pub(crate) fold: Option<Py<PyAny>>,
    pub(crate) initial: Option<Py<PyAny>>,
    pub(crate) custom: Option<Py<PyAny>>,
    /// What has the reducer that `fold` applies, and the class of the values that only `fold` knows.
    pub(crate) aggregate: Option<Py<PyAny>>,
    pub(crate) overwrite: Option<Py<PyAny>>,
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
        match request {
            Request::Initial { channel } => {
                let value = self
                    .callable(py, channel, |found| &found.initial)?
                    .call0(py)?;
                Ok(self.optional(value))
            }
            Request::Fold {
                channel,
                base,
                values,
            } => self.fold(py, channel, base, values).map(Answer::Value),
            Request::Load { channel, saved } => {
                let saved = saved.unwrap_or_else(|| self.missing.clone_ref(py));
                let custom = self.callable(py, channel, |found| &found.custom)?;
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
        channel: ChannelId,
        base: Option<Py<PyAny>>,
        values: Vec<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let plain = |overwrite: &Bound<'_, PyAny>| {
            for value in &values {
                if !is_plain(value.bind(py), overwrite)? {
                    return PyResult::Ok(false);
                }
            }
            Ok(true)
        };
        if let Some((aggregate, overwrite)) = self.aggregate(py, channel)
            && plain(&overwrite)?
        {
            let operator = aggregate.getattr(intern!(py, "operator"))?;
            let mut values = base.into_iter().chain(values);
            let first = values.next().unwrap_or_else(|| self.missing.clone_ref(py));
            return values.try_fold(first, |base, value| {
                operator.call1((base, value)).map(Bound::unbind)
            });
        }
        let base = base.unwrap_or_else(|| self.missing.clone_ref(py));
        let fold = self.callable(py, channel, |found| &found.fold)?;
        fold.call1(py, (base, PyList::new(py, values)?))
    }

    fn aggregate<'py>(
        &self,
        py: Python<'py>,
        channel: ChannelId,
    ) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let callables = self
            .callables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = callables.get(channel.index())?;
        let aggregate = found.aggregate.as_ref()?.bind(py).clone();
        Some((aggregate, found.overwrite.as_ref()?.bind(py).clone()))
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

    fn callable(
        &self,
        py: Python<'_>,
        channel: ChannelId,
        which: impl FnOnce(&Callables) -> &Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let callables = self
            .callables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = callables
            .get(channel.index())
            .and_then(|found| which(found).as_ref());
        found.map(|callable| callable.clone_ref(py)).ok_or_else(|| {
            let name = self.core.channel_name(channel);
            let message = format!("channel '{name}' has no callable for what it was asked");
            protocol_error(ErrorKind::BadGraph, message)
        })
    }
}

/// Whether a value is neither a dict nor an overwrite, either of which may ask for more than folding.
fn is_plain(value: &Bound<'_, PyAny>, overwrite: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_builtin = value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyTuple>();
    // As Python's isinstance, which believes what an object says its class is.
    Ok(is_builtin
        || !(value.is_instance(overwrite)?
            || value.is_instance(value.py().get_type::<PyDict>().as_any())?))
}

//! What `add_messages` gives for a long history and a few plain messages more: `MessageEngine` of
//! `langgraph_engine.message_reducer`, which says what is plain, and does whatever isn't.

use crate::failure::guard;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString};
use std::ptr::null_mut;

/// Of more messages than that, each looked for by itself, an index is faster.
const FEW: usize = 8;

/// Adds messages to a history.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct MessageMerger {
    plain: Py<PySet>,
    number: Py<PyAny>,
    otherwise: Py<PyAny>,
}

#[pymethods]
impl MessageMerger {
    #[new]
    fn new(plain: Py<PySet>, number: Py<PyAny>, otherwise: Py<PyAny>) -> Self {
        MessageMerger {
            plain,
            number,
            otherwise,
        }
    }

    fn __call__<'py>(
        &self,
        left: &Bound<'py, PyAny>,
        right: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guard(|| match self.merged(left, right)? {
            Some(merged) => Ok(merged.into_any()),
            None => self.otherwise.bind(left.py()).call1((left, right)),
        })
    }
}

impl MessageMerger {
    /// None if it is for `otherwise` to say.
    fn merged<'py>(
        &self,
        left: &Bound<'py, PyAny>,
        right: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let py = left.py();
        let Ok(history) = left.cast_exact::<PyList>() else {
            return Ok(None);
        };
        let added = match right.cast_exact::<PyList>() {
            Ok(added) => added.clone(),
            Err(_) => PyList::new(py, [right])?,
        };
        if added.len() > FEW {
            return Ok(None);
        }
        // No message is given an id before all others were looked at: that is an order one can see.
        let mut kinds = Kinds::new(self.plain.bind(py));
        for message in &added {
            if !kinds.has(&message)? {
                return Ok(None);
            }
            let id = id_of(&message)?;
            if !id.is_none() && !id.is_exact_instance_of::<PyString>() {
                return Ok(None);
            }
        }
        let mut ids = Vec::with_capacity(history.len() + added.len());
        for message in history {
            if !kinds.has(&message)? {
                return Ok(None);
            }
            let Ok(id) = id_of(&message)?.cast_into_exact::<PyString>() else {
                return Ok(None);
            };
            ids.push(Text::of(id)?);
        }
        let merged = history.get_slice(0, history.len());
        for message in &added {
            if id_of(&message)?.is_none() {
                self.number.bind(py).call1((&message,))?;
            }
            let id = Text::of(id_of(&message)?.cast_into_exact::<PyString>()?)?;
            // Of equal ids LangGraph replaces the last.
            match ids.iter().rposition(|known| known.equals(&id)) {
                Some(place) => merged.set_item(place, message)?,
                None => {
                    merged.append(message)?;
                    ids.push(id);
                }
            }
        }
        Ok(Some(merged))
    }
}

/// A message's id, and its hash, which it knows itself after the first time.
struct Text<'py> {
    hash: isize,
    text: Bound<'py, PyString>,
}

impl<'py> Text<'py> {
    fn of(text: Bound<'py, PyString>) -> PyResult<Self> {
        Ok(Text {
            hash: text.hash()?,
            text,
        })
    }

    fn equals(&self, other: &Text<'py>) -> bool {
        self.hash == other.hash && self.text.as_any().eq(&other.text).unwrap_or(false)
    }
}

/// The classes found to be plain so far; there are few.
struct Kinds<'a, 'py> {
    plain: &'a Bound<'py, PySet>,
    /// In `plain`, which keeps them.
    seen: Vec<*mut ffi::PyTypeObject>,
}

impl<'a, 'py> Kinds<'a, 'py> {
    fn new(plain: &'a Bound<'py, PySet>) -> Self {
        Kinds {
            plain,
            seen: Vec::with_capacity(4),
        }
    }

    /// Whether a message is of one of them.
    fn has(&mut self, message: &Bound<'py, PyAny>) -> PyResult<bool> {
        let kind = message.get_type_ptr();
        if self.seen.contains(&kind) {
            return Ok(true);
        }
        let is_plain = self.plain.contains(message.get_type())?;
        if is_plain {
            self.seen.push(kind);
        }
        Ok(is_plain)
    }
}

/// A plain message's id, without asking its class, which takes six times as long.
fn id_of<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = message.py();
    // SAFETY: the message is an object, and what is given is its dict, to be released, or null and an exception.
    let held = unsafe {
        let held = ffi::PyObject_GenericGetDict(message.as_ptr(), null_mut());
        Bound::from_owned_ptr_or_err(py, held)
    };
    let id = held?.cast::<PyDict>()?.get_item(intern!(py, "id"))?;
    id.map_or_else(|| message.getattr(intern!(py, "id")), Ok)
}

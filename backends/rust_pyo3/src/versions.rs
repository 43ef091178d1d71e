//! Versions keep their Python type, and text versions keep being one object.

use crate::failure::protocol_error;
use lge_core::error::ErrorKind;
use lge_core::versions::Version;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyString};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Past this many texts the first search for unused ones is worth it.
const FEW: usize = 64;

/// Reads a version: an int, a float or a str, and nothing else.
pub(crate) fn read(version: &Bound<'_, PyAny>) -> PyResult<Version> {
    if let Ok(text) = version.cast::<PyString>() {
        return Ok(Version::Str(text.to_str()?.into()));
    }
    if version.is_exact_instance_of::<PyInt>() {
        let number: i64 = version.extract().map_err(|_| {
            let message = format!("version {version} is larger than the rust engine counts");
            protocol_error(ErrorKind::BadVersion, message)
        })?;
        return Ok(Version::Int(number));
    }
    if let Ok(number) = version.cast::<PyFloat>() {
        return Ok(Version::Float(number.value()));
    }
    let class = version.get_type();
    let message = format!("a channel version is an int, a float or a str, not {class}");
    Err(protocol_error(ErrorKind::BadVersion, message))
}

/// The Python objects of the text versions a run uses, so that a checkpoint listing one version many
/// times refers to one string. Texts no longer in use are let go of now and then.
#[derive(Default)]
pub(crate) struct VersionObjects {
    texts: FxHashMap<usize, (Arc<str>, Py<PyString>)>,
    crowded: usize,
}

impl VersionObjects {
    /// Remembers the object a version was read from.
    pub(crate) fn remember(&mut self, version: &Version, object: &Bound<'_, PyAny>) {
        if let (Version::Str(text), Ok(object)) = (version, object.cast_exact::<PyString>()) {
            self.insert(text, object.clone().unbind());
        }
    }

    /// The Python object of a version.
    pub(crate) fn object<'py>(
        &mut self,
        py: Python<'py>,
        version: &Version,
    ) -> PyResult<Bound<'py, PyAny>> {
        match version {
            Version::Int(number) => Ok(number.into_pyobject(py)?.into_any()),
            Version::Float(number) => Ok(number.into_pyobject(py)?.into_any()),
            Version::Str(text) => {
                if let Some((_, object)) = self.texts.get(&address(text)) {
                    return Ok(object.bind(py).clone().into_any());
                }
                let object = PyString::new(py, text);
                self.insert(text, object.clone().unbind());
                Ok(object.into_any())
            }
        }
    }

    fn insert(&mut self, text: &Arc<str>, object: Py<PyString>) {
        if self.texts.len() >= self.crowded.max(FEW) {
            // One count is this map's own.
            self.texts
                .retain(|_, (text, _)| Arc::strong_count(text) > 1);
            self.crowded = self.texts.len() * 2;
        }
        self.texts.insert(address(text), (Arc::clone(text), object));
    }
}

/// What identifies a shared text for as long as it is held.
fn address(text: &Arc<str>) -> usize {
    Arc::as_ptr(text).cast::<u8>() as usize
}

//! Ids of saved checkpoints, and versions of LangGraph's savers, drawn from where LangGraph draws them.
//!
//! Both are drawn in every superstep that may be saved. LangGraph's own functions, and the facade's in their place, take
//! as long as all the rest the engine does there.

use lge_core::versions::Version;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};

/// From the epoch of UUIDs, 1582-10-15, in units of 100 ns; RFC 9562, section 5.1.
const TICKS_BEFORE_1970: i64 = 0x01B2_1DD2_1381_4000;
/// Python writes floats below it with an exponent, and Rust doesn't.
const LEAST_WITHOUT_EXPONENT: f64 = 1e-4;

/// See `Draws` of `langgraph_engine.execute`.
pub(crate) struct Draws {
    names: Py<PyDict>,
    uuid6: Py<PyAny>,
    uuid_names: Py<PyDict>,
    last_tick: Py<PyString>,
    random: Py<PyAny>,
}

impl Draws {
    pub(crate) fn read(draws: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Draws {
            names: draws.getattr("names")?.cast_into::<PyDict>()?.unbind(),
            uuid6: draws.getattr("uuid6")?.unbind(),
            uuid_names: draws.getattr("uuid_names")?.cast_into::<PyDict>()?.unbind(),
            last_tick: draws
                .getattr("last_tick")?
                .cast_into::<PyString>()?
                .unbind(),
            random: draws.getattr("random")?.unbind(),
        })
    }

    /// What LangGraph's `uuid6(clock_seq=step)` gives, as text; `None` if somebody put another function in its place.
    pub(crate) fn checkpoint_id(
        &self,
        clock: &Bound<'_, PyAny>,
        step: i64,
    ) -> PyResult<Option<String>> {
        let py = clock.py();
        match self.names.bind(py).get_item(intern!(py, "uuid6"))? {
            Some(present) if present.is(&self.uuid6) => {}
            _ => return Ok(None),
        }
        let now: i64 = clock.call_method0(intern!(py, "time_ns"))?.extract()?;
        let now = now.div_euclid(100) + TICKS_BEFORE_1970;
        let uuid_names = self.uuid_names.bind(py);
        let last = uuid_names.get_item(&self.last_tick)?;
        let last: Option<i64> = last.map(|last| last.extract()).transpose()?.flatten();
        let tick = last.map_or(now, |last| now.max(last + 1));
        uuid_names.set_item(&self.last_tick, tick)?;
        let random = self.random.bind(py);
        let node: u64 = random
            .call_method1(intern!(py, "getrandbits"), (48,))?
            .extract()?;
        let variant_and_sequence = 0x8000 | (step & 0x3FFF) as u64;
        Ok(Some(uuid_text(
            tick as u64,
            variant_and_sequence << 48 | node & 0xFFFF_FFFF_FFFF,
        )))
    }

    /// The version after the highest one, as LangGraph's savers make it: a count, and a random number that makes
    /// versions of different runs differ. `None` for one that isn't of that form.
    pub(crate) fn version(
        &self,
        py: Python<'_>,
        highest: Option<&Version>,
    ) -> PyResult<Option<Version>> {
        let Some(count) = highest.map_or(Some(0), count_of) else {
            return Ok(None);
        };
        let drawn = self.random.bind(py).call_method0(intern!(py, "random"))?;
        let fraction = match drawn.cast::<PyFloat>() {
            Ok(number) if (LEAST_WITHOUT_EXPONENT..1.0).contains(&number.value()) => {
                format!("{:016}", number.value())
            }
            _ => drawn
                .call_method1(intern!(py, "__format__"), ("016",))?
                .extract()?,
        };
        let next = count + 1;
        Ok(Some(Version::Str(format!("{next:032}.{fraction}").into())))
    }
}

/// The count in a version of a saver of LangGraph's.
fn count_of(version: &Version) -> Option<u64> {
    match version {
        Version::Int(number) => (*number).try_into().ok(),
        Version::Float(_) => None,
        Version::Str(text) => {
            let digits = text.split('.').next()?;
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        }
    }
    .filter(|count| *count < u64::MAX)
}

/// `tttttttt-tttt-6ttt-rrrr-rrrrrrrrrrrr`: the fifteen last hexadecimal digits of a tick, then sixteen others.
pub(crate) fn uuid_text(tick: u64, rest: u64) -> String {
    let mut id = String::with_capacity(36);
    let mut digits = |number: u64, places: std::ops::Range<u32>| {
        let digit =
            |place: u32| char::from(b"0123456789abcdef"[(number >> (4 * place) & 15) as usize]);
        id.extend(places.rev().map(digit));
        id.push('-');
    };
    digits(tick, 7..15);
    digits(tick, 3..7);
    digits(tick & 0xFFF | 0x6000, 0..4);
    digits(rest, 12..16);
    digits(rest, 0..12);
    id.pop();
    id
}

#[cfg(test)]
mod tests {
    use super::{count_of, uuid_text};
    use lge_core::versions::Version;

    #[test]
    fn the_digits_of_an_id_are_where_rfc_9562_has_them() {
        let id = uuid_text(0x123_4567_89AB_CDEF, 0x8001_FEDC_BA98_7654);
        assert_eq!(id, "12345678-9abc-6def-8001-fedcba987654");
    }

    #[test]
    fn a_version_that_is_no_count_has_none() {
        let text = |version: &str| count_of(&Version::Str(version.into()));
        assert_eq!(text("00000000000000000000000000000007.0.25"), Some(7));
        assert_eq!(text("9"), Some(9));
        assert_eq!(count_of(&Version::Int(3)), Some(3));
        assert_eq!(count_of(&Version::Int(-3)), None);
        assert_eq!(count_of(&Version::Float(3.0)), None);
        assert_eq!(text(""), None);
        assert_eq!(text("+1.5"), None);
        assert_eq!(text("99999999999999999999999999999999.5"), None);
    }
}

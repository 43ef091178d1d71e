//! Versions in messages: a whole number, a float or text.

use crate::reader::{Read, Reader};
use lge_core::versions::Version;

/// Reads a version.
pub(crate) fn read(reader: &mut Reader<'_>) -> Read<Version> {
    let what = "a version";
    Ok(if reader.at_text() {
        Version::Str(reader.text(what)?.into())
    } else if reader.at_float() {
        Version::Float(reader.float(what)?)
    } else {
        Version::Int(reader.number(what)?)
    })
}

//! Channel versions: whatever type a host counts in, as long as it grows.

use crate::error::{Error, ErrorKind};
use crate::id_map::IdMap;
use crate::names::ChannelId;
use std::cmp::Ordering;
use std::sync::Arc;

/// A channel's version. All versions of one run are numbers, or all are text.
#[derive(Debug, Clone, PartialEq)]
pub enum Version {
    /// LangGraph's default counter.
    Int(i64),
    /// A saver's own numbering.
    Float(f64),
    /// Text that grows, such as a zero-padded counter with a random suffix. Clones share it.
    Str(Arc<str>),
}

impl Version {
    /// Whether this version is newer than `other`; an error if the two can't be compared.
    pub fn is_newer_than(&self, other: &Version) -> Result<bool, Error> {
        Ok(self.compare(other)? == Some(Ordering::Greater))
    }

    /// The order of two versions; `None` for one that is not a number (NaN).
    fn compare(&self, other: &Version) -> Result<Option<Ordering>, Error> {
        match (self, other) {
            (Version::Int(a), Version::Int(b)) => Ok(Some(a.cmp(b))),
            (Version::Str(a), Version::Str(b)) => Ok(Some(a.cmp(b))),
            (Version::Float(a), Version::Float(b)) => Ok(a.partial_cmp(b)),
            // Exact where it matters: counters are far below 2^53.
            (Version::Int(a), Version::Float(b)) => Ok((*a as f64).partial_cmp(b)),
            (Version::Float(a), Version::Int(b)) => Ok(a.partial_cmp(&(*b as f64))),
            (Version::Str(_), _) | (_, Version::Str(_)) => Err(mixed(self, other)),
        }
    }

    /// Refuses a version that couldn't be compared with this one.
    pub(crate) fn check_comparable(&self, other: &Version) -> Result<(), Error> {
        self.compare(other).map(|_| ())
    }

    /// The version after `highest` when a host leaves the counting to the engine.
    pub(crate) fn after(highest: Option<&Version>) -> Result<Version, Error> {
        match highest {
            None => Ok(Version::Int(1)),
            Some(Version::Int(number)) => {
                number.checked_add(1).map(Version::Int).ok_or_else(|| {
                    Error::new(
                        ErrorKind::VersionNeeded,
                        "the run's version counter is used up",
                    )
                })
            }
            Some(Version::Float(number)) => Ok(Version::Float(number + 1.0)),
            Some(Version::Str(text)) => Err(Error::new(
                ErrorKind::VersionNeeded,
                format!(
                    "the run's versions are text ('{text}'), so a commit must be given the next one"
                ),
            )),
        }
    }

    /// The first of the highest versions, like Python's `max`.
    pub(crate) fn highest<'a>(
        versions: impl Iterator<Item = &'a Version>,
    ) -> Result<Option<Version>, Error> {
        let mut highest: Option<&Version> = None;
        for version in versions {
            match highest {
                Some(before) if !version.is_newer_than(before)? => {}
                _ => highest = Some(version),
            }
        }
        Ok(highest.cloned())
    }

    fn type_name(&self) -> &'static str {
        match self {
            Version::Int(_) => "int",
            Version::Float(_) => "float",
            Version::Str(_) => "str",
        }
    }
}

fn mixed(one: &Version, other: &Version) -> Error {
    Error::new(
        ErrorKind::MixedVersions,
        format!(
            "versions of type {} and {} met in one run; a run counts in one type",
            one.type_name(),
            other.type_name()
        ),
    )
}

/// Channels and a version of each: what they are at, or what a node has seen of them.
pub(crate) type Versions = IdMap<ChannelId, Version>;

#[cfg(test)]
mod tests {
    use super::Version;
    use crate::error::ErrorKind;

    fn text(version: &str) -> Version {
        Version::Str(version.into())
    }

    #[test]
    fn versions_of_one_type_are_ordered() {
        assert!(
            Version::Int(10)
                .is_newer_than(&Version::Int(9))
                .expect("one type")
        );
        assert!(!text("10").is_newer_than(&text("9")).expect("one type"));
        assert!(
            Version::Float(1.5)
                .is_newer_than(&Version::Int(1))
                .expect("both numbers")
        );
    }

    #[test]
    fn text_and_numbers_are_refused_together() {
        let error = text("1")
            .is_newer_than(&Version::Int(1))
            .expect_err("mixed");
        assert_eq!(error.kind, ErrorKind::MixedVersions);
    }

    #[test]
    fn the_engine_counts_numbers_only() {
        assert_eq!(Version::after(None), Ok(Version::Int(1)));
        assert_eq!(Version::after(Some(&Version::Int(6))), Ok(Version::Int(7)));
        let error = Version::after(Some(&text("1"))).expect_err("text");
        assert_eq!(error.kind, ErrorKind::VersionNeeded);
    }

    #[test]
    fn the_highest_of_none_is_none() {
        assert_eq!(Version::highest([].iter()), Ok(None));
        let some = [Version::Int(3), Version::Int(9), Version::Int(4)];
        assert_eq!(Version::highest(some.iter()), Ok(Some(Version::Int(9))));
    }
}

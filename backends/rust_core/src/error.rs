//! What can go wrong, as a kind a binding can map and a sentence a person can read.

use std::fmt;

/// Why the core refused. Numbers are part of every binding's contract: they never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The graph's description contradicts itself.
    BadGraph = 1,
    /// A channel that holds one value was written more than once in a superstep.
    LastValueMany = 2,
    /// A guarded ephemeral channel was written more than once in a superstep.
    EphemeralValueMany = 3,
    /// A guarded untracked channel was written more than once in a superstep.
    UntrackedValueMany = 4,
    /// A barrier was sent a name that isn't one of its own.
    BarrierName = 5,
    /// A name that is no channel of the graph was read.
    UnknownChannel = 6,
    /// A checkpoint id is not hexadecimal.
    BadCheckpointId = 7,
    /// Versions of different types met in one run.
    MixedVersions = 8,
    /// A commit left the version to the engine, but the run's versions are not numbers.
    VersionNeeded = 9,
    /// A checkpoint doesn't have the shape its graph's channels save.
    BadCheckpoint = 10,
    /// A call would change a run in the middle of its own commit.
    CommitUnderWay = 11,
    /// The host answered a question nobody asked, or with the wrong sort of answer.
    WrongAnswer = 12,
    /// The engine itself broke. Never made by the core; bindings use it for a caught panic.
    Panic = 13,
    /// A run was used by two callers at once. Made by bindings.
    RunBusy = 14,
    /// A version is neither a number nor text, or larger than the engine counts.
    BadVersion = 15,
    /// A message, or another argument of a call, is not what the call takes. Made by bindings.
    BadMessage = 16,
    /// What a call is about isn't there: never made, of another sort, or freed. Made by bindings.
    StaleHandle = 17,
    /// A program or run was used in a process forked after it was made. Made by bindings.
    UsedAfterFork = 18,
}

impl ErrorKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [ErrorKind; 18] = [
        ErrorKind::BadGraph,
        ErrorKind::LastValueMany,
        ErrorKind::EphemeralValueMany,
        ErrorKind::UntrackedValueMany,
        ErrorKind::BarrierName,
        ErrorKind::UnknownChannel,
        ErrorKind::BadCheckpointId,
        ErrorKind::MixedVersions,
        ErrorKind::VersionNeeded,
        ErrorKind::BadCheckpoint,
        ErrorKind::CommitUnderWay,
        ErrorKind::WrongAnswer,
        ErrorKind::Panic,
        ErrorKind::RunBusy,
        ErrorKind::BadVersion,
        ErrorKind::BadMessage,
        ErrorKind::StaleHandle,
        ErrorKind::UsedAfterFork,
    ];

    /// The kind's number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The kind's name, as the protocol spells reasons.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::BadGraph => "bad_graph",
            ErrorKind::LastValueMany => "last_value_many",
            ErrorKind::EphemeralValueMany => "ephemeral_value_many",
            ErrorKind::UntrackedValueMany => "untracked_value_many",
            ErrorKind::BarrierName => "barrier_name",
            ErrorKind::UnknownChannel => "unknown_channel",
            ErrorKind::BadCheckpointId => "bad_checkpoint_id",
            ErrorKind::MixedVersions => "mixed_versions",
            ErrorKind::VersionNeeded => "version_needed",
            ErrorKind::BadCheckpoint => "bad_checkpoint",
            ErrorKind::CommitUnderWay => "commit_under_way",
            ErrorKind::WrongAnswer => "wrong_answer",
            ErrorKind::Panic => "panic",
            ErrorKind::RunBusy => "run_busy",
            ErrorKind::BadVersion => "bad_version",
            ErrorKind::BadMessage => "bad_message",
            ErrorKind::StaleHandle => "stale_handle",
            ErrorKind::UsedAfterFork => "used_after_fork",
        }
    }
}

/// What the error is about, for a host that builds its own sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The channel concerned.
    pub channel: Option<String>,
}

/// A refusal: its kind, one sentence, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Why.
    pub kind: ErrorKind,
    /// What happened, to what, and what to do.
    pub message: String,
    /// The things concerned, as data.
    pub context: Context,
}

impl Error {
    /// An error about no channel in particular.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            context: Context::default(),
        }
    }

    /// An error about one channel.
    pub fn of_channel(kind: ErrorKind, channel: &str, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            context: Context {
                channel: Some(channel.to_owned()),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::ErrorKind;

    #[test]
    fn numbers_are_explicit_and_listed_in_order() {
        let codes: Vec<u16> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes, (1..=codes.len() as u16).collect::<Vec<_>>());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }
}

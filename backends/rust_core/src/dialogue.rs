//! How the core asks: it calls nobody, so what it can't decide alone it hands out as a [`Request`].
//!
//! A host answers in the same call or by message, whichever suits it. Operations that only look
//! (plan, read, checkpoint) are asked again from the start once the answer is known, which a
//! [`Dialogue`] makes cheap to write: it replays the answers given so far. A commit changes things,
//! so it is resumed where it stopped instead.

use crate::error::{Error, ErrorKind};
use crate::names::ChannelId;
use smallvec::SmallVec;

/// Values, often one.
pub type Values<V> = SmallVec<[V; 1]>;

/// A question to the host.
#[derive(Debug, Clone, PartialEq)]
pub enum Request<V> {
    /// The value a fresh `binary_operator` channel starts with. Answer: a value, or nothing.
    Initial {
        /// The channel.
        channel: ChannelId,
    },
    /// Fold values with the channel's reducer. Answer: a value.
    Fold {
        /// The channel.
        channel: ChannelId,
        /// The value so far; `None` while the channel is empty.
        base: Option<V>,
        /// The values, in the order they were written.
        values: Values<V>,
    },
    /// Make a custom channel's live object from what was saved. Answer: a value, the object.
    Load {
        /// The channel.
        channel: ChannelId,
        /// What a checkpoint says of it.
        saved: Option<V>,
    },
    /// Call a method of a custom channel's live object.
    Custom {
        /// The channel.
        channel: ChannelId,
        /// Its live object.
        object: V,
        /// The method.
        call: CustomCall<V>,
    },
}

/// A method of a custom channel, named as LangGraph's `BaseChannel` names it.
#[derive(Debug, Clone, PartialEq)]
pub enum CustomCall<V> {
    /// `update(values)`. Answer: a flag.
    Update(Vec<V>),
    /// `consume()`. Answer: a flag.
    Consume,
    /// `finish()`. Answer: a flag.
    Finish,
    /// `is_available()`. Answer: a flag.
    IsAvailable,
    /// `get()`. Answer: a value, or nothing.
    Get,
    /// `checkpoint()`. Answer: a value, or nothing.
    Checkpoint,
    /// `copy()`. Answer: a value, the copy.
    Copy,
}

/// The host's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<V> {
    /// A value.
    Value(V),
    /// There is no value.
    Nothing,
    /// Yes or no.
    Flag(bool),
}

impl<V> Answer<V> {
    pub(crate) fn flag(self) -> Result<bool, Error> {
        match self {
            Answer::Flag(flag) => Ok(flag),
            _ => Err(wrong("a flag")),
        }
    }

    pub(crate) fn value(self) -> Result<V, Error> {
        match self {
            Answer::Value(value) => Ok(value),
            _ => Err(wrong("a value")),
        }
    }

    pub(crate) fn optional(self) -> Result<Option<V>, Error> {
        match self {
            Answer::Value(value) => Ok(Some(value)),
            Answer::Nothing => Ok(None),
            Answer::Flag(_) => Err(wrong("a value or nothing")),
        }
    }
}

pub(crate) fn wrong(expected: &str) -> Error {
    Error::new(
        ErrorKind::WrongAnswer,
        format!("the engine asked for {expected}, and got no such answer"),
    )
}

/// Where an operation got to: a question to answer first, or its result.
#[derive(Debug)]
pub enum Step<V, T> {
    /// Answer this, then go on.
    Ask(Request<V>),
    /// The result.
    Done(T),
}

/// The answers given so far to one operation that only looks.
#[derive(Debug)]
pub struct Dialogue<V> {
    answers: Vec<Answer<V>>,
    replayed: usize,
    question: Option<Request<V>>,
}

impl<V> Default for Dialogue<V> {
    fn default() -> Self {
        Dialogue {
            answers: Vec::new(),
            replayed: 0,
            question: None,
        }
    }
}

/// Why an operation stopped early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It waits for the answer to the dialogue's question.
    Ask,
    Error(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Error(error)
    }
}

impl<V: Clone> Dialogue<V> {
    /// Answers the last question; then the operation is asked again, with this dialogue.
    pub fn answer(&mut self, answer: Answer<V>) {
        self.answers.push(answer);
    }

    /// The next answer, or a halt with the question to be put.
    pub(crate) fn ask(&mut self, question: impl FnOnce() -> Request<V>) -> Result<Answer<V>, Halt> {
        match self.answers.get(self.replayed) {
            Some(answer) => {
                self.replayed += 1;
                Ok(answer.clone())
            }
            None => {
                self.question = Some(question());
                Err(Halt::Ask)
            }
        }
    }

    /// Runs an operation from its start, replaying the answers given so far.
    pub(crate) fn run<T>(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<T, Halt>,
    ) -> Result<Step<V, T>, Error> {
        self.replayed = 0;
        match operation(self) {
            Ok(result) => Ok(Step::Done(result)),
            Err(Halt::Error(error)) => Err(error),
            Err(Halt::Ask) => {
                let question = self
                    .question
                    .take()
                    .expect("a halt to ask leaves its question");
                Ok(Step::Ask(question))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Dialogue, Request, Step};
    use crate::names::ChannelId;

    #[test]
    fn an_operation_is_replayed_until_every_answer_is_known() {
        let mut dialogue = Dialogue::default();
        let mut starts = 0;
        let sum = loop {
            starts += 1;
            let step = dialogue.run(|dialogue| {
                let mut sum = 0;
                for channel in 0..3 {
                    let question = || Request::Initial {
                        channel: ChannelId(channel),
                    };
                    sum += dialogue.ask(question)?.value()?;
                }
                Ok(sum)
            });
            match step.expect("every answer is a value") {
                Step::Done(sum) => break sum,
                Step::Ask(Request::Initial { channel }) => {
                    dialogue.answer(Answer::Value(channel.0 * 10));
                }
                Step::Ask(other) => panic!("{other:?}"),
            }
        };
        assert_eq!((sum, starts), (30, 4));
    }

    #[test]
    fn an_answer_of_the_wrong_sort_is_an_error() {
        let mut dialogue = Dialogue::default();
        dialogue.answer(Answer::<u8>::Flag(true));
        let step = dialogue.run(|dialogue| {
            let question = || Request::Initial {
                channel: ChannelId(0),
            };
            Ok(dialogue.ask(question)?.value()?)
        });
        assert!(step.is_err());
    }
}

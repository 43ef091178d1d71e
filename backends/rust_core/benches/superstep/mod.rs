//! Graphs of many channels of one kind, and the superstep that writes all of them.

use lge_core::prelude::*;
use std::rc::Rc;
use std::sync::Arc;

/// As cheap to share as a host's reference, and not free to drop.
pub type Value = Rc<u64>;

/// The kinds the core keeps itself, as the protocol names them.
pub const KINDS: [&str; 10] = [
    "last_value",
    "last_value_after_finish",
    "any_value",
    "ephemeral_value",
    "untracked_value",
    "topic",
    "binary_operator",
    "named_barrier",
    "named_barrier_after_finish",
    "tasks",
];

/// Who writes the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// One task, all of them.
    One,
    /// As many tasks, one each.
    Each,
}

/// A graph, and what its superstep writes.
///
/// The first channel is the nodes' trigger. A superstep writes it, too, so that another one follows; with the
/// kinds that wait for the end it doesn't, and they finish. A barrier awaits two names: one arrives in the run's
/// first superstep, the other in the one that is timed. A graph has one channel of kind `tasks`, so there it is
/// the number of packets that grows.
pub struct Shape {
    program: Arc<Program>,
    written: Vec<ChannelId>,
    tasks: usize,
    labels: [Option<&'static str>; 2],
    goes_on: bool,
    value: Value,
}

impl Shape {
    pub fn of(kind: &str, size: usize, writers: Writers) -> Self {
        let (barrier, packets) = (kind.starts_with("named_barrier"), kind == "tasks");
        let tasks = match writers {
            Writers::One => 1,
            Writers::Each => size,
        };
        let channel = |name: &str, kind: &str| {
            let parameters = Parameters {
                guard: true,
                accumulate: false,
                names: vec!["a".into(), "b".into()],
            };
            ChannelSpec::named(name, kind, parameters).expect("a kind of the protocol")
        };
        let count = if packets { 1 } else { size };
        let written = (0..count).map(|index| channel(&format!("c{index}"), kind));
        let node = |index: usize| NodeSpec {
            name: format!("n{index:05}"),
            triggers: vec!["go".into()],
            reads: Reads::One("go".into()),
            runs: true,
        };
        let nodes: Vec<NodeSpec> = (0..tasks).map(node).collect();
        let triggered = nodes.iter().map(|node| node.name.clone()).collect();
        let graph = Graph {
            channels: std::iter::once(channel("go", "ephemeral_value"))
                .chain(written)
                .collect(),
            nodes,
            trigger_to_nodes: vec![("go".into(), triggered)],
        };
        let written = (0..size as u32).map(|index| ChannelId(1 + if packets { 0 } else { index }));
        Shape {
            program: Arc::new(Program::compile(graph).expect("a good graph")),
            written: written.collect(),
            tasks,
            labels: match () {
                () if barrier => [Some("a"), Some("b")],
                () if packets => [Some("n00000"); 2],
                () => [None; 2],
            },
            goes_on: !kind.ends_with("_after_finish"),
            value: Rc::new(1),
        }
    }

    /// The channel that triggers the nodes.
    pub fn trigger(&self) -> ChannelId {
        ChannelId(0)
    }

    /// The channels that are written.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        (1..self.program.channel_count() as u32).map(ChannelId)
    }

    /// A run that has one superstep behind it.
    pub fn second_superstep(&self) -> Run<Value> {
        let (requests, unanswered) = Restore::begin(Arc::clone(&self.program)).requests();
        let answers = requests.iter().map(|_| Answer::Value(self.value.clone()));
        let mut run = unanswered
            .answer(answers.collect())
            .expect("a value for each reducer");
        let mut input = Batch::new(&self.program);
        input.task(PathKey::Text("~".into()), NodeRef::Named("__input__"));
        input.write(self.trigger(), self.value.clone(), None);
        for &channel in &self.written {
            input.write(channel, self.value.clone(), self.labels[0]);
        }
        self.finish(&mut run, input);
        run
    }

    /// The superstep: gives the channels it updated.
    pub fn commit(&self, run: &mut Run<Value>) -> Vec<ChannelId> {
        let mut batch = Batch::new(&self.program);
        let each = self.written.len() / self.tasks;
        for (task, channels) in self.written.chunks(each).enumerate() {
            let node = NodeId(task as u32);
            batch.task(PathKey::Pull(node), NodeRef::Known(node));
            batch.own_triggers();
            for &channel in channels {
                batch.write(channel, self.value.clone(), self.labels[1]);
            }
        }
        if self.goes_on {
            batch.write(self.trigger(), self.value.clone(), None);
        }
        self.finish(run, batch)
    }

    fn finish(&self, run: &mut Run<Value>, batch: Batch<'_, Value>) -> Vec<ChannelId> {
        let mut step = run.begin_commit(batch, None);
        loop {
            match step.expect("nothing is refused") {
                Step::Done(committed) => return committed.updated,
                Step::Ask(question) => {
                    let questions = run.with_following(question);
                    step = run.answer_all(questions.into_iter().map(last_value).collect());
                }
            }
        }
    }
}

/// A reducer that gives the last value.
fn last_value(question: Request<Value>) -> Answer<Value> {
    match question {
        Request::Fold { mut values, .. } => Answer::Value(values.pop().expect("a fold has values")),
        other => panic!("{other:?}"),
    }
}

//! What a run costs: the values it touches, whatever the size of the graph.

use lge_core::prelude::*;
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    static CLONES: Cell<usize> = const { Cell::new(0) };
}

/// A value that counts how often values are cloned.
#[derive(Debug)]
struct Counted;

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.with(|clones| clones.set(clones.get() + 1));
        Counted
    }
}

/// A chain of `length` nodes, each with its own trigger, all reading one channel.
fn chain(length: usize) -> Arc<Program> {
    let trigger = |index| format!("to:{index}");
    let ephemeral = ChannelKind::EphemeralValue { guard: true };
    let triggers = (0..length).map(|index| ChannelSpec {
        name: trigger(index),
        kind: ephemeral.clone(),
    });
    let state = ChannelSpec {
        name: "state".into(),
        kind: ChannelKind::LastValue,
    };
    let nodes = (0..length).map(|index| NodeSpec {
        name: index.to_string(),
        triggers: vec![trigger(index)],
        reads: Reads::Many(vec!["state".into()]),
        runs: true,
    });
    let graph = Graph {
        channels: std::iter::once(state).chain(triggers).collect(),
        nodes: nodes.collect(),
        trigger_to_nodes: (0..length)
            .map(|index| (trigger(index), vec![index.to_string()]))
            .collect(),
    };
    Arc::new(Program::compile(graph).expect("a good graph"))
}

/// Runs ten supersteps and gives the number of values cloned.
fn ten_supersteps(program: &Arc<Program>) -> usize {
    CLONES.with(|clones| clones.set(0));
    let (_, unanswered) = Restore::begin(Arc::clone(program)).requests();
    let mut run: Run<Counted> = unanswered.answer(vec![]).expect("nothing to prepare");
    let mut batch = Batch::new(program);
    batch.task(PathKey::Text("~".into()), NodeRef::Named("__input__"));
    batch.write(ChannelId(0), Counted, None);
    batch.write(ChannelId(1), Counted, None);
    let mut reached = run.begin_commit(batch, None);
    for step in 0..10 {
        let Ok(Step::Done(committed)) = reached else {
            panic!("nothing to ask")
        };
        let superstep = Superstep {
            step,
            checkpoint_id: "00",
            namespace: "",
        };
        let plan = run.plan(
            superstep,
            Some(&committed.updated),
            &mut Dialogue::default(),
        );
        let Ok(Step::Done(plan)) = plan else {
            panic!("nothing to ask")
        };
        let [task] = plan.tasks.as_slice() else {
            panic!("one task a superstep")
        };
        let mut batch = Batch::new(program);
        batch.task(PathKey::Pull(task.node), NodeRef::Known(task.node));
        batch.own_triggers();
        batch.write(ChannelId(0), Counted, None);
        batch.write(ChannelId(task.node.0 + 2), Counted, None);
        reached = run.begin_commit(batch, None);
    }
    let superstep = Superstep {
        step: 10,
        checkpoint_id: "00",
        namespace: "",
    };
    run.plan(superstep, None, &mut Dialogue::default())
        .expect("nothing to ask");
    CLONES.with(Cell::get)
}

#[test]
fn a_run_clones_what_it_touches_whatever_the_size_of_the_graph() {
    let small = ten_supersteps(&chain(20));
    assert_eq!(
        small, 11,
        "the state, once for each task and once for the last plan"
    );
    assert_eq!(ten_supersteps(&chain(5_000)), small);
}

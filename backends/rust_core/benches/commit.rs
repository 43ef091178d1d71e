//! Commit, plan and read, for every kind of channel the core keeps itself, from 1 to 10,000 channels.
//!
//! `cargo bench --bench commit -- --quick` is shorter; a name after `--` picks some. A commit is timed with
//! everything a host does for it: the batch is built of ids and values, a reducer's questions are answered,
//! and what was replaced is dropped. Every commit is the second of its run, so that there is something to replace.

mod superstep;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use lge_core::prelude::*;
use std::hint::black_box;
use std::time::Duration;
use superstep::{KINDS, Shape, Writers};

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const SUPERSTEP: Superstep<'_> = Superstep {
    step: 1,
    checkpoint_id: "1ef4f797-8335-6428-8001-8a1503f9b875",
    namespace: "",
};

/// Runs of a large graph are large: one at a time, as one is in a program.
fn batch_size(size: usize) -> BatchSize {
    if size < 1_000 {
        BatchSize::SmallInput
    } else {
        BatchSize::PerIteration
    }
}

fn commit(criterion: &mut Criterion) {
    for (group, writers) in [
        ("commit by one task", Writers::One),
        ("commit by a task each", Writers::Each),
    ] {
        let mut group = criterion.benchmark_group(group);
        for kind in KINDS {
            for size in SIZES {
                let shape = Shape::of(kind, size, writers);
                group.throughput(Throughput::Elements(size as u64));
                group.bench_function(BenchmarkId::new(kind, size), |bencher| {
                    bencher.iter_batched_ref(
                        || shape.second_superstep(),
                        |run| shape.commit(run),
                        batch_size(size),
                    );
                });
            }
        }
    }
}

/// What one node is planned for: a trigger of each channel, all written.
fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    for size in SIZES {
        let shape = Shape::of("last_value", size, Writers::Each);
        let run = shape.second_superstep();
        let updated = [shape.trigger()];
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("a task each", size), |bencher| {
            bencher.iter(|| {
                let updated = Some(black_box(updated.as_slice()));
                let Ok(Step::Done(plan)) = run.plan(SUPERSTEP, updated, &mut Dialogue::default())
                else {
                    panic!("nothing to ask");
                };
                assert_eq!(plan.tasks.len(), size);
                plan
            });
        });
    }
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for kind in KINDS {
        for size in [1, 1_000] {
            let shape = Shape::of(kind, size, Writers::One);
            let mut run = shape.second_superstep();
            shape.commit(&mut run);
            group.throughput(Throughput::Elements(size as u64));
            group.bench_function(BenchmarkId::new(kind, size), |bencher| {
                bencher.iter(|| {
                    let mut reading = Reading::of(shape.channels().collect(), None);
                    let Ok(Step::Done(found)) = run.read(&mut reading) else {
                        panic!("nothing to ask");
                    };
                    found
                });
            });
        }
    }
}

/// What a chain or a loop does again and again: one task, a write to its state and one to a trigger.
fn superstep(criterion: &mut Criterion) {
    let shape = Shape::of("last_value", 1, Writers::One);
    let mut run = shape.second_superstep();
    criterion.bench_function("superstep of one task", |bencher| {
        bencher.iter(|| {
            let updated = shape.commit(&mut run);
            let plan = run.plan(SUPERSTEP, Some(&updated), &mut Dialogue::default());
            let Ok(Step::Done(plan)) = plan else {
                panic!("nothing to ask");
            };
            assert_eq!(plan.tasks.len(), 1);
            plan
        });
    });
}

/// Short times: what is looked for are factors, not percents.
fn settings() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(20)
        .nresamples(2_000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
}

fn main() {
    let mut criterion = settings().configure_from_args();
    for benches in [commit, plan, read, superstep] {
        benches(&mut criterion);
    }
    criterion.final_summary();
}

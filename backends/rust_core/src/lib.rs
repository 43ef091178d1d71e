//! The engine of langgraph_engine: it decides what a superstep does, and calls nobody.
//!
//! A graph runs in supersteps (Bulk Synchronous Parallel, the Pregel model): *plan* which nodes have
//! a trigger they haven't seen, let the host run them, *commit* their writes to channels, take a
//! *checkpoint*, repeat. This crate is the plan, the commit and the checkpoint. It runs no node, no
//! reducer and no saver and does no I/O; where it can't decide without the user's code it hands out
//! a question ([`dialogue::Request`]) and goes on with the answer. Values are opaque: any `V: Clone`.
//!
//! ```
//! use lge_core::prelude::*;
//!
//! # fn main() -> Result<(), Error> {
//! let channel = ChannelSpec { name: "go".into(), kind: ChannelKind::LastValue };
//! let reads = Reads::One("go".into());
//! let node = NodeSpec { name: "double".into(), triggers: vec!["go".into()], reads, runs: true };
//! let graph = Graph { channels: vec![channel], nodes: vec![node], trigger_to_nodes: vec![] };
//! let program = std::sync::Arc::new(Program::compile(graph)?);
//! let (requests, unanswered) = Restore::<i32>::begin(program.clone()).requests();
//! assert!(requests.is_empty()); // no reducer and no custom channel to prepare
//! let mut run = unanswered.answer(vec![])?;
//!
//! let mut input = Batch::new(&program);
//! input.task(PathKey::Text("~".into()), NodeRef::Named("__input__"));
//! input.write(program.channel("go").expect("it is in the graph"), 21, None);
//! let Ok(Step::Done(committed)) = run.begin_commit(input, None) else { panic!("nothing to ask") };
//! assert_eq!(committed.updated.len(), 1);
//!
//! let superstep = Superstep { step: 0, checkpoint_id: "00", namespace: "" };
//! let Step::Done(plan) = run.plan(superstep, None, &mut Dialogue::default())? else { panic!() };
//! assert_eq!(program.node_name(plan.tasks[0].node), "double");
//! # Ok(())
//! # }
//! ```
//!
//! Reading order:
//!
//! 1. [`graph`] and [`program`]: what is compiled, and what that prepares.
//! 2. [`channels`]: what a channel does with its writes; one file per kind.
//! 3. [`run`], [`plan`], [`batch`] and [`commit`]: one invocation, superstep by superstep. (`direct`: a commit
//!    nobody has to be asked about.)
//! 4. [`dialogue`]: how the core asks the host.
//! 5. [`read`] and [`checkpoint`]: looking without changing.
//! 6. [`versions`], [`task_path`], [`task_id`], [`names`]: the small types under all of it.
//! 7. [`error`]: every way it refuses; [`panics`]: what is said when it breaks.
//!
//! What a superstep costs depends on what was triggered and written, never on the size of the graph.

#![forbid(unsafe_code)]

pub mod batch;
pub mod channels;
pub mod checkpoint;
pub mod commit;
pub mod dialogue;
mod direct;
pub mod error;
pub mod graph;
mod id_map;
pub mod names;
pub mod panics;
pub mod plan;
pub mod program;
pub mod read;
pub mod run;
mod states;
pub mod task_id;
pub mod task_path;
pub mod versions;

/// The names a host needs for a whole run.
pub mod prelude {
    pub use crate::batch::{Batch, ReadWrites};
    pub use crate::channels::{Saved, Shown};
    pub use crate::commit::{CommitStep, Committed, Refusal};
    pub use crate::dialogue::{Answer, CustomCall, Dialogue, Request, Step, Values};
    pub use crate::error::{Error, ErrorKind};
    pub use crate::graph::{ChannelKind, ChannelSpec, Graph, NodeSpec, Parameters, Reads};
    pub use crate::names::{ChannelId, NodeId};
    pub use crate::plan::{Plan, Superstep, Task};
    pub use crate::program::Program;
    pub use crate::read::Reading;
    pub use crate::run::{ChannelRef, NodeRef, Restore, Run, Unanswered};
    pub use crate::task_path::{PathKey, TaskPath};
    pub use crate::versions::Version;
}

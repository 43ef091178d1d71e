//! The engine of langgraph_engine: it decides what a superstep does, and calls nobody.
#![forbid(unsafe_code)]

pub mod batch;
pub mod channels;
pub mod checkpoint;
pub mod commit;
pub mod dialogue;
pub mod error;
pub mod graph;
mod id_map;
pub mod names;
pub mod plan;
pub mod program;
pub mod read;
pub mod run;
pub mod task_id;
pub mod task_path;
pub mod versions;

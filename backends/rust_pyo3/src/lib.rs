//! The Python module of langgraph_engine's Rust engine: a translation, and nothing else.
//!
//! Values are Python objects the core never looks into. Whatever runs Python code (a reducer, a
//! custom channel, an iterator) runs while nothing of a run is borrowed: the core hands out a
//! question, the borrow ends, `host` answers it, and the core goes on.
//!
//! Reading order: `program` (a graph and its callables), `run` (one invocation), `writes`,
//! `values` and `versions` (what is translated), `failure` (errors and panics); then what runs simple
//! supersteps without going back to Python: `executor` (how nodes are called), `execution` (the loop), `flight`
//! (a task under way), `writers` (what comes after a node), `draws` (ids and versions) and `step_task` (a task nobody has
//! looked at yet). `meeting` and `messages` have nothing to do with any of them.

mod chunks;
mod draws;
mod execution;
mod executor;
mod failure;
mod flight;
mod host;
mod meeting;
mod messages;
mod program;
mod run;
mod spec;
mod step_task;
mod task;
mod thread;
mod types;
mod values;
mod versions;
mod writers;
mod writes;

use pyo3::prelude::*;

/// The native half of `langgraph_engine_rust`.
#[pymodule]
mod _native {
    use super::failure;
    use lge_core::error::ErrorKind;
    use lge_core::program::PanicPoint;
    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::execution::Execution;
    #[pymodule_export]
    use super::executor::Executor;
    #[pymodule_export]
    use super::meeting::Meeting;
    #[pymodule_export]
    use super::messages::MessageMerger;
    #[pymodule_export]
    use super::program::Program;
    #[pymodule_export]
    use super::run::Run;
    #[pymodule_export]
    use super::task::Task;

    /// Compiles a `GraphSpec`.
    #[pyfunction]
    fn compile_graph(graph: &Bound<'_, PyAny>) -> PyResult<Program> {
        failure::guard(|| Program::of(graph))
    }

    /// Compiles how a graph's nodes are called.
    #[pyfunction]
    fn make_executor(
        program: &Bound<'_, Program>,
        calls: &Bound<'_, PyAny>,
        host: &Bound<'_, PyAny>,
    ) -> PyResult<Executor> {
        failure::guard(|| Executor::of(program, calls, host))
    }

    /// Every kind of error the core knows, as `(number, name)`.
    #[pyfunction]
    fn error_kinds() -> Vec<(u16, &'static str)> {
        ErrorKind::ALL
            .iter()
            .map(|kind| (kind.code(), kind.name()))
            .collect()
    }

    /// Makes a program's next restore, plan or commit panic. For tests.
    #[pyfunction]
    fn inject_panic(program: &Program, point: &str) -> PyResult<()> {
        let point = match point {
            "restore" => PanicPoint::Restore,
            "plan" => PanicPoint::Plan,
            "commit" => PanicPoint::Commit,
            other => return Err(PyValueError::new_err(format!("no panic point '{other}'"))),
        };
        program.core.inject_panic(point);
        Ok(())
    }

    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        lge_core::panics::remember_where_panics_happen();
        Ok(())
    }
}

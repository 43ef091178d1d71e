//! Where a task comes from, and the order in which tasks' writes are applied.
//!
//! LangGraph orders tasks by the text of their path (see [`TaskPath::text`]). Comparing texts for
//! every superstep is wasteful, so the two paths a plan makes are compared as numbers; any other
//! path makes the whole comparison fall back to text.

use crate::names::NodeId;
use crate::program::Program;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// First element of the path of a task triggered by its channels.
pub const PULL: &str = "__pregel_pull";
/// First element of the path of a task asked for by a packet or by a running task.
pub const PUSH: &str = "__pregel_push";

/// Indexes up to here are padded to the same width, so their order is that of their texts.
const WIDEST_INDEX: u64 = 9_999_999_999;

/// A task's path in general: nested sequences of numbers and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskPath {
    /// Text, or anything else as its text.
    Text(String),
    /// A number (true is 1, false is 0).
    Int(i64),
    /// A path within the path.
    Parts(Vec<TaskPath>),
}

impl TaskPath {
    /// The text form of a path; tasks are committed in its order.
    ///
    /// ```
    /// use lge_core::task_path::TaskPath::{Int, Parts, Text};
    ///
    /// let path = Parts(vec![Text("__pregel_push".into()), Int(3), Int(0)]);
    /// assert_eq!(path.text(), "~__pregel_push, 0000000003, 0000000000");
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match self {
            TaskPath::Text(text) => out.push_str(text),
            TaskPath::Int(number) => {
                write!(out, "{number:010}").expect("writing to a String never fails");
            }
            TaskPath::Parts(parts) => {
                out.push('~');
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    part.write(out);
                }
            }
        }
    }
}

/// A path as far as its order goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathKey {
    /// `(PULL, node)`.
    Pull(NodeId),
    /// `(PUSH, index, False)`.
    Push(u64),
    /// Any other path, as its text.
    Text(String),
}

impl PathKey {
    /// The key of any path.
    #[must_use]
    pub fn of(path: &TaskPath, program: &Program) -> Self {
        let planned = match path {
            TaskPath::Parts(parts) => match parts.as_slice() {
                [TaskPath::Text(first), TaskPath::Text(name)] if first == PULL => {
                    program.node(name).map(PathKey::Pull)
                }
                [
                    TaskPath::Text(first),
                    TaskPath::Int(index),
                    TaskPath::Int(0),
                ] if first == PUSH => u64::try_from(*index).ok().map(PathKey::Push),
                _ => None,
            },
            _ => None,
        };
        planned.unwrap_or_else(|| PathKey::Text(path.text()))
    }

    fn is_plain(&self) -> bool {
        match self {
            PathKey::Pull(_) => true,
            PathKey::Push(index) => *index <= WIDEST_INDEX,
            PathKey::Text(_) => false,
        }
    }

    fn text(&self, program: &Program) -> String {
        match self {
            PathKey::Pull(node) => format!("~{PULL}, {}", program.node_name(*node)),
            PathKey::Push(index) => format!("~{PUSH}, {index:010}, {:010}", 0),
            PathKey::Text(text) => text.clone(),
        }
    }

    fn compare_plain(&self, other: &PathKey, program: &Program) -> Ordering {
        match (self, other) {
            (PathKey::Pull(a), PathKey::Pull(b)) => program.rank(*a).cmp(&program.rank(*b)),
            (PathKey::Push(a), PathKey::Push(b)) => a.cmp(b),
            // "__pregel_pull" sorts before "__pregel_push".
            (PathKey::Pull(_), _) => Ordering::Less,
            _ => Ordering::Greater,
        }
    }
}

/// Whether paths are in order, as far as that can be said without their texts.
pub(crate) fn in_order<'a>(
    mut paths: impl Iterator<Item = &'a PathKey>,
    program: &Program,
) -> bool {
    let Some(mut before) = paths.next() else {
        return true;
    };
    for path in paths {
        if !before.is_plain() || !path.is_plain() || before.compare_plain(path, program).is_gt() {
            return false;
        }
        before = path;
    }
    true
}

/// The order in which to take paths; equal ones stay as they were. `None` if they are in order.
pub(crate) fn commit_order(paths: &[&PathKey], program: &Program) -> Option<Vec<usize>> {
    if paths.len() < 2 {
        return None;
    }
    if paths.iter().all(|path| path.is_plain()) {
        if in_order(paths.iter().copied(), program) {
            return None;
        }
        let mut order: Vec<usize> = (0..paths.len()).collect();
        order.sort_by(|&a, &b| paths[a].compare_plain(paths[b], program));
        return Some(order);
    }
    let texts: Vec<String> = paths.iter().map(|path| path.text(program)).collect();
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by(|&a, &b| texts[a].cmp(&texts[b]));
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::TaskPath::{self, Int, Parts, Text};
    use super::{PULL, PUSH, PathKey, commit_order};
    use crate::graph::{Graph, NodeSpec, Reads};
    use crate::names::NodeId;
    use crate::program::Program;

    fn program(nodes: &[&str]) -> Program {
        let nodes = nodes.iter().map(|name| NodeSpec {
            name: (*name).into(),
            triggers: vec![],
            reads: Reads::Many(vec![]),
            runs: true,
        });
        Program::compile(Graph {
            nodes: nodes.collect(),
            ..Graph::default()
        })
        .expect("a plain graph")
    }

    #[test]
    fn nested_paths_are_marked_and_numbers_padded() {
        let parent = Parts(vec![Text(PULL.into()), Text("a".into())]);
        let path: TaskPath = Parts(vec![Text(PUSH.into()), parent, Int(1), Int(1)]);
        assert_eq!(
            path.text(),
            "~__pregel_push, ~__pregel_pull, a, 0000000001, 0000000001"
        );
        assert_eq!(Int(-1).text(), "-000000001");
    }

    #[test]
    fn plain_order_is_the_order_of_texts() {
        let program = program(&["b", "a10", "a", "é"]);
        let mut paths: Vec<PathKey> = (0..4).map(|node| PathKey::Pull(NodeId(node))).collect();
        paths.extend([12, 2, 9_999_999_999].map(PathKey::Push));
        let by_number = commit_order(&paths.iter().collect::<Vec<_>>(), &program);
        paths.push(PathKey::Text("~~~".into()));
        let mut by_text =
            commit_order(&paths.iter().collect::<Vec<_>>(), &program).expect("not in order");
        assert_eq!(by_text.pop(), Some(7));
        assert_eq!(by_number, Some(by_text));
    }

    #[test]
    fn paths_in_order_need_no_order() {
        let program = program(&["a", "b"]);
        let paths = [
            PathKey::Pull(NodeId(0)),
            PathKey::Pull(NodeId(1)),
            PathKey::Push(0),
        ];
        assert_eq!(
            commit_order(&paths.iter().collect::<Vec<_>>(), &program),
            None
        );
    }
}

//! Names become small numbers once, when a program is compiled.
//!
//! A run can meet names its program doesn't know: nodes and channels of an older graph in a
//! checkpoint, or `__input__`. Those get numbers past the program's own, valid in that run only.

use rustc_hash::FxHashMap;

/// A channel: an index into its program, or past its end a name only the run knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

/// A node: an index into its program, or past its end a name only the run knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A number standing for a name.
pub trait Id: Copy {
    /// The id with this number.
    fn from_index(index: usize) -> Self;
    /// The id's number.
    fn index(self) -> usize;
}

impl Id for ChannelId {
    fn from_index(index: usize) -> Self {
        ChannelId(u32::try_from(index).expect("a graph has fewer than 2^32 channels"))
    }
    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Id for NodeId {
    fn from_index(index: usize) -> Self {
        NodeId(u32::try_from(index).expect("a graph has fewer than 2^32 nodes"))
    }
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// The names a run met that its program doesn't know, numbered from where the program's end.
#[derive(Debug, Clone)]
pub(crate) struct Strangers {
    first: usize,
    names: Vec<Box<str>>,
    numbers: FxHashMap<Box<str>, usize>,
}

impl Strangers {
    pub(crate) fn after(first: usize) -> Self {
        Strangers {
            first,
            names: Vec::new(),
            numbers: FxHashMap::default(),
        }
    }

    pub(crate) fn find<I: Id>(&self, name: &str) -> Option<I> {
        if self.names.is_empty() {
            return None;
        }
        self.numbers
            .get(name)
            .map(|&number| I::from_index(self.first + number))
    }

    pub(crate) fn intern<I: Id>(&mut self, name: &str) -> I {
        if let Some(id) = self.find(name) {
            return id;
        }
        let number = self.names.len();
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        I::from_index(self.first + number)
    }

    pub(crate) fn name<I: Id>(&self, id: I) -> &str {
        &self.names[id.index() - self.first]
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeId, Strangers};

    #[test]
    fn a_stranger_keeps_its_number() {
        let mut strangers = Strangers::after(3);
        let input: NodeId = strangers.intern("__input__");
        let old: NodeId = strangers.intern("gone");
        assert_eq!((input, old), (NodeId(3), NodeId(4)));
        assert_eq!(strangers.intern::<NodeId>("__input__"), input);
        assert_eq!(strangers.name(old), "gone");
        assert_eq!(strangers.find::<NodeId>("other"), None);
    }
}

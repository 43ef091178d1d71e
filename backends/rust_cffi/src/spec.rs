//! Reads a graph.

use crate::reader::{Read, Reader};
use lge_core::graph::{ChannelSpec, Graph, NodeSpec, Parameters, Reads};

/// Reads a compile message: `[channels, nodes, trigger_to_nodes]`.
pub(crate) fn read(message: &[u8]) -> Read<Graph> {
    let mut reader = Reader::of("compile", message);
    let mut graph = Graph::default();
    reader.fields(3, "a graph")?;
    for _ in 0..reader.array("channels")? {
        graph.channels.push(read_channel(&mut reader)?);
    }
    for _ in 0..reader.array("nodes")? {
        graph.nodes.push(read_node(&mut reader)?);
    }
    for _ in 0..reader.array("trigger_to_nodes")? {
        reader.fields(2, "a channel and its nodes")?;
        let channel = reader.text("a channel's name")?.to_owned();
        graph
            .trigger_to_nodes
            .push((channel, reader.texts("nodes' names")?));
    }
    reader.end()?;
    Ok(graph)
}

fn read_channel(reader: &mut Reader<'_>) -> Read<ChannelSpec> {
    reader.fields(5, "a channel")?;
    let name = reader.text("a channel's name")?;
    let kind = reader.text("a channel's kind")?;
    let parameters = Parameters {
        guard: reader.flag("guard")?,
        accumulate: reader.flag("accumulate")?,
        names: reader.texts("a barrier's names")?,
    };
    ChannelSpec::named(name, kind, parameters)
}

fn read_node(reader: &mut Reader<'_>) -> Read<NodeSpec> {
    reader.fields(4, "a node")?;
    Ok(NodeSpec {
        name: reader.text("a node's name")?.to_owned(),
        triggers: reader.texts("triggers")?,
        reads: if reader.at_text() {
            Reads::One(reader.text("a channel's name")?.to_owned())
        } else {
            Reads::Many(reader.texts("the channels a node reads")?)
        },
        runs: reader.flag("runs")?,
    })
}

//! Reads a `GraphSpec`: plain data for the core, callables for the host.

use crate::failure::raised;
use crate::host::Callables;
use lge_core::graph::{ChannelSpec, Graph, NodeSpec, Parameters, Reads};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

/// A `GraphSpec`, taken apart.
pub(crate) struct Spec {
    pub(crate) graph: Graph,
    /// The channels' names as the objects the graph has them as.
    pub(crate) channels: Vec<Py<PyString>>,
    /// Likewise the nodes'.
    pub(crate) nodes: Vec<Py<PyString>>,
    pub(crate) callables: Vec<Callables>,
    pub(crate) missing: Py<PyAny>,
    pub(crate) send_type: Py<PyAny>,
}

impl Spec {
    pub(crate) fn read(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut graph = Graph::default();
        let (mut channels, mut nodes, mut callables) = (Vec::new(), Vec::new(), Vec::new());
        for channel in spec.getattr("channels")?.try_iter()? {
            let channel = channel?;
            let name = channel.getattr("name")?.cast_into::<PyString>()?;
            let kind: String = channel.getattr("kind")?.extract()?;
            let found = Callables {
                fold: optional(&channel, "fold")?,
                initial: optional(&channel, "initial")?,
                custom: optional(&channel, "custom")?,
                aggregate: optional(&channel, "aggregate")?,
                overwrite: optional(&channel, "overwrite")?,
                overwrite_keys: optional(&channel, "overwrite_keys")?
                    .map(|keys| names(keys.bind(channel.py())))
                    .transpose()?,
            };
            found.check(name.to_str()?, &kind)?;
            graph
                .channels
                .push(read_channel(&channel, name.to_str()?, &kind)?);
            channels.push(name.unbind());
            callables.push(found);
        }
        for node in spec.getattr("nodes")?.try_iter()? {
            let node = node?;
            let name = node.getattr("name")?.cast_into::<PyString>()?;
            let reads = node.getattr("reads")?;
            graph.nodes.push(NodeSpec {
                name: name.to_str()?.to_owned(),
                triggers: strings(&node.getattr("triggers")?)?,
                reads: match reads.cast::<PyString>() {
                    Ok(name) => Reads::One(name.to_str()?.to_owned()),
                    Err(_) => Reads::Many(strings(&reads)?),
                },
                runs: node.getattr("runs")?.is_truthy()?,
            });
            nodes.push(name.unbind());
        }
        let trigger_to_nodes = spec.getattr("trigger_to_nodes")?;
        for (channel, names) in items(&trigger_to_nodes)? {
            graph
                .trigger_to_nodes
                .push((channel.extract()?, strings(&names)?));
        }
        let missing = spec.getattr("missing")?.unbind();
        let send_type = spec.getattr("send_type")?.unbind();
        Ok(Spec {
            graph,
            channels,
            nodes,
            callables,
            missing,
            send_type,
        })
    }
}

fn read_channel(channel: &Bound<'_, PyAny>, name: &str, kind: &str) -> PyResult<ChannelSpec> {
    let parameters = Parameters {
        guard: channel.getattr("guard")?.is_truthy()?,
        accumulate: channel.getattr("accumulate")?.is_truthy()?,
        names: strings(&channel.getattr("names")?)?,
    };
    ChannelSpec::named(name, kind, parameters).map_err(raised)
}

fn optional(channel: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Py<PyAny>>> {
    let value = channel.getattr(name)?;
    Ok(if value.is_none() {
        None
    } else {
        Some(value.unbind())
    })
}

fn strings(names: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    names.try_iter()?.map(|name| name?.extract()).collect()
}

/// Names that stay Python's.
fn names(names: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyString>>> {
    let names = names.try_iter()?;
    names
        .map(|name| Ok(name?.cast_into::<PyString>()?.unbind()))
        .collect()
}

/// The items of any mapping, in its order.
pub(crate) fn items<'py>(
    mapping: &Bound<'py, PyAny>,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    if let Ok(dict) = mapping.cast::<PyDict>() {
        return Ok(dict.iter().collect());
    }
    let items = mapping.cast::<PyMapping>()?.items()?;
    items.iter().map(|item| item.extract()).collect()
}

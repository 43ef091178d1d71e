//! The protocol's scenario files, told to the core by a host whose values are JSON.
//!
//! The files are shared with every other engine; `tests/scenarios/README.md` at the top of the
//! repository is their format.

mod host;

use host::{Callables, Host, ReducerFailed};
use lge_core::batch::{Batch, ReadWrites};
use lge_core::channels::{Load, Saved, Shown};
use lge_core::commit::Refusal;
use lge_core::dialogue::{Dialogue, Request, Step};
use lge_core::error::{Error, ErrorKind};
use lge_core::graph::{ChannelSpec, Graph, NodeSpec, Parameters, Reads};
use lge_core::names::ChannelId;
use lge_core::plan::{Ignored, Origin, Superstep, TaskInput};
use lge_core::program::{LabelKind, Program, Target};
use lge_core::read::Reading;
use lge_core::run::{ChannelRef, NodeRef, Restore, Run};
use lge_core::task_path::{PULL, PUSH, PathKey, TaskPath};
use lge_core::versions::Version;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

#[test]
fn every_scenario_is_answered_as_it_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let listing = std::fs::read_dir(&folder).expect("the scenarios are beside the crate");
    let files = listing.map(|entry| entry.expect("a folder entry").path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no scenarios");
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let scenario: Value = serde_json::from_str(&text).expect("JSON");
        let mut teller = Teller::of(&scenario["graph"]);
        for (at, step) in array(&scenario["steps"]).iter().enumerate() {
            let answer = teller.tell(step);
            if !agrees(step, &answer) {
                wrong.push(format!(
                    "{} step {at}: {step}\n  answered {answer}",
                    string(&scenario["name"])
                ));
                break;
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        files.len(),
        wrong.join("\n")
    );
}

/// Carries out the steps of one scenario.
struct Teller<'s> {
    graph: &'s Value,
    host: Host,
    program: Option<Arc<Program>>,
    run: Option<Run<Value>>,
    kept: HashMap<String, Value>,
}

/// What stops a step, as its `expect` says it.
enum Stop {
    Core(Box<(Error, Option<Value>)>),
    Reducer,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Core(Box::new((error, None)))
    }
}

impl From<Refusal<Value>> for Stop {
    fn from(refusal: Refusal<Value>) -> Self {
        Stop::Core(Box::new((refusal.error, refusal.value)))
    }
}

impl From<ReducerFailed> for Stop {
    fn from(_: ReducerFailed) -> Self {
        Stop::Reducer
    }
}

impl<'s> Teller<'s> {
    fn of(graph: &'s Value) -> Self {
        let callables = array(&graph["channels"]).iter().map(|channel| Callables {
            reducer: channel.get("reducer").map(string),
            custom: channel.get("custom").map(string),
        });
        let host = Host::of(callables.collect());
        Teller {
            graph,
            host,
            program: None,
            run: None,
            kept: HashMap::new(),
        }
    }

    fn tell(&mut self, step: &Value) -> Value {
        let answer = match step["do"].as_str().expect("a call") {
            "compile" => self.compile(),
            "restore" => self.restore(step),
            "plan" => self.plan(step),
            "push" => self.push(step),
            "commit" => self.commit(step),
            "read" => self.read(step),
            "state" => self.state(step),
            "max_version" => Ok(json!({"value": self.run().max_version().map(version_json)})),
            "see" => self.see(step),
            "unseen" => self.unseen(step),
            "checkpoint" => self.checkpoint(step),
            "kept" => Ok(json!({"value": self.kept[&string(&step["name"])]})),
            other => panic!("no call '{other}'"),
        };
        match answer {
            Ok(answer) => answer,
            Err(Stop::Reducer) => json!({"error": "reducer"}),
            Err(Stop::Core(refusal)) => match refusal.0.kind {
                ErrorKind::UnknownChannel => json!({"error": "unknown_channel"}),
                ErrorKind::BadGraph => json!({"refused": {"message": refusal.0.message}}),
                kind => json!({"rejected": {
                    "reason": kind.name(), "channel": refusal.0.context.channel, "value": refusal.1,
                }}),
            },
        }
    }

    fn program(&self) -> &Arc<Program> {
        self.program.as_ref().expect("a compiled graph")
    }

    fn run(&self) -> &Run<Value> {
        self.run.as_ref().expect("a scenario restores first")
    }

    fn run_mut(&mut self) -> &mut Run<Value> {
        self.run.as_mut().expect("a scenario restores first")
    }

    fn compile(&mut self) -> Result<Value, Stop> {
        self.program = Some(Arc::new(Program::compile(graph(self.graph)?)?));
        Ok(Value::Null)
    }

    fn restore(&mut self, step: &Value) -> Result<Value, Stop> {
        if self.program.is_none() {
            self.compile()?;
        }
        let program = Arc::clone(self.program());
        let mut restore = Restore::begin(Arc::clone(&program));
        if let Some(checkpoint) = step.get("checkpoint").and_then(Value::as_object)
            && !checkpoint.is_empty()
        {
            for (name, value) in object(&checkpoint["channel_values"]) {
                if let Some(channel) = program.channel(name)
                    && let Some(saved) = load(program.load_of(channel), value)
                {
                    restore.value(channel, saved)?;
                }
            }
            for (name, value) in object(&checkpoint["channel_versions"]) {
                restore.version(ChannelRef::Named(name), version(value));
            }
            for (node, seen) in object(&checkpoint["versions_seen"]) {
                restore.node(NodeRef::Named(node));
                for (name, value) in object(seen) {
                    restore.seen(ChannelRef::Named(name), version(value));
                }
            }
            restore.format(checkpoint["v"].as_i64().expect("a format"));
            self.keep(step, &json!(checkpoint));
        }
        let (requests, unanswered) = restore.requests();
        let answers = requests.into_iter().map(|it| self.host.answer(it));
        let answers = answers.collect::<Result<_, _>>()?;
        self.run = Some(unanswered.answer(answers)?);
        Ok(Value::Null)
    }

    fn plan(&self, step: &Value) -> Result<Value, Stop> {
        let program = self.program();
        let names = step["updated"].as_array().filter(|names| !names.is_empty());
        let updated: Option<Vec<ChannelId>> = names.map(|names| {
            names
                .iter()
                .filter_map(|name| program.channel(&string(name)))
                .collect()
        });
        let mut dialogue = Dialogue::default();
        let plan = loop {
            match self
                .run()
                .plan(superstep(step), updated.as_deref(), &mut dialogue)?
            {
                Step::Done(plan) => break plan,
                Step::Ask(request) => dialogue.answer(self.host.answer(request)?),
            }
        };
        let tasks = plan.tasks.into_iter().map(|task| {
            let name = program.node_name(task.node);
            let triggers = program
                .triggers(task.node)
                .iter()
                .map(|id| program.channel_name(*id));
            let (path, triggers) = match task.origin {
                Origin::Pull => (json!([PULL, name]), json!(triggers.collect::<Vec<_>>())),
                Origin::Packet(index) => (json!([PUSH, index, false]), json!([PUSH])),
            };
            let input = match task.input {
                TaskInput::One(value) => shown(value),
                TaskInput::Many(values) => shown_all(program, values),
            };
            json!({
                "id": task.id.as_str(), "name": name, "path": path, "triggers": triggers,
                "input": input, "namespace": task.namespace,
            })
        });
        let tasks: Vec<Value> = tasks.collect();
        let ignored = plan
            .ignored
            .into_iter()
            .map(|(reason, packet)| match reason {
                Ignored::PacketType => json!(["packet_type", packet]),
                Ignored::UnknownNode => json!(["unknown_node", packet]),
            });
        Ok(json!({"tasks": tasks, "ignored": ignored.collect::<Vec<_>>()}))
    }

    fn push(&self, step: &Value) -> Result<Value, Stop> {
        let parts: Vec<String> = array(&step["parts"]).iter().map(string).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let name = string(&step["name"]);
        let (id, namespace) = self.run().push(&name, &parts, superstep(step))?;
        Ok(json!({"task": {
            "id": id.as_str(), "name": name, "path": step["path"], "triggers": [PUSH],
            "input": null, "namespace": namespace,
        }}))
    }

    fn commit(&mut self, step: &Value) -> Result<Value, Stop> {
        let program = Arc::clone(self.program());
        let tasks = array(&step["writes"]);
        let mut batch = Batch::new(&program);
        for task in tasks {
            batch.task(
                PathKey::of(&task_path(&task["path"]), &program),
                NodeRef::Named(&string(&task["name"])),
            );
            for trigger in array(&task["triggers"]) {
                batch.trigger(ChannelRef::Named(&string(trigger)));
            }
            for write in array(&task["writes"]) {
                let name = string(&write[0]);
                match program.target(&name) {
                    Target::Channel(channel) => add(&program, &mut batch, channel, &write[1]),
                    Target::Ignored => {}
                    Target::Unknown => batch.write_unknown(&name),
                }
            }
        }
        let number = Some(&step["version"])
            .filter(|value| !value.is_null())
            .map(version);
        let mut reached = self.run_mut().begin_commit(batch, number)?;
        let committed = loop {
            match reached {
                Step::Done(committed) => break committed,
                Step::Ask(request) => {
                    let answer = self.answer_or_abort(request)?;
                    reached = self.run_mut().answer_commit(answer)?;
                }
            }
        };
        let mut updated: Vec<&str> = committed
            .updated
            .iter()
            .map(|id| program.channel_name(*id))
            .collect();
        updated.sort_unstable();
        let unknown = committed
            .unknown
            .iter()
            .map(|(task, channel)| json!([tasks[*task]["name"], tasks[*task]["path"], channel]));
        Ok(json!({"updated": updated, "unknown": unknown.collect::<Vec<_>>()}))
    }

    fn answer_or_abort(
        &mut self,
        request: Request<Value>,
    ) -> Result<lge_core::dialogue::Answer<Value>, Stop> {
        self.host.answer(request).map_err(|failed| {
            self.run_mut().abort_commit();
            failed.into()
        })
    }

    fn read(&self, step: &Value) -> Result<Value, Stop> {
        let program = self.program();
        let find = |name: &Value| {
            let name = string(name);
            program.channel(&name).ok_or_else(|| {
                Stop::from(Error::of_channel(
                    ErrorKind::UnknownChannel,
                    &name,
                    "no such channel",
                ))
            })
        };
        let writes = step.get("writes").map(|writes| {
            let mut batch = Batch::new(program);
            batch.task(PathKey::Text(String::new()), NodeRef::Named(""));
            for write in array(writes) {
                if let Some(channel) = program.channel(&string(&write[0])) {
                    add(program, &mut batch, channel, &write[1]);
                }
            }
            ReadWrites::of(batch)
        });
        let keys = &step["keys"];
        let channels = match keys.as_array() {
            Some(names) => names.iter().map(find).collect::<Result<Vec<_>, _>>()?,
            None => vec![find(keys)?],
        };
        let mut reading = Reading::of(channels, writes);
        let found = loop {
            match self.run().read(&mut reading) {
                Ok(Step::Done(found)) => break found,
                Ok(Step::Ask(request)) => reading.answer(self.host.answer(request)?),
                Err(error) => return Err(Stop::Core(Box::new((error, reading.refused())))),
            }
        };
        Ok(json!({"value": match keys {
            Value::Array(_) => shown_all(program, found),
            _ => found.into_iter().next().map_or(Value::Null, |(_, value)| shown(value)),
        }}))
    }

    fn state(&self, step: &Value) -> Result<Value, Stop> {
        let channel = self
            .program()
            .channel(&string(&step["name"]))
            .expect("a channel");
        let value = match self.run().state(channel) {
            None => json!({"$missing": true}),
            Some(Saved::Value(value)) if value.get("$live").is_some() => {
                let saved = self
                    .host
                    .saved(&value)
                    .unwrap_or_else(|| json!({"$missing": true}));
                json!({"$channel": saved})
            }
            Some(saved) => saved_json(saved),
        };
        Ok(json!({"value": value}))
    }

    fn see(&mut self, step: &Value) -> Result<Value, Stop> {
        self.run_mut().see(NodeRef::Named(&string(&step["name"])))?;
        Ok(Value::Null)
    }

    fn unseen(&self, step: &Value) -> Result<Value, Stop> {
        let unseen = self.run().unseen(NodeRef::Named(&string(&step["name"])))?;
        Ok(json!({"value": unseen}))
    }

    fn checkpoint(&mut self, step: &Value) -> Result<Value, Stop> {
        self.run_mut().adopt_checkpoint_format();
        let mut dialogue = Dialogue::default();
        let found = loop {
            match self.run().saved_values(&mut dialogue)? {
                Step::Done(found) => break found,
                Step::Ask(request) => dialogue.answer(self.host.answer(request)?),
            }
        };
        let (program, run) = (self.program(), self.run());
        let name = |channel| program.channel_name(channel).to_owned();
        let values: Map<String, Value> = found
            .into_iter()
            .map(|(id, saved)| (name(id), saved_json(saved)))
            .collect();
        let versions: Map<String, Value> = run
            .channel_versions()
            .map(|(id, version)| (run.channel_name(id).to_owned(), version_json(version)))
            .collect();
        let seen: Map<String, Value> = run
            .versions_seen()
            .map(|(node, seen)| {
                let seen: Map<String, Value> = seen
                    .map(|(id, version)| (run.channel_name(id).to_owned(), version_json(version)))
                    .collect();
                (run.node_name(node).to_owned(), json!(seen))
            })
            .collect();
        let mut updated = step["updated"].clone();
        if let Some(names) = updated.as_array_mut() {
            names.sort_by_key(string);
        }
        let checkpoint = json!({
            "v": 4, "ts": step["timestamp"], "id": step["checkpoint_id"],
            "channel_values": values, "channel_versions": versions, "versions_seen": seen,
            "updated_channels": updated,
        });
        self.keep(step, &checkpoint);
        Ok(json!({"value": checkpoint}))
    }

    fn keep(&mut self, step: &Value, value: &Value) {
        if let Some(name) = step.get("keep") {
            self.kept.insert(string(name), value.clone());
        }
    }
}

fn agrees(step: &Value, answer: &Value) -> bool {
    let Some(expected) = step.get("expect") else {
        return answer.is_null();
    };
    if let Some(refused) = expected.get("refused") {
        let message = answer["refused"]["message"].as_str().unwrap_or_default();
        return message.contains(&string(&refused["mentions"]));
    }
    expected == answer && orders(step, expected) == orders(step, answer)
}

/// The orders of keys that are part of an answer.
fn orders(step: &Value, answer: &Value) -> Vec<Vec<String>> {
    if !matches!(step["do"].as_str(), Some("read" | "checkpoint")) {
        return vec![];
    }
    let keys = |value: &Value| match value.as_object() {
        Some(map) => map.keys().cloned().collect(),
        None => vec![],
    };
    vec![
        keys(&answer["value"]),
        keys(&answer["value"]["channel_values"]),
    ]
}

fn graph(form: &Value) -> Result<Graph, Error> {
    let strings = |value: &Value| array(value).iter().map(string).collect::<Vec<_>>();
    let channels = array(&form["channels"]).iter().map(|channel| {
        let parameters = Parameters {
            guard: channel
                .get("guard")
                .is_none_or(|guard| guard == &json!(true)),
            accumulate: channel.get("accumulate") == Some(&json!(true)),
            names: channel.get("names").map(strings).unwrap_or_default(),
        };
        ChannelSpec::named(
            &string(&channel["name"]),
            &string(&channel["kind"]),
            parameters,
        )
    });
    let nodes = array(&form["nodes"]).iter().map(|node| NodeSpec {
        name: string(&node["name"]),
        triggers: strings(&node["triggers"]),
        reads: match node["reads"].as_str() {
            Some(name) => Reads::One(name.to_owned()),
            None => Reads::Many(strings(&node["reads"])),
        },
        runs: node.get("runs") != Some(&json!(false)),
    });
    let trigger_to_nodes = object(&form["trigger_to_nodes"]).iter();
    Ok(Graph {
        channels: channels.collect::<Result<_, _>>()?,
        nodes: nodes.collect(),
        trigger_to_nodes: trigger_to_nodes
            .map(|(name, nodes)| (name.clone(), strings(nodes)))
            .collect(),
    })
}

fn add(program: &Program, batch: &mut Batch<'_, Value>, channel: ChannelId, value: &Value) {
    match program.label_of(channel) {
        LabelKind::Nothing => batch.write(channel, value.clone(), None),
        LabelKind::Name => batch.write(channel, value.clone(), value.as_str()),
        LabelKind::Items | LabelKind::Packets => match value.as_array() {
            None => batch.write(channel, value.clone(), packet_node(value)),
            Some(items) if items.is_empty() => batch.write_nothing(channel),
            Some(items) => {
                for item in items {
                    batch.write(channel, item.clone(), packet_node(item));
                }
            }
        },
    }
}

fn packet_node(value: &Value) -> Option<&str> {
    value.get("$send")?["node"].as_str()
}

fn task_path(path: &Value) -> TaskPath {
    match path {
        Value::Array(parts) => TaskPath::Parts(parts.iter().map(task_path).collect()),
        Value::Bool(flag) => TaskPath::Int(i64::from(*flag)),
        Value::Number(number) => TaskPath::Int(number.as_i64().expect("a whole number")),
        Value::String(text) => TaskPath::Text(text.clone()),
        other => TaskPath::Text(other.to_string()),
    }
}

fn superstep(step: &Value) -> Superstep<'_> {
    Superstep {
        step: step["step"].as_i64().expect("a number"),
        checkpoint_id: step["checkpoint_id"].as_str().expect("text"),
        namespace: step["namespace"].as_str().expect("text"),
    }
}

fn load(shape: Load, value: &Value) -> Option<Saved<Value>> {
    let pair = || array(&value["$tuple"]);
    let items = || match value.get("$tuple") {
        Some(old) => array(&old[1]).to_vec(),
        None => array(value).to_vec(),
    };
    let names = |set: &Value| array(&set["$set"]).iter().map(string).collect();
    if value.get("$missing").is_some() {
        return None;
    }
    Some(match shape {
        Load::Never => return None,
        Load::Value => Saved::Value(value.clone()),
        Load::Items => Saved::Items(items()),
        Load::Packets => {
            let packet = |value: Value| (packet_node(&value).map(str::to_owned), value);
            let packets = items().into_iter().map(packet);
            Saved::Packets(packets.map(|(node, value)| (value, node)).collect())
        }
        Load::Names => Saved::Names(names(value)),
        Load::NamesFinished => Saved::NamesFinished(names(&pair()[0]), pair()[1] == json!(true)),
        Load::ValueFinished => Saved::ValueFinished(pair()[0].clone(), pair()[1] == json!(true)),
    })
}

fn saved_json(saved: Saved<Value>) -> Value {
    let set = |mut names: Vec<String>| {
        names.sort_unstable();
        json!({"$set": names})
    };
    match saved {
        Saved::Value(value) => value,
        Saved::Items(items) => Value::Array(items),
        Saved::Packets(packets) => packets.into_iter().map(|(packet, _)| packet).collect(),
        Saved::Names(names) => set(names),
        Saved::NamesFinished(names, finished) => json!({"$tuple": [set(names), finished]}),
        Saved::ValueFinished(value, finished) => json!({"$tuple": [value, finished]}),
    }
}

fn shown(value: Shown<Value>) -> Value {
    match value {
        Shown::Value(value) => value,
        Shown::Items(items) => Value::Array(items),
        Shown::Nothing => Value::Null,
    }
}

fn shown_all(program: &Program, values: Vec<(ChannelId, Shown<Value>)>) -> Value {
    let named = |(id, value)| (program.channel_name(id).to_owned(), shown(value));
    json!(values.into_iter().map(named).collect::<Map<_, _>>())
}

fn version(value: &Value) -> Version {
    match value {
        Value::String(text) => Version::Str(text.as_str().into()),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Version::Int(number),
            None => Version::Float(number.as_f64().expect("a number")),
        },
        other => panic!("no version: {other}"),
    }
}

fn version_json(version: &Version) -> Value {
    match version {
        Version::Int(number) => json!(number),
        Version::Float(number) => json!(number),
        Version::Str(text) => json!(**text),
    }
}

fn array(value: &Value) -> &[Value] {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_else(|| panic!("no array: {value}"))
}

fn object(value: &Value) -> &Map<String, Value> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"))
}

fn string(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

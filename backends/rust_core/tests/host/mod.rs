//! A host whose values are JSON: the reducers and custom channels that scenarios name.
//!
//! `tests/scenarios/README.md` at the top of the repository is its specification.

use lge_core::dialogue::{Answer, CustomCall, Request, Values};
use lge_core::names::{ChannelId, Id as _};
use serde_json::{Value, json};
use std::cell::RefCell;

/// What a scenario's graph says of each channel that needs a host.
#[derive(Debug, Clone, Default)]
pub struct Callables {
    pub reducer: Option<String>,
    pub custom: Option<String>,
}

/// A reducer's own error: the host's, not the core's.
#[derive(Debug)]
pub struct ReducerFailed;

#[derive(Debug)]
pub struct Host {
    callables: Vec<Callables>,
    /// Live custom channels; a value `{"$live": index}` stands for one.
    objects: RefCell<Vec<Object>>,
}

#[derive(Debug, Clone)]
enum Object {
    Counter(i64),
    Log(Vec<String>),
}

impl Host {
    pub fn of(callables: Vec<Callables>) -> Self {
        Host {
            callables,
            objects: RefCell::new(Vec::new()),
        }
    }

    pub fn answer(&self, request: Request<Value>) -> Result<Answer<Value>, ReducerFailed> {
        Ok(match request {
            Request::Initial { channel } => match self.reducer(channel) {
                "int_add" | "fail" => Answer::Value(json!(0)),
                "list_concat" => Answer::Value(json!([])),
                "str_concat" => Answer::Value(json!("")),
                "int_max" => Answer::Nothing,
                other => panic!("no reducer '{other}'"),
            },
            Request::Fold {
                channel,
                base,
                values,
            } => Answer::Value(fold(self.reducer(channel), base, values)?),
            Request::Load { channel, saved } => {
                let custom = self.callables[channel.index()].custom.as_deref();
                Answer::Value(self.keep(Object::load(custom.expect("a custom channel"), saved)))
            }
            Request::Custom { object, call, .. } => self.call(&object, call),
        })
    }

    /// The saved form of a live custom channel.
    pub fn saved(&self, object: &Value) -> Option<Value> {
        self.objects.borrow()[index(object)?].saved()
    }

    fn reducer(&self, channel: ChannelId) -> &str {
        self.callables[channel.index()]
            .reducer
            .as_deref()
            .expect("a reducer")
    }

    fn keep(&self, object: Object) -> Value {
        let mut objects = self.objects.borrow_mut();
        objects.push(object);
        json!({ "$live": objects.len() - 1 })
    }

    fn call(&self, object: &Value, call: CustomCall<Value>) -> Answer<Value> {
        let at = index(object).expect("a live object");
        if matches!(call, CustomCall::Copy) {
            let copy = self.objects.borrow()[at].clone();
            return Answer::Value(self.keep(copy));
        }
        let object = &mut self.objects.borrow_mut()[at];
        let optional = |value: Option<Value>| value.map_or(Answer::Nothing, Answer::Value);
        match call {
            CustomCall::Update(values) => Answer::Flag(object.update(&values)),
            CustomCall::Consume => Answer::Flag(object.note("consume")),
            CustomCall::Finish => Answer::Flag(object.note("finish")),
            CustomCall::IsAvailable => Answer::Flag(object.saved().is_some()),
            CustomCall::Get | CustomCall::Checkpoint => optional(object.saved()),
            CustomCall::Copy => unreachable!("copied above"),
        }
    }
}

impl Object {
    fn load(name: &str, saved: Option<Value>) -> Self {
        match name {
            "counter" => Object::Counter(saved.and_then(|saved| saved.as_i64()).unwrap_or(0)),
            "log" => {
                let calls = saved.map(|saved| serde_json::from_value(saved).expect("text"));
                Object::Log(calls.unwrap_or_default())
            }
            other => panic!("no custom channel '{other}'"),
        }
    }

    /// Its value, which is also its saved form; none while it is empty.
    fn saved(&self) -> Option<Value> {
        match self {
            Object::Counter(total) => (*total != 0).then(|| json!(total)),
            Object::Log(calls) => (!calls.is_empty()).then(|| json!(calls)),
        }
    }

    fn update(&mut self, values: &[Value]) -> bool {
        match self {
            Object::Counter(total) => {
                *total += values.iter().filter_map(Value::as_i64).sum::<i64>()
            }
            Object::Log(calls) => calls.push(format!("update {}", values.len())),
        }
        !values.is_empty()
    }

    fn note(&mut self, call: &str) -> bool {
        match self {
            Object::Counter(_) => false,
            Object::Log(calls) => {
                calls.push(call.to_owned());
                true
            }
        }
    }
}

fn index(object: &Value) -> Option<usize> {
    Some(object.get("$live")?.as_u64()? as usize)
}

fn fold(reducer: &str, base: Option<Value>, values: Values<Value>) -> Result<Value, ReducerFailed> {
    let mut values = values.into_iter();
    let mut value = match base {
        Some(base) => base,
        None => values.next().expect("a fold has values"),
    };
    let mut overwritten = false;
    for item in values {
        match item.get("$overwrite") {
            Some(_) if overwritten => return Err(ReducerFailed),
            Some(new) => {
                value = new.clone();
                overwritten = true;
            }
            None if overwritten => {}
            None => value = combine(reducer, &value, &item).ok_or(ReducerFailed)?,
        }
    }
    Ok(value)
}

fn combine(reducer: &str, one: &Value, other: &Value) -> Option<Value> {
    match reducer {
        "int_add" => Some(json!(one.as_i64()? + other.as_i64()?)),
        "int_max" => Some(json!(one.as_i64()?.max(other.as_i64()?))),
        "list_concat" => Some(json!(
            [one.as_array()?.as_slice(), other.as_array()?].concat()
        )),
        "str_concat" => Some(json!(format!("{}{}", one.as_str()?, other.as_str()?))),
        _ => None,
    }
}

//! The topic of packets waiting to run: like any topic, and it knows the node each one names.

use super::topic::{Rules, collect};
use super::{Change, Packet, Saved, State, Writes, Written};

pub(crate) fn update<V>(rules: Rules, state: Option<&State<V>>, writes: Writes<V>) -> Change<V> {
    collect(rules, state, writes, |writes| of(writes.into_iter()))
}

/// The state made of these writes.
pub(crate) fn of<V>(writes: impl Iterator<Item = Written<V>>) -> State<V> {
    State::Packets(writes.map(Packet::of).collect())
}

pub(crate) fn values<V: Clone>(packets: &[Packet<V>]) -> Vec<V> {
    packets.iter().map(|packet| packet.value.clone()).collect()
}

pub(crate) fn save<V: Clone>(state: Option<&State<V>>) -> Saved<V> {
    match state {
        Some(State::Packets(packets)) => Saved::Items(values(packets)),
        _ => Saved::Items(Vec::new()),
    }
}

pub(crate) fn load<V>(packets: Vec<Packet<V>>) -> Option<State<V>> {
    (!packets.is_empty()).then_some(State::Packets(packets))
}

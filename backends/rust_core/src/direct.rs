//! A commit that asks nobody and can't be refused: checked as a whole first, then applied in place.
//!
//! That is what most supersteps come to: no channel of the host's own in the graph, no reducer's channel
//! written, every channel written once, or a topic several times in a row. Nothing has to be staged then.
//! Any other commit goes through the phases of [`commit`](crate::commit); these are the same ones, and a
//! test holds the two to it.

use crate::batch::{AllWrites, Ordered};
use crate::channels::{Change, Kind, Label, Packet, State, Written, named_barrier, tasks, topic};
use crate::commit::{Committed, Retired};
use crate::names::ChannelId;
use crate::run::Run;
use crate::states::{Place, States};
use crate::versions::Version;
use smallvec::SmallVec;

/// The channels a superstep writes, each once, in the order of the writes.
pub(crate) type Targets = SmallVec<[Target; 4]>;

/// A channel that is written.
#[derive(Debug)]
pub(crate) struct Target {
    channel: ChannelId,
    place: Place,
    /// How many writes in a row are to it.
    writes: u32,
}

impl<V: Clone> Run<V> {
    /// The channels written, if this can be applied without asking and without being refused.
    pub(crate) fn written_once(&mut self, writes: &AllWrites<V>) -> Option<Targets> {
        let program = &*self.program;
        if program.has_custom {
            return None;
        }
        self.states.claim_anew();
        let mut targets = Targets::with_capacity(writes.len());
        for write in writes {
            let written = write.written.as_ref()?;
            let kind = program.kind(write.channel);
            match kind {
                Kind::BinaryOperator | Kind::Custom => return None,
                Kind::NamedBarrier(_) | Kind::NamedBarrierAfterFinish(_)
                    if !matches!(written.label, Label::Index(_)) =>
                {
                    return None;
                }
                _ => {}
            }
            if let Some(place) = self.states.claim(write.channel) {
                targets.push(Target {
                    channel: write.channel,
                    place,
                    writes: 1,
                });
                continue;
            }
            let last = targets.last_mut()?;
            if !matches!(kind, Kind::Topic(_) | Kind::Tasks(_)) || last.channel != write.channel {
                return None;
            }
            last.writes += 1;
        }
        Some(targets)
    }

    /// Applies what [`Run::written_once`] agreed to.
    pub(crate) fn commit_directly(
        &mut self,
        ordered: Ordered<V>,
        targets: &Targets,
        version: Version,
    ) -> Committed<V> {
        let consumed = ordered.consumed(&self.program);
        let step_passed = ordered.step_passed(&self.program);
        self.mark_seen(&ordered.tasks, &ordered.triggers);
        let mut applied = Applied {
            states: &mut self.states,
            version,
            updated: Vec::with_capacity(targets.len()),
            retired: Retired::with_capacity(targets.len()),
            changed: false,
        };
        let program = &*self.program;
        for channel in consumed {
            applied.consume(program.kind(channel), channel);
        }
        let mut writes = ordered.writes.into_iter();
        for target in targets {
            let kind = program.kind(target.channel);
            let taken = writes.by_ref().take(target.writes as usize);
            let taken = taken.filter_map(|write| write.written);
            if applied.take(kind, target, taken) {
                applied.changed(kind, target.channel, target.place);
            }
        }
        if step_passed {
            applied.forget();
            if !applied.updated.iter().any(|id| program.may_trigger(*id)) {
                for &channel in &program.waiting {
                    applied.finish(program.kind(channel), channel);
                }
            }
        }
        if applied.changed {
            self.highest = Some(applied.version);
        }
        Committed {
            updated: applied.updated,
            unknown: ordered.unknown,
            retired: applied.retired,
        }
    }
}

/// A commit being applied, and what it did so far.
struct Applied<'a, V> {
    states: &'a mut States<V>,
    version: Version,
    updated: Vec<ChannelId>,
    retired: Retired<V>,
    changed: bool,
}

impl<V> Applied<'_, V> {
    /// A task was triggered by the channel.
    fn consume(&mut self, kind: &Kind, channel: ChannelId) {
        let place = self.states.place(channel);
        match kind.consume(self.states.at(place)) {
            Change::Emptied => self.empty(channel, place),
            Change::To(state) => {
                let before = self.states.put(kind, channel, place, state);
                self.retired.state(before);
                self.states
                    .set_version(channel, place, self.version.clone());
                self.changed = true;
            }
            Change::Same | Change::More(_) => {}
        }
    }

    /// A written channel takes its writes; says whether it changed.
    #[inline]
    fn take(
        &mut self,
        kind: &Kind,
        target: &Target,
        mut written: impl Iterator<Item = Written<V>>,
    ) -> bool {
        let retired = &mut self.retired;
        let state = self.states.at_mut(target.place);
        // What is there is changed where it is: nothing is as slow as moving states about.
        match (kind, state) {
            (Kind::Topic(rules), Some(State::Items(items))) => {
                if !rules.accumulate {
                    retired.values(items.drain(..));
                }
                items.extend(written.map(|one| one.value));
            }
            (Kind::Tasks(rules), Some(State::Packets(packets))) => {
                if !rules.accumulate {
                    retired.values(packets.drain(..).map(|packet| packet.value));
                }
                packets.extend(written.map(Packet::of));
            }
            (Kind::NamedBarrier(_) | Kind::NamedBarrierAfterFinish(_), state) => {
                let name = written.next().map(|one| one.label);
                return matches!(name, Some(Label::Index(name)) if named_barrier::arrive(state, name));
            }
            (Kind::Topic(_), _) => self.put(kind, target, topic::of(written)),
            (Kind::Tasks(_), _) => self.put(kind, target, tasks::of(written)),
            (_, state) => {
                let Some(one) = written.next() else {
                    return false;
                };
                match state {
                    Some(State::Value(value)) => {
                        retired.value(std::mem::replace(value, one.value));
                    }
                    Some(State::Finishing(value, finished)) => {
                        retired.value(std::mem::replace(value, one.value));
                        *finished = false;
                    }
                    _ if matches!(kind, Kind::LastValueAfterFinish) => {
                        self.put(kind, target, State::Finishing(one.value, false));
                    }
                    _ => self.put(kind, target, State::Value(one.value)),
                }
            }
        }
        true
    }

    fn put(&mut self, kind: &Kind, target: &Target, state: State<V>) {
        let before = self.states.put(kind, target.channel, target.place, state);
        self.retired.state(before);
    }

    fn empty(&mut self, channel: ChannelId, place: Place) {
        let before = self.states.empty(place);
        self.retired.state(before);
        self.states
            .set_version(channel, place, self.version.clone());
        self.changed = true;
    }

    /// A channel's state was changed.
    #[inline]
    fn changed(&mut self, kind: &Kind, channel: ChannelId, place: Place) {
        if kind.available(self.states.at(place)) {
            self.updated.push(channel);
        }
        self.states
            .set_version(channel, place, self.version.clone());
        self.changed = true;
    }

    /// Channels that were not written forget.
    fn forget(&mut self) {
        self.states.tidy();
        for at in 0..self.states.fleeting().len() {
            let channel = self.states.fleeting()[at];
            let place = self.states.place(channel);
            if !self.states.is_claimed(place) {
                self.empty(channel, place);
            }
        }
    }

    /// Nothing will be triggered: a waiting channel finishes.
    fn finish(&mut self, kind: &Kind, channel: ChannelId) {
        let Some(place) = self.states.find(channel) else {
            return;
        };
        if let Some(state) = self.states.at_mut(place)
            && kind.finish_in_place(state)
        {
            self.changed(kind, channel, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use std::sync::Arc;

    const NODES: usize = 4;

    /// Numbers that look random and are the same every time.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end
        }
    }

    /// Two channels of every kind that needs no host; each node has triggers of its own.
    fn program() -> Arc<Program> {
        let names = || ["a", "b"].map(String::from).to_vec();
        let kinds = [
            ChannelKind::LastValue,
            ChannelKind::LastValueAfterFinish,
            ChannelKind::AnyValue,
            ChannelKind::EphemeralValue { guard: true },
            ChannelKind::EphemeralValue { guard: false },
            ChannelKind::UntrackedValue { guard: true },
            ChannelKind::Topic { accumulate: false },
            ChannelKind::Topic { accumulate: true },
            ChannelKind::NamedBarrier { names: names() },
            ChannelKind::NamedBarrierAfterFinish { names: names() },
        ];
        let twice = kinds.iter().chain(&kinds).cloned();
        let all = twice.chain([ChannelKind::Tasks { accumulate: false }]);
        let channels: Vec<ChannelSpec> = all
            .enumerate()
            .map(|(at, kind)| ChannelSpec {
                name: format!("c{at:02}"),
                kind,
            })
            .collect();
        let nodes = (0..NODES).map(|node| NodeSpec {
            name: format!("n{node}"),
            triggers: (node..channels.len() - 1)
                .step_by(NODES)
                .map(|at| format!("c{at:02}"))
                .collect(),
            reads: Reads::Many(vec![]),
            runs: true,
        });
        let nodes = nodes.collect();
        Arc::new(
            Program::compile(Graph {
                channels,
                nodes,
                trigger_to_nodes: vec![("c00".into(), vec!["n0".into()])],
            })
            .expect("a good graph"),
        )
    }

    fn started(program: &Arc<Program>) -> Run<u32> {
        let (_, unanswered) = Restore::begin(Arc::clone(program)).requests();
        unanswered.answer(vec![]).expect("nothing to prepare")
    }

    /// A superstep's writes: few and, but for now and then, each to another channel.
    fn batch<'p>(program: &'p Program, numbers: &mut Numbers) -> Batch<'p, u32> {
        let mut batch = Batch::new(program);
        let mut free: Vec<usize> = (0..program.channel_count()).collect();
        for _ in 0..numbers.below(3) {
            let node = NodeId(numbers.below(NODES) as u32);
            batch.task(PathKey::Pull(node), NodeRef::Known(node));
            match numbers.below(4) {
                0 => {}
                1 => batch.trigger(ChannelRef::Known(ChannelId(numbers.below(20) as u32))),
                _ => batch.own_triggers(),
            }
            for _ in 0..numbers.below(6) {
                let at = numbers.below(free.len());
                let channel = ChannelId(free[at] as u32);
                if numbers.below(20) > 0 {
                    free.swap_remove(at);
                }
                let kind = program.label_of(channel);
                let label = match kind {
                    crate::program::LabelKind::Name => ["a", "b", "c"][numbers.below(41) / 20],
                    _ => ["n0", "n1", "gone"][numbers.below(3)],
                };
                let items = matches!(kind, crate::program::LabelKind::Items);
                for _ in 0..if items { 1 + numbers.below(3) } else { 1 } {
                    batch.write(channel, numbers.below(1_000) as u32, Some(label));
                }
                if numbers.below(60) == 0 {
                    batch.write_nothing(channel);
                }
            }
        }
        batch
    }

    /// Everything a run and a commit say.
    fn told(
        run: &Run<u32>,
        step: Result<CommitStep<u32>, Refusal<u32>>,
    ) -> (String, Vec<ChannelId>) {
        let (said, mut updated) = match step {
            Ok(Step::Done(committed)) => (format!("{:?}", committed.unknown), committed.updated),
            other => (format!("{other:?}"), vec![]),
        };
        updated.sort_unstable();
        let channels = 0..run.program().channel_count() as u32;
        let states: Vec<_> = channels.map(|id| run.state(ChannelId(id))).collect();
        let versions: Vec<_> = run.channel_versions().collect();
        let seen = run.versions_seen();
        let seen: Vec<_> = seen
            .map(|(node, seen)| (node, seen.collect::<Vec<_>>()))
            .collect();
        let run = format!("{states:?} {versions:?} {seen:?} {:?}", run.max_version());
        (format!("{said} {run}"), updated)
    }

    #[test]
    fn what_is_applied_in_place_is_what_would_have_been_staged() {
        let program = program();
        let mut directly = 0;
        for seed in 0..400 {
            let (mut run, mut other) = (started(&program), started(&program));
            let mut numbers = (Numbers(seed), Numbers(seed));
            for _ in 0..12 {
                let ordered = batch(&program, &mut numbers.0).sort();
                directly += usize::from(run.written_once(&ordered.writes).is_some());
                let version = Version::after(run.max_version()).expect("a number");
                let step = match run.written_once(&ordered.writes) {
                    Some(targets) => {
                        Ok(Step::Done(run.commit_directly(ordered, &targets, version)))
                    }
                    None => run.begin_asking(ordered, version),
                };
                let version = Version::after(other.max_version()).expect("a number");
                let staged = other.begin_asking(batch(&program, &mut numbers.1).sort(), version);
                assert_eq!(told(&run, step), told(&other, staged), "seed {seed}");
            }
        }
        assert!((1_000..4_700).contains(&directly), "{directly} of 4800");
    }
}

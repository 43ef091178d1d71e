//! A commit that can't be refused: checked as a whole first, then applied in place.
//!
//! That is what most supersteps come to: no channel of the host's own in the graph, and every channel written
//! once, or several times in a row if that is all the same to it. Nothing has to be staged then: reducers are
//! asked first, and when all have answered the rest can't fail. Any other commit goes through the phases of
//! [`commit`](crate::commit); these are the same ones, and a test holds the two to it.

use crate::batch::{AllWrites, Ordered, Write};
use crate::channels::{
    Change, Class, Kind, Label, Packet, State, Written, named_barrier, tasks, topic,
};
use crate::commit::{CommitStep, Committed, Refusal, Retired, UnderWay};
use crate::dialogue::{Answer, Request, Step, wrong};
use crate::names::ChannelId;
use crate::program::Program;
use crate::run::Run;
use crate::states::{Place, States};
use crate::versions::Version;

/// Whether a reducer has to be asked before a commit can be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folds(bool);

/// A commit that can't be refused.
#[derive(Debug)]
pub(crate) struct DirectCommit<V> {
    /// Each write knows the place of its channel, and those to one channel follow one another.
    ordered: Ordered<V>,
    folds: Folds,
    version: Version,
    /// The next write to look at.
    next: usize,
    /// How many questions were asked.
    asked: usize,
    /// What reducers answered.
    folded: Vec<V>,
}

impl<V: Clone> DirectCommit<V> {
    /// Of writes that [`Run::written_once`] agreed to.
    pub(crate) fn of(ordered: Ordered<V>, folds: Folds, version: Version) -> Self {
        DirectCommit {
            ordered,
            folds,
            version,
            next: 0,
            asked: 0,
            folded: Vec::new(),
        }
    }

    /// At most so many questions are left.
    pub(crate) fn left(&self) -> usize {
        self.ordered.writes.len() - self.next
    }

    /// The next question, if there is one and every question before it was answered.
    pub(crate) fn next_question(&mut self, run: &Run<V>) -> Result<Option<Request<V>>, Refusal<V>> {
        if self.folded.len() != self.asked {
            return Err(wrong("the values of all channels it asked about").into());
        }
        Ok(self.next_fold(run))
    }

    /// The next question to a reducer, if there is one.
    pub(crate) fn next_fold(&mut self, run: &Run<V>) -> Option<Request<V>> {
        loop {
            let rest = self.ordered.writes.get_mut(self.next..)?;
            let (channel, place) = rest.first().map(|first| (first.channel, Place(first.at)))?;
            let count = 1 + in_a_row(channel, &rest[1..]);
            self.next += count;
            if run.program.class(channel) == Class::Fold {
                self.asked += 1;
                let written = rest[..count].iter_mut();
                let written = written.filter_map(|write| write.written.take());
                return Some(Request::Fold {
                    channel,
                    base: match run.states.at(place) {
                        Some(State::Value(value)) => Some(value.clone()),
                        _ => None,
                    },
                    values: written.map(|written| written.value).collect(),
                });
            }
        }
    }

    pub(crate) fn take_answer(&mut self, answer: Answer<V>) -> Result<(), Refusal<V>> {
        self.folded.push(answer.value()?);
        Ok(())
    }

    pub(crate) fn each_value(&self, visit: &mut impl FnMut(&V)) {
        let written = self.ordered.writes.iter();
        let written = written.filter_map(|write| write.written.as_ref());
        written.for_each(|written| visit(&written.value));
        self.folded.iter().for_each(visit);
    }
}

impl<V: Clone> Run<V> {
    /// Finds the places of the channels written, if all can be applied without being refused.
    pub(crate) fn written_once(&mut self, writes: &mut AllWrites<V>) -> Option<Folds> {
        let program = &*self.program;
        if program.has_custom {
            return None;
        }
        self.states.claim_anew();
        let mut folds = false;
        let mut last = None;
        for write in writes {
            let written = write.written.as_ref()?;
            let class = program.class(write.channel);
            match class {
                Class::Fold => folds = true,
                Class::Barrier if !matches!(written.label, Label::Index(_)) => return None,
                _ => {}
            }
            let several = matches!(class, Class::Topic | Class::Fold);
            let place = match last {
                Some((channel, place)) if several && channel == write.channel => place,
                _ => self.states.claim(write.channel)?,
            };
            write.at = place.0;
            last = Some((write.channel, place));
        }
        Some(Folds(folds))
    }

    /// Starts a commit that can't be refused.
    pub(crate) fn begin_direct(
        &mut self,
        commit: DirectCommit<V>,
    ) -> Result<CommitStep<V>, Refusal<V>> {
        if commit.folds.0 {
            return self.go_on(Box::new(UnderWay::Direct(commit)));
        }
        Ok(Step::Done(self.apply(commit)))
    }

    /// Every reducer has answered: nothing can fail any more.
    pub(crate) fn apply(&mut self, commit: DirectCommit<V>) -> Committed<V> {
        let DirectCommit {
            mut ordered,
            version,
            folded,
            ..
        } = commit;
        let consumed = ordered.consumed(&self.program);
        let step_passed = ordered.step_passed(&self.program);
        self.mark_seen(&ordered.tasks, &ordered.triggers);
        let mut applied = Applied {
            states: &mut self.states,
            version,
            updated: Vec::with_capacity(ordered.writes.len()),
            retired: Retired::with_capacity(0),
            changed: false,
        };
        let program = &*self.program;
        for channel in consumed {
            applied.consume(program.kind(channel), channel);
        }
        let mut folded = folded.into_iter();
        let mut rest = &mut ordered.writes[..];
        while let Some((first, others)) = std::mem::take(&mut rest).split_first_mut() {
            let target = Target {
                channel: first.channel,
                place: Place(first.at),
            };
            let class = program.class(target.channel);
            let (others, next) = others.split_at_mut(in_a_row(target.channel, others));
            rest = next;
            match class {
                Class::Value | Class::Hidden => applied.exchange(program, &target, class, first),
                Class::Topic => {
                    let written = std::iter::once(first).chain(others);
                    let written = written.filter_map(|write| write.written.take());
                    applied.collect(program.kind(target.channel), &target, written);
                }
                Class::Fold => {
                    // Its writes were handed out.
                    if let Some(value) = folded.next() {
                        applied.replace(program, &target, value);
                    }
                }
                Class::Barrier => {
                    if let Some(Label::Index(name)) = first.written.as_ref().map(|it| it.label) {
                        applied.arrive(program.kind(target.channel), &target, name);
                    }
                }
                // In a graph that has one nothing is applied like this.
                Class::Custom => {}
            }
        }
        if step_passed {
            applied.forget();
            let waiting = &program.waiting;
            if !waiting.is_empty() && !applied.updated.iter().any(|id| program.may_trigger(*id)) {
                for &channel in waiting {
                    applied.finish(program.kind(channel), channel);
                }
            }
        }
        applied.retired.exchanged(ordered.writes);
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

/// How many of the first of these writes are to the channel.
#[inline]
fn in_a_row<V>(channel: ChannelId, writes: &[Write<V>]) -> usize {
    let same = writes.iter().take_while(|write| write.channel == channel);
    same.count()
}

/// A channel that is written.
#[derive(Debug, Clone, Copy)]
struct Target {
    channel: ChannelId,
    place: Place,
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

    /// A channel takes its only write, which has the value before then: nothing is as slow as moving
    /// values about.
    #[inline]
    fn exchange(&mut self, program: &Program, target: &Target, class: Class, write: &mut Write<V>) {
        let Some(written) = &mut write.written else {
            return;
        };
        match self.states.at_mut(target.place) {
            Some(State::Value(value)) => std::mem::swap(value, &mut written.value),
            Some(State::Finishing(value, finished)) => {
                std::mem::swap(value, &mut written.value);
                *finished = false;
            }
            _ => self.begin(program, target, class, write),
        }
        self.changed(target, class == Class::Value);
    }

    /// A channel that holds nothing takes its only write.
    #[inline(never)]
    fn begin(&mut self, program: &Program, target: &Target, class: Class, write: &mut Write<V>) {
        if let Some(written) = write.written.take() {
            let state = match class {
                Class::Hidden => State::Finishing(written.value, false),
                _ => State::Value(written.value),
            };
            self.put(program.kind(target.channel), target, state);
        }
    }

    /// A channel has this value now.
    fn replace(&mut self, program: &Program, target: &Target, value: V) {
        match self.states.at_mut(target.place) {
            Some(State::Value(before)) => {
                self.retired.value(std::mem::replace(before, value));
            }
            _ => self.put(program.kind(target.channel), target, State::Value(value)),
        }
        self.changed(target, true);
    }

    /// A name arrives at a barrier.
    fn arrive(&mut self, kind: &Kind, target: &Target, name: u32) {
        let state = self.states.at_mut(target.place);
        if named_barrier::arrive(state, name) {
            let available = kind.available(state.as_ref());
            self.changed(target, available);
        }
    }

    /// A topic takes its writes.
    fn collect(&mut self, kind: &Kind, target: &Target, written: impl Iterator<Item = Written<V>>) {
        let retired = &mut self.retired;
        match (kind, self.states.at_mut(target.place)) {
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
            (Kind::Tasks(_), _) => self.put(kind, target, tasks::of(written)),
            _ => self.put(kind, target, topic::of(written)),
        }
        self.changed(target, true);
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
    #[inline(always)]
    fn changed(&mut self, target: &Target, available: bool) {
        if available {
            self.updated.push(target.channel);
        }
        self.states
            .set_version(target.channel, target.place, self.version.clone());
        self.changed = true;
    }

    /// Channels that were not written forget.
    fn forget(&mut self) {
        if self.states.is_all_claimed() {
            return;
        }
        self.states.tidy();
        for at in 0..self.states.fleeting().len() {
            let (channel, place) = self.states.fleeting()[at];
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
            let available = kind.available(self.states.at(place));
            self.changed(&Target { channel, place }, available);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DirectCommit;
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

    /// Two channels of every kind but custom; each node has triggers of its own.
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
            ChannelKind::BinaryOperator,
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
        let (requests, unanswered) = Restore::begin(Arc::clone(program)).requests();
        let answers = [Answer::Value(1), Answer::Nothing];
        assert_eq!(requests.len(), answers.len());
        unanswered.answer(answers.into()).expect("two reducers")
    }

    /// Answers questions; gives the commit up if a reducer doesn't like its values.
    fn answered(
        run: &mut Run<u32>,
        mut step: Result<CommitStep<u32>, Refusal<u32>>,
    ) -> Result<CommitStep<u32>, Refusal<u32>> {
        while let Ok(Step::Ask(Request::Fold { base, values, .. })) = &step {
            let sum = base.unwrap_or(0) + values.iter().sum::<u32>();
            if sum % 9 == 0 {
                drop(run.abort_commit());
                return step;
            }
            step = run.answer_commit(Answer::Value(sum));
        }
        step
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
                1 => batch.trigger(ChannelRef::Known(ChannelId(numbers.below(22) as u32))),
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
                let items =
                    !matches!(kind, crate::program::LabelKind::Name) && numbers.below(2) > 0;
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
                let mut ordered = batch(&program, &mut numbers.0).sort();
                directly += usize::from(run.written_once(&mut ordered.writes).is_some());
                let version = Version::after(run.max_version()).expect("a number");
                let step = match run.written_once(&mut ordered.writes) {
                    Some(folds) => run.begin_direct(DirectCommit::of(ordered, folds, version)),
                    None => run.begin_staged(ordered, version),
                };
                let step = answered(&mut run, step);
                let version = Version::after(other.max_version()).expect("a number");
                let staged = other.begin_staged(batch(&program, &mut numbers.1).sort(), version);
                let staged = answered(&mut other, staged);
                assert_eq!(told(&run, step), told(&other, staged), "seed {seed}");
            }
        }
        assert!((1_000..4_700).contains(&directly), "{directly} of 4800");
    }
}

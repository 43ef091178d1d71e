//! A commit that asks nobody and can't be refused: checked as a whole first, then applied in place.
//!
//! That is what most supersteps come to: no channel of the host's own in the graph, no reducer's channel
//! written, every channel written once. Nothing has to be staged then. Any other commit goes through the
//! phases of [`commit`](crate::commit); these are the same ones, and a test holds the two to it.

use crate::batch::{AllWrites, Ordered};
use crate::channels::{Change, Kind, Label, State, Update, Writes};
use crate::commit::{Committed, Retired};
use crate::names::{ChannelId, Id as _};
use crate::run::Run;
use crate::states::Place;
use crate::versions::Version;
use smallvec::SmallVec;

/// Where the channels are that a superstep writes, each once, in the order of the writes.
pub(crate) type Places = SmallVec<[Place; 4]>;

impl<V: Clone> Run<V> {
    /// Where the written channels are, if this can be applied without asking and without being
    /// refused.
    pub(crate) fn written_once(&mut self, writes: &AllWrites<V>) -> Option<Places> {
        let program = &*self.program;
        if program.has_custom {
            return None;
        }
        self.states.claim_anew();
        let mut places = Places::with_capacity(writes.len());
        for write in writes {
            let written = write.written.as_ref()?;
            match program.kind(write.channel) {
                Kind::BinaryOperator | Kind::Custom => return None,
                Kind::NamedBarrier(_) | Kind::NamedBarrierAfterFinish(_)
                    if !matches!(written.label, Label::Index(_)) =>
                {
                    return None;
                }
                _ => places.push(self.states.claim(write.channel)?),
            }
        }
        Some(places)
    }

    /// Applies what [`Run::written_once`] agreed to.
    pub(crate) fn commit_directly(
        &mut self,
        ordered: Ordered<V>,
        places: &Places,
        version: Version,
    ) -> Committed<V> {
        let consumed = ordered.consumed(&self.program);
        let step_passed = ordered.step_passed(&self.program);
        self.mark_seen(&ordered.tasks, &ordered.triggers);
        let mut applied = Applied {
            version,
            updated: Vec::with_capacity(places.len()),
            retired: Retired::with_capacity(places.len()),
            changed: false,
        };
        for channel in consumed {
            let place = self.states.place(channel);
            let change = self.program.kind(channel).consume(self.states.at(place));
            self.apply(channel, place, change, &mut applied);
        }
        for (write, &place) in ordered.writes.into_iter().zip(places) {
            let Some(written) = write.written else {
                continue; // there are none such here
            };
            if self.program.kind(write.channel).keeps_what_is_written() {
                let state = State::Value(written.value);
                self.apply_state(write.channel, place, state, &mut applied);
            } else {
                let writes = Writes::from_buf([written]);
                self.update(write.channel, place, writes, &mut applied);
            }
        }
        if step_passed {
            self.forget_and_finish(&mut applied);
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

    /// What was not written forgets; if nothing will be triggered, waiting channels finish.
    fn forget_and_finish(&mut self, applied: &mut Applied<V>) {
        self.states.tidy();
        for at in 0..self.states.fleeting().len() {
            let channel = self.states.fleeting()[at];
            let place = self.states.place(channel);
            if !self.states.is_claimed(place) {
                self.update(channel, place, Writes::new(), applied);
            }
        }
        let may_trigger = |id: &ChannelId| self.program.channels[id.index()].may_trigger.is_some();
        if applied.updated.iter().any(may_trigger) {
            return;
        }
        for at in 0..self.program.waiting.len() {
            let channel = self.program.waiting[at];
            let Some(state) = self.states.get(channel) else {
                continue;
            };
            let change = self.program.kind(channel).finish(Some(state));
            let place = self.states.place(channel);
            self.apply(channel, place, change, applied);
        }
    }

    fn update(
        &mut self,
        channel: ChannelId,
        place: Place,
        writes: Writes<V>,
        applied: &mut Applied<V>,
    ) {
        let kind = self.program.kind(channel);
        match kind.update(self.states.at(place), writes) {
            Ok(Update::Change(change)) => self.apply(channel, place, change, applied),
            Ok(Update::Fold(_) | Update::Custom(_)) | Err(_) => {
                unreachable!("`written_once` lets nothing through that asks or is refused")
            }
        }
    }

    fn apply(
        &mut self,
        channel: ChannelId,
        place: Place,
        change: Change<V>,
        applied: &mut Applied<V>,
    ) {
        match change {
            Change::Same => {}
            Change::Emptied => {
                applied.retired.extend(self.states.empty(place));
                self.set_version(channel, place, applied);
            }
            Change::To(state) => self.apply_state(channel, place, state, applied),
            Change::More(more) => {
                let kind = self.program.kind(channel);
                self.states.extend(kind, channel, place, more);
                self.set_version(channel, place, applied);
                applied.updated.push(channel);
            }
        }
    }

    #[inline]
    fn apply_state(
        &mut self,
        channel: ChannelId,
        place: Place,
        state: State<V>,
        applied: &mut Applied<V>,
    ) {
        let kind = self.program.kind(channel);
        if kind.available(Some(&state)) {
            applied.updated.push(channel);
        }
        let before = self.states.put(kind, channel, place, state);
        applied.retired.extend(before);
        self.set_version(channel, place, applied);
    }

    #[inline]
    fn set_version(&mut self, channel: ChannelId, place: Place, applied: &mut Applied<V>) {
        self.states
            .set_version(channel, place, applied.version.clone());
        applied.changed = true;
    }
}

/// What a commit has done so far.
struct Applied<V> {
    version: Version,
    updated: Vec<ChannelId>,
    retired: Retired<V>,
    changed: bool,
}

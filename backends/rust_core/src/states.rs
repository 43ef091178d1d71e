//! What the channels of a run hold, and at which version. Only channels that were touched are here.

use crate::channels::{Kind, State};
use crate::id_map::IdMap;
use crate::names::ChannelId;
use crate::versions::Version;

#[derive(Debug)]
pub(crate) struct States<V> {
    /// A channel that was emptied keeps its place.
    slots: IdMap<ChannelId, Slot<V>>,
    /// The commit that last claimed each place.
    claims: Vec<u32>,
    /// The commit that claims now.
    claiming: u32,
    /// The channels that have a version, in the order they got their first.
    versioned: Vec<ChannelId>,
    /// The channels that a superstep without a write may change, so that a commit costs what was
    /// written. Some may have been emptied since, and be here twice; see [`States::tidy`].
    fleeting: Vec<(ChannelId, Place)>,
}

/// What a run has of a channel.
#[derive(Debug)]
struct Slot<V> {
    state: Option<State<V>>,
    version: Option<Version>,
}

/// Where a channel is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(pub(crate) u32);

impl Place {
    fn number(at: usize) -> Self {
        Place(u32::try_from(at).expect("a graph has fewer than 2^32 channels"))
    }
}

impl<V> Default for States<V> {
    fn default() -> Self {
        States {
            slots: IdMap::default(),
            claims: Vec::new(),
            claiming: 0,
            versioned: Vec::new(),
            fleeting: Vec::new(),
        }
    }
}

impl<V> States<V> {
    #[inline]
    pub(crate) fn get(&self, channel: ChannelId) -> Option<&State<V>> {
        self.slots.get(channel)?.state.as_ref()
    }

    #[inline]
    pub(crate) fn version(&self, channel: ChannelId) -> Option<&Version> {
        self.slots.get(channel)?.version.as_ref()
    }

    /// Every channel that has a version, in the order they got their first.
    pub(crate) fn versions(&self) -> impl ExactSizeIterator<Item = (ChannelId, &Version)> {
        self.versioned.iter().map(|channel| {
            let version = self.version(*channel);
            (*channel, version.expect("a version is never taken back"))
        })
    }

    /// The channels that hold something, and what, in the order they were first touched.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ChannelId, &State<V>)> {
        let slots = self.slots.iter();
        slots.filter_map(|(channel, slot)| Some((*channel, slot.state.as_ref()?)))
    }

    /// Where a channel is, from now on.
    #[inline]
    pub(crate) fn place(&mut self, channel: ChannelId) -> Place {
        match self.slots.position(channel) {
            Some(at) => Place::number(at),
            None => self.new_place(channel),
        }
    }

    #[cold]
    fn new_place(&mut self, channel: ChannelId) -> Place {
        let slot = Slot {
            state: None,
            version: None,
        };
        self.claims.push(0);
        Place::number(self.slots.place_or_insert_with(channel, || slot))
    }

    /// Where a channel is, if it was ever touched.
    pub(crate) fn find(&self, channel: ChannelId) -> Option<Place> {
        let at = self.slots.position(channel)?;
        Some(Place::number(at))
    }

    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&State<V>> {
        self.slots.at(place.0 as usize).state.as_ref()
    }

    /// To change a state in place. (A channel that forgets is given one by `put`.)
    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> &mut Option<State<V>> {
        &mut self.slots.at_mut(place.0 as usize).state
    }

    /// Gives a channel, which is of this kind, a state; the one it had is given back.
    #[inline]
    pub(crate) fn put(
        &mut self,
        kind: &Kind,
        channel: ChannelId,
        place: Place,
        state: State<V>,
    ) -> Option<State<V>> {
        let slot = self.slots.at_mut(place.0 as usize);
        let before = slot.state.replace(state);
        if before.is_none() && kind.forgets() {
            self.fleeting.push((channel, place));
        }
        before
    }

    #[inline]
    pub(crate) fn empty(&mut self, place: Place) -> Option<State<V>> {
        self.slots.at_mut(place.0 as usize).state.take()
    }

    /// Adds to what a channel has.
    pub(crate) fn extend(&mut self, kind: &Kind, channel: ChannelId, place: Place, more: State<V>) {
        match (&mut self.slots.at_mut(place.0 as usize).state, more) {
            (Some(State::Items(items)), State::Items(more)) => items.extend(more),
            (Some(State::Packets(packets)), State::Packets(more)) => packets.extend(more),
            (_, more) => {
                self.put(kind, channel, place, more);
            }
        }
    }

    #[inline]
    pub(crate) fn set_version(&mut self, channel: ChannelId, place: Place, version: Version) {
        let slot = self.slots.at_mut(place.0 as usize);
        if slot.version.replace(version).is_none() {
            self.versioned.push(channel);
        }
    }

    /// Starts claiming: no channel is claimed any more.
    pub(crate) fn claim_anew(&mut self) {
        self.claiming = self.claiming.wrapping_add(1);
        if self.claiming == 0 {
            self.claims.fill(0);
            self.claiming = 1;
        }
    }

    /// Where a channel is, unless it is claimed already.
    #[inline]
    pub(crate) fn claim(&mut self, channel: ChannelId) -> Option<Place> {
        let place = self.place(channel);
        let claim = &mut self.claims[place.0 as usize];
        let before = std::mem::replace(claim, self.claiming);
        (before != self.claiming).then_some(place)
    }

    #[inline]
    pub(crate) fn is_claimed(&self, place: Place) -> bool {
        self.claims[place.0 as usize] == self.claiming
    }

    /// Whether every fleeting channel is claimed.
    pub(crate) fn is_all_claimed(&self) -> bool {
        self.fleeting
            .iter()
            .all(|(_, place)| self.is_claimed(*place))
    }

    /// Puts the fleeting channels in the graph's order, without those that hold nothing any more.
    pub(crate) fn tidy(&mut self) {
        let slots = &self.slots;
        self.fleeting
            .retain(|(_, place)| slots.at(place.0 as usize).state.is_some());
        if !self.fleeting.is_sorted_by(|(a, _), (b, _)| a < b) {
            self.fleeting.sort_unstable_by_key(|(channel, _)| *channel);
            self.fleeting.dedup_by_key(|(channel, _)| *channel);
        }
    }

    /// The channels that a superstep without a write may change, as they were last put in order.
    pub(crate) fn fleeting(&self) -> &[(ChannelId, Place)] {
        &self.fleeting
    }
}

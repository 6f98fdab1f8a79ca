//! What a conversation looks like now: the fold of its log, for screens and tools. Messages with
//! their newest text and their reactions, what is left of deleted ones, pins and settings.
//!
//! It is fed by three things. The *stream* is what comes by [`ClientEvent::NewEvent`]: in order,
//! without gaps, so what came before is known to be a repetition. *Pages* of history come at any
//! time and show what the server knew when it read them: perhaps less than the stream has told
//! since, perhaps more than it has told yet. *Settings* come with [`ClientEvent::Joined`]. Whatever
//! their order, when the stream has told everything that the pages had seen, the transcript is the
//! fold of the whole log, as far as its messages are known.
//!
//! Read pages after the conversation was joined: what was said between an earlier page and the join
//! is known to nobody here.
//!
//! [`ClientEvent::NewEvent`]: crate::ClientEvent::NewEvent
//! [`ClientEvent::Joined`]: crate::ClientEvent::Joined

mod reactions;
mod slot;
#[cfg(test)]
mod tests;

pub use reactions::Reacted;
use slot::Slot;
pub(crate) use slot::{amend, blank};

use hubbub_protocol::frame::{ReactionEntry, RoomInfo};
use hubbub_protocol::{Body, Event, Note, Reaction, RoomChange, Seq, UserId};
use std::collections::BTreeMap;

/// Messages that are not known and about which something is: what pages that are on their way
/// may not show yet.
const UNSEEN_MAX: usize = 256;

/// One entry of a transcript: a message, or what was changed or done in the room.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The event as it is now: the newest text, [`Body::Deleted`] where there is none any more.
    pub event: &'a Event,
    /// How users feel about it.
    pub reactions: &'a BTreeMap<Reaction, Reacted>,
}

/// The fold of a conversation's log, bounded by a number of entries.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    slots: BTreeMap<Seq, Slot>,
    /// Slots with an event.
    seen: usize,
    kept_max: usize,
    me: Option<UserId>,
    /// The last event of the stream.
    heard: Seq,
    info: Option<RoomInfo>,
    /// The last event that `info` has in it.
    info_at: Seq,
}

impl Transcript {
    /// Knows nothing; will keep the newest `kept_max` entries that it is shown.
    #[must_use]
    pub fn new(kept_max: usize) -> Self {
        Self { kept_max, ..Self::default() }
    }

    /// The user whose reactions are never forgotten in a crowd.
    pub fn set_me(&mut self, me: UserId) {
        self.me = Some(me);
    }

    /// Forgets everything: the conversation was reset, or left.
    pub fn forget(&mut self) {
        *self = Self { kept_max: self.kept_max, me: self.me, ..Self::default() };
    }

    // ---- what it is fed with ----

    /// The next event of the stream. A repetition changes nothing.
    pub fn event(&mut self, event: &Event) {
        if event.seq <= self.heard {
            return;
        }
        self.heard = event.seq;
        self.change_room(event);
        match &event.body {
            Body::React { of, reaction, on } => {
                let me = self.me;
                if let Some(slot) = self.slot(*of) {
                    slot.react(&event.from, reaction, *on, me);
                }
            }
            _ => self.take(event, true),
        }
        self.keep_in_bounds();
    }

    /// A page of history, and the reactions to its messages. Those of its events that only say
    /// that somebody reacted are of no use: the reactions have it all.
    pub fn page(&mut self, events: &[Event], reactions: &[ReactionEntry]) {
        for event in events.iter().filter(|event| event.seq > Seq(0)) {
            self.take(event, false);
        }
        for event in events {
            let to = reactions.iter().filter(|entry| entry.seq == event.seq);
            if let Some(slot) = self.slots.get_mut(&event.seq) {
                slot.show_reactions(to, self.me);
            }
        }
        self.keep_in_bounds();
    }

    /// How the room was set up after its event `at`: the head that came with it in
    /// [`ClientEvent::Joined`](crate::ClientEvent::Joined). Older than what is known, it is ignored.
    pub fn set_up(&mut self, at: Seq, info: &RoomInfo) {
        if self.info.is_none() || at >= self.info_at {
            self.info = Some(info.clone());
            self.info_at = at;
        }
    }

    /// How the room is set up now: the answer to a question
    /// ([`ClientEvent::Info`](crate::ClientEvent::Info)), which knows at least what the stream told.
    pub fn set_up_now(&mut self, info: &RoomInfo) {
        self.set_up(self.heard.max(self.info_at), info);
    }

    // ---- what it is now ----

    /// All entries, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.slots.values().filter_map(Slot::entry)
    }

    /// The entry of an event, if it is known and not only about another one.
    #[must_use]
    pub fn get(&self, seq: Seq) -> Option<Entry<'_>> {
        self.slots.get(&seq)?.entry()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen == 0
    }

    /// The last event of the stream; 0 before the first.
    #[must_use]
    pub fn heard(&self) -> Seq {
        self.heard
    }

    /// How the room is set up, once that was told.
    #[must_use]
    pub fn info(&self) -> Option<&RoomInfo> {
        self.info.as_ref()
    }

    /// What the room is about.
    #[must_use]
    pub fn topic(&self) -> Option<&Note> {
        self.info.as_ref()?.topic.as_ref()
    }

    /// The pinned messages, in the order in which they were pinned.
    #[must_use]
    pub fn pinned(&self) -> &[Seq] {
        self.info.as_ref().map_or(&[], |info| &info.pinned)
    }

    // ---- helpers ----

    /// An event of the stream or of a page, but no reaction.
    fn take(&mut self, event: &Event, in_stream: bool) {
        match &event.body {
            Body::React { .. } => {}
            Body::Edit { of, text } => {
                if let (Some(text), Some(slot)) = (text, self.slot(*of)) {
                    slot.edit(event.from.id, event.seq, text);
                }
            }
            Body::Delete { of } => {
                if let Some(slot) = self.slot(*of) {
                    slot.delete(event.seq);
                }
            }
            _ => {
                let slot = self.slots.entry(event.seq).or_default();
                self.seen += usize::from(slot.entry().is_none());
                slot.show(event, in_stream);
            }
        }
    }

    /// The slot of a message, known or not. `None` if it would not be kept.
    fn slot(&mut self, of: Seq) -> Option<&mut Slot> {
        let is_full = self.seen >= self.kept_max;
        if is_full && self.slots.first_key_value().is_none_or(|(&oldest, _)| of < oldest) {
            return None;
        }
        Some(self.slots.entry(of).or_default())
    }

    /// The oldest go first. What is older than them and unknown could not be shown any more.
    fn keep_in_bounds(&mut self) {
        while self.seen > self.kept_max {
            let Some((_, slot)) = self.slots.pop_first() else { return };
            self.seen -= usize::from(slot.entry().is_some());
        }
        if self.seen == self.kept_max {
            while self.slots.first_key_value().is_some_and(|(_, slot)| slot.entry().is_none()) {
                self.slots.pop_first();
            }
        }
        while self.slots.len() > self.seen + UNSEEN_MAX {
            let unseen = self.slots.iter().find(|(_, slot)| slot.entry().is_none());
            let Some((&seq, _)) = unseen else { return };
            self.slots.remove(&seq);
        }
    }

    fn change_room(&mut self, event: &Event) {
        let Some(info) = self.info.as_mut().filter(|_| event.seq > self.info_at) else { return };
        self.info_at = event.seq;
        match &event.body {
            Body::Changed(change) => change_info(info, change),
            Body::Pin { of, on } => {
                info.pinned.retain(|pinned| pinned != of);
                if *on && info.pinned.len() < 2 * hubbub_protocol::limits::PINS {
                    info.pinned.push(*of);
                }
            }
            // A message that is nowhere any more is pinned nowhere.
            Body::Delete { of } => info.pinned.retain(|pinned| pinned != of),
            Body::Role { user, role } if Some(user.id) == self.me => info.role = *role,
            _ => {}
        }
    }
}

fn change_info(info: &mut RoomInfo, change: &RoomChange) {
    match change {
        RoomChange::Topic { topic } => info.topic.clone_from(topic),
        RoomChange::Description { description } => info.description.clone_from(description),
        RoomChange::InviteOnly { on } => info.invite_only = *on,
        RoomChange::Key { on } => info.key = *on,
        RoomChange::Moderated { on } => info.moderated = *on,
        RoomChange::Secret { on } => info.secret = *on,
        RoomChange::MemberLimit { members } => info.member_limit = *members,
        RoomChange::SlowMode { seconds } => info.slow_s = *seconds,
        RoomChange::Retention { retention } => info.retention = *retention,
    }
}

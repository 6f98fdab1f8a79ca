//! A room: its members, its place in the log, and what it holds for those who catch up.

use crate::order::Order;
use crate::pace::SaidBuckets;
use hubbub_protocol::record::{RoomKind, RoomRecord, StoredRoom};
use hubbub_protocol::{
    Body, Epoch, Event, MonoMs, Position, RoomId, RoomName, SecretDigest, Seq, UserId, limits,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// A conversation.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) record: RoomRecord,
    /// Whether the store has its record, or was given it and has not failed.
    pub(crate) recorded: bool,
    /// Whether the store may have its record.
    pub(crate) may_be_recorded: bool,
    /// It keeps nothing any more, and that is not known to be durable.
    pub(crate) is_being_forgotten: bool,
    /// The number last given.
    pub(crate) head: Seq,
    /// The newest event that members could see: durable, where the room keeps history.
    pub(crate) delivered: (Epoch, Seq),
    /// Events that were admitted and not yet delivered.
    pub(crate) pending: u32,
    /// Those of its members who are here.
    pub(crate) members: BTreeSet<UserId>,
    /// Those who are not: accounts.
    pub(crate) absent: BTreeSet<UserId>,
    /// Who invited whom into this group, and has no answer yet.
    pub(crate) invitations: BTreeSet<(UserId, UserId)>,
    /// How many of both are accounts.
    pub(crate) accounts: u32,
    /// A private chat of two accounts, which outlives their sessions.
    pub(crate) lasts: bool,
    /// Sessions attached, live or catching up.
    pub(crate) attached: u32,
    /// While nobody is attached: when it may go. Its entry in the hub's list of empty rooms.
    pub(crate) empty_until: Option<MonoMs>,
    /// Members changed since the last count was announced.
    pub(crate) count_dirty: bool,
    /// When it is looked at for old events. Its entry in the hub's list of those.
    pub(crate) expiry_due: Option<MonoMs>,
    /// The last event that has gone from the store; older ones can't be read.
    pub(crate) floor: Seq,
    /// Roles, bans and mutes; most rooms have few.
    pub(crate) order: Option<Box<Order>>,
    /// Whether what happens in it is also written to a file: see `transcripts`.
    pub(crate) transcribed: bool,
    /// If so, from here on: what was said before and came out later is none of it.
    pub(crate) transcribed_from: (Epoch, Seq),
    /// How much was said in it.
    pub(crate) said: SaidBuckets,
    tail: Tail,
}

/// The newest deliveries, held only while somebody catches up.
#[derive(Debug, Default)]
struct Tail {
    watchers: u32,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Tail {
    /// What was deleted or edited is not given out as it was, as it is not read from the store.
    fn redact(&mut self, event: &Event) {
        for held in &mut self.events {
            if !is_outdated(held, event) {
                continue;
            }
            let before = held.body.weight();
            redact(Arc::make_mut(held), event);
            self.bytes = self.bytes + held.body.weight() - before;
        }
    }
}

/// Whether an edit or a deletion takes a text away that an earlier event has. A page may have been
/// read when a later edit was in it already.
fn is_outdated(held: &Event, by: &Event) -> bool {
    let of = match &by.body {
        Body::Edit { of, text: Some(_) } | Body::Delete { of } => *of,
        _ => return false,
    };
    match &held.body {
        Body::Text(said) | Body::Action(said) => held.seq == of && said.edited < Some(by.seq),
        Body::Edit { of: edited, .. } => *edited == of && held.seq < by.seq,
        _ => false,
    }
}

/// Takes it away.
fn redact(held: &mut Event, by: &Event) {
    match (&mut held.body, &by.body) {
        (Body::Edit { text, .. }, _) => *text = None,
        (Body::Text(said) | Body::Action(said), Body::Edit { text: Some(text), .. }) => {
            said.text = text.clone();
            said.edited = Some(by.seq);
        }
        (body, _) => *body = Body::Deleted { by: by.seq },
    }
}

impl Room {
    pub(crate) fn new(record: RoomRecord) -> Self {
        Self {
            record,
            recorded: false,
            may_be_recorded: false,
            is_being_forgotten: false,
            head: Seq(0),
            delivered: (Epoch(0), Seq(0)),
            pending: 0,
            members: BTreeSet::new(),
            absent: BTreeSet::new(),
            invitations: BTreeSet::new(),
            accounts: 0,
            lasts: false,
            attached: 0,
            empty_until: None,
            count_dirty: false,
            expiry_due: None,
            floor: Seq(0),
            order: None,
            transcribed: false,
            transcribed_from: (Epoch(0), Seq(0)),
            said: SaidBuckets::default(),
            tail: Tail::default(),
        }
    }

    pub(crate) fn stored(stored: StoredRoom) -> Self {
        let mut room = Self::new(stored.record);
        room.recorded = true;
        room.may_be_recorded = true;
        room.head = stored.head_seq;
        room.delivered = (stored.head_epoch, stored.head_seq);
        room.floor = stored.floor;
        room
    }

    pub(crate) fn id(&self) -> RoomId {
        self.record.id
    }

    pub(crate) fn keeps_history(&self) -> bool {
        self.record.retention.keeps()
    }

    /// Whether what is said here counts only when the store has taken it: also while it is not known
    /// yet that what was kept has gone. Else a power cut would bring the room back without it.
    pub(crate) fn needs_store(&self) -> bool {
        self.keeps_history() || self.is_being_forgotten
    }

    pub(crate) fn name(&self) -> Option<&RoomName> {
        match &self.record.kind {
            RoomKind::Named(name) | RoomKind::Group { name, .. } | RoomKind::Pin { name, .. } => {
                Some(name)
            }
            RoomKind::Private { .. } => None,
        }
    }

    /// The two sides of a private chat.
    pub(crate) fn sides(&self) -> Option<[UserId; 2]> {
        match self.record.kind {
            RoomKind::Named(_) | RoomKind::Group { .. } | RoomKind::Pin { .. } => None,
            RoomKind::Private { sides, .. } => Some(sides),
        }
    }

    /// Whether it is a private chat that both sides agree to.
    pub(crate) fn is_open_private(&self) -> bool {
        matches!(self.record.kind, RoomKind::Private { open: true, .. })
    }

    pub(crate) fn set_open(&mut self, on: bool) {
        if let RoomKind::Private { open, .. } = &mut self.record.kind {
            *open = on;
        }
    }

    /// Who invites, in a group.
    pub(crate) fn owner(&self) -> Option<UserId> {
        match self.record.kind {
            RoomKind::Group { owner, .. } => Some(owner),
            RoomKind::Named(_) | RoomKind::Pin { .. } | RoomKind::Private { .. } => None,
        }
    }

    pub(crate) fn set_owner(&mut self, user: UserId) {
        if let RoomKind::Group { owner, .. } = &mut self.record.kind {
            *owner = user;
        }
    }

    /// The other side of a private chat.
    pub(crate) fn other_side(&self, user: UserId) -> Option<UserId> {
        self.sides().map(|[a, b]| if a == user { b } else { a })
    }

    /// The newest event that members could see.
    pub(crate) fn position(&self) -> Position {
        Position { room: self.id(), epoch: self.delivered.0, seq: self.delivered.1 }
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// Whether nothing would be lost with it.
    pub(crate) fn may_go(&self) -> bool {
        // What was said behind a PIN goes with the last who left, also where it is kept meanwhile.
        let has_log = self.delivered.1 > Seq(0) && self.pin().is_none();
        let keeps_something = self.keeps_history() && (has_log || self.accounts > 0 || self.lasts);
        // A private chat goes with its users, or when it is ended.
        self.sides().is_none() && self.attached == 0 && self.pending == 0 && !keeps_something
    }

    pub(crate) fn watch_tail(&mut self) {
        self.tail.watchers += 1;
    }

    pub(crate) fn unwatch_tail(&mut self) {
        self.tail.watchers -= 1;
        if self.tail.watchers == 0 {
            self.tail = Tail::default();
        }
    }

    /// Whether its record has to be said before something about it: it was not, or came with the
    /// first event, and is taken back with that if the store fails. Counts as said after this.
    pub(crate) fn must_be_said(&mut self) -> bool {
        let must = !self.recorded || self.delivered.1 == Seq(0);
        self.recorded = true;
        self.may_be_recorded = true;
        must
    }

    /// The PIN that finds it.
    pub(crate) fn pin(&self) -> Option<SecretDigest> {
        match self.record.kind {
            RoomKind::Pin { pin, .. } => Some(pin),
            RoomKind::Named(_) | RoomKind::Group { .. } | RoomKind::Private { .. } => None,
        }
    }

    /// Notes a delivery for those who catch up.
    pub(crate) fn note(&mut self, event: &Arc<Event>) {
        let tail = &mut self.tail;
        if tail.watchers == 0 {
            return;
        }
        tail.redact(event);
        tail.bytes += event.body.weight();
        tail.events.push_back(Arc::clone(event));
        while tail.events.len() > limits::CATCH_UP_TAIL || tail.bytes > limits::CATCH_UP_TAIL_BYTES
        {
            let Some(oldest) = tail.events.pop_front() else { break };
            tail.bytes -= oldest.body.weight();
        }
    }

    /// A page that was read while things were deleted or edited is as if it were read now.
    pub(crate) fn redact_page(&self, events: &mut [Event]) {
        for by in &self.tail.events {
            for held in events.iter_mut().filter(|held| is_outdated(held, by)) {
                redact(held, by);
            }
        }
    }

    /// All events after `seq`, if the tail still has them.
    pub(crate) fn tail_after(&self, seq: Seq) -> Option<Vec<Arc<Event>>> {
        if seq >= self.delivered.1 {
            return Some(Vec::new());
        }
        let first = self.tail.events.front()?.seq;
        (first <= seq.next())
            .then(|| self.tail.events.iter().filter(|event| event.seq > seq).cloned().collect())
    }
}

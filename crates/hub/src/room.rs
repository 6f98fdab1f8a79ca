//! A room: its members, its place in the log, and what it holds for those who catch up.

use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{RoomKind, RoomRecord, StoredRoom};
use hubbub_protocol::{
    Author, Epoch, Event, MonoMs, Position, RoomAddress, RoomId, RoomName, Seq, UserId, limits,
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
    /// The number last given.
    pub(crate) head: Seq,
    /// The newest event that members could see: durable, where the room keeps history.
    pub(crate) delivered: (Epoch, Seq),
    /// Events that were admitted and not yet delivered.
    pub(crate) pending: u32,
    pub(crate) members: BTreeSet<UserId>,
    /// Sessions attached, live or catching up.
    pub(crate) attached: u32,
    /// While nobody is attached: when it may go. Its entry in the hub's list of empty rooms.
    pub(crate) empty_until: Option<MonoMs>,
    /// Members changed since the last count was announced.
    pub(crate) count_dirty: bool,
    tail: Tail,
}

/// The newest deliveries, held only while somebody catches up.
#[derive(Debug, Default)]
struct Tail {
    watchers: u32,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(record: RoomRecord) -> Self {
        Self {
            record,
            recorded: false,
            may_be_recorded: false,
            head: Seq(0),
            delivered: (Epoch(0), Seq(0)),
            pending: 0,
            members: BTreeSet::new(),
            attached: 0,
            empty_until: None,
            count_dirty: false,
            tail: Tail::default(),
        }
    }

    pub(crate) fn stored(stored: StoredRoom) -> Self {
        let mut room = Self::new(stored.record);
        room.recorded = true;
        room.may_be_recorded = true;
        room.head = stored.head_seq;
        room.delivered = (stored.head_epoch, stored.head_seq);
        room
    }

    pub(crate) fn id(&self) -> RoomId {
        self.record.id
    }

    pub(crate) fn keeps_history(&self) -> bool {
        self.record.retention == Retention::Forever
    }

    pub(crate) fn name(&self) -> Option<&RoomName> {
        match &self.record.kind {
            RoomKind::Named(name) => Some(name),
            RoomKind::Private(_) => None,
        }
    }

    /// The two sides of a private chat.
    pub(crate) fn sides(&self) -> Option<&[Author; 2]> {
        match &self.record.kind {
            RoomKind::Named(_) => None,
            RoomKind::Private(sides) => Some(sides),
        }
    }

    /// How a delivery of `author` is addressed: the room, or the recipient.
    pub(crate) fn address(&self, author: UserId) -> RoomAddress {
        match &self.record.kind {
            RoomKind::Named(name) => RoomAddress::Room(name.clone()),
            RoomKind::Private([a, b]) => {
                let recipient = if a.id == author { b } else { a };
                RoomAddress::User(recipient.name.clone())
            }
        }
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
        let keeps_something = self.keeps_history() && self.delivered.1 > Seq(0);
        self.attached == 0 && self.pending == 0 && !keeps_something
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

    /// Notes a delivery for those who catch up.
    pub(crate) fn note(&mut self, event: &Arc<Event>) {
        let tail = &mut self.tail;
        if tail.watchers == 0 {
            return;
        }
        tail.bytes += event.body.text().as_str().len();
        tail.events.push_back(Arc::clone(event));
        while tail.events.len() > limits::CATCH_UP_TAIL || tail.bytes > limits::CATCH_UP_TAIL_BYTES
        {
            let Some(oldest) = tail.events.pop_front() else { break };
            tail.bytes -= oldest.body.text().as_str().len();
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

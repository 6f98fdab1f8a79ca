//! Short ways to make records.

use crate::StoreError;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Counter, Epoch, Event, Instance, RoomId, RoomName, Seq, Text, UserId, UserName,
    WallMs,
};
use std::sync::Arc;

/// The value, or a panic that says what the store said.
#[track_caller]
pub(super) fn ok<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error}"))
}

pub(super) fn author(id: u64) -> Author {
    let name = UserName::known(&format!("user{id}")).expect("a valid name");
    Author { id: UserId(id), name }
}

pub(super) fn room(id: u64) -> RoomRecord {
    let name = RoomName::known(&format!("room{id}")).expect("a valid name");
    RoomRecord {
        id: RoomId(id),
        kind: RoomKind::Named(name),
        retention: Retention::Forever,
        created: WallMs(1_000 + id),
    }
}

/// Text and author depend on the place, so that a mix-up shows.
pub(super) fn event(room: u64, seq: u64, epoch: u32) -> Event {
    let text = Text::parse(&format!("Füße\n{room}:{seq}")).expect("a valid text");
    Event {
        room: RoomId(room),
        epoch: Epoch(epoch),
        seq: Seq(seq),
        time: WallMs(10_000 + seq),
        from: author(1 + seq % 3),
        body: if seq.is_multiple_of(4) { Body::Action { text } } else { Body::Text { text } },
    }
}

pub(super) fn said(room: u64, seq: u64) -> Record {
    Record::Event { event: Arc::new(event(room, seq, 1)), send: None }
}

pub(super) fn sent(room: u64, seq: u64, from: Instance, counter: u64) -> Record {
    Record::Event { event: Arc::new(event(room, seq, 1)), send: Some((from, Counter(counter))) }
}

/// A room with the events `1..=count`.
pub(super) fn filled(room_id: u64, count: u64) -> Vec<Record> {
    std::iter::once(Record::Room(room(room_id)))
        .chain((1..=count).map(|seq| said(room_id, seq)))
        .collect()
}

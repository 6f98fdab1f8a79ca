//! Short ways to make records.

use crate::StoreError;
use hubbub_protocol::account::{
    AccountRecord, Credential, CredentialKind, InviteRecord, LoginRecord, PlaceRecord,
    RequestRecord,
};
use hubbub_protocol::audit::{AuditAct, AuditEntry};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Counter, DoorKind, Epoch, Event, Instance, InviteId, LoginId, PrivatePolicy,
    RoomId, RoomName, SecretDigest, Seq, Text, UserId, UserName, WallMs,
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

/// The identity `id` and the values of `n`: as in what follows, another `n` is another value.
pub(super) fn account(id: u64, n: u64) -> AccountRecord {
    AccountRecord {
        id: UserId(id),
        name: UserName::known(&format!("Zoë{n}")).expect("a valid name"),
        created: WallMs(2_000 + n),
        policy: [
            None,
            Some(PrivatePolicy::Ask),
            Some(PrivatePolicy::Open),
            Some(PrivatePolicy::Closed),
        ][(n % 4) as usize],
        seen: WallMs(3_000 + n),
        online: n.is_multiple_of(2),
    }
}

pub(super) fn credential(kind: CredentialKind, n: u64) -> Credential {
    Credential { kind, data: format!("{kind:?}${n}") }
}

pub(super) fn login(id: u64, n: u64) -> LoginRecord {
    let address = |ip: &str| ip.parse().expect("an address");
    LoginRecord {
        id: LoginId(id),
        user: UserId(n),
        token: SecretDigest([n as u8; 32]),
        created: WallMs(2_000 + n),
        seen: WallMs(3_000 + n),
        peer: address(["192.0.2.1:4711", "[2001:db8::7]:65535", "[fe80::1%3]:1"][(n % 3) as usize]),
        door: if n.is_multiple_of(2) { DoorKind::Native } else { DoorKind::Plain },
    }
}

pub(super) fn place(user: u64, room: u64, n: u64) -> PlaceRecord {
    PlaceRecord {
        user: UserId(user),
        room: RoomId(room),
        since: WallMs(2_000 + n),
        read: Seq(n),
        heard: (Epoch(n as u32), Seq(n + 1)),
        draft: (n % 2 == 1).then(|| Text::parse(&format!("Füße\n{n}")).expect("a valid text")),
    }
}

pub(super) fn request(from: u64, to: u64, group: Option<u64>, time: u64) -> RequestRecord {
    RequestRecord {
        from: UserId(from),
        to: UserId(to),
        group: group.map(RoomId),
        time: WallMs(time),
    }
}

pub(super) fn block(user: u64, blocked: u64, on: bool) -> Record {
    Record::Block { user: UserId(user), blocked: UserId(blocked), on }
}

pub(super) fn invite(id: u64, n: u64) -> InviteRecord {
    InviteRecord {
        id: InviteId(id),
        code: SecretDigest([n as u8; 32]),
        created: WallMs(2_000 + n),
        expires: (n % 2 == 1).then_some(WallMs(9_000 + n)),
        uses: u32::MAX - n as u32,
        used: n as u32,
        note: ["", "for Zoë's\nfriends"][(n % 2) as usize].into(),
    }
}

/// Of all acts, with and without what may be missing.
pub(super) fn entry(id: u64, time: u64, n: u64) -> AuditEntry {
    let login = login(0, n);
    AuditEntry {
        id,
        time: WallMs(time),
        act: AuditAct::ALL[n as usize % AuditAct::ALL.len()],
        user: (n % 2 == 1).then_some(UserId(n)),
        name: if n.is_multiple_of(5) { String::new() } else { format!("Zoë{n}") },
        peer: (!n.is_multiple_of(4)).then_some(login.peer),
        door: (n % 4 > 1).then_some(login.door),
        reason: if n.is_multiple_of(7) { String::new() } else { format!("reason {n}") },
    }
}

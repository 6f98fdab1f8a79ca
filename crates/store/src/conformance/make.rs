//! Short ways to make records.

use crate::StoreError;
use hubbub_protocol::account::{
    AccountRecord, Credential, CredentialKind, InviteRecord, LoginRecord, PlaceRecord,
    RequestRecord,
};
use hubbub_protocol::audit::{AuditAct, AuditEntry};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::room::RestrictionRecord;
use hubbub_protocol::{
    Author, Body, Counter, DoorKind, Epoch, Event, Instance, InviteId, LoginId, NamePattern, Note,
    PrivatePolicy, Reaction, Restricted, RestrictionKind, Role, RoomChange, RoomId, RoomName,
    RoomSettings, SecretDigest, Seq, Text, UserId, UserName, WallMs,
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
        settings: RoomSettings::default(),
    }
}

/// Of `n`, 0 being those of a new room.
pub(super) fn settings(n: u64) -> RoomSettings {
    if n == 0 {
        return RoomSettings::default();
    }
    RoomSettings {
        topic: (n % 2 == 1).then(|| note(&format!("über {n}"))),
        description: (n % 3 == 1).then(|| note("\"for\" \\ all")),
        invite_only: n % 2 == 1,
        key: (n % 4 > 1).then_some(SecretDigest([n as u8; 32])),
        moderated: n % 3 == 1,
        secret: n % 4 > 1,
        member_limit: (n % 5 > 1).then_some(u32::MAX - n as u32),
        slow_s: n as u32 % 7,
        pinned: (0..n % 4).map(|pin| Seq(n + pin)).collect(),
    }
}

pub(super) fn note(text: &str) -> Note {
    Note::parse(text).expect("a valid note")
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
        body: if seq.is_multiple_of(4) { Body::action(text) } else { Body::text(text) },
    }
}

pub(super) fn said(room: u64, seq: u64) -> Record {
    Record::Event { event: Arc::new(event(room, seq, 1)), send: None }
}

pub(super) fn sent(room: u64, seq: u64, from: Instance, counter: u64) -> Record {
    Record::Event { event: Arc::new(event(room, seq, 1)), send: Some((from, Counter(counter))) }
}

/// Any event, by `user`.
pub(super) fn did(room: u64, seq: u64, user: u64, body: Body) -> Record {
    let event = Event { from: author(user), body, ..event(room, seq, 1) };
    Record::Event { event: Arc::new(event), send: None }
}

pub(super) fn text(text: &str) -> Text {
    Text::parse(text).expect("a valid text")
}

pub(super) fn edit(of: u64, new: &str) -> Body {
    Body::Edit { of: Seq(of), text: Some(text(new)) }
}

pub(super) fn react(of: u64, what: &str, on: bool) -> Body {
    Body::React { of: Seq(of), reaction: reaction(what), on }
}

pub(super) fn reaction(what: &str) -> Reaction {
    Reaction::parse(what).expect("a valid reaction")
}

pub(super) const ROLES: [Role; 3] = [Role::Voice, Role::Operator, Role::Owner];

pub(super) fn role(room: u64, user: u64, n: u64) -> Record {
    Record::Role {
        room: RoomId(room),
        user: UserId(user),
        role: ROLES.get(n as usize % 3).copied(),
    }
}

/// What a room's log says that is no message, and is only kept: of all kinds.
pub(super) fn notice(n: u64) -> Body {
    let what = [RestrictionKind::Ban, RestrictionKind::Mute][(n % 2) as usize];
    let reason = (n % 2 == 1).then(|| note("zu laut"));
    let whom = "*bob*".to_owned();
    match n % 9 {
        0 => Body::Changed(RoomChange::Topic { topic: reason }),
        1 => Body::Changed(RoomChange::MemberLimit { members: None }),
        2 => Body::Changed(RoomChange::Retention { retention: Retention::Days(n as u32) }),
        3 => Body::Role { user: author(n), role: ROLES.get(n as usize % 4).copied() },
        4 => Body::Kicked { user: author(n), reason },
        5 => Body::Restricted { what, whom, user: Some(author(n)), reason, until: Some(WallMs(n)) },
        6 => Body::Restricted { what, whom, user: None, reason, until: None },
        7 => Body::Lifted { what, whom },
        _ => Body::Pin { of: Seq(n % 40), on: n % 2 == 1 },
    }
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
        admin: n % 3 == 1,
        highlights: (0..n % 3).map(|word| format!("\"wört{word}\"")).collect(),
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

pub(super) fn restriction(id: u64, room: u64, n: u64) -> RestrictionRecord {
    RestrictionRecord {
        id,
        room: RoomId(room),
        kind: [RestrictionKind::Ban, RestrictionKind::Mute][(n % 2) as usize],
        whom: match n % 4 {
            0 => Restricted::Account(UserId(n)),
            1 => Restricted::Guest(UserId(n)),
            2 => Restricted::Pattern(NamePattern::parse("*Bö?b").expect("a valid pattern")),
            _ => Restricted::Network("2001:db8::/64".parse().expect("a network")),
        },
        shown: format!("shown {n}"),
        by: author(n).name,
        reason: (n % 3 == 1).then(|| note(&format!("reason {n}"))),
        created: WallMs(n),
        until: (n % 5 > 1).then_some(WallMs(n + 1)),
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

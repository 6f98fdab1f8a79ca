//! The tests of accounts, of what is kept with them, and of the audit log.

use super::Place;
use super::make::{
    ROLES, account, block, credential, entry, event, filled, invite, login, ok, place as seat,
    request, restriction, role, room, said, settings,
};
use super::suite::{Test, stored};
use crate::{Reader, Store};
use hubbub_protocol::account::{Credential, CredentialKind};
use hubbub_protocol::audit::{AuditAct, AuditEntry};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord, Snapshot};
use hubbub_protocol::{InviteId, LoginId, RoomId, SecretDigest, UserId, WallMs};

/// All of them, by name.
pub(super) const TESTS: &[(&str, Test)] = &[
    ("a_room_takes_all_but_when_it_was_made", a_room_takes_all_but_when_it_was_made),
    ("accounts_are_as_last_said", accounts_are_as_last_said),
    ("credentials_are_those_and_no_others", credentials_are_those_and_no_others),
    ("logins_come_and_go", logins_come_and_go),
    ("places_come_and_go", places_come_and_go),
    ("requests_come_and_go", requests_come_and_go),
    ("blocks_come_and_go", blocks_come_and_go),
    ("invites_come_and_go", invites_come_and_go),
    ("a_room_that_goes_takes_its_places", a_room_that_goes_takes_its_places),
    ("the_audit_log_is_read_in_pages", the_audit_log_is_read_in_pages),
    ("the_audit_log_keeps_what_it_has", the_audit_log_keeps_what_it_has),
    ("the_audit_log_is_trimmed_from_its_start", the_audit_log_is_trimmed_from_its_start),
    ("people_are_there_after_reopening", people_are_there_after_reopening),
    ("a_bad_batch_leaves_nobody", a_bad_batch_leaves_nobody),
];

pub(super) fn snapshot(store: &mut dyn Store) -> Snapshot {
    ok(store.load()).snapshot
}

fn ids(reader: &mut dyn Reader, since: u64, after: u64, limit: u32) -> Vec<u64> {
    ok(reader.audit(WallMs(since), after, limit)).iter().map(|entry| entry.id).collect()
}

/// Commits it once more, and checks that nothing changes.
#[track_caller]
pub(super) fn again(store: &mut dyn Store, batch: &[Record]) {
    let before = snapshot(store);
    ok(store.commit(batch));
    assert_eq!(snapshot(store), before, "said again");
}

fn credentials(user: u64, credentials: &[Credential]) -> Record {
    Record::Credentials { user: UserId(user), credentials: credentials.into() }
}

fn a_room_takes_all_but_when_it_was_made(place: &mut dyn Place) {
    let mut store = place.open();
    let RoomKind::Named(name) = room(8).kind else { unreachable!("see `make`") };
    let group = |owner| RoomKind::Group { name: name.clone(), owner: UserId(owner) };
    let private = |open| RoomKind::Private { sides: [UserId(3), UserId(4)], open };
    let pin = |n| RoomKind::Pin { name: name.clone(), pin: SecretDigest([n; 32]) };
    ok(store.commit(&filled(1, 3)));
    ok(store.commit(&[
        Record::Room(RoomRecord { kind: group(1), ..room(2) }),
        Record::Room(RoomRecord { kind: private(false), ..room(3) }),
    ]));
    for (n, kind_of_2, kind_of_3, retention) in [
        (1, group(5), private(true), Retention::None),
        (2, group(1 << 52), private(false), Retention::Days(36_500)),
        (3, private(true), pin(0), Retention::Messages(100_000_000)),
        (4, pin(255), pin(1), Retention::Days(1)),
        (0, room(2).kind, group(6), Retention::Forever),
    ] {
        let other = RoomRecord { kind: kind_of_2, retention, settings: settings(n), ..room(2) };
        // When it was made must not come through.
        let batch = [
            Record::Room(RoomRecord { created: WallMs(77), ..other.clone() }),
            Record::Room(RoomRecord { kind: kind_of_3.clone(), ..room(3) }),
        ];
        ok(store.commit(&batch));
        again(&mut *store, &batch);
        let expected = [
            stored(room(1), 1, 3),
            stored(other, 0, 0),
            stored(RoomRecord { kind: kind_of_3, ..room(3) }, 0, 0),
        ];
        assert_eq!(snapshot(&mut *store).rooms, expected);
        assert_eq!(ok(ok(store.reader()).rooms()), expected);
    }
}

fn accounts_are_as_last_said(place: &mut dyn Place) {
    let mut store = place.open();
    let none = || [].into();
    ok(store.commit(&[Record::Account(account(9, 1)), Record::Account(account(1 << 52, 2))]));
    ok(store.commit(&[Record::Account(account(2, 3))]));
    let expected =
        [(account(2, 3), none()), (account(9, 1), none()), (account(1 << 52, 2), none())];
    assert_eq!(snapshot(&mut *store).accounts, expected);
    for n in 10..15 {
        let batch = [Record::Account(account(9, 0)), Record::Account(account(9, n))];
        ok(store.commit(&batch));
        again(&mut *store, &batch);
        assert_eq!(snapshot(&mut *store).accounts[1], (account(9, n), none()));
    }
}

fn credentials_are_those_and_no_others(place: &mut dyn Place) {
    let mut store = place.open();
    let argon = |n| credential(CredentialKind::Argon2id, n);
    let scram = |n| credential(CredentialKind::ScramSha256, n);
    // Before their account, in any order.
    ok(store.commit(&[credentials(1, &[scram(1), argon(1)]), Record::Account(account(1, 1))]));
    ok(store.commit(&[Record::Account(account(2, 2)), credentials(2, &[argon(2)])]));
    let mut check = |batch: &[Record], expected: [&[Credential]; 2]| {
        ok(store.commit(batch));
        again(&mut *store, batch);
        let found = snapshot(&mut *store).accounts;
        let found: Vec<_> = found.iter().map(|(_, credentials)| &credentials[..]).collect();
        assert_eq!(found, expected);
    };
    check(&[], [&[argon(1), scram(1)], &[argon(2)]]);
    check(&[credentials(1, &[scram(3)])], [&[scram(3)], &[argon(2)]]);
    check(&[credentials(2, &[argon(4), scram(4)])], [&[scram(3)], &[argon(4), scram(4)]]);
    check(&[Record::Account(account(2, 5))], [&[scram(3)], &[argon(4), scram(4)]]);
    check(&[credentials(1, &[argon(6), argon(7)])], [&[argon(7)], &[argon(4), scram(4)]]);
    check(&[credentials(2, &[]), credentials(3, &[argon(1)])], [&[argon(7)], &[]]);
}

fn logins_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    let batch = [7, 1 << 52, 3].map(|id| Record::Login(login(id, id % 5)));
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    let expected = [3, 7, 1 << 52].map(|id| login(id, id % 5));
    assert_eq!(snapshot(&mut *store).logins, expected);
    for n in 10..16 {
        ok(store.commit(&[Record::Login(login(7, n))]));
        assert_eq!(snapshot(&mut *store).logins[1], login(7, n));
    }
    let gone = [Record::LoginGone(LoginId(3)), Record::LoginGone(LoginId(7))];
    ok(store.commit(&gone));
    again(&mut *store, &gone);
    assert_eq!(snapshot(&mut *store).logins, expected[2..]);
    ok(store.commit(&[Record::LoginGone(LoginId(1 << 52)), Record::Login(login(3, 1))]));
    assert_eq!(snapshot(&mut *store).logins, [login(3, 1)]);
}

fn places_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    // Whether the rooms and users are there, the hub knows.
    let all = [(1, 2), (1, 9), (2, 1), (2, 2), (1 << 52, 1 << 51)];
    let batch: Vec<_> =
        all.iter().rev().map(|&(user, room)| Record::Place(seat(user, room, room % 7))).collect();
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    let expected = all.map(|(user, room)| seat(user, room, room % 7));
    assert_eq!(snapshot(&mut *store).places, expected);
    for n in 10..14 {
        ok(store.commit(&[Record::Place(seat(2, 1, n)), Record::Place(seat(1, 9, n + 1))]));
        let found = snapshot(&mut *store).places;
        assert_eq!((&found[1], &found[2]), (&seat(1, 9, n + 1), &seat(2, 1, n)));
    }
    let gone = |(user, room)| Record::PlaceGone { user: UserId(user), room: RoomId(room) };
    let gone = [(2, 1), (9, 2), (1, 9)].map(gone);
    ok(store.commit(&gone));
    again(&mut *store, &gone);
    let left = [&expected[0], &expected[3], &expected[4]];
    assert_eq!(snapshot(&mut *store).places.iter().collect::<Vec<_>>(), left);
}

fn requests_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    let all = [
        request(1, 2, None, 50),
        request(1, 2, Some(3), 40),
        request(1, 2, Some(1 << 52), 30),
        request(1, 3, None, 20),
        request(2, 1, None, 10),
    ];
    let batch: Vec<_> = all.iter().rev().copied().map(Record::Request).collect();
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    assert_eq!(snapshot(&mut *store).requests, all);
    ok(store.commit(&[Record::Request(request(1, 2, Some(3), 99))]));
    assert_eq!(snapshot(&mut *store).requests[1], request(1, 2, Some(3), 99));
    let gone = [request(1, 2, None, 7), request(2, 1, None, 10), request(7, 7, Some(7), 7)]
        .map(Record::RequestGone);
    ok(store.commit(&gone));
    again(&mut *store, &gone);
    let left = [request(1, 2, Some(3), 99), all[2], all[3]];
    assert_eq!(snapshot(&mut *store).requests, left);
}

fn blocks_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    let batch = [block(2, 1, true), block(1, 1 << 52, true), block(1, 2, true)];
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    let pair = |user, blocked| (UserId(user), UserId(blocked));
    assert_eq!(snapshot(&mut *store).blocks, [pair(1, 2), pair(1, 1 << 52), pair(2, 1)]);
    let batch = [block(1, 2, false), block(5, 6, false)];
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    ok(store.commit(&[block(2, 1, false), block(2, 1, true), block(3, 1, true)]));
    assert_eq!(snapshot(&mut *store).blocks, [pair(1, 1 << 52), pair(2, 1), pair(3, 1)]);
}

fn invites_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    let batch = [7, 1 << 52, 3].map(|id| Record::Invite(invite(id, id % 5)));
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    let expected = [3, 7, 1 << 52].map(|id| invite(id, id % 5));
    assert_eq!(snapshot(&mut *store).invites, expected);
    for n in 10..14 {
        ok(store.commit(&[Record::Invite(invite(7, n))]));
        assert_eq!(snapshot(&mut *store).invites[1], invite(7, n));
    }
    let gone = [Record::InviteGone(InviteId(3)), Record::InviteGone(InviteId(99))];
    ok(store.commit(&gone));
    again(&mut *store, &gone);
    assert_eq!(snapshot(&mut *store).invites, [invite(7, 13), expected[2].clone()]);
}

fn a_room_that_goes_takes_its_places(place: &mut dyn Place) {
    let mut store = place.open();
    let mut batch = filled(1, 2);
    batch.extend(filled(2, 2));
    batch.extend([(1, 1), (1, 2), (2, 1)].map(|(user, room)| Record::Place(seat(user, room, 1))));
    batch.extend([Some(1), Some(2), None].map(|group| Record::Request(request(5, 6, group, 1))));
    ok(store.commit(&batch));
    ok(store.commit(&[Record::RoomGone(RoomId(1))]));
    again(&mut *store, &[Record::RoomGone(RoomId(1))]);
    let found = snapshot(&mut *store);
    assert_eq!(found.rooms, [stored(room(2), 1, 2)]);
    assert_eq!(found.places, [seat(1, 2, 1)]);
    assert_eq!(found.requests, [request(5, 6, None, 1), request(5, 6, Some(2), 1)]);
    // In order within a batch.
    ok(store.commit(&[
        Record::Place(seat(7, 2, 1)),
        Record::RoomGone(RoomId(2)),
        Record::Place(seat(8, 2, 1)),
        Record::Request(request(5, 6, Some(2), 9)),
    ]));
    let found = snapshot(&mut *store);
    assert_eq!(found.places, [seat(8, 2, 1)]);
    assert_eq!(found.requests, [request(5, 6, None, 1), request(5, 6, Some(2), 9)]);
}

fn the_audit_log_is_read_in_pages(place: &mut dyn Place) {
    let mut store = place.open();
    // The clock jumps back at 6. All acts, and some more.
    let time = |id: u64| if id < 6 { 100 + id } else { 50 + id };
    let count = AuditAct::ALL.len() as u64 + 10;
    let all: Vec<AuditEntry> = (1..=count).map(|id| entry(id, time(id), id)).collect();
    ok(store.commit(&all.iter().cloned().map(Record::Audit).collect::<Vec<_>>()));
    let reader = &mut *ok(store.reader());
    assert_eq!(ok(reader.audit(WallMs(0), 0, 1000)), all);
    assert!(ids(reader, 0, 0, 0).is_empty());
    assert_eq!(ids(reader, 0, 0, 3), [1, 2, 3]);
    assert_eq!(ids(reader, 0, 3, 3), [4, 5, 6]);
    assert_eq!(ids(reader, 0, count - 1, 3), [count]);
    assert!(ids(reader, 0, count, 3).is_empty());
    assert!(ids(reader, 0, u64::MAX, 3).is_empty());
    assert!(ids(reader, u64::MAX, 0, 3).is_empty());
    assert_eq!(ids(reader, 104, 0, 100), [4, 5], "what the clock says counts");
    assert_eq!(ids(reader, 104, 4, 100), [5]);
    assert_eq!(ids(reader, 58, 0, 7), [1, 2, 3, 4, 5, 8, 9]);
    assert_eq!(ids(reader, 58, 5, 2), [8, 9]);
    assert!(ids(reader, 106, 0, 100).is_empty());
}

fn the_audit_log_keeps_what_it_has(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    let first = [entry(1, 10, 1), entry(1 << 52, 20, 2)];
    ok(store.commit(&first.clone().map(Record::Audit)));
    let other = [entry(1 << 52, 1, 7), entry(1, 99, 8), entry(2, 3, 9), entry(2, 4, 10)];
    for _ in 0..2 {
        ok(store.commit(&other.clone().map(Record::Audit)));
        let [one, last] = first.clone();
        assert_eq!(ok(reader.audit(WallMs(0), 0, 9)), [one, other[2].clone(), last]);
    }
}

fn the_audit_log_is_trimmed_from_its_start(place: &mut dyn Place) {
    const COUNT: u64 = 10_020;
    let mut store = place.open();
    let mut reader = ok(store.reader());
    let trim = |before| [Record::AuditTrim { before: WallMs(before) }];
    ok(store.commit(&trim(5)));
    // Times fall while ids rise, so that one is not taken for the other.
    let batch: Vec<_> = (1..=COUNT).map(|id| Record::Audit(entry(id, 50_000 - id, id))).collect();
    ok(store.commit(&batch));
    ok(store.commit(&trim(50_000 - COUNT)));
    assert_eq!(ids(&mut *reader, 0, 0, 20_000).len() as u64, COUNT, "none is so old");
    ok(store.commit(&trim(50_000 - COUNT + 1)));
    assert_eq!(ids(&mut *reader, 0, COUNT - 5, 10), (COUNT - 4..COUNT).collect::<Vec<_>>());
    // All but the first two are old now: the oldest 10,000 by their ids go, then the rest.
    ok(store.commit(&trim(49_998)));
    let left: Vec<u64> = [1, 2].into_iter().chain(10_003..COUNT).collect();
    assert_eq!(ids(&mut *reader, 0, 0, 20_000), left);
    let [trim] = trim(49_998);
    ok(store.commit(&[Record::Audit(entry(COUNT + 1, 1, 1)), trim.clone()]));
    assert_eq!(ids(&mut *reader, 0, 0, 20_000), [1, 2]);
    ok(store.commit(&[trim.clone(), trim]));
    assert_eq!(ids(&mut *reader, 0, 0, 20_000), [1, 2]);
}

/// One of each kind, and what a store gives back for it.
fn everybody(n: u64) -> (Vec<Record>, Snapshot) {
    let owner = UserId(1);
    let RoomKind::Named(name) = room(1).kind else { unreachable!("see `make`") };
    let group = RoomRecord { kind: RoomKind::Group { name, owner }, ..room(n) };
    let proof =
        [credential(CredentialKind::Argon2id, n), credential(CredentialKind::ScramSha256, n)];
    let records = vec![
        Record::Room(group.clone()),
        Record::Account(account(1, n)),
        credentials(1, &proof),
        Record::Login(login(2, n)),
        Record::Place(seat(1, n, n)),
        role(n, 1, n),
        Record::Restriction(restriction(n, n, n)),
        Record::Request(request(1, 5, Some(n), n)),
        block(1, 6, true),
        Record::Invite(invite(4, n)),
        Record::Audit(entry(n, n, n)),
    ];
    let snapshot = Snapshot {
        roles: vec![(RoomId(n), UserId(1), ROLES[n as usize % 3])],
        restrictions: vec![restriction(n, n, n)],
        rooms: vec![stored(group, 0, 0)],
        accounts: vec![(account(1, n), proof.into())],
        logins: vec![login(2, n)],
        places: vec![seat(1, n, n)],
        requests: vec![request(1, 5, Some(n), n)],
        blocks: vec![(UserId(1), UserId(6))],
        invites: vec![invite(4, n)],
    };
    (records, snapshot)
}

fn people_are_there_after_reopening(place: &mut dyn Place) {
    let (records, expected) = everybody(3);
    let mut store = place.open();
    ok(store.commit(&records));
    for _ in 0..3 {
        assert_eq!(snapshot(&mut *store), expected);
        let mut reader = ok(store.reader());
        assert_eq!(ok(reader.audit(WallMs(0), 0, 9)), [entry(3, 3, 3)]);
        drop((store, reader));
        store = place.open();
    }
}

fn a_bad_batch_leaves_nobody(place: &mut dyn Place) {
    let mut store = place.open();
    let (good, mut expected) = everybody(3);
    ok(store.commit(&good));
    ok(store.commit(&[said(3, 1)]));
    let head = event(3, 1, 1);
    (expected.rooms[0].head_epoch, expected.rooms[0].head_seq) = (head.epoch, head.seq);
    let mut reader = ok(store.reader());
    // Other values, new ones, and everything gone; all of it several times.
    let mut changes = everybody(8).0;
    changes.extend(everybody(9).0);
    changes.extend([
        Record::Room(room(3)),
        Record::AuditTrim { before: WallMs(9) },
        Record::LoginGone(LoginId(2)),
        Record::PlaceGone { user: UserId(1), room: RoomId(3) },
        Record::RequestGone(request(1, 5, Some(3), 0)),
        block(1, 6, false),
        block(7, 8, true),
        Record::InviteGone(InviteId(4)),
        Record::Role { room: RoomId(3), user: UserId(1), role: None },
        Record::RestrictionGone(3),
        Record::Trim { room: RoomId(3), upto: hubbub_protocol::Seq(1) },
        credentials(1, &[]),
        Record::RoomGone(RoomId(9)),
        Record::RoomGone(RoomId(3)),
    ]);
    changes.extend(everybody(10).0);
    for at in 0..=changes.len() {
        let mut batch = changes[..at].to_vec();
        batch.extend([said(20, 1), said(20, 1)]);
        assert!(store.commit(&batch).is_err());
        ok(store.recover());
        assert_eq!(snapshot(&mut *store), expected, "after {at} records");
        assert_eq!(ok(reader.audit(WallMs(0), 0, 99)), [entry(3, 3, 3)], "after {at} records");
    }
    ok(store.commit(&changes));
    let (_, mut expected) = everybody(10);
    // Of the rooms 8 and 10 nobody said that they went.
    let (_, eight) = everybody(8);
    expected.rooms.splice(0..0, eight.rooms);
    expected.places.splice(0..0, eight.places);
    expected.roles.splice(0..0, eight.roles);
    expected.restrictions.splice(0..0, eight.restrictions);
    expected.requests.splice(0..0, eight.requests);
    expected.blocks.push((UserId(7), UserId(8)));
    assert_eq!(snapshot(&mut *store), expected);
    assert_eq!(ids(&mut *reader, 0, 0, 99), [9, 10]);
}

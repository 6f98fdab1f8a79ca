//! The tests of what is kept with rooms: roles, bans and mutes, how long events stay, the server's key.

use super::Place;
use super::make::{ROLES, did, edit, event, filled, ok, react, restriction, role, room};
use super::people::{again, snapshot};
use super::suite::{Test, stored};
use crate::Reader;
use hubbub_protocol::frame::Page;
use hubbub_protocol::record::{Record, StoredRoom};
use hubbub_protocol::{Body, Epoch, Event, RoomId, Seq, ServerKey, UserId, WallMs, limits};
use std::sync::Arc;

/// All of them, by name.
pub(super) const TESTS: &[(&str, Test)] = &[
    ("roles_come_and_go", roles_come_and_go),
    ("restrictions_come_and_go", restrictions_come_and_go),
    ("a_room_that_goes_takes_what_is_kept_with_it", a_room_that_goes_takes_what_is_kept_with_it),
    ("old_events_go_and_their_numbers_stay_used", old_events_go_and_their_numbers_stay_used),
    ("what_is_about_old_events_goes_with_them", what_is_about_old_events_goes_with_them),
    ("expired_events_are_found_from_the_oldest_on", expired_events_are_found_from_the_oldest_on),
    ("the_servers_key_is_the_first_one", the_servers_key_is_the_first_one),
];

fn trim(room: u64, upto: u64) -> Record {
    Record::Trim { room: RoomId(room), upto: Seq(upto) }
}

fn seqs(reader: &mut dyn Reader, room: u64) -> Vec<u64> {
    let page = ok(reader.page(RoomId(room), Page::Latest, 1_000_000));
    page.events.iter().map(|event| event.seq.0).collect()
}

fn roles_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    let all = [(1, 2), (1, 9), (2, 1), (2, 2), (1 << 52, 1 << 51)];
    let batch: Vec<_> = all.iter().rev().map(|&(room, user)| role(room, user, room)).collect();
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    let known = |room: u64, user, n: u64| (RoomId(room), UserId(user), ROLES[n as usize % 3]);
    let mut expected = all.map(|(room, user)| known(room, user, room)).to_vec();
    assert_eq!(snapshot(&mut *store).roles, expected);
    for n in 0..4 {
        ok(store.commit(&[role(1, 9, n)]));
        expected[1] = known(1, 9, n);
        assert_eq!(snapshot(&mut *store).roles, expected);
    }
    let gone = |room, user| Record::Role { room: RoomId(room), user: UserId(user), role: None };
    let gone = [gone(1, 2), gone(2, 9), gone(1 << 52, 1 << 51)];
    ok(store.commit(&gone));
    again(&mut *store, &gone);
    assert_eq!(snapshot(&mut *store).roles, expected[1..4]);
}

fn restrictions_come_and_go(place: &mut dyn Place) {
    let mut store = place.open();
    let batch = [7, 1 << 52, 3].map(|id| Record::Restriction(restriction(id, 1, id % 5)));
    ok(store.commit(&batch));
    again(&mut *store, &batch);
    let expected = [3, 7, 1 << 52].map(|id| restriction(id, 1, id % 5));
    assert_eq!(snapshot(&mut *store).restrictions, expected);
    for n in 10..25 {
        ok(store.commit(&[Record::Restriction(restriction(7, n % 3, n))]));
        assert_eq!(snapshot(&mut *store).restrictions[1], restriction(7, n % 3, n));
    }
    let gone = [Record::RestrictionGone(3), Record::RestrictionGone(99)];
    ok(store.commit(&gone));
    again(&mut *store, &gone);
    let left = [restriction(7, 0, 24), expected[2].clone()];
    assert_eq!(snapshot(&mut *store).restrictions, left);
}

fn a_room_that_goes_takes_what_is_kept_with_it(place: &mut dyn Place) {
    let mut store = place.open();
    let mut batch = Vec::new();
    for id in [1, 2] {
        batch.extend(filled(id, 3));
        batch.extend([role(id, 5, 1), Record::Restriction(restriction(id, id, 1)), trim(id, 1)]);
        batch.push(did(id, 4, 5, react(3, "+1", true)));
    }
    ok(store.commit(&batch));
    ok(store.commit(&[Record::RoomGone(RoomId(1))]));
    again(&mut *store, &[Record::RoomGone(RoomId(1))]);
    let found = snapshot(&mut *store);
    assert_eq!(found.rooms, [StoredRoom { floor: Seq(1), ..stored(room(2), 1, 4) }]);
    assert_eq!(found.roles, [(RoomId(2), UserId(5), ROLES[1])]);
    assert_eq!(found.restrictions, [restriction(2, 2, 1)]);
    // A room of the same number begins with nothing.
    ok(store.commit(&filled(1, 3)));
    assert_eq!(snapshot(&mut *store).rooms[0], stored(room(1), 1, 3));
    let mut reader = ok(store.reader());
    assert_eq!(ok(reader.reactions(RoomId(1), Seq(0), Seq(9), UserId(5))), []);
    assert_eq!(ok(reader.reactions(RoomId(2), Seq(0), Seq(9), UserId(5))).len(), 1);
}

fn old_events_go_and_their_numbers_stay_used(place: &mut dyn Place) {
    let mut store = place.open();
    ok(store.commit(&filled(1, 9)));
    ok(store.commit(&filled(2, 9)));
    let mut reader = ok(store.reader());
    let mut check = |records: &[Record], left: &[u64], floor| {
        ok(store.commit(records));
        again(&mut *store, records);
        assert_eq!(seqs(&mut *reader, 1), left);
        assert_eq!(seqs(&mut *reader, 2), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let expected = StoredRoom { floor: Seq(floor), ..stored(room(1), 1, 9) };
        assert_eq!(snapshot(&mut *store).rooms, [expected, stored(room(2), 1, 9)]);
    };
    check(&[trim(1, 0), trim(3, 5)], &[1, 2, 3, 4, 5, 6, 7, 8, 9], 0);
    check(&[trim(1, 4)], &[5, 6, 7, 8, 9], 4);
    check(&[trim(1, 2)], &[5, 6, 7, 8, 9], 4);
    check(&[Record::Room(room(1))], &[5, 6, 7, 8, 9], 4);
    check(&[trim(1, 9)], &[], 9);
    // Beyond the newest one: numbers that were given without being kept.
    ok(store.commit(&[trim(1, 20)]));
    again(&mut *store, &[trim(1, 20), trim(1, 4)]);
    drop((store, reader));
    let mut store = place.open();
    let expected = StoredRoom { floor: Seq(20), ..stored(room(1), 1, 20) };
    assert_eq!(snapshot(&mut *store).rooms[0], expected);
    let next = Event { epoch: Epoch(7), ..event(1, 21, 1) };
    ok(store.commit(&[Record::Event { event: Arc::new(next), send: None }]));
    let expected = StoredRoom { floor: Seq(20), ..stored(room(1), 7, 21) };
    assert_eq!(snapshot(&mut *store).rooms[0], expected);
    ok(store.commit(&[trim(1, 21)]));
    let expected = StoredRoom { floor: Seq(21), ..stored(room(1), 7, 21) };
    assert_eq!(snapshot(&mut *store).rooms[0], expected);
    assert!(store.commit(&[trim(1, u64::MAX)]).is_err());
}

fn what_is_about_old_events_goes_with_them(place: &mut dyn Place) {
    let mut store = place.open();
    ok(store.commit(&filled(1, 3)));
    ok(store.commit(&[
        did(1, 4, 7, react(2, "+1", true)),
        did(1, 5, 7, react(3, "+1", true)),
        did(1, 6, 7, edit(2, "second")),
        did(1, 7, 7, edit(3, "third")),
        trim(1, 2),
    ]));
    let mut reader = ok(store.reader());
    assert_eq!(seqs(&mut *reader, 1), [3, 4, 5, 6, 7]);
    let reactions = ok(reader.reactions(RoomId(1), Seq(0), Seq(9), UserId(7)));
    assert_eq!(reactions.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [3]);
    let mut body = |seq| ok(reader.message(RoomId(1), Seq(seq), None)).expect("there").event.body;
    assert_eq!(body(6), Body::Edit { of: Seq(2), text: None });
    assert_eq!(body(7), edit(3, "third"));
    assert_eq!(body(3).words(), "third");
    assert_eq!(ok(reader.message(RoomId(1), Seq(2), None)), None);
}

fn expired_events_are_found_from_the_oldest_on(place: &mut dyn Place) {
    let mut store = place.open();
    let timed = |seq, time| {
        let event = Event { time: WallMs(time), ..event(1, seq, 1) };
        Record::Event { event: Arc::new(event), send: None }
    };
    ok(store.commit(&filled(2, 3)));
    // The clock jumps back at 4.
    let times = [(1, 10), (2, 20), (3, 30), (4, 15), (5, 40)];
    ok(store.commit(&times.map(|(seq, time)| timed(seq, time))));
    let mut reader = ok(store.reader());
    let mut check = |before, expected: Option<u64>| {
        let found = ok(reader.expired(RoomId(1), WallMs(before)));
        assert_eq!(found, expected.map(Seq), "before {before}");
    };
    for (before, expected) in [
        (10, None),
        (11, Some(1)),
        (20, Some(1)),
        (21, Some(2)),
        (31, Some(4)),
        (41, Some(5)),
        (u64::MAX, Some(5)),
    ] {
        check(before, expected);
    }
    assert_eq!(ok(reader.expired(RoomId(9), WallMs(50))), None);
    // Many are found a part at a time.
    let count = limits::TRIM_EVENTS + 10;
    ok(store.commit(&(6..=count).map(|seq| timed(seq, 50)).collect::<Vec<_>>()));
    assert_eq!(ok(reader.expired(RoomId(1), WallMs(51))), Some(Seq(limits::TRIM_EVENTS)));
}

fn the_servers_key_is_the_first_one(place: &mut dyn Place) {
    let key = |n| ServerKey::new([n; 32]);
    let mut store = place.open();
    assert!(ok(store.server_key(key(1))) == key(1));
    assert!(ok(store.server_key(key(2))) == key(1));
    drop(store);
    assert!(ok(place.open().server_key(key(3))) == key(1));
}

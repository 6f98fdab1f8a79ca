//! The tests, each on a fresh place.

use super::Place;
use super::make::{event, filled, ok, room, said, sent};
use crate::{Loaded, Reader, StoreError};
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::{Record, RoomKind, RoomRecord, SendRecord, StoredRoom};
use hubbub_protocol::{Counter, Epoch, Instance, RoomId, Seq, UserId, WallMs, limits};
use std::sync::Arc;

pub(super) type Test = fn(&mut dyn Place);

/// All of them, by name.
pub(super) const TESTS: &[(&str, Test)] = &[
    ("a_fresh_store_is_empty", a_fresh_store_is_empty),
    ("epochs_rise_and_stay", epochs_rise_and_stay),
    ("what_is_committed_is_read_back", what_is_committed_is_read_back),
    ("pages_end_exactly_at_the_limit", pages_end_exactly_at_the_limit),
    ("around_shows_both_sides", around_shows_both_sides),
    ("rooms_are_apart", rooms_are_apart),
    ("private_rooms_keep_their_two_users", private_rooms_keep_their_two_users),
    ("large_batches_keep_their_order", large_batches_keep_their_order),
    ("sends_are_kept_by_counter", sends_are_kept_by_counter),
    ("the_window_keeps_the_newest_sends", the_window_keeps_the_newest_sends),
    ("tidy_forgets_old_sends", tidy_forgets_old_sends),
    ("a_room_that_goes_takes_its_events", a_room_that_goes_takes_its_events),
    ("everything_is_there_after_reopening", everything_is_there_after_reopening),
    ("readers_see_whole_batches", readers_see_whole_batches),
    ("a_bad_batch_leaves_nothing", a_bad_batch_leaves_nothing),
];

/// Checks one page: the numbers of its events, and `more`.
#[track_caller]
fn check(reader: &mut dyn Reader, page: Page, limit: u32, seqs: &[u64], more: bool) {
    let found = ok(reader.page(RoomId(1), page, limit));
    let expected: Vec<_> = seqs.iter().map(|&seq| event(1, seq, 1)).collect();
    assert_eq!(found.events, expected, "{page:?} limit {limit}");
    assert_eq!(found.more, more, "{page:?} limit {limit}: more");
}

fn seqs(reader: &mut dyn Reader, room: u64) -> Vec<u64> {
    let page = ok(reader.page(RoomId(room), Page::Latest, 1_000_000));
    page.events.iter().map(|event| event.seq.0).collect()
}

fn counters(reader: &mut dyn Reader, instance: Instance) -> Vec<u64> {
    ok(reader.sends(instance)).iter().map(|send| send.counter.0).collect()
}

pub(super) fn stored(record: RoomRecord, head_epoch: u32, head_seq: u64) -> StoredRoom {
    StoredRoom { record, head_epoch: Epoch(head_epoch), head_seq: Seq(head_seq), floor: Seq(0) }
}

fn a_fresh_store_is_empty(place: &mut dyn Place) {
    let mut store = place.open();
    assert_eq!(ok(store.load()), Loaded::default());
    let mut reader = ok(store.reader());
    for page in [Page::Latest, Page::Before(Seq(9)), Page::After(Seq(0)), Page::Around(Seq(1))] {
        check(&mut *reader, page, 10, &[], false);
    }
    assert_eq!(ok(reader.epoch_at(RoomId(1), Seq(1))), None);
    assert_eq!(ok(reader.sends(Instance([1; 16]))), []);
    assert_eq!(ok(reader.audit(WallMs(0), 0, 10)), []);
    ok(store.commit(&[]));
}

fn epochs_rise_and_stay(place: &mut dyn Place) {
    let mut store = place.open();
    assert_eq!(ok(store.raise_epoch()), Epoch(1));
    assert_eq!(ok(store.raise_epoch()), Epoch(2));
    drop(store);
    let mut store = place.open();
    assert_eq!(ok(store.load()).epoch, Epoch(2));
    assert_eq!(ok(store.raise_epoch()), Epoch(3));
}

fn what_is_committed_is_read_back(place: &mut dyn Place) {
    let mut store = place.open();
    let mut silent = room(2);
    silent.retention = Retention::None;
    ok(store.commit(&[Record::Room(room(1)), Record::Room(silent.clone())]));
    let later = event(1, 2, 7);
    ok(store.commit(&[said(1, 1), Record::Event { event: Arc::new(later.clone()), send: None }]));
    let mut reader = ok(store.reader());
    let found = ok(reader.page(RoomId(1), Page::Latest, 10));
    assert_eq!(found.events, [event(1, 1, 1), later]);
    assert_eq!(ok(reader.epoch_at(RoomId(1), Seq(1))), Some(Epoch(1)));
    assert_eq!(ok(reader.epoch_at(RoomId(1), Seq(2))), Some(Epoch(7)));
    assert_eq!(ok(reader.epoch_at(RoomId(1), Seq(3))), None);
    assert_eq!(ok(store.load()).snapshot.rooms, [stored(room(1), 7, 2), stored(silent, 0, 0)]);
}

fn pages_end_exactly_at_the_limit(place: &mut dyn Place) {
    let mut store = place.open();
    ok(store.commit(&filled(1, 5)));
    let reader = &mut *ok(store.reader());
    check(reader, Page::Latest, 4, &[2, 3, 4, 5], true);
    check(reader, Page::Latest, 5, &[1, 2, 3, 4, 5], false);
    check(reader, Page::Latest, 6, &[1, 2, 3, 4, 5], false);
    check(reader, Page::Latest, 0, &[], true);
    check(reader, Page::Before(Seq(4)), 2, &[2, 3], true);
    check(reader, Page::Before(Seq(4)), 3, &[1, 2, 3], false);
    check(reader, Page::Before(Seq(1)), 3, &[], false);
    check(reader, Page::Before(Seq(0)), 3, &[], false);
    check(reader, Page::Before(Seq(u64::MAX)), 2, &[4, 5], true);
    check(reader, Page::After(Seq(2)), 2, &[3, 4], true);
    check(reader, Page::After(Seq(2)), 3, &[3, 4, 5], false);
    check(reader, Page::After(Seq(0)), 5, &[1, 2, 3, 4, 5], false);
    check(reader, Page::After(Seq(5)), 3, &[], false);
    check(reader, Page::After(Seq(u64::MAX)), 3, &[], false);
}

fn around_shows_both_sides(place: &mut dyn Place) {
    let mut store = place.open();
    ok(store.commit(&filled(1, 9)));
    let reader = &mut *ok(store.reader());
    check(reader, Page::Around(Seq(5)), 1, &[5], true);
    check(reader, Page::Around(Seq(5)), 2, &[4, 5], true);
    check(reader, Page::Around(Seq(5)), 5, &[3, 4, 5, 6, 7], true);
    check(reader, Page::Around(Seq(5)), 8, &[1, 2, 3, 4, 5, 6, 7, 8], false);
    check(reader, Page::Around(Seq(1)), 4, &[1, 2], false);
    check(reader, Page::Around(Seq(9)), 4, &[7, 8, 9], true);
    check(reader, Page::Around(Seq(20)), 4, &[8, 9], true);
}

fn rooms_are_apart(place: &mut dyn Place) {
    let mut store = place.open();
    ok(store.commit(&[Record::Room(room(2)), Record::Room(room(1)), Record::Room(room(3))]));
    ok(store.commit(&[said(2, 1), said(1, 1), said(2, 2), said(1, 2), said(1, 3)]));
    let mut reader = ok(store.reader());
    check(&mut *reader, Page::Latest, 3, &[1, 2, 3], false);
    let found = ok(reader.page(RoomId(2), Page::After(Seq(0)), 2));
    assert_eq!((found.events, found.more), (vec![event(2, 1, 1), event(2, 2, 1)], false));
    assert!(seqs(&mut *reader, 3).is_empty());
    assert_eq!(
        ok(store.load()).snapshot.rooms,
        [stored(room(1), 1, 3), stored(room(2), 1, 2), stored(room(3), 0, 0)]
    );
}

fn private_rooms_keep_their_two_users(place: &mut dyn Place) {
    let mut store = place.open();
    let sides = [UserId(4), UserId(1 << 50)];
    let private = RoomRecord { kind: RoomKind::Private { sides, open: true }, ..room(1 << 50) };
    ok(store.commit(&[Record::Room(private.clone()), said(1 << 50, 1)]));
    assert_eq!(ok(store.load()).snapshot.rooms, [stored(private, 1, 1)]);
}

fn large_batches_keep_their_order(place: &mut dyn Place) {
    let mut store = place.open();
    for count in [1, 15, 16, 17, 33, 1000] {
        let id = 100 + count;
        ok(store.commit(&filled(id, count)));
        assert_eq!(seqs(&mut *ok(store.reader()), id), (1..=count).collect::<Vec<_>>());
    }
}

fn sends_are_kept_by_counter(place: &mut dyn Place) {
    let (ann, bob) = (Instance([1; 16]), Instance([2; 16]));
    let mut store = place.open();
    let mut batch = filled(1, 0);
    batch.extend([sent(1, 1, bob, 7), sent(1, 2, ann, 300), sent(1, 3, ann, 2), said(1, 4)]);
    ok(store.commit(&batch));
    ok(store.commit(&[sent(1, 5, ann, 1)]));
    let mut reader = ok(store.reader());
    assert_eq!(counters(&mut *reader, ann), [1, 2, 300]);
    let position = event(1, 1, 1).position();
    let expected =
        SendRecord { instance: bob, counter: Counter(7), position, time: WallMs(10_001) };
    assert_eq!(ok(reader.sends(bob)), [expected]);
}

fn the_window_keeps_the_newest_sends(place: &mut dyn Place) {
    let window = limits::INSTANCE_WINDOW;
    let (ann, bob) = (Instance([1; 16]), Instance([2; 16]));
    let mut store = place.open();
    // Counters with gaps: the window counts sends, not numbers.
    let mut batch = filled(1, 0);
    batch.extend((1..=window).map(|n| sent(1, n, ann, 10 * n)));
    batch.push(sent(1, window + 1, bob, 1));
    ok(store.commit(&batch));
    let mut reader = ok(store.reader());
    let tens = |from: u64, to: u64| (from..=to).map(|n| 10 * n).collect::<Vec<_>>();
    assert_eq!(counters(&mut *reader, ann), tens(1, window));
    ok(store.commit(&[sent(1, 500, ann, 10 * (window + 1)), sent(1, 501, ann, 10 * (window + 2))]));
    assert_eq!(counters(&mut *reader, ann), tens(3, window + 2));
    assert_eq!(counters(&mut *reader, bob), [1], "each instance has its own");
    // One that lies behind the window is taken and pruned at once.
    ok(store.commit(&[sent(1, 502, ann, 5)]));
    assert_eq!(counters(&mut *reader, ann), tens(3, window + 2));
    let batch: Vec<_> = (1..=3 * window).map(|n| sent(1, 1000 + n, bob, 1 + n)).collect();
    ok(store.commit(&batch));
    assert_eq!(
        counters(&mut *reader, bob),
        (2 * window + 2..=3 * window + 1).collect::<Vec<_>>(),
        "a batch larger than the window"
    );
}

fn tidy_forgets_old_sends(place: &mut dyn Place) {
    let ann = Instance([1; 16]);
    let mut store = place.open();
    let mut batch = filled(1, 0);
    batch.extend((1..=3).map(|n| sent(1, n, ann, n)));
    ok(store.commit(&batch));
    ok(store.tidy(WallMs(10_002)));
    let mut reader = ok(store.reader());
    assert_eq!(counters(&mut *reader, ann), [2, 3]);
    assert_eq!(seqs(&mut *reader, 1), [1, 2, 3], "events stay");
}

fn a_room_that_goes_takes_its_events(place: &mut dyn Place) {
    let ann = Instance([1; 16]);
    let mut store = place.open();
    let mut batch = filled(1, 3);
    batch.extend(filled(2, 3));
    batch.push(sent(1, 4, ann, 1));
    ok(store.commit(&batch));
    // In order within a batch: what is said before goes, the new room of the same number stays.
    ok(store.commit(&[said(1, 5), Record::RoomGone(RoomId(1)), Record::RoomGone(RoomId(77))]));
    let mut reader = ok(store.reader());
    assert!(seqs(&mut *reader, 1).is_empty());
    assert_eq!(seqs(&mut *reader, 2), [1, 2, 3]);
    assert_eq!(ok(reader.epoch_at(RoomId(1), Seq(1))), None);
    assert_eq!(counters(&mut *reader, ann), [1], "a repeated send still finds its answer");
    assert_eq!(ok(store.load()).snapshot.rooms, [stored(room(2), 1, 3)]);
    ok(store.commit(&[Record::RoomGone(RoomId(2)), Record::Room(room(2)), said(2, 1)]));
    assert_eq!(seqs(&mut *reader, 2), [1]);
}

fn everything_is_there_after_reopening(place: &mut dyn Place) {
    let ann = Instance([1; 16]);
    let mut store = place.open();
    ok(store.raise_epoch());
    ok(store.commit(&filled(1, 40)));
    ok(store.commit(&[sent(1, 41, ann, 9)]));
    drop(store);
    for _ in 0..3 {
        let mut store = place.open();
        assert_eq!(ok(store.load()).epoch, Epoch(1));
        assert_eq!(ok(store.load()).snapshot.rooms, [stored(room(1), 1, 41)]);
        let mut reader = ok(store.reader());
        assert_eq!(seqs(&mut *reader, 1), (1..=41).collect::<Vec<_>>());
        assert_eq!(counters(&mut *reader, ann), [9]);
    }
}

fn readers_see_whole_batches(place: &mut dyn Place) {
    const BATCH: u64 = 50;
    let mut store = place.open();
    ok(store.commit(&filled(1, 0)));
    let mut reader = ok(store.reader());
    let reading = std::thread::spawn(move || {
        let mut head = 0;
        while head < 40 * BATCH {
            let page = ok(reader.page(RoomId(1), Page::Latest, 1));
            let now = page.events.first().map_or(0, |event| event.seq.0);
            assert!(now >= head && now.is_multiple_of(BATCH), "saw {now} after {head}");
            head = now;
        }
    });
    for batch in 0..40 {
        let records: Vec<_> = (1..=BATCH).map(|n| said(1, batch * BATCH + n)).collect();
        ok(store.commit(&records));
    }
    assert!(reading.join().is_ok(), "the reader saw half a batch");
}

fn a_bad_batch_leaves_nothing(place: &mut dyn Place) {
    let ann = Instance([1; 16]);
    let mut store = place.open();
    let mut batch = filled(1, 3);
    batch.push(sent(1, 4, ann, 1));
    ok(store.commit(&batch));
    let mut reader = ok(store.reader());
    let good = || (5..40).map(|n| sent(1, n, ann, n));
    let bad: [Vec<Record>; 4] = [
        good().chain([said(1, 50), said(1, 50)]).collect(),
        good().chain([Record::RoomGone(RoomId(1)), said(2, 1), said(2, 1)]).collect(),
        good().chain([sent(1, 60, ann, 1)]).collect(),
        good().chain([sent(1, 60, ann, u64::MAX)]).collect(),
    ];
    for batch in bad {
        assert!(store.commit(&batch).is_err());
        assert!(matches!(store.commit(&[said(1, 70)]), Err(StoreError::Unrecovered)));
        assert!(matches!(store.raise_epoch(), Err(StoreError::Unrecovered)));
        assert!(matches!(store.load(), Err(StoreError::Unrecovered)));
        ok(store.recover());
        assert_eq!(seqs(&mut *reader, 1), [1, 2, 3, 4], "an open reader goes on");
        assert_eq!(seqs(&mut *ok(store.reader()), 1), [1, 2, 3, 4]);
        assert_eq!(counters(&mut *reader, ann), [1]);
        assert_eq!(ok(store.load()).snapshot.rooms, [stored(room(1), 1, 4)]);
    }
    // A room may be said again: the hub does, when a failure left it uncertain.
    ok(store.commit(&[Record::Room(room(1)), said(1, 5)]));
    assert_eq!(seqs(&mut *reader, 1), [1, 2, 3, 4, 5]);
    assert_eq!(ok(store.load()).snapshot.rooms, [stored(room(1), 1, 5)]);
    drop((store, reader));
    assert_eq!(seqs(&mut *ok(place.open().reader()), 1), [1, 2, 3, 4, 5]);
}

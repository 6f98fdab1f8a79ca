//! Searching in a SQLite store: what is found, and what happens to the index.
#![allow(clippy::unwrap_used)]

mod searching;

use hubbub_protocol::record::Record;
use hubbub_protocol::search::Query;
use hubbub_protocol::{Body, Epoch, RoomId, Seq, UserName, WallMs};
use hubbub_store::Store;
use searching::{Site, delete, edit, event, places, query, record, room, said, text};

#[test]
fn words_of_any_script_are_found_newest_first() {
    let mut site = Site::with_rooms(&[1]);
    let texts = [
        "The red fox",
        "a fox, red",
        "Zoë trinkt Kaffee",
        "東京都に行く",
        "Привет, мир",
        "مُحَمَّد هنا",
        "ok 👍🏽",
        "नमस्ते दुनिया",
        "ฉันกินข้าว",
        "see example.com",
        "서울에서",
    ];
    let batch: Vec<Record> = (1..).zip(texts).map(|(seq, words)| said(1, seq, words)).collect();
    site.commit(&batch);
    let wave = Body::action(text("waves at the fox"));
    site.commit(&[record(event(1, 12, wave))]);
    for (words, expected) in [
        ("fox", vec![12, 2, 1]),
        ("FOX red", vec![2, 1]),
        ("\"red fox\"", vec![1]),
        ("re", vec![]),
        ("re*", vec![2, 1]),
        ("zoe KAFFEE", vec![3]),
        ("京都", vec![4]),
        ("東都", vec![]),
        ("ПРИВЕТ", vec![5]),
        ("محمد", vec![6]),
        ("👍", vec![7]),
        ("नमस्ते", vec![8]),
        ("กิน", vec![9]),
        ("example.com", vec![10]),
        ("com", vec![10]),
        ("서울", vec![11]),
        ("_r1", vec![]),
        ("", vec![]),
        ("...", vec![]),
    ] {
        let expected: Vec<(u64, u64)> = expected.into_iter().map(|seq| (1, seq)).collect();
        site.check(words, &[1], &expected);
    }
}

#[test]
fn one_looks_only_where_and_when_one_may() {
    const HOUR: u64 = 3_600_000;
    let mut site = Site::with_rooms(&[1, 2, 3]);
    let say = |room, seq, name: &str, time| {
        let mut event = event(room, seq, Body::text(text("tea")));
        (event.from.name, event.time) = (UserName::known(name).unwrap(), WallMs(time));
        record(event)
    };
    let batch = [
        say(1, 1, "Ann", HOUR),
        say(2, 1, "Bob", 2 * HOUR),
        // The clock jumped.
        say(1, 2, "Bob", 9 * HOUR),
        say(3, 1, "ANN", 3 * HOUR - 1),
        say(1, 3, "Bob", 3 * HOUR),
    ];
    site.commit(&batch);
    site.check("tea", &[1, 2, 3], &[(1, 3), (3, 1), (1, 2), (2, 1), (1, 1)]);
    site.check("tea", &[2, 3, 4], &[(3, 1), (2, 1)]);
    site.check("tea", &[], &[]);
    let mut check = |from: Option<&str>, since: Option<u64>, until: Option<u64>, expected: &[_]| {
        let from = from.map(|name| UserName::known(name).unwrap());
        let (since, until) = (since.map(WallMs), until.map(WallMs));
        let found = site.search(&Query { from, since, until, ..query("tea", &[1, 2, 3]) });
        assert_eq!(places(&found), expected);
    };
    check(Some("ann"), None, None, &[(3, 1), (1, 1)]);
    check(Some("carol"), None, None, &[]);
    check(None, Some(2 * HOUR), None, &[(1, 3), (3, 1), (1, 2), (2, 1)]);
    check(None, Some(3 * HOUR), None, &[(1, 3), (1, 2)]);
    check(None, None, Some(3 * HOUR), &[(3, 1), (2, 1), (1, 1)]);
    check(Some("bob"), Some(HOUR), Some(9 * HOUR), &[(1, 3), (2, 1)]);
    check(None, Some(20 * HOUR), None, &[]);
    check(None, Some(u64::MAX), Some(u64::MAX), &[]);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let mut site = Site::with_rooms(&[1, 2]);
    let batch: Vec<Record> = (1..=10).map(|seq| said(1 + seq % 2, seq, "tea")).collect();
    site.commit(&batch);
    site.index_all();
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..4 {
        let page = site.search(&Query { before, limit: 3, ..query("tea", &[1, 2]) });
        found.extend(page.events.iter().map(|(_, event)| event.seq.0));
        assert!(page.events.iter().all(|(place, _)| before.is_none_or(|before| *place < before)));
        before = page.next;
    }
    assert_eq!(found, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(before, None);
    // Exactly full, and nothing behind it.
    let page = site.search(&Query { limit: 10, ..query("tea", &[1, 2]) });
    assert_eq!((page.events.len(), page.next), (10, None));
}

/// So many rooms that they are not looked up one by one, and so much elsewhere that they are after all.
#[test]
fn many_rooms_are_searched_in_too() {
    let mut site = Site::with_rooms(&(1..=60).collect::<Vec<_>>());
    let mut batch: Vec<Record> = (1..=40).map(|id| said(id, 1, "tea and cake")).collect();
    batch.extend((1..=1_200).map(|seq| said(50, seq, "tea")));
    batch.extend((31..=45).map(|id| said(id, 2, "tea")));
    site.commit(&batch);
    let rooms: Vec<u64> = (1..=40).collect();
    let newest = (31..=40).rev().map(|id| (id, 2));
    let expected: Vec<(u64, u64)> = newest.chain((1..=40).rev().map(|id| (id, 1))).collect();
    site.check("tea", &rooms, &expected);
    site.check("cake", &rooms, &expected[10..]);
    site.check("cake", &(50..=70).collect::<Vec<_>>(), &[]);
    let page = site.search(&Query { limit: 15, ..query("tea", &rooms) });
    assert_eq!(places(&page), expected[..15]);
    let page = site.search(&Query { before: page.next, ..query("tea", &rooms) });
    assert_eq!(places(&page), expected[15..]);
}

#[test]
fn one_is_told_that_the_newest_are_not_indexed_yet() {
    let mut site = Site::with_rooms(&[1]);
    assert!(!site.search(&query("tea", &[1])).behind, "nothing was said");
    site.commit(&[said(1, 1, "tea")]);
    assert!(site.search(&query("tea", &[1])).behind, "there is no index");
    site.check("tea", &[1], &[(1, 1)]);
    site.commit(&[said(1, 2, "tea")]);
    let found = site.search(&query("tea", &[1]));
    assert_eq!((places(&found), found.behind), (vec![(1, 1)], true));
    site.check("tea", &[1], &[(1, 2), (1, 1)]);
}

#[test]
fn what_has_gone_with_its_room_is_not_found_and_leaves_the_file() {
    let mut site = Site::with_rooms(&[1, 2]);
    site.commit(&[said(1, 1, "tea stays"), said(2, 1, "tea for zyzzogeton"), said(1, 2, "tea")]);
    site.check("tea", &[1, 2], &[(1, 2), (2, 1), (1, 1)]);
    assert!(site.index_has("zyzzogeton"));
    site.commit(&[Record::RoomGone(RoomId(2))]);
    assert_eq!(places(&site.search(&query("tea", &[1, 2]))), [(1, 2), (1, 1)]);
    site.check("tea", &[1, 2], &[(1, 2), (1, 1)]);
    assert!(!site.index_has("zyzzogeton"));
    assert!(site.index_has("stays"), "the search in the files works");
}

/// The newest events of the log go, and SQLite gives their ids to others.
#[test]
fn an_id_that_comes_again_is_another_message() {
    for indexed_between in [false, true] {
        let mut site = Site::with_rooms(&[1, 2, 3]);
        site.commit(&[said(1, 1, "tea"), said(2, 1, "zyzzogeton"), said(2, 2, "zyzzogeton")]);
        site.check("zyzzogeton", &[2], &[(2, 2), (2, 1)]);
        site.commit(&[Record::RoomGone(RoomId(2))]);
        if indexed_between {
            site.index_all();
        }
        site.commit(&[said(3, 1, "tea"), said(3, 2, "cake"), said(3, 3, "tea")]);
        assert!(site.search(&query("tea", &[3])).behind);
        site.check("tea", &[1, 2, 3], &[(3, 3), (3, 1), (1, 1)]);
        site.check("zyzzogeton", &[1, 2, 3], &[]);
        site.check("cake", &[1, 2, 3], &[(3, 2)]);
        assert!(!site.index_has("zyzzogeton"));
    }
}

/// As above, but the log is exactly as long as before: only the epoch tells.
#[test]
fn an_event_of_another_epoch_is_another_one() {
    let mut site = Site::with_rooms(&[1]);
    site.commit(&[said(1, 1, "coffee")]);
    site.index_all();
    site.commit(&[Record::RoomGone(RoomId(1)), room(1)]);
    let mut other = event(1, 1, Body::text(text("tea")));
    other.epoch = Epoch(2);
    site.commit(&[record(other)]);
    assert!(site.search(&query("tea", &[1])).behind);
    site.check("tea", &[1], &[(1, 1)]);
    site.check("coffee", &[1], &[]);
}

#[test]
fn what_went_while_nobody_indexed_leaves_the_file_too() {
    let mut site = Site::with_rooms(&[1, 2]);
    site.commit(&[said(2, 1, "zyzzogeton"), said(1, 1, "tea")]);
    site.index_all();
    site.commit(&[Record::RoomGone(RoomId(2))]);
    site.reopen();
    site.index_all();
    assert!(!site.index_has("zyzzogeton"));
    site.check("tea", &[1], &[(1, 1)]);
}

/// Many rows, so that the words are spread over pages and segments.
#[test]
fn every_word_of_a_large_room_leaves_the_file() {
    let mut site = Site::with_rooms(&[1, 2]);
    let secret = |n: u64| format!("secret{}xyzzy{n:04}quux", n % 7);
    for n in 1..=1500 {
        let words = format!("the tea is cold {} {}", n % 50, secret(n));
        site.commit(&[said(1, n, &format!("tea {n}")), said(2, n, &words)]);
        if n % 100 == 0 {
            site.index_all();
        }
    }
    site.index_all();
    assert!(site.index_has("secret"));
    site.commit(&[Record::RoomGone(RoomId(2))]);
    site.index_all();
    assert!(!site.index_has("quux"));
    site.check("tea", &[1, 2], &(1401..=1500).rev().map(|seq| (1, seq)).collect::<Vec<_>>());
}

#[test]
fn what_is_too_old_is_not_found_and_leaves_the_file() {
    let mut site = Site::with_rooms(&[1]);
    site.commit(&[said(1, 1, "tea zyzzogeton"), said(1, 2, "tea"), said(1, 3, "tea")]);
    site.index_all();
    site.commit(&[Record::Trim { room: RoomId(1), upto: Seq(2) }]);
    assert_eq!(places(&site.search(&query("tea", &[1]))), [(1, 3)]);
    site.check("tea", &[1], &[(1, 3)]);
    assert!(!site.index_has("zyzzogeton"));
}

#[test]
fn a_deleted_message_is_not_found_and_leaves_the_file() {
    let mut site = Site::with_rooms(&[1]);
    site.commit(&[said(1, 1, "tea zyzzogeton"), said(1, 2, "tea")]);
    site.index_all();
    assert!(site.index_has("zyzzogeton"));
    site.commit(&[delete(1, 3, 1)]);
    assert_eq!(places(&site.search(&query("tea", &[1]))), [(1, 2)]);
    site.check("tea", &[1], &[(1, 2)]);
    assert!(!site.index_has("zyzzogeton"));
}

#[test]
fn an_edited_message_is_found_by_its_new_words_alone() {
    let mut site = Site::with_rooms(&[1]);
    site.commit(&[said(1, 1, "tea zyzzogeton"), said(1, 2, "tea")]);
    site.index_all();
    site.commit(&[edit(1, 3, 1, "tea and cake")]);
    let found = site.search(&query("zyzzogeton", &[1]));
    assert_eq!((places(&found), found.behind), (vec![], true));
    site.check("zyzzogeton", &[1], &[]);
    site.check("cake", &[1], &[(1, 1)]);
    site.check("tea", &[1], &[(1, 2), (1, 1)]);
    assert!(!site.index_has("zyzzogeton"));
    site.commit(&[edit(1, 4, 1, "coffee"), delete(1, 5, 2)]);
    site.check("tea", &[1], &[]);
    site.check("cake", &[1], &[]);
    site.check("coffee", &[1], &[(1, 1)]);
}

#[test]
fn nothing_that_is_typed_is_an_error() {
    let mut site = Site::with_rooms(&[1]);
    site.commit(&[said(1, 1, "tea NEAR(a b) OR not words:x")]);
    site.index_all();
    for words in [
        "\"",
        "'",
        "a\0b",
        "tea\" OR \"x",
        "NEAR(a b, 3)",
        "words:tea",
        "^tea",
        "tea AND",
        "NOT",
        "-tea",
        "(tea",
        "{words}: tea",
        "tea + near",
        "*",
        "\"*\"*",
        "_r1 tea",
        "te* *",
    ] {
        site.search(&query(words, &[1]));
    }
    site.check("NEAR(a b)", &[1], &[(1, 1)]);
    site.check("tea OR not", &[1], &[(1, 1)]);
    site.check("tea OR coffee", &[1], &[]);
    site.check(&"tea ".repeat(1000), &[1], &[(1, 1)]);
    let found = site.search(&Query { before: Some(u64::MAX), ..query("tea", &[1, u64::MAX]) });
    assert_eq!(places(&found), [(1, 1)]);
    let found = site.search(&Query { before: Some(0), ..query("tea", &[1]) });
    assert_eq!(places(&found), []);
}

#[test]
fn a_failed_step_leaves_nothing_undone() {
    let mut site = Site::with_rooms(&[1, 2]);
    site.commit(&[said(1, 1, "tea"), said(2, 1, "zyzzogeton")]);
    site.index_all();
    let other = rusqlite::Connection::open(site.index()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    site.commit(&[Record::RoomGone(RoomId(2)), said(1, 2, "tea")]);
    assert!(site.opened().indexer.step().is_err());
    drop(other);
    site.check("tea", &[1, 2], &[(1, 2), (1, 1)]);
    assert!(!site.index_has("zyzzogeton"));
}

#[test]
fn a_batch_that_failed_leaves_no_trace() {
    let mut site = Site::with_rooms(&[1]);
    site.commit(&[said(1, 1, "tea")]);
    site.index_all();
    assert!(site.opened().store.commit(&[said(1, 2, "coffee"), said(1, 2, "coffee")]).is_err());
    site.opened().store.recover().unwrap();
    site.commit(&[said(1, 2, "tea")]);
    site.check("tea", &[1], &[(1, 2), (1, 1)]);
    site.check("coffee", &[1], &[]);
}

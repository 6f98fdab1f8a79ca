//! The tests of what a new event does with older ones: edits, deletions and reactions.

use super::Place;
use super::make::{author, did, edit, event, filled, notice, ok, react, reaction, said, text};
use super::suite::Test;
use crate::{Message, Reader};
use hubbub_protocol::frame::{Page, ReactionEntry};
use hubbub_protocol::record::Record;
use hubbub_protocol::{Body, Event, RoomId, Said, Seq, Text, UserId, limits};

/// All of them, by name.
pub(super) const TESTS: &[(&str, Test)] = &[
    ("all_kinds_of_events_are_read_back", all_kinds_of_events_are_read_back),
    ("an_edit_changes_its_message", an_edit_changes_its_message),
    ("a_deletion_leaves_no_text", a_deletion_leaves_no_text),
    ("what_is_about_no_message_changes_nothing", what_is_about_no_message_changes_nothing),
    ("reactions_are_counted_once", reactions_are_counted_once),
    ("a_message_has_so_many_different_reactions", a_message_has_so_many_different_reactions),
    ("reactions_are_in_the_order_of_their_first", reactions_are_in_the_order_of_their_first),
    ("a_batch_is_done_in_its_order", a_batch_is_done_in_its_order),
    ("a_bad_batch_changes_no_message", a_bad_batch_changes_no_message),
];

const ROOM: RoomId = RoomId(1);

fn body(reader: &mut dyn Reader, seq: u64) -> Body {
    ok(reader.message(ROOM, Seq(seq), None)).expect("an event of that number").event.body
}

fn bodies(reader: &mut dyn Reader) -> Vec<Body> {
    let page = ok(reader.page(ROOM, Page::Latest, 1_000_000));
    page.events.into_iter().map(|event| event.body).collect()
}

/// A short form: what, how many, who of them, and whether 7 is one of them.
fn reactions(
    reader: &mut dyn Reader,
    first: u64,
    last: u64,
) -> Vec<(u64, String, u32, Vec<u64>, bool)> {
    let found = ok(reader.reactions(ROOM, Seq(first), Seq(last), UserId(7)));
    let short = |entry: ReactionEntry| {
        let users = entry.users.iter().map(|user| user.id.0).collect();
        assert!(entry.users.iter().all(|user| *user == author(user.id.0)));
        (entry.seq.0, entry.reaction.as_str().to_owned(), entry.count, users, entry.mine)
    };
    found.into_iter().map(short).collect()
}

fn all_kinds_of_events_are_read_back(place: &mut dyn Place) {
    let mut store = place.open();
    let said = |said: Said| [Body::Text(said.clone()), Body::Action(said)];
    let mut all = Vec::new();
    for (reply, edited, everyone) in
        [(None, None, false), (Some(Seq(7)), None, true), (None, Some(Seq(1 << 52)), false)]
    {
        all.extend(said(Said { text: text("Füße"), reply, edited, everyone }));
    }
    all.extend((0..18).map(notice));
    all.extend([
        Body::Deleted { by: Seq(1 << 52) },
        Body::Edit { of: Seq(999), text: None },
        // Of the second message, as that is read back below.
        edit(2, "new"),
        Body::Delete { of: Seq(999) },
        react(999, "👨‍👩‍👧‍👦", true),
        react(999, "word", false),
    ]);
    let batch: Vec<_> =
        (1..).zip(&all).map(|(seq, body)| did(1, seq, 1 + seq % 3, body.clone())).collect();
    ok(store.commit(&batch));
    let page = ok(ok(store.reader()).page(ROOM, Page::Latest, 100));
    let expected: Vec<_> = batch
        .iter()
        .map(|record| match record {
            Record::Event { event, .. } => Event::clone(event),
            _ => unreachable!("only events"),
        })
        .collect();
    let mut expected: Vec<Event> = expected;
    let is_edit = |event: &&Event| matches!(event.body, Body::Edit { text: Some(_), .. });
    let edit = expected.iter().find(is_edit);
    let edit = edit.expect("one is there").seq;
    if let Some(said) = expected[1].body.said_mut() {
        said.text = Text::parse("new").expect("a valid text");
        said.edited = Some(edit);
    }
    assert_eq!(page.events, expected);
}

fn an_edit_changes_its_message(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    ok(store.commit(&filled(1, 4)));
    let reply = Said { reply: Some(Seq(4)), everyone: true, ..text("an answer").into() };
    ok(store.commit(&[did(1, 5, 1, Body::Action(reply.clone())), did(1, 6, 1, edit(5, "one"))]));
    let now = |new: &str, edited| {
        Body::Action(Said { text: text(new), edited: Some(Seq(edited)), ..reply.clone() })
    };
    assert_eq!(body(&mut *reader, 5), now("one", 6));
    assert_eq!(body(&mut *reader, 6), edit(5, "one"));
    ok(store.commit(&[did(1, 7, 1, edit(5, "two"))]));
    ok(store.commit(&[did(1, 8, 1, edit(1, "other"))]));
    let long = "ü".repeat(2000);
    ok(store.commit(&[did(1, 9, 1, edit(5, "three")), did(1, 10, 1, edit(5, &long))]));
    let gone = |of| Body::Edit { of: Seq(of), text: None };
    let expected = [now(&long, 10), gone(5), gone(5), edit(1, "other"), gone(5), edit(5, &long)];
    assert_eq!(bodies(&mut *reader)[4..], expected);
    assert_eq!(body(&mut *reader, 1).words(), "other");
    assert_eq!(body(&mut *reader, 4), event(1, 4, 1).body, "not what it answers");
    drop((store, reader));
    assert_eq!(bodies(&mut *ok(place.open().reader()))[4..], expected);
}

fn a_deletion_leaves_no_text(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    ok(store.commit(&filled(1, 3)));
    ok(store.commit(&[
        did(1, 4, 1, edit(2, "one")),
        did(1, 5, 1, edit(2, "two")),
        did(1, 6, 7, react(2, "+1", true)),
        did(1, 7, 7, react(3, "+1", true)),
        did(1, 8, 1, Body::Text(Said { reply: Some(Seq(2)), ..text("a reply").into() })),
    ]));
    ok(store.commit(&[did(1, 9, 3, Body::Delete { of: Seq(2) })]));
    let found = ok(reader.message(ROOM, Seq(2), Some((UserId(7), &reaction("+1")))));
    let event = Event { body: Body::Deleted { by: Seq(9) }, ..event(1, 2, 1) };
    assert_eq!(found, Some(Message { event, reactions: 0, has_reacted: false }));
    let gone = Body::Edit { of: Seq(2), text: None };
    assert_eq!([body(&mut *reader, 4), body(&mut *reader, 5)], [gone.clone(), gone]);
    assert_eq!(body(&mut *reader, 8).words(), "a reply");
    assert_eq!(body(&mut *reader, 9), Body::Delete { of: Seq(2) });
    assert_eq!(reactions(&mut *reader, 0, 99), [(3, "+1".into(), 1, vec![7], true)]);
    // Once: it stays as it is.
    ok(store.commit(&[
        did(1, 10, 3, Body::Delete { of: Seq(2) }),
        did(1, 11, 3, edit(2, "back")),
        did(1, 12, 3, react(2, "+1", true)),
    ]));
    assert_eq!(body(&mut *reader, 2), Body::Deleted { by: Seq(9) });
    assert_eq!(body(&mut *reader, 11), Body::Edit { of: Seq(2), text: None });
    assert_eq!(reactions(&mut *reader, 0, 2), []);
}

fn what_is_about_no_message_changes_nothing(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    let mut records = filled(1, 2);
    records.extend([did(1, 3, 1, notice(4)), did(1, 4, 1, edit(1, "one"))]);
    records.extend(filled(2, 9));
    ok(store.commit(&records));
    let before = bodies(&mut *reader);
    let mut seq = 4;
    for of in [3, 4, 5, 9, 99, (1 << 63) - 1] {
        for about in [
            edit(of, "new"),
            react(of, "+1", true),
            react(of, "+1", false),
            Body::Delete { of: Seq(of) },
        ] {
            seq += 1;
            ok(store.commit(&[did(1, seq, 7, about.clone())]));
            let now = bodies(&mut *reader);
            assert_eq!(now[..4], before, "{about:?}");
            // What an edit of nothing would say is nowhere.
            let kept = match about {
                Body::Edit { of, .. } => Body::Edit { of, text: None },
                about => about,
            };
            assert_eq!(now.last(), Some(&kept));
        }
        assert_eq!(reactions(&mut *reader, 0, u64::MAX), []);
    }
    for too_far in
        [edit(1 << 63, "x"), react(1 << 63, "x", true), Body::Delete { of: Seq(1 << 63) }]
    {
        assert!(store.commit(&[did(1, 100, 7, too_far)]).is_err());
        ok(store.recover());
    }
}

fn reactions_are_counted_once(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    ok(store.commit(&filled(1, 2)));
    let mut seq = 2;
    let mut say = |user, what: &str, on| {
        seq += 1;
        ok(store.commit(&[did(1, seq, user, react(1, what, on))]));
    };
    say(8, "+1", true);
    say(8, "+1", true);
    say(7, "+1", true);
    say(8, "ok", true);
    say(9, "+1", false);
    let expected =
        [(1, "+1".to_owned(), 2, vec![8, 7], true), (1, "ok".to_owned(), 1, vec![8], false)];
    assert_eq!(reactions(&mut *reader, 1, 1), expected);
    assert_eq!(reactions(&mut *reader, 2, 99), []);
    let mut asked = |user, what: &str| {
        let reaction = reaction(what);
        let found = ok(reader.message(ROOM, Seq(1), Some((UserId(user), &reaction))));
        found.map(|message| (message.reactions, message.has_reacted))
    };
    // Those beside the asked one count.
    assert_eq!(asked(8, "ok"), Some((1, true)));
    assert_eq!(asked(7, "ok"), Some((1, false)));
    assert_eq!(asked(7, "new"), Some((2, false)));
    say(8, "ok", false);
    say(8, "ok", false);
    assert_eq!(asked(8, "ok"), Some((1, false)));
    say(8, "+1", false);
    assert_eq!(reactions(&mut *reader, 1, 1), [(1, "+1".to_owned(), 1, vec![7], true)]);
}

fn a_message_has_so_many_different_reactions(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    ok(store.commit(&filled(1, 1)));
    let most = limits::REACTIONS_PER_EVENT as u64;
    for number in 0..most + 5 {
        ok(store.commit(&[did(1, 2 + number, 7, react(1, &format!("r{number}"), true))]));
    }
    let counts = |reader: &mut dyn Reader| -> Vec<u32> {
        let found = ok(reader.reactions(ROOM, Seq(1), Seq(1), UserId(7)));
        found.iter().map(|entry| entry.count).collect()
    };
    assert_eq!(counts(&mut *reader), vec![1; limits::REACTIONS_PER_EVENT]);
    // Others may join those that are there, and one that goes makes place.
    ok(store.commit(&[
        did(1, 90, 8, react(1, "r0", true)),
        did(1, 91, 7, react(1, "r1", false)),
        did(1, 92, 8, react(1, "new", true)),
    ]));
    let found = counts(&mut *reader);
    assert_eq!((found.len(), found[0]), (limits::REACTIONS_PER_EVENT, 2));
}

fn reactions_are_in_the_order_of_their_first(place: &mut dyn Place) {
    let mut store = place.open();
    let mut reader = ok(store.reader());
    ok(store.commit(&filled(1, 2)));
    let names = limits::REACTION_NAMES as u64;
    let mut batch = vec![did(1, 10, 50, react(2, "z", true)), did(1, 11, 50, react(1, "b", true))];
    // More than are named, and "me" is not among the first.
    let users = 20..=20 + names;
    batch.extend(users.rev().map(|user| did(1, 100 - user, user, react(1, "z", true))));
    batch.push(did(1, 200, 7, react(1, "z", true)));
    batch.push(did(1, 201, 50, react(1, "a", true)));
    ok(store.commit(&batch));
    let named: Vec<u64> = (21..=20 + names).rev().collect();
    let all = |named| (1, "z".to_owned(), names as u32 + 2, named, true);
    let [a, b, z] = [
        (1, "a".to_owned(), 1, vec![50], false),
        (1, "b".to_owned(), 1, vec![50], false),
        (2, "z".to_owned(), 1, vec![50], false),
    ];
    assert_eq!(
        reactions(&mut *reader, 1, 2),
        [b.clone(), all(named.clone()), a.clone(), z.clone()]
    );
    // Taken back and set again, it is the last.
    ok(store
        .commit(&[did(1, 202, 50, react(1, "b", false)), did(1, 203, 50, react(1, "b", true))]));
    assert_eq!(reactions(&mut *reader, 1, 2), [all(named), a, b, z]);
    assert_eq!(reactions(&mut *reader, 2, 1), []);
}

fn a_batch_is_done_in_its_order(place: &mut dyn Place) {
    let mut store = place.open();
    let mut records = filled(1, 1);
    // What is about an event that comes only later is about nothing.
    records.extend([
        did(1, 2, 7, Body::Delete { of: Seq(4) }),
        did(1, 3, 7, edit(4, "early")),
        said(1, 4),
        did(1, 5, 7, edit(4, "now")),
        did(1, 6, 7, react(4, "+1", true)),
        did(1, 7, 7, react(1, "+1", true)),
        did(1, 8, 7, Body::Delete { of: Seq(1) }),
        did(1, 9, 7, react(1, "+1", true)),
    ]);
    ok(store.commit(&records));
    let mut reader = ok(store.reader());
    assert_eq!(body(&mut *reader, 4).words(), "now");
    // What would have been said by an edit of nothing is nowhere.
    assert_eq!(body(&mut *reader, 3), Body::Edit { of: Seq(4), text: None });
    assert_eq!(body(&mut *reader, 1), Body::Deleted { by: Seq(8) });
    assert_eq!(reactions(&mut *reader, 0, 99), [(4, "+1".into(), 1, vec![7], true)]);
}

fn a_bad_batch_changes_no_message(place: &mut dyn Place) {
    let mut store = place.open();
    let mut records = filled(1, 3);
    records.extend([did(1, 4, 7, edit(1, "one")), did(1, 5, 7, react(2, "+1", true))]);
    ok(store.commit(&records));
    let mut reader = ok(store.reader());
    let before = (bodies(&mut *reader), reactions(&mut *reader, 0, 99));
    let changes = [
        did(1, 6, 7, edit(1, "two")),
        did(1, 7, 7, react(2, "+1", false)),
        did(1, 8, 7, react(3, "+1", true)),
        did(1, 9, 7, Body::Delete { of: Seq(1) }),
        did(1, 10, 7, Body::Delete { of: Seq(2) }),
        Record::Trim { room: ROOM, upto: Seq(2) },
    ];
    for count in 1..=changes.len() {
        let mut batch = changes[..count].to_vec();
        batch.push(said(1, 5));
        assert!(store.commit(&batch).is_err());
        ok(store.recover());
        assert_eq!((bodies(&mut *reader), reactions(&mut *reader, 0, 99)), before, "{count}");
        assert_eq!(ok(store.load()).snapshot.rooms[0].floor, Seq(0));
    }
    ok(store.commit(&changes));
    assert_eq!(bodies(&mut *reader).len(), 8);
}

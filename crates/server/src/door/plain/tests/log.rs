//! What the plain door says of a room's log: live, as history, and as what was found.

use super::*;
use crate::reading::Hits;
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Reaction, RestrictionKind, Role, RoomChange};

fn live(body: Body) -> String {
    let event = Arc::new(event(7, author(1, "ann"), body));
    let delivery = Delivery::Message { address: RoomAddress::Room(room("work")), event };
    let mut out = Vec::new();
    delivery_of(&delivery, &mut out);
    String::from_utf8(out).unwrap()
}

fn delivery_of(delivery: &Delivery, out: &mut Vec<u8>) {
    super::super::delivery(delivery, true, None, out);
}

fn reaction(text: &str) -> Reaction {
    Reaction::parse(text).unwrap()
}

/// Every kind of entry that a log has, with how it is told.
fn entries() -> Vec<(Body, &'static str)> {
    let of = Seq(5);
    let bob = || author(2, "bob");
    let changed = |change| Body::Changed(change);
    let text = Body::Text;
    vec![
        (text(said("hi")), "<ann> hi"),
        (Body::Action(said("waves")), "* ann waves"),
        (text(Said { reply: Some(of), ..said("yes") }), "<ann> (to #5) yes"),
        (text(Said { edited: Some(of), ..said("hi") }), "<ann> (edited) hi"),
        (
            text(Said { reply: Some(of), edited: Some(Seq(9)), ..said("yes") }),
            "<ann> (to #5, edited) yes",
        ),
        (text(Said { reply: Some(of), ..said("a\nb") }), "<ann> (to #5) a\n<ann> b"),
        (
            Body::Edit { of, text: Some(Text::parse("a\nb").unwrap()) },
            "-- ann changed #5 to: a\n-- ann changed #5 to: b",
        ),
        (Body::Edit { of, text: None }, "-- ann changed #5"),
        (Body::Delete { of }, "-- ann deleted #5"),
        (Body::Deleted { by: of }, "-- ann said something that was deleted"),
        (Body::React { of, reaction: reaction("👍"), on: true }, "-- ann reacted to #5: 👍"),
        (Body::React { of, reaction: reaction("👍"), on: false }, "-- ann took back from #5: 👍"),
        (Body::Pin { of, on: true }, "-- ann pinned #5"),
        (Body::Pin { of, on: false }, "-- ann unpinned #5"),
        (changed(RoomChange::Topic { topic: Some(note("cake")) }), "-- ann set the topic: cake"),
        (changed(RoomChange::Topic { topic: None }), "-- ann cleared the topic"),
        (
            changed(RoomChange::Description { description: Some(note("all")) }),
            "-- ann said what this room is for: all",
        ),
        (
            changed(RoomChange::InviteOnly { on: true }),
            "-- ann let only those join who are invited",
        ),
        (changed(RoomChange::Key { on: true }), "-- ann set a key: joining needs it now"),
        (
            changed(RoomChange::Moderated { on: true }),
            "-- ann let only those speak who have a role",
        ),
        (changed(RoomChange::Moderated { on: false }), "-- ann let everybody speak"),
        (
            changed(RoomChange::Secret { on: true }),
            "-- ann made this room secret: lists leave it out",
        ),
        (changed(RoomChange::MemberLimit { members: Some(1) }), "-- ann set the limit to 1 member"),
        (
            changed(RoomChange::SlowMode { seconds: 90 }),
            "-- ann set slow mode: 1 minute 30 seconds between two messages",
        ),
        (changed(RoomChange::SlowMode { seconds: 0 }), "-- ann ended slow mode"),
        (
            changed(RoomChange::Retention { retention: Retention::Days(30) }),
            "-- ann made this room keep what was said in the last 30 days",
        ),
        (Body::Role { user: bob(), role: Some(Role::Operator) }, "-- ann made bob an operator"),
        (Body::Role { user: bob(), role: None }, "-- ann left bob without a role"),
        (Body::Role { user: author(1, "ann"), role: Some(Role::Owner) }, "-- ann is an owner now"),
        (Body::Kicked { user: bob(), reason: None }, "-- ann kicked bob"),
        (
            Body::Kicked { user: bob(), reason: Some(note("too loud")) },
            "-- ann kicked bob: too loud",
        ),
        (
            Body::Restricted {
                what: RestrictionKind::Ban,
                whom: "b*".into(),
                user: None,
                reason: Some(note("spam")),
                until: None,
            },
            "-- ann banned b*: spam",
        ),
        (
            Body::Lifted { what: RestrictionKind::Mute, whom: "bob".into() },
            "-- ann lifted the mute of bob",
        ),
    ]
}

#[test]
fn every_entry_of_the_log_is_told_with_who_did_it() {
    for (body, told) in entries() {
        assert_eq!(live(body.clone()), format!("{told}\n"), "{body:?}");
    }
    let until = Body::Restricted {
        what: RestrictionKind::Mute,
        whom: "bob".into(),
        user: Some(author(2, "bob")),
        reason: None,
        until: Some(THEN),
    };
    assert_eq!(live(until), format!("-- ann muted bob until {}\n", say::when(THEN)));
}

#[test]
fn nothing_that_a_person_wrote_reaches_the_terminal_as_a_command() {
    for body in [
        Body::Restricted {
            what: RestrictionKind::Ban,
            whom: "\u{1b}[2Jbob\n<cy> hi".into(),
            user: None,
            reason: None,
            until: None,
        },
        Body::Lifted { what: RestrictionKind::Ban, whom: "\u{202e}\u{9b}31m\nx".into() },
        Body::Changed(RoomChange::Topic { topic: Some(note("a\u{2}\u{1f}b\u{202e}c")) }),
    ] {
        let told = live(body);
        let is_harmless = |c: char| !c.is_control() && !sanitize::is_bidi_control(c);
        assert!(told.trim_end().chars().all(is_harmless), "{told:?}");
        assert_eq!(told.lines().count(), 1, "{told:?}");
    }
    let hostile = event(7, author(1, "ann"), Body::Text(said("a\u{202e}b\u{2}c\n-- x")));
    let hits = vec![(RoomAddress::Room(room("work")), hostile)];
    let mut out = Vec::new();
    guest().found(&Hits { hits, ..Hits::default() }, &mut out);
    let shown = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].ends_with("] <ann> abc") && lines[1].ends_with("] <ann> -- x"), "{shown}");
}

#[test]
fn somebody_who_is_away_is_told_of() {
    let away = |note| Delivery::Away { room: room("work"), user: author(2, "bob"), note };
    for (delivery, told) in [
        (away(Some(note("lunch"))), "-- bob is away: lunch\n"),
        (away(Some(note("away"))), "-- bob is away\n"),
        (away(None), "-- bob is back\n"),
    ] {
        let mut out = Vec::new();
        delivery_of(&delivery, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), told);
    }
}

// ---- history

fn history(door: &mut Plain, page: &HistoryPage) -> String {
    let mut out = Vec::new();
    door.history(page, &mut out);
    String::from_utf8(out).unwrap()
}

fn page(events: Vec<Event>, more: bool) -> HistoryPage {
    HistoryPage { events, more, reactions: Vec::new() }
}

#[test]
fn history_shows_numbers_edits_deletions_and_reactions() {
    let mut door = guest();
    let ann = || author(1, "ann");
    let thumb = || reaction("👍");
    let edited = Text::parse("hello").unwrap();
    let mut page = page(
        vec![
            event(3, ann(), Body::Text(Said { edited: Some(Seq(5)), ..said("hello") })),
            event(4, author(2, "bob"), Body::Deleted { by: Seq(6) }),
            event(5, ann(), Body::Edit { of: Seq(3), text: Some(edited.clone()) }),
            event(6, ann(), Body::Delete { of: Seq(4) }),
            event(7, ann(), Body::React { of: Seq(3), reaction: thumb(), on: true }),
            event(8, ann(), Body::React { of: Seq(1), reaction: thumb(), on: true }),
            event(9, ann(), Body::Edit { of: Seq(2), text: Some(edited) }),
        ],
        true,
    );
    let entry = |word: &str, count, users| ReactionEntry {
        seq: Seq(3),
        reaction: reaction(word),
        count,
        users,
        mine: false,
    };
    page.reactions =
        vec![entry("👍", 2, vec![ann(), author(2, "bob")]), entry("ok", 7, vec![author(3, "cy")])];
    let time = say::when(THEN);
    assert_eq!(
        history(&mut door, &page),
        format!(
            "[{time} #3] <ann> (edited) hello\n\
             --   👍 2 (ann, bob), ok 7 (cy and others)\n\
             [{time} #4] -- bob said something that was deleted\n\
             [{time}] -- ann reacted to #1: 👍\n\
             [{time}] -- ann changed #2 to: hello\n\
             -- There is more before that: /more shows it.\n"
        )
    );
}

#[test]
fn every_entry_of_the_log_is_in_the_history_too() {
    for (body, told) in entries() {
        let shown = history(&mut guest(), &page(vec![event(7, author(1, "ann"), body)], false));
        let first = told.lines().next().unwrap();
        assert!(shown.lines().next().unwrap().ends_with(&format!("] {first}")), "{shown}");
        assert!(shown.ends_with("-- That was all.\n"), "{shown}");
    }
}

#[test]
fn more_goes_on_with_the_last_history() {
    let mut door = guest();
    assert!(told(&mut door, "/more").starts_with("! There is nothing more."));
    let (_, command) = command_of(&mut door, "/history 5");
    assert!(matches!(command, Command::History { limit: 5, page: Page::Latest, .. }));
    let shown = event(9, author(1, "ann"), Body::Text(said("hi")));
    history(&mut door, &page(vec![shown.clone()], true));
    for _ in 0..2 {
        // Refused once, it is not lost.
        let (tag, command) = command_of(&mut door, "/more");
        let Command::History { address, page, limit: 5 } = command else { panic!("{command:?}") };
        assert_eq!((address, page), (RoomAddress::Room(room("lobby")), Page::Before(Seq(9))));
        refused(&mut door, tag, ErrorCode::Busy, None);
    }
    command_of(&mut door, "/more");
    history(&mut door, &page(vec![shown.clone()], false));
    assert!(told(&mut door, "/more").starts_with("! There is nothing more."));
    // Around one message, of a private chat.
    let (_, command) = command_of(&mut door, "/context @bob #9");
    let Command::History { address, page: around, .. } = command else { panic!("{command:?}") };
    assert_eq!((address, around), (RoomAddress::User(name("bob")), Page::Around(Seq(9))));
    let said = history(&mut door, &page(vec![shown.clone()], false));
    assert!(said.ends_with("-- There is nothing before that.\n"), "{said}");
    command_of(&mut door, "/context work #10");
    let said = history(&mut door, &page(vec![shown], true));
    assert!(said.contains("\n-- #10 is not there any more, or not yet.\n"), "{said}");
}

// ---- search

#[test]
fn hits_say_where_when_who_and_their_number_and_more_goes_on() {
    let mut door = guest();
    let (tag, command) = command_of(&mut door, "/search cake from:bob in:work since:2026-11-01");
    let Command::Search { words, address, from, since, until, after, limit } = command else {
        panic!("{command:?}");
    };
    assert_eq!((tag, &*words, limit), (AWAITED, "cake", 20));
    assert_eq!((address, from), (Some(RoomAddress::Room(room("work"))), Some(name("bob"))));
    assert!(since.is_some() && until.is_none() && after.is_none());
    let hit = |address| (address, event(7, author(2, "bob"), Body::Text(said("cake\nand tea"))));
    let hits = Hits {
        hits: vec![hit(RoomAddress::Room(room("work"))), hit(RoomAddress::User(name("bob")))],
        next: Some(42),
        behind: false,
    };
    let time = say::when(THEN);
    let mut out = Vec::new();
    door.found(&hits, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!(
            "[work] [{time} #7] <bob> cake\n[work] [{time} #7] <bob> and tea\n\
             [private with bob] [{time} #7] <bob> cake\n\
             [private with bob] [{time} #7] <bob> and tea\n\
             -- There may be more: /more. /context ROOM #N shows what is around one.\n"
        )
    );
    let (_, command) = command_of(&mut door, "/more");
    let Command::Search { words, after, since: again, .. } = command else { panic!("{command:?}") };
    assert_eq!((&*words, after.as_deref(), again), ("cake", Some("42"), since));
    let mut out = Vec::new();
    door.found(&Hits::default(), &mut out);
    assert_eq!(out, b"-- Nothing was found.\n");
    assert!(told(&mut door, "/more").starts_with("! There is nothing more."));
    let said = told(&mut door, "/search x since:9999-12-31 until:9999-12-31");
    assert!(said.starts_with("! No calendar"), "{said}");
}

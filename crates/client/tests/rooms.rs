//! Rooms with PINs and keys, being sent out, slow rooms, mentions, and what one asks about rooms.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use hubbub_client::{AskError, ClientEvent, LocalId, Pass, Search, SendState};
use hubbub_protocol::frame::*;
use hubbub_protocol::mention::Mention;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::*;
use model::script::*;
use model::{author, room};

fn name(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn pin(pin: &str) -> Pass {
    Pass::Pin(Hidden::new(pin))
}

/// The joins among these frames: number, name, PIN, key, and what is asked for after.
type Join = (u64, String, Option<String>, Option<String>, Option<Position>);

fn joins(frames: &[(u64, Request)]) -> Vec<Join> {
    let shown = |secret: &Option<Hidden>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let joins = frames.iter().filter_map(|(id, request)| match request {
        Request::Join { target: Target::Room(room), after, pin, key, .. } => {
            Some((*id, room.clone(), shown(pin), shown(key), *after))
        }
        _ => None,
    });
    joins.collect()
}

fn joined(id: u64, room: &str, head: Position, catch_up: CatchUp) -> ServerFrame {
    ServerFrame::Joined {
        info: None,
        id: Some(id),
        target: Target::Room(room.into()),
        head,
        catch_up,
        retention: Retention::None,
        members: 1,
        created: false,
        read: None,
        draft: None,
    }
}

fn in_room(room: u64, seq: u64) -> Position {
    Position { room: RoomId(room), ..at(seq) }
}

fn kicked(room: &str, banned: bool) -> ServerFrame {
    let (by, reason) = (UserName::parse("bob").unwrap(), Note::parse("why").ok());
    ServerFrame::Kicked { room: name(room), by, reason, banned }
}

fn too_fast(id: u64, wait_ms: u64) -> ServerFrame {
    let (code, wait_ms) = (ErrorCode::TooFast, Some(wait_ms));
    let (next, text) = (code.next(), String::new());
    ServerFrame::Error { id: Some(id), code, next, text, suggestion: None, wait_ms }
}

/// The counters and texts of the sends among these frames, with the numbers of their frames.
fn sends(frames: &[(u64, Request)]) -> Vec<(u64, u64, String)> {
    let sends = frames.iter().filter_map(|(id, request)| match request {
        Request::Send { text, counter, .. } => Some((*id, counter.unwrap().0, text.clone())),
        _ => None,
    });
    sends.collect()
}

#[test]
fn a_room_with_a_pin_is_joined_again_by_name_and_pin_and_called_by_its_label() {
    let mut script = live_script();
    script.core.join_with(&name("Work"), pin("1234")).unwrap();
    script.core.join_with(&name("work"), pin("5678")).unwrap();
    script.core.join(&room("Work")).unwrap();
    let asked = joins(&script.frames());
    let pins: Vec<_> = asked.iter().map(|join| (join.1.as_str(), join.2.as_deref())).collect();
    assert_eq!(pins, [("Work", Some("1234")), ("work", Some("5678")), ("Work", None)]);
    for (join, (label, number)) in
        asked.iter().zip([("Work~3f2a", 20), ("Work~77", 21), ("Work", 22)])
    {
        script.get(joined(join.0, label, in_room(number, 3), CatchUp::Live));
    }
    let told: Vec<_> = script
        .events()
        .into_iter()
        .filter_map(|event| match event {
            ClientEvent::Joined { conversation, asked, pass, .. } => {
                Some((conversation, asked, pass))
            }
            _ => None,
        })
        .collect();
    let expected = [
        (room("Work~3f2a"), room("Work"), Some(pin("1234"))),
        (room("Work~77"), room("work"), Some(pin("5678"))),
        (room("Work"), room("Work"), None),
    ];
    assert_eq!(told, expected);
    assert!(!format!("{:?} {told:?}", script.core).contains("1234"), "a PIN is shown");

    // The guest is lost, and its rooms with it.
    script.break_connection();
    script.core.send(&room("Work~3f2a"), "still there?", MessageKind::Text).unwrap();
    script.welcome();
    let frames = script.frames();
    let again = joins(&frames);
    let again: Vec<_> = again.iter().skip(1).map(|j| (j.1.as_str(), j.2.as_deref(), j.4)).collect();
    let after = |room| Some(in_room(room, 3));
    assert_eq!(again[0], ("Work", Some("1234"), after(20)));
    assert_eq!(again[1], ("work", Some("5678"), after(21)));
    assert_eq!(again[2], ("Work", None, after(22)));
    // It is made again, under another label: what was meant for it goes there.
    let id = joins(&frames)[1].0;
    script.get(joined(id, "Work~9", in_room(30, 0), CatchUp::Reset));
    assert!(script.events().contains(&ClientEvent::Reset { conversation: room("Work~3f2a") }));
    let (send, counter, _) = sends(&frames)[0].clone();
    script.get(error(send, ErrorCode::NotMember));
    let frames = script.frames();
    let Request::Send { target, counter: again, .. } = &frames[0].1 else { panic!("{frames:?}") };
    assert_eq!((target, again.unwrap().0), (&Target::Room("Work~9".into()), counter + 1));
    assert!(script.core.conversation(&room("Work~3f2a")).is_none());
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn a_label_that_the_welcome_names_and_a_pin_that_was_on_its_way_are_one_conversation() {
    let mut script = live_script();
    script.core.join_with(&name("Work"), pin("1234")).unwrap();
    script.break_connection();
    script.core.connected(script.now);
    let (id, _) = script.frames().remove(0);
    let ServerFrame::Welcome { .. } = welcome(id) else { panic!("no welcome") };
    let mut frame = welcome(id);
    if let ServerFrame::Welcome { rooms, .. } = &mut frame {
        rooms.extend([name("lobby"), name("Work~3f2a")]);
    }
    script.get(frame);
    let asked = joins(&script.frames());
    let names: Vec<_> = asked.iter().map(|join| (join.1.as_str(), join.2.as_deref())).collect();
    assert_eq!(names, [("lobby", None), ("Work", Some("1234")), ("Work~3f2a", None)]);
    for join in &asked[1..] {
        script.get(joined(join.0, "Work~3f2a", in_room(20, 3), CatchUp::Live));
    }
    assert_eq!(script.core.conversations().count(), 2);
    assert_eq!((script.frames(), script.core.violations()), (vec![], 0));
    script.break_connection();
    script.welcome();
    let again = joins(&script.frames());
    assert_eq!((again[1].1.as_str(), again[1].2.as_deref()), ("Work", Some("1234")), "not lost");
}

#[test]
fn a_key_is_kept_when_it_was_right() {
    let mut script = live_script();
    // Asked without the key first: that is refused while the right answer is on its way.
    script.core.join(&room("vault")).unwrap();
    script.core.join_with(&name("vault"), Pass::Key(Hidden::new("sesame"))).unwrap();
    let asked = joins(&script.frames());
    script.get(error(asked[0].0, ErrorCode::KeyNeeded));
    script.get(joined(asked[1].0, "vault", in_room(20, 3), CatchUp::Live));
    assert!(script.core.conversation(&room("vault")).unwrap().is_live());
    script.break_connection();
    script.welcome();
    let again = joins(&script.frames());
    assert_eq!(again[1].3.as_deref(), Some("sesame"));
    // It was changed meanwhile: told, and not tried again.
    script.events();
    script.get(error(again[1].0, ErrorCode::WrongKey));
    let told = script.events();
    assert_eq!(told[0], ClientEvent::Left { room: name("vault") });
    let ClientEvent::Refused { code, pass, .. } = &told[1] else { panic!("{told:?}") };
    assert_eq!((*code, pass), (ErrorCode::WrongKey, &Some(Pass::Key(Hidden::new("sesame")))));
    script.break_connection();
    script.welcome();
    assert_eq!(joins(&script.frames()).len(), 1);
}

/// Each wish gets one answer, also if an earlier try of the same was refused.
#[test]
fn of_two_equal_joins_the_later_answer_counts() {
    let mut script = live_script();
    script.core.join(&room("hall")).unwrap();
    script.core.join(&room("hall")).unwrap();
    let asked = joins(&script.frames());
    script.get(error(asked[0].0, ErrorCode::Busy));
    assert_eq!(script.events(), []);
    script.get(joined(asked[1].0, "hall", in_room(20, 3), CatchUp::Live));
    assert!(matches!(
        script.events()[..],
        [ClientEvent::Joined { .. }, ClientEvent::CaughtUp { .. }]
    ));
    assert_eq!((script.core.poll_timeout().is_some(), script.frames()), (true, vec![]));
}

#[test]
fn a_join_that_is_refused_for_good_is_told_and_not_repeated() {
    for code in [ErrorCode::Banned, ErrorCode::KeyNeeded, ErrorCode::RoomFull, ErrorCode::TooFast] {
        let mut script = live_script();
        script.core.join_with(&name("vault"), pin("12345")).unwrap();
        let asked = joins(&script.frames());
        script.get(error(asked[0].0, code));
        let told = script.events();
        assert!(
            matches!(&told[..], [ClientEvent::Refused { code: c, .. }] if *c == code),
            "{told:?}"
        );
        script.now = script.now.plus(1_000_000);
        script.core.handle_timeout(script.now);
        assert!(joins(&script.frames()).is_empty(), "{code:?}");
    }
}

#[test]
fn a_join_of_the_core_itself_waits_as_long_as_it_is_told() {
    let mut script = live_script();
    script.break_connection();
    script.welcome();
    let asked = joins(&script.frames());
    script.get(too_fast(asked[0].0, 40_000));
    for (ms, expected) in [(39_999, 0), (1, 1)] {
        script.now = script.now.plus(ms);
        script.core.handle_timeout(script.now);
        assert_eq!(joins(&script.frames()).len(), expected);
    }
}

#[test]
fn who_was_sent_out_does_not_come_back_by_itself() {
    for banned in [false, true] {
        let mut script = live_script();
        let first = script.say("on its way");
        for _ in 0..32 {
            script.say("more");
        }
        script.events();
        script.get(kicked("Lobby", banned));
        let code = if banned { ErrorCode::Banned } else { ErrorCode::NotMember };
        let told = script.events();
        let ClientEvent::Send { local: LocalId(33), state } = &told[0] else { panic!("{told:?}") };
        assert!(matches!(state, SendState::Failed { code: c, .. } if *c == code));
        let ClientEvent::Kicked { banned: b, by, .. } = &told[1] else { panic!("{told:?}") };
        assert_eq!((*b, by.as_str(), told.len()), (banned, "bob", 2));
        script.get(error(first, ErrorCode::NotMember));
        let told = script.events();
        assert!(matches!(&told[..], [ClientEvent::Send { state: SendState::Failed { .. }, .. }]));
        assert!(script.core.conversation(&room("lobby")).is_none());
        script.break_connection();
        script.welcome();
        assert!(joins(&script.frames()).is_empty());
        // Unless the program wants it.
        script.core.join(&room("lobby")).unwrap();
        assert_eq!(joins(&script.frames()).len(), 1);
    }
}

/// The core's own join, to repair a gap, would bring us back in after we were sent out.
#[test]
fn a_join_that_crosses_with_being_sent_out_is_undone_unless_the_program_asked() {
    for asked in [false, true] {
        let mut script = live_script();
        if asked {
            script.core.join(&room("lobby")).unwrap();
        } else {
            script.get(message(9, "bob"));
        }
        let join = joins(&script.frames()).remove(0);
        script.get(kicked("lobby", false));
        script.get(joined(join.0, "lobby", at(9), CatchUp::Reset));
        let frames = script.frames();
        let left = frames.iter().any(|(_, request)| matches!(request, Request::Leave { .. }));
        assert_eq!(left, !asked, "{frames:?}");
        assert_eq!(script.core.conversation(&room("lobby")).is_some(), asked);
    }
}

#[test]
fn what_was_too_fast_goes_out_again_in_its_order_as_the_same() {
    let mut script = live_script();
    let (one, two) = (script.say("one"), script.say("two"));
    script.get(too_fast(one, 5000));
    script.get(too_fast(two, 5000));
    let waits = script.core.pending_sends().next().unwrap().waits_until();
    assert_eq!(waits, Some(MonoMs(5000)));
    // Others need not wait.
    script.core.send(&room("hall"), "other", MessageKind::Text).unwrap();
    assert_eq!(sends(&script.frames()).len(), 1);
    script.events();
    script.now = MonoMs(5000);
    script.core.handle_timeout(script.now);
    let again = sends(&script.frames());
    assert_eq!((again.len(), again[0].1, again[0].2.as_str()), (1, 1, "one"));
    script.get(sent(again[0].0, at(5), false));
    let again = sends(&script.frames());
    assert_eq!((again.len(), again[0].1, again[0].2.as_str()), (1, 2, "two"));
}

#[test]
fn a_program_that_ends_is_told_what_a_slow_room_has_not_taken() {
    let mut script = live_script();
    let one = script.say("one");
    script.get(too_fast(one, 5000));
    script.events();
    script.core.quit();
    script.close(CloseCode::Bye);
    let states = script.states();
    let [(1, SendState::Failed { code: ErrorCode::TooFast, .. })] = &states[..] else {
        panic!("{states:?}")
    };
}

#[test]
fn a_reply_says_to_what_and_is_heard_like_that() {
    let mut script = live_script();
    script.core.reply(&room("lobby"), Seq(3), "yes", MessageKind::Action).unwrap();
    let (id, request) = script.frames().remove(0);
    let Request::Send { reply, kind, .. } = request else { panic!("{request:?}") };
    assert_eq!((reply, kind), (Some(Seq(3)), MessageKind::Action));
    script.events();
    script.get(sent(id, at(5), false));
    let events = script.events();
    let ClientEvent::NewEvent { event, mention: None, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(event.body.refers_to(), Some(Seq(3)));
}

#[test]
fn new_events_say_whether_they_call_the_user() {
    let mut script = live_script();
    let mut next = 4;
    let mut heard = |script: &mut Script, from: &str, text: &str| {
        next += 1;
        let target = Target::Room("lobby".into());
        script.get(ServerFrame::Message { target, event: event(next, from, text) });
        let events = script.events();
        let Some(ClientEvent::NewEvent { mention, .. }) = events.last() else {
            panic!("{events:?}")
        };
        *mention
    };
    assert_eq!(heard(&mut script, "bob", "@Ann: lunch?"), Some(Mention::Name));
    assert_eq!(heard(&mut script, "ann", "@ann note to myself"), None);
    assert_eq!(heard(&mut script, "bob", "lunch?"), None);
    script.get(ServerFrame::Highlights { words: vec!["lunch".into()] });
    assert_eq!(heard(&mut script, "bob", "Lunch?"), Some(Mention::Word));
    let request = script.core.set_highlights(vec!["tea".into()]).unwrap();
    assert_eq!(heard(&mut script, "bob", "tea"), None, "not yet");
    script.get(ServerFrame::Done { id: Some(request.0) });
    assert_eq!(heard(&mut script, "bob", "tea"), Some(Mention::Word));
    assert_eq!(script.core.highlights(), ["tea"]);
    script.get(ServerFrame::You { id: None, user: author(1, "zoe"), account: false });
    assert_eq!(heard(&mut script, "bob", "@ann"), None);
    assert_eq!(heard(&mut script, "bob", "@zoe"), Some(Mention::Name));
}

#[test]
fn typing_in_private_is_in_the_conversation_with_the_other() {
    let mut script = live_script();
    for (from, to) in [("bob", "ann"), ("bob", "bob"), ("ann", "bob")] {
        let from = author(if from == "ann" { 1 } else { 2 }, from);
        let target = Target::User(to.into());
        script.get(ServerFrame::Typing { target, from: from.clone() });
        let conversation = model::user("bob");
        assert_eq!(script.events(), [ClientEvent::Typing { conversation, from }]);
    }
}

#[test]
fn questions_about_rooms_are_answered() {
    let mut script = live_script();
    let lobby = name("lobby");
    let bob = UserName::parse("bob").unwrap();
    let whom = Whom::Pattern("b*".into());
    let core = &mut script.core;
    let asked = [
        core.edit(&room("lobby"), Seq(1), &Text::parse("new").unwrap()),
        core.delete(&room("lobby"), Seq(1)),
        core.react(&room("lobby"), Seq(1), &Reaction::parse("ok").unwrap(), true),
        core.pin(&lobby, Seq(1), false),
        core.typing(&room("lobby")),
        core.away(Note::parse("tea").ok().as_ref()),
        core.set(&lobby, RoomWish::Moderated { on: true }),
        core.set_role(&lobby, &bob, Some(Role::Voice)),
        core.kick(&lobby, &bob, None),
        core.restrict(&lobby, RestrictionKind::Ban, whom.clone(), None, Some(60)),
        core.lift(&lobby, RestrictionKind::Ban, whom),
    ];
    assert_eq!(script.frames().len(), asked.len());
    for request in asked.map(Result::unwrap) {
        script.get(ServerFrame::Done { id: Some(request.0) });
        assert_eq!(script.events(), [ClientEvent::Done { request }]);
    }
    let request = script.core.roles(&lobby, None).unwrap();
    let (room, next) = (lobby.clone(), Some("3".to_owned()));
    let id = Some(request.0);
    script.get(ServerFrame::Roles { id, room: room.clone(), roles: vec![], next: next.clone() });
    assert_eq!(script.events(), [ClientEvent::RoleList { request, room, roles: vec![], next }]);
    let search =
        Search { query: "tea".into(), within: Some(model::user("bob")), ..Search::default() };
    let request = script.core.search(&search, Some("7".into()), Some(5)).unwrap();
    let frames = script.frames();
    let Some((_, Request::Search { room: None, user, after, .. })) = frames.last() else {
        panic!("{frames:?}")
    };
    assert_eq!((user.as_deref(), after.as_deref()), (Some("bob"), Some("7")));
    let hit = Hit { target: Target::User("bob".into()), event: event(1, "bob", "tea") };
    let (id, hits) = (Some(request.0), vec![hit]);
    script.get(ServerFrame::Found { id, hits: hits.clone(), next: None, behind: true });
    let found = ClientEvent::Found { request, hits, next: None, behind: true };
    assert_eq!(script.events(), [found]);
    let long = Search { query: "x".repeat(70_000), ..Search::default() };
    assert_eq!(script.core.search(&long, None, None), Err(AskError::TooLong));
}

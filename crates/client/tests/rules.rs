//! The rules of the protocol, one test each, with scripted frames.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use hubbub_client::{ClientEvent, ConnectionState, LocalId, SendError, SendState};
use hubbub_protocol::frame::*;
use hubbub_protocol::*;
use model::script::*;
use model::{room, user};

#[test]
fn hello_carries_the_token_of_the_last_welcome() {
    let mut script = live_script();
    script.break_connection();
    script.core.connected(script.now);
    let Request::Hello { versions, name, instance, resume, .. } = script.frames().remove(0).1
    else {
        panic!("not hello")
    };
    assert_eq!((versions, name.as_deref()), (vec![1], Some("ann")));
    assert_eq!((instance, resume), (Some(Instance([7; 16])), Some(ResumeToken([1; 16]))));
}

#[test]
fn a_taken_name_is_reported_and_not_asked_for_again() {
    let mut script = script();
    script.core.connected(script.now);
    let (id, _) = script.frames().remove(0);
    script.get(ServerFrame::Error {
        id: Some(id),
        code: ErrorCode::NameTaken,
        next: NextStep::Correct,
        text: "taken".into(),
        suggestion: Some("ann2".into()),
        wait_ms: None,
    });
    let expected = ClientEvent::NameRefused {
        code: ErrorCode::NameTaken,
        text: "taken".into(),
        suggestion: Some("ann2".into()),
    };
    assert_eq!(script.events(), [expected]);
    assert!(script.frames().is_empty());
    script.break_connection();
    assert_eq!(script.core.reconnect_delay_ms(0), None);
    script.core.set_name(UserName::parse("ann2").unwrap());
    assert!(script.core.reconnect_delay_ms(0).is_some());
}

#[test]
fn joins_come_first_and_then_all_sends_with_their_counters() {
    let mut script = live_script();
    script.say("one");
    script.say("two");
    script.break_connection();
    script.core.send(&room("lobby"), "three", MessageKind::Action).unwrap();
    script.welcome();
    let (after, rest) = script.join(CatchUp::Live, 4);
    assert_eq!(after, Some(at(4)));
    let sends: Vec<_> = rest
        .into_iter()
        .map(|(_, request)| match request {
            Request::Send { text, counter, .. } => (text, counter.unwrap().0),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sends, [("one".into(), 1), ("two".into(), 2), ("three".into(), 3)]);
}

#[test]
fn at_most_thirty_two_sends_are_unanswered_and_the_queue_is_bounded() {
    let mut script = live_script();
    for _ in 0..40 {
        script.core.send(&room("lobby"), "hi", MessageKind::Text).unwrap();
    }
    let full = script.core.send(&room("lobby"), "hi", MessageKind::Text);
    assert_eq!(full, Err(SendError::Full(40)));
    let frames = script.frames();
    assert_eq!(frames.len(), 32);
    script.get(sent(frames[0].0, at(5), false));
    assert_eq!(script.frames().len(), 1);
}

#[test]
fn an_acknowledgement_takes_its_place_in_the_stream() {
    let mut script = live_script();
    let id = script.say("mine");
    script.get(message(5, "bob"));
    script.get(sent(id, at(6), false));
    script.get(message(7, "bob"));
    assert_eq!(script.seqs(), [5, 6, 7]);
    let lobby = script.core.conversation(&room("lobby")).unwrap();
    let mine = lobby.timeline().events().nth(1).unwrap();
    assert_eq!((mine.from.name.as_str(), mine.body.words()), ("ann", "mine"));
}

#[test]
fn while_catching_up_an_acknowledgement_only_ends_the_send() {
    let mut script = live_script();
    script.break_connection();
    script.welcome();
    script.join(CatchUp::Pages, 5);
    let id = script.say("mine");
    script.events();
    script.get(sent(id, at(6), false));
    let state = SendState::Sent { position: at(6), time: WallMs(0) };
    assert_eq!(script.events(), [ClientEvent::Send { local: LocalId(1), state }]);
    let events = vec![event(5, "bob", "hi"), event(6, "ann", "mine")];
    script.get(ServerFrame::Page { room_id: RoomId(9), events });
    script.get(ServerFrame::Live { head: at(6) });
    assert_eq!(script.seqs(), [5, 6]);
    assert!(script.core.conversation(&room("lobby")).unwrap().is_live());
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn a_send_that_was_stored_after_all_appears_once() {
    for message_first in [true, false] {
        let mut script = live_script();
        let id = script.say("hi");
        script.get(error(id, ErrorCode::NotStored));
        assert!(script.frames().is_empty(), "not before the wait is over");
        script.now = script.core.poll_timeout().unwrap();
        script.core.handle_timeout(script.now);
        let (id, request) = script.frames().remove(0);
        assert!(matches!(request, Request::Send { counter: Some(Counter(1)), .. }));
        let mut frames = [message(5, "ann"), sent(id, at(5), true)];
        if !message_first {
            frames.reverse();
        }
        frames.into_iter().for_each(|frame| script.get(frame));
        assert_eq!(script.seqs(), [5]);
        assert_eq!(script.core.pending_sends().len(), 0);
        assert_eq!(script.core.violations(), 0);
    }
}

#[test]
fn what_must_be_corrected_fails_for_good() {
    let mut script = live_script();
    let id = script.say("hi");
    script.events();
    script.get(error(id, ErrorCode::TextInvalid));
    let state = SendState::Failed { code: ErrorCode::TextInvalid, text: "no".into() };
    assert_eq!(script.events(), [ClientEvent::Send { local: LocalId(1), state }]);
    script.break_connection();
    script.welcome();
    assert_eq!(script.join(CatchUp::Live, 4).1, []);
}

#[test]
fn a_known_event_is_ignored_and_a_gap_is_repaired() {
    let mut script = live_script();
    script.get(message(4, "bob"));
    script.get(message(7, "bob"));
    script.get(message(8, "bob"));
    assert_eq!((script.seqs(), script.core.violations()), (vec![], 1));
    let (after, rest) = script.join(CatchUp::Pages, 8);
    assert_eq!((after, rest), (Some(at(4)), vec![]));
    let events = (5..=8).map(|seq| event(seq, "bob", "hi")).collect();
    script.get(ServerFrame::Page { room_id: RoomId(9), events });
    script.get(ServerFrame::Live { head: at(8) });
    script.get(message(9, "bob"));
    assert_eq!(script.seqs(), [5, 6, 7, 8, 9]);
}

#[test]
fn a_server_that_contradicts_itself_is_not_asked_for_ever() {
    let mut script = live_script();
    script.get(message(7, "bob"));
    let mut joins = 0;
    while !script.core.conversation(&room("lobby")).unwrap().is_live() {
        joins += 1;
        script.join(CatchUp::Live, 7);
        assert!(joins < 10);
    }
    assert!(script.events().contains(&ClientEvent::Reset { conversation: room("lobby") }));
    script.get(message(8, "bob"));
    assert_eq!(script.seqs(), [8]);
}

#[test]
fn reset_forgets_the_timeline() {
    let mut script = live_script();
    script.get(message(5, "bob"));
    script.break_connection();
    script.welcome();
    script.events();
    script.join(CatchUp::Reset, 50);
    assert!(script.events().contains(&ClientEvent::Reset { conversation: room("lobby") }));
    assert_eq!(script.core.conversation(&room("lobby")).unwrap().timeline().events().len(), 0);
    script.get(message(51, "bob"));
    assert_eq!(script.seqs(), [51]);
}

/// An empty room does not outlive the server's restart: what is said in its successor is not lost.
#[test]
fn an_empty_room_that_was_made_again_is_complete_from_its_first_event() {
    for (catch_up, head) in [(CatchUp::Live, 0), (CatchUp::Pages, 2)] {
        let mut script = script();
        script.welcome();
        script.join(CatchUp::Live, 0);
        script.break_connection();
        script.welcome();
        script.events();
        let (id, _) = script.frames().remove(0);
        let successor = |seq| Position { room: RoomId(10), epoch: Epoch(2), seq: Seq(seq) };
        let events: Vec<_> = (1..=head)
            .map(|seq| Event { room: RoomId(10), epoch: Epoch(2), ..event(seq, "bob", "hi") })
            .collect();
        script.get(ServerFrame::Joined {
            info: None,
            id: Some(id),
            target: Target::Room("lobby".into()),
            head: successor(head),
            catch_up,
            retention: Retention::Forever,
            members: 1,
            created: false,
            read: None,
            draft: None,
        });
        if catch_up == CatchUp::Pages {
            script.get(ServerFrame::Page { room_id: RoomId(10), events: events.clone() });
            script.get(ServerFrame::Live { head: successor(head) });
        }
        let told = script.events();
        let reset = ClientEvent::Reset { conversation: room("lobby") };
        assert!(!told.contains(&reset), "nothing was known: {told:?}");
        let new = told.into_iter().filter_map(|event| match event {
            ClientEvent::NewEvent { event, .. } => Some(event),
            _ => None,
        });
        assert_eq!(new.collect::<Vec<_>>(), events);
        assert_eq!(script.core.violations(), 0);
    }
}

#[test]
fn a_private_chat_is_with_the_other_side() {
    let mut script = live_script();
    let private = |seq: u64, from: &str, to: &str, in_room: u64| ServerFrame::Message {
        target: Target::User(to.into()),
        event: Event { room: RoomId(in_room), ..event(seq, from, "psst") },
    };
    script.get(private(1, "bob", "ann", 20));
    script.get(private(2, "ann", "bob", 20)); // from another session of ann's account
    assert_eq!(script.seqs(), [1, 2]);
    let chat = script.core.conversation(&user("bob")).unwrap();
    assert_eq!(chat.timeline().events().len(), 2);
    script.get(private(1, "bob", "ann", 21)); // another guest who took the name
    let reset = ClientEvent::Reset { conversation: user("bob") };
    assert_eq!(script.events()[0], reset);
    let chat = script.core.conversation(&user("bob")).unwrap();
    assert_eq!(chat.timeline().position().unwrap().room, RoomId(21));
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn a_private_chat_that_could_not_be_joined_is_joined_at_the_next_message() {
    let mut script = live_script();
    let private = |seq: u64| ServerFrame::Message {
        target: Target::User("ann".into()),
        event: Event { room: RoomId(20), ..event(seq, "bob", "psst") },
    };
    script.get(private(1));
    script.break_connection();
    script.welcome();
    let (_, rest) = script.join(CatchUp::Live, 4);
    script.get(error(rest[0].0, ErrorCode::NoSuchUser));
    assert_eq!(script.seqs(), [1]);
    script.get(private(3));
    let asked = script.frames().remove(0).1;
    let Request::Join { target, after: Some(after), .. } = asked else { panic!("{asked:?}") };
    assert_eq!((target, after.seq), (Target::User("bob".into()), Seq(1)));
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn one_can_begin_a_private_chat() {
    let mut script = live_script();
    script.core.send(&user("bob"), "psst", MessageKind::Text).unwrap();
    let (id, _) = script.frames().remove(0);
    script.get(sent(id, Position { room: RoomId(20), epoch: Epoch(1), seq: Seq(1) }, false));
    assert_eq!(script.seqs(), [1]);
    assert!(script.core.conversation(&user("bob")).unwrap().is_live());
}

#[test]
fn who_was_kicked_comes_again_when_its_person_says_so() {
    let mut script = live_script();
    script.say("one");
    script.close(CloseCode::Kicked);
    script.break_connection();
    assert_eq!(script.core.connection(), ConnectionState::Stopped);
    assert_eq!(script.core.reconnect_delay_ms(0), None);
    assert_eq!(script.core.send(&room("lobby"), "two", MessageKind::Text), Err(SendError::Stopped));
    script.core.come_again();
    assert!(script.core.reconnect_delay_ms(0).is_some());
    script.core.send(&room("lobby"), "two", MessageKind::Text).unwrap();
    script.welcome();
    let (_, rest) = script.join(CatchUp::Live, 0);
    let sends: Vec<_> = rest
        .into_iter()
        .filter_map(|(_, request)| match request {
            Request::Send { text, counter, .. } => Some((text, counter.unwrap().0)),
            _ => None,
        })
        .collect();
    // The first one may have been heard: it keeps its number.
    assert_eq!(sends, [("one".into(), 1), ("two".into(), 2)]);
    script.core.quit();
    script.break_connection();
    script.core.come_again();
    assert_eq!(script.core.reconnect_delay_ms(0), None, "it has quit itself");
}

#[test]
fn close_codes_decide_about_coming_back() {
    for code in CloseCode::ALL {
        let mut script = live_script();
        script.close(*code);
        script.break_connection();
        let returns = code.next() != NextStep::Stop;
        assert_eq!(script.core.reconnect_delay_ms(0).is_some(), returns, "{code:?}");
        assert_eq!(script.core.connection() == ConnectionState::Stopped, !returns);
        let keeps_token = script.core.resume_token().is_some();
        assert_eq!(keeps_token, code.next() != NextStep::Login, "{code:?}");
    }
}

#[test]
fn waits_double_until_a_session_lasts() {
    let mut script = script();
    assert_eq!(script.core.reconnect_delay_ms(0), Some(0), "the first time at once");
    let waits: Vec<_> = (0..8)
        .map(|_| {
            script.core.connected(script.now);
            script.break_connection();
            script.core.reconnect_delay_ms(0).unwrap()
        })
        .collect();
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    script.welcome();
    script.now = MonoMs(20_000);
    script.break_connection();
    assert_eq!(script.core.reconnect_delay_ms(0), Some(250));
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut script = live_script();
    script.now = script.core.poll_timeout().unwrap();
    script.core.handle_timeout(script.now);
    let (id, request) = script.frames().remove(0);
    assert_eq!(request, Request::Ping);
    script.get(ServerFrame::Pong { id: Some(id), time: WallMs(0) });
    assert_eq!(script.events(), []);
    for state in [ConnectionState::Ready, ConnectionState::Dead] {
        script.now = script.core.poll_timeout().unwrap();
        script.core.handle_timeout(script.now);
        assert_eq!(script.core.connection(), state);
    }
}

#[test]
fn leaving_holds_over_a_lost_connection() {
    let mut script = live_script();
    script.core.leave(&RoomName::parse("lobby").unwrap());
    assert!(matches!(&script.frames()[..], [(_, Request::Leave { .. })]));
    script.break_connection();
    script.welcome();
    assert!(script.frames().is_empty(), "neither joined nor left: the user is not in it");
    let left = ClientEvent::Left { room: RoomName::parse("lobby").unwrap() };
    assert!(script.events().contains(&left));
    assert!(script.core.conversation(&room("lobby")).is_none());
}

#[test]
fn a_room_that_can_not_be_joined_again_is_left() {
    let mut script = live_script();
    script.break_connection();
    script.welcome();
    script.events();
    let (id, _) = script.frames().remove(0);
    script.get(error(id, ErrorCode::Limit));
    let events = script.events();
    assert_eq!(events[0], ClientEvent::Left { room: RoomName::parse("lobby").unwrap() });
    let ClientEvent::Refused { conversation, code, .. } = &events[1] else { panic!("{events:?}") };
    assert_eq!((conversation, *code), (&Some(room("lobby")), ErrorCode::Limit));
}

#[test]
fn a_join_that_must_wait_is_repeated_and_sends_behind_it_wait_too() {
    let mut script = live_script();
    script.break_connection();
    script.core.send(&room("lobby"), "hi", MessageKind::Text).unwrap();
    script.welcome();
    let frames = script.frames();
    script.get(error(frames[0].0, ErrorCode::Busy));
    script.get(error(frames[1].0, ErrorCode::NotMember));
    assert_eq!(script.frames(), []);
    script.now = MonoMs(1000);
    script.core.handle_timeout(script.now);
    let (after, rest) = script.join(CatchUp::Live, 4);
    assert_eq!(after, Some(at(4)));
    assert!(matches!(rest[..], [(_, Request::Send { counter: Some(Counter(1)), .. })]));
}

#[test]
fn a_conversation_that_is_forgotten_for_others_is_reset() {
    let mut script = live_script();
    for number in 0..1100 {
        let from = Author {
            id: UserId(100 + number),
            name: UserName::parse("x").unwrap().numbered(number as u32),
        };
        let event = Event { room: RoomId(100 + number), from, ..event(1, "bob", "psst") };
        script.get(ServerFrame::Message { target: Target::User("ann".into()), event });
    }
    let resets = script.events().into_iter().filter(|e| matches!(e, ClientEvent::Reset { .. }));
    assert_eq!(resets.count(), 1100 + 1 - 1024);
    assert_eq!(script.core.conversations().count(), 1024);
}

#[test]
fn lost_questions_are_told_and_lines_that_are_no_frames_are_skipped() {
    let mut script = live_script();
    let request = script.core.ping().unwrap();
    script.core.received_line(script.now, br#"{"ev":"of_the_future"}"#);
    assert_eq!(script.core.violations(), 1);
    script.break_connection();
    assert_eq!(script.events()[0], ClientEvent::RequestLost { request });
    assert!(script.core.ping().is_err());
}

#[test]
fn a_server_with_too_much_to_do_is_not_asked_again_at_once() {
    for code in [CloseCode::Flood, CloseCode::Full] {
        for lived_ms in [0, 60_000] {
            let mut script = live_script();
            script.now = script.now.plus(lived_ms);
            let (next, text) = (code.next(), code.text().into());
            script.get(ServerFrame::Close { code, next, text });
            script.core.disconnected(script.now);
            for random in [0, 1, u64::MAX] {
                let delay = script.core.reconnect_delay_ms(random).unwrap();
                assert!((4_000..=30_000).contains(&delay), "{code:?} after {lived_ms}: {delay}");
            }
            // It was true then; the next loss is like any other.
            script.welcome();
            script.now = script.now.plus(60_000);
            script.core.disconnected(script.now);
            assert!(script.core.reconnect_delay_ms(0).unwrap() <= 500);
        }
    }
}

//! Private chats by consent: what waits, what goes out when, and what never does.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use hubbub_client::outbox::HELD_MAX;
use hubbub_client::{ClientEvent, Core, CoreConfig, SendError, SendState};
use hubbub_protocol::frame::*;
use hubbub_protocol::*;
use model::script::*;
use model::{author, room, user};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const BOB: u64 = 2;
const OTHER_BOB: u64 = 3;

fn failed(local: u64, states: &[(u64, SendState)]) -> Option<ErrorCode> {
    states.iter().find_map(|(of, state)| match state {
        SendState::Failed { code, .. } if *of == local => Some(*code),
        _ => None,
    })
}

fn whispered(script: &mut Script) -> Vec<String> {
    script.whispers().into_iter().map(|(_, _, text)| text).collect()
}

fn in_chat(seq: u64) -> Position {
    Position { room: RoomId(20), epoch: Epoch(1), seq: Seq(seq) }
}

/// Two texts for bob, who was asked by the first.
fn held_script() -> Script {
    let mut script = live_script();
    script.whisper("bob", "one");
    script.whisper("bob", "two");
    let (id, _, _) = script.whispers().remove(0);
    script.get(error(id, ErrorCode::NotAccepted));
    assert_eq!(script.frames(), []);
    let states = script.states();
    assert_eq!(states[2..], [(1, SendState::Held), (2, SendState::Held)]);
    script
}

#[test]
fn what_is_held_goes_out_in_order_when_the_other_agrees() {
    let mut script = held_script();
    script.whisper("bob", "three");
    script.say("elsewhere");
    script.link(BOB, "bob", LinkState::Waiting);
    assert_eq!(script.frames(), []);
    assert_eq!(script.states()[0], (3, SendState::Held));
    script.link(BOB, "bob", LinkState::Open);
    let pending = [1, 2, 3].map(|local| (local, SendState::Pending));
    assert_eq!(script.states(), pending);
    for (text, counter, seq) in [("one", 3, 1), ("two", 4, 2), ("three", 5, 3)] {
        let whispers = script.whispers();
        let [(id, c, said)] = &whispers[..] else { panic!("{whispers:?}") };
        assert_eq!((said.as_str(), *c), (text, counter), "a refused counter is not used again");
        script.get(sent(*id, in_chat(seq), false));
    }
    assert_eq!(script.seqs(), [1, 2, 3]);
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn one_text_at_a_time_is_on_its_way_to_a_user_and_others_do_not_wait() {
    let mut script = live_script();
    script.whisper("bob", "one");
    script.whisper("bob", "two");
    script.whisper("cleo", "three");
    script.core.send(&room("lobby"), "four", MessageKind::Text).unwrap();
    assert_eq!(script.frames().len(), 3, "all but the second for bob");
}

#[test]
fn what_is_declined_or_ended_fails_and_says_why() {
    for state in [LinkState::Rejected, LinkState::Ended] {
        let mut script = held_script();
        script.link(BOB, "bob", state);
        let states = script.states();
        for local in [1, 2] {
            assert_eq!(failed(local, &states), Some(ErrorCode::NotAccepted));
        }
        assert_eq!((script.frames(), script.core.pending_sends().len()), (vec![], 0));
    }
    let mut script = live_script();
    script.whisper("bob", "one");
    script.whisper("bob", "two");
    let (id, _, _) = script.whispers().remove(0);
    script.get(error(id, ErrorCode::PrivateClosed));
    let states = script.states();
    for local in [1, 2] {
        assert_eq!(failed(local, &states), Some(ErrorCode::PrivateClosed));
    }
}

/// The answer to a send may wait for the store, and what came of its question not.
#[test]
fn a_link_that_overtakes_the_refusal_counts() {
    use LinkState::*;
    for (links, text_goes_out, fails) in [
        (vec![Open], true, false),
        (vec![Asked], true, false),
        (vec![Ended], true, false),
        (vec![Waiting, Ended], true, false),
        (vec![Ended, Waiting], false, false),
        (vec![Rejected], false, true),
    ] {
        let mut script = live_script();
        script.whisper("bob", "one");
        let (id, _, _) = script.whispers().remove(0);
        links.iter().for_each(|state| script.link(BOB, "bob", *state));
        script.get(error(id, ErrorCode::NotAccepted));
        assert_eq!(whispered(&mut script).len(), usize::from(text_goes_out), "{links:?}");
        assert_eq!(failed(1, &script.states()).is_some(), fails, "{links:?}");
    }
}

#[test]
fn who_asks_is_answered_by_what_waits_for_them() {
    let mut script = held_script();
    script.link(BOB, "bob", LinkState::Asked);
    assert_eq!(whispered(&mut script), ["one"]);
}

#[test]
fn to_have_asked_already_is_no_error() {
    let mut script = live_script();
    script.whisper("bob", "one");
    let (id, _, _) = script.whispers().remove(0);
    script.get(error(id, ErrorCode::AlreadyAsked));
    assert_eq!(script.states()[1], (1, SendState::Held));
}

#[test]
fn after_a_reconnect_the_first_is_tried_once() {
    let mut script = held_script();
    for _ in 0..2 {
        script.break_connection();
        script.welcome();
        script.events();
        let (_, rest) = script.join(CatchUp::Live, 4);
        let [(id, Request::Send { text, .. })] = &rest[..] else { panic!("{rest:?}") };
        assert_eq!(text, "one");
        script.get(error(*id, ErrorCode::NotAccepted));
        assert_eq!((script.frames(), script.states()), (vec![], vec![]), "still held");
    }
    script.break_connection();
    script.welcome();
    let (_, rest) = script.join(CatchUp::Live, 4);
    script.events();
    script.get(sent(rest[0].0, in_chat(1), false));
    let states = script.states();
    assert_eq!(states[0], (2, SendState::Pending), "who takes one takes the others");
    assert_eq!(whispered(&mut script), ["two"]);
}

#[test]
fn what_waits_for_one_user_is_bounded() {
    let mut config = CoreConfig::new(UserName::parse("ann").unwrap(), Instance([7; 16]));
    config.sends_max = 1000;
    let mut script = Script { core: Core::new(config), now: MonoMs(0) };
    for _ in 0..HELD_MAX {
        script.whisper("bob", "hi");
    }
    let full = script.core.send(&user("Bob"), "hi", MessageKind::Text).unwrap_err();
    assert_eq!(full, SendError::FullFor(UserName::parse("Bob").unwrap()));
    script.whisper("cleo", "hi");
}

#[test]
fn what_is_held_at_the_end_is_reported() {
    let over = |script: &mut Script| {
        let states = script.states();
        [1, 2].iter().all(|&local| failed(local, &states) == Some(ErrorCode::NotAccepted))
    };
    let mut script = held_script();
    script.core.quit();
    assert!(!over(&mut script), "a goodbye first");
    script.close(CloseCode::Bye);
    assert!(over(&mut script));
    let mut script = held_script();
    script.break_connection();
    script.core.quit();
    assert!(over(&mut script));
    let mut script = held_script();
    script.close(CloseCode::Replaced);
    assert!(over(&mut script));
    let mut script = held_script();
    script.core.logout().unwrap();
    script.break_connection();
    assert!(over(&mut script));
}

#[test]
fn what_was_for_one_bob_does_not_go_to_another() {
    let mut script = held_script();
    script.link(BOB, "bob", LinkState::Waiting);
    script.break_connection();
    script.welcome();
    let (_, rest) = script.join(CatchUp::Live, 4);
    script.events();
    script.link(OTHER_BOB, "bob", LinkState::Waiting);
    assert_eq!(failed(2, &script.states()), Some(ErrorCode::NoSuchUser));
    script.get(error(rest[0].0, ErrorCode::NotAccepted));
    assert_eq!(failed(1, &script.states()), Some(ErrorCode::NoSuchUser));
    // What is said from now on is for the new one.
    script.whisper("bob", "hello");
    assert_eq!(whispered(&mut script), ["hello"]);
    script.link(OTHER_BOB, "bob", LinkState::Open);
    assert_eq!(failed(3, &script.states()), None);
}

#[test]
fn the_bob_of_a_conversation_is_the_one_who_is_meant() {
    let mut script = live_script();
    let event = Event { room: RoomId(20), ..event(1, "bob", "psst") };
    script.get(ServerFrame::Message { target: Target::User("ann".into()), event });
    script.events();
    script.whisper("bob", "for the first one");
    let (id, _, _) = script.whispers().remove(0);
    script.get(error(id, ErrorCode::NotAccepted));
    script.events();
    script.link(OTHER_BOB, "bob", LinkState::Open);
    assert_eq!(failed(1, &script.states()), Some(ErrorCode::NoSuchUser));
    assert_eq!(script.frames(), []);
}

#[test]
fn a_conversation_follows_the_name_of_the_other_side() {
    let mut script = live_script();
    let private = |seq: u64, from: &str| ServerFrame::Message {
        target: Target::User("ann".into()),
        event: Event { room: RoomId(20), from: author(BOB, from), ..event(seq, "bob", "psst") },
    };
    script.get(private(1, "bob"));
    script.whisper("bob", "one");
    script.whisper("bob", "two");
    let (id, _, _) = script.whispers().remove(0);
    script.events();
    let robert = author(BOB, "robert");
    let old = UserName::parse("bob").unwrap();
    script.get(ServerFrame::LinkRenamed { user: robert.clone(), old: old.clone() });
    assert_eq!(script.events(), [ClientEvent::LinkRenamed { user: robert, old }]);
    script.get(error(id, ErrorCode::NoSuchUser));
    let frames = script.frames();
    let [(id, Request::Send { target, text, .. })] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!((target, text.as_str()), (&Target::User("robert".into()), "one"));
    script.get(sent(*id, in_chat(2), false));
    script.get(private(3, "robert"));
    assert!(script.core.conversation(&user("bob")).is_none());
    let chat = script.core.conversation(&user("robert")).unwrap();
    assert_eq!(chat.timeline().events().len(), 3);
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn a_name_that_is_taken_over_takes_the_conversation_s_place() {
    let mut script = live_script();
    for (id, name, in_room) in [(BOB, "bob", 20), (OTHER_BOB, "robert", 21)] {
        let from = author(id, name);
        let event = Event { room: RoomId(in_room), from, ..event(1, "bob", "psst") };
        script.get(ServerFrame::Message { target: Target::User("ann".into()), event });
    }
    script.events();
    let old = UserName::parse("bob").unwrap();
    script.get(ServerFrame::LinkRenamed { user: author(BOB, "robert"), old });
    assert_eq!(script.events()[0], ClientEvent::Reset { conversation: user("robert") });
    let chat = script.core.conversation(&user("robert")).unwrap();
    assert_eq!(chat.timeline().position().unwrap().room, RoomId(20));
}

#[test]
fn a_chat_that_opens_again_is_complete() {
    let mut script = live_script();
    let event = Event { room: RoomId(20), ..event(1, "bob", "psst") };
    script.get(ServerFrame::Message { target: Target::User("ann".into()), event });
    script.break_connection();
    script.welcome();
    let (_, rest) = script.join(CatchUp::Live, 4);
    script.get(error(rest[0].0, ErrorCode::NotLinked));
    script.link(BOB, "bob", LinkState::Open);
    let asked = script.frames().remove(0).1;
    let Request::Join { target, after: Some(after), .. } = asked else { panic!("{asked:?}") };
    assert_eq!((target, after.seq), (Target::User("bob".into()), Seq(1)));
}

/// A server that decides at random, and a network that delays its answers and breaks.
#[derive(Default)]
struct Chance {
    up: VecDeque<ClientFrame>,
    down: VecDeque<ServerFrame>,
    /// What it took, by counter.
    taken: BTreeMap<u64, Position>,
    texts: Vec<u64>,
}

impl Chance {
    fn process(&mut self, outcome: u8) {
        let Some(ClientFrame { id, request }) = self.up.pop_front() else { return };
        let Request::Send { text, counter: Some(counter), .. } = request else { return };
        let (id, high) = (id.unwrap(), self.taken.keys().next_back().copied().unwrap_or(0));
        if let Some(&position) = self.taken.get(&counter.0) {
            return self.down.push_back(sent(id, position, true));
        }
        assert!(counter.0 + limits::INSTANCE_WINDOW > high, "{counter} is stale");
        let refused = match outcome % 16 {
            0 | 1 => Some(ErrorCode::NotAccepted),
            2 => Some(ErrorCode::AwayFull),
            3 => Some(ErrorCode::Busy),
            4 => Some(ErrorCode::NotStored),
            5 => Some(ErrorCode::Blocked),
            _ => None,
        };
        // A failed commit may have been none.
        if refused.is_none() || refused == Some(ErrorCode::NotStored) && outcome >= 128 {
            self.texts.push(text.parse().unwrap());
            self.taken.insert(counter.0, in_chat(self.texts.len() as u64));
        }
        self.down.push_back(match refused {
            Some(code) => error(id, code),
            None => sent(id, in_chat(self.texts.len() as u64), false),
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn texts_to_one_user_are_never_reordered(
        steps in prop::collection::vec(any::<(u8, u8)>(), 1..300),
    ) {
        use LinkState::*;
        let mut script = live_script();
        let (mut chance, mut said, mut states) = (Chance::default(), 0_u64, BTreeMap::new());
        // At the end everything is taken.
        let calm = (0..2000).map(|n| ([40, 60, 90, 230][n % 4], 15));
        for (kind, outcome) in steps.into_iter().chain(calm) {
            match kind {
                0..40 => {
                    let text = (said + 1).to_string();
                    let sent = script.core.send(&user("bob"), &text, MessageKind::Text);
                    said += u64::from(sent.is_ok());
                }
                40..60 => chance.process(outcome),
                60..90 => {
                    if let Some(frame) = chance.down.pop_front() {
                        script.get(frame);
                    }
                }
                90..110 if outcome == 15 => script.link(BOB, "bob", Open),
                90..110 => {
                    let state = [Open, Open, Asked, Waiting, Waiting, Rejected, Ended][outcome as usize % 7];
                    script.link(BOB, "bob", state);
                }
                110..120 => {
                    script.break_connection();
                    (chance.up, chance.down) = Default::default();
                    script.welcome();
                }
                _ => {
                    script.now = script.now.plus(2000);
                    script.core.handle_timeout(script.now);
                }
            }
            chance.up.extend(std::iter::from_fn(|| script.core.poll_transmit()));
            chance.up.retain(|frame| matches!(frame.request, Request::Send { .. }));
            states.extend(script.states());
        }
        prop_assert!(chance.texts.is_sorted_by(|a, b| a < b), "{:?}", chance.texts);
        for (local, state) in states {
            match state {
                SendState::Sent { .. } => prop_assert!(chance.texts.contains(&local)),
                SendState::Failed { .. } => prop_assert!(!chance.texts.contains(&local)),
                state => prop_assert!(false, "{local} is {state:?}"),
            }
        }
    }
}

//! Whatever a server sends: no panic, bounded answers, and each conversation stays consecutive for
//! its program, or is said to be reset.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use hubbub_client::{ClientEvent, Core, CoreConfig, ServerAddress};
use hubbub_protocol::frame::*;
use hubbub_protocol::*;
use model::{author, limits, room, user};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The raw material of one step: which, and four numbers.
type Raw = (u8, u64, u64, u64, u64);

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..12, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn names(number: u64) -> Target {
    match number % 5 {
        0 => Target::Room("lobby".into()),
        1 => Target::Room("Lobby".into()),
        2 => Target::Room("hall".into()),
        3 => Target::User("bob".into()),
        _ => Target::User("not a name".into()),
    }
}

fn event(room: u64, epoch: u64, seq: u64, from: u64) -> Event {
    let body = Body::Text { text: Text::parse("hi").unwrap() };
    let from = author(from % 3, ["ann", "bob", "cleo"][(from % 3) as usize]);
    let (room, epoch, seq) = (RoomId(room % 4), Epoch(epoch as u32), Seq(seq));
    Event { room, epoch, seq, time: WallMs(0), from, body }
}

fn frame((kind, a, b, c, d): Raw) -> ServerFrame {
    let id = Some(d);
    let position = event(a, b, c, 0).position();
    match kind % 10 {
        0 => ServerFrame::Welcome {
            id,
            version: 1,
            server: String::new(),
            user: author(a % 3, "ann"),
            resume: ResumeToken([1; 16]),
            resumed: b == 0,
            epoch: Epoch(1),
            lobby: RoomName::parse("lobby").unwrap(),
            rooms: vec![RoomName::parse("hall").unwrap()],
            privates: vec![UserName::parse("bob").unwrap()],
            limits: limits(c as u32),
            time: WallMs(0),
        },
        1 | 2 => ServerFrame::Joined {
            id,
            target: names(a ^ b),
            head: position,
            catch_up: [CatchUp::Live, CatchUp::Pages, CatchUp::Reset][(c % 3) as usize],
            retention: Retention::Forever,
            members: 1,
            created: false,
        },
        3 => ServerFrame::Left { id, room: RoomName::parse("lobby").unwrap() },
        4 => ServerFrame::Sent { id, position, time: WallMs(0), repeated: b % 2 == 0 },
        5 | 6 => ServerFrame::Message { target: names(d), event: event(a, b, c, d) },
        7 => ServerFrame::Page {
            room_id: position.room,
            events: (0..3).map(|n| event(a, b, c.wrapping_add(n), d)).collect(),
        },
        8 => ServerFrame::Live { head: position },
        _ => {
            let code = ErrorCode::ALL[(a % ErrorCode::ALL.len() as u64) as usize];
            let next = [NextStep::Correct, NextStep::Retry, NextStep::Resume][(b % 3) as usize];
            let text = String::new();
            ServerFrame::Error { id, code, next, text, suggestion: None }
        }
    }
}

/// The last event that a program heard of each conversation.
#[derive(Default)]
struct Program(BTreeMap<RoomAddress, Position>);

impl Program {
    fn hear(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::NewEvent { conversation, event, .. } => {
                if let Some(last) = self.0.insert(conversation.clone(), event.position()) {
                    let next = (last.room, Seq(last.seq.0.wrapping_add(1)));
                    assert_eq!((event.room, event.seq), next, "{conversation}");
                }
            }
            ClientEvent::Reset { conversation } => drop(self.0.remove(&conversation)),
            ClientEvent::Left { room } => {
                self.0.retain(|address, _| match address {
                    RoomAddress::Room(name) => name.keys().fold != room.keys().fold,
                    RoomAddress::User(_) => true,
                });
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_server_confuses_a_client(
        steps in prop::collection::vec((any::<u8>(), numbers(), numbers(), numbers(), numbers()), 1..120),
    ) {
        let mut config = CoreConfig::new(UserName::parse("ann").unwrap(), Instance([7; 16]));
        config.conversations = vec![room("lobby"), user("bob")];
        config.kept_events_max = 3;
        let mut core = Core::new(config);
        let (mut program, mut now) = (Program::default(), MonoMs(0));
        core.connected(now);
        for step in steps {
            let (kind, a, ..) = step;
            now = now.plus(a % 1000);
            let to = [room("lobby"), room("hall"), user("bob")][(a % 3) as usize].clone();
            match kind {
                0..200 => core.received(now, frame(step)),
                200..215 => drop(core.send(&to, "hi", MessageKind::Text)),
                215..225 => drop(core.join(&to)),
                225..230 => core.leave(&RoomName::parse("lobby").unwrap()),
                230..240 => core.handle_timeout(now),
                240..250 => {
                    core.disconnected(now);
                    core.connected(now);
                }
                _ => drop(core.ping()),
            }
            let frames = std::iter::from_fn(|| core.poll_transmit()).count();
            prop_assert!(frames <= 100, "{frames} frames at once");
            while let Some(event) = core.poll_event() {
                program.hear(event);
            }
            for conversation in core.conversations() {
                prop_assert!(conversation.timeline().events().len() <= 3);
            }
        }
    }

    #[test]
    fn addresses_are_read_or_refused(text in "[a-z0-9:\\[\\]%/@. ]{0,20}") {
        if let Ok(address) = text.parse::<ServerAddress>() {
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn lines_are_read_or_skipped(line in prop::collection::vec(any::<u8>(), 0..60)) {
        let config = CoreConfig::new(UserName::parse("ann").unwrap(), Instance([7; 16]));
        let mut core = Core::new(config);
        core.connected(MonoMs(0));
        core.received_line(MonoMs(0), &line);
    }
}

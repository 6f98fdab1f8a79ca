//! Whatever a server sends: no panic, bounded answers, and each conversation stays consecutive for
//! its program, or is said to be reset.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use hubbub_client::{
    ClientEvent, Core, CoreConfig, Enter, Pass, Search, SendState, ServerAddress, Transcript,
};
use hubbub_protocol::frame::*;
use hubbub_protocol::secret::Hidden;
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
    let body = body(epoch ^ from, seq);
    let from = author(from % 3, ["ann", "bob", "cleo"][(from % 3) as usize]);
    let (room, epoch, seq) = (RoomId(room % 4), Epoch(epoch as u32), Seq(seq));
    Event { room, epoch, seq, time: WallMs(0), from, body }
}

/// All kinds of events, about earlier ones, themselves, and what is still to come.
fn body(number: u64, seq: u64) -> Body {
    let of = Seq(seq.wrapping_sub(number % 5));
    let text = Text::parse(["hi", "@ann", "`@ann", "word @Ann."][(number % 4) as usize]).unwrap();
    let (user, what) = (somebody(number, seq), RestrictionKind::Ban);
    match number % 16 {
        0 => Body::Action(Said { reply: Some(of), edited: Some(of), ..text.into() }),
        1 => Body::Deleted { by: of },
        2 => Body::Edit { of, text: None },
        3 => Body::Edit { of, text: Some(text) },
        4 => Body::Delete { of },
        5 => Body::React { of, reaction: Reaction::parse("ok").unwrap(), on: number & 1 > 0 },
        6 => Body::Pin { of, on: number & 1 > 0 },
        7 => Body::Changed(RoomChange::SlowMode { seconds: number as u32 }),
        8 => Body::Changed(RoomChange::Topic { topic: None }),
        9 => Body::Role { user, role: Some(Role::Voice) },
        10 => Body::Kicked { user, reason: None },
        11 => Body::Lifted { what, whom: "b*".into() },
        _ => Body::Text(Said { everyone: seq & 1 == 0, ..text.into() }),
    }
}

fn info(number: u64) -> Box<RoomInfo> {
    Box::new(RoomInfo {
        sort: RoomSort::Pin,
        retention: Retention::None,
        topic: None,
        description: None,
        invite_only: false,
        key: true,
        moderated: false,
        secret: false,
        member_limit: None,
        slow_s: (number % 2) as u32,
        pinned: vec![Seq(number)],
        transcribed: false,
        role: (number & 2 > 0).then_some(Role::Owner),
        created: WallMs(0),
    })
}

fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn somebody(id: u64, name: u64) -> Author {
    author(id % 3, ["ann", "bob", "Bob", "cleo"][(name % 4) as usize])
}

fn state(number: u64) -> LinkState {
    use LinkState::*;
    [Asked, Waiting, Open, Rejected, Ended, Blocked][(number % 6) as usize]
}

/// Something that a program may want.
fn wish(core: &mut Core, number: u64, other: u64) {
    let name = somebody(0, other).name;
    let password = Password::given("opensesame").unwrap();
    let _ = match number % 24 {
        16 => core.edit(&room("lobby"), Seq(other), &Text::parse("hi").unwrap()),
        17 => core.react(&user("bob"), Seq(other), &Reaction::parse("ok").unwrap(), true),
        18 => core.set_highlights(vec!["word".into(), String::new()]),
        19 => core.info(&lobby()),
        20 => core.roles(&lobby(), None),
        21 => core.restrictions(&lobby(), None),
        22 => core.search(&Search { query: "hi".into(), ..Search::default() }, None, None),
        23 => core.members(&lobby(), None),
        0 => core.register(password, None),
        1 => core.login(&name, password),
        2 => core.change_password(&password, password.clone()),
        3 => core.logins(),
        4 => core.revoke(LoginId(other)),
        5 => core.nick(&name),
        6 => core.ask_user(&name),
        7 => core.accept(&name),
        8 => core.end(&name),
        9 => core.links(None),
        10 => core.set_policy(None),
        11 => core.group(&lobby(), None),
        12 => core.invite(&lobby(), &name),
        13 => core.mark(&room("lobby"), Seq(other)),
        14 => core.draft(&room("hall"), None),
        _ => {
            core.set_login(name, Enter::Password(password));
            core.ping()
        }
    };
}

fn frame((kind, a, b, c, d): Raw) -> ServerFrame {
    let id = Some(d);
    let position = event(a, b, c, 0).position();
    match kind % 28 {
        0 => ServerFrame::Welcome {
            id,
            version: 1,
            server: String::new(),
            user: author(a % 3, "ann"),
            resume: ResumeToken([1; 16]),
            resumed: b == 0,
            account: a % 2 == 0,
            epoch: Epoch(1),
            lobby: RoomName::parse("lobby").unwrap(),
            rooms: vec![RoomName::parse("hall").unwrap()],
            privates: vec![UserName::parse("bob").unwrap()],
            limits: limits(c as u32),
            highlights: Vec::new(),
            time: WallMs(0),
        },
        1 | 2 => ServerFrame::Joined {
            info: (b % 2 == 0).then(|| info(b)),
            id,
            target: names(a ^ b),
            head: position,
            catch_up: [CatchUp::Live, CatchUp::Pages, CatchUp::Reset][(c % 3) as usize],
            retention: Retention::Forever,
            members: 1,
            created: false,
            read: (a % 2 == 0).then_some(Seq(b)),
            draft: None,
        },
        3 => ServerFrame::Left { id, room: RoomName::parse("lobby").unwrap() },
        4 => ServerFrame::Sent { id, position, time: WallMs(0), repeated: b % 2 == 0 },
        5 | 6 => ServerFrame::Message { target: names(d), event: event(a, b, c, d) },
        7 => ServerFrame::Page {
            room_id: position.room,
            events: (0..3).map(|n| event(a, b, c.wrapping_add(n), d)).collect(),
        },
        8 => ServerFrame::Live { head: position },
        9 | 10 => ServerFrame::Link { user: somebody(a, b), state: state(c) },
        11 => ServerFrame::LinkRenamed { user: somebody(a, b), old: somebody(a, d).name },
        12 => ServerFrame::Done { id },
        13 => ServerFrame::You {
            id: (a % 2 == 0).then_some(d),
            user: somebody(a, b),
            account: c % 2 == 0,
        },
        14 => ServerFrame::Links {
            id,
            links: vec![LinkEntry {
                user: somebody(a, b),
                state: state(c),
                online: true,
                group: None,
            }],
            next: None,
        },
        15 => match a % 6 {
            0 => ServerFrame::Logins { id, logins: vec![] },
            1 => ServerFrame::Renamed {
                room: lobby(),
                user: somebody(b, c),
                old: somebody(b, d).name,
            },
            2 => ServerFrame::Invited { room: lobby(), from: somebody(b, c) },
            3 => ServerFrame::Declined { room: lobby(), user: somebody(b, c) },
            4 => ServerFrame::Marked { target: names(b), seq: Seq(c) },
            _ => ServerFrame::Drafted { target: names(b), text: None },
        },
        16 => ServerFrame::Entered { room: lobby() },
        17 => ServerFrame::Gone { room: lobby() },
        18 => ServerFrame::Typing { target: names(a), from: somebody(b, c) },
        19 => ServerFrame::Away { room: lobby(), user: somebody(b, c), text: None },
        20 => ServerFrame::Kicked {
            room: lobby(),
            by: somebody(b, c).name,
            reason: None,
            banned: a % 2 == 0,
        },
        21 => ServerFrame::Highlights { words: vec!["word".into()] },
        22 => ServerFrame::History {
            id,
            target: names(a),
            events: (0..3).map(|n| event(a, b, c.wrapping_add(n), d)).collect(),
            more: false,
            reactions: (0..3).map(|n| reactions(c.wrapping_add(n), b)).collect(),
        },
        23 => match a % 4 {
            0 => ServerFrame::Info { id, room: lobby(), info: info(b) },
            1 => ServerFrame::Roles { id, room: lobby(), roles: vec![], next: None },
            2 => ServerFrame::Restrictions { id, room: lobby(), restrictions: vec![], next: None },
            _ => {
                let hit = Hit { target: names(b), event: event(a, b, c, d) };
                ServerFrame::Found { id, hits: vec![hit], next: None, behind: false }
            }
        },
        _ => {
            let code = ErrorCode::ALL[(a % ErrorCode::ALL.len() as u64) as usize];
            let next = [NextStep::Correct, NextStep::Retry, NextStep::Resume][(b % 3) as usize];
            let text = String::new();
            ServerFrame::Error {
                id,
                code,
                next,
                text,
                suggestion: None,
                wait_ms: (c % 2 == 0).then_some(d),
            }
        }
    }
}

fn reactions(seq: u64, number: u64) -> ReactionEntry {
    let users = (0..number % 4).map(|n| somebody(n, n)).collect();
    let reaction = Reaction::parse("ok").unwrap();
    ReactionEntry { seq: Seq(seq), reaction, count: number as u32, users, mine: false }
}

/// The last event that a program heard of each conversation.
#[derive(Default)]
struct Program {
    heard: BTreeMap<RoomAddress, Position>,
    /// What every send is told to be, last.
    sends: BTreeMap<u64, SendState>,
    /// Fed with everything, of whatever conversation.
    transcript: Transcript,
}

impl Program {
    fn hear(&mut self, event: ClientEvent) {
        match &event {
            ClientEvent::NewEvent { event, mention, .. } => {
                self.transcript.event(event);
                assert!(mention.is_none() || event.body.said().is_some());
            }
            ClientEvent::HistoryPage { events, reactions, .. } => {
                self.transcript.page(events, reactions);
            }
            ClientEvent::Joined { head, info: Some(info), .. } => {
                self.transcript.set_up(*head, info);
            }
            _ => {}
        }
        assert!(self.transcript.len() <= 5 && self.transcript.entries().count() <= 5);
        match event {
            ClientEvent::NewEvent { conversation, event, .. } => {
                if let Some(last) = self.heard.insert(conversation.clone(), event.position()) {
                    let next = (last.room, Seq(last.seq.0.wrapping_add(1)));
                    assert_eq!((event.room, event.seq), next, "{conversation}");
                }
            }
            ClientEvent::Reset { conversation } => drop(self.heard.remove(&conversation)),
            ClientEvent::Left { room } | ClientEvent::Kicked { room, .. } => {
                self.heard.retain(|address, _| match address {
                    RoomAddress::Room(name) => name.keys().fold != room.keys().fold,
                    RoomAddress::User(_) => true,
                });
            }
            ClientEvent::LinkRenamed { user: Author { name, .. }, old } => {
                if let Some(known) = self.heard.remove(&RoomAddress::User(old)) {
                    self.heard.insert(RoomAddress::User(name), known);
                }
            }
            ClientEvent::Send { local, state } => {
                let before = self.sends.insert(local.0, state);
                let is_over =
                    matches!(before, Some(SendState::Sent { .. } | SendState::Failed { .. }));
                assert!(!is_over, "{local:?} is answered twice");
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
        let transcript = Transcript::new(5);
        let mut program = Program { transcript, ..Program::default() };
        let mut now = MonoMs(0);
        core.connected(now);
        for step in steps {
            let (kind, a, b, ..) = step;
            now = now.plus(a % 1000);
            let to = [room("lobby"), room("hall"), user("bob")][(a % 3) as usize].clone();
            match kind {
                0..200 => core.received(now, frame(step)),
                200..215 => drop(core.send(&to, "hi", MessageKind::Text)),
                215..223 => drop(core.join(&to)),
                223 => drop(core.join_with(&lobby(), Pass::Pin(Hidden::new("1234")))),
                224 => drop(core.join_with(&lobby(), Pass::Key(Hidden::new("1234")))),
                225..230 => core.leave(&RoomName::parse("lobby").unwrap()),
                230..240 => core.handle_timeout(now),
                240..250 => {
                    core.disconnected(now);
                    core.connected(now);
                }
                250..255 => wish(&mut core, a, b),
                255 => drop(core.ping()),
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

//! A core under scripted frames: says what the server says, one frame at a time.

use super::{author, limits, room, user};
use hubbub_client::{ClientEvent, Core, CoreConfig, LocalId, SendState};
use hubbub_protocol::frame::*;
use hubbub_protocol::*;

/// A core and the moment that it is told.
pub struct Script {
    pub core: Core,
    pub now: MonoMs,
}

pub fn script() -> Script {
    let mut config = CoreConfig::new(UserName::parse("ann").unwrap(), Instance([7; 16]));
    config.conversations = vec![room("lobby")];
    config.sends_max = 40;
    Script { core: Core::new(config), now: MonoMs(0) }
}

/// Logged in and live in the lobby, after event 4.
pub fn live_script() -> Script {
    let mut script = script();
    script.welcome();
    script.join(CatchUp::Live, 4);
    script.events();
    script
}

pub fn at(seq: u64) -> Position {
    Position { room: RoomId(9), epoch: Epoch(1), seq: Seq(seq) }
}

pub fn event(seq: u64, from: &str, text: &str) -> Event {
    let from = author(if from == "ann" { 1 } else { 2 }, from);
    let body = Body::text(Text::parse(text).unwrap());
    Event { room: RoomId(9), epoch: Epoch(1), seq: Seq(seq), time: WallMs(seq), from, body }
}

pub fn message(seq: u64, from: &str) -> ServerFrame {
    let target = Target::Room("lobby".into());
    ServerFrame::Message { target, event: event(seq, from, "hi") }
}

pub fn error(id: u64, code: ErrorCode) -> ServerFrame {
    let text = "no".into();
    ServerFrame::Error {
        id: Some(id),
        code,
        next: code.next(),
        text,
        suggestion: None,
        wait_ms: None,
    }
}

pub fn sent(id: u64, position: Position, repeated: bool) -> ServerFrame {
    ServerFrame::Sent { id: Some(id), position, time: WallMs(0), repeated }
}

/// The welcome of a guest, ann.
pub fn welcome(id: u64) -> ServerFrame {
    ServerFrame::Welcome {
        highlights: Vec::new(),
        id: Some(id),
        version: 1,
        server: "test".into(),
        user: author(1, "ann"),
        resume: ResumeToken([1; 16]),
        resumed: false,
        account: false,
        epoch: Epoch(1),
        lobby: RoomName::parse("lobby").unwrap(),
        rooms: vec![],
        privates: vec![],
        limits: limits(32),
        time: WallMs(0),
    }
}

impl Script {
    pub fn get(&mut self, frame: ServerFrame) {
        self.core.received(self.now, frame);
    }
    pub fn frames(&mut self) -> Vec<(u64, Request)> {
        let frames = std::iter::from_fn(|| self.core.poll_transmit());
        frames.map(|frame| (frame.id.unwrap_or(0), frame.request)).collect()
    }
    pub fn events(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.core.poll_event()).collect()
    }
    pub fn seqs(&mut self) -> Vec<u64> {
        let events = self.events();
        let new = events.iter().filter_map(|event| match event {
            ClientEvent::NewEvent { event, .. } => Some(event.seq.0),
            _ => None,
        });
        new.collect()
    }
    pub fn welcome(&mut self) {
        self.core.connected(self.now);
        let (id, _) = self.frames().remove(0);
        self.get(welcome(id));
    }
    /// Says something to a user; returns its number.
    pub fn whisper(&mut self, to: &str, text: &str) -> LocalId {
        self.core.send(&user(to), text, MessageKind::Text).unwrap()
    }
    /// The texts that go out to users, with their counters and the numbers of their frames.
    pub fn whispers(&mut self) -> Vec<(u64, u64, String)> {
        let sends = self.frames().into_iter().filter_map(|(id, request)| match request {
            Request::Send { target: Target::User(_), text, counter, .. } => {
                Some((id, counter.unwrap().0, text))
            }
            _ => None,
        });
        sends.collect()
    }
    pub fn link(&mut self, id: u64, name: &str, state: LinkState) {
        self.get(ServerFrame::Link { user: author(id, name), state });
    }
    /// What became of sends.
    pub fn states(&mut self) -> Vec<(u64, SendState)> {
        let events = self.events().into_iter();
        let sends = events.filter_map(|event| match event {
            ClientEvent::Send { local, state } => Some((local.0, state)),
            _ => None,
        });
        sends.collect()
    }
    /// Answers the first join that is on its way; returns what it asked after, and the rest.
    pub fn join(
        &mut self,
        catch_up: CatchUp,
        head: u64,
    ) -> (Option<Position>, Vec<(u64, Request)>) {
        let mut frames = self.frames();
        let (id, request) = frames.remove(0);
        let Request::Join { target, after, .. } = request else { panic!("{request:?}") };
        let (retention, members, created) = (Retention::Forever, 2, false);
        let head = at(head);
        let id = Some(id);
        self.get(ServerFrame::Joined {
            info: None,
            id,
            target,
            head,
            catch_up,
            retention,
            members,
            created,
            read: None,
            draft: None,
        });
        (after, frames)
    }
    pub fn say(&mut self, text: &str) -> u64 {
        self.core.send(&room("lobby"), text, MessageKind::Text).unwrap();
        let frames = self.frames();
        frames.last().map_or(0, |(id, _)| *id)
    }
    pub fn break_connection(&mut self) {
        self.core.disconnected(self.now);
    }
    pub fn close(&mut self, code: CloseCode) {
        self.get(ServerFrame::Close { code, next: code.next(), text: "".into() });
    }
}

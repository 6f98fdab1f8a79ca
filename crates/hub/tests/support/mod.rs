//! A hub with hands: says commands, plays the store, and collects what comes out.

use hubbub_hub::*;
use hubbub_protocol::frame::{CatchUp, MemberChange, Retention};
use hubbub_protocol::record::Record;
use hubbub_protocol::*;
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) now: Now,
    pub(crate) effects: Vec<Effect>,
    sessions: u32,
    /// The newest ticket that was asked to be persisted.
    pub(crate) ticket: Ticket,
    /// Events that were asked to be persisted.
    pub(crate) records: Vec<Record>,
}

pub(crate) fn user(name: &str) -> UserName {
    UserName::parse(name).expect("a valid name")
}

pub(crate) fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect("a valid name")
}

pub(crate) fn to(name: &str) -> RoomAddress {
    match name.strip_prefix('@') {
        Some(name) => RoomAddress::User(user(name)),
        None => RoomAddress::Room(room(name)),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(HubConfig::default())
    }

    pub(crate) fn with(config: HubConfig) -> Self {
        let mut effects = Vec::new();
        let hub = Hub::new(config, Epoch(7), Vec::new(), &mut effects);
        Self {
            hub,
            now: Now::default(),
            effects,
            sessions: 0,
            ticket: Ticket(0),
            records: Vec::new(),
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        for effect in &effects {
            if let Effect::Persist { ticket, record } = effect {
                self.ticket = *ticket;
                self.records.push(record.clone());
            }
        }
        self.effects.extend(effects);
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now.mono = self.now.mono.plus(ms);
        self.input(Input::Tick);
    }

    pub(crate) fn connect(&mut self, resumable: bool) -> SessionId {
        self.sessions += 1;
        let session = SessionId::new(0, 1, self.sessions);
        let arrival = Arrival { peer: ([127, 0, 0, 1], 9).into(), resumable };
        self.input(Input::Connected { session, arrival });
        session
    }

    pub(crate) fn tell(&mut self, session: SessionId, command: Command) {
        self.input(Input::Command { session, tag: None, command });
    }

    pub(crate) fn hello(&mut self, session: SessionId, name: &str) {
        self.hello_as(session, Some(name), None, None);
    }

    pub(crate) fn hello_as(
        &mut self,
        session: SessionId,
        name: Option<&str>,
        instance: Option<Instance>,
        resume: Option<ResumeToken>,
    ) {
        let fresh = ResumeToken([session.slot() as u8; 16]);
        let name = name.map(user);
        self.tell(session, Command::Hello { name, instance, resume, fresh });
        if let Some(instance) = instance {
            let sends = Some(Vec::new());
            self.input(Input::SendsLoaded { session, instance, sends });
        }
    }

    /// A guest with a name, on a door with resume tokens.
    pub(crate) fn guest(&mut self, name: &str) -> SessionId {
        let session = self.connect(true);
        self.hello(session, name);
        session
    }

    /// A guest in a room. Takes the effects away.
    pub(crate) fn member(&mut self, name: &str, room: &str) -> SessionId {
        let session = self.guest(name);
        self.join(session, room);
        self.take();
        session
    }

    pub(crate) fn join(&mut self, session: SessionId, address: &str) {
        self.join_after(session, address, None);
    }

    pub(crate) fn join_after(
        &mut self,
        session: SessionId,
        address: &str,
        after: Option<Position>,
    ) {
        self.tell(session, Command::Join { address: to(address), after, retention: None });
    }

    pub(crate) fn join_fleeting(&mut self, session: SessionId, address: &str) {
        let retention = Some(Retention::None);
        self.tell(session, Command::Join { address: to(address), after: None, retention });
    }

    pub(crate) fn say(&mut self, session: SessionId, address: &str, text: &str) {
        self.say_numbered(session, address, text, None);
    }

    pub(crate) fn say_numbered(
        &mut self,
        session: SessionId,
        address: &str,
        text: &str,
        counter: Option<u64>,
    ) {
        let body = Body::Text { text: Text::parse(text).expect("a valid text") };
        let counter = counter.map(Counter);
        self.tell(session, Command::Send { address: to(address), body, counter });
    }

    /// Everything that was asked to be persisted is durable.
    pub(crate) fn persist(&mut self) {
        let upto = self.ticket;
        self.input(Input::Persisted { upto });
    }

    pub(crate) fn lose(&mut self, session: SessionId) {
        self.input(Input::Disconnected { session, departure: Departure::Lost });
    }

    /// What came out since the last time, in short words.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.effects).iter().map(describe).collect()
    }

    /// The stored events of a room.
    pub(crate) fn stored(&self, room: RoomId) -> Vec<Arc<Event>> {
        let event = |record: &Record| match record {
            Record::Event { event, .. } if event.room == room => Some(Arc::clone(event)),
            _ => None,
        };
        self.records.iter().filter_map(event).collect()
    }

    /// The place that a session was told when it joined last.
    pub(crate) fn head(&self) -> Position {
        let head = |effect: &Effect| match effect {
            Effect::Reply { reply: Reply::Joined { head, .. }, .. } => Some(*head),
            _ => None,
        };
        self.effects.iter().rev().find_map(head).expect("somebody joined")
    }
}

fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Persist { record: Record::Event { event, .. }, .. } => {
            format!("persist {}:{}", event.seq, event.body.text())
        }
        Effect::Persist { record: Record::Room(_), .. } => "persist room".into(),
        Effect::Persist { record: Record::RoomGone(_), .. } => "persist room gone".into(),
        Effect::Reply { session, reply, .. } => format!("{} {}", session.slot(), answer(reply)),
        Effect::Deliver { delivery, except, .. } => {
            let except = except.map_or(String::new(), |session| format!(" but {}", session.slot()));
            match delivery {
                Delivery::Message { address, event } => {
                    let Event { from, seq, body, .. } = &**event;
                    format!("to {address}{except}: {seq} <{}> {}", from.name, body.text())
                }
                Delivery::Member { room, user, change, members } => {
                    let change = match change {
                        MemberChange::Joined => "joined",
                        MemberChange::Left => "left",
                        MemberChange::Quit => "quit",
                        MemberChange::Lost => "lost",
                    };
                    format!("to {room}: {} {change} ({members})", user.name)
                }
                Delivery::Count { room, members } => format!("to {room}: {members} members"),
            }
        }
        Effect::Subscribe { session, .. } => format!("{} subscribed", session.slot()),
        Effect::Unsubscribe { session, .. } => format!("{} unsubscribed", session.slot()),
        Effect::Read { session, after } => {
            format!("read for {} after {}", session.slot(), after.seq)
        }
        Effect::Page { session, events, .. } => {
            let seqs: Vec<u64> = events.iter().map(|event| event.seq.0).collect();
            format!("{} page {seqs:?}", session.slot())
        }
        Effect::Live { session, head } => format!("{} live at {}", session.slot(), head.seq),
        Effect::ReadHistory { session, .. } => format!("{} may read", session.slot()),
        Effect::LoadSends { session, .. } => format!("load sends for {}", session.slot()),
        Effect::Close { session, code } => format!("close {}: {}", session.slot(), code.code()),
    }
}

fn answer(reply: &Reply) -> String {
    match reply {
        Reply::Welcome { user, resumed, .. } => {
            format!("welcome {}{}", user.name, if *resumed { " back" } else { "" })
        }
        Reply::Joined { address, head, catch_up, members, .. } => {
            let how = match catch_up {
                CatchUp::Live => "live",
                CatchUp::Pages => "pages",
                CatchUp::Reset => "reset",
            };
            format!("joined {address} at {} {how} ({members})", head.seq)
        }
        Reply::Left { room, .. } => format!("left {room}"),
        Reply::Sent { position, repeated, .. } => {
            format!("sent {}{}", position.seq, if *repeated { " again" } else { "" })
        }
        Reply::Rooms { rooms, .. } => format!("{} rooms", rooms.len()),
        Reply::Members { members, count, .. } => format!("{} of {count} members", members.len()),
        Reply::Users { users, count, .. } => format!("{} of {count} users", users.len()),
        Reply::Pong { .. } => "pong".into(),
        Reply::Refused(refusal) => format!("refused {}", refusal.code.code()),
    }
}

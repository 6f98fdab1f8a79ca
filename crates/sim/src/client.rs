//! A simulated native client: the production core, a random user, and what it has seen.

mod order;
mod social;

use crate::acts::Deleted;
use crate::check::{Kind, Ledger};
use crate::consent::{Said, Who};
use crate::wire::Wire;
use hubbub_client::{
    ClientEvent, ConnectionState, Conversation, Core, CoreConfig, Enter, SendState,
};
use hubbub_protocol::frame::{CatchUp, MessageKind, Request, ServerFrame, write_line};
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{
    CloseCode, ErrorCode, Instance, MonoMs, RoomAddress, RoomId, RoomName, Seq, UserName,
};
pub(crate) use social::{Identity, PASSWORD};
use std::collections::BTreeMap;

/// The rooms that everybody may go to. The owner of the last but one lets old messages go, that of the
/// last one keeps nothing.
pub(crate) const ROOMS: [&str; 5] = ["lobby", "work", "play", "short", "fleeting"];

/// One client.
pub(crate) struct Client {
    pub(crate) name: String,
    /// What its texts begin with: sessions of one account have one name.
    tag: String,
    identity: Identity,
    /// Whether an account's client wants to make the account, rather than to log in to it.
    registers: bool,
    /// When it may try again to come in.
    tries_again: u64,
    /// With whom it may talk in private.
    pub(crate) others: Vec<String>,
    consents: Said,
    pub(crate) core: Core,
    lines: LineBuffer,
    wire: Wire,
    /// The texts of the sends, by local id.
    texts: BTreeMap<u64, String>,
    said: u32,
    /// Where its messages in rooms stand.
    acked: Vec<(String, Seq)>,
    deleted: Deleted,
    /// What it has seen of each room.
    stands: BTreeMap<String, (RoomId, Seq)>,
    pub(crate) stopped: bool,
    /// The server said that it was kicked or is banned: its user starts it again.
    sent_away: bool,
}

impl Client {
    pub(crate) fn new(
        name: String,
        tag: String,
        identity: Identity,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let mut instance = [0; 16];
        rng.fill(&mut instance);
        let user = UserName::parse(&name).expect("a valid name");
        let mut config = CoreConfig::new(user, Instance(instance));
        config.conversations = vec![address("lobby")];
        if identity != Identity::Guest {
            config.enter = Enter::Register { password: social::password(), invite: None };
        }
        Self {
            name,
            tag,
            identity,
            registers: true,
            tries_again: 0,
            others: Vec::new(),
            consents: Said::default(),
            core: Core::new(config),
            lines: LineBuffer::default(),
            wire: Wire::default(),
            texts: BTreeMap::new(),
            said: 0,
            acked: Vec::new(),
            deleted: Deleted::default(),
            stands: BTreeMap::new(),
            stopped: false,
            sent_away: false,
        }
    }

    pub(crate) fn connected(&mut self, now: MonoMs) {
        self.lines = LineBuffer::default();
        self.wire = Wire::default();
        self.consents = Said::default();
        self.core.connected(now);
    }

    /// Does something that a user would do.
    pub(crate) fn act(&mut self, rng: &mut fastrand::Rng, ledger: &mut Ledger) {
        let room = ROOMS[rng.usize(0..ROOMS.len())];
        match rng.u8(0..28) {
            24.. => self.keep_order(rng, ledger),
            20..24 => self.mingle(rng, ledger),
            0 => {
                let _ = self.core.join(&address(room));
            }
            1 if room != "lobby" => {
                self.core.leave(&RoomName::parse(room).expect("a valid name"));
            }
            2 => {
                let _ = self.core.ping();
            }
            3 => {
                let _ = self.core.history(&address(room), Default::default(), Some(20));
            }
            _ => {
                let burst = if rng.u8(0..8) == 0 { rng.u32(5..40) } else { 1 };
                for _ in 0..burst {
                    self.say(room, rng, ledger);
                }
            }
        }
    }

    fn say(&mut self, room: &str, rng: &mut fastrand::Rng, ledger: &mut Ledger) {
        if self.core.conversation(&address(room)).is_none() {
            return;
        }
        self.said += 1;
        let longest = if rng.u8(0..10) == 0 { 1_500 } else { 150 };
        let padding = "x".repeat(rng.usize(0..longest));
        let text = format!("{}:{}@{room} {padding}", self.tag, self.said).trim_end().to_owned();
        ledger.say(&text, room);
        match self.core.send(&address(room), &text, MessageKind::Text) {
            Ok(local) => {
                self.texts.insert(local.0, text);
            }
            Err(_) => ledger.failed(&text),
        }
    }

    /// The bytes that it wants to send.
    pub(crate) fn transmit(&mut self, ledger: &mut Ledger) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(frame) = self.core.poll_transmit() {
            if let (Some(id), Request::Join { after, .. }) = (frame.id, &frame.request) {
                self.wire.asked_join(id, after.map(|after| after.seq));
            }
            let who = Who { user: &self.name, speaks: self.speaks() };
            self.consents.sends(who, &frame, ledger);
            write_line(&frame, &mut out);
        }
        out
    }

    pub(crate) fn receive(&mut self, now: MonoMs, bytes: &[u8], ledger: &mut Ledger) {
        self.lines.push(bytes);
        while let Some(line) = self.lines.next_line() {
            let Line::Whole(line) = line else {
                ledger.report(Kind::Stream, "the server sent a line that is too long");
                continue;
            };
            match serde_json::from_slice::<ServerFrame>(line) {
                Ok(frame) => {
                    let who = Who { user: &self.name, speaks: self.speaks() };
                    self.consents.hears(who, &frame, ledger);
                    self.wire.frame(&frame, ledger);
                    self.look_for_deleted(&frame, ledger);
                    let is_expelled = is_expulsion(&frame);
                    self.core.received(now, frame);
                    self.sent_away |=
                        is_expelled && self.core.connection() == ConnectionState::Stopped;
                }
                Err(error) => {
                    let line = String::from_utf8_lossy(line).into_owned();
                    ledger.report(Kind::Stream, format!("the server sent {line:?}: {error}"));
                }
            }
        }
        self.watch(ledger);
    }

    fn look_for_deleted(&mut self, frame: &ServerFrame, ledger: &mut Ledger) {
        match frame {
            ServerFrame::Message { event, .. } => self.deleted.hears(event, ledger),
            ServerFrame::Page { events, .. } | ServerFrame::History { events, .. } => {
                events.iter().for_each(|event| self.deleted.hears(event, ledger));
            }
            _ => {}
        }
    }

    /// Looks at what the core tells its program.
    pub(crate) fn watch(&mut self, ledger: &mut Ledger) {
        while let Some(event) = self.core.poll_event() {
            match event {
                ClientEvent::NewEvent { conversation: RoomAddress::Room(room), event, .. } => {
                    ledger.saw(room.as_str(), &event);
                    self.stands.insert(room.as_str().to_owned(), (event.room, event.seq));
                }
                ClientEvent::NewEvent { conversation: RoomAddress::User(other), event, .. } => {
                    let from = event.from.name.as_str();
                    let to = if from == self.name { other.as_str() } else { self.name.as_str() };
                    ledger.saw(&format!("@{to}"), &event);
                    if from != self.name && !ledger.consents.agreed_ever(&self.name, from) {
                        let what = format!("{} read what {from} said", self.name);
                        ledger.report(Kind::Consent, what);
                    }
                }
                ClientEvent::Connected { user, account: true, .. } => {
                    ledger.account(user.name.as_str(), user.id);
                }
                ClientEvent::Reset { conversation: RoomAddress::Room(room) } => {
                    if let Some((id, seq)) = self.stands.remove(room.as_str())
                        && ledger.durable.contains(&id)
                    {
                        let what = format!("{} had {room} up to {seq}", self.name);
                        ledger.report(Kind::Reset, what);
                    }
                }
                ClientEvent::Joined {
                    conversation: RoomAddress::Room(room),
                    catch_up: CatchUp::Reset,
                    ..
                } => {
                    self.stands.remove(room.as_str());
                }
                ClientEvent::Left { room } => {
                    self.stands.remove(room.as_str());
                }
                ClientEvent::Send { local, state } => self.send_state(local.0, state, ledger),
                _ => {}
            }
        }
        self.stopped = self.core.connection() == ConnectionState::Stopped;
    }

    fn send_state(&mut self, local: u64, state: SendState, ledger: &mut Ledger) {
        let Some(text) = self.texts.get(&local) else { return };
        match state {
            SendState::Pending | SendState::Held => {}
            SendState::Sent { position, .. } => {
                ledger.acked(text, position.room, position.seq);
                let room = text.split_once('@').and_then(|(_, rest)| rest.split(' ').next());
                if let Some(room) = room.filter(|room| ROOMS.contains(room)) {
                    self.note_acked(&address(room), position.seq);
                }
            }
            SendState::Failed { .. } => ledger.failed(text),
        }
    }

    /// Whether it is over, until its user starts it again.
    pub(crate) fn is_sent_away(&self) -> bool {
        self.stopped && self.sent_away
    }

    /// Its user starts it again, with what was not sent.
    pub(crate) fn start_again(&mut self) {
        self.core.come_again();
        self.sent_away = false;
        self.stopped = self.core.connection() == ConnectionState::Stopped;
    }

    /// Whether nothing is on its way any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.stopped && !self.sent_away
            || (self.core.connection() == ConnectionState::Ready
                && self.core.pending_sends().all(|send| send.is_held())
                && self.rooms_that_wait().next().is_none())
    }

    /// Private chats may wait for their other side.
    fn rooms_that_wait(&self) -> impl Iterator<Item = String> {
        let waits = |room: &&Conversation| {
            !room.is_live() && matches!(room.address(), RoomAddress::Room(_))
        };
        self.core.conversations().filter(waits).map(|room| room.address().to_string())
    }

    pub(crate) fn describe(&self) -> String {
        let waiting: Vec<String> = self.rooms_that_wait().collect();
        format!(
            "{} is {:?}, has {} unacknowledged sends (the first: {:?}) and waits for {waiting:?}",
            self.name,
            self.core.connection(),
            self.core.pending_sends().len(),
            self.core.pending_sends().next(),
        )
    }
}

/// Whether the server wants nothing more of a client. `banned` from a room comes with other answers too, but
/// ends no client.
fn is_expulsion(frame: &ServerFrame) -> bool {
    match frame {
        ServerFrame::Close { code, .. } => matches!(code, CloseCode::Kicked | CloseCode::Banned),
        ServerFrame::Error { code, .. } => *code == ErrorCode::Banned,
        _ => false,
    }
}

pub(crate) fn address(room: &str) -> RoomAddress {
    RoomAddress::Room(RoomName::parse(room).expect("a valid name"))
}

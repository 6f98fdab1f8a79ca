//! A hub with hands: says commands, plays the store, and collects what comes out.

#![allow(dead_code, reason = "each test uses a part of it")]

use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, Snapshot};
use hubbub_protocol::*;
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) mod dice;
pub(crate) mod fold;
pub(crate) mod model;
pub(crate) mod operator;
pub(crate) mod rooms;
mod words;

use fold::fold;
pub(crate) use words::describe;

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) now: Now,
    pub(crate) effects: Vec<Effect>,
    config: HubConfig,
    epoch: Epoch,
    sessions: u32,
    /// The newest ticket that was asked to be persisted.
    pub(crate) ticket: Ticket,
    /// What was asked to be persisted.
    pub(crate) records: Vec<Record>,
    /// How many of them are durable.
    pub(crate) durable: usize,
    is_stopped: bool,
    /// Where the next sessions come from.
    address: IpAddr,
    /// Whether nobody can read along what new sessions say.
    pub(crate) is_private: bool,
}

/// A password of the right form.
pub(crate) fn password() -> Password {
    Password::chosen("open sesame").expect("a valid password")
}

/// What the workers would make of one.
pub(crate) fn credentials(data: &str) -> hubbub_protocol::account::Credentials {
    let kind = hubbub_protocol::account::CredentialKind::Argon2id;
    vec![hubbub_protocol::account::Credential { kind, data: data.into() }].into()
}

/// The token of the session that connected as this number.
pub(crate) fn token(slot: u32) -> ResumeToken {
    let mut token = [0; 16];
    token[..4].copy_from_slice(&slot.to_le_bytes());
    ResumeToken(token)
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
    /// A server on which one may do as much as one likes, but try PINs.
    pub(crate) fn new() -> Self {
        let (usual, mut limits) = (Limits::default(), Limits::free());
        limits.user[Limited::Pins] = usual.user[Limited::Pins];
        limits.address[Limited::Pins] = usual.address[Limited::Pins];
        Self::with(HubConfig { limits, ..HubConfig::default() })
    }

    pub(crate) fn with(config: HubConfig) -> Self {
        let mut effects = Vec::new();
        let epoch = Epoch(7);
        let hub = Hub::new(config.clone(), epoch, Snapshot::default(), &mut effects);
        Self {
            hub,
            config,
            epoch,
            now: Now::default(),
            effects,
            sessions: 0,
            ticket: Ticket(0),
            records: Vec::new(),
            durable: 0,
            is_stopped: false,
            address: [127, 0, 0, 1].into(),
            is_private: true,
        }
    }

    /// The server is cut off and begins again with what is durable.
    pub(crate) fn restart(&mut self) {
        self.records.truncate(self.durable);
        self.epoch = Epoch(self.epoch.0 + 1);
        self.effects.clear();
        self.is_stopped = false;
        self.ticket = Ticket(0);
        let mut effects = Vec::new();
        self.hub = Hub::new(self.config.clone(), self.epoch, fold(&self.records), &mut effects);
        self.note(&effects);
        self.effects.extend(effects);
        self.persist();
    }

    /// The operator changes their mind, also for the next start; not about guests where the rest depends
    /// on them.
    pub(crate) fn choose_otherwise(&mut self, needs_guests: bool) {
        let config = &mut self.config;
        config.guests = needs_guests || !config.guests;
        config.registration = match config.registration {
            Registration::Open if !needs_guests => Registration::Invite,
            _ => Registration::Open,
        };
        let (usual, messages) = (Limits::default(), &mut config.limits.user[Limited::Messages]);
        let usual = usual.user[Limited::Messages];
        *messages = if *messages == usual { Rate::new(50, 3_000) } else { usual };
        self.input(Input::Configured(Box::new(self.config.clone())));
    }

    /// The server stops in order, and begins again.
    pub(crate) fn stop_and_start(&mut self) {
        self.input(Input::Shutdown);
        self.persist();
        self.restart();
    }

    /// The store does not take what was asked since the last time.
    pub(crate) fn fail(&mut self) {
        self.records.truncate(self.durable);
        self.input(Input::CommitFailed);
    }

    /// The store works again.
    pub(crate) fn recover(&mut self) {
        self.recover_with(Vec::new());
    }

    pub(crate) fn recover_with(&mut self, survivors: Vec<Survivor>) {
        self.epoch = Epoch(self.epoch.0 + 1);
        let epoch = self.epoch;
        self.input(Input::Recovered { epoch, survivors });
    }

    fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Persist { ticket, record } = effect {
                assert_eq!(ticket.0, self.ticket.0 + 1, "tickets rise by one");
                self.ticket = *ticket;
                self.records.push(record.clone());
            }
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        // After it, nothing is asked of the hub any more but what was begun.
        self.is_stopped |= matches!(input, Input::Shutdown);
        let is_end = self.is_stopped;
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        self.note(&effects);
        self.effects.extend(effects);
        // It looks at everything, so not in crowds.
        if !is_end && self.hub.figures().sessions < 100 {
            assert_eq!(self.hub.inconsistency(), None);
        }
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now.mono = self.now.mono.plus(ms);
        self.now.wall = WallMs(self.now.wall.0 + ms);
        self.input(Input::Tick);
    }

    pub(crate) fn connect(&mut self, resumable: bool) -> SessionId {
        self.sessions += 1;
        let session = SessionId::new(0, 1, self.sessions);
        let door = if resumable { DoorKind::Native } else { DoorKind::Plain };
        let (peer, is_private) = ((self.address, 9).into(), self.is_private);
        let arrival = Arrival { peer, door, resumable, is_private };
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
        let fresh = token(session.slot());
        let name = name.map(user);
        self.tell(session, Command::Hello { name, instance, resume, fresh, entry: None });
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
        self.tell(
            session,
            Command::Join { address: to(address), after, retention: None, secret: None },
        );
    }

    pub(crate) fn join_fleeting(&mut self, session: SessionId, address: &str) {
        let retention = Some(Retention::None);
        self.tell(
            session,
            Command::Join { address: to(address), after: None, retention, secret: None },
        );
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
        let body = Body::text(Text::parse(text).expect("a valid text"));
        let counter = counter.map(Counter);
        let hold = false;
        self.tell(session, Command::Send { address: to(address), body, counter, hold });
    }

    /// Says something that waits in the session until the other agrees.
    pub(crate) fn hold(&mut self, session: SessionId, address: &str, text: &str) {
        let body = Body::text(Text::parse(text).expect("a valid text"));
        self.tell(session, Command::Send { address: to(address), body, counter: None, hold: true });
    }

    /// A hello with a password or a registration, up to the work on the password.
    pub(crate) fn enter(&mut self, session: SessionId, name: &str, entry: Entry) {
        let fresh = token(session.slot());
        let (name, entry) = (Some(user(name)), Some(entry));
        self.tell(session, Command::Hello { name, instance: None, resume: None, fresh, entry });
    }

    pub(crate) fn passwords(&mut self, session: SessionId, outcome: PasswordOutcome) {
        self.input(Input::PasswordsDone { session, outcome });
    }

    /// A new account, with its first session, on a door with resume tokens. Takes the effects away.
    pub(crate) fn account(&mut self, name: &str) -> SessionId {
        let session = self.connect(true);
        self.enter(session, name, Entry::Register { password: password(), invite: None });
        self.passwords(session, PasswordOutcome::Made(credentials(name)));
        self.persist();
        self.take();
        session
    }

    /// The guest becomes an account. Takes the effects away.
    pub(crate) fn register(&mut self, session: SessionId) {
        self.tell(session, Command::Register { password: password(), invite: None });
        self.passwords(session, PasswordOutcome::Made(credentials("made")));
        self.persist();
        self.take();
    }

    /// A further session of an account. Takes the effects away.
    pub(crate) fn login(&mut self, name: &str) -> SessionId {
        let session = self.connect(true);
        self.log_in_on(session, name);
        self.persist();
        self.take();
        session
    }

    pub(crate) fn log_in_on(&mut self, session: SessionId, name: &str) {
        self.enter(session, name, Entry::Password(password()));
        self.passwords(session, PasswordOutcome::Checked(true));
    }

    /// A session comes back with the token that this session had.
    pub(crate) fn resume(&mut self, slot: u32) -> SessionId {
        let session = self.connect(true);
        self.hello_as(session, None, None, Some(token(slot)));
        session
    }

    /// Two users agree to a private chat. Takes the effects away.
    pub(crate) fn link(&mut self, one: SessionId, name: &str, two: SessionId, other: &str) {
        self.tell(one, Command::Ask { name: user(other) });
        self.tell(two, Command::Accept { name: user(name) });
        self.persist();
        self.take();
    }

    pub(crate) fn quit(&mut self, session: SessionId) {
        self.tell(session, Command::Quit);
    }

    /// The entries of the audit log: act, name and reason.
    pub(crate) fn audit(&self) -> Vec<String> {
        let entry = |record: &Record| match record {
            Record::Audit(entry) => {
                Some(format!("{} {} {}", entry.act.word(), entry.name, entry.reason))
            }
            _ => None,
        };
        self.records.iter().filter_map(entry).collect()
    }

    /// Some of what was asked to be persisted is durable.
    pub(crate) fn persist_some(&mut self, count: usize) {
        self.durable = self.records.len().min(self.durable + count);
        let rest = (self.records.len() - self.durable) as u64;
        self.input(Input::Persisted { upto: Ticket(self.ticket.0 - rest) });
    }

    /// The store fails, but had kept the first of what it was given.
    pub(crate) fn fail_with(&mut self, kept: usize) -> Vec<Survivor> {
        self.records.truncate(self.durable + kept);
        let survivor = |record: &Record| match record {
            Record::Event { event, send } => {
                Some(Survivor { event: Arc::clone(event), send: *send })
            }
            _ => None,
        };
        let survivors = self.records[self.durable..].iter().filter_map(survivor).collect();
        self.durable = self.records.len();
        self.input(Input::CommitFailed);
        survivors
    }

    /// Everything that was asked to be persisted is durable.
    pub(crate) fn persist(&mut self) {
        let upto = self.ticket;
        self.durable = self.records.len();
        self.input(Input::Persisted { upto });
    }

    pub(crate) fn lose(&mut self, session: SessionId) {
        self.input(Input::Disconnected { session, departure: Departure::Lost });
    }

    /// The messages that are asked for are read, as far as they are durable.
    pub(crate) fn read_messages(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            if let Effect::LoadMessage { session, room, seq, ref reacted } = effect {
                let reacted = reacted.as_ref().map(|(user, reaction)| (*user, reaction));
                let kept = &self.records[..self.durable];
                let message = fold::message(kept, room, seq, reacted);
                self.input(Input::MessageLoaded { session, message });
            } else {
                self.effects.push(effect);
            }
        }
    }

    /// What came out since the last time, in short words. Without the audit log, which has its own
    /// tests.
    pub(crate) fn take(&mut self) -> Vec<String> {
        let effects = std::mem::take(&mut self.effects);
        let is_audit = |effect: &&Effect| {
            matches!(
                effect,
                Effect::Persist { record: Record::Audit(_) | Record::AuditTrim { .. }, .. }
            )
        };
        effects.iter().filter(|effect| !is_audit(effect)).map(describe).collect()
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

//! A small server, exact in what a client can see: seqs, epochs, acknowledgements, windows of
//! repeated sends, catching up in pages, restarts, failed commits. Frames in, frames out.
#![allow(dead_code, clippy::unwrap_used)]

pub mod consent;
pub mod script;
pub mod world;

use hubbub_protocol::frame::*;
use hubbub_protocol::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub fn author(id: u64, name: &str) -> Author {
    Author { id: UserId(id), name: UserName::parse(name).unwrap() }
}
pub fn room(name: &str) -> RoomAddress {
    RoomAddress::Room(RoomName::parse(name).unwrap())
}
pub fn user(name: &str) -> RoomAddress {
    RoomAddress::User(UserName::parse(name).unwrap())
}
pub fn limits(sends_in_flight: u32) -> Limits {
    Limits { frame_bytes: 65_536, text_bytes: 4096, text_lines: 100, sends_in_flight, page: 100 }
}

fn slow_room() -> RoomInfo {
    RoomInfo {
        sort: RoomSort::Room,
        retention: Retention::Forever,
        topic: None,
        description: None,
        invite_only: false,
        key: false,
        moderated: false,
        secret: false,
        member_limit: None,
        slow_s: 1,
        pinned: Vec::new(),
        transcribed: false,
        role: None,
        created: WallMs(0),
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RoomKey {
    Named(String),
    Private(UserId, UserId),
}

pub struct Room {
    pub id: RoomId,
    pub key: RoomKey,
    pub events: Vec<Event>,
}

#[derive(Default)]
pub struct Session {
    pub user: Option<Author>,
    pub instance: Option<Instance>,
    pub out: VecDeque<ServerFrame>,
    /// Named rooms that the session is attached to.
    attached: BTreeSet<RoomId>,
    /// How far pages have come.
    catching: BTreeMap<RoomId, u64>,
}

#[derive(Default)]
pub struct Faults {
    /// In a hundred sends: refused as busy, refused as not stored, of those stored all the same.
    pub busy: u8,
    pub not_stored: u8,
    /// In a hundred private sends: refused, since as much waits for the other as may.
    pub away_full: u8,
    /// In a hundred joins.
    pub join_busy: u8,
    /// Everybody waits so long between two messages in a room, in milliseconds.
    pub slow_ms: u64,
    /// Positions farther back than this are too old.
    pub too_old: Option<u64>,
}

pub struct Server {
    pub epoch: u32,
    pub rooms: Vec<Room>,
    pub users: BTreeMap<String, (Author, ResumeToken)>,
    pub sessions: BTreeMap<u64, Session>,
    pub faults: Faults,
    members: BTreeSet<(RoomId, UserId)>,
    links: BTreeMap<(UserId, UserId), consent::Link>,
    windows: BTreeMap<Instance, BTreeMap<u64, (Position, WallMs)>>,
    next: u64,
    pub random: fastrand::Rng,
    pub now: MonoMs,
    /// In slow mode: when somebody may speak again.
    spoke: BTreeMap<(RoomId, String), MonoMs>,
}

impl Server {
    pub fn new(seed: u64) -> Self {
        Self {
            epoch: 1,
            rooms: Vec::new(),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            faults: Faults::default(),
            members: BTreeSet::new(),
            links: BTreeMap::new(),
            windows: BTreeMap::new(),
            next: 1,
            random: fastrand::Rng::with_seed(seed),
            now: MonoMs(0),
            spoke: BTreeMap::new(),
        }
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn restart(&mut self) {
        self.epoch += 1;
        self.sessions.clear();
        self.users.clear();
        self.members.clear();
        self.links.clear();
    }

    pub fn head(&self, room: RoomId) -> u64 {
        self.room(room).events.len() as u64
    }

    pub fn room(&self, id: RoomId) -> &Room {
        self.rooms.iter().find(|room| room.id == id).unwrap()
    }

    fn position(&self, id: RoomId) -> Position {
        let room = self.room(id);
        room.events
            .last()
            .map_or(Position { room: id, epoch: Epoch(self.epoch), seq: Seq(0) }, Event::position)
    }

    fn out(&mut self, session: u64, frame: ServerFrame) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.out.push_back(frame);
        }
    }

    fn error(&mut self, session: u64, id: Option<u64>, code: ErrorCode) {
        self.error_until(session, id, code, None);
    }

    fn error_until(
        &mut self,
        session: u64,
        id: Option<u64>,
        code: ErrorCode,
        wait_ms: Option<u64>,
    ) {
        let text = format!("{code:?}");
        self.out(
            session,
            ServerFrame::Error { id, code, next: code.next(), text, suggestion: None, wait_ms },
        );
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(0..100) < percent
    }

    pub fn handle(&mut self, session: u64, frame: ClientFrame) {
        let id = frame.id;
        match frame.request {
            Request::Hello { name, instance, resume, .. } => {
                self.hello(session, id, &name.unwrap(), instance, resume);
            }
            Request::Join { target, after, .. } => self.join(session, id, target, after),
            Request::Leave { room } => {
                let me = self.me(session);
                let key = RoomKey::Named(room.clone());
                if let Some(found) = self.rooms.iter().find(|r| r.key == key).map(|r| r.id) {
                    self.members.remove(&(found, me.id));
                    let session = self.sessions.get_mut(&session).unwrap();
                    session.attached.remove(&found);
                    session.catching.remove(&found);
                }
                self.out(session, ServerFrame::Left { id, room: RoomName::known(&room).unwrap() });
            }
            Request::Send { target, text, kind, counter, reply: _ } => {
                self.send(session, id, target, &text, kind, counter.unwrap());
            }
            Request::Accept { user } => self.decide(session, id, |s, me| s.accept(me, &user)),
            Request::Reject { user } => self.decide(session, id, |s, me| s.reject(me, &user)),
            Request::End { user } => self.decide(session, id, |s, me| s.end(me, &user)),
            Request::Ping => self.out(session, ServerFrame::Pong { id, time: WallMs(0) }),
            Request::Quit => {
                let code = CloseCode::Bye;
                let text = code.text().into();
                self.out(session, ServerFrame::Close { code, next: code.next(), text });
            }
            other => panic!("not modelled: {other:?}"),
        }
    }

    fn decide(
        &mut self,
        session: u64,
        id: Option<u64>,
        what: impl FnOnce(&mut Self, &Author) -> Result<(), ErrorCode>,
    ) {
        let me = self.me(session);
        match what(self, &me) {
            Ok(()) => self.out(session, ServerFrame::Done { id }),
            Err(code) => self.error(session, id, code),
        }
    }

    fn me(&self, session: u64) -> Author {
        self.sessions[&session].user.clone().unwrap()
    }

    fn hello(
        &mut self,
        session: u64,
        id: Option<u64>,
        name: &str,
        instance: Option<Instance>,
        resume: Option<ResumeToken>,
    ) {
        // A lost user without its token is gone at once here: holds are the real server's matter.
        let held = self.users.get(name).filter(|(_, token)| Some(*token) == resume).cloned();
        let resumed = held.is_some();
        let (me, token) = held.unwrap_or_else(|| {
            let fresh = self.fresh();
            (author(fresh, name), ResumeToken(u128::from(fresh).to_be_bytes()))
        });
        if let Some((old, _)) = self.users.insert(name.into(), (me.clone(), token))
            && old != me
        {
            self.is_gone(&old);
        }
        let mine = |room: &&Room| self.members.contains(&(room.id, me.id));
        let rooms = self.rooms.iter().filter(mine).filter_map(|room| match &room.key {
            RoomKey::Named(name) => Some(RoomName::known(name).unwrap()),
            RoomKey::Private(..) => None,
        });
        let others = self.rooms.iter().filter_map(|room| match room.key {
            RoomKey::Private(a, b) if !self.is_open(a, b) => None,
            RoomKey::Private(a, b) if a == me.id => Some(b),
            RoomKey::Private(a, b) if b == me.id => Some(a),
            _ => None,
        });
        let privates = others.filter_map(|other| {
            self.users
                .values()
                .find(|(user, _)| user.id == other)
                .map(|(user, _)| user.name.clone())
        });
        let welcome = ServerFrame::Welcome {
            highlights: Vec::new(),
            id,
            version: 1,
            server: "model".into(),
            user: me.clone(),
            resume: token,
            resumed,
            account: false,
            epoch: Epoch(self.epoch),
            lobby: RoomName::parse("lobby").unwrap(),
            rooms: rooms.collect(),
            privates: privates.collect(),
            limits: limits(32),
            time: WallMs(0),
        };
        let this = self.sessions.get_mut(&session).unwrap();
        this.user = Some(me);
        this.instance = instance;
        self.out(session, welcome);
    }

    fn resolve(&mut self, me: &Author, target: &Target, make: bool) -> Result<RoomId, ErrorCode> {
        let key = match target {
            Target::Room(name) => RoomKey::Named(name.clone()),
            Target::User(name) => {
                let (other, _) = self.users.get(name).ok_or(ErrorCode::NoSuchUser)?;
                RoomKey::Private(me.id.min(other.id), me.id.max(other.id))
            }
        };
        if let Some(room) = self.rooms.iter().find(|room| room.key == key) {
            return Ok(room.id);
        }
        if !make {
            return Err(ErrorCode::NoSuchRoom);
        }
        let id = RoomId(self.fresh());
        self.rooms.push(Room { id, key, events: Vec::new() });
        Ok(id)
    }

    fn join(&mut self, session: u64, id: Option<u64>, target: Target, after: Option<Position>) {
        if self.chance(self.faults.join_busy) {
            return self.error(session, id, ErrorCode::Busy);
        }
        let me = self.me(session);
        let found = match self.resolve(&me, &target, matches!(target, Target::Room(_))) {
            Ok(found) => found,
            Err(code) => return self.error(session, id, code),
        };
        if let RoomKey::Private(a, b) = self.room(found).key
            && !self.is_open(a, b)
        {
            return self.error(session, id, ErrorCode::NoSuchRoom);
        }
        self.members.insert((found, me.id));
        let head = self.position(found);
        let catch_up = match after {
            None => CatchUp::Live,
            Some(after) if after.room != found || after.seq > head.seq => CatchUp::Reset,
            Some(after)
                if self.faults.too_old.is_some_and(|old| after.seq.0 + old < head.seq.0) =>
            {
                CatchUp::Reset
            }
            Some(after) if after.seq == head.seq => CatchUp::Live,
            Some(_) => CatchUp::Pages,
        };
        let this = self.sessions.get_mut(&session).unwrap();
        this.attached.insert(found);
        this.catching.remove(&found);
        if let (CatchUp::Pages, Some(after)) = (catch_up, after) {
            this.catching.insert(found, after.seq.0);
        }
        let (retention, members, created) = (Retention::Forever, 1, false);
        self.out(
            session,
            ServerFrame::Joined {
                info: (self.faults.slow_ms > 0).then(|| Box::new(slow_room())),
                id,
                target,
                head,
                catch_up,
                retention,
                members,
                created,
                read: None,
                draft: None,
            },
        );
    }

    fn send(
        &mut self,
        session: u64,
        id: Option<u64>,
        target: Target,
        text: &str,
        kind: MessageKind,
        counter: Counter,
    ) {
        let instance = self.sessions[&session].instance.unwrap();
        let window = self.windows.entry(instance).or_default();
        if let Some(&(position, time)) = window.get(&counter.0) {
            return self.out(session, ServerFrame::Sent { id, position, time, repeated: true });
        }
        let high = window.keys().next_back().copied().unwrap_or(0);
        assert!(counter.0 + limits::INSTANCE_WINDOW > high, "stale counter {counter} after {high}");
        if self.chance(self.faults.busy) {
            return self.error(session, id, ErrorCode::Busy);
        }
        let me = self.me(session);
        if let Target::User(name) = &target {
            if let Err(code) = self.consent(&me, name) {
                return self.error(session, id, code);
            }
            if self.chance(self.faults.away_full) {
                return self.error(session, id, ErrorCode::AwayFull);
            }
        }
        let found = match self.resolve(&me, &target, matches!(target, Target::User(_))) {
            Ok(found) => found,
            Err(_) if matches!(target, Target::Room(_)) => {
                return self.error(session, id, ErrorCode::NotMember);
            }
            Err(code) => return self.error(session, id, code),
        };
        if matches!(target, Target::Room(_)) && !self.members.contains(&(found, me.id)) {
            return self.error(session, id, ErrorCode::NotMember);
        }
        if self.faults.slow_ms > 0 && matches!(target, Target::Room(_)) {
            let key = (found, me.name.to_string());
            let next = self.spoke.get(&key).copied().unwrap_or_default();
            if self.now < next {
                let wait_ms = Some(next.0 - self.now.0);
                return self.error_until(session, id, ErrorCode::TooFast, wait_ms);
            }
            self.spoke.insert(key, self.now.plus(self.faults.slow_ms));
        }
        let failed = self.chance(self.faults.not_stored);
        if failed && self.random.bool() {
            self.epoch += 1;
            return self.error(session, id, ErrorCode::NotStored);
        }
        let time = WallMs(self.fresh());
        let text = Text::parse(text).unwrap();
        let body = match kind {
            MessageKind::Text => Body::text(text),
            MessageKind::Action => Body::action(text),
        };
        let (epoch, seq) = (Epoch(self.epoch), Seq(self.head(found) + 1));
        let event = Event { room: found, epoch, seq, time, from: me, body };
        let position = event.position();
        self.windows.get_mut(&instance).unwrap().insert(counter.0, (position, time));
        self.rooms.iter_mut().find(|room| room.id == found).unwrap().events.push(event.clone());
        if failed {
            // The commit looked failed and was not: the message comes live, to its sender as well.
            self.epoch += 1;
            self.error(session, id, ErrorCode::NotStored);
            self.deliver(&target, &event, None);
        } else {
            self.deliver(&target, &event, Some(session));
            self.out(session, ServerFrame::Sent { id, position, time, repeated: false });
        }
    }

    fn deliver(&mut self, target: &Target, event: &Event, except: Option<u64>) {
        let key = self.room(event.room).key.clone();
        for (&number, session) in &mut self.sessions {
            let Some(me) = &session.user else { continue };
            let is_in = match &key {
                RoomKey::Named(_) => session.attached.contains(&event.room),
                RoomKey::Private(a, b) => [*a, *b].contains(&me.id),
            };
            if is_in && Some(number) != except && !session.catching.contains_key(&event.room) {
                let (target, event) = (target.clone(), event.clone());
                session.out.push_back(ServerFrame::Message { target, event });
            }
        }
    }

    /// One page, or the end, of one catching-up; whether there was any.
    pub fn page(&mut self, session: u64) -> bool {
        let Some(this) = self.sessions.get(&session) else { return false };
        let Some((&room, &done)) = this.catching.iter().next() else { return false };
        let head = self.position(room);
        if done == head.seq.0 {
            self.sessions.get_mut(&session).unwrap().catching.remove(&room);
            self.out(session, ServerFrame::Live { head });
        } else {
            let end = (done + self.random.u64(1..4)).min(head.seq.0);
            let events = self.room(room).events[done as usize..end as usize].to_vec();
            self.sessions.get_mut(&session).unwrap().catching.insert(room, end);
            self.out(session, ServerFrame::Page { room_id: room, events });
        }
        true
    }
}

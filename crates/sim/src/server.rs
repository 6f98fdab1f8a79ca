//! The simulated server: the production hub, gate, doors and outboxes, with the lanes', the
//! committer's and the readers' work cut into steps that the world runs when it likes.

mod chosen;
mod planted;
mod work;

use crate::link::Link;
use crate::{Options, Plant};
use hubbub_hub::{
    Arrival, Command, Delivery, Departure, Effect, Hub, HubConfig, Input, Notice, PasswordWork,
    Reply, Tag, Ticket,
};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::record::Record;
use hubbub_protocol::{
    CloseCode, Event, MonoMs, Now, Position, PrivatePolicy, ResumeToken, RoomAddress, RoomId,
    SessionId, UserId, limits,
};
use hubbub_server::admit::{Asked, Gate};
use hubbub_server::door::{Door, Encoded, native::Native, plain::Plain};
use hubbub_server::outbox::{Budget, Outbox, OutboxLimits};
use hubbub_server::sniff::{Spoken, sniff};
use hubbub_server::{Hits, Job};
use hubbub_store::sqlite::{Durability, SqliteConfig, SqliteStore};
use hubbub_store::{HistoryPage, Reader, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Lanes, which lag behind each other.
pub(crate) const LANES: usize = 2;
/// Caps small enough to be felt.
pub(crate) const LIMITS: OutboxLimits =
    OutboxLimits { bytes: 96 * 1024, frames: 64, age_ms: 8_000 };
/// Bytes in an outbox above which paced answers wait.
const PACED_BYTES: usize = 4 * 1024;

/// A step that the world is to run soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Drain(usize),
    Commit,
    Read,
    Password,
}

enum Item {
    Reply { session: SessionId, tag: Tag, reply: Reply },
    History { session: SessionId, tag: Tag, address: RoomAddress, page: HistoryPage },
    Found { session: SessionId, tag: Tag, found: Hits },
    Deliver { room: RoomId, delivery: Delivery, except: Option<SessionId> },
    Subscribe { session: SessionId, room: RoomId },
    Unsubscribe { session: SessionId, room: RoomId },
    Page { session: SessionId, room: RoomId, events: Vec<Arc<Event>>, paced: bool },
    Live { session: SessionId, head: Position },
    Tell { session: SessionId, notice: Notice },
    Close { session: SessionId, code: CloseCode },
}

struct Conn {
    link: u64,
    door: Option<Door>,
    lines: LineBuffer,
    gate: Gate,
    outbox: Outbox,
    paced: Vec<RoomId>,
    follow_up: Option<Command>,
    fresh: [ResumeToken; 2],
    /// It was too fast: nothing more of it is looked at until then.
    rests_until: Option<MonoMs>,
    closing: bool,
}

/// One run of the server, from a start to a crash.
pub(crate) struct Server {
    hub: Hub,
    store: SqliteStore,
    reader: Box<dyn Reader>,
    conns: BTreeMap<SessionId, Conn>,
    subscribers: BTreeMap<RoomId, BTreeSet<SessionId>>,
    lanes: [VecDeque<Item>; LANES],
    records: Vec<Record>,
    newest: Ticket,
    /// The batch that is being written, or failed.
    batch: Vec<Record>,
    jobs: VecDeque<Job>,
    /// Who was welcomed where.
    welcomed: BTreeMap<SessionId, UserId>,
    /// Who has made which room, for the checker to take.
    pub(crate) made: Vec<(RoomId, UserId)>,
    passwords: VecDeque<(SessionId, PasswordWork)>,
    budget: Arc<Budget>,
    opened: u32,
    deliveries: u64,
    sends: u64,
    held_back: Option<Delivery>,
    pub(crate) wants: Vec<Want>,
    pub(crate) now: Now,
    plant: Option<Plant>,
    /// What the operator has chosen. In a tight world they choose otherwise now and then.
    config: HubConfig,
    is_tight: bool,
}

impl Server {
    pub(crate) fn start(now: Now, vfs: &str, options: &Options) -> Result<Self, StoreError> {
        let plant = options.plant;
        let mut config = SqliteConfig::new("hubbub.db");
        config.vfs = Some(vfs.to_owned());
        // A small log, so that runs meet checkpoints.
        config.wal_bytes = 256 * 1024;
        if plant == Some(Plant::NoSync) {
            config.durability = Durability::Unsafe;
        }
        let mut store = SqliteStore::open(config)?;
        let loaded = store.load()?;
        let epoch = store.raise_epoch()?;
        let reader = store.reader()?;
        let mut effects = Vec::new();
        let mut hub_config =
            HubConfig { empty_room_ms: 3_000, resume_hold_ms: 4_000, ..Default::default() };
        hub_config.limits = chosen::limits(options.tight);
        // Half of all starts, as chance has it.
        if now.wall.0.is_multiple_of(2) {
            hub_config.retention = Retention::Days(1);
        }
        if plant == Some(Plant::IgnoreConsent) {
            hub_config.private = PrivatePolicy::Open;
        }
        let config = hub_config.clone();
        let hub = Hub::new(hub_config, epoch, loaded.snapshot, &mut effects);
        let mut server = Self {
            hub,
            store,
            reader,
            conns: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            lanes: Default::default(),
            records: Vec::new(),
            newest: Ticket(0),
            batch: Vec::new(),
            jobs: VecDeque::new(),
            welcomed: BTreeMap::new(),
            made: Vec::new(),
            passwords: VecDeque::new(),
            budget: Budget::new(usize::MAX),
            opened: 0,
            deliveries: 0,
            sends: 0,
            held_back: None,
            wants: Vec::new(),
            now,
            plant,
            config,
            is_tight: options.tight,
        };
        server.carry_out(effects);
        Ok(server)
    }

    // ---- the hub

    pub(crate) fn drive(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let effect = match Job::of(effect) {
                Ok(job) => {
                    self.job(job);
                    continue;
                }
                Err(effect) => effect,
            };
            match effect {
                // A job, and taken above.
                Effect::Read { .. }
                | Effect::ReadHistory { .. }
                | Effect::LoadMessage { .. }
                | Effect::FindExpired { .. }
                | Effect::Search { .. }
                | Effect::LoadSends { .. } => {}
                Effect::Persist { ticket, record } => {
                    self.newest = ticket;
                    self.records.push(self.altered(record));
                    self.wants.push(Want::Commit);
                }
                Effect::Deliver { room, delivery, except } => {
                    for lane in 0..LANES {
                        let delivery = delivery.clone();
                        self.give(lane, Item::Deliver { room, delivery, except });
                    }
                }
                Effect::Reply { session, tag, reply } => {
                    self.note_makers(session, &reply);
                    self.give(session.lane(), Item::Reply { session, tag, reply });
                }
                Effect::Subscribe { session, room } => {
                    self.give(session.lane(), Item::Subscribe { session, room });
                }
                Effect::Unsubscribe { session, room } => {
                    self.give(session.lane(), Item::Unsubscribe { session, room });
                }
                Effect::Page { session, room, events, paced } => {
                    self.give(session.lane(), Item::Page { session, room, events, paced });
                }
                Effect::Live { session, head } => {
                    self.give(session.lane(), Item::Live { session, head });
                }
                Effect::Rest { session, ms } => {
                    let until = Some(self.now.mono.plus(ms));
                    if let Some(conn) = self.conns.get_mut(&session) {
                        conn.rests_until = conn.rests_until.max(until);
                    }
                }
                Effect::Tell { session, notice } => {
                    self.give(session.lane(), Item::Tell { session, notice });
                }
                Effect::Passwords { session, work } => {
                    self.passwords.push_back((session, work));
                    self.wants.push(Want::Password);
                }
                // The operator looks at no answer, nobody is an admin, and nothing is transcribed.
                Effect::AdminReply { .. }
                | Effect::Manage { .. }
                | Effect::SetUp
                | Effect::Transcribe { .. } => {}
                Effect::Close { session, code } => {
                    self.give(session.lane(), Item::Close { session, code });
                }
            }
        }
    }

    /// Who makes a room owns it.
    fn note_makers(&mut self, session: SessionId, reply: &Reply) {
        match reply {
            Reply::Welcome { user, .. } => {
                self.welcomed.insert(session, user.id);
            }
            Reply::Joined { head, created: true, .. } => {
                self.made.extend(self.welcomed.get(&session).map(|user| (head.room, *user)));
            }
            _ => {}
        }
    }

    fn give(&mut self, lane: usize, item: Item) {
        self.lanes[lane].push_back(item);
        self.wants.push(Want::Drain(lane));
    }

    fn job(&mut self, job: Job) {
        self.jobs.push_back(job);
        self.wants.push(Want::Read);
    }

    // ---- connections

    pub(crate) fn accept(&mut self, link: u64, fresh: [ResumeToken; 2]) -> SessionId {
        self.opened += 1;
        let lane = u8::try_from(self.opened as usize % LANES).expect("few lanes");
        let session = SessionId::new(lane, self.opened, self.opened);
        let conn = Conn {
            link,
            door: None,
            lines: LineBuffer::default(),
            gate: Gate::default(),
            outbox: Outbox::new(Arc::clone(&self.budget)),
            paced: Vec::new(),
            follow_up: None,
            fresh,
            rests_until: None,
            closing: false,
        };
        self.conns.insert(session, conn);
        session
    }

    /// The connection broke. The server may notice late.
    pub(crate) fn broken(&mut self, session: SessionId) {
        if self.conns.remove(&session).is_some() {
            self.forget(session);
            self.drive(Input::Disconnected { session, departure: Departure::Lost });
        }
    }

    fn forget(&mut self, session: SessionId) {
        for sessions in self.subscribers.values_mut() {
            sessions.remove(&session);
        }
    }

    pub(crate) fn receive(&mut self, session: SessionId, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(&session) else { return };
        if conn.closing {
            return;
        }
        conn.lines.push(bytes);
        if conn.door.is_none() {
            let door = match sniff(conn.lines.waiting()) {
                None => return,
                Some(Spoken::Native) => Door::Native(Native::new(conn.fresh)),
                Some(_) => {
                    let mut door = Plain::new(conn.fresh);
                    door.take_passwords(true);
                    Door::Plain(Box::new(door))
                }
            };
            let peer = ([127, 0, 0, 1], 1).into();
            let arrival = Arrival {
                peer,
                door: door.kind(),
                resumable: door.is_resumable(),
                is_private: true,
            };
            conn.door = Some(door);
            self.drive(Input::Connected { session, arrival });
        }
        self.serve(session);
    }

    fn serve(&mut self, session: SessionId) {
        while let Some(conn) = self.conns.get_mut(&session) {
            if !conn.gate.is_open() || conn.closing || conn.rests_until.is_some() {
                return;
            }
            let Some(door) = conn.door.as_mut() else { return };
            let asked = match conn.lines.next_line() {
                Some(Line::Whole(line)) => door.decode(line),
                Some(Line::TooLong) => Some(door.too_long(limits::FRAME_BYTES)),
                None => return,
            };
            if let Some(asked) = asked.and_then(|asked| conn.gate.offer(asked)) {
                self.ask(session, asked);
            }
        }
    }

    fn ask(&mut self, session: SessionId, asked: Asked) {
        match asked {
            Asked::Command(tag, command) => {
                let command = self.tampered(command);
                self.drive(Input::Command { session, tag, command });
            }
            Asked::Refused(tag, refusal) => self.say(session, |door, out| {
                door.reply(tag, Reply::Refused(refusal), out);
            }),
            Asked::Answer(bytes) => self.say(session, |_, out| out.extend_from_slice(&bytes)),
        }
    }

    fn answered(&mut self, session: SessionId) {
        let Some(conn) = self.conns.get_mut(&session) else { return };
        if let Some(asked) = conn.gate.answered() {
            self.ask(session, asked);
        }
        self.serve(session);
    }

    fn say(&mut self, session: SessionId, speak: impl FnOnce(&mut Door, &mut Vec<u8>)) {
        let Some(conn) = self.conns.get_mut(&session) else { return };
        let Some(door) = conn.door.as_mut().filter(|_| !conn.closing) else { return };
        let mut out = Vec::new();
        speak(door, &mut out);
        self.queue(session, out);
    }

    fn queue(&mut self, session: SessionId, bytes: Vec<u8>) {
        let limits = match self.plant {
            Some(Plant::NoCaps) => {
                OutboxLimits { bytes: usize::MAX, frames: usize::MAX, age_ms: u64::MAX }
            }
            _ => LIMITS,
        };
        let Some(conn) = self.conns.get_mut(&session) else { return };
        if bytes.is_empty() || conn.closing || conn.outbox.push(bytes.into(), &limits).is_ok() {
            return;
        }
        self.too_slow(session);
    }

    fn too_slow(&mut self, session: SessionId) {
        let Some(conn) = self.conns.get_mut(&session).filter(|conn| !conn.closing) else { return };
        let mut last = Vec::new();
        if let Some(door) = &mut conn.door {
            door.close(CloseCode::Slow, &mut last);
        }
        conn.outbox.replace_with(last.into());
        conn.closing = true;
        self.forget(session);
        self.drive(Input::Disconnected { session, departure: Departure::Lost });
    }

    /// Time passed.
    pub(crate) fn tick(&mut self) {
        self.drive(Input::Tick);
        self.choose();
        let now: MonoMs = self.now.mono;
        let is_over = |conn: &Conn| conn.rests_until.is_some_and(|until| until <= now);
        let rested = self.conns.iter().filter(|(_, conn)| is_over(conn));
        for session in rested.map(|(session, _)| *session).collect::<Vec<_>>() {
            if let Some(conn) = self.conns.get_mut(&session) {
                conn.rests_until = None;
            }
            self.serve(session);
        }
        let old: Vec<SessionId> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.outbox.is_too_old(now, &LIMITS))
            .map(|(session, _)| *session)
            .collect();
        if self.plant != Some(Plant::NoCaps) {
            old.into_iter().for_each(|session| self.too_slow(session));
        }
    }

    /// What in the hub's memory does not fit together.
    pub(crate) fn inconsistency(&self) -> Option<String> {
        self.hub.inconsistency()
    }

    /// The largest outboxes: most bytes and most frames.
    pub(crate) fn largest_outbox(&self) -> (usize, usize) {
        let sizes = self.conns.values().map(|conn| (conn.outbox.bytes(), conn.outbox.frames()));
        sizes.fold((0, 0), |most, size| (most.0.max(size.0), most.1.max(size.1)))
    }

    /// Whether nothing waits for the store or a lane.
    pub(crate) fn is_idle(&self) -> bool {
        self.records.is_empty()
            && self.batch.is_empty()
            && self.jobs.is_empty()
            && self.passwords.is_empty()
            && self.lanes.iter().all(VecDeque::is_empty)
    }

    // ---- lanes

    /// A lane does what is in its inbox now.
    pub(crate) fn drain(&mut self, lane: usize) {
        for item in std::mem::take(&mut self.lanes[lane]) {
            self.process(lane, item);
        }
    }

    fn process(&mut self, lane: usize, item: Item) {
        match item {
            Item::Reply { session, tag, reply } => {
                let mut follow_up = None;
                self.say(session, |door, out| follow_up = door.reply(tag, reply, out));
                match (follow_up, self.conns.get_mut(&session)) {
                    (Some(command), Some(conn)) => conn.follow_up = Some(command),
                    _ => self.answered(session),
                }
            }
            Item::History { session, tag, address, page } => {
                self.say(session, |door, out| door.history(tag, &address, page, out));
                self.answered(session);
            }
            Item::Found { session, tag, found } => {
                self.say(session, |door, out| door.found(tag, found, out));
                self.answered(session);
            }
            Item::Deliver { room, delivery, except } => self.deliver(lane, room, delivery, except),
            Item::Subscribe { session, room } => {
                if self.conns.get(&session).is_some_and(|conn| !conn.closing) {
                    self.subscribers.entry(room).or_default().insert(session);
                }
            }
            Item::Unsubscribe { session, room } => {
                if self.plant != Some(Plant::DeliverAfterLeave)
                    && let Some(sessions) = self.subscribers.get_mut(&room)
                {
                    sessions.remove(&session);
                }
            }
            Item::Page { session, room, events, paced } => {
                self.say(session, |door, out| door.page(room, &events, out));
                if let Some(conn) = self.conns.get_mut(&session).filter(|_| paced) {
                    conn.paced.push(room);
                }
            }
            Item::Tell { session, notice } => {
                self.say(session, |door, out| door.notice(notice, out));
            }
            Item::Live { session, head } => self.say(session, |door, out| door.live(head, out)),
            Item::Close { session, code } => {
                self.say(session, |door, out| door.close(code, out));
                self.forget(session);
                if let Some(conn) = self.conns.get_mut(&session) {
                    conn.closing = true;
                }
            }
        }
    }

    fn deliver(
        &mut self,
        lane: usize,
        room: RoomId,
        delivery: Delivery,
        except: Option<SessionId>,
    ) {
        self.deliveries += 1;
        let now_and_then = self.deliveries.is_multiple_of(17);
        let delivery = match self.plant {
            Some(Plant::DropDelivery) if now_and_then => return,
            Some(Plant::SwapDelivery) if lane == 0 => self.swapped(delivery),
            _ => delivery,
        };
        let mut sessions: Vec<SessionId> = self
            .subscribers
            .get(&room)
            .map_or_else(Vec::new, |sessions| sessions.iter().copied().collect());
        if self.plant == Some(Plant::CrossRooms) && now_and_then {
            sessions.extend(self.subscribers.values().flatten().copied());
        }
        let mut encoded = Encoded::default();
        for session in sessions {
            if session.lane() != lane || except == Some(session) {
                continue;
            }
            let Some(door) = self.conns.get(&session).and_then(|conn| conn.door.as_ref()) else {
                continue;
            };
            let frame = encoded.get(door.variant(room), &delivery).to_vec();
            if self.plant == Some(Plant::DoubleDelivery) && now_and_then {
                self.queue(session, frame.clone());
            }
            self.queue(session, frame);
        }
    }

    /// Moves bytes from an outbox to its link, as far as there is room. True if the server is done
    /// with the connection.
    pub(crate) fn flush(&mut self, session: SessionId, link: &mut Link) -> bool {
        loop {
            let Some(conn) = self.conns.get_mut(&session) else { return true };
            while !conn.outbox.is_empty() && link.down_room() > 0 {
                let mut bytes = Vec::new();
                conn.outbox.gather(&mut bytes, link.down_room());
                let taken = bytes.len().min(link.down_room());
                link.down.extend(&bytes[..taken]);
                conn.outbox.taken(taken);
            }
            conn.outbox.blocked(self.now.mono);
            if conn.closing {
                if conn.outbox.is_empty() {
                    self.conns.remove(&session);
                    return true;
                }
                return false;
            }
            if conn.outbox.bytes() > PACED_BYTES {
                return false;
            }
            let (rooms, follow_up) = (std::mem::take(&mut conn.paced), conn.follow_up.take());
            if rooms.is_empty() && follow_up.is_none() {
                return false;
            }
            for room in rooms {
                self.drive(Input::PageTaken { session, room });
            }
            if let Some(command) = follow_up {
                self.drive(Input::Command { session, tag: None, command });
            }
        }
    }

    /// The sessions and their links.
    pub(crate) fn links(&self) -> Vec<(SessionId, u64)> {
        self.conns.iter().map(|(session, conn)| (*session, conn.link)).collect()
    }
}

//! The way without sockets: the production hub and store, driven as `hub_loop.rs` and `commit.rs` of
//! the server do it — the hub behind a lock, a thread that commits what has queued up meanwhile and
//! tells the hub. What is delivered is counted and thrown away.

use super::timed_store::{TimedStore, Times};
use super::{Way, room_name};
use crate::Result;
use hubbub_hub::{Arrival, Command, Effect, Hub, HubConfig, Input, Reply, Ticket};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::Record;
use hubbub_protocol::{
    Body, Counter, DoorKind, Instance, MonoMs, Now, ResumeToken, RoomAddress, RoomName, SessionId,
    Text, UserName, WallMs,
};
use hubbub_store::Store;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// As in the server.
const BATCH_MAX: usize = 1024;

/// Hub, store, and the thread between them.
pub(super) struct HubAlone {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    times: Times,
    addresses: Vec<RoomAddress>,
    /// What was to be said since the last exchange.
    said: Vec<Input>,
}

struct Shared {
    /// Taken before the others.
    hub: Mutex<Driven>,
    queue: Mutex<Queue>,
    queued: Condvar,
    answers: Mutex<Answers>,
    answered: Condvar,
    started: Instant,
}

struct Driven {
    hub: Hub,
    effects: Vec<Effect>,
}

#[derive(Default)]
struct Queue {
    records: Vec<Record>,
    newest: Ticket,
    is_closed: bool,
}

#[derive(Default)]
struct Answers {
    sessions: Vec<usize>,
    trouble: Option<String>,
}

impl HubAlone {
    pub(super) fn start(data: &Path, sessions: u32, members: u32) -> Result<Self> {
        let times = Times::default();
        let mut store = TimedStore::open(data, times.clone())?;
        let epoch = store.raise_epoch()?;
        let mut effects = Vec::new();
        let hub = Hub::new(HubConfig::default(), epoch, store.load()?.snapshot, &mut effects);
        let shared = Arc::new(Shared {
            hub: Mutex::new(Driven { hub, effects }),
            queue: Mutex::default(),
            queued: Condvar::new(),
            answers: Mutex::default(),
            answered: Condvar::new(),
            started: Instant::now(),
        });
        let mut addresses = Vec::new();
        for number in 0..sessions {
            let room = RoomName::parse(&room_name(number, members))?;
            shared.enter(number, &room)?;
            addresses.push(RoomAddress::Room(room));
        }
        let committing = Arc::clone(&shared);
        let committer = std::thread::Builder::new().name("commit".into());
        let committer = Some(committer.spawn(move || committing.commit_all(store))?);
        Ok(Self { shared, committer, times, addresses, said: Vec::new() })
    }
}

impl Drop for HubAlone {
    fn drop(&mut self) {
        lock(&self.shared.queue).is_closed = true;
        self.shared.queued.notify_all();
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}

impl Way for HubAlone {
    fn send(&mut self, session: usize, counter: u64, text: &str) -> Result<()> {
        let body = Body::text(Text::parse(text)?);
        let counter = Some(Counter(counter));
        let command =
            Command::Send { address: self.addresses[session].clone(), body, counter, hold: false };
        let session = session_id(u32::try_from(session)?);
        self.said.push(Input::Command { session, tag: None, command });
        Ok(())
    }

    fn exchange(&mut self, limit: Duration, answered: &mut Vec<usize>) -> Result<()> {
        for input in self.said.drain(..) {
            self.shared.drive(input);
        }
        let answers = lock(&self.shared.answers);
        let nothing =
            |answers: &mut Answers| answers.sessions.is_empty() && answers.trouble.is_none();
        let (mut answers, _) = self
            .shared
            .answered
            .wait_timeout_while(answers, limit, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(trouble) = answers.trouble.take() {
            return Err(trouble.into());
        }
        std::mem::swap(&mut answers.sessions, answered);
        Ok(())
    }

    fn commits(&mut self) -> (Vec<Duration>, usize) {
        self.times.take()
    }
}

impl Shared {
    fn enter(&self, number: u32, room: &RoomName) -> Result<()> {
        let session = session_id(number);
        let spread =
            (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let arrival = Arrival { peer, door: DoorKind::Native, resumable: true, is_private: true };
        self.drive(Input::Connected { session, arrival });
        let hello = Command::Hello {
            name: Some(UserName::parse(&format!("user{number:05}"))?),
            instance: Some(Instance(spread.to_be_bytes())),
            resume: None,
            fresh: ResumeToken(spread.to_le_bytes()),
            entry: None,
        };
        let address = RoomAddress::Room(room.clone());
        let join = Command::Join {
            address,
            after: None,
            retention: Some(Retention::Forever),
            secret: None,
        };
        for command in [hello, join] {
            self.drive(Input::Command { session, tag: None, command });
        }
        lock(&self.answers).trouble.take().map_or(Ok(()), |trouble| Err(trouble.into()))
    }

    fn drive(&self, input: Input) {
        let mut driven = lock(&self.hub);
        let Driven { hub, effects } = &mut *driven;
        hub.handle(self.now(), input, effects);
        let mut later = Vec::new();
        for effect in effects.drain(..) {
            self.carry_out(effect, &mut later);
        }
        drop(driven);
        for input in later {
            self.drive(input);
        }
    }

    fn carry_out(&self, effect: Effect, later: &mut Vec<Input>) {
        match effect {
            Effect::Persist { ticket, record } => {
                let mut queue = lock(&self.queue);
                queue.records.push(record);
                queue.newest = ticket;
                if queue.records.len() == 1 {
                    self.queued.notify_one();
                }
            }
            Effect::Reply { session, reply: Reply::Sent { .. }, .. } => {
                let mut answers = lock(&self.answers);
                answers.sessions.push(session.slot() as usize);
                if answers.sessions.len() == 1 {
                    self.answered.notify_one();
                }
            }
            Effect::Reply { reply: Reply::Refused(refusal), .. } => {
                lock(&self.answers).trouble = Some(format!("refused: {}", refusal.text));
            }
            Effect::LoadSends { session, instance } => {
                // The store is new: nobody has sent anything yet.
                later.push(Input::SendsLoaded { session, instance, sends: Some(Vec::new()) });
            }
            _ => {}
        }
    }

    fn commit_all(&self, mut store: TimedStore) {
        let mut batch = Vec::new();
        while let Some(upto) = self.take(&mut batch) {
            if let Err(error) = store.commit(&batch) {
                lock(&self.answers).trouble = Some(error.to_string());
                self.answered.notify_one();
                return;
            }
            self.drive(Input::Persisted { upto });
        }
    }

    fn take(&self, batch: &mut Vec<Record>) -> Option<Ticket> {
        batch.clear();
        let waits = |queue: &mut Queue| queue.records.is_empty() && !queue.is_closed;
        let mut queue = self
            .queued
            .wait_while(lock(&self.queue), waits)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.records.is_empty() {
            return None;
        }
        let rest = queue.records.len().saturating_sub(BATCH_MAX);
        if rest == 0 {
            std::mem::swap(batch, &mut queue.records);
        } else {
            batch.extend(queue.records.drain(..BATCH_MAX));
        }
        Some(Ticket(queue.newest.0 - rest as u64))
    }

    fn now(&self) -> Now {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
        Now { wall: WallMs(wall), mono: MonoMs(millis(self.started.elapsed())) }
    }
}

fn session_id(number: u32) -> SessionId {
    SessionId::new(0, 1, number)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

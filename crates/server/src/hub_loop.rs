//! Drives the hub: one input at a time, effects carried out in one order.
//!
//! The hub sits behind a short lock; whoever has an input drives it: a lane with a command, the
//! committer with `Persisted`, a reader with a page. So a message needs no hop to a hub thread.
//! Effects enter the lanes' inboxes and the commit queue while the lock is held, else a room's order
//! could break; the lanes are woken after it is released.
//!
//! Lock order: `hub` before a lane's inbox, the queues (commit, reading, passwords, transcripts) or the
//! operator's questions.

use crate::clock::Clock;
use crate::commit::CommitQueue;
use crate::fanout::Fanout;
use crate::lane::{Inbox, ToLane};
use crate::managing::{ManagerQueue, ToManager, not_taken};
use crate::metrics::{Counters, is_said, is_words};
use crate::passwords::PasswordQueue;
use crate::reading::{Job, ReadingQueue};
use crate::transcripts::TranscriptQueue;
use hubbub_hub::{
    AdminCommand, AdminReply, Delivery, Effect, Figures, Hub, Input, PasswordOutcome, Ticket,
};
use hubbub_protocol::record::Record;
use hubbub_protocol::{RoomId, Seq, SessionId};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::oneshot;

/// How long the operator waits for an answer: that of a slow disk, not of one that fails.
const ADMIN_WAIT: Duration = Duration::from_secs(4);
/// How long those wait for the hub who only want to know how it is.
const FIGURES_WAIT: Duration = Duration::from_millis(200);
/// So many messages of a batch are looked at to find out when one was taken. One that is not among them,
/// as of a room without history, waited behind others, and is not measured.
const TAKEN_LOOKED_AT: usize = 64;
/// Between two of their tries.
const FIGURES_PAUSE: Duration = Duration::from_millis(1);

/// The hub and everything that carries its effects out.
#[derive(Debug)]
pub(crate) struct HubLoop {
    hub: Mutex<Driven>,
    lanes: Vec<Arc<Inbox>>,
    commits: Arc<CommitQueue>,
    reading: Arc<ReadingQueue>,
    passwords: Arc<PasswordQueue>,
    transcripts: Arc<TranscriptQueue>,
    admin: Mutex<FxHashMap<u64, oneshot::Sender<AdminOutcome>>>,
    admin_requests: AtomicU64,
    managing: ManagerQueue,
    counters: Arc<Counters>,
    /// How many inputs the hub had.
    inputs: AtomicU64,
}

type AdminOutcome = Result<AdminReply, String>;

#[derive(Debug)]
struct Driven {
    hub: Hub,
    fanout: Fanout,
    effects: Vec<Effect>,
    taken: Taken,
}

/// When messages were taken that are on their way through the store, to say how long they took.
#[derive(Debug, Default)]
struct Taken {
    /// In the order of their tickets.
    waiting: VecDeque<(Ticket, Moment)>,
    /// Those of the batch that was persisted just now.
    due: VecDeque<Moment>,
    /// For a message that never waits: when it was taken. 0: nobody knows.
    else_us: u64,
}

/// A message, and when it was taken, in microseconds of our clock.
type Moment = (RoomId, Seq, u64);

impl Taken {
    /// An input comes.
    fn begin(&mut self, input: &Input, now_us: u64) {
        self.due.clear();
        self.else_us = 0;
        match input {
            Input::Command { .. } | Input::MessageLoaded { .. } => self.else_us = now_us,
            Input::Persisted { upto } => {
                let is_due = |entry: &&(Ticket, Moment)| entry.0 <= *upto;
                let due = self.waiting.iter().take_while(is_due).count();
                self.due.extend(self.waiting.drain(..due).map(|(_, moment)| moment));
            }
            // What was taken before has another way now, and is not measured.
            Input::CommitFailed => self.waiting.clear(),
            _ => {}
        }
    }

    fn note(&mut self, ticket: Ticket, record: &Record) {
        if self.else_us > 0
            && let Record::Event { event, .. } = record
            && is_words(&event.body)
        {
            self.waiting.push_back((ticket, (event.room, event.seq, self.else_us)));
        }
    }

    /// When this was taken; 0: it is no message, or nobody knows. What comes out does so in the order in
    /// which it went in, so this looks at few.
    fn of(&mut self, delivery: &Delivery) -> u64 {
        let Delivery::Message { event, .. } = delivery else { return 0 };
        if !is_said(delivery) {
            return 0;
        }
        let is_it = |(room, seq, _): &Moment| (*room, *seq) == (event.room, event.seq);
        match self.due.iter().take(TAKEN_LOOKED_AT).position(is_it) {
            Some(at) => self.due.drain(..=at).next_back().map_or(0, |(.., us)| us),
            None => self.else_us,
        }
    }
}

/// What one input leaves to be done after the lock is released.
#[derive(Debug, Default)]
struct Left {
    /// The lanes to wake, as bits.
    wake: u64,
    /// Sessions whose passwords found no place in the queue.
    busy: Vec<SessionId>,
    /// How long the session is to rest whose command it was, in milliseconds.
    rest_ms: u64,
}

impl HubLoop {
    #[expect(clippy::too_many_arguments, reason = "they are its parts")]
    pub(crate) fn new(
        hub: Hub,
        first: Vec<Effect>,
        lanes: Vec<Arc<Inbox>>,
        commits: Arc<CommitQueue>,
        reading: Arc<ReadingQueue>,
        passwords: Arc<PasswordQueue>,
        transcripts: Arc<TranscriptQueue>,
        managing: ManagerQueue,
        counters: Arc<Counters>,
    ) -> Self {
        let fanout = Fanout::new(lanes.len());
        let driven = Driven { hub, fanout, effects: first, taken: Taken::default() };
        Self {
            hub: Mutex::new(driven),
            lanes,
            commits,
            reading,
            passwords,
            transcripts,
            admin: Mutex::default(),
            admin_requests: AtomicU64::new(0),
            managing,
            counters,
            inputs: AtomicU64::new(0),
        }
    }

    /// How many inputs the hub had.
    pub(crate) fn inputs(&self) -> u64 {
        self.inputs.load(Ordering::Relaxed)
    }

    /// Whether the hub can be had at this moment.
    pub(crate) fn is_free(&self) -> bool {
        !matches!(self.hub.try_lock(), Err(TryLockError::WouldBlock))
    }

    pub(crate) fn clock(&self) -> Clock {
        self.counters.clock
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Gives the hub an input and carries out what it wants.
    pub(crate) fn drive(&self, input: Input) {
        self.drive_in_burst(input);
        self.end_burst();
    }

    /// The committer hears of what a burst brought, and so does who writes transcripts.
    pub(crate) fn end_burst(&self) {
        self.commits.wake();
        self.transcripts.wake();
    }

    /// The same, by somebody who says [`HubLoop::end_burst`] soon, after more inputs. Returns for how long
    /// the session is to rest whose command it was, in milliseconds: it must be known before the next one
    /// is looked at.
    pub(crate) fn drive_in_burst(&self, input: Input) -> u64 {
        let gone = match input {
            Input::Disconnected { session, .. } => Some(session),
            _ => None,
        };
        let Left { mut busy, rest_ms, .. } = self.drive_one(input);
        while let Some(session) = busy.pop() {
            let outcome = PasswordOutcome::Busy;
            busy.extend(self.drive_one(Input::PasswordsDone { session, outcome }).busy);
        }
        if let Some(session) = gone {
            self.passwords.forget(session);
        }
        rest_ms
    }

    /// One input and its effects. Returns what is left; of the sessions whose passwords found no place in
    /// the queue the hub hears as an input of its own, which can't come within this one.
    fn drive_one(&self, input: Input) -> Left {
        let mut driven = self.lock();
        let failed = matches!(input, Input::CommitFailed);
        let Driven { hub, fanout, effects, taken } = &mut *driven;
        if failed {
            // Under the lock: nothing that was admitted before the failure is written after it.
            self.commits.discard();
        }
        let (now, now_us) = self.counters.clock.now_and_us();
        taken.begin(&input, now_us);
        // Under the lock: nobody else adds.
        let inputs = self.inputs.load(Ordering::Relaxed);
        self.inputs.store(inputs.wrapping_add(1), Ordering::Relaxed);
        hub.handle(now, input, effects);
        let mut left = Left::default();
        for effect in effects.drain(..) {
            self.carry_out(effect, fanout, taken, &mut left);
        }
        drop(driven);
        for (index, lane) in self.lanes.iter().enumerate() {
            if left.wake & (1 << index) != 0 {
                lane.wake();
            }
        }
        left
    }

    /// Asks the hub something for the operator, or for an admin in the chat.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(crate) async fn admin(&self, by: Option<SessionId>, command: AdminCommand) -> AdminOutcome {
        self.admin_within(ADMIN_WAIT, by, command).await
    }

    async fn admin_within(
        &self,
        wait: Duration,
        by: Option<SessionId>,
        command: AdminCommand,
    ) -> AdminOutcome {
        // The new password is lost with the answer, and counts all the same.
        let hint = match command {
            AdminCommand::PasswordSet { .. } => {
                ": run it again, since the old password may not count any more"
            }
            _ => "",
        };
        let request = self.admin_requests.fetch_add(1, Ordering::Relaxed);
        let (to, answer) = oneshot::channel();
        self.questions().insert(request, to);
        self.drive(Input::Admin { request, by, command });
        if let Ok(Ok(outcome)) = tokio::time::timeout(wait, answer).await {
            return outcome;
        }
        self.questions().remove(&request);
        let seconds = wait.as_secs();
        Err(format!(
            "the server did not answer within {seconds} s; it may still do what was asked{hint}"
        ))
    }

    /// How much there is of what.
    pub(crate) fn figures(&self) -> Figures {
        self.lock().hub.figures()
    }

    /// The same, by somebody who must not hang where the hub does. `None`: it was busy for too long. Not
    /// for lanes: it sleeps.
    pub(crate) fn figures_soon(&self) -> Option<Figures> {
        let began = Instant::now();
        loop {
            match self.hub.try_lock() {
                Ok(driven) => return Some(driven.hub.figures()),
                Err(TryLockError::Poisoned(driven)) => return Some(driven.get_ref().hub.figures()),
                Err(TryLockError::WouldBlock) if began.elapsed() > FIGURES_WAIT => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(FIGURES_PAUSE),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Driven> {
        // The hub never panics by contract; if it did, going on is better than losing everybody.
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn questions(&self) -> MutexGuard<'_, FxHashMap<u64, oneshot::Sender<AdminOutcome>>> {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, effect: Effect, fanout: &mut Fanout, taken: &mut Taken, left: &mut Left) {
        let wake = &mut left.wake;
        let effect = match Job::of(effect) {
            Ok(job) => return self.reading.push(job),
            Err(effect) => effect,
        };
        match effect {
            // A job, and pushed above.
            Effect::Read { .. }
            | Effect::ReadHistory { .. }
            | Effect::LoadMessage { .. }
            | Effect::FindExpired { .. }
            | Effect::Search { .. }
            | Effect::LoadSends { .. } => {}
            Effect::Persist { ticket, record } => {
                taken.note(ticket, &record);
                self.commits.push(ticket, record);
            }
            Effect::Reply { session, tag, reply } => {
                self.counters.note_reply(&reply);
                self.give(session, ToLane::Reply { session, tag, reply }, wake);
            }
            Effect::Deliver { room, delivery, except } => {
                let taken_us = taken.of(&delivery);
                for lane in fanout.lanes(room) {
                    let delivery: Delivery = delivery.clone();
                    self.put(lane, ToLane::Deliver { room, delivery, except, taken_us }, wake);
                }
            }
            Effect::Transcribe { room, what } => {
                self.transcripts.push(room, crate::clock::wall(), what);
            }
            Effect::Subscribe { session, room } => {
                fanout.subscribe(room, session.lane());
                self.give(session, ToLane::Subscribe { session, room }, wake);
            }
            Effect::Unsubscribe { session, room } => {
                fanout.unsubscribe(room, session.lane());
                self.give(session, ToLane::Unsubscribe { session, room }, wake);
            }
            Effect::Page { session, room, events, paced } => {
                self.give(session, ToLane::Page { session, room, events, paced }, wake);
            }
            Effect::Live { session, head } => {
                self.give(session, ToLane::Live { session, head }, wake);
            }
            Effect::Passwords { session, work } => {
                if !self.passwords.push(session, work) {
                    left.busy.push(session);
                }
            }
            Effect::Manage { session, tag, line } => {
                self.manage(ToManager::Verb { session, tag, line }, wake);
            }
            Effect::SetUp => self.manage(ToManager::SetUp, wake),
            Effect::AdminReply { request, reply } => {
                if let Some(to) = self.questions().remove(&request) {
                    // Whoever asked has given up, perhaps.
                    let _ = to.send(reply);
                }
            }
            // Only a command leads to it, and only for its own session.
            Effect::Rest { ms, .. } => left.rest_ms = left.rest_ms.max(ms),
            Effect::Tell { session, notice } => {
                self.give(session, ToLane::Tell { session, notice }, wake);
            }
            Effect::Close { session, code } => {
                self.passwords.forget(session);
                self.give(session, ToLane::Close { session, code }, wake);
            }
        }
    }

    fn manage(&self, work: ToManager, wake: &mut u64) {
        // Nobody is there when the server stops.
        if let Err(SendError(ToManager::Verb { session, tag, .. })) = self.managing.send(work) {
            self.give(session, not_taken(session, tag), wake);
        }
    }

    fn give(&self, session: SessionId, message: ToLane, wake: &mut u64) {
        self.put(session.lane(), message, wake);
    }

    fn put(&self, lane: usize, message: ToLane, wake: &mut u64) {
        if self.lanes[lane].put(message) {
            *wake |= 1 << lane;
        }
    }

    /// Gives a lane something that doesn't come from the hub (an accepted connection, an answer
    /// from the store).
    pub(crate) fn tell_lane(&self, lane: usize, message: ToLane) {
        if self.lanes[lane].put(message) {
            self.lanes[lane].wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managing::refuse_rest;
    use crate::setup::Setup;
    use hubbub_hub::{Departure, HubConfig, PasswordWork, Reply};
    use hubbub_protocol::account::{AccountRecord, Credentials};
    use hubbub_protocol::record::Snapshot;
    use hubbub_protocol::{
        Author, Body, CloseCode, Epoch, Event, Password, RoomAddress, RoomName, Text, UserId,
        UserName, WallMs, limits,
    };

    /// A loop in which these effects come out with the first input, and its passwords' queue.
    fn hub_loop(effects: Vec<Effect>) -> (HubLoop, Arc<PasswordQueue>) {
        let managing = tokio::sync::mpsc::unbounded_channel().0;
        hub_loop_of(Snapshot::default(), effects, managing)
    }

    fn hub_loop_of(
        snapshot: Snapshot,
        effects: Vec<Effect>,
        managing: ManagerQueue,
    ) -> (HubLoop, Arc<PasswordQueue>) {
        let hub = Hub::new(HubConfig::default(), Epoch(1), snapshot, &mut Vec::new());
        let passwords = Arc::<PasswordQueue>::default();
        let lanes = vec![Arc::default()];
        let (commits, reading) = (Arc::default(), Arc::default());
        let counters = Counters::new(1, Clock::start());
        let queue = Arc::clone(&passwords);
        let transcripts = Arc::default();
        let hub = HubLoop::new(
            hub,
            effects,
            lanes,
            commits,
            reading,
            queue,
            transcripts,
            managing,
            counters,
        );
        (hub, passwords)
    }

    #[test]
    fn who_waited_behind_a_large_batch_is_not_looked_for_in_all_of_it() {
        let (room, other) = (RoomId(1), RoomId(2));
        let user = Author { id: UserId(1), name: UserName::parse("ann").unwrap() };
        let said = |room, seq| {
            let body = Body::text(Text::parse("x").unwrap());
            let (epoch, time) = (Epoch(1), WallMs(0));
            let event = Event { room, epoch, seq: Seq(seq), time, from: user.clone(), body };
            let address = RoomAddress::Room(RoomName::parse("work").unwrap());
            Delivery::Message { address, event: Arc::new(event) }
        };
        let due = (1..=1_000).map(|seq| (room, Seq(seq), seq)).collect();
        let mut taken = Taken { due, ..Taken::default() };
        assert_eq!((taken.of(&said(room, 1)), taken.of(&said(room, 3))), (1, 3));
        assert_eq!(taken.of(&said(other, 1)), 0);
        assert_eq!(taken.of(&said(room, 4 + TAKEN_LOOKED_AT as u64)), 0, "too far behind");
        assert_eq!(taken.of(&said(room, 4)), 4);
    }

    fn session(slot: usize) -> SessionId {
        SessionId::new(0, 1, u32::try_from(slot).unwrap())
    }

    fn passwords(slots: std::ops::Range<usize>) -> Vec<Effect> {
        let work = || PasswordWork::Make { password: Password::given("x").unwrap() };
        slots.map(|slot| Effect::Passwords { session: session(slot), work: work() }).collect()
    }

    #[test]
    fn too_many_passwords_are_answered_and_block_nothing() {
        let (hub, queue) = hub_loop(passwords(0..limits::PASSWORDS_WAITING + 3));
        hub.drive(Input::Tick);
        assert_eq!(queue.len(), limits::PASSWORDS_WAITING);
        hub.drive(Input::Tick);
        assert_eq!(hub.figures(), Figures::default());
    }

    #[test]
    fn those_beyond_the_queue_are_named() {
        let (hub, _) = hub_loop(passwords(0..limits::PASSWORDS_WAITING + 3));
        let busy = hub.drive_one(Input::Tick).busy;
        let most = limits::PASSWORDS_WAITING;
        assert_eq!(busy, [session(most), session(most + 1), session(most + 2)]);
    }

    #[test]
    fn passwords_of_who_is_gone_are_not_looked_at() {
        let mut effects = passwords(0..3);
        let code = CloseCode::Shutdown;
        effects.push(Effect::Close { session: session(1), code });
        let (hub, queue) = hub_loop(effects);
        hub.drive(Input::Tick);
        assert_eq!(queue.len(), 2);
        let departure = Departure::Lost;
        hub.drive(Input::Disconnected { session: session(0), departure });
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn an_answer_reaches_the_operator_who_asked() {
        let answer = |request, reply| Effect::AdminReply { request, reply };
        let (hub, _) = hub_loop(vec![
            answer(7, Err("nobody asked this".into())),
            answer(0, Ok(AdminReply::Done)),
        ]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(hub.admin(None, AdminCommand::InviteList));
        assert!(matches!(outcome, Ok(AdminReply::Done)), "{outcome:?}");
        assert!(hub.questions().is_empty());
    }

    /// Whether the session was told that it is not done.
    fn is_refused(hub: &HubLoop) -> bool {
        let mut heard = Vec::new();
        hub.lanes[0].take(&mut heard);
        let is_refusal = |message: &ToLane| {
            matches!(message, ToLane::Reply { session: to, tag: Some(4), reply: Reply::Refused(_) }
                if *to == session(0))
        };
        heard.len() == 1 && is_refusal(&heard[0])
    }

    #[test]
    fn a_verb_is_answered_also_when_nobody_is_there_to_do_it() {
        let verb = || Effect::Manage { session: session(0), tag: Some(4), line: "stats".into() };
        let (hub, _) = hub_loop(vec![verb()]);
        hub.drive(Input::Tick);
        assert!(is_refused(&hub));
        // Also if it was in the queue already.
        let (managing, queue) = tokio::sync::mpsc::unbounded_channel();
        let (hub, _) = hub_loop_of(Snapshot::default(), vec![verb()], managing);
        hub.drive(Input::Tick);
        assert!(!is_refused(&hub));
        refuse_rest(queue, &hub, &Setup::new(None));
        assert!(is_refused(&hub));
    }

    #[test]
    fn who_gets_no_answer_to_a_new_password_is_told_to_ask_again() {
        let name = UserName::parse("ann").unwrap();
        let account = AccountRecord {
            id: UserId(7),
            name: name.clone(),
            created: WallMs(1),
            policy: None,
            admin: false,
            highlights: Vec::new(),
            seen: WallMs(1),
            online: false,
        };
        let snapshot =
            Snapshot { accounts: vec![(account, Credentials::default())], ..Snapshot::default() };
        let managing = tokio::sync::mpsc::unbounded_channel().0;
        // Nobody commits anything here.
        let (hub, _) = hub_loop_of(snapshot, Vec::new(), managing);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let unanswered = |command| {
            let asked = hub.admin_within(Duration::ZERO, None, command);
            runtime.block_on(asked).expect_err("no answer")
        };
        let credentials = Credentials::default();
        let said = unanswered(AdminCommand::PasswordSet { name: name.clone(), credentials });
        assert!(said.contains("run it again"), "{said}");
        let said = unanswered(AdminCommand::AdminSet { name, on: true });
        assert!(said.ends_with("what was asked"), "{said}");
    }
}

//! Drives the hub: one input at a time, effects carried out in one order.
//!
//! The hub sits behind a short lock; whoever has an input drives it: a lane with a command, the
//! committer with `Persisted`, a reader with a page. So a message needs no hop to a hub thread.
//! Effects enter the lanes' inboxes and the commit queue while the lock is held, else a room's order
//! could break; the lanes are woken after it is released.
//!
//! Lock order: `hub` before a lane's inbox, the queues (commit, reading, passwords) or the operator's
//! questions.

use crate::clock::Clock;
use crate::commit::CommitQueue;
use crate::fanout::Fanout;
use crate::lane::{Inbox, ToLane};
use crate::passwords::PasswordQueue;
use crate::reading::{Job, ReadingQueue};
use hubbub_hub::{
    AdminCommand, AdminReply, Delivery, Effect, Figures, Hub, Input, PasswordOutcome,
};
use hubbub_protocol::SessionId;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the operator waits for an answer: that of a slow disk, not of one that fails.
const ADMIN_WAIT: Duration = Duration::from_secs(4);

/// The hub and everything that carries its effects out.
#[derive(Debug)]
pub(crate) struct HubLoop {
    hub: Mutex<Driven>,
    lanes: Vec<Arc<Inbox>>,
    commits: Arc<CommitQueue>,
    reading: Arc<ReadingQueue>,
    passwords: Arc<PasswordQueue>,
    admin: Mutex<FxHashMap<u64, oneshot::Sender<AdminOutcome>>>,
    admin_requests: AtomicU64,
    clock: Clock,
}

type AdminOutcome = Result<AdminReply, String>;

#[derive(Debug)]
struct Driven {
    hub: Hub,
    fanout: Fanout,
    effects: Vec<Effect>,
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
    pub(crate) fn new(
        hub: Hub,
        first: Vec<Effect>,
        lanes: Vec<Arc<Inbox>>,
        commits: Arc<CommitQueue>,
        reading: Arc<ReadingQueue>,
        passwords: Arc<PasswordQueue>,
        clock: Clock,
    ) -> Self {
        let driven = Driven { hub, fanout: Fanout::new(lanes.len()), effects: first };
        Self {
            hub: Mutex::new(driven),
            lanes,
            commits,
            reading,
            passwords,
            admin: Mutex::default(),
            admin_requests: AtomicU64::new(0),
            clock,
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Gives the hub an input and carries out what it wants.
    pub(crate) fn drive(&self, input: Input) {
        self.drive_in_burst(input);
        self.end_burst();
    }

    /// The committer hears of what a burst brought.
    pub(crate) fn end_burst(&self) {
        self.commits.wake();
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
        let Driven { hub, fanout, effects } = &mut *driven;
        if failed {
            // Under the lock: nothing that was admitted before the failure is written after it.
            self.commits.discard();
        }
        hub.handle(self.clock.now(), input, effects);
        let mut left = Left::default();
        for effect in effects.drain(..) {
            self.carry_out(effect, fanout, &mut left);
        }
        drop(driven);
        for (index, lane) in self.lanes.iter().enumerate() {
            if left.wake & (1 << index) != 0 {
                lane.wake();
            }
        }
        left
    }

    /// Asks the hub something for the operator.
    ///
    /// # Errors
    /// What is wrong, for people.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no door to ask at"))]
    pub(crate) async fn admin(&self, command: AdminCommand) -> AdminOutcome {
        let request = self.admin_requests.fetch_add(1, Ordering::Relaxed);
        let (to, answer) = oneshot::channel();
        self.questions().insert(request, to);
        self.drive(Input::Admin { request, command });
        if let Ok(Ok(outcome)) = tokio::time::timeout(ADMIN_WAIT, answer).await {
            return outcome;
        }
        self.questions().remove(&request);
        let seconds = ADMIN_WAIT.as_secs();
        Err(format!("the server did not answer within {seconds} s; it may still do what was asked"))
    }

    /// How much there is of what.
    pub(crate) fn figures(&self) -> Figures {
        self.lock().hub.figures()
    }

    fn lock(&self) -> MutexGuard<'_, Driven> {
        // The hub never panics by contract; if it did, going on is better than losing everybody.
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn questions(&self) -> MutexGuard<'_, FxHashMap<u64, oneshot::Sender<AdminOutcome>>> {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, effect: Effect, fanout: &mut Fanout, left: &mut Left) {
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
            Effect::Persist { ticket, record } => self.commits.push(ticket, record),
            Effect::Reply { session, tag, reply } => {
                self.give(session, ToLane::Reply { session, tag, reply }, wake);
            }
            Effect::Deliver { room, delivery, except } => {
                for lane in fanout.lanes(room) {
                    let delivery: Delivery = delivery.clone();
                    self.put(lane, ToLane::Deliver { room, delivery, except }, wake);
                }
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
    use hubbub_hub::{Departure, HubConfig, PasswordWork};
    use hubbub_protocol::record::Snapshot;
    use hubbub_protocol::{CloseCode, Epoch, Password, limits};

    /// A loop in which these effects come out with the first input, and its passwords' queue.
    fn hub_loop(effects: Vec<Effect>) -> (HubLoop, Arc<PasswordQueue>) {
        let hub = Hub::new(HubConfig::default(), Epoch(1), Snapshot::default(), &mut Vec::new());
        let passwords = Arc::<PasswordQueue>::default();
        let lanes = vec![Arc::default()];
        let (commits, reading) = (Arc::default(), Arc::default());
        let clock = Clock::start();
        let queue = Arc::clone(&passwords);
        (HubLoop::new(hub, effects, lanes, commits, reading, queue, clock), passwords)
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
        let outcome = runtime.block_on(hub.admin(AdminCommand::InviteList));
        assert!(matches!(outcome, Ok(AdminReply::Done)), "{outcome:?}");
        assert!(hub.questions().is_empty());
    }
}

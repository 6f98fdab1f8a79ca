//! Drives the hub: one input at a time, effects carried out in one order.
//!
//! The hub sits behind a short lock; whoever has an input drives it: a lane with a command, the
//! committer with `Persisted`, a reader with a page. So a message needs no hop to a hub thread.
//! Effects enter the lanes' inboxes and the commit queue while the lock is held, else a room's order
//! could break; the lanes are woken after it is released.
//!
//! Lock order: `hub` before a lane's inbox, the commit queue or the reading queue.

use crate::clock::Clock;
use crate::commit::CommitQueue;
use crate::fanout::Fanout;
use crate::lane::{Inbox, ToLane};
use crate::reading::{Job, ReadingQueue};
use hubbub_hub::{Delivery, Effect, Figures, Hub, Input};
use hubbub_protocol::SessionId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The hub and everything that carries its effects out.
#[derive(Debug)]
pub(crate) struct HubLoop {
    hub: Mutex<Driven>,
    lanes: Vec<Arc<Inbox>>,
    commits: Arc<CommitQueue>,
    reading: Arc<ReadingQueue>,
    clock: Clock,
}

#[derive(Debug)]
struct Driven {
    hub: Hub,
    fanout: Fanout,
    effects: Vec<Effect>,
}

impl HubLoop {
    pub(crate) fn new(
        hub: Hub,
        first: Vec<Effect>,
        lanes: Vec<Arc<Inbox>>,
        commits: Arc<CommitQueue>,
        reading: Arc<ReadingQueue>,
        clock: Clock,
    ) -> Self {
        let driven = Driven { hub, fanout: Fanout::new(lanes.len()), effects: first };
        Self { hub: Mutex::new(driven), lanes, commits, reading, clock }
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

    /// The same, by somebody who says [`HubLoop::end_burst`] soon, after more inputs.
    pub(crate) fn drive_in_burst(&self, input: Input) {
        let mut driven = self.lock();
        let failed = matches!(input, Input::CommitFailed);
        let Driven { hub, fanout, effects } = &mut *driven;
        if failed {
            // Under the lock: nothing that was admitted before the failure is written after it.
            self.commits.discard();
        }
        hub.handle(self.clock.now(), input, effects);
        let mut wake = 0u64;
        for effect in effects.drain(..) {
            self.carry_out(effect, fanout, &mut wake);
        }
        drop(driven);
        for (index, lane) in self.lanes.iter().enumerate() {
            if wake & (1 << index) != 0 {
                lane.wake();
            }
        }
    }

    /// How much there is of what.
    pub(crate) fn figures(&self) -> Figures {
        self.lock().hub.figures()
    }

    fn lock(&self) -> MutexGuard<'_, Driven> {
        // The hub never panics by contract; if it did, going on is better than losing everybody.
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, effect: Effect, fanout: &mut Fanout, wake: &mut u64) {
        match effect {
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
            Effect::Read { session, after } => self.reading.push(Job::CatchUp { session, after }),
            Effect::ReadHistory { session, tag, address, room, page, limit } => {
                self.reading.push(Job::History { session, tag, address, room, page, limit });
            }
            Effect::LoadSends { session, instance } => {
                self.reading.push(Job::Sends { session, instance });
            }
            Effect::Page { session, room, events, paced } => {
                self.give(session, ToLane::Page { session, room, events, paced }, wake);
            }
            Effect::Live { session, head } => {
                self.give(session, ToLane::Live { session, head }, wake);
            }
            Effect::Close { session, code } => {
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

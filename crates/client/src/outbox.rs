//! The sends that are not acknowledged yet, in order, and which of them may go out now.
//!
//! Sends to rooms follow each other without waiting. To a user one send is on its way at a time: it
//! may be refused because the other has not agreed yet, and what follows must not overtake it. So it
//! is with a room that lets nobody write fast.
//!
//! Not here: what an acknowledgement means to a conversation (`catch_up.rs`), and what is known of
//! the other's consent (`consent.rs`).

use crate::backoff;
use crate::event::LocalId;
use hubbub_protocol::frame::LinkState;
use hubbub_protocol::{Body, Counter, MonoMs, RoomAddress, RoomName, UserId, UserName, limits};
use std::collections::{BTreeSet, VecDeque};

/// Sends to one user that may wait, so that somebody who never answers can't fill the queue.
pub const HELD_MAX: usize = 64;

/// The shortest wait after a refusal that names one, in milliseconds: a server must not make us ask
/// without end.
const WAIT_MIN_MS: u64 = 100;
/// The longest, in milliseconds: as slow as a room can be.
const WAIT_MAX_MS: u64 = limits::SLOW_S as u64 * 1000;

/// How far a send is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It goes out as soon as it may.
    Ready,
    /// It is not answered yet.
    OnItsWay,
    /// The other side was asked, and has not agreed.
    Asked,
    /// It was refused for a while: the other side's place for what waits is full, or the room is
    /// slow. Not before then.
    Until(MonoMs),
}

/// A send that is not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSend {
    /// Its number.
    pub local: LocalId,
    /// To whom.
    pub conversation: RoomAddress,
    /// What.
    pub body: Body,
    counter: Option<Counter>,
    stage: Stage,
    held: bool,
    /// The other side's name as the key of its order. `None`: to a room.
    side: Option<String>,
    /// The same of a room. `None`: to a user.
    room: Option<String>,
    /// It was refused as too fast: what is for the same conversation goes out one by one behind it.
    was_too_fast: bool,
    /// That refusal is the last that is known of it: its counter is not used up.
    is_refused: bool,
    /// The room took another name while it was on its way.
    has_moved: bool,
    to: Option<UserId>,
    since: Option<LinkState>,
    is_stranger: bool,
    failures: u32,
}

impl PendingSend {
    /// The number by which the server knows a repetition; a send that has not gone out has none.
    #[must_use]
    pub fn counter(&self) -> Option<Counter> {
        self.counter
    }
    /// Whether it waits until the other side agrees to a private chat.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }
    /// The server wants it later (slow mode, or somebody's place for what waits is full): it is sent
    /// again then.
    #[must_use]
    pub fn waits_until(&self) -> Option<MonoMs> {
        match self.stage {
            Stage::Until(until) => Some(until),
            Stage::Ready | Stage::OnItsWay | Stage::Asked => None,
        }
    }
    /// Whether it was refused as too fast.
    pub(crate) fn was_too_fast(&self) -> bool {
        self.was_too_fast
    }
    /// Whether its room took another name while it was on its way.
    pub(crate) fn has_moved(&self) -> bool {
        self.has_moved
    }
    /// The user that it is for, once that is known: names can change hands.
    pub(crate) fn to(&self) -> Option<UserId> {
        self.to
    }
    /// What was last heard of the other side since it went out. The answer may be older.
    pub(crate) fn since(&self) -> Option<LinkState> {
        self.since
    }
    /// Whether the name was found to be somebody else's while it was on its way.
    pub(crate) fn is_stranger(&self) -> bool {
        self.is_stranger
    }
    fn is_to(&self, side: &str) -> bool {
        self.side.as_deref() == Some(side)
    }
}

/// Why the outbox takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Of all sends.
    All,
    /// Of sends to this user.
    Side,
}

/// The queue, in the order of the program. A counter is given when a send first goes out.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<PendingSend>,
    next: u64,
    next_counter: u64,
    /// The counters of which the server may still have to be asked.
    counters: BTreeSet<u64>,
    sends_max: usize,
    /// Rooms that are known to be slow.
    slow: BTreeSet<String>,
    /// After a refusal that asks for a retry nothing goes out until then: what follows would
    /// overtake the refused send, or be refused like it.
    held_until: Option<MonoMs>,
    /// Makes the waits of different clients differ.
    jitter: u64,
}

impl Outbox {
    pub(crate) fn new(sends_max: usize, jitter: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            next: 1,
            next_counter: 1,
            counters: BTreeSet::new(),
            sends_max,
            slow: BTreeSet::new(),
            held_until: None,
            jitter,
        }
    }

    /// Takes a send, to `to` if that user is known. Behind one that is held it is held as well.
    pub(crate) fn push(
        &mut self,
        conversation: RoomAddress,
        body: Body,
        to: Option<UserId>,
    ) -> Result<&PendingSend, Full> {
        if self.queue.len() >= self.sends_max {
            return Err(Full::All);
        }
        let (side, room) = match &conversation {
            RoomAddress::User(name) => (Some(name.fold()), None),
            RoomAddress::Room(name) => (None, Some(name.fold())),
        };
        let (mut held, mut to) = (false, to);
        if let Some(side) = &side {
            let others = || self.queue.iter().filter(|send| send.is_to(side));
            if others().count() >= HELD_MAX {
                return Err(Full::Side);
            }
            held = others().any(|send| send.held);
            to = to.or(others().rfind(|send| !send.is_stranger).and_then(|send| send.to));
        }
        let local = LocalId(self.next);
        self.next += 1;
        self.queue.push_back(PendingSend {
            local,
            conversation,
            body,
            counter: None,
            stage: Stage::Ready,
            held,
            side,
            room,
            was_too_fast: false,
            is_refused: false,
            has_moved: false,
            to,
            since: None,
            is_stranger: false,
            failures: 0,
        });
        self.queue.back().ok_or(Full::All)
    }

    /// The next send that may go out, marked as on its way.
    ///
    /// The window of `in_flight_max` counters begins at the oldest unanswered one. So it bounds the
    /// sends on their way, and also how far the counters run ahead of a send that is tried again:
    /// past the server's own window that one would be refused as stale.
    pub(crate) fn take(&mut self, in_flight_max: u64) -> Option<&PendingSend> {
        if self.held_until.is_some() {
            return None;
        }
        let window = in_flight_max.clamp(1, limits::INSTANCE_WINDOW);
        let at = loop {
            let end = self.counters.first().map_or(u64::MAX, |oldest| oldest + window);
            if let Some(at) = self.first_ready(end) {
                break at;
            }
            self.first_ready(u64::MAX)?;
            self.free_counter_that_waits()?;
        };
        let send = self.queue.get_mut(at)?;
        if send.counter.is_none() {
            send.counter = Some(Counter(self.next_counter));
            self.counters.insert(self.next_counter);
            self.next_counter += 1;
        }
        send.stage = Stage::OnItsWay;
        send.is_refused = false;
        send.since = None;
        send.has_moved = false;
        Some(send)
    }

    /// The first that may go out and whose counter is below `end`.
    fn first_ready(&self, end: u64) -> Option<usize> {
        let too_fast = self.queue.iter().filter(|send| send.was_too_fast);
        let too_fast: BTreeSet<&str> = too_fast.filter_map(|send| send.room.as_deref()).collect();
        let (mut sides, mut rooms) = (BTreeSet::new(), BTreeSet::new());
        self.queue.iter().position(|send| {
            let is_first = match (send.side.as_deref(), send.room.as_deref()) {
                (Some(side), _) => sides.insert(side),
                (None, Some(room)) if self.slow.contains(room) || too_fast.contains(room) => {
                    rooms.insert(room)
                }
                (None, _) => true,
            };
            let counter = send.counter.map_or(self.next_counter, |counter| counter.0);
            // One that the server may have already waits for none that it has not: the one before may have
            // given its counter back, and would wait for this one.
            let is_known = send.counter.is_some() && !send.is_refused;
            (is_first || is_known) && send.stage == Stage::Ready && counter < end
        })
    }

    /// Others need not wait for a send that the server wants later, or that waits behind such a one: at
    /// the window's end it gives its counter back. It was refused, so that is not used up.
    fn free_counter_that_waits(&mut self) -> Option<()> {
        let oldest = Counter(*self.counters.first()?);
        let send = self.queue.iter_mut().find(|send| send.counter == Some(oldest))?;
        if !send.is_refused {
            return None;
        }
        send.is_refused = false;
        send.counter = None;
        self.counters.remove(&oldest.0);
        Some(())
    }

    /// Whether a room lets nobody write fast.
    pub(crate) fn set_slow(&mut self, room: &RoomName, is_slow: bool) {
        if is_slow {
            self.slow.insert(room.fold());
        } else if !self.slow.is_empty() {
            self.slow.remove(&room.fold());
        }
    }

    /// Takes out a send that is done, well or badly.
    pub(crate) fn finish(&mut self, local: LocalId) -> Option<PendingSend> {
        let send = self.queue.remove(self.find(local)?)?;
        if let Some(counter) = send.counter {
            self.counters.remove(&counter.0);
        }
        Some(send)
    }

    /// The same send again, after a wait.
    pub(crate) fn retry(&mut self, now: MonoMs, local: LocalId) {
        if let Some(until) = self.count_failure(now, local, |_| Stage::Ready) {
            self.held_until = self.held_until.max(Some(until));
        }
    }

    /// The send again after a wait, and what is for the same user behind it. Others need not wait,
    /// so it gives its counter back: else it would stop them all at the window's end.
    pub(crate) fn put_off(&mut self, now: MonoMs, local: LocalId) {
        self.free_counter(local);
        self.count_failure(now, local, Stage::Until);
    }

    /// The same send again, after the wait that the server names. What is for the same conversation
    /// stays behind it; others need not wait.
    pub(crate) fn too_fast(&mut self, now: MonoMs, local: LocalId, wait_ms: Option<u64>) {
        self.count_failure(now, local, Stage::Until);
        let Some(at) = self.find(local) else { return };
        let send = &mut self.queue[at];
        send.was_too_fast = true;
        send.is_refused = true;
        if let Some(wait_ms) = wait_ms {
            send.stage = Stage::Until(now.plus(wait_ms.clamp(WAIT_MIN_MS, WAIT_MAX_MS)));
        }
    }

    fn count_failure(
        &mut self,
        now: MonoMs,
        local: LocalId,
        stage: impl Fn(MonoMs) -> Stage,
    ) -> Option<MonoMs> {
        let at = self.find(local)?;
        let send = self.queue.get_mut(at)?;
        send.failures += 1;
        let random = backoff::spread(self.jitter ^ local.0 ^ u64::from(send.failures) << 48);
        let until = now.plus(backoff::delay_ms(send.failures, random));
        send.stage = stage(until);
        Some(until)
    }

    /// The other side has not agreed: the send waits, and what is for the same user behind it. They
    /// are returned, as far as they were not held yet.
    pub(crate) fn hold(&mut self, local: LocalId) -> Vec<LocalId> {
        self.free_counter(local);
        let Some(at) = self.find(local) else { return Vec::new() };
        let Some(side) = self.queue[at].side.clone() else { return Vec::new() };
        self.queue[at].stage = Stage::Asked;
        let held = self.queue.iter_mut().filter(|send| send.is_to(&side) && !send.held);
        held.map(|send| {
            send.held = true;
            send.local
        })
        .collect()
    }

    /// The send goes out again at once, as a new one.
    pub(crate) fn again(&mut self, local: LocalId) {
        self.free_counter(local);
        if let Some(at) = self.find(local) {
            self.queue[at].stage = Stage::Ready;
        }
    }

    /// What waits for this user may go. Returns what was held.
    pub(crate) fn release(&mut self, name: &UserName) -> Vec<LocalId> {
        self.nudge(name);
        let side = name.fold();
        let held = self.queue.iter_mut().filter(|send| send.is_to(&side) && send.held);
        held.map(|send| {
            send.held = false;
            send.local
        })
        .collect()
    }

    /// The first that waits for this user may be tried, without a promise.
    pub(crate) fn nudge(&mut self, name: &UserName) {
        let side = name.fold();
        if let Some(first) = self.queue.iter_mut().find(|send| send.is_to(&side))
            && matches!(first.stage, Stage::Asked | Stage::Until(_))
        {
            first.stage = Stage::Ready;
        }
    }

    /// A new session: everything that waits for somebody may be tried once more.
    pub(crate) fn nudge_all(&mut self) {
        for send in self.queue.iter_mut().filter(|send| send.side.is_some()) {
            if matches!(send.stage, Stage::Asked | Stage::Until(_)) {
                send.stage = Stage::Ready;
            }
        }
    }

    /// Something was heard of a user while a send to them is on its way.
    pub(crate) fn heard(&mut self, name: &UserName, id: UserId, state: LinkState) {
        let side = name.fold();
        for send in self.queue.iter_mut().filter(|send| send.is_to(&side)) {
            if send.to.is_none_or(|to| to == id) && send.stage == Stage::OnItsWay {
                send.since = Some(state);
            }
        }
    }

    /// The name belongs to this user now: what is for the name is for them.
    pub(crate) fn identify(&mut self, name: &UserName, id: UserId) {
        let side = name.fold();
        for send in self.queue.iter_mut().filter(|send| send.is_to(&side)) {
            send.to = send.to.or(Some(id));
        }
    }

    /// The name belongs, or belonged just now, to this user. Takes out what is for another one.
    pub(crate) fn refuse_strangers(&mut self, name: &UserName, id: UserId) -> Vec<PendingSend> {
        let side = name.fold();
        for send in self.queue.iter_mut().filter(|send| send.is_to(&side)) {
            send.is_stranger = send.to.is_some_and(|to| to != id);
        }
        // Also what may have been taken by the one before: sent again, it would reach this one.
        self.take_out(|send| send.is_to(&side) && send.is_stranger)
    }

    /// Takes out what waits for this user and was certainly not taken.
    pub(crate) fn give_up(&mut self, name: &UserName, id: Option<UserId>) -> Vec<PendingSend> {
        let side = name.fold();
        self.take_out(|send| {
            let is_theirs = id.is_none() || send.to.is_none() || send.to == id;
            send.is_to(&side) && is_theirs && send.counter.is_none()
        })
    }

    /// Takes out what is for this room and was certainly not taken.
    pub(crate) fn give_up_room(&mut self, room: &RoomName) -> Vec<PendingSend> {
        let room = room.fold();
        self.take_out(|send| {
            let not_taken = send.counter.is_none() || send.waits_until().is_some();
            send.room.as_ref() == Some(&room) && not_taken
        })
    }

    /// Takes out what waits for somebody to agree, or to have place again, or for a slow room.
    pub(crate) fn give_up_all(&mut self) -> Vec<PendingSend> {
        let key = |send: &PendingSend| (send.side.clone(), send.room.clone());
        let waits = self.queue.iter().filter(|send| send.waits_until().is_some());
        let full: BTreeSet<_> = waits.map(key).collect();
        self.take_out(|send| {
            let not_taken = send.counter.is_none() || send.waits_until().is_some();
            (send.held || full.contains(&key(send))) && not_taken
        })
    }

    /// A user took another name. What is for them goes there.
    pub(crate) fn rename(&mut self, old: &UserName, new: &UserName, id: UserId) {
        let side = old.fold();
        let theirs = |send: &&mut PendingSend| {
            send.is_to(&side) && send.to.is_none_or(|to| to == id) && !send.is_stranger
        };
        for send in self.queue.iter_mut().filter(theirs) {
            send.conversation = RoomAddress::User(new.clone());
            send.side = Some(new.fold());
            send.to = Some(id);
            if send.stage == Stage::OnItsWay {
                // If the name was looked up after the change, nobody was found.
                send.since = Some(LinkState::Open);
            }
        }
    }

    /// A room is called so from now on. What is for it goes there.
    pub(crate) fn rename_room(&mut self, old: &RoomName, new: &RoomName) {
        let room = old.fold();
        for send in self.queue.iter_mut().filter(|send| send.room.as_ref() == Some(&room)) {
            send.conversation = RoomAddress::Room(new.clone());
            send.room = Some(new.fold());
            send.has_moved = send.stage == Stage::OnItsWay;
        }
    }

    fn take_out(&mut self, wanted: impl Fn(&PendingSend) -> bool) -> Vec<PendingSend> {
        let leaves = |send: &PendingSend| send.stage != Stage::OnItsWay && wanted(send);
        let out: Vec<LocalId> =
            self.queue.iter().filter(|send| leaves(send)).map(|send| send.local).collect();
        out.into_iter().filter_map(|local| self.finish(local)).collect()
    }

    /// A refused send's counter was not used up; and by the time that it goes out again, later ones
    /// may have left it behind.
    fn free_counter(&mut self, local: LocalId) {
        if let Some(at) = self.find(local)
            && let Some(counter) = self.queue[at].counter.take()
        {
            self.counters.remove(&counter.0);
        }
    }

    /// What makes the waits of this client differ from others'.
    pub(crate) fn jitter(&self) -> u64 {
        self.jitter
    }

    fn find(&self, local: LocalId) -> Option<usize> {
        self.queue.binary_search_by_key(&local, |send| send.local).ok()
    }

    pub(crate) fn get(&self, local: LocalId) -> Option<&PendingSend> {
        self.queue.get(self.find(local)?)
    }

    /// What was on its way has to go out again, on the next connection.
    pub(crate) fn disconnected(&mut self) {
        self.held_until = None;
        for send in &mut self.queue {
            if send.stage == Stage::OnItsWay {
                send.stage = Stage::Ready;
            }
        }
    }

    pub(crate) fn timeout(&self) -> Option<MonoMs> {
        let put_off = self.queue.iter().filter_map(|send| match send.stage {
            Stage::Until(until) => Some(until),
            Stage::Ready | Stage::OnItsWay | Stage::Asked => None,
        });
        put_off.chain(self.held_until).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: MonoMs) {
        if self.held_until.is_some_and(|until| until <= now) {
            self.held_until = None;
        }
        for send in &mut self.queue {
            if matches!(send.stage, Stage::Until(until) if until <= now) {
                send.stage = Stage::Ready;
            }
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &PendingSend> {
        self.queue.iter()
    }
}

#[cfg(test)]
mod tests;

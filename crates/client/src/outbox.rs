//! The sends that are not acknowledged yet, in order, and which of them may go out now.
//!
//! Sends to rooms follow each other without waiting. To a user one send is on its way at a time: it
//! may be refused because the other has not agreed yet, and what follows must not overtake it.
//!
//! Not here: what an acknowledgement means to a conversation (`catch_up.rs`), and what is known of
//! the other's consent (`consent.rs`).

use crate::backoff;
use crate::event::LocalId;
use hubbub_protocol::frame::LinkState;
use hubbub_protocol::{Body, Counter, MonoMs, RoomAddress, UserId, UserName, limits};
use std::collections::{BTreeSet, VecDeque};

/// Sends to one user that may wait, so that somebody who never answers can't fill the queue.
pub const HELD_MAX: usize = 64;

/// How far a send is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It goes out as soon as it may.
    Ready,
    /// It is not answered yet.
    OnItsWay,
    /// The other side was asked, and has not agreed.
    Asked,
    /// The other side's place for what waits is full: not before then.
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
        let side = match &conversation {
            RoomAddress::User(name) => Some(name.fold()),
            RoomAddress::Room(_) => None,
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
        let end = self.counters.first().map_or(u64::MAX, |oldest| oldest + window);
        let mut sides = BTreeSet::new();
        let at = self.queue.iter().position(|send| {
            let is_first = send.side.as_deref().is_none_or(|side| sides.insert(side));
            let counter = send.counter.map_or(self.next_counter, |counter| counter.0);
            is_first && send.stage == Stage::Ready && counter < end
        })?;
        let send = self.queue.get_mut(at)?;
        if send.counter.is_none() {
            send.counter = Some(Counter(self.next_counter));
            self.counters.insert(self.next_counter);
            self.next_counter += 1;
        }
        send.stage = Stage::OnItsWay;
        send.since = None;
        Some(send)
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
        for send in &mut self.queue {
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

    /// Takes out what waits for somebody to agree, or to have place again.
    pub(crate) fn give_up_all(&mut self) -> Vec<PendingSend> {
        let full: BTreeSet<String> = self
            .queue
            .iter()
            .filter(|send| matches!(send.stage, Stage::Until(_)))
            .filter_map(|send| send.side.clone())
            .collect();
        let is_full = |send: &PendingSend| send.side.as_ref().is_some_and(|s| full.contains(s));
        self.take_out(|send| (send.held || is_full(send)) && send.counter.is_none())
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
mod tests {
    use super::*;
    use hubbub_protocol::{RoomName, Text};

    fn body() -> Body {
        Body::Text { text: Text::parse("hi").unwrap() }
    }
    fn room() -> RoomAddress {
        RoomAddress::Room(RoomName::parse("lobby").unwrap())
    }
    fn name(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }
    fn push(outbox: &mut Outbox, to: RoomAddress) -> Result<u64, Full> {
        outbox.push(to, body(), None).map(|send| send.local.0)
    }

    fn outbox(sends: u64) -> Outbox {
        let mut outbox = Outbox::new(sends as usize, 7);
        for local in 1..=sends {
            assert_eq!(push(&mut outbox, room()), Ok(local));
        }
        outbox
    }

    fn take_all(outbox: &mut Outbox, window: u64) -> Vec<u64> {
        std::iter::from_fn(|| outbox.take(window).map(|send| send.local.0)).collect()
    }

    #[test]
    fn the_window_begins_at_the_oldest_unanswered_send() {
        let mut outbox = outbox(100);
        assert_eq!(take_all(&mut outbox, 32), (1..=32).collect::<Vec<_>>());
        for local in 2..=32 {
            outbox.finish(LocalId(local)).unwrap();
        }
        assert_eq!(take_all(&mut outbox, 32), [0; 0], "1 would grow stale");
        outbox.finish(LocalId(1)).unwrap();
        assert_eq!(take_all(&mut outbox, 32), (33..=64).collect::<Vec<_>>());
        outbox.disconnected();
        assert_eq!(take_all(&mut outbox, 0), [33], "a window of nothing would stop for ever");
    }

    #[test]
    fn a_retry_holds_everything_and_then_goes_first() {
        let mut outbox = outbox(3);
        assert_eq!(take_all(&mut outbox, 2), [1, 2]);
        outbox.retry(MonoMs(1000), LocalId(1));
        outbox.finish(LocalId(2)).unwrap();
        assert_eq!(take_all(&mut outbox, 2), [0; 0]);
        let until = outbox.timeout().unwrap();
        assert!((1250..=1500).contains(&until.0));
        outbox.handle_timeout(MonoMs(until.0 - 1));
        assert_eq!(take_all(&mut outbox, 3), [0; 0]);
        outbox.handle_timeout(until);
        assert_eq!(take_all(&mut outbox, 3), [1, 3]);
    }

    #[test]
    fn the_queue_is_bounded_and_one_user_s_share_too() {
        let mut outbox = outbox(5);
        outbox.finish(LocalId(3)).unwrap();
        assert_eq!(push(&mut outbox, room()), Ok(6));
        assert_eq!(push(&mut outbox, room()), Err(Full::All));
        let mut outbox = Outbox::new(1000, 7);
        for _ in 0..HELD_MAX {
            push(&mut outbox, RoomAddress::User(name("bob"))).unwrap();
        }
        assert_eq!(push(&mut outbox, RoomAddress::User(name("Bob"))), Err(Full::Side));
        push(&mut outbox, RoomAddress::User(name("cleo"))).unwrap();
    }

    #[test]
    fn one_send_to_a_user_is_on_its_way_and_rooms_do_not_wait_for_it() {
        let mut outbox = Outbox::new(100, 7);
        for to in ["bob", "", "Bob", "cleo", ""] {
            let to = if to.is_empty() { room() } else { RoomAddress::User(name(to)) };
            push(&mut outbox, to).unwrap();
        }
        assert_eq!(take_all(&mut outbox, 32), [1, 2, 4, 5]);
        assert_eq!(outbox.hold(LocalId(1)), [LocalId(1), LocalId(3)]);
        assert_eq!(take_all(&mut outbox, 32), [0; 0]);
        assert!(outbox.push(RoomAddress::User(name("bob")), body(), None).unwrap().is_held());
        assert_eq!(outbox.release(&name("bob")), [LocalId(1), LocalId(3), LocalId(6)]);
        assert_eq!(take_all(&mut outbox, 32), [1]);
        assert_eq!(outbox.get(LocalId(1)).unwrap().counter(), Some(Counter(5)), "a new one");
        outbox.finish(LocalId(1)).unwrap();
        assert_eq!(take_all(&mut outbox, 32), [3]);
    }

    /// Else an absent user whose place is full would stop everything that is said anywhere.
    #[test]
    fn who_is_full_stops_nobody_else() {
        let mut outbox = Outbox::new(200, 7);
        push(&mut outbox, RoomAddress::User(name("bob"))).unwrap();
        (2..=101).for_each(|local| assert_eq!(push(&mut outbox, room()), Ok(local)));
        assert_eq!(take_all(&mut outbox, 32).len(), 32);
        outbox.put_off(MonoMs(1000), LocalId(1));
        for local in 2..=32 {
            outbox.finish(LocalId(local)).unwrap();
        }
        assert_eq!(take_all(&mut outbox, 32), (33..=64).collect::<Vec<_>>());
        (33..=64).for_each(|local| drop(outbox.finish(LocalId(local)).unwrap()));
        outbox.handle_timeout(outbox.timeout().unwrap());
        assert_eq!(take_all(&mut outbox, 4), [1, 65, 66, 67]);
    }
}

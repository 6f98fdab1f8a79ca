//! The sends that are not acknowledged yet, in order, and which of them may go out now.
//!
//! Not here: what an acknowledgement means to a conversation (`catch_up.rs`).

use crate::backoff;
use crate::event::LocalId;
use hubbub_protocol::{Body, Counter, MonoMs, RoomAddress, limits};
use std::collections::VecDeque;

/// A send that is not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSend {
    /// Its number, which is also its counter on the wire.
    pub local: LocalId,
    /// To whom.
    pub conversation: RoomAddress,
    /// What.
    pub body: Body,
    on_its_way: bool,
    failures: u32,
}

impl PendingSend {
    /// The number by which the server knows a repetition.
    #[must_use]
    pub fn counter(&self) -> Counter {
        Counter(self.local.0)
    }
}

/// The queue. Counters rise by one from front to back, with holes where a send is done.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<PendingSend>,
    next: u64,
    sends_max: usize,
    /// After a refusal that asks for a retry nothing goes out until then: what follows would
    /// overtake the refused send, or be refused like it.
    held_until: Option<MonoMs>,
    /// Makes the waits of different clients differ.
    jitter: u64,
}

impl Outbox {
    pub(crate) fn new(sends_max: usize, jitter: u64) -> Self {
        Self { queue: VecDeque::new(), next: 1, sends_max, held_until: None, jitter }
    }

    /// `None` if the queue is full.
    pub(crate) fn push(&mut self, conversation: RoomAddress, body: Body) -> Option<LocalId> {
        if self.queue.len() >= self.sends_max {
            return None;
        }
        let local = LocalId(self.next);
        self.next += 1;
        let send = PendingSend { local, conversation, body, on_its_way: false, failures: 0 };
        self.queue.push_back(send);
        Some(local)
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
        let end = self.queue.front()?.local.0 + window;
        let mut within = self.queue.iter_mut().take_while(|send| send.local.0 < end);
        let send = within.find(|send| !send.on_its_way)?;
        send.on_its_way = true;
        Some(send)
    }

    /// Takes out a send that is done, well or badly.
    pub(crate) fn finish(&mut self, local: LocalId) -> Option<PendingSend> {
        let at = self.queue.binary_search_by_key(&local, |send| send.local).ok()?;
        self.queue.remove(at)
    }

    /// The same send again, after a wait.
    pub(crate) fn retry(&mut self, now: MonoMs, local: LocalId) {
        let Ok(at) = self.queue.binary_search_by_key(&local, |send| send.local) else { return };
        let send = &mut self.queue[at];
        send.on_its_way = false;
        send.failures += 1;
        let random = backoff::spread(self.jitter ^ local.0 ^ u64::from(send.failures) << 48);
        let until = now.plus(backoff::delay_ms(send.failures, random));
        self.held_until = self.held_until.max(Some(until));
    }

    /// What makes the waits of this client differ from others'.
    pub(crate) fn jitter(&self) -> u64 {
        self.jitter
    }

    pub(crate) fn get(&self, local: LocalId) -> Option<&PendingSend> {
        let at = self.queue.binary_search_by_key(&local, |send| send.local).ok()?;
        self.queue.get(at)
    }

    /// Everything has to go out again, on the next connection.
    pub(crate) fn disconnected(&mut self) {
        self.held_until = None;
        for send in &mut self.queue {
            send.on_its_way = false;
        }
    }

    pub(crate) fn timeout(&self) -> Option<MonoMs> {
        self.held_until
    }

    pub(crate) fn handle_timeout(&mut self, now: MonoMs) {
        if self.held_until.is_some_and(|until| until <= now) {
            self.held_until = None;
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

    fn outbox(sends: u64) -> Outbox {
        let mut outbox = Outbox::new(sends as usize, 7);
        for local in 1..=sends {
            let room = RoomAddress::Room(RoomName::parse("lobby").unwrap());
            let body = Body::Text { text: Text::parse("hi").unwrap() };
            assert_eq!(outbox.push(room, body), Some(LocalId(local)));
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
    fn the_queue_is_bounded() {
        let mut outbox = outbox(5);
        let send = outbox.finish(LocalId(3)).unwrap();
        assert_eq!(outbox.push(send.conversation.clone(), send.body.clone()), Some(LocalId(6)));
        assert_eq!(outbox.push(send.conversation, send.body), None);
    }
}

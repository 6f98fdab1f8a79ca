//! The bounded queue of bytes that waits for one connection, and the budget of all of them
//! (invariant 5).
//!
//! Contract: [`Outbox::push`] takes a whole frame or refuses it; after a refusal the connection is
//! to be closed as `slow`. Bytes leave in order through [`Outbox::gather`] and [`Outbox::taken`].
//! Whoever drops an outbox gives its bytes back to the budget (`Drop`).

use hubbub_protocol::{MonoMs, limits};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The caps of one outbox.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Most bytes.
    pub bytes: usize,
    /// Most frames.
    pub frames: usize,
    /// Longest time that a byte may wait after the socket was full, in milliseconds.
    pub age_ms: u64,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            bytes: limits::OUTBOX_BYTES,
            frames: limits::OUTBOX_FRAMES,
            age_ms: limits::OUTBOX_AGE_MS,
        }
    }
}

/// What all outboxes of a server may hold together.
#[derive(Debug)]
pub struct Budget {
    queued: AtomicUsize,
    max: AtomicUsize,
}

impl Budget {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { queued: AtomicUsize::new(0), max: AtomicUsize::new(max) })
    }
    /// From now on it is of `max` bytes.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }
    fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }
    /// Bytes that wait in all outboxes.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }
    /// Past half: ephemeral events are dropped.
    #[must_use]
    pub fn drops_ephemeral(&self) -> bool {
        self.queued() > self.max() / 2
    }
    /// Past three quarters: nobody is read, so that nothing new comes to be queued.
    #[must_use]
    pub fn pauses_readers(&self) -> bool {
        self.queued() > self.max() / 4 * 3
    }
    fn is_spent(&self) -> bool {
        self.queued() > self.max()
    }
}

/// The connection did not take what was sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow;

/// The queue of one connection. Empty, it holds no memory.
#[derive(Debug)]
pub struct Outbox {
    frames: VecDeque<Rc<[u8]>>,
    /// Bytes of the first frame that are gone already.
    sent_of_first: usize,
    bytes: usize,
    /// Bytes that have gone in all.
    sent: u64,
    /// Set while the peer is behind: a moment, and how much must have gone when the age is over.
    mark: Option<(MonoMs, u64)>,
    budget: Arc<Budget>,
}

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { frames: VecDeque::new(), sent_of_first: 0, bytes: 0, sent: 0, mark: None, budget }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frames that wait, also one that has gone in part.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Queues a frame.
    ///
    /// # Errors
    /// [`Slow`] if it would go over a cap; the frame is not queued.
    pub fn push(&mut self, frame: Rc<[u8]>, caps: &OutboxLimits) -> Result<(), Slow> {
        if frame.is_empty() {
            return Ok(());
        }
        let over = self.bytes + frame.len() > caps.bytes || self.frames.len() >= caps.frames;
        // Where all outboxes together are over their budget, those pay who hold much of it.
        let at_fault = self.bytes > limits::PACED_BYTES && self.budget.is_spent();
        if over || at_fault {
            return Err(Slow);
        }
        self.put(frame);
        Ok(())
    }

    /// Throws away what no byte has gone of, and queues a last frame whatever the caps: the close.
    pub fn replace_with(&mut self, last: Rc<[u8]>) {
        let keep = usize::from(self.sent_of_first > 0);
        while self.frames.len() > keep {
            let frame = self.frames.pop_back().expect("more than `keep` frames");
            self.remove(frame.len());
        }
        self.put(last);
    }

    /// Queues a last frame behind everything, whatever the caps.
    pub fn append_last(&mut self, last: Rc<[u8]>) {
        self.put(last);
    }

    fn put(&mut self, frame: Rc<[u8]>) {
        if frame.is_empty() {
            return;
        }
        self.bytes += frame.len();
        self.budget.queued.fetch_add(frame.len(), Ordering::Relaxed);
        self.frames.push_back(frame);
    }

    fn remove(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What is to be written next, if it is one frame alone.
    #[must_use]
    pub fn first_if_alone(&self) -> Option<&[u8]> {
        match self.frames.len() {
            1 => self.frames.front().map(|frame| &frame[self.sent_of_first..]),
            _ => None,
        }
    }

    /// Appends what is to be written next, frame by frame, until it is about `most` bytes.
    pub fn gather(&self, into: &mut Vec<u8>, most: usize) {
        let mut skip = self.sent_of_first;
        for frame in &self.frames {
            if !into.is_empty() && into.len() + frame.len() > most {
                return;
            }
            into.extend_from_slice(&frame[skip..]);
            skip = 0;
        }
    }

    /// So many bytes of what comes next are written.
    pub fn taken(&mut self, mut bytes: usize) {
        self.sent += bytes as u64;
        if self.mark.is_some_and(|(_, sent)| self.sent >= sent) {
            self.mark = None;
        }
        self.remove(bytes);
        while let Some(first) = self.frames.front() {
            let left = first.len() - self.sent_of_first;
            if bytes < left {
                self.sent_of_first += bytes;
                return;
            }
            bytes -= left;
            self.sent_of_first = 0;
            self.frames.pop_front();
        }
        // Not `clear`: thousands of idle connections hold no buffers.
        self.frames = VecDeque::new();
    }

    /// The peer takes nothing at the moment.
    pub fn blocked(&mut self, now: MonoMs) {
        if !self.is_empty() {
            let all = self.sent + self.bytes as u64;
            self.mark.get_or_insert((now, all));
        }
    }

    /// So long the peer could not have been given anything: that time does not count.
    pub fn forgive(&mut self, ms: u64) {
        self.mark = self.mark.map(|(since, sent)| (since.plus(ms), sent));
    }

    /// Whether something has waited for too long. A peer that takes a little now and then does not
    /// stay below it: everything that waited at one moment must have gone by the next.
    #[must_use]
    pub fn is_too_old(&self, now: MonoMs, limits: &OutboxLimits) -> bool {
        self.mark.is_some_and(|(since, _)| now >= since.plus(limits.age_ms))
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.budget.queued.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: OutboxLimits = OutboxLimits { bytes: 100, frames: 8, age_ms: 1000 };

    fn frame(bytes: usize) -> Rc<[u8]> {
        vec![b'x'; bytes].into()
    }

    #[test]
    fn the_caps_hold_and_a_refused_frame_changes_nothing() {
        let budget = Budget::new(1000);
        let mut outbox = Outbox::new(budget.clone());
        assert_eq!(outbox.push(frame(100), &LIMITS), Ok(()));
        assert_eq!(outbox.push(frame(1), &LIMITS), Err(Slow));
        assert_eq!((outbox.bytes(), budget.queued()), (100, 100));
        outbox.taken(100);
        for _ in 0..8 {
            assert_eq!(outbox.push(frame(1), &LIMITS), Ok(()));
        }
        assert_eq!(outbox.push(frame(1), &LIMITS), Err(Slow));
        drop(outbox);
        assert_eq!(budget.queued(), 0);
    }

    #[test]
    fn the_close_goes_behind_a_frame_that_was_begun_and_before_nothing_else() {
        let mut outbox = Outbox::new(Budget::new(1000));
        outbox.push((*b"first").into(), &LIMITS).unwrap();
        outbox.push((*b"second").into(), &LIMITS).unwrap();
        outbox.taken(2);
        outbox.replace_with((*b"close").into());
        assert_eq!(drain(&mut outbox, 100), b"rstclose");
    }

    #[test]
    fn a_peer_that_takes_a_little_now_and_then_is_too_slow_all_the_same() {
        let mut outbox = Outbox::new(Budget::new(1000));
        outbox.blocked(MonoMs(0));
        outbox.push(frame(10), &LIMITS).unwrap();
        outbox.blocked(MonoMs(500));
        outbox.blocked(MonoMs(900));
        outbox.taken(9);
        outbox.push(frame(10), &LIMITS).unwrap();
        assert!(!outbox.is_too_old(MonoMs(1499), &LIMITS));
        assert!(outbox.is_too_old(MonoMs(1500), &LIMITS));
        outbox.taken(1);
        assert!(!outbox.is_too_old(MonoMs(9999), &LIMITS), "what waited then has gone");
        outbox.blocked(MonoMs(2000));
        assert!(outbox.is_too_old(MonoMs(3000), &LIMITS));
    }

    #[test]
    fn time_in_which_nothing_could_be_sent_does_not_count() {
        let mut outbox = Outbox::new(Budget::new(1000));
        outbox.push(frame(10), &LIMITS).unwrap();
        outbox.blocked(MonoMs(0));
        outbox.forgive(60_000);
        assert!(!outbox.is_too_old(MonoMs(60_999), &LIMITS));
        assert!(outbox.is_too_old(MonoMs(61_000), &LIMITS), "and no other");
    }

    #[test]
    fn over_the_budget_of_all_those_pay_who_hold_much() {
        let caps = OutboxLimits { bytes: 1 << 20, frames: 8, age_ms: 1 };
        let budget = Budget::new(100 * 1024);
        let (mut large, mut small) = (Outbox::new(budget.clone()), Outbox::new(budget));
        large.push(frame(110 * 1024), &caps).unwrap();
        assert_eq!(large.push(frame(1), &caps), Err(Slow));
        assert_eq!(small.push(frame(1), &caps), Ok(()));
    }

    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !outbox.is_empty() {
            let mut next = Vec::new();
            outbox.gather(&mut next, 20);
            if let Some(alone) = outbox.first_if_alone() {
                assert_eq!(alone, next);
            }
            let taken = step.min(next.len());
            out.extend_from_slice(&next[..taken]);
            outbox.taken(taken);
        }
        out
    }

    proptest! {
        #[test]
        fn bytes_leave_in_order_whatever_the_socket_takes(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..12), 0..8),
            step in 1usize..30,
        ) {
            let mut outbox = Outbox::new(Budget::new(1000));
            for frame in &frames {
                outbox.push(frame.clone().into(), &LIMITS).unwrap();
            }
            prop_assert_eq!(drain(&mut outbox, step), frames.concat());
            prop_assert_eq!(outbox.frames.capacity(), 0);
        }
    }
}

//! Client instances and the window of their accepted sends (invariant 4).

use hubbub_protocol::record::SendRecord;
use hubbub_protocol::{Counter, Instance, Position, SessionId, WallMs, limits};
use std::collections::{BTreeMap, HashMap};

/// What is known of one send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendState {
    /// Admitted, not yet durable.
    Pending,
    /// The store failed on it; whether it is durable shows when the store works again. Until then no
    /// answer may be final, not even that its sender has left the room.
    Uncertain,
    /// Accepted.
    Done { position: Position, time: WallMs },
}

/// How a counter stands to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Not seen, or refused before: admit it.
    New,
    /// Seen.
    Seen(SendState),
    /// So old that nobody knows.
    Stale,
}

/// The window of one instance.
#[derive(Debug, Default)]
pub(crate) struct Window {
    high: u64,
    sends: BTreeMap<u64, SendState>,
    /// The session that speaks for this instance now.
    owner: Option<SessionId>,
    /// Its entry among the released ones.
    released: Option<u64>,
}

impl Window {
    fn from_records(records: &[SendRecord]) -> Self {
        let mut window = Self::default();
        for send in records {
            window.done(send.counter, send.position, send.time);
        }
        window
    }

    pub(crate) fn known(&self, counter: Counter) -> Known {
        match self.sends.get(&counter.0) {
            Some(&state) => Known::Seen(state),
            None if counter.0 == 0 || counter.0 + limits::INSTANCE_WINDOW <= self.high => {
                Known::Stale
            }
            None => Known::New,
        }
    }

    pub(crate) fn pending(&mut self, counter: Counter) {
        self.set(counter, SendState::Pending);
    }

    pub(crate) fn done(&mut self, counter: Counter, position: Position, time: WallMs) {
        self.set(counter, SendState::Done { position, time });
    }

    pub(crate) fn uncertain(&mut self, counter: Counter) {
        self.set(counter, SendState::Uncertain);
    }

    /// The store works again: what is still uncertain was not stored, and may be repeated as new.
    pub(crate) fn settle(&mut self, counter: Counter) {
        if self.sends.get(&counter.0) == Some(&SendState::Uncertain) {
            self.sends.remove(&counter.0);
        }
    }

    fn set(&mut self, counter: Counter, state: SendState) {
        self.sends.insert(counter.0, state);
        self.high = self.high.max(counter.0);
        while self.sends.len() as u64 > limits::INSTANCE_WINDOW {
            // A pending send is among the newest: a session has fewer in flight than the window.
            self.sends.pop_first();
        }
    }

    fn is_idle(&self) -> bool {
        let is_done = |send: &SendState| matches!(send, SendState::Done { .. });
        self.owner.is_none() && self.sends.values().all(is_done)
    }
}

/// All instances in memory, at most [`limits::INSTANCES`] beyond those in use.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    windows: HashMap<Instance, Window>,
    /// Instances without a session, by the order of their release. One entry each.
    released: BTreeMap<u64, Instance>,
    releases: u64,
}

impl Instances {
    pub(crate) fn get(&self, instance: &Instance) -> Option<&Window> {
        self.windows.get(instance)
    }

    pub(crate) fn get_mut(&mut self, instance: &Instance) -> Option<&mut Window> {
        self.windows.get_mut(instance)
    }

    /// Puts in what the store knew, unless the instance is in memory already.
    pub(crate) fn load(&mut self, instance: Instance, records: &[SendRecord]) {
        self.windows.entry(instance).or_insert_with(|| Window::from_records(records));
    }

    /// From now on this session speaks for it. False if it must be loaded first.
    pub(crate) fn claim(&mut self, instance: Instance, session: SessionId) -> bool {
        let Some(window) = self.windows.get_mut(&instance) else { return false };
        window.owner = Some(session);
        if let Some(released) = window.released.take() {
            self.released.remove(&released);
        }
        true
    }

    /// Its session is gone. The instance that has been without one for longest may be forgotten.
    pub(crate) fn release(&mut self, instance: Instance, session: SessionId) {
        let Some(window) = self.windows.get_mut(&instance) else { return };
        if window.owner != Some(session) {
            return;
        }
        window.owner = None;
        self.releases += 1;
        if let Some(before) = window.released.replace(self.releases) {
            self.released.remove(&before);
        }
        self.released.insert(self.releases, instance);
        while self.released.len() > limits::INSTANCES {
            let Some((_, oldest)) = self.released.pop_first() else { break };
            match self.windows.get_mut(&oldest) {
                Some(window) if window.is_idle() => {
                    self.windows.remove(&oldest);
                }
                Some(window) => window.released = None,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::{Epoch, RoomId, Seq};

    fn at(seq: u64) -> Position {
        Position { room: RoomId(1), epoch: Epoch(1), seq: Seq(seq) }
    }

    #[test]
    fn the_window_answers_what_it_has_and_refuses_what_is_behind() {
        let mut window = Window::default();
        for n in 1..=200 {
            assert_eq!(window.known(Counter(n)), Known::New);
            window.done(Counter(n), at(n), WallMs(n));
        }
        assert_eq!(
            window.known(Counter(137)),
            Known::Seen(SendState::Done { position: at(137), time: WallMs(137) })
        );
        assert_eq!(window.known(Counter(136)), Known::Stale);
        assert_eq!(window.known(Counter(0)), Known::Stale);
    }

    #[test]
    fn a_failed_send_may_be_repeated_though_later_ones_succeeded() {
        let mut window = Window::default();
        window.pending(Counter(1));
        window.pending(Counter(2));
        window.uncertain(Counter(1));
        assert_eq!(window.known(Counter(1)), Known::Seen(SendState::Uncertain));
        window.done(Counter(2), at(1), WallMs(0));
        window.settle(Counter(1));
        window.settle(Counter(2));
        assert_eq!(window.known(Counter(1)), Known::New);
        assert_ne!(window.known(Counter(2)), Known::New);
    }

    #[test]
    fn released_windows_are_bounded_and_used_ones_stay() {
        let mut all = Instances::default();
        let instance = |n: u32| Instance(u128::from(n).to_be_bytes());
        let session = SessionId::new(0, 0, 0);
        for n in 0..limits::INSTANCES as u32 + 10 {
            all.load(instance(n), &[]);
            assert!(all.claim(instance(n), session));
            all.release(instance(n), session);
            if n == 0 {
                assert!(all.claim(instance(0), session));
            }
        }
        assert!(all.get(&instance(0)).is_some(), "in use again");
        assert!(all.get(&instance(1)).is_none());
        assert!(all.windows.len() <= limits::INSTANCES + 1);
    }
}

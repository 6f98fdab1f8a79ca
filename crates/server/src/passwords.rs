//! Slow work with passwords, beside everything else: a queue and the threads that empty it.
//!
//! What holds when many come at once: the work is done in the order in which it was asked for, by
//! half of the cores, at a lower priority than everything else, so talk goes on undisturbed. A
//! session waits for one answer at a time, and what a session waited for that is known to be gone is
//! not done (a connection that waits is not read, so the server may hear of its end only by a reset).
//! The queue is bounded, and past its bound the answer is `Busy` at once. It does not tell addresses
//! apart: a flood from one place makes logins slow for all, and nothing but logins.

use crate::credentials::{Hasher, Nobody};
use crate::hub_loop::HubLoop;
use crate::{platform, random};
use hubbub_hub::{Input, PasswordOutcome, PasswordWork};
use hubbub_protocol::{SessionId, limits};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What waits for a worker.
#[derive(Debug, Default)]
pub(crate) struct PasswordQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<(SessionId, PasswordWork)>,
    closed: bool,
}

impl PasswordQueue {
    /// Queues work for a session. False if too much waits already.
    #[must_use]
    pub(crate) fn push(&self, session: SessionId, work: PasswordWork) -> bool {
        let mut state = self.lock();
        if state.jobs.len() >= limits::PASSWORDS_WAITING {
            return false;
        }
        state.jobs.push_back((session, work));
        drop(state);
        self.changed.notify_one();
        true
    }

    /// The session is gone: nobody waits for its answer.
    pub(crate) fn forget(&self, session: SessionId) {
        self.lock().jobs.retain(|(of, _)| *of != session);
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The next work; `None` when the queue is closed, whatever is in it.
    fn take(&self) -> Option<(SessionId, PasswordWork)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many threads do this work: half of the cores, and one at least. Each takes 19 MiB while it
/// does.
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// What came of some work, on its way to the hub.
pub(crate) type Outcome = (SessionId, PasswordOutcome);

/// Works until the queue is closed. Never touches the hub: at this priority it could be put off while
/// it holds the hub's lock, and everybody would wait with it.
pub(crate) fn work(queue: &PasswordQueue, to: &Sender<Outcome>) {
    platform::lower_priority();
    let mut hasher = Hasher::default();
    let nobody = Nobody::new(&mut hasher, &random::salts());
    while let Some((session, work)) = queue.take() {
        // Nobody listens any more when the server stops.
        let _ = to.send((session, done(&mut hasher, &nobody, work)));
    }
}

/// Tells the hub, at the priority of all others, until the last worker has ended.
pub(crate) fn answer(outcomes: Receiver<Outcome>, hub: &HubLoop) {
    for (session, outcome) in outcomes {
        hub.drive(Input::PasswordsDone { session, outcome });
    }
}

fn done(hasher: &mut Hasher, nobody: &Nobody, work: PasswordWork) -> PasswordOutcome {
    match work {
        PasswordWork::Check { credentials, password } => {
            PasswordOutcome::Checked(match credentials {
                Some(credentials) => hasher.check(&credentials, &password),
                None => nobody.check(hasher, &password),
            })
        }
        PasswordWork::Make { password } => {
            PasswordOutcome::Made(hasher.make(&password, &random::salts()))
        }
        PasswordWork::Change { credentials, old, new } => {
            let is_right = hasher.check(&credentials, &old);
            let made = is_right.then(|| hasher.make(&new, &random::salts()));
            PasswordOutcome::Changed(made)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::Password;

    fn session(slot: u32) -> SessionId {
        SessionId::new(0, 1, slot)
    }

    fn password(text: &str) -> Password {
        Password::given(text).unwrap()
    }

    fn check() -> PasswordWork {
        PasswordWork::Check { credentials: None, password: password("x") }
    }

    #[test]
    fn the_queue_is_bounded_and_forgets_who_is_gone() {
        let queue = PasswordQueue::default();
        let most = u32::try_from(limits::PASSWORDS_WAITING).unwrap();
        for slot in 0..most {
            assert!(queue.push(session(slot), check()));
        }
        assert!(!queue.push(session(most), check()), "one too many");
        queue.forget(session(0));
        assert!(queue.push(session(most), check()));
        assert!(!queue.push(session(most), check()));
        let next = queue.take().map(|(session, _)| session);
        assert_eq!(next, Some(session(1)), "the first has gone");
        queue.close();
        assert!(queue.take().is_none(), "nobody waits for the rest");
    }

    #[test]
    fn all_work_is_done() {
        let mut hasher = Hasher::default();
        let nobody = Nobody::new(&mut hasher, &random::salts());
        let hasher = std::cell::RefCell::new(hasher);
        let done = |work| done(&mut hasher.borrow_mut(), &nobody, work);
        let made = done(PasswordWork::Make { password: password("one") });
        let PasswordOutcome::Made(one) = made else { panic!("{made:?}") };
        let checked = |credentials, text| {
            let work = PasswordWork::Check { credentials, password: password(text) };
            matches!(done(work), PasswordOutcome::Checked(true))
        };
        assert!(checked(Some(one.clone()), "one"));
        assert!(!checked(Some(one.clone()), "two"));
        assert!(!checked(None, "one"));
        let change = |old, new| {
            let (old, new) = (password(old), password(new));
            done(PasswordWork::Change { credentials: one.clone(), old, new })
        };
        let wrong = change("two", "three");
        assert!(matches!(wrong, PasswordOutcome::Changed(None)), "{wrong:?}");
        let right = change("one", "two");
        let PasswordOutcome::Changed(Some(two)) = right else { panic!("{right:?}") };
        assert!(checked(Some(two.clone()), "two"));
        assert!(!checked(Some(two), "one"));
    }
}

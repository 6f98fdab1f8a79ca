//! The thread that brings the search index up to the log: behind the commits, at low priority, and never
//! in anybody's way.
//!
//! It works when something was committed, not for each commit: while much is said, it takes a short rest
//! each time when it has caught up, so that one step has many messages. It takes no lock but that of its
//! own bell, and no errors of the index reach anybody: a search says that it is behind.

use crate::platform;
use hubbub_store::Indexer;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two times at which it catches up.
const REST: Duration = Duration::from_millis(200);
/// When nobody rings it looks all the same: a search may have found the index damaged.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
const FAILED_FIRST_WAIT: Duration = Duration::from_secs(1);
const FAILED_LONGEST_WAIT: Duration = Duration::from_secs(60);

/// By what the indexer is told that there may be something to do, and when to end.
#[derive(Debug)]
pub(crate) struct IndexerBell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    rung: bool,
    closed: bool,
}

impl Default for IndexerBell {
    /// Rung: at the start nobody knows what was said before.
    fn default() -> Self {
        let state = State { rung: true, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl IndexerBell {
    /// Something was committed.
    pub(crate) fn ring(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.rung, true) {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The indexer ends after the step that it is in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it rings, or for long. False when it is closed.
    fn wait(&self) -> bool {
        let waiting = |state: &mut State| !state.rung && !state.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), LOOK_AGAIN, waiting);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.rung = false;
        !state.closed
    }

    /// Waits so long, but not beyond the end. False when it is closed.
    fn rest(&self, time: Duration) -> bool {
        let waiting = |state: &mut State| !state.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), time, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

/// Runs until the bell is closed.
pub(crate) fn run(bell: &IndexerBell, mut indexer: Box<dyn Indexer>) {
    platform::lower_priority();
    let mut wait = FAILED_FIRST_WAIT;
    while bell.wait() {
        while let Err(error) = catch_up(bell, indexer.as_mut()) {
            tracing::warn!(
                %error,
                again_s = wait.as_secs(),
                "the search index is not brought up to date: the newest messages are not found"
            );
            if !bell.rest(wait) {
                return;
            }
            wait = (wait * 2).min(FAILED_LONGEST_WAIT);
        }
        wait = FAILED_FIRST_WAIT;
        if !bell.rest(REST) {
            return;
        }
    }
}

/// Steps until nothing is to do, or the bell is closed.
fn catch_up(bell: &IndexerBell, indexer: &mut dyn Indexer) -> Result<(), hubbub_store::StoreError> {
    while !bell.is_closed() && indexer.step()? {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_store::StoreError;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::JoinHandle;

    /// Tells of each step, and does what it is told.
    struct Told {
        began: Sender<()>,
        answers: Receiver<Result<bool, StoreError>>,
    }

    impl Indexer for Told {
        fn step(&mut self) -> Result<bool, StoreError> {
            self.began.send(()).unwrap();
            self.answers.recv().unwrap()
        }
    }

    struct Check {
        bell: Arc<IndexerBell>,
        steps: Receiver<()>,
        answer: Sender<Result<bool, StoreError>>,
        thread: JoinHandle<()>,
    }

    impl Check {
        fn start() -> Self {
            let (began, steps) = channel();
            let (answer, answers) = channel();
            let bell = Arc::new(IndexerBell::default());
            let rung = Arc::clone(&bell);
            let run = move || run(&rung, Box::new(Told { began, answers }));
            Self { bell, steps, answer, thread: std::thread::spawn(run) }
        }

        /// Waits for a step and answers it.
        fn step(&self, more: bool) {
            self.steps.recv_timeout(Duration::from_secs(10)).unwrap();
            self.answer.send(Ok(more)).unwrap();
        }

        fn end(self) {
            self.bell.close();
            self.thread.join().unwrap();
            assert!(self.steps.try_recv().is_err(), "a step that nobody wanted");
        }
    }

    #[test]
    fn it_steps_until_nothing_is_to_do_and_again_when_it_is_told() {
        let check = Check::start();
        check.step(true);
        check.step(true);
        check.step(false);
        for _ in 0..100 {
            check.bell.ring();
        }
        check.step(false);
        check.end();
    }

    #[test]
    fn what_rings_during_a_step_is_not_forgotten() {
        let check = Check::start();
        check.steps.recv_timeout(Duration::from_secs(10)).unwrap();
        check.bell.ring();
        check.answer.send(Ok(false)).unwrap();
        check.step(false);
        check.end();
    }

    #[test]
    fn it_ends_in_the_middle_of_its_work() {
        let check = Check::start();
        check.step(true);
        check.steps.recv_timeout(Duration::from_secs(10)).unwrap();
        check.bell.close();
        check.answer.send(Ok(true)).unwrap();
        check.end();
    }

    #[test]
    fn it_tries_again_after_an_error_and_ends_at_once_all_the_same() {
        let check = Check::start();
        check.steps.recv_timeout(Duration::from_secs(10)).unwrap();
        check.answer.send(Err(StoreError::Full("no room".into()))).unwrap();
        check.step(false);
        check.bell.ring();
        check.steps.recv_timeout(Duration::from_secs(10)).unwrap();
        check.answer.send(Err(StoreError::Full("no room".into()))).unwrap();
        check.end();
    }
}

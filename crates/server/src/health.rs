//! How a server is: whether it *lives* (its threads turn; a dead one is to be started anew) and whether it
//! is *ready* (it takes connections, and the store takes what is said). `listener` tells that, and the
//! figures, over HTTP; the operator's door tells it to `hubbub health`.

mod http;
mod listener;

pub(crate) use listener::{Listener, bind};

use crate::lane::ToLane;
use crate::metrics::Metrics;
use hubbub_protocol::MonoMs;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A lane that has shown itself since so long need not be asked, in milliseconds.
const FRESH_MS: u64 = 1_000;
/// How long whoever is asked has for an answer, in milliseconds.
const ANSWER_MS: u64 = 2_000;
/// Between two looks at the answers.
const LOOK: Duration = Duration::from_millis(5);
/// A committer that works longer on a batch holds up everybody: what is said now is not stored soon. In
/// milliseconds.
const SLOW_COMMIT_MS: u64 = 60_000;
/// One that works longer will not come back: only a new start helps. A slow disk may need minutes for a
/// checkpoint of a large log, and a new start would begin with the same. In milliseconds.
const STUCK_COMMIT_MS: u64 = 600_000;
/// The listening thread turns twice a second. In milliseconds.
const LATE_TICK_MS: u64 = 10_000;

/// Asks a running server how it is.
#[derive(Debug)]
pub struct Health {
    metrics: Arc<Metrics>,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// It turns. If not, it must be started anew.
    pub live: bool,
    /// It lives, takes connections, and keeps what is said.
    pub ready: bool,
    /// What is not well, for people; empty if it is ready.
    pub reasons: Vec<String>,
}

/// One look at everything: the name of what was looked at, and what is wrong with it.
#[derive(Debug)]
struct Looked {
    of_life: Vec<(&'static str, Option<String>)>,
    of_readiness: Vec<(&'static str, Option<String>)>,
}

impl Health {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// Looks. Needs a runtime with time around it; takes two seconds at most, and far less where all is
    /// well. Nothing that talks waits for it.
    pub async fn check(&self) -> HealthReport {
        self.look().await.report()
    }

    /// The same, where no runtime runs.
    ///
    /// # Errors
    /// If the system gives no event loop.
    pub fn check_blocking(&self) -> std::io::Result<HealthReport> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(runtime.block_on(self.check()))
    }

    /// From now on it is not ready, whatever is looked at.
    pub(crate) fn begin_stopping(&self) {
        self.metrics.counters().is_stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.metrics.counters().is_stopping.load(Ordering::Relaxed)
    }

    fn now(&self) -> MonoMs {
        self.metrics.counters().clock.mono()
    }

    async fn look(&self) -> Looked {
        let store = self.store();
        let (mut of_life, listening) = if self.is_stopping() {
            // Its threads end, in good order. Whoever waits for that must not kill it meanwhile.
            (Vec::new(), Some("this server is stopping".to_owned()))
        } else {
            let counters = self.metrics.counters();
            let is_listening = counters.is_listening.load(Ordering::Relaxed);
            let listening = (!is_listening).then(|| "no connections are taken".to_owned());
            (vec![("lanes", self.lanes().await), ("hub", self.hub().await)], listening)
        };
        if !of_life.is_empty() {
            of_life.push(("listening thread", self.tick()));
        }
        of_life.push(("commits", self.committer().or_else(|| self.commit_over(STUCK_COMMIT_MS))));
        let of_readiness = vec![
            ("listening", listening),
            ("store", store.or_else(|| self.commit_over(SLOW_COMMIT_MS))),
        ];
        Looked { of_life, of_readiness }
    }

    /// Whether each lane turns. Those that had nothing to do are asked to show it.
    async fn lanes(&self) -> Option<String> {
        let (counters, hub) = (self.metrics.counters(), self.metrics.hub());
        let asked = self.now();
        let mut waiting: Vec<usize> = (0..counters.lanes.len()).collect();
        waiting.retain(|&lane| asked.0.saturating_sub(counters.lanes[lane].beaten().0) > FRESH_MS);
        for &lane in &waiting {
            if counters.lanes[lane].ask() {
                hub.tell_lane(lane, ToLane::Beat);
            }
        }
        loop {
            waiting.retain(|&lane| counters.lanes[lane].beaten() < asked);
            if waiting.is_empty() {
                return None;
            }
            if self.is_stopping() {
                return None;
            }
            if self.now() > asked.plus(ANSWER_MS) {
                let lanes: Vec<String> = waiting.iter().map(usize::to_string).collect();
                return Some(format!("these lanes do not turn: {}", lanes.join(", ")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the hub's lock can be had.
    async fn hub(&self) -> Option<String> {
        let began = self.now();
        let hub = self.metrics.hub();
        let inputs = hub.inputs();
        // Others get it all the time: under load that is what shows that it works.
        while !hub.is_free() && hub.inputs() == inputs {
            if self.now() > began.plus(ANSWER_MS) {
                return Some("the hub does not answer".into());
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }

    /// Whether the listening thread turns. After a standstill of the whole process it is late at first.
    fn tick(&self) -> Option<String> {
        let counters = self.metrics.counters();
        let ticked = MonoMs(counters.ticked_ms.load(Ordering::Relaxed));
        (self.now() > ticked.plus(LATE_TICK_MS)).then(|| "the listening thread hangs".to_owned())
    }

    fn store(&self) -> Option<String> {
        let is_down = self.metrics.counters().store.is_down();
        is_down.then(|| "the store takes nothing at the moment; the log says why".to_owned())
    }

    /// Whether the thread is there that writes.
    fn committer(&self) -> Option<String> {
        let is_gone = self.metrics.counters().store.is_gone();
        is_gone.then(|| "nothing is stored any more: the thread that does it has ended".to_owned())
    }

    fn commit_over(&self, most_ms: u64) -> Option<String> {
        let since = self.metrics.counters().store.working_since()?;
        let passed_ms = self.now().0.saturating_sub(since.0);
        let seconds = passed_ms / 1000;
        (passed_ms > most_ms).then(|| format!("the store has been writing for {seconds} s"))
    }
}

impl Looked {
    fn is_live(&self) -> bool {
        self.of_life.iter().all(|(_, wrong)| wrong.is_none())
    }

    fn is_ready(&self) -> bool {
        self.is_live() && self.of_readiness.iter().all(|(_, wrong)| wrong.is_none())
    }

    fn report(self) -> HealthReport {
        let (live, ready) = (self.is_live(), self.is_ready());
        let mut reasons: Vec<String> = Vec::new();
        for (_, wrong) in self.of_life.into_iter().chain(self.of_readiness) {
            reasons.extend(wrong.filter(|wrong| !reasons.contains(wrong)));
        }
        HealthReport { live, ready, reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::hub_loop::HubLoop;
    use crate::metrics::{Counters, Sources};
    use crate::outbox::Budget;
    use hubbub_hub::{Hub, HubConfig, Input};
    use hubbub_protocol::Epoch;
    use hubbub_protocol::record::Snapshot;

    /// A server with one lane, none of whose threads run.
    fn health() -> Health {
        let hub = Hub::new(HubConfig::default(), Epoch(1), Snapshot::default(), &mut Vec::new());
        let (commits, reading, passwords) = (Arc::default(), Arc::default(), Arc::default());
        let (inboxes, counters) = (vec![Arc::default()], Counters::new(1, Clock::start()));
        let hub = Arc::new(HubLoop::new(
            hub,
            Vec::new(),
            inboxes.clone(),
            Arc::clone(&commits),
            Arc::clone(&reading),
            Arc::clone(&passwords),
            Arc::default(),
            tokio::sync::mpsc::unbounded_channel().0,
            Arc::clone(&counters),
        ));
        let budget = Budget::new(1);
        let sources = Sources { hub, commits, reading, passwords, budget, inboxes };
        Health::new(Metrics::new(counters, sources))
    }

    /// Waits until a lane that has not turned since the start counts as one to be asked.
    fn old_enough(health: &Health) {
        while health.now().0 <= FRESH_MS {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_lane_that_does_not_turn_is_found_and_asked_once() {
        let health = health();
        old_enough(&health);
        for _ in 0..2 {
            let report = health.check_blocking().unwrap();
            assert_eq!((report.live, report.ready), (false, false));
            assert!(report.reasons[0].contains("lanes do not turn: 0"), "{report:?}");
        }
        assert_eq!(health.metrics.stats().queues.lanes, 1, "it is not asked over and over");
        health.begin_stopping();
        let report = health.check_blocking().unwrap();
        assert!(report.live && !report.ready, "a server that stops is not killed: {report:?}");
    }

    #[test]
    fn a_store_that_hangs_is_first_not_ready_and_then_not_alive() {
        let health = health();
        let store = &health.metrics.counters().store;
        assert_eq!((health.commit_over(0), health.store()), (None, None));
        store.set_working(MonoMs(0));
        old_enough(&health);
        assert!(health.commit_over(500).is_some_and(|reason| reason.contains("writing for 1 s")));
        assert_eq!(health.commit_over(STUCK_COMMIT_MS), None);
        store.note(1, 1, false);
        assert!(health.commit_over(500).is_some(), "what follows on a commit counts, too");
        store.set_idle();
        store.set_down(true);
        assert_eq!(health.commit_over(0), None);
        assert!(health.store().is_some());
    }

    #[test]
    fn a_hub_that_is_free_answers() {
        let health = health();
        health.metrics.hub().drive(Input::Tick);
        assert_eq!(health.metrics.hub().inputs(), 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        assert_eq!(runtime.block_on(health.hub()), None);
    }
}

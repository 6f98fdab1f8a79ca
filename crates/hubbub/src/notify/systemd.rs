//! The messages to systemd (sd_notify(3)), and the thread that goes on telling it.

use hubbub_server::{Handle, Health, Metrics};
use sd_notify::NotifyState;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is told how many are here, where there is no watchdog.
const STATUS_EVERY: Duration = Duration::from_secs(15);
/// Between two tries while the server does not live.
const AGAIN: Duration = Duration::from_secs(1);

/// The service manager that has started us, if one has.
pub(crate) struct Manager {
    /// Its end is the end of the thread. `None`: nobody wants to know.
    telling: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Manager {
    /// The server listens. From now on the manager is told how it is.
    pub(crate) fn serving(handle: &Handle) -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self { telling: None };
        }
        tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
        let (stop, stopped) = mpsc::channel();
        let teller = Teller {
            health: handle.health(),
            metrics: handle.metrics(),
            // Half of it, as sd_watchdog_enabled(3) says, so that one late message does no harm.
            every: sd_notify::watchdog_enabled().map(|within| within / 2),
        };
        let thread = std::thread::Builder::new().name("notify".into());
        match thread.spawn(move || teller.run(&stopped)) {
            Ok(thread) => Self { telling: Some((stop, thread)) },
            Err(error) => {
                tracing::error!(%error, "systemd is not told how this server is");
                Self { telling: None }
            }
        }
    }

    /// Settings and certificates are read again.
    pub(crate) fn reloading(&self) {
        if self.telling.is_none() {
            return;
        }
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "the clock for systemd"),
        }
    }

    /// That is done, well or not: the log says it.
    pub(crate) fn reloaded(&self) {
        if self.telling.is_some() {
            tell(&[NotifyState::Ready]);
        }
    }

    /// It stops.
    pub(crate) fn stopping(self) {
        let Some((stop, thread)) = self.telling else { return };
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
        // The thread may be in a look that takes two seconds; nobody waits for it.
        drop(stop);
        drop(thread);
    }
}

struct Teller {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    every: Option<Duration>,
}

impl Teller {
    /// Until the other end is dropped.
    fn run(&self, stopped: &mpsc::Receiver<()>) {
        let mut status_at = Instant::now();
        let mut was_live = true;
        loop {
            let (is_live, reasons) = match self.health.check_blocking() {
                Ok(report) => (report.live, report.reasons.join("; ")),
                Err(error) => (false, format!("can't look how this server is: {error}")),
            };
            match news(was_live, is_live, self.every.is_some()) {
                Some(words) if is_live => tracing::info!("{words}"),
                Some(words) => tracing::error!(reasons, "{words}"),
                None => {}
            }
            was_live = is_live;
            // It may have been told to stop meanwhile.
            if stopped.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
                return;
            }
            if is_live && self.every.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
            if Instant::now() >= status_at {
                tell(&[NotifyState::Status(&self.status())]);
                status_at = Instant::now() + STATUS_EVERY;
            }
            let pause = if is_live { self.every.unwrap_or(STATUS_EVERY) } else { AGAIN };
            match stopped.recv_timeout(pause.min(STATUS_EVERY)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
        }
    }

    fn status(&self) -> String {
        let stats = self.metrics.stats();
        let (of, users) = (stats.connections, stats.users);
        let all = of.native + of.plain + of.none;
        let state = if stats.commits.is_down { "the store takes nothing; " } else { "" };
        format!("{state}{users} users on {all} connections, {} rooms", stats.rooms)
    }
}

/// What the log hears of a look at the server: only what is otherwise than at the last one.
fn news(was_live: bool, is_live: bool, has_watchdog: bool) -> Option<&'static str> {
    match (was_live, is_live) {
        (true, false) if has_watchdog => {
            Some("this server does not live: if it stays so, systemd starts it anew")
        }
        (true, false) => Some("this server does not live: start it anew if it stays so"),
        (false, true) => Some("this server lives again"),
        _ => None,
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::debug!(%error, "systemd can't be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_hears_once_of_a_server_that_does_not_live_and_what_becomes_of_it() {
        let looks = |has_watchdog| {
            let lives = [true, false, false, true, true];
            let news = lives.windows(2).map(|two| news(two[0], two[1], has_watchdog));
            news.flatten().collect::<Vec<_>>()
        };
        for (has_watchdog, begun_by_systemd) in [(true, true), (false, false)] {
            let told = looks(has_watchdog);
            assert_eq!(told.len(), 2, "{told:?}");
            assert_eq!(told[0].contains("systemd starts it anew"), begun_by_systemd);
        }
    }
}

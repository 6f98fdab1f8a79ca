//! Listeners: bind, accept, and hand connections to the lanes in turn.

use crate::config::{ServerConfig, StartError};
use crate::hub_loop::HubLoop;
use crate::lane::ToLane;
use crate::metrics::Metrics;
use crate::platform;
use crate::tls::{self, Tls};
use hubbub_hub::{Admission, Arrivals, ClockJump, ClockSense, Input};
use hubbub_protocol::MonoMs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the hub hears that time passes.
const TICK: Duration = Duration::from_millis(500);
/// How long accepting rests when files ran out.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);
/// So long nobody must have been turned away before it is told anew that files ran out.
const EXHAUSTED_QUIET: Duration = Duration::from_secs(60);

/// How often it is told that connections are turned away, in milliseconds.
const CROWD_QUIET_MS: u64 = 60_000;

/// Opens a listening socket.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    platform::listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            StartError::AddressTaken { address, hint: taken_hint(address.port()) }
        }
        io::ErrorKind::AddrNotAvailable => StartError::Listen {
            address,
            error,
            hint: "This computer has no such address. 0.0.0.0 listens on all that it has",
        },
        io::ErrorKind::PermissionDenied => StartError::Listen {
            address,
            error,
            hint: "Ports below 1024 need a privilege. Take a higher one, such as 5000",
        },
        _ => StartError::Listen { address, error, hint: "Choose another with --listen ADDR:PORT" },
    })
}

fn taken_hint(port: u16) -> String {
    let who = match port {
        5000 => {
            "something else listens there (on macOS often AirPlay Receiver: System Settings, General, AirDrop & Handoff; or another hubbub)"
        }
        _ => "something else listens there (perhaps another hubbub)",
    };
    format!(
        "{who}. Stop it, or choose another port with --port N, or --listen ADDR:PORT (port 0 picks a free one)"
    )
}

/// What accepting needs to know.
#[derive(Debug)]
pub(crate) struct Accepting {
    pub(crate) hub: Arc<HubLoop>,
    pub(crate) lanes: usize,
    pub(crate) arrivals: Arc<Mutex<Arrivals>>,
    /// As it is at the moment.
    pub(crate) config: watch::Receiver<Arc<ServerConfig>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) crowd: Mutex<Crowd>,
    /// The lane of the next one.
    pub(crate) next: AtomicUsize,
}

impl Accepting {
    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_turned_away(&self, from: IpAddr) {
        self.metrics.counters().turned_away.fetch_add(1, Ordering::Relaxed);
        let now = self.hub.clock().mono();
        if let Some(before) = self.crowd.lock().unwrap_or_else(PoisonError::into_inner).note(now) {
            tracing::warn!(
                %from,
                more_before = before,
                "a connection is one too many and is turned away (see `connects`, `connections` and `connections_per_address` in [limits])"
            );
        }
    }

    /// Gives a connection to a lane, if there may be one more.
    fn take(&self, stream: std::net::TcpStream, peer: SocketAddr, tls_only: bool) {
        let address = peer.ip().to_canonical();
        let config = Arc::clone(&self.config.borrow());
        let mut admission = None;
        // Who comes from a proxy says later for whom.
        if !config.proxies.iter().any(|network| network.contains(&address)) {
            admission = Some(self.arrivals().arrive(self.hub.clock().mono(), address));
        }
        if matches!(admission, Some(Admission::Drop | Admission::TurnAway)) {
            self.note_turned_away(address);
        }
        if admission == Some(Admission::Drop) {
            return platform::abort(stream);
        }
        if let Err(error) = platform::prepare(&stream, config.probe_ms) {
            if let Some(admission) = admission {
                self.arrivals().gone(address, admission);
            }
            return tracing::debug!(%error, %peer, "a connection broke at once");
        }
        let lane = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes;
        self.hub.tell_lane(lane, ToLane::Accepted { stream, peer, admission, tls_only });
    }
}

/// Accepts until `stop` says so, and tells the hub the time. With each listener: whether it takes TLS
/// alone.
pub(crate) fn run(
    listeners: Vec<(TcpListener, bool)>,
    accepting: Accepting,
    certificates: Arc<Tls>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let accepting = Arc::new(accepting);
        let mut tasks = tokio::task::JoinSet::new();
        for (listener, tls_only) in listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tasks.spawn(accept(listener, tls_only, Arc::clone(&accepting)));
        }
        // Beside them, so that it ends with them.
        tasks.spawn(tls::watch(certificates));
        accepting.metrics.counters().is_listening.store(true, Ordering::Relaxed);
        let mut tick = tokio::time::interval(TICK);
        // The hub has its own, and no log.
        let mut clock_sense = ClockSense::default();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    if let Some(jump) = clock_sense.notice(accepting.hub.clock().now()) {
                        tell_of_jump(jump);
                    }
                    accepting.hub.drive(Input::Tick);
                    accepting.metrics.tick();
                }
                // The sender gone means the same.
                _ = stop.changed() => break,
            }
        }
        accepting.metrics.counters().is_listening.store(false, Ordering::Relaxed);
        // Dropping the set closes the sockets: the port is free at once.
        tasks.shutdown().await;
        Ok(())
    })
}

fn tell_of_jump(jump: ClockJump) {
    tracing::warn!(
        by_seconds = jump.by_ms / 1_000,
        minutes = jump.doubt_ms / 60_000,
        "the clock of this computer has jumped: nothing goes by its age (old messages, logins, requests, audit entries) until it has kept going for so many minutes"
    );
}

async fn accept(listener: tokio::net::TcpListener, tls_only: bool, accepting: Arc<Accepting>) {
    let file_limit = platform::file_limit();
    let mut exhausted = Exhausted::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let stream = match stream.into_std() {
                    Ok(stream) => stream,
                    Err(error) => {
                        tracing::debug!(%error, %peer, "a connection broke at once");
                        continue;
                    }
                };
                if platform::takes_spare_file(&stream, file_limit) {
                    // Closed at once: whoever waits in vain doesn't try elsewhere, or later.
                    exhausted.is_so("the last ones are kept for the store");
                    continue;
                }
                exhausted.is_over();
                accepting.take(stream, peer, tls_only);
            }
            Err(error) if platform::is_exhausted(&error) => {
                exhausted.is_so(&error.to_string());
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
            // The peer was gone before we came to it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Connections that are one too many: told at once, and then once a minute.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    told: Option<MonoMs>,
    untold: u64,
}

impl Crowd {
    /// One more. How many were not told since the last time, if it is time to tell.
    fn note(&mut self, now: MonoMs) -> Option<u64> {
        if self.told.is_some_and(|told| now < told.plus(CROWD_QUIET_MS)) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// Whether files have run out, which is told once and not for each connection.
#[derive(Default)]
struct Exhausted {
    since: Option<Instant>,
    turned_away_since: u64,
}

impl Exhausted {
    fn is_so(&mut self, why: &str) {
        self.turned_away_since += 1;
        if self.since.replace(Instant::now()).is_none() {
            tracing::error!(
                why,
                "no more connections can be taken: the limit of open files is reached (see `ulimit -n`, LimitNOFILE); those that are here go on"
            );
        }
    }

    /// One was taken. At the limit that changes with each that goes and comes, so it counts as over
    /// only after a while.
    fn is_over(&mut self) {
        if self.since.is_some_and(|since| since.elapsed() > EXHAUSTED_QUIET) {
            tracing::info!(turned_away = self.turned_away_since, "connections are taken again");
            *self = Self::default();
        }
    }
}

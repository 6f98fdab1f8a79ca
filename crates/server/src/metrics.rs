//! Figures of a server: for the verb `stats`, and for Prometheus (`exposition`). They are counted where the
//! work is done (`counters`) and gathered here when somebody asks. Never a name of a user or a room.

mod counters;
mod exposition;
mod process;
mod rates;

pub(crate) use counters::{
    Auth, Counters, LaneCounters, Present, StoreCounters, is_said, is_words,
};

use crate::clock;
use crate::commit::CommitQueue;
use crate::hub_loop::HubLoop;
use crate::lane::Inbox;
use crate::outbox::Budget;
use crate::passwords::PasswordQueue;
use crate::platform;
use crate::reading::ReadingQueue;
use counters::Counted;
use hubbub_hub::Figures;
use hubbub_protocol::MonoMs;
use prometheus_client::registry::Registry;
use rates::{Rates, Totals};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The media type of [`Metrics::exposition`].
pub const EXPOSITION_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that can be asked about a running server. Cheap to ask: nothing that talks waits for it.
#[derive(Debug)]
pub struct Metrics {
    counters: Arc<Counters>,
    sources: Sources,
    rates: Mutex<Rates>,
    /// Those of the last time when the hub had a moment.
    figures: Mutex<Figures>,
    /// In milliseconds since 1970.
    started_ms: u64,
}

/// Where figures are that nobody counts.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) hub: Arc<HubLoop>,
    pub(crate) commits: Arc<CommitQueue>,
    pub(crate) reading: Arc<ReadingQueue>,
    pub(crate) passwords: Arc<PasswordQueue>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) inboxes: Vec<Arc<Inbox>>,
}

/// A server's figures at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// How long it has run, in seconds.
    pub uptime_s: u64,
    /// Connections by door.
    pub connections: Connections,
    /// Users, with those whose connection was lost a moment ago.
    pub users: usize,
    /// Rooms and private chats.
    pub rooms: usize,
    /// Messages of members that were accepted.
    pub messages_in: Flow,
    /// Messages that were given to sessions.
    pub deliveries_out: Flow,
    /// Memory that the process has, in bytes, where the system says.
    pub memory_bytes: Option<u64>,
    /// Time of processors that it took, in seconds, where the system says.
    pub cpu_s: Option<f64>,
    /// What waits.
    pub queues: Queues,
    /// What the store does.
    pub commits: Commits,
}

/// How many connections have which door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Connections {
    /// Native clients.
    pub native: u64,
    /// netcat and telnet.
    pub plain: u64,
    /// Those that have not said yet what they speak.
    pub none: u64,
}

/// Something that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// Since the start.
    pub total: u64,
    /// A second, over the last ten seconds.
    pub per_second: f64,
    /// A second, over the last minute.
    pub per_second_of_minute: f64,
}

/// What waits for its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Queues {
    /// Records for the store.
    pub commit: usize,
    /// Admitted events that nobody has seen yet.
    pub pending: usize,
    /// Reads of the store for sessions.
    pub reading: usize,
    /// Passwords to be checked or made.
    pub passwords: usize,
    /// What lanes are told.
    pub lanes: usize,
    /// Bytes for connections that their sockets did not take yet.
    pub outbox_bytes: usize,
}

/// What the store does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Commits {
    /// Since the start, with the failed ones.
    pub total: u64,
    /// Those that failed.
    pub failed: u64,
    /// Of the last minute, in microseconds; `None`: there was none.
    pub mean_us: Option<u64>,
    /// The longest of the last minute, in microseconds.
    pub worst_us: u64,
    /// The store takes nothing at the moment.
    pub is_down: bool,
}

impl Metrics {
    pub(crate) fn new(counters: Arc<Counters>, sources: Sources) -> Arc<Self> {
        Arc::new(Self {
            counters,
            sources,
            rates: Mutex::default(),
            figures: Mutex::default(),
            started_ms: clock::wall().0,
        })
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        let now = counters.clock.mono();
        let figures = self.figures();
        let totals = self.totals();
        let worst = counters.store.worst_us.load(Ordering::Relaxed);
        let lately = self.rates().lately(now, totals, worst);
        let flow = |total, [recent, minute]: [f64; 2]| Flow {
            total,
            per_second: recent,
            per_second_of_minute: minute,
        };
        let [none, native, plain] = counters.connections();
        let process = process::of_this();
        Stats {
            uptime_s: now.0 / 1000,
            connections: Connections { native, plain, none },
            users: figures.users,
            rooms: figures.rooms,
            messages_in: flow(totals.accepted, lately.accepted),
            deliveries_out: flow(totals.delivered, lately.delivered),
            memory_bytes: process.map(|process| process.resident_bytes),
            cpu_s: process.map(|process| process.cpu_seconds),
            queues: self.queues(figures),
            commits: Commits {
                total: totals.commits,
                failed: counters.store.failed.load(Ordering::Relaxed),
                mean_us: lately.mean_commit_us,
                worst_us: lately.worst_commit_us,
                is_down: counters.store.is_down(),
            },
        }
    }

    /// All of it as OpenMetrics text, which Prometheus reads.
    #[must_use]
    pub fn exposition(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(self)));
        let mut text = String::new();
        // Only writing can fail, and a string takes everything.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }

    /// Time passes: twice a second is enough.
    pub(crate) fn tick(&self) {
        let now = self.counters.clock.mono();
        self.counters.ticked_ms.store(now.0, Ordering::Relaxed);
        let mut rates = self.rates();
        if rates.is_due(now) {
            let worst = self.counters.store.worst_us.swap(0, Ordering::Relaxed);
            rates.note(now, self.totals(), worst);
        }
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn hub(&self) -> &Arc<HubLoop> {
        &self.sources.hub
    }

    fn totals(&self) -> Totals {
        let counters = &self.counters;
        let mut commits = Counted::default();
        counters.store.commit_us.add_to(&mut commits);
        Totals {
            accepted: counters.accepted.load(Ordering::Relaxed),
            delivered: counters.delivered(),
            commits: commits.count(),
            commits_us: commits.sum,
        }
    }

    /// Those of the hub. Where it is busy for long, those of before: who asks how a server is that hangs
    /// must not hang with it.
    fn figures(&self) -> Figures {
        let mut last = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = self.sources.hub.figures_soon() {
            *last = figures;
        }
        *last
    }

    fn queues(&self, figures: Figures) -> Queues {
        let sources = &self.sources;
        Queues {
            commit: sources.commits.len(),
            pending: figures.pending,
            reading: sources.reading.len(),
            passwords: sources.passwords.len(),
            lanes: sources.inboxes.iter().map(|inbox| inbox.len()).sum(),
            outbox_bytes: sources.budget.queued(),
        }
    }

    fn files_max() -> Option<u64> {
        platform::file_limit()
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uptime(&self) -> MonoMs {
        self.counters.clock.mono()
    }
}

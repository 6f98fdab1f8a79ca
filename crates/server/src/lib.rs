//! The server: listeners, doors, lanes, commit and fan-out around the hub. The only crate that
//! listens.
//!
//! The way of a message: `conn` → `door` decodes → `admit` → `hub_loop` → the hub says `Persist` →
//! `commit` → the hub hears `Persisted` and says `Deliver` → `fanout` → `lane` → `outbox` → socket.
//! History passes by the hub: it says who may, `reading` reads.
//!
//! Several servers run in one process: nothing here is global ([`Server::start`]).

pub mod admin;
pub mod admit;
pub mod backup;
mod clock;
mod commit;
mod config;
mod conn;
mod credentials;
mod data;
pub mod door;
mod fanout;
mod guess;
mod health;
mod hub_loop;
mod indexing;
pub mod inspect;
mod intake;
mod lane;
mod listen;
mod managing;
mod metrics;
pub mod outbox;
mod passwords;
mod platform;
pub mod proxy;
mod random;
mod reading;
mod reload;
mod setup;
pub mod sniff;
mod stream;
mod tls;
mod transcripts;
pub mod verbs;

pub use commit::survivors;
pub use config::{
    OwnCertificate, Reload, Reread, ServerConfig, StartError, TlsConfig, TranscriptFiles,
};
pub use data::reader_beside;
pub use health::{Health, HealthReport};
pub use hubbub_hub::{Figures, HubConfig, Limited, Limits, Rate, Rates, Transcripts};
pub use metrics::{Commits, Connections, EXPOSITION_TYPE, Flow, Metrics, Queues, Stats};
pub use reading::{Hits, Job, Outcome};
pub use reload::Reloaded;
pub use setup::SETUP_FILE;
pub use tls::check as check_tls;

use crate::commit::CommitQueue;
use crate::data::DataFolder;
use crate::hub_loop::HubLoop;
use crate::indexing::IndexerBell;
use crate::lane::{Inbox, LaneParts, ToLane};
use crate::listen::{Accepting, Crowd};
use crate::metrics::{Counters, Sources};
use crate::outbox::Budget;
use crate::passwords::PasswordQueue;
use crate::reading::ReadingQueue;
use crate::reload::{Parts, Reloading};
use crate::setup::Setup;
use crate::tls::Tls;
use crate::transcripts::TranscriptQueue;
use crate::verbs::{Manager, ManagerParts};
use hubbub_hub::{Arrivals, Hub, Input};
use hubbub_protocol::{Fingerprint, WallMs};
use hubbub_store::Store;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Threads that read from the store for sessions.
const READERS: usize = 2;
/// Accepted sends are remembered for this long over a restart, in milliseconds: 30 days.
const SENDS_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How long stopping waits for what was admitted to become durable.
const STOP_COMMIT_WAIT: Duration = Duration::from_millis(2_000);
/// How long stopping waits for a lane to stop reading.
const STOP_READING_WAIT: Duration = Duration::from_millis(300);
/// How long stopping may take in all.
const STOP_MAX: Duration = Duration::from_millis(4_500);
/// Between two looks at a thread that is to end.
const JOIN_PAUSE: Duration = Duration::from_millis(2);

/// A running server.
#[derive(Debug)]
pub struct Server;

/// Holds a running server. Dropping it stops the server.
#[derive(Debug)]
pub struct Handle {
    addresses: Vec<SocketAddr>,
    /// From there on they are for TLS alone.
    tls_from: usize,
    hub: Arc<HubLoop>,
    inboxes: Vec<Arc<Inbox>>,
    commits: Arc<CommitQueue>,
    reading: Arc<ReadingQueue>,
    passwords: Arc<PasswordQueue>,
    stop: Option<watch::Sender<bool>>,
    listener: Option<JoinHandle<()>>,
    lanes: Vec<JoinHandle<()>>,
    committer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    password_workers: Vec<JoinHandle<()>>,
    indexer_bell: Arc<IndexerBell>,
    indexer: Option<JoinHandle<()>>,
    admin: Option<admin::Door>,
    tls: Arc<Tls>,
    budget: Arc<Budget>,
    reloading: Arc<Reloading>,
    manager: Manager,
    managing: Option<JoinHandle<()>>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    health_listener: Option<health::Listener>,
    transcripts: Arc<TranscriptQueue>,
    transcriber: Option<JoinHandle<()>>,
    /// The data folder is ours until the last thread is gone.
    folder: Option<DataFolder>,
}

impl Server {
    /// Opens the data, listens, and serves in threads of its own.
    ///
    /// # Errors
    /// [`StartError`], with the way out. Nothing runs then.
    pub fn start(config: ServerConfig) -> Result<Handle, StartError> {
        let folder = DataFolder::open(&config.data)?;
        let store = folder.store()?;
        Self::serve(config, Box::new(store), Some(folder))
    }

    /// Serves on a store that the caller made (a simulated disk, memory): no data folder is touched.
    ///
    /// # Errors
    /// [`StartError`], as for [`Server::start`].
    pub fn start_on(config: ServerConfig, store: Box<dyn Store>) -> Result<Handle, StartError> {
        Self::serve(config, store, None)
    }

    fn serve(
        config: ServerConfig,
        mut store: Box<dyn Store>,
        folder: Option<DataFolder>,
    ) -> Result<Handle, StartError> {
        platform::raise_file_limit();
        let tls = Tls::open(folder.as_ref().map(DataFolder::path), &config.tls)?;
        let any = config.listen.iter().map(|address| (address, false));
        let tls_alone = config.listen_tls.iter().map(|address| (address, true));
        let listeners = any
            .chain(tls_alone)
            .map(|(address, tls_only)| Ok((listen::bind(*address)?, tls_only)))
            .collect::<Result<Vec<_>, StartError>>()?;
        let health_listener = config.health.map(health::bind).transpose()?;
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect();
        let tls_from = config.listen.len().min(addresses.len());
        let store_error = |error| StartError::Store { folder: config.data.clone(), error };
        store.tidy(WallMs(clock::wall().0.saturating_sub(SENDS_KEPT_MS))).map_err(store_error)?;
        let loaded = store.load().map_err(store_error)?;
        let epoch = store.raise_epoch().map_err(store_error)?;
        let key = store.server_key(random::server_key()).map_err(store_error)?;
        let readers = (0..READERS).map(|_| store.reader()).collect::<Result<Vec<_>, _>>();
        let readers = readers.map_err(store_error)?;
        let indexer = store.indexer().map_err(store_error)?;
        let reader = store.reader().map_err(store_error)?;

        let config = Arc::new(config);
        let lanes = config.lanes.clamp(1, 64);
        let inboxes: Vec<Arc<Inbox>> = (0..lanes).map(|_| Arc::default()).collect();
        let commits = Arc::new(CommitQueue::default());
        let reading = Arc::new(ReadingQueue::default());
        let passwords = Arc::new(PasswordQueue::default());
        let indexer_bell = Arc::new(IndexerBell::default());
        let transcripts = Arc::new(TranscriptQueue::default());
        let mut first = Vec::new();
        let setup = Arc::new(Setup::new(folder.as_ref().map(DataFolder::path)));
        let hub_config = HubConfig { key, setup: setup.digest(), ..config.hub.clone() };
        let hub = Hub::new(hub_config, epoch, loaded.snapshot, &mut first);
        if hub.awaits_setup() {
            setup.keep();
        } else {
            setup.forget();
        }
        let (to_manager, managed) = tokio::sync::mpsc::unbounded_channel();
        let hub = Arc::new(HubLoop::new(
            hub,
            first,
            inboxes.clone(),
            Arc::clone(&commits),
            Arc::clone(&reading),
            Arc::clone(&passwords),
            Arc::clone(&transcripts),
            to_manager,
            Counters::new(lanes, clock::Clock::start()),
        ));
        let (stop, stopped) = watch::channel(false);
        let budget = Budget::new(config.outboxes_bytes);
        let sources = Sources {
            hub: Arc::clone(&hub),
            commits: Arc::clone(&commits),
            reading: Arc::clone(&reading),
            passwords: Arc::clone(&passwords),
            budget: Arc::clone(&budget),
            inboxes: inboxes.clone(),
        };
        let metrics = Metrics::new(Arc::clone(hub.counters()), sources);
        let health = Arc::new(Health::new(Arc::clone(&metrics)));
        let limits = reload::of_arrivals(&config.hub.limits);
        let arrivals = Arc::new(Mutex::new(Arrivals::new(limits)));
        let parts = Parts {
            hub: Arc::clone(&hub),
            lanes,
            arrivals: Arc::clone(&arrivals),
            tls: Arc::clone(&tls),
            budget: Arc::clone(&budget),
        };
        let reloading = Reloading::new(&config, parts);
        let manager = Manager::new(ManagerParts {
            hub: Arc::clone(&hub),
            setup: Arc::clone(&setup),
            metrics: Arc::clone(&metrics),
            reloading: Arc::clone(&reloading),
            reader,
        });
        // From here on dropping the handle ends what was begun.
        let mut handle = Handle {
            addresses,
            tls_from,
            hub: Arc::clone(&hub),
            inboxes: inboxes.clone(),
            commits: Arc::clone(&commits),
            reading: Arc::clone(&reading),
            passwords: Arc::clone(&passwords),
            stop: Some(stop),
            listener: None,
            lanes: Vec::new(),
            committer: None,
            readers: Vec::new(),
            password_workers: Vec::new(),
            indexer_bell: Arc::clone(&indexer_bell),
            indexer: None,
            admin: None,
            tls: Arc::clone(&tls),
            budget: Arc::clone(&budget),
            reloading: Arc::clone(&reloading),
            manager: manager.clone(),
            managing: None,
            metrics: Arc::clone(&metrics),
            health: Arc::clone(&health),
            health_listener: None,
            transcripts: Arc::clone(&transcripts),
            transcriber: None,
            folder,
        };
        for (index, inbox) in inboxes.iter().enumerate() {
            let parts = LaneParts {
                index,
                inbox: Arc::clone(inbox),
                inboxes: inboxes.clone(),
                hub: Arc::clone(&hub),
                budget: Arc::clone(&budget),
                config: Arc::clone(&config),
                tls: Arc::clone(&tls),
                arrivals: Arc::clone(&arrivals),
            };
            handle.lanes.push(spawn(format!("lane-{index}"), move || report(lane::run(parts)))?);
        }
        for (index, reader) in readers.into_iter().enumerate() {
            let (queue, hub) = (Arc::clone(&reading), Arc::clone(&hub));
            let run = move || reading::run(&queue, &hub, reader);
            handle.readers.push(spawn(format!("reader-{index}"), run)?);
        }
        let (done_to, outcomes) = std::sync::mpsc::channel();
        for index in 0..passwords::workers() {
            let (queue, to) = (Arc::clone(&passwords), done_to.clone());
            let run = move || passwords::work(&queue, &to);
            handle.password_workers.push(spawn(format!("password-{index}"), run)?);
        }
        drop(done_to);
        let hub_loop = Arc::clone(&hub);
        let run = move || passwords::answer(outcomes, &hub_loop);
        handle.password_workers.push(spawn("passwords".into(), run)?);
        let (queue, hub_loop) = (commits, Arc::clone(&hub));
        let bell = Arc::clone(&indexer_bell);
        let run = move || commit::run(&queue, &hub_loop, &bell, store);
        handle.committer = Some(spawn("commit".into(), run)?);
        if !config.hub.transcripts.is_empty() {
            let config = Arc::clone(&config);
            let run = move || transcripts::run(&transcripts, &config.transcripts, &config.data);
            handle.transcriber = Some(spawn("transcripts".into(), run)?);
        }
        let run = move || indexing::run(&indexer_bell, indexer);
        handle.indexer = Some(spawn("indexer".into(), run)?);
        let (hub_loop, stop) = (Arc::clone(&hub), stopped.clone());
        let runtime = managing::runtime().map_err(StartError::Thread)?;
        let run = move || managing::run(&runtime, managed, &hub_loop, &manager, &setup, stop);
        handle.managing = Some(spawn("manage".into(), run)?);
        if let Some(folder) = &handle.folder {
            match admin::Door::open(folder.path(), &hub, handle.parts(), stopped.clone()) {
                Ok(door) => handle.admin = Some(door),
                Err(error) => tracing::warn!(
                    %error,
                    "no door for the operator: `hubbub invite` works only while this server is stopped"
                ),
            }
        }
        let (config, next) = (reloading.watch(), AtomicUsize::new(0));
        let crowd = Mutex::new(Crowd::default());
        let accepting = Accepting { hub, lanes, arrivals, metrics, crowd, config, next };
        let run = move || report(listen::run(listeners, accepting, tls, stopped));
        handle.listener = Some(spawn("listen".into(), run)?);
        if let Some(listener) = health_listener {
            let listener = health::Listener::start(listener, health).map_err(StartError::Thread)?;
            handle.health_listener = Some(listener);
        }
        Ok(handle)
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new().name(name).spawn(run).map_err(StartError::Thread)
}

fn report(result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "a thread of the server ended");
    }
}

impl Handle {
    /// Where it listens, in the order of the configuration, with the ports that were picked; those that
    /// take TLS alone come last.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those of [`Handle::addresses`] that take TLS alone.
    #[must_use]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.addresses[self.tls_from..]
    }

    /// The fingerprint of this server's certificate authority, which native clients keep.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.tls.authority()
    }

    /// Reads the operator's choices again ([`ServerConfig::reload`]) and applies what can be applied while
    /// the server runs, certificates too; connections that are there go on. It reads files.
    ///
    /// # Errors
    /// What is wrong with the settings or a certificate, for people. Then nothing has changed.
    pub fn reload(&self) -> Result<Reloaded, String> {
        self.reloading.reload()
    }

    /// Does what its operator says.
    #[must_use]
    pub fn manager(&self) -> Manager {
        self.manager.clone()
    }

    /// The token that makes the first admin, while there is none.
    #[must_use]
    pub fn setup_token(&self) -> Option<String> {
        self.manager.setup_token()
    }

    /// Its figures.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Where it tells how it is, with the port that was picked; `None`: nowhere.
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health_listener.as_ref().map(health::Listener::address)
    }

    /// What the operator's door asks besides the hub.
    fn parts(&self) -> admin::Parts {
        admin::Parts { manager: self.manager(), health: self.health() }
    }

    /// How much there is of what.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.hub.figures()
    }

    /// Bytes that wait in the outboxes of all connections.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.budget.queued()
    }

    /// Stops within five seconds: no new connections and commands, what was admitted becomes
    /// durable and is acknowledged, everybody is told.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        self.health.begin_stopping();
        let by = Instant::now() + STOP_MAX;
        let _ = stop.send(true);
        // What it has not done yet, it does after the next start.
        self.indexer_bell.close();
        join(self.listener.take(), by);
        if let Some(mut admin) = self.admin.take() {
            join(admin.thread(), by);
        }
        join(self.managing.take(), by);
        let (stopped, lanes_stopped) = std::sync::mpsc::channel();
        for lane in 0..self.inboxes.len() {
            self.hub.tell_lane(lane, ToLane::StopReading(stopped.clone()));
        }
        for _ in &self.lanes {
            // After that nothing new is admitted: what follows waits for all that was.
            let _ = lanes_stopped.recv_timeout(STOP_READING_WAIT);
        }
        if self.committer.is_some() && !self.commits.wait_idle(STOP_COMMIT_WAIT) {
            tracing::warn!("the store is too slow: what is not yet acknowledged is not kept");
        }
        self.hub.drive(Input::Shutdown);
        for lane in 0..self.inboxes.len() {
            self.hub.tell_lane(lane, ToLane::Finish);
        }
        self.lanes.drain(..).for_each(|lane| join(Some(lane), by));
        self.reading.close();
        self.readers.drain(..).for_each(|reader| join(Some(reader), by));
        self.passwords.close();
        self.password_workers.drain(..).for_each(|worker| join(Some(worker), by));
        // Before the writer, so that the last one to close the log is the one that empties it.
        join(self.indexer.take(), by);
        self.commits.close();
        join(self.committer.take(), by);
        // To the end it says that this server stops.
        join(self.health_listener.take().map(health::Listener::stop), by);
        // The last: whatever came out before is in the files then.
        self.transcripts.close();
        join(self.transcriber.take(), by);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a thread's end, but not beyond the moment when the server must have stopped: one that is
/// stuck in the system holds nothing that was acknowledged.
fn join(thread: Option<JoinHandle<()>>, by: Instant) {
    let Some(thread) = thread else { return };
    while !thread.is_finished() {
        if Instant::now() >= by {
            tracing::warn!(thread = thread.thread().name(), "a thread of the server does not end");
            return;
        }
        std::thread::sleep(JOIN_PAUSE);
    }
    if thread.join().is_err() {
        tracing::error!("a thread of the server panicked");
    }
}

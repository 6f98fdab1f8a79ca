//! What an operator chooses about a server, and why it may not start.

use crate::outbox::OutboxLimits;
use hubbub_hub::HubConfig;
use hubbub_protocol::limits;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// The folder of the data. Made if it isn't there.
    pub data: PathBuf,
    /// The hub's settings.
    pub hub: HubConfig,
    /// Threads that own connections; by default one for each core.
    pub lanes: usize,
    /// Silence after which a connection gets the plain door, in milliseconds.
    pub sniff_ms: u64,
    /// Time to give a name in, in milliseconds.
    pub login_ms: u64,
    /// The caps of each connection's outbox.
    pub outbox: OutboxLimits,
    /// What all outboxes may hold together, in bytes.
    pub outboxes_bytes: usize,
}

impl ServerConfig {
    /// The defaults, for this address and folder.
    #[must_use]
    pub fn new(listen: Vec<SocketAddr>, data: PathBuf) -> Self {
        Self {
            listen,
            data,
            hub: HubConfig::default(),
            lanes: std::thread::available_parallelism().map_or(1, usize::from).min(64),
            sniff_ms: limits::SNIFF_MS,
            login_ms: limits::LOGIN_MS,
            outbox: OutboxLimits::default(),
            outboxes_bytes: limits::OUTBOXES_BYTES,
        }
    }
}

/// Why a server can't start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else listens there.
    #[error("{address} is taken: {hint}")]
    AddressTaken {
        /// Where.
        address: SocketAddr,
        /// Who it may be, and the way out.
        hint: String,
    },
    /// The system doesn't let us listen there.
    #[error("can't listen on {address}: {error}. {hint}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
        /// The way out.
        hint: &'static str,
    },
    /// The folder can't be used.
    #[error(
        "can't use the data folder {}: {error}. Choose another with --data DIR, or give this user access to it", folder.display()
    )]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another server uses the folder.
    #[error(
        "another hubbub server uses the data folder {}. Stop that one, or give this one a folder of its own with --data DIR", folder.display()
    )]
    FolderInUse {
        /// Which.
        folder: PathBuf,
    },
    /// The folder holds no data.
    #[error(
        "there are no data in {}. Choose another folder with --data DIR, or start a server there first", folder.display()
    )]
    NoData {
        /// Which.
        folder: PathBuf,
    },
    /// The store can't be opened.
    #[error("can't open the data in {}: {error}", folder.display())]
    Store {
        /// Which.
        folder: PathBuf,
        /// What the store says.
        error: hubbub_store::StoreError,
    },
    /// The system gives no threads.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
}

//! What an operator chooses about a server, and why it may not start.

use crate::outbox::OutboxLimits;
use hubbub_hub::HubConfig;
use hubbub_protocol::limits;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The settings of one server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// Where to listen for TLS alone; the others take it too.
    pub listen_tls: Vec<SocketAddr>,
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
    /// Certificates.
    pub tls: TlsConfig,
    /// From where PROXY protocol version 2 is taken, and needed: load balancers and reverse proxies.
    pub proxies: Vec<IpNet>,
    /// A connection that is silent for so long is asked by the system whether its peer still lives, in
    /// milliseconds; one whose peer confirms nothing for three times as long is closed.
    pub probe_ms: u64,
    /// Where to tell how this server is, over HTTP; `None`: nowhere. See [`crate::Health`].
    pub health: Option<SocketAddr>,
    /// The files of rooms that are transcribed; [`HubConfig::transcripts`] says which rooms are.
    pub transcripts: TranscriptFiles,
    /// Reads the operator's choices again; `None`: there is nothing to be read.
    pub reload: Option<Reload>,
}

/// Reads what an operator has chosen, again: the same as for a start now, or what is wrong with it, for
/// people.
#[derive(Clone)]
pub struct Reload(pub Arc<dyn Fn() -> Result<Reread, String> + Send + Sync>);

/// What was read again.
pub struct Reread {
    /// For the server.
    pub config: ServerConfig,
    /// What else is otherwise and not the server's, a line for each setting, as in
    /// [`Reloaded`](crate::Reloaded).
    pub others: Vec<String>,
    /// Applies that, and can't fail. It is called when everything that can fail was done.
    pub apply_others: Box<dyn FnOnce() + Send>,
}

impl From<ServerConfig> for Reread {
    fn from(config: ServerConfig) -> Self {
        Self { config, others: Vec::new(), apply_others: Box::new(|| ()) }
    }
}

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reread")
            .field("config", &self.config)
            .field("others", &self.others)
            .finish()
    }
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reload")
    }
}

/// Where transcripts are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptFiles {
    /// The folder, from the data folder. Made if it isn't there.
    pub folder: PathBuf,
    /// A file that would have more bytes than these is set aside; 0: never.
    pub rotate_bytes: u64,
    /// How many of those are kept for each room; 0: all.
    pub keep: u32,
}

impl Default for TranscriptFiles {
    fn default() -> Self {
        Self { folder: "transcripts".into(), rotate_bytes: 10 * 1024 * 1024, keep: 10 }
    }
}

/// What an operator chooses about TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// A certificate that is trusted elsewhere too, for everybody but native clients.
    pub certificate: Option<OwnCertificate>,
    /// Names by which this server is known, beside those that this computer knows of itself.
    pub names: Vec<String>,
}

/// The files of a certificate, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate, and after it those that lead to one that is trusted.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
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
            listen_tls: Vec::new(),
            tls: TlsConfig::default(),
            proxies: Vec::new(),
            probe_ms: limits::PROBE_MS,
            health: None,
            transcripts: TranscriptFiles::default(),
            reload: None,
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
    /// A certificate can't be used.
    #[error("can't use the certificate {}: {problem}", file.display())]
    Certificate {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// A name that the operator chose can't be in a certificate.
    #[error("can't put {name:?} into the server's certificate: {problem}")]
    CertificateName {
        /// Which.
        name: String,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// The system gives no randomness for keys.
    #[error("the system gives no randomness, so there can be no keys")]
    NoRandomness,
    /// The system gives no threads.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
}

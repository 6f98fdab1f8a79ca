//! The options of commands that talk to a server as a client, and of those about known servers.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments are help texts: `[ipv6]:port` is no link"
)]

use clap::{Args, Subcommand};
use hubbub_client::ServerAddress;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// The server: host, host:port or [ipv6]:port. Without a port, 5000. With the fingerprint of its
    /// key (host:port#FINGERPRINT, as the server shows it at its start) also the first meeting is
    /// safe: no other key is taken. It does not replace a key that is known: see `hubbub known forget`.
    #[arg(value_name = "ADDR")]
    pub(crate) address: ServerAddress,
    /// Speak without TLS. Everybody between here and the server can read along and change what is
    /// said, passwords too: for servers on this computer, and those that have no TLS.
    #[arg(long)]
    pub(crate) plaintext: bool,
    #[command(flatten)]
    pub(crate) file: KnownFile,
}

#[derive(Debug, Args)]
pub(crate) struct KnownFile {
    /// The file with the keys of known servers; made if it isn't there [default: hubbub/known_servers
    /// in the user's folder for settings, such as ~/.config].
    #[arg(long, value_name = "FILE", env = "HUBBUB_KNOWN_SERVERS", hide_env_values = true)]
    pub(crate) known_servers: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KnownCommand {
    /// List the known servers: address, since when, fingerprint, and the six words for it.
    List {
        /// Print one JSON object a line for programs, with the fields `address`, `fingerprint`,
        /// `words` and `since` (milliseconds since 1970, or null). More fields may follow in later
        /// versions.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: KnownFile,
    },
    /// Forget the key of a server. The next meeting with it is a first one again.
    Forget {
        /// The server: host, host:port or [ipv6]:port. Without a port, 5000.
        #[arg(value_name = "ADDR")]
        address: ServerAddress,
        #[command(flatten)]
        file: KnownFile,
    },
}

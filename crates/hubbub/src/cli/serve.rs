//! The command line of `hubbub serve`. What isn't given stays open: the settings file or the default
//! says it then.

use crate::settings::{Net, Reach, Settings, TlsSettings, host_name};
use clap::Args;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, Registration};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
#[command(group(clap::ArgGroup::new("who").args(["local", "lan", "internet"])))]
pub(crate) struct ServeOptions {
    /// Only this computer may reach it: it listens on 127.0.0.1 and [::1]. This is the default. With
    /// --listen, this and the next two say who is let in, but not where.
    #[arg(long)]
    pub(crate) local: bool,
    /// The local network may reach it: it listens on all addresses. Passwords are taken over TLS
    /// only.
    #[arg(long)]
    pub(crate) lan: bool,
    /// The internet may reach it, once your router lets it in. Passwords are taken over TLS only,
    /// guests are refused, and an account needs an invite, if you don't say otherwise.
    #[arg(long)]
    pub(crate) internet: bool,
    /// The port for --local, --lan and --internet; 0 picks a free one [default: 5000].
    #[arg(long, value_name = "N", conflicts_with = "listen")]
    pub(crate) port: Option<u16>,
    /// Where to listen instead, for example 192.168.1.5:5000 or [::1]:5000. May be given several
    /// times. Port 0 picks a free port. With an address that others reach, it is as with --lan, if
    /// nothing else is said.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Where to listen for TLS alone; the other addresses take it too. May be given several times.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen_tls: Vec<SocketAddr>,
    /// The folder for everything that is kept; made if it isn't there [default: that of the
    /// environment variable HUBBUB__DATA, or hubbub in the user's data folder, such as
    /// ~/.local/share/hubbub].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The settings file [default: that of the environment variable HUBBUB__CONFIG, or hubbub.toml in
    /// the data folder, if it is there].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What a new room keeps, if its maker doesn't say [default: forever].
    #[arg(long, value_name = "WHAT")]
    pub(crate) history: Option<History>,
    /// Whether people may come in without an account [default: yes; with --internet: no].
    #[arg(long, value_name = "WHETHER")]
    pub(crate) guests: Option<YesNo>,
    /// Who may make an account [default: open; with --internet: invite].
    #[arg(long, value_name = "WHO")]
    pub(crate) registration: Option<WhoRegisters>,
    /// Who may begin a private chat with somebody who doesn't say otherwise [default: ask].
    #[arg(long, value_name = "WHO")]
    pub(crate) private: Option<PrivateChats>,
    /// Whether passwords are taken over connections that others can read along. Connections from
    /// this computer may always send them [default: yes; with --lan and --internet: no].
    #[arg(long, value_name = "WHETHER")]
    pub(crate) plaintext_passwords: Option<YesNo>,
    /// For how many days the audit log is kept: who came in from where, and who was refused
    /// [default: 90].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) audit_days: Option<u64>,
    /// A certificate that programs trust, with those that lead to it, as PEM. Native clients keep to
    /// the server's own.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// The private key of --certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// A name under which others reach this server, for its own certificate, beside those that this
    /// computer knows of itself. May be given several times.
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub(crate) name: Vec<String>,
    /// Take and need the PROXY protocol (version 2) from this address or network: a load balancer or
    /// reverse proxy that tells from where its connections come. May be given several times.
    #[arg(long, value_name = "NET")]
    pub(crate) proxy_from: Vec<Net>,
    /// Where to tell how the server is, over HTTP: /healthz/live, /healthz/ready and /metrics, for
    /// example 127.0.0.1:9464 [default: nowhere].
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) health: Option<SocketAddr>,
    /// Don't show the address as a QR code.
    #[arg(long)]
    pub(crate) no_qr: bool,
    /// Don't take commands on the terminal it is started on. `hubbub admin` has the same ones.
    #[arg(long)]
    pub(crate) no_console: bool,
}

impl ServeOptions {
    fn reach(&self) -> Option<Reach> {
        match (self.local, self.lan, self.internet) {
            (true, ..) => Some(Reach::Local),
            (_, true, _) => Some(Reach::Lan),
            (.., true) => Some(Reach::Internet),
            _ => None,
        }
    }

    /// The uppermost layer of the settings.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings {
            reach: self.reach(),
            port: self.port,
            listen: given(&self.listen),
            guests: self.guests.map(bool::from),
            registration: self.registration,
            private: self.private,
            history: self.history,
            plaintext_passwords: self.plaintext_passwords.map(bool::from),
            audit_days: self.audit_days,
            tls: TlsSettings {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
                names: given(&self.name),
                listen: given(&self.listen_tls),
            },
            ..Settings::default()
        };
        settings.health.listen = self.health;
        settings.limits.proxies = given(&self.proxy_from);
        settings
    }
}

fn given<T: Clone>(values: &[T]) -> Option<Vec<T>> {
    (!values.is_empty()).then(|| values.to_vec())
}

/// Whether.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum YesNo {
    /// It is so.
    Yes,
    /// It isn't.
    No,
}

impl From<YesNo> for bool {
    fn from(answer: YesNo) -> Self {
        matches!(answer, YesNo::Yes)
    }
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhoRegisters {
    /// Everybody.
    Open,
    /// Whoever has an invite (see `hubbub invite`).
    Invite,
    /// Nobody.
    Closed,
}

impl From<WhoRegisters> for Registration {
    fn from(who: WhoRegisters) -> Self {
        match who {
            WhoRegisters::Open => Self::Open,
            WhoRegisters::Invite => Self::Invite,
            WhoRegisters::Closed => Self::Closed,
        }
    }
}

/// Who may begin a private chat.
#[derive(Clone, Copy, Debug, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PrivateChats {
    /// Whoever asked, and was agreed to.
    Ask,
    /// Everybody, without asking.
    Open,
    /// Nobody, whatever they say: there are no private chats.
    Closed,
}

impl From<PrivateChats> for PrivatePolicy {
    fn from(who: PrivateChats) -> Self {
        match who {
            PrivateChats::Ask => Self::Ask,
            PrivateChats::Open => Self::Open,
            PrivateChats::Closed => Self::Closed,
        }
    }
}

/// What a new room keeps.
#[derive(Clone, Copy, Debug, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum History {
    /// Everything.
    Forever,
    /// Nothing.
    None,
}

impl From<History> for Retention {
    fn from(what: History) -> Self {
        match what {
            History::Forever => Self::Forever,
            History::None => Self::None,
        }
    }
}

//! What an operator chooses about a server. Each source (the command line, the environment, the settings
//! file) is a layer of values that may be absent; layers are laid over each other, and what none of them
//! says is the default. What the values mean for the server is in `plan`.

mod environment;
mod example;
mod file;
mod layer;
mod limits;
mod plan;
mod show;
mod sources;
mod transcripts;
mod values;
mod watching;
mod words;

pub(crate) use environment::{DATA, path as path_in_environment};
pub(crate) use example::example;
pub(crate) use file::{keep, load};
pub(crate) use layer::{Conflict, Layer, Problem, Problems};
pub(crate) use limits::{LimitSettings, OutboxSettings};
pub(crate) use plan::{PORT, Place, Plan};
pub(crate) use show::{Shown, show};
pub(crate) use sources::{Chosen, Sources};
pub(crate) use transcripts::TranscriptSettings;
pub(crate) use values::{Net, Reach, host_name};
pub(crate) use watching::{
    HealthSettings, LOG_LEVEL, LogFormat, LogSettings, NO_LEVEL, level_filter,
};

use crate::cli::{History, PrivateChats, WhoRegisters};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One layer. The names are those of the settings file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Who may reach the server: who is let in, and where it listens if `listen` says nothing.
    pub(crate) reach: Option<Reach>,
    /// The port for `reach`; 0 picks one.
    pub(crate) port: Option<u16>,
    /// Where to listen instead.
    pub(crate) listen: Option<Vec<SocketAddr>>,
    /// Whether people may come in without an account.
    pub(crate) guests: Option<bool>,
    pub(crate) registration: Option<WhoRegisters>,
    pub(crate) private: Option<PrivateChats>,
    pub(crate) history: Option<History>,
    /// Whether passwords are taken from connections that others can read along.
    pub(crate) plaintext_passwords: Option<bool>,
    /// How long the audit log is kept, in days.
    #[serde(deserialize_with = "values::within::<_, 1, 36_500>")]
    pub(crate) audit_days: Option<u64>,
    pub(crate) tls: TlsSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) outbox: OutboxSettings,
    pub(crate) health: HealthSettings,
    pub(crate) log: LogSettings,
    pub(crate) transcripts: TranscriptSettings,
}

/// Certificates, and where there is nothing but TLS.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsSettings {
    /// PEM files, always both.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// Names for the server's own certificate.
    #[serde(deserialize_with = "values::host_names")]
    pub(crate) names: Option<Vec<String>>,
    pub(crate) listen: Option<Vec<SocketAddr>>,
}

impl Settings {
    /// What of the layer below does not count, also where this one says nothing about it.
    fn drops(&self) -> Vec<&'static str> {
        let mut dropped = Vec::new();
        if self.reach.is_some() {
            dropped.push("listen");
        }
        if self.reach == Some(Reach::Local) {
            dropped.push("tls.listen");
        }
        if self.tls.certificate.is_some() {
            dropped.extend(["tls.certificate", "tls.key"]);
        }
        dropped
    }

    /// What this layer says, and where it says nothing, the one below.
    pub(crate) fn over(self, below: Self) -> Self {
        let mut below = below;
        // Who says the reach says the place, too: with `--local`, nothing that is below stays open.
        if self.reach.is_some() {
            below.listen = None;
        }
        if self.reach == Some(Reach::Local) {
            below.tls.listen = None;
        }
        Self {
            reach: self.reach.or(below.reach),
            listen: self.listen.or(below.listen),
            port: self.port.or(below.port),
            guests: self.guests.or(below.guests),
            registration: self.registration.or(below.registration),
            private: self.private.or(below.private),
            history: self.history.or(below.history),
            plaintext_passwords: self.plaintext_passwords.or(below.plaintext_passwords),
            audit_days: self.audit_days.or(below.audit_days),
            tls: self.tls.over(below.tls),
            limits: self.limits.over(below.limits),
            outbox: self.outbox.over(below.outbox),
            health: self.health.over(below.health),
            log: self.log.over(below.log),
            transcripts: self.transcripts.over(below.transcripts),
        }
    }

    /// What can be wrong with a layer as a whole, for people.
    pub(crate) fn check(&self) -> Result<(), Conflict> {
        let conflict = |at: &str, text: String| Err(Conflict { at: at.into(), text });
        if self.listen.is_some() && self.port.is_some() {
            let text = "`listen` says the ports, so there can be no `port` beside it";
            return conflict("port", text.into());
        }
        if self.listen.as_ref().is_some_and(Vec::is_empty) {
            return conflict("listen", "`listen` names no address".into());
        }
        let open = self.listen.iter().flatten().find(|at| is_open(at));
        if let (Some(Reach::Local), Some(open)) = (self.reach, open) {
            let text = format!(
                "`local` is for this computer only, but `listen` names {open}, which others reach"
            );
            return conflict("listen", text);
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            let at = if self.tls.key.is_some() { "tls.key" } else { "tls.certificate" };
            return conflict(at, "in [tls], `certificate` and `key` go together".into());
        }
        Ok(())
    }
}

/// Whether others than this computer reach it.
pub(crate) fn is_open(address: &SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

impl TlsSettings {
    fn over(self, below: Self) -> Self {
        // A certificate of one layer with the key of another would be nobody's wish.
        let (certificate, key) = if self.certificate.is_some() {
            (self.certificate, self.key)
        } else {
            (below.certificate, below.key)
        };
        Self {
            certificate,
            key,
            names: self.names.or(below.names),
            listen: self.listen.or(below.listen),
        }
    }
}

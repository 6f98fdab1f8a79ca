//! TLS: the server's own certificate authority, the certificates that it makes, and those that the
//! operator brings. Why so: `docs/adr/0002-certificates.md`.
//!
//! What is sent over it is none of its business: see `stream.rs`. Nor does it ask clients for
//! certificates.

mod authority;
mod brought;
mod facts;
mod files;
mod leaf;
mod look;
mod names;
mod shown;
#[cfg(test)]
mod tests;

pub use look::{CertificateLook, Which, certificates};

use crate::config::{OwnCertificate, StartError, TlsConfig};
use crate::platform;
use authority::Authority;
use brought::{Brought, Stamp};
use hubbub_protocol::{Fingerprint, WallMs};
use leaf::Leaf;
use names::{Subject, Surroundings};
use rustls::server::NoServerSessionStorage;
use shown::Shown;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What native clients name in their hello (RFC 7301): they get the certificate of our own authority,
/// whose key they keep, also where everybody else gets one that the operator brought.
pub(crate) const ALPN_NATIVE: &[u8] = b"hubbub";
/// What the server speaks. A client that names none of these, but others, is refused with
/// `no_application_protocol`, as RFC 7301 asks (section 3.2): it would understand nothing, and could have
/// been sent here by somebody else. Most clients that are no browsers name nothing and are welcome.
const PROTOCOLS: [&[u8]; 4] = [ALPN_NATIVE, b"http/1.1", b"http/1.0", b"irc"];
/// The folder inside that of the data.
const FOLDER: &str = "tls";
/// How often it is looked whether something has changed.
const CHECKED_EVERY: Duration = Duration::from_secs(60);
/// How often the operator hears of a certificate that ends, in milliseconds.
const WORRIED_EVERY_MS: u64 = 24 * 60 * 60 * 1000;

/// Everything that a connection needs to speak TLS.
pub(crate) struct Tls {
    config: Arc<rustls::ServerConfig>,
    authority: Fingerprint,
    /// The same as in the configuration.
    shown: Arc<Shown>,
    /// Held while files are read and written. No handshake takes it.
    upkeep: Mutex<Upkeep>,
}

/// What is needed to bring the certificates up to date.
struct Upkeep {
    /// Where our own are kept.
    folder: Option<PathBuf>,
    authority: Authority,
    leaf: Leaf,
    /// The names that the operator chose.
    chosen: Vec<Subject>,
    brought: Option<Watched>,
}

/// The operator's certificate and how its files looked when they were last read.
struct Watched {
    files: OwnCertificate,
    stamp: Stamp,
    certificate: Brought,
    worried: Option<WallMs>,
}

impl Tls {
    /// Opens what the folder of the data keeps, and makes what it lacks. Without a folder everything is
    /// in memory alone, and new each time.
    ///
    /// # Errors
    /// If a file is there and can't be used, or nothing can be kept; with the way out. An authority is
    /// never replaced.
    pub(crate) fn open(data: Option<&Path>, choice: &TlsConfig) -> Result<Arc<Self>, StartError> {
        let here = Surroundings::look();
        if here.addresses.is_empty() {
            tracing::warn!(
                "the system doesn't tell the addresses of this computer, so its certificate is for its names alone"
            );
        }
        Self::open_in(data, choice, &here)
    }

    fn open_in(
        data: Option<&Path>,
        choice: &TlsConfig,
        here: &Surroundings,
    ) -> Result<Arc<Self>, StartError> {
        let chosen = names::chosen(&choice.names)?;
        let brought = choice.certificate.as_ref().map(|files| Watched::open(files, here.now));
        let brought = brought.transpose()?;
        let folder = data.map(|data| data.join(FOLDER));
        if let Some(folder) = &folder {
            platform::create_private_folder(folder)
                .map_err(|error| StartError::Folder { folder: folder.clone(), error })?;
        }
        let authority = Authority::open(folder.as_deref(), here)?;
        let wanted = names::wanted(here, &chosen);
        let kept = folder
            .as_deref()
            .map_or(Err("there was none"), |folder| Leaf::read(folder, &authority));
        let reason = match &kept {
            Ok(leaf) => leaf.why_renew(here.now, &wanted),
            Err(reason) => Some((*reason).to_owned()),
        };
        let leaf = match (kept, reason) {
            (Ok(leaf), None) => leaf,
            (_, reason) => {
                let leaf = Leaf::make(folder.as_deref(), &authority, here, &wanted)?;
                tell_made(&leaf, &reason.unwrap_or_default());
                leaf
            }
        };
        let print = authority.fingerprint();
        let theirs = brought.as_ref().map(|brought| Arc::clone(&brought.certificate.key));
        let shown = Arc::new(Shown::new(Arc::clone(&leaf.key), theirs));
        let config = Arc::new(config(Arc::clone(&shown)));
        let upkeep = Mutex::new(Upkeep { folder, authority, leaf, chosen, brought });
        Ok(Arc::new(Self { config, authority: print, shown, upkeep }))
    }

    /// For a new connection. It stays the same; what it shows changes by itself.
    pub(crate) fn config(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.config)
    }

    /// That of our own authority's key.
    pub(crate) fn authority(&self) -> Fingerprint {
        self.authority
    }

    /// Takes what the operator chooses now: reads that certificate again, and renews our own if the
    /// addresses or names of this computer or the chosen ones have changed or it ends soon. Tells what it
    /// did.
    ///
    /// # Errors
    /// What is wrong with a name or the operator's certificate, for people. Those before go on.
    pub(crate) fn reload(&self, choice: &TlsConfig) -> Result<Vec<String>, String> {
        self.reload_in(choice, &Surroundings::look()).map_err(|error| error.to_string())
    }

    fn reload_in(
        &self,
        choice: &TlsConfig,
        here: &Surroundings,
    ) -> Result<Vec<String>, StartError> {
        let mut upkeep = self.upkeep();
        // Whatever can fail, before anything changes.
        let mut chosen = names::chosen(&choice.names)?;
        let brought = choice.certificate.as_ref().map(|files| Watched::open(files, here.now));
        let brought = brought.transpose()?;
        std::mem::swap(&mut upkeep.chosen, &mut chosen);
        let mut done = match self.renew(&mut upkeep, here) {
            Ok(made) => Vec::from_iter(made),
            Err(error) => {
                upkeep.chosen = chosen;
                return Err(error);
            }
        };
        done.extend(brought.as_ref().map(Watched::tell_read));
        let key = brought.as_ref().map(|brought| Arc::clone(&brought.certificate.key));
        self.shown.replace_brought(key);
        upkeep.brought = brought;
        Ok(done)
    }

    /// Does what `reload` does, as far as something has changed, and tells the log. To be called now and
    /// then; it reads and writes files.
    fn check(&self, here: &Surroundings) {
        let mut upkeep = self.upkeep();
        if let Err(error) = self.renew(&mut upkeep, here) {
            tracing::error!(%error, "can't renew the server's certificate; the one before goes on");
        }
        let Some(brought) = &mut upkeep.brought else { return };
        let stamp = Stamp::look(&brought.files);
        if stamp != brought.stamp {
            match self.read_brought(brought, stamp, here.now) {
                Ok(done) => tracing::info!("{done}"),
                // Also when only one of two files is new yet: then the next look finds the other.
                Err(error) => tracing::warn!(%error, "the certificate before goes on"),
            }
        }
        brought.warn_if_worried(here.now);
    }

    /// Makes another certificate if the one in use doesn't do. Says so.
    fn renew(
        &self,
        upkeep: &mut Upkeep,
        here: &Surroundings,
    ) -> Result<Option<String>, StartError> {
        let wanted = names::wanted(here, &upkeep.chosen);
        let Some(reason) = upkeep.leaf.why_renew(here.now, &wanted) else { return Ok(None) };
        let folder = upkeep.folder.as_deref();
        upkeep.leaf = Leaf::make(folder, &upkeep.authority, here, &wanted)?;
        self.shown.replace_ours(Arc::clone(&upkeep.leaf.key));
        Ok(Some(tell_made(&upkeep.leaf, &reason)))
    }

    fn read_brought(
        &self,
        brought: &mut Watched,
        stamp: Stamp,
        now: WallMs,
    ) -> Result<String, StartError> {
        // Also when it fails, so that one fault is told once.
        brought.stamp = stamp;
        let certificate = Brought::read(&brought.files)?;
        self.shown.replace_brought(Some(Arc::clone(&certificate.key)));
        brought.certificate = certificate;
        brought.worried = None;
        brought.warn_if_worried(now);
        Ok(brought.tell_read())
    }

    fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Watched {
    fn open(files: &OwnCertificate, now: WallMs) -> Result<Self, StartError> {
        let stamp = Stamp::look(files);
        let certificate = Brought::read(files)?;
        let mut watched = Self { files: files.clone(), stamp, certificate, worried: None };
        watched.warn_if_worried(now);
        Ok(watched)
    }

    fn tell_read(&self) -> String {
        let (file, until) = (self.files.chain.display(), self.certificate.facts.until());
        format!("the certificate {file} was read again; it is valid until {until}")
    }

    fn warn_if_worried(&mut self, now: WallMs) {
        // A clock that was set back doesn't silence it.
        let is_fresh = |then: WallMs| now.0.abs_diff(then.0) < WORRIED_EVERY_MS;
        if self.worried.is_some_and(is_fresh) {
            return;
        }
        if let Some(worry) = self.certificate.worry(now) {
            self.worried = Some(now);
            tracing::warn!(file = %self.files.chain.display(), "the certificate needs to be renewed: {worry}");
        }
    }
}

/// Whether certificates could be had so: the chosen names and files are in order. Nothing is kept.
///
/// # Errors
/// [`StartError`], with what is wrong and the way out.
pub fn check(choice: &TlsConfig) -> Result<(), StartError> {
    names::chosen(&choice.names)?;
    choice.certificate.as_ref().map_or(Ok(()), |files| Brought::read(files).map(drop))
}

/// Keeps the certificates up to date for as long as it is polled. The work is done beside, one at a time.
pub(crate) async fn watch(tls: Arc<Tls>) {
    loop {
        tokio::time::sleep(CHECKED_EVERY).await;
        let tls = Arc::clone(&tls);
        let check = tokio::task::spawn_blocking(move || tls.check(&Surroundings::look()));
        if let Err(error) = check.await {
            tracing::error!(%error, "looking after the certificates failed");
        }
    }
}

fn tell_made(leaf: &Leaf, reason: &str) -> String {
    let until = leaf.facts.until();
    tracing::info!(%until, "made a certificate for this server: {reason}");
    format!("made a certificate for this server, valid until {until}: {reason}")
}

fn config(shown: Arc<Shown>) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    // Connections last for hours: resuming a session would save one signature, and cost
    // memory, keys that last, and clients that don't see a new certificate.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // What is sent before the handshake ends could be sent again by somebody else.
    config.max_early_data_size = 0;
    config
}

//! The certificate that an operator brought: read, checked, and read again when its files change.
//! Nothing here asks whether others trust it.

use super::facts::Facts;
use super::files::{self, problem};
use crate::config::{OwnCertificate, StartError};
use crate::platform;
use hubbub_protocol::WallMs;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// A certificate as it was read.
pub(super) struct Brought {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: Facts,
}

/// How the files look from outside. Whoever replaces one changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(SystemTime, u64)>; 2]);

impl Stamp {
    /// Look before reading: what changes meanwhile is then seen at the next look.
    pub(super) fn look(files: &OwnCertificate) -> Self {
        Self([&files.chain, &files.key].map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        }))
    }
}

impl Brought {
    pub(super) fn read(files: &OwnCertificate) -> Result<Self, StartError> {
        let chain_pem = read(&files.chain)?;
        let key_pem = read(&files.key)?;
        let chain = files::certificates(&chain_pem);
        let Some(facts) = chain.first().and_then(Facts::of) else {
            let text = "it holds no certificate as PEM, or a damaged one";
            return Err(problem(&files.chain, text));
        };
        let Some(key) = files::private_key(&key_pem) else {
            let text = if files::has_encrypted_key(&key_pem) {
                "the key in it needs a passphrase. Write it without one (openssl pkey -in KEY -out NEW)"
            } else {
                "it holds no private key as PEM, or a damaged one"
            };
            return Err(problem(&files.key, text));
        };
        let key = any_supported_type(&key).map_err(|_| {
            let text = "its key is of a kind that can't be used. Take RSA with 2048 bits or more, ECDSA with P-256 or P-384, or Ed25519";
            problem(&files.key, text)
        })?;
        let key = CertifiedKey::new(chain, key);
        if key.keys_match().is_err() {
            let text = format!(
                "its first certificate is not that of the key in {}. The server's own certificate must come first, then those that lead to one that is trusted",
                files.key.display()
            );
            return Err(problem(&files.chain, text));
        }
        warn_if_public(&files.key);
        Ok(Self { key: Arc::new(key), facts })
    }

    /// What an operator should know about its time, for people.
    pub(super) fn worry(&self, now: WallMs) -> Option<String> {
        self.facts.worry(now)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, StartError> {
    files::open(path)
        .and_then(|file| files::read_all(&file))
        .map_err(|error| files::unreadable(path, &error))
}

/// Whose key it is decides who may read it, but this is hardly ever meant.
fn warn_if_public(key: &Path) {
    if std::fs::metadata(key).is_ok_and(|metadata| platform::is_public(&metadata)) {
        tracing::warn!(file = %key.display(), "everybody on this computer can read the certificate's private key (chmod o-r)");
    }
}

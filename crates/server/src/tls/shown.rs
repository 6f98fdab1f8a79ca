//! Which certificate a client is shown. What is held here changes while the server runs, so that new
//! certificates need no new configuration of TLS.

use super::ALPN_NATIVE;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, PoisonError, RwLock};

/// The certificates in use. The locks are held for a copy of a pointer; neither is taken under the other.
pub(super) struct Shown {
    ours: RwLock<Arc<CertifiedKey>>,
    brought: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Shown {
    pub(super) fn new(ours: Arc<CertifiedKey>, brought: Option<Arc<CertifiedKey>>) -> Self {
        Self { ours: RwLock::new(ours), brought: RwLock::new(brought) }
    }

    pub(super) fn replace_ours(&self, key: Arc<CertifiedKey>) {
        *self.ours.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    pub(super) fn replace_brought(&self, key: Option<Arc<CertifiedKey>>) {
        *self.brought.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    fn ours(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.ours.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn brought(&self) -> Option<Arc<CertifiedKey>> {
        self.brought.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_native = hello.alpn().is_some_and(|mut names| names.any(|name| name == ALPN_NATIVE));
        let brought = if is_native { None } else { self.brought() };
        Some(brought.unwrap_or_else(|| self.ours()))
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys are nobody's business.
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

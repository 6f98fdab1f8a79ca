//! The token that makes the first admin: shown to whoever starts the server, and kept in the data folder
//! for whoever can look there, as long as there is no admin.

use crate::{platform, random};
use hubbub_protocol::{InviteCode, SecretDigest};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Its file in the data folder.
pub const SETUP_FILE: &str = "setup-token";

/// The token of one run of a server.
#[derive(Debug)]
pub(crate) struct Setup {
    token: Mutex<Option<InviteCode>>,
    file: Option<PathBuf>,
}

impl Setup {
    /// A fresh one.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        let file = folder.map(|folder| folder.join(SETUP_FILE));
        Self { token: Mutex::new(Some(random::invite_code())), file }
    }

    pub(crate) fn digest(&self) -> Option<SecretDigest> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(InviteCode::digest)
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(InviteCode::expose)
    }

    /// Leaves it where whoever runs the server finds it.
    pub(crate) fn keep(&self) {
        let (Some(file), Some(token)) = (&self.file, self.token()) else { return };
        if let Err(error) = platform::replace_private_file(file, format!("{token}\n").as_bytes()) {
            tracing::warn!(%error, file = %file.display(), "the token for the first admin is not kept");
        }
    }

    /// There is an admin: it counts no more.
    pub(crate) fn forget(&self) {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(file) = &self.file else { return };
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = %file.display(), "a token that counts no more is still there");
            }
            _ => {}
        }
    }
}

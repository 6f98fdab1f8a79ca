//! What `hubbub doctor` looks at and only the server knows: its lock, its ports, its certificates.
//! Nothing here changes anything, or judges what it finds.

pub use crate::tls::{CertificateLook, Which, certificates};

use crate::config::StartError;
use crate::{backup, data, listen};
use std::fs::{File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The database of a data folder.
#[must_use]
pub fn database(folder: &Path) -> PathBuf {
    data::file_in(folder)
}

/// Whether a restore of this folder was cut short, and waits to be completed.
#[must_use]
pub fn is_being_restored(folder: &Path) -> bool {
    backup::is_under_way(folder)
}

/// Whether a server uses a data folder. To find out, the lock is taken for a moment if it is free.
///
/// # Errors
/// The lock can't be opened, or the file system has no locks.
pub fn is_in_use(folder: &Path) -> io::Result<bool> {
    let lock = match File::options().write(true).open(folder.join(data::LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // Shared, so that two who look don't take each other for a server.
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a server could listen there now. It does so for a moment.
///
/// # Errors
/// Why not, and the way out, as a start would say it.
pub fn try_to_listen(address: SocketAddr) -> Result<(), StartError> {
    listen::bind(address).map(drop)
}

//! The data folder: made if missing, for its owner alone, used by one server at a time.

use crate::backup;
use crate::config::StartError;
use hubbub_store::sqlite::{SqliteConfig, SqliteStore, open_reader};
use hubbub_store::{Reader, StoreError};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The file whose lock says that a server uses the folder.
pub(crate) const LOCK: &str = "lock";
/// Whoever only looks whether it is locked, such as `hubbub doctor`, has it for a moment, and is gone by
/// then.
const PROBE_MAX: Duration = Duration::from_millis(200);
/// Between two tries.
const PROBE_PAUSE: Duration = Duration::from_millis(5);

/// A folder that this process has for itself, as long as this lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// The lock goes with the file, also when the process is killed.
    _lock: File,
}

impl DataFolder {
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let failed = |error| StartError::Folder { folder: path.to_owned(), error };
        crate::platform::create_private_folder(path).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(failed)?;
        match lock_soon(&lock) {
            Ok(()) => {
                if backup::finish(path).map_err(failed)? {
                    tracing::warn!(folder = %path.display(), "a restore was cut short, and is complete now");
                }
                Ok(Self { path: path.to_owned(), _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                Err(StartError::FolderInUse { folder: path.to_owned() })
            }
            // Some network file systems have no locks: SQLite would not be safe there either.
            Err(TryLockError::Error(error)) => Err(failed(io::Error::new(
                error.kind(),
                format!("the file system does not lock files ({error})"),
            ))),
        }
    }

    pub(crate) fn store(&self) -> Result<SqliteStore, StartError> {
        let file = file_in(&self.path);
        // Before SQLite makes it, and with it the files beside it, for everybody to read.
        crate::platform::create_private_file(&file)
            .map_err(|error| StartError::Folder { folder: self.path.clone(), error })?;
        let config = SqliteConfig::new(file);
        SqliteStore::open(config).map_err(|error| self.failed(error))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What to say when the store doesn't do its work.
    pub(crate) fn failed(&self, error: StoreError) -> StartError {
        StartError::Store { folder: self.path.clone(), error }
    }
}

/// Takes the lock, though somebody may just look at it.
fn lock_soon(lock: &File) -> Result<(), TryLockError> {
    let until = Instant::now() + PROBE_MAX;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(PROBE_PAUSE),
            result => return result,
        }
    }
}

pub(crate) fn file_in(folder: &Path) -> PathBuf {
    folder.join("hubbub.db")
}

/// That a server was here before. Whoever only looks makes no folder where there is none.
pub(crate) fn must_hold_data(folder: &Path) -> Result<(), StartError> {
    match file_in(folder).try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(StartError::NoData { folder: folder.to_owned() }),
        Err(error) => Err(StartError::Folder { folder: folder.to_owned(), error }),
    }
}

/// Opens a folder's store for reading, also while a server runs on it.
///
/// # Errors
/// [`StartError`], with the way out.
pub fn reader_beside(folder: &Path) -> Result<Box<dyn Reader>, StartError> {
    must_hold_data(folder)?;
    open_reader(&SqliteConfig::new(file_in(folder)))
        .map_err(|error| StartError::Store { folder: folder.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_whether_a_folder_is_in_use_does_not_make_a_start_fail() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataFolder::open(folder.path()).unwrap());
        let probe = File::options().write(true).open(folder.path().join(LOCK)).unwrap();
        probe.try_lock().unwrap();
        let probe = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            drop(probe);
        });
        let server = DataFolder::open(folder.path()).unwrap();
        probe.join().unwrap();
        let error = DataFolder::open(folder.path()).unwrap_err();
        assert!(matches!(error, StartError::FolderInUse { .. }), "{error}");
        drop(server);
    }
}

//! Backups of a data folder: what belongs to one, how its file is sealed, and how it is restored.
//!
//! The file is a SQLite database (see `hubbub_store::sqlite::backup`) with one line behind it, the
//! *seal*: the SHA-256 of everything before. SQLite finds pages that don't fit together, but no
//! letter of a message that has become another one.
//!
//! In it: the database, the keys and certificates in `tls`, and the settings in `hubbub.toml`, with
//! the certificate that these name if it is in the folder. Not in it: the search index, which is made
//! anew, and what means nothing elsewhere (the lock, the socket).
//!
//! Deliberately not here: names and places of the operator's files, Ctrl-C and words about progress.

mod carried;
mod restore;
mod seal;
#[cfg(test)]
mod tests;

pub use restore::{Restored, restore};
pub(crate) use restore::{finish, is_under_way};

use crate::config::StartError;
use crate::data::{file_in, must_hold_data};
use hubbub_protocol::WallMs;
use hubbub_store::StoreError;
use hubbub_store::sqlite::SqliteConfig;
use hubbub_store::sqlite::backup::{self as database, AtRest, Beside, Contents, Label, Step};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is being done, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Writing a copy of the data.
    Copying,
    /// Looking whether what is there is whole.
    Checking,
}

/// How far it is: bytes done and bytes in all, `None` where that is not known.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes done, and in all.
    pub bytes: Option<(u64, u64)>,
}

/// Hears how far it is. Returns whether it is to stop.
#[derive(Clone)]
pub struct Watch(Arc<Mutex<dyn FnMut(Progress) -> bool + Send>>);

impl Watch {
    /// Calls this now and then.
    pub fn new(hear: impl FnMut(Progress) -> bool + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(hear)))
    }

    fn stops(&self, phase: Phase, bytes: Option<(u64, u64)>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)(Progress { phase, bytes })
    }

    fn step(&self, phase: Phase) -> Step {
        let watch = self.clone();
        Box::new(move || watch.stops(phase, None))
    }

    /// An error of something that was stopped is that it was.
    fn or_stopped(&self, phase: Phase, error: impl Into<BackupError>) -> BackupError {
        if self.stops(phase, None) { BackupError::Stopped } else { error.into() }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What the database holds.
    pub contents: Contents,
    /// When and by whom it was made; `None` for the copy of a database that was made before an upgrade.
    pub label: Option<Label>,
    /// The other files in it, by name.
    pub files: Vec<String>,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why there is no backup, or nothing restored. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data folder can't be used, or holds nothing.
    #[error(transparent)]
    Folder(#[from] StartError),
    /// The store says no.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The system says no.
    #[error("can't {doing} {}: {error}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no backup, or not all of one.
    #[error("{} is not a whole backup: {why}", file.display())]
    NotWhole {
        /// Which.
        file: PathBuf,
        /// What is wrong with it, and the way out.
        why: String,
    },
    /// The folder holds what would be replaced.
    #[error(
        "there are data in {} already ({}): choose another folder with --data DIR, or --replace, which moves them into a folder beside the new ones",
        folder.display(), names.join(", ")
    )]
    HoldsData {
        /// Which folder.
        folder: PathBuf,
        /// What is there.
        names: Vec<String>,
    },
    /// A restore of this folder was cut short.
    #[error(
        "a restore of {} was cut short: start the server, or `hubbub restore` again, which completes it first", folder.display()
    )]
    UnderWay {
        /// Which folder.
        folder: PathBuf,
    },
    /// There are no epochs left.
    #[error(
        "the epochs of these data are used up, which takes some two million starts: move the rooms with `hubbub export` and `hubbub import` to a new folder"
    )]
    EpochsUsedUp,
    /// The caller wanted it to stop.
    #[error("stopped; nothing was changed")]
    Stopped,
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull => {
            StoreError::Full(format!("{doing} {}", path.display())).into()
        }
        _ => BackupError::File { doing, path: path.to_owned(), error },
    }
}

/// Writes a backup of a data folder into an empty file, also while a server runs on it, and checks it.
/// When it returns, the bytes are on the disk; the name of the file is the caller's.
///
/// `more` are files in the folder that belong to it as well, by their paths in there.
///
/// # Errors
/// Nothing in the folder is ever changed. What is in the file then is of no use.
pub fn back_up(
    folder: &Path,
    more: &[PathBuf],
    to: &Path,
    now: WallMs,
    watch: &Watch,
) -> Result<Summary, BackupError> {
    must_hold_data(folder)?;
    if is_under_way(folder) {
        return Err(BackupError::UnderWay { folder: folder.to_owned() });
    }
    let mut data = Beside::open(&SqliteConfig::new(file_in(folder)))?;
    let of = data.bytes()?;
    let (heard, copy) = (watch.clone(), to.to_owned());
    let step = move || {
        let done = std::fs::metadata(&copy).map_or(0, |metadata| metadata.len());
        heard.stops(Phase::Copying, Some((done.min(of), of)))
    };
    data.copy(to, Box::new(step)).map_err(|error| watch.or_stopped(Phase::Copying, error))?;
    drop(data);
    let files = carried::read(folder, more)?;
    let label = Label { created: now, program: env!("CARGO_PKG_VERSION").to_owned() };
    database::pack(to, &label, &files)?;
    seal::put_on(to, watch)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed("write", to))?;
    look(to, watch)
}

/// Looks whether a backup is whole, and says what is in it. Nothing is changed, and nothing made.
///
/// # Errors
/// What is wrong with it.
pub fn look(file: &Path, watch: &Watch) -> Result<Summary, BackupError> {
    look_closely(file, watch).map(|(summary, _)| summary)
}

/// The same, and what its bytes come to.
fn look_closely(file: &Path, watch: &Watch) -> Result<(Summary, seal::Body), BackupError> {
    // Before SQLite is given anything.
    let body = seal::check(file, watch)?;
    let mut copy = AtRest::open(file)?;
    copy.check(watch.step(Phase::Checking))
        .map_err(|error| watch.or_stopped(Phase::Checking, error))?;
    let files = carried::names(&copy, file)?;
    let summary =
        Summary { contents: copy.contents()?, label: copy.label()?, files, bytes: body.file_bytes };
    Ok((summary, body))
}

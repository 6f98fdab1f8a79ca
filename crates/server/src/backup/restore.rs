//! Putting a backup into a data folder.
//!
//! Everything is made ready in the folder `restoring.part`, which nobody looks at. Renaming that to
//! `restoring` decides: from then on the restore happens, also after a power cut, since whoever takes
//! the folder's lock next completes it ([`finish`]). What is replaced is moved, and never deleted; but
//! the search index is, which belongs to the old data and is made anew.

use super::{BackupError, Summary, Watch, carried, failed, look_closely, seal};
use crate::data::{DataFolder, LOCK, file_in};
use crate::{platform, random};
use hubbub_protocol::{Epoch, WallMs};
use hubbub_store::sqlite::SqliteConfig;
use hubbub_store::sqlite::backup::{self as database, AtRest, Beside};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where a restore is made ready.
const PREPARED: &str = "restoring.part";
/// What it is called when it is decided.
const UNDER_WAY: &str = "restoring";
/// In it: what goes into the data folder.
const NEW: &str = "new";
/// In it: where the old data go.
const PLAN: &str = "plan.json";
/// How the names of folders with old data begin.
const KEPT: &str = "before-restore-";
const DATABASE: &str = "hubbub.db";
/// What belongs to a database, and goes where it goes.
const BESIDE: &[&str] = &["hubbub.db-wal", "hubbub.db-shm"];
/// The search index, which belongs to it, too, but is made anew.
const SEARCH: &[&str] = &[
    "hubbub.db.search",
    "hubbub.db.search-wal",
    "hubbub.db.search-shm",
    "hubbub.db.search-journal",
];
/// The server that was backed up may have gone on: started again, restored, or reopened its store. In
/// so many steps its epoch did not rise since, hopefully; a restore each day lasts for three years.
const EPOCHS_AHEAD: u32 = 1024;
/// The same backup may be restored again, where the data of the first time can't be read. So the epoch
/// also rises by one for so long since the backup was made, in milliseconds; the servers in between
/// were hardly started more often.
const EPOCH_MS: u64 = 10 * 60 * 1000;
/// By so many for that reason at most: of four weeks.
const EPOCHS_FOR_AGE_MAX: u64 = 4096;
/// And below this by chance, for two restores at once.
const EPOCHS_BY_CHANCE: u32 = 1024;
/// Epochs are below this, since ids are `epoch << 32 | n` and below 2^53.
const EPOCH_END: u32 = 1 << 21;

#[derive(Serialize, Deserialize)]
struct Plan {
    kept: String,
}

/// A folder that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was in the backup.
    pub summary: Summary,
    /// The epoch now; the next start raises it by one.
    pub epoch: Epoch,
    /// Where the old data are, if there were any.
    pub kept: Option<PathBuf>,
    /// Why the epoch of the old data could not be read.
    pub old_unreadable: Option<String>,
}

/// Puts a backup into a data folder that no server uses, after a look at all of it. With `replace`, data
/// that are there are moved into a folder `before-restore-DATE` in there.
///
/// The epoch rises above all that these data or their clients may know, so that (room, epoch, seq)
/// never means two things.
///
/// # Errors
/// Nothing has changed then, but that a folder may have been made.
pub fn restore(
    file: &Path,
    folder: &Path,
    replace: bool,
    now: WallMs,
    watch: &Watch,
) -> Result<Restored, BackupError> {
    let (summary, body) = look_closely(file, watch)?;
    let data = DataFolder::open(folder)?;
    let folder = data.path();
    let lock = folder.join(LOCK);
    platform::give_to_owner(&lock).map_err(failed("give its owner", &lock))?;
    let mut tops: Vec<String> = [DATABASE].iter().chain(BESIDE).map(|&name| name.into()).collect();
    tops.extend(summary.files.iter().map(|name| top(name).to_owned()));
    tops.dedup();
    let there: Vec<String> = tops.into_iter().filter(|name| is_there(&folder.join(name))).collect();
    if !there.is_empty() && !replace {
        return Err(BackupError::HoldsData { folder: folder.to_owned(), names: there });
    }
    let (old, old_unreadable) = old_epoch(folder);
    let old = old.max(kept_epoch(folder).map_err(failed("list", folder))?);
    let ahead = epochs_ahead(summary.label.as_ref().map(|label| label.created), now);
    let epoch = above(old, summary.contents.epoch, ahead)?;

    let prepared = Prepared::begin(folder)?;
    let kept = kept_name(folder, now);
    prepared.fill(file, &body, &summary, epoch, &kept, watch)?;
    prepared.decide()?;
    finish(folder).map_err(failed("complete the restore of", folder))?;
    let kept = (!there.is_empty()).then(|| folder.join(kept));
    Ok(Restored { summary, epoch, kept, old_unreadable })
}

/// The first part of a name.
fn top(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// Also a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The epoch of the data that are there.
fn old_epoch(folder: &Path) -> (Option<Epoch>, Option<String>) {
    let file = file_in(folder);
    // An empty one is made by a start that went no further.
    if fs::metadata(&file).map_or(true, |metadata| metadata.len() == 0) {
        return (None, None);
    }
    match Beside::open(&SqliteConfig::new(file)).and_then(|old| old.epoch()) {
        Ok(epoch) => (Some(epoch), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

/// The highest epoch of the data that restores of before have moved away, as far as they can be read.
fn kept_epoch(folder: &Path) -> io::Result<Option<Epoch>> {
    let mut highest = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(KEPT) {
            highest = highest.max(old_epoch(&entry.path()).0);
        }
    }
    Ok(highest)
}

/// How far a restore now goes above a backup's epoch: each time by another number.
fn epochs_ahead(made: Option<WallMs>, now: WallMs) -> u32 {
    let age_ms = made.map_or(0, |made| now.0.saturating_sub(made.0));
    let for_age = (age_ms / EPOCH_MS).min(EPOCHS_FOR_AGE_MAX) as u32;
    EPOCHS_AHEAD + for_age + random::below(EPOCHS_BY_CHANCE)
}

/// An epoch that neither has ever had.
pub(super) fn above(old: Option<Epoch>, backup: Epoch, ahead: u32) -> Result<Epoch, BackupError> {
    let after_old = old.map_or(0, |old| old.0.saturating_add(1));
    let epoch = backup.0.saturating_add(ahead).max(after_old);
    // The next starts need some, too.
    if epoch >= EPOCH_END - EPOCHS_AHEAD {
        Err(BackupError::EpochsUsedUp)
    } else {
        Ok(Epoch(epoch))
    }
}

/// A name for the old data that is not taken.
fn kept_name(folder: &Path, now: WallMs) -> String {
    let time = i64::try_from(now.0).ok();
    let time = time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    let name = format!("{KEPT}{}", time.strftime("%Y-%m-%dT%H%M%SZ"));
    let mut free = name.clone();
    let mut attempt = 1;
    while is_there(&folder.join(&free)) {
        attempt += 1;
        free = format!("{name}-{attempt}");
    }
    free
}

/// Goes as far as to decide, as if the power had gone then.
#[cfg(test)]
pub(super) fn decide_only(
    file: &Path,
    folder: &Path,
    epoch: Epoch,
    kept: &str,
) -> Result<(), BackupError> {
    let watch = Watch::new(|_| false);
    let (summary, body) = look_closely(file, &watch)?;
    let prepared = Prepared::begin(folder)?;
    prepared.fill(file, &body, &summary, epoch, kept, &watch)?;
    prepared.decide()
}

/// What is being made ready. Gone when this is dropped, unless it was decided.
struct Prepared<'a> {
    folder: &'a Path,
    path: PathBuf,
}

impl<'a> Prepared<'a> {
    fn begin(folder: &'a Path) -> Result<Self, BackupError> {
        let path = folder.join(PREPARED);
        // Of one that was cut short before it was decided.
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path)(error));
            }
            _ => {}
        }
        let prepared = Self { folder, path };
        let new = prepared.path.join(NEW);
        platform::create_private_folder(&new).map_err(failed("make", &new))?;
        Ok(prepared)
    }

    fn fill(
        &self,
        file: &Path,
        body: &seal::Body,
        summary: &Summary,
        epoch: Epoch,
        kept: &str,
        watch: &Watch,
    ) -> Result<(), BackupError> {
        let new = self.path.join(NEW);
        let copy = new.join(DATABASE);
        platform::create_private_file(&copy).map_err(failed("write", &copy))?;
        if !seal::copy_body(file, body, &copy, watch)? {
            let why = "it changes while it is read. Try again when nobody writes it".into();
            return Err(BackupError::NotWhole { file: file.to_owned(), why });
        }
        let packed = AtRest::open(&copy)?;
        for name in &summary.files {
            let gone = || BackupError::NotWhole {
                file: file.to_owned(),
                why: format!("{name} is missing. Take another backup"),
            };
            let bytes = packed.file(name)?.ok_or_else(gone)?;
            let path = new.join(carried::path_of(name).ok_or_else(gone)?);
            let above = path.parent().unwrap_or(&new);
            platform::create_private_folder(above)
                .and_then(|()| platform::replace_private_file(&path, &bytes))
                .and_then(|()| above.parent().map_or(Ok(()), platform::sync_folder))
                .map_err(failed("write", &path))?;
        }
        drop(packed);
        database::unpack(&copy, epoch)?;
        File::open(&copy)
            .and_then(|file| file.sync_all())
            .and_then(|()| platform::sync_folder(&new))
            .map_err(failed("write", &copy))?;
        let plan = serde_json::to_vec(&Plan { kept: kept.to_owned() }).unwrap_or_default();
        let path = self.path.join(PLAN);
        platform::replace_private_file(&path, &plan).map_err(failed("write", &path))?;
        // Root may do this for a server that is another user.
        platform::give_to_owner(&self.path).map_err(failed("give its owner", &self.path))
    }

    fn decide(self) -> Result<(), BackupError> {
        fs::rename(&self.path, self.folder.join(UNDER_WAY))
            .and_then(|()| platform::sync_folder(self.folder))
            .map_err(failed("rename", &self.path))
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // It may have been decided, or the disk is gone: nothing to do about either.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether a restore was decided, and is not complete.
pub(crate) fn is_under_way(folder: &Path) -> bool {
    is_there(&folder.join(UNDER_WAY))
}

/// Completes a restore that was decided, if there is one; for whoever has the folder's lock. May be cut
/// short at any point and called again. Returns whether there was one.
pub(crate) fn finish(folder: &Path) -> io::Result<bool> {
    let under_way = folder.join(UNDER_WAY);
    if !is_there(&under_way) {
        return Ok(false);
    }
    let new = under_way.join(NEW);
    let mut kept = None;
    if is_there(&new.join(DATABASE)) {
        let kept = kept.insert(folder.join(kept_in(&under_way)?));
        for entry in fs::read_dir(&new)? {
            let name = entry?.file_name();
            if name != DATABASE {
                replace(folder, &new, kept, Path::new(&name))?;
            }
        }
        for name in SEARCH {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        // What is in the log of the old database must not come into the new one.
        for name in BESIDE {
            move_away(folder, kept, Path::new(name))?;
        }
        platform::sync_folder(folder)?;
        // The last: as long as it is here, all of this is done again.
        replace(folder, &new, kept, Path::new(DATABASE))?;
        platform::sync_folder(folder)?;
    }
    fs::remove_dir_all(&under_way)?;
    platform::sync_folder(folder)?;
    Ok(true)
}

/// Where the old data go, as it was decided.
fn kept_in(under_way: &Path) -> io::Result<String> {
    let plan: Plan = serde_json::from_slice(&fs::read(under_way.join(PLAN))?)?;
    let is_fair = plan.kept.starts_with(KEPT) && !plan.kept.contains(['/', '\\']);
    if is_fair { Ok(plan.kept) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Moves the old one away and the new one into its place.
fn replace(folder: &Path, new: &Path, kept: &Path, name: &Path) -> io::Result<()> {
    move_away(folder, kept, name)?;
    fs::rename(new.join(name), folder.join(name))
}

fn move_away(folder: &Path, kept: &Path, name: &Path) -> io::Result<()> {
    let old = folder.join(name);
    if !is_there(&old) {
        return Ok(());
    }
    platform::create_private_folder(kept)?;
    platform::give_to_owner(kept)?;
    fs::rename(old, kept.join(name))?;
    platform::sync_folder(kept)
}

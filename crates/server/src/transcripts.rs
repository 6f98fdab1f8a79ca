//! Transcripts: what happens in the rooms that the operator chose, as a file for each. A thread of its own
//! writes them, so that a slow or full disk hurts nobody who talks.
//!
//! Deliberately not here: which rooms ([`hubbub_hub::Transcripts`]), and the log that the server itself
//! reads (the store). What is in a file is never read again, and nobody waits until it is on disk.

mod file;
mod name;
mod queue;

pub(crate) use queue::TranscriptQueue;

use crate::clock;
use crate::config::TranscriptFiles;
use crate::door::plain::{in_room, when_exactly};
use file::RoomFile;
use hubbub_hub::Delivery;
use hubbub_protocol::{RoomName, WallMs};
use queue::{Batch, Entry};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is tried again where the disk did not take something.
const RETRY: Duration = Duration::from_secs(2);
/// Rooms that are remembered. Of older ones, the file just says once more when the server started.
const KNOWN_MAX: usize = 4_096;
/// Files that are open at once: connections need them more.
const OPEN_MAX: usize = 64;

/// Runs until the queue is closed and empty. `data`: from where the folder of the files is named.
pub(crate) fn run(queue: &Arc<TranscriptQueue>, files: &TranscriptFiles, data: &Path) {
    let mut writer = Writer::new(data.join(&files.folder), files.clone());
    while let Some(batch) = queue.take(writer.is_failing.then_some(RETRY)) {
        writer.write(batch);
    }
    writer.stop();
}

/// The files, and what is wrong with them.
#[derive(Debug)]
struct Writer {
    folder: PathBuf,
    files: TranscriptFiles,
    /// By case-folded name.
    rooms: BTreeMap<String, RoomFile>,
    started: WallMs,
    /// Counts batches.
    turn: u64,
    /// As many files are open at most.
    open: usize,
    /// The disk did not take something, and that is not written yet. The log was told.
    is_failing: bool,
}

/// What a batch has for one file.
#[derive(Debug)]
struct Page {
    room: RoomName,
    text: String,
}

impl Writer {
    fn new(folder: PathBuf, files: TranscriptFiles) -> Self {
        let (rooms, started) = (BTreeMap::new(), clock::wall());
        let writer = Self { folder, files, rooms, started, turn: 0, open: 0, is_failing: false };
        // Now, so that the operator hears of it before anybody has spoken.
        if let Err(error) = crate::platform::create_private_folder(&writer.folder) {
            tracing::warn!(
                %error,
                folder = %writer.folder.display(),
                "the folder for transcripts can't be made; it is tried again"
            );
        }
        writer
    }

    fn write(&mut self, batch: Batch) {
        self.turn += 1;
        let mut pages = BTreeMap::<String, Page>::new();
        for Entry { room, time, what } in batch.entries {
            let page = page(&mut pages, &room);
            let time = match &what {
                // As the history has it.
                Delivery::Message { event, .. } => event.time,
                _ => time,
            };
            in_room(&before(time), &what, page);
        }
        for (room, count) in batch.left_out.values() {
            let text = page(&mut pages, room);
            text.push_str(&left_out(*count, "the disk was too slow"));
        }
        if batch.left_out_elsewhere > 0 {
            tracing::warn!(
                lines = batch.left_out_elsewhere,
                "the disk was too slow for transcripts: of so many rooms lines were left out that only \
                 some of the files say it"
            );
        }
        // What failed is tried again, even where nothing more is said.
        for (fold, file) in self.rooms.iter().filter(|(_, file)| file.lost > 0) {
            let page = || Page { room: file.room.clone(), text: String::new() };
            pages.entry(fold.clone()).or_insert_with(page);
        }
        let mut failed = None;
        for (fold, Page { room, text }) in pages {
            failed = self.append(fold, room, &text).err().or(failed);
        }
        self.report(failed);
        self.forget();
    }

    fn append(&mut self, fold: String, room: RoomName, text: &str) -> Result<(), Failed> {
        if !self.rooms.get(&fold).is_some_and(RoomFile::is_open) {
            if self.open >= OPEN_MAX {
                self.close_some();
            }
            self.open += 1;
        }
        let file = self.rooms.entry(fold).or_insert_with(|| {
            let path = self.folder.join(name::file_name(&room));
            RoomFile::new(room, path)
        });
        file.used = self.turn;
        let mut first = String::new();
        if !file.has_begun {
            first = format!("{}-- the server started\n", before(self.started));
        }
        if file.lost > 0 {
            first.push_str(&left_out(file.lost, "the disk did not take them"));
        }
        let whole = if first.is_empty() { text } else { &(first + text) };
        match file.append(&self.files, whole) {
            Ok(()) => {
                (file.has_begun, file.lost) = (true, 0);
                Ok(())
            }
            Err(error) => {
                file.lost += lines(text);
                Err(Failed { file: file.path().to_owned(), error })
            }
        }
    }

    /// The log hears once of a disk that takes nothing, and once when it does again.
    fn report(&mut self, failed: Option<Failed>) {
        let was_failing = self.is_failing;
        self.is_failing = self.rooms.values().any(|file| file.lost > 0);
        if let Some(Failed { file, error }) = failed.filter(|_| !was_failing) {
            tracing::warn!(
                %error,
                file = %file.display(),
                "a transcript can't be written: its lines are left out and counted, and it is tried again"
            );
        }
        if was_failing && !self.is_failing {
            tracing::info!("transcripts are written again");
        }
    }

    /// Forgets the rooms that were used least, when there are many.
    fn forget(&mut self) {
        if self.rooms.len() > KNOWN_MAX {
            let middle = self.middle_turn(|_| true);
            self.rooms.retain(|_, file| file.used > middle);
        }
    }

    /// Closes the files that were used least, to make place for others.
    fn close_some(&mut self) {
        let middle = self.middle_turn(RoomFile::is_open);
        self.rooms.values_mut().filter(|file| file.used <= middle).for_each(RoomFile::close);
        self.open = self.rooms.values().filter(|file| file.is_open()).count();
    }

    /// The turn up to which half of these were used last.
    fn middle_turn(&self, is_counted: fn(&RoomFile) -> bool) -> u64 {
        let counted = self.rooms.values().filter(|file| is_counted(file));
        let mut turns: Vec<u64> = counted.map(|file| file.used).collect();
        turns.sort_unstable();
        turns.get(turns.len() / 2).copied().unwrap_or_default()
    }

    /// Says in each file to which something was written that this is the end.
    fn stop(&mut self) {
        let line = format!("{}-- the server stopped\n", before(clock::wall()));
        let rooms = std::mem::take(&mut self.rooms);
        for (fold, file) in rooms.into_iter().filter(|(_, file)| file.has_begun || file.lost > 0) {
            let room = file.room.clone();
            self.rooms.insert(fold.clone(), file);
            if let Err(Failed { file, error }) = self.append(fold.clone(), room, &line) {
                tracing::warn!(%error, file = %file.display(), "the end of a transcript is missing");
            }
            // One open file at a time is enough.
            self.rooms.remove(&fold);
        }
    }
}

/// A file that can't be written to.
#[derive(Debug)]
struct Failed {
    file: PathBuf,
    error: std::io::Error,
}

fn page<'a>(pages: &'a mut BTreeMap<String, Page>, room: &RoomName) -> &'a mut String {
    let page = || Page { room: room.clone(), text: String::new() };
    &mut pages.entry(room.fold()).or_insert_with(page).text
}

/// What stands before each line.
fn before(time: WallMs) -> String {
    format!("[{}] ", when_exactly(time))
}

fn left_out(count: u64, why: &str) -> String {
    let lines = if count == 1 { "1 line was".into() } else { format!("{count} lines were") };
    format!("{}-- {lines} left out: {why}\n", before(clock::wall()))
}

fn lines(text: &str) -> u64 {
    text.lines().map(|_| 1).sum()
}

#[cfg(test)]
mod tests;

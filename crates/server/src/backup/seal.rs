//! The line behind a backup's database: the SHA-256 of everything before it.
//!
//! SQLite doesn't look at what is behind the last page, so the file is a database all the same.

use super::{BackupError, Phase, Watch, failed};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How the line begins.
const WORDS: &[u8] = b"\nhubbub backup 1 sha256 ";
/// Characters of the number in it.
const DIGITS: usize = 64;
/// Bytes of the line.
const SEAL_BYTES: usize = WORDS.len() + DIGITS + 1;
/// Bytes before the first page's content (<https://www.sqlite.org/fileformat2.html#the_database_header>).
const HEADER_BYTES: usize = 100;
/// How every SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where in the header it says which journal it has; 2 is the write-ahead log.
const JOURNAL: [usize; 2] = [18, 19];
/// Where in the header the application id is.
const APPLICATION: std::ops::Range<usize> = 68..72;
/// Says that it is a backup, which has a seal: the same as in the store.
const BACKUP: &[u8] = b"HubK";
/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The database in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// Bytes of the whole file.
    pub(super) file_bytes: u64,
    /// Bytes of the database.
    pub(super) bytes: u64,
    /// Their SHA-256.
    pub(super) digest: [u8; 32],
}

/// Ends a backup with its seal.
pub(super) fn put_on(path: &Path, watch: &Watch) -> Result<(), BackupError> {
    let failed = failed("write", path);
    let mut file = File::options().read(true).write(true).open(path).map_err(&failed)?;
    let bytes = file.metadata().map_err(&failed)?.len();
    let digest = copy(&mut file, bytes, None, watch, Phase::Checking)?.map_err(&failed)?;
    file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(&line(&digest))).map_err(failed)
}

fn line(digest: &[u8; 32]) -> Vec<u8> {
    let mut line = WORDS.to_vec();
    line.extend(digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    line.push(b'\n');
    line
}

/// Looks whether a file is all of a backup; or a copy of a database that was made before an upgrade,
/// which has no seal.
pub(super) fn check(path: &Path, watch: &Watch) -> Result<Body, BackupError> {
    let failed = failed("read", path);
    let bad = |why: &str| BackupError::NotWhole { file: path.to_owned(), why: why.into() };
    let found = std::fs::metadata(path).map_err(&failed)?;
    if !found.is_file() {
        return Err(bad("it is no file"));
    }
    let mut file = File::open(path).map_err(&failed)?;
    let file_bytes = found.len();
    let mut header = [0; HEADER_BYTES];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(bad("it is too short. Take another backup"));
        }
        result => result.map_err(&failed)?,
    }
    if !header.starts_with(MAGIC) {
        return Err(bad("it is something else. Give a file that `hubbub backup` made"));
    }
    if JOURNAL.iter().any(|&at| header[at] != 1) {
        return Err(bad(
            "it is a server's database itself, of which a part may be in another file. Make a backup of its folder: hubbub backup FILE --data DIR",
        ));
    }
    if header[APPLICATION] != *BACKUP {
        // SQLite says what it is.
        file.rewind().map_err(&failed)?;
        let digest = copy(&mut file, file_bytes, None, watch, Phase::Checking)?.map_err(&failed)?;
        return Ok(Body { file_bytes, bytes: file_bytes, digest });
    }
    let short = "its end is missing. Copy it again, or take another backup";
    let bytes = file_bytes.checked_sub(SEAL_BYTES as u64).ok_or_else(|| bad(short))?;
    let mut seal = [0; SEAL_BYTES];
    file.seek(SeekFrom::Start(bytes)).map_err(&failed)?;
    file.read_exact(&mut seal).map_err(&failed)?;
    if !seal.starts_with(WORDS) {
        return Err(bad(short));
    }
    file.rewind().map_err(&failed)?;
    let digest = copy(&mut file, bytes, None, watch, Phase::Checking)?.map_err(&failed)?;
    if seal[..] != line(&digest) {
        return Err(bad("its bytes have changed since it was made. Take another backup"));
    }
    Ok(Body { file_bytes, bytes, digest })
}

/// Copies the database in a file to another, which is empty. Returns whether it still is the one that
/// was looked at.
pub(super) fn copy_body(
    from: &Path,
    body: &Body,
    to: &Path,
    watch: &Watch,
) -> Result<bool, BackupError> {
    let mut file = File::open(from).map_err(failed("read", from))?;
    let mut target = File::options().write(true).open(to).map_err(failed("write", to))?;
    let copied = copy(&mut file, body.bytes, Some(&mut target), watch, Phase::Copying)?;
    let digest = copied.map_err(failed("copy to", to))?;
    Ok(digest == body.digest)
}

/// Reads so many bytes, and may write them elsewhere. Returns their SHA-256.
fn copy(
    from: &mut File,
    bytes: u64,
    mut to: Option<&mut File>,
    watch: &Watch,
    phase: Phase,
) -> Result<io::Result<[u8; 32]>, BackupError> {
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = 0;
    if let Err(error) = from.rewind() {
        return Ok(Err(error));
    }
    while done < bytes {
        let length =
            usize::try_from(bytes - done).map_or(CHUNK_BYTES, |rest| rest.min(CHUNK_BYTES));
        let piece = &mut chunk[..length];
        let moved = from.read_exact(piece).and_then(|()| match &mut to {
            Some(to) => to.write_all(piece),
            None => Ok(()),
        });
        if let Err(error) = moved {
            return Ok(Err(error));
        }
        digest.update(&*piece);
        done += length as u64;
        if watch.stops(phase, Some((done, bytes))) {
            return Err(BackupError::Stopped);
        }
    }
    Ok(Ok(digest.finalize().into()))
}

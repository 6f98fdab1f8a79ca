//! The file of one room: appended to, set aside when it is large, and opened anew when somebody else (such
//! as logrotate) has set it aside.

use crate::config::TranscriptFiles;
use hubbub_protocol::RoomName;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A room's transcript.
#[derive(Debug)]
pub(super) struct RoomFile {
    pub(super) room: RoomName,
    path: PathBuf,
    open: Option<File>,
    /// In which batch something was written to it last.
    pub(super) used: u64,
    /// Something was written to it since the server started.
    pub(super) has_begun: bool,
    /// Lines that it did not take, and that does not stand in it yet.
    pub(super) lost: u64,
    /// It may end within a line.
    is_torn: bool,
    /// It could not be set aside, and the log was told.
    is_too_large: bool,
}

impl RoomFile {
    pub(super) fn new(room: RoomName, path: PathBuf) -> Self {
        Self {
            room,
            path,
            open: None,
            used: 0,
            has_begun: false,
            lost: 0,
            is_torn: false,
            is_too_large: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Appends whole lines, and sets the file aside where it becomes too large, between two lines. On an
    /// error perhaps some of them are in it, but never a part of one.
    pub(super) fn append(&mut self, files: &TranscriptFiles, text: &str) -> io::Result<()> {
        let result = self.try_append(files, text);
        if result.is_err() {
            self.close();
        }
        result
    }

    fn try_append(&mut self, files: &TranscriptFiles, text: &str) -> io::Result<()> {
        let mut length = self.make_ready()?;
        let mut rest = text;
        let mut is_stuck = false;
        while !rest.is_empty() {
            let place = match files.rotate_bytes {
                0 => u64::MAX,
                most => most.saturating_sub(length),
            };
            let upto = lines_within(rest, place);
            if upto == 0 && length > 0 && !is_stuck {
                is_stuck = !self.is_set_aside(files.keep);
                length = self.make_ready()?;
                continue;
            }
            let upto = match upto {
                0 if is_stuck => rest.len(),
                // A line that is longer than a whole file may be is written all the same.
                0 => first_line(rest),
                upto => upto,
            };
            let (now, later) = rest.split_at(upto);
            self.write(length, now)?;
            length += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn write(&mut self, length: u64, lines: &str) -> io::Result<()> {
        let Some(file) = &mut self.open else { return Err(io::ErrorKind::NotConnected.into()) };
        let begun = if self.is_torn { file.write_all(b"\n") } else { Ok(()) };
        let written = begun.and_then(|()| file.write_all(lines.as_bytes()));
        if written.is_err() {
            // Half a line could be read as what it is not.
            self.is_torn |= file.set_len(length).is_err();
        } else {
            self.is_torn = false;
        }
        written
    }

    /// Opens the file unless it is open and still the one of that name. Its length.
    fn make_ready(&mut self) -> io::Result<u64> {
        let named = match std::fs::symlink_metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // Opening a pipe would wait for a reader, and a link lead out of the folder.
        if named.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("there is something that is no file"));
        }
        if let (Some(file), Some(named)) = (&self.open, &named) {
            let open = file.metadata()?;
            if is_same(&open, named) {
                return Ok(open.len());
            }
        }
        self.open = None;
        let file = match open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = self.path.parent() {
                    crate::platform::create_private_folder(folder)?;
                }
                open(&self.path)?
            }
            opened => opened?,
        };
        let length = file.metadata()?.len();
        // After a power cut it may be.
        self.is_torn = length > 0 && !ends_with_a_line(&self.path)?;
        self.open = Some(file);
        Ok(length)
    }

    /// Sets the file aside. One that can't be grows: better than to lose what is said.
    fn is_set_aside(&mut self, keep: u32) -> bool {
        let result = self.set_aside(keep);
        if let Err(error) = &result
            && !self.is_too_large
        {
            tracing::warn!(
                %error,
                file = %self.path.display(),
                "a transcript is too large, and can't be set aside; it grows"
            );
        }
        self.is_too_large = result.is_err();
        !self.is_too_large
    }

    /// `lobby.log` becomes `lobby.log.1`, that one `lobby.log.2`, and so on; the oldest go. As logrotate does.
    fn set_aside(&mut self, keep: u32) -> io::Result<()> {
        self.open = None;
        let mut free = 1;
        while self.numbered(free).try_exists()? {
            free += 1;
        }
        for number in (1..free).rev() {
            std::fs::rename(self.numbered(number), self.numbered(number + 1))?;
        }
        std::fs::rename(&self.path, self.numbered(1))?;
        if keep > 0 {
            for number in u64::from(keep) + 1..=free {
                std::fs::remove_file(self.numbered(number))?;
            }
        }
        Ok(())
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}

/// For its owner alone, where it is new; one that is there keeps its rights.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Whether a file is still the one of its name.
#[cfg(unix)]
fn is_same(open: &Metadata, named: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// Whether a file is still the one of its name. Elsewhere a file that is open is not replaced.
#[cfg(not(unix))]
fn is_same(open: &Metadata, named: &Metadata) -> bool {
    open.len() == named.len()
}

/// How many bytes of whole lines fit.
fn lines_within(text: &str, place: u64) -> usize {
    let most = usize::try_from(place).unwrap_or(usize::MAX).min(text.len());
    text.as_bytes()[..most].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

fn first_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

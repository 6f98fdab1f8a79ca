//! What reaches the console from other threads. They never wait for the terminal: what it is too slow to
//! show is counted.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of the log that wait to be shown.
const LOG_BYTES_MAX: usize = 1024 * 1024;

/// Where it is put.
#[derive(Debug)]
pub(crate) struct Inbox {
    mail: Mutex<Mail>,
    bell: PipeWriter,
}

/// What has come.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// Lines of the log.
    pub(super) log: Vec<u8>,
    /// So many more were not kept.
    pub(super) lost: u64,
    /// What a verb is answered.
    pub(super) answer: Option<Vec<String>>,
    /// The terminal may be another one: of another size, or with other settings.
    pub(super) look_again: bool,
    /// It is over.
    pub(super) close: bool,
    /// The bell was rung for this.
    is_rung: bool,
}

impl Inbox {
    /// And the end of a pipe that can be read when something has come.
    pub(super) fn new() -> io::Result<(Self, PipeReader)> {
        let (hear, bell) = io::pipe()?;
        Ok((Self { mail: Mutex::default(), bell }, hear))
    }

    /// A line of the log, with its end.
    pub(crate) fn log(&self, line: &[u8]) {
        self.put(|mail| {
            if mail.log.len() + line.len() > LOG_BYTES_MAX {
                mail.lost += 1;
            } else {
                mail.log.extend_from_slice(line);
            }
        });
    }

    pub(super) fn put(&self, change: impl FnOnce(&mut Mail)) {
        let mut mail = self.mail();
        change(&mut mail);
        if !mail.is_rung {
            mail.is_rung = true;
            // One byte at a time is in the pipe, so this never waits.
            let _ = (&self.bell).write_all(&[0]);
        }
    }

    /// Takes what has come.
    pub(super) fn take(&self) -> Mail {
        std::mem::take(&mut *self.mail())
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_terminal_that_stands_still_holds_nobody_up() {
        let (inbox, mut hear) = Inbox::new().unwrap();
        let line = [b'x'; 1000];
        (0..100_000).for_each(|_| inbox.log(&line));
        let mut bell = [0; 16];
        assert_eq!(hear.read(&mut bell).unwrap(), 1, "the bell is rung once");
        let mail = inbox.take();
        assert!(mail.log.len() <= LOG_BYTES_MAX);
        assert_eq!(mail.log.len() / 1000 + usize::try_from(mail.lost).unwrap(), 100_000);
        inbox.put(|mail| mail.close = true);
        assert_eq!(hear.read(&mut bell).unwrap(), 1);
        assert!(inbox.take().close);
    }
}

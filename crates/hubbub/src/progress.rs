//! How far something long is, on a terminal that would else show nothing.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// What is done sooner needs no words.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is said.
const OFTEN: Duration = Duration::from_millis(200);

/// One line of stderr that is written anew. Gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    due: Instant,
    shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, due: Instant::now() + PATIENCE, shown: false }
    }

    /// Says it, if it is time to. The words must be plain.
    pub(crate) fn say(&mut self, words: impl FnOnce() -> String) {
        let now = Instant::now();
        if self.is_terminal && now >= self.due {
            self.due = now + OFTEN;
            self.shown = true;
            // Nobody may read it any more: no reason to stop.
            let _ = write!(io::stderr(), "\r\u{1b}[K{}", words());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

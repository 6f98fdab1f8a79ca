//! The terminal itself: how it is set while the console has it, and how it was.

use super::super::Kind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcgetwinsize, tcsetattr,
};
use std::io::{self, Write};

/// What a terminal is taken for that doesn't say how wide it is.
const COLUMNS: usize = 80;
/// Pasted text comes in marks.
const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// How this terminal can be used. `None`: it is somebody else's, such as that of a shell which has put us
/// into the background.
pub(crate) fn kind() -> Option<Kind> {
    let device = |stat: rustix::io::Result<rustix::fs::Stat>| stat.ok().map(|stat| stat.st_rdev);
    let output = device(fstat(io::stdout()));
    if output.is_none() || device(fstat(io::stdin())) != output || !is_ours() {
        return None;
    }
    // Where the log goes to another terminal, there is nothing to be kept apart.
    let is_one = device(fstat(io::stderr())) == output;
    let term = std::env::var_os("TERM").unwrap_or_default();
    let is_able = !term.is_empty() && term != "dumb";
    Some(if is_one && is_able && tcgetattr(io::stdin()).is_ok() { Kind::Live } else { Kind::Plain })
}

/// Whether we may read from it. Where it controls nobody, anybody may.
pub(super) fn is_ours() -> bool {
    tcgetpgrp(io::stdin()).map_or(true, |group| group == getpgrp())
}

pub(super) fn columns() -> usize {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => COLUMNS,
    }
}

/// Writes it at once.
pub(super) fn show(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// Stops all of this job, until its shell lets it go on.
pub(super) fn stop_the_job() {
    let _ = kill_current_process_group(Signal::TSTP);
}

/// How it was set, to be set so again.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    before: Termios,
    ours: Termios,
}

impl Settings {
    /// Those of now. Nothing is changed.
    pub(super) fn of_now() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut ours = before.clone();
        // Keys come as they are typed, as they are, and nothing is done with them. What is printed is
        // left as it was, so that a line end is one.
        ours.local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG);
        ours.input_modes.remove(
            InputModes::BRKINT
                | InputModes::ICRNL
                | InputModes::INLCR
                | InputModes::IGNCR
                | InputModes::INPCK
                | InputModes::ISTRIP
                | InputModes::IXON,
        );
        ours.special_codes[SpecialCodeIndex::VMIN] = 1;
        ours.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(Self { before, ours })
    }

    /// Takes the terminal.
    pub(super) fn take(&self) -> io::Result<()> {
        tcsetattr(io::stdin(), OptionalActions::Now, &self.ours)?;
        show(PASTE_ON)
    }

    /// Gives it back. From the background that would stop us, and the shell has set it by then.
    pub(super) fn give_back(&self) {
        if is_ours() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
            // Not through stdout's buffer, which a thread that stands still may hold; and not to a
            // terminal that stands still.
            let stdout = io::stdout();
            let mut ready = [PollFd::new(&stdout, PollFlags::OUT)];
            if poll(&mut ready, Some(&Timespec::default())) == Ok(1) {
                let _ = rustix::io::write(&stdout, PASTE_OFF);
            }
        }
    }
}

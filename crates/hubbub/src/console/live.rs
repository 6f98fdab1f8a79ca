//! The console on a terminal that can: one row that is edited, with the log and the answers above it.
//!
//! One thread draws and reads. Others put into its [`Inbox`] what they have, and never wait. A verb is
//! done in a thread of its own, so that the log goes on meanwhile; what is typed then waits, but for Ctrl-C:
//! that stops the server also where the verb never ends.

mod complete;
mod draw;
mod editor;
mod history;
pub(super) mod inbox;
mod keys;
mod line;
pub(super) mod tty;

use self::complete::Asking;
use self::editor::{Act, Editor};
use self::history::History;
use self::inbox::{Inbox, Mail};
use self::keys::{Decoder, Within};
use super::{done, wrapped};
use crate::logging;
use hubbub_protocol::sanitize;
use hubbub_server::verbs::Manager;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// What has to be asked for twice is asked for again within this time.
const AGAIN: Duration = Duration::from_secs(5);
/// An escape sequence comes in one piece, on a slow line too.
const KEY_WAIT: Duration = Duration::from_millis(50);
/// What is pasted may come in several. What comes after this counts as typed, so it is long.
const PASTE_WAIT: Duration = Duration::from_secs(2);
/// In the background: how often to see whether we are not.
const BACKGROUND_WAIT: Duration = Duration::from_millis(500);
/// What is typed while a verb is done waits, so many bytes of it. What is more is lost, as in a terminal.
const TYPED_MAX: usize = 64 * 1024;
/// So many bytes are read at once.
const READ_MAX: usize = 1024;
/// Ctrl-C as it comes from the terminal.
const CTRL_C: u8 = 3;
/// A terminal that takes nothing is left alone after this time.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

/// The console as its server sees it.
#[derive(Debug)]
pub(super) struct Live {
    inbox: Arc<Inbox>,
    settings: tty::Settings,
    /// Nothing comes; it is closed when the thread has ended.
    ended: Receiver<()>,
    resized: Signal,
    continued: Signal,
}

impl Live {
    pub(super) fn open(
        folder: &Path,
        manager: Manager,
        stop: watch::Sender<bool>,
    ) -> io::Result<Self> {
        let (inbox, bell) = Inbox::new()?;
        let inbox = Arc::new(inbox);
        let settings = tty::Settings::of_now()?;
        let resized = signal(SignalKind::window_change())?;
        let continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
        let (end, ended) = channel();
        let running = Running {
            inbox: Arc::clone(&inbox),
            bell,
            settings: settings.clone(),
            names: Asking::new(manager.clone()),
            manager,
            stop,
            editor: Editor::new(History::load(folder)),
            decoder: Decoder::default(),
            typed: VecDeque::new(),
            styles: has_styles(),
            has_terminal: false,
            is_busy: false,
            interrupted: None,
            suspended: None,
        };
        let run = move || {
            let _end = end;
            running.run();
        };
        thread::Builder::new().name("console".into()).spawn(run)?;
        Ok(Self { inbox, settings, ended, resized, continued })
    }

    /// Waits for signals that are about the terminal. Safe to cancel.
    pub(super) async fn hear_signals(&mut self) {
        loop {
            tokio::select! {
                _ = self.resized.recv() => {}
                _ = self.continued.recv() => {}
            }
            self.inbox.put(|mail| mail.look_again = true);
        }
    }

    pub(super) fn close(&mut self) {
        self.inbox.put(|mail| mail.close = true);
        if self.ended.recv_timeout(CLOSE_WAIT) == Err(RecvTimeoutError::Timeout) {
            // The log stays with the console: on stderr it would wait for that terminal.
            tracing::debug!("the console's terminal stands still");
        }
    }
}

impl Drop for Live {
    /// Once more, whatever has become of the thread: also when the server panics.
    fn drop(&mut self) {
        self.settings.give_back();
    }
}

fn has_styles() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The console as its thread sees it.
struct Running {
    inbox: Arc<Inbox>,
    bell: PipeReader,
    settings: tty::Settings,
    manager: Manager,
    names: Asking,
    stop: watch::Sender<bool>,
    editor: Editor,
    decoder: Decoder,
    /// Read, and not looked at yet.
    typed: VecDeque<u8>,
    styles: bool,
    /// We are in the foreground, and the terminal is set as we need it.
    has_terminal: bool,
    /// A verb is being done.
    is_busy: bool,
    /// When Ctrl-C was typed on an empty line.
    interrupted: Option<Instant>,
    /// When Ctrl-Z was.
    suspended: Option<Instant>,
}

/// Whether the console goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

impl Running {
    fn run(mut self) {
        let inbox = Arc::clone(&self.inbox);
        logging::redirect(Box::new(move |line| inbox.log(format!("{line}\n").as_bytes())));
        // Without its terminal there is nobody left to tell.
        let _ = self.work();
    }

    fn work(&mut self) -> io::Result<()> {
        self.look_at_terminal()?;
        self.draw()?;
        loop {
            let (has_keys, has_mail) = self.wait()?;
            if has_mail {
                let _ = self.bell.read(&mut [0])?;
                let mail = self.inbox.take();
                if self.read_mail(mail)? == Next::End {
                    return Ok(());
                }
            }
            if has_keys {
                let mut bytes = [0; READ_MAX];
                match rustix::io::read(io::stdin(), &mut bytes) {
                    // The window was closed.
                    Ok(0) => return Ok(()),
                    Ok(count) => {
                        // Where there is no place, the newest key is heard all the same.
                        self.typed.truncate(TYPED_MAX - count);
                        self.typed.extend(&bytes[..count]);
                    }
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            } else if !has_mail
                && !self.is_busy
                && let Some(key) = self.decoder.give_up()
            {
                self.take(key)?;
            }
            while !self.is_busy
                && let Some(byte) = self.typed.pop_front()
            {
                if let Some(key) = self.decoder.take(byte) {
                    self.take(key)?;
                }
            }
            if self.is_busy {
                self.hear_interrupts()?;
            }
            if !self.has_terminal && !has_mail {
                self.look_at_terminal()?;
            }
            self.draw()?;
        }
    }

    /// Waits for keys, mail, or until it is time to look again.
    fn wait(&self) -> io::Result<(bool, bool)> {
        let stdin = io::stdin();
        let mut ready = vec![PollFd::new(&self.bell, PollFlags::IN)];
        if self.has_terminal {
            ready.push(PollFd::new(&stdin, PollFlags::IN));
        }
        let wait = match self.decoder.within() {
            _ if !self.has_terminal => Some(BACKGROUND_WAIT),
            _ if self.is_busy => None,
            Some(Within::Key) => Some(KEY_WAIT),
            Some(Within::Paste) => Some(PASTE_WAIT),
            None => None,
        };
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        match poll(&mut ready, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // A closed window is something to read, too.
        let is_ready = |of: Option<&PollFd<'_>>| of.is_some_and(|of| !of.revents().is_empty());
        Ok((is_ready(ready.get(1)), is_ready(ready.first())))
    }

    /// Takes the terminal if it is ours, as after a stop.
    fn look_at_terminal(&mut self) -> io::Result<()> {
        self.has_terminal = tty::is_ours();
        if self.has_terminal {
            self.settings.take()?;
        }
        Ok(())
    }

    fn read_mail(&mut self, mail: Mail) -> io::Result<Next> {
        if !mail.log.is_empty() || mail.lost > 0 {
            let mut text = draw::CLEAR_ROW.as_bytes().to_vec();
            text.extend_from_slice(&mail.log);
            if mail.lost > 0 {
                let lost = format!("({} lines of the log are not shown here)\n", mail.lost);
                text.extend_from_slice(lost.as_bytes());
            }
            tty::show(&text)?;
        }
        if let Some(lines) = mail.answer {
            self.is_busy = false;
            self.say(&lines)?;
        }
        if mail.close {
            if self.has_terminal {
                tty::show(draw::CLEAR_ROW.as_bytes())?;
            }
            return Ok(Next::End);
        }
        if mail.look_again {
            self.look_at_terminal()?;
        }
        Ok(Next::GoOn)
    }

    fn take(&mut self, key: keys::Key) -> io::Result<()> {
        let interrupted = self.interrupted.take();
        let suspended = self.suspended.take();
        match self.editor.take(key, &self.names) {
            Act::Draw => {}
            Act::Submit(text) => {
                self.leave(&text)?;
                self.submit(text.trim())?;
            }
            Act::Drop(text) => self.leave(&format!("{text}^C"))?,
            Act::Interrupt => self.interrupt(interrupted)?,
            Act::EndOfInput => {
                self.leave("")?;
                self.tell("The server goes on; exit stops it.")?;
            }
            Act::Suspend if is_again(suspended) => self.suspend()?,
            Act::Suspend => {
                self.suspended = Some(Instant::now());
                self.leave("^Z")?;
                self.tell(
                    "Ctrl-Z again puts the server aside: it stands still for everybody until the \
                     shell lets it go on, with bg or fg.",
                )?;
            }
            Act::ClearScreen => tty::show(b"\x1b[H\x1b[2J")?,
            Act::Choices(choices) => {
                let text = self.editor.line.text().to_owned();
                self.leave(&text)?;
                let choices: Vec<_> = choices.iter().map(|name| safe(name)).collect();
                self.say(&draw::choices(&choices, tty::columns()))?;
            }
        }
        Ok(())
    }

    /// Ctrl-C on an empty line. `before`: when it was typed last.
    fn interrupt(&mut self, before: Option<Instant>) -> io::Result<()> {
        self.leave("^C")?;
        if is_again(before) {
            self.stop.send_replace(true);
            return Ok(());
        }
        self.interrupted = Some(Instant::now());
        self.tell("Ctrl-C again stops the server, for everybody.")
    }

    /// While a verb is done, which may be for ever where the server hangs.
    fn hear_interrupts(&mut self) -> io::Result<()> {
        for _ in 0..interrupts(&mut self.typed) {
            let before = self.interrupted.take();
            self.interrupt(before)?;
        }
        Ok(())
    }

    /// Leaves a row behind, as it was typed.
    fn leave(&mut self, text: &str) -> io::Result<()> {
        let mut typed = line::Line::default();
        typed.insert(text);
        let row = draw::row(&typed, None, tty::columns(), self.styles);
        tty::show(format!("{row}\n").as_bytes())
    }

    fn submit(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let (manager, inbox, text) =
            (self.manager.clone(), Arc::clone(&self.inbox), text.to_owned());
        let answer = Answering(Some(inbox));
        let run = move || answer.give(done(&manager, &text));
        self.is_busy = true;
        thread::Builder::new().name("console-verb".into()).spawn(run).map(drop)
    }

    fn tell(&self, text: &str) -> io::Result<()> {
        self.say(&[text.to_owned()])
    }

    fn say(&self, lines: &[String]) -> io::Result<()> {
        let columns = tty::columns();
        let mut text = String::from(draw::CLEAR_ROW);
        for line in lines.iter().flat_map(|line| wrapped(&safe(line), columns)) {
            text.push_str(&line);
            text.push('\n');
        }
        tty::show(text.as_bytes())
    }

    fn draw(&self) -> io::Result<()> {
        if !self.has_terminal || self.is_busy {
            return Ok(());
        }
        let hint = self.editor.hint();
        let row = draw::row(&self.editor.line, hint.as_deref(), tty::columns(), self.styles);
        tty::show(row.as_bytes())
    }

    /// Gives the terminal to the shell, and stops. Goes on from here when the shell says so.
    fn suspend(&mut self) -> io::Result<()> {
        self.leave("^Z")?;
        self.settings.give_back();
        tty::stop_the_job();
        // The signal may come a moment later, and the terminal is the shell's by then.
        self.has_terminal = false;
        Ok(())
    }
}

impl Drop for Running {
    /// Also when this thread panics.
    fn drop(&mut self) {
        logging::restore();
        self.settings.give_back();
        // What came last is not lost.
        let rest = self.inbox.take();
        let _ = io::Write::write_all(&mut io::stderr(), &rest.log);
    }
}

fn is_again(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at.elapsed() < AGAIN)
}

/// How often Ctrl-C was typed last. It drops what was typed before, as a terminal does. What is pasted ends
/// in a mark, so this can't come out of it.
fn interrupts(typed: &mut VecDeque<u8>) -> usize {
    let count = typed.iter().rev().take_while(|byte| **byte == CTRL_C).count();
    if count > 0 {
        typed.clear();
    }
    count
}

fn safe(text: &str) -> String {
    sanitize::for_terminal_line(text).into_owned()
}

/// Gives an answer in any case: without one the console would wait for ever.
struct Answering(Option<Arc<Inbox>>);

impl Answering {
    fn give(mut self, lines: Vec<String>) {
        if let Some(inbox) = self.0.take() {
            inbox.put(|mail| mail.answer = Some(lines));
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(inbox) = self.0.take() {
            inbox.put(|mail| mail.answer = Some(Vec::new()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_is_heard_while_a_verb_is_done_and_drops_what_was_typed_before() {
        let hear = |text: &str| {
            let mut typed = VecDeque::from(text.as_bytes().to_vec());
            (interrupts(&mut typed), typed.len())
        };
        assert_eq!(hear("stats\r"), (0, 6));
        assert_eq!(hear("stats\r\u{3}"), (1, 0));
        assert_eq!(hear("\u{3}\u{3}"), (2, 0));
        assert_eq!(hear("\u{1b}[200~a\u{3}\u{3}b\u{1b}[201~"), (0, 16), "what is pasted is text");
    }
}

//! A terminal for a server: a pseudo terminal, and what is shown there.
#![allow(dead_code, reason = "each test binary uses its own part")]

use crate::support::{LIMIT, hubbub};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) struct Terminal {
    child: Child,
    /// What the person types goes in here.
    keys: Option<File>,
    is_closed: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    shown: Receiver<Vec<u8>>,
    /// Shown, and not asked for yet.
    pending: String,
}

impl Terminal {
    /// `hubbub serve` on this folder, on 80 columns and 24 rows.
    pub(crate) fn serve(data: &Path, more: &[&str]) -> Self {
        Self::sized(data, more, (80, 24), &[])
    }

    /// The same on so many columns and rows, with this in its environment.
    pub(crate) fn sized(
        data: &Path,
        more: &[&str],
        (columns, rows): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        // In one step where that can be: another test may start a program at any moment, which would
        // keep this window open.
        #[cfg(target_os = "linux")]
        let flags = flags | OpenptFlags::CLOEXEC;
        let window = openpt(flags).unwrap();
        fcntl_setfd(&window, FdFlags::CLOEXEC).unwrap();
        grantpt(&window).unwrap();
        unlockpt(&window).unwrap();
        let name = ptsname(&window, Vec::new()).unwrap();
        let inside =
            || File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let end = inside();
        tcsetwinsize(&end, size).unwrap();
        let mut command = hubbub(&["serve", "--data", data.to_str().unwrap()]);
        command.args(more).env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command.envs(environment.iter().copied());
        command.stdin(Stdio::from(inside())).stdout(Stdio::from(inside())).stderr(Stdio::from(end));
        let child = command.spawn().unwrap();
        // Its copies of the terminal's inner end go with it, so that the reader sees the end.
        drop(command);
        let window = File::from(window);
        let keys = window.try_clone().unwrap();
        let is_closed = Arc::new(AtomicBool::new(false));
        let (to, shown) = channel();
        let closed = Arc::clone(&is_closed);
        let reader = std::thread::spawn(move || read(window, &closed, &to));
        let (keys, reader) = (Some(keys), Some(reader));
        Self { child, keys, is_closed, reader, shown, pending: String::new() }
    }

    /// Waits until this is shown, and returns everything up to there.
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.pending.find(wanted) {
                let rest = self.pending.split_off(at + wanted.len());
                return std::mem::replace(&mut self.pending, rest);
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.pending.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => panic!("no {wanted:?}: {}", self.pending),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without {wanted:?}: {}", self.pending)
                }
            }
        }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keys.as_mut().expect("the window is open").write_all(keys.as_bytes()).unwrap();
    }

    /// What Ctrl-C does; this terminal controls no session that could.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// How the terminal is set, and whether what is typed comes as lines and is shown by the system.
    pub(crate) fn settings(&self) -> (String, bool) {
        let settings: Termios = tcgetattr(self.keys.as_ref().expect("the window is open")).unwrap();
        let by_lines = settings.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO);
        (format!("{settings:?}"), by_lines)
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.interrupt();
        self.wait()
    }

    /// Shows nothing more, without closing: what is printed has to wait.
    pub(crate) fn stand_still(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.reader.take().unwrap().join().unwrap();
    }

    /// Closes the window. The signal is what the system sends to those whom the terminal controls.
    pub(crate) fn close(&mut self) -> Option<i32> {
        self.is_closed.store(true, Ordering::SeqCst);
        self.keys = None;
        self.reader.take().unwrap().join().unwrap();
        let end = Instant::now() + LIMIT;
        loop {
            // Once more if it goes on: a program that another test was just starting may have had the
            // window, too.
            self.signal("HUP");
            for _ in 0..40 {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(Instant::now() < end, "the program does not end: {}", self.pending);
        }
    }

    /// Waits for the end; the exit code, if it was no signal.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "the program does not end: {}", self.pending);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.is_closed.store(true, Ordering::SeqCst);
    }
}

/// Reads what is shown, until the window or the program is gone.
fn read(mut window: File, is_closed: &AtomicBool, to: &Sender<Vec<u8>>) {
    let look_again = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    let mut buffer = [0; 4096];
    while !is_closed.load(Ordering::SeqCst) {
        let mut ready = [PollFd::new(&window, PollFlags::IN)];
        if poll(&mut ready, Some(&look_again)) == Ok(0) {
            continue;
        }
        match window.read(&mut buffer) {
            Ok(length) if length > 0 => {
                let _ = to.send(buffer[..length].to_vec());
            }
            _ => return,
        }
    }
}

//! Looks at a server's memory while something happens to it.

use crate::{Result, system};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks at what has no peak of its own.
const LOOK: Duration = Duration::from_millis(100);

/// What was seen. The kernel counts its memory for all sockets of the network namespace, also for the
/// other side's.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Seen {
    pub(crate) before_bytes: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) after_bytes: u64,
    pub(crate) tcp_before_bytes: u64,
    pub(crate) tcp_peak_bytes: u64,
    /// Files that the server had open, at most.
    pub(crate) files_peak: usize,
}

/// A look that goes on until it is ended.
pub(crate) struct Watch {
    pid: u32,
    before: Seen,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(u64, usize)>,
}

impl Watch {
    /// Begins.
    pub(crate) fn begin(pid: u32) -> Result<Self> {
        system::forget_peak(pid);
        let before = Seen {
            before_bytes: system::memory_bytes(pid)?,
            tcp_before_bytes: system::tcp_bytes()?,
            ..Seen::default()
        };
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let (mut tcp, mut files) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                tcp = tcp.max(system::tcp_bytes().unwrap_or(0));
                files = files.max(system::open_files(pid).unwrap_or(0));
                std::thread::sleep(LOOK);
            }
            (tcp, files)
        });
        Ok(Self { pid, before, is_over, thread })
    }

    /// Ends, and says what was seen.
    pub(crate) fn end(self) -> Result<Seen> {
        self.is_over.store(true, Ordering::Relaxed);
        let (tcp_peak_bytes, files_peak) =
            self.thread.join().map_err(|_| "the thread that looks at memory panicked")?;
        Ok(Seen {
            peak_bytes: system::memory_peak_bytes(self.pid)?,
            after_bytes: system::memory_bytes(self.pid)?,
            tcp_peak_bytes,
            files_peak,
            ..self.before
        })
    }
}

//! Ctrl-C for commands that work in steps: the step is finished, and what was done is said.

use crate::signals::Signals;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Exit code of whoever did not want to wait for the step, as shells know it.
const EXIT_SECOND: i32 = 130;

/// Whether somebody wants it to stop. The second time ends the program at once.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes the signals over from the system, for the rest of the program's life.
    pub(crate) fn new() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut signals = Signals::new()?;
        drop(guard);
        let seen = Arc::clone(&flag);
        let wait = move || {
            runtime.block_on(async {
                signals.next().await;
                seen.store(true, Ordering::Relaxed);
                signals.next().await;
            });
            process::exit(EXIT_SECOND);
        };
        thread::Builder::new().name("signals".into()).spawn(wait)?;
        Ok(Self(flag))
    }

    /// Whether it came.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

//! The two clocks of this process.

use hubbub_protocol::{MonoMs, Now, WallMs};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time to everything in one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: wall(), mono: self.mono() }
    }

    pub(crate) fn mono(&self) -> MonoMs {
        MonoMs(millis(self.started.elapsed()))
    }

    /// The same moment for the hub, and since the start in microseconds, for measuring.
    pub(crate) fn now_and_us(&self) -> (Now, u64) {
        let passed = self.started.elapsed();
        (Now { wall: wall(), mono: MonoMs(millis(passed)) }, micros(passed))
    }

    /// Since the start, in microseconds.
    pub(crate) fn us(&self) -> u64 {
        micros(self.started.elapsed())
    }
}

pub(crate) fn wall() -> WallMs {
    // A clock before 1970 is a clock that was never set.
    WallMs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

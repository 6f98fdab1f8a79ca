//! Whether the wall clock can be believed as far as letting things go by their age is concerned.
//!
//! A clock that is wrong for a minute shows wrong times for a minute; but what goes because of it
//! does not come back. So nothing goes by age for a while after the server has started and after the
//! clock has jumped. What ends at a time without being lost (bans, mutes,
//! invites) simply follows the clock.

use hubbub_protocol::{MonoMs, Now};

/// A step of the wall clock that the other clock did not make is a jump, in milliseconds.
const JUMP_MS: u64 = 60 * 60 * 1_000;
/// After this time without a jump the clock is believed, in milliseconds. A clock that is set when a
/// computer starts is set long before.
const DOUBT_MS: u64 = 60 * 60 * 1_000;

/// Compares the two clocks, at each tick.
#[derive(Debug, Default)]
pub struct ClockSense {
    before: Option<Now>,
    believed_from: MonoMs,
}

/// The wall clock jumped: nothing goes by its age for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockJump {
    /// How far, in milliseconds; negative: back.
    pub by_ms: i64,
    /// For so long nothing goes, in milliseconds.
    pub doubt_ms: u64,
}

impl ClockSense {
    /// Time passes. Says when the clock has jumped.
    pub fn notice(&mut self, now: Now) -> Option<ClockJump> {
        let Some(before) = self.before.replace(now) else {
            // Nobody knows what happened while the server was off; or a jump was the reason.
            self.believed_from = now.mono.plus(DOUBT_MS);
            return None;
        };
        let passed = now.mono.0.saturating_sub(before.mono.0);
        let expected = before.wall.0.saturating_add(passed);
        if now.wall.0.abs_diff(expected) <= JUMP_MS {
            return None;
        }
        self.believed_from = now.mono.plus(DOUBT_MS);
        let by = i128::from(now.wall.0) - i128::from(expected);
        let by_ms = i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX });
        Some(ClockJump { by_ms, doubt_ms: DOUBT_MS })
    }

    /// Whether something may go because of its age.
    #[must_use]
    pub fn is_believed(&self, now: MonoMs) -> bool {
        self.before.is_some() && now >= self.believed_from
    }
}

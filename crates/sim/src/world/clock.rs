//! The wall clock of the simulated computer, which jumps by up to a year, both ways, while the server
//! runs and while it is off. Nothing but times may show it.

use hubbub_protocol::frame::Retention;
use hubbub_protocol::{Seq, WallMs};

const BEGIN_MS: u64 = 1_700_000_000_000;
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
const JUMPS: usize = 6;
/// The last jump comes before this time, in virtual milliseconds.
const QUIET_FROM_MS: u64 = 30_000;

pub(super) struct WallClock {
    /// Up to when the clock is how wrong, in order.
    steps: Vec<(u64, u64)>,
    /// How wrong it is after that.
    last: u64,
}

impl WallClock {
    /// Jumps of its own randomness, so that everything else in a world is as without them.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x0063_6c6f_636b);
        let jumps = rng.usize(0..=JUMPS);
        let mut times: Vec<u64> = (0..jumps).map(|_| rng.u64(0..QUIET_FROM_MS)).collect();
        times.sort_unstable();
        // Half of them come back: a clock that was wrong for a while.
        let mut ahead = |_| if rng.bool() { YEAR_MS } else { rng.u64(0..=2 * YEAR_MS) };
        let steps = times.iter().map(|until| (*until, ahead(()))).collect();
        Self { steps, last: ahead(()) }
    }

    pub(super) fn at(&self, now: u64) -> WallMs {
        let step = self.steps.iter().find(|(until, _)| now < *until);
        let ahead = step.map_or(self.last, |(_, ahead)| *ahead);
        WallMs(BEGIN_MS - YEAR_MS + ahead + now)
    }
}

/// Whether a room has more than it keeps, or has lost what it keeps because of a jump: no world lives
/// for a day, whatever its clock says.
pub(super) fn breaks_retention(kept: Retention, events: usize, floor: Seq) -> bool {
    match kept {
        Retention::Messages(most) => events > most as usize,
        Retention::Days(_) => floor > Seq(0),
        Retention::Forever | Retention::None => false,
    }
}

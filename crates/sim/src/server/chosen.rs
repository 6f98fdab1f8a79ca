//! What the operator of the simulated server chooses, and that they choose otherwise now and then.

use super::Server;
use hubbub_hub::{Input, Limited, Limits, Rate};

/// How long the limits of a tight world stay as they are, in milliseconds.
const CHOSEN_MS: u64 = 3_000;

/// How much one may do at once: little enough to be felt, or as much as usual.
pub(super) fn limits(tight: bool) -> Limits {
    let mut limits = Limits::default();
    if tight {
        // All come from one address.
        limits.exempt.clear();
        limits.user[Limited::Messages] = Rate::new(4, 240);
        limits.user[Limited::Bytes] = Rate::new(2_000, 120_000);
        limits.user[Limited::Commands] = Rate::new(20, 600);
        limits.user[Limited::Requests] = Rate::new(2, 30);
        limits.user[Limited::Searches] = Rate::new(2, 60);
        limits.user[Limited::Joins] = Rate::new(8, 120);
        limits.address[Limited::Messages] = Rate::new(40, 1_800);
        limits.address[Limited::Joins] = Rate::new(60, 900);
        limits.room[Limited::Messages] = Rate::new(20, 900);
    }
    limits
}

impl Server {
    /// In a tight world, limits come and go while people are here.
    pub(super) fn choose(&mut self) {
        let limits = limits((self.now.mono.0 / CHOSEN_MS).is_multiple_of(2));
        if self.is_tight && limits != self.config.limits {
            self.config.limits = limits;
            self.drive(Input::Configured(Box::new(self.config.clone())));
        }
    }
}

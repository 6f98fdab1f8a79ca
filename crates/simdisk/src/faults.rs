//! What the owner of the disk asked to go wrong, and the counters.
//!
//! Only decisions; the disk carries them out.

use crate::code::{Code, DiskResult};

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Bytes all files together may use; `None`: no limit.
    pub(crate) capacity_bytes: Option<u64>,
    pub(crate) read_only: bool,
    /// How many of the next syncs fail.
    pub(crate) syncs_to_fail: u64,
    /// How many of the next writes fail.
    pub(crate) writes_to_fail: u64,
    /// Changes that still succeed before the power goes; `None`: no such plan.
    changes_before_stop: Option<u64>,
    /// Changes asked for so far (writes, truncates, syncs, creations,
    /// deletions), failed ones too.
    pub(crate) changes: u64,
    /// Syncs that succeeded.
    pub(crate) syncs: u64,
}

impl Faults {
    pub(crate) fn stop_after(&mut self, changes: u64) {
        self.changes_before_stop = Some(changes);
    }

    /// Back to a running disk: the planned faults end with the machine they
    /// were planned for. Capacity and write protection belong to the disk and
    /// stay.
    pub(crate) fn restart(&mut self) {
        self.syncs_to_fail = 0;
        self.writes_to_fail = 0;
        self.changes_before_stop = None;
    }

    /// Called before every change: counts it, and fails when the power is off.
    pub(crate) fn admit_change(&mut self) -> DiskResult<()> {
        self.changes += 1;
        match &mut self.changes_before_stop {
            None => Ok(()),
            Some(0) => Err(Code::IO),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Called before everything that changes nothing.
    pub(crate) fn check_power(&self) -> DiskResult<()> {
        match self.changes_before_stop {
            Some(0) => Err(Code::IO),
            _ => Ok(()),
        }
    }

    pub(crate) fn admit_write(&mut self) -> DiskResult<()> {
        if self.read_only || take_one(&mut self.writes_to_fail) {
            return Err(Code::WRITE);
        }
        Ok(())
    }

    pub(crate) fn admit_sync(&mut self) -> DiskResult<()> {
        if take_one(&mut self.syncs_to_fail) {
            return Err(Code::SYNC);
        }
        self.syncs += 1;
        Ok(())
    }

    /// Whether files may grow to `bytes` together.
    pub(crate) fn admit_size(&self, bytes: u64) -> DiskResult<()> {
        match self.capacity_bytes {
            Some(capacity) if bytes > capacity => Err(Code::FULL),
            _ => Ok(()),
        }
    }
}

fn take_one(left: &mut u64) -> bool {
    let take = *left > 0;
    *left -= u64::from(take);
    take
}

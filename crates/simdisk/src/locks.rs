//! The five lock levels of one database file, between the connections of this
//! process (<https://www.sqlite.org/lockingv3.html>).
//!
//! Nobody waits here: a lock is given or refused, and SQLite's busy handler does
//! the rest.

use std::collections::BTreeMap;

use crate::{
    code::{Code, DiskResult},
    disk::HandleId,
};

/// In the order of their strength; SQLite relies on it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LockLevel {
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Who holds which lock; who holds none is absent.
#[derive(Debug, Default)]
pub(crate) struct FileLocks {
    holders: BTreeMap<HandleId, LockLevel>,
}

impl FileLocks {
    pub(crate) fn lock(&mut self, who: HandleId, wanted: LockLevel) -> DiskResult<()> {
        let held = self.held_by(who);
        if held >= wanted {
            return Ok(());
        }
        let others = self.strongest_of_others(who);
        match wanted {
            LockLevel::None => Ok(()),
            LockLevel::Shared if others >= LockLevel::Pending => Err(Code::BUSY),
            LockLevel::Reserved | LockLevel::Pending | LockLevel::Exclusive
                if others >= LockLevel::Reserved =>
            {
                Err(Code::BUSY)
            }
            LockLevel::Exclusive if others >= LockLevel::Shared => {
                // Stays pending: readers finish, and no new ones come.
                self.holders.insert(who, LockLevel::Pending);
                Err(Code::BUSY)
            }
            _ => {
                self.holders.insert(who, wanted);
                Ok(())
            }
        }
    }

    pub(crate) fn unlock(&mut self, who: HandleId, wanted: LockLevel) {
        if wanted == LockLevel::None {
            self.holders.remove(&who);
        } else if self.held_by(who) > wanted {
            self.holders.insert(who, wanted);
        }
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.holders.values().any(|held| *held >= LockLevel::Reserved)
    }

    fn held_by(&self, who: HandleId) -> LockLevel {
        self.holders.get(&who).copied().unwrap_or(LockLevel::None)
    }

    fn strongest_of_others(&self, who: HandleId) -> LockLevel {
        let others = self.holders.iter().filter(|(id, _)| **id != who);
        others.map(|(_, held)| *held).max().unwrap_or(LockLevel::None)
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, FileLocks, HandleId, LockLevel};

    const READER: HandleId = HandleId::for_test(1);
    const WRITER: HandleId = HandleId::for_test(2);
    const LATE: HandleId = HandleId::for_test(3);

    #[test]
    fn a_waiting_writer_lets_readers_finish_and_no_new_ones_in() {
        let mut locks = FileLocks::default();
        assert_eq!(locks.lock(READER, LockLevel::Shared), Ok(()));
        assert_eq!(locks.lock(WRITER, LockLevel::Shared), Ok(()));
        assert_eq!(locks.lock(WRITER, LockLevel::Reserved), Ok(()));
        assert_eq!(locks.lock(LATE, LockLevel::Shared), Ok(()));
        locks.unlock(LATE, LockLevel::None);
        assert_eq!(locks.lock(WRITER, LockLevel::Exclusive), Err(Code::BUSY));
        assert_eq!(locks.lock(LATE, LockLevel::Shared), Err(Code::BUSY));
        locks.unlock(READER, LockLevel::None);
        assert_eq!(locks.lock(WRITER, LockLevel::Exclusive), Ok(()));
        assert_eq!(locks.lock(LATE, LockLevel::Shared), Err(Code::BUSY));
        locks.unlock(WRITER, LockLevel::Shared);
        assert_eq!(locks.lock(LATE, LockLevel::Shared), Ok(()));
        assert!(!locks.is_reserved());
    }

    #[test]
    fn one_handle_at_a_time_is_reserved() {
        let mut locks = FileLocks::default();
        for who in [READER, WRITER] {
            assert_eq!(locks.lock(who, LockLevel::Shared), Ok(()));
        }
        assert_eq!(locks.lock(WRITER, LockLevel::Reserved), Ok(()));
        assert_eq!(locks.lock(READER, LockLevel::Reserved), Err(Code::BUSY));
        assert!(locks.is_reserved());
    }
}

//! The shared memory of one database in WAL mode: regions and the locks on them.
//!
//! Nothing here reads or writes a region. SQLite does, through raw pointers, with
//! its own atomics and barriers; this module keeps the memory where it is. A
//! region is an `Arc` of atomics: it does not move, whoever holds a clone keeps
//! it alive, and shared writes to it are allowed.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use crate::{
    code::{Code, DiskResult},
    disk::HandleId,
};

/// The memory of one region. `u64`, because SQLite wants regions aligned for its
/// widest load.
pub(crate) type Region = Arc<[AtomicU64]>;

/// A set of the eight lock slots (`SQLITE_SHM_NLOCK`), one bit each.
pub(crate) type SlotMask = u8;

/// What `xShmLock` asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ShmLock {
    Shared,
    Exclusive,
    Unlock,
}

#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    regions: Vec<Region>,
    users: BTreeMap<HandleId, Held>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    shared: SlotMask,
    exclusive: SlotMask,
}

impl SharedMemory {
    /// The region `index`; `None` when it does not exist and `extend` is false.
    pub(crate) fn map(
        &mut self,
        who: HandleId,
        request: RegionRequest,
    ) -> DiskResult<Option<Region>> {
        self.users.entry(who).or_default();
        while self.regions.len() <= request.index && request.extend {
            self.regions.push(new_region(request.size_bytes));
        }
        let Some(region) = self.regions.get(request.index) else { return Ok(None) };
        if size_of_val::<[AtomicU64]>(region) < request.size_bytes {
            return Err(Code::SHARED_MEMORY);
        }
        Ok(Some(Arc::clone(region)))
    }

    pub(crate) fn lock(&mut self, who: HandleId, slots: SlotMask, lock: ShmLock) -> DiskResult<()> {
        let others = self.users.iter().filter(|(id, _)| **id != who);
        let taken = others.fold(Held::default(), |sum, (_, held)| Held {
            shared: sum.shared | held.shared,
            exclusive: sum.exclusive | held.exclusive,
        });
        let held = self.users.entry(who).or_default();
        match lock {
            ShmLock::Unlock => {
                held.shared &= !slots;
                held.exclusive &= !slots;
            }
            ShmLock::Shared if taken.exclusive & slots != 0 => return Err(Code::BUSY),
            ShmLock::Shared => held.shared |= slots,
            ShmLock::Exclusive if (taken.exclusive | taken.shared) & slots != 0 => {
                return Err(Code::BUSY);
            }
            ShmLock::Exclusive => held.exclusive |= slots,
        }
        Ok(())
    }

    /// Ends the use by `who`. With the last user the content goes, and the next
    /// one recovers it from the WAL, as after a restart of a process.
    pub(crate) fn unmap(&mut self, who: HandleId) {
        self.users.remove(&who);
        if self.users.is_empty() {
            self.regions.clear();
        }
    }
}

/// Arguments of `xShmMap`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionRequest {
    pub(crate) index: usize,
    pub(crate) size_bytes: usize,
    pub(crate) extend: bool,
}

fn new_region(size_bytes: usize) -> Region {
    let words = size_bytes.div_ceil(size_of::<u64>());
    (0..words).map(|_| AtomicU64::new(0)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Code, HandleId, RegionRequest, SharedMemory, ShmLock};

    const FIRST: HandleId = HandleId::for_test(1);
    const SECOND: HandleId = HandleId::for_test(2);

    #[test]
    fn an_exclusive_slot_excludes_and_shared_ones_do_not() {
        let mut memory = SharedMemory::default();
        assert_eq!(memory.lock(FIRST, 0b0110, ShmLock::Exclusive), Ok(()));
        assert_eq!(memory.lock(SECOND, 0b0010, ShmLock::Shared), Err(Code::BUSY));
        assert_eq!(memory.lock(SECOND, 0b1000, ShmLock::Exclusive), Ok(()));
        assert_eq!(memory.lock(FIRST, 0b0010, ShmLock::Unlock), Ok(()));
        assert_eq!(memory.lock(SECOND, 0b0010, ShmLock::Shared), Ok(()));
        assert_eq!(memory.lock(FIRST, 0b0010, ShmLock::Shared), Ok(()));
        assert_eq!(memory.lock(FIRST, 0b0010, ShmLock::Exclusive), Err(Code::BUSY));
        assert_eq!(memory.lock(SECOND, 0b0100, ShmLock::Shared), Err(Code::BUSY));
        memory.unmap(FIRST);
        assert_eq!(memory.lock(SECOND, 0b0100, ShmLock::Exclusive), Ok(()));
    }

    #[test]
    fn users_share_a_region_until_the_last_one_leaves() {
        let mut memory = SharedMemory::default();
        let mut map = |who, extend| {
            let request = RegionRequest { index: 1, size_bytes: 32_768, extend };
            memory.map(who, request).expect("regions of one size")
        };
        assert!(map(FIRST, false).is_none());
        let region = map(FIRST, true).expect("extended");
        assert_eq!(size_of_val(&*region), 32_768);
        let same = map(SECOND, false).expect("there already");
        assert!(Arc::ptr_eq(&region, &same));
        memory.unmap(FIRST);
        memory.unmap(SECOND);
        assert_eq!(Arc::strong_count(&region), 2, "the disk still holds it");
    }
}

//! What SQLite does with an open file.
//!
//! A handle whose machine lost power has no file any more: everything on it
//! fails, except giving up (`unlock`, `unmap`, `close`).

use crate::{
    code::{Code, DiskResult},
    disk::{HandleId, Inode, InodeId, State},
    locks::LockLevel,
    shm::{Region, RegionRequest, ShmLock, SlotMask},
};

#[derive(Debug)]
pub(crate) struct Handle {
    /// `None` after a power cut.
    pub(crate) inode: Option<InodeId>,
    pub(crate) name: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) delete_on_close: bool,
    /// The next sync syncs the directory too.
    pub(crate) sync_names: bool,
    /// Keeps alive what SQLite has pointers to, beyond a power cut too.
    pub(crate) regions: Vec<Region>,
}

impl State {
    /// The bytes from `offset` on, at most `amount`; fewer at the end of the
    /// file.
    pub(crate) fn read(&self, id: HandleId, offset: usize, amount: usize) -> DiskResult<&[u8]> {
        let inode = self.live_inode(id)?;
        let inode = self.inodes.get(&inode).ok_or(Code::IO)?;
        Ok(inode.content.read(offset, amount))
    }

    pub(crate) fn write(&mut self, id: HandleId, offset: usize, bytes: &[u8]) -> DiskResult<()> {
        let inode = self.live_inode(id)?;
        self.faults.admit_change()?;
        if self.is_read_only(id) {
            return Err(Code::WRITE);
        }
        self.faults.admit_write()?;
        let end = offset.checked_add(bytes.len()).ok_or(Code::WRITE)?;
        let growth = end.saturating_sub(self.inode(inode)?.content.size());
        if growth > 0 && self.faults.capacity_bytes.is_some() {
            self.faults.admit_size(self.used_bytes() + growth as u64)?;
        }
        let sequence = self.take_sequence();
        let content = &mut self.inode(inode)?.content;
        content.write(sequence, offset, bytes);
        Ok(())
    }

    pub(crate) fn truncate(&mut self, id: HandleId, size: usize) -> DiskResult<()> {
        let inode = self.live_inode(id)?;
        self.faults.admit_change()?;
        if self.faults.read_only || self.is_read_only(id) {
            return Err(Code::TRUNCATE);
        }
        let sequence = self.take_sequence();
        self.inode(inode)?.content.truncate(sequence, size);
        Ok(())
    }

    pub(crate) fn sync(&mut self, id: HandleId) -> DiskResult<()> {
        let inode = self.live_inode(id)?;
        self.faults.admit_change()?;
        self.faults.admit_sync()?;
        self.inode(inode)?.content.sync();
        let handle = self.handles.get_mut(&id).ok_or(Code::IO)?;
        if std::mem::take(&mut handle.sync_names) {
            self.names.sync_all();
        } else if let Some(name) = &handle.name {
            self.names.sync_one(name, inode);
        }
        self.forget_unused();
        Ok(())
    }

    pub(crate) fn size(&self, id: HandleId) -> DiskResult<u64> {
        let inode = self.live_inode(id)?;
        let inode = self.inodes.get(&inode).ok_or(Code::IO)?;
        Ok(inode.content.size() as u64)
    }

    pub(crate) fn lock_file(&mut self, id: HandleId, level: LockLevel) -> DiskResult<()> {
        let inode = self.live_inode(id).map_err(|_| Code::LOCK)?;
        self.inode(inode)?.locks.lock(id, level)
    }

    pub(crate) fn unlock_file(&mut self, id: HandleId, level: LockLevel) {
        if let Some(inode) = self.inode_of(id) {
            inode.locks.unlock(id, level);
        }
    }

    pub(crate) fn is_reserved(&mut self, id: HandleId) -> DiskResult<bool> {
        let inode = self.live_inode(id)?;
        Ok(self.inode(inode)?.locks.is_reserved())
    }

    pub(crate) fn map(
        &mut self,
        id: HandleId,
        request: RegionRequest,
    ) -> DiskResult<Option<Region>> {
        let inode = self.live_inode(id)?;
        let region = self.inode(inode)?.shared_memory.map(id, request)?;
        let handle = self.handles.get_mut(&id).ok_or(Code::IO)?;
        handle.regions.extend(region.clone());
        Ok(region)
    }

    pub(crate) fn lock_slots(
        &mut self,
        id: HandleId,
        slots: SlotMask,
        lock: ShmLock,
    ) -> DiskResult<()> {
        let inode = match lock {
            // Unlocking works without power: SQLite ignores its result anyway.
            ShmLock::Unlock => match self.handles.get(&id).and_then(|handle| handle.inode) {
                Some(inode) => inode,
                None => return Ok(()),
            },
            ShmLock::Shared | ShmLock::Exclusive => self.live_inode(id)?,
        };
        self.inode(inode)?.shared_memory.lock(id, slots, lock)
    }

    /// SQLite uses no pointer to a region after this.
    pub(crate) fn unmap(&mut self, id: HandleId) {
        if let Some(inode) = self.inode_of(id) {
            inode.shared_memory.unmap(id);
        }
        if let Some(handle) = self.handles.get_mut(&id) {
            handle.regions.clear();
        }
    }

    pub(crate) fn close(&mut self, id: HandleId) {
        self.unmap(id);
        self.unlock_file(id, LockLevel::None);
        let Some(handle) = self.handles.remove(&id) else { return };
        if let (true, Some(name)) = (handle.delete_on_close, &handle.name)
            && handle.inode.is_some()
            && handle.inode == self.names.get(name)
        {
            self.names.remove(name);
        }
        self.forget_unused();
    }

    /// The file of a handle that can still be used.
    fn live_inode(&self, id: HandleId) -> DiskResult<InodeId> {
        self.faults.check_power()?;
        let handle = self.handles.get(&id).ok_or(Code::IO)?;
        handle.inode.ok_or(Code::IO)
    }

    fn inode(&mut self, id: InodeId) -> DiskResult<&mut Inode> {
        self.inodes.get_mut(&id).ok_or(Code::IO)
    }

    /// The file of a handle, with or without power.
    fn inode_of(&mut self, id: HandleId) -> Option<&mut Inode> {
        let inode = self.handles.get(&id)?.inode?;
        self.inodes.get_mut(&inode)
    }

    fn is_read_only(&self, id: HandleId) -> bool {
        self.handles.get(&id).is_some_and(|handle| handle.read_only)
    }

    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_change;
        self.next_change += 1;
        sequence
    }
}

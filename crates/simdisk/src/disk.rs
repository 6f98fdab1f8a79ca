//! The whole disk as plain data: names, files, open handles; opening, deleting
//! and the power cut. What is done through an open handle is in `handle.rs`.
//!
//! No SQLite and no pointers here: `ffi` calls this module.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    code::{Code, DiskResult},
    content::Content,
    faults::Faults,
    handle::Handle,
    locks::FileLocks,
    names::Names,
    outage::Outage,
    rng::Rng,
    shm::SharedMemory,
};

/// Names an open handle; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandleId(u64);

#[cfg(test)]
impl HandleId {
    pub(crate) const fn for_test(id: u64) -> Self {
        Self(id)
    }
}

/// Names a file independent of its name; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InodeId(u64);

/// Counts the power cuts; an open or delete of an earlier epoch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// The disk behind its lock. The lock is held for one operation and never while
/// SQLite is called.
#[derive(Debug)]
pub(crate) struct Disk {
    state: Mutex<State>,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            epoch: Epoch(0),
            rng: Rng::new(seed),
            names: Names::default(),
            inodes: BTreeMap::new(),
            handles: BTreeMap::new(),
            faults: Faults::default(),
            ids_given: 0,
            next_change: 0,
            skip_sleeps: false,
            // 2000-01-01T00:00:00Z
            clock_unix_ms: 946_684_800_000,
        };
        Self { state: Mutex::new(state) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside an operation aborts the process (it is called from C),
        // so a poisoned lock means a panic of the owner between two operations.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) rng: Rng,
    pub(crate) names: Names,
    // Ordered, so that the random numbers are used in the same order every time.
    pub(crate) inodes: BTreeMap<InodeId, Inode>,
    pub(crate) handles: BTreeMap<HandleId, Handle>,
    pub(crate) faults: Faults,
    /// Source of both kinds of ids.
    ids_given: u64,
    /// The sequence number of the next write or truncate.
    pub(crate) next_change: u64,
    pub(crate) skip_sleeps: bool,
    /// What SQL's `'now'` gives.
    pub(crate) clock_unix_ms: i64,
}

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Inode {
    pub(crate) content: Content,
    pub(crate) locks: FileLocks,
    pub(crate) shared_memory: SharedMemory,
}

/// Arguments of `xOpen`.
#[derive(Debug)]
pub(crate) struct OpenRequest<'a> {
    /// `None`: a temporary file without a name.
    pub(crate) name: Option<&'a str>,
    pub(crate) create: bool,
    /// Fail when the file exists.
    pub(crate) exclusive: bool,
    pub(crate) read_only: bool,
    pub(crate) delete_on_close: bool,
    /// A journal or WAL: if the open creates it, its first sync syncs the
    /// directory too, as SQLite's Unix VFS does.
    pub(crate) is_journal: bool,
}

/// Result of an open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) handle: HandleId,
    /// True also when writing was asked for and the disk is read only.
    pub(crate) read_only: bool,
}

impl State {
    pub(crate) fn open(&mut self, epoch: Epoch, request: &OpenRequest) -> DiskResult<Opened> {
        self.check_epoch(epoch)?;
        let existing = request.name.and_then(|name| self.names.get(name));
        let inode = match existing {
            Some(_) if request.create && request.exclusive => return Err(Code::CANT_OPEN),
            Some(inode) => inode,
            None => self.create(request)?,
        };
        let read_only = request.read_only || (request.name.is_some() && self.faults.read_only);
        let handle = HandleId(self.next_id());
        let state = Handle {
            inode: Some(inode),
            name: request.name.map(str::to_owned),
            read_only,
            delete_on_close: request.delete_on_close,
            sync_names: request.is_journal && existing.is_none(),
            regions: Vec::new(),
        };
        self.handles.insert(handle, state);
        Ok(Opened { handle, read_only })
    }

    fn create(&mut self, request: &OpenRequest) -> DiskResult<InodeId> {
        if let Some(name) = request.name {
            if !request.create || self.faults.read_only {
                return Err(Code::CANT_OPEN);
            }
            self.faults.admit_change()?;
            let id = InodeId(self.next_id());
            self.names.insert(name, id);
            self.inodes.insert(id, Inode::default());
            return Ok(id);
        }
        let id = InodeId(self.next_id());
        let mut inode = Inode::default();
        inode.content.temporary = true;
        self.inodes.insert(id, inode);
        Ok(id)
    }

    /// Removes the name; open handles keep the file. `sync`: the deletion
    /// survives a power cut, and so do all changes of names before it.
    pub(crate) fn delete(&mut self, epoch: Epoch, name: &str, sync: bool) -> DiskResult<()> {
        self.check_epoch(epoch)?;
        if self.names.get(name).is_none() {
            return Err(Code::DELETE_MISSING);
        }
        if self.faults.read_only {
            return Err(Code::DELETE);
        }
        self.faults.admit_change()?;
        self.names.remove(name);
        if sync {
            self.names.sync_all();
        }
        self.forget_unused();
        Ok(())
    }

    /// Whether the file exists and is not empty, the rule of SQLite's Unix VFS.
    pub(crate) fn exists(&self, epoch: Epoch, name: &str) -> DiskResult<bool> {
        self.check_epoch(epoch)?;
        Ok(self.file_size(name).is_some_and(|size| size > 0))
    }

    pub(crate) fn file_size(&self, name: &str) -> Option<u64> {
        let inode = self.names.get(name)?;
        Some(self.inodes.get(&inode)?.content.size() as u64)
    }

    /// Bytes of all files that have a name or are open.
    pub(crate) fn used_bytes(&self) -> u64 {
        let used = self.inodes.iter().filter(|(id, _)| {
            self.names.is_current(**id) || self.handles.values().any(|h| h.inode == Some(**id))
        });
        used.map(|(_, inode)| inode.content.size() as u64).sum()
    }

    /// The power cut. Returns the new epoch.
    pub(crate) fn crash(&mut self, torn: bool) -> Epoch {
        self.epoch.0 += 1;
        self.faults.restart();
        for handle in self.handles.values_mut() {
            handle.inode = None;
        }
        let oldest = self.oldest_unsynced();
        let mut outage = if torn {
            Outage::torn(oldest, self.next_change, &mut self.rng)
        } else {
            Outage::Clean
        };
        self.names.crash(&mut outage);
        self.inodes.retain(|id, _| self.names.is_known(*id));
        for inode in self.inodes.values_mut() {
            inode.content.crash(&mut outage);
            // SQLite may still read the regions through dead handles, which hold
            // their own references until they are closed.
            inode.locks = FileLocks::default();
            inode.shared_memory = SharedMemory::default();
        }
        self.epoch
    }

    fn oldest_unsynced(&self) -> u64 {
        let contents = self.inodes.values().map(|inode| &inode.content);
        let first = contents.filter_map(|content| content.unsynced().first());
        let sequences = first.map(|change| change.sequence);
        sequences.min().unwrap_or(self.next_change)
    }

    pub(crate) fn forget_unused(&mut self) {
        let (names, handles) = (&self.names, &self.handles);
        self.inodes
            .retain(|id, _| names.is_known(*id) || handles.values().any(|h| h.inode == Some(*id)));
    }

    fn check_epoch(&self, epoch: Epoch) -> DiskResult<()> {
        if epoch != self.epoch {
            return Err(Code::IO);
        }
        self.faults.check_power()
    }

    fn next_id(&mut self) -> u64 {
        self.ids_given += 1;
        self.ids_given
    }
}

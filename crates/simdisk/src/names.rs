//! The directory in two states: the names as they are, and as a power cut would
//! leave them.
//!
//! There is one directory. A name with slashes is a name, and syncing the
//! directory makes every name safe.

use std::collections::{BTreeMap, BTreeSet};

use crate::{disk::InodeId, outage::Outage};

#[derive(Debug, Default)]
pub(crate) struct Names {
    current: BTreeMap<String, InodeId>,
    safe: BTreeMap<String, InodeId>,
}

impl Names {
    pub(crate) fn get(&self, name: &str) -> Option<InodeId> {
        self.current.get(name).copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.current.keys().map(String::as_str)
    }

    pub(crate) fn insert(&mut self, name: &str, inode: InodeId) {
        self.current.insert(name.to_owned(), inode);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.current.remove(name);
    }

    /// Makes every creation and deletion safe, as an fsync of the directory.
    pub(crate) fn sync_all(&mut self) {
        self.safe.clone_from(&self.current);
    }

    /// Makes the creation of one file safe, when it still has its name. The
    /// common journaling file systems do so when the file itself is synced.
    pub(crate) fn sync_one(&mut self, name: &str, inode: InodeId) {
        if self.get(name) == Some(inode) {
            self.safe.insert(name.to_owned(), inode);
        }
    }

    pub(crate) fn is_current(&self, inode: InodeId) -> bool {
        self.current.values().any(|id| *id == inode)
    }

    /// Whether the file has a name, or would have one after a power cut.
    pub(crate) fn is_known(&self, inode: InodeId) -> bool {
        self.is_current(inode) || self.safe.values().any(|id| *id == inode)
    }

    pub(crate) fn crash(&mut self, outage: &mut Outage) {
        let names: BTreeSet<String> =
            self.current.keys().chain(self.safe.keys()).cloned().collect();
        for name in names {
            let current = self.current.get(&name).copied();
            if current == self.safe.get(&name).copied() || !outage.keep_name_change() {
                continue;
            }
            match current {
                Some(inode) => self.safe.insert(name, inode),
                None => self.safe.remove(&name),
            };
        }
        self.current.clone_from(&self.safe);
    }
}

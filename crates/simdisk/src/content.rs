//! The bytes of one file in two states: as written, and as a power cut would
//! leave them; in between, the list of changes not yet synced.
//!
//! Names, locks and handles are not here.

use crate::outage::Outage;

/// One change that is written and not yet synced.
#[derive(Debug)]
pub(crate) struct Change {
    /// Position among all changes of the disk, in the order they were made.
    pub(crate) sequence: u64,
    pub(crate) kind: ChangeKind,
}

#[derive(Debug)]
pub(crate) enum ChangeKind {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

/// The bytes of one file.
#[derive(Debug, Default)]
pub(crate) struct Content {
    written: Vec<u8>,
    safe: Vec<u8>,
    unsynced: Vec<Change>,
    /// A temporary file without a name: nothing of it survives, so nothing is
    /// kept twice.
    pub(crate) temporary: bool,
}

impl Content {
    pub(crate) fn size(&self) -> usize {
        self.written.len()
    }

    pub(crate) fn unsynced(&self) -> &[Change] {
        &self.unsynced
    }

    /// The bytes from `offset` on, at most `amount`; fewer at the end of the
    /// file.
    pub(crate) fn read(&self, offset: usize, amount: usize) -> &[u8] {
        let start = offset.min(self.written.len());
        let end = offset.saturating_add(amount).min(self.written.len());
        &self.written[start..end]
    }

    pub(crate) fn write(&mut self, sequence: u64, offset: usize, bytes: &[u8]) {
        put(&mut self.written, offset, bytes);
        self.remember(sequence, || ChangeKind::Write { offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn truncate(&mut self, sequence: u64, size: usize) {
        self.written.resize(size, 0);
        self.remember(sequence, || ChangeKind::Truncate { size });
    }

    pub(crate) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change.kind {
                ChangeKind::Write { offset, bytes } => put(&mut self.safe, offset, &bytes),
                ChangeKind::Truncate { size } => self.safe.resize(size, 0),
            }
        }
    }

    /// What the power cut leaves: the synced bytes, and of the changes after
    /// them what `outage` lets through.
    pub(crate) fn crash(&mut self, outage: &mut Outage) {
        for change in std::mem::take(&mut self.unsynced) {
            outage.survive(&change, &mut self.safe);
        }
        self.written.clone_from(&self.safe);
    }

    fn remember(&mut self, sequence: u64, kind: impl FnOnce() -> ChangeKind) {
        if !self.temporary {
            let kind = kind();
            self.unsynced.push(Change { sequence, kind });
        }
    }
}

/// Writes `bytes` at `offset`; a gap before them becomes zeros, as on a sparse
/// file.
pub(crate) fn put(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}

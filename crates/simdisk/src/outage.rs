//! Which of the unsynced changes reach the medium when the power goes.
//!
//! Bytes outside a change are never touched: the disk promises SQLite
//! `SQLITE_IOCAP_POWERSAFE_OVERWRITE`, as SQLite's own Unix VFS does.

use crate::{
    content::{Change, ChangeKind, put},
    rng::Rng,
};

/// A write is torn at the borders of sectors, and within one sector.
const SECTOR_BYTES: usize = 512;

/// One power cut.
#[derive(Debug)]
pub(crate) enum Outage<'a> {
    /// No unsynced change survives.
    Clean,
    /// The changes survive in the order they were made, up to one which is torn.
    InOrder { cut: u64, rng: &'a mut Rng },
    /// Each change survives with a chance of `keep_of_8` eighths; of the others
    /// one half is torn and one half lost. The drive wrote its cache in any
    /// order.
    AnyOrder { keep_of_8: u64, rng: &'a mut Rng },
}

impl<'a> Outage<'a> {
    /// A torn outage, for a disk whose unsynced changes have the sequence
    /// numbers `oldest..next`.
    pub(crate) fn torn(oldest: u64, next: u64, rng: &'a mut Rng) -> Self {
        if rng.coin() {
            let cut = oldest + rng.below(next - oldest + 1);
            Self::InOrder { cut, rng }
        } else {
            let keep_of_8 = rng.below(9);
            Self::AnyOrder { keep_of_8, rng }
        }
    }

    /// Puts onto `image` what survives of `change`.
    pub(crate) fn survive(&mut self, change: &Change, image: &mut Vec<u8>) {
        match self {
            Self::Clean => {}
            Self::InOrder { cut, rng } => match change.sequence.cmp(cut) {
                std::cmp::Ordering::Less => apply(&change.kind, image),
                std::cmp::Ordering::Equal => tear(&change.kind, image, rng),
                std::cmp::Ordering::Greater => {}
            },
            Self::AnyOrder { keep_of_8, rng } => {
                if rng.below(8) < *keep_of_8 {
                    apply(&change.kind, image);
                } else if rng.coin() {
                    tear(&change.kind, image, rng);
                }
            }
        }
    }

    /// Whether a creation or deletion of a name that was not synced survives.
    pub(crate) fn keep_name_change(&mut self) -> bool {
        match self {
            Self::Clean => false,
            Self::InOrder { rng, .. } | Self::AnyOrder { rng, .. } => rng.coin(),
        }
    }
}

fn apply(kind: &ChangeKind, image: &mut Vec<u8>) {
    match kind {
        ChangeKind::Write { offset, bytes } => put(image, *offset, bytes),
        ChangeKind::Truncate { size } => image.resize(*size, 0),
    }
}

/// Applies parts of a write: each sector whole, not at all, or one end of it. A
/// truncate has no parts: it happens or not.
fn tear(kind: &ChangeKind, image: &mut Vec<u8>, rng: &mut Rng) {
    let ChangeKind::Write { offset, bytes } = kind else {
        if rng.coin() {
            apply(kind, image);
        }
        return;
    };
    let mut done = 0;
    while done < bytes.len() {
        let at = offset + done;
        let len = (SECTOR_BYTES - at % SECTOR_BYTES).min(bytes.len() - done);
        let sector = &bytes[done..done + len];
        let split = rng.below(len as u64 + 1) as usize;
        match rng.below(4) {
            0 => {}
            1 => put(image, at, sector),
            2 => put(image, at, &sector[..split]),
            _ => put(image, at + split, &sector[split..]),
        }
        done += len;
    }
}

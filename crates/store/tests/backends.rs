//! Both backends pass the suite, and do the same.

use hubbub_store::conformance::{self, Place};
use hubbub_store::memory::{MemoryDisk, MemoryStore};
use hubbub_store::sqlite::{Durability, SqliteConfig, SqliteStore};
use hubbub_store::{Store, StoreError};

struct InMemory(MemoryDisk);

impl Place for InMemory {
    fn open(&mut self) -> Box<dyn Store> {
        Box::new(MemoryStore::open(&self.0))
    }
}

struct InFolder {
    folder: tempfile::TempDir,
    durability: Durability,
}

impl InFolder {
    fn new(durability: Durability) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), durability }
    }
}

impl Place for InFolder {
    fn open(&mut self) -> Box<dyn Store> {
        let mut config = SqliteConfig::new(self.folder.path().join("hubbub.db"));
        config.durability = self.durability;
        // Small, so that checkpoints happen.
        config.wal_bytes = 64 * 1024;
        Box::new(SqliteStore::open(config).expect("the store opens"))
    }
}

#[test]
fn memory_does_what_a_store_does() {
    conformance::all(&mut || Box::new(InMemory(MemoryDisk::default())));
}

#[test]
fn sqlite_does_what_a_store_does() {
    conformance::all(&mut || Box::new(InFolder::new(Durability::Full)));
}

#[test]
fn sqlite_without_fsync_does_the_same() {
    conformance::all(&mut || Box::new(InFolder::new(Durability::Unsafe)));
}

#[test]
fn sqlite_and_memory_answer_the_same() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for seed in [1, 2, now.as_nanos() as u64] {
        let mut memory = InMemory(MemoryDisk::default());
        conformance::compare(&mut memory, &mut InFolder::new(Durability::Unsafe), seed, 600);
    }
}

#[test]
fn memory_fails_once_when_asked() {
    let disk = MemoryDisk::default();
    let mut store = MemoryStore::open(&disk);
    disk.fail_next();
    assert!(matches!(store.raise_epoch(), Err(StoreError::Full(_))));
    assert!(matches!(store.raise_epoch(), Err(StoreError::Unrecovered)));
    store.recover().unwrap();
    assert_eq!(store.raise_epoch().unwrap().0, 1);
}

//! A store that notes how long its commits take.

use hubbub_protocol::record::Record;
use hubbub_protocol::{Epoch, WallMs};
use hubbub_store::sqlite::{SqliteConfig, SqliteStore};
use hubbub_store::{Loaded, Reader, Store, StoreError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Times of commits, and how many records they had. Shared with who asks.
#[derive(Clone, Default)]
pub(super) struct Times(Arc<Mutex<(Vec<Duration>, usize)>>);

impl Times {
    fn note(&self, time: Duration, records: usize) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.0.push(time);
        noted.1 += records;
    }

    /// All since the last call.
    pub(super) fn take(&self) -> (Vec<Duration>, usize) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The store that is measured.
pub(super) struct TimedStore {
    inner: SqliteStore,
    times: Times,
}

impl TimedStore {
    /// The production store, with fsync, in this folder.
    pub(super) fn open(folder: &Path, times: Times) -> Result<Self, StoreError> {
        let inner = SqliteStore::open(SqliteConfig::new(folder.join("hubbub.db")))?;
        Ok(Self { inner, times })
    }
}

impl Store for TimedStore {
    fn server_key(
        &mut self,
        fresh: hubbub_protocol::ServerKey,
    ) -> Result<hubbub_protocol::ServerKey, StoreError> {
        self.inner.server_key(fresh)
    }

    fn indexer(&self) -> Result<Box<dyn hubbub_store::Indexer>, StoreError> {
        self.inner.indexer()
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.inner.load()
    }
    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.inner.raise_epoch()
    }
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let began = Instant::now();
        let result = self.inner.commit(batch);
        self.times.note(began.elapsed(), batch.len());
        result
    }
    fn recover(&mut self) -> Result<(), StoreError> {
        self.inner.recover()
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
    fn tidy(&mut self, sends_before: WallMs) -> Result<(), StoreError> {
        self.inner.tidy(sends_before)
    }
}

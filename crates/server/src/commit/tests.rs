//! That it is seen when the committer hangs beside a commit, or is gone.

use super::*;
use crate::clock::Clock;
use crate::metrics::Counters;
use hubbub_hub::{Hub, HubConfig};
use hubbub_protocol::record::Snapshot;
use hubbub_protocol::{Epoch, RoomId, ServerKey, WallMs};
use hubbub_store::memory::{MemoryDisk, MemoryStore};
use hubbub_store::{Indexer, Loaded, Reader};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A store that does not take the first batch well.
struct Ill {
    inner: MemoryStore,
    how: How,
}

enum How {
    Panics,
    /// It says so when it settles, and goes on when it is told to.
    SettlesLong(Sender<()>, Receiver<()>),
}

impl Store for Ill {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.inner.load()
    }
    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.inner.raise_epoch()
    }
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        assert!(!matches!(self.how, How::Panics), "a panic for this test");
        self.inner.commit(batch)
    }
    fn settle(&mut self) {
        if let How::SettlesLong(settling, go_on) = &self.how {
            settling.send(()).expect("the test waits for it");
            go_on.recv().expect("the test says it");
        }
    }
    fn recover(&mut self) -> Result<(), StoreError> {
        self.inner.recover()
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
    fn server_key(&mut self, fresh: ServerKey) -> Result<ServerKey, StoreError> {
        self.inner.server_key(fresh)
    }
    fn indexer(&self) -> Result<Box<dyn Indexer>, StoreError> {
        self.inner.indexer()
    }
    fn tidy(&mut self, sends_before: WallMs) -> Result<(), StoreError> {
        self.inner.tidy(sends_before)
    }
}

/// A committer with one record in its queue, in a thread.
fn committer(how: How) -> (Arc<CommitQueue>, Arc<Counters>, std::thread::JoinHandle<()>) {
    let queue = Arc::<CommitQueue>::default();
    let counters = Counters::new(1, Clock::start());
    let hub = Hub::new(HubConfig::default(), Epoch(1), Snapshot::default(), &mut Vec::new());
    let hub = HubLoop::new(
        hub,
        Vec::new(),
        vec![Arc::default()],
        Arc::clone(&queue),
        Arc::default(),
        Arc::default(),
        Arc::default(),
        tokio::sync::mpsc::unbounded_channel().0,
        Arc::clone(&counters),
    );
    queue.push(Ticket(1), Record::RoomGone(RoomId(1)));
    let ill = Box::new(Ill { inner: MemoryStore::open(&MemoryDisk::default()), how });
    let of_thread = Arc::clone(&queue);
    let run = move || run(&of_thread, &hub, &IndexerBell::default(), ill);
    (queue, counters, std::thread::spawn(run))
}

#[test]
fn a_committer_that_panicked_is_gone() {
    let (_queue, counters, thread) = committer(How::Panics);
    assert!(thread.join().is_err());
    assert!(counters.store.is_gone());
    assert_eq!(counters.store.working_since(), None);
}

#[test]
fn what_hangs_behind_a_commit_is_work_and_who_was_told_to_end_is_not_gone() {
    let (settling, settles) = channel();
    let (end, go_on) = channel();
    let (queue, counters, thread) = committer(How::SettlesLong(settling, go_on));
    settles.recv().expect("it settles");
    assert!(counters.store.working_since().is_some());
    queue.close();
    end.send(()).expect("it waits");
    thread.join().expect("it ends");
    assert_eq!((counters.store.working_since(), counters.store.is_gone()), (None, false));
}

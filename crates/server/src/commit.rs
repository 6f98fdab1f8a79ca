//! Group commit: one writer thread, one transaction for everything that has queued up meanwhile.
//!
//! So the batch grows with the load by itself: alone, a message is written at once; under load, one
//! fsync carries thousands. After a failed commit nothing is written until the store was reopened
//! and verified, and the hub has heard what survived (invariant 2).

use crate::hub_loop::HubLoop;
use crate::indexing::IndexerBell;
use crate::metrics::StoreCounters;
use hubbub_hub::{Input, Survivor, Ticket};
use hubbub_protocol::record::Record;
use hubbub_store::{Store, StoreError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Records in one transaction at most: bounds how long a commit can take.
const BATCH_MAX: usize = 1024;
const RECOVER_FIRST_WAIT: Duration = Duration::from_millis(100);
const RECOVER_LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What waits for the writer. Its length is bounded by the hub (`limits::COMMIT_BYTES`).
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    state: Mutex<State>,
    changed: Condvar,
    /// Records were pushed since the writer was woken last.
    pushed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    newest: Ticket,
    writing: bool,
    closed: bool,
}

impl CommitQueue {
    pub(crate) fn push(&self, ticket: Ticket, record: Record) {
        let mut state = self.lock();
        state.records.push(record);
        state.newest = ticket;
        self.pushed.store(true, Ordering::Relaxed);
    }

    /// Wakes the writer if there is something new. Apart from pushing, so that a burst of messages
    /// from one read becomes one batch and not one of one and one of the rest.
    pub(crate) fn wake(&self) {
        if self.pushed.swap(false, Ordering::Relaxed) {
            self.changed.notify_all();
        }
    }

    /// Forgets what was not yet taken. Called with the hub's lock held.
    pub(crate) fn discard(&self) {
        self.lock().records.clear();
    }

    /// Waits until everything is written, or the time is over. Whether it is.
    pub(crate) fn wait_idle(&self, limit: Duration) -> bool {
        let state = self.lock();
        let busy = |state: &mut State| state.writing || !state.records.is_empty();
        let (_state, result) = self
            .changed
            .wait_timeout_while(state, limit, busy)
            .unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    /// The writer ends after what is queued.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn is_empty(&self) -> bool {
        self.lock().records.is_empty()
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many records wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().records.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch and the newest ticket in it; `None` when the queue is closed and empty.
    fn take(&self, batch: &mut Vec<Record>) -> Option<Ticket> {
        batch.clear();
        let mut state = self.lock();
        state.writing = false;
        if state.records.is_empty() {
            self.changed.notify_all();
        }
        while state.records.is_empty() {
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        let rest = state.records.len().saturating_sub(BATCH_MAX);
        if rest == 0 {
            std::mem::swap(batch, &mut state.records);
        } else {
            batch.extend(state.records.drain(..BATCH_MAX));
        }
        // Tickets rise by one and every record has one.
        Some(Ticket(state.newest.0 - rest as u64))
    }

    /// The batch has failed and its senders are told: nobody waits for it any more, so neither does
    /// stopping.
    fn given_up(&self) {
        self.lock().writing = false;
        self.changed.notify_all();
    }

    /// Sleeps, but not beyond the closing of the queue. Whether it is closed.
    fn pause(&self, time: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, time, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.closed
    }
}

/// Runs until the queue is closed and empty.
pub(crate) fn run(
    queue: &Arc<CommitQueue>,
    hub: &HubLoop,
    indexer: &IndexerBell,
    mut store: Box<dyn Store>,
) {
    let mut batch = Vec::new();
    let figures = &hub.counters().store;
    let _end = End { queue, figures };
    while let Some(upto) = queue.take(&mut batch) {
        let began = Instant::now();
        // Until it waits again: whatever of this hangs, nothing more is written.
        figures.set_working(hub.clock().mono());
        let committed = store.commit(&batch);
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        figures.note(took_us, batch.len(), committed.is_ok());
        match committed {
            Ok(()) => {
                hub.drive(Input::Persisted { upto });
                indexer.ring();
                if queue.is_empty() {
                    store.settle();
                }
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    records = batch.len(),
                    "the store did not take what was said: its senders are told, and nothing more is taken until it works again"
                );
                figures.set_down(true);
                hub.drive(Input::CommitFailed);
                queue.given_up();
                if !recover(queue, hub, store.as_mut(), &batch) {
                    return;
                }
            }
        }
        figures.set_idle();
    }
}

/// Notes that this thread ends, also when it panics.
struct End<'a> {
    queue: &'a CommitQueue,
    figures: &'a StoreCounters,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.figures.set_idle();
        if !self.queue.is_closed() {
            self.figures.set_gone();
        }
    }
}

/// Tries until the store works again. False when the server stops meanwhile.
fn recover(queue: &CommitQueue, hub: &HubLoop, store: &mut dyn Store, failed: &[Record]) -> bool {
    let mut wait = RECOVER_FIRST_WAIT;
    let figures = &hub.counters().store;
    loop {
        figures.set_working(hub.clock().mono());
        match try_recover(store, failed) {
            Ok((epoch, survivors)) => {
                tracing::info!(
                    epoch = epoch.0,
                    survivors = survivors.len(),
                    "the store works again"
                );
                hub.drive(Input::Recovered { epoch, survivors });
                figures.set_down(false);
                return true;
            }
            Err(error) => tracing::warn!(%error, "the store does not work yet"),
        }
        figures.set_idle();
        if queue.pause(wait) {
            return false;
        }
        wait = (wait * 2).min(RECOVER_LONGEST_WAIT);
    }
}

fn try_recover(
    store: &mut dyn Store,
    failed: &[Record],
) -> Result<(hubbub_protocol::Epoch, Vec<Survivor>), StoreError> {
    store.recover()?;
    let survivors = survivors(store, failed)?;
    Ok((store.raise_epoch()?, survivors))
}

/// What of a failed batch is durable all the same.
///
/// # Errors
/// Of the store.
pub fn survivors(store: &dyn Store, failed: &[Record]) -> Result<Vec<Survivor>, StoreError> {
    let mut reader = store.reader()?;
    let mut found = Vec::new();
    for record in failed {
        if let Record::Event { event, send } = record
            && reader.epoch_at(event.room, event.seq)? == Some(event.epoch)
        {
            found.push(Survivor { event: Arc::clone(event), send: *send });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

//! What waits to be written, bounded by entries and bytes: the hub never waits for it. What finds no place
//! is left out, and counted.

use hubbub_hub::Delivery;
use hubbub_protocol::{RoomName, WallMs};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many entries may wait.
pub(super) const ENTRIES_MAX: usize = 16_384;
/// How many bytes of them.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Rooms for each of which it is counted what was left out.
pub(super) const LEFT_OUT_ROOMS_MAX: usize = 1_024;
/// What an entry takes besides its text, in bytes.
const AROUND: usize = 256;

/// One line, or a message of several.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) room: RoomName,
    pub(super) time: WallMs,
    pub(super) what: Delivery,
}

/// What the writer gets at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// What was left out behind them: by case-folded name, the room and how many entries.
    pub(super) left_out: BTreeMap<String, (RoomName, u64)>,
    /// How many entries of still other rooms.
    pub(super) left_out_elsewhere: u64,
}

impl Batch {
    fn leave_out(&mut self, room: RoomName) {
        let has_place = self.left_out.len() < LEFT_OUT_ROOMS_MAX;
        match self.left_out.entry(room.fold()) {
            Slot::Occupied(mut counted) => counted.get_mut().1 += 1,
            Slot::Vacant(slot) if has_place => _ = slot.insert((room, 1)),
            Slot::Vacant(_) => self.left_out_elsewhere += 1,
        }
    }
}

/// What waits for the writer.
#[derive(Debug, Default)]
pub(crate) struct TranscriptQueue {
    state: Mutex<State>,
    changed: Condvar,
    /// Something was pushed since the writer was woken last.
    pushed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    bytes: usize,
    closed: bool,
}

impl TranscriptQueue {
    /// Called with the hub's lock held: the order of calls is that of the files.
    pub(crate) fn push(&self, room: RoomName, time: WallMs, what: Delivery) {
        let cost = AROUND + weight(&what);
        let mut state = self.lock();
        let State { batch, bytes, .. } = &mut *state;
        // Once something is left out, everything is until the writer comes: what was left out always
        // stands behind what waits.
        let is_full = !batch.left_out.is_empty() || batch.entries.len() >= ENTRIES_MAX;
        if is_full || *bytes + cost > BYTES_MAX {
            batch.leave_out(room);
        } else {
            batch.entries.push(Entry { room, time, what });
            *bytes += cost;
        }
        drop(state);
        self.pushed.store(true, Ordering::Relaxed);
    }

    /// Wakes the writer if there is something new. Apart from pushing: nobody who holds the hub's lock
    /// pays for it.
    pub(crate) fn wake(&self) {
        if self.pushed.load(Ordering::Relaxed) && self.pushed.swap(false, Ordering::Relaxed) {
            self.changed.notify_all();
        }
    }

    /// The writer ends after what is queued.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Everything that waits, as soon as there is something, or nothing after this time. `None`: the queue
    /// is closed and empty.
    pub(super) fn take(&self, patience: Option<Duration>) -> Option<Batch> {
        let mut state = self.lock();
        let is_idle = |state: &mut State| state.batch.entries.is_empty() && !state.closed;
        state = match patience {
            None => self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.changed.wait_timeout_while(state, patience, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if state.batch.entries.is_empty() && state.closed {
            return None;
        }
        state.bytes = 0;
        Some(std::mem::take(&mut state.batch))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(what: &Delivery) -> usize {
    match what {
        Delivery::Message { event, .. } => event.body.weight(),
        Delivery::Away { note, .. } => note.as_ref().map_or(0, |note| note.as_str().len()),
        Delivery::Member { .. }
        | Delivery::Renamed { .. }
        | Delivery::Typing { .. }
        | Delivery::Count { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::frame::MemberChange;
    use hubbub_protocol::{
        Author, Body, Epoch, Event, RoomAddress, RoomId, Seq, Text, UserId, UserName, limits,
    };
    use std::sync::Arc;

    fn push(queue: &TranscriptQueue, room: &str) {
        let room = RoomName::parse(room).expect("a valid name");
        let user = Author { id: UserId(1), name: UserName::parse("ann").expect("a valid name") };
        let change = MemberChange::Joined;
        let what = Delivery::Member { room: room.clone(), user, change, members: 1 };
        queue.push(room, WallMs(0), what);
    }

    #[test]
    fn what_finds_no_place_is_counted_for_its_room_until_the_writer_comes() {
        let queue = TranscriptQueue::default();
        for _ in 0..ENTRIES_MAX {
            push(&queue, "work");
        }
        ["work", "lobby", "Work"].into_iter().for_each(|room| push(&queue, room));
        let batch = queue.take(None).expect("not closed");
        assert_eq!(batch.entries.len(), ENTRIES_MAX);
        let counts: Vec<_> = batch.left_out.values().map(|(room, n)| (room.as_str(), *n)).collect();
        assert_eq!(counts, [("lobby", 1), ("work", 2)]);
        push(&queue, "work");
        queue.close();
        let batch = queue.take(None).expect("what was there before the end");
        assert_eq!((batch.entries.len(), batch.left_out.len()), (1, 0));
        assert!(queue.take(None).is_none());
    }

    #[test]
    fn beyond_many_rooms_it_is_counted_for_all_others_together() {
        let queue = TranscriptQueue::default();
        (0..ENTRIES_MAX).for_each(|_| push(&queue, "work"));
        (0..LEFT_OUT_ROOMS_MAX + 3).for_each(|n| push(&queue, &format!("r{n}")));
        ["r0", "other", "other"].into_iter().for_each(|room| push(&queue, room));
        let batch = queue.take(None).expect("not closed");
        assert_eq!((batch.left_out.len(), batch.left_out_elsewhere), (LEFT_OUT_ROOMS_MAX, 5));
        assert_eq!(batch.left_out["r0"].1, 2);
    }

    #[test]
    fn bytes_count_too() {
        let queue = TranscriptQueue::default();
        let room = RoomName::parse("work").expect("a valid name");
        let user = Author { id: UserId(1), name: UserName::parse("ann").expect("a valid name") };
        let text = Text::parse(&"x".repeat(limits::TEXT_BYTES)).expect("a valid text");
        let event = Arc::new(Event {
            room: RoomId(1),
            epoch: Epoch(1),
            seq: Seq(1),
            time: WallMs(0),
            from: user,
            body: Body::text(text),
        });
        for _ in 0..ENTRIES_MAX {
            let address = RoomAddress::Room(room.clone());
            let what = Delivery::Message { address, event: Arc::clone(&event) };
            queue.push(room.clone(), WallMs(0), what);
        }
        let batch = queue.take(None).expect("not closed");
        let taken = batch.entries.len();
        assert!((1..=BYTES_MAX / limits::TEXT_BYTES).contains(&taken), "{taken}");
        let left_out: u64 = batch.left_out.values().map(|(_, count)| count).sum();
        assert_eq!(taken as u64 + left_out, ENTRIES_MAX as u64);
    }
}

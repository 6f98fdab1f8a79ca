//! A store in memory, for tests and simulations of what lies above. The slow and obvious twin of
//! [`crate::sqlite`]: the two are compared with each other.

use crate::{HistoryPage, Loaded, Reader, Store, StoreError};
use hubbub_protocol::frame::Page;
use hubbub_protocol::record::{Record, RoomRecord, SendRecord, StoredRoom};
use hubbub_protocol::{Counter, Epoch, Event, Instance, Position, RoomId, Seq, WallMs, limits};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a [`MemoryStore`] writes on: outlives it, so that a test can "restart" on the same data.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Data>>);

impl MemoryDisk {
    /// Makes the next write fail with [`StoreError::Full`]. Nothing of it is stored.
    pub fn fail_next(&self) {
        self.lock().fail_next = true;
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        // A test that panicked elsewhere; writes are undone by then or were whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Log = BTreeMap<Seq, Arc<Event>>;

#[derive(Default)]
struct Data {
    epoch: Epoch,
    rooms: BTreeMap<RoomId, RoomRecord>,
    events: BTreeMap<RoomId, Log>,
    sends: BTreeMap<(Instance, Counter), (Position, WallMs)>,
    fail_next: bool,
}

/// How to take one change back.
enum Undo {
    Room(RoomId),
    Event(RoomId, Seq),
    Send(Instance, Counter),
    Gone(RoomId, Option<RoomRecord>, Option<Log>),
}

/// The writer of a [`MemoryDisk`].
pub struct MemoryStore {
    disk: MemoryDisk,
    failed: bool,
}

impl MemoryStore {
    /// Opens what is on the disk.
    #[must_use]
    pub fn open(disk: &MemoryDisk) -> Self {
        Self { disk: disk.clone(), failed: false }
    }

    fn write<T>(
        &mut self,
        change: impl FnOnce(&mut Data) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::Unrecovered);
        }
        let mut data = self.disk.lock();
        let result = match std::mem::take(&mut data.fail_next) {
            true => Err(StoreError::Full("memory: a test wanted this".into())),
            false => change(&mut data),
        };
        self.failed = result.is_err();
        result
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        if self.failed {
            return Err(StoreError::Unrecovered);
        }
        let data = self.disk.lock();
        let stored = |record: &RoomRecord| {
            let head = data.events.get(&record.id).and_then(|log| log.values().next_back());
            StoredRoom {
                record: record.clone(),
                head_epoch: head.map_or(Epoch(0), |event| event.epoch),
                head_seq: head.map_or(Seq(0), |event| event.seq),
            }
        };
        Ok(Loaded { epoch: data.epoch, rooms: data.rooms.values().map(stored).collect() })
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.write(|data| {
            data.epoch.0 += 1;
            Ok(data.epoch)
        })
    }

    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        self.write(|data| {
            let mut undo = Vec::new();
            let result = batch.iter().try_for_each(|record| data.apply(record, &mut undo));
            match result {
                Ok(()) => data.prune(batch),
                Err(_) => undo.into_iter().rev().for_each(|change| data.take_back(change)),
            }
            result
        })
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        self.failed = false;
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(MemoryReader(self.disk.clone())))
    }

    fn tidy(&mut self, sends_before: WallMs) -> Result<(), StoreError> {
        self.write(|data| {
            data.sends.retain(|_, (_, time)| *time >= sends_before);
            Ok(())
        })
    }
}

fn twice(what: &str) -> StoreError {
    StoreError::Backend(format!("memory: {what} is there already"))
}

impl Data {
    fn apply(&mut self, record: &Record, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        match record {
            Record::Room(room) => {
                // It may be said again after a failure: see `Record::Room`.
                if let Entry::Vacant(place) = self.rooms.entry(room.id) {
                    place.insert(room.clone());
                    undo.push(Undo::Room(room.id));
                }
            }
            Record::Event { event, send } => {
                let log = self.events.entry(event.room).or_default();
                if log.contains_key(&event.seq) {
                    return Err(twice(&format!("event {} of room {}", event.seq, event.room)));
                }
                log.insert(event.seq, event.clone());
                undo.push(Undo::Event(event.room, event.seq));
                if let Some((instance, counter)) = *send {
                    if i64::try_from(counter.0).is_err() {
                        return Err(StoreError::Backend(format!(
                            "memory: counter {counter} >= 2^63"
                        )));
                    }
                    let value = (event.position(), event.time);
                    if self.sends.contains_key(&(instance, counter)) {
                        return Err(twice(&format!("send {counter} of an instance")));
                    }
                    self.sends.insert((instance, counter), value);
                    undo.push(Undo::Send(instance, counter));
                }
            }
            Record::RoomGone(id) => {
                undo.push(Undo::Gone(*id, self.rooms.remove(id), self.events.remove(id)));
            }
        }
        Ok(())
    }

    fn take_back(&mut self, change: Undo) {
        match change {
            Undo::Room(id) => drop(self.rooms.remove(&id)),
            Undo::Event(room, seq) => {
                if let Some(log) = self.events.get_mut(&room) {
                    log.remove(&seq);
                }
            }
            Undo::Send(instance, counter) => drop(self.sends.remove(&(instance, counter))),
            Undo::Gone(id, record, log) => {
                self.rooms.extend(record.map(|record| (id, record)));
                self.events.extend(log.map(|log| (id, log)));
            }
        }
    }

    fn prune(&mut self, batch: &[Record]) {
        for record in batch {
            let Record::Event { send: Some((instance, _)), .. } = record else { continue };
            let all = (*instance, Counter(0))..=(*instance, Counter(u64::MAX));
            let window = limits::INSTANCE_WINDOW as usize;
            let old: Vec<_> =
                self.sends.range(all).rev().skip(window).map(|(key, _)| *key).collect();
            for key in old {
                self.sends.remove(&key);
            }
        }
    }
}

struct MemoryReader(MemoryDisk);

/// The newest `limit` of these events, which come newest first, in the order in which they happened.
fn last<'a>(events: impl Iterator<Item = &'a Arc<Event>>, limit: usize) -> (Vec<Event>, bool) {
    let mut events: Vec<Event> = events.take(limit + 1).map(|event| (**event).clone()).collect();
    let more = events.len() > limit;
    events.truncate(limit);
    events.reverse();
    (events, more)
}

impl Reader for MemoryReader {
    fn page(&mut self, room: RoomId, page: Page, limit: u32) -> Result<HistoryPage, StoreError> {
        let data = self.0.lock();
        let none = Log::new();
        let log = data.events.get(&room).unwrap_or(&none);
        let newest_first = || log.values().rev();
        let limit = limit as usize;
        let (events, more) = match page {
            Page::Latest => last(newest_first(), limit),
            Page::Before(seq) => last(newest_first().skip_while(|event| event.seq >= seq), limit),
            Page::After(seq) => {
                let mut after = log.values().skip_while(|event| event.seq <= seq);
                let events = after.by_ref().take(limit).map(|event| (**event).clone()).collect();
                (events, after.next().is_some())
            }
            Page::Around(seq) => {
                let older = newest_first().skip_while(|event| event.seq >= seq);
                let (mut events, more) = last(older, limit / 2);
                let newer = log.values().skip_while(|event| event.seq < seq);
                events.extend(newer.take(limit - limit / 2).map(|event| (**event).clone()));
                (events, more)
            }
        };
        Ok(HistoryPage { events, more })
    }

    fn epoch_at(&mut self, room: RoomId, seq: Seq) -> Result<Option<Epoch>, StoreError> {
        let data = self.0.lock();
        Ok(data.events.get(&room).and_then(|log| log.get(&seq)).map(|event| event.epoch))
    }

    fn sends(&mut self, instance: Instance) -> Result<Vec<SendRecord>, StoreError> {
        let data = self.0.lock();
        let all = (instance, Counter(0))..=(instance, Counter(u64::MAX));
        Ok(data
            .sends
            .range(all)
            .map(|(&(instance, counter), &(position, time))| SendRecord {
                instance,
                counter,
                position,
                time,
            })
            .collect())
    }
}

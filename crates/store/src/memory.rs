//! A store in memory, for tests and simulations of what lies above. The slow and obvious twin of
//! [`crate::sqlite`]: the two are compared with each other.

use crate::{HistoryPage, Loaded, Reader, Store, StoreError};
use hubbub_protocol::account::{
    AccountRecord, Credential, InviteRecord, LoginRecord, PlaceRecord, RequestRecord,
};
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::frame::Page;
use hubbub_protocol::record::{Record, RoomRecord, SendRecord, Snapshot, StoredRoom};
use hubbub_protocol::{
    Counter, Epoch, Event, Instance, InviteId, LoginId, Position, RoomId, Seq, UserId, WallMs,
    limits,
};
use std::collections::BTreeMap;
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

type RequestKey = (UserId, UserId, Option<RoomId>);

#[derive(Default)]
struct Data {
    epoch: Epoch,
    rooms: BTreeMap<RoomId, RoomRecord>,
    events: BTreeMap<(RoomId, Seq), Arc<Event>>,
    sends: BTreeMap<(Instance, Counter), (Position, WallMs)>,
    accounts: BTreeMap<UserId, AccountRecord>,
    /// By user and kind.
    credentials: BTreeMap<(UserId, u8), Credential>,
    logins: BTreeMap<LoginId, LoginRecord>,
    places: BTreeMap<(UserId, RoomId), PlaceRecord>,
    requests: BTreeMap<RequestKey, RequestRecord>,
    blocks: BTreeMap<(UserId, UserId), ()>,
    invites: BTreeMap<InviteId, InviteRecord>,
    audit: BTreeMap<u64, AuditEntry>,
    fail_next: bool,
}

impl Data {
    /// A room's events, oldest first.
    fn log(&self, room: RoomId) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        self.events.range((room, Seq(0))..=(room, Seq(u64::MAX))).map(|(_, event)| event)
    }

    fn snapshot(&self) -> Snapshot {
        let stored = |record: &RoomRecord| {
            let head = self.log(record.id).next_back();
            StoredRoom {
                record: record.clone(),
                head_epoch: head.map_or(Epoch(0), |event| event.epoch),
                head_seq: head.map_or(Seq(0), |event| event.seq),
            }
        };
        let credentials = |user| {
            let all = self.credentials.range((user, 0)..=(user, u8::MAX));
            all.map(|(_, credential)| credential.clone()).collect()
        };
        Snapshot {
            rooms: self.rooms.values().map(stored).collect(),
            accounts: self
                .accounts
                .values()
                .map(|account| (account.clone(), credentials(account.id)))
                .collect(),
            logins: self.logins.values().cloned().collect(),
            places: self.places.values().cloned().collect(),
            requests: self.requests.values().copied().collect(),
            blocks: self.blocks.keys().copied().collect(),
            invites: self.invites.values().cloned().collect(),
        }
    }
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
        Ok(Loaded { epoch: data.epoch, snapshot: data.snapshot() })
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.write(|data| {
            data.epoch.0 += 1;
            Ok(data.epoch)
        })
    }

    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        self.write(|data| {
            let mut change = Change { data, undo: Vec::new() };
            let result = batch.iter().try_for_each(|record| change.apply(record));
            match result {
                Ok(()) => data.prune(batch),
                Err(_) => change.take_back(),
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

type Undo = Box<dyn FnOnce(&mut Data)>;

/// A batch under way: what it changes, and how to take each change back.
struct Change<'d> {
    data: &'d mut Data,
    undo: Vec<Undo>,
}

/// Sets or removes an entry, and returns what was there.
fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

/// The keys of a map for which something is true.
fn keys<K: Copy, V>(map: &BTreeMap<K, V>, wanted: impl Fn(&K, &V) -> bool) -> Vec<K> {
    map.iter().filter(|(key, value)| wanted(key, value)).map(|(key, _)| *key).collect()
}

/// Numbers that a client gives are held to what SQLite takes.
fn fits(what: &str, number: u64) -> Result<(), StoreError> {
    match i64::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Backend(format!("memory: {what} {number} >= 2^63"))),
    }
}

impl Change<'_> {
    fn put<K, V>(&mut self, map: fn(&mut Data) -> &mut BTreeMap<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + 'static,
        V: 'static,
    {
        let before = put(map(self.data), key.clone(), value);
        self.undo.push(Box::new(move |data| drop(put(map(data), key, before))));
    }

    fn take_back(self) {
        self.undo.into_iter().rev().for_each(|undo| undo(self.data));
    }

    fn apply(&mut self, record: &Record) -> Result<(), StoreError> {
        match record {
            Record::Room(room) => {
                let mut room = room.clone();
                if let Some(there) = self.data.rooms.get(&room.id) {
                    room = RoomRecord { kind: room.kind, ..there.clone() };
                }
                self.put(|data| &mut data.rooms, room.id, Some(room));
            }
            Record::Event { event, send } => self.event(event, *send)?,
            Record::RoomGone(id) => self.room_gone(*id),
            Record::Account(account) => {
                self.put(|data| &mut data.accounts, account.id, Some(account.clone()));
            }
            Record::Credentials { user, credentials } => {
                for key in keys(&self.data.credentials, |key, _| key.0 == *user) {
                    self.put(|data| &mut data.credentials, key, None);
                }
                for credential in credentials.iter() {
                    let key = (*user, credential.kind as u8);
                    self.put(|data| &mut data.credentials, key, Some(credential.clone()));
                }
            }
            Record::Login(login) => {
                self.put(|data| &mut data.logins, login.id, Some(login.clone()));
            }
            Record::LoginGone(login) => self.put(|data| &mut data.logins, *login, None),
            Record::Place(place) => {
                fits("event", place.read.0)?;
                fits("event", place.heard.1.0)?;
                let key = (place.user, place.room);
                self.put(|data| &mut data.places, key, Some(place.clone()));
            }
            Record::PlaceGone { user, room } => {
                self.put(|data| &mut data.places, (*user, *room), None);
            }
            Record::Request(request) => {
                let key = (request.from, request.to, request.group);
                self.put(|data| &mut data.requests, key, Some(*request));
            }
            Record::RequestGone(request) => {
                let key = (request.from, request.to, request.group);
                self.put(|data| &mut data.requests, key, None);
            }
            Record::Block { user, blocked, on } => {
                self.put(|data| &mut data.blocks, (*user, *blocked), on.then_some(()));
            }
            Record::Invite(invite) => {
                self.put(|data| &mut data.invites, invite.id, Some(invite.clone()));
            }
            Record::InviteGone(invite) => self.put(|data| &mut data.invites, *invite, None),
            Record::Audit(entry) => {
                if !self.data.audit.contains_key(&entry.id) {
                    self.put(|data| &mut data.audit, entry.id, Some(entry.clone()));
                }
            }
            Record::AuditTrim { before } => {
                let old = keys(&self.data.audit, |_, entry| entry.time < *before);
                for id in old.into_iter().take(crate::AUDIT_TRIM as usize) {
                    self.put(|data| &mut data.audit, id, None);
                }
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: &Arc<Event>,
        send: Option<(Instance, Counter)>,
    ) -> Result<(), StoreError> {
        let key = (event.room, event.seq);
        if self.data.events.contains_key(&key) {
            return Err(twice(&format!("event {} of room {}", event.seq, event.room)));
        }
        self.put(|data| &mut data.events, key, Some(event.clone()));
        let Some(key) = send else { return Ok(()) };
        fits("counter", key.1.0)?;
        if self.data.sends.contains_key(&key) {
            return Err(twice(&format!("send {} of an instance", key.1)));
        }
        self.put(|data| &mut data.sends, key, Some((event.position(), event.time)));
        Ok(())
    }

    fn room_gone(&mut self, id: RoomId) {
        self.put(|data| &mut data.rooms, id, None);
        for seq in self.data.log(id).map(|event| event.seq).collect::<Vec<_>>() {
            self.put(|data| &mut data.events, (id, seq), None);
        }
        for key in keys(&self.data.places, |key, _| key.1 == id) {
            self.put(|data| &mut data.places, key, None);
        }
        for key in keys(&self.data.requests, |key, _| key.2 == Some(id)) {
            self.put(|data| &mut data.requests, key, None);
        }
    }
}

impl Data {
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
        let newest_first = || data.log(room).rev();
        let limit = limit as usize;
        let (events, more) = match page {
            Page::Latest => last(newest_first(), limit),
            Page::Before(seq) => last(newest_first().skip_while(|event| event.seq >= seq), limit),
            Page::After(seq) => {
                let mut after = data.log(room).skip_while(|event| event.seq <= seq);
                let events = after.by_ref().take(limit).map(|event| (**event).clone()).collect();
                (events, after.next().is_some())
            }
            Page::Around(seq) => {
                let older = newest_first().skip_while(|event| event.seq >= seq);
                let (mut events, more) = last(older, limit / 2);
                let newer = data.log(room).skip_while(|event| event.seq < seq);
                events.extend(newer.take(limit - limit / 2).map(|event| (**event).clone()));
                (events, more)
            }
        };
        Ok(HistoryPage { events, more })
    }

    fn epoch_at(&mut self, room: RoomId, seq: Seq) -> Result<Option<Epoch>, StoreError> {
        let data = self.0.lock();
        Ok(data.events.get(&(room, seq)).map(|event| event.epoch))
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

    fn audit(
        &mut self,
        since: WallMs,
        after_id: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let data = self.0.lock();
        let wanted = |entry: &&AuditEntry| entry.id > after_id && entry.time >= since;
        Ok(data.audit.values().filter(wanted).take(limit as usize).cloned().collect())
    }
}

//! A store in memory, for tests and simulations of what lies above. The slow and obvious twin of
//! [`crate::sqlite`]: the two are compared with each other.

mod change;

use crate::search::Sieve;
use crate::{HistoryPage, Indexer, Loaded, Message, Reader, Store, StoreError};
use change::Change;
use hubbub_protocol::account::{
    AccountRecord, Credential, InviteRecord, LoginRecord, PlaceRecord, RequestRecord,
};
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::frame::Page;
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::record::{Record, RoomRecord, SendRecord, Snapshot, StoredRoom};
use hubbub_protocol::room::RestrictionRecord;
use hubbub_protocol::search::{Found, Query};
use hubbub_protocol::{
    Author, Counter, Epoch, Event, Instance, InviteId, LoginId, Position, Reaction, Role, RoomId,
    Seq, ServerKey, UserId, UserName, WallMs, limits,
};
use std::collections::{BTreeMap, BTreeSet};
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
type ReactionKey = (RoomId, Seq, Reaction, UserId);

#[derive(Default)]
struct Data {
    epoch: Epoch,
    rooms: BTreeMap<RoomId, RoomRecord>,
    events: BTreeMap<(RoomId, Seq), Arc<Event>>,
    /// The order of all rooms' events together. Those that have gone stay in it.
    order: BTreeMap<u64, (RoomId, Seq)>,
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
    /// The last event that has gone, where one has.
    floors: BTreeMap<RoomId, (Seq, Epoch)>,
    /// By room, message, what and who: with which event it began, and what who was called then.
    reactions: BTreeMap<ReactionKey, (Seq, UserName)>,
    roles: BTreeMap<(RoomId, UserId), Role>,
    restrictions: BTreeMap<u64, RestrictionRecord>,
    server_key: Option<ServerKey>,
    fail_next: bool,
}

impl Data {
    /// A room's events, oldest first.
    fn log(&self, room: RoomId) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        self.events.range((room, Seq(0))..=(room, Seq(u64::MAX))).map(|(_, event)| event)
    }

    fn stored_rooms(&self) -> Vec<StoredRoom> {
        let stored = |record: &RoomRecord| {
            let newest = self.log(record.id).next_back().map(|event| (event.seq, event.epoch));
            let floor = self.floors.get(&record.id).copied();
            let (head_seq, head_epoch) = newest.max(floor).unwrap_or_default();
            let floor = floor.unwrap_or_default().0;
            StoredRoom { record: record.clone(), head_epoch, head_seq, floor }
        };
        self.rooms.values().map(stored).collect()
    }

    /// The different reactions to a message.
    fn reactions_to(&self, room: RoomId, seq: Seq) -> BTreeSet<Reaction> {
        let here = |key: &&ReactionKey| key.0 == room && key.1 == seq;
        self.reactions.keys().filter(here).map(|key| key.2.clone()).collect()
    }

    /// One reaction to a message, and with which event it began.
    fn reaction_entry(
        &self,
        room: RoomId,
        seq: Seq,
        reaction: Reaction,
        me: UserId,
    ) -> (Seq, ReactionEntry) {
        let here = |key: &ReactionKey| (key.0, key.1) == (room, seq) && key.2 == reaction;
        let mut all: Vec<_> = self
            .reactions
            .iter()
            .filter(|(key, _)| here(key))
            .map(|(key, (event, name))| (*event, Author { id: key.3, name: name.clone() }))
            .collect();
        all.sort_by_key(|(event, author)| (*event, author.id));
        let began = all.first().map_or(Seq(0), |(event, _)| *event);
        let count = all.len() as u32;
        let mine = all.iter().any(|(_, author)| author.id == me);
        let users = all.into_iter().map(|(_, author)| author).take(limits::REACTION_NAMES);
        (began, ReactionEntry { seq, reaction, count, users: users.collect(), mine })
    }

    fn snapshot(&self) -> Snapshot {
        let credentials = |user| {
            let all = self.credentials.range((user, 0)..=(user, u8::MAX));
            all.map(|(_, credential)| credential.clone()).collect()
        };
        Snapshot {
            roles: self.roles.iter().map(|(&(room, user), &role)| (room, user, role)).collect(),
            restrictions: self.restrictions.values().cloned().collect(),
            rooms: self.stored_rooms(),
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
    fn server_key(&mut self, fresh: ServerKey) -> Result<ServerKey, StoreError> {
        self.write(|data| Ok(data.server_key.get_or_insert(fresh).clone()))
    }

    fn indexer(&self) -> Result<Box<dyn Indexer>, StoreError> {
        Ok(Box::new(NoIndex))
    }

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
            let mut change = Change::new(data);
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

/// What memory has is found without an index.
struct NoIndex;

impl Indexer for NoIndex {
    fn step(&mut self) -> Result<bool, StoreError> {
        Ok(false)
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
    fn message(
        &mut self,
        room: RoomId,
        seq: Seq,
        reacted: Option<(UserId, &Reaction)>,
    ) -> Result<Option<Message>, StoreError> {
        let data = self.0.lock();
        let Some(event) = data.events.get(&(room, seq)) else { return Ok(None) };
        let others = data
            .reactions_to(room, seq)
            .into_iter()
            .filter(|reaction| reacted.is_none_or(|(_, asked)| reaction != asked));
        let reactions = others.count() as u32;
        let has_reacted = reacted.is_some_and(|(user, reaction)| {
            data.reactions.contains_key(&(room, seq, reaction.clone(), user))
        });
        Ok(Some(Message { event: (**event).clone(), reactions, has_reacted }))
    }

    fn reactions(
        &mut self,
        room: RoomId,
        first: Seq,
        last: Seq,
        me: UserId,
    ) -> Result<Vec<ReactionEntry>, StoreError> {
        let data = self.0.lock();
        let messages: BTreeSet<Seq> =
            data.reactions.keys().filter(|key| key.0 == room).map(|key| key.1).collect();
        let mut found = Vec::new();
        for seq in messages.into_iter().filter(|seq| (first..=last).contains(seq)) {
            let mut entries: Vec<_> = data
                .reactions_to(room, seq)
                .into_iter()
                .map(|reaction| data.reaction_entry(room, seq, reaction, me))
                .collect();
            entries.sort_by_key(|(began, _)| *began);
            found.extend(entries.into_iter().map(|(_, entry)| entry));
        }
        Ok(found)
    }

    fn expired(&mut self, room: RoomId, before: WallMs) -> Result<Option<Seq>, StoreError> {
        let data = self.0.lock();
        let oldest = data.log(room).take(limits::TRIM_EVENTS as usize);
        Ok(oldest.take_while(|event| event.time < before).last().map(|event| event.seq))
    }

    fn rooms(&mut self) -> Result<Vec<StoredRoom>, StoreError> {
        Ok(self.0.lock().stored_rooms())
    }

    fn search(&mut self, query: &Query) -> Result<Found, StoreError> {
        let sieve = Sieve::new(query);
        if sieve.is_blocked() {
            return Ok(Found::default());
        }
        let data = self.0.lock();
        let is_wanted = |place: &u64, event: &Event| {
            query.before.is_none_or(|before| *place < before) && sieve.passes(event)
        };
        let newest_first = data.order.iter().rev();
        let mut events: Vec<(u64, Event)> = newest_first
            .filter_map(|(place, key)| Some((*place, data.events.get(key)?)))
            .filter(|(place, event)| is_wanted(place, event))
            .take(query.limit as usize + 1)
            .map(|(place, event)| (place, (**event).clone()))
            .collect();
        let more = events.len() > query.limit as usize;
        events.truncate(query.limit as usize);
        let next = events.last().filter(|_| more).map(|(place, _)| *place);
        Ok(Found { events, next, behind: false })
    }

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
        Ok(HistoryPage { events, more, reactions: Vec::new() })
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

//! The power goes, or the disk fails, while texts are erased: what is left is what was said, and
//! SQLite finds nothing wrong with its file. The memory store says what must be there.

use hubbub_protocol::frame::{Page, ReactionEntry};
use hubbub_protocol::record::{Record, RoomKind, RoomRecord, StoredRoom};
use hubbub_protocol::{
    Author, Body, Epoch, Event, Reaction, RoomId, RoomName, Seq, Text, UserId, UserName, WallMs,
};
use hubbub_simdisk::SimDisk;
use hubbub_store::Store;
use hubbub_store::conformance::splitmix64;
use hubbub_store::memory::{MemoryDisk, MemoryStore};
use hubbub_store::sqlite::{SqliteConfig, SqliteStore};
use std::sync::Arc;

const ROOM: RoomId = RoomId(1);
const SEEDS: u64 = 12;
const ROUNDS: u64 = 6;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        splitmix64(&mut self.0) % end
    }

    fn text(&mut self) -> Text {
        Text::parse(&"erase me ".repeat(1 + self.below(60) as usize)).expect("a valid text")
    }

    fn body(&mut self, head: u64) -> Body {
        let of = Seq(head.saturating_sub(self.below(150)));
        match self.below(6) {
            0 | 1 => Body::Edit { of, text: Some(self.text()) },
            2 => Body::Delete { of },
            3 => {
                let reaction = Reaction::parse("+1").expect("a valid reaction");
                Body::React { of, reaction, on: self.below(3) > 0 }
            }
            _ => Body::text(self.text()),
        }
    }

    /// Numbers from `first` on.
    fn batch(&mut self, first: u64) -> Vec<Record> {
        let mut batch: Vec<_> =
            (first..=first + self.below(12)).map(|seq| event(seq, self.body(seq))).collect();
        if self.below(12) == 0 {
            batch.push(Record::Trim { room: ROOM, upto: Seq(first.saturating_sub(100)) });
        }
        batch
    }
}

fn event(seq: u64, body: Body) -> Record {
    let name = UserName::parse("ann").expect("a valid name");
    let from = Author { id: UserId(1 + seq % 5), name };
    let event = Event { room: ROOM, epoch: Epoch(1), seq: Seq(seq), time: WallMs(seq), from, body };
    Record::Event { event: Arc::new(event), send: None }
}

fn events_in(batch: &[Record]) -> u64 {
    batch.iter().filter(|record| matches!(record, Record::Event { .. })).count() as u64
}

fn room() -> Record {
    Record::Room(RoomRecord {
        id: ROOM,
        kind: RoomKind::Named(RoomName::parse("lobby").expect("a valid name")),
        retention: Default::default(),
        created: WallMs(1),
        settings: Default::default(),
    })
}

/// All that is there.
fn content(store: &dyn Store) -> (Vec<StoredRoom>, Vec<Event>, Vec<ReactionEntry>) {
    let mut reader = store.reader().expect("a reader");
    let events = reader.page(ROOM, Page::Latest, 1_000_000).expect("a page").events;
    let reactions = reader.reactions(ROOM, Seq(0), Seq(u64::MAX), UserId(1)).expect("reactions");
    (reader.rooms().expect("the rooms"), events, reactions)
}

fn check_file(disk: &SimDisk, what: &str) {
    let conn = disk.open("hubbub.db").expect("the file opens");
    let found: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found, "ok", "{what}");
}

struct World {
    disk: SimDisk,
    config: SqliteConfig,
    twin: MemoryStore,
    random: Random,
    head: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        disk.skip_sleeps(true);
        let mut config = SqliteConfig::new("hubbub.db");
        config.vfs = Some(disk.vfs_name().to_owned());
        config.wal_bytes = 128 * 1024;
        let twin = MemoryStore::open(&MemoryDisk::default());
        Self { disk, config, twin, random: Random(seed), head: 0 }
    }

    fn commit(&mut self, store: &mut dyn Store, batch: &[Record]) {
        store.commit(batch).expect("nothing is wrong with the disk");
        self.twin.commit(batch).expect("memory takes it");
    }

    /// Commits until it fails; gives the batch whose fate is uncertain.
    fn work(&mut self, store: &mut dyn Store) -> Vec<Record> {
        loop {
            let batch = self.random.batch(self.head + 1);
            if store.commit(&batch).is_err() {
                return batch;
            }
            self.head += events_in(&batch);
            self.twin.commit(&batch).expect("memory takes it");
            if self.random.below(3) == 0 {
                store.settle();
            }
        }
    }

    /// What is there is what was committed, with or without this batch.
    fn check(&mut self, store: &dyn Store, uncertain: &[Record], what: &str) {
        let found = content(store);
        if found != content(&self.twin) {
            self.twin.commit(uncertain).expect("memory takes it");
            assert!(found == content(&self.twin), "{what}: something else is there");
            self.head += events_in(uncertain);
        }
        check_file(&self.disk, what);
    }
}

#[test]
fn a_power_cut_while_texts_are_erased_changes_nothing_else() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut store = SqliteStore::open(world.config.clone()).expect("a new disk opens");
        world.commit(&mut store, &[room()]);
        for round in 0..ROUNDS {
            let what = format!("seed {seed}, round {round}");
            let changes = world.random.below(600);
            world.disk.stop_after(changes);
            let uncertain = world.work(&mut store);
            world.disk.crash_torn();
            drop(store);
            store = SqliteStore::open(world.config.clone())
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            world.check(&store, &uncertain, &what);
        }
    }
}

#[test]
fn a_disk_that_fails_while_texts_are_erased_changes_nothing_else() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut store = SqliteStore::open(world.config.clone()).expect("a new disk opens");
        world.commit(&mut store, &[room()]);
        for round in 0..ROUNDS {
            let what = format!("seed {seed}, round {round}");
            for _ in 0..world.random.below(20) {
                let batch = world.random.batch(world.head + 1);
                // Some of these hit a checkpoint only, and the batch is none the worse for it.
                match world.random.below(4) {
                    0 => world.disk.fail_syncs(1 + world.random.below(3)),
                    1 => world.disk.fail_writes(1 + world.random.below(40)),
                    _ => {}
                }
                let failed = store.commit(&batch).is_err();
                store.settle();
                world.disk.fail_syncs(0);
                world.disk.fail_writes(0);
                if failed {
                    store.recover().unwrap_or_else(|error| panic!("{what}: {error}"));
                    world.check(&store, &batch, &what);
                } else {
                    world.head += events_in(&batch);
                    world.twin.commit(&batch).expect("memory takes it");
                }
            }
            world.disk.crash_torn();
            drop(store);
            store = SqliteStore::open(world.config.clone())
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            world.check(&store, &[], &what);
        }
    }
}

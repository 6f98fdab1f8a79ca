//! Stores that are searched in, and short ways to say and to look for something.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::search::{Found, Query};
use hubbub_protocol::{
    Author, Body, Epoch, Event, RoomId, RoomName, RoomSettings, Seq, Text, UserId, UserName, WallMs,
};
use hubbub_store::sqlite::{Durability, SqliteConfig, SqliteStore};
use hubbub_store::{Indexer, Reader, Store};
use std::path::PathBuf;
use std::sync::Arc;

/// Steps after which an index of a few messages is complete, or never will be.
const STEPS: usize = 1_000;

pub fn text(words: &str) -> Text {
    Text::parse(words).unwrap()
}

pub fn room(id: u64) -> Record {
    Record::Room(RoomRecord {
        id: RoomId(id),
        kind: RoomKind::Named(RoomName::known(&format!("room{id}")).unwrap()),
        retention: Retention::Forever,
        created: WallMs(1),
        settings: RoomSettings::default(),
    })
}

/// An event of "Ann" at the time of its number.
pub fn event(room: u64, seq: u64, body: Body) -> Event {
    let name = UserName::known("Ann").unwrap();
    Event {
        room: RoomId(room),
        epoch: Epoch(1),
        seq: Seq(seq),
        time: WallMs(seq),
        from: Author { id: UserId(1), name },
        body,
    }
}

pub fn record(event: Event) -> Record {
    Record::Event { event: Arc::new(event), send: None }
}

pub fn said(room: u64, seq: u64, words: &str) -> Record {
    record(event(room, seq, Body::text(text(words))))
}

pub fn edit(room: u64, seq: u64, of: u64, words: &str) -> Record {
    record(event(room, seq, Body::Edit { of: Seq(of), text: Some(text(words)) }))
}

pub fn delete(room: u64, seq: u64, of: u64) -> Record {
    record(event(room, seq, Body::Delete { of: Seq(of) }))
}

pub fn query(words: &str, rooms: &[u64]) -> Query {
    Query {
        words: words.into(),
        rooms: rooms.iter().map(|&room| RoomId(room)).collect(),
        from: None,
        since: None,
        until: None,
        before: None,
        limit: 100,
    }
}

/// Room and number of each hit.
pub fn places(found: &Found) -> Vec<(u64, u64)> {
    found.events.iter().map(|(_, event)| (event.room.0, event.seq.0)).collect()
}

/// Steps until nothing is to do.
pub fn finish(indexer: &mut dyn Indexer) {
    for _ in 0..STEPS {
        if !indexer.step().unwrap() {
            return;
        }
    }
    panic!("the indexer does not come to an end");
}

/// A SQLite store in a folder, with all that belongs to it.
pub struct Site {
    pub folder: tempfile::TempDir,
    /// `None` only while it is closed.
    pub open: Option<Opened>,
}

/// In the order in which they are closed: the store last, so that it empties its write-ahead log.
pub struct Opened {
    pub indexer: Box<dyn Indexer>,
    pub reader: Box<dyn Reader>,
    pub store: SqliteStore,
}

impl Site {
    pub fn new() -> Self {
        let mut site = Self { folder: tempfile::tempdir().unwrap(), open: None };
        site.reopen();
        site
    }

    /// With these rooms.
    pub fn with_rooms(rooms: &[u64]) -> Self {
        let mut site = Self::new();
        site.commit(&rooms.iter().map(|&id| room(id)).collect::<Vec<_>>());
        site
    }

    pub fn reopen(&mut self) {
        self.open = None;
        let mut config = SqliteConfig::new(self.log());
        config.durability = Durability::Unsafe;
        let store = SqliteStore::open(config).unwrap();
        let (indexer, reader) = (store.indexer().unwrap(), store.reader().unwrap());
        self.open = Some(Opened { indexer, reader, store });
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("hubbub.db")
    }

    pub fn index(&self) -> PathBuf {
        self.folder.path().join("hubbub.db.search")
    }

    pub fn opened(&mut self) -> &mut Opened {
        self.open.as_mut().unwrap()
    }

    pub fn commit(&mut self, batch: &[Record]) {
        self.opened().store.commit(batch).unwrap();
    }

    pub fn index_all(&mut self) {
        finish(self.opened().indexer.as_mut());
    }

    pub fn search(&mut self, query: &Query) -> Found {
        self.opened().reader.search(query).unwrap()
    }

    /// Indexes all, looks, and compares. Nothing may be behind.
    #[track_caller]
    pub fn check(&mut self, words: &str, rooms: &[u64], expected: &[(u64, u64)]) {
        self.index_all();
        let found = self.search(&query(words, rooms));
        assert_eq!(places(&found), expected, "{words:?} in {rooms:?}");
        assert!(!found.behind, "{words:?}");
    }

    /// Whether the bytes are anywhere in the files of the index.
    pub fn index_has(&self, bytes: &str) -> bool {
        let mut files = 0;
        let found = std::fs::read_dir(self.folder.path()).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.starts_with("hubbub.db.search") {
                return false;
            }
            files += 1;
            let there = std::fs::read(&path).unwrap();
            there.windows(bytes.len()).any(|window| window == bytes.as_bytes())
        });
        assert!(found || files > 0, "there is no index");
        found
    }
}

//! What is SQLite's alone: versions, strange files, the size of the WAL. The rest is in the
//! conformance suite.

mod beside;
mod erase;
mod upgrade;

use super::*;
use hubbub_protocol::frame::Page;
use hubbub_protocol::record::{RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Counter, Event, Instance, RoomId, RoomName, Seq, Text, UserId, UserName,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn quick(folder: &Path) -> SqliteConfig {
    let mut config = SqliteConfig::new(folder.join("hubbub.db"));
    config.durability = Durability::Unsafe;
    config
}

fn room() -> Record {
    Record::Room(RoomRecord {
        id: RoomId(1),
        kind: RoomKind::Named(RoomName::parse("lobby").unwrap()),
        retention: Default::default(),
        created: WallMs(1),
        settings: Default::default(),
    })
}

fn messages(seqs: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    let from = Author { id: UserId(1), name: UserName::parse("ann").unwrap() };
    let text = Text::parse(&"x".repeat(64)).unwrap();
    let message = |seq| Event {
        room: RoomId(1),
        epoch: Epoch(1),
        seq: Seq(seq),
        time: WallMs(seq),
        from: from.clone(),
        body: Body::text(text.clone()),
    };
    let send = |seq: u64| Some((Instance([(seq % 200) as u8; 16]), Counter(seq)));
    seqs.map(|seq| Record::Event { event: Arc::new(message(seq)), send: send(seq) }).collect()
}

fn filled(config: &SqliteConfig) {
    let mut store = SqliteStore::open(config.clone()).unwrap();
    store.commit(&[room()]).unwrap();
    store.commit(&messages(1..=10)).unwrap();
}

/// Opens a store that must be refused, and checks that the message names the file and that the
/// file is as it was.
fn refused(config: &SqliteConfig) -> StoreError {
    let before = std::fs::read(&config.path).unwrap();
    let error = SqliteStore::open(config.clone()).err().expect("it should be refused");
    assert_eq!(std::fs::read(&config.path).unwrap(), before, "the file was changed");
    error
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    Connection::open(&config.path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let error = refused(&config);
    assert!(matches!(error, StoreError::Newer { found: 9, known: 2 }), "{error}");
}

/// Two versions that are still to come.
const STEPS: &[Migration] = &[
    Migration { sql: schema::VERSION_2 },
    Migration { sql: "ALTER TABLE rooms ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'" },
    Migration { sql: "CREATE TABLE colours (id INTEGER PRIMARY KEY) STRICT" },
];

#[test]
fn an_older_schema_is_copied_and_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    let mut store = SqliteStore::open_with(config.clone(), STEPS).unwrap();
    assert_eq!(store.load().unwrap().snapshot.rooms[0].head_seq, Seq(10));
    store.conn.execute("INSERT INTO colours VALUES (1)", []).unwrap();
    store.commit(&messages(11..=20)).unwrap();
    store.recover().unwrap();
    drop(store);

    let error = refused(&config);
    assert!(matches!(error, StoreError::Newer { found: 4, known: 2 }), "{error}");
    let copy = SqliteConfig { path: folder.path().join("hubbub.db.before-v3"), ..config.clone() };
    let mut old = SqliteStore::open(copy.clone()).unwrap();
    assert_eq!(old.load().unwrap().snapshot.rooms[0].head_seq, Seq(10));
    drop(old);

    // Back to the copy, and forward again: the first copy stays as it is.
    std::fs::copy(&copy.path, &config.path).unwrap();
    drop(SqliteStore::open_with(config, STEPS).unwrap());
    assert!(folder.path().join("hubbub.db.before-v3.2").exists());
}

#[test]
fn a_step_that_fails_changes_nothing() {
    const BAD: &[Migration] = &[
        Migration { sql: schema::VERSION_2 },
        Migration { sql: "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1)" },
    ];
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    let error = SqliteStore::open_with(config.clone(), BAD).err().unwrap();
    assert!(error.to_string().contains("upgrading to version 3"), "{error}");
    let mut store = SqliteStore::open(config).unwrap();
    assert_eq!(store.load().unwrap().snapshot.rooms.len(), 1);
}

#[test]
fn a_fresh_file_gets_the_newest_schema_and_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteStore::open_with(quick(folder.path()), STEPS).unwrap());
    drop(SqliteStore::open_with(quick(folder.path()), STEPS).unwrap());
    assert!(!folder.path().join("hubbub.db.before-v3").exists());
}

#[test]
fn foreign_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    let check = || {
        let error = refused(&config);
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        assert!(error.to_string().contains("hubbub.db is not a Hubbub database"), "{error}");
    };
    std::fs::write(&config.path, "a letter to grandma. ".repeat(200)).unwrap();
    check();
    std::fs::remove_file(&config.path).unwrap();
    Connection::open(&config.path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    check();
}

#[test]
fn a_damaged_page_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    let mut bytes = std::fs::read(&config.path).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(&config.path, bytes).unwrap();
    let result = SqliteStore::open(config).and_then(|mut store| store.load());
    assert!(matches!(result, Err(StoreError::Damaged(_))), "{result:?}");
}

#[test]
fn recovery_finds_damage_in_each_small_table() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    let conn = Connection::open(&config.path).unwrap();
    let tables = "SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'
                  AND name NOT IN ('events', 'sends', 'audit', 'reactions')";
    let tables: Vec<(String, u32)> =
        convert::all(&conn, tables, |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    drop(conn);
    assert_eq!(tables.len(), 12);
    let whole = std::fs::read(&config.path).unwrap();
    for (table, page) in tables {
        let (mut bytes, end) = (whole.clone(), page as usize * 4096);
        bytes[end - 4096..end].fill(0xa5);
        std::fs::write(&config.path, bytes).unwrap();
        let result = SqliteStore::open(config.clone()).and_then(|mut store| store.recover());
        assert!(matches!(result, Err(StoreError::Damaged(_))), "{table}: {result:?}");
    }
    std::fs::write(&config.path, whole).unwrap();
    SqliteStore::open(config).unwrap().recover().unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for place in [folder.path().join("missing").join("hubbub.db"), folder.path().to_owned()] {
        let error = SqliteStore::open(SqliteConfig::new(&place)).err().unwrap();
        assert!(matches!(error, StoreError::Backend(_)), "{error}");
        assert!(error.to_string().contains(place.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains("see that the folder exists"), "{error}");
    }
}

#[test]
fn recovery_goes_on_after_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store.commit(&[room()]).unwrap();
    // SQLite's own limit stands for the disk's.
    let pages: i64 = store.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.conn.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(())).unwrap();
    let error = store.commit(&messages(1..=2000)).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    store.recover().unwrap();
    assert_eq!(store.load().unwrap().snapshot.rooms[0].head_seq, Seq(0));
    store.commit(&messages(1..=2000)).unwrap();
}

#[test]
fn a_commit_in_the_log_only_is_kept_when_nobody_closed() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    let mut store = SqliteStore::open(config.clone()).unwrap();
    store.commit(&[room()]).unwrap();
    store.commit(&messages(1..=1000)).unwrap();
    // What a killed process leaves: the file and its WAL, without the shared memory.
    let other = tempfile::tempdir().unwrap();
    for name in ["hubbub.db", "hubbub.db-wal"] {
        std::fs::copy(folder.path().join(name), other.path().join(name)).unwrap();
    }
    let mut copied = SqliteStore::open(quick(other.path())).unwrap();
    assert_eq!(copied.load().unwrap().snapshot.rooms[0].head_seq, Seq(1000));
}

#[test]
fn the_log_stays_small_while_a_reader_pages() {
    const COUNT: u64 = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let mut config = quick(folder.path());
    config.wal_bytes = 2 << 20;
    let mut store = SqliteStore::open(config.clone()).unwrap();
    store.commit(&[room()]).unwrap();
    let mut reader = store.reader().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let done = done.clone();
        move || {
            let (mut after, mut pages) = (Seq(0), 0);
            while !done.load(Ordering::Relaxed) {
                let page = reader.page(RoomId(1), Page::After(after), 100).unwrap();
                after = page.events.last().map_or(Seq(0), |event| event.seq);
                pages += 1;
            }
            pages
        }
    });
    let wal = folder.path().join("hubbub.db-wal");
    let mut largest = 0;
    for first in (1..COUNT).step_by(1000) {
        store.commit(&messages(first..=first + 999)).unwrap();
        largest = largest.max(std::fs::metadata(&wal).unwrap().len());
    }
    done.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 10);
    // Readers are waited for at twice the size; a batch or two of some 1 MiB may come on top.
    assert!(largest < 4 * config.wal_bytes, "the log grew to {largest} bytes");
    assert_eq!(store.load().unwrap().snapshot.rooms[0].head_seq, Seq(COUNT));
    let sends: i64 =
        store.conn.query_row("SELECT count(*) FROM sends", [], |row| row.get(0)).unwrap();
    assert!(sends <= 200 * (64 + 16), "{sends} sends of 200 instances");
}

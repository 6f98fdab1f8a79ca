//! Readers of another process: beside a server, after one, and where none ever was.

use super::*;
use hubbub_protocol::audit::{AuditAct, AuditEntry};
use std::collections::BTreeMap;

const ALL: WallMs = WallMs(0);

fn entry(id: u64) -> Record {
    Record::Audit(AuditEntry {
        id,
        time: WallMs(id),
        act: AuditAct::Logout,
        user: Some(UserId(7)),
        name: "ann".into(),
        peer: None,
        door: None,
        reason: "closed".into(),
    })
}

fn ids(reader: &mut dyn Reader) -> Vec<u64> {
    reader.audit(ALL, 0, 100_000).unwrap().iter().map(|entry| entry.id).collect()
}

/// All files of a folder, but the shared memory: which is made anew by whoever comes first.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| !path.to_str().unwrap().ends_with("-shm"));
    kept.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn shared_memory(folder: &Path) -> bool {
    folder.join("hubbub.db-shm").exists()
}

#[test]
fn a_reader_beside_a_store_sees_each_commit() {
    const COUNT: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    // Small, so that the log begins anew now and then.
    let config = SqliteConfig { wal_bytes: 64 * 1024, ..quick(folder.path()) };
    let mut store = SqliteStore::open(config.clone()).unwrap();
    let mut reader = open_reader(&config).unwrap();
    assert!(ids(&mut *reader).is_empty());
    let reading = std::thread::spawn({
        let config = config.clone();
        move || {
            let mut seen = 0;
            while seen < 2 * COUNT {
                let found = ids(&mut *open_reader(&config).unwrap());
                assert!(found.len().is_multiple_of(2), "half a batch");
                assert!(found.len() as u64 >= seen);
                seen = found.len() as u64;
            }
        }
    });
    store.commit(&[room()]).unwrap();
    for n in 1..=COUNT {
        let mut batch = vec![entry(2 * n - 1)];
        batch.extend(messages(10 * n..=10 * n + 9));
        batch.push(entry(2 * n));
        store.commit(&batch).unwrap();
        assert_eq!(reader.audit(ALL, 2 * n - 1, 10).unwrap().len(), 1);
    }
    reading.join().unwrap();
    assert_eq!(ids(&mut *reader), (1..=2 * COUNT).collect::<Vec<_>>());
    // A failed write and what follows it pass the reader by.
    assert!(store.commit(&[entry(9999), messages(10..=10).remove(0)]).is_err());
    assert_eq!(ids(&mut *reader).len() as u64, 2 * COUNT);
    store.recover().unwrap();
    store.commit(&[entry(10_000)]).unwrap();
    assert_eq!(ids(&mut *reader).last(), Some(&10_000));
    // The reader outlives the store, and a new one starts beside it.
    drop(store);
    assert_eq!(ids(&mut *reader).last(), Some(&10_000));
    let mut store = SqliteStore::open(config).unwrap();
    store.commit(&[entry(10_001)]).unwrap();
    assert_eq!(ids(&mut *reader).last(), Some(&10_001));
    drop((reader, store));
    assert_eq!(files(folder.path()).len(), 1, "the last one clears up");
}

#[test]
fn a_reader_of_a_stopped_server_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    SqliteStore::open(config.clone()).unwrap().commit(&[entry(1), entry(2)]).unwrap();
    let before = files(folder.path());
    assert_eq!(before.len(), 1);
    let mut reader = open_reader(&config).unwrap();
    assert_eq!(ids(&mut *reader), [1, 2]);
    assert_eq!(reader.page(RoomId(1), Page::Latest, 100).unwrap().events.len(), 10);
    // Also if another one is open.
    drop(open_reader(&config).unwrap());
    assert_eq!(ids(&mut *reader), [1, 2]);
    drop(reader);
    assert_eq!(files(folder.path()), before);
    assert!(!shared_memory(folder.path()));
}

#[test]
fn a_reader_after_a_crash_reads_the_log_and_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store.commit(&[room()]).unwrap();
    store.commit(&messages(1..=1000)).unwrap();
    store.commit(&[entry(1), entry(2)]).unwrap();
    // What a killed process leaves, and what a power cut does: without the shared memory.
    let [killed, cut] = [&["", "-wal", "-shm"][..], &["", "-wal"]].map(|ends| {
        let other = tempfile::tempdir().unwrap();
        for end in ends {
            let name = format!("hubbub.db{end}");
            std::fs::copy(folder.path().join(&name), other.path().join(&name)).unwrap();
        }
        other
    });
    for crashed in [killed, cut] {
        let config = quick(crashed.path());
        let before = files(crashed.path());
        for _ in 0..2 {
            let mut reader = open_reader(&config).unwrap();
            assert_eq!(ids(&mut *reader), [1, 2]);
            drop(reader);
            assert_eq!(files(crashed.path()), before);
        }
        // A server that starts while one is open goes on with what both see.
        let mut reader = open_reader(&config).unwrap();
        let mut store = SqliteStore::open(config).unwrap();
        assert_eq!(store.load().unwrap().snapshot.rooms[0].head_seq, Seq(1000));
        store.commit(&[entry(3)]).unwrap();
        assert_eq!(ids(&mut *reader), [1, 2, 3]);
    }
}

#[test]
fn a_reader_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    let reader = reader::SqliteReader::open_beside(&config, migrate::MIGRATIONS).unwrap();
    let refused = reader.conn.execute("DELETE FROM events", []).unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

/// What a reader is refused with. The file must be as it was.
fn refusal(config: &SqliteConfig, migrations: &[Migration]) -> StoreError {
    let folder = config.path.parent().unwrap();
    let before = files(folder);
    let error = reader::SqliteReader::open_beside(config, migrations).err().expect("refused");
    assert_eq!(files(folder), before, "the folder was changed");
    assert!(!shared_memory(folder));
    assert!(error.to_string().contains("hubbub.db") || matches!(error, StoreError::Newer { .. }));
    error
}

#[test]
fn a_reader_refuses_what_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    let missing = refusal(&config, &[]);
    assert!(missing.to_string().contains("there is no such file"), "{missing}");
    assert!(matches!(missing, StoreError::Backend(_)), "{missing}");

    std::fs::write(&config.path, "").unwrap();
    let empty = refusal(&config, &[]);
    assert!(empty.to_string().contains("nothing is in it yet"), "{empty}");
    std::fs::write(&config.path, "a letter to grandma. ".repeat(200)).unwrap();
    let foreign = refusal(&config, &[]);
    assert!(matches!(foreign, StoreError::Damaged(_)), "{foreign}");
    assert!(foreign.to_string().contains("is not a Hubbub database"), "{foreign}");
    std::fs::remove_file(&config.path).unwrap();
    let other = Connection::open(&config.path).unwrap();
    other.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
    drop(other);
    let foreign = refusal(&config, &[]);
    assert!(foreign.to_string().contains("another program made it"), "{foreign}");

    let is_folder = SqliteConfig { path: folder.path().to_owned(), ..config };
    assert!(matches!(open_reader(&is_folder), Err(StoreError::Backend(_))));
}

#[test]
fn a_reader_refuses_other_versions() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    filled(&config);
    let older = refusal(&config, STEPS);
    assert!(older.to_string().contains("older than this program"), "{older}");
    drop(SqliteStore::open_with(config.clone(), STEPS).unwrap());
    let newer = refusal(&config, migrate::MIGRATIONS);
    assert!(matches!(newer, StoreError::Newer { found: 4, known: 2 }), "{newer}");
    assert!(reader::SqliteReader::open_beside(&config, STEPS).is_ok());
}

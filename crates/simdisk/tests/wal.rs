//! SQLite works on the disk as on any other: several connections and threads,
//! locks, backups, file sizes.

mod common;

use std::thread;

use common::{DB, DURABLE_MODES, Mode, WAL, body, code_of, connect, create, insert, verified_ids};
use hubbub_simdisk::SimDisk;
use rusqlite::{Connection, backup::Backup, ffi};

const ROWS: i64 = 300;
const READERS: usize = 3;

#[test]
fn readers_on_other_threads_see_whole_commits_while_one_writes() {
    let disk = SimDisk::new(1);
    let writer = create(&disk, WAL);
    // Many checkpoints, so that readers and the checkpointer meet.
    writer.pragma_update(None, "wal_autocheckpoint", 5).expect("set autocheckpoint");
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| read_until_all_are_there(&disk));
        }
        for id in 1..=ROWS {
            commit_pair(&writer, id).unwrap_or_else(|error| panic!("pair {id}: {error}"));
        }
    });
    assert_eq!(verified_ids(&writer, "writer").len() as i64, 2 * ROWS);
}

fn commit_pair(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let transaction = db.unchecked_transaction()?;
    insert(&transaction, id)?;
    insert(&transaction, -id)?;
    transaction.commit()
}

fn read_until_all_are_there(disk: &SimDisk) {
    let mut db = connect(disk, WAL).expect("open a reader");
    let (mut rows, mut reads) = (0, 0);
    while rows < 2 * ROWS {
        let sql = "SELECT count(*), coalesce(sum(id), 0) FROM entries";
        let (now, sum): (i64, i64) = db
            .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("read while another thread writes");
        assert_eq!(sum, 0, "half of a transaction is visible");
        assert!(now >= rows, "a committed row went away");
        rows = now;
        reads += 1;
        if reads % 10 == 0 {
            db = connect(disk, WAL).expect("open a reader again");
        }
    }
}

#[test]
fn two_writers_exclude_each_other_in_every_journal_mode() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(2);
        disk.skip_sleeps(true);
        let first = create(&disk, mode);
        let second = connect(&disk, mode).expect("open the second");
        first.execute_batch("BEGIN IMMEDIATE").expect("first begins");
        insert(&first, 1).expect("first writes");
        let refused = code_of(second.execute_batch("BEGIN IMMEDIATE"));
        assert_eq!(refused, ffi::SQLITE_BUSY, "{mode:?}");
        assert_eq!(verified_ids(&second, "second").len(), 0, "{mode:?}");
        first.execute_batch("COMMIT").expect("first commits");
        insert(&second, 2).expect("second writes");
        assert_eq!(verified_ids(&first, "first"), [1, 2], "{mode:?}");
    }
}

#[test]
fn a_reader_holds_up_a_commit_in_rollback_mode() {
    let disk = SimDisk::new(3);
    disk.skip_sleeps(true);
    let mode = DURABLE_MODES[1];
    let writer = create(&disk, mode);
    let reader = connect(&disk, mode).expect("open the reader");
    insert(&writer, 1).expect("insert");
    reader.execute_batch("BEGIN; SELECT * FROM entries;").expect("begin to read");
    assert_eq!(code_of(insert(&writer, 2)), ffi::SQLITE_BUSY);
    assert_eq!(verified_ids(&reader, "reader"), [1]);
    reader.execute_batch("COMMIT").expect("stop reading");
    insert(&writer, 2).expect("insert again");
    assert_eq!(verified_ids(&reader, "reader"), [1, 2]);
}

#[test]
fn vacuum_into_and_backup_copy_to_the_same_disk() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(4);
        let db = create(&disk, mode);
        for id in 0..30 {
            insert(&db, id).expect("insert");
        }
        db.execute_batch("VACUUM INTO 'vacuumed.db'").expect("vacuum into");
        let mut copy = disk.open("copied.db").expect("open the copy");
        Backup::new(&db, &mut copy)
            .and_then(|backup| backup.run_to_completion(3, std::time::Duration::ZERO, None))
            .expect("back up");
        for name in ["vacuumed.db", "copied.db"] {
            let copy = disk.open(name).expect("open a copy");
            let ids = verified_ids(&copy, name);
            assert_eq!(ids, (0..30).collect::<Vec<_>>(), "{mode:?} {name}");
        }
    }
}

#[test]
fn sizes_are_right_after_a_checkpoint() {
    let disk = SimDisk::new(5);
    let db = create(&disk, WAL);
    for id in 0..30 {
        insert(&db, id).expect("insert");
    }
    let wal = disk.file_size("hub.db-wal").expect("a WAL exists");
    assert!(wal > 30 * 4096, "the commits are in the WAL, it has {wal} bytes");
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| {
        assert_eq!(row.get::<_, i64>(0)?, 0, "the checkpoint was held up");
        Ok(())
    })
    .expect("checkpoint");
    let pages: u32 = db.query_row("PRAGMA page_count", (), |row| row.get(0)).expect("page count");
    assert_eq!(disk.file_size("hub.db-wal"), Some(0));
    assert_eq!(disk.file_size(DB), Some(u64::from(pages) * 4096));
    assert_eq!(disk.used_bytes(), u64::from(pages) * 4096);
    drop(db);
    assert_eq!(disk.file_names(), [DB], "the last connection removes the WAL");
    assert_eq!(disk.file_size("hub.db-wal"), None);
}

#[test]
fn syncs_are_counted() {
    let disk = SimDisk::new(6);
    let db = create(&disk, WAL);
    insert(&db, 1).expect("insert");
    let before = disk.syncs();
    insert(&db, 2).expect("insert");
    assert_eq!(disk.syncs(), before + 1, "one commit in WAL mode is one sync");
    db.pragma_update(None, "synchronous", "NORMAL").expect("set synchronous");
    insert(&db, 3).expect("insert");
    assert_eq!(disk.syncs(), before + 1);
}

#[test]
fn large_sorts_use_temporary_files_that_leave_nothing() {
    let disk = SimDisk::new(7);
    let db = create(&disk, Mode { journal: "WAL", synchronous: "FULL" });
    db.execute_batch(
        "PRAGMA temp_store = FILE; PRAGMA cache_size = 5; PRAGMA temp.cache_size = 5;",
    )
    .expect("small caches");
    db.execute_batch("CREATE TEMP TABLE scratch (id INTEGER PRIMARY KEY, body BLOB);")
        .expect("temporary table");
    let used = disk.used_bytes();
    for id in 0..100 {
        let sql = "INSERT INTO scratch VALUES (?1, ?2)";
        db.execute(sql, (id, body(id))).expect("fill the temporary table");
    }
    assert!(disk.used_bytes() > used, "temporary pages are on the disk");
    drop(db);
    assert_eq!(disk.file_names(), [DB]);
    assert_eq!(Some(disk.used_bytes()), disk.file_size(DB));
}

#[test]
fn the_clock_of_sql_is_the_one_set() {
    let disk = SimDisk::new(8);
    let db = create(&disk, WAL);
    let now = || -> String {
        db.query_row("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')", (), |row| row.get(0))
            .expect("ask for the time")
    };
    assert_eq!(now(), "2000-01-01T00:00:00.000");
    disk.set_clock_unix_ms(1_700_000_000_123);
    assert_eq!(now(), "2023-11-14T22:13:20.123");
}

#[test]
fn disks_are_separate_and_names_go_with_them() {
    let (first, second) = (SimDisk::new(9), SimDisk::new(9));
    let db = create(&first, WAL);
    assert_ne!(first.vfs_name(), second.vfs_name());
    assert_eq!(second.file_names(), [""; 0]);
    let name = first.vfs_name().to_owned();
    drop(first);
    insert(&db, 1).expect("open connections go on");
    let flags = rusqlite::OpenFlags::default();
    let gone = Connection::open_with_flags_and_vfs(DB, flags, name.as_str());
    assert!(gone.is_err(), "the name of a dropped disk is still there");
}

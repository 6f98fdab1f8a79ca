//! The plain power cut: exactly what was synced is there.

mod common;

use common::{DB, DURABLE_MODES, Mode, WAL, code_of, connect, create, insert, verified_ids};
use hubbub_simdisk::SimDisk;
use rusqlite::ffi;

const COMMITS: i64 = 40;

/// Commits, cuts the power, and gives the ids that are left.
fn ids_after_crash(mode: Mode) -> Vec<i64> {
    let disk = SimDisk::new(1);
    let db = create(&disk, mode);
    for id in 0..COMMITS {
        insert(&db, id).expect("insert");
    }
    disk.crash();
    let db = connect(&disk, mode).expect("open after the power cut");
    verified_ids(&db, mode.journal)
}

#[test]
fn a_crash_keeps_exactly_the_commits() {
    for mode in DURABLE_MODES {
        let all: Vec<i64> = (0..COMMITS).collect();
        assert_eq!(ids_after_crash(mode), all, "{mode:?}");
    }
}

#[test]
fn a_crash_in_a_transaction_rolls_it_back() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(2);
        let db = create(&disk, mode);
        insert(&db, 1).expect("insert");
        // A small cache, so that pages reach the file before the commit.
        db.execute_batch("PRAGMA cache_size = 2; BEGIN").expect("begin");
        for id in 2..20 {
            insert(&db, id).expect("insert");
        }
        disk.crash();
        let db = connect(&disk, mode).expect("open after the power cut");
        assert_eq!(verified_ids(&db, mode.journal), [1], "{mode:?}");
    }
}

#[test]
fn a_crash_loses_commits_that_were_not_synced() {
    for synchronous in ["NORMAL", "OFF"] {
        let journal = "WAL";
        let left = ids_after_crash(Mode { journal, synchronous });
        let lost = COMMITS - left.len() as i64;
        assert!(lost > 0, "{synchronous}: nothing was lost");
        let first: Vec<i64> = (0..left.len() as i64).collect();
        assert_eq!(left, first, "{synchronous}: a commit is missing in the middle");
    }
}

#[test]
fn deleting_a_journal_is_safe_only_with_extra() {
    let journal = "DELETE";
    let full = ids_after_crash(Mode { journal, synchronous: "FULL" });
    let all_but_last: Vec<i64> = (0..COMMITS - 1).collect();
    assert_eq!(full, all_but_last, "the last journal comes back");
    let extra = ids_after_crash(Mode { journal, synchronous: "EXTRA" });
    assert_eq!(extra.len() as i64, COMMITS);
}

#[test]
fn the_first_sync_of_a_wal_makes_earlier_deletions_safe() {
    let disk = SimDisk::new(6);
    let db = disk.open(DB).expect("open");
    let sql = "PRAGMA synchronous = FULL; CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB); PRAGMA journal_mode = WAL;";
    db.execute_batch(sql).expect("create with a journal");
    insert(&db, 1).expect("insert with the WAL");
    disk.crash();
    // A journal that came back could roll the database back below its WAL.
    assert_eq!(disk.file_names(), [DB, "hub.db-wal"]);
    let db = connect(&disk, WAL).expect("open after the power cut");
    assert_eq!(verified_ids(&db, "after"), [1]);
}

#[test]
fn a_synced_file_keeps_its_name_without_a_sync_of_the_directory() {
    // No journal file, so nothing but the database itself is synced.
    let mode = Mode { journal: "MEMORY", synchronous: "FULL" };
    assert_eq!(ids_after_crash(mode).len() as i64, COMMITS);
}

#[test]
fn a_file_never_synced_is_gone() {
    let disk = SimDisk::new(3);
    let db = disk.open(DB).expect("open");
    db.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE entries (id INTEGER);")
        .expect("create");
    assert_eq!(disk.file_names(), [DB]);
    disk.crash();
    assert_eq!(disk.file_names(), [""; 0]);
    assert_eq!(disk.used_bytes(), 0);
}

#[test]
fn connections_of_before_are_dead_and_disturb_nobody() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(4);
        let idle = create(&disk, mode);
        let reading = connect(&disk, mode).expect("open");
        let writing = connect(&disk, mode).expect("open");
        insert(&idle, 1).expect("insert");
        if mode.journal == "WAL" {
            reading.execute_batch("BEGIN; SELECT * FROM entries").expect("begin to read");
        }
        writing.execute_batch("BEGIN IMMEDIATE").expect("begin to write");
        insert(&writing, 2).expect("insert");
        disk.crash();

        let name = disk.vfs_name().to_owned();
        let db = connect(&disk, mode).expect("open after the power cut");
        insert(&db, 3).expect("insert with the new connection");
        db.execute_batch("BEGIN").expect("begin");
        insert(&db, 4).expect("insert with the new connection");
        let commit = writing.execute_batch("COMMIT");
        for (result, what) in [(insert(&idle, 5), "idle"), (commit, "writing")] {
            assert_eq!(code_of(result) & 0xff, ffi::SQLITE_IOERR, "{mode:?} {what}");
        }
        drop((idle, reading, writing));
        insert(&db, 6).expect("insert after the old ones closed");
        db.execute_batch("COMMIT").expect("commit after the old ones closed");
        assert_eq!(verified_ids(&db, "new"), [1, 3, 4, 6], "{mode:?}");
        disk.crash();
        assert_eq!(disk.vfs_name(), name);
        let db = connect(&disk, mode).expect("open after the second power cut");
        assert_eq!(verified_ids(&db, "new"), [1, 3, 4, 6], "{mode:?}");
    }
}

#[test]
fn a_crash_while_threads_work_keeps_what_they_were_told_is_kept() {
    let disk = SimDisk::new(5);
    let writer = create(&disk, WAL);
    let (kept, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for id in 0.. {
                if insert(&writer, id).is_err() {
                    return;
                }
                kept.send(id).expect("the receiver waits until we end");
            }
        });
        let reader = connect(&disk, WAL).expect("open a reader");
        scope.spawn(move || while common::rows(&reader).is_ok() {});
        told.iter().take(20).for_each(drop);
        disk.crash();
    });
    let acknowledged = 20 + told.iter().count();
    let db = connect(&disk, WAL).expect("open after the power cut");
    let left = verified_ids(&db, "after the crash").len();
    // The commit under way may be there although nobody was told.
    assert!(left == acknowledged || left == acknowledged + 1, "{left} of {acknowledged}");
}

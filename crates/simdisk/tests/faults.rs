//! Faults on request: full, failing, write protected, stopped.

mod common;

use common::{DURABLE_MODES, Mode, WAL, code_of, connect, create, insert, verified_ids};
use hubbub_simdisk::SimDisk;
use rusqlite::ffi;

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(1);
        let db = create(&disk, mode);
        insert(&db, 0).expect("insert");
        disk.set_capacity(Some(disk.used_bytes() + 60_000));
        let mut next = 1;
        let code = loop {
            match code_of(insert(&db, next)) {
                ffi::SQLITE_OK => next += 1,
                code => break code,
            }
        };
        assert_eq!(code, ffi::SQLITE_FULL, "{mode:?}");
        assert!(next > 1, "{mode:?}: nothing fitted");
        let all: Vec<i64> = (0..next).collect();
        assert_eq!(verified_ids(&db, "full"), all, "{mode:?}");

        disk.set_capacity(None);
        insert(&db, next).expect("insert when there is room");
        disk.crash();
        let db = connect(&disk, mode).expect("open after the power cut");
        let all: Vec<i64> = (0..=next).collect();
        assert_eq!(verified_ids(&db, "later"), all, "{mode:?}");
    }
}

#[test]
fn a_failed_sync_fails_the_commit() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(2);
        let db = create(&disk, mode);
        insert(&db, 0).expect("insert");
        let syncs = disk.syncs();
        disk.fail_syncs(1);
        assert_eq!(code_of(insert(&db, 1)), ffi::SQLITE_IOERR_FSYNC, "{mode:?}");
        assert!(disk.syncs() >= syncs, "{mode:?}");
        insert(&db, 2).expect("insert after the failed one");
        disk.crash();
        let db = connect(&disk, mode).expect("open after the power cut");
        assert_eq!(verified_ids(&db, "after"), [0, 2], "{mode:?}");
    }
}

#[test]
fn what_a_failed_sync_left_is_lost_with_the_power() {
    let disk = SimDisk::new(3);
    let mode = Mode { journal: "WAL", synchronous: "NORMAL" };
    let db = create(&disk, mode);
    insert(&db, 0).expect("insert");
    disk.fail_syncs(1);
    let checkpoint = db.query_row("PRAGMA wal_checkpoint(FULL)", (), |_| Ok(()));
    assert_eq!(code_of(checkpoint), ffi::SQLITE_IOERR_FSYNC);
    disk.crash();
    let db = connect(&disk, mode).expect("open after the power cut");
    assert_eq!(verified_ids(&db, "after"), [0_i64; 0]);
}

#[test]
fn failed_writes_fail_the_commit() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(4);
        let db = create(&disk, mode);
        disk.fail_writes(1);
        assert_eq!(code_of(insert(&db, 1)), ffi::SQLITE_IOERR_WRITE, "{mode:?}");
        insert(&db, 2).expect("insert after the failed one");
        assert_eq!(verified_ids(&db, "after"), [2], "{mode:?}");
    }
}

#[test]
fn a_write_protected_disk_can_be_read() {
    for mode in DURABLE_MODES {
        let disk = SimDisk::new(5);
        let db = create(&disk, mode);
        insert(&db, 1).expect("insert");
        disk.read_only(true);
        let refused = match mode.journal {
            // The journal would have to be created.
            "DELETE" => ffi::SQLITE_CANTOPEN,
            _ => ffi::SQLITE_IOERR,
        };
        assert_eq!(code_of(insert(&db, 2)) & 0xff, refused, "{mode:?}");
        let reader = disk.open(common::DB).expect("open read only");
        assert_eq!(code_of(insert(&reader, 2)) & 0xff, ffi::SQLITE_READONLY, "{mode:?}");
        drop(reader);
        disk.read_only(false);
        insert(&db, 3).expect("insert again");
        assert_eq!(verified_ids(&db, "after"), [1, 3], "{mode:?}");
    }
}

#[test]
fn a_stopped_disk_does_nothing_until_the_restart() {
    let disk = SimDisk::new(6);
    let db = create(&disk, WAL);
    insert(&db, 1).expect("insert");
    let changes = disk.changes();
    disk.stop_after(1);
    assert_eq!(code_of(insert(&db, 2)) & 0xff, ffi::SQLITE_IOERR);
    assert!(disk.changes() > changes);
    assert!(common::rows(&db).is_err(), "the power is off");
    assert!(connect(&disk, WAL).is_err(), "the power is off");
    disk.crash();
    let db = connect(&disk, WAL).expect("open after the power cut");
    assert_eq!(verified_ids(&db, "after"), [1]);
}

#[test]
fn capacity_and_write_protection_outlive_a_crash_and_planned_faults_do_not() {
    let disk = SimDisk::new(7);
    let db = create(&disk, WAL);
    insert(&db, 1).expect("insert");
    disk.set_capacity(Some(disk.used_bytes()));
    disk.fail_syncs(100);
    disk.fail_writes(100);
    disk.stop_after(0);
    disk.crash();
    drop(db);
    let db = connect(&disk, WAL).expect("open after the power cut");
    let mut codes = (2..50).map(|id| code_of(insert(&db, id)));
    let failed = codes.find(|code| *code != ffi::SQLITE_OK);
    assert_eq!(failed, Some(ffi::SQLITE_FULL));
}

//! The power goes at any moment, and any part of the unsynced writes survives:
//! SQLite's promises hold all the same.

mod common;

use common::{DB, DURABLE_MODES, Mode, body, connect, create, insert, verified_ids};
use hubbub_simdisk::SimDisk;
use rusqlite::Connection;

const SEEDS: u64 = 60;
const ROUNDS: u64 = 3;
/// More changes than the work of one round takes before it is stopped.
const CHANGES_MAX: u64 = 120;

/// Commits rows from `next` on until the power goes; gives the first id that was
/// not acknowledged.
fn work(db: &Connection, mut next: i64) -> i64 {
    let small = "PRAGMA wal_autocheckpoint = 12; PRAGMA cache_size = 4;";
    if db.execute_batch(small).is_err() {
        return next;
    }
    while insert(db, next).is_ok() {
        next += 1;
        let checkpoint = match next % 7 {
            0 => "PRAGMA wal_checkpoint(TRUNCATE)",
            3 => "PRAGMA wal_checkpoint(RESTART)",
            _ => continue,
        };
        // A result of its own matters to nobody: the next insert fails as well.
        let _ = db.query_row(checkpoint, (), |_| Ok(()));
    }
    next
}

/// Several runs of one machine, each ended by a torn power cut.
fn check_rounds(seed: u64, mode: Mode) {
    let disk = SimDisk::new(seed);
    disk.skip_sleeps(true);
    let mut db = create(&disk, mode);
    let mut next = 0;
    for round in 0..ROUNDS {
        let what = format!("seed {seed}, round {round}, {mode:?}");
        let stop = (seed * 37 + round * 53) % CHANGES_MAX;
        disk.stop_after(stop);
        next = work(&db, next);
        // Some old connections are closed before the power cut, some after.
        let old = seed.is_multiple_of(2).then_some(db);
        disk.crash_torn();
        drop(old);
        db = connect(&disk, mode).unwrap_or_else(|error| panic!("{what}: open: {error}"));
        let ids = verified_ids(&db, &what);
        let left = ids.len() as i64;
        assert_eq!(ids, (0..left).collect::<Vec<_>>(), "{what}");
        assert!(left == next || left == next + 1, "{what}: {left} of {next} are left");
        next = left;
    }
}

#[test]
fn torn_crashes_keep_every_acknowledged_commit() {
    for seed in 0..SEEDS {
        for mode in DURABLE_MODES {
            check_rounds(seed, mode);
        }
    }
}

#[test]
fn a_torn_crash_while_the_database_is_made_leaves_a_sound_one() {
    for seed in 0..SEEDS {
        let mode = DURABLE_MODES[seed as usize % DURABLE_MODES.len()];
        let disk = SimDisk::new(seed);
        disk.stop_after(seed);
        if let Ok(db) = connect(&disk, mode) {
            let _ = db.execute_batch("CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB);");
            let _ = insert(&db, 1);
        }
        disk.crash_torn();
        let db = disk.open(DB).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        db.execute_batch("CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, body BLOB);")
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        verified_ids(&db, &format!("seed {seed}, {mode:?}"));
    }
}

/// Without syncs SQLite promises nothing; the disk has to take it at its word.
#[test]
fn without_syncs_some_torn_crashes_destroy_the_database() {
    let mode = Mode { journal: "DELETE", synchronous: "OFF" };
    let is_sound = |seed: u64| {
        let disk = SimDisk::new(seed);
        let db = create(&disk, mode);
        (0..20).for_each(|id| insert(&db, id).expect("insert"));
        disk.crash_torn();
        disk.open(DB)
            .and_then(|db| {
                db.query_row("PRAGMA integrity_check", (), |row| row.get::<_, String>(0))
            })
            .is_ok_and(|report| report == "ok")
    };
    let sound = (0..SEEDS).filter(|seed| is_sound(*seed)).count() as u64;
    assert!(sound > 0 && sound < SEEDS, "{sound} of {SEEDS} are sound");
}

#[test]
fn one_seed_gives_one_outcome() {
    let outcome = |seed: u64| {
        let disk = SimDisk::new(seed);
        let mode = Mode { journal: "WAL", synchronous: "OFF" };
        let db = create(&disk, mode);
        (0..20).for_each(|id| insert(&db, id).expect("insert"));
        disk.crash_torn();
        let sizes: Vec<_> =
            disk.file_names().into_iter().map(|name| disk.file_size(&name)).collect();
        let db = connect(&disk, mode).expect("open after the power cut");
        (sizes, verified_ids(&db, &format!("seed {seed}")))
    };
    let outcomes: Vec<_> = (0..20).map(outcome).collect();
    for (seed, first) in outcomes.iter().enumerate() {
        assert_eq!(outcome(seed as u64), *first, "seed {seed}");
    }
    let different: std::collections::BTreeSet<_> = outcomes.iter().collect();
    assert!(different.len() > 5, "only {} outcomes", different.len());
    assert!(!body(7).is_empty());
}

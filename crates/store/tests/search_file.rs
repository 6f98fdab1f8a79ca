//! The file of the index: whatever is in it, it is an index of its log again.
#![allow(clippy::unwrap_used)]

mod searching;

use hubbub_protocol::record::Record;
use hubbub_store::Indexer;
use searching::{Site, query, said};
use std::fs;
use std::path::{Path, PathBuf};

fn site() -> Site {
    let mut site = Site::with_rooms(&[1]);
    let batch: Vec<Record> = (1..=40).map(|seq| said(1, seq, &format!("tea {seq}"))).collect();
    site.commit(&batch);
    site.index_all();
    site
}

/// Changes the files of the index while nobody has them open.
fn change(site: &mut Site, how: impl FnOnce(&Site)) {
    site.open = None;
    how(site);
    site.reopen();
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}

fn backup(site: &Site) -> PathBuf {
    site.folder.path().join("backup")
}

#[track_caller]
fn check(site: &mut Site) {
    let all: Vec<(u64, u64)> = (1..=40).rev().map(|seq| (1, seq)).collect();
    site.check("tea", &[1], &all);
    site.check("7", &[1], &[(1, 7)]);
}

#[test]
fn a_missing_index_is_made() {
    let mut site = site();
    change(&mut site, |site| fs::remove_file(site.index()).unwrap());
    assert!(site.search(&query("tea", &[1])).behind);
    check(&mut site);
}

#[test]
fn something_that_is_no_index_is_replaced() {
    for bytes in [Vec::new(), b"not a database".repeat(1000), vec![0; 9000], b"x".to_vec()] {
        let mut site = site();
        change(&mut site, |site| fs::write(site.index(), &bytes).unwrap());
        assert!(site.search(&query("tea", &[1])).behind);
        check(&mut site);
    }
}

#[test]
fn an_index_of_another_version_is_made_anew() {
    for sql in ["PRAGMA user_version = 1", "PRAGMA application_id = 1"] {
        let mut site = site();
        change(&mut site, |site| {
            rusqlite::Connection::open(site.index()).unwrap().execute_batch(sql).unwrap();
        });
        assert!(site.search(&query("tea", &[1])).behind, "{sql}");
        check(&mut site);
    }
}

#[test]
fn an_index_without_its_tables_is_made_anew() {
    for sql in [
        "DROP TABLE messages",
        "DROP TABLE hours",
        "DROP TABLE progress",
        "DELETE FROM messages_data",
    ] {
        let mut site = site();
        change(&mut site, |site| {
            rusqlite::Connection::open(site.index()).unwrap().execute_batch(sql).unwrap();
        });
        site.commit(&[said(1, 41, "coffee")]);
        site.index_all();
        site.search(&query("tea", &[1]));
        check(&mut site);
    }
}

/// Each page in turn, with what finds it: the indexer, or a search.
#[test]
fn a_damaged_index_is_made_anew() {
    let pages = fs::metadata(site().index()).unwrap().len() / 4096;
    for page in 0..pages {
        let mut site = site();
        change(&mut site, |site| {
            let mut bytes = fs::read(site.index()).unwrap();
            let from = usize::try_from(page).unwrap() * 4096;
            bytes[from..from + 4096].fill(0xa5);
            fs::write(site.index(), bytes).unwrap();
        });
        site.index_all();
        site.search(&query("tea", &[1]));
        site.search(&query("7", &[1]));
        check(&mut site);
    }
}

#[test]
fn an_index_of_another_log_is_not_believed() {
    let mut site = site();
    let mut other = Site::with_rooms(&[1]);
    let batch: Vec<Record> = (1..=60).map(|seq| said(1, seq, &format!("coffee {seq}"))).collect();
    other.commit(&batch);
    other.index_all();
    other.open = None;
    change(&mut site, |site| copy(&other.index(), &site.index()));
    let found = site.search(&query("coffee", &[1]));
    assert!(found.events.is_empty() && found.behind);
    check(&mut site);
    assert!(!site.index_has("coffee"));
}

/// The index is newer than the log, which goes on from its own end.
#[test]
fn an_index_from_before_a_restored_backup_is_taken_back() {
    let mut site = site();
    change(&mut site, |site| copy(&site.log(), &backup(site)));
    site.commit(&[said(1, 41, "zyzzogeton"), said(1, 42, "zyzzogeton"), said(1, 43, "zyzzogeton")]);
    site.index_all();
    change(&mut site, |site| copy(&backup(site), &site.log()));
    assert!(site.search(&query("tea", &[1])).behind);
    site.commit(&[said(1, 41, "cake"), said(1, 42, "cake"), said(1, 43, "cake")]);
    check(&mut site);
    site.check("cake", &[1], &[(1, 43), (1, 42), (1, 41)]);
    assert!(!site.index_has("zyzzogeton"));
}

#[test]
fn a_search_goes_on_while_the_index_is_made_anew() {
    let mut site = site();
    check(&mut site);
    // The reader has it open; another program breaks it.
    let other = rusqlite::Connection::open(site.index()).unwrap();
    other.execute_batch("DELETE FROM messages_data").unwrap();
    drop(other);
    site.search(&query("tea", &[1]));
    check(&mut site);
}

#[cfg(unix)]
#[test]
fn the_index_is_as_private_as_the_log() {
    use std::os::unix::fs::PermissionsExt;
    for mode in [0o600, 0o640] {
        let mut site = Site::with_rooms(&[1]);
        fs::set_permissions(site.log(), fs::Permissions::from_mode(mode)).unwrap();
        site.commit(&[said(1, 1, "tea")]);
        let indexer: &mut dyn Indexer = site.opened().indexer.as_mut();
        indexer.step().unwrap();
        for file in [site.index(), site.folder.path().join("hubbub.db.search-wal")] {
            let found = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{}", file.display());
        }
    }
}

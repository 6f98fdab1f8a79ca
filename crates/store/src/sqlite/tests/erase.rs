//! What was said and is not to be read any more is in no file, byte for byte.

use super::*;
use hubbub_protocol::Said;

/// Long enough not to be found by chance, and in the middle of more.
fn secret(n: u64) -> String {
    format!("secret-{n:06}.")
}

fn event(seq: u64, body: Body) -> Record {
    let from = Author { id: UserId(1), name: UserName::parse("ann").unwrap() };
    let event =
        Event { room: RoomId(1), epoch: Epoch(1), seq: Seq(seq), time: WallMs(seq), from, body };
    Record::Event { event: Arc::new(event), send: None }
}

/// A text that says `secret(n)`, with so many more bytes.
fn text(n: u64, more: usize) -> Text {
    Text::parse(&format!("{}{}", secret(n), "x".repeat(more))).unwrap()
}

fn said(seq: u64, more: usize) -> Record {
    event(seq, Body::text(text(seq, more)))
}

fn edited(seq: u64, of: u64, more: usize) -> Record {
    event(seq, Body::Edit { of: Seq(of), text: Some(text(seq, more)) })
}

fn deleted(seq: u64, of: u64) -> Record {
    event(seq, Body::Delete { of: Seq(of) })
}

fn trim(upto: u64) -> Record {
    Record::Trim { room: RoomId(1), upto: Seq(upto) }
}

/// The numbers of all secrets that are in the files, however often, in order.
fn found(folder: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    for name in ["hubbub.db", "hubbub.db-wal", "hubbub.db-shm"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        for at in 0..bytes.len().saturating_sub(13) {
            if bytes[at..].starts_with(b"secret-") && bytes[at + 13] == b'.' {
                let number = std::str::from_utf8(&bytes[at + 7..at + 13]).unwrap();
                found.push(number.parse().unwrap());
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn what_is_deleted_edited_or_expired_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store.commit(&[room()]).unwrap();
    // Also longer than a page.
    for seq in 1..=8 {
        store.commit(&[said(seq, if seq % 2 == 0 { 4000 } else { 10 })]).unwrap();
    }
    // Someone who pages is not in the way.
    let mut reader = store.reader().unwrap();
    reader.page(RoomId(1), Page::Latest, 3).unwrap();
    assert_eq!(found(folder.path()), [1, 2, 3, 4, 5, 6, 7, 8]);
    let mut check = |records: &[Record], left: &[u64]| {
        store.commit(records).unwrap();
        assert_eq!(found(folder.path()), left);
    };
    check(&[deleted(9, 2)], &[1, 3, 4, 5, 6, 7, 8]);
    check(&[deleted(10, 3)], &[1, 4, 5, 6, 7, 8]);
    check(&[edited(11, 4, 20)], &[1, 5, 6, 7, 8, 11]);
    check(&[edited(12, 4, 4000)], &[1, 5, 6, 7, 8, 12]);
    check(&[edited(13, 5, 4000)], &[1, 6, 7, 8, 12, 13]);
    check(&[deleted(14, 4)], &[1, 6, 7, 8, 13]);
    check(&[trim(6)], &[7, 8]);
    // A message that was said and deleted at once.
    check(&[said(15, 9), deleted(16, 15), said(17, 9)], &[7, 8, 17]);
    check(&[Record::RoomGone(RoomId(1))], &[]);
}

/// SQLite itself leaves copies of rows behind when it spreads them over its pages: see `erase.rs`.
#[test]
fn nothing_is_left_behind_where_rows_are_moved() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for seed in [1, 2, 3, now.as_nanos() as u64] {
        move_rows(seed, 100_000);
        move_rows(seed, 40);
    }
}

/// Only the `newest` messages are edited and deleted: then rows move where new ones are written, too.
fn move_rows(seed: u64, newest: u64) {
    let mut state = seed;
    let mut below = move |end: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let folder = tempfile::tempdir().unwrap();
    let mut config = quick(folder.path());
    // Small, so that the log begins anew between two batches that erase.
    config.wal_bytes = 64 * 1024;
    let mut store = SqliteStore::open(config).unwrap();
    store.commit(&[room()]).unwrap();
    let mut head = 600;
    // By message, the number of its text.
    let mut live: std::collections::BTreeMap<u64, u64> = (1..=head).map(|seq| (seq, seq)).collect();
    let first: Vec<_> = (1..=head).map(|seq| said(seq, below(300) as usize)).collect();
    store.commit(&first).unwrap();
    for step in 0..80 {
        let mut batch = Vec::new();
        for _ in 0..1 + below(20) {
            head += 1;
            let of = below(newest.min(live.len() as u64)) as usize;
            let of = *live.keys().nth_back(of).unwrap();
            batch.push(match below(4) {
                0 => {
                    live.remove(&of);
                    deleted(head, of)
                }
                1 => {
                    live.insert(head, head);
                    said(head, below(300) as usize)
                }
                _ => {
                    live.insert(of, head);
                    edited(head, of, below(400) as usize)
                }
            });
        }
        if step % 20 == 19 {
            let upto = *live.keys().next().unwrap() + 50;
            live.retain(|seq, _| *seq > upto);
            batch.push(trim(upto));
        }
        store.commit(&batch).unwrap();
        store.settle();
        let mut expected: Vec<_> = live.values().copied().collect();
        expected.sort_unstable();
        assert_eq!(found(folder.path()), expected, "seed {seed}, newest {newest}, step {step}");
        // Between them, batches that erase nothing.
        for _ in 0..below(3) {
            head += 1;
            live.insert(head, head);
            store.commit(&[said(head, below(300) as usize)]).unwrap();
        }
    }
    store.recover().unwrap();
}

#[test]
fn under_load_a_text_goes_when_there_is_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store
        .commit(&[room(), said(1, 10), said(2, 10), said(3, 10), said(4, 10), deleted(5, 1)])
        .unwrap();
    assert_eq!(found(folder.path()), [2, 3, 4]);
    // Much was said since: not each such batch moves all of that.
    let load = |seqs: std::ops::Range<u64>| {
        seqs.map(|seq| event(seq, Body::text(Text::parse(&"x".repeat(4000)).unwrap())))
    };
    let mut batch: Vec<_> = load(6..206).collect();
    batch.push(deleted(206, 2));
    store.commit(&batch).unwrap();
    assert_eq!(found(folder.path()), [2, 3, 4]);
    store.settle();
    assert_eq!(found(folder.path()), [3, 4]);
    // But it comes soon, also when there is never time.
    let mut batch: Vec<_> = load(207..407).collect();
    batch.push(deleted(407, 3));
    store.commit(&batch).unwrap();
    let left = |seq| {
        store.commit(&[load(seq..seq + 1).next().unwrap()]).unwrap();
        found(folder.path())
    };
    let after = (408..).map(left).position(|found| found == [4]).unwrap();
    assert!(after < 40, "only after {after} commits");
}

#[test]
fn a_text_goes_when_a_reader_beside_no_longer_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store.commit(&[room(), said(1, 10), said(2, 10)]).unwrap();
    let other = Connection::open(folder.path().join("hubbub.db")).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM events").unwrap();
    // It is in the way, and the batch is none the worse for it.
    store.commit(&[deleted(3, 1)]).unwrap();
    assert_eq!(found(folder.path()), [1, 2]);
    let body =
        store.reader().unwrap().message(RoomId(1), Seq(1), None).unwrap().unwrap().event.body;
    assert_eq!(body, Body::Deleted { by: Seq(3) });
    other.execute_batch("COMMIT").unwrap();
    // Tried again after a commit or a few.
    store.commit(&[said(4, 10)]).unwrap();
    store.commit(&[said(5, 10)]).unwrap();
    assert_eq!(found(folder.path()), [2, 4, 5]);
}

#[test]
fn a_text_that_a_killed_process_had_deleted_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store.commit(&[room(), said(1, 10), said(2, 10)]).unwrap();
    let other = Connection::open(folder.path().join("hubbub.db")).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM events").unwrap();
    store.commit(&[deleted(3, 1)]).unwrap();
    let killed = tempfile::tempdir().unwrap();
    for name in ["hubbub.db", "hubbub.db-wal"] {
        std::fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let store = SqliteStore::open(quick(killed.path())).unwrap();
    assert_eq!(found(killed.path()), [2]);
    drop(store);
}

#[test]
fn what_is_only_said_does_not_empty_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(quick(folder.path())).unwrap();
    store.commit(&[room()]).unwrap();
    let wal = || std::fs::metadata(folder.path().join("hubbub.db-wal")).unwrap().len();
    let reply = Body::Text(Said { reply: Some(Seq(1)), ..text(2, 10).into() });
    // Neither does a deletion of nothing.
    store.commit(&[said(1, 10), event(2, reply), deleted(3, 99)]).unwrap();
    assert!(wal() > 0);
    store.commit(&[deleted(4, 1)]).unwrap();
    assert_eq!(wal(), 0);
}

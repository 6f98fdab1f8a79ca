//! Backup, restore and doctor as an operator uses them: the real program beside a server under load,
//! after a SIGKILL, on a full disk, and with files that are not whole.
//!
//! `HUBBUB_BACKUP_SEED` repeats the talk, as far as the system's scheduling lets it.
#![cfg(unix)]
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "backup/doctor.rs"]
mod doctor;
#[path = "../../server/tests/load/mod.rs"]
mod load;
mod support;

use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Event, Instance, RoomId, RoomName, Seq, Text, UserId, UserName, WallMs,
};
use hubbub_store::Store;
use hubbub_store::sqlite::{SqliteConfig, SqliteStore};
use load::check::Log;
use load::raw::{Raw, read_log};
use load::{Shared, talk};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use support::{Running, Serve, hubbub, on, printed, run};

const TALKERS: usize = 8;
/// Messages before the backup begins.
const WARM: u64 = 3_000;
/// Messages that are there from before, so that copying takes a while.
const OLD: u64 = 10_000;
/// And after it, so that clients know more than the backup.
const MORE: u64 = 500;
/// No limit on how much one may say.
const SETTINGS: &str = "[limits.user]
messages = { burst = 1, per_minute = 0 }
bytes = { burst = 1, per_minute = 0 }
commands = { burst = 1, per_minute = 0 }
[limits.room]
messages = { burst = 1, per_minute = 0 }
bytes = { burst = 1, per_minute = 0 }
[limits.intake]
reads = { burst = 1, per_minute = 0 }
bytes = { burst = 1, per_minute = 0 }
";

fn rooms() -> Vec<RoomName> {
    ["work", "games"].map(|name| RoomName::parse(name).unwrap()).to_vec()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Data from earlier, in another room.
fn fill(data: &Path) {
    let mut store = SqliteStore::open(SqliteConfig::new(data.join("hubbub.db"))).unwrap();
    let epoch = store.raise_epoch().unwrap();
    let room = RoomId((1 << 32) + 1);
    let record = RoomRecord {
        id: room,
        kind: RoomKind::Named(RoomName::parse("old").unwrap()),
        retention: Default::default(),
        created: WallMs(1),
        settings: Default::default(),
    };
    store.commit(&[Record::Room(record)]).unwrap();
    let from = Author { id: UserId((1 << 32) + 2), name: UserName::parse("ann").unwrap() };
    let event = |seq| Event {
        room,
        epoch,
        seq: Seq(seq),
        time: WallMs(seq),
        from: from.clone(),
        body: Body::text(Text::parse(&format!("{seq} {}", "x".repeat(1_000))).unwrap()),
    };
    let events: Vec<_> =
        (1..=OLD).map(|seq| Record::Event { event: Arc::new(event(seq)), send: None }).collect();
    events.chunks(1_000).for_each(|batch| store.commit(batch).unwrap());
}

/// Number, place and words of each event.
fn facts(events: &[Event]) -> Vec<(u64, u32, String)> {
    events.iter().map(|e| (e.seq.0, e.epoch.0, e.body.words().to_string())).collect()
}

/// All numbers are there, no epoch falls, and nothing was said twice.
fn assert_whole(log: &Log) {
    let mut said = HashSet::new();
    for (room, events) in log {
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event.seq.0, index as u64 + 1, "a gap in {room}");
            assert!(said.insert(event.body.words().to_string()), "said twice: {event:?}");
        }
        assert!(events.is_sorted_by_key(|event| event.epoch), "an epoch fell in {room}");
    }
}

#[test]
fn a_backup_under_load_holds_all_that_was_acknowledged_before_it_began() {
    let seed = std::env::var("HUBBUB_BACKUP_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let home = tempfile::tempdir().unwrap();
    let (data, other) = (home.path().join("data"), home.path().join("other"));
    let file = home.path().join("all.backup");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("hubbub.toml"), SETTINGS).unwrap();
    fill(&data);
    let serve = Serve::new(&data);
    let address: SocketAddr = serve.address.parse().unwrap();
    let (shared, rooms) = (Shared::default(), rooms());
    *shared.address.lock().unwrap() = Some(address);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let talkers: Vec<_> = (0..TALKERS)
            .map(|n| {
                let (shared, rooms) = (&shared, &rooms);
                scope.spawn(move || talk(shared, &format!("t{n}"), rooms, seed ^ n as u64))
            })
            .collect();
        shared.wait_acknowledged(WARM);
        // What is acknowledged by now stands in the log by now.
        let (before, _) = read_log(address, &rooms);
        let count = shared.acknowledged.load(Ordering::SeqCst);
        println!("{:.0} messages a second", count as f64 / began.elapsed().as_secs_f64());
        let making = Instant::now();

        let made: Value =
            serde_json::from_str(&printed(&data, &["backup", text(&file), "--json"])).unwrap();
        assert_eq!(made["files"][0], "hubbub.toml");
        let during = shared.acknowledged.load(Ordering::SeqCst);
        println!("{} messages while it was made, in {:?}", during - count, making.elapsed());
        shared.wait_acknowledged(during + MORE);

        // The server is lost; another one takes its place.
        *shared.address.lock().unwrap() = None;
        serve.process.kill();
        let output = on(&other, &["restore", text(&file), "--json"]);
        assert!(output.status.success(), "{output:?}");
        let restored: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(restored["messages"], made["messages"]);
        let again = Serve::at(&address.to_string(), &other);
        let (log, epoch) = read_log(address, &rooms);
        assert!(epoch > made["epoch"].as_u64().unwrap() + 1024);
        assert_whole(&log);
        let kept: usize = log.values().map(Vec::len).sum();
        assert_eq!(made["messages"].as_u64().unwrap(), OLD + kept as u64);
        for (room, events) in &before {
            let prefix = &log[room][..events.len()];
            assert_eq!(facts(prefix), facts(events), "{room} lost what it had");
        }

        // Those who know more than it begin anew, and say again what was not acknowledged.
        *shared.address.lock().unwrap() = Some(address);
        shared.wait_acknowledged(shared.acknowledged.load(Ordering::SeqCst) + MORE);
        shared.finish.store(true, Ordering::SeqCst);
        let reports: Vec<_> = talkers.into_iter().map(|talker| talker.join().unwrap()).collect();
        let (after, _) = read_log(address, &rooms);
        assert_whole(&after);
        let said: HashSet<_> = after
            .values()
            .flatten()
            .filter(|event| u64::from(event.epoch.0) >= epoch)
            .map(|event| event.body.words().to_string())
            .collect();
        for report in &reports {
            assert!(report.resets > 0, "{} knows more than the backup", report.name);
            assert_eq!((report.violations, report.unanswered), (0, 0), "{}", report.name);
            assert!(report.refused.is_empty(), "{:?}", report.refused.first());
            let new = report.acknowledged.iter().filter(|(.., at)| u64::from(at.epoch.0) >= epoch);
            for (words, ..) in new {
                assert!(said.contains(words), "{words} was acknowledged by the new server");
            }
        }
        drop(again);
    });
}

/// A server with some messages, killed.
fn killed(data: &Path, count: u64, length: usize) -> Log {
    let serve = Serve::with("127.0.0.1:0", data, &[]);
    let room = &rooms()[..1];
    let address = serve.address.parse().unwrap();
    let mut raw = Raw::connect(address, "ann", Instance([7; 16]), room);
    for counter in 1..=count {
        let text = format!("{counter} {}", "x".repeat(length));
        let sent =
            raw.ask(json!({"cmd": "send", "room": "work", "text": text, "counter": counter}));
        assert_eq!(sent["ev"], "sent", "{sent}");
    }
    let (log, _) = read_log(address, room);
    serve.process.kill();
    log
}

#[test]
fn a_folder_whose_server_was_killed_is_backed_up_with_its_log_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let log = killed(&data, 50, 10);
    let read = |name: &str| fs::read(data.join(name)).unwrap();
    let before = (read("hubbub.db"), read("hubbub.db-wal"));
    assert!(!before.1.is_empty(), "all is in the log");
    let told = printed(&data, &["backup", text(home.path())]);
    assert!(told.contains("messages    50"), "{told}");
    assert!(told.contains("tls/authority.key") && told.contains("let nobody"), "{told}");
    assert_eq!((read("hubbub.db"), read("hubbub.db-wal")), before);
    let names = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = names.into_iter().find(|path| path.extension().is_some_and(|e| e == "backup"));
    let file = file.expect("a name was made up in the folder");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // Onto the folder itself.
    let output = on(&data, &["restore", text(&file), "--replace"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("before-restore-"), "{told}");
    let serve = Serve::new(&data);
    let (after, _) = read_log(serve.address.parse().unwrap(), &rooms()[..1]);
    assert_eq!(
        after.values().map(|events| facts(events)).collect::<Vec<_>>(),
        log.values().map(|events| facts(events)).collect::<Vec<_>>()
    );
    // A server that runs is in the way, whatever is said.
    let output = on(&data, &["restore", text(&file), "--replace"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn nothing_is_left_of_a_backup_on_a_full_disk() {
    let script = "mount -t tmpfs -o size=1m none /tmp";
    let can = Command::new("unshare").args(["-rm", "sh", "-c", script]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("no mounts here");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (data, small) = (home.path().join("data"), home.path().join("small"));
    fs::create_dir(&small).unwrap();
    killed(&data, 400, 4_000);
    let file = small.join("a.backup");
    let backup = hubbub(&["backup", text(&file), "--data", text(&data)]);
    let script = format!(
        "mount -t tmpfs -o size=1m none '{0}' && touch '{0}/mine' && \"$0\" \"$@\"; echo $?; ls -A '{0}'",
        text(&small)
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script]).arg(backup.get_program()).args(backup.get_args());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\nmine\n", "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the disk is full") && told.contains("a.backup"), "{told}");
}

#[test]
fn what_is_refused_is_said_and_touches_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("a.backup"));
    killed(&data, 3, 10);
    printed(&data, &["backup", text(&file)]);
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(words), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{output:?}");
    };
    let (data, name) = (text(&data), text(&file));
    let whole = fs::read(&file).unwrap();
    refused(&["backup", name, "--data", data], 2, "--force");
    assert_eq!(fs::read(&file).unwrap(), whole);
    assert!(run(&["backup", name, "--data", data, "--force"]).status.success());
    refused(&["backup", "-", "--data", data], 2, "stdout");
    refused(&["backup", "x", "--data", &format!("{data}-not")], 2, "no data");
    refused(&["restore", name, "--data", data], 2, "--replace");
    refused(&["restore", &format!("{name}-not"), "--data", data], 2, "no file");
    refused(&["restore", &format!("{data}/hubbub.db"), "--check"], 1, "hubbub backup");
    let new = home.path().join("new");
    let mut flipped = fs::read(&file).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&file, &flipped).unwrap();
    refused(&["restore", name, "--check"], 1, "have changed");
    refused(&["restore", name, "--data", text(&new)], 1, "have changed");
    fs::write(&file, &flipped[..middle]).unwrap();
    refused(&["restore", name, "--data", text(&new)], 1, "its end is missing");
    assert!(!new.exists());
}

#[test]
fn whoever_stops_a_backup_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    killed(&data, 400, 4_000);
    let target = home.path().join("target");
    fs::create_dir(&target).unwrap();
    let mut backup = Running::start(hubbub(&["backup", text(&target), "--data", text(&data)]));
    backup.signal("INT");
    let status = backup.wait();
    let names = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    // It may be through before it hears; or hear before it listens.
    match status.code() {
        Some(0) => assert!(names.len() == 1 && names[0].ends_with(".backup"), "{names:?}"),
        _ => assert!(names.is_empty(), "{names:?}"),
    }
}

//! `hubbub export` and `hubbub import` as an operator and scripts see them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Epoch, Event, Note, Reaction, RoomChange, RoomId, RoomName, RoomSettings, Said,
    Seq, Text, UserId, UserName, WallMs,
};
use hubbub_store::Store;
use hubbub_store::sqlite::{SqliteConfig, SqliteStore};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Serve, code, run, send, tail};

/// 2023-11-14 22:13:20 in UTC.
const TIME: u64 = 1_700_000_000_000;
const SECRET: &str = "deleted-secret-word";

/// Runs a command on this folder.
fn on(data: &Path, arguments: &[&str]) -> std::process::Output {
    run(&[arguments, &["--data", data.to_str().unwrap()]].concat())
}

/// What it prints, having succeeded in silence.
fn printed(data: &Path, arguments: &[&str]) -> String {
    let output = on(data, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn exported(data: &Path, room: &str, format: &str) -> String {
    printed(data, &["export", room, "--format", format])
}

/// The text of a room, without its head and without the times.
fn said_in(data: &Path, room: &str) -> Vec<String> {
    let text = exported(data, room, "text");
    let lines = text.lines().skip_while(|line| line.starts_with("--"));
    lines.map(|line| line.split_once("] ").map_or(line, |(_, rest)| rest).to_owned()).collect()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Exit code 2 with a text that has these words in it.
fn usage(data: &Path, arguments: &[&str], words: &[&str]) {
    let (exit, text) = code(&on(data, arguments));
    assert_eq!(exit, Some(2), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?}: {word}: {text}");
    }
}

// ---- a store without a server

fn text(words: &str) -> Body {
    Body::text(Text::parse(words).unwrap())
}

fn react(of: u64, on: bool) -> Body {
    Body::React { of: Seq(of), reaction: Reaction::parse("+1").unwrap(), on }
}

/// A room called `work` in which this happened, a minute apart; each by its name.
fn fill(data: &Path, happened: &[(&str, Body)]) {
    let config = SqliteConfig::new(data.join("hubbub.db"));
    let mut store = SqliteStore::open(config).unwrap();
    let epoch = store.raise_epoch().unwrap();
    let room = |id, kind| {
        Record::Room(RoomRecord {
            id: RoomId(id),
            kind,
            retention: Retention::Forever,
            created: WallMs(TIME),
            settings: RoomSettings::default(),
        })
    };
    let sides = [UserId(1), UserId(2)];
    let mut batch = vec![
        room(9, RoomKind::Named(RoomName::parse("work").unwrap())),
        room(10, RoomKind::Private { sides, open: true }),
        event(10, epoch, 1, "ann", text("between us")),
    ];
    for (at, (name, body)) in happened.iter().enumerate() {
        batch.push(event(9, epoch, at as u64 + 1, name, body.clone()));
    }
    store.commit(&batch).unwrap();
}

fn event(room: u64, epoch: Epoch, seq: u64, name: &str, body: Body) -> Record {
    let name = UserName::known(name).unwrap();
    let from = Author { id: UserId(u64::from(name.as_str().as_bytes()[0])), name };
    let time = WallMs(TIME + seq * 60_000);
    let event = Event { room: RoomId(room), epoch, seq: Seq(seq), time, from, body };
    Record::Event { event: Arc::new(event), send: None }
}

/// Some of everything that a store does something with.
fn lively() -> Vec<(&'static str, Body)> {
    let reply = Said { reply: Some(Seq(1)), ..Said::from(Text::parse("hi ann").unwrap()) };
    let new = |words| Some(Text::parse(words).unwrap());
    vec![
        ("ann", text("hello")),
        ("bob", Body::Text(reply)),
        ("bob", text(SECRET)),
        ("bob", Body::Edit { of: Seq(3), text: new(&format!("still {SECRET}")) }),
        ("bob", Body::Delete { of: Seq(3) }),
        ("ann", text("wrogn")),
        ("ann", Body::Edit { of: Seq(6), text: new("right") }),
        ("bob", react(1, true)),
        ("eve", react(1, true)),
        ("eve", react(1, false)),
        ("ann", Body::action(Text::parse("waves").unwrap())),
        ("ann", Body::Changed(RoomChange::Topic { topic: Note::parse("tea").ok() })),
    ]
}

#[test]
fn an_export_shows_how_a_room_is_now_and_nothing_that_was_deleted() {
    let data = tempfile::tempdir().unwrap();
    fill(data.path(), &lively());
    assert_eq!(
        said_in(data.path(), "work"),
        [
            "<ann> hello",
            "    +1 1 (bob)",
            "<bob> (to ann) hi ann",
            "<bob> (deleted)",
            "<ann> right (edited)",
            "* ann waves",
            "-- ann set the topic: tea",
        ]
    );
    let lines = json_lines(&exported(data.path(), "work", "jsonl"));
    assert_eq!(lines[0]["hubbub_export"], 1);
    assert_eq!((&lines[0]["room"], &lines[0]["to"]), (&"work".into(), &12.into()));
    assert_eq!(lines.len(), 13, "a line for each event");
    assert_eq!(lines[1]["reactions"][0]["users"], json!([{"id": 98, "name": "bob"}]));
    let page = exported(data.path(), "work", "html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("href=\"#e1\"") && page.contains("right"), "{page}");
    for format in ["text", "jsonl", "html"] {
        let shown = exported(data.path(), "work", format);
        assert!(!shown.contains(SECRET) && !shown.contains("wrogn"), "{format}: {shown}");
        assert!(!shown.contains("between us"), "{format}: {shown}");
    }
}

#[test]
fn part_of_a_room_is_exported_by_its_time() {
    let data = tempfile::tempdir().unwrap();
    let happened: Vec<_> = (1..=9).map(|_| ("ann", text("hello"))).collect();
    fill(data.path(), &happened);
    let arguments =
        ["export", "work", "--since", "2023-11-14T22:15:00", "--until", "2023-11-14T22:18:00"];
    let shown = printed(data.path(), &arguments);
    let times: Vec<_> = shown.lines().skip(1).map(|line| &line[12..17]).collect();
    assert_eq!(times, ["22:15", "22:16", "22:17"]);
    let day = printed(data.path(), &["export", "work", "--until", "2023-11-14"]);
    assert_eq!(day.lines().count(), 10, "a day with all of its hours: {day}");
    let none = printed(data.path(), &["export", "work", "--until", "2023-11-13"]);
    assert_eq!(none.lines().count(), 1, "{none}");
}

#[test]
fn a_file_is_written_whole_and_nothing_is_replaced_by_mistake() {
    let data = tempfile::tempdir().unwrap();
    fill(data.path(), &[("ann", text("hello"))]);
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("work.txt");
    let path = file.to_str().unwrap();
    let export = ["export", "work", "-o", path];
    assert_eq!(printed(data.path(), &export), "");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.ends_with("<ann> hello\n"), "{written}");
    std::fs::write(&file, "mine").unwrap();
    usage(data.path(), &export, &[path, "--force"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(printed(data.path(), &[&export[..], &["--force"]].concat()), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_no_room_is_not_exported() {
    let data = tempfile::tempdir().unwrap();
    usage(data.path(), &["export", "work"], &["--data"]);
    fill(data.path(), &[("ann", text("hello"))]);
    usage(data.path(), &["export", "@ann"], &["private"]);
    usage(data.path(), &["export", "work", "--format", "pdf"], &["jsonl"]);
    let (exit, said) = code(&on(data.path(), &["export", "wrok"]));
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("wrok") && said.contains("room list"), "{said}");
    // In any case.
    assert_eq!(said_in(data.path(), "WORK"), ["<ann> hello"]);
}

#[test]
fn whoever_reads_only_the_beginning_is_no_error() {
    let data = tempfile::tempdir().unwrap();
    let happened: Vec<_> = (1..=3000).map(|n| ("ann", text(&format!("n{n}")))).collect();
    fill(data.path(), &happened);
    let mut command = support::hubbub(&["export", "work", "--data", data.path().to_str().unwrap()]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn a_room_is_exported_while_the_server_runs() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    send(&serve.address, "work", "one");
    assert_eq!(said_in(data.path(), "work"), ["<ann> one"]);
    send(&serve.address, "work", "two");
    assert_eq!(said_in(data.path(), "work"), ["<ann> one", "<ann> two"]);
}

// ---- import: what the user can put right

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn what_is_no_import_is_the_users_to_put_right() {
    let data = tempfile::tempdir().unwrap();
    let path = file(data.path(), "log", "no log of anybody\n");
    let path = path.to_str().unwrap();
    usage(data.path(), &["import", path], &["--room"]);
    usage(data.path(), &["import", path, "--room", "two words"], &[]);
    usage(data.path(), &["import", path, "--room", "work", "--tz", "Nowhere/Town"], &["Europe"]);
    usage(data.path(), &["import", path, "--room", "work", "--limit", "0"], &[]);
    usage(data.path(), &["import", path, "--room", "work"], &["--from"]);
    for from in ["weechat", "irssi"] {
        usage(data.path(), &["import", path, "--room", "work", "--from", from], &["--from"]);
    }
    usage(data.path(), &["import", path, "--room", "w", "--from", "mattermost"], &["Mattermost"]);
    usage(data.path(), &["import", "/nowhere/file", "--room", "work"], &["/nowhere/file"]);
    usage(data.path(), &["import", "/", "--room", "work"], &["folder"]);
    // The file is fine; the folder is not.
    let log = file(data.path(), "good", "2026-11-20 14:03:00\tann\thello\n");
    let import = ["import", log.to_str().unwrap(), "--room", "work", "--from", "weechat"];
    usage(data.path(), &import, &["--data"]);
}

// ---- with the hub

fn import(data: &Path, file: &Path, more: &[&str]) -> String {
    printed(data, &[&["import", file.to_str().unwrap()], more].concat())
}

/// The events that say something, as they are compared: without their place, and by their words.
fn compared(data: &Path, room: &str) -> Vec<Value> {
    let lines = json_lines(&exported(data, room, "jsonl"));
    let (mut shown, mut words) = (Vec::new(), std::collections::HashMap::new());
    for line in &lines[1..] {
        let mut users: Vec<_> = line["reactions"].as_array().into_iter().flatten().collect();
        users.sort_by_key(|entry| entry["reaction"].to_string());
        let reactions: Vec<_> =
            users.iter().map(|entry| (&entry["reaction"], &entry["count"])).collect();
        if let Some(text) = line["text"].as_str().filter(|_| line["kind"] != "edit") {
            words.insert(line["seq"].to_string(), text);
            let answered = line["reply"].as_u64().map(|seq| words[&seq.to_string()]);
            shown.push(json!([
                line["time"],
                line["from"]["name"],
                line["kind"],
                text,
                answered,
                reactions
            ]));
        }
    }
    shown
}

#[test]
fn an_export_comes_back_as_what_it_was() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(from.path(), &lively());
    let path = file(from.path(), "work.jsonl", exported(from.path(), "work", "jsonl"));
    let serve = Serve::new(to.path());
    send(&serve.address, "other", "so that there is something");
    let report = import(to.path(), &path, &["--room", "again"]);
    assert!(report.starts_with("Imported into again: 4 messages, 1 of them"), "{report}");
    assert!(report.contains("3 reactions"), "{report}");
    assert!(report.contains("1 deleted message left out"), "{report}");
    let again = compared(to.path(), "again");
    assert_eq!(again, compared(from.path(), "work"));
    assert_eq!(again.len(), 4, "{again:?}");
    // And once more, without a server.
    assert_eq!(serve.stop().code(), Some(0));
    import(to.path(), &path, &["--room", "offline"]);
    assert_eq!(compared(to.path(), "offline"), again);
    let serve = Serve::new(to.path());
    let mut tail = tail(&serve.address, &["--room", "offline"]);
    tail.out.until("<ann> hello");
    tail.out.until("* ann waves");
    tail.signal("TERM");
    assert!(tail.wait().success());
}

#[test]
fn reactions_of_several_people_of_elsewhere_are_counted_apart() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let happened = [("ann", text("hello")), ("bob", react(1, true)), ("eve", react(1, true))];
    fill(from.path(), &happened);
    let path = file(from.path(), "work.jsonl", exported(from.path(), "work", "jsonl"));
    let _serve = Serve::new(to.path());
    import(to.path(), &path, &["--room", "work"]);
    assert_eq!(said_in(to.path(), "work"), ["<ann> hello", "    +1 2 (bob, eve)"]);
}

#[test]
fn a_long_file_goes_in_batches_and_in_parts() {
    let data = tempfile::tempdir().unwrap();
    let mut log = String::new();
    for n in 1..=250 {
        writeln!(log, "2026-11-20 14:{:02}:{:02}\tann\tn{n}", n / 60, n % 60).unwrap();
    }
    let path = file(data.path(), "log", log);
    let serve = Serve::new(data.path());
    let options = ["--room", "work", "--from", "weechat"];
    let first = [&options[..], &["--limit", "120"]].concat();
    let report = import(data.path(), &path, &first);
    assert!(report.contains("120 messages"), "{report}");
    assert_eq!(said_in(data.path(), "work").len(), 120);
    assert_eq!(serve.stop().code(), Some(0));
    import(data.path(), &path, &[&options[..], &["--skip", "120"]].concat());
    let expected: Vec<_> = (1..=250).map(|n| format!("<ann> n{n}")).collect();
    assert_eq!(said_in(data.path(), "work"), expected);
}

#[test]
fn ctrl_c_leaves_whole_batches_and_says_how_to_go_on() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    send(&serve.address, "other", "so that there is something");
    // A file that goes on for as long as somebody writes.
    let path = data.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (folder, from) = (data.path().to_str().unwrap(), path.to_str().unwrap());
    let options = ["--room", "work", "--from", "weechat", "--data", folder];
    let command = support::hubbub(&[&["import", from], &options[..]].concat());
    let mut import = support::Running::start(command);
    let mut pipe = std::fs::File::options().write(true).open(&path).unwrap();
    let line = b"2026-11-20 14:03:00\tann\thello\n";
    pipe.write_all(&line.repeat(150)).unwrap();
    let until = std::time::Instant::now() + support::LIMIT;
    while on(data.path(), &["export", "work"]).status.code() != Some(0) {
        assert!(std::time::Instant::now() < until, "no batch comes");
    }
    import.signal("INT");
    // It looks for that between what it reads.
    while pipe.write_all(&line.repeat(10)).is_ok() {}
    assert_eq!(import.wait().code(), Some(1));
    let said = import.err.until("--skip");
    let skip: usize = said.rsplit(' ').next().unwrap().parse().unwrap();
    let kept = said_in(data.path(), "work").len();
    assert_eq!((kept, kept % 100), (skip, 0), "{said}");
    assert!(import.out.until("Imported into work").contains(&format!("{kept} messages")));
}

#[test]
fn who_tries_first_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    fill(data.path(), &[("ann", text("hello"))]);
    let log = "2026-11-20 14:03:00\tann smith\thello\n2026-11-20 14:04:00\t-->\teve has joined\n";
    let path = file(data.path(), "log", log);
    let options = ["--from", "weechat", "--dry-run"];
    let report = import(data.path(), &path, &[&["--room", "work"], &options[..]].concat());
    for wanted in [
        "The room work has 1 events, and keeps everything.",
        "Would import into work: 1 message,",
        "\"ann smith\" is ann_smith",
        "1 notice left out",
    ] {
        assert!(report.contains(wanted), "{wanted}: {report}");
    }
    assert_eq!(said_in(data.path(), "work"), ["<ann> hello"]);
    let report = import(data.path(), &path, &[&["--room", "new"], &options[..]].concat());
    assert!(report.contains("The room new would be made."), "{report}");
    assert_eq!(on(data.path(), &["export", "new"]).status.code(), Some(1));
}

#[test]
fn nothing_is_imported_while_somebody_is_in_the_room() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    send(&serve.address, "work", "before");
    let mut tail = tail(&serve.address, &["--room", "work"]);
    tail.out.until("<ann> before");
    let path = file(data.path(), "log", "2026-11-20 14:03:00\tann\thello\n");
    let arguments = ["import", path.to_str().unwrap(), "--room", "work", "--from", "weechat"];
    let output = on(data.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("work") && said.contains("nothing was imported"), "{said}");
    assert_eq!(said_in(data.path(), "work"), ["<ann> before"]);
    tail.signal("TERM");
    assert!(tail.wait().success());
}

#[test]
fn logs_of_irc_clients_are_imported_in_their_time_zone() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let weechat = b"2026-11-20 14:03:00\t@ann\tcaf\xe9\n2026-11-20 14:04:00\t *\tann waves\n";
    let path = file(data.path(), "weechat", weechat);
    let options = ["--room", "work", "--from", "weechat", "--tz", "Europe/Berlin"];
    let report = import(data.path(), &path, &options);
    assert!(report.contains("1 line not in UTF-8"), "{report}");
    let irssi = "--- Log opened Sat Nov 21 08:00:00 2026\n08:01 <@bob> hello\n\
                 08:02 -!- eve has joined\n08:03 <7up> hi\n";
    let path = file(data.path(), "irssi", irssi);
    import(data.path(), &path, &["--room", "work", "--from", "irssi"]);
    let shown = exported(data.path(), "work", "text");
    let lines: Vec<_> = shown.lines().skip_while(|line| line.starts_with("--")).collect();
    assert_eq!(
        lines,
        [
            "[2026-11-20 13:03] <ann> caf\u{fffd}",
            "[2026-11-20 13:04] * ann waves",
            "[2026-11-21 08:01] <bob> hello",
            "[2026-11-21 08:03] <up> hi",
        ]
    );
    drop(serve);
}

#[test]
fn a_mattermost_export_is_imported_in_the_order_of_time() {
    let data = tempfile::tempdir().unwrap();
    let _serve = Serve::new(data.path());
    let export = r#"{"type":"version","version":1}
{"type":"post","post":{"team":"crew","channel":"town","user":"bob","message":"second","create_at":1700000002000,"reactions":null,"replies":[]}}
{"type":"post","post":{"team":"crew","channel":"town","user":"ann","message":"first","create_at":1700000001000,"reactions":[{"user":"bob","emoji_name":"tada","create_at":1700000004000}],"replies":[{"user":"eve","message":"answer","create_at":1700000003000}]}}
{"type":"post","post":{"team":"crew","channel":"off","user":"bob","message":"elsewhere","create_at":1700000001500}}
{"type":"direct_post","direct_post":{"channel_members":["ann","bob"],"user":"ann","message":"between us","create_at":1}}
"#;
    let path = file(data.path(), "import.jsonl", export);
    let options = ["--room", "town", "--from", "mattermost"];
    let arguments = [&["import", path.to_str().unwrap()], &options[..]].concat();
    usage(data.path(), &arguments, &["crew/town", "crew/off", "--channel"]);
    import(data.path(), &path, &[&options[..], &["--channel", "town"]].concat());
    assert_eq!(
        said_in(data.path(), "town"),
        ["<ann> first", "    🎉 1 (bob)", "<bob> second", "<eve> (to ann) answer"]
    );
}

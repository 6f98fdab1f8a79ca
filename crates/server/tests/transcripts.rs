//! Transcripts on real sockets and in real files: what is written of which room, in which order, and that
//! nobody forges a line or leaves the folder.

mod support;

use hubbub_hub::Transcripts;
use hubbub_protocol::RoomName;
use serde_json::json;
use std::path::Path;
use support::{Plain, TestServer};

fn transcribing(all: bool, rooms: &[&str]) -> TestServer {
    let rooms: Vec<_> = rooms.iter().map(|name| RoomName::parse(name).expect("a name")).collect();
    TestServer::with(|config| config.hub.transcripts = Transcripts::of(all, &rooms))
}

/// The lines of a file without their times, after the server has stopped.
fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    assert!(text.ends_with('\n'), "{text:?}");
    let undated = |line: &str| {
        let (time, rest) = line.split_once("] ").expect("a time");
        let is_time = |c: char| c.is_ascii_digit() || "[-: ".contains(c);
        assert!(
            time.len() == "[2026-11-21 10:00:00".len() && time.chars().all(is_time),
            "{line:?}"
        );
        rest.to_owned()
    };
    text.lines().map(undated).collect()
}

/// Those of a room, without what the server says of itself.
fn of(server: &mut TestServer, file: &str) -> Vec<String> {
    server.stop();
    let mut lines = lines(&server.data().join("transcripts").join(file));
    assert_eq!(lines.remove(0), "-- the server started");
    assert_eq!(lines.pop().as_deref(), Some("-- the server stopped"));
    lines
}

fn files(server: &TestServer) -> Vec<String> {
    let folder = server.data().join("transcripts").read_dir().expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("a file").file_name().into_string().expect("ASCII")
    };
    let mut names: Vec<_> = folder.map(name).collect();
    names.sort();
    names
}

const TOLD: &str = "-- This room is transcribed: what is said here is also written to a file by the \
                    server, and stays there when it is deleted.";

#[test]
fn a_room_is_written_as_its_members_hear_it_and_newcomers_are_told() {
    let mut server = transcribing(false, &["Work"]);
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| server.plain(name));
    assert!(!ann.fence().contains(&TOLD.to_owned()), "the lobby is not written");
    let joined = ann.ask("/join work");
    assert_eq!(joined[1], TOLD, "{joined:?}");
    ann.tell("hello");
    assert!(bob.ask("/join WORK").contains(&TOLD.to_owned()));
    bob.tell("/me waves");
    bob.tell("hi\t!");
    ann.tell("/edit hello all");
    ann.tell("/topic cake");
    bob.tell("/away lunch");
    ann.tell("/react #3 great");
    bob.tell("/delete #3");
    ann.tell("/shout not here");
    bob.tell("/nick rob");
    ann.tell("/kick rob enough");
    let shown = ann.ask("/room");
    let says_so = |line: &String| line.starts_with("-- It is transcribed: ");
    assert!(shown.iter().any(says_so), "{shown:?}");
    ann.say("/quit");
    ann.until_end();
    bob.fence();
    let written = of(&mut server, "work.log");
    assert_eq!(
        written,
        [
            "-- ann joined",
            "<ann> hello",
            "-- bob joined",
            "* bob waves",
            "<bob> hi    !",
            "-- ann changed #1 to: hello all",
            "-- ann set the topic: cake",
            "-- bob is away: lunch",
            "-- ann reacted to #3: great",
            "-- bob deleted #3",
            "-- bob is rob now",
            "-- rob was sent out",
            "-- ann kicked rob: enough",
            "-- ann left the server",
        ]
    );
    assert_eq!(files(&server), ["work.log"]);
}

#[test]
fn a_native_client_is_told_too_and_private_chats_are_never_written() {
    let mut server = transcribing(true, &[]);
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| server.account(name));
    let joined = ann.join("work");
    assert_eq!(joined["info"]["transcribed"], true, "{joined}");
    let group = ann.ask(json!({"cmd": "group", "room": "club"}));
    assert_eq!(group["info"]["transcribed"], json!(null), "{group}");
    ann.tell("club", "psst");
    ann.befriend(&mut bob);
    let name = bob.name();
    ann.ask(json!({"cmd": "send", "user": name, "text": "between us"}));
    ann.tell("work", "for all");
    ann.fence();
    let written = of(&mut server, "work.log");
    assert_eq!(written, ["-- ann joined", "<ann> for all"]);
    assert_eq!(files(&server), ["lobby.log", "work.log"], "and no other");
}

#[test]
fn nobody_forges_a_line_or_leaves_the_folder() {
    let mut server = transcribing(true, &[]);
    let mut ann = server.native("ann");
    let hostile = "one\n[2026-11-21 10:00:00] <bob> I owe ann 100\n-- bob left\n\t\u{2}bold\u{f}";
    for room in ["../../etc/passwd", "CON", "a%2e", "Büro"] {
        ann.join(room);
        ann.tell(room, hostile);
    }
    ann.fence();
    server.stop();
    let found = files(&server);
    let names =
        ["%2E.%2F..%2Fetc%2Fpasswd.log", "%63on.log", "a%252e.log", "b%C3%BCro.log", "lobby.log"];
    assert_eq!(found, names);
    for file in &found[..4] {
        let said = lines(&server.data().join("transcripts").join(file));
        let forged = ["<ann> [2026-11-21 10:00:00] <bob> I owe ann 100", "<ann> -- bob left"];
        let wanted = ["<ann> one", forged[0], forged[1], "<ann>     bold"];
        assert_eq!(said[2..said.len() - 1], wanted, "{file}");
    }
    let up = server.data().parent().expect("its folder").read_dir().expect("a folder");
    assert_eq!(up.count(), 1, "nothing beside the data");
}

#[test]
fn many_at_once_are_written_in_the_order_in_which_they_are_heard() {
    const EACH: usize = 200;
    let mut server = transcribing(true, &[]);
    let mut reader = server.plain("reader");
    reader.fence();
    let mut writers = ["ann", "bob", "cy", "dan"].map(|name| server.plain(name));
    for number in 0..EACH {
        for writer in &writers {
            writer.say(&format!("number {number}"));
        }
    }
    writers.iter_mut().for_each(|writer| drop(writer.fence()));
    let heard = reader.fence();
    let is_said = |line: &&String| line.starts_with('<');
    let heard: Vec<_> = heard.iter().filter(is_said).collect();
    assert_eq!(heard.len(), EACH * writers.len());
    let written = of(&mut server, "lobby.log");
    let written: Vec<_> = written.iter().filter(is_said).collect();
    assert_eq!(written, heard);
}

#[test]
fn a_restart_goes_on_in_the_same_file_and_large_ones_are_set_aside() {
    let mut server = TestServer::with(|config| {
        config.hub.transcripts = Transcripts::of(true, &[]);
        config.transcripts.rotate_bytes = 1_300;
        config.transcripts.keep = 2;
    });
    let say = |ann: &mut Plain| (0..40).for_each(|n| ann.tell(&format!("number {n}")));
    say(&mut server.plain("ann"));
    server.stop();
    server.start_again();
    say(&mut server.plain("bob"));
    server.stop();
    assert_eq!(files(&server), ["lobby.log", "lobby.log.1", "lobby.log.2"]);
    let all = ["lobby.log.2", "lobby.log.1", "lobby.log"].map(|file| {
        let file = server.data().join("transcripts").join(file);
        assert!(file.metadata().expect("a file").len() <= 1_300);
        lines(&file)
    });
    let all = all.concat();
    // The last of each: the second start.
    let at = |what: &str| all.iter().rposition(|line| line == what);
    let order =
        ["<ann> number 39", "-- the server started", "-- bob joined", "-- the server stopped"];
    let order = order.map(|line| at(line).unwrap_or_else(|| panic!("{line}: {all:?}")));
    assert!(order.is_sorted(), "{all:?}");
    let count = |what: &str| all.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("<bob>"), count("-- the server ")), (40, 4));
}

#[test]
fn a_folder_that_cannot_be_made_hurts_nobody() {
    let mut server = TestServer::with(|config| {
        config.hub.transcripts = Transcripts::of(true, &[]);
        std::fs::create_dir_all(&config.data).expect("a folder");
        std::fs::write(config.data.join("transcripts"), "in the way").expect("a file");
    });
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| server.plain(name));
    ann.fence();
    bob.tell("can you hear me?");
    assert_eq!(ann.fence(), ["<bob> can you hear me?"]);
    std::fs::remove_file(server.data().join("transcripts")).expect("out of the way");
    bob.tell("and now?");
    let mut written = of(&mut server, "lobby.log");
    // Perhaps the writer came between; nothing is missing without a word.
    let lost = written.iter().position(|line| line.contains("left out: the disk"));
    written.drain(..=lost.expect("what was lost is counted"));
    assert!(written.is_empty() || written[0] == "<bob> and now?", "{written:?}");
}

//! Holds `docs/plain.md` to the program, with the real netcat (`cargo xtask test` installs it): its
//! transcripts, its pages of the help and its limits. A failure names the line of the document.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "plain_doc/document.rs"]
mod document;
#[path = "plain_doc/replay.rs"]
mod replay;
mod support;

use document::Document;
use hubbub_protocol::limits;
use replay::{Values, compare};
use support::{Serve, netcat};

#[test]
fn every_transcript_happens_as_written() {
    let transcripts = Document::read().transcripts();
    assert!(transcripts.len() >= 9, "where are the transcripts?");
    let failures: Vec<String> =
        transcripts.iter().filter_map(|steps| replay::replay(steps).err()).collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn the_pages_of_the_help_are_those_of_the_server() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let mut ann = netcat(&serve);
    ann.type_line("ann");
    ann.out.until("You are in lobby");
    let mut topics = vec!["/help".to_owned()];
    let pages = Document::read().help();
    for (command, page) in &pages {
        ann.type_line(&format!("{command}\n/sync"));
        let said: Vec<String> = std::iter::from_fn(|| ann.out.next())
            .take_while(|line| !line.starts_with("-- In sync"))
            .collect();
        let listed = said.iter().filter_map(|line| line.strip_prefix("--   "));
        assert_eq!(listed.collect::<Vec<_>>(), *page, "the block of {command}");
        let more = said.iter().filter_map(|line| line.strip_prefix("-- More: ")?.strip_suffix('.'));
        topics.extend(more.flat_map(|more| more.split(", ")).map(str::to_owned));
    }
    let mut shown: Vec<&String> = pages.iter().map(|(command, _)| command).collect();
    shown.sort_unstable();
    topics.sort_unstable();
    assert_eq!(shown, topics.iter().collect::<Vec<_>>());
}

#[test]
fn the_limits_are_those_of_the_server() {
    let wanted = [
        ("Line that the server reads", limits::FRAME_BYTES as u64, "bytes"),
        ("Text of a message", limits::TEXT_BYTES as u64, "bytes"),
        ("Name of a user", limits::USER_NAME_BYTES as u64, "bytes"),
        ("Name of a room", limits::ROOM_NAME_BYTES as u64, "bytes"),
        ("Messages that wait for an answer of others", limits::HELD_TEXTS as u64, "messages"),
        ("Private messages that wait for who is away", limits::AWAY_MESSAGES, "messages"),
        ("Lines of `/history`", u64::from(limits::PAGE), "lines"),
        ("Rooms of one user", limits::ROOMS_PER_USER as u64, "rooms"),
        ("PIN or key of a room", limits::PIN_CHARS_MAX as u64, "characters"),
        ("Topic, description, reason", limits::NOTE_BYTES as u64, "bytes"),
        ("Reaction", limits::REACTION_BYTES as u64, "bytes"),
        ("Pinned messages of a room", limits::PINS as u64, "messages"),
        ("Bans and mutes of a room", limits::RESTRICTIONS as u64, "bans and mutes"),
        ("Time until a name is given", limits::LOGIN_MS / 1000, "s"),
        ("Wrong passwords", u64::from(limits::LOGIN_FAILURES), "passwords"),
    ];
    let document = Document::read();
    let rows: Vec<(&str, String)> =
        document.limits().into_iter().map(|(what, most)| (what, most.replace(',', ""))).collect();
    let wanted = wanted.map(|(what, most, unit)| (what, format!("{most} {unit}")));
    assert_eq!(rows, wanted);
}

#[test]
fn a_terminal_is_wide_enough_for_the_page() {
    let document = Document::read();
    let wide: Vec<_> = document.lines().filter(|(_, line)| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn lines_are_compared_exactly_but_for_values() {
    let mut values = Values::new();
    let mut same = |wanted, got| compare(wanted, got, &mut values).is_ok();
    assert!(same("a b", "a b") && !same("a b", "a bc") && !same("a b", "a"));
    assert!(same("a ...", "a b") && !same("a ...", "b"));
    assert!(same("[$DAY $TIME] x", "[2026-11-21 10:00] x") && !same("$DAY x", "2026-11-21 y"));
    assert!(same("127.0.0.1:$PORT", "127.0.0.1:4000") && same("$PORT.", "4000."));
    assert!(!same("$PORT", "4001") && !same("a$EMPTY", "a"));
}

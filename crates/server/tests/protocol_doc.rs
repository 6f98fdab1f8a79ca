//! Holds `docs/protocol.md` to the program: its tables to the JSON Schema, the codes and the limits,
//! and its transcripts to a real server. A failure names the line of the document.

#[path = "protocol_doc/document.rs"]
mod document;
#[path = "protocol_doc/replay.rs"]
mod replay;
#[path = "protocol_doc/schema.rs"]
mod schema;

use document::Document;
use hubbub_protocol::{CloseCode, ErrorCode, NextStep, limits};
use replay::Server;
use schema::{CLIENT, Direction, Fields, SERVER, Schema, TypeForm};
use std::collections::BTreeSet;

#[test]
fn every_transcript_happens_as_written() {
    let (document, schema) = (Document::read(), Schema::new());
    let transcripts = document.transcripts();
    assert!(transcripts.len() >= 10, "where are the transcripts?");
    let failures: Vec<String> =
        transcripts.iter().filter_map(|steps| replay::replay(steps, &schema).err()).collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn the_frames_are_those_of_the_schema() {
    check_frames("Frames of the client", CLIENT, "Every client frame");
    check_frames("Frames of the server", SERVER, "Every server frame");
}

fn check_frames(part: &str, direction: Direction, common: &str) {
    let (document, schema) = (Document::read(), Schema::new());
    let mut written = document.headings(part);
    assert_eq!(written.remove(0), common, "the first heading of {part:?}");
    let frames = schema.frames(direction);
    let known: Vec<String> = frames.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(written, known, "the headings of {part:?} and the frames");
    compare_fields(&document, part, common, &schema.common(direction));
    for (name, fields) in &frames {
        compare_fields(&document, part, name, fields);
    }
}

fn compare_fields(document: &Document, part: &str, heading: &str, known: &Fields) {
    let mut left = known.clone();
    for row in document.table(part, Some(heading)) {
        let [field, kind, given, meaning] = row.cells() else {
            panic!("{row}: a field has four columns");
        };
        let Some(known) = left.remove(field) else {
            panic!("{row}: {heading} has no field {field:?}, or it stands here twice");
        };
        assert_eq!((kind, given), (&known.kind, &known.given), "{row}: type and given");
        assert!(meaning.len() > 3, "{row}: what does it mean?");
    }
    let left: Vec<_> = left.keys().collect();
    assert!(left.is_empty(), "{part}, {heading}: the document lacks the fields {left:?}");
}

#[test]
fn the_types_are_those_of_the_schema() {
    let (document, schema) = (Document::read(), Schema::new());
    let mut headings: BTreeSet<String> = document.headings("Types").into_iter().collect();
    let mut scalars = document.pairs("Types", None);
    for (name, form) in schema.types() {
        // These have tables of their own, which are compared with the program below.
        if ["error_code", "close_code", "next_step"].contains(&name.as_str()) {
            continue;
        }
        if let TypeForm::Scalar(json) = form {
            assert_eq!(scalars.remove(&name), Some(json), "the type {name} in the table of types");
            continue;
        }
        assert!(headings.remove(&name), "the document lacks the type {name}");
        match form {
            TypeForm::Object(fields) => compare_fields(&document, "Types", &name, &fields),
            TypeForm::OneOf(values) => {
                let written = document.first_cells("Types", Some(&name));
                assert_eq!(written, values, "the values of {name}");
            }
            TypeForm::Scalar(_) => {}
        }
    }
    assert!(headings.is_empty(), "no frame has the types {headings:?}");
    assert!(scalars.is_empty(), "no frame has the types {scalars:?}");
}

fn word(next: NextStep) -> String {
    let word = serde_json::to_value(next).expect("a word");
    word.as_str().expect("a word").to_owned()
}

#[test]
fn the_codes_are_those_of_the_program() {
    let document = Document::read();
    let codes = |part: &str| -> Vec<(String, String)> {
        let rows = document.table(part, None);
        rows.iter().map(|row| (row.cells()[0].clone(), row.cells()[1].clone())).collect()
    };
    let errors: Vec<_> =
        ErrorCode::ALL.iter().map(|code| (code.code().to_owned(), word(code.next()))).collect();
    assert_eq!(codes("Error codes"), errors);
    let closes: Vec<_> =
        CloseCode::ALL.iter().map(|code| (code.code().to_owned(), word(code.next()))).collect();
    assert_eq!(codes("Close codes"), closes);

    let steps = document.table("Next steps", None);
    let written: Vec<&String> = steps.iter().map(|row| &row.cells()[0]).collect();
    let known = Schema::new().types().remove("next_step");
    let Some(TypeForm::OneOf(known)) = known else { panic!("next_step is an enumeration") };
    assert_eq!(written, known.iter().collect::<Vec<_>>());
    for row in &steps {
        for (cell, codes) in [(&row.cells()[1], &errors), (&row.cells()[2], &closes)] {
            let occurs = codes.iter().any(|(_, next)| *next == row.cells()[0]);
            assert_eq!(cell != "Does not occur.", occurs, "{row}");
        }
    }
}

/// The rows of the table of limits: the constant in `limits.rs`, how the row begins, value, unit.
const LIMITS: &[(&str, &str, u64, &str)] = &[
    ("FRAME_BYTES", "Frame", limits::FRAME_BYTES as u64, "bytes"),
    ("TEXT_BYTES", "Text", limits::TEXT_BYTES as u64, "bytes"),
    ("TEXT_LINES", "Lines in a text", limits::TEXT_LINES as u64, "lines"),
    ("USER_NAME_BYTES", "User name", limits::USER_NAME_BYTES as u64, "bytes"),
    ("ROOM_NAME_BYTES", "Room name", limits::ROOM_NAME_BYTES as u64, "bytes"),
    (
        "SENDS_IN_FLIGHT",
        "Sends under way of one connection",
        limits::SENDS_IN_FLIGHT as u64,
        "sends",
    ),
    (
        "INSTANCE_WINDOW",
        "Accepted sends remembered of one instance",
        limits::INSTANCE_WINDOW,
        "sends",
    ),
    ("COUNTER_MAX", "Largest counter", limits::COUNTER_MAX, ""),
    ("PAGE", "Events or entries in one page", limits::PAGE as u64, "entries"),
    ("ROOMS_PER_USER", "Rooms of one user", limits::ROOMS_PER_USER as u64, "rooms"),
    ("PRIVATES_PER_USER", "Private chats of one user", limits::PRIVATES_PER_USER as u64, "chats"),
    ("ROOMS", "Rooms and private chats of one server", limits::ROOMS as u64, "rooms"),
    ("VERSIONS_OFFERED", "Versions in one `hello`", limits::VERSIONS_OFFERED as u64, "versions"),
    (
        "PRESENCE_MEMBERS",
        "Members of a room whose coming and going is told",
        limits::PRESENCE_MEMBERS as u64,
        "members",
    ),
    ("PRESENCE_COUNT_MS", "Between two `count` of one room", limits::PRESENCE_COUNT_MS, "ms"),
    (
        "EMPTY_ROOM_MS",
        "Life of an empty room in which nothing is kept",
        limits::EMPTY_ROOM_MS,
        "ms",
    ),
    ("RESUME_HOLD_MS", "Hold of a lost user", limits::RESUME_HOLD_MS, "ms"),
    ("LOGIN_MS", "Time until an accepted `hello`", limits::LOGIN_MS, "ms"),
    ("SNIFF_MS", "Silence at the beginning of a connection", limits::SNIFF_MS, "ms"),
    (
        "OUTBOX_BYTES",
        "Bytes that wait for a client to read them",
        limits::OUTBOX_BYTES as u64,
        "bytes",
    ),
    (
        "OUTBOX_FRAMES",
        "Frames that wait for a client to read them",
        limits::OUTBOX_FRAMES as u64,
        "frames",
    ),
    (
        "OUTBOX_AGE_MS",
        "Time in which a client takes none of what waits",
        limits::OUTBOX_AGE_MS,
        "ms",
    ),
    (
        "OUTBOXES_BYTES",
        "Bytes that wait for all clients together",
        limits::OUTBOXES_BYTES as u64,
        "bytes",
    ),
    (
        "COMMIT_BYTES",
        "Bytes of texts that wait for the store",
        limits::COMMIT_BYTES as u64,
        "bytes",
    ),
    ("PASSWORD_CHARS", "Shortest new password", limits::PASSWORD_CHARS as u64, "characters"),
    ("PASSWORD_BYTES", "Password", limits::PASSWORD_BYTES as u64, "bytes"),
    (
        "LOGIN_FAILURES",
        "Wrong passwords on one connection",
        limits::LOGIN_FAILURES as u64,
        "passwords",
    ),
    (
        "PASSWORDS_WAITING",
        "Passwords that wait to be checked",
        limits::PASSWORDS_WAITING as u64,
        "passwords",
    ),
    ("LOGINS_PER_USER", "Logins of one account", limits::LOGINS_PER_USER as u64, "logins"),
    ("LOGIN_UNUSED_MS", "Life of a login that nobody uses", limits::LOGIN_UNUSED_MS, "ms"),
    ("ACCOUNTS", "Accounts of one server", limits::ACCOUNTS as u64, "accounts"),
    (
        "REQUESTS_BY_USER",
        "Questions and invitations of one user that wait",
        limits::REQUESTS_BY_USER as u64,
        "requests",
    ),
    (
        "REQUESTS_TO_USER",
        "Questions and invitations that wait for one user",
        limits::REQUESTS_TO_USER as u64,
        "requests",
    ),
    ("REQUEST_MS", "Life of a question or invitation", limits::REQUEST_MS, "ms"),
    ("BLOCKS_PER_USER", "Users that one blocks", limits::BLOCKS_PER_USER as u64, "users"),
    ("GROUP_MEMBERS", "Members of a group", limits::GROUP_MEMBERS as u64, "members"),
    ("DRAFTS_PER_USER", "Drafts of one account", limits::DRAFTS_PER_USER as u64, "drafts"),
    (
        "AWAY_MESSAGES",
        "Messages that wait for an account that is away",
        limits::AWAY_MESSAGES,
        "messages",
    ),
];

/// Constants of `limits.rs` that no client of this door can notice.
const INTERNAL: &[&str] = &[
    "INSTANCES",
    "PACED_BYTES",
    "CATCH_UP_TAIL",
    "CATCH_UP_TAIL_BYTES",
    "HELD_TEXTS",
    "INVITES",
    "AUDIT_MS",
    "AUDIT_WAITING",
];

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The row that has no constant in `limits.rs`; a test of its own tries it.
const BAD_LINES: &str = "Bad lines in a row";

#[test]
fn the_limits_are_those_of_the_program() {
    let source = include_str!("../../protocol/src/limits.rs");
    let constants: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    let listed = LIMITS.iter().map(|limit| limit.0).chain(INTERNAL.iter().copied());
    assert_eq!(listed.collect::<BTreeSet<&str>>(), constants, "limits.rs has other constants");

    let mut written = Document::read().pairs("Limits", None);
    assert!(written.remove(BAD_LINES).is_some());
    for (name, label, value, unit) in LIMITS {
        let value = quantity(*value, unit);
        assert_eq!(written.remove(*label), Some(value), "{name}: the row {label:?}");
    }
    assert!(written.is_empty(), "limits without a constant: {written:?}");
}

/// A value as the document writes it: `65,536 bytes`, `90 s`, `7 days`.
fn quantity(value: u64, unit: &str) -> String {
    if unit == "ms" && value.is_multiple_of(DAY_MS) {
        return format!("{} days", grouped(value / DAY_MS));
    }
    if unit == "ms" && value.is_multiple_of(1000) {
        return format!("{} s", grouped(value / 1000));
    }
    format!("{} {unit}", grouped(value)).trim_end().to_owned()
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number before one of these words is a limit.
const UNITS: &[&str] = &[
    "bytes",
    "KiB",
    "MiB",
    "s",
    "ms",
    "days",
    "members",
    "lines",
    "characters",
    "logins",
    "messages",
    "requests",
];

#[test]
fn the_numbers_in_sentences_are_those_of_the_program() {
    let document = Document::read();
    let sentences = document.sentences();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (_, _, value, unit) in LIMITS {
        known.insert(quantity(*value, unit));
        for (size, name) in [(1 << 10, "KiB"), (1 << 20, "MiB")] {
            if *unit == "bytes" && value % size == 0 {
                known.insert(format!("{} {name}", value / size));
            }
        }
    }
    // The size of a client instance, and for how long its sends are remembered over a restart.
    known.extend(["16 bytes".into(), "30 days".into()]);
    let mut found = 0;
    for (line, text) in &sentences {
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|w| w.trim_matches(['(', ')', '.', ',', ';', ':']))
            .collect();
        for pair in words.windows(2) {
            let number =
                pair[0].chars().all(|c| c.is_ascii_digit() || c == ',') && !pair[0].is_empty();
            if number && UNITS.contains(&pair[1]) {
                let quantity = pair.join(" ");
                found += 1;
                assert!(
                    known.contains(&quantity),
                    "docs/protocol.md:{line}: no limit is {quantity}"
                );
            }
        }
    }
    assert!(found > 10, "the sentences were not read");

    let whole: Vec<&str> = sentences.iter().flat_map(|(_, text)| text.split_whitespace()).collect();
    let whole = whole.join(" ");
    for phrase in [
        format!("from 1 to 2^{} - 1", (limits::COUNTER_MAX + 1).ilog2()),
        format!("first {} of them", limits::VERSIONS_OFFERED),
        format!("the first {} count", limits::VERSIONS_OFFERED),
        format!("Up to {} sends are under way", limits::SENDS_IN_FLIGHT),
        format!("at most {} sends are unanswered", limits::SENDS_IN_FLIGHT),
        format!("the last {} accepted sends", limits::INSTANCE_WINDOW),
        format!("lies {} or more behind", limits::INSTANCE_WINDOW),
        format!(
            "1 to {} bytes of UTF-8, a room name 1 to {} bytes",
            limits::USER_NAME_BYTES,
            limits::ROOM_NAME_BYTES
        ),
        format!("at most {} lines, divided by LF", limits::TEXT_LINES),
        format!("more than {} members", limits::PRESENCE_MEMBERS),
        format!("1 to {0}; other numbers are moved into that range. {0} if", limits::PAGE),
        format!("oldest first; at most {}.", limits::PAGE),
        format!("After {} wrong passwords", limits::LOGIN_FAILURES),
    ] {
        assert!(whole.contains(&phrase), "the document no longer says {phrase:?}");
    }
}

#[test]
fn bad_lines_close_the_connection_when_the_document_says_so() {
    let document = Document::read();
    let value = document.pairs("Limits", None).remove(BAD_LINES).unwrap();
    let most: usize = value.strip_suffix(" lines").unwrap().parse().unwrap();
    let whole =
        document.sentences().iter().map(|(_, text)| text.trim()).collect::<Vec<_>>().join(" ");
    assert!(whole.contains(&format!("After {most} such lines in a row")));

    let server = Server::start();
    let mut client = server.connect();
    let mut codes = |bad_lines: usize, last: Option<&str>| {
        for n in 0..bad_lines {
            // The first byte of a connection decides its door.
            let line = if n % 2 == 0 { b"{nonsense".to_vec() } else { vec![b'{', 0xff] };
            client.send(&line);
        }
        if let Some(last) = last {
            client.send(last.as_bytes());
        }
        let answers = bad_lines + 1;
        (0..answers)
            .map(|_| client.receive().unwrap()["code"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let answers = codes(most - 1, Some("{\"cmd\":\"ping\"}\r"));
    assert_eq!(answers.last().unwrap(), "hello_first", "CR LF is a line end, and it goes on");
    assert_eq!(answers[..2], ["bad_frame", "not_utf8"]);
    let answers = codes(most, None);
    assert_eq!(answers.last().unwrap(), "protocol");
    assert!(client.has_ended());
}

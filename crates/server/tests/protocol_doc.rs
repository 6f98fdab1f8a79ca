//! Holds `docs/protocol.md` to the program: its tables to the JSON Schema, the codes and the limits,
//! and its transcripts to a real server. A failure names the line of the document.

#[path = "protocol_doc/document.rs"]
mod document;
#[path = "protocol_doc/limits.rs"]
mod limits_table;
#[path = "protocol_doc/replay.rs"]
mod replay;
#[path = "protocol_doc/schema.rs"]
mod schema;

use document::Document;
use hubbub_protocol::{CloseCode, ErrorCode, NextStep, limits};
use limits_table::{INTERNAL, LIMITS};
use replay::Server;
use schema::{Alternatives, CLIENT, Direction, Fields, SERVER, Schema, Shape, TypeForm};
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
    for (name, shape) in &frames {
        compare_shape(&document, &schema, part, name, shape);
    }
}

fn compare_shape(document: &Document, schema: &Schema, part: &str, heading: &str, shape: &Shape) {
    compare_fields(document, part, heading, &shape.fields);
    let is_written = document.table(part, Some(heading)).iter().any(|row| row.cells().len() == 5);
    match &shape.alternatives {
        Some(alternatives) if is_written => {
            compare_alternatives(document, part, heading, alternatives);
        }
        // What a type has, a frame with the same need not say again.
        Some(alternatives) => {
            let is_same = |(name, form): (String, TypeForm)| {
                name != heading
                    && matches!(form, TypeForm::Object(other) if other.alternatives.as_ref() == Some(alternatives))
            };
            let is_elsewhere = schema.types().into_iter().any(is_same);
            assert!(
                is_elsewhere,
                "{part}, {heading}: where are the fields by {:?}?",
                alternatives.tag
            );
        }
        None => assert!(!is_written, "{part}, {heading} has the same fields whatever it is"),
    }
}

/// Rows of four columns. Those of five are alternatives.
fn compare_fields(document: &Document, part: &str, heading: &str, known: &Fields) {
    let mut left = known.clone();
    for row in document.table(part, Some(heading)) {
        let [field, kind, given, meaning] = row.cells() else {
            assert_eq!(row.cells().len(), 5, "{row}: a field has four columns");
            continue;
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

fn compare_alternatives(document: &Document, part: &str, heading: &str, known: &Alternatives) {
    let mut left = known.fields.clone();
    for row in document.table(part, Some(heading)) {
        let [word, field, kind, given, meaning] = row.cells() else { continue };
        let Some(known) = left.remove(&(word.clone(), field.clone())) else {
            panic!("{row}: {word} has no field {field:?}, or it stands here twice");
        };
        assert_eq!((kind, given), (&known.kind, &known.given), "{row}: type and given");
        assert!(meaning.len() > 3, "{row}: what does it mean?");
    }
    let left: Vec<_> = left.keys().collect();
    assert!(left.is_empty(), "{part}, {heading}: the document lacks {left:?}");
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
            TypeForm::Object(shape) => compare_shape(&document, &schema, "Types", &name, &shape),
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
        format!("has at most {} different reactions", limits::REACTIONS_PER_EVENT),
        format!("of a room, at most {}.", limits::PINS),
        format!("up to {} words of 1 to {} bytes", limits::HIGHLIGHTS, limits::HIGHLIGHT_BYTES),
        format!("A PIN has {} to {} characters", limits::PIN_CHARS, limits::PIN_CHARS_MAX),
        format!(
            "A user has {} tries and an address {}",
            limits::PIN_TRIES_PER_USER,
            limits::PIN_TRIES_PER_ADDRESS
        ),
        format!("so many days: 1 to {}.", grouped(limits::RETENTION_DAYS.into())),
        format!("newest events: 1 to {}.", grouped(limits::RETENTION_MESSAGES.into())),
        format!("of them, at most {}.", limits::REACTION_NAMES),
        format!("at most {} s; 0: not at all", grouped(limits::SLOW_S.into())),
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

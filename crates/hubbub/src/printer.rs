//! How `tail` prints an event, for people and for programs. Nothing in it can be a command to the
//! terminal that shows it.

use crate::when;
use hubbub_protocol::{Body, Event, RoomName, sanitize};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes events, one flushed line at a time.
#[derive(Debug)]
pub(crate) struct Printer<W> {
    out: W,
    json: bool,
    zone: jiff::tz::TimeZone,
}

/// The line of `--json`. Documented in the help of `tail`: fields are added, never changed.
#[derive(Serialize)]
struct JsonEvent<'a> {
    room: &'a str,
    epoch: u32,
    seq: u64,
    time: u64,
    from: &'a str,
    kind: &'static str,
    text: &'a str,
}

impl<W: Write> Printer<W> {
    /// A printer for people, or for programs; `zone` is where the people are.
    pub(crate) fn new(out: W, json: bool, zone: jiff::tz::TimeZone) -> Self {
        Self { out, json, zone }
    }

    /// Prints an event of a room.
    ///
    /// # Errors
    /// Of the output; nobody reads it any more, perhaps.
    pub(crate) fn print(&mut self, room: &RoomName, event: &Event) -> io::Result<()> {
        let text = if self.json { json(room, event)? } else { self.human(event) };
        for line in text.split_inclusive('\n') {
            self.out.write_all(line.as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Every line of a longer message carries its author.
    fn human(&self, event: &Event) -> String {
        let time = when::local(event.time, &self.zone, "%H:%M");
        let name = sanitize::for_terminal_line(event.from.name.as_str());
        let text = sanitize::for_terminal(event.body.text().as_str());
        let mut lines = String::new();
        for line in text.split('\n') {
            let line = line.replace('\t', "    ");
            // Writing to a string never fails.
            let _ = match event.body {
                Body::Text { .. } => writeln!(lines, "{time} <{name}> {line}"),
                Body::Action { .. } => writeln!(lines, "{time} * {name} {line}"),
            };
        }
        lines
    }
}

fn json(room: &RoomName, event: &Event) -> io::Result<String> {
    let kind = match event.body {
        Body::Text { .. } => "text",
        Body::Action { .. } => "action",
    };
    let line = serde_json::to_string(&JsonEvent {
        room: room.as_str(),
        epoch: event.epoch.0,
        seq: event.seq.0,
        time: event.time.0,
        from: event.from.name.as_str(),
        kind,
        text: event.body.text().as_str(),
    })?;
    Ok(escape_invisible(&line) + "\n")
}

/// JSON itself escapes C0 alone. DEL, C1, bidi overrides and everything else that can't be seen
/// becomes `\uXXXX` here: the value is the same, and a terminal may show the line. They stand in
/// strings only, since all else in JSON is ASCII.
pub(crate) fn escape_invisible(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || sanitize::is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::{Author, Epoch, RoomId, Seq, Text, UserId, UserName, WallMs};

    const HOSTILE: &str = "a\u{202e}b\u{2}c\td\ne\u{200b}\u{e0041}";

    fn printed(json: bool, body: Body) -> String {
        let mut out = Vec::new();
        let event = Event {
            room: RoomId(9),
            epoch: Epoch(2),
            seq: Seq(3),
            time: WallMs(1_700_000_000_000),
            from: Author { id: UserId(5), name: UserName::parse("ann").unwrap() },
            body,
        };
        let room = RoomName::parse("lobby").unwrap();
        let mut printer = Printer::new(&mut out, json, jiff::tz::TimeZone::UTC);
        printer.print(&room, &event).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_see_a_time_an_author_and_a_text_on_every_line() {
        let text = Text::parse(HOSTILE).unwrap();
        let body = Body::Text { text: text.clone() };
        let expected = "22:13 <ann> abc    d\n22:13 <ann> e\u{200b}\u{e0041}\n";
        assert_eq!(printed(false, body), expected);
        let body = Body::Action { text };
        assert!(printed(false, body).starts_with("22:13 * ann abc"));
    }

    #[test]
    fn programs_get_the_exact_text_in_visible_characters() {
        let line = printed(true, Body::Text { text: Text::parse(HOSTILE).unwrap() });
        let shown = line.strip_suffix('\n').unwrap();
        assert!(!shown.chars().any(|c| c.is_control() || sanitize::is_invisible(c)), "{shown:?}");
        let value: serde_json::Value = serde_json::from_str(shown).unwrap();
        let expected = serde_json::json!({
            "room": "lobby", "epoch": 2, "seq": 3, "time": 1_700_000_000_000_u64,
            "from": "ann", "kind": "text", "text": HOSTILE,
        });
        assert_eq!(value, expected);
    }
}

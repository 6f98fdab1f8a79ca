//! How `tail` prints an event, for people and for programs. Nothing in it can be a command to the
//! terminal that shows it.

use crate::when;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{Body, Event, Note, RestrictionKind, RoomChange, RoomName, Said, sanitize};
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
    /// `kind`, and the fields of that kind as in the native protocol.
    #[serde(flatten)]
    body: &'a Body,
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
        let (text, lead) = match &event.body {
            Body::Text(said) => (answering(said), format!("<{name}>")),
            Body::Action(said) => (answering(said), format!("* {name}")),
            other => (notice(other, &self.zone), format!("- {name}")),
        };
        let text = sanitize::for_terminal(&text);
        let mut lines = String::new();
        for line in text.split('\n') {
            let line = line.replace('\t', "    ");
            // Writing to a string never fails.
            let _ = writeln!(lines, "{time} {lead} {line}");
        }
        lines
    }
}

/// A message, with the number of the one that it answers before it.
fn answering(said: &Said) -> String {
    match said.reply {
        Some(reply) => format!("(to {reply}) {}", said.text),
        None => said.text.to_string(),
    }
}

/// What somebody did, to be read behind their name.
fn notice(body: &Body, zone: &jiff::tz::TimeZone) -> String {
    let because = |reason: &Option<Note>| match reason {
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    };
    match body {
        Body::Text(said) | Body::Action(said) => said.text.to_string(),
        Body::Deleted { .. } => "said something that was deleted".into(),
        Body::Edit { of, text: Some(text) } => format!("edited {of}: {text}"),
        Body::Edit { of, text: None } => format!("edited {of}"),
        Body::Delete { of } => format!("deleted {of}"),
        Body::React { of, reaction, on: true } => format!("reacted to {of}: {reaction}"),
        Body::React { of, reaction, on: false } => format!("took back from {of}: {reaction}"),
        Body::Pin { of, on: true } => format!("pinned {of}"),
        Body::Pin { of, on: false } => format!("unpinned {of}"),
        Body::Changed(change) => changed(change),
        Body::Role { user, role: Some(role) } => {
            format!("gave {} the role {}", user.name, role.word())
        }
        Body::Role { user, role: None } => format!("took the role of {}", user.name),
        Body::Kicked { user, reason } => format!("sent {} out{}", user.name, because(reason)),
        Body::Restricted { what, whom, reason, until, .. } => {
            let until = match until {
                Some(until) => format!(" until {}", when::local(*until, zone, "%Y-%m-%d %H:%M")),
                None => String::new(),
            };
            let did = match what {
                RestrictionKind::Ban => "banned",
                RestrictionKind::Mute => "muted",
            };
            format!("{did} {whom}{until}{}", because(reason))
        }
        Body::Lifted { what, whom } => format!("lifted the {} of {whom}", what.word()),
    }
}

fn changed(change: &RoomChange) -> String {
    let about = |what: &str, text: &Option<Note>| match text {
        Some(text) => format!("set the {what}: {text}"),
        None => format!("removed the {what}"),
    };
    let either = |on: bool, yes: &str, no: &str| if on { yes.to_owned() } else { no.to_owned() };
    match change {
        RoomChange::Topic { topic } => about("topic", topic),
        RoomChange::Description { description } => about("description", description),
        RoomChange::InviteOnly { on } => {
            either(*on, "lets in only who is invited", "lets in who is not invited")
        }
        RoomChange::Key { on } => either(*on, "set a key", "removed the key"),
        RoomChange::Moderated { on } => {
            either(*on, "lets only who has a role speak", "lets everybody speak")
        }
        RoomChange::Secret { on } => {
            either(*on, "took the room off the lists", "put the room on the lists")
        }
        RoomChange::MemberLimit { members: Some(members) } => {
            format!("limited the room to {members} members")
        }
        RoomChange::MemberLimit { members: None } => "removed the limit of members".into(),
        RoomChange::SlowMode { seconds: 0 } => "turned slow mode off".into(),
        RoomChange::SlowMode { seconds } => {
            format!("lets everybody speak once in {seconds} s")
        }
        RoomChange::Retention { retention } => match retention {
            Retention::Forever => "lets the room keep everything".into(),
            Retention::None => "lets the room keep nothing".into(),
            Retention::Days(days) => format!("lets the room keep what was said in {days} days"),
            Retention::Messages(count) => format!("lets the room keep the last {count} events"),
        },
    }
}

fn json(room: &RoomName, event: &Event) -> io::Result<String> {
    let line = serde_json::to_string(&JsonEvent {
        room: room.as_str(),
        epoch: event.epoch.0,
        seq: event.seq.0,
        time: event.time.0,
        from: event.from.name.as_str(),
        body: &event.body,
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
    use hubbub_protocol::{
        Author, Epoch, Reaction, Role, RoomId, Seq, Text, UserId, UserName, WallMs,
    };

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
        let body = Body::text(text.clone());
        let expected = "22:13 <ann> abc    d\n22:13 <ann> e\u{200b}\u{e0041}\n";
        assert_eq!(printed(false, body), expected);
        let body = Body::action(text);
        assert!(printed(false, body).starts_with("22:13 * ann abc"));
    }

    #[test]
    fn programs_get_the_exact_text_in_visible_characters() {
        let line = printed(true, Body::text(Text::parse(HOSTILE).unwrap()));
        let shown = line.strip_suffix('\n').unwrap();
        assert!(!shown.chars().any(|c| c.is_control() || sanitize::is_invisible(c)), "{shown:?}");
        let value: serde_json::Value = serde_json::from_str(shown).unwrap();
        let expected = serde_json::json!({
            "room": "lobby", "epoch": 2, "seq": 3, "time": 1_700_000_000_000_u64,
            "from": "ann", "kind": "text", "text": HOSTILE,
        });
        assert_eq!(value, expected);
    }

    /// Scripts read these lines since the first version.
    #[test]
    fn a_plain_message_is_the_same_line_for_ever() {
        let hi = || Text::parse("hi").unwrap();
        let line = r#"{"room":"lobby","epoch":2,"seq":3,"time":1700000000000,"from":"ann","kind":"text","text":"hi"}"#;
        assert_eq!(printed(true, Body::text(hi())), format!("{line}\n"));
        let line = line.replace(r#""kind":"text""#, r#""kind":"action""#);
        assert_eq!(printed(true, Body::action(hi())), format!("{line}\n"));
        assert_eq!(printed(false, Body::text(hi())), "22:13 <ann> hi\n");
        assert_eq!(printed(false, Body::action(hi())), "22:13 * ann hi\n");
    }

    #[test]
    fn what_is_done_is_a_line_behind_its_doer() {
        let of = Seq(7);
        let text = |text| Text::parse(text).unwrap();
        let note = Note::parse("too \u{202e}loud").ok();
        let user = Author { id: UserId(6), name: UserName::parse("bob").unwrap() };
        let whom = "b*\n\u{1b}[2J".to_owned();
        let until = Some(WallMs(1_700_000_000_000));
        let what = RestrictionKind::Ban;
        for (body, expected) in [
            (Body::Text(Said { reply: Some(of), ..text("yes").into() }), "<ann> (to 7) yes"),
            (Body::Action(Said { reply: Some(of), ..text("nods").into() }), "* ann (to 7) nods"),
            (Body::Deleted { by: of }, "- ann said something that was deleted"),
            (Body::Edit { of, text: Some(text("a\u{202e}b")) }, "- ann edited 7: ab"),
            (Body::Edit { of, text: None }, "- ann edited 7"),
            (Body::Delete { of }, "- ann deleted 7"),
            (
                Body::React { of, reaction: Reaction::parse("+1").unwrap(), on: true },
                "- ann reacted to 7: +1",
            ),
            (Body::Pin { of, on: false }, "- ann unpinned 7"),
            (
                Body::Changed(RoomChange::Topic { topic: note.clone() }),
                "- ann set the topic: too loud",
            ),
            (Body::Changed(RoomChange::SlowMode { seconds: 0 }), "- ann turned slow mode off"),
            (
                Body::Role { user: user.clone(), role: Some(Role::Operator) },
                "- ann gave bob the role operator",
            ),
            (Body::Kicked { user, reason: note.clone() }, "- ann sent bob out (too loud)"),
            (
                Body::Restricted { what, whom: "b*".into(), user: None, reason: note, until },
                "- ann banned b* until 2023-11-14 22:13 (too loud)",
            ),
        ] {
            assert_eq!(printed(false, body.clone()), format!("22:13 {expected}\n"));
            let line = printed(true, body.clone());
            let shown = line.strip_suffix('\n').unwrap();
            assert!(!shown.chars().any(|c| c.is_control() || sanitize::is_invisible(c)));
            assert_eq!(serde_json::from_str::<Body>(shown).unwrap(), body, "all of it");
        }
        let lines = printed(false, Body::Lifted { what, whom });
        assert_eq!(lines, "22:13 - ann lifted the ban of b*\n22:13 - ann [2J\n");
    }
}

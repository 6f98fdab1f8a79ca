//! `hubbub room`: the rooms of a server, and who keeps order there.

use crate::cli::RoomCommand;
use crate::end::{self, End};
use crate::{operator, when};
use hubbub_protocol::frame::{Retention, RoomSort};
use hubbub_protocol::record::{RoomKind, StoredRoom};
use hubbub_protocol::{Note, RoomName, WallMs, sanitize};
use hubbub_server::admin::AdminRequest;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// The line of `room list --json`. Documented in its help: fields are added, never changed.
#[derive(Serialize)]
struct JsonRoom<'a> {
    room: &'a RoomName,
    kind: RoomSort,
    retention: Retention,
    events: u64,
    created: WallMs,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a Note>,
}

/// The last line of `room list --json`.
#[derive(Serialize)]
struct JsonPrivate {
    private_chats: usize,
}

pub(crate) fn run(command: RoomCommand) -> Result<ExitCode, Box<dyn Error>> {
    end::code(room(command))
}

fn room(command: RoomCommand) -> Result<(), End> {
    match command {
        RoomCommand::Role { room, name, role, data } => {
            let request = AdminRequest::RoleSet { room, name, role: role.into() };
            operator::order(data.as_deref(), &request)
        }
        RoomCommand::List { json, data } => {
            let mut reader = operator::reader(data.as_deref())?;
            let rooms = reader.rooms();
            let rooms =
                rooms.map_err(|error| End::Failed(format!("can't read the rooms: {error}")))?;
            let mut out = io::stdout().lock();
            if json {
                lines(&mut out, &rooms)
            } else {
                table(&mut out, &rooms, &TimeZone::system())
            }
        }
    }
}

/// The name and the sort of a room; a private chat has none.
pub(crate) fn named(kind: &RoomKind) -> Option<(&RoomName, RoomSort)> {
    match kind {
        RoomKind::Named(name) => Some((name, RoomSort::Room)),
        RoomKind::Group { name, .. } => Some((name, RoomSort::Group)),
        RoomKind::Pin { name, .. } => Some((name, RoomSort::Pin)),
        RoomKind::Private { .. } => None,
    }
}

/// What is there of a room's log. What went in between is not counted out.
fn events(room: &StoredRoom) -> u64 {
    room.head_seq.0.saturating_sub(room.floor.0)
}

/// What a room keeps, in a few words.
pub(crate) fn keeps(retention: Retention) -> String {
    match retention {
        Retention::Forever => "everything".into(),
        Retention::None => "nothing".into(),
        Retention::Days(1) => "1 day".into(),
        Retention::Days(days) => format!("{days} days"),
        Retention::Messages(1) => "1 event".into(),
        Retention::Messages(events) => format!("{events} events"),
    }
}

/// The rooms with a name, by name, and how many private chats there are.
fn sorted(rooms: &[StoredRoom]) -> (Vec<(&RoomName, RoomSort, &StoredRoom)>, usize) {
    let mut shown: Vec<_> = rooms
        .iter()
        .filter_map(|room| named(&room.record.kind).map(|(name, sort)| (name, sort, room)))
        .collect();
    shown.sort_by_cached_key(|(name, _, room)| (name.fold(), room.record.id));
    let private = rooms.len() - shown.len();
    (shown, private)
}

fn lines(out: &mut impl Write, rooms: &[StoredRoom]) -> Result<(), End> {
    let (shown, private_chats) = sorted(rooms);
    for (name, kind, room) in shown {
        let line = JsonRoom {
            room: name,
            kind,
            retention: room.record.retention,
            events: events(room),
            created: room.record.created,
            topic: room.record.settings.topic.as_ref(),
        };
        operator::json_line(out, &line)?;
    }
    operator::json_line(out, &JsonPrivate { private_chats })
}

fn table(out: &mut impl Write, rooms: &[StoredRoom], zone: &TimeZone) -> Result<(), End> {
    let (shown, private) = sorted(rooms);
    if !shown.is_empty() {
        writeln!(
            out,
            "{:<24}  {:<5}  {:<14}  {:>9}  {:<16}  TOPIC",
            "ROOM", "KIND", "KEEPS", "EVENTS", "MADE"
        )?;
    }
    for (name, sort, room) in shown {
        let sort = match sort {
            RoomSort::Room => "room",
            RoomSort::Group => "group",
            RoomSort::Pin => "PIN",
        };
        let name = sanitize::for_terminal_line(name.as_str());
        let topic = room.record.settings.topic.as_ref().map_or("", Note::as_str);
        let line = format!(
            "{name:<24}  {sort:<5}  {:<14}  {:>9}  {}  {}",
            keeps(room.record.retention),
            events(room),
            when::local(room.record.created, zone, "%Y-%m-%d %H:%M"),
            sanitize::for_terminal_line(topic)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    match private {
        0 => Ok(()),
        1 => Ok(writeln!(out, "And 1 private chat.")?),
        many => Ok(writeln!(out, "And {many} private chats.")?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::record::RoomRecord;
    use hubbub_protocol::{Epoch, RoomId, RoomSettings, SecretDigest, Seq, UserId};

    fn stored(id: u64, kind: RoomKind, retention: Retention, topic: &str) -> StoredRoom {
        let settings = RoomSettings { topic: Note::parse(topic).ok(), ..RoomSettings::default() };
        let created = WallMs(1_700_000_000_000);
        let record = RoomRecord { id: RoomId(id), kind, retention, created, settings };
        StoredRoom { record, head_epoch: Epoch(1), head_seq: Seq(120), floor: Seq(20) }
    }

    fn rooms() -> Vec<StoredRoom> {
        let name = |name| RoomName::known(name).unwrap();
        let pin = SecretDigest([0xab; 32]);
        let sides = [UserId(77), UserId(78)];
        vec![
            stored(1, RoomKind::Named(name("lobby")), Retention::Forever, "for \u{202e}all"),
            stored(2, RoomKind::Pin { name: name("Work~3f2a"), pin }, Retention::Days(7), ""),
            stored(3, RoomKind::Private { sides, open: true }, Retention::Forever, ""),
            stored(
                4,
                RoomKind::Group { name: name("builds"), owner: UserId(77) },
                Retention::Messages(500),
                "",
            ),
        ]
    }

    #[test]
    fn people_see_the_rooms_by_name_and_private_chats_only_counted() {
        let mut out = Vec::new();
        table(&mut out, &rooms(), &TimeZone::UTC).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ROOM                      KIND   KEEPS              EVENTS  MADE              TOPIC\n\
             builds                    group  500 events            100  2023-11-14 22:13\n\
             lobby                     room   everything            100  2023-11-14 22:13  for all\n\
             Work~3f2a                 PIN    7 days                100  2023-11-14 22:13\n\
             And 1 private chat.\n"
        );
        let mut out = Vec::new();
        table(&mut out, &[], &TimeZone::UTC).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn programs_see_the_same_and_no_secret() {
        let mut out = Vec::new();
        lines(&mut out, &rooms()).unwrap();
        let text = String::from_utf8(out).unwrap();
        let read: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), 4, "{text}");
        assert_eq!(
            read[2],
            serde_json::json!({"room": "Work~3f2a", "kind": "pin", "retention": {"days": 7},
                "events": 100, "created": 1_700_000_000_000_u64})
        );
        assert_eq!(read[1]["topic"], "for \u{202e}all");
        assert_eq!(read[3], serde_json::json!({"private_chats": 1}));
        assert!(!text.contains("77") && !text.contains("171") && !text.contains('\u{202e}'));
    }
}

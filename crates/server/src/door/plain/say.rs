//! How the plain door says things. Everything that goes out passes `sanitize`: the reader's terminal
//! is on the other side.

use hubbub_hub::Delivery;
use hubbub_protocol::frame::{MemberChange, Retention, RoomEntry};
use hubbub_protocol::{
    Author, Body, Event, RoomAddress, RoomName, Seq, UserId, UserName, WallMs, sanitize,
};
use hubbub_store::HistoryPage;
use std::fmt::Write as _;

/// A delivery as lines. Every line of a longer message carries its author. `me`: who hears it,
/// where that makes a difference.
pub fn delivery(delivery: &Delivery, in_focus: bool, me: Option<UserId>, out: &mut Vec<u8>) {
    let mut text = String::new();
    match delivery {
        Delivery::Message { address: RoomAddress::User(to), event } => {
            message(&private(event, me, Some(to)), event, &mut text);
        }
        Delivery::Message { address: RoomAddress::Room(room), event } => {
            message(&prefix(room, in_focus), event, &mut text);
        }
        Delivery::Member { room, user, change, .. } => {
            let what = match change {
                MemberChange::Joined => "joined",
                MemberChange::Left => "left",
                MemberChange::Quit => "left the server",
                MemberChange::Lost => "lost the connection",
                MemberChange::Owner => "is the owner of this group now",
            };
            let _ = writeln!(text, "{}-- {} {what}", prefix(room, in_focus), user.name);
        }
        Delivery::Renamed { room, user, old } => {
            let _ = writeln!(text, "{}-- {old} is {} now", prefix(room, in_focus), user.name);
        }
        // People would not call the number of others news.
        Delivery::Count { .. } => {}
    }
    out.extend_from_slice(text.as_bytes());
}

/// What marks a private message. One's own, of another session, say to whom they went.
fn private(event: &Event, me: Option<UserId>, to: Option<&UserName>) -> String {
    match to {
        Some(to) if me == Some(event.from.id) => format!("[private to {to}] "),
        _ => "[private] ".into(),
    }
}

/// A private message that came while the account was away.
pub(super) fn missed(
    event: &Event,
    me: Option<UserId>,
    other: Option<&UserName>,
    out: &mut String,
) {
    let mark = private(event, me, other);
    message(&format!("{mark}[{}] ", when(event.time)), event, out);
}

fn prefix(room: &RoomName, in_focus: bool) -> String {
    if in_focus { String::new() } else { format!("[{room}] ") }
}

fn message(prefix: &str, event: &Event, out: &mut String) {
    let name: &UserName = &event.from.name;
    let text = sanitize::for_terminal(event.body.text().as_str());
    for line in text.split('\n') {
        let line = line.replace('\t', "    ");
        let _ = match event.body {
            Body::Text { .. } => writeln!(out, "{prefix}<{name}> {line}"),
            Body::Action { .. } => writeln!(out, "{prefix}* {name} {line}"),
        };
    }
}

pub(super) fn joined(
    room: &RoomName,
    head: Seq,
    retention: Retention,
    members: u32,
    created: bool,
) -> String {
    let company = match members {
        _ if created => "a new room, and you are alone in it".into(),
        0 | 1 => "you are alone here".into(),
        2 => "one other is here".into(),
        more => format!("{} others are here", more - 1),
    };
    let history = match retention {
        Retention::None => " It keeps no history.",
        Retention::Forever if head > Seq(0) => " /history shows what was said before.",
        Retention::Forever => "",
    };
    format!("-- You are in {room}: {company}.{history}\n")
}

pub(super) fn group_made(room: &RoomName) -> String {
    format!(
        "-- You are in {room}: a new group, and you are alone in it. /invite NAME brings others.\n"
    )
}

pub(super) fn gone(room: &RoomName, had_focus: bool, now_in: Option<&RoomName>) -> String {
    let now = match now_in {
        _ if !had_focus => String::new(),
        Some(now_in) => format!(" You are in {now_in} now."),
        None => " You are in no room now. /join ROOM to go to one.".into(),
    };
    format!("-- You left {room} elsewhere, or it is no more.{now}\n")
}

pub(super) fn left(room: &RoomName, now_in: Option<&RoomName>) -> String {
    match now_in {
        Some(now_in) => format!("-- You left {room} and are in {now_in} now.\n"),
        None => format!("-- You left {room} and are in no room now. /join ROOM to go to one.\n"),
    }
}

pub(super) fn rooms(rooms: &[RoomEntry], continues: bool, out: &mut String) {
    if !continues {
        out.push_str("-- Rooms:\n");
    }
    for RoomEntry { room, members, retention } in rooms {
        let people = if *members == 1 { "1 person".into() } else { format!("{members} people") };
        let note = if *retention == Retention::None { ", no history" } else { "" };
        let _ = writeln!(out, "--   {room}  ({people}{note})");
    }
    if rooms.is_empty() && !continues {
        out.push_str("--   none yet. /join ROOM makes one.\n");
    }
}

pub(super) fn people(
    title: &str,
    people: &[Author],
    count: u32,
    continues: bool,
    out: &mut String,
) {
    if !continues {
        let _ = writeln!(out, "-- {title} ({count}):");
    }
    wrapped(people.iter().map(|person| person.name.as_str()), out);
}

/// Words with commas, in lines that fit on a terminal.
pub(super) fn wrapped<'a>(words: impl Iterator<Item = &'a str>, out: &mut String) {
    const WIDTH: usize = 72;
    let mut line = String::new();
    for name in words {
        if !line.is_empty() && line.chars().count() + 2 + name.chars().count() > WIDTH {
            let _ = writeln!(out, "--   {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(name);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "--   {line}");
    }
}

pub(super) fn history(page: &HistoryPage, out: &mut String) {
    if page.events.is_empty() {
        out.push_str("-- Nothing was said here yet.\n");
        return;
    }
    for event in &page.events {
        message(&format!("[{}] ", when(event.time)), event, out);
    }
    let end = if page.more { "-- There is more before that.\n" } else { "-- That was all.\n" };
    out.push_str(end);
}

/// A time by the server's clock and zone.
pub(super) fn when(time: WallMs) -> String {
    let time = i64::try_from(time.0).ok();
    let time = time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

pub(super) fn time_now() -> String {
    format!(
        "-- The server's clock says {}.\n",
        jiff::Zoned::now().strftime("%A, %Y-%m-%d %H:%M:%S %Z")
    )
}

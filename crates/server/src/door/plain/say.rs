//! How the plain door says things. Everything that goes out passes `sanitize`: the reader's terminal
//! is on the other side.

pub(super) mod acts;
mod log;
pub(super) mod room;

pub(super) use log::{found, history};

use hubbub_hub::Delivery;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::{Event, Note, RoomAddress, RoomName, UserId, UserName, WallMs, sanitize};
use std::fmt::Write as _;

/// A delivery as lines. Every line of a longer message carries its author. `me`: who hears it,
/// where that makes a difference.
pub fn delivery(delivery: &Delivery, in_focus: bool, me: Option<UserId>, out: &mut Vec<u8>) {
    let mut text = String::new();
    match delivery {
        Delivery::Message { address: RoomAddress::User(to), event } => {
            log::event(&private(event, me, Some(to)), event, &mut text);
        }
        Delivery::Message { address: RoomAddress::Room(room), .. }
        | Delivery::Member { room, .. }
        | Delivery::Renamed { room, .. }
        | Delivery::Away { room, .. } => in_room(&prefix(room, in_focus), delivery, &mut text),
        // People would not call the number of others news.
        Delivery::Count { .. } | Delivery::Typing { .. } => {}
    }
    out.extend_from_slice(text.as_bytes());
}

/// What happened in a room, as lines behind a prefix. Nothing of what isn't news, or private.
pub(crate) fn in_room(prefix: &str, delivery: &Delivery, out: &mut String) {
    match delivery {
        Delivery::Message { address: RoomAddress::Room(_), event } => {
            log::event(prefix, event, out)
        }
        Delivery::Member { user, change, .. } => {
            let what = match change {
                MemberChange::Joined => "joined",
                MemberChange::Left => "left",
                MemberChange::Quit => "left the server",
                MemberChange::Lost => "lost the connection",
                MemberChange::Owner => "is the owner of this group now",
                MemberChange::Kicked => "was sent out",
            };
            let _ = writeln!(out, "{prefix}-- {} {what}", user.name);
        }
        Delivery::Renamed { user, old, .. } => {
            let _ = writeln!(out, "{prefix}-- {old} is {} now", user.name);
        }
        Delivery::Away { user, note, .. } => {
            let _ = writeln!(out, "{prefix}-- {} is {}", user.name, away(note.as_ref()));
        }
        Delivery::Message { address: RoomAddress::User(_), .. }
        | Delivery::Count { .. }
        | Delivery::Typing { .. } => {}
    }
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
    log::event(&format!("{mark}[{}] ", when(event.time)), event, out);
}

fn prefix(room: &RoomName, in_focus: bool) -> String {
    if in_focus { String::new() } else { format!("[{room}] ") }
}

/// Behind "ann is".
fn away(note: Option<&Note>) -> String {
    match note.map(Note::as_str) {
        None => "back".into(),
        Some(room::AWAY) => room::AWAY.into(),
        Some(why) => format!("{}: {}", room::AWAY, sanitize::for_terminal_line(why)),
    }
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

/// Somebody sent the user out of a room. `had_focus`: what was typed went there.
pub(super) fn kicked(
    room: &RoomName,
    by: &UserName,
    reason: Option<&Note>,
    banned: bool,
    had_focus: bool,
    now_in: Option<&RoomName>,
) -> String {
    let what = if banned { "banned you from" } else { "sent you out of" };
    let mut text = match reason {
        Some(reason) => {
            format!("-- {by} {what} {room}: {}\n", sanitize::for_terminal_line(reason.as_str()))
        }
        None => format!("-- {by} {what} {room}.\n"),
    };
    if had_focus {
        text.push_str(&match now_in {
            Some(now_in) => format!("-- You are in {now_in} now.\n"),
            None => "-- You are in no room now. /join ROOM to go to one.\n".into(),
        });
    }
    text
}

pub(super) fn left(room: &RoomName, now_in: Option<&RoomName>) -> String {
    match now_in {
        Some(now_in) => format!("-- You left {room} and are in {now_in} now.\n"),
        None => format!("-- You left {room} and are in no room now. /join ROOM to go to one.\n"),
    }
}

pub(super) fn people(
    title: &str,
    people: &[String],
    count: u32,
    continues: bool,
    out: &mut String,
) {
    if !continues {
        let _ = writeln!(out, "-- {title} ({count}):");
    }
    wrapped(people.iter().map(String::as_str), out);
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

/// A time by the server's clock and zone.
pub(crate) fn when(time: WallMs) -> String {
    local(time, "%Y-%m-%d %H:%M")
}

/// The same, with seconds.
pub(crate) fn when_exactly(time: WallMs) -> String {
    local(time, "%Y-%m-%d %H:%M:%S")
}

fn local(time: WallMs, format: &str) -> String {
    let time = i64::try_from(time.0).ok();
    let time = time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}

pub(super) fn time_now() -> String {
    format!(
        "-- The server's clock says {}.\n",
        jiff::Zoned::now().strftime("%A, %Y-%m-%d %H:%M:%S %Z")
    )
}

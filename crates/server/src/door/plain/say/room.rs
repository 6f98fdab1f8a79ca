//! How the plain door tells how a room is set up, and who keeps order in it.

use super::acts::{keeps, span, until};
use super::{when, wrapped};
use hubbub_protocol::frame::{
    MemberEntry, RestrictionEntry, Retention, RoleEntry, RoomEntry, RoomInfo, RoomSort, Whom,
};
use hubbub_protocol::{Note, Role, RoomName, Seq, sanitize};
use std::fmt::Write as _;

/// What whoever joined is told.
pub(crate) fn joined(
    room: &RoomName,
    head: Seq,
    retention: Retention,
    members: u32,
    created: bool,
    info: Option<&RoomInfo>,
) -> String {
    let company = match members {
        _ if created => "a new room, and you are alone in it".into(),
        0 | 1 => "you are alone here".into(),
        2 => "one other is here".into(),
        more => format!("{} others are here", more - 1),
    };
    let kept = match retention {
        Retention::Forever => String::new(),
        other => format!(" It keeps {}.", keeps(other)),
    };
    let history = match retention.keeps() && head > Seq(0) {
        true => " /history shows what was said before.",
        false => "",
    };
    let yours = created && info.is_some_and(|info| info.role == Some(Role::Owner));
    let yours = if yours { " It is yours." } else { "" };
    let mut text = format!("-- You are in {room}: {company}.{yours}{kept}{history}\n");
    let Some(info) = info else { return text };
    if info.sort == RoomSort::Pin {
        text.push_str("-- Name and PIN lead here. The server can read this room.\n");
    }
    for (what, note) in [("Topic", &info.topic), ("This room is for", &info.description)] {
        if let Some(note) = note {
            let _ = writeln!(text, "-- {what}: {}", line(note));
        }
    }
    if info.transcribed {
        let _ = writeln!(text, "-- This room is transcribed: {TRANSCRIBED}.");
    }
    let notes = if created { Vec::new() } else { manners(info) };
    if !notes.is_empty() {
        let _ = writeln!(text, "-- {}", notes.join(" "));
    }
    text
}

/// What that means for whoever speaks there.
const TRANSCRIBED: &str =
    "what is said here is also written to a file by the server, and stays there when it is deleted";

/// What somebody minds who speaks in a room, and what one may do there.
fn manners(info: &RoomInfo) -> Vec<String> {
    let mut notes = Vec::new();
    if info.moderated {
        notes.push("Only who has a role can speak.".into());
    }
    if info.slow_s > 0 {
        let wait = span(u64::from(info.slow_s));
        notes.push(format!("Slow mode: {wait} between two messages."));
    }
    notes.extend(info.role.map(|role| match role {
        Role::Voice => "You have voice here.".into(),
        Role::Operator => "You are an operator here.".into(),
        Role::Owner => "You own this room.".into(),
    }));
    notes
}

fn line(note: &Note) -> String {
    sanitize::for_terminal_line(note.as_str()).into_owned()
}

/// The answer to `/room`.
pub(crate) fn info(room: &RoomName, info: &RoomInfo, out: &mut String) {
    let sort = match info.sort {
        RoomSort::Room => "a room",
        RoomSort::Group => "a group",
        RoomSort::Pin => "a room that is found by its name and PIN",
    };
    let _ = writeln!(out, "-- {room} is {sort}. The server can read what is said there.");
    if info.transcribed {
        let _ = writeln!(out, "-- It is transcribed: {TRANSCRIBED}.");
    }
    let join = match (info.invite_only, info.key, info.sort) {
        (true, false, _) => "who is invited",
        (true, true, _) => "who is invited and has the key",
        (false, true, _) => "who has the key",
        (false, false, RoomSort::Pin) => "who has the PIN",
        (false, false, _) => "everybody",
    };
    let limit = info.member_limit.map_or_else(String::new, |most| format!(", {most} at most"));
    let speak = if info.moderated { "who has a role" } else { "everybody who is there" };
    let slow = match info.slow_s {
        0 => String::new(),
        wait => format!(", with {} between two messages", span(u64::from(wait))),
    };
    let may = match info.role {
        Some(Role::Owner) => "own it: /help order, and /set keep is yours",
        Some(Role::Operator) => "operate it: /help order and /help room",
        Some(Role::Voice) => "have voice: you speak where only some may, without waiting",
        None if info.moderated => "can read, and speak when an operator gives you voice",
        None => "can read and speak",
    };
    let listed = if info.secret { "for those who are in it" } else { "for everybody" };
    let pinned = if info.pinned.is_empty() { "nothing".into() } else { numbers(&info.pinned) };
    let nothing = || "nothing yet".to_owned();
    for (what, how) in [
        ("topic", info.topic.as_ref().map_or_else(nothing, line)),
        ("for", info.description.as_ref().map_or_else(nothing, line)),
        ("keeps", keeps(info.retention)),
        ("joins", format!("{join}{limit}")),
        ("speaks", format!("{speak}{slow}")),
        ("listed", listed.to_owned()),
        ("pinned", pinned),
        ("made", when(info.created)),
        ("you", may.to_owned()),
    ] {
        let _ = writeln!(out, "--   {what:<8}{how}");
    }
}

/// The answer to `/pins`.
pub(crate) fn pins(room: &RoomName, info: &RoomInfo, out: &mut String) {
    if info.pinned.is_empty() {
        let _ = writeln!(out, "-- Nothing is pinned in {room}. /pin #N pins a message.");
        return;
    }
    let _ = writeln!(out, "-- Pinned in {room}; /history #N shows one:");
    let numbers: Vec<String> = info.pinned.iter().map(|seq| format!("#{seq}")).collect();
    wrapped(numbers.iter().map(String::as_str), out);
}

fn numbers(seqs: &[Seq]) -> String {
    let numbers: Vec<String> = seqs.iter().map(|seq| format!("#{seq}")).collect();
    numbers.join(", ")
}

/// The answer to `/topic` or `/describe`. `empty`: what is said where there is none.
pub(crate) fn note(what: &str, note: Option<&Note>, empty: &str) -> String {
    match note {
        Some(note) => format!("-- {what}: {}\n", line(note)),
        None => format!("-- {empty}\n"),
    }
}

/// A page of the answer to `/rooms`.
pub(crate) fn rooms(rooms: &[RoomEntry], continues: bool, out: &mut String) {
    if !continues {
        out.push_str("-- Rooms:\n");
    }
    for RoomEntry { room, members, retention, topic } in rooms {
        let people = if *members == 1 { "1 person".into() } else { format!("{members} people") };
        let note = if retention.keeps() { "" } else { ", no history" };
        let topic = topic.as_ref().map_or_else(String::new, |topic| format!("  {}", line(topic)));
        let _ = writeln!(out, "--   {room}  ({people}{note}){topic}");
    }
    if rooms.is_empty() && !continues {
        out.push_str("--   none yet. /join ROOM makes one.\n");
    }
}

/// A member with what others should know: `bob (operator, away: lunch)`.
pub(crate) fn member(member: &MemberEntry) -> String {
    let role = member.role.map(|role| role.word().to_owned());
    let away = member.away.as_ref().map(|note| match note.as_str() {
        AWAY => AWAY.to_owned(),
        _ => format!("{AWAY}: {}", line(note)),
    });
    let notes: Vec<String> = role.into_iter().chain(away).collect();
    with_notes(member.user.name.as_str(), &notes)
}

/// What somebody is who did not say why.
pub(crate) const AWAY: &str = "away";

fn with_notes(name: &str, notes: &[String]) -> String {
    if notes.is_empty() { name.to_owned() } else { format!("{name} ({})", notes.join(", ")) }
}

/// Somebody with a role.
pub(crate) fn role(entry: &RoleEntry) -> String {
    let mut notes = vec![entry.role.word().to_owned()];
    if !entry.here {
        notes.push("not here".into());
    }
    with_notes(entry.user.name.as_str(), &notes)
}

/// A ban or a mute: whom in the words with which it is lifted.
pub(crate) fn restriction(entry: &RestrictionEntry, out: &mut String) {
    let whom = match &entry.whom {
        Whom::User(whom) | Whom::Pattern(whom) | Whom::Network(whom) => whom.clone(),
        Whom::AddressOf(name) => format!("address:{name}"),
    };
    let whom = sanitize::for_terminal_line(&whom);
    let reason = entry.reason.as_ref().map_or_else(String::new, |why| format!(": {}", line(why)));
    let (by, since, until) = (&entry.by, when(entry.created), until(entry.until));
    let _ = writeln!(out, "--   {whom}  by {by}, {since}, {until}{reason}");
}

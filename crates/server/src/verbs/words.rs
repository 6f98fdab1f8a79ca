//! How answers look: lines for people, values for programs. Names and reasons are as people chose them,
//! so everything goes through `sanitize`.

use super::Answer;
use crate::door::plain::when;
use crate::metrics::{Flow, Stats};
use crate::reload::Reloaded;
use hubbub_hub::{RoomOverview, SessionOverview, UserOverview, Whom as Meant};
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::frame::{RestrictionEntry, Retention, RoomSort, Whom};
use hubbub_protocol::{DoorKind, RestrictionKind, RoomName, UserName, sanitize};
use serde_json::{Value, json};

/// Columns of text, so that it fits with a little before it.
const WIDTH: usize = 76;
/// Entries of a list that people are shown. Programs get all.
const SHOWN: usize = 500;

fn safe(text: &str) -> String {
    sanitize::for_terminal_line(text).into_owned()
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Names in as many lines as they need, with two blanks before each.
fn names<'a>(names: impl Iterator<Item = &'a str>, lines: &mut Vec<String>) {
    let mut line = String::new();
    for name in names {
        let name = safe(name);
        if !line.is_empty() && line.chars().count() + 2 + name.chars().count() > WIDTH - 2 {
            lines.push(format!("  {line},"));
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&name);
    }
    if !line.is_empty() {
        lines.push(format!("  {line}"));
    }
}

/// Rows with columns that are as wide as what is in them.
fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Leaves out what is too much to look at.
fn shorten<T>(list: &[T]) -> (&[T], Option<String>) {
    match list.len().checked_sub(SHOWN) {
        None | Some(0) => (list, None),
        Some(more) => {
            let text = format!("… and {more} more; programs get all of them with --json.");
            (&list[..SHOWN], Some(text))
        }
    }
}

pub(super) fn rooms(rooms: &[RoomOverview], privates: usize) -> Answer {
    let (shown, more) = shorten(rooms);
    let mut lines = Vec::new();
    for room in shown {
        let what = match room.sort {
            RoomSort::Room if room.secret => " (secret)",
            RoomSort::Room => "",
            RoomSort::Group => " (group)",
            RoomSort::Pin => " (PIN)",
        };
        let here = if room.count == 0 { "nobody".into() } else { room.count.to_string() };
        let away = match room.absent {
            0 => String::new(),
            away => format!(", {away} away"),
        };
        let name = safe(room.name.as_str());
        lines.push(format!("{name}{what}: {here} here{away}; {}", keeps(room.retention)));
        names(room.members.iter().map(UserName::as_str), &mut lines);
        if room.count > room.members.len() {
            lines.push(format!("  … and {} more", room.count - room.members.len()));
        }
    }
    lines.extend(more);
    let rooms_in_all = count(rooms.len(), "room", "rooms");
    lines.push(format!("{rooms_in_all}, {}.", count(privates, "private chat", "private chats")));
    let entry = |room: &RoomOverview| {
        json!({
            "room": room.name, "sort": room.sort, "secret": room.secret, "keeps": room.retention,
            "members": room.count, "away": room.absent, "names": room.members,
        })
    };
    let rooms: Vec<Value> = rooms.iter().map(entry).collect();
    Answer { lines, data: json!({"rooms": rooms, "private_chats": privates}) }
}

/// That somebody is banned or muted now.
pub(super) fn restricted(
    what: RestrictionKind,
    room: Option<&RoomName>,
    whom: &Meant,
    for_ms: Option<u64>,
) -> String {
    let whom = match whom {
        Meant::User(name) => name.to_string(),
        Meant::AddressOf(name) => format!("whoever comes from the address of {name}"),
        Meant::Pattern(pattern) => format!("whoever is called {}", pattern.as_str()),
        Meant::Network(net) => format!("whoever comes from {net}"),
    };
    let end = for_ms
        .map_or_else(|| "until that is lifted".into(), |ms| format!("for {}", span(ms / 1000)));
    let is = match what {
        RestrictionKind::Ban => "is banned from",
        RestrictionKind::Mute if room.is_some() => "can only read in",
        RestrictionKind::Mute => "can only read on",
    };
    let place = room.map_or("this server", RoomName::as_str);
    safe(&format!("{} {is} {place}, {end}.", capital(&whom)))
}

/// A name stays as it is.
fn capital(whom: &str) -> String {
    match whom.strip_prefix("whoever") {
        Some(rest) => format!("Whoever{rest}"),
        None => whom.to_owned(),
    }
}

/// What came of reading the settings again.
pub(super) fn reloaded(reloaded: &Reloaded) -> Answer {
    let Reloaded { applied, needs_restart } = reloaded;
    let mut lines: Vec<String> = applied.iter().map(|change| safe(change)).collect();
    lines.extend(
        needs_restart.iter().map(|change| safe(&format!("only after a restart: {change}"))),
    );
    if lines.is_empty() {
        lines.push("Settings and certificates are as they were.".into());
    }
    Answer { lines, data: json!({"applied": applied, "needs_restart": needs_restart}) }
}

/// How the server does.
pub(super) fn stats(stats: &Stats) -> Answer {
    let Stats { connections, queues, commits, messages_in, deliveries_out, .. } = stats;
    let flow = |flow: &Flow| {
        let (now, minute) = (flow.per_second, flow.per_second_of_minute);
        format!("{} in all; {now:.1}/s now, {minute:.1}/s in the last minute", flow.total)
    };
    let milliseconds = |us: u64| format!("{}.{} ms", us / 1000, us % 1000 / 100);
    let all = connections.native + connections.plain + connections.none;
    let mut by_door = vec![format!("native {}", connections.native)];
    by_door.push(format!("plain {}", connections.plain));
    if connections.none > 0 {
        by_door.push(format!("undecided {}", connections.none));
    }
    let cpu = stats
        .cpu_s
        .map_or_else(String::new, |cpu| format!("; {} of processor time", span(cpu as u64)));
    let memory = stats.memory_bytes.map_or_else(|| "unknown".into(), bytes);
    let store = match (commits.is_down, commits.mean_us) {
        (true, _) => "takes nothing at the moment: see the log".into(),
        (false, None) => "rests".into(),
        (false, Some(mean)) => format!(
            "{} on average, {} at worst in the last minute",
            milliseconds(mean),
            milliseconds(commits.worst_us)
        ),
    };
    let failed = match commits.failed {
        0 => String::new(),
        failed => format!(", {failed} of them failed"),
    };
    let waits = format!(
        "{} to be stored, {} reads, {} passwords, {} for connections",
        queues.commit,
        queues.reading,
        queues.passwords,
        bytes(queues.outbox_bytes as u64)
    );
    let rows = [
        ["up", &format!("{}{cpu}", span(stats.uptime_s))],
        ["connections", &format!("{all}: {}", by_door.join(", "))],
        ["users", &stats.users.to_string()],
        ["rooms", &format!("{}, with private chats", stats.rooms)],
        ["messages", &flow(messages_in)],
        ["deliveries", &flow(deliveries_out)],
        ["memory", &memory],
        ["commits", &format!("{} in all{failed}; {store}", commits.total)],
        ["waiting", &waits],
    ];
    let lines = columns(&rows.map(|row| row.map(str::to_owned)));
    Answer { lines, data: json!(stats) }
}

/// To how many an announcement went.
pub(super) fn told(sessions: usize) -> String {
    match sessions {
        0 => "Nobody is online to be told.".into(),
        1 => "One connection was told.".into(),
        many => format!("{many} connections were told."),
    }
}

fn keeps(retention: Retention) -> String {
    match retention {
        Retention::Forever => "keeps everything".into(),
        Retention::None => "keeps nothing".into(),
        Retention::Days(days) => format!("keeps {}", count(days as usize, "day", "days")),
        Retention::Messages(messages) => {
            format!("keeps {}", count(messages as usize, "message", "messages"))
        }
    }
}

pub(super) fn users(users: &[UserOverview], online: usize) -> Answer {
    let (shown, more) = shorten(users);
    let row = |user: &UserOverview| {
        let what = match (user.admin, user.account) {
            (true, _) => "admin",
            (false, true) => "account",
            (false, false) => "guest",
        };
        let here = match user.sessions {
            0 => "reconnecting".into(),
            sessions => count(sessions, "connection", "connections"),
        };
        let rooms: Vec<&str> = user.rooms.iter().map(RoomName::as_str).collect();
        let away = user.away.as_ref().map_or_else(String::new, |why| format!(" (away: {why})"));
        let rooms = format!("{}{away}", rooms.join(", "));
        [safe(user.name.as_str()), what.into(), here, safe(&rooms)]
    };
    let mut lines = columns(&shown.iter().map(row).collect::<Vec<_>>());
    lines.extend(more);
    lines.push(format!("{} online.", count(online, "user is", "users are")));
    let entry = |user: &UserOverview| {
        json!({
            "name": user.name, "account": user.account, "admin": user.admin, "away": user.away,
            "connections": user.sessions, "rooms": user.rooms,
        })
    };
    let users: Vec<Value> = users.iter().map(entry).collect();
    Answer { lines, data: json!({"users": users, "online": online}) }
}

pub(super) fn sessions(sessions: &[SessionOverview]) -> Answer {
    let (shown, more) = shorten(sessions);
    let row = |session: &SessionOverview| {
        let name = session.name.as_ref().map_or("-", UserName::as_str);
        let private = if session.is_private { "private" } else { "readable" };
        [
            safe(name),
            session.peer.to_string(),
            session.door.word().into(),
            private.into(),
            when(session.since),
        ]
    };
    let mut lines = columns(&shown.iter().map(row).collect::<Vec<_>>());
    lines.extend(more);
    lines.push(format!("{}.", count(sessions.len(), "connection", "connections")));
    let entry = |session: &SessionOverview| {
        json!({
            "name": session.name, "peer": session.peer, "door": session.door,
            "private": session.is_private, "since": session.since,
        })
    };
    let sessions: Vec<Value> = sessions.iter().map(entry).collect();
    Answer { lines, data: json!({"sessions": sessions}) }
}

pub(super) fn restrictions(
    what: RestrictionKind,
    room: Option<&RoomName>,
    found: &[RestrictionEntry],
) -> Answer {
    let (shown, more) = shorten(found);
    let row = |entry: &RestrictionEntry| {
        let whom = match &entry.whom {
            Whom::User(name) => name.clone(),
            Whom::AddressOf(name) => format!("address:{name}"),
            Whom::Pattern(pattern) => pattern.clone(),
            Whom::Network(net) => net.clone(),
        };
        let until =
            entry.until.map_or_else(|| "until lifted".into(), |at| format!("until {}", when(at)));
        let by = format!("by {}, {}", entry.by, when(entry.created));
        let why = entry.reason.as_ref().map_or("", |why| why.as_str());
        [safe(&whom), until, safe(&by), safe(why)]
    };
    let mut lines = columns(&shown.iter().map(row).collect::<Vec<_>>());
    lines.extend(more);
    let place =
        room.map_or_else(|| "on this server".into(), |room| format!("in {}", safe(room.as_str())));
    let is = match what {
        RestrictionKind::Ban => "banned",
        RestrictionKind::Mute => "muted",
    };
    if found.is_empty() {
        lines.push(format!("Nobody is {is} {place}."));
    }
    Answer { lines, data: json!({"restrictions": found, "room": room}) }
}

pub(super) fn audit(entries: &[AuditEntry]) -> Answer {
    let row = |entry: &AuditEntry| {
        // Without a name and an address it was whoever runs the server.
        let name = if entry.peer.is_none() { "server".into() } else { one_word(&entry.name) };
        let from = entry.peer.map_or_else(String::new, |peer| {
            format!("{peer} {}", entry.door.map_or("", DoorKind::word))
        });
        [when(entry.time), entry.act.word().into(), name, from, safe(&entry.reason)]
    };
    let mut lines = columns(&entries.iter().map(row).collect::<Vec<_>>());
    if entries.is_empty() {
        lines.push("The audit log is empty.".into());
    }
    Answer { lines, data: json!({"entries": entries}) }
}

/// A name in its column. What somebody merely wished to be called may have spaces, and must not look
/// like the columns after it.
fn one_word(name: &str) -> String {
    if name.is_empty() {
        return "-".into();
    }
    safe(name).replace(|c: char| c.is_whitespace() || sanitize::is_invisible(c), "_")
}

/// A time as people say it: the two largest units.
pub(super) fn span(seconds: u64) -> String {
    let parts = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut said = Vec::new();
    for (unit, word) in parts {
        if rest >= unit || (unit == 1 && said.is_empty()) {
            said.push(format!("{} {word}", rest / unit));
            rest %= unit;
        }
    }
    said.truncate(2);
    said.join(" ")
}

/// Bytes as people say them.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = (bytes.ilog2() / 10).clamp(1, 4);
    let unit = UNITS[power as usize - 1];
    format!("{:.1} {unit}", bytes as f64 / f64::from(1024_u32).powi(power as i32))
}

/// As many lines as fit into so many bytes of JSON, and how many are left out.
pub(crate) fn within(lines: Vec<String>, bytes: usize) -> Vec<String> {
    let all = lines.len();
    let mut left = bytes;
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        let size = hubbub_protocol::frame::json_bytes(&line) + 3;
        let Some(rest) = left.checked_sub(size) else { break };
        left = rest;
        kept.push(line);
    }
    if kept.len() < all {
        kept.push(format!("… and {} more lines; `hubbub admin` shows all.", all - kept.len()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_bytes_are_said_as_people_do() {
        for (seconds, said) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h"), (90_061, "1 d 1 h")]
        {
            assert_eq!(span(seconds), said);
        }
        for (number, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (5 << 20, "5.0 MiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(bytes(number), said);
        }
    }

    #[test]
    fn a_long_answer_fits_into_a_frame_and_says_what_is_missing() {
        let lines: Vec<String> = (0..1_000).map(|n| format!("line {n} \u{1F600}")).collect();
        let kept = within(lines.clone(), 2_000);
        let json = serde_json::to_string(&kept[..kept.len() - 1]).unwrap();
        assert!(json.len() <= 2_002 && kept.len() > 50, "{}", json.len());
        let last = kept.last().unwrap();
        assert!(last.contains(&format!("{} more lines", 1_000 - (kept.len() - 1))), "{last}");
        assert_eq!(within(lines[..3].to_vec(), 2_000), lines[..3]);
    }

    #[test]
    fn a_hostile_name_of_a_refused_visitor_reaches_no_terminal() {
        let entry = AuditEntry {
            id: 1,
            time: hubbub_protocol::WallMs(0),
            act: hubbub_protocol::audit::AuditAct::Refused,
            user: None,
            name: "\u{1b}[2J\nbob".into(),
            peer: Some("192.0.2.7:4".parse().unwrap()),
            door: Some(DoorKind::Plain),
            reason: "\u{7}".into(),
        };
        let answer = audit(&[entry]);
        assert!(answer.lines[0].contains("[2J_bob") && !answer.lines[0].contains('\u{1b}'));
        assert_eq!(answer.lines.len(), 1);
    }
}

//! How the plain door shows a room's log: live, as history, and as what was found. Every line of a
//! longer message carries its author; nothing that a person wrote begins a line.

use super::acts::act;
use super::{when, wrapped};
use crate::reading::Hits;
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Body, Event, RoomAddress, Said, Seq, sanitize};
use hubbub_store::HistoryPage;
use std::fmt::Write as _;

/// An event as lines behind a prefix.
pub(super) fn event(prefix: &str, event: &Event, out: &mut String) {
    let name = &event.from.name;
    let lines = |begin: String, mark: &str, text: &str, out: &mut String| {
        let text = sanitize::for_terminal(text);
        for (at, line) in text.split('\n').enumerate() {
            let mark = if at == 0 { mark } else { "" };
            let _ = writeln!(out, "{prefix}{begin}{mark}{}", line.replace('\t', "    "));
        }
    };
    match &event.body {
        Body::Text(said) => lines(format!("<{name}> "), &mark(said), said.text.as_str(), out),
        Body::Action(said) => lines(format!("* {name} "), &mark(said), said.text.as_str(), out),
        Body::Edit { of, text: Some(text) } => {
            lines(format!("-- {name} changed #{of} to: "), "", text.as_str(), out);
        }
        _ => {
            let _ = writeln!(out, "{prefix}-- {}", act(event).unwrap_or_default());
        }
    }
}

/// What a message answers, and whether it is as it was.
fn mark(said: &Said) -> String {
    match (said.reply, said.edited) {
        (Some(of), None) => format!("(to #{of}) "),
        (Some(of), Some(_)) => format!("(to #{of}, edited) "),
        (None, Some(_)) => "(edited) ".into(),
        (None, None) => String::new(),
    }
}

/// An event with its time, and its number where something can be done with it.
fn kept(before: &str, entry: &Event, out: &mut String) {
    let number = match entry.body {
        Body::Text(_) | Body::Action(_) | Body::Deleted { .. } => format!(" #{}", entry.seq),
        _ => String::new(),
    };
    event(&format!("{before}[{}{number}] ", when(entry.time)), entry, out);
}

/// A page of history. Edits, deletions and reactions of messages that are on it are seen at these,
/// and not told once more. `around`: which message was asked for.
pub(crate) fn history(page: &HistoryPage, around: Option<Seq>, out: &mut String) {
    if page.events.is_empty() {
        out.push_str("-- Nothing was said here yet.\n");
        return;
    }
    let is_here = |seq: Seq| page.events.binary_search_by_key(&seq, |event| event.seq).is_ok();
    for event in &page.events {
        match event.body {
            Body::Edit { of, .. } | Body::Delete { of } | Body::React { of, .. } if is_here(of) => {
            }
            _ => kept("", event, out),
        }
        let to_this: Vec<String> =
            page.reactions.iter().filter(|entry| entry.seq == event.seq).map(reaction).collect();
        wrapped(to_this.iter().map(String::as_str), out);
    }
    if let Some(seq) = around.filter(|seq| !is_here(*seq)) {
        let _ = writeln!(out, "-- #{seq} is not there any more, or not yet.");
    }
    let end = match (page.more, around) {
        (true, _) => "-- There is more before that: /more shows it.\n",
        (false, None) => "-- That was all.\n",
        (false, Some(_)) => "-- There is nothing before that.\n",
    };
    out.push_str(end);
}

/// `👍 3 (ann, bob and others)`.
fn reaction(entry: &ReactionEntry) -> String {
    let names: Vec<&str> = entry.users.iter().map(|user| user.name.as_str()).collect();
    let others = if entry.count as usize > names.len() { " and others" } else { "" };
    let reaction = sanitize::for_terminal_line(entry.reaction.as_str());
    format!("{reaction} {} ({}{others})", entry.count, names.join(", "))
}

/// What a search found.
pub(crate) fn found(found: &Hits, out: &mut String) {
    for (address, event) in &found.hits {
        let address = match address {
            RoomAddress::Room(room) => format!("[{room}] "),
            RoomAddress::User(name) => format!("[private with {name}] "),
        };
        kept(&address, event, out);
    }
    if found.behind {
        out.push_str("-- The newest messages can't be found yet. Ask again in a while.\n");
    }
    out.push_str(match (found.hits.is_empty(), found.next) {
        (true, None) => "-- Nothing was found.\n",
        (true, Some(_)) => "-- Nothing was found so far. /more looks further.\n",
        (false, None) => "-- That was all. /context ROOM #N shows what is around one.\n",
        (false, Some(_)) => {
            "-- There may be more: /more. /context ROOM #N shows what is around one.\n"
        }
    });
}

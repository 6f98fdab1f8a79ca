//! How the plain door speaks of private chats, invitations and logins.

use super::say;
use hubbub_protocol::frame::{LinkEntry, LinkState, LoginEntry};
use hubbub_protocol::{Note, UserName, sanitize};
use std::fmt::Write as _;

/// That somebody was asked, perhaps because of messages that wait for the answer.
pub(super) fn asked(name: &UserName, online: bool, held: u32) -> String {
    let asked = if online { "was asked" } else { "is away, and will be asked on coming back" };
    match held {
        0 => format!("-- {name} {asked}. You will be told the answer.\n"),
        1 => format!("-- {name} {asked}; your message waits here until they agree.\n"),
        more => format!("-- {name} {asked}; your {more} messages wait here until they agree.\n"),
    }
}

/// How somebody stands to the user now.
pub(super) fn link(name: &UserName, state: LinkState, dropped: u32) -> String {
    let mut text = match state {
        LinkState::Asked => format!(
            "-- {name} asks for a private chat: /accept {name} or /reject {name}; writing to them \
             accepts.\n"
        ),
        LinkState::Waiting => format!("-- You asked {name} for a private chat.\n"),
        LinkState::Open => {
            format!("-- You have a private chat with {name} now: @{name} TEXT writes to them.\n")
        }
        LinkState::Rejected => format!("-- {name} declined.\n"),
        LinkState::Ended => format!("-- There is no private chat with {name} any more.\n"),
        LinkState::Blocked => format!("-- You block {name}.\n"),
    };
    if dropped > 0 {
        let _ = writeln!(text, "! {} to {name} will not be sent.", messages(dropped));
    }
    text
}

/// That messages which waited are lost with the session.
pub(super) fn dropped(lost: &[(UserName, u32)]) -> String {
    let mut text = String::new();
    for (name, count) in lost {
        let _ = writeln!(text, "! {} to {name} will not be sent.", messages(*count));
    }
    text
}

fn messages(count: u32) -> String {
    if count == 1 { "Your message".into() } else { format!("Your {count} messages") }
}

/// The answer to `/private`.
pub(super) fn links(links: &[LinkEntry], out: &mut String) {
    let of = |state: LinkState| {
        links.iter().filter(move |link| link.state == state && link.group.is_none())
    };
    let name = |link: &LinkEntry| link.user.name.to_string();
    let with_presence = |link: &LinkEntry| {
        let away = if link.online { "" } else { " (away)" };
        format!("{}{away}", link.user.name)
    };
    let invited: Vec<String> = links
        .iter()
        .filter_map(|link| Some(format!("{} (by {})", link.group.as_ref()?, link.user.name)))
        .collect();
    let sections: [(&str, Vec<String>); 5] = [
        ("Private chats", of(LinkState::Open).map(with_presence).collect()),
        ("They ask you; /accept NAME or /reject NAME", of(LinkState::Asked).map(name).collect()),
        ("You asked them", of(LinkState::Waiting).map(with_presence).collect()),
        ("Invitations; /join GROUP or /decline GROUP", invited),
        ("You block", of(LinkState::Blocked).map(name).collect()),
    ];
    if links.is_empty() {
        out.push_str("-- No private chats yet. /ask NAME asks for one.\n");
    }
    for (title, entries) in sections.into_iter().filter(|(_, entries)| !entries.is_empty()) {
        let _ = writeln!(out, "-- {title} ({}):", entries.len());
        say::wrapped(entries.iter().map(String::as_str), out);
    }
}

/// The answer to `/logins`.
pub(super) fn logins(logins: &[LoginEntry], out: &mut String) {
    out.push_str("-- Your logins, last used:\n");
    for (at, login) in logins.iter().enumerate() {
        let door = login.door.word();
        let note = match (login.current, login.online) {
            (true, _) => "  this one",
            (false, true) => "  online",
            (false, false) => "",
        };
        let (peer, when) = (sanitize::for_terminal_line(&login.peer), say::when(login.seen));
        let _ = writeln!(out, "--   {:<4}{door:<8}{peer:<23}{when}{note}", at + 1);
    }
    out.push_str("-- /revoke NUMBER ends one.\n");
}

/// The words that call the account.
pub(super) fn highlights(words: &[String]) -> String {
    if words.is_empty() {
        return "-- No words call you but your name. /highlight WORDS sets some.\n".into();
    }
    let words = words.join(", ");
    format!("-- These words call you: {}\n", sanitize::for_terminal_line(&words))
}

/// What an admin, or whoever runs the server, tells everybody.
pub(super) fn announced(text: &Note, by: Option<&UserName>) -> String {
    let by = by.map_or_else(String::new, |by| format!(" from {by}"));
    format!("-- Announcement{by}: {}\n", sanitize::for_terminal_line(text.as_str()))
}

/// The answer to a verb.
pub(super) fn managed(lines: &[String], out: &mut String) {
    for line in lines {
        let _ = writeln!(out, "-- {}", sanitize::for_terminal_line(line));
    }
}

//! How the plain door tells what was done in a room: each act is one sentence, the same for those who
//! hear it live and in the history.

use super::when;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{Body, Event, RestrictionKind, Role, RoomChange, WallMs, sanitize};
use std::fmt::Display;

/// What an event of the log did, and who; nothing for messages.
pub(super) fn act(event: &Event) -> Option<String> {
    let what = match &event.body {
        Body::Text(_) | Body::Action(_) | Body::Edit { text: Some(_), .. } => return None,
        Body::Edit { of, text: None } => format!("changed #{of}"),
        Body::Deleted { .. } => "said something that was deleted".into(),
        Body::Delete { of } => format!("deleted #{of}"),
        Body::React { of, reaction, on: true } => format!("reacted to #{of}: {reaction}"),
        Body::React { of, reaction, on: false } => format!("took back from #{of}: {reaction}"),
        Body::Pin { of, on } => format!("{} #{of}", if *on { "pinned" } else { "unpinned" }),
        Body::Changed(change) => changed(change),
        Body::Role { user, role } if user.id == event.from.id => match role {
            Some(Role::Voice) => "has voice now".into(),
            Some(Role::Operator) => "is an operator now".into(),
            Some(Role::Owner) => "is an owner now".into(),
            None => "has no role here any more".into(),
        },
        Body::Role { user, role } => gave(user.name.as_str(), *role),
        Body::Kicked { user, reason } => with(format!("kicked {}", user.name), reason.as_ref()),
        Body::Restricted { what, whom, reason, until, .. } => {
            let restricted = match what {
                RestrictionKind::Ban => "banned",
                RestrictionKind::Mute => "muted",
            };
            let until = until.map_or_else(String::new, |until| format!(" until {}", when(until)));
            with(format!("{restricted} {whom}{until}"), reason.as_ref())
        }
        Body::Lifted { what, whom } => format!("lifted the {} of {whom}", what.word()),
    };
    Some(sanitize::for_terminal_line(&format!("{} {what}", event.from.name)).into_owned())
}

/// With the words of a person, which end the sentence.
fn with(what: String, words: Option<&impl Display>) -> String {
    words.map_or_else(|| what.clone(), |words| format!("{what}: {words}"))
}

fn gave(name: &str, role: Option<Role>) -> String {
    match role {
        Some(Role::Voice) => format!("gave {name} voice"),
        Some(Role::Operator) => format!("made {name} an operator"),
        Some(Role::Owner) => format!("made {name} an owner"),
        None => format!("left {name} without a role"),
    }
}

fn changed(change: &RoomChange) -> String {
    match change {
        RoomChange::Topic { topic: Some(topic) } => format!("set the topic: {topic}"),
        RoomChange::Topic { topic: None } => "cleared the topic".into(),
        RoomChange::Description { description: Some(description) } => {
            format!("said what this room is for: {description}")
        }
        RoomChange::Description { description: None } => "cleared what this room is for".into(),
        RoomChange::InviteOnly { on: true } => "let only those join who are invited".into(),
        RoomChange::InviteOnly { on: false } => "let everybody join without an invitation".into(),
        RoomChange::Key { on: true } => "set a key: joining needs it now".into(),
        RoomChange::Key { on: false } => "took the key away: joining needs none now".into(),
        RoomChange::Moderated { on: true } => "let only those speak who have a role".into(),
        RoomChange::Moderated { on: false } => "let everybody speak".into(),
        RoomChange::Secret { on: true } => "made this room secret: lists leave it out".into(),
        RoomChange::Secret { on: false } => "made this room public: lists show it".into(),
        RoomChange::MemberLimit { members: Some(most) } => {
            format!("set the limit to {}", count(u64::from(*most), "member"))
        }
        RoomChange::MemberLimit { members: None } => "took the limit of members away".into(),
        RoomChange::SlowMode { seconds: 0 } => "ended slow mode".into(),
        RoomChange::SlowMode { seconds } => {
            format!("set slow mode: {} between two messages", span(u64::from(*seconds)))
        }
        RoomChange::Retention { retention } => format!("made this room keep {}", keeps(*retention)),
    }
}

/// What a room keeps, behind "it keeps".
pub(crate) fn keeps(retention: Retention) -> String {
    match retention {
        Retention::Forever => "everything".into(),
        Retention::None => "no history".into(),
        Retention::Days(1) => "what was said in the last day".into(),
        Retention::Days(days) => format!("what was said in the last {days} days"),
        Retention::Messages(1) => "the last message".into(),
        Retention::Messages(messages) => format!("the last {messages} messages"),
    }
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// So many seconds, in the two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        if rest >= size {
            parts.push(count(rest / size, unit));
            rest %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 seconds".into() } else { parts.join(" ") }
}

/// Until when, where it ends.
pub(crate) fn until(until: Option<WallMs>) -> String {
    until.map_or_else(|| "until it is lifted".into(), |until| format!("until {}", when(until)))
}

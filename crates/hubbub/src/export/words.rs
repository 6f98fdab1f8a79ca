//! What happened in a room, in words for people. Nothing here is fit for a terminal or a page yet.

use super::Item;
use crate::{room, when};
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Body, Note, RestrictionKind, Role, RoomChange};
use jiff::tz::TimeZone;

/// One sentence about an event that is no message; `None` for what is shown with its message.
pub(super) fn act(item: &Item<'_>, zone: &TimeZone) -> Option<String> {
    let name = &item.event.from.name;
    let because = |reason: &Option<Note>| reason.as_ref().map(|r| format!(": {r}"));
    Some(match &item.event.body {
        Body::Text(_)
        | Body::Action(_)
        | Body::Deleted { .. }
        | Body::Edit { .. }
        | Body::Delete { .. }
        | Body::React { .. } => return None,
        Body::Pin { on, .. } => {
            let of = item.about.as_ref().map(|event| format!(" of {}", event.from.name));
            let act = if *on { "pinned" } else { "unpinned" };
            format!("{name} {act} a message{}", of.unwrap_or_default())
        }
        Body::Changed(change) => format!("{name} {}", changed(change)),
        Body::Role { user, role } => match role {
            Some(Role::Owner) => format!("{name} made {} an owner", user.name),
            Some(Role::Operator) => format!("{name} made {} an operator", user.name),
            Some(Role::Voice) => format!("{name} gave {} a voice", user.name),
            None => format!("{name} took the role of {}", user.name),
        },
        Body::Kicked { user, reason } => {
            format!("{name} sent {} out{}", user.name, because(reason).unwrap_or_default())
        }
        Body::Restricted { what, whom, user: _, reason, until } => {
            let act = match what {
                RestrictionKind::Ban => "banned",
                RestrictionKind::Mute => "muted",
            };
            let end = until.map(|end| when::local(end, zone, "%Y-%m-%d %H:%M"));
            let end = end.map(|end| format!(" until {end}")).unwrap_or_default();
            format!("{name} {act} {whom}{end}{}", because(reason).unwrap_or_default())
        }
        Body::Lifted { what, whom } => format!("{name} lifted the {} of {whom}", what.word()),
    })
}

fn changed(change: &RoomChange) -> String {
    let text = match change {
        RoomChange::Topic { topic: Some(topic) } => return format!("set the topic: {topic}"),
        RoomChange::Topic { topic: None } => "took the topic away",
        RoomChange::Description { description: Some(text) } => {
            return format!("set the description: {text}");
        }
        RoomChange::Description { description: None } => "took the description away",
        RoomChange::InviteOnly { on: true } => "made the room invite-only",
        RoomChange::InviteOnly { on: false } => "opened the room for those without an invitation",
        RoomChange::Key { on: true } => "set a key",
        RoomChange::Key { on: false } => "took the key away",
        RoomChange::Moderated { on: true } => "made the room moderated",
        RoomChange::Moderated { on: false } => "let everybody speak again",
        RoomChange::Secret { on: true } => "took the room out of the lists",
        RoomChange::Secret { on: false } => "put the room into the lists",
        RoomChange::MemberLimit { members: Some(members) } => {
            return format!("limited the room to {members} members");
        }
        RoomChange::MemberLimit { members: None } => "took the limit of members away",
        RoomChange::SlowMode { seconds: 0 } => "ended slow mode",
        RoomChange::SlowMode { seconds } => {
            return format!("set slow mode: a message every {seconds} s");
        }
        RoomChange::Retention { retention } => {
            return format!("set what the room keeps: {}", room::keeps(*retention));
        }
    };
    text.to_owned()
}

/// Who has reacted so: some names, and how many more.
pub(super) fn reacted(entry: &ReactionEntry) -> String {
    let names: Vec<_> = entry.users.iter().map(|user| user.name.as_str()).collect();
    let more = (entry.count as usize).saturating_sub(names.len());
    match (names.is_empty(), more) {
        (_, 0) => names.join(", "),
        (true, _) => String::new(),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

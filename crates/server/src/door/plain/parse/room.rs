//! Lines about how a room is set up, and about going to one. A PIN or a key is hidden as soon as it
//! is seen.

use super::super::commands::Verb;
use super::time::{Span, days, span};
use super::{Line, split_word};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{RoomChange, limits};

/// What finds or opens a room, not yet looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// With the name, it finds the room.
    Pin(Hidden),
    /// It opens the room.
    Key(Hidden),
}

/// What is wanted of the room in focus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomLine {
    /// Show how it is set up.
    Info,
    /// Show a part of that.
    Show(About),
    /// Say what it is about or for.
    Note(About, NoteWish),
    /// Change something that needs no words.
    Change(RoomChange),
    /// Set the key; `None`: without one.
    Key(Option<Hidden>),
}

/// Which words about a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What it is about now.
    Topic,
    /// What it is for.
    Description,
}

/// What becomes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteWish {
    /// There are none any more.
    Clear,
    /// They are these.
    Say(String),
}

/// The line of one of these verbs; `None` if its arguments are wrong, or it is another's.
pub(super) fn understand(verb: Verb, arguments: &str) -> Option<RoomLine> {
    match verb {
        Verb::Info => arguments.is_empty().then_some(RoomLine::Info),
        Verb::Topic => Some(note(About::Topic, arguments)),
        Verb::Describe => Some(note(About::Description, arguments)),
        Verb::Set => set(arguments),
        _ => None,
    }
}

fn note(about: About, text: &str) -> RoomLine {
    match text {
        "" => RoomLine::Show(about),
        "-" => RoomLine::Note(about, NoteWish::Clear),
        text => RoomLine::Note(about, NoteWish::Say(text.to_owned())),
    }
}

/// Whether a setting is the key: what follows is not for others.
pub(super) fn is_key(arguments: &str) -> bool {
    split_word(arguments).0.eq_ignore_ascii_case("key")
}

fn set(arguments: &str) -> Option<RoomLine> {
    let (setting, value) = split_word(arguments);
    if value.is_empty() {
        return None;
    }
    let word = value.to_ascii_lowercase();
    let switch = || match word.as_str() {
        "on" | "yes" => Some(true),
        "off" | "no" => Some(false),
        _ => None,
    };
    let is_off = matches!(word.as_str(), "off" | "none" | "no" | "0");
    Some(RoomLine::Change(match setting.to_ascii_lowercase().as_str() {
        "topic" => return Some(note(About::Topic, value)),
        "description" => return Some(note(About::Description, value)),
        "key" if matches!(word.as_str(), "off" | "-") => return Some(RoomLine::Key(None)),
        "key" => return Some(RoomLine::Key(Some(Hidden::new(value)))),
        "invite-only" | "invite_only" | "inviteonly" => RoomChange::InviteOnly { on: switch()? },
        "moderated" => RoomChange::Moderated { on: switch()? },
        "secret" => RoomChange::Secret { on: switch()? },
        "limit" if is_off => RoomChange::MemberLimit { members: None },
        "limit" => RoomChange::MemberLimit { members: Some(word.parse().ok()?) },
        "slow" if is_off => RoomChange::SlowMode { seconds: 0 },
        "slow" => RoomChange::SlowMode { seconds: seconds(&word)? },
        "keep" | "history" | "retention" => RoomChange::Retention { retention: keep(&word)? },
        _ => return None,
    }))
}

/// A number alone means seconds here.
fn seconds(word: &str) -> Option<u32> {
    let seconds = match span(word) {
        Span::Of(ms) => u32::try_from(ms.div_ceil(1000)).ok()?,
        Span::Wrong => word.parse().ok()?,
        Span::None => return None,
    };
    (1..=limits::SLOW_S).contains(&seconds).then_some(seconds)
}

fn keep(word: &str) -> Option<Retention> {
    Some(match word {
        "forever" | "all" | "everything" => Retention::Forever,
        "none" | "nothing" | "off" => Retention::None,
        word => match (days(word), word.parse()) {
            (Some(days), _) if days <= limits::RETENTION_DAYS => Retention::Days(days),
            (None, Ok(messages)) if (1..=limits::RETENTION_MESSAGES).contains(&messages) => {
                Retention::Messages(messages)
            }
            _ => return None,
        },
    })
}

/// `ROOM [PIN|key=SECRET] [history|nohistory]`. What is no keyword is a PIN.
pub(super) fn join(arguments: &str) -> Option<Line> {
    let (room, rest) = split_word(arguments);
    // IRC's way to write a room.
    let room = room.strip_prefix('#').unwrap_or(room);
    let (mut secret, mut retention) = (None, None);
    for word in rest.split_whitespace() {
        let kept = match word.to_ascii_lowercase().as_str() {
            "history" => Some(Retention::Forever),
            "nohistory" => Some(Retention::None),
            _ => None,
        };
        let has_key = word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("key="));
        match (kept, has_key) {
            (Some(_), _) if retention.is_some() => return None,
            (Some(kept), _) => retention = Some(kept),
            (None, _) if secret.is_some() => return None,
            (None, true) => secret = Some(Secret::Key(Hidden::new(&word[4..]))),
            (None, false) => secret = Some(Secret::Pin(Hidden::new(word))),
        }
    }
    (!room.is_empty()).then(|| Line::Join { room: room.into(), retention, secret })
}

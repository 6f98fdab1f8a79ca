//! Frames about rooms, their order and single messages, as commands.

use super::refuse;
use super::request::{address, known_room, known_user, room_name, text};
use hubbub_hub::{Command, JoinSecret, Refusal, Setting, Whom};
use hubbub_protocol::frame::{Request, Retention, RoomWish, Target, Whom as WhomFrame};
use hubbub_protocol::room::parse_network;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{
    ErrorCode, NamePattern, Note, Reaction, RoomAddress, RoomChange, RoomSecret, limits,
};

fn room_secret(secret: &Hidden) -> Result<RoomSecret, Refusal> {
    RoomSecret::parse(secret.expose()).map_err(|error| refuse(ErrorCode::PinInvalid, error))
}

/// The PIN or the key beside a room's name.
pub(super) fn join_secret(
    target: &Target,
    pin: Option<&Hidden>,
    key: Option<&Hidden>,
) -> Result<Option<JoinSecret>, Refusal> {
    match (target, pin, key) {
        (_, None, None) => Ok(None),
        (Target::Room(_), Some(pin), None) => Ok(Some(JoinSecret::Pin(room_secret(pin)?))),
        (Target::Room(_), None, Some(key)) => Ok(Some(JoinSecret::Key(room_secret(key)?))),
        (Target::Room(_), Some(_), Some(_)) => {
            Err(refuse(ErrorCode::PinInvalid, "A room has a PIN or a key, not both."))
        }
        (Target::User(_), ..) => {
            Err(refuse(ErrorCode::PinInvalid, "A private chat has no PIN and no key."))
        }
    }
}

/// What a room shall keep, within what can be kept.
pub(super) fn retention(retention: Retention) -> Result<Retention, Refusal> {
    let (number, most, unit) = match retention {
        Retention::Forever | Retention::None => return Ok(retention),
        Retention::Days(days) => (days, limits::RETENTION_DAYS, "days"),
        Retention::Messages(messages) => (messages, limits::RETENTION_MESSAGES, "messages"),
    };
    if (1..=most).contains(&number) {
        return Ok(retention);
    }
    let text = format!("A room keeps 1 to {most} {unit}, or none, or forever.");
    Err(refuse(ErrorCode::BadFrame, text))
}

fn note(line: Option<String>) -> Result<Option<Note>, Refusal> {
    let line = line.filter(|line| !line.trim().is_empty());
    let line = line.map(|line| Note::parse(&line)).transpose();
    line.map_err(|error| refuse(ErrorCode::NoteInvalid, error))
}

fn setting(wish: RoomWish) -> Result<Setting, Refusal> {
    Ok(Setting::Change(match wish {
        RoomWish::Topic { topic } => RoomChange::Topic { topic: note(topic)? },
        RoomWish::Description { description } => {
            RoomChange::Description { description: note(description)? }
        }
        RoomWish::InviteOnly { on } => RoomChange::InviteOnly { on },
        RoomWish::Key { key } => {
            return Ok(Setting::Key(key.as_ref().map(room_secret).transpose()?));
        }
        RoomWish::Moderated { on } => RoomChange::Moderated { on },
        RoomWish::Secret { on } => RoomChange::Secret { on },
        RoomWish::MemberLimit { members } => {
            RoomChange::MemberLimit { members: members.filter(|members| *members > 0) }
        }
        RoomWish::SlowMode { seconds } if seconds <= limits::SLOW_S => {
            RoomChange::SlowMode { seconds }
        }
        RoomWish::SlowMode { .. } => {
            let text = format!("Slow mode waits {} seconds at most.", limits::SLOW_S);
            return Err(refuse(ErrorCode::BadFrame, text));
        }
        RoomWish::Retention { retention: wished } => {
            RoomChange::Retention { retention: retention(wished)? }
        }
    }))
}

fn whom(whom: &WhomFrame) -> Result<Whom, Refusal> {
    Ok(match whom {
        WhomFrame::User(name) => Whom::User(known_user(name)?),
        WhomFrame::AddressOf(name) => Whom::AddressOf(known_user(name)?),
        WhomFrame::Pattern(pattern) => {
            let pattern = NamePattern::parse(pattern);
            Whom::Pattern(pattern.map_err(|error| refuse(ErrorCode::WhomInvalid, error))?)
        }
        WhomFrame::Network(network) => {
            let text = "That is no address and no network, like 10.0.0.7 or 10.0.0.0/16.";
            let network = parse_network(network);
            Whom::Network(network.ok_or_else(|| refuse(ErrorCode::WhomInvalid, text))?)
        }
    })
}

/// The command of one of these frames; gives back what is none of them.
pub(super) fn command(request: Request) -> Result<Result<Command, Request>, Refusal> {
    Ok(Ok(match request {
        Request::Edit { target, seq, text: new } => {
            Command::Edit { address: address(&target)?, of: seq, text: text(&new)? }
        }
        Request::Delete { target, seq } => Command::Delete { address: address(&target)?, of: seq },
        Request::React { target, seq, reaction, on } => {
            let words = "A reaction is an emoji or a short word of at most 40 bytes.";
            let reaction = Reaction::parse(&reaction)
                .ok_or_else(|| refuse(ErrorCode::ReactionInvalid, words))?;
            Command::React { address: address(&target)?, of: seq, reaction, on }
        }
        Request::Pin { room, seq, on } => Command::Pin { room: known_room(&room)?, of: seq, on },
        Request::Typing { target } => Command::Typing { address: address(&target)? },
        Request::Away { text } => Command::Away { note: note(text)? },
        Request::Highlights { words } => Command::Highlights { words },
        Request::Info { room } => Command::Info { room: known_room(&room)? },
        Request::Set { room, wish } => {
            Command::Set { room: known_room(&room)?, setting: setting(wish)? }
        }
        Request::Role { room, user, role } => {
            Command::Role { room: known_room(&room)?, name: known_user(&user)?, role }
        }
        Request::Roles { room, after } => Command::Roles { room: known_room(&room)?, after },
        Request::Kick { room, user, reason } => Command::Kick {
            room: known_room(&room)?,
            name: known_user(&user)?,
            reason: note(reason)?,
        },
        Request::Restrict { room, what, whom: wished, reason, seconds } => {
            let for_ms = seconds.map(|seconds| seconds.saturating_mul(1000));
            if for_ms.is_some_and(|ms| ms == 0 || ms > limits::RESTRICTION_MS) {
                let text = "A ban or a mute lasts 1 second to 100 years, or until it is lifted.";
                return Err(refuse(ErrorCode::BadFrame, text));
            }
            Command::Restrict {
                room: known_room(&room)?,
                what,
                whom: whom(&wished)?,
                reason: note(reason)?,
                for_ms,
            }
        }
        Request::Lift { room, what, whom: wished } => {
            Command::Lift { room: known_room(&room)?, what, whom: whom(&wished)? }
        }
        Request::Restrictions { room, after } => {
            Command::Restrictions { room: known_room(&room)?, after }
        }
        Request::Search { query, room, user, from, since, until, after, limit } => {
            let address = match (room, user) {
                (None, None) => None,
                (Some(room), None) => Some(RoomAddress::Room(known_room(&room)?)),
                (None, Some(user)) => Some(RoomAddress::User(known_user(&user)?)),
                (Some(_), Some(_)) => {
                    let text = "Look in a room or in a private chat, or in all: not in both.";
                    return Err(refuse(ErrorCode::BadFrame, text));
                }
            };
            let from = from.as_deref().map(known_user).transpose()?;
            let limit = limit.unwrap_or(limits::PAGE);
            Command::Search { words: query, address, from, since, until, after, limit }
        }
        Request::Join { target, after, retention: wished, pin, key } => {
            let secret = join_secret(&target, pin.as_ref(), key.as_ref())?;
            let address = match target {
                Target::Room(name) => RoomAddress::Room(room_name(&name)?),
                target @ Target::User(_) => address(&target)?,
            };
            let retention = wished.map(retention).transpose()?;
            Command::Join { address, after, retention, secret }
        }
        other => return Ok(Err(other)),
    }))
}

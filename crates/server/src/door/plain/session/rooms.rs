//! Going to a room, how it is set up, and who keeps order in it: lines as commands of the hub. A PIN
//! or a key is never in what is said about a mistake.

use super::super::awaited::Part;
use super::super::parse::{About, NoteWish, OrderLine, RoomLine, Secret};
use super::super::prompt::sentence;
use super::super::{Awaited, Plain, command, refuse};
use super::{with_note, with_reason, with_room, with_user};
use crate::admit::Asked;
use hubbub_hub::{Command, JoinSecret, Refusal, Setting, Whom};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::room::parse_network;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{
    ErrorCode, NamePattern, RestrictionKind, RoomAddress, RoomChange, RoomName, RoomSecret,
    UserName,
};
use std::net::IpAddr;

/// `/join`, with what finds or opens the room.
pub(super) fn join(room: &str, retention: Option<Retention>, secret: Option<Secret>) -> Asked {
    let go = |room, secret| {
        let address = RoomAddress::Room(room);
        command(Command::Join { address, after: None, retention, secret })
    };
    match secret {
        None => with_room(room, |room| go(room, None)),
        Some(secret) => match (RoomName::parse(room), found_by(&secret)) {
            (Ok(room), Ok(secret)) => go(room, Some(secret)),
            // It may be the secret, in the wrong place.
            (Err(_), _) => {
                let text = "No room can be called so. The name comes first: /join ROOM PIN.";
                refuse(ErrorCode::RoomInvalid, text)
            }
            (_, Err(refusal)) => Asked::Refused(None, refusal),
        },
    }
}

fn found_by(secret: &Secret) -> Result<JoinSecret, Refusal> {
    Ok(match secret {
        Secret::Pin(pin) => JoinSecret::Pin(room_secret(pin)?),
        Secret::Key(key) => JoinSecret::Key(room_secret(key)?),
    })
}

fn room_secret(secret: &Hidden) -> Result<RoomSecret, Refusal> {
    let checked = RoomSecret::parse(secret.expose());
    checked.map_err(|error| Refusal::new(ErrorCode::PinInvalid, sentence(&error.to_string())))
}

impl Plain {
    pub(super) fn room_line(&mut self, room: RoomName, line: RoomLine) -> Asked {
        match line {
            RoomLine::Info => self.info(room, Part::All),
            RoomLine::Show(About::Topic) => self.info(room, Part::Topic),
            RoomLine::Show(About::Description) => self.info(room, Part::Description),
            RoomLine::Note(about, NoteWish::Clear) => {
                let change = match about {
                    About::Topic => RoomChange::Topic { topic: None },
                    About::Description => RoomChange::Description { description: None },
                };
                self.change(room, change)
            }
            RoomLine::Note(about, NoteWish::Say(text)) => with_note(&text, |note| {
                let change = match about {
                    About::Topic => RoomChange::Topic { topic: Some(note) },
                    About::Description => RoomChange::Description { description: Some(note) },
                };
                self.change(room, change)
            }),
            RoomLine::Change(change) => self.change(room, change),
            RoomLine::Key(key) => match key.as_ref().map(room_secret).transpose() {
                Ok(key) => self.quietly(Command::Set { room, setting: Setting::Key(key) }),
                Err(refusal) => Asked::Refused(None, refusal),
            },
        }
    }

    /// Something that is heard when it is done, as others hear it.
    pub(super) fn quietly(&mut self, command: Command) -> Asked {
        self.awaiting(Awaited::Done(String::new()), command)
    }

    pub(super) fn info(&mut self, room: RoomName, part: Part) -> Asked {
        self.awaiting(Awaited::Info(part), Command::Info { room })
    }

    fn change(&mut self, room: RoomName, change: RoomChange) -> Asked {
        self.quietly(Command::Set { room, setting: Setting::Change(change) })
    }

    pub(super) fn order_line(&mut self, room: RoomName, line: OrderLine) -> Asked {
        match line {
            OrderLine::Role { name, role } => {
                with_user(&name, |name| self.quietly(Command::Role { room, name, role }))
            }
            OrderLine::Roles => {
                let command = Command::Roles { room, after: None };
                self.awaiting(Awaited::Roles { further: false }, command)
            }
            OrderLine::Kick { name, reason } => with_user(&name, |name| {
                with_reason(reason.as_deref(), |reason| {
                    self.quietly(Command::Kick { room, name, reason })
                })
            }),
            OrderLine::Restrict { what, whom, for_ms, reason } => match self::whom(&whom) {
                Ok(whom) => with_reason(reason.as_deref(), |reason| {
                    self.quietly(Command::Restrict { room, what, whom, reason, for_ms })
                }),
                Err(refusal) => Asked::Refused(None, refusal),
            },
            OrderLine::Lift { what, whom } => match self::whom(&whom) {
                Ok(whom) => self.quietly(Command::Lift { room, what, whom }),
                Err(refusal) => Asked::Refused(None, refusal),
            },
            OrderLine::Restrictions(what) => self.restricted(room, what),
        }
    }

    fn restricted(&mut self, room: RoomName, what: RestrictionKind) -> Asked {
        let command = Command::Restrictions { room, after: None };
        self.awaiting(Awaited::Restrictions { what, any: false }, command)
    }
}

/// Whom a ban or a mute is for: a pattern, an address or network, `address:NAME`, or a name. No name
/// has the characters of a pattern or begins with a digit.
pub(crate) fn whom(typed: &str) -> Result<Whom, Refusal> {
    let invalid = |text: String| Refusal::new(ErrorCode::WhomInvalid, text);
    let user = |name: &str| UserName::known(name).map_err(|e| invalid(format!("{name}: {e}.")));
    let of_address = ["address:", "ip:"].iter().find_map(|start| typed.strip_prefix(start));
    if let Some(name) = of_address.filter(|name| !name.is_empty()) {
        return user(name.strip_prefix('@').unwrap_or(name)).map(Whom::AddressOf);
    }
    if typed.contains(['*', '?']) {
        let pattern = NamePattern::parse(typed);
        return pattern.map(Whom::Pattern).map_err(|error| invalid(sentence(&error.to_string())));
    }
    if let Some(network) = parse_network(typed) {
        return Ok(Whom::Network(network));
    }
    let address = typed.split_once('/').map_or(typed, |(address, _)| address);
    if address.parse::<IpAddr>().is_ok() || typed.starts_with(|c: char| c.is_ascii_digit()) {
        let text = "That is no address and no network, like 10.0.0.7 or 10.0.0.0/16.";
        return Err(invalid(text.into()));
    }
    user(typed).map(Whom::User)
}

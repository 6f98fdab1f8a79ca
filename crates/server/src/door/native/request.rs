//! From frames to commands: names and texts are checked here, with a code for each rule.

use super::{Native, refuse, room};
use hubbub_hub::{Command, Entry, Refusal};
use hubbub_protocol::frame::{MessageKind, Request, Target};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{
    Body, ErrorCode, InviteCode, Password, RoomAddress, RoomName, Said, Text, UserName, VERSIONS,
    limits,
};

/// The name of somebody else, or of a conversation: any that the server may once have taken.
pub(super) fn known_user(name: &str) -> Result<UserName, Refusal> {
    UserName::known(name).map_err(|error| refuse(ErrorCode::NameInvalid, error))
}

/// A room that may be there: looked up for every message, so without what only new names need.
pub(super) fn known_room(name: &str) -> Result<RoomName, Refusal> {
    RoomName::known(name).map_err(|error| refuse(ErrorCode::RoomInvalid, error))
}

/// A room that may be made.
pub(super) fn room_name(name: &str) -> Result<RoomName, Refusal> {
    RoomName::parse(name).map_err(|error| refuse(ErrorCode::RoomInvalid, error))
}

pub(super) fn address(target: &Target) -> Result<RoomAddress, Refusal> {
    Ok(match target {
        Target::Room(name) => RoomAddress::Room(known_room(name)?),
        Target::User(name) => RoomAddress::User(known_user(name)?),
    })
}

pub(super) fn text(text: &str) -> Result<Text, Refusal> {
    Text::parse(text).map_err(|error| refuse(ErrorCode::TextInvalid, error))
}

fn given(password: &Hidden) -> Result<Password, Refusal> {
    Password::given(password.expose()).map_err(|e| refuse(ErrorCode::PasswordInvalid, e))
}

fn chosen(password: &Hidden) -> Result<Password, Refusal> {
    Password::chosen(password.expose()).map_err(|e| refuse(ErrorCode::PasswordInvalid, e))
}

fn invite(code: Option<&Hidden>) -> Result<Option<InviteCode>, Refusal> {
    let parsed = code.map(|code| InviteCode::parse(code.expose()));
    match parsed {
        None => Ok(None),
        Some(Some(code)) => Ok(Some(code)),
        Some(None) => Err(refuse(
            ErrorCode::InviteInvalid,
            "An invite code has 16 letters and digits, like abcd-efgh-jkmn-pqrs.",
        )),
    }
}

/// The fields of a `hello` that say who comes.
struct Coming {
    name: Option<String>,
    password: Option<Hidden>,
    register: bool,
    invite: Option<Hidden>,
}

impl Coming {
    fn entry(&self) -> Result<Option<Entry>, Refusal> {
        match (&self.password, self.register) {
            (None, false) => Ok(None),
            (None, true) => {
                let text = "To register, a password is needed beside the name.";
                Err(refuse(ErrorCode::PasswordInvalid, text))
            }
            (Some(password), true) => {
                let invite = invite(self.invite.as_ref())?;
                Ok(Some(Entry::Register { password: chosen(password)?, invite }))
            }
            (Some(password), false) => Ok(Some(Entry::Password(given(password)?))),
        }
    }
}

impl Native {
    pub(super) fn command(&self, request: Request) -> Result<Command, Refusal> {
        let request = match room::command(request)? {
            Ok(command) => return Ok(command),
            Err(request) => request,
        };
        Ok(match request {
            // Done above.
            Request::Edit { .. }
            | Request::Delete { .. }
            | Request::React { .. }
            | Request::Pin { .. }
            | Request::Typing { .. }
            | Request::Away { .. }
            | Request::Highlights { .. }
            | Request::Info { .. }
            | Request::Set { .. }
            | Request::Role { .. }
            | Request::Roles { .. }
            | Request::Kick { .. }
            | Request::Restrict { .. }
            | Request::Lift { .. }
            | Request::Restrictions { .. }
            | Request::Search { .. }
            | Request::Join { .. } => Command::Ping,
            Request::Hello { versions, name, instance, resume, password, register, invite } => {
                let offered = versions.iter().take(limits::VERSIONS_OFFERED);
                if !offered.clone().any(|version| VERSIONS.contains(version)) {
                    let text = format!("This server speaks the versions {VERSIONS:?}.");
                    return Err(refuse(ErrorCode::Version, text));
                }
                let coming = Coming { name, password, register, invite };
                let entry = coming.entry()?;
                let parsed = coming.name.as_deref().map(|name| match entry {
                    // An account's name was taken once, and may have become reserved since.
                    Some(Entry::Password(_)) => UserName::known(name),
                    Some(Entry::Register { .. }) | None => UserName::parse(name),
                });
                let name = match parsed {
                    None => None,
                    Some(Ok(name)) => Some(name),
                    Some(Err(error)) => {
                        let near = coming.name.as_deref().and_then(UserName::near);
                        return Ok(Command::NameInvalid { error, near });
                    }
                };
                Command::Hello { name, instance, resume, fresh: self.fresh[0], entry }
            }
            Request::Register { password, invite: code } => {
                Command::Register { password: chosen(&password)?, invite: invite(code.as_ref())? }
            }
            Request::Login { name, password } => Command::Login {
                name: known_user(&name)?,
                password: given(&password)?,
                fresh: self.fresh[1],
            },
            Request::Logout => Command::Logout,
            Request::Password { old, new } => {
                Command::Password { old: given(&old)?, new: chosen(&new)? }
            }
            Request::Logins => Command::Logins,
            Request::Revoke { login } => Command::Revoke { login },
            Request::Nick { name } => match UserName::parse(&name) {
                Ok(name) => Command::Nick { name },
                Err(error) => Command::NameInvalid { error, near: UserName::near(&name) },
            },
            Request::Ask { user } => Command::Ask { name: known_user(&user)? },
            Request::Accept { user } => Command::Accept { name: known_user(&user)? },
            Request::Reject { user } => Command::Reject { name: known_user(&user)? },
            Request::End { user } => Command::End { name: known_user(&user)? },
            Request::Links { after } => Command::Links { after },
            Request::Block { user } => Command::Block { name: known_user(&user)?, on: true },
            Request::Unblock { user } => Command::Block { name: known_user(&user)?, on: false },
            Request::Policy { private } => Command::Policy { policy: private },
            Request::Group { room, retention } => {
                let retention = retention.map(room::retention).transpose()?;
                Command::Group { room: room_name(&room)?, retention }
            }
            Request::Invite { room, user } => {
                Command::Invite { room: known_room(&room)?, name: known_user(&user)? }
            }
            Request::Decline { room } => Command::Decline { room: known_room(&room)? },
            Request::Mark { target, seq } => Command::Mark { address: address(&target)?, seq },
            Request::Draft { target, text: draft } => {
                let draft = draft.filter(|draft| !draft.is_empty());
                let draft = draft.map(|draft| text(&draft)).transpose()?;
                Command::Draft { address: address(&target)?, text: draft }
            }
            Request::Leave { room } => Command::Leave { room: known_room(&room)? },
            Request::Send { target, text: said, kind, reply, counter } => {
                let said = Said { reply, ..text(&said)?.into() };
                let body = match kind {
                    MessageKind::Text => Body::Text(said),
                    MessageKind::Action => Body::Action(said),
                };
                // A native client keeps what must wait itself.
                Command::Send { address: address(&target)?, body, counter, hold: false }
            }
            Request::History { target, page, limit } => {
                let limit = limit.unwrap_or(limits::PAGE);
                Command::History { address: address(&target)?, page, limit }
            }
            Request::Rooms { after } => Command::Rooms { after },
            Request::Members { room, after } => {
                Command::Members { room: known_room(&room)?, after }
            }
            Request::Users { after } => Command::Users { after },
            Request::Admin { line } => Command::Manage { line },
            Request::Setup { token } => Command::Setup { token },
            Request::Ping => Command::Ping,
            Request::Quit => Command::Quit,
        })
    }
}

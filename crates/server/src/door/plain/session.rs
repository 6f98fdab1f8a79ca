//! Lines of somebody who has a name.

mod messages;
mod rooms;

use super::commands;
use super::parse::{Line, Person};
use super::prompt::{Prompt, Step, sentence};
use super::{Awaited, Plain, command, notices, refuse, say};
use crate::admit::Asked;
use hubbub_hub::Command;
use hubbub_protocol::frame::Page;
use hubbub_protocol::{
    Body, ErrorCode, Note, PrivatePolicy, RoomAddress, RoomName, Said, Text, UserName,
};

use rooms::join;

pub(crate) use rooms::whom;

impl Plain {
    pub(super) fn decode_named(&mut self, line: Line) -> Option<Asked> {
        Some(match line {
            Line::Nothing => return None,
            Line::Say(text) => self.say_here(&text, false),
            Line::Me(text) => self.say_here(&text, true),
            Line::SayInLobby(text) => match self.lobby.clone() {
                Some(lobby) => message(RoomAddress::Room(lobby), &text, false),
                None => refuse(ErrorCode::NotMember, "You are not in the lobby. /join it first."),
            },
            Line::SayTo { name, text } => {
                with_user(&name, |name| message(RoomAddress::User(name), &text, false))
            }
            Line::Join { room, retention, secret } => join(&room, retention, secret),
            Line::Leave => self.in_focus(|_, room| command(Command::Leave { room })),
            Line::Who => self.in_focus(|_, room| command(Command::Members { room, after: None })),
            Line::Rooms => command(Command::Rooms { after: None }),
            Line::Users => command(Command::Users { after: None }),
            Line::History { with: None, limit } => self.in_focus(|door, room| {
                door.history_of(RoomAddress::Room(room), Page::Latest, limit)
            }),
            Line::History { with: Some(name), limit } => with_user(&name, |name| {
                self.history_of(RoomAddress::User(name), Page::Latest, limit)
            }),
            Line::Room(line) => self.in_focus(|door, room| door.room_line(room, line)),
            Line::Order(line) => self.in_focus(|door, room| door.order_line(room, line)),
            Line::Message(line) => self.message_line(line),
            Line::Away(why) => self.away(why.as_deref()),
            Line::Back => {
                let said = "-- You are back.\n".into();
                self.awaiting(Awaited::Done(said), Command::Away { note: None })
            }
            Line::Highlights(None) => self.answer(&notices::highlights(&self.highlights)),
            Line::Highlights(Some(words)) => {
                self.awaiting(Awaited::Highlights(words.clone()), Command::Highlights { words })
            }
            Line::Manage(line) => command(Command::Manage { line }),
            Line::Setup(token) => {
                let said =
                    "-- You are an admin of this server now. /help admin tells more.\n".into();
                self.awaiting(Awaited::Done(said), Command::Setup { token })
            }
            Line::Sync => command(Command::Ping),
            Line::Quit => command(Command::Quit),
            Line::Help(topic) => self.answer(&commands::help(topic)),
            Line::Time => self.answer(&say::time_now()),
            Line::Unknown(text) => refuse(ErrorCode::UnknownCommand, text),
            Line::Usage(text) => refuse(ErrorCode::Usage, text),
            Line::Person { what, name } => with_user(&name, |name| self.about(what, name)),
            Line::Private => command(Command::Links { after: None }),
            Line::Policy(policy) => {
                self.awaiting(Awaited::Done(policy_text(policy)), Command::Policy { policy })
            }
            Line::Group(room) => with_room(&room, |room| {
                self.awaiting(Awaited::Group, Command::Group { room, retention: None })
            }),
            Line::Invite { name, room } => self.invite(&name, room.as_deref()),
            Line::Decline(room) => with_room(&room, |room| {
                let said = format!("-- You declined the invitation into {room}.\n");
                self.awaiting(Awaited::Done(said), Command::Decline { room })
            }),
            other => self.decode_account(other),
        })
    }

    fn decode_account(&mut self, line: Line) -> Asked {
        // The hub would say the same; but nobody should type a password for it.
        let needs = match (&line, self.account) {
            (Line::Passwd, false) => Some((ErrorCode::NotAccount, NO_ACCOUNT)),
            (Line::Register(_) | Line::Login(_), true) => Some((ErrorCode::IsAccount, AN_ACCOUNT)),
            _ => None,
        };
        if let Some((code, text)) = needs {
            return refuse(code, text);
        }
        match line {
            Line::Register(words) => self.register_guest(&words),
            Line::Login(words) => self.login(&words),
            Line::Passwd => self.step(Step::Ask(None, Prompt::Old)),
            Line::Logins => command(Command::Logins),
            Line::Revoke(number) => {
                match number.checked_sub(1).and_then(|at| self.logins.get(at)) {
                    Some(&login) => {
                        let said = format!("-- Login {number} is ended.\n");
                        self.awaiting(Awaited::Done(said), Command::Revoke { login })
                    }
                    None => refuse(ErrorCode::NoSuchLogin, "/logins shows the numbers first."),
                }
            }
            Line::Nick(name) => match UserName::parse(&name) {
                Ok(name) => command(Command::Nick { name }),
                Err(error) => command(Command::NameInvalid { error, near: UserName::near(&name) }),
            },
            // All that is left.
            _ => command(Command::Logout),
        }
    }

    fn about(&mut self, what: Person, name: UserName) -> Asked {
        let (said, command) = match what {
            // A notice tells that the chat is open or over.
            Person::Ask => (String::new(), Command::Ask { name }),
            Person::Accept => (String::new(), Command::Accept { name }),
            Person::End => (String::new(), Command::End { name }),
            Person::Reject => {
                (format!("-- You declined {name}'s question.\n"), Command::Reject { name })
            }
            Person::Block => (
                format!("-- You hear no more of {name}'s questions.\n"),
                Command::Block { name, on: true },
            ),
            Person::Unblock => {
                (format!("-- {name} can ask you again.\n"), Command::Block { name, on: false })
            }
        };
        self.awaiting(Awaited::Done(said), command)
    }

    fn invite(&mut self, name: &str, room: Option<&str>) -> Asked {
        let room = match (room, self.focus()) {
            (Some(room), _) => room.to_owned(),
            (None, Some(focus)) => focus.name.as_str().to_owned(),
            (None, None) => {
                let text = "You are in no group. /invite NAME GROUP names one.";
                return refuse(ErrorCode::NotMember, text);
            }
        };
        with_user(name, |name| {
            with_room(&room, |room| {
                let said = format!("-- You invited {name} into {room}.\n");
                self.awaiting(Awaited::Done(said), Command::Invite { room, name })
            })
        })
    }

    /// Something about the room in focus.
    fn in_focus(&mut self, ask: impl FnOnce(&mut Self, RoomName) -> Asked) -> Asked {
        match self.focus().map(|focus| focus.name.clone()) {
            Some(room) => ask(self, room),
            None => refuse(ErrorCode::NotMember, "You are in no room. /join ROOM first."),
        }
    }

    fn say_here(&self, text: &str, action: bool) -> Asked {
        match self.focus() {
            Some(focus) => message(RoomAddress::Room(focus.name.clone()), text, action),
            None => refuse(
                ErrorCode::NotMember,
                "You are in no room, so nobody would hear that. /join ROOM first.",
            ),
        }
    }

    fn away(&mut self, why: Option<&str>) -> Asked {
        with_note(why.unwrap_or(say::room::AWAY), |note| {
            let said = "-- You are away until you say /back.\n".into();
            self.awaiting(Awaited::Done(said), Command::Away { note: Some(note) })
        })
    }
}

const NO_ACCOUNT: &str = "You have no account yet. /register makes one of the name you have.";
const AN_ACCOUNT: &str = "You are in with an account already. /logout leaves it.";

fn policy_text(policy: Option<PrivatePolicy>) -> String {
    let text = match policy {
        Some(PrivatePolicy::Ask) => "people ask before they can write to you",
        Some(PrivatePolicy::Open) => "everybody can write to you without asking",
        Some(PrivatePolicy::Closed) => "nobody can begin a private chat with you",
        None => "what the server says counts for private chats with you",
    };
    format!("-- From now on {text}.\n")
}

/// With the name of somebody else: any that the server may once have taken.
fn with_user(name: &str, make: impl FnOnce(UserName) -> Asked) -> Asked {
    match UserName::known(name) {
        Ok(name) => make(name),
        Err(error) => refuse(ErrorCode::NoSuchUser, format!("{name}: {error}.")),
    }
}

fn with_room(room: &str, make: impl FnOnce(RoomName) -> Asked) -> Asked {
    match RoomName::parse(room) {
        Ok(room) => make(room),
        Err(error) => refuse(ErrorCode::RoomInvalid, format!("{room}: {error}.")),
    }
}

/// With a line about something.
fn with_note(text: &str, make: impl FnOnce(Note) -> Asked) -> Asked {
    match Note::parse(text) {
        Ok(note) => make(note),
        Err(error) => refuse(ErrorCode::NoteInvalid, sentence(&error.to_string())),
    }
}

/// The same where it may be missing.
fn with_reason(text: Option<&str>, make: impl FnOnce(Option<Note>) -> Asked) -> Asked {
    match text {
        Some(text) => with_note(text, |note| make(Some(note))),
        None => make(None),
    }
}

fn with_text(text: &str, make: impl FnOnce(Text) -> Asked) -> Asked {
    match Text::parse(text) {
        Ok(text) => make(text),
        Err(error) => refuse(ErrorCode::TextInvalid, format!("Not sent: {error}.")),
    }
}

fn message(address: RoomAddress, text: &str, action: bool) -> Asked {
    with_text(text, |text| send(address, text.into(), action))
}

fn send(address: RoomAddress, said: Said, action: bool) -> Asked {
    let body = if action { Body::Action(said) } else { Body::Text(said) };
    command(Command::Send { address, body, counter: None, hold: true })
}

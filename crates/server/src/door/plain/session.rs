//! Lines of somebody who has a name.

use super::commands;
use super::parse::{Line, Person};
use super::prompt::{Prompt, Step};
use super::{Awaited, Plain, command, refuse, say};
use crate::admit::Asked;
use hubbub_hub::Command;
use hubbub_protocol::frame::Page;
use hubbub_protocol::{Body, ErrorCode, PrivatePolicy, RoomAddress, RoomName, Text, UserName};

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
            Line::Join { room, retention } => with_room(&room, |room| {
                let address = RoomAddress::Room(room);
                command(Command::Join { address, after: None, retention })
            }),
            Line::Leave => self.in_focus(|room| Command::Leave { room }),
            Line::Who => self.in_focus(|room| Command::Members { room, after: None }),
            Line::Rooms => command(Command::Rooms { after: None }),
            Line::Users => command(Command::Users { after: None }),
            Line::History { with: None, limit } => self.in_focus(|room| Command::History {
                address: RoomAddress::Room(room),
                page: Page::Latest,
                limit,
            }),
            Line::History { with: Some(name), limit } => with_user(&name, |name| {
                let address = RoomAddress::User(name);
                command(Command::History { address, page: Page::Latest, limit })
            }),
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
            (None, Some((_, room))) => room.as_str().to_owned(),
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

    fn in_focus(&self, make: impl FnOnce(RoomName) -> Command) -> Asked {
        match self.focus() {
            Some((_, room)) => command(make(room.clone())),
            None => refuse(ErrorCode::NotMember, "You are in no room. /join ROOM first."),
        }
    }

    fn say_here(&self, text: &str, action: bool) -> Asked {
        match self.focus() {
            Some((_, room)) => message(RoomAddress::Room(room.clone()), text, action),
            None => refuse(
                ErrorCode::NotMember,
                "You are in no room, so nobody would hear that. /join ROOM first.",
            ),
        }
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

fn message(address: RoomAddress, text: &str, action: bool) -> Asked {
    match Text::parse(text) {
        Ok(text) => {
            let body = if action { Body::Action { text } } else { Body::Text { text } };
            command(Command::Send { address, body, counter: None, hold: true })
        }
        Err(error) => refuse(ErrorCode::TextInvalid, format!("Not sent: {error}.")),
    }
}

//! The plain door: lines of text for people with netcat or telnet, and for scripts.
//!
//! One line is one message to the room in focus; `/word` is a command (see `commands`). The server
//! never echoes; lines that begin with `--` are its own, lines that begin with `!` are errors.

mod commands;
mod parse;
mod say;
mod telnet;

pub use parse::parse;
pub use say::delivery;
pub use telnet::Telnet;

use super::Variant;
use crate::admit::Asked;
use hubbub_hub::{Command, Refusal, Reply};
use hubbub_protocol::frame::Page;
use hubbub_protocol::{
    Body, CloseCode, ErrorCode, ResumeToken, RoomAddress, RoomId, RoomName, Text, UserName, limits,
    sanitize,
};
use hubbub_store::HistoryPage;
use parse::Line;

/// The state of one plain connection.
#[derive(Debug)]
pub struct Plain {
    fresh: ResumeToken,
    named: bool,
    lobby: Option<RoomName>,
    /// The rooms that it is in; the last one is in focus.
    rooms: Vec<(RoomId, RoomName)>,
    /// Between the pages of a list.
    in_list: bool,
    /// Takes out telnet's commands and answers them.
    pub telnet: Telnet,
}

/// What a connection is asked first.
const ASK_NAME: &str = "What is your name?\n";

impl Plain {
    /// For a new connection; `fresh` is a random token, which this door never shows.
    #[must_use]
    pub fn new(fresh: ResumeToken) -> Self {
        Self {
            fresh,
            named: false,
            lobby: None,
            rooms: Vec::new(),
            in_list: false,
            telnet: Telnet::default(),
        }
    }

    /// What the server says to somebody who waits for it to speak first.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        self.crlf(format!("-- This is a Hubbub chat server.\n{ASK_NAME}").into_bytes())
    }

    fn focus(&self) -> Option<&(RoomId, RoomName)> {
        self.rooms.last()
    }

    pub(crate) fn variant(&self, room: RoomId) -> Variant {
        let here = self.focus().is_some_and(|(focus, _)| *focus == room);
        match (here, self.telnet.wants_crlf()) {
            (true, false) => Variant::PlainHere,
            (false, false) => Variant::PlainElsewhere,
            (true, true) => Variant::PlainHereCrlf,
            (false, true) => Variant::PlainElsewhereCrlf,
        }
    }

    pub(crate) fn too_long() -> Asked {
        let text = format!("A line may have {} bytes; this one was skipped.", limits::FRAME_BYTES);
        refuse(ErrorCode::TooLong, text)
    }

    pub(crate) fn decode(&mut self, line: &[u8]) -> Option<Asked> {
        let Ok(line) = std::str::from_utf8(line) else {
            return Some(refuse(
                ErrorCode::NotUtf8,
                "The line is not UTF-8 and was skipped. Set your terminal to UTF-8.",
            ));
        };
        let line = sanitize::typed(line);
        let parsed = parse(&line);
        if !self.named {
            return self.decode_name(parsed);
        }
        match parsed {
            Line::Nothing => None,
            Line::Say(text) => Some(self.say_here(&text, false)),
            Line::Me(text) => Some(self.say_here(&text, true)),
            Line::SayInLobby(text) => Some(match self.lobby.clone() {
                Some(lobby) => message(RoomAddress::Room(lobby), &text, false),
                None => refuse(ErrorCode::NotMember, "You are not in the lobby. /join it first."),
            }),
            Line::SayTo { name, text } => Some(match UserName::known(&name) {
                Ok(name) => message(RoomAddress::User(name), &text, false),
                Err(error) => refuse(ErrorCode::NoSuchUser, format!("{name}: {error}.")),
            }),
            Line::Join { room, retention } => Some(match RoomName::parse(&room) {
                Ok(room) => {
                    let address = RoomAddress::Room(room);
                    command(Command::Join { address, after: None, retention })
                }
                Err(error) => refuse(ErrorCode::RoomInvalid, format!("{room}: {error}.")),
            }),
            Line::Leave => Some(self.in_focus(|room| Command::Leave { room })),
            Line::Who => Some(self.in_focus(|room| Command::Members { room, after: None })),
            Line::Rooms => Some(command(Command::Rooms { after: None })),
            Line::Users => Some(command(Command::Users { after: None })),
            Line::History(limit) => Some(self.in_focus(|room| Command::History {
                address: RoomAddress::Room(room),
                page: Page::Latest,
                limit,
            })),
            Line::Sync => Some(command(Command::Ping)),
            Line::Quit => Some(command(Command::Quit)),
            Line::Help => Some(Asked::Answer(self.crlf(commands::help().into_bytes()))),
            Line::Time => Some(Asked::Answer(self.crlf(say::time_now().into_bytes()))),
            Line::Unknown(text) => Some(refuse(ErrorCode::UnknownCommand, text)),
            Line::Usage(text) => Some(refuse(ErrorCode::Usage, text)),
        }
    }

    fn decode_name(&self, line: Line) -> Option<Asked> {
        let name = match line {
            Line::Nothing => return None,
            Line::Quit => return Some(command(Command::Quit)),
            Line::Help => {
                let text = "-- First a name, on a line of its own. /quit leaves.\n";
                return Some(Asked::Answer(self.crlf(text.into())));
            }
            Line::Say(name) => name,
            _ => {
                let text = "First your name. Commands work after that.";
                return Some(refuse(ErrorCode::HelloFirst, text));
            }
        };
        Some(match UserName::parse(name.trim()) {
            Ok(name) => command(Command::Hello {
                name: Some(name),
                instance: None,
                resume: None,
                fresh: self.fresh,
            }),
            Err(error) => {
                refuse(ErrorCode::NameInvalid, format!("{}.", capitalised(&error.to_string())))
            }
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

    pub(crate) fn reply(&mut self, reply: Reply, out: &mut Vec<u8>) -> Option<Command> {
        let mut text = String::new();
        let follow_up = self.reply_text(reply, &mut text);
        out.extend_from_slice(&self.crlf(text.into_bytes()));
        follow_up
    }

    fn reply_text(&mut self, reply: Reply, out: &mut String) -> Option<Command> {
        match reply {
            Reply::Welcome { user, lobby, .. } => {
                self.named = true;
                self.lobby = Some(lobby.clone());
                out.push_str(&format!("-- Welcome, {}! /help lists the commands.\n", user.name));
                let address = RoomAddress::Room(lobby);
                return Some(Command::Join { address, after: None, retention: None });
            }
            Reply::Joined { address, head, retention, members, created, .. } => {
                if let RoomAddress::Room(room) = address {
                    self.rooms.retain(|(id, _)| *id != head.room);
                    out.push_str(&say::joined(&room, head.seq, retention, members, created));
                    self.rooms.push((head.room, room));
                }
            }
            Reply::Left { room, id } => {
                self.rooms.retain(|(joined, _)| *joined != id);
                out.push_str(&say::left(&room, self.focus().map(|(_, room)| room)));
            }
            Reply::Sent { .. } => {}
            Reply::Rooms { rooms, next } => {
                say::rooms(&rooms, self.continues(next.is_some()), out);
                return next.map(|next| Command::Rooms { after: Some(next) });
            }
            Reply::Members { room, members, count, next } => {
                let title = format!("In {room}");
                say::people(&title, &members, count, self.continues(next.is_some()), out);
                return next.map(|next| Command::Members { room, after: Some(next) });
            }
            Reply::Users { users, count, next } => {
                say::people("Online", &users, count, self.continues(next.is_some()), out);
                return next.map(|next| Command::Users { after: Some(next) });
            }
            Reply::Pong { .. } => {
                out.push_str("-- In sync: the server has done everything before this.\n")
            }
            Reply::Refused(refusal) => {
                self.in_list = false;
                out.push_str(&format!("! {}\n", sanitize::for_terminal_line(&refusal.text)));
                if !self.named {
                    out.push_str(ASK_NAME);
                }
            }
        }
        None
    }

    /// Whether this page continues a list, and notes whether another will.
    fn continues(&mut self, more: bool) -> bool {
        std::mem::replace(&mut self.in_list, more)
    }

    pub(crate) fn history(&mut self, page: &HistoryPage, out: &mut Vec<u8>) {
        let mut text = String::new();
        say::history(page, &mut text);
        out.extend_from_slice(&self.crlf(text.into_bytes()));
    }

    pub(crate) fn close(&self, code: CloseCode, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.crlf(format!("-- {}\n", code.text()).into_bytes()));
    }

    fn crlf(&self, text: Vec<u8>) -> Vec<u8> {
        if self.telnet.wants_crlf() { with_crlf(&text) } else { text }
    }
}

/// Text with `\n` as telnet wants it (RFC 854: the end of a line is CR LF).
#[must_use]
pub fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    for &byte in text {
        if byte == b'\n' {
            out.push(b'\r');
        }
        out.push(byte);
    }
    out
}

fn command(command: Command) -> Asked {
    Asked::Command(None, command)
}

fn refuse(code: ErrorCode, text: impl Into<String>) -> Asked {
    Asked::Refused(None, Refusal { code, text: text.into(), suggestion: None })
}

fn message(address: RoomAddress, text: &str, action: bool) -> Asked {
    match Text::parse(text) {
        Ok(text) => {
            let body = if action { Body::Action { text } } else { Body::Text { text } };
            command(Command::Send { address, body, counter: None })
        }
        Err(error) => refuse(ErrorCode::TextInvalid, format!("Not sent: {error}.")),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

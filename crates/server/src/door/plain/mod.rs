//! The plain door: lines of text for people with netcat or telnet, and for scripts.
//!
//! One line is one message to the room in focus; `/word` is a command (see `commands`). The server
//! never echoes; lines that begin with `--` are its own, lines that begin with `!` are errors, and
//! lines that end with `?` or `:` ask for a name or a password (see `prompt`). Here is what the
//! connection remembers; `entering` and `session` understand lines before and after the name,
//! `hearing` says answers.

mod awaited;
mod commands;
mod entering;
mod hearing;
mod notices;
mod parse;
mod prompt;
mod say;
mod session;
mod telnet;
#[cfg(test)]
mod tests;

pub use commands::Topic;
pub use parse::{
    About, Line, MessageLine, Moment, NoteWish, OrderLine, Person, Place, RoomLine, Secret, Wanted,
    parse, parse_before_name,
};
pub use say::delivery;
pub use telnet::Telnet;

pub(crate) use parse::{Span, span, split_word};
pub(crate) use say::{in_room, when, when_exactly};
pub(crate) use session::whom;

use super::Variant;
use crate::admit::Asked;
use crate::reading::Hits;
use awaited::{AWAITED, Awaited, Looked, More};
use hubbub_hub::{Command, NO_PASSWORDS, Refusal, WITH_TLS};
use hubbub_protocol::frame::LinkEntry;
use hubbub_protocol::{
    Author, CloseCode, ErrorCode, Event, LoginId, Position, ResumeToken, RoomAddress, RoomId,
    RoomName, Seq, UserName, sanitize,
};
use hubbub_store::HistoryPage;
use prompt::Prompt;
use std::collections::VecDeque;
use std::sync::Arc;

/// The state of one plain connection.
#[derive(Debug)]
pub struct Plain {
    fresh: [ResumeToken; 2],
    /// Who it is, when that is known.
    me: Option<Author>,
    account: bool,
    lobby: Option<RoomName>,
    /// The rooms that it is in; the last one is in focus.
    rooms: Vec<Joined>,
    /// Conversations that are still to be attached after a welcome.
    attach: VecDeque<RoomAddress>,
    /// Private chats whose missed messages are on their way.
    missed: Vec<(RoomId, UserName)>,
    /// Between the pages of a list.
    in_list: bool,
    /// The pages of `/private` that came so far.
    links: Vec<LinkEntry>,
    /// The logins as they were listed last, by their numbers.
    logins: Vec<LoginId>,
    /// The next line answers this.
    prompt: Option<Prompt>,
    /// What the request with [`AWAITED`] was, as far as its answer does not say.
    awaited: Option<Awaited>,
    /// The same of the command that this door added to a request, whose answer comes next.
    follows: Option<Awaited>,
    /// What `/more` goes on with.
    more: Option<Box<More>>,
    /// The words that call the account.
    highlights: Vec<String>,
    /// Whether passwords may be sent over this connection.
    takes_passwords: bool,
    /// A line was typed that the terminal did not show, its end included.
    unseen_line: bool,
    /// Takes out telnet's commands and answers them.
    pub telnet: Telnet,
}

/// A room that the connection is in.
#[derive(Debug)]
struct Joined {
    id: RoomId,
    name: RoomName,
    /// The last message that was said there on this connection, as far as that is certain.
    said: Option<Seq>,
}

/// What a connection is asked first.
const ASK_NAME: &str = "What is your name?\n";

impl Plain {
    /// For a new connection; `fresh` are random tokens, which this door never shows.
    #[must_use]
    pub fn new(fresh: [ResumeToken; 2]) -> Self {
        Self {
            fresh,
            me: None,
            account: false,
            lobby: None,
            rooms: Vec::new(),
            attach: VecDeque::new(),
            missed: Vec::new(),
            in_list: false,
            links: Vec::new(),
            logins: Vec::new(),
            prompt: None,
            awaited: None,
            follows: None,
            more: None,
            highlights: Vec::new(),
            takes_passwords: false,
            unseen_line: false,
            telnet: Telnet::default(),
        }
    }

    /// Whether passwords may be sent over this connection. Else none is asked for: it would have crossed
    /// the wire before the hub could refuse it.
    pub fn take_passwords(&mut self, may: bool) {
        self.takes_passwords = may;
    }

    /// What the server says to somebody who waits for it to speak first.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        self.crlf(format!("-- This is a Hubbub chat server.\n{ASK_NAME}").into_bytes())
    }

    /// Whether the next line answers a question.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.prompt.is_some()
    }

    fn is_named(&self) -> bool {
        self.me.is_some()
    }

    fn focus(&self) -> Option<&Joined> {
        self.rooms.last()
    }

    pub(crate) fn variant(&self, room: RoomId) -> Variant {
        let crlf = self.telnet.wants_crlf();
        let here = self.focus().is_some_and(|focus| focus.id == room);
        let is_room = self.rooms.iter().any(|joined| joined.id == room);
        match (&self.me, here, crlf) {
            // What it hears without having joined is a private chat.
            (Some(me), ..) if !is_room => Variant::PlainPrivate { me: me.id, crlf },
            (_, true, false) => Variant::PlainHere,
            (_, false, false) => Variant::PlainElsewhere,
            (_, true, true) => Variant::PlainHereCrlf,
            (_, false, true) => Variant::PlainElsewhereCrlf,
        }
    }

    pub(crate) fn too_long(&mut self, most: usize) -> Asked {
        let text = format!("A line may have {most} bytes; this one was skipped.");
        self.skipped(ErrorCode::TooLong, text)
    }

    pub(crate) fn decode(&mut self, line: &[u8]) -> Option<Asked> {
        // The last line of a connection comes as it is.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else {
            let text = "The line is not UTF-8 and was skipped. Set your terminal to UTF-8.";
            return Some(self.skipped(ErrorCode::NotUtf8, text.into()));
        };
        if let Some(prompt) = self.prompt.take() {
            self.unseen_line = prompt.is_secret() && self.telnet.is_hiding();
            return Some(self.step(prompt.answer(line)));
        }
        let typed = sanitize::typed(line);
        let parsed = if self.is_named() { parse(&typed) } else { parse_before_name(&typed) };
        if matches!(parsed, Line::Login(_) | Line::Register(_)) && typed != line {
            // What was left out could be a part of the password.
            let text = "That line has control characters (an arrow key?). Type it again.";
            return Some(refuse(ErrorCode::PasswordInvalid, text));
        }
        if self.is_named() { self.decode_named(parsed) } else { self.decode_unnamed(parsed) }
    }

    /// A line that can't be looked at. A question stays.
    fn skipped(&mut self, code: ErrorCode, text: String) -> Asked {
        match self.prompt.take() {
            Some(prompt) => {
                self.unseen_line = prompt.is_secret() && self.telnet.is_hiding();
                self.ask(Some(text), prompt)
            }
            None => refuse(code, text),
        }
    }

    /// The question of a prompt, and that it is open from now on.
    fn question(&mut self, prompt: Prompt) -> String {
        let text = prompt.text(!self.telnet.is_telnet());
        self.prompt = Some(prompt);
        text
    }

    fn ask(&mut self, error: Option<String>, prompt: Prompt) -> Asked {
        if !self.takes_passwords {
            // All questions are about a password.
            return refuse(ErrorCode::TlsNeeded, format!("{NO_PASSWORDS}, {WITH_TLS}"));
        }
        let error = error.map_or_else(String::new, |error| format!("! {error}\n"));
        let question = self.question(prompt);
        self.answer(&format!("{error}{question}"))
    }

    fn answer(&mut self, text: &str) -> Asked {
        Asked::Answer(self.speak(text))
    }

    /// A request whose answer is looked for.
    fn awaiting(&mut self, awaited: Awaited, command: Command) -> Asked {
        self.awaited = Some(awaited);
        Asked::Command(AWAITED, command)
    }

    /// Text as it goes out. Shows or hides what is typed from here on, by what is asked now.
    fn speak(&mut self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        if text.is_empty() {
            return out;
        }
        let hides = self.telnet.is_telnet() && self.prompt.as_ref().is_some_and(Prompt::is_secret);
        if self.telnet.is_hiding() && !hides {
            self.telnet.show(&mut out);
        }
        if std::mem::take(&mut self.unseen_line) {
            out.extend_from_slice(b"\r\n");
        }
        if hides && !self.telnet.is_hiding() {
            self.telnet.hide(&mut out);
        }
        out.extend_from_slice(&self.crlf(text.as_bytes().to_vec()));
        out
    }

    pub(crate) fn history(&mut self, page: &HistoryPage, out: &mut Vec<u8>) {
        let mut text = String::new();
        let asked = self.awaited.take();
        let around = match asked {
            Some(Awaited::History { around, .. }) => around,
            _ => None,
        };
        say::history(page, around, &mut text);
        self.more = match (asked, page.events.first()) {
            (Some(Awaited::History { address, limit, .. }), Some(first)) if page.more => {
                Some(Box::new(More::History { address, before: first.seq, limit }))
            }
            _ => None,
        };
        out.extend_from_slice(&self.speak(&text));
    }

    pub(crate) fn found(&mut self, found: &Hits, out: &mut Vec<u8>) {
        let mut text = String::new();
        say::found(found, &mut text);
        self.more = match (self.awaited.take(), found.next) {
            (Some(Awaited::Search(looked)), Some(next)) => {
                Some(Box::new(More::Search { looked, after: next.to_string() }))
            }
            _ => None,
        };
        out.extend_from_slice(&self.speak(&text));
    }

    /// What was said in a private chat while the account was away.
    pub(crate) fn page(&mut self, room: RoomId, events: &[Arc<Event>], out: &mut Vec<u8>) {
        let other = self.missed.iter().find(|(missed, _)| *missed == room).map(|(_, name)| name);
        let me = self.me.as_ref().map(|me| me.id);
        let mut text = String::new();
        for event in events {
            say::missed(event, me, other, &mut text);
        }
        out.extend_from_slice(&self.speak(&text));
    }

    /// All that was missed in a private chat was said.
    pub(crate) fn live(&mut self, head: Position) {
        self.missed.retain(|(room, _)| *room != head.room);
    }

    pub(crate) fn close(&mut self, code: CloseCode, out: &mut Vec<u8>) {
        self.prompt = None;
        out.extend_from_slice(&self.speak(&format!("-- {}\n", code.text())));
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
    Asked::Refused(None, Refusal::new(code, text))
}

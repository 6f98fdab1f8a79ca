//! Lines of somebody who has no name yet, and answers to questions at any time.

use super::commands::{self, Verb};
use super::parse::Line;
use super::prompt::{Attempt, Step};
use super::{ASK_NAME, Awaited, Plain, command, refuse};
use crate::admit::Asked;
use hubbub_hub::Command;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{ErrorCode, UserName};

/// Where a password with spaces can be said.
const AT_THE_QUESTION: &str = "A password with spaces is typed when it is asked for.";

impl Plain {
    pub(super) fn decode_unnamed(&mut self, line: Line) -> Option<Asked> {
        Some(match line {
            Line::Nothing => return None,
            Line::Quit => command(Command::Quit),
            Line::Help(_) => self.answer(commands::HELP_BEFORE_NAME),
            Line::Say(name) => self.wish(&name),
            Line::Login(words) => self.login(&words),
            Line::Register(words) => self.register_as(&words),
            Line::Unknown(text) => refuse(ErrorCode::UnknownCommand, text),
            _ => refuse(ErrorCode::HelloFirst, "First your name. Commands work after that."),
        })
    }

    fn wish(&mut self, name: &str) -> Asked {
        match UserName::parse(name.trim()) {
            Ok(name) => {
                let hello = Command::Hello {
                    name: Some(name.clone()),
                    instance: None,
                    resume: None,
                    fresh: self.fresh[0],
                    entry: None,
                };
                self.awaiting(Awaited::Name(name), hello)
            }
            Err(error) => {
                command(Command::NameInvalid { error, near: UserName::near(name.trim()) })
            }
        }
    }

    /// `/login NAME [PASSWORD]`, at any time.
    pub(super) fn login(&mut self, words: &Hidden) -> Asked {
        let words: Vec<&str> = words.expose().split_ascii_whitespace().collect();
        let (name, password) = match words[..] {
            [name] => (name, None),
            [name, password] => (name, Some(password)),
            _ => return usage(Verb::Login),
        };
        // It may be a password in the wrong place: an error does not repeat it.
        match UserName::known(name) {
            Ok(name) => self.step(Step::login(name, password)),
            Err(_) => refuse(ErrorCode::NameInvalid, "No account can have such a name."),
        }
    }

    /// `/register NAME [PASSWORD] [INVITE]`, before there is a name.
    fn register_as(&mut self, words: &Hidden) -> Asked {
        let words: Vec<&str> = words.expose().split_ascii_whitespace().collect();
        let (name, password, invite) = match words[..] {
            [name] => (name, None, None),
            [name, password] => (name, Some(password), None),
            [name, password, invite] => (name, Some(password), Some(invite)),
            _ => {
                let text = "It goes like this: /register NAME [PASSWORD [INVITE]].";
                return refuse(ErrorCode::Usage, format!("{text} {AT_THE_QUESTION}"));
            }
        };
        match UserName::parse(name) {
            Ok(name) => self.step(Step::register(Some(name), password, invite)),
            Err(error) => command(Command::NameInvalid { error, near: UserName::near(name) }),
        }
    }

    /// `/register [PASSWORD [INVITE]]`, of a guest.
    pub(super) fn register_guest(&mut self, words: &Hidden) -> Asked {
        let words: Vec<&str> = words.expose().split_ascii_whitespace().collect();
        match words[..] {
            [] => self.step(Step::register(None, None, None)),
            [password] => self.step(Step::register(None, Some(password), None)),
            [password, invite] => self.step(Step::register(None, Some(password), Some(invite))),
            _ => usage(Verb::Register),
        }
    }

    /// Goes on after an answer to a question.
    pub(super) fn step(&mut self, step: Step) -> Asked {
        match step {
            Step::Ask(error, prompt) => self.ask(error, prompt),
            Step::Cancelled => {
                let next = if self.is_named() { "" } else { ASK_NAME };
                self.answer(&format!("-- Cancelled.\n{next}"))
            }
            Step::Try(attempt) => {
                let command = attempt.command(self.is_named(), &self.fresh);
                let awaited = match attempt {
                    Attempt::Login { name, wished, .. } => Awaited::Login { name, wished },
                    Attempt::Register { name, password, invite } => {
                        Awaited::Register { name, password, invite }
                    }
                    Attempt::Change { .. } => Awaited::Password,
                };
                self.awaiting(awaited, command)
            }
        }
    }
}

/// How a command with a password is written; without what was typed.
fn usage(verb: Verb) -> Asked {
    let usage = commands::COMMANDS.iter().find(|spec| spec.verb == verb).map(|spec| spec.usage());
    let usage = usage.unwrap_or_default();
    refuse(ErrorCode::Usage, format!("It goes like this: {usage}. {AT_THE_QUESTION}"))
}

//! What a typed line means. Pure, and total: every line has a meaning or an error.

mod message;
mod order;
mod room;
#[cfg(test)]
mod tests;
mod time;

pub use message::{MessageLine, Place, Wanted};
pub use order::OrderLine;
pub use room::{About, NoteWish, RoomLine, Secret};
pub use time::Moment;
pub(crate) use time::{Span, span};

use super::commands::{self, Spec, Topic, Verb};
use crate::verbs::{self, VerbId};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{PrivatePolicy, frame::Retention, limits};

/// Messages that are shown where nobody says how many.
pub(super) const SHOWN: u32 = 20;

/// The meaning of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// White space only.
    Nothing,
    /// A message to the room in focus.
    Say(String),
    /// The same, in the third person.
    Me(String),
    /// A message to the lobby.
    SayInLobby(String),
    /// A message to one person.
    SayTo {
        /// Whom.
        name: String,
        /// What.
        text: String,
    },
    /// Go to a room.
    Join {
        /// Which.
        room: String,
        /// What it keeps, if it is made and the user says so.
        retention: Option<Retention>,
        /// What finds or opens it.
        secret: Option<Secret>,
    },
    /// Leave the room in focus.
    Leave,
    /// List the rooms.
    Rooms,
    /// List the members of the room in focus.
    Who,
    /// List who is online.
    Users,
    /// Show so many of the last messages of the room in focus, or of a private chat.
    History {
        /// With whom.
        with: Option<String>,
        /// How many.
        limit: u32,
    },
    /// Show some of the commands.
    Help(Topic),
    /// Show the time.
    Time,
    /// A fence.
    Sync,
    /// Leave the server.
    Quit,
    /// Something about a private chat with one person.
    Person {
        /// What.
        what: Person,
        /// Whom.
        name: String,
    },
    /// List private chats, questions and invitations.
    Private,
    /// Say who may begin a private chat; `None`: what the server says.
    Policy(Option<PrivatePolicy>),
    /// Make an account. What follows the verb may hold a password.
    Register(Hidden),
    /// Become an account. What follows the verb may hold a password.
    Login(Hidden),
    /// End the login and leave.
    Logout,
    /// Change the password.
    Passwd,
    /// List the logins.
    Logins,
    /// End a login, by its number in the list.
    Revoke(usize),
    /// Take another name.
    Nick(String),
    /// Make a group.
    Group(String),
    /// Invite somebody into a group.
    Invite {
        /// Whom.
        name: String,
        /// Where, if not into the room in focus.
        room: Option<String>,
    },
    /// Decline an invitation into a group.
    Decline(String),
    /// Something about how the room in focus is set up.
    Room(RoomLine),
    /// Something about who keeps order there.
    Order(OrderLine),
    /// Something about a message, or a search.
    Message(MessageLine),
    /// Be away, for this reason if there is one.
    Away(Option<String>),
    /// Be back.
    Back,
    /// Set the words that call the user; `None`: show them.
    Highlights(Option<Vec<String>>),
    /// A verb of whoever runs the server, for admins.
    Manage(String),
    /// Become the first admin. What follows the verb is a secret.
    Setup(Hidden),
    /// No such command: what to tell.
    Unknown(String),
    /// Wrong arguments: what to tell.
    Usage(String),
}

/// What may be wanted of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Ask for a private chat.
    Ask,
    /// Agree to one.
    Accept,
    /// Decline one.
    Reject,
    /// End one.
    End,
    /// Hear no more of them.
    Block,
    /// Hear of them again.
    Unblock,
}

/// The same for a line of somebody who has no name yet: nothing is said, and the older systems'
/// verbs for accounts have no slash.
#[must_use]
pub fn parse_before_name(line: &str) -> Line {
    let line = line.trim();
    let (word, arguments) = split_word(line);
    match word.to_ascii_lowercase().as_str() {
        "login" => Line::Login(Hidden::new(arguments)),
        "register" => Line::Register(Hidden::new(arguments)),
        _ => parse(line),
    }
}

/// Understands a line that was made fit by `sanitize::typed`.
#[must_use]
pub fn parse(line: &str) -> Line {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Line::Nothing;
    }
    if let Some(bare) = bare_verb(trimmed) {
        return bare;
    }
    if let Some(rest) = line.strip_prefix("//") {
        return Line::Say(format!("/{rest}"));
    }
    if let Some(rest) = trimmed.strip_prefix('/')
        && (line.starts_with('/') || takes_secret(rest))
    {
        let (word, arguments) = split_word(rest);
        return slash(&word.to_ascii_lowercase(), arguments);
    }
    if let Some(rest) = line.strip_prefix('@') {
        let (name, text) = split_word(rest);
        if rest.starts_with(name) && !name.is_empty() && !text.is_empty() {
            return Line::SayTo { name: name.into(), text: text.into() };
        }
    }
    Line::Say(line.into())
}

/// Whether a password, a PIN or a key may follow, also behind a misspelt word: then a blank before
/// the slash does not make it a message.
fn takes_secret(command: &str) -> bool {
    let (word, arguments) = split_word(command);
    let word = word.to_ascii_lowercase();
    let spec = commands::find(&word).or_else(|| commands::find(commands::nearest(&word)?));
    spec.is_some_and(|spec| match spec.verb {
        Verb::Login | Verb::Register | Verb::Passwd | Verb::Setup => true,
        Verb::Join => !split_word(arguments).1.is_empty(),
        Verb::Set => room::is_key(arguments),
        _ => false,
    })
}

/// The verbs of the older systems: whole lines, in any case.
fn bare_verb(line: &str) -> Option<Line> {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let person = |what| Line::Person { what, name: words[2].into() };
    Some(match lower[..] {
        ["exit" | "q"] => Line::Quit,
        ["online", "clients"] => Line::Users,
        ["my", "private", "chats"] => Line::Private,
        ["connect", "to", _] => person(Person::Ask),
        ["accept", "connection", _] => person(Person::Accept),
        ["reject", "connection", _] => person(Person::Reject),
        ["end", "private", _] => person(Person::End),
        ["private", "txt", _, _] => {
            let text = after_words(line, 3);
            Line::SayTo { name: words[2].into(), text: text.into() }
        }
        // Meant for the question for a name, and with a password in it: never a message.
        ["login" | "register", _] | ["login" | "register", _, ..]
            if matches!(words[0], "LOGIN" | "REGISTER") =>
        {
            let text = "Here it goes with a slash: /login NAME, or /register. Nothing was said.";
            Line::Usage(text.into())
        }
        // As it goes on IRC, and what comes second there is a secret.
        ["join", _, _] | ["join", _, _, _] if words[0] == "JOIN" => {
            let text = "Here it goes with a slash: /join ROOM [PIN]. Nothing was said.";
            Line::Usage(text.into())
        }
        ["bdct", "txt", _, ..] => Line::SayInLobby(after_words(line, 2).into()),
        _ => return None,
    })
}

/// What follows the first words.
fn after_words(line: &str, count: usize) -> &str {
    (0..count).fold(line, |rest, _| split_word(rest).1)
}

/// The first word, and what follows it without blanks around.
pub(crate) fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

fn slash(word: &str, arguments: &str) -> Line {
    let Some(spec) = commands::find(word) else {
        // Of the words that stop the server, the one that nobody takes for leaving or for an end of something
        // else. The others go with `/admin`.
        let is_slip = |verb: &verbs::Verb| verb.id == VerbId::Exit && word != "shutdown";
        if verbs::find(word).is_some_and(|verb| !is_slip(verb)) {
            return Line::Manage(format!("{word} {arguments}").trim_end().to_owned());
        }
        let hint = commands::nearest(word)
            .map_or_else(|| "/help lists them.".into(), |near| format!("Did you mean /{near}?"));
        let word: String = word.chars().take(40).collect();
        return Line::Unknown(format!("There is no command /{word}. {hint}"));
    };
    understand(spec, arguments).unwrap_or_else(|| {
        let hint = match spec.verb {
            Verb::Set => ". /help room lists the settings.",
            Verb::Ban | Verb::Mute => ". A time is like 10m, 2h or 7d.",
            Verb::Search => ". /help search shows what narrows it; a day is like 2026-11-01.",
            Verb::Reply | Verb::React | Verb::Unreact | Verb::Pin | Verb::Unpin => {
                ". /history shows the numbers."
            }
            _ => "",
        };
        Line::Usage(format!("It goes like this: {}{hint}", spec.usage()))
    })
}

/// A command with its arguments; `None` if they are wrong.
fn understand(spec: &Spec, arguments: &str) -> Option<Line> {
    let text = || Some(arguments.to_owned()).filter(|text| !text.is_empty());
    let person = |what| Some(Line::Person { what, name: one_word(arguments)? });
    match spec.topic {
        Topic::Room => return room::understand(spec.verb, arguments).map(Line::Room),
        Topic::Order => return order::understand(spec.verb, arguments).map(Line::Order),
        Topic::Messages | Topic::Search => {
            return message::understand(spec.verb, arguments).map(Line::Message);
        }
        _ => {}
    }
    Some(match spec.verb {
        Verb::Join => return room::join(arguments),
        Verb::Message => match split_word(arguments) {
            (name, text) if !text.is_empty() => {
                let name = name.strip_prefix('@').unwrap_or(name);
                Line::SayTo { name: name.into(), text: text.into() }
            }
            _ => return None,
        },
        Verb::Me => Line::Me(text()?),
        Verb::Shout => Line::SayInLobby(text()?),
        Verb::History => return history(arguments),
        Verb::Help => Line::Help(Topic::named(&arguments.to_ascii_lowercase())?),
        Verb::Ask => return person(Person::Ask),
        Verb::Accept => return person(Person::Accept),
        Verb::Reject => return person(Person::Reject),
        Verb::End => return person(Person::End),
        Verb::Block => return person(Person::Block),
        Verb::Unblock => return person(Person::Unblock),
        Verb::Policy => Line::Policy(match arguments.to_ascii_lowercase().as_str() {
            "ask" => Some(PrivatePolicy::Ask),
            "open" => Some(PrivatePolicy::Open),
            "closed" => Some(PrivatePolicy::Closed),
            "default" => None,
            _ => return None,
        }),
        Verb::Register => Line::Register(Hidden::new(arguments)),
        Verb::Login => Line::Login(Hidden::new(arguments)),
        Verb::Revoke => Line::Revoke(arguments.parse().ok()?),
        Verb::Nick => Line::Nick(text()?),
        Verb::Group => Line::Group(one_word(arguments)?),
        Verb::Invite => {
            let (name, room) = split_word(arguments);
            let room = if room.is_empty() { None } else { Some(one_word(room)?) };
            Line::Invite { name: one_word(name)?, room }
        }
        Verb::Decline => Line::Decline(one_word(arguments)?),
        Verb::Away => Line::Away(text()),
        Verb::Highlight => Line::Highlights(highlights(arguments)),
        Verb::Admin => Line::Manage(arguments.to_owned()),
        Verb::Setup if !arguments.is_empty() => Line::Setup(Hidden::new(arguments)),
        _ if !arguments.is_empty() => return None,
        Verb::Back => Line::Back,
        Verb::Leave => Line::Leave,
        Verb::Rooms => Line::Rooms,
        Verb::Who => Line::Who,
        Verb::Users => Line::Users,
        Verb::Time => Line::Time,
        Verb::Sync => Line::Sync,
        Verb::Quit => Line::Quit,
        Verb::Private => Line::Private,
        Verb::Logout => Line::Logout,
        Verb::Passwd => Line::Passwd,
        Verb::Logins => Line::Logins,
        // Done above, by their topics.
        _ => return None,
    })
}

/// A single word, as a name is: without the sign that people write before a user or a room.
fn one_word(arguments: &str) -> Option<String> {
    let name = arguments.strip_prefix(['@', '#']).unwrap_or(arguments);
    (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
}

/// `[@NAME] [COUNT]`, or the number of a message in place of how many.
fn history(arguments: &str) -> Option<Line> {
    let (with, count) = match arguments.strip_prefix('@') {
        Some(rest) => {
            let (name, count) = split_word(rest);
            (Some(name.to_owned()).filter(|name| !name.is_empty())?.into(), count)
        }
        None => (None, arguments),
    };
    if let Some(of) = message::numbered(count) {
        return Some(Line::Message(MessageLine::Context { place: with.map(Place::With), of }));
    }
    let limit = if count.is_empty() { SHOWN } else { count.parse().ok()? };
    (1..=limits::PAGE).contains(&limit).then_some(Line::History { with, limit })
}

/// With commas, there may be spaces in what calls one. `-`: nothing does.
fn highlights(arguments: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = match arguments {
        "" => return None,
        "-" => Vec::new(),
        words if words.contains(',') => words.split(',').collect(),
        words => words.split_whitespace().collect(),
    };
    let words = words.into_iter().map(str::trim).filter(|word| !word.is_empty());
    Some(words.map(str::to_owned).collect())
}

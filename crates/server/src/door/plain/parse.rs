//! What a typed line means. Pure, and total: every line has a meaning or an error.

use super::commands::{self, Verb};
use hubbub_protocol::{frame::Retention, limits};

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
    },
    /// Leave the room in focus.
    Leave,
    /// List the rooms.
    Rooms,
    /// List the members of the room in focus.
    Who,
    /// List who is online.
    Users,
    /// Show so many of the last messages of the room in focus.
    History(u32),
    /// Show the commands.
    Help,
    /// Show the time.
    Time,
    /// A fence.
    Sync,
    /// Leave the server.
    Quit,
    /// No such command: what to tell.
    Unknown(String),
    /// Wrong arguments: what to tell.
    Usage(String),
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
    if let Some(rest) = line.strip_prefix('/') {
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

/// The verbs of the older systems: whole lines, in any case.
fn bare_verb(line: &str) -> Option<Line> {
    let lower = line.to_ascii_lowercase();
    match lower.as_str() {
        "exit" | "q" => return Some(Line::Quit),
        "online clients" => return Some(Line::Users),
        _ => {}
    }
    let text = lower.starts_with("bdct txt ").then(|| line["bdct txt ".len()..].trim())?;
    (!text.is_empty()).then(|| Line::SayInLobby(text.into()))
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

fn slash(word: &str, arguments: &str) -> Line {
    let Some(spec) = commands::find(word) else {
        let hint = commands::nearest(word)
            .map_or_else(|| "/help lists them.".into(), |near| format!("Did you mean /{near}?"));
        let word: String = word.chars().take(40).collect();
        return Line::Unknown(format!("There is no command /{word}. {hint}"));
    };
    let usage = || {
        let usage = format!("/{} {}", spec.words[0], spec.arguments);
        Line::Usage(format!("It goes like this: {}", usage.trim_end()))
    };
    let text = arguments.to_owned();
    match spec.verb {
        Verb::Join => join(arguments).unwrap_or_else(usage),
        Verb::Message => match split_word(arguments) {
            (name, text) if !text.is_empty() => {
                let name = name.strip_prefix('@').unwrap_or(name);
                Line::SayTo { name: name.into(), text: text.into() }
            }
            _ => usage(),
        },
        Verb::Me if text.is_empty() => usage(),
        Verb::Me => Line::Me(text),
        Verb::Shout if text.is_empty() => usage(),
        Verb::Shout => Line::SayInLobby(text),
        Verb::History => match (arguments, arguments.parse()) {
            ("", _) => Line::History(20),
            (_, Ok(count)) if (1..=limits::PAGE).contains(&count) => Line::History(count),
            _ => usage(),
        },
        _ if !arguments.is_empty() => usage(),
        Verb::Leave => Line::Leave,
        Verb::Rooms => Line::Rooms,
        Verb::Who => Line::Who,
        Verb::Users => Line::Users,
        Verb::Time => Line::Time,
        Verb::Sync => Line::Sync,
        Verb::Help => Line::Help,
        Verb::Quit => Line::Quit,
    }
}

fn join(arguments: &str) -> Option<Line> {
    let (room, rest) = split_word(arguments);
    // IRC's way to write a room.
    let room = room.strip_prefix('#').unwrap_or(room);
    let retention = match rest {
        "" => None,
        "nohistory" => Some(Retention::None),
        _ => return None,
    };
    (!room.is_empty()).then(|| Line::Join { room: room.into(), retention })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_mean_what_people_expect() {
        let say = |text: &str| Line::Say(text.into());
        for (line, meaning) in [
            ("  \t", Line::Nothing),
            ("hello /join x", say("hello /join x")),
            ("//join x", say("/join x")),
            ("/join work", Line::Join { room: "work".into(), retention: None }),
            (
                "/JOIN #work nohistory",
                Line::Join { room: "work".into(), retention: Some(Retention::None) },
            ),
            ("@bob hi there", Line::SayTo { name: "bob".into(), text: "hi there".into() }),
            ("/msg @bob hi", Line::SayTo { name: "bob".into(), text: "hi".into() }),
            ("@bob", say("@bob")),
            ("@ home now", say("@ home now")),
            ("/me waves", Line::Me("waves".into())),
            ("exit", Line::Quit),
            ("Q", Line::Quit),
            ("exit the building", say("exit the building")),
            ("online clients", Line::Users),
            ("bdct txt hi all", Line::SayInLobby("hi all".into())),
            ("bdct txt ", say("bdct txt ")),
            ("/history", Line::History(20)),
            ("/history 5", Line::History(5)),
        ] {
            assert_eq!(parse(line), meaning, "{line:?}");
        }
        assert!(matches!(parse("/history 101"), Line::Usage(_)));
        assert!(matches!(parse("/join"), Line::Usage(_)));
        assert!(matches!(parse("/quit now"), Line::Usage(_)));
    }

    #[test]
    fn an_unknown_command_is_never_said_and_names_the_nearest() {
        assert_eq!(
            parse("/jion work"),
            Line::Unknown("There is no command /jion. Did you mean /join?".into())
        );
        assert!(matches!(parse("/login secret"), Line::Unknown(text) if !text.contains("secret")));
    }

    proptest! {
        #[test]
        fn every_line_means_something(line in any::<String>()) {
            let meaning = parse(&line);
            if line.starts_with('/') && !line.starts_with("//") {
                prop_assert!(!matches!(meaning, Line::Say(_)), "a command is never said");
            }
        }
    }
}

//! From a typed line to an order. Pure, and total: every line has a meaning or an error.

use super::table::{self, Verb, VerbId};
use super::{Answer, VerbError};
use crate::door::plain::{Span, span, split_word, whom};
use hubbub_hub::Whom;
use hubbub_protocol::{Note, RestrictionKind, RoomName, UserName, sanitize};
use serde_json::json;

/// Entries of the audit log where nobody says how many.
const AUDIT_SHOWN: usize = 20;
/// The most that are shown.
const AUDIT_MAX: usize = 1_000;
/// Characters of an error that says back what was typed.
const ERROR_CHARS: usize = 300;

/// What a line says.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Rooms,
    Users,
    Sessions {
        of: Option<UserName>,
    },
    Stats,
    Announce {
        text: Note,
    },
    Time,
    Kick {
        room: Option<RoomName>,
        name: UserName,
        reason: Option<Note>,
    },
    Restrict {
        what: RestrictionKind,
        room: Option<RoomName>,
        whom: Whom,
        for_ms: Option<u64>,
        reason: Option<Note>,
    },
    Lift {
        what: RestrictionKind,
        room: Option<RoomName>,
        whom: Whom,
    },
    Restrictions {
        what: RestrictionKind,
        room: Option<RoomName>,
    },
    Audit {
        count: usize,
    },
    Reload,
    Help(Option<&'static Verb>),
    Exit,
}

/// Understands a line, with a slash before it or not.
pub(super) fn parse(line: &str) -> Result<Order, VerbError> {
    let line = line.trim();
    let line = line.strip_prefix('/').unwrap_or(line);
    let (word, arguments) = split_word(line);
    let lower = word.to_lowercase();
    if lower.is_empty() {
        return Ok(Order::Help(None));
    }
    let verb = table::find(&lower).ok_or_else(|| unknown(&lower))?;
    understand(verb, arguments).map_err(|problem| match problem {
        Problem::Form => VerbError::Usage(format!("It goes like this: {}", verb.usage())),
        Problem::Value(text) => VerbError::Usage(shown(&text)),
    })
}

/// What somebody typed is said back, so it is made safe and short: it was any line.
fn shown(text: &str) -> String {
    sanitize::for_terminal_line(text).chars().take(ERROR_CHARS).collect()
}

/// What is wrong with the arguments.
enum Problem {
    Form,
    Value(String),
}

fn unknown(word: &str) -> VerbError {
    let hint = table::nearest(word)
        .map_or_else(|| "`help` lists them.".into(), |near| format!("Did you mean `{near}`?"));
    let word: String = sanitize::for_terminal_line(word).chars().take(40).collect();
    VerbError::Usage(format!("There is no `{word}` here. {hint}"))
}

fn understand(verb: &'static Verb, arguments: &str) -> Result<Order, Problem> {
    let alone = |order| if arguments.is_empty() { Ok(order) } else { Err(Problem::Form) };
    match verb.id {
        VerbId::Rooms => alone(Order::Rooms),
        VerbId::Users => alone(Order::Users),
        VerbId::Stats => alone(Order::Stats),
        VerbId::Time => alone(Order::Time),
        VerbId::Reload => alone(Order::Reload),
        VerbId::Exit => alone(Order::Exit),
        VerbId::Sessions => {
            let of = if arguments.is_empty() { None } else { Some(user(one_word(arguments)?)?) };
            Ok(Order::Sessions { of })
        }
        VerbId::Announce if arguments.is_empty() => Err(Problem::Form),
        VerbId::Announce => Ok(Order::Announce { text: note(arguments)? }),
        VerbId::Kick => {
            let (room, rest) = room_before(arguments)?;
            let (name, reason) = split_word(rest);
            Ok(Order::Kick { room, name: user(one_word(name)?)?, reason: reason_of(reason)? })
        }
        VerbId::Ban => restrict(RestrictionKind::Ban, arguments),
        VerbId::Mute => restrict(RestrictionKind::Mute, arguments),
        VerbId::Unban => lift(RestrictionKind::Ban, arguments),
        VerbId::Unmute => lift(RestrictionKind::Mute, arguments),
        VerbId::Bans => list(RestrictionKind::Ban, arguments),
        VerbId::Mutes => list(RestrictionKind::Mute, arguments),
        VerbId::Audit if arguments.is_empty() => Ok(Order::Audit { count: AUDIT_SHOWN }),
        VerbId::Audit => match arguments.parse() {
            Ok(count @ 1..=AUDIT_MAX) => Ok(Order::Audit { count }),
            Ok(_) => Err(Problem::Value(format!(
                "From 1 to {AUDIT_MAX} entries are shown here; `hubbub audit` shows all."
            ))),
            Err(_) => Err(Problem::Form),
        },
        VerbId::Help if arguments.is_empty() => Ok(Order::Help(None)),
        VerbId::Help => {
            let word = arguments.strip_prefix('/').unwrap_or(arguments).to_lowercase();
            let verb = table::find(&word).ok_or_else(|| match unknown(&word) {
                VerbError::Usage(text) | VerbError::Refused(text) => Problem::Value(text),
            })?;
            Ok(Order::Help(Some(verb)))
        }
    }
}

fn restrict(what: RestrictionKind, arguments: &str) -> Result<Order, Problem> {
    let (room, rest) = room_before(arguments)?;
    let (typed, rest) = split_word(rest);
    let whom = someone(typed)?;
    let (first, after) = split_word(rest);
    let (for_ms, reason) = match span(first) {
        Span::Of(ms) => (Some(ms), after),
        Span::Wrong => {
            return Err(Problem::Value(format!("`{first}` is no time: write 10m, 2h or 7d.")));
        }
        Span::None => (None, rest),
    };
    Ok(Order::Restrict { what, room, whom, for_ms, reason: reason_of(reason)? })
}

fn lift(what: RestrictionKind, arguments: &str) -> Result<Order, Problem> {
    let (room, rest) = room_before(arguments)?;
    Ok(Order::Lift { what, room, whom: someone(one_word(rest)?)? })
}

fn list(what: RestrictionKind, arguments: &str) -> Result<Order, Problem> {
    let (room, rest) = room_before(arguments)?;
    if rest.is_empty() { Ok(Order::Restrictions { what, room }) } else { Err(Problem::Form) }
}

/// A room with `#` before it, if there is one, and what follows.
fn room_before(arguments: &str) -> Result<(Option<RoomName>, &str), Problem> {
    let Some(rest) = arguments.strip_prefix('#') else { return Ok((None, arguments)) };
    let (name, rest) = split_word(rest);
    match RoomName::known(name) {
        Ok(room) => Ok((Some(room), rest)),
        Err(error) => Err(Problem::Value(format!("#{name}: {error}."))),
    }
}

fn someone(typed: &str) -> Result<Whom, Problem> {
    if typed.is_empty() {
        return Err(Problem::Form);
    }
    whom(typed.strip_prefix('@').unwrap_or(typed)).map_err(|refusal| Problem::Value(refusal.text))
}

fn user(name: &str) -> Result<UserName, Problem> {
    UserName::known(name).map_err(|error| Problem::Value(format!("{name}: {error}.")))
}

fn reason_of(text: &str) -> Result<Option<Note>, Problem> {
    if text.is_empty() { Ok(None) } else { note(text).map(Some) }
}

fn note(text: &str) -> Result<Note, Problem> {
    Note::parse(text).map_err(|error| Problem::Value(format!("Not done: {error}.")))
}

/// A single word, without the sign that people write before a name.
fn one_word(arguments: &str) -> Result<&str, Problem> {
    let name = arguments.strip_prefix('@').unwrap_or(arguments);
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Problem::Form);
    }
    Ok(name)
}

/// The answer to `help`.
pub(super) fn help(verb: Option<&Verb>) -> Answer {
    let Some(verb) = verb else {
        let width = table::VERBS.iter().map(|verb| verb.usage().len() + 2).max().unwrap_or(0);
        let line = |verb: &Verb| format!("{:<width$}{}", verb.usage(), verb.help);
        let mut lines: Vec<String> = table::VERBS.iter().map(line).collect();
        lines.push("`help VERB` tells more.".into());
        let verbs: Vec<_> = table::VERBS.iter().map(described).collect();
        return Answer { lines, data: json!({"verbs": verbs}) };
    };
    let mut lines = vec![format!("{}: {}", verb.usage(), verb.help)];
    if verb.words.len() > 1 {
        lines.push(format!("Also: {}", verb.words[1..].join(", ")));
    }
    if !verb.about.is_empty() {
        lines.push(verb.about.into());
    }
    Answer { lines, data: described(verb) }
}

fn described(verb: &Verb) -> serde_json::Value {
    json!({
        "words": verb.words,
        "arguments": verb.arguments,
        "help": verb.help,
        "about": verb.about,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str) -> String {
        match parse(line) {
            Ok(order) => format!("{order:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_verb_has_help_that_fits_a_terminal_and_words_of_its_own() {
        let mut words: Vec<_> = table::VERBS.iter().flat_map(|verb| verb.words).collect();
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all, "no word has two meanings");
        for verb in table::VERBS {
            assert!(!verb.help.is_empty() && verb.words.iter().all(|word| !word.is_empty()));
            assert_eq!(verb.takes.is_empty(), verb.arguments.is_empty(), "{verb:?}");
            assert!(help(Some(verb)).lines[0].contains(verb.help));
        }
        for line in help(None).lines {
            assert!(line.len() <= 76, "{line}");
        }
    }

    #[test]
    fn a_line_is_an_order_with_or_without_a_slash() {
        for (line, wanted) in [
            ("rooms", "Rooms"),
            ("/channels", "Rooms"),
            ("  /STATS ", "Stats"),
            ("shutdown", "Exit"),
            ("", "Help(None)"),
            ("audit", "Audit { count: 20 }"),
            ("audit 7", "Audit { count: 7 }"),
        ] {
            assert_eq!(ordered(line), wanted, "{line}");
        }
        let ban = ordered("ban #work bob* 2h too loud");
        for part in ["Ban", "work", "bob*", "7200000", "too loud"] {
            assert!(ban.contains(part), "{ban}");
        }
        let ban = ordered("ban 10.0.0.7 second time");
        assert!(ban.contains("for_ms: None") && ban.contains("second time"), "{ban}");
        let kick = ordered("kick @bob");
        assert!(kick.contains("room: None") && kick.contains("reason: None"), "{kick}");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_way_out() {
        for (line, part) in [
            ("staats", "Did you mean `stats`?"),
            ("frobnicate", "`help` lists them"),
            ("rooms now", "It goes like this: rooms"),
            ("kick", "kick [#ROOM] NAME [REASON]"),
            ("announce", "announce TEXT"),
            ("ban bob 10", "`10` is no time"),
            ("ban 300.0.0.1", "no address"),
            ("ban #", "#:"),
            ("unban bob now", "unban [#ROOM] WHOM"),
            ("audit 5000", "From 1 to 1000"),
            ("audit x", "audit [COUNT]"),
            ("help frob", "There is no `frob`"),
            ("help baan", "Did you mean `ban`?"),
        ] {
            let said = parse(line).expect_err(line);
            assert!(matches!(&said, VerbError::Usage(text) if text.contains(part)), "{said:?}");
        }
        for line in ["\u{1b}[2J\u{202e}x", "kick \u{1b}[2J\u{202e}x", "mute bob 1\u{202e}m"] {
            let hostile = parse(line).map(|order| format!("{order:?}"));
            let hostile = hostile.unwrap_or_else(|error| error.to_string());
            assert!(!hostile.contains(['\u{1b}', '\u{202e}']), "{hostile:?}");
        }
        let long = parse(&format!("kick {}", "x".repeat(60_000))).expect_err("no name").to_string();
        assert!(long.len() < 1_000, "{} bytes", long.len());
    }
}

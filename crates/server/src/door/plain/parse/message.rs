//! Lines about single messages, and about looking for some. A message is named by its number: `#12`.

use super::super::commands::Verb;
use super::split_word;
use super::time::Moment;
use hubbub_protocol::Seq;

/// Which conversation, where it is not the room in focus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A room.
    Room(String),
    /// The private chat with somebody.
    With(String),
}

/// What is wanted with a message. `with`: it is one of the private chat with that person, else of the
/// room in focus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageLine {
    /// Answer it.
    Reply {
        /// In which private chat.
        with: Option<String>,
        /// Which.
        of: Seq,
        /// What.
        text: String,
    },
    /// Give it another text.
    Edit {
        /// In which private chat.
        with: Option<String>,
        /// Which; `None`: the last of one's own, in the room in focus.
        of: Option<Seq>,
        /// Which text.
        text: String,
    },
    /// Delete it.
    Delete {
        /// In which private chat.
        with: Option<String>,
        /// As for an edit.
        of: Option<Seq>,
    },
    /// React to it, or take that back.
    React {
        /// In which private chat.
        with: Option<String>,
        /// Which.
        of: Seq,
        /// What.
        reaction: String,
        /// Whether.
        on: bool,
    },
    /// Pin it to the room in focus, or no longer.
    Pin {
        /// Which.
        of: Seq,
        /// Whether.
        on: bool,
    },
    /// List what is pinned.
    Pins,
    /// Show what was said around it.
    Context {
        /// Where, if not in the room in focus.
        place: Option<Place>,
        /// Which.
        of: Seq,
    },
    /// Look for messages.
    Search(Wanted),
    /// Go on with the last search or history.
    More,
}

/// Which messages are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// With which words.
    pub words: String,
    /// Only there.
    pub place: Option<Place>,
    /// Only those of this person.
    pub from: Option<String>,
    /// Only from then on.
    pub since: Option<Moment>,
    /// Only until then.
    pub until: Option<Moment>,
}

/// The line of one of these verbs; `None` if its arguments are wrong, or it is another's.
pub(super) fn understand(verb: Verb, arguments: &str) -> Option<MessageLine> {
    let (with, rest) = private_chat(arguments);
    match verb {
        Verb::Reply => {
            let (of, text) = split_word(rest);
            let (of, text) = (number(of)?, words(text)?);
            Some(MessageLine::Reply { with, of, text })
        }
        Verb::Edit => {
            let (first, after) = split_word(rest);
            // A text may well begin with a number: only one with its sign names a message.
            match numbered(first) {
                Some(of) => Some(MessageLine::Edit { with, of: Some(of), text: words(after)? }),
                None => Some(MessageLine::Edit { with: None, of: None, text: words(arguments)? }),
            }
        }
        Verb::Delete if arguments.is_empty() => Some(MessageLine::Delete { with, of: None }),
        Verb::Delete => Some(MessageLine::Delete { with, of: Some(number(rest)?) }),
        Verb::React | Verb::Unreact => {
            let (of, reaction) = split_word(rest);
            let (of, reaction) = (number(of)?, words(reaction)?);
            Some(MessageLine::React { with, of, reaction, on: verb == Verb::React })
        }
        Verb::Pin => Some(MessageLine::Pin { of: number(arguments)?, on: true }),
        Verb::Unpin => Some(MessageLine::Pin { of: number(arguments)?, on: false }),
        Verb::Pins => arguments.is_empty().then_some(MessageLine::Pins),
        Verb::More => arguments.is_empty().then_some(MessageLine::More),
        Verb::Context => match split_word(arguments) {
            (of, "") => Some(MessageLine::Context { place: None, of: number(of)? }),
            (where_, of) => {
                Some(MessageLine::Context { place: Some(place(where_)?), of: number(of)? })
            }
        },
        Verb::Search => search(arguments).map(MessageLine::Search),
        _ => None,
    }
}

/// `@NAME #N …`: a message of a private chat. Without a number behind it, the name is a word.
fn private_chat(arguments: &str) -> (Option<String>, &str) {
    if let Some(rest) = arguments.strip_prefix('@') {
        let (name, after) = split_word(rest);
        if rest.starts_with(name) && !name.is_empty() && numbered(split_word(after).0).is_some() {
            return (Some(name.to_owned()), after);
        }
    }
    (None, arguments)
}

/// `#12`.
pub(super) fn numbered(word: &str) -> Option<Seq> {
    let digits = word.strip_prefix('#')?;
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok().filter(|number| *number > 0).map(Seq))?
}

/// `#12`, or `12` where nothing else can stand.
fn number(word: &str) -> Option<Seq> {
    numbered(word).or_else(|| numbered(&format!("#{word}")))
}

fn words(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn place(word: &str) -> Option<Place> {
    let place = match word.strip_prefix('@') {
        Some(name) => Place::With(name.to_owned()),
        None => Place::Room(word.strip_prefix('#').unwrap_or(word).to_owned()),
    };
    let (Place::Room(name) | Place::With(name)) = &place;
    (!name.is_empty()).then_some(place)
}

/// The words, and what narrows the search. Between quotes everything is a word.
fn search(arguments: &str) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    let mut quoted = false;
    let mut rest = arguments.split_whitespace().peekable();
    while let Some(word) = rest.next() {
        let was_quoted = quoted;
        quoted ^= word.matches('"').count() % 2 == 1;
        if !was_quoted && !word.starts_with('"') {
            if word.eq_ignore_ascii_case("with")
                && let Some(other) = rest.next_if(|next| next.starts_with('@') && next.len() > 1)
            {
                wanted.place = place(other);
                continue;
            }
            if let Some((option, value)) = word.split_once(':') {
                let name = value.strip_prefix('@').unwrap_or(value);
                match option.to_ascii_lowercase().as_str() {
                    "from" => wanted.from = Some(words(name)?),
                    "in" => wanted.place = Some(place(value)?),
                    "with" => wanted.place = Some(Place::With(words(name)?)),
                    "since" => wanted.since = Some(Moment::parse(value)?),
                    "until" => wanted.until = Some(Moment::parse(value)?),
                    _ => push(&mut wanted.words, word),
                }
                continue;
            }
        }
        push(&mut wanted.words, word);
    }
    (wanted != Wanted::default()).then_some(wanted)
}

fn push(words: &mut String, word: &str) {
    if !words.is_empty() {
        words.push(' ');
    }
    words.push_str(word);
}

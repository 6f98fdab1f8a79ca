//! The table of the plain door's commands: one place for parsing, help and suggestions.

/// A command that takes a slash.
pub(crate) struct Spec {
    pub(crate) verb: Verb,
    /// The first is the one that help shows.
    pub(crate) words: &'static [&'static str],
    pub(crate) arguments: &'static str,
    pub(crate) help: &'static str,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Join,
    Leave,
    Rooms,
    Who,
    Users,
    Message,
    Me,
    Shout,
    History,
    Time,
    Sync,
    Help,
    Quit,
}

macro_rules! spec {
    ($verb:ident, [$($word:literal),+], $arguments:literal, $help:literal) => {
        Spec { verb: Verb::$verb, words: &[$($word),+], arguments: $arguments, help: $help }
    };
}

pub(crate) const COMMANDS: &[Spec] = &[
    spec!(Join, ["join", "j"], "ROOM [nohistory]", "go to a room; made if there is none"),
    spec!(Leave, ["leave", "part"], "", "leave the room you are in"),
    spec!(Rooms, ["rooms", "channels"], "", "list the rooms"),
    spec!(Who, ["who", "members"], "", "who is in this room"),
    spec!(Users, ["users", "list", "online"], "", "who is online"),
    spec!(Message, ["msg", "query"], "NAME TEXT", "write to one person; short: @NAME TEXT"),
    spec!(Me, ["me"], "TEXT", "say what you do: * ann waves"),
    spec!(Shout, ["shout"], "TEXT", "say it in the lobby, wherever you are"),
    spec!(History, ["history", "last"], "[COUNT]", "what was said here before (at most 100 lines)"),
    spec!(Time, ["time", "date"], "", "the server's clock"),
    spec!(Sync, ["sync", "ping"], "", "answers when all before it is done"),
    spec!(Help, ["help", "h", "?"], "", "this list"),
    spec!(Quit, ["quit", "exit", "q", "bye"], "", "leave the server"),
];

/// The text of `/help`.
pub(crate) fn help() -> String {
    let mut text = String::from("-- What you type goes to the room you are in. Commands:\n");
    for spec in COMMANDS {
        let usage = format!("/{} {}", spec.words[0], spec.arguments);
        text.push_str(&format!("--   {:<24}{}\n", usage.trim_end(), spec.help));
    }
    text.push_str(&format!("--   {:<24}{}\n", "//TEXT", "says /TEXT"));
    text
}

/// Longer words are no misspelt commands, and comparing takes time.
const LONGEST_GUESSED: usize = 16;

pub(crate) fn find(word: &str) -> Option<&'static Spec> {
    COMMANDS.iter().find(|spec| spec.words.contains(&word))
}

/// The command that somebody may have meant.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    if word.len() > LONGEST_GUESSED {
        return None;
    }
    let words = COMMANDS.iter().flat_map(|spec| spec.words).filter(|known| known.len() > 1);
    words
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

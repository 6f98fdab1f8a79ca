//! The verbs: their words, their arguments and their help.

use crate::guess;

/// One verb.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// Which.
    pub id: VerbId,
    /// How it is called. The first is the one that help shows.
    pub words: &'static [&'static str],
    /// What follows it, as help shows it.
    pub arguments: &'static str,
    /// What those are, in their order; the last one repeats. For completion.
    pub takes: &'static [Takes],
    /// One line.
    pub help: &'static str,
    /// What there is to say beside that: sentences, or nothing.
    pub about: &'static str,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A room with `#` before it; may be left out.
    Room,
    /// The name of a user.
    User,
    /// A verb.
    Verb,
    /// Anything.
    Text,
}

/// Which verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerbId {
    /// The rooms with who is in them.
    Rooms,
    /// Who is online.
    Users,
    /// The connections.
    Sessions,
    /// How the server does.
    Stats,
    /// Tells everybody something.
    Announce,
    /// The clock.
    Time,
    /// Ends the connections of a user, or sends it out of a room.
    Kick,
    /// Keeps somebody out.
    Ban,
    /// Lifts that.
    Unban,
    /// Who is kept out.
    Bans,
    /// Lets somebody read only.
    Mute,
    /// Lifts that.
    Unmute,
    /// Who reads only.
    Mutes,
    /// The last entries of the audit log.
    Audit,
    /// Reads settings and certificates again.
    Reload,
    /// This table.
    Help,
    /// Stops the server.
    Exit,
}

macro_rules! verb {
    ($id:ident, [$($word:literal),+], $arguments:literal, [$($takes:ident),*], $help:literal, $about:literal) => {
        Verb {
            id: VerbId::$id,
            words: &[$($word),+],
            arguments: $arguments,
            takes: &[$(Takes::$takes),*],
            help: $help,
            about: $about,
        }
    };
}

/// All of them, in the order in which help shows them.
#[rustfmt::skip]
pub const VERBS: &[Verb] = &[
    verb!(Rooms, ["rooms", "channels"], "", [], "the rooms, and who is in them",
        "Of rooms that are found by a PIN it shows the label, never the PIN. Private chats are only counted."),
    verb!(Users, ["users", "list", "online"], "", [], "who is online, and in which rooms", ""),
    verb!(Sessions, ["sessions"], "[NAME]", [User], "the connections, and from where", ""),
    verb!(Stats, ["stats"], "", [], "how the server does", "Connections, messages, memory, queues and the disk; totals are since the start."),
    verb!(Announce, ["announce", "broadcast"], "TEXT", [Text], "tell everybody who is online",
        "It is not kept: who is away does not read it."),
    verb!(Time, ["time", "date"], "", [], "the server's clock", ""),
    verb!(Kick, ["kick"], "[#ROOM] NAME [REASON]", [Room, User, Text], "send somebody away, or out of a room",
        "It ends all of their connections. They can come again at once; ban keeps them out."),
    verb!(Ban, ["ban"], "[#ROOM] WHOM [TIME] [REASON]", [Room, User, Text], "keep somebody out",
        "WHOM is a name, a pattern (bob*), an address or network (10.0.0.7), or address:NAME for where somebody \
         comes from. TIME is like 10m, 2h or 7d; without it the ban stays until it is lifted. A guest can come \
         back under another name: ban address:NAME, too. Admins are not kept out."),
    verb!(Unban, ["unban"], "[#ROOM] WHOM", [Room, User], "let them in again", "WHOM as `bans` shows it."),
    verb!(Bans, ["bans", "banlist"], "[#ROOM]", [Room], "who is kept out", ""),
    verb!(Mute, ["mute"], "[#ROOM] WHOM [TIME] [REASON]", [Room, User, Text], "let somebody read only",
        "WHOM and TIME as for ban."),
    verb!(Unmute, ["unmute"], "[#ROOM] WHOM", [Room, User], "let them speak again", "WHOM as `mutes` shows it."),
    verb!(Mutes, ["mutes"], "[#ROOM]", [Room], "who can only read", ""),
    verb!(Audit, ["audit"], "[COUNT]", [Text], "the last entries of the audit log",
        "20 of them, if nothing is said. `hubbub audit` shows more, and looks for names and times."),
    verb!(Reload, ["reload"], "", [], "read settings and certificates again",
        "Says what has changed, and what needs a restart."),
    verb!(Help, ["help", "h", "?"], "[VERB]", [Verb], "this list, or more about one of them", ""),
    verb!(Exit, ["exit", "shutdown", "stop"], "", [], "stop the server",
        "Everybody is told, and what was acknowledged is on disk."),
];

impl Verb {
    /// How it is written.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("{} {}", self.words[0], self.arguments).trim_end().to_owned()
    }
}

/// The verb with this word, in lower case.
#[must_use]
pub fn find(word: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.words.contains(&word))
}

/// The word that somebody may have meant.
#[must_use]
pub fn nearest(word: &str) -> Option<&'static str> {
    guess::nearest(word, VERBS.iter().flat_map(|verb| verb.words).copied())
}

//! The table of the plain door's commands: one place for parsing, help and suggestions.

use crate::guess;

/// A command that takes a slash.
pub(crate) struct Spec {
    pub(crate) verb: Verb,
    pub(crate) topic: Topic,
    /// The first is the one that help shows.
    pub(crate) words: &'static [&'static str],
    pub(crate) arguments: &'static str,
    pub(crate) help: &'static str,
}

/// Which page of the help a command is on. All at once would not fit on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What everybody needs.
    Everyday,
    /// How a room is set up.
    Room,
    /// Who keeps order in a room.
    Order,
    /// What can be done with a single message.
    Messages,
    /// Looking for what was said.
    Search,
    /// What others see of one.
    People,
    /// Private chats.
    Private,
    /// Accounts and their logins.
    Account,
    /// Groups.
    Group,
    /// What admins of the server do.
    Admin,
}

impl Topic {
    /// The page of that name, or that with the command of that name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word {
            "" => Some(Topic::Everyday),
            "room" | "set" | "settings" => Some(Topic::Room),
            "order" | "moderation" => Some(Topic::Order),
            "message" | "messages" => Some(Topic::Messages),
            "search" => Some(Topic::Search),
            "people" => Some(Topic::People),
            "private" => Some(Topic::Private),
            "account" | "accounts" => Some(Topic::Account),
            "group" | "groups" => Some(Topic::Group),
            "admin" | "server" => Some(Topic::Admin),
            _ => find(word.strip_prefix('/').unwrap_or(word)).map(|spec| spec.topic),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Topic::Everyday => "What you type goes to the room you are in. Commands:",
            Topic::Room => "How the room that you are in is set up. Commands:",
            Topic::Order => "Operators keep order in a room, owners say who operates. Commands:",
            Topic::Messages => "Messages have numbers, which /history and /search show. Commands:",
            Topic::Search => "Looks in all rooms that you are in, and in private chats. Commands:",
            Topic::People => "/who shows who has a role in the room, and who is away. Commands:",
            Topic::Private => "Private chats are between two who agreed. Commands:",
            Topic::Account => "An account keeps your name, your rooms and private chats. Commands:",
            Topic::Group => "A group is a room for those who were invited. Commands:",
            Topic::Admin => "Admins may do everything in every room, and this. Commands:",
        }
    }

    /// What the page has beside its commands.
    fn notes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Topic::Everyday => &[("//TEXT", "says /TEXT")],
            Topic::Room => &[
                ("/set invite-only on|off", "only who is invited can join"),
                ("/set key SECRET|off", "to join: /join ROOM key=SECRET"),
                ("/set moderated on|off", "only who has a role can speak"),
                ("/set secret on|off", "lists leave it out for others"),
                ("/set limit COUNT|off", "how many may be in it"),
                ("/set slow TIME|off", "the wait between two messages"),
                ("/set keep forever|none|30d|1000", "what it keeps of what is said"),
            ],
            Topic::Order => &[
                ("WHOM", "NAME, bob*, 10.0.0.7, address:NAME"),
                ("TIME", "10m, 2h, 7d; else until it is lifted"),
            ],
            Topic::Messages => &[
                ("/history #N", "the messages around one"),
                ("@NAME #N", "one of a private chat: /react @bob #3 ok"),
            ],
            Topic::Search => &[
                ("from:NAME", "only what that one said"),
                ("in:ROOM", "only there"),
                ("with @NAME", "only in that private chat"),
                ("since:2026-11-01", "from that day on; or since:7d, the last 7 days"),
                ("until:2026-11-30", "up to that day"),
                ("\"TWO WORDS\"", "one after the other"),
                ("WORD*", "words that begin so"),
            ],
            Topic::Private => &[("@NAME TEXT", "write to somebody; asks and accepts too")],
            Topic::Admin => &[
                ("/admin help", "lists the verbs: kick, ban, mute ..."),
                ("/stats /sessions /announce TEXT", "short for /admin stats, and so on"),
                ("/audit /reload /shutdown", "the same"),
            ],
            Topic::People | Topic::Account | Topic::Group => &[],
        }
    }
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
    Ask,
    Accept,
    Reject,
    End,
    Private,
    Block,
    Unblock,
    Policy,
    Register,
    Login,
    Logout,
    Passwd,
    Logins,
    Revoke,
    Nick,
    Group,
    Invite,
    Decline,
    Info,
    Topic,
    Describe,
    Set,
    Op,
    Deop,
    Voice,
    Devoice,
    Owner,
    Role,
    Roles,
    Kick,
    Ban,
    Unban,
    Bans,
    Mute,
    Unmute,
    Mutes,
    Reply,
    Edit,
    Delete,
    React,
    Unreact,
    Pin,
    Unpin,
    Pins,
    Search,
    More,
    Context,
    Away,
    Back,
    Highlight,
    Admin,
    Setup,
}

macro_rules! spec {
    ($topic:ident, $verb:ident, [$($word:literal),+], $arguments:literal, $help:literal) => {
        Spec {
            verb: Verb::$verb,
            topic: Topic::$topic,
            words: &[$($word),+],
            arguments: $arguments,
            help: $help,
        }
    };
}

#[rustfmt::skip]
pub(crate) const COMMANDS: &[Spec] = &[
    spec!(Everyday, Join, ["join", "j"], "ROOM [PIN] [history|nohistory]", "go to a room; made if there is none"),
    spec!(Everyday, Leave, ["leave", "part"], "", "leave the room you are in"),
    spec!(Everyday, Rooms, ["rooms", "channels"], "", "list the rooms"),
    spec!(Everyday, Who, ["who", "members"], "", "who is in this room"),
    spec!(Everyday, Users, ["users", "list", "online"], "", "who is online"),
    spec!(Everyday, Message, ["msg", "query"], "NAME TEXT", "write to one person, or @NAME TEXT"),
    spec!(Everyday, Me, ["me"], "TEXT", "say what you do: * ann waves"),
    spec!(Everyday, Shout, ["shout"], "TEXT", "say it in the lobby, from anywhere"),
    spec!(Everyday, History, ["history", "last"], "[@NAME] [COUNT]", "what was said before (100 at most)"),
    spec!(Everyday, Time, ["time", "date"], "", "the server's clock"),
    spec!(Everyday, Sync, ["sync", "ping"], "", "answers when all before it is done"),
    spec!(Everyday, Help, ["help", "h", "?"], "[TOPIC]", "this list, or another"),
    spec!(Everyday, Quit, ["quit", "exit", "q", "bye"], "", "leave the server"),
    spec!(Private, Ask, ["ask"], "NAME", "ask somebody for a private chat"),
    spec!(Private, Accept, ["accept"], "NAME", "agree to one"),
    spec!(Private, Reject, ["reject"], "NAME", "decline one"),
    spec!(Private, End, ["end"], "NAME", "end one, or take your question back"),
    spec!(Private, Private, ["private", "privates"], "", "private chats, questions and invitations"),
    spec!(Private, Block, ["block"], "NAME", "hear no more of somebody's questions"),
    spec!(Private, Unblock, ["unblock"], "NAME", "hear them again"),
    spec!(Private, Policy, ["policy"], "ask|open|closed|default", "who may begin a private chat with you"),
    spec!(Account, Register, ["register"], "[PASSWORD [INVITE]]", "keep your name: make an account"),
    spec!(Account, Login, ["login"], "NAME [PASSWORD]", "become the account of that name"),
    spec!(Account, Logout, ["logout"], "", "end this login and leave the server"),
    spec!(Account, Passwd, ["passwd", "password"], "", "change your password"),
    spec!(Account, Logins, ["logins"], "", "where you are logged in"),
    spec!(Account, Revoke, ["revoke"], "NUMBER", "end a login of that list"),
    spec!(Account, Nick, ["nick"], "NAME", "take another name"),
    spec!(Group, Group, ["group"], "NAME", "make a group and go there"),
    spec!(Group, Invite, ["invite"], "NAME [GROUP]", "invite somebody, here or into that group"),
    spec!(Group, Decline, ["decline"], "GROUP", "decline an invitation; /join GROUP accepts"),
    spec!(Room, Info, ["room", "info", "about"], "", "how it is set up, and what you may do"),
    spec!(Room, Topic, ["topic"], "[TEXT]", "what it is about now: show, set; - clears"),
    spec!(Room, Describe, ["describe", "description"], "[TEXT]", "what it is for: show, set; - clears"),
    spec!(Room, Set, ["set"], "SETTING VALUE", "change one of these:"),
    spec!(Order, Op, ["op"], "NAME", "make an operator"),
    spec!(Order, Deop, ["deop"], "NAME", "take that back"),
    spec!(Order, Voice, ["voice"], "NAME", "let somebody speak where only some may"),
    spec!(Order, Devoice, ["devoice"], "NAME", "take that back"),
    spec!(Order, Owner, ["owner"], "NAME", "make an owner"),
    spec!(Order, Role, ["role"], "NAME ROLE|none", "voice, operator, owner, or none of them"),
    spec!(Order, Roles, ["roles", "ops"], "", "who has a role here"),
    spec!(Order, Kick, ["kick"], "NAME [REASON]", "send somebody out; they can come again"),
    spec!(Order, Ban, ["ban"], "WHOM [TIME] [REASON]", "keep somebody out"),
    spec!(Order, Unban, ["unban"], "WHOM", "let them in again"),
    spec!(Order, Bans, ["bans", "banlist"], "", "who is kept out"),
    spec!(Order, Mute, ["mute", "quiet"], "WHOM [TIME] [REASON]", "let somebody read only"),
    spec!(Order, Unmute, ["unmute", "unquiet"], "WHOM", "let them speak again"),
    spec!(Order, Mutes, ["mutes"], "", "who can only read"),
    spec!(Messages, Reply, ["reply", "re"], "#N TEXT", "answer a message"),
    spec!(Messages, Edit, ["edit", "correct"], "[#N] TEXT", "another text for yours, or for your last"),
    spec!(Messages, Delete, ["delete", "del", "redact"], "[#N]", "delete it; operators: anybody's"),
    spec!(Messages, React, ["react"], "#N EMOJI", "say what you feel about it, also in a word"),
    spec!(Messages, Unreact, ["unreact"], "#N EMOJI", "take that back"),
    spec!(Messages, Pin, ["pin"], "#N", "pin it to the room"),
    spec!(Messages, Unpin, ["unpin"], "#N", "take that back"),
    spec!(Messages, Pins, ["pins", "pinned"], "", "what is pinned here"),
    spec!(Search, Search, ["search", "find", "grep"], "WORDS", "what has all these words; the newest first"),
    spec!(Search, More, ["more"], "", "goes on with the last search or history"),
    spec!(Search, Context, ["context", "around"], "[ROOM|@NAME] #N", "what was said around a message"),
    spec!(Admin, Admin, ["admin"], "VERB ...", "what the server's operator could do"),
    spec!(Admin, Setup, ["setup"], "TOKEN", "become the first admin"),
    spec!(People, Away, ["away"], "[TEXT]", "say that you are away, and why"),
    spec!(People, Back, ["back"], "", "say that you are back"),
    spec!(People, Highlight, ["highlight", "highlights"], "[WORDS]", "words that call you, where a client shows it"),
];

/// The text of `/help`.
pub(crate) fn help(topic: Topic) -> String {
    let specs = COMMANDS.iter().filter(|spec| spec.topic == topic);
    let mut lines: Vec<(String, &str)> = specs.map(|spec| (spec.usage(), spec.help)).collect();
    lines.extend(topic.notes().iter().map(|(usage, help)| ((*usage).to_owned(), *help)));
    let width = lines.iter().map(|(usage, _)| usage.len() + 2).max().unwrap_or(0);
    let mut text = format!("-- {}\n", topic.title());
    for (usage, help) in lines {
        text.push_str(&format!("--   {usage:<width$}{help}\n"));
    }
    if topic == Topic::Everyday {
        text.push_str(MORE);
    }
    text
}

/// The other pages, on the first one.
const MORE: &str = "\
-- More: /help room, /help order, /help messages, /help search, /help people.
-- More: /help private, /help group, /help account, /help admin.
";

/// The help for somebody who has no name yet.
pub(crate) const HELP_BEFORE_NAME: &str = "\
-- First a name, on a line of its own. If it is yours already, or shall be:
--   /login NAME      asks for the password
--   /register NAME   makes an account and asks for a new password
--   /quit            leaves
";

impl Spec {
    /// How it is written.
    pub(crate) fn usage(&self) -> String {
        format!("/{} {}", self.words[0], self.arguments).trim_end().to_owned()
    }
}

pub(crate) fn find(word: &str) -> Option<&'static Spec> {
    COMMANDS.iter().find(|spec| spec.words.contains(&word))
}

/// The command that somebody may have meant.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    guess::nearest(word, COMMANDS.iter().flat_map(|spec| spec.words).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_help_fits_on_a_terminal() {
        let topics = COMMANDS.iter().map(|spec| spec.topic);
        for topic in topics {
            let help = help(topic);
            assert!(help.lines().count() <= 20, "{help}");
            assert!(help.lines().all(|line| line.len() < 80 && line.starts_with("-- ")), "{help}");
        }
        assert!(HELP_BEFORE_NAME.lines().all(|line| line.len() < 80 && line.starts_with("-- ")));
    }

    #[test]
    fn every_page_is_named_on_the_first_and_found_by_its_commands() {
        let more: Vec<&str> = MORE
            .lines()
            .flat_map(|line| line.trim_start_matches("-- More: ").trim_end_matches('.').split(", "))
            .map(|page| page.strip_prefix("/help ").unwrap())
            .collect();
        for spec in COMMANDS {
            assert!(Topic::named(spec.words[0]).is_some(), "{}", spec.words[0]);
            let named = more.iter().filter(|page| Topic::named(page) == Some(spec.topic)).count();
            assert_eq!(named, usize::from(spec.topic != Topic::Everyday), "{:?}", spec.topic);
        }
        assert_eq!(Topic::named("/kick"), Some(Topic::Order));
        assert_eq!(Topic::named("nonsense"), None);
    }

    #[test]
    fn no_word_has_two_meanings() {
        let mut words: Vec<_> = COMMANDS.iter().flat_map(|spec| spec.words).collect();
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}

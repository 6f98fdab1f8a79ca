//! The table of the plain door's commands: one place for parsing, help and suggestions.

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
    /// Private chats.
    Private,
    /// Accounts and their logins.
    Account,
    /// Groups.
    Group,
}

impl Topic {
    /// The page of that name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word {
            "" => Some(Topic::Everyday),
            "private" => Some(Topic::Private),
            "account" | "accounts" => Some(Topic::Account),
            "group" | "groups" => Some(Topic::Group),
            _ => None,
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
    spec!(Everyday, Join, ["join", "j"], "ROOM [nohistory]", "go to a room; made if there is none"),
    spec!(Everyday, Leave, ["leave", "part"], "", "leave the room you are in"),
    spec!(Everyday, Rooms, ["rooms", "channels"], "", "list the rooms"),
    spec!(Everyday, Who, ["who", "members"], "", "who is in this room"),
    spec!(Everyday, Users, ["users", "list", "online"], "", "who is online"),
    spec!(Everyday, Message, ["msg", "query"], "NAME TEXT", "write to one person; short: @NAME TEXT"),
    spec!(Everyday, Me, ["me"], "TEXT", "say what you do: * ann waves"),
    spec!(Everyday, Shout, ["shout"], "TEXT", "say it in the lobby, wherever you are"),
    spec!(Everyday, History, ["history", "last"], "[@NAME] [COUNT]", "what was said before (at most 100 lines)"),
    spec!(Everyday, Time, ["time", "date"], "", "the server's clock"),
    spec!(Everyday, Sync, ["sync", "ping"], "", "answers when all before it is done"),
    spec!(Everyday, Help, ["help", "h", "?"], "", "this list"),
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
];

/// The text of `/help`.
pub(crate) fn help(topic: Topic) -> String {
    let mut lines: Vec<(String, &str)> = Vec::new();
    for spec in COMMANDS.iter().filter(|spec| spec.topic == topic) {
        lines.push((spec.usage(), spec.help));
    }
    let title = match topic {
        Topic::Everyday => "What you type goes to the room you are in. Commands:",
        Topic::Private => "Private chats are between two who agreed. Commands:",
        Topic::Account => "An account keeps your name, your rooms and private chats. Commands:",
        Topic::Group => "A group is a room for those who were invited. Commands:",
    };
    match topic {
        Topic::Everyday => lines.push(("//TEXT".into(), "says /TEXT")),
        Topic::Private => {
            lines.push(("@NAME TEXT".into(), "write to somebody; asks and accepts too"))
        }
        Topic::Account | Topic::Group => {}
    }
    let width = lines.iter().map(|(usage, _)| usage.len() + 2).max().unwrap_or(0);
    let mut text = format!("-- {title}\n");
    for (usage, help) in lines {
        text.push_str(&format!("--   {usage:<width$}{help}\n"));
    }
    if topic == Topic::Everyday {
        text.push_str("-- More: /help private, /help account, /help group.\n");
    }
    text
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_help_fits_on_a_terminal() {
        for topic in [Topic::Everyday, Topic::Private, Topic::Account, Topic::Group] {
            let help = help(topic);
            assert!(help.lines().count() <= 20, "{help}");
            assert!(help.lines().all(|line| line.len() < 80 && line.starts_with("-- ")), "{help}");
        }
        assert!(HELP_BEFORE_NAME.lines().all(|line| line.len() < 80 && line.starts_with("-- ")));
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

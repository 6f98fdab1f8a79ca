//! The command line of the operator's commands about users, rooms and what was said there.

use crate::when;
use clap::{Args, Subcommand};
use hubbub_protocol::{Role, RoomName, UserName, WallMs};
use jiff::tz::TimeZone;
use jiff::{Zoned, civil};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct HealthOptions {
    /// Ask there instead, where the server was started with --health; for example
    /// http://127.0.0.1:9464.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub(crate) url: Option<String>,
    /// Print one JSON object, with the fields `live`, `ready` and `reasons`. More fields may follow
    /// in later versions.
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account an admin, who may do everything in every room.
    ///
    /// It counts at once, also for who is online. Guests can't be admins: anybody could take their
    /// name later.
    Admin {
        /// Whom.
        #[arg(value_name = "NAME", value_parser = UserName::known)]
        name: UserName,
        /// No longer.
        #[arg(long)]
        off: bool,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// List the accounts.
    ///
    /// Each line has the day when it was here last (or `online`), the day when it was made, `admin` if it
    /// is one, and the name.
    List {
        /// Print one JSON object a line for programs, with the fields `name`, `admin`, `online`, `created`
        /// and `seen` (milliseconds since 1970). More fields may follow in later versions.
        #[arg(long)]
        json: bool,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Give an account another password, and print it: for who has forgotten theirs.
    ///
    /// All logins of the account are ended, with their connections. Whoever gets the password changes it
    /// with /passwd.
    Password {
        /// Whose.
        #[arg(value_name = "NAME", value_parser = UserName::known)]
        name: UserName,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// List the admins, one name a line.
    Admins {
        /// Print one JSON object a line for programs, with the field `name`. More fields may follow
        /// in later versions.
        #[arg(long)]
        json: bool,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoomCommand {
    /// Give an account a role in a room, or take it.
    ///
    /// This is the way back into a room whose owner is gone: hubbub room role lobby ann owner
    Role {
        /// In which room; one that is found by a PIN is called as the list shows it (Work~3f2a).
        #[arg(value_name = "ROOM", value_parser = RoomName::known)]
        room: RoomName,
        /// Whom.
        #[arg(value_name = "NAME", value_parser = UserName::known)]
        name: UserName,
        /// Which.
        #[arg(value_name = "ROLE")]
        role: RoleWord,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// List the rooms that are kept, by name.
    ///
    /// Shows what each is, what it keeps, how many events are there, when it was made, and its topic.
    /// Of private chats it shows only how many there are.
    List {
        /// Print one JSON object a line for programs, with the fields `room`, `kind` (`room`,
        /// `group` or `pin`), `retention` (`forever`, `none`, `{"days":N}` or `{"messages":N}`),
        /// `events`, `created` (milliseconds since 1970) and `topic` if there is one; the last line
        /// has `private_chats`. More fields may follow in later versions.
        #[arg(long)]
        json: bool,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

/// A role, or none.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum RoleWord {
    /// Says who operates, and what the room keeps.
    Owner,
    /// Keeps order: topic, settings, kick, mute, ban, pins, others' messages.
    Operator,
    /// Speaks where only some may, and without waiting.
    Voice,
    /// None any more.
    None,
}

impl From<RoleWord> for Option<Role> {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Owner => Some(Role::Owner),
            RoleWord::Operator => Some(Role::Operator),
            RoleWord::Voice => Some(Role::Voice),
            RoleWord::None => None,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Which room; one that is found by a PIN is called as `hubbub room list` shows it (Work~3f2a).
    #[arg(value_name = "ROOM", value_parser = room_to_export)]
    pub(crate) room: RoomName,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: ExportFormat,
    /// The file to write. It is there when it is whole, for you alone. Without it, or with `-`:
    /// stdout.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Only what is from then on: a span such as 2h or 7d, a day such as 2026-11-20, or a day and a
    /// time such as 2026-11-20T10:00.
    #[arg(long, value_name = "WHEN", value_parser = when::since)]
    pub(crate) since: Option<WallMs>,
    /// Only what is from before then: the same, but a day counts with all of its hours.
    #[arg(long, value_name = "WHEN", value_parser = until)]
    pub(crate) until: Option<WallMs>,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What an export looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line: what the room is, then its events. `hubbub import` reads it.
    Jsonl,
    /// Lines for people, with time and name
    Text,
    /// One page for a browser.
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The file to read.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The room to add to; it is made if there is none. Nobody may be in it meanwhile, and it must
    /// keep what is said.
    #[arg(long, value_name = "ROOM", value_parser = RoomName::known)]
    pub(crate) room: RoomName,
    /// What wrote the file.
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    pub(crate) from: ImportFormat,
    /// Read the whole file and say what would happen, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave out so many of the first messages, as --limit counts them: to go on where an import
    /// ended.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip: u64,
    /// Import at most so many messages. Reactions, and each part of a message that is cut, count too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Which channel of a Mattermost export: its name, or TEAM/NAME.
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// The time zone of the log of an IRC client, such as Europe/Berlin [default: that of this
    /// machine].
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) tz: Option<TimeZone>,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What wrote a file that is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ImportFormat {
    /// `hubbub export --format jsonl`.
    Jsonl,
    /// Mattermost's bulk export: the JSONL file in it.
    Mattermost,
    /// A log of WeeChat.
    Weechat,
    /// A log of irssi.
    Irssi,
}

fn room_to_export(text: &str) -> Result<RoomName, String> {
    if text.starts_with('@') {
        return Err("a private chat belongs to the two who talk there, and is not exported".into());
    }
    RoomName::known(text).map_err(|error| error.to_string())
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "there is no such time zone; try Europe/Berlin, or UTC".into())
}

/// The first moment that is left out.
fn until(text: &str) -> Result<WallMs, String> {
    until_at(&Zoned::now(), text)
}

fn until_at(now: &Zoned, text: &str) -> Result<WallMs, String> {
    let is_day = text.len() == "2026-11-20".len();
    let Some(day) = text.parse::<civil::Date>().ok().filter(|_| is_day) else {
        return when::since(text);
    };
    let next = day.tomorrow().and_then(|day| day.to_zoned(now.time_zone().clone()));
    let next = next.map_err(|_| "that is too far away")?;
    Ok(WallMs(u64::try_from(next.timestamp().as_millisecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end() {
        let now: Zoned = "2026-11-21T12:00[Europe/Berlin]".parse().unwrap();
        let end: Zoned = "2026-11-21T00:00[Europe/Berlin]".parse().unwrap();
        let ms = u64::try_from(end.timestamp().as_millisecond()).unwrap();
        assert_eq!(until_at(&now, "2026-11-20"), Ok(WallMs(ms)));
        assert_eq!(until_at(&now, "2026-11-20T10:00Z"), Ok(WallMs(ms - 13 * 60 * 60 * 1000)));
        assert!(until_at(&now, "tomorrow").is_err());
    }

    #[test]
    fn a_private_chat_is_no_room_to_export() {
        assert!(room_to_export("@bob").unwrap_err().contains("private"));
        assert_eq!(room_to_export("Work~3f2a").unwrap().as_str(), "Work~3f2a");
    }
}

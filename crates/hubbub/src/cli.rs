//! The command line, as clap sees it. Man page and completions are made from it.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments are help texts: `[::1]` is no link"
)]

mod admin;
mod config;
mod data;
mod operator;
mod serve;

mod server;

pub(crate) use admin::{AdminCommand, help as admin_help};
pub(crate) use config::{ConfigCommand, ConfigPlace};

pub(crate) use server::{KnownCommand, ServerOptions};

pub(crate) use data::{BackupOptions, DoctorOptions, RestoreOptions};
pub(crate) use operator::{
    ExportFormat, ExportOptions, HealthOptions, ImportFormat, ImportOptions, RoomCommand,
    UserCommand,
};
pub(crate) use serve::{History, PrivateChats, ServeOptions, WhoRegisters};

use crate::when::{self, Lifetime};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::{InviteId, RoomName, UserName, WallMs};
use std::path::PathBuf;

/// Private group chat for your own network.
///
/// Start a server with `hubbub serve`, then talk: `nc 127.0.0.1 5000` is enough. For scripts there
/// are `hubbub send` and `hubbub tail`.
#[derive(Debug, Parser)]
#[command(name = "hubbub", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server.
    ///
    /// Needs no configuration and no other program. Everything that is said is kept in one folder.
    /// The first time, on a terminal, it asks who may reach it. Stop it with Ctrl-C or SIGTERM:
    /// everybody is told, and nothing acknowledged is lost. SIGHUP reads the settings and certificates
    /// again, and the log says what changed and what needs a restart.
    ///
    /// What the options don't say, environment variables such as HUBBUB__PORT say, and then the file
    /// hubbub.toml in the data folder, if there is one; see `hubbub config`.
    Serve(Box<ServeOptions>),
    /// Say something, and wait until it is stored.
    ///
    /// For scripts: exits with 0 only when the server has acknowledged every message, that is, when
    /// it is on disk. A lost connection is made again meanwhile, and no message is said twice.
    ///
    ///   hubbub send chat.example --room lobby "The backup is done."
    ///
    ///   make 2>&1 | hubbub send chat.example --room builds
    ///
    /// Exit codes: 0 everything is acknowledged; 1 something was refused or not acknowledged in
    /// time, or the server can't be reached (stderr says what); 2 wrong usage.
    #[command(verbatim_doc_comment)]
    Send(SendOptions),
    /// Follow a room: what was said last, then what is said.
    ///
    /// Goes on after lost connections and restarts of the server, without a gap and without
    /// repeating anything; stderr says when the connection is lost and when it is back.
    ///
    ///   hubbub tail chat.example --room lobby
    ///
    ///   hubbub tail chat.example --room builds --json | jq -r .text
    ///
    /// Runs until Ctrl-C or SIGTERM, or until nobody reads its output; each is exit code 0. Exit
    /// code 1: the server can't be reached at the start, refuses, or ends it; 2 wrong usage.
    #[command(verbatim_doc_comment)]
    Tail(TailOptions),
    /// Tell a running server what its console is told.
    ///
    /// Whoever may use the data folder may do this. `hubbub admin help` lists the verbs, too, and
    /// `hubbub admin help VERB` says more about one of them.
    ///
    ///   hubbub admin users
    ///
    ///   hubbub admin kick bob "too loud"
    ///
    ///   hubbub admin stats --json | jq .connections
    ///
    /// Exit codes: 0 it is done; 1 it was refused, or no server runs (stderr says why); 2 wrong
    /// usage.
    #[command(subcommand, verbatim_doc_comment)]
    Admin(AdminCommand),
    /// List and forget the servers whose keys are known here.
    ///
    /// When `hubbub send` or `hubbub tail` meets a server for the first time, its key is shown and kept.
    /// From then on only a server with that key is spoken to. Forget the key of a server that was set
    /// up anew, after you have asked whoever runs it; the next meeting is a first one again.
    ///
    /// Exit codes: 0 it is done; 1 there is no such server, or the file can't be used (stderr says
    /// why); 2 wrong usage.
    #[command(subcommand)]
    Known(KnownCommand),
    /// Make, list and revoke invites: codes that let people make an account.
    ///
    /// Whoever may use the data folder may do this, while a server runs on it or not. With `hubbub
    /// serve --registration invite` nobody makes an account without one.
    ///
    /// Exit codes: 0 it is done, and kept; 1 it was refused, or the server gave no answer (stderr
    /// says why); 2 wrong usage, or the folder can't be used.
    #[command(subcommand)]
    Invite(InviteCommand),
    /// Show who came in, who was refused, and what was done with accounts.
    ///
    /// Reads the audit log in the data folder, the oldest entry first, while a
    /// server runs on it or not. It never holds what was said, nor any password.
    ///
    ///   hubbub audit --since 2h
    ///
    ///   hubbub audit --since 7d --act refused --json | jq -r .peer
    ///
    /// Each line has the time here, what happened, the name that was had or wished,
    /// the address, the door, and why or how; `-` where there is none.
    ///
    /// Exit codes: 0 all is shown; 1 the log can't be read; 2 wrong usage, or there
    /// is no data.
    #[command(verbatim_doc_comment)]
    Audit(AuditOptions),
    /// List the accounts, say who is an admin, and help who has forgotten a password.
    ///
    /// Whoever may use the data folder may do this, while a server runs on it or not.
    ///
    /// Exit codes: 0 it is done, and kept; 1 it was refused, or the server gave no answer (stderr
    /// says why); 2 wrong usage, or the folder can't be used.
    #[command(subcommand)]
    User(UserCommand),
    /// List the rooms, and say who keeps order there.
    ///
    /// Whoever may use the data folder may do this, while a server runs on it or not.
    ///
    /// Exit codes: 0 it is done, and kept; 1 it was refused, or the server gave no answer (stderr
    /// says why); 2 wrong usage, or the folder can't be used.
    #[command(subcommand)]
    Room(RoomCommand),
    /// Write what was said in a room to a file.
    ///
    /// Reads the data folder page by page, while a server runs on it or not, and
    /// keeps nobody waiting. What was deleted is not there, and what was edited
    /// has its last text. Private chats are not exported.
    ///
    ///   hubbub export lobby
    ///
    ///   hubbub export lobby --format html -o lobby.html --since 2026-11-01
    ///
    ///   hubbub export Work~3f2a --format jsonl -o work.jsonl
    ///
    /// Exit codes: 0 everything is written; 1 there is no such room, or something
    /// could not be read or written (stderr says what); 2 wrong usage, or there is
    /// no data.
    #[command(verbatim_doc_comment)]
    Export(ExportOptions),
    /// Add what was said elsewhere to a room.
    ///
    /// Reads an export of Hubbub or Mattermost, or a log of WeeChat or irssi. Try
    /// it with --dry-run first: a second import of the same file says everything
    /// twice. Whoever said something there is no user here, also where the names
    /// are the same. Nobody is told, and nobody may be in the room meanwhile.
    ///
    ///   hubbub import lobby.jsonl --room lobby --dry-run
    ///
    ///   hubbub import import.jsonl --from mattermost --channel town-square --room town
    ///
    ///   hubbub import irc.libera.#ops.weechatlog --from weechat --room ops
    ///
    /// What does not fit is made to: names become near ones that are valid, long
    /// texts are cut in two. The report says how often. Lines that mean nothing
    /// are counted and left out. It goes in whole batches of at most 100
    /// messages; Ctrl-C stops after one, and the report says how to go on.
    ///
    /// Exit codes: 0 everything is in the room, and kept; 1 it was refused or
    /// stopped (stderr says why, and how much is in the room); 2 wrong usage, or
    /// the file or the folder can't be used.
    #[command(verbatim_doc_comment)]
    Import(ImportOptions),
    /// Write everything of a server to one file.
    ///
    /// Works while the server runs, under any load, or not. In the file: what was
    /// said, accounts, rooms, the server's keys and its settings. It is checked
    /// whole before it gets its name, and for you alone: whoever has it can read
    /// everything and take the server's place.
    ///
    ///   hubbub backup /mnt/backups
    ///
    ///   hubbub backup tuesday.backup --force
    ///
    /// Exit codes: 0 it is written and checked; 1 something could not be read or
    /// written (stderr says what, and nothing is left); 2 wrong usage, or there is
    /// no data.
    #[command(verbatim_doc_comment)]
    Backup(BackupOptions),
    /// Make a server out of a backup.
    ///
    /// Looks at all of the file first. No server may use the folder meanwhile, and
    /// it must be empty, or --replace moves what is there into a folder beside.
    /// What was said since the backup is not there; clients that have read further
    /// begin anew, and say again what was not acknowledged.
    ///
    ///   hubbub restore tuesday.backup --check
    ///
    ///   hubbub restore tuesday.backup --data /srv/hubbub
    ///
    /// Exit codes: 0 it is done; 1 the file is not whole, or something could not be
    /// read or written (stderr says what, and nothing has changed); 2 wrong usage,
    /// or the folder is in use or holds data.
    #[command(verbatim_doc_comment)]
    Restore(RestoreOptions),
    /// Look whether all is well with a server, and say what to do.
    ///
    /// Looks at the settings, the data, the certificates, the ports, the limits of
    /// this system, its firewall and its clock, while the server runs or not.
    /// Changes nothing. It reads all of the data, which may take a while.
    ///
    /// Exit codes: 0 there is no problem (there may be warnings); 1 there is one;
    /// 2 wrong usage.
    #[command(verbatim_doc_comment, visible_alias = "check")]
    Doctor(DoctorOptions),
    /// Show the settings of a server, look whether they are good, and print all that there are.
    ///
    /// Options of `hubbub serve` go before environment variables, these before the settings file, and that
    /// before the defaults. The variable HUBBUB__LIMITS__LOGIN_S is `login_s` in the section [limits].
    ///
    /// Exit codes: 0 it is printed, or all is good; 1 it can't be printed; 2 wrong usage, or something is
    /// wrong with the settings (stderr says what, and where).
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say whether the server is well.
    ///
    /// For the health check of a container, and for scripts. Asks the server that runs on the data
    /// folder; it needs no --health for that. It is ready when its threads turn, it takes
    /// connections, its store takes what is said, and it isn't stopping.
    ///
    /// Exit codes: 0 it is ready; 1 it is not, or none runs there (the lines say why); 2 wrong usage.
    Health(HealthOptions),
    /// Show what the native protocol is.
    Protocol {
        /// Print the JSON Schema of all frames.
        #[arg(long)]
        schema: bool,
    },
    /// Print the completions for a shell.
    ///
    /// For example: hubbub completions bash > ~/.local/share/bash-completion/completions/hubbub
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print a man page, or write all of them.
    ///
    /// For example: hubbub man admin kick | man -l -
    ///
    /// All, for `man hubbub-admin-kick`: hubbub man --dir ~/.local/share/man/man1
    Man {
        /// Of which command [default: of hubbub itself].
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
        /// Write the pages of all commands to this folder, which is made if it isn't there.
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum InviteCommand {
    /// Make an invite, and print its code.
    ///
    /// The code is shown this once: only what proves it is kept.
    New(NewInvite),
    /// List the invites, the oldest first.
    List {
        /// Print one JSON object a line for programs, with the fields `id`, `created`, `expires`
        /// (milliseconds since 1970, or null), `uses`, `used` and `note`. More fields may follow in
        /// later versions.
        #[arg(long)]
        json: bool,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Take an invite back. Accounts that were made with it stay.
    Revoke {
        /// Its number, as the list shows it.
        #[arg(value_name = "ID", value_parser = |text: &str| text.parse().map(InviteId))]
        id: InviteId,
        /// The server's data folder [default: the same as of `hubbub serve`].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewInvite {
    /// How many accounts may be made with it.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) uses: u32,
    /// How long it counts: a span such as 7d or 12h, or never.
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = when::lifetime)]
    pub(crate) expires: Lifetime,
    /// Whom it is for, for you to remember.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// The server's data folder; made if it isn't there [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one JSON object for programs: `code`, and the fields of `hubbub invite list --json`.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditOptions {
    /// Only what happened since then: a span such as 2h or 7d, a day such as 2026-11-20, or a day and
    /// a time such as 2026-11-20T10:00.
    #[arg(long, value_name = "WHEN", value_parser = when::since)]
    pub(crate) since: Option<WallMs>,
    /// Only what is about this name.
    #[arg(long, value_name = "NAME", value_parser = UserName::known)]
    pub(crate) user: Option<UserName>,
    /// Only this. May be given several times.
    #[arg(long, value_name = "ACT", value_parser = acts())]
    pub(crate) act: Vec<AuditAct>,
    /// Print one JSON object a line for programs, with the fields `id` (rises), `time` (milliseconds
    /// since 1970), `act`, `name` and `reason`, and `user` (a number), `peer` and `door` where there
    /// are any. More fields may follow in later versions.
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// The words of the audit log.
fn acts() -> impl TypedValueParser<Value = AuditAct> {
    PossibleValuesParser::new(AuditAct::ALL.iter().map(|act| act.word()))
        .try_map(|word| AuditAct::from_word(&word).ok_or("no such word"))
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("to").required(true).args(["room", "user"])))]
pub(crate) struct SendOptions {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// What to say; may have several lines. Without it, or with `-`, each line of stdin is a
    /// message; empty lines are none. Control characters and terminal escapes (colours) are taken
    /// out. Write `--` before a text that begins with a dash.
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Say it in this room, which is made if there is none.
    #[arg(long, value_name = "ROOM", value_parser = RoomName::parse)]
    pub(crate) room: Option<RoomName>,
    /// Say it to this user alone. Who has not agreed to a private chat with you yet is asked, and
    /// nothing is said until they agree.
    #[arg(long, value_name = "NAME", value_parser = UserName::known)]
    pub(crate) user: Option<UserName>,
    /// The name to say it under; it is an error if somebody has it [default: your login name, with
    /// a number if it is taken].
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    pub(crate) name: Option<UserName>,
    /// Log in to the account NAME with the password in the first line of this file. Without it, the
    /// environment variable HUBBUB_PASSWORD is used, if --name is given.
    #[arg(long, value_name = "FILE", requires = "name")]
    pub(crate) password_file: Option<PathBuf>,
    /// Give up when connecting, or a message since it was read, takes longer. Waiting for more
    /// input does not count; waiting until somebody agrees to a private chat does.
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    /// Say it as an answer to the message of this number (its seq).
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) reply: Option<u64>,
    /// Print the number that each message got in its conversation (its seq), one a line.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TailOptions {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// The room to follow, which is made if there is none.
    #[arg(long, value_name = "ROOM", value_parser = RoomName::parse)]
    pub(crate) room: RoomName,
    /// Print one JSON object a line for programs, with the fields `room`, `epoch`, `seq` (the place
    /// in the room; seq rises by one), `time` (milliseconds since 1970), `from` (a name), `kind`
    /// (`text` or `action`) and `text`; `reply`, `edited` and `everyone` where they mean something.
    /// Other kinds (`edit`, `react`, `changed` …) have the fields of the native protocol instead of
    /// `text`. More kinds and fields may follow in later versions.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many of the last messages to print first.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) last: u32,
    /// The name to be in the room under; it is an error if somebody has it [default: your login
    /// name with `-tail`, and a number if that is taken].
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    pub(crate) name: Option<UserName>,
    /// Log in to the account NAME with the password in the first line of this file. Without it, the
    /// environment variable HUBBUB_PASSWORD is used, if --name is given.
    #[arg(long, value_name = "FILE", requires = "name")]
    pub(crate) password_file: Option<PathBuf>,
}

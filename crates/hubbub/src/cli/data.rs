//! The command line of what is done with a data folder as a whole: backup, restore, doctor.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// The file to write, or a folder: then its name is hubbub-DATE.backup. It is there when it is
    /// whole, for you alone.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON object for programs, with the fields `file`, `bytes`, `created` (milliseconds
    /// since 1970), `hubbub` (the version that made it), `version` (of the data), `epoch`, `rooms`,
    /// `private_chats`, `messages`, `accounts`, `newest` (the time of the newest event, or null) and
    /// `files` (names). More fields may follow in later versions.
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The settings file [default: hubbub.toml in the data folder, if it is there]. One that is elsewhere
    /// is not in the backup, but the certificate that it names is, if that is in the data folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreOptions {
    /// The backup, or the copy that was made before an upgrade (hubbub.db.before-vN).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only look whether it is whole, and show what is in it.
    #[arg(long, conflicts_with_all = ["replace", "data"])]
    pub(crate) check: bool,
    /// Move data that are in the folder into a folder before-restore-DATE in there. Nothing is
    /// deleted.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Print one JSON object for programs: the fields of `hubbub backup --json` (`created` and
    /// `hubbub` may be null), and, without --check, `data`, `epoch` as it is now, and `kept` (where the
    /// old data are, or null). More fields may follow in later versions.
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// Print one JSON object a line for programs, with the fields `check`, `level` (`ok`, `note`,
    /// `warning` or `problem`), `text`, and `help` if there is something to do. More checks and fields
    /// may follow in later versions.
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The settings file [default: hubbub.toml in the data folder, if it is there].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

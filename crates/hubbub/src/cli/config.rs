//! The command line of `hubbub config`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings that `hubbub serve` would have here now, from the environment, the settings file
    /// and the defaults. What is printed can be used as the file.
    Show {
        /// Say behind each where it comes from: the environment variable, the file and its line, what it
        /// follows from, or the default.
        #[arg(long)]
        origin: bool,
        /// Print one JSON object a line for programs, with the fields `setting` (such as
        /// `limits.login_s`), `value` and `origin`. More fields may follow in later versions.
        #[arg(long, conflicts_with = "origin")]
        json: bool,
        #[command(flatten)]
        place: ConfigPlace,
    },
    /// Look whether the settings are good: all of them, and the certificate that they name.
    ///
    /// What is wrong is said on stderr with its place, a line for each, and the exit code is 2.
    Check {
        /// The settings file to look at, alone; without it, what `hubbub serve` would read here now: its
        /// file and the environment.
        #[arg(value_name = "FILE", conflicts_with_all = ["config", "data"])]
        file: Option<PathBuf>,
        #[command(flatten)]
        place: ConfigPlace,
    },
    /// Print a settings file with all settings at their defaults, and what each means.
    Default,
}

/// Which settings.
#[derive(Debug, Args)]
pub(crate) struct ConfigPlace {
    /// The settings file [default: that of HUBBUB__CONFIG, or hubbub.toml in the data folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The server's data folder [default: the same as of `hubbub serve`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

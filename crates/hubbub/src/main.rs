//! The `hubbub` program: the command line, and nothing else.

mod audit;
mod cli;
mod end;
mod export;
mod folder;
mod guest;
mod import;
mod input;
mod interrupt;
mod invite;
mod known;
mod operator;
mod printer;
mod progress;
mod reach;
mod room;
mod send;
mod serve;
mod settings;
mod signals;
mod tail;
mod tools;
mod user;
mod when;

use clap::Parser;
use std::process::ExitCode;

/// Exit code for what the user can put right: arguments, a taken port, a folder without access.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    start_logging();
    let result = match arguments.command {
        cli::Command::Serve(options) => serve::run(&options),
        cli::Command::Send(options) => send::run(options),
        cli::Command::Tail(options) => tail::run(options),
        cli::Command::Known(command) => known::run(command),
        cli::Command::Invite(command) => invite::run(command),
        cli::Command::Audit(options) => audit::run(&options),
        cli::Command::User(command) => user::run(command),
        cli::Command::Room(command) => room::run(command),
        cli::Command::Export(options) => export::run(options),
        cli::Command::Import(options) => import::run(options),
        cli::Command::Protocol { schema } => tools::protocol(schema),
        cli::Command::Completions { shell } => tools::completions(shell),
        cli::Command::Man => tools::man(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hubbub: {error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Logs go to stderr, so that stdout holds only what was asked for. `HUBBUB_LOG` chooses (see
/// tracing-subscriber's `EnvFilter`).
fn start_logging() {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("HUBBUB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}

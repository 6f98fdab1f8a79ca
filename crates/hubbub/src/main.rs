//! The `hubbub` program: the command line, and nothing else.

mod admin;
mod audit;
mod backup;
mod cli;
mod config;
mod console;
mod doctor;
mod end;
mod export;
mod folder;
mod guest;
mod health;
mod import;
mod input;
mod interrupt;
mod invite;
mod known;
mod logging;
mod notify;
mod operator;
mod printer;
mod progress;
mod reach;
mod restore;
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
use std::io::{self, Write};
use std::process::ExitCode;

/// Exit code for what the user can put right: arguments, a taken port, a folder without access.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    logging::start();
    let result = match arguments.command {
        cli::Command::Serve(options) => serve::run(&options),
        cli::Command::Send(options) => send::run(options),
        cli::Command::Tail(options) => tail::run(options),
        cli::Command::Admin(command) => admin::run(command),
        cli::Command::Known(command) => known::run(command),
        cli::Command::Invite(command) => invite::run(command),
        cli::Command::Audit(options) => audit::run(&options),
        cli::Command::User(command) => user::run(command),
        cli::Command::Room(command) => room::run(command),
        cli::Command::Backup(options) => backup::run(&options),
        cli::Command::Restore(options) => restore::run(&options),
        cli::Command::Doctor(options) => doctor::run(&options),
        cli::Command::Export(options) => export::run(options),
        cli::Command::Import(options) => import::run(options),
        cli::Command::Config(command) => config::run(&command),
        cli::Command::Health(options) => health::run(&options),
        cli::Command::Protocol { schema } => tools::protocol(schema),
        cli::Command::Completions { shell } => tools::completions(shell),
        cli::Command::Man { command, dir } => tools::man(&command, dir.as_deref()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Where stderr is gone nobody is left to tell.
            let _ = writeln!(io::stderr(), "hubbub: {error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

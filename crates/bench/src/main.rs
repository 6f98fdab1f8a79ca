//! `hubbub-bench`: how fast and how small Hubbub is. Each benchmark is one file; `docs/performance.md`
//! says how they measure and what they found.
//!
//! Servers that are measured run as processes of their own: this program starts itself again with
//! the hidden command `serve`. All traffic stays on loopback, all data in a temporary folder, and
//! every load is bounded.

mod children;
mod durable;
mod fanout;
mod floor;
mod idle;
mod load;
mod logins;
mod native;
mod report;
mod search;
mod serve;
mod system;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Whatever stopped a benchmark: it has no figures then, and says why.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures Hubbub on this computer.
#[derive(Debug, Parser)]
#[command(name = "hubbub-bench", version, arg_required_else_help = true)]
struct Arguments {
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Durable messages per second, and how long an acknowledgement takes.
    Durable(durable::Options),
    /// Server CPU per delivery, next to a minimal server that only reads and writes.
    Fanout(fanout::Options),
    /// Bytes that the server needs for a connection that says nothing.
    Idle(idle::Options),
    /// Message latency while very many log in at once with a wrong password.
    Logins(logins::Options),
    /// How long a search takes among a million messages, and what the index costs.
    Search(search::Options),
    /// A server to be measured, until stdin ends.
    #[command(hide = true)]
    Serve(serve::Options),
}

fn main() -> ExitCode {
    let Arguments { json, command } = Arguments::parse();
    let result = match command {
        Command::Durable(options) => {
            durable::run(&options).and_then(|found| report::print(&found, json))
        }
        Command::Fanout(options) => {
            fanout::run(&options).and_then(|found| report::print(&found, json))
        }
        Command::Idle(options) => idle::run(&options).and_then(|found| report::print(&found, json)),
        Command::Logins(options) => {
            logins::run(&options).and_then(|found| report::print(&found, json))
        }
        Command::Search(options) => {
            search::run(&options).and_then(|found| report::print(&found, json))
        }
        Command::Serve(options) => serve::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hubbub-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `hubbub-bench`: how fast and how small Hubbub is. Each benchmark is one file; `docs/performance.md`
//! says how they measure and what they found.
//!
//! Servers that are measured run as processes of their own: this program starts itself again with
//! the hidden command `serve`. All traffic stays on loopback, all data in a temporary folder, and
//! every load is bounded.

mod children;
mod durable;
mod fanout;
mod flood;
mod flooder;
mod floor;
mod idle;
mod load;
mod logins;
mod native;
mod ordinary;
mod pool;
mod random;
mod report;
mod search;
mod serve;
mod sink;
mod slow;
mod system;
mod watch;
#[cfg(target_os = "linux")]
mod weather;

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
    /// How it is for ordinary users while somebody floods the server.
    Flood(flood::Options),
    /// Bytes that the server needs for a connection that says nothing.
    Idle(idle::Options),
    /// Message latency while very many log in at once with a wrong password.
    Logins(logins::Options),
    /// How long a search takes among a million messages, and what the index costs.
    Search(search::Options),
    /// How it is for others while very many stop reading, and whether these find everything later.
    Slow(slow::Options),
    /// Whether clients get everything once and in order through bad weather.
    #[cfg(target_os = "linux")]
    Weather(weather::Options),
    /// A client in a process of its own.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Talker(weather::talker::Options),
    /// One who means harm.
    #[command(hide = true)]
    Flooder(flooder::Options),
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
        Command::Flood(options) => {
            flood::run(&options).and_then(|found| report::print(&found, json))
        }
        Command::Slow(options) => slow::run(&options).and_then(|found| report::print(&found, json)),
        #[cfg(target_os = "linux")]
        Command::Weather(options) => weather::run(&options, json),
        #[cfg(target_os = "linux")]
        Command::Talker(options) => weather::talker::run(&options),
        Command::Flooder(options) => flooder::run(&options),
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

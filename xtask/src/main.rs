//! The project's own chores. `cargo xtask help` lists them.
//!
//! Deliberately without dependencies beyond clap: this is the first thing that a fresh clone builds.

mod deny;
mod run;
mod setup;
mod tidy;

use clap::{Parser, Subcommand};
use run::{cargo, with};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need, then check everything: format, lints, docs, tidy, all tests.
    Test,
    /// What .ci/run does: the same.
    Ci,
    /// Simulate many worlds in a release build. A failure prints its seed.
    Sim {
        /// How many.
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        first: u64,
    },
    /// Look for what the compiler doesn't: long files, sleeping tests, leftovers.
    Tidy,
    /// Check what is built in: licenses, sources, what is not wanted, and known holes where their list is.
    Deny,
    /// Run a benchmark: durable, fanout or idle. Options go after `--`.
    Bench {
        /// Passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test | Chore::Ci => test(),
        Chore::Sim { seeds, first } => sim(seeds, first),
        Chore::Tidy => tidy::run(),
        Chore::Deny => deny::run(),
        Chore::Bench { arguments } => bench(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<(), String> {
    setup::run()?;
    tidy::run()?;
    deny::run()?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--no-deps", "--quiet"])?;
    cargo(&["test", "--workspace", "--no-fail-fast"])
}

fn sim(seeds: u64, first: u64) -> Result<(), String> {
    let (seeds, first) = (seeds.to_string(), first.to_string());
    let settings = [("HUBBUB_SIM_SEEDS", &*seeds), ("HUBBUB_SIM_FIRST", &*first)];
    with(&settings, &["test", "--release", "--package", "hubbub-sim", "--test", "seeds"])
}

fn bench(arguments: &[String]) -> Result<(), String> {
    let mut all = vec!["run", "--release", "--package", "hubbub-bench", "--"];
    all.extend(arguments.iter().map(String::as_str));
    cargo(&all)
}

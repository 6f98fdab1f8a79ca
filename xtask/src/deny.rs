//! Checks what is built in, by `deny.toml`: licenses, sources, crates that are not wanted; and known holes,
//! where their list can be had.
//!
//! The program for it, cargo-deny, is installed into the target folder, so that nothing outside is
//! touched. Where it can't be had, as without a network, this warns and checks nothing; what it finds is
//! an error always.

use crate::run::{cargo, program, with};
use std::path::PathBuf;
use std::process::Command;

const VERSION: &str = "0.20.2";
/// What needs no network.
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];
/// The list of known holes.
const ADVISORIES: &str = "https://github.com/rustsec/advisory-db";

pub(crate) fn run() -> Result<(), String> {
    let deny = match installed() {
        Ok(deny) => deny,
        // A fresh clone without a network: everything else can still be tested there.
        Err(problem) => {
            eprintln!("xtask: {problem}");
            eprintln!("xtask: WARNING: without cargo-deny, nothing that is built in was checked");
            return Ok(());
        }
    };
    // Also the crates for other systems are looked at. They are here, or come now; or we do without.
    let target =
        if cargo(&["fetch", "--locked", "--quiet"]).is_ok() { None } else { Some(host()?) };
    let mut arguments = vec!["--offline", "--locked"];
    if let Some(target) = &target {
        eprintln!("xtask: some crates are not here: only those for {target} are checked");
        arguments.extend(["--target", target]);
    }
    arguments.push("check");
    arguments.extend(CHECKS);
    program(&deny, &[], &arguments)?;
    if is_reachable(ADVISORIES) {
        return program(&deny, &[], &["--locked", "check", "advisories"]);
    }
    eprintln!("xtask: {ADVISORIES} can't be reached: known holes are not looked for");
    Ok(())
}

/// The program, which is installed if it isn't there.
fn installed() -> Result<String, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let tools = target.join("tools");
    let deny = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    let path = |path: &PathBuf| path.to_str().map(str::to_owned).ok_or("a path that is not UTF-8");
    let runs = |deny: &PathBuf| {
        let output = Command::new(deny).arg("--version").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
    };
    if !runs(&deny) {
        let build = path(&tools.join("build"))?;
        let settings = [("CARGO_TARGET_DIR", build.as_str())];
        let root = path(&tools)?;
        // Quick to build: it runs for a second.
        let what = ["--locked", "--debug", "--force", "--version", VERSION, "cargo-deny"];
        with(&settings, &[&["install", "--quiet", "--root", &root], &what[..]].concat())?;
    }
    Ok(path(&deny)?)
}

/// The system that we are on, as the compiler calls it.
fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say which system this is".into())
}

fn is_reachable(repository: &str) -> bool {
    let mut git = Command::new("git");
    git.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=5", "ls-remote", "--quiet"]);
    git.args([repository, "HEAD"]).env("GIT_TERMINAL_PROMPT", "0");
    git.output().is_ok_and(|output| output.status.success())
}

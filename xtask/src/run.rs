//! Runs other programs, and says which.

use std::process::Command;

pub(crate) fn cargo(arguments: &[&str]) -> Result<(), String> {
    with(&[], arguments)
}

/// Runs cargo with environment variables.
pub(crate) fn with(settings: &[(&str, &str)], arguments: &[&str]) -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    program(&cargo, settings, arguments)
}

/// Runs a program to its end. An error if that isn't a good one.
pub(crate) fn program(
    name: &str,
    settings: &[(&str, &str)],
    arguments: &[&str],
) -> Result<(), String> {
    let short = if name.ends_with("cargo") { "cargo" } else { name };
    eprintln!("xtask: {short} {}", arguments.join(" "));
    let status = Command::new(name)
        .args(arguments)
        .envs(settings.iter().copied())
        .status()
        .map_err(|error| format!("can't run {short}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{short} {} failed", arguments.join(" "))) }
}

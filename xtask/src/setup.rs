//! Installs what the tests need beyond Rust.
//!
//! Today that is netcat with `-N` (the tour of the README is a test). On Debian and Ubuntu it is
//! installed if missing and if we may; elsewhere the message says what is needed.

use crate::run::program;
use std::path::Path;
use std::process::Command;

/// Programs that tests run, and the Debian packages that they come in.
const NEEDED: &[(&str, &str)] = &[("nc", "netcat-openbsd")];

pub(crate) fn run() -> Result<(), String> {
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(name, _)| !is_there(name)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!("the tests need these programs: {missing:?}. Install them first"));
    }
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    let apt = |arguments: &[&str]| {
        let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
        if is_root {
            program("apt-get", &quiet, arguments)
        } else {
            program("sudo", &quiet, &[&["--non-interactive", "apt-get"], arguments].concat())
        }
    };
    apt(&["update", "--quiet"])?;
    apt(&[&["install", "--yes", "--quiet", "--no-install-recommends"], &missing[..]].concat())
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

//! Looks for what the compiler and clippy don't see. Each finding names the file and the rule.

use std::fs;
use std::path::{Path, PathBuf};

/// A file above this is split by concept.
const LINES_MAX: usize = 600;
/// The longest pause between two looks at something that no fence tells of, in milliseconds.
const POLL_MS_MAX: u32 = 10;
/// What stands for work that is not done.
const LEFTOVERS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

pub(crate) fn run() -> Result<(), String> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask"] {
        collect(Path::new(folder), &mut files)?;
    }
    let mut findings = Vec::new();
    for file in &files {
        let text =
            fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        look(file, &text, &mut findings);
    }
    if findings.is_empty() {
        eprintln!("xtask: tidy: {} files are", files.len());
        return Ok(());
    }
    Err(format!("tidy:\n  {}", findings.join("\n  ")))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

fn look(file: &Path, text: &str, findings: &mut Vec<String>) {
    let name = file.display();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        findings.push(format!("{name}: {lines} lines; split it by concept ({LINES_MAX} at most)"));
    }
    if !text.starts_with("//!") {
        findings.push(format!("{name}: begin with `//!`: its job, and what is not here"));
    }
    let is_test = file.components().any(|part| part.as_os_str() == "tests");
    for (number, line) in text.lines().enumerate() {
        let at = format!("{name}:{}", number + 1);
        if line.contains(concat!("#[ign", "ore")) {
            findings.push(format!("{at}: an ignored test is a defect"));
        }
        if is_test && sleeps(line) {
            findings.push(format!("{at}: wait by a fence, not by the clock"));
        }
        if LEFTOVERS
            .iter()
            .any(|word| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == *word))
        {
            findings.push(format!("{at}: finish it, or write an issue"));
        }
    }
}

/// A sleep that is more than the pause between two looks, or the moment of a fault.
fn sleeps(line: &str) -> bool {
    let Some((_, time)) = line.split_once(concat!("::sl", "eep(")) else { return false };
    let millis = time.split_once("from_millis(").map(|(_, number)| {
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(u32::MAX)
    });
    !time.contains("from_micros(") && millis.unwrap_or(u32::MAX) > POLL_MS_MAX
}

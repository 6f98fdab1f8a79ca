//! `hubbub doctor`: whether all is well with a server, and what to do.
//!
//! A list of checks, each of which looks at one thing and changes nothing. What a check can't know is a
//! note, never a guess.

mod certificates;
mod data;
mod firewall;
mod network;
mod settings;
mod system;

use crate::cli::DoctorOptions;
use crate::end::End;
use crate::{folder, operator};
use hubbub_protocol::sanitize;
use serde::Serialize;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Columns of a line.
const WIDTH: usize = 80;
/// Columns before a finding's words: its level and the name of its check.
const INDENT: usize = 24;
/// The longest wait for another program's answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether it has come.
const ANSWER_PAUSE: Duration = Duration::from_millis(10);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Ok,
    /// Good to know, or not to be known.
    Note,
    /// Works, but not for long or not for all.
    Warning,
    /// Doesn't work.
    Problem,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "\u{1b}[32m",
            Self::Note => "\u{1b}[36m",
            Self::Warning => "\u{1b}[33m",
            Self::Problem => "\u{1b}[1;31m",
        }
    }
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    level: Level,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// All that was found up to now.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, check: &'static str, level: Level, text: impl Into<String>) {
        self.0.push(Finding { check, level, text: text.into(), help: None });
    }

    /// With what to do.
    pub(super) fn advise(
        &mut self,
        check: &'static str,
        level: Level,
        text: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(Finding { check, level, text: text.into(), help: Some(help.into()) });
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}

pub(crate) fn run(options: &DoctorOptions) -> Result<ExitCode, Box<dyn Error>> {
    let data = folder::of(options.data.as_deref())?;
    let mut findings = Findings::default();
    let plan = settings::check(&data, options.config.as_deref(), &mut findings);
    let newest = data::check(&data, &mut findings);
    let own = certificates::check(&data, plan.server.tls.certificate.as_ref(), &mut findings);
    network::check(&data, &plan, own, &mut findings);
    firewall::check(&plan, &mut findings);
    system::check(&plan, newest, &mut findings);
    let code =
        if findings.count(Level::Problem) > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    match show(&findings, options.json) {
        Ok(()) | Err(End::Unread) => Ok(code),
        Err(End::Failed(text)) => Err(text.into()),
        Err(End::Usage(error)) => Err(error),
    }
}

fn show(findings: &Findings, json: bool) -> Result<(), End> {
    let mut out = io::stdout().lock();
    if json {
        return findings.0.iter().try_for_each(|finding| operator::json_line(&mut out, finding));
    }
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Ok(for_people(findings, colours, &mut out)?)
}

fn for_people(findings: &Findings, colours: bool, out: &mut impl Write) -> io::Result<()> {
    for finding in &findings.0 {
        let word = format!("{:<8}", finding.level.word());
        let (on, off) = if colours { (finding.level.colour(), "\u{1b}[0m") } else { ("", "") };
        let mut lines = wrapped(&finding.text).into_iter();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{on}{word}{off} {:<14} {first}", finding.check)?;
        let help = finding.help.iter().flat_map(|help| wrapped(&format!("-> {help}")));
        for line in lines.chain(help) {
            writeln!(out, "{:INDENT$}{line}", "")?;
        }
    }
    let count = |level, one: &str| match findings.count(level) {
        0 => format!("no {one}s"),
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    };
    writeln!(out, "\n{}, {}", count(Level::Problem, "problem"), count(Level::Warning, "warning"))
}

/// Lines that fit, broken between words. A word that is longer stays whole: it is a path, or a command.
fn wrapped(text: &str) -> Vec<String> {
    let text = sanitize::for_terminal_line(text);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        let columns = line.chars().count() + 1 + word.chars().count();
        if line.is_empty() {
            line.push_str(word);
        } else if columns <= WIDTH - INDENT {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// What another program prints. `None`: there is none, it fails, or takes too long.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut stdout, &mut bytes).map(|_| bytes)
    });
    let until = Instant::now() + ANSWER_MAX;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => std::thread::sleep(ANSWER_PAUSE),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let bytes = reading.join().ok()?.ok()?;
    status.success().then(|| String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits_and_says_what_to_do() {
        let mut findings = Findings::default();
        findings.add("settings", Level::Ok, "none, so everything is as by default");
        let text = "a sentence that is so long that it has to go on in a second line of its own";
        findings.advise("data folder", Level::Problem, text, "do this\u{1b}[2J");
        let mut out = Vec::new();
        for_people(&findings, false, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
        assert!(!out.contains('\u{1b}'), "{out:?}");
        assert!(out.contains("\n                        -> do this"), "{out}");
        assert!(out.ends_with("1 problem, no warnings\n"), "{out}");
        let mut coloured = Vec::new();
        for_people(&findings, true, &mut coloured).unwrap();
        assert!(String::from_utf8(coloured).unwrap().contains("\u{1b}[1;31mproblem"));
    }

    #[test]
    fn a_program_that_is_not_there_has_no_answer() {
        assert_eq!(ask("there-is-no-such-program", &[]), None);
        #[cfg(unix)]
        assert_eq!(ask("echo", &["yes"]).as_deref(), Some("yes"));
    }
}

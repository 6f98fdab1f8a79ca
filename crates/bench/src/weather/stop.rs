//! A process stands still for a while, as one does whose computer sleeps, while others talk: afterwards
//! all must have the same, everything, once and in order.

use crate::Result;
use crate::children::{ServerProcess, Setting};
use crate::report::progress;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const TALKERS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// Talk before and after somebody stands still.
const BESIDE: Duration = Duration::from_secs(5);
/// After the end of all talk.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long a process stands still, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Who stands still [default: one after the other].
    #[arg(long, value_enum)]
    who: Option<Who>,
    /// The folder in which the data folder is made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Who stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    Server,
    Client,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    seconds: u64,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    who: Who,
    messages: usize,
    /// Clients that have everything, once and in order.
    complete: usize,
    /// Connections that were lost.
    lost_connections: usize,
    /// From the moment in which it went on until all had what had been said by then, and what followed.
    seconds_after: f64,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    let both = [Who::Server, Who::Client];
    let who = options.who.as_ref().map_or(&both[..], std::slice::from_ref);
    let runs = who.iter().map(|who| run_one(*who, options)).collect::<Result<_>>()?;
    Ok(Found { seconds: options.seconds, runs })
}

/// A client in its own process, and what it prints.
struct Talker {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<(u64, String)>,
    lost: usize,
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run_one(who: Who, options: &Options) -> Result<Run> {
    let server =
        ServerProcess::start(Setting { data: options.data.as_deref(), ..Setting::default() })?;
    let still = Duration::from_secs(options.seconds);
    let each = u32::try_from((still + BESIDE * 2).as_millis() / PAUSE.as_millis())?;
    let all = (each * TALKERS) as usize;
    let mut talkers = Vec::new();
    for number in 0..TALKERS {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("talker")
            .args(["--server", &server.address().to_string()])
            .args(["--name", &format!("talker{number}")])
            .args(["--messages", &each.to_string(), "--hears", &all.to_string()])
            .args(["--pause-ms", &PAUSE.as_millis().to_string()])
            .args(["--seconds", &(still * 2 + PATIENCE).as_secs().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("a talker has no stdout")?;
        let (put, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
                if put.send(line).is_err() {
                    return;
                }
            }
        });
        talkers.push(Talker { child, lines, heard: Vec::new(), lost: 0 });
        let talker = talkers.last_mut().ok_or("one was just added")?;
        while talker.lines.recv_timeout(BESIDE * 2)? != "in" {}
    }
    for talker in &mut talkers {
        let stdin = talker.child.stdin.as_mut().ok_or("a talker has no stdin")?;
        writeln!(stdin, "go")?;
    }
    std::thread::sleep(BESIDE);
    let pid = if who == Who::Server { server.pid() } else { talkers[0].child.id() };
    let pid = Pid::from_raw(i32::try_from(pid)?).ok_or("a process has a number")?;
    progress(format_args!("{who:?} stands still"));
    kill_process(pid, Signal::STOP)?;
    std::thread::sleep(still);
    kill_process(pid, Signal::CONT)?;
    progress(format_args!("{who:?} goes on"));
    let went_on = Instant::now();
    // One that stood still still has its own messages to say.
    let until = went_on + still + PATIENCE;
    for talker in &mut talkers {
        talker.collect(all, until)?;
    }
    let seconds_after = went_on.elapsed().as_secs_f64();
    let complete = talkers.iter().filter(|talker| talker.is_complete(each)).count();
    let lost_connections = talkers.iter().map(|talker| talker.lost).sum();
    Ok(Run { who, messages: all, complete, lost_connections, seconds_after })
}

impl Talker {
    fn collect(&mut self, all: usize, until: Instant) -> Result<()> {
        while self.heard.len() < all {
            let line = match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if line == "lost" {
                self.lost += 1;
            } else if let Some((seq, text)) = line.split_once(' ') {
                self.heard.push((seq.parse()?, text.to_owned()));
            }
        }
        Ok(())
    }

    /// Every number once and in order, and of each talker everything, once and in order.
    fn is_complete(&self, each: u32) -> bool {
        let numbers = self.heard.iter().zip(1..).all(|((seq, _), number)| *seq == number);
        let of = |number: u32| {
            let name = format!("talker{number} ");
            let texts = self.heard.iter().filter_map(|(_, text)| text.strip_prefix(&name));
            let counts: Vec<u32> = texts.filter_map(|count| count.parse().ok()).collect();
            counts.into_iter().eq(1..=each)
        };
        numbers && (0..TALKERS).all(of)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{TALKERS} clients talk, each every {} ms; a process stands still for {} s.",
            PAUSE.as_millis(),
            self.seconds
        )?;
        writeln!(
            f,
            "| stands still | messages | clients with everything, once and in order | connections lost | all done after, s | verdict |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for Run { who, messages, complete, lost_connections, seconds_after } in &self.runs {
            let verdict = if *complete == TALKERS as usize { "holds" } else { "MISSED" };
            writeln!(
                f,
                "| {who:?} | {messages} | {complete} of {TALKERS} | {lost_connections} | {seconds_after:.1} | {verdict} |"
            )?;
        }
        Ok(())
    }
}

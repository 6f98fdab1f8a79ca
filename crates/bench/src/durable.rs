//! How many messages a second become durable, and how long their acknowledgement takes.
//!
//! The same load goes two ways: over loopback sockets through a whole server in this process, and
//! straight into the hub and the store as `hub_loop` and `commit` drive them. Each way is first given
//! all that it takes (every session keeps its window full: the most messages per second; latency is
//! then only the length of the queue that was made), then fixed rates (the latency that counts).
//! Times count from the moment when a message was due, also if it could not be sent then.

mod hub_alone;
mod sockets;
mod timed_store;

use crate::report::{Percentiles, micros, progress};
use crate::{Result, system};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is aimed at.
const AIM_PER_SECOND: f64 = 50_000.0;
const AIM_P99_MS: f64 = 20.0;
/// Before it counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const TURN: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// How much, and which way.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which way.
    #[arg(long, value_enum, default_value = "both")]
    way: WayChoice,
    /// Sessions that send.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    sessions: u32,
    /// Members of each room: each message is also delivered to the others.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    members: u32,
    /// Unanswered sends of one session at most.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=32))]
    in_flight: u32,
    /// Messages per second of the other parts. May be given several times.
    #[arg(long, default_values_t = [10_000, 50_000], value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Vec<u32>,
    /// Length of each part, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// The folder in which the data folder is made: on the disk that is to be measured [default:
    /// the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum WayChoice {
    /// Through a server.
    Sockets,
    /// Hub and store alone.
    Hub,
    /// One after the other.
    Both,
}

/// A way in. Sessions are numbers from 0, and a session's sends are answered in their order.
trait Way {
    /// Says something for a session.
    fn send(&mut self, session: usize, counter: u64, text: &str) -> Result<()>;
    /// What was said goes out, and the sessions of the answers that came are appended; waits for
    /// `limit` if there are none.
    fn exchange(&mut self, limit: Duration, answered: &mut Vec<usize>) -> Result<()>;
    /// The times of all commits since the last call, and the records in them.
    fn commits(&mut self) -> (Vec<Duration>, usize);
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    sessions: u32,
    members: u32,
    aim_per_second: f64,
    aim_p99_ms: f64,
    parts: Vec<Part>,
}

/// One way under one load.
#[derive(Debug, Serialize)]
struct Part {
    way: &'static str,
    load: Load,
    seconds: f64,
    messages: usize,
    per_second: f64,
    /// From due to answered.
    acknowledged: Percentiles,
    /// One call of the store, with its fsync.
    commit: Percentiles,
    messages_per_commit: f64,
    /// CPU of this process by thread, in µs per message. `hubbub-bench` is the load itself (and, with
    /// the hub alone, also the hub).
    cpu_us: BTreeMap<String, f64>,
}

/// How messages become due.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Load {
    /// Always as many unanswered per session.
    Full { in_flight: u32 },
    /// So many a second, from all sessions in turn.
    Rate { per_second: u32 },
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    system::raise_file_limit();
    let mut parts = Vec::new();
    if options.way != WayChoice::Hub {
        let data = system::data_folder(options.data.as_deref())?;
        let mut way = sockets::Sockets::start(data.path(), options.sessions, options.members)?;
        measure("sockets", &mut way, options, &mut parts)?;
    }
    if options.way != WayChoice::Sockets {
        let data = system::data_folder(options.data.as_deref())?;
        let mut way = hub_alone::HubAlone::start(data.path(), options.sessions, options.members)?;
        measure("hub and store", &mut way, options, &mut parts)?;
    }
    Ok(Found {
        sessions: options.sessions,
        members: options.members,
        aim_per_second: AIM_PER_SECOND,
        aim_p99_ms: AIM_P99_MS,
        parts,
    })
}

fn room_name(session: u32, members: u32) -> String {
    format!("room{:04}", session / members)
}

fn measure(
    name: &'static str,
    way: &mut impl Way,
    options: &Options,
    parts: &mut Vec<Part>,
) -> Result<()> {
    let mut sender = Sender::new(options);
    let full = Load::Full { in_flight: options.in_flight };
    let rates = options.rate.iter().map(|&per_second| Load::Rate { per_second });
    for load in std::iter::once(full).chain(rates) {
        progress(format_args!("{name}: {load}"));
        sender.run(way, load, WARM_UP)?;
        way.commits();
        let pid = std::process::id();
        let before = system::cpu_by_thread(pid)?;
        let (times, seconds) = sender.run(way, load, Duration::from_secs(options.seconds))?;
        let after = system::cpu_by_thread(pid)?;
        let (commits, records) = way.commits();
        let messages = times.len();
        let of_one = |(thread, cpu): (String, Duration)| {
            let spent = cpu.saturating_sub(before.get(&thread).copied().unwrap_or_default());
            (thread, micros(spent) / messages as f64)
        };
        parts.push(Part {
            way: name,
            load,
            seconds,
            messages,
            per_second: messages as f64 / seconds,
            acknowledged: Percentiles::of(times),
            messages_per_commit: records as f64 / commits.len().max(1) as f64,
            commit: Percentiles::of(commits),
            cpu_us: after.into_iter().map(of_one).filter(|(_, us)| *us >= 0.01).collect(),
        });
    }
    Ok(())
}

/// The load: when which session says something.
struct Sender {
    in_flight: usize,
    text: String,
    sessions: Vec<Session>,
    /// Whose turn it is.
    next: usize,
    unanswered: usize,
}

#[derive(Clone, Default)]
struct Session {
    counter: u64,
    /// When its unanswered messages were due.
    due: VecDeque<Instant>,
}

impl Sender {
    fn new(options: &Options) -> Self {
        Self {
            in_flight: options.in_flight as usize,
            text: format!("{:x<64}", "hello "),
            sessions: vec![Session::default(); options.sessions as usize],
            next: 0,
            unanswered: 0,
        }
    }

    /// Loads for so long, then waits for all answers. Returns how long each answer took, and the
    /// seconds from the first message to the last answer.
    fn run(
        &mut self,
        way: &mut impl Way,
        load: Load,
        length: Duration,
    ) -> Result<(Vec<Duration>, f64)> {
        let began = Instant::now();
        let mut times = Vec::new();
        let mut answered = Vec::new();
        let mut issued = 0u32;
        let mut last = began;
        if let Load::Full { .. } = load {
            for session in 0..self.sessions.len() {
                self.fill(way, session, began)?;
            }
        }
        loop {
            let now = Instant::now();
            let is_over = now >= began + length;
            if let Load::Rate { per_second } = load
                && !is_over
            {
                let step = Duration::from_secs(1) / per_second;
                while began + step * issued <= now && self.send_next(way, began + step * issued)? {
                    issued += 1;
                }
            }
            if is_over && self.unanswered == 0 {
                return Ok((times, (last - began).as_secs_f64()));
            }
            answered.clear();
            way.exchange(TURN, &mut answered)?;
            let now = Instant::now();
            if now > last + PATIENCE {
                return Err(format!("no answer for {PATIENCE:?}").into());
            }
            for &session in &answered {
                let due = self.sessions[session].due.pop_front().ok_or("an answer to nothing")?;
                self.unanswered -= 1;
                times.push(now - due);
                last = now;
                if matches!(load, Load::Full { .. }) && !is_over {
                    self.fill(way, session, now)?;
                }
            }
        }
    }

    fn fill(&mut self, way: &mut impl Way, session: usize, now: Instant) -> Result<()> {
        while self.sessions[session].due.len() < self.in_flight {
            self.send(way, session, now)?;
        }
        Ok(())
    }

    /// The next session that may send does so. False if none may.
    fn send_next(&mut self, way: &mut impl Way, due: Instant) -> Result<bool> {
        for _ in 0..self.sessions.len() {
            let session = self.next;
            self.next = (self.next + 1) % self.sessions.len();
            if self.sessions[session].due.len() < self.in_flight {
                self.send(way, session, due)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn send(&mut self, way: &mut impl Way, number: usize, due: Instant) -> Result<()> {
        let session = &mut self.sessions[number];
        session.counter += 1;
        session.due.push_back(due);
        self.unanswered += 1;
        way.send(number, session.counter, &self.text)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Full { in_flight } => f.pad(&format!("full, {in_flight} in flight")),
            Load::Rate { per_second } => f.pad(&format!("{per_second}/s")),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, members, aim_per_second, aim_p99_ms, parts } = self;
        writeln!(
            f,
            "{sessions} sessions in rooms of {members}, texts of 64 bytes, each commit with fsync."
        )?;
        writeln!(f, "Aims: ≥ {aim_per_second}/s; p99 of a commit ≤ {aim_p99_ms} ms.")?;
        writeln!(
            f,
            "{:<15}{:<21}{:>10}  {:<26}{:<24}{:>9}  CPU in µs per message, by thread",
            "way", "load", "messages/s", "ack ms p50/p99/max", "commit ms p50/p99/max", "a commit"
        )?;
        for part in parts {
            write!(
                f,
                "{:<15}{:<21}{:>10.0}  {:<26}{:<24}{:>9.0} ",
                part.way,
                part.load,
                part.per_second,
                part.acknowledged,
                part.commit,
                part.messages_per_commit
            )?;
            for (thread, us) in &part.cpu_us {
                write!(f, " {thread} {us:.1}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

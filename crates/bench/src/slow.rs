//! How it is for others while one or very many readers stop reading, what these cost the server in memory,
//! and whether they find everything when they come back.
//!
//! Each number of stopped readers meets a fresh server. Others chat in the same room until so many bytes
//! have reached them; then those who stopped read on, and come back where they were sent away, while
//! the others go on. Each of them must see every number of the room once.

mod stopped;

use crate::children::{ServerProcess, Setting};
use crate::ordinary::{Manner, Ordinary, Phase};
use crate::report::progress;
use crate::serve::LimitsChoice;
use crate::watch::{Seen, Watch};
use crate::{Result, random, system};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use stopped::{Returned, Stopped};

/// What is aimed at: the others' p99 to that without anybody who stops.
const AIM_RATIO: f64 = 2.0;
/// The outboxes' budget of 256 MiB, and what a server needs beside them.
const AIM_BYTES: u64 = (256 + 128) << 20;
const ROOM: &str = "den";
/// Chat before it counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// So long those who stop take what their sockets and outboxes have room for, and are readers like others:
/// what the server does then is told, and not compared.
const FILLING: Duration = Duration::from_secs(6);
/// Longest time that the bytes may take.
const LONGEST: Duration = Duration::from_secs(300);

/// How many, and how much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Readers that stop, for each run.
    #[arg(long, value_delimiter = ',', default_value = "0,1,1000", value_parser = clap::value_parser!(u32).range(0..=5_000))]
    stopped: Vec<u32>,
    /// Others, who read and speak.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=200))]
    others: u32,
    /// Megabytes of text that reach the others, all together, before those who stopped come back.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    megabytes: u64,
    /// Bytes of a message.
    #[arg(long, default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(9..=4_096))]
    text_bytes: u32,
    /// Between two messages of one of the others, on average, in milliseconds.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pause_ms: u64,
    /// What clients are held to.
    #[arg(long, value_enum, default_value_t = LimitsChoice::Free)]
    limits: LimitsChoice,
    /// For the moments at which the others speak [default: another one each time].
    #[arg(long)]
    seed: Option<u64>,
    /// Threads of the server that own connections [default: one for each core].
    #[arg(long)]
    lanes: Option<usize>,
    /// The folder in which the data folders are made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    seed: u64,
    others: u32,
    megabytes: u64,
    text_bytes: u32,
    aim_ratio: f64,
    aim_bytes: u64,
    runs: Vec<Run>,
}

/// One number of readers that stop.
#[derive(Debug, Serialize)]
struct Run {
    stopped: u32,
    /// Until the bytes had reached the others.
    seconds: f64,
    /// The others, while the sockets of those who stopped fill, while they are full or closed, and while
    /// these come back.
    filling: Phase,
    flowing: Phase,
    returning: Phase,
    memory: Seen,
    returned: Returned,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    system::raise_file_limit();
    system::step_back(-10);
    let seed = options.seed.unwrap_or_else(random::seed);
    progress(format_args!("seed {seed}"));
    let runs = options.stopped.iter().map(|stopped| run_one(*stopped, options, seed));
    Ok(Found {
        seed,
        others: options.others,
        megabytes: options.megabytes,
        text_bytes: options.text_bytes,
        aim_ratio: AIM_RATIO,
        aim_bytes: AIM_BYTES,
        runs: runs.collect::<Result<_>>()?,
    })
}

fn run_one(count: u32, options: &Options, seed: u64) -> Result<Run> {
    progress(format_args!("{count} readers enter and stop"));
    let server = ServerProcess::start(Setting {
        data: options.data.as_deref(),
        lanes: options.lanes,
        limits: options.limits,
        ..Setting::default()
    })?;
    let mut stopped = Stopped::enter(server.address(), ROOM, count as usize)?;
    let manner = Manner {
        room: ROOM,
        native: options.others as usize,
        plain: 0,
        pause: Duration::from_millis(options.pause_ms),
        text_bytes: options.text_bytes as usize,
        newcomers: false,
    };
    let mut ordinary = Ordinary::enter(server.address(), manner, seed)?;
    let watch = Watch::begin(server.pid())?;
    ordinary.talk(WARM_UP)?;
    let goal = ordinary.bytes + options.megabytes * 1_000_000;
    let began = Instant::now();
    ordinary.talk(FILLING)?;
    ordinary.talk_until(|ordinary| ordinary.bytes >= goal || began.elapsed() > LONGEST)?;
    let seconds = began.elapsed().as_secs_f64();
    if ordinary.bytes < goal {
        return Err(format!("only {} bytes in {LONGEST:?}", ordinary.bytes).into());
    }
    progress(format_args!("{count} readers read on"));
    let head = ordinary.said();
    let returned = std::thread::scope(|scope| {
        let returning = scope.spawn(|| stopped.read_on(head));
        ordinary.talk_until(|_| returning.is_finished())?;
        returning.join().unwrap_or_else(|_| Err("the readers' thread panicked".into()))
    })?;
    let memory = watch.end()?;
    let phases: [Phase; 4] =
        ordinary.finish()?.try_into().map_err(|_| "there are as many phases as were begun")?;
    let [_, filling, flowing, returning] = phases;
    let run = Run { stopped: count, seconds, filling, flowing, returning, memory, returned };
    progress(format_args!("{run}"));
    Ok(run)
}

impl Run {
    /// p99 to that of another run; the worse of answers and deliveries.
    fn ratio(&self, to: &Self) -> f64 {
        let (these, those) = (&self.flowing, &to.flowing);
        let acknowledged = these.acknowledged.p99_ms / those.acknowledged.p99_ms;
        acknowledged.max(these.delivered.p99_ms / those.delivered.p99_ms)
    }

    fn verdict(&self, to: Option<&Self>) -> String {
        let mut misses = Vec::new();
        if to.is_some_and(|to| self.ratio(to) > AIM_RATIO) {
            misses.push("p99");
        }
        if self.memory.peak_bytes > AIM_BYTES {
            misses.push("memory");
        }
        if self.filling.missing + self.flowing.missing + self.returning.missing > 0 {
            misses.push("messages lost");
        }
        if self.filling.refused + self.flowing.refused + self.returning.refused > 0 {
            misses.push("others refused");
        }
        if self.returned.complete != u64::from(self.stopped) {
            misses.push("gaps");
        }
        if misses.is_empty() { "holds".into() } else { format!("MISSED: {}", misses.join(", ")) }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, others, megabytes, text_bytes, aim_ratio, aim_bytes, runs } = self;
        writeln!(
            f,
            "{others} users chat in a durable room until {megabytes} MB of messages of {text_bytes} bytes have reached them; others have stopped reading there. Seed {seed}."
        )?;
        writeln!(
            f,
            "Aim: p99 ≤ {aim_ratio} times that without anybody who stops; server memory ≤ {} MiB; whoever stopped finds everything.",
            aim_bytes >> 20
        )?;
        writeln!(
            f,
            "| stopped | ack p50 / p99, ms | delivery p50 / p99, ms | times without | server RSS before / peak, MiB | kernel TCP peak, MiB | closed by the server (told `slow`) | found everything | back after, s | others' delivery p99 meanwhile, ms | and while sockets filled, ms | verdict |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        let without = runs.iter().find(|run| run.stopped == 0);
        for run in runs {
            let Run { stopped, filling, flowing, returning, memory, returned, .. } = run;
            let (ack, delivery) = (&flowing.acknowledged, &flowing.delivered);
            let ratio = without.map_or_else(String::new, |to| format!("{:.1}", run.ratio(to)));
            writeln!(
                f,
                "| {stopped} | {:.1} / {:.1} | {:.1} / {:.1} | {ratio} | {} / {} | {} | {} ({}) | {} | {:.1} | {:.1} | {:.1} | {} |",
                ack.p50_ms,
                ack.p99_ms,
                delivery.p50_ms,
                delivery.p99_ms,
                memory.before_bytes >> 20,
                memory.peak_bytes >> 20,
                memory.tcp_peak_bytes >> 20,
                returned.ended,
                returned.closed_as_slow,
                returned.complete,
                returned.seconds,
                returning.delivered.p99_ms,
                filling.delivered.p99_ms,
                run.verdict(without)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stopped, seconds, flowing, memory, returned, .. } = self;
        write!(
            f,
            "{stopped} stopped: {seconds:.1} s, ack ms {}, delivery ms {}; peak {} MiB, kernel {} MiB; {returned:?}",
            flowing.acknowledged,
            flowing.delivered,
            memory.peak_bytes >> 20,
            memory.tcp_peak_bytes >> 20
        )
    }
}

//! How it is for ordinary users while somebody floods the server, and what the flood costs in memory.
//!
//! Each kind of flood meets a fresh server. Ordinary users chat through the phases: quiet, flood, after it,
//! and *control*: the same flood at the same rate against a sink (`sink.rs`) in another process. On one
//! computer the flood takes time from everybody, whomever it is meant for; the control says how much.

use crate::children::{FlooderProcess, ServerProcess, Setting};
use crate::flooder::{Done, Kind};
use crate::ordinary::{Manner, Ordinary, Phase};
use crate::report::{Percentiles, progress};
use crate::serve::{self, LimitsChoice};
use crate::watch::{Seen, Watch};
use crate::{Result, random, search, system};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is aimed at: p99 in the flood to that without it.
const AIM_RATIO: f64 = 2.0;
/// The outboxes' budget of 256 MiB, and what a server needs beside them.
const AIM_BYTES: u64 = (256 + 128) << 20;
/// Messages in the room that is searched.
const MESSAGES: u64 = 100_000;
/// Between the end of a flood and what is measured then.
const REST: Duration = Duration::from_secs(1);

/// Which, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What kinds of floods [default: all].
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Length of the quiet phase, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    quiet: u64,
    /// Length of the flood, in seconds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Ordinary users of the native door.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=500))]
    users: u32,
    /// Ordinary users of the plain door.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    plain: u32,
    /// Between two messages of a user, on average, in milliseconds.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pause_ms: u64,
    /// What clients are held to.
    #[arg(long, value_enum, default_value_t = LimitsChoice::Default)]
    limits: LimitsChoice,
    /// How much the flooder's process steps back (nice).
    #[arg(long, default_value_t = 0, allow_hyphen_values = true, value_parser = clap::value_parser!(i32).range(-20..=19))]
    nice: i32,
    /// For the moments at which users speak [default: another one each time].
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
    limits: LimitsChoice,
    users: u32,
    plain: u32,
    aim_ratio: f64,
    aim_bytes: u64,
    floods: Vec<Flooded>,
}

/// One kind of flood.
#[derive(Debug, Serialize)]
struct Flooded {
    kind: Kind,
    unit: &'static str,
    done: Done,
    quiet: Phase,
    flood: Phase,
    after: Phase,
    control: Phase,
    memory: Seen,
    /// Share of one core that the server took in the flood.
    cores: f64,
    /// Share of one core that other programs of this computer took in the quiet phase.
    others_cores: f64,
    /// What went wrong for an ordinary user, the last of it.
    complaint: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    system::raise_file_limit();
    // The users' clocks are to show the server's delays and not those of this process.
    system::step_back(-10);
    let seed = options.seed.unwrap_or_else(random::seed);
    progress(format_args!("seed {seed}"));
    let kinds = if options.kinds.is_empty() { &Kind::ALL[..] } else { &options.kinds };
    let floods = kinds.iter().map(|kind| {
        let found = run_one(*kind, options, seed)?;
        // It takes a while until all are done.
        progress(format_args!("{found}"));
        Ok(found)
    });
    Ok(Found {
        seed,
        limits: options.limits,
        users: options.users,
        plain: options.plain,
        aim_ratio: AIM_RATIO,
        aim_bytes: AIM_BYTES,
        floods: floods.collect::<Result<_>>()?,
    })
}

fn run_one(kind: Kind, options: &Options, seed: u64) -> Result<Flooded> {
    progress(format_args!("{}: quiet", kind.word()));
    let setting = Setting {
        data: options.data.as_deref(),
        lanes: options.lanes,
        limits: options.limits,
        prepare: (kind == Kind::Search).then_some(prepare as fn(&Path) -> Result<()>),
        ..Setting::default()
    };
    let server = ServerProcess::start(setting)?;
    let manner = Manner {
        room: "den",
        native: options.users as usize,
        plain: options.plain as usize,
        pause: Duration::from_millis(options.pause_ms),
        text_bytes: 40,
        newcomers: true,
    };
    let mut ordinary = Ordinary::enter(server.address(), manner, seed)?;
    // The first messages make the room and the files.
    ordinary.talk(REST)?;
    let spent = || -> Result<_> {
        Ok((system::cpu_of_all()?, server.cpu()? + system::cpu(std::process::id())?))
    };
    let before = spent()?;
    ordinary.talk(Duration::from_secs(options.quiet))?;
    let (all, ours) = spent()?;
    let others = all.saturating_sub(before.0).saturating_sub(ours.saturating_sub(before.1));
    let others_cores = others.as_secs_f64() / options.quiet as f64;

    progress(format_args!("{}: flood", kind.word()));
    let length = Duration::from_secs(options.seconds);
    let (watch, cpu, began) = (Watch::begin(server.pid())?, server.cpu()?, Instant::now());
    let mut flooder = FlooderProcess::start(kind, server.address(), length, None, options.nice)?;
    // Some have done all that they do before the time is over.
    ordinary.talk_until(|_| flooder.is_over())?;
    let cores = (server.cpu()?.saturating_sub(cpu)).as_secs_f64() / began.elapsed().as_secs_f64();
    let done = flooder.finish()?;
    ordinary.talk(Duration::from_secs(5))?;
    let memory = watch.end()?;

    progress(format_args!("{}: control", kind.word()));
    let sink =
        Setting { kind: serve::Kind::Sink, data: options.data.as_deref(), ..Setting::default() };
    let sink = ServerProcess::start(sink)?;
    let rate = Some(done.per_second());
    let mut flooder = FlooderProcess::start(kind, sink.address(), length, rate, options.nice)?;
    ordinary.talk_until(|_| flooder.is_over())?;
    flooder.finish()?;
    let complaint = ordinary.complaint.clone();
    let phases: [Phase; 5] =
        ordinary.finish()?.try_into().map_err(|_| "there are as many phases as were begun")?;
    let [_, quiet, flood, after, control] = phases;
    Ok(Flooded {
        unit: kind.unit(),
        kind,
        done,
        quiet,
        flood,
        after,
        control,
        memory,
        cores,
        others_cores,
        complaint,
    })
}

fn prepare(folder: &Path) -> Result<()> {
    progress(format_args!("storing and indexing {MESSAGES} messages"));
    search::prepare(folder, MESSAGES)
}

type Figure = fn(&Percentiles) -> f64;

const FIGURES: [(&str, Figure); 2] = [("p50", |times| times.p50_ms), ("p99", |times| times.p99_ms)];

impl Flooded {
    /// A figure of answers and deliveries in the flood, times that of another phase; the worse of the two.
    fn ratio(&self, to: &Phase, of: Figure) -> f64 {
        let answers = of(&self.flood.acknowledged) / of(&to.acknowledged);
        answers.max(of(&self.flood.delivered) / of(&to.delivered))
    }

    /// What misses the aim. The aim is for the p99; the median is looked at because it tells a server that is
    /// slow for everybody from a computer that was busy in the wrong moment.
    fn verdict(&self) -> String {
        let mut misses = Vec::new();
        for (name, of) in FIGURES {
            if self.ratio(&self.quiet, of).min(self.ratio(&self.control, of)) > AIM_RATIO {
                misses.push(name);
            }
        }
        if self.memory.peak_bytes > AIM_BYTES {
            misses.push("memory");
        }
        if self.flood.missing + self.after.missing > 0 {
            misses.push("messages lost");
        }
        if self.flood.refused + self.after.refused > 0 {
            misses.push("users refused");
        }
        if self.flood.kept_out + self.after.kept_out > 0 {
            misses.push("newcomers kept out");
        }
        if misses.is_empty() { "holds".into() } else { format!("MISSED: {}", misses.join(", ")) }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, limits, users, plain, aim_ratio, aim_bytes, .. } = self;
        writeln!(
            f,
            "{users} native users and {plain} plain ones chat in a durable room; limits {limits:?}; seed {seed}."
        )?;
        writeln!(
            f,
            "Aim: p99 in the flood ≤ {aim_ratio} times that of the quiet phase or of the control; server memory ≤ {} MiB; nobody ordinary is refused or loses anything.",
            aim_bytes >> 20
        )?;
        writeln!(
            f,
            "| flood | done | delivery p50 quiet / flood / control, ms | delivery p99, ms | new p99, ms | p99 times quiet | times control | RSS before / peak, MiB | kernel TCP peak, MiB | other programs, cores | verdict |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        for flooded in &self.floods {
            let Flooded { kind, unit, done, quiet, flood, control, memory, .. } = flooded;
            let three = |of: fn(&Phase) -> f64| {
                format!("{:.1} / {:.1} / {:.1}", of(quiet), of(flood), of(control))
            };
            writeln!(
                f,
                "| `{}` | {:.0} {unit}/s | {} | {} | {} | {:.1} | {:.1} | {} / {} | {} | {:.1} | {} |",
                kind.word(),
                done.per_second(),
                three(|phase| phase.delivered.p50_ms),
                three(|phase| phase.delivered.p99_ms),
                three(|phase| phase.entered.p99_ms),
                flooded.ratio(quiet, |times| times.p99_ms),
                flooded.ratio(control, |times| times.p99_ms),
                memory.before_bytes >> 20,
                memory.peak_bytes >> 20,
                memory.tcp_peak_bytes >> 20,
                flooded.others_cores,
                flooded.verdict()
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Flooded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, unit, done, memory, .. } = self;
        writeln!(f)?;
        writeln!(
            f,
            "{}: {} {unit} in {:.1} s; {} connections stood, {} were ended by the server, {} could not be made; {} answers, {} of them refusals; {} warnings",
            kind.word(),
            done.units,
            done.seconds,
            done.opened,
            done.ended,
            done.failed,
            done.answered,
            done.refused,
            done.warned
        )?;
        writeln!(
            f,
            "  {:<9}{:<28}{:<28}{:<28}{:>8}{:>8}{:>9}{:>9}",
            "",
            "ack ms p50/p99/max",
            "delivery ms",
            "a newcomer's welcome ms",
            "messages",
            "missing",
            "refused",
            "kept out"
        )?;
        for (name, phase) in [
            ("quiet", &self.quiet),
            ("flood", &self.flood),
            ("after", &self.after),
            ("control", &self.control),
        ] {
            writeln!(
                f,
                "  {name:<9}{:<28}{:<28}{:<28}{:>8}{:>8}{:>9}{:>9}",
                phase.acknowledged,
                phase.delivered,
                phase.entered,
                phase.acknowledged.count,
                phase.missing,
                phase.refused,
                phase.kept_out
            )?;
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "  server memory before {:.1}, peak {:.1}, after {:.1} MiB; kernel's TCP before {:.1}, peak {:.1} MiB; {} files; {:.2} cores",
            mib(memory.before_bytes),
            mib(memory.peak_bytes),
            mib(memory.after_bytes),
            mib(memory.tcp_before_bytes),
            mib(memory.tcp_peak_bytes),
            memory.files_peak,
            self.cores
        )?;
        if let Some(complaint) = &self.complaint {
            writeln!(f, "  an ordinary user heard: {complaint}")?;
        }
        writeln!(f, "  {}", self.verdict())
    }
}

//! What logins cost, and whether talk goes on undisturbed while very many fail at once.
//!
//! Users chat in durable rooms at a steady rate. A round is a quiet phase and a storm, in changing
//! order: a storm lasts from the moment when all its connections say hello with a wrong password until
//! the last of them is refused. The storm has a thread of its own, so it doesn't stop the chat's.

mod chat;
mod storm;

use crate::children::{ServerProcess, Setting};
use crate::report::{Percentiles, Spread, millis, progress};
use crate::serve::Kind;
use crate::{Result, system};
use chat::{Chat, Latency};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use storm::Storm;

/// What is aimed at: the p99 stays, within what it varies anyway.
const AIM_RATIO: f64 = 1.5;
/// Of each kind, one after the other, to see what one costs.
const SINGLE: usize = 20;
/// Chat before it counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// Time for the server to come to rest.
const REST: Duration = Duration::from_millis(500);

/// How many, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Connections of a storm.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    storm: u32,
    /// Rooms in which users chat.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    rooms: u32,
    /// Users in each room.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=100))]
    members: u32,
    /// Messages per second, of all users together.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Rounds: a quiet phase and a storm.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of a quiet phase, in seconds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Threads of the server that own connections [default: one for each core].
    #[arg(long)]
    lanes: Option<usize>,
    /// The folder in which the data folder is made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    storm: u32,
    rooms: u32,
    members: u32,
    per_second: u32,
    aim_ratio: f64,
    /// One at a time, before anybody chats, from hello to welcome.
    registration_ms: Spread,
    login_ms: Spread,
    rounds: Vec<Round>,
    /// Of the p99 in the storm to that of the quiet phase of the same round.
    acknowledged_ratio: Spread,
    delivered_ratio: Spread,
    /// From the first hello to the last refusal.
    refused_seconds: Spread,
}

#[derive(Debug, Serialize)]
struct Round {
    quiet: Phase,
    storm: Phase,
}

impl Round {
    fn quiet(&self) -> &Phase {
        &self.quiet
    }

    fn storm(&self) -> &Phase {
        &self.storm
    }
}

#[derive(Debug, Serialize)]
struct Phase {
    seconds: f64,
    latency: Latency,
    /// Share of one core that the server's threads took, by thread.
    cores: BTreeMap<String, f64>,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    system::raise_file_limit();
    let server = ServerProcess::start(Setting {
        kind: Kind::Hubbub,
        data: options.data.as_deref(),
        lanes: options.lanes,
        core: None,
        ..Setting::default()
    })?;
    let (rooms, members) = (options.rooms as usize, options.members as usize);
    progress(format_args!("{SINGLE} registrations and logins, one at a time"));
    let each = |what: fn(_, &str) -> Result<Duration>| -> Result<Spread> {
        let one = |number| what(server.address(), &account(number)).map(millis);
        Ok(Spread::of((0..SINGLE).map(one).collect::<Result<Vec<f64>>>()?))
    };
    let registration_ms = each(storm::register)?;
    let login_ms = each(storm::log_in)?;
    let mut chat = Chat::enter(server.address(), rooms * members, members, options.rate)?;
    phase(&server, &mut chat, after(WARM_UP))?;
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        progress(format_args!("round {} of {}", number + 1, options.rounds));
        let quiet =
            |chat: &mut Chat| phase(&server, chat, after(Duration::from_secs(options.seconds)));
        let storm = |chat: &mut Chat| storm_phase(&server, chat, options.storm as usize);
        // Neither is always first.
        rounds.push(if number % 2 == 0 {
            let quiet = quiet(&mut chat)?;
            Round { quiet, storm: storm(&mut chat)? }
        } else {
            let storm = storm(&mut chat)?;
            Round { quiet: quiet(&mut chat)?, storm }
        });
    }
    let ratio = |p99: fn(&Latency) -> f64| {
        let ratio = |round: &Round| p99(&round.storm.latency) / p99(&round.quiet.latency);
        Spread::of(rounds.iter().map(ratio))
    };
    Ok(Found {
        storm: options.storm,
        rooms: options.rooms,
        members: options.members,
        per_second: options.rate,
        aim_ratio: AIM_RATIO,
        registration_ms,
        login_ms,
        acknowledged_ratio: ratio(|latency| latency.acknowledged.p99_ms),
        delivered_ratio: ratio(|latency| latency.delivered.p99_ms),
        refused_seconds: Spread::of(rounds.iter().map(|round| round.storm.seconds)),
        rounds,
    })
}

fn account(number: usize) -> String {
    format!("account{number:02}")
}

fn after(length: Duration) -> impl FnMut() -> bool {
    let end = Instant::now() + length;
    move || Instant::now() >= end
}

/// Chats until it is over.
fn phase(server: &ServerProcess, chat: &mut Chat, is_over: impl FnMut() -> bool) -> Result<Phase> {
    let (before, began) = (server.cpu_by_thread()?, Instant::now());
    let latency = chat.talk(is_over)?;
    let (after, seconds) = (server.cpu_by_thread()?, began.elapsed().as_secs_f64());
    let share = |(thread, cpu): (String, Duration)| {
        let spent = cpu.saturating_sub(before.get(&thread).copied().unwrap_or_default());
        (thread, spent.as_secs_f64() / seconds)
    };
    let cores = after.into_iter().map(share).filter(|(_, share)| *share >= 0.001).collect();
    Ok(Phase { seconds, latency, cores })
}

/// Chats until the last connection of a storm is refused.
fn storm_phase(server: &ServerProcess, chat: &mut Chat, connections: usize) -> Result<Phase> {
    let mut storm = Storm::gather(server.address(), &account(0), connections)?;
    std::thread::sleep(REST);
    let (mut found, refused) = std::thread::scope(|scope| {
        let breaking = scope.spawn(|| storm.break_loose());
        let found = phase(server, chat, || breaking.is_finished());
        let refused = breaking.join().unwrap_or_else(|_| Err("the storm's thread panicked".into()));
        (found, refused)
    });
    if let (Ok(found), Ok(refused)) = (&mut found, &refused) {
        found.seconds = refused.as_secs_f64();
    }
    drop(storm);
    std::thread::sleep(REST);
    refused.and(found)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { storm, rooms, members, per_second, aim_ratio, rounds, .. } = self;
        writeln!(
            f,
            "{rooms} rooms of {members}, durable, {per_second} messages/s together; quiet, and while {storm} logins are refused."
        )?;
        writeln!(f, "Aim: p99 in the storm ≤ {aim_ratio} times that of the quiet phase.")?;
        writeln!(
            f,
            "{:<7}{:<7}{:>8}  {:<26}{:<26}{:>9}  cores that the server took, by thread",
            "round", "", "seconds", "ack ms p50/p99/max", "delivery ms p50/p99/max", "messages"
        )?;
        for (number, round) in rounds.iter().enumerate() {
            for (name, phase) in [("quiet", &round.quiet), ("storm", &round.storm)] {
                let Latency { acknowledged, delivered } = phase.latency;
                write!(
                    f,
                    "{:<7}{name:<7}{:>8.1}  {:<26}{:<26}{:>9} ",
                    number + 1,
                    phase.seconds,
                    two_places(&acknowledged),
                    two_places(&delivered),
                    acknowledged.count
                )?;
                for (thread, cores) in &phase.cores {
                    write!(f, " {thread} {cores:.3}")?;
                }
                writeln!(f)?;
            }
        }
        writeln!(f, "Median [lowest–highest] of the rounds:")?;
        for (name, phase) in
            [("quiet", Round::quiet as fn(&Round) -> &Phase), ("storm", Round::storm)]
        {
            let spread = |figure: fn(&Latency) -> f64| {
                Spread::of(rounds.iter().map(|round| figure(&phase(round).latency)))
            };
            let acknowledged =
                [spread(|l| l.acknowledged.p50_ms), spread(|l| l.acknowledged.p99_ms)];
            let delivered = [spread(|l| l.delivered.p50_ms), spread(|l| l.delivered.p99_ms)];
            writeln!(
                f,
                "  {name}: ack p50 {}, p99 {} ms; delivery p50 {}, p99 {} ms; {:.3} cores",
                acknowledged[0],
                acknowledged[1],
                delivered[0],
                delivered[1],
                Spread::of(rounds.iter().map(|round| phase(round).cores.values().sum())).median
            )?;
        }
        writeln!(f, "  p99, storm / quiet: ack {}", self.acknowledged_ratio)?;
        writeln!(f, "                      delivery {}", self.delivered_ratio)?;
        writeln!(f, "  all refused after {} s", self.refused_seconds)?;
        writeln!(f, "One login {} ms, one registration {} ms", self.login_ms, self.registration_ms)
    }
}

/// Milliseconds with two places: these are short.
fn two_places(times: &Percentiles) -> String {
    format!("{:.2} / {:.2} / {:.2}", times.p50_ms, times.p99_ms, times.max_ms)
}

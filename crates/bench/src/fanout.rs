//! What a delivery costs: server CPU of Hubbub and of the floor (`floor.rs`) under the same load.
//!
//! A round is one run of each server, in turn, each a fresh process on one core; the client is on the
//! other. The client checks that each member gets each message of each sender once and in order.

mod talk;

use crate::children::{ServerProcess, Setting};
use crate::report::{Spread, micros, progress};
use crate::serve::Kind;
use crate::{Result, system};
use hubbub_protocol::frame::Retention;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use talk::{Dialect, Talk};

/// What is aimed at: at most so many times the floor's CPU.
const AIM_RATIO: f64 = 1.3;
const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;
/// A tenth as much is said before it counts.
const WARM_UP: u32 = 10;

/// How often, and which.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds: each server once, in turn.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Deliveries of one run, about.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    deliveries: u64,
    /// Only these shapes, by number from 1. May be given several times.
    #[arg(long, value_name = "NUMBER")]
    shape: Vec<usize>,
    /// Let the system choose the cores.
    #[arg(long)]
    no_pin: bool,
    /// The folder in which the data folders are made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Who talks to how many.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Shape {
    rooms: usize,
    /// Of each room.
    members: usize,
    /// Of each room.
    senders: usize,
    /// Messages of one sender that not all members have yet.
    in_flight: u32,
}

const SHAPES: [Shape; 4] = [
    Shape { rooms: 1, members: 1000, senders: 1, in_flight: 1 },
    Shape { rooms: 1, members: 1000, senders: 10, in_flight: 1 },
    Shape { rooms: 1, members: 1000, senders: 1, in_flight: 16 },
    Shape { rooms: 100, members: 100, senders: 1, in_flight: 1 },
];

/// The servers in the order in which the figures are kept.
const DIALECTS: [Dialect; 3] =
    [Dialect::Floor, Dialect::Native(Retention::None), Dialect::Native(Retention::Forever)];

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    rounds: u32,
    aim_ratio: f64,
    shapes: Vec<FoundShape>,
}

/// CPU per delivery in microseconds; ratios to the floor within a round.
#[derive(Debug, Serialize)]
struct FoundShape {
    shape: Shape,
    deliveries: u64,
    floor_us: Spread,
    kept_nowhere_us: Spread,
    kept_nowhere_ratio: Spread,
    durable_us: Spread,
    durable_ratio: Spread,
    /// Bytes of a delivery, with the line end: floor, nothing kept, durable.
    line_bytes: [f64; 3],
}

/// One run of one server.
#[derive(Clone, Copy, Debug)]
struct Run {
    us: f64,
    deliveries: u64,
    line_bytes: f64,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    system::raise_file_limit();
    let pin = !options.no_pin && std::thread::available_parallelism()?.get() > 1;
    if pin {
        system::pin(CLIENT_CORE)?;
    } else {
        progress(format_args!("client and server share their cores: expect noise"));
    }
    let wanted = |number: &usize| options.shape.is_empty() || options.shape.contains(number);
    let numbers: Vec<usize> = (1..=SHAPES.len()).filter(wanted).collect();
    let mut runs: Vec<[Vec<Run>; 3]> = numbers.iter().map(|_| Default::default()).collect();
    for round in 0..options.rounds {
        for (&number, runs) in numbers.iter().zip(&mut runs) {
            let shape = SHAPES[number - 1];
            progress(format_args!("round {} of {}: {shape}", round + 1, options.rounds));
            for turn in 0..DIALECTS.len() {
                // Nobody is always first.
                let turn = (turn + round as usize) % DIALECTS.len();
                let data = options.data.as_deref();
                runs[turn].push(run_one(shape, DIALECTS[turn], options.deliveries, pin, data)?);
            }
        }
    }
    let shapes = numbers.iter().zip(&runs).map(|(&number, runs)| found(SHAPES[number - 1], runs));
    Ok(Found { rounds: options.rounds, aim_ratio: AIM_RATIO, shapes: shapes.collect() })
}

fn run_one(
    shape: Shape,
    dialect: Dialect,
    deliveries: u64,
    pin: bool,
    data: Option<&Path>,
) -> Result<Run> {
    let kind = match dialect {
        Dialect::Floor => Kind::Floor,
        Dialect::Native(_) => Kind::Hubbub,
    };
    let core = pin.then_some(SERVER_CORE);
    let server =
        ServerProcess::start(Setting { kind, data, lanes: Some(1), core, ..Setting::default() })?;
    let mut talk = Talk::enter(server.address(), dialect, shape)?;
    let of_one_message = shape.rooms * shape.senders * (shape.members - 1);
    let messages = u32::try_from(deliveries / of_one_message as u64)?.max(WARM_UP);
    talk.say(messages / WARM_UP)?;
    let (bytes, began) = (talk.message_bytes(), server.cpu()?);
    let delivered = talk.say(messages)?;
    let cpu = server.cpu()?.saturating_sub(began);
    Ok(Run {
        us: micros(cpu) / delivered as f64,
        deliveries: delivered,
        line_bytes: (talk.message_bytes() - bytes) as f64 / delivered as f64,
    })
}

fn found(shape: Shape, [floor, nowhere, durable]: &[Vec<Run>; 3]) -> FoundShape {
    let us = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.us));
    let ratio =
        |runs: &[Run]| Spread::of(runs.iter().zip(floor).map(|(run, floor)| run.us / floor.us));
    FoundShape {
        shape,
        deliveries: floor.iter().map(|run| run.deliveries).sum(),
        floor_us: us(floor),
        kept_nowhere_us: us(nowhere),
        kept_nowhere_ratio: ratio(nowhere),
        durable_us: us(durable),
        durable_ratio: ratio(durable),
        line_bytes: [floor, nowhere, durable]
            .map(|runs| Spread::of(runs.iter().map(|run| run.line_bytes)).median),
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rooms, members, senders, in_flight } = self;
        f.pad(&format!("{rooms} x {members}, {senders} sending, {in_flight} in flight"))
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, aim_ratio, shapes } = self;
        writeln!(
            f,
            "Server CPU per delivery in µs, and times the floor; median [lowest–highest] of {rounds} rounds."
        )?;
        writeln!(f, "Aim: ≤ {aim_ratio} times the floor.")?;
        writeln!(
            f,
            "{:<38}{:<20}{:<20}{:<20}{:<20}{:<20}",
            "rooms x members", "floor", "nothing kept", "ratio", "durable", "ratio"
        )?;
        for found in shapes {
            writeln!(
                f,
                "{:<38}{:<20}{:<20}{:<20}{:<20}{:<20}",
                found.shape,
                found.floor_us,
                found.kept_nowhere_us,
                found.kept_nowhere_ratio,
                found.durable_us,
                found.durable_ratio
            )?;
        }
        Ok(())
    }
}

//! The power goes at random moments under load, and any part of the unsynced writes survives: what
//! was acknowledged is there when the server starts again, once each, where it was acknowledged.
//!
//! The same run without fsync must fail: so the check can see a loss.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod load;
#[allow(unreachable_pub)]
mod machine;

use hubbub_protocol::RoomName;
use hubbub_store::sqlite::Durability;
use load::check::{Broken, check};
use load::{LIMIT, Shared, becomes, raw::read_log, talk};
use machine::Machine;
use std::sync::atomic::Ordering;
use std::time::Duration;

const SEEDS: u64 = 8;
const ROUNDS: u64 = 8;
const TALKERS: usize = 3;
/// Acknowledgements before each power cut at most.
const ROUND_MESSAGES: u64 = 150;
/// Changes of the disk between the plan and the power cut at most.
const CHANGES_MAX: u64 = 60;

/// What came of a run.
enum Outcome {
    /// The server ran to the end; what was wrong then.
    Checked(Vec<Broken>),
    /// The store did not start again.
    Damaged(String),
}

/// How hard a run is, and how long it may stand still.
#[derive(Clone, Copy)]
struct Plan {
    durability: Durability,
    rounds: u64,
    patience: Duration,
}

fn run(seed: u64, plan: Plan) -> Outcome {
    let mut rng = fastrand::Rng::with_seed(seed);
    let rooms = ["work", "play"].map(|name| RoomName::parse(name).unwrap());
    let shared = Shared::default();
    let mut machine = Machine::new(seed, plan.durability);
    machine.start().unwrap();
    *shared.address.lock().unwrap() = Some(machine.address());
    let finished = std::thread::scope(|scope| {
        let talkers: Vec<_> = (0..TALKERS)
            .map(|talker| {
                let (shared, rooms, seed) = (&shared, &rooms, rng.u64(..));
                scope.spawn(move || talk(shared, &format!("talker{talker}"), rooms, seed))
            })
            .collect();
        let all_done = || talkers.iter().all(|talker| talker.is_finished());
        let result = (0..plan.rounds)
            .try_for_each(|_| round(&mut machine, &shared, &mut rng, plan.patience))
            .and_then(|()| {
                shared.finish.store(true, Ordering::SeqCst);
                let done = becomes(plan.patience, all_done);
                done.then_some(()).ok_or("not everything is answered in the end".into())
            });
        shared.abort.store(result.is_err(), Ordering::SeqCst);
        let reports: Vec<_> = talkers.into_iter().map(|talker| talker.join().unwrap()).collect();
        result.map(|()| reports)
    });
    let reports = match finished {
        Ok(reports) => reports,
        Err(error) => return Outcome::Damaged(error),
    };
    let (log, epoch) = read_log(machine.address(), &rooms);
    machine.stop();
    let mut broken = check(&reports, &log);
    if epoch < plan.rounds + 1 {
        let how = format!("epoch {epoch} after {} starts", plan.rounds + 1);
        broken.push(Broken::Mistreated { who: "everybody".into(), how });
    }
    match machine.integrity() {
        Err(text) if broken.is_empty() => Outcome::Damaged(text),
        _ => Outcome::Checked(broken),
    }
}

/// Talk, a power cut in the middle of it, and a new start.
fn round(
    machine: &mut Machine,
    shared: &Shared,
    rng: &mut fastrand::Rng,
    patience: Duration,
) -> Result<(), String> {
    let wanted = shared.acknowledged.load(Ordering::SeqCst) + rng.u64(1..ROUND_MESSAGES);
    if !becomes(patience, || shared.acknowledged.load(Ordering::SeqCst) >= wanted) {
        return Err("nothing is acknowledged any more".into());
    }
    let changes = rng.u64(0..CHANGES_MAX);
    let last = machine.disk.changes() + changes;
    machine.disk.stop_after(changes);
    if rng.bool() {
        // The network goes first: what becomes durable now is not acknowledged, and is repeated.
        *shared.address.lock().unwrap() = None;
    } else if !becomes(patience, || machine.disk.changes() >= last) {
        return Err("nothing is written any more".into());
    }
    machine.stop();
    machine.disk.crash_torn();
    machine.start()?;
    *shared.address.lock().unwrap() = Some(machine.address());
    Ok(())
}

/// Runs all seeds at once: most of the time is waiting.
fn run_all(first: u64, plan: Plan) -> Vec<(u64, Outcome)> {
    println!("seeds {first}..{}", first + SEEDS);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (first..first + SEEDS)
            .map(|seed| (seed, scope.spawn(move || run(seed, plan))))
            .collect();
        // A history that can't be read, say: with fsync a failure, without it no surprise.
        let broken = |_| Outcome::Damaged("the run panicked, see above".into());
        runs.into_iter().map(|(seed, run)| (seed, run.join().unwrap_or_else(broken))).collect()
    })
}

fn first_seed() -> u64 {
    let seed = std::env::var("HUBBUB_POWER_SEED").ok();
    seed.map_or_else(|| fastrand::u64(..1 << 32), |seed| seed.parse().expect("a number"))
}

#[test]
fn a_power_cut_loses_and_doubles_nothing() {
    let plan = Plan { durability: Durability::Full, rounds: ROUNDS, patience: LIMIT / 2 };
    for (seed, outcome) in run_all(first_seed(), plan) {
        match outcome {
            Outcome::Checked(broken) => assert!(
                broken.is_empty(),
                "seed {seed}: {} promises broken: {:?}",
                broken.len(),
                broken.first()
            ),
            Outcome::Damaged(text) => panic!("seed {seed}: {text}"),
        }
    }
}

#[test]
fn without_fsync_the_same_run_finds_a_lost_message() {
    // What the store makes of a file that lost random writes is not the question here.
    let patience = Duration::from_secs(2);
    let plan = Plan { durability: Durability::Unsafe, rounds: 1, patience };
    let outcomes = run_all(first_seed(), plan);
    let lost = outcomes.iter().filter(|(_, outcome)| match outcome {
        Outcome::Checked(broken) => broken.iter().any(|b| matches!(b, Broken::Lost { .. })),
        Outcome::Damaged(_) => false,
    });
    assert!(lost.count() > 0, "acknowledged messages survived {SEEDS} runs without any fsync");
}

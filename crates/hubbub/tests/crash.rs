//! The real program is killed at random moments under load, and started again: whoever talks comes
//! back, repeats what was not acknowledged, and nothing that was acknowledged is lost or doubled.
//!
//! `HUBBUB_CRASH_ROUNDS` asks for more rounds, `HUBBUB_CRASH_SEED` repeats a run as far as the
//! system's scheduling lets it.
#![cfg(unix)]
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../../server/tests/load/mod.rs"]
mod load;
mod support;

use hubbub_protocol::RoomName;
use load::{Shared, check::check, raw::read_log, talk};
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::{Running, Serve, hubbub};

const TALKERS: usize = 4;
const ROUNDS: u64 = 60;
/// Acknowledgements in a round at most; then the server is killed.
const ROUND_MESSAGES: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn kill_9_loses_and_doubles_nothing() {
    let seed = number("HUBBUB_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = number("HUBBUB_CRASH_ROUNDS").unwrap_or(ROUNDS);
    println!("HUBBUB_CRASH_SEED={seed} HUBBUB_CRASH_ROUNDS={rounds}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = tempfile::tempdir().unwrap();
    let rooms = ["work", "play"].map(|name| RoomName::parse(name).unwrap());
    let shared = Shared::default();
    let mut starts = 0;
    let (reports, log, epoch) = std::thread::scope(|scope| {
        let talkers: Vec<_> = (0..TALKERS)
            .map(|talker| {
                let (shared, rooms, seed) = (&shared, &rooms, rng.u64(..));
                scope.spawn(move || talk(shared, &format!("talker{talker}"), rooms, seed))
            })
            .collect();
        let mut serve = Serve::new(data.path());
        starts += 1;
        *shared.address.lock().unwrap() = Some(serve.address.parse().unwrap());
        for _ in 0..rounds {
            let before = shared.acknowledged.load(Ordering::SeqCst);
            shared.wait_acknowledged(before + rng.u64(0..ROUND_MESSAGES));
            // In the middle of whatever comes then.
            std::thread::sleep(Duration::from_micros(rng.u64(0..3_000)));
            let address = serve.address.clone();
            serve.process.kill();
            if rng.u8(..4) == 0 {
                die_while_starting(&address, data.path(), rng.u64(0..40_000));
            }
            serve = Serve::at(&address, data.path());
            starts += 1;
        }
        shared.finish.store(true, Ordering::SeqCst);
        let reports: Vec<_> = talkers.into_iter().map(|talker| talker.join().unwrap()).collect();
        let (log, epoch) = read_log(serve.address.parse().unwrap(), &rooms);
        (reports, log, epoch)
    });
    let broken = check(&reports, &log);
    assert!(
        broken.is_empty(),
        "seed {seed}: {} promises broken: {:?}",
        broken.len(),
        broken.first()
    );
    let said: usize = log.values().map(Vec::len).sum();
    assert_eq!(said as u64, shared.acknowledged.load(Ordering::SeqCst));
    assert!(epoch >= starts, "seed {seed}: epoch {epoch} after {starts} starts");
    println!("{said} messages over {starts} starts");
}

fn die_while_starting(address: &str, data: &std::path::Path, after_us: u64) {
    let data = data.to_str().unwrap();
    let starting = Running::start(hubbub(&["serve", "--listen", address, "--data", data]));
    std::thread::sleep(Duration::from_micros(after_us));
    starting.kill();
}

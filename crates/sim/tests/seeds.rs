//! Many worlds, each from its seed; a failure prints the seed.
//!
//! `HUBBUB_SIM_SEEDS=n` runs more of them, `HUBBUB_SIM_FIRST=n` begins elsewhere: to see one again,
//! set both. `cargo xtask sim --seeds N` does the same in a release build.

use hubbub_sim::{Options, run};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The worlds are shared out between some tests, which run in parallel.
fn check(part: u64, parts: u64) {
    let first = number("HUBBUB_SIM_FIRST", 1);
    let seeds = number("HUBBUB_SIM_SEEDS", 200);
    for seed in (first..first + seeds).filter(|seed| seed % parts == part) {
        // In every third world nobody may do much at once.
        let options = Options { tight: seed % 3 == 0, ..Options::default() };
        let outcome = run(seed, &options);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:#?}", outcome.violations);
        assert!(outcome.said > 50 && outcome.kept > 20, "seed {seed}: a dull world: {outcome:?}");
    }
}

#[test]
fn every_promise_holds_in_every_world_part_1() {
    check(0, 2);
}

#[test]
fn every_promise_holds_in_every_world_part_2() {
    check(1, 2);
}

#[test]
fn in_some_worlds_people_are_sent_away() {
    let sent_away = (1..=12).map(|seed| run(seed, &Options::default()).sent_away);
    let sent_away: Vec<u32> = sent_away.collect();
    assert!(sent_away.contains(&0), "in every other world there is no operator: {sent_away:?}");
    assert!(sent_away.iter().sum::<u32>() > 10, "{sent_away:?}");
}

#[test]
fn a_seed_is_a_world() {
    let options = Options::default();
    assert_eq!(run(7, &options), run(7, &options));
}

//! Every target over a corpus and seeded mutations of it: what runs everywhere, without nightly.
//!
//! `HUBBUB_FUZZ_RUNS` asks for more runs of each target, `HUBBUB_FUZZ_SEED` repeats one.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod corpus;

use hubbub_fuzz::{TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};

const RUNS: u64 = 1_500;
/// Longest mutated input: longer ones find little more and cost much.
const BYTES_MAX: usize = 2_048;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// One to six changes of one entry.
fn mutate(rng: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(corpus).unwrap().clone();
    for _ in 0..rng.usize(1..=6) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            1 if at < bytes.len() => bytes[at] = rng.u8(..),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + rng.usize(..16)).min(bytes.len()))),
            4 => {
                // The beginning of one and the end of another.
                let other = rng.choice(corpus).unwrap();
                bytes.truncate(at);
                bytes.extend_from_slice(&other[rng.usize(..=other.len())..]);
            }
            5 => {
                let end = (at + rng.usize(..64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = rng.usize(..=bytes.len());
                drop(bytes.splice(to..to, piece));
            }
            _ => {
                let token = rng.choice(corpus::TOKENS).unwrap();
                drop(bytes.splice(at..at, token.iter().copied()));
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn check(&(name, run): &Target, bytes: &[u8], seed: u64) {
    if catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
        panic!("{name}, seed {seed}, fails for b\"{}\"", bytes.escape_ascii());
    }
}

#[test]
fn no_input_breaks_a_property() {
    let seed = number("HUBBUB_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let runs = number("HUBBUB_FUZZ_RUNS").unwrap_or(RUNS);
    println!("HUBBUB_FUZZ_SEED={seed} HUBBUB_FUZZ_RUNS={runs}");
    let corpus = corpus::all();
    std::thread::scope(|scope| {
        for (index, target) in TARGETS.iter().enumerate() {
            let corpus = &corpus;
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(seed ^ index as u64);
                corpus.iter().for_each(|entry| check(target, entry, seed));
                (0..runs).for_each(|_| check(target, &mutate(&mut rng, corpus), seed));
            });
        }
    });
}

/// The properties hold for sound code; this is whether breaking them would be seen.
#[test]
fn the_corpus_reaches_what_the_targets_look_at() {
    let corpus = corpus::all();
    let frames = corpus.iter().filter(|entry| {
        serde_json::from_slice::<hubbub_protocol::frame::ClientFrame>(entry).is_ok()
    });
    assert!(frames.count() >= 12, "every command is in it");
    let server = corpus
        .iter()
        .flat_map(|entry| entry.split(|&b| b == b'\n'))
        .filter(|line| serde_json::from_slice::<hubbub_protocol::frame::ServerFrame>(line).is_ok());
    assert!(server.count() >= 16, "every frame of the server is in it");
}

#[test]
fn every_target_has_its_program() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");
    let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = std::fs::read_to_string(format!("{folder}/fuzz_targets/{name}.rs")).unwrap();
        assert!(program.contains(&format!("hubbub_fuzz::{name}(")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

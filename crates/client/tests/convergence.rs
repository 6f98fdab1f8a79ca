//! Whatever is cut, delayed, repeated or reordered by reconnects: everybody's timeline is the
//! server's history, and every send is in it exactly once. Private ones only after the other side
//! agreed, and in the order in which they were said.
//!
//! `HUBBUB_SEED=n cargo test -p hubbub-client --test convergence` repeats one run;
//! `HUBBUB_SEEDS=n` tries more of them.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use model::{Faults, RoomKey, world::World};

/// Tells which seed failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat this with HUBBUB_SEED={}", self.0);
        }
    }
}

fn for_seeds(count: u64, run: impl Fn(u64)) {
    let number = |name: &str| -> Option<u64> { Some(std::env::var(name).ok()?.parse().unwrap()) };
    let count = number("HUBBUB_SEEDS").unwrap_or(count);
    for seed in number("HUBBUB_SEED").map_or(0..count, |seed| seed..seed + 1) {
        let guard = Seed(seed);
        run(seed);
        drop(guard);
    }
}

#[test]
fn quiet_network() {
    for_seeds(50, |seed| {
        let mut world = World::new(seed, &["ann", "bob", "cleo"], 500);
        (0..2000).for_each(|_| world.step(0, 0));
        world.settle();
        world.check();
    });
}

#[test]
fn connections_break_at_any_moment_and_order_is_kept() {
    for_seeds(200, |seed| {
        let mut world = World::new(seed, &["ann", "bob", "cleo"], 20);
        (0..2000).for_each(|_| world.step(20, 0));
        world.settle();
        world.check();
        check_order(&world);
    });
}

/// What was said in a room stands there in the order in which it was said.
fn check_order(world: &World) {
    for room in world.server.rooms.iter().filter(|room| matches!(room.key, RoomKey::Named(_))) {
        for person in &world.people {
            let mine = room.events.iter().filter(|e| e.from.name.as_str() == person.name);
            let numbers = mine.map(|event| event.body.words()[5..].parse::<u64>());
            assert!(numbers.map(Result::unwrap).is_sorted(), "{}'s order", person.name);
        }
    }
}

/// Once everybody has joined, and so knows that the room is slow.
#[test]
fn a_slow_room_keeps_the_order_over_broken_connections() {
    for_seeds(100, |seed| {
        let mut world = World::new(seed, &["ann", "bob", "cleo"], 500);
        world.server.faults.slow_ms = 300;
        world.settle();
        (0..2000).for_each(|_| world.step(20, 0));
        world.settle();
        world.check();
        check_order(&world);
    });
}

#[test]
fn the_server_restarts() {
    for_seeds(200, |seed| {
        let mut world = World::new(seed, &["ann", "bob", "cleo"], 500);
        (0..2000).for_each(|_| world.step(10, 5));
        world.settle();
        world.check();
    });
}

#[test]
fn commits_fail_and_the_server_is_busy() {
    for_seeds(200, |seed| {
        let mut world = World::new(seed, &["ann", "bob", "cleo"], 0);
        world.server.faults =
            Faults { busy: 10, not_stored: 10, away_full: 20, join_busy: 20, ..Faults::default() };
        (0..3000).for_each(|_| world.step(10, 1));
        world.settle();
        world.check();
    });
}

#[test]
fn positions_grow_too_old() {
    for_seeds(200, |seed| {
        let mut world = World::new(seed, &["ann", "bob", "cleo"], 500);
        world.server.faults = Faults { too_old: Some(5), ..Faults::default() };
        (0..2000).for_each(|_| world.step(20, 2));
        world.settle();
        world.check();
    });
}

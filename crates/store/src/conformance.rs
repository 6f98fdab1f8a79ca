//! What every backend must do, as one suite: call [`all`] from a backend's tests.
//!
//! Failures panic, as in any test.

mod make;
mod messages;
mod people;
mod random;
mod rooms;
mod suite;

use crate::Store;

/// Where a backend keeps one set of data.
pub trait Place {
    /// Opens the store there; makes it the first time. The one that was opened before is closed.
    fn open(&mut self) -> Box<dyn Store>;
}

/// splitmix64: the next of a row of numbers, from where `state` stands. Enough for a test, and the same
/// everywhere.
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Runs the whole suite. Each call of `make` gives a fresh place.
///
/// # Panics
/// When the backend does something else than the [`Store`] trait says.
pub fn all(make: &mut dyn FnMut() -> Box<dyn Place>) {
    for (name, test) in
        suite::TESTS.iter().chain(people::TESTS).chain(rooms::TESTS).chain(messages::TESTS)
    {
        tracing::info!(name, "conformance");
        test(&mut *make());
    }
}

/// Does the same `steps` random things on two backends, from a seed, and compares all answers. Both
/// are restarted now and then. The seed is printed when they differ.
///
/// # Panics
/// When they differ.
pub fn compare(left: &mut dyn Place, right: &mut dyn Place, seed: u64, steps: u32) {
    random::compare(left, right, seed, steps);
}

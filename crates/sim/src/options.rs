//! What a world is to be like, and what came of it.

use crate::Plant;
use crate::check::Violation;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Native clients, those of the accounts among them.
    pub clients: usize,
    /// Plain clients, one for each account among them.
    pub netcats: usize,
    /// Accounts, with two native clients each.
    pub accounts: usize,
    /// Virtual time in which things go wrong, in milliseconds.
    pub duration_ms: u64,
    /// A bug to plant.
    pub plant: Option<Plant>,
    /// Whether the server lets nobody do much at once.
    pub tight: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { clients: 8, netcats: 4, accounts: 2, duration_ms: 20_000, plant: None, tight: false }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Broken promises.
    pub violations: Vec<Violation>,
    /// Messages that were said.
    pub said: usize,
    /// Messages in the store at the end.
    pub kept: usize,
    /// Power cuts.
    pub crashes: u32,
    /// Failed commits.
    pub failures: u32,
    /// Clients that the operator sent away, and their users started again.
    pub sent_away: u32,
    /// A sum over everything that was seen: the same for the same seed.
    pub trace: u64,
}

//! The simulator: many clients, one server, one disk, in one thread and in virtual time, all from a
//! seed.
//!
//! What runs is the production code: the hub with its sequencer and catch-up, the session gate, the
//! native and plain doors, the outboxes, the SQLite store (on a simulated disk that loses what was
//! not synced), and the client core. What is simulated is what surrounds it: links that delay, split,
//! stall and break, the committer's and the readers' threads, lanes that lag behind each other,
//! power cuts, failing syncs, and a full disk.
//!
//! The checkers watch from outside (`check`, `wire`). Each is shown to fail on a planted bug
//! (`Plant`, tests/planted.rs): a checker that can't fail is a defect.

mod acts;
mod check;
mod client;
mod consent;
mod link;
mod options;
mod plain;
mod plant;
mod server;
mod wire;
mod world;

pub use check::{Kind, Violation};
pub use options::{Options, Outcome};
pub use plant::Plant;
pub use world::run;

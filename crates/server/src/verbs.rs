//! What whoever runs a server can tell it while it runs: on the console, with `hubbub admin`, and in the
//! chat. One table has all verbs, with their help.
//!
//! A line of text in, an [`Answer`] out: lines for people and data for programs. Deliberately not here:
//! terminals, sockets, and who may say it.

mod parse;
mod run;
mod table;
mod words;

pub use run::Manager;
pub use table::{Takes, VERBS, Verb, VerbId, find, nearest};

pub(crate) use run::ManagerParts;
pub(crate) use words::within;

use serde_json::Value;

/// What a verb is answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// For people: safe for a terminal, without line ends.
    pub lines: Vec<String>,
    /// For programs: an object.
    pub data: Value,
}

/// Why a verb is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerbError {
    /// There is no such verb, or it goes otherwise: the line has to be written anew.
    #[error("{0}")]
    Usage(String),
    /// It can't be done, now or at all.
    #[error("{0}")]
    Refused(String),
}

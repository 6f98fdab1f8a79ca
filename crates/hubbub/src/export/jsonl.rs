//! An export for programs: a header, then the room's log, one JSON object a line. `docs/operating.md`
//! describes it, and `hubbub import` reads it.

use super::{Form, Item};
use crate::printer::escape_invisible;
use hubbub_protocol::frame::{ReactionEntry, RoomInfo};
use hubbub_protocol::{Author, Event, Reaction, Seq, WallMs};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// The version of the format. It rises when a program that reads this one would misunderstand.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The version of the format.
    pub(crate) hubbub_export: u32,
    /// The room's name.
    pub(crate) room: String,
    /// How it is set up. Its key is only a word about whether there is one.
    #[serde(flatten)]
    pub(crate) info: RoomInfo,
    /// When the export began.
    pub(crate) exported: WallMs,
    /// The first event that was there.
    pub(crate) from: Seq,
    /// The last one.
    pub(crate) to: Seq,
    /// What was asked for, if not everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<WallMs>,
    /// The first moment that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<WallMs>,
}

/// Each further line.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<Reacted<'a>>,
}

/// How many have reacted so, and some of them.
#[derive(Serialize)]
struct Reacted<'a> {
    reaction: &'a Reaction,
    count: u32,
    users: &'a [Author],
}

impl<'a> From<&'a ReactionEntry> for Reacted<'a> {
    fn from(entry: &'a ReactionEntry) -> Self {
        let ReactionEntry { seq: _, reaction, count, users, mine: _ } = entry;
        Self { reaction, count: *count, users }
    }
}

/// The form.
#[derive(Debug)]
pub(super) struct Lines;

fn line(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", escape_invisible(&serde_json::to_string(line)?))
}

impl Form for Lines {
    fn wants_about(&self) -> bool {
        false
    }

    fn begin(&mut self, out: &mut dyn Write, header: &Header) -> io::Result<()> {
        line(out, header)
    }

    fn item(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        let reactions = item.reactions.iter().map(Reacted::from).collect();
        line(out, &Line { event: item.event, reactions })
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

//! What became of a file, for the operator.

use crate::end::End;
use crate::when;
use hubbub_protocol::{RoomName, Seq, UserName, WallMs, sanitize};
use hubbub_server::admin::{ImportMessage, ImportRefers, ImportWhat};
use jiff::tz::TimeZone;
use std::io::Write;

/// Lines that are shown of those that mean nothing, and names of those that had to be changed.
const SHOWN: usize = 5;
/// Characters that are shown of each.
const SHOWN_CHARS: usize = 60;

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Report {
    dry_run: bool,
    notes: Vec<String>,
    lossy: u64,
    not_understood: u64,
    /// The first of them: number and beginning.
    strange: Vec<(u64, String)>,
    people: u64,
    renamed: u64,
    renames: Vec<(String, UserName)>,
    cleaned: u64,
    cut: u64,
    empty: u64,
    notices: u64,
    deleted: u64,
    acts: u64,
    elsewhere: u64,
    lost_replies: u64,
    lost_reactions: u64,
    unusable_reactions: u64,
    done: Counted,
    /// How many messages are done with: with [`Report::done`] in the room, or left out before it.
    safe: u64,
    tried: u64,
}

/// What a batch holds, and all batches together.
#[derive(Debug, Default)]
pub(super) struct Counted {
    messages: u64,
    replies: u64,
    reactions: u64,
    oldest: Option<WallMs>,
    newest: Option<WallMs>,
    first: Option<Seq>,
    last: Option<Seq>,
}

impl Counted {
    /// The batch got these numbers.
    pub(super) fn numbers(&mut self, first: Seq) {
        let count = self.messages + self.reactions;
        self.first = Some(first);
        self.last = Some(Seq((first.0.saturating_add(count)).saturating_sub(1)));
    }
}

impl Report {
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What was seen when the file was read for the first of two times.
    pub(super) fn read_before(&mut self, first: Report) {
        self.lossy += first.lossy;
        self.not_understood += first.not_understood;
        self.strange.extend(first.strange);
        self.strange.truncate(SHOWN);
        self.elsewhere += first.elsewhere;
    }

    /// A line is no UTF-8.
    pub(super) fn lossy(&mut self) {
        self.lossy += 1;
    }

    pub(super) fn not_understood(&mut self, number: u64, text: &str) {
        self.not_understood += 1;
        if self.strange.len() < SHOWN {
            self.strange.push((number, text.chars().take(SHOWN_CHARS).collect()));
        }
    }

    /// A join, a leave, or something like that.
    pub(super) fn notice(&mut self) {
        self.notices += 1;
    }

    /// A message whose text is gone.
    pub(super) fn deleted(&mut self) {
        self.deleted += 1;
    }

    /// Something that was done to the room.
    pub(super) fn act(&mut self) {
        self.acts += 1;
    }

    /// Something of another channel.
    pub(super) fn elsewhere(&mut self) {
        self.elsewhere += 1;
    }

    pub(super) fn cleaned(&mut self) {
        self.cleaned += 1;
    }

    pub(super) fn cut(&mut self) {
        self.cut += 1;
    }

    /// A message with nothing to see.
    pub(super) fn empty(&mut self) {
        self.empty += 1;
    }

    pub(super) fn unusable_reaction(&mut self) {
        self.unusable_reactions += 1;
    }

    /// Somebody speaks for the first time.
    pub(super) fn person(&mut self, from: &str, name: &UserName) {
        self.people += 1;
        if name.as_str() != from {
            self.renamed += 1;
            if self.renames.len() < SHOWN {
                self.renames.push((from.chars().take(SHOWN_CHARS).collect(), name.clone()));
            }
        }
    }

    /// What it refers to is not there.
    pub(super) fn lost(&mut self, what: &ImportWhat) {
        match what {
            ImportWhat::React { .. } => self.lost_reactions += 1,
            ImportWhat::Text { .. } | ImportWhat::Action { .. } => self.lost_replies += 1,
        }
    }

    /// So many messages are left out as the operator wanted.
    pub(super) fn begin_at(&mut self, skipped: u64) {
        (self.safe, self.tried) = (skipped, skipped);
    }

    /// So many messages are in the batch, or before it.
    pub(super) fn reached(&mut self, taken: u64) {
        self.tried = taken;
    }

    pub(super) fn count(&self, messages: &[ImportMessage]) -> Counted {
        let mut counted = Counted::default();
        for message in messages {
            match message.what {
                ImportWhat::React { .. } => counted.reactions += 1,
                ImportWhat::Text { .. } | ImportWhat::Action { .. } => {
                    counted.messages += 1;
                    let is_reply = matches!(
                        message.refers,
                        Some(ImportRefers::Seq(_) | ImportRefers::Batch(_))
                    );
                    counted.replies += u64::from(is_reply);
                }
            }
        }
        counted.oldest = messages.iter().map(|message| message.time).min();
        counted.newest = messages.iter().map(|message| message.time).max();
        counted
    }

    /// A batch is in the room.
    pub(super) fn took(&mut self, batch: Counted) {
        let done = &mut self.done;
        done.messages += batch.messages;
        done.replies += batch.replies;
        done.reactions += batch.reactions;
        done.oldest = [done.oldest, batch.oldest].into_iter().flatten().min();
        done.newest = done.newest.max(batch.newest);
        done.first = done.first.or(batch.first);
        done.last = batch.last.or(done.last);
        self.safe = self.tried;
    }

    /// Whether anything is in the room.
    pub(super) fn has_any(&self) -> bool {
        self.done.first.is_some()
    }

    /// Where to go on: how many messages are in the room, or left out before those.
    pub(super) fn done(&self) -> u64 {
        self.safe
    }

    /// The same if the last batch is there.
    pub(super) fn tried(&self) -> u64 {
        self.tried
    }

    /// Whether nothing was what it should be.
    pub(super) fn is_of_another_format(&self) -> bool {
        self.not_understood > 0
            && self.done.messages + self.notices + self.deleted + self.acts + self.empty == 0
    }

    /// Says all of it.
    pub(super) fn print(&self, out: &mut impl Write, room: &RoomName) -> Result<(), End> {
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        let done = &self.done;
        let verb = if self.dry_run { "Would import" } else { "Imported" };
        let mut head = format!(
            "{verb} into {}: {}",
            sanitize::for_terminal_line(room.as_str()),
            many(done.messages, "message")
        );
        if done.replies > 0 {
            head += &format!(", {} of them in answer to another", done.replies);
        }
        if done.reactions > 0 {
            head += &format!(", and {}", many(done.reactions, "reaction"));
        }
        if let Some((oldest, newest)) = done.oldest.zip(done.newest) {
            let day = |time| when::local(time, &TimeZone::system(), "%Y-%m-%d");
            head += &format!(", from {} to {}", day(oldest), day(newest));
        }
        writeln!(out, "{head}.")?;
        if let Some((first, last)) = done.first.zip(done.last).filter(|_| !self.dry_run) {
            writeln!(out, "They are events {first} to {last} of the room.")?;
        }
        write!(out, "{}", self.shown())?;
        Ok(())
    }

    /// What was changed and left out, a line for each sort of it.
    pub(super) fn shown(&self) -> String {
        let mut lines = Vec::new();
        let mut say = |count: u64, thing: &str, rest: &str| {
            if count > 0 {
                lines.push(format!("  {}{rest}", many(count, thing)));
            }
        };
        say(self.people, "name", " of those who spoke");
        say(self.renamed, "name", " changed to a valid one");
        say(self.cleaned, "text", " freed of control characters");
        say(self.cut, "text", " cut because of the length");
        say(self.lossy, "line", " not in UTF-8: what could not be read became \u{fffd}");
        say(self.lost_replies, "answer", " to what is not imported, kept without that");
        say(self.lost_reactions, "reaction", " to what is not imported, left out");
        say(self.unusable_reactions, "reaction", " that can't be one here, left out");
        say(self.deleted, "deleted message", " left out");
        say(self.empty, "message", " without words left out");
        say(self.acts, "change", " of the room or its people left out");
        say(self.notices, "notice", " left out (who came, who left, and the like)");
        say(self.elsewhere, "post", " of other channels left out");
        say(self.not_understood, "line", " not understood and left out");
        for (number, text) in &self.strange {
            lines.push(format!("    line {number}: {}", sanitize::for_terminal_line(text)));
        }
        let mut shown = String::new();
        for line in lines {
            shown += &line;
            shown.push('\n');
            if line.ends_with("changed to a valid one") {
                for (from, name) in &self.renames {
                    let from = sanitize::for_terminal_line(from);
                    shown += &format!("    {from:?} is {name}\n");
                }
            }
        }
        shown
    }
}

/// `1 line`, `2 lines`.
fn many(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

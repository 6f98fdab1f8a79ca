//! `hubbub import`: adds what was said elsewhere to a room.
//!
//! A source yields items one after the other; each is made to fit our rules, and goes in a batch to the
//! server, or to the data folder where none runs. Only a batch and what others may still refer to are
//! in memory. A batch is in the room whole or not at all.

mod batch;
mod clean;
mod emoji;
mod irc;
mod lines;
mod mattermost;
mod own;
mod report;

use crate::cli::{ImportFormat, ImportOptions};
use crate::end::{self, End};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::{folder, operator, room};
use batch::{Batch, References};
use clean::Cleaner;
use hubbub_protocol::{RoomName, Seq, WallMs, sanitize};
use hubbub_server::admin::{
    AdminAnswer, AdminError, AdminRequest, Asker, ImportMessage, ImportWhat,
};
use jiff::tz::TimeZone;
use report::Report;
use std::error::Error;
use std::fs::File;
use std::io;
use std::process::ExitCode;

/// After so many items of a source it is looked whether somebody wants it to stop.
const OFTEN: u64 = 64;

pub(crate) fn run(options: ImportOptions) -> Result<ExitCode, Box<dyn Error>> {
    end::code(import(&options))
}

/// Something that was said or done, as its source has it.
#[derive(Debug, PartialEq, Eq)]
struct Item {
    /// By what others in the source refer to it.
    key: Option<u64>,
    time: WallMs,
    /// A name by the rules of elsewhere.
    from: String,
    what: What,
    /// The key of what it answers, or is a reaction to.
    refers: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Text(String),
    Action(String),
    React { reaction: String, on: bool },
}

/// What items come from. Lines that are none are counted in the report.
trait Source {
    /// The next one, oldest first; `None` at the end.
    fn next(&mut self, report: &mut Report) -> io::Result<Option<Item>>;

    /// How many bytes of the file were read.
    fn position(&self) -> u64;
}

fn import(options: &ImportOptions) -> Result<(), End> {
    let path = options.file.display();
    let unusable = |error: io::Error| End::Usage(format!("can't read {path}: {error}").into());
    let file = File::open(&options.file).map_err(unusable)?;
    let found = file.metadata().map_err(unusable)?;
    if found.is_dir() {
        return Err(End::Usage(format!("{path} is a folder").into()));
    }
    let zone = options.tz.clone().unwrap_or_else(TimeZone::system);
    let mut report = Report::new(options.dry_run);
    let mut source: Box<dyn Source> = match options.from {
        ImportFormat::Jsonl => Box::new(own::Events::begin(file, &mut report)?),
        ImportFormat::Mattermost => {
            Box::new(mattermost::Posts::begin(file, options.channel.as_deref())?)
        }
        ImportFormat::Weechat => Box::new(irc::Log::weechat(file, zone)),
        ImportFormat::Irssi => Box::new(irc::Log::irssi(file, zone)),
    };
    let interrupt = Interrupt::new().map_err(|error| End::Failed(error.to_string()))?;
    let mut to: Box<dyn Receiver> = if options.dry_run {
        report.note(target(options)?);
        Box::new(Nowhere { next: 1 })
    } else {
        let asker = Asker::new(&folder::of(options.data.as_deref())?);
        Box::new(Hub { asker, room: options.room.clone() })
    };
    let mut progress = Progress::new();
    let mut step = |done: u64| {
        let of = found.len().max(1);
        let percent = done.min(of) * 100 / of;
        progress.say(|| format!("{percent} % is read"));
        interrupt.came()
    };
    let part = Part { skip: options.skip, limit: options.limit };
    let ended = copy(source.as_mut(), &part, to.as_mut(), &mut report, &mut step);
    drop(progress);
    if ended.is_ok() && report.is_of_another_format() {
        let text = format!("nothing in {path} looks as it should: say with --from what wrote it");
        return Err(End::Usage(text.into()));
    }
    if ended.is_ok() || report.has_any() {
        report.print(&mut io::stdout().lock(), &options.room)?;
    }
    ended.map_err(|ended| ended.into_end(&report, options))
}

/// What there is of the room already, for who tries first.
fn target(options: &ImportOptions) -> Result<String, End> {
    let mut reader = operator::reader(options.data.as_deref())?;
    let rooms = reader.rooms().map_err(|error| End::Failed(error.to_string()))?;
    let fold = options.room.fold();
    let found = rooms.iter().find(|stored| {
        room::named(&stored.record.kind).is_some_and(|(name, _)| name.fold() == fold)
    });
    let name = sanitize::for_terminal_line(options.room.as_str());
    Ok(match found {
        None => format!("The room {name} would be made."),
        Some(stored) => format!(
            "The room {name} has {} events, and keeps {}.",
            stored.head_seq.0.saturating_sub(stored.floor.0),
            room::keeps(stored.record.retention)
        ),
    })
}

/// Which of the messages are wanted, counted as they come out of [`Cleaner`].
struct Part {
    skip: u64,
    limit: Option<u64>,
}

/// Where batches go.
trait Receiver {
    /// The number of the first; the others follow.
    fn take(&mut self, messages: Vec<ImportMessage>) -> Result<Seq, Ended>;
}

struct Hub {
    asker: Asker,
    room: RoomName,
}

impl Receiver for Hub {
    fn take(&mut self, messages: Vec<ImportMessage>) -> Result<Seq, Ended> {
        let request = AdminRequest::Import { room: self.room.clone(), messages };
        match self.asker.ask(&request) {
            Ok(AdminAnswer::Imported { first }) => Ok(first),
            Ok(_) => Err(Ended::Refused(operator::wrong_answer())),
            Err(error @ AdminError::Broken { .. }) => Err(Ended::Unknown(error.to_string())),
            Err(error) => Err(Ended::Refused(operator::refused(error))),
        }
    }
}

/// For who only tries.
struct Nowhere {
    next: u64,
}

impl Receiver for Nowhere {
    fn take(&mut self, messages: Vec<ImportMessage>) -> Result<Seq, Ended> {
        let first = Seq(self.next);
        self.next += messages.len() as u64;
        Ok(first)
    }
}

/// Why it ended before the end of the file.
#[derive(Debug)]
enum Ended {
    /// The file can't be read on.
    Source(io::Error),
    /// A batch was refused: it is not in the room.
    Refused(End),
    /// Nobody knows whether the last batch is in the room.
    Unknown(String),
    /// Somebody wanted that.
    Stopped,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

impl Ended {
    /// The end of the command, with the way to go on.
    fn into_end(self, report: &Report, options: &ImportOptions) -> End {
        let done = report.done();
        let go_on = match done {
            0 => "nothing was imported".to_owned(),
            done => format!("what was read before is in the room: go on with --skip {done}"),
        };
        match self {
            Ended::Source(error) => {
                End::Failed(format!("can't read {}: {error}; {go_on}", options.file.display()))
            }
            Ended::Refused(End::Failed(text)) => End::Failed(format!("{text}; {go_on}")),
            Ended::Refused(other) => other,
            Ended::Unknown(text) => End::Failed(format!(
                "{text}. The last batch may be in the room, or not: look there; then go on with \
                 --skip {done}, or --skip {} if it is",
                report.tried()
            )),
            Ended::Stopped => End::Failed(format!("stopped; {go_on}")),
        }
    }
}

/// Takes everything that is wanted from there to here. `step` hears how much of the file was read, and
/// may end it.
fn copy(
    source: &mut dyn Source,
    part: &Part,
    to: &mut dyn Receiver,
    report: &mut Report,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Ended> {
    let mut cleaner = Cleaner::default();
    let mut references = References::default();
    let mut batch = Batch::default();
    let end = part.limit.map_or(u64::MAX, |limit| part.skip.saturating_add(limit));
    report.begin_at(part.skip);
    let (mut taken, mut items) = (0_u64, 0_u64);
    'items: while let Some(Item { key, time, from, what, refers }) = source.next(report)? {
        items += 1;
        if items.is_multiple_of(OFTEN) && step(source.position()) {
            return Err(Ended::Stopped);
        }
        // The later parts of a long text refer to nothing, and nothing to them.
        let mut ties = (key, refers);
        for what in cleaner.parts(what, report) {
            if taken >= end {
                break 'items;
            }
            taken += 1;
            let (key, refers) = std::mem::take(&mut ties);
            if taken <= part.skip {
                continue;
            }
            let from = cleaner.name(&from, report);
            let mut message = ImportMessage { time, from, what, refers: None };
            let bytes = batch::bytes(&message)?;
            if !batch.fits(bytes) {
                flush(&mut batch, &mut references, to, report)?;
            }
            // Only now: what it refers to may just have got its number.
            message.refers = refers.and_then(|key| references.find(key, &batch));
            if refers.is_some() && message.refers.is_none() {
                report.lost(&message.what);
                if matches!(message.what, ImportWhat::React { .. }) {
                    report.reached(taken);
                    continue;
                }
            }
            batch.push(message, bytes, key);
            report.reached(taken);
        }
    }
    flush(&mut batch, &mut references, to, report)
}

/// Sends the batch, and remembers which numbers it got.
fn flush(
    batch: &mut Batch,
    references: &mut References,
    to: &mut dyn Receiver,
    report: &mut Report,
) -> Result<(), Ended> {
    let (messages, keys) = batch.take();
    if messages.is_empty() {
        return Ok(());
    }
    let mut counted = report.count(&messages);
    let first = to.take(messages)?;
    counted.numbers(first);
    report.took(counted);
    references.add(first, keys);
    Ok(())
}

#[cfg(test)]
mod tests;

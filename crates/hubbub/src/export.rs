//! `hubbub export`: what was said in a room, as a file.
//!
//! Reads a page, writes it, reads the next: no transaction is open while anything is written. What a
//! file holds is how each page stood when it was read, up to the event that was newest at the start.

pub(crate) mod file;
mod html;
mod jsonl;
mod text;
mod words;

use crate::cli::{ExportFormat, ExportOptions};
use crate::end::{self, End};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::{operator, room};
use file::Target;
use hubbub_protocol::frame::{Page, ReactionEntry, RoomInfo};
use hubbub_protocol::record::StoredRoom;
use hubbub_protocol::{Event, RoomName, Seq, UserId, WallMs};
use hubbub_store::{Reader, StoreError};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

pub(crate) use jsonl::{FORMAT_VERSION, Header};

/// Events that are read at once.
const PAGE: u32 = 500;

pub(crate) fn run(options: ExportOptions) -> Result<ExitCode, Box<dyn Error>> {
    end::code(export(&options))
}

fn export(options: &ExportOptions) -> Result<(), End> {
    let mut reader = operator::reader(options.data.as_deref())?;
    let room = find(reader.as_mut(), &options.room)?;
    let plan = Plan::new(room, options);
    let zone = TimeZone::system();
    let mut form: Box<dyn Form> = match options.format {
        ExportFormat::Jsonl => Box::new(jsonl::Lines),
        ExportFormat::Text => Box::new(text::Lines::new(zone)),
        ExportFormat::Html => Box::new(html::Page::new(zone)),
    };
    let mut progress = Progress::new();
    let mut step = |done: u64, of: u64| progress.say(|| format!("{done} of {of} events"));
    match options.output.as_deref().filter(|path| *path != Path::new("-")) {
        None => {
            // What was written cannot be taken back: Ctrl-C ends it as it ends every other program.
            let mut out = io::BufWriter::new(io::stdout().lock());
            write(reader.as_mut(), &plan, form.as_mut(), &mut out, &mut |done, of| {
                step(done, of);
                false
            })?;
            Ok(out.flush()?)
        }
        Some(path) => {
            let failed = |error| End::Failed(format!("can't write {}: {error}", path.display()));
            let interrupt = Interrupt::new().map_err(failed)?;
            let mut target = Target::begin(path, options.force)?;
            let written =
                write(reader.as_mut(), &plan, form.as_mut(), &mut target, &mut |done, of| {
                    step(done, of);
                    interrupt.came()
                });
            written.map_err(|end| match end {
                Broken::Output(error) => failed(error),
                other => other.into(),
            })?;
            target.finish()
        }
    }
}

/// The room of this name, in any case.
fn find(reader: &mut dyn Reader, wanted: &RoomName) -> Result<StoredRoom, End> {
    let rooms = reader.rooms().map_err(|error| End::from(Broken::Store(error)))?;
    let fold = wanted.fold();
    let is_it = |stored: &StoredRoom| {
        room::named(&stored.record.kind).is_some_and(|(name, _)| name.fold() == fold)
    };
    rooms.into_iter().find(is_it).ok_or_else(|| {
        End::Failed(format!(
            "there is no room {wanted}, or nothing is kept of it; `hubbub room list` shows all"
        ))
    })
}

/// What is exported.
struct Plan {
    room: StoredRoom,
    since: Option<WallMs>,
    until: Option<WallMs>,
    /// When it began.
    now: WallMs,
}

impl Plan {
    fn new(room: StoredRoom, options: &ExportOptions) -> Self {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        Self { room, since: options.since, until: options.until, now: WallMs(now) }
    }

    fn wants(&self, event: &Event) -> bool {
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
    }

    fn header(&self) -> Header {
        let record = &self.room.record;
        let settings = &record.settings;
        // A private chat has no name, and is not found by one.
        let named = room::named(&record.kind);
        Header {
            hubbub_export: FORMAT_VERSION,
            room: named.map(|(name, _)| name.as_str().to_owned()).unwrap_or_default(),
            info: RoomInfo {
                sort: named.map_or(hubbub_protocol::frame::RoomSort::Room, |(_, sort)| sort),
                retention: record.retention,
                topic: settings.topic.clone(),
                description: settings.description.clone(),
                invite_only: settings.invite_only,
                key: settings.key.is_some(),
                moderated: settings.moderated,
                secret: settings.secret,
                member_limit: settings.member_limit,
                slow_s: settings.slow_s,
                pinned: settings.pinned.clone(),
                transcribed: false,
                role: None,
                created: record.created,
            },
            exported: self.now,
            from: Seq(self.room.floor.0.saturating_add(1)),
            to: self.room.head_seq,
            since: self.since,
            until: self.until,
        }
    }
}

/// An event as an export shows it.
struct Item<'a> {
    event: &'a Event,
    reactions: &'a [ReactionEntry],
    /// The event that it is about, if the form wants to see that and it is there.
    about: Option<Event>,
}

/// How an export looks.
trait Form {
    /// Whether items come with what they are about, which is one more look into the store.
    fn wants_about(&self) -> bool;

    fn begin(&mut self, out: &mut dyn Write, header: &Header) -> io::Result<()>;

    fn item(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()>;

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// Why it ended before its time.
#[derive(Debug)]
enum Broken {
    Store(StoreError),
    Output(io::Error),
    Stopped,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Store(error) => End::Failed(format!("can't read the room: {error}")),
            Broken::Output(error) => error.into(),
            Broken::Stopped => End::Failed("stopped; nothing is exported".into()),
        }
    }
}

/// Writes all of it. `step` hears how many of how many events are done, and may end it.
fn write(
    reader: &mut dyn Reader,
    plan: &Plan,
    form: &mut dyn Form,
    out: &mut dyn Write,
    step: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), Broken> {
    let (room, floor, head) = (plan.room.record.id, plan.room.floor, plan.room.head_seq);
    form.begin(out, &plan.header())?;
    let mut after = floor;
    while after < head {
        let mut events = reader.page(room, Page::After(after), PAGE)?.events;
        events.retain(|event| event.seq <= head);
        let (Some(first), Some(last)) = (events.first(), events.last()) else { break };
        let (first, last) = (first.seq, last.seq);
        // Nobody reads this: no user has the id 0.
        let reactions = reader.reactions(room, first, last, UserId(0))?;
        for event in events.iter().filter(|event| plan.wants(event)) {
            let begin = reactions.partition_point(|entry| entry.seq < event.seq);
            let end = reactions.partition_point(|entry| entry.seq <= event.seq);
            let about = event.body.refers_to().filter(|_| form.wants_about());
            let about = match about {
                Some(seq) => one(reader, plan, seq)?,
                None => None,
            };
            form.item(out, &Item { event, reactions: &reactions[begin..end], about })?;
        }
        after = last;
        if step(last.0 - floor.0, head.0 - floor.0) {
            return Err(Broken::Stopped);
        }
    }
    form.end(out)?;
    Ok(())
}

/// One event of the room as it stands now.
fn one(reader: &mut dyn Reader, plan: &Plan, seq: Seq) -> Result<Option<Event>, StoreError> {
    let before = Seq(seq.0.saturating_sub(1));
    let page = reader.page(plan.room.record.id, Page::After(before), 1)?;
    Ok(page.events.into_iter().find(|event| event.seq == seq))
}

#[cfg(test)]
mod tests;

//! Exports of Hubbub: `hubbub export --format jsonl`.

use super::lines::Lines;
use super::report::Report;
use super::{Item, Source, What};
use crate::end::End;
use crate::export::{FORMAT_VERSION, Header};
use hubbub_protocol::{Body, Event, Seq};
use serde::Deserialize;
use std::io::{self, Read};

/// The events of an export.
#[derive(Debug)]
pub(super) struct Events<R> {
    lines: Lines<R>,
    /// The number of the event before.
    last: Seq,
}

/// As much of the first line as tells whether the others can be read.
#[derive(Deserialize)]
struct Version {
    hubbub_export: u32,
}

impl<R: Read> Events<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`End::Usage`]: it is none of ours.
    pub(super) fn begin(from: R, report: &mut Report) -> Result<Self, End> {
        let wrong = |text: String| End::Usage(text.into());
        let mut lines = Lines::new(from);
        let first = lines.next(report).map_err(|error| wrong(format!("can't read it: {error}")))?;
        let first = first.map(|line| line.text).unwrap_or_default();
        let version = serde_json::from_str::<Version>(&first).map_err(|_| {
            wrong("that is no export of Hubbub: say with --from what wrote it".into())
        })?;
        if version.hubbub_export > FORMAT_VERSION {
            return Err(wrong(format!(
                "the export is of version {}, and this program reads versions up to {FORMAT_VERSION}: use a newer hubbub",
                version.hubbub_export
            )));
        }
        let header = serde_json::from_str::<Header>(&first);
        header.map_err(|error| wrong(format!("the export's first line is damaged: {error}")))?;
        Ok(Self { lines, last: Seq(0) })
    }
}

impl<R: Read> Source for Events<R> {
    fn next(&mut self, report: &mut Report) -> io::Result<Option<Item>> {
        while let Some(line) = self.lines.next(report)? {
            if line.text.trim().is_empty() {
                continue;
            }
            let event = serde_json::from_str::<Event>(&line.text).ok();
            // A log never goes back: what was put together from two would refer to the wrong ones.
            let Some(event) = event.filter(|event| event.seq > self.last) else {
                report.not_understood(line.number, &line.text);
                continue;
            };
            self.last = event.seq;
            let Event { seq, time, from, body, .. } = event;
            let from = from.name.as_str().to_owned();
            let (what, key, refers) = match body {
                Body::Text(said) => {
                    (What::Text(said.text.as_str().to_owned()), Some(seq), said.reply)
                }
                Body::Action(said) => {
                    (What::Action(said.text.as_str().to_owned()), Some(seq), said.reply)
                }
                Body::React { of, reaction, on } => {
                    let reaction = reaction.as_str().to_owned();
                    (What::React { reaction, on }, None, Some(of))
                }
                Body::Deleted { .. } => {
                    report.deleted();
                    continue;
                }
                // Their messages have the last text already, or none.
                Body::Edit { .. } | Body::Delete { .. } => continue,
                Body::Pin { .. }
                | Body::Changed(_)
                | Body::Role { .. }
                | Body::Kicked { .. }
                | Body::Restricted { .. }
                | Body::Lifted { .. } => {
                    report.act();
                    continue;
                }
            };
            let (key, refers) = (key.map(|seq| seq.0), refers.map(|seq| seq.0));
            return Ok(Some(Item { key, time, from, what, refers }));
        }
        Ok(None)
    }

    fn position(&self) -> u64 {
        self.lines.position()
    }
}

//! An export for people: a line for each line that was said. Nothing in it can be a command to the
//! terminal that shows it.

use super::{Form, Header, Item, words};
use crate::when;
use hubbub_protocol::{Body, Event, Note, Said, sanitize};
use jiff::tz::TimeZone;
use std::io::{self, Write};

/// The form.
#[derive(Debug)]
pub(super) struct Lines {
    zone: TimeZone,
}

impl Lines {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    fn time(&self, event: &Event) -> String {
        when::local(event.time, &self.zone, "%Y-%m-%d %H:%M")
    }

    /// Every line of a longer message carries its author.
    fn said(&self, out: &mut dyn Write, item: &Item<'_>, said: &Said) -> io::Result<()> {
        let (time, name) = (self.time(item.event), line(item.event.from.name.as_str()));
        let head = match item.event.body {
            Body::Action(_) => format!("[{time}] * {name}"),
            _ => format!("[{time}] <{name}>"),
        };
        let to = match (said.reply, &item.about) {
            (Some(_), Some(event)) => format!(" (to {})", line(event.from.name.as_str())),
            (Some(_), None) => " (to a message that is gone)".into(),
            (None, _) => String::new(),
        };
        let edited = if said.edited.is_some() { " (edited)" } else { "" };
        let text = sanitize::for_terminal(said.text.as_str());
        let last = text.split('\n').count() - 1;
        for (at, words) in text.split('\n').enumerate() {
            let to = if at == 0 { to.as_str() } else { "" };
            let edited = if at == last { edited } else { "" };
            writeln!(out, "{head}{to} {}{edited}", words.replace('\t', "    "))?;
        }
        Ok(())
    }
}

fn line(text: &str) -> String {
    sanitize::for_terminal_line(text).into_owned()
}

impl Form for Lines {
    fn wants_about(&self) -> bool {
        true
    }

    fn begin(&mut self, out: &mut dyn Write, header: &Header) -> io::Result<()> {
        let day = when::local(header.exported, &self.zone, "%Y-%m-%d %H:%M (%Z)");
        writeln!(out, "-- {}, exported {day}", line(&header.room))?;
        match &header.info.topic {
            Some(topic) => writeln!(out, "-- topic: {}", line(Note::as_str(topic))),
            None => Ok(()),
        }
    }

    fn item(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        if let Some(said) = item.event.body.said() {
            self.said(out, item, said)?;
        } else if matches!(item.event.body, Body::Deleted { .. }) {
            let name = line(item.event.from.name.as_str());
            writeln!(out, "[{}] <{name}> (deleted)", self.time(item.event))?;
        } else if let Some(act) = words::act(item, &self.zone) {
            writeln!(out, "[{}] -- {}", self.time(item.event), line(&act))?;
        }
        let shown = item.reactions.iter().map(|entry| {
            let names = words::reacted(entry);
            let names = if names.is_empty() { names } else { format!(" ({names})") };
            line(&format!("{} {}{names}", entry.reaction, entry.count))
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() { Ok(()) } else { writeln!(out, "    {}", shown.join("  ")) }
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

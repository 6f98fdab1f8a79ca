//! An export for a browser: one page that needs nothing else, and in which nothing can run.
//!
//! All that comes from people passes [`escape`]; all else is written here.

use super::{Form, Header, Item, words};
use crate::{room, when};
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Body, Event, Seq, WallMs, sanitize};
use jiff::tz::TimeZone;
use std::io::{self, Write};

/// Characters of an answered message that are shown with the answer.
const QUOTE_CHARS: usize = 80;

const STYLE: &str = include_str!("page.css");

/// The form.
#[derive(Debug)]
pub(super) struct Page {
    zone: TimeZone,
    /// The day whose heading was written last.
    day: Option<String>,
}

impl Page {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { zone, day: None }
    }

    fn local(&self, time: WallMs, format: &str) -> String {
        when::local(time, &self.zone, format)
    }

    /// A heading where a day begins.
    fn day(&mut self, out: &mut dyn Write, time: WallMs) -> io::Result<()> {
        let day = self.local(time, "%A, %-d %B %Y");
        if self.day.as_ref() != Some(&day) {
            writeln!(out, "<h2>{}</h2>", escape(&day))?;
            self.day = Some(day);
        }
        Ok(())
    }

    fn time(&self, event: &Event) -> String {
        let seq = event.seq;
        let short = self.local(event.time, "%H:%M");
        let long = self.local(event.time, "%Y-%m-%dT%H:%M:%S%:z");
        format!("<a class=\"time\" href=\"#e{seq}\"><time datetime=\"{long}\">{short}</time></a>")
    }
}

/// Text that can't be markup, nor change the direction of what is around it.
fn escape(text: &str) -> String {
    let text = sanitize::for_terminal(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn escape_line(text: &str) -> String {
    escape(&sanitize::for_terminal_line(text))
}

/// The answered message, with a link to it.
fn quote(seq: Seq, about: Option<&Event>) -> String {
    let Some(event) = about else {
        return "<span class=\"reply\">↪ a message that is gone</span>".into();
    };
    let name = escape_line(event.from.name.as_str());
    let words = match event.body.said() {
        Some(said) => {
            let mut words: String = said.text.as_str().chars().take(QUOTE_CHARS).collect();
            if words.len() < said.text.as_str().len() {
                words.push('…');
            }
            escape_line(&words)
        }
        None => "<em>deleted</em>".into(),
    };
    format!("<a class=\"reply\" href=\"#e{seq}\">↪ <b>{name}</b> <bdi>{words}</bdi></a>")
}

fn reactions(out: &mut dyn Write, entries: &[ReactionEntry]) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    write!(out, "<div class=\"reactions\">")?;
    for entry in entries {
        let names = escape_line(&words::reacted(entry));
        let reaction = escape_line(entry.reaction.as_str());
        write!(out, "<span title=\"{names}\">{reaction} {}</span>", entry.count)?;
    }
    writeln!(out, "</div>")
}

impl Form for Page {
    fn wants_about(&self) -> bool {
        true
    }

    fn begin(&mut self, out: &mut dyn Write, header: &Header) -> io::Result<()> {
        let name = escape_line(&header.room);
        let exported = escape(&self.local(header.exported, "%Y-%m-%d %H:%M (%Z)"));
        writeln!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
             <h1>{name}</h1>"
        )?;
        for note in [&header.info.topic, &header.info.description].into_iter().flatten() {
            writeln!(out, "<p dir=\"auto\">{}</p>", escape_line(note.as_str()))?;
        }
        let keeps = escape(&room::keeps(header.info.retention));
        writeln!(
            out,
            "<p class=\"small\">Keeps {keeps}. Exported {exported}.</p>\n</header>\n<main>"
        )
    }

    fn item(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        let event = item.event;
        let (seq, name) = (event.seq, escape_line(event.from.name.as_str()));
        if let Some(said) = event.body.said() {
            self.day(out, event.time)?;
            let is_action = matches!(event.body, Body::Action(_));
            let class = if is_action { "event action" } else { "event" };
            let reply = said.reply.map(|of| quote(of, item.about.as_ref())).unwrap_or_default();
            let edited =
                if said.edited.is_some() { " <span class=\"small\">(edited)</span>" } else { "" };
            let text = escape(said.text.as_str());
            writeln!(
                out,
                "<article class=\"{class}\" id=\"e{seq}\">{}<div><b class=\"name\">{name}</b>\
                 {reply}<div class=\"text\" dir=\"auto\">{text}{edited}</div>",
                self.time(event)
            )?;
            reactions(out, item.reactions)?;
            writeln!(out, "</div></article>")
        } else if matches!(event.body, Body::Deleted { .. }) {
            self.day(out, event.time)?;
            writeln!(
                out,
                "<article class=\"event\" id=\"e{seq}\">{}<div><b class=\"name\">{name}</b>\
                 <div class=\"small\">(deleted)</div></div></article>",
                self.time(event)
            )
        } else if let Some(act) = words::act(item, &self.zone) {
            self.day(out, event.time)?;
            let act = escape_line(&act);
            writeln!(
                out,
                "<p class=\"act\" id=\"e{seq}\">{} <bdi>{act}</bdi></p>",
                self.time(event)
            )
        } else {
            Ok(())
        }
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "</main>\n</body>\n</html>")
    }
}

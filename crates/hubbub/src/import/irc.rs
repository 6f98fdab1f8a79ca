//! Logs of IRC clients: WeeChat's logger, and irssi's `/log`.

use super::lines::Lines;
use super::report::Report;
use super::{Item, Source, What};
use hubbub_protocol::WallMs;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::io::{self, Read};

/// A log of either.
#[derive(Debug)]
pub(super) struct Log<R> {
    lines: Lines<R>,
    zone: TimeZone,
    client: Client,
}

#[derive(Debug)]
enum Client {
    Weechat,
    Irssi {
        /// irssi writes the day once, and then the time of day only.
        day: Option<Date>,
    },
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Said {
        time: WallMs,
        from: String,
        what: What,
    },
    /// Somebody came or went, or the like.
    Notice,
    /// None that we know.
    Unknown,
}

impl<R: Read> Log<R> {
    pub(super) fn weechat(from: R, zone: TimeZone) -> Self {
        Self { lines: Lines::new(from), zone, client: Client::Weechat }
    }

    pub(super) fn irssi(from: R, zone: TimeZone) -> Self {
        Self { lines: Lines::new(from), zone, client: Client::Irssi { day: None } }
    }
}

impl<R: Read> Source for Log<R> {
    fn next(&mut self, report: &mut Report) -> io::Result<Option<Item>> {
        while let Some(line) = self.lines.next(report)? {
            let parsed = match &mut self.client {
                _ if line.text.trim().is_empty() => continue,
                Client::Weechat => weechat(&line.text, &self.zone),
                Client::Irssi { day } => irssi(&line.text, &self.zone, day),
            };
            match parsed {
                Parsed::Said { time, from, what } => {
                    return Ok(Some(Item { key: None, time, from, what, refers: None }));
                }
                Parsed::Notice => report.notice(),
                Parsed::Unknown => report.not_understood(line.number, &line.text),
            }
        }
        Ok(None)
    }

    fn position(&self) -> u64 {
        self.lines.position()
    }
}

/// A nick without the mark of what it may do.
fn nick(text: &str) -> &str {
    text.strip_prefix(['@', '+', '%', '~', '&', '!', ' ']).unwrap_or(text)
}

fn said(time: WallMs, from: &str, text: &str) -> Parsed {
    match nick(from) {
        "" => Parsed::Unknown,
        from => Parsed::Said { time, from: from.to_owned(), what: What::Text(text.to_owned()) },
    }
}

/// `ann waves`
fn done(time: WallMs, text: &str) -> Parsed {
    let (from, text) = text.split_once(' ').unwrap_or((text, ""));
    match nick(from) {
        "" => Parsed::Unknown,
        from => Parsed::Said { time, from: from.to_owned(), what: What::Action(text.to_owned()) },
    }
}

fn moment(local: DateTime, zone: &TimeZone) -> Option<WallMs> {
    // Twice a year an hour is there twice, or not at all: the nearest that means something.
    let zoned: Zoned = local.to_zoned(zone.clone()).ok()?;
    wall(zoned.timestamp())
}

fn wall(time: Timestamp) -> Option<WallMs> {
    u64::try_from(time.as_millisecond()).ok().map(WallMs)
}

/// `2026-11-20 14:03:00<tab>ann<tab>hello`. Marks in place of the nick: `*` for an action, arrows and
/// dashes for all that is no message.
fn weechat(line: &str, zone: &TimeZone) -> Parsed {
    let mut fields = line.splitn(3, '\t');
    let (Some(time), Some(prefix), Some(text)) = (fields.next(), fields.next(), fields.next())
    else {
        return Parsed::Unknown;
    };
    let time = match time.parse::<Timestamp>() {
        Ok(time) => wall(time),
        Err(_) => time.parse().ok().and_then(|local| moment(local, zone)),
    };
    let Some(time) = time else { return Parsed::Unknown };
    match prefix.trim() {
        "" | "-->" | "<--" | "--" | "=!=" => Parsed::Notice,
        "*" => done(time, text),
        from => said(time, from, text),
    }
}

/// `14:03 <@ann> hello`, below a line that says which day it is.
fn irssi(line: &str, zone: &TimeZone, day: &mut Option<Date>) -> Parsed {
    if let Some(about) = line.strip_prefix("--- ") {
        let words: Vec<_> = about.split_whitespace().collect();
        let found = match words[..] {
            ["Log", "opened" | "closed", _, month, of, _, year] => date(year, month, of),
            ["Day", "changed", _, month, of, year] => date(year, month, of),
            _ => return Parsed::Unknown,
        };
        // Without it, what follows would be of a wrong day.
        *day = found;
        return if found.is_some() { Parsed::Notice } else { Parsed::Unknown };
    }
    let Some((clock, rest)) = line.split_once(' ') else { return Parsed::Unknown };
    let time = clock_time(clock).zip(*day);
    let time = time.and_then(|(time, day)| moment(day.to_datetime(time), zone));
    let Some(time) = time else { return Parsed::Unknown };
    if rest.starts_with("-!-") {
        return Parsed::Notice;
    }
    if let Some(rest) = rest.strip_prefix('<') {
        return match rest.split_once('>') {
            Some((from, text)) => said(time, from, text.strip_prefix(' ').unwrap_or(text)),
            None => Parsed::Unknown,
        };
    }
    if let Some(rest) = rest.strip_prefix(" * ").or_else(|| rest.strip_prefix("* ")) {
        return done(time, rest);
    }
    // -ann:#ops- or -ann-: a notice.
    match rest.strip_prefix('-').and_then(|rest| rest.split_once("- ")) {
        Some((from, _)) if !from.contains(' ') => Parsed::Notice,
        _ => Parsed::Unknown,
    }
}

/// `14:03` or `14:03:59`.
fn clock_time(text: &str) -> Option<Time> {
    let parts: Vec<_> = text.split(':').collect();
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (number(hour)?, number(minute)?, 0),
        [hour, minute, second] => (number(hour)?, number(minute)?, number(second)?),
        _ => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(client: Client, log: &str) -> (Vec<(String, String, What)>, String) {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let mut log = Log { lines: Lines::new(log.as_bytes()), zone: zone.clone(), client };
        let (mut report, mut found) = (Report::new(false), Vec::new());
        while let Some(item) = log.next(&mut report).unwrap() {
            let time = crate::when::local(item.time, &zone, "%Y-%m-%d %H:%M:%S");
            found.push((time, item.from, item.what));
        }
        (found, report.shown())
    }

    fn text(time: &str, from: &str, text: &str) -> (String, String, What) {
        (time.into(), from.into(), What::Text(text.into()))
    }

    fn action(time: &str, from: &str, text: &str) -> (String, String, What) {
        (time.into(), from.into(), What::Action(text.into()))
    }

    #[test]
    fn a_log_of_weechat_is_read() {
        let log = "2026-11-20 14:03:00\tann\thello\n\
                   2026-11-20 14:03:01\t@bob\ta\ttab <b>\n\
                   2026-11-20 14:03:02\t *\tann waves at bob\n\
                   2026-11-20 14:03:03\t-->\teve (eve@host) has joined #ops\n\
                   2026-11-20 14:03:04\t<--\teve (eve@host) has quit\n\
                   2026-11-20 14:03:05\t--\tMode #ops [+o bob] by ann\n\
                   2026-11-20 14:03:06\t\t****  Beginning of log  ****\n\
                   2026-11-20T13:03:07.250Z\tann\tin UTC\n\
                   yesterday\tann\thello\n\
                   no fields at all\n\
                   \n\
                   2026-13-20 14:03:00\tann\thello\n";
        let (found, report) = items(Client::Weechat, log);
        assert_eq!(
            found,
            [
                text("2026-11-20 14:03:00", "ann", "hello"),
                text("2026-11-20 14:03:01", "bob", "a\ttab <b>"),
                action("2026-11-20 14:03:02", "ann", "waves at bob"),
                text("2026-11-20 14:03:07", "ann", "in UTC"),
            ]
        );
        assert!(report.contains("4 notices"), "{report}");
        assert!(report.contains("3 lines"), "{report}");
        assert!(report.contains("line 9: yesterday"), "{report}");
    }

    #[test]
    fn a_log_of_irssi_is_read() {
        let log = "14:00 <ann> before any day\n\
                   --- Log opened Fri Nov 20 14:00:00 2026\n\
                   14:03 < ann> hello\n\
                   14:03 <@bob> a > b\n\
                   14:03:59 <+eve> \n\
                   14:04  * ann waves at bob\n\
                   14:05 -!- eve [eve@host] has joined #ops\n\
                   14:06 -services:#ops- a notice\n\
                   --- Day changed Sat Nov 21 2026\n\
                   00:01 <zoë> late\n\
                   --- Log closed Sat Nov 21 00:02:00 2026\n\
                   25:00 <ann> never\n\
                   --- Day changed Sab Nov quando 2026\n\
                   00:02 <ann> which day?\n";
        let (found, report) = items(Client::Irssi { day: None }, log);
        assert_eq!(
            found,
            [
                text("2026-11-20 14:03:00", "ann", "hello"),
                text("2026-11-20 14:03:00", "bob", "a > b"),
                text("2026-11-20 14:03:59", "eve", ""),
                action("2026-11-20 14:04:00", "ann", "waves at bob"),
                text("2026-11-21 00:01:00", "zoë", "late"),
            ]
        );
        assert!(report.contains("5 notices"), "{report}");
        assert!(report.contains("4 lines"), "{report}");
    }

    #[test]
    fn an_hour_that_is_not_there_is_near_one_that_is() {
        let log = "2026-03-29 02:30:00\tann\tthe clock jumps\n\
                   2026-10-25 02:30:00\tann\tthe clock goes back\n";
        let (found, _) = items(Client::Weechat, log);
        assert_eq!(found[0].0, "2026-03-29 03:30:00");
        assert_eq!(found[1].0, "2026-10-25 02:30:00");
    }

    #[test]
    fn no_line_is_too_strange() {
        for line in [
            "\t\t", "--- ", "---", "14:03", "14:03 ", "14:03 <", "14:03 <>", "::", " * ", "14:03 -",
        ] {
            let mut day = Date::new(2026, 11, 20).ok();
            irssi(line, &TimeZone::UTC, &mut day);
            weechat(line, &TimeZone::UTC);
        }
    }
}

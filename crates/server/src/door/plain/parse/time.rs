//! Spans of time and moments as people type them. Pure: no clock is read here.

use hubbub_protocol::{WallMs, limits};
use jiff::{Timestamp, Zoned, civil};

const SECOND: u64 = 1000;
const DAY: u64 = 24 * 60 * 60 * SECOND;

/// Whether a word is a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// It is, in milliseconds: `10m`, `2h`, `1d12h`.
    Of(u64),
    /// It begins like one and can't be meant otherwise: a number without a unit, nothing, for ever.
    Wrong,
    /// It is another word, as the `2nd` time.
    None,
}

/// Reads a span: numbers with `s`, `m`, `h`, `d` or `w` behind each, up to the longest ban.
pub(crate) fn span(word: &str) -> Span {
    let mut rest = word;
    let mut total: Option<u64> = Some(0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Span::None;
        }
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" => SECOND,
            "m" | "min" => 60 * SECOND,
            "h" => 60 * 60 * SECOND,
            "d" => DAY,
            "w" => 7 * DAY,
            // A number alone could mean minutes or days, and is no reason either.
            "" if after.is_empty() && rest == word => return Span::Wrong,
            _ => return Span::None,
        };
        let part = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
        total = total.zip(part).and_then(|(total, part)| total.checked_add(part));
        rest = after;
    }
    match total {
        _ if word.is_empty() => Span::None,
        Some(ms) if (1..=limits::RESTRICTION_MS).contains(&ms) => Span::Of(ms),
        _ => Span::Wrong,
    }
}

/// A number of whole days, as `30d` or `4w`.
pub(crate) fn days(word: &str) -> Option<u32> {
    match span(word) {
        Span::Of(ms) if ms.is_multiple_of(DAY) => u32::try_from(ms / DAY).ok(),
        _ => None,
    }
}

/// A moment of the past as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds ago.
    Ago(u64),
    /// A day by the server's calendar.
    Day(civil::Date),
    /// A time of a day by the server's clock.
    Time(civil::DateTime),
}

impl Moment {
    pub(super) fn parse(word: &str) -> Option<Self> {
        if let Span::Of(ms) = span(word) {
            return Some(Moment::Ago(ms));
        }
        if word.contains(['T', 't']) {
            return word.parse().ok().map(Moment::Time);
        }
        word.parse().ok().map(Moment::Day)
    }

    /// When it began. `None` outside the calendar.
    pub(crate) fn start(self, now: &Zoned) -> Option<WallMs> {
        let zone = || now.time_zone().clone();
        let moment = match self {
            Moment::Ago(ms) => {
                let ms = i64::try_from(ms).ok()?;
                let ago = now.timestamp().as_millisecond().saturating_sub(ms);
                return Some(WallMs(u64::try_from(ago).unwrap_or(0)));
            }
            Moment::Day(day) => day.to_zoned(zone()).ok()?.timestamp(),
            Moment::Time(time) => time.to_zoned(zone()).ok()?.timestamp(),
        };
        Some(wall(moment))
    }

    /// When it was over: who says a day means all of it.
    pub(crate) fn end(self, now: &Zoned) -> Option<WallMs> {
        match self {
            Moment::Day(day) => Moment::Day(day.tomorrow().ok()?).start(now),
            other => other.start(now),
        }
    }
}

/// There was no server before 1970.
fn wall(moment: Timestamp) -> WallMs {
    WallMs(u64::try_from(moment.as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_numbers_with_units_and_nothing_else_is() {
        for (word, ms) in
            [("10m", 600_000), ("2h", 7_200_000), ("1d12H", 129_600_000), ("30s", 30_000)]
        {
            assert_eq!(span(word), Span::Of(ms), "{word}");
        }
        for word in ["10", "0m", "99999999d", "99999999999999999999w"] {
            assert_eq!(span(word), Span::Wrong, "{word}");
        }
        for word in ["", "2nd", "h", "10m!", "3d-printing", "10x", "m10", "１０m", "10m5"] {
            assert_eq!(span(word), Span::None, "{word}");
        }
        assert_eq!((days("30d"), days("2w"), days("36h")), (Some(30), Some(14), None));
    }

    #[test]
    fn a_day_means_all_of_it() {
        let now: Zoned = "2026-11-21T12:00[Europe/Berlin]".parse().unwrap();
        let day = Moment::parse("2026-11-01").unwrap();
        let hours = (day.end(&now).unwrap().0 - day.start(&now).unwrap().0) / 3_600_000;
        assert_eq!(hours, 24);
        let noon = Moment::parse("2026-11-21T11:00").unwrap();
        assert_eq!(noon.start(&now), Moment::parse("1h").unwrap().end(&now));
        assert_eq!(Moment::parse("0001-01-01").unwrap().start(&now), Some(WallMs(0)));
        for wrong in ["", "soon", "2026-13-01", "10", "2026-11-01Tx"] {
            assert_eq!(Moment::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_word_panics(word in "\\PC{0,24}|[0-9]{1,22}[smhdw]?|-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}(T[0-9:]{0,5})?") {
            span(&word);
            days(&word);
            if let Some(moment) = Moment::parse(&word) {
                let now = Zoned::now();
                moment.start(&now);
                moment.end(&now);
            }
        }
    }
}

//! Moments and spans of time as people write and read them.

use hubbub_protocol::WallMs;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned, civil};

/// Until when something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Not ending by itself.
    Never,
    /// For so many milliseconds from now on.
    For(u64),
}

/// `never`, or a span such as `7d` or `1h30m`.
pub(crate) fn lifetime(text: &str) -> Result<Lifetime, String> {
    lifetime_from(&Zoned::now(), text)
}

fn lifetime_from(now: &Zoned, text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime::Never);
    }
    let wrong = "write a span of time such as 7d or 12h, or never";
    let span: Span = text.parse().map_err(|_| wrong)?;
    let end = now.checked_add(span).map_err(|_| "that is too far away")?;
    let ms = end.timestamp().as_millisecond() - now.timestamp().as_millisecond();
    match u64::try_from(ms) {
        Ok(ms) if ms > 0 => Ok(Lifetime::For(ms)),
        _ => Err("it must end later than now".into()),
    }
}

/// A moment in the past: a span such as `2h`, a day, or a day and a time, here or with a zone.
pub(crate) fn since(text: &str) -> Result<WallMs, String> {
    since_at(&Zoned::now(), text)
}

fn since_at(now: &Zoned, text: &str) -> Result<WallMs, String> {
    let moment = if let Ok(span) = text.parse::<Span>() {
        now.checked_sub(span.abs()).map_err(|_| "that is too long ago")?.timestamp()
    } else if let Ok(moment) = text.parse::<Timestamp>() {
        moment
    } else if let Ok(local) = text.parse::<civil::DateTime>() {
        let zoned = local.to_zoned(now.time_zone().clone());
        zoned.map_err(|_| "that is too long ago")?.timestamp()
    } else {
        return Err("write a span such as 2h or 7d, a day such as 2026-11-20, or a day and a time such as 2026-11-20T10:00".into());
    };
    // There was no server before 1970.
    Ok(WallMs(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
}

/// A moment as people in this zone read it, with this strftime format.
pub(crate) fn local(time: WallMs, zone: &TimeZone, format: &str) -> String {
    let time = i64::try_from(time.0).ok();
    let time = time.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn now() -> Zoned {
        "2026-11-21T12:00[Europe/Berlin]".parse().unwrap()
    }

    #[test]
    fn lifetimes_are_spans_in_the_future() {
        let read = |text| lifetime_from(&now(), text);
        assert_eq!(read("never"), Ok(Lifetime::Never));
        assert_eq!(read("12h"), Ok(Lifetime::For(12 * HOUR)));
        assert_eq!(read("7d"), Ok(Lifetime::For(7 * 24 * HOUR)));
        assert_eq!(read("1 day 2 hours"), Ok(Lifetime::For(26 * HOUR)));
        for wrong in ["", "7", "soon", "0d", "-7d", "7d ago", "9999999d", "2026-11-22"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        // A week over the change of the clocks ends at the same time of day.
        let before: Zoned = "2026-10-24T12:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(lifetime_from(&before, "7d"), Ok(Lifetime::For((7 * 24 + 1) * HOUR)));
    }

    #[test]
    fn moments_are_read_in_all_of_their_forms() {
        let now = now();
        let ms = u64::try_from(now.timestamp().as_millisecond()).unwrap();
        let read = |text| since_at(&now, text).map(|moment| (ms - moment.0) / HOUR);
        assert_eq!(read("2h"), Ok(2));
        assert_eq!(read("2h ago"), Ok(2));
        assert_eq!(read("7d"), Ok(7 * 24));
        assert_eq!(read("2026-11-20"), Ok(36));
        assert_eq!(read("2026-11-20T10:00"), Ok(26));
        assert_eq!(read("2026-11-20 10:00:30"), Ok(25));
        assert_eq!(read("2026-11-20T10:00Z"), Ok(25));
        assert_eq!(since_at(&now, "1950-01-01"), Ok(WallMs(0)));
        for wrong in ["", "yesterday", "2026-13-01", "10:00", "7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_shown_where_the_reader_is() {
        let zone = now().time_zone().clone();
        let time = WallMs(1_700_000_000_000);
        assert_eq!(local(time, &zone, "%Y-%m-%d %H:%M:%S"), "2023-11-14 23:13:20");
        assert_eq!(local(WallMs(u64::MAX), &TimeZone::UTC, "%Y"), "1970");
    }
}

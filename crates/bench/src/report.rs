//! Figures for people and for programs: tables, JSON, medians.

use crate::Result;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::time::Duration;

/// Prints what a benchmark found.
pub(crate) fn print<F: Serialize + fmt::Display>(found: &F, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, found)?;
        writeln!(out)?;
    } else {
        write!(out, "{found}")?;
    }
    Ok(())
}

/// Says what is being done, for whoever waits.
pub(crate) fn progress(what: fmt::Arguments<'_>) {
    eprintln!("{what}");
}

/// The median of several runs, and how far they lie apart.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// Of at least one value; zeros without any.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&lowest), Some(&highest)) = (values.first(), values.last()) else {
            return Self { median: 0.0, lowest: 0.0, highest: 0.0 };
        };
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Self { median, lowest, highest }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2} [{:.2}–{:.2}]", self.median, self.lowest, self.highest);
        f.pad(&text)
    }
}

/// How long something took, over many times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) count: usize,
}

impl Percentiles {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index.min(times.len().saturating_sub(1))).map_or(0.0, |t| millis(*t))
        };
        Self { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0), count: times.len() }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} / {:.1} / {:.1}", self.p50_ms, self.p99_ms, self.max_ms))
    }
}

/// Milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_numbers_of_runs() {
        let odd = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((odd.lowest, odd.median, odd.highest), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of([1.0, 2.0, 4.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of([]).median, 0.0);
    }

    #[test]
    fn the_slowest_one_in_a_hundred_is_the_99th_percentile() {
        let found = Percentiles::of((1..=100).map(Duration::from_millis).collect());
        assert_eq!((found.p50_ms, found.p99_ms, found.max_ms), (51.0, 100.0, 100.0));
    }
}

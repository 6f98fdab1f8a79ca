//! How much happened lately: figures of each second of the last minute. Whoever ticks gives them; there is
//! no timer here.

use hubbub_protocol::MonoMs;
use std::collections::VecDeque;

/// The time between two samples, in milliseconds.
const STEP_MS: u64 = 1_000;
/// How far back it goes, in milliseconds.
const KEPT_MS: u64 = 60_000;
/// "Just now", in milliseconds.
const RECENT_MS: u64 = 10_000;

/// What has happened since the start, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) commits: u64,
    pub(crate) commits_us: u64,
}

/// The totals of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Each with the longest commit since the one before.
    samples: VecDeque<(MonoMs, Totals, u64)>,
}

/// What a minute came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lately {
    /// A second, over the last ten and over the last minute.
    pub(crate) accepted: [f64; 2],
    pub(crate) delivered: [f64; 2],
    /// In the last minute, in microseconds.
    pub(crate) mean_commit_us: Option<u64>,
    pub(crate) worst_commit_us: u64,
}

impl Rates {
    /// Whether it is time for a sample.
    pub(crate) fn is_due(&self, now: MonoMs) -> bool {
        self.samples.back().is_none_or(|(at, ..)| now >= at.plus(STEP_MS))
    }

    pub(crate) fn note(&mut self, now: MonoMs, totals: Totals, worst_us: u64) {
        // One that is a minute old stays: the minute is counted from there.
        while self.samples.get(1).is_some_and(|(at, ..)| now >= at.plus(KEPT_MS)) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, totals, worst_us));
    }

    pub(crate) fn lately(&self, now: MonoMs, totals: Totals, worst_us: u64) -> Lately {
        let since = |ms: u64| {
            let is_within = |sample: &&(MonoMs, Totals, u64)| sample.0.plus(ms) >= now;
            self.samples.iter().find(is_within)
        };
        let per_second = |get: fn(&Totals) -> u64| {
            [RECENT_MS, KEPT_MS].map(|ms| {
                let Some((at, before, _)) = since(ms) else { return 0.0 };
                let passed_ms = now.0.saturating_sub(at.0);
                let happened = get(&totals).saturating_sub(get(before));
                if passed_ms == 0 { 0.0 } else { happened as f64 * 1000.0 / passed_ms as f64 }
            })
        };
        let minute = since(KEPT_MS).map(|(_, before, _)| {
            let commits = totals.commits.saturating_sub(before.commits);
            totals.commits_us.saturating_sub(before.commits_us).checked_div(commits)
        });
        let recent = self.samples.iter().filter(|(at, ..)| at.plus(KEPT_MS) > now);
        Lately {
            accepted: per_second(|totals| totals.accepted),
            delivered: per_second(|totals| totals.delivered),
            mean_commit_us: minute.flatten(),
            worst_commit_us: recent.map(|(.., worst)| *worst).max().unwrap_or(0).max(worst_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(n: u64) -> Totals {
        Totals { accepted: n, delivered: n * 10, commits: n / 2, commits_us: n * 100 }
    }

    #[test]
    fn rates_are_of_the_last_seconds_and_of_the_last_minute() {
        let mut rates = Rates::default();
        assert_eq!(rates.lately(MonoMs(5), totals(9), 0).accepted, [0.0, 0.0]);
        // Nothing for a long time, then two a second for 30 s.
        for second in 0..=300u64 {
            let now = MonoMs(second * 1000);
            assert!(rates.is_due(now));
            rates.note(now, totals(second.saturating_sub(270) * 2), second);
            assert!(!rates.is_due(now.plus(999)));
        }
        assert!(rates.samples.len() <= 62, "{}", rates.samples.len());
        let lately = rates.lately(MonoMs(300_000), totals(60), 7);
        assert_eq!(lately.accepted, [2.0, 1.0]);
        assert_eq!(lately.delivered, [20.0, 10.0]);
        assert_eq!(lately.mean_commit_us, Some(200));
        assert_eq!(lately.worst_commit_us, 300);
    }
}

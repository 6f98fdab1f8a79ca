//! Token buckets: how much of what somebody may still do. The generic cell rate algorithm: one number
//! for each bucket, the moment when it is full again.
//!
//! Not here: what counts as what, and what happens to whom it runs out for (`pace`).

use crate::limits::{KINDS, Limited, Rate, Rates};
use hubbub_protocol::{MonoMs, limits};
use ipnet::IpNet;
use std::collections::BTreeMap;

const NANOS_PER_MS: u64 = 1_000_000;
const NANOS_PER_MINUTE: u64 = 60_000 * NANOS_PER_MS;

/// One bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When everything is there again, in nanoseconds of the hub's clock.
    full_at: u64,
}

impl Bucket {
    /// How long until `cost` may be taken without a debt, in milliseconds, rounded up; 0: now.
    /// What is more than a full bucket is waited for as if it were one.
    #[must_use]
    pub fn wait_ms(self, now: MonoMs, rate: Rate, cost: u32) -> u64 {
        if rate.per_minute == 0 {
            return 0;
        }
        let now = now.0.saturating_mul(NANOS_PER_MS);
        let cost = cost.min(rate.burst.max(1));
        let after = self.full_at.max(now).saturating_add(time_of(rate, cost));
        let most = now.saturating_add(time_of(rate, rate.burst.max(1)));
        after.saturating_sub(most).div_ceil(NANOS_PER_MS)
    }

    /// Takes it, also where that makes a debt.
    pub fn take(&mut self, now: MonoMs, rate: Rate, cost: u32) {
        if rate.per_minute == 0 {
            return;
        }
        let now = now.0.saturating_mul(NANOS_PER_MS);
        self.full_at = self.full_at.max(now).saturating_add(time_of(rate, cost));
    }

    /// Gives one unit back.
    pub fn give_back(&mut self, rate: Rate) {
        self.full_at = self.full_at.saturating_sub(time_of(rate, 1));
    }

    /// Whether so many units are left.
    #[must_use]
    pub fn has(self, now: MonoMs, rate: Rate, units: u32) -> bool {
        self.wait_ms(now, rate, units) == 0
    }

    /// Whether everything is there.
    #[must_use]
    pub fn is_full(self, now: MonoMs) -> bool {
        self.full_at <= now.0.saturating_mul(NANOS_PER_MS)
    }
}

/// How long it takes until so many units are back, in nanoseconds.
fn time_of(rate: Rate, units: u32) -> u64 {
    // At most 2^32 · 6·10^10, which is less than 2^68: so in two steps, saturating.
    (NANOS_PER_MINUTE / u64::from(rate.per_minute.max(1))).saturating_mul(u64::from(units))
}

/// The buckets of one user, address or room, one of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Buckets {
    by_kind: [Bucket; KINDS],
    /// Whether it was told since the last try of a PIN that none was free.
    pub(crate) told_of_pins: bool,
}

impl Buckets {
    /// How long until this may be done without a debt, in milliseconds.
    pub(crate) fn wait_ms(&self, now: MonoMs, rates: &Rates, kind: Limited, cost: u32) -> u64 {
        self.by_kind[kind as usize].wait_ms(now, rates[kind], cost)
    }

    pub(crate) fn take(&mut self, now: MonoMs, rates: &Rates, kind: Limited, cost: u32) {
        self.by_kind[kind as usize].take(now, rates[kind], cost);
    }

    pub(crate) fn give_back(&mut self, rates: &Rates, kind: Limited) {
        self.by_kind[kind as usize].give_back(rates[kind]);
    }

    /// These are full again.
    pub(crate) fn fill(&mut self, kinds: &[Limited]) {
        for kind in kinds {
            self.by_kind[*kind as usize] = Bucket::default();
        }
    }

    /// When all of them are full again.
    fn full_at(&self) -> u64 {
        self.by_kind.iter().map(|bucket| bucket.full_at).max().unwrap_or(0)
    }

    fn is_full(&self, now: MonoMs) -> bool {
        self.by_kind.iter().all(|bucket| bucket.is_full(now))
    }
}

/// The buckets of addresses (IPv6: of a /64). A bounded number of them.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    by: BTreeMap<IpNet, Buckets>,
}

impl Networks {
    pub(crate) fn get(&self, network: IpNet) -> Option<&Buckets> {
        self.by.get(&network)
    }

    pub(crate) fn entry(&mut self, now: MonoMs, network: IpNet) -> &mut Buckets {
        if self.by.len() >= limits::ADDRESSES_REMEMBERED && !self.by.contains_key(&network) {
            self.make_room(now);
        }
        self.by.entry(network).or_default()
    }

    /// These are full again, for all addresses.
    pub(crate) fn fill(&mut self, kinds: &[Limited]) {
        self.by.values_mut().for_each(|buckets| buckets.fill(kinds));
    }

    /// Forgets those who have everything again and, where that is not enough, the half that did least.
    fn make_room(&mut self, now: MonoMs) {
        self.by.retain(|_, buckets| !buckets.is_full(now));
        if self.by.len() < limits::ADDRESSES_REMEMBERED {
            return;
        }
        let mut moments: Vec<u64> = self.by.values().map(Buckets::full_at).collect();
        let middle = moments.len() / 2;
        let (_, median, _) = moments.select_nth_unstable(middle);
        let median = *median;
        self.by.retain(|_, buckets| buckets.full_at() > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let rate = Rate::new(3, 60);
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.wait_ms(MonoMs(10), rate, 1), 0);
            bucket.take(MonoMs(10), rate, 1);
        }
        assert_eq!(bucket.wait_ms(MonoMs(10), rate, 1), 1_000);
        assert_eq!(bucket.wait_ms(MonoMs(510), rate, 1), 500);
        assert_eq!(bucket.wait_ms(MonoMs(1_010), rate, 1), 0);
        assert!(!bucket.is_full(MonoMs(3_009)) && bucket.is_full(MonoMs(3_010)));
    }

    #[test]
    fn a_debt_is_paid_off() {
        let rate = Rate::new(2, 60);
        let mut bucket = Bucket::default();
        for _ in 0..5 {
            bucket.take(MonoMs(0), rate, 1);
        }
        assert_eq!(bucket.wait_ms(MonoMs(0), rate, 1), 4_000);
        assert!(bucket.has(MonoMs(4_000), rate, 1) && !bucket.has(MonoMs(4_000), rate, 2));
    }

    #[test]
    fn what_costs_more_than_a_full_bucket_waits_for_a_full_one() {
        let rate = Rate::new(10, 600);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.wait_ms(MonoMs(0), rate, 1_000), 0);
        bucket.take(MonoMs(0), rate, 1_000);
        assert_eq!(bucket.wait_ms(MonoMs(0), rate, 1_000), 100_000);
    }

    #[test]
    fn no_limit_is_no_limit_and_large_numbers_hold() {
        let mut bucket = Bucket::default();
        bucket.take(MonoMs(0), Rate::FREE, u32::MAX);
        assert_eq!(bucket.wait_ms(MonoMs(0), Rate::FREE, u32::MAX), 0);
        let slowest = Rate::new(1, 1);
        for _ in 0..3 {
            bucket.take(MonoMs(u64::MAX), slowest, u32::MAX);
        }
        assert!(bucket.wait_ms(MonoMs(0), slowest, 1) > 0);
    }

    #[test]
    fn addresses_are_forgotten_before_there_are_too_many() {
        let rates = crate::Limits::default().address;
        let network = |n: u32| IpNet::from(std::net::IpAddr::from(n.to_be_bytes()));
        let mut networks = Networks::default();
        let worst = network(u32::MAX);
        for _ in 0..9 {
            networks.entry(MonoMs(0), worst).take(MonoMs(0), &rates, Limited::Pins, 1);
        }
        for n in 0..3 * limits::ADDRESSES_REMEMBERED as u32 {
            networks.entry(MonoMs(0), network(n)).take(MonoMs(0), &rates, Limited::Pins, 1);
            assert!(networks.by.len() <= limits::ADDRESSES_REMEMBERED);
        }
        assert!(networks.get(worst).is_some(), "who did most is remembered");
    }
}

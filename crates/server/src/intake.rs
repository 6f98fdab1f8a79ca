//! How much a connection, and an address, may make a lane read: bytes, and how often it has to look.
//!
//! The hub counts what is asked; this counts what it costs to find out that nothing was. A connection
//! that takes more than its share rests for a moment, and what it sends meanwhile waits in the system,
//! where it grows into larger pieces.

use hubbub_hub::{Bucket, Limits, Rate};
use hubbub_protocol::room::network_of;
use hubbub_protocol::{MonoMs, limits};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// What one connection or address has made a lane read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Intake {
    reads: Bucket,
    bytes: Bucket,
}

impl Intake {
    /// Counts a read, and says for how long to rest, in milliseconds.
    fn take(&mut self, now: MonoMs, reads: Rate, bytes: Rate, count: u32) -> u64 {
        let rest = self.reads.wait_ms(now, reads, 1).max(self.bytes.wait_ms(now, bytes, count));
        self.reads.take(now, reads, 1);
        self.bytes.take(now, bytes, count);
        rest
    }

    fn is_full(&self, now: MonoMs) -> bool {
        self.reads.is_full(now) && self.bytes.is_full(now)
    }
}

/// The addresses that one lane reads from. Each lane has its own: no locks on the way of a message.
#[derive(Debug, Default)]
pub(crate) struct IntakeByAddress {
    by: FxHashMap<IpNet, Intake>,
}

impl IntakeByAddress {
    /// Counts what was read of a connection. For how long it is to rest, in milliseconds; 0: not at all.
    pub(crate) fn take(
        &mut self,
        now: MonoMs,
        limits: &Limits,
        of: (&mut Intake, IpAddr),
        bytes: usize,
    ) -> u64 {
        let (connection, address) = of;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let intake = &limits.intake;
        let rest = connection.take(now, intake.reads, intake.bytes, bytes);
        if limits.is_exempt(address) {
            return rest;
        }
        let network = network_of(address.to_canonical());
        if self.by.len() >= limits::ADDRESSES_REMEMBERED && !self.by.contains_key(&network) {
            self.by.retain(|_, intake| !intake.is_full(now));
            if self.by.len() >= limits::ADDRESSES_REMEMBERED {
                // So many at once that none of them is the one.
                self.by.clear();
            }
        }
        let shared = self.by.entry(network).or_default();
        rest.max(shared.take(now, intake.address_reads, intake.address_bytes, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_hub::IntakeLimits;

    fn limits(exempt: &[IpNet]) -> Limits {
        let intake = IntakeLimits {
            reads: Rate::new(3, 60_000),
            bytes: Rate::new(1_000, 60_000),
            address_reads: Rate::new(5, 60_000),
            address_bytes: Rate::new(1_000_000, 60_000_000),
        };
        Limits { intake, exempt: exempt.to_vec(), ..Limits::free() }
    }

    #[test]
    fn many_small_reads_and_few_large_ones_both_have_an_end() {
        let address = "10.0.0.1".parse().unwrap();
        let mut by = IntakeByAddress::default();
        let mut take = |now, intake: &mut Intake, bytes| {
            by.take(MonoMs(now), &limits(&[]), (intake, address), bytes)
        };
        let (mut tiny, mut large) = (Intake::default(), Intake::default());
        let rests: Vec<_> = (0..5).map(|_| take(0, &mut tiny, 1)).collect();
        assert_eq!(rests, [0, 0, 0, 1, 2]);
        assert_eq!(take(1_000, &mut large, 800), 0);
        assert_eq!(take(1_000, &mut large, 800), 600);
    }

    #[test]
    fn many_connections_of_one_address_share_what_it_may() {
        let mut by = IntakeByAddress::default();
        let mut take = |address: &str, exempt: &[IpNet]| {
            let address = address.parse().unwrap();
            let mut fresh = Intake::default();
            by.take(MonoMs(0), &limits(exempt), (&mut fresh, address), 1)
        };
        let rests: Vec<_> = (1..=6).map(|n| take(&format!("2001:db8::{n}"), &[])).collect();
        assert_eq!(rests, [0, 0, 0, 0, 0, 1]);
        assert_eq!(take("2001:db8:0:1::1", &[]), 0);
        let exempt = ["::1/128".parse().unwrap()];
        assert!((0..9).all(|_| take("::1", &exempt) == 0));
    }
}

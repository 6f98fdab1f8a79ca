//! Who may connect: how many connections there are, and how fast new ones come, by address and in all.
//!
//! It stands beside the hub, and not in it, because most of those who are turned away never get as far
//! as a door. Like the hub it knows no sockets and no clock.
//!
//! Contract: whoever was not dropped is said to be gone once ([`Arrivals::gone`]), with the admission
//! that it got.

use crate::Limits;
use crate::buckets::Bucket;
use hubbub_protocol::room::network_of;
use hubbub_protocol::{MonoMs, limits};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is in.
    Welcome,
    /// It is one too many, and is to be told so.
    TurnAway,
    /// It is to be closed at once: there are too many even to tell them.
    Drop,
}

/// See the module.
#[derive(Debug)]
pub struct Arrivals {
    limits: Limits,
    /// By address (IPv6: by /64). Those that are exempt are counted too: they may be so no longer when
    /// they go.
    by: FxHashMap<IpNet, Neighbours>,
    connections: usize,
    /// Those that are being told that they are too many.
    turned_away: usize,
}

/// The connections from one address.
#[derive(Debug, Default)]
struct Neighbours {
    connections: u32,
    connects: Bucket,
}

impl Arrivals {
    /// Nobody is there.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, by: FxHashMap::default(), connections: 0, turned_away: 0 }
    }

    /// From now on these hold, for those who come.
    pub fn configure(&mut self, limits: Limits) {
        if limits.connects != self.limits.connects {
            // Counted under another rate, they would mean nothing.
            self.by.values_mut().for_each(|here| here.connects = Bucket::default());
        }
        self.limits = limits;
    }

    /// A connection from an address.
    pub fn arrive(&mut self, now: MonoMs, address: IpAddr) -> Admission {
        let admission = self.admit(now, address);
        match admission {
            Admission::Welcome => self.connections += 1,
            Admission::TurnAway => self.turned_away += 1,
            Admission::Drop => {}
        }
        admission
    }

    /// Connections that are in.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections
    }

    fn admit(&mut self, now: MonoMs, address: IpAddr) -> Admission {
        let is_full = self.limits.connections > 0
            && self.connections >= usize::try_from(self.limits.connections).unwrap_or(usize::MAX);
        let is_exempt = self.limits.is_exempt(address);
        let network = network_of(address.to_canonical());
        let too_many = match self.turned_away < limits::TURNED_AWAY {
            true => Admission::TurnAway,
            false => Admission::Drop,
        };
        if self.by.len() >= limits::ADDRESSES_REMEMBERED && !self.by.contains_key(&network) {
            self.forget(now);
        }
        let rate = self.limits.connects;
        let most = self.limits.connections_per_address;
        let neighbours = self.by.entry(network).or_default();
        if is_exempt {
            neighbours.connections += u32::from(!is_full);
            return if is_full { too_many } else { Admission::Welcome };
        }
        if !neighbours.connects.has(now, rate, 1) {
            // Not counted: who goes on trying is let in as often as everybody.
            return Admission::Drop;
        }
        neighbours.connects.take(now, rate, 1);
        if is_full || most > 0 && neighbours.connections >= most {
            return too_many;
        }
        neighbours.connections += 1;
        Admission::Welcome
    }

    /// One that was not dropped is no more.
    pub fn gone(&mut self, address: IpAddr, admission: Admission) {
        match admission {
            Admission::Welcome => self.connections = self.connections.saturating_sub(1),
            Admission::TurnAway => {
                self.turned_away = self.turned_away.saturating_sub(1);
                return;
            }
            Admission::Drop => return,
        }
        if let Some(neighbours) = self.by.get_mut(&network_of(address.to_canonical())) {
            neighbours.connections = neighbours.connections.saturating_sub(1);
        }
    }

    /// Forgets addresses without connections: those that may come as often as ever, and if that is not
    /// enough, all of them.
    fn forget(&mut self, now: MonoMs) {
        self.by.retain(|_, here| here.connections > 0 || !here.connects.is_full(now));
        if self.by.len() >= limits::ADDRESSES_REMEMBERED {
            self.by.retain(|_, here| here.connections > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rate;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn arrivals(connects: Rate, per_address: u32, all: u32) -> Arrivals {
        Arrivals::new(Limits {
            connects,
            connections_per_address: per_address,
            connections: all,
            ..Limits::default()
        })
    }

    #[test]
    fn one_address_fills_its_share_and_no_more() {
        let mut arrivals = arrivals(Rate::FREE, 2, 10);
        let here = ["2001:db8::1", "2001:db8::2"].map(address);
        for from in here {
            assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::Welcome);
        }
        assert_eq!(arrivals.arrive(MonoMs(0), here[0]), Admission::TurnAway, "one /64");
        let elsewhere = address("2001:db8:0:1::1");
        assert_eq!(arrivals.arrive(MonoMs(0), elsewhere), Admission::Welcome);
        arrivals.gone(here[0], Admission::TurnAway);
        assert_eq!(arrivals.arrive(MonoMs(0), here[0]), Admission::TurnAway, "still two");
        arrivals.gone(here[1], Admission::Welcome);
        assert_eq!(arrivals.arrive(MonoMs(0), here[0]), Admission::Welcome);
    }

    #[test]
    fn a_flood_is_dropped_and_lets_in_as_many_as_before_once_it_is_over() {
        let mut arrivals = arrivals(Rate::new(5, 60), 0, 0);
        let from = address("10.0.0.1");
        let welcome = |arrivals: &mut Arrivals, now: u64, count: usize| {
            let came = (0..count).map(|_| arrivals.arrive(MonoMs(now), from));
            came.filter(|admission| *admission == Admission::Welcome).count()
        };
        assert_eq!(welcome(&mut arrivals, 0, 10_000), 5);
        assert_eq!(welcome(&mut arrivals, 3_000, 10_000), 3);
        assert_eq!(arrivals.arrive(MonoMs(3_000), address("10.0.0.2")), Admission::Welcome);
        let loopback = address("::ffff:127.0.0.1");
        let here = (0..100).map(|_| arrivals.arrive(MonoMs(3_000), loopback));
        assert!(here.into_iter().all(|admission| admission == Admission::Welcome), "exempt");
    }

    #[test]
    fn a_full_server_turns_away_and_at_last_drops() {
        let mut arrivals = arrivals(Rate::FREE, 0, 3);
        let from = address("127.0.0.1");
        for _ in 0..3 {
            assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::Welcome);
        }
        for _ in 0..limits::TURNED_AWAY {
            assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::TurnAway);
        }
        assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::Drop);
        arrivals.gone(from, Admission::TurnAway);
        assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::TurnAway);
        arrivals.gone(from, Admission::Welcome);
        assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::Welcome);
        assert_eq!(arrivals.connections(), 3);
    }

    #[test]
    fn whoever_came_under_other_limits_is_counted_out_under_these() {
        let (here, net) = (address("10.0.0.1"), "10.0.0.0/8".parse().unwrap());
        let limits = |exempt: &[IpNet]| Limits {
            connections_per_address: 2,
            exempt: exempt.to_vec(),
            ..Limits::free()
        };
        let mut arrivals = Arrivals::new(limits(&[net]));
        let come = |arrivals: &mut Arrivals| arrivals.arrive(MonoMs(0), here);
        for _ in 0..3 {
            assert_eq!(come(&mut arrivals), Admission::Welcome, "exempt");
        }
        arrivals.configure(limits(&[]));
        assert_eq!(come(&mut arrivals), Admission::TurnAway, "three are here");
        arrivals.gone(here, Admission::TurnAway);
        arrivals.gone(here, Admission::Welcome);
        arrivals.gone(here, Admission::Welcome);
        assert_eq!(come(&mut arrivals), Admission::Welcome);
        arrivals.configure(limits(&[net]));
        arrivals.gone(here, Admission::Welcome);
        arrivals.gone(here, Admission::Welcome);
        arrivals.configure(limits(&[]));
        for _ in 0..2 {
            assert_eq!(come(&mut arrivals), Admission::Welcome, "nobody is left over");
        }
        assert_eq!(come(&mut arrivals), Admission::TurnAway);
    }

    #[test]
    fn addresses_that_went_are_forgotten_and_those_that_are_here_are_not() {
        let mut arrivals = arrivals(Rate::new(9, 1), 1, 0);
        let here = address("192.168.0.1");
        assert_eq!(arrivals.arrive(MonoMs(0), here), Admission::Welcome);
        for n in 0..3 * limits::ADDRESSES_REMEMBERED as u32 {
            let from = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            assert_eq!(arrivals.arrive(MonoMs(0), from), Admission::Welcome);
            arrivals.gone(from, Admission::Welcome);
            assert!(arrivals.by.len() <= limits::ADDRESSES_REMEMBERED);
        }
        assert_eq!(arrivals.arrive(MonoMs(0), here), Admission::TurnAway);
    }
}

//! How much and how often: what an operator may choose about it. The counting is in `buckets` and
//! [`crate::arrivals`].

use hubbub_protocol::limits;
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

/// So many at once, and then so many a minute (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// How many come back in a minute; 0: there is no limit.
    pub per_minute: u32,
}

impl Rate {
    /// No limit.
    pub const FREE: Self = Self { burst: 0, per_minute: 0 };

    /// A limit.
    #[must_use]
    pub const fn new(burst: u32, per_minute: u32) -> Self {
        Self { burst, per_minute }
    }
}

macro_rules! limited {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limited {
            $($(#[$doc])* $variant,)*
        }

        impl Limited {
            /// All of them.
            pub const ALL: &[Limited] = &[$(Limited::$variant,)*];

            /// The word for it in the configuration.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Limited::$variant => $word,)* }
            }
        }
    };
}

limited! {
    /// Passwords that are tried, and accounts that are made.
    Logins = "logins",
    /// Messages.
    Messages = "messages",
    /// Bytes of text in messages.
    Bytes = "bytes",
    /// Rooms that are joined.
    Joins = "joins",
    /// Rooms that are made.
    Rooms = "rooms",
    /// People who are asked for a private chat, or invited.
    Requests = "requests",
    /// New names.
    Renames = "renames",
    /// Searches, and pages of history.
    Searches = "searches",
    /// PINs and keys of rooms that are tried in vain.
    Pins = "pins",
    /// Commands of any kind.
    Commands = "commands",
}

/// How many kinds there are.
pub(crate) const KINDS: usize = Limited::ALL.len();

/// A rate for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates([Rate; KINDS]);

impl Index<Limited> for Rates {
    type Output = Rate;

    fn index(&self, kind: Limited) -> &Rate {
        &self.0[kind as usize]
    }
}

impl IndexMut<Limited> for Rates {
    fn index_mut(&mut self, kind: Limited) -> &mut Rate {
        &mut self.0[kind as usize]
    }
}

impl Rates {
    /// No limits.
    pub const FREE: Self = Self([Rate::FREE; KINDS]);

    fn of(rates: &[(Limited, u32, u32)]) -> Self {
        let mut all = Self::FREE;
        for &(kind, burst, per_minute) in rates {
            all[kind] = Rate::new(burst, per_minute);
        }
        all
    }
}

/// What a lane reads of a connection, and of all connections of an address that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeLimits {
    /// How often one connection is read.
    pub reads: Rate,
    /// Bytes that are read of it.
    pub bytes: Rate,
    /// The same of an address: how often.
    pub address_reads: Rate,
    /// Bytes.
    pub address_bytes: Rate,
}

/// The limits of a server. The defaults let a lively person, a busy bot and a whole department behind one
/// address do what they do, and stop what no person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of each user; of an account with all its sessions together.
    pub user: Rates,
    /// Of all users from one address together (IPv6: one /64).
    pub address: Rates,
    /// Of all users of a room together. Only [`Limited::Messages`] and [`Limited::Bytes`] count.
    pub room: Rates,
    /// New connections from one address.
    pub connects: Rate,
    /// Connections from one address at once; 0: as many as there may be in all.
    pub connections_per_address: u32,
    /// Connections in all; 0: as many as the system lets this process have.
    pub connections: u32,
    /// What is read.
    pub intake: IntakeLimits,
    /// Addresses that are not counted as such: many people may stand behind them (this computer's own,
    /// a proxy's). Their users are counted all the same.
    pub exempt: Vec<IpNet>,
}

impl Limits {
    /// Whether an address is not counted, because many people may stand behind it.
    #[must_use]
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.exempt.iter().any(|network| network.contains(&address))
    }

    /// No limits: for measuring what the machine can do.
    #[must_use]
    pub fn free() -> Self {
        Self {
            user: Rates::FREE,
            address: Rates::FREE,
            room: Rates::FREE,
            connects: Rate::FREE,
            connections_per_address: 0,
            connections: 0,
            intake: IntakeLimits {
                reads: Rate::FREE,
                bytes: Rate::FREE,
                address_reads: Rate::FREE,
                address_bytes: Rate::FREE,
            },
            exempt: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        use Limited::{
            Bytes, Commands, Joins, Logins, Messages, Pins, Renames, Requests, Rooms, Searches,
        };
        let pins_per_minute = u32::try_from(60_000 / limits::PIN_TRY_MS).expect("a small number");
        let this_computer = ["127.0.0.1/32", "::1/128"];
        Self {
            user: Rates::of(&[
                (Logins, 100, 60),
                (Messages, 400, 3_000),
                (Bytes, 512 * 1024, 4 * 1024 * 1024),
                (Joins, 600, 600),
                (Rooms, 20, 6),
                (Requests, 30, 10),
                (Renames, 5, 4),
                (Searches, 200, 1_200),
                (Pins, limits::PIN_TRIES_PER_USER, pins_per_minute),
                (Commands, 2_000, 12_000),
            ]),
            address: Rates::of(&[
                (Logins, 200, 60),
                (Messages, 6_000, 30_000),
                (Bytes, 8 * 1024 * 1024, 64 * 1024 * 1024),
                (Joins, 5_000, 6_000),
                (Rooms, 100, 30),
                (Requests, 200, 60),
                (Renames, 60, 30),
                (Searches, 2_000, 6_000),
                (Pins, limits::PIN_TRIES_PER_ADDRESS, pins_per_minute),
                (Commands, 20_000, 120_000),
            ]),
            room: Rates::of(&[(Messages, 20_000, 90_000), (Bytes, 24 << 20, 192 << 20)]),
            connects: Rate::new(200, 600),
            connections_per_address: 500,
            connections: 0,
            intake: IntakeLimits {
                reads: Rate::new(300, 6_000),
                bytes: Rate::new(1 << 20, 15 << 20),
                address_reads: Rate::new(2_000, 120_000),
                address_bytes: Rate::new(8 << 20, 240 << 20),
            },
            exempt: this_computer.iter().filter_map(|net| net.parse().ok()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_and_its_own_word() {
        let mut rates = Rates::FREE;
        for (at, kind) in Limited::ALL.iter().enumerate() {
            rates[*kind] = Rate::new(1, at as u32);
        }
        let words: std::collections::BTreeSet<_> = Limited::ALL.iter().map(|k| k.word()).collect();
        assert_eq!(words.len(), KINDS);
        assert!(Limited::ALL.iter().enumerate().all(|(at, k)| rates[*k].per_minute == at as u32));
    }

    #[test]
    fn whatever_a_user_may_do_an_address_may_do_too() {
        let limits = Limits::default();
        for &kind in Limited::ALL {
            let (user, address) = (limits.user[kind], limits.address[kind]);
            assert!(user.per_minute > 0 && address.per_minute >= user.per_minute, "{kind:?}");
        }
        assert_eq!(limits.exempt.len(), 2);
    }
}

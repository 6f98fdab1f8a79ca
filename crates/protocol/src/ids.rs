//! Identifiers, positions in time, and the newtypes that keep two numbers from being exchanged.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A user's stable identity: `epoch << 32 | n`, so a guest's id never returns, not even after a
    /// restart, without being stored. Below 2^53 for JSON's sake (two million epochs).
    UserId(u64)
);
number!(
    /// A room's identity, made like a [`UserId`]. A room that went and was made again has a new one.
    RoomId(u64)
);
number!(
    /// A login, made like a [`UserId`]: how one client of a user came in.
    LoginId(u64)
);
number!(
    /// An invite to register, made like a [`UserId`].
    InviteId(u64)
);
number!(
    /// Rises at every server start, restore and failed commit.
    Epoch(u32)
);
number!(
    /// The number of an event in its room: 1, 2, 3 … without gaps.
    Seq(u64)
);
number!(
    /// The number that a client instance gives to a send; starts at 1 and rises.
    Counter(u64)
);
number!(
    /// Milliseconds since 1970-01-01T00:00Z by the server's clock. May jump.
    WallMs(u64)
);
number!(
    /// Milliseconds of a clock that never jumps, from an arbitrary start.
    MonoMs(u64)
);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl MonoMs {
    /// This moment `ms` milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// The two clocks of one moment, handed to everything that needs the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For people: what a message is stamped with.
    pub wall: WallMs,
    /// For time-outs.
    pub mono: MonoMs,
}

/// A connection, by the lane that owns it and its place there. A place that is used again has
/// another generation, so an id never means two connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// Puts an id together. `generation` counts the uses of the place and may wrap.
    #[must_use]
    pub fn new(lane: u8, generation: u32, slot: u32) -> Self {
        Self(u64::from(lane) << 56 | u64::from(generation & 0xff_ffff) << 32 | u64::from(slot))
    }
    /// The lane that owns the connection.
    #[must_use]
    pub fn lane(self) -> usize {
        (self.0 >> 56) as usize
    }
    /// The place in the lane.
    #[must_use]
    pub fn slot(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}.{}.{}", self.lane(), self.slot(), (self.0 >> 32) & 0xff_ffff)
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The 32 hexadecimal digits that stand for it on the wire.
            #[must_use]
            pub fn to_hex(self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            /// Reads 32 hexadecimal digits; `None` for anything else.
            #[must_use]
            pub fn from_hex(digits: &str) -> Option<Self> {
                let digits = digits.as_bytes();
                if digits.len() != 32 {
                    return None;
                }
                let mut bytes = [0; 16];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let high = (pair[0] as char).to_digit(16)?;
                    let low = (pair[1] as char).to_digit(16)?;
                    *byte = (high << 4 | low) as u8;
                }
                Some(Self(bytes))
            }
        }
        // Never in a log: whoever has it can speak for its owner.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($what, "(…)"))
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.to_hex())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let digits = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::from_hex(&digits)
                    .ok_or_else(|| serde::de::Error::custom("expected 32 hexadecimal digits"))
            }
        }
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": "^[0-9a-fA-F]{32}$",
                })
            }
        }
    };
}

secret!(
    /// One running client, chosen by it at random: the scope of its send counters. It outlives
    /// connections and server restarts. Known to that client and the server alone.
    Instance, "Instance"
);
secret!(
    /// What gives a session its user back without a password, chosen by the server at random: a
    /// guest's for a while after its connection was lost, an account's until it logs out.
    ResumeToken, "ResumeToken"
);

impl RoomId {
    /// No room: what holds on the whole server. Rooms have other ids, since the epoch is 1 or more.
    pub const EVERYWHERE: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_keep_their_parts() {
        let id = SessionId::new(3, 0x1_00_00_07, 42);
        assert_eq!((id.lane(), id.slot()), (3, 42));
        assert_eq!(id, SessionId::new(3, 7, 42), "the generation wraps at 24 bits");
        assert_ne!(id, SessionId::new(3, 8, 42));
    }

    #[test]
    fn secrets_round_trip_and_stay_out_of_debug_output() {
        let token = ResumeToken([0xab; 16]);
        assert_eq!(ResumeToken::from_hex(&token.to_hex()), Some(token));
        assert_eq!(ResumeToken::from_hex("abcd"), None);
        assert_eq!(ResumeToken::from_hex(&"g".repeat(32)), None);
        assert!(!format!("{token:?}").contains("ab"));
    }
}

//! The limits in the settings: `[limits]`, and what waits for a connection, `[outbox]`. What they mean
//! is said by [`hubbub_server::Limits`] and [`OutboxLimits`].

use super::Conflict;
use super::values::{self, Net};
use hubbub_protocol::limits::TEXT_BYTES;
use hubbub_server::outbox::OutboxLimits;
use hubbub_server::{Limited, Limits, Rate, Rates};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// The section `[limits]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitSettings {
    pub(crate) connects: Option<RateSetting>,
    pub(crate) connections_per_address: Option<u32>,
    pub(crate) connections: Option<u32>,
    pub(crate) exempt: Option<Vec<Net>>,
    /// Time to give a name in, in seconds.
    #[serde(deserialize_with = "values::within::<_, 1, 86_400>")]
    pub(crate) login_s: Option<u64>,
    /// Silence after which the system asks whether the peer lives, in seconds.
    #[serde(deserialize_with = "values::within::<_, 1, 10_000>")]
    pub(crate) idle_probe_s: Option<u64>,
    /// From where the PROXY protocol is taken, and needed.
    pub(crate) proxies: Option<Vec<Net>>,
    pub(crate) user: BTreeMap<Kind, RateSetting>,
    pub(crate) address: BTreeMap<Kind, RateSetting>,
    pub(crate) room: BTreeMap<RoomKind, RateSetting>,
    pub(crate) intake: IntakeSettings,
}

/// The section `[limits.intake]`: what is read of connections.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IntakeSettings {
    pub(crate) reads: Option<RateSetting>,
    pub(crate) bytes: Option<RateSetting>,
    pub(crate) address_reads: Option<RateSetting>,
    pub(crate) address_bytes: Option<RateSetting>,
}

/// The section `[outbox]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OutboxSettings {
    #[serde(deserialize_with = "values::room_for_a_frame")]
    pub(crate) bytes: Option<usize>,
    #[serde(deserialize_with = "values::within::<_, 16, 10_000_000>")]
    pub(crate) frames: Option<u64>,
    #[serde(deserialize_with = "values::within::<_, 1, 86_400>")]
    pub(crate) age_s: Option<u64>,
    /// All of them together.
    #[serde(deserialize_with = "values::room_for_a_frame")]
    pub(crate) all_bytes: Option<usize>,
}

/// `{ burst = 200, per_minute = 600 }`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "RateText")]
pub(crate) struct RateSetting(Rate);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateText {
    burst: Option<u32>,
    per_minute: u32,
}

impl TryFrom<RateText> for RateSetting {
    type Error = &'static str;

    fn try_from(text: RateText) -> Result<Self, Self::Error> {
        match text {
            RateText { per_minute: 0, .. } => Ok(Self(Rate::FREE)),
            RateText { burst: None | Some(0), .. } => {
                Err("`burst` must be there and 1 or more, or nothing could ever come; \
                     for no limit write per_minute = 0")
            }
            RateText { burst: Some(burst), per_minute } => Ok(Self(Rate::new(burst, per_minute))),
        }
    }
}

/// What is counted of users and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind(Limited);

/// What is counted of rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoomKind(Limited);

/// What counts for a room.
pub(super) const OF_ROOMS: &[Limited] = &[Limited::Messages, Limited::Bytes];

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        one_of(Limited::ALL, from).map(Self)
    }
}

impl<'de> Deserialize<'de> for RoomKind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        one_of(OF_ROOMS, from).map(Self)
    }
}

fn one_of<'de, D: Deserializer<'de>>(kinds: &[Limited], from: D) -> Result<Limited, D::Error> {
    let word = String::deserialize(from)?;
    kinds.iter().find(|kind| kind.word() == word).copied().ok_or_else(|| {
        let words: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.word())).collect();
        // In the words of serde, so that all such errors read alike.
        D::Error::custom(format!("unknown field `{word}`, expected one of {}", words.join(", ")))
    })
}

impl LimitSettings {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            connects: self.connects.or(below.connects),
            connections_per_address: self.connections_per_address.or(below.connections_per_address),
            connections: self.connections.or(below.connections),
            exempt: self.exempt.or(below.exempt),
            login_s: self.login_s.or(below.login_s),
            idle_probe_s: self.idle_probe_s.or(below.idle_probe_s),
            proxies: self.proxies.or(below.proxies),
            user: joined(self.user, below.user),
            address: joined(self.address, below.address),
            room: joined(self.room, below.room),
            intake: IntakeSettings {
                reads: self.intake.reads.or(below.intake.reads),
                bytes: self.intake.bytes.or(below.intake.bytes),
                address_reads: self.intake.address_reads.or(below.intake.address_reads),
                address_bytes: self.intake.address_bytes.or(below.intake.address_bytes),
            },
        }
    }

    /// What can be wrong with them together, for people.
    pub(super) fn check(&self) -> Result<(), Conflict> {
        let user = self.user.iter().map(|(Kind(kind), rate)| ("user", *kind, rate.0));
        let address = self.address.iter().map(|(Kind(kind), rate)| ("address", *kind, rate.0));
        let room = self.room.iter().map(|(RoomKind(kind), rate)| ("room", *kind, rate.0));
        for (section, kind, rate) in user.chain(address).chain(room) {
            let is_limit = rate != Rate::FREE;
            if kind == Limited::Bytes && is_limit && (rate.burst as usize) < TEXT_BYTES {
                let text = format!(
                    "in [limits.{section}], the burst of `bytes` must be {TEXT_BYTES} or more, or \
                     the longest message could never be sent"
                );
                return Err(Conflict { at: format!("limits.{section}.bytes"), text });
            }
        }
        Ok(())
    }

    /// Changes what they say something about.
    pub(super) fn apply(&self, to: &mut Limits) {
        set(&mut to.connects, self.connects.map(|rate| rate.0));
        set(&mut to.connections_per_address, self.connections_per_address);
        set(&mut to.connections, self.connections);
        let exempt = self.exempt.as_ref();
        set(&mut to.exempt, exempt.map(|nets| nets.iter().map(|net| net.0).collect()));
        rates(&mut to.user, self.user.iter().map(|(kind, rate)| (kind.0, rate)));
        rates(&mut to.address, self.address.iter().map(|(kind, rate)| (kind.0, rate)));
        rates(&mut to.room, self.room.iter().map(|(kind, rate)| (kind.0, rate)));
        let (intake, own) = (&mut to.intake, &self.intake);
        set(&mut intake.reads, own.reads.map(|rate| rate.0));
        set(&mut intake.bytes, own.bytes.map(|rate| rate.0));
        set(&mut intake.address_reads, own.address_reads.map(|rate| rate.0));
        set(&mut intake.address_bytes, own.address_bytes.map(|rate| rate.0));
    }
}

impl OutboxSettings {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            bytes: self.bytes.or(below.bytes),
            frames: self.frames.or(below.frames),
            age_s: self.age_s.or(below.age_s),
            all_bytes: self.all_bytes.or(below.all_bytes),
        }
    }

    /// Changes what they say something about: of one, and of all together.
    pub(super) fn apply(&self, one: &mut OutboxLimits, all_bytes: &mut usize) {
        set(&mut one.bytes, self.bytes);
        set(&mut one.frames, self.frames.and_then(|frames| frames.try_into().ok()));
        set(&mut one.age_ms, self.age_s.map(|seconds| seconds * 1000));
        set(all_bytes, self.all_bytes);
    }
}

fn joined<K: Ord, V>(upper: BTreeMap<K, V>, below: BTreeMap<K, V>) -> BTreeMap<K, V> {
    let mut all = below;
    all.extend(upper);
    all
}

fn rates<'a>(to: &mut Rates, given: impl Iterator<Item = (Limited, &'a RateSetting)>) {
    for (kind, rate) in given {
        to[kind] = rate.0;
    }
}

pub(super) fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

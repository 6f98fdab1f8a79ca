//! What a room is beside its log: roles, settings, bans and mutes, and the PIN that finds it.

use crate::frame::Retention;
use crate::{
    Note, RoomId, RoomName, SecretDigest, Seq, UserId, UserName, WallMs, limits, sanitize,
};
use hmac::{Hmac, Mac as _};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::net::IpAddr;
use std::{fmt, sync::Arc};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// What somebody may do in a room beyond speaking there. Each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Speaks where only some may, and without waiting.
    Voice,
    /// Keeps order: topic and settings, kick, mute, ban, pins, others' messages.
    Operator,
    /// Says who operates, and what the room keeps.
    Owner,
}

impl Role {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Role::Voice => "voice",
            Role::Operator => "operator",
            Role::Owner => "owner",
        }
    }
}

/// One thing about a room that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "setting", rename_all = "snake_case")]
pub enum RoomChange {
    /// What it is about now.
    Topic {
        /// Left out: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Note>,
    },
    /// What it is for.
    Description {
        /// Left out: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Note>,
    },
    /// Whether only who is invited can join.
    InviteOnly {
        /// Whether.
        on: bool,
    },
    /// Whether joining needs a key.
    Key {
        /// Whether.
        on: bool,
    },
    /// Whether only who has a role can speak.
    Moderated {
        /// Whether.
        on: bool,
    },
    /// Whether lists leave it out for those who are not in it.
    Secret {
        /// Whether.
        on: bool,
    },
    /// How many users may be in it.
    MemberLimit {
        /// Left out: as many as come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        members: Option<u32>,
    },
    /// How long who has no role waits between two messages.
    SlowMode {
        /// In seconds; 0: not at all.
        seconds: u32,
    },
    /// What it keeps of what is said.
    Retention {
        /// From now on, also of what was said before.
        retention: Retention,
    },
}

/// What a room's operators have chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomSettings {
    /// What it is about now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Note>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Note>,
    /// Only who is invited can join.
    pub invite_only: bool,
    /// What is kept of the key that joining needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretDigest>,
    /// Only who has a role can speak.
    pub moderated: bool,
    /// Lists leave it out for those who are not in it.
    pub secret: bool,
    /// How many users may be in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_limit: Option<u32>,
    /// Seconds between two messages of who has no role.
    pub slow_s: u32,
    /// Pinned messages, in the order in which they were pinned.
    pub pinned: Vec<Seq>,
}

/// What a ban or a mute keeps somebody from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestrictionKind {
    /// From being in the room.
    Ban,
    /// From speaking there.
    Mute,
}

impl RestrictionKind {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            RestrictionKind::Ban => "ban",
            RestrictionKind::Mute => "mute",
        }
    }
}

/// Whom a ban or a mute is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restricted {
    /// An account, whatever it is called.
    Account(UserId),
    /// A guest, as long as it is here.
    Guest(UserId),
    /// Whoever is called so.
    Pattern(NamePattern),
    /// Whoever comes from there.
    Network(IpNet),
}

/// A ban or a mute as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestrictionRecord {
    /// Its identity, made like a [`UserId`].
    pub id: u64,
    /// Where it counts; or [`RoomId::EVERYWHERE`].
    pub room: RoomId,
    /// From what.
    pub kind: RestrictionKind,
    /// For whom.
    pub whom: Restricted,
    /// For whom, as everybody is told: an address is not named.
    pub shown: String,
    /// Who said so.
    pub by: UserName,
    /// Why.
    pub reason: Option<Note>,
    /// Since when.
    pub created: WallMs,
    /// Until when; `None`: until it is lifted.
    pub until: Option<WallMs>,
}

/// A pattern of names: `*` for any characters, `?` for one. In any case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    text: Arc<str>,
    /// In small letters: every message may be held against it.
    folded: Arc<[char]>,
}

/// A name as patterns are held against it.
#[derive(Clone, Debug)]
pub struct FoldedName(Vec<char>);

impl From<&UserName> for FoldedName {
    fn from(name: &UserName) -> Self {
        Self(name.fold().chars().collect())
    }
}

/// Why a pattern is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Empty, or too long.
    #[error("a pattern has 1 to {max} bytes", max = limits::PATTERN_BYTES)]
    Length,
    /// Something that no name has.
    #[error("a pattern has the characters of names, and * and ?")]
    Character,
    /// Only `*` and `?`: it would mean everybody.
    #[error("that pattern would mean everybody: make the room invite-only instead")]
    Everybody,
}

impl NamePattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(pattern: &str) -> Result<Self, PatternError> {
        if pattern.is_empty() || pattern.len() > limits::PATTERN_BYTES {
            return Err(PatternError::Length);
        }
        let refused = |c: char| {
            c.is_whitespace() || c.is_control() || sanitize::is_invisible(c) || ",!@<>".contains(c)
        };
        if pattern.chars().any(refused) {
            return Err(PatternError::Character);
        }
        if pattern.chars().all(|c| matches!(c, '*' | '?')) {
            return Err(PatternError::Everybody);
        }
        let text: String = pattern.nfc().collect();
        let folded = crate::name::fold(&text).chars().collect();
        Ok(Self { text: text.into(), folded })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a name fits. Takes time in proportion to pattern × name at most.
    #[must_use]
    pub fn fits(&self, name: &FoldedName) -> bool {
        let (pattern, name) = (&self.folded, &name.0);
        let (mut p, mut n) = (0, 0);
        // Where the last `*` stands, and what of the name it has taken so far.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        (p, n) = (at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|&c| c == '*')
    }
}

impl TryFrom<String> for NamePattern {
    type Error = PatternError;
    fn try_from(pattern: String) -> Result<Self, PatternError> {
        Self::parse(&pattern)
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.text.as_ref().to_owned()
    }
}

/// The network that stands for one address: itself, or the /64 of an IPv6 address, since a house has
/// all of that (RFC 6177, section 2).
#[must_use]
pub fn network_of(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => IpNet::from(address),
        IpAddr::V6(address) => ipnet::Ipv6Net::new_assert(address, 64).trunc().into(),
    }
}

/// Reads an address or a network (`10.0.0.7`, `10.0.0.0/8`, `fd00::/64`); an IPv6 address alone is
/// that address. `None` for anything else, and for more than half of all addresses.
#[must_use]
pub fn parse_network(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpNet>() {
        Ok(net) => net.trunc(),
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?.to_canonical()),
    };
    (net.prefix_len() > 1).then_some(net)
}

/// What somebody feels about a message: an emoji, or a short word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Reaction(Arc<str>);

impl Reaction {
    /// Checks a reaction: 1 to 40 bytes without white space, control or bidirectional characters,
    /// with something to see.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text.nfc().collect();
        let refused = |c: char| c.is_whitespace() || c.is_control() || sanitize::is_bidi_control(c);
        let ok = text.len() <= limits::REACTION_BYTES
            && !text.chars().any(refused)
            && text.chars().any(|c| !sanitize::is_invisible(c));
        ok.then(|| Self(text.into()))
    }

    /// What it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Reaction {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no reaction"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Reaction {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reaction".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": limits::REACTION_BYTES })
    }
}

/// The server's own random key, under which it keeps PINs and keys of rooms. Never leaves it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey(Zeroizing<[u8; 32]>);

impl ServerKey {
    /// A key of random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the store.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(…)")
    }
}

/// The PIN that finds a room, or the key that opens one, as somebody gave it. Wiped from memory when
/// dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomSecret(Zeroizing<String>);

/// Why a PIN or key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomSecretError {
    /// Too short or too long.
    #[error("a PIN or key of a room has {min} to {max} characters", min = limits::PIN_CHARS, max = limits::PIN_CHARS_MAX)]
    Length,
    /// Something that can't be typed everywhere.
    #[error("a PIN or key of a room can't contain spaces or control characters")]
    Character,
}

/// What a secret of a room is for: the same word never means the same for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretUse {
    /// With the name it finds the room.
    Pin,
    /// It opens the room that its name finds.
    Key,
    /// What a room that was found by a PIN is called, so that it is called so again.
    Label,
}

impl RoomSecret {
    /// Checks a PIN or key: 4 to 64 characters, none of them white space or control.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(secret: &str) -> Result<Self, RoomSecretError> {
        let secret: Zeroizing<String> = Zeroizing::new(secret.nfc().collect());
        if secret.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(RoomSecretError::Character);
        }
        if !(limits::PIN_CHARS..=limits::PIN_CHARS_MAX).contains(&secret.chars().count()) {
            return Err(RoomSecretError::Length);
        }
        Ok(Self(secret))
    }

    /// What the server keeps of it: HMAC-SHA-256 (RFC 2104) under its own key, over what it is for,
    /// the name in any case and the secret, each with its length before it, so that no two pairs
    /// can be the same bytes.
    #[must_use]
    pub fn digest(&self, of: SecretUse, name: &RoomName, key: &ServerKey) -> SecretDigest {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
        let name = name.fold();
        for part in [&[of as u8][..], name.as_bytes(), self.0.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        SecretDigest(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for RoomSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    #[test]
    fn patterns_fit_names_in_any_case() {
        for (pattern, fitting, other) in [
            ("bob", "Bob", "bobby"),
            ("bob*", "bobby", "abob"),
            ("*bob", "abob", "bobby"),
            ("b?b", "bib", "boob"),
            ("*a*b*c*", "xaxbxcx", "xcxbxax"),
            ("ÄRGER*", "ärgerlich", "arger"),
        ] {
            let pattern = NamePattern::parse(pattern).unwrap();
            assert!(pattern.fits(&(&name(fitting)).into()), "{pattern:?} {fitting}");
            assert!(!pattern.fits(&(&name(other)).into()), "{pattern:?} {other}");
        }
        assert_eq!(NamePattern::parse("*?*"), Err(PatternError::Everybody));
        assert_eq!(NamePattern::parse("a b"), Err(PatternError::Character));
        assert_eq!(NamePattern::parse(""), Err(PatternError::Length));
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        let pattern = NamePattern::parse(&format!("{}b", "a*".repeat(31))).unwrap();
        assert!(!pattern.fits(&(&name(&"a".repeat(32))).into()));
    }

    #[test]
    fn networks_are_read_as_people_write_them() {
        let net = |text| parse_network(text).map(|net| net.to_string());
        assert_eq!(net("10.0.0.7").as_deref(), Some("10.0.0.7/32"));
        assert_eq!(net("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(net("::ffff:10.0.0.7").as_deref(), Some("10.0.0.7/32"));
        assert_eq!(net("fd00::1/64").as_deref(), Some("fd00::/64"));
        assert_eq!(net("0.0.0.0/0"), None, "everybody");
        assert_eq!(net("bob"), None);
        let address = "2001:db8::1:2:3:4".parse().unwrap();
        assert_eq!(network_of(address).to_string(), "2001:db8::/64");
    }

    #[test]
    fn reactions_are_short_and_visible() {
        for good in ["👍", "+1", "👨‍👩‍👧‍👦", "❤\u{fe0f}", "ok"] {
            assert!(Reaction::parse(good).is_some(), "{good}");
        }
        for bad in ["", "\u{200d}", "a b", "\u{1b}[1m", "\u{202e}x", &"x".repeat(41)] {
            assert!(Reaction::parse(bad).is_none(), "{bad:?}");
        }
    }

    /// One of the older systems joined name and PIN with a colon.
    #[test]
    fn two_pairs_of_name_and_pin_never_meet() {
        let key = ServerKey::new([7; 32]);
        let room = |name| RoomName::parse(name).unwrap();
        let pin = |pin| RoomSecret::parse(pin).unwrap();
        let one = pin("cccc").digest(SecretUse::Pin, &room("a:bbbb"), &key);
        assert_ne!(one, pin("bbbb:cccc").digest(SecretUse::Pin, &room("a"), &key));
        assert_ne!(one, pin("cccc").digest(SecretUse::Key, &room("a:bbbb"), &key));
        assert_ne!(
            one,
            pin("cccc").digest(SecretUse::Pin, &room("a:bbbb"), &ServerKey::new([8; 32]))
        );
        assert_eq!(one, pin("cccc").digest(SecretUse::Pin, &room("A:BBBB"), &key));
        assert!(!format!("{:?}{key:?}", pin("cccc")).contains("cccc"));
        assert_eq!(RoomSecret::parse("123"), Err(RoomSecretError::Length));
        assert_eq!(RoomSecret::parse("1234 "), Err(RoomSecretError::Character));
    }
}

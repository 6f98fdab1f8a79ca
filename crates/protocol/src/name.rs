//! Names of users and rooms: one grammar for all doors, and the keys that make look-alikes equal.
//!
//! A name is unique by two keys: its case-folded form, and its case-folded look-alike skeleton
//! (Unicode UTS 39, section 4). Whoever holds names compares both.

use crate::{limits, sanitize};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use unicode_normalization::UnicodeNormalization;

/// Why a name is refused. The text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name needs at least one character")]
    Empty,
    /// Longer than the limit for its kind.
    #[error("the name has {bytes} bytes, and at most {limit} are allowed")]
    TooLong {
        /// Its length in bytes of UTF-8, after normalisation.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A character that can't begin a name.
    #[error("a name can't begin with '{0}'")]
    Begin(char),
    /// A character that no name may have.
    #[error("a name can't contain {}", describe(*.0))]
    Character(char),
    /// A word that belongs to the server.
    #[error("the name '{0}' is reserved")]
    Reserved(String),
}

fn describe(c: char) -> String {
    match c {
        ' ' => "a space".into(),
        c if c.is_whitespace() || c.is_control() || sanitize::is_invisible(c) => {
            format!("the invisible character U+{:04X}", c as u32)
        }
        c => format!("'{c}'"),
    }
}

/// User names that could be taken for the server's or a group's voice.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "all",
    "chanserv",
    "everyone",
    "here",
    "hubbub",
    "moderator",
    "nickserv",
    "operator",
    "room",
    "root",
    "server",
    "system",
    "you",
];

/// Room names that could be taken for something else: the plain door marks what is said in private
/// with `[private]`, as it marks what is said elsewhere with the name of the room.
const RESERVED_ROOMS: &[&str] = &["private"];

/// What two names must differ in to be different: see the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKeys {
    /// Case-folded.
    pub fold: String,
    /// Case-folded look-alike skeleton.
    pub skeleton: String,
}

pub(crate) fn fold(name: &str) -> String {
    if name.is_ascii() {
        // Every message looks up its room; case folding of ASCII needs no tables.
        return name.to_ascii_lowercase();
    }
    caseless::default_case_fold_str(name).nfkc().collect()
}

fn keys(name: &str) -> NameKeys {
    if name.bytes().all(|b| b.is_ascii_lowercase() && b != b'm' && b != b'w') {
        // ASCII small letters are their own skeleton, but 'm' (which looks like "rn").
        return NameKeys { fold: name.to_owned(), skeleton: name.to_owned() };
    }
    let skeleton: String = unicode_security::skeleton(name).collect();
    NameKeys { fold: fold(name), skeleton: fold(&skeleton) }
}

fn refused(c: char) -> bool {
    matches!(c, ',' | '*' | '?' | '!' | '@' | '<' | '>')
        || c.is_whitespace()
        || c.is_control()
        || sanitize::is_invisible(c)
}

fn refused_first(c: char) -> bool {
    c.is_ascii_digit() || "#&@+~%!:/-$".contains(c)
}

fn near_char(c: char) -> char {
    if c.is_whitespace() { '_' } else { c }
}

fn check(name: &str, limit: usize) -> Result<String, NameError> {
    if name.len() > 4 * limit {
        return Err(NameError::TooLong { bytes: name.len(), limit });
    }
    let name: String = if name.is_ascii() { name.into() } else { name.nfc().collect() };
    let first = name.chars().next().ok_or(NameError::Empty)?;
    if let Some(c) = name.chars().find(|&c| refused(c)) {
        return Err(NameError::Character(c));
    }
    if refused_first(first) {
        return Err(NameError::Begin(first));
    }
    if name.len() > limit {
        return Err(NameError::TooLong { bytes: name.len(), limit });
    }
    Ok(name)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $limit:expr, $reserved:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and normalises (NFC) a name.
            ///
            /// # Errors
            /// The rule that it breaks.
            pub fn parse(name: &str) -> Result<Self, NameError> {
                let name = check(name, $limit)?;
                let keys = keys(&name);
                if $reserved.iter().any(|word| *word == keys.fold || *word == keys.skeleton) {
                    return Err(NameError::Reserved(name));
                }
                Ok(Self(name.into()))
            }
            /// A name near to one that breaks the rules, if there is one: without what may not be
            /// in it, with `_` for spaces, cut to length.
            #[must_use]
            pub fn near(wished: &str) -> Option<Self> {
                let spaced: String = wished.trim().chars().take(4 * $limit).map(near_char).collect();
                let cleaned: String = spaced.chars().filter(|&c| !refused(c)).collect();
                let mut name = cleaned.trim_start_matches(|c| refused_first(c) || c == '_');
                while name.len() > $limit - 1 {
                    let (cut, _) = name.char_indices().next_back()?;
                    name = &name[..cut];
                }
                let name = name.trim_end_matches('_');
                if name.is_empty() {
                    return None;
                }
                Self::parse(name).or_else(|_| Self::parse(&format!("{name}_"))).ok()
            }
            /// A name that was accepted before: from the store, or from a server. Reserved words
            /// pass, since their list may have grown.
            ///
            /// # Errors
            /// The rule that it breaks.
            pub fn known(name: &str) -> Result<Self, NameError> {
                check(name, $limit).map(|name| Self(name.into()))
            }
            /// The name as it is shown.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// By what it is found: its case-folded form.
            #[must_use]
            pub fn fold(&self) -> String {
                fold(&self.0)
            }
            /// What it must differ in from all others.
            #[must_use]
            pub fn keys(&self) -> NameKeys {
                keys(&self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                // What comes as this type was accepted by a server before; see `known`.
                let name = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::known(&name).map_err(serde::de::Error::custom)
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
                    "minLength": 1,
                    "description": concat!("A valid ", stringify!($name), ", see \"Names\"."),
                })
            }
        }
    };
}

name!(
    /// A valid user name of 1–32 bytes.
    UserName, limits::USER_NAME_BYTES, RESERVED
);
name!(
    /// A valid room name of 1–50 bytes.
    RoomName, limits::ROOM_NAME_BYTES, RESERVED_ROOMS
);

impl UserName {
    /// This name with a number behind it, shortened at a character where it would grow too long.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let digits = number.to_string();
        let mut stem = self.as_str();
        while stem.len() + digits.len() > limits::USER_NAME_BYTES {
            let last = stem.char_indices().next_back().map_or(0, |(at, _)| at);
            stem = &stem[..last];
        }
        Self(format!("{stem}{digits}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_can_pose_as_a_private_message() {
        for name in ["private", "Private", "priv\u{430}te"] {
            assert_eq!(RoomName::parse(name), Err(NameError::Reserved(name.into())), "{name}");
        }
        assert!(RoomName::parse("privateer").is_ok());
    }

    #[test]
    fn a_name_near_to_a_bad_one_is_a_good_one() {
        for (wished, near) in [
            ("ann smith", Some("ann_smith")),
            (" @bob, ", Some("bob")),
            ("7up", Some("up")),
            ("admin", Some("admin_")),
            ("a<b>c\u{202e}", Some("abc")),
            ("", None),
            ("123", None),
        ] {
            assert_eq!(UserName::near(wished).as_ref().map(UserName::as_str), near, "{wished:?}");
        }
        assert!(UserName::near(&"\u{1f44b}".repeat(100)).unwrap().as_str().len() <= 32);
    }
    use proptest::prelude::*;

    fn refused(name: &str) -> NameError {
        UserName::parse(name).unwrap_err()
    }

    #[test]
    fn ordinary_names_of_many_scripts_are_fine() {
        for name in ["ann", "Zoë", "李雷", "Ольга", "سارة", "bob_2", "x", "o'neil", "a.b-c"]
        {
            assert_eq!(UserName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_refusal_names_the_rule() {
        assert_eq!(refused(""), NameError::Empty);
        assert_eq!(refused("a b"), NameError::Character(' '));
        assert_eq!(refused("7up"), NameError::Begin('7'));
        assert_eq!(refused("#x"), NameError::Begin('#'));
        assert_eq!(refused("a,b"), NameError::Character(','));
        assert_eq!(refused("bob>"), NameError::Character('>'), "it would read as what bob says");
        assert_eq!(refused("a\u{202e}b"), NameError::Character('\u{202e}'));
        assert_eq!(refused("a\u{200b}"), NameError::Character('\u{200b}'));
        assert_eq!(refused("a\u{1b}[2J"), NameError::Character('\u{1b}'));
        assert_eq!(refused(&"x".repeat(33)), NameError::TooLong { bytes: 33, limit: 32 });
        assert_eq!(refused("Admin"), NameError::Reserved("Admin".into()));
        assert_eq!(refused("Serv\u{435}r"), NameError::Reserved("Serv\u{435}r".into()));
        assert!(refused("a b").to_string().contains("a space"));
    }

    #[test]
    fn look_alikes_and_other_cases_share_a_key() {
        let keys = |name: &str| UserName::parse(name).unwrap().keys();
        assert_eq!(keys("Bob").fold, keys("bOB").fold);
        assert_eq!(keys("STRASSE").fold, keys("straße").fold);
        // Cyrillic о and а.
        assert_eq!(keys("b\u{43e}b").skeleton, keys("bob").skeleton);
        assert_eq!(keys("p\u{430}ul").skeleton, keys("paul").skeleton);
        assert_eq!(keys("Ivan").skeleton, keys("lvan").skeleton);
        assert_eq!(keys("modem").skeleton, keys("modern").skeleton);
        assert_ne!(keys("ann"), keys("anna"));
    }

    #[test]
    fn a_numbered_name_stays_valid() {
        let long = UserName::parse(&"é".repeat(16)).unwrap().numbered(12);
        assert!(long.as_str().len() <= 32 && long.as_str().ends_with("é12"));
        assert!(UserName::parse(long.as_str()).is_ok());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(name in any::<String>()) {
            if let Ok(parsed) = UserName::parse(&name) {
                prop_assert!(parsed.as_str().len() <= limits::USER_NAME_BYTES);
                prop_assert_eq!(UserName::parse(parsed.as_str()).unwrap(), parsed);
            }
        }

        #[test]
        fn the_short_cut_for_ascii_is_right(name in "[ -~]{1,12}") {
            let folded: String = caseless::default_case_fold_str(&name).nfkc().collect();
            prop_assert_eq!(fold(&name), folded);
            let normal: String = name.nfc().collect();
            prop_assert_eq!(normal, name);
        }

        #[test]
        fn the_short_cut_for_small_letters_is_right(name in "[a-z]{1,12}") {
            let skeleton: String = unicode_security::skeleton(&name).collect();
            prop_assert_eq!(keys(&name).skeleton, skeleton);
        }
    }
}

//! What only its owner and the server may know: passwords, invite codes, and how they are compared.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

use crate::{ResumeToken, limits};

/// The SHA-256 of a secret with 80 random bits or more, which is what the server keeps of it. Such a
/// secret can't be guessed from its digest, so no slow hash is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretDigest(pub [u8; 32]);

impl Serialize for SecretDigest {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&HexDigest(self))
    }
}

struct HexDigest<'a>(&'a SecretDigest);

impl fmt::Display for HexDigest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<'de> Deserialize<'de> for SecretDigest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let digits = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let bytes: Option<Vec<u8>> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
            .collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
    }
}

impl SecretDigest {
    fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl ResumeToken {
    /// What the server keeps of it.
    #[must_use]
    pub fn digest(self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }
}

/// Why a password can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error("a password needs at least {min} characters", min = limits::PASSWORD_CHARS)]
    TooShort,
    /// Too many bytes.
    #[error("a password may have {max} bytes", max = limits::PASSWORD_BYTES)]
    TooLong,
    /// A character that can't be typed everywhere.
    #[error("a password can't contain control characters")]
    Control,
}

/// A password as somebody gave it. Wiped from memory when dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password for a login. Of any length that could be one: whether it is right, the
    /// server knows.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn given(password: &str) -> Result<Self, PasswordError> {
        if password.len() > limits::PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(Zeroizing::new(password.to_owned())))
    }

    /// Takes a new password: at least 8 characters (NIST SP 800-63B, section 5.1.1.2), no control
    /// characters, at most 256 bytes.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn chosen(password: &str) -> Result<Self, PasswordError> {
        if password.chars().any(char::is_control) {
            return Err(PasswordError::Control);
        }
        if password.chars().count() < limits::PASSWORD_CHARS {
            return Err(PasswordError::TooShort);
        }
        Self::given(password)
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A secret in a frame, not yet looked at. Wiped from memory when dropped, and never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Hidden(#[cfg_attr(feature = "schema", schemars(with = "String"))] Zeroizing<String>);

impl Hidden {
    /// Hides a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Letters and digits that nobody confuses (Crockford's base 32, in small letters).
const INVITE_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters in an invite code: 80 random bits.
const INVITE_LEN: usize = 16;

/// A code that lets somebody register: `xxxx-xxxx-xxxx-xxxx`.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode([u8; INVITE_LEN]);

impl InviteCode {
    /// The code of these random bits; the lowest 80 count.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        Self(std::array::from_fn(|at| INVITE_LETTERS[(bits >> (5 * at) & 31) as usize]))
    }

    /// Reads a code as people write it: in any case, with or without dashes and spaces, `o` for `0`
    /// and `i` or `l` for `1`. `None` if it can't be one.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let mut letters = [0; INVITE_LEN];
        let mut at = 0;
        for letter in code.bytes().filter(|letter| !matches!(letter, b'-' | b' ')) {
            let letter = match letter.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            if !INVITE_LETTERS.contains(&letter) {
                return None;
            }
            *letters.get_mut(at)? = letter;
            at += 1;
        }
        (at == INVITE_LEN).then_some(Self(letters))
    }

    /// What the server keeps of it.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }

    /// The code, to be shown to whoever made it.
    #[must_use]
    pub fn expose(&self) -> String {
        let letters: Vec<String> = self
            .0
            .chunks(4)
            .map(|four| four.iter().map(|&letter| letter as char).collect())
            .collect();
        letters.join("-")
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_checked_and_never_shown() {
        assert_eq!(Password::chosen("1234567"), Err(PasswordError::TooShort));
        assert_eq!(Password::chosen("éééééééé").unwrap().expose(), "éééééééé");
        assert_eq!(Password::chosen("12345678\n"), Err(PasswordError::Control));
        assert_eq!(Password::chosen(&"x".repeat(257)), Err(PasswordError::TooLong));
        assert!(Password::given("").is_ok(), "whether it is right, the server knows");
        assert!(!format!("{:?}", Password::given("opensesame").unwrap()).contains("open"));
    }

    #[test]
    fn invite_codes_are_read_as_people_write_them() {
        let code = InviteCode::from_random(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let shown = code.expose();
        assert_eq!(shown.len(), 19);
        assert_eq!(InviteCode::parse(&shown), Some(code.clone()));
        let written = shown.to_uppercase().replace('0', "o").replace('1', "l").replace('-', " ");
        assert_eq!(InviteCode::parse(&written).map(|code| code.digest()), Some(code.digest()));
        for wrong in ["", "abcd", "uuuu-uuuu-uuuu-uuuu", "0000-0000-0000-0000-0"] {
            assert_eq!(InviteCode::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{code:?}").contains(&shown[..4]));
    }
}

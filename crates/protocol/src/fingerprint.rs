//! The fingerprint of a server's certificate authority: what a client keeps, and what people compare.
//!
//! It is of the key, and not of a certificate: certificates change with the server's addresses, the
//! key does not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;

/// How many words stand for a fingerprint in front of people: 66 of its bits.
pub const FINGERPRINT_WORDS: usize = 6;
/// Bits of one word of the list.
const WORD_BITS: usize = 11;

/// SHA-256 of a public key as DER (the `SubjectPublicKeyInfo` of RFC 5280, section 4.1; as in RFC
/// 7469, section 2.4). Written as 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// It is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no fingerprint of a key: it has 43 letters, digits, - and _")]
pub struct FingerprintError(pub String);

impl Fingerprint {
    /// That of a key.
    #[must_use]
    pub fn of_key(subject_public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(subject_public_key_info).into())
    }

    /// Six short English words (of the list of BIP 39) for its first 66 bits: enough for two people on
    /// the telephone, since nobody can choose a key to fit.
    #[must_use]
    pub fn words(&self) -> [&'static str; FINGERPRINT_WORDS] {
        let list = bip39::Language::English.word_list();
        let bit = |at: usize| usize::from(self.0[at / 8] >> (7 - at % 8) & 1);
        std::array::from_fn(|word| {
            let bits = word * WORD_BITS..(word + 1) * WORD_BITS;
            list[bits.fold(0, |number, at| number << 1 | bit(at))]
        })
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let wrong = || FingerprintError(text.chars().take(64).collect());
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| wrong())?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let print = Fingerprint::of_key(b"a key");
        let text = print.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(text.parse(), Ok(print));
        assert_eq!(format!(" {text}\n").parse(), Ok(print));
        for wrong in ["", "abc", &text[1..], &format!("{text}A"), &"é".repeat(43)] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_words_are_its_first_bits() {
        assert_eq!(Fingerprint([0; 32]).words(), ["abandon"; 6]);
        assert_eq!(Fingerprint([0xff; 32]).words(), ["zoo"; 6]);
        // 00000000 001 00000 000010 ...: the second and the third of the list.
        let mut bytes = [0; 32];
        (bytes[1], bytes[2]) = (0b0010_0000, 0b0000_1000);
        assert_eq!(Fingerprint(bytes).words()[..3], ["ability", "able", "abandon"]);
    }
}

//! By which key a client knows its server, and what it says when the key is another one.
//!
//! How that is checked is the driver's; where keys are kept between runs is the program's.

use crate::address::ServerAddress;
use hubbub_protocol::Fingerprint;
use std::fmt;

/// Whether what is said is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// With TLS: nobody between can read along or change anything, as far as the key is the right one.
    Tls(Trust),
    /// As it is. Whoever is between reads along, passwords too.
    Plaintext,
}

/// Which key of a server's authority is taken for the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whatever the server shows. The client keeps it for as long as it lives; a program keeps it
    /// for longer, and asks with [`Trust::Key`] the next time.
    FirstUse,
    /// This one alone.
    Key(Fingerprint),
}

impl ServerAddress {
    /// How to speak with a server of which nothing is known but its address: with TLS, and with the
    /// key that the address names, if it names one.
    #[must_use]
    pub fn security(&self) -> Security {
        Security::Tls(self.fingerprint.map_or(Trust::FirstUse, Trust::Key))
    }
}

/// A server showed another key than the one that is known of it. It was told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedKey {
    /// Where.
    pub address: ServerAddress,
    /// The key that is known.
    pub expected: Fingerprint,
    /// The one that was shown. Whoever showed it may not even have it: that was not checked.
    pub shown: Fingerprint,
}

impl ChangedKey {
    /// A fingerprint for people: its words, and all of it.
    #[must_use]
    pub fn in_words(key: &Fingerprint) -> String {
        format!("{} ({key})", key.words().join(" "))
    }
}

impl fmt::Display for ChangedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "THE KEY OF {} HAS CHANGED: either the server was set up anew, or somebody sits between \
             you and it and wants to read along. Expected: {}. Shown: {}. Nothing was said to it. Ask \
             whoever runs the server which one is right, and forget the old key only if it is the new \
             one",
            self.address,
            Self::in_words(&self.expected),
            Self::in_words(&self.shown),
        )
    }
}

impl std::error::Error for ChangedKey {}

//! Random values, most of which strangers must not guess.

use crate::credentials::Salts;
use hubbub_protocol::{InviteCode, ResumeToken, ServerKey};

/// # Panics
/// If the system has no random numbers to give: then nothing here would be safe.
fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// A number below `end`, which is a power of two: then each comes equally often.
pub(crate) fn below(end: u32) -> u32 {
    debug_assert!(end.is_power_of_two(), "{end}");
    u32::from_le_bytes(bytes()) % end
}

/// A fresh resume token.
pub(crate) fn resume_token() -> ResumeToken {
    ResumeToken(bytes())
}

/// Fresh salts for one password.
pub(crate) fn salts() -> Salts {
    Salts { argon2: bytes(), scram: bytes() }
}

/// A fresh key for a server that has none yet.
pub(crate) fn server_key() -> ServerKey {
    ServerKey::new(bytes())
}

/// A fresh invite code.
pub(crate) fn invite_code() -> InviteCode {
    InviteCode::from_random(u128::from_le_bytes(bytes()))
}

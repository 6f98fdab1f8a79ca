//! Random values that strangers must not guess.

use hubbub_protocol::ResumeToken;

/// A fresh resume token.
///
/// # Panics
/// If the system has no random numbers to give: then nothing here would be safe.
pub(crate) fn resume_token() -> ResumeToken {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    ResumeToken(bytes)
}

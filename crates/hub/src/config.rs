//! What an operator may choose about the hub.

use crate::{Limits, Transcripts};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, Registration, RoomName, SecretDigest, ServerKey, limits};

/// The hub's settings. The defaults are those of `protocol::limits`.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The room that everybody begins in.
    pub lobby: RoomName,
    /// What a room keeps if its maker doesn't say.
    pub retention: Retention,
    /// An empty room without history goes after this time, in milliseconds.
    pub empty_room_ms: u64,
    /// A lost session's user is held for this time, in milliseconds.
    pub resume_hold_ms: u64,
    /// Above this number of members, joins and leaves are not announced one by one.
    pub presence_members: usize,
    /// How often such a room's count is announced, in milliseconds.
    pub presence_count_ms: u64,
    /// Whether people may come in without an account.
    pub guests: bool,
    /// Who may make an account.
    pub registration: Registration,
    /// Who may begin a private chat with whom, where the user doesn't say. `Closed` holds for all.
    pub private: PrivatePolicy,
    /// Under which PINs and keys of rooms are kept. A server puts in its own, which its store keeps.
    pub key: ServerKey,
    /// How long the audit log is kept, in milliseconds.
    pub audit_ms: u64,
    /// How much and how often.
    pub limits: Limits,
    /// Whether passwords are taken from connections that others can read along.
    pub plaintext_passwords: bool,
    /// Which rooms are also written to files.
    pub transcripts: Transcripts,
    /// What is kept of the token that makes the first admin; counts only while there is none.
    pub setup: Option<SecretDigest>,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            lobby: RoomName::parse("lobby").expect("a valid name"),
            retention: Retention::Forever,
            empty_room_ms: limits::EMPTY_ROOM_MS,
            resume_hold_ms: limits::RESUME_HOLD_MS,
            presence_members: limits::PRESENCE_MEMBERS,
            presence_count_ms: limits::PRESENCE_COUNT_MS,
            guests: true,
            registration: Registration::Open,
            private: PrivatePolicy::Ask,
            key: ServerKey::new([0; 32]),
            audit_ms: limits::AUDIT_MS,
            limits: Limits::default(),
            plaintext_passwords: true,
            transcripts: Transcripts::default(),
            setup: None,
        }
    }
}

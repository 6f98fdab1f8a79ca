//! Accounts, and what is kept with them.

use crate::{Epoch, RoomId, SecretDigest, Seq, Text, UserId, UserName, WallMs};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::audit::DoorKind;
use crate::ids::{InviteId, LoginId};

/// Who may begin a private chat with a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PrivatePolicy {
    /// Whoever was asked for and agreed.
    #[default]
    Ask,
    /// Everybody, without asking.
    Open,
    /// Nobody.
    Closed,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Whoever has an invite.
    Invite,
    /// Nobody.
    Closed,
}

/// An account as it is kept, without its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its identity.
    pub id: UserId,
    /// Its name, which nobody else can take.
    pub name: UserName,
    /// When it was made.
    pub created: WallMs,
    /// What it says about private chats; `None`: what the server says.
    pub policy: Option<PrivatePolicy>,
    /// Whether it may do everything in every room.
    pub admin: bool,
    /// The words by which it wants to be called, beside its name.
    pub highlights: Vec<String>,
    /// When it was last here.
    pub seen: WallMs,
    /// Whether it is here. Found set at a start, the server was not stopped in order.
    pub online: bool,
}

/// How a credential proves who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// An argon2id hash in PHC string format.
    Argon2id,
    /// A SCRAM-SHA-256 verifier (RFC 5803): `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
    ScramSha256,
}

/// One way to prove who somebody is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Which way.
    pub kind: CredentialKind,
    /// What the proof is compared with.
    pub data: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(…)", self.kind)
    }
}

/// All credentials of an account.
pub type Credentials = Arc<[Credential]>;

/// A login that lasts: its token gives the account back without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRecord {
    /// Its identity.
    pub id: LoginId,
    /// Whose.
    pub user: UserId,
    /// What is kept of its token.
    pub token: SecretDigest,
    /// When it began.
    pub created: WallMs,
    /// When it was last used.
    pub seen: WallMs,
    /// From where it was last used.
    pub peer: SocketAddr,
    /// Through which door.
    pub door: DoorKind,
}

/// An account's place in a conversation: membership, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRecord {
    /// Whose.
    pub user: UserId,
    /// Where.
    pub room: RoomId,
    /// When it came in.
    pub since: WallMs,
    /// The last event that its user has read.
    pub read: Seq,
    /// In a private chat: the last event that reached one of its sessions.
    pub heard: (Epoch, Seq),
    /// What its user has begun to write.
    pub draft: Option<Text>,
}

/// Somebody asks for something: a private chat, or to come into a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Who asks.
    pub from: UserId,
    /// Whom.
    pub to: UserId,
    /// To come into this group; `None`: for a private chat.
    pub group: Option<RoomId>,
    /// When.
    pub time: WallMs,
}

/// A way to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRecord {
    /// Its identity.
    pub id: InviteId,
    /// What is kept of its code.
    pub code: SecretDigest,
    /// When it was made.
    pub created: WallMs,
    /// When it ends; `None`: not by itself.
    pub expires: Option<WallMs>,
    /// How many accounts may be made with it.
    pub uses: u32,
    /// How many were.
    pub used: u32,
    /// For the operator: whom it is for.
    pub note: String,
}

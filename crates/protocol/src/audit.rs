//! The audit log: what happened at the server's doors, for its operator. Append-only; never the text
//! of a message, never a secret.

use crate::{UserId, WallMs};
use serde::{Deserialize, Serialize};

/// Which way somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DoorKind {
    /// JSON lines.
    Native,
    /// Lines of text.
    Plain,
}

impl DoorKind {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Plain => "plain",
        }
    }
}

macro_rules! acts {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum AuditAct {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }
        impl AuditAct {
            /// All of them.
            pub const ALL: &[AuditAct] = &[$(AuditAct::$variant,)*];
            /// The stable word in the log.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(AuditAct::$variant => $word,)* }
            }
            /// The act of a stable word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|act| act.word() == word)
            }
        }
    };
}

acts!(
    /// A session became somebody: a guest or an account.
    Login = "login",
    /// A login or a registration was refused; the reason is an error code.
    Refused = "refused",
    /// A session ended; the reason says how.
    Logout = "logout",
    /// An account was made.
    Registered = "registered",
    /// A user took another name; the reason is the old one.
    Renamed = "renamed",
    /// A password was changed.
    PasswordChanged = "password_changed",
    /// A login was ended from another session.
    Revoked = "revoked",
    /// The operator made an invite.
    InviteMade = "invite_made",
    /// The operator took an invite back.
    InviteRevoked = "invite_revoked",
    /// A user was sent out of a room, or of the server. The reason of this and the acts below begins with
    /// the room; without one they are about the server.
    Kicked = "kicked",
    /// Somebody was banned from a room.
    Banned = "banned",
    /// Somebody was muted in a room.
    Muted = "muted",
    /// A ban or a mute was lifted.
    Lifted = "lifted",
    /// A user got another role in a room.
    RoleGiven = "role_given",
    /// A setting of a room was changed.
    RoomChanged = "room_changed",
    /// A message of somebody else was deleted.
    Deleted = "deleted",
    /// A PIN or key of a room was refused, or tried too often.
    PinRefused = "pin_refused",
    /// The operator made an account an admin, or no longer.
    AdminSet = "admin_set",
    /// The server was told something else by its operator or an admin; the reason is the verb.
    Managed = "managed",
    /// Messages were imported into a room.
    Imported = "imported",
    /// Entries were left out: more came than could be stored. The reason is their number.
    Omitted = "omitted",
);

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Rises from entry to entry; `epoch << 32 | n`.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub time: WallMs,
    /// What.
    pub act: AuditAct,
    /// Who, where the server knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The name that was had or wished; empty if none was given.
    pub name: String,
    /// From where: address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<std::net::SocketAddr>,
    /// Through which door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<DoorKind>,
    /// Why or how: a stable word, a name or a number, depending on the act; may be empty.
    pub reason: String,
}

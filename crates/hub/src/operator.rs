//! What the server's operator may want of the hub, and is answered.

use hubbub_protocol::account::InviteRecord;
use hubbub_protocol::{Body, InviteId, Role, RoomName, SecretDigest, Seq, UserName, WallMs};

/// What the operator may want.
#[derive(Clone, Debug)]
pub enum AdminCommand {
    /// Makes an invite.
    InviteMake {
        /// The random code; the hub keeps its digest.
        code: SecretDigest,
        /// For how long it counts, in milliseconds; `None`: for ever.
        for_ms: Option<u64>,
        /// How many accounts may be made with it, 1 or more.
        uses: u32,
        /// Whom it is for, for the operator to remember.
        note: String,
    },
    /// Lists the invites.
    InviteList,
    /// Takes an invite back.
    InviteRevoke {
        /// Which.
        id: InviteId,
    },
    /// Makes an account an admin, who may do everything in every room; or no longer.
    AdminSet {
        /// Whom.
        name: UserName,
        /// Whether.
        on: bool,
    },
    /// Lists the admins.
    AdminList,
    /// Gives a user a role in a room, or takes it.
    RoleSet {
        /// Where.
        room: RoomName,
        /// Whom.
        name: UserName,
        /// `None`: none any more.
        role: Option<Role>,
    },
    /// Adds messages of elsewhere to a room that keeps history and in which nobody is, and makes it
    /// if there is none.
    Import {
        /// Which.
        room: RoomName,
        /// Oldest first; at most `limits::PAGE` of them.
        messages: Vec<Imported>,
    },
}

/// A message of elsewhere.
#[derive(Clone, Debug)]
pub struct Imported {
    /// When it was said there.
    pub time: WallMs,
    /// Who said it there: no user of this server.
    pub from: UserName,
    /// What. What it refers to is given beside it.
    pub body: Body,
    /// What it refers to.
    pub refers: Option<Refers>,
}

/// A message that an imported one refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refers {
    /// One that is in the room already.
    Seq(Seq),
    /// One before it in the same batch, from 0 on.
    Batch(usize),
}

/// An answer to the operator.
#[derive(Clone, Debug)]
pub enum AdminReply {
    /// To `InviteMake`.
    InviteMade(InviteRecord),
    /// To `InviteList`.
    Invites(Vec<InviteRecord>),
    /// To `AdminList`.
    Admins(Vec<UserName>),
    /// To `Import`: kept.
    Imported {
        /// The number of the first; the others follow without a gap.
        first: Seq,
    },
    /// It is done, and kept.
    Done,
}

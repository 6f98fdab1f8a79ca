//! What the server's operator may want of the hub, and is answered. `operate.rs` does it.

use crate::Whom;
use crate::overview::{AccountOverview, RoomOverview, SessionOverview, UserOverview};
use hubbub_protocol::account::{Credentials, InviteRecord};
use hubbub_protocol::frame::RestrictionEntry;
use hubbub_protocol::{
    Body, InviteId, Note, RestrictionKind, Role, RoomName, SecretDigest, Seq, SessionId, UserName,
    WallMs,
};

/// What the operator may want.
#[derive(Clone, Debug)]
pub enum AdminCommand {
    /// Changes nothing: is answered with `Done` to who may say such things.
    May,
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
    /// Lists the accounts.
    Accounts,
    /// Gives an account other credentials, and ends all its logins: for who has forgotten the password.
    PasswordSet {
        /// Whose.
        name: UserName,
        /// What proves it from now on.
        credentials: Credentials,
    },
    /// Gives a user a role in a room, or takes it.
    RoleSet {
        /// Where.
        room: RoomName,
        /// Whom.
        name: UserName,
        /// `None`: none any more.
        role: Option<Role>,
    },
    /// The rooms with who is in them, by name, from `after` on.
    Rooms {
        /// The key of the page before; before the first, also an empty one.
        after: Option<String>,
    },
    /// Who is online, by name, from `after` on.
    Users {
        /// The key of the page before.
        after: Option<String>,
    },
    /// Which connections there are.
    SessionIds {
        /// Whose; `None`: everybody's.
        of: Option<UserName>,
    },
    /// Some of the connections.
    Sessions {
        /// Which: some hundred at once, so that nobody waits.
        ids: Vec<SessionId>,
    },
    /// Tells everybody who is online.
    Announce {
        /// What.
        text: Note,
    },
    /// Sends somebody away, who may come again.
    Kick {
        /// From where; `None`: from the server, with all connections.
        room: Option<RoomName>,
        /// Whom.
        name: UserName,
        /// Why.
        reason: Option<Note>,
    },
    /// Bans or mutes somebody.
    Restrict {
        /// Where; `None`: everywhere.
        room: Option<RoomName>,
        /// From what.
        what: RestrictionKind,
        /// Whom.
        whom: Whom,
        /// Why.
        reason: Option<Note>,
        /// For how long, in milliseconds; `None`: until it is lifted.
        for_ms: Option<u64>,
    },
    /// Lifts a ban or a mute.
    Lift {
        /// Where; `None`: everywhere.
        room: Option<RoomName>,
        /// From what.
        what: RestrictionKind,
        /// Whom, as it was said.
        whom: Whom,
    },
    /// The bans or mutes that count now.
    Restrictions {
        /// Where; `None`: everywhere.
        room: Option<RoomName>,
        /// Which of both.
        what: RestrictionKind,
    },
    /// Writes into the audit log that the server was told something which the hub does not know of. It is
    /// answered at once.
    Note {
        /// The verb.
        what: &'static str,
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
    /// To `Accounts`: in no order.
    Accounts(Vec<AccountOverview>),
    /// To `Rooms`.
    Rooms {
        /// By name.
        rooms: Vec<RoomOverview>,
        /// The key of the next page.
        next: Option<String>,
        /// How many private chats there are; `None` if there was an `after`, since counting takes time.
        privates: Option<usize>,
    },
    /// To `Users`.
    Users {
        /// By name.
        users: Vec<UserOverview>,
        /// The key of the next page.
        next: Option<String>,
        /// How many in all.
        count: usize,
    },
    /// To `SessionIds`: in no order.
    SessionIds(Vec<SessionId>),
    /// To `Sessions`: those that are still there.
    Sessions(Vec<SessionOverview>),
    /// To `Announce`.
    Announced {
        /// How many connections were told.
        sessions: usize,
    },
    /// To `Kick` from the server: how many connections were ended.
    Ended(usize),
    /// To `Restrictions`: the oldest first.
    Restrictions(Vec<RestrictionEntry>),
    /// To `Import`: kept.
    Imported {
        /// The number of the first; the others follow without a gap.
        first: Seq,
    },
    /// It is done, and kept; of a `Note`, that it will be.
    Done,
}

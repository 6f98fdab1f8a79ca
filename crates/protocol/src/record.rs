//! What the hub asks to be made durable. Doors never see these; stores and the hub share them.

use crate::account::{
    AccountRecord, Credentials, InviteRecord, LoginRecord, PlaceRecord, RequestRecord,
};
use crate::audit::AuditEntry;
use crate::frame::Retention;
use crate::ids::{InviteId, LoginId};
use crate::room::{RestrictionRecord, Role, RoomSettings};
use crate::{
    Counter, Epoch, Event, Instance, Position, RoomId, RoomName, SecretDigest, Seq, UserId, WallMs,
};
use std::sync::Arc;

/// What kind of conversation a room is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomKind {
    /// A room with a name, for everybody who comes.
    Named(RoomName),
    /// A room with a name, for whom its owner invites.
    Group {
        /// Its name.
        name: RoomName,
        /// Who invites.
        owner: UserId,
    },
    /// A room that is found by a name and a PIN.
    Pin {
        /// What it is called, which nobody else can take: the name, `~` and some digits.
        name: RoomName,
        /// What is kept of name and PIN.
        pin: SecretDigest,
    },
    /// A private chat of two users.
    Private {
        /// The smaller id first.
        sides: [UserId; 2],
        /// Whether both agree to it. What was said stays, also when it was ended.
        open: bool,
    },
}

/// A room as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its identity.
    pub id: RoomId,
    /// What it is.
    pub kind: RoomKind,
    /// What it keeps.
    pub retention: Retention,
    /// When it was made.
    pub created: WallMs,
    /// What its operators have chosen.
    pub settings: RoomSettings,
}

/// A send that was accepted, so that its repetition is answered and not done again (invariant 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendRecord {
    /// Whose counter.
    pub instance: Instance,
    /// Which send.
    pub counter: Counter,
    /// Where its event stands.
    pub position: Position,
    /// When the server took it.
    pub time: WallMs,
}

/// One thing to be made durable. A batch of these is one transaction, in order.
///
/// All but `Event` may be said again, after a failure that left it uncertain: what is there takes the
/// new values, and taking away what is not there does nothing.
#[derive(Clone, Debug)]
pub enum Record {
    /// A room, before its first event or member, and whenever something but its log changed. When it
    /// was made stays as it was said first.
    Room(RoomRecord),
    /// An event, and the send that it came from. The store does with older events of the room what it
    /// says: an edit gives its message the new text and takes the text of earlier edits away; a
    /// deletion leaves a [`crate::Body::Deleted`] of its message, and takes the text of its edits and
    /// its reactions away; a reaction is counted with its message, up to
    /// `limits::REACTIONS_PER_EVENT` different ones. What is about something that is no
    /// message, or not there any more, changes nothing else.
    Event {
        /// The event.
        event: Arc<Event>,
        /// The client instance and counter, where the client numbers its sends.
        send: Option<(Instance, Counter)>,
    },
    /// A room is no more: it and all its events, reactions, places, roles, restrictions and
    /// invitations go.
    RoomGone(RoomId),
    /// The events of a room up to this one go, with all that is about them. At most
    /// `limits::TRIM_EVENTS` are there.
    Trim {
        /// Which room.
        room: RoomId,
        /// The last one that goes.
        upto: Seq,
    },
    /// An account has this role in a room; `None`: no role any more.
    Role {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// Which.
        role: Option<Role>,
    },
    /// A ban or a mute is as this says.
    Restriction(RestrictionRecord),
    /// A ban or a mute is no more, by its id.
    RestrictionGone(u64),
    /// An account is as this says.
    Account(AccountRecord),
    /// An account's credentials are these and no others.
    Credentials {
        /// Whose.
        user: UserId,
        /// All of them.
        credentials: Credentials,
    },
    /// A login is as this says.
    Login(LoginRecord),
    /// A login is no more.
    LoginGone(LoginId),
    /// An account's place in a conversation is as this says.
    Place(PlaceRecord),
    /// An account has no place there any more.
    PlaceGone {
        /// Whose.
        user: UserId,
        /// Where.
        room: RoomId,
    },
    /// Somebody asks, since then.
    Request(RequestRecord),
    /// A request is answered, withdrawn or too old. The time doesn't matter.
    RequestGone(RequestRecord),
    /// An account blocks another, or no longer.
    Block {
        /// Who.
        user: UserId,
        /// Whom.
        blocked: UserId,
        /// Whether.
        on: bool,
    },
    /// An invite is as this says.
    Invite(InviteRecord),
    /// An invite is no more.
    InviteGone(InviteId),
    /// An entry of the audit log. One that is there already (by its id) stays as it is.
    Audit(AuditEntry),
    /// Entries of the audit log from before then go, the oldest first, at most 10,000 of them.
    AuditTrim {
        /// When.
        before: WallMs,
    },
}

/// A room as it is found at the start: the record and where its log begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRoom {
    /// The room.
    pub record: RoomRecord,
    /// The epoch of its newest event, also if that has gone.
    pub head_epoch: Epoch,
    /// The number of its newest event, also if that has gone.
    pub head_seq: Seq,
    /// The last event that has gone; 0 if none has.
    pub floor: Seq,
}

/// Everything that the hub begins with, each list in the order of its ids (places and requests by
/// user, then room).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All rooms.
    pub rooms: Vec<StoredRoom>,
    /// All accounts, with what proves them.
    pub accounts: Vec<(AccountRecord, Credentials)>,
    /// All logins that last.
    pub logins: Vec<LoginRecord>,
    /// All places of accounts.
    pub places: Vec<PlaceRecord>,
    /// All roles of accounts.
    pub roles: Vec<(RoomId, UserId, Role)>,
    /// All bans and mutes, by id.
    pub restrictions: Vec<RestrictionRecord>,
    /// All open requests.
    pub requests: Vec<RequestRecord>,
    /// Who blocks whom.
    pub blocks: Vec<(UserId, UserId)>,
    /// All invites.
    pub invites: Vec<InviteRecord>,
}

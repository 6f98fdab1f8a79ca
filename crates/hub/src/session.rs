//! A session: one connection, and how it is attached to rooms.

use crate::buckets::Bucket;
use crate::command::hello::Hello;
use crate::command::message::PendingDeed;
use crate::{Arrival, Tag};
use hubbub_protocol::account::Credentials;
use hubbub_protocol::{
    Body, ErrorCode, Instance, InviteId, LoginId, MonoMs, Position, ResumeToken, RoomId, UserId,
    UserName, WallMs,
};

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) arrival: Arrival,
    /// When it came.
    pub(crate) since: WallMs,
    pub(crate) user: Option<UserId>,
    pub(crate) login: Option<LoginId>,
    pub(crate) instance: Option<Instance>,
    /// Answers of sends that wait in the sequencer.
    pub(crate) in_flight: u32,
    pub(crate) rooms: Vec<(RoomId, Attachment)>,
    /// The welcome that waits for the instance's sends.
    pub(crate) welcome: Option<PendingWelcome>,
    /// Whether its user was told who it is.
    pub(crate) is_welcomed: bool,
    /// What waits for slow work with passwords.
    pub(crate) entry: Option<Box<PendingEntry>>,
    /// What it does with a message that is being read.
    pub(crate) deed: Option<Box<PendingDeed>>,
    /// When it may say again that it is typing.
    pub(crate) typing_free: MonoMs,
    /// When it may say as often as ever that it is away, or back.
    pub(crate) away_free: MonoMs,
    /// Wrong passwords so far.
    pub(crate) failures: u32,
    /// Why it could not come in the last time.
    pub(crate) refused_for: Option<ErrorCode>,
    /// It is being refused something for being too fast.
    pub(crate) was_too_fast: bool,
    /// How often it may still be told that it is too fast.
    pub(crate) refusals: Bucket,
    /// Private messages for people who have not agreed yet, oldest first.
    pub(crate) held_texts: Vec<(UserId, Body)>,
}

/// What is done when a password was worked on.
#[derive(Debug)]
pub(crate) struct PendingEntry {
    pub(crate) tag: Tag,
    /// For the audit log.
    pub(crate) name: UserName,
    pub(crate) what: EntryWork,
}

/// The kinds of it.
#[derive(Debug)]
pub(crate) enum EntryWork {
    /// To log in to this account, if these are what proves it then, too; `None`: there is none.
    Login { account: Option<(UserId, Credentials)>, hello: Hello },
    /// To make an account, whose name is reserved under this id meanwhile.
    Register { user: UserId, invite: Option<InviteId>, hello: Hello },
    /// To make an account of the guest.
    RegisterGuest { invite: Option<InviteId> },
    /// To change the password, if these are still what proves the account.
    Change { credentials: Credentials },
}

/// A hello that is answered when the store was asked.
#[derive(Debug)]
pub(crate) struct PendingWelcome {
    pub(crate) tag: Tag,
    pub(crate) token: ResumeToken,
    pub(crate) resumed: bool,
}

/// How a session hears a room.
#[derive(Debug)]
pub(crate) enum Attachment {
    /// It gets what is delivered.
    Live,
    /// It reads what it missed; see `catch_up`.
    CatchingUp(CatchUpState),
}

/// Where a session stands that reads what it missed.
#[derive(Debug)]
pub(crate) struct CatchUpState {
    /// The last event that it has, as far as it was given out.
    pub(crate) at: Position,
    /// A page is being read; else the last one is on its way to the client.
    pub(crate) is_reading: bool,
    /// The unanswered `Join`.
    pub(crate) join: Option<PendingJoin>,
}

/// A join that is answered when the position was checked.
#[derive(Debug)]
pub(crate) struct PendingJoin {
    pub(crate) tag: Tag,
    pub(crate) created: bool,
}

impl Session {
    pub(crate) fn new(arrival: Arrival, since: WallMs) -> Self {
        Self {
            arrival,
            since,
            user: None,
            login: None,
            instance: None,
            in_flight: 0,
            rooms: Vec::new(),
            welcome: None,
            is_welcomed: false,
            entry: None,
            deed: None,
            typing_free: MonoMs(0),
            away_free: MonoMs(0),
            failures: 0,
            refused_for: None,
            was_too_fast: false,
            refusals: Bucket::default(),
            held_texts: Vec::new(),
        }
    }

    /// Whether it gets what is delivered in the room.
    pub(crate) fn is_live_in(&self, room: RoomId) -> bool {
        self.rooms
            .iter()
            .any(|(id, attachment)| *id == room && matches!(attachment, Attachment::Live))
    }

    pub(crate) fn is_attached(&self, room: RoomId) -> bool {
        self.rooms.iter().any(|(id, _)| *id == room)
    }

    pub(crate) fn attachment(&mut self, room: RoomId) -> Option<&mut Attachment> {
        self.rooms.iter_mut().find(|(id, _)| *id == room).map(|(_, attachment)| attachment)
    }

    pub(crate) fn detach(&mut self, room: RoomId) -> Option<Attachment> {
        let at = self.rooms.iter().position(|(id, _)| *id == room)?;
        Some(self.rooms.swap_remove(at).1)
    }
}

//! What the plain door remembers of its requests until they are answered, as far as the answers do
//! not say it.

use hubbub_hub::{Command, Tag};
use hubbub_protocol::{
    InviteCode, Password, RestrictionKind, RoomAddress, RoomId, RoomName, Seq, Text, UserName,
    WallMs,
};

/// The tag of requests whose answer is looked for: there is one at a time, but answers to messages
/// that were sent before may come first.
pub(super) const AWAITED: Tag = Some(1);

/// What was asked, as far as the answer does not say.
#[derive(Debug)]
pub(super) enum Awaited {
    /// To be called so.
    Name(UserName),
    /// To be this account.
    Login { name: UserName, wished: bool },
    /// To change the password.
    Password,
    /// To make an account; kept until it is known whether an invite is needed.
    Register {
        /// Its name; `None`: that of the guest that the session is.
        name: Option<UserName>,
        password: Password,
        invite: Option<InviteCode>,
    },
    /// To make a group.
    Group,
    /// Something that is answered with `Done`: what is said then. Nothing of an act, which comes as
    /// an event of the room's log before.
    Done(String),
    /// How a room is set up.
    Info(Part),
    /// A page of its roles; whether it is a further one.
    Roles { further: bool },
    /// A page of its bans and mutes: which are shown, and whether some were.
    Restrictions { what: RestrictionKind, any: bool },
    /// To go on with the last message of one's own, when it is certain which that is.
    Last { room: RoomName, id: RoomId, then: Then },
    /// A page of history.
    History { address: RoomAddress, limit: u32, around: Option<Seq> },
    /// A page of a search.
    Search(Looked),
    /// Other words that call the account.
    Highlights(Vec<String>),
}

impl Awaited {
    /// Whether it came with a password.
    pub(super) fn has_password(&self) -> bool {
        matches!(self, Awaited::Login { .. } | Awaited::Password | Awaited::Register { .. })
    }
}

/// Which part of how a room is set up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    All,
    Topic,
    Description,
    Pins,
}

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum Then {
    Edit(Text),
    Delete,
}

/// What `/more` goes on with.
#[derive(Clone, Debug)]
pub(super) enum More {
    History { address: RoomAddress, before: Seq, limit: u32 },
    Search { looked: Looked, after: String },
}

/// A search without its place in what it finds.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) words: String,
    pub(super) address: Option<RoomAddress>,
    pub(super) from: Option<UserName>,
    pub(super) since: Option<WallMs>,
    pub(super) until: Option<WallMs>,
}

impl Looked {
    /// A page of it, from `after` on.
    pub(super) fn command(&self, after: Option<String>, limit: u32) -> Command {
        let Looked { words, address, from, since, until } = self.clone();
        Command::Search { words, address, from, since, until, after, limit }
    }
}

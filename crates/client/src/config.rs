//! What a client is told at its start, and why it may not take what it is told later.

use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{Instance, Password, ResumeToken, RoomAddress, TextError, UserName, WallMs};

/// As whom a client comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Enter {
    /// As a guest.
    #[default]
    Guest,
    /// As the account of the wished name.
    Password(Password),
    /// It makes the account of the wished name; from then on it is that account.
    Register {
        /// The account's password.
        password: Password,
        /// The code that lets one register, where that needs one.
        invite: Option<Hidden>,
    },
}

/// With what a room is joined, beside its name. Kept in memory, to join it again; never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Finds the room of this name *and* PIN, or makes it.
    Pin(Hidden),
    /// Opens a room that has a key.
    Key(Hidden),
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The words: all must be there. Quoted ones must follow each other.
    pub query: String,
    /// Only in this conversation.
    pub within: Option<RoomAddress>,
    /// Only what was said by who is or was called so.
    pub from: Option<UserName>,
    /// Only what was said then or later.
    pub since: Option<WallMs>,
    /// Only what was said before then.
    pub until: Option<WallMs>,
}

/// What a client is and wants.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// The wished name. Follows the name that the user has.
    pub name: UserName,
    /// As whom to come in, where no token says it.
    pub enter: Enter,
    /// The scope of the send counters: 16 bytes from a good random source, fresh for each core.
    /// Whoever knows them can take the client's place.
    pub instance: Instance,
    /// The token of an earlier run's welcome, to be that user again. If it no longer counts, `enter`
    /// decides; to [`Enter::Register`] it means nothing.
    pub resume: Option<ResumeToken>,
    /// The conversations to be in, at most
    /// [`CONVERSATIONS_MAX`](crate::conversation::CONVERSATIONS_MAX).
    pub conversations: Vec<RoomAddress>,
    /// Whether to attach to all conversations that the server says the user is in already.
    pub follow: bool,
    /// Events to keep of each conversation; 0 keeps none, only the position.
    pub kept_events_max: usize,
    /// Sends that may wait for their acknowledgement, on their way and behind them.
    pub sends_max: usize,
}

impl CoreConfig {
    /// A guest that keeps 500 events of each conversation and lets 1,024 sends wait, wants no
    /// conversation yet and follows those that it is in.
    #[must_use]
    pub fn new(name: UserName, instance: Instance) -> Self {
        Self {
            name,
            enter: Enter::Guest,
            instance,
            resume: None,
            conversations: Vec::new(),
            follow: true,
            kept_events_max: 500,
            sends_max: 1024,
        }
    }
}

/// Why a send was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The text breaks a rule.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Too many sends wait for the server. Try again when some are acknowledged.
    #[error("{0} messages wait for the server already; try again when it has taken some")]
    Full(usize),
    /// Too many sends wait for this user.
    #[error(
        "{max} messages wait for {0} already; try again when they have gone out",
        max = crate::outbox::HELD_MAX
    )]
    FullFor(UserName),
    /// The server or the program ended this client.
    #[error("this client has ended; start another one")]
    Stopped,
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no session. Ask again after the next [`Connected`](crate::ClientEvent::Connected).
    #[error("not connected to the server at the moment; try again when it is back")]
    Offline,
    /// Too many requests wait for an answer.
    #[error("too many requests wait for the server; try again when it has answered some")]
    Full,
    /// Longer than any frame: the server would not read it.
    #[error("that is too long to be sent; make it shorter")]
    TooLong,
}

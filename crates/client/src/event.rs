//! What the core tells its program.

use hubbub_protocol::frame::{CatchUp, MemberChange, Retention, RoomEntry};
use hubbub_protocol::{
    Author, CloseCode, Epoch, ErrorCode, Event, NextStep, Position, RoomAddress, RoomId, RoomName,
    Seq, WallMs,
};

/// One send, from [`Core::send`](crate::Core::send) until it is acknowledged or failed. It is the
/// send's counter in the client instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub u64);

/// One request that is answered by an event with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// How far a send has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendState {
    /// Not acknowledged yet. It is sent, and repeated after lost connections, until it is.
    Pending,
    /// The server has it: durable, in a room that keeps history.
    Sent {
        /// Its place in the conversation.
        position: Position,
        /// When the server took it.
        time: WallMs,
    },
    /// The server refused it for good; it is in nobody's conversation.
    Failed {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        text: String,
    },
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is none. [`Core::reconnect_delay_ms`](crate::Core::reconnect_delay_ms) says when to try.
    Offline,
    /// Connected; the server has not said welcome yet.
    Greeting,
    /// Connected, but the name was refused: waits for [`Core::set_name`](crate::Core::set_name).
    NameRefused,
    /// Logged in.
    Ready,
    /// Of no more use (the server is silent, or closes it): drop it and say
    /// [`Core::disconnected`](crate::Core::disconnected).
    Dead,
    /// Over: the server said not to come back, or the program said quit.
    Stopped,
}

/// What happened. Take all of them with [`Core::poll_event`](crate::Core::poll_event) after each input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Logged in. All wanted conversations are being joined again.
    Connected {
        /// Who you are.
        user: Author,
        /// Whether the user of the last connection came back. If not, a guest is somebody new.
        resumed: bool,
        /// Program and version of the server.
        server: String,
        /// The server's epoch.
        epoch: Epoch,
        /// The room to begin in.
        lobby: RoomName,
    },
    /// The wished name can't be had. The core does not come back before
    /// [`Core::set_name`](crate::Core::set_name).
    NameRefused {
        /// `name_taken` or `name_invalid`.
        code: ErrorCode,
        /// Why, for people.
        text: String,
        /// A name that is free.
        suggestion: Option<String>,
    },
    /// This session takes part in a conversation, for the first time or again.
    Joined {
        /// The conversation, by the name that it has.
        conversation: RoomAddress,
        /// How it was asked for: another spelling, perhaps.
        asked: RoomAddress,
        /// Its identity.
        room: RoomId,
        /// The number of its newest event.
        head: Seq,
        /// How what was missing comes.
        catch_up: CatchUp,
        /// What it keeps.
        retention: Retention,
        /// How many users are in it.
        members: u32,
        /// Whether this made it.
        created: bool,
    },
    /// Everything that was missing has come; what follows is said just now.
    CaughtUp {
        /// The conversation.
        conversation: RoomAddress,
    },
    /// The user is no longer in a room.
    Left {
        /// The room.
        room: RoomName,
    },
    /// The next event of a conversation: in order, without gaps, each exactly once, also one's own.
    NewEvent {
        /// The conversation.
        conversation: RoomAddress,
        /// The event.
        event: Event,
        /// The send that it comes from, where its acknowledgement brought it.
        local: Option<LocalId>,
    },
    /// What is known of this conversation can't be continued: forget it. New events follow; older
    /// ones are in the history.
    Reset {
        /// The conversation.
        conversation: RoomAddress,
    },
    /// A send came further.
    Send {
        /// Which.
        local: LocalId,
        /// How far.
        state: SendState,
    },
    /// Somebody came or went.
    Member {
        /// The room.
        room: RoomName,
        /// Who.
        user: Author,
        /// What happened.
        change: MemberChange,
        /// How many are in it now.
        members: u32,
    },
    /// How many are in a large room, in which nobody's coming and going is told.
    Count {
        /// The room.
        room: RoomName,
        /// How many are in it now.
        members: u32,
    },
    /// Answers [`Core::history`](crate::Core::history).
    HistoryPage {
        /// Of the request.
        request: RequestId,
        /// The conversation.
        conversation: RoomAddress,
        /// Oldest first.
        events: Vec<Event>,
        /// Whether there are more in the asked direction.
        more: bool,
    },
    /// Answers [`Core::rooms`](crate::Core::rooms).
    RoomList {
        /// Of the request.
        request: RequestId,
        /// By name.
        rooms: Vec<RoomEntry>,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::members`](crate::Core::members) (with the room) and
    /// [`Core::users`](crate::Core::users) (without).
    UserList {
        /// Of the request.
        request: RequestId,
        /// The room, in a list of members.
        room: Option<RoomName>,
        /// The users.
        users: Vec<Author>,
        /// How many there are in all.
        count: u32,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::ping`](crate::Core::ping).
    Pong {
        /// Of the request.
        request: RequestId,
        /// The server's clock.
        time: WallMs,
    },
    /// The server refused something other than a send.
    Refused {
        /// The request, if it was one with a number.
        request: Option<RequestId>,
        /// The conversation that could not be joined or left, as it was asked for.
        conversation: Option<RoomAddress>,
        /// Why, for programs.
        code: ErrorCode,
        /// What to do next.
        next: NextStep,
        /// Why, for people.
        text: String,
    },
    /// The connection was lost before this request was answered. Ask again.
    RequestLost {
        /// The request.
        request: RequestId,
    },
    /// The server closes the connection.
    Closed {
        /// Why, for programs.
        code: CloseCode,
        /// What the core does next.
        next: NextStep,
        /// Why, for people.
        text: String,
    },
    /// The connection is gone.
    Disconnected {
        /// Whether the core wants another one.
        returns: bool,
    },
}

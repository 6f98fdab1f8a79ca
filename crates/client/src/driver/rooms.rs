//! What the handle can do beyond talking: changing and finding what was said, and keeping order in
//! rooms.

use super::{Client, ClientError};
use crate::config::Search;
use crate::event::ClientEvent;
use hubbub_protocol::frame::{RoomWish, Whom};
use hubbub_protocol::{
    Note, Reaction, RestrictionKind, Role, RoomAddress, RoomName, Seq, Text, UserName,
};

impl Client {
    /// Gives a message of one's own another text.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn edit(&self, of: RoomAddress, seq: Seq, text: Text) -> Result<(), ClientError> {
        self.done(move |core| core.edit(&of, seq, &text)).await
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn delete(&self, of: RoomAddress, seq: Seq) -> Result<(), ClientError> {
        self.done(move |core| core.delete(&of, seq)).await
    }

    /// Says what one feels about a message, or takes it back.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn react(
        &self,
        of: RoomAddress,
        seq: Seq,
        reaction: Reaction,
        on: bool,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.react(&of, seq, &reaction, on)).await
    }

    /// Pins a message to its room, or no longer.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn pin(&self, room: RoomName, seq: Seq, on: bool) -> Result<(), ClientError> {
        self.done(move |core| core.pin(&room, seq, on)).await
    }

    /// Says that one is typing; more often than every 3 s it is of no use.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn typing(&self, to: RoomAddress) -> Result<(), ClientError> {
        self.done(move |core| core.typing(&to)).await
    }

    /// Says that one is away, or (`None`) back.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn away(&self, text: Option<Note>) -> Result<(), ClientError> {
        self.done(move |core| core.away(text.as_ref())).await
    }

    /// Says by which words the account wants to be called, beside its name.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn set_highlights(&self, words: Vec<String>) -> Result<(), ClientError> {
        self.done(move |core| core.set_highlights(words)).await
    }

    /// Asks how a room is set up: a [`ClientEvent::Info`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn info(&self, room: RoomName) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.info(&room)).await
    }

    /// Changes something about a room.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn set(&self, room: RoomName, wish: RoomWish) -> Result<(), ClientError> {
        self.done(move |core| core.set(&room, wish)).await
    }

    /// Gives a user a role in a room, or (`None`) takes it.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn set_role(
        &self,
        room: RoomName,
        user: UserName,
        role: Option<Role>,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.set_role(&room, &user, role)).await
    }

    /// Lists who has a role in a room: a [`ClientEvent::RoleList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn roles(
        &self,
        room: RoomName,
        after: Option<String>,
    ) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.roles(&room, after)).await
    }

    /// Sends a user out of a room.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn kick(
        &self,
        room: RoomName,
        user: UserName,
        reason: Option<Note>,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.kick(&room, &user, reason.as_ref())).await
    }

    /// Bans or mutes somebody in a room, for so many seconds or (`None`) until it is lifted.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn restrict(
        &self,
        room: RoomName,
        what: RestrictionKind,
        whom: Whom,
        reason: Option<Note>,
        seconds: Option<u64>,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.restrict(&room, what, whom, reason.as_ref(), seconds)).await
    }

    /// Lifts a ban or a mute, in the words of [`ClientEvent::RestrictionList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn lift(
        &self,
        room: RoomName,
        what: RestrictionKind,
        whom: Whom,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.lift(&room, what, whom)).await
    }

    /// Lists the bans and mutes of a room: a [`ClientEvent::RestrictionList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn restrictions(
        &self,
        room: RoomName,
        after: Option<String>,
    ) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.restrictions(&room, after)).await
    }

    /// Looks for words in all that one may read, the newest first: one page, a
    /// [`ClientEvent::Found`], whose `next` is `after` of the next one.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn search(
        &self,
        search: Search,
        after: Option<String>,
        limit: Option<u32>,
    ) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.search(&search, after, limit)).await
    }
}

//! What the handle can do with other users, and for the other sessions of its account.

use super::{Client, ClientError};
use crate::event::ClientEvent;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, RoomAddress, RoomName, Seq, UserName};

impl Client {
    /// Asks a user for a private chat. A [`ClientEvent::Link`] tells what they say.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn ask_user(&self, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.ask_user(&user)).await
    }

    /// Agrees to a private chat that a user asked for.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn accept(&self, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.accept(&user)).await
    }

    /// Declines a private chat that a user asked for.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn reject(&self, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.reject(&user)).await
    }

    /// Ends a private chat, or takes back the question for one.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn end(&self, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.end(&user)).await
    }

    /// Hears no more questions of a user.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn block(&self, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.block(&user)).await
    }

    /// Hears a user's questions again.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn unblock(&self, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.unblock(&user)).await
    }

    /// Lists private chats, questions for them, and invitations: a [`ClientEvent::LinkList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn links(&self, after: Option<String>) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.links(after)).await
    }

    /// Says who may begin a private chat with this user; `None`: what the server says.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn set_policy(&self, private: Option<PrivatePolicy>) -> Result<(), ClientError> {
        self.done(move |core| core.set_policy(private)).await
    }

    /// Makes a group and enters it, now and after every lost connection.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn group(
        &self,
        room: RoomName,
        retention: Option<Retention>,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.group(&room, retention)).await
    }

    /// Invites a user into a group that this one owns.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn invite(&self, room: RoomName, user: UserName) -> Result<(), ClientError> {
        self.done(move |core| core.invite(&room, &user)).await
    }

    /// Declines an invitation into a group.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn decline(&self, room: RoomName) -> Result<(), ClientError> {
        self.done(move |core| core.decline(&room)).await
    }

    /// Tells the account's other sessions how far its user has read.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn mark(&self, conversation: RoomAddress, seq: Seq) -> Result<(), ClientError> {
        self.done(move |core| core.mark(&conversation, seq)).await
    }

    /// Tells the account's other sessions what its user has begun to write; `None`: nothing any
    /// more.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn draft(
        &self,
        conversation: RoomAddress,
        text: Option<String>,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.draft(&conversation, text)).await
    }
}

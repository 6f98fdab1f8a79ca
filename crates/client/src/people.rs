//! What a program may want with other users: private chats, blocking, groups; and what it tells the
//! other sessions of its own account.

use crate::config::AskError;
use crate::conversation::{Attachment, target};
use crate::core::Core;
use crate::event::{ClientEvent, RequestId};
use crate::requests::Waiting;
use hubbub_protocol::frame::{Request, Retention};
use hubbub_protocol::{PrivatePolicy, RoomAddress, RoomName, Seq, UserName};

macro_rules! with_user {
    ($($(#[$doc:meta])* $method:ident: $request:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// As for [`history`](Self::history).
            pub fn $method(&mut self, user: &UserName) -> Result<RequestId, AskError> {
                let user = user.to_string();
                self.ask_for_program(Waiting::Asked, Request::$request { user })
            }
        )*
    };
}

impl Core {
    with_user! {
        /// Asks a user for a private chat; a first message to them does so too. Answered by
        /// [`ClientEvent::Done`]; a [`ClientEvent::Link`] tells what they say.
        ask_user: Ask;
        /// Agrees to a private chat that a user asked for. Answered by [`ClientEvent::Done`].
        accept: Accept;
        /// Declines a private chat that a user asked for. Answered by [`ClientEvent::Done`].
        reject: Reject;
        /// Ends a private chat, or takes back the question for one. Answered by
        /// [`ClientEvent::Done`].
        end: End;
        /// Hears no more questions of a user. Answered by [`ClientEvent::Done`].
        block: Block;
        /// Hears a user's questions again. Answered by [`ClientEvent::Done`].
        unblock: Unblock;
    }

    /// Lists private chats, questions for them, and invitations. Answered by
    /// [`ClientEvent::LinkList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn links(&mut self, after: Option<String>) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Links { after })
    }

    /// Says who may begin a private chat with this user; `None`: what the server says. Answered by
    /// [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn set_policy(&mut self, private: Option<PrivatePolicy>) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Policy { private })
    }

    /// Makes a group and enters it, now and after every lost connection. Answered by
    /// [`ClientEvent::Joined`] and [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn group(
        &mut self,
        room: &RoomName,
        retention: Option<Retention>,
    ) -> Result<RequestId, AskError> {
        let request = Request::Group { room: room.to_string(), retention };
        self.ask_for_program(Waiting::Group { room: room.clone() }, request)
    }

    /// Invites a user into a group that this one owns. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn invite(&mut self, room: &RoomName, user: &UserName) -> Result<RequestId, AskError> {
        let request = Request::Invite { room: room.to_string(), user: user.to_string() };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Declines an invitation into a group. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn decline(&mut self, room: &RoomName) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Decline { room: room.to_string() })
    }

    /// Tells the account's other sessions how far its user has read. Answered by
    /// [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn mark(&mut self, conversation: &RoomAddress, seq: Seq) -> Result<RequestId, AskError> {
        let request = Request::Mark { target: target(conversation), seq };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Tells the account's other sessions what its user has begun to write; `None`: nothing any
    /// more. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn draft(
        &mut self,
        conversation: &RoomAddress,
        text: Option<String>,
    ) -> Result<RequestId, AskError> {
        let request = Request::Draft { target: target(conversation), text };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Another session of the account entered a room.
    pub(crate) fn entered(&mut self, room: RoomName) {
        if self.config.follow
            && let Some(id) = self.open(&RoomAddress::Room(room.clone()))
        {
            if let Some(conversation) = self.conversations.get_mut(id) {
                conversation.wanted = true;
            }
            if self.attachment(id) == Attachment::Detached {
                self.start_join(id);
            }
        }
        self.events.push_back(ClientEvent::Entered { room });
    }

    /// Another session of the account left a room, or it is no more. If it is being joined here
    /// again, the answer to that says how it stands.
    pub(crate) fn gone(&mut self, room: RoomName) {
        let found = self.conversations.find(&RoomAddress::Room(room.clone()));
        if let Some(id) = found {
            if self.is_joining(id) {
                return;
            }
            self.conversations.remove(id);
            self.outbox.set_slow(&room, false);
        }
        self.events.push_back(ClientEvent::Left { room });
    }
}

//! What a program may want beyond talking: changing and finding what was said, and keeping order in
//! rooms; and being sent out of one.

use crate::config::{AskError, Search};
use crate::conversation::{Attachment, address, target};
use crate::core::Core;
use crate::event::{ClientEvent, RequestId};
use crate::refusal::Refusal;
use crate::requests::Waiting;
use hubbub_protocol::frame::{Request, RoomWish, Target, Whom};
use hubbub_protocol::mention::Calls;
use hubbub_protocol::{
    Author, ErrorCode, NextStep, Note, Reaction, RestrictionKind, Role, RoomAddress, RoomName, Seq,
    Text, UserName,
};

impl Core {
    /// Gives a message of one's own another text. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn edit(&mut self, of: &RoomAddress, seq: Seq, text: &Text) -> Result<RequestId, AskError> {
        let request = Request::Edit { target: target(of), seq, text: text.as_str().to_owned() };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Deletes a message. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn delete(&mut self, of: &RoomAddress, seq: Seq) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Delete { target: target(of), seq })
    }

    /// Says what one feels about a message, or takes it back. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn react(
        &mut self,
        of: &RoomAddress,
        seq: Seq,
        reaction: &Reaction,
        on: bool,
    ) -> Result<RequestId, AskError> {
        let reaction = reaction.as_str().to_owned();
        let request = Request::React { target: target(of), seq, reaction, on };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Pins a message to its room, or no longer. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn pin(&mut self, room: &RoomName, seq: Seq, on: bool) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Pin { room: room.to_string(), seq, on })
    }

    /// Says that one is typing; more often than every 3 s it is of no use. Answered by
    /// [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn typing(&mut self, to: &RoomAddress) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Typing { target: target(to) })
    }

    /// Says that one is away, or (`None`) back. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn away(&mut self, text: Option<&Note>) -> Result<RequestId, AskError> {
        let text = text.map(|text| text.as_str().to_owned());
        self.ask_for_program(Waiting::Asked, Request::Away { text })
    }

    /// Says by which words the account wants to be called, beside its name. Answered by
    /// [`ClientEvent::Done`]; then they count.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn set_highlights(&mut self, words: Vec<String>) -> Result<RequestId, AskError> {
        let request = Request::Highlights { words: words.clone() };
        self.ask_for_program(Waiting::Highlights { words }, request)
    }

    /// Asks how a room is set up. Answered by [`ClientEvent::Info`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn info(&mut self, room: &RoomName) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Info { room: room.to_string() })
    }

    /// Changes something about a room. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn set(&mut self, room: &RoomName, wish: RoomWish) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Set { room: room.to_string(), wish })
    }

    /// Gives a user a role in a room, or (`None`) takes it. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn set_role(
        &mut self,
        room: &RoomName,
        user: &UserName,
        role: Option<Role>,
    ) -> Result<RequestId, AskError> {
        let request = Request::Role { room: room.to_string(), user: user.to_string(), role };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Lists who has a role in a room. Answered by [`ClientEvent::RoleList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn roles(&mut self, room: &RoomName, after: Option<String>) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Roles { room: room.to_string(), after })
    }

    /// Sends a user out of a room. Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn kick(
        &mut self,
        room: &RoomName,
        user: &UserName,
        reason: Option<&Note>,
    ) -> Result<RequestId, AskError> {
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let request = Request::Kick { room: room.to_string(), user: user.to_string(), reason };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Bans or mutes somebody in a room, for so many seconds or (`None`) until it is lifted.
    /// Answered by [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn restrict(
        &mut self,
        room: &RoomName,
        what: RestrictionKind,
        whom: Whom,
        reason: Option<&Note>,
        seconds: Option<u64>,
    ) -> Result<RequestId, AskError> {
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let room = room.to_string();
        self.ask_for_program(
            Waiting::Asked,
            Request::Restrict { room, what, whom, reason, seconds },
        )
    }

    /// Lifts a ban or a mute, in the words of [`ClientEvent::RestrictionList`]. Answered by
    /// [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn lift(
        &mut self,
        room: &RoomName,
        what: RestrictionKind,
        whom: Whom,
    ) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Lift { room: room.to_string(), what, whom })
    }

    /// Lists the bans and mutes of a room. Answered by [`ClientEvent::RestrictionList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn restrictions(
        &mut self,
        room: &RoomName,
        after: Option<String>,
    ) -> Result<RequestId, AskError> {
        let request = Request::Restrictions { room: room.to_string(), after };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// Looks for words in all that one may read, the newest first: one page of at most `limit` hits
    /// (1–100), `after` is the `next` of the page before. Answered by [`ClientEvent::Found`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn search(
        &mut self,
        search: &Search,
        after: Option<String>,
        limit: Option<u32>,
    ) -> Result<RequestId, AskError> {
        let Search { query, within, from, since, until } = search.clone();
        let (room, user) = match within {
            Some(RoomAddress::Room(room)) => (Some(room.to_string()), None),
            Some(RoomAddress::User(user)) => (None, Some(user.to_string())),
            None => (None, None),
        };
        let from = from.map(|from| from.to_string());
        let request = Request::Search { query, room, user, from, since, until, after, limit };
        self.ask_for_program(Waiting::Asked, request)
    }

    /// By these words the user wants to be called from now on.
    pub(crate) fn called_by(&mut self, words: Vec<String>) {
        self.highlights = words;
        self.calls = Calls::new(&self.config.name, &self.highlights);
    }

    /// Somebody is typing: in private to us, or another session of ours to somebody.
    pub(crate) fn typing_there(&mut self, to: &Target, from: Author) {
        let is_mine = self.session.user.as_ref().is_some_and(|me| me.id == from.id);
        let conversation = match address(to) {
            Ok(RoomAddress::User(_)) if !is_mine => RoomAddress::User(from.name.clone()),
            Ok(conversation) => conversation,
            Err(_) => {
                self.violations += 1;
                return;
            }
        };
        self.events.push_back(ClientEvent::Typing { conversation, from });
    }

    /// We were sent out of a room. We don't go back by ourselves, and what had not gone out to it
    /// never does.
    pub(crate) fn kicked(
        &mut self,
        room: RoomName,
        by: UserName,
        reason: Option<Note>,
        banned: bool,
    ) {
        let code = if banned { ErrorCode::Banned } else { ErrorCode::NotMember };
        let text = format!("{by} sent you out of {room}.");
        let given_up = self.outbox.give_up_room(&room);
        self.fail(given_up, code, &text);
        if let Some(id) = self.conversations.find(&RoomAddress::Room(room.clone())) {
            let asked = self.conversations.get(id).and_then(|known| known.asked.clone());
            // What the program asked for meanwhile is answered by the server: in, or out.
            if asked.is_none() || self.attachment(id) != Attachment::Joining {
                self.conversations.remove(id);
                self.outbox.set_slow(&room, false);
                if asked.is_some() {
                    let next = NextStep::Correct;
                    self.tell(None, asked, Refusal { code, next, text, wait_ms: None });
                }
            }
        }
        self.events.push_back(ClientEvent::Kicked { room, by, reason, banned });
    }
}

//! What a program may want of its client: conversations, messages and lists.

use crate::config::{AskError, Pass, SendError};
use crate::conversation::{ConversationId, target};
use crate::core::Core;
use crate::event::{ClientEvent, ConnectionState, LocalId, RequestId, SendState};
use crate::outbox::Full;
use crate::requests::{Asked, Waiting};
use hubbub_protocol::frame::{ClientFrame, MessageKind, Page, Request, write_line};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{Body, RoomAddress, RoomName, Said, Seq, Text, UserName, limits};

impl Core {
    /// Takes another name: for the next hello, and at once if the last was refused.
    pub fn set_name(&mut self, name: UserName) {
        self.config.name = name;
        self.hello_again();
    }

    /// Wants to be in a conversation, now and after every lost connection. Answered by
    /// [`ClientEvent::Joined`] or [`ClientEvent::Refused`].
    ///
    /// # Errors
    /// `Full` with [`CONVERSATIONS_MAX`](crate::conversation::CONVERSATIONS_MAX) rooms.
    pub fn join(&mut self, address: &RoomAddress) -> Result<(), AskError> {
        let id = self.open(address).ok_or(AskError::Full)?;
        self.want(id, address.clone().into());
        Ok(())
    }

    /// The same of a room that has a PIN or a key, which is kept in memory and used again after lost
    /// connections. Two rooms of one name with two PINs are two conversations: each gets a name of
    /// its own, which [`ClientEvent::Joined`] tells.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    pub fn join_with(&mut self, room: &RoomName, pass: Pass) -> Result<(), AskError> {
        let address = RoomAddress::Room(room.clone());
        let id = match &pass {
            Pass::Key(_) => self.open(&address),
            Pass::Pin(pin) => self.open_pin(room, pin),
        };
        self.want(id.ok_or(AskError::Full)?, Asked { address, pass: Some(pass) });
        Ok(())
    }

    fn want(&mut self, id: ConversationId, asked: Asked) {
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.wanted = true;
            conversation.asked = Some(asked);
        }
        if self.session.state == ConnectionState::Ready {
            self.start_join(id);
        }
    }

    /// Leaves a room, and does not come back after lost connections. Answered by
    /// [`ClientEvent::Left`]. Sends to it that are still waiting are refused if they come later.
    pub fn leave(&mut self, room: &RoomName) {
        let Some(id) = self.conversations.find(&RoomAddress::Room(room.clone())) else { return };
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.wanted = false;
        }
        if self.session.state == ConnectionState::Ready {
            self.start_leave(room.clone());
        }
    }

    /// Says something. It goes out when there is a session and is repeated until it is answered;
    /// [`ClientEvent::Send`] tells how far it is.
    ///
    /// # Errors
    /// The rule that the text breaks; `Full` at `sends_max`; `FullFor` with
    /// [`HELD_MAX`](crate::outbox::HELD_MAX) sends that wait for one user; `Stopped` when nothing will
    /// go out.
    pub fn send(
        &mut self,
        to: &RoomAddress,
        text: &str,
        kind: MessageKind,
    ) -> Result<LocalId, SendError> {
        self.say(to, text, kind, None)
    }

    /// The same as an answer to a message of the conversation.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn reply(
        &mut self,
        to: &RoomAddress,
        seq: Seq,
        text: &str,
        kind: MessageKind,
    ) -> Result<LocalId, SendError> {
        self.say(to, text, kind, Some(seq))
    }

    pub(crate) fn say(
        &mut self,
        to: &RoomAddress,
        text: &str,
        kind: MessageKind,
        reply: Option<Seq>,
    ) -> Result<LocalId, SendError> {
        let text = Text::parse(text)?;
        if self.session.state == ConnectionState::Stopped || self.session.quitting {
            return Err(SendError::Stopped);
        }
        let said = Said { reply, ..text.into() };
        let body = match kind {
            MessageKind::Text => Body::Text(said),
            MessageKind::Action => Body::Action(said),
        };
        let known = self.conversations.find(to).and_then(|id| self.conversations.get(id));
        let with = known.and_then(|conversation| conversation.with);
        let pushed = self.outbox.push(to.clone(), body, with).map_err(|full| match (full, to) {
            (Full::Side, RoomAddress::User(name)) => SendError::FullFor(name.clone()),
            _ => SendError::Full(self.config.sends_max),
        })?;
        let local = pushed.local;
        let state = if pushed.is_held() { SendState::Held } else { SendState::Pending };
        self.events.push_back(ClientEvent::Send { local, state });
        self.pump();
        Ok(local)
    }

    /// Reads what was said. Answered by [`ClientEvent::HistoryPage`].
    ///
    /// # Errors
    /// `Offline` without a session, `Full` with too many questions.
    pub fn history(
        &mut self,
        of: &RoomAddress,
        page: Page,
        limit: Option<u32>,
    ) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::History { target: target(of), page, limit })
    }

    /// Lists the rooms. Answered by [`ClientEvent::RoomList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn rooms(&mut self, after: Option<String>) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Rooms { after })
    }

    /// Lists the members of a room. Answered by [`ClientEvent::MemberList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn members(
        &mut self,
        room: &RoomName,
        after: Option<String>,
    ) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Members { room: room.to_string(), after })
    }

    /// Lists who is online. Answered by [`ClientEvent::UserList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn users(&mut self, after: Option<String>) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Users { after })
    }

    /// Tells the server what whoever runs it could, as an admin. Answered by [`ClientEvent::Managed`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn manage(&mut self, line: String) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Admin { line })
    }

    /// Makes one's account the first admin, with what the server showed to whoever started it. Answered by
    /// [`ClientEvent::Done`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn set_up(&mut self, token: Hidden) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Setup { token })
    }

    /// A fence: [`ClientEvent::Pong`] comes after the answers to everything that is on its way.
    /// Sends that wait for others to be answered (more than the server's window) are not.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn ping(&mut self) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Ping)
    }

    /// Ends the session, and this core. Sends that are on their way may or may not arrive; what is
    /// held for somebody's consent is reported as failed.
    pub fn quit(&mut self) {
        self.session.quitting = true;
        match self.session.state {
            ConnectionState::Offline => self.session.state = ConnectionState::Stopped,
            ConnectionState::Stopped | ConnectionState::Dead => {}
            ConnectionState::Greeting
            | ConnectionState::NameRefused
            | ConnectionState::LoginRefused
            | ConnectionState::Ready => {
                self.transmit.push_back(ClientFrame { id: None, request: Request::Quit });
            }
        }
        self.tell_what_is_not_sent();
    }

    pub(crate) fn ask_for_program(
        &mut self,
        waiting: Waiting,
        request: Request,
    ) -> Result<RequestId, AskError> {
        if self.session.state != ConnectionState::Ready || self.session.quitting {
            return Err(AskError::Offline);
        }
        if self.requests.is_full() {
            return Err(AskError::Full);
        }
        // The server would skip the line, and its refusal could not say which request it was.
        let mut line = Vec::new();
        write_line(&ClientFrame { id: Some(u64::MAX), request: request.clone() }, &mut line);
        if line.len() > limits::FRAME_BYTES {
            return Err(AskError::TooLong);
        }
        Ok(self.ask(waiting, request))
    }
}

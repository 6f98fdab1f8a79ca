//! Coming in: what hello says, its refusal, the welcome, and becoming another user later.
//!
//! A token is tried before a password. A password that was refused is never tried again by itself,
//! and one that was only lost on its way to make an account is tried to log in to it.

use crate::config::Enter;
use crate::conversation::Attachment;
use crate::core::Core;
use crate::event::{ClientEvent, ConnectionState, RequestId};
use crate::refusal::Refusal;
use crate::requests::Waiting;
use hubbub_protocol::frame::{Request, ServerFrame};
use hubbub_protocol::mention::Calls;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{
    Author, CloseCode, ErrorCode, MonoMs, NextStep, Password, RoomAddress, VERSIONS,
};

impl Core {
    pub(crate) fn say_hello(&mut self) {
        let token = self.session.token;
        let (resume, password, register, invite) = match &self.config.enter {
            Enter::Register { password, invite } => {
                (None, Some(hidden(password)), true, invite.clone())
            }
            Enter::Password(password) if token.is_none() => {
                (None, Some(hidden(password)), false, None)
            }
            Enter::Password(_) | Enter::Guest => (token, None, false, None),
        };
        self.session.registering = register;
        let hello = Request::Hello {
            versions: VERSIONS.to_vec(),
            name: Some(self.config.name.to_string()),
            instance: Some(self.config.instance),
            resume,
            password,
            register,
            invite,
        };
        self.ask(Waiting::Hello, hello);
    }

    pub(crate) fn hello_refused(&mut self, refusal: Refusal, suggestion: Option<String>) {
        let Refusal { code, next, text, wait_ms } = refusal;
        self.session.registering = false;
        let name_refused = matches!(code, ErrorCode::NameTaken | ErrorCode::NameInvalid);
        let login_refused = matches!(
            code,
            ErrorCode::LoginNeeded
                | ErrorCode::WrongPassword
                | ErrorCode::PasswordInvalid
                | ErrorCode::RegistrationClosed
                | ErrorCode::InviteNeeded
                | ErrorCode::InviteInvalid
                | ErrorCode::TlsNeeded
        );
        if !name_refused && !login_refused {
            self.session.told(next);
            self.tell(None, None, Refusal { code, next, text, wait_ms });
            return;
        }
        if self.try_password(code) {
            return;
        }
        // The token has not helped, so the hold is over. Asking again by ourselves, or taking
        // another name, would make a stranger of the user without a word.
        self.session.token = None;
        self.session.refused = true;
        if name_refused {
            self.session.state = ConnectionState::NameRefused;
            self.events.push_back(ClientEvent::NameRefused { code, text, suggestion });
        } else {
            self.session.state = ConnectionState::LoginRefused;
            self.events.push_back(ClientEvent::LoginRefused { code, text, suggestion });
        }
    }

    /// Says hello once more where a password was not tried yet.
    fn try_password(&mut self, code: ErrorCode) -> bool {
        let made = std::mem::take(&mut self.session.perhaps_registered);
        match &self.config.enter {
            Enter::Password(_) if self.session.token.take().is_some() => {}
            // The lost hello made it.
            Enter::Register { password, .. }
                if made && matches!(code, ErrorCode::NameTaken | ErrorCode::LoginNeeded) =>
            {
                self.config.enter = Enter::Password(password.clone());
                self.session.token = None;
            }
            Enter::Password(_) | Enter::Register { .. } | Enter::Guest => return false,
        }
        self.say_hello();
        true
    }

    /// The server lets us in: as the answer to `hello`, or to `login`.
    pub(crate) fn welcome(&mut self, now: MonoMs, frame: ServerFrame) {
        let ServerFrame::Welcome {
            id,
            user,
            resume: token,
            resumed,
            account,
            server,
            epoch,
            lobby,
            rooms,
            privates,
            highlights,
            limits,
            ..
        } = frame
        else {
            return;
        };
        let login = match self.requests.answer(id) {
            Some(Waiting::Login { password }) => {
                self.config.enter = Enter::Password(password);
                id.map(RequestId)
            }
            _ => None,
        };
        if let Enter::Register { password, .. } = &self.config.enter
            && account
        {
            self.config.enter = Enter::Password(password.clone());
        }
        self.session.welcomed(now);
        self.session.in_flight_max = u64::from(limits.sends_in_flight);
        self.session.token = Some(token);
        self.highlights.clone_from(&highlights);
        self.is_now(user.clone(), account);
        self.events.push_back(ClientEvent::Connected {
            user,
            resumed,
            account,
            token,
            server,
            epoch,
            lobby,
            highlights,
        });
        if let Some(request) = login {
            self.events.push_back(ClientEvent::Done { request });
        }
        // A question of the last session may be lost: a guest's end with it.
        self.outbox.nudge_all();
        for conversation in self.conversations.iter_mut() {
            conversation.attachment = Attachment::Detached;
            conversation.joins = 0;
        }
        let rooms = rooms.into_iter().map(RoomAddress::Room);
        let privates = privates.into_iter().map(RoomAddress::User);
        self.attach_all(rooms.chain(privates).collect());
    }

    /// Joins what is wanted, and leaves what was left while there was no session.
    fn attach_all(&mut self, present: Vec<RoomAddress>) {
        let mut present_ids = Vec::new();
        for name in &present {
            match self.conversations.find(name) {
                None if self.config.follow => {
                    self.open(name);
                }
                found => present_ids.extend(found),
            }
        }
        for id in self.conversations.ids() {
            let Some(conversation) = self.conversations.get(id) else { continue };
            match (&conversation.address, conversation.wanted) {
                (RoomAddress::Room(room), false) if present_ids.contains(&id) => {
                    self.start_leave(room.clone());
                }
                (RoomAddress::Room(room), false) => self.left(room.clone()),
                (_, _) => self.start_join(id),
            }
        }
    }

    /// The user that we are, in the server's words. Later hellos wish that name.
    fn is_now(&mut self, user: Author, account: bool) {
        self.config.name = user.name.clone();
        self.calls = Calls::new(&user.name, &self.highlights);
        self.session.user = Some(user);
        self.session.account = account;
    }

    /// We have another name, or are an account now.
    pub(crate) fn you(&mut self, id: Option<u64>, user: Author, account: bool) {
        let request = match (id, self.requests.answer(id)) {
            (None, _) => None,
            (Some(id), Some(Waiting::Asked)) => Some(RequestId(id)),
            (Some(id), Some(Waiting::Register { password })) => {
                self.config.enter = Enter::Password(password);
                Some(RequestId(id))
            }
            (Some(_), _) => {
                self.violations += 1;
                return;
            }
        };
        self.is_now(user.clone(), account);
        self.events.push_back(ClientEvent::You { request, user, account });
    }

    pub(crate) fn closed(&mut self, code: CloseCode, next: NextStep, text: String) {
        let by_password = !matches!(self.config.enter, Enter::Guest);
        if by_password && matches!(code, CloseCode::Revoked | CloseCode::LoginFailures) {
            // Whoever ended this login does not want it back without a word.
            self.session.refused = true;
        }
        if matches!(code, CloseCode::Flood | CloseCode::Full) {
            self.session.is_crowded = true;
        }
        self.session.told(next);
        self.events.push_back(ClientEvent::Closed { code, next, text });
    }
}

fn hidden(password: &Password) -> Hidden {
    Hidden::new(password.expose())
}

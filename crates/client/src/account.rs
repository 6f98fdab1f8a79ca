//! What a program may want of its user's account.

use crate::config::{AskError, Enter};
use crate::core::Core;
use crate::event::{ConnectionState, RequestId};
use crate::requests::Waiting;
use hubbub_protocol::frame::Request;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{LoginId, Password, UserName};

impl Core {
    /// Comes in as somebody else, or in another way: with the next hello, and at once if the last
    /// was refused. A token of before no longer counts.
    pub fn set_login(&mut self, name: UserName, enter: Enter) {
        self.config.name = name;
        self.config.enter = enter;
        if self.session.state != ConnectionState::Ready {
            self.session.token = None;
        }
        self.session.perhaps_registered = false;
        self.hello_again();
    }

    /// The server said not to come back ([`ConnectionState::Stopped`]), and the person wants to all the same,
    /// a while after a kick for example. What was not acknowledged is sent again, and counts once. Nothing
    /// happens after [`quit`](Self::quit).
    pub fn come_again(&mut self) {
        if self.session.state == ConnectionState::Stopped && !self.session.quitting {
            self.session.state = ConnectionState::Offline;
        }
    }

    /// After a refusal there is something new to say.
    pub(crate) fn hello_again(&mut self) {
        self.session.refused = false;
        if matches!(
            self.session.state,
            ConnectionState::NameRefused | ConnectionState::LoginRefused
        ) {
            self.session.state = ConnectionState::Greeting;
            self.say_hello();
        }
    }

    /// Makes an account of the guest that the user is. Answered by
    /// [`ClientEvent::You`](crate::ClientEvent::You).
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn register(
        &mut self,
        password: Password,
        invite: Option<Hidden>,
    ) -> Result<RequestId, AskError> {
        let request = Request::Register { password: Hidden::new(password.expose()), invite };
        self.ask_for_program(Waiting::Register { password }, request)
    }

    /// Leaves the guest that the user is, and becomes an account: everything begins anew, as after a
    /// connect. Sends wait meanwhile; those that have not gone out are said as the account.
    /// Answered by [`ClientEvent::Connected`](crate::ClientEvent::Connected) and
    /// [`ClientEvent::Done`](crate::ClientEvent::Done).
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn login(&mut self, name: &UserName, password: Password) -> Result<RequestId, AskError> {
        let hidden = Hidden::new(password.expose());
        let request = Request::Login { name: name.to_string(), password: hidden };
        let asked = self.ask_for_program(Waiting::Login { password }, request)?;
        self.session.changing_user = true;
        Ok(asked)
    }

    /// Ends the session and this core, and makes the token worthless. What is held is reported as
    /// failed.
    ///
    /// # Errors
    /// `Offline`: the server can't be told.
    pub fn logout(&mut self) -> Result<(), AskError> {
        if self.session.state != ConnectionState::Ready || self.session.quitting {
            return Err(AskError::Offline);
        }
        let token = self.session.token.take();
        self.session.quitting = true;
        self.ask(Waiting::Logout { token }, Request::Logout);
        Ok(())
    }

    /// Changes the account's password. Answered by [`ClientEvent::Done`](crate::ClientEvent::Done).
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn change_password(
        &mut self,
        old: &Password,
        new: Password,
    ) -> Result<RequestId, AskError> {
        let (old, hidden) = (Hidden::new(old.expose()), Hidden::new(new.expose()));
        let request = Request::Password { old, new: hidden };
        self.ask_for_program(Waiting::NewPassword { password: new }, request)
    }

    /// Lists the account's logins. Answered by
    /// [`ClientEvent::LoginList`](crate::ClientEvent::LoginList).
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn logins(&mut self) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Logins)
    }

    /// Ends a login of the account. Answered by [`ClientEvent::Done`](crate::ClientEvent::Done).
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn revoke(&mut self, login: LoginId) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Revoke { login })
    }

    /// Takes another name in this session. Answered by
    /// [`ClientEvent::You`](crate::ClientEvent::You).
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn nick(&mut self, name: &UserName) -> Result<RequestId, AskError> {
        self.ask_for_program(Waiting::Asked, Request::Nick { name: name.to_string() })
    }
}

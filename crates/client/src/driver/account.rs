//! What the handle can do for its user's account.

use super::{Client, ClientError, commands::Command};
use crate::config::Enter;
use crate::event::ClientEvent;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{LoginId, Password, UserName};

impl Client {
    /// Comes in as somebody else, or with another password, after a [`ClientEvent::LoginRefused`],
    /// and goes on.
    ///
    /// # Errors
    /// The client has ended.
    pub async fn set_login(&self, name: UserName, enter: Enter) -> Result<(), ClientError> {
        self.command(|answer| Command::SetLogin { name, enter, answer }).await
    }

    /// Makes an account of the guest that the user is.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn register(
        &self,
        password: Password,
        invite: Option<Hidden>,
    ) -> Result<(), ClientError> {
        self.done(move |core| core.register(password, invite)).await
    }

    /// Leaves the guest that the user is, and becomes an account. Everything begins anew with a
    /// [`ClientEvent::Connected`], as after a connect.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn login(&self, name: UserName, password: Password) -> Result<(), ClientError> {
        self.done(move |core| core.login(&name, password)).await
    }

    /// Logs out: ends the session and this client, and makes its token worthless. The events end when
    /// that is done.
    ///
    /// # Errors
    /// There is no connection at the moment, or the client has ended.
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.command(|answer| Command::Logout { answer }).await
    }

    /// Changes the account's password.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn change_password(&self, old: Password, new: Password) -> Result<(), ClientError> {
        self.done(move |core| core.change_password(&old, new)).await
    }

    /// Lists the account's logins: a [`ClientEvent::LoginList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn logins(&self) -> Result<ClientEvent, ClientError> {
        self.ask(|core| core.logins()).await
    }

    /// Ends a login of the account.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn revoke(&self, login: LoginId) -> Result<(), ClientError> {
        self.done(move |core| core.revoke(login)).await
    }

    /// Takes another name in this session: a [`ClientEvent::You`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn nick(&self, name: UserName) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.nick(&name)).await
    }
}

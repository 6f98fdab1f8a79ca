//! Runs a [`Core`] over TLS with tokio: the handle that programs hold.
//!
//! What it can do for an account is in `driver/account.rs`, with other users in `driver/people.rs`,
//! in rooms in `driver/rooms.rs`. How a server is reached is in `driver/contact.rs`, and whether
//! it is the right one in `driver/verify.rs`. The task behind it is in `driver/task.rs` and
//! `driver/commands.rs`; how programs are told what went wrong in `driver/error.rs`.

mod account;
mod commands;
mod contact;
mod error;
mod greeting;
mod people;
mod rooms;
mod task;
mod verify;
mod waiters;

pub use contact::Contact;
pub use error::ClientError;

use crate::address::ServerAddress;
use crate::config::{AskError, CoreConfig, Pass};
use crate::core::Core;
use crate::event::{ClientEvent, RequestId};
use crate::security::Security;
use commands::{Answer, Command};
use hubbub_protocol::frame::{MessageKind, Page};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{
    Fingerprint, Instance, Position, RoomAddress, RoomName, Seq, UserName, WallMs,
};
use tokio::sync::{mpsc, oneshot};

/// Events that wait for a program before the client stops reading, so that the server's bound for
/// slow readers holds and memory does not grow.
pub const EVENTS_WAITING_MAX: usize = 1024;
/// Commands of a program that wait for the client's task.
const COMMANDS_WAITING_MAX: usize = 256;

/// A connected client. It comes back after lost connections by itself. Clones speak for the same
/// session; when the last one is dropped, the session ends.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    address: ServerAddress,
    fingerprint: Option<Fingerprint>,
}

/// What happens to a client, in order. Read it, or drop it: a program that holds it and does not
/// read stops its client, acknowledgements included.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<ClientEvent>,
}

impl Events {
    /// The next event; `None` after the client has ended. Safe to cancel.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        self.events.recv().await
    }
}

/// A fresh scope of send counters, from the operating system.
///
/// # Errors
/// The system has no randomness to give.
pub fn random_instance() -> Result<Instance, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ClientError::NoRandomness(error.to_string()))?;
    Ok(Instance(bytes))
}

impl Client {
    /// Connects with TLS and logs in; needs a tokio runtime with I/O and time. Returns after the
    /// welcome; the wanted conversations are joined afterwards. With a fingerprint in the address,
    /// the server must have that key; else it may have any, and [`fingerprint`](Self::fingerprint)
    /// tells which, to be kept.
    ///
    /// # Errors
    /// The first attempt's failure, with the address and the way out. Later ones are repeated; but
    /// if the server has another key then, the client ends with [`ClientEvent::KeyChanged`].
    pub async fn connect(address: &str, config: CoreConfig) -> Result<(Self, Events), ClientError> {
        let address: ServerAddress = address.parse()?;
        let security = address.security();
        Self::connect_by(&address, security, config).await
    }

    /// The same, with or without TLS, and with a key that is known from elsewhere.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn connect_by(
        address: &ServerAddress,
        security: Security,
        config: CoreConfig,
    ) -> Result<(Self, Events), ClientError> {
        Self::log_in(Contact::make(address, security).await?, config).await
    }

    /// Goes on from a contact, whose key the program may have looked at.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn log_in(
        contact: Contact,
        config: CoreConfig,
    ) -> Result<(Self, Events), ClientError> {
        let (address, fingerprint) = (contact.address.clone(), contact.fingerprint());
        let (commands, commands_rx) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events_tx, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let (ready, welcomed) = oneshot::channel();
        let security = contact.security;
        let task =
            task::Task::new((address.clone(), security), config, commands_rx, events_tx, ready);
        tokio::spawn(task.run(contact.stream));
        welcomed.await.unwrap_or(Err(ClientError::NoWelcome { address: address.clone() }))?;
        Ok((Self { commands, address, fingerprint }, Events { events }))
    }

    /// Where this client connects to.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// The key that the server has proven, and that it has to prove whenever the client comes back;
    /// `None` without TLS.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// Says something, and waits until the server has it, also over lost connections, and until a
    /// user who was asked for a private chat agrees ([`SendState::Held`](crate::SendState::Held)
    /// tells). Whoever gives up waiting (a time-out) does not take the message back.
    ///
    /// # Errors
    /// The text breaks a rule, the server refuses it for good, or the client ends first.
    pub async fn send(
        &self,
        to: RoomAddress,
        text: impl Into<String>,
        kind: MessageKind,
    ) -> Result<Position, ClientError> {
        let (text, reply) = (text.into(), None);
        self.command(|answer| Command::Send { to, text, kind, reply, answer }).await
    }

    /// The same as an answer to a message of the conversation.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn reply(
        &self,
        to: RoomAddress,
        seq: Seq,
        text: impl Into<String>,
        kind: MessageKind,
    ) -> Result<Position, ClientError> {
        let (text, reply) = (text.into(), Some(seq));
        self.command(|answer| Command::Send { to, text, kind, reply, answer }).await
    }

    /// Joins a conversation, now and after every lost connection, and waits until that is done.
    /// Returns the name that it has.
    ///
    /// # Errors
    /// The server refuses, or the client ends first.
    pub async fn join(&self, conversation: RoomAddress) -> Result<RoomAddress, ClientError> {
        self.command(|answer| Command::Join { conversation, answer }).await
    }

    /// The same of a room that has a PIN or a key. Returns the name that the room has: one with a
    /// PIN has its own.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    pub async fn join_with(&self, room: RoomName, pass: Pass) -> Result<RoomAddress, ClientError> {
        self.command(|answer| Command::JoinWith { room, pass, answer }).await
    }

    /// Leaves a room. [`ClientEvent::Left`] tells when that is done.
    ///
    /// # Errors
    /// The client has ended.
    pub async fn leave(&self, room: RoomName) -> Result<(), ClientError> {
        self.command(|answer| Command::Leave { room, answer }).await
    }

    /// Reads what was said: a [`ClientEvent::HistoryPage`].
    ///
    /// # Errors
    /// The server refuses, or there is no connection at the moment.
    pub async fn history(
        &self,
        of: RoomAddress,
        page: Page,
        limit: Option<u32>,
    ) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.history(&of, page, limit)).await
    }

    /// Lists the rooms: a [`ClientEvent::RoomList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn rooms(&self, after: Option<String>) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.rooms(after)).await
    }

    /// Lists the members of a room: a [`ClientEvent::MemberList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn members(
        &self,
        room: RoomName,
        after: Option<String>,
    ) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.members(&room, after)).await
    }

    /// Lists who is online: a [`ClientEvent::UserList`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn users(&self, after: Option<String>) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.users(after)).await
    }

    /// Tells the server what whoever runs it could, as an admin: a [`ClientEvent::Managed`].
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn manage(&self, line: String) -> Result<ClientEvent, ClientError> {
        self.ask(move |core| core.manage(line)).await
    }

    /// Makes one's account the first admin, with what the server showed to whoever started it.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn set_up(&self, token: Hidden) -> Result<(), ClientError> {
        self.ask(move |core| core.set_up(token)).await.map(drop)
    }

    /// A fence: returns the server's clock after everything that was on its way is answered.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub async fn ping(&self) -> Result<WallMs, ClientError> {
        match self.ask(Core::ping).await? {
            ClientEvent::Pong { time, .. } => Ok(time),
            _ => Err(ClientError::Lost),
        }
    }

    /// Takes another name after a [`ClientEvent::NameRefused`] or [`ClientEvent::LoginRefused`],
    /// and goes on.
    ///
    /// # Errors
    /// The client has ended.
    pub async fn set_name(&self, name: UserName) -> Result<(), ClientError> {
        self.command(|answer| Command::SetName { name, answer }).await
    }

    /// Ends the session and waits until it has ended. The name is free at once. Sends that are not
    /// acknowledged yet may or may not arrive.
    pub async fn close(self) {
        if self.commands.send(Command::Quit).await.is_ok() {
            self.commands.closed().await;
        }
    }

    async fn ask(
        &self,
        asking: impl FnOnce(&mut Core) -> Result<RequestId, AskError> + Send + 'static,
    ) -> Result<ClientEvent, ClientError> {
        let asking = Box::new(asking);
        self.command(|answer| Command::Ask { asking, answer }).await
    }

    /// Asks what has no answer but that it is done.
    async fn done(
        &self,
        asking: impl FnOnce(&mut Core) -> Result<RequestId, AskError> + Send + 'static,
    ) -> Result<(), ClientError> {
        self.ask(asking).await.map(drop)
    }

    async fn command<T>(&self, make: impl FnOnce(Answer<T>) -> Command) -> Result<T, ClientError> {
        let ended = || ClientError::Ended { text: "this client has ended".into() };
        let (answer, answered) = oneshot::channel();
        self.commands.send(make(answer)).await.map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

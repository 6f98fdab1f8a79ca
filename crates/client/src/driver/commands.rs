//! What the handle asks of the task, and how the task does it.

use super::{ClientError, task::Task};
use crate::config::{AskError, Enter, Pass};
use crate::core::Core;
use crate::event::{ClientEvent, RequestId};
use hubbub_protocol::frame::MessageKind;
use hubbub_protocol::{Position, RoomAddress, RoomName, Seq, UserName};
use std::time::Duration;
use tokio::{sync::oneshot, time::Instant};

/// How long the server may take to say goodbye.
pub(super) const GOODBYE_MAX: Duration = Duration::from_secs(3);

pub(super) type Answer<T> = oneshot::Sender<Result<T, ClientError>>;

/// What the core does for a question with one answer.
pub(super) type Asking = Box<dyn FnOnce(&mut Core) -> Result<RequestId, AskError> + Send>;

/// What the handle asks of the task.
pub(super) enum Command {
    Send {
        to: RoomAddress,
        text: String,
        kind: MessageKind,
        reply: Option<Seq>,
        answer: Answer<Position>,
    },
    Join {
        conversation: RoomAddress,
        answer: Answer<RoomAddress>,
    },
    JoinWith {
        room: RoomName,
        pass: Pass,
        answer: Answer<RoomAddress>,
    },
    Leave {
        room: RoomName,
        answer: Answer<()>,
    },
    Ask {
        asking: Asking,
        answer: Answer<ClientEvent>,
    },
    SetName {
        name: UserName,
        answer: Answer<()>,
    },
    SetLogin {
        name: UserName,
        enter: Enter,
        answer: Answer<()>,
    },
    Logout {
        answer: Answer<()>,
    },
    Quit,
}

impl Task {
    /// Does what the program wants. `None`: nobody is left who could want more.
    pub(super) fn command(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Send { to, text, kind, reply, answer }) => {
                match self.core.say(&to, &text, kind, reply) {
                    Ok(local) => drop(self.waiters.sends.insert(local, answer)),
                    Err(error) => drop(answer.send(Err(error.into()))),
                }
            }
            Some(Command::Join { conversation, answer }) => match self.core.join(&conversation) {
                Ok(()) => self.waiters.joins.push((conversation, None, answer)),
                Err(error) => drop(answer.send(Err(error.into()))),
            },
            Some(Command::JoinWith { room, pass, answer }) => {
                match self.core.join_with(&room, pass.clone()) {
                    Ok(()) => {
                        let asked = RoomAddress::Room(room);
                        self.waiters.joins.push((asked, Some(pass), answer));
                    }
                    Err(error) => drop(answer.send(Err(error.into()))),
                }
            }
            Some(Command::Leave { room, answer }) => {
                self.core.leave(&room);
                let _ = answer.send(Ok(()));
            }
            Some(Command::Ask { asking, answer }) => match asking(&mut self.core) {
                Ok(request) => drop(self.waiters.asks.insert(request, answer)),
                Err(error) => drop(answer.send(Err(error.into()))),
            },
            Some(Command::SetName { name, answer }) => {
                self.core.set_name(name);
                let _ = answer.send(Ok(()));
            }
            Some(Command::SetLogin { name, enter, answer }) => {
                self.core.set_login(name, enter);
                let _ = answer.send(Ok(()));
            }
            Some(Command::Logout { answer }) => {
                let _ = answer.send(self.core.logout().map_err(ClientError::from));
            }
            Some(Command::Quit) | None => {
                self.core.quit();
                self.quit_by = Some(Instant::now() + GOODBYE_MAX);
            }
        }
    }
}

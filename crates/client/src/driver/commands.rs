//! What the handle asks of the task, and how the task does it.

use super::{ClientError, task::Task};
use crate::event::ClientEvent;
use hubbub_protocol::frame::{MessageKind, Page};
use hubbub_protocol::{Position, RoomAddress, RoomName, UserName};
use std::time::Duration;
use tokio::{sync::oneshot, time::Instant};

/// How long the server may take to say goodbye.
pub(super) const GOODBYE_MAX: Duration = Duration::from_secs(3);

pub(super) type Answer<T> = oneshot::Sender<Result<T, ClientError>>;

/// A question with one answer.
#[derive(Debug)]
pub(super) enum Ask {
    History { of: RoomAddress, page: Page, limit: Option<u32> },
    Rooms { after: Option<String> },
    Members { room: RoomName, after: Option<String> },
    Users { after: Option<String> },
    Ping,
}

/// What the handle asks of the task.
#[derive(Debug)]
pub(super) enum Command {
    Send { to: RoomAddress, text: String, kind: MessageKind, answer: Answer<Position> },
    Join { conversation: RoomAddress, answer: Answer<RoomAddress> },
    Leave { room: RoomName, answer: Answer<()> },
    Ask { what: Ask, answer: Answer<ClientEvent> },
    SetName { name: UserName, answer: Answer<()> },
    Quit,
}

impl Task {
    /// Does what the program wants. `None`: nobody is left who could want more.
    pub(super) fn command(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Send { to, text, kind, answer }) => {
                match self.core.send(&to, &text, kind) {
                    Ok(local) => drop(self.waiters.sends.insert(local, answer)),
                    Err(error) => drop(answer.send(Err(error.into()))),
                }
            }
            Some(Command::Join { conversation, answer }) => match self.core.join(&conversation) {
                Ok(()) => self.waiters.joins.push((conversation, answer)),
                Err(error) => drop(answer.send(Err(error.into()))),
            },
            Some(Command::Leave { room, answer }) => {
                self.core.leave(&room);
                let _ = answer.send(Ok(()));
            }
            Some(Command::Ask { what, answer }) => self.ask(what, answer),
            Some(Command::SetName { name, answer }) => {
                self.core.set_name(name);
                let _ = answer.send(Ok(()));
            }
            Some(Command::Quit) | None => {
                self.core.quit();
                self.quit_by = Some(Instant::now() + GOODBYE_MAX);
            }
        }
    }

    fn ask(&mut self, what: Ask, answer: Answer<ClientEvent>) {
        let asked = match what {
            Ask::History { of, page, limit } => self.core.history(&of, page, limit),
            Ask::Rooms { after } => self.core.rooms(after),
            Ask::Members { room, after } => self.core.members(&room, after),
            Ask::Users { after } => self.core.users(after),
            Ask::Ping => self.core.ping(),
        };
        match asked {
            Ok(request) => drop(self.waiters.asks.insert(request, answer)),
            Err(error) => drop(answer.send(Err(error.into()))),
        }
    }
}

//! The commands, one file each, and the dispatch to them.

mod hello;
mod history;
mod join;
mod leave;
mod lists;
mod quit;
mod send;

use crate::hub::{Hub, reply};
use crate::room::Room;
use crate::{Command, Effect, Refusal, Reply, Tag};
use hubbub_protocol::{ErrorCode, Now, RoomAddress, RoomId, RoomName, SessionId, UserId, UserName};

/// What every command knows about its caller.
pub(crate) struct Caller {
    pub(crate) now: Now,
    pub(crate) session: SessionId,
    pub(crate) tag: Tag,
    pub(crate) user: UserId,
}

impl Hub {
    pub(crate) fn command(
        &mut self,
        now: Now,
        id: SessionId,
        tag: Tag,
        command: Command,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        let command = match command {
            Command::Hello { name, instance, resume, fresh } => {
                let hello = hello::Hello { name, instance, resume, fresh };
                return self.hello(now, id, tag, hello, effects);
            }
            Command::Quit => return self.quit(now, id, effects),
            other => other,
        };
        let Some(user) = session.user else {
            let refusal = Refusal::new(ErrorCode::HelloFirst, "Say who you are first.");
            return reply(id, tag, Reply::Refused(refusal), effects);
        };
        let caller = Caller { now, session: id, tag, user };
        let answer = match command {
            Command::Hello { .. } | Command::Quit => return,
            Command::Send { address, body, counter } => {
                return self.send(&caller, &address, body, counter, effects);
            }
            Command::Join { address, after, retention } => {
                self.join(&caller, &address, after, retention, effects)
            }
            Command::Leave { room } => self.leave(&caller, &room, effects).map(Some),
            Command::History { address, page, limit } => {
                self.history(&caller, address, page, limit, effects)
            }
            Command::Rooms { after } => Ok(Some(self.list_rooms(after.as_deref()))),
            Command::Members { room, after } => {
                self.list_members(&caller, &room, after.as_deref()).map(Some)
            }
            Command::Users { after } => Ok(Some(self.list_users(after.as_deref()))),
            Command::Ping => Ok(Some(Reply::Pong { time: now.wall })),
        };
        match answer {
            Ok(Some(answer)) => reply(id, tag, answer, effects),
            // It is answered later, by somebody else.
            Ok(None) => {}
            Err(refusal) => reply(id, tag, Reply::Refused(refusal), effects),
        }
    }

    /// A named room, whether the user is in it or not.
    pub(crate) fn find_room(&self, name: &RoomName) -> Option<RoomId> {
        self.room_names.get(&name.fold()).copied()
    }

    /// A room that the user is in.
    pub(crate) fn joined_room(&self, user: UserId, name: &RoomName) -> Result<&Room, Refusal> {
        let room = self.find_room(name).and_then(|id| self.rooms.get(&id));
        match room {
            Some(room) if room.members.contains(&user) => Ok(room),
            _ => Err(Refusal::new(
                ErrorCode::NotMember,
                format!("You are not in the room {name}. Join it first."),
            )),
        }
    }

    /// The private chat with somebody, if there is one already.
    pub(crate) fn private_with(
        &self,
        user: UserId,
        name: &UserName,
    ) -> Result<(UserId, Option<RoomId>), Refusal> {
        let other = self.names.find(name).ok_or_else(|| {
            Refusal::new(ErrorCode::NoSuchUser, format!("Nobody here is called {name}."))
        })?;
        if other == user {
            return Err(Refusal::new(ErrorCode::ToSelf, "That is you."));
        }
        let privates = self.users.get(&user).map_or(&[][..], |user| &user.privates);
        let room = privates.iter().find(|(with, _)| *with == other).map(|(_, room)| *room);
        Ok((other, room))
    }

    /// A conversation that the user takes part in.
    pub(crate) fn conversation(
        &self,
        user: UserId,
        address: &RoomAddress,
    ) -> Result<RoomId, Refusal> {
        match address {
            RoomAddress::Room(name) => self.joined_room(user, name).map(Room::id),
            RoomAddress::User(name) => self.private_with(user, name)?.1.ok_or_else(|| {
                Refusal::new(ErrorCode::NoSuchRoom, format!("Nothing was said with {name} yet."))
            }),
        }
    }
}

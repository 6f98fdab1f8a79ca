//! Users: who is here, in which rooms, with which sessions.

use crate::Effect;
use crate::hub::Hub;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::{
    Author, Instance, MonoMs, Now, ResumeToken, RoomId, SessionId, UserId, UserName,
};

/// Somebody who is here, or whose connection was lost a moment ago.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: UserName,
    pub(crate) token: ResumeToken,
    /// The client instance that it came with last.
    pub(crate) instance: Option<Instance>,
    /// A guest has one at most, and the moment in which one replaces another. Accounts will have several.
    pub(crate) sessions: Vec<SessionId>,
    pub(crate) rooms: Vec<RoomId>,
    /// Private chats, by the other side.
    pub(crate) privates: Vec<(UserId, RoomId)>,
    /// While no session is attached: until when it is held. Its entry in the hub's list of those.
    pub(crate) held_until: Option<MonoMs>,
}

impl User {
    pub(crate) fn author(&self) -> Author {
        Author { id: self.id, name: self.name.clone() }
    }
}

impl Hub {
    /// Makes a guest with a free name.
    pub(crate) fn add_guest(&mut self, name: UserName, token: ResumeToken) -> UserId {
        let id = UserId(self.fresh_id());
        self.names.take(&name, id);
        self.tokens.insert(token, id);
        let user = User {
            id,
            name,
            token,
            instance: None,
            sessions: Vec::new(),
            rooms: Vec::new(),
            privates: Vec::new(),
            held_until: None,
        };
        self.users.insert(id, user);
        id
    }

    /// A user is gone for good: out of all rooms, its name free, its private chats deleted.
    pub(crate) fn remove_user(
        &mut self,
        now: Now,
        id: UserId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(user) = self.users.get(&id) else { return };
        for room in user.rooms.clone() {
            self.leave_room(now, id, room, change, effects);
        }
        let Some(user) = self.users.remove(&id) else { return };
        self.names.free(&user.name);
        self.tokens.remove(&user.token);
        if let Some(until) = user.held_until {
            self.held.remove(&(until, id));
        }
        if let Some(instance) = user.instance
            && self.instance_users.get(&instance) == Some(&id)
        {
            self.instance_users.remove(&instance);
        }
        for (other, room) in user.privates {
            if let Some(other) = self.users.get_mut(&other) {
                other.privates.retain(|(_, private)| *private != room);
                for session in other.sessions.clone() {
                    self.detach(now, session, room, effects);
                }
            }
            self.remove_room(room, effects);
        }
    }

    /// Takes a user out of a room, with all its sessions, and tells the others.
    pub(crate) fn leave_room(
        &mut self,
        now: Now,
        id: UserId,
        room: RoomId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        user.rooms.retain(|joined| *joined != room);
        let author = user.author();
        for session in user.sessions.clone() {
            self.detach(now, session, room, effects);
        }
        let was_member = self.rooms.get_mut(&room).is_some_and(|room| room.members.remove(&id));
        if was_member {
            self.announce(room, author, change, effects);
        }
    }
}

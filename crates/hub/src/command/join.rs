//! `join`: into a room, which is made if there is none; or a further session to where the user is.

use super::Caller;
use crate::hub::Hub;
use crate::room::Room;
use crate::{Effect, Refusal, Reply};
use hubbub_protocol::frame::{MemberChange, Retention};
use hubbub_protocol::record::{RoomKind, RoomRecord};
use hubbub_protocol::{ErrorCode, Now, Position, RoomAddress, RoomId, RoomName, limits};

impl Hub {
    pub(crate) fn join(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        after: Option<Position>,
        retention: Option<Retention>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let (room, created) = match address {
            RoomAddress::User(_) => (self.conversation(caller.user, address)?, false),
            RoomAddress::Room(name) => self.enter(caller, name, retention, effects)?,
        };
        // Joining again is how a client repairs what it took for a gap.
        self.detach(caller.now, caller.session, room, effects);
        self.attach(caller.session, caller.tag, room, created, after, effects);
        Ok(None)
    }

    /// Makes the user a member.
    fn enter(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        retention: Option<Retention>,
        effects: &mut Vec<Effect>,
    ) -> Result<(RoomId, bool), Refusal> {
        let Some(user) = self.users.get(&caller.user) else {
            return Err(Refusal::new(ErrorCode::HelloFirst, "Say who you are first."));
        };
        let author = user.author();
        let is_full = user.rooms.len() >= limits::ROOMS_PER_USER;
        let found = self.find_room(name);
        if let Some(id) = found
            && user.rooms.contains(&id)
        {
            return Ok((id, false));
        }
        if is_full {
            let text = format!(
                "You are in {} rooms, which is the most. Leave one first.",
                limits::ROOMS_PER_USER
            );
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let id = match found {
            Some(id) => id,
            None => self.make_room(caller.now, name, retention)?,
        };
        if let Some(room) = self.rooms.get_mut(&id) {
            room.members.insert(caller.user);
        }
        if let Some(user) = self.users.get_mut(&caller.user) {
            user.rooms.push(id);
        }
        self.announce(id, author, MemberChange::Joined, effects);
        Ok((id, found.is_none()))
    }

    fn make_room(
        &mut self,
        now: Now,
        name: &RoomName,
        retention: Option<Retention>,
    ) -> Result<RoomId, Refusal> {
        let keys = name.keys();
        if let Some(like) =
            self.room_skeletons.get(&keys.skeleton).and_then(|id| self.rooms.get(id))
        {
            let like = like.name().map_or("", RoomName::as_str);
            let text = format!(
                "A room called {like} looks just like {name}. Join that, or take another name."
            );
            return Err(Refusal::new(ErrorCode::RoomInvalid, text));
        }
        if !self.has_place_for_room() {
            let text = "The server has as many rooms as it can hold. Join one that is there: see the list of rooms.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let id = RoomId(self.fresh_id());
        self.room_names.insert(keys.fold, id);
        self.room_skeletons.insert(keys.skeleton, id);
        let retention = retention.unwrap_or(self.config.retention);
        let kind = RoomKind::Named(name.clone());
        self.rooms.insert(id, Room::new(RoomRecord { id, kind, retention, created: now.wall }));
        Ok(id)
    }
}

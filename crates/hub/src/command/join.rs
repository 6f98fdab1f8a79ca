//! `join`: into a room, which is made if there is none; or a further session to where the user is.

use super::Caller;
use crate::hub::Hub;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::{Effect, Notice, Refusal, Reply};
use hubbub_protocol::frame::{MemberChange, Retention};
use hubbub_protocol::record::{RoomKind, RoomRecord};
use hubbub_protocol::{
    ErrorCode, Now, Position, RoomAddress, RoomId, RoomName, UserId, UserName, limits,
};

impl Hub {
    pub(crate) fn join(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        after: Option<Position>,
        retention: Option<Retention>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let rooms = self.users.get(&caller.user).map_or(0, |user| user.rooms.len());
        let (room, created) = match address {
            RoomAddress::User(name) => (self.linked_room(caller.user, name)?, false),
            RoomAddress::Room(name) => self.come_in(caller, name, retention, effects)?,
        };
        let entered = self.users.get(&caller.user).is_some_and(|user| user.rooms.len() > rooms);
        let after = after.or_else(|| self.heard(caller.user, room));
        // Joining again is how a client repairs what it took for a gap.
        self.detach(caller.now, caller.session, room, effects);
        if entered {
            self.attach_when_durable(caller.session, caller.tag, room, created, after, effects);
        } else {
            self.attach(caller.session, caller.tag, room, created, after, effects);
        }
        Ok(None)
    }

    /// The private chat with somebody who agrees to it. One that was ended can be read, not entered.
    fn linked_room(&self, user: UserId, name: &UserName) -> Result<RoomId, Refusal> {
        let other = self.other(user, name)?;
        self.open_room(user, other).ok_or_else(|| {
            let text = format!("You have no private chat with {name}.");
            Refusal::new(ErrorCode::NotLinked, text)
        })
    }

    /// Where an account stands in a private chat in which something was said while it was away.
    fn heard(&self, user: UserId, room: RoomId) -> Option<Position> {
        let user = self.users.get(&user).filter(|user| user.is_account())?;
        let delivered = self.rooms.get(&room).filter(|room| room.sides().is_some())?.delivered.1;
        let (epoch, seq) = user.ties.place_ref(room)?.heard;
        (seq < delivered).then_some(Position { room, epoch, seq })
    }

    /// Makes the user a member.
    fn come_in(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        retention: Option<Retention>,
        effects: &mut Vec<Effect>,
    ) -> Result<(RoomId, bool), Refusal> {
        let found = self.find_room(name);
        if let Some(id) = found
            && self.users.get(&caller.user).is_some_and(|user| user.rooms.contains(&id))
        {
            return Ok((id, false));
        }
        self.need_place_for_room(caller.user)?;
        let retention = retention.unwrap_or(self.config.retention);
        let keeps = found
            .and_then(|id| self.rooms.get(&id))
            .map_or(retention == Retention::Forever, Room::keeps_history);
        if keeps && self.is_account(caller.user) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        let id = match found {
            Some(id) => {
                self.need_invitation(caller.user, id)?;
                id
            }
            None => {
                let kind = RoomKind::Named(name.clone());
                self.make_room(caller.now, name, kind, Some(retention))?
            }
        };
        self.become_member(caller, id, effects);
        Ok((id, found.is_none()))
    }

    pub(crate) fn need_place_for_room(&self, user: UserId) -> Result<(), Refusal> {
        let rooms = self.users.get(&user).map_or(0, |user| user.rooms.len());
        if rooms < limits::ROOMS_PER_USER {
            return Ok(());
        }
        let text = format!("You are in {rooms} rooms, which is the most. Leave one first.");
        Err(Refusal::new(ErrorCode::Limit, text))
    }

    fn need_invitation(&self, user: UserId, id: RoomId) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        if room.owner().is_none() {
            return Ok(());
        }
        if !self.invited_by(user, id).is_empty() {
            return self.need_place_in_group(room);
        }
        let text = "Only who is invited can join that group.";
        Err(Refusal::new(ErrorCode::InviteOnly, text))
    }

    /// The user is in the room from now on, and the others hear of it.
    pub(crate) fn become_member(&mut self, caller: &Caller, id: RoomId, effects: &mut Vec<Effect>) {
        // Also invitations by those whom the user blocks: they are over like all others.
        for inviter in self.all_invited_by(caller.user, id) {
            self.remove_request(inviter, caller.user, Some(id), effects);
        }
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(user) = self.users.get_mut(&caller.user) else { return };
        room.members.insert(caller.user);
        user.rooms.push(id);
        let (author, is_account) = (user.author(), user.is_account());
        if is_account || room.owner().is_some() {
            user.ties.place(id, caller.now.wall);
        }
        let name = room.name().cloned();
        if is_account {
            room.accounts += 1;
            self.save_place(caller.user, id, effects);
        }
        self.announce(id, author, MemberChange::Joined, effects);
        for session in self.listeners(caller.user, Some(caller.session)) {
            if let Some(room) = name.clone() {
                effects.push(Effect::Tell { session, notice: Notice::Entered { room } });
            }
        }
    }

    pub(crate) fn make_room(
        &mut self,
        now: Now,
        name: &RoomName,
        kind: RoomKind,
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
        self.rooms.insert(id, Room::new(RoomRecord { id, kind, retention, created: now.wall }));
        Ok(id)
    }
}

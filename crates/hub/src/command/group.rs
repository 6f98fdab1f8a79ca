//! `group`, `invite`, `decline`: rooms for whom their owner invites.

use super::Caller;
use crate::hub::Hub;
use crate::order::Rank;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::ties::Side;
use crate::user::User;
use crate::{Effect, Limited, Notice, Refusal, Reply};
use hubbub_protocol::frame::{MemberChange, Retention};
use hubbub_protocol::record::RoomKind;
use hubbub_protocol::{ErrorCode, RoomId, RoomName, UserId, UserName, limits};

impl Hub {
    pub(crate) fn make_group(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        retention: Option<Retention>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        if self.find_room(name).is_some() {
            let text = format!("There is a room {name} already. Take another name.");
            return Err(Refusal::new(ErrorCode::RoomTaken, text));
        }
        self.need_place_for_room(caller.user)?;
        if self.is_account(caller.user) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        if name.as_str().contains('~') {
            let text = "A name with ~ is that of a room with a PIN. Take another name.";
            return Err(Refusal::new(ErrorCode::RoomInvalid, text));
        }
        self.need(caller, Limited::Rooms)?;
        let kind = RoomKind::Group { name: name.clone(), owner: caller.user };
        let id = self.make_room(caller.now, name, kind, retention)?;
        self.become_member(caller, id, effects);
        self.attach_when_durable(caller.session, caller.tag, id, true, None, effects);
        Ok(None)
    }

    pub(crate) fn need_place_in_group(&self, room: &Room) -> Result<(), Refusal> {
        if room.members.len() + room.absent.len() < limits::GROUP_MEMBERS {
            return Ok(());
        }
        let text = "That group has as many members as a group can have.";
        Err(Refusal::new(ErrorCode::Limit, text))
    }

    /// A room into which one may invite: into one that is only for the invited, who keeps order there.
    fn room_to_invite(&self, user: UserId, name: &RoomName) -> Result<&Room, Refusal> {
        let room = self.joined_room(user, name)?;
        // Who is invited needs no key either.
        let settings = &room.record.settings;
        let is_closed = room.owner().is_some() || settings.invite_only || settings.key.is_some();
        if is_closed && self.rank(room, user) < Rank::Operator {
            let text = format!("Only an operator or owner of {name} can do that.");
            return Err(Refusal::new(ErrorCode::NotAllowed, text));
        }
        Ok(room)
    }

    pub(crate) fn invite(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        user: &UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let room = self.room_to_invite(caller.user, name)?;
        let (id, room_name) = (room.id(), room.name().unwrap_or(name).clone());
        if room.owner().is_some() {
            self.need_place_in_group(room)?;
        }
        let other = self.other(caller.user, user)?;
        let Some(invited) = self.users.get(&other) else { return Ok(None) };
        if invited.rooms.contains(&id) {
            let text = format!("{user} is in {name} already.");
            return Err(Refusal::new(ErrorCode::AlreadyMember, text));
        }
        if self.blocks(caller.user, other) {
            let text = format!("You block {user}. Unblock them first.");
            return Err(Refusal::new(ErrorCode::Blocked, text));
        }
        if invited.ties.request(Side::To, caller.user, Some(id)).is_some() {
            let text = format!("{user} is invited into {name} already.");
            return Err(Refusal::new(ErrorCode::AlreadyAsked, text));
        }
        if self.is_account(caller.user) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        self.need(caller, Limited::Requests)?;
        self.add_request(caller.now, caller.user, other, Some(id), effects)?;
        let from = self.users.get(&caller.user).map(User::author);
        if let (Some(from), false) = (from, self.blocks(other, caller.user)) {
            for session in self.listeners(other, None) {
                let notice = Notice::Invited { room: room_name.clone(), from: from.clone() };
                effects.push(Effect::Tell { session, notice });
            }
        }
        self.done_by(caller, effects);
        Ok(None)
    }

    /// Says that it is done: to an account when it is kept.
    pub(crate) fn done_by(&mut self, caller: &Caller, effects: &mut Vec<Effect>) {
        if self.is_account(caller.user) {
            self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        } else {
            crate::hub::reply(caller.session, caller.tag, Reply::Done, effects);
        }
    }

    /// Who invited the user into a group, as far as the user is to know.
    pub(crate) fn invited_by(&self, user: UserId, group: RoomId) -> Vec<UserId> {
        let mut by = self.all_invited_by(user, group);
        by.retain(|inviter| !self.blocks(user, *inviter));
        by
    }

    /// The same, with those whom the user blocks.
    pub(crate) fn all_invited_by(&self, user: UserId, group: RoomId) -> Vec<UserId> {
        let Some(user) = self.users.get(&user) else { return Vec::new() };
        let requests = user.ties.requests(Side::To).iter();
        let into = requests.filter(|request| request.group == Some(group));
        into.map(|request| request.other).collect()
    }

    pub(crate) fn decline(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let group = self.find_room(name);
        let by = group.map_or_else(Vec::new, |group| self.invited_by(caller.user, group));
        if by.is_empty() {
            let text = format!("You are not invited into {name}.");
            return Err(Refusal::new(ErrorCode::NoRequest, text));
        }
        if self.is_account(caller.user) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        let user = self.users.get(&caller.user).map(User::author);
        let room = group.and_then(|id| self.rooms.get(&id)).and_then(Room::name).cloned();
        for inviter in by {
            self.remove_request(inviter, caller.user, group, effects);
            let (Some(user), Some(room)) = (&user, &room) else { continue };
            for session in self.listeners(inviter, None) {
                let notice = Notice::Declined { room: room.clone(), user: user.clone() };
                effects.push(Effect::Tell { session, notice });
            }
        }
        self.done_by(caller, effects);
        Ok(None)
    }

    /// Somebody left a room for good. A group goes on with another owner, or ends with its last
    /// member: nobody could come in again.
    pub(crate) fn after_leaving(&mut self, user: UserId, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&id) else { return };
        if room.owner().is_none() {
            return;
        }
        if room.members.is_empty() && room.absent.is_empty() {
            // Nobody hears it either: sessions hear the rooms that their user is in.
            return self.remove_room(id, effects);
        }
        if room.owner() == Some(user) {
            self.hand_over(id, effects);
        }
    }

    /// The member that came first after the owner owns the group from now on.
    pub(crate) fn hand_over(&mut self, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let members = room.members.iter().chain(&room.absent);
        let since = |user: &UserId| {
            let place = self.users.get(user).and_then(|user| user.ties.place_ref(id));
            (place.map_or(u64::MAX, |place| place.since.0), *user)
        };
        let Some(heir) = members.copied().min_by_key(since) else { return };
        room.set_owner(heir);
        let Some(author) = self.users.get(&heir).map(User::author) else { return };
        self.save_room(id, effects);
        self.announce(id, author, MemberChange::Owner, effects);
    }
}

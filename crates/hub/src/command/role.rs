//! `role`, `roles`: who keeps order in a room, and who speaks there.

use super::Caller;
use crate::acts::ActDetails;
use crate::hub::Hub;
use crate::order::Rank;
use crate::user::User;
use crate::{Effect, Refusal, Reply};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::{MemberChange, RoleEntry};
use hubbub_protocol::{
    Author, Body, ErrorCode, Now, Role, RoomId, RoomName, SessionId, UserId, UserName, limits,
};
use std::collections::BTreeMap;
use std::ops::Bound;

const PAGE: usize = limits::PAGE as usize;

impl Hub {
    pub(crate) fn give_role(
        &mut self,
        caller: &Caller,
        room_name: &RoomName,
        name: &UserName,
        role: Option<Role>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.need_rank(caller, room_name, Rank::Operator)?;
        let user = self.user_called(name)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        let (mine, before) = (self.rank(room, caller.user), room.role(user));
        // Operators give a voice; only owners say who operates and who owns.
        let touches = Rank::from(role).max(before.into());
        if mine < Rank::Owner && touches >= Rank::Operator && user != caller.user {
            let text = format!("Only {} of {room_name} can do that.", "an owner");
            return Err(Refusal::new(ErrorCode::NotAllowed, text));
        }
        if user == caller.user && Rank::from(role) > mine {
            let text = "Nobody can raise themselves.";
            return Err(Refusal::new(ErrorCode::NotAllowed, text));
        }
        self.change_role(caller.now, id, user, role, Some(caller.session), effects)?;
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// Gives a role, by whom it may come from. `None` as session: the server's operator.
    pub(crate) fn change_role(
        &mut self,
        now: Now,
        id: RoomId,
        user: UserId,
        role: Option<Role>,
        by: Option<SessionId>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let Some(author) = self.users.get(&user).map(User::author) else { return Ok(()) };
        let before = room.role(user);
        if before == role {
            return Ok(());
        }
        let is_account = self.is_account(user);
        if !is_account && !room.has_member(user) {
            let text = format!("{} is a guest, and not in that room.", author.name);
            return Err(Refusal::new(ErrorCode::NoSuchUser, text));
        }
        self.need_store_in(room)?;
        let roles = room.order.as_ref().map_or(0, |order| order.roles.len());
        if before.is_none() && roles >= limits::ROLES {
            let text = format!("{roles} people have a role there, which is the most.");
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let is_group = room.owner().is_some();
        if is_group && before == Some(Role::Owner) {
            let text = "A group has one owner: make another one the owner, who then has the group.";
            return Err(Refusal::new(ErrorCode::NotAllowed, text));
        }
        let name = room.name().cloned();
        let old_owner = room.owner();
        if is_group && role == Some(Role::Owner) {
            if !room.has_member(user) {
                let text = format!("{} is not in that group.", author.name);
                return Err(Refusal::new(ErrorCode::NoSuchUser, text));
            }
            if let Some(room) = self.rooms.get_mut(&id) {
                room.set_owner(user);
            }
            self.set_role(id, user, None, effects);
            self.save_room(id, effects);
            // Whoever had it keeps order with the new one.
            if let Some(old) = old_owner {
                self.set_role(id, old, Some(Role::Operator), effects);
            }
            self.announce(id, author.clone(), MemberChange::Owner, effects);
        } else {
            self.set_role(id, user, role, effects);
        }
        let from = self.actor(by);
        let body = Body::Role { user: author.clone(), role };
        self.act(now.wall, id, from, body, effects);
        let what = format!("{} {}", author.name, role.map_or("none", Role::word));
        let details = ActDetails { room: name.as_ref(), what: &what, why: None };
        self.audit_act(now, AuditAct::RoleGiven, by, &details, effects);
        self.leave_where_banned(now, user, effects);
        Ok(())
    }

    /// Who does it: a session's user, or the server for its operator.
    pub(crate) fn actor(&self, by: Option<SessionId>) -> Author {
        let user = by.and_then(|id| self.sessions.get(&id)).and_then(|session| session.user);
        user.and_then(|user| self.users.get(&user)).map_or_else(server, User::author)
    }

    pub(crate) fn list_roles(
        &self,
        caller: &Caller,
        name: &RoomName,
        after: Option<&str>,
    ) -> Result<Option<Reply>, Refusal> {
        let room = self.room_to_order(caller.user, name)?;
        let after = after.and_then(|cursor| cursor.parse().ok()).map_or(UserId(0), UserId);
        let mut all: BTreeMap<UserId, Role> = BTreeMap::new();
        if let Some(order) = &room.order {
            all.extend(order.roles.iter().map(|(user, role)| (*user, *role)));
        }
        all.extend(room.owner().map(|owner| (owner, Role::Owner)));
        let mut found = all.range((Bound::Excluded(after), Bound::Unbounded)).peekable();
        let mut roles = Vec::new();
        let mut last = None;
        for (id, role) in found.by_ref().take(PAGE) {
            last = Some(*id);
            roles.extend(self.users.get(id).map(|user| RoleEntry {
                user: user.author(),
                role: *role,
                here: room.members.contains(id),
            }));
        }
        let next = found.peek().and(last).map(|id| id.to_string());
        let room = room.name().unwrap_or(name).clone();
        Ok(Some(Reply::Roles { room, roles, next }))
    }
}

/// The author of what the server's operator does. Nobody can be called so.
pub(crate) fn server() -> Author {
    let name = UserName::known("server").expect("a valid name");
    Author { id: UserId(0), name }
}

//! Looks whether the hub's state fits together. For tests and the simulator: it looks at everything.

use crate::hub::Hub;
use crate::session::EntryWork;
use crate::ties::Side;
use hubbub_protocol::record::Snapshot;
use hubbub_protocol::{RoomId, UserId};
use std::collections::HashMap;

impl Hub {
    /// What does not fit together; `None` if all does.
    #[must_use]
    pub fn inconsistency(&self) -> Option<String> {
        let found = self.check_sessions().and_then(|()| self.check_rooms());
        found.and_then(|()| self.check_users()).and_then(|()| self.check_keys()).err()
    }

    /// What the store has otherwise than the hub, of rooms, of who keeps order there and of accounts;
    /// `None` if nothing, or while not everything that was said is durable.
    #[must_use]
    pub fn difference(&self, stored: &Snapshot) -> Option<String> {
        if !self.sequencer.is_durable() {
            return None;
        }
        let found = self.compare_rooms(stored).and_then(|()| self.compare_accounts(stored));
        let found = found.and_then(|()| self.compare_restrictions(stored));
        found.err()
    }

    fn compare_rooms(&self, stored: &Snapshot) -> Result<(), String> {
        let recorded = self.rooms.values().filter(|room| room.recorded && room.keeps_history());
        for room in recorded {
            if !stored.rooms.iter().any(|known| known.record.id == room.id()) {
                return Err(format!("room {} is not stored", room.id()));
            }
        }
        for known in &stored.rooms {
            let id = known.record.id;
            let Some(room) = self.rooms.get(&id).filter(|room| room.keeps_history()) else {
                return Err(format!("room {id} is stored, and is not there"));
            };
            if !room.recorded {
                continue; // Its first event failed, and nobody knows of it.
            }
            if room.record != known.record {
                return Err(format!("room {id}: {:?}, stored {:?}", room.record, known.record));
            }
            let place = (room.floor, room.head);
            if place != (known.floor, known.head_seq) {
                return Err(format!("room {id}: {place:?}, stored {known:?}"));
            }
            let roles = room.order.iter().flat_map(|order| &order.roles);
            let roles = roles.filter(|(user, _)| self.is_account(**user));
            let roles: Vec<_> = roles.map(|(user, role)| (id, *user, *role)).collect();
            let kept = stored.roles.iter().filter(|(room, _, _)| *room == id);
            if !kept.clone().eq(&roles) {
                return Err(format!("room {id}: {roles:?}, stored {:?}", kept.collect::<Vec<_>>()));
            }
            let mut restrictions: Vec<_> = room.restrictions().iter().collect();
            restrictions.sort_unstable_by_key(|restriction| restriction.id);
            let kept = stored.restrictions.iter().filter(|kept| kept.room == id);
            if !kept.clone().eq(restrictions.iter().copied()) {
                let kept: Vec<_> = kept.collect();
                return Err(format!("room {id}: {restrictions:?}, stored {kept:?}"));
            }
        }
        Ok(())
    }

    fn compare_restrictions(&self, stored: &Snapshot) -> Result<(), String> {
        let kept = stored.restrictions.iter().filter(|kept| kept.room == RoomId::EVERYWHERE);
        let mut here: Vec<_> = self.restrictions.iter().collect();
        here.sort_unstable_by_key(|restriction| restriction.id);
        if kept.clone().eq(here.iter().copied()) {
            return Ok(());
        }
        let kept: Vec<_> = kept.collect();
        Err(format!("everywhere: {here:?}, stored {kept:?}"))
    }

    fn compare_accounts(&self, stored: &Snapshot) -> Result<(), String> {
        for (known, _) in &stored.accounts {
            let user = self.users.get(&known.id);
            let account = user.and_then(|user| Some((user, user.account.as_ref()?)));
            let is_same = account.is_some_and(|(user, account)| {
                user.name == known.name
                    && account.admin == known.admin
                    && account.highlights == known.highlights
            });
            if !is_same {
                return Err(format!("the account {} is stored otherwise", known.name));
            }
        }
        Ok(())
    }

    fn check_sessions(&self) -> Result<(), String> {
        for (id, session) in &self.sessions {
            let user = session.user.and_then(|user| self.users.get(&user));
            if session.user.is_some() && !user.is_some_and(|user| user.sessions.contains(id)) {
                return Err(format!("{id:?} is not among its user's sessions"));
            }
            for (room, _) in &session.rooms {
                let is_there = user.is_some_and(|user| {
                    let is_private = user.privates.iter().any(|(_, private)| private == room);
                    user.rooms.contains(room)
                        || is_private && self.rooms.get(room).is_some_and(|r| r.is_open_private())
                });
                if !is_there {
                    return Err(format!("{id:?} hears room {room}, which its user is not in"));
                }
            }
            let answers = self.sequencer.answers_for(*id);
            if session.in_flight != answers {
                return Err(format!("{id:?}: {} in flight, {answers} wait", session.in_flight));
            }
        }
        Ok(())
    }

    fn check_rooms(&self) -> Result<(), String> {
        let mut attached: HashMap<RoomId, u32> = HashMap::new();
        for (room, _) in self.sessions.values().flat_map(|session| &session.rooms) {
            *attached.entry(*room).or_default() += 1;
        }
        for (id, room) in &self.rooms {
            let expected = attached.remove(id).unwrap_or(0);
            if room.attached != expected {
                return Err(format!("room {id}: {} attached, not {expected}", room.attached));
            }
            if room.pending != self.sequencer.events_for(*id) {
                return Err(format!("room {id}: {} pending", room.pending));
            }
            if room.may_go() && room.empty_until.is_none() {
                return Err(format!("room {id} is never looked at again"));
            }
            let is_listed = |until| self.empty.contains(&(until, *id));
            if !room.empty_until.is_none_or(is_listed) {
                return Err(format!("room {id} is not in the list of empty rooms"));
            }
            let mut accounts = 0;
            for member in room.members.iter().chain(&room.absent) {
                let user = self.users.get(member).ok_or(format!("room {id}: {member} is gone"))?;
                if !user.rooms.contains(id) || user.is_present != room.members.contains(member) {
                    return Err(format!("room {id} and its member {member} differ"));
                }
                accounts += u32::from(user.is_account());
            }
            if room.accounts != accounts {
                return Err(format!("room {id}: {} accounts, not {accounts}", room.accounts));
            }
            let is_member = |user| room.members.contains(user) || room.absent.contains(user);
            self.check_order(*id)?;
            if !room.owner().as_ref().is_none_or(is_member) {
                return Err(format!("the owner of group {id} is not in it"));
            }
        }
        match attached.into_iter().next() {
            Some((room, _)) => Err(format!("room {room} is heard and is not there")),
            None => Ok(()),
        }
    }

    fn check_order(&self, id: RoomId) -> Result<(), String> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        for user in room.order.iter().flat_map(|order| order.roles.keys()) {
            let user = self.users.get(user).ok_or(format!("room {id}: {user} has a role"))?;
            if !user.is_account() && !room.has_member(user.id) {
                return Err(format!("room {id}: the guest {} has a role there", user.name));
            }
        }
        if room.floor > room.delivered.1 && room.keeps_history() && room.pending == 0 {
            return Err(format!("room {id}: more has gone than was there"));
        }
        if room.record.settings.pinned.iter().any(|pinned| *pinned <= room.floor) {
            return Err(format!("room {id}: a pinned message has gone"));
        }
        let is_listed = |due| self.expiring.contains(&(due, id));
        if !room.expiry_due.is_none_or(is_listed) {
            return Err(format!("room {id} is not in the list of those that expire"));
        }
        if room.pin().is_some_and(|pin| self.pin_rooms.get(&pin) != Some(&id)) {
            return Err(format!("room {id} is not found by its PIN"));
        }
        Ok(())
    }

    fn check_users(&self) -> Result<(), String> {
        for (id, user) in &self.users {
            if self.names.find(&user.name) != Some(*id) {
                return Err(format!("{} does not have its name", user.name));
            }
            if let Some(gone) = user.sessions.iter().find(|s| !self.sessions.contains_key(s)) {
                return Err(format!("{}: session {gone:?} is gone", user.name));
            }
            let is_held = user.held_until.is_some_and(|until| self.held.contains(&(until, *id)));
            if user.is_present != (is_held || !user.sessions.is_empty()) {
                return Err(format!("{} is here and is not", user.name));
            }
            if !user.is_present && !user.is_account() {
                return Err(format!("the guest {} should be gone", user.name));
            }
            for room in &user.rooms {
                let room = self.rooms.get(room).ok_or(format!("{}: no such room", user.name))?;
                if !room.members.contains(id) && !room.absent.contains(id) {
                    return Err(format!("{} is in a room that does not know", user.name));
                }
            }
            for (other, room) in &user.privates {
                if self.private_room(*other, *id) != Some(*room) || !self.rooms.contains_key(room) {
                    return Err(format!("{}: a private chat of one side", user.name));
                }
            }
            for room in user.ties.place_rooms() {
                let is_there = user.rooms.contains(&room)
                    || user.privates.iter().any(|(_, private)| *private == room);
                if !is_there {
                    return Err(format!("{}: a place in a room it is not in", user.name));
                }
            }
            self.check_ties(*id)?;
        }
        Ok(())
    }

    fn check_ties(&self, id: UserId) -> Result<(), String> {
        let Some(user) = self.users.get(&id) else { return Ok(()) };
        for (side, their) in [(Side::By, Side::To), (Side::To, Side::By)] {
            for request in user.ties.requests(side) {
                let other = self.users.get(&request.other);
                if other.and_then(|o| o.ties.request(their, id, request.group)).is_none() {
                    return Err(format!("{}: a request of one side", user.name));
                }
                if !request.group.is_none_or(|group| self.rooms.contains_key(&group)) {
                    return Err(format!("{}: an invitation to nowhere", user.name));
                }
            }
        }
        for other in user.ties.blocked() {
            if !self.users.get(&other).is_some_and(|o| o.ties.blocked_by().contains(&id)) {
                return Err(format!("{}: a block of one side", user.name));
            }
        }
        for other in user.ties.blocked_by() {
            if !self.blocks(other, id) {
                return Err(format!("{}: a block that is over", user.name));
            }
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), String> {
        let is_listed = |room: &&crate::room::Room| room.name().is_some() && !room.is_hidden();
        if self.rooms.values().filter(is_listed).count() != self.listed_rooms.len() {
            return Err("the list of rooms shows others than it should".into());
        }
        let due = self.rooms.values().filter(|room| room.expiry_due.is_some()).count();
        let pins = self.rooms.values().filter(|room| room.pin().is_some()).count();
        if due != self.expiring.len() || pins != self.pin_rooms.len() {
            return Err("a list has rooms that are not there".into());
        }
        let entries = || self.sessions.values().filter_map(|session| session.entry.as_ref());
        let is_new = |what: &EntryWork| matches!(what, EntryWork::Register { .. });
        let reserved = entries().filter(|entry| is_new(&entry.what)).count();
        if self.names.len() != self.users.len() + reserved {
            return Err(format!("{} names, {} users", self.names.len(), self.users.len()));
        }
        let online = self.users.values().filter(|user| user.is_present).count();
        if self.names.online_count() != online {
            return Err(format!("{online} are here, {} in the list", self.names.online_count()));
        }
        for (user, login) in self.tokens.values() {
            let user = self.users.get(user);
            if !user.is_some_and(|user| user.logins.iter().any(|known| known.id == *login)) {
                return Err(format!("a token of the login {login}, which is over"));
            }
        }
        let accounts = self.users.values().filter(|user| user.is_account()).count();
        if accounts != self.account_count {
            return Err(format!("{accounts} accounts, not {}", self.account_count));
        }
        let uses = entries().filter(|entry| match entry.what {
            EntryWork::Register { invite, .. } | EntryWork::RegisterGuest { invite } => {
                invite.is_some()
            }
            EntryWork::Login { .. } | EntryWork::Change { .. } => false,
        });
        if self.invites.reserved() != uses.count() {
            return Err("uses of invites are kept for nobody".into());
        }
        Ok(())
    }
}

//! How the hub begins: with what the store holds, as far as it still means something.

use crate::Effect;
use crate::account::{Account, Login};
use crate::hub::Hub;
use crate::room::Room;
use crate::ties::Place;
use crate::user::User;
use hubbub_protocol::record::{Record, RoomKind, Snapshot, StoredRoom};
use hubbub_protocol::{MonoMs, Restricted, RoomId, Seq, UserId};

impl Hub {
    pub(crate) fn load(&mut self, snapshot: Snapshot, effects: &mut Vec<Effect>) {
        let mut was_online = Vec::new();
        for (record, credentials) in snapshot.accounts {
            if record.online {
                was_online.push(record.id);
            }
            let mut user = User::new(record.id, record.name);
            user.ties.set_policy_if_any(record.policy);
            let account = Account {
                created: record.created,
                seen: record.seen,
                admin: record.admin,
                highlights: record.highlights,
                credentials,
            };
            user.account = Some(Box::new(account));
            self.names.take(&user.name, record.id);
            self.users.insert(record.id, user);
            self.account_count += 1;
        }
        for login in snapshot.logins {
            let Some(user) = self.users.get_mut(&login.user) else { continue };
            self.tokens.insert(login.token, (login.user, login.id));
            user.logins.push(Login {
                id: login.id,
                token: login.token,
                created: login.created,
                seen: login.seen,
                peer: login.peer,
                door: login.door,
                lasts: true,
            });
        }
        let placed: std::collections::BTreeSet<RoomId> =
            snapshot.places.iter().map(|place| place.room).collect();
        for stored in snapshot.rooms {
            self.load_room(stored, &placed, effects);
        }
        for place in snapshot.places {
            let Some(user) = self.users.get_mut(&place.user) else { continue };
            let Some(room) = self.rooms.get_mut(&place.room) else { continue };
            if room.sides().is_none() {
                user.rooms.push(place.room);
                room.absent.insert(place.user);
                room.accounts += 1;
            }
            let known = user.ties.place(place.room, place.since);
            *known = Place {
                since: place.since,
                read: place.read,
                heard: place.heard,
                draft: place.draft,
                is_saved: true,
            };
        }
        for (id, user, role) in snapshot.roles {
            match self.rooms.get_mut(&id) {
                Some(room) if self.users.contains_key(&user) => {
                    room.order().roles.insert(user, role);
                }
                _ => {
                    let gone = Record::Role { room: id, user, role: None };
                    self.sequencer.save(gone, effects);
                }
            }
        }
        for restriction in snapshot.restrictions {
            // A guest of an earlier run is gone for good.
            let is_gone = matches!(restriction.whom, Restricted::Guest(user) if !self.users.contains_key(&user));
            if restriction.room == RoomId::EVERYWHERE {
                self.restrictions.push(restriction);
                continue;
            }
            match self.rooms.get_mut(&restriction.room) {
                Some(room) if !is_gone => room.order().restrictions.push(restriction),
                _ => self.sequencer.save(Record::RestrictionGone(restriction.id), effects),
            }
        }
        for request in snapshot.requests {
            let group_is_there = request.group.is_none_or(|group| self.rooms.contains_key(&group));
            let is_answered =
                request.group.is_none() && self.open_room(request.from, request.to).is_some();
            if group_is_there
                && !is_answered
                && self.is_account(request.from)
                && self.is_account(request.to)
            {
                self.put_request(request.from, request.to, request.group, request.time);
            } else {
                self.sequencer.save(Record::RequestGone(request), effects);
            }
        }
        for (user, blocked) in snapshot.blocks {
            if self.is_account(user) && self.is_account(blocked) {
                self.set_block(user, blocked);
            }
        }
        for invite in snapshot.invites {
            self.invites.add(invite);
        }
        self.settle_groups(effects);
        for user in was_online {
            self.settle_heard(user, effects);
        }
    }

    fn load_room(
        &mut self,
        stored: StoredRoom,
        placed: &std::collections::BTreeSet<RoomId>,
        effects: &mut Vec<Effect>,
    ) {
        let id = stored.record.id;
        let is_pin_room = matches!(stored.record.kind, RoomKind::Pin { .. });
        let has_something = stored.head_seq > Seq(0) && !is_pin_room || placed.contains(&id);
        match stored.record.kind.clone() {
            RoomKind::Named(name) | RoomKind::Group { name, .. } | RoomKind::Pin { name, .. }
                if has_something =>
            {
                let keys = name.keys();
                self.room_names.insert(keys.fold, id);
                self.room_skeletons.insert(keys.skeleton, id);
                let room = Room::stored(stored);
                if let Some(pin) = room.pin() {
                    self.pin_rooms.insert(pin, id);
                }
                self.rooms.insert(id, room);
                self.schedule_expiry(id, MonoMs(0));
                self.note_listed(id);
            }
            RoomKind::Private { sides: [one, two], .. }
                if self.is_account(one) && self.is_account(two) =>
            {
                let mut room = Room::stored(stored);
                room.lasts = true;
                self.rooms.insert(id, room);
                for (user, other) in [(one, two), (two, one)] {
                    if let Some(user) = self.users.get_mut(&user) {
                        user.privates.push((other, id));
                    }
                }
            }
            // A room whose first event failed, where nothing was ever said; or a private chat of a
            // guest of an earlier run, who is gone for good.
            RoomKind::Named(_)
            | RoomKind::Group { .. }
            | RoomKind::Pin { .. }
            | RoomKind::Private { .. } => {
                self.sequencer.save(Record::RoomGone(id), effects);
            }
        }
    }

    fn set_block(&mut self, user: UserId, blocked: UserId) {
        if let Some(user) = self.users.get_mut(&user) {
            user.ties.set_block(blocked, true);
        }
        if let Some(blocked) = self.users.get_mut(&blocked) {
            blocked.ties.set_blocked_by(user, true);
        }
    }

    /// Groups whose owner was a guest, or had left when the power went, have another; those without
    /// members are gone.
    fn settle_groups(&mut self, effects: &mut Vec<Effect>) {
        let mut groups: Vec<_> = self
            .rooms
            .values()
            .filter_map(|room| {
                let owner = room.owner()?;
                Some((room.id(), room.absent.contains(&owner), room.absent.is_empty()))
            })
            .collect();
        groups.sort_unstable();
        for (id, has_owner, is_empty) in groups {
            if is_empty {
                self.remove_room(id, effects);
            } else if !has_owner {
                self.hand_over(id, effects);
            }
        }
    }

    /// An account that was here when the server was cut off: what was said in its private chats had
    /// reached it, as far as anybody can know, and must not be said to it twice.
    fn settle_heard(&mut self, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get(&id) else { return };
        for (_, room) in user.privates.clone() {
            let Some(heard) = self.rooms.get(&room).map(|room| room.delivered) else { continue };
            let user = self.users.get_mut(&id);
            if let Some(place) = user.and_then(|user| user.ties.place_mut(room)) {
                place.heard = heard;
            }
            self.save_place(id, room, effects);
        }
        self.save_account(id, effects);
    }
}

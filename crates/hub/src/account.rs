//! Accounts: what is kept with them, when they are here, and what the store is told.

use crate::Effect;
use crate::hub::Hub;
use crate::ties::Place;
use hubbub_protocol::account::{AccountRecord, Credentials, LoginRecord, PlaceRecord};
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::record::{Record, RoomKind};
use hubbub_protocol::{
    DoorKind, LoginId, Now, RoomId, SecretDigest, SessionId, UserId, WallMs, limits,
};
use std::net::SocketAddr;

/// What makes a user an account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) created: WallMs,
    pub(crate) seen: WallMs,
    /// It may do everything in every room.
    pub(crate) admin: bool,
    /// The words by which it wants to be called.
    pub(crate) highlights: Vec<String>,
    pub(crate) credentials: Credentials,
}

/// How one client of a user came in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) id: LoginId,
    pub(crate) token: SecretDigest,
    pub(crate) created: WallMs,
    pub(crate) seen: WallMs,
    pub(crate) peer: SocketAddr,
    pub(crate) door: DoorKind,
    /// Whether its token counts after its session has ended: the door hands tokens out.
    pub(crate) lasts: bool,
}

impl Hub {
    /// An account has a session, after a time without: it is in its rooms again.
    pub(crate) fn come_back(&mut self, now: Now, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get_mut(&id) else { return };
        if std::mem::replace(&mut user.is_present, true) {
            return;
        }
        self.names.set_online(&user.name, id, true);
        if let Some(account) = &mut user.account {
            account.seen = now.wall;
        }
        let rooms = user.rooms.clone();
        self.save_account(id, effects);
        for room in rooms {
            self.step_in(id, room, effects);
        }
    }

    /// An account has no session any more, and is not held.
    pub(crate) fn go_away(
        &mut self,
        now: Now,
        id: UserId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        if !std::mem::take(&mut user.is_present) {
            return;
        }
        self.names.set_online(&user.name, id, false);
        user.away = None;
        if let Some(account) = &mut user.account {
            account.seen = now.wall;
        }
        let rooms = user.rooms.clone();
        for room in rooms {
            self.step_out(id, room, change, effects);
        }
        self.save_heard(id, effects);
        self.save_account(id, effects);
    }

    /// Says how far an account's sessions have heard its private chats, where that has changed.
    pub(crate) fn save_heard(&mut self, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get(&id) else { return };
        let dirty: Vec<RoomId> = user.ties.unsaved_places().collect();
        for room in dirty {
            self.save_place(id, room, effects);
        }
    }

    /// Tells the store of an account. Nothing for a guest.
    pub(crate) fn save_account(&mut self, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get(&id) else { return };
        let Some(account) = &user.account else { return };
        let record = AccountRecord {
            id,
            name: user.name.clone(),
            created: account.created,
            policy: user.ties.policy(),
            admin: account.admin,
            highlights: account.highlights.clone(),
            seen: account.seen,
            online: user.is_present,
        };
        self.sequencer.save(Record::Account(record), effects);
    }

    /// Tells the store of an account's place in a conversation that keeps history, and of that
    /// conversation if it is new there. Nothing for a guest.
    pub(crate) fn save_place(&mut self, id: UserId, room_id: RoomId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get_mut(&id) else { return };
        if !user.is_account() {
            return;
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        // A private chat with a guest ends with the guest.
        if !room.keeps_history() || room.sides().is_some() && !room.lasts {
            return;
        }
        let Some(place) = user.ties.place_mut(room_id) else { return };
        place.is_saved = true;
        let Place { since, read, heard, ref draft, .. } = *place;
        let place =
            PlaceRecord { user: id, room: room_id, since, read, heard, draft: draft.clone() };
        if room.must_be_said() {
            self.sequencer.save(Record::Room(room.record.clone()), effects);
        }
        self.sequencer.save(Record::Place(place), effects);
    }

    pub(crate) fn forget_place(&mut self, user: UserId, room: RoomId, effects: &mut Vec<Effect>) {
        self.sequencer.save(Record::PlaceGone { user, room }, effects);
    }

    /// Tells the store of a room whose kind has changed, if it knows the room.
    pub(crate) fn save_room(&mut self, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&id) else { return };
        if room.may_be_recorded {
            self.sequencer.save(Record::Room(room.record.clone()), effects);
        }
    }

    /// Tells the store of a login that lasts.
    pub(crate) fn save_login(&mut self, user_id: UserId, id: LoginId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get(&user_id) else { return };
        let Some(login) = user.logins.iter().find(|login| login.id == id) else { return };
        if !user.is_account() || !login.lasts {
            return;
        }
        let record = LoginRecord {
            id,
            user: user_id,
            token: login.token,
            created: login.created,
            seen: login.seen,
            peer: login.peer,
            door: login.door,
        };
        self.sequencer.save(Record::Login(record), effects);
    }

    /// A login is over: its token no longer counts.
    pub(crate) fn end_login(&mut self, user: UserId, id: LoginId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get_mut(&user) else { return };
        let Some(at) = user.logins.iter().position(|login| login.id == id) else { return };
        let login = user.logins.remove(at);
        self.tokens.remove(&login.token);
        if user.is_account() && login.lasts {
            self.sequencer.save(Record::LoginGone(id), effects);
        }
    }

    /// The login beyond the limit that was not used for longest; not `new`, whatever the clock says.
    pub(crate) fn surplus_login(&self, user: UserId, new: LoginId) -> Option<LoginId> {
        let user = self.users.get(&user)?;
        if user.logins.len() <= limits::LOGINS_PER_USER {
            return None;
        }
        let others = user.logins.iter().filter(|login| login.id != new);
        let used = |login: &&Login| {
            let is_in_use = !self.sessions_of_login(user.id, login.id).is_empty();
            (is_in_use, login.seen, login.id)
        };
        others.min_by_key(used).map(|login| login.id)
    }

    /// The sessions of one login.
    pub(crate) fn sessions_of_login(&self, user: UserId, login: LoginId) -> Vec<SessionId> {
        let sessions = self.users.get(&user).map_or(&[][..], |user| &user.sessions);
        let of_login = |id: &&SessionId| {
            self.sessions.get(id).is_some_and(|session| session.login == Some(login))
        };
        sessions.iter().filter(of_login).copied().collect()
    }

    /// What was said in a private chat has reached those of its users who hear it.
    pub(crate) fn note_heard(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let (sides, heard) = (room.sides(), room.delivered);
        for id in sides.into_iter().flatten() {
            let Some(user) = self.users.get_mut(&id) else { continue };
            let hears = user.sessions.iter().any(|session| {
                self.sessions.get(session).is_some_and(|session| session.is_live_in(room_id))
            });
            if hears
                && user.is_account()
                && let Some(place) = user.ties.place_mut(room_id)
                && place.heard != heard
            {
                place.heard = heard;
                place.is_saved = false;
            }
        }
    }

    /// A guest became an account: what was the guest's lasts from now on.
    pub(crate) fn keep_what_it_has(&mut self, now: Now, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get_mut(&id) else { return };
        for &room_id in &user.rooms {
            user.ties.place(room_id, now.wall);
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.accounts += 1;
            }
        }
        let (rooms, privates) = (user.rooms.clone(), user.privates.clone());
        for room in rooms {
            self.save_place(id, room, effects);
            let role = self.rooms.get(&room).and_then(|room| room.order.as_ref()?.roles.get(&id));
            if let Some(role) = role.copied() {
                let record = Record::Role { room, user: id, role: Some(role) };
                self.save_in_room(room, record, effects);
            }
        }
        for (other, room) in privates {
            self.note_place(now, id, room);
            self.heard_all(id, room);
            if self.is_account(other) {
                self.make_private_last(now, room, effects);
            }
        }
        self.save_requests(id, effects);
    }

    /// A private chat of two accounts is kept over a restart, with the place of both.
    pub(crate) fn make_private_last(
        &mut self,
        now: Now,
        room_id: RoomId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let RoomKind::Private { sides, .. } = room.record.kind else { return };
        room.lasts = true;
        for side in sides {
            self.note_place(now, side, room_id);
            self.save_place(side, room_id, effects);
        }
    }

    /// An account has a place in its private chat from the beginning: what is said from now on waits
    /// for it when it is away.
    pub(crate) fn note_place(&mut self, now: Now, id: UserId, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(user) = self.users.get_mut(&id).filter(|user| user.is_account()) else { return };
        if user.ties.place_mut(room_id).is_none() {
            user.ties.place(room_id, now.wall).heard = room.delivered;
        }
    }

    /// Who was a guest until now was here all the time.
    fn heard_all(&mut self, id: UserId, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let place = self.users.get_mut(&id).and_then(|user| user.ties.place_mut(room_id));
        if let Some(place) = place {
            place.heard = room.delivered;
        }
    }
}

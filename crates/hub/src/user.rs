//! Users: who is here, in which rooms, with which sessions. A guest is here as long as it exists; an
//! account exists also while nobody is logged in.

use crate::Effect;
use crate::account::{Account, Login};
use crate::buckets::Buckets;
use crate::hub::Hub;
use crate::ties::Ties;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::{Author, Instance, MonoMs, Note, Now, RoomId, SessionId, UserId, UserName};

/// A guest that is here or whose connection was lost a moment ago, or an account.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: UserName,
    /// What makes it an account.
    pub(crate) account: Option<Box<Account>>,
    /// A guest has one.
    pub(crate) logins: Vec<Login>,
    /// The client instance that a guest came with last.
    pub(crate) instance: Option<Instance>,
    /// A guest has one at most, and the moment in which one replaces another.
    pub(crate) sessions: Vec<SessionId>,
    /// Whether others see it: it has a session, or is held.
    pub(crate) is_present: bool,
    pub(crate) rooms: Vec<RoomId>,
    /// Private chats, by the other side. They may have been ended.
    pub(crate) privates: Vec<(UserId, RoomId)>,
    /// It said that it is away, and why.
    pub(crate) away: Option<Note>,
    /// While no session is attached: until when it is held. Its entry in the hub's list of those.
    pub(crate) held_until: Option<MonoMs>,
    pub(crate) ties: Ties,
    /// How much of everything it has done, as soon as it does something.
    pub(crate) buckets: Option<Box<Buckets>>,
}

impl User {
    pub(crate) fn new(id: UserId, name: UserName) -> Self {
        Self {
            id,
            name,
            account: None,
            logins: Vec::new(),
            instance: None,
            sessions: Vec::new(),
            is_present: false,
            rooms: Vec::new(),
            privates: Vec::new(),
            away: None,
            held_until: None,
            ties: Ties::default(),
            buckets: None,
        }
    }

    pub(crate) fn author(&self) -> Author {
        Author { id: self.id, name: self.name.clone() }
    }

    pub(crate) fn is_account(&self) -> bool {
        self.account.is_some()
    }
}

impl Hub {
    pub(crate) fn is_account(&self, id: UserId) -> bool {
        self.users.get(&id).is_some_and(User::is_account)
    }

    /// The user is not here any more: a guest is gone for good, an account is away.
    pub(crate) fn user_gone(
        &mut self,
        now: Now,
        id: UserId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        if let Some(until) = user.held_until.take() {
            self.held.remove(&(until, id));
        }
        if user.is_account() {
            self.go_away(now, id, change, effects);
        } else {
            self.remove_guest(now, id, change, effects);
        }
    }

    /// A guest is gone for good: out of all rooms, its name free, its private chats deleted, its
    /// requests with it.
    fn remove_guest(
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
        self.cut_ties(now, id, effects);
        let Some(user) = self.users.remove(&id) else { return };
        self.names.free(&user.name);
        for login in &user.logins {
            self.tokens.remove(&login.token);
        }
        if let Some(instance) = user.instance
            && self.instance_users.get(&instance) == Some(&id)
        {
            self.instance_users.remove(&instance);
        }
    }

    /// Takes a user out of a room for good, with all its sessions, and tells the others.
    pub(crate) fn leave_room(
        &mut self,
        now: Now,
        id: UserId,
        room_id: RoomId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        user.rooms.retain(|joined| *joined != room_id);
        user.ties.remove_place(room_id);
        let author = user.author();
        let is_account = user.is_account();
        for session in user.sessions.clone() {
            self.detach(now, session, room_id, effects);
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let was_here = room.members.remove(&id);
        room.absent.remove(&id);
        if let Some(order) = room.order.as_mut().filter(|_| !is_account) {
            // What a guest was in a room ends with its being there. An account does not get around
            // slow mode by leaving and coming again.
            order.roles.remove(&id);
            order.spoke.remove(&id);
        }
        if is_account {
            room.accounts -= 1;
            let is_recorded = room.may_be_recorded;
            if is_recorded {
                self.forget_place(id, room_id, effects);
            }
        }
        if was_here {
            self.announce(room_id, author, change, effects);
        }
        self.after_leaving(id, room_id, effects);
        // Perhaps it was kept for this member alone, and no session has heard it for long.
        self.note_empty(now, room_id);
    }

    /// The sessions of a user that can be told something: those that were welcomed. The others learn
    /// with their welcome how things stand.
    pub(crate) fn listeners(&self, user: UserId, except: Option<SessionId>) -> Vec<SessionId> {
        let sessions = self.users.get(&user).map_or(&[][..], |user| &user.sessions);
        let is_welcomed = |id: &&SessionId| {
            Some(**id) != except && self.sessions.get(id).is_some_and(|s| s.is_welcomed)
        };
        sessions.iter().filter(is_welcomed).copied().collect()
    }

    /// The others hear that a user who stays a member is not here.
    pub(crate) fn step_out(
        &mut self,
        user: UserId,
        room_id: RoomId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(author) = self.users.get(&user).map(User::author) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.members.remove(&user) {
            room.absent.insert(user);
            self.announce(room_id, author, change, effects);
        }
    }

    /// The others hear that a member is here again.
    pub(crate) fn step_in(&mut self, user: UserId, room_id: RoomId, effects: &mut Vec<Effect>) {
        let Some(author) = self.users.get(&user).map(User::author) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.absent.remove(&user) {
            room.members.insert(user);
            self.announce(room_id, author, MemberChange::Joined, effects);
        }
    }
}

//! Private chats: two users who agreed to hear each other, and the questions for it.
//!
//! The rule behind everything: no text reaches anybody who has not agreed to hear its sender. And
//! whoever is blocked can't tell that from not being answered: a request of theirs is kept, listed,
//! counted and grows old like any other, only that nobody is told of it.

use crate::hub::Hub;
use crate::room::Room;
use crate::session::Attachment;
use crate::ties::{Request, Side};
use crate::{Effect, Notice, Refusal};
use hubbub_protocol::account::RequestRecord;
use hubbub_protocol::frame::{LinkState, Retention};
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    ErrorCode, Event, Now, PrivatePolicy, RoomId, RoomSettings, SessionId, UserId, UserName,
    WallMs, limits,
};
use std::sync::Arc;

impl Hub {
    /// The user of that name, who is another.
    pub(crate) fn other(&self, user: UserId, name: &UserName) -> Result<UserId, Refusal> {
        let other = self.user_called(name)?;
        if other == user {
            return Err(Refusal::new(ErrorCode::ToSelf, "That is you."));
        }
        Ok(other)
    }

    /// The guest or account of that name.
    pub(crate) fn user_called(&self, name: &UserName) -> Result<UserId, Refusal> {
        let found = self.names.find(name).filter(|id| self.users.contains_key(id));
        found.ok_or_else(|| {
            Refusal::new(ErrorCode::NoSuchUser, format!("Nobody here is called {name}."))
        })
    }

    /// The private room of two users, whether it is open or was ended.
    pub(crate) fn private_room(&self, user: UserId, other: UserId) -> Option<RoomId> {
        let privates = self.users.get(&user).map_or(&[][..], |user| &user.privates);
        privates.iter().find(|(with, _)| *with == other).map(|(_, room)| *room)
    }

    /// The private room of two users who agree to it.
    pub(crate) fn open_room(&self, user: UserId, other: UserId) -> Option<RoomId> {
        self.private_room(user, other)
            .filter(|room| self.rooms.get(room).is_some_and(Room::is_open_private))
    }

    pub(crate) fn blocks(&self, user: UserId, other: UserId) -> bool {
        self.users.get(&user).is_some_and(|user| user.ties.blocks(other))
    }

    /// Whether `other` asks `user` for a private chat, as far as `user` is to know.
    pub(crate) fn is_asked_by(&self, user: UserId, other: UserId) -> bool {
        let asks = |user: &crate::user::User| user.ties.request(Side::To, other, None).is_some();
        !self.blocks(user, other) && self.users.get(&user).is_some_and(asks)
    }

    /// What a user says about private chats, or else the server.
    pub(crate) fn policy_of(&self, user: UserId) -> PrivatePolicy {
        match self.config.private {
            PrivatePolicy::Closed => PrivatePolicy::Closed,
            server => self.users.get(&user).and_then(|user| user.ties.policy()).unwrap_or(server),
        }
    }

    /// Two users agree: their private chat is open, and what waited for that is said.
    pub(crate) fn open_link(
        &mut self,
        now: Now,
        one: UserId,
        two: UserId,
        effects: &mut Vec<Effect>,
    ) -> Result<RoomId, Refusal> {
        if self.open_privates(one).max(self.open_privates(two)) >= limits::PRIVATES_PER_USER {
            let text = "One of you has as many private chats as can be had at once.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let room = match self.private_room(one, two) {
            Some(room) => room,
            None => self.make_private(now, one, two)?,
        };
        if let Some(room) = self.rooms.get_mut(&room) {
            room.set_open(true);
        }
        for side in [one, two] {
            self.note_place(now, side, room);
        }
        if self.is_account(one) && self.is_account(two) {
            self.make_private_last(now, room, effects);
            self.save_room(room, effects);
        }
        // After that: a power cut between the two must not lose what was asked and agreed.
        self.remove_request(one, two, None, effects);
        self.remove_request(two, one, None, effects);
        for (user, other) in [(one, two), (two, one)] {
            self.attach_side(user, room, effects);
            self.tell_link(user, other, LinkState::Open, None, effects);
        }
        for (user, other) in [(one, two), (two, one)] {
            self.send_held(now, user, other, room, effects);
        }
        Ok(room)
    }

    /// How many private chats somebody has; those that were ended don't count.
    fn open_privates(&self, id: UserId) -> usize {
        let privates = self.users.get(&id).map_or(&[][..], |user| &user.privates);
        let open =
            |(_, room): &&(UserId, RoomId)| self.rooms.get(room).is_some_and(Room::is_open_private);
        privates.iter().filter(open).count()
    }

    fn make_private(&mut self, now: Now, one: UserId, two: UserId) -> Result<RoomId, Refusal> {
        if !self.has_place_for_room() {
            let text = "The server has as many rooms and private chats as it can hold.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let mut sides = [one, two];
        sides.sort_unstable();
        let id = RoomId(self.fresh_id());
        let kind = RoomKind::Private { sides, open: true };
        let retention = Retention::Forever;
        self.rooms.insert(
            id,
            Room::new(RoomRecord {
                id,
                kind,
                retention,
                created: now.wall,
                settings: RoomSettings::default(),
            }),
        );
        for (user, other) in [(one, two), (two, one)] {
            if let Some(user) = self.users.get_mut(&user) {
                user.privates.push((other, id));
            }
        }
        Ok(id)
    }

    /// All sessions of a user that do not hear the room yet do so from now on.
    fn attach_side(&mut self, user: UserId, room_id: RoomId, effects: &mut Vec<Effect>) {
        for id in self.listeners(user, None) {
            let Some(room) = self.rooms.get_mut(&room_id) else { return };
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if session.is_attached(room_id) {
                continue;
            }
            session.rooms.push((room_id, Attachment::Live));
            room.attached += 1;
            if let Some(until) = room.empty_until.take() {
                self.empty.remove(&(until, room_id));
            }
            effects.push(Effect::Subscribe { session: id, room: room_id });
        }
    }

    /// A private chat is over for both. With a guest, so is what was said in it.
    pub(crate) fn end_link(
        &mut self,
        now: Now,
        one: UserId,
        two: UserId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room_id) = self.private_room(one, two) else { return };
        for user in [one, two] {
            let sessions = self.users.get(&user).map_or_else(Vec::new, |u| u.sessions.clone());
            for session in sessions {
                self.detach(now, session, room_id, effects);
            }
        }
        for (user, other) in [(one, two), (two, one)] {
            self.tell_link(user, other, LinkState::Ended, None, effects);
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.set_open(false);
        if room.lasts {
            self.save_room(room_id, effects);
        } else {
            self.remove_room(room_id, effects);
        }
    }

    /// `from` asks `to`. Whoever is blocked is asked for in vain, and nobody hears of it.
    pub(crate) fn add_request(
        &mut self,
        now: Now,
        from: UserId,
        to: UserId,
        group: Option<RoomId>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let made = self.users.get(&from).map_or(0, |user| user.ties.requests(Side::By).len());
        if made >= limits::REQUESTS_BY_USER {
            let text = "Too many people have not answered you yet. Take a question back with /end.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        // Those of blocked users take nobody's place.
        let waiting = self.users.get(&to).map_or(0, |user| {
            let requests = user.ties.requests(Side::To).iter();
            requests.filter(|request| !user.ties.blocks(request.other)).count()
        });
        if waiting >= limits::REQUESTS_TO_USER {
            let text = "They have as many questions to answer as can wait for one.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        self.put_request(from, to, group, now.wall);
        // A group that keeps nothing is not known to the store, nor who is invited.
        let is_kept = group.is_none_or(|id| self.rooms.get(&id).is_some_and(Room::keeps_history));
        if is_kept && self.is_account(from) && self.is_account(to) {
            let record = RequestRecord { from, to, group, time: now.wall };
            self.sequencer.save(Record::Request(record), effects);
        }
        Ok(())
    }

    /// Both sides know of it.
    pub(crate) fn put_request(
        &mut self,
        from: UserId,
        to: UserId,
        group: Option<RoomId>,
        time: WallMs,
    ) {
        for (user, side, other) in [(from, Side::By, to), (to, Side::To, from)] {
            if let Some(user) = self.users.get_mut(&user) {
                user.ties.add_request(side, Request { other, group, time });
            }
        }
        if let Some(group) = group.and_then(|group| self.rooms.get_mut(&group)) {
            group.invitations.insert((from, to));
        }
    }

    /// Whether there was one.
    pub(crate) fn remove_request(
        &mut self,
        from: UserId,
        to: UserId,
        group: Option<RoomId>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let mut found = false;
        for (user, side, other) in [(from, Side::By, to), (to, Side::To, from)] {
            if let Some(user) = self.users.get_mut(&user) {
                found |= user.ties.remove_request(side, other, group);
            }
        }
        if let Some(group) = group.and_then(|group| self.rooms.get_mut(&group)) {
            group.invitations.remove(&(from, to));
        }
        if found && self.is_account(from) && self.is_account(to) {
            let record = RequestRecord { from, to, group, time: WallMs(0) };
            self.sequencer.save(Record::RequestGone(record), effects);
        }
        found
    }

    /// A guest became an account: its requests with accounts last from now on.
    pub(crate) fn save_requests(&mut self, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get(&id) else { return };
        let by = user.ties.requests(Side::By).iter().map(|request| (true, *request));
        let to = user.ties.requests(Side::To).iter().map(|request| (false, *request));
        let requests: Vec<_> = by.chain(to).collect();
        let (blocked, blocked_by) = (user.ties.blocked(), user.ties.blocked_by());
        for (is_by, Request { other, group, time }) in requests {
            let is_kept =
                group.is_none_or(|id| self.rooms.get(&id).is_some_and(Room::keeps_history));
            if is_kept && self.is_account(other) {
                let (from, to) = if is_by { (id, other) } else { (other, id) };
                let record = RequestRecord { from, to, group, time };
                self.sequencer.save(Record::Request(record), effects);
            }
        }
        let by_me = blocked.into_iter().map(|blocked| (id, blocked));
        let of_me = blocked_by.into_iter().map(|by| (by, id));
        for (user, blocked) in by_me.chain(of_me) {
            self.save_block(user, blocked, true, effects);
        }
    }

    pub(crate) fn save_block(
        &mut self,
        user: UserId,
        blocked: UserId,
        on: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_account(user) && self.is_account(blocked) {
            self.sequencer.save(Record::Block { user, blocked, on }, effects);
        }
    }

    /// Tells the sessions of a user how another stands to it. What waited for a request that is over
    /// is dropped with it.
    pub(crate) fn tell_link(
        &mut self,
        user: UserId,
        other: UserId,
        state: LinkState,
        except: Option<SessionId>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(author) = self.users.get(&other).map(crate::user::User::author) else { return };
        for session in self.listeners(user, None) {
            let mut dropped = 0;
            if matches!(state, LinkState::Rejected | LinkState::Ended)
                && let Some(session) = self.sessions.get_mut(&session)
            {
                let before = session.held_texts.len();
                session.held_texts.retain(|(to, _)| *to != other);
                dropped = u32::try_from(before - session.held_texts.len()).unwrap_or(u32::MAX);
            }
            if Some(session) != except || dropped > 0 {
                let notice = Notice::Link { user: author.clone(), state, dropped };
                effects.push(Effect::Tell { session, notice });
            }
        }
    }

    /// What waited in the sessions of `user` for `other` to agree.
    fn send_held(
        &mut self,
        now: Now,
        user: UserId,
        other: UserId,
        room_id: RoomId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(author) = self.users.get(&user).map(crate::user::User::author) else { return };
        let Some(to) = self.users.get(&other).map(|user| user.name.clone()) else { return };
        let sessions = self.users.get(&user).map_or_else(Vec::new, |user| user.sessions.clone());
        for id in sessions {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let is_theirs = |(with, _): &mut (UserId, _)| *with == other;
            let held: Vec<_> = session.held_texts.extract_if(.., is_theirs).collect();
            for (_, body) in held {
                let Some(room) = self.rooms.get(&room_id) else { return };
                let is_muted = self.need_no_mute_everywhere(user, now).is_err();
                if is_muted || self.sequencer.is_full() || self.sequencer.has_failed() {
                    let notice = Notice::NotStored { to: to.clone() };
                    effects.push(Effect::Tell { session: id, notice });
                    continue;
                }
                let event = Arc::new(Event {
                    room: room_id,
                    epoch: self.epoch,
                    seq: room.head.next(),
                    time: now.wall,
                    from: author.clone(),
                    body,
                });
                self.sequence_held(id, event, to.clone(), effects);
            }
        }
    }

    /// A guest goes: nothing ties it to others any more.
    pub(crate) fn cut_ties(&mut self, now: Now, id: UserId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get(&id) else { return };
        let privates = user.privates.clone();
        let by: Vec<Request> = user.ties.requests(Side::By).to_vec();
        let to: Vec<Request> = user.ties.requests(Side::To).to_vec();
        let (blocked, blocked_by) = (user.ties.blocked(), user.ties.blocked_by());
        for (other, room) in privates {
            if self.open_room(id, other).is_some() {
                self.end_link(now, id, other, effects);
            } else {
                self.remove_room(room, effects);
            }
        }
        for Request { other, group, .. } in by {
            self.remove_request(id, other, group, effects);
            if group.is_none() && !self.blocks(other, id) {
                self.tell_link(other, id, LinkState::Ended, None, effects);
            }
        }
        for Request { other, group, .. } in to {
            self.remove_request(other, id, group, effects);
            if group.is_none() {
                self.tell_link(other, id, LinkState::Ended, None, effects);
            }
        }
        for other in blocked {
            if let Some(other) = self.users.get_mut(&other) {
                other.ties.set_blocked_by(id, false);
            }
        }
        for other in blocked_by {
            if let Some(other) = self.users.get_mut(&other) {
                other.ties.set_block(id, false);
            }
        }
    }

    /// Requests that nobody answered for long go.
    pub(crate) fn forget_old_requests(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_old =
            |request: &&Request| now.wall.0.saturating_sub(request.time.0) >= limits::REQUEST_MS;
        let mut old: Vec<(UserId, Request)> = Vec::new();
        for user in self.users.values() {
            let requests = user.ties.requests(Side::By).iter();
            old.extend(requests.filter(is_old).map(|request| (user.id, *request)));
        }
        old.sort_unstable_by_key(|(from, request)| (*from, request.other, request.group));
        for (from, Request { other: to, group, .. }) in old {
            self.remove_request(from, to, group, effects);
            if group.is_none() {
                self.tell_link(from, to, LinkState::Ended, None, effects);
                if !self.blocks(to, from) {
                    self.tell_link(to, from, LinkState::Ended, None, effects);
                }
            }
        }
    }

    /// After a welcome: who asks for what.
    pub(crate) fn tell_what_waits(&mut self, session: SessionId, effects: &mut Vec<Effect>) {
        let Some(id) = self.sessions.get(&session).and_then(|session| session.user) else { return };
        let Some(user) = self.users.get(&id) else { return };
        for Request { other, group, .. } in user.ties.requests(Side::To) {
            if self.blocks(id, *other) {
                continue;
            }
            let Some(from) = self.users.get(other).map(crate::user::User::author) else { continue };
            let notice = match group {
                None => Notice::Link { user: from, state: LinkState::Asked, dropped: 0 },
                Some(group) => {
                    let Some(room) = self.rooms.get(group).and_then(Room::name) else { continue };
                    Notice::Invited { room: room.clone(), from }
                }
            };
            effects.push(Effect::Tell { session, notice });
        }
    }
}

//! `ask`, `accept`, `reject`, `end`, `block`, `policy`, `links`: private chats by consent.

use super::Caller;
use crate::hub::Hub;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::ties::Side;
use crate::{Effect, Limited, Refusal, Reply};
use hubbub_protocol::frame::{LinkEntry, LinkState};
use hubbub_protocol::{ErrorCode, PrivatePolicy, RoomId, UserId, UserName, limits};
use std::collections::BTreeSet;

/// What came of wanting to talk with somebody.
pub(crate) enum Wanted {
    /// They agree.
    Open(RoomId),
    /// They were asked, now or before.
    Asked { now: bool },
}

impl Hub {
    /// What somebody does who wants to talk with another: goes on, accepts, or asks.
    pub(crate) fn want_link(
        &mut self,
        caller: &Caller,
        other: UserId,
        effects: &mut Vec<Effect>,
    ) -> Result<Wanted, Refusal> {
        let me = caller.user;
        let name = self.users.get(&other).map(|user| user.name.clone());
        let Some(name) = name else { return Err(self.nobody()) };
        if self.config.private == PrivatePolicy::Closed {
            let text = "This server has no private chats.";
            return Err(Refusal::new(ErrorCode::PrivateClosed, text));
        }
        if let Some(room) = self.open_room(me, other) {
            return Ok(Wanted::Open(room));
        }
        if self.blocks(me, other) {
            let text = format!("You block {name}. Unblock them first.");
            return Err(Refusal::new(ErrorCode::Blocked, text));
        }
        let policy = self.policy_of(other);
        if self.is_asked_by(me, other) || policy == PrivatePolicy::Open && !self.blocks(other, me) {
            self.need_store(me, other)?;
            return self.open_link(caller.now, me, other, effects).map(Wanted::Open);
        }
        if policy == PrivatePolicy::Closed {
            let text = format!("{name} has no private chats.");
            return Err(Refusal::new(ErrorCode::PrivateClosed, text));
        }
        let asks = self.users.get(&me).and_then(|user| user.ties.request(Side::By, other, None));
        if asks.is_some() {
            return Ok(Wanted::Asked { now: false });
        }
        self.need_store(me, other)?;
        self.need(caller, Limited::Requests)?;
        self.add_request(caller.now, me, other, None, effects)?;
        if !self.blocks(other, me) {
            self.tell_link(other, me, LinkState::Asked, None, effects);
        }
        self.tell_link(me, other, LinkState::Waiting, Some(caller.session), effects);
        Ok(Wanted::Asked { now: true })
    }

    /// What two accounts agree on must be kept.
    fn need_store(&self, one: UserId, two: UserId) -> Result<(), Refusal> {
        let lasts = self.is_account(one) && self.is_account(two);
        if lasts && self.sequencer.has_failed() { Err(cannot_store()) } else { Ok(()) }
    }

    fn nobody(&self) -> Refusal {
        Refusal::new(ErrorCode::NoSuchUser, "Nobody here is called that.")
    }

    /// The user of that name, with whom there is no private chat yet.
    fn unlinked(&self, user: UserId, name: &UserName) -> Result<UserId, Refusal> {
        let other = self.other(user, name)?;
        if self.open_room(user, other).is_none() {
            return Ok(other);
        }
        let text = format!("You have a private chat with {name} already: just write.");
        Err(Refusal::new(ErrorCode::AlreadyLinked, text))
    }

    pub(crate) fn ask(
        &mut self,
        caller: &Caller,
        name: &UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let other = self.unlinked(caller.user, name)?;
        match self.want_link(caller, other, effects)? {
            Wanted::Open(_) => self.done(caller, other, effects),
            Wanted::Asked { now: true } => {
                let answer = self.asked(other, 0)?;
                self.answer_link(caller, other, answer, effects);
            }
            Wanted::Asked { now: false } => {
                let text = format!("You have asked {name} already.");
                return Err(Refusal::new(ErrorCode::AlreadyAsked, text));
            }
        }
        Ok(None)
    }

    /// They were asked.
    pub(crate) fn asked(&self, other: UserId, held: u32) -> Result<Reply, Refusal> {
        let user = self.users.get(&other).ok_or_else(|| self.nobody())?;
        Ok(Reply::Asked { user: user.author(), online: user.is_present, held })
    }

    fn answer_link(
        &mut self,
        caller: &Caller,
        other: UserId,
        answer: Reply,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_account(caller.user) && self.is_account(other) {
            self.answer_when_durable(caller.session, caller.tag, answer, effects);
        } else {
            crate::hub::reply(caller.session, caller.tag, answer, effects);
        }
    }

    fn done(&mut self, caller: &Caller, other: UserId, effects: &mut Vec<Effect>) {
        self.answer_link(caller, other, Reply::Done, effects);
    }

    pub(crate) fn accept(
        &mut self,
        caller: &Caller,
        name: &UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let other = self.unlinked(caller.user, name)?;
        self.need_request(caller.user, other, name)?;
        self.need_store(caller.user, other)?;
        self.open_link(caller.now, caller.user, other, effects)?;
        self.done(caller, other, effects);
        Ok(None)
    }

    fn need_request(&self, user: UserId, other: UserId, name: &UserName) -> Result<(), Refusal> {
        if self.is_asked_by(user, other) {
            return Ok(());
        }
        let text = format!("{name} has not asked you for a private chat.");
        Err(Refusal::new(ErrorCode::NoRequest, text))
    }

    pub(crate) fn reject(
        &mut self,
        caller: &Caller,
        name: &UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let other = self.other(caller.user, name)?;
        self.need_request(caller.user, other, name)?;
        self.need_store(caller.user, other)?;
        self.remove_request(other, caller.user, None, effects);
        self.tell_link(other, caller.user, LinkState::Rejected, None, effects);
        let except = Some(caller.session);
        self.tell_link(caller.user, other, LinkState::Ended, except, effects);
        self.done(caller, other, effects);
        Ok(None)
    }

    pub(crate) fn end(
        &mut self,
        caller: &Caller,
        name: &UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let other = self.other(caller.user, name)?;
        self.need_store(caller.user, other)?;
        if self.open_room(caller.user, other).is_some() {
            self.end_link(caller.now, caller.user, other, effects);
        } else if !self.take_back_request(caller.user, other, effects) {
            let text = format!("You have no private chat with {name}.");
            return Err(Refusal::new(ErrorCode::NotLinked, text));
        }
        self.done(caller, other, effects);
        Ok(None)
    }

    fn take_back_request(
        &mut self,
        user: UserId,
        other: UserId,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let found = self.remove_request(user, other, None, effects);
        if found {
            if !self.blocks(other, user) {
                self.tell_link(other, user, LinkState::Ended, None, effects);
            }
            self.tell_link(user, other, LinkState::Ended, None, effects);
        }
        found
    }

    pub(crate) fn block(
        &mut self,
        caller: &Caller,
        name: &UserName,
        on: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let me = caller.user;
        let other = self.other(me, name)?;
        self.need_store(me, other)?;
        let asks = |hub: &Self| {
            let user = hub.users.get(&me);
            user.is_some_and(|user| user.ties.request(Side::To, other, None).is_some())
        };
        if on {
            let blocked = self.users.get(&me).map_or(0, |user| user.ties.blocked().len());
            if blocked >= limits::BLOCKS_PER_USER {
                let text = format!("You block {blocked} users, which is the most.");
                return Err(Refusal::new(ErrorCode::Limit, text));
            }
            // While they are not blocked yet: what both see of it is the same as without a block.
            if self.open_room(me, other).is_some() {
                self.end_link(caller.now, me, other, effects);
            }
            self.take_back_request(me, other, effects);
            if asks(self) && !self.blocks(me, other) {
                self.tell_link(me, other, LinkState::Ended, Some(caller.session), effects);
            }
        }
        let Some(user) = self.users.get_mut(&me) else { return Ok(None) };
        if user.ties.set_block(other, on) {
            if let Some(other) = self.users.get_mut(&other) {
                other.ties.set_blocked_by(me, on);
            }
            self.save_block(me, other, on, effects);
            if !on && asks(self) {
                self.tell_link(me, other, LinkState::Asked, None, effects);
            }
        }
        self.done(caller, other, effects);
        Ok(None)
    }

    pub(crate) fn set_policy(
        &mut self,
        caller: &Caller,
        policy: Option<PrivatePolicy>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let Some(user) = self.users.get_mut(&caller.user) else { return Ok(None) };
        if user.is_account() && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        user.ties.set_policy(policy);
        if !user.is_account() {
            return Ok(Some(Reply::Done));
        }
        self.save_account(caller.user, effects);
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// Those to whom a user is known by a private chat or a question, from either side.
    pub(crate) fn known_to(&self, id: UserId) -> BTreeSet<UserId> {
        let mut known = BTreeSet::new();
        let Some(user) = self.users.get(&id) else { return known };
        known.extend(user.privates.iter().filter(|(_, r)| self.is_open(*r)).map(|(o, _)| *o));
        known.extend(user.ties.requests(Side::To).iter().map(|request| request.other));
        let by = user.ties.requests(Side::By).iter().map(|request| request.other);
        known.extend(by.filter(|other| !self.blocks(*other, id)));
        known
    }

    fn is_open(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(Room::is_open_private)
    }

    pub(crate) fn list_links(&self, caller: &Caller, after: Option<&str>) -> Reply {
        /// The place of an entry in the list: the user, the kind of entry, the group.
        type Key = (UserId, u8, Option<RoomId>);
        let mut all: Vec<(Key, LinkState)> = Vec::new();
        if let Some(user) = self.users.get(&caller.user) {
            let open = user.privates.iter().filter(|(_, room)| self.is_open(*room));
            all.extend(open.map(|(other, _)| ((*other, 0, None), LinkState::Open)));
            let to = user.ties.requests(Side::To).iter();
            let to = to.filter(|request| !user.ties.blocks(request.other));
            all.extend(to.map(|r| ((r.other, 1, r.group), LinkState::Asked)));
            let by = user.ties.requests(Side::By).iter().filter(|r| r.group.is_none());
            all.extend(by.map(|r| ((r.other, 2, None), LinkState::Waiting)));
            let blocked = user.ties.blocked().into_iter();
            all.extend(blocked.map(|other| ((other, 3, None), LinkState::Blocked)));
        }
        all.sort_unstable_by_key(|(key, _)| *key);
        let cursor = |(user, kind, group): Key| {
            format!("{user}.{kind}.{}", group.map_or(0, |group| group.0))
        };
        let parse = |text: &str| {
            let mut parts = text.split('.');
            let user = UserId(parts.next()?.parse().ok()?);
            let kind = parts.next()?.parse().ok()?;
            let group: u64 = parts.next()?.parse().ok()?;
            Some((user, kind, (group > 0).then_some(RoomId(group))))
        };
        if let Some(after) = after.and_then(parse) {
            all.retain(|(key, _)| *key > after);
        }
        let page = limits::PAGE as usize;
        let next = (all.len() > page).then(|| cursor(all[page - 1].0));
        all.truncate(page);
        let entry = |((other, _, group), state): (Key, LinkState)| {
            let other = self.users.get(&other)?;
            let group = match group {
                Some(group) => Some(self.rooms.get(&group)?.name()?.clone()),
                None => None,
            };
            // Only what anybody can see in the list of users.
            Some(LinkEntry { user: other.author(), state, online: other.is_present, group })
        };
        Reply::Links { links: all.into_iter().filter_map(entry).collect(), next }
    }
}

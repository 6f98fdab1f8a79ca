//! The hub's state and the dispatch of inputs.

use crate::buckets::Networks;
use crate::clock_sense::ClockSense;
use crate::instance::Instances;
use crate::invites::Invites;
use crate::names::Names;
use crate::room::Room;
use crate::sequencer::{Sequencer, not_member};
use crate::session::{Attachment, Session};
use crate::user::User;
use crate::{Departure, Effect, HubConfig, Input, Notice, Reply, Tag};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::record::{Record, Snapshot};
use hubbub_protocol::room::RestrictionRecord;
use hubbub_protocol::{
    CloseCode, Epoch, Instance, LoginId, MonoMs, Now, RoomAddress, RoomId, SecretDigest, SessionId,
    UserId, UserName, limits,
};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An empty room in which something still waits for the store is looked at again after this time, in
/// milliseconds.
const PENDING_ROOM_MS: u64 = 1_000;
/// How often old entries of the audit log go, in milliseconds: often, since only so many go at once.
const TRIM_MS: u64 = 30 * 1_000;
/// How often old requests and logins are looked for, in milliseconds.
const TIDY_MS: u64 = 60 * 60 * 1_000;

/// The state of everything. One owner drives it, one input at a time.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: HubConfig,
    pub(crate) epoch: Epoch,
    ids: u64,
    pub(crate) sessions: FxHashMap<SessionId, Session>,
    pub(crate) users: FxHashMap<UserId, User>,
    pub(crate) names: Names,
    pub(crate) tokens: HashMap<SecretDigest, (UserId, LoginId)>,
    /// Which guest's client instance it is. As good as the token for a client that never heard its
    /// welcome.
    pub(crate) instance_users: HashMap<Instance, UserId>,
    pub(crate) instances: Instances,
    pub(crate) rooms: FxHashMap<RoomId, Room>,
    /// Named rooms by case-folded name, for listing, and by look-alike skeleton.
    pub(crate) room_names: BTreeMap<String, RoomId>,
    /// Those of them that everybody may know of.
    pub(crate) listed_rooms: BTreeMap<String, RoomId>,
    pub(crate) room_skeletons: HashMap<String, RoomId>,
    /// Rooms with a PIN, by what is kept of name and PIN.
    pub(crate) pin_rooms: HashMap<SecretDigest, RoomId>,
    /// How much was done from which address.
    pub(crate) networks: Networks,
    pub(crate) sequencer: Sequencer,
    pub(crate) invites: Invites,
    /// Bans and mutes of the whole server, the oldest first.
    pub(crate) restrictions: Vec<RestrictionRecord>,
    /// What makes the first admin, while there is none.
    pub(crate) setup: Option<SecretDigest>,
    pub(crate) account_count: usize,
    /// Entries of the audit log that were left out since the last that was written.
    pub(crate) omitted: u64,
    /// Whether anything may go by its age.
    pub(crate) clock_sense: ClockSense,
    /// When what is old is looked for next.
    tidy_due: MonoMs,
    /// When old entries of the audit log go next.
    trim_due: MonoMs,
    /// Lost users, by the end of their hold. One entry each.
    pub(crate) held: BTreeSet<(MonoMs, UserId)>,
    /// Empty rooms, by the moment when they may go. One entry each.
    pub(crate) empty: BTreeSet<(MonoMs, RoomId)>,
    /// Rooms that don't keep everything, by the moment when they are looked at. One entry each.
    pub(crate) expiring: BTreeSet<(MonoMs, RoomId)>,
    pub(crate) dirty_counts: Vec<RoomId>,
    pub(crate) counts_due: MonoMs,
}

/// How much there is of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections.
    pub sessions: usize,
    /// Users, with those whose connection was lost a moment ago.
    pub users: usize,
    /// Rooms and private chats.
    pub rooms: usize,
    /// Admitted events that wait for the store.
    pub pending: usize,
}

impl Hub {
    /// Begins with what the store holds. See `snapshot` for what no longer means anything.
    #[must_use]
    pub fn new(
        config: HubConfig,
        epoch: Epoch,
        snapshot: Snapshot,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let mut hub = Self {
            config,
            epoch,
            ids: 0,
            sessions: FxHashMap::default(),
            users: FxHashMap::default(),
            names: Names::default(),
            tokens: HashMap::new(),
            instance_users: HashMap::new(),
            instances: Instances::default(),
            rooms: FxHashMap::default(),
            room_names: BTreeMap::new(),
            listed_rooms: BTreeMap::new(),
            room_skeletons: HashMap::new(),
            pin_rooms: HashMap::new(),
            networks: Networks::default(),
            sequencer: Sequencer::default(),
            invites: Invites::default(),
            restrictions: Vec::new(),
            setup: None,
            account_count: 0,
            omitted: 0,
            clock_sense: ClockSense::default(),
            tidy_due: MonoMs(0),
            trim_due: MonoMs(0),
            held: BTreeSet::new(),
            empty: BTreeSet::new(),
            expiring: BTreeSet::new(),
            dirty_counts: Vec::new(),
            counts_due: MonoMs(0),
        };
        hub.load(snapshot, effects);
        let has_admin = hub.users.keys().any(|user| hub.is_admin(*user));
        hub.setup = hub.config.setup.filter(|_| !has_admin);
        hub
    }

    /// Takes one input and appends what is to be done, in order. Never panics, whatever comes.
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Connected { session, arrival } => {
                self.sessions.insert(session, Session::new(arrival, now.wall));
            }
            Input::Command { session, tag, command } => {
                self.command(now, session, tag, command, effects);
            }
            Input::Disconnected { session, departure } => {
                let reason = match departure {
                    Departure::Quit => "closed",
                    Departure::Lost => "lost",
                };
                self.remove_session(now, session, departure, reason, effects);
            }
            Input::SendsLoaded { session, instance, sends } => {
                self.sends_loaded(now, session, instance, sends, effects);
            }
            Input::PasswordsDone { session, outcome } => {
                self.passwords_done(now, session, outcome, effects);
            }
            Input::MessageLoaded { session, message } => {
                self.message_loaded(now, session, message, effects);
            }
            Input::ExpiredFound { room, upto } => self.expired_found(now, room, upto, effects),
            Input::Configured(config) => self.configure(*config),
            Input::Admin { request, by, command } => {
                self.admin(now, request, by, command, effects);
            }
            Input::PageRead { session, after, page } => {
                self.page_read(now, session, after, page, effects);
            }
            Input::PageTaken { session, room } => self.page_taken(session, room, effects),
            Input::Persisted { upto } => self.persisted(now, upto, effects),
            Input::CommitFailed => self.commit_failed(effects),
            Input::Recovered { epoch, survivors } => self.recovered(now, epoch, survivors, effects),
            Input::Tick => self.tick(now, effects),
            Input::Shutdown => self.close_all(now, effects),
        }
    }

    /// Whether nobody is an admin yet, and [`HubConfig::setup`] can still make one.
    #[must_use]
    pub fn awaits_setup(&self) -> bool {
        self.setup.is_some()
    }

    /// How much there is of what.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            sessions: self.sessions.len(),
            users: self.names.online_count(),
            rooms: self.rooms.len(),
            pending: self.sequencer.waiting(),
        }
    }

    /// An id that was never used before, not even before a restart (the epoch rose).
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.ids += 1;
        (u64::from(self.epoch.0) << 32) + self.ids
    }

    pub(crate) fn remove_session(
        &mut self,
        now: Now,
        id: SessionId,
        departure: Departure,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        self.audit_user(now, AuditAct::Logout, id, reason, effects);
        let Some(session) = self.sessions.get(&id) else { return };
        let rooms: Vec<_> = session.rooms.iter().map(|(room, _)| *room).collect();
        for room in rooms {
            self.detach(now, id, room, effects);
        }
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(instance) = session.instance {
            self.instances.release(instance, id);
        }
        if session.in_flight > 0 && self.sequencer.has_failed() {
            self.sequencer.forget_answers(id);
        }
        if let Some(entry) = session.entry {
            self.give_up_entry(&entry.name, &entry.what);
        }
        let Some(user_id) = session.user else { return };
        let Some(user) = self.users.get_mut(&user_id) else { return };
        user.sessions.retain(|other| *other != id);
        let is_last = user.sessions.is_empty();
        if let Some(login) = session.login {
            self.login_unused(now, user_id, login, effects);
        }
        if !is_last {
            return;
        }
        match departure {
            Departure::Lost if session.arrival.resumable => {
                let until = now.mono.plus(self.config.resume_hold_ms);
                if let Some(user) = self.users.get_mut(&user_id) {
                    user.held_until = Some(until);
                    self.held.insert((until, user_id));
                }
            }
            Departure::Lost => self.user_gone(now, user_id, MemberChange::Lost, effects),
            Departure::Quit => self.user_gone(now, user_id, MemberChange::Quit, effects),
        }
    }

    /// A session of an account's login is over. A login that can't be used again goes with it.
    fn login_unused(&mut self, now: Now, user_id: UserId, id: LoginId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get_mut(&user_id).filter(|user| user.is_account()) else {
            return;
        };
        let Some(login) = user.logins.iter_mut().find(|login| login.id == id) else { return };
        // Not back: a clock that was wrong for a while must not make it look forgotten.
        login.seen = login.seen.max(now.wall);
        if login.lasts {
            self.save_login(user_id, id, effects);
        } else {
            self.end_login(user_id, id, effects);
        }
    }

    pub(crate) fn close(
        &mut self,
        now: Now,
        session: SessionId,
        code: CloseCode,
        departure: Departure,
        effects: &mut Vec<Effect>,
    ) {
        self.drop_held(session, effects);
        let reason = if code == CloseCode::Bye { "quit" } else { code.code() };
        self.remove_session(now, session, departure, reason, effects);
        effects.push(Effect::Close { session, code });
    }

    /// A session no longer hears a room.
    pub(crate) fn detach(
        &mut self,
        now: Now,
        id: SessionId,
        room_id: RoomId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(attachment) = session.detach(room_id) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.attached -= 1;
        self.note_empty(now, room_id);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match attachment {
            Attachment::Live => effects.push(Effect::Unsubscribe { session: id, room: room_id }),
            Attachment::CatchingUp(state) => {
                room.unwatch_tail();
                if let Some(join) = state.join {
                    reply(id, join.tag, Reply::Refused(not_member()), effects);
                }
            }
        }
    }

    /// A room without a session is looked at after a while: it may go then.
    pub(crate) fn note_empty(&mut self, now: Now, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.attached == 0 && room.empty_until.is_none() {
            let until = now.mono.plus(self.config.empty_room_ms);
            room.empty_until = Some(until);
            self.empty.insert((until, id));
        }
    }

    pub(crate) fn remove_room(&mut self, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.remove(&id) else { return };
        if let Some(until) = room.empty_until {
            self.empty.remove(&(until, id));
        }
        if let Some(due) = room.expiry_due {
            self.expiring.remove(&(due, id));
        }
        if let Some(pin) = room.pin() {
            self.pin_rooms.remove(&pin);
        }
        for member in room.members.iter().chain(&room.absent) {
            if let Some(user) = self.users.get_mut(member) {
                user.rooms.retain(|joined| *joined != id);
                user.ties.remove_place(id);
            }
        }
        for side in room.sides().into_iter().flatten() {
            if let Some(user) = self.users.get_mut(&side) {
                user.privates.retain(|(_, private)| *private != id);
                user.ties.remove_place(id);
            }
        }
        if let Some(name) = room.name() {
            let keys = name.keys();
            self.room_names.remove(&keys.fold);
            self.listed_rooms.remove(&keys.fold);
            self.room_skeletons.remove(&keys.skeleton);
        }
        // Nobody is invited any more into a group that is no more.
        for (from, to) in &room.invitations {
            self.remove_request(*from, *to, Some(id), effects);
        }
        if room.may_be_recorded {
            self.sequencer.save(Record::RoomGone(id), effects);
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.clock_sense.notice(now);
        while let Some(&(until, user)) = self.held.first()
            && until <= now.mono
        {
            self.held.pop_first();
            self.user_gone(now, user, MemberChange::Lost, effects);
        }
        while let Some(&(until, id)) = self.empty.first()
            && until <= now.mono
        {
            self.empty.pop_first();
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            room.empty_until = None;
            if room.may_go() {
                self.remove_room(id, effects);
            } else if room.pending > 0 {
                let until = now.mono.plus(PENDING_ROOM_MS);
                room.empty_until = Some(until);
                self.empty.insert((until, id));
            }
        }
        self.announce_counts(now.mono, effects);
        self.expire(now, effects);
        if !self.clock_sense.is_believed(now.mono) {
            return;
        }
        if self.trim_due <= now.mono {
            self.trim_due = now.mono.plus(TRIM_MS);
            self.trim_audit(now, effects);
        }
        if self.tidy_due <= now.mono {
            self.tidy_due = now.mono.plus(TIDY_MS);
            self.forget_old_requests(now, effects);
            self.forget_old_logins(now, effects);
        }
    }

    fn close_all(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut sessions: Vec<_> = self.sessions.keys().copied().collect();
        sessions.sort_unstable();
        let code = CloseCode::Shutdown;
        for session in sessions {
            self.audit_user(now, AuditAct::Logout, session, code.code(), effects);
            self.drop_held(session, effects);
            // Nobody is told of the others' going: all go.
            if let Some(Session { user: Some(user), login: Some(login), .. }) =
                self.sessions.remove(&session)
            {
                self.login_unused(now, user, login, effects);
            }
            effects.push(Effect::Close { session, code });
        }
        let here = self.users.values_mut().filter(|user| user.is_account() && user.is_present);
        let mut here: Vec<_> = here
            .map(|user| {
                user.is_present = false;
                user.id
            })
            .collect();
        here.sort_unstable();
        for user in here {
            self.save_heard(user, effects);
            self.save_account(user, effects);
        }
    }

    /// Private messages that wait in a session end with it, and it is told so while it can hear.
    pub(crate) fn drop_held(&mut self, id: SessionId, effects: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.held_texts.is_empty() {
            return;
        }
        let mut messages: Vec<(UserName, u32)> = Vec::new();
        for (to, _) in std::mem::take(&mut session.held_texts) {
            let Some(name) = self.users.get(&to).map(|user| user.name.clone()) else { continue };
            match messages.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => messages.push((name, 1)),
            }
        }
        effects.push(Effect::Tell { session: id, notice: Notice::Dropped { messages } });
    }

    /// How a conversation is called by one of its users, and how deliveries of that user are
    /// addressed: the room, or the other side.
    pub(crate) fn address(&self, room: RoomId, user: UserId) -> Option<RoomAddress> {
        let room = self.rooms.get(&room)?;
        match room.name() {
            Some(name) => Some(RoomAddress::Room(name.clone())),
            None => {
                let other = self.users.get(&room.other_side(user)?)?;
                Some(RoomAddress::User(other.name.clone()))
            }
        }
    }

    /// Whether the server has room for one more room.
    pub(crate) fn has_place_for_room(&self) -> bool {
        self.rooms.len() < limits::ROOMS
    }
}

pub(crate) fn reply(session: SessionId, tag: Tag, reply: Reply, effects: &mut Vec<Effect>) {
    effects.push(Effect::Reply { session, tag, reply });
}

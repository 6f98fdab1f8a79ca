//! The hub's state and the dispatch of inputs.

use crate::instance::Instances;
use crate::names::Names;
use crate::room::Room;
use crate::sequencer::Sequencer;
use crate::session::{Attachment, Session};
use crate::user::User;
use crate::{Departure, Effect, HubConfig, Input, Refusal, Reply, Tag};
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::record::{RoomKind, StoredRoom};
use hubbub_protocol::{
    CloseCode, Epoch, ErrorCode, Instance, MonoMs, Now, ResumeToken, RoomId, Seq, SessionId,
    UserId, limits,
};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An empty room in which something still waits for the store is looked at again after this time, in
/// milliseconds.
const PENDING_ROOM_MS: u64 = 1_000;

/// The state of everything. One owner drives it, one input at a time.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: HubConfig,
    pub(crate) epoch: Epoch,
    ids: u64,
    pub(crate) sessions: FxHashMap<SessionId, Session>,
    pub(crate) users: FxHashMap<UserId, User>,
    pub(crate) names: Names,
    pub(crate) tokens: HashMap<ResumeToken, UserId>,
    /// Whose client instance it is. As good as the token for a client that never heard its welcome.
    pub(crate) instance_users: HashMap<Instance, UserId>,
    pub(crate) instances: Instances,
    pub(crate) rooms: FxHashMap<RoomId, Room>,
    /// Named rooms by case-folded name, for listing, and by look-alike skeleton.
    pub(crate) room_names: BTreeMap<String, RoomId>,
    pub(crate) room_skeletons: HashMap<String, RoomId>,
    pub(crate) sequencer: Sequencer,
    /// Lost users, by the end of their hold. One entry each.
    pub(crate) held: BTreeSet<(MonoMs, UserId)>,
    /// Empty rooms, by the moment when they may go. One entry each.
    pub(crate) empty: BTreeSet<(MonoMs, RoomId)>,
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
    /// Begins with what the store holds. Private chats of guests of earlier runs are deleted: their
    /// guests are gone for good.
    #[must_use]
    pub fn new(
        config: HubConfig,
        epoch: Epoch,
        stored: Vec<StoredRoom>,
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
            room_skeletons: HashMap::new(),
            sequencer: Sequencer::default(),
            held: BTreeSet::new(),
            empty: BTreeSet::new(),
            dirty_counts: Vec::new(),
            counts_due: MonoMs(0),
        };
        for stored in stored {
            match &stored.record.kind {
                // A room whose first event failed: nothing was ever said there.
                _ if stored.head_seq == Seq(0) => {
                    hub.sequencer.persist_end(stored.record.id, effects);
                }
                RoomKind::Named(name) => {
                    let keys = name.keys();
                    hub.room_names.insert(keys.fold, stored.record.id);
                    hub.room_skeletons.insert(keys.skeleton, stored.record.id);
                    hub.rooms.insert(stored.record.id, Room::stored(stored));
                }
                RoomKind::Private(_) => {
                    hub.sequencer.persist_end(stored.record.id, effects);
                }
            }
        }
        hub
    }

    /// Takes one input and appends what is to be done, in order. Never panics, whatever comes.
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Connected { session, arrival } => {
                self.sessions.insert(session, Session::new(arrival));
            }
            Input::Command { session, tag, command } => {
                self.command(now, session, tag, command, effects);
            }
            Input::Disconnected { session, departure } => {
                self.remove_session(now, session, departure, effects);
            }
            Input::SendsLoaded { session, instance, sends } => {
                self.sends_loaded(now, session, instance, sends, effects);
            }
            Input::PageRead { session, after, page } => {
                self.page_read(now, session, after, page, effects);
            }
            Input::PageTaken { session, room } => self.page_taken(session, room, effects),
            Input::Persisted { upto } => self.persisted(upto, effects),
            Input::CommitFailed => self.commit_failed(effects),
            Input::Recovered { epoch, survivors } => self.recovered(epoch, survivors, effects),
            Input::Tick => self.tick(now, effects),
            Input::Shutdown => self.close_all(effects),
        }
    }

    /// How much there is of what.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            sessions: self.sessions.len(),
            users: self.users.len(),
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
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        let rooms: Vec<_> = session.rooms.iter().map(|(room, _)| *room).collect();
        for room in rooms {
            self.detach(now, id, room, effects);
        }
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(instance) = session.instance {
            self.instances.release(instance, id);
        }
        let Some(user_id) = session.user else { return };
        let Some(user) = self.users.get_mut(&user_id) else { return };
        user.sessions.retain(|other| *other != id);
        if !user.sessions.is_empty() {
            return;
        }
        match departure {
            Departure::Lost if session.arrival.resumable => {
                let until = now.mono.plus(self.config.resume_hold_ms);
                user.held_until = Some(until);
                self.held.insert((until, user_id));
            }
            Departure::Lost => self.remove_user(now, user_id, MemberChange::Lost, effects),
            Departure::Quit => self.remove_user(now, user_id, MemberChange::Quit, effects),
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
        self.remove_session(now, session, departure, effects);
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
        if room.attached == 0 {
            let until = now.mono.plus(self.config.empty_room_ms);
            room.empty_until = Some(until);
            self.empty.insert((until, room_id));
        }
        match attachment {
            Attachment::Live => effects.push(Effect::Unsubscribe { session: id, room: room_id }),
            Attachment::CatchingUp(state) => {
                room.unwatch_tail();
                if let Some(join) = state.join {
                    let refusal =
                        Refusal::new(ErrorCode::NotMember, "You are no longer in this room.");
                    reply(id, join.tag, Reply::Refused(refusal), effects);
                }
            }
        }
    }

    pub(crate) fn remove_room(&mut self, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.remove(&id) else { return };
        if let Some(until) = room.empty_until {
            self.empty.remove(&(until, id));
        }
        for member in &room.members {
            if let Some(user) = self.users.get_mut(member) {
                user.rooms.retain(|joined| *joined != id);
            }
        }
        for side in room.sides().into_iter().flatten() {
            if let Some(user) = self.users.get_mut(&side.id) {
                user.privates.retain(|(_, private)| *private != id);
            }
        }
        if let Some(name) = room.name() {
            let keys = name.keys();
            self.room_names.remove(&keys.fold);
            self.room_skeletons.remove(&keys.skeleton);
        }
        if room.may_be_recorded {
            self.sequencer.persist_end(id, effects);
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(&(until, user)) = self.held.first()
            && until <= now.mono
        {
            self.held.pop_first();
            self.remove_user(now, user, MemberChange::Lost, effects);
        }
        while let Some(&(until, id)) = self.empty.first()
            && until <= now.mono
        {
            self.empty.pop_first();
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            if room.may_go() {
                self.remove_room(id, effects);
            } else if room.pending > 0 {
                let until = now.mono.plus(PENDING_ROOM_MS);
                room.empty_until = Some(until);
                self.empty.insert((until, id));
            }
        }
        self.announce_counts(now.mono, effects);
    }

    fn close_all(&mut self, effects: &mut Vec<Effect>) {
        let mut sessions: Vec<_> = self.sessions.keys().copied().collect();
        sessions.sort_unstable();
        for session in sessions {
            // Nobody is told of the others' going: all go.
            self.sessions.remove(&session);
            effects.push(Effect::Close { session, code: CloseCode::Shutdown });
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

//! `join`: into a room, which is made if there is none; or a further session to where the user is.

use super::Caller;
use crate::acts::ActDetails;
use crate::hub::Hub;
use crate::order::Rank;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::{Effect, JoinSecret, Limited, Notice, Refusal, Reply};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::{MemberChange, Retention};
use hubbub_protocol::record::{RoomKind, RoomRecord};
use hubbub_protocol::room::SecretUse;
use hubbub_protocol::{
    ErrorCode, Now, Position, Role, RoomAddress, RoomId, RoomName, RoomSecret, RoomSettings,
    SecretDigest, UserId, UserName, limits,
};

/// What a `join` says about the room beside its name.
pub(crate) struct RoomWish {
    /// What it keeps if it is made.
    pub(crate) retention: Option<Retention>,
    /// What finds or opens it.
    pub(crate) secret: Option<JoinSecret>,
}

/// Where a `join` came.
struct Entry {
    room: RoomId,
    /// The user was not in it before.
    entered: bool,
    /// It was not there before.
    created: bool,
}

impl Hub {
    pub(crate) fn join(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        after: Option<Position>,
        wish: RoomWish,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let Entry { room, entered, created } = match address {
            RoomAddress::User(name) => {
                let room = self.linked_room(caller.user, name)?;
                Entry { room, entered: false, created: false }
            }
            RoomAddress::Room(name) => self.come_in(caller, name, wish, effects)?,
        };
        let after = after.or_else(|| self.heard(caller.user, room));
        // Joining again is how a client repairs what it took for a gap.
        self.detach(caller.now, caller.session, room, effects);
        if entered {
            self.attach_when_durable(caller.session, caller.tag, room, created, after, effects);
        } else {
            self.attach(caller.session, caller.tag, room, created, after, effects);
        }
        Ok(None)
    }

    /// The private chat with somebody who agrees to it. One that was ended can be read, not entered.
    pub(crate) fn linked_room(&self, user: UserId, name: &UserName) -> Result<RoomId, Refusal> {
        let other = self.other(user, name)?;
        self.open_room(user, other).ok_or_else(|| {
            let text = format!("You have no private chat with {name}.");
            Refusal::new(ErrorCode::NotLinked, text)
        })
    }

    /// Where an account stands in a private chat in which something was said while it was away.
    fn heard(&self, user: UserId, room: RoomId) -> Option<Position> {
        let user = self.users.get(&user).filter(|user| user.is_account())?;
        let delivered = self.rooms.get(&room).filter(|room| room.sides().is_some())?.delivered.1;
        let (epoch, seq) = user.ties.place_ref(room)?.heard;
        (seq < delivered).then_some(Position { room, epoch, seq })
    }

    /// Makes the user a member.
    fn come_in(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        wish: RoomWish,
        effects: &mut Vec<Effect>,
    ) -> Result<Entry, Refusal> {
        let pin = match &wish.secret {
            Some(JoinSecret::Pin(pin)) => Some(pin),
            Some(JoinSecret::Key(_)) | None => None,
        };
        let found = match pin {
            Some(pin) => self.find_by_pin(caller, name, pin, effects)?,
            None => self.find_room(name),
        };
        if let Some(room) = found
            && self.users.get(&caller.user).is_some_and(|user| user.rooms.contains(&room))
        {
            return Ok(Entry { room, entered: false, created: false });
        }
        self.need_place_for_room(caller.user)?;
        // What is said behind a PIN is kept only where somebody wants that.
        let default = if pin.is_some() { Retention::None } else { self.config.retention };
        let retention = wish.retention.unwrap_or(default);
        let keeps =
            found.and_then(|id| self.rooms.get(&id)).map_or(retention.keeps(), Room::keeps_history);
        if keeps && self.is_account(caller.user) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        let room = match found {
            Some(id) => {
                let key = match &wish.secret {
                    Some(JoinSecret::Key(key)) => Some(key),
                    Some(JoinSecret::Pin(_)) | None => None,
                };
                self.need_entrance(caller, id, pin.is_some(), key, effects)?;
                id
            }
            None => {
                self.need(caller, Limited::Rooms)?;
                self.make_for(caller, name, retention, wish.secret.as_ref())?
            }
        };
        self.become_member(caller, room, effects);
        if found.is_none() {
            self.own_what_was_made(caller, room, effects);
        }
        Ok(Entry { room, entered: true, created: found.is_none() })
    }

    /// The room of this name and PIN. Looking for one that is not there is a try.
    fn find_by_pin(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        pin: &RoomSecret,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<RoomId>, Refusal> {
        let digest = pin.digest(SecretUse::Pin, name, &self.config.key);
        let found = self.pin_rooms.get(&digest).copied();
        let is_member = found.and_then(|id| self.rooms.get(&id));
        if is_member.is_some_and(|room| room.has_member(caller.user)) {
            return Ok(found);
        }
        // Before anything can be told from the answer.
        self.need_try(caller, name, effects)?;
        if found.is_none() {
            self.count_try(caller);
        }
        Ok(found)
    }

    fn need_try(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let payer = self.payer(caller.session, Some(caller.user));
        let wait_ms = self.wait_ms(caller.now.mono, payer, Limited::Pins, 1);
        if wait_ms == 0 {
            return Ok(());
        }
        if self.is_first_refused_try(caller) {
            let details = ActDetails { room: Some(name), what: "too many tries", why: None };
            let session = Some(caller.session);
            self.audit_act(caller.now, AuditAct::PinRefused, session, &details, effects);
        }
        Err(self.too_fast(caller.session, Limited::Pins, wait_ms))
    }

    fn count_try(&mut self, caller: &Caller) {
        let payer = self.payer(caller.session, Some(caller.user));
        self.take(caller.now.mono, payer, Limited::Pins, 1);
        for buckets in self.buckets_of_payer(caller.now.mono, payer) {
            buckets.told_of_pins = false;
        }
    }

    /// Whether it is the first refusal since the last try: each needs one entry in the audit log, and no
    /// more.
    fn is_first_refused_try(&mut self, caller: &Caller) -> bool {
        let payer = self.payer(caller.session, Some(caller.user));
        let mut is_first = true;
        for buckets in self.buckets_of_payer(caller.now.mono, payer) {
            is_first &= !std::mem::replace(&mut buckets.told_of_pins, true);
        }
        is_first
    }

    /// Whether the user may come into a room that is there.
    fn need_entrance(
        &mut self,
        caller: &Caller,
        id: RoomId,
        by_pin: bool,
        key: Option<&RoomSecret>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let rank = self.rank(room, caller.user);
        if rank == Rank::Admin {
            return Ok(());
        }
        let is_invited = !self.invited_by(caller.user, id).is_empty();
        if room.pin().is_some() && !by_pin && !is_invited && rank == Rank::Member {
            // Before anything else: its name alone tells nobody that it is there.
            return Err(needs_pin());
        }
        self.need_no_ban(room, caller.user, caller.now)?;
        if room.owner().is_some() && is_invited {
            self.need_place_in_group(room)?;
        }
        let settings = &room.record.settings;
        let is_closed = match room.record.kind {
            RoomKind::Named(_) => settings.invite_only,
            RoomKind::Group { .. } => true,
            RoomKind::Pin { .. } => settings.invite_only || !by_pin,
            RoomKind::Private { .. } => false,
        };
        let name = room.name().cloned();
        let shown = name.as_ref().map_or("that room", RoomName::as_str);
        if is_closed && !is_invited && rank == Rank::Member {
            let text = match room.record.kind {
                RoomKind::Group { .. } => "Only who is invited can join that group.".into(),
                // The same as if there were none: its name alone tells nobody that it is there.
                RoomKind::Pin { .. } if !by_pin => return Err(needs_pin()),
                _ => format!("Only who is invited can join {shown}."),
            };
            return Err(Refusal::new(ErrorCode::InviteOnly, text));
        }
        let members = room.members.len() + room.absent.len();
        if rank < Rank::Operator
            && settings.member_limit.is_some_and(|most| members >= most as usize)
        {
            let text = format!("{members} people are in {shown}, which is the most.");
            return Err(Refusal::new(ErrorCode::RoomFull, text));
        }
        let Some(wanted) = settings.key.filter(|_| !is_invited && rank == Rank::Member) else {
            return Ok(());
        };
        let (Some(key), Some(name)) = (key, name.as_ref()) else {
            let text = format!("{shown} is joined with a key.");
            return Err(Refusal::new(ErrorCode::KeyNeeded, text));
        };
        self.need_try(caller, name, effects)?;
        if key.digest(SecretUse::Key, name, &self.config.key) == wanted {
            return Ok(());
        }
        self.count_try(caller);
        let details = ActDetails { room: Some(name), what: "", why: None };
        self.audit_act(caller.now, AuditAct::PinRefused, Some(caller.session), &details, effects);
        Err(Refusal::new(ErrorCode::WrongKey, format!("That is not the key of {name}.")))
    }

    fn make_for(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        retention: Retention,
        secret: Option<&JoinSecret>,
    ) -> Result<RoomId, Refusal> {
        let key = self.config.key.clone();
        match secret {
            Some(JoinSecret::Pin(pin)) => {
                let digest = pin.digest(SecretUse::Pin, name, &key);
                let label = self.free_label(name, pin.digest(SecretUse::Label, name, &key))?;
                let kind = RoomKind::Pin { name: label.clone(), pin: digest };
                let id = self.make_room(caller.now, &label, kind, Some(retention))?;
                self.pin_rooms.insert(digest, id);
                Ok(id)
            }
            _ if name.as_str().contains('~') => Err(needs_pin()),
            secret => {
                let kind = RoomKind::Named(name.clone());
                let id = self.make_room(caller.now, name, kind, Some(retention))?;
                if let (Some(JoinSecret::Key(secret)), Some(room)) =
                    (secret, self.rooms.get_mut(&id))
                {
                    room.record.settings.key = Some(secret.digest(SecretUse::Key, name, &key));
                }
                Ok(id)
            }
        }
    }

    /// What a room with a PIN is called: its name and some digits that tell nothing of the PIN without
    /// the server's key, and are the same each time that the room is made.
    fn free_label(&self, name: &RoomName, digits: SecretDigest) -> Result<RoomName, Refusal> {
        let digits: String = digits.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let labels = [4, 8, 16].into_iter().filter_map(|count| {
            let mut base = name.as_str();
            while base.len() + 1 + count > limits::ROOM_NAME_BYTES {
                base = &base[..base.char_indices().next_back()?.0];
            }
            RoomName::known(&format!("{base}~{}", &digits[..count])).ok()
        });
        let is_free = |label: &RoomName| {
            let keys = label.keys();
            !self.room_names.contains_key(&keys.fold)
                && !self.room_skeletons.contains_key(&keys.skeleton)
        };
        labels.into_iter().find(is_free).ok_or_else(|| {
            let text = format!("There is no free name for a room {name} with that PIN.");
            Refusal::new(ErrorCode::RoomInvalid, text)
        })
    }

    /// Who makes a room owns it. The lobby is everybody's.
    fn own_what_was_made(&mut self, caller: &Caller, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(name) = self.rooms.get(&id).and_then(Room::name) else { return };
        if name.fold() != self.config.lobby.fold() {
            self.set_role(id, caller.user, Some(Role::Owner), effects);
        }
    }

    pub(crate) fn need_place_for_room(&self, user: UserId) -> Result<(), Refusal> {
        let rooms = self.users.get(&user).map_or(0, |user| user.rooms.len());
        if rooms < limits::ROOMS_PER_USER {
            return Ok(());
        }
        let text = format!("You are in {rooms} rooms, which is the most. Leave one first.");
        Err(Refusal::new(ErrorCode::Limit, text))
    }

    /// The user is in the room from now on, and the others hear of it.
    pub(crate) fn become_member(&mut self, caller: &Caller, id: RoomId, effects: &mut Vec<Effect>) {
        // Also invitations by those whom the user blocks: they are over like all others.
        for inviter in self.all_invited_by(caller.user, id) {
            self.remove_request(inviter, caller.user, Some(id), effects);
        }
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(user) = self.users.get_mut(&caller.user) else { return };
        room.members.insert(caller.user);
        user.rooms.push(id);
        let (author, is_account) = (user.author(), user.is_account());
        if is_account || room.owner().is_some() {
            user.ties.place(id, caller.now.wall);
        }
        let name = room.name().cloned();
        if is_account {
            room.accounts += 1;
            self.save_place(caller.user, id, effects);
        }
        self.announce(id, author, MemberChange::Joined, effects);
        for session in self.listeners(caller.user, Some(caller.session)) {
            if let Some(room) = name.clone() {
                effects.push(Effect::Tell { session, notice: Notice::Entered { room } });
            }
        }
    }

    pub(crate) fn make_room(
        &mut self,
        now: Now,
        name: &RoomName,
        kind: RoomKind,
        retention: Option<Retention>,
    ) -> Result<RoomId, Refusal> {
        let keys = name.keys();
        if let Some(like) =
            self.room_skeletons.get(&keys.skeleton).and_then(|id| self.rooms.get(id))
        {
            let text = match like.name().filter(|_| !like.is_hidden()) {
                Some(like) => format!(
                    "A room called {like} looks just like {name}. Join that, or take another name."
                ),
                None => format!("{name} looks like another room. Take another name."),
            };
            return Err(Refusal::new(ErrorCode::RoomInvalid, text));
        }
        if !self.has_place_for_room() {
            let text = "The server has as many rooms as it can hold. Join one that is there: see the list of rooms.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let id = RoomId(self.fresh_id());
        self.room_names.insert(keys.fold, id);
        self.room_skeletons.insert(keys.skeleton, id);
        let retention = retention.unwrap_or(self.config.retention);
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
        self.note_listed(id);
        Ok(id)
    }
}

fn needs_pin() -> Refusal {
    let text = "A name with ~ is that of a room with a PIN: join it with its name and the PIN.";
    Refusal::new(ErrorCode::RoomInvalid, text)
}

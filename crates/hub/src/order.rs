//! Who keeps order in a room: roles, bans and mutes, and who may do what to whom. The commands are in
//! `command/{role,restrict,room}.rs`; here is what all of them ask.

use crate::command::Caller;
use crate::hub::Hub;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::{Effect, Refusal};
use hubbub_protocol::frame::{RoomInfo, RoomSort};
use hubbub_protocol::record::{Record, RoomKind};
use hubbub_protocol::room::{FoldedName, RestrictionRecord};
use hubbub_protocol::{
    ErrorCode, MonoMs, Now, Restricted, RestrictionKind, Role, RoomId, RoomName, Seq, SessionId,
    UserId, UserName, WallMs,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// What somebody may do in a room. Each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Member,
    Voice,
    Operator,
    Owner,
    /// An admin of the server.
    Admin,
}

impl From<Option<Role>> for Rank {
    fn from(role: Option<Role>) -> Self {
        match role {
            None => Rank::Member,
            Some(Role::Voice) => Rank::Voice,
            Some(Role::Operator) => Rank::Operator,
            Some(Role::Owner) => Rank::Owner,
        }
    }
}

impl Rank {
    fn words(self) -> &'static str {
        match self {
            Rank::Member => "a member",
            Rank::Voice => "who has a role",
            Rank::Operator => "an operator or owner",
            Rank::Owner => "an owner",
            Rank::Admin => "an admin of the server",
        }
    }
}

/// Who keeps order: a session's user, or whoever runs the server, who may do everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeper {
    pub(crate) now: Now,
    /// `None`: not from the chat.
    pub(crate) session: Option<SessionId>,
    /// `None`: whoever runs the server.
    pub(crate) user: Option<UserId>,
}

/// How many deleted messages are remembered, each for the milliseconds that reading a message takes.
const DELETED: usize = 256;

/// Roles, bans and mutes of a room.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) roles: BTreeMap<UserId, Role>,
    /// The oldest first.
    pub(crate) restrictions: Vec<RestrictionRecord>,
    /// In slow mode: who may speak again when.
    pub(crate) spoke: BTreeMap<UserId, MonoMs>,
    /// The messages that were deleted last. Somebody may have read one just before that, to do
    /// something with it.
    deleted: VecDeque<Seq>,
}

impl Room {
    pub(crate) fn order(&mut self) -> &mut Order {
        self.order.get_or_insert_default()
    }

    /// What a user may do here.
    pub(crate) fn role(&self, user: UserId) -> Option<Role> {
        if self.owner() == Some(user) {
            return Some(Role::Owner);
        }
        self.order.as_ref()?.roles.get(&user).copied()
    }

    /// Its bans and mutes, those that are over included.
    pub(crate) fn restrictions(&self) -> &[RestrictionRecord] {
        self.order.as_ref().map_or(&[], |order| &order.restrictions)
    }

    /// Whether a message was deleted a moment ago.
    pub(crate) fn is_deleted(&self, seq: Seq) -> bool {
        self.order.as_ref().is_some_and(|order| order.deleted.contains(&seq))
    }

    pub(crate) fn note_deleted(&mut self, seq: Seq) {
        let deleted = &mut self.order().deleted;
        if deleted.len() >= DELETED {
            deleted.pop_front();
        }
        deleted.push_back(seq);
    }

    /// Whether only those who are in it are told that it is there.
    pub(crate) fn is_hidden(&self) -> bool {
        match self.record.kind {
            RoomKind::Named(_) => self.record.settings.secret,
            RoomKind::Group { .. } | RoomKind::Pin { .. } | RoomKind::Private { .. } => true,
        }
    }

    pub(crate) fn has_member(&self, user: UserId) -> bool {
        self.members.contains(&user) || self.absent.contains(&user)
    }
}

/// Whether a ban or a mute still counts.
pub(crate) fn counts(restriction: &RestrictionRecord, now: WallMs) -> bool {
    restriction.until.is_none_or(|until| until > now)
}

impl Hub {
    pub(crate) fn is_admin(&self, user: UserId) -> bool {
        let account = self.users.get(&user).and_then(|user| user.account.as_ref());
        account.is_some_and(|account| account.admin)
    }

    pub(crate) fn rank(&self, room: &Room, user: UserId) -> Rank {
        if self.is_admin(user) { Rank::Admin } else { room.role(user).into() }
    }

    /// A room in which somebody wants to keep order: one that it is in, or any for an admin.
    pub(crate) fn room_to_order(&self, user: UserId, name: &RoomName) -> Result<&Room, Refusal> {
        match self.find_room(name).and_then(|id| self.rooms.get(&id)) {
            Some(room) if self.is_admin(user) => Ok(room),
            _ => self.joined_room(user, name),
        }
    }

    /// The same, if one may do there what takes this rank.
    pub(crate) fn need_rank(
        &self,
        caller: &Caller,
        name: &RoomName,
        needed: Rank,
    ) -> Result<RoomId, Refusal> {
        let room = self.room_to_order(caller.user, name)?;
        if self.rank(room, caller.user) >= needed {
            return Ok(room.id());
        }
        let text = format!("Only {} of {name} can do that.", needed.words());
        Err(Refusal::new(ErrorCode::NotAllowed, text))
    }

    /// Whether one may send away, ban or take the role of somebody: only who stands below.
    pub(crate) fn need_rank_above(
        &self,
        room: &Room,
        keeper: &Keeper,
        other: UserId,
    ) -> Result<(), Refusal> {
        let mine = keeper.user.map_or(Rank::Admin, |user| self.rank(room, user));
        let theirs = self.rank(room, other);
        if mine > theirs || theirs == Rank::Member || mine == Rank::Admin {
            return Ok(());
        }
        let name = self.users.get(&other).map_or("They", |user| user.name.as_str());
        let text = format!("{name} keeps order here like you, or above you.");
        Err(Refusal::new(ErrorCode::NotAllowed, text))
    }

    /// Somebody else, by name.
    pub(crate) fn kept(&self, keeper: &Keeper, name: &UserName) -> Result<UserId, Refusal> {
        match keeper.user {
            Some(user) => self.other(user, name),
            None => self.user_called(name),
        }
    }

    /// Whether something that is kept with a room can be said at the moment.
    pub(crate) fn need_store_in(&self, room: &Room) -> Result<(), Refusal> {
        if room.needs_store() && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        Ok(())
    }

    /// Where a user comes from: the addresses of its sessions.
    pub(crate) fn addresses(&self, user: UserId) -> impl Iterator<Item = IpAddr> {
        let sessions = self.users.get(&user).into_iter().flat_map(|user| &user.sessions);
        sessions.filter_map(|session| self.address_of(*session))
    }

    pub(crate) fn address_of(&self, session: SessionId) -> Option<IpAddr> {
        self.sessions.get(&session).map(|session| session.arrival.peer.ip().to_canonical())
    }

    /// Whether a ban or a mute is for a user.
    pub(crate) fn is_meant(&self, restriction: &RestrictionRecord, user: UserId) -> bool {
        self.is_meant_by_name(restriction, user, &mut None)
    }

    /// The same for several: the name is looked at once.
    pub(crate) fn is_meant_by_name(
        &self,
        restriction: &RestrictionRecord,
        user: UserId,
        folded: &mut Option<FoldedName>,
    ) -> bool {
        match &restriction.whom {
            Restricted::Account(id) | Restricted::Guest(id) => *id == user,
            Restricted::Pattern(pattern) => {
                let Some(user) = self.users.get(&user) else { return false };
                pattern.fits(folded.get_or_insert_with(|| (&user.name).into()))
            }
            Restricted::Network(net) => self.addresses(user).any(|address| net.contains(&address)),
        }
    }

    /// What keeps a user from something in a room. Nothing keeps those who keep order.
    pub(crate) fn restriction<'a>(
        &self,
        room: &'a Room,
        user: UserId,
        kind: RestrictionKind,
        now: Now,
    ) -> Option<&'a RestrictionRecord> {
        if room.restrictions().is_empty() || self.rank(room, user) >= Rank::Operator {
            return None;
        }
        let mut all = room.restrictions().iter();
        let mut folded = None;
        all.find(|r| {
            r.kind == kind && counts(r, now.wall) && self.is_meant_by_name(r, user, &mut folded)
        })
    }

    /// Whether the user is banned from a room.
    pub(crate) fn need_no_ban(&self, room: &Room, user: UserId, now: Now) -> Result<(), Refusal> {
        let Some(ban) = self.restriction(room, user, RestrictionKind::Ban, now) else {
            return Ok(());
        };
        let text = format!(
            "You are banned from {}{}.",
            room.name().map_or("that room", RoomName::as_str),
            details(ban, now.wall)
        );
        Err(Refusal::new(ErrorCode::Banned, text))
    }

    /// Whether the user may speak in a room at all.
    pub(crate) fn need_no_mute(&self, room: &Room, user: UserId, now: Now) -> Result<(), Refusal> {
        self.need_no_mute_everywhere(user, now)?;
        if let Some(mute) = self.restriction(room, user, RestrictionKind::Mute, now) {
            let text = format!("You are muted here{}.", details(mute, now.wall));
            return Err(Refusal::new(ErrorCode::Muted, text));
        }
        if room.record.settings.moderated && self.rank(room, user) < Rank::Voice {
            let text = "Only who has a role speaks here. An operator can give you a voice.";
            return Err(Refusal::new(ErrorCode::Muted, text));
        }
        Ok(())
    }

    /// Whether the user may speak in a room, and that it does so now.
    pub(crate) fn need_voice(&mut self, now: Now, id: RoomId, user: UserId) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let settings = &room.record.settings;
        if room.order.is_none() && !settings.moderated && settings.slow_s == 0 {
            return self.need_no_mute_everywhere(user, now);
        }
        self.need_no_mute(room, user, now)?;
        let slow_ms = u64::from(settings.slow_s) * 1000;
        if slow_ms == 0 || self.rank(room, user) >= Rank::Voice {
            return Ok(());
        }
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let spoke = &mut room.order().spoke;
        if let Some(free) = spoke.get(&user).filter(|free| **free > now.mono) {
            let wait_ms = free.0 - now.mono.0;
            let text = format!(
                "This room is in slow mode: you can speak again in {} s.",
                wait_ms.div_ceil(1000)
            );
            let refusal = Refusal::new(ErrorCode::TooFast, text);
            return Err(Refusal { wait_ms: Some(wait_ms), ..refusal });
        }
        spoke.insert(user, now.mono.plus(slow_ms));
        Ok(())
    }

    /// Says something that is kept with a room, if that is kept itself.
    pub(crate) fn save_in_room(&mut self, id: RoomId, record: Record, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.keeps_history()) else {
            return;
        };
        if room.must_be_said() {
            self.sequencer.save(Record::Room(room.record.clone()), effects);
        }
        self.sequencer.save(record, effects);
    }

    /// Gives or takes a role. Only that of an account is kept.
    pub(crate) fn set_role(
        &mut self,
        id: RoomId,
        user: UserId,
        role: Option<Role>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let roles = &mut room.order().roles;
        match role {
            Some(role) => roles.insert(user, role),
            None => roles.remove(&user),
        };
        if self.is_account(user) {
            self.save_in_room(id, Record::Role { room: id, user, role }, effects);
        }
    }

    /// How a room is set up, as one of its users sees it. Nothing of a private chat.
    pub(crate) fn room_info(&self, room: &Room, user: UserId) -> Option<RoomInfo> {
        let sort = match room.record.kind {
            RoomKind::Named(_) => RoomSort::Room,
            RoomKind::Group { .. } => RoomSort::Group,
            RoomKind::Pin { .. } => RoomSort::Pin,
            RoomKind::Private { .. } => return None,
        };
        let settings = &room.record.settings;
        Some(RoomInfo {
            sort,
            retention: room.record.retention,
            topic: settings.topic.clone(),
            description: settings.description.clone(),
            invite_only: settings.invite_only || sort == RoomSort::Group,
            key: settings.key.is_some(),
            moderated: settings.moderated,
            secret: room.is_hidden(),
            member_limit: settings.member_limit,
            slow_s: settings.slow_s,
            pinned: settings.pinned.clone(),
            transcribed: room.transcribed,
            role: room.role(user),
            created: room.record.created,
        })
    }
}

/// Why, and until when.
pub(crate) fn details(restriction: &RestrictionRecord, now: WallMs) -> String {
    let reason = restriction.reason.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
    let rest = restriction.until.map_or_else(String::new, |until| {
        format!(", for another {}", duration(until.0.saturating_sub(now.0)))
    });
    format!("{reason}{rest}")
}

/// A time as people say it, rounded up.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    let (number, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7199 => (seconds.div_ceil(60), "minute"),
        7200..=172_799 => (seconds.div_ceil(3600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

//! `kick`, `restrict`, `lift`, `restrictions`: who may not be in a room, or not speak there.

use super::Caller;
use super::lists::{ENTRY_BYTES, LIST_BYTES, note_bytes};
use crate::acts::ActDetails;
use crate::hub::Hub;
use crate::order::{Keeper, Rank, counts};
use crate::user::User;
use crate::{Effect, Notice, Refusal, Reply, Whom};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::{MemberChange, RestrictionEntry, Whom as WhomEntry};
use hubbub_protocol::record::Record;
use hubbub_protocol::room::{RestrictionRecord, network_of};
use hubbub_protocol::{
    Author, Body, ErrorCode, Note, Now, Restricted, RestrictionKind, RoomId, RoomName, UserId,
    UserName, WallMs, limits,
};

use ipnet::IpNet;

const PAGE: usize = limits::PAGE as usize;
/// Bans and mutes that are kept of one room, or of the whole server, with those that are over.
const KEPT: usize = 2 * limits::RESTRICTIONS;

/// What is said about sending somebody out.
struct Expulsion<'a> {
    by: &'a UserName,
    reason: Option<&'a Note>,
    banned: bool,
}

impl Hub {
    pub(crate) fn kick(
        &mut self,
        caller: &Caller,
        room_name: &RoomName,
        name: &UserName,
        reason: Option<Note>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.need_rank(caller, room_name, Rank::Operator)?;
        if reason.is_some() {
            self.need_no_mute_everywhere(caller.user, caller.now)?;
        }
        self.kick_from(&caller.keeper(), id, name, reason, effects)?;
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// Sends a user out of a room, if the keeper stands above it.
    pub(crate) fn kick_from(
        &mut self,
        keeper: &Keeper,
        id: RoomId,
        name: &UserName,
        reason: Option<Note>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let other = self.kept(keeper, name)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let room_name = room.name().cloned();
        if !room.has_member(other) {
            let shown = room_name.as_ref().map_or("that room", RoomName::as_str);
            let text = format!("{name} is not in {shown}.");
            return Err(Refusal::new(ErrorCode::NoSuchUser, text));
        }
        self.need_rank_above(room, keeper, other)?;
        self.need_store_in(room)?;
        let by = self.actor(keeper.session);
        let Some(kicked) = self.users.get(&other).map(User::author) else { return Ok(()) };
        let expulsion = Expulsion { by: &by.name, reason: reason.as_ref(), banned: false };
        self.expel(keeper.now, id, other, &expulsion, effects);
        let body = Body::Kicked { user: kicked.clone(), reason: reason.clone() };
        self.act(keeper.now.wall, id, by, body, effects);
        let details = ActDetails {
            room: room_name.as_ref(),
            what: kicked.name.as_str(),
            why: reason.as_ref(),
        };
        self.audit_act(keeper.now, AuditAct::Kicked, keeper.session, &details, effects);
        Ok(())
    }

    /// Sends a user out of a room, with all its sessions. Nobody hears anything after that.
    fn expel(
        &mut self,
        now: Now,
        id: RoomId,
        user: UserId,
        expulsion: &Expulsion<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get(&id).and_then(|room| room.name().cloned()) else { return };
        self.leave_room(now, user, id, MemberChange::Kicked, effects);
        for session in self.listeners(user, None) {
            let notice = Notice::Kicked {
                room: room.clone(),
                id,
                by: expulsion.by.clone(),
                reason: expulsion.reason.cloned(),
                banned: expulsion.banned,
            };
            effects.push(Effect::Tell { session, notice });
        }
    }

    /// Whom somebody means, for the record and for everybody. `room`: where; `None`: everywhere.
    pub(crate) fn whom(
        &self,
        keeper: &Keeper,
        room: Option<RoomId>,
        whom: &Whom,
    ) -> Result<(Restricted, String, Option<Author>), Refusal> {
        Ok(match whom {
            Whom::User(name) => {
                let other = self.kept(keeper, name)?;
                self.need_below(keeper, room, other)?;
                let author = self.users.get(&other).map(User::author);
                let shown = author.as_ref().map_or(name, |author| &author.name).to_string();
                let restricted = if self.is_account(other) {
                    Restricted::Account(other)
                } else {
                    Restricted::Guest(other)
                };
                (restricted, shown, author)
            }
            Whom::AddressOf(name) => {
                let other = self.kept(keeper, name)?;
                self.need_below(keeper, room, other)?;
                let address = self.addresses(other).next().ok_or_else(|| {
                    let text = format!("{name} is not connected: their address is not known.");
                    Refusal::new(ErrorCode::NoSuchUser, text)
                })?;
                let author = self.users.get(&other).map(User::author);
                let shown = author.as_ref().map_or(name, |author| &author.name);
                let shown = format!("the address of {shown}");
                (Restricted::Network(network_of(address)), shown, None)
            }
            Whom::Pattern(pattern) => {
                (Restricted::Pattern(pattern.clone()), pattern.as_str().to_owned(), None)
            }
            Whom::Network(net) => {
                if is_large(net) && !keeper.user.is_none_or(|user| self.is_admin(user)) {
                    let text = "So large a network can be named by an admin of the server alone.";
                    return Err(Refusal::new(ErrorCode::WhomInvalid, text));
                }
                (Restricted::Network(*net), "an address".into(), None)
            }
        })
    }

    fn need_below(
        &self,
        keeper: &Keeper,
        room: Option<RoomId>,
        other: UserId,
    ) -> Result<(), Refusal> {
        match room {
            Some(room) => match self.rooms.get(&room) {
                Some(room) => self.need_rank_above(room, keeper, other),
                None => Ok(()),
            },
            None => self.need_no_admin(other),
        }
    }

    pub(crate) fn restrict(
        &mut self,
        caller: &Caller,
        room_name: &RoomName,
        wish: Restriction,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.need_rank(caller, room_name, Rank::Operator)?;
        // Everybody in the room reads a reason, and a pattern, in which words fit as well.
        if wish.reason.is_some() || matches!(wish.whom, Whom::Pattern(_)) {
            self.need_no_mute_everywhere(caller.user, caller.now)?;
        }
        self.restrict_in(&caller.keeper(), id, wish, effects)?;
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// Bans or mutes in a room, if the keeper stands above who is meant.
    pub(crate) fn restrict_in(
        &mut self,
        keeper: &Keeper,
        id: RoomId,
        wish: Restriction,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (restricted, shown, user) = self.whom(keeper, Some(id), &wish.whom)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let room_name = room.name().cloned();
        self.need_store_in(room)?;
        self.forget_old_restrictions(keeper.now, id, effects);
        let by = self.actor(keeper.session);
        let here = room_name.as_ref().map_or("This room", RoomName::as_str);
        let known = self.rooms.get(&id).map_or(&[][..], |room| room.restrictions());
        let known = place(known, wish.kind, &restricted, here, keeper.now.wall)?;
        let record = self.restriction_of(keeper, id, known, (restricted, shown), wish);
        let room = self.rooms.get_mut(&id);
        let gone = room.and_then(|r| put(&mut r.order().restrictions, &record, keeper.now.wall));
        self.save_in_room(id, Record::Restriction(record.clone()), effects);
        if let Some(gone) = gone {
            self.save_in_room(id, Record::RestrictionGone(gone), effects);
        }
        if record.kind == RestrictionKind::Ban {
            self.expel_banned(keeper, &record, effects);
        }
        let body = Body::Restricted {
            what: record.kind,
            whom: record.shown.clone(),
            user,
            reason: record.reason.clone(),
            until: record.until,
        };
        self.act(keeper.now.wall, id, by, body, effects);
        self.audit_restricted(keeper, room_name.as_ref(), &record, effects);
        Ok(())
    }

    /// What is kept of a wish. `known`: the id of the one in whose place it comes.
    pub(crate) fn restriction_of(
        &mut self,
        keeper: &Keeper,
        room: RoomId,
        known: Option<u64>,
        (whom, shown): (Restricted, String),
        wish: Restriction,
    ) -> RestrictionRecord {
        let created = keeper.now.wall;
        RestrictionRecord {
            id: known.unwrap_or_else(|| self.fresh_id()),
            room,
            kind: wish.kind,
            whom,
            shown,
            by: self.actor(keeper.session).name,
            reason: wish.reason,
            created,
            until: wish.for_ms.map(|ms| WallMs(created.0.saturating_add(ms))),
        }
    }

    pub(crate) fn audit_restricted(
        &mut self,
        keeper: &Keeper,
        room: Option<&RoomName>,
        record: &RestrictionRecord,
        effects: &mut Vec<Effect>,
    ) {
        let (act, what) = (restricted_act(record.kind), told(record));
        let said = Said { act, what: &what, why: record.reason.as_ref() };
        self.audit_said(keeper, room, &said, effects);
    }

    /// Who is in the room and is banned now is sent out, but those who keep order.
    fn expel_banned(
        &mut self,
        keeper: &Keeper,
        ban: &RestrictionRecord,
        effects: &mut Vec<Effect>,
    ) {
        // Whoever is banned by name keeps no role, also if it is not in the room now.
        if let Restricted::Account(user) | Restricted::Guest(user) = ban.whom
            && self.rooms.get(&ban.room).is_some_and(|room| room.role(user).is_some())
        {
            self.set_role(ban.room, user, None, effects);
        }
        let Some(room) = self.rooms.get(&ban.room) else { return };
        let is_out = |user: &UserId| {
            Some(*user) != keeper.user
                && self.is_meant(ban, *user)
                && self.need_rank_above(room, keeper, *user).is_ok()
                && (self.rank(room, *user) < Rank::Operator
                    || matches!(ban.whom, Restricted::Account(_) | Restricted::Guest(_)))
        };
        let all = room.members.iter().chain(&room.absent);
        let out: Vec<UserId> = all.copied().filter(is_out).collect();
        for user in out {
            self.expel_by(keeper.now, ban, user, effects);
        }
    }

    fn expel_by(
        &mut self,
        now: Now,
        ban: &RestrictionRecord,
        user: UserId,
        effects: &mut Vec<Effect>,
    ) {
        // Whoever is banned keeps no role either.
        if self.rooms.get(&ban.room).is_some_and(|room| room.role(user).is_some()) {
            self.set_role(ban.room, user, None, effects);
        }
        let expulsion = Expulsion { by: &ban.by, reason: ban.reason.as_ref(), banned: true };
        self.expel(now, ban.room, user, &expulsion, effects);
    }

    /// A user is called otherwise, comes from elsewhere or keeps order no more: a ban that did not
    /// mean it may do so now, and sends it out.
    pub(crate) fn leave_where_banned(&mut self, now: Now, user: UserId, effects: &mut Vec<Effect>) {
        let rooms = self.users.get(&user).map_or_else(Vec::new, |user| user.rooms.clone());
        for id in rooms {
            let room = self.rooms.get(&id);
            let ban = room.and_then(|r| self.restriction(r, user, RestrictionKind::Ban, now));
            if let Some(ban) = ban.cloned() {
                self.expel_by(now, &ban, user, effects);
            }
        }
    }

    /// The bans or mutes of a room that count now, the oldest first.
    pub(crate) fn restrictions_of_room(
        &self,
        id: RoomId,
        kind: RestrictionKind,
        now: WallMs,
    ) -> Vec<RestrictionEntry> {
        let all = self.rooms.get(&id).map_or(&[][..], |room| room.restrictions());
        all.iter().filter(|r| r.kind == kind && counts(r, now)).map(entry).collect()
    }

    /// Those that are over make place for new ones.
    fn forget_old_restrictions(&mut self, now: Now, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(order) = self.rooms.get_mut(&id).and_then(|room| room.order.as_mut()) else {
            return;
        };
        let (users, is_believed) = (&self.users, self.clock_sense.is_believed(now.mono));
        let is_over = |known: &mut RestrictionRecord| {
            let is_gone = matches!(known.whom, Restricted::Guest(id) if !users.contains_key(&id));
            is_believed && !counts(known, now.wall) || is_gone
        };
        let over: Vec<u64> =
            order.restrictions.extract_if(.., is_over).map(|known| known.id).collect();
        for restriction in over {
            self.save_in_room(id, Record::RestrictionGone(restriction), effects);
        }
    }

    pub(crate) fn lift(
        &mut self,
        caller: &Caller,
        room_name: &RoomName,
        kind: RestrictionKind,
        whom: &Whom,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.need_rank(caller, room_name, Rank::Operator)?;
        self.lift_in(&caller.keeper(), id, kind, whom, effects)?;
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// Lifts a ban or a mute of a room.
    pub(crate) fn lift_in(
        &mut self,
        keeper: &Keeper,
        id: RoomId,
        kind: RestrictionKind,
        whom: &Whom,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let room_name = room.name().cloned();
        self.need_store_in(room)?;
        self.forget_old_restrictions(keeper.now, id, effects);
        let user = self.named(whom);
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let is_it = |known: &mut RestrictionRecord| is_it(known, kind, whom, user, keeper.now.wall);
        let lifted: Vec<_> = match room.order.as_mut() {
            Some(order) => order.restrictions.extract_if(.., is_it).collect(),
            None => Vec::new(),
        };
        if lifted.is_empty() {
            let here = room_name.as_ref().map_or("this room", RoomName::as_str);
            let text = format!("Nobody has such a {} in {here}.", kind.word());
            return Err(Refusal::new(ErrorCode::NotRestricted, text));
        }
        let by = self.actor(keeper.session);
        for restriction in lifted {
            self.save_in_room(id, Record::RestrictionGone(restriction.id), effects);
            let whom = restriction.shown;
            let what = format!("{} of {whom}", kind.word());
            self.act(keeper.now.wall, id, by.clone(), Body::Lifted { what: kind, whom }, effects);
            let details = Said { act: AuditAct::Lifted, what: &what, why: None };
            self.audit_said(keeper, room_name.as_ref(), &details, effects);
        }
        Ok(())
    }

    /// Whom a ban or a mute that is to be lifted may name.
    pub(crate) fn named(&self, whom: &Whom) -> Option<UserId> {
        match whom {
            Whom::User(name) | Whom::AddressOf(name) => self.names.find(name),
            Whom::Pattern(_) | Whom::Network(_) => None,
        }
    }

    pub(crate) fn audit_said(
        &mut self,
        keeper: &Keeper,
        room: Option<&RoomName>,
        said: &Said<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let details = ActDetails { room, what: said.what, why: said.why };
        self.audit_act(keeper.now, said.act, keeper.session, &details, effects);
    }

    pub(crate) fn list_restrictions(
        &self,
        caller: &Caller,
        name: &RoomName,
        after: Option<&str>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.need_rank(caller, name, Rank::Operator)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        let begin: usize = after.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let counting = room.restrictions().iter().filter(|known| counts(known, caller.now.wall));
        let mut rest = counting.skip(begin).peekable();
        let (mut restrictions, mut bytes) = (Vec::new(), 0);
        for known in rest.by_ref().take(PAGE) {
            bytes += ENTRY_BYTES + note_bytes(known.reason.as_ref());
            restrictions.push(entry(known));
            if bytes > LIST_BYTES {
                break;
            }
        }
        let next = rest.peek().map(|_| (begin + restrictions.len()).to_string());
        let room = room.name().unwrap_or(name).clone();
        Ok(Some(Reply::Restrictions { room, restrictions, next }))
    }
}

/// A ban or a mute as somebody wants it.
#[derive(Clone, Debug)]
pub(crate) struct Restriction {
    pub(crate) kind: RestrictionKind,
    pub(crate) whom: Whom,
    pub(crate) reason: Option<Note>,
    /// For how long, in milliseconds; `None`: until it is lifted.
    pub(crate) for_ms: Option<u64>,
}

/// Whether there is a place among these bans and mutes for another one. The id of the same one that was said
/// before: said again, it has another end and another reason.
///
/// Those that are over take no place: while the clock is not believed they are kept, and nobody can lift them.
pub(crate) fn place(
    all: &[RestrictionRecord],
    kind: RestrictionKind,
    whom: &Restricted,
    here: &str,
    now: WallMs,
) -> Result<Option<u64>, Refusal> {
    let is_same = |known: &RestrictionRecord| known.kind == kind && known.whom == *whom;
    let others = || all.iter().filter(|known| !is_same(known) && counts(known, now));
    let refuse = |most: usize, what| {
        let text = format!("{here} has {most} {what}, which is the most. Lift some.");
        Err(Refusal::new(ErrorCode::Limit, text))
    };
    if others().count() >= limits::RESTRICTIONS {
        return refuse(limits::RESTRICTIONS, "bans and mutes");
    }
    if is_costly(whom)
        && others().filter(|known| is_costly(&known.whom)).count() >= limits::PATTERNS
    {
        return refuse(limits::PATTERNS, "patterns");
    }
    Ok(all.iter().find(|known| is_same(known)).map(|known| known.id))
}

/// A whole name, as a guest's is on the whole server, costs next to nothing.
fn is_costly(whom: &Restricted) -> bool {
    match whom {
        Restricted::Pattern(pattern) => pattern.as_str().contains(['*', '?']),
        Restricted::Account(_) | Restricted::Guest(_) | Restricted::Network(_) => false,
    }
}

/// Puts one to the others, or in place of itself. Those that are over and are kept must not pile up: the id
/// of the one that made place, which is over for longest.
pub(crate) fn put(
    all: &mut Vec<RestrictionRecord>,
    record: &RestrictionRecord,
    now: WallMs,
) -> Option<u64> {
    all.retain(|known| known.id != record.id);
    all.push(record.clone());
    if all.len() <= KEPT {
        return None;
    }
    let over = all.iter().filter(|known| !counts(known, now));
    let oldest = over.min_by_key(|known| known.until).map(|known| known.id)?;
    all.retain(|known| known.id != oldest);
    Some(oldest)
}

/// What the audit log is told of a ban or a mute.
pub(crate) struct Said<'a> {
    pub(crate) act: AuditAct,
    pub(crate) what: &'a str,
    pub(crate) why: Option<&'a Note>,
}

fn restricted_act(kind: RestrictionKind) -> AuditAct {
    match kind {
        RestrictionKind::Ban => AuditAct::Banned,
        RestrictionKind::Mute => AuditAct::Muted,
    }
}

/// For whom, as the operator of the server is told: with the address.
pub(crate) fn told(record: &RestrictionRecord) -> String {
    match &record.whom {
        Restricted::Network(net) => format!("{net}, {}", record.shown),
        Restricted::Account(_) | Restricted::Guest(_) | Restricted::Pattern(_) => {
            record.shown.clone()
        }
    }
}

/// Whether this is what somebody wants lifted. `user`: who is called so now.
pub(crate) fn is_it(
    known: &RestrictionRecord,
    kind: RestrictionKind,
    whom: &Whom,
    user: Option<UserId>,
    now: WallMs,
) -> bool {
    let is_shown = |shown: &str| known.shown.to_lowercase() == shown.to_lowercase();
    known.kind == kind
        && counts(known, now)
        && match (whom, &known.whom) {
            // A guest may be gone, and an account called otherwise: also as it was said.
            (Whom::User(name), Restricted::Account(id) | Restricted::Guest(id)) => {
                user == Some(*id) || is_shown(name.as_str())
            }
            (Whom::User(name), Restricted::Pattern(pattern)) => {
                pattern.as_str().to_lowercase() == name.as_str().to_lowercase()
            }
            (Whom::AddressOf(name), Restricted::Network(_)) => {
                is_shown(&format!("the address of {name}"))
            }
            (Whom::Pattern(pattern), Restricted::Pattern(known)) => {
                pattern.as_str().to_lowercase() == known.as_str().to_lowercase()
            }
            (Whom::Network(net), Restricted::Network(known)) => net == known,
            _ => false,
        }
}

/// Networks from which half of the world, or all of a room, may come: by halving them somebody could find
/// out where others come from.
fn is_large(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < 16,
        IpNet::V6(net) => net.prefix_len() < 32,
    }
}

/// As operators see it, in the words with which it is lifted.
pub(crate) fn entry(known: &RestrictionRecord) -> RestrictionEntry {
    let whom = match &known.whom {
        Restricted::Account(_) | Restricted::Guest(_) => WhomEntry::User(known.shown.clone()),
        Restricted::Pattern(pattern) => WhomEntry::Pattern(pattern.as_str().to_owned()),
        Restricted::Network(net) => match known.shown.strip_prefix("the address of ") {
            Some(name) => WhomEntry::AddressOf(name.to_owned()),
            None => WhomEntry::Network(net.to_string()),
        },
    };
    RestrictionEntry {
        what: known.kind,
        whom,
        by: known.by.clone(),
        reason: known.reason.clone(),
        created: known.created,
        until: known.until,
    }
}

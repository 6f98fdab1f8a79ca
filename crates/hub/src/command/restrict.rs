//! `kick`, `restrict`, `lift`, `restrictions`: who may not be in a room, or not speak there.

use super::Caller;
use super::lists::{ENTRY_BYTES, LIST_BYTES, note_bytes};
use crate::acts::ActDetails;
use crate::hub::Hub;
use crate::order::{Rank, counts};
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
        let other = self.other(caller.user, name)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        if !room.has_member(other) {
            let text = format!("{name} is not in {room_name}.");
            return Err(Refusal::new(ErrorCode::NoSuchUser, text));
        }
        self.need_rank_above(room, caller.user, other)?;
        self.need_store_in(room)?;
        let Some(by) = self.users.get(&caller.user).map(User::author) else { return Ok(None) };
        let Some(kicked) = self.users.get(&other).map(User::author) else { return Ok(None) };
        let expulsion = Expulsion { by: &by.name, reason: reason.as_ref(), banned: false };
        self.expel(caller.now, id, other, &expulsion, effects);
        let body = Body::Kicked { user: kicked.clone(), reason: reason.clone() };
        self.act(caller.now.wall, id, by, body, effects);
        let details =
            ActDetails { room: Some(room_name), what: kicked.name.as_str(), why: reason.as_ref() };
        self.audit_act(caller.now, AuditAct::Kicked, Some(caller.session), &details, effects);
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
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

    /// Whom somebody means, for the record and for everybody.
    fn whom(
        &self,
        caller: &Caller,
        room: RoomId,
        whom: &Whom,
    ) -> Result<(Restricted, String, Option<Author>), Refusal> {
        Ok(match whom {
            Whom::User(name) => {
                let other = self.other(caller.user, name)?;
                self.need_below(caller, room, other)?;
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
                let other = self.other(caller.user, name)?;
                self.need_below(caller, room, other)?;
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
                if is_large(net) && !self.is_admin(caller.user) {
                    let text = "So large a network can be named by an admin of the server alone.";
                    return Err(Refusal::new(ErrorCode::WhomInvalid, text));
                }
                (Restricted::Network(*net), "an address".into(), None)
            }
        })
    }

    fn need_below(&self, caller: &Caller, room: RoomId, other: UserId) -> Result<(), Refusal> {
        match self.rooms.get(&room) {
            Some(room) => self.need_rank_above(room, caller.user, other),
            None => Ok(()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of one command")]
    pub(crate) fn restrict(
        &mut self,
        caller: &Caller,
        room_name: &RoomName,
        kind: RestrictionKind,
        whom: &Whom,
        reason: Option<Note>,
        for_ms: Option<u64>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.need_rank(caller, room_name, Rank::Operator)?;
        let (restricted, shown, user) = self.whom(caller, id, whom)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        self.need_store_in(room)?;
        self.forget_old_restrictions(caller.now, id, effects);
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        let is_same = |known: &&RestrictionRecord| known.kind == kind && known.whom == restricted;
        // Said again, it has another end and another reason.
        let known = room.restrictions().iter().find(is_same).map(|known| known.id);
        if known.is_none() && room.restrictions().len() >= limits::RESTRICTIONS {
            let most = limits::RESTRICTIONS;
            let text =
                format!("{room_name} has {most} bans and mutes, which is the most. Lift some.");
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let is_pattern = |known: &&RestrictionRecord| matches!(known.whom, Restricted::Pattern(_));
        if known.is_none()
            && matches!(restricted, Restricted::Pattern(_))
            && room.restrictions().iter().filter(is_pattern).count() >= limits::PATTERNS
        {
            let most = limits::PATTERNS;
            let text = format!("{room_name} has {most} patterns, which is the most. Lift some.");
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let Some(by) = self.users.get(&caller.user).map(User::author) else { return Ok(None) };
        let record = RestrictionRecord {
            id: known.unwrap_or_else(|| self.fresh_id()),
            room: id,
            kind,
            whom: restricted,
            shown: shown.clone(),
            by: by.name.clone(),
            reason: reason.clone(),
            created: caller.now.wall,
            until: for_ms.map(|ms| WallMs(caller.now.wall.0.saturating_add(ms))),
        };
        let until = record.until;
        if let Some(room) = self.rooms.get_mut(&id) {
            let restrictions = &mut room.order().restrictions;
            restrictions.retain(|known| known.id != record.id);
            restrictions.push(record.clone());
        }
        self.save_in_room(id, Record::Restriction(record.clone()), effects);
        if kind == RestrictionKind::Ban {
            self.expel_banned(caller, &record, effects);
        }
        let body = Body::Restricted {
            what: kind,
            whom: shown.clone(),
            user,
            reason: reason.clone(),
            until,
        };
        self.act(caller.now.wall, id, by, body, effects);
        let act = match kind {
            RestrictionKind::Ban => AuditAct::Banned,
            RestrictionKind::Mute => AuditAct::Muted,
        };
        // The operator of the server is told which address it is.
        let what = match &record.whom {
            Restricted::Network(net) => format!("{net}, {shown}"),
            Restricted::Account(_) | Restricted::Guest(_) | Restricted::Pattern(_) => shown,
        };
        let details = ActDetails { room: Some(room_name), what: &what, why: reason.as_ref() };
        self.audit_act(caller.now, act, Some(caller.session), &details, effects);
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// Who is in the room and is banned now is sent out, but those who keep order.
    fn expel_banned(
        &mut self,
        caller: &Caller,
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
            *user != caller.user
                && self.is_meant(ban, *user)
                && self.need_rank_above(room, caller.user, *user).is_ok()
                && (self.rank(room, *user) < Rank::Operator
                    || matches!(ban.whom, Restricted::Account(_) | Restricted::Guest(_)))
        };
        let all = room.members.iter().chain(&room.absent);
        let out: Vec<UserId> = all.copied().filter(is_out).collect();
        for user in out {
            self.expel_by(caller.now, ban, user, effects);
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
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        self.need_store_in(room)?;
        self.forget_old_restrictions(caller.now, id, effects);
        let user = match whom {
            Whom::User(name) | Whom::AddressOf(name) => self.names.find(name),
            Whom::Pattern(_) | Whom::Network(_) => None,
        };
        let is_it = |known: &mut RestrictionRecord| {
            let is_shown = |shown: &str| known.shown.to_lowercase() == shown.to_lowercase();
            known.kind == kind
                && counts(known, caller.now.wall)
                && match (whom, &known.whom) {
                    // A guest may be gone, and an account called otherwise: also as it was said.
                    (Whom::User(name), Restricted::Account(id) | Restricted::Guest(id)) => {
                        user == Some(*id) || is_shown(name.as_str())
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
        };
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(None) };
        let lifted: Vec<_> = match room.order.as_mut() {
            Some(order) => order.restrictions.extract_if(.., is_it).collect(),
            None => Vec::new(),
        };
        if lifted.is_empty() {
            let text = format!("Nobody has such a {} in {room_name}.", kind.word());
            return Err(Refusal::new(ErrorCode::NotRestricted, text));
        }
        let Some(by) = self.users.get(&caller.user).map(User::author) else { return Ok(None) };
        for restriction in lifted {
            self.save_in_room(id, Record::RestrictionGone(restriction.id), effects);
            let whom = restriction.shown;
            let what = format!("{} of {whom}", kind.word());
            self.act(caller.now.wall, id, by.clone(), Body::Lifted { what: kind, whom }, effects);
            let details = ActDetails { room: Some(room_name), what: &what, why: None };
            self.audit_act(caller.now, AuditAct::Lifted, Some(caller.session), &details, effects);
        }
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
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

/// Networks from which half of the world, or all of a room, may come: by halving them somebody could find
/// out where others come from.
fn is_large(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < 16,
        IpNet::V6(net) => net.prefix_len() < 32,
    }
}

/// As operators see it, in the words with which it is lifted.
fn entry(known: &RestrictionRecord) -> RestrictionEntry {
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

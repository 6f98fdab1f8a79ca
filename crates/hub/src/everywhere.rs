//! Bans and mutes of the whole server, and kicks from it: what whoever runs it and its admins may do. Those
//! of a room are in `command/restrict.rs`.
//!
//! Admins are neither banned nor muted, so that nobody can lock all of them out.

use crate::acts::ActDetails;
use crate::command::restrict::{Restriction, Said, entry, is_it, place, put, told};
use crate::hub::Hub;
use crate::order::{Keeper, counts, details};
use crate::user::User;
use crate::{Departure, Effect, Notice, Refusal, Whom};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::{MemberChange, RestrictionEntry};
use hubbub_protocol::record::Record;
use hubbub_protocol::room::{FoldedName, PatternError, RestrictionRecord};
use hubbub_protocol::{
    CloseCode, ErrorCode, NamePattern, Note, Now, Restricted, RestrictionKind, RoomId, SessionId,
    UserId, UserName, WallMs,
};

impl Hub {
    /// Ends all connections of a user, who may come again.
    pub(crate) fn kick_out(
        &mut self,
        keeper: &Keeper,
        name: &UserName,
        reason: Option<&Note>,
        effects: &mut Vec<Effect>,
    ) -> Result<usize, Refusal> {
        let user = self.kept(keeper, name)?;
        let Some(sessions) = self.users.get(&user).map(|user| user.sessions.clone()) else {
            return Ok(0);
        };
        let is_held = self.users.get(&user).is_some_and(|user| user.held_until.is_some());
        if sessions.is_empty() && !is_held {
            let text = format!("{name} is not connected.");
            return Err(Refusal::new(ErrorCode::NoSuchUser, text));
        }
        let details = ActDetails { room: None, what: name.as_str(), why: reason };
        self.audit_act(keeper.now, AuditAct::Kicked, keeper.session, &details, effects);
        self.close_sessions(keeper.now, &sessions, CloseCode::Kicked, reason, effects);
        if is_held {
            self.user_gone(keeper.now, user, MemberChange::Lost, effects);
        }
        Ok(sessions.len())
    }

    fn close_sessions(
        &mut self,
        now: Now,
        sessions: &[SessionId],
        code: CloseCode,
        reason: Option<&Note>,
        effects: &mut Vec<Effect>,
    ) {
        for &session in sessions {
            let is_told = self.sessions.get(&session).is_some_and(|session| session.is_welcomed);
            if let Some(reason) = reason.filter(|_| is_told) {
                let text = format!("You are sent away: {reason}");
                let notice = Notice::Warned { code, text };
                effects.push(Effect::Tell { session, notice });
            }
            self.close(now, session, code, Departure::Quit, effects);
        }
    }

    /// Sends away whom a ban means, also somebody whose connection was lost a moment ago. Of a network, who
    /// comes from there: whoever has another connection from elsewhere keeps that.
    fn close_by(
        &mut self,
        now: Now,
        ban: &RestrictionRecord,
        user: UserId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.users.get(&user) else { return };
        let (mut sessions, mut is_held) = (known.sessions.clone(), known.held_until.is_some());
        if let Restricted::Network(net) = &ban.whom {
            is_held = false;
            sessions.retain(|id| self.address_of(*id).is_some_and(|from| net.contains(&from)));
        }
        self.close_sessions(now, &sessions, CloseCode::Banned, ban.reason.as_ref(), effects);
        if is_held {
            self.user_gone(now, user, MemberChange::Lost, effects);
        }
    }

    /// Bans or mutes everywhere. A guest is known by its name alone, which it can change: so that name is.
    pub(crate) fn restrict_everywhere(
        &mut self,
        keeper: &Keeper,
        wish: Restriction,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (restricted, shown) = self.whom_everywhere(keeper, &wish.whom)?;
        if let (Some(user), Restricted::Network(net)) = (keeper.user, &restricted)
            && self.addresses(user).any(|address| net.contains(&address))
        {
            let text = "That is where you come from yourself.";
            return Err(Refusal::new(ErrorCode::ToSelf, text));
        }
        self.forget_old_everywhere(keeper.now, effects);
        let here = "This server";
        let known = place(&self.restrictions, wish.kind, &restricted, here, keeper.now.wall)?;
        let whom = (restricted, shown);
        let record = self.restriction_of(keeper, RoomId::EVERYWHERE, known, whom, wish);
        let gone = put(&mut self.restrictions, &record, keeper.now.wall);
        self.sequencer.save(Record::Restriction(record.clone()), effects);
        if let Some(gone) = gone {
            self.sequencer.save(Record::RestrictionGone(gone), effects);
        }
        self.audit_restricted(keeper, None, &record, effects);
        if record.kind == RestrictionKind::Ban {
            self.close_banned(keeper.now, &record, effects);
        }
        Ok(())
    }

    /// An account, whatever it is called; where there is none of that name, whoever is called so.
    fn whom_everywhere(
        &self,
        keeper: &Keeper,
        whom: &Whom,
    ) -> Result<(Restricted, String), Refusal> {
        if let Whom::User(name) = whom
            && self.names.find(name).is_none()
        {
            return Ok((called(name)?, name.to_string()));
        }
        let (restricted, shown, _) = self.whom(keeper, None, whom)?;
        Ok(match (whom, restricted) {
            (Whom::User(name), Restricted::Guest(_)) => (called(name)?, shown),
            (_, restricted) => (restricted, shown),
        })
    }

    /// Lifts bans or mutes of the whole server.
    pub(crate) fn lift_everywhere(
        &mut self,
        keeper: &Keeper,
        kind: RestrictionKind,
        whom: &Whom,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (user, now) = (self.named(whom), keeper.now.wall);
        let is_it = |known: &mut RestrictionRecord| is_it(known, kind, whom, user, now);
        let lifted: Vec<_> = self.restrictions.extract_if(.., is_it).collect();
        if lifted.is_empty() {
            let text = format!("Nobody has such a {} of this server.", kind.word());
            return Err(Refusal::new(ErrorCode::NotRestricted, text));
        }
        for restriction in lifted {
            self.sequencer.save(Record::RestrictionGone(restriction.id), effects);
            let what = format!("{} of {}", kind.word(), told(&restriction));
            let said = Said { act: AuditAct::Lifted, what: &what, why: None };
            self.audit_said(keeper, None, &said, effects);
        }
        Ok(())
    }

    /// Those that count now, the oldest first.
    pub(crate) fn restrictions_everywhere(
        &self,
        kind: RestrictionKind,
        now: WallMs,
    ) -> Vec<RestrictionEntry> {
        let counting = self.restrictions.iter().filter(|r| r.kind == kind && counts(r, now));
        counting.map(entry).collect()
    }

    /// Whether somebody may come in under this name, or as this account.
    pub(crate) fn need_no_ban_everywhere(
        &self,
        session: SessionId,
        name: Option<&UserName>,
        user: Option<UserId>,
        now: Now,
    ) -> Result<(), Refusal> {
        if self.restrictions.is_empty() || user.is_some_and(|user| self.is_admin(user)) {
            return Ok(());
        }
        let user = user.filter(|user| self.is_account(*user));
        let own = user.and_then(|user| self.users.get(&user)).map(|user| &user.name);
        let folded: Option<FoldedName> = name.or(own).map(FoldedName::from);
        let address = self.address_of(session);
        let is_meant = |restriction: &&RestrictionRecord| {
            restriction.kind == RestrictionKind::Ban
                && counts(restriction, now.wall)
                && match &restriction.whom {
                    Restricted::Account(id) | Restricted::Guest(id) => user == Some(*id),
                    Restricted::Pattern(pattern) => {
                        folded.as_ref().is_some_and(|name| pattern.fits(name))
                    }
                    Restricted::Network(net) => address.is_some_and(|ip| net.contains(&ip)),
                }
        };
        match self.restrictions.iter().find(is_meant) {
            None => Ok(()),
            Some(ban) => {
                let text = format!("You are banned from this server{}.", details(ban, now.wall));
                Err(Refusal::new(ErrorCode::Banned, text))
            }
        }
    }

    /// Whether the user may speak at all.
    pub(crate) fn need_no_mute_everywhere(&self, user: UserId, now: Now) -> Result<(), Refusal> {
        if self.restrictions.is_empty() || self.is_admin(user) {
            return Ok(());
        }
        let mut folded = None;
        let mut mutes = self.restrictions.iter().filter(|r| r.kind == RestrictionKind::Mute);
        let mute = mutes
            .find(|mute| counts(mute, now.wall) && self.is_meant_by_name(mute, user, &mut folded));
        match mute {
            None => Ok(()),
            Some(mute) => {
                let text = format!("You are muted on this server{}.", details(mute, now.wall));
                Err(Refusal::new(ErrorCode::Muted, text))
            }
        }
    }

    pub(crate) fn need_no_admin(&self, user: UserId) -> Result<(), Refusal> {
        if !self.is_admin(user) {
            return Ok(());
        }
        let name = self.users.get(&user).map_or("They", |user| user.name.as_str());
        let text = format!("{name} is an admin of this server, and admins are not kept from it.");
        Err(Refusal::new(ErrorCode::NotAllowed, text))
    }

    /// Somebody is no admin any more, so what did not mean it may do so now.
    pub(crate) fn close_if_banned(&mut self, now: Now, user: UserId, effects: &mut Vec<Effect>) {
        if self.is_admin(user) {
            return;
        }
        let bans = self.restrictions.iter().filter(|r| r.kind == RestrictionKind::Ban);
        let bans = bans.filter(|r| counts(r, now.wall) && self.is_meant(r, user));
        for ban in bans.cloned().collect::<Vec<_>>() {
            self.close_by(now, &ban, user, effects);
        }
    }

    /// Who is here and is banned now goes.
    fn close_banned(&mut self, now: Now, ban: &RestrictionRecord, effects: &mut Vec<Effect>) {
        let is_out = |user: &&User| {
            user.is_present && !self.is_admin(user.id) && self.is_meant(ban, user.id)
        };
        let mut out: Vec<UserId> = self.users.values().filter(is_out).map(|user| user.id).collect();
        // The users are in no order of their own.
        out.sort_unstable();
        for user in out {
            self.close_by(now, ban, user, effects);
        }
    }

    /// Those that are over make place for new ones.
    fn forget_old_everywhere(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.clock_sense.is_believed(now.mono) {
            return;
        }
        let is_over = |known: &mut RestrictionRecord| !counts(known, now.wall);
        let over: Vec<_> = self.restrictions.extract_if(.., is_over).collect();
        for restriction in over {
            self.sequencer.save(Record::RestrictionGone(restriction.id), effects);
        }
    }
}

/// Whoever has this name.
fn called(name: &UserName) -> Result<Restricted, Refusal> {
    let invalid = |error: PatternError| Refusal::new(ErrorCode::WhomInvalid, error.to_string());
    NamePattern::parse(name.as_str()).map(Restricted::Pattern).map_err(invalid)
}

//! The audit log: who came in and went, who was refused, and what the operator did. The hub writes it,
//! since it alone knows why; the store keeps it.

use crate::command::Call;
use crate::hub::Hub;
use crate::{Effect, Refusal};
use hubbub_protocol::audit::{AuditAct, AuditEntry};
use hubbub_protocol::record::Record;
use hubbub_protocol::{ErrorCode, Now, SessionId, UserId, WallMs, limits};

/// Who did it, for an entry.
pub(crate) struct Actor<'a> {
    /// Its session, where there is one.
    pub(crate) session: Option<SessionId>,
    pub(crate) user: Option<UserId>,
    pub(crate) name: &'a str,
}

impl Hub {
    pub(crate) fn audit(
        &mut self,
        now: Now,
        act: AuditAct,
        actor: &Actor<'_>,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        if self.sequencer.unconfirmed() >= limits::AUDIT_WAITING {
            // The store is behind or down. People come before entries, but their number is told.
            self.omitted += 1;
            return;
        }
        if self.omitted > 0 {
            let omitted = std::mem::take(&mut self.omitted).to_string();
            let nobody = Actor { session: None, user: None, name: "" };
            self.write_entry(now.wall, AuditAct::Omitted, &nobody, &omitted, effects);
        }
        self.write_entry(now.wall, act, actor, reason, effects);
    }

    fn write_entry(
        &mut self,
        time: WallMs,
        act: AuditAct,
        actor: &Actor<'_>,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let arrival = actor.session.and_then(|id| self.sessions.get(&id)).map(|s| s.arrival);
        let entry = AuditEntry {
            id: self.fresh_id(),
            time,
            act,
            user: actor.user,
            name: actor.name.to_owned(),
            peer: arrival.map(|arrival| arrival.peer),
            door: arrival.map(|arrival| arrival.door),
            reason: reason.to_owned(),
        };
        self.sequencer.save(Record::Audit(entry), effects);
    }

    /// Something that a session's user did.
    pub(crate) fn audit_user(
        &mut self,
        now: Now,
        act: AuditAct,
        session: SessionId,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let user = self.sessions.get(&session).and_then(|session| session.user);
        let Some(name) = user.and_then(|user| self.users.get(&user)).map(|user| user.name.clone())
        else {
            return;
        };
        let actor = Actor { session: Some(session), user, name: name.as_str() };
        self.audit(now, act, &actor, reason, effects);
    }

    /// A session may not become what it wants to be.
    pub(crate) fn refuse_entry(
        &mut self,
        call: Call,
        name: &str,
        refusal: Refusal,
        effects: &mut Vec<Effect>,
    ) {
        let user = self.sessions.get(&call.session).and_then(|session| session.user);
        let actor = Actor { session: Some(call.session), user, name };
        if self.is_to_be_written(call.session, refusal.code) {
            self.audit(call.now, AuditAct::Refused, &actor, refusal.code.code(), effects);
        }
        self.note_stranger(call.session);
        self.refuse(&call, refusal, effects);
    }

    /// Each wrong password of a connection, of which there are few, and else the first refusal of each
    /// kind in a row: nobody fills the log by trying on.
    fn is_to_be_written(&mut self, session: SessionId, code: ErrorCode) -> bool {
        let Some(session) = self.sessions.get_mut(&session) else { return true };
        session.refused_for.replace(code) != Some(code) || code == ErrorCode::WrongPassword
    }

    /// Old entries go, a bounded number at a time.
    pub(crate) fn trim_audit(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let before = WallMs(now.wall.0.saturating_sub(self.config.audit_ms));
        self.sequencer.save(Record::AuditTrim { before }, effects);
    }
}

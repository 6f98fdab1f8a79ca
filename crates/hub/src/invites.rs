//! Invites to register.

use crate::audit::Actor;
use crate::hub::Hub;
use crate::{AdminReply, Effect, Refusal};
use hubbub_protocol::account::InviteRecord;
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::record::Record;
use hubbub_protocol::{
    ErrorCode, InviteCode, InviteId, Now, Registration, SecretDigest, WallMs, limits,
};
use std::collections::{BTreeMap, HashMap};

/// All invites.
#[derive(Debug, Default)]
pub(crate) struct Invites {
    by_id: BTreeMap<InviteId, InviteRecord>,
    by_code: HashMap<SecretDigest, InviteId>,
    /// Uses that wait for a password to be worked on.
    reserved: HashMap<InviteId, u32>,
}

impl Invites {
    pub(crate) fn add(&mut self, invite: InviteRecord) {
        self.by_code.insert(invite.code, invite.id);
        self.by_id.insert(invite.id, invite);
    }

    fn remove(&mut self, id: InviteId) -> Option<InviteRecord> {
        let invite = self.by_id.remove(&id)?;
        self.by_code.remove(&invite.code);
        Some(invite)
    }

    /// All, the oldest first.
    pub(crate) fn all(&self) -> Vec<InviteRecord> {
        self.by_id.values().cloned().collect()
    }

    pub(crate) fn reserved(&self) -> usize {
        self.reserved.values().sum::<u32>() as usize
    }

    fn usable(&self, code: &InviteCode, now: WallMs) -> Option<InviteId> {
        let id = *self.by_code.get(&code.digest())?;
        let invite = self.by_id.get(&id)?;
        let reserved = self.reserved.get(&id).copied().unwrap_or(0);
        let is_left = invite.used.saturating_add(reserved) < invite.uses;
        let counts = invite.expires.is_none_or(|expires| now < expires);
        (is_left && counts).then_some(id)
    }
}

impl Hub {
    /// Whether somebody may make an account, and by which invite. A use of it is kept free until
    /// [`Hub::release_invite`] or [`Hub::use_invite`].
    pub(crate) fn may_register(
        &mut self,
        now: Now,
        code: Option<&InviteCode>,
    ) -> Result<Option<InviteId>, Refusal> {
        if self.account_count >= limits::ACCOUNTS {
            let text = "This server has as many accounts as it can hold.";
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        match (self.config.registration, code) {
            (Registration::Closed, _) => {
                let text = "Accounts can't be made here. Ask whoever runs this server.";
                Err(Refusal::new(ErrorCode::RegistrationClosed, text))
            }
            (Registration::Open, _) => Ok(None),
            (Registration::Invite, None) => {
                let text = "To register here, an invite is needed. Ask whoever runs this server.";
                Err(Refusal::new(ErrorCode::InviteNeeded, text))
            }
            (Registration::Invite, Some(code)) => {
                let id = self.invites.usable(code, now.wall).ok_or_else(|| {
                    let text = "This invite is unknown, used up or too old. Ask for another one.";
                    Refusal::new(ErrorCode::InviteInvalid, text)
                })?;
                *self.invites.reserved.entry(id).or_default() += 1;
                Ok(Some(id))
            }
        }
    }

    pub(crate) fn release_invite(&mut self, id: Option<InviteId>) {
        let Some(id) = id else { return };
        if let Some(reserved) = self.invites.reserved.get_mut(&id) {
            *reserved -= 1;
            if *reserved == 0 {
                self.invites.reserved.remove(&id);
            }
        }
    }

    /// An account is made with it. Whether it may be: the operator may have taken it back meanwhile.
    #[must_use]
    pub(crate) fn use_invite(&mut self, id: Option<InviteId>, effects: &mut Vec<Effect>) -> bool {
        self.release_invite(id);
        let Some(id) = id else { return true };
        let Some(invite) = self.invites.by_id.get_mut(&id) else { return false };
        invite.used += 1;
        let record = Record::Invite(invite.clone());
        self.sequencer.save(record, effects);
        true
    }

    pub(crate) fn make_invite(
        &mut self,
        now: Now,
        code: SecretDigest,
        for_ms: Option<u64>,
        uses: u32,
        note: String,
        effects: &mut Vec<Effect>,
    ) -> Result<AdminReply, String> {
        if uses == 0 {
            return Err("an invite that can't be used is none: 1 use or more".into());
        }
        if self.clock_sense.is_believed(now.mono) {
            self.forget_old_invites(now.wall, effects);
        }
        if self.invites.by_id.len() >= limits::INVITES {
            return Err(format!("there are {} invites, which is the most", limits::INVITES));
        }
        let invite = InviteRecord {
            id: InviteId(self.fresh_id()),
            code,
            created: now.wall,
            expires: for_ms.map(|ms| WallMs(now.wall.0.saturating_add(ms))),
            uses,
            used: 0,
            note,
        };
        self.invites.add(invite.clone());
        self.sequencer.save(Record::Invite(invite.clone()), effects);
        self.audit_operator(now, AuditAct::InviteMade, &invite, effects);
        Ok(AdminReply::InviteMade(invite))
    }

    pub(crate) fn revoke_invite(
        &mut self,
        now: Now,
        id: InviteId,
        effects: &mut Vec<Effect>,
    ) -> Result<AdminReply, String> {
        let invite = self
            .invites
            .remove(id)
            .ok_or_else(|| format!("there is no invite {id}; `hubbub invite list` shows all"))?;
        self.sequencer.save(Record::InviteGone(id), effects);
        self.audit_operator(now, AuditAct::InviteRevoked, &invite, effects);
        Ok(AdminReply::Done)
    }

    /// Those that no longer count make place for new ones.
    fn forget_old_invites(&mut self, now: WallMs, effects: &mut Vec<Effect>) {
        let is_over = |invite: &&InviteRecord| invite.expires.is_some_and(|expires| expires <= now);
        let over: Vec<_> = self.invites.by_id.values().filter(is_over).map(|i| i.id).collect();
        for id in over {
            self.invites.remove(id);
            self.sequencer.save(Record::InviteGone(id), effects);
        }
    }

    fn audit_operator(
        &mut self,
        now: Now,
        act: AuditAct,
        invite: &InviteRecord,
        effects: &mut Vec<Effect>,
    ) {
        let operator = Actor { session: None, user: None, name: "" };
        self.audit(now, act, &operator, &invite.id.to_string(), effects);
    }
}

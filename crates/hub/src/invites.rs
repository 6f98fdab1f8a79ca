//! Invites to register, and what the operator does with them.

use crate::acts::ActDetails;
use crate::audit::Actor;
use crate::hub::Hub;
use crate::{AdminCommand, AdminReply, Effect, Refusal};
use hubbub_protocol::account::InviteRecord;
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::record::Record;
use hubbub_protocol::{
    ErrorCode, InviteCode, InviteId, Now, Registration, SecretDigest, UserName, WallMs, limits,
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

    pub(crate) fn admin(
        &mut self,
        now: Now,
        request: u64,
        command: AdminCommand,
        effects: &mut Vec<Effect>,
    ) {
        match self.admin_command(now, command, effects) {
            Ok(reply) => self.answer_admin_when_durable(request, reply, effects),
            Err(text) => effects.push(Effect::AdminReply { request, reply: Err(text) }),
        }
    }

    fn admin_command(
        &mut self,
        now: Now,
        command: AdminCommand,
        effects: &mut Vec<Effect>,
    ) -> Result<AdminReply, String> {
        let reply = match command {
            AdminCommand::InviteList => {
                return Ok(AdminReply::Invites(self.invites.by_id.values().cloned().collect()));
            }
            AdminCommand::AdminList => {
                let admins = self.users.values().filter(|user| self.is_admin(user.id));
                let mut names: Vec<_> = admins.map(|user| user.name.clone()).collect();
                names.sort_unstable();
                return Ok(AdminReply::Admins(names));
            }
            _ if self.sequencer.has_failed() => {
                return Err("the store does not work at the moment: see the server's log".into());
            }
            AdminCommand::InviteMake { code, for_ms, uses, note } => {
                self.make_invite(now, code, for_ms, uses, note, effects)?
            }
            AdminCommand::InviteRevoke { id } => {
                let invite = self.invites.remove(id).ok_or_else(|| {
                    format!("there is no invite {id}; `hubbub invite list` shows all")
                })?;
                self.sequencer.save(Record::InviteGone(id), effects);
                self.audit_operator(now, AuditAct::InviteRevoked, &invite, effects);
                AdminReply::Done
            }
            AdminCommand::AdminSet { name, on } => self.set_admin(now, &name, on, effects)?,
            AdminCommand::RoleSet { room, name, role } => {
                let id = self.find_room(&room).ok_or_else(|| {
                    format!("there is no room {room}: `hubbub room list` shows all")
                })?;
                let user = self.names.find(&name).filter(|id| self.users.contains_key(id));
                let user = user.ok_or_else(|| format!("nobody here is called {name}"))?;
                self.change_role(now, id, user, role, None, effects)
                    .map_err(|refusal| refusal.text)?;
                AdminReply::Done
            }
            AdminCommand::Import { room, messages } => {
                self.import(now, &room, messages, effects)?
            }
        };
        Ok(reply)
    }

    fn set_admin(
        &mut self,
        now: Now,
        name: &UserName,
        on: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<AdminReply, String> {
        let id = self.names.find(name).filter(|id| self.is_account(*id));
        let id =
            id.ok_or_else(|| format!("{name} is no account: only an account can be an admin"))?;
        let user = self.users.get_mut(&id);
        let Some(account) = user.and_then(|user| user.account.as_mut()) else {
            return Ok(AdminReply::Done);
        };
        if std::mem::replace(&mut account.admin, on) != on {
            self.save_account(id, effects);
            let what = format!("{name} {}", if on { "on" } else { "off" });
            let details = ActDetails { room: None, what: &what, why: None };
            self.audit_act(now, AuditAct::AdminSet, None, &details, effects);
            self.leave_where_banned(now, id, effects);
        }
        Ok(AdminReply::Done)
    }

    fn make_invite(
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

//! Does what whoever runs the server wants (`operator.rs` says what that can be), or an admin in the chat.

use crate::acts::ActDetails;
use crate::command::restrict::Restriction;
use crate::hub::Hub;
use crate::order::Keeper;
use crate::{AdminCommand, AdminReply, Effect, Notice, Refusal};
use hubbub_protocol::account::Credentials;
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::record::Record;
use hubbub_protocol::{Note, Now, RoomId, RoomName, SessionId, UserName};

impl Hub {
    /// `by`: the session of the admin who wants it; `None`: whoever runs the server.
    pub(crate) fn admin(
        &mut self,
        now: Now,
        request: u64,
        by: Option<SessionId>,
        command: AdminCommand,
        effects: &mut Vec<Effect>,
    ) {
        let done = self.keeper(now, by).and_then(|keeper| match self.look(&keeper, &command) {
            Some(found) => found.map(|found| (found, false)),
            None => {
                // What keeps nothing need not wait for a store that does not work; and a server whose store
                // hangs can be stopped.
                let is_at_once = matches!(command, AdminCommand::Note { .. })
                    || is_fleeting(&command) && self.sequencer.has_failed();
                self.operate(&keeper, command, effects).map(|done| (done, !is_at_once))
            }
        });
        match done {
            Ok((reply, true)) => self.answer_admin_when_durable(request, reply, effects),
            Ok((reply, false)) => effects.push(Effect::AdminReply { request, reply: Ok(reply) }),
            Err(text) => effects.push(Effect::AdminReply { request, reply: Err(text) }),
        }
    }

    /// Who wants it, if that one may: an admin may have ceased to be one since it asked.
    fn keeper(&self, now: Now, by: Option<SessionId>) -> Result<Keeper, String> {
        let Some(session) = by else { return Ok(Keeper { now, session: None, user: None }) };
        let user = self.sessions.get(&session).and_then(|session| session.user);
        match user.filter(|user| self.is_admin(*user)) {
            Some(user) => Ok(Keeper { now, session: Some(session), user: Some(user) }),
            None => Err("Only an admin of this server can do that.".into()),
        }
    }

    /// What changes nothing, and is answered also while the store does not work.
    fn look(&self, keeper: &Keeper, command: &AdminCommand) -> Option<Result<AdminReply, String>> {
        Some(Ok(match command {
            // Whoever may not has been refused before this.
            AdminCommand::May => AdminReply::Done,
            AdminCommand::InviteList => AdminReply::Invites(self.invites.all()),
            AdminCommand::AdminList => {
                let admins = self.users.values().filter(|user| self.is_admin(user.id));
                let mut names: Vec<_> = admins.map(|user| user.name.clone()).collect();
                names.sort_unstable();
                AdminReply::Admins(names)
            }
            AdminCommand::Accounts => AdminReply::Accounts(self.overview_of_accounts()),
            AdminCommand::Rooms { after } => {
                let (rooms, next) = self.overview_of_rooms(after.as_deref());
                let privates = after.is_none().then(|| self.count_privates());
                AdminReply::Rooms { rooms, next, privates }
            }
            AdminCommand::Users { after } => {
                let (users, next) = self.overview_of_users(after.as_deref());
                AdminReply::Users { users, next, count: self.names.online_count() }
            }
            AdminCommand::SessionIds { of: None } => {
                AdminReply::SessionIds(self.sessions.keys().copied().collect())
            }
            AdminCommand::SessionIds { of: Some(name) } => match self.user_called(name) {
                Ok(user) => {
                    let user = self.users.get(&user);
                    AdminReply::SessionIds(user.map_or_else(Vec::new, |u| u.sessions.clone()))
                }
                Err(refusal) => return Some(Err(refusal.text)),
            },
            AdminCommand::Sessions { ids } => {
                let sessions = ids.iter().filter_map(|id| self.overview_of_session(*id));
                AdminReply::Sessions(sessions.collect())
            }
            AdminCommand::Restrictions { room, what } => {
                let now = keeper.now.wall;
                let found = match room {
                    None => self.restrictions_everywhere(*what, now),
                    Some(name) => match self.need_room(name) {
                        Ok(id) => self.restrictions_of_room(id, *what, now),
                        Err(text) => return Some(Err(text)),
                    },
                };
                AdminReply::Restrictions(found)
            }
            _ => return None,
        }))
    }

    fn operate(
        &mut self,
        keeper: &Keeper,
        command: AdminCommand,
        effects: &mut Vec<Effect>,
    ) -> Result<AdminReply, String> {
        let now = keeper.now;
        let command = match command {
            AdminCommand::Announce { text } => {
                return Ok(self.announce_to_all(keeper, &text, effects));
            }
            AdminCommand::Kick { room: None, name, reason } => {
                let sessions = self.kick_out(keeper, &name, reason.as_ref(), effects);
                return sessions.map(AdminReply::Ended).map_err(text);
            }
            AdminCommand::Note { what } => {
                let details = ActDetails { room: None, what, why: None };
                self.audit_act(now, AuditAct::Managed, keeper.session, &details, effects);
                return Ok(AdminReply::Done);
            }
            other => other,
        };
        if self.sequencer.has_failed() {
            return Err("the store does not work at the moment: see the server's log".into());
        }
        match command {
            AdminCommand::InviteMake { code, for_ms, uses, note } => {
                return self.make_invite(now, code, for_ms, uses, note, effects);
            }
            AdminCommand::InviteRevoke { id } => return self.revoke_invite(now, id, effects),
            AdminCommand::AdminSet { name, on } => {
                self.make_admin(now, &name, on, keeper.session, effects)?;
            }
            AdminCommand::PasswordSet { name, credentials } => {
                self.set_password(keeper, &name, credentials, effects)?;
            }
            AdminCommand::RoleSet { room, name, role } => {
                let id = self.need_room(&room)?;
                let user = self.user_called(&name).map_err(|_| nobody(&name))?;
                self.change_role(now, id, user, role, keeper.session, effects).map_err(text)?;
            }
            AdminCommand::Import { room, messages } => {
                return self.import(now, &room, messages, effects);
            }
            AdminCommand::Kick { room, name, reason } => {
                if let Some(room) = room {
                    let id = self.need_room(&room)?;
                    self.kick_from(keeper, id, &name, reason, effects).map_err(text)?;
                }
            }
            AdminCommand::Restrict { room, what, whom, reason, for_ms } => {
                let wish = Restriction { kind: what, whom, reason, for_ms };
                match room {
                    Some(room) => {
                        let id = self.need_room(&room)?;
                        self.restrict_in(keeper, id, wish, effects).map_err(text)?;
                    }
                    None => self.restrict_everywhere(keeper, wish, effects).map_err(text)?,
                }
            }
            AdminCommand::Lift { room, what, whom } => match room {
                Some(room) => {
                    let id = self.need_room(&room)?;
                    self.lift_in(keeper, id, what, &whom, effects).map_err(text)?;
                }
                None => self.lift_everywhere(keeper, what, &whom, effects).map_err(text)?,
            },
            // Answered above.
            AdminCommand::May
            | AdminCommand::InviteList
            | AdminCommand::AdminList
            | AdminCommand::Accounts
            | AdminCommand::Rooms { .. }
            | AdminCommand::Users { .. }
            | AdminCommand::SessionIds { .. }
            | AdminCommand::Sessions { .. }
            | AdminCommand::Restrictions { .. }
            | AdminCommand::Announce { .. }
            | AdminCommand::Note { .. } => {}
        }
        Ok(AdminReply::Done)
    }

    fn need_room(&self, name: &RoomName) -> Result<RoomId, String> {
        self.find_room(name)
            .ok_or_else(|| format!("there is no room {name}: `hubbub room list` shows all"))
    }

    /// Makes an account an admin, or no longer.
    pub(crate) fn make_admin(
        &mut self,
        now: Now,
        name: &UserName,
        on: bool,
        by: Option<SessionId>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let id = self.names.find(name).filter(|id| self.is_account(*id));
        let id =
            id.ok_or_else(|| format!("{name} is no account: only an account can be an admin"))?;
        let user = self.users.get_mut(&id);
        let Some(account) = user.and_then(|user| user.account.as_mut()) else { return Ok(()) };
        if std::mem::replace(&mut account.admin, on) == on {
            return Ok(());
        }
        if on && self.setup.take().is_some() {
            effects.push(Effect::SetUp);
        }
        self.save_account(id, effects);
        let what = format!("{name} {}", if on { "on" } else { "off" });
        let details = ActDetails { room: None, what: &what, why: None };
        self.audit_act(now, AuditAct::AdminSet, by, &details, effects);
        self.leave_where_banned(now, id, effects);
        self.close_if_banned(now, id, effects);
        Ok(())
    }

    /// Another password for who has forgotten theirs. Whoever is in with the old one is sent away.
    fn set_password(
        &mut self,
        keeper: &Keeper,
        name: &UserName,
        credentials: Credentials,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let id = self.names.find(name).filter(|id| self.is_account(*id));
        let id = id.ok_or_else(|| format!("{name} is no account"))?;
        let Some(user) = self.users.get_mut(&id) else { return Ok(()) };
        if let Some(account) = &mut user.account {
            account.credentials = credentials.clone();
        }
        let logins: Vec<_> = user.logins.iter().map(|login| login.id).collect();
        self.sequencer.save(Record::Credentials { user: id, credentials }, effects);
        let details = ActDetails { room: None, what: name.as_str(), why: None };
        self.audit_act(keeper.now, AuditAct::PasswordChanged, keeper.session, &details, effects);
        for login in logins {
            self.revoke_login(keeper.now, id, login, effects);
        }
        Ok(())
    }

    /// Tells everybody who is online. Nothing is kept of it.
    fn announce_to_all(
        &mut self,
        keeper: &Keeper,
        text: &Note,
        effects: &mut Vec<Effect>,
    ) -> AdminReply {
        let mut sessions: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.is_welcomed)
            .map(|(id, _)| *id)
            .collect();
        // The sessions are in no order of their own.
        sessions.sort_unstable();
        let by = keeper.user.and_then(|user| self.users.get(&user)).map(|user| user.name.clone());
        for session in &sessions {
            let notice = Notice::Announced { text: text.clone(), by: by.clone() };
            effects.push(Effect::Tell { session: *session, notice });
        }
        let details = ActDetails { room: None, what: "announce", why: None };
        self.audit_act(keeper.now, AuditAct::Managed, keeper.session, &details, effects);
        AdminReply::Announced { sessions: sessions.len() }
    }
}

/// Whether nothing is kept of it but an entry of the audit log.
fn is_fleeting(command: &AdminCommand) -> bool {
    matches!(
        command,
        AdminCommand::Announce { .. }
            | AdminCommand::Kick { room: None, .. }
            | AdminCommand::Note { .. }
    )
}

fn text(refusal: Refusal) -> String {
    refusal.text
}

fn nobody(name: &UserName) -> String {
    format!("nobody here is called {name}")
}

//! `logins`, `revoke`, `logout`: how an account is logged in, and how that ends.

use super::Caller;
use super::login::not_account;
use crate::hub::Hub;
use crate::sequencer::cannot_store;
use crate::{Departure, Effect, Refusal, Reply};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::LoginEntry;
use hubbub_protocol::{CloseCode, ErrorCode, LoginId, Now, UserId, limits};

impl Hub {
    pub(crate) fn list_logins(&self, caller: &Caller) -> Result<Reply, Refusal> {
        let user = self.users.get(&caller.user).filter(|user| user.is_account());
        let user = user.ok_or_else(not_account)?;
        let current = self.sessions.get(&caller.session).and_then(|session| session.login);
        let mut logins: Vec<LoginEntry> = user
            .logins
            .iter()
            .map(|login| LoginEntry {
                login: login.id,
                created: login.created,
                seen: login.seen,
                peer: login.peer.to_string(),
                door: login.door,
                online: !self.sessions_of_login(user.id, login.id).is_empty(),
                current: current == Some(login.id),
            })
            .collect();
        logins.sort_by_key(|login| std::cmp::Reverse((login.created, login.login)));
        Ok(Reply::Logins { logins })
    }

    pub(crate) fn revoke(
        &mut self,
        caller: &Caller,
        login: LoginId,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let user = self.users.get(&caller.user).filter(|user| user.is_account());
        let user = user.ok_or_else(not_account)?;
        if !user.logins.iter().any(|known| known.id == login) {
            let text = format!("You have no login {login}. The list of logins has their numbers.");
            return Err(Refusal::new(ErrorCode::NoSuchLogin, text));
        }
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        if self.sessions.get(&caller.session).is_some_and(|own| own.login == Some(login)) {
            self.logout(caller, effects)?;
            return Ok(None);
        }
        let reason = login.to_string();
        self.audit_user(caller.now, AuditAct::Revoked, caller.session, &reason, effects);
        self.revoke_login(caller.now, caller.user, login, effects);
        if self.sessions.contains_key(&caller.session) {
            self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        }
        Ok(None)
    }

    /// Ends a login, with its connections.
    pub(crate) fn revoke_login(
        &mut self,
        now: Now,
        user: UserId,
        login: LoginId,
        effects: &mut Vec<Effect>,
    ) {
        let sessions = self.sessions_of_login(user, login);
        self.end_login(user, login, effects);
        for session in sessions {
            self.close(now, session, CloseCode::Revoked, Departure::Quit, effects);
        }
    }

    pub(crate) fn logout(
        &mut self,
        caller: &Caller,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if self.is_account(caller.user) && self.sequencer.has_failed() {
            // `quit` goes, but then the token counts on.
            return Err(cannot_store());
        }
        if let Some(login) = self.sessions.get(&caller.session).and_then(|session| session.login) {
            self.end_login(caller.user, login, effects);
        }
        self.quit_when_durable(caller.now, caller.session, effects);
        Ok(())
    }

    /// Logins that nobody used for long go.
    pub(crate) fn forget_old_logins(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut old = Vec::new();
        for user in self.users.values().filter(|user| user.is_account()) {
            for login in &user.logins {
                let unused = now.wall.0.saturating_sub(login.seen.0) >= limits::LOGIN_UNUSED_MS;
                if unused && self.sessions_of_login(user.id, login.id).is_empty() {
                    old.push((user.id, login.id));
                }
            }
        }
        old.sort_unstable();
        for (user, login) in old {
            self.end_login(user, login, effects);
        }
    }
}

//! `login`, `register`, `password`: what needs slow work with passwords, and what is done when that is
//! done. Meanwhile the session waits (the gate reads no further), and a name to be registered is kept
//! for it.

use super::hello::{Entering, Hello, How};
use super::{Call, Caller};
use crate::account::Account;
use crate::hub::Hub;
use crate::pace::Payer;
use crate::sequencer::cannot_store;
use crate::session::{EntryWork, PendingEntry};
use crate::user::User;
use crate::{Departure, Effect, Limited, PasswordOutcome, PasswordWork, Refusal, Reply};
use hubbub_protocol::account::Credentials;
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::record::Record;
use hubbub_protocol::room::network_of;
use std::sync::Arc;

use hubbub_protocol::{
    CloseCode, ErrorCode, InviteCode, InviteId, Now, Password, ResumeToken, SessionId, UserId,
    UserName, limits,
};

impl Hub {
    pub(crate) fn credentials(&self, user: Option<UserId>) -> Option<Credentials> {
        let account = self.users.get(&user?)?.account.as_ref()?;
        Some(account.credentials.clone())
    }

    pub(crate) fn work_on_password(
        &mut self,
        id: SessionId,
        entry: PendingEntry,
        work: PasswordWork,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.entry = Some(Box::new(entry));
            effects.push(Effect::Passwords { session: id, work });
        }
    }

    /// Keeps a name for an account that is being made, and a use of an invite.
    pub(crate) fn reserve_account(
        &mut self,
        call: Call,
        name: &UserName,
        invite: Option<&InviteCode>,
    ) -> Result<(UserId, Option<InviteId>), Refusal> {
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        self.need_free_name(name, None)?;
        self.need_no_ban_everywhere(call.session, Some(name), None, call.now)?;
        let payer = self.payer(call.session, None);
        self.need_of(call.now.mono, call.session, payer, Limited::Logins)?;
        let invite = self.may_register(call.now, invite)?;
        let user = UserId(self.fresh_id());
        self.names.take(name, user);
        Ok((user, invite))
    }

    pub(crate) fn login(
        &mut self,
        caller: &Caller,
        name: UserName,
        password: Password,
        fresh: ResumeToken,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        if let Some(user) = self.users.get(&caller.user)
            && user.is_account()
        {
            let text = format!("You are logged in as {} already. Log out first.", user.name);
            return Err(Refusal::new(ErrorCode::IsAccount, text));
        }
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        self.need_privacy(caller.session)?;
        let instance = self.sessions.get(&caller.session).and_then(|session| session.instance);
        let hello = Hello { instance, resume: None, fresh };
        self.check_password(caller.call(), name, password, hello, effects)?;
        Ok(None)
    }

    /// Asks whether this is the password of the account of that name.
    pub(crate) fn check_password(
        &mut self,
        call: Call,
        name: UserName,
        password: Password,
        hello: Hello,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let user = self.names.find(&name);
        // Whether it is the account that is banned, only who has its password is told: later.
        let admin = user.filter(|user| self.is_admin(*user));
        self.need_no_ban_everywhere(call.session, Some(&name), admin, call.now)?;
        let account = user.and_then(|user| Some((user, self.credentials(Some(user))?)));
        let payer = self.payer_of_login(call.session, account.as_ref().map(|(user, _)| *user));
        self.need_of(call.now.mono, call.session, payer, Limited::Logins)?;
        let credentials = account.as_ref().map(|(_, credentials)| Arc::clone(credentials));
        let what = EntryWork::Login { account, hello };
        let entry = PendingEntry { tag: call.tag, name, what };
        let work = PasswordWork::Check { credentials, password };
        self.work_on_password(call.session, entry, work, effects);
        Ok(())
    }

    /// Who pays for a try: the account, whoever tries, and the address. From an address of a login that the
    /// account has, only the address: so nobody is kept out of their account by who guesses elsewhere.
    fn payer_of_login(&self, session: SessionId, account: Option<UserId>) -> Payer {
        let here = self.address_of(session).map(network_of);
        let is_known = account.and_then(|user| self.users.get(&user)).is_some_and(|user| {
            user.logins.iter().any(|login| Some(network_of(login.peer.ip().to_canonical())) == here)
        });
        self.payer(session, account.filter(|_| !is_known))
    }

    /// A try was right, or never looked at: it costs nothing.
    fn give_login_back(&mut self, call: Call, account: Option<UserId>) {
        let payer = self.payer_of_login(call.session, account);
        self.give_back(call.now.mono, payer, Limited::Logins);
    }

    fn is_proved_by(&self, session: SessionId, credentials: &Credentials) -> bool {
        let user = self.sessions.get(&session).and_then(|session| session.user);
        user.is_some_and(|user| self.still_proves(user, credentials))
    }

    /// Whether these are still what proves the account: the password may have been changed while
    /// another one was checked.
    fn still_proves(&self, user: UserId, credentials: &Credentials) -> bool {
        self.credentials(Some(user)).is_some_and(|now| Arc::ptr_eq(&now, credentials))
    }

    pub(crate) fn register(
        &mut self,
        caller: &Caller,
        password: Password,
        invite: Option<&InviteCode>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let Some(user) = self.users.get(&caller.user) else { return Ok(None) };
        if user.is_account() {
            let text = format!("{} is registered already.", user.name);
            return Err(Refusal::new(ErrorCode::IsAccount, text));
        }
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        let name = user.name.clone();
        self.need_privacy(caller.session)?;
        self.need(caller, Limited::Logins)?;
        let invite = self.may_register(caller.now, invite)?;
        let what = EntryWork::RegisterGuest { invite };
        let entry = PendingEntry { tag: caller.tag, name, what };
        self.work_on_password(caller.session, entry, PasswordWork::Make { password }, effects);
        Ok(None)
    }

    pub(crate) fn change_password(
        &mut self,
        caller: &Caller,
        old: Password,
        new: Password,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let credentials = self.credentials(Some(caller.user)).ok_or_else(not_account)?;
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        self.need_privacy(caller.session)?;
        // Whoever is logged in is not kept out by who guesses elsewhere.
        let payer = self.payer(caller.session, None);
        self.need_of(caller.now.mono, caller.session, payer, Limited::Logins)?;
        let name = self.users.get(&caller.user).map(|user| user.name.clone());
        let Some(name) = name else { return Ok(None) };
        let what = EntryWork::Change { credentials: Arc::clone(&credentials) };
        let entry = PendingEntry { tag: caller.tag, name, what };
        let work = PasswordWork::Change { credentials, old, new };
        self.work_on_password(caller.session, entry, work, effects);
        Ok(None)
    }

    pub(crate) fn passwords_done(
        &mut self,
        now: Now,
        id: SessionId,
        outcome: PasswordOutcome,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(entry) = session.entry.take() else { return };
        let PendingEntry { tag, name, what } = *entry;
        let call = Call { now, session: id, tag };
        let outcome = match outcome {
            PasswordOutcome::Busy => {
                self.give_up_entry(&name, &what);
                let account = match &what {
                    EntryWork::Login { account: Some((user, _)), .. } => Some(*user),
                    _ => None,
                };
                self.give_login_back(call, account);
                let text = "Too many passwords are being checked. Try again in a moment.";
                let refusal = Refusal::new(ErrorCode::Busy, text);
                return self.refuse_entry(call, name.as_str(), refusal, effects);
            }
            outcome => outcome,
        };
        match (what, outcome) {
            (
                EntryWork::Login { account: Some((user, credentials)), hello },
                PasswordOutcome::Checked(true),
            ) if self.still_proves(user, &credentials) => {
                self.give_login_back(call, Some(user));
                // The ban may have come meanwhile.
                let may = self.need_no_ban_everywhere(id, Some(&name), Some(user), now);
                if let Err(refusal) = may {
                    return self.refuse_entry(call, name.as_str(), refusal, effects);
                }
                self.logged_in(call, user, &hello, effects);
            }
            (EntryWork::Login { .. }, PasswordOutcome::Checked(_)) => {
                // The same words whether there is such an account or not.
                let text = format!("There is no account {name}, or its password is another.");
                self.wrong_password(call, name.as_str(), text, effects);
            }
            (EntryWork::Register { user, invite, hello }, PasswordOutcome::Made(credentials)) => {
                if let Err(refusal) = self.need_no_ban_everywhere(id, Some(&name), None, now) {
                    self.names.free(&name);
                    self.release_invite(invite);
                    return self.refuse_entry(call, name.as_str(), refusal, effects);
                }
                if !self.use_invite(invite, effects) {
                    self.names.free(&name);
                    return self.refuse_entry(call, name.as_str(), invite_gone(), effects);
                }
                self.users.insert(user, User::new(user, name));
                self.make_account(now, user, credentials, effects);
                let login = self.add_login(now, id, user, hello.fresh);
                let (token, how) = (hello.fresh, How::Registered);
                let instance = hello.instance;
                let entering = Entering { user, login, token, how, instance };
                self.enter(call, entering, effects);
            }
            (EntryWork::RegisterGuest { invite }, PasswordOutcome::Made(credentials)) => {
                if !self.use_invite(invite, effects) {
                    return self.refuse_entry(call, name.as_str(), invite_gone(), effects);
                }
                self.guest_registered(call, credentials, effects);
            }
            (
                EntryWork::Change { credentials: before },
                PasswordOutcome::Changed(Some(credentials)),
            ) if self.is_proved_by(id, &before) => {
                self.give_login_back(call, None);
                self.password_changed(call, credentials, effects);
            }
            (EntryWork::Change { .. }, PasswordOutcome::Changed(_)) => {
                let text = "That is not your present password.".to_owned();
                self.wrong_password(call, name.as_str(), text, effects);
            }
            // Not the answer to what was asked.
            (what, _) => {
                self.give_up_entry(&name, &what);
                self.close(now, id, CloseCode::Internal, Departure::Lost, effects);
            }
        }
    }

    /// What was kept for a session that will not need it.
    pub(crate) fn give_up_entry(&mut self, name: &UserName, what: &EntryWork) {
        match what {
            EntryWork::Register { invite, .. } => {
                self.names.free(name);
                self.release_invite(*invite);
            }
            EntryWork::RegisterGuest { invite } => self.release_invite(*invite),
            EntryWork::Login { .. } | EntryWork::Change { .. } => {}
        }
    }

    fn logged_in(&mut self, call: Call, user: UserId, hello: &Hello, effects: &mut Vec<Effect>) {
        // The guest that it was goes.
        self.leave_user(call.now, call.session, MemberChange::Quit, effects);
        let login = self.add_login(call.now, call.session, user, hello.fresh);
        let how = How::LoggedIn;
        let (token, instance) = (hello.fresh, hello.instance);
        let entering = Entering { user, login, token, how, instance };
        self.enter(call, entering, effects);
    }

    fn wrong_password(&mut self, call: Call, name: &str, text: String, effects: &mut Vec<Effect>) {
        let refusal = Refusal::new(ErrorCode::WrongPassword, text);
        self.refuse_entry(call, name, refusal, effects);
        let Call { now, session: id, .. } = call;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.failures += 1;
        if session.failures >= limits::LOGIN_FAILURES {
            self.close(now, id, CloseCode::LoginFailures, Departure::Quit, effects);
        }
    }

    fn make_account(
        &mut self,
        now: Now,
        id: UserId,
        credentials: Credentials,
        effects: &mut Vec<Effect>,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        let account = Account {
            created: now.wall,
            seen: now.wall,
            admin: false,
            highlights: Vec::new(),
            credentials: credentials.clone(),
        };
        user.account = Some(Box::new(account));
        self.account_count += 1;
        // In this order: a power cut may come between the two, and an account that nothing proves
        // would keep its name for ever, while credentials without an account mean nothing.
        self.sequencer.save(Record::Credentials { user: id, credentials }, effects);
        self.save_account(id, effects);
    }

    fn guest_registered(
        &mut self,
        call: Call,
        credentials: Credentials,
        effects: &mut Vec<Effect>,
    ) {
        let Call { now, session: id, tag } = call;
        let Some(user_id) = self.sessions.get(&id).and_then(|session| session.user) else { return };
        let Some(user) = self.users.get_mut(&user_id) else { return };
        // From now on the token gives it back, and an instance alone does not.
        if let Some(instance) = user.instance.take() {
            self.instance_users.remove(&instance);
        }
        let logins: Vec<_> = user.logins.iter().map(|login| login.id).collect();
        let author = user.author();
        self.make_account(now, user_id, credentials, effects);
        for login in logins {
            self.save_login(user_id, login, effects);
        }
        self.keep_what_it_has(now, user_id, effects);
        self.audit_user(now, AuditAct::Registered, id, "", effects);
        let answer = Reply::You { user: author, account: true };
        self.answer_when_durable(id, tag, answer, effects);
    }

    fn password_changed(
        &mut self,
        call: Call,
        credentials: Credentials,
        effects: &mut Vec<Effect>,
    ) {
        let Call { now, session: id, tag } = call;
        let Some(user_id) = self.sessions.get(&id).and_then(|session| session.user) else { return };
        let Some(user) = self.users.get_mut(&user_id) else { return };
        let Some(account) = &mut user.account else { return };
        account.credentials = credentials.clone();
        self.sequencer.save(Record::Credentials { user: user_id, credentials }, effects);
        self.audit_user(now, AuditAct::PasswordChanged, id, "", effects);
        self.answer_when_durable(id, tag, Reply::Done, effects);
    }
}

fn invite_gone() -> Refusal {
    Refusal::new(ErrorCode::InviteInvalid, "This invite was taken back. Ask for another one.")
}

pub(crate) fn not_account() -> Refusal {
    Refusal::new(ErrorCode::NotAccount, "Only a registered user can do that. Register first.")
}

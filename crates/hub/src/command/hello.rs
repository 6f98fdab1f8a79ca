//! `hello`: a session becomes somebody — a new guest, an account, or one that comes back.

use super::Call;
use crate::account::Login;
use crate::audit::Actor;
use crate::hub::{Hub, reply};
use crate::pace::WITH_TLS;
use crate::sequencer::cannot_store;
use crate::session::{EntryWork, PendingEntry, PendingWelcome};
use crate::user::User;
use crate::{Departure, Effect, Entry, PasswordWork, Refusal, Reply, Tag};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::record::SendRecord;
use hubbub_protocol::{
    CloseCode, ErrorCode, Instance, LoginId, NameError, Now, ResumeToken, SessionId, UserId,
    UserName, WallMs,
};

/// What a `hello` says, beside who it wants to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello {
    pub(crate) instance: Option<Instance>,
    pub(crate) resume: Option<ResumeToken>,
    pub(crate) fresh: ResumeToken,
}

/// How a session became somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By a token or an instance of before.
    Resumed,
    /// By name, or name and password.
    LoggedIn,
    /// By making an account.
    Registered,
}

/// Whom a session becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entering {
    pub(crate) user: UserId,
    pub(crate) login: LoginId,
    pub(crate) token: ResumeToken,
    pub(crate) how: How,
    pub(crate) instance: Option<Instance>,
}

impl Hub {
    pub(crate) fn hello(
        &mut self,
        call: Call,
        name: Option<UserName>,
        hello: Hello,
        entry: Option<Entry>,
        effects: &mut Vec<Effect>,
    ) {
        let Call { session: id, tag, .. } = call;
        let Some(session) = self.sessions.get(&id) else { return };
        if session.user.is_some() {
            let refusal = Refusal::new(ErrorCode::HelloTwice, "You said who you are already.");
            return reply(id, tag, Reply::Refused(refusal), effects);
        }
        if let Some((user, login)) = self.returning(&hello, entry.is_none()) {
            let wished = name.as_ref().map_or("", UserName::as_str);
            if self.is_account(user) && self.sequencer.has_failed() {
                return self.refuse_entry(call, wished, cannot_store(), effects);
            }
            let own = self.users.get(&user).map(|user| user.name.clone());
            let may = self.need_no_ban_everywhere(id, own.as_ref(), Some(user), call.now);
            if let Err(refusal) = may {
                return self.refuse_entry(call, wished, refusal, effects);
            }
            return self.resume(call, user, login, &hello, effects);
        }
        let wished = name.as_ref().map_or("", UserName::as_str).to_owned();
        let done = match (name, entry) {
            (None, _) => {
                let text = match hello.resume {
                    Some(_) => "The token no longer counts: give a name.",
                    None => "Give a name.",
                };
                Err(Refusal::new(ErrorCode::NameInvalid, text))
            }
            (Some(name), None) => self.guest(call, name, &hello, effects),
            // What it would be told that it has could not be kept.
            (Some(_), Some(_)) if self.sequencer.has_failed() => Err(cannot_store()),
            (Some(_), Some(_)) if !self.takes_passwords(id) => self.need_privacy(id),
            (Some(name), Some(Entry::Password(password))) => {
                self.check_password(call, name, password, hello, effects)
            }
            (Some(name), Some(Entry::Register { password, invite })) => {
                self.reserve_account(call, &name, invite.as_ref()).map(|(user, invite)| {
                    let what = EntryWork::Register { user, invite, hello };
                    let work = PasswordWork::Make { password };
                    self.work_on_password(id, PendingEntry { tag, name, what }, work, effects);
                })
            }
        };
        if let Err(refusal) = done {
            self.refuse_entry(call, &wished, refusal, effects);
        }
    }

    /// A name that breaks the rules: a free one is proposed.
    pub(crate) fn name_invalid(
        &mut self,
        call: Call,
        error: &NameError,
        near: Option<UserName>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&call.session) else { return };
        let is_named = session.user.is_some();
        let suggestion = near.and_then(|near| match self.names.is_free(&near) {
            true => Some(near),
            false => self.names.suggest(&near),
        });
        let mut text = error.to_string();
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let hint = suggestion.as_ref().map_or_else(String::new, |free| format!(" {free} is free."));
        let text = format!("{text}.{hint}");
        let refusal = Refusal { suggestion, ..Refusal::new(ErrorCode::NameInvalid, text) };
        if is_named {
            return reply(call.session, call.tag, Reply::Refused(refusal), effects);
        }
        self.refuse_entry(call, "", refusal, effects);
    }

    /// The user that comes back: by its token, or (a guest) by its client instance, if the connection
    /// broke before the welcome was heard. Both are known to that client alone.
    /// Whoever wants to be an account (`as_guest` is false) does not become the guest again that it was.
    fn returning(&self, hello: &Hello, as_guest: bool) -> Option<(UserId, LoginId)> {
        let by_token = hello.resume.and_then(|token| self.tokens.get(&token.digest()).copied());
        let by_instance = || {
            let instance = hello.instance.filter(|_| as_guest)?;
            let user = *self.instance_users.get(&instance)?;
            Some((user, self.users.get(&user)?.logins.first()?.id))
        };
        by_token.or_else(by_instance)
    }

    fn resume(
        &mut self,
        call: Call,
        user: UserId,
        login: LoginId,
        hello: &Hello,
        effects: &mut Vec<Effect>,
    ) {
        let Call { now, session: id, .. } = call;
        // From here on the user has this session: it does not go with its old one.
        if let Some(user) = self.users.get_mut(&user) {
            user.sessions.push(id);
        }
        // Its old connection may seem to live: that one is a ghost.
        for ghost in self.sessions_of_login(user, login) {
            self.close(now, ghost, CloseCode::Replaced, Departure::Lost, effects);
        }
        let is_theirs = |token: &ResumeToken| self.tokens.contains_key(&token.digest());
        let known = hello.resume.filter(is_theirs);
        let token = known.unwrap_or(hello.fresh);
        let Some(session) = self.sessions.get(&id) else { return };
        let arrival = session.arrival;
        let Some(user_record) = self.users.get_mut(&user) else { return };
        let Some(login_record) = user_record.logins.iter_mut().find(|l| l.id == login) else {
            return;
        };
        login_record.seen = login_record.seen.max(now.wall);
        login_record.peer = arrival.peer;
        login_record.door = arrival.door;
        if known.is_none() {
            // It never heard its token, so it gets one now, if its door hands them out.
            login_record.lasts = arrival.resumable;
            let before = std::mem::replace(&mut login_record.token, token.digest());
            self.tokens.remove(&before);
            if arrival.resumable {
                self.tokens.insert(token.digest(), (user, login));
            }
        }
        let entering = Entering { user, login, token, how: How::Resumed, instance: hello.instance };
        self.enter(call, entering, effects);
    }

    /// An instance speaks for one guest, and a guest has one: the last that said so.
    fn claim_instance(
        &mut self,
        now: Now,
        user: UserId,
        instance: Instance,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(other) = self.instance_users.insert(instance, user)
            && other != user
        {
            let ghosts = self.users.get(&other).map_or_else(Vec::new, |u| u.sessions.clone());
            for ghost in ghosts {
                self.close(now, ghost, CloseCode::Replaced, Departure::Lost, effects);
            }
            if let Some(other) = self.users.get_mut(&other) {
                other.instance = None;
            }
        }
        let Some(record) = self.users.get_mut(&user) else { return };
        if let Some(before) = record.instance.replace(instance)
            && before != instance
        {
            self.instance_users.remove(&before);
        }
    }

    fn guest(
        &mut self,
        call: Call,
        name: UserName,
        hello: &Hello,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let holder = self.names.find(&name);
        let is_account = holder.is_some_and(|holder| self.is_account(holder));
        if (is_account || !self.config.guests) && !self.takes_passwords(call.session) {
            // Nobody is to be asked for a password here.
            return Err(self.only_with_tls(&name, is_account));
        }
        if is_account {
            let suggestion = if self.config.guests { self.names.suggest(&name) } else { None };
            let hint = suggestion.as_ref().map_or_else(String::new, |f| format!(" {f} is free."));
            let text = format!("{name} is registered: log in with its password.{hint}");
            return Err(Refusal { suggestion, ..Refusal::new(ErrorCode::LoginNeeded, text) });
        }
        if !self.config.guests {
            let text = "This server has no guests: log in, or register.";
            return Err(Refusal::new(ErrorCode::LoginNeeded, text));
        }
        self.need_free_name(&name, None)?;
        self.need_no_ban_everywhere(call.session, Some(&name), None, call.now)?;
        let user = UserId(self.fresh_id());
        self.names.take(&name, user);
        self.names.set_online(&name, user, true);
        let mut guest = User::new(user, name);
        guest.is_present = true;
        self.users.insert(user, guest);
        let login = self.add_login(call.now, call.session, user, hello.fresh);
        let (token, how) = (hello.fresh, How::LoggedIn);
        let entering = Entering { user, login, token, how, instance: hello.instance };
        self.enter(call, entering, effects);
        Ok(())
    }

    fn only_with_tls(&self, name: &UserName, is_account: bool) -> Refusal {
        let suggestion = if self.config.guests { self.names.suggest(name) } else { None };
        let hint = suggestion.as_ref().map_or_else(String::new, |f| format!(" ({f} is free)"));
        let why = match is_account {
            true => format!("{name} is registered"),
            false => "This server has no guests".to_owned(),
        };
        let text =
            format!("{why}, and passwords are not taken over this connection, {WITH_TLS}{hint}");
        Refusal { suggestion, ..Refusal::new(ErrorCode::TlsNeeded, text) }
    }

    /// A name that somebody may have: nobody else has it, nor one that looks like it.
    pub(crate) fn need_free_name(
        &self,
        name: &UserName,
        own: Option<UserId>,
    ) -> Result<(), Refusal> {
        let is_free = match own {
            Some(own) => self.names.is_free_for(name, own),
            None => self.names.is_free(name),
        };
        if is_free {
            return Ok(());
        }
        let suggestion = self.names.suggest(name);
        let hint = suggestion.as_ref().map_or_else(String::new, |free| format!(" {free} is free."));
        let text = format!("Somebody is called {name} already, or looks like it.{hint}");
        Err(Refusal { suggestion, ..Refusal::new(ErrorCode::NameTaken, text) })
    }

    /// A session's way in to its user.
    pub(crate) fn add_login(
        &mut self,
        now: Now,
        session: SessionId,
        user: UserId,
        token: ResumeToken,
    ) -> LoginId {
        let id = LoginId(self.fresh_id());
        let Some(arrival) = self.sessions.get(&session).map(|session| session.arrival) else {
            return id;
        };
        let login = Login {
            id,
            token: token.digest(),
            created: now.wall,
            seen: now.wall,
            peer: arrival.peer,
            door: arrival.door,
            lasts: arrival.resumable,
        };
        if login.lasts {
            self.tokens.insert(login.token, (user, id));
        }
        if let Some(user) = self.users.get_mut(&user) {
            // A guest has one, and there are many guests.
            user.logins.reserve_exact(1);
            user.logins.push(login);
        }
        id
    }

    /// The session is this user from now on.
    pub(crate) fn enter(&mut self, call: Call, entering: Entering, effects: &mut Vec<Effect>) {
        let Call { now, session: id, tag } = call;
        let Entering { user, login, token, how, instance } = entering;
        let is_account = self.is_account(user);
        if let Some(instance) = instance
            && !is_account
        {
            self.claim_instance(now, user, instance, effects);
        }
        let Some(record) = self.users.get_mut(&user) else { return };
        if !record.sessions.contains(&id) {
            record.sessions.push(id);
        }
        let name = record.name.clone();
        if let Some(until) = record.held_until.take() {
            self.held.remove(&(until, user));
        }
        let surplus = self.surplus_login(user, login);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.user = Some(user);
        session.login = Some(login);
        session.instance = instance;
        let resumed = how == How::Resumed;
        session.welcome = Some(PendingWelcome { tag, token, resumed });
        let act = if how == How::Registered { AuditAct::Registered } else { AuditAct::Login };
        let reason = match (how, is_account) {
            (How::Resumed, _) => "resumed",
            (How::LoggedIn, false) => "guest",
            (How::LoggedIn, true) => "password",
            (How::Registered, _) => "",
        };
        let actor = Actor { session: Some(id), user: Some(user), name: name.as_str() };
        self.audit(now, act, &actor, reason, effects);
        if let Some(surplus) = surplus {
            self.revoke_login(now, user, surplus, effects);
        }
        if is_account {
            self.save_login(user, login, effects);
            self.come_back(now, user, effects);
        }
        self.leave_where_banned(now, user, effects);
        match instance {
            Some(instance) if !self.instances.claim(instance, id) => {
                effects.push(Effect::LoadSends { session: id, instance });
            }
            _ => self.welcome(now, id, effects),
        }
    }

    /// The session stops being whom it is, and can be somebody else.
    pub(crate) fn leave_user(
        &mut self,
        now: Now,
        id: SessionId,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        self.audit_user(now, AuditAct::Logout, id, "login", effects);
        let Some(session) = self.sessions.get(&id) else { return };
        let rooms: Vec<_> = session.rooms.iter().map(|(room, _)| *room).collect();
        for room in rooms {
            self.detach(now, id, room, effects);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.is_welcomed = false;
        let (user, login) = (session.user.take(), session.login.take());
        if let Some(instance) = session.instance.take() {
            self.instances.release(instance, id);
        }
        self.drop_held(id, effects);
        let Some(user) = user else { return };
        let Some(record) = self.users.get_mut(&user) else { return };
        record.sessions.retain(|session| *session != id);
        let is_last = record.sessions.is_empty();
        if let Some(login) = login {
            self.end_login(user, login, effects);
        }
        if is_last {
            self.user_gone(now, user, change, effects);
        }
    }

    pub(crate) fn sends_loaded(
        &mut self,
        now: Now,
        id: SessionId,
        instance: Instance,
        sends: Option<Vec<SendRecord>>,
        effects: &mut Vec<Effect>,
    ) {
        let waits = self.sessions.get(&id).is_some_and(|session| session.welcome.is_some());
        if !waits {
            return;
        }
        match sends {
            Some(sends) => {
                self.instances.load(instance, &sends);
                self.instances.claim(instance, id);
                self.welcome(now, id, effects);
            }
            // Without the window a repeated send could be doubled: rather not let it in.
            None => self.close(now, id, CloseCode::Internal, Departure::Lost, effects),
        }
    }

    fn welcome(&mut self, now: Now, id: SessionId, effects: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(PendingWelcome { tag, token, resumed }) = session.welcome.take() else { return };
        let is_account = session.user.is_some_and(|user| self.is_account(user));
        let when = (token, resumed, now.wall);
        let Some(welcome) = self.welcome_of(id, when) else { return };
        if is_account {
            // What it is told that it has, it has: its login and, if it is new, the account.
            self.answer_when_durable(id, tag, welcome, effects);
        } else {
            self.say_answer(id, tag, welcome, effects);
        }
    }

    /// Says a welcome, as things stand now: they may have changed while it waited.
    pub(crate) fn say_welcome(
        &mut self,
        id: SessionId,
        tag: Tag,
        when: (ResumeToken, bool, WallMs),
        effects: &mut Vec<Effect>,
    ) {
        let Some(welcome) = self.welcome_of(id, when) else { return };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.is_welcomed = true;
        }
        reply(id, tag, welcome, effects);
        self.tell_what_waits(id, effects);
    }

    fn welcome_of(
        &self,
        id: SessionId,
        (token, resumed, time): (ResumeToken, bool, WallMs),
    ) -> Option<Reply> {
        let user = self.users.get(&self.sessions.get(&id)?.user?)?;
        let rooms = user.rooms.iter().filter_map(|room| self.rooms.get(room)?.name().cloned());
        let open = |room: &_| self.rooms.get(room).is_some_and(crate::room::Room::is_open_private);
        let privates = user.privates.iter().filter(|(_, room)| open(room));
        let privates = privates.filter_map(|(other, _)| self.users.get(other));
        Some(Reply::Welcome {
            user: user.author(),
            token,
            resumed,
            account: user.is_account(),
            epoch: self.epoch,
            lobby: self.config.lobby.clone(),
            time,
            rooms: rooms.collect(),
            privates: privates.map(|other| other.name.clone()).collect(),
            highlights: user.account.as_ref().map_or_else(Vec::new, |a| a.highlights.clone()),
        })
    }
}

//! `hello`: a session becomes somebody — a new guest, or one that comes back.

use crate::hub::{Hub, reply};
use crate::session::PendingWelcome;
use crate::{Departure, Effect, Refusal, Reply, Tag};
use hubbub_protocol::record::SendRecord;
use hubbub_protocol::{
    CloseCode, ErrorCode, Instance, Now, ResumeToken, SessionId, UserId, UserName,
};

/// What a `hello` says.
pub(crate) struct Hello {
    pub(crate) name: Option<UserName>,
    pub(crate) instance: Option<Instance>,
    pub(crate) resume: Option<ResumeToken>,
    pub(crate) fresh: ResumeToken,
}

impl Hub {
    pub(crate) fn hello(
        &mut self,
        now: Now,
        id: SessionId,
        tag: Tag,
        hello: Hello,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        if session.user.is_some() {
            let refusal = Refusal::new(ErrorCode::HelloTwice, "You said who you are already.");
            return reply(id, tag, Reply::Refused(refusal), effects);
        }
        let returning = self.returning(&hello);
        let user = match returning {
            Some(user) => {
                // Its old connection may seem to live: that one is a ghost.
                self.replace_sessions(now, user, effects);
                user
            }
            None => match self.new_guest(hello.name, hello.fresh) {
                Ok(user) => user,
                Err(refusal) => return reply(id, tag, Reply::Refused(refusal), effects),
            },
        };
        if let Some(instance) = hello.instance {
            self.claim_instance(now, user, instance, effects);
        }
        let Some(record) = self.users.get_mut(&user) else { return };
        record.sessions.push(id);
        let held = record.held_until.take();
        let token = record.token;
        if let Some(until) = held {
            self.held.remove(&(until, user));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.user = Some(user);
        session.instance = hello.instance;
        session.welcome = Some(PendingWelcome { tag, token, resumed: returning.is_some() });
        match hello.instance {
            Some(instance) if !self.instances.claim(instance, id) => {
                effects.push(Effect::LoadSends { session: id, instance });
            }
            _ => self.welcome(now, id, effects),
        }
    }

    /// The user that comes back: by its token, or by its client instance, if the connection broke
    /// before the welcome was heard. Both are known to that client alone.
    fn returning(&self, hello: &Hello) -> Option<UserId> {
        let by_token = hello.resume.and_then(|token| self.tokens.get(&token));
        let by_instance = || hello.instance.and_then(|instance| self.instance_users.get(&instance));
        by_token.or_else(by_instance).copied()
    }

    fn replace_sessions(&mut self, now: Now, user: UserId, effects: &mut Vec<Effect>) {
        let ghosts = self.users.get(&user).map_or_else(Vec::new, |user| user.sessions.clone());
        for ghost in ghosts {
            self.close(now, ghost, CloseCode::Replaced, Departure::Lost, effects);
        }
    }

    /// An instance speaks for one user, and a user has one: the last that said so.
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
            self.replace_sessions(now, other, effects);
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

    fn new_guest(&mut self, name: Option<UserName>, token: ResumeToken) -> Result<UserId, Refusal> {
        let name = name.ok_or_else(|| {
            Refusal::new(ErrorCode::NameInvalid, "The resume token no longer counts: give a name.")
        })?;
        if !self.names.is_free(&name) {
            let suggestion = self.names.suggest(&name);
            let hint = suggestion.as_ref().map(|free| format!(" {free} is free."));
            let text = format!(
                "Somebody is called {name} already, or looks like it.{}",
                hint.unwrap_or_default()
            );
            return Err(Refusal { code: ErrorCode::NameTaken, text, suggestion });
        }
        Ok(self.add_guest(name, token))
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
        let Some(user) = session.user.and_then(|user| self.users.get(&user)) else { return };
        let rooms = user.rooms.iter().filter_map(|room| self.rooms.get(room)?.name().cloned());
        let privates = user.privates.iter().filter_map(|(other, _)| self.users.get(other));
        let welcome = Reply::Welcome {
            user: user.author(),
            token,
            resumed,
            epoch: self.epoch,
            lobby: self.config.lobby.clone(),
            time: now.wall,
            rooms: rooms.collect(),
            privates: privates.map(|other| other.name.clone()).collect(),
        };
        reply(id, tag, welcome, effects);
    }
}

//! What whoever runs the server, or an admin, says of the whole server; and the ways in for whom it means.

use super::rooms::note;
use super::{World, credentials, describe, password, user};
use hubbub_hub::*;
use hubbub_protocol::*;

pub(crate) fn whom(name: &str) -> Whom {
    Whom::User(user(name))
}

pub(crate) fn restrict_for(what: RestrictionKind, whom: Whom, for_ms: Option<u64>) -> AdminCommand {
    AdminCommand::Restrict { room: None, what, whom, reason: Some(note("spam")), for_ms }
}

pub(crate) fn restrict(what: RestrictionKind, whom: Whom) -> AdminCommand {
    restrict_for(what, whom, None)
}

pub(crate) fn lift(what: RestrictionKind, whom: Whom) -> AdminCommand {
    AdminCommand::Lift { room: None, what, whom }
}

pub(crate) fn kick(name: &str) -> AdminCommand {
    AdminCommand::Kick { room: None, name: user(name), reason: Some(note("enough")) }
}

impl World {
    /// What is answered when it is kept. What came out stays to be taken.
    pub(crate) fn order(&mut self, by: Option<SessionId>, command: AdminCommand) -> String {
        let earlier = std::mem::take(&mut self.effects);
        self.input(Input::Admin { request: 5, by, command });
        self.persist();
        let is_answer = |effect: &&Effect| matches!(effect, Effect::AdminReply { request: 5, .. });
        let answer = self.effects.iter().rev().find(is_answer);
        let answer = describe(answer.expect("an answer"));
        self.effects.splice(0..0, earlier);
        answer
    }

    /// The same by whoever runs the server.
    pub(crate) fn run(&mut self, command: AdminCommand) -> String {
        self.order(None, command)
    }

    /// Bans or mutes, as they are listed.
    pub(crate) fn listed(&mut self, what: RestrictionKind) -> Vec<frame::RestrictionEntry> {
        self.run(AdminCommand::Restrictions { room: None, what });
        match self.effects.pop() {
            Some(Effect::AdminReply { reply: Ok(AdminReply::Restrictions(found)), .. }) => found,
            other => panic!("{other:?}"),
        }
    }

    /// A new guest's way in, and what it is answered.
    pub(crate) fn come_as(&mut self, name: &str) -> String {
        let session = self.connect(true);
        self.hello(session, name);
        self.persist();
        self.answer(session).expect("an answer")
    }

    pub(crate) fn come_with_password(&mut self, name: &str) -> String {
        let session = self.connect(true);
        self.enter(session, name, Entry::Password(password()));
        self.passwords(session, PasswordOutcome::Checked(true));
        self.persist();
        self.answer(session).expect("an answer")
    }

    pub(crate) fn come_to_register(&mut self, name: &str) -> String {
        let session = self.connect(true);
        self.enter(session, name, Entry::Register { password: password(), invite: None });
        self.passwords(session, PasswordOutcome::Made(credentials(name)));
        self.persist();
        self.answer(session).expect("an answer")
    }

    pub(crate) fn come_back_as(&mut self, slot: u32) -> String {
        let session = self.resume(slot);
        self.persist();
        self.answer(session).expect("an answer")
    }

    pub(crate) fn is_closed(&self, session: SessionId, with: CloseCode) -> bool {
        let is_it = |effect: &Effect| matches!(effect, Effect::Close { session: closed, code } if *closed == session && *code == with);
        self.effects.iter().any(is_it)
    }

    pub(crate) fn nick(&mut self, session: SessionId, name: &str) -> String {
        self.ask(session, Command::Nick { name: user(name) })
    }
}

/// An admin from an address of its own.
pub(crate) fn admin(world: &mut World, name: &str) -> SessionId {
    world.come_from("10.9.9.9");
    let session = world.account(name);
    world.make_admin(name);
    world.come_from("10.0.0.1");
    world.take();
    session
}

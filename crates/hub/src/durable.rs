//! What waits until it is durable what was said before: answers to commands that change accounts,
//! rooms and private chats. After a failed commit they wait on, until it was said again.

use crate::hub::{Hub, reply};
use crate::sequencer::{What, not_member};
use crate::{AdminReply, Effect, Reply, Tag};
use hubbub_protocol::{Now, Position, RoomId, SessionId};

/// What a session waits for that is no plain answer.
#[derive(Debug)]
pub(crate) enum Then {
    /// To hear the room that its account has entered.
    Attach {
        /// Which.
        room: RoomId,
        /// Whether it was made for that.
        created: bool,
        /// Where it goes on.
        after: Option<Position>,
    },
    /// To end: its login is no more.
    Quit,
}

impl Hub {
    /// Answers a command when everything that was said so far is durable.
    pub(crate) fn answer_when_durable(
        &mut self,
        session: SessionId,
        tag: Tag,
        answer: Reply,
        effects: &mut Vec<Effect>,
    ) {
        if self.sequencer.is_durable() {
            self.say_answer(session, tag, answer, effects);
        } else {
            self.wait(session, tag, What::Answer(answer));
        }
    }

    /// The same for the operator.
    pub(crate) fn answer_admin_when_durable(
        &mut self,
        request: u64,
        reply: AdminReply,
        effects: &mut Vec<Effect>,
    ) {
        if self.sequencer.is_durable() {
            effects.push(Effect::AdminReply { request, reply: Ok(reply) });
        } else {
            self.sequencer.push(None, None, What::AdminAnswer { request, reply });
        }
    }

    /// Ends a session when everything that was said so far is durable.
    pub(crate) fn quit_when_durable(
        &mut self,
        now: Now,
        session: SessionId,
        effects: &mut Vec<Effect>,
    ) {
        if self.sequencer.is_durable() {
            self.quit(now, session, effects);
        } else {
            self.wait(session, None, What::Then(Then::Quit));
        }
    }

    /// Attaches a session to the room that its user has just entered: an account is not told that it
    /// is in before that is kept.
    pub(crate) fn attach_when_durable(
        &mut self,
        session: SessionId,
        tag: Tag,
        room: RoomId,
        created: bool,
        after: Option<Position>,
        effects: &mut Vec<Effect>,
    ) {
        let user = self.sessions.get(&session).and_then(|session| session.user);
        let is_account = user.is_some_and(|user| self.is_account(user));
        let keeps = self.rooms.get(&room).is_some_and(crate::room::Room::keeps_history);
        if self.sequencer.is_durable() || !is_account || !keeps {
            self.attach(session, tag, room, created, after, effects);
        } else {
            self.wait(session, tag, What::Then(Then::Attach { room, created, after }));
        }
    }

    /// What was said is durable: the session goes on.
    pub(crate) fn go_on(
        &mut self,
        now: Now,
        session: Option<SessionId>,
        tag: Tag,
        then: Then,
        effects: &mut Vec<Effect>,
    ) {
        let Some(id) = session else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.in_flight -= 1;
        let user = session.user;
        match then {
            Then::Quit => self.quit(now, id, effects),
            Then::Attach { room, created, after } => {
                // Another session may have left it meanwhile.
                let user = user.and_then(|user| self.users.get(&user));
                if user.is_none_or(|user| !user.rooms.contains(&room)) {
                    return reply(id, tag, Reply::Refused(not_member()), effects);
                }
                self.detach(now, id, room, effects);
                self.attach(id, tag, room, created, after, effects);
            }
        }
    }

    pub(crate) fn say_answer(
        &mut self,
        session: SessionId,
        tag: Tag,
        answer: Reply,
        effects: &mut Vec<Effect>,
    ) {
        if let Reply::Welcome { token, resumed, time, .. } = answer {
            self.say_welcome(session, tag, (token, resumed, time), effects);
        } else {
            reply(session, tag, answer, effects);
        }
    }
}

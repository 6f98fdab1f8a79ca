//! `send`: a message is admitted and gets its number.

use super::Caller;
use crate::hub::Hub;
use crate::instance::{Known, SendState};
use crate::room::Room;
use crate::sequencer::not_stored;
use crate::session::Attachment;
use crate::{Effect, Refusal};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{RoomKind, RoomRecord};
use hubbub_protocol::{
    Body, Counter, ErrorCode, Event, Instance, RoomAddress, RoomId, UserId, UserName, limits,
};
use std::sync::Arc;

impl Hub {
    pub(crate) fn send(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        body: Body,
        counter: Option<Counter>,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.try_send(caller, address, body, counter, effects) {
            self.refuse_send(caller.session, caller.tag, refusal, effects);
        }
    }

    fn try_send(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        body: Body,
        counter: Option<Counter>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let send = counter.map(|counter| self.numbered(caller, counter)).transpose()?;
        if let Some((send, known)) = send {
            // Before everything else: a repetition is answered even where a send would be refused now.
            match known {
                Known::New => {}
                Known::Seen(SendState::Uncertain) => return Err(not_stored()),
                Known::Seen(SendState::Pending) => {
                    self.repeat_later(caller.session, caller.tag, send);
                    return Ok(());
                }
                Known::Seen(SendState::Done { .. }) => {
                    self.answer_repetition(caller.session, caller.tag, send, effects);
                    return Ok(());
                }
                Known::Stale => {
                    let text =
                        format!("The server no longer knows what became of send {}.", send.1);
                    return Err(Refusal::new(ErrorCode::StaleCounter, text));
                }
            }
        }
        if self.sequencer.is_full() {
            return Err(Refusal::new(
                ErrorCode::Busy,
                "The server is busy. Send it again in a moment.",
            ));
        }
        let room_id = match address {
            RoomAddress::Room(name) => self.joined_room(caller.user, name)?.id(),
            RoomAddress::User(name) => self.open_private(caller, name, effects)?,
        };
        let (Some(room), Some(user)) = (self.rooms.get(&room_id), self.users.get(&caller.user))
        else {
            return Err(Refusal::new(ErrorCode::NoSuchRoom, "The room is no more."));
        };
        if self.sequencer.has_failed() && room.keeps_history() {
            return Err(not_stored());
        }
        let event = Arc::new(Event {
            room: room_id,
            epoch: self.epoch,
            seq: room.head.next(),
            time: caller.now.wall,
            from: user.author(),
            body,
        });
        self.sequence(caller.session, caller.tag, event, send.map(|(send, _)| send), effects);
        Ok(())
    }

    fn numbered(
        &self,
        caller: &Caller,
        counter: Counter,
    ) -> Result<((Instance, Counter), Known), Refusal> {
        let instance = self.sessions.get(&caller.session).and_then(|session| session.instance);
        let instance = instance.ok_or_else(|| {
            Refusal::new(
                ErrorCode::NoInstance,
                "To number its sends, a client gives an instance in hello.",
            )
        })?;
        if !(1..=limits::COUNTER_MAX).contains(&counter.0) {
            let text = "A counter lies between 1 and 2^53 - 1.";
            return Err(Refusal::new(ErrorCode::BadFrame, text));
        }
        let known =
            self.instances.get(&instance).map_or(Known::New, |window| window.known(counter));
        Ok(((instance, counter), known))
    }

    /// The private chat with somebody, made now if there is none: it attaches all sessions of both.
    fn open_private(
        &mut self,
        caller: &Caller,
        name: &UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<RoomId, Refusal> {
        let (other, room) = self.private_with(caller.user, name)?;
        if let Some(room) = room {
            return Ok(room);
        }
        let side = |id: &UserId| self.users.get(id);
        let (Some(one), Some(two)) = (side(&caller.user), side(&other)) else {
            return Err(Refusal::new(
                ErrorCode::NoSuchUser,
                format!("Nobody here is called {name}."),
            ));
        };
        if one.privates.len().max(two.privates.len()) >= limits::PRIVATES_PER_USER
            || !self.has_place_for_room()
        {
            let text = format!("You or {name} have as many private chats as can be had at once.");
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let mut sides = [one.author(), two.author()];
        sides.sort_by_key(|side| side.id);
        let id = RoomId(self.fresh_id());
        let kind = RoomKind::Private(sides);
        let retention = Retention::Forever;
        self.rooms
            .insert(id, Room::new(RoomRecord { id, kind, retention, created: caller.now.wall }));
        self.attach_side(caller.user, other, id, effects);
        self.attach_side(other, caller.user, id, effects);
        Ok(id)
    }

    fn attach_side(&mut self, user: UserId, other: UserId, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(user) = self.users.get_mut(&user) else { return };
        user.privates.push((other, id));
        let Some(room) = self.rooms.get_mut(&id) else { return };
        for &session_id in &user.sessions {
            let Some(session) = self.sessions.get_mut(&session_id) else { continue };
            session.rooms.push((id, Attachment::Live));
            room.attached += 1;
            effects.push(Effect::Subscribe { session: session_id, room: id });
        }
    }
}

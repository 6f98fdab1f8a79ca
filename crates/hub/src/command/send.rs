//! `send`: a message is admitted and gets its number.

use super::Caller;
use super::link::Wanted;
use crate::hub::Hub;
use crate::instance::{Known, SendState};
use crate::order::Rank;
use crate::room::Room;
use crate::sequencer::not_stored;
use crate::{Effect, Refusal};
use hubbub_protocol::{
    Body, Counter, ErrorCode, Event, Instance, RoomAddress, RoomId, Seq, UserId, limits,
};
use std::sync::Arc;

impl Hub {
    pub(crate) fn send(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        body: Body,
        counter: Option<Counter>,
        hold: bool,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.try_send(caller, address, body, counter, hold, effects) {
            self.refuse_send(caller.session, caller.tag, refusal, effects);
            self.note_refusal(caller.now, caller.session, effects);
        }
    }

    fn try_send(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        body: Body,
        counter: Option<Counter>,
        hold: bool,
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
            RoomAddress::Room(name) => {
                let room = self.joined_room(caller.user, name)?;
                need_answerable(room, &body)?;
                let id = room.id();
                if room.needs_store() && self.sequencer.has_failed() {
                    // Before the wait of slow mode begins.
                    return Err(not_stored());
                }
                // Who may not speak there costs the room nothing.
                self.need_voice(caller.now, id, caller.user)?;
                self.pay_for_message(caller, id, body.weight(), effects)?;
                id
            }
            RoomAddress::User(name) => {
                let other = self.other(caller.user, name)?;
                self.need_no_mute_everywhere(caller.user, caller.now)?;
                match self.want_link(caller, other, effects)? {
                    Wanted::Open(room) => {
                        self.need_place_with(other, room)?;
                        if let Some(room) = self.rooms.get(&room) {
                            need_answerable(room, &body)?;
                        }
                        self.pay_for_message(caller, room, body.weight(), effects)?;
                        room
                    }
                    Wanted::Asked { .. } if hold => {
                        return self.hold_text(caller, other, body, effects);
                    }
                    Wanted::Asked { .. } => {
                        let text = format!(
                            "{name} was asked for a private chat and has not agreed yet: this message was not sent."
                        );
                        return Err(Refusal::new(ErrorCode::NotAccepted, text));
                    }
                }
            }
        };
        let mut body = body;
        self.note_call(caller.user, room_id, &mut body);
        let (Some(room), Some(user)) = (self.rooms.get(&room_id), self.users.get(&caller.user))
        else {
            return Err(Refusal::new(ErrorCode::NoSuchRoom, "The room is no more."));
        };
        if self.sequencer.has_failed() && room.needs_store() {
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

    /// Whether a message for somebody who is away can wait for them.
    pub(crate) fn need_place_with(&self, other: UserId, room: RoomId) -> Result<(), Refusal> {
        let (Some(user), Some(room)) = (self.users.get(&other), self.rooms.get(&room)) else {
            return Ok(());
        };
        if user.is_present {
            return Ok(());
        }
        let heard = user.ties.place_ref(room.id()).map_or(0, |place| place.heard.1.0);
        if room.head.0.saturating_sub(heard) < limits::AWAY_MESSAGES {
            return Ok(());
        }
        let text = format!(
            "{} is away, and {} messages wait for them already. Send it when they are back.",
            user.name,
            limits::AWAY_MESSAGES
        );
        Err(Refusal::new(ErrorCode::AwayFull, text))
    }

    /// Keeps a message in the session until its recipient agrees.
    fn hold_text(
        &mut self,
        caller: &Caller,
        other: UserId,
        body: Body,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if let Some(of) = body.refers_to() {
            // Nothing was said in a chat that is not there.
            return Err(unanswerable(of));
        }
        let Some(session) = self.sessions.get_mut(&caller.session) else { return Ok(()) };
        if session.held_texts.len() >= limits::HELD_TEXTS {
            let text = format!(
                "{} messages wait for an answer already: this one was not kept.",
                limits::HELD_TEXTS
            );
            return Err(Refusal::new(ErrorCode::NotAccepted, text));
        }
        session.held_texts.push((other, body));
        let held = session.held_texts.iter().filter(|(to, _)| *to == other).count();
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        let answer = self.asked(other, held)?;
        self.answer_send(caller.session, caller.tag, answer, effects);
        Ok(())
    }

    /// Whether a message calls everybody: only that of somebody who keeps order does.
    fn note_call(&self, user: UserId, id: RoomId, body: &mut Body) {
        let Some(said) = body.said_mut() else { return };
        said.edited = None;
        said.everyone = calls_everybody(said.text.as_str())
            && self.rooms.get(&id).is_some_and(|room| {
                room.sides().is_none() && self.rank(room, user) >= Rank::Operator
            });
    }
}

/// An answer is to something that could be read.
fn need_answerable(room: &Room, body: &Body) -> Result<(), Refusal> {
    match body.refers_to() {
        Some(of) if of <= room.floor || of > room.delivered.1 => Err(unanswerable(of)),
        _ => Ok(()),
    }
}

fn unanswerable(of: Seq) -> Refusal {
    let text = format!("There is no message {of} here that could be answered.");
    Refusal::new(ErrorCode::NoSuchEvent, text)
}

/// Whether `@room` is in a text, as a word.
fn calls_everybody(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices("@room").any(|(at, call)| {
        let before = text[..at].chars().next_back();
        let after = text[at + call.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

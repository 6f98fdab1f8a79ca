//! `edit`, `delete`, `react`, `pin`: what is done with a message that was said before. The hub holds no
//! old messages: the message is read first, beside everything else, and then the hub decides.

use super::Caller;
use crate::acts::ActDetails;
use crate::hub::{Hub, reply};
use crate::order::Rank;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::{Effect, LoadedMessage, Refusal, Reply, Tag};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::{
    Body, ErrorCode, Event, Now, Reaction, RoomAddress, RoomId, RoomName, Seq, SessionId, Text,
    limits,
};

/// What somebody wants to do with a message.
#[derive(Debug)]
pub(crate) enum Deed {
    Edit { text: Text },
    Delete,
    React { reaction: Reaction, on: bool },
    Pin { on: bool },
}

/// The deed of a session that waits for its message.
#[derive(Debug)]
pub(crate) struct PendingDeed {
    tag: Tag,
    room: RoomId,
    of: Seq,
    deed: Deed,
}

impl Hub {
    /// Reads the message, if something may be done with it as far as can be said before.
    pub(crate) fn do_with_message(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        of: Seq,
        deed: Deed,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = match address {
            RoomAddress::Room(name) => match deed {
                Deed::Pin { .. } => self.need_rank(caller, name, Rank::Operator)?,
                // An admin cleans up where it is not.
                Deed::Delete => self.room_to_order(caller.user, name)?.id(),
                Deed::Edit { .. } | Deed::React { .. } => self.joined_room(caller.user, name)?.id(),
            },
            RoomAddress::User(name) => self.linked_room(caller.user, name)?,
        };
        let Some(room) = self.rooms.get(&id) else { return Err(no_such_event(of)) };
        if !room.keeps_history() {
            let text = format!("{address} keeps no history: what was said there is out of reach.");
            return Err(Refusal::new(ErrorCode::NoHistory, text));
        }
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        if of <= room.floor || of > room.delivered.1 {
            return Err(no_such_event(of));
        }
        let reacted = match &deed {
            Deed::React { reaction, .. } => Some((caller.user, reaction.clone())),
            Deed::Edit { .. } | Deed::Delete | Deed::Pin { .. } => None,
        };
        let Some(session) = self.sessions.get_mut(&caller.session) else { return Ok(None) };
        session.deed = Some(Box::new(PendingDeed { tag: caller.tag, room: id, of, deed }));
        effects.push(Effect::LoadMessage { session: caller.session, room: id, seq: of, reacted });
        Ok(None)
    }

    pub(crate) fn message_loaded(
        &mut self,
        now: Now,
        id: SessionId,
        message: LoadedMessage,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (Some(pending), Some(user)) = (session.deed.take(), session.user) else { return };
        let caller = Caller { now, session: id, tag: pending.tag, user };
        let tag = pending.tag;
        if let Err(refusal) = self.deed(&caller, *pending, message, effects) {
            reply(id, tag, Reply::Refused(refusal), effects);
        }
    }

    fn deed(
        &mut self,
        caller: &Caller,
        pending: PendingDeed,
        message: LoadedMessage,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let PendingDeed { room: id, of, deed, .. } = pending;
        let (event, reactions, has_reacted) = match message {
            LoadedMessage::Here { event, reactions, has_reacted } => {
                (event, reactions, has_reacted)
            }
            LoadedMessage::Missing => return Err(no_such_event(of)),
            LoadedMessage::Failed => {
                let text = "The message can't be read at the moment. Try it again in a while.";
                return Err(Refusal::new(ErrorCode::Unavailable, text));
            }
        };
        // Much may have happened since it was asked for.
        self.need_still(caller, id, of, &deed)?;
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        self.need_place_for_deed(caller, id)?;
        if self.sequencer.is_full() {
            let text = "The server is busy. Try it again in a moment.";
            return Err(Refusal::new(ErrorCode::Busy, text));
        }
        let Some(said) = event.body.said() else { return Err(no_such_event(of)) };
        let is_own = event.from.id == caller.user;
        let body = match deed {
            Deed::Edit { .. } if !is_own => {
                let text = format!("Only {} can change what {0} said.", event.from.name);
                return Err(Refusal::new(ErrorCode::NotAllowed, text));
            }
            Deed::Edit { text } if text == said.text => {
                self.done_by(caller, effects);
                return Ok(());
            }
            Deed::Edit { text } => {
                self.need_voice_for_deed(caller, id)?;
                Body::Edit { of, text: Some(text) }
            }
            Deed::Delete => {
                self.need_deletion(caller, id, &event)?;
                Body::Delete { of }
            }
            Deed::React { on, .. } if on == has_reacted => {
                self.done_by(caller, effects);
                return Ok(());
            }
            Deed::React { on: true, .. }
                if usize::try_from(reactions).is_ok_and(|n| n >= limits::REACTIONS_PER_EVENT) =>
            {
                let text = format!(
                    "There are {reactions} different reactions to that message, which is the most."
                );
                return Err(Refusal::new(ErrorCode::Limit, text));
            }
            Deed::React { reaction, on } => {
                self.need_voice_for_deed(caller, id)?;
                Body::React { of, reaction, on }
            }
            Deed::Pin { on } => {
                if !self.pin(id, of, on, effects)? {
                    self.done_by(caller, effects);
                    return Ok(());
                }
                Body::Pin { of, on }
            }
        };
        let Some(from) = self.users.get(&caller.user).map(crate::user::User::author) else {
            return Ok(());
        };
        let is_deletion = matches!(body, Body::Delete { .. });
        self.act(caller.now.wall, id, from, body, effects);
        if is_deletion {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.note_deleted(of);
            }
            self.unpin_deleted(id, of, effects);
            if !is_own {
                self.audit_deletion(caller, id, &event, effects);
            }
        }
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(())
    }

    /// Whether the user is still where the message is, and may do there what it may have lost the
    /// role for; and whether the message is still kept. It may have been deleted since it was read.
    fn need_still(&self, caller: &Caller, id: RoomId, of: Seq, deed: &Deed) -> Result<(), Refusal> {
        let is_there = |room: &&Room| match room.sides() {
            Some(sides) => sides.contains(&caller.user) && room.is_open_private(),
            None => room.has_member(caller.user) || self.is_admin(caller.user),
        };
        let Some(room) = self.rooms.get(&id).filter(is_there) else {
            return Err(crate::sequencer::not_member());
        };
        if let (Deed::Pin { .. }, Some(name)) = (deed, room.name()) {
            self.need_rank(caller, name, Rank::Operator)?;
        }
        if !room.keeps_history() || of <= room.floor || room.is_deleted(of) {
            return Err(no_such_event(of));
        }
        Ok(())
    }

    /// Who can't speak can't change what was said either. Slow mode is about new messages.
    fn need_voice_for_deed(&self, caller: &Caller, id: RoomId) -> Result<(), Refusal> {
        match self.rooms.get(&id) {
            Some(room) => self.need_no_mute(room, caller.user, caller.now),
            None => Ok(()),
        }
    }

    fn need_deletion(&self, caller: &Caller, id: RoomId, event: &Event) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let may = event.from.id == caller.user
            || room.sides().is_none() && self.rank(room, caller.user) >= Rank::Operator;
        if may {
            return Ok(());
        }
        let text = format!("Only {} or an operator can delete what {0} said.", event.from.name);
        Err(Refusal::new(ErrorCode::NotAllowed, text))
    }

    /// In a private chat, an act waits for an account that is away like a message.
    fn need_place_for_deed(&self, caller: &Caller, id: RoomId) -> Result<(), Refusal> {
        match self.rooms.get(&id).and_then(|room| room.other_side(caller.user)) {
            Some(other) => self.need_place_with(other, id),
            None => Ok(()),
        }
    }

    /// Whether that changed something.
    fn pin(
        &mut self,
        id: RoomId,
        of: Seq,
        on: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(false) };
        let pinned = &mut room.record.settings.pinned;
        if on == pinned.contains(&of) {
            return Ok(false);
        }
        if on && pinned.len() >= limits::PINS {
            let text = format!("{} messages are pinned here, which is the most.", limits::PINS);
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        if on {
            pinned.push(of);
        } else {
            pinned.retain(|pinned| *pinned != of);
        }
        self.save_room(id, effects);
        Ok(true)
    }

    fn unpin_deleted(&mut self, id: RoomId, of: Seq, effects: &mut Vec<Effect>) {
        // Nobody needs to be told: the message that was pinned is deleted.
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let pinned = &mut room.record.settings.pinned;
        let before = pinned.len();
        pinned.retain(|pinned| *pinned != of);
        if pinned.len() < before {
            self.save_room(id, effects);
        }
    }

    fn audit_deletion(
        &mut self,
        caller: &Caller,
        id: RoomId,
        event: &Event,
        effects: &mut Vec<Effect>,
    ) {
        let room: Option<RoomName> = self.rooms.get(&id).and_then(|room| room.name().cloned());
        let what = format!("#{} of {}", event.seq, event.from.name);
        let details = ActDetails { room: room.as_ref(), what: &what, why: None };
        self.audit_act(caller.now, AuditAct::Deleted, Some(caller.session), &details, effects);
    }
}

fn no_such_event(of: Seq) -> Refusal {
    let text = format!("There is no message {of} here, or it is deleted.");
    Refusal::new(ErrorCode::NoSuchEvent, text)
}

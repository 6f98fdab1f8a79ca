//! `typing`, `away`, `highlights`: what others see of what somebody is about, and by which words
//! somebody wants to be called.

use super::Caller;
use super::login::not_account;
use crate::hub::Hub;
use crate::sequencer::cannot_store;
use crate::user::User;
use crate::{Delivery, Effect, Notice, Refusal, Reply};
use hubbub_protocol::{ErrorCode, Note, RoomAddress, limits, sanitize};

/// Changes of being away that may follow each other at once.
const AWAY_CHANGES: u64 = 5;

impl Hub {
    pub(crate) fn typing(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = match address {
            RoomAddress::Room(_) => self.conversation(caller.user, address)?,
            RoomAddress::User(name) => self.linked_room(caller.user, name)?,
        };
        let Some(room) = self.rooms.get(&id) else { return Ok(None) };
        let Some(session) = self.sessions.get_mut(&caller.session) else { return Ok(None) };
        if caller.now.mono < session.typing_free
            || room.members.len() > self.config.presence_members
        {
            return Ok(Some(Reply::Done));
        }
        session.typing_free = caller.now.mono.plus(limits::TYPING_MS);
        // Nobody is told what nobody may say.
        if self.need_no_mute(room, caller.user, caller.now).is_ok()
            && let Some(from) = self.users.get(&caller.user).map(User::author)
            && let Some(address) = self.address(id, caller.user)
        {
            let delivery = Delivery::Typing { address, from };
            effects.push(Effect::Deliver { room: id, delivery, except: Some(caller.session) });
        }
        Ok(Some(Reply::Done))
    }

    pub(crate) fn away(
        &mut self,
        caller: &Caller,
        note: Option<Note>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        if note.is_some() {
            self.need_no_mute_everywhere(caller.user, caller.now)?;
        }
        let Some(user) = self.users.get_mut(&caller.user) else { return Ok(None) };
        let Some(session) = self.sessions.get_mut(&caller.session) else { return Ok(None) };
        if user.away == note {
            return Ok(Some(Reply::Done));
        }
        // A few in a row are somebody who changes their mind; more bother hundreds.
        let free = session.away_free.max(caller.now.mono).plus(limits::AWAY_MS);
        let most = caller.now.mono.plus(AWAY_CHANGES * limits::AWAY_MS);
        if free > most {
            let refusal = Refusal::new(ErrorCode::TooFast, "You changed that a moment ago.");
            return Err(Refusal { wait_ms: Some(free.0 - most.0), ..refusal });
        }
        session.away_free = free;
        user.away.clone_from(&note);
        let (author, rooms) = (user.author(), user.rooms.clone());
        for id in rooms {
            let Some(room) = self.rooms.get(&id) else { continue };
            let Some(name) = room.name() else { continue };
            let (name, user, note) = (name.clone(), author.clone(), note.clone());
            let delivery = Delivery::Away { room: name, user, note };
            let transcribed = room.transcript_of(|_| delivery.clone());
            if room.members.len() <= self.config.presence_members {
                effects.push(Effect::Deliver { room: id, delivery, except: Some(caller.session) });
            }
            effects.extend(transcribed);
        }
        Ok(Some(Reply::Done))
    }

    pub(crate) fn highlights(
        &mut self,
        caller: &Caller,
        words: Vec<String>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let words: Vec<String> = words.into_iter().map(|word| word.trim().to_owned()).collect();
        if words.len() > limits::HIGHLIGHTS {
            let text = format!("At most {} words can be set.", limits::HIGHLIGHTS);
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let is_bad = |word: &&String| {
            word.len() > limits::HIGHLIGHT_BYTES
                || word.chars().all(|c| c.is_whitespace() || sanitize::is_invisible(c))
                || word.chars().any(char::is_control)
        };
        if words.iter().find(is_bad).is_some() {
            let most = limits::HIGHLIGHT_BYTES;
            let text = format!("A word has 1 to {most} bytes, and no control characters.");
            return Err(Refusal::new(ErrorCode::NoteInvalid, text));
        }
        let user = self.users.get_mut(&caller.user);
        let account = user.and_then(|user| user.account.as_mut()).ok_or_else(not_account)?;
        if self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        if account.highlights != words {
            account.highlights.clone_from(&words);
            self.save_account(caller.user, effects);
            for session in self.listeners(caller.user, Some(caller.session)) {
                let notice = Notice::Highlights { words: words.clone() };
                effects.push(Effect::Tell { session, notice });
            }
        }
        self.done_by(caller, effects);
        Ok(None)
    }
}

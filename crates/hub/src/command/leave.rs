//! `leave`: the user leaves a room, with all its sessions.

use super::Caller;
use crate::hub::Hub;
use crate::sequencer::cannot_store;
use crate::{Effect, Notice, Refusal, Reply};
use hubbub_protocol::RoomName;
use hubbub_protocol::frame::MemberChange;

impl Hub {
    pub(crate) fn leave(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let room = self.joined_room(caller.user, name)?;
        let is_kept = room.keeps_history() && self.is_account(caller.user);
        let (id, room) = (room.id(), room.name().unwrap_or(name).clone());
        if is_kept && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        self.leave_room(caller.now, caller.user, id, MemberChange::Left, effects);
        for session in self.listeners(caller.user, Some(caller.session)) {
            let notice = Notice::Gone { room: room.clone(), id };
            effects.push(Effect::Tell { session, notice });
        }
        let left = Reply::Left { room, id };
        if !is_kept {
            return Ok(Some(left));
        }
        self.answer_when_durable(caller.session, caller.tag, left, effects);
        Ok(None)
    }
}

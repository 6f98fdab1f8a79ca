//! `leave`: the user leaves a room, with all its sessions.

use super::Caller;
use crate::hub::Hub;
use crate::{Effect, Refusal, Reply};
use hubbub_protocol::RoomName;
use hubbub_protocol::frame::MemberChange;

impl Hub {
    pub(crate) fn leave(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let room = self.joined_room(caller.user, name)?;
        let (id, room) = (room.id(), room.name().unwrap_or(name).clone());
        self.leave_room(caller.now, caller.user, id, MemberChange::Left, effects);
        Ok(Reply::Left { room, id })
    }
}

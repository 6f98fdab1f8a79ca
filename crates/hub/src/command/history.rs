//! `history`: may this session read it? The reading itself passes by the hub.

use super::Caller;
use crate::hub::Hub;
use crate::{Effect, Refusal, Reply};
use hubbub_protocol::frame::Page;
use hubbub_protocol::{ErrorCode, RoomAddress, Seq, limits};

impl Hub {
    pub(crate) fn history(
        &mut self,
        caller: &Caller,
        address: RoomAddress,
        page: Page,
        limit: u32,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.conversation(caller.user, &address)?;
        if self.rooms.get(&id).is_some_and(|room| !room.keeps_history()) {
            let text = format!("{address} keeps no history.");
            return Err(Refusal::new(ErrorCode::NoHistory, text));
        }
        let upto = self.rooms.get(&id).map_or(Seq(0), |room| room.delivered.1);
        effects.push(Effect::ReadHistory {
            session: caller.session,
            tag: caller.tag,
            address,
            room: id,
            page,
            limit: limit.clamp(1, limits::PAGE),
            me: caller.user,
            upto,
        });
        Ok(None)
    }
}

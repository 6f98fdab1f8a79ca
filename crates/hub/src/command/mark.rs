//! `mark`, `draft`: how far an account has read, and what it has begun to write, for all its sessions.

use super::Caller;
use super::login::not_account;
use crate::hub::Hub;
use crate::sequencer::cannot_store;
use crate::ties::Place;
use crate::{Effect, Notice, Refusal, Reply};
use hubbub_protocol::{ErrorCode, RoomAddress, RoomId, Seq, Text, limits};

impl Hub {
    pub(crate) fn mark(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        seq: Seq,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let room = self.conversation(caller.user, address)?;
        let newest = self.rooms.get(&room).map_or(Seq(0), |room| room.delivered.1);
        let seq = seq.min(newest);
        let is_new = |place: &mut Place| {
            let is_new = seq > place.read;
            place.read = place.read.max(seq);
            is_new
        };
        let address = self.address(room, caller.user).unwrap_or_else(|| address.clone());
        self.set_place(caller, room, is_new, || Notice::Marked { address, seq }, effects)
    }

    pub(crate) fn draft(
        &mut self,
        caller: &Caller,
        address: &RoomAddress,
        text: Option<Text>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let room = self.conversation(caller.user, address)?;
        let user = self.users.get(&caller.user).filter(|user| user.is_account());
        let ties = &user.ok_or_else(not_account)?.ties;
        let has_one = ties.place_ref(room).is_some_and(|place| place.draft.is_some());
        if text.is_some() && !has_one && ties.drafts() >= limits::DRAFTS_PER_USER {
            let text = format!("You have {} drafts, which is the most.", limits::DRAFTS_PER_USER);
            return Err(Refusal::new(ErrorCode::Limit, text));
        }
        let is_new = |place: &mut Place| {
            let is_new = place.draft != text;
            place.draft.clone_from(&text);
            is_new
        };
        let address = self.address(room, caller.user).unwrap_or_else(|| address.clone());
        let notice = || Notice::Drafted { address, text: text.clone() };
        self.set_place(caller, room, is_new, notice, effects)
    }

    fn set_place(
        &mut self,
        caller: &Caller,
        room: RoomId,
        set: impl FnOnce(&mut Place) -> bool,
        notice: impl FnOnce() -> Notice,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        if self.is_account(caller.user) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        let Some(user) = self.users.get_mut(&caller.user) else { return Ok(None) };
        if set(user.ties.place(room, caller.now.wall)) {
            self.save_place(caller.user, room, effects);
            let notice = notice();
            for session in self.listeners(caller.user, Some(caller.session)) {
                effects.push(Effect::Tell { session, notice: notice.clone() });
            }
        }
        self.done_by(caller, effects);
        Ok(None)
    }
}

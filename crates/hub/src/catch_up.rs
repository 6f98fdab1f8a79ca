//! Catching up without a gap and without being overrun (invariant 3).
//!
//! A session that was away is attached to its room as *catching up*: it gets nothing live. Pages
//! are read from the store, one at a time, each when the connection took the one before. Meanwhile
//! the room holds its newest deliveries once for all who catch up (`room::Tail`, bounded). When the
//! session stands where that tail begins, it gets the rest from there and is live, at one number,
//! within one input: nothing can come between.

use crate::hub::{Hub, reply};
use crate::session::{Attachment, CatchUpState, PendingJoin};
use crate::{Effect, PageRead, Refusal, Reply, Tag};
use hubbub_protocol::frame::CatchUp;
use hubbub_protocol::{CloseCode, ErrorCode, Event, Now, Position, RoomId, Seq, SessionId, limits};
use std::sync::Arc;

impl Hub {
    /// Attaches a session to a room of its user, from `after` on if it can be continued.
    pub(crate) fn attach(
        &mut self,
        id: SessionId,
        tag: Tag,
        room_id: RoomId,
        created: bool,
        after: Option<Position>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        room.attached += 1;
        if let Some(until) = room.empty_until.take() {
            self.empty.remove(&(until, room_id));
        }
        let head = room.position();
        let catch_up = match after {
            None => CatchUp::Live,
            Some(after) if after.seq == Seq(0) && head.seq == Seq(0) => CatchUp::Live,
            Some(after) if after == head => CatchUp::Live,
            _ if !room.keeps_history() => CatchUp::Reset,
            // What is missing has gone, in part at least.
            Some(after) if after.seq < room.floor => CatchUp::Reset,
            // Whoever has nothing continues from the beginning, whatever room it knew.
            Some(after) if after.seq == Seq(0) => CatchUp::Pages,
            Some(after) if after.room != room_id || after.seq >= head.seq => CatchUp::Reset,
            Some(_) => CatchUp::Pages,
        };
        if let (CatchUp::Pages, Some(after)) = (catch_up, after) {
            room.watch_tail();
            let at = Position { room: room_id, ..after };
            let state =
                CatchUpState { at, is_reading: true, join: Some(PendingJoin { tag, created }) };
            session.rooms.push((room_id, Attachment::CatchingUp(state)));
            effects.push(Effect::Read { session: id, after: at });
        } else {
            session.rooms.push((room_id, Attachment::Live));
            self.answer_join(id, room_id, PendingJoin { tag, created }, catch_up, effects);
            effects.push(Effect::Subscribe { session: id, room: room_id });
            self.note_heard(room_id);
        }
    }

    fn answer_join(
        &mut self,
        id: SessionId,
        room_id: RoomId,
        join: PendingJoin,
        catch_up: CatchUp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(user) = self.sessions.get(&id).and_then(|session| session.user) else { return };
        let Some(address) = self.address(room_id, user) else { return };
        let place = self.users.get(&user).and_then(|user| user.ties.place_ref(room_id));
        let joined = Reply::Joined {
            address,
            head: room.position(),
            catch_up,
            retention: room.record.retention,
            members: room.sides().map_or(room.count(), |_| 2),
            created: join.created,
            info: self.room_info(room, user).map(Box::new),
            read: place.map(|place| place.read).filter(|read| *read > Seq(0)),
            draft: place.and_then(|place| place.draft.clone()),
        };
        reply(id, join.tag, joined, effects);
    }

    fn catching_up(&mut self, id: SessionId, room: RoomId) -> Option<&mut CatchUpState> {
        match self.sessions.get_mut(&id)?.attachment(room)? {
            Attachment::CatchingUp(state) => Some(state),
            Attachment::Live => None,
        }
    }

    pub(crate) fn page_read(
        &mut self,
        now: Now,
        id: SessionId,
        after: Position,
        page: PageRead,
        effects: &mut Vec<Effect>,
    ) {
        let room_id = after.room;
        let Some(room) = self.rooms.get(&room_id) else { return };
        let delivered = room.delivered.1;
        let mut page = page;
        if let PageRead::Events(events) = &mut page {
            room.redact_page(events);
        }
        let Some(state) = self.catching_up(id, room_id) else { return };
        let at = state.at;
        if !state.is_reading || at != after {
            // The session joined again meanwhile: this page belongs to its first try.
            return;
        }
        state.is_reading = false;
        match page {
            PageRead::Events(mut events) => {
                // What is durable but not out yet comes live, in its order.
                events.retain(|event| event.seq <= delivered);
                let whole = events.first().map_or(at.seq >= delivered, |e| e.seq == at.seq.next());
                if !whole {
                    return self.cannot_continue(now, id, room_id, effects);
                }
                let join = state.join.take();
                if let Some(last) = events.last() {
                    state.at = last.position();
                }
                if let Some(join) = join {
                    self.answer_join(id, room_id, join, CatchUp::Pages, effects);
                }
                if events.is_empty() {
                    self.catch_up(id, room_id, effects);
                } else {
                    let events = events.into_iter().map(Arc::new).collect();
                    effects.push(Effect::Page { session: id, room: room_id, events, paced: true });
                }
            }
            PageRead::Diverged => self.cannot_continue(now, id, room_id, effects),
            PageRead::Failed => {
                let join = state.join.take();
                self.detach(now, id, room_id, effects);
                match join {
                    Some(join) => {
                        let text =
                            "The history can't be read at the moment. Join again in a while.";
                        let refusal = Refusal::new(ErrorCode::Unavailable, text);
                        reply(id, join.tag, Reply::Refused(refusal), effects);
                    }
                    None => {
                        let lost = crate::Departure::Lost;
                        self.close(now, id, CloseCode::Internal, lost, effects);
                    }
                }
            }
        }
    }

    /// The position is not part of this history (any more).
    fn cannot_continue(
        &mut self,
        now: Now,
        id: SessionId,
        room_id: RoomId,
        effects: &mut Vec<Effect>,
    ) {
        match self.catching_up(id, room_id).and_then(|state| state.join.take()) {
            Some(join) => {
                self.answer_join(id, room_id, join, CatchUp::Reset, effects);
                self.go_live(id, room_id, effects);
            }
            // In the middle of the pages: the client begins anew after connecting again.
            None => self.close(now, id, CloseCode::Internal, crate::Departure::Lost, effects),
        }
    }

    pub(crate) fn page_taken(&mut self, id: SessionId, room_id: RoomId, effects: &mut Vec<Effect>) {
        if self.catching_up(id, room_id).is_some_and(|state| !state.is_reading) {
            self.catch_up(id, room_id, effects);
        }
    }

    /// The session took what it was given: the next page, or the rest and live.
    fn catch_up(&mut self, id: SessionId, room_id: RoomId, effects: &mut Vec<Effect>) {
        let Some(at) = self.catching_up(id, room_id).map(|state| state.at) else { return };
        let Some(room) = self.rooms.get(&room_id) else { return };
        match room.tail_after(at.seq) {
            Some(rest) => {
                self.give_rest(id, room_id, &rest, effects);
                let head = self.rooms.get(&room_id).map(crate::room::Room::position);
                effects.extend(head.map(|head| Effect::Live { session: id, head }));
                self.go_live(id, room_id, effects);
            }
            None => {
                if let Some(state) = self.catching_up(id, room_id) {
                    state.is_reading = true;
                }
                effects.push(Effect::Read { session: id, after: at });
            }
        }
    }

    fn give_rest(
        &self,
        session: SessionId,
        room: RoomId,
        rest: &[Arc<Event>],
        effects: &mut Vec<Effect>,
    ) {
        for events in rest.chunks(limits::PAGE as usize) {
            effects.push(Effect::Page { session, room, events: events.to_vec(), paced: false });
        }
    }

    fn go_live(&mut self, id: SessionId, room_id: RoomId, effects: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(attachment) = session.attachment(room_id) else { return };
        *attachment = Attachment::Live;
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.unwatch_tail();
        }
        effects.push(Effect::Subscribe { session: id, room: room_id });
        self.note_heard(room_id);
    }
}

//! Watches the frames that one native session gets: within an attachment to a room, the numbers go
//! on by one, whatever a client would repair.

use crate::check::{Kind, Ledger};
use hubbub_protocol::frame::{CatchUp, LinkState, Retention, ServerFrame, Target};
use hubbub_protocol::{RoomId, Seq};
use std::collections::BTreeMap;

/// Rooms whose owners let messages go.
const CHANGING: [&str; 2] = ["short", "fleeting"];

/// A place that the checker doesn't know: the next event is taken as it comes.
const ANYWHERE: Seq = Seq(u64::MAX);

/// Where the session stands in a room.
#[derive(Clone, Copy, Debug)]
struct Stand {
    at: Seq,
    live: bool,
}

/// The watcher of one connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    rooms: BTreeMap<RoomId, Stand>,
    names: BTreeMap<String, RoomId>,
    left: BTreeMap<String, RoomId>,
    /// Private chats that were joined, by the other's name.
    privates: BTreeMap<String, RoomId>,
    /// `after` of the joins on their way, by request.
    joins: BTreeMap<u64, Option<Seq>>,
}

impl Wire {
    pub(crate) fn asked_join(&mut self, id: u64, after: Option<Seq>) {
        self.joins.insert(id, after);
    }

    pub(crate) fn frame(&mut self, frame: &ServerFrame, ledger: &mut Ledger) {
        match frame {
            ServerFrame::Joined { id, target, head, catch_up, retention, .. } => {
                // Without `after`, a private chat goes on where the account has heard it last.
                let after = id.and_then(|id| self.joins.remove(&id)).flatten().unwrap_or(ANYWHERE);
                let live = *catch_up != CatchUp::Pages;
                let at = if live { head.seq } else { after };
                self.rooms.insert(head.room, Stand { at, live });
                match target {
                    Target::Room(name) => {
                        self.names.insert(name.clone(), head.room);
                        self.left.remove(name);
                    }
                    Target::User(name) => {
                        self.privates.insert(name.clone(), head.room);
                    }
                }
                // A private chat with a guest goes with the guest.
                let is_kept = matches!(target, Target::Room(name) if !CHANGING.contains(&name.as_str()));
                if matches!(retention, Retention::Forever | Retention::Days(_)) && is_kept {
                    ledger.durable.insert(head.room);
                }
            }
            ServerFrame::Page { room_id, events } => {
                for event in events {
                    self.step(*room_id, event.seq, false, "page", ledger);
                }
            }
            ServerFrame::Live { head } => {
                if let Some(stand) = self.rooms.get_mut(&head.room) {
                    let at = stand.at;
                    stand.live = true;
                    stand.at = head.seq;
                    if at != head.seq && at != ANYWHERE {
                        let what = format!("live at {} after {at} in {}", head.seq, head.room);
                        ledger.report(Kind::Stream, what);
                    }
                }
            }
            ServerFrame::Message { target: Target::Room(name), event } => {
                if self.left.contains_key(name) {
                    let what = format!("{name}: {} came after leaving", event.seq);
                    ledger.report(Kind::AfterLeaving, what);
                } else {
                    self.step(event.room, event.seq, true, "message", ledger);
                }
            }
            ServerFrame::Message { target: Target::User(_), event }
                // One that was not joined began by itself, at a place that is not said.
                if self.rooms.contains_key(&event.room) => {
                    self.step(event.room, event.seq, true, "message", ledger);
                }
            // What was on its way when it ended is in its history, and was heard by nobody.
            ServerFrame::Link { user, state: LinkState::Ended | LinkState::Rejected } => {
                if let Some(room) = self.privates.remove(user.name.as_str()) {
                    self.rooms.remove(&room);
                }
            }
            ServerFrame::Sent { position, repeated: false, .. }
                // In a room that is live here, the acknowledgement takes the message's place.
                if self.rooms.get(&position.room).is_some_and(|stand| stand.live) => {
                    self.step(position.room, position.seq, true, "sent", ledger);
                }
            ServerFrame::Left { room, .. }
            | ServerFrame::Gone { room }
            | ServerFrame::Kicked { room, .. } => {
                let name = room.as_str().to_owned();
                if let Some(id) = self.names.remove(&name) {
                    self.rooms.remove(&id);
                    self.left.insert(name, id);
                }
            }
            ServerFrame::Member { room, .. } | ServerFrame::Count { room, .. }
                if self.left.contains_key(room.as_str()) => {
                    ledger
                        .report(Kind::AfterLeaving, format!("{room}: a notice came after leaving"));
                }
            _ => {}
        }
    }

    fn step(&mut self, room: RoomId, seq: Seq, live: bool, what: &str, ledger: &mut Ledger) {
        let Some(stand) = self.rooms.get_mut(&room) else {
            ledger
                .report(Kind::Stream, format!("{what} {seq} of room {room}, which was not joined"));
            return;
        };
        let goes_on = stand.at == ANYWHERE || seq == stand.at.next();
        if stand.live != live || !goes_on {
            let what = format!("{what} {seq} of room {room} after {stand:?}");
            ledger.report(Kind::Stream, what);
        }
        stand.at = seq;
    }
}

//! Watches the frames that one native session gets: within an attachment to a room, the numbers go
//! on by one, whatever a client would repair.

use crate::check::{Kind, Ledger};
use hubbub_protocol::frame::{CatchUp, Retention, ServerFrame, Target};
use hubbub_protocol::{RoomId, Seq};
use std::collections::BTreeMap;

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
    /// `after` of the joins on their way, by request.
    joins: BTreeMap<u64, Seq>,
}

impl Wire {
    pub(crate) fn asked_join(&mut self, id: u64, after: Seq) {
        self.joins.insert(id, after);
    }

    pub(crate) fn frame(&mut self, frame: &ServerFrame, ledger: &mut Ledger) {
        match frame {
            ServerFrame::Joined { id, target, head, catch_up, retention, .. } => {
                let after = id.and_then(|id| self.joins.remove(&id)).unwrap_or_default();
                let live = *catch_up != CatchUp::Pages;
                let at = if live { head.seq } else { after };
                self.rooms.insert(head.room, Stand { at, live });
                if let Target::Room(name) = target {
                    self.names.insert(name.clone(), head.room);
                    self.left.remove(name);
                }
                if *retention == Retention::Forever {
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
                    if at != head.seq {
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
            ServerFrame::Sent { position, repeated: false, .. }
                // In a room that is live here, the acknowledgement takes the message's place.
                if self.rooms.get(&position.room).is_some_and(|stand| stand.live) => {
                    self.step(position.room, position.seq, true, "sent", ledger);
                }
            ServerFrame::Left { room, .. } => {
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
        if stand.live != live || seq != stand.at.next() {
            let what = format!("{what} {seq} of room {room} after {stand:?}");
            ledger.report(Kind::Stream, what);
        }
        stand.at = seq;
    }
}

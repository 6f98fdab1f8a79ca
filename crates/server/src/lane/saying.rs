//! What connections are told: answers to one, deliveries to many.

use super::Lane;
use crate::conn::Conn;
use crate::door::Encoded;
use crate::metrics::{Auth, is_said, is_words};
use crate::outbox::Slow;
use crate::reading::Hits;
use hubbub_hub::{Delivery, Input, Refusal, Reply, Tag};
use hubbub_protocol::{ErrorCode, Event, RoomAddress, RoomId, SessionId, limits};
use hubbub_store::HistoryPage;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Lane {
    /// Queues what `speak` says.
    pub(super) fn say(&mut self, id: SessionId, speak: impl FnOnce(&mut Conn, &mut Vec<u8>)) {
        let (limits, now) = (self.limits(), self.now());
        let Some(conn) = self.conn(id) else { return };
        if conn.is_closing() {
            return;
        }
        let mut out = Vec::new();
        speak(conn, &mut out);
        match conn.queue(out.into(), &limits, now) {
            Ok(()) => self.touch(id),
            Err(Slow) => self.too_slow(id),
        }
    }

    pub(super) fn reply(&mut self, id: SessionId, tag: Tag, reply: Reply) {
        let welcomed = matches!(reply, Reply::Welcome { .. });
        let mut follow_up = None;
        if let Some(auth) = Auth::of(&reply, self.conn(id).is_none_or(|conn| conn.is_named)) {
            self.parts.hub.counters().note_auth(auth);
        }
        self.say(id, |conn, out| {
            conn.is_named |= welcomed;
            follow_up = conn.door.as_mut().and_then(|door| door.reply(tag, reply, out));
        });
        match follow_up {
            Some(command) => {
                if let Some(conn) = self.conn(id) {
                    conn.follow_up = Some(Box::new(command));
                }
                self.follow_up(id);
            }
            None => self.answered(id),
        }
    }

    /// Goes on with an answer when its beginning was taken.
    pub(super) fn follow_up(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if conn.outbox.bytes() > limits::PACED_BYTES {
            return;
        }
        if let Some(command) = conn.follow_up.take() {
            let command = Input::Command { session: id, tag: None, command: *command };
            let rest_ms = self.parts.hub.drive_in_burst(command);
            if rest_ms > 0 {
                self.rest(id, rest_ms);
            }
        }
    }

    pub(super) fn answered(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if let Some(asked) = conn.gate.answered() {
            self.ask(id, asked);
        }
        self.serve(id);
        if self.conn(id).is_some_and(|conn| conn.wants_read()) {
            self.unpark(id);
        }
    }

    pub(super) fn history(
        &mut self,
        id: SessionId,
        tag: Tag,
        address: &RoomAddress,
        page: Option<HistoryPage>,
    ) {
        self.say(id, |conn, out| {
            let Some(door) = &mut conn.door else { return };
            match page {
                Some(page) => door.history(tag, address, page, out),
                None => {
                    let text = "The history can't be read at the moment. Ask again in a while.";
                    let code = ErrorCode::Unavailable;
                    let refusal = Refusal::new(code, text);
                    door.reply(tag, Reply::Refused(refusal), out);
                }
            }
        });
        self.answered(id);
    }

    pub(super) fn found(&mut self, id: SessionId, tag: Tag, found: Option<Hits>) {
        self.say(id, |conn, out| {
            let Some(door) = &mut conn.door else { return };
            match found {
                Some(found) => door.found(tag, found, out),
                None => {
                    let text = "Nothing can be looked for at the moment. Ask again in a while.";
                    let refusal = Refusal::new(ErrorCode::Unavailable, text);
                    door.reply(tag, Reply::Refused(refusal), out);
                }
            }
        });
        self.answered(id);
    }

    pub(super) fn page(&mut self, id: SessionId, room: RoomId, events: &[Arc<Event>], paced: bool) {
        let messages = events.iter().filter(|event| is_words(&event.body)).count() as u64;
        let mut delivered = 0;
        self.say(id, |conn, out| {
            if let Some(door) = &mut conn.door {
                door.page(room, events, out);
                delivered = messages;
            }
            if paced {
                conn.paced.push(room);
            }
        });
        self.counters().delivered.fetch_add(delivered, Ordering::Relaxed);
        self.next_pages(id);
    }

    /// Asks for the next page of what was missed, when the last one was taken.
    pub(super) fn next_pages(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if conn.paced.is_empty() || conn.outbox.bytes() > limits::PACED_BYTES {
            return;
        }
        for room in std::mem::take(&mut conn.paced) {
            self.parts.hub.drive_in_burst(Input::PageTaken { session: id, room });
        }
    }

    /// Whether somebody here gets it.
    pub(super) fn deliver(
        &mut self,
        room: RoomId,
        delivery: &Delivery,
        except: Option<SessionId>,
    ) -> bool {
        if delivery.is_ephemeral() && self.parts.budget.drops_ephemeral() {
            return false;
        }
        let (limits, now) = (self.limits(), self.now());
        let mut encoded = Encoded::default();
        let (mut slow, mut delivered) = (Vec::new(), 0);
        let Some(members) = self.rooms.get(&room) else { return false };
        for &slot in members {
            let Some(conn) = self.conns.get_mut(slot as usize) else { continue };
            let Some(door) = &conn.door else { continue };
            if except == Some(conn.session) {
                continue;
            }
            let frame = encoded.get(door.variant(room), delivery);
            if conn.queue(frame, &limits, now).is_err() {
                slow.push(conn.session);
                continue;
            }
            delivered += 1;
            if !conn.is_dirty {
                conn.is_dirty = true;
                self.dirty.push(slot);
            }
        }
        for id in slow {
            self.too_slow(id);
        }
        if is_said(delivery) {
            self.counters().delivered.fetch_add(delivered, Ordering::Relaxed);
        }
        delivered > 0
    }

    pub(super) fn subscribe(&mut self, id: SessionId, room: RoomId) {
        let Some(conn) = self.conns.get_mut(id.slot() as usize).filter(|conn| conn.session == id)
        else {
            return;
        };
        if conn.is_closing() || conn.rooms.iter().any(|(joined, _)| *joined == room) {
            return;
        }
        let members = self.rooms.entry(room).or_default();
        conn.rooms.push((room, u32::try_from(members.len()).expect("fewer sockets than 2^32")));
        members.push(id.slot());
    }

    pub(super) fn unsubscribe(&mut self, id: SessionId, room: RoomId) {
        let Some(conn) = self.conn(id) else { return };
        let Some(at) = conn.rooms.iter().position(|(joined, _)| *joined == room) else { return };
        let (_, place) = conn.rooms.swap_remove(at);
        let Some(members) = self.rooms.get_mut(&room) else { return };
        members.swap_remove(place as usize);
        if let Some(&moved) = members.get(place as usize) {
            // The last one took the place that became free.
            let moved = self.conns.get_mut(moved as usize).map(|conn| &mut conn.rooms);
            if let Some(entry) = moved.and_then(|rooms| rooms.iter_mut().find(|r| r.0 == room)) {
                entry.1 = place;
            }
        } else if members.is_empty() {
            self.rooms.remove(&room);
        }
    }
}

//! How connections come to a lane and leave it.

use super::{LINGER_MS, Lane, Shared, read_loop};
use crate::conn::{Conn, Phase};
use crate::outbox::Outbox;
use hubbub_hub::{Arrival, Departure, Input};
use hubbub_protocol::line::LineBuffer;
use hubbub_protocol::{CloseCode, RoomId, SessionId};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpStream;

impl Lane {
    pub(super) fn accept(
        &mut self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        shared: &Shared,
    ) {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not take a connection");
                return;
            }
        };
        let entry = self.conns.vacant_entry();
        let slot = entry.key();
        if slot == self.generations.len() {
            self.generations.push(0);
        }
        self.generations[slot] = self.generations[slot].wrapping_add(1);
        let lane = u8::try_from(self.parts.index).expect("at most 64 lanes");
        let slot = u32::try_from(slot).expect("fewer sockets than 2^32");
        let id = SessionId::new(lane, self.generations[slot as usize], slot);
        let outbox = Outbox::new(Arc::clone(&self.parts.budget));
        entry.insert(Conn::new(id, peer, stream, outbox));
        let now = self.now();
        self.undecided.push_back((now.plus(self.parts.config.sniff_ms), id));
        self.unnamed.push_back((now.plus(self.parts.config.login_ms), id));
        let task = tokio::task::spawn_local(read_loop(Rc::clone(shared), id));
        self.conns[slot as usize].read_task = Some(task.abort_handle());
    }

    /// The door is known: the hub hears of the connection.
    pub(super) fn introduce(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        let Some(door) = &conn.door else { return };
        let arrival =
            Arrival { peer: conn.peer, door: door.kind(), resumable: door.is_resumable() };
        self.parts.hub.drive_in_burst(Input::Connected { session: id, arrival });
    }

    /// The connection is gone, without a word.
    pub(super) fn drop_conn(&mut self, id: SessionId, departure: Departure) {
        if self.conn(id).is_none() {
            return;
        }
        let rooms: Vec<RoomId> = self.conns[id.slot() as usize].rooms.iter().map(|r| r.0).collect();
        for room in rooms {
            self.unsubscribe(id, room);
        }
        let conn = self.conns.remove(id.slot() as usize);
        for task in [conn.read_task, conn.write_task].into_iter().flatten() {
            // It may be the one that runs just now; that one ends by itself.
            task.abort();
        }
        if conn.door.is_some() && !matches!(conn.phase, Phase::Closing { .. }) {
            self.parts.hub.drive_in_burst(Input::Disconnected { session: id, departure });
        }
    }

    /// Says a last word and shuts down. What was queued before goes out first, unless the peer was
    /// too slow for it.
    pub(super) fn begin_closing(&mut self, id: SessionId, last: &[u8], keep_queued: bool) {
        let deadline = self.now().plus(LINGER_MS);
        let Some(conn) = self.conn(id) else { return };
        if conn.is_closing() {
            return;
        }
        let ended = conn.phase == Phase::HalfClosed;
        conn.phase = Phase::Closing { deadline, ended };
        if keep_queued {
            conn.outbox.append_last(last.into());
        } else {
            conn.outbox.replace_with(last.into());
        }
        conn.lines = LineBuffer::default();
        let rooms: Vec<RoomId> = conn.rooms.iter().map(|room| room.0).collect();
        for room in rooms {
            self.unsubscribe(id, room);
        }
        self.closing.push(id);
        self.touch(id);
        self.unpark(id);
    }

    /// The hub has forgotten the session, or will in a moment.
    pub(super) fn close(&mut self, id: SessionId, code: CloseCode) {
        let Some(conn) = self.conn(id) else { return };
        let mut last = Vec::new();
        if let Some(door) = &mut conn.door {
            door.close(code, &mut last);
        }
        self.begin_closing(id, &last, code != CloseCode::Slow);
    }

    /// A connection that does not take what is sent to it.
    pub(super) fn too_slow(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if conn.is_closing() {
            return;
        }
        tracing::info!(session = ?id, peer = %conn.peer, waiting = conn.outbox.bytes(), "closed a slow connection");
        self.hang_up(id, CloseCode::Slow);
    }
}

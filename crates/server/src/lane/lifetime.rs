//! How connections come to a lane and leave it.

use super::{LINGER_MS, Lane, Shared, read_loop};
use crate::config::ServerConfig;
use crate::conn::{Conn, Entry, Phase};
use crate::door::Door;
use crate::outbox::Outbox;
use hubbub_hub::{Admission, Arrival, Departure, Input};
use hubbub_protocol::line::LineBuffer;
use hubbub_protocol::{CloseCode, RoomId, SessionId, limits};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use tokio::net::TcpStream;

impl Lane {
    pub(super) fn accept(
        &mut self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        (admission, tls_only): (Option<Admission>, bool),
        shared: &Shared,
    ) {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                self.note_gone(peer, admission);
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
        // Who comes from a proxy is admitted when that has said who it is.
        let needs_header = admission.is_none();
        let begin = match (needs_header, tls_only) {
            (true, tls_only) => Entry::Proxy { tls_only },
            (false, true) => Entry::Tls,
            (false, false) => Entry::Any,
        };
        let conn = Conn::new(id, peer, stream, begin, outbox, self.parts.hub.counters());
        entry.insert(conn).admission = admission;
        let now = self.now();
        let due = now.plus(self.parts.config.login_ms);
        // At the end, but for when the time has become shorter since the last one came.
        let place = self.unnamed.partition_point(|(other, _)| *other <= due);
        self.unnamed.insert(place, (due, id));
        let task = tokio::task::spawn_local(read_loop(Rc::clone(shared), id));
        self.conns[slot as usize].read_task = Some(task.abort_handle());
        if needs_header {
            self.hasten(id);
        }
        if !needs_header {
            self.peer_known(id);
        }
    }

    /// It is known who the peer is: it came by itself, or the proxy has said for whom it connects.
    /// Nothing that the peer said was looked at before.
    pub(super) fn peer_known(&mut self, id: SessionId) {
        let now = self.now();
        let Some(conn) = self.conns.get_mut(id.slot() as usize).filter(|conn| conn.session == id)
        else {
            return;
        };
        if conn.admission.is_none() {
            let mut arrivals = self.parts.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            let admission = arrivals.arrive(now, conn.peer.ip());
            drop(arrivals);
            conn.admission = Some(admission);
            if admission != Admission::Welcome {
                self.parts.hub.counters().turned_away.fetch_add(1, Ordering::Relaxed);
            }
            if admission == Admission::Drop {
                return self.drop_conn(id, Departure::Lost);
            }
        }
        if conn.admission == Some(Admission::TurnAway) {
            self.hasten(id);
        }
        self.await_first_words(id);
    }

    /// It is here for a moment only: see [`Conn::is_hasty`].
    fn hasten(&mut self, id: SessionId) {
        self.hasty.push_back((self.now().plus(limits::HASTE_MS), id));
    }

    /// From now on its silence counts.
    pub(super) fn await_first_words(&mut self, id: SessionId) {
        let greet_at = self.now().plus(self.parts.config.sniff_ms);
        let Some(conn) = self.conn(id) else { return };
        conn.greet_at = conn.may_be_greeted().then_some(greet_at);
        if conn.greet_at.is_some() {
            self.undecided.push_back((greet_at, id));
        }
    }

    /// A TLS hello has begun: everything begins again inside. A plain session, whose peer was greeted
    /// while it was silent, ends as that of nobody.
    pub(super) fn begin_tls(&mut self, id: SessionId) {
        let config = self.parts.tls.config();
        let Some(conn) = self.conn(id) else { return };
        let was_served = conn.door.is_some();
        let begun = conn.begin_tls(config);
        if was_served {
            let departure = Departure::Quit;
            self.parts.hub.drive_in_burst(Input::Disconnected { session: id, departure });
        }
        if let Err(error) = begun {
            tracing::warn!(%error, "TLS can't begin");
            self.drop_conn(id, Departure::Lost);
        }
    }

    /// TLS has failed: the peer gets the alert that says why, and the hub hears that it is lost.
    pub(super) fn tls_failed(&mut self, id: SessionId, error: &std::io::Error) {
        let Some(conn) = self.conn(id) else { return };
        tracing::debug!(peer = %conn.peer, %error, "TLS failed");
        let was_served = conn.door.is_some();
        self.begin_closing(id, b"", false);
        if was_served {
            let departure = Departure::Lost;
            self.parts.hub.drive_in_burst(Input::Disconnected { session: id, departure });
        }
    }

    fn note_gone(&self, peer: SocketAddr, admission: Option<Admission>) {
        if let Some(admission) = admission {
            let mut arrivals = self.parts.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.gone(peer.ip(), admission);
        }
    }

    /// Other settings. Those who are here keep the time that they were given to say a name.
    pub(super) fn configure(&mut self, config: Arc<ServerConfig>) {
        let plaintext_passwords = config.hub.plaintext_passwords;
        self.parts.config = config;
        for (_, conn) in &mut self.conns {
            let takes_passwords = plaintext_passwords || conn.is_private();
            if let Some(Door::Plain(door)) = &mut conn.door {
                door.take_passwords(takes_passwords);
            }
        }
    }

    /// The door is known: the hub hears of the connection, if it is not one too many.
    pub(super) fn introduce(&mut self, id: SessionId) {
        let plaintext_passwords = self.parts.config.hub.plaintext_passwords;
        let Some(conn) = self.conn(id) else { return };
        if conn.admission == Some(Admission::TurnAway) {
            return self.close(id, CloseCode::Full);
        }
        let takes_passwords = plaintext_passwords || conn.is_private();
        if let Some(Door::Plain(door)) = &mut conn.door {
            door.take_passwords(takes_passwords);
        }
        let Some(door) = &conn.door else { return };
        let arrival = Arrival {
            peer: conn.peer,
            door: door.kind(),
            resumable: door.is_resumable(),
            is_private: conn.is_private(),
        };
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
        self.note_gone(conn.peer, conn.admission);
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
        conn.rests_until = None;
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
        self.parts.hub.counters().slow.fetch_add(1, Ordering::Relaxed);
        let Some(conn) = self.conn(id) else { return };
        tracing::info!(session = ?id, peer = %conn.peer, waiting = conn.outbox.bytes(), "closed a slow connection");
        self.hang_up(id, CloseCode::Slow);
    }
}

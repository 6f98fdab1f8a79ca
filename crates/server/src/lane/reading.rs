//! Bytes from connections: reading, and doing what was asked as far as its turn has come.

use super::{Lane, Shared};
use crate::admit::Asked;
use crate::conn::{Ingest, Phase};
use crate::stream::Read;
use hubbub_hub::{Departure, Input, Reply};
use hubbub_protocol::{CloseCode, ErrorCode, SessionId};
use std::io;
use std::task::{Context, Poll, ready};

/// Bytes read at once of somebody who has not said who it is.
const STRANGER_READ_BYTES: usize = 8 * 1024;
/// What a small read of a connection that is being closed counts as, in bytes.
const DRAINED_BYTES_MIN: usize = 256;

impl Lane {
    /// Reads once. `Ready(false)`: the connection is gone and its task ends.
    pub(super) fn poll_read(
        &mut self,
        id: SessionId,
        context: &mut Context<'_>,
        shared: &Shared,
    ) -> Poll<bool> {
        let pauses = self.stopped_reading || self.must_pause();
        let Some(conn) = self.conns.get_mut(id.slot() as usize).filter(|conn| conn.session == id)
        else {
            return Poll::Ready(false);
        };
        let pauses = pauses && !conn.is_closing();
        self.paused_readers |= pauses;
        if !conn.wants_read() || pauses {
            conn.parked = Some(context.waker().clone());
            return Poll::Pending;
        }
        let alive = match ready!(self.poll_stream(id, context, shared)) {
            Err(error) => self.read_failed(id, &error),
            Ok(read) => {
                self.note_read(id, read.wire);
                if read.bytes > 0 {
                    self.read_bytes(id, read.bytes);
                }
                !read.is_end || self.read_end(id)
            }
        };
        // What the door itself answered (help, errors) goes out with this batch.
        if self.parts.inbox.is_empty() {
            self.flush_dirty(shared);
        }
        self.parts.hub.end_burst();
        Poll::Ready(alive && self.conn(id).is_some())
    }

    /// Reads from the connection into the scratch, and sees to what TLS wants besides.
    fn poll_stream(
        &mut self,
        id: SessionId,
        context: &mut Context<'_>,
        shared: &Shared,
    ) -> Poll<io::Result<Read>> {
        let Some(conn) = self.conns.get_mut(id.slot() as usize).filter(|conn| conn.session == id)
        else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let was_handshaking = conn.stream.is_handshaking();
        let is_stranger = !conn.is_named && !conn.stream.is_encrypted();
        // What a stranger sends before it was answered waits in the system, and not here.
        let most = if is_stranger { STRANGER_READ_BYTES } else { self.scratch.len() };
        let read = conn.stream.poll_read(context, &mut self.scratch[..most]);
        let is_agreed = was_handshaking && !conn.stream.is_handshaking() && !conn.is_closing();
        if conn.stream.has_unsent() {
            // TLS has something to say that the socket did not take.
            self.touch(id);
            if read.is_pending() {
                self.flush_dirty(shared);
                self.parts.hub.end_burst();
            }
        }
        if is_agreed {
            self.await_first_words(id);
        }
        read
    }

    /// The connection is broken. Whether there is still something to be done with it.
    fn read_failed(&mut self, id: SessionId, error: &io::Error) -> bool {
        if self.conn(id).is_some_and(|conn| conn.stream.has_failed() && !conn.is_closing()) {
            self.tls_failed(id, error);
            return true;
        }
        self.drop_conn(id, Departure::Lost);
        false
    }

    pub(super) fn read_bytes(&mut self, id: SessionId, bytes: usize) {
        let (limits, now) = (self.limits(), self.now());
        let Some(conn) = self.conns.get_mut(id.slot() as usize) else { return };
        if conn.is_closing() {
            return;
        }
        let mut answer = Vec::new();
        let mut ingest = conn.ingest(&self.scratch[..bytes], &mut answer);
        if ingest == Ingest::PeerKnown {
            self.peer_known(id);
            let Some(conn) = self.conn(id).filter(|conn| !conn.is_closing()) else { return };
            ingest = conn.ingest_waiting(&mut answer);
        }
        let Some(conn) = self.conn(id) else { return };
        if ingest == Ingest::Decided {
            answer.extend_from_slice(&conn.greeting());
        }
        let queued = conn.queue(answer.into(), &limits, now);
        self.touch(id);
        match ingest {
            Ingest::Unserved(last) => return self.begin_closing(id, last, true),
            Ingest::NoHeader => return self.refuse_proxy(id),
            Ingest::Hello => return self.begin_tls(id),
            Ingest::Decided => self.introduce(id),
            Ingest::Fine | Ingest::PeerKnown => {}
        }
        if queued.is_err() {
            return self.too_slow(id);
        }
        self.serve(id);
    }

    /// The peer's side is closed. Whether the connection goes on.
    pub(super) fn read_end(&mut self, id: SessionId) -> bool {
        let Some(conn) = self.conn(id) else { return false };
        match conn.phase {
            Phase::Closing { deadline, .. } => {
                if conn.outbox.is_empty() && !conn.stream.has_unsent() {
                    // Everything is said and heard.
                    self.drop_conn(id, Departure::Lost);
                    return false;
                }
                conn.phase = Phase::Closing { deadline, ended: true };
                true
            }
            // A port probe, half a header or hello, or what was cut: it was never anybody.
            Phase::Undecided
                if conn.lines.waiting().is_empty()
                    || conn.awaits_proxy()
                    || conn.stream.was_cut() =>
            {
                self.drop_conn(id, Departure::Lost);
                false
            }
            Phase::Undecided => {
                // A first line without an end, as from `printf name | nc`.
                let ingest = conn.ingest(b"\n", &mut Vec::new());
                conn.phase = Phase::HalfClosed;
                match ingest {
                    Ingest::Unserved(last) => self.begin_closing(id, last, true),
                    Ingest::Decided => {
                        self.introduce(id);
                        self.serve(id);
                    }
                    // A line's end decides, so there is nothing to wait for.
                    _ => self.drop_conn(id, Departure::Lost),
                }
                true
            }
            Phase::Served => {
                conn.phase = Phase::HalfClosed;
                self.serve(id);
                true
            }
            Phase::HalfClosed => true,
        }
    }

    /// A proxy of the operator that does not say for whom it connects: nobody may come in under its
    /// address.
    fn refuse_proxy(&mut self, id: SessionId) {
        let now = self.now();
        let Some(conn) = self.conn(id) else { return };
        let proxy = conn.peer;
        self.complaints.no_header(now, proxy);
        self.drop_conn(id, Departure::Lost);
    }

    /// Does what was asked, as far as its turn has come.
    pub(super) fn serve(&mut self, id: SessionId) {
        let stopped = self.stopped_reading;
        loop {
            let Some(conn) = self.conn(id) else { return };
            if conn.is_closing() || stopped {
                return;
            }
            let Some(asked) = conn.next_asked() else { break };
            self.ask(id, asked);
        }
        let Some(conn) = self.conn(id) else { return };
        if conn.is_hopeless() {
            self.hang_up(id, CloseCode::Protocol);
        } else if conn.is_finished() {
            self.finish_half_closed(id);
        }
    }

    /// Ends a session from the lane's side.
    pub(super) fn hang_up(&mut self, id: SessionId, code: CloseCode) {
        self.close(id, code);
        self.parts
            .hub
            .drive_in_burst(Input::Disconnected { session: id, departure: Departure::Lost });
    }

    /// The peer closed its side, and everything that it asked is done. On a door with resume tokens
    /// that is a lost connection, elsewhere the way to leave.
    pub(super) fn finish_half_closed(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        let resumable = conn.door.as_ref().is_some_and(crate::door::Door::is_resumable);
        let departure = if resumable { Departure::Lost } else { Departure::Quit };
        self.close(id, CloseCode::Bye);
        self.parts.hub.drive_in_burst(Input::Disconnected { session: id, departure });
    }

    pub(super) fn ask(&mut self, id: SessionId, asked: Asked) {
        match asked {
            Asked::Command(tag, command) => {
                let command = Input::Command { session: id, tag, command };
                let rest_ms = self.parts.hub.drive_in_burst(command);
                if rest_ms > 0 {
                    self.rest(id, rest_ms);
                }
            }
            Asked::Refused(tag, refusal) => {
                let is_version = refusal.code == ErrorCode::Version;
                let mut said = 0;
                self.say(id, |conn, out| {
                    if let Some(door) = &mut conn.door {
                        door.reply(tag, Reply::Refused(refusal), out);
                    }
                    said = out.len();
                });
                self.note_intake(id, said);
                if is_version {
                    self.hang_up(id, CloseCode::Version);
                }
            }
            Asked::Answer(bytes) => {
                self.say(id, |_, out| out.extend_from_slice(&bytes));
                self.note_intake(id, bytes.len());
            }
        }
    }

    /// It was too fast: nothing of it is looked at for this time.
    pub(super) fn rest(&mut self, id: SessionId, ms: u64) {
        let until = self.now().plus(ms);
        let Some(conn) = self.conn(id) else { return };
        if conn.is_closing() {
            return;
        }
        let is_listed = conn.rests_until.is_some();
        conn.rests_until = conn.rests_until.max(Some(until));
        if !is_listed {
            self.resting.push(id);
        }
    }

    /// Counts what came over the wire.
    fn note_read(&mut self, id: SessionId, wire: usize) {
        match self.conn(id) {
            // It needs no rest: it is read up to here, so that it sees its last word, and no further.
            Some(conn) if conn.is_closing() => conn.drained += wire.max(DRAINED_BYTES_MIN),
            _ => self.note_intake(id, wire),
        }
    }

    /// Counts what was read, or answered without asking the hub; who takes more than its share rests.
    fn note_intake(&mut self, id: SessionId, bytes: usize) {
        let now = self.now();
        let limits = &self.parts.config.hub.limits;
        let Some(conn) = self.conns.get_mut(id.slot() as usize).filter(|conn| conn.session == id)
        else {
            return;
        };
        let of = (&mut conn.intake, conn.peer.ip());
        let ms = self.intake.take(now, limits, of, bytes);
        if ms > 0 {
            self.rest(id, ms);
        }
    }

    pub(super) fn unpark(&mut self, id: SessionId) {
        if let Some(parked) = self.conn(id).and_then(|conn| conn.parked.take()) {
            parked.wake();
        }
    }
}

//! Bytes from connections: reading, and doing what was asked as far as its turn has come.

use super::{Lane, Shared};
use crate::admit::Asked;
use crate::conn::{Ingest, Phase};
use hubbub_hub::{Departure, Input, Reply};
use hubbub_protocol::{CloseCode, ErrorCode, SessionId};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

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
        let mut buffer = ReadBuf::new(&mut self.scratch);
        let read = ready!(Pin::new(&mut conn.stream).poll_read(context, &mut buffer));
        let bytes = buffer.filled().len();
        let alive = match read {
            Err(_) => {
                self.drop_conn(id, Departure::Lost);
                false
            }
            Ok(()) if bytes == 0 => self.read_end(id),
            Ok(()) => {
                self.read_bytes(id, bytes);
                true
            }
        };
        // What the door itself answered (help, errors) goes out with this batch.
        if self.parts.inbox.is_empty() {
            self.flush_dirty(shared);
        }
        self.parts.hub.end_burst();
        Poll::Ready(alive && self.conn(id).is_some())
    }

    pub(super) fn read_bytes(&mut self, id: SessionId, bytes: usize) {
        let (limits, now) = (self.limits(), self.now());
        let Some(conn) = self.conns.get_mut(id.slot() as usize) else { return };
        if conn.is_closing() {
            return;
        }
        let mut answer = Vec::new();
        let ingest = conn.ingest(&self.scratch[..bytes], &mut answer);
        if ingest == Ingest::Decided {
            answer.extend_from_slice(&conn.greeting());
        }
        let queued = conn.queue(answer.into(), &limits, now);
        self.touch(id);
        match ingest {
            Ingest::Unserved(last) => return self.begin_closing(id, last, true),
            Ingest::Decided => self.introduce(id),
            Ingest::Fine => {}
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
                if conn.outbox.is_empty() {
                    // Everything is said and heard.
                    self.drop_conn(id, Departure::Lost);
                    return false;
                }
                conn.phase = Phase::Closing { deadline, ended: true };
                true
            }
            Phase::Undecided if conn.lines.waiting().is_empty() => {
                // A port probe: it was never anybody.
                self.drop_conn(id, Departure::Lost);
                false
            }
            Phase::Undecided => {
                // A first line without an end, as from `printf name | nc`.
                let ingest = conn.ingest(b"\n", &mut Vec::new());
                conn.phase = Phase::HalfClosed;
                if let Ingest::Unserved(last) = ingest {
                    self.begin_closing(id, last, true);
                } else {
                    self.introduce(id);
                    self.serve(id);
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
                self.parts.hub.drive_in_burst(Input::Command { session: id, tag, command });
            }
            Asked::Refused(tag, refusal) => {
                let is_version = refusal.code == ErrorCode::Version;
                self.say(id, |conn, out| {
                    if let Some(door) = &mut conn.door {
                        door.reply(tag, Reply::Refused(refusal), out);
                    }
                });
                if is_version {
                    self.hang_up(id, CloseCode::Version);
                }
            }
            Asked::Answer(bytes) => self.say(id, |_, out| out.extend_from_slice(&bytes)),
        }
    }

    pub(super) fn unpark(&mut self, id: SessionId) {
        if let Some(parked) = self.conn(id).and_then(|conn| conn.parked.take()) {
            parked.wake();
        }
    }
}

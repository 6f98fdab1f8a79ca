//! Bytes to connections: each dirty one is flushed once per batch; a full socket waits in a task.

use super::{Lane, Shared, write_loop};
use crate::conn::Phase;
use hubbub_hub::Departure;
use hubbub_protocol::{SessionId, limits};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

impl Lane {
    pub(super) fn touch(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if !conn.is_dirty {
            conn.is_dirty = true;
            self.dirty.push(id.slot());
        }
    }

    pub(super) fn flush_dirty(&mut self, shared: &Shared) {
        let now = self.now();
        // Flushing may make others dirty (a page was taken, an answer goes on): until none is left.
        while !self.dirty.is_empty() {
            let mut batch = std::mem::take(&mut self.dirty);
            for slot in batch.drain(..) {
                let Some(conn) = self.conns.get_mut(slot as usize) else { continue };
                conn.is_dirty = false;
                let id = conn.session;
                if conn.is_blocked {
                    continue;
                }
                match conn.flush(now, &mut self.gather) {
                    Ok(true) => self.flushed(id),
                    Ok(false) => {
                        conn.is_blocked = true;
                        if !std::mem::replace(&mut conn.is_listed_blocked, true) {
                            self.blocked.push(id);
                        }
                        let task = tokio::task::spawn_local(write_loop(Rc::clone(shared), id));
                        conn.write_task = Some(task.abort_handle());
                    }
                    Err(_) => self.drop_conn(id, Departure::Lost),
                }
            }
            if self.dirty.is_empty() {
                // Keep the memory of the longer list.
                self.dirty = batch;
                return;
            }
        }
    }

    /// Everything queued is with the system.
    pub(super) fn flushed(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if let Phase::Closing { ended, .. } = conn.phase {
            // The peer sees the end after the last word, and not a reset before it.
            if ended || conn.stream.end().is_err() {
                self.drop_conn(id, Departure::Lost);
            }
            return;
        }
        self.follow_up(id);
        self.next_pages(id);
    }

    pub(super) fn poll_flush(&mut self, id: SessionId, context: &mut Context<'_>) -> Poll<()> {
        let now = self.now();
        let mut gather = Vec::new();
        loop {
            let Some(conn) = self.conn(id) else { return Poll::Ready(()) };
            let ready = ready!(conn.stream.poll_write_ready(context));
            let flushed = ready.and_then(|()| conn.flush(now, &mut gather));
            match flushed {
                Ok(true) => {
                    conn.is_blocked = false;
                    self.flushed(id);
                    return Poll::Ready(());
                }
                Ok(false) => {
                    if conn.outbox.bytes() <= limits::PACED_BYTES {
                        self.follow_up(id);
                        self.next_pages(id);
                    }
                }
                Err(_) => {
                    self.drop_conn(id, Departure::Lost);
                    return Poll::Ready(());
                }
            }
        }
    }
}

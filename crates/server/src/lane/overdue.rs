//! What is overdue: looked for now and then, for all connections of the lane at once.

use super::Lane;
use crate::conn::Phase;
use crate::sniff;
use hubbub_hub::Departure;
use hubbub_protocol::{CloseCode, SessionId};

/// How long the budget may be overdrawn before connections are closed, in milliseconds.
const OVER_BUDGET_MS: u64 = 1_000;
/// How many are closed at a time, of each lane.
const OVER_BUDGET_CLOSED: usize = 8;

impl Lane {
    pub(super) fn sweep(&mut self) {
        let now = self.now();
        while let Some(&(due, id)) = self.undecided.front()
            && due <= now
        {
            self.undecided.pop_front();
            if self.has_unread_bytes(id) {
                // The lane is late, and not the peer: what it said is looked at first.
                self.undecided.push_back((now.plus(self.parts.config.sniff_ms), id));
            } else {
                self.greet(id);
            }
        }
        while let Some(&(due, id)) = self.unnamed.front()
            && due <= now
        {
            self.unnamed.pop_front();
            let late = self.conn(id).is_some_and(|conn| !conn.is_named && !conn.is_closing());
            if late {
                self.hang_up(id, CloseCode::LoginTimeout);
            }
        }
        let limits = self.limits();
        let mut blocked = std::mem::take(&mut self.blocked);
        blocked.retain(|id| {
            let Some(conn) = self.conn(*id) else { return false };
            conn.is_listed_blocked = conn.is_blocked;
            conn.is_blocked
        });
        for &id in &blocked {
            if self.conn(id).is_some_and(|conn| conn.outbox.is_too_old(now, &limits)) {
                self.too_slow(id);
            }
        }
        self.blocked = blocked;
        self.relieve_budget();
        let mut closing = std::mem::take(&mut self.closing);
        closing.retain(|&id| match self.conn(id).map(|conn| conn.phase) {
            Some(Phase::Closing { deadline, .. }) if now >= deadline => {
                self.drop_conn(id, Departure::Lost);
                false
            }
            other => other.is_some(),
        });
        closing.append(&mut self.closing);
        self.closing = closing;
        self.unpark_readers();
    }

    /// While all outboxes together are over their budget, nobody is read. If that does not help soon,
    /// those are closed who hold most of it.
    fn relieve_budget(&mut self) {
        let now = self.now();
        if !self.parts.budget.pauses_readers() {
            self.over_budget_since = None;
            return;
        }
        let since = *self.over_budget_since.get_or_insert(now);
        if now < since.plus(OVER_BUDGET_MS) {
            return;
        }
        let mut worst: Vec<(usize, SessionId)> = Vec::new();
        for &id in &self.blocked {
            let conn = self.conns.get(id.slot() as usize).filter(|conn| conn.session == id);
            worst.extend(conn.map(|conn| (conn.outbox.bytes(), id)));
        }
        worst.sort_unstable();
        for (_, id) in worst.into_iter().rev().take(OVER_BUDGET_CLOSED) {
            self.too_slow(id);
        }
    }

    /// The server speaks first where the peer doesn't.
    pub(super) fn greet(&mut self, id: SessionId) {
        let Some(conn) = self.conn(id) else { return };
        if conn.phase != Phase::Undecided || sniff::begins_like_http(conn.lines.waiting()) {
            return;
        }
        let mut answer = Vec::new();
        conn.decide(false, &mut answer);
        answer.extend_from_slice(&conn.greeting());
        self.introduce(id);
        self.say(id, |_, out| out.extend_from_slice(&answer));
        self.serve(id);
    }

    /// Readers that the budget had stopped go on.
    pub(super) fn unpark_readers(&mut self) {
        if !self.paused_readers || self.stopped_reading || self.must_pause() {
            return;
        }
        self.paused_readers = false;
        for (_, conn) in &mut self.conns {
            if conn.parked.is_some()
                && conn.wants_read()
                && let Some(parked) = conn.parked.take()
            {
                parked.wake();
            }
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish_by.is_some_and(|by| self.conns.is_empty() || self.now() >= by)
    }

    /// Whether something of an undecided peer waits to be read.
    fn has_unread_bytes(&mut self, id: SessionId) -> bool {
        let Some(conn) = self.conn(id).filter(|conn| conn.phase == Phase::Undecided) else {
            return false;
        };
        let mut byte = [std::mem::MaybeUninit::uninit()];
        socket2::SockRef::from(&conn.stream).peek(&mut byte).is_ok_and(|bytes| bytes > 0)
    }
}

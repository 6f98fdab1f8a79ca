//! What is overdue: looked for now and then, for all connections of the lane at once.

use super::{Lane, SWEEP};
use crate::conn::Phase;
use crate::sniff;
use hubbub_hub::Departure;
use hubbub_protocol::{CloseCode, MonoMs, SessionId};

/// How long the budget may be overdrawn before connections are closed, in milliseconds.
const OVER_BUDGET_MS: u64 = 1_000;
/// How many are closed at a time, of each lane.
const OVER_BUDGET_CLOSED: usize = 8;
/// A look that comes so much too late shows that this process stood still, in milliseconds.
const STOOD_STILL_MS: u64 = 1_000;

impl Lane {
    pub(super) fn sweep(&mut self) {
        let now = self.now();
        self.counters().beat(now);
        self.forgive_standstill(now);
        while let Some(&(due, id)) = self.undecided.front()
            && due <= now
        {
            self.undecided.pop_front();
            if self.conn(id).is_none_or(|conn| conn.greet_at != Some(due)) {
                // It was told to wait anew since: TLS has begun.
                continue;
            }
            if self.has_unread_bytes(id) {
                // The lane is late, and not the peer: what it said is looked at first.
                self.await_first_words(id);
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
        while let Some(&(due, id)) = self.hasty.front()
            && due <= now
        {
            self.hasty.pop_front();
            if self.conn(id).is_some_and(|conn| conn.is_hasty() && !conn.is_closing()) {
                self.hang_up(id, CloseCode::Full);
            }
        }
        self.wake_rested(now);
        let limits = self.limits();
        let mut blocked = std::mem::take(&mut self.blocked);
        blocked.retain(|id| {
            let Some(conn) = self.conn(*id) else { return false };
            conn.is_listed_blocked = conn.is_blocked;
            conn.is_blocked
        });
        for &id in &blocked {
            let Some(conn) = self.conn(id) else { continue };
            // It may have been blocked by what TLS holds, with an empty outbox.
            conn.outbox.blocked(now);
            if conn.outbox.is_too_old(now, &limits) {
                self.too_slow(id);
            }
        }
        self.blocked = blocked;
        self.relieve_budget();
        let mut closing = std::mem::take(&mut self.closing);
        closing.retain(|&id| match self.conn(id).map(|conn| conn.phase) {
            Some(Phase::Closing { deadline, .. }) if now >= deadline => {
                if let Some(conn) = self.conn(id).filter(|conn| !conn.outbox.is_empty()) {
                    conn.stream.cut_off();
                }
                self.drop_conn(id, Departure::Lost);
                false
            }
            other => other.is_some(),
        });
        closing.append(&mut self.closing);
        self.closing = closing;
        self.unpark_readers();
    }

    /// Those who were too fast, and have waited for it.
    fn wake_rested(&mut self, now: MonoMs) {
        let mut rested = Vec::new();
        let mut resting = std::mem::take(&mut self.resting);
        resting.retain(|&id| match self.conn(id).map(|conn| conn.rests_until) {
            Some(Some(until)) if until > now => true,
            Some(_) => {
                rested.push(id);
                false
            }
            None => false,
        });
        self.resting = resting;
        for id in rested {
            if let Some(conn) = self.conn(id) {
                conn.rests_until = None;
            }
            self.serve(id);
            if self.conn(id).is_some_and(|conn| conn.wants_read()) {
                self.unpark(id);
            }
        }
    }

    /// While this process stood still (stopped, without a processor, its disk's memory swapped out)
    /// nobody could do what was awaited of them: that time does not count. Else everybody whose bytes
    /// wait in the system, unread, would be closed by the first look after it.
    fn forgive_standstill(&mut self, now: MonoMs) {
        let swept = self.swept.replace(now).unwrap_or(now);
        let late_ms = (now.0.saturating_sub(swept.0)).saturating_sub(SWEEP.as_millis() as u64);
        if late_ms < STOOD_STILL_MS {
            return;
        }
        tracing::warn!(late_ms, "this server stood still for a while");
        let dues = self.undecided.iter_mut().chain(&mut self.unnamed).chain(&mut self.hasty);
        for (due, _) in dues {
            *due = due.plus(late_ms);
        }
        // A rest is no deadline: it is over when it is over.
        for (_, conn) in &mut self.conns {
            conn.outbox.forgive(late_ms);
            // As in the list, which is held against this.
            conn.greet_at = conn.greet_at.map(|at| at.plus(late_ms));
            if let Phase::Closing { deadline, .. } = &mut conn.phase {
                *deadline = deadline.plus(late_ms);
            }
        }
        self.over_budget_since = self.over_budget_since.map(|since| since.plus(late_ms));
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
        self.conn(id)
            .is_some_and(|conn| conn.phase == Phase::Undecided && conn.stream.has_unread_bytes())
    }
}

//! The connection: hello and welcome, signs of life, and whether and when to come back.

use crate::backoff;
use crate::event::ConnectionState;
use hubbub_protocol::{Author, MonoMs, NextStep, ResumeToken};

/// Silence after which the client asks for a sign of life, in milliseconds.
pub(crate) const SILENCE_MS: u64 = 60_000;
/// Silence after that, or after hello, that means the connection is dead, in milliseconds.
pub(crate) const PATIENCE_MS: u64 = 30_000;
/// A session that lasted this long proves that the server works: waits begin from the shortest
/// again. Else a server that drops everybody after welcome would be asked twice a second.
const PROVEN_MS: u64 = 10_000;
/// A server that has too much to do is asked again as after so many failures: not before 4 s.
const FAILURES_WHEN_CROWDED: u32 = 5;

/// What is known of the present and the last connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) state: ConnectionState,
    pub(crate) token: Option<ResumeToken>,
    pub(crate) user: Option<Author>,
    pub(crate) in_flight_max: u64,
    pub(crate) account: bool,
    /// The program has to say who comes: another name, another password.
    pub(crate) refused: bool,
    pub(crate) quitting: bool,
    /// `login` is on its way: what would be said now would be said as the other user.
    pub(crate) changing_user: bool,
    /// A hello that registers is on its way.
    pub(crate) registering: bool,
    /// Such a hello was lost, and may have been heard.
    pub(crate) perhaps_registered: bool,
    /// The server said at last that it has too much to do, with this user or with all.
    pub(crate) is_crowded: bool,
    /// Failed or lost connections in a row.
    failures: u32,
    ready_since: Option<MonoMs>,
    /// When something was last heard.
    heard: MonoMs,
    asked_for_life: bool,
}

impl Session {
    pub(crate) fn new(token: Option<ResumeToken>) -> Self {
        Self {
            state: ConnectionState::Offline,
            token,
            user: None,
            in_flight_max: 1,
            account: false,
            refused: false,
            quitting: false,
            changing_user: false,
            registering: false,
            perhaps_registered: false,
            is_crowded: false,
            failures: 0,
            ready_since: None,
            heard: MonoMs(0),
            asked_for_life: false,
        }
    }

    pub(crate) fn connected(&mut self, now: MonoMs) {
        self.state = ConnectionState::Greeting;
        self.ready_since = None;
        self.heard(now);
    }

    pub(crate) fn heard(&mut self, now: MonoMs) {
        self.heard = now;
        self.asked_for_life = false;
    }

    pub(crate) fn welcomed(&mut self, now: MonoMs) {
        self.state = ConnectionState::Ready;
        self.refused = false;
        self.changing_user = false;
        self.registering = false;
        self.perhaps_registered = false;
        self.ready_since = Some(now);
    }

    /// The server says what to do after this connection.
    pub(crate) fn told(&mut self, next: NextStep) {
        self.state = match next {
            NextStep::Retry | NextStep::Resume => ConnectionState::Dead,
            NextStep::Login => {
                self.token = None;
                ConnectionState::Dead
            }
            NextStep::Correct | NextStep::Stop => ConnectionState::Stopped,
        };
    }

    pub(crate) fn disconnected(&mut self, now: MonoMs) {
        if self.ready_since.take().is_some_and(|since| now.0 >= since.plus(PROVEN_MS).0) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if std::mem::take(&mut self.is_crowded) {
            self.failures = self.failures.max(FAILURES_WHEN_CROWDED);
        }
        self.changing_user = false;
        self.perhaps_registered |= std::mem::take(&mut self.registering);
        if self.state != ConnectionState::Stopped {
            self.state = ConnectionState::Offline;
        }
        if self.quitting {
            self.state = ConnectionState::Stopped;
        }
    }

    pub(crate) fn reconnect_delay_ms(&self, random: u64) -> Option<u64> {
        let wanted = self.state == ConnectionState::Offline && !self.refused;
        wanted.then(
            || {
                if self.failures == 0 { 0 } else { backoff::delay_ms(self.failures, random) }
            },
        )
    }

    pub(crate) fn timeout(&self) -> Option<MonoMs> {
        match self.state {
            ConnectionState::Greeting => Some(self.heard.plus(PATIENCE_MS)),
            ConnectionState::Ready if self.asked_for_life => {
                Some(self.heard.plus(SILENCE_MS + PATIENCE_MS))
            }
            ConnectionState::Ready => Some(self.heard.plus(SILENCE_MS)),
            _ => None,
        }
    }

    /// Whether a sign of life is to be asked for now.
    pub(crate) fn handle_timeout(&mut self, now: MonoMs) -> bool {
        if self.timeout().is_none_or(|due| due > now) {
            return false;
        }
        if self.state == ConnectionState::Ready && !self.asked_for_life {
            // After a suspended machine wakes, its connection gets its chance to answer.
            self.heard = MonoMs(now.0.saturating_sub(SILENCE_MS));
            self.asked_for_life = true;
            return true;
        }
        self.state = ConnectionState::Dead;
        false
    }
}

//! Users who chat at a steady rate, and how long each of their messages takes.

use crate::Result;
use crate::load::Swarm;
use crate::native::{self, Crowd, Heard};
use crate::report::Percentiles;
use hubbub_protocol::frame::Retention;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longest wait for something to come, so that the next message is due soon after.
const TURN: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// Sessions in durable rooms. They speak in turn: message `k` is of session `k % users`.
pub(super) struct Chat {
    swarm: Swarm,
    rooms: Vec<String>,
    members: usize,
    /// Time between two messages.
    step: Duration,
    /// When each message was sent.
    sent: Vec<Instant>,
    out: Vec<u8>,
}

/// From the moment when a message was sent, over all that were sent in one phase.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) acknowledged: Percentiles,
    pub(super) delivered: Percentiles,
}

impl Chat {
    /// Lets everybody in. `users` is a multiple of `members`.
    pub(super) fn enter(
        server: SocketAddr,
        users: usize,
        members: usize,
        per_second: u32,
    ) -> Result<Self> {
        let rooms: Vec<String> =
            (0..users).map(|user| format!("room{:03}", user / members)).collect();
        let room = |user: usize| rooms[user].clone();
        let crowd = Crowd { sessions: users, room: &room, retention: Retention::Forever };
        let swarm = native::enter(server, &crowd)?;
        let step = Duration::from_secs(1) / per_second;
        Ok(Self { swarm, rooms, members, step, sent: Vec::new(), out: Vec::new() })
    }

    /// Chats until it is over, and waits until all that was said is answered and heard.
    pub(super) fn talk(&mut self, mut is_over: impl FnMut() -> bool) -> Result<Latency> {
        let first = self.sent.len();
        let (mut acknowledged, mut delivered) = (Vec::new(), Vec::new());
        let began = Instant::now();
        let mut due = began;
        let mut last = began;
        let mut goes_on = true;
        loop {
            goes_on = goes_on && !is_over();
            while goes_on && due <= Instant::now() {
                self.say()?;
                due += self.step;
            }
            let said = self.sent.len() - first;
            let heard = acknowledged.len() + delivered.len();
            if !goes_on && heard == said * self.members {
                break;
            }
            let Self { swarm, rooms, sent, .. } = self;
            // Late by what was handled before in the same turn, as a single client is.
            let since = |message: u64| -> Result<Duration> {
                let message = usize::try_from(message)?;
                match sent.get(message) {
                    Some(sent) if message >= first => Ok(sent.elapsed()),
                    _ => Err("something came that was not sent in this phase".into()),
                }
            };
            let lines = swarm.receive(TURN, |user, line| {
                match native::heard(line)? {
                    Heard::Sent(counter) => {
                        let round = counter.checked_sub(1).ok_or("an answer to nothing")?;
                        let message = round * rooms.len() as u64 + user as u64;
                        acknowledged.push(since(message)?);
                    }
                    Heard::Message(text) => delivered.push(since(native::number(text))?),
                    Heard::Pong | Heard::Other => {}
                }
                Ok(())
            })?;
            let now = Instant::now();
            if lines > 0 {
                last = now;
            } else if now > last + PATIENCE {
                return Err(format!("no answer for {PATIENCE:?}").into());
            }
        }
        Ok(Latency {
            acknowledged: Percentiles::of(acknowledged),
            delivered: Percentiles::of(delivered),
        })
    }

    fn say(&mut self) -> Result<()> {
        let message = self.sent.len();
        let (user, round) = (message % self.rooms.len(), message / self.rooms.len());
        let text = format!("{message:09}");
        self.out.clear();
        native::write_send(&mut self.out, &self.rooms[user], round as u64 + 1, &text);
        self.sent.push(Instant::now());
        self.swarm.send(user, &self.out)
    }
}

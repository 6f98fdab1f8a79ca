//! Ordinary users who chat while something happens to the server, and how it is for them.
//!
//! They speak at random times whether they are answered or not, so a server that stands still is seen in
//! every message of that time. Meanwhile somebody new comes now and then, says hello and goes.

use crate::Result;
use crate::native::{self, Heard};
use crate::pool::{Happened, Pool};
use crate::random::Random;
use crate::report::Percentiles;
use serde::Serialize;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Longest wait for something to come, so that the next message is due soon after.
const TURN: Duration = Duration::from_millis(1);
/// For answers after the last message, and for entering.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two who are new.
const NEWCOMER_EVERY: Duration = Duration::from_millis(250);
/// One who is not in by then, is not in.
const NEWCOMER_PATIENCE: Duration = Duration::from_secs(10);

/// Who they are, and how they chat.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) room: &'static str,
    /// Users of the native door.
    pub(crate) native: usize,
    /// Users of the plain door.
    pub(crate) plain: usize,
    /// Between two messages of one user, on average.
    pub(crate) pause: Duration,
    /// Bytes of a message, at least nine.
    pub(crate) text_bytes: usize,
    /// Whether somebody new comes now and then.
    pub(crate) newcomers: bool,
}

/// How one phase was for them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Phase {
    /// From the moment when a message was sent to its answer. Native users.
    pub(crate) acknowledged: Percentiles,
    /// The same to each of the others.
    pub(crate) delivered: Percentiles,
    /// From the first packet of somebody new to the welcome.
    pub(crate) entered: Percentiles,
    /// Messages that nobody answered, or that did not reach somebody who was there.
    pub(crate) missing: u64,
    /// Newcomers who did not come in.
    pub(crate) kept_out: u64,
    /// Refusals, warnings and ends of connections.
    pub(crate) refused: u64,
}

#[derive(Default)]
struct Times {
    acknowledged: Vec<Duration>,
    delivered: Vec<Duration>,
    entered: Vec<Duration>,
    missing: u64,
    kept_out: u64,
    refused: u64,
}

struct Message {
    at: Instant,
    phase: usize,
    /// Who has not heard it, of those who were there.
    unheard: usize,
    unanswered: bool,
}

struct User {
    connection: usize,
    is_native: bool,
    is_here: bool,
    due: Instant,
    /// Its messages, by its counter.
    said: Vec<usize>,
}

/// See the module.
pub(crate) struct Ordinary {
    manner: Manner,
    pool: Pool,
    random: Random,
    users: Vec<User>,
    /// The user of a connection.
    by_connection: HashMap<usize, usize>,
    /// Since when, and in which phase, somebody new waits.
    newcomers: HashMap<usize, (Instant, usize)>,
    newcomer_due: Instant,
    new: u64,
    messages: Vec<Message>,
    phases: Vec<Times>,
    /// Bytes of text that were delivered.
    pub(crate) bytes: u64,
    /// The last thing that went wrong, for whoever wonders.
    pub(crate) complaint: Option<String>,
}

impl Ordinary {
    /// Lets them in, one after the other.
    pub(crate) fn enter(server: SocketAddr, manner: Manner, seed: u64) -> Result<Self> {
        let now = Instant::now();
        let mut all = Self {
            pool: Pool::new(IpAddr::V4(Ipv4Addr::LOCALHOST), server)?,
            random: Random::new(seed),
            users: Vec::new(),
            by_connection: HashMap::new(),
            newcomers: HashMap::new(),
            newcomer_due: now,
            new: 0,
            messages: Vec::new(),
            phases: Vec::new(),
            bytes: 0,
            complaint: None,
            manner,
        };
        for number in 0..all.manner.native + all.manner.plain {
            all.let_in(number, number < all.manner.native)?;
        }
        Ok(all)
    }

    fn let_in(&mut self, number: usize, is_native: bool) -> Result<()> {
        let connection = self.pool.open()?;
        let (name, room) = (format!("user{number:02}"), self.manner.room);
        let mut out = Vec::new();
        if is_native {
            native::write_guest(&mut out, &name, None);
            native::write_join(&mut out, room, None);
        } else {
            out.extend_from_slice(format!("{name}\n/join {room}\n/sync\n").as_bytes());
        }
        self.pool.send(connection, &out);
        let until = Instant::now() + PATIENCE;
        let mut is_in = false;
        while !is_in {
            self.pool.turn(TURN, |of, happened| {
                if let Happened::Line(line) = happened {
                    let joined = line.starts_with(br#"{"ev":"joined""#);
                    is_in |= of == connection && (joined || line.starts_with(b"-- In sync"));
                }
            })?;
            if Instant::now() > until {
                return Err(format!("{name} did not get in").into());
            }
        }
        self.by_connection.insert(connection, number);
        let due = Instant::now();
        self.users.push(User { connection, is_native, is_here: true, due, said: Vec::new() });
        Ok(())
    }

    /// Chats for so long, as the next phase.
    pub(crate) fn talk(&mut self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        self.talk_until(|_| Instant::now() >= end)
    }

    /// Chats until it is over, as the next phase.
    pub(crate) fn talk_until(&mut self, mut is_over: impl FnMut(&Self) -> bool) -> Result<()> {
        self.phases.push(Times::default());
        let now = Instant::now();
        for number in 0..self.users.len() {
            let pause = self.pause();
            self.users[number].due = now + pause;
        }
        self.newcomer_due = now;
        while !is_over(self) {
            self.say_what_is_due();
            self.hear()?;
        }
        Ok(())
    }

    /// How many messages they have said.
    pub(crate) fn said(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Waits for what is missing, and says how each phase was.
    pub(crate) fn finish(mut self) -> Result<Vec<Phase>> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && !(self.is_complete() && self.newcomers.is_empty()) {
            self.hear()?;
        }
        for message in &self.messages {
            let (phase, waited) = (&mut self.phases[message.phase], message.at.elapsed());
            // What never came counts as slower than all that came.
            phase.delivered.extend(std::iter::repeat_n(waited, message.unheard));
            phase.acknowledged.extend(message.unanswered.then_some(waited));
            phase.missing += message.unheard as u64 + u64::from(message.unanswered);
        }
        let phase = |times: Times| Phase {
            acknowledged: Percentiles::of(times.acknowledged),
            delivered: Percentiles::of(times.delivered),
            entered: Percentiles::of(times.entered),
            missing: times.missing,
            kept_out: times.kept_out,
            refused: times.refused,
        };
        Ok(self.phases.into_iter().map(phase).collect())
    }

    fn is_complete(&self) -> bool {
        self.messages.iter().all(|message| message.unheard == 0 && !message.unanswered)
    }

    /// Between half and one and a half of the usual pause.
    fn pause(&mut self) -> Duration {
        let micros = u64::try_from(self.manner.pause.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(micros / 2 + self.random.below(micros))
    }

    fn say_what_is_due(&mut self) {
        let now = Instant::now();
        for number in 0..self.users.len() {
            if self.users[number].is_here && self.users[number].due <= now {
                self.say(number);
                let pause = self.pause();
                self.users[number].due += pause;
            }
        }
        if self.manner.newcomers && self.newcomer_due <= now {
            self.newcomer_due += NEWCOMER_EVERY;
            self.new += 1;
            let mut hello = Vec::new();
            native::write_guest(&mut hello, &format!("new{:05}", self.new), None);
            let phase = self.phases.len() - 1;
            match self.pool.open() {
                Ok(number) => {
                    self.newcomers.insert(number, (now, phase));
                    self.pool.send(number, &hello);
                }
                Err(error) => self.complain(phase, &error.to_string()),
            }
        }
    }

    fn say(&mut self, number: usize) {
        let message = self.messages.len();
        let user = &mut self.users[number];
        user.said.push(message);
        let width = self.manner.text_bytes;
        let text = format!("{:x<width$}", format!("{message:09}"));
        let mut out = Vec::new();
        if user.is_native {
            native::write_send(&mut out, self.manner.room, user.said.len() as u64, &text);
        } else {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
        let (connection, unanswered) = (user.connection, user.is_native);
        let unheard = self.users.iter().filter(|user| user.is_here).count() - 1;
        let (at, phase) = (Instant::now(), self.phases.len() - 1);
        self.messages.push(Message { at, phase, unheard, unanswered });
        self.pool.send(connection, &out);
    }

    fn complain(&mut self, phase: usize, what: &str) {
        self.phases[phase].refused += 1;
        self.complaint = Some(what.chars().take(300).collect());
    }

    fn hear(&mut self) -> Result<()> {
        let Self { pool, messages, users, by_connection, phases, newcomers, bytes, .. } = self;
        let current = phases.len() - 1;
        let mut complaints = Vec::new();
        let mut leaving = Vec::new();
        let width = self.manner.text_bytes as u64;
        pool.turn(TURN, |connection, happened| {
            let line = match happened {
                Happened::Opened => return,
                Happened::Line(line) => line,
                Happened::Gone => {
                    if let Some(number) = by_connection.get(&connection) {
                        users[*number].is_here = false;
                        complaints
                            .push((current, format!("the connection of user{number:02} ended")));
                    } else if let Some((_, phase)) = newcomers.remove(&connection) {
                        phases[phase].kept_out += 1;
                    }
                    return;
                }
            };
            if let Some(&(since, phase)) = newcomers.get(&connection) {
                if line.starts_with(br#"{"ev":"welcome""#) {
                    phases[phase].entered.push(since.elapsed());
                } else {
                    phases[phase].kept_out += 1;
                }
                newcomers.remove(&connection);
                leaving.push(connection);
                return;
            }
            let Some(&number) = by_connection.get(&connection) else { return };
            match heard(users[number].is_native, line) {
                Ok(Some(Heard::Sent(counter))) => {
                    let said = usize::try_from(counter).ok().and_then(|n| n.checked_sub(1));
                    let said = said.and_then(|n| users[number].said.get(n));
                    let Some(message) = said.map(|n| &mut messages[*n]) else { return };
                    message.unanswered = false;
                    phases[message.phase].acknowledged.push(message.at.elapsed());
                }
                Ok(Some(Heard::Message(text))) => {
                    let of = usize::try_from(native::number(text)).unwrap_or(usize::MAX);
                    // What a flood says in the same room is no message of ours.
                    let Some(message) = messages.get_mut(of) else { return };
                    message.unheard = message.unheard.saturating_sub(1);
                    phases[message.phase].delivered.push(message.at.elapsed());
                    *bytes += width;
                }
                Ok(_) => {}
                Err(complaint) => complaints.push((current, complaint)),
            }
        })?;
        for connection in leaving {
            pool.cut(connection);
        }
        let late =
            |(_, (since, _)): &(&usize, &(Instant, usize))| since.elapsed() > NEWCOMER_PATIENCE;
        let given_up: Vec<usize> = newcomers.iter().filter(late).map(|(of, _)| *of).collect();
        for connection in given_up {
            if let Some((_, phase)) = newcomers.remove(&connection) {
                phases[phase].kept_out += 1;
            }
            pool.cut(connection);
        }
        for (phase, what) in complaints {
            self.complain(phase, &what);
        }
        Ok(())
    }
}

/// What a line means to a user, or why it is no good.
fn heard(is_native: bool, line: &[u8]) -> std::result::Result<Option<Heard<'_>>, String> {
    if is_native {
        return native::heard(line).map(Some).map_err(|error| error.to_string());
    }
    if line.starts_with(b"! ") {
        return Err(String::from_utf8_lossy(line).into_owned());
    }
    let end = line.windows(2).position(|two| two == b"> ");
    let text = end.filter(|_| line.starts_with(b"<")).map(|end| &line[end + 2..]);
    Ok(text.map(Heard::Message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_both_doors_hear_the_same() {
        let text = b"000000012xxx";
        assert_eq!(heard(false, b"<user03> 000000012xxx"), Ok(Some(Heard::Message(text))));
        assert_eq!(heard(false, b"-- user03 joined"), Ok(None));
        assert!(heard(false, b"! Too fast.").is_err());
        assert!(heard(true, br#"{"ev":"error","code":"too_fast"}"#).is_err());
        assert_eq!(native::number(text), 12);
    }
}

//! A load of talk with a check: who is in a room hears each message of the others once and in order.

use super::Shape;
use crate::Result;
use crate::load::Swarm;
use crate::native::{self, Crowd, Heard};
use hubbub_protocol::frame::Retention;
use std::io::Write;
use std::net::SocketAddr;

/// Bytes of each text: who says it, its number, padding.
const TEXT_BYTES: usize = 64;
const SENDER_DIGITS: usize = 5;
/// Messages of one sender that are counted at once; its window has to fit.
const RING: usize = 64;
/// Connections that join the floor at once.
const JOIN_TOGETHER: usize = 200;

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Lines that are passed on as they are.
    Floor,
    /// Hubbub's native door.
    Native(Retention),
}

/// Connections in their rooms. Connection `i` is in room `i % rooms`; sender `k` is connection `k`, so
/// each room has as many senders.
pub(crate) struct Talk {
    shape: Shape,
    dialect: Dialect,
    swarm: Swarm,
    senders: Vec<Sender>,
    /// The last number that connection `i` heard of each sender in its room.
    heard: Vec<u64>,
    /// Bytes of all messages heard, with their line ends.
    message_bytes: u64,
    out: Vec<u8>,
}

#[derive(Clone)]
struct Sender {
    sent: u64,
    acknowledged: u64,
    /// Messages that all others have heard.
    done: u64,
    /// By how many a message was heard, at its number modulo the size.
    heard_by: [u32; RING],
    due: u32,
}

impl Talk {
    /// Connects everybody and waits until all are in their rooms.
    pub(crate) fn enter(server: SocketAddr, dialect: Dialect, shape: Shape) -> Result<Self> {
        assert!(shape.in_flight as usize <= RING, "a sender's window fits the ring");
        let sessions = shape.rooms * shape.members;
        let swarm = match dialect {
            Dialect::Floor => enter_floor(server, shape)?,
            Dialect::Native(retention) => {
                let room = |number: usize| room_name(number % shape.rooms);
                native::enter(server, &Crowd { sessions, room: &room, retention })?
            }
        };
        let sender = Sender { sent: 0, acknowledged: 0, done: 0, heard_by: [0; RING], due: 0 };
        Ok(Self {
            shape,
            dialect,
            swarm,
            senders: vec![sender; shape.rooms * shape.senders],
            heard: vec![0; sessions * shape.senders],
            message_bytes: 0,
            out: Vec::new(),
        })
    }

    pub(crate) fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// Each sender says so many messages. Returns when all are heard by all others (and acknowledged)
    /// how many deliveries that were.
    pub(crate) fn say(&mut self, messages: u32) -> Result<u64> {
        let messages = u64::from(messages);
        let target = self.senders[0].sent + messages;
        for sender in &mut self.senders {
            sender.due = u32::try_from(messages)?.min(self.shape.in_flight);
        }
        let mut ready: Vec<usize> = (0..self.senders.len()).collect();
        let mut unfinished = if messages > 0 { self.senders.len() } else { 0 };
        while unfinished > 0 {
            for number in ready.drain(..) {
                self.send_due(number)?;
            }
            let Self { shape, dialect, swarm, senders, heard, message_bytes, .. } = self;
            swarm.expect(|connection, line| {
                let number = match native::heard(line)? {
                    Heard::Message(text) => {
                        *message_bytes += line.len() as u64 + 1;
                        let number = note(shape, senders, heard, connection, text)?;
                        let sender = &mut senders[number];
                        let sent = sender.sent + u64::from(sender.due);
                        let outstanding = sent - sender.done;
                        if sent < target && outstanding < u64::from(shape.in_flight) {
                            if sender.due == 0 {
                                ready.push(number);
                            }
                            sender.due += 1;
                        }
                        number
                    }
                    Heard::Sent(counter) => {
                        let sender = senders.get_mut(connection).ok_or("an answer to nothing")?;
                        sender.acknowledged += 1;
                        if sender.acknowledged != counter {
                            return Err("answers are out of order".into());
                        }
                        connection
                    }
                    Heard::Pong | Heard::Other => return Ok(()),
                };
                let sender = &mut senders[number];
                let is_answered = *dialect == Dialect::Floor || sender.acknowledged == target;
                if sender.done == target && is_answered && sender.due == 0 {
                    // `done` reaches the target once, and so do the answers: the later one counts.
                    unfinished -= 1;
                }
                Ok(())
            })?;
        }
        let others = self.shape.members as u64 - 1;
        Ok(messages * self.senders.len() as u64 * others)
    }

    fn send_due(&mut self, number: usize) -> Result<()> {
        let room = room_name(number % self.shape.rooms);
        let sender = &mut self.senders[number];
        self.out.clear();
        for _ in 0..std::mem::take(&mut sender.due) {
            sender.sent += 1;
            let text = text(number, sender.sent);
            match self.dialect {
                Dialect::Floor => write_delivery(&mut self.out, &room, number, sender.sent, &text),
                Dialect::Native(_) => {
                    native::write_send(&mut self.out, &room, sender.sent, &text);
                }
            }
        }
        self.swarm.send(number, &self.out)
    }
}

/// Checks a message and returns its sender.
fn note(
    shape: &Shape,
    senders: &mut [Sender],
    heard: &mut [u64],
    connection: usize,
    text: &[u8],
) -> Result<usize> {
    if text.len() != TEXT_BYTES {
        return Err("a text has another length than was sent".into());
    }
    let number = native::number(text) as usize;
    let count = native::number(&text[SENDER_DIGITS + 1..]);
    if number % shape.rooms != connection % shape.rooms || number == connection {
        return Err("a message went to somebody who must not hear it".into());
    }
    let last = &mut heard[connection * shape.senders + number / shape.rooms];
    if count != *last + 1 {
        let last = *last;
        return Err(
            format!("message {count} came after {last}: lost, doubled or disordered").into()
        );
    }
    *last = count;
    let sender = &mut senders[number];
    let heard_by = &mut sender.heard_by[count as usize % RING];
    *heard_by += 1;
    if *heard_by as usize == shape.members - 1 {
        *heard_by = 0;
        sender.done += 1;
    }
    Ok(number)
}

fn room_name(room: usize) -> String {
    format!("room{room:03}")
}

fn text(sender: usize, count: u64) -> String {
    let text = format!("{sender:05} {count:09} ");
    format!("{text:x<TEXT_BYTES$}")
}

/// The line that Hubbub would make of it.
fn write_delivery(out: &mut Vec<u8>, room: &str, sender: usize, count: u64, text: &str) {
    let place = format!(r#""room":"{room}","room_id":4294967298,"epoch":1,"seq":{count}"#);
    let from = format!(r#""from":{{"id":4294967297,"name":"user{sender:05}"}}"#);
    writeln!(
        out,
        r#"{{"ev":"message",{place},"time":1750000000000,{from},"kind":"text","text":"{text}"}}"#
    )
    .expect("writing to memory does not fail");
}

fn enter_floor(server: SocketAddr, shape: Shape) -> Result<Swarm> {
    let mut swarm = Swarm::new()?;
    let sessions = shape.rooms * shape.members;
    let mut joined = 0;
    while joined < sessions {
        let until = sessions.min(joined + JOIN_TOGETHER);
        for _ in joined..until {
            let number = swarm.connect(server)?;
            let line = format!("join {}\n", room_name(number % shape.rooms));
            swarm.send(number, line.as_bytes())?;
        }
        while joined < until {
            swarm.expect(|_, _| {
                joined += 1;
                Ok(())
            })?;
        }
    }
    Ok(swarm)
}

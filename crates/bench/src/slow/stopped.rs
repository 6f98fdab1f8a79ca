//! Readers that stop, and read on later: what their sockets still hold, and then from their position.

use crate::Result;
use crate::native;
use crate::pool::{Happened, Pool};
use hubbub_protocol::frame::ServerFrame;
use hubbub_protocol::{Epoch, Position, ResumeToken, RoomId, Seq};
use serde::Serialize;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(5);
/// Who enter, or come back, at once.
const TOGETHER: usize = 50;
/// For all of them to have everything.
const PATIENCE: Duration = Duration::from_secs(300);

/// How it went.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Returned {
    /// Connections that the server ended.
    pub(crate) ended: u64,
    /// Of these, those that heard `slow`: one whose socket is full may not.
    pub(crate) closed_as_slow: u64,
    /// Readers that saw every number once.
    pub(crate) complete: u64,
    /// Numbers that were missing, doubled or out of order.
    pub(crate) gaps: u64,
    /// Positions that the server could not continue.
    pub(crate) resets: u64,
    /// Refusals.
    pub(crate) refused: u64,
    /// Until all had everything.
    pub(crate) seconds: f64,
}

struct Reader {
    name: String,
    token: Option<ResumeToken>,
    position: Position,
    connection: Option<usize>,
    is_in: bool,
    is_complete: bool,
}

/// See the module.
pub(super) struct Stopped {
    pool: Pool,
    room: &'static str,
    readers: Vec<Reader>,
    by_connection: HashMap<usize, usize>,
    returned: Returned,
}

impl Stopped {
    /// Lets them in. They read nothing from then on.
    pub(super) fn enter(server: SocketAddr, room: &'static str, count: usize) -> Result<Self> {
        let nowhere = Position { room: RoomId(0), epoch: Epoch(0), seq: Seq(0) };
        let reader = |number| Reader {
            name: format!("stopped{number}"),
            token: None,
            position: nowhere,
            connection: None,
            is_in: false,
            is_complete: false,
        };
        let mut all = Self {
            pool: Pool::new(IpAddr::V4(Ipv4Addr::LOCALHOST), server)?,
            room,
            readers: (0..count).map(reader).collect(),
            by_connection: HashMap::new(),
            returned: Returned::default(),
        };
        let until = Instant::now() + PATIENCE;
        for begin in (0..count).step_by(TOGETHER) {
            let group = begin..count.min(begin + TOGETHER);
            for reader in group.clone() {
                all.come(reader)?;
            }
            while !all.readers[group.clone()].iter().all(|reader| reader.is_in) {
                all.turn(u64::MAX)?;
                if Instant::now() > until {
                    return Err("those who are to stop did not get in".into());
                }
            }
            for reader in group {
                if let Some(connection) = all.readers[reader].connection {
                    all.pool.mute(connection);
                }
            }
        }
        Ok(all)
    }

    fn come(&mut self, number: usize) -> Result<()> {
        let connection = self.pool.open()?;
        let reader = &mut self.readers[number];
        let after = (reader.position.room != RoomId(0)).then_some(reader.position);
        let mut out = Vec::new();
        native::write_guest(&mut out, &reader.name, reader.token);
        native::write_join(&mut out, self.room, after);
        (reader.connection, reader.is_in) = (Some(connection), false);
        self.by_connection.insert(connection, number);
        self.pool.send(connection, &out);
        Ok(())
    }

    /// All read on, and come back where they must, until each has the room's events up to `head`.
    pub(super) fn read_on(&mut self, head: u64) -> Result<Returned> {
        let began = Instant::now();
        let mut waiting: Vec<usize> = (0..self.readers.len()).rev().collect();
        let mut under_way = Vec::new();
        while !(waiting.is_empty() && under_way.is_empty()) {
            while under_way.len() < TOGETHER {
                let Some(number) = waiting.pop() else { break };
                under_way.push(number);
                if let Some(connection) = self.readers[number].connection {
                    self.pool.unmute(connection)?;
                }
            }
            self.turn(head)?;
            for &number in &under_way {
                if self.readers[number].connection.is_none() {
                    self.come(number)?;
                }
            }
            for &number in under_way.iter().filter(|number| self.readers[**number].is_complete) {
                // From now on it would only take from the others' time.
                if let Some(connection) = self.readers[number].connection {
                    self.by_connection.remove(&connection);
                    self.pool.cut(connection);
                }
            }
            under_way.retain(|number| !self.readers[*number].is_complete);
            if began.elapsed() > PATIENCE {
                break;
            }
        }
        let mut returned = self.returned;
        returned.complete = self.readers.iter().filter(|reader| reader.is_complete).count() as u64;
        returned.seconds = began.elapsed().as_secs_f64();
        if returned.gaps > 0 || returned.resets > 0 {
            returned.complete = 0;
        }
        Ok(returned)
    }

    fn turn(&mut self, head: u64) -> Result<()> {
        let Self { pool, readers, by_connection, returned, .. } = self;
        let mut unknown = None;
        pool.turn(TURN, |connection, happened| {
            let Some(&number) = by_connection.get(&connection) else { return };
            let reader = &mut readers[number];
            match happened {
                Happened::Opened => {}
                Happened::Gone => {
                    reader.connection = None;
                    by_connection.remove(&connection);
                    returned.ended += 1;
                }
                Happened::Line(line) => {
                    unknown = reader.hear(line, returned).err().or(unknown.take());
                    let is_there = reader.is_in && reader.position.seq.0 >= head;
                    reader.is_complete |= is_there;
                }
            }
        })?;
        unknown.map_or(Ok(()), Err)
    }
}

impl Reader {
    fn hear(&mut self, line: &[u8], returned: &mut Returned) -> Result<()> {
        let seqs = |line: &[u8], on: &mut dyn FnMut(u64)| {
            let mut rest = line;
            let name = br#""seq":"#;
            while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
                rest = &rest[at + name.len()..];
                on(native::number(rest));
            }
        };
        let is =
            |event: &[u8]| line.strip_prefix(br#"{"ev":""#).is_some_and(|e| e.starts_with(event));
        if is(br#"message""#) || is(br#"page""#) {
            seqs(line, &mut |seq| {
                returned.gaps += u64::from(seq != self.position.seq.0 + 1);
                self.position.seq = Seq(seq);
            });
            if let Some(epoch) = native::field(line, br#""epoch":"#) {
                self.position.epoch = Epoch(u32::try_from(epoch)?);
            }
        } else if is(br#"welcome""#) {
            if let ServerFrame::Welcome { resume, .. } = serde_json::from_slice(line)? {
                self.token = Some(resume);
            }
        } else if is(br#"joined""#) {
            self.is_in = true;
            if line.windows(18).any(|part| part == br#""catch_up":"reset""#) {
                returned.resets += 1;
            }
            if self.position.room == RoomId(0) {
                let part = |name: &[u8]| native::field(line, name).ok_or("joined says no position");
                let (room, epoch, seq) =
                    (part(br#""room_id":"#)?, part(br#""epoch":"#)?, part(br#""seq":"#)?);
                self.position = Position {
                    room: RoomId(room),
                    epoch: Epoch(u32::try_from(epoch)?),
                    seq: Seq(seq),
                };
            }
        } else if is(br#"close","code":"slow""#) {
            returned.closed_as_slow += 1;
        } else if is(br#"error""#) {
            returned.refused += 1;
        }
        Ok(())
    }
}

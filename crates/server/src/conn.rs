//! One connection, whatever its door: bytes in → requests in order; frames → outbox → bytes out.
//!
//! It belongs to one lane. Its reads and writes are done by the lane (`lane.rs`), which also talks
//! to the hub; here is what concerns this connection alone.

use crate::admit::{Asked, Gate};
use crate::door::{Door, native, plain};
use crate::outbox::{Outbox, OutboxLimits, Slow};
use crate::random;
use crate::sniff::{self, Spoken};
use hubbub_hub::Command;
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{MonoMs, RoomId, SessionId};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// Bytes that are put side by side for one write.
const GATHER_BYTES: usize = 32 * 1024;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its first bytes have not yet said what it speaks.
    Undecided,
    /// It has a door and the hub knows it.
    Served,
    /// The peer will send nothing more; what it sent is still being done.
    HalfClosed,
    /// The last bytes are on their way; what still comes is thrown away.
    Closing {
        /// When it is cut off, whatever is left.
        deadline: MonoMs,
        /// The peer's side is at its end too.
        ended: bool,
    },
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) session: SessionId,
    pub(crate) peer: SocketAddr,
    pub(crate) stream: TcpStream,
    pub(crate) phase: Phase,
    pub(crate) door: Option<Door>,
    pub(crate) lines: LineBuffer,
    pub(crate) gate: Gate,
    pub(crate) outbox: Outbox,
    /// The rooms that it is subscribed to, and its place in each one's list.
    pub(crate) rooms: Vec<(RoomId, u32)>,
    /// Rooms whose next page waits until this one was taken.
    pub(crate) paced: Vec<RoomId>,
    /// The rest of an answer that waits until its beginning was taken.
    pub(crate) follow_up: Option<Box<Command>>,
    /// The reading task, while it must not read.
    pub(crate) parked: Option<Waker>,
    /// Its tasks. Aborted with the connection: a dropped socket wakes nobody who waits for it.
    pub(crate) read_task: Option<AbortHandle>,
    pub(crate) write_task: Option<AbortHandle>,
    /// In the lane's list of connections to flush.
    pub(crate) is_dirty: bool,
    /// A task waits until the socket takes more.
    pub(crate) is_blocked: bool,
    /// In the lane's list of those.
    pub(crate) is_listed_blocked: bool,
    /// It has said who it is.
    pub(crate) is_named: bool,
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ingest {
    /// Go on.
    Fine,
    /// The door was decided just now.
    Decided,
    /// It speaks what isn't served here: say these bytes and close.
    Unserved(&'static [u8]),
}

impl Conn {
    pub(crate) fn new(
        session: SessionId,
        peer: SocketAddr,
        stream: TcpStream,
        outbox: Outbox,
    ) -> Self {
        Self {
            session,
            peer,
            stream,
            phase: Phase::Undecided,
            door: None,
            lines: LineBuffer::default(),
            gate: Gate::default(),
            outbox,
            rooms: Vec::new(),
            paced: Vec::new(),
            follow_up: None,
            parked: None,
            read_task: None,
            write_task: None,
            is_dirty: false,
            is_blocked: false,
            is_listed_blocked: false,
            is_named: false,
        }
    }

    /// Takes bytes that came.
    pub(crate) fn ingest(&mut self, bytes: &[u8], answer: &mut Vec<u8>) -> Ingest {
        match &mut self.door {
            Some(Door::Plain(door)) => {
                let mut text = Vec::with_capacity(bytes.len());
                door.telnet.filter(bytes, &mut text, answer);
                self.lines.push(&text);
                Ingest::Fine
            }
            Some(Door::Native(_)) => {
                self.lines.push(bytes);
                Ingest::Fine
            }
            None => {
                self.lines.push(bytes);
                match sniff::sniff(self.lines.waiting()) {
                    None => Ingest::Fine,
                    Some(spoken @ (Spoken::Native | Spoken::Plain)) => {
                        self.decide(spoken == Spoken::Native, answer);
                        Ingest::Decided
                    }
                    Some(other) => Ingest::Unserved(crate::door::goodbye_to_unspoken(other)),
                }
            }
        }
    }

    /// Fixes the door. What came before goes through it.
    pub(crate) fn decide(&mut self, is_native: bool, answer: &mut Vec<u8>) {
        let fresh = [random::resume_token(), random::resume_token()];
        self.phase = Phase::Served;
        if is_native {
            self.door = Some(Door::Native(native::Native::new(fresh)));
            return;
        }
        self.door = Some(Door::Plain(Box::new(plain::Plain::new(fresh))));
        let before = std::mem::take(&mut self.lines);
        self.ingest(before.waiting(), answer);
    }

    /// What to say first to a plain peer that has said nothing yet: no byte, an empty line, or
    /// telnet's negotiation alone. Empty for all others.
    pub(crate) fn greeting(&self) -> Vec<u8> {
        match &self.door {
            Some(Door::Plain(door)) if self.lines.waiting().iter().all(u8::is_ascii_whitespace) => {
                door.greeting()
            }
            _ => Vec::new(),
        }
    }

    /// The next request of those that came, if its turn has come.
    pub(crate) fn next_asked(&mut self) -> Option<Asked> {
        let door = self.door.as_mut()?;
        while self.gate.is_open() {
            let asked = match self.lines.next_line() {
                Some(Line::Whole(line)) => door.decode(line),
                Some(Line::TooLong) => Some(door.too_long()),
                None if self.phase == Phase::HalfClosed => {
                    // A last line without an end counts as a line.
                    let rest = self.lines.rest()?;
                    door.decode(&rest)
                }
                None => return None,
            };
            if let Some(asked) = asked.and_then(|asked| self.gate.offer(asked)) {
                return Some(asked);
            }
        }
        None
    }

    /// Whether the peer speaks no protocol of ours.
    pub(crate) fn is_hopeless(&self) -> bool {
        matches!(&self.door, Some(Door::Native(door)) if door.is_hopeless())
    }

    /// Whether everything that a half-closed peer asked is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::HalfClosed
            && self.gate.is_idle()
            && self.lines.waiting().is_empty()
            && self.follow_up.is_none()
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Whether bytes are wanted from the peer now.
    pub(crate) fn wants_read(&self) -> bool {
        match self.phase {
            Phase::Undecided => true,
            Phase::Closing { ended, .. } => !ended,
            Phase::Served => self.gate.is_open(),
            Phase::HalfClosed => false,
        }
    }

    /// Queues a frame. Where the queue is full, what waits is written first: nobody is slow whose
    /// socket takes a burst that is more than an outbox holds.
    pub(crate) fn queue(
        &mut self,
        frame: Rc<[u8]>,
        limits: &OutboxLimits,
        now: MonoMs,
    ) -> Result<(), Slow> {
        let queued = self.outbox.push(Rc::clone(&frame), limits);
        if queued.is_ok() || self.is_blocked {
            return queued;
        }
        // An error comes again at the next flush, and ends the connection there.
        let _ = self.flush(now, &mut Vec::new());
        self.outbox.push(frame, limits)
    }

    /// Writes as much as the socket takes now. `Ok(false)`: it takes no more at the moment.
    /// `gather` is room to put small frames side by side: one copy is cheaper than many slices.
    pub(crate) fn flush(&mut self, now: MonoMs, gather: &mut Vec<u8>) -> io::Result<bool> {
        while !self.outbox.is_empty() {
            let next = match self.outbox.first_if_alone() {
                Some(frame) => frame,
                None => {
                    gather.clear();
                    self.outbox.gather(gather, GATHER_BYTES);
                    &gather[..]
                }
            };
            match self.stream.try_write(next) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.outbox.taken(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.outbox.blocked(now);
                    return Ok(false);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

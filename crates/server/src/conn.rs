//! One connection, whatever its door: bytes in → requests in order; frames → outbox → bytes out.
//!
//! It belongs to one lane. Its reads and writes are done by the lane (`lane.rs`), which also talks
//! to the hub; here is what concerns this connection alone.

use crate::admit::{Asked, Gate};
use crate::door::{Door, native, plain};
use crate::intake::Intake;
use crate::metrics::{Counters, Present};
use crate::outbox::{Outbox, OutboxLimits, Slow};
use crate::proxy::{self, Parsed};
use crate::random;
use crate::sniff::{self, Spoken};
use crate::stream::Stream;
use hubbub_hub::{Admission, Command};
use hubbub_protocol::audit::DoorKind;
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{MonoMs, RoomId, SessionId, limits};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// Bytes that are put side by side for one write.
const GATHER_BYTES: usize = 32 * 1024;

/// Bytes that are read of a connection that is being closed. One whose peer goes on sending sees its end as
/// a reset then.
const DRAINED_BYTES_MAX: usize = 256 * 1024;

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
    /// Who is at the other end; until a proxy has said for whom it connects, that proxy.
    pub(crate) peer: SocketAddr,
    pub(crate) stream: Stream,
    /// What it must begin with.
    entry: Entry,
    /// It came to the proxy by TLS.
    came_by_tls: bool,
    /// It has not said a byte, but for one that a TLS hello may begin with.
    is_unheard: bool,
    /// When it is greeted if it says nothing. `None`: it is not.
    pub(crate) greet_at: Option<MonoMs>,
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
    /// It was too fast: nothing more of it is looked at until then.
    pub(crate) rests_until: Option<MonoMs>,
    /// What it made its lane read.
    pub(crate) intake: Intake,
    /// What was read of it while it was being closed, in bytes.
    pub(crate) drained: usize,
    /// How it was let in; `None`: it is not known yet who it is.
    pub(crate) admission: Option<Admission>,
    /// Counts it.
    present: Present,
}

/// What a connection must begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Nothing.
    Any,
    /// TLS.
    Tls,
    /// A proxy's header, and behind it TLS if that is all that is spoken there.
    Proxy {
        /// Whether it is.
        tls_only: bool,
    },
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ingest {
    /// Go on.
    Fine,
    /// A proxy has said who the peer is. What came behind that waits: [`Conn::ingest_waiting`].
    PeerKnown,
    /// A proxy did not say who the peer is.
    NoHeader,
    /// TLS begins here: [`Conn::begin_tls`].
    Hello,
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
        entry: Entry,
        outbox: Outbox,
        counters: &Arc<Counters>,
    ) -> Self {
        Self {
            session,
            peer,
            stream: Stream::clear(stream),
            entry,
            came_by_tls: false,
            is_unheard: true,
            greet_at: None,
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
            rests_until: None,
            intake: Intake::default(),
            drained: 0,
            admission: None,
            present: Present::new(Arc::clone(counters)),
        }
    }

    /// Takes bytes that came.
    pub(crate) fn ingest(&mut self, bytes: &[u8], answer: &mut Vec<u8>) -> Ingest {
        if self.is_unheard && self.may_be_hello(bytes) {
            self.lines.push(bytes);
            let is_hello = self.lines.waiting().len() > 1;
            return if is_hello { Ingest::Hello } else { Ingest::Fine };
        }
        // Where a proxy must speak first, the peer has not spoken by that.
        self.is_unheard &= bytes.is_empty() || self.awaits_proxy();
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
                self.ingest_waiting(answer)
            }
        }
    }

    /// Looks at what has come while the door is not decided.
    pub(crate) fn ingest_waiting(&mut self, answer: &mut Vec<u8>) -> Ingest {
        let waiting = self.lines.waiting();
        match self.entry {
            Entry::Proxy { tls_only } => match proxy::parse(waiting) {
                Parsed::Unfinished => Ingest::Fine,
                Parsed::Bad => Ingest::NoHeader,
                Parsed::Header { bytes, client } => {
                    let rest = waiting[bytes..].to_vec();
                    self.lines = LineBuffer::default();
                    self.lines.push(&rest);
                    self.entry = if tls_only { Entry::Tls } else { Entry::Any };
                    if let Some(client) = client {
                        (self.peer, self.came_by_tls) = (client.peer, client.by_tls);
                    }
                    Ingest::PeerKnown
                }
            },
            // Only a proxy of the operator may say who is at the other end.
            Entry::Any if waiting.starts_with(&proxy::SIGNATURE) => Ingest::Unserved(b""),
            Entry::Tls if !self.stream.is_encrypted() => match sniff::sniff(waiting) {
                Some(Spoken::Tls) => Ingest::Hello,
                None if waiting.first().is_none_or(u8::is_ascii_uppercase) => Ingest::Fine,
                spoken => {
                    let spoken = spoken.unwrap_or(Spoken::Plain);
                    Ingest::Unserved(crate::door::goodbye_of_tls_only(spoken))
                }
            },
            Entry::Any | Entry::Tls => match sniff::sniff(waiting) {
                None => Ingest::Fine,
                Some(Spoken::Tls) if !self.stream.is_encrypted() => Ingest::Hello,
                Some(spoken @ (Spoken::Native | Spoken::Plain)) => {
                    self.decide(spoken == Spoken::Native, answer);
                    Ingest::Decided
                }
                Some(other) => Ingest::Unserved(crate::door::goodbye_to_unspoken(other)),
            },
        }
    }

    /// Whether these are the first bytes of a peer that was greeted in the clear, and begin a TLS
    /// hello: a record of a handshake, version 3.x (RFC 8446, section 5.1).
    fn may_be_hello(&self, bytes: &[u8]) -> bool {
        let is_plain = matches!(self.door, Some(Door::Plain(_))) && !self.stream.is_encrypted();
        match self.lines.waiting() {
            _ if !is_plain => false,
            [] => matches!(bytes, [0x16] | [0x16, 0x03, ..]),
            before => before == [0x16] && bytes.first() == Some(&0x03),
        }
    }

    /// From here on it is TLS, and everything begins again inside; what came of it already goes there.
    /// A door that it had is forgotten.
    pub(crate) fn begin_tls(&mut self, config: Arc<rustls::ServerConfig>) -> io::Result<()> {
        let first = std::mem::take(&mut self.lines).waiting().to_vec();
        let mut greeting = Vec::new();
        self.outbox.gather(&mut greeting, usize::MAX);
        self.outbox.taken(greeting.len());
        self.door = None;
        self.present.at(None);
        self.phase = Phase::Undecided;
        self.is_unheard = true;
        self.greet_at = None;
        self.stream.begin_tls(config, first, greeting)
    }

    /// Whether a proxy must say first who the peer is.
    pub(crate) fn awaits_proxy(&self) -> bool {
        matches!(self.entry, Entry::Proxy { .. })
    }

    /// Whether it must be gone soon, whatever it says: it is one too many, or its proxy has not said who it
    /// is.
    pub(crate) fn is_hasty(&self) -> bool {
        self.awaits_proxy() || self.admission == Some(Admission::TurnAway)
    }

    /// Whether silence means that the peer waits for the server to speak.
    pub(crate) fn may_be_greeted(&self) -> bool {
        match self.entry {
            Entry::Any => !self.stream.is_handshaking(),
            Entry::Tls => self.stream.is_encrypted() && !self.stream.is_handshaking(),
            Entry::Proxy { .. } => false,
        }
    }

    /// Fixes the door. What came before goes through it.
    pub(crate) fn decide(&mut self, is_native: bool, answer: &mut Vec<u8>) {
        let fresh = [random::resume_token(), random::resume_token()];
        self.phase = Phase::Served;
        self.present.at(Some(if is_native { DoorKind::Native } else { DoorKind::Plain }));
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
        // Many strangers hold little.
        let most = if self.is_named { limits::FRAME_BYTES } else { limits::HELLO_BYTES };
        while self.gate.is_open() && self.rests_until.is_none() {
            let asked = match self.lines.next_line_within(most) {
                Some(Line::Whole(line)) => door.decode(line),
                Some(Line::TooLong) => Some(door.too_long(most)),
                None if self.phase == Phase::HalfClosed => {
                    // A last line without an end counts as a line.
                    let rest = self.lines.rest()?;
                    // Not where somebody on the way may have cut it short.
                    if self.stream.was_cut() { None } else { door.decode(&rest) }
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

    /// Whether nobody on the way can read along: it is encrypted, as far as to the operator's proxy at
    /// least, or within this computer.
    pub(crate) fn is_private(&self) -> bool {
        self.stream.is_encrypted()
            || self.came_by_tls
            || self.peer.ip().to_canonical().is_loopback()
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Whether bytes are wanted from the peer now.
    pub(crate) fn wants_read(&self) -> bool {
        match self.phase {
            Phase::Undecided | Phase::Served if self.rests_until.is_some() => false,
            Phase::Undecided => true,
            Phase::Closing { ended, .. } => !ended && self.drained < DRAINED_BYTES_MAX,
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
        if self.is_closing() {
            self.stream.say_goodbye()?;
        }
        self.stream.try_flush()
    }
}

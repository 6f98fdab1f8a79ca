//! Clients that talk as fast as they are answered, come back when the server is gone, and repeat
//! what was not acknowledged; and the check that nothing of it was lost.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod check;
pub mod raw;

use hubbub_client::{ClientEvent, ConnectionState, Core, CoreConfig, SendState};
use hubbub_protocol::frame::{MessageKind, write_line};
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{
    Epoch, ErrorCode, Event, Instance, MonoMs, Position, RoomAddress, RoomName, UserName,
};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whatever takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(60);
/// How long a client waits for bytes before it looks at the clock.
const READ_WAIT: Duration = Duration::from_millis(2);

/// What the talkers of one test share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Where the server is now; `None` cuts all connections, what was answered just now included.
    pub address: Mutex<Option<SocketAddr>>,
    /// Messages that were acknowledged so far, to all.
    pub acknowledged: AtomicU64,
    /// Say nothing new, and end when everything is answered.
    pub finish: AtomicBool,
    /// End at once.
    pub abort: AtomicBool,
}

impl Shared {
    /// Waits until so many are acknowledged in all.
    pub fn wait_acknowledged(&self, count: u64) {
        self.wait("acknowledgements", || self.acknowledged.load(Ordering::SeqCst) >= count);
    }

    /// Waits until something is so.
    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        assert!(becomes(LIMIT, so), "waited too long for {what}");
    }
}

/// Whether something becomes so within a time.
pub fn becomes(limit: Duration, so: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !so() {
        if began.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    true
}

/// What one talker knows at its end.
#[derive(Debug, Default)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What was acknowledged, in the order of the acknowledgements.
    pub acknowledged: Vec<(String, RoomName, Position)>,
    /// What was refused for good.
    pub refused: Vec<(String, ErrorCode)>,
    /// What was not answered; empty, unless aborted.
    pub unanswered: usize,
    /// What it heard in each room, in order.
    pub heard: BTreeMap<RoomName, Vec<Event>>,
    /// Conversations that could not be continued.
    pub resets: u64,
    /// The epochs of its welcomes.
    pub epochs: Vec<Epoch>,
    /// How often the server broke the protocol.
    pub violations: u64,
}

/// One client, driven by a blocking loop.
struct Talker<'a> {
    core: Core,
    shared: &'a Shared,
    rooms: &'a [RoomName],
    rng: fastrand::Rng,
    start: Instant,
    heard_at: Instant,
    in_flight: usize,
    texts: BTreeMap<u64, (String, RoomName)>,
    report: Report,
}

/// Talks in these rooms until told to finish.
pub fn talk(shared: &Shared, name: &str, rooms: &[RoomName], seed: u64) -> Report {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut instance = [0; 16];
    rng.fill(&mut instance);
    let name = UserName::parse(name).expect("a valid name");
    let mut config = CoreConfig::new(name.clone(), Instance(instance));
    config.conversations = rooms.iter().cloned().map(RoomAddress::Room).collect();
    config.follow = false;
    config.kept_events_max = 0;
    let talker = Talker {
        core: Core::new(config),
        shared,
        rooms,
        in_flight: rng.usize(1..40),
        rng,
        start: Instant::now(),
        heard_at: Instant::now(),
        texts: BTreeMap::new(),
        report: Report { name: name.to_string(), ..Report::default() },
    };
    talker.run()
}

impl Talker<'_> {
    fn run(mut self) -> Report {
        while !self.is_done() {
            assert!(self.heard_at.elapsed() < LIMIT, "{} hangs", self.report.name);
            let address = *self.shared.address.lock().expect("not poisoned");
            match address.map(|address| TcpStream::connect_timeout(&address, LIMIT)) {
                Some(Ok(stream)) => {
                    self.core.connected(self.now());
                    self.serve(stream);
                    self.core.disconnected(self.now());
                    self.settle();
                }
                // The server is being started again.
                _ => std::thread::sleep(Duration::from_micros(500)),
            }
        }
        self.report.unanswered = self.core.pending_sends().len();
        self.report.violations = self.core.violations();
        self.report
    }

    fn is_done(&self) -> bool {
        self.shared.abort.load(Ordering::SeqCst)
            || self.core.connection() == ConnectionState::Stopped
            || self.shared.finish.load(Ordering::SeqCst) && self.core.pending_sends().len() == 0
    }

    fn serve(&mut self, mut stream: TcpStream) {
        let prepared = stream.set_nodelay(true).and(stream.set_read_timeout(Some(READ_WAIT)));
        if prepared.is_err() {
            return;
        }
        let (mut lines, mut chunk, mut out) = (LineBuffer::default(), [0; 16 * 1024], Vec::new());
        while !self.is_done() && self.core.connection() != ConnectionState::Dead {
            assert!(self.heard_at.elapsed() < LIMIT, "{} hangs", self.report.name);
            if self.shared.address.lock().expect("not poisoned").is_none() {
                return;
            }
            self.say_more();
            self.core.handle_timeout(self.now());
            while let Some(frame) = self.core.poll_transmit() {
                write_line(&frame, &mut out);
            }
            if stream.write_all(&out).is_err() {
                return;
            }
            out.clear();
            match stream.read(&mut chunk) {
                Ok(0) => return,
                Ok(bytes) => lines.push(&chunk[..bytes]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
            while let Some(line) = lines.next_line() {
                let Line::Whole(line) = line else { panic!("a frame is too long") };
                self.core.received_line(self.now(), line);
            }
            self.settle();
        }
    }

    fn say_more(&mut self) {
        if self.shared.finish.load(Ordering::SeqCst) {
            return;
        }
        while self.core.pending_sends().len() < self.in_flight {
            let room = self.rooms[self.rng.usize(..self.rooms.len())].clone();
            let text = format!("{} {}", self.report.name, self.texts.len());
            let to = RoomAddress::Room(room.clone());
            let local = self.core.send(&to, &text, MessageKind::Text).expect("a fair message");
            self.texts.insert(local.0, (text, room));
        }
    }

    fn settle(&mut self) {
        while let Some(event) = self.core.poll_event() {
            self.heard_at = Instant::now();
            match event {
                ClientEvent::Connected { epoch, .. } => self.report.epochs.push(epoch),
                ClientEvent::NewEvent { conversation: RoomAddress::Room(room), event, .. } => {
                    self.report.heard.entry(room).or_default().push(event);
                }
                ClientEvent::Reset { .. } => self.report.resets += 1,
                ClientEvent::Send { local, state: SendState::Sent { position, .. } } => {
                    let (text, room) = self.texts[&local.0].clone();
                    self.report.acknowledged.push((text, room, position));
                    self.shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                ClientEvent::Send { local, state: SendState::Failed { code, .. } } => {
                    self.report.refused.push((self.texts[&local.0].0.clone(), code));
                }
                _ => {}
            }
        }
    }

    fn now(&self) -> MonoMs {
        MonoMs(self.start.elapsed().as_millis() as u64)
    }
}

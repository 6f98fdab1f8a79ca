//! A lane: a thread that owns its connections — reads them, holds their outboxes, writes them.
//!
//! The lane's state sits in one cell that only this thread touches, so outboxes need no locks. For
//! each connection one small task waits for bytes (`read_loop`); everything from the hub comes
//! through the [`Inbox`]. Deliveries of one batch are appended to the outboxes first, then each
//! dirty connection is flushed once, straight from the loop; only a full socket gets a task that
//! waits (`write_loop`). The runtime's queue is first in, first out, so the inbox is looked at after
//! the readers that were ready: batches grow with the load, without a timer.
//! See docs/adr/0001-lanes.md.

mod lifetime;
mod overdue;
mod reading;
mod saying;
#[cfg(test)]
mod tests;
mod writing;

use crate::config::ServerConfig;
use crate::conn::Conn;
use crate::hub_loop::HubLoop;
use crate::intake::IntakeByAddress;
use crate::metrics::LaneCounters;
use crate::outbox::{Budget, OutboxLimits};
use crate::proxy::Complaints;
use crate::reading::Hits;
use crate::tls::Tls;
use hubbub_hub::{Admission, Arrivals, Delivery, Notice, Reply, Tag};
use hubbub_protocol::{CloseCode, Event, MonoMs, Position, RoomAddress, RoomId, SessionId};
use hubbub_store::HistoryPage;
use rustc_hash::FxHashMap;
use slab::Slab;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Bytes read at once; one buffer for all connections of the lane.
const SCRATCH_BYTES: usize = 64 * 1024;
/// How long the last bytes of a closed connection may take, in milliseconds.
const LINGER_MS: u64 = 1_500;
/// Messages in a lane's inbox above which nobody is read on any lane.
const INBOX_MAX: usize = 16 * 1024;
/// Messages that an empty inbox keeps room for.
const INBOX_KEPT: usize = 1024;
/// How often the lane looks for what is overdue.
const SWEEP: Duration = Duration::from_millis(100);

/// What a lane is told.
#[derive(Debug)]
pub(crate) enum ToLane {
    Accepted {
        stream: std::net::TcpStream,
        peer: SocketAddr,
        /// `None`: it comes from a proxy, which says first for whom.
        admission: Option<Admission>,
        /// Whether TLS is all that is spoken where it came in.
        tls_only: bool,
    },
    Reply {
        session: SessionId,
        tag: Tag,
        reply: Reply,
    },
    History {
        session: SessionId,
        tag: Tag,
        address: RoomAddress,
        page: Option<HistoryPage>,
    },
    Found {
        session: SessionId,
        tag: Tag,
        found: Option<Hits>,
    },
    Deliver {
        room: RoomId,
        delivery: Delivery,
        except: Option<SessionId>,
        /// When it was taken, in microseconds of our clock; 0: that is not to be measured.
        taken_us: u64,
    },
    Subscribe {
        session: SessionId,
        room: RoomId,
    },
    Unsubscribe {
        session: SessionId,
        room: RoomId,
    },
    Page {
        session: SessionId,
        room: RoomId,
        events: Vec<Arc<Event>>,
        paced: bool,
    },
    Live {
        session: SessionId,
        head: Position,
    },
    Tell {
        session: SessionId,
        notice: Notice,
    },
    Close {
        session: SessionId,
        code: CloseCode,
    },
    /// From now on these settings hold.
    Configured(Arc<ServerConfig>),
    /// Show that you turn.
    Beat,
    /// Read nobody any more, ask nothing any more; go on writing. And say when that is so.
    StopReading(std::sync::mpsc::Sender<()>),
    /// End when everything is written.
    Finish,
}

/// Where others leave what a lane is to do.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Mutex<Vec<ToLane>>,
    /// The queue's length, to look at without the lock.
    waiting: AtomicUsize,
    notify: Notify,
}

impl Inbox {
    /// Leaves a message. True if the lane must be woken (once the caller has no lock).
    pub(crate) fn put(&self, message: ToLane) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push(message);
        self.waiting.store(queue.len(), Ordering::Relaxed);
        queue.len() == 1
    }

    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Whether the lane is so far behind that nothing new should be asked for.
    fn is_long(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > INBOX_MAX
    }

    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self, into: &mut Vec<ToLane>) {
        // A burst's memory is given back.
        into.shrink_to(INBOX_KEPT);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *queue, into);
        self.waiting.store(0, Ordering::Relaxed);
    }
}

/// What a lane needs to know from outside.
#[derive(Debug)]
pub(crate) struct LaneParts {
    pub(crate) index: usize,
    pub(crate) inbox: Arc<Inbox>,
    /// Those of all lanes.
    pub(crate) inboxes: Vec<Arc<Inbox>>,
    pub(crate) hub: Arc<HubLoop>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) arrivals: Arc<Mutex<Arrivals>>,
}

struct Lane {
    parts: LaneParts,
    conns: Slab<Conn>,
    /// How often each place was used.
    generations: Vec<u32>,
    /// room → the connections here that are subscribed.
    rooms: FxHashMap<RoomId, Vec<u32>>,
    dirty: Vec<u32>,
    scratch: Box<[u8]>,
    /// Connections whose first words are awaited, and until when (`Conn::greet_at`), in order.
    undecided: VecDeque<(MonoMs, SessionId)>,
    /// Connections that have not said who they are, and until when, in order.
    unnamed: VecDeque<(MonoMs, SessionId)>,
    /// Connections that are here for a moment only, and until when, in order.
    hasty: VecDeque<(MonoMs, SessionId)>,
    closing: Vec<SessionId>,
    /// About proxies that don't say for whom they connect.
    complaints: Complaints,
    /// Connections whose socket is full. One entry each (`Conn::is_listed_blocked`).
    blocked: Vec<SessionId>,
    /// Since when nobody is read because of the budget.
    over_budget_since: Option<MonoMs>,
    /// When was looked for what is overdue, last. `None` while there was nobody to look for.
    swept: Option<MonoMs>,
    /// Small frames are gathered here for one write.
    gather: Vec<u8>,
    /// Connections that were too fast. One entry each (`Conn::rests_until`).
    resting: Vec<SessionId>,
    intake: IntakeByAddress,
    /// When the messages were taken that are being written now, in microseconds.
    taken_us: Vec<u64>,
    stopped_reading: bool,
    /// Somebody is not read because of the budget.
    paused_readers: bool,
    finish_by: Option<MonoMs>,
}

type Shared = Rc<RefCell<Lane>>;

/// Runs a lane until it is told to finish and everything is written.
///
/// # Errors
/// If the system gives no event loop.
pub(crate) fn run(parts: LaneParts) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(main_loop(parts));
    Ok(())
}

async fn main_loop(parts: LaneParts) {
    let inbox = Arc::clone(&parts.inbox);
    let lane: Shared = Rc::new(RefCell::new(Lane {
        parts,
        conns: Slab::new(),
        generations: Vec::new(),
        rooms: FxHashMap::default(),
        dirty: Vec::new(),
        scratch: vec![0; SCRATCH_BYTES].into(),
        undecided: VecDeque::new(),
        unnamed: VecDeque::new(),
        hasty: VecDeque::new(),
        closing: Vec::new(),
        complaints: Complaints::default(),
        blocked: Vec::new(),
        over_budget_since: None,
        swept: None,
        gather: Vec::new(),
        resting: Vec::new(),
        intake: IntakeByAddress::default(),
        taken_us: Vec::new(),
        stopped_reading: false,
        paused_readers: false,
        finish_by: None,
    }));
    let mut messages = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let idle = lane.borrow().conns.is_empty() && lane.borrow().finish_by.is_none();
        if idle {
            lane.borrow_mut().swept = None;
        }
        tokio::select! {
            () = inbox.notify.notified() => {
                inbox.take(&mut messages);
                let mut lane_ref = lane.borrow_mut();
                for message in messages.drain(..) {
                    lane_ref.take(message, &lane);
                }
                lane_ref.flush_dirty(&lane);
                lane_ref.note_written();
                lane_ref.parts.hub.end_burst();
            }
            _ = sweep.tick(), if !idle => {
                let mut lane_ref = lane.borrow_mut();
                lane_ref.sweep();
                lane_ref.flush_dirty(&lane);
                lane_ref.parts.hub.end_burst();
                if lane_ref.is_finished() {
                    return;
                }
            }
        }
    }
}

/// Waits for bytes of one connection. Small on purpose: it exists once for each connection.
async fn read_loop(lane: Shared, id: SessionId) {
    while poll_fn(|context| lane.borrow_mut().poll_read(id, context, &lane)).await {}
}

/// Waits until a full socket takes more.
async fn write_loop(lane: Shared, id: SessionId) {
    poll_fn(|context| lane.borrow_mut().poll_flush(id, context)).await;
}

impl Lane {
    fn now(&self) -> MonoMs {
        self.parts.hub.clock().mono()
    }

    /// Whether nothing new should be asked for: too much waits to be written, or to be delivered.
    fn must_pause(&self) -> bool {
        self.parts.budget.pauses_readers() || self.parts.inboxes.iter().any(|inbox| inbox.is_long())
    }

    fn counters(&self) -> &LaneCounters {
        &self.parts.hub.counters().lanes[self.parts.index]
    }

    /// The deliveries of this batch are with their sockets, or wait for full ones.
    fn note_written(&mut self) {
        if self.taken_us.is_empty() {
            return;
        }
        let now_us = self.parts.hub.clock().us();
        let mut taken = std::mem::take(&mut self.taken_us);
        for taken_us in taken.drain(..) {
            self.counters().delivery_us.note(now_us.saturating_sub(taken_us));
        }
        taken.shrink_to(INBOX_KEPT);
        self.taken_us = taken;
    }

    fn limits(&self) -> OutboxLimits {
        self.parts.config.outbox
    }

    fn conn(&mut self, id: SessionId) -> Option<&mut Conn> {
        self.conns.get_mut(id.slot() as usize).filter(|conn| conn.session == id)
    }

    fn take(&mut self, message: ToLane, shared: &Shared) {
        match message {
            ToLane::Accepted { stream, peer, admission, tls_only } => {
                self.accept(stream, peer, (admission, tls_only), shared);
            }
            ToLane::Reply { session, tag, reply } => self.reply(session, tag, reply),
            ToLane::History { session, tag, address, page } => {
                self.history(session, tag, &address, page);
            }
            ToLane::Found { session, tag, found } => self.found(session, tag, found),
            ToLane::Deliver { room, delivery, except, taken_us } => {
                if self.deliver(room, &delivery, except) && taken_us > 0 {
                    self.taken_us.push(taken_us);
                }
            }
            ToLane::Subscribe { session, room } => self.subscribe(session, room),
            ToLane::Unsubscribe { session, room } => self.unsubscribe(session, room),
            ToLane::Page { session, room, events, paced } => {
                self.page(session, room, &events, paced);
            }
            ToLane::Live { session, head } => {
                self.say(session, |conn, out| {
                    if let Some(door) = &mut conn.door {
                        door.live(head, out);
                    }
                });
            }
            ToLane::Tell { session, notice } => {
                self.say(session, |conn, out| {
                    if let Some(door) = &mut conn.door {
                        door.notice(notice, out);
                    }
                });
            }
            ToLane::Close { session, code } => self.close(session, code),
            ToLane::Configured(config) => self.configure(config),
            ToLane::Beat => self.counters().beat(self.now()),
            ToLane::StopReading(stopped) => {
                self.stopped_reading = true;
                // The server may have stopped waiting for it.
                let _ = stopped.send(());
            }
            ToLane::Finish => self.finish_by = Some(self.now().plus(LINGER_MS)),
        }
    }
}

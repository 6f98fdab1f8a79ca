//! What is counted while the server works, cheaply: relaxed atomics, one set for each lane, so that
//! lanes don't wait for each other's caches. Nothing here takes a lock.

use crate::clock::Clock;
use hubbub_hub::{Delivery, Reply};
use hubbub_protocol::audit::DoorKind;
use hubbub_protocol::{Body, ErrorCode, MonoMs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Upper ends of the buckets for times, in microseconds: from a message within memory to a disk that
/// is about to be given up.
pub(crate) const TIMES_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000, 60_000_000,
];
/// Upper ends of the buckets for the records of one commit.
pub(crate) const BATCHES: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// How often a value fell below which end.
#[derive(Debug)]
pub(crate) struct Histogram<const N: usize> {
    ends: &'static [u64; N],
    counts: [AtomicU64; N],
    /// Those above the last end.
    above: AtomicU64,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The upper end of each bucket, and what is in it alone.
    pub(crate) buckets: Vec<(u64, u64)>,
    pub(crate) above: u64,
    pub(crate) sum: u64,
}

impl<const N: usize> Histogram<N> {
    pub(crate) fn new(ends: &'static [u64; N]) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { ends, counts, above: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    pub(crate) fn note(&self, value: u64) {
        let at = self.ends.partition_point(|end| *end < value);
        self.counts.get(at).unwrap_or(&self.above).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn add_to(&self, all: &mut Counted) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        all.buckets.resize(N, (0, 0));
        for ((sum, end), count) in all.buckets.iter_mut().zip(self.ends).zip(&self.counts) {
            *sum = (*end, sum.1 + get(count));
        }
        all.above += get(&self.above);
        all.sum += get(&self.sum);
    }
}

impl Counted {
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum::<u64>() + self.above
    }
}

/// What one lane counts. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct LaneCounters {
    /// Messages given to sessions.
    pub(crate) delivered: AtomicU64,
    /// From when a message was taken until this lane had written it, in microseconds.
    pub(crate) delivery_us: Histogram<16>,
    /// When the lane turned last.
    beat_ms: AtomicU64,
    /// It was asked to show that it turns, and has not yet.
    is_asked: AtomicBool,
}

impl LaneCounters {
    fn new() -> Self {
        Self {
            delivered: AtomicU64::new(0),
            delivery_us: Histogram::new(&TIMES_US),
            beat_ms: AtomicU64::new(0),
            is_asked: AtomicBool::new(false),
        }
    }

    /// The lane turns.
    pub(crate) fn beat(&self, now: MonoMs) {
        self.beat_ms.store(now.0, Ordering::Relaxed);
        self.is_asked.store(false, Ordering::Relaxed);
    }

    pub(crate) fn beaten(&self) -> MonoMs {
        MonoMs(self.beat_ms.load(Ordering::Relaxed))
    }

    /// Whether it must be asked now: a lane that doesn't turn is not asked over and over.
    pub(crate) fn ask(&self) -> bool {
        !self.is_asked.swap(true, Ordering::Relaxed)
    }
}

/// What came of somebody who wanted to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    Ok,
    Resumed,
    WrongPassword,
    LoginNeeded,
    Name,
    Registration,
    TlsNeeded,
    TooFast,
    Other,
}

impl Auth {
    pub(crate) const ALL: [(Self, &str); 9] = [
        (Self::Ok, "ok"),
        (Self::Resumed, "resumed"),
        (Self::WrongPassword, "wrong_password"),
        (Self::LoginNeeded, "login_needed"),
        (Self::Name, "name"),
        (Self::Registration, "registration"),
        (Self::TlsNeeded, "tls_needed"),
        (Self::TooFast, "too_fast"),
        (Self::Other, "other"),
    ];

    /// What an answer says of that, if anything. `is_named`: who is answered is somebody already.
    pub(crate) fn of(reply: &Reply, is_named: bool) -> Option<Self> {
        let code = match reply {
            Reply::Welcome { resumed: true, .. } => return Some(Self::Resumed),
            Reply::Welcome { .. } => return Some(Self::Ok),
            Reply::Refused(refusal) => refusal.code,
            _ => return None,
        };
        match code {
            ErrorCode::WrongPassword => Some(Self::WrongPassword),
            ErrorCode::TlsNeeded => Some(Self::TlsNeeded),
            ErrorCode::RegistrationClosed | ErrorCode::InviteNeeded | ErrorCode::InviteInvalid => {
                Some(Self::Registration)
            }
            // Not about coming in.
            _ if is_named => None,
            ErrorCode::HelloFirst => None,
            ErrorCode::LoginNeeded => Some(Self::LoginNeeded),
            ErrorCode::NameInvalid | ErrorCode::NameTaken => Some(Self::Name),
            ErrorCode::TooFast => Some(Self::TooFast),
            _ => Some(Self::Other),
        }
    }
}

/// What the store does.
#[derive(Debug)]
pub(crate) struct StoreCounters {
    /// How long commits took, in microseconds; the failed ones, too.
    pub(crate) commit_us: Histogram<16>,
    /// Records of each.
    pub(crate) batch: Histogram<11>,
    pub(crate) failed: AtomicU64,
    /// The longest commit since this was looked at, in microseconds.
    pub(crate) worst_us: AtomicU64,
    /// Since when the committer works on what it took, in milliseconds of our clock plus one; 0: it waits.
    since_ms: AtomicU64,
    /// It takes nothing until it was repaired.
    is_down: AtomicBool,
    /// The committer has ended, and nobody told it to.
    is_gone: AtomicBool,
}

impl StoreCounters {
    /// The committer works, until it waits again.
    pub(crate) fn set_working(&self, now: MonoMs) {
        self.since_ms.store(now.0 + 1, Ordering::Relaxed);
    }

    /// The committer waits.
    pub(crate) fn set_idle(&self) {
        self.since_ms.store(0, Ordering::Relaxed);
    }

    /// A commit of so many records is over.
    pub(crate) fn note(&self, took_us: u64, records: usize, is_done: bool) {
        self.commit_us.note(took_us);
        self.batch.note(records as u64);
        self.worst_us.fetch_max(took_us, Ordering::Relaxed);
        if !is_done {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_gone(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// Since when the committer works.
    pub(crate) fn working_since(&self) -> Option<MonoMs> {
        self.since_ms.load(Ordering::Relaxed).checked_sub(1).map(MonoMs)
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) clock: Clock,
    pub(crate) lanes: Box<[LaneCounters]>,
    /// Messages of members that were accepted.
    pub(crate) accepted: AtomicU64,
    auth: [AtomicU64; Auth::ALL.len()],
    /// Connections: of no door yet, native, plain.
    connections: [AtomicI64; 3],
    /// Connections that were one too many.
    pub(crate) turned_away: AtomicU64,
    /// Connections that were closed since they did not read.
    pub(crate) slow: AtomicU64,
    pub(crate) store: StoreCounters,
    /// When the listening thread turned last.
    pub(crate) ticked_ms: AtomicU64,
    pub(crate) is_listening: AtomicBool,
    pub(crate) is_stopping: AtomicBool,
}

impl Counters {
    pub(crate) fn new(lanes: usize, clock: Clock) -> Arc<Self> {
        let zeros = || AtomicU64::new(0);
        Arc::new(Self {
            clock,
            lanes: (0..lanes).map(|_| LaneCounters::new()).collect(),
            accepted: zeros(),
            auth: std::array::from_fn(|_| zeros()),
            connections: std::array::from_fn(|_| AtomicI64::new(0)),
            turned_away: zeros(),
            slow: zeros(),
            store: StoreCounters {
                commit_us: Histogram::new(&TIMES_US),
                batch: Histogram::new(&BATCHES),
                failed: zeros(),
                worst_us: zeros(),
                since_ms: zeros(),
                is_down: AtomicBool::new(false),
                is_gone: AtomicBool::new(false),
            },
            ticked_ms: zeros(),
            is_listening: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// An answer of the hub.
    pub(crate) fn note_reply(&self, reply: &Reply) {
        if matches!(reply, Reply::Sent { repeated: false, .. }) {
            self.accepted.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn note_auth(&self, auth: Auth) {
        self.auth[auth as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn auth(&self, auth: Auth) -> u64 {
        self.auth[auth as usize].load(Ordering::Relaxed)
    }

    /// Connections of no door yet, native ones, plain ones.
    pub(crate) fn connections(&self) -> [u64; 3] {
        let get = |count: &AtomicI64| u64::try_from(count.load(Ordering::Relaxed)).unwrap_or(0);
        self.connections.each_ref().map(get)
    }

    /// Messages that were given to sessions.
    pub(crate) fn delivered(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.delivered.load(Ordering::Relaxed)).sum()
    }
}

/// Whether a delivery is what somebody said, and not one of what people did.
pub(crate) fn is_said(delivery: &Delivery) -> bool {
    match delivery {
        Delivery::Message { event, .. } => is_words(&event.body),
        _ => false,
    }
}

/// The same, of what is in an event.
pub(crate) fn is_words(body: &Body) -> bool {
    matches!(body, Body::Text(_) | Body::Action(_))
}

/// Counts one connection, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Present {
    counters: Arc<Counters>,
    at: usize,
}

impl Present {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        counters.connections[0].fetch_add(1, Ordering::Relaxed);
        Self { counters, at: 0 }
    }

    /// It has this door now, or none any more.
    pub(crate) fn at(&mut self, door: Option<DoorKind>) {
        let at = match door {
            None => 0,
            Some(DoorKind::Native) => 1,
            Some(DoorKind::Plain) => 2,
        };
        self.counters.connections[self.at].fetch_sub(1, Ordering::Relaxed);
        self.counters.connections[at].fetch_add(1, Ordering::Relaxed);
        self.at = at;
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.counters.connections[self.at].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_below_the_first_end_that_is_not_less() {
        let histogram = Histogram::new(&BATCHES);
        for value in [0, 1, 2, 3, 1_024, 1_025] {
            histogram.note(value);
        }
        let mut all = Counted::default();
        histogram.add_to(&mut all);
        histogram.add_to(&mut all);
        assert_eq!(all.buckets[..3], [(1, 4), (2, 2), (4, 2)]);
        assert_eq!(all.buckets[10], (1_024, 2));
        assert_eq!((all.above, all.sum, all.count()), (2, 4_110, 12));
    }

    #[test]
    fn a_connection_counts_once_wherever_it_is() {
        let counters = Counters::new(1, Clock::start());
        let mut one = Present::new(Arc::clone(&counters));
        let other = Present::new(Arc::clone(&counters));
        assert_eq!(counters.connections(), [2, 0, 0]);
        one.at(Some(DoorKind::Plain));
        assert_eq!(counters.connections(), [1, 0, 1]);
        one.at(None);
        one.at(Some(DoorKind::Native));
        drop(other);
        assert_eq!(counters.connections(), [0, 1, 0]);
        drop(one);
        assert_eq!(counters.connections(), [0, 0, 0]);
    }

    #[test]
    fn each_result_has_a_place_of_its_own() {
        for (at, (auth, _)) in Auth::ALL.iter().enumerate() {
            assert_eq!(*auth as usize, at);
        }
    }
}

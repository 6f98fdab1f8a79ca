//! What shows only inside a lane.

use super::{Inbox, LaneParts, ToLane, main_loop};
use crate::clock::Clock;
use crate::commit::CommitQueue;
use crate::config::{ServerConfig, TlsConfig};
use crate::hub_loop::HubLoop;
use crate::metrics::Counters;
use crate::outbox::Budget;
use crate::tls::Tls;
use hubbub_hub::{Admission, Arrivals, Hub, HubConfig, Limits};
use hubbub_protocol::Epoch;
use hubbub_protocol::record::Snapshot;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn parts() -> LaneParts {
    parts_with(ServerConfig::new(Vec::new(), std::path::PathBuf::new()))
}

fn parts_with(config: ServerConfig) -> LaneParts {
    let inbox = Arc::<Inbox>::default();
    let mut first = Vec::new();
    let hub = Hub::new(HubConfig::default(), Epoch(1), Snapshot::default(), &mut first);
    let inboxes = vec![Arc::clone(&inbox)];
    let commits = Arc::<CommitQueue>::default();
    let counters = Counters::new(1, Clock::start());
    let hub = HubLoop::new(
        hub,
        first,
        inboxes.clone(),
        commits,
        Arc::default(),
        Arc::default(),
        Arc::default(),
        tokio::sync::mpsc::unbounded_channel().0,
        counters,
    );
    LaneParts {
        index: 0,
        inbox,
        inboxes,
        hub: Arc::new(hub),
        budget: Budget::new(1 << 20),
        config: Arc::new(config),
        arrivals: Arc::new(Mutex::new(Arrivals::new(Limits::default()))),
        tls: Tls::open(None, &TlsConfig::default()).unwrap(),
    }
}

/// A connection that the server closes, and whose peer stays: its tasks wait for a socket that is
/// gone, and nothing would wake them.
#[test]
fn a_connection_that_is_cut_off_leaves_no_task_behind() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let parts = parts();
        let inbox = Arc::clone(&parts.inbox);
        let lane = tokio::task::spawn_local(main_loop(parts));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peers = Vec::new();
        for _ in 0..5 {
            let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, address) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            peer.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            peers.push(peer);
            if inbox.put(ToLane::Accepted {
                stream,
                peer: address,
                admission: Some(Admission::Welcome),
                tls_only: false,
            }) {
                inbox.wake();
            }
        }
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut most = 0;
        while most < 6 || alive() > 1 {
            most = most.max(alive());
            assert!(Instant::now() < deadline, "{} tasks are left of {most}", alive());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lane.abort();
    });
}

/// A process that was stopped finds all deadlines overdue when it goes on. What nobody could do
/// meanwhile is not asked of them.
#[test]
fn time_in_which_the_lane_stood_still_does_not_count() {
    let closed = after_a_standstill(60_000, 2_000, |peer| {
        let closed = peer.peek(&mut [0]);
        !closed.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    // A look may come this late at any time.
    assert!(closed + 2 * super::SWEEP >= Duration::from_millis(2_000) + STANDSTILL, "{closed:?}");
}

/// Who waits in silence waits on, and is greeted.
#[test]
fn a_silent_peer_is_greeted_after_a_standstill() {
    let greeted = after_a_standstill(1_000, 600_000, |peer| peer.peek(&mut [0]).is_ok());
    assert!(greeted + 2 * super::SWEEP >= Duration::from_millis(1_000) + STANDSTILL, "{greeted:?}");
}

const STANDSTILL: Duration = Duration::from_millis(3_000);

/// How long it took until a silent peer saw that, when the lane stood still meanwhile.
fn after_a_standstill(
    sniff_ms: u64,
    login_ms: u64,
    has_come: impl Fn(&TcpStream) -> bool,
) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let mut config = ServerConfig::new(Vec::new(), std::path::PathBuf::new());
        (config.sniff_ms, config.login_ms) = (sniff_ms, login_ms);
        let parts = parts_with(config);
        let inbox = Arc::clone(&parts.inbox);
        let lane = tokio::task::spawn_local(main_loop(parts));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_nonblocking(true).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        if inbox.put(ToLane::Accepted {
            stream,
            peer: address,
            admission: Some(Admission::Welcome),
            tls_only: false,
        }) {
            inbox.wake();
        }
        let accepted = Instant::now();
        // Long enough for the lane to have looked once.
        while accepted.elapsed() < Duration::from_millis(300) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The lane is on this thread, and stands still with it.
        std::thread::sleep(STANDSTILL);
        while !has_come(&peer) {
            assert!(accepted.elapsed() < Duration::from_secs(30), "it never comes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lane.abort();
        accepted.elapsed()
    })
}

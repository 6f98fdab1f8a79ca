//! What shows only inside a lane.

use super::{Inbox, LaneParts, ToLane, main_loop};
use crate::clock::Clock;
use crate::commit::CommitQueue;
use crate::config::ServerConfig;
use crate::hub_loop::HubLoop;
use crate::outbox::Budget;
use hubbub_hub::{Hub, HubConfig};
use hubbub_protocol::Epoch;
use hubbub_protocol::record::Snapshot;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn parts() -> LaneParts {
    let inbox = Arc::<Inbox>::default();
    let mut first = Vec::new();
    let hub = Hub::new(HubConfig::default(), Epoch(1), Snapshot::default(), &mut first);
    let inboxes = vec![Arc::clone(&inbox)];
    let commits = Arc::<CommitQueue>::default();
    let clock = Clock::start();
    let hub =
        HubLoop::new(hub, first, inboxes.clone(), commits, Arc::default(), Arc::default(), clock);
    LaneParts {
        index: 0,
        inbox,
        inboxes,
        hub: Arc::new(hub),
        budget: Budget::new(1 << 20),
        config: Arc::new(ServerConfig::new(Vec::new(), std::path::PathBuf::new())),
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
            if inbox.put(ToLane::Accepted { stream, peer: address }) {
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

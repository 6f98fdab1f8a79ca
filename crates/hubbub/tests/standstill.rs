//! The real program is stopped for some seconds while people talk (a paused virtual machine, a full
//! swap): they go on where they were, nothing is lost or doubled, and nobody is sent away for it.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/load/mod.rs"]
mod load;
mod support;

use hubbub_protocol::RoomName;
use load::{Shared, check::check, raw::read_log, talk};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::{Serve, printed};

const TALKERS: usize = 4;
const STOPPED: Duration = Duration::from_secs(3);
/// Acknowledgements before it, and after it.
const MESSAGES: u64 = 200;

#[test]
fn nobody_is_sent_away_and_nothing_lost_when_the_server_stands_still() {
    let data = tempfile::tempdir().unwrap();
    let rooms = ["work", "play"].map(|name| RoomName::parse(name).unwrap());
    let serve = Serve::new(data.path());
    let address = serve.address.parse().unwrap();
    let shared = Shared::default();
    *shared.address.lock().unwrap() = Some(address);
    let reports = std::thread::scope(|scope| {
        let talkers: Vec<_> = (0..TALKERS)
            .map(|talker| {
                let (shared, rooms) = (&shared, &rooms);
                scope.spawn(move || talk(shared, &format!("talker{talker}"), rooms, talker as u64))
            })
            .collect();
        shared.wait_acknowledged(MESSAGES);
        serve.process.signal("STOP");
        let began = Instant::now();
        while began.elapsed() < STOPPED {
            std::thread::sleep(Duration::from_millis(10));
        }
        let before = shared.acknowledged.load(Ordering::SeqCst);
        serve.process.signal("CONT");
        shared.wait_acknowledged(before + MESSAGES);
        shared.finish.store(true, Ordering::SeqCst);
        talkers.into_iter().map(|talker| talker.join().unwrap()).collect::<Vec<_>>()
    });
    let (log, _) = read_log(address, &rooms);
    let broken = check(&reports, &log);
    assert!(broken.is_empty(), "{} promises broken: {:?}", broken.len(), broken.first());
    let said: usize = log.values().map(Vec::len).sum();
    assert_eq!(said as u64, shared.acknowledged.load(Ordering::SeqCst));
    // Each came once and stayed.
    let audit = printed(data.path(), &["audit"]);
    for talker in 0..TALKERS {
        let name = format!("talker{talker}");
        let came = audit.lines().filter(|line| line.contains(&name) && line.contains("login"));
        assert_eq!(came.count(), 1, "{audit}");
    }
    assert!(!audit.contains("slow"), "{audit}");
}

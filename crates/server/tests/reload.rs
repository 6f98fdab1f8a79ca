//! Other settings while people are connected.

mod support;

use hubbub_server::{Reload, Reread, ServerConfig};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use support::TestServer;

type Choice = Arc<Mutex<Result<ServerConfig, String>>>;

fn read(choice: &Choice) -> MutexGuard<'_, Result<ServerConfig, String>> {
    choice.lock().expect("no test panics while it chooses")
}

/// A server, and what it reads when it is told to.
fn server() -> (TestServer, Choice) {
    let choice: Choice = Arc::new(Mutex::new(Err("nobody has chosen".into())));
    let server = TestServer::with(|config| {
        *read(&choice) = Ok(config.clone());
        let choice = Arc::clone(&choice);
        config.reload = Some(Reload(Arc::new(move || read(&choice).clone().map(Reread::from))));
    });
    (server, choice)
}

fn choose(choice: &Choice, change: impl FnOnce(&mut ServerConfig)) {
    change(read(choice).as_mut().expect("nothing is wrong"));
}

#[test]
fn without_guests_the_next_one_is_refused_and_those_who_are_here_go_on() {
    let (server, choice) = server();
    let (mut ann, mut bob) = (server.native("ann"), server.plain("bob"));
    choose(&choice, |config| config.hub.guests = false);
    assert_eq!(server.reload().unwrap().applied, ["guests: true -> false"]);
    let mut carol = server.wire();
    carol.write("carol\n");
    let said: Vec<String> = std::iter::from_fn(|| carol.line()).take(3).collect();
    assert!(said.iter().any(|line| line.contains("no guests")), "{said:?}");
    bob.tell("still here");
    ann.tell("lobby", "me too");
    assert_eq!(ann.texts(), ["still here"]);
    assert!(server.reload().unwrap().applied.is_empty(), "it is so already");
}

#[test]
fn what_is_not_the_servers_is_applied_with_the_rest_or_not_at_all() {
    let choice: Choice = Arc::new(Mutex::new(Err("nobody has chosen".into())));
    let times = Arc::new(AtomicUsize::new(0));
    let server = TestServer::with(|config| {
        *read(&choice) = Ok(config.clone());
        let (choice, times) = (Arc::clone(&choice), Arc::clone(&times));
        config.reload = Some(Reload(Arc::new(move || {
            let times = Arc::clone(&times);
            let others = vec!["log.level: \"info\" -> \"debug\"".to_owned()];
            let apply_others = Box::new(move || _ = times.fetch_add(1, Ordering::Relaxed));
            Ok(Reread { config: read(&choice).clone()?, others, apply_others })
        })));
    });
    choose(&choice, |config| config.tls.names = vec!["not a name".into()]);
    assert!(server.reload().unwrap_err().contains("not a name"));
    assert_eq!(times.load(Ordering::Relaxed), 0);
    choose(&choice, |config| config.tls.names.clear());
    assert_eq!(server.reload().unwrap().applied, ["log.level: \"info\" -> \"debug\""]);
    assert_eq!(times.load(Ordering::Relaxed), 1);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let (server, choice) = server();
    *read(&choice) = Err("line 3 is wrong".into());
    assert_eq!(server.reload().unwrap_err(), "line 3 is wrong");
    server.native("ann");
    let mut wrong = server.config.clone();
    wrong.hub.guests = false;
    wrong.tls.names = vec!["not a name".into()];
    *read(&choice) = Ok(wrong);
    assert!(server.reload().unwrap_err().contains("not a name"));
    server.native("bob");
}

#[test]
fn where_it_listens_needs_a_restart() {
    let (server, choice) = server();
    choose(&choice, |config| config.listen = vec!["127.0.0.1:1".parse().unwrap()]);
    let reloaded = server.reload().unwrap();
    assert!(reloaded.applied.is_empty(), "{reloaded:?}");
    assert!(reloaded.needs_restart[0].starts_with("listen: [\"127.0.0.1:0\"]"), "{reloaded:?}");
    assert_eq!(server.reload().unwrap(), reloaded, "it is told until it is so");
    server.native("ann");
}

/// Whether a connection gets as far as a name.
fn comes_in(server: &TestServer, name: &str) -> bool {
    let mut wire = server.wire();
    wire.try_write(format!("{name}\n"));
    let mut lines = std::iter::from_fn(|| wire.raw_line_if_any());
    lines.any(|line| line.starts_with(format!("-- Welcome, {name}").as_bytes()))
}

#[test]
fn limits_of_connections_count_those_who_are_here() {
    let (server, choice) = server();
    let mut ann = server.native("ann");
    let _bob = server.native("bob");
    choose(&choice, |config| config.hub.limits.connections_per_address = 2);
    server.reload().unwrap();
    assert!(!comes_in(&server, "carol"));
    ann.tell("lobby", "hello");
    choose(&choice, |config| config.hub.limits.connections_per_address = 3);
    server.reload().unwrap();
    // The one that was turned away is gone, so there is room for one.
    let _carol = server.native("carol");
    assert!(!comes_in(&server, "dave"));
}

#[test]
fn a_shorter_time_to_log_in_holds_for_those_who_come() {
    let (server, choice) = server();
    let mut early = server.wire();
    early.line().expect("it is greeted, so it is here");
    choose(&choice, |config| config.login_ms = 100);
    server.reload().unwrap();
    // On every lane, behind one that has more time.
    for _ in 0..server.config.lanes {
        let mut late = server.wire();
        while late.raw_line_if_any().is_some() {}
    }
    early.write("ann\n");
    let mut lines = std::iter::from_fn(|| early.line());
    assert!(lines.any(|line| line.starts_with("-- Welcome, ann")), "it has the time that it had");
}

#[test]
fn a_proxy_is_taken_for_one_from_then_on() {
    let (server, choice) = server();
    let mut ann = server.plain("ann");
    choose(&choice, |config| config.proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    server.reload().unwrap();
    let bare = server.wire();
    bare.write("bob\n");
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut bare.raw(), &mut rest);
    assert_eq!(rest, b"", "it says not for whom it connects");
    ann.tell("no header is needed of who is here");
    choose(&choice, |config| config.proxies.clear());
    server.reload().unwrap();
    server.plain("bob");
}

//! What is compared.

use super::compare::{Comparison, compare};
use crate::ServerConfig;
use hubbub_hub::{Limited, Rate};
use hubbub_protocol::Registration;
use std::path::PathBuf;

fn config() -> ServerConfig {
    ServerConfig::new(vec!["127.0.0.1:0".parse().unwrap()], PathBuf::from("data"))
}

fn compared(change: impl FnOnce(&mut ServerConfig)) -> Comparison {
    let mut new = config();
    change(&mut new);
    compare(&config(), new)
}

#[test]
fn what_is_as_it_was_is_not_told() {
    let same = compared(|_| {});
    assert!(same.applied.is_empty() && same.needs_restart.is_empty(), "{same:?}");
}

#[test]
fn every_change_is_told_in_the_words_of_the_settings_with_both_values() {
    for (change, line) in [
        ((|new| new.hub.guests = false) as fn(&mut ServerConfig), "guests: true -> false"),
        (|new| new.hub.registration = Registration::Invite, "registration: \"open\" -> \"invite\""),
        (|new| new.hub.audit_ms = 7 * 24 * 60 * 60 * 1000, "audit_days: 90 -> 7"),
        (|new| new.login_ms = 5_000, "limits.login_s: 120 -> 5"),
        (|new| new.outboxes_bytes = 1 << 20, "outbox.all_bytes: 268435456 -> 1048576"),
        (|new| new.tls.names = vec!["box".into()], "tls.names: [] -> [\"box\"]"),
        (
            |new| new.proxies = vec!["10.0.0.0/8".parse().unwrap()],
            "limits.proxies: [] -> [\"10.0.0.0/8\"]",
        ),
        (
            |new| new.hub.limits.user[Limited::Joins] = Rate::new(5, 6),
            "limits.user.joins: { burst = 600, per_minute = 600 } -> { burst = 5, per_minute = 6 }",
        ),
        (
            |new| new.hub.limits.intake.reads = Rate::FREE,
            "limits.intake.reads: { burst = 300, per_minute = 6000 } -> { burst = 0, per_minute = 0 }",
        ),
    ] {
        let Comparison { config: after, applied, needs_restart } = compared(change);
        assert_eq!((applied, needs_restart), (vec![line.to_owned()], Vec::new()));
        let mut wanted = config();
        change(&mut wanted);
        assert_eq!(format!("{after:?}"), format!("{wanted:?}"), "it is what runs: {line}");
    }
}

#[test]
fn what_needs_a_restart_does_not_run() {
    let there = "0.0.0.0:6000".parse().unwrap();
    let moved = compared(|new| new.listen = vec![there]);
    assert_eq!(moved.needs_restart, ["listen: [\"127.0.0.1:0\"] -> [\"0.0.0.0:6000\"]"]);
    assert_eq!(format!("{:?}", moved.config), format!("{:?}", config()));
    let moved = compared(|new| new.listen_tls = vec![there]);
    assert_eq!(moved.needs_restart, ["tls.listen: [] -> [\"0.0.0.0:6000\"]"]);
    assert!(moved.config.listen_tls.is_empty());
}

#[test]
fn while_it_listens_as_before_nobody_more_is_let_in_but_less() {
    let open = |config: &mut ServerConfig| {
        config.hub.guests = true;
        config.hub.plaintext_passwords = true;
        config.hub.registration = Registration::Open;
    };
    let closed = |config: &mut ServerConfig| {
        config.hub.guests = false;
        config.hub.plaintext_passwords = false;
        config.hub.registration = Registration::Closed;
    };
    let moved = |config: &mut ServerConfig| config.listen = vec!["0.0.0.0:1".parse().unwrap()];
    let of = |config: &ServerConfig| {
        (config.hub.guests, config.hub.plaintext_passwords, config.hub.registration)
    };
    let (mut from, mut to) = (config(), config());
    closed(&mut from);
    open(&mut to);
    assert_eq!(of(&compare(&from, to.clone()).config), of(&to));
    moved(&mut to);
    let waits = compare(&from, to);
    assert_eq!(of(&waits.config), of(&from));
    assert_eq!((waits.applied.len(), waits.needs_restart.len()), (0, 4), "{waits:?}");
    assert!(waits.needs_restart.contains(&"guests: false -> true".to_owned()), "{waits:?}");

    let (mut from, mut to) = (config(), config());
    open(&mut from);
    closed(&mut to);
    moved(&mut to);
    let stricter = compare(&from, to.clone());
    assert_eq!(of(&stricter.config), of(&to));
    assert_eq!(stricter.needs_restart.len(), 1, "{stricter:?}");
}

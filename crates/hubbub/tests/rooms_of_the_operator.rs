//! `hubbub user` and `hubbub room` as an operator and scripts see them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Serve, code, netcat, on, printed, run, send};

/// Why it was refused.
fn refused(data: &Path, arguments: &[&str]) -> String {
    let (exit, text) = code(&on(data, arguments));
    assert_eq!(exit, Some(1), "{arguments:?}: {text}");
    text
}

fn register(serve: &Serve, name: &str) {
    let mut nc = netcat(serve);
    nc.type_line(&format!("/register {name} opensesame"));
    drop(nc.stdin.take());
    nc.out.until("You are registered");
    assert!(nc.wait().success());
}

// ---- what the user can put right

#[test]
fn wrong_arguments_are_the_users_to_put_right() {
    for arguments in [
        &["user"][..],
        &["user", "admin"],
        &["user", "admin", "two words"],
        &["room"],
        &["room", "role", "lobby", "ann"],
        &["room", "role", "lobby", "ann", "king"],
        &["room", "role", "two words", "ann", "owner"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_folder_without_data_is_the_users_to_put_right() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("typo");
    for arguments in [
        &["user", "admin", "ann"][..],
        &["user", "admins"],
        &["user", "list"],
        &["user", "password", "ann"],
        &["room", "role", "lobby", "ann", "owner"],
        &["room", "list"],
    ] {
        let (exit, text) = code(&on(&folder, arguments));
        assert_eq!(exit, Some(2), "{arguments:?}: {text}");
        assert!(text.contains("typo") && text.contains("--data"), "{text}");
    }
    assert!(!folder.exists());
}

#[test]
fn everything_has_a_help() {
    for arguments in [
        &["user", "admin", "--help"][..],
        &["user", "admins", "--help"],
        &["user", "list", "--help"],
        &["user", "password", "--help"],
        &["room", "role", "--help"],
        &["room", "list", "--help"],
        &["export", "--help"],
        &["import", "--help"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("--data"), "{arguments:?}");
    }
}

// ---- with the hub

#[test]
fn an_account_becomes_an_admin_and_stays_one_without_a_server() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    register(&serve, "ann");
    register(&serve, "bob");
    assert_eq!(printed(data.path(), &["user", "admins"]), "");
    assert_eq!(printed(data.path(), &["user", "admin", "ANN"]), "");
    assert_eq!(printed(data.path(), &["user", "admins"]), "ann\n");
    let said = refused(data.path(), &["user", "admin", "nobody"]);
    assert!(said.contains("nobody"), "{said}");

    assert_eq!(serve.stop().code(), Some(0));
    assert_eq!(printed(data.path(), &["user", "admin", "bob"]), "");
    assert_eq!(printed(data.path(), &["user", "admins"]), "ann\nbob\n");
    assert_eq!(printed(data.path(), &["user", "admin", "ann", "--off"]), "");
    assert_eq!(printed(data.path(), &["user", "admins", "--json"]), "{\"name\":\"bob\"}\n");
}

/// What the server says to this password.
fn log_in(serve: &Serve, name: &str, password: &str) -> String {
    let mut nc = netcat(serve);
    nc.type_line(&format!("/login {name} {password}"));
    let answer = nc.out.next().expect("an answer");
    nc.kill();
    answer
}

#[test]
fn who_has_forgotten_a_password_gets_another_with_a_server_and_without() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    register(&serve, "ann");
    register(&serve, "bob");
    let mut inside = netcat(&serve);
    inside.type_line("/login ann opensesame");
    inside.out.until("Welcome");

    let first = printed(data.path(), &["user", "password", "Ann"]);
    inside.out.until("This login was ended");
    inside.kill();
    assert!(log_in(&serve, "ann", "opensesame").starts_with("! "), "the old one");
    assert!(log_in(&serve, "ann", first.trim()).contains("Welcome"));
    assert!(log_in(&serve, "bob", "opensesame").contains("Welcome"), "nobody else's");
    refused(data.path(), &["user", "password", "nobody"]);

    assert_eq!(serve.stop().code(), Some(0));
    let second = printed(data.path(), &["user", "password", "ann"]);
    assert_ne!(first, second);
    let serve = Serve::new(data.path());
    assert!(log_in(&serve, "ann", first.trim()).starts_with("! "), "the one before");
    assert!(log_in(&serve, "ann", second.trim()).contains("Welcome"));
    let log = printed(data.path(), &["audit", "--act", "password_changed"]);
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(!log.contains(first.trim()) && !log.contains(second.trim()), "{log}");
}

#[test]
fn accounts_are_listed_while_the_server_runs_and_after() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    register(&serve, "bob");
    register(&serve, "ann");
    printed(data.path(), &["user", "admin", "bob"]);
    let mut here = netcat(&serve);
    here.type_line("/login ann opensesame");
    here.out.until("Welcome");
    let list = printed(data.path(), &["user", "list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(lines[0].starts_with("online") && lines[0].ends_with("  ann"), "{list}");
    assert!(lines[1].contains("admin") && lines[1].ends_with("  bob"), "{list}");
    here.kill();
    assert_eq!(serve.stop().code(), Some(0));
    let list = printed(data.path(), &["user", "list", "--json"]);
    let first: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    assert_eq!((&first["name"], &first["online"]), (&"ann".into(), &false.into()));
    assert!(first["seen"].as_u64() >= first["created"].as_u64(), "{first}");
}

#[test]
fn a_role_is_given_and_taken_with_a_server_and_without() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    register(&serve, "ann");
    send(&serve.address, "work", "hello");
    for role in ["owner", "operator", "voice", "none"] {
        assert_eq!(printed(data.path(), &["room", "role", "work", "ann", role]), "");
    }
    let said = refused(data.path(), &["room", "role", "work", "nobody", "owner"]);
    assert!(said.contains("nobody"), "{said}");
    let said = refused(data.path(), &["room", "role", "nowhere", "ann", "owner"]);
    assert!(said.contains("nowhere"), "{said}");
    assert_eq!(serve.stop().code(), Some(0));
    assert_eq!(printed(data.path(), &["room", "role", "WORK", "ann", "owner"]), "");
    refused(data.path(), &["room", "role", "nowhere", "ann", "owner"]);
}

#[test]
fn rooms_are_listed_while_the_server_runs_and_after() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    send(&serve.address, "work", "one");
    send(&serve.address, "work", "two");
    send(&serve.address, "Builds", "three");
    let listed = |arguments: &[&str]| printed(data.path(), arguments);
    let check = || {
        let text = listed(&["room", "list", "--json"]);
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let rooms: Vec<_> =
            lines.iter().filter(|line| line["room"] != "lobby").map(|line| &line["room"]).collect();
        assert_eq!(rooms, ["Builds".into(), "work".into(), Value::Null].iter().collect::<Vec<_>>());
        let work = lines.iter().find(|line| line["room"] == "work").unwrap();
        assert_eq!((&work["events"], &work["kind"]), (&2.into(), &"room".into()));
        assert_eq!(work["retention"], "forever");
        assert!(work["created"].as_u64().unwrap() > 1_600_000_000_000);
        assert_eq!(lines.last().unwrap(), &serde_json::json!({"private_chats": 0}));
        let table = listed(&["room", "list"]);
        assert!(table.starts_with("ROOM ") && table.contains("work "), "{table}");
    };
    check();
    assert_eq!(serve.stop().code(), Some(0));
    check();
}

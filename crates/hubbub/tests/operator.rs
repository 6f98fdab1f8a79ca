//! `hubbub invite` and `hubbub audit` as an operator and scripts see them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Serve, code, on, printed, run, send};

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

// ---- what the user can put right

#[test]
fn a_folder_without_data_is_the_users_to_put_right() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("typo");
    for arguments in [&["invite", "list"][..], &["invite", "revoke", "7"], &["audit"]] {
        let (exit, text) = code(&on(&folder, arguments));
        assert_eq!(exit, Some(2), "{arguments:?}: {text}");
        assert!(text.contains("typo") && text.contains("--data"), "{text}");
    }
    assert!(!folder.exists());
}

#[test]
fn wrong_arguments_are_the_users_to_put_right() {
    for arguments in [
        &["invite", "new", "--expires", "soon"][..],
        &["invite", "new", "--expires", "0d"],
        &["invite", "new", "--uses", "0"],
        &["invite", "revoke", "ann"],
        &["invite"],
        &["audit", "--since", "yesterday"],
        &["audit", "--act", "sneezed"],
        &["serve", "--guests", "maybe"],
        &["serve", "--audit-days", "0"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_server_that_cannot_be_asked_is_named() {
    let data = tempfile::tempdir().unwrap();
    let _serve = Serve::new(data.path());
    std::fs::remove_file(data.path().join("admin.sock")).unwrap();
    let (exit, text) = code(&on(data.path(), &["invite", "list"]));
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains(data.path().to_str().unwrap()), "{text}");
}

// ---- with the hub

#[test]
fn an_invite_is_made_listed_and_taken_back_by_scripts() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let made = printed(data.path(), &["invite", "new", "--note", "for ann"]);
    assert_eq!(made.trim_end().len(), "xxxx-xxxx-xxxx-xxxx".len(), "{made:?}");
    let made =
        printed(data.path(), &["invite", "new", "--uses", "5", "--expires", "never", "--json"]);
    let [made] = &json(&made)[..] else { panic!("{made:?}") };
    assert_eq!((&made["uses"], &made["expires"]), (&5.into(), &Value::Null));
    assert!(made["code"].is_string());

    let listed = json(&printed(data.path(), &["invite", "list", "--json"]));
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(listed[0]["note"], "for ann");
    let week = listed[0]["expires"].as_u64().unwrap() - listed[0]["created"].as_u64().unwrap();
    assert_eq!(week, 7 * 24 * 60 * 60 * 1000, "the default, in UTC");
    let table = printed(data.path(), &["invite", "list"]);
    assert!(table.contains("for ann") && table.contains("0 of 5"), "{table}");

    let id = made["id"].to_string();
    assert_eq!(printed(data.path(), &["invite", "revoke", &id]), "");
    let (exit, text) = code(&on(data.path(), &["invite", "revoke", &id]));
    assert_eq!(exit, Some(1), "{text}");
    assert_eq!(serve.stop().code(), Some(0));
    assert_eq!(json(&printed(data.path(), &["invite", "list", "--json"])).len(), 1);
}

#[test]
fn the_audit_log_tells_who_came_while_the_server_runs_and_after() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    send(&serve.address, "lobby", "a secret that no log may hold");
    let logins = ["audit", "--since", "1h", "--user", "ANN", "--act", "login", "--json"];
    // An entry waits for nobody, so it may be there a moment later.
    let until = std::time::Instant::now() + support::LIMIT;
    let entry = loop {
        let entries = json(&printed(data.path(), &logins));
        if let [entry] = &entries[..] {
            break entry.clone();
        }
        assert!(std::time::Instant::now() < until, "{entries:?}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert_eq!((&entry["name"], &entry["door"]), (&"ann".into(), &"native".into()));
    assert!(entry["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{entry}");
    assert_eq!(serve.stop().code(), Some(0));
    let all = printed(data.path(), &["audit"]);
    assert!(all.contains("login") && all.contains("logout"), "{all}");
    assert!(!all.contains("secret"), "{all}");
    assert_eq!(printed(data.path(), &["audit", "--since", "2100-01-01"]), "");
}

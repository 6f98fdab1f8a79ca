//! `hubbub admin` as an operator and scripts see it.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use hubbub_server::verbs::VERBS;
use serde_json::Value;
use support::{Serve, code, on, printed, run};

#[test]
fn every_verb_is_in_the_help_and_in_the_completions() {
    let help = run(&["admin", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let script = String::from_utf8(run(&["completions", "bash"]).stdout).unwrap();
    for verb in VERBS {
        let word = verb.words[0];
        let row = help.lines().find(|line| line.starts_with(&format!("  {word} ")));
        assert!(row.is_some(), "{word}: {help}");
        assert!(script.contains(&format!("hubbub__subcmd__admin__subcmd__{word}")), "{word}");
        let one = String::from_utf8(run(&["admin", word, "--help"]).stdout).unwrap();
        let usage = format!("{word} [OPTIONS] {}", verb.arguments);
        assert!(one.contains(usage.trim_end()), "{one}");
    }
}

#[test]
fn a_running_server_answers_people_and_programs() {
    let data = tempfile::tempdir().unwrap();
    let _serve = Serve::new(data.path());
    assert!(printed(data.path(), &["admin", "help"]).contains("stop the server"));
    let data_of = printed(data.path(), &["admin", "stats", "--json"]);
    assert_eq!(data_of.lines().count(), 1, "{data_of}");
    assert!(serde_json::from_str::<Value>(&data_of).unwrap().is_object(), "{data_of}");
}

#[test]
fn exit_returns_when_the_server_has_stopped() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    printed(data.path(), &["admin", "exit"]);
    // The folder is free at once.
    let again = Serve::new(data.path());
    assert_eq!(again.stop().code(), Some(0));
    drop(serve);
}

#[test]
fn what_can_not_be_asked_says_why() {
    let data = tempfile::tempdir().unwrap();
    for line in [&["admin", "stats"][..], &["admin", "exit"], &["admin", "help", "--json"]] {
        let (exit, text) = code(&on(data.path(), line));
        assert_eq!(exit, Some(1), "{text}");
        assert!(text.contains("no hubbub server runs") && text.contains("--data"), "{text}");
    }
    let help = printed(data.path(), &["admin", "help", "kick"]);
    assert!(help.contains("kick [OPTIONS] [#ROOM] NAME"), "help needs no server: {help}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing is made");
}

#[test]
fn wrong_usage_is_said_before_anything_is_done() {
    let data = tempfile::tempdir().unwrap();
    for (line, part) in [
        (&["admin", "stast"][..], "'stats'"),
        (&["admin", "kick"], "kick [OPTIONS] [#ROOM] NAME"),
        (&["admin", "stats", "now"], "'now'"),
        (&["admin"], "announce"),
    ] {
        let (exit, text) = code(&on(data.path(), line));
        assert_eq!(exit, Some(2), "{line:?}: {text}");
        assert!(text.contains(part) || line.len() == 1, "{part}: {text}");
    }
    let long = "x".repeat(60_000);
    let (exit, text) = code(&on(data.path(), &["admin", "announce", &long]));
    assert_eq!(exit, Some(2), "{text}");
}

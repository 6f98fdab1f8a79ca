//! Settings from everywhere: the environment, `hubbub config`, and reading them again.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use support::{Running, code, hubbub, printed, run, send};

const FREE: &str = "port = 0\n";

fn settings(data: &Path, text: &str) {
    std::fs::write(data.join("hubbub.toml"), text).unwrap();
}

fn with(mut command: Command, variables: &[(&str, &str)]) -> Command {
    command.envs(variables.iter().copied());
    command
}

/// A command on this folder with these variables.
fn on(data: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let data = data.to_str().unwrap();
    let all = [&[("HUBBUB__DATA", data)], variables].concat();
    with(hubbub(arguments), &all).output().unwrap()
}

fn shown(data: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = on(data, arguments, variables);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

struct Server {
    process: Running,
    address: String,
}

/// A server as the folder's settings and these variables say, which tells what it does.
fn serve(data: &Path, variables: &[(&str, &str)]) -> Server {
    let command = hubbub(&["serve", "--data", data.to_str().unwrap()]);
    let process = Running::start(with(with(command, &[("HUBBUB_LOG", "info")]), variables));
    let line = process.out.until("listening on ");
    Server { process, address: line.split(' ').nth(2).unwrap().into() }
}

impl Server {
    /// Sends SIGHUP, and waits until this is told.
    fn reload(&self, wanted: &str) -> String {
        self.process.signal("HUP");
        self.process.err.until(wanted)
    }

    /// Whether a guest can say something.
    fn takes_guests(&self) -> bool {
        let output = run(&["send", &self.address, "--room", "lobby", "hello"]);
        let (exit, text) = code(&output);
        assert!(exit == Some(0) || text.contains("no guests"), "{text}");
        exit == Some(0)
    }
}

// ---- the environment

#[test]
fn variables_go_before_the_file_and_options_before_both() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), "port = 0\nguests = true\nhistory = \"none\"\n[tls]\nnames = [\"a\"]");
    let variables = [("HUBBUB__GUESTS", "false"), ("HUBBUB__TLS__NAMES", "b.example,c.example")];
    let server = serve(data.path(), &variables);
    assert!(!server.takes_guests());
    let folder = data.path().to_str().unwrap();
    drop(server);
    let command = hubbub(&["serve", "--data", folder, "--guests", "yes"]);
    let process = Running::start(with(command, &variables));
    let address = process.out.until("listening on ").split(' ').nth(2).unwrap().to_owned();
    assert!(Server { process, address }.takes_guests());
}

#[test]
fn the_environment_says_where_the_data_are_for_every_command() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("here");
    let variables = [("HUBBUB__DATA", folder.to_str().unwrap()), ("HUBBUB__LISTEN", "127.0.0.1:0")];
    let process = Running::start(with(hubbub(&["serve"]), &variables));
    let line = process.out.until("listening on ");
    send(line.split(' ').nth(2).unwrap(), "lobby", "hello");
    assert!(folder.join("lock").exists());
    let rooms = with(hubbub(&["room", "list"]), &variables).output().unwrap();
    assert!(String::from_utf8_lossy(&rooms.stdout).contains("lobby"), "{rooms:?}");
    let empty = on(data.path(), &["room", "list"], &[("HUBBUB__DATA", "")]);
    assert_eq!(empty.status.code(), Some(2));
}

#[test]
fn a_settings_file_can_be_named_by_the_environment() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    settings(data.path(), "this = \"is not read\"");
    settings(other.path(), "audit_days = 7");
    let file = other.path().join("hubbub.toml");
    let variables = [("HUBBUB__CONFIG", file.to_str().unwrap())];
    let text = shown(data.path(), &["config", "show"], &variables);
    assert!(text.contains("\naudit_days = 7\n"), "{text}");
    let missing = on(data.path(), &["config", "show"], &[("HUBBUB__CONFIG", "/missing.toml")]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/missing.toml"), "{missing:?}");
}

#[test]
fn a_variable_that_means_nothing_keeps_the_server_from_starting() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [&["serve"][..], &["config", "check"], &["config", "show"]] {
        let output = on(data.path(), arguments, &[("HUBBUB__GESTS", "true")]);
        let (exit, text) = code(&output);
        assert_eq!(exit, Some(2), "{text}");
        let wanted = "HUBBUB__GESTS: `gests` is no setting here; did you mean `guests`?";
        assert!(text.contains(wanted), "{text}");
    }
    assert!(!data.path().join("hubbub.db").exists(), "nothing was begun");
}

// ---- hubbub config

#[test]
fn what_is_shown_is_a_file_that_means_the_same() {
    let data = tempfile::tempdir().unwrap();
    settings(
        data.path(),
        "reach = \"lan\"\n[limits.user]\njoins = { burst = 5, per_minute = 6 }\n",
    );
    let variables = [("HUBBUB__OUTBOX__AGE_S", "9")];
    let text = shown(data.path(), &["config", "show"], &variables);
    for line in ["reach = \"lan\"", "plaintext_passwords = false", "age_s = 9"] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    settings(data.path(), &text);
    assert_eq!(shown(data.path(), &["config", "show"], &[]), text);
}

#[test]
fn the_origin_of_each_setting_is_told() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), "reach = \"internet\"\n\naudit_days = 7\n");
    let variables = [("HUBBUB__PORT", "6000")];
    let text = shown(data.path(), &["config", "show", "--origin"], &variables);
    let file = data.path().join("hubbub.toml");
    for (line, origin) in [
        ("port = 6000", "environment HUBBUB__PORT"),
        ("audit_days = 7", &format!("{}:3", file.display())),
        ("guests = false", "reach = \"internet\""),
        ("history = \"forever\"", "default"),
    ] {
        let told = text.lines().find(|told| told.starts_with(line)).unwrap();
        assert!(told.ends_with(&format!("  # {origin}")), "{told}");
    }
    let json = shown(data.path(), &["config", "show", "--json"], &variables);
    let port: serde_json::Value =
        serde_json::from_str(json.lines().find(|line| line.contains("\"port\"")).unwrap()).unwrap();
    let wanted = serde_json::json!({
        "setting": "port", "value": 6000, "origin": "environment HUBBUB__PORT"
    });
    assert_eq!(port, wanted);
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_with_its_line() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), "prot = 1\n\nreach = \"lann\"\n");
    let file = data.path().join("hubbub.toml");
    let file = file.to_str().unwrap();
    let refused = |arguments: &[&str]| {
        let (exit, text) = code(&run(arguments));
        assert_eq!(exit, Some(2), "{text}");
        text
    };
    for arguments in [
        &["config", "check", file][..],
        &["config", "check", "--data", data.path().to_str().unwrap()],
        &["config", "check", "--config", file],
    ] {
        let text = refused(arguments);
        assert!(text.contains(&format!("{file}, line 1: `prot`")), "{text}");
        assert!(text.contains(&format!("{file}, line 3: `lann`")), "{text}");
    }
    settings(data.path(), "[tls]\ncertificate = \"there.pem\"\nkey = \"key.pem\"");
    let text = refused(&["config", "check", file]);
    assert!(text.contains("line 2") && text.contains("there.pem: there is no such"), "{text}");
    settings(data.path(), FREE);
    let good = run(&["config", "check", file]);
    assert!(good.status.success() && good.stderr.is_empty(), "{good:?}");
    assert_eq!(String::from_utf8(good.stdout).unwrap(), format!("{file} is good.\n"));
    refused(&["config", "check", "/missing.toml"]);
}

#[test]
fn the_example_is_a_good_file() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), &String::from_utf8(run(&["config", "default"]).stdout).unwrap());
    let told = printed(data.path(), &["config", "check"]);
    assert!(told.contains("are good") && told.contains("hubbub.toml"), "{told}");
}

// ---- reading them again

#[test]
fn a_changed_file_holds_after_sighup() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), FREE);
    let mut server = serve(data.path(), &[]);
    assert!(server.takes_guests());
    let joins = "[limits.user]\njoins = { burst = 5, per_minute = 6 }";
    settings(data.path(), &format!("{FREE}guests = false\n{joins}"));
    server.reload("SIGHUP: guests: true -> false");
    let told = server.process.err.until("limits.user.joins");
    assert!(told.contains("-> { burst = 5, per_minute = 6 }"), "{told}");
    assert!(!server.takes_guests());

    settings(data.path(), &format!("port = 1\n{joins}"));
    let told = server.reload("only after a restart: listen: ");
    assert!(told.contains("127.0.0.1:1"), "{told}");
    server.process.err.until("only after a restart: guests: false -> true");
    assert!(!server.takes_guests(), "nobody more is let in before it listens elsewhere");

    settings(data.path(), FREE);
    server.reload("SIGHUP: guests: false -> true");
    assert!(server.takes_guests());
    server.reload("SIGHUP: settings and certificates are as they were");
    server.process.signal("TERM");
    assert_eq!(server.process.wait().code(), Some(0));
}

#[test]
fn a_wrong_file_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), FREE);
    let server = serve(data.path(), &[]);
    settings(data.path(), &format!("guests = false\n{FREE}audit_dais = 4"));
    let told = server.reload("SIGHUP: ");
    assert!(told.contains("line 3") && told.contains("did you mean `audit_days`?"), "{told}");
    server.process.err.until("nothing was changed");
    assert!(server.takes_guests());
    let missing = "[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"";
    settings(data.path(), &format!("guests = false\n{FREE}{missing}"));
    server.reload("a.pem: there is no such file");
    server.process.err.until("nothing was changed");
    assert!(server.takes_guests());
    std::fs::remove_file(data.path().join("hubbub.toml")).unwrap();
    server.reload("no such file");
    server.process.err.until("nothing was changed");
    assert!(server.takes_guests());
}

#[test]
fn the_log_changes_with_the_rest_or_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), FREE);
    // An empty variable is none.
    let server = serve(data.path(), &[("HUBBUB_LOG", "")]);
    let missing = "[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"";
    settings(data.path(), &format!("{FREE}[log]\nlevel = \"error\"\n{missing}"));
    server.reload("a.pem: there is no such file");
    settings(data.path(), FREE);
    server.reload("SIGHUP: settings and certificates are as they were");
    settings(data.path(), &format!("{FREE}[log]\nlevel = \"debug\""));
    let told = server.reload("SIGHUP: log.level: ");
    assert!(told.contains("info") && told.contains("debug"), "{told}");
}

#[test]
fn a_misspelt_level_is_warned_of_and_does_not_count() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), FREE);
    let server = serve(data.path(), &[("HUBBUB_LOG", "inof")]);
    server.process.err.until("HUBBUB_LOG: `inof` is no level");
    server.process.err.until("serving");
}

#[test]
fn variables_and_options_still_go_before_a_changed_file() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), FREE);
    let server = serve(data.path(), &[("HUBBUB__GUESTS", "true")]);
    settings(data.path(), &format!("{FREE}guests = false\naudit_days = 3"));
    server.reload("SIGHUP: audit_days: 90 -> 3");
    assert!(server.takes_guests());
}

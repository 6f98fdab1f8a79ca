//! `hubbub doctor` on folders in which something is wrong.

use crate::support::{Serve, run};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The exit code, and what was found.
fn doctor(data: &Path, more: &[&str]) -> (Option<i32>, Vec<Value>) {
    let arguments = ["doctor", "--json", "--data", data.to_str().unwrap()];
    let output = run(&[&arguments[..], more].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    let found = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), found)
}

/// The levels of one check.
fn levels(found: &[Value], check: &str) -> Vec<String> {
    let of = found.iter().filter(|finding| finding["check"] == check);
    of.map(|finding| finding["level"].as_str().unwrap().to_owned()).collect()
}

/// A folder of a server that was stopped, whose settings say this port.
fn folder(port: u16) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Serve::new(folder.path()).stop();
    let settings = format!("listen = [\"127.0.0.1:{port}\"]\n");
    fs::write(folder.path().join("hubbub.toml"), settings).unwrap();
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_healthy_server_has_no_problem_whether_it_runs_or_not() {
    let port = free_port();
    let folder = folder(port);
    let before = fs::read(folder.path().join("hubbub.db")).unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!(code, Some(0), "{found:?}");
    for check in ["settings", "database", "authority", "server cert", "port"] {
        assert_eq!(levels(&found, check), ["ok"], "{check}: {found:?}");
    }
    assert_eq!(fs::read(folder.path().join("hubbub.db")).unwrap(), before);

    let _serve = Serve::at(&format!("127.0.0.1:{port}"), folder.path());
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!(code, Some(0), "{found:?}");
    let port = found.iter().find(|finding| finding["check"] == "port").unwrap();
    assert_eq!(port["level"], "ok");
    assert!(port["text"].as_str().unwrap().contains("this server listens there"), "{port}");
    let output = run(&["check", "--data", folder.path().to_str().unwrap()]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("no problems"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours but on a terminal: {shown:?}");
}

#[test]
fn a_port_of_somebody_else_and_an_open_folder_are_found() {
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder(somebody.local_addr().unwrap().port());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!(code, Some(1), "{found:?}");
    assert_eq!(levels(&found, "port"), ["problem"]);
    assert_eq!(levels(&found, "data folder"), ["warning", "ok"]);
}

#[test]
fn the_address_for_health_is_free_or_of_this_server_or_a_problem() {
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let health = somebody.local_addr().unwrap();
    let folder = folder(free_port());
    let settings = folder.path().join("hubbub.toml");
    let listen = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{listen}[health]\nlisten = \"{health}\"\n")).unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "health")), (Some(1), vec!["problem".to_owned()]));

    drop(somebody);
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "health")), (Some(0), vec!["ok".to_owned()]), "{found:?}");

    let _serve = Serve::at("127.0.0.1:0", folder.path());
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "health")), (Some(0), vec!["note".to_owned()]), "{found:?}");
    let health = found.iter().find(|finding| finding["check"] == "health").unwrap();
    assert!(health["text"].as_str().unwrap().contains("a server tells there"), "{health}");
}

#[test]
fn wrong_settings_and_certificates_are_found() {
    let folder = folder(free_port());
    let settings = folder.path().join("hubbub.toml");
    fs::write(&settings, "prot = 5000\n").unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "settings")), (Some(1), vec!["problem".to_owned()]));
    assert!(found[0]["text"].as_str().unwrap().contains("line 1"), "{:?}", found[0]);

    fs::write(&settings, "[tls]\ncertificate = \"gone.pem\"\nkey = \"gone.key\"\n").unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "certificate")), (Some(1), vec!["problem".to_owned()]));

    let missing = folder.path().join("no.toml");
    let (code, found) = doctor(folder.path(), &["--config", missing.to_str().unwrap()]);
    assert_eq!((code, levels(&found, "settings")), (Some(1), vec!["problem".to_owned()]));

    fs::remove_file(&settings).unwrap();
    fs::set_permissions(folder.path().join("tls/authority.key"), fs::Permissions::from_mode(0o644))
        .unwrap();
    let (_, found) = doctor(folder.path(), &[]);
    assert_eq!(levels(&found, "authority"), ["warning", "ok"], "{found:?}");
    fs::remove_file(folder.path().join("tls/authority.key")).unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "authority")), (Some(1), vec!["problem".to_owned()]));
}

#[test]
fn a_damaged_database_and_no_folder_are_found() {
    let folder = folder(free_port());
    let file = folder.path().join("hubbub.db");
    let mut bytes = fs::read(&file).unwrap();
    // All pages but the first, which says what the file is.
    bytes[4096..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let (code, found) = doctor(folder.path(), &[]);
    assert_eq!((code, levels(&found, "database")), (Some(1), vec!["problem".to_owned()]));
    let database = found.iter().find(|finding| finding["check"] == "database").unwrap();
    assert!(database["help"].as_str().unwrap().contains("hubbub restore"), "{database}");

    let nothing = folder.path().join("nothing");
    let (_, found) = doctor(&nothing, &[]);
    assert_eq!(levels(&found, "data folder"), ["note"]);
    assert!(!nothing.exists(), "it changes nothing");
    let (code, found) = doctor(&file, &[]);
    assert_eq!((code, levels(&found, "data folder")), (Some(1), vec!["problem".to_owned()]));
}

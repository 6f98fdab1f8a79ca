//! What an operator sees of a server from outside: log lines, `hubbub health`, and what systemd is told.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Instant;
use support::{LIMIT, Running, Serve, code, hubbub, run, send};

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// A server that logs at this level, in this format; and what stderr has.
fn serve(data: &Path, environment: &[(&str, &str)], options: &[&str]) -> (Running, String) {
    let data = data.to_str().unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", data];
    let mut command = hubbub(&[&arguments[..], options].concat());
    command.env_remove("HUBBUB_LOG");
    command.envs(environment.iter().copied());
    let process = Running::start(command);
    let line = process.out.until("listening on ");
    let address = line.split(' ').nth(2).unwrap().to_owned();
    (process, address)
}

#[test]
fn without_a_terminal_each_log_line_is_json() {
    let data = tempfile::tempdir().unwrap();
    let (mut process, address) = serve(data.path(), &[], &[]);
    let serving = json(&process.err.until("\"serving\""));
    assert_eq!((&serving["level"], serving["data"].is_string()), (&"INFO".into(), true));
    let time = serving["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    send(&address, "lobby", "nobody logs this");
    process.signal("HUP");
    json(&process.err.until("SIGHUP"));
    process.signal("TERM");
    assert_eq!(json(&process.err.until("stopping"))["signal"], "SIGTERM");
    while let Some(line) = process.err.next() {
        json(&line);
        assert!(!line.contains("nobody logs this"), "{line}");
    }
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn the_settings_choose_how_it_logs_and_the_environment_goes_before() {
    let data = tempfile::tempdir().unwrap();
    let settings = "[log]\nformat = \"human\"\nlevel = \"hubbub=info,warn\"\n";
    std::fs::write(data.path().join("hubbub.toml"), settings).unwrap();
    let (process, _) = serve(data.path(), &[], &[]);
    let line = process.err.until("serving");
    assert!(line.contains(" INFO serving ") && line.contains(" data=/"), "{line}");
    drop(process);
    let environment = [("HUBBUB_LOG", "info"), ("HUBBUB_LOG_FORMAT", "json")];
    let (process, _) = serve(data.path(), &environment, &["--health", "127.0.0.1:0"]);
    json(&process.err.until("health and metrics"));
    json(&process.err.until("serving"));
    drop(process);
    let (process, _) = serve(data.path(), &[("HUBBUB_LOG_FORMAT", "xml\x1b[2J")], &[]);
    let line = process.err.until("none of auto, human, json");
    assert!(!line.contains('\x1b'), "{line:?}");
    std::fs::write(data.path().join("hubbub.toml"), "[log]\nlevel = \"loud\"\n").unwrap();
    let (exit, text) = code(&run(&["serve", "--data", data.path().to_str().unwrap()]));
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains("hubbub.toml, line 2") && text.contains("warn"), "{text}");
}

/// Everything that a stranger can say is said, with what terminals obey in it, and all of the server's own
/// words are logged.
#[test]
fn nothing_that_a_terminal_obeys_gets_from_a_stranger_into_the_log() {
    for format in ["human", "json"] {
        let data = tempfile::tempdir().unwrap();
        let environment = [("HUBBUB_LOG", "trace"), ("HUBBUB_LOG_FORMAT", format)];
        let (mut process, address) = serve(data.path(), &environment, &[]);
        let hostile = "\x1b]0;pwned\x07\x1b[31m\u{9b}2J\u{202e}";
        for words in [
            format!("{hostile}\n"),
            format!("GET /{hostile} HTTP/1.1\r\n\r\n"),
            format!("{{\"cmd\":\"hello\",\"versions\":[1],\"name\":\"{hostile}\"}}\n"),
            format!("ann\n/join {hostile}\n/{hostile} x\n{hostile} said\n/quit\n"),
            format!("\x16\x03\x01\x02\x00{hostile}\n"),
        ] {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(words.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            // Until it is done with it.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        process.signal("TERM");
        let mut lines = 0;
        while let Some(line) = process.err.next() {
            let harmful = |c: char| c.is_control() || matches!(c, '\u{9b}' | '\u{202e}');
            assert!(!line.contains(harmful), "{line:?}");
            assert!(!line.contains(" said"), "the words of a message: {line:?}");
            lines += 1;
        }
        assert!(lines > 3, "{format}: {lines}");
        assert_eq!(process.wait().code(), Some(0));
    }
}

#[test]
fn health_says_with_its_exit_code_whether_a_server_is_ready() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let health = |arguments: &[&str]| {
        let output = run(&[&["health"], arguments].concat());
        let out = String::from_utf8(output.stdout.clone()).unwrap();
        (output.status.code(), out, String::from_utf8(output.stderr).unwrap())
    };
    let (exit, out, err) = health(&["--data", folder]);
    assert_eq!((exit, err.as_str()), (Some(1), ""));
    assert!(out.starts_with("not ready: no hubbub server runs"), "{out}");
    let serve = Serve::new(data.path());
    let (exit, out, _) = health(&["--data", folder]);
    assert_eq!((exit, out.as_str()), (Some(0), "ready\n"));
    let (exit, out, _) = health(&["--data", folder, "--json"]);
    assert_eq!(exit, Some(0));
    assert_eq!(json(&out), serde_json::json!({"live": true, "ready": true, "reasons": []}));
    // The chat's port is not where it is told.
    let chat = format!("http://{}", serve.address);
    let (exit, out, _) = health(&["--url", &chat, "--json"]);
    assert_eq!((exit, json(&out)["ready"] == false), (Some(1), true), "{out}");
    assert_eq!(serve.stop().code(), Some(0));
    let (exit, out, _) = health(&["--data", folder, "--json"]);
    assert_eq!((exit, json(&out)["ready"] == false), (Some(1), true), "{out}");
    for wrong in [
        &["--url", "ftp://a:1"][..],
        &["--what"],
        &["--url", "http://a:1", "--data", "."],
        // What lives may not be ready.
        &["--url", "http://127.0.0.1:1/healthz/live"],
    ] {
        assert_eq!(health(wrong).0, Some(2), "{wrong:?}");
    }
}

/// The messages of one start to one socket.
struct Told {
    socket: UnixDatagram,
}

impl Told {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket }
    }

    /// The next message that has this line. Those before it must have none of `never`.
    fn until(&self, wanted: &str, never: &[&str]) -> Vec<String> {
        let by = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < by, "{wanted} does not come");
            let mut message = [0; 4096];
            let bytes = self.socket.recv(&mut message).expect(wanted);
            let text = String::from_utf8(message[..bytes].to_vec()).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line == wanted) {
                return lines;
            }
            let has = |never: &&&str| lines.iter().any(|line| line.starts_with(**never));
            assert_eq!(never.iter().find(has), None, "{lines:?} before {wanted}");
        }
    }
}

#[test]
fn systemd_is_told_when_it_serves_reads_again_lives_and_stops() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("notify");
    let told = Told::at(&path);
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let (mut process, address) = serve(&data.path().join("data"), &environment, &[]);
    told.until("READY=1", &["WATCHDOG", "STOPPING", "RELOADING"]);
    // It listens by then.
    send(&address, "lobby", "hello");
    for _ in 0..3 {
        told.until("WATCHDOG=1", &["STOPPING", "RELOADING"]);
    }
    process.signal("HUP");
    let reloading = told.until("RELOADING=1", &["STOPPING", "READY"]);
    let now = reloading.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(now.parse::<u64>().unwrap() > 0, "{reloading:?}");
    told.until("READY=1", &["STOPPING"]);
    process.signal("TERM");
    told.until("STOPPING=1", &["READY", "RELOADING"]);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn systemd_is_told_how_many_are_here() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("notify");
    let told = Told::at(&path);
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let (_process, _) = serve(&data.path().join("data"), &environment, &[]);
    told.until("STATUS=0 users on 0 connections, 0 rooms", &["WATCHDOG", "STOPPING"]);
}

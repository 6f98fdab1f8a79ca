//! Who may reach a server: the question of the first start, the options, the settings file.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;
#[path = "reach/terminal.rs"]
mod terminal;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use support::{Running, Serve, code, hubbub, run, run_with, send};
use terminal::Terminal;

/// A server as these arguments say, on a free port.
fn serve(data: &Path, arguments: &[&str]) -> (Running, SocketAddr) {
    let data = data.to_str().unwrap();
    let process = Running::start(hubbub(&[&["serve", "--data", data], arguments].concat()));
    let line = process.out.until("listening on ");
    let address = line.split(' ').nth(2).unwrap().parse().unwrap();
    (process, address)
}

/// An invocation that can't work.
fn refused(arguments: &[&str]) -> String {
    let (exit, text) = code(&run(arguments));
    assert_eq!(exit, Some(2), "{arguments:?}: {text}");
    text
}

fn settings(data: &Path, text: &str) {
    std::fs::write(data.join("hubbub.toml"), text).unwrap();
}

// ---- not on a terminal

#[test]
fn without_a_terminal_nothing_is_asked_and_only_this_computer_gets_in() {
    let data = tempfile::tempdir().unwrap();
    let (server, address) = serve(data.path(), &["--port", "0"]);
    assert!(address.ip().is_loopback(), "{address}");
    send(&address.to_string(), "lobby", "hello");
    let print = server.out.until("fingerprint ");
    let print = print.strip_prefix("fingerprint ").unwrap();
    assert!(print.parse::<hubbub_protocol::Fingerprint>().is_ok(), "{print}");
    assert!(!data.path().join("hubbub.toml").exists(), "nobody chose anything");
}

#[test]
fn both_families_get_the_same_port() {
    let data = tempfile::tempdir().unwrap();
    for reach in ["--local", "--lan"] {
        let (server, four) = serve(data.path(), &["--port", "0", reach]);
        assert!(four.is_ipv4() && four.port() != 0, "{four}");
        assert_eq!(four.ip().is_unspecified(), reach == "--lan", "{four}");
        TcpStream::connect(("127.0.0.1", four.port())).unwrap();
        let next = server.out.next().unwrap();
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            let six: SocketAddr = next.split(' ').nth(2).unwrap().parse().unwrap();
            assert!(six.is_ipv6() && six.port() == four.port(), "{six}");
            TcpStream::connect(("::1", six.port())).unwrap();
        } else {
            assert!(next.starts_with("fingerprint "), "{next}");
        }
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for arguments in [
        &["--local", "--lan"][..],
        &["--lan", "--internet"],
        &["--local", "--listen", "0.0.0.0:0"],
        &["--port", "5", "--listen", "127.0.0.1:0"],
        &["--certificate", "a.pem"],
        &["--key", "a.pem"],
        &["--name", "not a name"],
        &["--proxy-from", "10.0.0.0/40"],
    ] {
        refused(&[&["serve"], arguments].concat());
    }
}

#[test]
fn the_internet_gets_no_guests_unless_its_operator_wants_them() {
    let data = tempfile::tempdir().unwrap();
    let told = |address: SocketAddr| {
        let local = format!("127.0.0.1:{}", address.port());
        let output = run(&["send", &local, "--room", "lobby", "hello"]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (closed, address) = serve(data.path(), &["--internet", "--port", "0"]);
    let (exit, text) = told(address);
    assert_eq!(exit, Some(1), "{text}");
    drop(closed);
    let (_open, address) = serve(data.path(), &["--internet", "--port", "0", "--guests", "yes"]);
    let (exit, text) = told(address);
    assert_eq!(exit, Some(0), "{text}");
}

// ---- the settings file

#[test]
fn the_settings_of_the_data_folder_count_and_options_go_before_them() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), "reach = \"lan\"\nport = 0\nguests = false\n");
    let (server, address) = serve(data.path(), &[]);
    assert!(address.ip().is_unspecified(), "{address}");
    let local = format!("127.0.0.1:{}", address.port());
    assert_eq!(run(&["send", &local, "--room", "lobby", "hello"]).status.code(), Some(1));
    drop(server);
    let (_server, address) = serve(data.path(), &["--local", "--guests", "yes"]);
    assert!(address.ip().is_loopback(), "{address}");
    send(&address.to_string(), "lobby", "hello");
}

#[test]
fn an_open_port_for_tls_leaves_the_others_to_this_computer() {
    let data = tempfile::tempdir().unwrap();
    let (server, address) =
        serve(data.path(), &["--local", "--port", "0", "--listen-tls", "0.0.0.0:0"]);
    let mut line = format!("listening on {address} (native, plain, tls)");
    while line.starts_with("listening on ") {
        let at: SocketAddr = line.split(' ').nth(2).unwrap().parse().unwrap();
        assert_eq!(at.ip().is_loopback(), !line.ends_with("(tls)"), "{line}");
        line = server.out.next().unwrap();
    }
}

#[test]
fn a_port_that_has_no_say_is_refused_with_what_says_it() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    settings(data.path(), "listen = [\"127.0.0.1:0\"]");
    let text = refused(&["serve", "--data", folder, "--port", "6123"]);
    for part in ["--port 6123", "`listen`", "hubbub.toml"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_server, address) = serve(data.path(), &["--local", "--port", "0"]);
    assert!(address.ip().is_loopback(), "{address}");
}

#[test]
fn a_place_of_its_own_does_not_open_a_server_for_the_internet() {
    let data = tempfile::tempdir().unwrap();
    settings(data.path(), "reach = \"internet\"");
    let (_server, address) = serve(data.path(), &["--listen", "0.0.0.0:0"]);
    let local = format!("127.0.0.1:{}", address.port());
    let (exit, text) = code(&run(&["send", &local, "--room", "lobby", "hello"]));
    assert_eq!(exit, Some(1), "guests are refused: {text}");
}

#[test]
fn a_settings_file_can_be_anywhere() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    settings(data.path(), "this = \"is not read\"");
    settings(other.path(), "listen = [\"127.0.0.1:0\"]");
    let file = other.path().join("hubbub.toml");
    let (_server, address) = serve(data.path(), &["--config", file.to_str().unwrap()]);
    send(&address.to_string(), "lobby", "hello");
}

#[test]
fn wrong_settings_are_the_users_to_put_right() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    settings(data.path(), "port = 0\n\n[limits.user]\nmesages = { burst = 1, per_minute = 1 }\n");
    let text = refused(&["serve", "--data", folder]);
    for part in [folder, "hubbub.toml, line 4", "`mesages`", "did you mean `messages`?"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!data.path().join("hubbub.db").exists(), "nothing was begun");
    let missing = data.path().join("missing.toml");
    let missing = missing.to_str().unwrap();
    let text = refused(&["serve", "--data", folder, "--config", missing]);
    assert!(text.contains(missing) && text.contains("no such file"), "{text}");
}

// ---- signals

#[test]
fn sighup_reads_the_certificates_again_and_the_server_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let mut command = hubbub(&["serve", "--port", "0", "--data", data.path().to_str().unwrap()]);
    command.env("HUBBUB_LOG", "info");
    let mut server = Running::start(command);
    let line = server.out.until("listening on ");
    for _ in 0..2 {
        server.signal("HUP");
        server.err.until("SIGHUP: ");
    }
    send(line.split(' ').nth(2).unwrap(), "lobby", "still here");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

// ---- on a terminal

#[test]
fn the_first_start_asks_and_keeps_the_answer() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::serve(data.path(), &["--port", "0"]);
    terminal.until("Who may reach this server?");
    terminal.until("1, 2 or 3 [1]: ");
    assert!(!data.path().join("lock").exists(), "nothing is made before the answer");
    terminal.type_in("7\n");
    terminal.until("Please type");
    terminal.type_in("2\n");
    terminal.until("exit to stop the server.");
    assert_eq!(terminal.stop(), Some(0));
    let kept = std::fs::read_to_string(data.path().join("hubbub.toml")).unwrap();
    assert!(kept.contains("reach = \"lan\""), "{kept}");

    let mut terminal = Terminal::serve(data.path(), &["--port", "0"]);
    let shown = terminal.until("exit to stop the server.");
    assert!(!shown.contains("Who may reach") && shown.contains("for the local"), "{shown}");
    assert_eq!(terminal.stop(), Some(0));
}

#[test]
fn whoever_leaves_the_question_leaves_nothing_behind() {
    for leave in ["ctrl-d", "ctrl-c"] {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("hubbub");
        let mut terminal = Terminal::serve(&data, &[]);
        terminal.until("1, 2 or 3 [1]: ");
        if leave == "ctrl-d" {
            terminal.type_in("\u{4}");
        } else {
            terminal.interrupt();
        }
        assert_ne!(terminal.wait(), Some(0), "{leave}: nothing runs, so this is no success");
        assert!(!data.exists(), "{leave}");
    }
}

#[test]
fn nothing_is_asked_when_it_is_said() {
    for (options, title) in [
        (&["--local", "--port", "0"][..], "for this computer only"),
        (&["--lan", "--port", "0"], "for the local"),
        (&["--internet", "--port", "0"], "for the internet"),
        (&["--listen", "127.0.0.1:0"], "for this computer only"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::serve(data.path(), options);
        let shown = terminal.until("exit to stop");
        assert!(shown.contains(title), "{options:?}: {shown}");
        assert!(!shown.contains("Who may reach"), "{options:?}: {shown}");
        assert_eq!(terminal.stop(), Some(0));
        assert!(!data.path().join("hubbub.toml").exists(), "an option is for this start alone");
    }
}

#[test]
fn an_answer_that_leads_to_no_server_is_not_kept() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = Serve::new(one.path());
    let port = other.address.rsplit(':').next().unwrap();
    let mut terminal = Terminal::serve(two.path(), &["--port", port]);
    terminal.until("1, 2 or 3 [1]: ");
    terminal.type_in("\n");
    terminal.until("is taken");
    assert_eq!(terminal.wait(), Some(2));
    assert!(!two.path().join("hubbub.toml").exists());
}

#[test]
fn closing_the_terminal_stops_the_server_in_good_order() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::serve(data.path(), &["--local", "--port", "0"]);
    terminal.until("exit to stop");
    assert_eq!(terminal.close(), Some(0));
}

#[test]
fn an_answer_on_stdin_alone_is_no_answer() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (_other, address) = serve(other.path(), &["--port", "0"]);
    let port = address.port().to_string();
    // It fails because the port is taken: it neither asked nor took the 3.
    let output = run_with(&["serve", "--data", folder, "--port", &port], b"3\n");
    let (exit, text) = code(&output);
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains("127.0.0.1"), "{text}");
}

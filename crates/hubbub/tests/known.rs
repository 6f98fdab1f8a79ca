//! Known servers: what `send` and `tail` do at a first meeting, and when a key is another one. Real
//! servers, with TLS whose keys the tests choose before them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use support::front::Front;
use support::front::authority::{Authority, acceptor};
use support::{Running, Serve, code, hubbub, run};

/// The program with a file of known servers.
fn with(known: &std::path::Path, arguments: &[&str]) -> Output {
    hubbub(arguments).env("HUBBUB_KNOWN_SERVERS", known).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn say(known: &std::path::Path, address: &str) -> Output {
    with(known, &["send", address, "--room", "lobby", "hi"])
}

#[test]
fn a_first_meeting_is_told_and_kept_and_another_key_refused_until_it_is_forgotten() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let known = data.path().join("settings").join("known");
    let (authority, other) = (Authority::new(), Authority::new());
    let front = Front::before(&serve.address, authority.server());
    let address = front.address.as_str();

    let first = say(&known, address);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let (words, key) = (authority.fingerprint.words().join(" "), authority.fingerprint.to_string());
    for part in [address, &words, &key, known.to_str().unwrap()] {
        assert!(told(&first).contains(part), "{}", told(&first));
    }
    assert_eq!(told(&first).lines().count(), 1);
    let file = fs::read_to_string(&known).unwrap();
    assert!(file.starts_with(&format!("{address} {key} 20")), "{file}");
    assert_eq!(fs::metadata(&known).unwrap().permissions().mode() & 0o777, 0o600);

    // Another certificate of the same authority, ended at that.
    front.show(acceptor(&authority.leaf(2001..2002), &[&authority.certificate]));
    assert_eq!((say(&known, address).stderr, front.heard()), (Vec::new(), 2));

    front.show(other.server());
    for command in
        [&["send", address, "--room", "lobby", "hi"][..], &["tail", address, "--room", "lobby"]]
    {
        let refused = with(&known, command);
        let (exit, text) = code(&refused);
        assert_eq!(exit, Some(1));
        let new = other.fingerprint.to_string();
        let forget = format!("hubbub known forget {address}");
        for part in ["HAS CHANGED", &words, &key, &new, &forget, "nothing was said"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert_eq!(front.heard(), 2, "not a word to it");

    let (exit, text) = code(&with(&known, &["known", "forget", address]));
    assert_eq!((exit, text.as_str()), (Some(0), ""));
    let again = say(&known, address);
    assert!(told(&again).contains(&other.fingerprint.to_string()), "{again:?}");
    assert_eq!((again.status.code(), front.heard()), (Some(0), 3));
    assert_eq!(code(&with(&known, &["known", "forget", "elsewhere"])).0, Some(1));
}

#[test]
fn a_fingerprint_in_the_address_is_the_only_key_and_replaces_none_that_is_known() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let known = data.path().join("known");
    let (authority, other) = (Authority::new(), Authority::new());
    let front = Front::before(&serve.address, authority.server());
    let full =
        |authority: &Authority| format!("hubbub://{}#{}", front.address, authority.fingerprint);

    let wrong = say(&known, &full(&other));
    assert_eq!((wrong.status.code(), front.heard()), (Some(1), 0));
    let link = full(&authority);
    assert!(told(&wrong).contains("HAS CHANGED") && !told(&wrong).contains(&link), "{wrong:?}");
    assert!(!known.exists(), "what was refused is not kept");

    let right = say(&known, &full(&authority));
    assert_eq!((right.status.code(), told(&right)), (Some(0), String::new()));
    front.show(other.server());
    assert_eq!(say(&known, &front.address).status.code(), Some(1), "it is known without it too");
    // Somebody in between can send links, too, and has the key for them.
    let kept = fs::read(&known).unwrap();
    for command in ["send", "tail"] {
        let mail = full(&other);
        let mut arguments = vec![command, &mail, "--room", "lobby"];
        arguments.extend((command == "send").then_some("hi"));
        let (exit, text) = code(&with(&known, &arguments));
        assert_eq!((exit, front.heard()), (Some(1), 1), "{text}");
        let forget = format!("hubbub known forget {}", front.address);
        let keys = [&authority, &other].map(|authority| authority.fingerprint.to_string());
        for part in ["ANOTHER KEY", &keys[0], &keys[1], &forget, "nothing was said"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(fs::read(&known).unwrap(), kept);
    }
    assert_eq!(code(&with(&known, &["known", "forget", &front.address])).0, Some(0));
    for address in [&full(&other), &front.address] {
        let after = say(&known, address);
        assert_eq!((after.status.code(), told(&after)), (Some(0), String::new()));
    }

    let (exit, text) = code(&run(&["send", "box#short", "--room", "lobby", "hi"]));
    assert!(exit == Some(2) && text.contains("'short'"), "{text}");
    let both = run(&["send", &full(&other), "--plaintext", "--room", "lobby", "hi"]);
    assert_eq!(code(&both).0, Some(2));
    assert_eq!(front.heard(), 3);
}

#[test]
fn a_tail_and_a_send_stop_when_the_key_changes_meanwhile() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let (authority, other) = (Authority::new(), Authority::new());
    let front = Front::before(&serve.address, authority.server());
    let mut tail = Running::start(hubbub(&["tail", &front.address, "--room", "work", "-n", "0"]));
    assert!(tail.err.next().unwrap().contains("there was no room work"));
    let mut send = Running::start(hubbub(&["send", &front.address, "--room", "work", "-v"]));
    send.type_line("one");
    assert_eq!(send.out.next().unwrap(), "1");
    front.show(other.server());
    let heard = front.heard();
    let _serve = serve.crash(data.path());
    send.type_line("two");
    for program in [&mut tail, &mut send] {
        program.err.until("HAS CHANGED");
        program.err.until(&authority.fingerprint.words().join(" "));
        program.err.until(&other.fingerprint.words().join(" "));
        program.err.until("hubbub known forget");
        program.err.until("nothing was said to it");
        assert_eq!(program.wait().code(), Some(1));
    }
    assert_eq!(front.heard(), heard);
}

#[test]
fn who_stands_in_for_the_server_meanwhile_is_told_once_and_tried_again() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let (authority, other) = (Authority::new(), Authority::new());
    let front = Front::before(&serve.address, authority.server());
    let tail = Running::start(hubbub(&["tail", &front.address, "--room", "work", "-n", "0"]));
    tail.err.until("there was no room work");
    front.show(acceptor(&other.leaf(2020..2090), &[&authority.certificate]));
    let heard = front.heard();
    let _serve = serve.crash(data.path());
    tail.err.until("lost the connection");
    let told = tail.err.next().unwrap();
    assert!(told.contains("does not prove who it is") && told.contains("trying again"), "{told}");
    front.refused_again();
    assert_eq!(front.heard(), heard);
    front.show(authority.server());
    let next = tail.err.next().unwrap();
    assert!(next.contains("connected to"), "told once: {next}");
}

#[test]
fn a_server_that_does_not_prove_itself_is_refused_and_not_kept() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let known = data.path().join("known");
    let (authority, other) = (Authority::new(), Authority::new());
    let forged = acceptor(&other.leaf(2020..2090), &[&authority.certificate]);
    let front = Front::before(&serve.address, forged);
    let (exit, text) = code(&say(&known, &front.address));
    assert!(exit == Some(1) && text.contains("does not prove who it is"), "{text}");
    assert!(!known.exists());
    assert_eq!(front.heard(), 0);
}

#[test]
fn a_server_without_tls_is_spoken_to_only_on_demand() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let old = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = nobody.accept().unwrap();
        let mut hello = [0; 1];
        socket.read_exact(&mut hello).unwrap();
        socket.write_all(b"\x1b]0;What is your name?\r\n").unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains("cmd"), "no frame was sent");
    });
    let (exit, text) = code(&run(&["send", &address, "--room", "lobby", "hi"]));
    assert!(exit == Some(1) && text.contains("--plaintext"), "{text}");
    assert!(!text.contains("What is your name"), "{text}");
    old.join().unwrap();

    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let sent = run(&["send", &serve.address, "--plaintext", "--room", "lobby", "hi"]);
    assert_eq!(code(&sent), (Some(0), String::new()));
}

#[test]
fn known_servers_are_listed_and_broken_lines_are_no_first_meetings() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let known = data.path().join("known");
    let authority = Authority::new();
    let front = Front::before(&serve.address, authority.server());
    let key = authority.fingerprint;
    fs::write(
        &known,
        format!("# mine\nbox:1 {key} 2026-11-21T10:00:00Z\nbee {}\n", "x".repeat(43)),
    )
    .unwrap();
    assert_eq!(say(&known, &front.address).status.code(), Some(0), "others are not concerned");
    let list = with(&known, &["known", "list", "--json"]);
    assert!(told(&list).contains("line 3 can't be read"), "{list:?}");
    let listed: Vec<Value> = String::from_utf8(list.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let addresses: Vec<&str> =
        listed.iter().map(|server| server["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, ["box:1", &front.address]);
    assert_eq!(listed[1]["fingerprint"], key.to_string());
    assert_eq!(listed[1]["words"], key.words().join(" "));
    let people = String::from_utf8(with(&known, &["known", "list"]).stdout).unwrap();
    assert_eq!(people.lines().count(), 2, "{people}");

    // Half of a line is left of it.
    fs::write(&known, format!("{} {}\n", front.address, &key.to_string()[..20])).unwrap();
    let heard = front.heard();
    let (exit, text) = code(&say(&known, &front.address));
    assert!(exit == Some(1) && text.contains("line 1 can't be read"), "{text}");
    assert_eq!(front.heard(), heard);

    // A key that can't be kept is not taken either.
    let nowhere = known.join("a-file-is-no-folder");
    let (exit, text) = code(&say(&nowhere, &front.address));
    assert!(exit == Some(1) && text.contains("can't"), "{text}");
    assert_eq!(front.heard(), heard);
}

//! `hubbub send` and `hubbub tail` against a real server: what goes in comes out, once, and printed
//! so that no terminal is harmed.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use support::{Serve, code, run, run_with, send, tail};

/// The text of a line of `tail`, without its time.
fn said(line: &str) -> &str {
    let (time, rest) = line.split_at(5);
    assert!(time.bytes().all(|b| b.is_ascii_digit() || b == b':'), "{line}");
    rest.strip_prefix(' ').unwrap()
}

fn is_clean(line: &str) -> bool {
    use hubbub_protocol::sanitize::{is_bidi_control, is_forbidden_in_text};
    !line.chars().any(|c| c.is_control() || is_bidi_control(c) || is_forbidden_in_text(c))
}

#[test]
fn what_is_sent_is_tailed_the_last_ones_first_and_then_live() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let lines: String = (1..=250).map(|n| format!("line {n}\n\n")).collect();
    let output = run_with(&["send", &serve.address, "--room", "work", "-"], lines.as_bytes());
    assert_eq!(code(&output), (Some(0), String::new()), "empty lines are no messages");
    let tail = tail(&serve.address, &["--room", "work", "-n", "205"]);
    for n in 46..=250 {
        assert_eq!(said(&tail.out.next().unwrap()), format!("<ann> line {n}"));
    }
    send(&serve.address, "work", "two\nlines");
    assert_eq!(said(&tail.out.next().unwrap()), "<ann> two");
    assert_eq!(said(&tail.out.next().unwrap()), "<ann> lines");
    let output =
        run(&["send", &serve.address, "--room", "work", "-v", "--name", "zoe", "--", "-x"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "252\n");
    assert_eq!(said(&tail.out.next().unwrap()), "<zoe> -x");
}

#[test]
fn a_tail_goes_on_over_crashes_without_gap_or_double() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::new(data.path());
    let address = serve.address.clone();
    let tail = tail(&address, &["--room", "work", "--json"]);
    // The room is still empty when the server dies: it has to be found again all the same.
    assert!(tail.err.next().unwrap().contains("there was no room work"));
    for round in 0..3 {
        serve = serve.crash(data.path());
        // Before the tail is back, perhaps.
        send(&address, "work", &format!("early {round}"));
        assert_eq!(
            tail.err.next().unwrap(),
            format!("hubbub: lost the connection to {address}; trying again")
        );
        assert_eq!(tail.err.next().unwrap(), format!("hubbub: connected to {address} again"));
        send(&address, "work", &format!("late {round}"));
        for (text, seq) in [("early", 2 * round + 1), ("late", 2 * round + 2)] {
            let event: Value = serde_json::from_str(&tail.out.next().unwrap()).unwrap();
            let (epoch, time) = (&event["epoch"], &event["time"]);
            let expected = json!({
                "room": "work", "epoch": epoch, "seq": seq, "time": time, "from": "ann",
                "kind": "text", "text": format!("{text} {round}"),
            });
            assert_eq!(event, expected);
            assert_eq!(epoch, round + 2);
            assert!(time.as_u64().unwrap() > 1_600_000_000_000);
        }
    }
}

#[test]
fn lines_of_stdin_survive_a_crash_once_each_and_in_order() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::new(data.path());
    let address = serve.address.clone();
    let mut sender =
        support::Running::start(support::hubbub(&["send", &address, "--room", "work", "-v"]));
    let mut stdin = sender.stdin.take().unwrap();
    for round in 0..2 {
        for n in 0..100 {
            writeln!(stdin, "{round} {n}").unwrap();
        }
        // At least one is acknowledged, others are on their way.
        assert_eq!(sender.out.next().unwrap(), (round * 100 + 1).to_string());
        serve = serve.crash(data.path());
        for seq in 2..=100 {
            assert_eq!(sender.out.next().unwrap(), (round * 100 + seq).to_string());
        }
    }
    drop(stdin);
    assert_eq!(sender.wait().code(), Some(0));
    let tail = tail(&address, &["--room", "work", "--last", "1000"]);
    for n in 0..200 {
        assert_eq!(said(&tail.out.next().unwrap()), format!("<ann> {} {}", n / 100, n % 100));
    }
}

#[test]
fn hostile_texts_do_not_reach_a_terminal() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let people = tail(&serve.address, &["--room", "lobby"]);
    let programs = tail(&serve.address, &["--room", "lobby", "--json"]);
    // What the server lets through is for others to show; escapes it does not let through at all.
    let mut evil = Raw::connect(&serve.address, "evil", "lobby");
    let text = "a\u{202e}gpj\u{2}bold\u{3}4red\t\u{200f}.\nroot> \u{2066}x";
    let refused = evil.ask(&json!({"cmd": "send", "room": "lobby", "text": "\u{1b}]0;x\u{7}"}));
    assert_eq!(refused["code"], "text_invalid");
    let refused = evil.ask(&json!({"cmd": "join", "room": "a\u{202e}b"}));
    assert_eq!(refused["code"], "room_invalid");
    evil.ask(&json!({"cmd": "send", "room": "lobby", "text": text}));
    send(&serve.address, "lobby", "\u{1b}[31mred\u{1b}[0m \u{9b}2J");
    for expected in ["<evil> agpjbold4red    .", "<evil> root> x", "<ann> red 2J"] {
        let line = people.out.next().unwrap();
        assert!(is_clean(&line), "{line:?}");
        assert_eq!(said(&line), expected);
    }
    for expected in [text, "red 2J"] {
        let line = programs.out.next().unwrap();
        assert!(is_clean(&line), "{line:?}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["text"], expected);
    }
}

#[test]
fn a_hostile_server_can_not_speak_to_the_terminal_either() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let id = serde_json::from_str::<Value>(&line).unwrap()["id"].clone();
            let text = "no\u{1b}]0;owned\u{7}\nhubbub: all is well\u{202e}\u{9b}2J";
            let error = json!({"ev": "error", "id": id, "code": "name_taken", "next": "correct",
                "text": text, "suggestion": "\u{1b}[2J"});
            stream.write_all(format!("{error}\n").as_bytes()).unwrap();
        }
    });
    for command in ["send", "tail"] {
        let (exit, text) = code(&run(&[command, &address, "--plaintext", "--room", "lobby"]));
        assert_eq!(exit, Some(1), "{text}");
        let line = text.strip_suffix('\n').unwrap();
        assert!(is_clean(line) && line.starts_with("hubbub: no]0;owned hubbub: all"), "{line:?}");
    }
}

#[test]
fn wrong_usage_is_two_and_an_unreachable_server_is_one() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for command in ["send", "tail"] {
        for address in ["host:x", "ftp://host", "", "a b", "127.0.0.1:0"] {
            let (exit, text) = code(&run(&[command, address, "--room", "lobby"]));
            assert_eq!(exit, Some(2), "{address}: {text}");
        }
        let (exit, text) = code(&run(&[command, &nobody, "--room", "lobby"]));
        assert_eq!(exit, Some(1), "{text}");
        assert!(text.contains(&nobody) && text.contains("hubbub serve"), "{text}");
        let (exit, text) = code(&run(&[command, &nobody, "--room", "#lobby"]));
        assert!(exit == Some(2) && text.contains("can't begin with '#'"), "{text}");
    }
    let (exit, text) = code(&run(&["send", &nobody, "hi"]));
    assert!(exit == Some(2) && text.contains("--room") && text.contains("--user"), "{text}");
}

#[test]
fn a_refusal_is_one_and_says_why() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let address = &serve.address;
    send(address, "hall", "hi");
    // Looks like "hall", but is another name.
    for command in ["send", "tail"] {
        let (exit, text) = code(&run(&[command, address, "--room", "haII", "--name", "zoe"]));
        assert!(exit == Some(1) && text.contains("looks just like"), "{command}: {text}");
    }
    let (exit, text) = code(&run(&["send", address, "--user", "nobody", "hi"]));
    assert!(exit == Some(1) && text.contains("nobody"), "{text}");
    let (exit, text) = code(&run(&["send", address, "--room", "hall", &"x".repeat(4097)]));
    assert!(exit == Some(1) && text.contains("4096"), "{text}");
    let input = ["good\n".as_bytes(), &[b'x'; 5000], b"\n\xff\ngood\n"].concat();
    let (exit, text) = code(&run_with(&["send", address, "--room", "hall"], &input));
    assert_eq!(exit, Some(1));
    assert!(text.contains("line 2 ") && text.contains("line 3 "), "{text}");
    assert!(text.contains("2 of 4 lines were not sent"), "{text}");
    let last = tail(address, &["--room", "hall"]);
    for expected in ["<ann> hi", "<ann> good", "<ann> good"] {
        assert_eq!(said(&last.out.next().unwrap()), expected);
    }
}

#[test]
fn a_taken_name_is_an_error_only_if_it_was_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let address = &serve.address;
    let mut ann = Raw::connect(address, "ann", "lobby");
    let (exit, text) = code(&run(&["send", address, "--room", "lobby", "--name", "ann", "hi"]));
    assert!(exit == Some(1) && text.contains("ann"), "{text}");
    send(address, "lobby", "under another name");
    let message = ann.until("message");
    assert_ne!(message["from"]["name"], "ann");
    assert!(message["from"]["name"].as_str().unwrap().starts_with("ann"));
    ann.ask(&json!({"cmd": "policy", "private": "open"}));
    let output = run(&["send", address, "--user", "ann", "psst"]);
    assert_eq!(code(&output), (Some(0), String::new()));
    let message = ann.until("message");
    assert_eq!((&message["user"], &message["text"]), (&json!("ann"), &json!("psst")));
}

#[test]
fn a_private_message_waits_until_the_other_agrees() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let address = &serve.address;
    let mut bob = Raw::connect(address, "bob", "lobby");
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| run(&["send", address, "--user", "bob", "psst"]));
        let link = bob.until("link");
        assert_eq!((&link["user"]["name"], &link["state"]), (&json!("ann"), &json!("asked")));
        bob.ask(&json!({"cmd": "accept", "user": "ann"}));
        assert_eq!(bob.until("message")["text"], "psst");
        let (exit, text) = code(&sending.join().unwrap());
        assert_eq!(exit, Some(0), "{text}");
        assert!(text.contains("bob was asked"), "{text}");

        let sending =
            scope.spawn(|| run(&["send", address, "--user", "bob", "--name", "cy", "psst"]));
        while bob.until("link")["user"]["name"] != "cy" {}
        bob.ask(&json!({"cmd": "reject", "user": "cy"}));
        let (exit, text) = code(&sending.join().unwrap());
        assert_eq!(exit, Some(1), "{text}");
        assert!(text.contains("bob declined"), "{text}");
    });
}

#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let began = Instant::now();
    let (exit, text) = code(&run(&["send", &address, "--room", "lobby", "--timeout", "1", "hi"]));
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains(&address) && text.contains("1 s"), "{text}");
    assert!((1.0..5.0).contains(&began.elapsed().as_secs_f32()), "{:?}", began.elapsed());
    // A server that goes away for good after the login.
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let arguments = ["send", &serve.address, "--room", "lobby", "-v", "--timeout", "2"];
    let mut sender = support::Running::start(support::hubbub(&arguments));
    let mut stdin = sender.stdin.take().unwrap();
    writeln!(stdin, "one").unwrap();
    assert_eq!(sender.out.next().unwrap(), "1");
    serve.process.kill();
    writeln!(stdin, "two").unwrap();
    let text = sender.err.next().unwrap();
    assert!(text.contains("did not acknowledge 1 message within 2 s"), "{text}");
    assert_eq!(sender.wait().code(), Some(1));
}

#[test]
fn a_tail_ends_well_when_it_is_stopped_or_nobody_reads_it() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    send(&serve.address, "lobby", "first");
    for signal in ["INT", "TERM"] {
        let mut tail = tail(&serve.address, &["--room", "lobby"]);
        tail.out.until("first");
        tail.signal(signal);
        assert_eq!(tail.wait().code(), Some(0), "{signal}");
        assert_eq!(tail.err.next(), None);
        assert_eq!(tail.out.next(), None);
    }
    let mut reader = support::hubbub(&["tail", &serve.address, "--room", "lobby"]);
    let mut child = reader
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    drop(out);
    send(&serve.address, "lobby", "to nobody");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), (Some(0), String::new()));
}

#[test]
fn a_room_without_history_says_what_can_not_be_had() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let mut ann = Raw::connect(&serve.address, "bob", "lobby");
    ann.ask(&json!({"cmd": "join", "room": "gone", "retention": "none"}));
    ann.ask(&json!({"cmd": "send", "room": "gone", "text": "unheard"}));
    let tail = tail(&serve.address, &["--room", "gone"]);
    ann.until("member");
    ann.ask(&json!({"cmd": "send", "room": "gone", "text": "heard"}));
    assert_eq!(said(&tail.out.next().unwrap()), "<bob> heard");
}

/// What is done in a room is shown like what is said; and whoever is sent out is told so.
#[test]
fn a_tail_shows_what_is_done_and_who_sent_it_out() {
    let address = scripted(|request, put| match request["cmd"].as_str() {
        Some("join") => {
            put(json!({"ev": "joined", "id": request["id"], "room": "lobby", "room_id": 9,
                "epoch": 1, "seq": 4, "catch_up": "live", "retention": "forever", "members": 2,
                "created": true}));
            let done = [
                json!({"kind": "text", "text": "so", "reply": 3}),
                json!({"kind": "edit", "of": 5, "text": "a\u{202e}b\nc"}),
                json!({"kind": "changed", "setting": "topic", "topic": "tea \u{202e}time"}),
            ];
            for (seq, mut event) in (5..).zip(done) {
                let head = json!({"ev": "message", "room": "lobby", "room_id": 9, "epoch": 1,
                    "seq": seq, "time": 8, "from": {"id": 2, "name": "bob"}});
                event.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
                put(event);
            }
            put(json!({"ev": "kicked", "room": "lobby", "by": "bob", "reason": "too \u{202e}loud",
                "banned": true}));
            false
        }
        _ => true,
    });
    for json in [false, true] {
        let arguments: &[&str] = if json {
            &["--plaintext", "--room", "lobby", "--json"]
        } else {
            &["--plaintext", "--room", "lobby"]
        };
        let mut tail = tail(&address, arguments);
        let expected = if json { 3 } else { 4 };
        let lines: Vec<String> = (0..expected).map(|_| tail.out.next().unwrap()).collect();
        assert!(lines.iter().all(|line| is_clean(line)), "{lines:?}");
        if json {
            let edit: Value = serde_json::from_str(&lines[1]).unwrap();
            let expected = json!({"room": "lobby", "epoch": 1, "seq": 6, "time": 8, "from": "bob",
                "kind": "edit", "of": 5, "text": "a\u{202e}b\nc"});
            assert_eq!(edit, expected);
        } else {
            let lines: Vec<&str> = lines.iter().map(|line| said(line)).collect();
            let topic = "- bob set the topic: tea time";
            assert_eq!(lines, ["<bob> (to 3) so", "- bob edited 5: ab", "- bob c", topic]);
        }
        assert!(tail.err.next().unwrap().contains("there was no room lobby"));
        let told = tail.err.next().unwrap();
        assert_eq!(told, "hubbub: bob banned us from lobby (too loud)");
        assert_eq!(tail.wait().code(), Some(1));
    }
}

#[test]
fn a_reply_says_to_what() {
    let address = scripted(|request, put| {
        let id = &request["id"];
        match request["cmd"].as_str() {
            Some("join") => put(json!({"ev": "joined", "id": id, "room": "lobby", "room_id": 9,
                "epoch": 1, "seq": 4, "catch_up": "live", "retention": "forever", "members": 2,
                "created": false})),
            Some("send") if request["reply"] == 3 => put(json!({"ev": "sent", "id": id,
                "room_id": 9, "epoch": 1, "seq": 5, "time": 7, "repeated": false})),
            Some("quit") => {
                put(json!({"ev": "close", "code": "bye", "next": "stop", "text": "Goodbye."}));
                return false;
            }
            other => panic!("{other:?}"),
        }
        true
    });
    let output =
        run(&["send", &address, "--plaintext", "--room", "lobby", "--reply", "3", "-v", "yes"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "5\n");
    assert_eq!(output.status.code(), Some(0));
    let (exit, _) = code(&run(&["send", &address, "--room", "lobby", "--reply", "0", "yes"]));
    assert_eq!(exit, Some(2));
}

type Put<'a> = &'a mut dyn FnMut(Value);

/// A server that welcomes everybody, and then says what the script says to each request, until
/// that returns `false` and the client hangs up.
fn scripted(mut script: impl FnMut(&Value, Put<'_>) -> bool + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut says = true;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                let request: Value = serde_json::from_str(&line).unwrap();
                line.clear();
                let mut put = |frame: Value| {
                    let _ = stream.get_mut().write_all(format!("{frame}\n").as_bytes());
                };
                if request["cmd"] == "hello" {
                    put(json!({"ev": "welcome", "id": request["id"], "version": 1,
                        "server": "test", "user": {"id": 1, "name": "ann"},
                        "resume": "01010101010101010101010101010101", "resumed": false,
                        "account": false, "epoch": 1, "lobby": "lobby", "rooms": [],
                        "privates": [], "time": 1, "limits": {"frame_bytes": 65536,
                        "text_bytes": 4096, "text_lines": 100, "sends_in_flight": 32,
                        "page": 100}}));
                } else if request["cmd"] == "quit" || says {
                    says = script(&request, &mut put);
                }
                if request["cmd"] == "quit" {
                    break;
                }
            }
        }
    });
    address
}

/// A native client of few words.
struct Raw {
    stream: BufReader<TcpStream>,
    id: u64,
}

impl Raw {
    fn connect(address: &str, name: &str, room: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut raw = Self { stream: BufReader::new(stream), id: 0 };
        raw.ask(&json!({"cmd": "hello", "versions": [1], "name": name}));
        raw.ask(&json!({"cmd": "join", "room": room}));
        raw
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The answer to a request.
    fn ask(&mut self, frame: &Value) -> Value {
        self.id += 1;
        let mut frame = frame.clone();
        frame["id"] = self.id.into();
        self.stream.get_mut().write_all(format!("{frame}\n").as_bytes()).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == self.id {
                return answer;
            }
        }
    }

    fn until(&mut self, ev: &str) -> Value {
        loop {
            let frame = self.next();
            if frame["ev"] == ev {
                return frame;
            }
        }
    }
}

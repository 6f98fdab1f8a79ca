//! What strangers do to a server: packets of any cut, bytes of any kind, connections that break at
//! any step. The others never notice.

mod support;

use hubbub_protocol::limits;
use serde_json::json;
use support::{Native, Plain, TestServer, Wire};

/// Two who talk to each other, as they do whatever a stranger does meanwhile.
struct Witnesses {
    ann: Native,
    bob: Plain,
}

impl Witnesses {
    fn of(server: &TestServer) -> Self {
        let ann = server.native("ann");
        let mut bob = server.plain("bob");
        bob.fence();
        Self { ann, bob }
    }

    /// Both still hear each other; returns what bob heard besides.
    fn check(&mut self) -> Vec<String> {
        self.ann.texts();
        self.ann.tell("lobby", "are you there?");
        let mut heard = self.bob.fence();
        // Notices of others' going may come before it and behind it.
        let question = heard.iter().position(|line| line == "<ann> are you there?");
        heard.remove(question.unwrap_or_else(|| panic!("bob heard only {heard:?}")));
        self.bob.tell("yes");
        assert_eq!(self.ann.texts(), ["yes"]);
        heard
    }
}

const HELLO: &str = "{\"cmd\":\"hello\",\"versions\":[1],\"name\":\"eve\"}\n";
const HELLO_WITH_INSTANCE: &str = "{\"cmd\":\"hello\",\"versions\":[1],\"name\":\"eve\",\"instance\":\"00112233445566778899aabbccddeeff\"}\n";
const JOIN: &str = "{\"cmd\":\"join\",\"room\":\"lobby\"}\n";
const SEND: &str = "{\"cmd\":\"send\",\"room\":\"lobby\",\"text\":\"x\"}\n";

// ---- packets

#[test]
fn packets_make_no_difference_on_the_native_door() {
    let server = TestServer::start();
    let mut bob = server.native("bob");
    let mut eve = Native::over(server.wire());
    let text = "z\u{e9}\u{1f44b}\u{10ffff}";
    let send = format!("{{\"cmd\":\"send\",\"id\":3,\"room\":\"lobby\",\"text\":\"{text}\"}}\n");
    let all = format!("{HELLO}{JOIN}{send}");
    eve.wire.write_byte_by_byte(&all);
    eve.answer(3);
    eve.wire.write(format!("{send}{send}{{\"cmd\":\"ping\",\"id\":4}}\n"));
    eve.answer(4);
    assert_eq!(bob.texts(), [text; 3]);
}

#[test]
fn packets_make_no_difference_on_the_plain_door() {
    let server = TestServer::with(|config| config.sniff_ms = 600_000);
    let mut bob = server.plain("bob");
    let mut wire = server.wire();
    wire.write_byte_by_byte("zo\u{eb}\r\nh\u{e9}\u{1f44b}\n/sync\n");
    while wire.line().unwrap() != "-- In sync: the server has done everything before this." {}
    assert_eq!(bob.fence(), ["-- zo\u{eb} joined", "<zo\u{eb}> h\u{e9}\u{1f44b}"]);
}

// ---- bytes

#[test]
fn a_line_that_is_not_utf8_is_refused_and_the_next_one_counts() {
    let server = TestServer::start();
    let mut bob = server.plain("bob");
    let mut eve = server.native("eve");
    eve.wire.write(b"{\"cmd\":\"send\",\"room\":\"lobby\",\"text\":\"\xc3\x28\"}\n");
    let error = eve.frame().unwrap();
    assert_eq!((&error["ev"], &error["code"]), (&json!("error"), &json!("not_utf8")));
    eve.tell("lobby", "good");

    let mut zed = server.plain("zed");
    zed.wire.write(b"caf\xe9\n");
    assert_eq!(zed.line(), "! The line is not UTF-8 and was skipped. Set your terminal to UTF-8.");
    zed.tell("caf\u{e9}");
    assert_eq!(bob.fence(), ["-- eve joined", "<eve> good", "-- zed joined", "<zed> caf\u{e9}"]);
}

#[test]
fn a_name_that_is_not_utf8_is_asked_again() {
    let server = TestServer::start();
    let mut wire = server.wire();
    wire.write(b"\xe9ve\n");
    assert!(wire.line().unwrap().starts_with("! The line is not UTF-8"));
    assert_eq!(wire.line().unwrap(), "What is your name?");
    wire.write("eve\n");
    assert_eq!(wire.line().unwrap(), "-- Welcome, eve! /help lists the commands.");
}

#[test]
fn a_line_without_end_is_one_error_and_the_next_one_counts() {
    let server = TestServer::start();
    let mut witnesses = Witnesses::of(&server);
    let flood = "x".repeat(1024 * 1024);

    let mut eve = server.native("eve");
    eve.wire.write(&flood);
    eve.wire.write("\n");
    eve.fence();
    let codes: Vec<_> = eve.heard.iter().filter(|frame| frame["ev"] == "error").collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
    assert_eq!(codes[0]["code"], "too_long");
    eve.tell("lobby", "native goes on");

    let mut zed = server.plain("zed");
    zed.wire.write(&flood);
    zed.wire.write("\nplain goes on\n");
    let mut answer = zed.fence();
    answer.retain(|line| line.starts_with('!'));
    assert_eq!(answer, ["! A line may have 65536 bytes; this one was skipped."]);

    let mut wire = server.wire();
    wire.write(&flood);
    wire.write("\nnew\n");
    assert!(wire.line().unwrap().starts_with("! A line may have"));
    assert_eq!(wire.line().unwrap(), "What is your name?");
    assert_eq!(wire.line().unwrap(), "-- Welcome, new! /help lists the commands.");

    let heard = witnesses.check();
    let said: Vec<_> = heard.iter().filter(|line| line.starts_with('<')).collect();
    assert_eq!(said, ["<eve> native goes on", "<zed> plain goes on"]);
}

#[test]
fn before_the_name_a_line_is_short_and_the_longest_hello_fits() {
    let server = TestServer::start();
    let escaped = |text: &str| -> String {
        text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
    };
    let name = "n".repeat(limits::USER_NAME_BYTES);
    let secret = "p".repeat(limits::PASSWORD_BYTES);
    let instance = "a".repeat(32);
    let versions = vec!["4294967295"; limits::VERSIONS_OFFERED - 1].join(",");
    let hello = format!(
        "{{\"cmd\":\"hello\",\"id\":9007199254740991,\"versions\":[{versions},1],\"name\":\"{}\",\
         \"instance\":\"{instance}\",\"password\":\"{}\",\"register\":true",
        escaped(&name),
        escaped(&secret)
    );
    // Behind it there is room for a token and an invite.
    let more = format!(",\"resume\":\"{instance}\",\"invite\":\"{}\"}}", escaped(&"i".repeat(19)));
    assert!(hello.len() + more.len() < limits::HELLO_BYTES);
    let padded = |bytes: usize| format!("{hello:<width$}}}\r\n", width = bytes - 1);
    let mut eve = Native::over(server.wire());
    eve.wire.write(padded(limits::HELLO_BYTES + 1));
    assert_eq!(eve.frame().unwrap()["code"], "too_long");
    eve.wire.write(padded(limits::HELLO_BYTES));
    let welcome = eve.answer(9007199254740991);
    assert_eq!(welcome["ev"], "welcome", "{welcome}");
    // From then on it may be long.
    eve.wire.write(format!("{:<60000}\n", "{\"cmd\":\"ping\",\"id\":7}"));
    assert_eq!(eve.answer(7)["ev"], "pong");

    let mut zed = server.wire();
    zed.write("x".repeat(limits::HELLO_BYTES + 2));
    assert_eq!(zed.line().unwrap(), "! A line may have 4096 bytes; this one was skipped.");
    assert_eq!(zed.line().unwrap(), "What is your name?");
    zed.write("xxx\nzed\n");
    assert_eq!(zed.line().unwrap(), "-- Welcome, zed! /help lists the commands.");
}

#[test]
fn whoever_is_being_closed_is_not_read_for_ever() {
    let server = TestServer::start();
    let mut browser = server.wire();
    browser.write("GET / HTTP/1.1\r\n\r\n");
    assert!(browser.line().unwrap().starts_with("HTTP/1.1 501"));
    let (mut taken, chunk) = (0, [0; 64 * 1024]);
    while let Ok(bytes) = std::io::Write::write(&mut browser.raw(), &chunk) {
        taken += bytes;
        // What the system itself takes is some megabytes.
        assert!(taken < 64 << 20, "{taken} bytes were taken");
    }
}

#[test]
fn deeply_nested_json_is_a_bad_frame() {
    let server = TestServer::start();
    let mut eve = server.native("eve");
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(65_000 / open.len());
        eve.wire.write(format!("{{\"cmd\":\"ping\",\"x\":{deep}\n"));
        let error = eve.frame().unwrap();
        assert_eq!(error["code"], "bad_frame", "{error}");
        assert!(error["text"].as_str().unwrap().len() < 400);
    }
    eve.fence();
}

#[test]
fn frames_of_the_wrong_shape_are_bad_frames_with_their_id() {
    let server = TestServer::start();
    let mut eve = server.native("eve");
    for frame in [
        json!({"cmd": "hello", "versions": "1"}),
        json!({"cmd": "send", "room": 5, "text": "x"}),
        json!({"cmd": "send", "room": "lobby", "text": ["x"]}),
        json!({"cmd": "history", "room": "lobby", "page": {"before": -1}}),
        json!({"cmd": "join", "room": "lobby", "after": {"seq": 1e300}}),
        json!({}),
    ] {
        assert_eq!(eve.refused(frame.clone()), "bad_frame", "{frame}");
    }
    for line in ["[]", "\"x\"", "null", "{", "{\"cmd\":\"ping\"} x", "\u{0}\u{1b}[2J"] {
        eve.wire.write(format!("{line}\n"));
        let error = eve.frame().unwrap();
        assert_eq!(error["code"], "bad_frame", "{line}");
        let text = error["text"].as_str().unwrap();
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn a_hundred_lines_of_nonsense_in_a_row_end_the_connection() {
    let server = TestServer::start();
    let mut eve = server.native("eve");
    eve.wire.write("nonsense\n".repeat(99));
    eve.fence();
    eve.wire.write("nonsense\n".repeat(100));
    assert_eq!(eve.close_code(), "protocol");
}

#[test]
fn positions_that_never_were_are_answered_with_a_reset() {
    let server = TestServer::start();
    let mut eve = server.native("eve");
    let sent = eve.tell("lobby", "x");
    let huge = 9_007_199_254_740_991u64;
    for (room, epoch, seq) in [
        (sent["room_id"].as_u64().unwrap(), 0, huge),
        (sent["room_id"].as_u64().unwrap(), u64::from(u32::MAX), 1),
        (huge, 1, 1),
        (u64::MAX, u64::from(u32::MAX), u64::MAX),
    ] {
        let after = json!({"room_id": room, "epoch": epoch, "seq": seq});
        let joined = eve.ask(json!({"cmd": "join", "room": "lobby", "after": after}));
        assert_eq!(joined["catch_up"], "reset", "{joined}");
    }
    for page in
        [json!({"before": u64::MAX}), json!({"after": u64::MAX}), json!({"around": u64::MAX})]
    {
        let answer = eve.ask(json!({"cmd": "history", "room": "lobby", "page": page}));
        assert_eq!(answer["ev"], "history", "{page}");
    }
    for counter in [0, u64::MAX] {
        let instance = json!({"name": "zed", "instance": "ffffffffffffffffffffffffffffffff"});
        let mut zed = Native::hello(server.wire(), instance);
        zed.join("lobby");
        zed.ask(json!({"cmd": "send", "room": "lobby", "text": "x", "counter": counter}));
        zed.fence();
        zed.put(&json!({"cmd": "quit"}));
        assert_eq!(zed.close_code(), "bye");
    }
}

// ---- connections that break

#[test]
fn a_disconnect_at_any_step_leaves_nobody() {
    let server = TestServer::with(|config| {
        config.sniff_ms = 1;
        config.hub.resume_hold_ms = 1;
    });
    let mut witnesses = Witnesses::of(&server);
    let native = format!("{HELLO}{JOIN}{SEND}");
    let mut steps: Vec<String> = Vec::new();
    for whole in ["eve\nhello\n/sync\n", &native, HELLO_WITH_INSTANCE] {
        let ends = whole.match_indices('\n').map(|(at, _)| at + 1);
        steps.extend(ends.flat_map(|end| [end / 2, end - 1, end]).map(|n| whole[..n].to_owned()));
    }
    steps.extend(["", "\u{16}\u{3}", "NICK eve\r\n", "GET / HTTP/1.1\r\n"].map(String::from));
    for step in &steps {
        // At once, and after whatever the server says to that.
        for waits in [false, true] {
            let reset = server.wire();
            reset.try_write(step);
            let closed = server.wire();
            closed.try_write(step);
            let half_closed = server.wire();
            half_closed.try_write(step);
            half_closed.close_our_side();
            if waits {
                witnesses.ann.fence();
            }
            reset.reset();
            drop(closed);
            drop(half_closed);
        }
    }
    server.wait_for(2, 2);
    witnesses.check();
    server.plain("eve");
}

#[test]
fn a_thousand_resets_at_once_do_not_touch_the_others() {
    let server = TestServer::start();
    let mut witnesses = Witnesses::of(&server);
    let before = server.figures();
    let crowd: Vec<Wire> = (0..1000).map(|_| server.wire()).collect();
    for (n, wire) in crowd.iter().enumerate() {
        wire.write(format!("guest{n}\n"));
    }
    server.wait_for(1002, 1002);
    witnesses.ann.tell("lobby", "to all");
    crowd.into_iter().for_each(Wire::reset);
    witnesses.check();
    server.wait_for(2, 2);
    assert_eq!(server.figures(), before);
    witnesses.check();
}

#[test]
fn a_port_probe_is_nobody() {
    let server = TestServer::with(|config| config.sniff_ms = 1);
    let mut witnesses = Witnesses::of(&server);
    for _ in 0..20 {
        drop(server.wire());
        server.wire().reset();
        let mut greeted = server.wire();
        greeted.line();
    }
    server.wait_for(2, 2);
    assert_eq!(witnesses.check(), [""; 0]);
}

#[test]
fn silent_clients_block_nobody() {
    let server = TestServer::start();
    let silent: Vec<Wire> = (0..20).map(|_| server.wire()).collect();
    let half: Vec<Wire> = (0..20).map(|_| server.wire()).collect();
    half.iter().for_each(|wire| wire.write("{\"cmd\":\"hel"));
    let mut witnesses = Witnesses::of(&server);
    assert_eq!(witnesses.check(), [""; 0]);
    drop((silent, half));
    server.wait_for(2, 2);
}

#[test]
fn asking_for_a_taken_name_and_resetting_takes_nothing_from_its_owner() {
    let server = TestServer::start();
    let mut witnesses = Witnesses::of(&server);
    for name in ["bob", "ann"] {
        let mut wire = server.wire();
        wire.write(format!("{name}\n"));
        assert!(wire.line().unwrap().starts_with("! Somebody is called"));
        wire.reset();
        let native = Native::hello(server.wire(), json!({"name": name}));
        assert_eq!(native.welcome["code"], "name_taken");
        native.wire.reset();
    }
    server.wait_for(2, 2);
    assert_eq!(witnesses.check(), [""; 0]);
    let mut wire = server.wire();
    wire.write("bob\n");
    assert!(wire.line().unwrap().starts_with("! Somebody is called"));
    witnesses.ann.texts();
    witnesses.bob.tell("still me");
    let heard = witnesses.ann.messages();
    assert_eq!((&heard[0]["from"]["name"], &heard[0]["text"]), (&json!("bob"), &json!("still me")));
}

#[test]
fn a_wrong_resume_token_gives_nobodys_name() {
    let server = TestServer::start();
    let ann = server.native("ann");
    let guess = json!({"name": "ann", "resume": "00000000000000000000000000000000"});
    let eve = Native::hello(server.wire(), guess);
    assert_eq!(eve.welcome["code"], "name_taken", "{}", eve.welcome);
    let guess = json!({"resume": "00000000000000000000000000000000"});
    let eve = Native::hello(server.wire(), guess);
    assert_eq!(eve.welcome["code"], "name_invalid", "{}", eve.welcome);
    drop(ann);
}

// ---- other protocols

/// What a peer gets that begins so, until the server closes.
fn answer_to(first: impl AsRef<[u8]>) -> Vec<u8> {
    let server = TestServer::start();
    let mut witnesses = Witnesses::of(&server);
    let mut wire = server.wire();
    wire.write(first);
    let answer = wire.rest();
    wire.try_write("mallory\nhello\n");
    server.wait_for(2, 2);
    assert_eq!(witnesses.check(), [""; 0], "nothing of it was said");
    answer
}

#[test]
fn an_irc_client_is_told_in_its_own_protocol() {
    for first in ["CAP LS 302\r\n", "NICK eve\r\nUSER eve 0 * :Eve\r\n", "PASS secret\r\n"] {
        let answer = String::from_utf8(answer_to(first)).unwrap();
        assert!(answer.starts_with("ERROR :") && answer.ends_with("\r\n"), "{answer:?}");
    }
}

#[test]
fn a_browser_is_told_in_its_own_protocol_and_its_body_is_never_a_line() {
    let long = "x".repeat(40_000);
    for first in [
        "GET / HTTP/1.1\r\nHost: chat\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: chat\r\n\r\nmallory\nhello\n".to_owned(),
        format!("POST /{long} HTTP/1.1\r\nHost: chat\r\n\r\nmallory\nhello\n"),
        format!("POST /{} HTTP/1.1\r\nHost: chat\r\n\r\nmallory\nhello\n", long.repeat(4)),
    ] {
        let answer = String::from_utf8(answer_to(&first)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 501 "), "{answer:?}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
    }
}

#[test]
fn a_browser_whose_request_comes_in_pieces_or_breaks_off_says_nothing() {
    // Long enough for the first bytes to come in time, however busy the machine is.
    let server = TestServer::with(|config| config.sniff_ms = 1_000);
    let mut witnesses = Witnesses::of(&server);
    let mut slow = server.wire();
    slow.write("POST /mal");
    // Whoever came later, on both lanes, was silent for long enough by now.
    for mut silent in [server.wire(), server.wire()] {
        silent.line();
    }
    slow.write("lory HTTP/1.1\r\nHost: chat\r\n\r\nmallory\nhello\n");
    assert!(slow.rest().starts_with(b"HTTP/1.1 501 "));
    let mut cut = server.wire();
    cut.write("GET / HTTP/1.1");
    cut.close_our_side();
    assert!(cut.rest().starts_with(b"HTTP/1.1 501 "));
    server.wait_for(2, 2);
    assert_eq!(witnesses.check(), [""; 0]);
}

#[test]
fn people_who_speak_like_a_protocol_are_people() {
    let server = TestServer::start();
    for first in ["pass the salt", "PASS the salt", "GET out", "Nick bob", "USER friendly"] {
        let mut wire = server.wire();
        wire.write(format!("{first}\n"));
        let hint = format!("{} is free.", first.replace(' ', "_"));
        assert_eq!(wire.line().unwrap(), format!("! A name can't contain a space. {hint}"));
        wire.write("eve\n");
        wire.line();
        assert_eq!(wire.line().unwrap(), "-- Welcome, eve! /help lists the commands.");
        wire.write("GET / HTTP/1.1\nNICK eve\n{\"cmd\":\"quit\"}\n/quit\n");
        wire.rest();
    }
}

//! The native door: answers and their order, who hears what, and readers that are slow or were away.

mod support;

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Native, TestServer, Wire, position_of, seq_of, text_of};

/// The numbers of events, which must follow each other without gap or double.
fn check_whole(events: &[Value], first: u64, last: u64) {
    let numbers: Vec<u64> = events.iter().map(seq_of).collect();
    let whole: Vec<u64> = (first..=last).collect();
    assert_eq!(numbers, whole, "the events after each other");
}

// ---- hello

#[test]
fn a_welcome_says_what_a_client_counts_on() {
    let server = TestServer::start();
    let ann = Native::hello(server.wire(), json!({"name": "ann"}));
    let welcome = &ann.welcome;
    assert_eq!(welcome["ev"], "welcome", "{welcome}");
    assert_eq!(welcome["user"]["name"], "ann");
    assert_eq!((&welcome["version"], &welcome["lobby"]), (&json!(1), &json!("lobby")));
    assert_eq!((&welcome["resumed"], &welcome["rooms"]), (&json!(false), &json!([])));
    assert_eq!(welcome["limits"]["sends_in_flight"], 32);
    assert!(welcome["epoch"].as_u64().unwrap() > 0);
}

#[test]
fn hello_comes_first_and_once() {
    let server = TestServer::start();
    let mut ann = Native::over(server.wire());
    assert_eq!(ann.refused(json!({"cmd": "ping"})), "hello_first");
    assert_eq!(ann.refused(json!({"cmd": "send", "room": "lobby", "text": "x"})), "hello_first");
    let hello = json!({"cmd": "hello", "versions": [1], "name": "ann"});
    assert_eq!(ann.ask(hello.clone())["ev"], "welcome");
    assert_eq!(ann.refused(hello), "hello_twice");
}

#[test]
fn a_taken_name_comes_with_a_free_one_and_the_connection_goes_on() {
    let server = TestServer::start();
    let _ann = server.plain("ann");
    let mut other = Native::hello(server.wire(), json!({"name": "ANN"}));
    assert_eq!(other.welcome["code"], "name_taken");
    assert_eq!(other.welcome["suggestion"], "ANN2");
    assert_eq!(
        other.refused(json!({"cmd": "hello", "versions": [1], "name": "a b"})),
        "name_invalid"
    );
    let welcome = other.ask(json!({"cmd": "hello", "versions": [7, 1], "name": "ANN2"}));
    assert_eq!(welcome["user"]["name"], "ANN2");
}

#[test]
fn an_unknown_version_is_told_and_closed() {
    let server = TestServer::start();
    let mut peer = Native::hello(server.wire(), json!({"versions": [99], "name": "ann"}));
    assert_eq!(peer.welcome["code"], "version");
    assert_eq!(peer.close_code(), "version");
}

#[test]
fn quit_is_answered_with_the_end_and_the_name_is_free() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    ann.put(&json!({"cmd": "quit"}));
    assert_eq!(ann.close_code(), "bye");
    server.native("ann");
}

// ---- what a message is

#[test]
fn who_and_when_are_the_servers_word() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let forged = json!({
        "cmd": "send", "room": "lobby", "text": "hi",
        "from": {"id": 1, "name": "bob"}, "time": 5, "seq": 99, "epoch": 99, "ev": "message",
    });
    let sent = ann.ask(forged);
    assert_eq!(sent["ev"], "sent", "{sent}");
    let heard = &bob.messages()[0];
    assert_eq!(heard["from"], ann.welcome["user"]);
    assert_eq!(heard["time"], sent["time"]);
    assert!(heard["time"].as_u64().unwrap() > 1_600_000_000_000);
    assert_eq!(position_of(heard), position_of(&sent));
}

#[test]
fn a_repeated_send_gets_the_same_answer_and_is_heard_once() {
    let server = TestServer::start();
    let instance = json!({"name": "ann", "instance": "00112233445566778899aabbccddeeff"});
    let mut ann = Native::hello(server.wire(), instance);
    ann.join("lobby");
    let mut bob = server.native("bob");
    let send = json!({"cmd": "send", "room": "lobby", "text": "once", "counter": 1});
    let first = ann.ask(send.clone());
    let again = ann.ask(send.clone());
    assert_eq!((&first["repeated"], &again["repeated"]), (&json!(false), &json!(true)));
    assert_eq!(position_of(&first), position_of(&again));
    assert_eq!(bob.texts(), ["once"]);
    assert_eq!(bob.refused(send), "no_instance");
}

#[test]
fn requests_that_cannot_be_are_refused_with_their_code() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    for (request, code) in [
        (json!({"cmd": "send", "room": "work", "text": "x"}), "not_member"),
        (json!({"cmd": "send", "user": "nobody", "text": "x"}), "no_such_user"),
        (json!({"cmd": "send", "user": "ann", "text": "x"}), "to_self"),
        (json!({"cmd": "send", "room": "lobby", "text": " \n"}), "text_invalid"),
        (json!({"cmd": "send", "room": "a b", "text": "x"}), "room_invalid"),
        (json!({"cmd": "history", "room": "work"}), "not_member"),
        (json!({"cmd": "members", "room": "work"}), "not_member"),
        (json!({"cmd": "leave", "room": "work"}), "not_member"),
        (json!({"cmd": "dance"}), "bad_frame"),
        (json!({"cmd": "send", "text": "x"}), "bad_frame"),
        (json!({"cmd": "send", "room": "lobby", "text": "x".repeat(4097)}), "text_invalid"),
        (json!({"cmd": "send", "room": "lobby", "text": "\n".repeat(100) + "x"}), "text_invalid"),
    ] {
        assert_eq!(ann.refused(request.clone()), code, "{request}");
    }
}

// ---- order

#[test]
fn sends_and_pings_of_one_packet_are_answered_in_their_order() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let mut packet = String::new();
    for id in 101..=120 {
        let request = match id % 4 {
            0 => json!({"cmd": "ping", "id": id}),
            1 => json!({"cmd": "send", "id": id, "room": "nowhere", "text": "refused"}),
            2 => json!({"cmd": "dance", "id": id}),
            _ => json!({"cmd": "send", "id": id, "room": "lobby", "text": "x"}),
        };
        packet.push_str(&format!("{request}\n"));
    }
    ann.wire.write(packet);
    for id in 101..=120 {
        let answer = ann.frame().unwrap();
        let kind = ["pong", "error", "error", "sent"][id % 4];
        assert_eq!((&answer["id"], &answer["ev"]), (&json!(id), &json!(kind)), "{answer}");
    }
}

#[test]
fn more_sends_than_may_be_in_flight_all_get_through() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let texts = || (0..100).map(|n| format!("line {n}"));
    let sent = ann.tell_all("lobby", texts());
    check_whole(&sent, 1, 100);
    assert_eq!(bob.texts(), texts().collect::<Vec<_>>());
}

#[test]
fn all_members_see_one_order() {
    let server = TestServer::start();
    let mut listeners = [server.native("x"), server.native("y")];
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let mut sender = server.native(name);
            scope.spawn(move || {
                for round in 0..10 {
                    sender.tell_all("lobby", (0..20).map(|n| format!("{name} {round} {n}")));
                }
            });
        }
    });
    let [x, y] = listeners.each_mut().map(Native::messages);
    check_whole(&x, 1, 600);
    assert_eq!(x, y);
    let of_a = x.iter().map(text_of).filter(|text| text.starts_with('a'));
    let said = (0..10).flat_map(|round| (0..20).map(move |n| format!("a {round} {n}")));
    assert!(of_a.eq(said), "each sender's order stays");
}

#[test]
fn nothing_arrives_after_leaving() {
    // One lane: else it is enough that a lane without members gets nothing.
    let server = TestServer::with(|config| config.lanes = 1);
    let mut bob = server.native("bob");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut ann = server.native("ann");
        let is_over = &is_over;
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                ann.tell_all("lobby", (0..20).map(|n| n.to_string()));
            }
        });
        for _ in 0..20 {
            // Until one was heard: so the others' sends are under way while this one leaves.
            while bob.frame().unwrap()["ev"] != "message" {}
            assert_eq!(bob.ask(json!({"cmd": "leave", "room": "lobby"}))["ev"], "left");
            bob.heard.clear();
            assert_eq!(bob.texts(), [""; 0]);
            bob.ask(json!({"cmd": "join", "room": "lobby"}));
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn rooms_do_not_mix() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    ann.join("a");
    bob.join("b");
    ann.tell("a", "in a");
    bob.tell("b", "in b");
    ann.tell("lobby", "in the lobby");
    assert_eq!(ann.texts(), [""; 0]);
    let heard = bob.messages();
    assert_eq!(heard.len(), 1);
    assert_eq!((&heard[0]["room"], &heard[0]["text"]), (&json!("lobby"), &json!("in the lobby")));
}

#[test]
fn two_servers_in_one_process_share_nothing() {
    let (one, two) = (TestServer::start(), TestServer::start());
    let (mut ann, mut bob) = (one.native("ann"), two.native("bob"));
    let mut other_ann = two.native("ann");
    ann.tell("lobby", "on one");
    other_ann.tell("lobby", "on two");
    assert_eq!(ann.texts(), [""; 0]);
    assert_eq!(bob.texts(), ["on two"]);
    assert_eq!(bob.ask(json!({"cmd": "users"}))["count"], 2);
    assert_eq!(ann.ask(json!({"cmd": "users"}))["count"], 1);
    assert_eq!((one.figures().sessions, two.figures().sessions), (1, 2));
}

// ---- lists and history

#[test]
fn lists_are_paged_without_gap_or_double() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    for n in 0..120 {
        ann.ask(json!({"cmd": "join", "room": format!("room{n:03}")}));
    }
    let mut names = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = ann.ask(json!({"cmd": "rooms", "after": after}));
        let rooms = page["rooms"].as_array().unwrap();
        assert!(rooms.len() <= 100);
        names.extend(rooms.iter().map(|room| room["room"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    let rooms = (0..120).map(|n| format!("room{n:03}"));
    assert_eq!(names, std::iter::once("lobby".to_owned()).chain(rooms).collect::<Vec<_>>());
}

#[test]
fn history_gives_the_page_that_was_asked_for() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    ann.tell_all("lobby", (1..=150).map(|n| n.to_string()));
    for (page, first, last, more) in [
        (json!("latest"), 141, 150, true),
        (json!({"before": 11}), 1, 10, false),
        (json!({"before": 12}), 2, 11, true),
        (json!({"after": 140}), 141, 150, false),
        (json!({"after": 5}), 6, 15, true),
    ] {
        let got = ann.ask(json!({"cmd": "history", "room": "lobby", "page": page, "limit": 10}));
        check_whole(got["events"].as_array().unwrap(), first, last);
        assert_eq!(got["more"], more, "{page}");
    }
    let got = ann.ask(json!({"cmd": "history", "room": "lobby", "limit": 4_000_000_000u64}));
    assert_eq!(got["events"].as_array().unwrap().len(), 100, "never more than a page");
    let got =
        ann.ask(json!({"cmd": "history", "room": "lobby", "page": {"around": 75}, "limit": 11}));
    let around = got["events"].as_array().unwrap();
    assert!(around.iter().any(|event| seq_of(event) == 75) && around.len() == 11, "{got}");
}

/// A text whose bytes become six each in JSON: IRC's code for bold.
fn swelling() -> String {
    "\u{2}".repeat(4095) + "x"
}

#[test]
fn texts_that_swell_on_the_wire_close_nobody_who_reads_them_back() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.plain("bob"));
    ann.tell_all("lobby", (0..60).map(|_| swelling()));
    bob.fence();

    let mut events = Vec::new();
    let mut before = 61;
    while before > 1 {
        let request = json!({"cmd": "history", "room": "lobby", "page": {"before": before}});
        let page = ann.ask(request);
        let mut older = page["events"].as_array().unwrap().clone();
        assert!(!older.is_empty(), "{page}");
        before = seq_of(&older[0]);
        assert_eq!(page["more"], before > 1);
        older.append(&mut events);
        events = older;
    }
    check_whole(&events, 1, 60);
    let around = ann.ask(json!({"cmd": "history", "room": "lobby", "page": {"around": 30}}));
    let around = around["events"].as_array().unwrap();
    assert!(around.iter().any(|event| seq_of(event) == 30));
    check_whole(around, seq_of(&around[0]), seq_of(&around[around.len() - 1]));

    let start = json!({"room_id": events[0]["room_id"], "epoch": 0, "seq": 0});
    let mut cy = Native::hello(server.wire(), json!({"name": "cy"}));
    let missed = catch_up(&mut cy, &start);
    check_whole(&missed, 1, 60);
    assert!(bob.ask("/history 100").len() > 1);
}

// ---- slow readers

/// Joins the lobby from a position on and reads until all of it has come.
fn catch_up(native: &mut Native, after: &Value) -> Vec<Value> {
    let joined = native.ask(json!({"cmd": "join", "room": "lobby", "after": after}));
    assert_eq!(joined["catch_up"], "pages", "{joined}");
    let mut events = Vec::new();
    loop {
        let frame = native.frame().expect("the server goes on");
        match frame["ev"].as_str() {
            Some("page") => {
                events.extend(frame["events"].as_array().expect("events").iter().cloned())
            }
            Some("live") => return events,
            _ => assert_ne!(frame["ev"], "message", "nothing live before the end"),
        }
    }
}

#[test]
fn a_reader_that_stops_reading_is_closed_as_slow_and_resumes_without_a_gap() {
    let server = TestServer::with(|config| config.outbox.bytes = 64 * 1024);
    let mut slow = Native::hello(Wire::narrow(server.address()), json!({"name": "slow"}));
    slow.join("lobby");
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let text = "x".repeat(4096);
    let mut said = 0;
    while server.figures().sessions == 3 {
        ann.tell_all("lobby", (0..20).map(|_| text.clone()));
        said += 20;
        assert_eq!(bob.texts().len(), 20, "others get everything");
        assert!(said < 20_000, "80 MB wait for one connection");
    }
    assert_eq!(slow.close_code(), "slow");
    let mut had: Vec<Value> = slow.heard.drain(..).collect();
    had.retain(|frame| frame["ev"] == "message");
    assert!(!had.is_empty(), "what the system had taken arrived");

    let resume = json!({"resume": slow.welcome["resume"]});
    let mut slow = Native::hello(server.wire(), resume);
    assert_eq!(slow.welcome["resumed"], true, "{}", slow.welcome);
    let last = position_of(had.last().unwrap());
    had.extend(catch_up(&mut slow, &last));
    check_whole(&had, 1, said);
}

#[test]
fn a_reader_that_takes_nothing_for_long_is_closed_as_slow() {
    let server = TestServer::with(|config| config.outbox.age_ms = 200);
    let mut slow = Native::hello(Wire::narrow(server.address()), json!({"name": "slow"}));
    slow.join("lobby");
    let mut ann = server.native("ann");
    let text = "x".repeat(4096);
    while server.figures().sessions == 2 {
        ann.tell_all("lobby", (0..20).map(|_| text.clone()));
    }
    assert_eq!(slow.close_code(), "slow");
}

#[test]
fn a_burst_does_not_close_those_who_read_it() {
    // All of it is durable at once, and more than an outbox may hold.
    let server = TestServer::with(|config| config.outbox.bytes = 64 * 1024);
    let mut bob = server.native("bob");
    let mut cy = server.plain("cy");
    let mut ann = server.native("ann");
    cy.fence();
    for _ in 0..5 {
        ann.tell_all("lobby", (0..32).map(|_| "x".repeat(4096)));
        assert_eq!(bob.texts().len(), 32);
        assert_eq!(cy.fence().len(), 32);
    }
}

#[test]
fn catching_up_while_others_talk_ends_live_without_gap_or_double() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    for _ in 0..50 {
        ann.tell_all("lobby", (0..100).map(|n| n.to_string()));
    }
    let room = ann.join("lobby")["room_id"].clone();
    let start = json!({"room_id": room, "epoch": 0, "seq": 0});
    let is_over = AtomicBool::new(false);
    let (mut events, said) = std::thread::scope(|scope| {
        let is_over = &is_over;
        let talk = scope.spawn(move || {
            let mut said = 5000;
            while !is_over.load(Ordering::Relaxed) {
                said += ann.tell_all("lobby", (0..10).map(|n| n.to_string())).len() as u64;
            }
            said
        });
        let mut cy = Native::hello(server.wire(), json!({"name": "cy"}));
        let mut events = catch_up(&mut cy, &start);
        // Some that come live.
        let paged = events.len();
        while events.len() < paged + 50 {
            events.push(cy.frame().expect("the server goes on"));
        }
        is_over.store(true, Ordering::Relaxed);
        let said = talk.join().unwrap();
        events.extend(cy.messages());
        (events, said)
    });
    events.retain(|event| event["ev"].is_null() || event["ev"] == "message");
    check_whole(&events, 1, said);
}

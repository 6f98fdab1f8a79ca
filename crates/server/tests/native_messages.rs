//! What is done with messages on real sockets: edits, deletions, reactions and pins as they are heard live
//! and as they are read later, what goes when a room keeps less, and what can be found.

mod support;

use serde_json::{Value, json};
use std::path::Path;
use support::{Native, PATIENCE, TestServer, position_of, seq_of, text_of};

fn on(cmd: &str, room: &str, seq: u64) -> Value {
    json!({"cmd": cmd, "room": room, "seq": seq})
}

fn edit(room: &str, seq: u64, text: &str) -> Value {
    json!({"cmd": "edit", "room": room, "seq": seq, "text": text})
}

fn react(room: &str, seq: u64, reaction: &str, on: bool) -> Value {
    json!({"cmd": "react", "room": room, "seq": seq, "reaction": reaction, "on": on})
}

/// The whole history of a room: its events and the reactions to them.
fn history(native: &mut Native, room: &str) -> Value {
    let page = native.ask(json!({"cmd": "history", "room": room}));
    assert_eq!(page["ev"], "history", "{page}");
    page
}

/// An event in short: what it is, and about which.
fn short(event: &Value) -> String {
    let of = event["of"].as_u64().or(event["by"].as_u64());
    let of = of.map_or_else(String::new, |of| format!(" {of}"));
    let text = event["text"].as_str().map_or_else(String::new, |text| format!(" {text:?}"));
    format!("{} {}{of}{text}", seq_of(event), event["kind"].as_str().expect("a kind"))
}

fn shorts(events: &Value) -> Vec<String> {
    events.as_array().expect("events").iter().map(short).collect()
}

/// Asks until it is answered so: for what takes its time.
fn ask_until(native: &mut Native, request: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let answer = native.ask(request.clone());
        if is_so(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "never: {request}: {answer}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// The bytes of all files in a folder.
fn contents(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file"));
    let files = files.map(|file| file.path()).filter(|path| path.is_file());
    files.flat_map(|path| std::fs::read(path).expect("it can be read")).collect()
}

#[test]
fn what_was_done_live_is_what_is_read_later() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    let (mut two, mut bob) = (server.login("ann"), server.native("bob"));
    for native in [&mut ann, &mut two, &mut bob] {
        native.join("den");
    }
    let before = position_of(&bob.join("den"));
    ann.tell("den", "Helo, zebra-draft");
    ann.tell("den", "nobody reads zebra-gone");
    bob.tell("den", "three");
    ann.done(edit("den", 1, "Helo, zebra-second"));
    ann.done(edit("den", 1, "Hello"));
    bob.done(react("den", 1, "👍", true));
    two.done(react("den", 1, "👍", true));
    bob.done(react("den", 2, "+1", true));
    bob.done(react("den", 1, "ok", true));
    bob.done(react("den", 1, "ok", false));
    ann.done(edit("den", 2, "nobody reads zebra-this"));
    two.done(on("delete", "den", 2));
    ann.done(on("pin", "den", 1));
    let acts = [
        "4 edit 1 \"Helo, zebra-second\"",
        "5 edit 1 \"Hello\"",
        "6 react 1",
        "7 react 1",
        "8 react 2",
        "9 react 1",
        "10 react 1",
        "11 edit 2 \"nobody reads zebra-this\"",
        "12 delete 2",
        "13 pin 1",
    ];
    for native in [&mut ann, &mut two, &mut bob] {
        let heard = native.messages();
        let heard: Vec<String> = heard.iter().map(short).collect();
        assert_eq!(heard[heard.len() - acts.len()..], acts, "{}", native.name());
    }

    let now = [
        "1 text \"Hello\"",
        "2 deleted 12",
        "3 text \"three\"",
        "4 edit 1",
        "5 edit 1 \"Hello\"",
        "6 react 1",
        "7 react 1",
        "8 react 2",
        "9 react 1",
        "10 react 1",
        "11 edit 2",
        "12 delete 2",
        "13 pin 1",
    ];
    let look = |native: &mut Native, mine: bool| {
        let page = history(native, "den");
        assert_eq!(shorts(&page["events"]), now);
        assert_eq!(page["events"][0]["edited"], 5);
        let reactions = page["reactions"].as_array().expect("reactions").clone();
        assert_eq!(reactions.len(), 1, "{reactions:?}");
        assert_eq!((&reactions[0]["seq"], &reactions[0]["count"]), (&json!(1), &json!(2)));
        let names: Vec<_> = reactions[0]["users"].as_array().unwrap().iter().collect();
        assert_eq!((&names[0]["name"], &names[1]["name"]), (&json!("bob"), &json!("ann")));
        assert_eq!(reactions[0]["mine"] == true, mine);
    };
    look(&mut ann, true);
    look(&mut bob, true);
    // Who was away, from the beginning and from the middle.
    let mut cy = server.native("cy");
    cy.ask(json!({"cmd": "join", "room": "den", "after": before}));
    let pages = cy.told(&["page", "live"]);
    assert_eq!(shorts(&pages[0]["events"]), now, "{pages:?}");
    look(&mut cy, false);
    let joined = cy.ask(json!({"cmd": "join", "room": "den", "after": {
        "room_id": before["room_id"], "epoch": 1, "seq": 9
    }}));
    assert_eq!(joined["info"]["pinned"], json!([1]));
    let pages = cy.told(&["page", "live"]);
    assert_eq!(shorts(&pages[0]["events"]), now[9..], "{pages:?}");
    server.stop();
    let kept = contents(server.data());
    let is_there = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(is_there("Hello") && is_there("three"));
    assert!(!is_there("zebra"), "what was deleted or edited away is in no file");
    server.start_again();
    let mut dee = server.native("dee");
    dee.join("den");
    look(&mut dee, false);
}

#[test]
fn only_who_may_changes_a_message() {
    let server = TestServer::start();
    let (mut ann, mut bob, mut eve) =
        (server.native("ann"), server.native("bob"), server.native("eve"));
    ann.join("den");
    bob.join("den");
    bob.tell("den", "one");
    ann.tell("den", "two");
    for (request, code) in [
        (edit("den", 2, "x"), "not_allowed"),
        (on("delete", "den", 2), "not_allowed"),
        (on("pin", "den", 1), "not_allowed"),
        (edit("den", 99, "x"), "no_such_event"),
        (on("delete", "den", 0), "no_such_event"),
        (react("den", u64::MAX, "x", true), "no_such_event"),
        (edit("den", 1, " \n"), "text_invalid"),
        (react("den", 1, "\u{1b}[1m", true), "reaction_invalid"),
        (react("den", 1, "", true), "reaction_invalid"),
        (json!({"cmd": "send", "room": "den", "text": "x", "reply": 99}), "no_such_event"),
        (json!({"cmd": "send", "room": "den", "text": "x", "reply": 0}), "no_such_event"),
    ] {
        assert_eq!(bob.refused(request.clone()), code, "{request}");
    }
    for request in [edit("den", 1, "x"), on("delete", "den", 1), react("den", 1, "x", true)] {
        assert_eq!(eve.refused(request), "not_member");
    }
    ann.messages();
    assert_eq!(ann.refused(edit("den", 1, "an owner neither")), "not_allowed");
    ann.done(on("delete", "den", 1));
    for request in [
        edit("den", 1, "x"),
        on("delete", "den", 1),
        react("den", 1, "x", true),
        on("pin", "den", 1),
    ] {
        assert_eq!(ann.refused(request), "no_such_event", "it is deleted");
    }
    assert_eq!(ann.refused(edit("den", 3, "x")), "no_such_event", "an act is no message");
    ann.done(json!({"cmd": "restrict", "room": "den", "what": "mute", "user": "bob"}));
    for request in [react("den", 2, "x", true), json!({"cmd": "send", "room": "den", "text": "x"})]
    {
        assert_eq!(bob.refused(request), "muted");
    }
    // In a private chat there are no operators.
    ann.befriend(&mut bob);
    bob.ask(json!({"cmd": "send", "user": "ann", "text": "between us"}));
    let of_bob = json!({"cmd": "delete", "user": "bob", "seq": 1});
    assert_eq!(ann.refused(of_bob), "not_allowed");
    ann.done(json!({"cmd": "react", "user": "bob", "seq": 1, "reaction": "x"}));
    bob.done(json!({"cmd": "delete", "user": "ann", "seq": 1}));
    let told = ann.messages();
    let kinds: Vec<_> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[kinds.len() - 3..], ["text", "react", "delete"]);
    assert_eq!(told.last().unwrap()["user"], "ann", "the recipient, as in every message");
    bob.done(json!({"cmd": "end", "user": "ann"}));
    let late = json!({"cmd": "react", "user": "bob", "seq": 1, "reaction": "x"});
    assert_eq!(ann.refused(late), "not_linked");
}

#[test]
fn a_message_has_so_many_different_reactions() {
    let server = TestServer::start();
    let mut people: Vec<Native> = (0..8).map(|n| server.native(&format!("guest{n}"))).collect();
    for native in &mut people {
        native.join("den");
    }
    people[0].tell("den", "one");
    for n in 0..20 {
        people[n % 8].done(react("den", 1, &format!("r{n}"), true));
    }
    assert_eq!(people[0].refused(react("den", 1, "r20", true)), "limit");
    for native in &mut people {
        native.done(react("den", 1, "r0", true));
        native.done(react("den", 1, "r0", true));
    }
    let page = history(&mut people[7], "den");
    let reactions = page["reactions"].as_array().expect("reactions");
    assert_eq!(reactions.len(), 20);
    let most = reactions.iter().find(|entry| entry["reaction"] == "r0").expect("it is there");
    assert_eq!((&most["count"], most["users"].as_array().unwrap().len()), (&json!(8), 5));
    assert_eq!(most["mine"], true);
    people[0].done(react("den", 1, "r19", false));
    people[3].done(react("den", 1, "r19", false));
    people[0].done(react("den", 1, "r20", true));
}

#[test]
fn a_room_without_history_has_acts_but_nothing_to_act_on() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    ann.ask(json!({"cmd": "join", "room": "attic", "retention": "none"}));
    bob.join("attic");
    ann.tell("attic", "one");
    for request in [
        edit("attic", 1, "x"),
        on("delete", "attic", 1),
        on("pin", "attic", 1),
        react("attic", 1, "x", true),
    ] {
        assert_eq!(ann.refused(request), "no_history");
    }
    let reply = json!({"cmd": "send", "room": "attic", "text": "two", "reply": 1});
    assert_eq!(bob.ask(reply)["ev"], "sent");
    assert_eq!(ann.messages().last().unwrap()["reply"], 1);
    // From now on it keeps what is said, and nothing of before.
    let keep =
        json!({"cmd": "set", "room": "attic", "setting": "retention", "retention": "forever"});
    ann.done(keep);
    ann.tell("attic", "three");
    assert_eq!(ann.refused(edit("attic", 1, "x")), "no_such_event");
    assert_eq!(shorts(&history(&mut bob, "attic")["events"]), ["3 changed", "4 text \"three\""]);
    let stop = json!({"cmd": "set", "room": "attic", "setting": "retention", "retention": "none"});
    ann.done(stop);
    assert_eq!(bob.refused(json!({"cmd": "history", "room": "attic"})), "no_history");
    assert_eq!(seq_of(&ann.tell("attic", "six")), 6, "numbers go on");
}

#[test]
fn a_room_that_keeps_some_events_lets_the_oldest_go() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    let joined = ann.ask(json!({"cmd": "join", "room": "den", "retention": {"messages": 50}}));
    assert_eq!(joined["retention"], json!({"messages": 50}), "{joined}");
    ann.tell_all("den", (1..=9).map(|n| format!("zebra-{n}")));
    ann.done(on("pin", "den", 2));
    let keep = |retention: Value| json!({"cmd": "set", "room": "den", "setting": "retention", "retention": retention});
    ann.done(keep(json!({"messages": 3})));
    // 10 is the pin, 11 the change.
    let oldest = json!({"cmd": "history", "room": "den", "page": {"after": 0}});
    let page = ask_until(&mut ann, &oldest, |page| page["events"][0]["seq"] == 9);
    assert_eq!(shorts(&page["events"]), ["9 text \"zebra-9\"", "10 pin 2", "11 changed"]);
    let around = ann.ask(json!({"cmd": "history", "room": "den", "page": {"around": 3}}));
    assert!(!around.to_string().contains("zebra-3"), "{around}");
    assert_eq!(ann.refused(react("den", 8, "x", true)), "no_such_event");
    let info = ann.ask(json!({"cmd": "info", "room": "den"}));
    assert_eq!(info["pinned"], Value::Null, "what has gone is not pinned");
    for (seq, catch_up) in [(0, "reset"), (7, "reset"), (9, "pages"), (11, "live")] {
        let after = json!({"room_id": joined["room_id"], "epoch": 1, "seq": seq});
        let answer = ann.ask(json!({"cmd": "join", "room": "den", "after": after}));
        assert_eq!(answer["catch_up"], catch_up, "{seq}: {answer}");
    }
    // More again brings nothing back.
    ann.done(keep(json!("forever")));
    assert_eq!(shorts(&history(&mut ann, "den")["events"])[0], "9 text \"zebra-9\"");
    server.stop();
    let kept = contents(server.data());
    let is_there = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(is_there("zebra-9") && !is_there("zebra-8") && !is_there("zebra-1"), "in the files");
    server.start_again();
    let mut ann = server.login("ann");
    ann.join("den");
    assert_eq!(seq_of(&ann.tell("den", "later")), 13);
    assert_eq!(shorts(&history(&mut ann, "den")["events"])[0], "9 text \"zebra-9\"");
}

#[test]
fn what_is_said_is_found_by_who_may_read_it_until_it_is_gone() {
    let server = TestServer::start();
    let (mut ann, mut bob, mut eve) =
        (server.account("ann"), server.account("bob"), server.native("eve"));
    for native in [&mut ann, &mut bob] {
        native.join("den");
    }
    ann.tell("den", "The kettle is on");
    bob.tell("den", "Which kettle?");
    ann.tell("lobby", "no kettle here");
    ann.befriend(&mut bob);
    ann.ask(json!({"cmd": "send", "user": "bob", "text": "our kettle"}));
    let search = |query: &str| json!({"cmd": "search", "query": query});
    let texts = |found: &Value| -> Vec<String> {
        found["hits"].as_array().expect("hits").iter().map(text_of).collect()
    };
    let all = ["our kettle", "no kettle here", "Which kettle?", "The kettle is on"];
    let found = ask_until(&mut ann, &search("KETTLE"), |found| {
        found["ev"] == "found" && found["hits"].as_array().is_some_and(|hits| hits.len() == 4)
    });
    assert_eq!(texts(&found), all);
    assert_eq!(found["hits"][0]["user"], "bob", "the other side");
    assert_eq!((&found["hits"][3]["room"], &found["hits"][3]["seq"]), (&json!("den"), &json!(1)));
    assert_eq!(bob.ask(search("kettle"))["hits"][0]["user"], "ann");
    assert_eq!(texts(&eve.ask(search("kettle"))), ["no kettle here"], "only where eve is");
    for (with, expected) in [
        (json!({"room": "den"}), &all[2..]),
        (json!({"user": "bob"}), &all[..1]),
        (json!({"from": "BOB"}), &all[2..3]),
        (json!({"since": 1u64 << 50}), &[]),
        (json!({"until": 1}), &[]),
    ] {
        let mut request = search("kettle");
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        assert_eq!(texts(&ann.ask(request)), expected, "{with}");
    }
    // Pages.
    let (mut after, mut hits) = (Value::Null, Vec::new());
    loop {
        let mut request = search("kettle");
        request["limit"] = 1.into();
        request["after"] = after;
        let page = ann.ask(request);
        hits.extend(texts(&page));
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
        assert!(hits.len() < 10, "no end");
    }
    assert_eq!(hits, all);
    ann.done(edit("den", 1, "The pot is on"));
    bob.done(on("delete", "den", 2));
    let found = ask_until(&mut ann, &search("pot"), |found| found["hits"] != json!([]));
    assert_eq!(found["hits"][0]["edited"], 3, "{found}");
    assert_eq!(texts(&ann.ask(search("kettle"))), all[..2]);
    bob.ask(json!({"cmd": "leave", "room": "den"}));
    assert_eq!(texts(&bob.ask(search("pot"))), [""; 0], "bob can't read it any more");
    assert_eq!(bob.refused(json!({"cmd": "search", "query": "pot", "room": "den"})), "not_member");
}

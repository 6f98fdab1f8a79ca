//! Private chats and groups on real sockets: nobody is spoken to who has not agreed, a block can't be
//! told from silence, what waits for those who are away, and who may come into a group.

mod support;

use serde_json::{Value, json};
use std::collections::HashMap;
use support::{Native, TestServer, position_of, seq_of, text_of};

/// The states that a peer was told of somebody, in order.
fn states(native: &mut Native) -> Vec<String> {
    let told = native.told(&["link"]);
    told.iter().map(|link| link["state"].as_str().expect("a state").to_owned()).collect()
}

fn send_to(user: &str, text: &str) -> Value {
    json!({"cmd": "send", "user": user, "text": text})
}

fn quit(mut native: Native) {
    native.put(&json!({"cmd": "quit"}));
    assert_eq!(native.close_code(), "bye");
}

// ---- consent

#[test]
fn a_whole_conversation_over_a_restart() {
    let mut server = TestServer::start();
    quit(server.account("ann"));
    let (mut ann, mut bob) = (server.login("ann"), server.account("bob"));
    ann.done(json!({"cmd": "ask", "user": "bob"}));
    assert_eq!(states(&mut bob), ["asked"]);
    bob.done(json!({"cmd": "accept", "user": "ann"}));
    assert_eq!((states(&mut ann), states(&mut bob)), (vec!["open".into()], vec!["open".into()]));
    let sent = ann.ask(send_to("bob", "one"));
    assert_eq!(bob.texts(), ["one"]);
    bob.ask(send_to("ann", "two"));
    assert_eq!(ann.texts(), ["two"]);
    server.stop();
    server.start_again();

    let [mut ann, mut bob] = [&ann, &bob].map(|known| {
        let token = json!({"resume": known.welcome["resume"]});
        Native::welcomed(server.wire(), token)
    });
    assert_eq!(ann.welcome["privates"], json!(["bob"]));
    assert_eq!(bob.welcome["privates"], json!(["ann"]));
    let after = position_of(&sent);
    let joined = ann.ask(json!({"cmd": "join", "user": "bob", "after": after}));
    assert_eq!(joined["catch_up"], "pages", "{joined}");
    assert_eq!(ann.told(&["page"])[0]["events"][0]["text"], "two");
    bob.ask(json!({"cmd": "join", "user": "ann"}));
    assert_eq!(seq_of(&ann.ask(send_to("bob", "three"))), 3);
    assert_eq!(bob.texts(), ["three"]);
    bob.done(json!({"cmd": "end", "user": "ann"}));
    assert_eq!((states(&mut ann), states(&mut bob)), (vec!["ended".into()], vec!["ended".into()]));
    assert_eq!(ann.refused(send_to("bob", "four")), "not_accepted");
    let history = ann.ask(json!({"cmd": "history", "user": "bob"}));
    assert_eq!(history["events"].as_array().unwrap().len(), 3, "it stays readable: {history}");
}

#[test]
fn no_text_reaches_who_has_not_agreed() {
    let server = TestServer::start();
    let (mut eve, mut bob) = (server.native("eve"), server.native("bob"));
    let frames = |from: u64| {
        let frame = |id| json!({"cmd": "send", "id": id, "user": "bob", "text": "buy this"});
        (from..from + 40).map(|id| format!("{}\n", frame(id))).collect::<String>()
    };
    eve.wire.write(frames(1000));
    for id in 1000..1040 {
        assert_eq!(eve.answer(id)["code"], "not_accepted");
    }
    bob.fence();
    bob.wire.write("{\"cmd\":\"reject\",\"id\":7,\"user\":\"eve\"}\n");
    let heard: Vec<Value> = bob.heard.drain(..).collect();
    assert_eq!(bob.answer(7)["ev"], "done");
    assert_eq!(heard.iter().filter(|frame| frame["ev"] == "link").count(), 1, "{heard:?}");
    assert!(!heard.iter().any(|frame| frame.to_string().contains("buy")), "{heard:?}");
    assert_eq!(states(&mut eve), ["rejected"]);
    eve.wire.write(frames(2000));
    eve.answer(2039);
    bob.done(json!({"cmd": "block", "user": "eve"}));
    eve.done(json!({"cmd": "end", "user": "bob"}));
    eve.wire.write(frames(3000));
    eve.answer(3039);
    assert_eq!(bob.texts(), [""; 0]);
    assert_eq!(bob.refused(json!({"cmd": "history", "user": "eve"})), "no_such_room");
}

#[test]
fn writing_to_who_asks_accepts_and_so_does_asking_back() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let mut cy = server.native("cy");
    assert_eq!(ann.refused(send_to("bob", "lost")), "not_accepted");
    assert_eq!(ann.refused(send_to("bob", "lost")), "not_accepted");
    assert_eq!(states(&mut bob), ["asked"], "asked once");
    assert_eq!(bob.ask(send_to("ann", "yes?"))["seq"], 1);
    assert_eq!(ann.texts(), ["yes?"]);
    assert_eq!(ann.refused(json!({"cmd": "ask", "user": "bob"})), "already_linked");
    assert_eq!(bob.refused(json!({"cmd": "accept", "user": "ann"})), "already_linked");
    cy.done(json!({"cmd": "ask", "user": "ann"}));
    assert_eq!(cy.refused(json!({"cmd": "ask", "user": "ann"})), "already_asked");
    ann.done(json!({"cmd": "ask", "user": "cy"}));
    assert_eq!(states(&mut cy), ["open"]);
    assert_eq!(cy.refused(json!({"cmd": "end", "user": "bob"})), "not_linked");
    assert_eq!(cy.refused(json!({"cmd": "reject", "user": "bob"})), "no_request");
    assert_eq!(cy.refused(json!({"cmd": "block", "user": "cy"})), "to_self");
}

#[test]
fn a_chat_with_a_guest_ends_with_the_guest() {
    let server = TestServer::start();
    let mut ann = server.account("ann");
    for _ in 0..2 {
        let mut guest = server.native("guest");
        ann.befriend(&mut guest);
        assert_eq!(ann.ask(send_to("guest", "hi"))["seq"], 1, "another guest, another chat");
        quit(guest);
        let told = states(&mut ann);
        assert_eq!(told.last().unwrap(), "ended");
        assert_eq!(ann.refused(send_to("guest", "hi")), "no_such_user");
    }
    let mut guest = server.native("guest");
    assert_eq!(guest.refused(json!({"cmd": "history", "user": "ann"})), "no_such_room");
    guest.done(json!({"cmd": "ask", "user": "ann"}));
    quit(guest);
    assert_eq!(states(&mut ann), ["asked", "ended"]);
    assert_eq!(ann.ask(json!({"cmd": "links"}))["links"], json!([]));
}

#[test]
fn a_send_refused_as_not_accepted_leaves_its_counter_free() {
    let server = TestServer::start();
    let mut bob = server.native("bob");
    let instance = json!({"name": "ann", "instance": "00112233445566778899aabbccddeeff"});
    let mut ann = Native::welcomed(server.wire(), instance);
    let send = |counter: u64| {
        let mut send = send_to("bob", &counter.to_string());
        send["counter"] = counter.into();
        send
    };
    assert_eq!(ann.refused(send(1)), "not_accepted");
    assert_eq!(ann.refused(send(1)), "not_accepted", "a repetition is no other thing");
    bob.done(json!({"cmd": "accept", "user": "ann"}));
    for (counter, repeated) in [(2, false), (2, true), (1, false)] {
        let sent = ann.ask(send(counter));
        assert_eq!((&sent["ev"], &sent["repeated"]), (&json!("sent"), &json!(repeated)));
    }
    assert_eq!(bob.texts(), ["2", "1"]);
}

#[test]
fn as_many_questions_wait_as_may() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let mut others: Vec<Native> = (0..65).map(|n| server.native(&format!("guest{n}"))).collect();
    for n in 0..64 {
        ann.done(json!({"cmd": "ask", "user": format!("guest{n}")}));
    }
    assert_eq!(ann.refused(json!({"cmd": "ask", "user": "guest64"})), "limit");
    assert_eq!(ann.refused(send_to("guest64", "hi")), "limit");
    others[0].done(json!({"cmd": "reject", "user": "ann"}));
    ann.done(json!({"cmd": "ask", "user": "guest64"}));
    let links = ann.ask(json!({"cmd": "links"}));
    assert_eq!(links["links"].as_array().unwrap().len(), 64);
}

// ---- blocks

/// What a peer hears, with its ids, times and tokens replaced by their order of appearance.
#[derive(Default)]
struct Normal {
    known: HashMap<String, usize>,
    out: String,
}

impl Normal {
    fn add(&mut self, line: &[u8]) {
        let line = std::str::from_utf8(line).expect("UTF-8");
        let is_word = |c: char| c.is_ascii_alphanumeric();
        for word in line.split_inclusive(|c| !is_word(c)) {
            let (token, end) = match word.char_indices().next_back() {
                Some((at, c)) if !is_word(c) => word.split_at(at),
                _ => (word, ""),
            };
            let digits = token.bytes().all(|b| b.is_ascii_digit());
            match token.len() {
                // Milliseconds: they say nothing about who did what.
                13 if digits => self.out.push_str("TIME"),
                10 if digits => self.number(token),
                32 => self.number(token),
                _ => self.out.push_str(token),
            }
            self.out.push_str(end);
        }
    }

    fn number(&mut self, token: &str) {
        let next = self.known.len();
        let number = *self.known.entry(token.to_owned()).or_insert(next);
        self.out.push_str(&format!("ID{number}"));
    }
}

/// Whether ann blocks eve in a run.
#[derive(Clone, Copy, PartialEq)]
enum Ann {
    Ignores,
    Blocks,
}

/// When she does it.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Before,
    AfterTheQuestion,
    /// Where she doesn't block, she ends the chat.
    InAChat,
}

/// Everything that eve hears in a run, who tries what she can to reach ann.
fn heard_by_eve(ann_does: Ann, when: When, accounts: bool) -> String {
    let server = TestServer::start();
    let peer = |name| if accounts { server.account(name) } else { server.native(name) };
    let (mut ann, mut eve) = (peer("ann"), peer("eve"));
    let mut heard = Normal::default();
    let shuts_out = |ann: &mut Native, now: When| {
        if when != now {
            return;
        }
        match ann_does {
            Ann::Blocks => ann.done(json!({"cmd": "block", "user": "eve"})),
            Ann::Ignores if when == When::InAChat => ann.done(json!({"cmd": "end", "user": "eve"})),
            Ann::Ignores => {}
        }
    };
    let mut says = |eve: &mut Native, request: Value| {
        eve.put(&request);
        eve.put(&json!({"cmd": "ping", "id": 99}));
        loop {
            let line = eve.wire.raw_line().expect("the server goes on");
            heard.add(&line);
            if line.starts_with(b"{\"ev\":\"pong\",\"id\":99,") {
                return;
            }
        }
    };
    shuts_out(&mut ann, When::Before);
    if when == When::InAChat {
        says(&mut eve, json!({"cmd": "ask", "user": "ann"}));
        ann.done(json!({"cmd": "accept", "user": "eve"}));
        says(&mut eve, send_to("ann", "hi"));
        shuts_out(&mut ann, When::InAChat);
        says(&mut eve, json!({"cmd": "history", "user": "ann"}));
        says(&mut eve, json!({"cmd": "join", "user": "ann"}));
    }
    says(&mut eve, json!({"cmd": "ask", "user": "ann"}));
    shuts_out(&mut ann, When::AfterTheQuestion);
    for request in [
        json!({"cmd": "ask", "user": "ann"}),
        send_to("ann", "hello?"),
        json!({"cmd": "links"}),
        json!({"cmd": "accept", "user": "ann"}),
        json!({"cmd": "history", "user": "ann"}),
        json!({"cmd": "mark", "user": "ann", "seq": 1}),
        json!({"cmd": "end", "user": "ann"}),
        json!({"cmd": "end", "user": "ann"}),
        send_to("ann", "hello?"),
        json!({"cmd": "group", "room": "trap"}),
        json!({"cmd": "invite", "room": "trap", "user": "ann"}),
        json!({"cmd": "invite", "room": "trap", "user": "ann"}),
        json!({"cmd": "users"}),
        json!({"cmd": "members", "room": "lobby"}),
        json!({"cmd": "nick", "name": "eva"}),
        json!({"cmd": "nick", "name": "eve"}),
        json!({"cmd": "send", "room": "lobby", "text": "is ann here?"}),
    ] {
        says(&mut eve, request);
    }
    ann.tell("lobby", "yes");
    says(&mut eve, json!({"cmd": "block", "user": "ann"}));
    says(&mut eve, json!({"cmd": "unblock", "user": "ann"}));
    says(&mut eve, json!({"cmd": "ask", "user": "ann"}));
    ann.ask(json!({"cmd": "nick", "name": "anna"}));
    says(&mut eve, json!({"cmd": "links"}));
    quit(ann);
    says(&mut eve, json!({"cmd": "links"}));
    says(&mut eve, send_to("anna", "gone?"));
    heard.out
}

#[test]
fn who_is_blocked_hears_the_same_bytes_as_who_is_ignored() {
    for when in [When::Before, When::AfterTheQuestion, When::InAChat] {
        for accounts in [false, true] {
            let ignored = heard_by_eve(Ann::Ignores, when, accounts);
            let blocked = heard_by_eve(Ann::Blocks, when, accounts);
            let lines = ignored.lines().zip(blocked.lines());
            for (line, (ignored, blocked)) in lines.enumerate() {
                assert_eq!(ignored, blocked, "line {line}");
            }
            assert_eq!(ignored, blocked);
            assert!(ignored.contains("not_accepted") && ignored.contains("\"state\":\"waiting\""));
        }
    }
}

#[test]
fn who_blocks_hears_nothing_until_the_block_is_taken_back() {
    let server = TestServer::start();
    let (mut ann, mut eve) = (server.account("ann"), server.account("eve"));
    ann.befriend(&mut eve);
    ann.done(json!({"cmd": "block", "user": "eve"}));
    ann.told(&[]);
    eve.done(json!({"cmd": "ask", "user": "ann"}));
    eve.ask(json!({"cmd": "group", "room": "trap"}));
    eve.done(json!({"cmd": "invite", "room": "trap", "user": "ann"}));
    assert_eq!(ann.refused(json!({"cmd": "accept", "user": "eve"})), "no_request");
    assert_eq!(ann.refused(json!({"cmd": "join", "room": "trap"})), "invite_only");
    assert_eq!(ann.refused(send_to("eve", "hi")), "blocked");
    assert_eq!(ann.told(&["link", "invited"]), [Value::Null; 0]);
    let mut again = server.login("ann");
    assert_eq!(again.told(&["link", "invited"]), [Value::Null; 0], "nor after a welcome");
    let links = again.ask(json!({"cmd": "links"}))["links"].clone();
    assert_eq!(links, json!([{"user": eve.welcome["user"], "state": "blocked", "online": true}]));
    ann.done(json!({"cmd": "unblock", "user": "eve"}));
    assert_eq!(states(&mut ann), ["asked"]);
    ann.ask(json!({"cmd": "join", "room": "trap"}));
    ann.done(json!({"cmd": "accept", "user": "eve"}));
}

#[test]
fn a_policy_says_who_may_begin() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    ann.done(json!({"cmd": "policy", "private": "closed"}));
    assert_eq!(bob.refused(json!({"cmd": "ask", "user": "ann"})), "private_closed");
    assert_eq!(bob.refused(send_to("ann", "hi")), "private_closed");
    ann.done(json!({"cmd": "ask", "user": "bob"}));
    bob.done(json!({"cmd": "accept", "user": "ann"}));
    assert_eq!(bob.ask(send_to("ann", "open stays open"))["ev"], "sent");
    bob.done(json!({"cmd": "end", "user": "ann"}));
    ann.done(json!({"cmd": "policy", "private": "open"}));
    assert_eq!(bob.ask(send_to("ann", "at once"))["ev"], "sent");
    ann.done(json!({"cmd": "policy"}));
    bob.done(json!({"cmd": "end", "user": "ann"}));
    assert_eq!(bob.refused(send_to("ann", "ask again")), "not_accepted");

    let server = TestServer::with(|config| {
        config.hub.private = hubbub_protocol::PrivatePolicy::Closed;
    });
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    ann.done(json!({"cmd": "policy", "private": "open"}));
    assert_eq!(bob.refused(json!({"cmd": "ask", "user": "ann"})), "private_closed");
}

// ---- away

#[test]
fn what_waits_for_who_is_away_is_bounded_and_comes_once() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.account("ann"), server.account("bob"));
    ann.befriend(&mut bob);
    ann.ask(send_to("bob", "heard live"));
    assert_eq!(bob.texts(), ["heard live"]);
    quit(bob);
    for n in 1..=200 {
        let sent = ann.ask(send_to("bob", &n.to_string()));
        assert_eq!(sent["ev"], "sent", "{sent}");
    }
    let full = ann.ask(send_to("bob", "too many"));
    assert_eq!((&full["code"], &full["next"]), (&json!("away_full"), &json!("retry")));

    let mut bob = server.login("bob");
    let joined = bob.ask(json!({"cmd": "join", "user": "ann"}));
    assert_eq!(joined["catch_up"], "pages", "{joined}");
    while bob.heard.back().is_none_or(|frame| frame["ev"] != "live") {
        let frame = bob.frame().unwrap();
        bob.heard.push_back(frame);
    }
    let pages: Vec<Value> = bob.heard.drain(..).filter(|frame| frame["ev"] == "page").collect();
    let events = pages.iter().flat_map(|page| page["events"].as_array().unwrap());
    let texts: Vec<String> = events.map(text_of).collect();
    assert_eq!(texts, (1..=200).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(ann.ask(send_to("bob", "back again"))["ev"], "sent");
    assert_eq!(bob.texts(), ["back again"]);
    quit(bob);
    let mut bob = server.login("bob");
    assert_eq!(bob.ask(json!({"cmd": "join", "user": "ann"}))["catch_up"], "live");
}

#[test]
fn questions_and_invitations_wait_for_who_is_away_over_a_restart() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    quit(server.account("bob"));
    ann.done(json!({"cmd": "ask", "user": "bob"}));
    ann.ask(json!({"cmd": "group", "room": "band"}));
    ann.done(json!({"cmd": "invite", "room": "band", "user": "bob"}));
    server.stop();
    server.start_again();
    let mut bob = server.login("bob");
    let from = &ann.welcome["user"];
    assert_eq!(
        bob.told(&["link", "invited"]),
        [
            json!({"ev": "link", "user": from, "state": "asked"}),
            json!({"ev": "invited", "room": "band", "from": from}),
        ]
    );
    bob.done(json!({"cmd": "accept", "user": "ann"}));
    assert_eq!(bob.join("band")["created"], false);
    let mut ann = server.login("ann");
    assert_eq!(ann.welcome["privates"], json!(["bob"]));
    ann.join("band");
    bob.tell("band", "here I am");
    assert_eq!(ann.texts(), ["here I am"]);
}

// ---- groups

#[test]
fn whoever_is_not_invited_learns_nothing_of_a_group() {
    let server = TestServer::start();
    let (mut ann, mut eve) = (server.native("ann"), server.native("eve"));
    let mut bob = server.native("bob");
    ann.ask(json!({"cmd": "group", "room": "band"}));
    ann.done(json!({"cmd": "invite", "room": "band", "user": "bob"}));
    ann.tell("band", "a secret");
    for (request, code) in [
        (json!({"cmd": "join", "room": "band"}), "invite_only"),
        (json!({"cmd": "send", "room": "band", "text": "hi"}), "not_member"),
        (json!({"cmd": "history", "room": "band"}), "not_member"),
        (json!({"cmd": "members", "room": "band"}), "not_member"),
        (json!({"cmd": "mark", "room": "band", "seq": 1}), "not_member"),
        (json!({"cmd": "leave", "room": "band"}), "not_member"),
        (json!({"cmd": "decline", "room": "band"}), "no_request"),
        (json!({"cmd": "invite", "room": "band", "user": "bob"}), "not_member"),
        (json!({"cmd": "invite", "room": "lobby", "user": "bob"}), "already_member"),
        (json!({"cmd": "group", "room": "BAND"}), "room_taken"),
    ] {
        assert_eq!(eve.refused(request.clone()), code, "{request}");
    }
    let rooms = eve.ask(json!({"cmd": "rooms"}))["rooms"].clone();
    assert_eq!(rooms.as_array().unwrap().len(), 1, "the lobby alone: {rooms}");
    assert_eq!(eve.told(&["invited", "message", "renamed"]), [Value::Null; 0]);

    assert_eq!(bob.told(&["invited"]).len(), 1);
    assert_eq!(
        ann.refused(json!({"cmd": "invite", "room": "band", "user": "bob"})),
        "already_asked"
    );
    bob.join("band");
    assert_eq!(
        ann.refused(json!({"cmd": "invite", "room": "band", "user": "bob"})),
        "already_member"
    );
    let history = bob.ask(json!({"cmd": "history", "room": "band"}));
    assert_eq!(history["events"][0]["text"], "a secret");
    bob.ask(json!({"cmd": "leave", "room": "band"}));
    assert_eq!(bob.refused(json!({"cmd": "join", "room": "band"})), "invite_only");
}

#[test]
fn a_group_is_handed_over_and_goes_with_its_last_member() {
    let mut server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.account("bob"));
    let mut cy = server.account("cy");
    ann.ask(json!({"cmd": "group", "room": "band"}));
    for other in [&mut bob, &mut cy] {
        ann.done(json!({"cmd": "invite", "room": "band", "user": other.name()}));
        other.join("band");
    }
    cy.told(&[]);
    quit(ann);
    let told = cy.told(&["member"]);
    let in_band = told.iter().filter(|frame| frame["room"] == "band");
    let changes: Vec<_> = in_band.map(|f| (&f["user"]["name"], &f["change"])).collect();
    let (ann, quits, bob_, owns) = (json!("ann"), json!("quit"), json!("bob"), json!("owner"));
    assert_eq!(changes, [(&ann, &quits), (&bob_, &owns)]);
    server.stop();
    server.start_again();
    let [mut bob, mut cy, mut dee] = ["bob", "cy", "dee"].map(|name| match name {
        "dee" => server.native(name),
        name => server.login(name),
    });
    assert_eq!(bob.welcome["rooms"], json!(["lobby", "band"]));
    assert_eq!(cy.refused(json!({"cmd": "invite", "room": "band", "user": "dee"})), "not_allowed");
    bob.done(json!({"cmd": "invite", "room": "band", "user": "dee"}));
    for member in [&mut cy, &mut bob] {
        assert_eq!(member.ask(json!({"cmd": "leave", "room": "band"}))["ev"], "left");
    }
    assert_eq!(dee.join("band")["created"], true, "the name is free, and the group is no more");
}

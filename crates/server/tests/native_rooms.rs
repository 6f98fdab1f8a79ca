//! Rooms and their order on real sockets: who hears an act and when, what a kick and a ban are for their
//! victims on all their connections, who comes in, and that no frame about rooms breaks anything.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Native, TestServer, seq_of, text_of};

fn act(cmd: &str, room: &str, with: Value) -> Value {
    let mut request = json!({"cmd": cmd, "room": room});
    let (Value::Object(into), Value::Object(with)) = (&mut request, with) else {
        panic!("objects")
    };
    into.extend(with);
    request
}

fn set(room: &str, setting: &str, with: Value) -> Value {
    let mut request = act("set", room, with);
    request["setting"] = setting.into();
    request
}

fn restrict(room: &str, what: &str, whom: Value) -> Value {
    let mut request = act("restrict", room, whom);
    request["what"] = what.into();
    request
}

fn lift(room: &str, what: &str, whom: Value) -> Value {
    let mut request = restrict(room, what, whom);
    request["cmd"] = "lift".into();
    request
}

fn user(name: &str) -> Value {
    json!({"user": name})
}

/// Enters a room that keeps nothing, and makes it if there is none.
fn join_passing(native: &mut Native, room: &str) -> Value {
    let joined = native.ask(json!({"cmd": "join", "room": room, "retention": "none"}));
    assert_eq!(joined["ev"], "joined", "{joined}");
    joined
}

/// What a peer heard of a room since the last time, in short.
fn heard(native: &mut Native, room: &str) -> Vec<String> {
    native.fence();
    let all: Vec<Value> = native.heard.drain(..).collect();
    let of_room = all.iter().filter(|frame| frame["room"] == room);
    of_room.map(|frame| format!("{} {}", word(&frame["ev"]), what(frame))).collect()
}

fn what(frame: &Value) -> String {
    let of = |field: &str| word(&frame[field]);
    match of("ev").as_str() {
        "member" => format!("{} {}", word(&frame["user"]["name"]), of("change")),
        "message" => of("kind"),
        "kicked" => format!("by {} banned {}", of("by"), frame["banned"] == true),
        other => other.to_owned(),
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

// ---- acts

#[test]
fn an_act_comes_to_everybody_and_to_who_did_it_before_its_answer() {
    let server = TestServer::start();
    let mut ann = server.account("ann");
    let mut two = server.login("ann");
    let mut bob = server.native("bob");
    for room in ["kept", "passing"] {
        let retention = if room == "kept" { "forever" } else { "none" };
        ann.ask(json!({"cmd": "join", "room": room, "retention": retention}));
        two.join(room);
        bob.join(room);
        ann.put(&json!({"cmd": "send", "id": 900, "room": room, "text": "first"}));
        ann.put(&act("set", room, json!({"id": 901, "setting": "topic", "topic": "Tea"})));
        ann.put(&act("role", room, json!({"id": 902, "user": "bob", "role": "voice"})));
        ann.answer(900);
        ann.heard.clear();
        let frames: Vec<Value> = (0..4).map(|_| ann.frame().expect("it goes on")).collect();
        let told: Vec<_> = frames.iter().map(|frame| word(&frame["ev"])).collect();
        assert_eq!(told, ["message", "done", "message", "done"], "{room}: {frames:?}");
        assert_eq!([seq_of(&frames[0]), seq_of(&frames[2])], [2, 3], "no number is left out");
        let whole = two.messages();
        assert_eq!(whole.iter().map(seq_of).collect::<Vec<_>>(), [1, 2, 3], "{room}");
        assert_eq!(whole[1..], bob.messages()[1..], "one event for all");
        assert_eq!(frames[2]["who"]["name"], "bob");
        assert_eq!(frames[2]["from"]["name"], "ann");
        // What changes nothing is no act.
        ann.done(set(room, "topic", json!({"topic": "Tea"})));
        ann.done(act("role", room, json!({"user": "bob", "role": "voice"})));
        assert_eq!(bob.messages(), [Value::Null; 0]);
    }
}

// ---- who may do what

#[test]
fn each_role_may_what_the_document_says() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    join_passing(&mut ann, "den");
    let mut people = ["mem", "voi", "ope", "own"].map(|name| server.native(name));
    let mut targets = ["tim", "tom"].map(|name| server.native(name));
    for native in people.iter_mut().chain(&mut targets) {
        native.join("den");
    }
    for (name, role) in [("voi", "voice"), ("ope", "operator"), ("own", "owner")] {
        ann.done(act("role", "den", json!({"user": name, "role": role})));
    }
    ann.done(act("role", "den", json!({"user": "tom", "role": "operator"})));
    // From which role on, by the place in `people`.
    let acts = [
        (0, act("roles", "den", json!({}))),
        (0, act("info", "den", json!({}))),
        (2, set("den", "topic", json!({"topic": "x"}))),
        (2, set("den", "description", json!({"description": "x"}))),
        (2, set("den", "secret", json!({"on": true}))),
        (2, set("den", "key", json!({"key": "sesame"}))),
        (2, set("den", "member_limit", json!({"members": 50}))),
        (2, set("den", "slow_mode", json!({"seconds": 0}))),
        (2, set("den", "moderated", json!({"on": false}))),
        (2, set("den", "invite_only", json!({"on": false}))),
        (3, set("den", "retention", json!({"retention": "none"}))),
        (2, act("role", "den", json!({"user": "tim", "role": "voice"}))),
        (3, act("role", "den", json!({"user": "tim", "role": "operator"}))),
        (3, act("role", "den", json!({"user": "tom", "role": "voice"}))),
        (3, act("role", "den", json!({"user": "tom", "role": "owner"}))),
        (2, restrict("den", "mute", user("tim"))),
        (2, lift("den", "mute", user("tim"))),
        (2, act("restrictions", "den", json!({}))),
    ];
    for (least, request) in acts {
        for (rank, native) in people.iter_mut().enumerate() {
            let answer = native.ask(request.clone());
            let is_refused = answer["code"] == "not_allowed";
            assert_eq!(is_refused, rank < least, "{}: {request}: {answer}", native.name());
            assert!(is_refused || answer["ev"] != "error", "{request}: {answer}");
            // As it was, for the next one.
            for name in ["tim", "tom"] {
                let role = if name == "tom" { json!("operator") } else { Value::Null };
                ann.ask(act("role", "den", json!({"user": name, "role": role})));
            }
            let again = restrict("den", "mute", user("tim"));
            if request["cmd"] == "lift" {
                ann.done(again);
            }
        }
    }
    for (who, other, code) in [
        (0, "tim", "not_allowed"),
        (1, "tim", "not_allowed"),
        (2, "tom", "not_allowed"),
        (2, "own", "not_allowed"),
        (3, "ann", "not_allowed"),
        (3, "own", "to_self"),
        (3, "nobody", "no_such_user"),
    ] {
        for request in [act("kick", "den", user(other)), restrict("den", "ban", user(other))] {
            assert_eq!(people[who].refused(request.clone()), code, "{who}: {request}");
        }
    }
    let [mem, _, ope, own] = &mut people;
    ope.done(act("kick", "den", user("tim")));
    own.done(act("kick", "den", user("tom")));
    assert_eq!(
        mem.refused(act("role", "den", json!({"user": "mem", "role": "owner"}))),
        "not_allowed"
    );
    ope.done(act("role", "den", user("ope")));
    assert_eq!(ope.refused(set("den", "topic", json!({}))), "not_allowed", "it is none any more");
    let mut eve = server.native("eve");
    for request in [set("den", "topic", json!({})), act("kick", "den", user("mem"))] {
        assert_eq!(eve.refused(request), "not_member");
    }
}

#[test]
fn the_role_of_an_account_stays_and_that_of_a_guest_goes() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    let (mut bob, mut guest) = (server.account("bob"), server.native("guest"));
    ann.join("den");
    for native in [&mut bob, &mut guest] {
        native.join("den");
        ann.done(act("role", "den", json!({"user": native.name(), "role": "operator"})));
        native.ask(json!({"cmd": "leave", "room": "den"}));
    }
    assert_eq!(bob.join("den")["info"]["role"], "operator");
    assert_eq!(guest.join("den")["info"]["role"], Value::Null);
    ann.done(act("kick", "den", user("bob")));
    assert_eq!(bob.join("den")["info"]["role"], "operator", "a kick takes no role");
    ann.done(restrict("den", "ban", user("bob")));
    ann.done(lift("den", "ban", user("bob")));
    assert_eq!(bob.join("den")["info"]["role"], Value::Null, "a ban does");
    ann.done(act("role", "den", json!({"user": "bob", "role": "voice"})));
    // Whoever becomes an account keeps it.
    ann.done(act("role", "den", json!({"user": "guest", "role": "operator"})));
    guest.ask(json!({"cmd": "register", "password": support::PASSWORD}));
    server.stop();
    server.start_again();
    let mut ann = server.login("ann");
    ann.join("den");
    let roles = ann.ask(act("roles", "den", json!({})));
    let roles = roles["roles"].as_array().expect("roles").iter();
    let roles: Vec<_> =
        roles.map(|r| (word(&r["name"]), word(&r["role"]), r["here"] == true)).collect();
    let expected = [("ann", "owner", true), ("bob", "voice", false), ("guest", "operator", false)];
    let expected = expected.map(|(name, role, here)| (name.to_owned(), role.to_owned(), here));
    assert_eq!(roles, expected);
}

// ---- kicks, bans and mutes

#[test]
fn a_kick_ends_a_room_for_all_connections_of_its_victim() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let mut eve = [server.account("eve"), server.login("eve"), server.login("eve")];
    ann.join("den");
    eve[0].join("den");
    eve[1].join("den");
    for native in eve.iter_mut().chain([&mut ann]) {
        heard(native, "den");
    }
    ann.done(act("kick", "den", json!({"user": "eve", "reason": "Enough."})));
    ann.tell("den", "she is out");
    for native in &mut eve {
        let told = native.told(&["kicked", "message", "member", "gone", "away", "typing"]);
        let expected = json!([{"ev": "kicked", "room": "den", "by": "ann", "reason": "Enough."}]);
        assert_eq!(json!(told), expected, "this and nothing else");
        for request in [
            json!({"cmd": "send", "room": "den", "text": "hi"}),
            json!({"cmd": "history", "room": "den"}),
            json!({"cmd": "members", "room": "den"}),
            json!({"cmd": "typing", "room": "den"}),
            json!({"cmd": "edit", "room": "den", "seq": 1, "text": "hi"}),
        ] {
            assert_eq!(native.refused(request), "not_member");
        }
    }
    assert_eq!(heard(&mut ann, "den"), ["member eve kicked", "message kicked"]);
    // Back at once; what was said meanwhile can be read.
    assert_eq!(eve[1].join("den")["created"], false);
    let history = eve[1].ask(json!({"cmd": "history", "room": "den"}));
    assert_eq!(history["events"][0]["kind"], "kicked", "{history}");
    assert_eq!(history["events"][0]["who"]["name"], "eve");
}

#[test]
fn a_ban_holds_for_an_account_whatever_it_is_called_and_until_it_is_lifted() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let mut eve = [server.account("eve"), server.login("eve")];
    join_passing(&mut ann, "den");
    for native in &mut eve {
        native.join("den");
        heard(native, "den");
    }
    ann.done(restrict("den", "ban", json!({"user": "eve", "reason": "Spam"})));
    for native in &mut eve {
        assert_eq!(heard(native, "den"), ["kicked by ann banned true"]);
        let refused = native.ask(json!({"cmd": "join", "room": "den"}));
        assert_eq!(refused["code"], "banned");
        assert_eq!(text_of(&refused), "You are banned from den (Spam).");
    }
    eve[0].ask(json!({"cmd": "nick", "name": "mallory"}));
    assert_eq!(eve[1].refused(json!({"cmd": "join", "room": "den"})), "banned");
    // An invitation does not help, in either order.
    ann.done(act("invite", "den", user("mallory")));
    assert_eq!(eve[1].refused(json!({"cmd": "join", "room": "den"})), "banned");
    let listed = ann.ask(act("restrictions", "den", json!({})));
    assert_eq!(listed["restrictions"][0]["user"], "eve", "as it was said");
    ann.done(lift("den", "ban", user("eve")));
    assert_eq!(ann.refused(lift("den", "ban", user("eve"))), "not_restricted");
    eve[1].join("den");
}

#[test]
fn a_ban_that_ends_ends() {
    let server = TestServer::start();
    let (mut ann, mut eve) = (server.native("ann"), server.native("eve"));
    join_passing(&mut ann, "den");
    ann.done(restrict("den", "ban", json!({"pattern": "E*", "seconds": 1})));
    assert_eq!(eve.refused(json!({"cmd": "join", "room": "den"})), "banned");
    let began = std::time::Instant::now();
    while eve.ask(json!({"cmd": "join", "room": "den"}))["ev"] != "joined" {
        assert!(began.elapsed() < support::PATIENCE, "it never ends");
        std::thread::sleep(Duration::from_millis(10));
    }
    let listed = ann.ask(act("restrictions", "den", json!({})));
    assert_eq!(listed["restrictions"], json!([]), "what is over is not listed");
}

#[test]
fn a_ban_of_an_address_names_no_address_and_spares_who_keeps_order() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let mut others = ["ope", "voi", "mem", "eve"].map(|name| server.native(name));
    join_passing(&mut ann, "den");
    for native in &mut others {
        native.join("den");
    }
    ann.done(act("role", "den", json!({"user": "ope", "role": "operator"})));
    ann.done(act("role", "den", json!({"user": "voi", "role": "voice"})));
    for native in others.iter_mut().chain([&mut ann]) {
        native.messages();
    }
    ann.done(restrict("den", "mute", json!({"address_of": "eve"})));
    let told = ann.messages();
    assert_eq!(told[0]["whom"], "the address of eve");
    assert_eq!(told[0]["who"], Value::Null);
    let say = json!({"cmd": "send", "room": "den", "text": "hi"});
    let [ope, voi, mem, eve] = &mut others;
    for native in [&mut *voi, &mut *mem, &mut *eve] {
        assert_eq!(native.refused(say.clone()), "muted", "all come from the same address");
    }
    assert_eq!(ope.ask(say.clone())["ev"], "sent");
    ann.done(restrict("den", "ban", json!({"network": "127.0.0.1"})));
    assert_eq!(heard(eve, "den").last().unwrap(), "kicked by ann banned true");
    let mut everything = ann.told(&["message", "member"]);
    assert_eq!(ope.ask(say)["ev"], "sent");
    assert_eq!(server.native("new").refused(json!({"cmd": "join", "room": "den"})), "banned");
    everything.extend(ope.told(&["message", "member"]));
    assert!(!json!(everything).to_string().contains("127.0"), "{everything:?}");
    let listed = ope.ask(act("restrictions", "den", json!({})))["restrictions"].clone();
    assert_eq!(listed[0]["address_of"], "eve");
    assert_eq!(listed[1]["network"], "127.0.0.1/32", "as its operator wrote it");
    ope.done(lift("den", "mute", json!({"address_of": "eve"})));
    ope.done(lift("den", "ban", json!({"network": "127.0.0.1"})));
    mem.join("den");
}

// ---- settings

#[test]
fn who_comes_in_is_as_the_settings_say() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let (mut bob, mut cy) = (server.native("bob"), server.native("cy"));
    join_passing(&mut ann, "den");
    let join = json!({"cmd": "join", "room": "den"});
    let leave = json!({"cmd": "leave", "room": "den"});
    ann.done(set("den", "invite_only", json!({"on": true})));
    assert_eq!(bob.refused(join.clone()), "invite_only");
    ann.done(act("invite", "den", user("bob")));
    assert_eq!(bob.told(&["invited"])[0]["room"], "den");
    bob.join("den");
    assert_eq!(bob.refused(act("invite", "den", user("cy"))), "not_allowed");
    bob.ask(leave.clone());
    assert_eq!(bob.refused(join.clone()), "invite_only", "an invitation counts once");
    ann.done(set("den", "invite_only", json!({"on": false})));
    bob.join("den");
    bob.done(act("invite", "den", user("cy")));
    ann.done(set("den", "member_limit", json!({"members": 2})));
    assert_eq!(cy.refused(join.clone()), "room_full");
    ann.done(set("den", "member_limit", json!({})));
    ann.done(set("den", "key", json!({"key": "sesame"})));
    cy.join("den");
    cy.ask(leave.clone());
    assert_eq!(cy.refused(join.clone()), "key_needed");
    assert_eq!(cy.refused(json!({"cmd": "join", "room": "den", "key": "barley"})), "wrong_key");
    assert_eq!(
        cy.refused(json!({"cmd": "join", "room": "den", "key": "sesame", "pin": "1111"})),
        "pin_invalid"
    );
    ann.done(set("den", "secret", json!({"on": true})));
    let rooms = cy.ask(json!({"cmd": "rooms"}))["rooms"].to_string();
    assert!(!rooms.contains("den"), "{rooms}");
    assert_eq!(cy.refused(act("info", "den", json!({}))), "not_member");
    let opened = cy.ask(json!({"cmd": "join", "room": "den", "key": "sesame"}));
    assert_eq!(opened["info"]["secret"], true, "{opened}");
    for setting in [
        set("lobby", "key", json!({"key": "sesame"})),
        set("lobby", "invite_only", json!({"on": true})),
    ] {
        assert_eq!(ann.refused(setting), "not_allowed", "the lobby is nobody's");
    }
}

#[test]
fn slow_mode_refuses_with_a_time_and_keeps_the_counter_free() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    join_passing(&mut ann, "den");
    ann.done(set("den", "slow_mode", json!({"seconds": 1})));
    let instance = json!({"name": "bob", "instance": "00112233445566778899aabbccddeeff"});
    let mut bob = Native::welcomed(server.wire(), instance);
    bob.join("den");
    let send = |counter: u64| json!({"cmd": "send", "room": "den", "text": counter.to_string(), "counter": counter});
    assert_eq!(bob.ask(send(1))["repeated"], false);
    let refused = bob.ask(send(2));
    assert_eq!(
        (word(&refused["code"]), word(&refused["next"])),
        ("too_fast".into(), "retry".into())
    );
    let wait_ms = refused["wait_ms"].as_u64().expect("a time");
    assert!((1..=1000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(bob.ask(send(1))["repeated"], true, "a repetition is no new message");
    let began = std::time::Instant::now();
    let sent = loop {
        let answer = bob.ask(send(2));
        if answer["ev"] == "sent" {
            break answer;
        }
        assert_eq!(answer["code"], "too_fast", "{answer}");
        assert!(began.elapsed() < support::PATIENCE, "it never ends");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(sent["repeated"], false);
    ann.tell("den", "owners");
    ann.tell("den", "don't wait");
    assert_eq!(ann.texts_of_messages(), ["1", "2"]);
}

/// Texts of messages alone: acts have none.
trait Texts {
    fn texts_of_messages(&mut self) -> Vec<String>;
}

impl Texts for Native {
    fn texts_of_messages(&mut self) -> Vec<String> {
        let messages = self.messages();
        messages.iter().filter(|event| event["kind"] == "text").map(text_of).collect()
    }
}

// ---- hostile frames

#[test]
fn no_frame_about_rooms_breaks_a_connection() {
    let server = TestServer::start();
    let (mut eve, mut bob) = (server.native("eve"), server.native("bob"));
    join_passing(&mut eve, "den");
    bob.join("den");
    bob.messages();
    let good = [
        json!({"cmd": "join", "room": "den", "pin": "1111"}),
        json!({"cmd": "join", "room": "den", "key": "1111"}),
        json!({"cmd": "edit", "room": "den", "seq": 1, "text": "x"}),
        json!({"cmd": "delete", "room": "den", "seq": 1}),
        json!({"cmd": "react", "room": "den", "seq": 1, "reaction": "x"}),
        json!({"cmd": "pin", "room": "den", "seq": 1}),
        json!({"cmd": "typing", "user": "bob"}),
        json!({"cmd": "away", "text": "x"}),
        json!({"cmd": "highlights", "words": ["x"]}),
        json!({"cmd": "info", "room": "den"}),
        set("den", "topic", json!({"topic": "x"})),
        set("den", "description", json!({"description": "x"})),
        set("den", "key", json!({"key": "1111"})),
        json!({"cmd": "role", "room": "den", "user": "bob"}),
        json!({"cmd": "roles", "room": "den", "after": "x"}),
        json!({"cmd": "kick", "room": "den", "user": "bob", "reason": "x"}),
        restrict("den", "ban", json!({"user": "bob", "reason": "x"})),
        restrict("den", "ban", json!({"address_of": "bob"})),
        restrict("den", "ban", json!({"pattern": "bob"})),
        restrict("den", "ban", json!({"network": "10.0.0.1"})),
        lift("den", "ban", json!({"pattern": "bob"})),
        json!({"cmd": "restrictions", "room": "den", "after": "x"}),
        json!({"cmd": "search", "query": "x", "room": "den", "from": "x", "after": "x"}),
        json!({"cmd": "search", "query": "x", "user": "bob"}),
    ];
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let nasty = [
        json!("x".repeat(60_000)),
        json!("\u{1b}[2J\u{7}\r\n"),
        json!("\u{202e}\u{200d}\u{0}"),
        json!(" \t\u{a0}"),
        json!({"a": [{}]}),
        json!([[[[]]]]),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
    ];
    let mut tried = 0;
    for request in &good {
        let fields = request.as_object().expect("an object");
        for field in fields.keys().filter(|field| *field != "cmd") {
            for value in &nasty {
                let mut bad = request.clone();
                bad[field] = if request[field].is_array() { json!([value]) } else { value.clone() };
                let answer = eve.ask(bad);
                let line = answer.to_string();
                // It may be what is meant (a `seq` of u64::MAX); then it is a refusal or a list.
                let is_answer = ["error", "done", "roles", "restrictions", "joined", "found"]
                    .contains(&word(&answer["ev"]).as_str());
                assert!(is_answer, "{field}: {line}");
                assert!(line.len() < 2000, "{field}: the answer repeats what came");
                assert!(!line.contains("\\u001b"), "{field}: {line}");
                if answer["ev"] == "error" {
                    assert_ne!(answer["code"], "not_stored", "{line}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
    // Nonsense that is no value of JSON at all, and what is nested deeper than anybody means.
    for depth in [100, 127, 128, 5_000] {
        for cmd in ["set", "restrict", "search", "react", "highlights"] {
            let deep = nested(depth);
            eve.wire.write(format!(
                "{{\"cmd\":\"{cmd}\",\"id\":7777,\"room\":\"den\",\"setting\":{deep},\"words\":{deep},\"what\":{deep},\"query\":{deep},\"reaction\":{deep}}}\n"
            ));
            // Beyond some depth the id can't be read either.
            let answer = eve.frame().expect("it goes on");
            assert_eq!(answer["code"], "bad_frame", "{cmd} {depth}: {answer}");
        }
    }
    for whom in [json!({}), json!({"user": "bob", "pattern": "b*"}), json!({"user": null})] {
        assert_eq!(eve.refused(restrict("den", "ban", whom)), "bad_frame");
    }
    for (request, code) in [
        (
            json!({"cmd": "react", "room": "den", "seq": 1, "reaction": "x", "on": null}),
            "bad_frame",
        ),
        (json!({"cmd": "edit", "room": "den", "user": "bob", "seq": 1, "text": "x"}), "bad_frame"),
        (json!({"cmd": "search", "query": "x", "room": "den", "user": "bob"}), "bad_frame"),
        (json!({"cmd": "search", "query": "x".repeat(513)}), "query_invalid"),
        (restrict("den", "ban", json!({"pattern": "*?*"})), "whom_invalid"),
        (restrict("den", "ban", json!({"network": "0.0.0.0/0"})), "whom_invalid"),
        (restrict("den", "ban", json!({"network": "::/1"})), "whom_invalid"),
        (restrict("den", "ban", json!({"pattern": "b*", "seconds": 0})), "bad_frame"),
        (restrict("den", "ban", json!({"pattern": "b*", "seconds": u64::MAX})), "bad_frame"),
        (set("den", "slow_mode", json!({"seconds": 21_601})), "bad_frame"),
        (set("den", "retention", json!({"retention": {"days": 0}})), "bad_frame"),
        (set("den", "retention", json!({"retention": {"days": 1, "messages": 1}})), "bad_frame"),
        (set("den", "moon_phase", json!({"on": true})), "bad_frame"),
        (set("den", "topic", json!({"topic": "x".repeat(401)})), "note_invalid"),
        (set("den", "topic", json!({"topic": "a\nb"})), "note_invalid"),
        (json!({"cmd": "join", "room": "den~1234"}), "room_invalid"),
        (json!({"cmd": "group", "room": "den~1234"}), "room_invalid"),
    ] {
        assert_eq!(eve.refused(request.clone()), code, "{request}");
    }
    bob.fence();
    for frame in bob.heard.drain(..) {
        let line = frame.to_string();
        assert!(line.len() < 2000 && !line.contains("\\u001b"), "{line}");
    }
    eve.fence();
}

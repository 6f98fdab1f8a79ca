//! Rooms with a PIN on real sockets: found by name and PIN together and by nothing else, gone when they
//! are empty, hard to guess, and their PINs in no frame, no trace and no file.

mod support;
#[path = "support/traced.rs"]
mod traced;

use serde_json::{Value, json};
use std::path::Path;
use support::{Native, TestServer, eventually};

fn with_pin(room: &str, pin: &str) -> Value {
    json!({"cmd": "join", "room": room, "pin": pin})
}

fn with_key(room: &str, key: &str) -> Value {
    json!({"cmd": "join", "room": room, "key": key})
}

fn enter(native: &mut Native, request: &Value) -> Value {
    let joined = native.ask(request.clone());
    assert_eq!(joined["ev"], "joined", "{request}: {joined}");
    joined
}

fn label(joined: &Value) -> String {
    joined["room"].as_str().expect("a name").to_owned()
}

fn leave(native: &mut Native, room: &str) {
    assert_eq!(native.ask(json!({"cmd": "leave", "room": room}))["ev"], "left");
}

#[test]
fn name_and_pin_together_are_the_room() {
    let server = TestServer::start();
    let [mut ann, mut bob, mut cy, mut eve] =
        ["ann", "bob", "cy", "eve"].map(|name| server.native(name));
    let one = enter(&mut ann, &with_pin("Work", "1111"));
    let two = enter(&mut bob, &with_pin("Work", "2222"));
    let three = enter(&mut cy, &json!({"cmd": "join", "room": "Work"}));
    let rooms = [&one, &two, &three];
    for (at, joined) in rooms.iter().enumerate() {
        assert_eq!((&joined["created"], &joined["members"]), (&json!(true), &json!(1)));
        for other in &rooms[at + 1..] {
            assert_ne!(joined["room_id"], other["room_id"]);
            assert_ne!(joined["room"], other["room"]);
        }
    }
    assert!(label(&one).starts_with("Work~") && label(&two).starts_with("Work~"), "{one} {two}");
    assert_eq!((label(&three).as_str(), &three["info"]["sort"]), ("Work", &json!("room")));
    for (native, joined) in [(&mut ann, &one), (&mut bob, &two), (&mut cy, &three)] {
        native.tell(&label(joined), "only here");
    }
    for native in [&mut ann, &mut bob, &mut cy, &mut eve] {
        assert_eq!(native.texts(), [""; 0], "{}", native.name());
    }

    // Who knows the label alone finds nothing.
    let listed = eve.ask(json!({"cmd": "rooms"}))["rooms"].to_string();
    assert!(listed.contains("Work") && !listed.contains('~'), "{listed}");
    for request in [
        json!({"cmd": "info", "room": label(&one)}),
        json!({"cmd": "history", "room": label(&one)}),
        json!({"cmd": "members", "room": label(&one)}),
        json!({"cmd": "send", "room": label(&one), "text": "hi"}),
    ] {
        assert_eq!(eve.refused(request), "not_member");
    }
    assert_eq!(eve.refused(json!({"cmd": "join", "room": label(&one)})), "room_invalid");
    assert_eq!(eve.refused(json!({"cmd": "join", "room": "Work~0000"})), "room_invalid");
    assert_eq!(eve.refused(with_key(&label(&one), "1111")), "room_invalid", "a PIN is no key");
    assert_eq!(bob.refused(json!({"cmd": "join", "room": label(&one)})), "room_invalid");

    // Who knows both, in any case of the name, is in.
    let found = enter(&mut eve, &with_pin("WORK", "1111"));
    assert_eq!((&found["room_id"], &found["created"]), (&one["room_id"], &json!(false)));
    assert_eq!(label(&found), label(&one));
    ann.tell(&label(&one), "welcome");
    assert_eq!(eve.texts(), ["welcome"]);
    let listed = eve.ask(json!({"cmd": "rooms"}))["rooms"].to_string();
    assert!(listed.contains(&label(&one)) && !listed.contains(&label(&two)), "{listed}");
    // Whoever was invited needs no PIN; who has left needs it again.
    leave(&mut eve, &label(&one));
    assert_eq!(eve.refused(json!({"cmd": "join", "room": label(&one)})), "room_invalid");
    ann.done(json!({"cmd": "invite", "room": label(&one), "user": "cy"}));
    assert_eq!(cy.join(&label(&one))["room_id"], one["room_id"]);
    for pin in ["123", "", "12 34", "1234\u{7}", &"1".repeat(65)] {
        assert_eq!(eve.refused(with_pin("Work", pin)), "pin_invalid", "{pin:?}");
    }
}

#[test]
fn an_empty_room_goes_and_is_called_the_same_when_it_is_made_again() {
    let server = TestServer::with(|config| config.hub.empty_room_ms = 100);
    let mut keeper = server.native("keeper");
    keeper.join("lobby");
    let rooms = server.figures().rooms;
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let first = enter(&mut ann, &with_pin("Work", "1111"));
    ann.tell(&label(&first), "a secret");
    // Somebody else in it: it stays.
    enter(&mut bob, &with_pin("Work", "1111"));
    leave(&mut ann, &label(&first));
    assert_eq!(enter(&mut ann, &with_pin("Work", "1111"))["room_id"], first["room_id"]);
    leave(&mut ann, &label(&first));
    leave(&mut bob, &label(&first));
    let gone = || server.figures().rooms == rooms;
    eventually(|| format!("{rooms} rooms: {:?}", server.figures()), gone);
    let again = enter(&mut bob, &with_pin("work", "1111"));
    assert_eq!((&again["created"], &again["seq"]), (&json!(true), &json!(0)), "nothing is left");
    assert_ne!(again["room_id"], first["room_id"]);
    assert_eq!(again["info"]["role"], "owner", "of who makes it now");
    assert_eq!(label(&again).to_lowercase(), label(&first).to_lowercase());
    let after = json!({"room_id": first["room_id"], "epoch": first["epoch"], "seq": 1});
    let mut late = with_pin("Work", "1111");
    late["after"] = after;
    assert_eq!(enter(&mut ann, &late)["catch_up"], "reset");
}

#[test]
fn a_room_with_a_pin_can_be_kept() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    let mut request = with_pin("Work", "1111");
    request["retention"] = "forever".into();
    let kept = enter(&mut ann, &request);
    ann.tell(&label(&kept), "to be found again");
    server.stop();
    server.start_again();
    let mut ann = server.login("ann");
    assert_eq!(ann.join(&label(&kept))["room_id"], kept["room_id"], "its members know the label");
    let mut bob = server.native("bob");
    assert_eq!(bob.refused(json!({"cmd": "join", "room": label(&kept)})), "room_invalid");
    let found = enter(&mut bob, &with_pin("Work", "1111"));
    assert_eq!((&found["room_id"], &found["created"]), (&kept["room_id"], &json!(false)));
    let history = bob.ask(json!({"cmd": "history", "room": label(&kept)}));
    assert_eq!(history["events"][0]["text"], "to be found again", "{history}");
}

/// Otherwise whoever knows a label could try all PINs at home.
#[test]
fn each_server_has_a_key_of_its_own_for_labels() {
    let labels = || -> Vec<String> {
        let server = TestServer::start();
        let mut ann = server.native("ann");
        let pins = ["1111", "2222", "3333"];
        pins.map(|pin| label(&enter(&mut ann, &with_pin("Work", pin)))).into()
    };
    assert_ne!(labels(), labels());
}

// ---- guessing

/// Tries until it is told to wait, with tries that are in vain. How often it could, and how long.
fn guess(native: &mut Native, mut attempt: impl FnMut(u32) -> Value) -> (u32, u64) {
    for tried in 0.. {
        let answer = native.ask(attempt(tried));
        if answer["code"] == "too_fast" {
            assert_eq!(answer["next"], "retry", "{answer}");
            return (tried, answer["wait_ms"].as_u64().expect("how long"));
        }
        assert!(tried < 100, "nobody stops it: {answer}");
        if answer["ev"] == "joined" {
            leave(native, &label(&answer));
        }
    }
    unreachable!("it returns")
}

#[test]
fn one_user_guesses_no_more_than_ten_times() {
    let server = TestServer::start();
    let (mut ann, mut eve) = (server.native("ann"), server.native("eve"));
    let room = label(&enter(&mut ann, &with_pin("Work", "4711")));
    enter(&mut ann, &with_key("vault", "sesame"));
    let own = enter(&mut eve, &with_pin("Own", "0000"));
    let (tried, wait_ms) = guess(&mut eve, |n| match n % 2 {
        0 => with_pin("Work", &format!("9{n:03}")),
        _ => with_key("vault", &format!("9{n:03}")),
    });
    assert_eq!(tried, 9, "the room of its own was the first try");
    assert!((1..=10_000).contains(&wait_ms), "{wait_ms}");
    // Whether it would be right can't be told.
    assert_eq!(eve.refused(with_pin("Work", "4711")), "too_fast");
    assert_eq!(eve.refused(with_key("vault", "sesame")), "too_fast");
    // Nobody is kept from where it is, and nothing else is slower.
    let again = enter(&mut eve, &with_pin("Own", "0000"));
    assert_eq!(again["room_id"], own["room_id"]);
    eve.join(&label(&own));
    eve.join("elsewhere");
    // The others find it as before.
    let mut bob = server.native("bob");
    assert_eq!(label(&enter(&mut bob, &with_pin("Work", "4711"))), room);
}

#[test]
fn one_address_guesses_no_more_than_thirty_times() {
    let server = TestServer::start();
    let mut tried = 0;
    for n in 0..4 {
        let mut eve = server.native(&format!("eve{n}"));
        tried += guess(&mut eve, |try_| with_pin("Work", &format!("{n}{try_:03}"))).0;
    }
    // A try comes back every 10 s, should this take so long.
    assert!((30..=32).contains(&tried), "{tried}");
    let mut account = server.account("mallory");
    assert_eq!(account.refused(with_pin("Work", "8888")), "too_fast", "an account is no better");
}

// ---- secrets

/// The bytes of all files in a folder.
fn contents(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file"));
    let files = files.map(|file| file.path()).filter(|path| path.is_file());
    files.flat_map(|path| std::fs::read(path).expect("it can be read")).collect()
}

fn contains(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn pins_and_keys_are_in_no_frame_trace_or_file() {
    traced::begin();
    let mut server = TestServer::start();
    let secrets = ["pin-7f3a-first", "pin-7f3a-wrong", "key-7f3a-first", "key-7f3a-second"];
    let [pin, wrong_pin, first_key, second_key] = secrets;
    let (mut ann, mut bob) = (server.account("ann"), server.native("bob"));
    let mut frames: Vec<Value> = Vec::new();
    let mut request = with_pin("Work", pin);
    request["retention"] = "forever".into();
    let joined = enter(&mut ann, &request);
    ann.tell(&label(&joined), "marked text");
    frames.push(joined.clone());
    frames.push(enter(&mut bob, &with_pin("Work", wrong_pin)));
    frames.push(enter(&mut ann, &with_key("vault", first_key)));
    ann.done(json!({"cmd": "set", "room": "vault", "setting": "key", "key": second_key}));
    frames.push(bob.ask(with_key("vault", first_key)));
    assert_eq!(frames.last().unwrap()["code"], "wrong_key");
    frames.push(enter(&mut bob, &with_key("vault", second_key)));
    for request in [
        json!({"cmd": "rooms"}),
        json!({"cmd": "info", "room": "vault"}),
        json!({"cmd": "roles", "room": "vault"}),
        json!({"cmd": "restrictions", "room": "vault"}),
        json!({"cmd": "history", "room": "vault"}),
    ] {
        frames.extend([ann.ask(request.clone()), bob.ask(request)]);
    }
    // Frames that are none, with a secret in them.
    bob.wire.write(format!("{{\"cmd\":\"join\",\"room\":\"Work\",\"pin\":\"{pin}\"\n"));
    bob.wire.write(format!(
        "{{\"cmd\":\"join\",\"id\":55,\"pin\":\"{pin}\",\"key\":[\"{first_key}\"]}}\n"
    ));
    bob.answer(55);
    for native in [&mut ann, &mut bob] {
        native.fence();
        frames.extend(native.heard.drain(..));
    }
    let said = json!(frames).to_string().into_bytes();
    let running = contents(server.data());
    server.stop();
    let stopped = contents(server.data());
    let shown = traced::so_far().into_bytes();
    assert!(contains(&shown, "files="), "the server traces, and it was caught");
    assert!(contains(&running, "marked text") && contains(&running, &label(&joined)), "the files");
    for secret in secrets {
        for (place, name) in [
            (&said, "frames"),
            (&running, "files"),
            (&stopped, "files at rest"),
            (&shown, "traces"),
        ] {
            assert!(!contains(place, secret), "{secret} in the {name}");
        }
    }
}

//! Accounts on real sockets: registering and logging in, what slow password work must not disturb,
//! whose name it is, tokens that last, and secrets that stay secret.

mod support;
#[path = "support/traced.rs"]
mod traced;

use hubbub_protocol::Registration;
use hubbub_server::admin::{AdminAnswer, AdminRequest, ask};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Native, PASSWORD, TestServer, Wire, eventually};

fn hello(name: &str) -> Value {
    json!({"cmd": "hello", "versions": [1], "name": name})
}

fn login(name: &str, password: &str) -> Value {
    json!({"cmd": "hello", "versions": [1], "name": name, "password": password})
}

fn register(name: &str) -> Value {
    let mut hello = login(name, PASSWORD);
    hello["register"] = true.into();
    hello
}

/// `ann` with a Cyrillic letter: it looks the same, and is another name.
const LOOK_ALIKE: &str = "\u{430}nn";

/// One lane, in which requests that were written are done in the order of a fence behind them.
fn one_lane() -> TestServer {
    TestServer::with(|config| config.lanes = 1)
}

/// Connections whose passwords are looked at before everybody else's: that takes far longer than a
/// few requests. Without an answer as long as they wait.
fn queue_up(server: &TestServer, witness: &mut Native) -> Vec<Wire> {
    let before = server.figures().sessions;
    let wires: Vec<Wire> = (0..80).map(|_| server.wire()).collect();
    wires.iter().for_each(|wire| wire.write(format!("{}\n", login("nobody", "guess"))));
    eventually(|| "a queue".into(), || server.figures().sessions == before + wires.len());
    witness.fence();
    wires
}

// ---- the ways in

#[test]
fn what_stands_behind_a_password_in_a_packet_waits_for_it_and_is_answered_in_order() {
    let server = TestServer::start();
    let mut bob = server.native("bob");
    for hello in [register("ann"), login("ann", PASSWORD)] {
        let mut ann = Native::over(server.wire());
        let mut packet = String::new();
        for (id, mut request) in [
            hello,
            json!({"cmd": "join", "room": "lobby"}),
            json!({"cmd": "send", "room": "lobby", "text": "hi"}),
            json!({"cmd": "ping"}),
        ]
        .into_iter()
        .enumerate()
        {
            request["id"] = id.into();
            packet.push_str(&format!("{request}\n"));
        }
        ann.wire.write(packet);
        for (id, kind) in ["welcome", "joined", "sent", "pong"].into_iter().enumerate() {
            let answer = ann.frame().unwrap();
            assert_eq!((&answer["id"], &answer["ev"]), (&json!(id), &json!(kind)), "{answer}");
        }
        assert_eq!(bob.texts(), ["hi"]);
    }
    let mut eve = Native::over(server.wire());
    let wrong = login("ann", "wrong horse");
    let join = json!({"cmd": "join", "room": "lobby"});
    eve.wire.write(format!("{wrong}\n{join}\n{}\n", hello("eve")));
    let codes = [(); 2].map(|()| eve.frame().unwrap()["code"].clone());
    assert_eq!(codes, ["wrong_password", "hello_first"]);
    assert_eq!(eve.frame().unwrap()["account"], false, "a refused login is no end");
}

#[test]
fn a_guest_registers_and_keeps_what_it_has() {
    let mut server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    ann.join("work");
    ann.befriend(&mut bob);
    let you = ann.ask(json!({"cmd": "register", "password": PASSWORD}));
    assert_eq!((&you["ev"], &you["account"]), (&json!("you"), &json!(true)), "{you}");
    assert_eq!(you["user"], ann.welcome["user"]);
    assert_eq!(ann.refused(json!({"cmd": "register", "password": PASSWORD})), "is_account");
    assert_eq!(bob.ask(json!({"cmd": "register", "password": PASSWORD}))["ev"], "you");
    ann.ask(json!({"cmd": "send", "user": "bob", "text": "kept"}));
    server.stop();
    server.start_again();
    let token = json!({"resume": ann.welcome["resume"]});
    let mut ann = Native::welcomed(server.wire(), token);
    let welcome = &ann.welcome;
    assert_eq!(welcome["user"], you["user"], "the same after a restart");
    assert_eq!(welcome["rooms"], json!(["lobby", "work"]));
    assert_eq!(welcome["privates"], json!(["bob"]));
    let history = ann.ask(json!({"cmd": "history", "user": "bob"}));
    assert_eq!(history["events"][0]["text"], "kept", "{history}");
}

#[test]
fn a_guest_that_logs_in_leaves_and_one_that_fails_stays() {
    let server = TestServer::start();
    let (ann, mut bob) = (server.account("ann"), server.native("bob"));
    let mut guest = server.native("guest");
    bob.fence();
    bob.heard.clear();
    let wrong = json!({"cmd": "login", "name": "ann", "password": "wrong horse"});
    assert_eq!(guest.refused(wrong), "wrong_password");
    guest.tell("lobby", "still a guest");
    let right = json!({"cmd": "login", "name": "ann", "password": PASSWORD});
    let welcome = guest.ask(right);
    assert_eq!(welcome["user"], ann.welcome["user"], "{welcome}");
    assert_ne!(welcome["resume"], guest.welcome["resume"]);
    let told = bob.told(&["member"]);
    assert_eq!((&told[0]["user"]["name"], &told[0]["change"]), (&json!("guest"), &json!("quit")));
    let text = json!({"cmd": "send", "room": "lobby", "text": "it is me"});
    assert_eq!(guest.ask(text)["ev"], "sent", "the rooms are those of the account");
    server.native("guest");
}

#[test]
fn passwords_and_invites_that_break_the_rules_are_refused_before_anything_is_done() {
    let server = TestServer::start();
    let mut ann = Native::over(server.wire());
    for password in ["short77", "with\u{7}bell", &"x".repeat(257)] {
        let mut hello = register("ann");
        hello["password"] = password.into();
        assert_eq!(ann.refused(hello), "password_invalid", "{password:?}");
    }
    let without = json!({"cmd": "hello", "versions": [1], "name": "ann", "register": true});
    assert_eq!(ann.refused(without), "password_invalid");
    let mut hello = register("ann");
    hello["invite"] = "no code".into();
    assert_eq!(ann.refused(hello), "invite_invalid");
    assert_eq!(ann.refused(login("ann", &"x".repeat(257))), "password_invalid");
    assert_eq!(ann.refused(login("ann", "")), "wrong_password");
    let welcome = ann.ask(register("ann"));
    assert_eq!(welcome["account"], true, "{welcome}");
    let short = json!({"cmd": "password", "old": PASSWORD, "new": "short77"});
    assert_eq!(ann.refused(short), "password_invalid");
}

/// A code with which so many can register, and a server that wants one.
fn server_with_invite(uses: u32) -> (TestServer, String) {
    let mut server = TestServer::with(|config| config.hub.registration = Registration::Invite);
    server.stop();
    let request = AdminRequest::InviteMake { for_ms: None, uses, note: String::new() };
    let Ok(AdminAnswer::InviteMade { code, .. }) = ask(server.data(), &request) else {
        panic!("no invite");
    };
    server.start_again();
    (server, code)
}

#[test]
fn an_invite_serves_as_often_as_it_says() {
    let (mut server, code) = server_with_invite(2);
    let with = |name: &str, code: &str| {
        let mut hello = register(name);
        hello["invite"] = code.into();
        hello
    };
    let mut ann = server.native("ann");
    let mut eve = Native::over(server.wire());
    assert_eq!(eve.refused(with("Ann", &code)), "name_taken", "which uses it not up");
    assert_eq!(eve.refused(register("eve")), "invite_needed");
    assert_eq!(eve.refused(with("eve", "0000-0000-0000-0000")), "invite_invalid");
    let written = code.to_uppercase().replace('-', " ");
    let you = ann.ask(json!({"cmd": "register", "password": PASSWORD, "invite": written}));
    assert_eq!(you["account"], true, "{you}");
    server.stop();
    server.start_again();
    let mut eve = Native::over(server.wire());
    assert_eq!(eve.ask(with("bob", &code))["account"], true);
    assert_eq!(Native::over(server.wire()).refused(with("cy", &code)), "invite_invalid");
    assert!(!contains(&contents(server.data()), code.as_bytes()), "its digest alone is kept");
    let letters = code.replace('-', "");
    assert!(!contains(&contents(server.data()), letters.as_bytes()));

    let server = TestServer::with(|config| config.hub.registration = Registration::Closed);
    let mut eve = Native::over(server.wire());
    assert_eq!(eve.refused(with("eve", &code)), "registration_closed");
}

// ---- what slow work must not disturb

#[test]
fn a_thousand_wrong_logins_are_refused_and_the_chat_goes_on() {
    // Nothing limits them here.
    let server = TestServer::start();
    let _account = server.account("cleo");
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let refused = AtomicUsize::new(0);
    let mut crowd: Vec<Native> = (0..1000).map(|_| Native::over(server.wire())).collect();
    for (n, wrong) in crowd.iter().enumerate() {
        let name = if n % 2 == 0 { "cleo" } else { "nobody" };
        wrong.put(&login(name, "wrong horse"));
    }
    let rounds = std::thread::scope(|scope| {
        let refused = &refused;
        scope.spawn(move || {
            for wrong in &mut crowd {
                let answer = wrong.frame().expect("an answer");
                let code = answer["code"].as_str().expect("a code");
                assert!(["wrong_password", "busy"].contains(&code), "{answer}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
            // One answer each.
            for wrong in &mut crowd {
                assert!(!wrong.wire.has_more(), "a second answer");
            }
        });
        let mut rounds = 0;
        while rounds < 10 || refused.load(Ordering::Relaxed) < 1000 {
            let texts = || (0..10).map(|n| format!("{rounds} {n}"));
            let sent = ann.tell_all("lobby", texts());
            assert!(sent.iter().all(|answer| answer["ev"] == "sent"), "{sent:?}");
            assert_eq!(bob.texts(), texts().collect::<Vec<_>>());
            rounds += 1;
        }
        rounds
    });
    assert_eq!(refused.into_inner(), 1000);
    bob.tell("lobby", &format!("{rounds} rounds later"));
}

#[test]
fn a_client_that_is_silent_in_its_login_delays_nobody() {
    let server = TestServer::start();
    let _ann = server.account("ann");
    let whole = login("ann", PASSWORD).to_string();
    let silent: Vec<Wire> = (0..20).map(|_| server.wire()).collect();
    for (n, wire) in silent.iter().enumerate() {
        // Half of them say a part of it, and half all and read nothing.
        wire.write(if n % 2 == 0 { whole[..40].to_owned() } else { format!("{whole}\n") });
    }
    let mut ann = server.login("ann");
    ann.join("lobby");
    server.native("bob").tell("lobby", "hi");
    assert_eq!(ann.texts(), ["hi"]);
    drop(silent);
}

#[test]
fn ten_wrong_passwords_end_the_connection() {
    let server = TestServer::start();
    let _ann = server.account("ann");
    let mut eve = Native::over(server.wire());
    for _ in 0..9 {
        assert_eq!(eve.refused(login("ann", "wrong horse")), "wrong_password");
    }
    eve.put(&login("nobody", "wrong horse"));
    assert_eq!(eve.close_code(), "login_failures");
    assert_eq!(eve.heard[0]["code"], "wrong_password", "the tenth is answered too");
    assert_eq!(eve.heard[1]["next"], "login");

    let mut guest = server.native("guest");
    let wrong = json!({"cmd": "login", "name": "ann", "password": "wrong horse"});
    for _ in 0..9 {
        assert_eq!(guest.refused(wrong.clone()), "wrong_password");
    }
    guest.put(&wrong);
    assert_eq!(guest.close_code(), "login_failures");
    server.native("guest");

    let mut ann = server.login("ann");
    let wrong = json!({"cmd": "password", "old": "wrong horse", "new": "another horse"});
    for _ in 0..9 {
        assert_eq!(ann.refused(wrong.clone()), "wrong_password");
    }
    ann.put(&wrong);
    assert_eq!(ann.close_code(), "login_failures");
    let token = json!({"resume": ann.welcome["resume"]});
    assert_eq!(Native::welcomed(server.wire(), token).welcome["resumed"], true);
}

#[test]
fn a_client_that_goes_while_its_password_is_worked_on_leaves_nothing_half_done() {
    let server = one_lane();
    let mut witness = server.account("witness");
    let before = server.figures();
    let queue = queue_up(&server, &mut witness);
    let going = [register("ann"), login("witness", PASSWORD), login("witness", "wrong horse")];
    let going = going.map(|request| {
        let mut peer = Native::over(server.wire());
        assert_eq!(peer.refused(json!({"cmd": "ping"})), "hello_first");
        peer.put(&request);
        peer
    });
    witness.fence();
    assert_eq!(server.figures().sessions, before.sessions + queue.len() + going.len());
    let [one, two, three] = going;
    one.wire.reset();
    two.wire.close_our_side();
    drop((two, three, queue));
    eventually(
        || format!("{:?} sessions", server.figures().sessions),
        || server.figures().sessions == before.sessions,
    );
    witness.tell("lobby", "still here");
    // The registration was done or not, as with every request whose answer is not heard.
    let guest = Native::hello(server.wire(), json!({"name": "ann"})).welcome;
    match guest["code"].as_str() {
        None => assert_eq!(guest["account"], false, "{guest}"),
        Some(code) => {
            assert_eq!(code, "login_needed", "the name is not kept for nobody");
            server.login("ann").join("lobby");
        }
    }
}

// ---- whose name it is

/// That nobody gets the name of the account ann without its password.
fn nobody_gets_the_name(server: &TestServer) {
    for name in ["ann", "ANN", "aNn"] {
        let refused = Native::hello(server.wire(), json!({"name": name})).welcome;
        assert_eq!(refused["code"], "login_needed", "{refused}");
        assert_eq!(refused["suggestion"], format!("{name}2"));
    }
    let refused = Native::hello(server.wire(), json!({"name": LOOK_ALIKE})).welcome;
    assert_eq!(refused["code"], "name_taken", "{refused}");
    let mut eve = Native::welcomed(server.wire(), json!({"name": "eve"}));
    for name in ["ann", "ANN", LOOK_ALIKE] {
        assert_eq!(Native::over(server.wire()).refused(register(name)), "name_taken");
        assert_eq!(eve.refused(json!({"cmd": "nick", "name": name})), "name_taken");
    }
    let wrong = login(LOOK_ALIKE, PASSWORD);
    assert_eq!(Native::over(server.wire()).refused(wrong), "wrong_password", "another account");
    eve.put(&json!({"cmd": "quit"}));
    assert_eq!(eve.close_code(), "bye");
}

#[test]
fn nobody_takes_the_name_of_an_account_that_is_here_away_or_stopped() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    nobody_gets_the_name(&server);
    ann.put(&json!({"cmd": "quit"}));
    assert_eq!(ann.close_code(), "bye");
    nobody_gets_the_name(&server);
    server.stop();
    server.start_again();
    nobody_gets_the_name(&server);
    assert_eq!(server.login("ANN").name(), "ann");
}

#[test]
fn a_name_is_taken_from_the_moment_in_which_it_is_registered() {
    let server = one_lane();
    let mut witness = server.native("witness");
    let _queue = queue_up(&server, &mut witness);
    let mut ann = Native::over(server.wire());
    assert_eq!(ann.refused(json!({"cmd": "ping"})), "hello_first");
    ann.put(&register("ann"));
    witness.fence();
    for name in ["ann", "ANN", LOOK_ALIKE] {
        assert_eq!(Native::over(server.wire()).refused(hello(name)), "name_taken", "{name}");
        assert_eq!(Native::over(server.wire()).refused(register(name)), "name_taken", "{name}");
        assert_eq!(witness.refused(json!({"cmd": "nick", "name": name})), "name_taken");
    }
    assert_eq!(witness.refused(json!({"cmd": "ask", "user": "ann"})), "no_such_user");
    assert!(!ann.wire.has_more(), "it still waits");
    let welcome = ann.frame().unwrap();
    assert_eq!((&welcome["ev"], &welcome["account"]), (&json!("welcome"), &json!(true)));
}

#[test]
fn what_a_frame_says_of_who_sends_it_is_ignored() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.account("ann"), server.account("bob"));
    let forged = json!({
        "name": "eve", "user": ann.welcome["user"], "from": "ann", "account": true, "login": 1,
    });
    let mut eve = Native::welcomed(server.wire(), forged);
    assert_eq!(
        (&eve.welcome["user"]["name"], &eve.welcome["account"]),
        (&json!("eve"), &json!(false))
    );
    eve.join("lobby");
    for room in ["lobby", "work"] {
        bob.join(room);
        eve.join(room);
    }
    bob.told(&[]);
    let sent = eve.ask(json!({
        "cmd": "send", "room": "lobby", "text": "hi", "from": ann.welcome["user"], "name": "ann",
    }));
    assert_eq!(sent["ev"], "sent");
    assert_eq!(bob.messages()[0]["from"], eve.welcome["user"]);
    let both = json!({"cmd": "send", "room": "lobby", "user": "ann", "text": "hi"});
    assert_eq!(eve.refused(both), "bad_frame", "not one of the two");

    eve.done(json!({"cmd": "ask", "user": "bob", "from": ann.welcome["user"]}));
    assert_eq!(bob.told(&["link"])[0]["user"], eve.welcome["user"]);
    eve.ask(json!({"cmd": "leave", "room": "work", "user": "bob"}));
    assert_eq!(bob.told(&["member"])[0]["user"], eve.welcome["user"]);
    bob.tell("work", "still in");

    let you = eve.ask(json!({"cmd": "register", "password": "eves own one", "name": "ann"}));
    assert_eq!(you["user"], eve.welcome["user"], "{you}");
    let mine = json!({"cmd": "password", "old": "eves own one", "new": PASSWORD, "user": "ann"});
    eve.done(mine);
    let first = ann.ask(json!({"cmd": "logins"}))["logins"][0]["login"].clone();
    assert_eq!(eve.refused(json!({"cmd": "revoke", "login": first})), "no_such_login");
    eve.put(&json!({"cmd": "logout", "login": first, "user": "ann"}));
    assert_eq!(eve.close_code(), "bye");
    ann.fence();
}

// ---- logins and their tokens

/// Whether this token still gives its account back; `name` is whose it is.
fn counts(server: &TestServer, name: &str, token: &Value) -> bool {
    let peer = Native::hello(server.wire(), json!({"name": name, "resume": token}));
    match (peer.welcome["ev"].as_str(), peer.welcome["code"].as_str()) {
        (Some("welcome"), _) => {
            assert_eq!((&peer.welcome["resumed"], &peer.welcome["resume"]), (&json!(true), token));
            true
        }
        (_, Some("login_needed")) => false,
        _ => panic!("{}", peer.welcome),
    }
}

#[test]
fn a_token_counts_until_its_login_ends_also_after_a_restart() {
    let mut server = TestServer::start();
    let mut ann = server.account("ann");
    let [mut quits, mut logs_out, revoked] = [(); 3].map(|()| server.login("ann"));
    let of = |native: &Native| native.welcome["resume"].clone();
    let tokens = [&ann, &quits, &logs_out, &revoked].map(of);
    quits.put(&json!({"cmd": "quit"}));
    assert_eq!(quits.close_code(), "bye");
    logs_out.put(&json!({"cmd": "logout"}));
    assert_eq!(logs_out.close_code(), "bye");
    let logins = ann.ask(json!({"cmd": "logins"}))["logins"].clone();
    let logins = logins.as_array().unwrap();
    assert_eq!(logins.len(), 3, "{logins:?}");
    assert_eq!((&logins[0]["online"], &logins[1]["online"]), (&json!(true), &json!(false)));
    assert!(logins[2]["current"] == true && logins[2]["door"] == "native", "{logins:?}");
    ann.done(json!({"cmd": "revoke", "login": logins[0]["login"]}));
    let mut revoked = revoked;
    assert_eq!(revoked.close_code(), "revoked");
    ann.done(json!({"cmd": "password", "old": PASSWORD, "new": "another horse"}));
    let still = |server: &TestServer| tokens.each_ref().map(|token| counts(server, "ann", token));
    assert_eq!(still(&server), [true, true, false, false], "a new password ends no login");
    server.stop();
    server.start_again();
    assert_eq!(still(&server), [true, true, false, false]);
    let old = Native::hello(server.wire(), json!({"name": "ann", "password": PASSWORD}));
    assert_eq!(old.welcome["code"], "wrong_password");
    let new = Native::hello(server.wire(), json!({"name": "ann", "password": "another horse"}));
    assert_eq!(new.welcome["ev"], "welcome");
}

#[test]
fn revoking_ones_own_login_ends_the_connection() {
    let server = TestServer::start();
    let mut ann = server.account("ann");
    let own = ann.ask(json!({"cmd": "logins"}))["logins"][0]["login"].clone();
    ann.put(&json!({"cmd": "revoke", "login": own}));
    assert_eq!(ann.close_code(), "bye", "it is a logout");
    assert!(!counts(&server, "ann", &ann.welcome["resume"]));
    let mut guest = server.native("guest");
    for request in [
        json!({"cmd": "logins"}),
        json!({"cmd": "revoke", "login": 1}),
        json!({"cmd": "password", "old": PASSWORD, "new": PASSWORD}),
    ] {
        assert_eq!(guest.refused(request), "not_account");
    }
}

#[test]
fn connections_of_an_account_are_told_what_the_others_change() {
    let server = TestServer::start();
    let (mut ann, mut bob) = (server.account("ann"), server.native("bob"));
    let mut two = server.login("ann");
    ann.join("work");
    assert_eq!(two.told(&["entered"]), [json!({"ev": "entered", "room": "work"})]);
    two.join("work");
    two.ask(json!({"cmd": "leave", "room": "work"}));
    assert_eq!(ann.told(&["gone"]), [json!({"ev": "gone", "room": "work"})]);
    two.ask(json!({"cmd": "nick", "name": "anna"}));
    let user = json!({"id": ann.welcome["user"]["id"], "name": "anna"});
    assert_eq!(ann.told(&["you"]), [json!({"ev": "you", "user": user, "account": true})]);
    ann.done(json!({"cmd": "ask", "user": "bob"}));
    bob.done(json!({"cmd": "accept", "user": "anna"}));
    let bob_is = |state| json!({"ev": "link", "user": bob.welcome["user"], "state": state});
    assert_eq!(two.told(&["link"]), [bob_is("waiting"), bob_is("open")]);
    assert_eq!(ann.told(&["link"]), [bob_is("open")]);
    assert_eq!(server.figures().users, 2);
}

// ---- secrets

/// The bytes of all files in a folder.
fn contents(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file"));
    let files = files.map(|file| file.path()).filter(|path| path.is_file());
    files.flat_map(|path| std::fs::read(path).expect("it can be read")).collect()
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn secrets_are_neither_traced_nor_kept_in_clear() {
    traced::begin();
    let mut server = TestServer::start();
    let secrets = ["first secret 1", "second secret 2", "a wrong secret 3"];
    let [first, second, wrong] = secrets;
    let instance = "c0ffee00112233445566778899aabbcc";
    let mut ann = Native::welcomed(server.wire(), json!({"name": "ann", "instance": instance}));
    ann.join("lobby");
    ann.ask(json!({"cmd": "send", "room": "lobby", "text": "hi", "counter": 1}));
    ann.ask(json!({"cmd": "register", "password": first}));
    ann.done(json!({"cmd": "password", "old": first, "new": second}));
    assert_eq!(Native::over(server.wire()).refused(login("ann", wrong)), "wrong_password");
    let two = Native::welcomed(server.wire(), json!({"name": "ann", "password": second}));
    // Frames that are none, with a secret in them.
    let mut eve = Native::over(server.wire());
    eve.wire.write(format!("{{\"cmd\":\"hello\",\"password\":\"{second}\"\n"));
    assert_eq!(eve.frame().unwrap()["code"], "bad_frame");
    ann.put(&json!({"cmd": "quit"}));
    assert_eq!(ann.close_code(), "bye");
    let tokens = [&ann, &two].map(|native| native.welcome["resume"].as_str().unwrap().to_owned());
    let token = json!({"resume": tokens[0]});
    assert_eq!(Native::welcomed(server.wire(), token).welcome["resumed"], true);

    let raw = |hex: &str| -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    };
    let mut hidden: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.as_bytes().into()).collect();
    for token in &tokens {
        hidden.extend([token.as_bytes().into(), token.to_uppercase().into(), raw(token)]);
    }
    let running = contents(server.data());
    server.stop();
    let stopped = contents(server.data());
    let shown = traced::so_far().into_bytes();
    assert!(contains(&shown, b"files="), "the server traces, and it was caught");
    for (kept, of) in [(&running, "a running"), (&stopped, "a stopped")] {
        assert!(contains(kept, b"$argon2id$") && contains(kept, b"ann"), "{of} server's files");
    }
    for secret in &hidden {
        for (place, name) in [(&running, "files"), (&stopped, "files at rest"), (&shown, "traces")]
        {
            assert!(
                !contains(place, secret),
                "{:?} in the {name}",
                String::from_utf8_lossy(secret)
            );
        }
    }
    assert!(!contains(&shown, instance.as_bytes()), "the instance is as good as a token");
}

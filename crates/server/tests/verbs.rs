//! What whoever runs a server tells it while it runs, and admins in the chat: each verb, from each place, on
//! a real server. What the verbs mean for users is tested with the hub.

mod support;

use hubbub_server::SETUP_FILE;
use hubbub_server::verbs::{Answer, VERBS, VerbError};
use serde_json::{Value, json};
use support::{Native, Plain, TestServer, Wire, eventually};

/// What is answered to whoever runs the server.
fn run(server: &TestServer, line: &str) -> Answer {
    server.manager().run(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn lines(server: &TestServer, line: &str) -> Vec<String> {
    run(server, line).lines
}

fn refused(server: &TestServer, line: &str) -> String {
    match server.manager().run(line) {
        Err(VerbError::Refused(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

/// An account that the token made an admin, on the native door.
fn admin(server: &TestServer, name: &str) -> Native {
    let mut ann = server.account(name);
    let token = server.setup_token().expect("there is no admin yet");
    ann.done(json!({"cmd": "setup", "token": token}));
    ann
}

/// One on the plain door.
fn plain_admin(server: &TestServer, name: &str) -> Plain {
    drop(admin(server, name));
    server.wait_for(0, 1);
    let mut ann = server.plain(&format!("{name}2"));
    ann.fence();
    ann.say(&format!("/login {name}"));
    let said = ann.ask(support::PASSWORD);
    assert!(said.iter().any(|line| line.contains(&format!("Welcome, {name}!"))), "{said:?}");
    ann
}

fn verb(admin: &mut Native, line: &str) -> Vec<String> {
    let answer = admin.ask(json!({"cmd": "admin", "line": line}));
    assert_eq!(answer["ev"], "admin", "{line}: {answer}");
    let lines = answer["lines"].as_array().expect("lines");
    lines.iter().map(|line| line.as_str().expect("a line").to_owned()).collect()
}

/// The frames until the server closes.
fn to_the_end(native: &mut Native) -> Vec<Value> {
    let mut frames: Vec<Value> = native.heard.drain(..).collect();
    frames.extend(std::iter::from_fn(|| native.frame()));
    frames
}

// ---- the verbs of whoever runs the server

#[test]
fn the_rooms_and_who_is_in_them() {
    let server = TestServer::start();
    let mut ann = server.account("ann");
    let bob = server.plain("bob");
    ann.join("den");
    ann.done(json!({"cmd": "set", "room": "den", "setting": "secret", "on": true}));
    for word in ["rooms", "/channels", " ROOMS "] {
        let said = lines(&server, word);
        assert_eq!(said[0], "den (secret): 1 here; keeps everything", "{said:?}");
        assert_eq!(said[1], "  ann");
        assert!(said[2].starts_with("lobby: 2 here"), "{said:?}");
        assert_eq!(said.last().unwrap(), "2 rooms, 0 private chats.");
    }
    let data = run(&server, "rooms").data;
    assert_eq!(data["rooms"][0]["names"], json!(["ann"]));
    assert_eq!(data["private_chats"], 0);
    drop(bob);
}

#[test]
fn who_is_online_and_from_where() {
    let server = TestServer::start();
    let ann = admin(&server, "ann");
    let mut bob = server.plain("bob");
    bob.ask("/away tea");
    let said = lines(&server, "users");
    assert_eq!(
        said[0].split_whitespace().collect::<Vec<_>>().join(" "),
        "ann admin 1 connection lobby"
    );
    assert!(
        said[1].starts_with("bob  guest") && said[1].ends_with("lobby (away: tea)"),
        "{said:?}"
    );
    assert_eq!(said[2], "2 users are online.");
    let data = run(&server, "online").data;
    assert_eq!((&data["online"], &data["users"][0]["admin"]), (&json!(2), &json!(true)));
    let said = lines(&server, "sessions bob");
    assert!(said[0].starts_with("bob  127.0.0.1:") && said[0].contains("plain"), "{said:?}");
    assert_eq!(said[1], "1 connection.");
    assert_eq!(lines(&server, "sessions").last().unwrap(), "2 connections.");
    assert_eq!(run(&server, "sessions").data["sessions"].as_array().unwrap().len(), 2);
    assert!(refused(&server, "sessions nobody").contains("nobody"));
    drop(ann);
}

#[test]
fn how_the_server_does_and_what_time_it_is() {
    let server = TestServer::start();
    let bob = server.plain("bob");
    let stats = run(&server, "stats");
    assert!(!stats.lines.is_empty() && stats.data.is_object(), "{stats:?}");
    let time = run(&server, "date");
    let year = jiff::Zoned::now().year().to_string();
    assert!(time.lines[0].contains(&year) && time.data["time"].is_number(), "{time:?}");
    drop(bob);
}

#[test]
fn an_announcement_reaches_both_doors() {
    let server = TestServer::start();
    let mut ann = admin(&server, "ann");
    let mut bob = server.plain("bob");
    bob.fence();
    let nobody = server.wire();
    assert_eq!(lines(&server, "announce tea is ready"), ["2 connections were told."]);
    let heard = ann.told(&["announcement"]);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].get("by").is_none());
    assert!(bob.fence().iter().any(|line| line.starts_with("-- Announcement: tea")));
    verb(&mut ann, "broadcast back to work");
    let heard = ann.told(&["announcement"]);
    assert_eq!((&heard[0]["by"], &heard[0]["text"]), (&json!("ann"), &json!("back to work")));
    assert_eq!(bob.fence(), ["-- Announcement from ann: back to work"]);
    drop(nobody);
}

#[test]
fn a_kick_closes_with_its_reason_and_keeps_nobody_out() {
    let server = TestServer::start();
    let mut max = server.account("max");
    let mut bob = server.plain("bob");
    bob.fence();
    assert_eq!(lines(&server, "kick @max too loud"), ["max was sent away, and may come again."]);
    let end = to_the_end(&mut max);
    let [.., warning, close] = &end[..] else { panic!("{end:?}") };
    assert_eq!((&warning["ev"], &warning["code"]), (&json!("warning"), &json!("kicked")));
    assert!(warning["text"].as_str().unwrap().contains("too loud"), "{warning}");
    assert_eq!((&close["code"], &close["next"]), (&json!("kicked"), &json!("stop")));
    assert_eq!(lines(&server, "kick bob"), ["bob was sent away, and may come again."]);
    let end = bob.until_end();
    assert!(end.last().unwrap().contains("ended your connection"), "{end:?}");
    // Its token counts.
    let token = max.welcome["resume"].clone();
    let back = Native::welcomed(server.wire(), json!({"resume": token}));
    assert_eq!(back.welcome["resumed"], true);
    let bob = server.plain("bob");
    assert!(refused(&server, "kick nobody").contains("nobody"));
    // Out of a room only.
    assert_eq!(lines(&server, "kick #lobby bob"), ["bob was sent out of lobby."]);
    assert!(refused(&server, "kick #nowhere bob").contains("nowhere"));
    drop(bob);
}

#[test]
fn a_ban_is_listed_and_lifted_as_it_is_listed() {
    let server = TestServer::start();
    let mut max = server.account("max");
    assert_eq!(lines(&server, "bans"), ["Nobody is banned on this server."]);
    assert_eq!(lines(&server, "ban max 2h spam"), ["max is banned from this server, for 2 h."]);
    let end = to_the_end(&mut max);
    assert_eq!(end.last().unwrap()["code"], "banned", "{end:?}");
    let hello = json!({"name": "max", "password": support::PASSWORD});
    let out = Native::hello(server.wire(), hello.clone()).welcome;
    assert_eq!(out["code"], "banned", "{out}");
    assert!(out["text"].as_str().unwrap().contains("spam"), "{out}");
    lines(&server, "ban spam*");
    lines(&server, "ban 10.1.2.0/24");
    let bans = lines(&server, "banlist");
    for (line, whom) in bans.iter().zip(["max", "spam*", "10.1.2.0/24"]) {
        assert!(line.starts_with(whom), "{bans:?}");
        assert_eq!(lines(&server, &format!("unban {whom}")), ["The ban is lifted."]);
    }
    assert!(refused(&server, "unban max").contains("Nobody has such a ban"));
    Native::welcomed(server.wire(), hello);
    // From where somebody comes: then nobody comes from there, on any door.
    let mut eve = server.plain("eve");
    eve.fence();
    lines(&server, "ban address:eve");
    assert!(eve.until_end().last().unwrap().contains("banned"));
    let bans = lines(&server, "bans");
    assert!(bans[0].starts_with("address:eve"), "{bans:?}");
    let mut wire = server.wire();
    wire.write("bob\n");
    let said = wire.line().unwrap();
    assert!(said.contains("banned from this server"), "{said}");
    assert_eq!(lines(&server, "unban address:eve"), ["The ban is lifted."]);
    server.plain("eve");
}

#[test]
fn a_mute_lets_read_only() {
    let server = TestServer::start();
    let mut bob = server.plain("bob");
    bob.fence();
    assert_eq!(lines(&server, "mute bob 10m"), ["bob can only read on this server, for 10 min."]);
    let said = bob.ask("hello?");
    assert!(
        said[0].starts_with("! You are muted on this server, for another 10 minutes"),
        "{said:?}"
    );
    let mutes = lines(&server, "mutes");
    assert!(mutes[0].starts_with("bob  until 20"), "{mutes:?}");
    assert_eq!(lines(&server, "unmute bob"), ["The mute is lifted."]);
    bob.tell("hello!");
    assert_eq!(lines(&server, "mutes #lobby"), ["Nobody is muted in lobby."]);
    let cy = server.plain("cy");
    assert_eq!(
        lines(&server, "mute #lobby cy"),
        ["cy can only read in lobby, until that is lifted."]
    );
    assert!(lines(&server, "mutes #lobby")[0].starts_with("cy"));
    assert_eq!(lines(&server, "unmute #lobby cy"), ["The mute is lifted."]);
    drop(cy);
}

#[test]
fn the_audit_log_has_what_was_done_and_by_whom() {
    let server = TestServer::start();
    let mut ann = admin(&server, "ann");
    let bob = server.plain("bob");
    verb(&mut ann, "mute bob spam");
    lines(&server, "kick bob");
    let entries = run(&server, "audit 100").data;
    let of = |act: &str| -> Vec<&Value> {
        let entries = entries["entries"].as_array().unwrap();
        entries.iter().filter(|entry| entry["act"] == act).collect()
    };
    assert_eq!(
        (&of("muted")[0]["name"], &of("muted")[0]["reason"]),
        (&json!("ann"), &json!("bob (spam)"))
    );
    assert_eq!((&of("kicked")[0]["name"], &of("kicked")[0]["reason"]), (&json!(""), &json!("bob")));
    assert_eq!(lines(&server, "audit 1").len(), 1);
    drop(bob);
}

#[test]
fn help_has_every_verb() {
    let server = TestServer::start();
    let said = lines(&server, "help");
    for verb in VERBS {
        assert!(said.iter().any(|line| line.starts_with(&verb.usage())), "{}", verb.usage());
        assert!(lines(&server, &format!("help {}", verb.words[0]))[0].contains(verb.help));
    }
    assert_eq!(run(&server, "").lines, said);
}

#[test]
fn exit_is_wished_by_who_may() {
    let server = TestServer::start();
    let wished = server.manager().exit_wished();
    let mut bob = server.plain("bob");
    bob.fence();
    let said = bob.ask("/shutdown");
    assert!(said[0].starts_with("! Only an admin"), "{said:?}");
    assert!(!*wished.borrow());
    assert_eq!(lines(&server, "shutdown"), ["The server stops."]);
    assert!(*wished.borrow());
    // Whoever asks later is told too; stopping is the program's part.
    assert!(*server.manager().exit_wished().borrow());
    bob.tell("still here");
}

#[test]
fn names_are_offered_for_what_an_argument_takes() {
    use hubbub_server::verbs::Takes;
    let server = TestServer::start();
    let bob = server.plain("bob");
    let manager = server.manager();
    assert_eq!(manager.names(Takes::User), ["bob"]);
    assert_eq!(manager.names(Takes::Room), ["#lobby"]);
    assert!(manager.names(Takes::Verb).contains(&"kick".to_owned()));
    drop(bob);
}

// ---- admins in the chat

#[test]
fn an_admin_says_the_same_verbs_on_the_plain_door() {
    let server = TestServer::start();
    let mut ann = plain_admin(&server, "ann");
    let mut bob = server.plain("bob");
    bob.fence();
    ann.fence();
    let said = ann.ask("/admin mute bob 10m spam");
    assert_eq!(said, ["-- bob can only read on this server, for 10 min."]);
    assert!(ann.ask("/admin mutes")[0].starts_with("-- bob"));
    assert!(ann.ask("/sessions bob")[0].starts_with("-- bob  127.0.0.1:"));
    assert_eq!(ann.ask("/announce tea")[1..], ["-- 2 connections were told."]);
    assert_eq!(ann.ask("/admin kick nobody"), ["! Nobody here is called nobody."]);
    let said = ann.ask("/admin staats");
    assert!(said[0].starts_with("! There is no `staats` here. Did you mean `stats`?"), "{said:?}");
    assert!(ann.ask("/admin")[0].starts_with("-- rooms"), "the list of verbs");
    assert!(bob.fence().iter().any(|line| line == "-- Announcement from ann: tea"));
    // Not a word of it in the room.
    assert!(!bob.fence().iter().any(|line| line.starts_with("<ann>")));
}

#[test]
fn who_is_no_admin_is_refused_and_nothing_is_said_in_the_room() {
    let server = TestServer::start();
    let mut ann = server.account("ann");
    let mut bob = server.plain("bob");
    bob.fence();
    for line in
        ["/stats", "/admin kick ann", "/announce hello", "/admin frob", "/audit", "/shutdown"]
    {
        let said = bob.ask(line);
        assert_eq!(said, ["! Only an admin of this server can do that."], "{line}");
    }
    assert_eq!(ann.refused(json!({"cmd": "admin", "line": "stats"})), "not_allowed");
    assert_eq!(ann.told(&["message", "announcement"]), Vec::<Value>::new());
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let server = TestServer::start();
    let mut ann = plain_admin(&server, "ann");
    ann.fence();
    let mut text = String::new();
    for n in 0..20 {
        text.push_str(&format!(
            "/admin help\nsaid {n}\n/admin mute spam{n}*\n/admin time\n/join room{n}\n"
        ));
    }
    ann.wire.write(text);
    let said = ann.fence();
    let marks: Vec<&str> = said
        .iter()
        .filter_map(|line| match line.as_str() {
            line if line.starts_with("-- `help VERB`") => Some("help"),
            line if line.contains(" can only read on ") => Some("mute"),
            line if line.starts_with("-- You are in room") => Some("join"),
            line if line.starts_with('!') => Some("!"),
            _ => None,
        })
        .collect();
    assert_eq!(marks, ["help", "mute", "join"].repeat(20), "{said:#?}");
    // On the native door each answer has its id, and comes in order as well.
    let mut ben = server.login("ann");
    let mut frames = String::new();
    for id in (0..60).step_by(3) {
        frames.push_str(&format!(
            "{}\n{}\n{}\n",
            json!({"cmd": "admin", "id": id + 1000, "line": "rooms"}),
            json!({"cmd": "ping", "id": id + 1001}),
            json!({"cmd": "admin", "id": id + 1002, "line": "frob"}),
        ));
    }
    ben.wire.write(frames);
    for id in 0..60 {
        let frame = ben.frame().expect("an answer");
        assert_eq!(frame["id"], id + 1000, "{frame}");
    }
}

#[test]
fn a_long_answer_fits_into_a_frame() {
    let server = TestServer::start();
    let mut ann = admin(&server, "ann");
    // Long names, of which each needs more bytes in JSON than on the wire would do.
    for room in 0..200 {
        let name = format!("{}{room:03}", "\u{1F600}".repeat(11));
        let joined = ann.ask(json!({"cmd": "join", "room": name, "history": "none"}));
        assert_eq!(joined["ev"], "joined", "{joined}");
    }
    for number in 0..400 {
        let reason = "\u{e9}\u{1F600}\"\\ ".repeat(20);
        verb(&mut ann, &format!("ban 10.3.{}.{} {reason}", number / 250, number % 250));
    }
    for line in ["bans", "rooms", "audit 1000", "help"] {
        ann.put(&json!({"cmd": "admin", "id": 9, "line": line}));
        let raw = loop {
            let raw = ann.wire.raw_line().expect("an answer");
            if raw.starts_with(b"{\"ev\":\"admin\"") {
                break raw;
            }
        };
        assert!(raw.len() <= 64 * 1024, "{line}: {} bytes", raw.len());
        let frame: Value = serde_json::from_slice(&raw).expect("JSON");
        let last = frame["lines"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        assert_eq!(
            last.contains("more lines"),
            ["bans", "audit 1000"].contains(&line),
            "{line}: {last}"
        );
    }
    // Programs get all of it.
    assert_eq!(run(&server, "bans").data["restrictions"].as_array().unwrap().len(), 400);
}

#[test]
fn many_admins_at_once_get_their_own_answers() {
    let server = TestServer::start();
    drop(admin(&server, "ann"));
    let server = &server;
    std::thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || {
                let mut ann = server.login("ann");
                for round in 0..10 {
                    let whom = format!("10.{n}.{round}.1");
                    let said = format!("Whoever comes from {whom}/32 is banned from this server, until that is lifted.");
                    assert_eq!(verb(&mut ann, &format!("ban {whom}")), [said]);
                    let bans = verb(&mut ann, "bans");
                    assert!(bans.iter().any(|line| line.starts_with(&whom)), "{bans:?}");
                    assert_eq!(verb(&mut ann, &format!("unban {whom}")), ["The ban is lifted."]);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..20 {
                lines(server, "users");
            }
        });
    });
    assert_eq!(lines(server, "bans"), ["Nobody is banned on this server."]);
}

#[test]
fn who_goes_while_a_verb_runs_harms_nobody() {
    let server = TestServer::start();
    drop(admin(&server, "ann"));
    for round in 0..20 {
        let ann = server.login("ann");
        ann.put(&json!({"cmd": "admin", "id": 1, "line": "rooms"}));
        ann.put(&json!({"cmd": "admin", "id": 2, "line": format!("ban 10.9.9.{round}")}));
        if round % 2 == 0 {
            ann.wire.reset();
        } else {
            drop(ann);
        }
    }
    // Its own connection may be the one that is ended.
    let mut ben = server.login("ann");
    let other = server.login("ann");
    drop(other);
    lines(&server, "kick ann");
    assert_eq!(to_the_end(&mut ben).last().unwrap()["code"], "kicked");
    eventually(|| format!("{:?}", server.figures()), || server.figures().sessions == 0);
    server.native("bob").tell("lobby", "still here");
}

#[test]
fn no_line_is_hostile_enough() {
    let server = TestServer::start();
    let mut ann = admin(&server, "ann");
    let long = "x".repeat(60_000);
    let words =
        ["announce ", "kick ", "ban ", "ban #", "mutes #", "sessions ", "help ", "audit ", ""];
    for word in words {
        for rest in [
            long.as_str(),
            "#",
            "# #",
            "#\u{202e}evil bob",
            "\u{1b}[2J\u{7}",
            "\u{0}\u{1}\u{2}",
            "@",
            "@@@@",
            "999999999999999999999999999999",
            "* 99999999999999999999d",
            "0.0.0.0/0 ::/0",
            "address: address:",
            "\u{fe0f}\u{200d}",
            "bob\u{2028}bob",
            "e\u{301}\u{301}\u{301}\u{301}",
        ] {
            let line = format!("{word}{rest}");
            let answer = server.manager().run(&line);
            let said = match &answer {
                Ok(answer) => answer.lines.join("\n"),
                Err(error) => error.to_string(),
            };
            let is_bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!said.contains(is_bad), "{word}: {said:?}");
            assert!(said.len() < 64 * 1024, "{word}: {} bytes", said.len());
            let answer = ann.ask(json!({"cmd": "admin", "line": line}));
            assert!(["admin", "error"].contains(&answer["ev"].as_str().unwrap()), "{answer}");
        }
    }
    // One that is longer than a line may be ends the connection, or is refused; the server goes on.
    let wire = Wire::connect(server.address());
    wire.try_write(format!("{{\"cmd\":\"admin\",\"line\":\"{}\"}}\n", "y".repeat(70_000)));
    server.native("zed").tell("lobby", "still here");
}

// ---- the first admin

#[test]
fn the_token_is_in_its_file_as_long_as_nobody_is_an_admin() {
    let mut server = TestServer::start();
    let file = server.data().join(SETUP_FILE);
    let token = server.setup_token().expect("there is no admin");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{token}\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Each start makes another one, and that of before does not count.
    let mut ann = server.account("ann");
    server.stop();
    server.start_again();
    let again = server.setup_token().expect("there is no admin");
    assert_ne!(token, again);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{again}\n"));
    ann = server.login(&ann.name());
    assert_eq!(ann.refused(json!({"cmd": "setup", "token": token})), "setup_invalid");
    assert_eq!(ann.refused(json!({"cmd": "setup", "token": ""})), "setup_invalid");
    ann.done(json!({"cmd": "setup", "token": again}));
    assert_eq!(ann.refused(json!({"cmd": "setup", "token": again})), "setup_invalid");
    eventually(|| "the file goes".into(), || !file.exists());
    assert_eq!(server.setup_token(), None);
    assert!(!verb(&mut ann, "stats").is_empty());
    server.stop();
    server.start_again();
    assert_eq!(server.setup_token(), None);
    assert!(!file.exists());
}

#[test]
fn setup_on_the_plain_door_shows_the_token_to_nobody() {
    let server = TestServer::start();
    let token = server.setup_token().expect("there is no admin");
    let mut bob = server.plain("bob");
    let mut ann = server.plain("ann");
    bob.fence();
    ann.fence();
    let said = ann.ask(&format!("/setup {token}"));
    assert!(said[0].starts_with("! ") && !said.concat().contains(&token), "a guest: {said:?}");
    ann.ask("/register opensesame");
    let said = ann.ask("/setup nonsense");
    assert!(said[0].starts_with("! That is not the token"), "{said:?}");
    for line in
        [format!("/setup {token} now"), format!("/setpu {token}"), format!(" /setup {token}")]
    {
        let said = ann.ask(&line);
        assert!(!said.concat().contains(&token), "{said:?}");
        assert!(!bob.fence().concat().contains(&token));
    }
    // The last of them was right, in spite of the blank.
    assert!(ann.ask("/stats")[0].starts_with("-- "));
    assert_eq!(server.setup_token(), None);
}

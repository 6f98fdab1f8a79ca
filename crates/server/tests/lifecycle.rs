//! Starting, stopping, starting again; and what time does to names, rooms and connections.

mod support;

use hubbub_protocol::CloseCode;
use hubbub_server::{Server, ServerConfig, StartError};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;
use support::{Native, TestServer, Wire, eventually, position_of, seq_of, text_of};

// ---- a start that can't be

/// Why a server with these settings doesn't start, having checked that the message names all of it.
fn refused_start(config: ServerConfig, named: &[&str]) -> StartError {
    let error = Server::start(config).expect_err("it can't start");
    let text = error.to_string();
    for part in named {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
    error
}

fn config(listen: &str, data: &Path) -> ServerConfig {
    ServerConfig::new(vec![listen.parse().expect("an address")], data.to_owned())
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().unwrap();
    let address = server.address().to_string();
    let error = refused_start(config(&address, folder.path()), &[&address, "--listen"]);
    assert!(matches!(error, StartError::AddressTaken { .. }), "{error:?}");
    server.plain("ann");
}

#[test]
fn an_address_of_another_computer_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused_start(config("203.0.113.1:0", folder.path()), &["203.0.113.1", "0.0.0.0"]);
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
}

#[test]
fn a_folder_that_cannot_be_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("below")] {
        let named = path.display().to_string();
        let error = refused_start(config("127.0.0.1:0", &path), &[&named, "--data"]);
        assert!(matches!(error, StartError::Folder { .. }), "{error:?}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_folder_in_use_is_named_with_the_way_out_and_free_after_the_stop() {
    let mut server = TestServer::start();
    let data = server.data().to_owned();
    let named = data.display().to_string();
    let error = refused_start(config("127.0.0.1:0", &data), &[&named, "--data"]);
    assert!(matches!(error, StartError::FolderInUse { .. }), "{error:?}");
    server.plain("ann").tell("still here");
    server.stop();
    drop(Server::start(config("127.0.0.1:0", &data)).unwrap());
}

#[test]
fn damaged_data_is_named_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hubbub.db");
    let damaged = b"this is no database at all".repeat(1000);
    std::fs::write(&file, &damaged).unwrap();
    let named = folder.path().display().to_string();
    let error = refused_start(config("127.0.0.1:0", folder.path()), &[&named]);
    assert!(matches!(error, StartError::Store { .. }), "{error:?}");
    assert_eq!(std::fs::read(&file).unwrap(), damaged);
}

#[cfg(unix)]
#[test]
fn a_new_folder_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = TestServer::start();
    let mode = std::fs::metadata(server.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_server_listens_on_all_of_its_addresses() {
    let server = TestServer::with(|config| config.listen.push(config.listen[0]));
    let [one, two] = server.config.listen[..] else { panic!("two addresses") };
    assert_ne!(one, two);
    let mut ann = Native::enter(one, "ann");
    let mut bob = Native::enter(two, "bob");
    ann.tell("lobby", "hi");
    assert_eq!(bob.texts(), ["hi"]);
}

// ---- stop

#[test]
fn a_stop_tells_everybody() {
    let mut server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.plain("bob"));
    let mut unnamed = server.wire();
    assert!(unnamed.line().is_some(), "it was greeted");
    server.stop();
    assert_eq!(ann.close_code(), "shutdown");
    assert_eq!(ann.heard.back().unwrap()["next"], "resume");
    let goodbye = format!("-- {}", CloseCode::Shutdown.text());
    assert_eq!(bob.until_end(), [goodbye.as_str()]);
    let unnamed: Vec<String> = std::iter::from_fn(|| unnamed.line()).collect();
    assert_eq!(unnamed, ["What is your name?", &goodbye]);
}

#[test]
fn a_stop_does_not_wait_for_peers_that_do_not_read() {
    let mut server = TestServer::start();
    let mut deaf = Native::hello(Wire::narrow(server.address()), json!({"name": "deaf"}));
    deaf.join("lobby");
    let silent = server.wire();
    let mut ann = server.native("ann");
    // More than the system takes for the deaf one, less than the outbox.
    for _ in 0..8 {
        ann.tell_all("lobby", (0..100).map(|_| "x".repeat(4096)));
    }
    let took = server.stop();
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert_eq!(ann.close_code(), "shutdown");
    drop((deaf, silent));
}

#[test]
fn dropping_the_handle_stops_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Server::start(config("127.0.0.1:0", folder.path())).unwrap();
    let mut ann = Native::enter(handle.addresses()[0], "ann");
    drop(handle);
    assert_eq!(ann.close_code(), "shutdown");
}

// ---- start again

#[test]
fn a_server_starts_again_on_its_port_at_once() {
    let mut server = TestServer::start();
    let (ann, bob) = (server.native("ann"), server.plain("bob"));
    server.stop();
    server.start_again();
    drop((ann, bob));
    server.native("ann");
}

#[test]
fn what_was_said_is_there_after_a_restart_and_goes_on() {
    let mut server = TestServer::start();
    let mut ann = server.native("ann");
    let sent = ann.tell_all("lobby", (1..=3).map(|n| n.to_string()));
    let [first, .., last] = [&sent[0], &sent[1], &sent[2]].map(position_of);
    server.stop();
    server.start_again();

    let again = json!({"name": "ann", "resume": ann.welcome["resume"]});
    let mut ann_again = Native::hello(server.wire(), again);
    let welcome = &ann_again.welcome;
    assert_eq!(welcome["resumed"], false, "guests are new after a restart: {welcome}");
    assert!(welcome["epoch"].as_u64() > ann.welcome["epoch"].as_u64(), "{welcome}");
    assert_ne!(welcome["user"]["id"], ann.welcome["user"]["id"]);

    let joined = ann_again.ask(json!({"cmd": "join", "room": "lobby", "after": last}));
    assert_eq!((&joined["catch_up"], &joined["seq"]), (&json!("live"), &json!(3)), "{joined}");
    let next = ann_again.tell("lobby", "4");
    assert_eq!((&next["seq"], &next["epoch"]), (&json!(4), &ann_again.welcome["epoch"]));

    let joined = ann_again.ask(json!({"cmd": "join", "room": "lobby", "after": first}));
    assert_eq!(joined["catch_up"], "pages", "{joined}");
    ann_again.fence();
    let pages: Vec<Value> = ann_again.heard.drain(..).filter(|f| f["ev"] == "page").collect();
    let missed: Vec<String> =
        pages.iter().flat_map(|p| p["events"].as_array().unwrap()).map(text_of).collect();
    assert_eq!(missed, ["2", "3", "4"]);

    let mut never = first.clone();
    never["epoch"] = ann_again.welcome["epoch"].clone();
    let joined = ann_again.ask(json!({"cmd": "join", "room": "lobby", "after": never}));
    assert_eq!(joined["catch_up"], "reset", "the number means something else: {joined}");

    let shown = server.plain("bob").ask("/history");
    assert_eq!(shown.len(), 5, "{shown:?}");
}

#[test]
fn a_send_is_known_again_after_a_restart() {
    let mut server = TestServer::start();
    let hello = json!({"name": "ann", "instance": "00112233445566778899aabbccddeeff"});
    let send = json!({"cmd": "send", "room": "lobby", "text": "once", "counter": 1});
    let mut ann = Native::hello(server.wire(), hello.clone());
    ann.join("lobby");
    let first = ann.ask(send.clone());
    server.stop();
    server.start_again();
    let mut ann = Native::hello(server.wire(), hello);
    ann.join("lobby");
    let again = ann.ask(send);
    assert_eq!(again["repeated"], true, "{again}");
    assert_eq!(position_of(&again), position_of(&first));
    assert_eq!(
        ann.ask(json!({"cmd": "send", "room": "lobby", "text": "2", "counter": 2}))["seq"],
        2
    );
}

#[test]
fn what_is_not_kept_is_not_there_after_a_restart() {
    let mut server = TestServer::start();
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    ann.ask(json!({"cmd": "join", "room": "secret", "retention": "none"}));
    ann.tell("secret", "burn this");
    ann.befriend(&mut bob);
    let private = ann.ask(json!({"cmd": "send", "user": "bob", "text": "psst"}));
    assert_eq!(private["ev"], "sent");
    ann.tell("lobby", "kept");
    server.stop();
    server.start_again();
    assert_eq!(server.figures().rooms, 1, "the lobby alone");
    let (mut ann, _bob) = (server.native("ann"), server.native("bob"));
    assert_eq!(ann.join("secret")["created"], true);
    assert_eq!(ann.refused(json!({"cmd": "history", "user": "bob"})), "no_such_room");
}

/// Says numbered lines until the server ends; returns those that were acknowledged.
fn talk_until_the_end(mut native: Native, name: &str) -> HashSet<String> {
    let mut acknowledged = HashSet::new();
    for batch in 0.. {
        let ids = batch * 40..(batch + 1) * 40;
        let frame =
            |id| json!({"cmd": "send", "id": id, "room": "lobby", "text": format!("{name}{id}")});
        let lines: Vec<String> = ids.map(|id| format!("{}\n", frame(id))).collect();
        native.wire.try_write(lines.concat());
        for _ in 0..40 {
            let answer = loop {
                match native.frame() {
                    None => panic!("the end without a last word"),
                    Some(frame) if frame["ev"] == "message" || frame["ev"] == "member" => {}
                    Some(frame) => break frame,
                }
            };
            if answer["ev"] == "close" {
                assert_eq!(answer["code"], "shutdown", "{answer}");
                return acknowledged;
            }
            assert_eq!(answer["ev"], "sent", "{answer}");
            acknowledged.insert(format!("{name}{}", answer["id"]));
        }
    }
    acknowledged
}

#[test]
fn what_was_acknowledged_before_a_stop_is_there_after_it() {
    let mut server = TestServer::start();
    let mut witness = server.native("witness");
    let acknowledged: Vec<HashSet<String>> = std::thread::scope(|scope| {
        let talkers = ["a", "b", "c"].map(|name| {
            let native = server.native(name);
            scope.spawn(move || talk_until_the_end(native, name))
        });
        // In the middle of their talk.
        for _ in 0..500 {
            while witness.frame().unwrap()["ev"] != "message" {}
        }
        server.stop();
        talkers.map(|talker| talker.join().unwrap()).into()
    });
    server.start_again();
    let mut reader = server.native("reader");
    let mut kept = HashSet::new();
    let mut after = 0;
    loop {
        let request = json!({"cmd": "history", "room": "lobby", "page": {"after": after}});
        let page = reader.ask(request);
        let events = page["events"].as_array().unwrap();
        kept.extend(events.iter().map(text_of));
        after = events.last().map_or(after, seq_of);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(kept.len() as u64, after, "each once");
    for acknowledged in acknowledged {
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(!acknowledged.is_empty() && lost.is_empty(), "{lost:?}");
    }
}

// ---- what time does

#[test]
fn an_empty_room_that_keeps_nothing_goes_and_others_stay() {
    let server = TestServer::with(|config| config.hub.empty_room_ms = 1);
    let mut ann = server.native("ann");
    ann.ask(json!({"cmd": "join", "room": "gone", "retention": "none"}));
    ann.tell("gone", "x");
    ann.join("kept");
    ann.tell("kept", "x");
    ann.ask(json!({"cmd": "join", "room": "stays", "retention": "none"}));
    for room in ["gone", "kept"] {
        ann.ask(json!({"cmd": "leave", "room": room}));
    }
    eventually(|| "three rooms".into(), || server.figures().rooms == 3);
    let rooms = ann.ask(json!({"cmd": "rooms"}));
    let names: Vec<_> = rooms["rooms"].as_array().unwrap().iter().map(|r| &r["room"]).collect();
    assert_eq!(names, ["kept", "lobby", "stays"]);
    assert_eq!(ann.join("gone")["created"], true);
}

#[test]
fn a_client_that_left_during_the_handshake_leaves_no_room() {
    let server = TestServer::with(|config| {
        config.hub.empty_room_ms = 1;
        config.hub.resume_hold_ms = 1;
    });
    let mut ann = server.native("ann");
    ann.join("ghost");
    ann.wire.reset();
    let plain = server.plain("bob");
    plain.say("/join phantom nohistory");
    plain.wire.reset();
    server.wait_for(0, 0);
    eventually(|| "no rooms".into(), || server.figures().rooms == 0);
}

#[test]
fn a_resume_token_gives_name_and_rooms_back() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    ann.join("work");
    let mut bob = server.native("bob");
    bob.join("work");
    let known = ann.tell("work", "before");
    ann.befriend(&mut bob);
    ann.ask(json!({"cmd": "send", "user": "bob", "text": "psst"}));
    ann.wire.reset();
    server.wait_for(1, 2);
    let taken = Native::hello(server.wire(), json!({"name": "ann"}));
    assert_eq!(taken.welcome["code"], "name_taken", "the name is held");
    bob.tell("work", "meanwhile");

    let mut ann = Native::hello(server.wire(), json!({"resume": ann.welcome["resume"]}));
    let welcome = &ann.welcome;
    assert_eq!((&welcome["resumed"], &welcome["user"]["name"]), (&json!(true), &json!("ann")));
    assert_eq!(welcome["rooms"], json!(["lobby", "work"]));
    assert_eq!(welcome["privates"], json!(["bob"]));
    let after = position_of(&known);
    let joined = ann.ask(json!({"cmd": "join", "room": "work", "after": after}));
    assert_eq!(joined["catch_up"], "pages", "{joined}");
    ann.fence();
    assert_eq!(ann.heard[0]["events"][0]["text"], "meanwhile");
    assert_eq!(ann.heard[1]["ev"], "live");
    bob.tell("work", "after");
    assert_eq!(ann.texts(), ["after"]);
    bob.fence();
    let seen: Vec<_> = bob.heard.iter().filter(|frame| frame["ev"] == "member").collect();
    assert!(seen.is_empty(), "nobody saw ann go: {seen:?}");
}

#[test]
fn a_held_name_is_free_when_its_time_is_over() {
    let server = TestServer::with(|config| config.hub.resume_hold_ms = 300);
    let mut bob = server.plain("bob");
    let ann = server.native("ann");
    let token = ann.welcome["resume"].clone();
    ann.wire.reset();
    server.wait_for(1, 1);
    assert_eq!(bob.fence(), ["-- ann joined", "-- ann lost the connection"]);
    let late = Native::hello(server.wire(), json!({"resume": token}));
    assert_eq!(late.welcome["code"], "name_invalid", "{}", late.welcome);
    let ann = Native::hello(server.wire(), json!({"name": "ann", "resume": token}));
    assert_eq!(ann.welcome["resumed"], false, "{}", ann.welcome);
}

#[test]
fn whoever_resumes_replaces_the_connection_that_seems_to_live() {
    let server = TestServer::start();
    let mut ghost = server.native("ann");
    let resume = json!({"resume": ghost.welcome["resume"]});
    let mut ann = Native::hello(server.wire(), resume);
    assert_eq!(ann.welcome["resumed"], true, "{}", ann.welcome);
    assert_eq!(ghost.close_code(), "replaced");
    ann.join("lobby");
    ann.tell("lobby", "it is me");
    assert_eq!(server.figures().users, 1);
}

#[test]
fn whoever_gives_no_name_in_time_is_told_and_closed() {
    let server = TestServer::with(|config| {
        config.sniff_ms = 300;
        config.login_ms = 1_500;
    });
    let mut native = Native::over(server.wire());
    native.wire.write("{\"cmd\":");
    let mut plain = server.wire();
    let mut named = server.plain("ann");
    assert_eq!(native.close_code(), "login_timeout");
    let lines: Vec<String> = std::iter::from_fn(|| plain.line()).collect();
    assert_eq!(lines[1], "What is your name?");
    assert_eq!(lines[2], format!("-- {}", CloseCode::LoginTimeout.text()));
    server.wait_for(1, 1);
    named.tell("still here");
}

#[test]
fn a_connection_that_never_shows_what_it_speaks_is_closed_too() {
    let server = TestServer::with(|config| {
        config.login_ms = 100;
        config.sniff_ms = 600_000;
    });
    let mut wire = server.wire();
    wire.write("half a li");
    assert!(wire.rest().is_empty());
}

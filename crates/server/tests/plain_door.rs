//! The plain door, as netcat, telnet and scripts see it: lines in, lines out, on a real socket.

mod support;

use serde_json::json;
use support::{Plain, TestServer, Wire};

/// A server, and a named plain peer for each name.
fn room_of<const N: usize>(names: [&str; N]) -> (TestServer, [Plain; N]) {
    let server = TestServer::start();
    let mut peers = names.map(|name| server.plain(name));
    // Of the comings only.
    peers.iter_mut().for_each(|peer| drop(peer.fence()));
    (server, peers)
}

/// The two agree to a private chat.
fn link(one: &mut Plain, one_name: &str, two: &mut Plain, two_name: &str) {
    one.ask(&format!("/ask {two_name}"));
    two.ask(&format!("/accept {one_name}"));
    one.fence();
}

fn ask_name(wire: &mut Wire, name: &str) -> String {
    wire.write(format!("{name}\n"));
    wire.line().expect("an answer")
}

// ---- the name

#[test]
fn a_silent_peer_is_greeted_and_asked_for_a_name() {
    let server = TestServer::start();
    let mut wire = server.wire();
    assert_eq!(wire.line().unwrap(), "-- This is a Hubbub chat server.");
    assert_eq!(wire.line().unwrap(), "What is your name?");
    assert_eq!(ask_name(&mut wire, "ann"), "-- Welcome, ann! /help lists the commands.");
}

#[test]
fn a_peer_that_presses_enter_first_is_greeted_too() {
    let server = TestServer::with(|config| config.sniff_ms = 60_000);
    let mut wire = server.wire();
    wire.write("\r\n");
    assert_eq!(wire.line().unwrap(), "-- This is a Hubbub chat server.");
    assert_eq!(wire.line().unwrap(), "What is your name?");
}

#[test]
fn a_welcome_names_the_room_and_the_company() {
    let (server, _peers) = room_of(["ann"]);
    let mut wire = server.wire();
    assert_eq!(ask_name(&mut wire, "bob"), "-- Welcome, bob! /help lists the commands.");
    assert_eq!(wire.line().unwrap(), "-- You are in lobby: one other is here.");
}

#[test]
fn a_taken_name_is_asked_again_also_in_another_case_or_with_look_alike_letters() {
    let (server, _peers) = room_of(["bob"]);
    let mut wire = server.wire();
    for name in ["bob", "BOB", "b\u{43e}b"] {
        assert_eq!(
            ask_name(&mut wire, name),
            format!("! Somebody is called {name} already, or looks like it. {name}2 is free."),
        );
        assert_eq!(wire.line().unwrap(), "What is your name?");
    }
    assert_eq!(ask_name(&mut wire, "bob2"), "-- Welcome, bob2! /help lists the commands.");
}

#[test]
fn a_wrong_name_is_asked_again_and_the_rule_is_named() {
    let server = TestServer::start();
    let mut wire = server.wire();
    for (name, why) in [
        ("pass the salt", "a space"),
        ("a,b", "','"),
        ("9lives", "begin with '9'"),
        ("b\u{202e}ob", "U+202E"),
        ("system", "reserved"),
        (&"x".repeat(33), "33 bytes"),
        ("/rooms", "First your name"),
    ] {
        let answer = ask_name(&mut wire, name);
        assert!(answer.starts_with("! ") && answer.contains(why), "{answer:?}");
        assert_eq!(wire.line().unwrap(), "What is your name?");
    }
    assert_eq!(
        ask_name(&mut wire, "  zo\u{eb} "),
        "-- Welcome, zo\u{eb}! /help lists the commands."
    );
}

#[test]
fn a_name_is_free_again_when_its_owner_has_gone() {
    let (server, [ann]) = room_of(["ann"]);
    ann.wire.reset();
    server.wait_for(0, 0);
    server.plain("ann");
}

// ---- talking

#[test]
fn a_line_is_a_message_and_is_not_echoed() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    ann.tell("hello /join x, and @nobody");
    ann.tell("second");
    assert_eq!(bob.fence(), ["<ann> hello /join x, and @nobody", "<ann> second"]);
}

#[test]
fn comings_and_goings_are_told() {
    let (server, [mut ann]) = room_of(["ann"]);
    server.plain("bob").say("/leave");
    ann.expect("-- bob joined");
    ann.expect("-- bob left");
    server.plain("cy").say("/quit");
    ann.expect("-- cy joined");
    ann.expect("-- cy left the server");
    server.plain("di").wire.reset();
    ann.expect("-- di joined");
    ann.expect("-- di lost the connection");
}

#[test]
fn lines_of_another_room_carry_its_name() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    bob.ask("/join work");
    ann.tell("here");
    ann.tell("/me waves");
    assert_eq!(bob.fence(), ["[lobby] <ann> here", "[lobby] * ann waves"]);
    ann.ask("/join #work");
    ann.tell("at work");
    assert_eq!(bob.fence(), ["-- ann joined", "<ann> at work"]);
    bob.ask("/join lobby");
    ann.tell("still at work");
    assert_eq!(bob.fence(), ["[work] <ann> still at work"]);
}

#[test]
fn whoever_left_the_last_room_is_told_that_nobody_hears() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    assert_eq!(
        bob.ask("/leave"),
        ["-- You left lobby and are in no room now. /join ROOM to go to one."]
    );
    ann.tell("is bob gone?");
    let answer = bob.ask("anybody?");
    assert!(answer[0].starts_with("! You are in no room"), "{answer:?}");
    for command in ["/shout hey", "/who", "/history", "/leave"] {
        assert!(bob.ask(command)[0].starts_with("! You are"), "{command}");
    }
    assert_eq!(ann.fence(), ["-- bob left"]);
}

#[test]
fn two_slashes_say_one() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    ann.tell("//join work");
    assert_eq!(bob.fence(), ["<ann> /join work"]);
}

#[test]
fn a_message_with_an_empty_or_too_long_text_is_refused() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    ann.tell("   ");
    let answer = ann.ask(&"x".repeat(4097));
    assert!(answer[0].starts_with("! Not sent: the message has 4097 bytes"), "{answer:?}");
    ann.tell(&"x".repeat(4096));
    assert_eq!(bob.fence(), [format!("<ann> {}", "x".repeat(4096))]);
}

// ---- commands

#[test]
fn every_command_of_the_help_answers() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    link(&mut ann, "ann", &mut bob, "bob");
    let help = ann.ask("/help");
    for (command, answer) in [
        ("/rooms", "-- Rooms:|--   lobby  (2 people)"),
        ("/who", "-- In lobby (2):|--   ann, bob"),
        ("/users", "-- Online (2):|--   ann, bob"),
        ("/msg bob hi", ""),
        ("/me waves", ""),
        ("/shout hey", ""),
        ("/join work", "-- You are in work: a new room, and you are alone in it. It is yours."),
        ("/history", "-- Nothing was said here yet."),
        ("/leave", "-- You left work and are in lobby now."),
    ] {
        let word = command.split(' ').next().unwrap();
        assert!(
            help.iter().any(|line| line.starts_with(&format!("--   {word} "))),
            "{word} is in {help:?}"
        );
        assert_eq!(ann.ask(command).join("|"), answer, "{command}");
    }
    assert!(ann.ask("/time")[0].starts_with("-- The server's clock says "));
    ann.say("/sync");
    ann.expect("-- In sync: the server has done everything before this.");
    assert_eq!(bob.fence(), ["[private] <ann> hi", "* ann waves", "<ann> hey"]);
    ann.say("/quit");
    assert_eq!(ann.until_end(), ["-- Goodbye."]);
    let gone = ["-- ann left the server", "-- There is no private chat with ann any more."];
    assert_eq!(bob.fence(), gone);
}

#[test]
fn commands_have_the_other_names_of_older_systems() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    link(&mut ann, "ann", &mut bob, "bob");
    for (other, same) in [
        ("/channels", "/rooms"),
        ("/members", "/who"),
        ("/list", "/users"),
        ("/online", "/users"),
        ("/LIST", "/users"),
        ("online clients", "/users"),
        ("Online Clients", "/users"),
        ("/?", "/help"),
        ("/h", "/help"),
    ] {
        assert_eq!(ann.ask(other), ann.ask(same), "{other}");
    }
    assert!(ann.ask("/date")[0].starts_with("-- The server's clock says "));
    ann.ask("/j work");
    ann.tell("bdct txt to everybody");
    ann.tell("/shout to everybody");
    ann.tell("/query bob psst");
    ann.ask("/part");
    assert_eq!(bob.fence(), ["<ann> to everybody", "<ann> to everybody", "[private] <ann> psst"]);
}

#[test]
fn bare_exit_and_q_leave_and_are_not_said() {
    let (server, [mut ann]) = room_of(["ann"]);
    for word in ["exit", "q", "Exit", "/exit", "/q", "/bye"] {
        let mut bob = server.plain("bob");
        bob.say(word);
        assert_eq!(bob.until_end(), ["-- Goodbye."], "{word}");
        assert_eq!(ann.fence(), ["-- bob joined", "-- bob left the server"], "{word}");
    }
    let mut bob = server.plain("bob");
    bob.tell("exit the building");
    assert_eq!(ann.fence(), ["-- bob joined", "<bob> exit the building"]);
}

#[test]
fn an_unknown_command_names_the_nearest_and_is_never_said() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    assert_eq!(ann.ask("/jion work"), ["! There is no command /jion. Did you mean /join?"]);
    assert_eq!(
        ann.ask("/passphrase secret"),
        ["! There is no command /passphrase. /help lists them."]
    );
    for line in ["/", "/ hello", "/join", "/join a b", "/quit now", "/msg bob", "/history 0"] {
        let answer = ann.ask(line);
        assert!(answer.len() == 1 && answer[0].starts_with("! "), "{line}: {answer:?}");
    }
    assert_eq!(bob.fence(), [""; 0]);
}

#[test]
fn a_room_with_a_wrong_name_says_why() {
    let (_server, [mut ann]) = room_of(["ann"]);
    let answer = ann.ask("/join 9to5");
    assert_eq!(answer, ["! 9to5: a name can't begin with '9'."]);
}

#[test]
fn sync_is_a_fence_behind_everything_before_it() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    let lines: Vec<String> = (0..100).map(|n| format!("line {n}\n")).collect();
    ann.wire.write(format!("{}/sync\n", lines.concat()));
    ann.expect("-- In sync");
    let heard: Vec<String> = (0..100).map(|n| format!("<ann> line {n}")).collect();
    assert_eq!(bob.fence(), heard);
}

#[test]
fn history_shows_what_was_said_with_its_time() {
    let (server, [mut ann]) = room_of(["ann"]);
    for n in 1..=30 {
        ann.tell(&format!("line {n}"));
    }
    let mut bob = server.plain("bob");
    let shown = bob.ask("/history 2");
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[0].starts_with("[20") && shown[0].ends_with("] <ann> line 29"), "{shown:?}");
    assert!(shown[1].ends_with("] <ann> line 30"), "{shown:?}");
    assert_eq!(shown[2], "-- There is more before that: /more shows it.");
    assert_eq!(bob.ask("/history").len(), 21);
    let all = bob.ask("/last 100");
    assert_eq!((all.len(), &*all[30]), (31, "-- That was all."));
    let answer = bob.ask("/join work");
    assert!(!answer[0].contains("/history"), "{answer:?}");
    assert_eq!(bob.ask("/history"), ["-- Nothing was said here yet."]);
}

#[test]
fn a_room_without_history_says_so_and_keeps_nothing() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    let answer = ann.ask("/join secret nohistory");
    assert!(answer[0].contains("It keeps no history."), "{answer:?}");
    bob.ask("/join secret");
    ann.fence();
    ann.tell("burn this");
    assert_eq!(bob.fence(), ["<ann> burn this"]);
    assert_eq!(bob.ask("/history"), ["! secret keeps no history."]);
    let rooms = bob.ask("/rooms");
    assert_eq!(rooms[2], "--   secret  (2 people, no history)");
}

#[test]
fn a_list_longer_than_a_page_is_shown_whole_and_once() {
    let server = TestServer::start();
    let mut ann = server.plain("ann");
    let crowd: Vec<Wire> = (0..150).map(|_| server.wire()).collect();
    for (n, wire) in crowd.iter().enumerate() {
        wire.write(format!("guest{n:03}\n"));
    }
    server.wait_for(151, 151);
    for (command, title) in [("/users", "-- Online (151):"), ("/who", "-- In lobby (151):")] {
        let shown = ann.ask(command);
        let shown: Vec<_> = shown.iter().filter(|line| !line.ends_with(" joined")).collect();
        assert_eq!(shown[0], title);
        let mut names: Vec<&str> = shown[1..]
            .iter()
            .flat_map(|line| line.trim_start_matches("--   ").split(", "))
            .collect();
        assert_eq!(names.len(), 151, "{command}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 151, "{command}");
    }
}

// ---- private

#[test]
fn a_private_line_reaches_one_person() {
    let (_server, [mut ann, mut bob, mut cy]) = room_of(["ann", "bob", "cy"]);
    link(&mut ann, "ann", &mut bob, "bob");
    ann.tell("@Bob hi there");
    bob.tell("/msg @ann hello");
    assert_eq!(ann.fence(), ["[private] <bob> hello"]);
    assert_eq!(bob.fence(), ["[private] <ann> hi there"]);
    assert_eq!(cy.fence(), [""; 0]);
    assert_eq!(ann.ask("@nobody hi"), ["! Nobody here is called nobody."]);
    assert_eq!(ann.ask("@ann hi"), ["! That is you."]);
}

#[test]
fn a_newline_in_a_private_message_never_reaches_a_room() {
    let (server, [mut bob, mut cy]) = room_of(["bob", "cy"]);
    bob.ask("/policy open");
    let mut ann = server.native("ann");
    let text = "psst\nnot for all\r\nnor this";
    let code = ann.refused(json!({"cmd": "send", "user": "bob", "text": text}));
    assert_eq!(code, "text_invalid", "a carriage return");
    let sent = ann.ask(json!({"cmd": "send", "user": "bob", "text": "psst\nnot for all"}));
    assert_eq!(sent["ev"], "sent", "{sent}");
    let mut di = server.plain("di");
    di.tell("@bob one\rtwo\r/shout three");
    let private: Vec<String> = bob.fence().into_iter().filter(|l| !l.starts_with("--")).collect();
    assert_eq!(
        private,
        [
            "[private] <ann> psst",
            "[private] <ann> not for all",
            "[private] <di> one",
            "[private] <di> two",
            "[private] <di> /shout three"
        ]
    );
    assert_eq!(cy.fence(), ["-- ann joined", "-- di joined"]);
}

// ---- what reaches the terminal

#[test]
fn every_line_of_a_longer_message_carries_its_author() {
    let (server, [mut bob]) = room_of(["bob"]);
    let mut ann = server.native("ann");
    bob.fence();
    ann.tell("lobby", "one\n<bob> two\n\n-- four");
    ann.ask(json!({"cmd": "send", "room": "lobby", "kind": "action", "text": "waves\n! twice"}));
    assert_eq!(
        bob.fence(),
        ["<ann> one", "<ann> <bob> two", "<ann> ", "<ann> -- four", "* ann waves", "* ann ! twice"]
    );
}

#[test]
fn nothing_that_commands_a_terminal_reaches_it() {
    let (server, [mut bob]) = room_of(["bob"]);
    let mut ann = server.native("ann");
    for text in
        ["\u{1b}[2Jgone", "\u{9b}31mred", "bell\u{7}", "nul\u{0}", "del\u{7f}", "a\u{2028}b"]
    {
        let code = ann.refused(json!({"cmd": "send", "room": "lobby", "text": text}));
        assert_eq!(code, "text_invalid", "{text:?}");
    }
    // What a text may hold, and a terminal may not see.
    ann.tell(
        "lobby",
        "exe\u{202e}gpj.\u{2066}x\u{2069} \u{2}bold\u{2} \u{3}04red \u{1f}\u{1d}\u{16}end\t.",
    );
    ann.join("work");
    let seen = bob.fence();
    assert_eq!(seen, ["-- ann joined", "<ann> exegpj.x bold 04red end    ."]);
    let shown = bob.ask("/history 1");
    assert!(shown[0].ends_with("<ann> exegpj.x bold 04red end    ."), "{shown:?}");
    for name in ["a\u{1b}[2Jb", "a\u{202e}b", "a\nb"] {
        let code = ann.refused(json!({"cmd": "join", "room": name}));
        assert_eq!(code, "room_invalid", "{name:?}");
    }
}

#[test]
fn an_error_that_quotes_its_cause_quotes_no_escape_sequence() {
    let (_server, [ann]) = room_of(["ann"]);
    let mut ann = ann;
    for line in
        ["/\u{1b}[2Jdance\u{202e}x", "@b\u{202e}ob hi", "/join a\u{202e}b", "@b\u{7}\u{9b}2Jb x"]
    {
        let answer = ann.ask(line);
        let bad = |c: char| c.is_control() || c == '\u{202e}';
        assert!(answer.len() == 1 && !answer[0].contains(bad), "{answer:?}");
    }
}

#[test]
fn a_stray_arrow_key_costs_nothing() {
    let (_server, [mut ann, mut bob]) = room_of(["ann", "bob"]);
    ann.tell("he\u{1b}[Dllo\u{1b}[1;5C!\u{7f}");
    assert_eq!(bob.fence(), ["<ann> hello!"]);
}

// ---- telnet and line ends

#[test]
fn telnet_negotiation_is_declined_and_never_part_of_a_line() {
    let (server, [mut bob]) = room_of(["bob"]);
    let mut wire = server.wire();
    // WILL NAWS, DO ECHO, a subnegotiation with a line end in it.
    wire.write(b"a\xff\xfb\x1fn\xff\xfd\x01\xff\xfa\x1f\n\xff\xff\xff\xf0n\n");
    assert_eq!(wire.bytes(6), [255, 254, 31, 255, 252, 1]);
    assert_eq!(wire.line().unwrap(), "-- Welcome, ann! /help lists the commands.");
    wire.write(b"he\xff\xf1l\xff");
    wire.write(b"\xf1lo\n");
    bob.expect("-- ann joined");
    bob.expect("<ann> hello");
}

#[test]
fn a_telnet_that_negotiates_first_is_greeted() {
    let server = TestServer::with(|config| config.sniff_ms = 60_000);
    let mut wire = server.wire();
    wire.write(b"\xff\xfb\x1f");
    assert_eq!(wire.bytes(3), [255, 254, 31]);
    assert_eq!(wire.line().unwrap(), "-- This is a Hubbub chat server.");
    assert_eq!(wire.line().unwrap(), "What is your name?");
    assert_eq!(ask_name(&mut wire, "ann"), "-- Welcome, ann! /help lists the commands.");
}

#[test]
fn who_ends_lines_with_crlf_gets_them_so_and_others_do_not() {
    let (server, [mut bob]) = room_of(["bob"]);
    let mut wire = server.wire();
    wire.write("ann\r\n");
    assert_eq!(wire.raw_line().unwrap(), b"-- Welcome, ann! /help lists the commands.\r\n");
    assert!(wire.raw_line().unwrap().ends_with(b"is here.\r\n"));
    let mut native = server.native("nat");
    native.tell("lobby", "one\ntwo");
    native.join("work");
    wire.write("/join work\r\n/help\r\n/nonsense\r\n/history\r\n/sync\r\n");
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.starts_with("-- In sync")) {
        let line = wire.raw_line().unwrap();
        assert!(line.ends_with(b"\r\n"), "{:?}", String::from_utf8_lossy(&line));
        lines.push(String::from_utf8(line).unwrap());
    }
    native.tell("lobby", "elsewhere");
    assert_eq!(wire.raw_line().unwrap(), b"[lobby] <nat> elsewhere\r\n");
    bob.say("/sync");
    loop {
        let line = bob.wire.raw_line().unwrap();
        assert!(!line.contains(&b'\r'), "{:?}", String::from_utf8_lossy(&line));
        if line.starts_with(b"-- In sync") {
            break;
        }
    }
}

// ---- pipes

/// What a pipe into netcat gives: all at once, and then the end. Nobody waits for the sniffing.
fn piped(bytes: &str) -> (Vec<String>, Vec<String>) {
    let server = TestServer::with(|config| config.sniff_ms = 600_000);
    let mut ann = server.plain("ann");
    let mut pipe = server.wire();
    pipe.write(bytes);
    pipe.close_our_side();
    let answers: Vec<String> = std::iter::from_fn(|| pipe.line()).collect();
    server.wait_for(1, 1);
    (answers, ann.fence())
}

#[test]
fn piped_lines_are_said_and_the_connection_ends() {
    let (answers, heard) = piped("zed\nhi\n");
    assert_eq!(answers[0], "-- Welcome, zed! /help lists the commands.");
    assert_eq!(answers.last().unwrap(), "-- Goodbye.");
    assert_eq!(heard, ["-- zed joined", "<zed> hi", "-- zed left the server"]);
}

#[test]
fn a_last_line_without_an_end_is_a_line() {
    let (_, heard) = piped("zed\nhi\nand bye");
    assert_eq!(heard, ["-- zed joined", "<zed> hi", "<zed> and bye", "-- zed left the server"]);
    let (answers, heard) = piped("zed");
    assert_eq!(answers[0], "-- Welcome, zed! /help lists the commands.");
    assert_eq!(heard, ["-- zed joined", "-- zed left the server"]);
}

#[test]
fn a_piped_wrong_name_is_told_and_says_nothing() {
    let (answers, heard) = piped("ann\n/quit\n");
    assert!(answers[0].starts_with("! Somebody is called ann already"), "{answers:?}");
    assert_eq!(heard, [""; 0]);
}

#[test]
fn many_piped_lines_all_arrive_before_the_end() {
    let lines: Vec<String> = (0..200).map(|n| format!("line {n}\n")).collect();
    let (answers, heard) = piped(&format!("zed\n{}", lines.concat()));
    assert_eq!(answers.last().unwrap(), "-- Goodbye.");
    assert_eq!(heard.len(), 202);
    assert_eq!(heard[200], "<zed> line 199");
}

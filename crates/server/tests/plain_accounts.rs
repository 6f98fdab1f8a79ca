//! Accounts, private chats by consent and groups on the plain door, as transcripts on real sockets.

mod support;

use hubbub_protocol::Registration;
use support::{TestServer, Wire};

const PASSWORD: &str = "correct horse";
const ASK_NAME: &str = "What is your name?";
const CANCELS: &str = "(it will be visible as you type; an empty line cancels):";
const ENDED: &str = "-- There is no private chat with";

/// Somebody with netcat.
struct Peer(Wire);

impl Peer {
    fn say(&self, line: &str) {
        self.0.write(format!("{line}\n"));
    }

    fn line(&mut self) -> String {
        self.0.line().expect("the server goes on")
    }

    /// These lines come next, and nothing between them.
    fn hears<const N: usize>(&mut self, lines: [&str; N]) {
        for line in lines {
            assert_eq!(self.line(), line);
        }
    }

    /// Everything that came before the server had done all that was asked.
    fn fence(&mut self) -> Vec<String> {
        self.say("/sync");
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line == "-- In sync: the server has done everything before this." {
                return lines;
            }
            lines.push(line);
        }
    }

    /// What is answered to this, with whatever else came.
    fn ask(&mut self, line: &str) -> Vec<String> {
        self.say(line);
        self.fence()
    }

    /// All lines until the server closes.
    fn until_end(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.line()).collect()
    }

    fn quit(self) -> Vec<String> {
        self.say("/quit");
        self.until_end()
    }
}

fn stranger(server: &TestServer) -> Peer {
    Peer(server.wire())
}

fn guest(server: &TestServer, name: &str) -> Peer {
    let mut peer = stranger(server);
    peer.say(name);
    entered(&mut peer, name);
    peer
}

/// Reads until the lobby is there, and returns what came after the welcome before it.
fn entered(peer: &mut Peer, name: &str) -> Vec<String> {
    peer.hears([&format!("-- Welcome, {name}! /help lists the commands.")]);
    let mut came = Vec::new();
    loop {
        let line = peer.line();
        if line.starts_with("-- You are in lobby: ") {
            return came;
        }
        came.push(line);
    }
}

fn register(server: &TestServer, name: &str) -> Peer {
    let mut peer = stranger(server);
    peer.say(&format!("REGISTER {name}\n{PASSWORD}\n{PASSWORD}"));
    peer.hears([
        &format!("A new password for {name} {CANCELS}"),
        "Again:",
        &format!("-- You are registered. Next time: /login {name}"),
    ]);
    entered(&mut peer, name);
    peer
}

fn login(server: &TestServer, name: &str) -> Peer {
    let mut peer = stranger(server);
    peer.say(&format!("LOGIN {name}\n{PASSWORD}"));
    peer.hears([&format!("Password for {name} {CANCELS}")]);
    entered(&mut peer, name);
    peer
}

/// A server, and a guest for each name. Who came after whom was heard already.
fn guests<const N: usize>(names: [&str; N]) -> (TestServer, [Peer; N]) {
    let server = TestServer::start();
    let mut peers = names.map(|name| guest(&server, name));
    peers.iter_mut().for_each(|peer| drop(peer.fence()));
    (server, peers)
}

fn asks(name: &str) -> String {
    format!(
        "-- {name} asks for a private chat: /accept {name} or /reject {name}; writing to them \
         accepts."
    )
}

fn opened(name: &str) -> String {
    format!("-- You have a private chat with {name} now: @{name} TEXT writes to them.")
}

fn agree(one: &mut Peer, one_name: &str, other: &mut Peer, other_name: &str) {
    one.say(&format!("/ask {other_name}"));
    one.hears([&format!("-- {other_name} was asked. You will be told the answer.")]);
    other.hears([&asks(one_name)]);
    other.say(&format!("/accept {one_name}"));
    other.hears([&opened(one_name)]);
    one.hears([&opened(other_name)]);
}

fn nothing() -> [String; 0] {
    []
}

// ---- accounts

#[test]
fn an_account_is_asked_for_its_password_and_nobody_else_gets_its_name() {
    let server = TestServer::start();
    assert_eq!(register(&server, "ann").quit(), ["-- Goodbye."]);
    let mut peer = stranger(&server);
    let question = "ann is registered. Password (it will be visible as you type, or an empty line \
                    to take another name):";
    let wrong = "! There is no account ann, or its password is another.";
    peer.say("ann");
    peer.hears([question]);
    peer.say("wrong horse");
    peer.hears([wrong, question]);
    peer.say("");
    peer.hears(["-- Cancelled.", ASK_NAME]);
    peer.say("Ann");
    peer.hears([&question.replacen("ann", "Ann", 1)]);
    peer.say("");
    peer.hears(["-- Cancelled.", ASK_NAME]);
    peer.say("LOGIN ann wrong");
    peer.hears([wrong, &format!("Password for ann {CANCELS}")]);
    peer.say(PASSWORD);
    entered(&mut peer, "ann");
    assert_eq!(peer.fence(), nothing());
}

#[test]
fn an_account_survives_a_restart() {
    let mut server = TestServer::start();
    register(&server, "ann").quit();
    server.stop();
    server.start_again();
    login(&server, "ann");
}

#[test]
fn lines_behind_a_login_wait_for_it_and_come_from_the_account() {
    let server = TestServer::start();
    register(&server, "ann").quit();
    let mut bob = guest(&server, "bob");
    let ann = stranger(&server);
    ann.0.write(format!("LOGIN ann\n{PASSWORD}\nfirst\nsecond\n/me waves\n/quit\n"));
    let answers = ann.until_end();
    assert_eq!(answers.last().unwrap(), "-- Goodbye.");
    bob.hears(["-- ann joined", "<ann> first", "<ann> second", "* ann waves"]);
    bob.hears(["-- ann left the server"]);
    assert_eq!(bob.fence(), nothing());
    assert!(!answers.concat().contains(PASSWORD));
}

#[test]
fn what_is_typed_at_a_question_reaches_no_room() {
    let server = TestServer::start();
    let mut bob = guest(&server, "bob");
    let mut ann = register(&server, "ann");
    bob.hears(["-- ann joined"]);
    for answer in ["hello all", "/me waves", "@bob hello"] {
        ann.say(&format!("/passwd\n/sync\n{answer}\n"));
        ann.hears([
            &format!("Your present password {CANCELS}"),
            &format!("A new password {CANCELS}"),
            "Again:",
            "-- Cancelled.",
        ]);
    }
    ann.fence();
    assert_eq!(bob.fence(), nothing());
}

#[test]
fn a_guest_can_register_and_keeps_its_place() {
    let (server, [mut ann, mut bob]) = guests(["ann", "bob"]);
    ann.say(&format!("/register\n{PASSWORD}\n{PASSWORD}"));
    ann.hears([
        &format!("A new password {CANCELS}"),
        "Again:",
        "-- You are registered. Next time: /login ann",
    ]);
    ann.ask("still here");
    bob.hears(["<ann> still here"]);
    ann.quit();
    login(&server, "ann");
}

#[test]
fn a_guest_can_log_in_and_leaves_its_rooms() {
    let server = TestServer::start();
    register(&server, "ann").quit();
    let mut bob = guest(&server, "bob");
    let mut zed = guest(&server, "zed");
    zed.ask("/join work");
    zed.say(&format!("/login ann\n{PASSWORD}"));
    zed.hears([&format!("Password for ann {CANCELS}")]);
    entered(&mut zed, "ann");
    zed.ask("here I am");
    bob.hears(["-- zed joined", "-- zed left the server", "-- ann joined", "<ann> here I am"]);
    assert_eq!(
        zed.ask("/leave"),
        ["-- You left lobby and are in no room now. /join ROOM to go to one."]
    );
    let answer = zed.ask("/login ann");
    assert!(answer[0].starts_with("! You are in with an account already."), "{answer:?}");
}

#[test]
fn a_changed_password_counts_from_then_on() {
    let server = TestServer::start();
    let mut ann = register(&server, "ann");
    ann.say("/passwd\nwrong\nbattery staple\nbattery staple");
    let questions =
        [&*format!("Your present password {CANCELS}"), &format!("A new password {CANCELS}")];
    ann.hears([questions[0], questions[1], "Again:"]);
    ann.hears(["! That is not your present password.", questions[0]]);
    ann.say(&format!("{PASSWORD}\nbattery staple\nbattery staple"));
    ann.hears([questions[1], "Again:", "-- Your password is changed."]);
    ann.quit();
    let mut ann = stranger(&server);
    ann.say(&format!("LOGIN ann\n{PASSWORD}\nbattery staple"));
    assert!(ann.line().starts_with("Password for ann"));
    assert!(ann.line().starts_with("! There is no account ann"));
    assert!(ann.line().starts_with("Password for ann"));
    entered(&mut ann, "ann");
}

#[test]
fn ten_wrong_passwords_end_the_connection() {
    let server = TestServer::start();
    register(&server, "ann").quit();
    let peer = stranger(&server);
    peer.0.try_write("LOGIN ann wrong\n".repeat(11));
    let heard = peer.until_end();
    assert_eq!(heard.iter().filter(|line| line.starts_with("! There is no account")).count(), 10);
    let last = "-- Too many wrong passwords. Connect again to try once more.";
    assert_eq!(heard.last().unwrap(), last);
}

#[test]
fn a_server_without_guests_says_how_to_come_in() {
    let server = TestServer::with(|config| config.hub.guests = false);
    let mut peer = stranger(&server);
    peer.say("bob");
    assert!(peer.line().starts_with("! "));
    peer.hears([
        "-- /login NAME with the name of your account, or /register NAME to make one.",
        ASK_NAME,
    ]);
    peer.say(&format!("/register bob {PASSWORD}"));
    assert!(peer.line().starts_with("! A password needs"), "of two words, the second is an invite");
    peer.hears([&format!("A new password for bob {CANCELS}")]);
    peer.say("");
    peer.hears(["-- Cancelled.", ASK_NAME]);
    register(&server, "bob");
}

#[test]
fn registering_asks_for_an_invite_where_one_is_needed() {
    let server = TestServer::with(|config| config.hub.registration = Registration::Invite);
    let mut peer = stranger(&server);
    peer.say(&format!("REGISTER bob\n{PASSWORD}\n{PASSWORD}"));
    peer.hears([
        &format!("A new password for bob {CANCELS}"),
        "Again:",
        "-- An account can be made here with an invite.",
        "Invite code (an empty line cancels):",
    ]);
    peer.say("abcd-efgh-jkmn-pqrs");
    assert!(peer.line().starts_with("! "));
    peer.hears(["Invite code (an empty line cancels):"]);
    peer.say("");
    peer.hears(["-- Cancelled.", ASK_NAME]);
    let closed = TestServer::with(|config| config.hub.registration = Registration::Closed);
    let mut peer = stranger(&closed);
    peer.say("REGISTER bob opensesame");
    assert!(peer.line().starts_with("! "));
    peer.hears([ASK_NAME]);
}

#[test]
fn a_wrong_name_is_answered_with_a_free_one() {
    let server = TestServer::start();
    let mut peer = stranger(&server);
    peer.say("ann smith");
    let said = peer.line();
    assert!(said.starts_with("! ") && said.contains("ann_smith"), "{said}");
    peer.hears([ASK_NAME]);
}

#[test]
fn a_new_name_is_told_to_all() {
    let (_server, [mut ann, mut bob]) = guests(["ann", "bob"]);
    agree(&mut ann, "ann", &mut bob, "bob");
    ann.say("/nick anna");
    let heard = ann.fence();
    assert!(heard.contains(&"-- You are called anna now.".into()), "{heard:?}");
    assert!(bob.fence().contains(&"-- ann is anna now.".into()));
    ann.ask("@bob hi");
    bob.hears(["[private] <anna> hi"]);
}

#[test]
fn logins_are_listed_and_ended() {
    let server = TestServer::start();
    let mut one = register(&server, "ann");
    let two = login(&server, "ann");
    let list = one.ask("/logins");
    assert_eq!(list[0], "-- Your logins, last used:");
    assert_eq!(list.last().unwrap(), "-- /revoke NUMBER ends one.");
    assert_eq!(list.len(), 4, "{list:?}");
    let other = list[1..3].iter().find(|line| line.ends_with("  online")).unwrap();
    let number = other.split_whitespace().nth(1).unwrap();
    let said = one.ask(&format!("/revoke {number}"));
    assert_eq!(said, [format!("-- Login {number} is ended.")]);
    let last = "-- This login was ended from elsewhere. Log in again.";
    assert_eq!(two.until_end().last().unwrap(), last);
    one.say("/logout");
    assert_eq!(one.until_end(), ["-- Goodbye."]);
}

// ---- telnet

#[test]
fn a_telnet_is_told_not_to_show_the_password() {
    let server = TestServer::start();
    register(&server, "ann").quit();
    let mut wire = server.wire();
    wire.write("LOGIN ann\r\n");
    let question = b"\xff\xfb\x01Password for ann (an empty line cancels):\r\n";
    assert_eq!(wire.bytes(question.len()), question);
    // It agrees, and types.
    wire.write(b"\xff\xfd\x01");
    wire.write(format!("{PASSWORD}\r\n"));
    let welcome = b"\xff\xfc\x01\r\n-- Welcome, ann! /help lists the commands.\r\n";
    assert_eq!(wire.bytes(welcome.len()), welcome);
    wire.write(b"\xff\xfe\x01/quit\r\n");
    assert!(!wire.rest().contains(&0xff), "no answer to its answers");
}

// ---- private chats

#[test]
fn a_private_chat_is_asked_for_accepted_and_ended() {
    let (_server, [mut ann, mut bob, mut cy]) = guests(["ann", "bob", "cy"]);
    agree(&mut ann, "ann", &mut bob, "bob");
    ann.ask("@bob hi");
    bob.hears(["[private] <ann> hi"]);
    bob.ask("private txt ann hello  there");
    ann.hears(["[private] <bob> hello  there"]);
    assert_eq!(ann.ask("/private"), ["-- Private chats (1):", "--   bob"]);
    assert!(ann.ask("/ask bob")[0].starts_with("! "));
    bob.say("end private ann");
    bob.hears([&format!("{ENDED} ann any more.")]);
    ann.hears([&format!("{ENDED} bob any more.")]);
    ann.say("connect to bob");
    ann.hears(["-- bob was asked. You will be told the answer."]);
    bob.hears([&asks("ann")]);
    assert_eq!(bob.ask("reject connection ann"), ["-- You declined ann's question."]);
    ann.hears(["-- bob declined."]);
    assert_eq!(ann.ask("my private chats"), ["-- No private chats yet. /ask NAME asks for one."]);
    assert_eq!(cy.fence(), nothing());
}

#[test]
fn a_text_waits_for_consent_and_then_goes_by_itself() {
    let (_server, [mut ann, mut bob, mut cy]) = guests(["ann", "bob", "cy"]);
    let waits = |n: &str| format!("-- bob was asked; your {n} here until they agree.");
    assert_eq!(ann.ask("@bob one"), [waits("message waits")]);
    assert_eq!(ann.ask("@bob two"), [waits("2 messages wait")]);
    assert_eq!(bob.fence(), [asks("ann")], "and nothing of what was said");
    bob.say("/accept ann");
    bob.hears([&opened("ann"), "[private] <ann> one", "[private] <ann> two"]);
    ann.hears([&opened("bob")]);
    // Writing to somebody who asks accepts.
    assert_eq!(cy.ask("@ann hello").len(), 1);
    ann.hears([&asks("cy")]);
    ann.say("@cy hi");
    ann.hears([&opened("cy")]);
    cy.hears([&opened("ann")]);
    let mut heard = [cy.line(), ann.line()];
    heard.sort_unstable();
    assert_eq!(heard, ["[private] <ann> hi", "[private] <cy> hello"]);
    assert_eq!(bob.fence(), nothing());
}

#[test]
fn texts_that_will_not_go_are_reported() {
    let (server, [mut ann, mut bob]) = guests(["ann", "bob"]);
    ann.ask("@bob one");
    bob.hears([&asks("ann")]);
    bob.say("/reject ann");
    bob.hears(["-- You declined ann's question."]);
    ann.hears(["-- bob declined.", "! Your message to bob will not be sent."]);
    ann.ask("@bob two");
    ann.ask("@bob three");
    assert_eq!(ann.quit(), ["! Your 2 messages to bob will not be sent.", "-- Goodbye."]);
    let heard = bob.fence();
    assert!(!heard.iter().any(|line| line.contains("two") || line.contains("three")), "{heard:?}");
    // And those for somebody who goes.
    let mut ann = guest(&server, "ann");
    ann.ask("@bob four");
    bob.quit();
    let heard: Vec<String> = (0..3).map(|_| ann.line()).collect();
    assert!(heard.contains(&"! Your message to bob will not be sent.".into()), "{heard:?}");
}

#[test]
fn who_is_blocked_notices_nothing_and_is_not_heard() {
    let (_server, [mut ann, mut bob]) = guests(["ann", "bob"]);
    assert_eq!(bob.ask("/block ann"), ["-- You hear no more of ann's questions."]);
    let waits = "-- bob was asked; your message waits here until they agree.";
    assert_eq!(ann.ask("@bob hi"), [waits]);
    assert_eq!(bob.fence(), nothing());
    assert_eq!(bob.ask("/private"), ["-- You block (1):", "--   ann"]);
    assert!(bob.ask("@ann hi")[0].starts_with("! You block ann"));
    let said = bob.ask("/unblock ann");
    assert!(said.contains(&"-- ann can ask you again.".into()), "{said:?}");
}

#[test]
fn a_policy_opens_or_closes() {
    let (_server, [mut ann, mut bob]) = guests(["ann", "bob"]);
    let said = bob.ask("/policy closed");
    assert_eq!(said, ["-- From now on nobody can begin a private chat with you."]);
    assert!(ann.ask("@bob hi")[0].starts_with("! "));
    bob.ask("/policy open");
    ann.say("@bob hello");
    bob.hears([&opened("ann"), "[private] <ann> hello"]);
}

#[test]
fn no_trick_with_line_ends_brings_a_private_text_into_a_room() {
    let (_server, [mut ann, mut bob, mut cy]) = guests(["ann", "bob", "cy"]);
    agree(&mut ann, "ann", &mut bob, "bob");
    ann.ask("@bob one\rtwo\r/shout three");
    bob.hears(["[private] <ann> one", "[private] <ann> two", "[private] <ann> /shout three"]);
    ann.ask("@bob a\u{2028}b\u{2029}c\u{b}d\u{c}e\u{85}f\u{0}g");
    bob.hears(["[private] <ann> abcdefg"]);
    assert_eq!(cy.fence(), nothing());
    // A line end is a line end: what follows is a line of its own.
    ann.ask("@bob psst\nfor all");
    bob.hears(["[private] <ann> psst", "<ann> for all"]);
    assert_eq!(cy.fence(), ["<ann> for all"]);
}

// ---- several sessions, and away

#[test]
fn two_sessions_of_an_account_both_hear_everything() {
    let server = TestServer::start();
    let mut one = register(&server, "ann");
    let mut bob = guest(&server, "bob");
    one.hears(["-- bob joined"]);
    agree(&mut bob, "bob", &mut one, "ann");
    let mut two = login(&server, "ann");
    bob.ask("to the room");
    bob.ask("@ann to you");
    for session in [&mut one, &mut two] {
        session.hears(["<bob> to the room", "[private] <bob> to you"]);
    }
    one.ask("from one");
    one.ask("@bob privately");
    two.hears(["<ann> from one", "[private to bob] <ann> privately"]);
    bob.hears(["<ann> from one", "[private] <ann> privately"]);
    one.ask("/join work");
    two.hears(["-- You entered work elsewhere; /join work to hear it here."]);
    two.ask("/join work");
    one.ask("in here");
    two.hears(["<ann> in here"]);
    one.ask("/leave");
    two.hears(["-- You left work elsewhere, or it is no more. You are in lobby now."]);
    one.quit();
    two.ask("still here");
    bob.hears(["<ann> still here"]);
    assert_eq!(bob.fence(), nothing(), "the account did not leave");
}

#[test]
fn what_came_while_away_is_shown_at_the_next_login_once() {
    let server = TestServer::start();
    let mut ann = register(&server, "ann");
    let mut bob = register(&server, "bob");
    ann.hears(["-- bob joined"]);
    agree(&mut ann, "ann", &mut bob, "bob");
    bob.ask("/join work");
    bob.quit();
    ann.hears(["-- bob left the server"]);
    for text in ["@bob one", "@bob two", "/join work", "in the room"] {
        ann.ask(text);
    }
    let mut bob = stranger(&server);
    bob.say(&format!("LOGIN bob {PASSWORD}"));
    assert!(bob.line().starts_with("! "), "a password with a space is typed when asked for");
    bob.hears([ASK_NAME]);
    bob.say(&format!("LOGIN bob\n{PASSWORD}"));
    bob.line();
    let mut heard = entered(&mut bob, "bob");
    heard.extend(bob.fence());
    let missed: Vec<_> = heard.iter().filter(|line| line.starts_with("[private] [20")).collect();
    assert_eq!(missed.len(), 2, "{heard:?}");
    assert!(missed[0].ends_with("] <ann> one") && missed[1].ends_with("] <ann> two"), "{missed:?}");
    assert!(heard.iter().any(|line| line.starts_with("-- You are in work: ")), "{heard:?}");
    assert!(!heard.iter().any(|line| line.contains("in the room")), "{heard:?}");
    bob.quit();
    let mut bob = stranger(&server);
    bob.say(&format!("LOGIN bob\n{PASSWORD}"));
    bob.line();
    let mut heard = entered(&mut bob, "bob");
    heard.extend(bob.fence());
    assert!(!heard.iter().any(|line| line.starts_with("[private]")), "{heard:?}");
}

// ---- groups

#[test]
fn a_group_is_for_who_is_invited() {
    let (_server, [mut ann, mut bob, mut cy]) = guests(["ann", "bob", "cy"]);
    let made =
        "-- You are in team: a new group, and you are alone in it. /invite NAME brings others.";
    assert_eq!(ann.ask("/group team"), [made]);
    assert_eq!(ann.ask("/invite bob"), ["-- You invited bob into team."]);
    bob.hears(["-- ann invites you into the group team: /join team or /decline team"]);
    assert_eq!(
        bob.ask("/private"),
        ["-- Invitations; /join GROUP or /decline GROUP (1):", "--   team (by ann)"]
    );
    let answer = cy.ask("/join team");
    assert!(answer[0].starts_with("! "), "{answer:?}");
    assert_eq!(bob.ask("/join team"), ["-- You are in team: one other is here."]);
    ann.hears(["-- bob joined"]);
    ann.ask("just us");
    bob.hears(["<ann> just us"]);
    assert_eq!(ann.ask("/invite cy team"), ["-- You invited cy into team."]);
    cy.hears(["-- ann invites you into the group team: /join team or /decline team"]);
    assert_eq!(cy.ask("/decline team"), ["-- You declined the invitation into team."]);
    ann.hears(["-- cy declined the invitation into team."]);
    assert_eq!(cy.fence(), nothing());
    ann.ask("/leave");
    bob.hears(["-- ann left", "-- bob is the owner of this group now"]);
}

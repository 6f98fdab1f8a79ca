//! Rooms worth keeping on the plain door: PIN rooms and keys, who keeps order, single messages, search
//! and being away, as transcripts on real sockets.

mod support;

use std::time::Instant;
use support::{PATIENCE, Plain, TestServer};

const PIN: &str = "zq7x1";

/// A server, and a guest for each name in a room of which the first one made.
fn at_work<const N: usize>(names: [&str; N]) -> (TestServer, [Plain; N]) {
    let server = TestServer::start();
    let mut peers = names.map(|name| server.plain(name));
    peers.iter_mut().for_each(|peer| drop(peer.ask("/join work")));
    peers.iter_mut().for_each(|peer| drop(peer.fence()));
    (server, peers)
}

fn nothing() -> [String; 0] {
    []
}

/// The line without `[day time` and what follows up to the first `]`, but for the number.
fn undated(line: &str) -> String {
    let Some((head, rest)) = line.strip_prefix("[20").and_then(|line| line.split_once(']')) else {
        return line.to_owned();
    };
    let number = head.split_once('#').map_or_else(String::new, |(_, n)| format!("#{n}"));
    format!("{number}{rest}")
}

fn history(peer: &mut Plain, command: &str) -> Vec<String> {
    peer.ask(command).iter().map(|line| undated(line)).collect()
}

// ---- rooms with a PIN or a key

#[test]
fn a_name_leads_to_as_many_rooms_as_it_has_pins() {
    let server = TestServer::start();
    let [mut ann, mut bob, mut cy] = ["ann", "bob", "cy"].map(|name| server.plain(name));
    [&mut ann, &mut bob].into_iter().for_each(|peer| drop(peer.fence()));
    let made = ann.ask(&format!("/join Work {PIN}"));
    let name =
        made[0].strip_prefix("-- You are in ").unwrap().split(':').next().unwrap().to_owned();
    assert!(name.starts_with("Work~"), "{made:?}");
    let alone = "a new room, and you are alone in it. It is yours. It keeps no history.";
    let readable = "-- Name and PIN lead here. The server can read this room.";
    assert_eq!(made, [format!("-- You are in {name}: {alone}"), readable.into()]);
    let came = bob.ask(&format!("/join work {PIN}"));
    let one = format!("-- You are in {name}: one other is here. It keeps no history.");
    assert_eq!(came, [one, readable.into()]);
    // Another PIN is another room, and a blank before the slash tells nobody.
    let other = cy.ask(" /join Work 2222");
    assert!(other[0].contains(alone) && !other[0].contains(&format!("in {name}:")), "{other:?}");
    ann.fence();
    ann.tell("psst");
    assert_eq!(bob.fence(), ["<ann> psst"]);
    assert!(!cy.fence().iter().any(|line| line.contains("psst")));
    let listed = cy.ask("/rooms");
    assert!(!listed.iter().any(|line| line.contains(&name)), "{listed:?}");
    assert!(cy.ask(&format!("/join {name}"))[0].starts_with("! "), "the name alone is not enough");
    for peer in [&mut ann, &mut bob] {
        let said = [peer.ask("/room"), peer.ask("/who"), peer.ask(&format!("/join {PIN} Work"))];
        // The last one is a room of another name, as far as anybody can tell.
        assert!(!said[..2].concat().iter().any(|line| line.contains(PIN)), "{said:?}");
    }
}

#[test]
fn a_wrong_pin_is_told_without_showing_it() {
    let server = TestServer::start();
    let mut ann = server.plain("ann");
    for line in
        ["/join Work 123", &format!("/join Work {PIN} {PIN}"), &format!("/join 1{PIN} x5x5")]
    {
        let said = ann.ask(line);
        assert!(said.len() == 1 && said[0].starts_with("! "), "{said:?}");
        assert!(!said[0].contains(PIN), "{said:?}");
    }
}

#[test]
fn a_room_with_a_key_opens_with_it() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    bob.ask("/leave");
    ann.fence();
    assert_eq!(ann.ask("/set key s3cret"), ["-- ann set a key: joining needs it now"]);
    let said = bob.ask("/join work");
    assert_eq!(said[0], "! work is joined with a key.");
    assert_eq!(said[1], "-- It goes like this: /join ROOM key=SECRET");
    assert!(bob.ask("/join work key=another")[0].starts_with("! "));
    assert_eq!(
        bob.ask("/join work key=s3cret")[0],
        "-- You are in work: one other is here. /history shows what was said before."
    );
    assert_eq!(ann.ask("/set key off")[1], "-- ann took the key away: joining needs none now");
    assert!(!history(&mut bob, "/history").concat().contains("s3cret"));
}

// ---- how a room is set up

#[test]
fn whoever_joins_is_told_the_topic_and_what_is_kept() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    bob.ask("/leave");
    ann.fence();
    assert_eq!(ann.ask("/topic"), ["-- work has no topic. /topic TEXT sets one."]);
    assert_eq!(ann.ask("/topic cake"), ["-- ann set the topic: cake"]);
    assert_eq!(ann.ask("/topic"), ["-- Topic of work: cake"]);
    assert_eq!(ann.ask("/describe eating"), ["-- ann said what this room is for: eating"]);
    assert_eq!(
        ann.ask("/set keep 30d"),
        ["-- ann made this room keep what was said in the last 30 days"]
    );
    assert_eq!(ann.ask("/set slow 30"), ["-- ann set slow mode: 30 seconds between two messages"]);
    assert_eq!(
        bob.ask("/join work"),
        [
            "-- You are in work: one other is here. It keeps what was said in the last 30 days. \
             /history shows what was said before.",
            "-- Topic: cake",
            "-- This room is for: eating",
            "-- Slow mode: 30 seconds between two messages.",
        ]
    );
    bob.tell("one");
    let said = bob.ask("two");
    assert!(said.len() == 1 && said[0].starts_with("! "), "{said:?}");
    assert!(bob.ask("/topic pie")[0].starts_with("! "), "who has no role");
    let rooms = bob.ask("/rooms");
    assert!(rooms.contains(&"--   work  (2 people)  cake".into()), "{rooms:?}");
    let info = bob.ask("/room");
    assert_eq!(info[0], "-- work is a room. The server can read what is said there.");
    assert!(info.contains(&"--   topic   cake".into()), "{info:?}");
}

// ---- order

#[test]
fn who_makes_a_room_owns_it_and_gives_roles() {
    let (_server, [mut ann, mut bob, mut cy]) = at_work(["ann", "bob", "cy"]);
    assert_eq!(ann.ask("/op bob"), ["-- ann made bob an operator"]);
    assert_eq!(bob.fence(), ["-- ann made bob an operator"]);
    assert_eq!(bob.ask("/voice cy"), ["-- bob gave cy voice"]);
    assert_eq!(ann.ask("/who").last().unwrap(), "--   ann (owner), bob (operator), cy (voice)");
    assert_eq!(ann.ask("/roles")[0], "-- Roles in work:");
    assert_eq!(ann.ask("/role cy none"), ["-- ann left cy without a role"]);
    assert!(cy.ask("/op cy").last().unwrap().starts_with("! "));
    assert!(cy.ask("/kick ann")[0].starts_with("! "));
}

#[test]
fn whoever_is_kicked_is_told_by_whom_and_why_and_can_come_again() {
    let (_server, [mut ann, mut bob, mut cy]) = at_work(["ann", "bob", "cy"]);
    let told = ["-- bob was sent out", "-- ann kicked bob: too loud"];
    assert_eq!(ann.ask("/kick bob too loud"), told);
    assert_eq!(cy.fence(), told);
    assert_eq!(bob.fence(), ["-- ann sent you out of work: too loud", "-- You are in lobby now."]);
    bob.tell("back here");
    assert!(!ann.fence().iter().any(|line| line.starts_with("<bob>")));
    assert!(bob.ask("/join work")[0].starts_with("-- You are in work: 2 others are here."));
}

#[test]
fn bans_keep_out_by_name_pattern_and_address_until_they_are_lifted() {
    let (_server, [mut ann, mut bob, mut cy]) = at_work(["ann", "bob", "cy"]);
    ann.ask("/ban bob 2h 2h of quiet");
    let told = bob.fence();
    assert_eq!(told, ["-- ann banned you from work: 2h of quiet", "-- You are in lobby now."]);
    let heard = cy.fence();
    let banned = heard.iter().find(|line| line.starts_with("-- ann banned bob until 2")).unwrap();
    assert!(banned.ends_with(": 2h of quiet"), "{banned}");
    assert!(bob.ask("/join work")[0].starts_with("! You are banned from work"));
    let bans = ann.ask("/bans");
    assert_eq!(bans[0], "-- Banned from work:");
    assert!(bans[1].starts_with("--   bob  by ann, ") && bans[1].ends_with(": 2h of quiet"));
    assert_eq!(ann.ask("/mutes"), ["-- Nobody is muted in work."]);
    assert_eq!(ann.ask("/unban bob"), ["-- ann lifted the ban of bob"]);
    assert!(ann.ask("/unban bob")[0].starts_with("! "));
    assert!(bob.ask("/join work")[0].starts_with("-- You are in work: "));
    let said = ann.ask("/ban b*");
    assert_eq!(said.last().unwrap(), "-- ann banned b*", "{said:?}");
    assert!(bob.ask("/join work").last().unwrap().starts_with("! You are banned"));
    ann.ask("/unban b*");
    let said = ann.ask("/ban address:bob");
    assert_eq!(said.last().unwrap(), "-- ann banned the address of bob", "{said:?}");
    assert!(ann.ask("/ban *")[0].starts_with("! "), "everybody");
    let all = [ann.ask("/bans"), cy.fence(), history(&mut ann, "/history 100")].concat();
    assert!(!all.iter().any(|line| line.contains("127.0.0.1")), "{all:?}");
}

#[test]
fn who_is_muted_or_has_no_role_in_a_moderated_room_reads_only() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    assert_eq!(ann.ask("/mute bob"), ["-- ann muted bob"]);
    assert_eq!(bob.fence(), ["-- ann muted bob"]);
    assert!(bob.ask("hello")[0].starts_with("! "));
    assert_eq!(ann.ask("/unmute bob"), ["-- ann lifted the mute of bob"]);
    bob.ask("hello");
    ann.expect("<bob> hello");
    assert_eq!(ann.ask("/set moderated on"), ["-- ann let only those speak who have a role"]);
    bob.fence();
    assert!(bob.ask("me too")[0].starts_with("! "));
    ann.ask("/voice bob");
    bob.fence();
    bob.tell("thanks");
    assert_eq!(ann.fence(), ["<bob> thanks"]);
}

// ---- single messages

#[test]
fn messages_are_answered_changed_deleted_and_pinned_by_their_numbers() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    ann.tell("who brings cake?");
    bob.fence();
    let shown = bob.ask("/history");
    let number = shown[0].split_once('#').unwrap().1.split(']').next().unwrap().to_owned();
    bob.tell(&format!("/reply #{number} me"));
    assert_eq!(ann.fence(), [format!("<bob> (to #{number}) me")]);
    assert_eq!(
        bob.ask(&format!("/react #{number} \u{1f370}")),
        [format!("-- bob reacted to #{number}: \u{1f370}")]
    );
    assert_eq!(
        ann.ask(&format!("/edit #{number} who brings pie?")),
        [
            format!("-- bob reacted to #{number}: \u{1f370}"),
            format!("-- ann changed #{number} to: who brings pie?"),
        ]
    );
    assert!(bob.ask(&format!("/edit #{number} nobody")).last().unwrap().starts_with("! "));
    assert_eq!(ann.ask(&format!("/pin #{number}")), [format!("-- ann pinned #{number}")]);
    let pins = ann.ask("/pins");
    assert_eq!(pins, ["-- Pinned in work; /history #N shows one:", &format!("--   #{number}")]);
    bob.fence();
    let shown = history(&mut bob, "/history");
    assert_eq!(shown[0], format!("#{number} <ann> (edited) who brings pie?"));
    assert_eq!(shown[1], "--   \u{1f370} 1 (bob)");
    ann.ask(&format!("/delete #{number}"));
    bob.fence();
    let shown = history(&mut bob, "/history");
    assert_eq!(shown[0], format!("#{number} -- ann said something that was deleted"));
    assert!(!shown.concat().contains("pie"), "{shown:?}");
}

#[test]
fn an_edit_right_behind_a_message_is_of_that_message() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    ann.tell("before");
    ann.wire.write("helo\n/edit hello\n/sync\n");
    let said = ann.line();
    assert!(said.starts_with("-- ann changed #") && said.ends_with(" to: hello"), "{said}");
    ann.expect("-- In sync");
    let heard = bob.fence();
    assert_eq!(heard[..2], ["<ann> before", "<ann> helo"]);
    assert_eq!(heard[2], said);
    ann.ask("/delete");
    bob.fence();
    let shown = history(&mut bob, "/history");
    assert!(shown.iter().any(|line| line.ends_with("-- ann said something that was deleted")));
    assert!(shown.iter().any(|line| line.ends_with("<ann> before")), "{shown:?}");
    assert!(ann.ask("/edit again")[0].starts_with("! Which message?"));
}

#[test]
fn a_message_of_a_private_chat_is_changed_by_its_number_there() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    ann.ask("/ask bob");
    bob.ask("/accept ann");
    ann.fence();
    ann.tell("@bob helo");
    assert_eq!(bob.fence(), ["[private] <ann> helo"]);
    ann.ask("/edit @bob #1 hello");
    assert_eq!(bob.fence(), ["[private] -- ann changed #1 to: hello"]);
    bob.ask("/react @ann #1 ok");
    assert_eq!(ann.fence(), ["[private] -- bob reacted to #1: ok"]);
    assert_eq!(history(&mut ann, "/history @bob")[0], "#1 <ann> (edited) hello");
}

// ---- search

/// What is found when all that was said can be found.
fn search(peer: &mut Plain, command: &str) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = peer.ask(command);
        if !found.iter().any(|line| line.starts_with("-- The newest messages can't be found yet."))
        {
            return found;
        }
        assert!(Instant::now() < deadline, "never found: {found:?}");
    }
}

#[test]
fn what_was_said_is_found_with_its_place_and_shown_in_context() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    for n in 1..=30 {
        ann.tell(&format!("cake number {n}"));
    }
    bob.fence();
    let found = search(&mut bob, "/search cake from:ann in:work");
    assert_eq!(found.len(), 21, "{found:?}");
    assert!(found[0].starts_with("[work] [20") && found[0].ends_with("] <ann> cake number 30"));
    assert!(found[20].starts_with("-- There may be more: /more."), "{found:?}");
    let rest = bob.ask("/more");
    assert!(rest[9].ends_with("] <ann> cake number 1"), "{rest:?}");
    assert_eq!(bob.ask("/search pie"), ["-- Nothing was found."]);
    let number = found[5].split_once('#').unwrap().1.split(']').next().unwrap().to_owned();
    let around = history(&mut bob, &format!("/context work #{number}"));
    assert!(around.contains(&format!("#{number} <ann> cake number 25")), "{around:?}");
    assert!(around.iter().any(|line| line.ends_with("cake number 24")), "{around:?}");
    assert!(bob.ask("/more")[0].starts_with('['));
}

// ---- people

#[test]
fn who_is_away_is_seen_by_others() {
    let (_server, [mut ann, mut bob]) = at_work(["ann", "bob"]);
    assert_eq!(ann.ask("/away lunch"), ["-- You are away until you say /back."]);
    let mut heard = bob.fence();
    heard.sort_unstable();
    assert_eq!(heard, ["-- ann is away: lunch", "[lobby] -- ann is away: lunch"]);
    assert_eq!(bob.ask("/who")[1], "--   ann (owner, away: lunch), bob");
    assert_eq!(ann.ask("/back"), ["-- You are back."]);
    bob.expect("[lobby] -- ann is back");
    bob.fence();
    assert_eq!(bob.ask("/who")[1], "--   ann (owner), bob");
    assert_eq!(bob.fence(), nothing());
}

#[test]
fn the_words_that_call_an_account_are_kept() {
    let server = TestServer::start();
    let mut ann = server.plain("ann");
    assert!(ann.ask("/highlight deploy")[0].starts_with("! "), "a guest has none");
    ann.ask("/register opensesame");
    assert_eq!(ann.ask("/highlight deploy"), ["-- These words call you: deploy"]);
    ann.say("/quit");
    ann.until_end();
    let mut ann = server.plain("zoe");
    ann.ask("/login ann opensesame");
    assert_eq!(ann.ask("/highlight"), ["-- These words call you: deploy"]);
}

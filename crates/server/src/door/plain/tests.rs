//! The plain door by itself: what it asks, what it makes of answers, and what it says.

mod hearing;
mod log;
mod rooms;
mod telnet;

use super::*;
use hubbub_hub::{Delivery, Entry, Notice, Reply, Tag};
use hubbub_protocol::frame::{CatchUp, LinkState, LoginEntry, Page, Retention, RoomInfo, RoomSort};
use hubbub_protocol::{Body, DoorKind, Epoch, Note, PrivatePolicy, Said, Text, UserId, WallMs};
use proptest::prelude::*;

const NEVER_SHOWN: &str = "open-zq7-sesame";
const INVITE: &str = "abcd-efgh-jkmn-pqrs";

fn name(name: &str) -> UserName {
    UserName::known(name).unwrap()
}

fn author(id: u64, known: &str) -> Author {
    Author { id: UserId(id), name: name(known) }
}

fn room(room: &str) -> RoomName {
    RoomName::known(room).unwrap()
}

/// A door that is not a telnet's, and nobody yet.
fn stranger() -> Plain {
    let mut door = Plain::new([ResumeToken([1; 16]), ResumeToken([2; 16])]);
    door.take_passwords(true);
    door
}

/// One with the name ann, in the lobby.
fn guest() -> Plain {
    let mut door = stranger();
    welcome(&mut door, None, false);
    door
}

/// One with an account.
fn account() -> Plain {
    let mut door = stranger();
    welcome(&mut door, None, true);
    door
}

fn said(text: &str) -> Said {
    Text::parse(text).unwrap().into()
}

fn note(text: &str) -> Note {
    Note::parse(text).unwrap()
}

/// 2023-11-14, in the evening.
const THEN: WallMs = WallMs(1_700_000_000_000);

fn event(seq: u64, from: Author, body: Body) -> Event {
    Event { room: RoomId(1), epoch: Epoch(1), seq: Seq(seq), time: THEN, from, body }
}

fn sent(room: u64, seq: u64) -> Reply {
    let position = Position { room: RoomId(room), epoch: Epoch(1), seq: Seq(seq) };
    Reply::Sent { position, time: THEN, repeated: false }
}

fn info() -> RoomInfo {
    RoomInfo {
        sort: RoomSort::Room,
        retention: Retention::Forever,
        topic: None,
        description: None,
        invite_only: false,
        key: false,
        moderated: false,
        secret: false,
        member_limit: None,
        slow_s: 0,
        pinned: Vec::new(),
        transcribed: false,
        role: None,
        created: THEN,
    }
}

fn welcome_of(account: bool, rooms: &[&str], privates: &[&str]) -> Reply {
    Reply::Welcome {
        highlights: Vec::new(),
        user: author(1, "ann"),
        token: ResumeToken([1; 16]),
        resumed: false,
        account,
        epoch: Epoch(1),
        lobby: room("lobby"),
        time: WallMs(0),
        rooms: rooms.iter().map(|name| room(name)).collect(),
        privates: privates.iter().map(|other| name(other)).collect(),
    }
}

fn joined(address: RoomAddress, id: u64) -> Reply {
    Reply::Joined {
        info: None,
        address,
        head: Position { room: RoomId(id), epoch: Epoch(1), seq: Seq(0) },
        catch_up: CatchUp::Live,
        retention: Retention::Forever,
        members: 1,
        created: false,
        read: None,
        draft: None,
    }
}

fn welcome(door: &mut Plain, tag: Tag, account: bool) -> String {
    let (mut said, follow_up) = hear(door, tag, welcome_of(account, &[], &[]));
    assert!(matches!(follow_up, Some(Command::Join { .. })));
    said += &hear(door, None, joined(RoomAddress::Room(room("lobby")), 1)).0;
    said
}

fn hear(door: &mut Plain, tag: Tag, reply: Reply) -> (String, Option<Command>) {
    let mut out = Vec::new();
    let follow_up = door.reply(tag, reply, &mut out);
    (String::from_utf8(out).unwrap(), follow_up)
}

fn noticed(door: &mut Plain, notice: Notice) -> String {
    let mut out = Vec::new();
    door.notice(notice, &mut out);
    String::from_utf8(out).unwrap()
}

fn refused(door: &mut Plain, tag: Tag, code: ErrorCode, suggestion: Option<&str>) -> String {
    let suggestion = suggestion.map(name);
    hear(door, tag, Reply::Refused(Refusal { suggestion, ..Refusal::new(code, "No.") })).0
}

/// What the door says itself to a line.
fn told(door: &mut Plain, line: &str) -> String {
    match door.decode(line.as_bytes()) {
        Some(Asked::Answer(bytes)) => String::from_utf8(bytes).unwrap(),
        Some(Asked::Refused(None, refusal)) => format!("! {}\n", refusal.text),
        other => panic!("{line:?}: {other:?}"),
    }
}

/// What the door asks of the hub for a line.
fn command_of(door: &mut Plain, line: &str) -> (Tag, Command) {
    match door.decode(line.as_bytes()) {
        Some(Asked::Command(tag, command)) => (tag, command),
        other => panic!("{line:?}: {other:?}"),
    }
}

const PASSWORD: &str =
    "Password for bob (it will be visible as you type; an empty line cancels):\n";
const NEW_FOR_BOB: &str =
    "A new password for bob (it will be visible as you type; an empty line cancels):\n";
const NEW: &str = "A new password (it will be visible as you type; an empty line cancels):\n";
const OLD: &str =
    "Your present password (it will be visible as you type; an empty line cancels):\n";
const WISHED: &str = "bob is registered. Password (it will be visible as you type, or an empty line \
                      to take another name):\n";
const CODE: &str = "Invite code (an empty line cancels):\n";
const CANCELLED: &str = "-- Cancelled.\nWhat is your name?\n";

// ---- entering

#[test]
fn the_name_of_an_account_is_asked_for_its_password() {
    let mut door = stranger();
    let (tag, hello) = command_of(&mut door, " bob ");
    assert!(matches!(hello, Command::Hello { name: Some(n), entry: None, .. } if n == name("bob")));
    assert_eq!(refused(&mut door, tag, ErrorCode::LoginNeeded, Some("bob2")), WISHED);
    let (tag, hello) = command_of(&mut door, "/quit is my password ");
    let Command::Hello { name: Some(n), entry: Some(Entry::Password(p)), fresh, .. } = hello else {
        panic!("{hello:?}");
    };
    assert_eq!((n, p.expose(), fresh.0[0]), (name("bob"), "/quit is my password ", 1));
    let said = refused(&mut door, tag, ErrorCode::WrongPassword, None);
    // Typed once more, it is still no name.
    assert_eq!(said, format!("! No.\n{WISHED}"));
    assert_eq!(told(&mut door, ""), CANCELLED);
    let (tag, _) = command_of(&mut door, "ann");
    let said = welcome(&mut door, tag, false);
    assert_eq!(
        said,
        "-- Welcome, ann! /help lists the commands.\n-- You are in lobby: you are alone here.\n"
    );
}

#[test]
fn a_server_without_guests_offers_both_ways() {
    let mut door = stranger();
    let (tag, _) = command_of(&mut door, "bob");
    assert_eq!(
        refused(&mut door, tag, ErrorCode::LoginNeeded, None),
        "! No.\n-- /login NAME with the name of your account, or /register NAME to make one.\n\
         What is your name?\n"
    );
    assert!(!door.is_asking());
}

#[test]
fn a_wrong_name_goes_to_the_hub_for_a_free_one() {
    let mut door = stranger();
    let (_, command) = command_of(&mut door, "ann smith");
    let Command::NameInvalid { near, .. } = command else { panic!("{command:?}") };
    assert_eq!(near, Some(name("ann_smith")));
    let (_, command) = command_of(&mut door, "/register 7up secretly");
    assert!(matches!(command, Command::NameInvalid { .. }));
    let (_, command) = command_of(&mut guest(), "/nick two words");
    assert!(matches!(command, Command::NameInvalid { .. }));
}

#[test]
fn login_is_understood_in_every_form() {
    for line in
        ["LOGIN bob secret", "login bob secret", "/login bob secret", " /LOGIN  bob  secret"]
    {
        let (_, hello) = command_of(&mut stranger(), line);
        let Command::Hello { name: Some(n), entry: Some(Entry::Password(p)), .. } = hello else {
            panic!("{hello:?}");
        };
        assert_eq!((n, p.expose()), (name("bob"), "secret"));
    }
    for line in ["LOGIN bob", "/login bob"] {
        let mut door = stranger();
        assert_eq!(told(&mut door, line), PASSWORD);
        let (_, hello) = command_of(&mut door, "secret");
        assert!(matches!(hello, Command::Hello { entry: Some(Entry::Password(_)), .. }));
    }
    for line in ["LOGIN", "/login", "login a b c", "/register", "REGISTER a b c d"] {
        let said = told(&mut stranger(), line);
        assert!(said.starts_with("! It goes like this: /"), "{said}");
    }
    let (_, login) = command_of(&mut guest(), "/login bob secret");
    assert!(matches!(login, Command::Login { fresh, .. } if fresh.0[0] == 2));
    let said = told(&mut account(), "/login bob secret");
    assert!(said.starts_with("! You are in with an account"), "{said}");
}

#[test]
fn registering_asks_twice_and_then_for_an_invite_where_one_is_needed() {
    let mut door = stranger();
    assert_eq!(told(&mut door, "REGISTER bob"), NEW_FOR_BOB);
    assert_eq!(
        told(&mut door, "short"),
        format!("! A password needs at least 8 characters.\n{NEW_FOR_BOB}")
    );
    assert_eq!(told(&mut door, "long enough"), "Again:\n");
    assert_eq!(
        told(&mut door, "long enuogh"),
        format!("! Those two were not the same. Once more.\n{NEW_FOR_BOB}")
    );
    assert_eq!(told(&mut door, "long enough"), "Again:\n");
    let (tag, hello) = command_of(&mut door, "long enough");
    let entry = |command| match command {
        Command::Hello { entry: Some(Entry::Register { password, invite }), .. } => {
            (password.expose().to_owned(), invite.is_some())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(entry(hello), ("long enough".into(), false));
    assert_eq!(
        refused(&mut door, tag, ErrorCode::InviteNeeded, None),
        format!("-- An account can be made here with an invite.\n{CODE}")
    );
    let said = told(&mut door, "/quit");
    assert!(said.starts_with("! An invite code has 16 letters") && said.ends_with(CODE), "{said}");
    let (tag, hello) = command_of(&mut door, INVITE);
    assert_eq!(entry(hello), ("long enough".into(), true));
    let said = refused(&mut door, tag, ErrorCode::InviteInvalid, None);
    assert_eq!(said, format!("! No.\n{CODE}"));
    let (tag, _) = command_of(&mut door, INVITE);
    let said = welcome(&mut door, tag, true);
    assert!(said.starts_with("-- You are registered. Next time: /login ann\n-- Welcome"), "{said}");
}

#[test]
fn registering_in_one_line_needs_no_repetition() {
    for (line, with_invite) in [
        ("REGISTER bob sesame-open".to_owned(), false),
        (format!("register bob sesame-open {INVITE}"), true),
    ] {
        let (_, hello) = command_of(&mut stranger(), &line);
        let Command::Hello { entry: Some(Entry::Register { invite, .. }), .. } = hello else {
            panic!("{hello:?}");
        };
        assert_eq!(invite.is_some(), with_invite);
    }
    let (tag, register) = command_of(&mut guest(), "/register sesame-open");
    assert!(matches!(register, Command::Register { invite: None, .. }));
    let mut door = guest();
    let (_, _) = command_of(&mut door, "/register sesame-open");
    let (said, _) = hear(&mut door, tag, Reply::You { user: author(1, "ann"), account: true });
    assert_eq!(said, "-- You are registered. Next time: /login ann\n");
    let said = told(&mut door, "/register sesame-open");
    assert!(said.starts_with("! You are in with an account"), "{said}");
    let said = told(&mut stranger(), "register bob sesame-open no-code");
    assert!(said.starts_with("! An invite code") && said.ends_with(CODE), "{said}");
    let said = told(&mut guest(), "/register short");
    assert_eq!(said, format!("! A password needs at least 8 characters.\n{NEW}"));
    // The hub may know a rule more.
    let mut door = guest();
    let (tag, _) = command_of(&mut door, "/register sesame-open");
    let said = refused(&mut door, tag, ErrorCode::PasswordInvalid, None);
    assert_eq!(said, format!("! No.\n{NEW}"));
}

#[test]
fn a_password_is_changed_in_three_answers() {
    let said = told(&mut guest(), "/passwd");
    assert!(said.starts_with("! You have no account yet."), "{said}");
    let mut door = account();
    assert_eq!(told(&mut door, "/passwd"), OLD);
    assert_eq!(told(&mut door, "hello all"), NEW);
    assert_eq!(told(&mut door, "exit with me"), "Again:\n");
    let (tag, command) = command_of(&mut door, "exit with me");
    let Command::Password { old, new } = command else { panic!("{command:?}") };
    assert_eq!((old.expose(), new.expose()), ("hello all", "exit with me"));
    assert_eq!(hear(&mut door, tag, Reply::Done).0, "-- Your password is changed.\n");
    told(&mut door, "/passwd");
    told(&mut door, "hello all");
    assert_eq!(told(&mut door, ""), "-- Cancelled.\n");
    assert!(matches!(command_of(&mut door, "hello all").1, Command::Send { .. }));
}

// ---- every question, and every kind of answer

/// A door at each of the questions, with what it asks.
fn questions() -> Vec<(Plain, String)> {
    let asked = |mut door: Plain, lines: &[&str]| {
        let mut said = String::new();
        for line in lines {
            said = told(&mut door, line);
        }
        assert!(door.is_asking());
        let question = said.lines().last().unwrap().to_owned();
        (door, question)
    };
    let mut wished = stranger();
    let (tag, _) = command_of(&mut wished, "bob");
    refused(&mut wished, tag, ErrorCode::LoginNeeded, Some("bob2"));
    vec![
        (wished, WISHED.trim_end().into()),
        asked(stranger(), &["/login bob"]),
        asked(guest(), &["/login bob"]),
        asked(stranger(), &["/register bob"]),
        asked(stranger(), &["/register bob", NEVER_SHOWN]),
        asked(guest(), &["/register"]),
        asked(guest(), &["/register", NEVER_SHOWN]),
        asked(account(), &["/passwd"]),
        asked(account(), &["/passwd", NEVER_SHOWN]),
        asked(account(), &["/passwd", "the old one", NEVER_SHOWN]),
        asked(guest(), &[&format!("/register {NEVER_SHOWN} x")]),
    ]
}

fn is_entry(asked: &Option<Asked>) -> bool {
    match asked {
        Some(Asked::Answer(_)) => true,
        Some(Asked::Command(tag, command)) => {
            *tag == AWAITED
                && matches!(
                    command,
                    Command::Hello { entry: Some(_), .. }
                        | Command::Login { .. }
                        | Command::Register { .. }
                        | Command::Password { .. }
                )
        }
        _ => false,
    }
}

#[test]
fn an_answer_is_an_answer_whatever_it_looks_like() {
    for line in ["quit", "q", "/quit", "exit", "@bob hello", "/join work", "//x", "bob", "   "] {
        for (mut door, question) in questions() {
            let asked = door.decode(line.as_bytes());
            assert!(is_entry(&asked), "{question} {line:?}: {asked:?}");
        }
    }
}

#[test]
fn an_empty_line_cancels_every_question() {
    for (mut door, question) in questions() {
        let said = told(&mut door, "");
        assert!(said.starts_with("-- Cancelled.\n"), "{question}");
        assert_eq!(said.ends_with(ASK_NAME), !door.is_named(), "{question}");
        assert!(!door.is_asking());
        // And the last line of a connection may end with a carriage return.
        let (mut door, _) = questions().swap_remove(0);
        assert!(told(&mut door, "\r").starts_with("-- Cancelled."));
    }
}

#[test]
fn a_line_that_can_not_be_an_answer_asks_again() {
    for index in 0..questions().len() {
        let bad: [&[u8]; 4] = [b"a\x1b[Dbcdefgh", b"nul\0 in there", b"not\xffutf8", &[b'x'; 300]];
        for line in bad {
            let (mut door, question) = questions().swap_remove(index);
            let Some(Asked::Answer(said)) = door.decode(line) else { panic!("{question}") };
            let said = String::from_utf8(said).unwrap();
            assert!(said.starts_with("! "), "{question}: {said}");
            // Of the new password where the second one was another.
            assert!(door.is_asking() && said.lines().count() == 2, "{question}: {said}");
        }
        let (mut door, question) = questions().swap_remove(index);
        let Asked::Answer(said) = door.too_long(4096) else { panic!("{question}") };
        assert!(String::from_utf8(said).unwrap().ends_with(&format!("{question}\n")));
    }
}

/// Answers questions until nothing is left to ask.
fn answer_all(door: &mut Plain, question: &str) {
    let line = if question.starts_with("Invite") { INVITE } else { NEVER_SHOWN };
    let mut asked = door.decode(line.as_bytes());
    while matches!(asked, Some(Asked::Answer(_))) {
        asked = door.decode(line.as_bytes());
    }
    assert!(is_entry(&asked), "{question}");
}

/// Whoever types a password once more, because it could not be looked at, must not say it to a room.
#[test]
fn after_a_refusal_that_will_pass_the_password_is_asked_for_again() {
    for code in [
        ErrorCode::Busy,
        ErrorCode::NotStored,
        ErrorCode::TooFast,
        ErrorCode::Unavailable,
        ErrorCode::WrongPassword,
    ] {
        for (mut door, question) in questions() {
            answer_all(&mut door, &question);
            let said = refused(&mut door, AWAITED, code, None);
            assert!(said.starts_with("! No.\n") && said.contains("assword"), "{said}");
            assert!(door.is_asking(), "{question}");
        }
    }
}

/// "Go on in 3 s" is about the password too.
#[test]
fn who_was_too_fast_with_a_password_types_it_again_and_nobody_hears_it() {
    for (mut door, line) in [(stranger(), "/login bob"), (guest(), "/login bob")] {
        told(&mut door, line);
        let (tag, _) = command_of(&mut door, NEVER_SHOWN);
        let said = refused(&mut door, tag, ErrorCode::TooFast, None);
        assert_eq!(said, format!("! No.\n{PASSWORD}"));
        let asked = door.decode(NEVER_SHOWN.as_bytes());
        assert!(is_entry(&asked), "{asked:?}");
    }
}

#[test]
fn where_passwords_are_not_taken_none_is_asked_for() {
    let careful = |mut door: Plain| {
        door.take_passwords(false);
        door
    };
    let text = format!("! {NO_PASSWORDS}, {WITH_TLS}\n");
    for (door, line) in [
        (stranger(), "/login bob"),
        (stranger(), "/register bob"),
        (stranger(), "/register bob short"),
        (guest(), "/login bob"),
        (guest(), "/register"),
        (account(), "/passwd"),
    ] {
        let mut door = careful(door);
        assert_eq!(told(&mut door, line), text, "{line}");
        assert!(!door.is_asking(), "{line}");
    }
    // What stands on the line has crossed the wire already. Nothing asks for it once more.
    for code in [ErrorCode::TlsNeeded, ErrorCode::TooFast, ErrorCode::InviteNeeded] {
        for line in ["/login bob secret", "/register bob sesame-open"] {
            let mut door = careful(stranger());
            let (tag, hello) = command_of(&mut door, line);
            assert!(matches!(hello, Command::Hello { entry: Some(_), .. }));
            let said = refused(&mut door, tag, code, None);
            assert_eq!(said, "! No.\nWhat is your name?\n");
            assert!(!door.is_asking());
        }
    }
    let mut door = careful(stranger());
    let (tag, _) = command_of(&mut door, "bob");
    refused(&mut door, tag, ErrorCode::LoginNeeded, Some("bob2"));
    assert!(!door.is_asking());
}

#[test]
fn after_another_refusal_a_stranger_is_asked_for_a_name_and_others_go_on() {
    for (mut door, question) in questions() {
        answer_all(&mut door, &question);
        let said = refused(&mut door, AWAITED, ErrorCode::NameTaken, None);
        let expected = if door.is_named() { "! No.\n" } else { "! No.\nWhat is your name?\n" };
        assert_eq!(said, expected, "{question}");
        assert!(!door.is_asking(), "{question}");
    }
}

#[test]
fn a_refusal_of_something_before_does_not_touch_the_question() {
    let mut door = account();
    assert!(matches!(command_of(&mut door, "hello"), (None, Command::Send { .. })));
    told(&mut door, "/passwd");
    assert_eq!(refused(&mut door, None, ErrorCode::NotStored, None), "! No.\n");
    assert!(door.is_asking());
    assert_eq!(told(&mut door, "hello"), NEW);
    let mut door = guest();
    command_of(&mut door, "hello");
    let (tag, _) = command_of(&mut door, "/register sesame-open");
    refused(&mut door, None, ErrorCode::NotStored, None);
    let said = refused(&mut door, tag, ErrorCode::InviteNeeded, None);
    assert!(said.ends_with(CODE), "{said}");
}

#[test]
fn a_password_with_something_that_was_not_typed_is_not_guessed() {
    for line in ["login bob sec\u{1b}[Dret", "/register bob \u{7}sesame-open"] {
        let said = told(&mut stranger(), line);
        assert!(said.starts_with("! That line has control characters"), "{said}");
    }
    let (_, hello) = command_of(&mut stranger(), "login bob secret\r");
    assert!(matches!(hello, Command::Hello { .. }));
}

fn shown(asked: &Option<Asked>) -> String {
    match asked {
        Some(Asked::Answer(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn no_answer_is_ever_said_or_shown(
        before in "[ -~]{0,4}",
        after in "\\PC{0,20}",
        index in 0usize..11,
    ) {
        let line = format!("{before}{NEVER_SHOWN}{after}");
        let (mut door, question) = questions().swap_remove(index);
        for _ in 0..4 {
            let asked = door.decode(line.as_bytes());
            prop_assert!(is_entry(&asked), "{question}: {asked:?}");
            prop_assert!(!shown(&asked).contains(NEVER_SHOWN), "{question}: {}", shown(&asked));
            prop_assert!(!format!("{door:?}").contains(NEVER_SHOWN), "{door:?}");
            if !door.is_asking() {
                break;
            }
        }
        let said = refused(&mut door, AWAITED, ErrorCode::Busy, None);
        prop_assert!(!said.contains(NEVER_SHOWN));
    }

    #[test]
    fn a_misspelt_command_shows_nothing_of_what_follows(word in "[a-z]{1,12}") {
        for door in [&mut stranger(), &mut guest(), &mut account()] {
            let asked = door.decode(format!("/{word} x {NEVER_SHOWN} y").as_bytes());
            if matches!(asked, Some(Asked::Refused(..))) && !["ask", "j", "join"].contains(&&*word) {
                prop_assert!(!shown(&asked).contains(NEVER_SHOWN), "{asked:?}");
            }
        }
    }
}

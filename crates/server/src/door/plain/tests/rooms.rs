//! How the plain door goes to rooms, sets them up and keeps order there: lines as commands, and what
//! is said to their answers.

use super::*;
use hubbub_hub::{JoinSecret, Setting, Whom};
use hubbub_protocol::frame::{MemberEntry, RestrictionEntry, RoleEntry, Whom as Listed};
use hubbub_protocol::{Reaction, RestrictionKind, Role, RoomChange};

const PIN: &str = "zq7x1";

fn joins(room_name: &str, created: bool, info: RoomInfo) -> String {
    let mut reply = joined(RoomAddress::Room(room(room_name)), 7);
    if let Reply::Joined { info: told, retention, created: made, members, .. } = &mut reply {
        (*retention, *made) = (info.retention, created);
        *members = if created { 1 } else { 2 };
        *told = Some(Box::new(info));
    }
    hear(&mut guest(), None, reply).0
}

#[test]
fn whoever_joins_is_told_how_the_room_is() {
    assert_eq!(joins("work", false, info()), "-- You are in work: one other is here.\n");
    let role = Some(Role::Owner);
    let pin = RoomInfo { sort: RoomSort::Pin, retention: Retention::None, role, ..info() };
    assert_eq!(
        joins("Work~3f2a", true, pin),
        "-- You are in Work~3f2a: a new room, and you are alone in it. It is yours. It keeps no \
         history.\n\
         -- Name and PIN lead here. The server can read this room.\n"
    );
    let strict = RoomInfo {
        retention: Retention::Days(30),
        topic: Some(note("cake\u{2}")),
        description: Some(note("eating")),
        moderated: true,
        slow_s: 30,
        role: Some(Role::Operator),
        ..info()
    };
    assert_eq!(
        joins("work", false, strict),
        "-- You are in work: one other is here. It keeps what was said in the last 30 days.\n\
         -- Topic: cake\n-- This room is for: eating\n\
         -- Only who has a role can speak. Slow mode: 30 seconds between two messages. You are an \
         operator here.\n"
    );
}

#[test]
fn a_pin_and_a_key_go_to_the_hub_and_nowhere_else() {
    for (line, is_pin) in [
        (format!("/join Work {PIN}"), true),
        (format!("  /join #Work {PIN} history"), true),
        (format!("/join Work key={PIN}"), false),
    ] {
        let mut door = guest();
        let (tag, command) = command_of(&mut door, &line);
        assert!(!format!("{command:?}{door:?}").contains(PIN), "{command:?}");
        let Command::Join { secret: Some(secret), .. } = command else { panic!("{line}") };
        assert_eq!(matches!(secret, JoinSecret::Pin(_)), is_pin);
        let said = refused(&mut door, tag, ErrorCode::KeyNeeded, None);
        assert_eq!(said, "! No.\n-- It goes like this: /join ROOM key=SECRET\n");
    }
    let (_, command) = command_of(&mut guest(), &format!("/set key {PIN}"));
    assert!(!format!("{command:?}").contains(PIN));
    assert!(matches!(command, Command::Set { setting: Setting::Key(Some(_)), .. }));
    for line in [
        format!("/join {PIN} Work"),
        format!("/join 1{PIN} Work"),
        format!("/join Work {PIN} {PIN}"),
        format!("/join Work key={}", PIN.repeat(13)),
        format!("/set key {PIN} {PIN}"),
        format!("/set kee {PIN}"),
    ] {
        match guest().decode(line.as_bytes()) {
            Some(Asked::Refused(_, refusal)) => {
                assert!(!refusal.text.contains(PIN), "{line}: {}", refusal.text);
            }
            // The name of a room, as far as anybody can tell.
            Some(Asked::Command(_, Command::Join { .. })) if line.ends_with("Work") => {}
            other => panic!("{line}: {other:?}"),
        }
    }
    let said = told(&mut guest(), "/join Work 123");
    assert_eq!(said, "! A PIN or key of a room has 4 to 64 characters.\n");
}

#[test]
fn an_act_is_heard_as_an_event_and_its_answer_says_nothing_more() {
    for line in [
        "/topic cake",
        "/topic -",
        "/describe eating",
        "/set invite-only on",
        "/set key s3cret",
        "/set key off",
        "/set slow 30",
        "/set keep 1000",
        "/op bob",
        "/deop bob",
        "/kick bob too loud",
        "/ban b* 2h spam",
        "/mute bob 90s",
        "/unban bob",
        "/edit #5 hello",
        "/delete #5",
        "/react #5 👍",
        "/unreact @bob #5 👍",
        "/pin #5",
        "/unpin #5",
    ] {
        let mut door = account();
        let (tag, _) = command_of(&mut door, line);
        assert_eq!(hear(&mut door, tag, Reply::Done).0, "", "{line}");
        let (tag, _) = command_of(&mut door, line);
        assert_eq!(refused(&mut door, tag, ErrorCode::NotAllowed, None), "! No.\n", "{line}");
    }
    for (line, said) in [
        ("/away", "-- You are away until you say /back.\n"),
        ("/back", "-- You are back.\n"),
        ("/highlight deploy, on fire", "-- These words call you: deploy, on fire\n"),
    ] {
        let mut door = account();
        let (tag, _) = command_of(&mut door, line);
        assert_eq!(hear(&mut door, tag, Reply::Done).0, said, "{line}");
    }
}

#[test]
fn whom_a_ban_is_for_is_a_name_a_pattern_or_an_address() {
    for (typed, meant) in [
        ("bob", "User(bob)"),
        ("@bob", "User(bob)"),
        ("bob*", "Pattern(bob*)"),
        ("10.0.0.7", "Network(10.0.0.7/32)"),
        ("10.1.2.3/8", "Network(10.0.0.0/8)"),
        ("fd00::1/64", "Network(fd00::/64)"),
        ("address:bob", "AddressOf(bob)"),
    ] {
        let (_, command) = command_of(&mut guest(), &format!("/ban {typed} 1m"));
        let Command::Restrict { whom, for_ms: Some(60_000), .. } = command else {
            panic!("{typed}");
        };
        let whom = match whom {
            Whom::User(name) => format!("User({name})"),
            Whom::AddressOf(name) => format!("AddressOf({name})"),
            Whom::Pattern(pattern) => format!("Pattern({})", pattern.as_str()),
            Whom::Network(net) => format!("Network({net})"),
        };
        assert_eq!(whom, meant, "{typed}");
    }
    for typed in ["*", "?*", "0.0.0.0/0", "10.0.0.0/33", "*!*@host", "9lives", "a,b"] {
        let said = told(&mut guest(), &format!("/ban {typed} why"));
        assert!(said.starts_with("! "), "{typed}: {said}");
    }
}

// ---- the last message

#[test]
fn an_edit_without_a_number_is_of_the_last_message_that_is_certain() {
    let mut door = guest();
    command_of(&mut door, "helo");
    // Typed before the message was answered: the fence comes behind it.
    let (tag, command) = command_of(&mut door, "/edit hello");
    assert!(matches!(command, Command::Ping));
    assert_eq!(hear(&mut door, None, sent(1, 12)).0, "");
    let (said, next) = hear(&mut door, tag, Reply::Pong { time: THEN });
    assert_eq!(said, "");
    let Some(Command::Edit { address, of, text }) = next else { panic!("{next:?}") };
    assert_eq!((address, of, text.as_str()), (RoomAddress::Room(room("lobby")), Seq(12), "hello"));
    assert_eq!(hear(&mut door, None, Reply::Done).0, "");
    // Its own entry in the log is not the last message.
    let (tag, _) = command_of(&mut door, "/delete");
    let (_, next) = hear(&mut door, tag, Reply::Pong { time: THEN });
    assert!(matches!(next, Some(Command::Delete { of: Seq(12), .. })), "{next:?}");
    assert_eq!(refused(&mut door, None, ErrorCode::Busy, None), "! No.\n");
    // What became of it is not known, so it is named from now on.
    let (tag, _) = command_of(&mut door, "/delete");
    let (said, next) = hear(&mut door, tag, Reply::Pong { time: THEN });
    assert!(said.starts_with("! Which message?") && next.is_none(), "{said}");
    // And a fence is a fence.
    let (tag, _) = command_of(&mut door, "/sync");
    assert!(hear(&mut door, tag, Reply::Pong { time: THEN }).0.starts_with("-- In sync"));
}

#[test]
fn a_message_that_was_refused_makes_the_last_one_uncertain() {
    let mut door = guest();
    command_of(&mut door, "one");
    hear(&mut door, None, sent(1, 12));
    command_of(&mut door, "two");
    refused(&mut door, None, ErrorCode::NotStored, None);
    let (tag, _) = command_of(&mut door, "/edit too");
    let (said, next) = hear(&mut door, tag, Reply::Pong { time: THEN });
    assert!(said.starts_with("! Which message?") && next.is_none(), "{said}");
}

#[test]
fn a_reply_names_its_message_also_in_private() {
    let (_, command) = command_of(&mut guest(), "/reply #5 yes");
    let Command::Send { address, body: Body::Text(said), hold: true, .. } = command else {
        panic!("{command:?}");
    };
    assert_eq!((address, said.reply), (RoomAddress::Room(room("lobby")), Some(Seq(5))));
    let (_, command) = command_of(&mut guest(), "/reply @bob #5 yes");
    let Command::Send { address, .. } = command else { panic!("{command:?}") };
    assert_eq!(address, RoomAddress::User(name("bob")));
    let (_, command) = command_of(&mut guest(), "/react @bob #5 👍");
    let Command::React { address, reaction, .. } = command else { panic!("{command:?}") };
    let thumb = Reaction::parse("👍").unwrap();
    assert_eq!((address, reaction), (RoomAddress::User(name("bob")), thumb));
    assert!(told(&mut guest(), "/react #5 two words").starts_with("! A reaction is"));
}

// ---- lists

#[test]
fn members_are_shown_with_their_roles_and_who_is_away() {
    let member = |id, who: &str, role, away: Option<&str>| MemberEntry {
        user: author(id, who),
        role,
        away: away.map(note),
    };
    let members = vec![
        member(1, "ann", Some(Role::Owner), None),
        member(2, "bob", Some(Role::Voice), Some("lunch")),
        member(3, "cy", None, Some("away")),
        member(4, "di", None, None),
    ];
    let reply = Reply::Members { room: room("work"), members, count: 4, next: None };
    let (said, _) = hear(&mut guest(), None, reply);
    assert_eq!(
        said,
        "-- In work (4):\n--   ann (owner), bob (voice, away: lunch), cy (away), di\n"
    );
}

#[test]
fn roles_are_listed_over_pages() {
    let mut door = guest();
    let (tag, _) = command_of(&mut door, "/roles");
    let entry = |id, who: &str, role, here| RoleEntry { user: author(id, who), role, here };
    let page = |roles, next: Option<&str>| Reply::Roles {
        room: room("lobby"),
        roles,
        next: next.map(str::to_owned),
    };
    let first = page(vec![entry(1, "ann", Role::Owner, true)], Some("1"));
    let (said, next) = hear(&mut door, tag, first);
    assert_eq!(said, "-- Roles in lobby:\n--   ann (owner)\n");
    assert!(matches!(next, Some(Command::Roles { after: Some(_), .. })));
    let second = page(vec![entry(2, "bob", Role::Operator, false)], None);
    assert_eq!(hear(&mut door, None, second).0, "--   bob (operator, not here)\n");
    let (tag, _) = command_of(&mut door, "/roles");
    assert_eq!(hear(&mut door, tag, page(vec![], None)).0, "-- Roles in lobby: nobody has one.\n");
}

#[test]
fn bans_and_mutes_are_listed_apart_and_over_pages() {
    let entry = |what, whom, until, reason: Option<&str>| RestrictionEntry {
        what,
        whom,
        by: name("ann"),
        reason: reason.map(note),
        created: THEN,
        until,
    };
    use RestrictionKind::{Ban, Mute};
    let page = |restrictions, next: Option<&str>| Reply::Restrictions {
        room: room("lobby"),
        restrictions,
        next: next.map(str::to_owned),
    };
    let first = || {
        let cy = entry(Mute, Listed::User("cy".into()), None, None);
        page(
            vec![entry(Ban, Listed::Pattern("b*".into()), Some(THEN), Some("spam")), cy],
            Some("2"),
        )
    };
    let second = || page(vec![entry(Ban, Listed::Network("10.0.0.0/8".into()), None, None)], None);
    let time = say::when(THEN);
    let mut door = guest();
    let (tag, _) = command_of(&mut door, "/bans");
    let (said, next) = hear(&mut door, tag, first());
    assert_eq!(
        said,
        format!("-- Banned from lobby:\n--   b*  by ann, {time}, until {time}: spam\n")
    );
    assert!(matches!(next, Some(Command::Restrictions { after: Some(_), .. })));
    let said = hear(&mut door, None, second()).0;
    assert_eq!(said, format!("--   10.0.0.0/8  by ann, {time}, until it is lifted\n"));
    let (tag, _) = command_of(&mut door, "/mutes");
    let (said, _) = hear(&mut door, tag, page(vec![], Some("2")));
    assert_eq!(said, "");
    assert_eq!(hear(&mut door, None, second()).0, "-- Nobody is muted in lobby.\n");
    // A page that is refused ends the list.
    let (tag, _) = command_of(&mut door, "/bans");
    hear(&mut door, tag, first());
    assert_eq!(refused(&mut door, None, ErrorCode::NotAllowed, None), "! No.\n");
    let (tag, _) = command_of(&mut door, "/bans");
    assert!(hear(&mut door, tag, second()).0.starts_with("-- Banned from lobby:\n"));
}

#[test]
fn how_a_room_is_set_up_is_shown_whole_or_in_part() {
    let shown = |line, info: RoomInfo| {
        let mut door = guest();
        let (tag, command) = command_of(&mut door, line);
        assert!(matches!(command, Command::Info { .. }), "{line}");
        hear(&mut door, tag, Reply::Info { room: room("work"), info: Box::new(info) }).0
    };
    let set_up = || RoomInfo {
        topic: Some(note("cake")),
        key: true,
        member_limit: Some(20),
        slow_s: 60,
        pinned: vec![Seq(3), Seq(7)],
        role: Some(Role::Owner),
        ..info()
    };
    assert_eq!(shown("/topic", set_up()), "-- Topic of work: cake\n");
    assert_eq!(shown("/topic", info()), "-- work has no topic. /topic TEXT sets one.\n");
    assert_eq!(
        shown("/describe", info()),
        "-- Nobody said what work is for. /describe TEXT does.\n"
    );
    let pins = "-- Pinned in work; /history #N shows one:\n--   #3, #7\n";
    assert_eq!(shown("/pins", set_up()), pins);
    assert_eq!(shown("/pins", info()), "-- Nothing is pinned in work. /pin #N pins a message.\n");
    assert_eq!(
        shown("/room", set_up()),
        format!(
            "-- work is a room. The server can read what is said there.\n\
             --   topic   cake\n\
             --   for     nothing yet\n\
             --   keeps   everything\n\
             --   joins   who has the key, 20 at most\n\
             --   speaks  everybody who is there, with 1 minute between two messages\n\
             --   listed  for everybody\n\
             --   pinned  #3, #7\n\
             --   made    {}\n\
             --   you     own it: /help order, and /set keep is yours\n",
            say::when(THEN)
        )
    );
}

// ---- being sent out

#[test]
fn whoever_is_sent_out_is_told_by_whom_and_why() {
    let kicked = |id, reason: Option<&str>, banned| Notice::Kicked {
        room: room("work"),
        id: RoomId(id),
        by: name("ann"),
        reason: reason.map(note),
        banned,
    };
    let mut door = guest();
    hear(&mut door, None, joined(RoomAddress::Room(room("work")), 7));
    let said = noticed(&mut door, kicked(7, Some("too loud"), false));
    assert_eq!(said, "-- ann sent you out of work: too loud\n-- You are in lobby now.\n");
    assert!(matches!(command_of(&mut door, "hi").1, Command::Send { .. }));
    let said = noticed(&mut door, kicked(1, None, true));
    assert_eq!(
        said,
        "-- ann banned you from work.\n-- You are in no room now. /join ROOM to go to one.\n"
    );
    assert!(told(&mut door, "/topic x").starts_with("! You are in no room."));
    // A session that did not hear that room is told as well.
    assert_eq!(noticed(&mut guest(), kicked(7, None, true)), "-- ann banned you from work.\n");
}

#[test]
fn the_words_that_call_come_with_the_welcome_and_from_elsewhere() {
    let mut door = account();
    let none = "-- No words call you but your name. /highlight WORDS sets some.\n";
    assert_eq!(told(&mut door, "/highlight"), none);
    let words = vec!["deploy".to_owned()];
    assert_eq!(noticed(&mut door, Notice::Highlights { words }), "");
    assert_eq!(told(&mut door, "/highlight"), "-- These words call you: deploy\n");
    let (tag, _) = command_of(&mut door, "/highlight -");
    assert_eq!(hear(&mut door, tag, Reply::Done).0, none);
    assert_eq!(told(&mut door, "/highlight"), none);
}

proptest! {
    #[test]
    fn no_line_panics_and_no_pin_is_said_or_shown(
        index in 0usize..commands::COMMANDS.len(),
        before in "(\\PC{0,8}|[a-z]{1,6} |#[0-9]{1,3} |@[a-z]{1,3} |key )",
        after in "\\PC{0,12}",
    ) {
        let spec = &commands::COMMANDS[index];
        let is_secret = matches!(spec.words[0], "join" | "set");
        for door in [&mut stranger(), &mut guest(), &mut account()] {
            let before = if is_secret { before.trim_start_matches(['@', '#']) } else { &before };
            let line = format!("/{} {before}{PIN}{after}", spec.words[0]);
            let asked = door.decode(line.as_bytes());
            let goes_to_a_room = before.trim().is_empty() || !before.ends_with(' ');
            if is_secret && !(spec.words[0] == "join" && goes_to_a_room) && !is_note(&line) {
                prop_assert!(!shown(&asked).contains(PIN), "{line}: {asked:?}");
                prop_assert!(!format!("{door:?}").contains(PIN), "{line}: {door:?}");
            }
        }
    }
}

/// Whether everybody may read what is set.
fn is_note(line: &str) -> bool {
    let line = line.to_lowercase();
    ["/set topic", "/set description"].iter().any(|start| line.starts_with(start))
}

#[test]
fn a_change_of_a_room_is_what_the_hub_is_asked_for() {
    let (_, command) = command_of(&mut guest(), "/set keep 30d");
    let Command::Set { room: place, setting: Setting::Change(change) } = command else {
        panic!("{command:?}");
    };
    let retention = Retention::Days(30);
    assert_eq!((place, change), (room("lobby"), RoomChange::Retention { retention }));
}

//! What the plain door says to welcomes, answers and notices.

use super::*;

// ---- what comes with a welcome

#[test]
fn a_welcome_attaches_everything_and_the_lobby_last() {
    let mut door = stranger();
    let reply = welcome_of(true, &["work", "lobby", "team"], &["bob", "cy"]);
    let (said, mut next) = hear(&mut door, None, reply);
    assert_eq!(said, "-- Welcome, ann! /help lists the commands.\n");
    let mut order = Vec::new();
    let mut id = 10;
    while let Some(Command::Join { address, after: None, retention: None, .. }) = next {
        id += 1;
        let (said, follow_up) = match &address {
            // One that is no more does not end it.
            RoomAddress::User(other) if *other == name("cy") => {
                let no = Refusal::new(ErrorCode::NoSuchRoom, "No.");
                hear(&mut door, None, Reply::Refused(no))
            }
            _ => hear(&mut door, None, joined(address.clone(), id)),
        };
        order.push((format!("{address:?}"), said.lines().count()));
        next = follow_up;
    }
    let order: Vec<(&str, usize)> = order.iter().map(|(a, n)| (a.as_str(), *n)).collect();
    let find = |what: &str| order.iter().position(|(a, _)| a.contains(what)).unwrap();
    assert_eq!(order.len(), 5);
    assert_eq!((find("bob"), find("cy"), find("lobby")), (0, 1, 4));
    assert_eq!(order[0].1, 0, "nothing is said of a private chat");
    assert_eq!(door.focus().map(|focus| focus.name.as_str()), Some("lobby"));
    assert_eq!(door.rooms.len(), 3);
    // A login in a session forgets the rooms.
    let (_, next) = hear(&mut door, None, welcome_of(true, &[], &[]));
    assert!(matches!(next, Some(Command::Join { .. })));
    assert_eq!(door.rooms.len(), 0);
}

fn event(from: Author, text: &str) -> Arc<Event> {
    let event = super::event(1, from, Body::Text(said(text)));
    Arc::new(Event { room: RoomId(9), ..event })
}

#[test]
fn what_was_missed_is_shown_with_its_time() {
    let mut door = stranger();
    hear(&mut door, None, welcome_of(true, &[], &["bob"]));
    let Reply::Joined { address, head, retention, members, created, read, draft, .. } =
        joined(RoomAddress::User(name("bob")), 9)
    else {
        unreachable!()
    };
    let catch_up = CatchUp::Pages;
    let reply = Reply::Joined {
        address,
        head,
        catch_up,
        retention,
        members,
        created,
        info: None,
        read,
        draft,
    };
    hear(&mut door, None, reply);
    let mut out = Vec::new();
    let events = [event(author(2, "bob"), "one\ntwo"), event(author(1, "ann"), "mine")];
    door.page(RoomId(9), &events, &mut out);
    door.live(head);
    let time = say::when(WallMs(1_700_000_000_000));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!(
            "[private] [{time}] <bob> one\n[private] [{time}] <bob> two\n\
             [private to bob] [{time}] <ann> mine\n"
        )
    );
    assert!(door.missed.is_empty());
}

#[test]
fn ones_own_private_message_of_another_session_says_to_whom_it_went() {
    let door = account();
    let variant = door.variant(RoomId(9));
    let to = RoomAddress::User(name("bob"));
    let line = |from| {
        let delivery = Delivery::Message { address: to.clone(), event: event(from, "hi") };
        let bytes = crate::door::Encoded::default().get(variant, &delivery);
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    assert_eq!(line(author(1, "ann")), "[private to bob] <ann> hi\n");
    assert_eq!(line(author(2, "bob")), "[private] <bob> hi\n");
    assert_eq!(door.variant(RoomId(1)), Variant::PlainHere);
}

// ---- commands and their answers

#[test]
fn every_command_says_what_it_did() {
    for (line, said) in [
        ("/reject bob", "-- You declined bob's question.\n"),
        ("reject connection bob", "-- You declined bob's question.\n"),
        ("/accept bob", ""),
        ("/end bob", ""),
        ("/block bob", "-- You hear no more of bob's questions.\n"),
        ("/unblock bob", "-- bob can ask you again.\n"),
        ("/policy closed", "-- From now on nobody can begin a private chat with you.\n"),
        ("/invite bob", "-- You invited bob into lobby.\n"),
        ("/invite bob team", "-- You invited bob into team.\n"),
        ("/decline team", "-- You declined the invitation into team.\n"),
    ] {
        let mut door = account();
        let (tag, _) = command_of(&mut door, line);
        assert_eq!(hear(&mut door, tag, Reply::Done).0, said, "{line}");
    }
    let mut door = account();
    let (_, command) = command_of(&mut door, "/policy default");
    assert!(matches!(command, Command::Policy { policy: None }));
    let (_, command) = command_of(&mut door, "/policy open");
    assert!(matches!(command, Command::Policy { policy: Some(PrivatePolicy::Open) }));
    let (tag, command) = command_of(&mut door, "/group #team");
    assert!(matches!(command, Command::Group { retention: None, .. }));
    let (said, _) = hear(&mut door, tag, joined(RoomAddress::Room(room("team")), 7));
    assert!(said.starts_with("-- You are in team: a new group"), "{said}");
    let (_, command) = command_of(&mut door, "/logout");
    assert!(matches!(command, Command::Logout));
    let (tag, command) = command_of(&mut door, "/nick ann2");
    assert!(matches!(command, Command::Nick { .. }));
    let (said, _) = hear(&mut door, tag, Reply::You { user: author(1, "ann2"), account: true });
    assert_eq!(said, "-- You are called ann2 now.\n");
}

#[test]
fn whoever_was_asked_is_told_and_how_much_waits() {
    for (online, held, said) in [
        (true, 0, "-- bob was asked. You will be told the answer.\n"),
        (true, 1, "-- bob was asked; your message waits here until they agree.\n"),
        (true, 3, "-- bob was asked; your 3 messages wait here until they agree.\n"),
        (
            false,
            1,
            "-- bob is away, and will be asked on coming back; your message waits here until \
             they agree.\n",
        ),
    ] {
        let reply = Reply::Asked { user: author(2, "bob"), online, held };
        assert_eq!(hear(&mut guest(), None, reply).0, said);
    }
}

#[test]
fn notices_say_what_to_do() {
    let bob = || author(2, "bob");
    let link = |state, dropped| Notice::Link { user: bob(), state, dropped };
    for (notice, said) in [
        (
            link(LinkState::Asked, 0),
            "-- bob asks for a private chat: /accept bob or /reject bob; writing to them accepts.\n",
        ),
        (
            link(LinkState::Open, 0),
            "-- You have a private chat with bob now: @bob TEXT writes to them.\n",
        ),
        (
            link(LinkState::Rejected, 1),
            "-- bob declined.\n! Your message to bob will not be sent.\n",
        ),
        (
            link(LinkState::Ended, 2),
            "-- There is no private chat with bob any more.\n\
             ! Your 2 messages to bob will not be sent.\n",
        ),
        (Notice::LinkRenamed { user: author(2, "rob"), old: name("bob") }, "-- bob is rob now.\n"),
        (
            Notice::Invited { room: room("team"), from: bob() },
            "-- bob invites you into the group team: /join team or /decline team\n",
        ),
        (
            Notice::Declined { room: room("team"), user: bob() },
            "-- bob declined the invitation into team.\n",
        ),
        (Notice::You { user: author(1, "zoe"), account: false }, "-- You are called zoe now.\n"),
        (Notice::You { user: author(1, "ann"), account: true }, "-- ann is an account now.\n"),
        (
            Notice::Entered { room: room("work") },
            "-- You entered work elsewhere; /join work to hear it here.\n",
        ),
        (Notice::Gone { room: room("work"), id: RoomId(77) }, ""),
        (
            Notice::Gone { room: room("lobby"), id: RoomId(1) },
            "-- You left lobby elsewhere, or it is no more. You are in no room now. /join ROOM to \
             go to one.\n",
        ),
        (
            Notice::Dropped { messages: vec![(name("bob"), 2), (name("cy"), 1)] },
            "! Your 2 messages to bob will not be sent.\n! Your message to cy will not be sent.\n",
        ),
        (
            Notice::NotStored { to: name("bob") },
            "! A message to bob could not be stored, and was not sent.\n",
        ),
    ] {
        assert_eq!(noticed(&mut guest(), notice.clone()), said, "{notice:?}");
    }
    let mut door = guest();
    hear(&mut door, None, joined(RoomAddress::Room(room("work")), 7));
    let said = noticed(&mut door, Notice::Gone { room: room("work"), id: RoomId(7) });
    assert_eq!(said, "-- You left work elsewhere, or it is no more. You are in lobby now.\n");
}

#[test]
fn private_chats_are_listed_in_sections_over_pages() {
    let entry = |id, who: &str, state, online, group: Option<&str>| LinkEntry {
        user: author(id, who),
        state,
        online,
        group: group.map(room),
    };
    let mut door = account();
    let first = vec![
        entry(2, "bob", LinkState::Open, true, None),
        entry(3, "cy", LinkState::Asked, false, None),
        entry(4, "di", LinkState::Waiting, false, None),
    ];
    let (said, next) = hear(&mut door, None, Reply::Links { links: first, next: Some("4".into()) });
    assert_eq!(said, "");
    assert!(matches!(next, Some(Command::Links { after: Some(after) }) if after == "4"));
    let second = vec![
        entry(5, "eve", LinkState::Open, false, None),
        entry(6, "flo", LinkState::Blocked, false, None),
        entry(7, "gus", LinkState::Asked, true, Some("team")),
    ];
    let (said, next) = hear(&mut door, None, Reply::Links { links: second, next: None });
    assert!(next.is_none());
    assert_eq!(
        said,
        "-- Private chats (2):\n--   bob, eve (away)\n\
         -- They ask you; /accept NAME or /reject NAME (1):\n--   cy\n\
         -- You asked them (1):\n--   di (away)\n\
         -- Invitations; /join GROUP or /decline GROUP (1):\n--   team (by gus)\n\
         -- You block (1):\n--   flo\n"
    );
    let (said, _) = hear(&mut door, None, Reply::Links { links: Vec::new(), next: None });
    assert_eq!(said, "-- No private chats yet. /ask NAME asks for one.\n");
}

#[test]
fn logins_have_numbers_that_revoke_takes() {
    let entry = |login, door, online, current| LoginEntry {
        login: LoginId(login),
        created: WallMs(0),
        seen: WallMs(1_700_000_000_000),
        peer: "127.0.0.1:4711".into(),
        door,
        online,
        current,
    };
    let mut door = account();
    assert_eq!(told(&mut door, "/revoke 1"), "! /logins shows the numbers first.\n");
    let logins =
        vec![entry(1 << 32, DoorKind::Plain, true, true), entry(7, DoorKind::Native, false, false)];
    let (said, _) = hear(&mut door, None, Reply::Logins { logins });
    let time = say::when(WallMs(1_700_000_000_000));
    assert_eq!(
        said,
        format!(
            "-- Your logins, last used:\n\
             --   1   plain   127.0.0.1:4711         {time}  this one\n\
             --   2   native  127.0.0.1:4711         {time}\n\
             -- /revoke NUMBER ends one.\n"
        )
    );
    let (tag, command) = command_of(&mut door, "/revoke 2");
    assert!(matches!(command, Command::Revoke { login: LoginId(7) }));
    assert_eq!(hear(&mut door, tag, Reply::Done).0, "-- Login 2 is ended.\n");
    for line in ["/revoke 0", "/revoke 3"] {
        assert!(told(&mut door, line).starts_with("! /logins shows"), "{line}");
    }
}

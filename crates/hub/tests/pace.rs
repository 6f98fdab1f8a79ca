//! How fast one may go: who rests, who is refused, who is closed; and passwords that others could read.

mod support;

use hubbub_hub::{Command, Effect, Entry, HubConfig, Limited, Limits, PasswordOutcome, Rate};
use hubbub_protocol::{SessionId, limits};
use support::{World, password, room, to, user};

/// A server with these limits, and visitors from elsewhere.
fn world(choose: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits { exempt: Limits::default().exempt, ..Limits::free() };
    choose(&mut limits);
    let mut world = World::with(HubConfig { limits, ..HubConfig::default() });
    world.come_from("10.0.0.1");
    world
}

/// One a second, and so many at once.
fn at_once(burst: u32) -> Rate {
    Rate::new(burst, 60)
}

/// For how long the session was told to rest, in milliseconds, with the last effects.
fn rest_ms(world: &mut World, session: SessionId) -> Vec<u64> {
    let effects = std::mem::take(&mut world.effects);
    let rest = |effect: &Effect| match effect {
        Effect::Rest { session: of, ms } if *of == session => Some(*ms),
        _ => None,
    };
    effects.iter().filter_map(rest).collect()
}

#[test]
fn who_says_too_much_at_once_rests_and_loses_nothing() {
    let mut world = world(|limits| limits.user[Limited::Messages] = at_once(3));
    let ann = world.member("ann", "lobby");
    let bob = world.member("bob", "lobby");
    for n in 1..=6 {
        assert!(world.speak(ann, "lobby", &format!("line {n}")).starts_with("sent"));
    }
    assert_eq!(rest_ms(&mut world, ann), [1_000, 2_000, 3_000]);
    assert!(world.speak(bob, "lobby", "hi").starts_with("sent"), "another user");
    assert_eq!(rest_ms(&mut world, bob), [0; 0]);
    world.wait(3_000);
    world.speak(ann, "lobby", "and one more");
    assert_eq!(rest_ms(&mut world, ann), [1_000]);
}

#[test]
fn who_goes_on_all_the_same_is_refused_with_the_time_to_wait() {
    let mut world = world(|limits| limits.user[Limited::Messages] = at_once(1));
    let ann = world.member("ann", "lobby");
    let most = 1 + limits::REST_MS / 1_000;
    for _ in 0..most {
        assert!(world.speak(ann, "lobby", "x").starts_with("sent"));
    }
    for _ in 0..3 {
        // What is refused costs nothing.
        assert_eq!(world.speak(ann, "lobby", "x"), "refused too_fast");
        assert_eq!(world.wait_ms(), Some(limits::REST_MS + 1_000));
    }
    world.wait(1_000);
    assert!(world.speak(ann, "lobby", "x").starts_with("sent"));
}

#[test]
fn long_messages_count_by_their_length() {
    let mut world = world(|limits| limits.user[Limited::Bytes] = Rate::new(1_000, 60_000));
    let ann = world.member("ann", "lobby");
    world.speak(ann, "lobby", &"x".repeat(900));
    assert_eq!(rest_ms(&mut world, ann), [0; 0]);
    world.speak(ann, "lobby", &"x".repeat(900));
    let rests = rest_ms(&mut world, ann);
    assert!(rests.len() == 1 && (750..1_000).contains(&rests[0]), "{rests:?}");
}

#[test]
fn a_repeated_send_is_answered_and_not_counted() {
    let mut world = world(|limits| limits.user[Limited::Messages] = at_once(1));
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(hubbub_protocol::Instance([1; 16])), None);
    world.join(ann, "lobby");
    world.persist();
    world.say_numbered(ann, "lobby", "x", Some(1));
    world.persist();
    world.take();
    for _ in 0..5 {
        world.say_numbered(ann, "lobby", "x", Some(1));
        assert!(world.take()[0].contains("sent"), "the same answer");
    }
    assert_eq!(rest_ms(&mut world, ann), [0; 0]);
}

#[test]
fn all_who_come_from_one_address_share_its_limit_and_another_name_does_not_help() {
    let mut world = world(|limits| limits.address[Limited::Messages] = at_once(4));
    for (at, name) in ["ann", "bob", "cem", "dan"].iter().enumerate() {
        world.come_from(&format!("2001:db8::{at}"));
        let session = world.member(name, "lobby");
        world.speak(session, "lobby", "x");
        world.quit(session);
    }
    world.take();
    let eve = world.member("eve", "lobby");
    world.speak(eve, "lobby", "x");
    assert_eq!(rest_ms(&mut world, eve), [1_000]);
    for address in ["2001:db8:0:1::1", "127.0.0.1", "::1"] {
        world.come_from(address);
        let name = format!("from{}", address.len());
        let other = world.member(&name, "lobby");
        world.speak(other, "lobby", "x");
        assert_eq!(rest_ms(&mut world, other), [0; 0], "{address}");
    }
    // People behind a proxy on this computer are not one person.
    let many: Vec<_> = (0..9).map(|n| world.member(&format!("local{n}"), "lobby")).collect();
    for session in many {
        world.speak(session, "lobby", "x");
        assert_eq!(rest_ms(&mut world, session), [0; 0]);
    }
}

#[test]
fn a_room_has_its_own_limit() {
    let mut world = world(|limits| limits.room[Limited::Messages] = at_once(2));
    let (ann, bob) = (world.member("ann", "lobby"), world.member("bob", "lobby"));
    world.join(bob, "den");
    world.persist();
    world.speak(ann, "lobby", "x");
    world.speak(bob, "lobby", "x");
    assert_eq!(rest_ms(&mut world, bob), [0; 0]);
    world.speak(bob, "lobby", "x");
    assert_eq!(rest_ms(&mut world, bob), [1_000]);
    world.speak(bob, "den", "x");
    assert_eq!(rest_ms(&mut world, bob), [0; 0], "another room");
    // Whatever others say there, nobody is refused, nor closed for it.
    for _ in 0..2 * limits::TOO_FAST_REFUSALS {
        assert!(world.speak(ann, "lobby", "x").starts_with("sent"));
    }
    assert_eq!(rest_ms(&mut world, ann).last(), Some(&limits::REST_MS));
}

#[test]
fn who_may_not_speak_in_a_room_takes_nothing_of_what_may_be_said_there() {
    let mut world = world(|limits| limits.room[Limited::Messages] = at_once(1));
    let ann = world.member("ann", "den");
    let bob = world.member("bob", "den");
    let setting = hubbub_hub::Setting::Change(hubbub_protocol::RoomChange::Moderated { on: true });
    assert_eq!(world.ask(ann, Command::Set { room: room("den"), setting }), "done");
    for _ in 0..5 {
        assert_eq!(world.speak(bob, "den", "x"), "refused muted");
    }
    world.take();
    world.speak(ann, "den", "x");
    assert_eq!(rest_ms(&mut world, ann), [0; 0]);
}

#[test]
fn who_comes_back_into_many_rooms_rests_and_is_refused_none() {
    let mut world = world(|limits| limits.user[Limited::Joins] = at_once(4));
    let ann = world.guest("ann");
    for n in 0..4 {
        world.join(ann, &format!("room{n}"));
    }
    world.persist();
    world.lose(ann);
    for _ in 0..3 {
        let ann = world.resume(1);
        world.take();
        for n in 0..4 {
            let name = format!("room{n}");
            let join =
                Command::Join { address: to(&name), after: None, retention: None, secret: None };
            assert!(world.ask(ann, join).starts_with("joined"), "{name}");
        }
        assert!(rest_ms(&mut world, ann).iter().all(|ms| *ms <= limits::REST_MS));
        world.lose(ann);
    }
}

#[test]
fn a_stranger_that_tries_names_without_end_is_closed_and_fills_no_log() {
    let mut world = world(|_| {});
    world.guest("ann");
    let stranger = world.connect(true);
    world.take();
    let mut said = Vec::new();
    for _ in 0..limits::TOO_FAST_REFUSALS {
        world.hello(stranger, "ann");
        said.extend(world.take());
    }
    assert!(said.iter().any(|line| line.contains("warned of flood")), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("close 2: flood"));
    let refused = world.audit().iter().filter(|line| line.starts_with("refused")).count();
    assert_eq!(refused, 1, "{:?}", world.audit());
}

#[test]
fn strangers_of_one_address_share_what_it_may_ask() {
    let mut world = world(|limits| limits.address[Limited::Commands] = at_once(3));
    world.come_from("10.0.0.7");
    let strangers: Vec<_> = (0..4).map(|_| world.connect(true)).collect();
    world.take();
    for (n, stranger) in strangers.iter().enumerate() {
        world.hello(*stranger, &format!("eve{n}"));
    }
    assert_eq!(rest_ms(&mut world, strangers[3]), [1_000]);
}

#[test]
fn what_others_are_shown_counts_as_a_message() {
    let mut world = world(|limits| limits.user[Limited::Messages] = at_once(2));
    let ann = world.member("ann", "lobby");
    world.speak(ann, "lobby", "x");
    let of = hubbub_protocol::Seq(1);
    let reaction = hubbub_protocol::Reaction::parse("+1").unwrap();
    for on in [true, false] {
        let command = Command::React { address: to("lobby"), of, reaction: reaction.clone(), on };
        assert_eq!(world.ask(ann, command), "done");
    }
    assert_eq!(rest_ms(&mut world, ann), [1_000]);
}

#[test]
fn one_can_not_make_rooms_change_names_or_ask_people_without_end() {
    let mut world = world(|limits| {
        for kind in [Limited::Rooms, Limited::Renames, Limited::Requests] {
            limits.user[kind] = at_once(2);
        }
        limits.user[Limited::Joins] = at_once(5);
    });
    let ann = world.guest("ann");
    for name in ["bob", "cem", "dan"] {
        world.guest(name);
    }
    type Make = fn(usize) -> Command;
    let join = |n: usize| Command::Join {
        address: to(&format!("room{n}")),
        after: None,
        retention: None,
        secret: None,
    };
    let cases: [(Make, &str); 3] = [
        (join, "joined"),
        (|n| Command::Nick { name: user(&format!("ann{n}")) }, "is"),
        (|n| Command::Ask { name: user(["bob", "cem", "dan"][n]) }, "asked"),
    ];
    for (make, answer) in cases {
        for n in 0..2 {
            world.take();
            world.tell(ann, make(n));
            world.persist();
            let said = world.take().join("; ");
            assert!(said.contains(answer) && !said.contains("refused"), "{said}");
        }
        assert_eq!(world.ask(ann, make(2)), "refused too_fast");
        assert_eq!(world.wait_ms(), Some(1_000));
    }
    // A room that is there is only joined.
    let leave = |world: &mut World| world.ask(ann, Command::Leave { room: room("room1") });
    leave(&mut world);
    assert!(world.ask(ann, join(1)).starts_with("joined"));
    leave(&mut world);
    assert!(world.ask(ann, join(1)).starts_with("joined"), "the fifth");
    leave(&mut world);
    assert_eq!(world.ask(ann, join(1)), "refused too_fast");
}

#[test]
fn who_searches_and_reads_back_without_end_gets_it_more_slowly() {
    let mut world = world(|limits| limits.user[Limited::Searches] = at_once(2));
    let ann = world.member("ann", "lobby");
    let search = || Command::Search {
        words: "tea".into(),
        address: None,
        from: None,
        since: None,
        until: None,
        after: None,
        limit: 9,
    };
    let page = hubbub_protocol::frame::Page::Latest;
    world.tell(ann, search());
    world.tell(ann, Command::History { address: to("lobby"), page, limit: 9 });
    assert_eq!(rest_ms(&mut world, ann), [0; 0]);
    world.tell(ann, search());
    assert_eq!(rest_ms(&mut world, ann), [1_000]);
}

#[test]
fn whoever_does_not_listen_is_warned_and_then_closed() {
    let mut world = world(|limits| limits.user[Limited::Renames] = at_once(1));
    let ann = world.guest("ann");
    world.tell(ann, Command::Nick { name: user("anna") });
    world.take();
    let mut said = Vec::new();
    for _ in 0..limits::TOO_FAST_REFUSALS {
        world.tell(ann, Command::Nick { name: user("ann") });
        said.extend(world.take());
    }
    let at = |what: &str| said.iter().position(|line| line.contains(what));
    let (warned, closed) = (at("warned of flood").unwrap(), at("close 1: flood").unwrap());
    assert!(warned > 10 && closed > warned + 10, "{warned} {closed}: {said:?}");
    assert_eq!(said.iter().filter(|line| line.contains("warned")).count(), 1);
    assert!(world.audit().contains(&"logout anna flood".to_owned()), "{:?}", world.audit());
    // It comes back as whom it was, and what it did is remembered.
    let again = world.resume(1);
    world.take();
    assert_eq!(world.ask(again, Command::Nick { name: user("ann") }), "refused too_fast");
}

#[test]
fn whoever_waits_as_it_is_told_is_never_closed() {
    let mut world = world(|limits| limits.user[Limited::Renames] = at_once(1));
    let ann = world.guest("ann");
    for n in 0..5 * limits::TOO_FAST_REFUSALS {
        let name = user(if n % 2 == 0 { "anna" } else { "ann" });
        while world.ask(ann, Command::Nick { name: name.clone() }) == "refused too_fast" {
            world.wait(1_000);
        }
        let said = world.take().join("; ");
        assert!(!said.contains("close") && !said.contains("warned"), "{n}: {said}");
    }
}

#[test]
fn passwords_are_guessed_slowly_by_account_and_by_address() {
    let mut world = world(|limits| {
        limits.user[Limited::Logins] = at_once(3);
        limits.address[Limited::Logins] = at_once(5);
    });
    world.come_from("127.0.0.1");
    world.account("ann");
    world.account("bob");
    let guess = |world: &mut World, name: &str, right: bool| {
        let session = world.connect(true);
        world.take();
        world.enter(session, name, Entry::Password(password()));
        let said = world.take().join("; ");
        if said.contains("refused") {
            return said.split(' ').next_back().unwrap().to_owned();
        }
        world.passwords(session, PasswordOutcome::Checked(right));
        world.persist();
        let said = world.take().join("; ");
        (if said.contains("welcome") { "in" } else { "wrong" }).to_owned()
    };
    // From everywhere, at one account.
    for n in 0..3 {
        world.come_from(&format!("10.0.1.{n}"));
        assert_eq!(guess(&mut world, "ann", false), "wrong");
    }
    world.come_from("10.0.1.9");
    assert_eq!(guess(&mut world, "ann", true), "too_fast");
    world.wait(1_000);
    assert_eq!(guess(&mut world, "ann", true), "in", "the right one costs nothing");
    assert_eq!(guess(&mut world, "ann", true), "in");
    // From one address, at many names, also such as nobody has.
    world.come_from("10.0.2.1");
    for name in ["bob", "bob", "nobody", "noone", "nil"] {
        assert_eq!(guess(&mut world, name, false), "wrong");
    }
    assert_eq!(guess(&mut world, "bob", true), "too_fast");
    world.come_from("10.0.2.2");
    assert_eq!(guess(&mut world, "bob", true), "in", "from elsewhere");
    // Whoever guesses keeps nobody out who has been here before from where they are.
    for n in 0..3 {
        world.come_from(&format!("10.0.3.{n}"));
        guess(&mut world, "ann", false);
    }
    world.come_from("10.0.3.9");
    assert_eq!(guess(&mut world, "ann", true), "too_fast");
    world.come_from("10.0.1.9");
    assert_eq!(guess(&mut world, "ann", true), "in");
}

#[test]
fn tries_that_are_being_checked_count_already() {
    let mut world = world(|limits| limits.user[Limited::Logins] = at_once(2));
    world.account("ann");
    let mut answers = Vec::new();
    for n in 0..4 {
        world.come_from(&format!("10.0.1.{n}"));
        let session = world.connect(true);
        world.enter(session, "ann", Entry::Password(password()));
        answers.extend(world.take());
    }
    let refused = answers.iter().filter(|line| line.contains("too_fast")).count();
    assert_eq!(refused, 2, "{answers:?}");
}

#[test]
fn accounts_are_made_slowly_from_one_address() {
    let mut world = world(|limits| limits.address[Limited::Logins] = at_once(2));
    for n in 0..2 {
        world.account(&format!("ann{n}"));
    }
    let third = world.connect(true);
    world.enter(third, "ann3", Entry::Register { password: password(), invite: None });
    assert_eq!(world.take(), [format!("{} refused too_fast", third.slot())]);
    let guest = world.guest("ann3");
    world.take();
    let register = Command::Register { password: password(), invite: None };
    assert_eq!(world.ask(guest, register), "refused too_fast");
}

// ---- passwords that others could read

fn strict() -> World {
    World::with(HubConfig { plaintext_passwords: false, ..HubConfig::default() })
}

#[test]
fn where_others_can_read_along_no_password_is_taken() {
    let mut world = strict();
    world.account("ann");
    world.is_private = false;
    let entries: [fn() -> Entry; 2] =
        [|| Entry::Password(password()), || Entry::Register { password: password(), invite: None }];
    for entry in entries {
        let session = world.connect(true);
        world.enter(session, "ann", entry());
        assert_eq!(world.take(), [format!("{} refused tls_needed", session.slot())]);
    }
    // Nobody is asked for one either.
    let session = world.connect(false);
    world.hello(session, "ann");
    assert_eq!(world.take(), [format!("{} refused tls_needed", session.slot())]);
    // A guest is welcome, and stays one.
    let gus = world.guest("gus");
    world.take();
    let commands = [
        Command::Register { password: password(), invite: None },
        Command::Login { name: user("ann"), password: password(), fresh: support::token(99) },
    ];
    for command in commands {
        assert_eq!(world.ask(gus, command), "refused tls_needed");
    }
    // Who is an account by its token can't change its password here.
    let ann = world.resume(1);
    world.persist();
    world.take();
    let change = Command::Password { old: password(), new: password() };
    assert_eq!(world.ask(ann, change), "refused tls_needed");
}

#[test]
fn where_nobody_can_read_along_passwords_are_taken() {
    let mut world = strict();
    world.account("ann");
    let ann = world.connect(true);
    world.log_in_on(ann, "ann");
    world.persist();
    assert!(world.take().contains(&"2 welcome ann (account)".to_owned()));
    let mut world = World::new();
    world.is_private = false;
    world.account("bob");
    assert_eq!(world.audit(), ["registered bob "], "an operator can allow it");
}

#[test]
fn a_server_without_guests_says_how_to_come_in() {
    let mut world = World::with(HubConfig {
        guests: false,
        plaintext_passwords: false,
        ..HubConfig::default()
    });
    world.is_private = false;
    let ann = world.connect(false);
    world.hello(ann, "ann");
    assert_eq!(world.take(), ["1 refused tls_needed"]);
    world.is_private = true;
    let ann = world.connect(false);
    world.hello(ann, "ann");
    assert_eq!(world.take(), ["2 refused login_needed"]);
}

//! Rooms that are found by a name and a PIN: apart from each other and from the room of that name,
//! gone soon after the last has left, and the PIN nowhere.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::room::ServerKey;
use hubbub_protocol::*;
use support::World;
use support::rooms::{pattern, secret};
use support::{room, to, user};

/// A guest that comes from there, in the room of this PIN; and how that is called.
fn inside(world: &mut World, name: &str, pin: &str) -> (SessionId, String) {
    let session = world.somebody(name, false);
    assert!(world.join_pin(session, "Work", pin).starts_with("joined"));
    let place = world.joined();
    world.take();
    (session, place)
}

fn rooms(world: &World) -> usize {
    world.hub.figures().rooms
}

#[test]
fn rooms_of_one_name_and_different_pins_are_apart() {
    let mut world = World::new();
    let (ann, one) = inside(&mut world, "ann", "1111");
    let (bob, two) = inside(&mut world, "bob", "2222");
    let cat = world.member("cat", "Work");
    assert!(one.starts_with("Work~") && two.starts_with("Work~") && one != two, "{one} {two}");
    assert_eq!(rooms(&world), 3);
    assert_eq!(world.speak(ann, &one, "in one"), "sent 1");
    let lines = world.lines_with("in one");
    assert_eq!(lines, [format!("to {one} but {}: 1 <ann> in one", ann.slot())]);
    for (session, other) in [(bob, &one), (cat, &one), (cat, &two)] {
        assert_eq!(world.speak(session, other, "let me in"), "refused not_member");
        assert_eq!(world.enter_room(session, other), "refused room_invalid");
    }
    // The same name in another case and the same PIN is the same room; a key is no PIN.
    let dan = world.guest("dan");
    assert!(world.join_pin(dan, "WORK", "1111").starts_with(&format!("joined {one} at 1")));
    assert!(world.join_pin(dan, "Play", "1111").starts_with("joined Play~"));
    assert!(world.join_key(dan, "Work", "1111").starts_with("joined Work at"));
}

#[test]
fn a_pin_is_nowhere() {
    let mut world = World::new();
    let pin = "4711-very-secret";
    let ann = world.account("ann");
    world.join_with(ann, "Work", Some(JoinSecret::Pin(secret(pin))), Some(Retention::Forever));
    let place = world.joined();
    world.speak(ann, &place, "hello");
    let bob = world.guest("bob");
    for _ in 0..20 {
        world.join_pin(bob, "Work", "4711-wrong");
        world.ask(bob, Command::Rooms { after: None });
    }
    let all = format!("{:?}\n{:?}\n{:?}", world.effects, world.records, world.hub);
    assert!(!all.contains("4711"), "the PIN is in what was kept, said or remembered");
    let command = Command::Join {
        address: to("Work"),
        after: None,
        retention: None,
        secret: Some(JoinSecret::Pin(secret(pin))),
    };
    assert!(!format!("{command:?}").contains("4711"));
}

#[test]
fn a_room_with_a_pin_is_on_no_list() {
    let mut world = World::new();
    let (ann, place) = inside(&mut world, "ann", "1111");
    let bob = world.guest("bob");
    let list = || Command::Rooms { after: None };
    assert_eq!(world.ask(bob, list()), "0 rooms");
    assert_eq!(world.ask(ann, list()), "1 rooms");
    assert!(world.info(bob, &place).is_none());
    let info = world.info(ann, &place).expect("its own room");
    assert_eq!(info.retention, Retention::None);
    assert_eq!((info.role, info.secret, info.key), (Some(Role::Owner), true, false));
    // Whether there is one of that name can't be told either.
    let answer = world.enter_room(bob, &place);
    assert_eq!(answer, world.enter_room(bob, "Work~ffff"));
    assert_eq!(answer, "refused room_invalid");
    let told = |world: &World| format!("{:?}", world.effects.last());
    let there = {
        world.enter_room(bob, &place);
        told(&world)
    };
    let not_there = {
        world.enter_room(bob, "Work~ffff");
        told(&world)
    };
    assert_eq!(there, not_there);
}

#[test]
fn it_is_gone_a_minute_after_the_last_has_left() {
    for retention in [None, Some(Retention::Forever)] {
        let mut world = World::new();
        let ann = world.guest("ann");
        let pin = Some(JoinSecret::Pin(secret("1111")));
        world.join_with(ann, "Work", pin, retention);
        let place = world.joined();
        world.speak(ann, &place, "hello");
        world.ask(ann, Command::Leave { room: room(&place) });
        world.wait(59_999);
        assert_eq!(rooms(&world), 1, "{retention:?}");
        world.wait(1);
        world.persist();
        assert_eq!(rooms(&world), 0, "{retention:?}");
        // Found again, it is another one, with the same name.
        world.take();
        assert!(world.join_pin(ann, "Work", "1111").contains(" at 0 "), "{retention:?}");
        assert_eq!(world.joined(), place);
        world.ask(ann, Command::Leave { room: room(&place) });
        world.wait(30_000);
        assert!(world.join_pin(ann, "Work", "1111").starts_with("joined"));
        world.wait(60_000);
        assert_eq!(rooms(&world), 1, "somebody came in time");
    }
}

#[test]
fn what_is_asked_to_be_kept_is_kept_while_somebody_is_in_it() {
    let mut world = World::new();
    let ann = world.account("ann");
    let pin = || Some(JoinSecret::Pin(secret("1111")));
    world.join_with(ann, "Work", pin(), Some(Retention::Messages(100)));
    let place = world.joined();
    assert_eq!(world.speak(ann, &place, "hello"), "sent 1");
    world.quit(ann);
    world.wait(1_000_000);
    world.persist();
    world.restart();
    assert_eq!(rooms(&world), 1, "ann has not left it");
    let bob = world.guest("bob");
    assert!(world.join_pin(bob, "work", "1111").starts_with(&format!("joined {place} at 1")));
    let history = Command::History { address: to(&place), page: frame::Page::Latest, limit: 9 };
    assert_eq!(world.ask(bob, history), "may read");
    // A room of guests alone does not outlive them.
    let cat = world.guest("cat");
    world.join_with(cat, "Play", pin(), Some(Retention::Forever));
    let play = world.joined();
    world.speak(cat, &play, "hello");
    world.restart();
    assert_eq!(rooms(&world), 1);
}

#[test]
fn without_history_nobody_reads_what_was_said_before() {
    let mut world = World::new();
    let (ann, place) = inside(&mut world, "ann", "1111");
    world.speak(ann, &place, "hello");
    let history = Command::History { address: to(&place), page: frame::Page::Latest, limit: 9 };
    assert_eq!(world.ask(ann, history), "refused no_history");
    let said = world.records.iter().any(|record| format!("{record:?}").contains("hello"));
    assert!(!said, "nothing of it is stored");
}

#[test]
fn guessing_is_limited_by_user() {
    let mut world = World::new();
    inside(&mut world, "ann", "1111");
    world.come_from("10.0.0.9");
    let guesser = world.guest("gus");
    for number in 0..limits::PIN_TRIES_PER_USER {
        let answer = world.join_pin(guesser, "Work", &format!("{}", 5000 + number));
        assert!(answer.starts_with("joined"), "a new room: {answer}");
        let place = world.joined();
        world.ask(guesser, Command::Leave { room: room(&place) });
    }
    // Neither the right one nor a wrong one is told apart from now on.
    for pin in ["1111", "6000"] {
        world.take();
        assert_eq!(world.join_pin(guesser, "Work", pin), "refused too_fast");
        assert_eq!(world.wait_ms(), Some(limits::PIN_TRY_MS));
    }
    // One entry for as long as it lasts: nobody fills the log by trying on.
    let entries = |world: &World| {
        world.audit().iter().filter(|line| line.starts_with("pin_refused gus Work")).count()
    };
    assert_eq!(entries(&world), 1);
    world.wait(limits::PIN_TRY_MS);
    assert!(world.join_pin(guesser, "Work", "6000").starts_with("joined"));
    assert_eq!(world.join_pin(guesser, "Work", "1111"), "refused too_fast");
    assert_eq!(entries(&world), 2);
}

#[test]
fn guessing_is_limited_by_address_whoever_one_is() {
    let mut world = World::new();
    inside(&mut world, "ann", "1111");
    let mut free = 0;
    // Each guess under a new name, from another address of the same house.
    for number in 0..limits::PIN_TRIES_PER_ADDRESS + 5 {
        world.come_from(&format!("2001:db8::{number:x}"));
        let guesser = world.guest(&format!("gus{number}"));
        let answer = world.join_pin(guesser, "Work", &format!("{}", 5000 + number));
        free += u32::from(answer.starts_with("joined"));
        world.quit(guesser);
    }
    assert_eq!(free, limits::PIN_TRIES_PER_ADDRESS);
    world.come_from("2001:db8:1::1");
    let other = world.guest("other");
    assert!(world.join_pin(other, "Work", "1111").starts_with("joined"), "from elsewhere");
}

#[test]
fn who_knows_the_pin_comes_as_often_as_it_likes() {
    let mut world = World::new();
    let (_, place) = inside(&mut world, "ann", "1111");
    let bob = world.guest("bob");
    for _ in 0..100 {
        assert!(world.join_pin(bob, "Work", "1111").starts_with("joined"));
        assert!(world.join_pin(bob, "Work", "1111").starts_with("joined"), "once more");
        world.ask(bob, Command::Leave { room: room(&place) });
    }
}

#[test]
fn a_ban_counts_behind_a_pin_too() {
    let mut world = World::new();
    let (ann, place) = inside(&mut world, "ann", "1111");
    let (bob, _) = inside(&mut world, "bob", "1111");
    assert_eq!(world.ban(bob, &place, pattern("a*"), None), "refused not_allowed");
    assert_eq!(world.ban(ann, &place, Whom::User(user("bob")), None), "done");
    assert_eq!(world.join_pin(bob, "Work", "1111"), "refused banned");
    // Closed, it takes only who is invited, and those without a PIN.
    world.set(ann, &place, RoomChange::InviteOnly { on: true });
    let cat = world.guest("cat");
    assert_eq!(world.join_pin(cat, "Work", "1111"), "refused invite_only");
    assert_eq!(world.invite(ann, &place, "cat"), "done");
    assert!(world.enter_room(cat, &place).starts_with("joined"));
}

#[test]
fn a_restart_with_another_key_finds_nothing() {
    let config = HubConfig { key: ServerKey::new([1; 32]), ..HubConfig::default() };
    let mut world = World::with(config);
    let (_, one) = inside(&mut world, "ann", "1111");
    let mut other = World::new();
    let (_, two) = inside(&mut other, "ann", "1111");
    // What it is called tells nothing of the PIN to who does not have the key.
    assert_ne!(one, two);
}

#[test]
fn nobody_takes_the_name_of_a_room_with_a_pin() {
    let mut world = World::new();
    let ann = world.guest("ann");
    assert_eq!(world.enter_room(ann, "Work~1234"), "refused room_invalid");
    let group = Command::Group { room: room("Work~1234"), retention: None };
    assert_eq!(world.ask(ann, group), "refused room_invalid");
    assert_eq!(rooms(&world), 0);
}

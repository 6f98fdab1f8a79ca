//! Who comes into a room: key, invitation, number of members, and rooms that are on no list.

mod support;

use hubbub_hub::*;
use hubbub_protocol::*;
use support::rooms::{enter_from, owned};
use support::{World, room};

#[test]
fn a_full_room_takes_nobody_but_who_keeps_order() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    world.appoint("den", "zoe", None);
    world.set(owner, "den", RoomChange::MemberLimit { members: Some(2) });
    let mia = world.account("mia");
    assert_eq!(world.enter_room(mia, "den"), "refused room_full");
    // Who is away has its place.
    world.quit(max);
    assert_eq!(world.enter_room(mia, "den"), "refused room_full");
    world.appoint("den", "mia", Some(Role::Voice));
    assert_eq!(world.enter_room(mia, "den"), "refused room_full");
    world.appoint("den", "mia", Some(Role::Operator));
    assert!(world.enter_room(mia, "den").starts_with("joined"));
    // Who is in stays in.
    let max = world.login("max");
    assert!(world.enter_room(max, "den").starts_with("joined"));
    world.kick(owner, "den", "max");
    assert_eq!(world.enter_room(max, "den"), "refused room_full");
}

#[test]
fn a_key_opens_a_room_and_is_kept_by_nobody() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    assert_eq!(world.set_key(owner, "den", Some("sesame")), "done");
    assert!(world.enter_room(max, "den").starts_with("joined"), "who is in is in");
    let mia = world.account("mia");
    assert_eq!(world.enter_room(mia, "den"), "refused key_needed");
    assert_eq!(world.join_key(mia, "den", "simsim"), "refused wrong_key");
    assert!(world.audit().iter().any(|line| line.trim_end() == "pin_refused mia den"));
    assert!(world.join_key(mia, "den", "sesame").starts_with("joined"));
    world.ask(mia, Command::Leave { room: room("den") });
    // Only who keeps order invites past the key.
    assert_eq!(world.invite(max, "den", "mia"), "refused not_allowed");
    assert_eq!(world.invite(owner, "den", "mia"), "done");
    assert!(world.enter_room(mia, "den").starts_with("joined"));
    let told = format!("{:?}{:?}", world.effects, world.records);
    assert!(!told.contains("sesame") && !told.contains("simsim"));
    // It counts after a restart, and no longer when it is taken away.
    world.restart();
    let zoe = world.account("zoe");
    assert_eq!(world.enter_room(zoe, "den"), "refused key_needed");
    let owner = world.login("olga");
    world.enter_room(owner, "den");
    assert_eq!(world.set_key(owner, "den", None), "done");
    assert!(world.enter_room(zoe, "den").starts_with("joined"));
}

#[test]
fn keys_are_not_tried_for_ever() {
    let mut world = World::new();
    let owner = owned(&mut world);
    world.set_key(owner, "den", Some("sesame"));
    world.come_from("10.0.0.1");
    let max = world.guest("max");
    for _ in 0..limits::PIN_TRIES_PER_USER {
        assert_eq!(world.join_key(max, "den", "simsim"), "refused wrong_key");
    }
    // From here on the right one tells nothing either.
    assert_eq!(world.join_key(max, "den", "sesame"), "refused too_fast");
    assert_eq!(world.wait_ms(), Some(limits::PIN_TRY_MS));
    world.wait(limits::PIN_TRY_MS);
    assert!(world.join_key(max, "den", "sesame").starts_with("joined"));
}

#[test]
fn a_closed_room_takes_only_who_is_invited() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    world.set(owner, "den", RoomChange::InviteOnly { on: true });
    let mia = world.account("mia");
    assert_eq!(world.enter_room(mia, "den"), "refused invite_only");
    assert_eq!(world.invite(max, "den", "mia"), "refused not_allowed");
    assert_eq!(world.invite(owner, "den", "mia"), "done");
    world.restart();
    let mia = world.login("mia");
    assert!(world.enter_room(mia, "den").starts_with("joined"));
    // An invitation counts once.
    world.ask(mia, Command::Leave { room: room("den") });
    assert_eq!(world.enter_room(mia, "den"), "refused invite_only");
    world.appoint("den", "mia", Some(Role::Voice));
    assert!(world.enter_room(mia, "den").starts_with("joined"), "who has a role is welcome");
}

#[test]
fn nobody_closes_the_room_in_which_all_begin() {
    let mut world = World::new();
    let adam = world.account("adam");
    world.enter_room(adam, "lobby");
    assert_eq!(world.info(adam, "lobby").unwrap().role, None, "it is everybody's");
    world.make_admin("adam");
    let changes =
        [RoomChange::InviteOnly { on: true }, RoomChange::MemberLimit { members: Some(9) }];
    for change in changes {
        assert_eq!(world.set(adam, "LOBBY", change), "refused not_allowed");
    }
    assert_eq!(world.set_key(adam, "lobby", Some("sesame")), "refused not_allowed");
    assert_eq!(world.set(adam, "lobby", RoomChange::MemberLimit { members: None }), "done");
    assert_eq!(world.set(adam, "lobby", RoomChange::Moderated { on: true }), "done");
}

#[test]
fn a_secret_room_is_listed_to_its_members_alone() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = world.guest("max");
    let rooms = || Command::Rooms { after: None };
    assert_eq!(world.ask(max, rooms()), "1 rooms");
    world.set(owner, "den", RoomChange::Secret { on: true });
    assert_eq!(world.ask(max, rooms()), "0 rooms");
    assert!(world.info(max, "den").is_none());
    assert_eq!(world.ask(owner, rooms()), "1 rooms");
    world.enter_room(max, "den");
    assert_eq!(world.ask(max, rooms()), "1 rooms");
    world.kick(owner, "den", "max");
    assert_eq!(world.ask(max, rooms()), "0 rooms");
}

//! Groups: rooms for whom their owner invites. Sessions have numbers in the order in which they
//! connected.

mod support;

use hubbub_hub::Command;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{SessionId, limits};
use support::{World, room, user};

fn group(world: &mut World, session: SessionId) {
    world.tell(session, Command::Group { room: room("club"), retention: None });
}

fn invite(world: &mut World, session: SessionId, name: &str) {
    world.tell(session, Command::Invite { room: room("club"), name: user(name) });
}

fn leave(world: &mut World, session: SessionId) {
    world.tell(session, Command::Leave { room: room("club") });
}

fn rooms(world: &mut World, session: SessionId) -> String {
    world.take();
    world.tell(session, Command::Rooms { after: None });
    world.take().remove(0)
}

/// A group of ann, in which bob and cat are too. Takes the effects away.
fn three(world: &mut World, names: [&str; 3], accounts: bool) -> [SessionId; 3] {
    let sessions = names.map(|name| if accounts { world.account(name) } else { world.guest(name) });
    group(world, sessions[0]);
    for at in 1..3 {
        world.now.wall.0 += 1;
        invite(world, sessions[0], names[at]);
        world.join(sessions[at], "club");
    }
    world.persist();
    world.take();
    sessions
}

#[test]
fn only_who_is_invited_comes_in_and_sees_it() {
    let mut world = World::new();
    let (ann, bob, cat) = (world.guest("ann"), world.guest("bob"), world.guest("cat"));
    world.take();
    group(&mut world, ann);
    assert_eq!(
        world.take(),
        ["to club: ann joined (1)", "1 joined club at 0 live (1)", "1 subscribed"]
    );
    world.join(bob, "club");
    group(&mut world, bob);
    assert_eq!(world.take(), ["2 refused invite_only", "2 refused room_taken"]);
    assert_eq!(rooms(&mut world, bob), "2 0 rooms");
    invite(&mut world, ann, "bob");
    assert_eq!(world.take(), ["2 hears invited into club by ann", "1 done"]);
    world.tell(bob, Command::Links { after: None });
    assert_eq!(world.take(), ["2 links [ann asked club]"]);
    world.join(bob, "club");
    assert_eq!(
        world.take(),
        ["to club: bob joined (2)", "2 joined club at 0 live (2)", "2 subscribed"]
    );
    assert_eq!(rooms(&mut world, bob), "2 1 rooms");
    // Only the owner invites.
    invite(&mut world, bob, "cat");
    invite(&mut world, cat, "cat");
    invite(&mut world, ann, "bob");
    invite(&mut world, ann, "ann");
    assert_eq!(
        world.take(),
        [
            "2 refused not_allowed",
            "3 refused not_member",
            "1 refused already_member",
            "1 refused to_self"
        ]
    );
    // Who has left needs another invitation.
    leave(&mut world, bob);
    world.take();
    world.join(bob, "club");
    assert_eq!(world.take(), ["2 refused invite_only"]);
}

#[test]
fn an_invitation_can_be_declined_and_grows_old() {
    let mut world = World::new();
    world.wait(0);
    let (ann, bob) = (world.guest("ann"), world.guest("bob"));
    group(&mut world, ann);
    invite(&mut world, ann, "bob");
    world.take();
    invite(&mut world, ann, "bob");
    assert_eq!(world.take(), ["1 refused already_asked"]);
    world.tell(bob, Command::Decline { room: room("club") });
    assert_eq!(world.take(), ["1 hears bob declined club", "2 done"]);
    world.tell(bob, Command::Decline { room: room("club") });
    world.join(bob, "club");
    assert_eq!(world.take(), ["2 refused no_request", "2 refused invite_only"]);
    invite(&mut world, ann, "bob");
    world.wait(limits::REQUEST_MS);
    world.take();
    world.join(bob, "club");
    assert_eq!(world.take(), ["2 refused invite_only"]);
}

#[test]
fn an_owner_that_leaves_hands_over_to_the_earliest_member_also_if_that_is_away() {
    let mut world = World::new();
    let [ann, cat, bob] = three(&mut world, ["ann", "cat", "bob"], true);
    world.quit(cat);
    world.take();
    leave(&mut world, ann);
    assert!(world.take().contains(&"to club: cat owns (1)".into()));
    invite(&mut world, bob, "ann");
    assert_eq!(world.take(), ["3 refused not_allowed"]);
    world.persist();
    world.restart();
    let (ann, cat) = (world.login("ann"), world.login("cat"));
    world.join(ann, "club");
    assert_eq!(world.take(), [format!("{} refused invite_only", ann.slot())]);
    invite(&mut world, cat, "ann");
    world.persist();
    assert_eq!(world.take().last().unwrap(), &format!("{} done", cat.slot()));
}

#[test]
fn a_guest_that_owns_a_group_and_goes_hands_over_and_the_last_takes_it_along() {
    let mut world = World::new();
    let [ann, bob, cat] = three(&mut world, ["ann", "bob", "cat"], false);
    let dan = world.guest("dan");
    invite(&mut world, ann, "dan");
    world.quit(ann);
    assert!(world.take().contains(&"to club: bob owns (2)".into()));
    invite(&mut world, bob, "dan");
    world.lose(bob);
    world.wait(90_000);
    assert!(world.take().contains(&"to club: cat owns (1)".into()));
    invite(&mut world, cat, "dan");
    leave(&mut world, cat);
    assert_eq!(world.hub.figures().rooms, 0);
    world.take();
    world.tell(dan, Command::Links { after: None });
    assert_eq!(world.take(), ["4 links []"], "nobody is invited into what is no more");
    group(&mut world, dan);
    assert_eq!(world.take()[0], "to club: dan joined (1)", "its name is free");
}

#[test]
fn after_a_restart_a_group_of_a_guest_has_another_owner_or_is_gone() {
    let mut world = World::new();
    let (guest, ann) = (world.guest("guest"), world.account("ann"));
    group(&mut world, guest);
    invite(&mut world, guest, "ann");
    world.join(ann, "club");
    world.tell(guest, Command::Group { room: room("guests"), retention: None });
    world.say(guest, "guests", "alone");
    world.persist();
    world.restart();
    let effects = world.take();
    assert!(effects.contains(&"to club: ann owns (0)".into()), "{effects:?}");
    assert!(effects.contains(&"persist room gone".into()), "{effects:?}");
    assert_eq!(world.hub.figures().rooms, 1);
    let ann = world.login("ann");
    let bob = world.guest("bob");
    invite(&mut world, ann, "bob");
    assert!(world.take().contains(&format!("{} hears invited into club by ann", bob.slot())));
}

#[test]
fn invitations_into_a_group_that_time_removed_are_over() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    world.tell(ann, Command::Group { room: room("club"), retention: Some(Retention::None) });
    invite(&mut world, ann, "bob");
    assert!(
        !world.take().contains(&"persist request".into()),
        "the store does not know a group that keeps nothing"
    );
    world.quit(ann);
    world.wait(60_000);
    assert_eq!(world.hub.figures().rooms, 0);
    world.take();
    world.tell(bob, Command::Links { after: None });
    assert_eq!(world.take(), ["2 links []"]);
    world.persist();
    world.stop_and_start();
}

#[test]
fn invitations_of_accounts_last_over_a_restart() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    group(&mut world, ann);
    invite(&mut world, ann, "bob");
    world.quit(bob);
    world.persist();
    world.restart();
    let bob = world.connect(true);
    world.log_in_on(bob, "bob");
    world.persist();
    assert_eq!(world.take().last().unwrap(), "3 hears invited into club by ann");
    world.join(bob, "club");
    assert!(world.take().contains(&"persist request gone".into()));
}

#[test]
fn a_guest_that_registers_keeps_its_group_and_its_invitations() {
    let mut world = World::new();
    let ann = world.guest("ann");
    world.account("bob");
    group(&mut world, ann);
    invite(&mut world, ann, "bob");
    world.register(ann);
    world.restart();
    let (ann, bob) = (world.login("ann"), world.login("bob"));
    world.join(bob, "club");
    invite(&mut world, ann, "bob");
    assert_eq!(world.take().last().unwrap(), &format!("{} refused already_member", ann.slot()));
}

#[test]
fn a_full_group_takes_nobody_also_not_who_was_invited_before() {
    let mut world = World::new();
    let ann = world.guest("ann");
    group(&mut world, ann);
    let mut late = None;
    for n in 1..=limits::GROUP_MEMBERS {
        let name = format!("guest{n}");
        let session = world.connect(false);
        world.hello(session, &name);
        invite(&mut world, ann, &name);
        if n == 1 {
            late = Some(session);
        } else {
            world.join(session, "club");
        }
        world.effects.clear();
    }
    let late = late.expect("the first was invited");
    world.join(late, "club");
    assert_eq!(world.take(), [format!("{} refused limit", late.slot())]);
    world.guest("more");
    world.take();
    invite(&mut world, ann, "more");
    assert_eq!(world.take(), ["1 refused limit"]);
}

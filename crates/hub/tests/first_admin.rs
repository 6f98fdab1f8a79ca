//! The token that makes the first admin, and what whoever runs the server sees of it.

mod support;

use hubbub_hub::*;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::*;
use support::rooms::note;
use support::{World, room, user};

fn code() -> InviteCode {
    InviteCode::from_random(42)
}

/// A server without an admin, on which one may do as much as one likes, but guess.
fn fresh() -> World {
    let (usual, mut limits) = (Limits::default(), Limits::free());
    limits.user[Limited::Pins] = usual.user[Limited::Pins];
    limits.address[Limited::Pins] = usual.address[Limited::Pins];
    let setup = Some(code().digest());
    World::with(HubConfig { limits, setup, plaintext_passwords: false, ..HubConfig::default() })
}

fn set_up(world: &mut World, session: SessionId, token: &str) -> String {
    world.ask(session, Command::Setup { token: Hidden::new(token) })
}

fn admins(world: &mut World) -> Vec<UserName> {
    world.take();
    world.admin(AdminCommand::AdminList);
    match world.effects.pop() {
        Some(Effect::AdminReply { reply: Ok(AdminReply::Admins(names)), .. }) => names,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_token_makes_one_admin() {
    let mut world = fresh();
    let gus = world.guest("gus");
    assert_eq!(set_up(&mut world, gus, &code().expose()), "refused not_account");
    let ann = world.account("ann");
    let ben = world.account("ben");
    assert!(world.hub.awaits_setup());
    assert_eq!(set_up(&mut world, ann, "nonsense"), "refused setup_invalid");
    let wrong = InviteCode::from_random(43).expose();
    assert_eq!(set_up(&mut world, ann, &wrong), "refused setup_invalid");
    assert_eq!(admins(&mut world), []);
    assert_eq!(set_up(&mut world, ann, &code().expose()), "done");
    assert!(world.take().contains(&"set up".to_owned()));
    assert_eq!(admins(&mut world), [user("ann")]);
    assert!(!world.hub.awaits_setup());
    for session in [ann, ben] {
        assert_eq!(set_up(&mut world, session, &code().expose()), "refused setup_invalid");
    }
    assert!(world.audit().contains(&"admin_set ann ann on".to_owned()), "{:#?}", world.audit());
    // Not after a restart, and not when there is no admin any more.
    world.restart();
    assert!(!world.hub.awaits_setup());
    let ben = world.login("ben");
    assert_eq!(set_up(&mut world, ben, &code().expose()), "refused setup_invalid");
    world.admin(AdminCommand::AdminSet { name: user("ann"), on: false });
    assert_eq!(set_up(&mut world, ben, &code().expose()), "refused setup_invalid");
    assert_eq!(admins(&mut world), []);
}

#[test]
fn an_admin_made_otherwise_voids_the_token() {
    let mut world = fresh();
    world.account("ann");
    let ben = world.account("ben");
    world.take();
    world.make_admin("ann");
    assert!(world.take().contains(&"set up".to_owned()));
    assert_eq!(set_up(&mut world, ben, &code().expose()), "refused setup_invalid");
    assert_eq!(admins(&mut world), [user("ann")]);
}

#[test]
fn the_token_is_not_taken_where_others_can_read_along() {
    let mut world = fresh();
    world.account("ann");
    world.is_private = false;
    let readable = world.resume(1);
    world.persist();
    assert_eq!(set_up(&mut world, readable, &code().expose()), "refused tls_needed");
    assert!(world.hub.awaits_setup());
}

#[test]
fn guesses_are_counted_for_account_and_address() {
    let mut world = fresh();
    world.come_from("10.0.0.7");
    let ann = world.account("ann");
    let mut tries = 0;
    while set_up(&mut world, ann, "nonsense") == "refused setup_invalid" {
        tries += 1;
        assert!(tries < 1_000, "there is no end to it");
    }
    assert_eq!(world.answer(ann).expect("an answer"), "refused too_fast");
    let wait_ms = world.wait_ms().expect("how long");
    // Then not even the right one.
    assert_eq!(set_up(&mut world, ann, &code().expose()), "refused too_fast");
    // Not by many accounts from there either.
    for n in 0..100 {
        let next = world.account(&format!("next{n}"));
        while set_up(&mut world, next, "nonsense") == "refused setup_invalid" {
            tries += 1;
        }
    }
    assert!(tries <= limits::PIN_TRIES_PER_ADDRESS, "{tries} tries");
    world.wait(wait_ms.max(60 * 60 * 1000));
    assert_eq!(set_up(&mut world, ann, &code().expose()), "done");
}

#[test]
fn a_first_admin_outlives_a_failing_store() {
    let mut world = fresh();
    let ann = world.account("ann");
    let ben = world.account("ben");
    world.take();
    world.tell(ann, Command::Setup { token: Hidden::new(code().expose()) });
    world.fail();
    // Nothing of it is taken back, so nobody else becomes one.
    world.tell(ben, Command::Setup { token: Hidden::new(code().expose()) });
    assert_eq!(world.answer(ben).expect("an answer"), "refused setup_invalid");
    world.recover();
    world.persist();
    assert!(world.take().contains(&format!("{} done", ann.slot())));
    world.restart();
    assert_eq!(admins(&mut world), [user("ann")]);
    // While nothing can be kept, nobody becomes one.
    let mut world = fresh();
    let ann = world.account("ann");
    world.fail();
    assert_eq!(set_up(&mut world, ann, &code().expose()), "refused not_stored");
    assert!(world.hub.awaits_setup());
}

#[test]
fn long_lists_come_in_pages_with_everything_once() {
    let mut world = World::new();
    for n in 0..1_001 {
        let guest = world.guest(&format!("guest{n}"));
        assert!(world.enter_room(guest, &format!("room{n}")).starts_with("joined"), "{n}");
        world.take();
    }
    world.take();
    let (mut rooms, mut after) = (Vec::new(), None);
    loop {
        let is_first = after.is_none();
        world.admin(AdminCommand::Rooms { after });
        let Some(Effect::AdminReply {
            reply: Ok(AdminReply::Rooms { rooms: page, next, privates }),
            ..
        }) = world.effects.pop()
        else {
            panic!("a page of rooms");
        };
        assert_eq!(privates, is_first.then_some(0), "counted once");
        assert!(!page.is_empty() && page.len() <= 500);
        rooms.extend(page.into_iter().map(|room| room.name));
        after = next;
        if after.is_none() {
            break;
        }
    }
    rooms.sort_unstable();
    rooms.dedup();
    assert_eq!(rooms.iter().filter(|room| room.as_str().starts_with("room")).count(), 1_001);
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        world.admin(AdminCommand::Users { after });
        let Some(Effect::AdminReply {
            reply: Ok(AdminReply::Users { users: page, next, count }),
            ..
        }) = world.effects.pop()
        else {
            panic!("a page of users");
        };
        assert_eq!(count, 1_001);
        assert!(!page.is_empty() && page.len() <= 500);
        users.extend(page.into_iter().map(|user| user.name));
        after = next;
        if after.is_none() {
            break;
        }
    }
    users.sort_unstable();
    users.dedup();
    assert_eq!(users.len(), 1_001);
}

#[test]
fn the_operator_sees_hidden_rooms_and_no_private_chat() {
    let mut world = World::new();
    let ann = world.account("ann");
    let gus = world.guest("gus");
    world.enter_room(ann, "den");
    world.set(ann, "den", RoomChange::Secret { on: true });
    world.join_pin(ann, "vault", "4711");
    let label = world.joined();
    world.ask(ann, Command::Group { room: room("club"), retention: None });
    world.link(ann, "ann", gus, "gus");
    world.ask(gus, Command::Away { note: Some(note("tea")) });
    let held = world.guest("held");
    world.lose(held);
    world.take();
    world.admin(AdminCommand::Rooms { after: None });
    let Some(Effect::AdminReply { reply: Ok(AdminReply::Rooms { rooms, next, privates }), .. }) =
        world.effects.pop()
    else {
        panic!("the rooms");
    };
    assert_eq!((next, privates), (None, Some(1)));
    let found = |name: &str| rooms.iter().find(|room| room.name.as_str() == name).expect(name);
    assert!(found("den").secret && found("club").secret && found(&label).secret);
    assert_eq!(found("den").members, [user("ann")]);
    assert_eq!(found(&label).sort, frame::RoomSort::Pin);
    assert!(!rooms.iter().any(|room| room.name.as_str().contains("4711")));
    world.admin(AdminCommand::Users { after: None });
    let Some(Effect::AdminReply { reply: Ok(AdminReply::Users { users, .. }), .. }) =
        world.effects.pop()
    else {
        panic!("the users");
    };
    let found = |name: &str| users.iter().find(|user| user.name.as_str() == name).expect(name);
    assert_eq!(found("ann").rooms.len(), 3, "the chat with gus is none of them");
    assert_eq!((found("held").sessions, found("ann").sessions), (0, 1));
    assert_eq!(found("gus").away.as_ref().map(Note::as_str), Some("tea"));
    // Connections: of one user or all, also those that are nobody yet.
    world.connect(true);
    for (of, count) in [(None, 3), (Some("ann"), 1), (Some("held"), 0)] {
        world.admin(AdminCommand::SessionIds { of: of.map(user) });
        let Some(Effect::AdminReply { reply: Ok(AdminReply::SessionIds(mut ids)), .. }) =
            world.effects.pop()
        else {
            panic!("the connections");
        };
        assert_eq!(ids.len(), count, "{of:?}");
        // One that has gone meanwhile is left out.
        ids.push(SessionId::new(0, 99, 999));
        world.admin(AdminCommand::Sessions { ids });
        let Some(Effect::AdminReply { reply: Ok(AdminReply::Sessions(found)), .. }) =
            world.effects.pop()
        else {
            panic!("the connections");
        };
        assert_eq!(found.len(), count, "{of:?}");
    }
}

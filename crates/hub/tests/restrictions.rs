//! Bans, mutes, and what else keeps people silent in a room. Who may say them is in `order.rs`, what
//! else keeps people out in `entrance.rs`.

mod support;

use hubbub_hub::*;
use hubbub_protocol::*;
use support::rooms::{enter_from, network, owned, pattern, react, restrict, text};
use support::{World, room, to, user};

const BAN: RestrictionKind = RestrictionKind::Ban;
const MUTE: RestrictionKind = RestrictionKind::Mute;

fn whom(name: &str) -> Whom {
    Whom::User(user(name))
}

#[test]
fn who_is_banned_hears_nothing_more_and_does_not_come_in_again() {
    let mut world = World::new();
    let owner = owned(&mut world);
    for is_account in [true, false] {
        let name = if is_account { "max" } else { "mia" };
        let banned = enter_from(&mut world, name, "10.0.0.1", is_account);
        world.tell(owner, restrict("den", BAN, whom(name), None));
        world.say(owner, "den", "good riddance");
        world.persist();
        let all = world.take();
        let slot = banned.slot();
        let at = |what: &str| all.iter().position(|line| line.contains(what));
        let out = at(&format!("{slot} unsubscribed")).expect("its end");
        assert!(at("<olga> ban m").expect("the act") > out, "{all:#?}");
        assert!(at(&format!("{slot} hears banned from den by olga")).is_some(), "{all:#?}");
        assert_eq!(world.enter_room(banned, "den"), "refused banned");
        assert_eq!(world.speak(banned, "den", "let me in"), "refused not_member");
        assert_eq!(world.edit(banned, "den", 1, "let me in"), "refused not_member");
        for command in [
            Command::History { address: to("den"), page: frame::Page::Latest, limit: 9 },
            Command::Typing { address: to("den") },
            Command::Members { room: room("den"), after: None },
        ] {
            assert_eq!(world.ask(banned, command), "refused not_member");
        }
        // Not by an invitation either.
        world.set(owner, "den", RoomChange::InviteOnly { on: true });
        assert_eq!(world.invite(owner, "den", name), "done");
        assert_eq!(world.enter_room(banned, "den"), "refused banned");
        world.set(owner, "den", RoomChange::InviteOnly { on: false });
        assert_eq!(world.lift(owner, "den", BAN, whom(name)), "done");
        assert!(world.enter_room(banned, "den").starts_with("joined"));
    }
}

#[test]
fn a_search_looks_only_where_its_user_is_now() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    world.enter_room(max, "tea");
    world.take();
    let search = |address: Option<&str>| Command::Search {
        words: "words".into(),
        address: address.map(to),
        from: None,
        since: None,
        until: None,
        after: None,
        limit: 9,
    };
    assert_eq!(world.ask(max, search(None)), "may search words in den, tea");
    world.ban(owner, "den", whom("max"), None);
    assert_eq!(world.ask(max, search(None)), "may search words in tea");
    assert_eq!(world.ask(max, search(Some("den"))), "refused not_member");
    world.ask(max, Command::Leave { room: room("tea") });
    // No room is not all rooms.
    assert_eq!(world.ask(max, search(None)), "nothing found");
}

#[test]
fn a_kick_sends_out_and_no_more() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    let other = world.login("max");
    world.enter_room(other, "den");
    world.take();
    world.tell(max, Command::Leave { room: room("nowhere") });
    // What was said before the kick is said; to whom it was said before counts when it is durable.
    world.say(owner, "den", "last words");
    world.tell(owner, Command::Kick { room: room("den"), name: user("max"), reason: None });
    world.persist();
    let all = world.take();
    let at = |what: String| all.iter().position(|line| *line == what).expect("it happens");
    for session in [max, other] {
        let out = at(format!("{} unsubscribed", session.slot()));
        assert!(out < at(format!("to den but {}: 1 <olga> last words", owner.slot())));
        at(format!("{} hears kicked from den by olga", session.slot()));
    }
    assert!(world.enter_room(max, "den").starts_with("joined"));
    assert_eq!(world.kick(owner, "den", "nobody"), "refused no_such_user");
    assert_eq!(world.kick(owner, "nowhere", "max"), "refused not_member");
    world.ask(max, Command::Leave { room: room("den") });
    assert_eq!(world.kick(owner, "den", "max"), "refused no_such_user", "who is not there");
}

#[test]
fn an_account_that_is_away_is_kicked_and_banned_too() {
    let mut world = World::new();
    let owner = owned(&mut world);
    for (name, is_ban) in [("max", false), ("mia", true)] {
        let session = enter_from(&mut world, name, "10.0.0.1", true);
        world.quit(session);
        world.take();
        let done = if is_ban {
            world.ban(owner, "den", pattern("mi?"), None)
        } else {
            world.kick(owner, "den", name)
        };
        assert_eq!(done, "done");
        let back = world.login(name);
        assert_eq!(world.speak(back, "den", "hello?"), "refused not_member");
        let answer = world.enter_room(back, "den");
        assert_eq!(answer.starts_with("joined"), !is_ban, "{answer}");
    }
}

#[test]
fn a_ban_of_an_address_means_whoever_comes_from_there() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", false);
    let mia = enter_from(&mut world, "mia", "10.0.0.1", true);
    let far = enter_from(&mut world, "far", "10.0.0.2", false);
    assert_eq!(world.ban(owner, "den", Whom::AddressOf(user("max")), None), "done");
    let all = world.take();
    // The address is not named to anybody.
    assert!(!all.iter().any(|line| line.contains("10.0")), "{all:#?}");
    assert_eq!(world.enter_room(max, "den"), "refused banned");
    assert_eq!(world.enter_room(mia, "den"), "refused banned");
    assert!(world.speak(far, "den", "still here").starts_with("sent"));
    // Also by another of its sessions, and in another name.
    world.come_from("10.0.0.77");
    let elsewhere = world.login("mia");
    assert_eq!(world.enter_room(elsewhere, "den"), "refused banned");
    world.quit(mia);
    assert!(world.enter_room(elsewhere, "den").starts_with("joined"));
    // The same house.
    world.come_from("2001:db8::1");
    let six = world.guest("six");
    world.enter_room(six, "den");
    world.ban(owner, "den", Whom::AddressOf(user("six")), None);
    world.come_from("2001:db8::ffff:2");
    let seven = world.guest("seven");
    assert_eq!(world.enter_room(seven, "den"), "refused banned");
    world.come_from("::ffff:10.0.0.1");
    let mapped = world.guest("mapped");
    assert_eq!(world.enter_room(mapped, "den"), "refused banned", "it is 10.0.0.1");
    let restrictions = world.ask(owner, Command::Restrictions { room: room("den"), after: None });
    assert_eq!(restrictions, "restrictions [ban address of max, ban address of six]");
    let lift = |world: &mut World, name| world.lift(owner, "den", BAN, Whom::AddressOf(user(name)));
    assert_eq!(lift(&mut world, "max"), "done");
    assert_eq!(lift(&mut world, "max"), "refused not_restricted");
    assert!(world.enter_room(mapped, "den").starts_with("joined"));
    assert_eq!(world.ban(owner, "den", network("10.0.0.0/16"), None), "done");
    assert_eq!(world.enter_room(mapped, "den"), "refused banned");
    assert_eq!(world.lift(owner, "den", BAN, network("10.0.0.0/16")), "done");
}

#[test]
fn a_member_that_comes_from_a_banned_address_is_sent_out() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let home = enter_from(&mut world, "max", "10.0.0.1", true);
    world.ban(owner, "den", network("10.0.7.0/24"), None);
    world.take();
    world.come_from("10.0.7.1");
    let session = world.connect(true);
    world.log_in_on(session, "max");
    world.persist();
    let all = world.take();
    assert!(all.contains(&format!("{} unsubscribed", home.slot())), "{all:#?}");
    assert!(all.contains(&"to den: max kicked (1)".to_owned()), "{all:#?}");
    assert_eq!(world.speak(home, "den", "hello?"), "refused not_member");
    assert_eq!(world.enter_room(session, "den"), "refused banned");
    // Also who was away meanwhile, and a guest that comes back with its token.
    world.come_from("10.0.0.3");
    let guest = world.connect(true);
    world.hello(guest, "gus");
    world.enter_room(guest, "den");
    world.lose(guest);
    world.come_from("10.0.7.2");
    let back = world.resume(guest.slot());
    world.persist();
    assert_eq!(world.speak(back, "den", "hello?"), "refused not_member");
}

#[test]
fn a_ban_ends_with_its_time_and_outlives_a_restart() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    assert_eq!(world.ban(owner, "den", whom("max"), Some(60_000)), "done");
    world.wait(59_999);
    assert_eq!(world.enter_room(max, "den"), "refused banned");
    world.restart();
    let max = world.login("max");
    assert_eq!(world.enter_room(max, "den"), "refused banned");
    world.wait(1);
    assert!(world.enter_room(max, "den").starts_with("joined"));
    // It is over: it is not listed, and can't be lifted.
    let owner = world.login("olga");
    world.enter_room(owner, "den");
    let list = Command::Restrictions { room: room("den"), after: None };
    assert_eq!(world.ask(owner, list), "restrictions []");
    assert_eq!(world.lift(owner, "den", BAN, whom("max")), "refused not_restricted");
    // Said again, a ban has another end.
    world.ban(owner, "den", whom("max"), Some(1_000));
    world.ban(owner, "den", whom("max"), None);
    world.wait(100_000);
    assert_eq!(world.enter_room(max, "den"), "refused banned");
    let list = Command::Restrictions { room: room("den"), after: None };
    assert_eq!(world.ask(owner, list), "restrictions [ban max]");
}

#[test]
fn a_ban_follows_an_account_whatever_it_is_called() {
    let mut world = World::new();
    let owner = owned(&mut world);
    // Of a guest, that registers.
    let guest = enter_from(&mut world, "gus", "10.0.0.1", false);
    world.ban(owner, "den", whom("gus"), None);
    world.register(guest);
    assert_eq!(world.enter_room(guest, "den"), "refused banned");
    world.ask(guest, Command::Nick { name: user("gustav") });
    assert_eq!(world.enter_room(guest, "den"), "refused banned");
    world.restart();
    let back = world.login("gustav");
    assert_eq!(world.enter_room(back, "den"), "refused banned");
    let owner = world.login("olga");
    world.enter_room(owner, "den");
    // By its name of today.
    assert_eq!(world.lift(owner, "den", BAN, whom("gustav")), "done");
    assert!(world.enter_room(back, "den").starts_with("joined"));
    // A guest that comes again is another one.
    let guest = enter_from(&mut world, "gil", "10.0.0.1", false);
    world.ban(owner, "den", whom("gil"), None);
    world.quit(guest);
    let guest = world.guest("gil");
    assert!(world.enter_room(guest, "den").starts_with("joined"));
}

#[test]
fn a_pattern_means_whoever_is_called_so_now() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", false);
    let bot = enter_from(&mut world, "BadBot", "10.0.0.1", false);
    assert_eq!(world.ban(owner, "den", pattern("bad*"), None), "done");
    assert_eq!(world.enter_room(bot, "den"), "refused banned");
    // Who takes such a name is sent out.
    world.take();
    assert_eq!(world.ask(max, Command::Nick { name: user("badmax") }), "is badmax");
    let all = world.take();
    assert!(all.contains(&format!("{} hears banned from den by olga", max.slot())), "{all:#?}");
    assert_eq!(world.speak(max, "den", "ha"), "refused not_member");
    assert_eq!(world.ask(max, Command::Nick { name: user("max") }), "is max");
    assert!(world.enter_room(max, "den").starts_with("joined"));
    // Who keeps order is not meant, until that is over.
    world.appoint("den", "max", Some(Role::Operator));
    world.ask(max, Command::Nick { name: user("badmax") });
    assert!(world.speak(max, "den", "ha").starts_with("sent"));
    world.appoint("den", "badmax", Some(Role::Voice));
    assert_eq!(world.speak(max, "den", "ha"), "refused not_member");
    assert_eq!(world.enter_room(max, "den"), "refused banned");
}

#[test]
fn those_who_keep_order_are_not_meant_by_a_ban_of_many() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let otto = enter_from(&mut world, "otto", "10.0.0.1", true);
    let adam = enter_from(&mut world, "adam", "10.0.0.1", true);
    let vera = enter_from(&mut world, "vera", "10.0.0.1", true);
    world.appoint("den", "otto", Some(Role::Operator));
    world.appoint("den", "vera", Some(Role::Voice));
    world.make_admin("adam");
    world.take();
    assert_eq!(world.ban(otto, "den", network("10.0.0.0/16"), None), "done");
    for session in [owner, otto, adam] {
        assert!(world.speak(session, "den", "still here").starts_with("sent"));
        world.ask(session, Command::Leave { room: room("den") });
        assert!(world.enter_room(session, "den").starts_with("joined"));
    }
    assert_eq!(world.enter_room(vera, "den"), "refused banned");
    // Her voice went with it, also after a restart.
    let roles = Command::Roles { room: room("den"), after: None };
    assert_eq!(world.ask(owner, roles), "roles [olga owner, otto operator]");
    // A mute of all does not mean them either.
    world.mute(otto, "den", pattern("*t*o"));
    assert!(world.speak(otto, "den", "hear me").starts_with("sent"));
}

#[test]
fn who_is_muted_says_changes_and_types_nothing() {
    let mut world = World::new();
    let owner = owned(&mut world);
    for is_account in [true, false] {
        let name = if is_account { "max" } else { "mia" };
        let session = enter_from(&mut world, name, "10.0.0.1", is_account);
        let said = world.speak(session, "den", "before");
        let of: u64 = said.strip_prefix("sent ").unwrap().parse().unwrap();
        assert_eq!(world.mute(owner, "den", whom(name)), "done");
        world.take();
        assert_eq!(world.speak(session, "den", "psst"), "refused muted");
        assert_eq!(world.edit(session, "den", of, "psst"), "refused muted");
        assert_eq!(world.ask(session, react("den", of, "+1", true)), "refused muted");
        assert_eq!(world.ask(session, Command::Typing { address: to("den") }), "done");
        assert_eq!(world.lines_with("to den"), Vec::<String>::new());
        // It hears the others, may take back what it said, and leaving does not help.
        assert_eq!(world.delete(session, "den", of), "done");
        world.ask(session, Command::Leave { room: room("den") });
        world.enter_room(session, "den");
        assert_eq!(world.speak(session, "den", "psst"), "refused muted");
        assert_eq!(world.lift(owner, "den", BAN, whom(name)), "refused not_restricted");
        assert_eq!(world.lift(owner, "den", MUTE, whom(name)), "done");
        assert!(world.speak(session, "den", "thanks").starts_with("sent"));
    }
}

#[test]
fn in_a_moderated_room_only_roles_speak() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", false);
    let said = world.speak(max, "den", "before");
    world.set(owner, "den", RoomChange::Moderated { on: true });
    world.take();
    assert_eq!(world.speak(max, "den", "psst"), "refused muted");
    let of: u64 = said.strip_prefix("sent ").unwrap().parse().unwrap();
    assert_eq!(world.edit(max, "den", of, "psst"), "refused muted");
    assert_eq!(world.ask(max, react("den", of, "+1", true)), "refused muted");
    world.ask(max, Command::Typing { address: to("den") });
    assert_eq!(world.lines_with("types"), Vec::<String>::new());
    assert_eq!(world.give(owner, "den", "max", Some(Role::Voice)), "done");
    assert!(world.speak(max, "den", "thanks").starts_with("sent"));
    // A guest's voice ends with its being there.
    world.ask(max, Command::Leave { room: room("den") });
    world.enter_room(max, "den");
    assert_eq!(world.speak(max, "den", "psst"), "refused muted");
}

#[test]
fn slow_mode_says_how_long_to_wait_and_takes_a_repetition() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let instance = Instance([7; 16]);
    let max = world.connect(true);
    world.hello_as(max, Some("max"), Some(instance), None);
    world.enter_room(max, "den");
    world.set(owner, "den", RoomChange::SlowMode { seconds: 10 });
    world.take();
    let send = |counter| Command::Send {
        address: to("den"),
        body: Body::text(text("hello")),
        counter: Some(Counter(counter)),
        hold: false,
    };
    assert_eq!(world.ask(max, send(1)), "sent 2");
    world.wait(4_000);
    assert_eq!(world.ask(max, send(2)), "refused too_fast");
    assert_eq!(world.wait_ms(), Some(6_000));
    // What was taken is answered again at any time; a refused send does not make the wait longer.
    assert_eq!(world.ask(max, send(1)), "sent 2 again");
    world.wait(5_999);
    assert_eq!(world.ask(max, send(2)), "refused too_fast");
    assert_eq!(world.wait_ms(), Some(1));
    world.wait(1);
    assert_eq!(world.ask(max, send(2)), "sent 3");
    assert_eq!(world.ask(max, send(2)), "sent 3 again");
    // To change what was said is no new message.
    assert_eq!(world.edit(max, "den", 3, "hello!"), "done");
    // Who has a role does not wait.
    world.give(owner, "den", "max", Some(Role::Voice));
    assert!(world.ask(max, send(3)).starts_with("sent"));
    assert!(world.ask(max, send(4)).starts_with("sent"));
    world.give(owner, "den", "max", None);
    // Another wait begins when it is set anew.
    assert_eq!(world.ask(max, send(5)), "refused too_fast");
    world.set(owner, "den", RoomChange::SlowMode { seconds: 0 });
    assert!(world.ask(max, send(5)).starts_with("sent"));
}

#[test]
fn an_account_can_not_leave_the_wait_of_slow_mode_behind() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    world.set(owner, "den", RoomChange::SlowMode { seconds: 10 });
    assert!(world.speak(max, "den", "hello").starts_with("sent"));
    world.ask(max, Command::Leave { room: room("den") });
    world.enter_room(max, "den");
    assert_eq!(world.speak(max, "den", "hello"), "refused too_fast");
}

#[test]
fn a_message_that_the_store_refuses_costs_no_wait_before_it_is_taken() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", false);
    world.set(owner, "den", RoomChange::SlowMode { seconds: 10 });
    world.fail();
    world.say(max, "den", "hello");
    world.take();
    world.recover();
    world.persist();
    assert!(world.speak(max, "den", "hello").starts_with("sent"));
}

#[test]
fn roles_and_restrictions_are_what_they_were_after_a_restart() {
    let mut world = World::new();
    let owner = owned(&mut world);
    enter_from(&mut world, "max", "10.0.0.1", true);
    let guest = enter_from(&mut world, "gus", "10.0.0.1", false);
    enter_from(&mut world, "gil", "10.0.0.1", false);
    for (name, role) in [("max", Role::Operator), ("gus", Role::Voice), ("gil", Role::Voice)] {
        assert_eq!(world.give(owner, "den", name, Some(role)), "done");
    }
    world.register(guest);
    world.mute(owner, "den", pattern("z*"));
    world.ban(owner, "den", network("10.7.0.0/16"), None);
    world.ban(owner, "den", whom("gil"), None);
    world.restart();
    let owner = world.login("olga");
    world.enter_room(owner, "den");
    let roles = Command::Roles { room: room("den"), after: None };
    // By the age of the users; a guest's role went with it.
    assert_eq!(world.ask(owner, roles), "roles [olga owner, max operator, gus voice]");
    let all = Command::Restrictions { room: room("den"), after: None };
    assert_eq!(world.ask(owner, all), "restrictions [mute z*, ban 10.7.0.0/16]");
}

#[test]
fn a_failed_commit_forgets_no_act() {
    let mut world = World::new();
    let owner = owned(&mut world);
    let max = enter_from(&mut world, "max", "10.0.0.1", true);
    world.tell(owner, restrict("den", BAN, whom("max"), None));
    let waits = world.take();
    assert!(!waits.iter().any(|line| line.contains("to den") && line.contains("ban max")));
    assert!(!waits.iter().any(|line| line.ends_with("done")), "{waits:#?}");
    world.fail();
    world.say(max, "den", "hello?");
    assert_eq!(world.answer(max).as_deref(), Some("refused not_member"), "it is out");
    let kick = |world: &mut World, name: &str| {
        world.tell(owner, Command::Kick { room: room("den"), name: user(name), reason: None });
        world.answer(owner)
    };
    assert_eq!(kick(&mut world, "max").as_deref(), Some("refused no_such_user"));
    world.take();
    world.recover();
    assert!(!world.take().iter().any(|line| line.ends_with("done")));
    world.persist();
    let all = world.take();
    let act = all.iter().position(|line| line.contains("<olga> ban max")).expect("the act");
    let done = all.iter().position(|line| line.ends_with("done")).expect("the answer");
    assert!(act < done, "{all:#?}");
    world.restart();
    let max = world.login("max");
    assert_eq!(world.enter_room(max, "den"), "refused banned");
}

/// A cursor told the name of a hidden room.
#[test]
fn a_list_of_rooms_leaves_no_trace_of_hidden_ones() {
    let mut world = World::new();
    let owner = world.guest("olga");
    world.join(owner, "aaa-hidden");
    let setting = Setting::Change(RoomChange::Secret { on: true });
    world.tell(owner, Command::Set { room: room("aaa-hidden"), setting });
    for number in 0..u64::from(limits::PAGE) {
        world.join(owner, &format!("room{number:03}"));
    }
    let other = world.guest("other");
    world.persist();
    let (mut after, mut seen) = (None, 0);
    loop {
        world.effects.clear();
        world.tell(other, Command::Rooms { after });
        let reply = world.effects.iter().find_map(|effect| match effect {
            Effect::Reply { reply: Reply::Rooms { rooms, next }, .. } => Some((rooms, next)),
            _ => None,
        });
        let (rooms, next) = reply.expect("an answer");
        seen += rooms.len();
        assert!(next.as_ref().is_none_or(|next| next.starts_with("room")), "{next:?}");
        after = next.clone();
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, limits::PAGE as usize);
}

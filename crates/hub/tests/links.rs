//! Private chats by consent. Sessions have numbers in the order in which they connected.

mod support;

use hubbub_hub::{Command, Effect, HubConfig, Input, PageRead, Reply};
use hubbub_protocol::frame::CatchUp;
use hubbub_protocol::{Position, PrivatePolicy, SessionId, limits};
use support::{World, to, user};

fn ask(world: &mut World, session: SessionId, name: &str) {
    world.tell(session, Command::Ask { name: user(name) });
}

fn accept(world: &mut World, session: SessionId, name: &str) {
    world.tell(session, Command::Accept { name: user(name) });
}

fn reject(world: &mut World, session: SessionId, name: &str) {
    world.tell(session, Command::Reject { name: user(name) });
}

fn end(world: &mut World, session: SessionId, name: &str) {
    world.tell(session, Command::End { name: user(name) });
}

fn block(world: &mut World, session: SessionId, name: &str, on: bool) {
    world.tell(session, Command::Block { name: user(name), on });
}

fn policy(world: &mut World, session: SessionId, policy: PrivatePolicy) {
    world.tell(session, Command::Policy { policy: Some(policy) });
}

fn links(world: &mut World, session: SessionId) -> String {
    world.take();
    world.tell(session, Command::Links { after: None });
    world.take().remove(0)
}

fn two_guests(world: &mut World) -> (SessionId, SessionId) {
    let (ann, bob) = (world.guest("ann"), world.guest("bob"));
    world.take();
    (ann, bob)
}

// ---- asking and answering

#[test]
fn who_is_asked_agrees_before_anything_is_heard() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    ask(&mut world, ann, "bob");
    assert_eq!(world.take(), ["2 hears link ann asked", "1 asked bob, online true, 0 held"]);
    assert_eq!(links(&mut world, ann), "1 links [bob waiting]");
    assert_eq!(links(&mut world, bob), "2 links [ann asked]");
    accept(&mut world, bob, "ann");
    assert_eq!(
        world.take(),
        [
            "2 subscribed",
            "2 hears link ann open",
            "1 subscribed",
            "1 hears link bob open",
            "2 done"
        ]
    );
    world.say(ann, "@bob", "hi");
    world.persist();
    assert!(world.take().contains(&"to @bob but 1: 1 <ann> hi".into()));
    end(&mut world, bob, "ann");
    let effects = world.take();
    assert!(effects.contains(&"1 hears link bob ended".into()), "{effects:?}");
    assert!(effects.contains(&"persist room gone".into()), "a guest's chat goes: {effects:?}");
    assert_eq!(world.hub.figures().rooms, 0);
}

#[test]
fn every_case_has_its_own_answer() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    let refused = |world: &mut World, command: Command, with: &str| {
        world.tell(ann, command);
        assert_eq!(world.take(), [format!("1 refused {with}")]);
    };
    let name = || user("bob");
    refused(&mut world, Command::Ask { name: user("ann") }, "to_self");
    refused(&mut world, Command::Ask { name: user("zoe") }, "no_such_user");
    refused(&mut world, Command::Accept { name: name() }, "no_request");
    refused(&mut world, Command::Reject { name: name() }, "no_request");
    refused(&mut world, Command::End { name: name() }, "not_linked");
    refused(
        &mut world,
        Command::Join { address: to("@bob"), after: None, retention: None, secret: None },
        "not_linked",
    );
    policy(&mut world, bob, PrivatePolicy::Closed);
    world.take();
    refused(&mut world, Command::Ask { name: name() }, "private_closed");
    policy(&mut world, bob, PrivatePolicy::Ask);
    block(&mut world, ann, "bob", true);
    world.take();
    refused(&mut world, Command::Ask { name: name() }, "blocked");
    block(&mut world, ann, "bob", false);
    ask(&mut world, ann, "bob");
    world.take();
    refused(&mut world, Command::Ask { name: name() }, "already_asked");
    accept(&mut world, bob, "ann");
    world.take();
    refused(&mut world, Command::Ask { name: name() }, "already_linked");
    refused(&mut world, Command::Accept { name: name() }, "already_linked");
}

#[test]
fn who_says_open_needs_no_question_and_a_closed_server_has_no_private_chats() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    policy(&mut world, bob, PrivatePolicy::Open);
    world.say(ann, "@bob", "hi");
    world.persist();
    assert!(world.take().contains(&"to @bob but 1: 1 <ann> hi".into()));
    let mut world =
        World::with(HubConfig { private: PrivatePolicy::Closed, ..HubConfig::default() });
    let (ann, bob) = two_guests(&mut world);
    policy(&mut world, bob, PrivatePolicy::Open);
    world.take();
    ask(&mut world, ann, "bob");
    assert_eq!(world.take(), ["1 refused private_closed"]);
}

#[test]
fn asking_who_has_asked_accepts() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    ask(&mut world, ann, "bob");
    world.take();
    ask(&mut world, bob, "ann");
    assert_eq!(world.take().last().unwrap(), "2 done");
    assert_eq!(links(&mut world, ann), "1 links [bob open]");
}

// ---- texts that wait

#[test]
fn held_texts_are_said_in_order_after_acceptance_and_before_the_answer() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    world.hold(ann, "@bob", "one");
    world.hold(ann, "@bob", "two");
    assert_eq!(
        world.take(),
        [
            "2 hears link ann asked",
            "1 asked bob, online true, 1 held",
            "1 asked bob, online true, 2 held"
        ]
    );
    world.say(bob, "@ann", "three");
    world.take();
    world.persist();
    assert_eq!(
        world.take(),
        [
            "to @bob but 1: 1 <ann> one",
            "to @bob but 1: 2 <ann> two",
            "to @ann but 2: 3 <bob> three",
            "2 sent 3"
        ]
    );
}

#[test]
fn a_text_that_does_not_wait_is_refused_and_asks() {
    let mut world = World::new();
    let (ann, _) = two_guests(&mut world);
    world.say(ann, "@bob", "one");
    assert_eq!(world.take(), ["2 hears link ann asked", "1 refused not_accepted"]);
}

#[test]
fn held_texts_are_bounded_and_reported_when_they_are_dropped() {
    let mut world = World::new();
    world.wait(0);
    let (ann, bob) = two_guests(&mut world);
    for _ in 0..limits::HELD_TEXTS {
        world.hold(ann, "@bob", "x");
    }
    world.take();
    world.hold(ann, "@bob", "x");
    assert_eq!(world.take(), ["1 refused not_accepted"]);
    reject(&mut world, bob, "ann");
    assert_eq!(world.take(), ["1 hears link bob rejected, 16 dropped", "2 done"]);
    world.hold(ann, "@bob", "x");
    world.take();
    end(&mut world, ann, "bob");
    assert!(world.take().contains(&"1 hears link bob ended, 1 dropped".into()));
    world.hold(ann, "@bob", "x");
    world.wait(limits::REQUEST_MS);
    assert!(world.take().contains(&"1 hears link bob ended, 1 dropped".into()));
    world.hold(ann, "@bob", "x");
    world.take();
    world.quit(ann);
    assert_eq!(world.take()[0], "1 hears dropped 1 for bob");
    let cat = world.guest("cat");
    world.hold(cat, "@bob", "x");
    world.take();
    world.quit(bob);
    assert!(world.take().contains(&"3 hears link bob ended, 1 dropped".into()));
}

#[test]
fn held_texts_that_the_server_drops_with_the_session_are_reported() {
    let mut world = World::new();
    let (ann, _) = two_guests(&mut world);
    world.hold(ann, "@bob", "x");
    world.take();
    world.resume(1);
    assert_eq!(world.take()[..2], ["1 hears dropped 1 for bob", "close 1: replaced"]);
}

// ---- no text to who has not agreed

#[test]
fn a_text_on_its_way_is_not_heard_after_the_end_of_the_chat() {
    for is_block in [false, true] {
        let mut world = World::new();
        let (ann, bob) = (world.account("ann"), world.account("bob"));
        world.link(ann, "ann", bob, "bob");
        world.say(ann, "@bob", "psst");
        if is_block {
            block(&mut world, bob, "ann", true);
        } else {
            end(&mut world, bob, "ann");
        }
        world.tell(
            bob,
            Command::Join { address: to("@ann"), after: None, retention: None, secret: None },
        );
        world.take();
        world.persist();
        let effects = world.take();
        assert_eq!(effects[0], "1 sent 1", "{effects:?}");
        assert!(!effects.iter().any(|effect| effect.contains("psst")), "{effects:?}");
    }
}

#[test]
fn an_ended_chat_can_be_read_and_not_entered() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    world.link(ann, "ann", bob, "bob");
    world.say(ann, "@bob", "hi");
    end(&mut world, ann, "bob");
    world.persist();
    world.take();
    world.join(bob, "@ann");
    assert_eq!(world.take(), ["2 refused not_linked"]);
    let page = hubbub_protocol::frame::Page::Latest;
    world.tell(bob, Command::History { address: to("@ann"), page, limit: 9 });
    assert_eq!(world.take(), ["2 may read"]);
    // And goes on where it was, if both agree again.
    world.link(bob, "bob", ann, "ann");
    world.say(ann, "@bob", "again");
    world.persist();
    assert!(world.take().contains(&"to @bob but 1: 2 <ann> again".into()));
}

// ---- accounts

#[test]
fn a_request_to_an_account_that_is_away_waits() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    world.quit(bob);
    world.persist();
    world.take();
    ask(&mut world, ann, "bob");
    assert_eq!(world.take(), ["persist request"], "the answer waits for the store");
    world.persist();
    assert_eq!(world.take(), ["1 asked bob, online false, 0 held"]);
    world.stop_and_start();
    let bob = world.connect(true);
    world.log_in_on(bob, "bob");
    world.take();
    world.persist();
    assert_eq!(world.take(), ["3 welcome bob (account)", "3 hears link ann asked"]);
}

/// What the client of a session does after its welcome: it joins, and reads what is missing.
fn read_what_waits(world: &mut World, session: SessionId, address: &str) -> Vec<String> {
    world.take();
    world.join(session, address);
    let read = world.effects.iter().find_map(|effect| match effect {
        Effect::Read { after, .. } => Some(*after),
        _ => None,
    });
    let Some(after) = read else {
        let live = |effect: &Effect| {
            matches!(
                effect,
                Effect::Reply { reply: Reply::Joined { catch_up: CatchUp::Live, .. }, .. }
            )
        };
        assert!(world.effects.iter().any(live), "nothing waits");
        return Vec::new();
    };
    let Position { room, seq, .. } = after;
    let events: Vec<_> = world.stored(room).iter().map(|event| (**event).clone()).collect();
    let events: Vec<_> = events.into_iter().filter(|event| event.seq > seq).collect();
    let texts = events.iter().map(|event| event.body.words().to_owned()).collect();
    world.input(Input::PageRead { session, after, page: PageRead::Events(events) });
    world.input(Input::PageTaken { session, room });
    assert!(world.take().iter().any(|effect| effect.contains("live at")));
    texts
}

#[test]
fn messages_wait_for_an_account_that_is_away_and_come_once() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    world.link(ann, "ann", bob, "bob");
    world.say(ann, "@bob", "heard");
    world.persist();
    world.quit(bob);
    for n in 0..limits::AWAY_MESSAGES {
        world.say(ann, "@bob", &format!("m{n}"));
    }
    world.persist();
    world.take();
    world.say(ann, "@bob", "too many");
    assert_eq!(world.take(), ["1 refused away_full"]);
    world.stop_and_start();
    let bob = world.login("bob");
    let texts = read_what_waits(&mut world, bob, "@ann");
    assert_eq!((texts.len() as u64, &*texts[0]), (limits::AWAY_MESSAGES, "m0"));
    let second = world.login("bob");
    assert!(read_what_waits(&mut world, second, "@ann").is_empty());
    // What it heard is not said again after a crash, nor after a stop in order.
    world.restart();
    let bob = world.login("bob");
    assert!(read_what_waits(&mut world, bob, "@ann").is_empty());
    world.stop_and_start();
    let bob = world.login("bob");
    assert!(read_what_waits(&mut world, bob, "@ann").is_empty());
}

#[test]
fn messages_of_a_guest_wait_for_an_account_too() {
    let mut world = World::new();
    let (ann, bob) = (world.guest("ann"), world.account("bob"));
    world.link(ann, "ann", bob, "bob");
    world.quit(bob);
    world.say(ann, "@bob", "come back");
    world.persist();
    let bob = world.login("bob");
    assert_eq!(read_what_waits(&mut world, bob, "@ann"), ["come back"]);
}

#[test]
fn a_guest_that_registers_does_not_hear_its_chat_again() {
    let mut world = World::new();
    let (ann, bob) = (world.guest("ann"), world.account("bob"));
    world.link(ann, "ann", bob, "bob");
    world.tell(ann, Command::Draft { address: to("@bob"), text: None });
    world.say(bob, "@ann", "heard");
    world.persist();
    world.quit(bob);
    world.say(ann, "@bob", "waits");
    world.register(ann);
    world.quit(ann);
    world.persist();
    let ann = world.login("ann");
    assert!(read_what_waits(&mut world, ann, "@bob").is_empty());
    let bob = world.login("bob");
    assert_eq!(read_what_waits(&mut world, bob, "@ann"), ["waits"]);
}

#[test]
fn a_chat_in_which_nothing_was_said_stays_while_its_guests_are_held() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    world.link(ann, "ann", bob, "bob");
    world.lose(ann);
    world.lose(bob);
    world.wait(61_000);
    let ann = world.resume(1);
    assert_eq!(links(&mut world, ann), "3 links [bob open]");
}

#[test]
fn links_and_blocks_of_accounts_last_and_those_with_guests_do_not() {
    let mut world = World::new();
    let (ann, bob, cat) = (world.account("ann"), world.account("bob"), world.account("cat"));
    let dan = world.guest("dan");
    world.link(ann, "ann", bob, "bob");
    world.link(ann, "ann", dan, "dan");
    block(&mut world, ann, "cat", true);
    ask(&mut world, cat, "bob");
    world.persist();
    world.restart();
    let (ann, bob) = (world.login("ann"), world.login("bob"));
    assert_eq!(links(&mut world, ann), "5 links [bob open, cat blocked]");
    assert_eq!(links(&mut world, bob), "6 links [ann open, cat asked]");
}

#[test]
fn a_new_name_is_told_to_those_who_know_the_user_by_it() {
    let mut world = World::new();
    let (ann, bob) = two_guests(&mut world);
    let (cat, dan) = (world.guest("cat"), world.guest("dan"));
    world.link(ann, "ann", bob, "bob");
    ask(&mut world, ann, "cat");
    ask(&mut world, dan, "ann");
    block(&mut world, cat, "ann", true);
    world.take();
    world.tell(ann, Command::Nick { name: user("eve") });
    assert_eq!(
        world.take(),
        ["2 hears link ann is eve now", "4 hears link ann is eve now", "1 is eve"],
        "not to cat, who does not want to hear of ann"
    );
}

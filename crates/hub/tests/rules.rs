//! The rules of the hub, by its effects. Sessions have numbers in the order in which they connected.

mod support;

use hubbub_hub::{Command, Effect, HubConfig, Input, PageRead, Survivor};
use hubbub_protocol::{Epoch, Event, Instance, Position, RoomId, Seq};
use support::{World, room};

const ANN: Instance = Instance([1; 16]);

// ---- store, then deliver

#[test]
fn a_message_is_seen_and_acknowledged_only_when_it_is_durable() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    world.member("bob", "lobby");
    world.say(ann, "lobby", "hi");
    assert_eq!(world.take(), ["persist room", "persist 1:hi"]);
    world.persist();
    assert_eq!(world.take(), ["to lobby but 1: 1 <ann> hi", "1 sent 1"]);
}

#[test]
fn a_room_without_history_delivers_at_once() {
    let mut world = World::new();
    let ann = world.guest("ann");
    world.join_fleeting(ann, "chat");
    world.take();
    world.say(ann, "chat", "hi");
    assert_eq!(world.take(), ["to chat but 1: 1 <ann> hi", "1 sent 1"]);
}

#[test]
fn answers_come_in_order_also_from_rooms_that_need_no_store() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    world.join_fleeting(ann, "chat");
    let bob = world.guest("bob");
    world.join_fleeting(bob, "chat");
    world.take();
    world.say(ann, "lobby", "one");
    world.say(ann, "chat", "two");
    world.say(ann, "nowhere", "three");
    world.say(bob, "chat", "four");
    assert_eq!(world.take(), ["persist room", "persist 1:one"], "the rest waits behind it");
    world.persist();
    assert_eq!(
        world.take(),
        [
            "to lobby but 1: 1 <ann> one",
            "1 sent 1",
            "to chat but 1: 1 <ann> two",
            "1 sent 1",
            "1 refused not_member",
            "to chat but 2: 2 <bob> four",
            "2 sent 2",
        ]
    );
}

#[test]
fn who_leaves_before_it_is_durable_does_not_hear_it() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    let bob = world.member("bob", "lobby");
    world.say(ann, "lobby", "secret");
    world.tell(bob, Command::Leave { room: room("lobby") });
    world.persist();
    let effects = world.take();
    let at = |text: &str| effects.iter().position(|effect| effect == text).unwrap();
    assert!(at("2 unsubscribed") < at("to lobby but 1: 1 <ann> secret"), "{effects:?}");
}

// ---- when the store fails

#[test]
fn a_failed_commit_fails_everything_that_waits_and_numbers_are_given_again() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    world.say(ann, "lobby", "one");
    world.say(ann, "lobby", "two");
    world.take();
    world.input(Input::CommitFailed);
    assert_eq!(world.take(), ["1 refused not_stored", "1 refused not_stored"]);
    world.say(ann, "lobby", "three");
    assert_eq!(world.take(), ["1 refused not_stored"], "until it has recovered");
    world.input(Input::Recovered { epoch: Epoch(8), survivors: Vec::new() });
    world.say(ann, "lobby", "four");
    assert_eq!(world.take(), ["persist room", "persist 1:four"]);
    let record = world.records.last().unwrap();
    assert!(
        matches!(record, hubbub_protocol::record::Record::Event { event, .. } if event.epoch == Epoch(8))
    );
}

#[test]
fn what_survived_a_failed_commit_is_delivered_once_and_its_repetition_is_answered() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(ANN), None);
    world.join(ann, "lobby");
    let lobby = world.head().room;
    world.take();
    world.say_numbered(ann, "lobby", "one", Some(1));
    let event = world.stored(lobby)[0].clone();
    world.input(Input::CommitFailed);
    world.take();
    let send = Some((ANN, hubbub_protocol::Counter(1)));
    world.input(Input::Recovered { epoch: Epoch(8), survivors: vec![Survivor { event, send }] });
    assert_eq!(world.take(), ["to lobby: 1 <ann> one"], "also to its sender");
    world.say_numbered(ann, "lobby", "one", Some(1));
    assert_eq!(world.take(), ["1 sent 1 again"]);
    world.say_numbered(ann, "lobby", "two", Some(2));
    assert_eq!(world.take(), ["persist 2:two"]);
}

#[test]
fn no_answer_is_final_while_it_is_uncertain_what_was_stored() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(ANN), None);
    world.join(ann, "lobby");
    let lobby = world.head().room;
    world.say_numbered(ann, "lobby", "one", Some(1));
    world.say_numbered(ann, "lobby", "two", Some(2));
    let event = world.stored(lobby)[0].clone();
    world.input(Input::CommitFailed);
    world.tell(ann, Command::Leave { room: room("lobby") });
    world.take();
    world.say_numbered(ann, "lobby", "one", Some(1));
    assert_eq!(world.take(), ["1 refused not_stored"], "not: not_member");
    let send = Some((ANN, hubbub_protocol::Counter(1)));
    world.input(Input::Recovered { epoch: Epoch(8), survivors: vec![Survivor { event, send }] });
    world.take();
    world.say_numbered(ann, "lobby", "one", Some(1));
    world.say_numbered(ann, "lobby", "two", Some(2));
    assert_eq!(world.take(), ["1 sent 1 again", "1 refused not_member"]);
}

#[test]
fn a_new_room_is_asked_for_again_when_its_first_event_failed_alone() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    world.say(ann, "lobby", "one");
    // The writer took the room alone, and failed on the event.
    let room = hubbub_hub::Ticket(world.ticket.0 - 1);
    world.input(Input::Persisted { upto: room });
    world.input(Input::CommitFailed);
    world.input(Input::Recovered { epoch: Epoch(8), survivors: Vec::new() });
    world.take();
    world.say(ann, "lobby", "two");
    assert_eq!(world.take(), ["persist room", "persist 1:two"]);
    // And if nothing is ever said there, what may be in the store goes with the room.
    world.input(Input::CommitFailed);
    world.input(Input::Recovered { epoch: Epoch(9), survivors: Vec::new() });
    world.tell(ann, Command::Leave { room: support::room("lobby") });
    world.take();
    world.wait(60_000);
    assert_eq!(world.take(), ["persist room gone"]);
    // Asked for again, if that fails too.
    world.input(Input::CommitFailed);
    world.input(Input::Recovered { epoch: Epoch(10), survivors: Vec::new() });
    assert_eq!(world.take(), ["persist room gone"]);
}

// ---- repeated sends

#[test]
fn a_repeated_send_is_answered_with_the_same_place() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(ANN), None);
    world.join(ann, "lobby");
    world.take();
    world.say_numbered(ann, "lobby", "one", Some(1));
    world.say_numbered(ann, "lobby", "one", Some(1));
    world.persist();
    assert_eq!(
        world.take(),
        [
            "persist room",
            "persist 1:one",
            "to lobby but 1: 1 <ann> one",
            "1 sent 1",
            "1 sent 1 again"
        ]
    );
    // Also from the client's next connection, and after leaving the room.
    world.tell(ann, Command::Leave { room: room("lobby") });
    world.lose(ann);
    let again = world.connect(true);
    world.hello_as(again, Some("ann"), Some(ANN), None);
    world.take();
    world.say_numbered(again, "lobby", "one", Some(1));
    assert_eq!(world.take(), ["2 sent 1 again"]);
}

#[test]
fn counters_out_of_range_are_refused() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(ANN), None);
    world.join(ann, "lobby");
    world.take();
    for counter in [0, 1 << 53, u64::MAX] {
        world.say_numbered(ann, "lobby", "x", Some(counter));
        assert_eq!(world.take(), ["1 refused bad_frame"]);
    }
    let bob = world.member("bob", "lobby");
    world.say_numbered(bob, "lobby", "x", Some(1));
    assert_eq!(world.take(), ["2 refused no_instance"]);
}

// ---- names, resuming

#[test]
fn a_name_belongs_to_its_session_whatever_newcomers_do() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    for name in ["ann", "ANN", "\u{430}nn"] {
        let thief = world.connect(false);
        world.hello(thief, name);
        assert!(world.take().last().unwrap().ends_with("refused name_taken"));
        world.lose(thief);
        assert!(world.take().is_empty());
    }
    world.say(ann, "lobby", "still me");
    assert_eq!(world.take()[1], "persist 1:still me");
}

#[test]
fn a_lost_guest_is_held_and_comes_back_without_being_missed() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    world.member("bob", "lobby");
    world.lose(ann);
    assert_eq!(world.take(), ["1 unsubscribed"], "nobody is told");
    let again = world.connect(true);
    let token = support::token(1);
    world.hello_as(again, None, None, Some(token));
    world.join(again, "lobby");
    assert_eq!(
        world.take(),
        ["3 welcome ann back", "3 joined lobby at 0 live (2)", "3 subscribed"]
    );
}

#[test]
fn a_guest_that_does_not_come_back_is_gone_and_its_name_is_free() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    world.member("bob", "lobby");
    world.lose(ann);
    world.wait(89_999);
    assert_eq!(world.take(), ["1 unsubscribed"]);
    world.wait(1);
    assert_eq!(world.take(), ["to lobby: ann lost (1)"]);
    world.guest("ann");
    assert_eq!(world.take(), ["3 welcome ann"], "somebody new");
}

#[test]
fn a_client_replaces_its_own_ghost_also_if_it_never_heard_the_welcome() {
    let mut world = World::new();
    let ghost = world.connect(true);
    world.hello_as(ghost, Some("ann"), Some(ANN), None);
    world.take();
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(ANN), None);
    assert_eq!(world.take(), ["close 1: replaced", "2 welcome ann back"]);
    // The same, where the store had not answered yet.
    let other = Instance([2; 16]);
    let early = world.connect(true);
    let fresh = hubbub_protocol::ResumeToken([9; 16]);
    let name = Some(support::user("bob"));
    world.tell(
        early,
        Command::Hello { name, instance: Some(other), resume: None, fresh, entry: None },
    );
    world.lose(early);
    let bob = world.connect(true);
    world.hello_as(bob, Some("bob"), Some(other), None);
    assert_eq!(world.take().last().unwrap(), "4 welcome bob back");
}

#[test]
fn an_instance_that_was_given_up_leads_to_nobody() {
    let mut world = World::new();
    let [first, second] = [Instance([1; 16]), Instance([2; 16])];
    let token = Some(support::token(1));
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), Some(first), None);
    let again = world.connect(true);
    world.hello_as(again, None, Some(second), token);
    world.tell(again, Command::Quit);
    let later = world.connect(true);
    world.hello_as(later, Some("ann"), Some(first), None);
    assert_eq!(world.take().last().unwrap(), "3 welcome ann");
    // Whoever comes with another's instance takes its place.
    let bob = world.connect(true);
    world.hello_as(bob, Some("bob"), Some(second), None);
    let third = world.connect(true);
    world.take();
    let bobs = Some(support::token(4));
    world.hello_as(third, None, Some(first), bobs);
    assert_eq!(
        world.take(),
        ["close 4: replaced", "close 3: replaced", "5 welcome bob back"],
        "one live connection for an instance"
    );
}

#[test]
fn a_plain_session_that_is_lost_is_gone_at_once() {
    let mut world = World::new();
    let ann = world.connect(false);
    world.hello(ann, "ann");
    world.join(ann, "lobby");
    world.member("bob", "lobby");
    world.lose(ann);
    assert_eq!(world.take(), ["1 unsubscribed", "to lobby: ann lost (1)"]);
}

// ---- rooms

#[test]
fn an_empty_room_goes_unless_it_keeps_something() {
    let mut world = World::new();
    let ann = world.member("ann", "work");
    world.join_fleeting(ann, "chat");
    world.join(ann, "silent");
    world.say(ann, "work", "kept");
    world.persist();
    world.say(ann, "chat", "not kept");
    for name in ["work", "chat", "silent"] {
        world.tell(ann, Command::Leave { room: room(name) });
    }
    world.wait(59_999);
    assert_eq!(world.hub.figures().rooms, 3);
    world.wait(1);
    assert_eq!(world.hub.figures().rooms, 1);
    world.take();
    world.join(ann, "work");
    assert_eq!(world.take()[1], "1 joined work at 1 live (1)");
}

#[test]
fn a_room_of_dead_members_goes_too() {
    let mut world = World::new();
    let ann = world.guest("ann");
    world.join_fleeting(ann, "chat");
    world.lose(ann);
    world.wait(60_000);
    assert_eq!(world.hub.figures().rooms, 0, "though ann is still held");
    assert_eq!(world.hub.figures().users, 1);
}

#[test]
fn a_room_that_looks_like_another_is_not_made() {
    let mut world = World::new();
    let ann = world.member("ann", "paypal");
    world.join(ann, "PAYPAL");
    assert_eq!(world.take()[1], "1 joined paypal at 0 live (1)", "another case is the same room");
    world.join(ann, "p\u{430}ypal");
    assert_eq!(world.take(), ["1 refused room_invalid"]);
}

#[test]
fn above_two_hundred_members_only_the_count_is_told() {
    let config = HubConfig { presence_members: 3, ..HubConfig::default() };
    let mut world = World::with(config);
    for name in ["a1", "a2", "a3"] {
        world.member(name, "lobby");
    }
    let session = world.guest("a4");
    world.take();
    world.join(session, "lobby");
    assert_eq!(world.take(), ["4 joined lobby at 0 live (4)", "4 subscribed"]);
    world.wait(30_000);
    assert_eq!(world.take(), ["to lobby: 4 members"]);
    world.wait(30_000);
    assert!(world.take().is_empty(), "only if it changed");
}

#[test]
fn lists_come_in_pages() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    for n in 0..150 {
        world.member(&format!("guest{n}"), "lobby");
        let session = world.guest(&format!("maker{n}"));
        world.join(session, &format!("room{n}"));
    }
    world.take();
    let mut next = None;
    let mut names = Vec::new();
    loop {
        world.tell(ann, Command::Rooms { after: next });
        let Some(Effect::Reply { reply: hubbub_hub::Reply::Rooms { rooms, next: more }, .. }) =
            world.effects.pop()
        else {
            panic!("no list")
        };
        assert!(rooms.len() <= 100);
        names.extend(rooms.into_iter().map(|entry| entry.room));
        next = more;
        if next.is_none() {
            break;
        }
    }
    names.dedup();
    assert_eq!(names.len(), 151);
    world.tell(ann, Command::Members { room: room("lobby"), after: None });
    assert_eq!(world.take(), ["1 100 of 151 members"]);
    world.tell(ann, Command::Users { after: None });
    assert_eq!(world.take(), ["1 100 of 301 users"]);
}

// ---- private chats

#[test]
fn a_private_message_reaches_the_other_alone_and_goes_with_the_guests() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    let bob = world.member("bob", "lobby");
    world.link(ann, "ann", bob, "bob");
    world.say(ann, "@BOB", "psst");
    assert_eq!(world.take(), ["persist private", "persist 1:psst"]);
    world.persist();
    assert_eq!(world.take(), ["to @bob but 1: 1 <ann> psst", "1 sent 1"]);
    world.say(ann, "@ann", "me");
    world.say(ann, "@zoe", "who");
    assert_eq!(world.take(), ["1 refused to_self", "1 refused no_such_user"]);
    world.tell(bob, Command::Quit);
    let effects = world.take();
    assert!(effects.contains(&"persist room gone".into()), "{effects:?}");
    assert!(effects.contains(&"1 unsubscribed".into()), "{effects:?}");
    assert!(effects.contains(&"1 hears link bob ended".into()), "{effects:?}");
    assert_eq!(world.hub.figures().rooms, 1);
}

#[test]
fn a_private_message_whose_recipient_left_meanwhile_is_still_acknowledged() {
    let mut world = World::new();
    let ann = world.member("ann", "lobby");
    let bob = world.member("bob", "lobby");
    world.link(ann, "ann", bob, "bob");
    world.say(ann, "@bob", "psst");
    world.tell(bob, Command::Quit);
    world.take();
    world.persist();
    assert_eq!(world.take(), ["1 sent 1"]);
}

// ---- catching up

fn five_events(world: &mut World) -> (Vec<Event>, RoomId) {
    let ann = world.guest("ann");
    world.join(ann, "lobby");
    let lobby = world.head().room;
    for n in 1..=5 {
        world.say(ann, "lobby", &format!("m{n}"));
    }
    world.persist();
    let events = world.stored(lobby).iter().map(|event| (**event).clone()).collect();
    world.take();
    (events, lobby)
}

fn after(events: &[Event], seq: usize) -> Position {
    events[seq - 1].position()
}

#[test]
fn catching_up_ends_live_at_one_number() {
    let mut world = World::new();
    let (events, lobby) = five_events(&mut world);
    let ann = hubbub_protocol::SessionId::new(0, 1, 1);
    let bob = world.guest("bob");
    world.take();
    world.join_after(bob, "lobby", Some(after(&events, 2)));
    assert_eq!(world.take(), ["to lobby: bob joined (2)", "read for 2 after 2"]);
    world.say(ann, "lobby", "m6");
    world.persist();
    world.take();
    let page = PageRead::Events(events[2..].to_vec());
    world.input(Input::PageRead { session: bob, after: after(&events, 2), page });
    assert_eq!(world.take(), ["2 joined lobby at 6 pages (2)", "2 page [3, 4, 5]"]);
    world.say(ann, "lobby", "m7");
    world.input(Input::PageTaken { session: bob, room: lobby });
    assert_eq!(world.take(), ["persist 7:m7", "2 page [6]", "2 live at 6", "2 subscribed"]);
    world.persist();
    assert_eq!(world.take(), ["to lobby but 1: 7 <ann> m7", "1 sent 7"]);
}

#[test]
fn what_is_durable_but_not_out_yet_comes_live_and_not_twice() {
    let mut world = World::new();
    let (mut events, lobby) = five_events(&mut world);
    let ann = hubbub_protocol::SessionId::new(0, 1, 1);
    let bob = world.guest("bob");
    world.join_after(bob, "lobby", Some(after(&events, 4)));
    world.say(ann, "lobby", "m6");
    world.take();
    // The reader sees number 6 in the store before the hub hears that it is durable.
    events.push((*world.stored(lobby)[5]).clone());
    let page = PageRead::Events(events[4..].to_vec());
    world.input(Input::PageRead { session: bob, after: after(&events, 4), page });
    world.input(Input::PageTaken { session: bob, room: lobby });
    assert_eq!(
        world.take(),
        ["2 joined lobby at 5 pages (2)", "2 page [5]", "2 live at 5", "2 subscribed"]
    );
    world.persist();
    assert_eq!(world.take(), ["to lobby but 1: 6 <ann> m6", "1 sent 6"]);
}

#[test]
fn a_position_of_another_history_is_reset() {
    let mut world = World::new();
    let (events, lobby) = five_events(&mut world);
    let bob = world.guest("bob");
    world.take();
    let strange = [
        Position { seq: Seq(6), ..after(&events, 5) },
        Position { room: RoomId(99), ..after(&events, 3) },
        Position { epoch: Epoch(1), ..after(&events, 5) },
    ];
    for position in strange {
        world.join_after(bob, "lobby", Some(position));
        let effects = world.take();
        assert!(
            effects.contains(&"2 joined lobby at 5 reset (2)".into()),
            "{position:?}: {effects:?}"
        );
    }
    let diverged = Position { room: lobby, epoch: Epoch(1), seq: Seq(3) };
    world.join_after(bob, "lobby", Some(diverged));
    world.take();
    world.input(Input::PageRead { session: bob, after: diverged, page: PageRead::Diverged });
    assert_eq!(world.take(), ["2 joined lobby at 5 reset (2)", "2 subscribed"]);
    world.join_after(bob, "lobby", Some(after(&events, 5)));
    assert_eq!(world.take(), ["2 unsubscribed", "2 joined lobby at 5 live (2)", "2 subscribed"]);
}

#[test]
fn a_page_of_an_earlier_join_does_not_disturb_a_later_one() {
    let mut world = World::new();
    let (events, lobby) = five_events(&mut world);
    let bob = world.guest("bob");
    world.join_after(bob, "lobby", Some(after(&events, 1)));
    let page = PageRead::Events(events[1..3].to_vec());
    world.input(Input::PageRead { session: bob, after: after(&events, 1), page });
    world.input(Input::PageTaken { session: bob, room: lobby });
    world.join_after(bob, "lobby", Some(after(&events, 2)));
    world.take();
    let late = PageRead::Events(events[3..].to_vec());
    world.input(Input::PageRead { session: bob, after: after(&events, 3), page: late });
    world.input(Input::PageTaken { session: bob, room: lobby });
    assert!(world.take().is_empty());
    let page = PageRead::Events(events[2..].to_vec());
    world.input(Input::PageRead { session: bob, after: after(&events, 2), page });
    assert_eq!(world.take(), ["2 joined lobby at 5 pages (2)", "2 page [3, 4, 5]"]);
}

// ---- the end

#[test]
fn at_shutdown_everybody_is_told() {
    let mut world = World::new();
    world.member("ann", "lobby");
    world.member("bob", "lobby");
    world.input(Input::Shutdown);
    assert_eq!(world.take(), ["close 1: shutdown", "close 2: shutdown"]);
}

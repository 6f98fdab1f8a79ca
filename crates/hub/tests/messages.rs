//! What is done with a message that was said: edit, delete, react, pin, reply. What is refused, that
//! nothing is shown before it is durable, what a failing store leaves, and that nobody who catches up
//! gets what was deleted.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::Record;
use hubbub_protocol::*;
use support::rooms::{note, pattern, react, text};
use support::{World, fold, room, to, user};

/// `olga`, who owns `den`, and `max`, who said something there, which is number 1.
fn den(world: &mut World) -> (SessionId, SessionId) {
    let owner = world.account("olga");
    world.enter_room(owner, "den");
    let max = world.account("max");
    world.enter_room(max, "den");
    assert_eq!(world.speak(max, "den", "first words"), "sent 1");
    world.take();
    (owner, max)
}

fn edit(place: &str, of: u64, words: &str) -> Command {
    Command::Edit { address: to(place), of: Seq(of), text: text(words) }
}

fn delete(place: &str, of: u64) -> Command {
    Command::Delete { address: to(place), of: Seq(of) }
}

fn pin(place: &str, of: u64) -> Command {
    Command::Pin { room: room(place), of: Seq(of), on: true }
}

/// Everything that the store would still give out as text of the room, over all its events.
fn texts(world: &World) -> Vec<String> {
    let seqs: Vec<(RoomId, Seq)> = world.records[..world.durable]
        .iter()
        .filter_map(|record| match record {
            Record::Event { event, .. } => Some((event.room, event.seq)),
            _ => None,
        })
        .collect();
    let words = |(room, seq): (RoomId, Seq)| match fold::message(&world.records, room, seq, None) {
        LoadedMessage::Here { event, .. } => Some(event.body.words().to_owned()),
        _ => None,
    };
    seqs.into_iter().filter_map(words).filter(|words| !words.is_empty()).collect()
}

#[test]
fn everybody_hears_of_a_deed_when_it_is_durable_and_not_before() {
    for command in [edit("den", 1, "better words"), react("den", 1, "+1", true), delete("den", 1)] {
        let mut world = World::new();
        let (_, max) = den(&mut world);
        let case = format!("{command:?}");
        world.tell(max, command);
        assert_eq!(world.take(), ["load 1 for 2"], "{case}");
        let room = world.stored_room();
        let message = fold::message(&world.records, room, Seq(1), None);
        world.input(Input::MessageLoaded { session: max, message });
        let all = world.take();
        assert!(all.iter().all(|line| line.starts_with("persist")), "{case}: {all:#?}");
        world.persist();
        let all = world.take();
        assert_eq!(all.len(), 2, "{case}: {all:#?}");
        // Also its own session hears it, and then has its answer.
        assert!(all[0].starts_with("to den: 2 <max>"), "{case}: {all:#?}");
        assert_eq!(all[1], "2 done", "{case}");
    }
}

#[test]
fn what_can_not_be_done_is_refused() {
    let mut world = World::new();
    let (owner, max) = den(&mut world);
    assert_eq!(world.edit(owner, "den", 1, "not mine"), "refused not_allowed");
    assert_eq!(world.edit(max, "den", 0, "x"), "refused no_such_event");
    assert_eq!(world.edit(max, "den", 9, "x"), "refused no_such_event");
    assert_eq!(world.ask(max, react("den", 9, "+1", true)), "refused no_such_event");
    assert_eq!(world.edit(max, "nowhere", 1, "x"), "refused not_member");
    assert_eq!(world.edit(max, "@olga", 1, "x"), "refused not_linked");
    // What is no message can't be edited, deleted, felt about or pinned.
    let topic = Some(note("tea"));
    assert_eq!(world.set(owner, "den", RoomChange::Topic { topic }), "done");
    assert_eq!(world.edit(max, "den", 1, "second words"), "done");
    for command in [edit("den", 2, "x"), delete("den", 2), react("den", 2, "+1", true)] {
        assert_eq!(world.ask(max, command), "refused no_such_event");
    }
    assert_eq!(world.pin(owner, "den", 2, true), "refused no_such_event");
    // Nothing is said where nothing changes.
    world.take();
    assert_eq!(world.edit(max, "den", 1, "second words"), "done");
    assert_eq!(world.ask(max, react("den", 1, "+1", false)), "done");
    assert_eq!(world.pin(owner, "den", 1, false), "done");
    assert_eq!(world.lines_with("to den"), Vec::<String>::new());
    // What is deleted is out of reach.
    assert_eq!(world.delete(max, "den", 1), "done");
    for command in [edit("den", 1, "x"), delete("den", 1), react("den", 1, "+1", true)] {
        assert_eq!(world.ask(max, command), "refused no_such_event");
    }
    assert_eq!(world.pin(owner, "den", 1, true), "refused no_such_event");
    assert_eq!(texts(&world), Vec::<String>::new());
}

#[test]
fn a_message_that_can_not_be_read_is_left_alone() {
    let mut world = World::new();
    let (_, max) = den(&mut world);
    for (message, answer) in [
        (LoadedMessage::Failed, "2 refused unavailable"),
        (LoadedMessage::Missing, "2 refused no_such_event"),
    ] {
        world.tell(max, delete("den", 1));
        world.take();
        world.input(Input::MessageLoaded { session: max, message });
        assert_eq!(world.take(), [answer]);
    }
    // An answer that nobody waits for changes nothing.
    let message = fold::message(&world.records, world.stored_room(), Seq(1), None);
    world.input(Input::MessageLoaded { session: max, message });
    assert_eq!(world.take(), Vec::<String>::new());
}

#[test]
fn reactions_have_a_most() {
    let mut world = World::new();
    let (owner, max) = den(&mut world);
    for number in 0..limits::REACTIONS_PER_EVENT {
        assert_eq!(world.ask(max, react("den", 1, &format!("r{number}"), true)), "done");
    }
    assert_eq!(world.ask(max, react("den", 1, "more", true)), "refused limit");
    assert_eq!(world.ask(max, react("den", 1, "r3", false)), "done");
    assert_eq!(world.ask(owner, react("den", 1, "more", true)), "done");
}

#[test]
fn pins_have_a_most_and_go_with_their_message() {
    let mut world = World::new();
    let (owner, max) = den(&mut world);
    for number in 2..=limits::PINS as u64 + 1 {
        world.speak(max, "den", &format!("words {number}"));
    }
    for of in 1..=limits::PINS as u64 {
        assert_eq!(world.pin(owner, "den", of, true), "done");
    }
    let pins = |world: &mut World| world.info(owner, "den").expect("it is there").pinned;
    assert_eq!(world.pin(owner, "den", limits::PINS as u64 + 1, true), "refused limit");
    assert_eq!(world.delete(max, "den", 1), "done");
    assert!(!pins(&mut world).contains(&Seq(1)));
    assert_eq!(world.pin(owner, "den", limits::PINS as u64 + 1, true), "done");
    assert_eq!(world.pin(owner, "den", 2, false), "done");
    let before = pins(&mut world);
    assert_eq!(before.len(), limits::PINS - 1);
    world.restart();
    let owner = world.login("olga");
    world.enter_room(owner, "den");
    assert_eq!(world.info(owner, "den").unwrap().pinned, before);
}

/// What happens while a message is read, and the answer to who asked for it.
fn meanwhile(command: Command, happens: impl Fn(&mut World, SessionId)) -> String {
    let mut world = World::new();
    let (owner, _) = den(&mut world);
    let ann = world.account("ann");
    world.enter_room(ann, "den");
    world.appoint("den", "ann", Some(Role::Operator));
    world.tell(ann, command);
    let message = fold::message(&world.records, world.stored_room(), Seq(1), None);
    happens(&mut world, owner);
    world.persist();
    world.take();
    world.input(Input::MessageLoaded { session: ann, message });
    let is_kept = world.records.len() > world.durable;
    world.persist();
    let answer = world.answer(ann).expect("an answer");
    assert_eq!(answer == "done", is_kept);
    answer
}

#[test]
fn much_may_happen_while_a_message_is_read() {
    for command in [delete("den", 1), pin("den", 1), react("den", 1, "+1", true)] {
        let what = format!("{command:?}");
        let after = |happens: fn(&mut World, SessionId)| meanwhile(command.clone(), happens);
        assert_eq!(after(|_, _| {}), "done", "{what}");
        let kicked = after(|world, owner| drop(world.kick(owner, "den", "ann")));
        assert_eq!(kicked, "refused not_member", "{what}");
        let banned = after(|world, owner| {
            world.ban(owner, "den", Whom::User(user("ann")), None);
        });
        assert_eq!(banned, "refused not_member", "{what}");
        let demoted = after(|world, owner| drop(world.give(owner, "den", "ann", None)));
        let expected = if what.contains("React") { "done" } else { "refused not_allowed" };
        assert_eq!(demoted, expected, "{what}");
        let muted = after(|world, owner| {
            world.give(owner, "den", "ann", None);
            world.mute(owner, "den", pattern("ann"));
        });
        let expected = if what.contains("React") { "refused muted" } else { "refused not_allowed" };
        assert_eq!(muted, expected, "{what}");
        let deleted = after(|world, owner| drop(world.delete(owner, "den", 1)));
        assert_eq!(deleted, "refused no_such_event", "{what}");
        let expired = after(|world, owner| {
            world.speak(owner, "den", "more");
            world.keep(owner, "den", Retention::Messages(1));
            world.wait(1);
        });
        assert_eq!(expired, "refused no_such_event", "{what}");
        let forgotten = after(|world, owner| drop(world.keep(owner, "den", Retention::None)));
        assert_eq!(forgotten, "refused no_such_event", "{what}");
        let again = after(|world, owner| {
            world.keep(owner, "den", Retention::None);
            world.keep(owner, "den", Retention::Forever);
        });
        assert_eq!(again, "refused no_such_event", "{what}");
    }
}

#[test]
fn an_edit_does_not_bring_back_what_is_deleted_meanwhile() {
    let mut world = World::new();
    let (owner, max) = den(&mut world);
    world.tell(max, edit("den", 1, "changed words"));
    world.take();
    let message = fold::message(&world.records, world.stored_room(), Seq(1), None);
    // The deletion is taken, but not durable, when the edit has read what it reads.
    world.tell(owner, delete("den", 1));
    world.read_messages();
    world.input(Input::MessageLoaded { session: max, message });
    assert_eq!(world.answer(max).as_deref(), Some("refused no_such_event"));
    world.persist();
    let is_edit = |record: &Record| matches!(record, Record::Event { event, .. } if matches!(event.body, Body::Edit { .. }));
    assert!(!world.records.iter().any(is_edit));
}

#[test]
fn a_room_that_keeps_nothing_has_nothing_to_change() {
    let mut world = World::new();
    let ann = world.guest("ann");
    world.join_fleeting(ann, "den");
    assert_eq!(world.speak(ann, "den", "hello"), "sent 1");
    for command in [edit("den", 1, "x"), delete("den", 1), react("den", 1, "+1", true)] {
        assert_eq!(world.ask(ann, command), "refused no_history");
    }
    assert_eq!(world.pin(ann, "den", 1, true), "refused no_history");
    // But one can answer what was said just now.
    let mut said = hubbub_protocol::Said::from(text("hello yourself"));
    said.reply = Some(Seq(1));
    let body = Body::Text(said);
    let command = Command::Send { address: to("den"), body, counter: None, hold: false };
    assert_eq!(world.ask(ann, command), "sent 2");
}

#[test]
fn an_answer_is_to_something_that_was_said() {
    let mut world = World::new();
    let (owner, _) = den(&mut world);
    let reply = |of| {
        let mut said = hubbub_protocol::Said::from(text("indeed"));
        (said.reply, said.edited, said.everyone) = (Some(Seq(of)), Some(Seq(77)), true);
        let body = Body::Text(said);
        Command::Send { address: to("den"), body, counter: None, hold: false }
    };
    for of in [0, 2, 99] {
        assert_eq!(world.ask(owner, reply(of)), "refused no_such_event", "{of}");
    }
    world.take();
    assert_eq!(world.ask(owner, reply(1)), "sent 2");
    // What is the server's word is not the client's.
    assert_eq!(world.lines_with("to den"), ["to den but 1: 2 <olga> indeed (to 1)"]);
    let Some(Record::Event { event, .. }) = world.records.last() else { panic!("an event") };
    assert_eq!(event.body.said().unwrap().edited, None);
}

#[test]
fn in_a_private_chat_each_has_their_own() {
    let mut world = World::new();
    let ann = world.account("ann");
    let bob = world.account("bob");
    world.link(ann, "ann", bob, "bob");
    world.join(ann, "@bob");
    world.join(bob, "@ann");
    assert_eq!(world.speak(ann, "@bob", "psst"), "sent 1");
    world.make_admin("bob");
    world.take();
    assert_eq!(world.edit(bob, "@ann", 1, "hush"), "refused not_allowed");
    assert_eq!(world.delete(bob, "@ann", 1), "refused not_allowed", "an admin rules rooms");
    assert_eq!(world.ask(bob, react("@ann", 1, "+1", true)), "done");
    assert_eq!(
        world.lines_with("react"),
        ["persist 2:react 1 +1 true", "to @ann: 2 <bob> react 1 +1 true"]
    );
    assert_eq!(world.edit(ann, "@bob", 1, "psst!"), "done");
    // What was said in a chat that is over can be read, and no more.
    world.tell(ann, delete("@bob", 1));
    let message = fold::message(&world.records, world.stored_room(), Seq(1), None);
    world.tell(bob, Command::End { name: user("ann") });
    world.persist();
    world.take();
    world.input(Input::MessageLoaded { session: ann, message });
    assert_eq!(world.take(), ["1 refused not_member"]);
    assert_eq!(world.delete(ann, "@bob", 1), "refused not_linked");
    assert_eq!(world.edit(ann, "@bob", 1, "x"), "refused not_linked");
}

#[test]
fn acts_of_a_failed_batch_come_again_once_and_before_their_answers() {
    // All that one deed asks to be kept, cut off at every point.
    for kept in 0..8 {
        let mut world = World::new();
        let (owner, max) = den(&mut world);
        let ann = world.member("ann", "den");
        world.persist();
        world.take();
        world.tell(max, edit("den", 1, "second words"));
        world.tell(owner, pin("den", 1));
        world.read_messages();
        world.take();
        let waiting = world.records.len() - world.durable;
        let survivors = world.fail_with(kept.min(waiting));
        let survived = survivors.len();
        world.say(ann, "den", "while it fails");
        world.tell(ann, delete("den", 1));
        let refused = world.take();
        assert_eq!(refused, ["3 refused not_stored", "3 refused not_stored"], "kept {kept}");
        world.recover_with(survivors);
        let first = world.take();
        assert!(!first.iter().any(|line| line.ends_with("done")), "kept {kept}: {first:#?}");
        world.persist();
        let all: Vec<String> = first.into_iter().chain(world.take()).collect();
        let at = |what: &str| -> Vec<usize> {
            let hits = all.iter().enumerate().filter(|(_, line)| line.contains(what));
            hits.map(|(at, _)| at).collect()
        };
        let (edits, pins) = (at("<max> edit 1: second words"), at("<olga> pin 1 true"));
        assert_eq!((edits.len(), pins.len()), (1, 1), "kept {kept}: {all:#?}");
        assert!(edits[0] < pins[0], "kept {kept}, survived {survived}: in their order");
        let done = at(" done");
        assert_eq!(done.len(), 2, "kept {kept}: {all:#?}");
        assert!(done[0] > pins[0], "kept {kept}: {all:#?}");
        assert_eq!(texts(&world), ["second words"], "kept {kept}");
        assert_eq!(world.info(owner, "den").unwrap().pinned, [Seq(1)], "kept {kept}");
        // What the store has is what the hub has.
        world.restart();
        let owner = world.login("olga");
        world.enter_room(owner, "den");
        assert_eq!(world.head().seq, Seq(3), "kept {kept}");
        assert_eq!(world.info(owner, "den").unwrap().pinned, [Seq(1)], "kept {kept}");
    }
}

#[test]
fn acts_outlive_a_second_failure() {
    let mut world = World::new();
    let (_, max) = den(&mut world);
    world.tell(max, delete("den", 1));
    world.read_messages();
    for _ in 0..3 {
        world.fail();
        world.recover();
    }
    world.take();
    world.persist();
    assert_eq!(world.take(), ["to den: 2 <max> delete 1", "2 done"]);
}

/// A session that reads what it missed, up to where its page is read. Its position is after `after`.
fn catches_up(world: &mut World, name: &str, after: u64) -> (SessionId, Position) {
    let session = world.login(name);
    let room = world.stored_room();
    let epoch = world.stored(room).first().expect("an event").epoch;
    let after = Position { room, epoch, seq: Seq(after) };
    world.join_after(session, "den", Some(after));
    assert_eq!(world.take(), [format!("read for {} after {}", session.slot(), after.seq)]);
    (session, after)
}

/// The texts that a session was given.
fn given(world: &World, session: SessionId) -> Vec<String> {
    let mut all = Vec::new();
    for effect in &world.effects {
        if let Effect::Page { session: to, events, .. } = effect
            && *to == session
        {
            for event in events {
                match &event.body {
                    Body::Edit { text, .. } => {
                        all.push(text.as_ref().map_or(String::new(), ToString::to_string));
                    }
                    body => all.push(body.words().to_owned()),
                }
            }
        }
    }
    all
}

#[test]
fn who_catches_up_gets_nothing_that_was_deleted_meanwhile() {
    let mut world = World::new();
    let (owner, max) = den(&mut world);
    world.speak(max, "den", "two");
    // The page that is read now has the words that are deleted before it is given.
    let (late, after) = catches_up(&mut world, "olga", 0);
    let page: Vec<Event> =
        world.stored(after.room).iter().map(|event| Event::clone(event)).collect();
    world.speak(max, "den", "secret three");
    world.edit(max, "den", 3, "secret four");
    world.edit(max, "den", 3, "secret five");
    assert_eq!(world.delete(owner, "den", 3), "done");
    assert_eq!(world.edit(max, "den", 2, "two, better"), "done");
    assert_eq!(world.delete(max, "den", 1), "done");
    world.take();
    world.input(Input::PageRead { session: late, after, page: PageRead::Events(page) });
    assert_eq!(given(&world, late), ["", "two, better"]);
    world.input(Input::PageTaken { session: late, room: after.room });
    let all = given(&world, late);
    assert!(
        !all.iter().any(|words| words.contains("secret") || words.contains("first")),
        "{all:?}"
    );
    assert_eq!(all.len(), 2 + 6, "every number is there: {all:?}");
    let lines = world.take();
    assert!(lines.contains(&format!("{} subscribed", late.slot())), "{lines:#?}");
}

#[test]
fn a_page_with_a_later_edit_keeps_that() {
    let mut world = World::new();
    let (_, max) = den(&mut world);
    let (late, after) = catches_up(&mut world, "olga", 0);
    world.edit(max, "den", 1, "second words");
    // The store has the next edit already, and nobody was told of it.
    let mut event = Event::clone(&world.stored(after.room)[0]);
    let said = event.body.said_mut().expect("a message");
    (said.text, said.edited) = (text("third words"), Some(Seq(3)));
    world.take();
    world.input(Input::PageRead { session: late, after, page: PageRead::Events(vec![event]) });
    assert_eq!(given(&world, late), ["third words"]);
}

#[test]
fn who_is_kicked_while_it_catches_up_gets_no_more() {
    let mut world = World::new();
    let (owner, _) = den(&mut world);
    let (late, after) = catches_up(&mut world, "max", 0);
    let page: Vec<Event> =
        world.stored(after.room).iter().map(|event| Event::clone(event)).collect();
    assert_eq!(world.kick(owner, "den", "max"), "done");
    let all = world.take();
    assert!(all.contains(&format!("{} refused not_member", late.slot())), "{all:#?}");
    world.input(Input::PageRead { session: late, after, page: PageRead::Events(page) });
    world.input(Input::PageTaken { session: late, room: after.room });
    assert_eq!(world.take(), Vec::<String>::new());
}

/// It failed the batch of everybody: no number of that size can be stored.
#[test]
fn an_answer_to_nothing_is_refused_also_where_it_would_wait_for_consent() {
    let mut world = World::new();
    let (ann, _bob) = (world.guest("ann"), world.guest("bob"));
    world.take();
    let said = Said { reply: Some(Seq(u64::MAX)), ..Text::parse("x").unwrap().into() };
    let (address, body) = (support::to("@bob"), Body::Text(said));
    world.tell(ann, Command::Send { address, body, counter: None, hold: true });
    assert!(world.take().contains(&"1 refused no_such_event".into()));
}

//! Transcripts: which rooms are written to files, what of them, and that whoever is in one can know it.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::*;
use support::rooms::{note, react};
use support::{World, room, to, user};

fn world(all: bool, rooms: &[&str]) -> World {
    let rooms: Vec<_> = rooms.iter().map(|name| room(name)).collect();
    let transcripts = Transcripts::of(all, &rooms);
    World::with(HubConfig { limits: Limits::free(), transcripts, ..HubConfig::default() })
}

/// What was written, in short; takes everything away.
fn written(world: &mut World) -> Vec<String> {
    let lines = world.take().into_iter();
    lines.filter_map(|line| line.strip_prefix("file of ").map(str::to_owned)).collect()
}

#[test]
fn what_happens_in_a_transcribed_room_is_written_behind_its_delivery() {
    let mut world = world(false, &["WORK"]);
    let ann = world.account("ann");
    world.enter_room(ann, "Work");
    assert_eq!(written(&mut world), ["Work, to Work: ann joined (1)"]);
    world.speak(ann, "work", "hello");
    let lines = world.take();
    let at = |what: &str| lines.iter().position(|line| line == what);
    let (told, kept) =
        (at("to Work but 1: 1 <ann> hello"), at("file of Work, to Work: 1 <ann> hello"));
    assert!(told.is_some() && kept == told.map(|at| at + 1), "{lines:?}");

    world.edit(ann, "Work", 1, "hello all");
    world.ask(ann, react("Work", 1, "👍", true));
    world.set(ann, "Work", RoomChange::Topic { topic: Some(note("cake")) });
    world.delete(ann, "Work", 1);
    world.ask(ann, Command::Away { note: Some(note("lunch")) });
    world.ask(ann, Command::Typing { address: to("Work") });
    world.ask(ann, Command::Nick { name: user("anna") });
    world.ask(ann, Command::Leave { room: room("Work") });
    let words = written(&mut world);
    let of = ["1", "1", "cake", "1", "away: lunch", "ann is anna now", "left"];
    assert_eq!(words.len(), of.len(), "{words:?}");
    for (line, part) in words.iter().zip(of) {
        assert!(line.starts_with("Work, to Work") && line.contains(part), "{line}: {part}");
    }
}

#[test]
fn without_transcripts_nothing_is_written_and_nobody_told() {
    let mut world = world(false, &["other"]);
    let ann = world.guest("ann");
    world.enter_room(ann, "Work");
    world.speak(ann, "Work", "hello");
    assert_eq!(world.info(ann, "Work").map(|info| info.transcribed), Some(false));
    assert_eq!(written(&mut world), Vec::<String>::new());
}

#[test]
fn a_room_without_history_and_one_who_is_alone_are_written_too() {
    let mut world = world(true, &[]);
    let ann = world.guest("ann");
    world.take();
    world.join_with(ann, "Work", None, Some(Retention::None));
    world.speak(ann, "Work", "is somebody there?");
    let words = written(&mut world);
    assert_eq!(words[1..], ["Work, to Work: 1 <ann> is somebody there?"], "{words:?}");
}

#[test]
fn what_the_store_did_not_take_is_not_written() {
    let mut world = world(true, &[]);
    let ann = world.guest("ann");
    world.enter_room(ann, "Work");
    world.take();
    let body = Body::text(support::rooms::text("lost"));
    world.tell(ann, Command::Send { address: to("Work"), body, counter: None, hold: false });
    world.fail();
    world.recover();
    world.persist();
    assert_eq!(written(&mut world), Vec::<String>::new());
}

#[test]
fn private_chats_are_never_written_nor_hidden_rooms_that_nobody_named() {
    let mut world = world(true, &["named"]);
    let [ann, bob] = ["ann", "bob"].map(|name| world.account(name));
    world.link(ann, "ann", bob, "bob");
    world.take();
    world.speak(ann, "@bob", "between us");
    world.ask(ann, Command::Group { room: room("club"), retention: None });
    world.speak(ann, "club", "in a group");
    world.join_pin(ann, "Work", "1111");
    let place = world.joined();
    world.speak(ann, &place, "behind a PIN");
    for hidden in ["club", &place] {
        assert_eq!(world.info(ann, hidden).map(|info| info.transcribed), Some(false));
    }
    assert_eq!(written(&mut world), Vec::<String>::new());
    world.ask(ann, Command::Group { room: room("named"), retention: None });
    world.speak(ann, "named", "in a named group");
    let words = written(&mut world);
    assert_eq!(words.last().unwrap(), "named, to named: 1 <ann> in a named group");
    assert_eq!(world.info(ann, "named").map(|info| info.transcribed), Some(true));
}

#[test]
fn whoever_is_there_when_it_begins_is_told() {
    let mut world = world(true, &[]);
    let [ann, bob] = ["ann", "bob"].map(|name| world.account(name));
    world.enter_room(ann, "Work");
    assert_eq!(world.info(ann, "Work").map(|info| info.transcribed), Some(true));
    world.set(ann, "Work", RoomChange::Secret { on: true });
    world.invite(ann, "Work", "bob");
    world.enter_room(bob, "Work");
    world.take();
    world.speak(ann, "Work", "nobody writes this");
    assert_eq!(written(&mut world), Vec::<String>::new());
    world.set(ann, "Work", RoomChange::Secret { on: false });
    let words = world.take();
    let told = words.iter().filter(|line| line.contains("from now on Work is transcribed"));
    assert_eq!(told.count(), 2, "{words:?}");
    world.speak(bob, "Work", "and this?");
    let words = written(&mut world);
    assert!(words.len() == 1 && words[0].ends_with("<bob> and this?"), "{words:?}");
}

#[test]
fn what_was_said_before_it_began_is_not_written_though_it_comes_out_later() {
    let mut world = world(true, &[]);
    let ann = world.account("ann");
    world.enter_room(ann, "Work");
    world.set(ann, "Work", RoomChange::Secret { on: true });
    world.speak(ann, "Work", "nobody writes this");
    world.take();
    let send = |words: &str| {
        let body = Body::text(support::rooms::text(words));
        Command::Send { address: to("Work"), body, counter: None, hold: false }
    };
    let public = || Command::Set {
        room: room("Work"),
        setting: Setting::Change(RoomChange::Secret { on: false }),
    };
    // All three wait for the store together.
    world.tell(ann, send("in secret"));
    world.tell(ann, public());
    world.tell(ann, send("in public"));
    world.persist();
    let words = written(&mut world);
    assert!(words.iter().any(|line| line.ends_with("<ann> in public")), "{words:?}");
    assert!(!words.iter().any(|line| line.ends_with("in secret")), "{words:?}");

    // A store that fails gives numbers again: what is said then is written.
    world.set(ann, "Work", RoomChange::Secret { on: true });
    world.take();
    world.tell(ann, send("in secret"));
    world.tell(ann, public());
    let survivors = world.fail_with(1);
    world.recover_with(survivors);
    world.persist();
    world.tell(ann, send("in public"));
    world.persist();
    let words = written(&mut world);
    assert!(words.iter().any(|line| line.ends_with("<ann> in public")), "{words:?}");
    assert!(!words.iter().any(|line| line.ends_with("in secret")), "{words:?}");
}

#[test]
fn a_large_room_is_written_with_its_comings_and_goings() {
    let transcripts = Transcripts::of(true, &[]);
    let config = HubConfig {
        limits: Limits::free(),
        transcripts,
        presence_members: 1,
        ..HubConfig::default()
    };
    let mut world = World::with(config);
    let [ann, bob] = ["ann", "bob"].map(|name| world.guest(name));
    world.enter_room(ann, "Work");
    world.take();
    world.enter_room(bob, "Work");
    world.ask(bob, Command::Nick { name: user("rob") });
    let lines = world.take();
    assert!(!lines.iter().any(|line| line.starts_with("to Work: ")), "{lines:?}");
    for line in ["file of Work, to Work: bob joined (2)", "file of Work, to Work: bob is rob now"] {
        assert!(lines.iter().any(|told| told == line), "{lines:?}");
    }
}

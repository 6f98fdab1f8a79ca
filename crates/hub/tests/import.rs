//! Messages of elsewhere, added by the server's operator.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::Record;
use hubbub_protocol::*;
use support::rooms::text;
use support::{World, room, user};

fn message(time: u64, from: &str, words: &str, refers: Option<Refers>) -> Imported {
    let (time, from, body) = (WallMs(time), user(from), Body::text(text(words)));
    Imported { time, from, body, refers }
}

fn import(world: &mut World, place: &str, messages: Vec<Imported>) -> String {
    world.take();
    let command = AdminCommand::Import { room: room(place), messages };
    world.input(Input::Admin { request: 1, by: None, command });
    world.persist();
    let all = world.take();
    all.into_iter()
        .find(|line| line.contains("import") || line.contains("refused"))
        .expect("an answer")
}

fn events(world: &World) -> Vec<(u64, u64, UserId, String)> {
    let event = |record: &Record| match record {
        Record::Event { event, .. } => {
            let words = format!("{} {:?}", event.body.words(), event.body.refers_to());
            Some((event.seq.0, event.time.0, event.from.id, words))
        }
        _ => None,
    };
    world.records.iter().filter_map(event).collect()
}

#[test]
fn messages_come_with_their_times_names_and_what_they_answer() {
    let mut world = World::new();
    let react = Imported {
        time: WallMs(7),
        from: user("bob"),
        body: Body::React { of: Seq(99), reaction: Reaction::parse("+1").unwrap(), on: true },
        refers: Some(Refers::Batch(0)),
    };
    let mut shout = message(6, "bob", "@room two", Some(Refers::Batch(0)));
    let said = shout.body.said_mut().unwrap();
    (said.everyone, said.edited) = (true, Some(Seq(4)));
    let first = vec![message(5, "ann", "one", None), shout, react];
    assert_eq!(import(&mut world, "old", first), "imported from 1 on");
    let second = vec![message(8, "ann", "three", Some(Refers::Seq(Seq(2))))];
    assert_eq!(import(&mut world, "old", second), "imported from 4 on");
    // Two people of elsewhere are two, and no users of this server, whose ids begin at 2^32.
    let found = events(&world);
    let (ann, bob) = (found[0].2, found[1].2);
    assert!(ann != bob && ann.0 >> 32 == 0 && bob.0 >> 32 == 0, "{ann} {bob}");
    assert_eq!(
        found,
        [
            (1, 5, ann, "one None".into()),
            (2, 6, bob, "@room two Some(Seq(1))".into()),
            (3, 7, bob, " Some(Seq(1))".into()),
            (4, 8, ann, "three Some(Seq(2))".into()),
        ]
    );
    let everyone = |record: &Record| match record {
        Record::Event { event, .. } => {
            event.body.said().is_some_and(|said| said.everyone || said.edited.is_some())
        }
        _ => false,
    };
    assert!(!world.records.iter().any(everyone), "what is the server's word is not imported");
    assert!(world.audit().iter().any(|line| line == "imported  old: 3 messages from #1 on"));
    // They are nobody's: a user of that name can't change them.
    world.restart();
    let ann = world.account("ann");
    assert!(world.enter_room(ann, "old").starts_with("joined old at 4"));
    assert_eq!(world.edit(ann, "old", 1, "mine"), "refused not_allowed");
    assert_eq!(world.delete(ann, "old", 1), "refused not_allowed");
    assert_eq!(world.speak(ann, "old", "five"), "sent 5");
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let mut world = World::new();
    let edit = Body::Edit { of: Seq(1), text: Some(text("x")) };
    let edit = Imported { body: edit, ..message(1, "ann", "x", Some(Refers::Batch(0))) };
    let kick = Body::Lifted { what: RestrictionKind::Ban, whom: "x".into() };
    let kick = Imported { body: kick, ..message(1, "ann", "x", None) };
    let one = || message(1, "ann", "x", None);
    let cases = [
        vec![],
        (0..=limits::PAGE).map(|_| one()).collect(),
        vec![message(1, "ann", "itself", Some(Refers::Batch(0)))],
        vec![one(), message(1, "ann", "later", Some(Refers::Batch(2)))],
        vec![message(1, "ann", "nothing", Some(Refers::Seq(Seq(1))))],
        vec![message(1, "ann", "nothing", Some(Refers::Seq(Seq(0))))],
        vec![one(), edit],
        vec![kick],
    ];
    for (at, messages) in cases.into_iter().enumerate() {
        let answer = import(&mut world, "old", messages);
        assert!(answer.starts_with("admin refused"), "{at}: {answer}");
        assert_eq!(events(&world), [], "{at}");
    }
    // Nor is a room left that was made for it.
    world.wait(61_000);
    assert_eq!(world.hub.figures().rooms, 0);
    let answer = import(&mut world, "old~1234", vec![one()]);
    assert!(answer.starts_with("admin refused"), "the name of a room with a PIN: {answer}");
}

#[test]
fn nothing_is_imported_before_the_eyes_of_people_or_where_nothing_is_kept() {
    let mut world = World::new();
    let ann = world.member("ann", "den");
    let one = || vec![message(1, "ann", "x", None)];
    assert!(import(&mut world, "den", one()).starts_with("admin refused"));
    world.speak(ann, "den", "hello");
    world.quit(ann);
    assert_eq!(import(&mut world, "DEN", one()), "imported from 2 on");
    let bob = world.guest("bob");
    world.join_fleeting(bob, "talk");
    world.quit(bob);
    assert!(import(&mut world, "talk", one()).starts_with("admin refused"));
    let config = HubConfig { retention: Retention::None, ..HubConfig::default() };
    assert!(import(&mut World::with(config), "new", one()).starts_with("admin refused"));
}

#[test]
fn an_import_outlives_a_failing_store() {
    for kept in 0..5 {
        let mut world = World::new();
        let messages = vec![message(5, "ann", "one", None), message(6, "ann", "two", None)];
        let command = AdminCommand::Import { room: room("old"), messages };
        world.input(Input::Admin { request: 1, by: None, command });
        let survivors = world.fail_with(kept);
        let more = AdminCommand::Import { room: room("old"), messages: vec![] };
        world.input(Input::Admin { request: 2, by: None, command: more });
        assert!(world.take().last().unwrap().starts_with("admin refused"));
        world.recover_with(survivors);
        world.persist();
        assert_eq!(world.lines_with("imported"), ["imported from 1 on"], "kept {kept}");
        let words: Vec<(u64, String)> =
            events(&world).into_iter().map(|(seq, _, _, words)| (seq, words)).collect();
        assert_eq!(words, [(1, "one None".into()), (2, "two None".into())], "kept {kept}");
    }
}

/// The store took none of it, and was asked again and again.
#[test]
fn a_time_that_can_t_be_is_refused() {
    let mut world = World::new();
    let late = vec![message(u64::MAX, "ann", "one", None)];
    assert!(import(&mut world, "old", late).contains("year 9999"));
}

//! Accounts and a store that fails: what was said to be kept is kept, and nobody waits for ever.

mod support;

use hubbub_hub::{Command, Effect, Entry, PasswordOutcome, Reply};
use hubbub_protocol::record::Record;
use hubbub_protocol::{LoginId, Text, limits};
use support::{World, credentials, password, room, to, user};

#[test]
fn a_welcome_in_a_failed_commit_comes_when_the_account_is_kept() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.enter(ann, "ann", Entry::Register { password: password(), invite: None });
    world.passwords(ann, PasswordOutcome::Made(credentials("made")));
    world.fail();
    world.take();
    world.recover();
    assert_eq!(
        world.take(),
        [
            "persist credentials",
            "persist account ann",
            "persist login",
            "persist account ann online"
        ]
    );
    world.persist();
    assert_eq!(world.take(), ["1 welcome ann (account)"]);
    world.restart();
    world.login("ann");
}

#[test]
fn an_answer_that_was_put_off_by_a_failure_waits_for_its_own_records() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.tell(ann, Command::Mark { address: to("lobby"), seq: hubbub_protocol::Seq(1) });
    world.join(ann, "lobby");
    world.fail();
    world.take();
    world.recover();
    world.take();
    world.persist_some(1);
    assert!(world.take().is_empty(), "not all is kept");
    world.persist();
    assert_eq!(world.take(), ["1 joined lobby at 0 live (1)", "1 subscribed"]);
}

/// Else the others would see it come and go, and it would wait for a welcome.
#[test]
fn nobody_comes_back_by_a_token_while_nothing_can_be_kept() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.fail();
    world.take();
    let again = world.resume(1);
    assert_eq!(world.take(), [format!("{} refused not_stored", again.slot())]);
    world.recover();
    world.persist();
    world.tell(ann, Command::Ping);
    assert!(world.take().contains(&"1 pong".to_owned()), "the old session goes on");
}

#[test]
fn an_account_is_told_that_it_is_in_a_room_when_that_is_kept() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.take();
    world.join(ann, "lobby");
    assert_eq!(
        world.take(),
        ["persist room", "persist place read 0 heard 0", "to lobby: ann joined (1)"]
    );
    world.fail();
    assert!(world.take().is_empty(), "it waits on");
    world.recover();
    world.persist();
    let effects = world.take();
    assert_eq!(effects[effects.len() - 2..], ["1 joined lobby at 0 live (1)", "1 subscribed"]);
}

#[test]
fn a_logout_is_over_when_its_token_no_longer_counts() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.take();
    world.tell(ann, Command::Logout);
    assert_eq!(world.take(), ["persist login gone"]);
    world.fail();
    world.recover();
    assert_eq!(world.take(), ["persist login gone"]);
    world.persist();
    assert!(world.take().contains(&"close 1: bye".to_owned()));
    let back = world.resume(1);
    assert_eq!(world.take(), [format!("{} refused name_invalid", back.slot())]);
}

#[test]
fn what_must_be_kept_is_refused_while_nothing_can_be_kept() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    world.join(ann, "lobby");
    world.tell(ann, Command::Group { room: room("club"), retention: None });
    world.tell(ann, Command::Invite { room: room("club"), name: user("bob") });
    world.persist();
    world.fail();
    world.take();
    let lobby = || to("lobby");
    let commands = [
        Command::Nick { name: user("anna") },
        Command::Password { old: password(), new: password() },
        Command::Revoke { login: LoginId(0) },
        Command::Ask { name: user("bob") },
        Command::Block { name: user("bob"), on: true },
        Command::Policy { policy: None },
        Command::Group { room: room("new"), retention: None },
        Command::Invite { room: room("club"), name: user("bob") },
        Command::Mark { address: lobby(), seq: hubbub_protocol::Seq(1) },
        Command::Draft { address: lobby(), text: Text::parse("x").ok() },
        Command::Join { address: to("other"), after: None, retention: None, secret: None },
        Command::Leave { room: room("lobby") },
    ];
    for command in commands {
        let what = format!("{command:?}");
        world.tell(ann, command);
        let said = world.take();
        let is_known = said == ["1 refused not_stored"]
            || said == ["1 refused no_such_login"]
            || said == ["1 refused already_asked"];
        assert!(is_known, "{what}: {said:?}");
    }
    world.tell(bob, Command::Decline { room: room("club") });
    assert_eq!(world.take(), ["2 refused not_stored"]);
    let cat = world.connect(true);
    world.enter(cat, "ann", Entry::Password(password()));
    world.enter(cat, "cat", Entry::Register { password: password(), invite: None });
    assert_eq!(world.take(), ["3 refused not_stored", "3 refused not_stored"]);
    // A guest needs no store.
    world.hello(cat, "cat");
    world.tell(cat, Command::Group { room: room("cats"), retention: None });
    world.tell(cat, Command::Invite { room: room("cats"), name: user("bob") });
    assert_eq!(world.take().last().unwrap(), "3 done");
}

#[test]
fn the_place_of_an_account_never_comes_before_its_room() {
    let mut world = World::new();
    let (ann, guest) = (world.account("ann"), world.guest("guest"));
    world.join(guest, "work");
    // The room's record goes with its first event, the account's place behind it.
    world.say(guest, "work", "first");
    world.join(ann, "work");
    world.fail();
    world.recover();
    world.persist();
    world.restart();
    world.login("ann");
    assert_eq!(world.hub.figures().rooms, 1, "the account is still in it");
}

#[test]
fn coming_and_going_while_the_store_fails_does_not_pile_up() {
    let mut world = World::new();
    world.account("ann");
    world.fail();
    for _ in 0..20_000 {
        let session = world.resume(1);
        world.lose(session);
        world.effects.clear();
    }
    assert_eq!(world.hub.figures().pending, 0, "answers for who is gone are forgotten");
    world.recover();
    let said = world.effects.iter().filter(|e| matches!(e, Effect::Persist { .. })).count();
    assert!(said < 2 * limits::AUDIT_WAITING, "{said}");
    let omitted = |record: &Record| matches!(record, Record::Audit(entry) if entry.act == hubbub_protocol::audit::AuditAct::Omitted);
    world.persist();
    let session = world.resume(1);
    assert!(world.records.iter().any(omitted), "the number of what was left out is told");
    world.persist();
    let is_welcome = |effect: &Effect| match effect {
        Effect::Reply { session: to, reply: Reply::Welcome { .. }, .. } => *to == session,
        _ => false,
    };
    assert!(world.effects.iter().any(is_welcome));
    world.restart();
    world.login("ann");
}

#[test]
fn held_texts_that_could_not_be_stored_are_reported() {
    let mut world = World::new();
    let (ann, bob) = (world.guest("ann"), world.guest("bob"));
    world.hold(ann, "@bob", "one");
    world.tell(bob, Command::Accept { name: user("ann") });
    world.take();
    world.fail();
    assert_eq!(world.take(), ["1 hears not stored for bob"]);
    let cat = world.guest("cat");
    world.hold(cat, "@bob", "two");
    world.tell(bob, Command::Accept { name: user("cat") });
    assert!(world.take().contains(&"3 hears not stored for bob".into()));
}

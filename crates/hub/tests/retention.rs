//! What rooms keep: that the rest goes, in steps and for good; and that a change of it, whatever the
//! store does meanwhile, neither gives a number twice nor loses who keeps order there.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::{CatchUp, Retention};
use hubbub_protocol::record::{Record, StoredRoom};
use hubbub_protocol::*;
use support::fold::fold;
use support::rooms::{pattern, text};
use support::{World, room, user};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The owner of `den`, an account, and so many messages there.
fn den(messages: u64) -> (World, SessionId) {
    let mut world = World::new();
    let owner = world.account("olga");
    world.enter_room(owner, "den");
    for number in 1..=messages {
        assert_eq!(world.speak(owner, "den", "words"), format!("sent {number}"));
    }
    world.take();
    (world, owner)
}

/// The rooms as a store would give them out.
fn stored(world: &World) -> Vec<StoredRoom> {
    fold(&world.records[..world.durable]).rooms
}

fn floor(world: &World) -> u64 {
    stored(world).last().expect("a room").floor.0
}

fn trims(world: &mut World) -> Vec<String> {
    world.lines_with("persist trim")
}

#[test]
fn so_many_messages_are_kept_and_no_more() {
    let (mut world, owner) = den(10);
    assert_eq!(world.keep(owner, "den", Retention::Messages(4)), "done");
    world.take();
    world.wait(1_000);
    world.persist();
    // The change is an event too: 11 in all.
    assert_eq!(trims(&mut world), ["persist trim to 7"]);
    for _ in 0..3 {
        world.speak(owner, "den", "words");
    }
    world.take();
    world.wait(59_000);
    assert_eq!(trims(&mut world), Vec::<String>::new(), "not at every moment");
    world.wait(1_000);
    world.persist();
    assert_eq!(trims(&mut world), ["persist trim to 10"]);
    // Out of reach from now on.
    assert_eq!(world.edit(owner, "den", 10, "x"), "refused no_such_event");
    assert_eq!(world.delete(owner, "den", 3), "refused no_such_event");
    let mut said = Said::from(text("indeed"));
    said.reply = Some(Seq(10));
    let (address, body) = (support::to("den"), Body::Text(said));
    let reply = Command::Send { address, body, counter: None, hold: false };
    assert_eq!(world.ask(owner, reply), "refused no_such_event");
    // More is kept from now on, but what has gone has gone.
    world.keep(owner, "den", Retention::Forever);
    world.wait(1_000_000);
    world.persist();
    assert_eq!(floor(&world), 10);
}

#[test]
fn much_goes_in_steps() {
    let mut world = World::new();
    let count = limits::TRIM_EVENTS * 2 + 300;
    let message = || Imported {
        time: WallMs(1),
        from: user("ann"),
        body: Body::text(text("words")),
        refers: None,
    };
    for _ in 0..count / 100 {
        let messages = (0..100).map(|_| message()).collect();
        world.admin(AdminCommand::Import { room: room("den"), messages });
    }
    let owner = world.account("olga");
    world.make_admin("olga");
    world.enter_room(owner, "den");
    world.keep(owner, "den", Retention::Messages(1));
    world.take();
    let mut steps = Vec::new();
    for _ in 0..5 {
        world.wait(1_000);
        world.persist();
        steps.extend(trims(&mut world));
    }
    assert_eq!(steps, ["persist trim to 10000", "persist trim to 20000", "persist trim to 20300"]);
    let upto: Vec<u64> = world
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Trim { upto, .. } => Some(upto.0),
            _ => None,
        })
        .collect();
    assert!(upto.is_sorted());
}

#[test]
fn what_is_too_old_by_time_is_looked_for_and_goes() {
    let (mut world, owner) = den(3);
    let id = stored(&world)[0].record.id;
    world.now.wall = WallMs(99 * DAY_MS);
    world.wait(0);
    world.wait(DAY_MS);
    assert_eq!(world.keep(owner, "den", Retention::Days(7)), "done");
    world.take();
    world.tell(owner, Command::Ping);
    world.input(Input::Tick);
    let asked = world.effects.iter().find_map(|effect| match effect {
        Effect::FindExpired { room, before } => Some((*room, *before)),
        _ => None,
    });
    assert_eq!(asked, Some((id, WallMs(93 * DAY_MS))));
    let found = |world: &mut World, upto: Option<u64>| {
        world.take();
        world.input(Input::ExpiredFound { room: id, upto: upto.map(Seq) });
        world.persist();
        trims(world)
    };
    assert_eq!(found(&mut world, None), Vec::<String>::new());
    assert_eq!(found(&mut world, Some(2)), ["persist trim to 2"]);
    assert_eq!(found(&mut world, Some(2)), Vec::<String>::new(), "once");
    assert_eq!(found(&mut world, Some(1)), Vec::<String>::new(), "nothing comes back");
    // More than there is does not go, whatever the store says.
    assert_eq!(found(&mut world, Some(77)), ["persist trim to 4"]);
    world.wait(limits::EXPIRY_MS);
    assert_eq!(world.lines_with("find expired"), Vec::<String>::new(), "there is nothing");
    world.speak(owner, "den", "words");
    world.take();
    world.wait(limits::EXPIRY_MS);
    assert_eq!(world.lines_with("find expired"), ["find expired"]);
    // The answer may come when the room keeps everything.
    world.keep(owner, "den", Retention::Forever);
    assert_eq!(found(&mut world, Some(5)), Vec::<String>::new());
    // Or when there is no such room.
    world.input(Input::ExpiredFound { room: RoomId(1), upto: Some(Seq(1)) });
}

#[test]
fn a_failing_store_puts_off_what_goes() {
    let (mut world, owner) = den(5);
    world.keep(owner, "den", Retention::Messages(2));
    world.take();
    world.fail();
    world.wait(5_000);
    assert_eq!(trims(&mut world), Vec::<String>::new());
    world.recover();
    world.wait(1_000);
    assert_eq!(trims(&mut world), ["persist trim to 4"]);
    // It goes, whatever becomes of the first try.
    world.fail();
    world.recover();
    world.persist();
    assert_eq!(floor(&world), 4);
    // A restart does not forget what a room keeps.
    world.restart();
    let owner = world.login("olga");
    world.enter_room(owner, "den");
    world.speak(owner, "den", "words");
    world.take();
    world.wait(60_000);
    world.persist();
    assert_eq!(floor(&world), 5);
}

#[test]
fn who_was_away_too_long_begins_anew() {
    let (mut world, owner) = den(10);
    let epoch = world.stored(stored(&world)[0].record.id)[0].epoch;
    let id = stored(&world)[0].record.id;
    world.keep(owner, "den", Retention::Messages(4));
    world.wait(1_000);
    world.persist();
    let catch_up = |world: &mut World, seq: u64| {
        world.take();
        let after = Position { room: id, epoch, seq: Seq(seq) };
        world.join_after(owner, "den", Some(after));
        let joined = world.effects.iter().find_map(|effect| match effect {
            Effect::Reply { reply: Reply::Joined { catch_up, retention, .. }, .. } => {
                Some((*catch_up, *retention))
            }
            _ => None,
        });
        let is_read = world.effects.iter().any(|effect| matches!(effect, Effect::Read { .. }));
        assert_eq!(joined.is_none(), is_read);
        joined
    };
    // A newcomer is told what is kept.
    let told = Retention::Messages(4);
    assert_eq!(catch_up(&mut world, 0), Some((CatchUp::Reset, told)));
    assert_eq!(catch_up(&mut world, 6), Some((CatchUp::Reset, told)));
    assert_eq!(catch_up(&mut world, 7), None, "the first that is there is the next");
    assert_eq!(catch_up(&mut world, 11), Some((CatchUp::Live, told)));
}

#[test]
fn pins_go_with_what_they_pin() {
    let (mut world, owner) = den(5);
    for of in [2, 5] {
        assert_eq!(world.pin(owner, "den", of, true), "done");
    }
    world.keep(owner, "den", Retention::Messages(4));
    world.wait(1_000);
    world.persist();
    assert_eq!(floor(&world), 4);
    assert_eq!(world.info(owner, "den").unwrap().pinned, [Seq(5)]);
    assert_eq!(stored(&world)[0].record.settings.pinned, [Seq(5)]);
}

#[test]
fn nothing_is_kept_from_the_moment_when_that_is_wanted() {
    let (mut world, owner) = den(3);
    world.pin(owner, "den", 1, true);
    world.take();
    let setting = Setting::Change(RoomChange::Retention { retention: Retention::None });
    world.tell(owner, Command::Set { room: room("den"), setting });
    // Nobody is told before it is so.
    assert_eq!(world.lines_with("to den"), Vec::<String>::new());
    world.persist();
    assert_eq!(world.lines_with("to den").len(), 1);
    assert_eq!(stored(&world), [], "it is not even there");
    assert_eq!(world.info(owner, "den").unwrap().pinned, []);
    assert_eq!(world.speak(owner, "den", "whispers"), "sent 6");
    assert!(!format!("{:?}", world.records).contains("whispers"));
    let history =
        Command::History { address: support::to("den"), page: frame::Page::Latest, limit: 9 };
    assert_eq!(world.ask(owner, history.clone()), "refused no_history");
    // What is kept again begins with what comes next.
    assert_eq!(world.keep(owner, "den", Retention::Forever), "done");
    assert_eq!(world.ask(owner, history), "may read");
    assert_eq!(world.edit(owner, "den", 6, "x"), "refused no_such_event");
    assert_eq!(world.speak(owner, "den", "words"), "sent 8");
    assert_eq!((floor(&world), stored(&world)[0].head_seq), (6, Seq(8)));
}

#[test]
fn who_keeps_order_does_so_after_the_room_kept_nothing_for_a_while() {
    let (mut world, owner) = den(1);
    let max = world.account("max");
    world.enter_room(max, "den");
    world.keep(owner, "den", Retention::None);
    assert_eq!(world.give(owner, "den", "max", Some(Role::Operator)), "done");
    assert_eq!(world.ban(max, "den", pattern("z*"), None), "done");
    assert_eq!(world.set(max, "den", RoomChange::InviteOnly { on: true }), "done");
    world.account("eve");
    assert_eq!(world.invite(max, "den", "eve"), "done");
    world.keep(owner, "den", Retention::Days(3));
    world.restart();
    let max = world.login("max");
    world.enter_room(max, "den");
    assert_eq!(world.info(max, "den").unwrap().role, Some(Role::Operator));
    let list = Command::Restrictions { room: room("den"), after: None };
    assert_eq!(world.ask(max, list), "restrictions [ban z*]");
    let eve = world.login("eve");
    assert!(world.enter_room(eve, "den").starts_with("joined"), "she is still invited");
}

const ALL: [Retention; 4] =
    [Retention::Forever, Retention::None, Retention::Days(2), Retention::Messages(3)];

/// The positions of the events that people were shown.
fn shown(world: &mut World, all: &mut Vec<Position>) {
    for effect in std::mem::take(&mut world.effects) {
        if let Effect::Deliver { delivery: Delivery::Message { event, .. }, .. } = effect {
            all.push(event.position());
        }
    }
}

/// Numbers rise, and what is stored is what the hub has, without a gap.
fn check_numbers(world: &World, all: &[Position], case: &str) {
    for (before, after) in all.iter().zip(&all[1..]) {
        assert!(before.room != after.room || before.seq < after.seq, "{case}: {all:#?}");
    }
    let stored = fold(&world.records[..world.durable]);
    assert_eq!(world.hub.difference(&stored), None, "{case}");
}

#[test]
fn any_change_after_any_other_gives_no_number_twice() {
    for one in ALL {
        for two in ALL {
            for three in ALL {
                let case = format!("{one:?}, {two:?}, {three:?}");
                let (mut world, owner) = den(2);
                let mut all = Vec::new();
                for retention in [one, two, three] {
                    assert_eq!(world.keep(owner, "den", retention), "done", "{case}");
                    assert!(world.speak(owner, "den", "words").starts_with("sent"), "{case}");
                    world.wait(61_000);
                    world.persist();
                    shown(&mut world, &mut all);
                }
                check_numbers(&world, &all, &case);
                let info = world.info(owner, "den").expect("the room");
                assert_eq!((info.retention, info.role), (three, Some(Role::Owner)), "{case}");
                let before = all.last().expect("something was said").seq;
                world.restart();
                let owner = world.login("olga");
                let kept = world.enter_room(owner, "den");
                let head = if three.keeps() { before } else { Seq(0) };
                assert!(kept.contains(&format!(" at {head} ")), "{case}: {kept}");
                assert_eq!(world.info(owner, "den").unwrap().role, Some(Role::Owner), "{case}");
            }
        }
    }
}

#[test]
fn changes_in_a_failing_batch_are_made_again() {
    for one in ALL {
        for two in ALL {
            for kept in 0..12 {
                let case = format!("{one:?}, {two:?}, {kept} kept");
                let (mut world, owner) = den(2);
                let mut all = Vec::new();
                // What waits is not only the changes.
                let max = world.member("max", "den");
                world.persist();
                world.say(max, "den", "before");
                for retention in [one, two] {
                    let setting = Setting::Change(RoomChange::Retention { retention });
                    world.tell(owner, Command::Set { room: room("den"), setting });
                    world.say(max, "den", "between");
                }
                shown(&mut world, &mut all);
                let waiting = world.records.len() - world.durable;
                let survivors = world.fail_with(kept.min(waiting));
                world.wait(61_000);
                world.recover_with(survivors);
                shown(&mut world, &mut all);
                world.persist();
                shown(&mut world, &mut all);
                assert!(world.speak(owner, "den", "after").starts_with("sent"), "{case}");
                let mut again = Vec::new();
                shown(&mut world, &mut again);
                all.extend(again);
                check_numbers(&world, &all, &case);
                let info = world.info(owner, "den").expect("the room");
                assert_eq!((info.retention, info.role), (two, Some(Role::Owner)), "{case}");
                let before = all.last().expect("something was said").seq;
                world.wait(61_000);
                world.persist();
                world.restart();
                let owner = world.login("olga");
                let answer = world.enter_room(owner, "den");
                let head = if two.keeps() { before } else { Seq(0) };
                assert!(answer.contains(&format!(" at {head} ")), "{case}: {answer}");
                assert_eq!(world.info(owner, "den").unwrap().role, Some(Role::Owner), "{case}");
            }
        }
    }
}

/// Found by the simulator: it was acknowledged, and a power cut brought the room back without it.
#[test]
fn nothing_is_acknowledged_in_a_room_of_which_it_is_not_known_that_it_is_forgotten() {
    let (mut world, owner) = den(1);
    let setting = Setting::Change(RoomChange::Retention { retention: Retention::None });
    world.tell(owner, Command::Set { room: room("den"), setting });
    world.take();
    world.say(owner, "den", "too early");
    assert_eq!(world.take(), Vec::<String>::new());
    world.fail();
    world.say(owner, "den", "too early, too");
    assert!(world.take().contains(&"1 refused not_stored".into()));
    world.recover();
    world.persist();
    world.take();
    world.say(owner, "den", "now");
    assert!(world.take().iter().any(|line| line.starts_with("1 sent ")));
}

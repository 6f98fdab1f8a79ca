//! The wall clock jumps, both ways, while the server runs and while it is off: nothing is lost that
//! its owner has not let go, and what ends at a time follows the clock.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::Record;
use hubbub_protocol::*;
use support::World;
use support::rooms::owned;
use support::user;

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const YEAR_MS: i64 = 365 * DAY_MS as i64;

/// A world in the middle of time, which has been there for a while.
fn world() -> World {
    let mut world = World::new();
    world.now.wall = WallMs(20_000 * DAY_MS);
    world.wait(500);
    pass(&mut world, HOUR_MS);
    world
}

/// The wall clock alone jumps.
fn jump(world: &mut World, by_ms: i64) {
    world.now.wall = WallMs(world.now.wall.0.checked_add_signed(by_ms).expect("after 1970"));
    world.wait(500);
}

/// Time passes as it does, in the steps of a server.
fn pass(world: &mut World, ms: u64) {
    for _ in 0..ms / MINUTE_MS {
        world.wait(MINUTE_MS);
    }
    world.persist();
}

/// Before which times was looked for old messages.
fn looked_for(world: &mut World) -> Vec<WallMs> {
    let before = |effect: &Effect| match effect {
        Effect::FindExpired { before, .. } => Some(*before),
        _ => None,
    };
    std::mem::take(&mut world.effects).iter().filter_map(before).collect()
}

fn count(world: &World, is_meant: impl Fn(&Record) -> bool) -> usize {
    world.records.iter().filter(|record| is_meant(record)).count()
}

/// A room that keeps a week.
fn week(world: &mut World) -> SessionId {
    let owner = owned(world);
    assert_eq!(world.keep(owner, "den", Retention::Days(7)), "done");
    world.speak(owner, "den", "words");
    world.take();
    owner
}

#[test]
fn numbers_keep_the_order_whatever_the_times_are() {
    let mut world = world();
    let owner = owned(&mut world);
    for (number, by_ms) in [0, YEAR_MS, -2 * YEAR_MS, YEAR_MS].into_iter().enumerate() {
        jump(&mut world, by_ms);
        assert_eq!(world.speak(owner, "den", "words"), format!("sent {}", number + 1));
    }
    let id = support::fold::fold(&world.records).rooms[0].record.id;
    let events = world.stored(id);
    let days = |index: usize| events[index].time.0 / DAY_MS;
    assert_eq!([days(0), days(1), days(2), days(3)], [20_000, 20_365, 19_635, 20_000]);
    assert!(events.iter().map(|event| event.seq.0).eq(1..=4));
}

#[test]
fn a_clock_that_is_wrong_for_a_while_takes_no_messages() {
    let mut world = world();
    week(&mut world);
    jump(&mut world, YEAR_MS);
    pass(&mut world, 50 * MINUTE_MS);
    assert_eq!(looked_for(&mut world), []);
    jump(&mut world, -YEAR_MS);
    pass(&mut world, 50 * MINUTE_MS);
    assert_eq!(looked_for(&mut world), [], "an hour after the last jump");
    pass(&mut world, 30 * MINUTE_MS);
    let looked = looked_for(&mut world);
    assert!(!looked.is_empty());
    assert!(looked.iter().all(|before| before.0 / DAY_MS == 20_000 - 7), "{looked:?}");
}

#[test]
fn a_clock_that_was_set_right_counts_after_an_hour() {
    let mut world = world();
    week(&mut world);
    jump(&mut world, YEAR_MS);
    pass(&mut world, 2 * HOUR_MS);
    let looked = looked_for(&mut world);
    assert!(!looked.is_empty());
    assert!(looked.iter().all(|before| before.0 / DAY_MS == 20_365 - 7), "{looked:?}");
}

#[test]
fn an_answer_from_before_a_jump_takes_nothing() {
    let mut world = world();
    week(&mut world);
    let id = support::fold::fold(&world.records).rooms[0].record.id;
    jump(&mut world, YEAR_MS);
    world.input(Input::ExpiredFound { room: id, upto: Some(Seq(1)) });
    assert_eq!(world.lines_with("persist trim"), Vec::<String>::new());
}

/// Half an hour is no jump: that is how far clocks are wrong that nobody sets.
#[test]
fn a_small_step_changes_nothing() {
    let mut world = world();
    week(&mut world);
    for by_ms in [30, -30].map(|minutes| minutes * MINUTE_MS as i64) {
        jump(&mut world, by_ms);
        pass(&mut world, 20 * MINUTE_MS);
        assert!(!looked_for(&mut world).is_empty());
    }
}

/// A login, a request, an entry of the audit log and an invite: what a jump must not take.
fn treasures() -> (World, SessionId) {
    let mut world = world();
    let (ann, bob) = (world.account("ann"), world.account("bob"));
    world.tell(ann, Command::Ask { name: user("bob") });
    let code = InviteCode::from_random(7).digest();
    let for_ms = Some(10 * DAY_MS);
    world.admin(AdminCommand::InviteMake { code, for_ms, uses: 1, note: String::new() });
    pass(&mut world, MINUTE_MS);
    world.lose(ann);
    world.persist();
    world.take();
    (world, bob)
}

/// That all of them are there, ann's login and her request among them.
fn are_there(world: &mut World, bob: SessionId) {
    world.take();
    world.tell(bob, Command::Links { after: None });
    let links = world.take();
    assert!(links.iter().any(|line| line.contains("ann")), "{links:?}");
    assert_eq!(count(world, |record| matches!(record, Record::LoginGone(..))), 0);
    assert_eq!(count(world, |record| matches!(record, Record::RequestGone(_))), 0);
    assert_eq!(count(world, |record| matches!(record, Record::InviteGone(_))), 0);
    assert_comes_back(world);
}

/// Ann comes in with the token of her first login.
fn assert_comes_back(world: &mut World) {
    world.take();
    let ann = world.resume(1);
    world.persist();
    let heard = world.take();
    assert!(heard.iter().any(|line| line.contains("welcome ann (account)")), "{heard:?}");
    world.lose(ann);
    world.persist();
}

fn trims(world: &World) -> usize {
    count(world, |record| matches!(record, Record::AuditTrim { .. }))
}

#[test]
fn a_jump_takes_no_logins_requests_invites_and_entries() {
    for by_ms in [YEAR_MS, -YEAR_MS] {
        let (mut world, bob) = treasures();
        let trimmed = trims(&world);
        assert!(trimmed > 0);
        jump(&mut world, by_ms);
        pass(&mut world, 50 * MINUTE_MS);
        assert_eq!(trims(&world), trimmed);
        // Making one lets go those that are over.
        let code = InviteCode::from_random(8).digest();
        world.admin(AdminCommand::InviteMake { code, for_ms: None, uses: 1, note: String::new() });
        jump(&mut world, -by_ms);
        pass(&mut world, 3 * HOUR_MS);
        assert!(trims(&world) > trimmed, "and it goes on afterwards");
        are_there(&mut world, bob);
    }
}

/// It is used while the clock is far behind, for long enough that this looks like the truth.
#[test]
fn a_login_that_was_used_while_the_clock_was_behind_is_not_old_afterwards() {
    let (mut world, _) = treasures();
    jump(&mut world, -YEAR_MS);
    pass(&mut world, 2 * HOUR_MS);
    assert_comes_back(&mut world);
    jump(&mut world, YEAR_MS);
    pass(&mut world, 3 * HOUR_MS);
    assert_comes_back(&mut world);
}

/// Its battery is empty, and the network sets the clock a little later.
#[test]
fn a_computer_that_starts_in_another_year_takes_nothing() {
    for by_ms in [YEAR_MS, -YEAR_MS] {
        let (mut world, _) = treasures();
        world.stop_and_start();
        world.now.wall = WallMs(world.now.wall.0.checked_add_signed(by_ms).unwrap());
        pass(&mut world, 50 * MINUTE_MS);
        jump(&mut world, -by_ms);
        let bob = world.login("bob");
        pass(&mut world, 3 * HOUR_MS);
        are_there(&mut world, bob);
    }
}

#[test]
fn a_server_that_was_off_for_a_year_lets_go_what_is_old_after_an_hour() {
    let (mut world, _) = treasures();
    world.stop_and_start();
    world.now.wall = WallMs(world.now.wall.0.checked_add_signed(YEAR_MS).unwrap());
    pass(&mut world, 50 * MINUTE_MS);
    let gone = |world: &World| count(world, |record| matches!(record, Record::LoginGone(..)));
    assert_eq!(gone(&world), 0);
    pass(&mut world, 2 * HOUR_MS);
    assert!(gone(&world) > 0);
}

/// A ban with an end follows the clock; it is not forgotten because of a wrong one.
#[test]
fn a_ban_counts_again_when_the_clock_is_right_again() {
    let mut world = world();
    let owner = owned(&mut world);
    world.come_from("10.1.1.1");
    let bob = world.guest("bob");
    let enter = |world: &mut World| world.enter_room(bob, "den");
    enter(&mut world);
    world.ban(owner, "den", Whom::User(user("bob")), Some(DAY_MS));
    assert_eq!(enter(&mut world), "refused banned");
    jump(&mut world, YEAR_MS);
    // Another one makes the room look at its list.
    world.ban(owner, "den", support::rooms::pattern("x*"), Some(DAY_MS));
    jump(&mut world, -YEAR_MS);
    assert_eq!(enter(&mut world), "refused banned");
    pass(&mut world, 25 * HOUR_MS);
    assert!(enter(&mut world).starts_with("joined"), "it ends in its time");
}

/// A server that has just started does not believe its clock, and keeps what is over.
#[test]
fn what_is_over_takes_no_place_and_does_not_pile_up() {
    for place in [None, Some(support::room("den"))] {
        let mut world = World::new();
        world.member("olga", "den");
        let ban = |world: &mut World, round: usize, n: usize, for_ms| {
            let whom = support::rooms::network(&format!("10.{round}.{}.{}", n / 256, n % 256));
            let (room, what) = (place.clone(), RestrictionKind::Ban);
            let said = AdminCommand::Restrict { room, what, whom, reason: None, for_ms };
            let answer = world.run(said);
            world.take();
            answer
        };
        for round in 0..4 {
            let for_ms = (round < 3).then_some(1_000);
            for n in 0..limits::RESTRICTIONS {
                assert_eq!(ban(&mut world, round, n, for_ms), "admin done", "{round} {n}");
            }
            world.wait(1_000);
        }
        let refused = ban(&mut world, 4, 0, None);
        assert!(refused.contains("1000 bans and mutes"), "{refused}");
        let kept = support::fold::fold(&world.records).restrictions.len();
        assert_eq!(kept, 2 * limits::RESTRICTIONS);
    }
}

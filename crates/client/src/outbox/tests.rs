//! The order of sends, and who waits for whom.

use super::*;
use hubbub_protocol::{RoomName, Text};

fn body() -> Body {
    Body::text(Text::parse("hi").unwrap())
}
fn room() -> RoomAddress {
    RoomAddress::Room(RoomName::parse("lobby").unwrap())
}
fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}
fn push(outbox: &mut Outbox, to: RoomAddress) -> Result<u64, Full> {
    outbox.push(to, body(), None).map(|send| send.local.0)
}

fn outbox(sends: u64) -> Outbox {
    let mut outbox = Outbox::new(sends as usize, 7);
    for local in 1..=sends {
        assert_eq!(push(&mut outbox, room()), Ok(local));
    }
    outbox
}

fn take_all(outbox: &mut Outbox, window: u64) -> Vec<u64> {
    std::iter::from_fn(|| outbox.take(window).map(|send| send.local.0)).collect()
}

#[test]
fn the_window_begins_at_the_oldest_unanswered_send() {
    let mut outbox = outbox(100);
    assert_eq!(take_all(&mut outbox, 32), (1..=32).collect::<Vec<_>>());
    for local in 2..=32 {
        outbox.finish(LocalId(local)).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 32), [0; 0], "1 would grow stale");
    outbox.finish(LocalId(1)).unwrap();
    assert_eq!(take_all(&mut outbox, 32), (33..=64).collect::<Vec<_>>());
    outbox.disconnected();
    assert_eq!(take_all(&mut outbox, 0), [33], "a window of nothing would stop for ever");
}

#[test]
fn a_retry_holds_everything_and_then_goes_first() {
    let mut outbox = outbox(3);
    assert_eq!(take_all(&mut outbox, 2), [1, 2]);
    outbox.retry(MonoMs(1000), LocalId(1));
    outbox.finish(LocalId(2)).unwrap();
    assert_eq!(take_all(&mut outbox, 2), [0; 0]);
    let until = outbox.timeout().unwrap();
    assert!((1250..=1500).contains(&until.0));
    outbox.handle_timeout(MonoMs(until.0 - 1));
    assert_eq!(take_all(&mut outbox, 3), [0; 0]);
    outbox.handle_timeout(until);
    assert_eq!(take_all(&mut outbox, 3), [1, 3]);
}

#[test]
fn the_queue_is_bounded_and_one_user_s_share_too() {
    let mut outbox = outbox(5);
    outbox.finish(LocalId(3)).unwrap();
    assert_eq!(push(&mut outbox, room()), Ok(6));
    assert_eq!(push(&mut outbox, room()), Err(Full::All));
    let mut outbox = Outbox::new(1000, 7);
    for _ in 0..HELD_MAX {
        push(&mut outbox, RoomAddress::User(name("bob"))).unwrap();
    }
    assert_eq!(push(&mut outbox, RoomAddress::User(name("Bob"))), Err(Full::Side));
    push(&mut outbox, RoomAddress::User(name("cleo"))).unwrap();
}

#[test]
fn one_send_to_a_user_is_on_its_way_and_rooms_do_not_wait_for_it() {
    let mut outbox = Outbox::new(100, 7);
    for to in ["bob", "", "Bob", "cleo", ""] {
        let to = if to.is_empty() { room() } else { RoomAddress::User(name(to)) };
        push(&mut outbox, to).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 32), [1, 2, 4, 5]);
    assert_eq!(outbox.hold(LocalId(1)), [LocalId(1), LocalId(3)]);
    assert_eq!(take_all(&mut outbox, 32), [0; 0]);
    assert!(outbox.push(RoomAddress::User(name("bob")), body(), None).unwrap().is_held());
    assert_eq!(outbox.release(&name("bob")), [LocalId(1), LocalId(3), LocalId(6)]);
    assert_eq!(take_all(&mut outbox, 32), [1]);
    assert_eq!(outbox.get(LocalId(1)).unwrap().counter(), Some(Counter(5)), "a new one");
    outbox.finish(LocalId(1)).unwrap();
    assert_eq!(take_all(&mut outbox, 32), [3]);
}

/// Else an absent user whose place is full would stop everything that is said anywhere.
#[test]
fn who_is_full_stops_nobody_else() {
    let mut outbox = Outbox::new(200, 7);
    push(&mut outbox, RoomAddress::User(name("bob"))).unwrap();
    (2..=101).for_each(|local| assert_eq!(push(&mut outbox, room()), Ok(local)));
    assert_eq!(take_all(&mut outbox, 32).len(), 32);
    outbox.put_off(MonoMs(1000), LocalId(1));
    for local in 2..=32 {
        outbox.finish(LocalId(local)).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 32), (33..=64).collect::<Vec<_>>());
    (33..=64).for_each(|local| drop(outbox.finish(LocalId(local)).unwrap()));
    outbox.handle_timeout(outbox.timeout().unwrap());
    assert_eq!(take_all(&mut outbox, 4), [1, 65, 66, 67]);
}

/// In a slow room one send is on its way at a time, and the refused one goes first, as the same.
#[test]
fn a_slow_room_keeps_its_order_and_stops_nobody_else() {
    let hall = || RoomAddress::Room(RoomName::parse("hall").unwrap());
    let mut outbox = Outbox::new(200, 7);
    for to in [hall(), hall(), room(), hall()] {
        push(&mut outbox, to).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 32), [1, 2, 3, 4], "nobody knows yet that it is slow");
    outbox.finish(LocalId(1)).unwrap();
    outbox.too_fast(MonoMs(1000), LocalId(2), Some(500));
    outbox.finish(LocalId(3)).unwrap();
    outbox.too_fast(MonoMs(1000), LocalId(4), Some(400));
    push(&mut outbox, room()).unwrap();
    assert_eq!(take_all(&mut outbox, 32), [5]);
    outbox.handle_timeout(MonoMs(1400));
    assert_eq!(take_all(&mut outbox, 32), [0; 0], "2 goes before 4");
    outbox.disconnected();
    outbox.nudge_all();
    assert_eq!(take_all(&mut outbox, 32), [5], "another connection makes no room faster");
    outbox.handle_timeout(MonoMs(1500));
    assert_eq!(take_all(&mut outbox, 32), [2]);
    assert_eq!(outbox.get(LocalId(2)).unwrap().counter(), Some(Counter(2)), "the same");
    outbox.finish(LocalId(2)).unwrap();
    assert_eq!(take_all(&mut outbox, 32), [4]);
    outbox.too_fast(MonoMs(2000), LocalId(4), Some(0));
    assert_eq!(outbox.timeout(), Some(MonoMs(2100)), "not at once");
    outbox.too_fast(MonoMs(2000), LocalId(4), Some(u64::MAX));
    assert_eq!(outbox.timeout(), Some(MonoMs(2000 + WAIT_MAX_MS)), "not never");
}

/// Else a room with hours between two messages would stop everything that is said anywhere.
#[test]
fn a_slow_room_gives_its_counter_back_only_at_the_window_s_end() {
    let mut outbox = Outbox::new(200, 7);
    push(&mut outbox, RoomAddress::Room(RoomName::parse("hall").unwrap())).unwrap();
    assert_eq!(take_all(&mut outbox, 4), [1]);
    outbox.too_fast(MonoMs(0), LocalId(1), Some(100_000));
    for local in 2..=9 {
        push(&mut outbox, room()).unwrap();
        assert_eq!(take_all(&mut outbox, 4), [local]);
        let kept = outbox.get(LocalId(1)).unwrap().counter();
        assert_eq!(kept, (local < 5).then_some(Counter(1)), "{local}");
        outbox.finish(LocalId(local)).unwrap();
    }
    outbox.handle_timeout(MonoMs(100_000));
    assert_eq!(take_all(&mut outbox, 4), [1]);
    assert_eq!(outbox.get(LocalId(1)).unwrap().counter(), Some(Counter(10)));
}

/// Found by the simulator: the first had given its counter back, and those behind it, whose wait was
/// over, held the window for ever.
#[test]
fn what_waits_behind_a_slow_send_does_not_hold_its_window() {
    let mut outbox = Outbox::new(200, 7);
    let hall = RoomAddress::Room(RoomName::parse("hall").unwrap());
    for _ in 1..=4 {
        push(&mut outbox, hall.clone()).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 4), [1, 2, 3, 4]);
    for local in 1..=4 {
        outbox.too_fast(MonoMs(0), LocalId(local), Some(1_000));
    }
    push(&mut outbox, room()).unwrap();
    assert_eq!(take_all(&mut outbox, 4), [5], "its place is that of the first");
    outbox.handle_timeout(MonoMs(1_000));
    assert_eq!(take_all(&mut outbox, 4), [1]);
}

#[test]
fn a_room_that_is_known_to_be_slow_gets_one_at_a_time() {
    let lobby = RoomName::parse("lobby").unwrap();
    let mut outbox = outbox(3);
    outbox.set_slow(&lobby, true);
    assert_eq!(take_all(&mut outbox, 32), [1]);
    outbox.set_slow(&lobby, false);
    assert_eq!(take_all(&mut outbox, 32), [2, 3]);
}

#[test]
fn what_was_certainly_not_taken_is_given_up_with_its_room() {
    let lobby = RoomName::parse("Lobby").unwrap();
    let mut outbox = outbox(5);
    assert_eq!(take_all(&mut outbox, 3), [1, 2, 3]);
    outbox.too_fast(MonoMs(0), LocalId(2), None);
    let given_up = outbox.give_up_room(&lobby);
    let given_up: Vec<_> = given_up.iter().map(|send| send.local.0).collect();
    assert_eq!(given_up, [2, 4, 5], "1 and 3 are on their way");
}

/// Found by the simulator: one that had given its counter back waited for the window, which another of
/// the same room held, and that one for its turn.
#[test]
fn what_was_on_its_way_before_does_not_wait_behind_a_slow_send_that_was_not() {
    let mut outbox = Outbox::new(200, 7);
    let hall = RoomAddress::Room(RoomName::parse("hall").unwrap());
    for _ in 1..=4 {
        push(&mut outbox, hall.clone()).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 4), [1, 2, 3, 4]);
    outbox.too_fast(MonoMs(0), LocalId(1), Some(1_000));
    push(&mut outbox, room()).unwrap();
    assert_eq!(take_all(&mut outbox, 4), [5], "1 gave its counter back");
    outbox.disconnected();
    outbox.handle_timeout(MonoMs(1_000));
    assert_eq!(take_all(&mut outbox, 4), [2, 3, 4, 5], "the server may have them");
    for local in 2..=5 {
        outbox.finish(LocalId(local)).unwrap();
    }
    assert_eq!(take_all(&mut outbox, 4), [1]);
}

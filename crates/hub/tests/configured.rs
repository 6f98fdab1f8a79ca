//! The operator chooses otherwise while people are here.

mod support;

use hubbub_hub::{Effect, HubConfig, Input, Limited, Limits, Rate};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, Registration, RoomName, ServerKey};
use support::{World, token};

fn world(limits: Limits) -> World {
    let mut world = World::with(HubConfig { limits, ..HubConfig::default() });
    world.come_from("10.0.0.1");
    world
}

fn choose(world: &mut World, config: HubConfig) {
    world.effects.clear();
    world.input(Input::Configured(Box::new(config)));
    assert!(world.effects.is_empty(), "nobody is told: {:?}", world.effects);
}

fn messages(burst: u32, per_minute: u32) -> HubConfig {
    let mut limits = Limits::free();
    limits.user[Limited::Messages] = Rate::new(burst, per_minute);
    HubConfig { limits, ..HubConfig::default() }
}

/// Whether a session was told to rest since the last look.
fn rests(world: &mut World) -> bool {
    let effects = std::mem::take(&mut world.effects);
    effects.iter().any(|effect| matches!(effect, Effect::Rest { .. }))
}

#[test]
fn other_limits_hold_at_once_for_those_who_are_here() {
    let mut world = world(Limits::free());
    let ann = world.member("ann", "lobby");
    for _ in 0..9 {
        world.speak(ann, "lobby", "x");
    }
    assert!(!rests(&mut world), "no limit");

    choose(&mut world, messages(2, 1));
    for _ in 0..2 {
        assert!(
            world.speak(ann, "lobby", "x").starts_with("sent"),
            "what came before is forgotten"
        );
    }
    assert_eq!(world.speak(ann, "lobby", "x"), "refused too_fast");

    choose(&mut world, messages(2, 60));
    assert!(
        world.speak(ann, "lobby", "x").starts_with("sent"),
        "not after a minute of the old rate"
    );

    let bob = world.member("bob", "lobby");
    world.speak(bob, "lobby", "x");
    world.speak(bob, "lobby", "x");
    let mut same = messages(2, 60);
    same.limits.user[Limited::Joins] = Rate::new(1, 1);
    choose(&mut world, same);
    world.speak(bob, "lobby", "x");
    assert!(rests(&mut world), "a rate that stays as it was is counted on");
}

#[test]
fn the_limits_of_addresses_and_rooms_change_too() {
    let mut world = world(Limits::free());
    let ann = world.member("ann", "lobby");
    let mut config = HubConfig { limits: Limits::free(), ..HubConfig::default() };
    config.limits.address[Limited::Messages] = Rate::new(1, 60);
    choose(&mut world, config.clone());
    world.speak(ann, "lobby", "x");
    assert!(!rests(&mut world));
    world.speak(ann, "lobby", "x");
    assert!(rests(&mut world));
    config.limits.address = Limits::free().address;
    config.limits.room[Limited::Messages] = Rate::new(1, 60);
    choose(&mut world, config.clone());
    world.speak(ann, "lobby", "x");
    assert!(!rests(&mut world));
    world.speak(ann, "lobby", "x");
    assert!(rests(&mut world));
    config.limits.exempt = vec!["10.0.0.0/8".parse().unwrap()];
    config.limits.room[Limited::Messages] = Rate::new(2, 60);
    choose(&mut world, config);
    world.speak(ann, "lobby", "x");
    assert!(!rests(&mut world), "a room's old debt is forgotten");
}

#[test]
fn without_guests_nobody_new_comes_in_and_those_who_are_here_stay() {
    let mut world = world(Limits::free());
    let ann = world.member("ann", "lobby");
    choose(&mut world, HubConfig { guests: false, ..HubConfig::default() });

    let bob = world.guest("bob");
    assert!(
        world.take().contains(&format!("{} refused login_needed", bob.slot())),
        "bob is refused"
    );
    assert!(world.speak(ann, "lobby", "still here").starts_with("sent"));
    world.lose(ann);
    let back = world.connect(true);
    world.hello_as(back, Some("ann"), None, Some(token(ann.slot())));
    assert!(world.speak(back, "lobby", "and back").starts_with("sent"), "a lost one comes back");

    choose(&mut world, HubConfig::default());
    let bob = world.member("bob", "lobby");
    assert!(world.speak(bob, "lobby", "hello").starts_with("sent"));
}

#[test]
fn what_a_hub_is_built_on_stays() {
    let mut world = world(Limits::free());
    world.member("ann", "lobby");
    let config = HubConfig {
        lobby: RoomName::parse("elsewhere").unwrap(),
        key: ServerKey::new([9; 32]),
        retention: Retention::None,
        registration: Registration::Closed,
        private: PrivatePolicy::Closed,
        ..HubConfig::default()
    };
    choose(&mut world, config);
    let bob = world.guest("bob");
    let welcome = format!("{:?}", world.effects);
    assert!(welcome.contains("lobby") && !welcome.contains("elsewhere"), "{welcome}");
    world.take();
    world.join(bob, "new");
    let joined = format!("{:?}", world.effects);
    assert!(joined.contains("retention: None"), "what a new room keeps: {joined}");
}

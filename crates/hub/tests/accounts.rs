//! Accounts: how they are made, come and go, and what lasts. Sessions have numbers in the order in
//! which they connected.

mod support;

use hubbub_hub::{AdminCommand, Command, Entry, HubConfig, PasswordOutcome};
use hubbub_hub::{Effect, Input, Reply};
use hubbub_protocol::{InviteCode, LoginId, Registration, ResumeToken, Seq, Text, limits};
use support::{World, credentials, password, room, to, token, user};

fn register() -> Entry {
    Entry::Register { password: password(), invite: None }
}

fn made() -> PasswordOutcome {
    PasswordOutcome::Made(credentials("made"))
}

// ---- making accounts

#[test]
fn an_account_is_welcomed_when_it_is_kept() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.enter(ann, "ann", register());
    assert_eq!(world.take(), ["make password for 1"]);
    world.passwords(ann, made());
    let effects = world.take();
    assert_eq!(
        effects,
        [
            "persist credentials",
            "persist account ann",
            "persist login",
            "persist account ann online"
        ]
    );
    world.persist();
    assert_eq!(world.take(), ["1 welcome ann (account)"]);
    assert_eq!(world.audit(), ["registered ann "]);
}

#[test]
fn a_name_is_kept_while_its_password_is_worked_on_and_free_when_that_fails() {
    let mut world = World::new();
    let ann = world.connect(true);
    world.enter(ann, "ann", register());
    for name in ["ann", "ANN", "\u{430}nn"] {
        let thief = world.guest(name);
        assert_eq!(world.take().last().unwrap(), &format!("{} refused name_taken", thief.slot()));
    }
    world.passwords(ann, PasswordOutcome::Busy);
    assert_eq!(world.take(), ["1 refused busy"]);
    world.enter(ann, "ann", register());
    world.lose(ann);
    world.take();
    world.guest("ann");
    assert_eq!(world.take(), ["5 welcome ann"]);
}

#[test]
fn a_guest_that_registers_keeps_its_id_its_rooms_and_its_links() {
    let mut world = World::new();
    let ann = world.member("ann", "work");
    let bob = world.guest("bob");
    world.link(ann, "ann", bob, "bob");
    world.tell(ann, Command::Register { password: password(), invite: None });
    world.passwords(ann, made());
    let effects = world.take();
    assert!(effects.contains(&"persist place read 0 heard 0".into()), "{effects:?}");
    world.persist();
    assert_eq!(world.take(), ["1 is ann (account)"]);
    world.tell(ann, Command::Links { after: None });
    assert_eq!(world.take(), ["1 links [bob open]"]);
    world.tell(ann, Command::Register { password: password(), invite: None });
    assert_eq!(world.take(), ["1 refused is_account"]);
    // Its token lasts now, and its room.
    world.restart();
    let ann = world.resume(1);
    world.persist();
    assert_eq!(world.take().last().unwrap(), "3 welcome ann (account) back");
    world.tell(ann, Command::Members { room: room("work"), after: None });
    assert_eq!(world.take(), ["3 1 of 1 members"]);
}

#[test]
fn invites_count_expire_and_are_given_back() {
    let mut world =
        World::with(HubConfig { registration: Registration::Invite, ..HubConfig::default() });
    let code = InviteCode::from_random(7);
    let make = AdminCommand::InviteMake {
        code: code.digest(),
        for_ms: Some(1_000_000),
        uses: 1,
        note: String::new(),
    };
    world.input(Input::Admin { request: 1, by: None, command: make });
    assert_eq!(world.take(), ["persist invite used 0"]);
    world.persist();
    assert_eq!(world.take(), ["invite for 1 uses"]);
    let with = |code: Option<InviteCode>| Entry::Register { password: password(), invite: code };
    let (ann, bob) = (world.connect(true), world.connect(true));
    world.enter(ann, "ann", with(None));
    world.enter(ann, "ann", with(Some(InviteCode::from_random(8))));
    assert_eq!(world.take(), ["1 refused invite_needed", "1 refused invite_invalid"]);
    // A use is kept while the password is worked on, and given back if the session goes.
    world.enter(ann, "ann", with(Some(code.clone())));
    world.enter(bob, "bob", with(Some(code.clone())));
    assert_eq!(world.take(), ["make password for 1", "2 refused invite_invalid"]);
    world.lose(ann);
    world.enter(bob, "bob", with(Some(code.clone())));
    world.passwords(bob, made());
    assert_eq!(world.take()[1], "persist invite used 1");
    let cat = world.guest("cat");
    world.persist();
    world.take();
    world.tell(cat, Command::Register { password: password(), invite: Some(code.clone()) });
    assert_eq!(world.take(), ["3 refused invite_invalid"]);
    world.restart();
    let cat = world.guest("cat");
    world.take();
    world.tell(cat, Command::Register { password: password(), invite: Some(code) });
    assert_eq!(world.take(), ["4 refused invite_invalid"], "also after a restart");
}

#[test]
fn registration_can_be_closed_and_guests_can_be_off() {
    let mut world = World::with(HubConfig {
        registration: Registration::Closed,
        guests: false,
        ..HubConfig::default()
    });
    let ann = world.connect(true);
    world.enter(ann, "ann", register());
    world.hello(ann, "ann");
    assert_eq!(world.take(), ["1 refused registration_closed", "1 refused login_needed"]);
}

// ---- passwords

#[test]
fn an_unknown_account_looks_like_a_wrong_password_and_ten_of_them_are_enough() {
    let mut world = World::new();
    world.account("ann");
    let eve = world.connect(true);
    let mut said = Vec::new();
    for name in ["ann", "zoe"] {
        world.enter(eve, name, Entry::Password(password()));
        // Even if the work on nobody's password says that it was right.
        let is_nobody = name == "zoe";
        world.passwords(eve, PasswordOutcome::Checked(is_nobody));
        let refusal = world.effects.iter().find_map(|effect| match effect {
            Effect::Reply { reply: Reply::Refused(refusal), .. } => Some(refusal.clone()),
            _ => None,
        });
        said.push(refusal.unwrap().text.replace(name, "NAME"));
        world.take();
    }
    assert_eq!(said[0], said[1]);
    for _ in 2..limits::LOGIN_FAILURES {
        world.enter(eve, "ann", Entry::Password(password()));
        world.passwords(eve, PasswordOutcome::Checked(false));
    }
    assert_eq!(world.take().last().unwrap(), "close 2: login_failures");
    assert_eq!(
        world.audit()[1..4],
        ["refused ann wrong_password", "refused zoe wrong_password", "refused ann wrong_password"]
    );
}

#[test]
fn a_second_password_while_one_is_worked_on_is_not_taken() {
    let mut world = World::new();
    world.account("ann");
    let eve = world.connect(true);
    world.enter(eve, "zoe", Entry::Password(password()));
    world.take();
    world.enter(eve, "ann", Entry::Password(password()));
    assert_eq!(world.take(), ["2 refused busy"]);
    world.passwords(eve, PasswordOutcome::Checked(true));
    assert_eq!(world.take(), ["2 refused wrong_password"], "the outcome is that of the first");
}

#[test]
fn a_changed_password_is_kept_before_it_is_said() {
    let mut world = World::new();
    let ann = world.account("ann");
    let change = || Command::Password { old: password(), new: password() };
    world.tell(ann, change());
    world.passwords(ann, PasswordOutcome::Changed(None));
    assert_eq!(world.take(), ["change password for 1", "1 refused wrong_password"]);
    world.tell(ann, change());
    world.passwords(ann, PasswordOutcome::Changed(Some(credentials("new"))));
    assert_eq!(world.take(), ["change password for 1", "persist credentials"]);
    world.persist();
    assert_eq!(world.take(), ["1 done"]);
    let bob = world.guest("bob");
    world.take();
    world.tell(bob, change());
    assert_eq!(world.take(), ["2 refused not_account"]);
    assert!(world.audit().contains(&"password_changed ann ".into()));
}

// ---- coming and going

#[test]
fn others_see_an_account_come_with_its_first_session_and_go_with_its_last() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.join(ann, "lobby");
    world.member("bob", "lobby");
    let second = world.login("ann");
    world.join(second, "lobby");
    world.quit(ann);
    let effects = world.take();
    assert!(!effects.iter().any(|effect| effect.starts_with("to lobby")), "{effects:?}");
    world.quit(second);
    assert!(world.take().contains(&"to lobby: ann quit (1)".into()));
    // It is away: its name is still its own.
    world.guest("ann");
    assert_eq!(world.take(), ["4 refused login_needed"]);
    let again = world.connect(true);
    world.log_in_on(again, "ann");
    assert!(world.take().contains(&"to lobby: ann joined (2)".into()));
    world.lose(again);
    world.wait(89_999);
    assert!(!world.take().contains(&"to lobby: ann lost (1)".into()), "it is held");
    world.wait(1);
    assert!(world.take().contains(&"to lobby: ann lost (1)".into()));
}

#[test]
fn what_one_session_does_the_others_of_its_account_see() {
    let mut world = World::new();
    let ann = world.account("ann");
    let second = world.login("ann");
    world.join(ann, "Lobby");
    assert!(world.take().contains(&"2 hears entered Lobby".into()));
    world.join(second, "lobby");
    world.say(ann, "lobby", "hi");
    world.persist();
    assert!(world.take().contains(&"to Lobby but 1: 1 <ann> hi".into()), "2 is subscribed too");
    world.tell(ann, Command::Mark { address: to("lobby"), seq: Seq(99) });
    assert_eq!(
        world.take(),
        ["persist place read 1 heard 0", "2 hears marked Lobby 1"],
        "no further than there is something, and by the name of the room"
    );
    world.persist();
    assert_eq!(world.take(), ["1 done"]);
    world.tell(ann, Command::Mark { address: to("lobby"), seq: Seq(0) });
    assert_eq!(world.take(), ["1 done"], "never back");
    world.tell(second, Command::Draft { address: to("lobby"), text: Text::parse("so").ok() });
    world.persist();
    assert_eq!(
        world.take(),
        ["persist place read 1 heard 0", "1 hears drafted Lobby so", "2 done"]
    );
    world.tell(second, Command::Nick { name: user("anna") });
    world.persist();
    let effects = world.take();
    assert!(effects.contains(&"1 hears you are anna".into()), "{effects:?}");
    assert_eq!(effects.iter().filter(|e| *e == "to Lobby: ann is anna now").count(), 1);
    world.restart();
    let third = world.login("anna");
    world.join(third, "lobby");
    let joined = world.effects.iter().find_map(|effect| match effect {
        Effect::Reply { reply: Reply::Joined { read, draft, .. }, .. } => {
            Some((*read, draft.clone()))
        }
        _ => None,
    });
    assert_eq!(joined, Some((Some(Seq(1)), Text::parse("so").ok())));
    let fourth = world.login("anna");
    world.tell(third, Command::Leave { room: room("lobby") });
    assert!(world.take().contains(&format!("{} hears gone Lobby", fourth.slot())));
}

#[test]
fn who_leaves_a_room_is_told_when_that_is_kept() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.join(ann, "lobby");
    world.persist();
    world.take();
    world.tell(ann, Command::Leave { room: room("lobby") });
    assert_eq!(world.take(), ["1 unsubscribed", "persist place gone", "to lobby: ann left (0)"]);
    world.persist();
    assert_eq!(world.take(), ["1 left lobby"]);
}

#[test]
fn a_room_that_only_an_absent_account_kept_goes_when_that_leaves_it() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.join(ann, "work");
    world.quit(ann);
    world.wait(60_000);
    assert_eq!(world.hub.figures().rooms, 1, "nothing was said, but it has a member");
    let ann = world.login("ann");
    world.tell(ann, Command::Leave { room: room("work") });
    world.wait(60_000);
    assert_eq!(world.hub.figures().rooms, 0);
}

#[test]
fn the_guest_goes_when_its_session_logs_in() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.quit(ann);
    let guest = world.member("guest", "lobby");
    world.member("bob", "lobby");
    world.hold(guest, "@bob", "x");
    world.take();
    let fresh = ResumeToken([9; 16]);
    world.tell(guest, Command::Login { name: user("ann"), password: password(), fresh });
    world.passwords(guest, PasswordOutcome::Checked(true));
    world.persist();
    let effects = world.take();
    assert_eq!(
        effects[1..4],
        ["2 unsubscribed", "2 hears dropped 1 for bob", "to lobby: guest quit (1)"]
    );
    assert_eq!(effects.last().unwrap(), "2 welcome ann (account)");
    assert!(world.audit().contains(&"logout guest login".into()));
    world.guest("guest");
    assert_eq!(world.take(), ["4 welcome guest"], "the name is free");
}

#[test]
fn nothing_is_told_before_the_welcome() {
    let mut world = World::new();
    let ann = world.account("ann");
    let bob = world.guest("bob");
    let second = world.connect(true);
    world.log_in_on(second, "ann");
    world.take();
    world.tell(bob, Command::Ask { name: user("ann") });
    world.tell(ann, Command::Accept { name: user("bob") });
    world.join(ann, "lobby");
    let effects = world.take();
    assert!(!effects.iter().any(|effect| effect.starts_with("3 ")), "{effects:?}");
    world.persist();
    // But it says what has come in the meantime.
    let privates = world.effects.iter().find_map(|effect| match effect {
        Effect::Reply { reply: Reply::Welcome { privates, rooms, .. }, .. } => {
            Some((privates.clone(), rooms.clone()))
        }
        _ => None,
    });
    assert_eq!(privates, Some((vec![user("bob")], vec![room("lobby")])));
}

#[test]
fn an_instance_gives_a_guest_back_and_not_to_who_wants_to_be_an_account() {
    let mut world = World::new();
    let ann = world.account("ann");
    world.quit(ann);
    let instance = Some(hubbub_protocol::Instance([1; 16]));
    let guest = world.connect(true);
    world.hello_as(guest, Some("guest"), instance, None);
    world.lose(guest);
    world.take();
    let again = world.connect(true);
    let (name, fresh) = (Some(user("ann")), token(3));
    let entry = Some(Entry::Password(password()));
    world.tell(again, Command::Hello { name, instance, resume: None, fresh, entry });
    assert_eq!(world.take(), ["check password for 3"]);
}

#[test]
fn a_connection_without_tokens_can_be_taken_over_too() {
    let mut world = World::new();
    let instance = Some(hubbub_protocol::Instance([1; 16]));
    let ghost = world.connect(false);
    world.hello_as(ghost, Some("ann"), instance, None);
    world.take();
    let ann = world.connect(true);
    world.hello_as(ann, Some("ann"), instance, None);
    assert_eq!(world.take(), ["close 1: replaced", "2 welcome ann back"]);
}

// ---- logins

fn logins(world: &mut World, session: hubbub_protocol::SessionId) -> Vec<(LoginId, bool)> {
    world.take();
    world.tell(session, Command::Logins);
    match world.effects.pop() {
        Some(Effect::Reply { reply: Reply::Logins { logins }, .. }) => {
            logins.into_iter().map(|login| (login.login, login.current)).collect()
        }
        other => panic!("no list: {other:?}"),
    }
}

#[test]
fn logins_last_over_restarts_until_they_are_revoked() {
    let mut world = World::new();
    world.account("ann");
    let second = world.login("ann");
    world.restart();
    let first = world.resume(1);
    world.persist();
    let list = logins(&mut world, first);
    assert_eq!(list.len(), 2);
    let other = list.iter().find(|(_, current)| !current).unwrap().0;
    let back = world.resume(second.slot());
    world.persist();
    world.take();
    world.tell(first, Command::Revoke { login: other });
    assert_eq!(
        world.take(),
        ["persist login gone", format!("close {}: revoked", back.slot()).as_str()]
    );
    world.persist();
    assert_eq!(world.take(), ["3 done"]);
    world.tell(first, Command::Revoke { login: other });
    assert_eq!(world.take(), ["3 refused no_such_login"]);
    world.restart();
    world.resume(second.slot());
    assert_eq!(world.take().last().unwrap(), "5 refused name_invalid", "the token is over");
    let first = world.resume(1);
    world.persist();
    world.tell(first, Command::Logout);
    world.persist();
    assert_eq!(world.take().last().unwrap(), "close 6: bye");
    world.restart();
    world.resume(1);
    assert_eq!(world.take().last().unwrap(), "7 refused name_invalid");
}

#[test]
fn a_login_that_nobody_used_for_long_is_forgotten() {
    let mut world = World::new();
    world.wait(0);
    let ann = world.account("ann");
    let second = world.login("ann");
    world.quit(ann);
    world.wait(limits::LOGIN_UNUSED_MS);
    assert_eq!(logins(&mut world, second).len(), 1, "but not one that is in use");
}

#[test]
fn logins_are_bounded_and_the_new_one_stays_whatever_the_clock_says() {
    let mut world = World::new();
    world.now.wall.0 = 1_000_000;
    let first = world.account("ann");
    for _ in 1..limits::LOGINS_PER_USER {
        let session = world.login("ann");
        world.quit(session);
    }
    // The clock jumps back: by it, the new one is the oldest.
    world.now.wall.0 = 0;
    let last = world.connect(true);
    world.log_in_on(last, "ann");
    world.persist();
    assert_eq!(world.take().last().unwrap(), "65 welcome ann (account)");
    assert_eq!(logins(&mut world, first).len(), limits::LOGINS_PER_USER, "the first is in use");
}

// ---- what happens while a password is worked on

/// Whoever queued a login with the old password must not get in after the owner changed it.
#[test]
fn a_password_that_was_checked_against_replaced_credentials_does_not_count() {
    let mut world = World::new();
    let ann = world.account("ann");
    let thief = world.connect(true);
    world.enter(thief, "ann", Entry::Password(password()));
    world.tell(ann, Command::Password { old: password(), new: password() });
    world.passwords(ann, PasswordOutcome::Changed(Some(credentials("new"))));
    world.persist();
    world.take();
    world.passwords(thief, PasswordOutcome::Checked(true));
    assert_eq!(world.take(), ["2 refused wrong_password"]);
}

#[test]
fn an_invite_that_is_taken_back_meanwhile_makes_no_account() {
    let config = HubConfig { registration: Registration::Invite, ..HubConfig::default() };
    let mut world = World::with(config);
    let code = InviteCode::from_random(7);
    let make =
        AdminCommand::InviteMake { code: code.digest(), for_ms: None, uses: 1, note: "".into() };
    world.input(Input::Admin { request: 1, by: None, command: make });
    world.persist();
    let id = world
        .records
        .iter()
        .find_map(|record| match record {
            hubbub_protocol::record::Record::Invite(invite) => Some(invite.id),
            _ => None,
        })
        .expect("it was made");
    let ann = world.connect(true);
    world.enter(ann, "ann", Entry::Register { password: password(), invite: Some(code) });
    let revoke = AdminCommand::InviteRevoke { id };
    world.input(Input::Admin { request: 2, by: None, command: revoke });
    world.persist();
    world.take();
    world.passwords(ann, PasswordOutcome::Made(credentials("made")));
    assert_eq!(world.take(), ["1 refused invite_invalid"]);
    let bob = world.connect(true);
    world.hello(bob, "ann");
    assert_eq!(world.take(), ["2 welcome ann"], "the name is free");
}

#[test]
fn drafts_are_for_accounts_and_bounded() {
    let mut world = World::new();
    let (ann, bob) = (world.account("ann"), world.guest("bob"));
    let draft = |room: &str| Command::Draft { address: to(room), text: Text::parse("x").ok() };
    world.join(bob, "r0");
    world.take();
    world.tell(bob, draft("r0"));
    assert_eq!(world.take(), ["2 refused not_account"]);
    for room in 0..=limits::DRAFTS_PER_USER {
        world.join(ann, &format!("r{room}"));
        world.persist();
        world.take();
        world.tell(ann, draft(&format!("r{room}")));
        world.persist();
        let answer = world.take().pop().expect("an answer");
        let expected = if room < limits::DRAFTS_PER_USER { "1 done" } else { "1 refused limit" };
        assert_eq!(answer, expected, "{room}");
    }
}

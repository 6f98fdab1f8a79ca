//! Kicks, bans and mutes of the whole server, and announcements: from whoever runs it, and from admins. Those
//! of a room are in `restrictions.rs`, how the first admin comes in `first_admin.rs`.

mod support;

use hubbub_hub::*;
use hubbub_protocol::*;
use support::operator::{admin, kick, lift, restrict, restrict_for, whom};
use support::rooms::{network, note, pattern, react};
use support::{World, credentials, password, room, to, token, user};

const BAN: RestrictionKind = RestrictionKind::Ban;
const MUTE: RestrictionKind = RestrictionKind::Mute;

fn instance(byte: u8) -> Instance {
    Instance([byte; 16])
}

#[test]
fn a_kick_ends_all_sessions_and_no_more() {
    let mut world = World::new();
    let max = world.account("max");
    let other = world.login("max");
    let gus = world.member("gus", "den");
    let watcher = world.member("wil", "den");
    world.enter_room(max, "den");
    world.take();
    assert_eq!(world.run(kick("max")), "ended 2");
    for session in [max, other] {
        assert!(world.is_closed(session, CloseCode::Kicked));
    }
    let all = world.take();
    let warned =
        all.iter().position(|line| *line == format!("{} hears warned of kicked", max.slot()));
    let closed = all.iter().position(|line| *line == format!("close {}: kicked", max.slot()));
    assert!(warned.expect("the reason") < closed.expect("the end"), "{all:#?}");
    assert!(all.contains(&"to den: max quit (2)".to_owned()), "{all:#?}");
    // The account is still in its room, and its token counts.
    assert_eq!(world.come_back_as(max.slot()), "welcome max (account) back");
    assert!(world.come_with_password("max").starts_with("welcome max"));
    // A guest is gone with it, and comes as another one.
    assert_eq!(world.run(kick("gus")), "ended 1");
    assert!(world.is_closed(gus, CloseCode::Kicked));
    assert_eq!(world.come_back_as(gus.slot()), "refused name_invalid", "its token went with it");
    assert_eq!(world.come_as("gus"), "welcome gus");
    assert!(!world.is_closed(watcher, CloseCode::Kicked));
    assert_eq!(world.run(kick("nobody")), "admin refused: Nobody here is called nobody.");
}

#[test]
fn a_kick_reaches_whose_connection_was_lost_a_moment_ago() {
    let mut world = World::new();
    let gus = world.member("gus", "den");
    world.member("wil", "den");
    world.lose(gus);
    world.take();
    assert_eq!(world.run(kick("gus")), "ended 0");
    assert!(world.take().contains(&"to den: gus lost (1)".to_owned()));
    assert_eq!(world.come_back_as(gus.slot()), "refused name_invalid");
    let max = world.account("max");
    world.lose(max);
    assert_eq!(world.run(kick("max")), "ended 0");
    assert_eq!(world.run(kick("max")), "admin refused: max is not connected.");
    assert_eq!(world.come_back_as(max.slot()), "welcome max (account) back");
}

#[test]
fn an_admin_kicks_everybody_but_itself() {
    let mut world = World::new();
    let ann = admin(&mut world, "ann");
    let ben = admin(&mut world, "ben");
    assert_eq!(world.order(Some(ann), kick("ann")), "admin refused: That is you.");
    // It keeps nobody out, so it may end the connections of another admin too.
    assert_eq!(world.order(Some(ann), kick("ben")), "ended 1");
    assert!(world.is_closed(ben, CloseCode::Kicked));
    assert!(world.come_with_password("ben").starts_with("welcome ben"));
    assert_eq!(world.audit().iter().filter(|e| **e == "kicked ann ben (enough)").count(), 1);
}

#[test]
fn a_banned_account_comes_in_by_no_door() {
    let mut world = World::new();
    let max = world.account("max");
    let other = world.login("max");
    assert_eq!(world.run(restrict(BAN, whom("max"))), "admin done");
    assert!(world.is_closed(max, CloseCode::Banned) && world.is_closed(other, CloseCode::Banned));
    assert_eq!(world.come_with_password("max"), "refused banned");
    assert_eq!(world.come_back_as(max.slot()), "refused banned");
    let gus = world.guest("gus");
    world.take();
    let login = || Command::Login { name: user("max"), password: password(), fresh: token(99) };
    world.tell(gus, login());
    world.passwords(gus, PasswordOutcome::Checked(true));
    assert_eq!(world.answer(gus).expect("an answer"), "refused banned");
    // Who has not its password does not learn of it.
    world.take();
    world.tell(gus, login());
    world.passwords(gus, PasswordOutcome::Checked(false));
    assert_eq!(world.answer(gus).expect("an answer"), "refused wrong_password");
    // Who is called otherwise is welcome.
    assert_eq!(world.come_as("maxi"), "welcome maxi");
    assert_eq!(world.run(lift(BAN, whom("max"))), "admin done");
    assert_eq!(world.come_back_as(max.slot()), "welcome max (account) back");
}

#[test]
fn a_ban_while_the_password_is_looked_at_keeps_out() {
    for by_network in [false, true] {
        let mut world = World::new();
        world.come_from("10.0.0.1");
        let max = world.account("max");
        world.quit(max);
        let back = world.connect(true);
        world.enter(back, "max", Entry::Password(password()));
        let new = world.connect(true);
        world.enter(new, "new", Entry::Register { password: password(), invite: None });
        if by_network {
            world.run(restrict(BAN, network("10.0.0.0/24")));
        } else {
            world.run(restrict(BAN, whom("max")));
            world.run(restrict(BAN, pattern("n?w")));
        }
        world.passwords(back, PasswordOutcome::Checked(true));
        world.passwords(new, PasswordOutcome::Made(credentials("new")));
        world.persist();
        assert_eq!(world.answer(back).expect("an answer"), "refused banned");
        assert_eq!(world.answer(new).expect("an answer"), "refused banned");
        // The name that was kept for it is free again.
        world.run(lift(BAN, if by_network { network("10.0.0.0/24") } else { pattern("n?w") }));
        assert_eq!(world.come_as("new"), "welcome new");
    }
}

#[test]
fn a_guest_is_banned_by_its_name() {
    let mut world = World::new();
    let gus = world.connect(true);
    world.hello_as(gus, Some("gus"), Some(instance(7)), None);
    let held = world.guest("hal");
    world.lose(held);
    assert_eq!(world.run(restrict(BAN, whom("gus"))), "admin done");
    assert_eq!(world.run(restrict(BAN, whom("hal"))), "admin done");
    assert!(world.is_closed(gus, CloseCode::Banned));
    for name in ["gus", "GUS"] {
        assert_eq!(world.come_as(name), "refused banned");
        assert_eq!(world.come_to_register(name), "refused banned");
    }
    // Neither its token nor its client gives it back.
    assert_eq!(world.come_back_as(held.slot()), "refused name_invalid");
    let again = world.connect(true);
    world.hello_as(again, Some("gus"), Some(instance(7)), None);
    assert_eq!(world.answer(again).expect("an answer"), "refused banned");
    // Nor is it a name to change to.
    let other = world.guest("other");
    assert_eq!(world.nick(other, "gus"), "refused banned");
    assert_eq!(world.nick(other, "gustav"), "is gustav");
    let listed = world.listed(BAN);
    assert!(matches!(&listed[0].whom, frame::Whom::Pattern(name) if name == "gus"), "{listed:?}");
    assert_eq!(world.run(lift(BAN, whom("gus"))), "admin done");
    assert_eq!(world.come_as("gus"), "welcome gus");
}

#[test]
fn a_pattern_keeps_out_guests_and_accounts() {
    let mut world = World::new();
    let max = world.account("max1");
    let gus = world.guest("max2");
    let ann = world.guest("ann");
    assert_eq!(world.run(restrict(BAN, pattern("MAX*"))), "admin done");
    assert!(world.is_closed(max, CloseCode::Banned) && world.is_closed(gus, CloseCode::Banned));
    assert!(!world.is_closed(ann, CloseCode::Banned));
    assert_eq!(world.come_as("max3"), "refused banned");
    assert_eq!(world.come_to_register("max3"), "refused banned");
    assert_eq!(world.come_with_password("max1"), "refused banned");
    assert_eq!(world.come_back_as(max.slot()), "refused banned");
    assert_eq!(world.nick(ann, "maxima"), "refused banned");
    assert_eq!(world.run(lift(BAN, pattern("max*"))), "admin done");
    assert_eq!(world.come_back_as(max.slot()), "welcome max1 (account) back");
}

#[test]
fn a_network_is_kept_out_and_nobody_from_elsewhere() {
    let mut world = World::new();
    world.come_from("10.0.0.7");
    let max = world.account("max");
    let gus = world.connect(true);
    world.hello_as(gus, Some("gus"), Some(instance(7)), None);
    let lost = world.guest("lost");
    world.lose(lost);
    world.come_from("10.1.0.1");
    let far = world.login("max");
    assert_eq!(world.run(restrict(BAN, Whom::AddressOf(user("gus")))), "admin done");
    assert!(world.is_closed(max, CloseCode::Banned) && world.is_closed(gus, CloseCode::Banned));
    // It is somebody's connection from elsewhere, and that is not meant.
    assert!(!world.is_closed(far, CloseCode::Banned));
    assert_eq!(world.enter_room(far, "den"), "joined den at 0 live (1)");
    for from in ["10.0.0.7", "::ffff:10.0.0.7"] {
        world.come_from(from);
        assert_eq!(world.come_as("anybody"), "refused banned");
        assert_eq!(world.come_to_register("anybody"), "refused banned");
        assert_eq!(world.come_with_password("max"), "refused banned");
        assert_eq!(world.come_back_as(max.slot()), "refused banned");
        assert_eq!(world.come_back_as(lost.slot()), "refused banned");
    }
    world.come_from("10.0.0.8");
    assert_eq!(world.come_back_as(lost.slot()), "welcome lost back");
    let listed = world.listed(BAN);
    assert!(matches!(&listed[0].whom, frame::Whom::AddressOf(name) if name == "gus"), "{listed:?}");
    assert_eq!(world.run(lift(BAN, Whom::AddressOf(user("gus")))), "admin done");
    world.come_from("10.0.0.7");
    assert_eq!(world.come_as("gus"), "welcome gus");
    // A whole network, as it is listed.
    assert_eq!(world.run(restrict(BAN, network("10.0.0.0/16"))), "admin done");
    assert_eq!(world.come_as("anybody"), "refused banned");
    world.come_from("10.1.0.1");
    assert_eq!(world.come_as("anybody"), "welcome anybody");
    assert_eq!(world.run(lift(BAN, network("10.0.0.0/16"))), "admin done");
}

#[test]
fn a_ban_ends_by_the_wall_clock_and_is_kept() {
    let mut world = World::new();
    let max = world.account("max");
    world.run(restrict_for(BAN, whom("max"), Some(60_000)));
    world.run(restrict_for(BAN, pattern("gus"), None));
    world.wait(59_999);
    assert_eq!(world.come_back_as(max.slot()), "refused banned");
    world.restart();
    assert_eq!(world.come_with_password("max"), "refused banned");
    assert_eq!(world.come_as("gus"), "refused banned");
    assert_eq!(world.listed(BAN).len(), 2);
    world.wait(1);
    assert!(world.come_with_password("max").starts_with("welcome max"));
    assert_eq!(world.listed(BAN).len(), 1);
    let refused = world.run(lift(BAN, whom("max")));
    assert_eq!(refused, "admin refused: Nobody has such a ban of this server.");
    // Said again, it has another end.
    world.run(restrict_for(BAN, whom("max"), Some(1_000)));
    world.run(restrict_for(BAN, whom("max"), None));
    world.wait(2_000);
    assert_eq!(world.come_with_password("max"), "refused banned");
    world.run(lift(BAN, pattern("gus")));
    world.restart();
    assert_eq!(world.come_as("gus"), "welcome gus");
    assert_eq!(world.come_with_password("max"), "refused banned");
}

#[test]
fn a_ban_outlives_a_failing_store() {
    for survives in [0, 1] {
        let mut world = World::new();
        let max = world.account("max");
        world.persist();
        let command = restrict(BAN, whom("max"));
        world.input(Input::Admin { request: 1, by: None, command });
        let survivors = world.fail_with(survives);
        assert!(world.is_closed(max, CloseCode::Banned));
        assert!(!world.take().contains(&"admin done".to_owned()), "before it is kept");
        // Nothing that has to be kept is begun meanwhile.
        world.input(Input::Admin { request: 2, by: None, command: restrict(BAN, pattern("x*")) });
        assert!(world.take().last().expect("an answer").contains("the store does not work"));
        world.recover_with(survivors);
        world.persist();
        assert!(world.take().contains(&"admin done".to_owned()), "{survives} kept");
        world.restart();
        assert_eq!(world.come_with_password("max"), "refused banned", "{survives} kept");
    }
}

#[test]
fn what_keeps_nothing_is_answered_while_the_store_fails() {
    let mut world = World::new();
    let gus = world.guest("gus");
    world.account("max");
    world.fail();
    world.take();
    let announce = AdminCommand::Announce { text: note("the disk is full") };
    for (command, answer) in [(announce, "announced to 2"), (kick("gus"), "ended 1")] {
        world.input(Input::Admin { request: 5, by: None, command });
        assert!(world.take().contains(&answer.to_owned()), "{answer}");
    }
    assert_eq!(world.hub.figures().sessions, 1, "{gus:?} is gone");
    assert_eq!(world.listed(BAN), []);
}

/// A server whose disk hangs can be stopped.
#[test]
fn a_note_is_answered_before_it_is_kept() {
    let mut world = World::new();
    world.take();
    world.input(Input::Admin {
        request: 5,
        by: None,
        command: AdminCommand::Note { what: "exit" },
    });
    assert!(world.lines_with("admin").contains(&"admin done".to_owned()));
    world.persist();
    assert!(world.audit().contains(&"managed  exit".to_owned()), "{:#?}", world.audit());
}

#[test]
fn nobody_can_lock_out_the_admins() {
    let mut world = World::new();
    let ann = admin(&mut world, "ann");
    admin(&mut world, "ben");
    for what in [BAN, MUTE] {
        let refused = world.order(Some(ann), restrict(what, whom("ben")));
        assert!(refused.contains("ben is an admin"), "{refused}");
        let refused = world.order(Some(ann), restrict(what, whom("ann")));
        assert_eq!(refused, "admin refused: That is you.");
        let refused = world.order(Some(ann), restrict(what, Whom::AddressOf(user("ben"))));
        assert!(refused.contains("ben is an admin"), "{refused}");
        let refused = world.order(Some(ann), restrict(what, network("10.9.0.0/16")));
        assert_eq!(refused, "admin refused: That is where you come from yourself.");
        // Whoever runs the server may; it means no admin.
        assert_eq!(world.run(restrict(what, network("10.9.0.0/16"))), "admin done");
        assert_eq!(world.run(restrict(what, pattern("*n*"))), "admin done");
    }
    assert_eq!(world.enter_room(ann, "den"), "joined den at 0 live (1)");
    assert!(world.speak(ann, "den", "still here").starts_with("sent"));
    world.come_from("10.9.1.2");
    assert!(world.come_with_password("ben").starts_with("welcome ben"));
    assert_eq!(world.come_as("gus"), "refused banned");
}

#[test]
fn who_is_no_admin_any_more_is_meant_by_the_bans_at_once() {
    let mut world = World::new();
    let ann = admin(&mut world, "ann");
    world.come_from("10.3.0.1");
    let far = world.login("ann");
    world.run(restrict(BAN, network("10.9.0.0/16")));
    assert!(!world.is_closed(ann, CloseCode::Banned));
    let demote = || AdminCommand::AdminSet { name: user("ann"), on: false };
    assert_eq!(world.run(demote()), "admin done");
    assert!(world.is_closed(ann, CloseCode::Banned));
    assert!(!world.is_closed(far, CloseCode::Banned), "its connection from elsewhere");
    world.make_admin("ann");
    world.run(restrict(BAN, pattern("ann*")));
    assert!(!world.is_closed(far, CloseCode::Banned));
    world.run(demote());
    assert!(world.is_closed(far, CloseCode::Banned));
    assert_eq!(world.come_with_password("ann"), "refused banned");
}

#[test]
fn who_is_muted_reads_and_says_nothing_anywhere() {
    for is_account in [true, false] {
        let mut world = World::new();
        let olga = world.member("olga", "den");
        let max = world.somebody("max", is_account);
        world.link(olga, "olga", max, "max");
        world.join_with(max, "own", None, None);
        world.enter_room(max, "den");
        for place in ["den", "own", "@olga"] {
            assert!(world.speak(max, place, "before").starts_with("sent"), "{place}");
        }
        assert_eq!(world.run(restrict(MUTE, whom("max"))), "admin done");
        world.take();
        for place in ["den", "own", "@olga"] {
            assert_eq!(world.speak(max, place, "hello?"), "refused muted", "{place}");
            assert_eq!(world.edit(max, place, 1, "changed"), "refused muted", "{place}");
            assert_eq!(world.ask(max, react(place, 1, "\u{1f44d}", true)), "refused muted");
            let typing = Command::Typing { address: to(place) };
            assert_eq!(world.ask(max, typing), "done");
        }
        let topic = RoomChange::Topic { topic: Some(note("read me")) };
        assert_eq!(world.set(max, "own", topic), "refused muted", "its own room");
        let away = Command::Away { note: Some(note("read me")) };
        assert_eq!(world.ask(max, away), "refused muted");
        assert_eq!(world.nick(max, "maxi"), "refused muted", "another name would lift it");
        assert_eq!(world.lines_with("to "), [""; 0], "nobody hears of it");
        // It reads on, and may come and go.
        world.say(olga, "den", "quiet now");
        world.persist();
        assert!(world.take().contains(&format!("to den but {}: 2 <olga> quiet now", olga.slot())));
        assert_eq!(world.ask(max, Command::Leave { room: room("den") }), "left den");
        assert!(world.enter_room(max, "den").starts_with("joined"));
        let listed = world.listed(MUTE);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].reason.as_ref().map(Note::as_str), Some("spam"));
        assert_eq!(world.run(lift(MUTE, whom("max"))), "admin done");
        assert!(world.speak(max, "den", "thank you").starts_with("sent"));
    }
}

#[test]
fn who_is_muted_says_nothing_by_keeping_order_either() {
    let mut world = World::new();
    let max = world.guest("max");
    world.join_with(max, "own", None, None);
    for name in ["gus", "hal"] {
        world.member(name, "own");
    }
    world.run(restrict(MUTE, whom("max")));
    world.take();
    let said = || Some(note("read me"));
    let kick = |reason| Command::Kick { room: room("own"), name: user("gus"), reason };
    let restrict = |whom, reason| Command::Restrict {
        room: room("own"),
        what: BAN,
        whom,
        reason,
        for_ms: None,
    };
    assert_eq!(world.ask(max, kick(said())), "refused muted");
    assert_eq!(world.ask(max, restrict(whom("hal"), said())), "refused muted");
    assert_eq!(world.ask(max, restrict(pattern("read?me"), None)), "refused muted");
    assert_eq!(world.lines_with("to "), [""; 0], "nobody hears of it");
    // It keeps order without words.
    assert_eq!(world.ask(max, kick(None)), "done");
    assert_eq!(world.ask(max, restrict(whom("hal"), None)), "done");
    world.run(lift(MUTE, whom("max")));
    assert_eq!(world.ask(max, restrict(pattern("read?me"), said())), "done");
}

#[test]
fn a_mute_is_no_loss_of_what_was_accepted() {
    let mut world = World::new();
    let max = world.connect(true);
    world.hello_as(max, Some("max"), Some(instance(7)), None);
    world.enter_room(max, "den");
    world.say_numbered(max, "den", "first", Some(1));
    world.run(restrict_for(MUTE, whom("max"), Some(1_000)));
    assert!(world.take().contains(&format!("{} sent 1", max.slot())));
    // A repetition is answered; what is new is refused, and can be said when the time is over.
    world.say_numbered(max, "den", "first", Some(1));
    world.say_numbered(max, "den", "second", Some(2));
    let all = world.take();
    let slot = max.slot();
    assert_eq!(all, [format!("{slot} sent 1 again"), format!("{slot} refused muted")]);
    world.wait(1_000);
    world.say_numbered(max, "den", "second", Some(2));
    world.persist();
    assert!(world.take().contains(&format!("{slot} sent 2")));
}

#[test]
fn what_waits_for_consent_is_not_said_by_who_is_muted() {
    let mut world = World::new();
    let olga = world.guest("olga");
    let max = world.guest("max");
    world.hold(max, "@olga", "spam");
    world.run(restrict(MUTE, whom("max")));
    world.take();
    world.tell(olga, Command::Accept { name: user("max") });
    world.persist();
    let all = world.take();
    assert!(all.contains(&format!("{} hears not stored for olga", max.slot())), "{all:#?}");
    assert!(!all.iter().any(|line| line.contains("spam")), "{all:#?}");
}

#[test]
fn an_announcement_reaches_everybody_who_is_welcomed() {
    let mut world = World::new();
    let ann = admin(&mut world, "ann");
    let gus = world.guest("gus");
    let stranger = world.connect(true);
    let waiting = world.connect(true);
    world.enter(waiting, "new", Entry::Register { password: password(), invite: None });
    let lost = world.guest("lost");
    world.lose(lost);
    world.take();
    let announce = || AdminCommand::Announce { text: note("tea is ready") };
    assert_eq!(world.order(Some(ann), announce()), "announced to 2");
    let heard = world.lines_with("announcement");
    let said = "hears announcement of ann: tea is ready";
    assert_eq!(heard, [format!("{} {said}", ann.slot()), format!("{} {said}", gus.slot())]);
    assert!(!world.is_closed(stranger, CloseCode::Kicked));
    // Who is muted here is told too; and it is the server's word if nobody in the chat says it.
    world.run(restrict(MUTE, whom("gus")));
    assert_eq!(world.run(announce()), "announced to 2");
    let said = "hears announcement of the server: tea is ready";
    assert_eq!(world.lines_with("announcement")[1], format!("{} {said}", gus.slot()));
}

#[test]
fn only_an_admin_manages_and_only_as_long_as_it_is_one() {
    let mut world = World::new();
    let ann = admin(&mut world, "ann");
    let max = world.account("max");
    let gus = world.guest("gus");
    world.enter_room(max, "den");
    let manage = || Command::Manage { line: "stats".into() };
    for session in [max, gus] {
        assert_eq!(world.ask(session, manage()), "refused not_allowed");
        let refused = world.order(Some(session), kick("ann"));
        assert_eq!(refused, "admin refused: Only an admin of this server can do that.");
    }
    world.take();
    world.tell(ann, manage());
    assert_eq!(world.take(), [format!("manage for {}: stats", ann.slot())]);
    // Between the question and the answer.
    world.admin(AdminCommand::AdminSet { name: user("ann"), on: false });
    for command in [
        kick("gus"),
        restrict(BAN, whom("gus")),
        lift(BAN, whom("gus")),
        AdminCommand::Announce { text: note("hi") },
        AdminCommand::Note { what: "exit" },
        AdminCommand::Rooms { after: None },
        AdminCommand::Users { after: None },
        AdminCommand::SessionIds { of: None },
        AdminCommand::Sessions { ids: vec![ann] },
        AdminCommand::Restrictions { room: None, what: BAN },
        AdminCommand::AdminList,
        AdminCommand::InviteList,
    ] {
        let refused = world.order(Some(ann), command);
        assert_eq!(refused, "admin refused: Only an admin of this server can do that.");
    }
    world.make_admin("ann");
    world.quit(ann);
    let refused = world.order(Some(ann), kick("gus"));
    assert_eq!(
        refused, "admin refused: Only an admin of this server can do that.",
        "a session that ended"
    );
}

#[test]
fn the_audit_log_says_who_did_it() {
    let mut world = World::new();
    let ann = admin(&mut world, "ann");
    world.come_from("10.0.0.7");
    world.guest("gus");
    world.order(Some(ann), restrict(MUTE, whom("gus")));
    world.order(Some(ann), restrict(BAN, Whom::AddressOf(user("gus"))));
    world.order(Some(ann), lift(MUTE, whom("gus")));
    world.order(Some(ann), AdminCommand::Announce { text: note("a secret") });
    world.run(lift(BAN, Whom::AddressOf(user("gus"))));
    world.run(AdminCommand::Note { what: "reload" });
    let audit = world.audit();
    let of = |act: &str| -> Vec<&String> {
        audit.iter().filter(|entry| entry.starts_with(&format!("{act} "))).collect()
    };
    assert_eq!(of("muted"), ["muted ann gus (spam)"]);
    assert_eq!(of("banned"), ["banned ann 10.0.0.7/32, the address of gus (spam)"]);
    assert_eq!(of("lifted")[0], "lifted ann mute of gus");
    // Nobody's name: whoever runs the server.
    assert!(of("lifted")[1].starts_with("lifted  ban of 10.0.0.7/32"), "{audit:#?}");
    assert_eq!(of("managed"), ["managed ann announce", "managed  reload"]);
    let listed = world.listed(BAN);
    assert_eq!(listed, []);
}

#[test]
fn there_is_an_end_to_bans_and_mutes() {
    let mut world = World::new();
    for n in 0..limits::PATTERNS {
        assert_eq!(world.run(restrict(MUTE, pattern(&format!("spam{n}*")))), "admin done");
    }
    let refused = world.run(restrict(MUTE, pattern("more*")));
    assert!(refused.contains("100 patterns"), "{refused}");
    // Whole names are no patterns in that sense; those that are there already may have another end.
    assert_eq!(world.run(restrict(BAN, pattern("one"))), "admin done");
    assert_eq!(world.run(restrict_for(MUTE, pattern("spam7*"), Some(60_000))), "admin done");
    for n in 0..limits::RESTRICTIONS - limits::PATTERNS - 1 {
        let net = network(&format!("10.77.{}.{}", n / 256, n % 256));
        assert_eq!(world.run(restrict(BAN, net)), "admin done", "{n}");
    }
    let refused = world.run(restrict(BAN, network("10.78.0.1")));
    assert!(refused.contains("1000 bans and mutes"), "{refused}");
    // What is over makes place, when the clock is believed.
    for _ in 0..61 {
        world.wait(60_000);
    }
    assert_eq!(world.run(restrict(BAN, network("10.78.0.1"))), "admin done");
    assert_eq!(world.listed(BAN).len() + world.listed(MUTE).len(), limits::RESTRICTIONS);
}

#[test]
fn the_room_of_a_command_is_another_than_everywhere() {
    let mut world = World::new();
    world.member("olga", "den");
    let gus = world.member("gus", "den");
    let in_den = |what, whom| AdminCommand::Restrict {
        room: Some(room("den")),
        what,
        whom,
        reason: None,
        for_ms: None,
    };
    assert_eq!(world.run(in_den(MUTE, whom("gus"))), "admin done");
    assert_eq!(world.speak(gus, "den", "hello"), "refused muted");
    assert!(world.enter_room(gus, "tea").starts_with("joined"));
    assert!(world.speak(gus, "tea", "hello").starts_with("sent"));
    assert_eq!(world.listed(MUTE), []);
    assert!(world.run(lift(MUTE, whom("gus"))).starts_with("admin refused"));
    let out = AdminCommand::Kick { room: Some(room("den")), name: user("gus"), reason: None };
    assert_eq!(world.run(out), "admin done");
    assert!(!world.is_closed(gus, CloseCode::Kicked));
    assert_eq!(world.run(in_den(BAN, whom("gus"))), "admin done");
    assert_eq!(world.enter_room(gus, "den"), "refused banned");
    let nowhere =
        AdminCommand::Kick { room: Some(room("nowhere")), name: user("gus"), reason: None };
    assert!(world.run(nowhere).contains("there is no room nowhere"));
}

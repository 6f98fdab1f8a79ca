//! What typed lines mean, and that none of them panics or shows a secret.

use super::*;
use hubbub_protocol::{RestrictionKind, Role, RoomChange, Seq};
use proptest::prelude::*;

#[test]
fn lines_mean_what_people_expect() {
    let say = |text: &str| Line::Say(text.into());
    let context = |place, of| Line::Message(MessageLine::Context { place, of: Seq(of) });
    let person = |what| Line::Person { what, name: "bob".into() };
    for (line, meaning) in [
        ("  \t", Line::Nothing),
        ("hello /join x", say("hello /join x")),
        ("//join x", say("/join x")),
        ("/join work", Line::Join { room: "work".into(), retention: None, secret: None }),
        (
            "/JOIN #work nohistory",
            Line::Join { room: "work".into(), retention: Some(Retention::None), secret: None },
        ),
        ("@bob hi there", Line::SayTo { name: "bob".into(), text: "hi there".into() }),
        ("/msg @bob hi", Line::SayTo { name: "bob".into(), text: "hi".into() }),
        ("@bob", say("@bob")),
        ("@ home now", say("@ home now")),
        ("/me waves", Line::Me("waves".into())),
        ("exit", Line::Quit),
        ("Q", Line::Quit),
        ("exit the building", say("exit the building")),
        ("online clients", Line::Users),
        ("bdct txt hi all", Line::SayInLobby("hi all".into())),
        ("bdct txt ", say("bdct txt ")),
        ("connect to bob", person(Person::Ask)),
        ("Accept Connection bob", person(Person::Accept)),
        ("reject connection bob", person(Person::Reject)),
        ("END PRIVATE bob", person(Person::End)),
        ("connect to the server", say("connect to the server")),
        ("my private chats", Line::Private),
        ("private txt Bob hi  there", Line::SayTo { name: "Bob".into(), text: "hi  there".into() }),
        ("private txt bob", say("private txt bob")),
        ("/ask @bob", person(Person::Ask)),
        ("/unblock bob", person(Person::Unblock)),
        ("/policy Closed", Line::Policy(Some(PrivatePolicy::Closed))),
        ("/policy default", Line::Policy(None)),
        ("/login bob pw", Line::Login(Hidden::new("bob pw"))),
        (" /login bob pw", Line::Login(Hidden::new("bob pw"))),
        ("  /passwd", Line::Passwd),
        (" /join x", say(" /join x")),
        ("login bob pw", say("login bob pw")),
        ("/revoke 2", Line::Revoke(2)),
        ("/invite bob", Line::Invite { name: "bob".into(), room: None }),
        ("/invite @bob #team", Line::Invite { name: "bob".into(), room: Some("team".into()) }),
        ("/help", Line::Help(Topic::Everyday)),
        ("/help private", Line::Help(Topic::Private)),
        ("/history", Line::History { with: None, limit: 20 }),
        ("/history 5", Line::History { with: None, limit: 5 }),
        ("/history @bob", Line::History { with: Some("bob".into()), limit: 20 }),
        ("/history @bob #5", context(Some(Place::With("bob".into())), 5)),
        ("/history #5", context(None, 5)),
        ("/history @bob 5", Line::History { with: Some("bob".into()), limit: 5 }),
    ] {
        assert_eq!(parse(line), meaning, "{line:?}");
    }
    for line in [
        "/history 101",
        "/join",
        "/quit now",
        "/ask",
        "/ask two names",
        "/policy",
        "/policy x",
        "/revoke x",
        "/invite",
        "/invite a b c",
        "/group",
        "/decline",
        "/passwd secret",
        "/help x",
    ] {
        assert!(matches!(parse(line), Line::Usage(_)), "{line:?}");
    }
}

#[test]
fn before_the_name_accounts_have_verbs_without_a_slash() {
    let login = |text: &str| Line::Login(Hidden::new(text));
    for (line, meaning) in [
        ("LOGIN bob pw", login("bob pw")),
        (" Login bob", login("bob")),
        ("/login bob", login("bob")),
        ("login", login("")),
        ("register ann pw", Line::Register(Hidden::new("ann pw"))),
        ("logins", Line::Say("logins".into())),
        (" /quit", Line::Quit),
    ] {
        assert_eq!(parse_before_name(line), meaning, "{line:?}");
    }
}

#[test]
fn the_server_is_not_stopped_by_a_slip() {
    assert!(matches!(parse("/stop"), Line::Unknown(_)));
    assert_eq!(parse("/exit"), Line::Quit);
    for (line, verb) in [("/shutdown", "shutdown"), ("/admin stop", "stop"), ("/stats", "stats")] {
        assert_eq!(parse(line), Line::Manage(verb.into()), "{line}");
    }
}

#[test]
fn an_unknown_command_is_never_said_and_names_the_nearest() {
    assert_eq!(
        parse("/jion work"),
        Line::Unknown("There is no command /jion. Did you mean /join?".into())
    );
    for line in ["/logn bob secret", "/pass secret", "/registr secret", "/passwd secret"] {
        match parse(line) {
            Line::Unknown(text) | Line::Usage(text) => assert!(!text.contains("secret")),
            other => panic!("{other:?}"),
        }
    }
    let shown = format!("{:?}{:?}", parse("/login b secret"), parse("/register secret"));
    assert!(!shown.contains("secret"), "{shown}");
}

fn pin(pin: &str) -> Option<Secret> {
    Some(Secret::Pin(Hidden::new(pin)))
}

#[test]
fn going_to_a_room_takes_a_pin_or_a_key_and_what_it_keeps() {
    let join = |room: &str, retention, secret| Line::Join { room: room.into(), retention, secret };
    let key = Some(Secret::Key(Hidden::new("S3 cret".replace(' ', ""))));
    for (line, meaning) in [
        ("/join Work 1111", join("Work", None, pin("1111"))),
        ("/j #Work 1111 history", join("Work", Some(Retention::Forever), pin("1111"))),
        ("/join Work nohistory 1111", join("Work", Some(Retention::None), pin("1111"))),
        ("/join Work HISTORY", join("Work", Some(Retention::Forever), None)),
        ("/join Work key=S3cret", join("Work", None, key.clone())),
        ("/join Work KEY=S3cret nohistory", join("Work", Some(Retention::None), key)),
        (" /join Work 1111", join("Work", None, pin("1111"))),
        (
            "/join Work \u{20ac}\u{20ac}\u{20ac}\u{20ac}",
            join("Work", None, pin("\u{20ac}\u{20ac}\u{20ac}\u{20ac}")),
        ),
    ] {
        assert_eq!(parse(line), meaning, "{line}");
    }
    for line in
        ["/join", "/join Work 1111 2222", "/join W key=1111 1111", "/join W history nohistory"]
    {
        assert!(matches!(parse(line), Line::Usage(_)), "{line}");
    }
}

#[test]
fn a_line_with_a_secret_is_never_a_message_and_never_shown() {
    for line in [
        " /join Work 1111",
        " /jion Work 1111",
        "\t/set key 1111x",
        "  /set KEY 1111x",
        "/set key 1111 x",
        "/join Work 1111 2222",
        "JOIN Work 1111",
        "JOIN #Work 1111 history",
        "/joni Work 1111",
        "/set kee 1111",
    ] {
        let meaning = parse(line);
        assert!(!matches!(meaning, Line::Say(_)), "{line}: {meaning:?}");
        assert!(!format!("{meaning:?}").contains("1111"), "{line}: {meaning:?}");
    }
    assert_eq!(parse("join us, friends"), Line::Say("join us, friends".into()));
    assert_eq!(parse(" /set moderated"), Line::Say(" /set moderated".into()));
}

#[test]
fn settings_are_understood_as_people_say_them() {
    use RoomChange::{InviteOnly, MemberLimit, Moderated, Retention as Keep, SlowMode};
    let change = |change| Line::Room(RoomLine::Change(change));
    let note = |wish| Line::Room(RoomLine::Note(About::Topic, wish));
    for (line, meaning) in [
        ("/room", Line::Room(RoomLine::Info)),
        ("/info", Line::Room(RoomLine::Info)),
        ("/topic", Line::Room(RoomLine::Show(About::Topic))),
        ("/topic -", note(NoteWish::Clear)),
        ("/topic On Monday: cake", note(NoteWish::Say("On Monday: cake".into()))),
        ("/describe", Line::Room(RoomLine::Show(About::Description))),
        ("/set invite-only ON", change(InviteOnly { on: true })),
        ("/set moderated off", change(Moderated { on: false })),
        ("/set secret on", change(RoomChange::Secret { on: true })),
        ("/set limit 20", change(MemberLimit { members: Some(20) })),
        ("/set limit off", change(MemberLimit { members: None })),
        ("/set slow 30", change(SlowMode { seconds: 30 })),
        ("/set slow 2m", change(SlowMode { seconds: 120 })),
        ("/set slow off", change(SlowMode { seconds: 0 })),
        ("/set keep forever", change(Keep { retention: Retention::Forever })),
        ("/set keep none", change(Keep { retention: Retention::None })),
        ("/set keep 30d", change(Keep { retention: Retention::Days(30) })),
        ("/set keep 4w", change(Keep { retention: Retention::Days(28) })),
        ("/set keep 1000", change(Keep { retention: Retention::Messages(1000) })),
        ("/set key off", Line::Room(RoomLine::Key(None))),
        ("/set key s3cret", Line::Room(RoomLine::Key(Some(Hidden::new("s3cret"))))),
        ("/set topic x", note(NoteWish::Say("x".into()))),
    ] {
        assert_eq!(parse(line), meaning, "{line}");
    }
    for line in [
        "/set",
        "/set moderated",
        "/set moderated perhaps",
        "/set limit many",
        "/set slow 7h",
        "/set slow soon",
        "/set keep 0",
        "/set keep 12h",
        "/set keep 99999999d",
        "/set colour red",
        "/room x",
    ] {
        assert!(matches!(parse(line), Line::Usage(_)), "{line}");
    }
}

#[test]
fn a_reason_may_look_like_a_time_but_in_first_place() {
    let restrict = |what, whom: &str, for_ms, reason: Option<&str>| {
        let (whom, reason) = (whom.into(), reason.map(str::to_owned));
        Line::Order(OrderLine::Restrict { what, whom, for_ms, reason })
    };
    let ban = |whom, for_ms, reason| restrict(RestrictionKind::Ban, whom, for_ms, reason);
    for (line, meaning) in [
        ("/ban bob", ban("bob", None, None)),
        ("/ban @bob 10m", ban("bob", Some(600_000), None)),
        ("/ban bob 2h 2h is enough", ban("bob", Some(7_200_000), Some("2h is enough"))),
        ("/ban bob loud for 2h", ban("bob", None, Some("loud for 2h"))),
        ("/ban bob 2nd time", ban("bob", None, Some("2nd time"))),
        ("/ban b*b? 7d", ban("b*b?", Some(604_800_000), None)),
        ("/ban 10.0.0.0/8 spam", ban("10.0.0.0/8", None, Some("spam"))),
        ("/ban address:bob 1d", ban("address:bob", Some(86_400_000), None)),
        ("/mute bob 10m", restrict(RestrictionKind::Mute, "bob", Some(600_000), None)),
    ] {
        assert_eq!(parse(line), meaning, "{line}");
    }
    for line in
        ["/ban", "/ban bob 10", "/ban bob 0m why", "/ban bob 99999999d", "/unban", "/unban a b"]
    {
        assert!(matches!(parse(line), Line::Usage(_)), "{line}");
    }
    let role = |role| Line::Order(OrderLine::Role { name: "bob".into(), role });
    for (line, meaning) in [
        ("/op bob", role(Some(Role::Operator))),
        ("/voice @bob", role(Some(Role::Voice))),
        ("/owner bob", role(Some(Role::Owner))),
        ("/deop bob", role(None)),
        ("/devoice bob", role(None)),
        ("/role bob OPERATOR", role(Some(Role::Operator))),
        ("/role bob none", role(None)),
        ("/roles", Line::Order(OrderLine::Roles)),
        ("/bans", Line::Order(OrderLine::Restrictions(RestrictionKind::Ban))),
        (
            "/kick bob too loud",
            Line::Order(OrderLine::Kick { name: "bob".into(), reason: Some("too loud".into()) }),
        ),
    ] {
        assert_eq!(parse(line), meaning, "{line}");
    }
    for line in ["/op", "/op two names", "/role bob", "/role bob king", "/kick", "/roles x"] {
        assert!(matches!(parse(line), Line::Usage(_)), "{line}");
    }
}

#[test]
fn messages_are_named_by_their_numbers() {
    use MessageLine::{Context, Delete, Edit, Pin, React, Reply};
    let bob = || Some("bob".to_owned());
    let yes = || "yes".to_owned();
    for (line, meaning) in [
        ("/reply #12 yes", Reply { with: None, of: Seq(12), text: yes() }),
        ("/re 12 yes", Reply { with: None, of: Seq(12), text: yes() }),
        ("/reply @bob #3 yes", Reply { with: bob(), of: Seq(3), text: yes() }),
        ("/edit yes", Edit { with: None, of: None, text: yes() }),
        ("/edit #12 yes", Edit { with: None, of: Some(Seq(12)), text: yes() }),
        ("/edit 12 monkeys", Edit { with: None, of: None, text: "12 monkeys".into() }),
        ("/edit @bob yes", Edit { with: None, of: None, text: "@bob yes".into() }),
        ("/edit @bob #3 yes", Edit { with: bob(), of: Some(Seq(3)), text: yes() }),
        ("/edit #topic yes", Edit { with: None, of: None, text: "#topic yes".into() }),
        ("/delete", Delete { with: None, of: None }),
        ("/del #12", Delete { with: None, of: Some(Seq(12)) }),
        ("/delete @bob #3", Delete { with: bob(), of: Some(Seq(3)) }),
        ("/react #12 ok", React { with: None, of: Seq(12), reaction: "ok".into(), on: true }),
        (
            "/unreact @bob #3 +1",
            React { with: bob(), of: Seq(3), reaction: "+1".into(), on: false },
        ),
        ("/pin #12", Pin { of: Seq(12), on: true }),
        ("/unpin 12", Pin { of: Seq(12), on: false }),
        ("/pins", MessageLine::Pins),
        ("/more", MessageLine::More),
        ("/context 12", Context { place: None, of: Seq(12) }),
        ("/context #work #12", Context { place: Some(Place::Room("work".into())), of: Seq(12) }),
        ("/context @bob #12", Context { place: Some(Place::With("bob".into())), of: Seq(12) }),
    ] {
        assert_eq!(parse(line), Line::Message(meaning), "{line}");
    }
    for line in [
        "/reply",
        "/reply #12",
        "/reply yes",
        "/reply #0 yes",
        "/reply @bob yes",
        "/edit",
        "/edit #12",
        "/delete this",
        "/react #12",
        "/pin",
        "/pin #99999999999999999999",
        "/pins x",
        "/context",
        "/context work",
        "/context @ #1",
        "/more x",
    ] {
        assert!(matches!(parse(line), Line::Usage(_)), "{line}");
    }
}

#[test]
fn a_search_has_words_and_what_narrows_it() {
    let search = |line| match parse(line) {
        Line::Message(MessageLine::Search(wanted)) => wanted,
        other => panic!("{line}: {other:?}"),
    };
    let words = |words: &str| Wanted { words: words.into(), ..Wanted::default() };
    let bob = || Some("bob".to_owned());
    for (line, wanted) in [
        ("/search blue  cake", words("blue cake")),
        ("/find http://x and 10:30", words("http://x and 10:30")),
        ("/search \"from:bob in:x\" y", words("\"from:bob in:x\" y")),
        ("/search cake FROM:@bob", Wanted { from: bob(), ..words("cake") }),
        (
            "/search in:#work cake",
            Wanted { place: Some(Place::Room("work".into())), ..words("cake") },
        ),
        ("/search cake with @bob", Wanted { place: bob().map(Place::With), ..words("cake") }),
        ("/search cake in:@bob", Wanted { place: bob().map(Place::With), ..words("cake") }),
        ("/search cake with cream", words("cake with cream")),
        (
            "/search since:7d cake",
            Wanted { since: Some(Moment::Ago(604_800_000)), ..words("cake") },
        ),
        (
            "/search cake until:2026-11-30",
            Wanted { until: Some(Moment::Day("2026-11-30".parse().unwrap())), ..words("cake") },
        ),
    ] {
        assert_eq!(search(line), wanted, "{line}");
    }
    for line in ["/search", "/search since:soon x", "/search from: x", "/search in:# x"] {
        assert!(matches!(parse(line), Line::Usage(_)), "{line}");
    }
}

#[test]
fn being_away_and_words_that_call() {
    let words = |words: &[&str]| {
        Line::Highlights(Some(words.iter().map(|word| (*word).to_owned()).collect()))
    };
    for (line, meaning) in [
        ("/away", Line::Away(None)),
        ("/away to lunch", Line::Away(Some("to lunch".into()))),
        ("/back", Line::Back),
        ("/highlight", Line::Highlights(None)),
        ("/highlight -", words(&[])),
        ("/highlight deploy  urgent", words(&["deploy", "urgent"])),
        ("/highlight on fire, deploy,", words(&["on fire", "deploy"])),
        ("/help order", Line::Help(Topic::Order)),
        ("/help /kick", Line::Help(Topic::Order)),
    ] {
        assert_eq!(parse(line), meaning, "{line}");
    }
}

/// A word that is no part of any command.
const PIN: &str = "zq7x1";

proptest! {
    #[test]
    fn every_line_means_something(line in any::<String>()) {
        let meaning = parse(&line);
        if line.starts_with('/') && !line.starts_with("//") {
            prop_assert!(!matches!(meaning, Line::Say(_)), "a command is never said");
        }
    }

    #[test]
    fn a_pin_is_never_said_or_shown(
        blank in "[ \t]{0,2}",
        verb in prop_oneof![
            Just("join"), Just("j"), Just("JOIN"), Just("jion"), Just("joinn"), Just("set key"),
        ],
        room in "[A-Za-z#@:~.-]{1,8}",
        after in "( (history|nohistory|x|\\PC{0,6}))?",
    ) {
        let room = if verb == "set key" { "" } else { &room };
        let line = format!("{blank}/{verb} {room} {PIN}{after}");
        let meaning = parse(&line);
        let shown = format!("{meaning:?}");
        prop_assert!(!matches!(meaning, Line::Say(_)), "{line}: {shown}");
        prop_assert!(!shown.contains(PIN), "{line}: {shown}");
    }

    #[test]
    fn every_command_with_anything_behind_it_means_something(
        index in 0usize..commands::COMMANDS.len(),
        arguments in "\\PC{0,40}|(#[0-9]{0,21}|@[a-z]{0,3}|[a-z]+:[0-9dh:-]{0,10}|\"|[ -~]{1,4}| ){0,6}",
    ) {
        let line = format!("/{} {arguments}", commands::COMMANDS[index].words[0]);
        let meaning = parse(&line);
        prop_assert!(!matches!(meaning, Line::Say(_) | Line::Unknown(_) | Line::Nothing), "{line}");
    }
}

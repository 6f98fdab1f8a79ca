//! Who may do what in a room: every act is tried by everybody, in every kind of room, as a guest and
//! as an account, and the outcome is looked up in one table. What is done is announced once and
//! written into the audit log; what is refused leaves no trace. Bans, mutes and entrances themselves
//! are in `restrictions.rs`.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::Record;
use hubbub_protocol::*;
use support::rooms::{network, note, pattern, react, restrict, secret, text};
use support::{World, describe, room, to, user};

/// `yes`: it is done. `said`: it is said, but calls nobody. `no`: not allowed. `out`: not there.
/// `self`: nobody does that to themselves. A line that begins with a kind of room counts there alone.
const TABLE: &str = "
                        stranger member voice operator owner outside admin
send                    out      yes    yes   yes      yes   out     yes
call everybody          out      said   said  yes      yes   out     yes
history                 out      yes    yes   yes      yes   out     yes
search                  out      yes    yes   yes      yes   out     yes
typing                  out      yes    yes   yes      yes   out     yes
react                   out      yes    yes   yes      yes   out     yes
edit another's          out      no     no    no       no    out     no
delete another's        out      no     no    yes      yes   yes     yes
pin                     out      no     no    yes      yes   yes     yes
topic                   out      no     no    yes      yes   yes     yes
description             out      no     no    yes      yes   yes     yes
invite-only             out      no     no    yes      yes   yes     yes
group: invite-only      out      no     no    no       no    no      no
key                     out      no     no    yes      yes   yes     yes
group: key              out      no     no    no       no    no      no
pin room: key           out      no     no    no       no    no      no
moderated               out      no     no    yes      yes   yes     yes
secret                  out      no     no    yes      yes   yes     yes
group: secret           out      no     no    no       no    no      no
pin room: secret        out      no     no    no       no    no      no
member limit            out      no     no    yes      yes   yes     yes
slow mode               out      no     no    yes      yes   yes     yes
retention               out      no     no    no       yes   yes     yes
info                    yes      yes    yes   yes      yes   yes     yes
group: info             out      yes    yes   yes      yes   yes     yes
pin room: info          out      yes    yes   yes      yes   yes     yes
list members            out      yes    yes   yes      yes   out     yes
list roles              out      yes    yes   yes      yes   yes     yes
list restrictions       out      no     no    yes      yes   yes     yes
voice to a member       out      no     no    yes      yes   yes     yes
no voice any more       out      no     no    yes      yes   yes     yes
make an operator        out      no     no    no       yes   yes     yes
no operator any more    out      no     no    no       yes   yes     yes
make an owner           out      no     no    no       yes   yes     yes
no owner any more       out      no     no    no       yes   yes     yes
group: no owner any more out     no     no    no       yes   no      no
voice to oneself        out      no     no    yes      yes   yes     yes
group: voice to oneself out      no     no    yes      no    yes     yes
operator to oneself     out      no     no    -        yes   yes     yes
group: operator to oneself out   no     no    -        no    yes     yes
owner to oneself        out      no     no    no       -     yes     yes
group: owner to oneself out      no     no    no       -     absent  yes
kick a member           out      no     no    yes      yes   yes     yes
kick a voice            out      no     no    yes      yes   yes     yes
kick an operator        out      no     no    no       yes   yes     yes
kick an owner           out      no     no    no       no    yes     yes
group: kick an owner    out      no     no    no       yes   yes     yes
kick an admin           out      no     no    no       no    yes     yes
kick oneself            out      no     no    self     self  self    self
ban a member            out      no     no    yes      yes   yes     yes
ban an operator         out      no     no    no       yes   yes     yes
ban an owner            out      no     no    no       no    yes     yes
group: ban an owner     out      no     no    no       yes   yes     yes
ban an admin            out      no     no    no       no    yes     yes
ban oneself             out      no     no    self     self  self    self
ban who is elsewhere    out      no     no    yes      yes   yes     yes
ban an address          out      no     no    yes      yes   yes     yes
ban an operator's address out    no     no    no       yes   yes     yes
ban a pattern           out      no     no    yes      yes   yes     yes
ban a network           out      no     no    yes      yes   yes     yes
mute a member           out      no     no    yes      yes   yes     yes
mute an operator        out      no     no    no       yes   yes     yes
mute an owner           out      no     no    no       no    yes     yes
group: mute an owner    out      no     no    no       yes   yes     yes
mute oneself            out      no     no    self     self  self    self
mute a pattern          out      no     no    yes      yes   yes     yes
lift                    out      no     no    yes      yes   yes     yes
invite into a closed one out     no     no    yes      yes   out     yes
";

/// What is tried, how everybody hears of it and what the audit log says of it. `None`: nothing.
struct Act {
    command: Command,
    heard: Option<&'static str>,
    logged: Option<&'static str>,
}

fn act(command: Command, heard: &'static str, logged: &'static str) -> Act {
    let some = |words: &'static str| (!words.is_empty()).then_some(words);
    Act { command, heard: some(heard), logged: some(logged) }
}

/// Who is in the room beside who tries: `max`, a member; `vera`, who has a voice; `otto`, an operator;
/// `olga`, who made it and owns it; `adam`, an admin. `zed` and `zoe` are elsewhere.
struct Stage {
    world: World,
    /// How the room is called.
    name: String,
    actor: SessionId,
}

const RANKS: [&str; 7] = ["stranger", "member", "voice", "operator", "owner", "outside", "admin"];
const KINDS: [&str; 3] = ["room", "group", "pin room"];

fn stage(kind: &str, rank: &str, is_account: bool) -> Stage {
    let mut world = World::new();
    let mut addresses = 1..;
    let mut come = |world: &mut World, name: &str, is_account: bool| {
        world.come_from(&format!("10.0.0.{}", addresses.next().expect("there are many")));
        world.somebody(name, is_account)
    };
    let olga = come(&mut world, "olga", is_account);
    let name = match kind {
        "room" => {
            world.enter_room(olga, "den");
            "den".to_owned()
        }
        "group" => {
            world.ask(olga, Command::Group { room: room("den"), retention: None });
            "den".to_owned()
        }
        _ => {
            let pin = Some(JoinSecret::Pin(secret("1111")));
            world.join_with(olga, "den", pin, Some(Retention::Forever));
            world.joined()
        }
    };
    let enter = |world: &mut World, session: SessionId, who: &str| match kind {
        "room" => world.enter_room(session, "den"),
        "group" => {
            world.invite(olga, "den", who);
            world.enter_room(session, "den")
        }
        _ => world.join_pin(session, "den", "1111"),
    };
    for who in ["max", "vera", "otto", "adam"] {
        let session = come(&mut world, who, is_account || who == "adam");
        assert!(enter(&mut world, session, who).starts_with("joined"));
        if who == "max" {
            assert!(world.speak(session, &name, "the words of max").starts_with("sent"));
        }
    }
    world.appoint(&name, "vera", Some(Role::Voice));
    world.appoint(&name, "otto", Some(Role::Operator));
    world.make_admin("adam");
    for who in ["zed", "zoe"] {
        come(&mut world, who, is_account);
    }
    let is_admin = matches!(rank, "outside" | "admin");
    let actor = come(&mut world, "ann", is_account || is_admin);
    if is_admin {
        world.make_admin("ann");
    }
    if !matches!(rank, "stranger" | "outside") {
        assert!(enter(&mut world, actor, "ann").starts_with("joined"));
    }
    match rank {
        "voice" => world.appoint(&name, "ann", Some(Role::Voice)),
        "operator" => world.appoint(&name, "ann", Some(Role::Operator)),
        "owner" => world.appoint(&name, "ann", Some(Role::Owner)),
        _ => {}
    }
    world.take();
    Stage { world, name, actor }
}

/// The number of what `max` said.
fn words_of_max(world: &World) -> u64 {
    let is_it = |record: &Record| match record {
        Record::Event { event, .. } if event.body.words() == "the words of max" => {
            Some(event.seq.0)
        }
        _ => None,
    };
    world.records.iter().find_map(is_it).expect("max said something")
}

fn acts(what: &str, place: &str, of: u64) -> Act {
    let whom = |name: &str| Whom::User(user(name));
    let set = |change| Command::Set { room: room(place), setting: Setting::Change(change) };
    let send = |words: &str| {
        let body = Body::text(text(words));
        Command::Send { address: to(place), body, counter: None, hold: false }
    };
    let role = |name: &str, role| Command::Role { room: room(place), name: user(name), role };
    let kick = |name: &str| Command::Kick { room: room(place), name: user(name), reason: None };
    let ban = |whom| restrict(place, RestrictionKind::Ban, whom, None);
    let mute = |whom| restrict(place, RestrictionKind::Mute, whom, None);
    match what {
        "send" => act(send("hello"), "hello", ""),
        "call everybody" => act(send("look, @room!"), "look, @room!", ""),
        "history" => {
            let (address, page) = (to(place), Page::Latest);
            act(Command::History { address, page, limit: 9 }, "", "")
        }
        "search" => act(
            Command::Search {
                words: "words".into(),
                address: Some(to(place)),
                from: None,
                since: None,
                until: None,
                after: None,
                limit: 9,
            },
            "",
            "",
        ),
        "typing" => act(Command::Typing { address: to(place) }, "ann types", ""),
        "react" => act(react(place, of, "+1", true), "react OF +1 true", ""),
        "edit another's" => {
            let (address, text) = (to(place), text("mine"));
            act(Command::Edit { address, of: Seq(of), text }, "edit OF: mine", "")
        }
        "delete another's" => act(
            Command::Delete { address: to(place), of: Seq(of) },
            "delete OF",
            "deleted ann ROOM: #OF of max",
        ),
        "pin" => {
            let (room, of) = (room(place), Seq(of));
            act(Command::Pin { room, of, on: true }, "pin OF true", "")
        }
        "topic" => act(
            set(RoomChange::Topic { topic: Some(note("tea")) }),
            "Topic",
            "room_changed ann ROOM: topic",
        ),
        "description" => act(
            set(RoomChange::Description { description: Some(note("about tea")) }),
            "Description",
            "room_changed ann ROOM: description",
        ),
        "invite-only" => act(
            set(RoomChange::InviteOnly { on: true }),
            "InviteOnly { on: true }",
            "room_changed ann ROOM: invite-only on",
        ),
        "key" => act(
            Command::Set { room: room(place), setting: Setting::Key(Some(secret("sesame"))) },
            "Key { on: true }",
            "room_changed ann ROOM: key on",
        ),
        "moderated" => act(
            set(RoomChange::Moderated { on: true }),
            "Moderated { on: true }",
            "room_changed ann ROOM: moderated on",
        ),
        "secret" => act(
            set(RoomChange::Secret { on: true }),
            "Secret { on: true }",
            "room_changed ann ROOM: secret on",
        ),
        "member limit" => act(
            set(RoomChange::MemberLimit { members: Some(3) }),
            "MemberLimit { members: Some(3) }",
            "room_changed ann ROOM: at most 3 members",
        ),
        "slow mode" => act(
            set(RoomChange::SlowMode { seconds: 5 }),
            "SlowMode { seconds: 5 }",
            "room_changed ann ROOM: slow mode 5 s",
        ),
        "retention" => act(
            set(RoomChange::Retention { retention: Retention::Days(7) }),
            "Days(7)",
            "room_changed ann ROOM: keeps 7 days",
        ),
        "info" => act(Command::Info { room: room(place) }, "", ""),
        "list members" => act(Command::Members { room: room(place), after: None }, "", ""),
        "list roles" => act(Command::Roles { room: room(place), after: None }, "", ""),
        "list restrictions" => {
            act(Command::Restrictions { room: room(place), after: None }, "", "")
        }
        "voice to a member" => {
            act(role("max", Some(Role::Voice)), "max is voice", "role_given ann ROOM: max voice")
        }
        "no voice any more" => {
            act(role("vera", None), "vera is none", "role_given ann ROOM: vera none")
        }
        "make an operator" => act(
            role("max", Some(Role::Operator)),
            "max is operator",
            "role_given ann ROOM: max operator",
        ),
        "no operator any more" => {
            act(role("otto", None), "otto is none", "role_given ann ROOM: otto none")
        }
        "make an owner" => {
            act(role("max", Some(Role::Owner)), "max is owner", "role_given ann ROOM: max owner")
        }
        "no owner any more" => {
            act(role("olga", None), "olga is none", "role_given ann ROOM: olga none")
        }
        "voice to oneself" => {
            act(role("ann", Some(Role::Voice)), "ann is voice", "role_given ann ROOM: ann voice")
        }
        "operator to oneself" => act(
            role("ann", Some(Role::Operator)),
            "ann is operator",
            "role_given ann ROOM: ann operator",
        ),
        "owner to oneself" => {
            act(role("ann", Some(Role::Owner)), "ann is owner", "role_given ann ROOM: ann owner")
        }
        "kick a member" => act(kick("max"), "kicked max", "kicked ann ROOM: max"),
        "kick a voice" => act(kick("vera"), "kicked vera", "kicked ann ROOM: vera"),
        "kick an operator" => act(kick("otto"), "kicked otto", "kicked ann ROOM: otto"),
        "kick an owner" => act(kick("olga"), "kicked olga", "kicked ann ROOM: olga"),
        "kick an admin" => act(kick("adam"), "kicked adam", "kicked ann ROOM: adam"),
        "kick oneself" => act(kick("ann"), "", ""),
        "ban a member" => act(ban(whom("max")), "ban max", "banned ann ROOM: max (spam)"),
        "ban an operator" => act(ban(whom("otto")), "ban otto", "banned ann ROOM: otto (spam)"),
        "ban an owner" => act(ban(whom("olga")), "ban olga", "banned ann ROOM: olga (spam)"),
        "ban an admin" => act(ban(whom("adam")), "ban adam", "banned ann ROOM: adam (spam)"),
        "ban oneself" => act(ban(whom("ann")), "", ""),
        "ban who is elsewhere" => act(ban(whom("zoe")), "ban zoe", "banned ann ROOM: zoe (spam)"),
        "ban an address" => act(
            ban(Whom::AddressOf(user("max"))),
            "ban the address of max",
            "banned ann ROOM: 10.0.0.2/32, the address of max (spam)",
        ),
        "ban an operator's address" => act(
            ban(Whom::AddressOf(user("otto"))),
            "ban the address of otto",
            "banned ann ROOM: 10.0.0.4/32, the address of otto (spam)",
        ),
        "ban a pattern" => act(ban(pattern("ma?")), "ban ma?", "banned ann ROOM: ma? (spam)"),
        "ban a network" => act(
            ban(network("10.0.0.0/24")),
            "ban an address",
            "banned ann ROOM: 10.0.0.0/24, an address (spam)",
        ),
        "mute a member" => act(mute(whom("max")), "mute max", "muted ann ROOM: max (spam)"),
        "mute an operator" => act(mute(whom("otto")), "mute otto", "muted ann ROOM: otto (spam)"),
        "mute an owner" => act(mute(whom("olga")), "mute olga", "muted ann ROOM: olga (spam)"),
        "mute oneself" => act(mute(whom("ann")), "", ""),
        "mute a pattern" => act(mute(pattern("m*")), "mute m*", "muted ann ROOM: m* (spam)"),
        "lift" => act(
            Command::Lift { room: room(place), what: RestrictionKind::Ban, whom: pattern("zed*") },
            "lifted ban zed*",
            "lifted ann ROOM: ban of zed*",
        ),
        "invite into a closed one" => {
            act(Command::Invite { room: room(place), name: user("zoe") }, "", "")
        }
        other => panic!("nobody knows how to {other}"),
    }
}

/// The outcome that the table says.
fn expected(kind: &str, what: &str, rank: &str) -> &'static str {
    let special = format!("{kind}: {what}");
    let row = |name: &str| {
        TABLE.lines().find(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(' ') && rest.split_whitespace().count() == 7)
        })
    };
    let row = row(&special).or_else(|| row(what)).expect("a row");
    let at = RANKS.iter().position(|known| *known == rank).expect("a rank");
    row.split_whitespace().rev().nth(RANKS.len() - 1 - at).expect("a cell")
}

fn check(kind: &str, what: &str, rank: &str, is_account: bool) {
    let expected = expected(kind, what, rank);
    if expected == "-" {
        return; // It would change nothing.
    }
    let case = format!("{rank} tries to {what} in a {kind}, account: {is_account}");
    let Stage { mut world, name, actor } = stage(kind, rank, is_account);
    // An admin who is nobody to the test prepares the room.
    if what == "lift" || what == "invite into a closed one" && kind != "group" {
        let chief = world.account("chief");
        world.make_admin("chief");
        let done = if what == "lift" {
            world.ban(chief, &name, pattern("zed*"), None)
        } else {
            world.set(chief, &name, RoomChange::InviteOnly { on: true })
        };
        assert_eq!(done, "done", "{case}");
        world.take();
    }
    let of = words_of_max(&world);
    let Act { command, heard, logged } = acts(what, &name, of);
    let (audit_before, records_before) = (world.audit().len(), world.records.len());
    let answer = world.ask(actor, command);
    let outcome = match answer.as_str() {
        "refused not_allowed" => "no",
        "refused not_member" => "out",
        "refused to_self" => "self",
        "refused no_such_user" => "absent",
        refused if refused.starts_with("refused") => refused,
        _ if what == "call everybody" => {
            let calls = world.effects.iter().any(|effect| describe(effect).contains("(everyone)"));
            if calls { "yes" } else { "said" }
        }
        _ => "yes",
    };
    assert_eq!(outcome, expected, "{case}: {answer}");
    let audit = world.audit().split_off(audit_before);
    let is_other = |record: &&Record| !matches!(record, Record::Audit(_));
    let kept = world.records[records_before..].iter().filter(is_other).count();
    let deliveries: Vec<String> =
        world.take().into_iter().filter(|l| l.starts_with("to ")).collect();
    if !matches!(expected, "yes" | "said") {
        assert_eq!((audit, kept, deliveries), (vec![], 0, vec![]), "{case}: a trace");
        return;
    }
    let fill = |words: &str| words.replace("ROOM", &name).replace("OF", &of.to_string());
    let log: Vec<String> = logged.iter().map(|words| fill(words)).collect();
    let audit: Vec<&str> = audit.iter().map(|line| line.trim_end()).collect();
    assert_eq!(audit, log, "{case}: the audit log");
    if let Some(heard) = heard.map(fill) {
        let hits = deliveries.iter().filter(|line| {
            let is_event = line.contains(&format!("<ann> {heard}")) || line.ends_with(&heard);
            is_event || line.contains("<ann> changed") && line.contains(&heard)
        });
        assert_eq!(hits.count(), 1, "{case}: {heard} is announced in {deliveries:#?}");
    }
    assert_eq!(world.hub.inconsistency(), None, "{case}");
}

fn check_all(kind: &str) {
    let known = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("stranger");
    for line in TABLE.lines().filter(known) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let what = words[..words.len() - RANKS.len()].join(" ");
        if KINDS.iter().any(|kind| what.starts_with(&format!("{kind}: "))) {
            continue;
        }
        for rank in RANKS {
            for is_account in [true, false] {
                check(kind, &what, rank, is_account);
            }
        }
    }
}

#[test]
fn only_those_who_may_do_it_do_it_in_a_named_room() {
    check_all("room");
}

#[test]
fn only_those_who_may_do_it_do_it_in_a_group() {
    check_all("group");
}

#[test]
fn only_those_who_may_do_it_do_it_in_a_pin_room() {
    check_all("pin room");
}

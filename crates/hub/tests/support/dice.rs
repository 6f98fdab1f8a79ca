//! Dice, and what they make clients say.

use super::rooms::{network, note, pattern, secret, text};
use super::{credentials, password, room, token, user};
use hubbub_hub::*;
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::*;

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len() as u64) as usize]
    }
}

pub(crate) const NAMES: [&str; 5] = ["ann", "bob", "cat", "dan", "eve"];
/// A case and a look-alike of one of them, and names that are mostly free.
pub(crate) const OTHER_NAMES: [&str; 6] = ["ANN", "\u{430}nn", "flo", "gus", "hal", "ida"];
pub(crate) const ROOMS: [&str; 5] = ["lobby", "chat", "club", "den", "LOBBY"];
pub(crate) const ADDRESSES: [&str; 3] = ["10.0.0.1", "10.0.0.2", "2001:db8::1"];
const SECRETS: [&str; 3] = ["1111", "2222", "sesame"];

pub(crate) fn some_name(dice: &mut Dice) -> UserName {
    if dice.one_in(4) { user(dice.of(&OTHER_NAMES)) } else { user(dice.of(&NAMES)) }
}

/// Where clients go.
#[derive(Default)]
pub(crate) struct Places {
    /// Rooms with a PIN, as they are called.
    pub(crate) labels: Vec<RoomName>,
    /// All go to few rooms, and care for little but who keeps order there.
    pub(crate) few: bool,
}

/// A room, perhaps one with a PIN as it is called.
pub(crate) fn some_room(dice: &mut Dice, places: &Places) -> RoomName {
    let labels = &places.labels;
    if !labels.is_empty() && dice.one_in(if places.few { 8 } else { 4 }) {
        labels[dice.roll(labels.len() as u64) as usize].clone()
    } else if places.few {
        room(dice.of(&["chat", "chat", "den"]))
    } else {
        room(dice.of(&ROOMS))
    }
}

fn some_retention(dice: &mut Dice) -> Retention {
    dice.of(&[
        Retention::Forever,
        Retention::None,
        Retention::None,
        Retention::Days(1),
        Retention::Messages(2),
    ])
}

pub(crate) fn some_role(dice: &mut Dice) -> Option<Role> {
    dice.of(&[None, Some(Role::Voice), Some(Role::Operator), Some(Role::Owner)])
}

fn some_setting(dice: &mut Dice) -> Setting {
    let on = dice.one_in(3);
    Setting::Change(match dice.roll(11) {
        0 => RoomChange::Topic { topic: on.then(|| note("tea")) },
        1 => RoomChange::Description { description: on.then(|| note("more tea")) },
        2 => RoomChange::InviteOnly { on },
        3 => return Setting::Key(on.then(|| secret(dice.of(&SECRETS)))),
        4 => RoomChange::Moderated { on },
        5 => RoomChange::Secret { on },
        6 => RoomChange::MemberLimit { members: on.then(|| 1 + dice.roll(3) as u32) },
        7 => RoomChange::SlowMode { seconds: if on { 30 } else { 0 } },
        _ => RoomChange::Retention { retention: some_retention(dice) },
    })
}

fn some_whom(dice: &mut Dice) -> Whom {
    match dice.roll(6) {
        0..3 => Whom::User(user(dice.of(&NAMES))),
        3 => Whom::AddressOf(user(dice.of(&NAMES))),
        4 => pattern(dice.of(&["a*", "?ob", "*A*", "g?s"])),
        _ => network(dice.of(&["10.0.0.1", "10.0.0.0/8", "2001:db8::/32"])),
    }
}

/// Something about a room and its order, or about what was said.
pub(crate) fn order_command(dice: &mut Dice, places: &Places) -> Command {
    let place = some_room(dice, places);
    let name = user(dice.of(&NAMES));
    let address = if dice.one_in(4) {
        RoomAddress::User(name.clone())
    } else {
        RoomAddress::Room(place.clone())
    };
    let of = Seq(dice.roll(12));
    let what = dice.of(&[RestrictionKind::Ban, RestrictionKind::Mute]);
    match dice.roll(30) {
        0..3 => Command::Edit { address, of, text: text(dice.of(&["one", "two"])) },
        3..5 => Command::Delete { address, of },
        5..7 => {
            let reaction = Reaction::parse(dice.of(&["+1", "-1"])).expect("a reaction");
            Command::React { address, of, reaction, on: !dice.one_in(3) }
        }
        7..9 => Command::Pin { room: place, of, on: !dice.one_in(4) },
        9 => Command::Typing { address },
        10 => Command::Away { note: dice.one_in(2).then(|| note("tea")) },
        11 => Command::Highlights { words: vec![dice.of(&["tea", "milk"]).to_owned()] },
        12 => Command::Info { room: place },
        13..17 => Command::Set { room: place, setting: some_setting(dice) },
        17..20 => Command::Role { room: place, name, role: some_role(dice) },
        20 => Command::Roles { room: place, after: None },
        21 => Command::Kick { room: place, name, reason: None },
        22..25 => {
            let for_ms = dice.one_in(2).then_some(90_000);
            let reason = Some(note("spam"));
            Command::Restrict { room: place, what, whom: some_whom(dice), reason, for_ms }
        }
        25..27 => Command::Lift { room: place, what, whom: some_whom(dice) },
        27 => Command::Restrictions { room: place, after: None },
        28 => Command::Search {
            words: "psst".into(),
            address: dice.one_in(2).then_some(address),
            from: None,
            since: None,
            until: None,
            after: None,
            limit: 5,
        },
        _ => Command::Join {
            address: RoomAddress::Room(place),
            after: None,
            retention: dice.one_in(2).then(|| some_retention(dice)),
            secret: Some(if dice.one_in(3) {
                JoinSecret::Key(secret(dice.of(&SECRETS)))
            } else {
                JoinSecret::Pin(secret(dice.of(&SECRETS)))
            }),
        },
    }
}

/// Anything that somebody who was welcomed may say.
pub(crate) fn any_command(dice: &mut Dice, places: &Places) -> Command {
    if places.few && dice.one_in(4) {
        let address = RoomAddress::Room(some_room(dice, places));
        return Command::Join { address, after: None, retention: None, secret: None };
    }
    if places.few && dice.one_in(16) {
        return Command::Nick { name: user(dice.of(&["ann", "bob", "gus", "abe"])) };
    }
    if !dice.one_in(if places.few { 12 } else { 2 }) {
        return order_command(dice, places);
    }
    let name = user(dice.of(&NAMES));
    let place = some_room(dice, places);
    let address = if dice.one_in(2) {
        RoomAddress::Room(place.clone())
    } else {
        RoomAddress::User(name.clone())
    };
    let retention = dice.one_in(3).then_some(Retention::None);
    match dice.roll(32) {
        0..3 => Command::Join { address, after: None, retention, secret: None },
        3 => {
            let room = RoomId((7 << 32) + dice.roll(40));
            let after = Position { room, epoch: Epoch(7), seq: Seq(dice.roll(4)) };
            Command::Join { address, after: Some(after), retention, secret: None }
        }
        4 => Command::Leave { room: place },
        5 => Command::History { address, page: Page::Latest, limit: 10 },
        6 => Command::Rooms { after: None },
        7 => Command::Members { room: place, after: None },
        8 => Command::Register {
            password: password(),
            invite: Some(InviteCode::from_random(u128::from(dice.roll(2)))),
        },
        9 => Command::Login {
            name,
            password: password(),
            fresh: token(900 + dice.roll(1_000_000) as u32),
        },
        10 if dice.one_in(2) => Command::Logout,
        10 => Command::Quit,
        11 => Command::Password { old: password(), new: password() },
        12 => Command::Logins,
        13 => Command::Revoke { login: LoginId((7 << 32) + dice.roll(200)) },
        14 => Command::Nick { name: some_name(dice) },
        15 => Command::NameInvalid { error: NameError::Empty, near: Some(name) },
        16..19 => Command::Ask { name },
        19..22 => Command::Accept { name },
        22 => Command::Reject { name },
        23 => Command::End { name },
        24 => Command::Links { after: None },
        25 => Command::Block { name, on: dice.one_in(2) },
        26 => Command::Policy {
            policy: dice.of(&[None, Some(PrivatePolicy::Open), Some(PrivatePolicy::Closed)]),
        },
        27 => Command::Group { room: room(dice.of(&["club", "den"])), retention },
        28 => Command::Invite { room: room(dice.of(&["club", "den"])), name },
        29 if dice.one_in(3) => Command::Manage { line: "stats".into() },
        29 => Command::Decline { room: place },
        30 => Command::Mark { address, seq: Seq(dice.roll(5)) },
        _ => Command::Draft { address, text: Text::parse("so far").ok() },
    }
}

/// The first words of a session. So many sessions connected before it.
pub(crate) fn hello_command(
    dice: &mut Dice,
    places: &Places,
    session: SessionId,
    connected: u32,
) -> Command {
    let invite = Some(InviteCode::from_random(u128::from(dice.roll(2))));
    let entry = match dice.roll(4) {
        0 => None,
        2 if places.few => None,
        1 => Some(Entry::Register { password: password(), invite }),
        _ => Some(Entry::Password(password())),
    };
    let resume = dice.one_in(3).then(|| token(dice.roll(u64::from(connected)) as u32 + 1));
    let instance = dice.one_in(2).then(|| Instance([dice.roll(5) as u8; 16]));
    let name = (!dice.one_in(10)).then(|| some_name(dice));
    let fresh = token(session.slot());
    Command::Hello { name, instance, resume, fresh, entry }
}

/// A message to a room or to somebody.
pub(crate) fn something_said(dice: &mut Dice, places: &Places) -> Command {
    let address = if dice.one_in(2) {
        RoomAddress::Room(some_room(dice, places))
    } else {
        RoomAddress::User(user(dice.of(&NAMES)))
    };
    let mut said = Said::from(text(dice.of(&["psst", "psst, @room"])));
    said.reply = dice.one_in(6).then(|| Seq(dice.roll(9)));
    let body = Body::Text(said);
    let counter = dice.one_in(4).then(|| Counter(dice.roll(9)));
    let hold = dice.one_in(2);
    Command::Send { address, body, counter, hold }
}

/// A code, or a code once more.
pub(crate) fn some_invite(dice: &mut Dice) -> AdminCommand {
    let code = InviteCode::from_random(u128::from(dice.roll(2))).digest();
    let uses = dice.roll(3) as u32;
    AdminCommand::InviteMake { code, for_ms: None, uses, note: String::new() }
}

/// What the server's operator may want of rooms.
pub(crate) fn operator_command(dice: &mut Dice, places: &Places) -> AdminCommand {
    let name = user(dice.of(&NAMES));
    let room = some_room(dice, places);
    let what = dice.of(&[RestrictionKind::Ban, RestrictionKind::Mute]);
    let place = dice.one_in(2).then(|| room.clone());
    match dice.roll(16) {
        9 => AdminCommand::Kick { room: place, name, reason: dice.one_in(2).then(|| note("out")) },
        10 | 11 => {
            let for_ms = dice.one_in(2).then_some(90_000);
            let whom = some_whom(dice);
            AdminCommand::Restrict { room: place, what, whom, reason: None, for_ms }
        }
        12..14 => AdminCommand::Lift { room: place, what, whom: some_whom(dice) },
        14 => AdminCommand::Announce { text: note("tea is ready") },
        15 => match dice.roll(4) {
            0 => AdminCommand::Rooms { after: None },
            1 => AdminCommand::Users { after: None },
            2 => AdminCommand::SessionIds { of: None },
            _ => AdminCommand::Restrictions { room: None, what },
        },
        0 => AdminCommand::AdminSet { name, on: dice.one_in(3) },
        1..7 => AdminCommand::RoleSet { room, name, role: some_role(dice) },
        _ => {
            let (time, body) = (WallMs(dice.roll(99)), Body::text(text("of old")));
            let refers = dice.one_in(3).then(|| Refers::Seq(Seq(dice.roll(3))));
            let message = Imported { time, from: name, body, refers };
            AdminCommand::Import { room, messages: vec![message] }
        }
    }
}

/// What comes of work on a password.
pub(crate) fn outcome(dice: &mut Dice, work: &PasswordWork) -> PasswordOutcome {
    let made = || credentials("made");
    match work {
        _ if dice.one_in(8) => PasswordOutcome::Busy,
        PasswordWork::Check { .. } => PasswordOutcome::Checked(!dice.one_in(5)),
        PasswordWork::Make { .. } => PasswordOutcome::Made(made()),
        PasswordWork::Change { .. } => PasswordOutcome::Changed((!dice.one_in(3)).then(made)),
    }
}

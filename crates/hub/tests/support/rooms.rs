//! What is said about rooms, in short: each says a command, makes it durable and gives the answer.

use super::{World, describe, room, to, user};
use hubbub_hub::*;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::Record;
use hubbub_protocol::*;

pub(crate) fn pattern(pattern: &str) -> Whom {
    Whom::Pattern(NamePattern::parse(pattern).expect("a valid pattern"))
}

pub(crate) fn network(net: &str) -> Whom {
    Whom::Network(hubbub_protocol::room::parse_network(net).expect("a valid network"))
}

pub(crate) fn secret(secret: &str) -> RoomSecret {
    RoomSecret::parse(secret).expect("a valid PIN")
}

pub(crate) fn note(note: &str) -> Note {
    Note::parse(note).expect("a valid note")
}

pub(crate) fn text(words: &str) -> Text {
    Text::parse(words).expect("a valid text")
}

pub(crate) fn react(address: &str, of: u64, reaction: &str, on: bool) -> Command {
    let reaction = Reaction::parse(reaction).expect("a valid reaction");
    Command::React { address: to(address), of: Seq(of), reaction, on }
}

pub(crate) fn restrict(
    name: &str,
    what: RestrictionKind,
    whom: Whom,
    for_ms: Option<u64>,
) -> Command {
    Command::Restrict { room: room(name), what, whom, reason: Some(note("spam")), for_ms }
}

impl World {
    /// The sessions that connect from now on come from there.
    pub(crate) fn come_from(&mut self, address: &str) {
        self.address = address.parse().expect("an address");
    }

    /// Says a command, reads and keeps what has to be, and gives the answer. What came out stays to
    /// be taken.
    pub(crate) fn ask(&mut self, session: SessionId, command: Command) -> String {
        let earlier = std::mem::take(&mut self.effects);
        self.tell(session, command);
        self.persist();
        self.read_messages();
        self.persist();
        let answer = self.answer(session).expect("an answer");
        self.effects.splice(0..0, earlier);
        answer
    }

    /// The last answer to a session among what came out.
    pub(crate) fn answer(&self, session: SessionId) -> Option<String> {
        let is_its = |effect: &&Effect| match effect {
            Effect::Reply { session: to, .. }
            | Effect::ReadHistory { session: to, .. }
            | Effect::Search { session: to, .. } => *to == session,
            _ => false,
        };
        let answer = self.effects.iter().rev().find(is_its)?;
        let words = describe(answer);
        Some(words.strip_prefix(&format!("{} ", session.slot())).unwrap_or(&words).to_owned())
    }

    pub(crate) fn admin(&mut self, command: AdminCommand) {
        self.input(Input::Admin { request: 1, by: None, command });
        self.persist();
    }

    pub(crate) fn make_admin(&mut self, name: &str) {
        self.admin(AdminCommand::AdminSet { name: user(name), on: true });
    }

    /// The server's operator gives a role.
    pub(crate) fn appoint(&mut self, place: &str, name: &str, role: Option<Role>) {
        self.admin(AdminCommand::RoleSet { room: room(place), name: user(name), role });
    }

    pub(crate) fn set(&mut self, session: SessionId, place: &str, change: RoomChange) -> String {
        let setting = Setting::Change(change);
        self.ask(session, Command::Set { room: room(place), setting })
    }

    pub(crate) fn keep(&mut self, session: SessionId, place: &str, retention: Retention) -> String {
        self.set(session, place, RoomChange::Retention { retention })
    }

    pub(crate) fn set_key(&mut self, session: SessionId, place: &str, key: Option<&str>) -> String {
        let setting = Setting::Key(key.map(secret));
        self.ask(session, Command::Set { room: room(place), setting })
    }

    pub(crate) fn join_with(
        &mut self,
        session: SessionId,
        place: &str,
        secret: Option<JoinSecret>,
        retention: Option<Retention>,
    ) -> String {
        let address = to(place);
        self.ask(session, Command::Join { address, after: None, retention, secret })
    }

    pub(crate) fn join_pin(&mut self, session: SessionId, place: &str, pin: &str) -> String {
        self.join_with(session, place, Some(JoinSecret::Pin(secret(pin))), None)
    }

    pub(crate) fn join_key(&mut self, session: SessionId, place: &str, key: &str) -> String {
        self.join_with(session, place, Some(JoinSecret::Key(secret(key))), None)
    }

    pub(crate) fn enter_room(&mut self, session: SessionId, place: &str) -> String {
        self.join_with(session, place, None, None)
    }

    pub(crate) fn speak(&mut self, session: SessionId, place: &str, words: &str) -> String {
        let (address, body) = (to(place), Body::text(text(words)));
        self.ask(session, Command::Send { address, body, counter: None, hold: false })
    }

    pub(crate) fn ban(
        &mut self,
        session: SessionId,
        place: &str,
        whom: Whom,
        for_ms: Option<u64>,
    ) -> String {
        self.ask(session, restrict(place, RestrictionKind::Ban, whom, for_ms))
    }

    pub(crate) fn mute(&mut self, session: SessionId, place: &str, whom: Whom) -> String {
        self.ask(session, restrict(place, RestrictionKind::Mute, whom, None))
    }

    pub(crate) fn lift(
        &mut self,
        session: SessionId,
        place: &str,
        what: RestrictionKind,
        whom: Whom,
    ) -> String {
        self.ask(session, Command::Lift { room: room(place), what, whom })
    }

    pub(crate) fn kick(&mut self, session: SessionId, place: &str, name: &str) -> String {
        self.ask(session, Command::Kick { room: room(place), name: user(name), reason: None })
    }

    pub(crate) fn give(
        &mut self,
        session: SessionId,
        place: &str,
        name: &str,
        role: Option<Role>,
    ) -> String {
        self.ask(session, Command::Role { room: room(place), name: user(name), role })
    }

    pub(crate) fn invite(&mut self, session: SessionId, place: &str, name: &str) -> String {
        self.ask(session, Command::Invite { room: room(place), name: user(name) })
    }

    pub(crate) fn edit(&mut self, session: SessionId, place: &str, of: u64, words: &str) -> String {
        let (address, of, text) = (to(place), Seq(of), text(words));
        self.ask(session, Command::Edit { address, of, text })
    }

    pub(crate) fn delete(&mut self, session: SessionId, place: &str, of: u64) -> String {
        self.ask(session, Command::Delete { address: to(place), of: Seq(of) })
    }

    pub(crate) fn pin(&mut self, session: SessionId, place: &str, of: u64, on: bool) -> String {
        self.ask(session, Command::Pin { room: room(place), of: Seq(of), on })
    }

    /// What the session's next answer to `info` says.
    pub(crate) fn info(&mut self, session: SessionId, place: &str) -> Option<frame::RoomInfo> {
        self.tell(session, Command::Info { room: room(place) });
        match self.effects.pop() {
            Some(Effect::Reply { reply: Reply::Info { info, .. }, .. }) => Some(*info),
            _ => None,
        }
    }

    /// The room of the last event that was to be kept.
    pub(crate) fn stored_room(&self) -> RoomId {
        let room = |record: &Record| match record {
            Record::Event { event, .. } => Some(event.room),
            _ => None,
        };
        self.records.iter().rev().find_map(room).expect("something was said")
    }

    /// How the room is called that was joined last.
    pub(crate) fn joined(&self) -> String {
        let address = |effect: &Effect| match effect {
            Effect::Reply { reply: Reply::Joined { address, .. }, .. } => Some(address.to_string()),
            _ => None,
        };
        self.effects.iter().rev().find_map(address).expect("somebody joined")
    }

    /// A guest or an account, connected and welcomed. Takes the effects away.
    pub(crate) fn somebody(&mut self, name: &str, is_account: bool) -> SessionId {
        if is_account {
            return self.account(name);
        }
        let session = self.guest(name);
        self.persist();
        self.take();
        session
    }

    /// How long the last refusal says to wait.
    pub(crate) fn wait_ms(&self) -> Option<u64> {
        let wait = |effect: &Effect| match effect {
            Effect::Reply { reply: Reply::Refused(refusal), .. } => Some(refusal.wait_ms),
            _ => None,
        };
        self.effects.iter().rev().find_map(wait).flatten()
    }

    /// The lines of what came out that have this in them.
    pub(crate) fn lines_with(&mut self, what: &str) -> Vec<String> {
        self.take().into_iter().filter(|line| line.contains(what)).collect()
    }
}

/// The owner of the room `den`, an account, from an address of its own.
pub(crate) fn owned(world: &mut World) -> SessionId {
    world.come_from("10.9.9.9");
    let owner = world.account("olga");
    world.enter_room(owner, "den");
    world.take();
    owner
}

/// Somebody who is in the room `den`.
pub(crate) fn enter_from(
    world: &mut World,
    name: &str,
    address: &str,
    is_account: bool,
) -> SessionId {
    world.come_from(address);
    let session = world.somebody(name, is_account);
    assert!(world.enter_room(session, "den").starts_with("joined"));
    world.take();
    session
}

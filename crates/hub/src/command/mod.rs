//! The commands, one file each, and the dispatch to them.

mod away;
mod group;
pub(crate) mod hello;
mod history;
mod join;
mod leave;
mod link;
mod lists;
mod login;
mod logins;
mod manage;
mod mark;
pub(crate) mod message;
mod nick;
mod quit;
pub(crate) mod restrict;
mod role;
mod room;
mod search;
mod send;

use crate::hub::{Hub, reply};
use crate::order::Keeper;
use crate::room::Room;
use crate::{Command, Effect, Refusal, Reply, Tag};
use hello::Hello;
use hubbub_protocol::{ErrorCode, Now, RoomAddress, RoomId, RoomName, SessionId, UserId};
use join::RoomWish;
use message::Deed;
use restrict::Restriction;
use search::Wish;

/// A command of a session that may not be anybody yet.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) now: Now,
    pub(crate) session: SessionId,
    pub(crate) tag: Tag,
}

/// What every command knows about its caller.
pub(crate) struct Caller {
    pub(crate) now: Now,
    pub(crate) session: SessionId,
    pub(crate) tag: Tag,
    pub(crate) user: UserId,
}

impl Caller {
    pub(crate) fn keeper(&self) -> Keeper {
        Keeper { now: self.now, session: Some(self.session), user: Some(self.user) }
    }

    pub(crate) fn call(&self) -> Call {
        Call { now: self.now, session: self.session, tag: self.tag }
    }
}

impl Hub {
    pub(crate) fn command(
        &mut self,
        now: Now,
        id: SessionId,
        tag: Tag,
        command: Command,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.was_too_fast = false;
        let call = Call { now, session: id, tag };
        let is_nobody = session.user.is_none();
        if session.entry.is_some() && !matches!(command, Command::Quit) {
            // The gate lets nothing through meanwhile. If it did, the outcome of one password must
            // not be taken for that of another.
            let refusal = Refusal::new(ErrorCode::Busy, "Your password is being worked on.");
            return reply(id, tag, Reply::Refused(refusal), effects);
        }
        if is_nobody
            && !matches!(command, Command::Quit)
            && let Err(refusal) = self.pay_as_nobody(call, effects)
        {
            return self.refuse(&call, refusal, effects);
        }
        let command = match command {
            Command::Hello { name, instance, resume, fresh, entry } => {
                let hello = Hello { instance, resume, fresh };
                return self.hello(call, name, hello, entry, effects);
            }
            Command::NameInvalid { error, near } => {
                return self.name_invalid(call, &error, near, effects);
            }
            Command::Quit => return self.quit(now, id, effects),
            other => other,
        };
        let Some(user) = self.sessions.get(&id).and_then(|session| session.user) else {
            let refusal = Refusal::new(ErrorCode::HelloFirst, "Say who you are first.");
            self.note_stranger(id);
            return self.refuse(&call, refusal, effects);
        };
        let caller = Caller { now, session: id, tag, user };
        let is_send = matches!(command, Command::Send { .. });
        let done = match self.pay(&caller, &command, effects) {
            Ok(()) => self.user_command(&caller, command, effects),
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(Some(answer)) => reply(id, tag, answer, effects),
            // It is answered later, or by somebody else.
            Ok(None) => {}
            Err(refusal) if is_send => {
                self.refuse_send(id, tag, refusal, effects);
                self.note_refusal(now, id, effects);
            }
            Err(refusal) => self.refuse(&caller.call(), refusal, effects),
        }
    }

    pub(crate) fn refuse(&mut self, call: &Call, refusal: Refusal, effects: &mut Vec<Effect>) {
        reply(call.session, call.tag, Reply::Refused(refusal), effects);
        self.note_refusal(call.now, call.session, effects);
    }

    fn user_command(
        &mut self,
        caller: &Caller,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        match command {
            // Done above: they need no user.
            Command::Hello { .. } | Command::NameInvalid { .. } | Command::Quit => Ok(None),
            Command::Send { address, body, counter, hold } => {
                self.send(caller, &address, body, counter, hold, effects);
                Ok(None)
            }
            Command::Join { address, after, retention, secret } => {
                let wish = RoomWish { retention, secret };
                self.join(caller, &address, after, wish, effects)
            }
            Command::Leave { room } => self.leave(caller, &room, effects),
            Command::History { address, page, limit } => {
                self.history(caller, address, page, limit, effects)
            }
            Command::Rooms { after } => Ok(Some(self.list_rooms(caller, after.as_deref()))),
            Command::Members { room, after } => {
                self.list_members(caller, &room, after.as_deref()).map(Some)
            }
            Command::Users { after } => Ok(Some(self.list_users(after.as_deref()))),
            Command::Ping => Ok(Some(Reply::Pong { time: caller.now.wall })),
            Command::Register { password, invite } => {
                let done = self.register(caller, password, invite.as_ref(), effects);
                self.or_refuse_login(caller, "", done, effects)
            }
            Command::Login { name, password, fresh } => {
                let wished = name.clone();
                let done = self.login(caller, name, password, fresh, effects);
                self.or_refuse_login(caller, wished.as_str(), done, effects)
            }
            Command::Logout => {
                self.logout(caller, effects)?;
                Ok(None)
            }
            Command::Password { old, new } => self.change_password(caller, old, new, effects),
            Command::Logins => self.list_logins(caller).map(Some),
            Command::Revoke { login } => self.revoke(caller, login, effects),
            Command::Nick { name } => self.nick(caller, name, effects),
            Command::Ask { name } => self.ask(caller, &name, effects),
            Command::Accept { name } => self.accept(caller, &name, effects),
            Command::Reject { name } => self.reject(caller, &name, effects),
            Command::End { name } => self.end(caller, &name, effects),
            Command::Links { after } => Ok(Some(self.list_links(caller, after.as_deref()))),
            Command::Block { name, on } => self.block(caller, &name, on, effects),
            Command::Policy { policy } => self.set_policy(caller, policy, effects),
            Command::Group { room, retention } => {
                self.make_group(caller, &room, retention, effects)
            }
            Command::Invite { room, name } => self.invite(caller, &room, &name, effects),
            Command::Decline { room } => self.decline(caller, &room, effects),
            Command::Mark { address, seq } => self.mark(caller, &address, seq, effects),
            Command::Draft { address, text } => self.draft(caller, &address, text, effects),
            Command::Edit { address, of, text } => {
                self.do_with_message(caller, &address, of, Deed::Edit { text }, effects)
            }
            Command::Delete { address, of } => {
                self.do_with_message(caller, &address, of, Deed::Delete, effects)
            }
            Command::React { address, of, reaction, on } => {
                self.do_with_message(caller, &address, of, Deed::React { reaction, on }, effects)
            }
            Command::Pin { room, of, on } => {
                let address = RoomAddress::Room(room);
                self.do_with_message(caller, &address, of, Deed::Pin { on }, effects)
            }
            Command::Typing { address } => self.typing(caller, &address, effects),
            Command::Away { note } => self.away(caller, note, effects),
            Command::Highlights { words } => self.highlights(caller, words, effects),
            Command::Info { room } => self.info(caller, &room),
            Command::Set { room, setting } => self.set(caller, &room, setting, effects),
            Command::Role { room, name, role } => {
                self.give_role(caller, &room, &name, role, effects)
            }
            Command::Roles { room, after } => self.list_roles(caller, &room, after.as_deref()),
            Command::Kick { room, name, reason } => {
                self.kick(caller, &room, &name, reason, effects)
            }
            Command::Restrict { room, what, whom, reason, for_ms } => {
                let wish = Restriction { kind: what, whom, reason, for_ms };
                self.restrict(caller, &room, wish, effects)
            }
            Command::Lift { room, what, whom } => self.lift(caller, &room, what, &whom, effects),
            Command::Restrictions { room, after } => {
                self.list_restrictions(caller, &room, after.as_deref())
            }
            Command::Manage { line } => self.manage(caller, line, effects),
            Command::Setup { token } => self.set_up(caller, &token, effects),
            Command::Search { words, address, from, since, until, after, limit } => {
                let wish = Wish { words, address, from, since, until, after, limit };
                self.search(caller, wish, effects)
            }
        }
    }

    fn or_refuse_login(
        &mut self,
        caller: &Caller,
        name: &str,
        done: Result<Option<Reply>, Refusal>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        if let Err(refusal) = done {
            let own = self.users.get(&caller.user).map(|user| user.name.clone());
            let name =
                if name.is_empty() { own.as_ref().map_or("", |own| own.as_str()) } else { name };
            self.refuse_entry(caller.call(), name, refusal, effects);
        }
        Ok(None)
    }

    /// A named room, whether the user is in it or not.
    pub(crate) fn find_room(&self, name: &RoomName) -> Option<RoomId> {
        self.room_names.get(&name.fold()).copied()
    }

    /// A room that the user is in.
    pub(crate) fn joined_room(&self, user: UserId, name: &RoomName) -> Result<&Room, Refusal> {
        let room = self.find_room(name).and_then(|id| self.rooms.get(&id));
        match room {
            Some(room) if room.members.contains(&user) => Ok(room),
            _ => Err(Refusal::new(
                ErrorCode::NotMember,
                format!("You are not in the room {name}. Join it first."),
            )),
        }
    }

    /// A conversation that the user takes part in.
    pub(crate) fn conversation(
        &self,
        user: UserId,
        address: &RoomAddress,
    ) -> Result<RoomId, Refusal> {
        match address {
            RoomAddress::Room(name) => self.joined_room(user, name).map(Room::id),
            RoomAddress::User(name) => {
                let other = self.other(user, name)?;
                self.private_room(user, other).ok_or_else(|| {
                    let text = format!("You have no private chat with {name}.");
                    Refusal::new(ErrorCode::NoSuchRoom, text)
                })
            }
        }
    }
}

//! What the plain door says to answers and notices, and what it remembers of them.

mod lists;

use super::awaited::Part;
use super::prompt::{Prompt, Use};
use super::{ASK_NAME, Awaited, Joined, Plain, notices, say};
use crate::reading::Hits;
use hubbub_hub::{Command, Notice, Refusal, Reply, Tag};
use hubbub_protocol::frame::{CatchUp, LinkState};
use hubbub_protocol::{Author, ErrorCode, RoomAddress, RoomId, RoomName, sanitize};

/// For a server that takes nobody without an account.
const LOGIN_OR_REGISTER: &str =
    "-- /login NAME with the name of your account, or /register NAME to make one.\n";

/// How a room with a key is joined here.
const WITH_KEY: &str = "-- It goes like this: /join ROOM key=SECRET\n";

impl Plain {
    pub(crate) fn reply(&mut self, tag: Tag, reply: Reply, out: &mut Vec<u8>) -> Option<Command> {
        // A command that this door added has no tag, and nothing else is asked meanwhile.
        let awaited = match self.follows.take() {
            None if tag.is_some() => self.awaited.take(),
            follows => follows,
        };
        let mut text = String::new();
        let follow_up = self.reply_text(awaited, reply, &mut text);
        out.extend_from_slice(&self.speak(&text));
        follow_up
    }

    fn reply_text(
        &mut self,
        awaited: Option<Awaited>,
        reply: Reply,
        out: &mut String,
    ) -> Option<Command> {
        match reply {
            Reply::Welcome { user, account, lobby, rooms, privates, highlights, .. } => {
                if matches!(awaited, Some(Awaited::Register { .. })) {
                    out.push_str(&registered(&user));
                }
                out.push_str(&format!("-- Welcome, {}! /help lists the commands.\n", user.name));
                self.me = Some(user);
                self.account = account;
                // A login leaves all that the guest had.
                self.rooms.clear();
                self.missed.clear();
                self.more = None;
                self.highlights = highlights;
                self.attach.clear();
                self.attach.extend(privates.into_iter().map(RoomAddress::User));
                let others = rooms.into_iter().filter(|room| *room != lobby);
                self.attach.extend(others.map(RoomAddress::Room));
                // The last one is in focus.
                self.attach.push_back(RoomAddress::Room(lobby.clone()));
                self.lobby = Some(lobby);
                return self.attach_next();
            }
            Reply::Joined {
                address, head, catch_up, retention, members, created, info, ..
            } => {
                match address {
                    RoomAddress::Room(room) => {
                        self.rooms.retain(|joined| joined.id != head.room);
                        let info = info.as_deref();
                        out.push_str(&match awaited {
                            Some(Awaited::Group) => say::group_made(&room),
                            _ => say::room::joined(
                                &room, head.seq, retention, members, created, info,
                            ),
                        });
                        self.rooms.push(Joined { id: head.room, name: room, said: None });
                    }
                    RoomAddress::User(name) if catch_up == CatchUp::Pages => {
                        self.missed.push((head.room, name));
                    }
                    RoomAddress::User(_) => {}
                }
                return self.attach_next();
            }
            Reply::Left { room, id } => {
                self.rooms.retain(|joined| joined.id != id);
                out.push_str(&say::left(&room, self.focus().map(|focus| &focus.name)));
            }
            Reply::Done => match awaited {
                Some(Awaited::Done(said)) => out.push_str(&said),
                Some(Awaited::Password) => out.push_str("-- Your password is changed.\n"),
                Some(Awaited::Highlights(words)) => {
                    out.push_str(&notices::highlights(&words));
                    self.highlights = words;
                }
                _ => {}
            },
            Reply::You { user, account } => {
                out.push_str(&match awaited {
                    Some(Awaited::Register { .. }) => registered(&user),
                    _ => called(&user),
                });
                self.me = Some(user);
                self.account = account;
            }
            Reply::Asked { user, online, held } => {
                out.push_str(&notices::asked(&user.name, online, held));
            }
            Reply::Logins { logins } => {
                notices::logins(&logins, out);
                self.logins = logins.iter().map(|login| login.login).collect();
            }
            Reply::Links { links, next } => {
                self.links.extend(links);
                if next.is_some() {
                    return Some(Command::Links { after: next });
                }
                notices::links(&std::mem::take(&mut self.links), out);
            }
            Reply::Sent { position, .. } => {
                let here = self.rooms.iter_mut().find(|joined| joined.id == position.room);
                if let Some(joined) = here {
                    joined.said = Some(position.seq);
                }
            }
            Reply::NothingFound => say::found(&Hits::default(), out),
            Reply::Info { room, info } => match awaited {
                Some(Awaited::Info(Part::Topic)) => {
                    let empty = format!("{room} has no topic. /topic TEXT sets one.");
                    let what = format!("Topic of {room}");
                    out.push_str(&say::room::note(&what, info.topic.as_ref(), &empty));
                }
                Some(Awaited::Info(Part::Description)) => {
                    let empty = format!("Nobody said what {room} is for. /describe TEXT does.");
                    let what = format!("{room} is for");
                    out.push_str(&say::room::note(&what, info.description.as_ref(), &empty));
                }
                Some(Awaited::Info(Part::Pins)) => say::room::pins(&room, &info, out),
                _ => say::room::info(&room, &info, out),
            },
            Reply::Roles { room, roles, next } => {
                return self.roles(awaited, room, &roles, next, out);
            }
            Reply::Restrictions { room, restrictions, next } => {
                return self.restrictions(awaited, room, &restrictions, next, out);
            }
            Reply::Rooms { rooms, next } => {
                say::room::rooms(&rooms, self.continues(next.is_some()), out);
                return next.map(|next| Command::Rooms { after: Some(next) });
            }
            Reply::Members { room, members, count, next } => {
                let title = format!("In {room}");
                let members: Vec<String> = members.iter().map(say::room::member).collect();
                say::people(&title, &members, count, self.continues(next.is_some()), out);
                return next.map(|next| Command::Members { room, after: Some(next) });
            }
            Reply::Users { users, count, next } => {
                let names: Vec<String> = users.iter().map(|user| user.name.to_string()).collect();
                say::people("Online", &names, count, self.continues(next.is_some()), out);
                return next.map(|next| Command::Users { after: Some(next) });
            }
            Reply::Managed { lines } => notices::managed(&lines, out),
            Reply::Pong { .. } if matches!(awaited, Some(Awaited::Last { .. })) => {
                return self.with_last(awaited, out);
            }
            Reply::Pong { .. } => {
                out.push_str("-- In sync: the server has done everything before this.\n");
            }
            Reply::Refused(refusal) => {
                self.in_list = false;
                self.links.clear();
                if awaited.is_none() {
                    // It may have been a message: which one was the last is not what was meant.
                    self.rooms.iter_mut().for_each(|joined| joined.said = None);
                }
                self.refused(awaited, &refusal, out);
                return self.attach_next();
            }
        }
        None
    }

    /// The next conversation of those that come with a welcome.
    fn attach_next(&mut self) -> Option<Command> {
        let address = self.attach.pop_front()?;
        Some(Command::Join { address, after: None, retention: None, secret: None })
    }

    /// Says why something can't be done, and asks for what would help.
    fn refused(&mut self, awaited: Option<Awaited>, refusal: &Refusal, out: &mut String) {
        let error = format!("! {}\n", sanitize::for_terminal_line(&refusal.text));
        // What stood on the command line is refused by the hub; here it must not be asked for again.
        let awaited = awaited.filter(|awaited| self.takes_passwords || !awaited.has_password());
        match (awaited, refusal.code) {
            // A free name is told with the name of an account only.
            (Some(Awaited::Name(name)), ErrorCode::LoginNeeded)
                if self.takes_passwords && refusal.suggestion.is_some() =>
            {
                out.push_str(&self.question(Prompt::Password { name, wished: true }));
            }
            (Some(Awaited::Name(_)), ErrorCode::LoginNeeded) => {
                out.push_str(&error);
                out.push_str(LOGIN_OR_REGISTER);
                out.push_str(ASK_NAME);
            }
            // Whoever types a password once more must not say it to a room, or become a guest of
            // that name: the question stays until it is answered or cancelled.
            (Some(Awaited::Login { name, wished }), code) if asks_again(code) => {
                out.push_str(&error);
                out.push_str(&self.question(Prompt::Password { name, wished }));
            }
            (Some(Awaited::Password), code) if asks_again(code) => {
                out.push_str(&error);
                out.push_str(&self.question(Prompt::Old));
            }
            (Some(Awaited::Register { name, password, .. }), ErrorCode::InviteNeeded) => {
                out.push_str("-- An account can be made here with an invite.\n");
                out.push_str(&self.question(Prompt::Invite { name, password }));
            }
            (Some(Awaited::Register { name, password, .. }), ErrorCode::InviteInvalid) => {
                out.push_str(&error);
                out.push_str(&self.question(Prompt::Invite { name, password }));
            }
            (Some(Awaited::Register { name, invite, .. }), code)
                if code == ErrorCode::PasswordInvalid || asks_again(code) =>
            {
                out.push_str(&error);
                out.push_str(&self.question(Prompt::New(Use::Account { name, invite })));
            }
            _ => {
                out.push_str(&error);
                if !self.is_named() {
                    out.push_str(ASK_NAME);
                }
                if refusal.code == ErrorCode::KeyNeeded {
                    out.push_str(WITH_KEY);
                }
            }
        }
    }

    /// Whether this page continues a list, and notes whether another will.
    fn continues(&mut self, more: bool) -> bool {
        std::mem::replace(&mut self.in_list, more)
    }

    pub(crate) fn notice(&mut self, notice: Notice, out: &mut Vec<u8>) {
        let text = match notice {
            Notice::Link { user, state, dropped } => {
                if state == LinkState::Ended {
                    self.missed.retain(|(_, name)| *name != user.name);
                }
                notices::link(&user.name, state, dropped)
            }
            Notice::LinkRenamed { user, old } => {
                for (_, name) in self.missed.iter_mut().filter(|(_, name)| *name == old) {
                    *name = user.name.clone();
                }
                format!("-- {old} is {} now.\n", user.name)
            }
            Notice::Invited { room, from } => format!(
                "-- {} invites you into the group {room}: /join {room} or /decline {room}\n",
                from.name
            ),
            Notice::Declined { room, user } => {
                format!("-- {} declined the invitation into {room}.\n", user.name)
            }
            Notice::You { user, account } => self.changed(user, account),
            Notice::Entered { room } => {
                format!("-- You entered {room} elsewhere; /join {room} to hear it here.\n")
            }
            Notice::Gone { room, id } => self.gone(&room, id),
            Notice::Kicked { room, id, by, reason, banned } => {
                let had_focus = self.forget(id).unwrap_or(false);
                let here = self.focus().map(|focus| &focus.name);
                say::kicked(&room, &by, reason.as_ref(), banned, had_focus, here)
            }
            Notice::Highlights { words } => {
                self.highlights = words;
                String::new()
            }
            // This door shows neither.
            Notice::Marked { .. } | Notice::Drafted { .. } => String::new(),
            Notice::Warned { text, .. } => format!("! {text}\n"),
            Notice::Announced { text, by } => notices::announced(&text, by.as_ref()),
            Notice::Dropped { messages } => notices::dropped(&messages),
            Notice::NotStored { to } => {
                format!("! A message to {to} could not be stored, and was not sent.\n")
            }
        };
        out.extend_from_slice(&self.speak(&text));
    }

    fn changed(&mut self, user: Author, account: bool) -> String {
        let same_name = self.me.as_ref().is_some_and(|me| me.name == user.name);
        let registered = account && !self.account;
        let text = match (same_name, registered) {
            (false, _) => called(&user),
            (true, true) => format!("-- {} is an account now.\n", user.name),
            (true, false) => String::new(),
        };
        self.me = Some(user);
        self.account = account;
        text
    }

    fn gone(&mut self, room: &RoomName, id: RoomId) -> String {
        // Where it was not heard here, nothing changes.
        let Some(had_focus) = self.forget(id) else { return String::new() };
        let here = self.focus().map(|focus| &focus.name);
        say::gone(room, had_focus, here)
    }

    /// The connection is not in that room any more. Whether it was in focus; `None`: it was not in
    /// it.
    fn forget(&mut self, id: RoomId) -> Option<bool> {
        let at = self.rooms.iter().position(|joined| joined.id == id)?;
        self.rooms.remove(at);
        Some(at == self.rooms.len())
    }
}

fn called(user: &Author) -> String {
    format!("-- You are called {} now.\n", user.name)
}

fn registered(user: &Author) -> String {
    format!("-- You are registered. Next time: /login {}\n", user.name)
}

/// Whether the same may be tried again, now or in a while.
fn asks_again(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::WrongPassword
            | ErrorCode::TooFast
            | ErrorCode::Busy
            | ErrorCode::Unavailable
            | ErrorCode::NotStored
    )
}

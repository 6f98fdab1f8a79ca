//! Every frame of the server, and what it is for; and answers for the program.
//!
//! Not here: the welcome (`entry.rs`), what frames do to conversations (`catch_up.rs`), consent
//! (`consent.rs`), refusals (`refusal.rs`).

use crate::catch_up::Attached;
use crate::config::Enter;
use crate::conversation::address;
use crate::core::Core;
use crate::event::{ClientEvent, RequestId};
use crate::refusal::Refusal;
use crate::requests::Waiting;
use hubbub_protocol::frame::ServerFrame;
use hubbub_protocol::{MonoMs, RoomAddress, RoomName};

impl Core {
    pub(crate) fn handle(&mut self, now: MonoMs, frame: ServerFrame) {
        match frame {
            ServerFrame::Welcome { .. } => self.welcome(now, frame),
            ServerFrame::Joined { .. } => self.joined_frame(frame),
            ServerFrame::You { id, user, account } => self.you(id, user, account),
            ServerFrame::Left { id, room } => {
                self.requests.answer(id);
                self.left(room);
            }
            ServerFrame::Sent { id, position, time, repeated } => match self.requests.answer(id) {
                Some(Waiting::Send { local }) => self.sent(local, position, time, repeated),
                _ => self.violations += 1,
            },
            ServerFrame::Message { target, event } => self.message(&target, event),
            ServerFrame::Page { room_id, events } => self.page(room_id, events),
            ServerFrame::Live { head } => self.live(head),
            ServerFrame::Member { room, user, change, members } => {
                self.count(&room, members);
                self.events.push_back(ClientEvent::Member { room, user, change, members });
            }
            ServerFrame::Count { room, members } => {
                self.count(&room, members);
                self.events.push_back(ClientEvent::Count { room, members });
            }
            ServerFrame::Error { id, code, next, text, suggestion, wait_ms } => {
                let refusal = Refusal { code, next, text, wait_ms };
                self.refused(now, id, refusal, suggestion);
            }
            ServerFrame::Announcement { text, by } => {
                self.events.push_back(ClientEvent::Announced { text, by });
            }
            ServerFrame::Warning { code, text } => {
                self.events.push_back(ClientEvent::Warned { code, text });
            }
            ServerFrame::Close { code, next, text } => self.closed(code, next, text),
            ServerFrame::Renamed { room, user, old } => {
                self.events.push_back(ClientEvent::Renamed { room, user, old });
            }
            ServerFrame::Link { user, state } => self.link(user, state),
            ServerFrame::LinkRenamed { user, old } => self.link_renamed(user, old),
            ServerFrame::Invited { room, from } => {
                self.events.push_back(ClientEvent::Invited { room, from });
            }
            ServerFrame::Declined { room, user } => {
                self.events.push_back(ClientEvent::Declined { room, user });
            }
            ServerFrame::Typing { target, from } => self.typing_there(&target, from),
            ServerFrame::Away { room, user, text } => {
                self.events.push_back(ClientEvent::Away { room, user, text });
            }
            ServerFrame::Kicked { room, by, reason, banned } => {
                self.kicked(room, by, reason, banned);
            }
            ServerFrame::Highlights { words } => {
                self.called_by(words.clone());
                self.events.push_back(ClientEvent::Highlights { words });
            }
            ServerFrame::Entered { room } => self.entered(room),
            ServerFrame::Gone { room } => self.gone(room),
            ServerFrame::Marked { target, seq } => match address(&target) {
                Ok(conversation) => {
                    self.events.push_back(ClientEvent::Marked { conversation, seq });
                }
                Err(_) => self.violations += 1,
            },
            ServerFrame::Drafted { target, text } => match address(&target) {
                Ok(conversation) => {
                    self.events.push_back(ClientEvent::Drafted { conversation, text });
                }
                Err(_) => self.violations += 1,
            },
            ServerFrame::Done { id } => match (self.requests.answer(id), id) {
                (Some(Waiting::Asked), Some(id)) => self.done(id),
                (Some(Waiting::NewPassword { password }), Some(id)) => {
                    self.config.enter = Enter::Password(password);
                    self.done(id);
                }
                (Some(Waiting::Highlights { words }), Some(id)) => {
                    self.called_by(words);
                    self.done(id);
                }
                _ => self.violations += 1,
            },
            ServerFrame::Logins { id, .. }
            | ServerFrame::Links { id, .. }
            | ServerFrame::History { id, .. }
            | ServerFrame::Rooms { id, .. }
            | ServerFrame::Members { id, .. }
            | ServerFrame::Users { id, .. }
            | ServerFrame::Info { id, .. }
            | ServerFrame::Roles { id, .. }
            | ServerFrame::Restrictions { id, .. }
            | ServerFrame::Found { id, .. }
            | ServerFrame::Admin { id, .. }
            | ServerFrame::Pong { id, .. } => match (self.requests.answer(id), id) {
                (Some(Waiting::Asked), Some(id)) => self.answered(RequestId(id), frame),
                (Some(Waiting::KeepAlive), _) => {}
                _ => self.violations += 1,
            },
        }
    }

    fn joined_frame(&mut self, frame: ServerFrame) {
        let ServerFrame::Joined {
            id,
            target,
            head,
            catch_up,
            retention,
            members,
            created,
            read,
            draft,
            info,
        } = frame
        else {
            return;
        };
        let attached = Attached { head, catch_up, retention, members, created, info, read, draft };
        match (self.requests.answer(id), address(&target)) {
            (Some(Waiting::Join { conversation, asked }), Ok(name)) => {
                self.joined(conversation, asked, name, attached);
            }
            (Some(Waiting::Group { room }), Ok(name @ RoomAddress::Room(_))) => {
                self.group_made(room, name, attached);
                id.into_iter().for_each(|id| self.done(id));
            }
            _ => self.violations += 1,
        }
    }

    fn group_made(&mut self, room: RoomName, name: RoomAddress, attached: Attached) {
        let asked = RoomAddress::Room(room.clone());
        match self.open(&name) {
            Some(id) => {
                if let Some(conversation) = self.conversations.get_mut(id) {
                    conversation.wanted = true;
                }
                self.joined(id, asked.into(), name, attached);
            }
            // It can't be followed here, with as many rooms as there may be.
            None => self.start_leave(room),
        }
    }

    fn done(&mut self, id: u64) {
        self.events.push_back(ClientEvent::Done { request: RequestId(id) });
    }

    fn answered(&mut self, request: RequestId, frame: ServerFrame) {
        let event = match frame {
            ServerFrame::History { target, events, more, reactions, .. } => {
                let Ok(conversation) = address(&target) else {
                    self.violations += 1;
                    self.events.push_back(ClientEvent::RequestLost { request });
                    return;
                };
                ClientEvent::HistoryPage { request, conversation, events, more, reactions }
            }
            ServerFrame::Rooms { rooms, next, .. } => {
                ClientEvent::RoomList { request, rooms, next }
            }
            ServerFrame::Members { room, members, count, next, .. } => {
                ClientEvent::MemberList { request, room, members, count, next }
            }
            ServerFrame::Users { users, count, next, .. } => {
                ClientEvent::UserList { request, users, count, next }
            }
            ServerFrame::Info { room, info, .. } => ClientEvent::Info { request, room, info },
            ServerFrame::Roles { room, roles, next, .. } => {
                ClientEvent::RoleList { request, room, roles, next }
            }
            ServerFrame::Restrictions { room, restrictions, next, .. } => {
                ClientEvent::RestrictionList { request, room, restrictions, next }
            }
            ServerFrame::Found { hits, next, behind, .. } => {
                ClientEvent::Found { request, hits, next, behind }
            }
            ServerFrame::Admin { lines, .. } => ClientEvent::Managed { request, lines },
            ServerFrame::Pong { time, .. } => ClientEvent::Pong { request, time },
            ServerFrame::Logins { logins, .. } => ClientEvent::LoginList { request, logins },
            ServerFrame::Links { links, next, .. } => {
                self.links_listed(&links);
                ClientEvent::LinkList { request, links, next }
            }
            _ => return,
        };
        self.events.push_back(event);
    }

    pub(crate) fn left(&mut self, room: RoomName) {
        if let Some(id) = self.conversations.find(&RoomAddress::Room(room.clone())) {
            // Unless it was joined again while the answer was on its way.
            if self.conversations.get(id).is_some_and(|conversation| !conversation.wanted) {
                self.conversations.remove(id);
                self.outbox.set_slow(&room, false);
            }
        }
        self.events.push_back(ClientEvent::Left { room });
    }

    fn count(&mut self, room: &RoomName, members: u32) {
        let id = self.conversations.find(&RoomAddress::Room(room.clone()));
        if let Some(conversation) = id.and_then(|id| self.conversations.get_mut(id)) {
            conversation.members = members;
        }
    }
}

//! Every frame of the server, and what it is for; the welcome, and answers for the program.
//!
//! Not here: what frames do to conversations (`catch_up.rs`), refusals (`refusal.rs`).

use crate::catch_up::Attached;
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
            ServerFrame::Welcome { id, .. } => {
                self.requests.answer(id);
                self.welcome(now, frame);
            }
            ServerFrame::Joined { id, target, head, catch_up, retention, members, created } => {
                let waiting = self.requests.answer(id);
                let (Some(Waiting::Join { conversation, asked }), Ok(name)) =
                    (waiting, address(&target))
                else {
                    self.violations += 1;
                    return;
                };
                let attached = Attached { head, catch_up, retention, members, created };
                self.joined(conversation, asked, name, attached);
            }
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
            ServerFrame::Error { id, code, next, text, suggestion } => {
                self.refused(now, id, Refusal { code, next, text }, suggestion);
            }
            ServerFrame::Close { code, next, text } => {
                self.session.told(next);
                self.events.push_back(ClientEvent::Closed { code, next, text });
            }
            ServerFrame::History { id, .. }
            | ServerFrame::Rooms { id, .. }
            | ServerFrame::Members { id, .. }
            | ServerFrame::Users { id, .. }
            | ServerFrame::Pong { id, .. } => match (self.requests.answer(id), id) {
                (Some(Waiting::Asked), Some(id)) => self.answered(RequestId(id), frame),
                (Some(Waiting::KeepAlive), _) => {}
                _ => self.violations += 1,
            },
        }
    }

    fn welcome(&mut self, now: MonoMs, frame: ServerFrame) {
        let ServerFrame::Welcome {
            user,
            resume,
            resumed,
            server,
            epoch,
            lobby,
            rooms,
            privates,
            limits,
            ..
        } = frame
        else {
            return;
        };
        self.session.welcomed(now);
        self.session.in_flight_max = u64::from(limits.sends_in_flight);
        self.session.token = Some(resume);
        self.session.user = Some(user.clone());
        self.events.push_back(ClientEvent::Connected { user, resumed, server, epoch, lobby });
        let rooms = rooms.into_iter().map(RoomAddress::Room);
        let privates = privates.into_iter().map(RoomAddress::User);
        self.attach_all(rooms.chain(privates).collect());
    }

    fn answered(&mut self, request: RequestId, frame: ServerFrame) {
        let event = match frame {
            ServerFrame::History { target, events, more, .. } => {
                let Ok(conversation) = address(&target) else {
                    self.violations += 1;
                    self.events.push_back(ClientEvent::RequestLost { request });
                    return;
                };
                ClientEvent::HistoryPage { request, conversation, events, more }
            }
            ServerFrame::Rooms { rooms, next, .. } => {
                ClientEvent::RoomList { request, rooms, next }
            }
            ServerFrame::Members { room, members: users, count, next, .. } => {
                ClientEvent::UserList { request, room: Some(room), users, count, next }
            }
            ServerFrame::Users { users, count, next, .. } => {
                ClientEvent::UserList { request, room: None, users, count, next }
            }
            ServerFrame::Pong { time, .. } => ClientEvent::Pong { request, time },
            _ => return,
        };
        self.events.push_back(event);
    }

    /// After a welcome: joins what is wanted, and leaves what was left while there was no session.
    fn attach_all(&mut self, present: Vec<RoomAddress>) {
        let mut present_ids = Vec::new();
        for name in &present {
            match self.conversations.find(name) {
                None if self.config.follow => {
                    self.open(name);
                }
                found => present_ids.extend(found),
            }
        }
        for id in self.conversations.ids() {
            let Some(conversation) = self.conversations.get(id) else { continue };
            match (&conversation.address, conversation.wanted) {
                (RoomAddress::Room(room), false) if present_ids.contains(&id) => {
                    self.start_leave(room.clone());
                }
                (RoomAddress::Room(room), false) => self.left(room.clone()),
                (_, _) => self.start_join(id),
            }
        }
    }

    pub(crate) fn left(&mut self, room: RoomName) {
        if let Some(id) = self.conversations.find(&RoomAddress::Room(room.clone())) {
            // Unless it was joined again while the answer was on its way.
            if self.conversations.get(id).is_some_and(|conversation| !conversation.wanted) {
                self.conversations.remove(id);
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

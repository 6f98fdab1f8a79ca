//! `rooms`, `members`, `users`: lists, a page at a time, so that no answer is unbounded.

use super::Caller;
use crate::hub::Hub;
use crate::{Refusal, Reply};
use hubbub_protocol::frame::RoomEntry;
use hubbub_protocol::{RoomName, UserId, limits};
use std::ops::Bound;

const PAGE: usize = limits::PAGE as usize;

impl Hub {
    /// Groups that the user is not in are not listed.
    pub(crate) fn list_rooms(&self, caller: &Caller, after: Option<&str>) -> Reply {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = self.room_names.range::<str, _>((from, Bound::Unbounded)).peekable();
        let mut rooms = Vec::new();
        let mut last = None;
        for (key, id) in found.by_ref().take(PAGE) {
            last = Some(key);
            let Some(room) = self.rooms.get(id) else { continue };
            let Some(name) = room.name() else { continue };
            if room.owner().is_some() && !room.members.contains(&caller.user) {
                continue;
            }
            rooms.push(RoomEntry {
                room: name.clone(),
                members: room.count(),
                retention: room.record.retention,
            });
        }
        let next = found.peek().and(last).cloned();
        Reply::Rooms { rooms, next }
    }

    pub(crate) fn list_members(
        &self,
        caller: &Caller,
        name: &RoomName,
        after: Option<&str>,
    ) -> Result<Reply, Refusal> {
        let room = self.joined_room(caller.user, name)?;
        let after = after.and_then(|cursor| cursor.parse().ok()).map_or(UserId(0), UserId);
        let mut found = room.members.range((Bound::Excluded(after), Bound::Unbounded)).peekable();
        let mut members = Vec::new();
        let mut last = None;
        for id in found.by_ref().take(PAGE) {
            last = Some(*id);
            members.extend(self.users.get(id).map(crate::user::User::author));
        }
        let next = found.peek().and(last).map(|id| id.to_string());
        let room_name = room.name().unwrap_or(name).clone();
        Ok(Reply::Members { room: room_name, members, count: room.count(), next })
    }

    pub(crate) fn list_users(&self, after: Option<&str>) -> Reply {
        let mut found = self.names.after(after).peekable();
        let mut users = Vec::new();
        let mut last = None;
        for (key, id) in found.by_ref().take(PAGE) {
            last = Some(key);
            users.extend(self.users.get(&id).map(crate::user::User::author));
        }
        let next = found.peek().and(last).cloned();
        let count = u32::try_from(self.names.online_count()).unwrap_or(u32::MAX);
        Reply::Users { users, count, next }
    }
}

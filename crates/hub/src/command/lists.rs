//! `rooms`, `members`, `users`: lists, a page at a time, so that no answer is unbounded.

use super::Caller;
use crate::hub::Hub;
use crate::room::Room;
use crate::{Refusal, Reply};
use hubbub_protocol::frame::{MemberEntry, RoomEntry, json_bytes};
use hubbub_protocol::{Note, RoomId, RoomName, UserId, limits};
use std::collections::BTreeMap;
use std::ops::Bound;

const PAGE: usize = limits::PAGE as usize;
/// Bytes of JSON after which a page of a list is full, so that it fits into a frame with one more entry.
pub(crate) const LIST_BYTES: usize = limits::FRAME_BYTES - 8 * 1024;
/// Bytes of an entry beside what people have written in it, at most.
pub(crate) const ENTRY_BYTES: usize = 256;

/// What a line takes in an entry, if there is one.
pub(crate) fn note_bytes(note: Option<&Note>) -> usize {
    note.map_or(0, |note| json_bytes(note.as_str()))
}

impl Hub {
    /// The rooms that everybody may know of, and those that the user is in. A hidden one that it is
    /// not in leaves no trace, not even in a cursor.
    pub(crate) fn list_rooms(&self, caller: &Caller, after: Option<&str>) -> Reply {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let is_after = |key: &str| after.is_none_or(|after| key > after);
        let listed = self.listed_rooms.range::<str, _>((from, Bound::Unbounded));
        let mut found: BTreeMap<String, RoomId> =
            listed.take(PAGE + 1).map(|(key, id)| (key.clone(), *id)).collect();
        let own = self.users.get(&caller.user).into_iter().flat_map(|user| &user.rooms);
        for id in own {
            let name = self.rooms.get(id).and_then(Room::name);
            if let Some(key) = name.map(RoomName::fold).filter(|key| is_after(key)) {
                found.insert(key, *id);
            }
        }
        let mut found = found.iter().peekable();
        let mut rooms = Vec::new();
        let (mut last, mut bytes) = (None, 0);
        for (key, id) in found.by_ref().take(PAGE) {
            last = Some(key);
            let Some(room) = self.rooms.get(id) else { continue };
            let Some(name) = room.name() else { continue };
            rooms.push(RoomEntry {
                room: name.clone(),
                members: room.count(),
                retention: room.record.retention,
                topic: room.record.settings.topic.clone(),
            });
            bytes += ENTRY_BYTES + note_bytes(room.record.settings.topic.as_ref());
            if bytes > LIST_BYTES {
                break;
            }
        }
        let next = found.peek().and(last).cloned();
        Reply::Rooms { rooms, next }
    }

    /// Whether everybody may know of a room, in the list of those.
    pub(crate) fn note_listed(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get(&id) else { return };
        let Some(name) = room.name() else { return };
        if room.is_hidden() {
            self.listed_rooms.remove(&name.fold());
        } else {
            self.listed_rooms.insert(name.fold(), id);
        }
        self.note_transcribed(id);
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
        let (mut last, mut bytes) = (None, 0);
        for id in found.by_ref().take(PAGE) {
            last = Some(*id);
            let Some(user) = self.users.get(id) else { continue };
            let (role, away) = (room.role(*id), user.away.clone());
            bytes += ENTRY_BYTES + note_bytes(away.as_ref());
            members.push(MemberEntry { user: user.author(), role, away });
            if bytes > LIST_BYTES {
                break;
            }
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

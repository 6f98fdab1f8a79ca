//! What whoever runs the server sees of it: rooms, users, connections. A page at a time, so that nobody
//! waits for a long list.

use crate::hub::Hub;
use crate::room::Room;
use crate::user::User;
use hubbub_protocol::frame::{Retention, RoomSort};
use hubbub_protocol::record::RoomKind;
use hubbub_protocol::{DoorKind, Note, RoomName, SessionId, UserName, WallMs};
use std::net::SocketAddr;
use std::ops::Bound;

/// Entries of one page.
pub(crate) const OVERVIEW_PAGE: usize = 500;
/// Names of members that are shown of one room.
const MEMBERS_SHOWN: usize = 100;

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOverview {
    /// How it is called; a room with a PIN by its label.
    pub name: RoomName,
    /// What sort it is.
    pub sort: RoomSort,
    /// Whether lists leave it out for others.
    pub secret: bool,
    /// What it keeps.
    pub retention: Retention,
    /// Who is in it now, by id: the first hundred.
    pub members: Vec<UserName>,
    /// How many are in it now.
    pub count: usize,
    /// How many accounts belong to it and are away.
    pub absent: usize,
}

/// A user who is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserOverview {
    /// Who.
    pub name: UserName,
    /// Whether it is an account.
    pub account: bool,
    /// Whether it is an admin.
    pub admin: bool,
    /// Why it is away, if it says so.
    pub away: Option<Note>,
    /// Its connections; none while it is held after one was lost.
    pub sessions: usize,
    /// The rooms that it is in.
    pub rooms: Vec<RoomName>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountOverview {
    /// Who.
    pub name: UserName,
    /// Whether it is an admin.
    pub admin: bool,
    /// Whether it is here now.
    pub online: bool,
    /// When it was made.
    pub created: WallMs,
    /// When it was here last.
    pub seen: WallMs,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOverview {
    /// Which.
    pub id: SessionId,
    /// Who, if it has said so.
    pub name: Option<UserName>,
    /// From where.
    pub peer: SocketAddr,
    /// Through which door.
    pub door: DoorKind,
    /// Whether nobody on the way can read along: it is encrypted, or within this computer.
    pub is_private: bool,
    /// Since when.
    pub since: WallMs,
}

impl Hub {
    /// Rooms by name, and the key of the next page. Private chats are not among them.
    pub(crate) fn overview_of_rooms(
        &self,
        after: Option<&str>,
    ) -> (Vec<RoomOverview>, Option<String>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = self.room_names.range::<str, _>((from, Bound::Unbounded));
        let mut rooms = Vec::new();
        let mut last = None;
        for (key, id) in found.by_ref().take(OVERVIEW_PAGE) {
            last = Some(key.clone());
            rooms.extend(self.rooms.get(id).and_then(|room| self.overview_of_room(room)));
        }
        (rooms, found.next().and(last))
    }

    /// How many private chats there are. It looks at all rooms.
    pub(crate) fn count_privates(&self) -> usize {
        self.rooms.values().filter(|room| room.sides().is_some()).count()
    }

    fn overview_of_room(&self, room: &Room) -> Option<RoomOverview> {
        let sort = match room.record.kind {
            RoomKind::Named(_) => RoomSort::Room,
            RoomKind::Group { .. } => RoomSort::Group,
            RoomKind::Pin { .. } => RoomSort::Pin,
            RoomKind::Private { .. } => return None,
        };
        let members = room.members.iter().filter_map(|user| self.users.get(user));
        Some(RoomOverview {
            name: room.name()?.clone(),
            sort,
            secret: room.is_hidden(),
            retention: room.record.retention,
            members: members.take(MEMBERS_SHOWN).map(|user| user.name.clone()).collect(),
            count: room.members.len(),
            absent: room.absent.len(),
        })
    }

    /// Who is online, by name, and the key of the next page.
    pub(crate) fn overview_of_users(
        &self,
        after: Option<&str>,
    ) -> (Vec<UserOverview>, Option<String>) {
        let mut found = self.names.after(after);
        let mut users = Vec::new();
        let mut last = None;
        for (key, id) in found.by_ref().take(OVERVIEW_PAGE) {
            last = Some(key.clone());
            users.extend(self.users.get(&id).map(|user| self.overview_of_user(user)));
        }
        (users, found.next().and(last))
    }

    fn overview_of_user(&self, user: &User) -> UserOverview {
        let rooms = user.rooms.iter().filter_map(|room| self.rooms.get(room)?.name().cloned());
        UserOverview {
            name: user.name.clone(),
            account: user.is_account(),
            admin: self.is_admin(user.id),
            away: user.away.clone(),
            sessions: user.sessions.len(),
            rooms: rooms.collect(),
        }
    }

    /// All accounts, in no order: whoever asks sorts them, while the hub does something else.
    pub(crate) fn overview_of_accounts(&self) -> Vec<AccountOverview> {
        let accounts = self.users.values().filter_map(|user| Some((user, user.account.as_ref()?)));
        accounts
            .map(|(user, account)| AccountOverview {
                name: user.name.clone(),
                admin: account.admin,
                online: user.is_present,
                created: account.created,
                seen: account.seen,
            })
            .collect()
    }

    pub(crate) fn overview_of_session(&self, id: SessionId) -> Option<SessionOverview> {
        let session = self.sessions.get(&id)?;
        let user = session.user.and_then(|user| self.users.get(&user));
        Some(SessionOverview {
            id,
            name: user.map(|user| user.name.clone()),
            peer: session.arrival.peer,
            door: session.arrival.door,
            is_private: session.arrival.is_private,
            since: session.since,
        })
    }
}

//! What the rules say of who is out of a room and who may change it, on its own: told by what comes
//! out of the hub, it does not ask how the hub decides.

use hubbub_hub::*;
use hubbub_protocol::record::{Record, Snapshot};
use hubbub_protocol::room::RestrictionRecord;
use hubbub_protocol::*;
use std::collections::{BTreeMap, HashMap, HashSet};

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) admins: HashSet<UserId>,
    /// Bans of rooms that are kept, by id.
    bans: BTreeMap<u64, RestrictionRecord>,
    /// Who was sent out and has not asked to come in again.
    expelled: HashSet<(UserId, RoomId)>,
}

/// 0: a member; then voice, operator, owner; 4: an admin.
pub(crate) fn rank_of(role: Option<Role>) -> u8 {
    match role {
        None => 0,
        Some(Role::Voice) => 1,
        Some(Role::Operator) => 2,
        Some(Role::Owner) => 3,
    }
}

/// Who it is that something is said of.
pub(crate) struct Person<'a> {
    pub(crate) id: UserId,
    pub(crate) name: Option<&'a UserName>,
    pub(crate) addresses: Vec<std::net::IpAddr>,
    pub(crate) role: Option<Role>,
}

impl Model {
    /// A server that begins with this.
    pub(crate) fn begin(&mut self, snapshot: &Snapshot) {
        let accounts = snapshot.accounts.iter().filter(|(account, _)| account.admin);
        self.admins = accounts.map(|(account, _)| account.id).collect();
        self.bans.clear();
        for restriction in &snapshot.restrictions {
            self.saw(&Record::Restriction(restriction.clone()));
        }
        self.expelled.clear();
    }

    /// Something is to be kept.
    pub(crate) fn saw(&mut self, record: &Record) {
        match record {
            Record::Account(account) if account.admin => drop(self.admins.insert(account.id)),
            Record::Account(account) => drop(self.admins.remove(&account.id)),
            Record::Restriction(known) if known.kind == RestrictionKind::Ban => {
                self.bans.insert(known.id, known.clone());
            }
            Record::RestrictionGone(id) => drop(self.bans.remove(id)),
            Record::RoomGone(id) => self.bans.retain(|_, ban| ban.room != *id),
            _ => {}
        }
    }

    pub(crate) fn sent_out(&mut self, user: UserId, room: RoomId) {
        self.expelled.insert((user, room));
    }

    /// Somebody asks to come in somewhere.
    pub(crate) fn asked_in(&mut self, user: UserId) {
        self.expelled.retain(|(out, _)| *out != user);
    }

    pub(crate) fn is_out(&self, user: UserId, room: RoomId) -> bool {
        self.expelled.contains(&(user, room))
    }

    pub(crate) fn rank(&self, user: UserId, role: Option<Role>) -> u8 {
        if self.admins.contains(&user) { 4 } else { rank_of(role) }
    }

    /// The ban that should have kept somebody out.
    pub(crate) fn ban(&self, person: &Person<'_>, room: RoomId, now: WallMs) -> Option<String> {
        if self.rank(person.id, person.role) >= 2 {
            return None;
        }
        let is_meant = |whom: &Restricted| match whom {
            Restricted::Account(id) | Restricted::Guest(id) => *id == person.id,
            Restricted::Pattern(pattern) => {
                person.name.is_some_and(|name| pattern.fits(&name.into()))
            }
            Restricted::Network(net) => person.addresses.iter().any(|from| net.contains(from)),
        };
        let counts = |ban: &&RestrictionRecord| {
            ban.room == room && ban.until.is_none_or(|until| until > now) && is_meant(&ban.whom)
        };
        self.bans.values().find(counts).map(|ban| format!("{ban:?}"))
    }

    /// Whether somebody may change what this command changes in a room where these have roles.
    pub(crate) fn may(
        &self,
        me: UserId,
        command: &Command,
        roles: &HashMap<UserId, Role>,
        named: impl Fn(&UserName) -> Option<UserId>,
    ) -> bool {
        let rank = |user: UserId| self.rank(user, roles.get(&user).copied());
        let is_above = |name: &UserName| {
            let Some(other) = named(name) else { return true };
            let (mine, theirs) = (rank(me), rank(other));
            mine > theirs || theirs == 0 || mine == 4
        };
        match command {
            Command::Set { setting: Setting::Change(RoomChange::Retention { .. }), .. } => {
                rank(me) >= 3
            }
            Command::Set { .. } | Command::Lift { .. } | Command::Restrictions { .. } => {
                rank(me) >= 2
            }
            Command::Kick { name, .. } => rank(me) >= 2 && is_above(name),
            Command::Restrict { whom: Whom::User(name) | Whom::AddressOf(name), .. } => {
                rank(me) >= 2 && is_above(name)
            }
            Command::Restrict { .. } => rank(me) >= 2,
            Command::Role { name, role, .. } => {
                let other = named(name);
                let before = other.and_then(|other| roles.get(&other).copied());
                let touches = rank_of(*role).max(rank_of(before));
                match other {
                    Some(other) if other == me => rank(me) >= 2 && rank_of(*role) <= rank(me),
                    Some(_) => rank(me) >= if touches >= 2 { 3 } else { 2 },
                    // A name that the test does not know: perhaps one's own.
                    None => rank(me) >= 2,
                }
            }
            _ => true,
        }
    }
}

/// Whether a command is one of those that [`Model::may`] knows, and where.
pub(crate) fn place_of(command: &Command) -> Option<&RoomName> {
    match command {
        Command::Set { room, .. }
        | Command::Lift { room, .. }
        | Command::Restrictions { room, .. }
        | Command::Kick { room, .. }
        | Command::Restrict { room, .. }
        | Command::Role { room, .. } => Some(room),
        _ => None,
    }
}

/// How a room is called.
pub(crate) fn name_of(kind: &record::RoomKind) -> Option<&RoomName> {
    match kind {
        record::RoomKind::Named(name)
        | record::RoomKind::Group { name, .. }
        | record::RoomKind::Pin { name, .. } => Some(name),
        record::RoomKind::Private { .. } => None,
    }
}

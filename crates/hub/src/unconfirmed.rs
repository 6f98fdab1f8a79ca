//! Shortens what waits to be known as durable: of what was said of one thing several times, only the
//! last counts. So a store that fails for long makes the list no longer than the state is large.

use crate::Ticket;
use hubbub_protocol::record::Record;
use hubbub_protocol::{InviteId, LoginId, RoomId, UserId};
use std::collections::{HashMap, VecDeque};

/// What a record is about, where a later one replaces an earlier one.
#[derive(PartialEq, Eq, Hash)]
enum About {
    Room(RoomId),
    Account(UserId),
    Credentials(UserId),
    Login(LoginId),
    Place(UserId, RoomId),
    Request(UserId, UserId, Option<RoomId>),
    Block(UserId, UserId),
    Invite(InviteId),
    Role(RoomId, UserId),
    Restriction(u64),
    Expiry(RoomId),
    Trim,
}

fn about(record: &Record) -> Option<About> {
    Some(match record {
        Record::Room(room) => About::Room(room.id),
        Record::Account(account) => About::Account(account.id),
        Record::Credentials { user, .. } => About::Credentials(*user),
        Record::Login(login) => About::Login(login.id),
        Record::LoginGone(login) => About::Login(*login),
        Record::Place(place) => About::Place(place.user, place.room),
        Record::PlaceGone { user, room } => About::Place(*user, *room),
        Record::Request(request) | Record::RequestGone(request) => {
            About::Request(request.from, request.to, request.group)
        }
        Record::Block { user, blocked, .. } => About::Block(*user, *blocked),
        Record::Invite(invite) => About::Invite(invite.id),
        Record::InviteGone(invite) => About::Invite(*invite),
        Record::AuditTrim { .. } => About::Trim,
        Record::Role { room, user, .. } => About::Role(*room, *user),
        Record::Restriction(restriction) => About::Restriction(restriction.id),
        Record::RestrictionGone(id) => About::Restriction(*id),
        Record::Trim { room, .. } => About::Expiry(*room),
        Record::RoomGone(_) | Record::Event { .. } | Record::Audit(_) => return None,
    })
}

/// The last record about something takes the place of the first, so that nothing comes before what it
/// builds on. It counts as confirmed when the last one is: an entry's ticket is that of the last.
pub(crate) fn condense(list: &mut VecDeque<(Ticket, Record)>) {
    let mut first: HashMap<About, usize> = HashMap::new();
    let mut kept: Vec<(Ticket, Record)> = Vec::new();
    for (ticket, record) in list.drain(..) {
        if matches!(record, Record::RoomGone(_)) {
            // One that kept nothing for a while comes again under its id: what is said of it from
            // here on must not come before this.
            first.clear();
        }
        let at = about(&record).map(|about| *first.entry(about).or_insert(kept.len()));
        match at.and_then(|at| kept.get_mut(at)) {
            // A name may have been another account's in between: both stay where they are.
            Some((_, known)) if renames(known, &record) => {
                if let Some(about) = about(&record) {
                    first.insert(about, kept.len());
                }
                kept.push((ticket, record));
            }
            Some(known) => *known = (ticket, record),
            None => kept.push((ticket, record)),
        }
    }
    list.extend(kept);
}

fn renames(before: &Record, record: &Record) -> bool {
    match (before, record) {
        (Record::Account(before), Record::Account(account)) => before.name != account.name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::Role;

    #[test]
    fn the_last_word_counts_but_not_from_before_its_room_was_gone() {
        let role = |role| Record::Role { room: RoomId(1), user: UserId(2), role };
        let records = [
            role(Some(Role::Voice)),
            role(Some(Role::Operator)),
            Record::RoomGone(RoomId(1)),
            role(Some(Role::Voice)),
            role(Some(Role::Owner)),
        ];
        let mut list: VecDeque<_> =
            records.into_iter().enumerate().map(|(at, r)| (Ticket(at as u64), r)).collect();
        condense(&mut list);
        let words: Vec<String> = list.iter().map(|(at, r)| format!("{} {r:?}", at.0)).collect();
        let kept = [
            "1 Role { room: RoomId(1), user: UserId(2), role: Some(Operator) }",
            "2 RoomGone(RoomId(1))",
            "4 Role { room: RoomId(1), user: UserId(2), role: Some(Owner) }",
        ];
        assert_eq!(words, kept);
    }
}

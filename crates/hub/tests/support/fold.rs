//! A store of the simplest kind: what the records amount to.

use hubbub_hub::{LoadedMessage, PageRead};
use hubbub_protocol::record::{Record, Snapshot, StoredRoom};
use hubbub_protocol::{Body, Epoch, Event, Position, Reaction, RoomId, Seq, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// What a hub begins with after these records. Panics where a store with foreign keys would refuse.
pub(crate) fn fold(records: &[Record]) -> Snapshot {
    let mut rooms = BTreeMap::new();
    let mut accounts = BTreeMap::new();
    let mut credentials = BTreeMap::new();
    let mut logins = BTreeMap::new();
    let mut places = BTreeMap::new();
    let mut requests = BTreeMap::new();
    let mut blocks = BTreeSet::new();
    let mut invites = BTreeMap::new();
    let mut roles = BTreeMap::new();
    let mut restrictions = BTreeMap::new();
    for record in records {
        match record.clone() {
            Record::Room(room) => {
                let stored = rooms.entry(room.id).or_insert_with(|| StoredRoom {
                    record: room.clone(),
                    head_epoch: Epoch(0),
                    head_seq: Seq(0),
                    floor: Seq(0),
                });
                stored.record = room;
            }
            Record::Event { event, .. } => {
                let stored: &mut StoredRoom =
                    rooms.get_mut(&event.room).expect("an event's room is known");
                assert_eq!(event.seq, stored.head_seq.next(), "numbers without gaps");
                stored.head_seq = event.seq;
                stored.head_epoch = event.epoch;
            }
            Record::Trim { room, upto } => {
                let stored: &mut StoredRoom = rooms.get_mut(&room).expect("a known room");
                stored.floor = stored.floor.max(upto);
                stored.head_seq = stored.head_seq.max(upto);
            }
            Record::Role { room, user, role: Some(role) } => {
                assert!(accounts.contains_key(&user), "a role of a known account");
                assert!(rooms.contains_key(&room), "a role in a known room");
                roles.insert((room, user), role);
            }
            Record::Role { room, user, role: None } => {
                roles.remove(&(room, user));
            }
            Record::Restriction(restriction) => {
                let is_known =
                    restriction.room == RoomId::EVERYWHERE || rooms.contains_key(&restriction.room);
                assert!(is_known, "a restriction in a known room");
                restrictions.insert(restriction.id, restriction);
            }
            Record::RestrictionGone(id) => {
                restrictions.remove(&id);
            }
            Record::RoomGone(id) => {
                rooms.remove(&id);
                roles.retain(|(room, _), _| *room != id);
                restrictions.retain(|_, restriction| restriction.room != id);
                places.retain(|(_, room), _| *room != id);
                requests.retain(|(_, _, group), _| *group != Some(id));
            }
            Record::Account(account) => {
                assert!(credentials.contains_key(&account.id), "an account that can be proved");
                accounts.insert(account.id, account);
            }
            Record::Credentials { user, credentials: all } => {
                credentials.insert(user, all);
            }
            Record::Login(login) => {
                assert!(accounts.contains_key(&login.user), "a login of a known account");
                logins.insert(login.id, login);
            }
            Record::LoginGone(login) => {
                logins.remove(&login);
            }
            Record::Place(place) => {
                assert!(accounts.contains_key(&place.user), "a place of a known account");
                assert!(rooms.contains_key(&place.room), "a place in a known room");
                places.insert((place.user, place.room), place);
            }
            Record::PlaceGone { user, room } => {
                places.remove(&(user, room));
            }
            Record::Request(request) => {
                assert!(accounts.contains_key(&request.from), "a request of a known account");
                assert!(accounts.contains_key(&request.to), "a request to a known account");
                let is_known = request.group.is_none_or(|group| rooms.contains_key(&group));
                assert!(is_known, "a request into a known group");
                requests.insert((request.from, request.to, request.group), request);
            }
            Record::RequestGone(request) => {
                requests.remove(&(request.from, request.to, request.group));
            }
            Record::Block { user, blocked, on: true } => {
                blocks.insert((user, blocked));
            }
            Record::Block { user, blocked, on: false } => {
                blocks.remove(&(user, blocked));
            }
            Record::Invite(invite) => {
                invites.insert(invite.id, invite);
            }
            Record::InviteGone(invite) => {
                invites.remove(&invite);
            }
            Record::Audit(_) | Record::AuditTrim { .. } => {}
        }
    }
    // A server that was cut off between two batches may have stored an account alone.
    let account = |account: hubbub_protocol::account::AccountRecord| {
        let all = credentials.get(&account.id).cloned().unwrap_or_else(|| Vec::new().into());
        (account, all)
    };
    Snapshot {
        rooms: rooms.into_values().collect(),
        accounts: accounts.into_values().map(account).collect(),
        logins: logins.into_values().collect(),
        places: places.into_values().collect(),
        requests: requests.into_values().collect(),
        blocks: blocks.into_iter().collect(),
        invites: invites.into_values().collect(),
        roles: roles.into_iter().map(|((room, user), role)| (room, user, role)).collect(),
        restrictions: restrictions.into_values().collect(),
    }
}

/// A short page as a store would read it after these records; texts stay as they were said.
pub(crate) fn page(records: &[Record], after: Position) -> PageRead {
    let mut events: Vec<Event> = Vec::new();
    for record in records {
        match record {
            Record::Event { event, .. } if event.room == after.room => {
                events.push(Event::clone(event));
            }
            Record::Trim { room, upto } if *room == after.room => {
                events.retain(|event| event.seq > *upto);
            }
            Record::RoomGone(room) if *room == after.room => events.clear(),
            _ => {}
        }
    }
    if after.seq > Seq(0) && !events.iter().any(|event| event.position() == after) {
        return PageRead::Diverged;
    }
    PageRead::Events(events.into_iter().filter(|event| event.seq > after.seq).take(3).collect())
}

/// A message as a store would give it out after these records.
pub(crate) fn message(
    records: &[Record],
    room: RoomId,
    seq: Seq,
    reacted: Option<(UserId, &Reaction)>,
) -> LoadedMessage {
    let mut found: Option<Event> = None;
    let mut reactions: BTreeSet<(Reaction, UserId)> = BTreeSet::new();
    for record in records {
        let event = match record {
            Record::Event { event, .. } if event.room == room => event,
            Record::RoomGone(gone) if *gone == room => {
                found = None;
                continue;
            }
            Record::Trim { room: old, upto } if *old == room && *upto >= seq => {
                found = None;
                continue;
            }
            _ => continue,
        };
        if event.seq == seq {
            found = Some(Event::clone(event));
            continue;
        }
        let Some(message) = found.as_mut() else { continue };
        match &event.body {
            Body::Edit { of, text: Some(text) } if *of == seq => {
                if let Some(said) = message.body.said_mut() {
                    said.text = text.clone();
                    said.edited = Some(event.seq);
                }
            }
            Body::Delete { of } if *of == seq => message.body = Body::Deleted { by: event.seq },
            Body::React { of, reaction, on } if *of == seq => {
                let key = (reaction.clone(), event.from.id);
                if *on {
                    reactions.insert(key)
                } else {
                    reactions.remove(&key)
                };
            }
            _ => {}
        }
    }
    let is_other = |reaction: &&Reaction| reacted.is_none_or(|(_, asked)| *reaction != asked);
    let kinds: BTreeSet<&Reaction> =
        reactions.iter().map(|(reaction, _)| reaction).filter(is_other).collect();
    let has = |(user, reaction): (UserId, &Reaction)| reactions.contains(&(reaction.clone(), user));
    match found {
        Some(event) => LoadedMessage::Here {
            event,
            reactions: kinds.len() as u32,
            has_reacted: reacted.is_some_and(has),
        },
        None => LoadedMessage::Missing,
    }
}

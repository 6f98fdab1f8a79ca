//! A store of the simplest kind: what the records amount to.

use hubbub_protocol::record::{Record, Snapshot, StoredRoom};
use hubbub_protocol::{Epoch, Seq};
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
    for record in records {
        match record.clone() {
            Record::Room(room) => {
                let stored = rooms.entry(room.id).or_insert_with(|| StoredRoom {
                    record: room.clone(),
                    head_epoch: Epoch(0),
                    head_seq: Seq(0),
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
            Record::RoomGone(id) => {
                rooms.remove(&id);
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
    }
}

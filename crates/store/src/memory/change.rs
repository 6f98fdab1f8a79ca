//! What a batch changes in memory, and how it is taken back when a record of it fails.

use super::Data;
use crate::StoreError;
use hubbub_protocol::record::Record;
use hubbub_protocol::{Body, Counter, Event, Instance, RoomId, Seq, limits};
use std::collections::BTreeMap;
use std::sync::Arc;

fn twice(what: &str) -> StoreError {
    StoreError::Backend(format!("memory: {what} is there already"))
}

type Undo = Box<dyn FnOnce(&mut Data)>;

/// A batch under way: what it changes, and how to take each change back.
pub(super) struct Change<'d> {
    data: &'d mut Data,
    undo: Vec<Undo>,
}

/// Sets or removes an entry, and returns what was there.
fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

/// The keys of a map for which something is true.
fn keys<K: Clone, V>(map: &BTreeMap<K, V>, wanted: impl Fn(&K, &V) -> bool) -> Vec<K> {
    map.iter().filter(|(key, value)| wanted(key, value)).map(|(key, _)| key.clone()).collect()
}

/// Numbers that a client gives are held to what SQLite takes.
fn fits(what: &str, number: u64) -> Result<(), StoreError> {
    match i64::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Backend(format!("memory: {what} {number} >= 2^63"))),
    }
}

impl<'d> Change<'d> {
    pub(super) fn new(data: &'d mut Data) -> Self {
        Self { data, undo: Vec::new() }
    }

    fn put<K, V>(&mut self, map: fn(&mut Data) -> &mut BTreeMap<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + 'static,
        V: 'static,
    {
        let before = put(map(self.data), key.clone(), value);
        self.undo.push(Box::new(move |data| drop(put(map(data), key, before))));
    }

    pub(super) fn take_back(self) {
        self.undo.into_iter().rev().for_each(|undo| undo(self.data));
    }

    pub(super) fn apply(&mut self, record: &Record) -> Result<(), StoreError> {
        match record {
            Record::Trim { room, upto } => {
                fits("event", upto.0)?;
                self.trim(*room, *upto);
            }
            Record::Role { room, user, role } => {
                self.put(|data| &mut data.roles, (*room, *user), *role);
            }
            Record::Restriction(restriction) => {
                let id = restriction.id;
                self.put(|data| &mut data.restrictions, id, Some(restriction.clone()));
            }
            Record::RestrictionGone(id) => self.put(|data| &mut data.restrictions, *id, None),
            Record::Room(room) => {
                let mut room = room.clone();
                if let Some(there) = self.data.rooms.get(&room.id) {
                    room.created = there.created;
                }
                self.put(|data| &mut data.rooms, room.id, Some(room));
            }
            Record::Event { event, send } => self.event(event, *send)?,
            Record::RoomGone(id) => self.room_gone(*id),
            Record::Account(account) => {
                self.put(|data| &mut data.accounts, account.id, Some(account.clone()));
            }
            Record::Credentials { user, credentials } => {
                for key in keys(&self.data.credentials, |key, _| key.0 == *user) {
                    self.put(|data| &mut data.credentials, key, None);
                }
                for credential in credentials.iter() {
                    let key = (*user, credential.kind as u8);
                    self.put(|data| &mut data.credentials, key, Some(credential.clone()));
                }
            }
            Record::Login(login) => {
                self.put(|data| &mut data.logins, login.id, Some(login.clone()));
            }
            Record::LoginGone(login) => self.put(|data| &mut data.logins, *login, None),
            Record::Place(place) => {
                fits("event", place.read.0)?;
                fits("event", place.heard.1.0)?;
                let key = (place.user, place.room);
                self.put(|data| &mut data.places, key, Some(place.clone()));
            }
            Record::PlaceGone { user, room } => {
                self.put(|data| &mut data.places, (*user, *room), None);
            }
            Record::Request(request) => {
                let key = (request.from, request.to, request.group);
                self.put(|data| &mut data.requests, key, Some(*request));
            }
            Record::RequestGone(request) => {
                let key = (request.from, request.to, request.group);
                self.put(|data| &mut data.requests, key, None);
            }
            Record::Block { user, blocked, on } => {
                self.put(|data| &mut data.blocks, (*user, *blocked), on.then_some(()));
            }
            Record::Invite(invite) => {
                self.put(|data| &mut data.invites, invite.id, Some(invite.clone()));
            }
            Record::InviteGone(invite) => self.put(|data| &mut data.invites, *invite, None),
            Record::Audit(entry) => {
                if !self.data.audit.contains_key(&entry.id) {
                    self.put(|data| &mut data.audit, entry.id, Some(entry.clone()));
                }
            }
            Record::AuditTrim { before } => {
                let old = keys(&self.data.audit, |_, entry| entry.time < *before);
                for id in old.into_iter().take(crate::AUDIT_TRIM as usize) {
                    self.put(|data| &mut data.audit, id, None);
                }
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: &Arc<Event>,
        send: Option<(Instance, Counter)>,
    ) -> Result<(), StoreError> {
        let key = (event.room, event.seq);
        if self.data.events.contains_key(&key) {
            return Err(twice(&format!("event {} of room {}", event.seq, event.room)));
        }
        fits("event", event.body.refers_to().map_or(0, |seq| seq.0))?;
        self.put(|data| &mut data.events, key, Some(event.clone()));
        let newest = self.data.order.last_key_value().map_or(0, |(place, _)| *place);
        self.put(|data| &mut data.order, newest + 1, Some(key));
        self.project(event);
        let Some(key) = send else { return Ok(()) };
        fits("counter", key.1.0)?;
        if self.data.sends.contains_key(&key) {
            return Err(twice(&format!("send {} of an instance", key.1)));
        }
        self.put(|data| &mut data.sends, key, Some((event.position(), event.time)));
        Ok(())
    }

    /// What an event does with older ones: see [`Record::Event`].
    fn project(&mut self, event: &Event) {
        let room = event.room;
        match &event.body {
            Body::Edit { of, text: Some(text) } => {
                let Some(mut said) = self.message(room, *of) else {
                    return self.blank_edit(room, event.seq, *of);
                };
                let Some(body) = said.body.said_mut() else { return };
                let before = body.edited.replace(event.seq);
                body.text = text.clone();
                self.put(|data| &mut data.events, (room, *of), Some(Arc::new(said)));
                if let Some(before) = before.filter(|before| *before != event.seq) {
                    self.blank_edit(room, before, *of);
                }
            }
            Body::Delete { of } => {
                let Some(mut said) = self.message(room, *of) else { return };
                said.body = Body::Deleted { by: event.seq };
                self.put(|data| &mut data.events, (room, *of), Some(Arc::new(said)));
                self.forget_about(room, *of);
            }
            Body::React { of, reaction, on } => {
                let key = (room, *of, reaction.clone(), event.from.id);
                let counted = self.data.reactions.contains_key(&key);
                let all = self.data.reactions_to(room, *of);
                let others = all.iter().filter(|other| *other != reaction).count();
                let is_too_much = *on && others >= limits::REACTIONS_PER_EVENT;
                if self.message(room, *of).is_some() && counted != *on && !is_too_much {
                    let value = on.then(|| (event.seq, event.from.name.clone()));
                    self.put(|data| &mut data.reactions, key, value);
                }
            }
            _ => {}
        }
    }

    /// A copy of an event that is a message, and still there.
    fn message(&self, room: RoomId, seq: Seq) -> Option<Event> {
        let event = self.data.events.get(&(room, seq))?;
        event.body.said().map(|_| (**event).clone())
    }

    /// The edit `seq` of the event `of` loses its text.
    fn blank_edit(&mut self, room: RoomId, seq: Seq, of: Seq) {
        let Some(event) = self.data.events.get(&(room, seq)) else { return };
        if matches!(event.body, Body::Edit { of: edited, .. } if edited == of) {
            let event = Event { body: Body::Edit { of, text: None }, ..(**event).clone() };
            self.put(|data| &mut data.events, (room, seq), Some(Arc::new(event)));
        }
    }

    /// All edits of an event lose their texts, and the reactions to it go.
    fn forget_about(&mut self, room: RoomId, seq: Seq) {
        for other in self.data.log(room).map(|event| event.seq).collect::<Vec<_>>() {
            self.blank_edit(room, other, seq);
        }
        for key in keys(&self.data.reactions, |key, _| (key.0, key.1) == (room, seq)) {
            self.put(|data| &mut data.reactions, key, None);
        }
    }

    fn trim(&mut self, room: RoomId, upto: Seq) {
        let old: Vec<_> = self.data.log(room).filter(|event| event.seq <= upto).cloned().collect();
        let floor = self.data.floors.get(&room).copied().unwrap_or_default();
        let last = old.last().map(|event| (event.seq, event.epoch));
        // Also where nothing was: a room that begins to keep goes on from the number that it has.
        let (seq, epoch) = last.filter(|last| last.0 > floor.0).unwrap_or(floor);
        if self.data.rooms.contains_key(&room) && floor.0 < upto {
            self.put(|data| &mut data.floors, room, Some((seq.max(upto), epoch)));
        }
        for event in old {
            self.forget_about(room, event.seq);
            self.put(|data| &mut data.events, (room, event.seq), None);
        }
    }

    fn room_gone(&mut self, id: RoomId) {
        self.put(|data| &mut data.rooms, id, None);
        self.put(|data| &mut data.floors, id, None);
        for key in keys(&self.data.reactions, |key, _| key.0 == id) {
            self.put(|data| &mut data.reactions, key, None);
        }
        for key in keys(&self.data.roles, |key, _| key.0 == id) {
            self.put(|data| &mut data.roles, key, None);
        }
        for key in keys(&self.data.restrictions, |_, restriction| restriction.room == id) {
            self.put(|data| &mut data.restrictions, key, None);
        }
        for seq in self.data.log(id).map(|event| event.seq).collect::<Vec<_>>() {
            self.put(|data| &mut data.events, (id, seq), None);
        }
        for key in keys(&self.data.places, |key, _| key.1 == id) {
            self.put(|data| &mut data.places, key, None);
        }
        for key in keys(&self.data.requests, |key, _| key.2 == Some(id)) {
            self.put(|data| &mut data.requests, key, None);
        }
    }
}

//! What rooms keep, and that the rest goes: when retention is changed, and as time passes.
//!
//! The hub knows of each room the last event that has gone (`Room::floor`). What is too old by number
//! it knows itself; what is too old by time, a reader finds.

use crate::Effect;
use crate::hub::Hub;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::Record;
use hubbub_protocol::{MonoMs, Now, RoomId, Seq, WallMs, limits};
use std::collections::BTreeSet;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// How soon the next events go when there are more than go at once, in milliseconds.
const MORE_MS: u64 = 1_000;
/// How often rooms are looked at that keep a number of events, in milliseconds.
const NUMBER_MS: u64 = 60 * 1_000;

impl Hub {
    /// A room keeps something else from now on, also of what was said before.
    pub(crate) fn keep(
        &mut self,
        now: Now,
        id: RoomId,
        retention: Retention,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let kept = room.keeps_history();
        room.record.retention = retention;
        if !kept && retention.keeps() {
            self.begin_to_keep(now, id, effects);
        } else if retention.keeps() {
            self.save_room(id, effects);
        }
        self.schedule_expiry(id, now.mono);
    }

    /// What a room without history had in memory alone is kept from now on. What was said before
    /// is not: the log begins with what comes next.
    fn begin_to_keep(&mut self, now: Now, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let members: Vec<_> = room.members.iter().chain(&room.absent).copied().collect();
        let roles: Vec<_> = room
            .order
            .iter()
            .flat_map(|order| &order.roles)
            .map(|(user, role)| (*user, *role))
            .collect();
        let restrictions = room.restrictions().to_vec();
        let inviters: BTreeSet<_> = room.invitations.iter().map(|(from, _)| *from).collect();
        room.recorded = true;
        room.may_be_recorded = true;
        room.is_being_forgotten = false;
        room.floor = room.head;
        let floor = room.floor;
        self.sequencer.save(Record::Room(room.record.clone()), effects);
        if floor > Seq(0) {
            // So that no number is given twice, whatever happens.
            self.sequencer.save(Record::Trim { room: id, upto: floor }, effects);
        }
        for member in members {
            if let Some(user) = self.users.get_mut(&member).filter(|user| user.is_account()) {
                user.ties.place(id, now.wall);
                self.save_place(member, id, effects);
            }
        }
        for (user, role) in roles {
            if self.is_account(user) {
                let record = Record::Role { room: id, user, role: Some(role) };
                self.sequencer.save(record, effects);
            }
        }
        for restriction in restrictions {
            self.sequencer.save(Record::Restriction(restriction), effects);
        }
        for inviter in inviters {
            if self.is_account(inviter) {
                self.save_requests(inviter, effects);
            }
        }
    }

    /// A room that kept something keeps nothing any more: what was kept goes from the store.
    pub(crate) fn forget_if_kept_no_more(
        &mut self,
        now: Now,
        id: RoomId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.keeps_history() || !room.may_be_recorded {
            return;
        }
        room.recorded = false;
        room.may_be_recorded = false;
        room.is_being_forgotten = true;
        room.record.settings.pinned.clear();
        self.sequencer.save(Record::RoomGone(id), effects);
        // Perhaps nobody hears it, and only what it kept kept it.
        self.note_empty(now, id);
    }

    /// A room that does not keep everything is looked at from time to time.
    pub(crate) fn schedule_expiry(&mut self, id: RoomId, due: MonoMs) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if let Some(before) = room.expiry_due.take() {
            self.expiring.remove(&(before, id));
        }
        if matches!(room.record.retention, Retention::Days(_) | Retention::Messages(_)) {
            room.expiry_due = Some(due);
            self.expiring.insert((due, id));
        }
    }

    pub(crate) fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(&(due, id)) = self.expiring.first()
            && due <= now.mono
        {
            self.expire_room(now, id, effects);
        }
    }

    fn expire_room(&mut self, now: Now, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&id) else { return };
        let has_some = room.delivered.1 > room.floor;
        match room.record.retention {
            Retention::Messages(messages) => {
                let upto = Seq(room.delivered.1.0.saturating_sub(u64::from(messages)));
                let more = self.trim(id, upto, effects);
                self.schedule_expiry(id, now.mono.plus(if more { MORE_MS } else { NUMBER_MS }));
            }
            Retention::Days(days) => {
                if has_some && self.clock_sense.is_believed(now.mono) {
                    let age = u64::from(days) * DAY_MS;
                    let before = WallMs(now.wall.0.saturating_sub(age));
                    effects.push(Effect::FindExpired { room: id, before });
                }
                self.schedule_expiry(id, now.mono.plus(limits::EXPIRY_MS));
            }
            Retention::Forever | Retention::None => self.schedule_expiry(id, now.mono),
        }
    }

    pub(crate) fn expired_found(
        &mut self,
        now: Now,
        id: RoomId,
        upto: Option<Seq>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get(&id) else { return };
        // It may keep everything by now, or the clock may have jumped while it was looked for.
        if !matches!(room.record.retention, Retention::Days(_))
            || !self.clock_sense.is_believed(now.mono)
        {
            return;
        }
        let upto = upto.unwrap_or(Seq(0)).min(room.delivered.1);
        if self.trim(id, upto, effects) {
            self.schedule_expiry(id, now.mono.plus(MORE_MS));
        }
    }

    /// Lets events go, only so many at once. Whether there are more.
    fn trim(&mut self, id: RoomId, upto: Seq, effects: &mut Vec<Effect>) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        if upto <= room.floor || self.sequencer.has_failed() {
            return upto > room.floor;
        }
        let now_upto = upto.min(Seq(room.floor.0 + limits::TRIM_EVENTS));
        room.floor = now_upto;
        let pinned = &mut room.record.settings.pinned;
        let before = pinned.len();
        pinned.retain(|seq| *seq > now_upto);
        if pinned.len() < before {
            self.save_room(id, effects);
        }
        self.sequencer.save(Record::Trim { room: id, upto: now_upto }, effects);
        now_upto < upto
    }
}

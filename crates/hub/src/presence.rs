//! Who hears of comings and goings. Cheap by rule: above a number of members nobody is told one by
//! one, so that filling a room is never quadratic.

use crate::hub::Hub;
use crate::{Delivery, Effect};
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::{Author, MonoMs, RoomId};

impl Hub {
    /// Tells a room that somebody came or went.
    pub(crate) fn announce(
        &mut self,
        room: RoomId,
        user: Author,
        change: MemberChange,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&room) else { return };
        let Some(name) = room.name().cloned() else { return };
        let members = room.count();
        // One line each, however many are there.
        let transcribed = room.transcript_of(|room| {
            let user = user.clone();
            Delivery::Member { room, user, change, members }
        });
        if room.members.len() > self.config.presence_members {
            effects.extend(transcribed);
            if !room.count_dirty {
                room.count_dirty = true;
                self.dirty_counts.push(room.id());
            }
            return;
        }
        let delivery = Delivery::Member { room: name, user, change, members };
        effects.push(Effect::Deliver { room: room.id(), delivery, except: None });
        effects.extend(transcribed);
    }

    /// Announces the counts of large rooms that changed.
    pub(crate) fn announce_counts(&mut self, now: MonoMs, effects: &mut Vec<Effect>) {
        if now < self.counts_due {
            return;
        }
        self.counts_due = now.plus(self.config.presence_count_ms);
        for id in std::mem::take(&mut self.dirty_counts) {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            room.count_dirty = false;
            let Some(name) = room.name().cloned() else { continue };
            let delivery = Delivery::Count { room: name, members: room.count() };
            effects.push(Effect::Deliver { room: id, delivery, except: None });
        }
    }
}

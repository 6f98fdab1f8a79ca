//! room → lanes: which lanes have subscribers of a room. (Lane → connections is the lane's.)
//!
//! Kept by whoever drives the hub, under the same lock, so that it agrees with the order of effects.

use hubbub_protocol::RoomId;
use rustc_hash::FxHashMap;

/// Subscribers per room and lane.
#[derive(Debug)]
pub(crate) struct Fanout {
    lanes: usize,
    rooms: FxHashMap<RoomId, Box<[u32]>>,
}

impl Fanout {
    pub(crate) fn new(lanes: usize) -> Self {
        Self { lanes, rooms: FxHashMap::default() }
    }

    pub(crate) fn subscribe(&mut self, room: RoomId, lane: usize) {
        let lanes = self.lanes;
        let counts = self.rooms.entry(room).or_insert_with(|| vec![0; lanes].into());
        counts[lane] += 1;
    }

    pub(crate) fn unsubscribe(&mut self, room: RoomId, lane: usize) {
        let Some(counts) = self.rooms.get_mut(&room) else { return };
        counts[lane] = counts[lane].saturating_sub(1);
        if counts.iter().all(|&count| count == 0) {
            self.rooms.remove(&room);
        }
    }

    /// The lanes that have subscribers of this room.
    pub(crate) fn lanes(&self, room: RoomId) -> impl Iterator<Item = usize> {
        let counts = self.rooms.get(&room).map_or(&[][..], |counts| counts);
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(lane, _)| lane)
    }
}

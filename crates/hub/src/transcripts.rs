//! Which rooms are *transcribed*: what happens there is also written to a file, for those who run the
//! server. Everybody in such a room can know it: who joins is told, and who is there when it begins.
//!
//! Private chats never are. How the files are written is the server's matter, not the hub's.

use crate::hub::Hub;
use crate::room::Room;
use crate::{Delivery, Effect, Notice};
use hubbub_protocol::{Epoch, Event, Note, RoomAddress, RoomId, RoomName};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which rooms an operator wants to be transcribed. By default, none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcripts {
    all: bool,
    /// By case-folded name.
    rooms: BTreeSet<String>,
}

impl Transcripts {
    /// These rooms, and with `all` those besides that everybody may know of: groups, rooms with a PIN and
    /// secret rooms must be named.
    #[must_use]
    pub fn of(all: bool, rooms: &[RoomName]) -> Self {
        Self { all, rooms: rooms.iter().map(RoomName::fold).collect() }
    }

    /// Whether no room can be transcribed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.rooms.is_empty()
    }

    fn has(&self, room: &Room) -> bool {
        let Some(name) = room.name().filter(|_| !self.is_empty()) else { return false };
        self.all && !room.is_hidden() || self.rooms.contains(&name.fold())
    }
}

impl Room {
    /// What is written to the room's transcript, if it has one.
    pub(crate) fn transcript_of(&self, what: impl FnOnce(RoomName) -> Delivery) -> Option<Effect> {
        let room = self.name().filter(|_| self.transcribed)?;
        Some(Effect::Transcribe { room: room.clone(), what: what(room.clone()) })
    }

    /// The same of an event.
    pub(crate) fn transcript_of_event(&self, event: &Arc<Event>) -> Option<Effect> {
        let is_of_it = (event.epoch, event.seq) >= self.transcribed_from;
        let what =
            |room| Delivery::Message { address: RoomAddress::Room(room), event: Arc::clone(event) };
        is_of_it.then(|| self.transcript_of(what)).flatten()
    }

    /// What waited did not come out, and its numbers are given again.
    pub(crate) fn note_head_taken_back(&mut self, epoch: Epoch) {
        // Elsewhere the next epoch tells apart what is said from what survived.
        if !self.keeps_history() {
            self.transcribed_from = self.transcribed_from.min((epoch, self.head.next()));
        }
    }
}

impl Hub {
    /// Finds out whether a room is transcribed: it was made, or is set up otherwise.
    pub(crate) fn note_transcribed(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let was_transcribed = room.transcribed;
        room.transcribed = self.config.transcripts.has(room);
        if room.transcribed && !was_transcribed {
            room.transcribed_from = (self.epoch, room.head.next());
        }
    }

    /// Whoever came when nothing was written of this room hears that it is from now on.
    pub(crate) fn tell_transcribed(&self, id: RoomId, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&id) else { return };
        let Some(name) = room.name() else { return };
        let text = format!(
            "from now on {name} is transcribed: what is said there is also written to a file by the \
             server, and stays there when it is deleted."
        );
        let Ok(text) = Note::parse(&text) else { return };
        for session in room.members.iter().flat_map(|user| self.listeners(*user, None)) {
            let notice = Notice::Announced { text: text.clone(), by: None };
            effects.push(Effect::Tell { session, notice });
        }
    }
}

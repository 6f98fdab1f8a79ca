//! What a client knows of one conversation: how far it has come, and the last events.
//!
//! This is where "complete, in order, each once" is decided; see [`Timeline::apply`].

use hubbub_protocol::{Event, Position, Seq};
use std::collections::VecDeque;

/// What an event meant to a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The next one: the timeline has grown.
    New,
    /// It had come before; nothing changed.
    Known,
    /// Events before it are missing, or it contradicts what is known; nothing changed.
    Gap,
}

/// A conversation's position and its last events.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    position: Option<Position>,
    events: VecDeque<Event>,
    kept_max: usize,
}

impl Timeline {
    /// Knows nothing; will keep at most `kept_max` events, 0 for the position alone.
    #[must_use]
    pub fn new(kept_max: usize) -> Self {
        Self { kept_max, ..Self::default() }
    }

    /// The place up to which everything is known, from where the timeline began.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The last events, oldest first.
    #[must_use]
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.events.iter()
    }

    /// Forgets everything and goes on behind `position`.
    pub fn begin(&mut self, position: Position) {
        self.events.clear();
        self.position = Some(position);
    }

    /// Forgets everything; the next event begins it anew.
    pub fn forget(&mut self) {
        self.events.clear();
        self.position = None;
    }

    /// The same place, as the server names it: the head of a room without events has the epoch of
    /// its first reader's login, so the epoch may differ where `seq` does not.
    pub(crate) fn confirm(&mut self, position: Position) {
        self.position = Some(position);
    }

    /// Takes an event if it is the next one. The first event of a timeline that knows nothing
    /// begins it. Place 0 is before the first event, so nothing can have happened there.
    pub fn apply(&mut self, event: &Event) -> Applied {
        if event.seq == Seq(0) {
            return Applied::Known;
        }
        if let Some(last) = self.position {
            if event.room != last.room {
                return Applied::Gap;
            }
            if event.seq <= last.seq {
                // Epochs rise along a room's log. A later one at a place that we have passed means
                // that the server's log is not the one that we followed.
                return if event.epoch > last.epoch { Applied::Gap } else { Applied::Known };
            }
            if event.seq != last.seq.next() {
                return Applied::Gap;
            }
        }
        self.position = Some(event.position());
        if self.kept_max > 0 {
            if self.events.len() == self.kept_max {
                self.events.pop_front();
            }
            self.events.push_back(event.clone());
        }
        Applied::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::{Author, Body, Epoch, RoomId, Text, UserId, UserName, WallMs};

    fn event(epoch: u32, seq: u64) -> Event {
        Event {
            room: RoomId(1),
            epoch: Epoch(epoch),
            seq: Seq(seq),
            time: WallMs(0),
            from: Author { id: UserId(1), name: UserName::parse("ann").unwrap() },
            body: Body::Text { text: Text::parse("hi").unwrap() },
        }
    }

    #[test]
    fn only_the_next_event_is_taken() {
        let mut timeline = Timeline::new(10);
        timeline.begin(event(1, 4).position());
        assert_eq!(timeline.apply(&event(1, 4)), Applied::Known);
        assert_eq!(timeline.apply(&event(1, 6)), Applied::Gap);
        assert_eq!(timeline.apply(&event(1, 5)), Applied::New);
        assert_eq!(timeline.apply(&event(1, 5)), Applied::Known);
        assert_eq!(timeline.apply(&event(3, 6)), Applied::New);
        assert_eq!(timeline.apply(&event(1, 5)), Applied::Known);
        assert_eq!(timeline.apply(&event(4, 6)), Applied::Gap, "another log");
        assert_eq!(timeline.events().count(), 2);
    }

    /// An event at place 0 once hid that a conversation had gone over to another room.
    #[test]
    fn there_is_no_event_before_the_first() {
        let mut timeline = Timeline::new(10);
        assert_eq!(timeline.apply(&event(1, 0)), Applied::Known);
        assert_eq!((timeline.position(), timeline.events().count()), (None, 0));
        assert_eq!(timeline.apply(&event(1, 1)), Applied::New);
    }

    #[test]
    fn keeping_is_bounded_and_can_be_off() {
        for (kept_max, first) in [(3, Some(98)), (0, None)] {
            let mut timeline = Timeline::new(kept_max);
            for seq in 1..=100 {
                assert_eq!(timeline.apply(&event(1, seq)), Applied::New);
            }
            assert_eq!(timeline.events().len(), kept_max);
            assert_eq!(timeline.events().next().map(|event| event.seq.0), first);
            assert_eq!(timeline.position(), Some(event(1, 100).position()));
        }
    }
}

//! What a client knows of one conversation: how far it has come, and the last events.
//!
//! The kept events are as the server would show them now: an edit gives its message the new text, a
//! deletion takes the text away. Reactions and settings are in `transcript.rs`.
//!
//! This is where "complete, in order, each once" is decided; see [`Timeline::apply`].

use crate::transcript::{amend, blank};
use hubbub_protocol::{Body, Event, Position, Seq};
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
        match &event.body {
            Body::Edit { of, text: Some(text) } => {
                if let Some(kept) = self.kept_mut(*of) {
                    amend(kept, event.from.id, event.seq, text);
                }
            }
            Body::Delete { of } => {
                if let Some(kept) = self.kept_mut(*of) {
                    blank(kept, event.seq);
                }
            }
            _ => {}
        }
        if self.kept_max > 0 {
            if self.events.len() == self.kept_max {
                self.events.pop_front();
            }
            self.events.push_back(event.clone());
        }
        Applied::New
    }

    /// They follow each other without a gap, so the place tells where one is.
    fn kept_mut(&mut self, seq: Seq) -> Option<&mut Event> {
        let first = self.events.front()?.seq;
        let at = usize::try_from(seq.0.checked_sub(first.0)?).ok()?;
        self.events.get_mut(at)
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
            body: Body::text(Text::parse("hi").unwrap()),
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
    fn what_is_kept_is_as_it_was_edited_and_deleted() {
        let mut timeline = Timeline::new(10);
        let text = |text| Text::parse(text).unwrap();
        let bob = Author { id: UserId(2), name: UserName::parse("bob").unwrap() };
        let with = |seq, body| Event { body, ..event(1, seq) };
        for event in [
            event(1, 4),
            event(1, 5),
            Event { from: bob, ..with(6, Body::Edit { of: Seq(4), text: Some(text("bob's")) }) },
            with(7, Body::Edit { of: Seq(4), text: Some(text("new")) }),
            with(8, Body::Delete { of: Seq(5) }),
            with(9, Body::Delete { of: Seq(1) }),
        ] {
            assert_eq!(timeline.apply(&event), Applied::New);
        }
        let kept: Vec<_> = timeline.events().map(|event| &event.body).collect();
        assert_eq!((kept[0].words(), kept[0].said().unwrap().edited), ("new", Some(Seq(7))));
        assert_eq!(kept[1], &Body::Deleted { by: Seq(8) });
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

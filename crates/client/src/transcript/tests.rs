//! Whatever the order of pages and stream: the transcript is the fold of the whole log.

use super::*;
use hubbub_protocol::frame::{Retention, RoomSort};
use hubbub_protocol::{Author, Epoch, RoomId, Text, UserName, WallMs};
use proptest::prelude::*;

fn author(id: u64) -> Author {
    let name = UserName::parse("user").unwrap().numbered(id as u32);
    Author { id: UserId(id), name }
}

fn event(seq: u64, from: u64, body: Body) -> Event {
    let (room, epoch, time) = (RoomId(9), Epoch(1), WallMs(seq));
    Event { room, epoch, seq: Seq(seq), time, from: author(from), body }
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn reaction(number: u64) -> Reaction {
    Reaction::parse(["+1", "ok"][(number % 2) as usize]).unwrap()
}

fn info() -> RoomInfo {
    RoomInfo {
        sort: RoomSort::Room,
        retention: Retention::Forever,
        topic: None,
        description: None,
        invite_only: false,
        key: false,
        moderated: false,
        secret: false,
        member_limit: None,
        slow_s: 0,
        pinned: Vec::new(),
        transcribed: false,
        role: None,
        created: WallMs(0),
    }
}

/// What a server keeps of a log, as clear and slow as can be.
#[derive(Default)]
struct Kept {
    events: Vec<Event>,
    /// In the order in which they came.
    reactions: Vec<(Seq, Reaction, u64)>,
    pinned: Vec<Seq>,
    topic: Option<Note>,
}

impl Kept {
    fn of(log: &[Event]) -> Self {
        let mut kept = Self::default();
        log.iter().for_each(|event| kept.add(event));
        kept
    }

    fn add(&mut self, event: &Event) {
        self.events.push(event.clone());
        let (from, seq) = (event.from.id, event.seq);
        match &event.body {
            Body::Edit { of, text: Some(text) } => {
                let message = &mut self.events[of.0 as usize - 1];
                let is_theirs = message.from.id == from;
                let Some(said) = message.body.said_mut().filter(|_| is_theirs) else { return };
                (said.text, said.edited) = (text.clone(), Some(seq));
                self.forget_edits(*of, seq);
            }
            Body::Delete { of } => {
                let message = &mut self.events[of.0 as usize - 1];
                if message.body.said().is_none() {
                    return;
                }
                message.body = Body::Deleted { by: seq };
                self.forget_edits(*of, seq);
                self.reactions.retain(|(to, ..)| to != of);
                self.pinned.retain(|pinned| pinned != of);
            }
            Body::React { of, reaction, on } => {
                let entry = (*of, reaction.clone(), from.0);
                self.reactions.retain(|known| *known != entry);
                let message = &self.events[of.0 as usize - 1];
                if *on && message.body.said().is_some() {
                    self.reactions.push(entry);
                }
            }
            Body::Pin { of, on } => {
                self.pinned.retain(|pinned| pinned != of);
                if *on {
                    self.pinned.push(*of);
                }
            }
            Body::Changed(RoomChange::Topic { topic }) => self.topic.clone_from(topic),
            _ => {}
        }
    }

    fn forget_edits(&mut self, message: Seq, before: Seq) {
        for event in self.events.iter_mut().filter(|event| event.seq < before) {
            if let Body::Edit { of, text } = &mut event.body
                && *of == message
            {
                *text = None;
            }
        }
    }

    fn users(&self, seq: Seq, reaction: &Reaction) -> Vec<u64> {
        let to = self.reactions.iter().filter(|known| known.0 == seq && known.1 == *reaction);
        to.map(|known| known.2).collect()
    }

    fn page(&self, first: usize, last: usize) -> (Vec<Event>, Vec<ReactionEntry>) {
        let events = self.events[first..last].to_vec();
        let mut entries = Vec::new();
        for (seq, number) in events.iter().flat_map(|event| [(event.seq, 0), (event.seq, 1)]) {
            let users = self.users(seq, &reaction(number));
            if !users.is_empty() {
                entries.push(ReactionEntry {
                    seq,
                    reaction: reaction(number),
                    count: users.len() as u32,
                    users: users.iter().take(5).map(|&user| author(user)).collect(),
                    mine: false,
                });
            }
        }
        (events, entries)
    }

    fn info(&self) -> RoomInfo {
        RoomInfo { pinned: self.pinned.clone(), topic: self.topic.clone(), ..info() }
    }
}

/// A log of these raw numbers, with only what a server would let happen.
fn log(raw: &[(u8, u64, u64)], users: u64) -> Vec<Event> {
    let (mut log, mut kept) = (Vec::new(), Kept::default());
    for &(kind, user, of) in raw {
        let (seq, user) = (log.len() as u64 + 1, user % users + 1);
        // Mostly about what was said just now.
        let of = Seq(seq.saturating_sub(1 + of % 12).max(1));
        let about = kept.events.get(of.0 as usize - 1);
        let is_message = about.is_some_and(|event| event.body.said().is_some());
        let body = match kind % 10 {
            3 if is_message => Body::Edit { of, text: Some(text(&format!("edit {seq}"))) },
            4 if is_message && seq % 3 == 0 => Body::Delete { of },
            5..=7 if is_message => {
                let reaction = reaction(u64::from(kind));
                let on = !kept.users(of, &reaction).contains(&user);
                Body::React { of, reaction, on }
            }
            8 if is_message => Body::Pin { of, on: !kept.pinned.contains(&of) },
            9 => Body::Changed(RoomChange::Topic {
                topic: Note::parse(&format!("topic {seq}")).ok().filter(|_| seq % 3 > 0),
            }),
            _ => Body::text(text(&format!("word {seq}"))),
        };
        log.push(event(seq, user, body));
        kept.add(&log[log.len() - 1]);
    }
    log
}

/// Whether an event is a line of its own.
fn is_entry(event: &Event) -> bool {
    !matches!(event.body, Body::Edit { .. } | Body::Delete { .. } | Body::React { .. })
}

fn check(transcript: &Transcript, log: &[Event], known: impl Iterator<Item = usize>, max: usize) {
    let kept = Kept::of(log);
    let known: std::collections::BTreeSet<_> = known.filter(|&at| is_entry(&log[at])).collect();
    let newest = known.iter().rev().take(max).rev();
    let expected: Vec<_> = newest.map(|&at| &kept.events[at]).collect();
    let entries: Vec<_> = transcript.entries().map(|entry| entry.event).collect();
    assert_eq!(entries, expected);
    assert_eq!(transcript.len(), expected.len());
    for entry in transcript.entries() {
        for number in 0..2 {
            let mut users = kept.users(entry.event.seq, &reaction(number));
            users.sort_unstable();
            let shown = entry.reactions.get(&reaction(number));
            let count = shown.map_or(0, |reacted| reacted.count() as usize);
            assert_eq!(count, users.len(), "to {}", entry.event.seq);
            let named: Vec<u64> =
                shown.into_iter().flat_map(|reacted| reacted.users()).map(|(id, _)| id.0).collect();
            assert!(named.iter().all(|user| users.contains(user)), "{named:?} {users:?}");
            if users.len() <= 5 && shown.is_some_and(|reacted| reacted.others() == 0) {
                assert_eq!(named, users, "to {}", entry.event.seq);
            }
        }
    }
    if let Some(info) = transcript.info() {
        assert_eq!((&info.pinned, &info.topic), (&kept.pinned, &kept.topic));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Pages that were read before or after what the stream has told when they arrive. With as many
    /// users as a page names, everything is exact.
    #[test]
    fn any_order_of_pages_and_stream_gives_the_fold_of_the_log(
        raw in prop::collection::vec((any::<u8>(), 0u64..5, 0u64..40), 1..60),
        joined in 0usize..60,
        pages in prop::collection::vec((0usize..60, 0usize..60, 1usize..20, 0usize..60), 0..8),
        max in prop_oneof![Just(5), Just(1000)],
    ) {
        let log = log(&raw, 5);
        let joined = joined.min(log.len());
        let mut transcript = Transcript::new(max);
        transcript.set_me(UserId(1));
        transcript.set_up(Seq(joined as u64), &Kept::of(&log[..joined]).info());
        let mut known: Vec<usize> = (joined..log.len()).collect();
        // When it arrives, when it was read, and what it shows.
        let mut pages: Vec<_> = pages
            .iter()
            .map(|&(arrives, read, size, last)| {
                let arrives = arrives.clamp(joined, log.len());
                let read = read.clamp(joined, log.len());
                let last = last.min(read);
                (arrives, read, last.saturating_sub(size)..last)
            })
            .collect();
        pages.sort_by_key(|page| page.0);
        for at in joined..=log.len() {
            for (_, read, range) in pages.iter().filter(|page| page.0 == at) {
                let (events, reactions) = Kept::of(&log[..*read]).page(range.start, range.end);
                for _ in 0..2 {
                    transcript.page(&events, &reactions);
                }
                known.extend(range.clone());
            }
            if let Some(event) = log.get(at) {
                transcript.event(event);
                transcript.event(event);
                log.get(at / 2).into_iter().filter(|_| at / 2 >= joined).for_each(|old| {
                    transcript.event(old);
                });
            }
        }
        check(&transcript, &log, known.into_iter(), max);
    }

    /// More users than a page names, and pages that show what the stream has told: the counts are
    /// exact as well.
    #[test]
    fn counts_are_right_in_a_crowd(
        raw in prop::collection::vec((any::<u8>(), 0u64..60, 0u64..3), 1..150),
        joined in 0usize..100,
        pages in prop::collection::vec((0usize..150, 1usize..20, 0usize..150), 0..8),
    ) {
        let log = log(&raw, 60);
        let joined = joined.min(log.len());
        let mut transcript = Transcript::new(1000);
        transcript.set_me(UserId(1));
        let mut known: Vec<usize> = (joined..log.len()).collect();
        for at in joined..=log.len() {
            for &(_, size, last) in pages.iter().filter(|page| page.0.max(joined) == at) {
                let range = last.min(at).saturating_sub(size)..last.min(at);
                let (events, reactions) = Kept::of(&log[..at]).page(range.start, range.end);
                transcript.page(&events, &reactions);
                known.extend(range);
            }
            log.get(at).into_iter().for_each(|event| transcript.event(event));
        }
        check(&transcript, &log, known.into_iter(), 1000);
    }
}

#[test]
fn an_edit_counts_from_the_author_alone_and_a_deletion_from_anybody() {
    let edit =
        |seq, from, words| event(seq, from, Body::Edit { of: Seq(1), text: Some(text(words)) });
    let message = event(1, 1, Body::text(text("first")));
    for message_first in [true, false] {
        let mut transcript = Transcript::new(10);
        if message_first {
            transcript.page(std::slice::from_ref(&message), &[]);
        }
        for edit in [edit(5, 1, "mine"), edit(6, 2, "theirs")] {
            transcript.event(&edit);
        }
        transcript.page(std::slice::from_ref(&message), &[]);
        assert_eq!(transcript.get(Seq(1)).unwrap().event.body.words(), "mine");
        transcript.event(&event(7, 2, Body::Delete { of: Seq(1) }));
        transcript.event(&edit(8, 1, "again"));
        transcript.page(std::slice::from_ref(&message), &[]);
        let body = &transcript.get(Seq(1)).unwrap().event.body;
        assert_eq!(body, &Body::Deleted { by: Seq(7) });
    }
}

#[test]
fn memory_is_bounded() {
    let mut transcript = Transcript::new(20);
    transcript.set_me(UserId(5));
    let mut seq = 100_000;
    let mut next = |from, body| {
        seq += 1;
        event(seq, from, body)
    };
    // About messages that nobody has shown, from a crowd, and with more reactions than there may be.
    for of in 1..2000 {
        let words = Some(text("x"));
        transcript.event(&next(1, Body::Edit { of: Seq(of), text: words }));
    }
    assert!(transcript.slots.len() <= UNSEEN_MAX);
    for _ in 0..100 {
        transcript.event(&next(1, Body::text(text("hi"))));
    }
    assert_eq!((transcript.len(), transcript.slots.len()), (20, 20));
    let of = transcript.entries().last().unwrap().event.seq;
    for user in 1..1000 {
        let on = true;
        transcript.event(&next(user, Body::React { of, reaction: reaction(0), on }));
    }
    for number in 0..1000 {
        let reaction = Reaction::parse(&format!("r{number}")).unwrap();
        transcript.event(&next(1, Body::React { of, reaction, on: true }));
    }
    let entry = transcript.get(of).unwrap();
    let crowd = &entry.reactions[&reaction(0)];
    assert_eq!((crowd.count(), crowd.is_by(UserId(5))), (999, true));
    assert!(crowd.users().count() <= 24 && entry.reactions.len() <= 40);
    for user in (1..1000).rev() {
        transcript.event(&next(user, Body::React { of, reaction: reaction(0), on: false }));
    }
    assert!(!transcript.get(of).unwrap().reactions.contains_key(&reaction(0)));
}

#[test]
fn the_room_s_settings_follow_the_stream_and_newer_answers() {
    let topic = |words| Body::Changed(RoomChange::Topic { topic: Note::parse(words).ok() });
    let mut transcript = Transcript::new(10);
    transcript.event(&event(3, 1, topic("three")));
    assert_eq!(transcript.topic(), None, "the room was not described yet");
    transcript.set_up(Seq(5), &RoomInfo { topic: Note::parse("five").ok(), ..info() });
    transcript.event(&event(4, 1, topic("four")));
    assert_eq!(transcript.topic().map(Note::as_str), Some("five"), "it had that in it");
    transcript.event(&event(6, 1, topic("six")));
    transcript.set_up(Seq(5), &info());
    assert_eq!(transcript.topic().map(Note::as_str), Some("six"));
    transcript.set_up_now(&info());
    assert_eq!(transcript.topic(), None);
    transcript.forget();
    assert_eq!((transcript.info(), transcript.len(), transcript.heard()), (None, 0, Seq(0)));
}

//! What must be true, watched from outside: the ledger of everything that was said, acknowledged
//! and seen.

use crate::acts::{Log, Mark, Ranks};
use crate::consent::Consents;
use hubbub_protocol::{Body, Epoch, Event, RoomId, Seq, Text, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// Violations of one kind that are reported.
const REPORTED_MAX: usize = 4;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Two members saw different events at one place of a room.
    Order,
    /// A session's stream of a room has a gap, a repetition, or another order (on the wire).
    Stream,
    /// Something of a room came after leaving it.
    AfterLeaving,
    /// A message reached another room.
    Crossed,
    /// An acknowledged message is not where it was acknowledged.
    Lost,
    /// A message is in the history twice.
    Doubled,
    /// What was delivered is not what the history holds.
    History,
    /// A queue grew over its cap.
    Cap,
    /// A room that keeps everything was reset for a client that had part of it.
    Reset,
    /// After all links healed, something still waits.
    Stuck,
    /// The store does not hold together.
    Store,
    /// A plain listener got messages out of order or twice.
    Plain,
    /// A private text reached somebody who has not agreed to hear its sender.
    Consent,
    /// Somebody did in a room what it may not.
    Rank,
    /// What was deleted or edited is still somewhere, or stands otherwise than it was changed.
    Deleted,
    /// A room has more than it is to keep.
    Expiry,
    /// An account that was welcomed is another one, or none, later.
    Account,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub kind: Kind,
    /// What was seen.
    pub what: String,
}

/// A message that a client wanted to say.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) room: String,
    pub(crate) acked: Option<(RoomId, Seq)>,
    pub(crate) failed: bool,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) said: BTreeMap<String, Said>,
    /// What members saw at each place.
    seen: BTreeMap<(RoomId, Seq), (Epoch, Mark)>,
    /// Who may keep order where.
    pub(crate) ranks: Ranks,
    /// Where each text was heard first.
    places: BTreeMap<String, (RoomId, Seq)>,
    /// Rooms that keep everything, by what `joined` said.
    pub(crate) durable: BTreeSet<RoomId>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) consents: Consents,
    /// Accounts that were welcomed, by name.
    accounts: BTreeMap<String, UserId>,
}

impl Ledger {
    /// Somebody was welcomed as this account.
    pub(crate) fn account(&mut self, name: &str, id: UserId) {
        let before = *self.accounts.entry(name.to_owned()).or_insert(id);
        if before != id {
            self.report(Kind::Account, format!("{name} was account {before}, and is {id} now"));
        }
    }

    /// These are in the store at the end.
    pub(crate) fn compare_accounts(&mut self, stored: &BTreeMap<UserId, String>) {
        for (name, id) in self.accounts.clone() {
            if stored.get(&id) != Some(&name) {
                let what = format!("{name} ({id}) was welcomed, and {:?} is kept", stored.get(&id));
                self.report(Kind::Account, what);
            }
        }
    }

    pub(crate) fn report(&mut self, kind: Kind, what: impl Into<String>) {
        // One bug can break everything after it: the first few of a kind tell enough.
        let same = self.violations.iter().filter(|violation| violation.kind == kind).count();
        if same < REPORTED_MAX {
            self.violations.push(Violation { kind, what: what.into() });
        }
    }

    pub(crate) fn say(&mut self, text: &str, room: &str) {
        let said = Said { room: room.to_owned(), acked: None, failed: false };
        self.said.insert(text.to_owned(), said);
    }

    pub(crate) fn acked(&mut self, text: &str, room: RoomId, seq: Seq) {
        let Some(said) = self.said.get_mut(text) else { return };
        match said.acked {
            Some(before) if before != (room, seq) => {
                let what =
                    format!("{text:?} was acknowledged at {before:?} and at {:?}", (room, seq));
                self.report(Kind::Doubled, what);
            }
            _ => said.acked = Some((room, seq)),
        }
    }

    pub(crate) fn failed(&mut self, text: &str) {
        if let Some(said) = self.said.get_mut(text) {
            said.failed = true;
        }
    }

    /// A member saw an event in a room that it calls by this name.
    pub(crate) fn saw(&mut self, room_name: &str, event: &Event) {
        let place = (event.room, event.seq);
        if let Some(text) = words(event) {
            match self.said.get(text) {
                Some(said) if said.room != room_name => {
                    let what = format!("{text:?}, said in {}, was heard in {room_name}", said.room);
                    self.report(Kind::Crossed, what);
                }
                Some(_) => {}
                None => self.report(Kind::History, format!("nobody ever said {text:?}")),
            }
            self.places.entry(text.to_owned()).or_insert(place);
        }
        let mark = Mark::of(event);
        let (epoch, before) = self.seen.entry(place).or_insert_with(|| (event.epoch, mark.clone()));
        let was = before.clone();
        if *epoch != event.epoch || !before.meet(&mark) {
            let what = format!("at {place:?} one saw {was:?} and another {mark:?}");
            self.report(Kind::Order, what);
        }
    }

    /// The place of a text that somebody saw.
    pub(crate) fn place_of(&self, text: &str) -> Option<(RoomId, Seq)> {
        self.places.get(text).copied()
    }

    /// Compares all of it with what the store holds at the end.
    /// `names` are those by which its members may have called the room; in a private chat two.
    pub(crate) fn compare(&mut self, names: &[String], log: &Log<'_>) {
        let Log { name: room_name, room, floor, events } = *log;
        self.judge_acts(log);
        let mut texts = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            let place = floor.0 + index as u64 + 1;
            if event.seq != Seq(place) {
                let what = format!("{room_name}: number {} stands at place {place}", event.seq);
                self.report(Kind::Store, what);
            }
            let Some(text) = words(event) else { continue };
            match self.said.get(text) {
                None => self.report(Kind::History, format!("{room_name}: nobody said {text:?}")),
                Some(said) if !names.contains(&said.room) => {
                    let what = format!("{text:?}, said in {}, is kept in {room_name}", said.room);
                    self.report(Kind::Crossed, what);
                }
                Some(said) if said.failed => {
                    let what = format!(
                        "{text:?} is kept, but its sender was told for good that it failed"
                    );
                    self.report(Kind::History, what);
                }
                Some(_) => {}
            }
            if event.body.said().is_none() {
                continue;
            }
            if let Some(before) = texts.insert(text.to_owned(), event.seq) {
                let what = format!("{room_name}: {text:?} stands at {before} and at {}", event.seq);
                self.report(Kind::Doubled, what);
            }
        }
        let kept: BTreeMap<Seq, &Event> = events.iter().map(|event| (event.seq, event)).collect();
        let after_floor = (room, floor.next())..=(room, Seq(u64::MAX));
        let seen: Vec<_> = self
            .seen
            .range(after_floor)
            .map(|((_, seq), (epoch, mark))| (*seq, *epoch, mark.clone()))
            .collect();
        for (seq, epoch, mut mark) in seen {
            let was = mark.clone();
            let is_it = kept
                .get(&seq)
                .is_some_and(|event| event.epoch == epoch && mark.meet(&Mark::of(event)));
            if !is_it {
                let kept = kept.get(&seq);
                let what =
                    format!("{room_name}: at {seq} {was:?} was delivered, and {kept:?} is kept");
                self.report(Kind::History, what);
            }
        }
        let acked: Vec<_> = self
            .said
            .iter()
            .filter_map(|(text, said)| {
                let (at, seq) = said.acked?;
                (at == room && seq > floor).then(|| (text.clone(), seq))
            })
            .collect();
        for (text, seq) in acked {
            let was_changed = kept.get(&seq).is_some_and(|event| match &event.body {
                Body::Deleted { .. } => true,
                body => body.said().is_some_and(|said| said.edited.is_some()),
            });
            if texts.get(&text) != Some(&seq) && !was_changed {
                let what = format!(
                    "{room_name}: {text:?} was acknowledged at {seq}, and stands at {:?}",
                    texts.get(&text)
                );
                self.report(Kind::Lost, what);
            }
        }
    }

    /// Acknowledged messages of rooms that keep everything and are not in the store at all.
    pub(crate) fn rooms_gone(&mut self, kept: &BTreeSet<RoomId>) {
        let lost: Vec<_> = self
            .said
            .iter()
            .filter_map(|(text, said)| {
                let (room, _) = said.acked?;
                (self.durable.contains(&room) && !kept.contains(&room)).then(|| text.clone())
            })
            .collect();
        for text in lost {
            self.report(Kind::Lost, format!("{text:?} was acknowledged, and its room is gone"));
        }
    }
}

/// What somebody said with an event: a message, or what one became.
fn words(event: &Event) -> Option<&str> {
    match &event.body {
        Body::Text(said) | Body::Action(said) => Some(said.text.as_str()),
        Body::Edit { text, .. } => text.as_ref().map(Text::as_str),
        _ => None,
    }
}

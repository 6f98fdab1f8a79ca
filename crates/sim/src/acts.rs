//! What is done with rooms and messages, as seen from outside: who may do it, and that what was
//! deleted is nowhere.
//!
//! Who may keep order is known from what the server itself has said to whom (who made a room), from the
//! log (who was given a role), and from what is kept at the end. All that ever counted counts: so no
//! right act is reported, and an act of somebody who never had a role is.

use crate::check::{Kind, Ledger};
use hubbub_protocol::{Body, Event, RoomId, Seq, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// What two members must agree about at one place: later readers find edited and deleted messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What kind of entry it is, and what it is about.
    what: String,
    /// The words of it, where they are still those of the beginning.
    words: Option<String>,
}

impl Mark {
    pub(crate) fn of(event: &Event) -> Self {
        let (what, words) = match &event.body {
            Body::Text(said) | Body::Action(said) => {
                ("message".to_owned(), said.edited.is_none().then(|| said.text.to_string()))
            }
            Body::Deleted { .. } => ("message".to_owned(), None),
            Body::Edit { of, text } => {
                (format!("edit of {of}"), text.as_ref().map(ToString::to_string))
            }
            other => (format!("{other:?}"), None),
        };
        Self { what: format!("{} by {}", what, event.from.id), words }
    }

    /// Whether both can be of one entry. Keeps the words that either knows.
    pub(crate) fn meet(&mut self, other: &Mark) -> bool {
        let agree = self.what == other.what
            && (self.words.is_none() || other.words.is_none() || self.words == other.words);
        if self.words.is_none() {
            self.words.clone_from(&other.words);
        }
        agree
    }
}

/// Who may keep order, as far as was ever seen.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    may: BTreeSet<(RoomId, UserId)>,
}

impl Ranks {
    pub(crate) fn may_keep_order(&mut self, room: RoomId, user: UserId) {
        self.may.insert((room, user));
    }
}

/// A room's log at the end.
pub(crate) struct Log<'a> {
    pub(crate) name: &'a str,
    pub(crate) room: RoomId,
    /// The last event that has gone.
    pub(crate) floor: Seq,
    pub(crate) events: &'a [Event],
}

impl Ledger {
    /// Looks at the acts of a log: who did them, and what became of the messages.
    pub(crate) fn judge_acts(&mut self, log: &Log<'_>) {
        let Log { name, room, floor, events } = *log;
        let by_seq: BTreeMap<Seq, &Event> = events.iter().map(|event| (event.seq, event)).collect();
        for event in events {
            if let Body::Role { user, .. } = &event.body {
                self.ranks.may_keep_order(room, user.id);
            }
        }
        let mut newest_edit: BTreeMap<Seq, Seq> = BTreeMap::new();
        for event in events {
            if let Body::Edit { of, .. } = event.body {
                newest_edit.insert(of, event.seq);
            }
        }
        for event in events {
            let author = |seq: &Seq| by_seq.get(seq).map(|event| event.from.id);
            let (needs_rank, is_wrong) = match &event.body {
                Body::Edit { of, .. } => {
                    (false, author(of).is_some_and(|author| author != event.from.id))
                }
                Body::Delete { of } => {
                    (author(of).is_some_and(|author| author != event.from.id), false)
                }
                Body::Pin { .. }
                | Body::Changed(_)
                | Body::Role { .. }
                | Body::Kicked { .. }
                | Body::Restricted { .. }
                | Body::Lifted { .. } => (true, false),
                Body::Text(_) | Body::Action(_) | Body::Deleted { .. } | Body::React { .. } => {
                    (false, false)
                }
            };
            // What gave a role may have gone.
            let lacks =
                needs_rank && floor == Seq(0) && !self.ranks.may.contains(&(room, event.from.id));
            if is_wrong || lacks {
                let what = format!("{name}: {} did {:?}", event.from.name, event.body);
                self.report(Kind::Rank, what);
            }
            let is_right = match &event.body {
                Body::Deleted { by } => by_seq
                    .get(by)
                    .is_some_and(|by| matches!(by.body, Body::Delete { of } if of == event.seq)),
                Body::Text(said) | Body::Action(said) => match said.edited {
                    None => !newest_edit.contains_key(&event.seq),
                    Some(edit) => by_seq.get(&edit).is_some_and(|edit| {
                        matches!(&edit.body, Body::Edit { of, text: Some(text) }
                            if *of == event.seq && *text == said.text)
                    }),
                },
                Body::Edit { of, text: Some(_) } => {
                    let message = by_seq.get(of).and_then(|message| message.body.said());
                    *of <= floor || message.is_some_and(|message| message.edited == Some(event.seq))
                }
                Body::Delete { of } => {
                    *of <= floor
                        || by_seq
                            .get(of)
                            .is_some_and(|message| matches!(message.body, Body::Deleted { .. }))
                }
                _ => true,
            };
            if !is_right {
                let what = format!("{name}: {} stands as {:?}", event.seq, event.body);
                self.report(Kind::Deleted, what);
            }
        }
    }
}

/// What one client has heard to be deleted: from then on it gets the words nowhere.
#[derive(Debug, Default)]
pub(crate) struct Deleted(BTreeSet<(RoomId, Seq)>);

impl Deleted {
    pub(crate) fn hears(&mut self, event: &Event, ledger: &mut Ledger) {
        if let Body::Delete { of } = event.body {
            self.0.insert((event.room, of));
        }
        if event.body.said().is_some() && self.0.contains(&(event.room, event.seq)) {
            let what = format!("{:?} came after its deletion", event.body);
            ledger.report(Kind::Deleted, what);
        }
    }
}

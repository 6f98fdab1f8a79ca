//! Who reacted to a message in one way, as far as that is known.
//!
//! A page names the first few users and counts the others, and does not say how far in the log it
//! stands. So what the stream told of a user counts more than a page: the stream tells all, and at
//! last. Of the others that a page counts it is taken that what the stream told before is among them.

use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Author, UserId, UserName};
use std::collections::BTreeMap;

/// Users that are known by name with one reaction to one message; the others are counted.
const NAMED_MAX: usize = 24;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    name: UserName,
    on: bool,
    /// The stream said so; else a page.
    in_stream: bool,
}

/// Who reacted in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reacted {
    known: BTreeMap<UserId, Known>,
    others: u32,
}

impl Reacted {
    /// How many users.
    #[must_use]
    pub fn count(&self) -> u32 {
        let named = u32::try_from(self.users().count()).unwrap_or(u32::MAX);
        self.others.saturating_add(named)
    }

    /// Those who are known by name, in the order of their ids.
    pub fn users(&self) -> impl Iterator<Item = (UserId, &UserName)> {
        self.known.iter().filter(|(_, known)| known.on).map(|(&id, known)| (id, &known.name))
    }

    /// How many are counted alone.
    #[must_use]
    pub fn others(&self) -> u32 {
        self.others
    }

    /// Whether a user is one of them. Right for the user that the transcript was told to be of.
    #[must_use]
    pub fn is_by(&self, user: UserId) -> bool {
        self.known.get(&user).is_some_and(|known| known.on)
    }

    /// The stream says it of a user.
    pub(super) fn set(&mut self, from: &Author, on: bool, me: Option<UserId>) {
        let known = Known { name: from.name.clone(), on, in_stream: true };
        if self.known.insert(from.id, known).is_none() && !on {
            self.others = self.others.saturating_sub(1);
        }
        self.keep_in_bounds(me);
    }

    /// The same after a page showed it.
    pub(super) fn shown(mut self, entry: &ReactionEntry, me: Option<UserId>) -> Self {
        self.known.retain(|_, known| known.in_stream);
        let mut left = entry.count;
        for user in &entry.users {
            left = left.saturating_sub(1);
            let shown = Known { name: user.name.clone(), on: true, in_stream: false };
            self.known.entry(user.id).or_insert(shown);
        }
        let named = |id: UserId| entry.users.iter().any(|user| user.id == id);
        let unnamed = self.known.iter().filter(|&(&id, known)| known.on && !named(id)).count();
        self.others = left.saturating_sub(u32::try_from(unnamed).unwrap_or(u32::MAX));
        self.keep_in_bounds(me);
        self
    }

    /// The same after a page showed that nobody did.
    pub(super) fn shown_as_none(mut self) -> Self {
        self.known.retain(|_, known| known.in_stream);
        self.others = 0;
        self
    }

    /// Nobody did, and nothing has to be remembered of it.
    pub(super) fn is_of_no_use(&self, all_is_told: bool) -> bool {
        self.count() == 0 && (all_is_told || self.known.is_empty())
    }

    fn keep_in_bounds(&mut self, me: Option<UserId>) {
        while self.known.len() > NAMED_MAX {
            // Who took it back goes first, then who came last.
            let off = self.known.iter().find(|(_, known)| !known.on);
            let last = self.known.iter().rfind(|(id, _)| Some(**id) != me);
            let Some((&id, _)) = off.or(last) else { return };
            if self.known.remove(&id).is_some_and(|known| known.on) {
                self.others = self.others.saturating_add(1);
            }
        }
    }
}

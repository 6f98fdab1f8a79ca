//! One place of a transcript: an event, or what is known about one that is not known itself.

use super::{Entry, Reacted};
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Author, Body, Event, Reaction, Seq, Text, UserId, limits};
use std::collections::BTreeMap;

/// Authors whose edits of a message that is not known are kept, since only the message says whose
/// count. Only its own author can edit it, so more than one is a fault of the server.
const EDITORS_MAX: usize = 4;

/// What is known of one place of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    event: Option<Event>,
    /// Edits of an event that is not known: the newest of each author.
    edits: BTreeMap<UserId, (Seq, Text)>,
    /// What deleted an event that is not known.
    deleted: Option<Seq>,
    reactions: BTreeMap<Reaction, Reacted>,
    /// The stream brought the event, and so all reactions to it.
    is_whole: bool,
}

impl Slot {
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        let event = self.event.as_ref()?;
        Some(Entry { event, reactions: &self.reactions })
    }

    /// The event as the stream told it, or as a page shows it.
    pub(super) fn show(&mut self, event: &Event, in_stream: bool) {
        match &mut self.event {
            Some(known) if is_newer(&event.body, &known.body) => known.clone_from(event),
            Some(_) => {}
            None => self.event = Some(event.clone()),
        }
        if in_stream && !self.is_whole {
            // A page that was ahead of the stream may have shown some, and they come again.
            self.reactions.clear();
            self.is_whole = true;
        }
        for (author, (seq, text)) in std::mem::take(&mut self.edits) {
            self.edit(author, seq, &text);
        }
        if let Some(by) = self.deleted.take() {
            self.delete(by);
        }
        if let Some(Body::Deleted { .. }) = self.event.as_ref().map(|event| &event.body) {
            self.reactions.clear();
        }
    }

    pub(super) fn edit(&mut self, author: UserId, seq: Seq, text: &Text) {
        if let Some(event) = &mut self.event {
            amend(event, author, seq, text);
            return;
        }
        if self.edits.len() >= EDITORS_MAX && !self.edits.contains_key(&author) {
            return;
        }
        let newest = self.edits.entry(author).or_insert_with(|| (seq, text.clone()));
        if newest.0 < seq {
            *newest = (seq, text.clone());
        }
    }

    pub(super) fn delete(&mut self, by: Seq) {
        match &mut self.event {
            Some(event) => blank(event, by),
            None => self.deleted = Some(by),
        }
        self.edits.clear();
        self.reactions.clear();
    }

    pub(super) fn react(
        &mut self,
        from: &Author,
        reaction: &Reaction,
        on: bool,
        me: Option<UserId>,
    ) {
        let is_message = self.event.as_ref().is_none_or(|event| event.body.said().is_some());
        let has_place = self.reactions.contains_key(reaction)
            || self.reactions.len() < 2 * limits::REACTIONS_PER_EVENT;
        if is_message && has_place && self.deleted.is_none() {
            self.reactions.entry(reaction.clone()).or_default().set(from, on, me);
            self.tidy();
        }
    }

    /// The reactions as a page shows them.
    pub(super) fn show_reactions<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a ReactionEntry>,
        me: Option<UserId>,
    ) {
        let is_message = self.event.as_ref().is_some_and(|event| event.body.said().is_some());
        if self.is_whole || !is_message {
            return;
        }
        let mut before = std::mem::take(&mut self.reactions);
        for entry in entries.take(2 * limits::REACTIONS_PER_EVENT) {
            let known = before.remove(&entry.reaction).unwrap_or_default();
            self.reactions.insert(entry.reaction.clone(), known.shown(entry, me));
        }
        for (reaction, known) in before {
            self.reactions.insert(reaction, known.shown_as_none());
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        // Of a whole one, nothing has to be remembered about who took it back.
        let is_whole = self.is_whole;
        self.reactions.retain(|_, reacted| !reacted.is_of_no_use(is_whole));
    }
}

/// Which of two readings of one event is the newer one.
fn is_newer(body: &Body, than: &Body) -> bool {
    match (body, than) {
        (_, Body::Deleted { .. }) => false,
        (Body::Deleted { .. }, _) => true,
        _ => body.said().and_then(|said| said.edited) > than.said().and_then(|said| said.edited),
    }
}

/// Gives a message the text of its author's edit, unless it has a newer one.
pub(crate) fn amend(message: &mut Event, author: UserId, seq: Seq, text: &Text) {
    if message.from.id != author || message.seq >= seq {
        return;
    }
    if let Some(said) = message.body.said_mut()
        && said.edited.is_none_or(|edited| edited < seq)
    {
        said.text = text.clone();
        said.edited = Some(seq);
    }
}

/// Takes the text of a message away.
pub(crate) fn blank(message: &mut Event, by: Seq) {
    if message.body.said().is_some() && message.seq < by {
        message.body = Body::Deleted { by };
    }
}

//! Reads from the store for sessions, beside the writer: history, catching up, accepted sends.
//!
//! A job is one bounded page. Each session has one request under way at most (see `admit`), and one
//! page for each room that it catches up in (see the hub's `catch_up`), so the queue is bounded by
//! the sessions.

use crate::hub_loop::HubLoop;
use crate::lane::ToLane;
use hubbub_hub::{Effect, Input, LoadedMessage, PageRead, Tag};
use hubbub_protocol::frame::{Page, ReactionEntry, json_bytes};
use hubbub_protocol::search::{Found, Query};
use hubbub_protocol::{
    Body, Event, Instance, Position, Reaction, RoomAddress, RoomId, Seq, SessionId, UserId, WallMs,
    limits,
};
use hubbub_store::{HistoryPage, Message, Reader, StoreError};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

/// One bounded thing to read, as the hub wants it.
#[derive(Debug)]
pub enum Job {
    /// [`Effect::Read`].
    CatchUp {
        /// For whom.
        session: SessionId,
        /// Where it stands.
        after: Position,
    },
    /// [`Effect::ReadHistory`].
    History {
        /// For whom.
        session: SessionId,
        /// The command's.
        tag: Tag,
        /// The conversation as the session calls it.
        address: RoomAddress,
        /// Its id.
        room: RoomId,
        /// Which part.
        page: Page,
        /// At most so many events.
        limit: u32,
        /// Whose reactions are its own.
        me: UserId,
        /// The last event that it may know.
        upto: Seq,
    },
    /// [`Effect::LoadMessage`].
    Message {
        /// For whom.
        session: SessionId,
        /// Where it is.
        room: RoomId,
        /// Its number.
        seq: Seq,
        /// Whether this user has reacted so.
        reacted: Option<(UserId, Reaction)>,
    },
    /// [`Effect::FindExpired`].
    Expired {
        /// Where.
        room: RoomId,
        /// From before then.
        before: WallMs,
    },
    /// [`Effect::Search`].
    Search {
        /// For whom.
        session: SessionId,
        /// The command's.
        tag: Tag,
        /// What, and in which rooms.
        query: Query,
        /// How the session calls those rooms, and the last event of each that it may know.
        addresses: Vec<(RoomAddress, Seq)>,
    },
    /// [`Effect::LoadSends`].
    Sends {
        /// For whom.
        session: SessionId,
        /// Whose.
        instance: Instance,
    },
}

/// What comes of a job.
#[derive(Debug)]
pub enum Outcome {
    /// The hub waits for it.
    Input(Input),
    /// The answer to a request for history; `None`: it can't be read.
    History {
        /// Whose.
        session: SessionId,
        /// The request's.
        tag: Tag,
        /// The conversation as the session calls it.
        address: RoomAddress,
        /// The page.
        page: Option<HistoryPage>,
    },
    /// The answer to a search; `None`: it can't be done.
    Found {
        /// Whose.
        session: SessionId,
        /// The request's.
        tag: Tag,
        /// What was found.
        found: Option<Hits>,
    },
}

impl Job {
    /// The job of an effect, or the effect back if it is none.
    ///
    /// # Errors
    /// The effect.
    #[expect(clippy::result_large_err, reason = "what is no job goes on by value")]
    pub fn of(effect: Effect) -> Result<Self, Effect> {
        Ok(match effect {
            Effect::Read { session, after } => Job::CatchUp { session, after },
            Effect::ReadHistory { session, tag, address, room, page, limit, me, upto } => {
                Job::History { session, tag, address, room, page, limit, me, upto }
            }
            Effect::LoadMessage { session, room, seq, reacted } => {
                Job::Message { session, room, seq, reacted }
            }
            Effect::FindExpired { room, before } => Job::Expired { room, before },
            Effect::Search { session, tag, query, addresses } => {
                Job::Search { session, tag, query, addresses }
            }
            Effect::LoadSends { session, instance } => Job::Sends { session, instance },
            other => return Err(other),
        })
    }

    /// Reads it.
    ///
    /// # Errors
    /// Of the store.
    pub fn read(&self, reader: &mut dyn Reader) -> Result<Outcome, StoreError> {
        Ok(match self {
            Job::CatchUp { session, after } => {
                let page = read_missed(reader, *after)?;
                Outcome::Input(Input::PageRead { session: *session, after: *after, page })
            }
            Job::History { session, tag, address, room, page, limit, me, upto } => {
                let mut history = reader.page(*room, *page, *limit)?;
                // It may have been sent out since it asked.
                history.events.retain(|event| event.seq <= *upto);
                let page = Some(with_reactions(reader, *room, history, *page, *me)?);
                Outcome::History { session: *session, tag: *tag, address: address.clone(), page }
            }
            Job::Message { session, room, seq, reacted } => {
                let message = load_message(reader, *room, *seq, reacted.as_ref())?;
                Outcome::Input(Input::MessageLoaded { session: *session, message })
            }
            Job::Expired { room, before } => {
                let upto = reader.expired(*room, *before)?;
                Outcome::Input(Input::ExpiredFound { room: *room, upto })
            }
            Job::Search { session, tag, query, addresses } => {
                let found = Some(hits(reader.search(query)?, &query.rooms, addresses));
                Outcome::Found { session: *session, tag: *tag, found }
            }
            Job::Sends { session, instance } => {
                let (session, instance) = (*session, *instance);
                let sends = Some(reader.sends(instance)?);
                Outcome::Input(Input::SendsLoaded { session, instance, sends })
            }
        })
    }

    /// What whoever waits for it is told if it can't be read.
    #[must_use]
    pub fn failed(self) -> Outcome {
        match self {
            Job::CatchUp { session, after } => {
                Outcome::Input(Input::PageRead { session, after, page: PageRead::Failed })
            }
            Job::History { session, tag, address, .. } => {
                Outcome::History { session, tag, address, page: None }
            }
            Job::Message { session, .. } => {
                Outcome::Input(Input::MessageLoaded { session, message: LoadedMessage::Failed })
            }
            Job::Expired { room, .. } => Outcome::Input(Input::ExpiredFound { room, upto: None }),
            Job::Search { session, tag, .. } => Outcome::Found { session, tag, found: None },
            Job::Sends { session, instance } => {
                Outcome::Input(Input::SendsLoaded { session, instance, sends: None })
            }
        }
    }
}

/// What waits for a reader.
#[derive(Debug, Default)]
pub(crate) struct ReadingQueue {
    state: Mutex<(VecDeque<Job>, bool)>,
    changed: Condvar,
}

impl ReadingQueue {
    pub(crate) fn push(&self, job: Job) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.push_back(job);
        self.changed.notify_one();
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.len()
    }

    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.1 {
                return None;
            }
            if let Some(job) = state.0.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Runs until the queue is closed.
pub(crate) fn run(queue: &ReadingQueue, hub: &HubLoop, mut reader: Box<dyn Reader>) {
    while let Some(job) = queue.take() {
        let outcome = job.read(reader.as_mut()).unwrap_or_else(|error| {
            tracing::warn!(%error, "could not read what a session or a room needs");
            job.failed()
        });
        match outcome {
            Outcome::Input(input) => hub.drive(input),
            Outcome::History { session, tag, address, page } => {
                let message = ToLane::History { session, tag, address, page };
                hub.tell_lane(session.lane(), message);
            }
            Outcome::Found { session, tag, found } => {
                hub.tell_lane(session.lane(), ToLane::Found { session, tag, found });
            }
        }
    }
}

/// A page of history with the reactions to it, as large as fits into a frame.
fn with_reactions(
    reader: &mut dyn Reader,
    room: RoomId,
    mut page: HistoryPage,
    kind: Page,
    me: UserId,
) -> Result<HistoryPage, StoreError> {
    if let (Some(first), Some(last)) = (page.events.first(), page.events.last()) {
        page.reactions = reader.reactions(room, first.seq, last.seq, me)?;
    }
    Ok(fit(page, kind))
}

/// A message that somebody wants to do something with.
fn load_message(
    reader: &mut dyn Reader,
    room: RoomId,
    seq: Seq,
    reacted: Option<&(UserId, Reaction)>,
) -> Result<LoadedMessage, StoreError> {
    let reacted = reacted.map(|(user, reaction)| (*user, reaction));
    Ok(match reader.message(room, seq, reacted)? {
        Some(Message { event, reactions, has_reacted }) => {
            LoadedMessage::Here { event, reactions, has_reacted }
        }
        None => LoadedMessage::Missing,
    })
}

/// What was found, with the conversations as the session calls them, as much as fits into a frame.
#[derive(Debug, Default)]
pub struct Hits {
    /// The newest first.
    pub hits: Vec<(RoomAddress, Event)>,
    /// Where the next page begins, if there may be one.
    pub next: Option<u64>,
    /// Whether some of the newest messages can't be found yet.
    pub behind: bool,
}

/// Names the rooms of what was found.
fn hits(found: Found, rooms: &[RoomId], addresses: &[(RoomAddress, Seq)]) -> Hits {
    let address = |room: RoomId| {
        let at = rooms.iter().position(|known| *known == room)?;
        addresses.get(at).cloned()
    };
    let mut next = found.next;
    let (mut bytes, mut last) = (0, None);
    let mut hits = Vec::new();
    for (place, event) in found.events {
        let Some((address, upto)) = address(event.room) else { continue };
        // It may have been sent out since it asked.
        if event.seq > upto {
            continue;
        }
        // The name of the conversation is a short text, too.
        bytes += event_bytes(&event) + EVENT_BYTES;
        if bytes > PAGE_BYTES && last.is_some() {
            next = last;
            break;
        }
        last = Some(place);
        hits.push((address, event));
    }
    Hits { hits, next, behind: found.behind }
}

/// The next page after a position, if that is part of this history.
fn read_missed(reader: &mut dyn Reader, after: Position) -> Result<PageRead, StoreError> {
    if after.seq > Seq(0) && reader.epoch_at(after.room, after.seq)? != Some(after.epoch) {
        return Ok(PageRead::Diverged);
    }
    let kind = Page::After(after.seq);
    let page = fit(reader.page(after.room, kind, limits::PAGE)?, kind);
    Ok(PageRead::Events(page.events))
}

/// Bytes that the events of a page may have as JSON, so that the frame around them stays below
/// [`limits::FRAME_BYTES`].
pub(crate) const PAGE_BYTES: usize = limits::FRAME_BYTES - 1024;
/// Bytes of an event as JSON beside its text and name, at most.
const EVENT_BYTES: usize = 280;
/// Bytes of a reaction as JSON beside itself and its users, at most.
const REACTION_BYTES: usize = 100;
/// Bytes of a user as JSON beside the name, at most.
const USER_BYTES: usize = 40;

/// Shortens a page to what fits into one frame, at the end (for `around`: the ends) farthest from
/// what was asked for.
fn fit(mut page: HistoryPage, kind: Page) -> HistoryPage {
    let weight = |event: &Event, page: &HistoryPage| {
        let theirs = page.reactions.iter().filter(|reaction| reaction.seq == event.seq);
        event_bytes(event) + theirs.map(reaction_bytes).sum::<usize>()
    };
    let mut bytes: usize = page.events.iter().map(|event| weight(event, &page)).sum();
    while bytes > PAGE_BYTES && page.events.len() > 1 {
        let newest_goes = match kind {
            Page::After(_) => true,
            Page::Latest | Page::Before(_) => false,
            Page::Around(seq) => {
                let older = page.events.iter().filter(|event| event.seq < seq).count();
                older * 2 < page.events.len()
            }
        };
        let gone = if newest_goes { page.events.pop() } else { Some(page.events.remove(0)) };
        let Some(gone) = gone else { break };
        bytes -= weight(&gone, &page);
        page.reactions.retain(|reaction| reaction.seq != gone.seq);
        // For `around`, `more` speaks of older events.
        page.more |= !newest_goes || matches!(kind, Page::After(_));
    }
    page
}

fn reaction_bytes(entry: &ReactionEntry) -> usize {
    let users = entry.users.iter().map(|user| USER_BYTES + json_bytes(user.name.as_str()));
    REACTION_BYTES + json_bytes(entry.reaction.as_str()) + users.sum::<usize>()
}

pub(crate) fn event_bytes(event: &Event) -> usize {
    let body = match &event.body {
        Body::Text(said) | Body::Action(said) => json_bytes(said.text.as_str()),
        Body::Edit { text, .. } => text.as_ref().map_or(0, |text| json_bytes(text.as_str())),
        Body::React { reaction, .. } => json_bytes(reaction.as_str()),
        other => serde_json::to_vec(other).map_or(0, |json| json.len()),
    };
    EVENT_BYTES + json_bytes(event.from.name.as_str()) + body
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::frame::{ServerFrame, Target, write_line};
    use hubbub_protocol::{Author, Epoch, Text, UserName};

    fn page(text: &str, events: u64) -> HistoryPage {
        let body = Body::text(Text::parse(text).unwrap());
        let from = Author { id: UserId(u64::MAX >> 11), name: UserName::parse("ann").unwrap() };
        let event = |seq| Event {
            room: RoomId(u64::MAX >> 11),
            epoch: Epoch(u32::MAX),
            seq: Seq(seq),
            time: WallMs(u64::MAX >> 11),
            from: from.clone(),
            body: body.clone(),
        };
        HistoryPage {
            events: (1..=events).map(event).collect(),
            more: false,
            reactions: Vec::new(),
        }
    }

    fn check(text: &str, kind: Page, first: u64, more: bool) {
        let fitted = fit(page(text, 100), kind);
        assert_eq!(fitted.more, more);
        assert_eq!(fitted.events[0].seq, Seq(first), "{} are left", fitted.events.len());
        let mut line = Vec::new();
        let target = Target::Room("lobby".into());
        let HistoryPage { events, more, reactions } = fitted;
        write_line(
            &ServerFrame::History { id: Some(u64::MAX), target, events, more, reactions },
            &mut line,
        );
        assert!(line.len() <= limits::FRAME_BYTES, "{}", line.len());
    }

    #[test]
    fn a_page_with_many_reactions_fits_into_a_frame() {
        let mut full = page("short", 100);
        let user = Author {
            id: UserId(u64::MAX >> 11),
            name: UserName::parse(&"n".repeat(limits::USER_NAME_BYTES)).unwrap(),
        };
        for event in &full.events {
            for number in 0..limits::REACTIONS_PER_EVENT {
                full.reactions.push(ReactionEntry {
                    seq: event.seq,
                    reaction: Reaction::parse(&format!("{number:0>40}")).unwrap(),
                    count: u32::MAX,
                    users: vec![user.clone(); limits::REACTION_NAMES],
                    mine: true,
                });
            }
        }
        let HistoryPage { events, more, reactions } = fit(full, Page::Latest);
        assert!(more && events.last().is_some_and(|event| event.seq == Seq(100)));
        assert_eq!(reactions.len(), events.len() * limits::REACTIONS_PER_EVENT);
        let mut line = Vec::new();
        let target = Target::Room("lobby".into());
        let frame = ServerFrame::History { id: Some(u64::MAX), target, events, more, reactions };
        write_line(&frame, &mut line);
        assert!(line.len() <= limits::FRAME_BYTES, "{}", line.len());
    }

    #[test]
    fn a_page_of_long_messages_fits_into_a_frame() {
        check("short", Page::Latest, 1, false);
        check(&"x".repeat(4096), Page::After(Seq(0)), 1, true);
        check(&"x".repeat(4096), Page::Latest, 87, true);
        // Each of these becomes six bytes in JSON.
        check(&"\u{2}x".repeat(2048), Page::Before(Seq(101)), 97, true);
        check(&"x".repeat(4096), Page::Around(Seq(51)), 44, true);
    }
}

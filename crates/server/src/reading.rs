//! Reads from the store for sessions, beside the writer: history, catching up, accepted sends.
//!
//! A job is one bounded page. Each session has one request under way at most (see `admit`), and one
//! page for each room that it catches up in (see the hub's `catch_up`), so the queue is bounded by
//! the sessions.

use crate::hub_loop::HubLoop;
use crate::lane::ToLane;
use hubbub_hub::{Input, PageRead, Tag};
use hubbub_protocol::frame::Page;
use hubbub_protocol::{Event, Instance, Position, RoomAddress, RoomId, Seq, SessionId, limits};
use hubbub_store::{HistoryPage, Reader, StoreError};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

/// One page to read.
#[derive(Debug)]
pub(crate) enum Job {
    CatchUp {
        session: SessionId,
        after: Position,
    },
    History {
        session: SessionId,
        tag: Tag,
        address: RoomAddress,
        room: RoomId,
        page: Page,
        limit: u32,
    },
    Sends {
        session: SessionId,
        instance: Instance,
    },
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
        match job {
            Job::CatchUp { session, after } => {
                let page = read_missed(reader.as_mut(), after).unwrap_or_else(|error| {
                    tracing::warn!(%error, "could not read what a session missed");
                    PageRead::Failed
                });
                hub.drive(Input::PageRead { session, after, page });
            }
            Job::History { session, tag, address, room, page, limit } => {
                let kind = page;
                let page = reader.page(room, kind, limit).map(|page| fit(page, kind));
                if let Err(error) = &page {
                    tracing::warn!(%error, "could not read history");
                }
                let page = page.ok();
                let message = ToLane::History { session, tag, address, page };
                hub.tell_lane(session.lane(), message);
            }
            Job::Sends { session, instance } => {
                let sends = reader.sends(instance);
                if let Err(error) = &sends {
                    tracing::warn!(%error, "could not read a client's sends");
                }
                hub.drive(Input::SendsLoaded { session, instance, sends: sends.ok() });
            }
        }
    }
}

/// The next page after a position, if that is part of this history.
///
/// # Errors
/// Of the store.
pub fn read_missed(reader: &mut dyn Reader, after: Position) -> Result<PageRead, StoreError> {
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
const EVENT_BYTES: usize = 200;

/// Shortens a page to what fits into one frame, at the end (for `around`: the ends) farthest from
/// what was asked for.
fn fit(mut page: HistoryPage, kind: Page) -> HistoryPage {
    let mut bytes: usize = page.events.iter().map(event_bytes).sum();
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
        bytes -= gone.as_ref().map_or(0, event_bytes);
        // For `around`, `more` speaks of older events.
        page.more |= !newest_goes || matches!(kind, Page::After(_));
    }
    page
}

pub(crate) fn event_bytes(event: &Event) -> usize {
    EVENT_BYTES + json_bytes(event.from.name.as_str()) + json_bytes(event.body.text().as_str())
}

/// The length of a text as a JSON string (RFC 8259, section 7), as serde_json writes it.
fn json_bytes(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    });
    2 + escaped.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::frame::{ServerFrame, Target, write_line};
    use hubbub_protocol::{Author, Body, Epoch, Text, UserId, UserName, WallMs};

    fn page(text: &str, events: u64) -> HistoryPage {
        let body = Body::Text { text: Text::parse(text).unwrap() };
        let from = Author { id: UserId(u64::MAX >> 11), name: UserName::parse("ann").unwrap() };
        let event = |seq| Event {
            room: RoomId(u64::MAX >> 11),
            epoch: Epoch(u32::MAX),
            seq: Seq(seq),
            time: WallMs(u64::MAX >> 11),
            from: from.clone(),
            body: body.clone(),
        };
        HistoryPage { events: (1..=events).map(event).collect(), more: false }
    }

    fn check(text: &str, kind: Page, first: u64, more: bool) {
        let fitted = fit(page(text, 100), kind);
        assert_eq!(fitted.more, more);
        assert_eq!(fitted.events[0].seq, Seq(first), "{} are left", fitted.events.len());
        let mut line = Vec::new();
        let target = Target::Room("lobby".into());
        let HistoryPage { events, more } = fitted;
        write_line(&ServerFrame::History { id: Some(u64::MAX), target, events, more }, &mut line);
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

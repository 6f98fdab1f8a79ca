//! The durable log below the hub.
//!
//! One [`Store`] is the only writer: batches in, one transaction each, durable when
//! [`Store::commit`] returns. Any number of [`Reader`]s read beside it, a bounded page at a time, so
//! that no reader ever holds a transaction open while a client is slow.
//!
//! Deliberately not here: who may read or write what, and when a batch is made (that is
//! `hubbub-server`'s `commit.rs`).

pub mod conformance;
pub mod memory;
mod search;
pub mod sqlite;

use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::frame::Page;
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::record::StoredRoom;
use hubbub_protocol::record::{Record, SendRecord, Snapshot};
use hubbub_protocol::search::{Found, Query};
use hubbub_protocol::{Epoch, Event, Instance, Reaction, RoomId, Seq, ServerKey, UserId, WallMs};

/// Most entries that one [`Record::AuditTrim`] takes away, so that no batch takes long.
const AUDIT_TRIM: u32 = 10_000;

/// What can go wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full. The batch is not stored; after room was made, [`Store::recover`] goes on.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The data were written by a newer Hubbub. Nothing was changed.
    #[error(
        "the data are of version {found}, and this program knows versions up to {known}: start a newer hubbub, or restore the backup that was made before the upgrade"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The data do not hold together. Nothing was changed.
    #[error("the data are damaged: {0}")]
    Damaged(String),
    /// After a failed commit the store takes nothing until [`Store::recover`] has succeeded.
    #[error("an earlier write failed, and the store was not yet reopened and verified")]
    Unrecovered,
    /// Anything else that the backend said.
    #[error("{0}")]
    Backend(String),
}

/// What a store holds when it is opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The epoch last raised; 0 in a new store.
    pub epoch: Epoch,
    /// Everything that the hub begins with. An account's credentials are in the order of their kinds.
    pub snapshot: Snapshot,
}

/// One page of history, oldest event first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The events.
    pub events: Vec<Event>,
    /// Whether there are more in the asked direction (for `Around`: older ones).
    pub more: bool,
    /// The reactions to these messages. A reader's page has none: see [`Reader::reactions`].
    pub reactions: Vec<ReactionEntry>,
}

/// A message, and how many have reacted to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event, as it stands now.
    pub event: Event,
    /// How many different reactions there are, beside the asked one.
    pub reactions: u32,
    /// Whether the asked user has reacted so.
    pub has_reacted: bool,
}

/// Brings the search index up to the log, beside the writer and never in its way.
pub trait Indexer: Send {
    /// Does one bounded step. Returns whether there is more to do now.
    ///
    /// # Errors
    /// Of the backend. What was indexed stays; try again later.
    fn step(&mut self) -> Result<bool, StoreError>;
}

/// The one writer.
pub trait Store: Send {
    /// Reads what the hub begins with.
    ///
    /// # Errors
    /// Of the backend; [`StoreError::Unrecovered`] after a failed write.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Raises the epoch by one, durably, and returns the new one.
    ///
    /// # Errors
    /// Of the backend. As after a failed [`Store::commit`]: recover first, and raise it again then.
    fn raise_epoch(&mut self) -> Result<Epoch, StoreError>;

    /// Makes a batch durable: all of it or nothing. When this returns `Ok`, a power cut can't take
    /// it back.
    ///
    /// A (room, seq) or an (instance, counter) that is there already is an error, and so is a number of
    /// 2^63 or more: the hub, which could tell the one sender, must not let them come here. All other
    /// records may be said again: see [`Record`]. A room that is there takes everything but when it was
    /// made, and of several credentials of one kind the last counts. Nothing is checked across records: what refers
    /// to an account or a room that is not there is kept as well.
    ///
    /// # Errors
    /// After any error it is uncertain whether the batch is durable, and every further commit
    /// answers [`StoreError::Unrecovered`] until [`Store::recover`] succeeds.
    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError>;

    /// Does what was put off so that nobody had to wait for it: above all, texts that were deleted,
    /// edited or are too old go from the files. Called when nothing waits to be committed. What fails
    /// is tried again later.
    fn settle(&mut self) {}

    /// Reopens and verifies the data after a failed commit. What is read afterwards is durable.
    ///
    /// # Errors
    /// Of the backend; try again later.
    fn recover(&mut self) -> Result<(), StoreError>;

    /// Opens a reader.
    ///
    /// # Errors
    /// Of the backend.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;

    /// The server's own key: what is kept, or `fresh` if there is none yet, durably.
    ///
    /// # Errors
    /// Of the backend. As after a failed [`Store::commit`]: recover first.
    fn server_key(&mut self, fresh: ServerKey) -> Result<ServerKey, StoreError>;

    /// Opens what brings the search index up to the log. One at a time.
    ///
    /// # Errors
    /// Of the backend.
    fn indexer(&self) -> Result<Box<dyn Indexer>, StoreError>;

    /// Forgets what is no longer needed: sends older than `sends_before`. Called at the start.
    ///
    /// # Errors
    /// Of the backend. As after a failed [`Store::commit`]: recover first.
    fn tidy(&mut self, sends_before: WallMs) -> Result<(), StoreError>;
}

/// Reads beside the writer, always what is durable, each call on its own.
pub trait Reader: Send {
    /// A page of a room's history, at most `limit` events, oldest first. `Around` is half of them
    /// before the event and the rest from it on; a side that has fewer is not filled up by the other.
    ///
    /// # Errors
    /// Of the backend.
    fn page(&mut self, room: RoomId, page: Page, limit: u32) -> Result<HistoryPage, StoreError>;

    /// The epoch of one event; `None` where there is none of that number.
    ///
    /// # Errors
    /// Of the backend.
    fn epoch_at(&mut self, room: RoomId, seq: Seq) -> Result<Option<Epoch>, StoreError>;

    /// One event as it stands now, how many different reactions there are to it beside `reaction`, and whether `user`
    /// has reacted with `reaction`; `None` where there is none of that number.
    ///
    /// # Errors
    /// Of the backend.
    fn message(
        &mut self,
        room: RoomId,
        seq: Seq,
        reacted: Option<(UserId, &Reaction)>,
    ) -> Result<Option<Message>, StoreError>;

    /// The reactions to the messages from `first` to `last`, by message and then in the order in which
    /// they came first, with the first `limits::REACTION_NAMES` users of each, and whether `me` is one
    /// of all of them.
    ///
    /// # Errors
    /// Of the backend.
    fn reactions(
        &mut self,
        room: RoomId,
        first: Seq,
        last: Seq,
        me: UserId,
    ) -> Result<Vec<ReactionEntry>, StoreError>;

    /// The last of a room's oldest events that are all from before then; `None` if the oldest is not.
    /// Only the oldest `limits::TRIM_EVENTS` are looked at.
    ///
    /// # Errors
    /// Of the backend.
    fn expired(&mut self, room: RoomId, before: WallMs) -> Result<Option<Seq>, StoreError>;

    /// All rooms, by id. For programs beside the server.
    ///
    /// # Errors
    /// Of the backend.
    fn rooms(&mut self) -> Result<Vec<StoredRoom>, StoreError>;

    /// Looks for words. What was deleted, or has gone with its room or its time, is never found, also
    /// when the index still has it.
    ///
    /// # Errors
    /// Of the backend; nothing is wrong with any words.
    fn search(&mut self, query: &Query) -> Result<Found, StoreError>;

    /// The newest `limits::INSTANCE_WINDOW` accepted sends of a client instance, by counter.
    ///
    /// # Errors
    /// Of the backend.
    fn sends(&mut self, instance: Instance) -> Result<Vec<SendRecord>, StoreError>;

    /// Entries of the audit log from `since` on whose id is above `after_id`, by id, at most `limit`.
    ///
    /// # Errors
    /// Of the backend.
    fn audit(
        &mut self,
        since: WallMs,
        after_id: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;
}

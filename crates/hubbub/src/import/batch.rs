//! A batch of messages, cut by number and by bytes, and who refers to whom across batches.

use hubbub_protocol::{Seq, limits};
use hubbub_server::admin::{ImportMessage, ImportRefers, REQUEST_BYTES};
use std::collections::{HashMap, VecDeque};
use std::io;

/// Of a request, for what is around the messages: the room's name, and JSON.
const AROUND_BYTES: usize = 1024;
/// Of a message, for what it refers to.
const REFERS_BYTES: usize = 48;
/// Messages of earlier batches that others can still refer to; the oldest are forgotten first.
const REMEMBERED: usize = 500_000;

/// What goes to the server at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    messages: Vec<ImportMessage>,
    bytes: usize,
    /// Where in it stands what others refer to.
    keys: HashMap<u64, usize>,
}

/// What a message takes of a request, at most.
pub(super) fn bytes(message: &ImportMessage) -> io::Result<usize> {
    Ok(serde_json::to_vec(message)?.len() + REFERS_BYTES)
}

impl Batch {
    /// Whether there is room for one more.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.messages.len() < limits::PAGE as usize
            && self.bytes + bytes <= REQUEST_BYTES - AROUND_BYTES
    }

    pub(super) fn push(&mut self, message: ImportMessage, bytes: usize, key: Option<u64>) {
        if let Some(key) = key {
            self.keys.insert(key, self.messages.len());
        }
        self.messages.push(message);
        self.bytes += bytes;
    }

    /// Takes all of it out, with the places of what others refer to.
    pub(super) fn take(&mut self) -> (Vec<ImportMessage>, HashMap<u64, usize>) {
        let Self { messages, keys, .. } = std::mem::take(self);
        (messages, keys)
    }
}

/// The numbers that messages have got in the room.
#[derive(Debug, Default)]
pub(super) struct References {
    numbers: HashMap<u64, Seq>,
    /// The oldest first.
    order: VecDeque<u64>,
}

impl References {
    /// The message of this key: of this batch, or of one before.
    pub(super) fn find(&self, key: u64, batch: &Batch) -> Option<ImportRefers> {
        let here = batch.keys.get(&key).map(|&at| ImportRefers::Batch(at));
        here.or_else(|| self.numbers.get(&key).map(|&seq| ImportRefers::Seq(seq)))
    }

    /// A batch is in the room.
    pub(super) fn add(&mut self, first: Seq, keys: HashMap<u64, usize>) {
        for (key, at) in keys {
            if self.numbers.insert(key, Seq(first.0.saturating_add(at as u64))).is_none() {
                self.order.push_back(key);
            }
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.numbers.remove(&oldest);
            }
        }
    }
}

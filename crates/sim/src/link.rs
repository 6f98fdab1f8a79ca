//! A connection between a client and the server: two byte streams with little room in them.

use hubbub_protocol::SessionId;
use std::collections::VecDeque;

/// Bytes that are on their way in one direction at most: what a kernel would buffer, made small so
/// that slow readers are felt soon.
pub(crate) const WINDOW: usize = 8 * 1024;

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    /// Which client.
    pub(crate) client: usize,
    /// The session, while the server knows it.
    pub(crate) session: Option<SessionId>,
    /// Client → server.
    pub(crate) up: VecDeque<u8>,
    /// Server → client.
    pub(crate) down: VecDeque<u8>,
    /// The client does not read until then.
    pub(crate) stalled_until: u64,
    /// The server has shut down its side: the end follows what is in `down`.
    pub(crate) server_done: bool,
    /// A pump event is on its way, for each direction.
    pub(crate) up_scheduled: bool,
    pub(crate) down_scheduled: bool,
}

impl Link {
    pub(crate) fn new(client: usize) -> Self {
        Self {
            client,
            session: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            stalled_until: 0,
            server_done: false,
            up_scheduled: false,
            down_scheduled: false,
        }
    }

    /// Room for bytes to the client.
    pub(crate) fn down_room(&self) -> usize {
        WINDOW.saturating_sub(self.down.len())
    }
}

/// Takes a packet of random size from the front.
pub(crate) fn packet(stream: &mut VecDeque<u8>, rng: &mut fastrand::Rng) -> Vec<u8> {
    let most = match rng.u8(0..4) {
        0 => rng.usize(1..=7),
        1 => rng.usize(1..=200),
        _ => stream.len(),
    };
    let size = most.clamp(1, stream.len().max(1)).min(stream.len());
    stream.drain(..size).collect()
}

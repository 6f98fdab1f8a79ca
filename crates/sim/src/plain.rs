//! A simulated plain client: it reads lines, and checks that it hears each message at most once and
//! in order (invariant 7).

use crate::check::{Kind, Ledger};
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{RoomId, Seq};
use std::collections::BTreeMap;

/// One netcat.
pub(crate) struct PlainClient {
    pub(crate) name: String,
    lines: LineBuffer,
    said: u32,
    /// Heard texts of this connection, in order.
    heard: Vec<String>,
    pub(crate) connected: bool,
}

impl PlainClient {
    pub(crate) fn new(index: usize) -> Self {
        let name = format!("netcat{index}");
        Self { name, lines: LineBuffer::default(), said: 0, heard: Vec::new(), connected: false }
    }

    /// What it types at once after connecting.
    pub(crate) fn connected(&mut self) -> Vec<u8> {
        self.lines = LineBuffer::default();
        self.connected = true;
        // A name of its own each time: the last connection may not be noticed yet.
        self.said += 1;
        format!("{}x{}\n/join work\n/join lobby\n", self.name, self.said).into_bytes()
    }

    pub(crate) fn act(&mut self, rng: &mut fastrand::Rng, ledger: &mut Ledger) -> Vec<u8> {
        if rng.u8(0..6) == 0 {
            return b"/who\n/rooms\n/history 5\n/sync\n".to_vec();
        }
        self.said += 1;
        let text = format!("{}:{}@lobby", self.name, self.said);
        ledger.say(&text, "lobby");
        format!("{text}\n").into_bytes()
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
        while let Some(Line::Whole(line)) = self.lines.next_line() {
            let line = String::from_utf8_lossy(line);
            // `<name> text` or `[room] <name> text`; history begins with a date and is no delivery.
            let rest = line.strip_prefix("[work] ").unwrap_or(&line);
            if let Some((_, text)) = rest.strip_prefix('<').and_then(|rest| rest.split_once("> ")) {
                self.heard.push(text.to_owned());
            }
        }
    }

    /// Forgets the connection after checking what it brought.
    pub(crate) fn disconnected(&mut self, ledger: &mut Ledger) {
        self.connected = false;
        let mut last: BTreeMap<RoomId, Seq> = BTreeMap::new();
        for text in std::mem::take(&mut self.heard) {
            // What only plain listeners heard has no known place.
            let Some((room, seq)) = ledger.place_of(&text) else { continue };
            let before = last.insert(room, seq);
            if before.is_some_and(|before| before >= seq) {
                let what = format!("{} heard {text:?} ({seq}) after {before:?}", self.name);
                ledger.report(Kind::Plain, what);
            }
        }
    }
}

//! A simulated plain client: it reads lines, and checks that it hears each message at most once and
//! in order (invariant 7).

use crate::check::{Kind, Ledger};
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{RoomId, Seq};
use std::collections::BTreeMap;

/// One netcat.
pub(crate) struct PlainClient {
    pub(crate) name: String,
    /// The account that it is a session of.
    account: Option<String>,
    /// To whom it may write in private.
    others: Vec<String>,
    /// The name of this connection's user.
    user: String,
    lines: LineBuffer,
    said: u32,
    /// Heard texts of this connection, in order.
    heard: Vec<String>,
    pub(crate) connected: bool,
}

impl PlainClient {
    pub(crate) fn new(index: usize, account: Option<String>, others: Vec<String>) -> Self {
        Self {
            name: format!("netcat{index}"),
            account,
            others,
            user: String::new(),
            lines: LineBuffer::default(),
            said: 0,
            heard: Vec::new(),
            connected: false,
        }
    }

    /// What it types at once after connecting.
    pub(crate) fn connected(&mut self) -> Vec<u8> {
        self.lines = LineBuffer::default();
        self.connected = true;
        self.said += 1;
        let login = match &self.account {
            Some(account) => {
                self.user = account.clone();
                format!("LOGIN {account} {}", crate::client::PASSWORD)
            }
            None => {
                // A name of its own each time: the last connection may not be noticed yet.
                self.user = format!("{}x{}", self.name, self.said);
                self.user.clone()
            }
        };
        format!("{login}\n/join work\n/join lobby\n").into_bytes()
    }

    pub(crate) fn act(&mut self, rng: &mut fastrand::Rng, ledger: &mut Ledger) -> Vec<u8> {
        if rng.u8(0..6) == 0 {
            return b"/who\n/rooms\n/history 5\n/sync\n".to_vec();
        }
        self.said += 1;
        // Only a user with one connection can tell in which order it agrees and takes it back.
        if self.account.is_none() && rng.u8(0..3) == 0 {
            let other = self.others[rng.usize(0..self.others.len())].clone();
            let text = format!("{}:{}@@{other}", self.name, self.said);
            ledger.say(&text, &format!("@{other}"));
            ledger.consents.agree(&self.user, &other);
            return format!("@{other} {text}\n").into_bytes();
        }
        let text = format!("{}:{}@lobby", self.name, self.said);
        ledger.say(&text, "lobby");
        format!("{text}\n").into_bytes()
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], ledger: &mut Ledger) {
        self.lines.push(bytes);
        while let Some(Line::Whole(line)) = self.lines.next_line() {
            let line = String::from_utf8_lossy(line).into_owned();
            if let Some(said) = line.strip_prefix("[private] ") {
                self.hear_private(said, ledger);
                continue;
            }
            // `<name> text` or `[room] <name> text`; history begins with a date and is no delivery.
            let rest = line.strip_prefix("[work] ").unwrap_or(&line);
            if let Some((_, text)) = rest.strip_prefix('<').and_then(|rest| rest.split_once("> ")) {
                self.heard.push(text.to_owned());
            }
        }
    }

    /// `<name> text`, or the same behind a date for what was missed.
    fn hear_private(&mut self, line: &str, ledger: &mut Ledger) {
        let said = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((_, said)) => said,
            None => line,
        };
        let Some((from, text)) = said.strip_prefix('<').and_then(|rest| rest.split_once("> "))
        else {
            return;
        };
        if from != self.user && !ledger.consents.agreed_ever(&self.user, from) {
            let what = format!("{} never agreed to hear {text:?} of {from}", self.user);
            ledger.report(Kind::Consent, what);
        }
        if from != self.user {
            self.heard.push(text.to_owned());
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

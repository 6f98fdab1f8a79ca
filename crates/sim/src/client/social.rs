//! What a simulated user does with others: private chats, agreed and not, and an account.

use super::Client;
use crate::check::Ledger;
use hubbub_client::{ConnectionState, Enter};
use hubbub_protocol::frame::MessageKind;
use hubbub_protocol::{Password, RoomAddress, UserName};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse";

/// Who a native client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A guest of its own.
    Guest,
    /// One of the sessions of an account.
    Account {
        /// It alone says what the account agrees to, so that the order of that is known.
        speaks: bool,
    },
}

pub(crate) fn password() -> Password {
    Password::chosen(PASSWORD).expect("long enough")
}

fn name(name: &str) -> UserName {
    UserName::parse(name).expect("a valid name")
}

impl Client {
    /// Whether it may agree, and take that back, for its user.
    pub(crate) fn speaks(&self) -> bool {
        self.identity != Identity::Account { speaks: false }
    }

    /// Does something with somebody.
    pub(super) fn mingle(&mut self, rng: &mut fastrand::Rng, ledger: &mut Ledger) {
        if !self.speaks() || self.others.is_empty() {
            return;
        }
        let other = self.others[rng.usize(0..self.others.len())].clone();
        let to = name(&other);
        // An order that can't be known from outside: what waits might go out before or after.
        let waits = self.core.pending_sends().any(|send| send.conversation == address(&other));
        let _ = match rng.u8(0..14) {
            0..5 => return self.whisper(&other, rng, ledger),
            5 | 6 => self.core.ask_user(&to),
            7..10 => self.core.accept(&to),
            10 if !waits => self.core.reject(&to),
            11 if !waits => self.core.end(&to),
            12 if !waits && rng.bool() => self.core.block(&to),
            _ => self.core.unblock(&to),
        };
    }

    fn whisper(&mut self, other: &str, rng: &mut fastrand::Rng, ledger: &mut Ledger) {
        for _ in 0..rng.u32(1..4) {
            self.said += 1;
            let text = format!("{}:{}@@{other}", self.tag, self.said);
            ledger.say(&text, &format!("@{other}"));
            match self.core.send(&address(other), &text, MessageKind::Text) {
                Ok(local) => {
                    self.texts.insert(local.0, text);
                }
                Err(_) => ledger.failed(&text),
            }
        }
    }

    /// An account's login was refused: it may be made already, or not be made yet.
    pub(crate) fn come_in_otherwise(&mut self, now: u64) {
        let state = self.core.connection();
        if matches!(state, ConnectionState::LoginRefused | ConnectionState::NameRefused)
            && now >= self.tries_again
        {
            self.tries_again = now + 1_500;
            self.try_the_other_way();
        }
    }

    /// The other way to come in, for an account.
    pub(crate) fn try_the_other_way(&mut self) {
        if self.identity == Identity::Guest {
            return;
        }
        self.registers = !self.registers;
        let enter = match self.registers {
            true => Enter::Register { password: password(), invite: None },
            false => Enter::Password(password()),
        };
        self.core.set_login(name(&self.name), enter);
    }
}

pub(crate) fn address(user: &str) -> RoomAddress {
    RoomAddress::User(name(user))
}

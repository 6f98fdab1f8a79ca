//! Who has agreed to hear whom, as the users themselves know it: watched from what they say and what
//! they are answered, never asked of the server.
//!
//! A user agrees by asking, accepting or writing. It takes that back by ending, rejecting or
//! blocking; from the answer to that on, nothing of the other may reach the connection that said so.

use crate::check::{Kind, Ledger};
use hubbub_protocol::frame::{ClientFrame, Request, ServerFrame, Target};
use std::collections::{BTreeMap, BTreeSet};

/// All consents of the world, by user and other.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    /// Agreed at some time. What was said then may be read later.
    ever: BTreeSet<(String, String)>,
    /// Agrees now.
    now: BTreeSet<(String, String)>,
}

impl Consents {
    pub(crate) fn agree(&mut self, user: &str, other: &str) {
        self.ever.insert((user.to_owned(), other.to_owned()));
        self.now.insert((user.to_owned(), other.to_owned()));
    }

    fn take_back(&mut self, user: &str, other: &str) {
        self.now.remove(&(user.to_owned(), other.to_owned()));
    }

    pub(crate) fn agreed_ever(&self, user: &str, other: &str) -> bool {
        self.ever.contains(&(user.to_owned(), other.to_owned()))
    }

    fn agrees(&self, user: &str, other: &str) -> bool {
        self.now.contains(&(user.to_owned(), other.to_owned()))
    }
}

/// What one connection of a native client has said about its consents.
#[derive(Debug, Default)]
pub(crate) struct Said {
    requests: u64,
    /// When it agreed last, by other.
    agreed: BTreeMap<String, u64>,
    /// What takes consent back and is not answered yet, by request: when, and of whom.
    taking_back: BTreeMap<u64, (u64, String)>,
}

/// Whom a connection belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) user: &'a str,
    /// Whether this connection alone agrees and takes back for its user. What others of the user
    /// take back, it may hear a little later.
    pub(crate) speaks: bool,
}

impl Said {
    pub(crate) fn sends(&mut self, who: Who<'_>, frame: &ClientFrame, ledger: &mut Ledger) {
        self.requests += 1;
        match &frame.request {
            Request::Send { target: Target::User(other), .. }
            | Request::Ask { user: other }
            | Request::Accept { user: other } => {
                ledger.consents.agree(who.user, other);
                self.agreed.insert(other.clone(), self.requests);
            }
            Request::End { user: other }
            | Request::Reject { user: other }
            | Request::Block { user: other } => {
                if let Some(id) = frame.id {
                    self.taking_back.insert(id, (self.requests, other.clone()));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn hears(&mut self, who: Who<'_>, frame: &ServerFrame, ledger: &mut Ledger) {
        match frame {
            ServerFrame::Done { id: Some(id) } => {
                let Some((since, other)) = self.taking_back.remove(id) else { return };
                let agreed_later = self.agreed.get(&other).is_some_and(|agreed| *agreed > since);
                if !agreed_later {
                    ledger.consents.take_back(who.user, &other);
                }
            }
            ServerFrame::Message { target: Target::User(_), event } => {
                let from = event.from.name.as_str();
                let agrees = match who.speaks {
                    true => ledger.consents.agrees(who.user, from),
                    false => ledger.consents.agreed_ever(who.user, from),
                };
                if from != who.user && !agrees {
                    let text = event.body.words();
                    let what = format!("{} never agreed to hear {text} of {from}", who.user);
                    ledger.report(Kind::Consent, what);
                }
            }
            _ => {}
        }
    }
}

//! The client as a state machine: its inputs and outputs. What a program may want
//! is in `wishes.rs`, `account.rs`, `people.rs` and `moderation.rs`; what frames do in `frames.rs`,
//! `entry.rs`, `catch_up.rs`, `consent.rs`, `moderation.rs` and `refusal.rs`.

use crate::config::CoreConfig;
use crate::config::Pass;
use crate::conversation::{Attachment, Conversation, ConversationId, Conversations, target};
use crate::event::{ClientEvent, ConnectionState, RequestId};
use crate::outbox::{Outbox, PendingSend};
use crate::requests::{Requests, Waiting};
use crate::session::Session;
use hubbub_protocol::frame::{ClientFrame, MessageKind, Request, ServerFrame};
use hubbub_protocol::mention::Calls;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{Author, Body, MonoMs, ResumeToken, RoomAddress, RoomName};
use std::collections::VecDeque;

/// The client. One owner drives it: after each input, take what is to be transmitted and what
/// happened until both are empty, then wait for bytes, commands or the next time-out.
///
/// Time is any clock that never runs backwards.
#[derive(Debug)]
pub struct Core {
    pub(crate) config: CoreConfig,
    pub(crate) session: Session,
    pub(crate) conversations: Conversations,
    pub(crate) outbox: Outbox,
    pub(crate) requests: Requests,
    pub(crate) events: VecDeque<ClientEvent>,
    pub(crate) violations: u64,
    pub(crate) transmit: VecDeque<ClientFrame>,
    /// By what the user wants to be called, beside the name.
    pub(crate) highlights: Vec<String>,
    /// By what the user is called.
    pub(crate) calls: Calls,
}

impl Core {
    /// A client that is not connected yet.
    #[must_use]
    pub fn new(config: CoreConfig) -> Self {
        let jitter = config
            .instance
            .0
            .iter()
            .fold(0, |sum: u64, &byte| crate::backoff::spread(sum ^ u64::from(byte)));
        let mut conversations = Conversations::new(config.kept_events_max);
        for address in &config.conversations {
            conversations.open(address);
        }
        Self {
            session: Session::new(config.resume),
            conversations,
            outbox: Outbox::new(config.sends_max, jitter),
            requests: Requests::default(),
            events: VecDeque::new(),
            violations: 0,
            transmit: VecDeque::new(),
            highlights: Vec::new(),
            calls: Calls::default(),
            config,
        }
    }

    // ---- the connection ----

    /// A connection stands; nothing was sent or received on it yet.
    pub fn connected(&mut self, now: MonoMs) {
        if self.session.state == ConnectionState::Stopped {
            return;
        }
        self.session.connected(now);
        self.say_hello();
    }

    /// A frame came.
    pub fn received(&mut self, now: MonoMs, frame: ServerFrame) {
        if matches!(
            self.session.state,
            ConnectionState::Offline | ConnectionState::Dead | ConnectionState::Stopped
        ) {
            return;
        }
        self.session.heard(now);
        self.handle(now, frame);
        self.pump();
        self.tell_what_is_not_sent();
    }

    /// A line came, without its line end. One that is no frame of this protocol version is skipped:
    /// a newer server may say more. If it was an event, the gap that it leaves is seen and repaired.
    pub fn received_line(&mut self, now: MonoMs, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(frame) => self.received(now, frame),
            Err(_) => self.violations += 1,
        }
    }

    /// The connection is gone, or could not be made.
    pub fn disconnected(&mut self, now: MonoMs) {
        let was_connected = self.session.state != ConnectionState::Offline;
        self.session.disconnected(now);
        self.transmit.clear();
        self.outbox.disconnected();
        for request in self.requests.disconnected() {
            self.events.push_back(ClientEvent::RequestLost { request });
        }
        for conversation in self.conversations.iter_mut() {
            conversation.attachment = Attachment::Detached;
            conversation.joins = 0;
        }
        if was_connected {
            let returns = self.session.reconnect_delay_ms(0).is_some();
            self.events.push_back(ClientEvent::Disconnected { returns });
        }
        self.tell_what_is_not_sent();
    }

    /// How long to wait before connecting, from the moment of the last
    /// [`disconnected`](Self::disconnected); `None`: not at all. `random` spreads the clients of a
    /// server that restarts.
    #[must_use]
    pub fn reconnect_delay_ms(&self, random: u64) -> Option<u64> {
        self.session.reconnect_delay_ms(random)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoMs> {
        let held = self.conversations.iter().filter_map(|(_, c)| match c.attachment {
            Attachment::JoinHeld { until } => Some(until),
            _ => None,
        });
        held.chain(self.session.timeout()).chain(self.outbox.timeout()).min()
    }

    /// The time has come. Harmless if it has not.
    pub fn handle_timeout(&mut self, now: MonoMs) {
        if self.session.handle_timeout(now) {
            self.ask(Waiting::KeepAlive, Request::Ping);
        }
        self.outbox.handle_timeout(now);
        for id in self.conversations.ids() {
            let attachment = self.conversations.get(id).map(|c| c.attachment);
            if matches!(attachment, Some(Attachment::JoinHeld { until }) if until <= now) {
                self.start_join(id);
            }
        }
        self.pump();
    }

    /// The next frame for the server.
    pub fn poll_transmit(&mut self) -> Option<ClientFrame> {
        self.transmit.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    // ---- what is known ----

    /// Where the connection stands.
    #[must_use]
    pub fn connection(&self) -> ConnectionState {
        self.session.state
    }
    /// The user, after the first welcome.
    #[must_use]
    pub fn user(&self) -> Option<&Author> {
        self.session.user.as_ref()
    }
    /// Whether the user is an account, after the first welcome.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.session.account
    }
    /// What gives the user back to another core with the same instance. A secret.
    #[must_use]
    pub fn resume_token(&self) -> Option<ResumeToken> {
        self.session.token
    }
    /// All conversations.
    pub fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations.iter().map(|(_, conversation)| conversation)
    }
    /// The words by which the account wants to be called, beside its name, as last heard.
    #[must_use]
    pub fn highlights(&self) -> &[String] {
        &self.highlights
    }
    /// By what the user is called: marks messages that come by history, as
    /// [`ClientEvent::NewEvent`] is marked.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
    /// A conversation, by a name that differs at most in upper and lower case.
    #[must_use]
    pub fn conversation(&self, address: &RoomAddress) -> Option<&Conversation> {
        self.conversations.get(self.conversations.find(address)?)
    }
    /// The sends that are not acknowledged yet, in order.
    pub fn pending_sends(&self) -> impl ExactSizeIterator<Item = &PendingSend> {
        self.outbox.iter()
    }
    /// How often the server broke the protocol, as far as it shows. 0 with a right server.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations
    }

    // ---- helpers of all handlers ----

    pub(crate) fn ask(&mut self, waiting: Waiting, request: Request) -> RequestId {
        let id = self.requests.add(waiting);
        self.transmit.push_back(ClientFrame { id: Some(id), request });
        RequestId(id)
    }

    /// Finds or makes a conversation; forgets the most silent private chat for it, if need be.
    pub(crate) fn open(&mut self, address: &RoomAddress) -> Option<ConversationId> {
        if self.conversations.find(address).is_none() {
            self.make_place()?;
        }
        self.conversations.open(address)
    }

    /// The same of a room with a PIN.
    pub(crate) fn open_pin(&mut self, name: &RoomName, pin: &Hidden) -> Option<ConversationId> {
        if self.conversations.find_pin(name, pin).is_none() {
            self.make_place()?;
        }
        self.conversations.open_pin(name, pin)
    }

    fn make_place(&mut self) -> Option<()> {
        if self.conversations.is_full() {
            let conversation = self.conversations.forget_silent_private()?.address;
            self.events.push_back(ClientEvent::Reset { conversation });
        }
        Some(())
    }

    /// Joins, or joins again, from the last known event on.
    pub(crate) fn start_join(&mut self, id: ConversationId) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        conversation.attachment = Attachment::Joining;
        conversation.joins += 1;
        let asked = conversation.asking();
        let after = conversation.timeline.position();
        let (pin, key) = match asked.pass.clone() {
            Some(Pass::Pin(pin)) => (Some(pin), None),
            Some(Pass::Key(key)) => (None, Some(key)),
            None => (None, None),
        };
        let target = target(&asked.address);
        let request = Request::Join { target, after, retention: None, pin, key };
        self.ask(Waiting::Join { conversation: id, asked }, request);
    }

    pub(crate) fn start_leave(&mut self, room: RoomName) {
        let request = Request::Leave { room: room.to_string() };
        self.ask(Waiting::Leave { room }, request);
    }

    /// Lets out the sends that may go now.
    pub(crate) fn pump(&mut self) {
        let Session { state, quitting, changing_user, .. } = self.session;
        if state != ConnectionState::Ready || quitting || changing_user {
            return;
        }
        while let Some(send) = self.outbox.take(self.session.in_flight_max) {
            let kind = match send.body {
                Body::Action(_) => MessageKind::Action,
                _ => MessageKind::Text,
            };
            let request = Request::Send {
                target: target(&send.conversation),
                text: send.body.words().to_owned(),
                kind,
                reply: send.body.said().and_then(|said| said.reply),
                counter: send.counter(),
            };
            let local = send.local;
            let id = self.requests.add(Waiting::Send { local });
            self.transmit.push_back(ClientFrame { id: Some(id), request });
        }
    }
}

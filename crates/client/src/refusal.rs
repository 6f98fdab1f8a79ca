//! What a refusal means: try again, give up, or stop (invariant 12).
//!
//! Not here: a refused hello (`entry.rs`), and consent (`consent.rs`).

use crate::backoff;
use crate::conversation::{Attachment, ConversationId};
use crate::core::Core;
use crate::event::{ClientEvent, LocalId, RequestId};
use crate::outbox::PendingSend;
use crate::requests::{Asked, Waiting};
use hubbub_protocol::{ErrorCode, MonoMs, NextStep, RoomAddress};

/// The longest wait for a `join` that the server names, in milliseconds.
const JOIN_WAIT_MAX_MS: u64 = 10 * 60 * 1000;

/// An `error` frame, without the number of its request and the suggestion.
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) next: NextStep,
    pub(crate) text: String,
    pub(crate) wait_ms: Option<u64>,
}

impl Core {
    pub(crate) fn refused(
        &mut self,
        now: MonoMs,
        id: Option<u64>,
        refusal: Refusal,
        suggestion: Option<String>,
    ) {
        match self.requests.answer(id) {
            Some(Waiting::Hello) => self.hello_refused(refusal, suggestion),
            Some(Waiting::Join { conversation, asked }) => {
                self.join_refused(now, conversation, asked, refusal);
            }
            Some(Waiting::Leave { room }) => {
                let address = RoomAddress::Room(room.clone());
                if refusal.code == ErrorCode::NotMember {
                    self.left(room);
                } else {
                    self.tell(None, Some(address.into()), refusal);
                }
            }
            Some(Waiting::Send { local }) => self.send_refused(now, local, refusal),
            Some(Waiting::Login { .. }) => {
                self.session.changing_user = false;
                self.tell(id.map(RequestId), None, refusal);
            }
            Some(
                Waiting::Asked
                | Waiting::Register { .. }
                | Waiting::NewPassword { .. }
                | Waiting::Highlights { .. }
                | Waiting::Group { .. },
            ) => self.tell(id.map(RequestId), None, refusal),
            Some(Waiting::Logout { token }) => {
                self.session.quitting = false;
                self.session.token = token;
                self.tell(None, None, refusal);
            }
            Some(Waiting::KeepAlive) => {}
            None => self.tell(None, None, refusal),
        }
    }

    fn join_refused(&mut self, now: MonoMs, id: ConversationId, asked: Asked, refusal: Refusal) {
        let jitter = self.outbox.jitter();
        let Some(conversation) = self.conversations.get_mut(id) else {
            // Another join of it was refused before; who asked for this one waits for an answer.
            return self.tell(None, Some(asked), refusal);
        };
        conversation.joins = conversation.joins.saturating_sub(1);
        if conversation.joins > 0 {
            // How it stands, the answer to the later one says: perhaps that has the right key. Who
            // asked for just the same is answered by that, too.
            if conversation.asked.as_ref().is_some_and(|later| *later != asked) {
                self.tell(None, Some(asked), refusal);
            }
            return;
        }
        let began = conversation.timeline.position().is_some();
        // Who tries one key after the other is told to wait, instead of waiting without a word.
        let tries = refusal.code == ErrorCode::TooFast && conversation.asked.is_some() && !began;
        if refusal.next == NextStep::Retry && !tries {
            conversation.failures = conversation.failures.saturating_add(1);
            let delay = backoff::delay_ms(conversation.failures, backoff::spread(jitter ^ now.0));
            let delay = delay.max(refusal.wait_ms.unwrap_or(0).min(JOIN_WAIT_MAX_MS));
            conversation.attachment = Attachment::JoinHeld { until: now.plus(delay) };
            return;
        }
        let was_asked = conversation.asked.take().is_some();
        conversation.attachment = Attachment::Detached;
        // Whoever has the name next may be somebody else.
        conversation.with = None;
        match conversation.address {
            // The other is away, or a new guest without a word said yet. What we have stays
            // readable, and the chat goes on with the next message.
            RoomAddress::User(_) if began && !was_asked => return,
            RoomAddress::User(_) if began => {}
            RoomAddress::Room(ref room) if began => {
                let room = room.clone();
                self.conversations.remove(id);
                self.outbox.set_slow(&room, false);
                self.events.push_back(ClientEvent::Left { room });
            }
            RoomAddress::User(_) | RoomAddress::Room(_) => {
                self.conversations.remove(id);
            }
        }
        self.tell(None, Some(asked), refusal);
    }

    fn send_refused(&mut self, now: MonoMs, local: LocalId, refusal: Refusal) {
        let to = self.outbox.get(local).map(|send| &send.conversation);
        let is_private = matches!(to, Some(RoomAddress::User(_)));
        match refusal.code {
            // Somebody was asked already: that is what was wanted.
            ErrorCode::NotAccepted | ErrorCode::AlreadyAsked if is_private => {
                return self.not_accepted(local, refusal);
            }
            ErrorCode::TooFast => return self.outbox.too_fast(now, local, refusal.wait_ms),
            ErrorCode::NotMember if self.outbox.get(local).is_some_and(PendingSend::has_moved) => {
                return self.outbox.again(local);
            }
            ErrorCode::AwayFull if is_private => return self.outbox.put_off(now, local),
            ErrorCode::NoSuchUser if is_private => return self.nobody(local, refusal),
            ErrorCode::PrivateClosed if is_private => return self.closed_to_us(local, refusal),
            _ => {}
        }
        let for_good = matches!(refusal.next, NextStep::Correct | NextStep::Stop);
        if !for_good || refusal.code == ErrorCode::NotMember && self.is_coming_in(local) {
            self.outbox.retry(now, local);
            return;
        }
        self.fail_one(local, refusal.code, refusal.text);
    }

    /// Whether the send went to a room whose `join` was put off: then it came too early only.
    fn is_coming_in(&self, local: LocalId) -> bool {
        let Some(send) = self.outbox.get(local) else { return false };
        let Some(id) = self.conversations.find(&send.conversation) else { return false };
        self.is_joining(id)
    }

    pub(crate) fn tell(
        &mut self,
        request: Option<RequestId>,
        asked: Option<Asked>,
        refusal: Refusal,
    ) {
        let Refusal { code, next, text, wait_ms: _ } = refusal;
        let (conversation, pass) = match asked {
            Some(Asked { address, pass }) => (Some(address), pass),
            None => (None, None),
        };
        let refused = ClientEvent::Refused { request, conversation, pass, code, next, text };
        self.events.push_back(refused);
    }
}

//! Private chats need the other side's consent: sends that wait for it, and what ends the waiting.
//!
//! A send to somebody who has not agreed is refused, and the server asks them by that. It waits in
//! the outbox, with all that is for the same user behind it, until a `link` says how it ended. A
//! `link` may overtake the answer to a send that was refused before it: so what is heard while a
//! send is on its way counts too. A name may come to belong to somebody else: what was for the
//! one before must not reach them.

use crate::conversation::Attachment;
use crate::core::Core;
use crate::event::{ClientEvent, ConnectionState, LocalId, SendState};
use crate::outbox::PendingSend;
use crate::refusal::Refusal;
use hubbub_protocol::frame::{LinkEntry, LinkState};
use hubbub_protocol::{Author, ErrorCode, RoomAddress, UserId, UserName};

impl Core {
    /// How a user stands to us has changed.
    pub(crate) fn link(&mut self, user: Author, state: LinkState) {
        self.heard_of(&user, state);
        self.events.push_back(ClientEvent::Link { user, state });
    }

    /// The answer to `links` says the same, of many.
    pub(crate) fn links_listed(&mut self, links: &[LinkEntry]) {
        for entry in links.iter().filter(|entry| entry.group.is_none()) {
            self.heard_of(&entry.user, entry.state);
        }
    }

    fn heard_of(&mut self, user: &Author, state: LinkState) {
        let Author { id, name } = user;
        if matches!(state, LinkState::Asked | LinkState::Waiting | LinkState::Open) {
            self.belongs_to(name, *id);
        } else {
            self.refuse_strangers(name, *id);
        }
        self.outbox.heard(name, *id, state);
        match state {
            LinkState::Open => {
                self.release(name);
                self.attach_again(name);
            }
            // Writing to somebody who asks is to agree, and we had something to say.
            LinkState::Asked => self.outbox.nudge(name),
            LinkState::Rejected | LinkState::Ended => {
                let text = if state == LinkState::Rejected {
                    format!("{name} declined the private chat.")
                } else {
                    format!("The private chat with {name}, or the question for one, is over.")
                };
                let given_up = self.outbox.give_up(name, Some(*id));
                self.fail(given_up, ErrorCode::NotAccepted, &text);
                self.forget_side(name, Some(*id));
            }
            LinkState::Waiting | LinkState::Blocked => {}
        }
    }

    /// From now on the name means this user.
    fn belongs_to(&mut self, name: &UserName, id: UserId) {
        self.refuse_strangers(name, id);
        self.outbox.identify(name, id);
        let address = RoomAddress::User(name.clone());
        let found = self.conversations.find(&address);
        if let Some(conversation) = found.and_then(|id| self.conversations.get_mut(id)) {
            conversation.with = Some(id);
        }
    }

    /// What was for another user of this name will not be sent.
    fn refuse_strangers(&mut self, name: &UserName, id: UserId) {
        let strangers = self.outbox.refuse_strangers(name, id);
        self.fail(strangers, ErrorCode::NoSuchUser, &stranger_text(name));
    }

    /// What was said before the chat ended, while we were away, can be had again.
    fn attach_again(&mut self, name: &UserName) {
        let Some(id) = self.conversations.find(&RoomAddress::User(name.clone())) else { return };
        let began = self.conversations.get(id).is_some_and(|c| c.room_id().is_some());
        if began && self.attachment(id) == Attachment::Detached {
            self.start_join(id);
        }
    }

    /// Whoever comes under this name next may be somebody else; what is sent to the name after this
    /// is for them.
    pub(crate) fn forget_side(&mut self, name: &UserName, id: Option<UserId>) {
        let found = self.conversations.find(&RoomAddress::User(name.clone()));
        if let Some(conversation) = found.and_then(|id| self.conversations.get_mut(id))
            && (id.is_none() || conversation.with == id)
        {
            conversation.with = None;
        }
    }

    /// What was held for this user goes out.
    pub(crate) fn release(&mut self, name: &UserName) {
        for local in self.outbox.release(name) {
            self.events.push_back(ClientEvent::Send { local, state: SendState::Pending });
        }
    }

    /// The other side of a private chat took another name.
    pub(crate) fn link_renamed(&mut self, user: Author, mut old: UserName) {
        let from = RoomAddress::User(old.clone());
        let to = RoomAddress::User(user.name.clone());
        let known = self.conversations.find(&from);
        let conversation = known.and_then(|id| self.conversations.get(id));
        let with = conversation.and_then(|conversation| conversation.with);
        let is_theirs = with.is_none_or(|with| with == user.id);
        if let Some(RoomAddress::User(name)) = conversation.map(|known| &known.address) {
            // As the program spells it.
            old = name.clone();
        }
        if let Some(id) = known.filter(|_| is_theirs) {
            if let Some(other) = self.conversations.rename_over(id, &to) {
                // Of somebody who was called so before.
                self.events.push_back(ClientEvent::Reset { conversation: other.address });
            }
            if let Some(conversation) = self.conversations.get_mut(id) {
                conversation.with = Some(user.id);
            }
        }
        self.outbox.rename(&old, &user.name, user.id);
        self.belongs_to(&user.name, user.id);
        // Else what the program has under the old name is with somebody else, and stays.
        if is_theirs {
            self.events.push_back(ClientEvent::LinkRenamed { user, old });
        }
    }

    /// The server did not take a send, since the other has not agreed.
    pub(crate) fn not_accepted(&mut self, local: LocalId, refusal: Refusal) {
        let Some(send) = self.outbox.get(local) else { return };
        let RoomAddress::User(name) = send.conversation.clone() else {
            return self.fail_one(local, refusal.code, refusal.text);
        };
        if send.is_stranger() {
            return self.fail_one(local, ErrorCode::NoSuchUser, stranger_text(&name));
        }
        match send.since() {
            Some(LinkState::Rejected) => {
                let text = format!("{name} declined the private chat.");
                self.fail_one(local, refusal.code, text);
            }
            // They agreed, or ask themselves, after this was refused. Or what ended was another
            // chat than the one that this asks for; asked again, the server knows.
            Some(LinkState::Open | LinkState::Asked | LinkState::Ended) => self.outbox.again(local),
            Some(LinkState::Waiting | LinkState::Blocked) | None => {
                for local in self.outbox.hold(local) {
                    self.events.push_back(ClientEvent::Send { local, state: SendState::Held });
                }
            }
        }
    }

    /// No user of that name was there; unless they took another one meanwhile.
    pub(crate) fn nobody(&mut self, local: LocalId, refusal: Refusal) {
        let Some(send) = self.outbox.get(local) else { return };
        if send.since() == Some(LinkState::Open) {
            return self.outbox.again(local);
        }
        if let RoomAddress::User(name) = send.conversation.clone() {
            self.forget_side(&name, None);
        }
        self.fail_one(local, refusal.code, refusal.text);
    }

    /// That user has no private chats: nothing that waits for them will be taken.
    pub(crate) fn closed_to_us(&mut self, local: LocalId, refusal: Refusal) {
        let to = self.outbox.get(local).map(|send| send.conversation.clone());
        let Refusal { code, text, .. } = refusal;
        self.fail_one(local, code, text.clone());
        if let Some(RoomAddress::User(name)) = to {
            let given_up = self.outbox.give_up(&name, None);
            self.fail(given_up, code, &text);
        }
    }

    /// The core ends: what waits for somebody is not sent, and the program is told.
    pub(crate) fn tell_what_is_not_sent(&mut self) {
        if self.session.state != ConnectionState::Stopped {
            return;
        }
        for send in self.outbox.give_up_all() {
            let (code, why) = match send.is_held() {
                true => (ErrorCode::NotAccepted, "has not agreed to a private chat"),
                false if send.was_too_fast() => (ErrorCode::TooFast, "takes messages slowly"),
                false => (ErrorCode::AwayFull, "is away, and as much as can wait for them does"),
            };
            let text = format!("It was not sent: {} {why}.", send.conversation);
            self.fail(vec![send], code, &text);
        }
    }

    pub(crate) fn fail(&mut self, sends: Vec<PendingSend>, code: ErrorCode, text: &str) {
        for send in sends {
            let state = SendState::Failed { code, text: text.to_owned() };
            self.events.push_back(ClientEvent::Send { local: send.local, state });
        }
    }

    pub(crate) fn fail_one(&mut self, local: LocalId, code: ErrorCode, text: String) {
        if self.outbox.finish(local).is_some() {
            let state = SendState::Failed { code, text };
            self.events.push_back(ClientEvent::Send { local, state });
        }
    }
}

fn stranger_text(name: &UserName) -> String {
    format!("The {name} that this was for is gone; somebody else is called so now.")
}

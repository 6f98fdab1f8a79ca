//! What frames do to conversations: joining, catching up, living on, and one's own messages.
//!
//! The rule behind everything: an event is taken only where it continues the timeline, whichever
//! way it comes (`message`, `page`, or one's own `sent`); whatever doesn't fit is asked for again
//! with `join {after}`. So a wrong guess here can cost a round trip, but never an event.

use crate::config::Pass;
use crate::conversation::{Attachment, ConversationId, Way, address};
use crate::core::Core;
use crate::event::{ClientEvent, LocalId, SendState};
use crate::requests::Asked;
use crate::timeline::Applied;
use hubbub_protocol::frame::{CatchUp, Retention, RoomInfo, Target};
use hubbub_protocol::{Body, Event, Position, RoomAddress, RoomChange, RoomId, Seq, Text, WallMs};

/// Joins in a row that do not make a conversation complete, after which its gap is accepted. A
/// server that contradicts itself must not be asked for ever.
const REPAIRS_MAX: u32 = 3;

/// What `joined` says, without its addressing.
pub(crate) struct Attached {
    pub(crate) head: Position,
    pub(crate) catch_up: CatchUp,
    pub(crate) retention: Retention,
    pub(crate) members: u32,
    pub(crate) created: bool,
    pub(crate) info: Option<Box<RoomInfo>>,
    pub(crate) read: Option<Seq>,
    pub(crate) draft: Option<Text>,
}

impl Core {
    pub(crate) fn joined(
        &mut self,
        id: ConversationId,
        asked: Asked,
        name: RoomAddress,
        to: Attached,
    ) {
        let Some(before) = self.conversations.get_mut(id) else {
            return self.joined_in_vain(name);
        };
        before.joins = before.joins.saturating_sub(1);
        let old = before.address.clone();
        if old != name && before.timeline.position().is_some() {
            // What the program has under the old name does not go on there.
            self.events.push_back(ClientEvent::Reset { conversation: old.clone() });
            if let (Way::Pin { .. }, RoomAddress::Room(old), RoomAddress::Room(new)) =
                (&before.way, &old, &name)
            {
                // What was meant for those who know the PIN is still for them.
                self.outbox.rename_room(old, new);
            }
        }
        let id = self.conversations.settle(id, &name);
        self.conversations.bind(id, to.head.room);
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        conversation.members = to.members;
        conversation.retention = to.retention;
        conversation.failures = 0;
        conversation.asked = None;
        if let Some(Pass::Key(key)) = &asked.pass {
            conversation.way = Way::Key(key.clone());
        }
        if let (RoomAddress::Room(room), Some(info)) = (&name, &to.info) {
            // Who has a role need not wait.
            self.outbox.set_slow(room, info.slow_s > 0 && info.role.is_none());
        }
        if self.position(id).is_some_and(|last| last.seq == Seq(0)) {
            // Nothing is known of it, so nothing is lost if it is another room by now: an empty one
            // does not outlive the server's restart.
            self.begin_at_nothing(id, to.head);
        }
        let last = self.position(id);
        let contradicts = last.is_some_and(|last| contradicts(last, to.head, to.catch_up));
        if to.catch_up == CatchUp::Reset || contradicts {
            self.violations += u64::from(to.catch_up != CatchUp::Reset);
            self.begin_anew(id, to.head);
        } else if to.catch_up == CatchUp::Live && last.is_none() {
            self.begin(id, to.head);
        }
        let Attached { head, catch_up, retention, members, created, info, read, draft } = to;
        let Asked { address: asked, pass } = asked;
        self.events.push_back(ClientEvent::Joined {
            conversation: name,
            asked,
            pass,
            room: head.room,
            head: head.seq,
            catch_up,
            retention,
            members,
            created,
            info,
            read,
            draft,
        });
        match catch_up {
            CatchUp::Pages => self.set_attachment(id, Attachment::CatchingUp),
            CatchUp::Live | CatchUp::Reset => self.complete(id, head),
        }
    }

    /// A join was answered whose conversation is not held any more: left, or sent out, meanwhile.
    fn joined_in_vain(&mut self, name: RoomAddress) {
        if let (None, RoomAddress::Room(room)) = (self.conversations.find(&name), name) {
            self.start_leave(room);
        }
    }

    /// The server says that everything up to `head` has come.
    fn complete(&mut self, id: ConversationId, head: Position) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        match conversation.timeline.position() {
            Some(last) if last.seq < head.seq => {
                self.repair(id, head);
                return;
            }
            Some(last) if last.seq == head.seq => conversation.timeline.confirm(head),
            // One's own message, acknowledged while this was on its way.
            Some(_) => {}
            None => conversation.timeline.begin(head),
        }
        conversation.attachment = Attachment::Live;
        conversation.repairs = 0;
        let conversation = conversation.address.clone();
        self.events.push_back(ClientEvent::CaughtUp { conversation });
    }

    pub(crate) fn page(&mut self, room: RoomId, events: Vec<Event>) {
        let Some(id) = self.conversations.find_room(room) else {
            self.violations += 1;
            return;
        };
        for event in events {
            // A gap in a page shows again at `live`, and is repaired there.
            self.apply(id, event, None);
        }
    }

    pub(crate) fn live(&mut self, head: Position) {
        match self.conversations.find_room(head.room) {
            Some(id) if self.attachment(id) == Attachment::CatchingUp => self.complete(id, head),
            // The end of an earlier catch-up, while or after another `join` was answered.
            Some(id) if self.attachment(id) == Attachment::Joining => {}
            Some(id) if self.position(id).is_some_and(|last| last.seq >= head.seq) => {}
            _ => self.violations += 1,
        }
    }

    pub(crate) fn message(&mut self, target: &Target, event: Event) {
        let Some(id) = self.conversation_of(target, &event) else {
            self.violations += 1;
            return;
        };
        let attachment = self.attachment(id);
        let before = Position { seq: Seq(event.seq.0.saturating_sub(1)), ..event.position() };
        if self.apply(id, event, None) == Applied::Gap {
            match attachment {
                // What was said before we joined comes by the answer to the join.
                Attachment::Joining | Attachment::JoinHeld { .. } => {}
                Attachment::CatchingUp => self.violations += 1,
                Attachment::Detached => self.start_join(id),
                Attachment::Live => self.repair(id, before),
            }
        } else if attachment == Attachment::Detached {
            self.set_attachment(id, Attachment::Live);
        }
    }

    /// Where a message belongs. A private chat begins with its first message; one with a user of
    /// the same name, but another one (a new room), takes the old one's place.
    fn conversation_of(&mut self, target: &Target, event: &Event) -> Option<ConversationId> {
        if let Some(id) = self.conversations.find_room(event.room) {
            return Some(id);
        }
        let from_me = self.session.user.as_ref().is_some_and(|user| user.id == event.from.id);
        match address(target).ok()? {
            RoomAddress::Room(_) => None,
            recipient @ RoomAddress::User(_) if from_me => {
                self.begin_private(&recipient, event.room)
            }
            RoomAddress::User(_) => {
                self.begin_private(&RoomAddress::User(event.from.name.clone()), event.room)
            }
        }
    }

    fn begin_private(&mut self, name: &RoomAddress, room: RoomId) -> Option<ConversationId> {
        let id = self.open(name)?;
        let conversation = self.conversations.get_mut(id)?;
        if conversation.room_id().is_some_and(|known| known != room) {
            conversation.timeline.forget();
            conversation.with = None;
            // A join of the old room may be on its way; its answer will name the new one.
            if conversation.attachment != Attachment::Joining {
                conversation.attachment = Attachment::Detached;
            }
            let conversation = conversation.address.clone();
            self.events.push_back(ClientEvent::Reset { conversation });
        }
        self.conversations.bind(id, room);
        Some(id)
    }

    /// The server took a message of ours: its place in the stream is here. If it took it earlier
    /// (`repeated`), then perhaps from the user that we were before, so only a live conversation
    /// takes it here: there, what came before is known, and this is new in this session.
    pub(crate) fn sent(
        &mut self,
        local: LocalId,
        position: Position,
        time: WallMs,
        repeated: bool,
    ) {
        let Some(send) = self.outbox.finish(local) else { return };
        if let RoomAddress::User(name) = &send.conversation {
            // Who takes one message takes those behind it.
            self.release(name);
        }
        let known = self.conversations.find_room(position.room);
        let id = match &send.conversation {
            RoomAddress::User(_) if !repeated => {
                known.or_else(|| self.begin_private(&send.conversation, position.room))
            }
            RoomAddress::User(_) | RoomAddress::Room(_) => known,
        };
        if let (Some(id), Some(from)) = (id, self.session.user.clone())
            && (!repeated || self.attachment(id) == Attachment::Live)
        {
            let Position { room, epoch, seq } = position;
            let to = send.to();
            let event = Event { room, epoch, seq, time, from, body: send.body };
            self.own_message(id, event, local);
            if let Some(conversation) = self.conversations.get_mut(id) {
                conversation.with = conversation.with.or(to);
            }
        }
        let state = SendState::Sent { position, time };
        self.events.push_back(ClientEvent::Send { local, state });
    }

    fn own_message(&mut self, id: ConversationId, event: Event, local: LocalId) {
        let attachment = self.attachment(id);
        if matches!(attachment, Attachment::CatchingUp | Attachment::JoinHeld { .. }) {
            return; // It comes by `page`, as others saw it.
        }
        let before = Position { seq: Seq(event.seq.0.saturating_sub(1)), ..event.position() };
        if self.apply(id, event, Some(local)) == Applied::Gap {
            match attachment {
                Attachment::Live => self.repair(id, before),
                Attachment::Detached => self.start_join(id),
                _ => {}
            }
        } else if attachment == Attachment::Detached {
            self.set_attachment(id, Attachment::Live);
        }
    }

    fn apply(&mut self, id: ConversationId, event: Event, local: Option<LocalId>) -> Applied {
        let Some(conversation) = self.conversations.get_mut(id) else { return Applied::Known };
        self.violations += u64::from(event.seq == Seq(0));
        let applied = conversation.timeline.apply(&event);
        if applied == Applied::New {
            if self.session.user.as_ref().is_some_and(|me| me.id != event.from.id) {
                conversation.with = Some(event.from.id);
            }
            let conversation = conversation.address.clone();
            self.conversations.touch(id);
            self.look_at_room(&conversation, &event);
            let is_mine = self.session.user.as_ref().is_some_and(|me| me.id == event.from.id);
            let said = event.body.said().filter(|_| !is_mine);
            let mention = said.and_then(|said| self.calls.find(said));
            self.events.push_back(ClientEvent::NewEvent { conversation, event, local, mention });
        }
        applied
    }

    /// What an event means to our own doing.
    fn look_at_room(&mut self, conversation: &RoomAddress, event: &Event) {
        match (&event.body, conversation) {
            (Body::Changed(RoomChange::SlowMode { seconds }), RoomAddress::Room(room)) => {
                self.outbox.set_slow(room, *seconds > 0);
            }
            (Body::Changed(RoomChange::Retention { retention }), _) => {
                let found = self.conversations.find(conversation);
                if let Some(known) = found.and_then(|id| self.conversations.get_mut(id)) {
                    known.retention = *retention;
                }
            }
            _ => {}
        }
    }

    /// The server left something out: asks for it, or accepts the gap if that has not helped. Then
    /// the timeline goes on behind `head`.
    fn repair(&mut self, id: ConversationId, head: Position) {
        self.violations += 1;
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        conversation.repairs += 1;
        if conversation.repairs <= REPAIRS_MAX {
            self.start_join(id);
        } else {
            self.begin_anew(id, head);
            self.complete(id, head);
        }
    }

    fn begin(&mut self, id: ConversationId, head: Position) {
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.timeline.begin(head);
        }
    }

    fn begin_at_nothing(&mut self, id: ConversationId, head: Position) {
        let seq = Seq(0);
        let epoch = self.position(id).map_or(head.epoch, |last| last.epoch);
        self.begin(id, Position { seq, epoch, ..head });
    }

    fn begin_anew(&mut self, id: ConversationId, head: Position) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        if conversation.timeline.position().is_some() {
            let conversation = conversation.address.clone();
            self.events.push_back(ClientEvent::Reset { conversation });
        }
        self.begin(id, head);
    }

    fn position(&self, id: ConversationId) -> Option<Position> {
        self.conversations.get(id)?.timeline.position()
    }

    pub(crate) fn attachment(&self, id: ConversationId) -> Attachment {
        self.conversations.get(id).map_or(Attachment::Detached, |c| c.attachment)
    }

    /// Whether a `join` is on its way, or put off.
    pub(crate) fn is_joining(&self, id: ConversationId) -> bool {
        matches!(self.attachment(id), Attachment::Joining | Attachment::JoinHeld { .. })
    }

    pub(crate) fn set_attachment(&mut self, id: ConversationId, attachment: Attachment) {
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.attachment = attachment;
        }
    }
}

/// Whether a server that goes on behind `head` must mean another log than the one that we have up
/// to `last`, and should have said `reset`.
fn contradicts(last: Position, head: Position, catch_up: CatchUp) -> bool {
    let other_event = head.seq == last.seq && head.epoch != last.epoch && last.seq > Seq(0);
    let behind = head.seq < last.seq;
    last.room != head.room || catch_up == CatchUp::Live && (behind || other_event)
}

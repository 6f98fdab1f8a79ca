//! The sequencer: one queue for everything that was admitted and is not yet out, durable or not
//! (invariant 2).
//!
//! An event gets its number at admission. It is released when its ticket is durable; an event of a
//! room without history has no ticket of its own and waits only if something that must come out
//! before it waits: an earlier event of its room, or an earlier send of its session. A failed commit
//! fails everything that waits.

use crate::hub::{Hub, reply};
use crate::instance::{Known, SendState};
use crate::{Delivery, Effect, Refusal, Reply, Survivor, Tag, Ticket};
use hubbub_protocol::record::Record;
use hubbub_protocol::{Counter, Epoch, ErrorCode, Event, Instance, RoomId, Seq, SessionId, limits};
use std::collections::VecDeque;
use std::sync::Arc;

/// What waits for the store.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    ticket: Ticket,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    failed: bool,
    /// Sends that failed with it.
    uncertain: Vec<(Instance, Counter)>,
    /// Rooms whose end is not yet known to be durable.
    gone: VecDeque<(Ticket, RoomId)>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    session: SessionId,
    tag: Tag,
    what: What,
}

#[derive(Debug)]
enum What {
    /// An event and its acknowledgement.
    Event { event: Arc<Event>, send: Option<(Instance, Counter)> },
    /// The answer to the repetition of a send that waits itself.
    Repetition { instance: Instance, counter: Counter },
    /// The answer to a refused send, behind the answers to those before it.
    Refusal(Refusal),
}

/// What a waiting event takes of the store's queue, in bytes: its text and what is around it.
fn cost(event: &Event) -> usize {
    const AROUND: usize = 256;
    AROUND + event.body.text().as_str().len()
}

impl Sequencer {
    /// Asks for the end of a room to be made durable; again, if the store fails before.
    pub(crate) fn persist_end(&mut self, room: RoomId, effects: &mut Vec<Effect>) {
        self.persist(Record::RoomGone(room), effects);
        self.gone.push_back((self.ticket, room));
    }

    /// Asks for a record to be made durable.
    pub(crate) fn persist(&mut self, record: Record, effects: &mut Vec<Effect>) {
        self.ticket.0 += 1;
        effects.push(Effect::Persist { ticket: self.ticket, record });
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the store takes nothing at the moment.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes > limits::COMMIT_BYTES
    }

    fn push(&mut self, session: SessionId, tag: Tag, what: What) {
        if let What::Event { event, .. } = &what {
            self.bytes += cost(event);
        }
        self.waiting.push_back(Waiting { ticket: self.ticket, session, tag, what });
    }

    fn pop_upto(&mut self, upto: Ticket) -> Option<Waiting> {
        if self.waiting.front()?.ticket > upto {
            return None;
        }
        let waiting = self.waiting.pop_front()?;
        if let What::Event { event, .. } = &waiting.what {
            self.bytes -= cost(event);
        }
        Some(waiting)
    }
}

impl Hub {
    /// Gives an admitted event its way: to the store, behind what waits, or straight out.
    pub(crate) fn sequence(
        &mut self,
        session: SessionId,
        tag: Tag,
        event: Arc<Event>,
        send: Option<(Instance, Counter)>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&event.room) else { return };
        room.head = event.seq;
        let durable = room.keeps_history();
        if durable {
            if !room.recorded {
                room.recorded = true;
                room.may_be_recorded = true;
                self.sequencer.persist(Record::Room(room.record.clone()), effects);
            }
            self.sequencer.persist(Record::Event { event: Arc::clone(&event), send }, effects);
        }
        let must_wait = durable || room.pending > 0 || self.waits(session);
        if let Some((instance, counter)) = send
            && let Some(window) = self.instances.get_mut(&instance)
        {
            window.pending(counter);
        }
        if must_wait {
            if let Some(room) = self.rooms.get_mut(&event.room) {
                room.pending += 1;
            }
            self.wait(session, tag, What::Event { event, send });
        } else {
            self.release_event(session, &event, send, effects);
            let sent =
                Reply::Sent { position: event.position(), time: event.time, repeated: false };
            reply(session, tag, sent, effects);
        }
    }

    /// Answers the repetition of a send that waits, when that one is answered.
    pub(crate) fn repeat_later(&mut self, session: SessionId, tag: Tag, send: (Instance, Counter)) {
        self.wait(session, tag, What::Repetition { instance: send.0, counter: send.1 });
    }

    /// Answers a send that is refused, behind the answers to the session's sends before it.
    pub(crate) fn refuse_send(
        &mut self,
        session: SessionId,
        tag: Tag,
        refusal: Refusal,
        effects: &mut Vec<Effect>,
    ) {
        if self.waits(session) {
            self.wait(session, tag, What::Refusal(refusal));
        } else {
            reply(session, tag, Reply::Refused(refusal), effects);
        }
    }

    /// Answers a send that was accepted before, behind the answers to the sends before it.
    pub(crate) fn answer_repetition(
        &mut self,
        session: SessionId,
        tag: Tag,
        send: (Instance, Counter),
        effects: &mut Vec<Effect>,
    ) {
        if self.waits(session) {
            self.repeat_later(session, tag, send);
        } else {
            let answer = self.repetition(send.0, send.1);
            reply(session, tag, answer, effects);
        }
    }

    fn waits(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.in_flight > 0)
    }

    fn wait(&mut self, session: SessionId, tag: Tag, what: What) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.in_flight += 1;
        }
        self.sequencer.push(session, tag, what);
    }

    pub(crate) fn persisted(&mut self, upto: Ticket, effects: &mut Vec<Effect>) {
        while self.sequencer.gone.front().is_some_and(|(ticket, _)| *ticket <= upto) {
            self.sequencer.gone.pop_front();
        }
        while let Some(Waiting { session, tag, what, .. }) = self.sequencer.pop_upto(upto) {
            let answer = match what {
                What::Event { event, send } => {
                    if let Some(room) = self.rooms.get_mut(&event.room) {
                        room.pending -= 1;
                    }
                    self.release_event(session, &event, send, effects);
                    Reply::Sent { position: event.position(), time: event.time, repeated: false }
                }
                What::Repetition { instance, counter } => self.repetition(instance, counter),
                What::Refusal(refusal) => Reply::Refused(refusal),
            };
            self.answer(session, tag, answer, effects);
        }
    }

    fn answer(&mut self, id: SessionId, tag: Tag, answer: Reply, effects: &mut Vec<Effect>) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.in_flight -= 1;
            reply(id, tag, answer, effects);
        }
    }

    /// The event is out: whoever is subscribed at this moment gets it.
    fn release_event(
        &mut self,
        session: SessionId,
        event: &Arc<Event>,
        send: Option<(Instance, Counter)>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some((instance, counter)) = send
            && let Some(window) = self.instances.get_mut(&instance)
        {
            window.done(counter, event.position(), event.time);
        }
        self.deliver(event, Some(session), effects);
    }

    fn deliver(
        &mut self,
        event: &Arc<Event>,
        except: Option<SessionId>,
        effects: &mut Vec<Effect>,
    ) {
        // A private chat whose other side has left meanwhile has no room and no listener any more.
        let Some(room) = self.rooms.get_mut(&event.room) else { return };
        room.delivered = (event.epoch, event.seq);
        room.note(event);
        let address = room.address(event.from.id);
        let delivery = Delivery::Message { address, event: Arc::clone(event) };
        effects.push(Effect::Deliver { room: event.room, delivery, except });
    }

    fn repetition(&self, instance: Instance, counter: Counter) -> Reply {
        let known = self.instances.get(&instance).map(|window| window.known(counter));
        match known {
            Some(Known::Seen(SendState::Done { position, time })) => {
                Reply::Sent { position, time, repeated: true }
            }
            _ => Reply::Refused(not_stored()),
        }
    }

    /// Everything that waits fails; nothing durable is taken until the store has recovered.
    pub(crate) fn commit_failed(&mut self, effects: &mut Vec<Effect>) {
        self.sequencer.failed = true;
        let upto = self.sequencer.ticket;
        while let Some(Waiting { session, tag, what, .. }) = self.sequencer.pop_upto(upto) {
            let answer = match what {
                What::Event { event, send } => {
                    self.take_back(&event, send);
                    Reply::Refused(not_stored())
                }
                What::Repetition { .. } => Reply::Refused(not_stored()),
                What::Refusal(refusal) => Reply::Refused(refusal),
            };
            self.answer(session, tag, answer, effects);
        }
    }

    fn take_back(&mut self, event: &Event, send: Option<(Instance, Counter)>) {
        if let Some((instance, counter)) = send
            && let Some(window) = self.instances.get_mut(&instance)
        {
            window.uncertain(counter);
            self.sequencer.uncertain.push((instance, counter));
        }
        if let Some(room) = self.rooms.get_mut(&event.room) {
            room.pending -= 1;
            room.head = room.delivered.1;
            if room.head == Seq(0) {
                room.recorded = false;
            }
        }
    }

    /// The store goes on. What of the failed batch is durable after all is delivered now, also to
    /// its senders, who were told that it failed: their repetition finds it done.
    pub(crate) fn recovered(
        &mut self,
        epoch: Epoch,
        survivors: Vec<Survivor>,
        effects: &mut Vec<Effect>,
    ) {
        self.epoch = epoch;
        self.sequencer.failed = false;
        for (_, room) in std::mem::take(&mut self.sequencer.gone) {
            self.sequencer.persist_end(room, effects);
        }
        for Survivor { event, send } in survivors {
            if let Some((instance, counter)) = send
                && let Some(window) = self.instances.get_mut(&instance)
            {
                window.done(counter, event.position(), event.time);
            }
            if let Some(room) = self.rooms.get_mut(&event.room)
                && event.seq == room.delivered.1.next()
            {
                room.recorded = true;
                room.head = event.seq;
                self.deliver(&event, None, effects);
            }
        }
        for (instance, counter) in std::mem::take(&mut self.sequencer.uncertain) {
            if let Some(window) = self.instances.get_mut(&instance) {
                window.settle(counter);
            }
        }
    }
}

/// What a sender is told whose message the store did not take.
pub(crate) fn not_stored() -> Refusal {
    Refusal::new(
        ErrorCode::NotStored,
        "The server could not store this message. If it was kept all the same, it appears when the store works again; if not, send it again.",
    )
}

//! The sequencer: one queue for everything that was admitted and is not yet out, durable or not
//! (invariant 2).
//!
//! An event gets its number at admission. It is released when its ticket is durable; an event of a
//! room without history has no ticket of its own and waits only if something that must come out
//! before it waits: an earlier event of its room, or an earlier send of its session. A failed commit
//! fails everything that waits.

use crate::durable::Then;
use crate::hub::{Hub, reply};
use crate::instance::{Known, SendState};
use crate::unconfirmed;
use crate::{AdminReply, Delivery, Effect, Notice, Refusal, Reply, Survivor, Tag, Ticket};
use hubbub_protocol::record::Record;
use hubbub_protocol::{
    Body, Counter, Epoch, ErrorCode, Event, Instance, Now, RoomChange, RoomId, Seq, SessionId,
    UserName, limits,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What waits for the store.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    ticket: Ticket,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    failed: bool,
    /// Acts that failed with it.
    lost_acts: Vec<(Arc<Event>, u8)>,
    /// Sends that failed with it.
    uncertain: Vec<(Instance, Counter)>,
    /// Everything up to here is durable.
    durable: Ticket,
    /// What is said about rooms and users and is not yet known to be durable. The hub's memory has
    /// it already, so it is not taken back when a commit fails, but said again.
    unconfirmed: VecDeque<(Ticket, Record)>,
    /// At which length it is looked for what was said again in it.
    condense_at: usize,
    /// Answers to commands whose records were in a failed commit. They wait on.
    put_off: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    session: Option<SessionId>,
    tag: Tag,
    what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// An event and its acknowledgement.
    Event { event: Arc<Event>, send: Option<(Instance, Counter)> },
    /// An event of a session that was answered when it was held.
    HeldEvent { event: Arc<Event>, to: UserName },
    /// An event that no session has sent, and how often it failed: see `acts`.
    Act { event: Arc<Event>, failed: u8 },
    /// The answer to a command, when what it said is durable.
    Answer(Reply),
    /// What else a session waits for, until what it asked for is durable.
    Then(Then),
    /// The same for the operator.
    AdminAnswer { request: u64, reply: AdminReply },
    /// The answer to the repetition of a send that waits itself.
    Repetition { instance: Instance, counter: Counter },
    /// The answer to a send that needs no store, behind the answers to those before it.
    Said(Reply),
}

/// A shorter list of unconfirmed records is not worth looking through.
const CONDENSE_FROM: usize = 4_096;

/// What a waiting event takes of the store's queue, in bytes: its text and what is around it.
fn cost(event: &Event) -> usize {
    const AROUND: usize = 256;
    AROUND + event.body.weight()
}

impl Sequencer {
    /// Asks for something to be made durable that is true from now on; again, if the store fails
    /// before, and only when it works again, if it has failed now.
    pub(crate) fn save(&mut self, record: Record, effects: &mut Vec<Effect>) {
        if !self.failed {
            self.persist(record.clone(), effects);
        }
        self.unconfirmed.push_back((self.ticket, record));
        if self.unconfirmed.len() >= self.condense_at.max(CONDENSE_FROM) {
            unconfirmed::condense(&mut self.unconfirmed);
            self.condense_at = self.unconfirmed.len() * 2;
        }
    }

    /// Answers for a session that is gone. While the store fails they would pile up.
    pub(crate) fn forget_answers(&mut self, gone: SessionId) {
        let is_wanted = |waiting: &Waiting| {
            let is_answer =
                matches!(waiting.what, What::Answer(_) | What::Said(_) | What::Repetition { .. });
            waiting.session != Some(gone) || !is_answer
        };
        self.waiting.retain(is_wanted);
        self.put_off.retain(is_wanted);
    }

    /// Records that wait to be known as durable.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.unconfirmed.len()
    }

    /// Asks for a record to be made durable.
    fn persist(&mut self, record: Record, effects: &mut Vec<Effect>) {
        self.ticket.0 += 1;
        effects.push(Effect::Persist { ticket: self.ticket, record });
    }

    /// Whether everything that was said so far is durable.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable == self.ticket && !self.failed
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Answers that wait for a session.
    pub(crate) fn answers_for(&self, session: SessionId) -> u32 {
        let is_answer = |waiting: &&Waiting| {
            waiting.session == Some(session)
                && !matches!(waiting.what, What::HeldEvent { .. } | What::Act { .. })
        };
        let waiting = self.waiting.iter().chain(&self.put_off).filter(is_answer).count();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// Events of a room that wait.
    pub(crate) fn events_for(&self, room: RoomId) -> u32 {
        let is_theirs = |waiting: &&Waiting| match &waiting.what {
            What::Event { event, .. } | What::HeldEvent { event, .. } | What::Act { event, .. } => {
                event.room == room
            }
            _ => false,
        };
        u32::try_from(self.waiting.iter().filter(is_theirs).count()).unwrap_or(u32::MAX)
    }

    /// Whether the store takes nothing at the moment.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes > limits::COMMIT_BYTES
    }

    pub(crate) fn push(&mut self, session: Option<SessionId>, tag: Tag, what: What) {
        if let What::Event { event, .. } | What::HeldEvent { event, .. } | What::Act { event, .. } =
            &what
        {
            self.bytes += cost(event);
        }
        self.waiting.push_back(Waiting { ticket: self.ticket, session, tag, what });
    }

    fn pop_upto(&mut self, upto: Ticket) -> Option<Waiting> {
        if self.waiting.front()?.ticket > upto {
            return None;
        }
        let waiting = self.waiting.pop_front()?;
        if let What::Event { event, .. } | What::HeldEvent { event, .. } | What::Act { event, .. } =
            &waiting.what
        {
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
        let must_wait = self.admit(&event, send, effects) || self.waits(session);
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

    /// The same for a message that waited in a session and was answered then.
    pub(crate) fn sequence_held(
        &mut self,
        session: SessionId,
        event: Arc<Event>,
        to: UserName,
        effects: &mut Vec<Effect>,
    ) {
        if self.admit(&event, None, effects) {
            if let Some(room) = self.rooms.get_mut(&event.room) {
                room.pending += 1;
            }
            self.sequencer.push(Some(session), None, What::HeldEvent { event, to });
        } else {
            self.release_event(session, &event, None, effects);
        }
    }

    /// Gives the event its number, and to the store where its room keeps history. Whether it has to
    /// wait.
    pub(crate) fn admit(
        &mut self,
        event: &Arc<Event>,
        send: Option<(Instance, Counter)>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(room) = self.rooms.get_mut(&event.room) else { return false };
        room.head = event.seq;
        let durable = room.keeps_history();
        if durable {
            if !room.recorded {
                room.recorded = true;
                room.may_be_recorded = true;
                self.sequencer.persist(Record::Room(room.record.clone()), effects);
            }
            self.sequencer.persist(Record::Event { event: Arc::clone(event), send }, effects);
        }
        durable || room.pending > 0
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
            self.wait(session, tag, What::Said(Reply::Refused(refusal)));
        } else {
            reply(session, tag, Reply::Refused(refusal), effects);
        }
    }

    /// Answers a send that needs no store, behind the answers to the session's sends before it.
    pub(crate) fn answer_send(
        &mut self,
        session: SessionId,
        tag: Tag,
        answer: Reply,
        effects: &mut Vec<Effect>,
    ) {
        if self.waits(session) {
            self.wait(session, tag, What::Said(answer));
        } else {
            reply(session, tag, answer, effects);
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

    pub(crate) fn wait(&mut self, session: SessionId, tag: Tag, what: What) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.in_flight += 1;
        }
        self.sequencer.push(Some(session), tag, what);
    }

    pub(crate) fn persisted(&mut self, now: Now, upto: Ticket, effects: &mut Vec<Effect>) {
        self.sequencer.durable = self.sequencer.durable.max(upto.min(self.sequencer.ticket));
        while self.sequencer.unconfirmed.front().is_some_and(|(ticket, _)| *ticket <= upto) {
            self.sequencer.unconfirmed.pop_front();
        }
        while let Some(Waiting { session, tag, what, .. }) = self.sequencer.pop_upto(upto) {
            let answer = match what {
                What::Event { event, send } => {
                    self.no_longer_pending(&event);
                    if let Some(session) = session {
                        self.release_event(session, &event, send, effects);
                    }
                    Reply::Sent { position: event.position(), time: event.time, repeated: false }
                }
                What::HeldEvent { event, .. } => {
                    self.no_longer_pending(&event);
                    if let Some(session) = session {
                        self.release_event(session, &event, None, effects);
                    }
                    continue;
                }
                What::Act { event, .. } => {
                    self.no_longer_pending(&event);
                    self.deliver(&event, None, effects);
                    continue;
                }
                What::Repetition { instance, counter } => self.repetition(instance, counter),
                What::Said(answer) | What::Answer(answer) => answer,
                What::Then(then) => {
                    self.go_on(now, session, tag, then, effects);
                    continue;
                }
                What::AdminAnswer { request, reply } => {
                    effects.push(Effect::AdminReply { request, reply: Ok(reply) });
                    continue;
                }
            };
            self.answer(session, tag, answer, effects);
        }
    }

    fn no_longer_pending(&mut self, event: &Event) {
        if let Some(room) = self.rooms.get_mut(&event.room) {
            room.pending -= 1;
        }
    }

    fn answer(
        &mut self,
        id: Option<SessionId>,
        tag: Tag,
        answer: Reply,
        effects: &mut Vec<Effect>,
    ) {
        let Some(id) = id else { return };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.in_flight -= 1;
            self.say_answer(id, tag, answer, effects);
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

    pub(crate) fn deliver(
        &mut self,
        event: &Arc<Event>,
        except: Option<SessionId>,
        effects: &mut Vec<Effect>,
    ) {
        // A private chat whose other side has left meanwhile has no room and no listener any more.
        let Some(address) = self.address(event.room, event.from.id) else { return };
        let Some(room) = self.rooms.get_mut(&event.room) else { return };
        if matches!(event.body, Body::Changed(RoomChange::Retention { .. })) {
            // It came out behind the record of it.
            room.is_being_forgotten = false;
        }
        room.delivered = (event.epoch, event.seq);
        room.note(event);
        let transcribed = room.transcript_of_event(event);
        if room.sides().is_some() {
            if !room.is_open_private() {
                // It was ended while this was on its way to the store.
                return;
            }
            self.note_heard(event.room);
        }
        let delivery = Delivery::Message { address, event: Arc::clone(event) };
        effects.push(Effect::Deliver { room: event.room, delivery, except });
        effects.extend(transcribed);
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
        while let Some(waiting) = self.sequencer.pop_upto(upto) {
            let Waiting { session, tag, what, .. } = waiting;
            let answer = match what {
                What::Event { event, send } => {
                    self.take_back(&event, send);
                    Reply::Refused(not_stored())
                }
                What::HeldEvent { event, to } => {
                    self.take_back(&event, None);
                    if let Some(session) = session.filter(|id| self.sessions.contains_key(id)) {
                        effects.push(Effect::Tell { session, notice: Notice::NotStored { to } });
                    }
                    continue;
                }
                What::Act { event, failed } => {
                    self.take_back(&event, None);
                    self.sequencer.lost_acts.push((event, failed + 1));
                    continue;
                }
                What::Repetition { .. } => Reply::Refused(not_stored()),
                What::Said(answer) => answer,
                what @ (What::Answer(_) | What::Then(_) | What::AdminAnswer { .. }) => {
                    let ticket = Ticket(0);
                    self.sequencer.put_off.push(Waiting { ticket, session, tag, what });
                    continue;
                }
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
            if let Some(order) = &mut room.order {
                // It was not said: who said it need not wait for that in slow mode.
                order.spoke.remove(&event.from.id);
            }
            if room.delivered.1 < room.floor {
                // It kept nothing for a moment: the numbers up to there are not given again.
                room.delivered = (self.epoch, room.floor);
            }
            room.head = room.delivered.1;
            room.note_head_taken_back(self.epoch);
            if room.head == Seq(0) {
                room.recorded = false;
            }
        }
    }

    /// The store goes on. What of the failed batch is durable after all is delivered now, also to
    /// its senders, who were told that it failed: their repetition finds it done.
    pub(crate) fn recovered(
        &mut self,
        now: Now,
        epoch: Epoch,
        survivors: Vec<Survivor>,
        effects: &mut Vec<Effect>,
    ) {
        self.epoch = epoch;
        self.sequencer.failed = false;
        let before = self.sequencer.ticket;
        let is_there = |survivor: &&Survivor| {
            let room = self.rooms.get(&survivor.event.room);
            room.is_some_and(|room| room.keeps_history() && survivor.event.seq > room.floor)
        };
        // Where something survived, the room was gone before that, if it was, and came again.
        let came_again: BTreeSet<RoomId> =
            survivors.iter().filter(is_there).map(|survivor| survivor.event.room).collect();
        for (_, record) in std::mem::take(&mut self.sequencer.unconfirmed) {
            if !matches!(&record, Record::RoomGone(id) if came_again.contains(id)) {
                self.sequencer.save(record, effects);
            }
        }
        let mut lost = std::mem::take(&mut self.sequencer.lost_acts);
        for Survivor { event, send } in survivors {
            if let Some((instance, counter)) = send
                && let Some(window) = self.instances.get_mut(&instance)
            {
                window.done(counter, event.position(), event.time);
            }
            lost.retain(|(act, _)| act.position() != event.position());
            if let Some(room) = self.rooms.get_mut(&event.room)
                && event.seq == room.delivered.1.next()
            {
                room.recorded = true;
                room.head = event.seq;
                self.deliver(&event, None, effects);
            }
        }
        // All answers wait for what was said again, also those that came while the store had failed:
        // what they say was not taken then. Acts come before them.
        let came = std::mem::take(&mut self.sequencer.waiting);
        self.act_again(lost, effects);
        let ticket = self.sequencer.ticket;
        let put_off = std::mem::take(&mut self.sequencer.put_off);
        for mut waiting in put_off.into_iter().chain(came) {
            waiting.ticket = ticket;
            self.sequencer.waiting.push_back(waiting);
        }
        if ticket == before {
            // Nothing is on its way whose end could release them.
            self.persisted(now, ticket, effects);
        }
        for (instance, counter) in std::mem::take(&mut self.sequencer.uncertain) {
            if let Some(window) = self.instances.get_mut(&instance) {
                window.settle(counter);
            }
        }
    }
}

/// What somebody is told whose wish has to be kept, while nothing can be kept.
pub(crate) fn cannot_store() -> Refusal {
    let text = "The server can't store anything at the moment. Try it again in a while.";
    Refusal::new(ErrorCode::NotStored, text)
}

/// What a sender is told whose message the store did not take.
pub(crate) fn not_stored() -> Refusal {
    Refusal::new(
        ErrorCode::NotStored,
        "The server could not store this message. If it was kept all the same, it appears when the store works again; if not, send it again.",
    )
}

/// What a session is told whose user is not in the room any more.
pub(crate) fn not_member() -> Refusal {
    Refusal::new(ErrorCode::NotMember, "You are no longer in this room.")
}

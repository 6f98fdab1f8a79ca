//! Acts: entries of a room's log that are no messages of a session: who was kicked, what was edited,
//! what was changed. Everybody hears them, also the session that did it, and then it gets its answer.
//!
//! What an act changed is kept in records of its own (`Sequencer::save`), which stay true when a commit
//! fails. So the entry must not be lost then either: it gets a new number when the store works again.

use crate::Effect;
use crate::hub::Hub;
use crate::sequencer::What;
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::{
    Author, Body, Event, Note, Now, RoomChange, RoomId, RoomName, Seq, SessionId, WallMs,
};
use std::sync::Arc;

/// Commits of an act that may fail.
const ACT_TRIES: u8 = 8;

impl Hub {
    /// Writes an act into the log of a room. Its number.
    pub(crate) fn act(
        &mut self,
        time: WallMs,
        id: RoomId,
        from: Author,
        body: Body,
        effects: &mut Vec<Effect>,
    ) -> Option<Seq> {
        self.act_once_more(time, id, from, body, 0, effects)
    }

    fn act_once_more(
        &mut self,
        time: WallMs,
        id: RoomId,
        from: Author,
        body: Body,
        failed: u8,
        effects: &mut Vec<Effect>,
    ) -> Option<Seq> {
        let room = self.rooms.get(&id)?;
        let (epoch, seq) = (self.epoch, room.head.next());
        let event = Arc::new(Event { room: id, epoch, seq, time, from, body });
        // That nothing is kept any more is not said before what was kept is gone.
        let is_retention = matches!(event.body, Body::Changed(RoomChange::Retention { .. }));
        let is_first = is_retention && !self.sequencer.is_durable();
        if self.admit(&event, None, effects) || is_first {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.pending += 1;
            }
            self.sequencer.push(None, None, What::Act { event, failed });
        } else {
            self.deliver(&event, None, effects);
        }
        Some(seq)
    }

    /// Acts of a failed batch that did not survive it are written again.
    /// One that fails again and again is left out of the log: what it did is kept, and it must not keep
    /// everything else from being stored.
    pub(crate) fn act_again(&mut self, lost: Vec<(Arc<Event>, u8)>, effects: &mut Vec<Effect>) {
        for (event, failed) in lost {
            if failed < ACT_TRIES {
                let Event { room, time, from, body, .. } = Arc::unwrap_or_clone(event);
                self.act_once_more(time, room, from, body, failed, effects);
            }
        }
    }

    /// Writes into the audit log what a session's user did in a room.
    pub(crate) fn audit_act(
        &mut self,
        now: Now,
        act: AuditAct,
        session: Option<SessionId>,
        details: &ActDetails<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let mut reason = details.room.map_or("", RoomName::as_str).to_owned();
        if !details.what.is_empty() {
            if details.room.is_some() {
                reason.push_str(": ");
            }
            reason.push_str(details.what);
        }
        if let Some(why) = details.why {
            reason.push_str(&format!(" ({why})"));
        }
        match session {
            Some(session) => self.audit_user(now, act, session, &reason, effects),
            None => {
                let operator = crate::audit::Actor { session: None, user: None, name: "" };
                self.audit(now, act, &operator, &reason, effects);
            }
        }
    }
}

/// What the audit log says of an act.
pub(crate) struct ActDetails<'a> {
    pub(crate) room: Option<&'a RoomName>,
    /// Whom or what.
    pub(crate) what: &'a str,
    pub(crate) why: Option<&'a Note>,
}

//! Messages of elsewhere, which the server's operator adds to a room.

use crate::acts::ActDetails;
use crate::hub::Hub;
use crate::{AdminReply, Effect, Imported, Refers};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::record::RoomKind;
use hubbub_protocol::{Author, Body, Now, RoomId, RoomName, Seq, UserId, UserName, limits};

impl Hub {
    pub(crate) fn import(
        &mut self,
        now: Now,
        name: &RoomName,
        messages: Vec<Imported>,
        effects: &mut Vec<Effect>,
    ) -> Result<AdminReply, String> {
        if messages.is_empty() || messages.len() > limits::PAGE as usize {
            return Err(format!("1 to {} messages are imported at once", limits::PAGE));
        }
        if messages.iter().any(|message| message.time.0 > limits::TIME_MAX) {
            return Err("a message has a time after the year 9999".into());
        }
        if self.sequencer.is_full() {
            return Err("the server is busy: try again in a moment".into());
        }
        let id = self.room_for_import(now, name)?;
        // Also if nothing comes of it.
        self.note_empty(now, id);
        let Some(first) = self.rooms.get(&id).map(|room| room.head.next()) else {
            return Err(format!("there is no room {name}"));
        };
        let bodies: Vec<_> = messages
            .into_iter()
            .enumerate()
            .map(|(at, message)| {
                let refers = match message.refers {
                    None => None,
                    Some(Refers::Seq(seq)) if seq > Seq(0) && seq < first => Some(seq),
                    Some(Refers::Batch(before)) if before < at => {
                        Some(Seq(first.0 + before as u64))
                    }
                    Some(_) => return Err("a message refers to none that is before it".to_owned()),
                };
                let body = referring(message.body, refers)?;
                Ok((message.time, Author { id: stranger(&message.from), name: message.from }, body))
            })
            .collect::<Result<_, _>>()?;
        let count = bodies.len();
        for (time, from, body) in bodies {
            self.act(time, id, from, body, effects);
        }
        let what = format!("{count} messages from #{first} on");
        let details = ActDetails { room: Some(name), what: &what, why: None };
        self.audit_act(now, AuditAct::Imported, None, &details, effects);
        Ok(AdminReply::Imported { first })
    }

    fn room_for_import(&mut self, now: Now, name: &RoomName) -> Result<RoomId, String> {
        let Some(id) = self.find_room(name) else {
            if !self.config.retention.keeps() {
                return Err(format!(
                    "there is no room {name}, and rooms of this server keep no history: make one that does first"
                ));
            }
            if name.as_str().contains('~') {
                return Err(format!("{name} is the name of a room with a PIN: take another one"));
            }
            let kind = RoomKind::Named(name.clone());
            return self.make_room(now, name, kind, None).map_err(|refusal| refusal.text);
        };
        let Some(room) = self.rooms.get(&id) else {
            return Err(format!("there is no room {name}"));
        };
        if !room.keeps_history() {
            return Err(format!("{name} keeps no history: change that first, or import elsewhere"));
        }
        // What is said elsewhere at another time must not come as if it were said now.
        if room.attached > 0 {
            return Err(format!(
                "people are in {name} now: import into a new room, or when nobody is connected"
            ));
        }
        Ok(id)
    }
}

/// A body that refers to this, if it is one that may be imported.
fn referring(mut body: Body, refers: Option<Seq>) -> Result<Body, String> {
    match (&mut body, refers) {
        (Body::Text(said) | Body::Action(said), refers) => {
            said.reply = refers;
            said.edited = None;
            said.everyone = false;
        }
        (Body::React { of, .. }, Some(seq)) => *of = seq,
        _ => return Err("only messages and reactions to them can be imported".into()),
    }
    Ok(body)
}

/// An id for a name of elsewhere, so that the reactions of two people are two. No user has such an id:
/// the epoch in those of users is 1 or more.
fn stranger(name: &UserName) -> UserId {
    // FNV-1a, 32 bits: the same each time, and spread well enough for the names of one import.
    let hash = name
        .fold()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    UserId(u64::from(hash.max(1)))
}

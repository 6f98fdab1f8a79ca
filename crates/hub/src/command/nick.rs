//! `nick`: a user takes another name. Each room hears of it once.

use super::Caller;
use crate::hub::Hub;
use crate::sequencer::cannot_store;
use crate::{Delivery, Effect, Notice, Refusal, Reply};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::{Author, RoomId, SessionId, UserId, UserName};

impl Hub {
    pub(crate) fn nick(
        &mut self,
        caller: &Caller,
        name: UserName,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        self.need_free_name(&name, Some(caller.user))?;
        let may =
            self.need_no_ban_everywhere(caller.session, Some(&name), Some(caller.user), caller.now);
        may?;
        // By its name a mute knows a guest.
        self.need_no_mute_everywhere(caller.user, caller.now)?;
        let Some(user) = self.users.get_mut(&caller.user) else { return Ok(None) };
        let is_account = user.is_account();
        if is_account && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        if user.name == name {
            return Ok(Some(Reply::You { user: user.author(), account: is_account }));
        }
        let old = std::mem::replace(&mut user.name, name);
        let author = user.author();
        let rooms = user.rooms.clone();
        self.names.free(&old);
        self.names.take(&author.name, caller.user);
        self.names.set_online(&author.name, caller.user, true);
        self.save_account(caller.user, effects);
        self.audit_user(caller.now, AuditAct::Renamed, caller.session, old.as_str(), effects);
        for room in rooms {
            self.announce_name(caller.session, room, &author, &old, effects);
        }
        self.tell_name(caller.user, &author, &old, effects);
        for session in self.listeners(caller.user, Some(caller.session)) {
            let notice = Notice::You { user: author.clone(), account: is_account };
            effects.push(Effect::Tell { session, notice });
        }
        self.leave_where_banned(caller.now, caller.user, effects);
        let answer = Reply::You { user: author, account: is_account };
        if !is_account {
            return Ok(Some(answer));
        }
        self.answer_when_durable(caller.session, caller.tag, answer, effects);
        Ok(None)
    }

    fn announce_name(
        &self,
        caller: SessionId,
        room: RoomId,
        user: &Author,
        old: &UserName,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get(&room) else { return };
        let Some(name) = room.name().cloned() else { return };
        let delivery = Delivery::Renamed { room: name, user: user.clone(), old: old.clone() };
        let transcribed = room.transcript_of(|_| delivery.clone());
        // In a large room, who speaks says its name with it.
        if room.members.len() <= self.config.presence_members {
            effects.push(Effect::Deliver { room: room.id(), delivery, except: Some(caller) });
        }
        effects.extend(transcribed);
    }

    /// Those who have a private chat with the user, or a question of theirs.
    fn tell_name(&self, id: UserId, user: &Author, old: &UserName, effects: &mut Vec<Effect>) {
        for other in self.known_to(id) {
            for session in self.listeners(other, None) {
                let notice = Notice::LinkRenamed { user: user.clone(), old: old.clone() };
                effects.push(Effect::Tell { session, notice });
            }
        }
    }
}

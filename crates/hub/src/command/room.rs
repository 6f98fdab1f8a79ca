//! `info`, `set`: how a room is set up.

use super::Caller;
use crate::acts::ActDetails;
use crate::hub::Hub;
use crate::order::Rank;
use crate::room::Room;
use crate::sequencer::cannot_store;
use crate::user::User;
use crate::{Effect, Refusal, Reply, Setting};
use hubbub_protocol::audit::AuditAct;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::RoomKind;
use hubbub_protocol::room::SecretUse;
use hubbub_protocol::{Body, ErrorCode, RoomChange, RoomId, RoomName, SecretDigest};

impl Hub {
    pub(crate) fn info(&self, caller: &Caller, name: &RoomName) -> Result<Option<Reply>, Refusal> {
        let found = self.find_room(name).and_then(|id| self.rooms.get(&id));
        let may = |room: &&Room| {
            !room.is_hidden() || room.has_member(caller.user) || self.is_admin(caller.user)
        };
        let shown = found.filter(may).and_then(|room| {
            Some((room.name()?.clone(), Box::new(self.room_info(room, caller.user)?)))
        });
        let (room, info) = shown.ok_or_else(|| {
            Refusal::new(ErrorCode::NotMember, format!("There is no room {name}, or it is hidden."))
        })?;
        Ok(Some(Reply::Info { room, info }))
    }

    pub(crate) fn set(
        &mut self,
        caller: &Caller,
        name: &RoomName,
        setting: Setting,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let needed = match setting {
            Setting::Change(RoomChange::Retention { .. }) => Rank::Owner,
            Setting::Change(_) | Setting::Key(_) => Rank::Operator,
        };
        let id = self.need_rank(caller, name, needed)?;
        if let Setting::Change(RoomChange::Topic { .. } | RoomChange::Description { .. }) = setting
        {
            // Words for everybody, like any other.
            self.need_no_mute_everywhere(caller.user, caller.now)?;
        }
        self.need_sense(id, &setting)?;
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(None) };
        let starts_to_keep = matches!(&setting, Setting::Change(RoomChange::Retention { retention }) if retention.keeps());
        if (room.needs_store() || starts_to_keep) && self.sequencer.has_failed() {
            return Err(cannot_store());
        }
        let (change, key) = match setting {
            Setting::Change(change) => (change, None),
            Setting::Key(secret) => {
                let name = room.name().unwrap_or(name);
                let key =
                    secret.map(|secret| secret.digest(SecretUse::Key, name, &self.config.key));
                (RoomChange::Key { on: key.is_some() }, key)
            }
        };
        let was_transcribed = room.transcribed;
        if !apply(room, &change, key) {
            return Ok(Some(Reply::Done));
        }
        if let RoomChange::Retention { retention } = &change {
            self.keep(caller.now, id, *retention, effects);
        } else {
            self.save_room(id, effects);
        }
        self.note_listed(id);
        if !was_transcribed && self.rooms.get(&id).is_some_and(|room| room.transcribed) {
            self.tell_transcribed(id, effects);
        }
        let Some(from) = self.users.get(&caller.user).map(User::author) else { return Ok(None) };
        let what = words(&change);
        self.forget_if_kept_no_more(caller.now, id, effects);
        self.act(caller.now.wall, id, from, Body::Changed(change), effects);
        let details = ActDetails { room: Some(name), what: &what, why: None };
        self.audit_act(caller.now, AuditAct::RoomChanged, Some(caller.session), &details, effects);
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }

    /// What would lock everybody out of the lobby, or make something of a room that it is not.
    fn need_sense(&self, id: RoomId, setting: &Setting) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let is_lobby = room.name().is_some_and(|name| name.fold() == self.config.lobby.fold());
        let closes = match setting {
            Setting::Key(key) => key.is_some(),
            Setting::Change(RoomChange::InviteOnly { on }) => *on,
            Setting::Change(RoomChange::MemberLimit { members }) => members.is_some(),
            Setting::Change(_) => false,
        };
        let is_named = matches!(room.record.kind, RoomKind::Named(_));
        let text = match setting {
            _ if is_lobby && closes => "Everybody begins in this room: it can't be closed.",
            Setting::Change(RoomChange::Secret { .. } | RoomChange::InviteOnly { .. })
                if !is_named && room.owner().is_some() =>
            {
                "A group is always for invited people, and not listed."
            }
            Setting::Change(RoomChange::Secret { .. }) if !is_named => {
                "A room with a PIN is never listed."
            }
            Setting::Key(_) if !is_named => "Only a room that everybody can find has a key.",
            _ => return Ok(()),
        };
        Err(Refusal::new(ErrorCode::NotAllowed, text))
    }
}

/// Whether that changed something.
fn apply(room: &mut Room, change: &RoomChange, new_key: Option<SecretDigest>) -> bool {
    fn put<T: PartialEq>(place: &mut T, value: T) -> bool {
        let is_new = *place != value;
        *place = value;
        is_new
    }
    let settings = &mut room.record.settings;
    match change {
        RoomChange::Topic { topic } => put(&mut settings.topic, topic.clone()),
        RoomChange::Description { description } => {
            put(&mut settings.description, description.clone())
        }
        RoomChange::InviteOnly { on } => put(&mut settings.invite_only, *on),
        RoomChange::Key { .. } => put(&mut settings.key, new_key),
        RoomChange::Moderated { on } => put(&mut settings.moderated, *on),
        RoomChange::Secret { on } => put(&mut settings.secret, *on),
        RoomChange::MemberLimit { members } => put(&mut settings.member_limit, *members),
        RoomChange::SlowMode { seconds } => {
            if let Some(order) = &mut room.order {
                order.spoke.clear();
            }
            put(&mut settings.slow_s, *seconds)
        }
        // `Hub::keep` does it.
        RoomChange::Retention { retention } => room.record.retention != *retention,
    }
}

/// For the audit log: what is said in a topic is not.
fn words(change: &RoomChange) -> String {
    let switch = |name: &str, on: bool| format!("{name} {}", if on { "on" } else { "off" });
    match change {
        RoomChange::Topic { .. } => "topic".into(),
        RoomChange::Description { .. } => "description".into(),
        RoomChange::InviteOnly { on } => switch("invite-only", *on),
        RoomChange::Key { on } => switch("key", *on),
        RoomChange::Moderated { on } => switch("moderated", *on),
        RoomChange::Secret { on } => switch("secret", *on),
        RoomChange::MemberLimit { members: None } => "no member limit".into(),
        RoomChange::MemberLimit { members: Some(members) } => format!("at most {members} members"),
        RoomChange::SlowMode { seconds } => format!("slow mode {seconds} s"),
        RoomChange::Retention { retention } => match retention {
            Retention::Forever => "keeps everything".into(),
            Retention::None => "keeps nothing".into(),
            Retention::Days(days) => format!("keeps {days} days"),
            Retention::Messages(messages) => format!("keeps {messages} messages"),
        },
    }
}

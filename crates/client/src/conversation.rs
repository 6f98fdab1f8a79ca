//! The conversations that a client takes part in, and how to find one by name or by identity.
//!
//! Not here: what frames do to them (`catch_up.rs`).

use crate::config::Pass;
use crate::requests::Asked;
use crate::timeline::Timeline;
use hubbub_protocol::frame::{Retention, Target};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{MonoMs, NameError, RoomAddress, RoomId, RoomName, UserId, UserName};
use std::collections::BTreeMap;

/// Conversations that a core holds at once. A client that runs for months meets ever new guests:
/// past this, the private chat that was silent for longest is forgotten.
pub const CONVERSATIONS_MAX: usize = 1024;

/// How this session is attached to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// Not at all, or (a private chat) without having asked for it.
    Detached,
    /// `join` is on its way.
    Joining,
    /// `join` was refused for now, and is repeated then.
    JoinHeld { until: MonoMs },
    /// `page`s are coming.
    CatchingUp,
    /// What comes is said just now.
    Live,
}

/// How a conversation is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// By its address.
    #[default]
    Address,
    /// The same, and this key opens it.
    Key(Hidden),
    /// By a name and this PIN. Its own name is of no use to who is not in it.
    Pin { name: RoomName, pin: Hidden },
}

/// A conversation as the client knows it.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub(crate) address: RoomAddress,
    pub(crate) timeline: Timeline,
    pub(crate) attachment: Attachment,
    /// To be joined at every welcome. A conversation that is not wanted is being left.
    pub(crate) wanted: bool,
    /// The program waits for an answer to its join, asked for like this.
    pub(crate) asked: Option<Asked>,
    /// How it is found, where its address alone does not do: joined so when the core joins by itself.
    pub(crate) way: Way,
    /// Joins of it that are not answered.
    pub(crate) joins: u32,
    /// Joins since the conversation was last found to be complete, to stop repairing in vain.
    pub(crate) repairs: u32,
    /// Refused joins in a row.
    pub(crate) failures: u32,
    pub(crate) members: u32,
    pub(crate) retention: Retention,
    /// The user that the name of a private chat means, once that is known. Of no use in a room.
    pub(crate) with: Option<UserId>,
    touched: u64,
}

impl Conversation {
    /// Its name, or the other's. A room with a PIN has a name of its own once it was joined; before
    /// that this is the name that goes with the PIN, and
    /// [`Core::conversation`](crate::Core::conversation) does not find it.
    #[must_use]
    pub fn address(&self) -> &RoomAddress {
        &self.address
    }
    /// How far it is known, and its last events.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }
    /// Whether everything up to now has come and what follows comes at once.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.attachment == Attachment::Live
    }
    /// How many users are in it, as last heard.
    #[must_use]
    pub fn members(&self) -> u32 {
        self.members
    }
    /// What it keeps, as last heard.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.retention
    }
    /// How to ask for it.
    pub(crate) fn asking(&self) -> Asked {
        if let Some(asked) = &self.asked {
            return asked.clone();
        }
        let address = self.address.clone();
        match &self.way {
            Way::Address => address.into(),
            Way::Key(key) => Asked { address, pass: Some(Pass::Key(key.clone())) },
            Way::Pin { name, pin } => {
                let address = RoomAddress::Room(name.clone());
                Asked { address, pass: Some(Pass::Pin(pin.clone())) }
            }
        }
    }
    pub(crate) fn room_id(&self) -> Option<RoomId> {
        self.timeline.position().map(|position| position.room)
    }
}

/// How a conversation is called in a frame.
pub(crate) fn target(address: &RoomAddress) -> Target {
    match address {
        RoomAddress::Room(name) => Target::Room(name.to_string()),
        RoomAddress::User(name) => Target::User(name.to_string()),
    }
}

/// How a conversation is called in a frame of the server.
pub(crate) fn address(target: &Target) -> Result<RoomAddress, NameError> {
    Ok(match target {
        Target::Room(name) => RoomAddress::Room(RoomName::known(name)?),
        Target::User(name) => RoomAddress::User(UserName::known(name)?),
    })
}

/// Names that differ in upper and lower case alone are one conversation.
fn key(address: &RoomAddress) -> (bool, String) {
    match address {
        RoomAddress::Room(name) => (true, name.fold()),
        RoomAddress::User(name) => (false, name.fold()),
    }
}

/// A conversation inside its core; stays the same when its name or its room changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConversationId(u64);

/// All conversations of a core.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    all: BTreeMap<ConversationId, Conversation>,
    by_name: BTreeMap<(bool, String), ConversationId>,
    by_room: BTreeMap<RoomId, ConversationId>,
    kept_max: usize,
    last: u64,
}

impl Conversations {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { kept_max, ..Self::default() }
    }

    pub(crate) fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        self.all.get_mut(&id)
    }

    pub(crate) fn find(&self, address: &RoomAddress) -> Option<ConversationId> {
        self.by_name.get(&key(address)).copied()
    }

    pub(crate) fn find_room(&self, room: RoomId) -> Option<ConversationId> {
        self.by_room.get(&room).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConversationId, &Conversation)> {
        self.all.iter().map(|(&id, conversation)| (id, conversation))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conversation> {
        self.all.values_mut()
    }

    pub(crate) fn ids(&self) -> Vec<ConversationId> {
        self.all.keys().copied().collect()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.all.len() >= CONVERSATIONS_MAX
    }

    /// Finds or makes a conversation. `None` if there are too many to make another.
    pub(crate) fn open(&mut self, address: &RoomAddress) -> Option<ConversationId> {
        if let Some(id) = self.find(address) {
            return Some(id);
        }
        let id = self.add(address)?;
        self.by_name.insert(key(address), id);
        Some(id)
    }

    /// Finds or makes the conversation of a room with a PIN. One that was not joined yet is found by
    /// nothing else: what it is called, the server says.
    pub(crate) fn open_pin(&mut self, name: &RoomName, pin: &Hidden) -> Option<ConversationId> {
        if let Some(id) = self.find_pin(name, pin) {
            return Some(id);
        }
        let id = self.add(&RoomAddress::Room(name.clone()))?;
        if let Some(conversation) = self.all.get_mut(&id) {
            conversation.way = Way::Pin { name: name.clone(), pin: pin.clone() };
        }
        Some(id)
    }

    pub(crate) fn find_pin(&self, name: &RoomName, pin: &Hidden) -> Option<ConversationId> {
        let fold = name.fold();
        let found = self.all.iter().find(|(_, conversation)| match &conversation.way {
            Way::Pin { name, pin: known } => known == pin && name.fold() == fold,
            Way::Address | Way::Key(_) => false,
        });
        found.map(|(&id, _)| id)
    }

    fn add(&mut self, address: &RoomAddress) -> Option<ConversationId> {
        if self.is_full() {
            return None;
        }
        self.last += 1;
        let id = ConversationId(self.last);
        self.all.insert(
            id,
            Conversation {
                address: address.clone(),
                timeline: Timeline::new(self.kept_max),
                attachment: Attachment::Detached,
                wanted: true,
                asked: None,
                way: Way::Address,
                joins: 0,
                repairs: 0,
                failures: 0,
                members: 0,
                retention: Retention::default(),
                with: None,
                touched: self.last,
            },
        );
        Some(id)
    }

    /// Makes place, if there is a private chat to forget.
    pub(crate) fn forget_silent_private(&mut self) -> Option<Conversation> {
        let privates = self.all.iter().filter(|(_, c)| matches!(c.address, RoomAddress::User(_)));
        let (&silent, _) = privates.min_by_key(|(_, conversation)| conversation.touched)?;
        self.remove(silent)
    }

    /// Something happened there.
    pub(crate) fn touch(&mut self, id: ConversationId) {
        self.last += 1;
        if let Some(conversation) = self.all.get_mut(&id) {
            conversation.touched = self.last;
        }
    }

    pub(crate) fn remove(&mut self, id: ConversationId) -> Option<Conversation> {
        let conversation = self.all.remove(&id)?;
        self.by_name.retain(|_, named| *named != id);
        self.by_room.retain(|_, room| *room != id);
        Some(conversation)
    }

    /// From now on events of this room belong to this conversation, and of no other room.
    pub(crate) fn bind(&mut self, id: ConversationId, room: RoomId) {
        if self.by_room.get(&room) == Some(&id) {
            return;
        }
        self.by_room.retain(|_, bound| *bound != id);
        self.by_room.insert(room, id);
    }

    /// The conversation was asked for by another spelling of its name, perhaps one of a
    /// conversation that is here already: they become one, which is returned.
    pub(crate) fn settle(&mut self, id: ConversationId, name: &RoomAddress) -> ConversationId {
        match self.find(name) {
            Some(other) if other != id => {
                let alias = self.remove(id);
                if let (Some(alias), Some(kept)) = (alias, self.all.get_mut(&other)) {
                    kept.wanted |= alias.wanted;
                    if alias.way != Way::Address {
                        kept.way = alias.way;
                    }
                }
                other
            }
            Some(_) => {
                self.rename(id, name);
                id
            }
            None => {
                self.by_name.retain(|_, named| *named != id);
                self.by_name.insert(key(name), id);
                self.rename(id, name);
                id
            }
        }
    }

    /// The conversation has this name from now on; another one that had it is taken out.
    pub(crate) fn rename_over(
        &mut self,
        id: ConversationId,
        name: &RoomAddress,
    ) -> Option<Conversation> {
        let other = self.find(name).filter(|&other| other != id);
        let removed = other.and_then(|other| self.remove(other));
        self.settle(id, name);
        removed
    }

    fn rename(&mut self, id: ConversationId, name: &RoomAddress) {
        if let Some(conversation) = self.all.get_mut(&id) {
            conversation.address = name.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomAddress {
        RoomAddress::Room(RoomName::parse(name).unwrap())
    }
    fn user(number: usize) -> RoomAddress {
        RoomAddress::User(UserName::parse(&format!("guest{number}")).unwrap())
    }

    #[test]
    fn spellings_of_one_name_become_one() {
        let mut all = Conversations::new(0);
        let lobby = all.open(&room("lobby")).unwrap();
        assert_eq!(all.open(&room("LOBBY")), Some(lobby));
        let alias = all.open(&room("l0bby")).unwrap();
        assert_ne!(alias, lobby);
        assert_eq!(all.settle(alias, &room("lobby")), lobby);
        assert_eq!(all.find(&room("l0bby")), None);
        let hall = all.open(&room("haII")).unwrap();
        assert_eq!(all.settle(hall, &room("hall")), hall);
        assert_eq!(all.find(&room("Hall")), Some(hall));
        assert_eq!(all.get(hall).unwrap().address, room("hall"));
    }

    #[test]
    fn the_silent_private_chat_goes_first_and_rooms_never() {
        let mut all = Conversations::new(0);
        let ids: Vec<_> =
            (0..CONVERSATIONS_MAX).map(|number| all.open(&user(number)).unwrap()).collect();
        all.touch(ids[0]);
        assert_eq!(all.open(&room("lobby")), None);
        assert_eq!(all.forget_silent_private().unwrap().address, user(1));
        all.open(&room("lobby")).unwrap();
        let mut all = Conversations::new(0);
        for number in 0..CONVERSATIONS_MAX {
            all.open(&room(&format!("room{number}"))).unwrap();
        }
        assert!(all.forget_silent_private().is_none());
    }
}

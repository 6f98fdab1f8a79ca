//! What ties a user to others and to rooms: requests, blocks, and places. Most guests have none of
//! it, so it takes no memory until it is needed.

use hubbub_protocol::{Epoch, PrivatePolicy, RoomId, Seq, Text, UserId, WallMs};
use std::collections::{BTreeMap, BTreeSet};

/// A request that waits for an answer, from one side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Who asks, or who is asked.
    pub(crate) other: UserId,
    /// To come into this group; `None`: for a private chat.
    pub(crate) group: Option<RoomId>,
    pub(crate) time: WallMs,
}

/// Where a user stands in a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) since: WallMs,
    pub(crate) read: Seq,
    /// In a private chat of an account: the last event that reached a session of it.
    pub(crate) heard: (Epoch, Seq),
    pub(crate) draft: Option<Text>,
    /// Whether the store was told.
    pub(crate) is_saved: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ties(Option<Box<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    policy: Option<PrivatePolicy>,
    /// Made by the user.
    asks: Vec<Request>,
    /// Made to the user.
    asked: Vec<Request>,
    blocks: BTreeSet<UserId>,
    blocked_by: BTreeSet<UserId>,
    places: BTreeMap<RoomId, Place>,
}

/// The two sides of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Made by the user.
    By,
    /// Made to the user.
    To,
}

impl Ties {
    fn inner(&mut self) -> &mut Inner {
        self.0.get_or_insert_default()
    }

    pub(crate) fn policy(&self) -> Option<PrivatePolicy> {
        self.0.as_ref()?.policy
    }

    pub(crate) fn set_policy(&mut self, policy: Option<PrivatePolicy>) {
        self.inner().policy = policy;
    }

    /// Without taking memory for none.
    pub(crate) fn set_policy_if_any(&mut self, policy: Option<PrivatePolicy>) {
        if policy.is_some() {
            self.set_policy(policy);
        }
    }

    pub(crate) fn requests(&self, side: Side) -> &[Request] {
        self.0.as_ref().map_or(&[], |inner| match side {
            Side::By => &inner.asks,
            Side::To => &inner.asked,
        })
    }

    pub(crate) fn request(
        &self,
        side: Side,
        other: UserId,
        group: Option<RoomId>,
    ) -> Option<Request> {
        let mut requests = self.requests(side).iter();
        requests.find(|request| request.other == other && request.group == group).copied()
    }

    pub(crate) fn add_request(&mut self, side: Side, request: Request) {
        match side {
            Side::By => self.inner().asks.push(request),
            Side::To => self.inner().asked.push(request),
        }
    }

    /// Whether there was one.
    pub(crate) fn remove_request(
        &mut self,
        side: Side,
        other: UserId,
        group: Option<RoomId>,
    ) -> bool {
        let Some(inner) = &mut self.0 else { return false };
        let requests = match side {
            Side::By => &mut inner.asks,
            Side::To => &mut inner.asked,
        };
        let before = requests.len();
        requests.retain(|request| request.other != other || request.group != group);
        requests.len() < before
    }

    pub(crate) fn blocks(&self, other: UserId) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.blocks.contains(&other))
    }

    pub(crate) fn blocked(&self) -> Vec<UserId> {
        self.0.as_ref().map_or_else(Vec::new, |inner| inner.blocks.iter().copied().collect())
    }

    pub(crate) fn blocked_by(&self) -> Vec<UserId> {
        self.0.as_ref().map_or_else(Vec::new, |inner| inner.blocked_by.iter().copied().collect())
    }

    /// Whether that changed something.
    pub(crate) fn set_block(&mut self, other: UserId, on: bool) -> bool {
        let blocks = &mut self.inner().blocks;
        if on { blocks.insert(other) } else { blocks.remove(&other) }
    }

    pub(crate) fn set_blocked_by(&mut self, other: UserId, on: bool) {
        let blocked_by = &mut self.inner().blocked_by;
        if on {
            blocked_by.insert(other);
        } else {
            blocked_by.remove(&other);
        }
    }

    /// The place in a conversation, made if there is none.
    pub(crate) fn place(&mut self, room: RoomId, since: WallMs) -> &mut Place {
        self.inner().places.entry(room).or_insert_with(|| Place {
            since,
            read: Seq(0),
            heard: (Epoch(0), Seq(0)),
            draft: None,
            is_saved: false,
        })
    }

    pub(crate) fn place_mut(&mut self, room: RoomId) -> Option<&mut Place> {
        self.0.as_mut()?.places.get_mut(&room)
    }

    pub(crate) fn place_ref(&self, room: RoomId) -> Option<&Place> {
        self.0.as_ref()?.places.get(&room)
    }

    pub(crate) fn remove_place(&mut self, room: RoomId) {
        if let Some(inner) = &mut self.0 {
            inner.places.remove(&room);
        }
    }

    pub(crate) fn place_rooms(&self) -> impl Iterator<Item = RoomId> {
        self.0.iter().flat_map(|inner| inner.places.keys()).copied()
    }

    /// How many drafts there are.
    pub(crate) fn drafts(&self) -> usize {
        let places = self.0.iter().flat_map(|inner| inner.places.values());
        places.filter(|place| place.draft.is_some()).count()
    }

    /// The conversations in which something has changed that the store was not told.
    pub(crate) fn unsaved_places(&self) -> impl Iterator<Item = RoomId> {
        let places = self.0.iter().flat_map(|inner| &inner.places);
        places.filter(|(_, place)| !place.is_saved).map(|(room, _)| *room)
    }
}

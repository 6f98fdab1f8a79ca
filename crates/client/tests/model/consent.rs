//! Who agreed to a private chat with whom, in the model.

use super::*;

/// How two users stand to each other. Missing: not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// This one asked the other.
    AskedBy(UserId),
    Open,
}

fn pair(one: UserId, other: UserId) -> (UserId, UserId) {
    (one.min(other), one.max(other))
}

impl Server {
    pub fn is_open(&self, one: UserId, other: UserId) -> bool {
        self.links.get(&pair(one, other)) == Some(&Link::Open)
    }

    /// A guest's chats and questions end with it.
    pub(super) fn is_gone(&mut self, gone: &Author) {
        let theirs = |&(a, b): &(UserId, UserId)| a == gone.id || b == gone.id;
        let keys: Vec<_> = self.links.keys().copied().filter(theirs).collect();
        for (a, b) in keys {
            self.links.remove(&(a, b));
            let other = if a == gone.id { b } else { a };
            let other = self.users.values().find(|(user, _)| user.id == other);
            if let Some(other) = other.map(|(user, _)| user.clone()) {
                self.tell(&other, gone, LinkState::Ended);
            }
        }
    }

    /// Who was asked, and by whom.
    pub fn unanswered(&self) -> Vec<(UserName, UserName)> {
        let name = |id: UserId| {
            let mut users = self.users.values().map(|(user, _)| user);
            users.find(|user| user.id == id).map(|user| user.name.clone())
        };
        let asked = self.links.iter().filter_map(|(&(a, b), link)| match link {
            Link::AskedBy(asker) if *asker == a => Some((name(b)?, name(a)?)),
            Link::AskedBy(_) => Some((name(a)?, name(b)?)),
            Link::Open => None,
        });
        asked.collect()
    }

    /// Whether a message may be taken. If not, the other is asked.
    pub(super) fn consent(&mut self, me: &Author, name: &str) -> Result<(), ErrorCode> {
        let other = self.present(name)?;
        match self.links.get(&pair(me.id, other.id)) {
            Some(Link::Open) => Ok(()),
            Some(Link::AskedBy(asker)) if *asker == other.id => {
                self.set_open(me, &other);
                Ok(())
            }
            Some(Link::AskedBy(_)) => Err(ErrorCode::NotAccepted),
            None => {
                self.links.insert(pair(me.id, other.id), Link::AskedBy(me.id));
                self.tell(&other, me, LinkState::Asked);
                if self.random.bool() {
                    self.tell(me, &other, LinkState::Waiting);
                }
                Err(ErrorCode::NotAccepted)
            }
        }
    }

    pub(super) fn accept(&mut self, me: &Author, name: &str) -> Result<(), ErrorCode> {
        let other = self.asker(me, name)?;
        self.set_open(me, &other);
        Ok(())
    }

    pub(super) fn reject(&mut self, me: &Author, name: &str) -> Result<(), ErrorCode> {
        let other = self.asker(me, name)?;
        self.links.remove(&pair(me.id, other.id));
        self.tell(&other, me, LinkState::Rejected);
        Ok(())
    }

    pub(super) fn end(&mut self, me: &Author, name: &str) -> Result<(), ErrorCode> {
        let other = self.present(name)?;
        let key = pair(me.id, other.id);
        if matches!(self.links.get(&key), None | Some(Link::AskedBy(_))) {
            return Err(ErrorCode::NotLinked);
        }
        self.links.remove(&key);
        self.tell(&other, me, LinkState::Ended);
        self.tell(me, &other, LinkState::Ended);
        Ok(())
    }

    fn set_open(&mut self, me: &Author, other: &Author) {
        self.links.insert(pair(me.id, other.id), Link::Open);
        self.tell(other, me, LinkState::Open);
        self.tell(me, other, LinkState::Open);
    }

    fn asker(&self, me: &Author, name: &str) -> Result<Author, ErrorCode> {
        let other = self.present(name)?;
        let asked = self.links.get(&pair(me.id, other.id)) == Some(&Link::AskedBy(other.id));
        if asked { Ok(other) } else { Err(ErrorCode::NoRequest) }
    }

    fn present(&self, name: &str) -> Result<Author, ErrorCode> {
        self.users.get(name).map(|(user, _)| user.clone()).ok_or(ErrorCode::NoSuchUser)
    }

    /// Tells all sessions of a user. Answers that wait for the store may be overtaken by that.
    fn tell(&mut self, whom: &Author, about: &Author, state: LinkState) {
        for session in self.sessions.values_mut() {
            if session.user.as_ref().is_none_or(|user| user.id != whom.id) {
                continue;
            }
            let is_answer = |frame: Option<&ServerFrame>| {
                matches!(frame, Some(ServerFrame::Sent { .. } | ServerFrame::Error { .. }))
            };
            let mut at = session.out.len();
            while at > 0 && is_answer(session.out.get(at - 1)) && self.random.bool() {
                at -= 1;
            }
            session.out.insert(at, ServerFrame::Link { user: about.clone(), state });
        }
    }
}

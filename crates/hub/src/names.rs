//! Which names are taken: by case-folded form and by look-alike skeleton.

use hubbub_protocol::{UserId, UserName};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// Who has which name. Names come from strangers, hence std's keyed hashing.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_fold: BTreeMap<String, UserId>,
    by_skeleton: HashMap<String, UserId>,
    /// By case-folded name, those who are here.
    online: BTreeMap<String, UserId>,
}

impl Names {
    /// Who has this very name, in any case.
    pub(crate) fn find(&self, name: &UserName) -> Option<UserId> {
        self.by_fold.get(&name.fold()).copied()
    }

    pub(crate) fn is_free(&self, name: &UserName) -> bool {
        let keys = name.keys();
        !self.by_fold.contains_key(&keys.fold) && !self.by_skeleton.contains_key(&keys.skeleton)
    }

    /// The first free name of `name2` … `name9`. A few tries: each costs, and the hub waits.
    pub(crate) fn suggest(&self, name: &UserName) -> Option<UserName> {
        (2..=9).map(|number| name.numbered(number)).find(|name| self.is_free(name))
    }

    /// Gives a free name to a user.
    pub(crate) fn take(&mut self, name: &UserName, user: UserId) {
        let keys = name.keys();
        self.by_fold.insert(keys.fold, user);
        self.by_skeleton.insert(keys.skeleton, user);
    }

    pub(crate) fn free(&mut self, name: &UserName) {
        let keys = name.keys();
        self.by_fold.remove(&keys.fold);
        self.by_skeleton.remove(&keys.skeleton);
        self.online.remove(&keys.fold);
    }

    /// Whether the name belongs to nobody, or to this user.
    pub(crate) fn is_free_for(&self, name: &UserName, user: UserId) -> bool {
        let keys = name.keys();
        let is_free = |holder: Option<&UserId>| holder.is_none_or(|holder| *holder == user);
        is_free(self.by_fold.get(&keys.fold)) && is_free(self.by_skeleton.get(&keys.skeleton))
    }

    /// Its user is here, or no longer.
    pub(crate) fn set_online(&mut self, name: &UserName, user: UserId, on: bool) {
        if on {
            self.online.insert(name.fold(), user);
        } else {
            self.online.remove(&name.fold());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_fold.len()
    }

    pub(crate) fn online_count(&self) -> usize {
        self.online.len()
    }

    /// Who is here, by name, behind the cursor `after`.
    pub(crate) fn after(&self, after: Option<&str>) -> impl Iterator<Item = (&String, UserId)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.online.range::<str, _>((from, Bound::Unbounded)).map(|(key, &user)| (key, user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_alike_is_taken_and_the_suggestion_is_free() {
        let name = |name| UserName::parse(name).unwrap();
        let mut names = Names::default();
        names.take(&name("bob"), UserId(1));
        names.take(&name("bob2"), UserId(2));
        assert!(!names.is_free(&name("BOB")));
        assert!(!names.is_free(&name("b\u{43e}b")), "a Cyrillic o");
        assert_eq!(names.suggest(&name("bob")), Some(name("bob3")));
        names.free(&name("bob"));
        assert!(names.is_free(&name("b\u{43e}b")));
        assert_eq!(names.find(&name("Bob2")), Some(UserId(2)));
    }
}

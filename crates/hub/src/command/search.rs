//! `search`: where may this session look? The looking itself passes by the hub.

use super::Caller;
use crate::hub::Hub;
use crate::{Effect, Refusal, Reply};
use hubbub_protocol::search::Query;
use hubbub_protocol::{ErrorCode, RoomAddress, RoomId, UserName, WallMs, limits};

/// What somebody looks for.
pub(crate) struct Wish {
    pub(crate) words: String,
    pub(crate) address: Option<RoomAddress>,
    pub(crate) from: Option<UserName>,
    pub(crate) since: Option<WallMs>,
    pub(crate) until: Option<WallMs>,
    pub(crate) after: Option<String>,
    pub(crate) limit: u32,
}

impl Hub {
    pub(crate) fn search(
        &mut self,
        caller: &Caller,
        wish: Wish,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        if wish.words.len() > limits::QUERY_BYTES || wish.words.trim().is_empty() {
            let text = format!("Look for words of 1 to {} bytes in all.", limits::QUERY_BYTES);
            return Err(Refusal::new(ErrorCode::QueryInvalid, text));
        }
        let before = match &wish.after {
            None => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| {
                Refusal::new(ErrorCode::QueryInvalid, "`after` is the `next` of a page before.")
            })?),
        };
        let rooms: Vec<RoomId> = match &wish.address {
            Some(address) => {
                let id = self.conversation(caller.user, address)?;
                if self.rooms.get(&id).is_some_and(|room| !room.keeps_history()) {
                    let text = format!("{address} keeps no history.");
                    return Err(Refusal::new(ErrorCode::NoHistory, text));
                }
                vec![id]
            }
            None => self.readable(caller.user),
        };
        if rooms.is_empty() {
            // A question about no room must not become one about all.
            return Ok(Some(Reply::NothingFound));
        }
        let found = |id: RoomId| {
            let upto = self.rooms.get(&id)?.delivered.1;
            Some((id, (self.address(id, caller.user)?, upto)))
        };
        let (rooms, addresses) = rooms.into_iter().filter_map(found).unzip();
        let Wish { words, from, since, until, limit, .. } = wish;
        let limit = limit.clamp(1, limits::PAGE);
        let query = Query { words, rooms, from, since, until, before, limit };
        effects.push(Effect::Search { session: caller.session, tag: caller.tag, query, addresses });
        Ok(None)
    }

    /// All conversations whose history somebody may read now: private chats that were ended, too.
    fn readable(&self, user: hubbub_protocol::UserId) -> Vec<RoomId> {
        let Some(user) = self.users.get(&user) else { return Vec::new() };
        let privates = user.privates.iter().map(|(_, room)| *room);
        let all = user.rooms.iter().copied().chain(privates);
        all.filter(|id| self.rooms.get(id).is_some_and(|room| room.keeps_history())).collect()
    }
}

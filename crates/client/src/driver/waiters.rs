//! Who waits for which answer: turns events into the results of the handle's methods.

use super::{ClientError, commands::Answer};
use crate::config::Pass;
use crate::event::{ClientEvent, LocalId, RequestId, SendState};
use hubbub_protocol::{Position, RoomAddress};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Waiters {
    pub(super) sends: HashMap<LocalId, Answer<Position>>,
    pub(super) asks: HashMap<RequestId, Answer<ClientEvent>>,
    pub(super) joins: Vec<(RoomAddress, Option<Pass>, Answer<RoomAddress>)>,
}

impl Waiters {
    /// Hands an event to who waits for it. Returns it if it is news for the program as well: an
    /// answer to a question is not.
    pub(super) fn hand_out(&mut self, event: ClientEvent) -> Option<ClientEvent> {
        match &event {
            ClientEvent::Send { local, state: SendState::Sent { position, .. } } => {
                answer(self.sends.remove(local), Ok(*position));
            }
            ClientEvent::Send { local, state: SendState::Failed { code, text } } => {
                let (code, next, text) = (*code, code.next(), text.clone());
                let refused = ClientError::Refused { code, next, text };
                answer(self.sends.remove(local), Err(refused));
            }
            ClientEvent::Joined { conversation, asked, pass, .. } => {
                self.answer_joins(asked, pass.as_ref(), &Ok(conversation.clone()));
            }
            ClientEvent::Refused { request, conversation, pass, code, next, text } => {
                let (code, next, text) = (*code, *next, text.clone());
                let refused = ClientError::Refused { code, next, text };
                if let Some(waiting) = request.and_then(|request| self.asks.remove(&request)) {
                    answer(Some(waiting), Err(refused));
                    return None;
                }
                if let Some(asked) = conversation {
                    self.answer_joins(asked, pass.as_ref(), &Err(refused));
                }
            }
            ClientEvent::RequestLost { request } => {
                answer(self.asks.remove(request), Err(ClientError::Lost));
                return None;
            }
            ClientEvent::HistoryPage { request, .. }
            | ClientEvent::RoomList { request, .. }
            | ClientEvent::UserList { request, .. }
            | ClientEvent::MemberList { request, .. }
            | ClientEvent::Info { request, .. }
            | ClientEvent::RoleList { request, .. }
            | ClientEvent::RestrictionList { request, .. }
            | ClientEvent::Found { request, .. }
            | ClientEvent::LoginList { request, .. }
            | ClientEvent::LinkList { request, .. }
            | ClientEvent::Done { request }
            | ClientEvent::Pong { request, .. } => {
                answer(self.asks.remove(request), Ok(event));
                return None;
            }
            // It is news as well.
            ClientEvent::You { request: Some(request), .. } => {
                answer(self.asks.remove(request), Ok(event.clone()));
            }
            _ => {}
        }
        Some(event)
    }

    fn answer_joins(
        &mut self,
        asked: &RoomAddress,
        pass: Option<&Pass>,
        result: &Result<RoomAddress, ClientError>,
    ) {
        let waiting = self.joins.extract_if(.., |(address, with, _)| {
            same_name(address, asked) && with.as_ref() == pass
        });
        waiting.for_each(|(.., waiting)| answer(Some(waiting), result.clone()));
    }

    /// No more answers will come.
    pub(super) fn end(&mut self, why: &ClientError) {
        let ended = || why.clone();
        self.sends.drain().for_each(|(_, waiting)| answer(Some(waiting), Err(ended())));
        self.asks.drain().for_each(|(_, waiting)| answer(Some(waiting), Err(ended())));
        self.joins.drain(..).for_each(|(.., waiting)| answer(Some(waiting), Err(ended())));
    }
}

/// Two calls may write one name differently; the core asks for it once.
fn same_name(one: &RoomAddress, other: &RoomAddress) -> bool {
    match (one, other) {
        (RoomAddress::Room(one), RoomAddress::Room(other)) => one.keys().fold == other.keys().fold,
        (RoomAddress::User(one), RoomAddress::User(other)) => one.keys().fold == other.keys().fold,
        (RoomAddress::Room(_), RoomAddress::User(_))
        | (RoomAddress::User(_), RoomAddress::Room(_)) => false,
    }
}

fn answer<T>(waiting: Option<Answer<T>>, result: Result<T, ClientError>) {
    if let Some(waiting) = waiting {
        // Whoever waited may have given up; then nobody needs the answer.
        let _ = waiting.send(result);
    }
}

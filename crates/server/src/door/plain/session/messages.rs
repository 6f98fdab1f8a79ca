//! What is done with single messages, reading back and looking for words: lines as commands of the
//! hub.

use super::super::awaited::{Part, Then};
use super::super::parse::{MessageLine, Place, SHOWN, Wanted};
use super::super::{Awaited, Looked, More, Plain, refuse};
use super::{send, with_room, with_text, with_user};
use crate::admit::Asked;
use hubbub_hub::{Command, Refusal};
use hubbub_protocol::frame::Page;
use hubbub_protocol::{ErrorCode, Reaction, RoomAddress, RoomName, Said, Seq, UserName, WallMs};
use jiff::Zoned;

impl Plain {
    pub(super) fn message_line(&mut self, line: MessageLine) -> Asked {
        match line {
            MessageLine::Reply { with, of, text } => with_text(&text, |text| {
                let said = Said { reply: Some(of), ..text.into() };
                self.at(with, |_, address| send(address, said, false))
            }),
            MessageLine::Edit { with, of: Some(of), text } => with_text(&text, |text| {
                self.at(with, |door, address| door.quietly(Command::Edit { address, of, text }))
            }),
            MessageLine::Edit { text, .. } => {
                with_text(&text, |text| self.with_last_message(Then::Edit(text)))
            }
            MessageLine::Delete { with, of: Some(of) } => {
                self.at(with, |door, address| door.quietly(Command::Delete { address, of }))
            }
            MessageLine::Delete { .. } => self.with_last_message(Then::Delete),
            MessageLine::React { with, of, reaction, on } => match Reaction::parse(&reaction) {
                Some(reaction) => self.at(with, |door, address| {
                    door.quietly(Command::React { address, of, reaction, on })
                }),
                None => {
                    let text = "A reaction is an emoji or a short word, without spaces.";
                    refuse(ErrorCode::ReactionInvalid, text)
                }
            },
            MessageLine::Pin { of, on } => {
                self.in_focus(|door, room| door.quietly(Command::Pin { room, of, on }))
            }
            MessageLine::Pins => self.in_focus(|door, room| door.info(room, Part::Pins)),
            MessageLine::Context { place, of } => match place {
                None => self.at(None, |door, address| door.around(address, of)),
                Some(Place::With(name)) => {
                    self.at(Some(name), |door, address| door.around(address, of))
                }
                Some(Place::Room(room)) => {
                    with_room(&room, |room| self.around(RoomAddress::Room(room), of))
                }
            },
            MessageLine::Search(wanted) => self.search(wanted),
            MessageLine::More => self.go_on(),
        }
    }

    /// In a private chat, or in the room in focus.
    fn at(
        &mut self,
        with: Option<String>,
        ask: impl FnOnce(&mut Self, RoomAddress) -> Asked,
    ) -> Asked {
        match with {
            Some(name) => with_user(&name, |name| ask(self, RoomAddress::User(name))),
            None => self.in_focus(|door, room| ask(door, RoomAddress::Room(room))),
        }
    }

    /// What was typed before may not be answered yet: a fence tells which message is the last.
    fn with_last_message(&mut self, then: Then) -> Asked {
        match self.focus().map(|focus| (focus.id, focus.name.clone())) {
            Some((id, room)) => self.awaiting(Awaited::Last { room, id, then }, Command::Ping),
            None => refuse(ErrorCode::NotMember, "You are in no room. /join ROOM first."),
        }
    }

    pub(super) fn history_of(&mut self, address: RoomAddress, page: Page, limit: u32) -> Asked {
        let around = match page {
            Page::Around(seq) => Some(seq),
            Page::Latest | Page::Before(_) | Page::After(_) => None,
        };
        let awaited = Awaited::History { address: address.clone(), limit, around };
        self.awaiting(awaited, Command::History { address, page, limit })
    }

    fn around(&mut self, address: RoomAddress, of: Seq) -> Asked {
        self.history_of(address, Page::Around(of), SHOWN)
    }

    fn search(&mut self, wanted: Wanted) -> Asked {
        match looked_for(wanted) {
            Ok(looked) => {
                let command = looked.command(None, SHOWN);
                self.awaiting(Awaited::Search(looked), command)
            }
            Err(refusal) => Asked::Refused(None, refusal),
        }
    }

    /// `/more`.
    fn go_on(&mut self) -> Asked {
        // Kept until it is answered: it may be refused, and asked again.
        match self.more.as_deref().cloned() {
            Some(More::History { address, before, limit }) => {
                self.history_of(address, Page::Before(before), limit)
            }
            Some(More::Search { looked, after }) => {
                let command = looked.command(Some(after), SHOWN);
                self.awaiting(Awaited::Search(looked), command)
            }
            None => {
                let text = "There is nothing more. /history or /search begins.";
                refuse(ErrorCode::Usage, text)
            }
        }
    }
}

/// A search with its names and times checked.
fn looked_for(wanted: Wanted) -> Result<Looked, Refusal> {
    let Wanted { words, place, from, since, until } = wanted;
    let user = |name: &str| {
        let known = UserName::known(name);
        known.map_err(|error| Refusal::new(ErrorCode::NoSuchUser, format!("{name}: {error}.")))
    };
    let address = match place {
        None => None,
        Some(Place::With(name)) => Some(RoomAddress::User(user(&name)?)),
        Some(Place::Room(room)) => match RoomName::known(&room) {
            Ok(room) => Some(RoomAddress::Room(room)),
            Err(error) => {
                return Err(Refusal::new(ErrorCode::RoomInvalid, format!("{room}: {error}.")));
            }
        },
    };
    let from = from.as_deref().map(user).transpose()?;
    let now = Zoned::now();
    let known = |moment: Option<WallMs>| {
        moment.ok_or_else(|| Refusal::new(ErrorCode::Usage, "No calendar has that day."))
    };
    let since = since.map(|moment| known(moment.start(&now))).transpose()?;
    let until = until.map(|moment| known(moment.end(&now))).transpose()?;
    Ok(Looked { words, address, from, since, until })
}

//! Lists of who keeps order, over pages; and what is done with the last message when it is known
//! which that is.

use super::super::awaited::Then;
use super::super::{Awaited, Plain, say};
use hubbub_hub::Command;
use hubbub_protocol::frame::{RestrictionEntry, RoleEntry};
use hubbub_protocol::{RestrictionKind, RoomAddress, RoomName};

/// Where it is not certain which message was the last.
const WHICH: &str = "! Which message? /history shows the numbers; name one: #N.\n";

impl Plain {
    pub(super) fn roles(
        &mut self,
        awaited: Option<Awaited>,
        room: RoomName,
        roles: &[RoleEntry],
        next: Option<String>,
        out: &mut String,
    ) -> Option<Command> {
        if !matches!(awaited, Some(Awaited::Roles { further: true })) {
            let nobody = if roles.is_empty() { " nobody has one." } else { "" };
            out.push_str(&format!("-- Roles in {room}:{nobody}\n"));
        }
        let roles: Vec<String> = roles.iter().map(say::room::role).collect();
        say::wrapped(roles.iter().map(String::as_str), out);
        let after = Some(next?);
        self.follows = Some(Awaited::Roles { further: true });
        Some(Command::Roles { room, after })
    }

    pub(super) fn restrictions(
        &mut self,
        awaited: Option<Awaited>,
        room: RoomName,
        restrictions: &[RestrictionEntry],
        next: Option<String>,
        out: &mut String,
    ) -> Option<Command> {
        let Some(Awaited::Restrictions { what, mut any }) = awaited else { return None };
        for entry in restrictions.iter().filter(|entry| entry.what == what) {
            if !std::mem::replace(&mut any, true) {
                let title = match what {
                    RestrictionKind::Ban => "Banned from",
                    RestrictionKind::Mute => "Muted in",
                };
                out.push_str(&format!("-- {title} {room}:\n"));
            }
            say::room::restriction(entry, out);
        }
        match next {
            Some(next) => {
                self.follows = Some(Awaited::Restrictions { what, any });
                Some(Command::Restrictions { room, after: Some(next) })
            }
            None => {
                if !any {
                    let what = match what {
                        RestrictionKind::Ban => "banned from",
                        RestrictionKind::Mute => "muted in",
                    };
                    out.push_str(&format!("-- Nobody is {what} {room}.\n"));
                }
                None
            }
        }
    }

    /// Everything that was said before is answered: now the last message is certain.
    pub(super) fn with_last(
        &mut self,
        awaited: Option<Awaited>,
        out: &mut String,
    ) -> Option<Command> {
        let Some(Awaited::Last { room, id, then }) = awaited else { return None };
        let joined = self.rooms.iter_mut().find(|joined| joined.id == id)?;
        let Some(of) = joined.said else {
            out.push_str(WHICH);
            return None;
        };
        let address = RoomAddress::Room(room);
        let command = match then {
            Then::Edit(text) => Command::Edit { address, of, text },
            Then::Delete => {
                joined.said = None;
                Command::Delete { address, of }
            }
        };
        self.follows = Some(Awaited::Done(String::new()));
        Some(command)
    }
}

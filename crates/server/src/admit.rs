//! The order within a session (invariant 6): which of a connection's requests may go to the hub now.
//!
//! Sends may follow sends, up to a limit; everything else goes alone, when all before it is
//! answered. A request that must wait is held, and the connection is not read meanwhile: that is the
//! backpressure.

use hubbub_hub::{Command, Refusal, Tag};
use hubbub_protocol::limits;

/// A request as the door understood it.
#[derive(Debug)]
pub enum Asked {
    /// For the hub.
    Command(Tag, Command),
    /// The door refuses it itself; said in its turn.
    Refused(Tag, Refusal),
    /// The door answers it itself (help); said in its turn.
    Answer(Vec<u8>),
}

impl Asked {
    fn is_send(&self) -> bool {
        matches!(self, Asked::Command(_, Command::Send { .. }))
    }
}

/// The gate of one session. One request is held at most.
#[derive(Debug, Default)]
pub struct Gate {
    sends: u32,
    alone: bool,
    held: Option<Box<Asked>>,
}

impl Gate {
    /// Whether the next request may be looked at. Else the connection is not read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.held.is_none() && !self.alone && self.sends < limits::SENDS_IN_FLIGHT
    }

    /// Whether everything that was asked is answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held.is_none() && !self.alone && self.sends == 0
    }

    /// Gives the request back if it may go on now; holds it otherwise.
    /// To be called only while the gate is open.
    pub fn offer(&mut self, asked: Asked) -> Option<Asked> {
        debug_assert!(self.is_open());
        if self.sends > 0 && !asked.is_send() {
            self.held = Some(Box::new(asked));
            return None;
        }
        self.pass(&asked);
        Some(asked)
    }

    fn pass(&mut self, asked: &Asked) {
        match asked {
            asked if asked.is_send() => self.sends += 1,
            Asked::Command(..) => self.alone = true,
            Asked::Refused(..) | Asked::Answer(_) => {}
        }
    }

    /// The hub answered a request. Returns the held one if it may go on now.
    pub fn answered(&mut self) -> Option<Asked> {
        if self.alone {
            self.alone = false;
        } else {
            self.sends = self.sends.saturating_sub(1);
        }
        if self.sends > 0 || self.alone {
            return None;
        }
        let held = self.held.take().map(|held| *held)?;
        self.pass(&held);
        Some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::{Body, RoomAddress, RoomName, Text};

    fn send() -> Asked {
        let address = RoomAddress::Room(RoomName::parse("lobby").unwrap());
        let body = Body::text(Text::parse("hi").unwrap());
        Asked::Command(None, Command::Send { address, body, counter: None, hold: false })
    }

    fn ping() -> Asked {
        Asked::Command(Some(7), Command::Ping)
    }

    #[test]
    fn a_ping_waits_for_every_send_before_it() {
        let mut gate = Gate::default();
        assert!(gate.offer(send()).is_some());
        assert!(gate.offer(send()).is_some());
        assert!(gate.offer(ping()).is_none(), "held");
        assert!(!gate.is_open(), "nothing overtakes it");
        assert!(gate.answered().is_none());
        assert!(matches!(gate.answered(), Some(Asked::Command(Some(7), Command::Ping))));
        assert!(!gate.is_open());
        assert!(gate.answered().is_none());
        assert!(gate.is_idle());
    }

    #[test]
    fn sends_in_flight_are_bounded() {
        let mut gate = Gate::default();
        for _ in 0..limits::SENDS_IN_FLIGHT {
            assert!(gate.is_open());
            assert!(gate.offer(send()).is_some());
        }
        assert!(!gate.is_open());
        assert!(gate.answered().is_none());
        assert!(gate.is_open());
    }

    #[test]
    fn an_error_of_the_door_waits_its_turn_and_is_no_barrier() {
        let mut gate = Gate::default();
        assert!(gate.offer(Asked::Answer(b"help".to_vec())).is_some());
        assert!(gate.is_idle());
        assert!(gate.offer(send()).is_some());
        assert!(gate.offer(Asked::Answer(b"help".to_vec())).is_none());
        assert!(matches!(gate.answered(), Some(Asked::Answer(_))));
        assert!(gate.is_idle());
    }
}

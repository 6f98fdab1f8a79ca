//! `quit`: the session ends in good order.

use crate::hub::Hub;
use crate::{Departure, Effect};
use hubbub_protocol::{CloseCode, Now, SessionId};

impl Hub {
    pub(crate) fn quit(&mut self, now: Now, session: SessionId, effects: &mut Vec<Effect>) {
        self.close(now, session, CloseCode::Bye, Departure::Quit, effects);
    }
}

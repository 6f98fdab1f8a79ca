//! `manage`, `setup`: what admins may do with the whole server from the chat, and how the first one comes.

use super::Caller;
use super::login::not_account;
use crate::hub::Hub;
use crate::{Effect, Limited, Refusal, Reply};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{ErrorCode, InviteCode};

impl Hub {
    /// A verb of whoever runs the server. What it means, and doing it, is the caller's of the hub; whether
    /// this session may say it is decided here, and once more when it is done ([`crate::Input::Admin`]).
    pub(crate) fn manage(
        &mut self,
        caller: &Caller,
        line: String,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        self.need_admin(caller)?;
        effects.push(Effect::Manage { session: caller.session, tag: caller.tag, line });
        Ok(None)
    }

    pub(crate) fn need_admin(&self, caller: &Caller) -> Result<(), Refusal> {
        if self.is_admin(caller.user) {
            return Ok(());
        }
        let text = "Only an admin of this server can do that.";
        Err(Refusal::new(ErrorCode::NotAllowed, text))
    }

    /// Makes the first admin, who knows what was shown to whoever started the server.
    pub(crate) fn set_up(
        &mut self,
        caller: &Caller,
        token: &Hidden,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let Some(user) = self.users.get(&caller.user) else { return Ok(None) };
        let name = user.name.clone();
        if !user.is_account() {
            return Err(not_account());
        }
        self.need_privacy(caller.session)?;
        // As with PINs: whoever guesses can come back under another name.
        self.need(caller, Limited::Pins)?;
        let given = InviteCode::parse(token.expose()).map(|code| code.digest());
        if given.is_none() || given != self.setup {
            let text = "That is not the token for the first admin, or there is an admin already.";
            return Err(Refusal::new(ErrorCode::SetupInvalid, text));
        }
        if self.sequencer.has_failed() {
            return Err(crate::sequencer::cannot_store());
        }
        self.make_admin(caller.now, &name, true, Some(caller.session), effects)
            .map_err(|text| Refusal::new(ErrorCode::SetupInvalid, text))?;
        self.answer_when_durable(caller.session, caller.tag, Reply::Done, effects);
        Ok(None)
    }
}

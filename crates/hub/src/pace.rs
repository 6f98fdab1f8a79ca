//! How fast somebody may go: what each command costs, and what happens when it is more than there is.
//!
//! Two ways. What people say is taken, and who says too much at once is not listened to for a moment
//! ([`Effect::Rest`]): so nothing of a pasted page or of a script's output is lost. The same holds for coming
//! back into one's rooms and for reading back. Everything else, and what goes far over, is refused with the
//! time to wait. Whoever goes on asking what is refused is warned, and then closed.

use crate::buckets::{Bucket, Buckets};
use crate::command::{Call, Caller};
use crate::hub::Hub;
use crate::limits::{Limited, Rate};
use crate::{Command, Departure, Effect, Notice, Refusal};
use hubbub_protocol::room::network_of;
use hubbub_protocol::{
    CloseCode, ErrorCode, MonoMs, Now, RoomAddress, RoomId, SessionId, UserId, limits,
};
use ipnet::IpNet;

/// Refusals for being too fast that a session may get before it is closed; it is warned at half of them.
const REFUSALS: Rate = Rate::new(limits::TOO_FAST_REFUSALS, limits::TOO_FAST_REFUSALS);

/// That no password is taken, as the beginning of a sentence.
pub const NO_PASSWORDS: &str = "Passwords are not taken over this connection";
/// Why no password is taken, and the way out, as the end of a sentence.
pub const WITH_TLS: &str = "since others could read along. Connect with TLS, as hubbub does, or: openssl s_client -quiet -connect HOST:PORT";

/// Whose buckets something is taken from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer {
    pub(crate) user: Option<UserId>,
    network: Option<IpNet>,
    /// Many people may stand behind the address.
    is_exempt: bool,
}

impl Payer {
    /// The address, if that is counted. Guessing PINs always is: whoever guesses can come back under
    /// another name, and only the address tells that it is the same. (Passwords have an account to count
    /// them for.)
    fn network(&self, kind: Limited) -> Option<IpNet> {
        self.network.filter(|_| kind == Limited::Pins || !self.is_exempt)
    }
}

impl Hub {
    /// Whose name something is done in.
    pub(crate) fn payer(&self, session: SessionId, user: Option<UserId>) -> Payer {
        let address = self.address_of(session);
        let is_exempt = address.is_some_and(|address| self.config.limits.is_exempt(address));
        Payer { user, network: address.map(network_of), is_exempt }
    }

    /// Whether it is a conversation of the user already: coming back to it is no new one.
    fn is_in(&self, user: UserId, address: &RoomAddress) -> bool {
        match address {
            RoomAddress::Room(name) => self.joined_room(user, name).is_ok(),
            RoomAddress::User(_) => true,
        }
    }

    fn buckets_of(&self, user: Option<UserId>) -> Option<&Buckets> {
        self.users.get(&user?)?.buckets.as_deref()
    }

    /// The buckets of a user and of its address.
    pub(crate) fn buckets_of_payer(
        &mut self,
        now: MonoMs,
        payer: Payer,
    ) -> impl Iterator<Item = &mut Buckets> {
        let user = payer.user.and_then(|user| self.users.get_mut(&user));
        let user = user.map(|user| &mut **user.buckets.get_or_insert_default());
        user.into_iter().chain(payer.network.map(|network| self.networks.entry(now, network)))
    }

    /// How long until a user and its address may do it without a debt, in milliseconds.
    pub(crate) fn wait_ms(&self, now: MonoMs, payer: Payer, kind: Limited, cost: u32) -> u64 {
        let limits = &self.config.limits;
        let user = self.buckets_of(payer.user);
        let network = payer.network(kind).and_then(|network| self.networks.get(network));
        let wait = |buckets: Option<&Buckets>, rates| {
            buckets.map_or(0, |buckets| buckets.wait_ms(now, rates, kind, cost))
        };
        wait(user, &limits.user).max(wait(network, &limits.address))
    }

    /// Takes it, also where that makes a debt.
    pub(crate) fn take(&mut self, now: MonoMs, payer: Payer, kind: Limited, cost: u32) {
        let limits = &self.config.limits;
        if let Some(user) = payer.user.and_then(|user| self.users.get_mut(&user)) {
            user.buckets.get_or_insert_default().take(now, &limits.user, kind, cost);
        }
        if let Some(network) = payer.network(kind) {
            self.networks.entry(now, network).take(now, &limits.address, kind, cost);
        }
    }

    /// Gives back what was taken for something that turned out to be all right.
    pub(crate) fn give_back(&mut self, now: MonoMs, payer: Payer, kind: Limited) {
        let limits = &self.config.limits;
        let user = payer.user.and_then(|user| self.users.get_mut(&user));
        if let Some(buckets) = user.and_then(|user| user.buckets.as_mut()) {
            buckets.give_back(&limits.user, kind);
        }
        if let Some(network) = payer.network(kind) {
            self.networks.entry(now, network).give_back(&limits.address, kind);
        }
    }

    /// Takes one of a kind that is refused where there is none left.
    pub(crate) fn need(&mut self, caller: &Caller, kind: Limited) -> Result<(), Refusal> {
        let payer = self.payer(caller.session, Some(caller.user));
        self.need_of(caller.now.mono, caller.session, payer, kind)
    }

    pub(crate) fn need_of(
        &mut self,
        now: MonoMs,
        session: SessionId,
        payer: Payer,
        kind: Limited,
    ) -> Result<(), Refusal> {
        let wait_ms = self.wait_ms(now, payer, kind, 1);
        if wait_ms > 0 {
            return Err(self.too_fast(session, kind, wait_ms));
        }
        self.take(now, payer, kind, 1);
        Ok(())
    }

    /// Takes what a command costs, whatever comes of it.
    pub(crate) fn pay(
        &mut self,
        caller: &Caller,
        command: &Command,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let payer = self.payer(caller.session, Some(caller.user));
        self.spend(caller.now.mono, caller.session, payer, &[(Limited::Commands, 1)], effects)?;
        match command {
            Command::Edit { text, .. } => {
                let bytes = u32::try_from(text.as_str().len()).unwrap_or(u32::MAX);
                let costs = [(Limited::Messages, 1), (Limited::Bytes, bytes)];
                self.spend(caller.now.mono, caller.session, payer, &costs, effects)
            }
            // What others are shown, as they are a message.
            Command::Delete { .. }
            | Command::React { .. }
            | Command::Pin { .. }
            | Command::Set { .. }
            | Command::Role { .. }
            | Command::Kick { .. }
            | Command::Restrict { .. }
            | Command::Lift { .. }
            | Command::Manage { .. } => {
                let costs = [(Limited::Messages, 1)];
                self.spend(caller.now.mono, caller.session, payer, &costs, effects)
            }
            Command::Join { address, .. } if self.is_in(caller.user, address) => {
                self.spend_gently(caller, Limited::Joins, effects);
                Ok(())
            }
            Command::Join { .. } => self.need(caller, Limited::Joins),
            Command::Nick { .. } => self.need(caller, Limited::Renames),
            // Whoever reads a long history goes on, only not faster.
            Command::History { .. } | Command::Search { .. } => {
                self.spend_gently(caller, Limited::Searches, effects);
                Ok(())
            }
            Command::Draft { text: Some(text), .. } => {
                let bytes = u32::try_from(text.as_str().len()).unwrap_or(u32::MAX);
                let costs = [(Limited::Bytes, bytes)];
                self.spend(caller.now.mono, caller.session, payer, &costs, effects)
            }
            // Paid where it turns out to be one.
            Command::Send { .. } | Command::Ask { .. } | Command::Invite { .. } => Ok(()),
            Command::Hello { .. }
            | Command::NameInvalid { .. }
            | Command::Register { .. }
            | Command::Login { .. }
            | Command::Logout
            | Command::Password { .. }
            | Command::Logins
            | Command::Revoke { .. }
            | Command::Accept { .. }
            | Command::Reject { .. }
            | Command::End { .. }
            | Command::Links { .. }
            | Command::Block { .. }
            | Command::Policy { .. }
            | Command::Group { .. }
            | Command::Decline { .. }
            | Command::Mark { .. }
            | Command::Draft { .. }
            | Command::Leave { .. }
            | Command::Typing { .. }
            | Command::Away { .. }
            | Command::Highlights { .. }
            | Command::Info { .. }
            | Command::Roles { .. }
            | Command::Restrictions { .. }
            | Command::Rooms { .. }
            | Command::Members { .. }
            | Command::Users { .. }
            | Command::Setup { .. }
            | Command::Ping
            | Command::Quit => Ok(()),
        }
    }

    /// A message is about to be admitted. A room in which much is said slows all who speak there, and
    /// refuses nobody: one can't do anything for what others say.
    pub(crate) fn pay_for_message(
        &mut self,
        caller: &Caller,
        room: RoomId,
        bytes: usize,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let now = caller.now.mono;
        let payer = self.payer(caller.session, Some(caller.user));
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let costs = [(Limited::Messages, 1), (Limited::Bytes, bytes)];
        self.spend(now, caller.session, payer, &costs, effects)?;
        let rates = &self.config.limits.room;
        let Some(room) = self.rooms.get_mut(&room) else { return Ok(()) };
        let waits = costs.map(|(kind, cost)| room.said.wait_ms(now, rates, kind, cost));
        let debt_ms = waits.into_iter().max().unwrap_or(0);
        if debt_ms <= limits::REST_MS {
            for (kind, cost) in costs {
                room.said.take(now, rates, kind, cost);
            }
        }
        rest(caller.session, debt_ms, effects);
        Ok(())
    }

    /// Takes all of it, and lets the session rest for the debt that it makes; refuses, and takes none,
    /// where the debt is larger than may be.
    fn spend(
        &mut self,
        now: MonoMs,
        session: SessionId,
        payer: Payer,
        costs: &[(Limited, u32)],
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let waits = costs.iter().map(|&(kind, cost)| (self.wait_ms(now, payer, kind, cost), kind));
        let (debt_ms, kind) = waits.max_by_key(|(wait, _)| *wait).unwrap_or((0, Limited::Commands));
        if debt_ms > limits::REST_MS {
            return Err(self.too_fast(session, kind, debt_ms));
        }
        for &(kind, cost) in costs {
            self.take(now, payer, kind, cost);
        }
        rest(session, debt_ms, effects);
        Ok(())
    }

    /// The same for what is never refused: coming back into one's rooms, reading back.
    fn spend_gently(&mut self, caller: &Caller, kind: Limited, effects: &mut Vec<Effect>) {
        let now = caller.now.mono;
        let payer = self.payer(caller.session, Some(caller.user));
        let debt_ms = self.wait_ms(now, payer, kind, 1);
        if debt_ms <= limits::REST_MS {
            self.take(now, payer, kind, 1);
        }
        rest(caller.session, debt_ms, effects);
    }

    /// What a session pays that is nobody yet: its address does.
    pub(crate) fn pay_as_nobody(
        &mut self,
        call: Call,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let payer = self.payer(call.session, None);
        self.spend(call.now.mono, call.session, payer, &[(Limited::Commands, 1)], effects)
    }

    /// Too often in a short time. It counts against the session, when it is told ([`Hub::note_refusal`]).
    pub(crate) fn too_fast(&mut self, id: SessionId, kind: Limited, wait_ms: u64) -> Refusal {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.was_too_fast = true;
        }
        too_fast(kind, wait_ms)
    }

    /// Who is nobody and goes on asking what it can't have is no better than who is too fast.
    pub(crate) fn note_stranger(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.was_too_fast |= session.user.is_none();
        }
    }

    /// A session was refused something. Being too fast for the server again and again has its end; what a
    /// room wants (slow mode) does not count.
    pub(crate) fn note_refusal(&mut self, now: Now, id: SessionId, effects: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !std::mem::take(&mut session.was_too_fast) {
            return;
        }
        let half = REFUSALS.burst / 2;
        let had_half = session.refusals.has(now.mono, REFUSALS, half);
        session.refusals.take(now.mono, REFUSALS, 1);
        if !session.refusals.has(now.mono, REFUSALS, 1) {
            return self.close(now, id, CloseCode::Flood, Departure::Lost, effects);
        }
        if had_half && !session.refusals.has(now.mono, REFUSALS, half) {
            let text = "You are much too fast. Wait as long as the answers say, or this connection is closed.";
            let notice = Notice::Warned { code: CloseCode::Flood, text: text.into() };
            effects.push(Effect::Tell { session: id, notice });
        }
    }

    /// Passwords are not taken where others can read along, unless the operator says otherwise.
    pub(crate) fn need_privacy(&self, session: SessionId) -> Result<(), Refusal> {
        if self.takes_passwords(session) {
            return Ok(());
        }
        let text = format!("{NO_PASSWORDS}, {WITH_TLS}");
        Err(Refusal::new(ErrorCode::TlsNeeded, text))
    }

    pub(crate) fn takes_passwords(&self, session: SessionId) -> bool {
        let is_private = |session: &crate::session::Session| session.arrival.is_private;
        self.config.plaintext_passwords || self.sessions.get(&session).is_some_and(is_private)
    }
}

fn too_fast(kind: Limited, wait_ms: u64) -> Refusal {
    let what = match kind {
        Limited::Logins => "Too many passwords were tried",
        Limited::Messages | Limited::Bytes => "Too much was said",
        Limited::Joins => "Too many rooms were joined",
        Limited::Rooms => "Too many rooms were made",
        Limited::Requests => "Too many people were asked",
        Limited::Renames => "Names were changed too often",
        Limited::Searches => "Too much was looked for",
        Limited::Pins => "Too many PINs and keys were tried from here",
        Limited::Commands => "Too much was asked",
    };
    let text = format!("{what} in a short time. Go on in {} s.", wait_ms.div_ceil(1000));
    Refusal { wait_ms: Some(wait_ms), ..Refusal::new(ErrorCode::TooFast, text) }
}

/// Nothing more of a session is looked at until its debt is paid.
fn rest(session: SessionId, debt_ms: u64, effects: &mut Vec<Effect>) {
    if debt_ms > 0 {
        effects.push(Effect::Rest { session, ms: debt_ms.min(limits::REST_MS) });
    }
}

/// What a room's users have said together. Most rooms have no use for more than these two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SaidBuckets {
    messages: Bucket,
    bytes: Bucket,
}

impl SaidBuckets {
    fn bucket(&mut self, kind: Limited) -> Option<&mut Bucket> {
        match kind {
            Limited::Messages => Some(&mut self.messages),
            Limited::Bytes => Some(&mut self.bytes),
            _ => None,
        }
    }

    /// These are full again.
    pub(crate) fn fill(&mut self, kinds: &[Limited]) {
        for kind in kinds {
            if let Some(bucket) = self.bucket(*kind) {
                *bucket = Bucket::default();
            }
        }
    }

    fn wait_ms(mut self, now: MonoMs, rates: &crate::Rates, kind: Limited, cost: u32) -> u64 {
        self.bucket(kind).map_or(0, |bucket| bucket.wait_ms(now, rates[kind], cost))
    }

    fn take(&mut self, now: MonoMs, rates: &crate::Rates, kind: Limited, cost: u32) {
        if let Some(bucket) = self.bucket(kind) {
            bucket.take(now, rates[kind], cost);
        }
    }
}

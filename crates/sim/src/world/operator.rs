//! Whoever runs the server: in every other world they send users away, ban and mute them everywhere for a
//! while, lift that, and announce. When nothing goes wrong any more they lift everything, since a clock that
//! jumps can make a short ban a long one.

use super::{Step, World};
use hubbub_hub::{AdminCommand, Input, Whom};
use hubbub_protocol::{NamePattern, Note, RestrictionKind, UserName};

/// How long a client waits that was sent away, until its user starts it again, in milliseconds.
const AWAY_MS: std::ops::RangeInclusive<u64> = 300..=3_000;
/// In calm everything is lifted again and again: the store may still fail.
const CALM_MS: u64 = 1_000;

const BAN: RestrictionKind = RestrictionKind::Ban;
const MUTE: RestrictionKind = RestrictionKind::Mute;

pub(super) struct Operator {
    /// Randomness of its own, so that a world without an operator is as it was before there were any.
    rng: fastrand::Rng,
    is_there: bool,
}

impl Operator {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x6f70_6572_6174);
        let is_there = rng.bool();
        Self { rng, is_there }
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.rng.usize(0..list.len())]
    }

    fn whom(&mut self, names: &[UserName]) -> Whom {
        let name = self.one_of(names).clone();
        match self.rng.u8(0..12) {
            0 => pattern("user1*"),
            1 => pattern("netcat*"),
            // All come from one address: nobody is let in for a while.
            2 => Whom::AddressOf(name),
            _ => Whom::User(name),
        }
    }

    fn command(&mut self, names: &[UserName]) -> AdminCommand {
        let what = if self.rng.bool() { BAN } else { MUTE };
        match self.rng.u8(0..10) {
            0..3 => {
                let reason = self.rng.bool().then(|| note("a reason"));
                AdminCommand::Kick { room: None, name: self.one_of(names).clone(), reason }
            }
            3..6 => {
                let (whom, for_ms) = (self.whom(names), Some(self.rng.u64(200..3_000)));
                AdminCommand::Restrict { room: None, what, whom, reason: None, for_ms }
            }
            6 | 7 => AdminCommand::Announce { text: note("tea is ready") },
            _ => AdminCommand::Lift { room: None, what, whom: self.whom(names) },
        }
    }
}

/// Everything that can have been banned or muted.
fn everybody(names: &[UserName]) -> Vec<AdminCommand> {
    let named = names.iter().flat_map(|name| {
        let name = name.clone();
        [Whom::User(name.clone()), Whom::AddressOf(name)]
    });
    let all = named.chain([pattern("user1*"), pattern("netcat*")]);
    let lift = |what, whom| AdminCommand::Lift { room: None, what, whom };
    all.flat_map(|whom| [lift(BAN, whom.clone()), lift(MUTE, whom)]).collect()
}

fn pattern(pattern: &str) -> Whom {
    Whom::Pattern(NamePattern::parse(pattern).expect("a valid pattern"))
}

fn note(text: &str) -> Note {
    Note::parse(text).expect("a line")
}

impl World {
    /// The operator comes, if there is one.
    pub(super) fn operator_comes(&mut self) {
        if self.operator.is_there {
            let delay = self.operator.rng.u64(1_000..3_000);
            self.plan(self.now + delay, Step::Operate);
        }
    }

    pub(super) fn operate(&mut self) {
        let names: Vec<UserName> = self
            .clients
            .iter()
            .map(|client| UserName::parse(&client.name).expect("a valid name"))
            .collect();
        let delay = if self.calm { CALM_MS } else { self.operator.rng.u64(200..2_500) };
        // Now and then also before: a world in which nobody is let in has little to tell.
        let commands = if self.calm || self.operator.rng.u8(0..4) == 0 {
            everybody(&names)
        } else {
            vec![self.operator.command(&names)]
        };
        if let Some(server) = &mut self.server {
            for command in commands {
                server.drive(Input::Admin { request: 1, by: None, command });
            }
        }
        self.plan(self.now + delay, Step::Operate);
    }

    /// A client that was sent away does not come back by itself.
    pub(super) fn start_again_later(&mut self, index: usize) {
        let delay = self.operator.rng.u64(AWAY_MS);
        self.plan(self.now + delay, Step::StartAgain(index));
    }

    pub(super) fn start_again(&mut self, index: usize) {
        self.outcome.sent_away += 1;
        self.clients[index].start_again();
        self.connect(index);
    }
}

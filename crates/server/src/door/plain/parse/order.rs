//! Lines about who keeps order in a room: roles, kicks, bans and mutes.

use super::super::commands::Verb;
use super::time::{Span, span};
use super::{one_word, split_word};
use hubbub_protocol::{RestrictionKind, Role};

/// What is wanted of the room in focus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderLine {
    /// Give a user a role, or take it.
    Role {
        /// Whom.
        name: String,
        /// `None`: none any more.
        role: Option<Role>,
    },
    /// List the roles.
    Roles,
    /// Send somebody out.
    Kick {
        /// Whom.
        name: String,
        /// Why.
        reason: Option<String>,
    },
    /// Ban or mute.
    Restrict {
        /// Which of both.
        what: RestrictionKind,
        /// Whom: a name, a pattern, an address.
        whom: String,
        /// For how long, in milliseconds; `None`: until it is lifted.
        for_ms: Option<u64>,
        /// Why.
        reason: Option<String>,
    },
    /// Lift a ban or a mute.
    Lift {
        /// Which of both.
        what: RestrictionKind,
        /// Whom, as it was said.
        whom: String,
    },
    /// List bans or mutes.
    Restrictions(RestrictionKind),
}

/// The line of one of these verbs; `None` if its arguments are wrong, or it is another's.
pub(super) fn understand(verb: Verb, arguments: &str) -> Option<OrderLine> {
    let role = |role| Some(OrderLine::Role { name: one_word(arguments)?, role });
    let lift = |what| Some(OrderLine::Lift { what, whom: one_word(arguments)? });
    let list = |line| arguments.is_empty().then_some(line);
    match verb {
        Verb::Op => role(Some(Role::Operator)),
        Verb::Voice => role(Some(Role::Voice)),
        Verb::Owner => role(Some(Role::Owner)),
        Verb::Deop | Verb::Devoice => role(None),
        Verb::Role => {
            let (name, role) = split_word(arguments);
            Some(OrderLine::Role { name: one_word(name)?, role: named_role(role)? })
        }
        Verb::Roles => list(OrderLine::Roles),
        Verb::Kick => {
            let (name, reason) = split_word(arguments);
            Some(OrderLine::Kick { name: one_word(name)?, reason: some(reason) })
        }
        Verb::Ban => restrict(RestrictionKind::Ban, arguments),
        Verb::Mute => restrict(RestrictionKind::Mute, arguments),
        Verb::Unban => lift(RestrictionKind::Ban),
        Verb::Unmute => lift(RestrictionKind::Mute),
        Verb::Bans => list(OrderLine::Restrictions(RestrictionKind::Ban)),
        Verb::Mutes => list(OrderLine::Restrictions(RestrictionKind::Mute)),
        _ => None,
    }
}

fn named_role(word: &str) -> Option<Option<Role>> {
    Some(match word.to_ascii_lowercase().as_str() {
        "voice" => Some(Role::Voice),
        "op" | "operator" => Some(Role::Operator),
        "owner" => Some(Role::Owner),
        "none" | "-" => None,
        _ => return None,
    })
}

/// `WHOM [TIME] [REASON]`: what looks like a time is one only right behind whom it is for.
fn restrict(what: RestrictionKind, arguments: &str) -> Option<OrderLine> {
    let (whom, rest) = split_word(arguments);
    let (first, after) = split_word(rest);
    let (for_ms, reason) = match span(first) {
        Span::Of(ms) => (Some(ms), after),
        Span::Wrong => return None,
        Span::None => (None, rest),
    };
    Some(OrderLine::Restrict { what, whom: one_word(whom)?, for_ms, reason: some(reason) })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

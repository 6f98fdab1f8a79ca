//! What went wrong, for the people in front of a program.

use crate::address::{AddressError, ServerAddress};
use crate::config::{AskError, SendError};
use hubbub_protocol::{ErrorCode, NextStep};
use std::io;

/// Why a client could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address can't be read: correct it.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The operating system has no randomness to give.
    #[error("this system gives no random numbers: {0}")]
    NoRandomness(String),
    /// No such host: correct the address.
    #[error(
        "the host '{host}' is not known here ({text}); check its spelling, or use its IP address"
    )]
    UnknownHost {
        /// What was looked up.
        host: String,
        /// The system's words.
        text: String,
    },
    /// No connection.
    #[error("{}", connect_text(.address, *.kind, .text))]
    Connect {
        /// Where to.
        address: ServerAddress,
        /// What happened.
        kind: io::ErrorKind,
        /// The system's words.
        text: String,
    },
    /// Connected, but to something that does not say welcome.
    #[error(
        "{address} took the connection and ended it before saying welcome; is that a Hubbub server?"
    )]
    NoWelcome {
        /// Where to.
        address: ServerAddress,
    },
    /// Take another name.
    #[error("{text}{}", suggest(.suggestion))]
    NameRefused {
        /// The server's words.
        text: String,
        /// A name that is free.
        suggestion: Option<String>,
    },
    /// The server does not let the user in like that.
    #[error("{text}{}", suggest(.suggestion))]
    LoginRefused {
        /// For programs.
        code: ErrorCode,
        /// The server's words.
        text: String,
        /// A name that is free.
        suggestion: Option<String>,
    },
    /// The server refuses; `next` says what helps.
    #[error("{text}")]
    Refused {
        /// For programs.
        code: ErrorCode,
        /// What to do next.
        next: NextStep,
        /// The server's words.
        text: String,
    },
    /// The message was not taken.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The question was not taken.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Ask again.
    #[error("the connection was lost before the server answered; ask again")]
    Lost,
    /// The client has ended, for the reason in the text: start another one.
    #[error("{text}")]
    Ended {
        /// Why.
        text: String,
    },
}

fn suggest(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(" ('{name}' is free)")).unwrap_or_default()
}

fn connect_text(address: &ServerAddress, kind: io::ErrorKind, text: &str) -> String {
    match kind {
        io::ErrorKind::ConnectionRefused => format!(
            "nothing listens at {address}; is the server running? start one with `hubbub serve`"
        ),
        io::ErrorKind::TimedOut => format!(
            "no answer from {address}; is the address right, and does a firewall let port {} through?",
            address.port
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("{address} can't be reached; is this computer in the same network?")
        }
        _ => format!("can't connect to {address}: {text}"),
    }
}

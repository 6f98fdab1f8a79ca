//! What went wrong, for the people in front of a program.

use crate::address::{AddressError, ServerAddress};
use crate::config::{AskError, SendError};
use crate::security::ChangedKey;
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
    /// Connected, but to something that says nothing at all.
    #[error(
        "{address} took the connection and says nothing; is that a Hubbub server, and has it too much \
         to do?"
    )]
    Silent {
        /// Where to.
        address: ServerAddress,
    },
    /// It speaks no TLS. Nothing was said to it.
    #[error("{}", not_tls_text(.address, *.is_known))]
    NotTls {
        /// Where.
        address: ServerAddress,
        /// Its key is known: so it spoke TLS once, and should not be spoken to without.
        is_known: bool,
    },
    /// It does not prove that it has the key that it shows. Nothing was said to it.
    #[error(
        "{address} does not prove who it is: {text}. Nothing was said to it. Somebody between may want \
         to read along; or a proxy stands before the server, or it is not a Hubbub server"
    )]
    BadCertificate {
        /// Where.
        address: ServerAddress,
        /// What is wrong.
        text: String,
    },
    /// It has another key than the one that is known. Nothing was said to it.
    #[error(transparent)]
    KeyChanged(Box<ChangedKey>),
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

fn not_tls_text(address: &ServerAddress, is_known: bool) -> String {
    if is_known {
        return format!(
            "{address} speaks no TLS, but it did when its key became known: something else answers \
             there now. Nothing was said to it"
        );
    }
    format!(
        "{address} speaks no TLS. If you are sure that it is a Hubbub server without TLS, and that \
         others may read what is said, passwords too, use --plaintext"
    )
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

//! The client of Hubbub's native door.
//!
//! [`Core`] is a state machine without sockets, clock, randomness and terminal: frames and the time
//! go in, frames and [`ClientEvent`]s come out. It resumes after lost connections so that every
//! conversation is complete and every send is done exactly once. It builds for wasm32 and is the
//! simulator's client. [`driver`] (feature `tokio`) runs it over TLS or TCP.
//!
//! Deliberately not here: anything about terminals, and storage; what a client knows lives as long
//! as its [`Core`].

pub mod address;
pub mod backoff;
pub mod config;
pub mod conversation;
pub mod core;
#[cfg(feature = "tokio")]
pub mod driver;
pub mod event;
pub mod outbox;
pub mod security;
pub mod timeline;
pub mod transcript;

mod account;
mod catch_up;
mod consent;
mod entry;
mod frames;
mod moderation;
mod people;
mod refusal;
mod requests;
mod session;
mod wishes;

pub use address::ServerAddress;
pub use config::{AskError, CoreConfig, Enter, Pass, Search, SendError};
pub use conversation::Conversation;
pub use core::Core;
#[cfg(feature = "tokio")]
pub use driver::{Client, ClientError, Contact, Events};
pub use event::{ClientEvent, ConnectionState, LocalId, RequestId, SendState};
pub use security::{ChangedKey, Security, Trust};
pub use transcript::Transcript;

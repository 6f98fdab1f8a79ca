//! The hub: the state machine that decides everything — who is where, who may do what, in which
//! order, and what is delivered to whom.
//!
//! [`Hub::handle`] takes one [`Input`] and appends [`Effect`]s. It is deterministic: time,
//! randomness and the answers of slow work come in as inputs (invariant 8). The caller carries the
//! effects out in their order.
//!
//! Deliberately not here: async, sockets, clocks, randomness, JSON, SQL. The way of a message:
//! `command::send` admits it and gives it its number → [`Effect::Persist`] → the caller commits →
//! [`Input::Persisted`] → `sequencer` releases it → [`Effect::Deliver`] and the sender's answer.

mod account;
mod acts;
mod audit;
mod catch_up;
mod check;
mod command;
mod config;
mod durable;
mod effect;
mod hub;
mod import;
mod input;
mod instance;
mod invites;
mod links;
mod names;
mod operator;
mod order;
mod presence;
mod retention;
mod room;
mod sequencer;
mod session;
mod snapshot;
mod ties;
mod tries;
mod unconfirmed;
mod user;

pub use config::HubConfig;
pub use effect::{Delivery, Effect, Notice, PasswordWork, Refusal, Reply, Tag, Ticket};
pub use hub::{Figures, Hub};
pub use input::{
    Arrival, Command, Departure, Entry, Input, JoinSecret, LoadedMessage, PageRead,
    PasswordOutcome, Setting, Survivor, Whom,
};
pub use operator::{AdminCommand, AdminReply, Imported, Refers};

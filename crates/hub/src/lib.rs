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
mod arrivals;
mod audit;
mod buckets;
mod catch_up;
mod check;
mod clock_sense;
mod command;
mod config;
mod configure;
mod durable;
mod effect;
mod everywhere;
mod hub;
mod import;
mod input;
mod instance;
mod invites;
mod limits;
mod links;
mod names;
mod operate;
mod operator;
mod order;
mod overview;
mod pace;
mod presence;
mod retention;
mod room;
mod sequencer;
mod session;
mod snapshot;
mod ties;
mod transcripts;
mod unconfirmed;
mod user;

pub use arrivals::{Admission, Arrivals};
pub use buckets::Bucket;
pub use clock_sense::{ClockJump, ClockSense};
pub use config::HubConfig;
pub use effect::{Delivery, Effect, Notice, PasswordWork, Refusal, Reply, Tag, Ticket};
pub use hub::{Figures, Hub};
pub use input::{
    Arrival, Command, Departure, Entry, Input, JoinSecret, LoadedMessage, PageRead,
    PasswordOutcome, Setting, Survivor, Whom,
};
pub use limits::{IntakeLimits, Limited, Limits, Rate, Rates};
pub use operator::{AdminCommand, AdminReply, Imported, Refers};
pub use overview::{AccountOverview, RoomOverview, SessionOverview, UserOverview};
pub use pace::{NO_PASSWORDS, WITH_TLS};
pub use transcripts::Transcripts;

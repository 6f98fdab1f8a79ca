//! What every part of Hubbub says about the wire: identifiers, validated names and texts, limits,
//! error and close codes, the frames of the native door and the line codec.
//!
//! Deliberately not here: tokio, sockets, storage, and any rule about who may do what in a room
//! (that is `hubbub-hub`). This crate builds for wasm32.

pub mod account;
pub mod audit;
pub mod error;
pub mod event;
pub mod fingerprint;
pub mod frame;
pub mod ids;
pub mod limits;
pub mod line;
pub mod mention;
pub mod name;
pub mod record;
pub mod room;
pub mod sanitize;
pub mod search;
pub mod secret;
pub mod text;

pub use account::{PrivatePolicy, Registration};
pub use audit::DoorKind;
pub use error::{CloseCode, ErrorCode, NextStep};
pub use event::{Author, Body, Event, Position, RoomAddress, Said};
pub use fingerprint::Fingerprint;
pub use ids::{
    Counter, Epoch, Instance, InviteId, LoginId, MonoMs, Now, ResumeToken, RoomId, Seq, SessionId,
    UserId, WallMs,
};
pub use name::{NameError, RoomName, UserName};
pub use room::{
    NamePattern, Reaction, Restricted, RestrictionKind, Role, RoomChange, RoomSecret, RoomSettings,
    ServerKey,
};
pub use secret::{InviteCode, Password, PasswordError, SecretDigest};
pub use text::{Note, NoteError, Text, TextError};

/// The versions of the native protocol that this build speaks, best first.
pub const VERSIONS: &[u32] = &[1];

//! Error and close codes: stable words for programs, each with what the client does next.

use serde::{Deserialize, Serialize};

/// What a client does after an error or a close (invariant 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Change something and try again: the same request would fail the same way.
    Correct,
    /// Send the same again, later. A `send` keeps its counter.
    Retry,
    /// Connect again and resume: nothing is lost.
    Resume,
    /// Connect and log in again from the start.
    Login,
    /// Don't come back on your own.
    Stop,
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $next:ident;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $code)] $variant,)*
        }
        impl $name {
            /// All of them, in the order of the documentation.
            pub const ALL: &[$name] = &[$($name::$variant,)*];
            /// The stable word on the wire.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)* }
            }
            /// What the client does next.
            #[must_use]
            pub fn next(self) -> NextStep {
                match self { $($name::$variant => NextStep::$next,)* }
            }
        }
    };
}

codes!(
    /// Why a request was refused. The connection stays as it was.
    ErrorCode {
        /// The line is no frame of this protocol: no JSON object, an unknown `cmd`, a field that is missing
        /// or of the wrong type, a number out of its range.
        BadFrame = "bad_frame", Correct;
        /// The line is longer than 64 KiB; it was skipped.
        TooLong = "too_long", Correct;
        /// The line is not UTF-8; it was skipped.
        NotUtf8 = "not_utf8", Correct;
        /// The first frame must be `hello`.
        HelloFirst = "hello_first", Correct;
        /// `hello` was said already.
        HelloTwice = "hello_twice", Correct;
        /// None of the offered protocol versions is spoken here.
        Version = "version", Stop;
        /// The name breaks the rules; the text says which.
        NameInvalid = "name_invalid", Correct;
        /// Somebody has this name, or one that looks like it.
        NameTaken = "name_taken", Correct;
        /// The name belongs to an account, or the server has no guests: log in, register, or (with
        /// guests) take another name.
        LoginNeeded = "login_needed", Correct;
        /// There is no account of that name, or its password is another.
        WrongPassword = "wrong_password", Correct;
        /// The new password breaks the rules; the text says which.
        PasswordInvalid = "password_invalid", Correct;
        /// That is not the token that makes the first admin, or there is an admin already.
        SetupInvalid = "setup_invalid", Correct;
        /// No accounts can be made here.
        RegistrationClosed = "registration_closed", Correct;
        /// An account can be made here with an invite only.
        InviteNeeded = "invite_needed", Correct;
        /// The invite is unknown, used up or too old.
        InviteInvalid = "invite_invalid", Correct;
        /// Only an account can do that.
        NotAccount = "not_account", Correct;
        /// You have an account already.
        IsAccount = "is_account", Correct;
        /// You have no login of that number.
        NoSuchLogin = "no_such_login", Correct;
        /// The room's name breaks the rules; the text says which.
        RoomInvalid = "room_invalid", Correct;
        /// You are not in that room, or there is none of that name.
        NotMember = "not_member", Correct;
        /// No user of that name is here.
        NoSuchUser = "no_such_user", Correct;
        /// There is no such private chat or group.
        NoSuchRoom = "no_such_room", Correct;
        /// The user was asked and has not agreed yet: the message was not taken. Send it again, with a
        /// new counter, when `link` says `open`.
        NotAccepted = "not_accepted", Correct;
        /// You have asked that user already.
        AlreadyAsked = "already_asked", Correct;
        /// You have a private chat with that user already.
        AlreadyLinked = "already_linked", Correct;
        /// You have no private chat with that user.
        NotLinked = "not_linked", Correct;
        /// That user has not asked you, or that group has not invited you.
        NoRequest = "no_request", Correct;
        /// That user, or this server, has no private chats.
        PrivateClosed = "private_closed", Correct;
        /// You block that user: unblock first.
        Blocked = "blocked", Correct;
        /// That user is away, and as much as can wait for them does.
        AwayFull = "away_full", Retry;
        /// Only who is invited can join that group.
        InviteOnly = "invite_only", Correct;
        /// A room of that name exists already.
        RoomTaken = "room_taken", Correct;
        /// The user is in that group already.
        AlreadyMember = "already_member", Correct;
        /// One may not do that in this room; the text says who may.
        NotAllowed = "not_allowed", Correct;
        /// One is banned from that room.
        Banned = "banned", Correct;
        /// One is muted there, or only who has a role speaks there.
        Muted = "muted", Correct;
        /// That room is joined with a key.
        KeyNeeded = "key_needed", Correct;
        /// The key is another.
        WrongKey = "wrong_key", Correct;
        /// The PIN or key breaks the rules; the text says which.
        PinInvalid = "pin_invalid", Correct;
        /// Too often in a short time: `wait_ms` says how long to wait.
        TooFast = "too_fast", Retry;
        /// Passwords are not taken over a connection that others can read along: connect with TLS.
        TlsNeeded = "tls_needed", Correct;
        /// As many are in that room as may be.
        RoomFull = "room_full", Correct;
        /// There is no such message, or it is deleted, or no message.
        NoSuchEvent = "no_such_event", Correct;
        /// The reaction is too long, or nothing that can be seen.
        ReactionInvalid = "reaction_invalid", Correct;
        /// The topic, description, reason or word about being away is no line, or too long.
        NoteInvalid = "note_invalid", Correct;
        /// The pattern, the address or the network breaks the rules; the text says which.
        WhomInvalid = "whom_invalid", Correct;
        /// Nobody is banned or muted so.
        NotRestricted = "not_restricted", Correct;
        /// Nothing can be searched for with these words.
        QueryInvalid = "query_invalid", Correct;
        /// A message to oneself, or a request.
        ToSelf = "to_self", Correct;
        /// The text is empty, too long, or has characters that no message may have.
        TextInvalid = "text_invalid", Correct;
        /// A limit on the number of something is reached: rooms or private chats of a user, rooms of the server.
        Limit = "limit", Correct;
        /// The counter lies behind the window that the server remembers for this client instance.
        StaleCounter = "stale_counter", Stop;
        /// A `send` with a counter needs an `instance` in `hello`.
        NoInstance = "no_instance", Correct;
        /// The room keeps no history.
        NoHistory = "no_history", Correct;
        /// The store failed on the message: it was not delivered, and whether it was kept shows when the store works again.
        NotStored = "not_stored", Retry;
        /// The server has more to write than it can at the moment; the message was not taken.
        Busy = "busy", Retry;
        /// The history can't be read at the moment. After a `join`, the connection does not hear the room.
        Unavailable = "unavailable", Retry;
        /// No command of that name (plain door).
        UnknownCommand = "unknown_command", Correct;
        /// The command lacks something, or has too much (plain door).
        Usage = "usage", Correct;
    }
);

codes!(
    /// Why the server closes a connection.
    CloseCode {
        /// You said `quit`, or your side of the connection ended.
        Bye = "bye", Stop;
        /// The server stops or restarts.
        Shutdown = "shutdown", Resume;
        /// You did not read what was sent to you in time.
        Slow = "slow", Resume;
        /// No name was given in time.
        LoginTimeout = "login_timeout", Login;
        /// Too many wrong passwords.
        LoginFailures = "login_failures", Login;
        /// The login of this connection was ended, from another one of the same user.
        Revoked = "revoked", Login;
        /// Whoever runs the server, or an admin, ended your connection. You may come again.
        Kicked = "kicked", Stop;
        /// You are banned from the server.
        Banned = "banned", Stop;
        /// You went on although you were told that you are too fast. Come back later, and slower.
        Flood = "flood", Resume;
        /// There are too many connections: from your address, or at all. Come back later.
        Full = "full", Resume;
        /// The same client connected again.
        Replaced = "replaced", Stop;
        /// No shared protocol version.
        Version = "version", Stop;
        /// Too many lines in a row were no frames of this protocol.
        Protocol = "protocol", Stop;
        /// Something went wrong in the server, and only this connection is affected.
        Internal = "internal", Resume;
    }
);

impl CloseCode {
    /// One plain sentence for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            CloseCode::Bye => "Goodbye.",
            CloseCode::Shutdown => "The server is shutting down. What was acknowledged is safe.",
            CloseCode::Slow => {
                "This connection did not take what was sent to it in time. Connect again to go on."
            }
            CloseCode::LoginTimeout => "No name was given in time. Connect again to try once more.",
            CloseCode::LoginFailures => "Too many wrong passwords. Connect again to try once more.",
            CloseCode::Revoked => "This login was ended from elsewhere. Log in again.",
            CloseCode::Kicked => "An admin of this server ended your connection.",
            CloseCode::Banned => "You are banned from this server.",
            CloseCode::Flood => {
                "Too much in too short a time, in spite of the warning. Connect again in a while."
            }
            CloseCode::Full => {
                "There are too many connections at the moment. Connect again in a while."
            }
            CloseCode::Replaced => "The same client connected again from elsewhere.",
            CloseCode::Version => "This server speaks none of the offered protocol versions.",
            CloseCode::Protocol => "Too many lines were no frames of this protocol.",
            CloseCode::Internal => "Something went wrong in the server. Connect again to go on.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_serialize_as_their_word() {
        let mut words: Vec<_> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.code());
        }
        for code in CloseCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.code());
            assert!(!code.text().is_empty());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }
}

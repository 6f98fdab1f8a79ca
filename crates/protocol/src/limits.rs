//! Every limit that a peer can run into, in one place, with its unit.
//!
//! `docs/protocol.md` lists those that clients see; a test compares the two.

/// Longest native frame or line on any door, in bytes, without its line end.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Longest line of a connection that has not said who it is, in bytes: more than the longest `hello` needs.
pub const HELLO_BYTES: usize = 4096;
/// Most values, objects and arrays in one native frame: what is more is refused before memory is given to it.
pub const FRAME_VALUES: usize = 1000;
/// Longest message text, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 4096;
/// Most lines in one message text.
pub const TEXT_LINES: usize = 100;
/// Longest user name, in bytes of UTF-8.
pub const USER_NAME_BYTES: usize = 32;
/// Longest room name, in bytes of UTF-8.
pub const ROOM_NAME_BYTES: usize = 50;
/// Sends of one session that may wait for their acknowledgement; the server reads no further
/// command of that session until one is answered.
pub const SENDS_IN_FLIGHT: u32 = 32;
/// Accepted sends that the server remembers for each client instance, to answer repetitions.
/// Never smaller than [`SENDS_IN_FLIGHT`], or a client that resumes could not repeat them all.
pub const INSTANCE_WINDOW: u64 = 64;
/// Most events in one page of history, and entries in one page of a list.
pub const PAGE: u32 = 100;
/// Largest counter of a send: what JSON numbers hold exactly in every language.
pub const COUNTER_MAX: u64 = (1 << 53) - 1;
/// Rooms that one user may be in at once.
pub const ROOMS_PER_USER: usize = 256;
/// Private chats that one user may have at once.
pub const PRIVATES_PER_USER: usize = 256;
/// Rooms that exist at once on one server.
pub const ROOMS: usize = 1_000_000;
/// Latest time that a message of elsewhere may have, in milliseconds since 1970: the end of the year 9999.
pub const TIME_MAX: u64 = 253_402_300_799_999;
/// Client instances whose window is held in memory; the least recently used is dropped first and
/// read from the store again when it returns.
pub const INSTANCES: usize = 100_000;
/// Protocol versions that a `hello` may offer.
pub const VERSIONS_OFFERED: usize = 16;

/// Members above which joins and leaves are no longer announced one by one.
pub const PRESENCE_MEMBERS: usize = 200;
/// How often the member count of such a room is announced, if it changed, in milliseconds.
pub const PRESENCE_COUNT_MS: u64 = 30_000;
/// An empty room that keeps no history goes this long after its last session left, in milliseconds.
pub const EMPTY_ROOM_MS: u64 = 60_000;
/// A lost guest's name and rooms are held this long for its resume token, in milliseconds.
pub const RESUME_HOLD_MS: u64 = 90_000;
/// A connection that has not given a name by then is closed, in milliseconds.
pub const LOGIN_MS: u64 = 120_000;
/// Silence after which an undecided connection gets the plain door, in milliseconds.
pub const SNIFF_MS: u64 = 1_000;

/// After so long a silence the system asks whether the peer still lives, in milliseconds.
pub const PROBE_MS: u64 = 30_000;

/// Bytes that may wait for one connection before it is closed as `slow`.
pub const OUTBOX_BYTES: usize = 1024 * 1024;
/// Frames that may wait for one connection before it is closed as `slow`.
pub const OUTBOX_FRAMES: usize = 8192;
/// Longest time that a connection may take nothing while bytes wait for it, in milliseconds.
pub const OUTBOX_AGE_MS: u64 = 30_000;
/// All outboxes of a server together, in bytes. Past half, ephemeral events are dropped; past
/// three quarters, nobody is read until it falls.
pub const OUTBOXES_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a connection's outbox above which its paced answers (history, lists, catching up)
/// wait.
pub const PACED_BYTES: usize = 64 * 1024;
/// Text bytes that may wait for the store on the whole server; further sends are refused as `busy`.
pub const COMMIT_BYTES: usize = 64 * 1024 * 1024;
/// Events that one room holds for sessions that are catching up, in number.
pub const CATCH_UP_TAIL: usize = 1024;
/// Text bytes that one room holds for sessions that are catching up.
pub const CATCH_UP_TAIL_BYTES: usize = 128 * 1024;

/// Fewest characters of a new password.
pub const PASSWORD_CHARS: usize = 8;
/// Longest password, in bytes of UTF-8.
pub const PASSWORD_BYTES: usize = 256;
/// Wrong passwords on one connection before it is closed.
pub const LOGIN_FAILURES: u32 = 10;
/// Logins that one account may have at once; a further one ends the one that was not used for longest.
pub const LOGINS_PER_USER: usize = 64;
/// An account's login that was not used for this long is forgotten, in milliseconds: 90 days.
pub const LOGIN_UNUSED_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// Passwords that may wait to be checked on the whole server; further ones are refused as `busy`.
pub const PASSWORDS_WAITING: usize = 4096;
/// Requests for private chats, and invitations, that one user may have made and not had answered.
pub const REQUESTS_BY_USER: usize = 64;
/// Requests and invitations that may wait for one user.
pub const REQUESTS_TO_USER: usize = 256;
/// A request or invitation that nobody answers goes after this time, in milliseconds: 7 days.
pub const REQUEST_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Users that one user may block.
pub const BLOCKS_PER_USER: usize = 1_000;
/// Members of a group, those who are away included.
pub const GROUP_MEMBERS: usize = 1_000;
/// Private messages that wait for an account that is away, in each private chat.
pub const AWAY_MESSAGES: u64 = 200;
/// Drafts that one account may have.
pub const DRAFTS_PER_USER: usize = 64;
/// Private messages that a plain session holds for people who have not answered yet.
pub const HELD_TEXTS: usize = 16;
/// Accounts of one server.
pub const ACCOUNTS: usize = 100_000;
/// Invites of one server.
pub const INVITES: usize = 10_000;
/// Entries of the audit log are kept this long, in milliseconds: 90 days.
pub const AUDIT_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// Entries of the audit log that may wait for a store that fails.
pub const AUDIT_WAITING: usize = 10_000;

/// Longest topic, description, reason or word about being away, in bytes of UTF-8.
pub const NOTE_BYTES: usize = 400;
/// Longest reaction, in bytes of UTF-8: the longest emoji sequences have 35.
pub const REACTION_BYTES: usize = 40;
/// Different reactions to one message.
pub const REACTIONS_PER_EVENT: usize = 20;
/// Users that are named with a reaction in a page of history; the others are counted.
pub const REACTION_NAMES: usize = 5;
/// Longest pattern of names, in bytes of UTF-8.
pub const PATTERN_BYTES: usize = 64;
/// Fewest characters of a room's PIN or key.
pub const PIN_CHARS: usize = 4;
/// Most characters of a room's PIN or key.
pub const PIN_CHARS_MAX: usize = 64;
/// PINs and keys that one user may try in vain before it has to wait.
pub const PIN_TRIES_PER_USER: u32 = 10;
/// The same for all users from one address (IPv6: one /64).
pub const PIN_TRIES_PER_ADDRESS: u32 = 30;
/// After this time one more try is allowed, in milliseconds.
pub const PIN_TRY_MS: u64 = 10_000;
/// Addresses of which the server remembers how much was done from there; those that did least are
/// forgotten first.
pub const ADDRESSES_REMEMBERED: usize = 10_000;
/// Connections that are being told at once that they are too many; further ones are closed without a word.
pub const TURNED_AWAY: usize = 256;
/// Longest time that a session is not listened to because it said too much, in milliseconds; what goes
/// further is refused.
pub const REST_MS: u64 = 5_000;
/// A connection that is one too many, or whose proxy has not said who it is, is closed by then, in
/// milliseconds.
pub const HASTE_MS: u64 = 5_000;
/// Refusals for being too fast that a session may get at once, and in a minute, before it is closed.
pub const TOO_FAST_REFUSALS: u32 = 60;
/// Bans and mutes of one room by a pattern of names: each message is held against all of them.
pub const PATTERNS: usize = 100;
/// Bans and mutes of one room.
pub const RESTRICTIONS: usize = 1_000;
/// Users with a role in one room.
pub const ROLES: usize = 1_000;
/// Pinned messages of one room.
pub const PINS: usize = 50;
/// Longest time of a ban or mute that ends, in milliseconds: 100 years.
pub const RESTRICTION_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
/// Longest wait between two messages in slow mode, in seconds: 6 hours.
pub const SLOW_S: u32 = 6 * 60 * 60;
/// Longest retention by time, in days: 100 years.
pub const RETENTION_DAYS: u32 = 36_500;
/// Longest retention by number, in events.
pub const RETENTION_MESSAGES: u32 = 100_000_000;
/// Events that go from one room at once when they are too old, so that no batch takes long.
pub const TRIM_EVENTS: u64 = 10_000;
/// How often old events are looked for in a room that keeps them for some days, in milliseconds.
pub const EXPIRY_MS: u64 = 10 * 60 * 1_000;
/// Time between two changes of being away by one session, in milliseconds.
pub const AWAY_MS: u64 = 2_000;
/// Time between two signs of one session that somebody is typing, in milliseconds.
pub const TYPING_MS: u64 = 3_000;
/// Words by which one account may want to be called.
pub const HIGHLIGHTS: usize = 50;
/// Longest of these words, in bytes of UTF-8.
pub const HIGHLIGHT_BYTES: usize = 64;
/// Longest words to look for, in bytes of UTF-8.
pub const QUERY_BYTES: usize = 512;

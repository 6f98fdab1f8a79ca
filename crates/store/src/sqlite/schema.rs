//! The tables, and how they are checked.
//!
//! Numbers are stored as SQLite's signed 64 bits. `events.id` is the order of all rooms together,
//! and what a full text index will refer to.

use super::connect::Context;
use crate::StoreError;
use rusqlite::Connection;

/// Says that a SQLite file is Hubbub's: "Hubb".
pub(super) const APPLICATION_ID: i64 = 0x4875_6262;

/// The tables of version 1. Never changed: a new version is a migration.
pub(super) const VERSION_1: &str = "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('epoch', 0);

    -- kind 0: named (name); 1: private chat of two users, the smaller id first (low_user, high_user,
    -- open: whether both agree); 2: group (name, owner).
    -- retention 0: everything; 1: nothing.
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        name TEXT,
        owner INTEGER,
        low_user INTEGER,
        high_user INTEGER,
        open INTEGER,
        retention INTEGER NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;

    -- kind 0: text; 1: action.
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        time INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        user INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (room, seq)
    ) STRICT;

    CREATE TABLE sends (
        instance BLOB NOT NULL,
        counter INTEGER NOT NULL,
        room INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        time INTEGER NOT NULL,
        PRIMARY KEY (instance, counter)
    ) STRICT, WITHOUT ROWID;

    -- policy 0: ask; 1: open; 2: closed; NULL: what the server says.
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        created INTEGER NOT NULL,
        policy INTEGER,
        seen INTEGER NOT NULL,
        online INTEGER NOT NULL
    ) STRICT;

    -- kind 0: argon2id; 1: SCRAM-SHA-256.
    CREATE TABLE credentials (
        user INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (user, kind)
    ) STRICT, WITHOUT ROWID;

    -- token: its SHA-256. peer: address and port. door: 'native' or 'plain'.
    CREATE TABLE logins (
        id INTEGER PRIMARY KEY,
        user INTEGER NOT NULL,
        token BLOB NOT NULL,
        created INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        peer TEXT NOT NULL,
        door TEXT NOT NULL
    ) STRICT;

    CREATE TABLE places (
        user INTEGER NOT NULL,
        room INTEGER NOT NULL,
        since INTEGER NOT NULL,
        read INTEGER NOT NULL,
        heard_epoch INTEGER NOT NULL,
        heard_seq INTEGER NOT NULL,
        draft TEXT,
        PRIMARY KEY (user, room)
    ) STRICT, WITHOUT ROWID;
    -- For rooms that go.
    CREATE INDEX places_room ON places (room);

    -- room: the group; -1: a private chat.
    CREATE TABLE requests (
        asker INTEGER NOT NULL,
        asked INTEGER NOT NULL,
        room INTEGER NOT NULL,
        time INTEGER NOT NULL,
        PRIMARY KEY (asker, asked, room)
    ) STRICT, WITHOUT ROWID;
    -- For groups that go.
    CREATE INDEX requests_room ON requests (room);

    CREATE TABLE blocks (
        user INTEGER NOT NULL,
        blocked INTEGER NOT NULL,
        PRIMARY KEY (user, blocked)
    ) STRICT, WITHOUT ROWID;

    -- code: its SHA-256. expires NULL: not by itself.
    CREATE TABLE invites (
        id INTEGER PRIMARY KEY,
        code BLOB NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER,
        uses INTEGER NOT NULL,
        used INTEGER NOT NULL,
        note TEXT NOT NULL
    ) STRICT;

    -- act and door are words.
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        act TEXT NOT NULL,
        user INTEGER,
        name TEXT NOT NULL,
        peer TEXT,
        door TEXT,
        reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_time ON audit (time);
";

/// What version 2 adds. Never changed either.
pub(super) const VERSION_2: &str = "
    -- kind 3: found by a name and a PIN (name, pin: what is kept of both).
    -- retention 2: so many days; 3: so many events (retention_count).
    -- settings: JSON. floor_epoch, floor_seq: the last event that has gone.
    ALTER TABLE rooms ADD COLUMN pin BLOB;
    ALTER TABLE rooms ADD COLUMN retention_count INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE rooms ADD COLUMN floor_epoch INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN floor_seq INTEGER NOT NULL DEFAULT 0;

    -- kind 2: a deleted message (edited: by which event); 3: edit (text: '' if it was taken away);
    -- 4: delete; 5: react (text: the reaction); 6: pin; 7: all else (text: the body as JSON).
    -- refers: the event of the same room that it is about. edited: the newest edit of a message.
    -- flags 1: a message for everyone; a reaction or a pin that is set, and not taken back.
    ALTER TABLE events ADD COLUMN refers INTEGER;
    ALTER TABLE events ADD COLUMN edited INTEGER;
    ALTER TABLE events ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX events_refers ON events (room, refers) WHERE refers IS NOT NULL;

    -- seq: the message. event: the one with which this began.
    CREATE TABLE reactions (
        room INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        reaction TEXT NOT NULL,
        user INTEGER NOT NULL,
        name TEXT NOT NULL,
        event INTEGER NOT NULL,
        PRIMARY KEY (room, seq, reaction, user)
    ) STRICT, WITHOUT ROWID;
    -- To count and to find the first without sorting.
    CREATE INDEX reactions_first ON reactions (room, seq, reaction, event);

    -- role 0: voice; 1: operator; 2: owner.
    CREATE TABLE roles (
        room INTEGER NOT NULL,
        user INTEGER NOT NULL,
        role INTEGER NOT NULL,
        PRIMARY KEY (room, user)
    ) STRICT, WITHOUT ROWID;

    -- kind 0: ban; 1: mute. whom: JSON. until NULL: until it is lifted.
    CREATE TABLE restrictions (
        id INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        whom TEXT NOT NULL,
        shown TEXT NOT NULL,
        by TEXT NOT NULL,
        reason TEXT,
        created INTEGER NOT NULL,
        until INTEGER
    ) STRICT;
    -- For rooms that go.
    CREATE INDEX restrictions_room ON restrictions (room);

    -- What only this server may know.
    CREATE TABLE secrets (
        key TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- highlights: JSON, a list of words.
    ALTER TABLE accounts ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE accounts ADD COLUMN highlights TEXT NOT NULL DEFAULT '[]';
";

/// The tables that are small enough to be checked whole.
const SMALL: [&str; 13] = [
    "meta",
    "rooms",
    "accounts",
    "credentials",
    "logins",
    "places",
    "requests",
    "blocks",
    "invites",
    "roles",
    "restrictions",
    "secrets",
    "sqlite_schema",
];

/// Newest events that [`verify`] reads.
const VERIFIED_EVENTS: u32 = 4096;

/// Checks what a failed write can have touched, without reading all of a large file: the small tables
/// in full, and the newest events with their entries in the index, both ways from the right edge where
/// writes happen. Left out are old history (only edits, deletions and expiry write there;
/// `cell_size_check` looks at each page when it is read), `sends` and `reactions` (spread all over
/// their trees, and as large as there are clients and messages) and `audit` (nothing that the server
/// does hangs on it).
pub(super) fn verify(conn: &Connection, context: &Context) -> Result<(), StoreError> {
    for table in SMALL {
        let found: String = conn
            .query_row(&format!("PRAGMA quick_check('{table}')"), [], |row| row.get(0))
            .map_err(context.doing("checking"))?;
        if found != "ok" {
            return Err(context.damaged(&found));
        }
    }
    let astray: i64 = conn
        .query_row(
            "SELECT count(*) FROM (SELECT * FROM events ORDER BY id DESC LIMIT ?1) AS e
             WHERE e.id IS NOT (SELECT id FROM events WHERE room = e.room AND seq = e.seq)
                OR length(e.text) < CASE WHEN e.kind IN (0, 1) THEN 1 ELSE 0 END",
            [VERIFIED_EVENTS],
            |row| row.get(0),
        )
        .map_err(context.doing("checking the newest events"))?;
    if astray > 0 {
        return Err(context.damaged(&format!("{astray} events are not where the index says")));
    }
    Ok(())
}

//! Accounts, and what is kept with them: written one by one, read all at the start.

use super::convert::{all, door, int, json, optional, parsed, to_json, uint, unknown};
use hubbub_protocol::account::{
    AccountRecord, Credential, CredentialKind, Credentials, InviteRecord, LoginRecord, PlaceRecord,
    RequestRecord,
};
use hubbub_protocol::record::Snapshot;
use hubbub_protocol::{
    Epoch, InviteId, LoginId, PrivatePolicy, RoomId, SecretDigest, Seq, Text, UserId, UserName,
    WallMs,
};
use rusqlite::{Connection, Params, Row};
use std::collections::HashMap;

/// Stands for "no group" in `requests`, whose key can't have NULL. Before all ids.
const NO_GROUP: i64 = -1;

fn run(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute(values).map(drop)
}

pub(super) fn write_account(conn: &Connection, account: &AccountRecord) -> rusqlite::Result<()> {
    let policy = account.policy.map(|policy| match policy {
        PrivatePolicy::Ask => 0,
        PrivatePolicy::Open => 1,
        PrivatePolicy::Closed => 2,
    });
    run(
        conn,
        "REPLACE INTO accounts (id, name, created, policy, seen, online, admin, highlights)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            int(account.id.0)?,
            account.name.as_str(),
            int(account.created.0)?,
            policy,
            int(account.seen.0)?,
            account.online,
            account.admin,
            to_json(&account.highlights)?,
        ),
    )
}

/// The account's credentials are these and no others.
pub(super) fn write_credentials(
    conn: &Connection,
    user: UserId,
    credentials: &[Credential],
) -> rusqlite::Result<()> {
    let user = int(user.0)?;
    run(conn, "DELETE FROM credentials WHERE user = ?1", [user])?;
    for Credential { kind, data } in credentials {
        let kind = match kind {
            CredentialKind::Argon2id => 0,
            CredentialKind::ScramSha256 => 1,
        };
        run(
            conn,
            "REPLACE INTO credentials (user, kind, data) VALUES (?1, ?2, ?3)",
            (user, kind, data),
        )?;
    }
    Ok(())
}

pub(super) fn write_login(conn: &Connection, login: &LoginRecord) -> rusqlite::Result<()> {
    run(
        conn,
        "REPLACE INTO logins (id, user, token, created, seen, peer, door)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            int(login.id.0)?,
            int(login.user.0)?,
            login.token.0,
            int(login.created.0)?,
            int(login.seen.0)?,
            login.peer.to_string(),
            login.door.word(),
        ),
    )
}

pub(super) fn delete_login(conn: &Connection, id: LoginId) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM logins WHERE id = ?1", [int(id.0)?])
}

/// The most frequent of these: how far somebody has read. REPLACE would write the index by room each
/// time, too.
pub(super) fn write_place(conn: &Connection, place: &PlaceRecord) -> rusqlite::Result<()> {
    run(
        conn,
        "INSERT INTO places (user, room, since, read, heard_epoch, heard_seq, draft)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (user, room) DO UPDATE SET since = ?3, read = ?4, heard_epoch = ?5,
         heard_seq = ?6, draft = ?7",
        (
            int(place.user.0)?,
            int(place.room.0)?,
            int(place.since.0)?,
            int(place.read.0)?,
            place.heard.0.0,
            int(place.heard.1.0)?,
            place.draft.as_ref().map(Text::as_str),
        ),
    )
}

pub(super) fn delete_place(conn: &Connection, user: UserId, room: RoomId) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM places WHERE user = ?1 AND room = ?2", (int(user.0)?, int(room.0)?))
}

fn request_key(request: &RequestRecord) -> rusqlite::Result<(i64, i64, i64)> {
    let group = request.group.map_or(Ok(NO_GROUP), |group| int(group.0))?;
    Ok((int(request.from.0)?, int(request.to.0)?, group))
}

pub(super) fn write_request(conn: &Connection, request: &RequestRecord) -> rusqlite::Result<()> {
    let (from, to, group) = request_key(request)?;
    run(
        conn,
        "INSERT INTO requests (asker, asked, room, time) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (asker, asked, room) DO UPDATE SET time = ?4",
        (from, to, group, int(request.time.0)?),
    )
}

pub(super) fn delete_request(conn: &Connection, request: &RequestRecord) -> rusqlite::Result<()> {
    run(
        conn,
        "DELETE FROM requests WHERE asker = ?1 AND asked = ?2 AND room = ?3",
        request_key(request)?,
    )
}

/// A room goes: so do all places in it, and the requests to come into it.
pub(super) fn delete_room(conn: &Connection, room: RoomId) -> rusqlite::Result<()> {
    let room = [int(room.0)?];
    run(conn, "DELETE FROM places WHERE room = ?1", room)?;
    run(conn, "DELETE FROM requests WHERE room = ?1", room)
}

pub(super) fn write_block(
    conn: &Connection,
    user: UserId,
    blocked: UserId,
    on: bool,
) -> rusqlite::Result<()> {
    let sql = match on {
        true => "REPLACE INTO blocks (user, blocked) VALUES (?1, ?2)",
        false => "DELETE FROM blocks WHERE user = ?1 AND blocked = ?2",
    };
    run(conn, sql, (int(user.0)?, int(blocked.0)?))
}

pub(super) fn write_invite(conn: &Connection, invite: &InviteRecord) -> rusqlite::Result<()> {
    run(
        conn,
        "REPLACE INTO invites (id, code, created, expires, uses, used, note)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            int(invite.id.0)?,
            invite.code.0,
            int(invite.created.0)?,
            invite.expires.map(|time| int(time.0)).transpose()?,
            invite.uses,
            invite.used,
            &invite.note,
        ),
    )
}

pub(super) fn delete_invite(conn: &Connection, id: InviteId) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM invites WHERE id = ?1", [int(id.0)?])
}

/// Reads everything but the rooms and what is kept with them.
pub(super) fn load(conn: &Connection) -> rusqlite::Result<Snapshot> {
    Ok(Snapshot {
        accounts: accounts(conn)?,
        logins: all(
            conn,
            "SELECT id, user, token, created, seen, peer, door FROM logins ORDER BY id",
            login,
        )?,
        places: all(
            conn,
            "SELECT user, room, since, read, heard_epoch, heard_seq, draft FROM places
             ORDER BY user, room",
            place,
        )?,
        requests: all(
            conn,
            "SELECT asker, asked, room, time FROM requests ORDER BY asker, asked, room",
            request,
        )?,
        blocks: all(conn, "SELECT user, blocked FROM blocks ORDER BY user, blocked", |row| {
            Ok((UserId(uint(row, 0)?), UserId(uint(row, 1)?)))
        })?,
        invites: all(
            conn,
            "SELECT id, code, created, expires, uses, used, note FROM invites ORDER BY id",
            invite,
        )?,
        ..Snapshot::default()
    })
}

fn accounts(conn: &Connection) -> rusqlite::Result<Vec<(AccountRecord, Credentials)>> {
    let mut credentials: HashMap<UserId, Vec<Credential>> = HashMap::new();
    let found = all(conn, "SELECT user, kind, data FROM credentials ORDER BY user, kind", |row| {
        Ok((UserId(uint(row, 0)?), credential(row)?))
    })?;
    for (user, credential) in found {
        credentials.entry(user).or_default().push(credential);
    }
    let sql = "SELECT id, name, created, policy, seen, online, admin, highlights
               FROM accounts ORDER BY id";
    all(conn, sql, |row| {
        let account = account(row)?;
        let credentials = credentials.remove(&account.id).unwrap_or_default();
        Ok((account, credentials.into()))
    })
}

fn credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    let kind = match row.get(1)? {
        0 => CredentialKind::Argon2id,
        1 => CredentialKind::ScramSha256,
        other => return Err(unknown(1, other)),
    };
    Ok(Credential { kind, data: row.get(2)? })
}

fn account(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    let policy = |row: &Row<'_>, at| match row.get(at)? {
        0 => Ok(PrivatePolicy::Ask),
        1 => Ok(PrivatePolicy::Open),
        2 => Ok(PrivatePolicy::Closed),
        other => Err(unknown(at, other)),
    };
    Ok(AccountRecord {
        id: UserId(uint(row, 0)?),
        name: parsed(row, 1, UserName::known)?,
        created: WallMs(uint(row, 2)?),
        policy: optional(row, 3, policy)?,
        seen: WallMs(uint(row, 4)?),
        online: row.get(5)?,
        admin: row.get(6)?,
        highlights: json(row, 7)?,
    })
}

fn login(row: &Row<'_>) -> rusqlite::Result<LoginRecord> {
    Ok(LoginRecord {
        id: LoginId(uint(row, 0)?),
        user: UserId(uint(row, 1)?),
        token: SecretDigest(row.get(2)?),
        created: WallMs(uint(row, 3)?),
        seen: WallMs(uint(row, 4)?),
        peer: parsed(row, 5, str::parse)?,
        door: door(row, 6)?,
    })
}

fn place(row: &Row<'_>) -> rusqlite::Result<PlaceRecord> {
    Ok(PlaceRecord {
        user: UserId(uint(row, 0)?),
        room: RoomId(uint(row, 1)?),
        since: WallMs(uint(row, 2)?),
        read: Seq(uint(row, 3)?),
        heard: (Epoch(row.get(4)?), Seq(uint(row, 5)?)),
        draft: optional(row, 6, |row, at| parsed(row, at, Text::parse))?,
    })
}

fn request(row: &Row<'_>) -> rusqlite::Result<RequestRecord> {
    let group = match row.get(2)? {
        NO_GROUP => None,
        _ => Some(RoomId(uint(row, 2)?)),
    };
    let (from, to) = (UserId(uint(row, 0)?), UserId(uint(row, 1)?));
    Ok(RequestRecord { from, to, group, time: WallMs(uint(row, 3)?) })
}

fn invite(row: &Row<'_>) -> rusqlite::Result<InviteRecord> {
    Ok(InviteRecord {
        id: InviteId(uint(row, 0)?),
        code: SecretDigest(row.get(1)?),
        created: WallMs(uint(row, 2)?),
        expires: optional(row, 3, uint)?.map(WallMs),
        uses: row.get(4)?,
        used: row.get(5)?,
        note: row.get(6)?,
    })
}

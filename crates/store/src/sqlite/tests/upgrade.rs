//! A file of version 1, with one of everything in it, becomes one of ours.

use super::*;
use hubbub_protocol::{RoomSettings, ServerKey};

/// As version 1 wrote it.
const DATA_1: &str = "
    UPDATE meta SET value = 3 WHERE key = 'epoch';
    INSERT INTO rooms VALUES
        (1, 0, 'lobby', NULL, NULL, NULL, NULL, 0, 5),
        (2, 1, NULL, NULL, 7, 8, 1, 0, 6),
        (3, 2, 'crew', 7, NULL, NULL, NULL, 1, 7);
    INSERT INTO events VALUES
        (1, 1, 1, 2, 100, 0, 7, 'ann', 'hello'),
        (2, 2, 1, 2, 200, 0, 8, 'bob', 'psst'),
        (3, 1, 2, 3, 300, 1, 8, 'bob', 'waves');
    INSERT INTO sends VALUES (x'01010101010101010101010101010101', 1, 1, 2, 1, 100);
    INSERT INTO accounts VALUES (7, 'ann', 1, 2, 3, 0), (8, 'bob', 1, NULL, 3, 1);
    INSERT INTO credentials VALUES (7, 0, 'argon');
    INSERT INTO places VALUES (7, 2, 1, 1, 2, 1, 'draft');
    INSERT INTO audit VALUES (1, 1, 'login', 7, 'ann', NULL, NULL, '');
";

fn version_1(config: &SqliteConfig) {
    let conn = Connection::open(&config.path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    conn.execute_batch(schema::VERSION_1).unwrap();
    conn.execute_batch(DATA_1).unwrap();
    conn.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    conn.pragma_update(None, "user_version", 1).unwrap();
}

fn upgraded_data(loaded: &Loaded) -> Loaded {
    Loaded { epoch: loaded.epoch, snapshot: loaded.snapshot.clone() }
}

#[test]
fn version_1_is_upgraded_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    version_1(&config);
    let mut store = SqliteStore::open(config.clone()).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.epoch, Epoch(3));
    let rooms = &loaded.snapshot.rooms;
    let heads: Vec<_> =
        rooms.iter().map(|room| (room.head_epoch.0, room.head_seq.0, room.floor.0)).collect();
    assert_eq!(heads, [(3, 2, 0), (2, 1, 0), (0, 0, 0)]);
    let retention: Vec<_> = rooms.iter().map(|room| room.record.retention).collect();
    use hubbub_protocol::frame::Retention;
    assert_eq!(retention, [Retention::Forever, Retention::Forever, Retention::None]);
    assert!(rooms.iter().all(|room| room.record.settings == RoomSettings::default()));
    let accounts = &loaded.snapshot.accounts;
    assert_eq!(accounts.len(), 2);
    assert!(accounts.iter().all(|(account, _)| !account.admin && account.highlights.is_empty()));
    assert_eq!(loaded.snapshot.places.len(), 1);

    let mut reader = store.reader().unwrap();
    let page = reader.page(RoomId(1), Page::Latest, 10).unwrap();
    let text = |text| Text::parse(text).unwrap();
    let bodies: Vec<_> = page.events.into_iter().map(|event| event.body).collect();
    assert_eq!(bodies, [Body::text(text("hello")), Body::action(text("waves"))]);

    // And it goes on.
    let from = Author { id: UserId(7), name: UserName::parse("ann").unwrap() };
    let body = Body::Edit { of: Seq(1), text: Some(text("hi")) };
    let edit =
        Event { room: RoomId(1), epoch: Epoch(3), seq: Seq(3), time: WallMs(400), from, body };
    store.commit(&[Record::Event { event: Arc::new(edit), send: None }]).unwrap();
    let first = reader.message(RoomId(1), Seq(1), None).unwrap().unwrap();
    assert_eq!(first.event.body.words(), "hi");
    assert!(store.server_key(ServerKey::new([1; 32])).unwrap() == ServerKey::new([1; 32]));
    store.recover().unwrap();
    drop((store, reader));

    // The copy can be restored, here or by an older program.
    let copy = folder.path().join("hubbub.db.before-v2");
    let mut at_rest = backup::AtRest::open(&copy).unwrap();
    at_rest.check(Box::new(|| false)).unwrap();
    assert_eq!((at_rest.label().unwrap(), at_rest.files(9).unwrap()), (None, Vec::new()));
    let contents = at_rest.contents().unwrap();
    assert_eq!((contents.version, contents.epoch, contents.messages), (1, Epoch(3), 3));
    assert_eq!((contents.rooms, contents.private_chats, contents.accounts), (2, 1, 2));
    let restored = folder.path().join("restored.db");
    std::fs::copy(&copy, &restored).unwrap();
    backup::unpack(&restored, Epoch(77)).unwrap();
    let mut upgraded = SqliteStore::open(SqliteConfig::new(restored)).unwrap();
    assert_eq!(upgraded.load().unwrap(), Loaded { epoch: Epoch(77), ..upgraded_data(&loaded) });
    drop(upgraded);

    // The copy is what it was: a second upgrade finds the same.
    let copy = SqliteConfig { path: folder.path().join("hubbub.db.before-v2"), ..config };
    assert_eq!(SqliteStore::open(copy).unwrap().load().unwrap(), loaded);
}

#[test]
fn a_copy_that_was_cut_short_makes_room_for_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    version_1(&config);
    // As a kill in the middle leaves them.
    for name in ["hubbub.db.before-v2.part", "hubbub.db.before-v2.part-journal"] {
        std::fs::write(folder.path().join(name), "half").unwrap();
    }
    drop(SqliteStore::open(config).unwrap());
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let copies: Vec<_> = names.filter(|name| name.contains("before")).collect();
    assert_eq!(copies, ["hubbub.db.before-v2"]);
    let copy = folder.path().join(&copies[0]);
    backup::AtRest::open(&copy).unwrap().check(Box::new(|| false)).unwrap();
}

#[test]
fn nothing_is_left_of_a_copy_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let config = quick(folder.path());
    version_1(&config);
    let conn = Connection::open(&config.path).unwrap();
    // A copy without this index would not be whole.
    conn.execute_batch(
        "CREATE TABLE odd (a TEXT); INSERT INTO odd VALUES ('x');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE TABLE odd (a TEXT NOT NULL)' WHERE name = 'odd';
         UPDATE odd SET a = NULL;",
    )
    .unwrap();
    drop(conn);
    let error = SqliteStore::open(config).err().unwrap();
    assert!(error.to_string().contains("cop"), "{error}");
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains("before")).count(), 0);
}

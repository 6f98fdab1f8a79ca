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

    // The copy is what it was: a second upgrade finds the same.
    let copy = SqliteConfig { path: folder.path().join("hubbub.db.before-v2"), ..config };
    assert_eq!(SqliteStore::open(copy).unwrap().load().unwrap(), loaded);
}

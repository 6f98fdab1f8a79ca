//! Backups of real folders: what is refused, what a crash leaves of a restore, and the epoch.

use super::*;
use crate::data::DataFolder;
use hubbub_protocol::Epoch;
use hubbub_store::Store;
use hubbub_store::sqlite::SqliteStore;
use std::collections::BTreeMap;
use std::fs;

const NOW: WallMs = WallMs(1_795_292_100_000);

fn unwatched() -> Watch {
    Watch::new(|_| false)
}

/// A folder with data of this epoch, keys and settings, as a server that was stopped leaves it.
fn folder(epoch: u32, key: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(SqliteConfig::new(file_in(folder.path()))).unwrap();
    while store.raise_epoch().unwrap() < Epoch(epoch) {}
    fs::create_dir(folder.path().join("tls")).unwrap();
    fs::write(folder.path().join("tls/authority.key"), key).unwrap();
    fs::write(folder.path().join("hubbub.toml"), format!("# {key}")).unwrap();
    folder
}

fn make(folder: &Path) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    back_up(folder, &[], file.path(), NOW, &unwatched()).unwrap();
    file
}

fn try_restore(file: &Path, folder: &Path) -> Result<Restored, BackupError> {
    restore(file, folder, true, NOW, &unwatched())
}

fn epoch_in(folder: &Path) -> u32 {
    Beside::open(&SqliteConfig::new(file_in(folder))).unwrap().epoch().unwrap().0
}

fn key_in(folder: &Path) -> String {
    fs::read_to_string(folder.join("tls/authority.key")).unwrap()
}

/// All files and what is in them, but for the lock and SQLite's shared memory.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            all.extend(everything(&path));
        } else if name != "lock" && !name.ends_with("-shm") && !name.ends_with("-wal") {
            all.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    all
}

#[test]
fn a_backup_holds_the_server_and_is_one_sealed_file() {
    let from = folder(3, "key");
    fs::create_dir(from.path().join("certs")).unwrap();
    fs::write(from.path().join("certs/chat.pem"), "pem").unwrap();
    fs::write(from.path().join("tls/server.pem.new"), "half").unwrap();
    let before = everything(from.path());
    let file = tempfile::NamedTempFile::new().unwrap();
    let more = [PathBuf::from("certs/chat.pem"), PathBuf::from("gone.pem")];
    let summary = back_up(from.path(), &more, file.path(), NOW, &unwatched()).unwrap();
    assert_eq!(everything(from.path()), before, "nothing of the folder changes");
    assert_eq!(summary.files, ["certs/chat.pem", "hubbub.toml", "tls/authority.key"]);
    assert_eq!(summary.label.as_ref().unwrap().created, NOW);
    assert_eq!(summary.contents.epoch, Epoch(3));
    assert_eq!(look(file.path(), &unwatched()).unwrap(), summary);

    let to = tempfile::tempdir().unwrap();
    let restored = try_restore(file.path(), to.path()).unwrap();
    assert_eq!((restored.kept, restored.old_unreadable), (None, None));
    assert_eq!(key_in(to.path()), "key");
    assert_eq!(fs::read(to.path().join("certs/chat.pem")).unwrap(), b"pem");
    assert_eq!(epoch_in(to.path()), restored.epoch.0);
    let database = fs::read(file_in(to.path())).unwrap();
    assert!(!database.windows(5).any(|bytes| bytes == b"# key"), "what it carried is overwritten");
    SqliteStore::open(SqliteConfig::new(file_in(to.path()))).unwrap();
}

#[test]
fn a_server_does_not_take_a_backup_for_its_data() {
    let file = make(folder(1, "key").path());
    let folder = tempfile::tempdir().unwrap();
    fs::copy(file.path(), file_in(folder.path())).unwrap();
    let error = SqliteStore::open(SqliteConfig::new(file_in(folder.path()))).err().unwrap();
    assert!(error.to_string().contains("hubbub restore"), "{error}");
}

#[test]
fn a_file_that_is_not_whole_is_refused_and_nothing_is_touched() {
    let whole = make(folder(1, "key").path());
    let bytes = fs::read(whole.path()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (file, to) = (home.path().join("a.backup"), home.path().join("data"));
    let refuse = |bytes: &[u8], what: &str| {
        fs::write(&file, bytes).unwrap();
        let error = try_restore(&file, &to).expect_err(what);
        assert!(error.to_string().contains("a.backup"), "{what}: {error}");
        assert!(!to.exists(), "{what}: nothing is made");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "{what}");
    };
    let seed = std::env::var("HUBBUB_BACKUP_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut rng = fastrand::Rng::with_seed(seed);
    for round in 0..60 {
        let at = rng.usize(..bytes.len());
        refuse(&bytes[..at], &format!("seed {seed}, cut at {at}"));
        let mut flipped = bytes.clone();
        // The header and the seal, too, each of whose bytes counts.
        let at = if round % 3 == 0 { rng.usize(..100) } else { at };
        flipped[at] ^= 1 << rng.u8(..8);
        refuse(&flipped, &format!("seed {seed}, flipped at {at}"));
    }
    for at in bytes.len() - 90..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        refuse(&flipped, &format!("the seal at {at}"));
    }
    refuse(&[&bytes[..], b"more"].concat(), "something behind");
    refuse(b"", "nothing");
    refuse(&b"hello, world".repeat(100), "a text");
    let live = folder(1, "key");
    refuse(&fs::read(file_in(live.path())).unwrap(), "the database of a server");
}

#[test]
fn the_epoch_rises_above_all_that_anybody_knows() {
    let file = make(folder(3, "key").path());
    let to = folder(2, "other");
    let first = try_restore(file.path(), to.path()).unwrap().epoch.0;
    assert!((3 + 1024..3 + 2048).contains(&first), "{first}");
    let second = try_restore(file.path(), to.path()).unwrap().epoch.0;
    assert!(second > first, "{second}, {first}");
    assert_eq!(epoch_in(to.path()), second);
    let again = make(to.path());
    assert!(try_restore(again.path(), to.path()).unwrap().epoch.0 >= second + 1024);
    let end = 1 << 21;
    assert!(restore::above(None, Epoch(end - 3000), 1024).is_ok());
    for (old, backup) in [(None, u32::MAX), (Some(Epoch(u32::MAX)), 1), (None, end)] {
        let result = restore::above(old, Epoch(backup), 1024);
        assert!(matches!(result, Err(BackupError::EpochsUsedUp)), "{old:?} {backup}");
    }
}

#[test]
fn a_backup_that_is_restored_again_without_the_old_data_gets_another_epoch() {
    let file = make(folder(3, "key").path());
    let epoch = |after_min: u64| {
        let to = tempfile::tempdir().unwrap();
        let now = WallMs(NOW.0 + after_min * 60_000);
        restore(file.path(), to.path(), false, now, &unwatched()).unwrap().epoch.0
    };
    // Four that are the same by chance would be one in a billion.
    let first = epoch(0);
    assert!((0..3).any(|_| epoch(0) != first), "{first}");
    let day = epoch(24 * 60) - 3 - 1024;
    assert!((144..144 + 1024).contains(&day), "{day}");
    let years = epoch(5_000_000) - 3 - 1024;
    assert!((4096..4096 + 1024).contains(&years), "{years}");
}

#[test]
fn the_epoch_rises_above_that_of_data_that_were_moved_away_before() {
    let file = make(folder(1, "key").path());
    let to = folder(5000, "other");
    let kept = try_restore(file.path(), to.path()).unwrap().kept.unwrap();
    assert_eq!((epoch_in(&kept), epoch_in(to.path())), (5000, 5001));
    fs::write(file_in(to.path()), "damaged").unwrap();
    let restored = try_restore(file.path(), to.path()).unwrap();
    assert!(restored.old_unreadable.is_some());
    assert_eq!(restored.epoch, Epoch(5001), "of what can be read, 5000 is the highest");
}

#[cfg(unix)]
#[test]
fn what_root_restores_belongs_to_the_owner_of_the_folder() {
    use std::os::unix::fs::{MetadataExt, chown};
    const OWNER: u32 = 4711;
    let file = make(folder(1, "key").path());
    let to = tempfile::tempdir().unwrap();
    fs::write(file_in(to.path()), "old").unwrap();
    let mine = [file_in(to.path()), to.path().to_owned()];
    if mine.iter().any(|path| chown(path, Some(OWNER), Some(OWNER)).is_err()) {
        return; // Only root can be in this place.
    }
    let kept = try_restore(file.path(), to.path()).unwrap().kept.unwrap();
    let names = ["hubbub.db", "hubbub.toml", "tls", "tls/authority.key", "lock"];
    let there = names.map(|name| to.path().join(name));
    for path in there.into_iter().chain([file_in(&kept), kept]) {
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid()), (OWNER, OWNER), "{}", path.display());
    }
}

#[test]
fn data_that_are_there_are_moved_away_whole_and_only_if_asked() {
    let file = make(folder(1, "key").path());
    let to = folder(2, "other");
    fs::write(to.path().join("hubbub.db.search"), "old index").unwrap();
    fs::write(to.path().join("mine.txt"), "mine").unwrap();
    let before = everything(to.path());
    let error = restore(file.path(), to.path(), false, NOW, &unwatched()).unwrap_err();
    let BackupError::HoldsData { names, .. } = error else { panic!("{error}") };
    assert_eq!(names, ["hubbub.db", "hubbub.toml", "tls"]);
    assert_eq!(everything(to.path()), before);

    let kept = try_restore(file.path(), to.path()).unwrap().kept.unwrap();
    assert_eq!(kept, to.path().join("before-restore-2026-11-21T201500Z"));
    assert_eq!((key_in(to.path()), key_in(&kept)), ("key".into(), "other".into()));
    assert_eq!(epoch_in(&kept), 2, "the old data are data of a server");
    assert!(!to.path().join("hubbub.db.search").exists(), "it would be about other messages");
    assert_eq!(fs::read(to.path().join("mine.txt")).unwrap(), b"mine");
    let second = try_restore(file.path(), to.path()).unwrap().kept.unwrap();
    assert_eq!(second, to.path().join("before-restore-2026-11-21T201500Z-2"));
    // The way back: what was moved away is a data folder.
    let back = make(&kept);
    try_restore(back.path(), to.path()).unwrap();
    assert_eq!(key_in(to.path()), "other");
    assert!(epoch_in(to.path()) > epoch_in(&second), "it never falls");
}

#[test]
fn a_copy_of_the_database_alone_leaves_keys_and_settings() {
    let from = folder(1, "key");
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("hubbub.db.before-v9");
    let mut beside = Beside::open(&SqliteConfig::new(file_in(from.path()))).unwrap();
    beside.copy(&copy, Box::new(|| false)).unwrap();
    let to = folder(2, "other");
    let restored = try_restore(&copy, to.path()).unwrap();
    assert_eq!((restored.summary.label, restored.summary.files), (None, Vec::new()));
    assert_eq!(key_in(to.path()), "other");
    assert_eq!(epoch_in(&restored.kept.unwrap()), 2);
}

#[test]
fn old_data_that_are_damaged_are_moved_away_all_the_same() {
    let file = make(folder(1, "key").path());
    let to = tempfile::tempdir().unwrap();
    fs::write(file_in(to.path()), "damaged").unwrap();
    let restored = try_restore(file.path(), to.path()).unwrap();
    assert!(restored.old_unreadable.is_some());
    assert_eq!(fs::read(file_in(&restored.kept.unwrap())).unwrap(), b"damaged");
    assert!(epoch_in(to.path()) >= 1025);
}

#[test]
fn a_folder_in_use_is_refused() {
    let file = make(folder(1, "key").path());
    let to = folder(2, "other");
    let _server = DataFolder::open(to.path()).unwrap();
    let error = try_restore(file.path(), to.path()).unwrap_err();
    assert!(matches!(error, BackupError::Folder(StartError::FolderInUse { .. })), "{error}");
    assert_eq!(key_in(to.path()), "other");
}

/// A folder in which a restore was decided, and nothing was done yet.
fn decided() -> (tempfile::TempDir, PathBuf) {
    let file = make(folder(1, "new").path());
    let to = folder(2, "old");
    fs::write(to.path().join("hubbub.db-wal"), "old log").unwrap();
    fs::write(to.path().join("hubbub.db.search"), "old index").unwrap();
    restore::decide_only(file.path(), to.path(), Epoch(2000), "before-restore-x").unwrap();
    let kept = to.path().join("before-restore-x");
    (to, kept)
}

#[test]
fn a_restore_that_was_cut_short_anywhere_is_completed_by_whoever_comes_next() {
    type Move = (&'static str, &'static str);
    // In the order of `finish`, but for that of the first two, which is the system's.
    let moves: [Move; 7] = [
        ("tls", "before-restore-x/tls"),
        ("restoring/new/tls", "tls"),
        ("hubbub.toml", "before-restore-x/hubbub.toml"),
        ("restoring/new/hubbub.toml", "hubbub.toml"),
        ("hubbub.db-wal", "before-restore-x/hubbub.db-wal"),
        ("hubbub.db", "before-restore-x/hubbub.db"),
        ("restoring/new/hubbub.db", "hubbub.db"),
    ];
    for done in 0..=moves.len() {
        let (to, kept) = decided();
        if done > 0 {
            fs::create_dir(&kept).unwrap();
        }
        for (from, into) in &moves[..done] {
            fs::rename(to.path().join(from), to.path().join(into)).unwrap();
        }
        let backup = back_up(to.path(), &[], Path::new("unused"), NOW, &unwatched());
        assert!(backup.is_err(), "half of two servers is no backup");
        drop(DataFolder::open(to.path()).unwrap());
        assert_eq!((key_in(to.path()), key_in(&kept)), ("new".into(), "old".into()), "{done}");
        assert_eq!(epoch_in(to.path()), 2000, "{done}");
        assert_eq!(fs::read(kept.join("hubbub.db-wal")).unwrap(), b"old log", "{done}");
        assert!(!to.path().join("hubbub.db-wal").exists());
        assert_eq!(fs::read_to_string(kept.join("hubbub.toml")).unwrap(), "# old");
        assert!(!is_under_way(to.path()), "{done}");
    }
}

#[test]
fn a_restore_that_was_not_decided_has_not_happened() {
    let to = folder(2, "old");
    fs::create_dir_all(to.path().join("restoring.part/new")).unwrap();
    fs::write(to.path().join("restoring.part/new/hubbub.db"), "half").unwrap();
    drop(DataFolder::open(to.path()).unwrap());
    assert_eq!((key_in(to.path()), epoch_in(to.path())), ("old".into(), 2));
    let file = make(folder(1, "new").path());
    try_restore(file.path(), to.path()).unwrap();
    assert_eq!(key_in(to.path()), "new");
    assert!(!to.path().join("restoring.part").exists());
}

#[test]
fn who_stops_it_finds_all_as_it_was() {
    let from = folder(1, "key");
    let file = tempfile::NamedTempFile::new().unwrap();
    let stopped = Watch::new(|_| true);
    let error = back_up(from.path(), &[], file.path(), NOW, &stopped).unwrap_err();
    assert!(matches!(error, BackupError::Stopped), "{error}");
    let whole = make(from.path());
    let to = folder(2, "other");
    let before = everything(to.path());
    // In each of its parts, until it is through.
    let mut stop_at = 0;
    loop {
        let mut calls = 0;
        let watch = Watch::new(move |_| {
            calls += 1;
            calls > stop_at
        });
        match restore(whole.path(), to.path(), true, NOW, &watch) {
            Err(BackupError::Stopped) => assert_eq!(everything(to.path()), before, "{stop_at}"),
            Err(error) => panic!("{error}"),
            Ok(_) => break,
        }
        stop_at += 1;
    }
    assert!(stop_at > 1, "it was stopped while it looked and while it copied");
}

//! Whether the data folder and its database are in order.

use super::{Findings, Level};
use crate::backup::size;
use hubbub_protocol::WallMs;
use hubbub_server::inspect;
use hubbub_store::StoreError;
use hubbub_store::sqlite::SqliteConfig;
use hubbub_store::sqlite::backup::Beside;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

const FOLDER: &str = "data folder";
const DISK: &str = "disk";
const DATABASE: &str = "database";
/// A write-ahead log that is larger, in bytes, has somebody in its way: three times what ours grows to.
const LOG_BYTES_MAX: u64 = 192 << 20;
/// Free bytes below which it is only a matter of time.
#[cfg(unix)]
const FREE_BYTES_MIN: u64 = 64 << 20;

/// Returns the time of the newest event.
pub(super) fn check(folder: &Path, findings: &mut Findings) -> Option<WallMs> {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            let text = format!("{shown} is no folder");
            findings.advise(FOLDER, Level::Problem, text, "choose another with --data DIR");
            return None;
        }
        Ok(found) => look_at(folder, &found, findings),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("there is no folder {shown} yet; the first start makes it");
            findings.add(FOLDER, Level::Note, text);
            return None;
        }
        Err(error) => {
            let text = format!("{shown} can't be read: {error}");
            let help = "run this as the user of the server, or give this user access";
            findings.advise(FOLDER, Level::Problem, text, help);
            return None;
        }
    }
    owners(folder, findings);
    if inspect::is_being_restored(folder) {
        let text = "a restore was cut short; the next start completes it";
        findings.add(FOLDER, Level::Warning, text);
    }
    match inspect::is_in_use(folder) {
        Ok(true) => findings.add(FOLDER, Level::Ok, "a server runs on it"),
        Ok(false) => findings.add(FOLDER, Level::Ok, "no server runs on it"),
        Err(error) => {
            let text = format!("whether a server runs on it can't be known: {error}");
            let help = "run this as the user of the server; if it is that one, use a local disk";
            findings.advise(FOLDER, Level::Problem, text, help);
        }
    }
    let file = inspect::database(folder);
    let bytes = |file: &Path| fs::metadata(file).map_or(0, |found| found.len());
    // What is new is in the log at first.
    space(folder, bytes(&file) + bytes(&log_of(&file)), findings);
    if !file.exists() {
        findings.add(DATABASE, Level::Note, "there is none yet; the first start makes it");
        return None;
    }
    database(&file, findings)
}

#[cfg(unix)]
fn look_at(folder: &Path, found: &fs::Metadata, findings: &mut Findings) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let shown = folder.display();
    let me = rustix::process::geteuid();
    let (mine, mode) = (me.as_raw(), found.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let text = format!("others on this computer may use {shown} (its mode is {mode:03o})");
        findings.advise(FOLDER, Level::Warning, text, format!("chmod 700 {shown}"));
    } else if found.uid() != mine && me.is_root() {
        // That is how a service is looked at whose user nobody can be.
        let text = format!("{shown} is for its owner alone (uid {})", found.uid());
        findings.add(FOLDER, Level::Ok, text);
    } else if found.uid() != mine {
        let text = format!("{shown} belongs to another user (uid {}; this is {mine})", found.uid());
        let help = "run this, and the server, as that user";
        findings.advise(FOLDER, Level::Warning, text, help);
    } else {
        findings.add(FOLDER, Level::Ok, format!("{shown} is for you alone"));
    }
}

#[cfg(not(unix))]
fn look_at(folder: &Path, _found: &fs::Metadata, findings: &mut Findings) {
    findings.add(FOLDER, Level::Ok, format!("{} is there", folder.display()));
}

/// The write-ahead log of a database.
fn log_of(file: &Path) -> PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// What somebody else restored or started as another user, such as root.
#[cfg(unix)]
fn owners(folder: &Path, findings: &mut Findings) {
    use std::os::unix::fs::MetadataExt;
    let Ok(owner) = fs::metadata(folder).map(|found| found.uid()) else { return };
    for name in ["hubbub.db", "hubbub.db-wal", "lock", "hubbub.toml", "tls", "tls/authority.key"] {
        let file = folder.join(name);
        let strange = fs::metadata(&file).is_ok_and(|found| found.uid() != owner);
        if strange {
            let text = format!("{} belongs to another user than its folder", file.display());
            let help = format!("chown -R {owner} {}", folder.display());
            return findings.advise(FOLDER, Level::Warning, text, help);
        }
    }
}

#[cfg(not(unix))]
fn owners(_folder: &Path, _findings: &mut Findings) {}

/// A network share, as Linux numbers file systems (linux/magic.h).
#[cfg(target_os = "linux")]
fn share(folder: &Path) -> Option<&'static str> {
    // The number has 32 bits, and stands in a signed word on some machines.
    match rustix::fs::statfs(folder).ok()?.f_type as u32 {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x00c3_6400 => Some("Ceph"),
        _ => None,
    }
}

#[cfg(unix)]
fn space(folder: &Path, bytes: u64, findings: &mut Findings) {
    #[cfg(target_os = "linux")]
    if let Some(kind) = share(folder) {
        let text =
            format!("the data folder is on a network share ({kind}), where data get damaged");
        findings.advise(DISK, Level::Problem, text, "move it to a local disk");
    }
    let free = match rustix::fs::statvfs(folder) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            findings.add(DISK, Level::Note, format!("how much is free can't be known: {error}"));
            return;
        }
    };
    let text = format!("{} are free, and the data are {}", size(free), size(bytes));
    judge_space(free, bytes, text, findings);
}

#[cfg(unix)]
fn judge_space(free: u64, bytes: u64, text: String, findings: &mut Findings) {
    if free < FREE_BYTES_MIN {
        let help = "make room: a full disk refuses what is new and keeps what is there";
        findings.advise(DISK, Level::Problem, text, help);
    } else if free < bytes.saturating_add(FREE_BYTES_MIN) {
        let help = "make room: an upgrade needs as much as the data are, once more";
        findings.advise(DISK, Level::Warning, text, help);
    } else {
        findings.add(DISK, Level::Ok, text);
    }
}

#[cfg(not(unix))]
fn space(_folder: &Path, bytes: u64, findings: &mut Findings) {
    findings.add(DISK, Level::Note, format!("the data are {}; look what is free", size(bytes)));
}

fn database(file: &Path, findings: &mut Findings) -> Option<WallMs> {
    let restore = "stop the server, and `hubbub restore` the last backup with --replace";
    let began = Instant::now();
    let looked = Beside::open(&SqliteConfig::new(file)).and_then(|mut beside| {
        let contents = beside.contents()?;
        beside.quick_check(Box::new(|| false))?;
        Ok(contents)
    });
    let contents = match looked {
        Ok(contents) => contents,
        Err(error @ StoreError::Damaged(_)) => {
            findings.advise(DATABASE, Level::Problem, error.to_string(), restore);
            return None;
        }
        Err(error) => {
            findings.add(DATABASE, Level::Problem, error.to_string());
            return None;
        }
    };
    let seconds = began.elapsed().as_millis();
    let text = format!(
        "rooms {}, messages {}, accounts {}; whole, as far as a quick look tells ({}.{:03} s)",
        contents.rooms,
        contents.messages,
        contents.accounts,
        seconds / 1000,
        seconds % 1000
    );
    findings.add(DATABASE, Level::Ok, text);
    if contents.version < hubbub_store::sqlite::backup::newest_version() {
        let text = format!(
            "the data are of version {}: the next start upgrades them, and makes a copy before",
            contents.version
        );
        findings.add(DATABASE, Level::Note, text);
    }
    let log_bytes = fs::metadata(log_of(file)).map_or(0, |found| found.len());
    if log_bytes > LOG_BYTES_MAX {
        let text = format!("its log has grown to {}", size(log_bytes));
        let help = "another program reads the database for long: let it end; a restart helps, too";
        findings.advise(DATABASE, Level::Warning, text, help);
    }
    contents.newest
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_told_of_in_time() {
        let level = |free, bytes| {
            let mut findings = Findings::default();
            judge_space(free, bytes, String::new(), &mut findings);
            findings.0[0].level
        };
        assert_eq!(level(1 << 20, 0), Level::Problem);
        assert_eq!(level(1 << 30, 1 << 30), Level::Warning);
        assert_eq!(level(2 << 30, 1 << 30), Level::Ok);
    }
}

//! The files that travel in a backup beside the database: which, and by what names.

use super::{BackupError, failed};
use hubbub_store::sqlite::backup::{AtRest, Carried};
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// The settings.
const SETTINGS: &str = "hubbub.toml";
/// Keys and certificates.
const TLS: &str = "tls";
/// The longest file that is taken along, in bytes. Certificates and settings are much shorter.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;
/// Files that are taken along at most.
pub(super) const FILES_MAX: u32 = 64;
/// Names in the data folder that mean something else there, in beginnings.
const TAKEN: &[&str] = &["hubbub.db", "lock", "admin.sock", "restoring", "before-restore"];

/// Reads the files of a data folder that belong to a backup.
pub(super) fn read(folder: &Path, more: &[PathBuf]) -> Result<Vec<Carried>, BackupError> {
    let mut paths = vec![PathBuf::from(SETTINGS)];
    let tls = folder.join(TLS);
    match fs::read_dir(&tls) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(failed("list", &tls))?.file_name();
                // The half of a file that a crash left.
                if !name.to_string_lossy().ends_with(".new") {
                    paths.push(Path::new(TLS).join(name));
                }
            }
        }
        // A server that has never run, or its database alone.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("list", &tls)(error)),
    }
    paths.extend_from_slice(more);
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let full = folder.join(&path);
        let Some(name) = name_of(&path) else {
            let why = "its name can't be kept in a backup: rename it, or move it out of the folder";
            let error = io::Error::new(io::ErrorKind::InvalidInput, why);
            return Err(failed("back up", &full)(error));
        };
        if let Some(bytes) = read_one(&full).map_err(failed("back up", &full))? {
            files.push(Carried { name, bytes });
        }
    }
    if files.len() > FILES_MAX as usize {
        let why = format!("there are more than {FILES_MAX} files: move away what isn't Hubbub's");
        return Err(failed("back up", &tls)(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    Ok(files)
}

/// A whole file; `None` if there is none, or if it is no file.
fn read_one(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let why = "it is larger than 1 MiB, so hardly a key or settings: move it away";
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(Some(bytes))
}

/// How a path in the data folder is called in a backup. `None` for one that leads elsewhere, or to what
/// is the server's own.
fn name_of(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        let Component::Normal(part) = component else { return None };
        parts.push(part.to_str()?);
    }
    let name = parts.join("/");
    path_of(&name).map(|_| name)
}

/// Where a file of a backup goes in a data folder. `None` as for [`name_of`].
pub(super) fn path_of(name: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_fair = |part: &&str| {
        !part.is_empty()
            && *part != "."
            && *part != ".."
            && !part.contains(['\\', ':'])
            && !part.contains(char::is_control)
    };
    let first = parts.first()?;
    let is_taken = TAKEN.iter().any(|taken| first.to_ascii_lowercase().starts_with(taken));
    let is_fine = parts.iter().all(is_fair) && parts.len() <= 8 && !is_taken;
    is_fine.then(|| parts.iter().collect())
}

/// The names of what a backup carries, all of which can be put into a data folder.
pub(super) fn names(copy: &AtRest, file: &Path) -> Result<Vec<String>, BackupError> {
    let files = copy.files(FILES_MAX + 1)?;
    let bad = |why: String| BackupError::NotWhole { file: file.to_owned(), why };
    if files.len() > FILES_MAX as usize {
        return Err(bad("it carries too many files: it is not of Hubbub".into()));
    }
    for (name, bytes) in &files {
        if path_of(name).is_none() || *bytes > FILE_BYTES_MAX {
            return Err(bad(format!("it carries a file {name:?}, which no hubbub puts there")));
        }
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_folder_or_to_what_is_the_servers_own() {
        for name in ["hubbub.toml", "tls/authority.key", "certs/a b.pem", "hubbub.crt"] {
            assert_eq!(name_of(&path_of(name).unwrap()).as_deref(), Some(name));
        }
        let bad = [
            "",
            "/etc/passwd",
            "../x",
            "tls/../../x",
            "tls//x",
            "./x",
            "a\\b",
            "c:x",
            "hubbub.db",
            "hubbub.db-wal",
            "HUBBUB.DB",
            "lock",
            "restoring/plan",
            "a\nb",
            "a/b/c/d/e/f/g/h/i",
        ];
        for name in bad {
            assert_eq!(path_of(name), None, "{name:?}");
        }
        assert_eq!(name_of(Path::new("../x")), None);
        assert_eq!(name_of(Path::new("/etc/passwd")), None);
    }
}

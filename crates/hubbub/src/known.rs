//! The file of known servers: by which key each was known when it was first met.
//!
//! A line is `host:port fingerprint date`; whoever opens the file can read it, and put it right. What is
//! done with a key is in `reach.rs`, what is in a line in `known/table.rs`.

mod command;
mod table;

pub(crate) use command::run;

use crate::guest::tell;
use hubbub_client::{ChangedKey, ServerAddress};
use hubbub_protocol::Fingerprint;
use jiff::Timestamp;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use table::Table;

/// The file. Several programs may use it at once.
#[derive(Clone, Debug)]
pub(crate) struct KnownServers {
    path: PathBuf,
}

/// What keeping a key has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was known already.
    Already,
    /// Nothing was known of the server.
    New,
}

impl KnownServers {
    /// The given file, or this user's own.
    ///
    /// # Errors
    /// There is none to choose.
    pub(crate) fn at(given: Option<&Path>) -> Result<Self, String> {
        if let Some(path) = given {
            return Ok(Self { path: path.to_owned() });
        }
        let folder = dirs::config_dir().ok_or(
            "this user has no folder for settings: choose a file for the keys of servers with \
             --known-servers FILE or HUBBUB_KNOWN_SERVERS",
        )?;
        Ok(Self { path: folder.join("hubbub").join("known_servers") })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key by which a server is known. Tells of lines that can't be read.
    ///
    /// # Errors
    /// The file can't be read, or a line that can't be read may be about this server: it must not be
    /// taken for a new one then.
    pub(crate) fn key_of(&self, address: &ServerAddress) -> Result<Option<Fingerprint>, String> {
        let table = self.read()?;
        let key = table.key_of(address).map_err(|why| self.says(&why))?;
        for number in table.broken() {
            tell(&self.says(&format!("line {number} can't be read and is passed over")));
        }
        Ok(key)
    }

    /// Keeps the key of a server of which none is known.
    ///
    /// # Errors
    /// Another one is known, by now: it stays. Or the file can't be written.
    pub(crate) fn keep(&self, address: &ServerAddress, key: Fingerprint) -> Result<Kept, String> {
        let _locked = self.lock()?;
        let mut table = self.read()?;
        match table.key_of(address).map_err(|why| self.says(&why))? {
            Some(known) if known == key => return Ok(Kept::Already),
            Some(known) => {
                let known = ChangedKey::in_words(&known);
                return Err(self.says(&format!(
                    "another program has just met {address} with another key: {known}; one of the \
                     two met somebody else"
                )));
            }
            None => {}
        }
        table.add(address, key, Timestamp::now());
        self.write(&table)?;
        Ok(Kept::New)
    }

    /// Forgets a server; `false` if it was not known.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub(crate) fn forget(&self, address: &ServerAddress) -> Result<bool, String> {
        // Without the file there is nothing to lock, and no folder to make for it.
        if !self.path.exists() {
            return Ok(false);
        }
        let _locked = self.lock()?;
        let mut table = self.read()?;
        let was_known = table.forget(address);
        if was_known {
            self.write(&table)?;
        }
        Ok(was_known)
    }

    fn says(&self, what: &str) -> String {
        format!("{}: {what}", self.path.display())
    }

    fn cannot(&self, what: &str, error: &io::Error) -> String {
        format!("can't {what} {}, the keys of known servers: {error}", self.path.display())
    }

    fn read(&self) -> Result<Table, String> {
        match fs::read(&self.path) {
            Ok(bytes) => match std::str::from_utf8(&bytes) {
                // Editors may put a byte order mark before it. UTF-16 without one is full of zeros.
                Ok(text) if !text.contains('\0') => {
                    Ok(Table::parse(text.strip_prefix('\u{feff}').unwrap_or(text)))
                }
                // Whoever is known in it must not become a stranger.
                _ => Err(self.says(
                    "it is no text in UTF-8, so the keys of known servers can't be read: save it as \
                     UTF-8, or move it away",
                )),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Table::default()),
            Err(error) => Err(self.cannot("read", &error)),
        }
    }

    /// Until this is dropped, other programs wait before they read what they will write.
    fn lock(&self) -> Result<File, String> {
        let failed = |error| self.cannot("write", &error);
        if let Some(folder) = self.path.parent() {
            make_folder(folder).map_err(failed)?;
        }
        // Not the file itself: that one is replaced.
        let file = private().truncate(false).open(self.beside(".lock")).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Replaces the file as a whole, while it is locked.
    fn write(&self, table: &Table) -> Result<(), String> {
        let failed = |error| self.cannot("write", &error);
        let part = self.beside(".part");
        // Of a program that died while it wrote.
        let _ = fs::remove_file(&part);
        let mut file = private().create_new(true).open(&part).map_err(failed)?;
        // People keep their settings elsewhere, with links to them.
        let path = fs::canonicalize(&self.path).unwrap_or(self.path.clone());
        let written = file
            .write_all(table.to_string().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&part, &path))
            .and_then(|()| sync_folder(&path));
        written.map_err(|error| {
            let _ = fs::remove_file(&part);
            failed(error)
        })
    }

    fn beside(&self, ending: &str) -> PathBuf {
        // On the same disk as the file itself, so that it can take its place.
        let path = fs::canonicalize(&self.path).unwrap_or(self.path.clone());
        let mut name = path.file_name().map_or_else(|| OsString::from("known_servers"), Into::into);
        name.push(ending);
        path.with_file_name(name)
    }
}

/// To write, and for this user alone: with whom one talks is nobody else's business.
fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Lets the new name of a file outlive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Other systems don't open folders as files.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(of: &str) -> Fingerprint {
        Fingerprint::of_key(of.as_bytes())
    }

    fn address(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_kept_key_is_known_and_another_is_not_kept_instead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("known");
        let known = KnownServers::at(Some(&path)).unwrap();
        let (box_, bee) = (address("Box"), address("bee:1"));
        assert_eq!(known.key_of(&box_), Ok(None));
        assert_eq!(known.forget(&box_), Ok(false));
        assert_eq!(known.keep(&box_, key("a")), Ok(Kept::New));
        assert_eq!(known.keep(&box_, key("a")), Ok(Kept::Already));
        assert_eq!(known.keep(&bee, key("b")), Ok(Kept::New));
        let why = known.keep(&box_, key("c")).unwrap_err();
        assert!(why.contains("Box:5000") && why.contains(&key("a").to_string()), "{why}");
        assert_eq!(known.key_of(&address("box:5000")), Ok(Some(key("a"))));
        assert_eq!(known.forget(&box_), Ok(true));
        assert_eq!(known.key_of(&box_), Ok(None));
        assert_eq!(known.keep(&box_, key("c")), Ok(Kept::New));
        assert_eq!(known.key_of(&bee), Ok(Some(key("b"))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn many_who_keep_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownServers::at(Some(&folder.path().join("known"))).unwrap();
        std::thread::scope(|scope| {
            for number in 1..=20 {
                let known = known.clone();
                scope.spawn(move || {
                    let server = address(&format!("box:{number}"));
                    known.keep(&server, key(&number.to_string())).unwrap();
                });
            }
        });
        for number in 1..=20 {
            let found = known.key_of(&address(&format!("box:{number}")));
            assert_eq!(found, Ok(Some(key(&number.to_string()))));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_file_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "# mine\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let known = KnownServers::at(Some(&link)).unwrap();
        known.keep(&address("box"), key("a")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().starts_with("# mine\nbox:5000 "));
    }

    #[test]
    fn a_file_that_can_not_be_read_is_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownServers::at(Some(folder.path())).unwrap();
        let why = known.key_of(&address("box")).unwrap_err();
        assert!(why.contains("can't read"), "{why}");
    }

    #[test]
    fn what_an_editor_has_saved_in_its_own_way_makes_nobody_a_stranger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        let known = KnownServers::at(Some(&path)).unwrap();
        let text = format!("box:5000 {}\r\n", key("a"));
        fs::write(&path, format!("\u{feff}{text}")).unwrap();
        assert_eq!(known.key_of(&address("box")), Ok(Some(key("a"))));
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        let marked = [&[0xff, 0xfe][..], &little].concat();
        for bytes in [little, big, marked, [text.as_bytes(), b"\xe9 x\n"].concat()] {
            fs::write(&path, &bytes).unwrap();
            for server in ["box", "elsewhere"] {
                let why = known.key_of(&address(server)).unwrap_err();
                assert!(why.contains(path.to_str().unwrap()) && why.contains("UTF-8"), "{why}");
            }
            assert!(known.keep(&address("box"), key("b")).is_err());
            assert_eq!(fs::read(&path).unwrap(), bytes, "it stays as it is");
        }
    }
}

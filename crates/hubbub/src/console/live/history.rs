//! What was typed before, over restarts. Only what is a verb is written to the file: what somebody
//! typed by mistake may be a password.

use super::super::word_of;
use super::line::LINE_BYTES;
use hubbub_server::verbs;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Its name in the data folder.
pub(super) const FILE: &str = "console_history";
/// So many lines are kept.
const LINES_MAX: usize = 500;
/// More of the file is not read.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Lines, the oldest first, each once.
#[derive(Debug)]
pub(super) struct History {
    lines: Vec<String>,
    file: PathBuf,
    /// The line that is shown, and what was typed before somebody looked back.
    looking: Option<(usize, String)>,
}

impl History {
    /// That of this folder. What can't be read is not there.
    pub(super) fn load(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let mut bytes = Vec::new();
        let read = File::open(&file).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes));
        if let Err(error) = read
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, file = %file.display(), "no history of the console");
        }
        let mut history = Self { lines: Vec::new(), file, looking: None };
        for line in String::from_utf8_lossy(&bytes).lines() {
            if is_kept(line) && line.len() <= LINE_BYTES && !line.contains(char::is_control) {
                history.remember(line);
            }
        }
        history
    }

    /// Adds a line. One that holds something secret, or nothing, is forgotten.
    pub(super) fn add(&mut self, line: &str) {
        self.looking = None;
        let word = word_of(line);
        if word == "setup" || (verbs::find(&word).is_none() && verbs::nearest(&word).is_none()) {
            return;
        }
        self.remember(line.trim());
        if is_kept(line)
            && let Err(error) = self.save()
        {
            tracing::debug!(%error, file = %self.file.display(), "the console's history is not kept");
        }
    }

    fn remember(&mut self, line: &str) {
        self.lines.retain(|known| known != line);
        self.lines.push(line.to_owned());
        let too_many = self.lines.len().saturating_sub(LINES_MAX);
        self.lines.drain(..too_many);
    }

    /// The one before that begins with what was typed.
    pub(super) fn older(&mut self, typed: &str) -> Option<&str> {
        let (at, start) = match &self.looking {
            Some((at, start)) => (*at, start.clone()),
            None => (self.lines.len(), typed.to_owned()),
        };
        let found = self.lines[..at].iter().rposition(|line| line.starts_with(&start))?;
        self.looking = Some((found, start));
        self.lines.get(found).map(String::as_str)
    }

    /// The one after that, and at last what was typed.
    pub(super) fn newer(&mut self) -> Option<String> {
        let (at, start) = self.looking.take()?;
        let mut later = self.lines.iter().enumerate().skip(at + 1);
        match later.find(|(_, line)| line.starts_with(&start)) {
            Some((found, line)) => {
                self.looking = Some((found, start));
                Some(line.clone())
            }
            None => Some(start),
        }
    }

    /// The line was changed: looking back begins anew.
    pub(super) fn typed(&mut self) {
        self.looking = None;
    }

    /// As a whole, so that a crash leaves the one before.
    fn save(&self) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let new = self.file.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        let kept: String =
            self.lines.iter().filter(|line| is_kept(line)).flat_map(|line| [line, "\n"]).collect();
        file.write_all(kept.as_bytes())?;
        fs::rename(&new, &self.file)
    }
}

/// Whether it may be read on the disk.
fn is_kept(line: &str) -> bool {
    let word = word_of(line);
    word != "setup" && verbs::find(&word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn history(folder: &Path, lines: &[&str]) -> History {
        let mut history = History::load(folder);
        lines.iter().for_each(|line| history.add(line));
        history
    }

    #[test]
    fn it_comes_back_each_line_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        history(folder.path(), &["stats", "/users", "kick bob", "stats"]);
        let mut again = History::load(folder.path());
        assert_eq!(again.lines, ["/users", "kick bob", "stats"]);
        assert_eq!(again.older(""), Some("stats"));
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_may_be_secret_is_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let typed = [
            "/setup K7QF-2M4D",
            "setup K7QF-2M4D",
            "correct horse battery",
            "/login ann hunter2",
            "hunter2",
            "/passwd a b",
            "stast hunter2",
            "users",
        ];
        let history = history(folder.path(), &typed);
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "users\n");
        assert_eq!(history.lines, ["stast hunter2", "users"], "a misspelt verb can be mended");
    }

    #[test]
    fn it_is_bounded_and_takes_no_harm_from_a_strange_file() {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<_> = (0..LINES_MAX + 100).map(|n| format!("kick {n}")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(history(folder.path(), &lines).lines.len(), LINES_MAX);
        let strange = b"stats\nkick \x1b[2J\n\xff\xfe\nno verb\nusers";
        fs::write(folder.path().join(FILE), strange).unwrap();
        assert_eq!(History::load(folder.path()).lines, ["stats", "users"]);
        fs::remove_file(folder.path().join(FILE)).unwrap();
        fs::create_dir(folder.path().join(FILE)).unwrap();
        assert!(history(folder.path(), &["stats"]).older("").is_some());
    }

    #[test]
    fn looking_back_finds_what_begins_alike_and_returns_to_what_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = history(folder.path(), &["kick ann", "stats", "kick bob"]);
        assert_eq!(history.older("ki"), Some("kick bob"));
        assert_eq!(history.older("kick bob"), Some("kick ann"));
        assert_eq!(history.older("kick ann"), None, "there is none before");
        assert_eq!(history.newer().as_deref(), Some("kick bob"));
        assert_eq!(history.newer().as_deref(), Some("ki"));
        assert_eq!(history.newer(), None);
        assert_eq!(history.older(""), Some("kick bob"));
        history.typed();
        assert_eq!(history.older("s"), Some("stats"));
    }
}

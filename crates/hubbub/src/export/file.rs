//! The file of an export or a backup: under its own name only when it is whole, and for its owner alone.

use crate::end::End;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

/// A file that is being written beside the one that it will be. It goes when this is dropped before
/// [`Target::finish`].
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    force: bool,
    temporary: Temporary,
    out: BufWriter<File>,
}

/// The name that is taken away.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may have become the file, or the disk is gone: nothing to do about either.
        let _ = fs::remove_file(&self.0);
    }
}

impl Target {
    /// # Errors
    /// [`End::Usage`]: the file is there, or can't be made.
    pub(crate) fn begin(path: &Path, force: bool) -> Result<Self, End> {
        let failed = |error: io::Error| {
            End::Usage(format!("can't write {}: {error}", path.display()).into())
        };
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(End::Usage(format!("{} is a folder", path.display()).into()));
            }
            Ok(_) if !force => return Err(is_there(path)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let name = path
            .file_name()
            .ok_or_else(|| End::Usage(format!("{} is no name of a file", path.display()).into()))?;
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}.part", process::id()));
        let beside = path.with_file_name(beside);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // What was said among some is not for everybody on this machine.
            options.mode(0o600);
        }
        let file = options.open(&beside).map_err(failed)?;
        let temporary = Temporary(beside);
        Ok(Self { path: path.to_owned(), force, temporary, out: BufWriter::new(file) })
    }

    /// Where it is until then, for who writes it by name.
    pub(crate) fn written(&self) -> &Path {
        &self.temporary.0
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// The disk; or somebody made a file of that name meanwhile.
    pub(crate) fn finish(mut self) -> Result<(), End> {
        let failed =
            |error: io::Error| End::Failed(format!("can't write {}: {error}", self.path.display()));
        self.out.flush().and_then(|()| self.out.get_ref().sync_all()).map_err(failed)?;
        let (from, to) = (&self.temporary.0, &self.path);
        if self.force {
            fs::rename(from, to).map_err(&failed)?;
        } else {
            // A link never replaces anything, but some file systems have none.
            match fs::hard_link(from, to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(is_there(to));
                }
                Err(_) if to.exists() => return Err(is_there(to)),
                Err(_) => fs::rename(from, to).map_err(&failed)?,
            }
        }
        sync_folder_of(to).map_err(failed)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Makes the name last, where that can be asked for.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()) {
            // A folder that one may write in and not list; or a file system that has no such thing.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::Unsupported
                ) => {}
            result => return result,
        }
    }
    let _ = path;
    Ok(())
}

fn is_there(path: &Path) -> End {
    let text = format!("{} is there already: choose another name, or --force", path.display());
    End::Usage(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lobby.txt");
        let mut target = Target::begin(&path, false).unwrap();
        target.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(target);
        assert_eq!(names(folder.path()), [""; 0], "nothing stays of what was not finished");
        let mut target = Target::begin(&path, false).unwrap();
        target.write_all(b"whole").unwrap();
        target.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["lobby.txt"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_replaced_by_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lobby.txt");
        let late = Target::begin(&path, false).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(matches!(late.finish(), Err(End::Usage(_))), "it came meanwhile");
        assert!(matches!(Target::begin(&path, false), Err(End::Usage(_))));
        assert!(matches!(Target::begin(folder.path(), true), Err(End::Usage(_))));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        let mut target = Target::begin(&path, true).unwrap();
        target.write_all(b"new").unwrap();
        target.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["lobby.txt"]);
    }
}

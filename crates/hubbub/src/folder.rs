//! The data folder, for every command that uses one.

use std::error::Error;
use std::path::{Path, PathBuf};

/// The given folder, or this user's own.
pub(crate) fn of(given: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let folder =
        dirs::data_dir().ok_or("this user has no data folder: choose one with --data DIR")?;
    Ok(folder.join("hubbub"))
}

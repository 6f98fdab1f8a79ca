//! The data folder, for every command that uses one.

use crate::settings;
use std::error::Error;
use std::path::{Path, PathBuf};

/// The given folder, that of the environment, or this user's own.
pub(crate) fn of(given: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    if let Some(folder) = settings::path_in_environment(settings::DATA)? {
        return Ok(folder);
    }
    let folder =
        dirs::data_dir().ok_or("this user has no data folder: choose one with --data DIR")?;
    Ok(folder.join("hubbub"))
}

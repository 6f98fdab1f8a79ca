//! `hubbub restore`: a server out of a backup.

use crate::backup::{self, JsonBackup, describe, ended, shown};
use crate::cli::RestoreOptions;
use crate::end::{self, End};
use crate::{folder, operator};
use hubbub_protocol::sanitize;
use hubbub_server::backup::{look, restore};
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(options: &RestoreOptions) -> Result<ExitCode, Box<dyn Error>> {
    end::code(if options.check { check(options) } else { put_back(options) })
}

/// What was restored, for programs.
#[derive(Serialize)]
struct JsonRestored<'a> {
    #[serde(flatten)]
    backup: JsonBackup<'a>,
    data: String,
    kept: Option<String>,
}

fn must_be_there(file: &Path) -> Result<(), End> {
    match file.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(End::Usage(format!("there is no file {}", shown(file)).into())),
        Err(error) => Err(End::Usage(format!("can't read {}: {error}", shown(file)).into())),
    }
}

fn watch() -> Result<hubbub_server::backup::Watch, End> {
    backup::watch().map_err(|error| End::Failed(format!("can't wait for Ctrl-C: {error}")))
}

fn check(options: &RestoreOptions) -> Result<(), End> {
    must_be_there(&options.file)?;
    let watch = watch()?;
    let summary = look(&options.file, &watch).map_err(ended)?;
    drop(watch);
    let mut out = io::stdout().lock();
    if options.json {
        return operator::json_line(&mut out, &JsonBackup::new(&options.file, &summary));
    }
    writeln!(out, "{} is whole", shown(&options.file))?;
    describe(&mut out, &summary)?;
    if summary.label.is_none() {
        writeln!(out, "It is a copy of the database alone, such as those before an upgrade.")?;
    }
    Ok(())
}

fn put_back(options: &RestoreOptions) -> Result<(), End> {
    must_be_there(&options.file)?;
    let data = folder::of(options.data.as_deref())?;
    let watch = watch()?;
    let restored = restore(&options.file, &data, options.replace, backup::now(), &watch);
    let restored = restored.map_err(ended)?;
    drop(watch);
    let mut out = io::stdout().lock();
    if options.json {
        let mut backup = JsonBackup::new(&options.file, &restored.summary);
        backup.epoch = restored.epoch.0;
        let kept = restored.kept.map(|kept| kept.display().to_string());
        let data = data.display().to_string();
        return operator::json_line(&mut out, &JsonRestored { backup, data, kept });
    }
    writeln!(out, "Restored {} into {}", shown(&options.file), shown(&data))?;
    describe(&mut out, &restored.summary)?;
    if let Some(why) = &restored.old_unreadable {
        writeln!(out, "The old data could not be read: {}", sanitize::for_terminal_line(why))?;
    }
    if let Some(kept) = &restored.kept {
        writeln!(out, "The old data are in {}", shown(kept))?;
    }
    if restored.summary.label.is_none() {
        writeln!(out, "It was the database alone: keys and settings are as they were.")?;
    }
    writeln!(
        out,
        "Start the server as before. What was said since the backup is not there; whoever\nhas read further is told to begin anew."
    )?;
    Ok(())
}

//! `hubbub config`: what the settings are, where each comes from, and whether they are good.

use crate::cli::{ConfigCommand, ConfigPlace};
use crate::end::{self, End};
use crate::folder;
use crate::operator;
use crate::settings::{self, Chosen, Layer, Plan, Problem, Settings, Shown, Sources};
use hubbub_protocol::sanitize;
use hubbub_server::StartError;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the origins begin, unless a line is longer.
const ORIGIN_COLUMN: usize = 56;

/// The line of `config show --json`.
#[derive(Serialize)]
struct JsonSetting<'a> {
    setting: String,
    value: &'a toml::Value,
    origin: &'a str,
}

pub(crate) fn run(command: &ConfigCommand) -> Result<ExitCode, Box<dyn Error>> {
    end::code(config(command))
}

fn config(command: &ConfigCommand) -> Result<(), End> {
    match command {
        ConfigCommand::Show { origin, json, place } => show(place, *origin, *json),
        ConfigCommand::Check { file: Some(file), .. } => check_file(file),
        ConfigCommand::Check { file: None, place } => check_place(place),
        ConfigCommand::Default => {
            Ok(io::stdout().lock().write_all(settings::example().as_bytes())?)
        }
    }
}

/// What `hubbub serve` would read.
fn sources(place: &ConfigPlace) -> Result<(Sources, PathBuf), End> {
    let folder = folder::of(place.data.as_deref())?;
    let sources = Sources::new(Settings::default(), &folder, place.config.as_deref());
    Ok((sources.map_err(usage)?, folder))
}

fn show(place: &ConfigPlace, with_origin: bool, json: bool) -> Result<(), End> {
    let (sources, folder) = sources(place)?;
    let Chosen { layer, .. } = sources.read().map_err(usage)?;
    let plan = Plan::new(layer.settings.clone(), folder.clone());
    let all = settings::show(&layer, &plan);
    let mut out = io::stdout().lock();
    if json {
        for shown in &all {
            let (setting, origin) = (shown.path(), shown.origin.as_str());
            operator::json_line(&mut out, &JsonSetting { setting, value: &shown.value, origin })?;
        }
        return Ok(());
    }
    if with_origin {
        let is_there = if sources.file().exists() { "" } else { ", which is not there" };
        writeln!(out, "# The data folder: {}", shown_path(&folder))?;
        writeln!(out, "# The settings file: {}{is_there}", shown_path(sources.file()))?;
    }
    let mut section = "";
    for shown in &all {
        if shown.section != section {
            section = shown.section;
            writeln!(out, "\n[{section}]")?;
        }
        writeln!(out, "{}", line(shown, with_origin))?;
    }
    Ok(())
}

fn line(shown: &Shown, with_origin: bool) -> String {
    let line = format!("{} = {}", shown.key, shown.value);
    if !with_origin {
        return line;
    }
    format!("{line:ORIGIN_COLUMN$}  # {}", sanitize::for_terminal_line(&shown.origin))
}

fn shown_path(path: &Path) -> String {
    sanitize::for_terminal_line(&path.display().to_string()).into_owned()
}

fn check_file(file: &Path) -> Result<(), End> {
    let layer = settings::load(file).map_err(usage)?;
    let layer =
        layer.ok_or_else(|| End::Usage(format!("{}: no such file", file.display()).into()))?;
    check_tls(layer)?;
    writeln!(io::stdout(), "{} is good.", shown_path(file))?;
    Ok(())
}

fn check_place(place: &ConfigPlace) -> Result<(), End> {
    let (sources, _) = sources(place)?;
    let Chosen { layer, has_file } = sources.read().map_err(usage)?;
    check_tls(layer)?;
    let file = shown_path(sources.file());
    let text = match has_file {
        true => format!("The settings are good: {file}, with the environment."),
        false => format!("The settings are good. There is no {file}, so the defaults hold."),
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// Names and files for certificates.
fn check_tls(layer: Layer) -> Result<(), End> {
    let Layer { settings, .. } = &layer;
    let tls = Plan::new(settings.clone(), PathBuf::new()).server.tls;
    let Err(error) = hubbub_server::check_tls(&tls) else { return Ok(()) };
    let at = match &error {
        StartError::CertificateName { .. } => "tls.names",
        StartError::Certificate { file, .. } if settings.tls.key.as_ref() == Some(file) => {
            "tls.key"
        }
        _ => "tls.certificate",
    };
    let origin = layer.origin(at).cloned();
    Err(usage(Problem { origin, text: error.to_string() }))
}

fn usage(error: impl Error + 'static) -> End {
    End::Usage(Box::new(error))
}

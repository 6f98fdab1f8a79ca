//! Whether the settings can be used.

use super::{Findings, Level};
use crate::settings::{Place, Plan, Problems, Settings, Sources};
use std::path::{Path, PathBuf};

const NAME: &str = "settings";

/// Returns what follows from them; from the defaults, if they can't be used.
pub(super) fn check(data: &Path, given: Option<&Path>, findings: &mut Findings) -> Plan {
    let read = Sources::new(Settings::default(), data, given).map_err(Problems::from);
    let read = read.and_then(|sources| Ok((sources.read()?, sources.file().to_owned())));
    let (settings, file) = match read {
        Ok((chosen, file)) => (Some(chosen), file),
        Err(Problems(problems)) => {
            let help = "the server doesn't start with it: correct that";
            for problem in problems {
                findings.advise(NAME, Level::Problem, problem.to_string(), help);
            }
            (None, PathBuf::new())
        }
    };
    let chosen = settings.as_ref().map(|chosen| chosen.layer.settings.clone());
    let plan = Plan::new(chosen.unwrap_or_default(), data.to_owned());
    if let Some(chosen) = settings {
        let at = match &plan.place {
            Place::For(_, port) => format!("port {port}"),
            Place::At(listen) => format!("{} addresses", listen.len()),
        };
        let from = match chosen.has_file {
            true => file.display().to_string(),
            false => "there is no hubbub.toml".into(),
        };
        let text = format!("{from}: reach \"{}\", {at}", plan.reach.word());
        findings.add(NAME, Level::Ok, text);
    }
    plan
}

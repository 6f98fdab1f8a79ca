//! All sources of the settings together: the command line over the environment over the file. They can be
//! read again at any time.

use super::layer::{Layer, Origin, Problem, Problems};
use super::{Settings, environment, file};
use std::path::{Path, PathBuf};

/// Where settings are read.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// What the command line says.
    options: Settings,
    file: PathBuf,
    /// Whether somebody named that file: then it has to be there.
    is_named: bool,
}

/// What the sources say.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) layer: Layer,
    /// Whether there is a file.
    pub(crate) has_file: bool,
}

impl Chosen {
    /// Whether it is said who may reach the server.
    pub(crate) fn says_who(&self) -> bool {
        let settings = &self.layer.settings;
        settings.reach.is_some() || settings.listen.is_some()
    }
}

impl Sources {
    /// Of a server on this data folder; `config` is the file that the command line names.
    pub(crate) fn new(
        options: Settings,
        folder: &Path,
        config: Option<&Path>,
    ) -> Result<Self, Problem> {
        let named = match config {
            Some(file) => Some(file.to_owned()),
            None => environment::path(environment::CONFIG)?,
        };
        let is_named = named.is_some();
        let file = named.unwrap_or_else(|| folder.join(file::FILE));
        Ok(Self { options, file, is_named })
    }

    /// The settings file, whether it is there or not.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// From now on the file has to be there: a server that had one does not go on without it.
    pub(crate) fn insist_on_file(&mut self) {
        self.is_named = true;
    }

    /// Reads them all.
    pub(crate) fn read(&self) -> Result<Chosen, Problems> {
        let found = file::load(&self.file)?;
        if found.is_none() && self.is_named {
            let text = "there are no settings: no such file".into();
            let origin = Some(Origin::Line(self.file.as_path().into(), None));
            return Err(Problem { origin, text }.into());
        }
        let has_file = found.is_some();
        let below = found.unwrap_or_default();
        let environment = environment::load(&below)?;
        let layer = environment.over(below)?;
        self.options.check().map_err(|conflict| Problem { origin: None, text: conflict.text })?;
        let layer = Layer::from(self.options.clone()).over(layer)?;
        Ok(Chosen { layer, has_file })
    }
}

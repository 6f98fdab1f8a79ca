//! A layer of settings, from single values: each is looked at by itself, so that everything that is wrong
//! can be named, and where each comes from is known.

use super::Settings;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::{Table, Value};

/// The sections of the file, as they stand there.
pub(super) const SECTIONS: [&str; 10] = [
    "tls",
    "limits",
    "limits.user",
    "limits.address",
    "limits.room",
    "limits.intake",
    "outbox",
    "health",
    "log",
    "transcripts",
];

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The environment variable of this name.
    Variable(String),
    /// A line of a file, from 1; without one, the file as a whole.
    Line(Arc<Path>, Option<usize>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Line(file, Some(line)) => write!(f, "{}:{line}", file.display()),
            Self::Line(file, None) => write!(f, "{}", file.display()),
        }
    }
}

/// What is wrong with the settings, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where; `None`: on the command line, and the text says it.
    pub(crate) origin: Option<Origin>,
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            None => f.write_str(&self.text),
            Some(Origin::Variable(name)) => write!(f, "{name}: {}", self.text),
            Some(Origin::Line(file, Some(line))) => {
                write!(f, "{}, line {line}: {}", file.display(), self.text)
            }
            Some(Origin::Line(file, None)) => write!(f, "{}: {}", file.display(), self.text),
        }
    }
}

/// All that is wrong with the settings: a line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problem {}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Settings that don't go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// One of them.
    pub(crate) at: String,
    pub(crate) text: String,
}

/// A single value, not looked at yet.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Leaf {
    pub(super) fn is_good(&self) -> bool {
        self.check().is_ok()
    }

    /// Alone among settings.
    fn check(&self) -> Result<(), String> {
        let alone = self.path.iter().rev().fold(self.value.clone(), |value, key| {
            Value::Table(Table::from_iter([(key.clone(), value)]))
        });
        let checked = Settings::deserialize(alone);
        checked.map(drop).map_err(|error| super::words::explain(error.message()))
    }
}

/// Settings of one source or several, and where they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub(crate) settings: Settings,
    /// By the name with its section, such as `limits.user.joins`. What a command line says is not here.
    origins: BTreeMap<String, Origin>,
    /// As they were given.
    values: Table,
}

impl From<Settings> for Layer {
    fn from(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }
}

impl Layer {
    /// Of all values of one source. `whole` is the source, where no single value is at fault.
    pub(super) fn of(leaves: Vec<Leaf>, whole: &Origin) -> Result<Self, Problems> {
        let (mut problems, mut layer) = (Vec::new(), Self::default());
        for leaf in leaves {
            if let Err(text) = leaf.check() {
                problems.push(Problem { origin: Some(leaf.origin), text });
                continue;
            }
            layer.origins.insert(leaf.path.join("."), leaf.origin);
            insert(&mut layer.values, &leaf.path, leaf.value);
        }
        let origins = &layer.origins;
        let origin = |at: &str| Some(origins.get(at).unwrap_or(whole).clone());
        match Settings::deserialize(Value::Table(layer.values.clone())) {
            Ok(settings) => {
                let problem = |c: Conflict| Problem { origin: origin(&c.at), text: c.text };
                problems.extend(settings.check().err().map(problem));
                problems.extend(settings.limits.check().err().map(problem));
                layer.settings = settings;
            }
            Err(error) => {
                let text = super::words::explain(error.message());
                problems.push(Problem { origin: Some(whole.clone()), text });
            }
        }
        if problems.is_empty() { Ok(layer) } else { Err(Problems(problems)) }
    }

    /// Where a setting comes from; `None`: it isn't set.
    pub(crate) fn origin(&self, path: &str) -> Option<&Origin> {
        self.origins.get(path)
    }

    /// As it was given, if it was.
    pub(super) fn value(&self, path: &[String]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.values.get(first)?, |value, key| value.get(key))
    }

    /// What this layer says, and where it says nothing, the one below.
    pub(crate) fn over(self, below: Self) -> Result<Self, Problem> {
        self.check_over(&below)?;
        let mut origins = below.origins;
        for dropped in self.settings.drops() {
            origins.remove(dropped);
        }
        origins.extend(self.origins);
        let settings = self.settings.over(below.settings);
        Ok(Self { settings, origins, values: Table::new() })
    }

    /// What would have no effect over the layer below.
    fn check_over(&self, below: &Self) -> Result<(), Problem> {
        let own = &self.settings;
        let is_placed =
            own.reach.is_none() && own.listen.is_none() && below.settings.listen.is_some();
        let Some(port) = own.port.filter(|_| is_placed) else { return Ok(()) };
        let place = match below.origin("listen") {
            Some(Origin::Variable(name)) => format!("the environment variable {name}"),
            Some(place) => format!("`listen` in {place}"),
            None => "`listen`".into(),
        };
        let (origin, what) = match self.origin("port") {
            Some(origin) => (Some(origin.clone()), format!("the port {port}")),
            None => (None, format!("--port {port}")),
        };
        let text = format!(
            "{what} has no say, since {place} says the ports: leave one of them out, or say the \
             reach as well (as --local, --lan or --internet do)"
        );
        Err(Problem { origin, text })
    }

    /// Files are named from there.
    pub(super) fn resolve_files(&mut self, folder: &Path) {
        let tls = &mut self.settings.tls;
        for path in [&mut tls.certificate, &mut tls.key].into_iter().flatten() {
            *path = PathBuf::from(folder).join(&*path);
        }
    }
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    let Some((key, sections)) = path.split_last() else { return };
    let mut inner = table;
    for section in sections {
        let next = inner.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
        // Each of them was found to be a section.
        let Value::Table(next) = next else { return };
        inner = next;
    }
    inner.insert(key.clone(), value);
}

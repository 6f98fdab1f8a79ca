//! The parts of the settings about watching a server: `[health]` and `[log]`.

use serde::{Deserialize, Deserializer, de};
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;

/// Where the server tells how it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HealthSettings {
    pub(crate) listen: Option<SocketAddr>,
}

/// What it logs, and how.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    pub(crate) format: Option<LogFormat>,
    /// A level, or what `EnvFilter` takes.
    #[serde(deserialize_with = "level")]
    pub(crate) level: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people on a terminal, else JSON.
    Auto,
    Human,
    Json,
}

/// What is wrong with anything else.
pub(crate) const NO_LEVEL: &str = "is no level: there are off, error, warn, info, debug, trace";
/// What is logged where nobody says.
pub(crate) const LOG_LEVEL: &str = "info";

impl LogFormat {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Human => "human",
            Self::Json => "json",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "human" => Some(Self::Human),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl HealthSettings {
    pub(super) fn over(self, below: Self) -> Self {
        Self { listen: self.listen.or(below.listen) }
    }
}

impl LogSettings {
    pub(super) fn over(self, below: Self) -> Self {
        Self { format: self.format.or(below.format), level: self.level.or(below.level) }
    }
}

fn level<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if level_filter(&text).is_some() {
        return Ok(Some(text));
    }
    Err(de::Error::custom(NO_LEVEL))
}

/// What is logged at this level, or with these words for parts of the program. `None`: it is none, such as
/// a misspelt one, which `EnvFilter` alone would take for a part.
pub(crate) fn level_filter(text: &str) -> Option<EnvFilter> {
    let is_known = |part: &str| {
        let level = part.rsplit('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        ["off", "error", "warn", "info", "debug", "trace"].contains(&level.as_str())
    };
    text.split(',').all(is_known).then(|| EnvFilter::try_new(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_word_or_words_for_parts_of_the_program() {
        let level = |text: &str| toml::from_str::<LogSettings>(&format!("level = {text:?}"));
        for good in
            ["info", "DEBUG", "warn", "off", "hubbub_server=debug", "warn,hubbub_store=trace"]
        {
            assert_eq!(level(good).unwrap().level.as_deref(), Some(good));
        }
        for bad in ["", "loud", "info,", "hubbub=loud", "INFOO"] {
            assert!(level(bad).is_err(), "{bad}");
        }
    }
}

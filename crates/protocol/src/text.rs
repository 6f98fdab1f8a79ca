//! The text of a message, and lines about things: checked once, at the door.

use crate::{limits, sanitize};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("the message is empty")]
    Empty,
    /// Too many bytes.
    #[error("the message has {0} bytes, and at most {limit} are allowed", limit = limits::TEXT_BYTES)]
    TooLong(usize),
    /// Too many lines.
    #[error("the message has {0} lines, and at most {limit} are allowed", limit = limits::TEXT_LINES)]
    TooManyLines(usize),
    /// A control character.
    #[error("the message contains the control character U+{:04X}", *.0 as u32)]
    Control(char),
}

/// A message text: 1–4096 bytes of UTF-8 in at most 100 lines, not only white space, no control
/// characters but newline, tab and IRC's formatting codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(Arc<str>);

impl Text {
    /// Checks a text. Trailing line ends are cut off.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text.trim_end_matches(['\n', '\r']);
        if text.len() > limits::TEXT_BYTES {
            return Err(TextError::TooLong(text.len()));
        }
        if text.chars().all(|c| c.is_whitespace() || sanitize::is_invisible(c)) {
            return Err(TextError::Empty);
        }
        if let Some(c) = text.chars().find(|&c| sanitize::is_forbidden_in_text(c)) {
            return Err(TextError::Control(c));
        }
        let lines = 1 + text.bytes().filter(|&b| b == b'\n').count();
        if lines > limits::TEXT_LINES {
            return Err(TextError::TooManyLines(lines));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": limits::TEXT_BYTES,
            "description": "At most 4096 bytes of UTF-8 and 100 lines, see \"Text\".",
        })
    }
}

/// Why a note is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too many bytes.
    #[error("that has {0} bytes, and at most {limit} are allowed", limit = limits::NOTE_BYTES)]
    TooLong(usize),
    /// Nothing to see, more than one line, or a control character.
    #[error("that is no line of text")]
    NotALine,
}

/// A line about something: a topic, a description, a reason, why somebody is away. 1–400 bytes of
/// UTF-8, not only white space, no control characters but IRC's formatting codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Note(Arc<str>);

impl Note {
    /// Checks a line. White space around it is cut off.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim();
        if text.len() > limits::NOTE_BYTES {
            return Err(NoteError::TooLong(text.len()));
        }
        let forbidden = |c| matches!(c, '\n' | '\t') || sanitize::is_forbidden_in_text(c);
        if text.chars().all(|c| c.is_whitespace() || sanitize::is_invisible(c))
            || text.chars().any(forbidden)
        {
            return Err(NoteError::NotALine);
        }
        Ok(Self(text.into()))
    }

    /// The line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Note {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Note".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": limits::NOTE_BYTES,
            "description": "One line of at most 400 bytes of UTF-8, see \"Text\".",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_limits_hold_to_the_byte() {
        assert!(Text::parse(&"x".repeat(4096)).is_ok());
        assert_eq!(Text::parse(&"x".repeat(4097)), Err(TextError::TooLong(4097)));
        assert!(Text::parse(&["x"; 100].join("\n")).is_ok());
        assert_eq!(Text::parse(&["x"; 101].join("\n")), Err(TextError::TooManyLines(101)));
        assert_eq!(Text::parse(" \t\u{200b}\n"), Err(TextError::Empty));
        assert_eq!(Text::parse("a\u{1b}[31m"), Err(TextError::Control('\u{1b}')));
        assert_eq!(Text::parse("hi\r\n").unwrap().as_str(), "hi");
    }

    proptest! {
        #[test]
        fn what_was_typed_fits_or_is_refused_for_its_size(input in any::<String>()) {
            match Text::parse(&sanitize::typed(&input)) {
                Ok(text) => prop_assert_eq!(Text::parse(text.as_str()).unwrap(), text),
                Err(error) => prop_assert!(!matches!(error, TextError::Control(_))),
            }
        }
    }
}

//! Which rooms are also written to files, and where to. What that means is in the server.

use super::limits::set;
use hubbub_protocol::RoomName;
use hubbub_server::{ServerConfig, Transcripts};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// A file that is set aside sooner would hold little, and there would be very many.
const ROTATE_BYTES_LEAST: u64 = 64 * 1024;

/// What an operator chooses about transcripts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TranscriptSettings {
    /// Rooms by name.
    #[serde(deserialize_with = "room_names")]
    pub(crate) rooms: Option<Vec<RoomName>>,
    /// All rooms besides that everybody may know of.
    pub(crate) all: Option<bool>,
    /// From the data folder.
    pub(crate) folder: Option<PathBuf>,
    #[serde(deserialize_with = "rotate_bytes")]
    pub(crate) rotate_bytes: Option<u64>,
    pub(crate) keep: Option<u32>,
}

impl TranscriptSettings {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            rooms: self.rooms.or(below.rooms),
            all: self.all.or(below.all),
            folder: self.folder.or(below.folder),
            rotate_bytes: self.rotate_bytes.or(below.rotate_bytes),
            keep: self.keep.or(below.keep),
        }
    }

    pub(super) fn apply(self, server: &mut ServerConfig) {
        let rooms = self.rooms.unwrap_or_default();
        server.hub.transcripts = Transcripts::of(self.all.unwrap_or(false), &rooms);
        set(&mut server.transcripts.folder, self.folder);
        set(&mut server.transcripts.rotate_bytes, self.rotate_bytes);
        set(&mut server.transcripts.keep, self.keep);
    }
}

fn room_names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<RoomName>>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let parse = |name: &String| {
        RoomName::parse(name)
            .map_err(|error| D::Error::custom(format!("'{name}' is no room: {error}")))
    };
    names.iter().map(parse).collect::<Result<_, _>>().map(Some)
}

fn rotate_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let bytes = u64::deserialize(from)?;
    if bytes == 0 || bytes >= ROTATE_BYTES_LEAST {
        return Ok(Some(bytes));
    }
    let least = ROTATE_BYTES_LEAST;
    Err(D::Error::custom(format!("{bytes} bytes are too few: {least} or more, or 0 for never")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Plan, Settings};

    fn server(text: &str) -> Result<ServerConfig, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Plan::new(settings, PathBuf::new()).server)
    }

    #[test]
    fn rooms_are_chosen_by_name_or_all_together() {
        assert!(server("").unwrap().hub.transcripts.is_empty());
        let room = |name| RoomName::parse(name).unwrap();
        let named = server("[transcripts]\nrooms = [\"Lobby\", \"Work~3f2a\"]\nkeep = 0").unwrap();
        assert_eq!(
            named.hub.transcripts,
            Transcripts::of(false, &[room("lobby"), room("work~3F2A")])
        );
        assert_eq!(named.transcripts.keep, 0);
        let all = server("[transcripts]\nall = true\nfolder = \"/var/log/hubbub\"").unwrap();
        assert_eq!(all.hub.transcripts, Transcripts::of(true, &[]));
        assert_eq!(all.transcripts.folder, PathBuf::from("/var/log/hubbub"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (text, part) in [
            ("rooms = [\"a b\"]", "'a b' is no room"),
            ("rooms = \"lobby\"", "sequence"),
            ("rotate_bytes = 1000", "65536 or more, or 0"),
            ("keep = -1", "u32"),
            ("al = true", "unknown field `al`"),
        ] {
            let error = server(&format!("[transcripts]\n{text}")).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(server("[transcripts]\nrotate_bytes = 0").unwrap().transcripts.rotate_bytes, 0);
    }
}

//! What the operator's commands have in common: asking, reading, and how a refusal ends them.

use crate::end::End;
use crate::folder;
use crate::printer::escape_invisible;
use hubbub_server::admin::{self, AdminAnswer, AdminError, AdminRequest};
use hubbub_store::Reader;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// Asks the server on this folder, or the folder itself.
pub(crate) fn ask(data: Option<&Path>, request: &AdminRequest) -> Result<AdminAnswer, End> {
    admin::ask(&folder::of(data)?, request).map_err(refused)
}

/// Asks for something that has no answer but that it is done.
pub(crate) fn order(data: Option<&Path>, request: &AdminRequest) -> Result<(), End> {
    match ask(data, request)? {
        AdminAnswer::Done => Ok(()),
        _ => Err(wrong_answer()),
    }
}

/// How a command ends that gets no answer.
pub(crate) fn refused(error: AdminError) -> End {
    match error {
        AdminError::Folder(error) => End::Usage(error.into()),
        AdminError::Usage(text) => End::Usage(text.into()),
        error => End::Failed(error.to_string()),
    }
}

pub(crate) fn wrong_answer() -> End {
    End::Failed("the server answered something else: is it of another version?".into())
}

/// Opens a folder's store for reading, beside the server.
pub(crate) fn reader(data: Option<&Path>) -> Result<Box<dyn Reader>, End> {
    let folder = folder::of(data)?;
    hubbub_server::reader_beside(&folder).map_err(|error| End::Usage(error.into()))
}

/// One JSON object a line, in visible characters.
pub(crate) fn json_line(out: &mut impl Write, line: &impl Serialize) -> Result<(), End> {
    let line = serde_json::to_string(line).map_err(io::Error::from)?;
    Ok(writeln!(out, "{}", escape_invisible(&line))?)
}

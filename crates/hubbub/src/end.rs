//! How the operator's commands end, and with which exit code.

use crate::guest::tell;
use std::error::Error;
use std::io;
use std::process::ExitCode;

/// Why a command is over before its time.
#[derive(Debug)]
pub(crate) enum End {
    /// Whoever reads its output has seen enough.
    Unread,
    /// It was refused, or something broke.
    Failed(String),
    /// What the user can put right: arguments, the folder.
    Usage(Box<dyn Error>),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Failed(format!("can't write to stdout: {error}")),
        }
    }
}

impl From<Box<dyn Error>> for End {
    fn from(error: Box<dyn Error>) -> Self {
        Self::Usage(error)
    }
}

/// The exit code of a command, having said why.
pub(crate) fn code(result: Result<(), End>) -> Result<ExitCode, Box<dyn Error>> {
    match result {
        Ok(()) | Err(End::Unread) => Ok(ExitCode::SUCCESS),
        Err(End::Failed(text)) => {
            tell(&text);
            Ok(ExitCode::FAILURE)
        }
        Err(End::Usage(error)) => Err(error),
    }
}

//! Systems without Unix sockets: a running server can't be asked, only a folder that none uses.

use super::Parts;
use crate::hub_loop::HubLoop;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this system has no sockets in folders")
}

/// Nothing listens here.
#[derive(Debug)]
pub(crate) struct Door {
    never: Infallible,
}

impl Door {
    pub(crate) fn open(
        _folder: &Path,
        _hub: &Arc<HubLoop>,
        _parts: Parts,
        _stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        Err(unsupported())
    }

    pub(crate) fn thread(&mut self) -> Option<JoinHandle<()>> {
        match self.never {}
    }
}

pub(super) fn connect(_path: &Path) -> io::Result<Infallible> {
    Err(unsupported())
}

pub(super) fn exchange(connection: Infallible, _line: &[u8]) -> io::Result<Vec<u8>> {
    match connection {}
}

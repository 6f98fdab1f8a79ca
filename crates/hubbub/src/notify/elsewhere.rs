//! Systems without systemd: there is nobody to tell.

use hubbub_server::Handle;

/// Nobody.
pub(crate) struct Manager;

impl Manager {
    pub(crate) fn serving(_handle: &Handle) -> Self {
        Self
    }

    pub(crate) fn reloading(&self) {}

    pub(crate) fn reloaded(&self) {}

    pub(crate) fn stopping(self) {}
}

//! Starts servers to be measured, each a process of its own with its own data folder.

use crate::serve::Kind;
use crate::{Result, system};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server to be measured. Dropping it ends the process and removes its data.
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

/// How it is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) kind: Kind,
    /// Folder in which the data folder is made.
    pub(crate) data: Option<&'a Path>,
    pub(crate) lanes: Option<usize>,
    pub(crate) core: Option<usize>,
}

impl ServerProcess {
    /// Starts one and waits until it listens.
    pub(crate) fn start(setting: Setting<'_>) -> Result<Self> {
        let data = system::data_folder(setting.data)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(match setting.kind {
            Kind::Hubbub => "hubbub",
            Kind::Floor => "floor",
        });
        command.arg("--data").arg(data.path());
        if let Some(lanes) = setting.lanes {
            command.arg("--lanes").arg(lanes.to_string());
        }
        if let Some(core) = setting.core {
            command.arg("--core").arg(core.to_string());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no stdout")?;
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first)?;
        let address = first.trim().parse().map_err(|_| "the server did not start");
        let address = address.inspect_err(|_| {
            let _ = child.kill();
        })?;
        Ok(Self { child, address, _data: data })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time so far, of all its threads.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        system::cpu(self.child.id())
    }

    /// The same by thread, see [`system::cpu_by_thread`].
    pub(crate) fn cpu_by_thread(&self) -> Result<BTreeMap<String, Duration>> {
        system::cpu_by_thread(self.child.id())
    }

    /// Memory in use, in bytes.
    pub(crate) fn memory_bytes(&self) -> Result<u64> {
        system::memory_bytes(self.child.id())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

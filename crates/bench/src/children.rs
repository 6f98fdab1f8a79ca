//! Starts servers to be measured, each a process of its own with its own data folder.

use crate::serve::{Kind, LimitsChoice};
use crate::{Result, flooder, system};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How much longer than it should a flood may take.
const FLOODER_PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// A server to be measured. Dropping it ends the process and removes its data.
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

/// How it is started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting<'a> {
    pub(crate) kind: Kind,
    /// Folder in which the data folder is made.
    pub(crate) data: Option<&'a Path>,
    pub(crate) lanes: Option<usize>,
    pub(crate) core: Option<usize>,
    /// Where it listens [default: 127.0.0.1].
    pub(crate) address: Option<IpAddr>,
    pub(crate) limits: LimitsChoice,
    pub(crate) probe_ms: Option<u64>,
    /// Puts something into the data folder before the server starts.
    pub(crate) prepare: Option<fn(&Path) -> Result<()>>,
}

impl ServerProcess {
    /// Starts one and waits until it listens.
    pub(crate) fn start(setting: Setting<'_>) -> Result<Self> {
        let data = system::data_folder(setting.data)?;
        if let Some(prepare) = setting.prepare {
            prepare(data.path())?;
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(match setting.kind {
            Kind::Hubbub => "hubbub",
            Kind::Floor => "floor",
            Kind::Sink => "sink",
        });
        command.arg("--limits").arg(match setting.limits {
            LimitsChoice::Free => "free",
            LimitsChoice::Default => "default",
        });
        if let Some(address) = setting.address {
            command.arg("--address").arg(address.to_string());
        }
        if let Some(probe_ms) = setting.probe_ms {
            command.arg("--probe-ms").arg(probe_ms.to_string());
        }
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

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
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

/// One who means harm (`flooder.rs`). Dropping it ends the process.
pub(crate) struct FlooderProcess {
    child: Child,
    until: Instant,
}

impl FlooderProcess {
    /// Begins to flood a server for so long.
    pub(crate) fn start(
        kind: flooder::Kind,
        server: SocketAddr,
        length: Duration,
        per_second: Option<f64>,
        nice: i32,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("flooder").arg(kind.word()).arg("--server").arg(server.to_string());
        command.arg("--seconds").arg(length.as_secs_f64().to_string());
        command.arg("--nice").arg(nice.to_string());
        if let Some(per_second) = per_second {
            command.arg("--per-second").arg(per_second.to_string());
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        Ok(Self { child, until: Instant::now() + length + FLOODER_PATIENCE })
    }

    /// Whether it has ended, or should have.
    pub(crate) fn is_over(&mut self) -> bool {
        Instant::now() > self.until || !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end, and says what it got done.
    pub(crate) fn finish(mut self) -> Result<flooder::Done> {
        while self.child.try_wait()?.is_none() {
            if Instant::now() > self.until {
                return Err("the flood did not end".into());
            }
            std::thread::sleep(LOOK);
        }
        let stdout = self.child.stdout.take().ok_or("the flooder has no stdout")?;
        serde_json::from_reader(stdout).map_err(|error| format!("the flood failed: {error}").into())
    }
}

impl Drop for FlooderProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

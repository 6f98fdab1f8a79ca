//! `hubbub serve`.

use crate::cli::{History, ServeOptions};
use crate::signals::Signals;
use hubbub_protocol::frame::Retention;
use hubbub_server::{Handle, Server, ServerConfig};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A server that has not stopped by then is stuck in the system; what is acknowledged is on disk.
const STOP_MAX: Duration = Duration::from_millis(4_700);

pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    let data = options.data.clone().map_or_else(default_data, Ok)?;
    let mut config = ServerConfig::new(options.listen.clone(), data);
    config.hub.retention = match options.history {
        History::Forever => Retention::Forever,
        History::None => Retention::None,
    };
    let folder = config.data.clone();
    // Before the server starts, so that a signal at any moment is heard.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let handle = Server::start(config)?;
    announce(&handle)?;
    tracing::info!(data = %folder.display(), "serving");
    let signal = runtime.block_on(signals.next());
    tracing::info!(signal, "stopping");
    stop(handle, &runtime, &mut signals);
    Ok(ExitCode::SUCCESS)
}

fn default_data() -> Result<PathBuf, Box<dyn Error>> {
    let folder =
        dirs::data_dir().ok_or("this user has no data folder: choose one with --data DIR")?;
    Ok(folder.join("hubbub"))
}

fn announce(handle: &Handle) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for address in handle.addresses() {
        writeln!(out, "listening on {address} (native, plain)")?;
    }
    // For somebody who sees this for the first time; programs read the lines above.
    if out.is_terminal()
        && let Some(address) = handle.addresses().first()
    {
        let host = if address.ip().is_unspecified() {
            "127.0.0.1".into()
        } else {
            address.ip().to_string()
        };
        writeln!(
            out,
            "try it from another terminal: nc {host} {}   (Ctrl-C stops the server)",
            address.port()
        )?;
    }
    out.flush()
}

/// Stops in good order; a second signal or too long a wait ends it at once.
fn stop(handle: Handle, runtime: &tokio::runtime::Runtime, signals: &mut Signals) {
    let (done, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        handle.stop();
        let _ = done.send(());
    });
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            _ = signals.next() => tracing::warn!("stopping at once"),
            () = tokio::time::sleep(STOP_MAX) => tracing::warn!("stopping took too long"),
        }
    });
}

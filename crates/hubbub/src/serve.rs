//! `hubbub serve`.

use crate::cli::{History, PrivateChats, ServeOptions, WhoRegisters, YesNo};
use crate::folder;
use crate::signals::Signals;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, Registration};
use hubbub_server::{Handle, HubConfig, Server, ServerConfig};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// A server that has not stopped by then is stuck in the system; what is acknowledged is on disk.
const STOP_MAX: Duration = Duration::from_millis(4_700);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    let folder = folder::of(options.data.as_deref())?;
    let mut config = ServerConfig::new(options.listen.clone(), folder.clone());
    choose(&mut config.hub, options);
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

fn choose(hub: &mut HubConfig, options: &ServeOptions) {
    hub.retention = match options.history {
        History::Forever => Retention::Forever,
        History::None => Retention::None,
    };
    hub.guests = matches!(options.guests, YesNo::Yes);
    hub.registration = match options.registration {
        WhoRegisters::Open => Registration::Open,
        WhoRegisters::Invite => Registration::Invite,
        WhoRegisters::Closed => Registration::Closed,
    };
    hub.private = match options.private {
        PrivateChats::Ask => PrivatePolicy::Ask,
        PrivateChats::Open => PrivatePolicy::Open,
        PrivateChats::Closed => PrivatePolicy::Closed,
    };
    hub.audit_ms = options.audit_days * DAY_MS;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command};
    use clap::Parser;

    fn chosen(arguments: &[&str]) -> HubConfig {
        let all = [&["hubbub", "serve"], arguments].concat();
        let Command::Serve(options) = Arguments::parse_from(all).command else {
            panic!("another command")
        };
        let mut hub = HubConfig::default();
        choose(&mut hub, &options);
        hub
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_hub() {
        assert_eq!(format!("{:?}", chosen(&[])), format!("{:?}", HubConfig::default()));
    }

    #[test]
    fn an_operator_can_close_every_way_in() {
        let options = ["--guests", "no", "--registration", "invite", "--private", "closed"];
        let hub = chosen(&[&options[..], &["--audit-days", "7", "--history", "none"]].concat());
        assert!(!hub.guests);
        assert_eq!(hub.registration, Registration::Invite);
        assert_eq!(hub.private, PrivatePolicy::Closed);
        assert_eq!(hub.audit_ms, 7 * DAY_MS);
        assert_eq!(hub.retention, Retention::None);
    }
}

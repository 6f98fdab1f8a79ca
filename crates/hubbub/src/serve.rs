//! `hubbub serve`: from the options to a server that runs until it is stopped.

mod addresses;
mod announce;
mod qr;
mod question;
mod terminal;

use self::announce::Facts;
use self::terminal::Look;
use crate::cli::ServeOptions;
use crate::folder;
use crate::settings::{self, Place, Plan, Reach};
use crate::signals::{Hangups, Signals};
use hubbub_server::{Handle, Server, ServerConfig, StartError};
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// A server that has not stopped by then is stuck in the system; what is acknowledged is on disk.
const STOP_MAX: Duration = Duration::from_millis(4_700);
/// How often a port is picked that is free for IPv4 and IPv6 before it is given up.
const PICKS: usize = 20;

pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    let folder = folder::of(options.data.as_deref())?;
    let own_file = folder.join(settings::FILE);
    let from_file = read_settings(options.config.as_deref(), &own_file)?;
    let mut settings = options.settings();
    settings.check()?;
    let mut answer = None;
    match from_file {
        Some(below) => {
            let file = options.config.as_deref().unwrap_or(&own_file);
            settings.check_over(&below, file)?;
            settings = settings.over(below);
        }
        None if !options.says_who() && somebody_is_there() => {
            answer = ask(&own_file)?;
            let Some(reach) = answer else {
                eprintln!("hubbub: nothing was started");
                return Ok(ExitCode::FAILURE);
            };
            settings.reach = Some(reach);
        }
        None => {}
    }
    let plan = Plan::new(settings, folder.clone());
    // Before the server starts, so that a signal at any moment is heard.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut signals, mut hangups) =
        runtime.block_on(async { Ok::<_, io::Error>((Signals::new()?, Hangups::new()?)) })?;
    let (handle, config) = start(&plan)?;
    // Only now: an answer that led to nothing can be another one the next time.
    if let Some(reach) = answer {
        keep(&own_file, reach);
    }
    tracing::info!(data = %folder.display(), "serving");
    announce(&handle, plan.reach, &config, !options.no_qr)?;
    let signal = runtime.block_on(until_stopped(&handle, &mut signals, &mut hangups));
    tracing::info!(signal, "stopping");
    stop(handle, &runtime, &mut signals);
    Ok(ExitCode::SUCCESS)
}

/// The settings of the given file, or of the data folder's own if there is one.
fn read_settings(
    given: Option<&Path>,
    own: &Path,
) -> Result<Option<settings::Settings>, Box<dyn Error>> {
    match given {
        Some(file) => match settings::load(file)? {
            Some(settings) => Ok(Some(settings)),
            None => {
                Err(format!("there are no settings in {}: no such file", file.display()).into())
            }
        },
        None => Ok(settings::load(own)?),
    }
}

fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn ask(file: &Path) -> io::Result<Option<Reach>> {
    let Some(look) = Look::of_stdout() else { return Ok(Some(Reach::Local)) };
    question::ask(&mut io::stdin().lock(), &mut io::stdout().lock(), &look, file)
}

fn keep(file: &Path, reach: Reach) {
    if let Err(error) = settings::keep(file, reach) {
        tracing::warn!(%error, file = %file.display(), "the answer is not kept, and asked for again");
    }
}

/// Starts the server where it is to listen.
fn start(plan: &Plan) -> Result<(Handle, ServerConfig), Box<dyn Error>> {
    let start_at = |listen: Vec<SocketAddr>| {
        let config = ServerConfig { listen, ..plan.server.clone() };
        Server::start(config.clone()).map(|handle| (handle, config))
    };
    let (reach, port) = match &plan.place {
        Place::At(listen) => return Ok(start_at(listen.clone())?),
        Place::For(reach, port) => (*reach, *port),
    };
    let ips = addresses::to_listen_on(reach);
    let on = |port| ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect::<Vec<_>>();
    if port != 0 {
        return Ok(start_at(on(port))?);
    }
    // A port that is free for IPv4 may be taken for IPv6, or be taken before we come to it.
    let mut picks = 1..=PICKS;
    loop {
        let picked = addresses::free_port(&ips)?;
        let is_last = picks.next().is_none();
        match start_at(on(picked)) {
            Err(StartError::AddressTaken { address, .. })
                if address.port() == picked && !is_last => {}
            other => return Ok(other?),
        }
    }
}

fn announce(
    handle: &Handle,
    reach: Reach,
    config: &ServerConfig,
    wants_code: bool,
) -> io::Result<()> {
    // Those for TLS alone stand behind the others.
    let listening_tls = handle.tls_addresses();
    let others = handle.addresses().len().saturating_sub(listening_tls.len());
    let listening = handle.addresses().get(..others).unwrap_or_default();
    let shared = addresses::to_share(listening, listening_tls);
    let facts = Facts {
        reach,
        listening,
        listening_tls,
        shared: &shared,
        names: &config.tls.names,
        fingerprint: handle.fingerprint(),
        guests: config.hub.guests,
        plaintext_passwords: config.hub.plaintext_passwords,
        registration: config.hub.registration,
        has_certificate: config.tls.certificate.is_some(),
        wants_code,
    };
    let mut out = io::stdout().lock();
    match Look::of_stdout() {
        Some(look) => announce::to_person(&facts, &look, &mut out)?,
        None => announce::to_program(&facts, &mut out)?,
    }
    out.flush()
}

/// The name of the signal that stops it.
async fn until_stopped(
    handle: &Handle,
    signals: &mut Signals,
    hangups: &mut Hangups,
) -> &'static str {
    let began_on_a_terminal = io::stdin().is_terminal() || io::stdout().is_terminal();
    loop {
        tokio::select! {
            signal = signals.next() => return signal,
            () = hangups.next() => {
                // Whoever closes the window of a program wants it to end.
                let has_one = io::stdin().is_terminal() || io::stdout().is_terminal();
                if began_on_a_terminal && !has_one {
                    return "SIGHUP, with its terminal closed";
                }
                reload(handle);
            }
        }
    }
}

fn reload(handle: &Handle) {
    match handle.reload_certificates() {
        Ok(done) if done.is_empty() => tracing::info!("SIGHUP: the certificates are as they were"),
        Ok(done) => done.iter().for_each(|done| tracing::info!("SIGHUP: {done}")),
        Err(problem) => tracing::error!("SIGHUP: {problem}; the certificates stay as they were"),
    }
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

//! `hubbub serve`: from the options to a server that runs until it is stopped.

pub(crate) mod addresses;
mod announce;
mod qr;
mod question;
pub(crate) mod terminal;

use self::announce::Facts;
use self::terminal::Look;
use crate::cli::ServeOptions;
use crate::console::{self, Console};
use crate::folder;
use crate::logging;
use crate::notify;
use crate::settings::{self, Place, Plan, Reach, Settings, Sources};
use crate::signals::{Hangups, Signals};
use hubbub_server::{
    Handle, Reload, Reloaded, Reread, SETUP_FILE, Server, ServerConfig, StartError,
};
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A server that has not stopped by then is stuck in the system; what is acknowledged is on disk.
const STOP_MAX: Duration = Duration::from_millis(4_700);
/// How often a port is picked that is free for IPv4 and IPv6 before it is given up.
const PICKS: usize = 20;

pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    // Before everything else: it may be closed at any moment.
    let began_on_a_terminal = is_on_a_terminal();
    let folder = folder::of(options.data.as_deref())?;
    let mut sources = Sources::new(options.settings(), &folder, options.config.as_deref())?;
    let chosen = sources.read()?;
    let mut answer = None;
    if !chosen.has_file && !chosen.says_who() && somebody_is_there() {
        answer = ask(sources.file())?;
        if answer.is_none() {
            eprintln!("hubbub: nothing was started");
            return Ok(ExitCode::FAILURE);
        }
    }
    if chosen.has_file {
        sources.insist_on_file();
    }
    let file = sources.file().to_owned();
    logging::choose(&chosen.layer.settings.log);
    let again = Again { sources, folder: folder.clone(), answer };
    let plan = again.plan(chosen.layer.settings);
    // Before the server starts, so that a signal at any moment is heard.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut signals, mut hangups) =
        runtime.block_on(async { Ok::<_, io::Error>((Signals::new()?, Hangups::new()?)) })?;
    let (handle, config) = start(&plan, &again)?;
    // Only now: an answer that led to nothing can be another one the next time.
    if let Some(reach) = answer {
        keep(&file, reach);
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data = %folder.display(), "serving");
    let console = console::Kind::of_this_terminal().filter(|_| !options.no_console);
    let announced = announce(&handle, plan.reach, &config, !options.no_qr, console.is_some());
    // Where the window was closed meanwhile, the signal of that ends it, in good order.
    announced.or_else(|error| if began_on_a_terminal { Ok(()) } else { Err(error) })?;
    let mut console = console.and_then(|kind| open_console(kind, &folder, &handle, &runtime));
    let manager = notify::Manager::serving(&handle);
    let signal = runtime.block_on(until_stopped(
        began_on_a_terminal,
        &handle,
        &manager,
        &mut signals,
        &mut hangups,
        &mut console,
    ));
    if let Some(console) = &mut console {
        console.close();
    }
    tracing::info!(signal, "stopping");
    manager.stopping();
    stop(handle, &runtime, &mut signals);
    Ok(ExitCode::SUCCESS)
}

/// What is needed to read the settings once more, while the server runs.
#[derive(Clone)]
struct Again {
    sources: Sources,
    folder: PathBuf,
    /// What was answered to the question who may reach the server, in case that it can't be kept.
    answer: Option<Reach>,
}

impl Again {
    fn plan(&self, mut settings: Settings) -> Plan {
        if settings.listen.is_none() {
            settings.reach = settings.reach.or(self.answer);
        }
        Plan::new(settings, self.folder.clone())
    }

    /// For a server that listens there because of that place.
    fn reload(&self, place: Place, listen: Vec<SocketAddr>, lanes: usize) -> Reload {
        let again = self.clone();
        Reload(Arc::new(move || {
            let chosen = again.sources.read().map_err(|problems| problems.to_string())?;
            let log = chosen.layer.settings.log.clone();
            let plan = again.plan(chosen.layer.settings);
            let listen = match plan.place {
                // Also if that was a port that the system picked.
                same if same == place => listen.clone(),
                Place::At(listen) => listen,
                Place::For(reach, port) => on(reach, port),
            };
            // The number of cores may have changed, but nobody has chosen anything.
            let config = ServerConfig { listen, lanes, ..plan.server };
            let others = logging::changes(&log);
            let apply_others = Box::new(move || logging::choose(&log));
            Ok(Reread { config, others, apply_others })
        }))
    }
}

fn is_on_a_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal()
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
fn start(plan: &Plan, again: &Again) -> Result<(Handle, ServerConfig), Box<dyn Error>> {
    let start_at = |listen: Vec<SocketAddr>| {
        let reload = Some(again.reload(plan.place.clone(), listen.clone(), plan.server.lanes));
        let config = ServerConfig { listen, reload, ..plan.server.clone() };
        Server::start(config.clone()).map(|handle| (handle, config))
    };
    let (reach, port) = match &plan.place {
        Place::At(listen) => return Ok(start_at(listen.clone())?),
        Place::For(reach, port) => (*reach, *port),
    };
    if port != 0 {
        return Ok(start_at(on(reach, port))?);
    }
    let ips = addresses::to_listen_on(reach);
    // A port that is free for IPv4 may be taken for IPv6, or be taken before we come to it.
    let mut picks = 1..=PICKS;
    loop {
        let picked = addresses::free_port(&ips)?;
        let is_last = picks.next().is_none();
        match start_at(on(reach, picked)) {
            Err(StartError::AddressTaken { address, .. })
                if address.port() == picked && !is_last => {}
            other => return Ok(other?),
        }
    }
}

/// All addresses for this reach.
fn on(reach: Reach, port: u16) -> Vec<SocketAddr> {
    let ips = addresses::to_listen_on(reach);
    ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

fn announce(
    handle: &Handle,
    reach: Reach,
    config: &ServerConfig,
    wants_code: bool,
    has_console: bool,
) -> io::Result<()> {
    let setup = handle.setup_token();
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
        has_console,
        setup: setup.as_deref(),
    };
    let mut out = io::stdout().lock();
    match Look::of_stdout() {
        Some(look) => announce::to_person(&facts, &look, &mut out)?,
        None => {
            announce::to_program(&facts, &mut out)?;
            if setup.is_some() {
                tracing::info!(
                    "nobody is an admin yet: whoever registers and says /setup with what is in the \
                     file {} becomes one",
                    config.data.join(SETUP_FILE).display()
                );
            }
        }
    }
    out.flush()
}

/// A server without a console is one all the same.
fn open_console(
    kind: console::Kind,
    folder: &Path,
    handle: &Handle,
    runtime: &tokio::runtime::Runtime,
) -> Option<Console> {
    let _within = runtime.enter();
    let console = Console::open(kind, folder, handle.manager());
    console.inspect_err(|error| tracing::warn!(%error, "no console: use `hubbub admin`")).ok()
}

/// What stops it.
async fn until_stopped(
    began_on_a_terminal: bool,
    handle: &Handle,
    manager: &notify::Manager,
    signals: &mut Signals,
    hangups: &mut Hangups,
    console: &mut Option<Console>,
) -> &'static str {
    let mut exit = handle.manager().exit_wished();
    loop {
        tokio::select! {
            signal = signals.next() => return signal,
            _ = exit.wait_for(|is_wished| *is_wished) => return "exit",
            wish = stop_wished(console) => return wish,
            () = hangups.next() => {
                // Whoever closes the window of a program wants it to end.
                if began_on_a_terminal && !is_on_a_terminal() {
                    return "SIGHUP, with its terminal closed";
                }
                manager.reloading();
                reload(handle);
                manager.reloaded();
            }
        }
    }
}

async fn stop_wished(console: &mut Option<Console>) -> &'static str {
    match console {
        Some(console) => console.stop_wished().await,
        None => std::future::pending().await,
    }
}

/// Reads the settings again and tells the log what came of it.
fn reload(handle: &Handle) {
    let Reloaded { applied, needs_restart } = match handle.reload() {
        Ok(reloaded) => reloaded,
        Err(problems) => {
            problems.lines().for_each(|problem| tracing::error!("SIGHUP: {problem}"));
            return tracing::error!("SIGHUP: nothing was changed");
        }
    };
    if applied.is_empty() && needs_restart.is_empty() {
        tracing::info!("SIGHUP: settings and certificates are as they were");
    }
    applied.iter().for_each(|change| tracing::info!("SIGHUP: {change}"));
    for change in &needs_restart {
        tracing::warn!("SIGHUP: only after a restart: {change}");
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
            _ = stopped => tracing::info!("stopped"),
            _ = signals.next() => tracing::warn!("stopping at once"),
            () = tokio::time::sleep(STOP_MAX) => tracing::warn!("stopping took too long"),
        }
    });
}

//! The hidden command `serve`: a server to be measured, in a process of its own. It says where it
//! listens, and ends when its stdin does, so that it never outlives the benchmark.

use crate::{Result, floor, sink, system};
use hubbub_hub::Limits;
use hubbub_server::{Server, ServerConfig};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which server.
    pub(crate) kind: Kind,
    /// Where Hubbub keeps its data.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Threads that own connections.
    #[arg(long)]
    pub(crate) lanes: Option<usize>,
    /// The core to stay on.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The address to listen at.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) address: IpAddr,
    /// What clients are held to.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) limits: LimitsChoice,
    /// After so long a silence a peer is probed, in milliseconds.
    #[arg(long)]
    pub(crate) probe_ms: Option<u64>,
}

/// The servers that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Ours.
    #[default]
    Hubbub,
    /// The least that one can do.
    Floor,
    /// Takes everything, and does nothing with it.
    Sink,
}

/// What clients are held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitsChoice {
    /// Nothing: what the machine can do is measured.
    #[default]
    Free,
    /// What a server has whose operator chose nothing.
    Default,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    system::raise_file_limit();
    if let Some(core) = options.core {
        system::pin(core)?;
    }
    let any = SocketAddr::from((options.address, 0));
    match options.kind {
        Kind::Floor => {
            let listener = mio::net::TcpListener::bind(any)?;
            announce(listener.local_addr()?)?;
            std::thread::spawn(|| {
                if let Err(error) = floor::run(listener) {
                    eprintln!("floor: {error}");
                    std::process::exit(1);
                }
            });
            wait_for_the_end()
        }
        Kind::Sink => {
            let listener = mio::net::TcpListener::bind(any)?;
            announce(listener.local_addr()?)?;
            std::thread::spawn(|| {
                if let Err(error) = sink::run(listener) {
                    eprintln!("sink: {error}");
                    std::process::exit(1);
                }
            });
            wait_for_the_end()
        }
        Kind::Hubbub => {
            let mut config = ServerConfig::new(vec![any], options.data.clone());
            config.lanes = options.lanes.unwrap_or(config.lanes);
            config.probe_ms = options.probe_ms.unwrap_or(config.probe_ms);
            if options.limits == LimitsChoice::Free {
                config.hub.limits = Limits::free();
            }
            let handle = Server::start(config)?;
            announce(handle.addresses()[0])?;
            wait_for_the_end()?;
            // Nobody reads this data again, and saying goodbye to thousands takes a while.
            std::process::exit(0)
        }
    }
}

fn announce(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")?;
    Ok(out.flush()?)
}

fn wait_for_the_end() -> Result<()> {
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

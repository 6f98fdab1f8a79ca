//! The hidden command `serve`: a server to be measured, in a process of its own. It says where it
//! listens, and ends when its stdin does, so that it never outlives the benchmark.

use crate::{Result, floor, system};
use hubbub_server::{Server, ServerConfig};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
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
}

/// The servers that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Ours.
    Hubbub,
    /// The least that one can do.
    Floor,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    system::raise_file_limit();
    if let Some(core) = options.core {
        system::pin(core)?;
    }
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
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
        Kind::Hubbub => {
            let mut config = ServerConfig::new(vec![any], options.data.clone());
            config.lanes = options.lanes.unwrap_or(config.lanes);
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

//! Bad weather: packets that are lost and late, a server or a client that stands still, peers that vanish.
//!
//! Weather is made in a network namespace of its own, which this program enters by starting itself again
//! with `unshare --net`: there is nothing to clean up but processes, and nothing of it reaches a real
//! network. That needs root. The clients are those of the client library.

mod half_open;
mod loss;
mod sky;
mod stop;
pub(crate) mod talker;

use crate::{Result, report};
use hubbub_client::{Client, CoreConfig, Events};
use hubbub_protocol::{RoomAddress, RoomName, UserName};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

/// The only address of the namespace besides loopback: the server's, and where clients are.
const HERE: Ipv4Addr = Ipv4Addr::new(10, 200, 1, 1);
/// What is sent there comes back through the weather, as if from somebody else.
const THERE: Ipv4Addr = Ipv4Addr::new(10, 200, 1, 2);
/// Tells the program that it is in its namespace.
const INSIDE: &str = "HUBBUB_BENCH_INSIDE";
const ROOM: &str = "storm";

/// Which weather.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Packets are lost and late, and then the weather clears. Needs root.
    Loss(loss::Options),
    /// The server, and then a client, stands still (SIGSTOP) while others talk.
    Stop(stop::Options),
    /// Peers vanish without a word: how soon the server notices. Needs root.
    HalfOpen(half_open::Options),
}

pub(crate) fn run(options: &Options, json: bool) -> Result<()> {
    match &options.kind {
        Kind::Stop(options) => stop::run(options).and_then(|found| report::print(&found, json)),
        _ if std::env::var_os(INSIDE).is_none() => enter_namespace(),
        Kind::Loss(options) => loss::run(options).and_then(|found| report::print(&found, json)),
        Kind::HalfOpen(options) => {
            half_open::run(options).and_then(|found| report::print(&found, json))
        }
    }
}

/// Does the same again in a network namespace that ends with its last process.
fn enter_namespace() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err("weather needs a network namespace and a device in it: run this as root".into());
    }
    let again = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .map_err(|error| format!("can't start unshare (of util-linux): {error}"))?;
    if again.success() { Ok(()) } else { Err("it failed in its namespace, see above".into()) }
}

/// A client of the library, in the room of all. The one place that knows how it connects.
async fn client(server: SocketAddr, name: &str) -> Result<(Client, Events)> {
    let instance = hubbub_client::driver::random_instance()?;
    let mut config = CoreConfig::new(UserName::parse(name)?, instance);
    config.conversations.push(room()?);
    Ok(Client::connect(&server.to_string(), config).await?)
}

fn room() -> Result<RoomAddress> {
    Ok(RoomAddress::Room(RoomName::parse(ROOM)?))
}

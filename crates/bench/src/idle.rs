//! How much memory a connection costs that says nothing: sessions say hello, join rooms, and are still.

use crate::children::{ServerProcess, Setting};
use crate::load::Swarm;
use crate::native::{self, Crowd, Heard};
use crate::serve::Kind;
use crate::{Result, system};
use hubbub_protocol::frame::Retention;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What is aimed at, in bytes.
const AIM_BYTES: f64 = 4096.0;
/// Messages in each room before the second look.
const SPOKEN: u64 = 5;
/// Time for the server to come to rest.
const REST: Duration = Duration::from_millis(500);

/// How many, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Connections.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    sessions: u32,
    /// Members of each room.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    members: u32,
    /// Threads of the server that own connections [default: one for each core].
    #[arg(long)]
    lanes: Option<usize>,
    /// The folder in which the data folder is made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    sessions: u32,
    members: u32,
    server_bytes: u64,
    bytes_per_connection: f64,
    bytes_per_connection_after_traffic: f64,
    aim_bytes: f64,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    system::raise_file_limit();
    let server = ServerProcess::start(Setting {
        kind: Kind::Hubbub,
        data: options.data.as_deref(),
        lanes: options.lanes,
        core: None,
        ..Setting::default()
    })?;
    std::thread::sleep(REST);
    let before = server.memory_bytes()?;
    let (sessions, members) = (options.sessions as usize, options.members as usize);
    let rooms = sessions.div_ceil(members);
    let room = move |number: usize| format!("room{:03}", number % rooms);
    let crowd = Crowd { sessions, room: &room, retention: Retention::Forever };
    let mut swarm = native::enter(server.address(), &crowd)?;
    let grown = |bytes: u64| bytes.saturating_sub(before) as f64 / f64::from(options.sessions);
    settle(&mut swarm)?;
    let after_join = grown(server.memory_bytes()?);
    for counter in 1..=SPOKEN {
        speak(&mut swarm, rooms, sessions, &room, counter)?;
    }
    settle(&mut swarm)?;
    let after_traffic = grown(server.memory_bytes()?);
    Ok(Found {
        sessions: options.sessions,
        members: options.members,
        server_bytes: before,
        bytes_per_connection: after_join,
        bytes_per_connection_after_traffic: after_traffic,
        aim_bytes: AIM_BYTES,
    })
}

/// One message in each room, heard by all others in it.
fn speak(
    swarm: &mut Swarm,
    rooms: usize,
    sessions: usize,
    room: &dyn Fn(usize) -> String,
    counter: u64,
) -> Result<()> {
    let mut out = Vec::new();
    for number in 0..rooms {
        out.clear();
        native::write_send(&mut out, &room(number), counter, &"x".repeat(64));
        swarm.send(number, &out)?;
    }
    let mut missing = sessions;
    while missing > 0 {
        swarm.expect(|_, line| {
            // An acknowledgement for who said it, a message for all others.
            missing -=
                usize::from(matches!(native::heard(line)?, Heard::Message(_) | Heard::Sent(_)));
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads what still comes until nothing comes for a while.
fn settle(swarm: &mut Swarm) -> Result<()> {
    while swarm.receive(REST, |_, line| native::heard(line).map(drop))? > 0 {}
    Ok(())
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, members, .. } = self;
        writeln!(f, "{sessions} idle native sessions in rooms of {members}, server memory (RSS):")?;
        writeln!(f, "  empty server             {:>8.1} MB", self.server_bytes as f64 / 1e6)?;
        writeln!(f, "  per connection           {:>8.0} bytes", self.bytes_per_connection)?;
        let after = self.bytes_per_connection_after_traffic;
        writeln!(f, "  the same after traffic   {after:>8.0} bytes")?;
        writeln!(f, "  aim                     ≤{:>8.0} bytes", self.aim_bytes)
    }
}

//! Peers vanish without a word, as when a computer is unplugged: how soon the server notices. Some are
//! silent, to some the server wants to say something.

use super::sky::{Sky, Weather};
use super::{HERE, ROOM, THERE};
use crate::children::{ServerProcess, Setting};
use crate::pool::{Happened, Pool};
use crate::report::progress;
use crate::{Result, native, random};
use serde::Serialize;
use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(5);
const LOOK: Duration = Duration::from_millis(100);
/// For entering.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the server may take longer than its promise.
const GRACE: Duration = Duration::from_secs(15);

/// How many, and what is promised.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server's setting: after so long a silence a peer is probed, in milliseconds. One that confirms
    /// nothing for three times as long is closed, so it is noticed after at most four times as long.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1_000..=60_000))]
    probe_ms: u64,
    /// Peers of each sort.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    peers: u32,
    /// The folder in which the data folder is made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    probe_ms: u64,
    peers: u32,
    /// Those who are silent, and those who are talked to.
    silent: Noticed,
    talked_to: Noticed,
}

#[derive(Debug, Default, Serialize)]
struct Noticed {
    /// Connections that the server still has.
    left: usize,
    /// Until the last that it noticed was closed, in seconds.
    last_s: f64,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    let sky = Sky::open(random::seed())?;
    let server = ServerProcess::start(Setting {
        data: options.data.as_deref(),
        address: Some(IpAddr::V4(HERE)),
        probe_ms: Some(options.probe_ms),
        ..Setting::default()
    })?;
    let near = server.address();
    let far = SocketAddr::new(IpAddr::V4(THERE), near.port());
    let (mut peers, mut speaker) =
        (Pool::new(IpAddr::V4(HERE), far)?, Pool::new(IpAddr::V4(HERE), near)?);
    enter(&mut peers, options.peers, |number| (format!("silent{number}"), "quiet"))?;
    let silent = ports_at(near)?;
    enter(&mut peers, options.peers, |number| (format!("hears{number}"), ROOM))?;
    let talked_to: HashSet<u16> = ports_at(near)?.difference(&silent).copied().collect();
    enter(&mut speaker, 1, |_| ("speaker".into(), ROOM))?;

    progress(format_args!("{} peers vanish", silent.len() + talked_to.len()));
    sky.become_so(Weather { loss: 100, delay: Duration::ZERO });
    let began = Instant::now();
    let mut line = Vec::new();
    native::write_send(&mut line, ROOM, 1, "Is anybody there?");
    speaker.send(0, &line);
    let mut found = [Noticed::default(), Noticed::default()];
    let longest = Duration::from_millis(options.probe_ms * 4) + GRACE;
    while began.elapsed() < longest {
        speaker.turn(LOOK, |_, _| {})?;
        std::thread::sleep(LOOK);
        let here = ports_at(near)?;
        for (noticed, ports) in found.iter_mut().zip([&silent, &talked_to]) {
            let left = ports.intersection(&here).count();
            if left != noticed.left {
                (noticed.left, noticed.last_s) = (left, began.elapsed().as_secs_f64());
            }
        }
        if found.iter().all(|noticed| noticed.left == 0) {
            break;
        }
    }
    let [silent, talked_to] = found;
    Ok(Found { probe_ms: options.probe_ms, peers: options.peers, silent, talked_to })
}

fn enter(pool: &mut Pool, count: u32, who: impl Fn(u32) -> (String, &'static str)) -> Result<()> {
    for number in 0..count {
        let (name, room) = who(number);
        let mut hello = Vec::new();
        native::write_guest(&mut hello, &name, None);
        native::write_join(&mut hello, room, None);
        let connection = pool.open()?;
        pool.send(connection, &hello);
    }
    let (until, mut missing) = (Instant::now() + PATIENCE, count);
    while missing > 0 {
        pool.turn(TURN, |_, happened| {
            if matches!(happened, Happened::Line(line) if line.starts_with(br#"{"ev":"joined""#)) {
                missing -= 1;
            }
        })?;
        if Instant::now() > until {
            return Err(format!("{missing} did not get in").into());
        }
    }
    Ok(())
}

/// Ports of those who came through the weather, of the connections that the server has.
fn ports_at(server: SocketAddr) -> Result<HashSet<u16>> {
    const ESTABLISHED: &str = "01";
    let end = |address: IpAddr, port: &str| {
        let IpAddr::V4(address) = address else { return String::new() };
        format!("{:08X}:{port}", u32::from_ne_bytes(address.octets()))
    };
    let local = end(server.ip(), &format!("{:04X}", server.port()));
    let remote = end(IpAddr::V4(THERE), "");
    let table = fs::read_to_string("/proc/self/net/tcp")?;
    let ports = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (ours, theirs, state) = (words.next()?, words.next()?, words.next()?);
        let port = theirs.strip_prefix(&remote)?;
        (ours == local && state == ESTABLISHED).then(|| u16::from_str_radix(port, 16).ok())?
    });
    Ok(ports.collect())
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promised = self.probe_ms * 4 / 1_000;
        writeln!(
            f,
            "{} peers of each sort vanish; the server probes after {} ms and promises to notice within {promised} s.",
            self.peers, self.probe_ms
        )?;
        writeln!(f, "| peers | not noticed | the last noticed after, s | verdict |")?;
        writeln!(f, "|---|---|---|---|")?;
        for (name, Noticed { left, last_s }) in
            [("silent", &self.silent), ("talked to", &self.talked_to)]
        {
            let holds = *left == 0 && *last_s <= promised as f64 + 2.0;
            let verdict = if holds { "holds" } else { "MISSED" };
            writeln!(f, "| {name} | {left} of {} | {last_s:.1} | {verdict} |", self.peers)?;
        }
        Ok(())
    }
}

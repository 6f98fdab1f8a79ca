//! The hidden command `flooder`: one who means harm, in a process of its own, from an address of its own.
//! It ends by itself, and says what it got done.
//!
//! What floods without waiting for answers is in `flooder/pushing.rs`, what asks and asks in
//! `flooder/asking.rs`.

mod asking;
mod pushing;

use crate::Result;
use crate::pool::Pool;
use crate::system;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Where all floods come from: not this computer's usual address, which limits leave alone.
pub(crate) const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
/// Longest wait for something to happen.
const TURN: Duration = Duration::from_millis(2);

/// What kind of harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// 10,000 connections a second, each closed at once.
    Connects,
    /// The same, but each is held (10,000 at most).
    Hold,
    /// A million packets of one byte, to the plain door, with and without a name.
    Tiny,
    /// Frames of 64 KiB full of nested JSON.
    Nested,
    /// 2,000 connections that say half of something, a byte a second, on every door.
    Slowloris,
    /// 1,000 connections that each leave 60,000 bytes of a frame without its end.
    Halves,
    /// 50 users who send as fast as they can.
    Messages,
    /// One user who makes rooms and leaves them, 100,000 at most.
    Rooms,
    /// 8 users who search and read history in a room of 100,000 messages.
    Search,
    /// 20 connections that try passwords.
    Passwords,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Connects,
        Self::Hold,
        Self::Tiny,
        Self::Nested,
        Self::Slowloris,
        Self::Halves,
        Self::Messages,
        Self::Rooms,
        Self::Search,
        Self::Passwords,
    ];

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Hold => "hold",
            Self::Tiny => "tiny",
            Self::Nested => "nested",
            Self::Slowloris => "slowloris",
            Self::Halves => "halves",
            Self::Messages => "messages",
            Self::Rooms => "rooms",
            Self::Search => "search",
            Self::Passwords => "passwords",
        }
    }

    /// What is counted.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Connects | Self::Hold => "connections",
            Self::Tiny | Self::Slowloris => "bytes",
            Self::Nested | Self::Halves => "frames",
            Self::Messages => "messages",
            Self::Rooms => "joins and leaves",
            Self::Search => "requests",
            Self::Passwords => "passwords",
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::Connects => 0,
            Self::Hold => 10_000,
            Self::Tiny | Self::Nested | Self::Search => 8,
            Self::Slowloris => 2_000,
            Self::Halves => 1_000,
            Self::Messages => 50,
            Self::Rooms => 1,
            Self::Passwords => 20,
        }
    }

    fn units_max(self) -> u64 {
        match self {
            Self::Tiny => 1_000_000,
            Self::Rooms => 200_000,
            _ => u64::MAX,
        }
    }

    fn per_second(self) -> Option<f64> {
        match self {
            Self::Connects | Self::Hold => Some(10_000.0),
            _ => None,
        }
    }
}

/// Whom, and how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// What kind of harm.
    kind: Kind,
    /// Whom.
    #[arg(long)]
    server: SocketAddr,
    /// How long.
    #[arg(long)]
    seconds: f64,
    /// At most so many units a second.
    #[arg(long)]
    per_second: Option<f64>,
    /// How much this process steps back.
    #[arg(long, allow_hyphen_values = true)]
    nice: i32,
}

/// What it got done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) seconds: f64,
    pub(crate) units: u64,
    /// Connections that stood.
    pub(crate) opened: u64,
    /// Connections that the server ended.
    pub(crate) ended: u64,
    /// Connections that could not be made.
    pub(crate) failed: u64,
    pub(crate) answered: u64,
    /// Of these, refusals.
    pub(crate) refused: u64,
    /// Warnings.
    pub(crate) warned: u64,
}

impl Done {
    pub(crate) fn per_second(&self) -> f64 {
        self.units as f64 / self.seconds.max(1e-3)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    system::raise_file_limit();
    system::step_back(options.nice);
    let mut flood = Flood {
        kind: options.kind,
        pool: Pool::new(SOURCE, options.server)?,
        began: Instant::now(),
        length: Duration::from_secs_f64(options.seconds),
        per_second: options.per_second.or(options.kind.per_second()),
        done: Done::default(),
    };
    match options.kind {
        Kind::Connects => pushing::connects(&mut flood)?,
        Kind::Hold => pushing::hold(&mut flood)?,
        Kind::Tiny => pushing::tiny(&mut flood)?,
        Kind::Nested => pushing::nested(&mut flood)?,
        Kind::Slowloris => pushing::slowloris(&mut flood)?,
        Kind::Halves => pushing::halves(&mut flood)?,
        Kind::Messages | Kind::Rooms | Kind::Search | Kind::Passwords => asking::ask(&mut flood)?,
    }
    flood.done.seconds = flood.began.elapsed().as_secs_f64();
    serde_json::to_writer(std::io::stdout().lock(), &flood.done)?;
    Ok(())
}

/// One flood under way.
struct Flood {
    kind: Kind,
    pool: Pool,
    began: Instant,
    length: Duration,
    per_second: Option<f64>,
    done: Done,
}

impl Flood {
    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.length || self.done.units >= self.kind.units_max()
    }

    /// How many more units may be done now.
    fn due(&self) -> u64 {
        let left = self.kind.units_max() - self.done.units;
        let so_far = self.per_second.map(|rate| (self.began.elapsed().as_secs_f64() * rate) as u64);
        so_far.map_or(left, |due| due.saturating_sub(self.done.units).min(left))
    }

    /// Opens one more connection.
    fn open(&mut self) -> Option<usize> {
        let opened = self.pool.open().ok();
        self.done.failed += u64::from(opened.is_none());
        opened
    }
}

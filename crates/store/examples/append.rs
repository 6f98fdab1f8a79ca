//! How fast the SQLite store takes messages of 64 bytes.
//!
//! `cargo run --release --example append -p hubbub-store -- [FOLDER] [SECONDS]`, by default in the
//! system's temporary folder: which must be on the disk that is to be measured, not in memory.
//!
//! Each line: messages of one batch come from as many clients as there are, in turn, into 16 rooms.
//! `commit` is the time of one call, with its fsync and now and then a checkpoint. With `EDITS=1` in the
//! environment each batch begins with an edit: then nothing of the old text may be in a file when the
//! call returns.

use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Counter, Epoch, Event, Instance, RoomId, RoomName, RoomSettings, Seq, Text,
    UserId, UserName, WallMs,
};
use hubbub_store::sqlite::{Durability, SqliteConfig, SqliteStore};
use hubbub_store::{Store, StoreError};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROOMS: u64 = 16;

struct Load {
    batch: u64,
    clients: u64,
    text: Text,
    names: Vec<UserName>,
    sent: u64,
    /// Whether each batch begins with an edit.
    edits: bool,
}

impl Load {
    fn new(batch: u64, clients: u64) -> Option<Self> {
        let names = (0..clients).map(|n| UserName::known(&format!("client{n}")).ok());
        Some(Self {
            batch,
            clients,
            text: Text::parse(&"hello ".repeat(11)[..64]).ok()?,
            names: names.collect::<Option<_>>()?,
            sent: 0,
            edits: false,
        })
    }

    fn rooms() -> Option<Vec<Record>> {
        let room = |id: u64| {
            let name = RoomName::known(&format!("room{id}")).ok()?;
            Some(Record::Room(RoomRecord {
                id: RoomId(1 << 32 | id),
                kind: RoomKind::Named(name),
                retention: Retention::Forever,
                created: WallMs(0),
                settings: RoomSettings::default(),
            }))
        };
        (0..ROOMS).map(room).collect()
    }

    fn next(&mut self) -> Vec<Record> {
        (0..self.batch).map(|_| self.message()).collect()
    }

    fn message(&mut self) -> Record {
        let n = self.sent;
        self.sent += 1;
        let client = n % self.clients;
        // Instances are random, so their rows lie all over the tree.
        let spread = u128::from(client + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let seq = 1 + n / ROOMS;
        let body = match self.edits && n.is_multiple_of(self.batch) && seq > 1 {
            true => Body::Edit { of: Seq(seq - 1), text: Some(self.text.clone()) },
            false => Body::text(self.text.clone()),
        };
        let event = Event {
            room: RoomId(1 << 32 | (n % ROOMS)),
            epoch: Epoch(1),
            seq: Seq(seq),
            time: WallMs(1_750_000_000_000 + n / 50),
            from: Author {
                id: UserId(1 << 32 | client),
                name: self.names[client as usize].clone(),
            },
            body,
        };
        let send = Some((Instance(spread.to_be_bytes()), Counter(1 + n / self.clients)));
        Record::Event { event: Arc::new(event), send }
    }
}

/// Time on the processor of this thread, in ns, where the system says.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn measure(config: SqliteConfig, mut load: Load, time: Duration) -> Result<String, StoreError> {
    let mut store = SqliteStore::open(config)?;
    store.commit(&Load::rooms().unwrap_or_default())?;
    // Every window is full before it counts, up to a bound.
    while load.sent < (load.clients * 64).min(300_000) {
        let more: Vec<_> = (0..4096).map(|_| load.message()).collect();
        store.commit(&more)?;
    }
    let (mut commits, mut cpu) = (Vec::new(), 0);
    let start = Instant::now();
    let mut made = Duration::ZERO;
    while start.elapsed() < time {
        let making = Instant::now();
        let batch = load.next();
        made += making.elapsed();
        let (before, began) = (cpu_ns(), Instant::now());
        store.commit(&batch)?;
        commits.push(began.elapsed());
        cpu += cpu_ns() - before;
    }
    let seconds = (start.elapsed() - made).as_secs_f64();
    let messages = (commits.len() as u64 * load.batch) as f64;
    commits.sort_unstable();
    let at =
        |share: f64| commits[(share * (commits.len() - 1) as f64) as usize].as_secs_f64() * 1e3;
    Ok(format!(
        "{:>6} {:>8} {:>12.0} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
        load.batch,
        load.clients,
        messages / seconds,
        at(0.5),
        at(0.99),
        at(1.0),
        cpu as f64 / 1e3 / messages,
    ))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let seconds = arguments.next().map_or(Ok(5), |word| word.parse())?;
    let number = |name: &str| std::env::var(name).ok().and_then(|word| word.parse().ok());
    let mut out = std::io::stdout();
    writeln!(
        out,
        " batch  clients   messages/s   commit: p50   p99 ms    max ms   CPU us/message"
    )?;
    for clients in number("CLIENTS").map_or(vec![1000, 10_000], |clients| vec![clients]) {
        for batch in number("BATCH").map_or(vec![1, 64, 512, 2048], |batch| vec![batch]) {
            let place = tempfile::tempdir_in(&folder)?;
            let mut config = SqliteConfig::new(place.path().join("append.db"));
            config.wal_bytes = number("WAL_BYTES").unwrap_or(config.wal_bytes);
            config.page_bytes = number("PAGE_BYTES").unwrap_or(u64::from(config.page_bytes)) as u32;
            if std::env::var("UNSAFE").is_ok() {
                config.durability = Durability::Unsafe;
            }
            let mut load = Load::new(batch, clients).ok_or("a name or text is not valid")?;
            load.edits = std::env::var("EDITS").is_ok();
            writeln!(out, "{}", measure(config, load, Duration::from_secs(seconds))?)?;
        }
    }
    Ok(())
}

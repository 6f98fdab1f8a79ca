//! How long a search takes among a million messages, what the index costs, and whether the writer feels
//! it.
//!
//! One large room has nearly all messages and many small ones have some each, mixed. Words have the
//! frequencies of a natural language (Zipf), and one message in ten is of a script without spaces. Each
//! query is another one; a search is one page, read as the server reads it. Then messages become durable
//! as fast as they can, in turn without and with an indexer beside them that has always something to do.

mod talk;

use crate::report::{Percentiles, Spread, progress};
use crate::{Result, system};
use hubbub_protocol::search::Query;
use hubbub_protocol::{RoomId, UserName, WallMs};
use hubbub_store::sqlite::{SqliteConfig, SqliteStore};
use hubbub_store::{Reader, Store};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use talk::{LARGE_ROOM, Talk};

/// What is aimed at, for a common word.
const AIM_P99_MS: f64 = 200.0;
/// Messages of one commit while the store is filled.
const FILL_BATCH: u64 = 1_000;
/// Messages of one commit while commits are measured: as many as come under load.
const COMMIT_BATCH: u64 = 50;
/// Rooms of one query at most: what the hub gives.
const ROOMS: u64 = 512;
/// Hits on a page.
const PAGE: u32 = 50;
/// How much the indexer's thread steps back, as in the server.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Messages in the large room.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=20_000_000))]
    messages: u64,
    /// Small rooms, with 100 messages each.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rooms: u64,
    /// Queries of each kind.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queries: u32,
    /// Rounds of commits without and with an indexer.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of one half of a round, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// The folder in which the data folder is made: on the disk that is to be measured [default:
    /// the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    messages: u64,
    rooms: u64,
    aim_p99_ms: f64,
    log_mib: f64,
    index_mib: f64,
    indexing_seconds: f64,
    indexed_per_second: f64,
    /// One step: how long a stop of the server may wait for it.
    step: Percentiles,
    searches: Vec<Kind>,
    commits: Commits,
}

/// Queries of one kind.
#[derive(Debug, Serialize)]
struct Kind {
    what: &'static str,
    time: Percentiles,
    /// Hits on a page, on average.
    hits: f64,
}

/// The writer without and with an indexer, by rounds.
#[derive(Debug, Serialize)]
struct Commits {
    by: Vec<Beside>,
    /// The median commit beside the indexer to that beside a thread that only computes, and to that
    /// beside nothing.
    to_computing: Spread,
    to_nothing: Spread,
}

/// Commits beside something.
#[derive(Debug, Serialize)]
struct Beside {
    what: &'static str,
    p50_ms: Spread,
    p99_ms: Spread,
    messages_per_second: Spread,
}

pub(crate) fn run(options: &Options) -> Result<Found> {
    let folder = system::data_folder(options.data.as_deref())?;
    let file = folder.path().join("hubbub.db");
    let mut store = SqliteStore::open(SqliteConfig::new(&file))?;
    let mut talk = Talk::new(options.messages, options.rooms);
    progress(format_args!("storing {} messages", options.messages + options.rooms * 100));
    fill(&mut store, &mut talk)?;

    progress(format_args!("indexing"));
    let began = Instant::now();
    let steps = index_all(&store)?;
    let indexing = began.elapsed().as_secs_f64();
    let (log_mib, index_mib) = (mib(&file)?, mib(&folder.path().join("hubbub.db.search"))?);
    let mut reader = store.reader()?;
    let mut searches = Vec::new();
    for (what, query) in KINDS {
        progress(format_args!("searching: {what}"));
        searches.push(measure(what, *query, options, &mut talk, reader.as_mut())?);
    }
    let commits = commits(&mut store, &mut talk, options)?;
    let messages = talk.all();
    Ok(Found {
        messages,
        rooms: options.rooms,
        aim_p99_ms: AIM_P99_MS,
        log_mib,
        index_mib,
        indexing_seconds: indexing,
        indexed_per_second: messages as f64 / indexing,
        step: Percentiles::of(steps),
        searches,
        commits,
    })
}

fn mib(file: &Path) -> Result<f64> {
    Ok(std::fs::metadata(file)?.len() as f64 / f64::from(1 << 20))
}

/// How long each step took.
/// Puts all that is said into a store.
fn fill(store: &mut SqliteStore, talk: &mut Talk) -> Result<()> {
    store.commit(&talk.rooms())?;
    while talk.said() < talk.all() {
        let count = FILL_BATCH.min(talk.all() - talk.said());
        store.commit(&talk.batch(count))?;
    }
    Ok(())
}

/// Makes the data of a server with so many messages in `room0`, ready to be searched.
pub(crate) fn prepare(folder: &Path, messages: u64) -> Result<()> {
    let mut store = SqliteStore::open(SqliteConfig::new(folder.join("hubbub.db")))?;
    fill(&mut store, &mut Talk::new(messages, 1))?;
    index_all(&store)?;
    Ok(())
}

fn index_all(store: &SqliteStore) -> Result<Vec<Duration>> {
    let mut indexer = store.indexer()?;
    let mut steps = Vec::new();
    loop {
        let began = Instant::now();
        let more = indexer.step()?;
        steps.push(began.elapsed());
        if !more {
            return Ok(steps);
        }
    }
}

type Ask = fn(&mut Talk, Query) -> Query;

/// Each begins with a query in the large room alone.
const KINDS: &[(&str, Ask)] = &[
    ("a common word", |talk, query| Query { words: talk.common_word(), ..query }),
    ("a common word, deep page", |talk, query| {
        let all = talk.all();
        let before = Some(talk.below(all));
        Query { words: talk.common_word(), before, ..query }
    }),
    ("a rare word", |talk, query| Query { words: talk.rare_word(), ..query }),
    ("three common words", |talk, query| {
        let words = [talk.common_word(), talk.common_word(), talk.common_word()];
        Query { words: words.join(" "), ..query }
    }),
    ("a phrase of common words", |talk, query| {
        let words = format!("\"{} {}\"", talk.common_word(), talk.common_word());
        Query { words, ..query }
    }),
    ("a phrase of 8 common words", |talk, query| {
        // Nearly never there, so that all messages with all of them are looked at.
        let words: Vec<String> = (0..8).map(|_| talk.common_word()).collect();
        Query { words: format!("\"{}\"", words.join(" ")), ..query }
    }),
    ("a phrase of rarer words", |talk, query| {
        let words = format!("\"{} {}\"", talk.word(), talk.word());
        Query { words, ..query }
    }),
    ("a phrase of Han characters", |talk, query| Query { words: talk.han(2), ..query }),
    ("the beginning of a word, 1 letter", |talk, query| Query {
        words: talk.beginning(1),
        ..query
    }),
    ("the beginning of a word, 3 letters", |talk, query| Query {
        words: talk.beginning(3),
        ..query
    }),
    ("the beginning of a word, 4 letters", |talk, query| Query {
        words: talk.beginning(4),
        ..query
    }),
    ("a common word in a small room", |talk, query| {
        let rooms = vec![talk.small_room()];
        Query { words: talk.common_word(), rooms, ..query }
    }),
    ("a common word from a rare sender", |talk, query| Query {
        words: talk.common_word(),
        from: UserName::known("rare").ok(),
        ..query
    }),
    ("a common word in a random hour", |talk, query| {
        let (all, hour) = (talk.all(), 3_600_000);
        let place = talk.below(all);
        let since = talk.time(place);
        let until = WallMs(since.0 + hour);
        Query { words: talk.common_word(), since: Some(since), until: Some(until), ..query }
    }),
    ("a common word in 512 small rooms", |talk, query| {
        let rooms = (1..=ROOMS).map(|n| RoomId(LARGE_ROOM.0 + n)).collect();
        Query { words: talk.common_word(), rooms, ..query }
    }),
    ("a rare word in 512 rooms", |talk, query| {
        let rooms = (0..ROOMS).map(|n| RoomId(LARGE_ROOM.0 + n)).collect();
        Query { words: talk.rare_word(), rooms, ..query }
    }),
    ("common words in 512 empty rooms", |talk, query| {
        let rooms = (0..ROOMS).map(|n| RoomId((1 << 40) + n)).collect();
        Query { words: format!("{} {}", talk.common_word(), talk.common_word()), rooms, ..query }
    }),
];

fn measure(
    what: &'static str,
    ask: Ask,
    options: &Options,
    talk: &mut Talk,
    reader: &mut dyn Reader,
) -> Result<Kind> {
    let mut times = Vec::new();
    let mut hits = 0;
    for _ in 0..options.queries {
        let plain = Query {
            words: String::new(),
            rooms: vec![LARGE_ROOM],
            from: None,
            since: None,
            until: None,
            before: None,
            limit: PAGE,
        };
        let query = ask(talk, plain);
        let began = Instant::now();
        let found = reader.search(&query)?;
        times.push(began.elapsed());
        if found.behind {
            return Err("the index is not complete".into());
        }
        hits += found.events.len();
    }
    let hits = hits as f64 / f64::from(options.queries);
    Ok(Kind { what, time: Percentiles::of(times), hits })
}

/// Commits as many messages as it can for so long. How long each commit took, and messages per second.
fn write(store: &mut SqliteStore, talk: &mut Talk, length: Duration) -> Result<(Percentiles, f64)> {
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < length {
        let batch = talk.batch(COMMIT_BATCH);
        let start = Instant::now();
        store.commit(&batch)?;
        times.push(start.elapsed());
    }
    let per_second = (times.len() as u64 * COMMIT_BATCH) as f64 / began.elapsed().as_secs_f64();
    Ok((Percentiles::of(times), per_second))
}

/// What goes on beside the writer, at low priority. A thread that only computes is what the indexer is
/// compared with: on the virtual computer where this was written, commits were quicker beside it than
/// beside nothing.
const BESIDE: [&str; 3] = ["nothing", "computing", "the indexer"];

fn commits(store: &mut SqliteStore, talk: &mut Talk, options: &Options) -> Result<Commits> {
    let length = Duration::from_secs(options.seconds);
    let mut times = [const { Vec::new() }; 3];
    let mut rates = [const { Vec::new() }; 3];
    for round in 1..=options.rounds {
        for (n, what) in BESIDE.iter().enumerate() {
            progress(format_args!("commits, round {round} of {}, beside {what}", options.rounds));
            let mut indexer = store.indexer()?;
            let is_over = AtomicBool::new(false);
            let (found, rate) = std::thread::scope(|scope| {
                let worker = scope.spawn(|| {
                    lower_priority();
                    let mut spent = 0u64;
                    while n > 0 && !is_over.load(Ordering::Relaxed) {
                        if n == 2 {
                            indexer.step()?;
                        } else {
                            spent = std::hint::black_box(spent.wrapping_add(1));
                        }
                    }
                    Ok::<(), hubbub_store::StoreError>(())
                });
                let written = write(store, talk, length);
                is_over.store(true, Ordering::Relaxed);
                worker.join().map_err(|_| "the indexer panicked")??;
                written
            })?;
            times[n].push(found);
            rates[n].push(rate);
        }
    }
    let ratio = |to: &[Percentiles]| {
        Spread::of(times[2].iter().zip(to).map(|(beside, to)| beside.p50_ms / to.p50_ms))
    };
    let (to_nothing, to_computing) = (ratio(&times[0]), ratio(&times[1]));
    let spread =
        |times: &[Percentiles], of: fn(&Percentiles) -> f64| Spread::of(times.iter().map(of));
    let by = BESIDE.iter().zip(times).zip(rates).map(|((what, times), rates)| Beside {
        what,
        p50_ms: spread(&times, |times| times.p50_ms),
        p99_ms: spread(&times, |times| times.p99_ms),
        messages_per_second: Spread::of(rates),
    });
    Ok(Commits { by: by.collect(), to_computing, to_nothing })
}

/// As the server's indexer does. Where it can't be done, the figures are worse than the server.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, rooms, aim_p99_ms, log_mib, index_mib, .. } = self;
        writeln!(
            f,
            "{messages} messages, {rooms} small rooms. Aim: p99 of a common word < {aim_p99_ms} ms."
        )?;
        writeln!(
            f,
            "Indexed in {:.1} s, {:.0} messages/s; index {index_mib:.0} MiB, log {log_mib:.0} MiB; one step, ms p50/p99/max: {}",
            self.indexing_seconds, self.indexed_per_second, self.step
        )?;
        writeln!(f, "{:<38}{:<26}{:>6}", "search", "ms p50/p99/max", "hits")?;
        for Kind { what, time, hits } in &self.searches {
            writeln!(f, "{what:<38}{time:<26}{hits:>6.1}")?;
        }
        writeln!(f, "{:<24}{:<24}{:<24}messages/s", "commits beside", "p50 ms", "p99 ms")?;
        for Beside { what, p50_ms, p99_ms, messages_per_second } in &self.commits.by {
            writeln!(f, "{what:<24}{p50_ms:<24}{p99_ms:<24}{messages_per_second}")?;
        }
        let Commits { to_computing, to_nothing, .. } = &self.commits;
        writeln!(f, "p50, the indexer / computing: {to_computing}; / nothing: {to_nothing}")
    }
}

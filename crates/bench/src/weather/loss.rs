//! Most packets are lost and all are late while somebody speaks; then it clears, and everything must have
//! come, once and in order.

use super::sky::{Sky, Weather};
use super::{HERE, THERE, client, room};
use crate::children::{ServerProcess, Setting};
use crate::report::progress;
use crate::{Result, random};
use hubbub_client::{ClientEvent, Events};
use hubbub_protocol::Body;
use hubbub_protocol::frame::MessageKind;
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After the weather has cleared.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(20);

/// How bad, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Percent of the packets that are lost, in each direction.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(0..=100))]
    loss: u32,
    /// How late the others are, in each direction, in milliseconds.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    delay_ms: u64,
    /// How long that lasts, in seconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Messages that are sent in that time.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    messages: u32,
    /// Which packets are lost [default: others each time].
    #[arg(long)]
    seed: Option<u64>,
    /// The folder in which the data folder is made [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    seed: u64,
    loss: u32,
    delay_ms: u64,
    seconds: u64,
    messages: u32,
    packets_passed: u64,
    packets_lost: u64,
    /// While the weather was bad.
    acknowledged_meanwhile: usize,
    /// From clear weather to the last acknowledgement.
    acknowledged_after_s: f64,
    /// Those who listened: through the weather, and beside the server.
    listeners: Vec<Listener>,
    failed: Vec<String>,
}

/// What somebody heard.
#[derive(Debug, Serialize)]
struct Listener {
    who: &'static str,
    heard: usize,
    is_once_and_in_order: bool,
    /// From clear weather to the last message.
    complete_after_s: f64,
    /// Connections that were lost.
    lost_connections: u64,
}

#[derive(Default)]
struct Hears {
    texts: Vec<String>,
    last: Option<Instant>,
    lost_connections: u64,
}

type Heard = Arc<Mutex<Hears>>;

pub(crate) fn run(options: &Options) -> Result<Found> {
    let seed = options.seed.unwrap_or_else(random::seed);
    progress(format_args!("seed {seed}"));
    let sky = Sky::open(seed)?;
    let server = ServerProcess::start(Setting {
        data: options.data.as_deref(),
        address: Some(IpAddr::V4(HERE)),
        ..Setting::default()
    })?;
    let near = server.address();
    let far = SocketAddr::new(IpAddr::V4(THERE), near.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(weather(options, seed, &sky, near, far))
}

async fn weather(
    options: &Options,
    seed: u64,
    sky: &Sky,
    near: SocketAddr,
    far: SocketAddr,
) -> Result<Found> {
    let (sender, events) = client(far, "sender").await?;
    let own = listen(events);
    let (_listener, events) = client(far, "listener").await?;
    let through = listen(events);
    let (_beside, events) = client(near, "beside").await?;
    let beside = listen(events);
    // All are in the room before it begins.
    for client in [&sender, &_listener, &_beside] {
        client.join(room()?).await?;
    }
    progress(format_args!("bad weather"));
    sky.become_so(Weather { loss: options.loss, delay: Duration::from_millis(options.delay_ms) });
    let step = Duration::from_secs(options.seconds) / options.messages;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let failed = Arc::new(Mutex::new(Vec::new()));
    for number in 1..=options.messages {
        let (client, acknowledged, failed) =
            (sender.clone(), Arc::clone(&acknowledged), Arc::clone(&failed));
        let to = room()?;
        tokio::spawn(async move {
            match client.send(to, text(number), MessageKind::Text).await {
                Ok(_) => locked(&acknowledged).push(Instant::now()),
                Err(error) => locked(&failed).push(error.to_string()),
            }
        });
        tokio::time::sleep(step).await;
    }
    let acknowledged_meanwhile = locked(&acknowledged).len();
    progress(format_args!("it clears; {acknowledged_meanwhile} messages have arrived"));
    sky.become_so(Weather::CLEAR);
    let clear = Instant::now();
    let all = options.messages as usize;
    let is_complete = || {
        let answered = locked(&acknowledged).len() + locked(&failed).len();
        answered == all && [&through, &beside].iter().all(|heard| locked(heard).texts.len() >= all)
    };
    while !is_complete() && clear.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
    }
    let wanted: Vec<String> = (1..=options.messages).map(text).collect();
    let listener = |who, heard: &Heard| {
        let heard = locked(heard);
        Listener {
            who,
            heard: heard.texts.len(),
            is_once_and_in_order: heard.texts == wanted,
            complete_after_s: since(clear, heard.last),
            lost_connections: heard.lost_connections,
        }
    };
    let listeners = vec![
        listener("the sender", &own),
        listener("through the weather", &through),
        listener("beside the server", &beside),
    ];
    let (packets_passed, packets_lost) = sky.counts();
    let acknowledged_after_s = since(clear, locked(&acknowledged).last().copied());
    let failed = std::mem::take(&mut *locked(&failed));
    Ok(Found {
        seed,
        loss: options.loss,
        delay_ms: options.delay_ms,
        seconds: options.seconds,
        messages: options.messages,
        packets_passed,
        packets_lost,
        acknowledged_meanwhile,
        acknowledged_after_s,
        listeners,
        failed,
    })
}

fn since(clear: Instant, moment: Option<Instant>) -> f64 {
    moment.map_or(f64::NAN, |at| at.saturating_duration_since(clear).as_secs_f64())
}

fn text(number: u32) -> String {
    format!("message {number}")
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes down what a client hears.
fn listen(mut events: Events) -> Heard {
    let heard = Heard::default();
    let writes = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let mut heard = locked(&writes);
            match event {
                ClientEvent::NewEvent { event, .. } => {
                    if let Body::Text(said) = &event.body {
                        heard.texts.push(said.text.as_str().to_owned());
                        heard.last = Some(Instant::now());
                    }
                }
                ClientEvent::Disconnected { .. } => heard.lost_connections += 1,
                _ => {}
            }
        }
    });
    heard
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, loss, delay_ms, seconds, messages, .. } = self;
        writeln!(
            f,
            "{messages} messages in {seconds} s in which {loss} % of all packets are lost and the others {delay_ms} ms late, each way; then it clears. Seed {seed}."
        )?;
        writeln!(
            f,
            "{} packets passed, {} were lost. {} messages were acknowledged in bad weather, the last {:.1} s after it cleared.",
            self.packets_passed,
            self.packets_lost,
            self.acknowledged_meanwhile,
            self.acknowledged_after_s
        )?;
        writeln!(
            f,
            "| who listens | messages | once and in order | complete after, s | connections lost |"
        )?;
        writeln!(f, "|---|---|---|---|---|")?;
        for Listener { who, heard, is_once_and_in_order, complete_after_s, lost_connections } in
            &self.listeners
        {
            let order = if *is_once_and_in_order { "yes" } else { "NO" };
            writeln!(
                f,
                "| {who} | {heard} | {order} | {complete_after_s:.1} | {lost_connections} |"
            )?;
        }
        for failed in &self.failed {
            writeln!(f, "a send failed: {failed}")?;
        }
        let holds = self.failed.is_empty() && self.listeners.iter().all(|l| l.is_once_and_in_order);
        writeln!(f, "{}", if holds { "holds" } else { "MISSED" })
    }
}

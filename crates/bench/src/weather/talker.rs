//! The hidden command `talker`: a client in a process of its own, which can be stopped. When a line comes
//! on stdin it begins to talk, and it prints each message that it hears, until it has heard so many.

use super::{client, room};
use crate::Result;
use hubbub_client::ClientEvent;
use hubbub_protocol::Body;
use hubbub_protocol::frame::MessageKind;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// Where, and how much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    server: SocketAddr,
    #[arg(long)]
    name: String,
    /// Messages that it says.
    #[arg(long)]
    messages: u32,
    /// Between two of them, in milliseconds.
    #[arg(long)]
    pause_ms: u64,
    /// Messages that it hears before it ends, its own among them.
    #[arg(long)]
    hears: usize,
    /// It ends then in any case.
    #[arg(long)]
    seconds: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let longest = Duration::from_secs(options.seconds);
    runtime.block_on(async {
        // Who is too late has printed what it heard.
        tokio::time::timeout(longest, talk(options)).await.unwrap_or(Ok(()))
    })
}

async fn talk(options: &Options) -> Result<()> {
    let (client, mut events) = client(options.server, &options.name).await?;
    let mut out = std::io::stdout();
    let mut say = |line: &str| writeln!(out, "{line}").and_then(|()| out.flush());
    let (mut heard, mut said, mut goes) = (0, 0, false);
    let (go, mut told_to_go) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            let _ = go.blocking_send(());
        }
    });
    let mut due = tokio::time::interval(Duration::from_millis(options.pause_ms));
    // One that was stopped goes on where it was.
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while heard < options.hears {
        tokio::select! {
            event = events.next() => match event.ok_or("the client ended")? {
                ClientEvent::NewEvent { event, .. } => {
                    if let Body::Text(said) = &event.body {
                        heard += 1;
                        say(&format!("{} {}", event.seq.0, said.text.as_str()))?;
                    }
                }
                ClientEvent::Joined { .. } => say("in")?,
                ClientEvent::Disconnected { .. } => say("lost")?,
                _ => {}
            },
            Some(()) = told_to_go.recv() => goes = true,
            _ = due.tick(), if goes && said < options.messages => {
                said += 1;
                let (client, to) = (client.clone(), room()?);
                let text = format!("{} {said}", options.name);
                tokio::spawn(async move { client.send(to, text, MessageKind::Text).await });
            }
        }
    }
    client.close().await;
    Ok(())
}

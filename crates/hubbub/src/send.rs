//! `hubbub send`: says something, and ends well only when all of it is acknowledged.

use crate::cli::SendOptions;
use crate::guest::{self, Who, tell, tell_announcement};
use crate::input;
use crate::reach::{Way, explain, warn};
use hubbub_client::{Client, ClientError, ClientEvent, Events, SendState};
use hubbub_protocol::frame::MessageKind;
use hubbub_protocol::{CloseCode, Position, RoomAddress, Seq, limits, sanitize};
use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Messages of stdin on their way at once: what the server takes unanswered.
const WINDOW: usize = limits::SENDS_IN_FLIGHT as usize;

pub(crate) fn run(options: SendOptions) -> Result<ExitCode, Box<dyn Error>> {
    let who =
        Who::choose(options.name.clone(), options.password_file.as_deref(), "", "hubbub-send")?;
    let way = Way::choose(&options.server)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(send(options, way, who));
    runtime.shutdown_background();
    Ok(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            tell(&text);
            ExitCode::FAILURE
        }
    })
}

async fn send(options: SendOptions, mut way: Way, mut who: Who) -> Result<(), String> {
    let limit = Duration::from_secs(options.timeout);
    let deadline = Instant::now() + limit;
    let to = match (&options.room, &options.user) {
        (Some(room), _) => RoomAddress::Room(room.clone()),
        (None, Some(user)) => RoomAddress::User(user.clone()),
        (None, None) => return Err("say where to, with --room or --user".into()),
    };
    let connecting = guest::connect(&mut way, &mut who, Vec::new());
    let (client, events) = match timeout_at(deadline, connecting).await {
        Ok(connected) => connected?,
        Err(_) => {
            let (address, seconds) = (&options.server.address, options.timeout);
            return Err(format!(
                "{address} did not let us in within {seconds} s; nothing was sent"
            ));
        }
    };
    let is_held = Cell::new(false);
    let mut sender = Sender {
        client: client.clone(),
        to: to.clone(),
        limit,
        verbose: options.verbose,
        reply: options.reply.map(Seq),
        is_held: &is_held,
    };
    let work = async {
        sender.join(deadline).await?;
        match options.text {
            Some(text) if text != "-" => sender.one(&text, deadline).await,
            _ => sender.lines().await,
        }
    };
    let result = tokio::select! {
        result = work => result,
        reason = watch(&client, events, &who, &to, &is_held) => Err(format!("{reason}; not everything is acknowledged")),
    };
    client.close().await;
    result
}

/// Looks after the connection; returns why it is over for good.
async fn watch(
    client: &Client,
    mut events: Events,
    who: &Who,
    to: &RoomAddress,
    is_held: &Cell<bool>,
) -> String {
    let mut reason = String::from("the server ended the session");
    while let Some(event) = events.next().await {
        match event {
            ClientEvent::Send { state: SendState::Held, .. } => {
                if let (RoomAddress::User(name), false) = (to, is_held.replace(true)) {
                    tell(&format!("{name} was asked for a private chat; waiting until they agree"));
                }
            }
            ClientEvent::Send { state: SendState::Pending | SendState::Sent { .. }, .. } => {
                is_held.set(false);
            }
            ClientEvent::LoginRefused { code, text, .. } => return who.login_refused(code, &text),
            // The client does not log in again by itself.
            ClientEvent::Closed {
                code: CloseCode::Revoked | CloseCode::LoginFailures,
                text,
                ..
            } => return text,
            ClientEvent::NameRefused { text, suggestion, .. } => {
                let Some(other) = who.instead(suggestion.as_deref()) else { return text };
                if client.set_name(other).await.is_err() {
                    return text;
                }
            }
            ClientEvent::Warned { text, .. } => tell(&text),
            ClientEvent::Announced { text, by } => tell_announcement(&text, by.as_ref()),
            ClientEvent::Distrusted { text } => tell(&format!("{text}; trying again")),
            ClientEvent::KeyChanged(changed) => return warn(&changed),
            ClientEvent::Closed { text, .. } => reason = text,
            _ => {}
        }
    }
    reason
}

struct Sender<'a> {
    client: Client,
    to: RoomAddress,
    limit: Duration,
    verbose: bool,
    /// What every message answers.
    reply: Option<Seq>,
    /// Somebody was asked for a private chat, and has not agreed yet.
    is_held: &'a Cell<bool>,
}

impl Sender<'_> {
    async fn join(&self, deadline: Instant) -> Result<(), String> {
        if let RoomAddress::User(_) = self.to {
            return Ok(());
        }
        match timeout_at(deadline, self.client.join(self.to.clone())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("can't go to {}: {}", self.to, explain(&error))),
            Err(_) => Err(format!("could not go to {} within {} s", self.to, self.limit.as_secs())),
        }
    }

    /// The message of the command line.
    async fn one(&mut self, text: &str, deadline: Instant) -> Result<(), String> {
        match timeout_at(deadline, self.say(text)).await {
            Ok(Ok(position)) => self.report(position),
            Ok(Err(error)) => Err(format!("not sent: {}", explain(&error))),
            Err(_) => Err(self.not_in_time(1)),
        }
    }

    /// The messages of stdin. One that is refused does not keep the others back.
    async fn lines(&mut self) -> Result<(), String> {
        let mut input = Some(input::lines());
        let mut waiting = InOrder::default();
        let (mut number, mut refused) = (0_u64, 0_u64);
        loop {
            let deadline = waiting.deadline();
            tokio::select! {
                line = next_line(&mut input), if input.is_some() && waiting.len() < WINDOW => {
                    let Some(line) = line else {
                        input = None;
                        continue;
                    };
                    number += 1;
                    match line {
                        Ok(line) if sanitize::typed(&line).trim().is_empty() => {}
                        Ok(line) => {
                            waiting.push(number, Instant::now() + self.limit, Box::pin(self.say(&line)));
                        }
                        Err(why) => {
                            refused += 1;
                            tell(&format!("line {number} is not sent: {why}"));
                        }
                    }
                }
                (number, result) = waiting.next(), if !waiting.is_empty() => match result {
                    Ok(position) => self.report(position)?,
                    Err(error @ (ClientError::Ended { .. } | ClientError::KeyChanged(_))) => {
                        let why = explain(&error);
                        return Err(format!("line {number} and what follows is not acknowledged: {why}"));
                    }
                    Err(error) => {
                        refused += 1;
                        tell(&format!("line {number} is not sent: {error}"));
                    }
                },
                () = sleep_until(deadline), if !waiting.is_empty() => {
                    return Err(self.not_in_time(waiting.len()));
                }
                else => break,
            }
        }
        match refused {
            0 => Ok(()),
            count => Err(format!("{count} of {number} lines were not sent")),
        }
    }

    fn say(&self, text: &str) -> impl Future<Output = Result<Position, ClientError>> + use<> {
        let (client, to, text) = (self.client.clone(), self.to.clone(), sanitize::typed(text));
        let reply = self.reply;
        async move {
            match reply {
                Some(seq) => client.reply(to, seq, text, MessageKind::Text).await,
                None => client.send(to, text, MessageKind::Text).await,
            }
        }
    }

    fn report(&self, position: Position) -> Result<(), String> {
        if !self.verbose {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", position.seq)
            .and_then(|()| out.flush())
            .map_err(|error| format!("it is sent, but stdout can't be written: {error}"))
    }

    fn not_in_time(&self, messages: usize) -> String {
        if self.is_held.get() {
            let (to, seconds) = (&self.to, self.limit.as_secs());
            return format!("{to} did not agree to a private chat within {seconds} s; not sent");
        }
        let what = if messages == 1 { "1 message".into() } else { format!("{messages} messages") };
        let (address, seconds) = (self.client.address(), self.limit.as_secs());
        format!("{address} did not acknowledge {what} within {seconds} s; it may or may not arrive")
    }
}

async fn next_line(
    input: &mut Option<tokio::sync::mpsc::Receiver<input::Read1>>,
) -> Option<input::Read1> {
    input.as_mut()?.recv().await
}

type Acknowledged = Result<Position, ClientError>;

/// Sends under way, begun and answered in the order of the input.
#[derive(Default)]
struct InOrder {
    sends: VecDeque<(u64, Instant, UnderWay)>,
}

enum UnderWay {
    Waiting(Pin<Box<dyn Future<Output = Acknowledged>>>),
    Done(Acknowledged),
}

impl InOrder {
    fn push(
        &mut self,
        number: u64,
        deadline: Instant,
        send: Pin<Box<dyn Future<Output = Acknowledged>>>,
    ) {
        self.sends.push_back((number, deadline, UnderWay::Waiting(send)));
    }

    fn len(&self) -> usize {
        self.sends.len()
    }

    fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// When the oldest has waited for too long.
    fn deadline(&self) -> Instant {
        self.sends.front().map_or_else(Instant::now, |(_, deadline, _)| *deadline)
    }

    /// The oldest one's result. All are driven, from old to new: so they also begin in order.
    async fn next(&mut self) -> (u64, Acknowledged) {
        poll_fn(|context| {
            for (_, _, send) in &mut self.sends {
                if let UnderWay::Waiting(future) = send
                    && let Poll::Ready(result) = future.as_mut().poll(context)
                {
                    *send = UnderWay::Done(result);
                }
            }
            match self.sends.pop_front() {
                Some((number, _, UnderWay::Done(result))) => Poll::Ready((number, result)),
                Some(waiting) => {
                    self.sends.push_front(waiting);
                    Poll::Pending
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}

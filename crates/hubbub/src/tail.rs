//! `hubbub tail`: prints what was said in a room last, and then what is said.

use crate::cli::TailOptions;
use crate::guest::{self, Who, tell, tell_announcement};
use crate::printer::Printer;
use crate::reach::{Way, warn};
use crate::signals::Signals;
use hubbub_client::{Client, ClientError, ClientEvent, Events, ServerAddress};
use hubbub_protocol::frame::Page;
use hubbub_protocol::{CloseCode, ErrorCode, Event, RoomAddress, RoomName, Seq, limits};
use std::error::Error;
use std::future::Future;
use std::io::{self, Stdout};
use std::pin::Pin;
use std::process::ExitCode;

/// Events that may come while the last ones are still being read; past this, fewer of those are
/// shown.
const HELD_MAX: usize = 10_000;

/// Why it is over.
enum End {
    /// Somebody stopped it, or nobody reads it any more.
    Wanted,
    /// What to tell.
    Failed(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Wanted,
            _ => Self::Failed(format!("can't write to stdout: {error}")),
        }
    }
}

pub(crate) fn run(options: TailOptions) -> Result<ExitCode, Box<dyn Error>> {
    let who = Who::choose(
        options.name.clone(),
        options.password_file.as_deref(),
        "-tail",
        "hubbub-tail",
    )?;
    let way = Way::choose(&options.server)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let end = runtime.block_on(tail(options, way, who, &mut signals));
    runtime.shutdown_background();
    Ok(match end {
        End::Wanted => ExitCode::SUCCESS,
        End::Failed(text) => {
            tell(&text);
            ExitCode::FAILURE
        }
    })
}

async fn tail(options: TailOptions, mut way: Way, mut who: Who, signals: &mut Signals) -> End {
    let conversations = vec![RoomAddress::Room(options.room.clone())];
    let connected = tokio::select! {
        connected = guest::connect(&mut way, &mut who, conversations) => connected,
        _ = signals.next() => return End::Wanted,
    };
    let (client, events) = match connected {
        Ok(connected) => connected,
        Err(error) => return End::Failed(error),
    };
    let zone = jiff::tz::TimeZone::system();
    let mut tail = Tail {
        client: client.clone(),
        address: way.address,
        who,
        room: options.room,
        last: options.last,
        printer: Printer::new(io::stdout(), options.json, zone),
        backlog: Backlog::Unasked,
        held: Vec::new(),
        is_lost: false,
        reason: "the server ended the session".into(),
    };
    let end = tokio::select! {
        end = tail.follow(events) => end,
        _ = signals.next() => End::Wanted,
    };
    tail.backlog = Backlog::Shown;
    client.close().await;
    end
}

type Reading = Pin<Box<dyn Future<Output = Result<Vec<Event>, ClientError>>>>;

/// How far the last events, which come first, are.
enum Backlog {
    /// The room is not joined yet.
    Unasked,
    /// They are being read.
    Reading(Reading),
    /// The connection was lost meanwhile: they are read when it is back.
    Again,
    /// They are printed.
    Shown,
}

struct Tail {
    client: Client,
    address: ServerAddress,
    who: Who,
    room: RoomName,
    last: u32,
    printer: Printer<Stdout>,
    backlog: Backlog,
    /// What was said after the head, while the backlog is being read.
    held: Vec<Event>,
    is_lost: bool,
    reason: String,
}

impl Tail {
    async fn follow(&mut self, mut events: Events) -> End {
        let mut head = Seq(0);
        loop {
            let done = tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.take(event, &mut head).await,
                    None => Err(End::Failed(self.reason.clone())),
                },
                read = read(&mut self.backlog) => self.show_backlog(read),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn take(&mut self, event: ClientEvent, head: &mut Seq) -> Result<(), End> {
        match event {
            ClientEvent::Connected { .. } if std::mem::take(&mut self.is_lost) => {
                tell(&format!("connected to {} again", self.address));
            }
            ClientEvent::Joined { conversation, head: newest, created, .. } => {
                self.joined(conversation, newest, created, head)?;
            }
            ClientEvent::NewEvent { conversation: RoomAddress::Room(_), event, .. } => {
                self.said(event)?;
            }
            ClientEvent::Reset { conversation: RoomAddress::Room(_) } => {
                let room = &self.room;
                tell(&format!("what was said in {room} meanwhile can't be had; going on from now"));
            }
            ClientEvent::Refused { text, .. } => return Err(End::Failed(text)),
            ClientEvent::Kicked { room, by, reason, banned } => {
                let did = if banned { "banned us from" } else { "sent us out of" };
                let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                return Err(End::Failed(format!("{by} {did} {room}{why}")));
            }
            ClientEvent::Left { room } => {
                return Err(End::Failed(format!("no longer in {room}")));
            }
            ClientEvent::NameRefused { text, suggestion, .. } => {
                let Some(other) = self.who.instead(suggestion.as_deref()) else {
                    return Err(End::Failed(text));
                };
                let _ = self.client.set_name(other).await;
            }
            ClientEvent::LoginRefused { code, text, .. } => {
                return Err(End::Failed(self.who.login_refused(code, &text)));
            }
            // The client does not log in again by itself.
            ClientEvent::Closed {
                code: CloseCode::Revoked | CloseCode::LoginFailures,
                text,
                ..
            } => return Err(End::Failed(text)),
            ClientEvent::Warned { text, .. } => tell(&text),
            ClientEvent::Announced { text, by } => tell_announcement(&text, by.as_ref()),
            ClientEvent::Distrusted { text } => tell(&format!("{text}; trying again")),
            ClientEvent::KeyChanged(changed) => return Err(End::Failed(warn(&changed))),
            ClientEvent::Closed { text, .. } => self.reason = text,
            ClientEvent::Disconnected { returns: true } if !self.is_lost => {
                self.is_lost = true;
                tell(&format!("lost the connection to {}; trying again", self.address));
            }
            _ => {}
        }
        Ok(())
    }

    fn joined(
        &mut self,
        conversation: RoomAddress,
        newest: Seq,
        created: bool,
        head: &mut Seq,
    ) -> Result<(), End> {
        if let RoomAddress::Room(room) = conversation {
            self.room = room;
        }
        match self.backlog {
            Backlog::Unasked if created => {
                tell(&format!("there was no room {}; it is made now", self.room));
                self.show_backlog(Ok(Vec::new()))
            }
            Backlog::Unasked => {
                // The live events begin behind this one, so the last ones end with it.
                *head = newest;
                self.read_backlog(*head);
                Ok(())
            }
            Backlog::Again => {
                self.read_backlog(*head);
                Ok(())
            }
            Backlog::Reading(_) | Backlog::Shown => Ok(()),
        }
    }

    fn read_backlog(&mut self, head: Seq) {
        let of = RoomAddress::Room(self.room.clone());
        let reading = last_events(self.client.clone(), of, head, self.last);
        self.backlog = Backlog::Reading(Box::pin(reading));
    }

    fn said(&mut self, event: Event) -> Result<(), End> {
        if let Backlog::Shown = self.backlog {
            return Ok(self.printer.print(&self.room, &event)?);
        }
        self.held.push(event);
        if self.held.len() > HELD_MAX { self.show_backlog(Ok(Vec::new())) } else { Ok(()) }
    }

    fn show_backlog(&mut self, read: Result<Vec<Event>, ClientError>) -> Result<(), End> {
        let events = match read {
            Ok(events) => events,
            Err(ClientError::Lost | ClientError::Ask(_)) => {
                self.backlog = Backlog::Again;
                return Ok(());
            }
            Err(ClientError::Refused { code: ErrorCode::NoHistory, .. }) => Vec::new(),
            Err(error) => {
                tell(&format!("the last messages can't be read: {error}"));
                Vec::new()
            }
        };
        self.backlog = Backlog::Shown;
        for event in events.iter().chain(&std::mem::take(&mut self.held)) {
            self.printer.print(&self.room, event)?;
        }
        Ok(())
    }
}

/// What the backlog's reading brings; pending while nothing is read.
async fn read(backlog: &mut Backlog) -> Result<Vec<Event>, ClientError> {
    match backlog {
        Backlog::Reading(reading) => reading.await,
        Backlog::Unasked | Backlog::Again | Backlog::Shown => std::future::pending().await,
    }
}

/// The last `count` events up to `head`, oldest first.
async fn last_events(
    client: Client,
    of: RoomAddress,
    head: Seq,
    count: u32,
) -> Result<Vec<Event>, ClientError> {
    let mut pages: Vec<Vec<Event>> = Vec::new();
    let (mut before, mut left) = (head.next(), count);
    while left > 0 && before > Seq(1) {
        let limit = left.min(limits::PAGE);
        let page = client.history(of.clone(), Page::Before(before), Some(limit)).await?;
        let ClientEvent::HistoryPage { events, more, .. } = page else { break };
        let Some(first) = events.first().filter(|first| first.seq < before) else { break };
        before = first.seq;
        left = left.saturating_sub(u32::try_from(events.len()).unwrap_or(left));
        pages.push(events);
        if !more {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

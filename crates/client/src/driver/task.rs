//! The task that owns a client's core and its socket.
//!
//! It never stops hearing its program: while it connects or waits, commands still reach the core.

use super::commands::{Command, GOODBYE_MAX};
use super::contact::{Contact, Stream};
use super::{ClientError, waiters::Waiters};
use crate::address::ServerAddress;
use crate::config::CoreConfig;
use crate::core::Core;
use crate::event::{ClientEvent, ConnectionState};
use crate::security::{ChangedKey, Security};
use hubbub_protocol::MonoMs;
use hubbub_protocol::frame::write_line;
use hubbub_protocol::line::{Line, LineBuffer};
use std::{collections::VecDeque, future::Future, io, pin::pin, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Bytes of one read, and of frames that are made ready to be written at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Who owns what of a client.
pub(super) struct Task {
    pub(super) core: Core,
    address: ServerAddress,
    /// After the first contact: with the key that was shown then.
    security: Security,
    start: Instant,
    commands: mpsc::Receiver<Command>,
    /// `None` when the program has dropped its end.
    events: Option<mpsc::Sender<ClientEvent>>,
    /// Events that the program has not taken yet. While there are any, nothing is read.
    backlog: VecDeque<ClientEvent>,
    pub(super) waiters: Waiters,
    /// Until the first login has succeeded or failed.
    ready: Option<oneshot::Sender<Result<(), ClientError>>>,
    pub(super) quit_by: Option<Instant>,
    /// The reason for the end, as far as it is known.
    end: ClientError,
}

impl Task {
    pub(super) fn new(
        (address, security): (ServerAddress, Security),
        config: CoreConfig,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<ClientEvent>,
        ready: oneshot::Sender<Result<(), ClientError>>,
    ) -> Self {
        Self {
            core: Core::new(config),
            address,
            security,
            start: Instant::now(),
            commands,
            events: Some(events),
            backlog: VecDeque::new(),
            waiters: Waiters::default(),
            ready: Some(ready),
            quit_by: None,
            end: ClientError::Ended { text: "the session was ended".into() },
        }
    }

    pub(super) async fn run(mut self, first: Stream) {
        let mut stream = Some(first);
        // What answered in place of the server, as far as the program knows of it.
        let mut told = Vec::new();
        loop {
            if let Some(stream) = stream.take() {
                told.clear();
                self.serve(stream).await;
            }
            self.core.disconnected(self.now());
            self.settle();
            if self.ready.is_some() || !self.wait_to_reconnect().await {
                break;
            }
            let address = self.address.clone();
            let contact = Contact::make(&address, self.security);
            stream = match self.meanwhile(contact).await {
                Some(Ok(contact)) => Some(contact.stream),
                Some(Err(ClientError::KeyChanged(changed))) => {
                    self.stop_because_of(changed);
                    break;
                }
                Some(Err(
                    error @ (ClientError::NotTls { .. } | ClientError::BadCertificate { .. }),
                )) => {
                    let kind = std::mem::discriminant(&error);
                    if !told.contains(&kind) {
                        told.push(kind);
                        let text = error.to_string();
                        self.backlog.push_back(ClientEvent::Distrusted { text });
                    }
                    None
                }
                // Why else it failed is no news: the program was told that the connection is gone.
                Some(Err(_)) => None,
                None => break,
            };
        }
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Err(ClientError::NoWelcome { address: self.address.clone() }));
        }
        // Its last words: what was not sent, if the program ended it without a connection.
        self.settle();
        self.waiters.end(&self.end);
        // First let go of those who wait for the end, then wait for those who read what happened:
        // they may be the same.
        self.commands.close();
        while self.commands.try_recv().is_ok() {}
        if let Some(events) = &self.events {
            for event in self.backlog.drain(..) {
                if events.send(event).await.is_err() {
                    break;
                }
            }
        }
    }

    /// Trying again would only give whoever is there now another chance to be taken for the server;
    /// and the person has to hear of it.
    fn stop_because_of(&mut self, changed: Box<ChangedKey>) {
        self.end = ClientError::KeyChanged(changed.clone());
        // Before the core says of each send that it was not sent: this is why.
        self.waiters.end(&self.end);
        self.core.quit();
        self.settle();
        self.backlog.push_back(ClientEvent::KeyChanged(changed));
    }

    /// `false` if this client does not come back.
    async fn wait_to_reconnect(&mut self) -> bool {
        loop {
            if let Some(delay) = self.core.reconnect_delay_ms(fastrand::u64(..)) {
                let delay = tokio::time::sleep(Duration::from_millis(delay));
                return self.meanwhile(delay).await.is_some();
            }
            if self.core.connection() == ConnectionState::Stopped {
                return false;
            }
            // The name or the login was refused: only another one helps.
            select! {
                command = self.commands.recv() => self.command(command),
                () = has_room(&self.events), if !self.backlog.is_empty() => self.settle(),
            }
        }
    }

    /// Waits for something without a connection, and hears commands. `None` if the program quits.
    async fn meanwhile<T>(&mut self, something: impl Future<Output = T>) -> Option<T> {
        let mut something = pin!(something);
        while self.core.connection() != ConnectionState::Stopped {
            select! {
                result = &mut something => return Some(result),
                command = self.commands.recv() => self.command(command),
                () = has_room(&self.events), if !self.backlog.is_empty() => self.settle(),
            }
        }
        None
    }

    /// One connection, from hello to its end.
    async fn serve(&mut self, stream: Stream) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut lines = LineBuffer::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut out = Vec::new();
        // Of what was written, TLS may hold some back until it is flushed.
        let mut is_flushed = true;
        self.core.connected(self.now());
        loop {
            self.settle();
            while out.len() < CHUNK_BYTES
                && let Some(frame) = self.core.poll_transmit()
            {
                write_line(&frame, &mut out);
            }
            if matches!(self.core.connection(), ConnectionState::Dead | ConnectionState::Stopped) {
                return;
            }
            let timeout = self.timeout();
            select! {
                read = reader.read(&mut chunk), if self.backlog.is_empty() => match read {
                    Ok(0) | Err(_) => return,
                    Ok(bytes) => {
                        lines.push(&chunk[..bytes]);
                        self.read_lines(&mut lines);
                    }
                },
                written = write_some(&mut writer, &out), if !(out.is_empty() && is_flushed) => {
                    let Ok(bytes) = written else { return };
                    is_flushed = out.is_empty();
                    out.drain(..bytes);
                }
                command = self.commands.recv(), if self.quit_by.is_none() => self.command(command),
                () = has_room(&self.events), if !self.backlog.is_empty() => self.settle(),
                () = sleep_until(timeout) => {
                    if self.quit_by.is_some_and(|by| by <= Instant::now()) {
                        return;
                    }
                    self.core.handle_timeout(self.now());
                }
            }
        }
    }

    fn read_lines(&mut self, lines: &mut LineBuffer) {
        let now = self.now();
        while let Some(line) = lines.next_line() {
            match line {
                Line::Whole(line) => self.core.received_line(now, line),
                // No frame is that long; what it might have held shows as a gap.
                Line::TooLong => self.core.received_line(now, b""),
            }
        }
    }

    /// Tells everybody what the core has to tell.
    fn settle(&mut self) {
        while let Some(event) = self.core.poll_event() {
            self.watch_for_welcome(&event);
            if let ClientEvent::Closed { text, .. } = &event {
                self.end = ClientError::Ended { text: text.clone() };
            }
            if let Some(event) = self.waiters.hand_out(event) {
                self.backlog.push_back(event);
            }
        }
        let Some(events) = &self.events else { return self.backlog.clear() };
        while let Some(event) = self.backlog.pop_front() {
            match events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.events = None;
                    return self.backlog.clear();
                }
            }
        }
    }

    fn watch_for_welcome(&mut self, event: &ClientEvent) {
        if self.ready.is_none() {
            return;
        }
        let result = match event.clone() {
            ClientEvent::Connected { .. } => Ok(()),
            ClientEvent::NameRefused { text, suggestion, .. } => {
                Err(ClientError::NameRefused { text, suggestion })
            }
            ClientEvent::LoginRefused { code, text, suggestion } => {
                Err(ClientError::LoginRefused { code, text, suggestion })
            }
            ClientEvent::Closed { text, .. } => Err(ClientError::Ended { text }),
            ClientEvent::Refused { code, next, text, .. } => {
                Err(ClientError::Refused { code, next, text })
            }
            _ => return,
        };
        if let Some(ready) = self.ready.take() {
            if result.is_err() {
                self.core.quit();
                self.quit_by = Some(Instant::now() + GOODBYE_MAX);
            }
            let _ = ready.send(result);
        }
    }

    fn now(&self) -> MonoMs {
        MonoMs(self.start.elapsed().as_millis() as u64)
    }

    fn timeout(&self) -> Instant {
        let due = self.core.poll_timeout().map(|due| self.start + Duration::from_millis(due.0));
        let idle = Instant::now() + Duration::from_secs(3600);
        due.into_iter().chain(self.quit_by).fold(idle, Instant::min)
    }
}

/// Writes a part of this; if there is nothing, flushes what was written before. Safe to cancel.
async fn write_some(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(bytes).await {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        result => result,
    }
}

/// Waits until the program can be told more, or has gone.
async fn has_room(events: &Option<mpsc::Sender<ClientEvent>>) {
    if let Some(events) = events {
        // The place is taken by `try_send` afterwards; nobody else sends.
        drop(events.reserve().await);
    }
}

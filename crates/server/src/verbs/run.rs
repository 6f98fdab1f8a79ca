//! Does what a verb says: asks the hub, or does it itself.

use super::parse::{Order, help, parse};
use super::{Answer, Takes, VERBS, VerbError, words};
use crate::hub_loop::HubLoop;
use crate::metrics::Metrics;
use crate::reload::Reloading;
use crate::setup::Setup;
use hubbub_hub::{AdminCommand, AdminReply, RoomOverview, SessionOverview, UserOverview};
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::{SessionId, UserName, WallMs};
use hubbub_store::Reader;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Entries that are read of the audit log at once.
const AUDIT_PAGE: u32 = 1_000;
/// How far back the newest entries are looked for first, in milliseconds; then ten times as far.
const AUDIT_BACK_MS: u64 = 60 * 60 * 1_000;
/// Pages of rooms or users that are asked for: a list of some hundred thousand is long enough.
const PAGES: usize = 400;
/// Connections that are asked for at once.
const SESSIONS_PAGE: usize = 500;
/// Names that are offered for completion.
const NAMES: usize = 500;

/// Tells a running server what its operator wants. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Manager {
    inner: Arc<Inner>,
}

/// What a [`Manager`] is made of.
pub(crate) struct ManagerParts {
    pub(crate) hub: Arc<HubLoop>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) reloading: Arc<Reloading>,
    pub(crate) reader: Box<dyn Reader>,
}

struct Inner {
    hub: Arc<HubLoop>,
    setup: Arc<Setup>,
    metrics: Arc<Metrics>,
    reloading: Arc<Reloading>,
    /// For the audit log.
    reader: Mutex<Box<dyn Reader>>,
    exit: watch::Sender<bool>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").finish_non_exhaustive()
    }
}

impl Manager {
    pub(crate) fn new(parts: ManagerParts) -> Self {
        let ManagerParts { hub, setup, metrics, reloading, reader } = parts;
        let (reader, exit) = (Mutex::new(reader), watch::channel(false).0);
        Self { inner: Arc::new(Inner { hub, setup, metrics, reloading, reader, exit }) }
    }

    /// Does what a line says: a verb with its arguments, with a slash before it or not. Waits for the
    /// answer, some seconds at most; not to be called where a runtime runs.
    ///
    /// # Errors
    /// [`VerbError`].
    pub fn run(&self, line: &str) -> Result<Answer, VerbError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| VerbError::Refused(error.to_string()))?;
        runtime.block_on(self.run_for(None, line))
    }

    /// The same where a runtime runs, for an admin in the chat or (`None`) for whoever runs the server.
    ///
    /// # Errors
    /// [`VerbError`].
    pub(crate) async fn run_for(
        &self,
        by: Option<SessionId>,
        line: &str,
    ) -> Result<Answer, VerbError> {
        let order = parse(line)?;
        self.carry_out(by, order).await.map_err(VerbError::Refused)
    }

    async fn carry_out(&self, by: Option<SessionId>, order: Order) -> Result<Answer, String> {
        Ok(match order {
            Order::Help(verb) => help(verb),
            Order::Rooms => {
                let (rooms, privates) = self.rooms(by).await?;
                words::rooms(&rooms, privates)
            }
            Order::Users => {
                let (users, online) = self.users(by).await?;
                words::users(&users, online)
            }
            Order::Sessions { of } => words::sessions(&self.sessions(by, of).await?),
            Order::Stats => {
                self.check(by).await?;
                words::stats(&self.inner.metrics.stats())
            }
            Order::Time => {
                let now = jiff::Zoned::now();
                let line = now.strftime("%A, %Y-%m-%d %H:%M:%S %Z").to_string();
                Answer { lines: vec![line], data: json!({"time": crate::clock::wall()}) }
            }
            Order::Announce { text } => {
                match self.ask(by, AdminCommand::Announce { text }).await? {
                    AdminReply::Announced { sessions } => Answer {
                        lines: vec![words::told(sessions)],
                        data: json!({"connections": sessions}),
                    },
                    _ => return Err(odd()),
                }
            }
            Order::Kick { room, name, reason } => {
                let said = match &room {
                    Some(room) => format!("{name} was sent out of {room}."),
                    None => format!("{name} was sent away, and may come again."),
                };
                self.ask(by, AdminCommand::Kick { room, name, reason }).await?;
                done(said)
            }
            Order::Restrict { what, room, whom, for_ms, reason } => {
                let said = words::restricted(what, room.as_ref(), &whom, for_ms);
                let command = AdminCommand::Restrict { room, what, whom, reason, for_ms };
                self.ask(by, command).await?;
                done(said)
            }
            Order::Lift { what, room, whom } => {
                self.ask(by, AdminCommand::Lift { room, what, whom }).await?;
                done(format!("The {} is lifted.", what.word()))
            }
            Order::Restrictions { what, room } => {
                let command = AdminCommand::Restrictions { room: room.clone(), what };
                match self.ask(by, command).await? {
                    AdminReply::Restrictions(found) => {
                        words::restrictions(what, room.as_ref(), &found)
                    }
                    _ => return Err(odd()),
                }
            }
            Order::Audit { count } => {
                self.check(by).await?;
                words::audit(&self.newest_entries(count)?)
            }
            Order::Reload => {
                self.note(by, "reload").await?;
                words::reloaded(&self.inner.reloading.reload()?)
            }
            Order::Exit => {
                self.note(by, "exit").await?;
                self.inner.exit.send_replace(true);
                done("The server stops.".into())
            }
        })
    }

    async fn ask(
        &self,
        by: Option<SessionId>,
        command: AdminCommand,
    ) -> Result<AdminReply, String> {
        self.inner.hub.admin(by, command).await
    }

    /// For the audit log, which is not waited for; and whoever is no admin any more is stopped here.
    async fn note(&self, by: Option<SessionId>, what: &'static str) -> Result<(), String> {
        self.ask(by, AdminCommand::Note { what }).await.map(drop)
    }

    /// Whether an admin is one still, before something that the hub is not asked for.
    async fn check(&self, by: Option<SessionId>) -> Result<(), String> {
        self.ask(by, AdminCommand::May).await.map(drop)
    }

    /// The oldest first. A page at a time: those that have gone meanwhile are not there.
    async fn sessions(
        &self,
        by: Option<SessionId>,
        of: Option<UserName>,
    ) -> Result<Vec<SessionOverview>, String> {
        let AdminReply::SessionIds(ids) = self.ask(by, AdminCommand::SessionIds { of }).await?
        else {
            return Err(odd());
        };
        let mut all = Vec::with_capacity(ids.len());
        for ids in ids.chunks(SESSIONS_PAGE) {
            let command = AdminCommand::Sessions { ids: ids.to_vec() };
            match self.ask(by, command).await? {
                AdminReply::Sessions(sessions) => all.extend(sessions),
                _ => return Err(odd()),
            }
        }
        all.sort_unstable_by_key(|session| (session.since, session.id));
        Ok(all)
    }

    async fn rooms(&self, by: Option<SessionId>) -> Result<(Vec<RoomOverview>, usize), String> {
        let (mut all, mut after, mut count) = (Vec::new(), None, 0);
        for _ in 0..PAGES {
            match self.ask(by, AdminCommand::Rooms { after }).await? {
                AdminReply::Rooms { rooms, next, privates } => {
                    all.extend(rooms);
                    // Only the first page tells it.
                    count = privates.unwrap_or(count);
                    after = next;
                }
                _ => return Err(odd()),
            }
            if after.is_none() {
                break;
            }
        }
        Ok((all, count))
    }

    async fn users(&self, by: Option<SessionId>) -> Result<(Vec<UserOverview>, usize), String> {
        let (mut all, mut after, mut online) = (Vec::new(), None, 0);
        for _ in 0..PAGES {
            match self.ask(by, AdminCommand::Users { after }).await? {
                AdminReply::Users { users, next, count } => {
                    all.extend(users);
                    online = count;
                    after = next;
                }
                _ => return Err(odd()),
            }
            if after.is_none() {
                break;
            }
        }
        Ok((all, online))
    }

    /// The newest entries of the audit log, the oldest of them first.
    fn newest_entries(&self, count: usize) -> Result<Vec<AuditEntry>, String> {
        let mut reader = self.inner.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let now = crate::clock::wall().0;
        let mut back_ms = AUDIT_BACK_MS;
        loop {
            let since = WallMs(now.saturating_sub(back_ms));
            let mut newest: VecDeque<AuditEntry> = VecDeque::new();
            let mut after = 0;
            loop {
                let page = reader.audit(since, after, AUDIT_PAGE);
                let page = page.map_err(|error| format!("the log can't be read: {error}"))?;
                let Some(last) = page.last() else { break };
                after = last.id;
                newest.extend(page);
                newest.drain(..newest.len().saturating_sub(count));
            }
            if newest.len() >= count || since == WallMs(0) {
                return Ok(newest.into());
            }
            back_ms = back_ms.saturating_mul(10);
        }
    }

    /// What an argument can be at the moment, for completion: some hundred at most. Asks the hub, and is
    /// not to be called where a runtime runs.
    #[must_use]
    pub fn names(&self, of: Takes) -> Vec<String> {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build()
        else {
            return Vec::new();
        };
        let mut names: Vec<String> = runtime.block_on(async {
            match of {
                Takes::Verb => VERBS.iter().map(|verb| verb.words[0].to_owned()).collect(),
                // With an `after`, so that nobody counts what is not shown.
                Takes::Room => {
                    match self.ask(None, AdminCommand::Rooms { after: Some(String::new()) }).await {
                        Ok(AdminReply::Rooms { rooms, .. }) => {
                            rooms.iter().map(|room| format!("#{}", room.name)).collect()
                        }
                        _ => Vec::new(),
                    }
                }
                Takes::User => match self.ask(None, AdminCommand::Users { after: None }).await {
                    Ok(AdminReply::Users { users, .. }) => {
                        users.iter().map(|user| user.name.to_string()).collect()
                    }
                    _ => Vec::new(),
                },
                Takes::Text => Vec::new(),
            }
        });
        names.truncate(NAMES);
        names
    }

    /// The token that makes the first admin, while there is none.
    pub(crate) fn setup_token(&self) -> Option<String> {
        self.inner.setup.token()
    }

    /// Becomes true when somebody said `exit`.
    #[must_use]
    pub fn exit_wished(&self) -> watch::Receiver<bool> {
        self.inner.exit.subscribe()
    }
}

fn done(line: String) -> Answer {
    Answer { lines: vec![line], data: json!({"done": true}) }
}

fn odd() -> String {
    "the server answered something else".into()
}

//! Answers the operator where no server runs: a hub is made of what the store holds, asked, and what it
//! wants kept is committed.

use super::{AdminAnswer, AdminError, Question};
use crate::clock::Clock;
use crate::data::DataFolder;
use hubbub_hub::{AdminCommand, AdminReply, Effect, HubConfig, Input, Ticket};
use hubbub_protocol::record::Record;
use hubbub_store::sqlite::SqliteStore;
use hubbub_store::{Store, StoreError};

/// The hub's answers may wait for what is kept, and that for what was kept before: a few rounds.
const ROUNDS: usize = 8;

/// A hub of what the folder holds, which is ours meanwhile.
pub(super) struct Hub {
    hub: hubbub_hub::Hub,
    clock: Clock,
    /// What the hub said and nobody has looked at yet.
    effects: Vec<Effect>,
    /// Closed before the folder is let go: fields are dropped in their order.
    store: SqliteStore,
    folder: DataFolder,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Hub {
    pub(super) fn open(folder: DataFolder) -> Result<Self, AdminError> {
        let mut store = folder.store()?;
        let loaded = store.load().map_err(|error| folder.failed(error))?;
        // As at every start, so that no id is given twice.
        let epoch = store.raise_epoch().map_err(|error| folder.failed(error))?;
        let mut effects = Vec::new();
        let config = HubConfig::default();
        let hub = hubbub_hub::Hub::new(config, epoch, loaded.snapshot, &mut effects);
        Ok(Self { hub, clock: Clock::start(), effects, store, folder })
    }

    /// Asks. After [`AdminError::Folder`] this is of no use any more: the store may not hold what the
    /// hub believes.
    pub(super) fn ask(&mut self, question: Question) -> Result<AdminAnswer, AdminError> {
        let Question { command, code } = question;
        let reply = self.drive(command).map_err(|error| self.folder.failed(error))?;
        let reply = reply.map_err(AdminError::Refused)?;
        Ok(Question::answer(code.as_ref(), reply))
    }

    fn drive(&mut self, command: AdminCommand) -> Result<Result<AdminReply, String>, StoreError> {
        let Self { hub, clock, effects, store, .. } = self;
        hub.handle(clock.now(), Input::Admin { request: 0, by: None, command }, effects);
        let mut answer = None;
        for _ in 0..ROUNDS {
            let (batch, upto) = sort(effects, &mut answer);
            let Some(upto) = upto else { break };
            store.commit(&batch)?;
            hub.handle(clock.now(), Input::Persisted { upto }, effects);
        }
        Ok(answer.unwrap_or_else(|| Err("this hubbub has no answer to that".into())))
    }
}

/// Takes the records and the answer out of the effects. Nobody is connected, so there is nothing else.
fn sort(
    effects: &mut Vec<Effect>,
    answer: &mut Option<Result<AdminReply, String>>,
) -> (Vec<Record>, Option<Ticket>) {
    let mut batch = Vec::new();
    let mut newest = None;
    for effect in effects.drain(..) {
        match effect {
            Effect::Persist { ticket, record } => {
                newest = Some(ticket);
                // How long the audit log is kept is the server's to say, which knows its settings.
                if !matches!(record, Record::AuditTrim { .. }) {
                    batch.push(record);
                }
            }
            Effect::AdminReply { reply, .. } => *answer = Some(reply),
            _ => {}
        }
    }
    (batch, newest)
}

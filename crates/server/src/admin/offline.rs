//! Answers the operator where no server runs: a hub is made of what the store holds, asked once, and
//! what it wants kept is committed.

use super::{AdminAnswer, AdminError, Question};
use crate::clock::Clock;
use crate::data::DataFolder;
use hubbub_hub::{AdminCommand, AdminReply, Effect, Hub, HubConfig, Input, Ticket};
use hubbub_protocol::record::Record;
use hubbub_store::{Store, StoreError};

/// The hub's answers may wait for what is kept, and that for what was kept before: a few rounds.
const ROUNDS: usize = 8;

/// Asks the folder, which is ours meanwhile.
pub(super) fn ask(folder: &DataFolder, question: Question) -> Result<AdminAnswer, AdminError> {
    let mut store = folder.store()?;
    let Question { command, code } = question;
    let reply = drive(&mut store, command).map_err(|error| folder.failed(error))?;
    let reply = reply.map_err(AdminError::Refused)?;
    Ok(Question::answer(code.as_ref(), reply))
}

fn drive(
    store: &mut dyn Store,
    command: AdminCommand,
) -> Result<Result<AdminReply, String>, StoreError> {
    let clock = Clock::start();
    let loaded = store.load()?;
    // As at every start, so that no id is given twice.
    let epoch = store.raise_epoch()?;
    let mut effects = Vec::new();
    let mut hub = Hub::new(HubConfig::default(), epoch, loaded.snapshot, &mut effects);
    hub.handle(clock.now(), Input::Admin { request: 0, command }, &mut effects);
    let mut answer = None;
    for _ in 0..ROUNDS {
        let (batch, upto) = sort(&mut effects, &mut answer);
        let Some(upto) = upto else { break };
        store.commit(&batch)?;
        hub.handle(clock.now(), Input::Persisted { upto }, &mut effects);
    }
    Ok(answer.unwrap_or_else(|| Err("this hubbub has no answer to that".into())))
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

//! Does for admins in the chat what they may say to the server: one after the other, beside everything
//! else. The hub has looked whether they may, and looks again when it is asked.

use crate::hub_loop::HubLoop;
use crate::lane::ToLane;
use crate::setup::Setup;
use crate::verbs::{Manager, VerbError, within};
use hubbub_hub::{Refusal, Reply, Tag};
use hubbub_protocol::{ErrorCode, SessionId, limits};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Bytes of an answer in the chat, so that it fits into one frame.
const ANSWER_BYTES: usize = limits::FRAME_BYTES - 4 * 1024;

/// Something to be done. Each session has one at most: its gate sees to that.
#[derive(Debug)]
pub(crate) enum ToManager {
    /// An admin said this.
    Verb { session: SessionId, tag: Tag, line: String },
    /// There is an admin now.
    SetUp,
}

/// Where the hub's effects leave it.
pub(crate) type ManagerQueue = mpsc::UnboundedSender<ToManager>;

/// What it runs on: made before its thread, so that a server without it does not start.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

/// Runs until the server stops.
pub(crate) fn run(
    runtime: &Runtime,
    mut queue: mpsc::UnboundedReceiver<ToManager>,
    hub: &HubLoop,
    manager: &Manager,
    setup: &Arc<Setup>,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    runtime.block_on(async {
        loop {
            let work = tokio::select! {
                work = queue.recv() => work,
                // The sender gone means the same.
                _ = stop.changed() => None,
            };
            match work {
                None => return,
                Some(ToManager::SetUp) => setup.forget(),
                Some(ToManager::Verb { session, tag, line }) => {
                    let reply = match manager.run_for(Some(session), &line).await {
                        Ok(answer) => Reply::Managed { lines: within(answer.lines, ANSWER_BYTES) },
                        Err(error) => Reply::Refused(refusal(error)),
                    };
                    hub.tell_lane(session.lane(), ToLane::Reply { session, tag, reply });
                }
            }
        }
    });
    refuse_rest(queue, hub, setup);
}

/// Nothing is done any more. From here on whoever would put something into the queue hears of it.
pub(crate) fn refuse_rest(
    mut queue: mpsc::UnboundedReceiver<ToManager>,
    hub: &HubLoop,
    setup: &Setup,
) {
    queue.close();
    while let Ok(work) = queue.try_recv() {
        match work {
            ToManager::SetUp => setup.forget(),
            ToManager::Verb { session, tag, .. } => {
                hub.tell_lane(session.lane(), not_taken(session, tag));
            }
        }
    }
}

/// The answer where nobody is there to do it.
pub(crate) fn not_taken(session: SessionId, tag: Tag) -> ToLane {
    let text = "Not done: the server stops, or its log says what is wrong.";
    let reply = Reply::Refused(Refusal::new(ErrorCode::NotAllowed, text));
    ToLane::Reply { session, tag, reply }
}

fn refusal(error: VerbError) -> Refusal {
    match error {
        VerbError::Usage(text) => Refusal::new(ErrorCode::Usage, text),
        VerbError::Refused(text) => Refusal::new(ErrorCode::NotAllowed, text),
    }
}

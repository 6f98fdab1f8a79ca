//! Other settings while the server runs: what can be applied is, and the rest is named.
//!
//! Everything that can fail comes first: reading the settings, reading certificates, making one. Only
//! then is anything changed, and nothing of that can fail; so settings that are wrong change nothing.
//!
//! Deliberately not here: where settings come from ([`crate::Reload`]) and what they mean.

mod compare;
#[cfg(test)]
mod tests;

use crate::config::{Reread, ServerConfig};
use crate::hub_loop::HubLoop;
use crate::lane::ToLane;
use crate::outbox::Budget;
use crate::platform;
use crate::tls::Tls;
use compare::Comparison;
use hubbub_hub::{Arrivals, Input, Limits};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What came of reading the settings again, for people: a line for each setting, in the words of the
/// settings file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What is otherwise now, such as `guests: true -> false`.
    pub applied: Vec<String>,
    /// What is otherwise only after the server's next start.
    pub needs_restart: Vec<String>,
}

/// A running server's settings, and all who have to hear of other ones.
#[derive(Debug)]
pub(crate) struct Reloading {
    /// What runs. Held for the whole of a reload, so that there is one at a time; no other lock is held
    /// by whoever takes it.
    running: Mutex<ServerConfig>,
    hub: Arc<HubLoop>,
    lanes: usize,
    arrivals: Arc<Mutex<Arrivals>>,
    tls: Arc<Tls>,
    budget: Arc<Budget>,
    /// For whoever looks when somebody comes.
    shared: watch::Sender<Arc<ServerConfig>>,
}

/// The parts of a server that hear of other settings.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) hub: Arc<HubLoop>,
    /// How many there are.
    pub(crate) lanes: usize,
    pub(crate) arrivals: Arc<Mutex<Arrivals>>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) budget: Arc<Budget>,
}

impl Reloading {
    pub(crate) fn new(running: &Arc<ServerConfig>, parts: Parts) -> Arc<Self> {
        let Parts { hub, lanes, arrivals, tls, budget } = parts;
        let (shared, _) = watch::channel(Arc::clone(running));
        let running = Mutex::new((**running).clone());
        Arc::new(Self { running, hub, lanes, arrivals, tls, budget, shared })
    }

    /// The settings that hold at the moment.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.shared.subscribe()
    }

    /// Reads the settings and the certificates again. It reads files and may wait for the disk.
    ///
    /// # Errors
    /// What is wrong with the settings or a certificate, for people, with the way out. Then everything is
    /// as it was.
    pub(crate) fn reload(&self) -> Result<Reloaded, String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let reread = match &running.reload {
            Some(read) => (read.0)()?,
            None => running.clone().into(),
        };
        let Reread { config: new, others, apply_others } = reread;
        let Comparison { config, mut applied, needs_restart } = compare::compare(&running, new);
        applied.extend(self.tls.reload(&config.tls)?);
        applied.extend(others);
        self.apply(&config);
        apply_others();
        *running = config;
        Ok(Reloaded { applied, needs_restart })
    }

    fn apply(&self, config: &ServerConfig) {
        let shared = Arc::new(config.clone());
        let arriving = of_arrivals(&config.hub.limits);
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).configure(arriving);
        self.budget.set_max(config.outboxes_bytes);
        self.hub.drive(Input::Configured(Box::new(config.hub.clone())));
        for lane in 0..self.lanes {
            self.hub.tell_lane(lane, ToLane::Configured(Arc::clone(&shared)));
        }
        self.shared.send_replace(shared);
    }
}

/// The limits for those who connect: where none is chosen for all together, there is that of the system.
pub(crate) fn of_arrivals(chosen: &Limits) -> Limits {
    let mut limits = chosen.clone();
    if limits.connections == 0 {
        limits.connections = platform::connections_max().unwrap_or(0);
    }
    limits
}

//! How often somebody may try PINs and keys in vain, by user and by address: a bucket of tries that
//! fills again with time (the generic cell rate algorithm: one number for each).

use hubbub_protocol::room::network_of;
use hubbub_protocol::{MonoMs, UserId, limits};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    User(UserId),
    Network(IpNet),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    by: BTreeMap<By, Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// When all tries are there again.
    full_at: MonoMs,
    /// Whether it was told since the last try that none was free.
    told: bool,
}

fn buckets(user: UserId, address: IpAddr) -> [(By, u32); 2] {
    [
        (By::User(user), limits::PIN_TRIES_PER_USER),
        (By::Network(network_of(address)), limits::PIN_TRIES_PER_ADDRESS),
    ]
}

impl Tries {
    /// How long to wait for the next try, in milliseconds; 0: it is free.
    pub(crate) fn wait_ms(&self, now: MonoMs, user: UserId, address: IpAddr) -> u64 {
        let wait = |(by, tries): (By, u32)| {
            let full_at = self.by.get(&by).map_or(0, |bucket| bucket.full_at.0).max(now.0);
            // One try takes its time; so many may be taken at once.
            (full_at + limits::PIN_TRY_MS)
                .saturating_sub(now.0 + u64::from(tries) * limits::PIN_TRY_MS)
        };
        buckets(user, address).map(wait).into_iter().max().unwrap_or(0)
    }

    /// A try was in vain.
    pub(crate) fn count(&mut self, now: MonoMs, user: UserId, address: IpAddr) {
        for (by, _) in buckets(user, address) {
            let bucket = self.by.entry(by).or_default();
            bucket.full_at = bucket.full_at.max(now).plus(limits::PIN_TRY_MS);
            bucket.told = false;
        }
        if self.by.len() > limits::PIN_TRIES_REMEMBERED {
            self.by.retain(|_, bucket| bucket.full_at > now);
        }
        while self.by.len() > limits::PIN_TRIES_REMEMBERED {
            // Whoever has tried least is forgotten first.
            let least = self.by.iter().min_by_key(|(_, bucket)| bucket.full_at);
            let Some(by) = least.map(|(by, _)| *by) else { break };
            self.by.remove(&by);
        }
    }

    /// Whether it is the first refusal since the last try: each needs one entry in the audit log, and no
    /// more.
    pub(crate) fn is_first_refusal(&mut self, user: UserId, address: IpAddr) -> bool {
        let mut is_first = true;
        for (by, _) in buckets(user, address) {
            if let Some(bucket) = self.by.get_mut(&by) {
                is_first &= !std::mem::replace(&mut bucket.told, true);
            }
        }
        is_first
    }

    /// A guest is gone, and its id never returns. Its address is remembered.
    pub(crate) fn forget(&mut self, user: UserId) {
        self.by.remove(&By::User(user));
    }
}

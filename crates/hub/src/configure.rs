//! The operator has chosen otherwise while the server runs ([`crate::Input::Configured`]).
//!
//! Whoever is here stays, also where nobody like them would be let in any more. What was counted under a
//! rate that is another one now is forgotten: with the old debts, a higher limit would help nobody for a
//! while, and a lower one would punish for what was allowed.

use crate::hub::Hub;
use crate::limits::{Limited, Limits, Rates};
use crate::{HubConfig, Rate};

impl Hub {
    /// From now on it is so. What a hub is built on stays as it began.
    pub(crate) fn configure(&mut self, chosen: HubConfig) {
        let HubConfig {
            // Under it is what the store holds: the room where all begin, the digests of PINs.
            lobby: _,
            key: _,
            // Made anew at each start.
            setup: _,
            // Nobody writes the files of a server that began without any.
            transcripts: _,
            // No operator chooses these; moments that follow from them are noted already.
            empty_room_ms: _,
            resume_hold_ms: _,
            presence_members: _,
            presence_count_ms: _,
            retention,
            guests,
            registration,
            private,
            audit_ms,
            limits,
            plaintext_passwords,
        } = chosen;
        self.forget_counts(&limits);
        let config = &mut self.config;
        config.retention = retention;
        config.guests = guests;
        config.registration = registration;
        config.private = private;
        config.audit_ms = audit_ms;
        config.limits = limits;
        config.plaintext_passwords = plaintext_passwords;
    }

    /// Forgets what was counted of the kinds whose rates change.
    fn forget_counts(&mut self, new: &Limits) {
        let old = &self.config.limits;
        let of_users = changed(&old.user, &new.user);
        let of_addresses = changed(&old.address, &new.address);
        let of_rooms = changed(&old.room, &new.room);
        if !of_users.is_empty() {
            for buckets in self.users.values_mut().filter_map(|user| user.buckets.as_mut()) {
                buckets.fill(&of_users);
            }
        }
        if !of_addresses.is_empty() {
            self.networks.fill(&of_addresses);
        }
        if !of_rooms.is_empty() {
            for room in self.rooms.values_mut() {
                room.said.fill(&of_rooms);
            }
        }
    }
}

/// The kinds whose rates differ.
fn changed(old: &Rates, new: &Rates) -> Vec<Limited> {
    let differs = |kind: &Limited| -> bool {
        let (old, new): (Rate, Rate) = (old[*kind], new[*kind]);
        old != new
    };
    Limited::ALL.iter().copied().filter(differs).collect()
}

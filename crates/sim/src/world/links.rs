//! What happens on the links: packets, ends, and the moment when a side notices.

use super::{ServerStep, Step, World};
use crate::link;

impl World {
    pub(super) fn pump_soon(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let up = !link.up.is_empty() && !link.up_scheduled;
        let down = (!link.down.is_empty() || link.server_done) && !link.down_scheduled;
        link.up_scheduled |= up;
        link.down_scheduled |= down;
        let stall = link.stalled_until.saturating_sub(self.now);
        if up {
            self.after(0, 20, Step::PumpUp(id));
        }
        if down {
            self.after(stall, stall + 20, Step::PumpDown(id));
        }
    }

    pub(super) fn pump_up(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.up_scheduled = false;
        let bytes = link::packet(&mut link.up, &mut self.rng);
        if let (Some(server), Some(session)) = (&mut self.server, link.session) {
            server.receive(session, &bytes);
        }
        self.pump_soon(id);
        self.flush();
    }

    pub(super) fn pump_down(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.down_scheduled = false;
        if link.stalled_until > self.now {
            return self.pump_soon(id);
        }
        let who = link.client;
        let bytes = link::packet(&mut link.down, &mut self.rng);
        let is_over = link.server_done && link.down.is_empty();
        let now = self.clock().mono;
        match who.checked_sub(self.options.clients) {
            Some(index) => self.netcats[index].receive(&bytes, &mut self.ledger),
            None => {
                self.clients[who].receive(now, &bytes, &mut self.ledger);
                self.transmit(who);
            }
        }
        if is_over {
            self.links.remove(&id);
            self.link_of.remove(&who);
            self.disconnected(who);
        }
        self.flush();
        self.pump_soon(id);
    }

    /// What the server has for its links, as far as they take it.
    pub(super) fn flush(&mut self) {
        let Some(server) = &mut self.server else { return };
        for (session, id) in server.links() {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if server.flush(session, link) {
                link.server_done = true;
                link.session = None;
            }
        }
        let ids: Vec<u64> = self.links.keys().copied().collect();
        ids.into_iter().for_each(|id| self.pump_soon(id));
    }

    pub(super) fn drop_link_of(&mut self, who: usize) {
        let Some(id) = self.link_of.remove(&who) else { return };
        let Some(link) = self.links.remove(&id) else { return };
        if let Some(session) = link.session {
            // A broken connection may be noticed much later on the other side.
            let late = if self.rng.bool() { 0 } else { 3_000 };
            self.after(0, late, Step::Server(self.life, ServerStep::Noticed(session)));
        }
        self.disconnected(who);
    }
}

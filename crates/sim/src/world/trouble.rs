//! What goes wrong.

use super::{Step, World};

impl World {
    pub(super) fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let someone = self.rng.usize(0..self.options.clients + self.options.netcats);
        match self.rng.u8(0..12) {
            0 => self.crash(),
            1 => {
                self.disk.stop_after(self.rng.u64(0..30));
                self.dying = true;
            }
            2 => self.disk.fail_syncs(self.rng.u64(1..4)),
            3 => {
                self.disk.set_capacity(Some(self.disk.used_bytes() + self.rng.u64(0..20_000)));
                self.after(100, 3_000, Step::Heal);
            }
            4..=7 => self.drop_link_of(someone),
            8 => self.dies_unheard = true,
            _ => {
                let until = self.now + self.rng.u64(100..12_000);
                if let Some(link) = self.link_of.get(&someone).and_then(|id| self.links.get_mut(id))
                {
                    link.stalled_until = until;
                }
            }
        }
        self.after(200, 2_500, Step::Trouble);
    }
}

//! Where the planted bugs sit that change what passes through.

use super::Server;
use crate::Plant;
use hubbub_hub::{Command, Delivery};
use hubbub_protocol::record::Record;
use hubbub_protocol::{Body, Event, Text, UserId};
use hubbub_store::HistoryPage;
use std::sync::Arc;

impl Server {
    pub(super) fn tampered(&mut self, command: Command) -> Command {
        let Command::Send { address, body, counter, hold } = command else { return command };
        self.sends += 1;
        match self.plant {
            Some(Plant::IgnoreCounters) => Command::Send { address, body, counter: None, hold },
            Some(Plant::Misaddress) if self.sends.is_multiple_of(11) => {
                Command::Send { address: crate::client::address("lobby"), body, counter, hold }
            }
            _ => Command::Send { address, body, counter, hold },
        }
    }

    /// Exchanges the texts of two messages of a room that follow each other.
    pub(super) fn swapped(&mut self, delivery: Delivery) -> Delivery {
        let Delivery::Message { address, event } = &delivery else { return delivery };
        match self.held_back.take() {
            Some(Delivery::Message { event: before, .. })
                if before.room == event.room && before.seq.next() == event.seq =>
            {
                let event = Arc::new(Event { body: before.body.clone(), ..(**event).clone() });
                Delivery::Message { address: address.clone(), event }
            }
            _ => {
                self.held_back = Some(delivery.clone());
                delivery
            }
        }
    }

    pub(super) fn altered(&self, record: Record) -> Record {
        match record {
            Record::Event { event, send }
                if self.plant == Some(Plant::AlterHistory) && event.seq.0.is_multiple_of(17) =>
            {
                let text =
                    Text::parse(&format!("{} (altered)", event.body.words())).expect("short");
                let event = Arc::new(Event { body: Body::text(text), ..(*event).clone() });
                Record::Event { event, send }
            }
            Record::Event { event, send }
                if self.plant == Some(Plant::ForgeActs) && event.body.refers_to().is_none() =>
            {
                let mut event = Event::clone(&event);
                if event.body.said().is_none() {
                    event.from.id = UserId(1);
                }
                Record::Event { event: Arc::new(event), send }
            }
            record => record,
        }
    }

    /// Brings back what was deleted.
    pub(super) fn undeleted(&self, page: &mut HistoryPage) {
        if self.plant != Some(Plant::ReadDeleted) {
            return;
        }
        for event in &mut page.events {
            if matches!(event.body, Body::Deleted { .. }) {
                event.body = Body::text(Text::parse("a ghost").expect("short"));
            }
        }
    }
}

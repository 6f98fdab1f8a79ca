//! The work of the server's other threads, cut into steps: commits, passwords, reading.

use super::{Item, Server, Want};
use crate::Plant;
use hubbub_hub::{Input, PageRead, PasswordOutcome, PasswordWork, Ticket};
use hubbub_protocol::Password;
use hubbub_protocol::account::{Credential, CredentialKind, Credentials};
use hubbub_protocol::record::Record;
use hubbub_server::Outcome;
use hubbub_store::{Store, StoreError};
use std::sync::Arc;

impl Server {
    // ---- the committer

    /// Writes what has queued up, at most so many records: a batch may end anywhere. `Ok(None)`: there is nothing to write.
    pub(crate) fn commit(&mut self, most: usize) -> Result<Option<Ticket>, StoreError> {
        if self.records.is_empty() || !self.batch.is_empty() {
            return Ok(None);
        }
        let rest = self.records.split_off(most.clamp(1, self.records.len()));
        self.batch = std::mem::replace(&mut self.records, rest);
        match self.plant {
            Some(Plant::AckBeforeStore) => {}
            Some(Plant::LoseRecord) => {
                let lost = |record: &Record| matches!(record, Record::Event { event, .. } if event.seq.0.is_multiple_of(13));
                let kept: Vec<Record> = self.batch.iter().filter(|r| !lost(r)).cloned().collect();
                self.store.commit(&kept)?;
            }
            Some(Plant::ForgetAccounts | Plant::NoExpiry) => {
                let is_left_out = |record: &&Record| match self.plant {
                    Some(Plant::NoExpiry) => matches!(record, Record::Trim { .. }),
                    _ => matches!(record, Record::Account(_)),
                };
                let kept: Vec<Record> =
                    self.batch.iter().filter(|r| !is_left_out(r)).cloned().collect();
                self.store.commit(&kept)?;
            }
            _ => self.store.commit(&self.batch)?,
        }
        Ok(Some(Ticket(self.newest.0 - self.records.len() as u64)))
    }

    pub(crate) fn persisted(&mut self, upto: Ticket) {
        self.batch.clear();
        self.drive(Input::Persisted { upto });
        if !self.records.is_empty() {
            self.wants.push(Want::Commit);
        }
    }

    pub(crate) fn commit_failed(&mut self) {
        self.records.clear();
        self.drive(Input::CommitFailed);
    }

    pub(crate) fn recover(&mut self) -> Result<(), StoreError> {
        self.store.recover()?;
        let survivors = hubbub_server::survivors(&self.store, &self.batch)?;
        let epoch = self.store.raise_epoch()?;
        self.batch.clear();
        self.drive(Input::Recovered { epoch, survivors });
        if !self.records.is_empty() {
            self.wants.push(Want::Commit);
        }
        Ok(())
    }

    // ---- passwords

    /// Works on one password. What is kept is the password itself: nobody is after it here.
    pub(crate) fn work_on_password(&mut self) {
        let Some((session, work)) = self.passwords.pop_front() else { return };
        let kept = |password: &Password| -> Credentials {
            let data = password.expose().to_owned();
            Arc::new([Credential { kind: CredentialKind::Argon2id, data }])
        };
        let is_right =
            |known: &Credentials, given: &Password| known.iter().any(|k| k.data == given.expose());
        let outcome = match work {
            PasswordWork::Check { credentials, password } => PasswordOutcome::Checked(
                credentials.is_some_and(|known| is_right(&known, &password)),
            ),
            PasswordWork::Make { password } => PasswordOutcome::Made(kept(&password)),
            PasswordWork::Change { credentials, old, new } => {
                PasswordOutcome::Changed(is_right(&credentials, &old).then(|| kept(&new)))
            }
        };
        self.drive(Input::PasswordsDone { session, outcome });
    }

    // ---- the readers

    /// Reads one page that somebody waits for.
    pub(crate) fn read(&mut self) -> Result<(), StoreError> {
        let Some(job) = self.jobs.pop_front() else { return Ok(()) };
        let mut outcome = job.read(self.reader.as_mut())?;
        match (&mut outcome, &self.plant) {
            (Outcome::Input(Input::PageRead { after, page, .. }), Some(Plant::FalseReset))
                if after.seq.0.is_multiple_of(3) =>
            {
                *page = PageRead::Diverged;
            }
            (Outcome::Input(Input::SendsLoaded { sends, .. }), Some(Plant::ForgetWindow)) => {
                *sends = Some(Vec::new());
            }
            _ => {}
        }
        match outcome {
            Outcome::Input(input) => self.drive(input),
            Outcome::History { session, tag, address, page: Some(mut page) } => {
                self.undeleted(&mut page);
                self.give(session.lane(), Item::History { session, tag, address, page });
            }
            Outcome::Found { session, tag, found: Some(found) } => {
                self.give(session.lane(), Item::Found { session, tag, found });
            }
            // What can't be read is an error above.
            Outcome::History { page: None, .. } | Outcome::Found { found: None, .. } => {}
        }
        if !self.jobs.is_empty() {
            self.wants.push(Want::Read);
        }
        Ok(())
    }
}

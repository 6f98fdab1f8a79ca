//! Bugs that can be planted in the simulated surroundings, to show that the checkers see them.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The disk does not sync: a power cut takes acknowledged messages.
    NoSync,
    /// The committer says that a batch is durable without writing it.
    AckBeforeStore,
    /// A lane loses a delivery now and then.
    DropDelivery,
    /// A lane delivers twice now and then.
    DoubleDelivery,
    /// One lane delivers two messages of a room in exchanged places.
    SwapDelivery,
    /// A lane goes on delivering to who has left.
    DeliverAfterLeave,
    /// A delivery goes to another room's members too.
    CrossRooms,
    /// The window of a client instance is not read back after a restart. The store refuses a send
    /// that it has already, so the client never gets on.
    ForgetWindow,
    /// The numbers of the sends are thrown away.
    IgnoreCounters,
    /// A message goes to another room than it was sent to.
    Misaddress,
    /// A position is now and then said to be of another history.
    FalseReset,
    /// The committer leaves a message out of its batch now and then.
    LoseRecord,
    /// Private messages need nobody's consent.
    IgnoreConsent,
    /// The committer leaves accounts out of its batches.
    ForgetAccounts,
    /// The committer writes another name below acts.
    ForgeActs,
    /// What was deleted is read as if it were not.
    ReadDeleted,
    /// The committer leaves out what lets old messages go.
    NoExpiry,
    /// The outboxes have no caps.
    NoCaps,
    /// The store keeps another text than was delivered.
    AlterHistory,
}

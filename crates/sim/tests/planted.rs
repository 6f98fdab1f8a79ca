//! Each checker fails on a planted bug: a checker that can't fail is a defect.

use hubbub_sim::{Kind, Options, Plant, run};

/// Worlds that are tried until the bug shows.
const SEEDS: u64 = 40;

fn finds(plant: Plant, expected: &[Kind]) {
    let options = Options { plant: Some(plant), ..Options::default() };
    for seed in 1..=SEEDS {
        let violations = run(seed, &options).violations;
        if violations.iter().any(|violation| expected.contains(&violation.kind)) {
            return;
        }
    }
    panic!("{plant:?} was not found as {expected:?} in {SEEDS} worlds");
}

#[test]
fn a_disk_that_does_not_sync_loses_acknowledged_messages() {
    finds(Plant::NoSync, &[Kind::Lost]);
}

#[test]
fn acknowledging_before_storing_loses_messages() {
    finds(Plant::AckBeforeStore, &[Kind::Lost]);
}

#[test]
fn a_lost_delivery_is_a_gap() {
    finds(Plant::DropDelivery, &[Kind::Stream]);
}

#[test]
fn a_doubled_delivery_is_seen() {
    finds(Plant::DoubleDelivery, &[Kind::Stream]);
}

#[test]
fn plain_listeners_notice_a_doubled_delivery() {
    finds(Plant::DoubleDelivery, &[Kind::Plain]);
}

#[test]
fn an_exchanged_order_is_seen() {
    finds(Plant::SwapDelivery, &[Kind::Order]);
}

#[test]
fn deliveries_after_leaving_are_seen() {
    finds(Plant::DeliverAfterLeave, &[Kind::AfterLeaving]);
}

#[test]
fn messages_in_another_room_are_seen() {
    finds(Plant::CrossRooms, &[Kind::Stream]);
}

#[test]
fn a_forgotten_window_leaves_clients_stuck() {
    finds(Plant::ForgetWindow, &[Kind::Stuck]);
}

#[test]
fn repetitions_without_a_number_double_messages() {
    finds(Plant::IgnoreCounters, &[Kind::Doubled]);
}

#[test]
fn a_message_in_the_wrong_room_is_seen() {
    finds(Plant::Misaddress, &[Kind::Crossed]);
}

#[test]
fn a_reset_without_a_reason_is_seen() {
    finds(Plant::FalseReset, &[Kind::Reset]);
}

#[test]
fn a_record_left_out_is_a_hole_in_the_store() {
    finds(Plant::LoseRecord, &[Kind::Store]);
}

#[test]
fn private_texts_without_consent_are_seen() {
    finds(Plant::IgnoreConsent, &[Kind::Consent]);
}

#[test]
fn a_forgotten_account_is_seen() {
    finds(Plant::ForgetAccounts, &[Kind::Account]);
}

#[test]
fn acts_above_ones_role_are_seen() {
    finds(Plant::ForgeActs, &[Kind::Rank]);
}

#[test]
fn deleted_words_that_come_back_are_seen() {
    finds(Plant::ReadDeleted, &[Kind::Deleted]);
}

#[test]
fn messages_that_stay_too_long_are_seen() {
    finds(Plant::NoExpiry, &[Kind::Expiry]);
}

#[test]
fn outboxes_without_caps_are_seen() {
    finds(Plant::NoCaps, &[Kind::Cap]);
}

#[test]
fn a_history_that_differs_from_the_deliveries_is_seen() {
    finds(Plant::AlterHistory, &[Kind::History]);
}

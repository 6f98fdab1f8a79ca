//! How long to wait before trying again: doubling, with jitter, bounded.

/// The longest first wait, in milliseconds.
pub const FIRST_MS: u64 = 500;
/// The longest wait, in milliseconds.
pub const LONGEST_MS: u64 = 30_000;

/// The wait before another try after `failures` failed ones in a row, in milliseconds: between half
/// of the doubled time and all of it, as `random` decides. Without the jitter, all clients of a
/// server that restarts would come back in the same moment.
#[must_use]
pub fn delay_ms(failures: u32, random: u64) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = (FIRST_MS << doublings).min(LONGEST_MS);
    let half = whole / 2;
    half + random % (whole - half + 1)
}

/// Spreads a number over all 64 bits (the finaliser of SplitMix64): jitter for waits inside the
/// core, which has no randomness of its own.
pub(crate) fn spread(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_from_half_a_second_to_thirty() {
        for (failures, whole) in [(0, 500), (1, 500), (2, 1000), (3, 2000), (7, 30_000)] {
            for random in [0, 1, 17, u64::MAX] {
                let delay = delay_ms(failures, random);
                assert!((whole / 2..=whole).contains(&delay), "{failures}: {delay}");
            }
        }
        assert_eq!(delay_ms(u32::MAX, 15_000), 30_000);
    }
}

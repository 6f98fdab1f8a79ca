//! What the system gives: open files, the clock and the time zone.

use super::{Findings, Level, ask};
use crate::backup::now;
use crate::settings::Plan;
use crate::when;
use hubbub_protocol::WallMs;
use jiff::tz::TimeZone;

const FILES: &str = "open files";
const CLOCK: &str = "clock";
const ZONE: &str = "time zone";
/// Files that a server has open beside its connections, and then some.
#[cfg(unix)]
const SPARE_FILES: u64 = 128;
/// Fewer are soon used up by a room that comes back after a restart.
#[cfg(unix)]
const FILES_FEW: u64 = 4096;
/// This program was made later, in milliseconds since 1970: 2026-01-01.
const CLOCK_MIN: u64 = 1_767_225_600_000;
/// Nobody runs it any more: 2100-01-01.
const CLOCK_MAX: u64 = 4_102_444_800_000;
/// Clocks of a network differ by this much.
const CLOCK_SLACK_MS: u64 = 5 * 60 * 1000;

pub(super) fn check(plan: &Plan, newest: Option<WallMs>, findings: &mut Findings) {
    files(plan, findings);
    clock(now(), newest, findings);
    synchronised(findings);
    zone(findings);
}

#[cfg(unix)]
fn files(plan: &Plan, findings: &mut Findings) {
    use rustix::process::{Resource, getrlimit};
    // The server raises its own to what is allowed.
    let allowed = getrlimit(Resource::Nofile).maximum;
    judge_files(allowed, u64::from(plan.server.hub.limits.connections), findings);
}

#[cfg(unix)]
fn judge_files(allowed: Option<u64>, connections: u64, findings: &mut Findings) {
    let Some(allowed) = allowed else {
        return findings.add(FILES, Level::Ok, "as many as the server wants");
    };
    let text = format!("a process of this user may have {allowed}; each connection is one");
    let help = "raise it: LimitNOFILE= in the systemd unit, or ulimit -n";
    if connections.saturating_add(SPARE_FILES) > allowed {
        let text = format!("{text}, and limits.connections is {connections}");
        findings.advise(FILES, Level::Warning, text, help);
    } else if allowed < FILES_FEW {
        findings.advise(FILES, Level::Warning, text, help);
    } else {
        findings.add(FILES, Level::Ok, text);
    }
}

#[cfg(not(unix))]
fn files(_plan: &Plan, findings: &mut Findings) {
    findings.add(FILES, Level::Ok, "this system counts otherwise");
}

fn clock(now: WallMs, newest: Option<WallMs>, findings: &mut Findings) {
    let shown = when::local(now, &TimeZone::UTC, "%Y-%m-%d %H:%M:%S UTC");
    let help = "set it, and keep it right by NTP (timedatectl set-ntp true)";
    if !(CLOCK_MIN..CLOCK_MAX).contains(&now.0) {
        let text = format!("it says {shown}, which can't be");
        return findings.advise(CLOCK, Level::Problem, text, help);
    }
    match newest {
        Some(newest) if newest.0 > now.0.saturating_add(CLOCK_SLACK_MS) => {
            let then = when::local(newest, &TimeZone::UTC, "%Y-%m-%d %H:%M:%S UTC");
            let text = format!("it says {shown}, but the newest message is of {then}");
            findings.advise(CLOCK, Level::Warning, text, help);
        }
        _ => findings.add(CLOCK, Level::Ok, format!("it says {shown}")),
    }
}

fn synchronised(findings: &mut Findings) {
    let answer = ask("timedatectl", &["show", "-p", "NTPSynchronized", "--value"]);
    match answer.as_deref() {
        Some("yes") => findings.add(CLOCK, Level::Ok, "it is kept right by NTP"),
        Some("no") => {
            let text = "it is not kept right by NTP";
            findings.advise(CLOCK, Level::Warning, text, "timedatectl set-ntp true");
        }
        _ => {
            let text = "whether it is kept right by NTP can't be known here";
            findings.add(CLOCK, Level::Note, text);
        }
    }
}

fn zone(findings: &mut Findings) {
    let zone = TimeZone::system();
    if zone.is_unknown() {
        let text = "this system has none, so times are shown in UTC";
        return findings.add(ZONE, Level::Note, text);
    }
    let name = zone.iana_name().unwrap_or("one without a name");
    findings.add(ZONE, Level::Ok, format!("times are shown in {name}, and kept in UTC"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(found: impl FnOnce(&mut Findings)) -> Level {
        let mut findings = Findings::default();
        found(&mut findings);
        findings.0[0].level
    }

    #[test]
    fn a_clock_that_can_not_be_right_is_told_of() {
        let judge = |now, newest: Option<u64>| {
            of(|findings| clock(WallMs(now), newest.map(WallMs), findings))
        };
        let day = CLOCK_MIN + 86_400_000;
        assert_eq!(judge(day, None), Level::Ok);
        assert_eq!(judge(day, Some(day + 60_000)), Level::Ok);
        assert_eq!(judge(day, Some(day + 86_400_000)), Level::Warning);
        assert_eq!(judge(0, None), Level::Problem);
        assert_eq!(judge(u64::MAX, None), Level::Problem);
    }

    #[cfg(unix)]
    #[test]
    fn few_files_are_told_of() {
        let judge = |allowed, wanted| of(|findings| judge_files(allowed, wanted, findings));
        assert_eq!(judge(None, 1_000_000), Level::Ok);
        assert_eq!(judge(Some(1024), 0), Level::Warning);
        assert_eq!(judge(Some(65_536), 0), Level::Ok);
        assert_eq!(judge(Some(65_536), 65_500), Level::Warning);
    }
}

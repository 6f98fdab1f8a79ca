//! Somebody who runs the server and bans names while it is killed again and again: what was answered
//! counts after every start.

use crate::load::Shared;
use hubbub_server::admin::{AdminAnswer, AdminError, AdminRequest, ask};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Names, which are banned and let in again in turn.
const NAMES: u64 = 40;

/// What is known of a name: whether it was banned last, and answered; `None`: nobody knows.
pub(crate) type Known = BTreeMap<String, Option<bool>>;

/// Bans and lifts until the others are done.
pub(crate) fn operate(shared: &Shared, data: &Path, seed: u64) -> Known {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut known = Known::new();
    while !shared.finish.load(Ordering::SeqCst) {
        let name = format!("troll-{}", rng.u64(..NAMES));
        let is_banned = known.get(&name).copied().flatten().unwrap_or(false);
        let verb = if is_banned { "unban" } else { "ban" };
        let line = format!("{verb} {name}");
        match ask(data, &AdminRequest::Run { line }) {
            Ok(AdminAnswer::Ran { .. }) => drop(known.insert(name, Some(!is_banned))),
            Ok(other) => panic!("{other:?}"),
            // Cut off, or refused since the store waits: nobody knows.
            Err(AdminError::Broken { .. } | AdminError::Refused(_)) => {
                known.insert(name, None);
            }
            // It is not there at the moment, so nothing has happened.
            Err(AdminError::NotRunning { .. } | AdminError::NoDoor { .. }) => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(other) => panic!("{other}"),
        }
    }
    known
}

/// Whether all that was answered is so. Returns how many bans were.
pub(crate) fn check(data: &Path, known: &Known) -> usize {
    let answer = ask(data, &AdminRequest::Run { line: "bans".into() }).unwrap();
    let AdminAnswer::Ran { data: list, .. } = answer else { panic!("{answer:?}") };
    let banned: Vec<&str> = list["restrictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["pattern"].as_str().unwrap_or_else(|| panic!("{entry}")))
        .collect();
    for (name, is_banned) in known {
        if let Some(is_banned) = is_banned {
            let times = banned.iter().filter(|banned| *banned == name).count();
            assert_eq!(times, usize::from(*is_banned), "{name}: {banned:?}");
        }
    }
    banned.len()
}

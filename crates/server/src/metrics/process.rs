//! What the system says of this process. Only Linux is asked: elsewhere there is no cheap way, and the
//! figures are left out.

/// What one process takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) open_files: u64,
}

/// Of this one; `None`: the system doesn't say.
#[cfg(target_os = "linux")]
pub(crate) fn of_this() -> Option<Process> {
    use std::fs;
    let pages: u64 = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse().ok())?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks = ticks(&stat)?;
    // The one that reads the folder is open as well.
    let open_files = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64;
    Some(Process {
        resident_bytes: pages * rustix::param::page_size() as u64,
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        open_files,
    })
}

/// Of this one; `None`: the system doesn't say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn of_this() -> Option<Process> {
    None
}

/// The time in the process and in the system, from the 14th and 15th fields (proc_pid_stat(5)). The second
/// field is a name in brackets that may have spaces and brackets in it.
#[cfg(target_os = "linux")]
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read_as_well() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 500 0 0 0 12 30 0 0 20 0 1 0 100 1 1";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
        assert_eq!(ticks("7 (a) S 1 2"), None);
    }

    #[test]
    fn this_process_has_memory_and_files() {
        let process = of_this().unwrap();
        assert!(process.resident_bytes > 100_000 && process.open_files >= 3, "{process:?}");
    }
}

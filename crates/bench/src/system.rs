//! What the system says of a process (CPU time, memory), and where it runs. Linux: from `/proc`.

use crate::Result;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

const PAGE_BYTES: u64 = 4096;

/// CPU time that the threads of a process had so far, by thread name. Digits at the end of a name
/// are left out, so that `lane-0` and `lane-1` are one.
///
/// From the scheduler's own clock, in nanoseconds: `utime` and `stime` count in steps of 10 ms.
pub(crate) fn cpu_by_thread(pid: u32) -> Result<BTreeMap<String, Duration>> {
    let mut threads = BTreeMap::new();
    let tasks = format!("/proc/{pid}/task");
    let tasks = fs::read_dir(&tasks).map_err(|error| format!("can't read {tasks}: {error}"))?;
    for task in tasks {
        let task = task?.path();
        // A thread may have ended meanwhile.
        let Ok(name) = fs::read_to_string(task.join("comm")) else { continue };
        let Ok(stat) = fs::read_to_string(task.join("schedstat")) else { continue };
        let ran: u64 = stat.split(' ').next().unwrap_or_default().parse()?;
        let name = name.trim().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        *threads.entry(name.to_owned()).or_default() += Duration::from_nanos(ran);
    }
    Ok(threads)
}

/// CPU time of all threads of a process together.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    Ok(cpu_by_thread(pid)?.values().sum())
}

/// CPU time of all programs of this computer together, in steps of 10 ms. Other virtual computers that
/// took from ours count, too.
pub(crate) fn cpu_of_all() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("no CPU")?;
    let steps: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // user, nice, system, (idle, iowait,) irq, softirq, steal
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|at| steps.get(*at)).sum();
    Ok(Duration::from_millis(busy * 10))
}

/// Memory of a process that is in use, in bytes (RSS). The kernel's share is not in it.
pub(crate) fn memory_bytes(pid: u32) -> Result<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("statm has no second field")?.parse()?;
    Ok(pages * PAGE_BYTES)
}

/// A line of `/proc/PID/status` that counts in KiB, in bytes.
fn status_bytes(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: u64 =
        line.and_then(|rest| rest.split_whitespace().next()).ok_or("no such line")?.parse()?;
    Ok(kib * 1024)
}

/// The most memory that a process had in use at once since [`forget_peak`], in bytes.
pub(crate) fn memory_peak_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmHWM:")
}

/// Begins anew with [`memory_peak_bytes`]. Where it can't be done, the peak is that since the start.
pub(crate) fn forget_peak(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// Memory that the kernel holds for all TCP sockets of this network namespace, in bytes.
pub(crate) fn tcp_bytes() -> Result<u64> {
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    let line = sockets.lines().find_map(|line| line.strip_prefix("TCP: "));
    let line = line.ok_or("sockstat has no line for TCP")?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem");
    let pages: u64 = words.nth(1).ok_or("sockstat says nothing of TCP's memory")?.parse()?;
    Ok(pages * PAGE_BYTES)
}

/// Files that a process has open, sockets included.
pub(crate) fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Lets everything else go first, by so much, or goes first itself (below zero, which needs a privilege).
#[cfg(target_os = "linux")]
pub(crate) fn step_back(nice: i32) {
    // Without it the figures are worse, not wrong.
    let _ = rustix::process::nice(nice);
}

/// Not on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn step_back(_nice: i32) {}

/// Keeps the calling thread, and those that it starts from now on, on one core.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set)
        .map_err(|error| format!("can't stay on core {core}: {error}").into())
}

/// Not on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_core: usize) -> Result<()> {
    Err("keeping a process on one core works on Linux only".into())
}

/// Whether files there live in memory, so that nothing about durability can be measured.
#[cfg(target_os = "linux")]
pub(crate) fn is_in_memory(folder: &Path) -> bool {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    const RAMFS_MAGIC: i64 = 0x8584_58f6;
    rustix::fs::statfs(folder).is_ok_and(|stat| {
        // The field has another type on other processors.
        #[allow(clippy::unnecessary_cast)]
        let kind = stat.f_type as i64;
        kind == TMPFS_MAGIC || kind == RAMFS_MAGIC
    })
}

/// Unknown on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_in_memory(_folder: &Path) -> bool {
    false
}

/// A folder of its own for one run, in `parent` or the system's temporary folder.
pub(crate) fn data_folder(parent: Option<&Path>) -> Result<tempfile::TempDir> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    let mut builder = tempfile::Builder::new();
    let folder = builder
        .prefix("hubbub-bench-")
        .tempdir_in(&parent)
        .map_err(|error| format!("can't make a folder in {}: {error}", parent.display()))?;
    if is_in_memory(folder.path()) {
        return Err(format!(
            "{} is in memory, where nothing is durable: choose a folder on a disk with --data DIR",
            parent.display()
        )
        .into());
    }
    Ok(folder)
}

/// As many open files as the system lets us have.
pub(crate) fn raise_file_limit() {
    // If it fails, connecting says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

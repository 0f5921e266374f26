//! How much memory this process may still take: what the machine has free, its control group, its limits.

use rustix::process::{Resource, getrlimit};
use std::fs;
use std::path::{Path, PathBuf};

/// A bound on what may be taken, and who sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be taken.
    pub bytes: u64,
    /// For a person.
    pub by: &'static str,
}

/// Memory that may be filled: the least of what is available on the machine and in every control group around the process.
/// `None` where nothing says so.
pub fn memory() -> Option<Room> {
    let free = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| Some(kib(&text, "MemAvailable:")?.saturating_add(kib(&text, "SwapFree:").unwrap_or(0))));
    let free = free.map(|bytes| Room { bytes, by: "of this machine's memory and swap is available" });
    let group = groups().into_iter().filter_map(|group| of_group(&group)).min();
    let group = group.map(|bytes| Room { bytes, by: "is left in this process's control group (memory.max)" });
    free.into_iter().chain(group).min_by_key(|room| room.bytes)
}

/// Addresses that may be taken, maps of files included: what `ulimit -v` leaves. `None` without a limit.
pub fn addresses() -> Option<Room> {
    let limit = getrlimit(Resource::As).current?;
    let taken = fs::read_to_string("/proc/self/status").ok().and_then(|text| kib(&text, "VmSize:")).unwrap_or(0);
    Some(Room { bytes: limit.saturating_sub(taken), by: "is left of the limit on addresses (`ulimit -v`)" })
}

/// `MemAvailable:   123 kB` → bytes.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The process's group and those around it (version 2 of control groups).
fn groups() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let root = Path::new("/sys/fs/cgroup");
    root.join(own).ancestors().take_while(|p| p.starts_with(root)).map(Path::to_path_buf).collect()
}

/// What a group may still take; the page cache can be had back.
fn of_group(group: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let (most, taken) = (number("memory.max")?, number("memory.current")?);
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let of = |name: &str| stat.lines().find_map(|l| l.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap_or(0);
    // Files of memory (shmem) are counted with those of disks, and cannot be had back.
    let cached = (of("file ") + of("slab_reclaimable ")).saturating_sub(of("shmem "));
    Some(most.saturating_sub(taken.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "MemTotal:       24684000 kB\nMemAvailable:   22182000 kB\n";
        assert_eq!(kib(text, "MemAvailable:"), Some(22_182_000 * 1024));
        assert_eq!(kib(text, "MemFree:"), None);
        assert_eq!(kib("VmSize: \t  12 kB", "VmSize:"), Some(12 << 10));
        assert_eq!(kib("VmSize: many kB", "VmSize:"), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(memory().is_some_and(|room| room.bytes > 1 << 20));
    }
}

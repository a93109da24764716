//! A machine as its files show it, read below a folder: `/`, or a made-up one. It does not know what is good or bad.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::formula::Quantities;

/// Longest file that is read, in bytes. /proc/interrupts of hundreds of cores is the longest that is of use.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files that one pattern may name; what comes after is passed over.
const MATCHES_MAX: usize = 65_536;
/// CAP_SYS_RESOURCE: raising hard limits.
const SYS_RESOURCE: u32 = 24;
/// CAP_IPC_LOCK: locking memory without a limit.
const IPC_LOCK: u32 = 14;

/// A machine.
pub struct Machine {
    root: PathBuf,
    /// Where each file system hangs, its type, and whether it is read-only; in the order of mounting.
    mounts: Vec<Mount>,
}

struct Mount {
    point: PathBuf,
    kind: String,
    read_only: bool,
}

impl Machine {
    /// The machine below this folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let mut machine = Self { root: root.to_path_buf(), mounts: Vec::new() };
        let mounts = machine.read("proc/self/mounts").unwrap_or_default();
        machine.mounts = mounts.lines().filter_map(mount).collect();
        machine
    }

    /// What a file says, without the line break at its end.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let mut text = Vec::new();
        File::open(self.root.join(path)).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).trim_end().to_owned())
    }

    /// The numbers that a file says.
    pub(super) fn numbers(&self, path: &str) -> Option<Vec<u64>> {
        self.read(path)?.split_whitespace().map(|number| number.parse().ok()).collect()
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The paths that fit a pattern with at most one `*` in each of its parts, by name, numbers by size.
    pub(super) fn matches(&self, pattern: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        for part in pattern.split('/') {
            found = found.into_iter().flat_map(|folder| self.extended(&folder, part)).take(MATCHES_MAX).collect();
        }
        found.retain(|path| self.exists(path));
        found
    }

    fn extended(&self, folder: &str, part: &str) -> Vec<String> {
        let joined = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Some((before, after)) = part.split_once('*') else { return vec![joined(part)] };
        let mut names: Vec<String> = fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.len() >= part.len() - 1 && name.starts_with(before) && name.ends_with(after))
            .take(MATCHES_MAX)
            .collect();
        names.sort_by_cached_key(|name| (last_number(name), name.clone()));
        names.iter().map(|name| joined(name)).collect()
    }

    /// Whether a file lies on a file system that takes no writes, as /proc/sys does in most containers.
    pub(super) fn is_read_only(&self, path: &str) -> bool {
        self.mount_of(&Path::new("/").join(path)).is_some_and(|mount| mount.read_only)
    }

    /// The type of the file system that a folder is on, or would be once it is made.
    pub(super) fn file_system(&self, folder: &Path) -> Option<&str> {
        let folder = std::path::absolute(folder).ok()?;
        // What is not there yet will be where its parent is. Symbolic links lead where the mounts know no way.
        let there = folder.ancestors().find_map(|folder| folder.canonicalize().ok()).unwrap_or(folder);
        self.mount_of(&there).map(|mount| mount.kind.as_str())
    }

    fn mount_of(&self, path: &Path) -> Option<&Mount> {
        // The last of the longest: a later mount covers an earlier one.
        let over = self.mounts.iter().filter(|mount| path.starts_with(&mount.point));
        over.max_by_key(|mount| mount.point.components().count())
    }

    pub(super) fn quantities(&self, connections: u64) -> Quantities {
        Quantities { connections, cores: self.cores().len().max(1) as u64, ram_bytes: self.memory_bytes().unwrap_or(0) }
    }

    /// The cores that this process may use.
    pub(super) fn cores(&self) -> Vec<usize> {
        self.status("Cpus_allowed_list").map(|list| ranges(&list)).unwrap_or_default()
    }

    /// Memory of the machine, or what the control group leaves of it.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let total = self.meminfo_bytes("MemTotal")?;
        Some(self.group_bytes().map_or(total, |group| group.min(total)))
    }

    /// The smallest limit of this process's control group and of those above it.
    fn group_bytes(&self) -> Option<u64> {
        let groups = self.read("proc/self/cgroup").unwrap_or_default();
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        let limits = Path::new(own).ancestors().filter(|group| !group.starts_with("..")).filter_map(|group| {
            let bytes = self.read(&format!("sys/fs/cgroup/{}/memory.max", group.display()))?;
            bytes.parse::<u64>().ok()
        });
        let older = self.numbers("sys/fs/cgroup/memory/memory.limit_in_bytes").and_then(|bytes| bytes.first().copied());
        limits.chain(older).min()
    }

    pub(super) fn swap_bytes(&self) -> u64 {
        self.meminfo_bytes("SwapTotal").unwrap_or(0)
    }

    fn meminfo_bytes(&self, name: &str) -> Option<u64> {
        let meminfo = self.read("proc/meminfo")?;
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    }

    pub(super) fn nodes(&self) -> usize {
        self.matches("sys/devices/system/node/node*").len()
    }

    /// Network interfaces with hardware behind them.
    pub(super) fn interfaces(&self) -> Vec<String> {
        let devices = self.matches("sys/class/net/*/device");
        devices.iter().filter_map(|path| Some(path.split('/').nth(3)?.to_owned())).collect()
    }

    /// Whether this process may raise its own hard limits.
    pub(super) fn may_raise_limits(&self) -> bool {
        self.may(SYS_RESOURCE)
    }

    /// Whether the limit of locked memory does not hold for this process.
    pub(super) fn may_lock_memory(&self) -> bool {
        self.may(IPC_LOCK)
    }

    fn may(&self, capability: u32) -> bool {
        let capabilities = self.status("CapEff").and_then(|bits| u64::from_str_radix(&bits, 16).ok());
        capabilities.is_some_and(|bits| bits >> capability & 1 == 1)
    }

    /// A hard limit of the process, as the kernel names it: `open files`.
    pub(super) fn limit(&self, name: &str) -> Option<u64> {
        let limits = self.read("proc/self/limits")?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max ")?.strip_prefix(name))?;
        match line.split_whitespace().nth(1)? {
            "unlimited" => Some(u64::MAX),
            number => number.parse().ok(),
        }
    }

    /// The kernel's version, as far as it decides what there is.
    pub(super) fn kernel(&self) -> Option<(u64, u64)> {
        let release = self.read("proc/sys/kernel/osrelease")?;
        version(&release)
    }

    fn status(&self, name: &str) -> Option<String> {
        let status = self.read("proc/self/status")?;
        Some(status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.trim().to_owned())
    }
}

/// A major and a minor number at the beginning of a text.
pub(super) fn version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn mount(line: &str) -> Option<Mount> {
    let mut words = line.split(' ').skip(1);
    let (point, kind, options) = (words.next()?, words.next()?, words.next()?);
    Some(Mount {
        point: PathBuf::from(OsString::from(point.replace("\\040", " "))),
        kind: kind.to_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
    })
}

/// `0-3,7` as numbers.
fn ranges(list: &str) -> Vec<usize> {
    // As many as the kernel can be built for.
    const CORES_MAX: usize = 8192;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse::<usize>().ok()?.min(CORES_MAX))
    };
    list.split(',').filter_map(range).flatten().take(CORES_MAX).collect()
}

/// The number in a name, so that rx-10 comes after rx-9.
fn last_number(name: &str) -> u64 {
    let digits = name.trim_end_matches(|c: char| !c.is_ascii_digit());
    let start = digits.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    digits[start..].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read_whatever_they_say() {
        assert_eq!(ranges("0-3,7"), [0, 1, 2, 3, 7]);
        assert!(ranges("x,5-").is_empty());
        assert!(ranges("0-18446744073709551615,0-18446744073709551615").len() <= 8192);
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        assert_eq!(
            (last_number("rx-10"), last_number("policy3"), last_number("eth0"), last_number("x")),
            (10, 3, 0, 0)
        );
        assert_eq!(version("6.18.44-fc"), Some((6, 18)));
        assert_eq!(version("six"), None);
    }
}
